/* What is drawn: y ~ D(...) with weight = w becomes w times minus the log of
 * D's likelihood, by the library's fn D_nll(y, ...) or cell D_nll, and the
 * parameters of D become roots that generate draws from.  No distribution is
 * known by name here but mixture, whose arguments are distributions. */
#include <string.h>

#include "elab.h"

/* The name through which an expression comes to vary over an axis. */
static Name *varies_through(Elab *e, Scope *s, Ast *a, uint32_t axis)
{
    if (a->kind == A_NAME) {
        Name *n = scope_lookup(e, s, a->name);
        return n && n->val.kind == V_TENSOR && n->val.axes & axis ? n : NULL;
    }
    for (Ast *k = a->kid; k; k = k->next) {
        Name *n = varies_through(e, s, k, axis);
        if (n)
            return n;
    }
    return NULL;
}

static void foreign_axis(Elab *e, Scope *s, Ast *y, const Val *v,
                         uint32_t extra, Ast *dist)
{
    Name *n = varies_through(e, s, dist, extra);
    uint32_t own = v->axes & ~AXIS_B;
    diag(e->diags, E_FOREIGN_AXIS, y->span, y->name,
         own ? arena_printf(e->arena, "has axis %s", axis_list(e, own))
             : "has no time axis",
         axis_list(e, extra), n ? n->name : "its parameters");
    if (n)
        diag_note(e->diags, n->span, "%s varies over %s", n->name,
                  axis_list(e, extra));
    diag_help(e->diags, "reduce it, e.g. mean[%s](...) or %s[end]",
              axis_list(e, extra), n ? n->name : "h");
}

static Name *density_named(Elab *e, Scope *s, const Ast *dist, const char *end)
{
    const char *name = arena_printf(e->arena, "%s%s", dist->kid->name, end);
    return scope_lookup(e, s, intern_str(e->intern, name));
}

/* D of D(...) as the library's or the user's D_nll; where y has steps of its
 * own, there may be another one for that, D_nll_steps. */
static Name *density(Elab *e, Scope *s, Ast *y, const Ast *dist)
{
    if (dist->kind != A_CALL || dist->kid->kind != A_NAME)
        return NULL;
    Name *steps = density_named(e, s, dist, "_nll_steps");
    Name *n = steps && y->kind == A_NAME ? scope_lookup(e, s, y->name) : NULL;
    bool has = n && (n->kind != N_INPUT || declare(e, n)) &&
               n->val.kind == V_TENSOR && n->val.axes & ~AXIS_B;
    return has ? steps : density_named(e, s, dist, "_nll");
}

static Ast *copy(Elab *e, const Ast *a, Ast *next)
{
    Ast *b = NEW(e->arena, Ast);
    *b = *a;
    b->next = next;
    return b;
}

/* Where D_nll is a cell: D(a, k = 1) of y is D_nll(k = 1)(y, a); made once, so
 * that the application in it is one. */
static Ast *cell_call(Elab *e, Ast *y, Ast *dist, const Name *cell)
{
    for (int i = 0; i < e->drawn.n; i++)
        if (e->drawn.v[i].dist == dist && e->drawn.v[i].cell == cell->name)
            return e->drawn.v[i].call;
    Ast *key = NULL, *input = NULL, **last[2] = {&key, &input};
    for (Ast *k = dist->kid->next; k; k = k->next) {
        Ast ***to = &last[k->kind != A_KEY];
        **to = copy(e, k, NULL);
        *to = &(**to)->next;
    }
    Ast *name = copy(e, dist->kid, key), *layer = copy(e, dist, NULL);
    name->name = cell->name;
    layer->kid = name;
    layer->next = copy(e, y, input);
    Drawn d = {dist, cell->name, copy(e, dist, NULL)};
    d.call->kid = layer;
    vec_push(e->arena, &e->drawn, d);
    return d.call;
}

bool is_mixture(const Ast *dist)
{
    return dist->kind == A_CALL && dist->kid->kind == A_NAME &&
           !strcmp(dist->kid->name, "mixture");
}

