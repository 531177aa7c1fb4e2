/* Scopes, names and rounds of the elaboration: collects what a body defines,
 * finds types in dry rounds, then builds every equation.  Front door is
 * elaborate(), called by cellc.c between parser and passes. */
#include "elab.h"

#include <string.h>

#define MAX_ROUNDS 1000 /* each round types at least one name */

const char *full_name(Elab *e, const char *prefix, const char *name)
{
    const char *s =
        *prefix ? arena_printf(e->arena, "%s.%s", prefix, name) : name;
    return intern_str(e->intern, s);
}

Scope *scope_new(Elab *e, Scope *up, const char *prefix)
{
    Scope *s = NEW(e->arena, Scope);
    s->up = up;
    s->prefix = s->weights = prefix;
    s->axis = -1;
    vec_push(e->arena, &e->scope, s);
    return s;
}

Name *scope_find(Scope *s, const char *name)
{
    Name *n = NULL;
    HASH_FIND(hh, s->names, &name, sizeof name, n);
    return n;
}

/* A cell's body sees its own names, then options, functions and cells of its
 * file, then the library: never another scope's values. */
Name *scope_lookup(Elab *e, Scope *s, const char *name)
{
    Name *n = scope_find(s, name);
    for (Scope *up = s->up; !n && up; up = up->up) {
        n = scope_find(up, name);
        if (n && s->app && n->scope == e->top && n->kind != N_OPTION &&
            n->kind != N_CONST && n->kind != N_FN && n->kind != N_CELL)
            n = NULL;
    }
    return n;
}

static Name *name_new(Elab *e, Scope *s, NameKind kind, const char *name,
                      Span at)
{
    Name *n = NEW(e->arena, Name);
    n->name = name;
    n->full = full_name(e, s->prefix, name);
    n->kind = kind;
    n->scope = s;
    n->span = at;
    n->part = -1;
    n->slot = n->im_slot = n->axis = -1;
    n->val = val_unknown(0);
    return n;
}

Name *scope_add(Elab *e, Scope *s, NameKind kind, const char *name, Span at)
{
    Name *old = scope_find(s, name);
    if (old) {
        if (e->building || s == e->top || s == e->lib) {
            diag(e->diags, E_DEFINED_TWICE, at, name);
            diag_note(e->diags, old->span, "first defined here");
        }
        return old;
    }
    Name *n = name_new(e, s, kind, name, at);
    HASH_ADD(hh, s->names, name, sizeof n->name, n);
    vec_push(e->arena, &s->order, n);
    return n;
}

void scope_bind(Elab *e, Scope *s, const char *name, Val v, Span at)
{
    Name *n = NEW(e->arena, Name);
    n->name = n->full = name;
    n->kind = N_ARG;
    n->scope = s;
    n->span = v.name ? v.name->span : at;
    n->part = -1;
    n->slot = n->im_slot = n->axis = -1;
    n->val = v;
    n->typed = true;
    n->state = 2;
    HASH_ADD(hh, s->names, name, sizeof n->name, n);
}

static void collect_dims(Elab *e, Scope *s, Ast *subs, bool skip_axis)
{
    for (Ast *k = subs ? subs->kid : NULL; k; k = k->next) {
        if (k->kind != A_NAME || scope_lookup(e, s, k->name))
            continue;
        if (!strcmp(k->name, "..."))
            continue;
        if (skip_axis) {
            bool axis = false;
            for (int i = 0; i < e->axis.n; i++)
                axis |= !strcmp(e->axis.v[i].name, k->name);
            if (axis)
                continue;
        }
        Name *n = scope_add(e, s, N_DIM, k->name, k->span);
        Sym *sym = NEW(e->arena, Sym);
        sym->name = k->name;
        sym->span = k->span;
        sym->value = -1;
        sym->local = s != e->top;
        sym->stand_in = 1009 + 2 * e->open.n;
        for (int i = 0; s == e->top && i < e->set->ndim; i++)
            if (!strcmp(e->set->dim[i].name, k->name))
                sym->value = e->set->dim[i].size;
        vec_push(e->arena, &e->open, sym);
        n->val = val_size(e, dim_sym(e->arena, sym));
        n->typed = true;
    }
}

