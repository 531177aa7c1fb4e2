/* What a model must compute, as roots of the graph: terms of the loss and
 * their reduction (padding and unobserved steps never count), metrics,
 * outputs, final states, and the parameters of what generate draws. */
#include <string.h>

#include "elab.h"

static Ref op2(Elab *e, Op op, Ref a, Ref b)
{
    return graph_op2(e->graph, op, a, b);
}

static Ref node0(Elab *e, Op op, int a)
{
    return graph_add(e->graph, op, 0, NULL, a, 0, 0, (Span){0, 0});
}

static Ref masked(Elab *e, Ref mask, Ref x)
{
    return graph_op3(e->graph, OP_select, mask, x, graph_const(e->graph, 0));
}

static Ref sum_axes(Elab *e, Ref x, int axes)
{
    axes &= NODE(e->graph, x)->axes;
    if (!axes)
        return x;
    return graph_add(e->graph, OP_SUMA, 1, &x, axes, 0, 0,
                     NODE(e->graph, x)->span);
}

/* 1 at the steps of a sequence along all time axes of `axes`, from the first
 * one that this chunk counts. */
static Ref valid_step(Elab *e, int axes)
{
    Ref mask = e->skip && axes & CELL_T
                   ? op2(e, OP_gt, node0(e, OP_TIME, 0), node0(e, OP_SKIP, 0))
                   : 0;
    for (int i = 0; i < CELL_TIMES; i++) {
        if (!(axes & cell_time(i)))
            continue;
        Ref valid = op2(e, OP_le, node0(e, OP_TIME, i), node0(e, OP_LEN, i));
        mask = mask ? op2(e, OP_and, mask, valid) : valid;
    }
    return mask;
}

/* 1 where a term without steps counts: in the chunk that holds the end. */
static Ref last_chunk(Elab *e)
{
    Ref any = op2(e, OP_ge, node0(e, OP_LEN, 0), graph_const(e->graph, 1));
    return op2(e, OP_and, any, node0(e, OP_LAST, 0));
}

int add_root(Elab *e, int role, const char *name, Ref v, int slot)
{
    Root r = {role, name, v, slot, NULL, 0, -1, NULL};
    vec_push(e->arena, &e->graph->root, r);
    return e->graph->root.n - 1;
}

static const char *dotted(Elab *e, const char *a, const char *b)
{
    return arena_printf(e->arena, "%s.%s", a, b);
}

/* One term: its sum and count per sequence, and its share of the loss. */
static Ref add_term(Elab *e, const TermPart *p)
{
    Graph *g = e->graph;
    Ref v = val_ref(e, &p->v, p->v.name ? p->v.name->span : (Span){0, 0});
    int axes = NODE(g, v)->axes;
    if (axes == GX_NONE)
        return v; /* a penalty on parameters: once per update */
    Ref mask = axes & GX_TIME ? valid_step(e, axes) : last_chunk(e);
    if (p->counted)
        mask = op2(e, OP_and, mask, p->counted);
    Ref num = sum_axes(e, masked(e, mask, v), GX_TIME);
    Ref count = sum_axes(e, mask, GX_TIME);
    int term = add_root(e, CELL_TERM, p->name, num, -1);
    g->root.v[term].flags = p->flags;
    int c = add_root(e, CELL_COUNT, dotted(e, "count", p->name), count, -1);
    g->root.v[c].of = term;
    if (e->set->total) {
        Ref total = node0(e, OP_TOTAL, term);
        count = graph_op3(g, OP_select, op2(e, OP_gt, total, graph_const(g, 0)),
                          total, count);
    }
    Ref one = graph_const(g, 1);
    if (!strcmp(e->reduce, "sum"))
        return sum_axes(e, num, CELL_B);
    if (!strcmp(e->reduce, "token"))
        return op2(e, OP_div, sum_axes(e, num, CELL_B),
                   op2(e, OP_max, sum_axes(e, count, CELL_B), one));
    Ref per = op2(e, OP_div, num, op2(e, OP_max, count, one));
    return op2(e, OP_div, sum_axes(e, per, CELL_B), node0(e, OP_BATCH, 0));
}

/* What becomes one real number must be real. */
static bool is_real(Elab *e, const char *what, const Val *v, Span at)
{
    if (v->complex)
        complex_refuse(e, what, v, at);
    return !v->complex;
}

