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

void scope_stand(Scope *in, Scope *s)
{
    Scope own = *in;
    *in = *s;
    in->names = own.names;
    memcpy(&in->order, &own.order, sizeof in->order);
    memcpy(&in->turns, &own.turns, sizeof in->turns);
    memset(&in->terms, 0, sizeof in->terms);
    in->up = s;
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

/* The cycle, from the name where it closes back to itself; the read that is
 * blamed is one whose target is read at earlier steps elsewhere. */
static void report_cycle(Elab *e, Name *n, Span at)
{
    int from = e->chain.n - 1;
    while (from > 0 && e->chain.v[from] != n)
        from--;
    int len = e->chain.n - from, blame = 0;
    bool clocks = e->clock_from > from; /* which only the top level names */
    for (int i = 0; i < len; i++)
        if (e->chain.v[from + i]->lagged &&
            (!clocks || e->chain.v[from + i]->scope == e->top)) {
            blame = i;
            break;
        }
    Name *who = e->chain.v[from + blame];
    Buf b;
    buf_init(&b, e->arena);
    for (int i = 0; i <= len; i++) {
        const Name *k = e->chain.v[from + (blame + i) % len];
        if (!clocks || k->scope == who->scope)
            buf_printf(&b, "%s%s", b.n ? " → " : "", k->name);
    }
    Span where = blame ? e->chain.v[from + blame - 1]->cycle_read : at;
    if (e->whole_from > from) { /* through a sum[t] or its like */
        diag(e->diags, E_WHOLE, where, who->name, b.s);
        return;
    }
    if (clocks) {
        diag(e->diags, E_CLOCK_LOOP, where, b.s);
        diag_help(e->diags, CLOCK_LOOP_HELP);
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
    if (n->feeds)
        n->val.set = n->feeds->val.set;
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
    for (Ast *k = a->kind == A_DRAW && a->kid->next->next
                      ? a->kid->next->next->kid
                      : NULL;
         k; k = k->next)
        if (k->kid)
            expr(e, s, k->kid);
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
    e.whole_from = e.clock_from = -1;
    e.file = file;
    e.nfile = nfile;
    e.body = nfile ? file[nfile - 1]->kid : NULL;
    read_train(&e);
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