/* `W{i,f}[n,m]`: one name per brace, else the one. */
static void collect_decl(Elab *e, Scope *s, Ast *stmt, Ast *d, NameKind kind)
{
    Ast *braces = ast_find(d, A_BRACES), *subs = ast_find(d, A_SUBS);
    bool model = s == e->top;
    collect_dims(e, s, subs, model && kind != N_PARAM);
    Ast *in = ast_find(d, A_IN);
    if (in && kind == N_INPUT && !in->kid->next && in->kid->kind == A_NAME &&
        !declared_complex(d) && !scope_lookup(e, s, in->kid->name)) {
        Ast one = *in;
        collect_dims(e, s, &one, false);
    }
    Ast *b = braces ? braces->kid : d;
    for (; b; b = braces ? b->next : NULL) {
        const char *name = d->name;
        if (braces)
            name = intern_str(e->intern,
                              arena_printf(e->arena, "%s%s", d->name, b->name));
        Name *n = scope_add(e, s, kind, name, braces ? b->span : d->name_span);
        n->decl = d;
        n->stmt = stmt;
    }
}

static void edge_of_nothing(Elab *e, const Ast *v)
{
    diag(e->diags, E_EDGE_OF_NOTHING, v->span, v->kid->name);
    diag_help(e->diags,
              "the state of a cell gets its start behind the inputs: "
              "lstm(64)(x, %s[0] = ...)",
              v->kid->name);
}

static void collect_equation(Elab *e, Scope *s, Ast *stmt)
{
    Ast *lhs = stmt->kid, *rhs = lhs->next;
    int part = 0;
    for (Ast *v = lhs->kid; v; v = v->next, part++) {
        Edge edge = {0};
        Ast *name = v->kind == A_INDEX ? v->kid : v;
        if (v->kind == A_INDEX && v->kid->kind == A_NAME &&
            edge_of(e, s, v->kid->next, &edge)) {
            edge.e = rhs;
            edge.scope = s;
            edge.span = v->span;
            Name *n = scope_find(s, name->name);
            if (n && (n->kind == N_EQN || n->kind == N_INPUT))
                vec_push(e->arena, &n->edge, edge);
            else if (e->building || s == e->top)
                edge_of_nothing(e, v);
            continue;
        }
        if (v->kind == A_INDEX && /* wrong, see elabtext.c; yet a name */
            (name->kind != A_NAME || scope_find(s, name->name)))
            continue;
        Name *n = scope_add(e, s, N_EQN, name->name, name->span);
        if (n->kind == N_INPUT && rhs->kind == A_CALL &&
            rhs->kid->kind == A_NAME)
            hint_drawn(e, s, name->name, rhs->kid->name);
        if (n->kind != N_EQN || n->rhs)
            continue;
        n->stmt = stmt;
        n->rhs = rhs;
        n->part = lhs->kid->next ? part : -1;
    }
}

static void collect_sets(Elab *e, Scope *s, Ast *stmt, NameKind kind)
{
    for (Ast *k = stmt->kid; k; k = k->next) {
        Name *n = scope_add(e, s, kind, k->name, k->name_span);
        Ast *subs = ast_find(k, A_SUBS);
        n->stmt = stmt;
        n->decl = k;
        n->rhs = subs ? subs->next : k->kid;
        n->from = s;
        for (int i = 0; s == e->top && i < e->set->noption; i++)
            if (kind == N_OPTION && !strcmp(e->set->option[i].name, k->name))
                n->rhs = e->set->option[i].e;
    }
}

/* `state h[n] = e` declares what the equations define anyway; its value is
 * that of h[0] = e. */
static void collect_state(Elab *e, Scope *s, Ast *a)
{
    Ast *init = ast_find(a, A_INIT);
    for (Ast *d = a->kid; d && d->kind == A_DECL; d = d->next) {
        Name *n = scope_find(s, d->name);
        if (!n || n->kind != N_EQN) {
            if (s == e->top || e->building)
                diag(e->diags, E_STATE, d->name_span, d->name);
            continue;
        }
        n->state_decl = d;
        if (!init)
            continue;
        Edge edge = {false, 0, init->kid, s, init->span};
        vec_push(e->arena, &n->edge, edge);
    }
}

