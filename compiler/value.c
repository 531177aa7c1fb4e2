/* Values: makes the buffers, views and leaves of a schedule, and finds the one
 * that an operand means.  Used by lower.c. */
#include "lower.h"

#include <string.h>

#include "ops.h"

enum { PANEL = 16 }; /* columns of a packed operand are rounded up to this */

Val value_new(Lower *w, ValueKind kind, Ref ref, int shape, uint8_t axes)
{
    Value v = {0};
    v.kind = kind;
    v.ref = ref;
    v.name = w->name[ref];
    v.slot = v.table = v.base = -1;
    v.shape = shape;
    v.n = shape_size(w->g, shape);
    v.axes = axes;
    while (v.axis < CELL_TIMES - 1 && axes & GX_TIME &&
           !(axes & cell_time(v.axis)))
        v.axis++;
    v.life = LIFE_TEMP;
    v.fn = v.first = v.last = v.group = -1;
    vec_push(w->arena, &w->s->val, v);
    return w->s->val.n - 1;
}

Val value_view(Lower *w, Val base, int64_t col, int row, int shape,
               uint8_t axes)
{
    const Value *b = VALUE(w, base);
    if (b->kind == VAL_VIEW && b->axes == axes) {
        col += b->col;
        row += b->row;
        base = b->base;
        b = VALUE(w, base);
    }
    if (!col && !row && shape == b->shape && axes == b->axes)
        return base;
    for (Val i = w->s->val.n - 1; i > base; i--) {
        const Value *v = VALUE(w, i);
        if (v->kind == VAL_VIEW && v->base == base && v->col == col &&
            v->row == row && v->shape == shape && v->axes == axes &&
            v->spread == SPREAD_NONE)
            return i;
    }
    Val i = value_new(w, VAL_VIEW, 0, shape, axes);
    VALUE(w, i)->base = base;
    VALUE(w, i)->col = col;
    VALUE(w, i)->row = row;
    VALUE(w, i)->axis = VALUE(w, base)->axis;
    VALUE(w, i)->slot = VALUE(w, base)->slot;
    if (!col)
        VALUE(w, i)->name = VALUE(w, base)->name;
    return i;
}

Val value_spread(Lower *w, Val base, Spread how, int shape)
{
    for (Val i = w->s->val.n - 1; i > base; i--) {
        const Value *v = VALUE(w, i);
        if (v->kind == VAL_VIEW && v->base == base && v->spread == how &&
            v->n == shape_size(w->g, shape))
            return i;
    }
    Val i = value_new(w, VAL_VIEW, 0, shape, VALUE(w, base)->axes);
    VALUE(w, i)->base = base;
    VALUE(w, i)->spread = how;
    VALUE(w, i)->axis = VALUE(w, base)->axis;
    return i;
}

Val value_along(Lower *w, Val base, int from, int to)
{
    uint8_t axes = VALUE(w, base)->axes;
    axes = (uint8_t)((axes & ~cell_time(from)) | cell_time(to));
    Val i = value_new(w, VAL_VIEW, 0, VALUE(w, base)->shape, axes);
    VALUE(w, i)->base = base;
    VALUE(w, i)->slot = VALUE(w, base)->slot;
    VALUE(w, i)->name = VALUE(w, base)->name;
    VALUE(w, i)->from = from;
    VALUE(w, i)->to = to;
    VALUE(w, i)->axis = to;
    return i;
}

Val value_const(Lower *w, double num)
{
    for (Val i = 0; i < w->s->val.n; i++)
        if (VALUE(w, i)->kind == VAL_CONST &&
            !memcmp(&VALUE(w, i)->num, &num, sizeof num))
            return i;
    Val i = value_new(w, VAL_CONST, 0, 0, GX_NONE);
    VALUE(w, i)->num = num;
    return i;
}

/* Interning one more shape changes nothing that the graph means. */
int value_shape(Lower *w, int rank, const int64_t *dim)
{
    return graph_shape((Graph *)w->g, rank, dim);
}