bool in_density(const Elab *e, const Scope *s)
{
    for (const App *a = s->app; a; a = a->outer)
        for (int i = 0; i < e->drawn.n; i++)
            if (e->drawn.v[i].call == a->call)
                return true;
    return false;
}

/* c ? D1 : D2 of a known c; another dist is itself. */
Ast *draw_which(Elab *e, Scope *s, Ast *dist)
{
    while (dist && dist->kind == A_COND) {
        Val c = expr(e, s, dist->kid);
        bool known = c.kind == V_TENSOR && c.constant && !c.complex;
        if (!known && e->building && c.kind != V_NONE)
            diag(e->diags, E_DRAW_WHICH, dist->kid->span);
        if (!known)
            return NULL;
        dist = ast_kid(dist, c.num != 0 ? 1 : 2);
    }
    return dist;
}

/* Types of what stands in a distribution's arguments. */
void draw_types(Elab *e, Scope *s, Ast *y, Ast *dist)
{
    if (dist->kind == A_COND) {
        expr(e, s, dist->kid);
        for (Ast *k = dist->kid->next; k; k = k->next)
            draw_types(e, s, y, k);
        return;
    }
    bool mixture = is_mixture(dist);
    Name *f = density(e, s, y, dist);
    if (f && f->kind == N_CELL) {
        expr(e, s, cell_call(e, y, dist, f));
        return;
    }
    for (Ast *k = dist->kind == A_CALL ? dist->kid->next : NULL; k; k = k->next)
        if (mixture && density(e, s, y, k))
            draw_types(e, s, y, k);
        else
            expr(e, s, k);
}

/* A value that is drawn, and where. */
typedef struct Draw {
    Elab *e;
    Scope *s;
    Ast *lhs;         /* y */
    Val y;            /* its value */
    Name *input;      /* the model's input that it is, or NULL */
    const char *path; /* of the parameters: "normal", "mixture.1.normal" */
} Draw;

/* A parameter of the distribution, for generate: "categorical.p"; programs for
 * training say only what is known before they run. */
static void draw_root(Draw *d, const char *what, const Val *v, bool known,
                      Span at)
{
    Elab *e = d->e;
    if ((e->set->backward && !known) || !d->input)
        return;
    Ref r = val_ref(e, v, at);
    if (!SHAPE(e->graph, NODE(e->graph, r)->shape)->rank && d->y.rank)
        r = graph_expand(e->graph, r, val_shape(e, &d->y));
    what = arena_printf(e->arena, "%s.%s", d->path, what);
    const char *name = arena_printf(e->arena, "%s.%s", d->input->full, what);
    int root = add_root(e, CELL_DRAW, name, r, d->input->slot);
    e->graph->root.v[root].what = what;
}

/* One argument of a distribution: it varies over no axis that y has not. */
static bool parameter(Draw *d, Ast *dist, Ast *a, Val *v)
{
    Elab *e = d->e;
    *v = expr(e, d->s, a);
    if (v->kind != V_TENSOR)
        return false;
    if (v->complex) {
        complex_refuse(e, "a distribution", v, a->span);
        return false;
    }
    uint32_t extra = v->axes & ~d->y.axes & ~AXIS_B;
    if (extra) {
        foreign_axis(e, d->s, d->lhs, &d->y, extra, dist);
        return false;
    }
    if (d->y.set && v->rank == 1 && !same_dim(e, d->y.set, v->dim[0])) {
        diag(e->diags, E_DRAW_SET, d->lhs->span, d->lhs->name,
             dim_text(e->arena, d->y.set), dim_text(e->arena, v->dim[0]));
        if (d->y.name)
            diag_note(e->diags, d->y.name->span, "%s is %s", d->lhs->name,
                      val_text(e, &d->y));
        return false;
    }
    return true;
}

static Val summed(Elab *e, Val v, Span at)
{
    if (v.kind != V_TENSOR || !v.rank)
        return v;
    Ref in = v.ref;
    v.rank = 0;
    return val_node(e, v, OP_SUM, 1, &in, 0, 0, 0, at);
}

