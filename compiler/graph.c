/* Building, hash-consing, walking and rewriting of the graph; see graph.h.
 * Used by every stage from the checker on. */
#include "graph.h"

#include <string.h>

#include "ops.h"

Graph *graph_new(Arena *a, const char *name)
{
    Graph *g = NEW(a, Graph);
    g->arena = a;
    g->name = name;
    Node none = {0};
    vec_push(a, &g->node, none);
    Shape scalar = {0};
    vec_push(a, &g->shape, scalar);
    return g;
}

int graph_shape(Graph *g, int rank, const int64_t *dim)
{
    Shape s = {0};
    s.rank = rank;
    for (int i = 0; i < rank; i++)
        s.dim[i] = dim[i];
    for (int i = 0; i < g->shape.n; i++)
        if (!memcmp(SHAPE(g, i), &s, sizeof s))
            return i;
    vec_push(g->arena, &g->shape, s);
    return g->shape.n - 1;
}

int64_t shape_size(const Graph *g, int shape)
{
    const Shape *s = SHAPE(g, shape);
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
    h ^= x;
    h *= 0x9E3779B97F4A7C15u;
    return h ^ (h >> 29);
}

static uint64_t node_hash(const Graph *g, const Node *n)
{
    uint64_t bits;
    memcpy(&bits, &n->num, sizeof bits);
    uint64_t h = mix(n->op, bits);
    h = mix(h, (uint64_t)(uint32_t)n->a << 32 | (uint32_t)n->b);
    for (int i = 0; i < n->nin; i++)
        h = mix(h, g->pool.v[n->in + i]);
    return h;
}

static bool node_same(const Graph *g, const Node *x, const Node *y)
{
    if (x->op != y->op || x->nin != y->nin || x->a != y->a || x->b != y->b ||
        memcmp(&x->num, &y->num, sizeof x->num))
        return false;
    return !x->nin || !memcmp(g->pool.v + x->in, g->pool.v + y->in,
                              sizeof(Ref) * (size_t)x->nin);
}

static void hash_put(Graph *g, Ref r)
{
    uint64_t i = node_hash(g, NODE(g, r));
    while (g->hash[i & (uint64_t)(g->hash_cap - 1)])
        i++;
    g->hash[i & (uint64_t)(g->hash_cap - 1)] = r;
}

static void hash_room(Graph *g)
{
    if (g->node.n * 2 < g->hash_cap)
        return;
    g->hash_cap = g->hash_cap ? g->hash_cap * 2 : 256;
    g->hash = NEW_N(g->arena, Ref, g->hash_cap);
    for (Ref r = 1; r < (Ref)g->node.n; r++)
        hash_put(g, r);
}

/* The node equal to *n, or 0 and the free place for it. */
static Ref hash_find(const Graph *g, const Node *n, uint64_t *place)
{
    uint64_t mask = (uint64_t)(g->hash_cap - 1), i = node_hash(g, n);
    for (; g->hash[i & mask]; i++)
        if (node_same(g, NODE(g, g->hash[i & mask]), n))
            return g->hash[i & mask];
    *place = i & mask;
    return 0;
}

Ref graph_add(Graph *g, Op op, int nin, const Ref *in, int a, int b, double num,
              Span span)
{
    hash_room(g);
    Node n = {0};
    n.op = (uint16_t)op;
    n.nin = nin;
    n.a = a;
    n.b = b;
    n.num = num;
    n.span = span;
    n.in = g->pool.n;
    for (int i = 0; i < nin; i++)
        vec_push(g->arena, &g->pool, in[i]);
    uint64_t place = 0;
    Ref old = hash_find(g, &n, &place);
    if (old) {
        g->pool.n = n.in;
        return old;
    }
    Shape shape;
    int axes;
    const char *wrong = op_type(g, op, nin, in, a, b, num, &shape, &axes);
    if (wrong)
        arena_panic(g->arena, "graph: %s: %s",
                    op < OP_COUNT ? op_row[op].name : "?", wrong);
    n.shape = graph_shape(g, shape.rank, shape.dim);
    n.axes = (uint8_t)axes;
    vec_push(g->arena, &g->node, n);
    g->hash[place] = (Ref)(g->node.n - 1);
    return (Ref)(g->node.n - 1);
}

static Span operand_span(const Graph *g, Ref a, Ref b)
{
    Span s = NODE(g, a)->span;
    return s.hi || !b ? s : NODE(g, b)->span;
}