/* ---- what every model has ---- */

static Val keep(Lower *w, const char *name, int slot, int shape, uint8_t axes)
{
    Val v = value_new(w, VAL_BUFFER, 0, shape, axes);
    VALUE(w, v)->name = name;
    VALUE(w, v)->slot = slot;
    VALUE(w, v)->life = LIFE_KEEP;
    return v;
}

static Val block(Lower *w, ValueKind kind, int slot, int shape)
{
    for (Val i = 0; i < w->s->val.n; i++)
        if (VALUE(w, i)->kind == kind && VALUE(w, i)->slot == slot &&
            VALUE(w, i)->shape == shape)
            return i;
    Val v = value_new(w, kind, 0, shape, GX_NONE);
    VALUE(w, v)->slot = slot;
    VALUE(w, v)->name = SLOT(w->g, slot)->name;
    return v;
}

static void slot_values(Lower *w)
{
    const Graph *g = w->g;
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        w->s->slot_val[i] = -1;
        if (s->kind == SLOT_PARAM) {
            w->s->slot_val[i] = block(w, VAL_PARAM, i, s->shape);
            continue;
        }
        if (!w->l->whole_slot[i])
            continue;
        Val v = keep(w, s->name, i, s->shape, s->axes);
        w->s->slot_val[i] = v;
        VALUE(w, v)->ref = s->root;
        VALUE(w, v)->axis = s->axis;
        VALUE(w, v)->lag = w->l->lag[i];
        VALUE(w, v)->lead = w->l->lead[i];
        if (s->kind == SLOT_COT)
            VALUE(w, v)->life = LIFE_TEMP;
    }
}

/* Tensors of roots: where not even a slot has them already. */
static void root_values(Lower *w)
{
    const Graph *g = w->g;
    for (int i = 0; i < g->root.n; i++) {
        const Root *root = &g->root.v[i];
        Ref r = level_strip(g, root->value);
        Home h = w->l->home[r];
        bool direct = level_root_direct(w->l, i);
        const Slot *of = root->role == CELL_GRAD ? SLOT(g, root->slot) : NULL;
        const Node *n = NODE(g, root->value);
        if (of && of->kind == SLOT_PARAM)
            w->own[i] = block(w, VAL_GRAD, root->slot, of->shape);
        else if (!direct || (h.kind == HOME_ROOT && h.index == i))
            w->own[i] = keep(w, root->name, -1, n->shape,
                             !of ? n->axes
                             : of->kind == SLOT_INPUT
                                 ? of->axes
                                 : (uint8_t)(of->axes & ~slot_bit(of)));
        if (w->own[i] >= 0)
            w->s->root_val[i] = w->own[i];
        else if (NODE(g, r)->op == OP_READ)
            w->s->root_val[i] = w->s->slot_val[NODE(g, r)->a];
        else
            w->s->root_val[i] =
                h.kind == HOME_SLOT ? w->s->slot_val[h.index] : w->own[h.index];
    }
}

static void find_names(Lower *w)
{
    const Graph *g = w->g;
    w->name = NEW_N(w->arena, const char *, g->node.n);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < g->slot.n; i++) {
            const Slot *s = SLOT(g, i);
            Ref r = slot_computed(s) ? level_strip(g, s->root) : 0;
            if (r && !w->name[r] && (s->kind == SLOT_COT) == (pass == 1))
                w->name[r] = s->name;
        }
    for (int i = 0; i < g->root.n; i++) {
        Ref r = level_strip(g, g->root.v[i].value);
        if (!w->name[r])
            w->name[r] = g->root.v[i].name;
    }
}

static Val *no_values(Lower *w, int n)
{
    Val *v = NEW_N(w->arena, Val, n + 1);
    memset(v, -1, sizeof *v * (size_t)(n + 1));
    return v;
}