static bool has_key(const Ast *dist, const char *name)
{
    const Ast *k = dist->kid->next;
    while (k && (k->kind != A_KEY || k->name != name))
        k = k->next;
    return k != NULL;
}

/* What a cell scores y by, for who decodes it: its inputs behind the first by
 * their names in the cell, "crf.s", and numbers by name, "ctc.blank". */
static void cell_roots(Draw *d, Ast *dist, const Name *cell)
{
    Elab *e = d->e;
    const Ast *body = ast_find(cell->decl, A_BODY), *stmt = body->kid, *in;
    for (Ast *k = dist->kid->next; k; k = k->next)
        if (k->kind == A_KEY && k->kid && !k->kid->next) {
            Val v = expr(e, d->s, k->kid);
            if (v.kind == V_TENSOR)
                draw_root(d, k->name, &v, v.constant, k->span);
        }
    for (Ast *p = cell->decl->kid; p->kind == A_ARG; p = p->next)
        if (p->kid && p->kid->kind == A_NUM && !has_key(dist, p->name)) {
            Val v = expr(e, d->s, p->kid);
            draw_root(d, p->name, &v, true, p->span);
        }
    while (stmt && stmt->kind != A_INPUT)
        stmt = stmt->next;
    in = stmt ? stmt->kid->next : NULL;
    for (Ast *k = dist->kid->next; k && in; k = k->next) {
        if (k->kind == A_KEY)
            continue;
        Val v = expr(e, d->s, k);
        if (v.kind == V_TENSOR && !v.complex)
            draw_root(d, in->name, &v, false, k->span);
        in = in->next;
    }
}

/* A cell may take parameters over other axes; what it gives may not. */
static Val of_sequence(Draw *d, Ast *dist, const Name *cell)
{
    Elab *e = d->e;
    if (e->set->loss)
        cell_roots(d, dist, cell);
    Val v = expr(e, d->s, cell_call(e, d->lhs, dist, cell));
    uint32_t extra = v.axes & ~d->y.axes & ~AXIS_B;
    if (v.kind == V_TENSOR && extra) {
        foreign_axis(e, d->s, d->lhs, &d->y, extra, dist);
        return val_none();
    }
    return summed(e, v, dist->span);
}

static Val one_density(Draw *d, Ast *dist)
{
    Elab *e = d->e;
    Name *f = density(e, d->s, d->lhs, dist);
    if (f->kind == N_CELL)
        return of_sequence(d, dist, f);
    int n = ast_count(dist), i = 1;
    Val *arg = NEW_N(e->arena, Val, n + 1);
    Span *at = NEW_N(e->arena, Span, n + 1);
    arg[0] = d->y;
    at[0] = d->lhs->span;
    for (Ast *k = dist->kid->next; k; k = k->next, i++) {
        at[i] = k->span;
        if (!parameter(d, dist, k, &arg[i]))
            return val_none();
    }
    Val def = val_none();
    def.kind = V_FN;
    def.def = f->decl;
    def.home = f->scope;
    Val v = call_fn(e, d->s, def, i, arg, at, dist->span);
    i = 0;
    for (Ast *p = f->decl->kid; v.kind == V_TENSOR && p->kind == A_ARG;
         p = p->next, i++)
        if (i)
            draw_root(d, p->name, &arg[i], false, dist->span);
    return summed(e, v, dist->span);
}

