/* Applications of the elaboration: finding the one that belongs to a place in
 * the text, its value, and what an argument tells about the dims of a cell. */
#include <string.h>

#include "elab.h"

typedef struct MemoKey {
    Scope *scope;
    Ast *site;
} MemoKey;

struct AppMemo {
    MemoKey key;
    App *app;
    UT_hash_handle hh;
};

/* The axis that lstm(n)[u] names, or that the application around it has. */
static int site_axis(Elab *e, Scope *s, Ast *layer)
{
    if (layer->kind != A_INDEX)
        return s->along ? s->axis : -1;
    Ast *sub = layer->kid->next->kid;
    int axis = sub && sub->kind == A_NAME && !sub->next
                   ? axis_of(e, s, sub->name)
                   : -1;
    if (axis < 0 && e->building)
        diag(e->diags, E_AXIS_NAME, layer->kid->next->span,
             sub && sub->kind == A_NAME ? sub->name : "this");
    return axis;
}

static void set_axis(App *a, int axis)
{
    if (a->scope) {
        a->scope->axis = axis;
        a->scope->along = true;
    }
    for (int i = 0; i < a->level.n; i++)
        set_axis(a->level.v[i], axis);
}

static App *app_site(Elab *e, Scope *s, Ast *site, Ast *layer, Ast *first,
                     Ast *rest)
{
    MemoKey key;
    memset(&key, 0, sizeof key);
    key.scope = s;
    key.site = site;
    struct AppMemo *m = NULL;
    HASH_FIND(hh, e->apps, &key, sizeof key, m);
    /* What failed silently in a dry round is made again for its message. */
    bool failed = m && (!m->app || m->app->broken);
    if (m && !(failed && e->building))
        return m->app;
    const char *name = site_name(e, s, site, layer);
    const char *prefix = full_name(e, s->prefix, name);
    Layer *l = layer_of(e, s, layer, full_name(e, s->weights, name));
    App *app =
        l ? app_make(e, s, site, l, prefix, first, NULL, rest, s->reversed)
          : NULL;
    int axis = app ? site_axis(e, s, layer) : -1;
    if (axis >= 0)
        set_axis(app, axis);
    if (!m) {
        m = NEW(e->arena, struct AppMemo);
        m->key = key;
        HASH_ADD(hh, e->apps, key, sizeof m->key, m);
    }
    m->app = app;
    return app;
}

App *app_at(Elab *e, Scope *s, Ast *a)
{
    if (a->kind == A_CALL && is_layer(e, s, a->kid, 0))
        return app_site(e, s, a, a->kid, NULL, a->kid->next);
    if (a->kind == A_PIPE && is_template(e, s, a->kid->next, 0))
        return app_site(e, s, a, a->kid->next, a->kid, NULL);
    if (a->kind == A_MEMBER) {
        App *outer = app_at(e, s, a->kid);
        if (outer && !outer->scope) { /* h.1: a level of a stack */
            int i = 0;
            for (const char *d = a->name; *d >= '0' && *d <= '9'; d++)
                i = i < 100000 ? i * 10 + (*d - '0') : i;
            return i >= 1 && i <= outer->level.n ? outer->level.v[i - 1] : NULL;
        }
        Name *n = outer ? scope_find(outer->scope, a->name) : NULL;
        return n && n->rhs && n->kind == N_EQN ? app_at(e, n->scope, n->rhs)
                                               : NULL;
    }
    if (a->kind != A_NAME)
        return NULL;
    Name *n = scope_lookup(e, s, a->name);
    if (!n || n->part >= 0 || n->kind != N_EQN)
        return NULL;
    return app_at(e, n->scope, n->rhs);
}

Ast *first_output(const App *a)
{
    Ast *st = ast_find(a->layer->cell, A_BODY);
    for (st = st->kid; st; st = st->next)
        if (st->kind == A_OUTPUT)
            return st->kid->kid;
    return NULL;
}

Name *app_output_name(Elab *e, App *a)
{
    if (a->broken)
        return NULL;
    if (!a->scope)
        return a->level.n ? app_output_name(e, a->level.v[a->level.n - 1])
                          : NULL;
    Ast *out = first_output(a);
    return out && out->kind == A_NAME ? scope_find(a->scope, out->name) : NULL;
}