void value_begin(Lower *w)
{
    const Graph *g = w->g;
    find_names(w);
    w->leaf = no_values(w, g->node.n);
    w->own = no_values(w, g->root.n);
    w->s->slot_val = no_values(w, g->slot.n);
    w->s->root_val = no_values(w, g->root.n);
    w->s->total = no_values(w, g->root.n);
    w->s->ntime = g->time.n ? g->time.n : 1;
    w->s->len[0] = keep(w, "len", -1, 0, GX_B);
    for (int i = 1; i < w->s->ntime; i++) {
        const char *name = arena_printf(w->arena, "len.%s", g->time.v[i].name);
        w->s->len[i] = sched_same(w->s, i) ? w->s->len[sched_like(w->s, i)]
                                           : keep(w, name, -1, 0, GX_B);
    }
    w->s->last = keep(w, "last", -1, 0, GX_B);
    w->s->start = keep(w, "start", -1, 0, GX_NONE);
    w->s->batch = keep(w, "batch", -1, 0, GX_NONE);
    w->s->skip = w->s->past = w->s->fresh = -1;
    for (int i = 0; i < w->l->order.n; i++) {
        const Node *n = NODE(g, w->l->order.v[i]);
        if (n->op == OP_SKIP)
            w->s->skip = keep(w, "skip", -1, 0, GX_NONE);
        if (n->op == OP_PAST)
            w->s->past = keep(w, "past", -1, 0, GX_NONE);
        if (n->op == OP_TOTAL && w->s->total[n->a] < 0)
            w->s->total[n->a] = keep(
                w, arena_printf(w->arena, "total.%s", g->root.v[n->a].name), -1,
                0, GX_B);
    }
    slot_values(w);
    root_values(w);
}

/* ---- values of operands ---- */

static Val leaf_value(Lower *w, Ref r)
{
    const Graph *g = w->g;
    const Node *n = NODE(g, r);
    Val v;
    switch (n->op) {
    case OP_CONST:
        return value_const(w, n->num);
    case OP_TABLE:
        v = value_new(w, VAL_TABLE, r, n->shape, GX_NONE);
        VALUE(w, v)->table = n->a;
        VALUE(w, v)->name = g->table.v[n->a].name;
        return v;
    case OP_PARAM:
        return w->s->slot_val[n->a];
    case OP_CONCAT:
        return block(w, VAL_PARAM, NODE(g, IN(g, r, 0))->a, n->shape);
    case OP_READ:
        return value_view(w, w->s->slot_val[n->a], 0, n->b, n->shape, n->axes);
    case OP_TIME:
        return value_new(w, VAL_TIME, r, 0, n->axes);
    case OP_LEN:
        return w->s->len[n->a];
    case OP_LAST:
        return w->s->last;
    case OP_START:
        return w->s->start;
    case OP_BATCH:
        return w->s->batch;
    case OP_SKIP:
        return w->s->skip;
    case OP_PAST:
        return w->s->past;
    default:
        return w->s->total[n->a];
    }
}

static Val packed_value(Lower *w, const Task *k)
{
    const Shape *s = SHAPE(w->g, NODE(w->g, k->node)->shape);
    Val v =
        value_new(w, VAL_BUFFER, k->node, NODE(w->g, k->node)->shape, GX_NONE);
    Value *x = VALUE(w, v);
    x->packed = true;
    x->pn = k->trans ? s->dim[0] : s->dim[1];
    x->pk = k->trans ? s->dim[1] : s->dim[0];
    x->n = x->pk * ((x->pn + PANEL - 1) / PANEL * PANEL);
    return v;
}