Ref graph_const(Graph *g, double v)
{
    return graph_add(g, OP_CONST, 0, NULL, 0, 0, v, (Span){0, 0});
}

Ref graph_op1(Graph *g, Op op, Ref a)
{
    return graph_add(g, op, 1, &a, 0, 0, 0, operand_span(g, a, 0));
}

Ref graph_op2(Graph *g, Op op, Ref a, Ref b)
{
    Ref in[2] = {a, b};
    return graph_add(g, op, 2, in, 0, 0, 0, operand_span(g, a, b));
}

Ref graph_op3(Graph *g, Op op, Ref a, Ref b, Ref c)
{
    Ref in[3] = {a, b, c};
    return graph_add(g, op, 3, in, 0, 0, 0, operand_span(g, a, b));
}

Ref graph_read(Graph *g, int slot, int offset)
{
    return graph_add(g, OP_READ, 0, NULL, slot, offset, 0, SLOT(g, slot)->span);
}

Ref graph_expand(Graph *g, Ref x, int shape)
{
    if (!SHAPE(g, shape)->rank || NODE(g, x)->shape == shape)
        return x;
    return graph_add(g, OP_EXPAND, 1, &x, shape, 0, 0, NODE(g, x)->span);
}

int graph_view_spec(Graph *g, int x, int y, int64_t base, const int64_t *stride)
{
    ViewSpec v;
    memset(&v, 0, sizeof v);
    v.x = x;
    v.y = y;
    v.base = base;
    for (int i = 0; i < SHAPE(g, y)->rank; i++)
        v.stride[i] = stride[i];
    for (int i = 0; i < g->view.n; i++)
        if (!memcmp(&g->view.v[i], &v, sizeof v))
            return i;
    vec_push(g->arena, &g->view, v);
    return g->view.n - 1;
}

Ref graph_view(Graph *g, Ref x, int y, int64_t base, const int64_t *stride)
{
    int spec = graph_view_spec(g, NODE(g, x)->shape, y, base, stride);
    return graph_add(g, OP_VIEW, 1, &x, spec, 0, 0, NODE(g, x)->span);
}

Ref graph_fold(Graph *g, Ref d, int x, int64_t base, const int64_t *stride)
{
    int spec = graph_view_spec(g, x, NODE(g, d)->shape, base, stride);
    return graph_add(g, OP_FOLD, 1, &d, spec, 0, 0, NODE(g, d)->span);
}

int graph_slot(Graph *g, SlotKind kind, const char *name, int shape, int axes)
{
    Slot s = {0};
    s.name = name;
    s.kind = kind;
    s.shape = shape;
    s.axes = (uint8_t)axes;
    while (s.axis < CELL_TIMES - 1 && axes & GX_TIME &&
           !(axes & cell_time(s.axis)))
        s.axis++;
    s.min = -1.0 / 0.0;
    s.max = 1.0 / 0.0;
    s.lr = 1;
    s.decay = -1;
    s.init.kind = "const";
    vec_push(g->arena, &g->slot, s);
    return g->slot.n - 1;
}

int graph_slot_find(const Graph *g, const char *name)
{
    for (int i = 0; i < g->slot.n; i++)
        if (!strcmp(SLOT(g, i)->name, name))
            return i;
    return -1;
}

Graph *graph_like(const Graph *g)
{
    Graph *n = graph_new(g->arena, g->name);
    for (int i = 1; i < g->shape.n; i++)
        vec_push(g->arena, &n->shape, *SHAPE(g, i));
    for (int i = 0; i < g->slot.n; i++) {
        Slot s = *SLOT(g, i);
        s.root = 0;
        memset(&s.lo, 0, sizeof s.lo);
        memset(&s.hi, 0, sizeof s.hi);
        vec_push(g->arena, &n->slot, s);
    }
    for (int i = 0; i < g->root.n; i++) {
        Root r = g->root.v[i];
        r.value = 0;
        vec_push(g->arena, &n->root, r);
    }
    for (int i = 0; i < g->table.n; i++)
        vec_push(g->arena, &n->table, g->table.v[i]);
    for (int i = 0; i < g->time.n; i++)
        vec_push(g->arena, &n->time, g->time.v[i]);
    for (int i = 0; i < g->view.n; i++)
        vec_push(g->arena, &n->view, g->view.v[i]);
    for (int i = 0; i < g->call.n; i++)
        vec_push(g->arena, &n->call, g->call.v[i]);
    return n;
}

Ref graph_copy(Graph *to, const Graph *from, Ref r, const Ref *in)
{
    const Node *n = NODE(from, r);
    return graph_add(to, (Op)n->op, n->nin, in, n->a, n->b, n->num, n->span);
}