/* What the grammar lets through and may not stand there. */
static bool misplaced(Elab *e, Scope *s, Ast *a)
{
    if (a->kind == A_LANGUAGE && a->num != 1) {
        diag(e->diags, E_LANGUAGE, a->span, a->num);
        return true;
    }
    if (a->kind != A_OPTION || s == e->top || s == e->lib)
        return false;
    diag(e->diags, E_NESTED, a->span, "option");
    diag_help(e->diags, "make it an argument of the cell, with a default");
    return true;
}

static void collect_statement(Elab *e, Scope *s, Ast *a)
{
    if (misplaced(e, s, a))
        return;
    static const NameKind kind[] = {
        [A_INPUT] = N_INPUT, [A_PARAM] = N_PARAM, [A_NOISE] = N_NOISE};
    switch (a->kind) {
    case A_OPTION:
        collect_sets(e, s, a, N_OPTION);
        break;
    case A_CONST:
        collect_sets(e, s, a, N_CONST);
        break;
    case A_FN:
    case A_CELL: {
        Name *old = s == e->top ? scope_find(e->lib, a->name) : NULL;
        Name *n = scope_add(e, s, a->kind == A_FN ? N_FN : N_CELL, a->name,
                            a->name_span);
        if (old && !e->set->probe)
            diag(e->diags, W_SHADOWS, a->name_span, a->name);
        n->decl = n->stmt = a;
        break;
    }
    case A_INPUT:
    case A_PARAM:
    case A_NOISE:
        for (Ast *d = a->kid; d && d->kind == A_DECL; d = d->next)
            collect_decl(e, s, a, d, kind[a->kind]);
        break;
    case A_LOSS:
    case A_METRIC:
    case A_DRAW:
        if (s != e->top)
            vec_push(e->arena, &s->terms, a);
        break;
    case A_EXTERN:
        diag(e->diags, E_UNSUPPORTED, a->span, "extern fn");
        break;
    default:
        break;
    }
}

/* Declarations first, so that equations may stand in any order. */
void scope_collect(Elab *e, Scope *s, Ast *first)
{
    for (Ast *a = first; a; a = a->next)
        if (a->kind == A_TIME)
            axes_collect(e, a);
    for (Ast *a = first; a; a = a->next)
        if (a->kind == A_OPTION || a->kind == A_CONST)
            collect_statement(e, s, a);
    for (Ast *a = first; a; a = a->next)
        if (a->kind != A_OPTION && a->kind != A_CONST)
            collect_statement(e, s, a);
    for (Ast *a = first; a; a = a->next) {
        if (a->kind != A_EQ)
            continue;
        bool edge = a->kid->kid && a->kid->kid->kind == A_INDEX;
        if (!edge)
            collect_equation(e, s, a);
    }
    for (Ast *a = first; a; a = a->next)
        if (a->kind == A_EQ && a->kid->kid && a->kid->kid->kind == A_INDEX)
            collect_equation(e, s, a);
    for (Ast *a = first; a; a = a->next)
        if (a->kind == A_STATE)
            collect_state(e, s, a);
    for (Ast *a = first; a; a = a->next) {
        Name *n = a->kind == A_DRAW && a->kid->kid->kind == A_NAME
                      ? scope_find(s, a->kid->kid->name)
                      : NULL;
        if (n)
            n->drawn = true;
    }
}

/* The cycle, from the name where it closes back to itself; the read that is
 * blamed is one whose target is read at earlier steps elsewhere. */
static void report_cycle(Elab *e, Name *n, Span at)
{
    int from = e->chain.n - 1;
    while (from > 0 && e->chain.v[from] != n)
        from--;
    int len = e->chain.n - from, blame = 0;
    for (int i = 0; i < len; i++)
        if (e->chain.v[from + i]->lagged) {
            blame = i;
            break;
        }
    Name *who = e->chain.v[from + blame];
    Buf b;
    buf_init(&b, e->arena);
    for (int i = 0; i <= len; i++)
        buf_printf(&b, "%s%s", i ? " → " : "",
                   e->chain.v[from + (blame + i) % len]->name);
    Span where = blame ? e->chain.v[from + blame - 1]->cycle_read : at;
    if (e->whole_from > from) { /* through a sum[t] or its like */
        diag(e->diags, E_WHOLE, where, who->name, b.s);
        return;
    }
    diag(e->diags, E_INSTANT, where, who->name, b.s);
    diag_help(e->diags, "did you mean %s[t-1]?", who->name);
}

