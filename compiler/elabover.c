/* Arguments of an application that change what the names of its cell mean:
 * a start (h[0] = e), what is read as the step before (h[t-1] = e), what a
 * name becomes (h = e), a tied parameter (W = E); and the same for every name
 * of a kind, in all cells inside: state[t-1] = e, output = e, param = e.
 * Bound where an application is made, asked for where a name is read. */
#include <string.h>

#include "elab.h"

/* The cell that the application wraps innermost has the first word; what a
 * wrapper further out says lies nearer to what is stored. */

static bool is_output(const Name *n)
{
    Ast *out = first_output(n->scope->app);
    return out && out->kind == A_NAME && out->name == n->name;
}

/* Does an expression read, at another step, a name of a cell that `at`
 * applies, directly or through the inputs of the cell it stands in? */
static bool reads_before(Elab *e, Scope *s, Ast *a, const App *at)
{
    int offset = 0;
    if (a->kind == A_INDEX && a->kid->kind == A_NAME &&
        step_of(e, s, a->kid->next, &offset)) {
        Name *n = scope_lookup(e, s, a->kid->name);
        const App *app = n && n->kind == N_EQN ? n->scope->app : NULL;
        while (app && app != at)
            app = app->outer;
        return app != NULL;
    }
    if (a->kind == A_NAME) {
        Name *n = scope_find(s, a->name);
        return n && n->kind == N_ARG && n->decl && n->rhs && s->app != at &&
               reads_before(e, n->from, n->rhs, at);
    }
    for (Ast *k = a->kid; k; k = k->next)
        if (reads_before(e, s, k, at))
            return true;
    return false;
}

static bool names(const Ast *a, const Name *n)
{
    while (a->kind == A_UNARY && a->op == '\'')
        a = a->kid;
    return a->kind == A_NAME && a->name == n->name;
}

/* Is there a product of the parameter with what an earlier step left? */
static bool multiplies_state(Elab *e, const Name *n, Ast *a, const App *at)
{
    if (a->kind == A_BINARY && a->op == '@') {
        Ast *x = a->kid, *y = a->kid->next;
        if ((names(x, n) && reads_before(e, n->scope, y, at)) ||
            (names(y, n) && reads_before(e, n->scope, x, at)))
            return true;
    }
    for (Ast *k = a->kid; k; k = k->next)
        if (multiplies_state(e, n, k, at))
            return true;
    return false;
}

static bool is_matrix(const Name *n)
{
    Ast *subs = n->decl ? ast_find(n->decl, A_SUBS) : NULL;
    return n->kind == N_PARAM && subs && ast_count(subs) >= 2;
}

/* Its name as seen from `at`: c, or fwd.c deeper inside. */
static bool is_path(const App *at, const Name *n, const char *path)
{
    size_t skip = strlen(at->scope->prefix);
    return !strcmp(n->full + skip + (skip > 0), path);
}

static bool fits(Elab *e, const Over *o, const App *at, const Name *n,
                 OverKind kind, int offset)
{
    bool same = o->kind == kind && (kind == OVER_VALUE || o->offset == offset);
    switch (o->word) {
    case WORD_NAME:
        return same && is_path(at, n, o->name);
    case WORD_OUTPUT:
        return same && n->kind == N_EQN && n->recurrent && is_output(n);
    case WORD_STATE:
        return same && n->kind == N_EQN && n->recurrent;
    case WORD_PARAM:
        return kind == OVER_VALUE && is_matrix(n) &&
               (o->kind == OVER_VALUE ||
                multiplies_state(
                    e, n, ast_find(n->scope->app->layer->cell, A_BODY), at));
    }
    return false;
}