/* Parameters in the order of the text, not of their first use. */
static void declare_params(Elab *e, Scope *s)
{
    for (int i = 0; i < s->order.n; i++) {
        Name *n = s->order.v[i];
        App *at = NULL;
        if (n->kind == N_PARAM && n->used &&
            !over_find(e, s->app, n, OVER_VALUE, 0, &at))
            declare(e, n);
    }
}

/* Where the output line is read: it shows what names become, while the other
 * lines of the body see what they compute. */
static Scope *shown_scope(Elab *e, App *a)
{
    bool some = false;
    for (int i = 0; i < a->scope->order.n; i++)
        some |= over_next(e, a->scope->order.v[i]);
    if (!some)
        return a->scope;
    if (!a->shown) {
        a->shown = scope_new(e, a->scope, a->scope->prefix);
        a->shown->app = a;
        a->shown->weights = a->scope->weights;
        a->shown->reversed = a->scope->reversed;
        a->shown->where = a->scope->where;
        a->shown->shown = true;
    }
    a->shown->axis = a->scope->axis;
    return a->shown;
}

Val app_output(Elab *e, App *a, Span at)
{
    if (!a || a->broken)
        return val_none();
    if (!a->scope) {
        int n = a->level.n;
        a->val = n         ? app_output(e, a->level.v[n - 1], at)
                 : a->feed ? app_output(e, a->feed, at)
                           : expr(e, a->from, a->through);
        return a->val;
    }
    if (e->building && a->done)
        return a->val;
    if (e->building && !own_axes_known(e, a)) {
        a->broken = true;
        return val_none();
    }
    if (e->building)
        declare_params(e, a->scope);
    Ast *out = first_output(a);
    if (!out) {
        if (e->building)
            diag(e->diags, E_NO_OUTPUT, a->layer->cell->name_span,
                 a->layer->cell->name);
        a->broken = true;
        return val_none();
    }
    if (e->depth > 400) {
        if (e->building)
            diag(e->diags, E_RECURSIVE, at);
        return val_none();
    }
    e->depth++;
    Val v = expr(e, shown_scope(e, a), out);
    e->depth--;
    if (v.kind == V_TENSOR || e->building)
        a->val = v;
    v.app = a;
    if (e->building && v.kind == V_TENSOR)
        a->done = true;
    return v;
}

Val expr_pipe(Elab *e, Scope *s, Ast *a)
{
    App *app = app_at(e, s, a);
    if (app)
        return app_output(e, app, a->span);
    if (is_template(e, s, a->kid->next, 0))
        return val_none();
    Val f = expr(e, s, a->kid->next);
    if (f.kind == V_FN) { /* f(x) from now on: places of applications stay */
        Ast *fn = a->kid->next;
        fn->next = a->kid;
        fn->next->next = NULL;
        a->kid = fn;
        a->kind = A_CALL;
        return expr_call(e, s, a);
    }
    if (e->building && f.kind != V_NONE)
        diag(e->diags, E_PIPE, a->kid->next->span, val_text(e, &f));
    return val_none();
}

/* sum[t](e), mean[k=1:3](e), exp(e), f(e), lstm(n)(e) */
Val expr_call(Elab *e, Scope *s, Ast *a)
{
    App *app = app_at(e, s, a);
    if (app)
        return app_output(e, app, a->span);
    if (is_layer(e, s, a->kid, 0))
        return val_none();
    if (is_layer(e, s, a, 0)) {
        Val v = val_none();
        v.kind = V_LAYER;
        return v;
    }
    Ast *callee = a->kid, *subs = NULL;
    if (callee->kind == A_INDEX && callee->kid->kind == A_NAME) {
        subs = callee->kid->next;
        callee = callee->kid;
    }
    bool known = false;
    if (callee->kind == A_NAME && !scope_lookup(e, s, callee->name)) {
        Val v = call_builtin(e, s, callee->name, a, subs, a->kid->next, &known);
        if (known)
            return v;
    }
    Val f = expr(e, s, callee);
    if (f.kind == V_FN && !f.def)
        return call_builtin(e, s, f.str, a, subs, a->kid->next, &known);
    if (f.kind != V_FN) {
        if (e->building && f.kind != V_NONE)
            diag(e->diags, E_NOT_CALLABLE, callee->span, val_text(e, &f));
        return val_none();
    }
    int n = 0;
    for (Ast *k = a->kid->next; k; k = k->next)
        n++;
    Val *arg = NEW_N(e->arena, Val, n + 1);
    Span *at = NEW_N(e->arena, Span, n + 1);
    n = 0;
    for (Ast *k = a->kid->next; k; k = k->next, n++) {
        arg[n] = expr(e, s, k);
        at[n] = k->span;
        if (arg[n].kind == V_NONE && !e->building)
            arg[n] = val_unknown(0);
    }
    return call_fn(e, s, f, n, arg, at, a->span);
}