static void check_state(Elab *e, Name *n)
{
    Ast *subs = ast_find(n->state_decl, A_SUBS);
    int i = 0;
    bool same = (subs ? ast_count(subs) : 0) == n->val.rank;
    for (Ast *k = subs ? subs->kid : NULL; k && same; k = k->next, i++) {
        const Dim *d = expr_dim(e, n->scope, k);
        same = d && same_dim(e, d, n->val.dim[i]);
    }
    if (!same)
        diag(e->diags, E_STATE_SHAPE, n->state_decl->span, n->name,
             val_text(e, &n->val));
}

/* Its part of split(x, k), for one of several names left of `=`. */
static Val tuple_part(Elab *e, Name *n, Val v)
{
    int names = ast_count(n->stmt->kid);
    if (v.kind == V_TUPLE && v.nparts == names)
        return v.part[n->part];
    if (v.kind != V_NONE)
        diag(e->diags, E_PARTS, n->rhs->span, names,
             v.kind == V_TUPLE ? v.nparts : 1);
    return val_none();
}

static void build_name(Elab *e, Name *n)
{
    n->state = 1;
    n->computed = val_none();
    vec_push(e->arena, &e->chain, n);
    Val v = n->kind == N_ARG && n->feed ? app_output(e, n->feed, n->span)
            : n->kind == N_ARG          ? expr(e, n->from, n->rhs)
                                        : expr(e, n->scope, n->rhs);
    if (n->part >= 0)
        v = tuple_part(e, n, v);
    if (over_next(e, n)) {
        v.ref = v.kind == V_TENSOR ? val_ref(e, &v, n->span) : 0;
        n->computed = v;
        v = over_become(e, n, v);
    }
    e->chain.n--;
    if (v.kind == V_TENSOR && n->kind == N_EQN) {
        if (!v.size || !v.constant)
            v.size = NULL;
        v.name = n;
        v.ref = val_ref(e, &v, n->rhs->span);
        if (n->val.complex && !v.complex)
            v = val_pair(e, v, val_num(e, 0), n->rhs->span);
    }
    uint32_t axes = n->val.axes;
    n->val = v;
    if (v.kind == V_TENSOR)
        n->val.axes |= axes;
    n->state = 2;
    if (v.kind == V_NONE && n->kind == N_EQN && !diags_errors(e->diags))
        arena_panic(e->arena, "%s has no value, and no message says why",
                    n->full);
    if (n->kind == N_ARG && n->decl && v.kind == V_TENSOR)
        bind_input_type(e, n, &n->val);
    if (n->state_decl && v.kind == V_TENSOR)
        check_state(e, n);
    if (v.kind == V_TENSOR && n->kind == N_EQN && n->slot < 0 && v.ref)
        name_slot(e, n);
}

/* A name whose equation is a READ of a scalar recurrence may have wider axes
 * than its node (h = 1 at every step); elementwise unions see to the rest. */
Val name_value(Elab *e, Name *n, Span at)
{
    n->used = true;
    if (!e->building)
        return n->val;
    if (n->state == 1) {
        report_cycle(e, n, at);
        return val_none();
    }
    if (n->state == 0 && (n->rhs || n->feed)) {
        if (e->chain.n)
            e->chain.v[e->chain.n - 1]->cycle_read = at;
        build_name(e, n);
    }
    Val v = n->val;
    v.name = n;
    return v;
}