static bool loss_term(Elab *e, Scope *s, Ast *x, const char *name,
                      TermPart *out)
{
    out->name = name;
    out->v = expr(e, s, x);
    if (!is_real(e, "a loss", &out->v, x->span))
        return false;
    if (out->v.kind == V_TENSOR && !out->v.rank)
        return true;
    if (out->v.kind == V_TENSOR) {
        diag(e->diags, E_LOSS_SHAPE, x->span, val_text(e, &out->v));
        diag_help(e->diags, "add its elements: sum(...)");
    } else if (out->v.kind != V_NONE) {
        diag(e->diags, E_NOT_VALUE, x->span, val_text(e, &out->v));
    }
    return false;
}

static Ref add_to_loss(Elab *e, Ref loss, const TermPart *p)
{
    Ref t = add_term(e, p);
    return loss ? op2(e, OP_add, loss, t) : t;
}

static Ref all_terms(Elab *e, Ast *const *file, int nfile)
{
    Ref loss = 0;
    int n = 0;
    for (int f = 0; f < nfile; f++)
        for (Ast *a = file[f]->kid; a; a = a->next) {
            TermPart p;
            memset(&p, 0, sizeof p);
            const char *name =
                n ? arena_printf(e->arena, "loss%d", n + 1) : "loss";
            if (a->kind == A_DRAW && draw_term(e, e->top, a, &p))
                loss = add_to_loss(e, loss, &p);
            if (a->kind == A_LOSS && loss_term(e, e->top, a->kid, name, &p)) {
                loss = add_to_loss(e, loss, &p);
                n++;
            }
        }
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->terms.n; k++) {
            TermPart p;
            memset(&p, 0, sizeof p);
            Scope *in = e->scope.v[i];
            Ast *a = in->terms.v[k];
            const char *name = full_name(e, in->prefix, "loss");
            if ((a->kind == A_LOSS && loss_term(e, in, a->kid, name, &p)) ||
                (a->kind == A_DRAW && draw_term(e, in, a, &p)))
                loss = add_to_loss(e, loss, &p);
        }
    return loss;
}

/* Inputs left of ~ that an expression reads: unobserved steps of theirs do
 * not count in a metric. */
static Ref observed_mask(Elab *e, Scope *s, Ast *a, Ref mask)
{
    if (a->kind == A_NAME) {
        Name *n = scope_lookup(e, s, a->name);
        n = n && n->kind == N_ARG ? storage_name(e, n) : n;
        if (n && n->kind == N_INPUT && n->drawn && n->val.set && n->slot >= 0)
            mask = op2(e, OP_and, mask,
                       op2(e, OP_ge, graph_read(e->graph, n->slot, 0),
                           graph_const(e->graph, 0)));
    }
    for (Ast *k = a->kid; k; k = k->next)
        mask = observed_mask(e, s, k, mask);
    return mask;
}

/* mean[t](e) is pooled over all counted steps of all sequences. */
static void metric(Elab *e, Scope *s, Ast *a)
{
    Ast *x = a->kid;
    const char *name = full_name(e, s->prefix, a->name);
    bool pooled = x->kind == A_CALL && x->kid->kind == A_INDEX &&
                  x->kid->kid->kind == A_NAME &&
                  !strcmp(x->kid->kid->name, "mean") && x->kid->next;
    Ast *inner = pooled ? x->kid->next : x;
    Val v = expr(e, s, inner);
    if (v.kind != V_TENSOR || !is_real(e, "a metric", &v, inner->span))
        return;
    if (v.rank) {
        diag(e->diags, E_LOSS_SHAPE, inner->span, val_text(e, &v));
        return;
    }
    Ref r = val_ref(e, &v, inner->span);
    int axes = NODE(e->graph, r)->axes;
    Ref one = graph_const(e->graph, 1);
    Ref mask = axes & GX_TIME ? valid_step(e, axes)
               : axes         ? last_chunk(e)
                              : one;
    mask = observed_mask(e, s, inner, mask);
    for (int i = 0; i < e->graph->root.n; i++)
        if (e->graph->root.v[i].role == CELL_METRIC &&
            !strcmp(e->graph->root.v[i].name, name)) {
            diag(e->diags, E_DEFINED_TWICE, a->name_span, a->name);
            return;
        }
    int m = add_root(e, CELL_METRIC, name,
                     sum_axes(e, masked(e, mask, r), GX_TIME | GX_B), -1);
    int c = add_root(e, CELL_COUNT, dotted(e, "count", name),
                     sum_axes(e, mask, GX_TIME | GX_B), -1);
    e->graph->root.v[c].of = m;
}