/* mixture(w, D1, D2, ...): -log sum of w[k] exp(-nll of Dk). */
static Val mixture(Draw *d, Ast *dist)
{
    Elab *e = d->e;
    Ast *w = dist->kid->next;
    Val weight;
    int n = ast_count(dist) - 2, i = 0;
    if (!w || !parameter(d, dist, w, &weight))
        return val_none();
    if (n < 1 || weight.rank != 1 || dim_number(weight.dim[0]) != n) {
        diag(e->diags, E_MIXTURE, w->span, n, val_text(e, &weight));
        return val_none();
    }
    const char *path = d->path;
    draw_root(d, "w", &weight, false, w->span);
    Val total = val_unknown(d->y.axes);
    Ref *in = NEW_N(e->arena, Ref, n);
    for (Ast *k = w->next; k; k = k->next, i++) {
        if (!density(e, d->s, d->lhs, k)) {
            diag(e->diags, E_DISTRIBUTION, k->span);
            hint_distribution(e, d->s, NULL);
            return val_none();
        }
        d->path = arena_printf(e->arena, "%s.%d.%s", path, i + 1, k->kid->name);
        Val v = one_density(d, k);
        if (v.kind != V_TENSOR)
            return v;
        total.axes |= v.axes;
        in[i] = val_ref(e, &v, k->span);
    }
    total.rank = 1;
    total.dim[0] = weight.dim[0];
    Span at = dist->span;
    Val pair[2] = {val_op(e, OP_log, 1, &weight, w->span, NULL),
                   val_node(e, total, OP_CONCAT, n, in, 0, 0, 0, at)};
    Val each = val_op(e, OP_sub, 2, pair, at, NULL);
    Ref r = each.ref;
    each.rank = 0;
    each = val_node(e, each, OP_LSE, 1, &r, 0, 0, 0, at);
    return val_op(e, OP_neg, 1, &each, at, NULL);
}

/* Left of ~ stands an input: of the model, or of a cell. */
static bool draw_target(Draw *d, Ast *stmt)
{
    Elab *e = d->e;
    d->lhs = stmt->kid->kid;
    Name *n = d->lhs->kind == A_NAME && !d->lhs->next
                  ? scope_lookup(e, d->s, d->lhs->name)
                  : NULL;
    bool input = n && (n->kind == N_INPUT ||
                       (n->kind == N_ARG && n->decl && n->scope == d->s));
    if (!input) {
        diag(e->diags, E_DRAW_TARGET, d->lhs->span);
        if (n)
            diag_help(e->diags, "%s is computed: a loss is written loss e",
                      n->name);
        else if (d->lhs->kind == A_NAME)
            diag_help(e->diags, "an equation is written %s = ...",
                      d->lhs->name);
        return false;
    }
    Name *in = n->kind == N_ARG ? storage_name(e, n) : n;
    if (in->kind == N_INPUT && !declare(e, in))
        return false;
    d->input = in->kind == N_INPUT ? in : NULL;
    d->y = expr(e, d->s, d->lhs);
    d->y.name = d->input ? d->input : n;
    if (d->y.kind == V_TENSOR && d->y.complex) {
        complex_refuse(e, "a distribution", &d->y, d->lhs->span);
        return false;
    }
    return d->y.kind == V_TENSOR;
}

/* Multiplies the term; a weighted one is no likelihood. */
static void weigh(Elab *e, TermPart *out, Val w, Span at)
{
    Val in[2] = {w, out->v};
    out->v = val_op(e, OP_mul, 2, in, at, NULL);
    out->flags &= ~CELL_LIKELIHOOD;
}

/* y ~ D with weight = e: a number for each that the term has. */
static bool said_weight(Draw *d, Ast *stmt, TermPart *out)
{
    Elab *e = d->e;
    const Ast *with = stmt->kid->next->next;
    for (Ast *k = with ? with->kid : NULL; k; k = k->next) {
        if (strcmp(k->name, "weight") != 0 || !k->kid) {
            diag(e->diags, E_DRAW_WITH, k->span, k->name);
            return false;
        }
        Val w = expr(e, d->s, k->kid);
        if (w.kind == V_TENSOR && w.complex)
            complex_refuse(e, "a weight", &w, k->kid->span);
        if (w.kind != V_TENSOR || w.complex)
            return false;
        uint32_t extra = w.axes & ~out->v.axes & ~AXIS_B;
        if (w.rank)
            diag(e->diags, E_WEIGHT, k->kid->span, val_text(e, &w));
        if (extra)
            foreign_axis(e, d->s, d->lhs, &out->v, extra, k->kid);
        if (w.rank || extra)
            return false;
        weigh(e, out, w, k->kid->span);
    }
    return true;
}