int name_slot(Elab *e, Name *n)
{
    if (n->slot >= 0)
        return n->slot;
    Val type = n->val;
    if (type.rank == RANK_UNKNOWN)
        type.rank = 0;
    int axes = val_axes(&type);
    if (n->axis >= 0 && n->lagged)
        axes |= GX_B | cell_time(n->axis);
    for (int p = 0; p < 1 + type.complex; p++) {
        int *to = p ? &n->im_slot : &n->slot;
        *to = graph_slot(e->graph, SLOT_EQN,
                         type.complex ? part_name(e, n->full, p) : n->full,
                         val_shape(e, &type), axes);
        SLOT(e->graph, *to)->span = n->span;
        if (n->axis >= 0)
            SLOT(e->graph, *to)->axis = n->axis;
    }
    vec_push(e->arena, &e->pending, n);
    return n->slot;
}

/* What stands around an equation may apply cells too: h[0] = dense(n)(v). */
static void type_around(Elab *e, Name *n)
{
    for (int i = 0; i < n->edge.n; i++)
        expr(e, n->edge.v[i].scope, n->edge.v[i].e);
    over_type_starts(e, n);
    Ast *init = n->kind == N_PARAM ? ast_find(n->stmt, A_INIT) : NULL;
    if (init)
        expr(e, n->scope, init->kid);
    Ast *next = next_value(n);
    if (next)
        expr(e, n->scope, next);
}

/* Types of a name in a dry round. */
static void type_name(Elab *e, Name *n)
{
    type_around(e, n);
    if (n->kind != N_EQN && n->kind != N_ARG)
        return;
    Val v = n->feed ? app_output(e, n->feed, n->span)
                    : expr(e, n->kind == N_ARG ? n->from : n->scope, n->rhs);
    if (v.kind == V_TUPLE && n->part >= 0)
        v = n->part < v.nparts ? v.part[n->part] : val_none();
    if (v.kind == V_NONE)
        return;
    n->computed = v;
    if (over_next(e, n))
        v = over_become(e, n, v);
    if (n->kind == N_ARG && n->decl && v.kind == V_TENSOR)
        bind_input_type(e, n, &v);
    uint32_t axes = n->val.kind == V_TENSOR ? n->val.axes | v.axes : v.axes;
    bool known = v.kind != V_TENSOR || v.rank != RANK_UNKNOWN;
    bool complex = n->val.complex || v.complex;
    if (e->settle && known && !n->typed && n->kind == N_EQN)
        e->guessed = n;
    if (axes != n->val.axes || (known && !n->typed) ||
        complex != n->val.complex)
        e->changed = true;
    if (!n->typed || known)
        n->val = v;
    else
        known = true;
    n->val.axes = axes;
    n->val.complex = complex;
    n->typed = known;
}

/* The shape that `state s[k]` says; false while a dim is unknown. */
static bool declared_shape(Elab *e, Name *n)
{
    Ast *subs = n->state_decl ? ast_find(n->state_decl, A_SUBS) : NULL;
    n->val.rank = 0;
    for (Ast *k = subs ? subs->kid : NULL; k; k = k->next) {
        const Dim *d = expr_dim(e, n->scope, k);
        if (!d || n->val.rank == SHAPE_RANK) {
            n->val.rank = RANK_UNKNOWN;
            return false;
        }
        n->val.dim[n->val.rank++] = d;
    }
    return true;
}

/* Equations leave the shape of a recurrence open where all of it may as well
 * be scalars: what is declared decides, then it is scalars. */
static bool settle_one(Elab *e, bool declared)
{
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->order.n; k++) {
            Name *n = e->scope.v[i]->order.v[k];
            if (n->kind != N_EQN || n->typed || n->val.kind != V_TENSOR ||
                (declared && !n->state_decl))
                continue;
            n->typed = declared_shape(e, n);
            if (n->typed && !n->state_decl)
                e->guessed = n;
            if (n->typed)
                return true;
        }
    return false;
}

/* What a term of the loss, a metric or a distribution holds. */
static void type_term(Elab *e, Scope *s, Ast *a)
{
    if (a->kind == A_LOSS || a->kind == A_METRIC)
        expr(e, s, a->kid);
    else if (a->kind == A_DRAW)
        draw_types(e, s, a->kid->kid, a->kid->next);
}

/* What an input of a cell left of ~ is called outside. */
static void mark_drawn(Elab *e)
{
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->order.n; k++) {
            Name *n = e->scope.v[i]->order.v[k];
            if (n->drawn && n->kind == N_ARG)
                storage_name(e, n)->drawn = true;
        }
}