Over *over_find(Elab *e, App *from, const Name *n, OverKind kind, int offset,
                App **at)
{
    for (App *a = from; a; a = a->outer) {
        Over *best = NULL;
        for (int i = 0; i < a->over.n; i++) {
            Over *o = &a->over.v[i];
            bool narrower = !best || o->word < best->word ||
                            (o->word == best->word && o->kind != OVER_VALUE);
            if (narrower && fits(e, o, a, n, kind, offset))
                best = o;
        }
        if (best) {
            best->used = true;
            *at = a;
            return best;
        }
    }
    return NULL;
}

bool over_next(Elab *e, const Name *n)
{
    App *at;
    return n->kind == N_EQN && n->scope->app &&
           over_find(e, n->scope->app, n, OVER_VALUE, 0, &at);
}

/* Where `e` of an argument is read for name n: in the caller's names, and
 * `state`, `output` or `param` is n itself.  What is applied in there belongs
 * to n when the argument speaks of many names. */
static StandIn *stand_in(Elab *e, const Over *o, App *at, Name *n)
{
    static const char *const word[] = {[WORD_OUTPUT] = "output",
                                       [WORD_STATE] = "state",
                                       [WORD_PARAM] = "param"};
    for (int i = 0; i < n->stand.n; i++)
        if (n->stand.v[i].at == at && n->stand.v[i].e == o->e)
            return &n->stand.v[i];
    bool many = o->word != WORD_NAME;
    StandIn in = {at, o->e,
                  scope_new(e, o->scope, many ? n->full : o->scope->prefix),
                  NULL};
    in.scope->app = o->scope->app;
    in.scope->reversed = o->scope->reversed;
    in.scope->where = o->scope->where;
    in.scope->weights =
        many ? full_name(e, n->scope->weights, n->name) : o->scope->weights;
    const char *own = many                 ? word[o->word]
                      : n->kind == N_PARAM ? word[WORD_PARAM]
                                           : word[WORD_STATE];
    own = intern_str(e->intern, own);
    scope_bind(e, in.scope, own, val_none(), o->span);
    in.it = scope_find(in.scope, own);
    in.it->stands = n;
    in.it->beyond = at;
    vec_push(e->arena, &n->stand, in);
    return &n->stand.v[n->stand.n - 1];
}

Scope *over_scope(Elab *e, const Over *o, App *at, Name *n)
{
    Scope *s = stand_in(e, o, at, n)->scope;
    s->axis = o->scope->axis;
    return s;
}

/* The value of the argument for n; `it` is what the cell computed. */
Val over_value(Elab *e, const Over *o, App *at, Name *n, const Val *it)
{
    Scope *s = over_scope(e, o, at, n);
    stand_in(e, o, at, n)->it->val = it ? *it : val_none();
    return expr(e, s, o->e);
}

/* What a name becomes when wrappers have had their say. */
Val over_become(Elab *e, Name *n, Val v)
{
    App *at = n->scope->app;
    for (App *from = at; v.kind == V_TENSOR && from; from = at->outer) {
        Over *o = over_find(e, from, n, OVER_VALUE, 0, &at);
        if (!o)
            break;
        Val w = over_value(e, o, at, n, &v);
        if (w.kind != V_TENSOR || w.rank == RANK_UNKNOWN) {
            if (e->building)
                return val_none();
            v.axes |= w.kind == V_TENSOR ? w.axes : 0;
            continue;
        }
        bool same = w.rank == v.rank || v.rank == RANK_UNKNOWN;
        for (int i = 0; same && v.rank > 0 && i < v.rank; i++)
            same = same_dim(e, w.dim[i], v.dim[i]);
        if (!same && e->building) {
            diag(e->diags, E_BECOMES, o->span, n->name, val_text(e, &v),
                 val_text(e, &w));
            return val_none();
        }
        w.axes |= v.axes;
        v = same ? w : v;
    }
    return v;
}

bool over_starts(Elab *e, const Over *o, const App *at, const Name *n)
{
    return o->kind == OVER_START && fits(e, o, at, n, OVER_START, o->offset);
}

