/* Whether a graph is legal: run between passes, on text that was read, and by
 * the tests.  What it refuses is a mistake of ours, so it says it in terms of
 * nodes; mistakes of users are the checker's. */
#include <string.h>

#include "ops.h"

typedef struct Verify {
    const Graph *g;
    Arena *arena;
    const char *wrong; /* the first mistake */
} Verify;

static void wrong(Verify *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void wrong(Verify *v, const char *fmt, ...)
{
    if (v->wrong)
        return;
    va_list ap;
    va_start(ap, fmt);
    v->wrong = arena_vprintf(v->arena, fmt, ap);
    va_end(ap);
}

/* READ, AT and PARAM against the slot that they name. */
static void verify_slot_use(Verify *v, Ref r)
{
    const Node *n = NODE(v->g, r);
    const Slot *s = SLOT(v->g, n->a);
    bool computed = s->kind == SLOT_EQN || s->kind == SLOT_COT;
    if ((n->op == OP_PARAM) != (s->kind == SLOT_PARAM))
        wrong(v, "%%%u: %s of %s, which is %s parameter", r, op_row[n->op].name,
              s->name, n->op == OP_PARAM ? "no" : "a");
    if (computed && !s->root)
        wrong(v, "%%%u: %s is read but has no equation", r, s->name);
    if ((n->op == OP_AT || (n->op == OP_READ && n->b)) && !slot_steps(s))
        wrong(v, "%%%u: %s is read at another step but has no steps", r,
              s->name);
}

static void verify_node(Verify *v, Ref r)
{
    const Graph *g = v->g;
    const Node *n = NODE(g, r);
    Shape shape;
    int axes;
    if (n->op <= OP_NONE || n->op >= OP_COUNT) {
        wrong(v, "%%%u: unknown operator", r);
        return;
    }
    for (int i = 0; i < n->nin; i++)
        if (!IN(g, r, i) || IN(g, r, i) >= r)
            wrong(v, "%%%u: %s: operand %d is not an earlier node", r,
                  op_row[n->op].name, i);
    if (v->wrong)
        return;
    const char *why =
        op_type(g, (Op)n->op, n->nin, n->nin ? &IN(g, r, 0) : NULL, n->a, n->b,
                n->num, &shape, &axes);
    if (why)
        wrong(v, "%%%u: %s: %s", r, op_row[n->op].name, why);
    else if (memcmp(&shape, SHAPE(g, n->shape), sizeof shape))
        wrong(v, "%%%u: %s: wrong shape", r, op_row[n->op].name);
    else if (axes != n->axes)
        wrong(v, "%%%u: %s: wrong axes", r, op_row[n->op].name);
    else if (n->op == OP_READ || n->op == OP_AT || n->op == OP_PARAM)
        verify_slot_use(v, r);
    else if (n->op == OP_TOTAL && (n->a < 0 || n->a >= g->root.n))
        wrong(v, "%%%u: TOTAL of no term", r);
}

/* Bounds in their order (dir -1: 0, -1, ...; +1: 1, 2, ...) and legal. */
static void verify_bounds(Verify *v, const Slot *s, const Bound *b, int n,
                          int dir)
{
    for (int i = 0; i < n; i++) {
        if (i ? (b[i].at - b[i - 1].at) * dir <= 0
              : (dir < 0 ? b[i].at > 0 : b[i].at < 1))
            wrong(v, "%s: boundary index %d out of order", s->name, b[i].at);
        if (!b[i].value || b[i].value >= (Ref)v->g->node.n) {
            wrong(v, "%s: boundary %d has no value", s->name, b[i].at);
            return;
        }
        const Node *x = NODE(v->g, b[i].value);
        if (x->axes & ~((s->axes | GX_B) & ~slot_bit(s)))
            wrong(v, "%s: boundary %d varies over time", s->name, b[i].at);
        if (x->shape != s->shape && SHAPE(v->g, x->shape)->rank)
            wrong(v, "%s: boundary %d has another shape", s->name, b[i].at);
    }
}

static void verify_slot(Verify *v, const Slot *s)
{
    if (s->kind == SLOT_EQN || s->kind == SLOT_COT) {
        if (s->root >= (Ref)v->g->node.n) {
            wrong(v, "%s: its equation is not a node", s->name);
            return;
        }
        const Node *x = NODE(v->g, s->root);
        if (s->root && x->shape != s->shape)
            wrong(v, "%s: its equation has another shape", s->name);
        if (s->root && (x->axes | s->axes) != s->axes)
            wrong(v, "%s: its equation varies over more axes", s->name);
    } else if (s->root) {
        wrong(v, "%s: only equations have a root", s->name);
    }
    if (s->kind == SLOT_PARAM && s->axes != GX_NONE)
        wrong(v, "%s: a parameter with axes", s->name);
    verify_bounds(v, s, s->lo.v, s->lo.n, -1);
    verify_bounds(v, s, s->hi.v, s->hi.n, 1);
}

static void verify_root(Verify *v, const Root *r)
{
    const Graph *g = v->g;
    if (!r->value || r->value >= (Ref)g->node.n) {
        wrong(v, "root %s: no value", r->name);
        return;
    }
    const Node *n = NODE(g, r->value);
    if (r->slot < -1 || r->slot >= g->slot.n)
        wrong(v, "root %s: no such slot", r->name);
    else if (r->role == CELL_LOSS && (n->axes || SHAPE(g, n->shape)->rank))
        wrong(v, "root %s: a loss is one number", r->name);
    else if (r->role == CELL_GRAD &&
             (r->slot < 0 || n->shape != SLOT(g, r->slot)->shape ||
              (n->axes | SLOT(g, r->slot)->axes) != SLOT(g, r->slot)->axes))
        wrong(v, "root %s: does not fit what it is the gradient of", r->name);
    else if (r->role == CELL_NEXT &&
             (r->slot < 0 || SLOT(g, r->slot)->kind != SLOT_PARAM || n->axes ||
              n->shape != SLOT(g, r->slot)->shape))
        wrong(v, "root %s: does not fit its parameter", r->name);
}

/* One name, one slot: descriptor and text both rely on it. */
static void verify_names(Verify *v)
{
    const Graph *g = v->g;
    Intern *in = intern_new(v->arena);
    const char **name = NEW_N(v->arena, const char *, g->slot.n + 1);
    for (int i = 0; i < g->slot.n; i++)
        name[i] = intern_str(in, SLOT(g, i)->name);
    for (int i = 0; i < g->slot.n; i++)
        for (int k = 0; k < i; k++)
            if (name[i] == name[k])
                wrong(v, "two slots are called %s", name[i]);
}

const char *graph_verify(const Graph *g, Arena *scratch)
{
    Verify v = {g, scratch, NULL};
    for (Ref r = 1; r < (Ref)g->node.n && !v.wrong; r++)
        verify_node(&v, r);
    for (int i = 0; i < g->slot.n && !v.wrong; i++)
        verify_slot(&v, SLOT(g, i));
    for (int i = 0; i < g->root.n && !v.wrong; i++)
        verify_root(&v, &g->root.v[i]);
    if (!v.wrong)
        verify_names(&v);
    return v.wrong;
}