static bool is_output(const Elab *e, const char *name)
{
    for (int i = 0; i < e->graph->root.n; i++)
        if (e->graph->root.v[i].role == CELL_OUTPUT &&
            !strcmp(e->graph->root.v[i].name, name))
            return true;
    return false;
}

/* The index set that a value is a member of, or has a number for each member
 * of, by its last dim; NULL: a dim that no input is an index into. */
static const char *set_of(Elab *e, const Val *v)
{
    const Dim *d = v->rank ? v->dim[v->rank - 1] : v->set;
    const char *name = d ? dim_text(e->arena, d) : NULL;
    for (int i = 0; name && i < e->top->order.n; i++) {
        const Val *in = &e->top->order.v[i]->val;
        if (e->top->order.v[i]->kind == N_INPUT && in->set &&
            !strcmp(dim_text(e->arena, in->set), name))
            return name;
    }
    return NULL;
}

static void output_root(Elab *e, const char *name, const Val *v, Span at)
{
    for (int p = 0; v->kind == V_TENSOR && p < 1 + v->complex; p++) {
        Val x = val_part(e, v, p);
        int root =
            add_root(e, CELL_OUTPUT, v->complex ? part_name(e, name, p) : name,
                     val_ref(e, &x, at), -1);
        e->graph->root.v[root].set = set_of(e, v);
    }
    if (v->kind == V_TENSOR || v->kind == V_NONE)
        return;
    diag(e->diags, E_NOT_VALUE, at, val_text(e, v));
    not_value_help(e, v);
}

static void outputs(Elab *e, Ast *const *file, int nfile)
{
    int n = 0;
    for (int f = 0; f < nfile; f++)
        for (Ast *a = file[f]->kid; a; a = a->next) {
            if (a->kind != A_OUTPUT)
                continue;
            for (Ast *k = a->kid; k; k = k->next) {
                n++;
                const char *name = k->name ? k->name
                                   : k->kid->kind == A_NAME
                                       ? k->kid->name
                                       : arena_printf(e->arena, "output%d", n);
                Val v = expr(e, e->top, k->kid);
                if (!k->name && is_output(e, name))
                    diag(e->diags, E_DEFINED_TWICE, k->span,
                         arena_printf(e->arena, "the output %s", name));
                else if (e->set->outputs || v.kind != V_TENSOR)
                    output_root(e, name, &v, k->span);
            }
        }
    for (int i = 0; i < e->top->order.n && !n && e->set->outputs; i++) {
        Name *x = e->top->order.v[i];
        if (x->kind == N_EQN && x->val.kind == V_TENSOR && x->name[0] != '_')
            output_root(e, x->name, &x->val, x->span);
    }
}

static void final_root(Elab *e, int slot, bool back, Span at)
{
    const Slot *s = SLOT(e->graph, slot);
    Ref v = graph_add(e->graph, OP_AT, 0, NULL, slot, back, !back, at);
    add_root(e, CELL_FINAL, dotted(e, "final", s->name), v, slot);
    if (s->alias)
        add_root(e, CELL_FINAL, dotted(e, "final", s->alias), v, slot);
}

/* Recurrent names at each sequence's own last step; after slot_edges(). */
static void finals(Elab *e)
{
    for (int i = 0; i < e->pending.n; i++) {
        Name *n = e->pending.v[i];
        bool back = n->min_off >= 0;
        if (n->kind != N_EQN || (!n->min_off && !n->max_off) ||
            !SLOT(e->graph, n->slot)->root)
            continue;
        for (int p = 0; p < 1 + n->val.complex; p++)
            final_root(e, slot_part(n, p), back, n->span);
    }
}