/* A dim of the cell's own follows from the argument's: m from m, or k*m. */
static void bind_dim(Elab *e, Scope *s, Ast *a, const Dim *to)
{
    Name *own = a->kind == A_NAME ? scope_find(s, a->name) : NULL;
    Sym *sym = own && own->kind == N_DIM ? own->val.size->term[0].sym[0] : NULL;
    if (!own) {
        const Dim *d = expr_dim(e, s, a);
        to = d ? dim_solve(e->arena, d, to, &sym) : NULL;
    }
    if (!to || !sym || sym->bound)
        return;
    to = dim_resolve(e->arena, to);
    if (dim_mentions(to, sym)) /* it was solved from what waits for it */
        return;
    sym->bound = to;
    e->changed = true;
}

/* `[...]` takes the shape of the first argument declared so. */
static bool bind_any(Elab *e, Scope *s, const Val *v)
{
    if (s->any.kind != V_TENSOR) {
        s->any = *v;
        e->changed = true;
        return true;
    }
    bool ok = v->rank == s->any.rank;
    for (int i = 0; ok && i < v->rank; i++)
        ok = same_dim(e, v->dim[i], s->any.dim[i]);
    return ok;
}

/* An argument solves the dims that the cell's input leaves open, and says
 * which axis `t` is inside. */
void bind_input_type(Elab *e, Name *n, Val *v)
{
    Scope *s = n->scope;
    Ast *subs = ast_find(n->decl, A_SUBS), *in = ast_find(n->decl, A_IN);
    int own = own_axis_subs(s, subs), i = 0;
    int rank = subs ? ast_count(subs) - own : 0;
    if (own_axes_bind(e, s, subs, v->axes & ~AXIS_B) && s->axes &&
        s->axis < 0) {
        s->axis = 0;
        while (!(s->axes >> s->axis & 1))
            s->axis++;
        e->changed = true;
    }
    if (declared_complex(n->decl)) {
        in = NULL;
        if (!v->complex)
            *v = val_pair(e, *v, val_num(e, 0), n->span);
    }
    if (in && !in->kid->next && v->set)
        bind_dim(e, s, in->kid, v->set);
    if (v->rank == RANK_UNKNOWN) {
        if (rank)
            return;
        v->rank = 0; /* a number by its declaration */
        return;
    }
    bool ok = v->rank == rank;
    if (any_shape(subs)) {
        ok = bind_any(e, s, v);
        subs = NULL;
    }
    for (Ast *k = subs ? ast_kid(subs, own) : NULL; k && ok; k = k->next, i++) {
        const Dim *d = expr_dim(e, s, k);
        if (!d)
            return;
        bind_dim(e, s, k, v->dim[i]);
        ok = same_dim(e, d, v->dim[i]);
    }
    if (in && !in->kid->next) {
        const Dim *set = expr_dim(e, s, in->kid);
        ok &= v->set && set && same_dim(e, set, v->set);
    }
    if (!ok && e->building) {
        diag(e->diags, E_INPUT_SHAPE,
             n->rhs ? n->rhs->span : s->app->call->span, s->where, n->name,
             val_text(e, v));
        diag_note(e->diags, n->span, "%s is declared here", n->name);
        *v = val_none();
    }
}
