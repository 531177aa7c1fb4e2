/* final(v): each part of a value at its own last step.  Equations swept
 * forward end at the end, those swept backward at step 1; a concatenation of
 * both directions takes each half at its own.
 * needs: slots with their roots.  gives: no FINAL nodes, only AT.
 * keeps: everything else. */
#include "graph.h"

#include <string.h>

#include "ops.h"

enum { LOOKS_BACK = 1, LOOKS_AHEAD = 2 };

typedef struct Final {
    const Graph *g;
    unsigned char *dir; /* per node: directions of the recurrences in it */
    int axis;           /* along this time axis */
    int nanon;
} Final;

/* Directions spread from READs through operands and slots to a fixpoint. */
static void find_directions(Final *f, int axis)
{
    const Graph *g = f->g;
    f->axis = axis;
    memset(f->dir, 0, (size_t)g->node.n);
    for (bool more = true; more;) {
        more = false;
        for (Ref r = 1; r < (Ref)g->node.n; r++) {
            const Node *n = NODE(g, r);
            unsigned char d = f->dir[r];
            for (int i = 0; i < n->nin; i++)
                d |= f->dir[IN(g, r, i)];
            if (n->op == OP_READ && SLOT(g, n->a)->kind == SLOT_EQN &&
                SLOT(g, n->a)->axis == axis)
                d |= n->b < 0 ? LOOKS_BACK : LOOKS_AHEAD;
            more |= d != f->dir[r];
            f->dir[r] = d;
        }
    }
}

/* A slot that stores node r, made if there is none. */
static int stored_in(Final *f, Graph *to, Ref r)
{
    for (int i = 0; i < to->slot.n; i++)
        if (SLOT(to, i)->root == r && SLOT(to, i)->kind == SLOT_EQN &&
            SLOT(to, i)->axis == f->axis)
            return i;
    int s = graph_slot(to, SLOT_EQN,
                       arena_printf(to->arena, "_final%d", ++f->nanon),
                       NODE(to, r)->shape, NODE(to, r)->axes);
    SLOT(to, s)->axis = f->axis;
    SLOT(to, s)->root = r;
    SLOT(to, s)->span = NODE(to, r)->span;
    return s;
}

static Ref last_of(Final *f, Graph *to, Ref r)
{
    const Node n = *NODE(to, r);
    if (!(n.axes & cell_time(f->axis)))
        return r;
    bool back = f->dir[r] == LOOKS_AHEAD;
    if (f->dir[r] == (LOOKS_BACK | LOOKS_AHEAD) &&
        (n.op == OP_CONCAT || n.op == OP_SLICE || OP_IS_EW(n.op))) {
        Ref *in = NEW_N(to->arena, Ref, n.nin);
        for (int i = 0; i < n.nin; i++)
            in[i] = last_of(f, to, IN(to, r, i));
        return graph_add(to, (Op)n.op, n.nin, in, n.a, n.b, n.num, n.span);
    }
    if (n.op == OP_READ && !n.b && SLOT(to, n.a)->axis == f->axis)
        return graph_add(to, OP_AT, 0, NULL, n.a, back, !back, n.span);
    return graph_add(to, OP_AT, 0, NULL, stored_in(f, to, r), back, !back,
                     n.span);
}

static Ref identity(void *ctx, Graph *to, const Graph *from, Ref r,
                    const Ref *in)
{
    (void)ctx;
    return graph_copy(to, from, r, in);
}

Graph *pass_final(const Graph *g)
{
    bool any = false;
    for (Ref r = 1; r < (Ref)g->node.n; r++)
        any |= NODE(g, r)->op == OP_FINAL;
    Graph *to = graph_map(g, identity, NULL);
    if (!any)
        return to;
    Arena *tmp = arena_new(NULL);
    Final f = {to, NULL, 0, 0};
    int n = to->node.n;
    Ref *at = NEW_N(tmp, Ref, n);
    for (int axis = 0; axis < CELL_TIMES; axis++) {
        f.dir = NEW_N(tmp, unsigned char, to->node.n);
        find_directions(&f, axis);
        for (Ref r = 1; r < (Ref)n; r++)
            if (NODE(to, r)->op == OP_FINAL && NODE(to, r)->a == axis)
                at[r] = last_of(&f, to, IN(to, r, 0));
    }
    /* Uses of a FINAL now use the parts: rewrite operands in place of a
     * second copy, which is legal only on this fresh graph. */
    for (Ref r = 1; r < (Ref)to->node.n; r++)
        for (int i = 0; i < NODE(to, r)->nin; i++) {
            Ref in = IN(to, r, i);
            if (in < (Ref)n && at[in])
                IN(to, r, i) = at[in];
        }
    for (int i = 0; i < to->root.n; i++)
        if (to->root.v[i].value < (Ref)n && at[to->root.v[i].value])
            to->root.v[i].value = at[to->root.v[i].value];
    for (int i = 0; i < to->slot.n; i++) {
        Slot *s = SLOT(to, i);
        if (s->root < (Ref)n && at[s->root])
            s->root = at[s->root];
        for (int k = 0; k < s->lo.n; k++)
            if (s->lo.v[k].value < (Ref)n && at[s->lo.v[k].value])
                s->lo.v[k].value = at[s->lo.v[k].value];
        for (int k = 0; k < s->hi.n; k++)
            if (s->hi.v[k].value < (Ref)n && at[s->hi.v[k].value])
                s->hi.v[k].value = at[s->hi.v[k].value];
    }
    arena_free(tmp);
    return graph_map(to, identity, NULL); /* consed and in order again */
}