/* Depth-first walk with a stack of our own: graphs can be deep. */
typedef struct Walk {
    const Graph *g;
    Arena *arena;
    Order *out;
    char *state; /* per node: 0 new, 1 entered, 2 done */
    VEC(Ref) stack;
    VEC(int) slots; /* slots found used, still to walk */
} Walk;

static void walk_slot(Walk *w, int slot)
{
    if (w->out->slot_used[slot])
        return;
    w->out->slot_used[slot] = true;
    vec_push(w->arena, &w->slots, slot);
}

static void walk_push(Walk *w, Ref r)
{
    if (r && !w->state[r])
        vec_push(w->arena, &w->stack, r);
}

static void walk_run(Walk *w, Ref r)
{
    walk_push(w, r);
    while (w->stack.n) {
        Ref top = w->stack.v[w->stack.n - 1];
        const Node *n = NODE(w->g, top);
        if (!w->state[top]) {
            w->state[top] = 1;
            for (int i = n->nin - 1; i >= 0; i--)
                walk_push(w, IN(w->g, top, i));
            if (n->op == OP_READ || n->op == OP_AT || n->op == OP_PARAM)
                walk_slot(w, n->a);
            continue;
        }
        w->stack.n--;
        if (w->state[top] == 1) {
            w->state[top] = 2;
            w->out->v[w->out->n++] = top;
        }
    }
}

Order graph_order(const Graph *g, Arena *scratch)
{
    Order o = {NEW_N(scratch, Ref, g->node.n + 1), 0,
               NEW_N(scratch, bool, g->slot.n + 1)};
    Walk w = {0};
    w.g = g;
    w.arena = scratch;
    w.out = &o;
    w.state = NEW_N(scratch, char, g->node.n + 1);
    for (int i = 0; i < g->root.n; i++) {
        walk_run(&w, g->root.v[i].value);
        if (g->root.v[i].slot >= 0)
            walk_slot(&w, g->root.v[i].slot);
    }
    for (int i = 0; i < w.slots.n; i++) {
        const Slot *s = SLOT(g, w.slots.v[i]);
        walk_run(&w, s->root);
        for (int k = 0; k < s->lo.n; k++)
            walk_run(&w, s->lo.v[k].value);
        for (int k = 0; k < s->hi.n; k++)
            walk_run(&w, s->hi.v[k].value);
    }
    return o;
}

void graph_idle(Graph *g)
{
    Arena *tmp = arena_new(NULL);
    Order o = graph_order(g, tmp);
    for (int i = 0; i < g->slot.n; i++)
        if (SLOT(g, i)->kind == SLOT_INPUT && !o.slot_used[i])
            SLOT(g, i)->kind = SLOT_IDLE;
    arena_free(tmp);
}

Order graph_order_of(const Graph *g, Ref r, Arena *scratch)
{
    Graph only = *g;
    Root root = {CELL_OUTPUT, "", r, -1, NULL, 0, -1, NULL};
    only.root.v = &root;
    only.root.n = 1;
    return graph_order(&only, scratch);
}

Graph *graph_map(const Graph *g, GraphMap *fn, void *ctx)
{
    Arena *tmp = arena_new(NULL);
    Order o = graph_order(g, tmp);
    Graph *to = graph_like(g);
    Ref *map = NEW_N(tmp, Ref, g->node.n + 1);
    VEC(Ref) in = {0};
    for (int i = 0; i < o.n; i++) {
        Ref r = o.v[i];
        in.n = 0;
        for (int k = 0; k < NODE(g, r)->nin; k++)
            vec_push(tmp, &in, map[IN(g, r, k)]);
        map[r] = fn(ctx, to, g, r, in.v);
    }
    for (int i = 0; i < g->root.n; i++)
        to->root.v[i].value = map[g->root.v[i].value];
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        SLOT(to, i)->root = map[s->root]; /* also unread ones: their names */
        if (!o.slot_used[i])
            continue;
        for (int k = 0; k < s->lo.n; k++) {
            Bound b = {s->lo.v[k].at, map[s->lo.v[k].value]};
            vec_push(to->arena, &SLOT(to, i)->lo, b);
        }
        for (int k = 0; k < s->hi.n; k++) {
            Bound b = {s->hi.v[k].at, map[s->hi.v[k].value]};
            vec_push(to->arena, &SLOT(to, i)->hi, b);
        }
    }
    arena_free(tmp);
    return to;
}