static Ref upstream_loss(Elab *e)
{
    Graph *g = e->graph;
    Ref loss = 0;
    for (int i = 0; i < e->set->nupstream; i++) {
        const char *name = e->set->upstream[i];
        int k = 0;
        while (k < g->root.n && ((g->root.v[k].role != CELL_OUTPUT &&
                                  g->root.v[k].role != CELL_FINAL) ||
                                 strcmp(g->root.v[k].name, name)))
            k++;
        if (k == g->root.n) {
            diag(e->diags, E_NO_UPSTREAM, (Span){0, 0}, name);
            continue;
        }
        Ref v = g->root.v[k].value;
        int slot = graph_slot(g, SLOT_INPUT, dotted(e, "up", name),
                              NODE(g, v)->shape, NODE(g, v)->axes);
        SLOT(g, slot)->flags |= CELL_FROZEN; /* nobody asks for its gradient */
        Ref p = op2(e, OP_mul, v, graph_read(g, slot, 0));
        if (SHAPE(g, NODE(g, p)->shape)->rank)
            p = graph_op1(g, OP_SUM, p);
        if (NODE(g, p)->axes & GX_TIME)
            p = masked(e, valid_step(e, NODE(g, p)->axes), p);
        p = sum_axes(e, p, GX_TIME | GX_B);
        loss = loss ? op2(e, OP_add, loss, p) : p;
    }
    return loss;
}

/* The value of an entry of the train blocks, or NULL. */
static const Ast *train_entry(const Elab *e, const char *key)
{
    for (int f = 0; f < e->nfile; f++)
        for (Ast *a = e->file[f]->kid; a; a = a->next)
            for (Ast *k = a->kid; a->kind == A_TRAIN && k; k = k->next)
                if (!strcmp(k->name, key) && k->kid)
                    return k->kid;
    return NULL;
}

void read_train(Elab *e)
{
    const Ast *reduce = train_entry(e, "reduce");
    const Ast *tbptt = train_entry(e, "tbptt");
    const Ast *teacher = train_entry(e, "teacher");
    e->reduce = e->set->reduce                     ? e->set->reduce
                : reduce && reduce->kind == A_NAME ? reduce->name
                                                   : "sequence";
    e->skip =
        e->set->skip || (e->set->training && tbptt && tbptt->kind == A_TUPLE);
    e->teacher = e->set->teacher >= 0                ? e->set->teacher
                 : teacher && teacher->kind == A_NUM ? teacher->num
                                                     : 1;
}

/* `time u until e`: the steps with which generate ends. */
static void stops(Elab *e)
{
    for (int i = 0; i < e->axis.n; i++) {
        const Axis *x = &e->axis.v[i];
        if (!x->decl || x->decl->op != K_UNTIL)
            continue;
        Ast *rule = x->decl->kid;
        Val v = expr(e, e->top, rule);
        if (v.kind == V_NONE)
            continue;
        if (v.kind != V_TENSOR || v.rank || val_axis(&v) != i) {
            diag(e->diags, E_UNTIL, rule->span, x->name, val_text(e, &v),
                 v.kind == V_TENSOR
                     ? arena_printf(e->arena, " over %s", axis_list(e, v.axes))
                     : "");
            continue;
        }
        if (!e->set->backward)
            add_root(e, CELL_STOP, dotted(e, "until", x->name),
                     val_ref(e, &v, rule->span), -1);
    }
}

void build_roots(Elab *e, Ast *const *file, int nfile)
{
    outputs(e, file, nfile);
    Ref loss = all_terms(e, file, nfile);
    for (int f = 0; f < nfile; f++)
        for (Ast *a = file[f]->kid; a; a = a->next)
            if (a->kind == A_METRIC)
                metric(e, e->top, a);
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->terms.n; k++)
            if (e->scope.v[i]->terms.v[k]->kind == A_METRIC)
                metric(e, e->scope.v[i], e->scope.v[i]->terms.v[k]);
    stops(e);
    e->loss = loss;
    next_roots(e);
}

/* For programs that only predict: no loss, no counts, no metrics. */
static void drop_losses(Graph *g)
{
    int n = 0;
    for (int i = 0; i < g->root.n; i++) {
        int role = g->root.v[i].role;
        if (role != CELL_TERM && role != CELL_COUNT && role != CELL_METRIC &&
            role != CELL_STOP)
            g->root.v[n++] = g->root.v[i];
    }
    g->root.n = n;
    graph_idle(g);
}

void build_last_roots(Elab *e)
{
    if (e->set->outputs)
        finals(e);
    own_draws(e);
    if (!e->set->loss)
        drop_losses(e->graph);
    if (!e->set->loss && !e->set->nupstream)
        return;
    Ref loss = e->set->nupstream ? upstream_loss(e) : e->loss;
    if (loss)
        add_root(e, CELL_LOSS, "loss", loss, -1);
}