Val value_task(Lower *w, int i)
{
    const Task *k = &w->t->v.v[i];
    const Node *n = NODE(w->g, k->node);
    Home h = fuse_home(w->t, i);
    uint8_t axes = k->axes;
    if (k->region >= 0 && !k->outside)
        axes &= (uint8_t)~level_bit(w->l, k->region);
    Val v = k->val;
    if (v >= 0)
        return v;
    if (k->kind == TK_PACK)
        v = packed_value(w, k);
    else if (k->kind == TK_SLOT || k->kind == TK_BOUND || k->kind == TK_TAIL)
        v = w->s->slot_val[k->index];
    else if (k->kind == TK_ROOT)
        v = k->index < 0
                ? block(w, VAL_GRAD, k->slot, SLOT(w->g, k->slot)->shape)
                : w->own[k->index];
    else if (h.kind == HOME_SLOT)
        v = w->s->slot_val[h.index];
    else if (h.kind == HOME_ROOT)
        v = value_view(w, w->own[h.index], 0, 0, n->shape, k->axes);
    else if (h.kind == HOME_GRAD)
        v = block(w, VAL_GRAD, h.index, n->shape);
    else if (h.kind == HOME_PART) {
        int c = tasks_find(w->t, k->fn, k->region, (Ref)h.index);
        Val base = value_task(w, c);
        v = value_view(w, base, h.col, 0, n->shape, VALUE(w, base)->axes);
        VALUE(w, v)->ref = k->node;
        VALUE(w, v)->name = w->name[k->node];
    } else
        v = value_new(w, VAL_BUFFER, k->node, n->shape, axes);
    w->t->v.v[i].val = v;
    return v;
}

static Val stripped_value(Lower *w, int i, Ref r)
{
    const Graph *g = w->g;
    const Task *k = &w->t->v.v[i];
    const Node *n = NODE(g, r);
    if (n->op == OP_SLICE) {
        Ref in = IN(g, r, 0);
        Val base = stripped_value(w, i, level_strip(g, in));
        int64_t rows = SHAPE(g, NODE(g, in)->shape)->dim[0];
        int64_t row = shape_size(g, NODE(g, in)->shape) / rows;
        Val v =
            value_view(w, base, n->a * row, 0, n->shape, VALUE(w, base)->axes);
        if (w->name[r])
            VALUE(w, v)->name = w->name[r];
        return v;
    }
    if (level_leaf(w->l, r)) {
        if (w->leaf[r] < 0)
            w->leaf[r] = leaf_value(w, r);
        return w->leaf[r];
    }
    int task = tasks_find(w->t, k->fn, k->region, r);
    if (task < 0)
        arena_panic(w->arena, "schedule: %%%u has no task", r);
    return value_task(w, task);
}

Val value_of(Lower *w, int i, Ref r, bool scalar)
{
    Ref s = scalar ? level_scalar(w->g, r) : level_strip(w->g, r);
    Val v = stripped_value(w, i, s);
    const Value *x = VALUE(w, v);
    const Node *n = NODE(w->g, r);
    if (!scalar && x->shape != n->shape && x->axes == GX_NONE &&
        x->kind != VAL_CONST)
        return value_view(w, v, 0, 0, n->shape, GX_NONE);
    return v;
}

/* ---- lives ---- */

static void touch(Lower *w, Val v, int fn, int stage)
{
    if (v < 0)
        return;
    while (VALUE(w, v)->kind == VAL_VIEW)
        v = VALUE(w, v)->base;
    Value *x = VALUE(w, v);
    if (x->kind != VAL_BUFFER || x->life != LIFE_TEMP)
        return;
    if (x->fn >= 0 && x->fn != fn) {
        x->life = LIFE_TAPE;
        return;
    }
    if (x->fn < 0)
        x->first = stage;
    x->fn = fn;
    x->last = stage;
}

void value_lives(Lower *w)
{
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < w->s->fn[f].stage.n; i++) {
            const Stage *st = &w->s->fn[f].stage.v[i];
            for (int k = 0; k < st->kernel.n; k++) {
                const Kernel *n = &st->kernel.v[k];
                for (int x = 0; x < n->in.n; x++)
                    touch(w, n->in.v[x], f, i);
                for (int x = 0; x < n->inst.n; x++)
                    touch(w, n->inst.v[x].out, f, i);
                touch(w, n->out, f, i);
            }
        }
}
