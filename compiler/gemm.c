/* Products that share an operand become one: the gates of a cell read x and
 * h[t-1] through one matrix each, whatever the cell.  Before differentiation,
 * so that the gradient inherits the merged products.  A product with a one-hot
 * vector is the look-up of a column, and its gradient then touches that column
 * alone.
 * needs: MATVECs of parameters or columns of them.  gives: SLICEs of one MATVEC
 * whose matrix is the CONCAT of these; plan.c lays parameters side by side.
 * keeps: values.  Source: Appleyard, Kocisky, Blunsom 2016 (merged gates). */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

#include "ops.h"

typedef struct Member {
    Ref node;  /* the MATVEC */
    Ref x;     /* the shared operand */
    int slot;  /* its matrix, */
    int view;  /* or a VIEW of that, else -1 */
    int rows;  /* of that matrix */
    int first; /* member that begins its group, -1: alone */
    int at;    /* its first row in the merged product */
} Member;

typedef struct Gemm {
    Member *m;
    int n;
    int *of; /* per node: its member, or -1 */
} Gemm;

static int by_operand(const void *p, const void *q)
{
    const Member *a = p, *b = q;
    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    return a->view < b->view ? -1 : a->view > b->view;
}

static void find_members(const Graph *g, const Order *o, Gemm *z)
{
    for (int i = 0; i < o->n; i++) {
        const Node *n = NODE(g, o->v[i]);
        if (n->op != OP_MATVEC || n->a)
            continue;
        Ref w = IN(g, o->v[i], 0);
        int view = NODE(g, w)->op == OP_VIEW ? NODE(g, w)->a : -1;
        w = view < 0 ? w : IN(g, w, 0);
        if (NODE(g, w)->op != OP_PARAM)
            continue;
        Member *m = &z->m[z->n++];
        m->node = o->v[i];
        m->x = IN(g, o->v[i], 1);
        m->slot = NODE(g, w)->a;
        m->view = view;
        m->rows = (int)SHAPE(g, n->shape)->dim[0];
        m->first = -1;
    }
}

static void group_members(Gemm *z)
{
    qsort(z->m, (size_t)z->n, sizeof *z->m, by_operand);
    for (int i = 0; i < z->n;) {
        int k = i, at = 0;
        for (; k < z->n && z->m[k].x == z->m[i].x; k++) {
            z->m[k].at = at;
            at += z->m[k].rows;
        }
        for (int j = i; j < k && k - i > 1; j++)
            z->m[j].first = i;
        i = k;
    }
    for (int i = 0; i < z->n; i++)
        z->of[z->m[i].node] = i;
}

/* W x; column i of W where x is one-hot at i. */
static Ref product(Graph *to, Ref w, Ref x, Span span)
{
    Ref in[2] = {w, x};
    if (NODE(to, x)->op != OP_ONEHOT)
        return graph_add(to, OP_MATVEC, 2, in, 0, 0, 0, span);
    in[0] = graph_add(to, OP_TRANSPOSE, 1, &w, 0, 0, 0, span);
    in[1] = IN(to, x, 0);
    return graph_add(to, OP_GATHER, 2, in, 0, 0, 0, span);
}

static Ref merged(const Gemm *z, Graph *to, const Member *m, Ref x, Span span)
{
    int k = m->first, n = 0;
    while (k + n < z->n && z->m[k + n].first == m->first)
        n++;
    Ref *w = malloc(sizeof *w * (size_t)n);
    if (!w)
        arena_panic(to->arena, "out of memory");
    for (int i = 0; i < n; i++) {
        const Member *of = &z->m[k + i];
        w[i] = graph_add(to, OP_PARAM, 0, NULL, of->slot, 0, 0,
                         SLOT(to, of->slot)->span);
        if (of->view >= 0)
            w[i] = graph_add(to, OP_VIEW, 1, &w[i], of->view, 0, 0,
                             SLOT(to, of->slot)->span);
    }
    Ref all =
        product(to, graph_add(to, OP_CONCAT, n, w, 0, 0, 0, span), x, span);
    free(w);
    return graph_add(to, OP_SLICE, 1, &all, m->at, m->at + m->rows, 0, span);
}

static Ref gemm_node(void *ctx, Graph *to, const Graph *from, Ref r,
                     const Ref *in)
{
    const Gemm *z = ctx;
    int i = z->of[r];
    if (i < 0)
        return graph_copy(to, from, r, in);
    if (z->m[i].first < 0)
        return product(to, in[0], in[1], NODE(from, r)->span);
    return merged(z, to, &z->m[i], in[1], NODE(from, r)->span);
}

Graph *pass_gemm(const Graph *g)
{
    Arena *tmp = arena_new(NULL);
    Order o = graph_order(g, tmp);
    Gemm z = {NEW_N(tmp, Member, o.n + 1), 0, NEW_N(tmp, int, g->node.n + 1)};
    for (int i = 0; i < g->node.n; i++)
        z.of[i] = -1;
    find_members(g, &o, &z);
    group_members(&z);
    Graph *to = graph_map(g, gemm_node, &z);
    arena_free(tmp);
    return to;
}