/* For the types of starts and the cells in them. */
void over_type_starts(Elab *e, Name *n)
{
    for (App *a = n->scope->app; a; a = a->outer)
        for (int i = 0; i < a->over.n; i++) {
            Over *o = &a->over.v[i];
            if (!over_starts(e, o, a, n))
                continue;
            o->used = true;
            over_value(e, o, a, n, NULL);
        }
}

static bool tells_word(const char *name, OverWord *word)
{
    static const struct {
        const char *name;
        OverWord word;
    } known[] = {
        {"state", WORD_STATE}, {"output", WORD_OUTPUT}, {"param", WORD_PARAM}};
    *word = WORD_NAME;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, name))
            *word = known[i].word;
    return *word != WORD_NAME;
}

/* May the name n of the cell, perhaps NULL, be given like this? */
static bool may_be_given(Elab *e, const App *app, const Ast *k, const Over *o,
                         const Name *n)
{
    const Ast *cell = app->layer->cell;
    if (n && n->kind == N_ARG && o->kind == OVER_VALUE) {
        if (e->building) {
            diag(e->diags, E_NOT_BEHIND, k->name_span, n->name,
                 n->decl ? "an input" : "an argument", cell->name);
            diag_help(e->diags,
                      n->decl ? "inputs stand in the order of their lines: "
                                "%s(...)(%s)"
                              : "arguments stand in the first parentheses: "
                                "%s(%s = ...)",
                      cell->name, n->name);
        }
        return false;
    }
    bool known = n && (n->kind == N_EQN || n->kind == N_PARAM ||
                       (n->kind == N_ARG && n->decl));
    if (!known && e->building) {
        diag(e->diags, E_NO_MEMBER, k->name_span, k->name);
        diag_note(e->diags, cell->name_span, "%s is defined here", cell->name);
    }
    return known;
}

bool over_bind(Elab *e, App *app, Scope *caller, Ast *k)
{
    Ast *subs = ast_find(k, A_SUBS);
    Over o;
    memset(&o, 0, sizeof o);
    o.name = k->name;
    o.scope = caller;
    o.e = subs ? subs->next : k->kid;
    o.span = k->span;
    o.kind = OVER_VALUE;
    Edge edge = {0};
    bool many = tells_word(k->name, &o.word);
    if (subs) {
        bool start = edge_of(e, app->scope, subs, &edge);
        bool step = !start && step_of(e, app->scope, subs, &o.offset);
        o.kind = start ? OVER_START : OVER_STEP;
        o.end = edge.end;
        o.offset = start ? edge.at : o.offset;
        if ((!start && !step) ||
            (o.word == WORD_PARAM && (start || o.offset != -1))) {
            if (e->building)
                diag(e->diags, E_OVERRIDE, k->span);
            return false;
        }
    }
    Name *n = scope_find(app->scope, k->name);
    if (!many && !strchr(k->name, '.') && !may_be_given(e, app, k, &o, n))
        return false;
    if (n && n->kind == N_ARG && o.kind == OVER_START) {
        edge.e = o.e;
        edge.scope = caller;
        edge.span = o.span;
        vec_push(e->arena, &n->edge, edge);
        return true;
    }
    vec_push(e->arena, &app->over, o);
    return true;
}

/* An argument that nothing in the cell answers to; of several that speak of
 * names of a kind, one is enough. */
void over_check(Elab *e)
{
    for (int i = 0; i < e->scope.n; i++) {
        App *app = e->scope.v[i]->app;
        if (!app || app->scope != e->scope.v[i])
            continue;
        bool many = false;
        for (int k = 0; k < app->over.n; k++)
            many |= app->over.v[k].word != WORD_NAME && app->over.v[k].used;
        for (int k = 0; k < app->over.n; k++) {
            const Over *o = &app->over.v[k];
            if (!o->used && !(many && o->word != WORD_NAME))
                diag(e->diags, W_CHANGES_NOTHING, o->span,
                     app->layer->cell->name);
        }
    }
}