/* What the data say that each class of y weighs (cellc_weights). */
static void class_weight(Draw *d, TermPart *out)
{
    Elab *e = d->e;
    int64_t n = d->y.set && !d->y.rank ? dim_number(d->y.set) : 0;
    for (int i = 0; d->input && n && i < e->set->nclasses; i++) {
        const ClassWeights *c = &e->set->classes[i];
        if (strcmp(c->name, d->input->full) != 0 || c->n != n)
            continue;
        if (d->y.axes & ~out->v.axes) {
            diag(e->diags, E_UNSUPPORTED, d->lhs->span,
                 "weights of classes in a score of whole sequences");
            return;
        }
        Val v = val_unknown(0), r = val_unknown(d->y.axes);
        v.rank = 1;
        v.dim[0] = d->y.set;
        r.rank = 0;
        Table t = {arena_printf(e->arena, "%s.weight", d->input->full),
                   val_shape(e, &v), c->weight};
        vec_push(e->graph->arena, &e->graph->table, t);
        v = val_node(e, v, OP_TABLE, 0, NULL, e->graph->table.n - 1, 0, 0,
                     d->lhs->span);
        Ref in[2] = {v.ref, val_ref(e, &d->y, d->lhs->span)};
        weigh(e, out, val_node(e, r, OP_PICK, 2, in, 0, 0, 0, d->lhs->span),
              d->lhs->span);
    }
}

/* Minus the log of the density; false after an error. */
static bool term_value(Draw *d, Ast *dist, Val *v)
{
    Elab *e = d->e;
    Scope *s = d->s;
    if (!density(e, s, d->lhs, dist) && !is_mixture(dist)) {
        bool later = false;
        if (dist->kind == A_CALL && dist->kid->kind == A_NAME)
            call_builtin(e, s, dist->kid->name, dist, NULL, NULL, &later);
        if (!later) {
            diag(e->diags, E_DISTRIBUTION,
                 dist->kind == A_CALL ? dist->kid->span : dist->span);
            hint_distribution(e, s,
                              dist->kind == A_CALL ? dist->kid->name : NULL);
        }
        return false;
    }
    d->path = dist->kid->name;
    *v = is_mixture(dist) ? mixture(d, dist) : one_density(d, dist);
    return v->kind == V_TENSOR;
}

/* Distributions that the mode does not take, checked all the same: a parameter
 * of theirs is one of the model in every mode. */
static bool term_others(Draw *d, Ast *dist, const Ast *taken)
{
    bool good = true;
    Draw other = *d;
    Val v;
    if (dist == taken)
        return true;
    other.input = NULL; /* nothing is drawn from it */
    if (dist->kind != A_COND)
        return term_value(&other, dist, &v);
    for (Ast *k = dist->kid->next; k; k = k->next)
        good &= term_others(d, k, taken);
    return good;
}

bool draw_term(Elab *e, Scope *s, Ast *stmt, TermPart *out)
{
    Draw d = {e, s, NULL, val_none(), NULL, NULL};
    if (!draw_target(&d, stmt))
        return false;
    Ast *dist = draw_which(e, s, stmt->kid->next);
    if (!dist || !term_others(&d, stmt->kid->next, dist) ||
        !term_value(&d, dist, &out->v))
        return false;
    out->name =
        s == e->top ? d.input->full : full_name(e, s->prefix, d.lhs->name);
    out->flags = CELL_LIKELIHOOD;
    if (d.y.set && !d.y.rank && !(d.y.axes & ~out->v.axes))
        out->counted = graph_op2(e->graph, OP_ge, val_ref(e, &d.y, d.lhs->span),
                                 graph_const(e->graph, 0));
    if (!said_weight(&d, stmt, out))
        return false;
    class_weight(&d, out);
    return true;
}

void own_draws(Elab *e)
{
    Graph *g = e->graph;
    Arena *tmp = arena_new(NULL);
    for (int i = 0; i < g->root.n; i++) {
        Root *r = &g->root.v[i];
        if (r->role == CELL_DRAW &&
            graph_order_of(g, r->value, tmp).slot_used[r->slot])
            r->flags |= CELL_OWN;
    }
    arena_free(tmp);
}