static void dry_round(Elab *e, Ast *const *file, int nfile)
{
    e->changed = false;
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->order.n; k++)
            if (e->scope.v[i] != e->lib)
                type_name(e, e->scope.v[i]->order.v[k]);
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->terms.n; k++)
            type_term(e, e->scope.v[i], e->scope.v[i]->terms.v[k]);
    for (int f = 0; f < nfile; f++)
        for (Ast *a = file[f]->kid; a; a = a->next)
            if (a->kind == A_OUTPUT)
                for (Ast *k = a->kid; k; k = k->next)
                    expr(e, e->top, k->kid);
            else
                type_term(e, e->top, a);
}

static void slot_root(Elab *e, int slot, Val v, Span at)
{
    Ref r = val_ref(e, &v, at);
    int shape = SLOT(e->graph, slot)->shape;
    if (NODE(e->graph, r)->shape != shape &&
        !SHAPE(e->graph, NODE(e->graph, r)->shape)->rank)
        r = graph_expand(e->graph, r, shape);
    SLOT(e->graph, slot)->root = r;
}

static void build_all(Elab *e, Ast *const *file, int nfile)
{
    e->building = true;
    for (int i = 0; i < e->top->order.n; i++) {
        Name *n = e->top->order.v[i];
        if (n->kind == N_INPUT || (n->used && n->kind == N_PARAM))
            declare(e, n);
        if (n->kind == N_EQN && n->state == 0) {
            bool used = n->used;
            name_value(e, n, n->span);
            n->used = used;
        }
    }
    build_roots(e, file, nfile);
    int done = 0;
    for (; done < e->pending.n; done++) {
        Name *n = e->pending.v[done];
        if (n->state == 0)
            name_value(e, n, n->span);
        if (n->kind == N_INPUT || n->kind == N_NOISE) {
            slot_edges(e, n);
            continue;
        }
        if (n->val.kind != V_TENSOR)
            continue;
        for (int p = 0; p < 1 + n->val.complex; p++)
            slot_root(e, slot_part(n, p), val_part(e, &n->val, p), n->span);
        slot_edges(e, n);
    }
    build_last_roots(e);
}

/* Where the equations that are being built are applied, innermost first. */
static Span applied_at(void *user, int i)
{
    const Elab *e = user;
    if (i >= e->chain.n)
        return (Span){0, 0};
    const Name *n = e->chain.v[e->chain.n - 1 - i];
    const App *app = n->scope->app;
    return app ? app->call->span : n->rhs ? n->rhs->span : n->span;
}

Elaborated elaborate(Arena *a, Intern *in, Diags *d, Ast *const *lib, int nlib,
                     Ast *const *file, int nfile, const Settings *set)
{
    Elab e;
    memset(&e, 0, sizeof e);
    e.arena = a;
    e.intern = in;
    e.diags = d;
    e.set = set;
    e.graph = graph_new(a, set->name);
    e.training = set->training;
    e.whole_from = -1;
    e.body = nfile ? file[nfile - 1]->kid : NULL;
    e.lib = scope_new(&e, NULL, "");
    e.top = scope_new(&e, e.lib, "");
    for (int i = 0; i < nlib; i++)
        scope_collect(&e, e.lib, lib[i] ? lib[i]->kid : NULL);
    axes_implied(&e, file, nfile);
    for (int i = 0; i < nfile; i++)
        scope_collect(&e, e.top, file[i]->kid);
    axes_done(&e);
    for (int i = 0; i < nfile && !set->probe; i++)
        text_check(&e, file[i]);
    for (int i = 0; i < MAX_ROUNDS; i++) {
        dry_round(&e, file, nfile);
        bool guessed = e.settle;
        e.settle = false;
        if (e.changed || settle_one(&e, true))
            continue;
        if (guessed && !settle_one(&e, false))
            break;
        e.settle = !guessed;
    }
    mark_drawn(&e);
    diags_context(d, applied_at, &e);
    build_all(&e, file, nfile);
    diags_context(d, NULL, NULL);
    return elab_results(&e, file, nfile);
}
