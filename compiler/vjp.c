/* Vector-Jacobian products: what each operator hands on to its operands.
 * Elementwise rows come from ops.def's derivative text; the structural
 * operators have a line each.  Called by grad.c in reverse order. */
#include <string.h>

#include "grad.h"

static Ref add2(Grad *z, Op op, Ref a, Ref b)
{
    return graph_op2(z->g, op, a, b);
}

static Ref zero(Grad *z)
{
    return graph_const(z->g, 0);
}

static Ref node1(Grad *z, Op op, Ref x, int a, int b)
{
    return graph_add(z->g, op, 1, &x, a, b, 0, NODE(z->g, x)->span);
}

Ref cot_full(Grad *z, Ref d, Ref like)
{
    Graph *g = z->g;
    const Node n = *NODE(g, like);
    for (int i = 0; i < CELL_TIMES; i++) {
        if (!(n.axes & ~NODE(g, d)->axes & cell_time(i)))
            continue;
        Ref t = graph_add(g, OP_TIME, 0, NULL, i, 0, 0, n.span);
        d = graph_op3(g, OP_select, add2(z, OP_ge, t, zero(z)), d, zero(z));
    }
    if (n.axes && !NODE(g, d)->axes) {
        Ref len = graph_add(g, OP_LEN, 0, NULL, 0, 0, 0, n.span);
        d = graph_op3(g, OP_select, add2(z, OP_ge, len, zero(z)), d, zero(z));
    }
    return SHAPE(g, NODE(g, d)->shape)->rank
               ? d
               : graph_expand(g, d, NODE(g, like)->shape);
}

void cot_add(Grad *z, Ref r, Ref d)
{
    Graph *g = z->g;
    if (!z->wants[r] || graph_is_const(g, d, 0))
        return;
    if (SHAPE(g, NODE(g, d)->shape)->rank && !SHAPE(g, NODE(g, r)->shape)->rank)
        d = graph_op1(g, OP_SUM, d);
    int extra = NODE(g, d)->axes & ~NODE(g, r)->axes;
    if (extra)
        d = node1(z, OP_SUMA, d, extra, 0);
    vec_push(z->tmp, &z->cot[r].full, d);
}

/* Parts side by side become one CONCAT; overlapping ones are padded. */
static Ref cot_parts(Grad *z, Ref r)
{
    Graph *g = z->g;
    Cot *c = &z->cot[r];
    const Shape shape = *SHAPE(g, NODE(g, r)->shape);
    for (int i = 1; i < c->part.n; i++)
        for (int k = i; k && c->part.v[k].lo < c->part.v[k - 1].lo; k--) {
            PartCot x = c->part.v[k];
            c->part.v[k] = c->part.v[k - 1];
            c->part.v[k - 1] = x;
        }
    VEC(Ref) list = {0};
    int at = 0;
    for (int i = 0; i <= c->part.n; i++) {
        int lo = i < c->part.n ? c->part.v[i].lo : (int)shape.dim[0];
        if (lo < at) { /* overlap: leave it to PAD */
            Ref pad = node1(z, OP_PAD, c->part.v[i].d, lo, (int)shape.dim[0]);
            vec_push(z->tmp, &c->full, pad);
            continue;
        }
        if (lo > at) {
            int64_t dim[SHAPE_RANK];
            memcpy(dim, shape.dim, sizeof dim);
            dim[0] = lo - at;
            Ref gap = graph_expand(g, zero(z), graph_shape(g, shape.rank, dim));
            vec_push(z->tmp, &list, gap);
        }
        if (i < c->part.n) {
            vec_push(z->tmp, &list, c->part.v[i].d);
            at = c->part.v[i].hi;
        }
    }
    return list.n == 1 ? list.v[0]
                       : graph_add(g, OP_CONCAT, list.n, list.v, 0, 0, 0,
                                   NODE(g, r)->span);
}

Ref cot_total(Grad *z, Ref r)
{
    Cot *c = &z->cot[r];
    Ref sum = c->part.n ? cot_parts(z, r) : 0;
    for (int i = 0; i < c->full.n; i++)
        sum = sum ? add2(z, OP_add, sum, c->full.v[i]) : c->full.v[i];
    return sum;
}

static Ref template_add(void *ctx, Graph *g, Op op, int nin, const Ref *in,
                        double num, Span span)
{
    (void)ctx;
    return graph_add(g, op, nin, in, 0, 0, num, span);
}

static void vjp_elementwise(Grad *z, Ref r, Ref d)
{
    Graph *g = z->g;
    const Node n = *NODE(g, r);
    for (int i = 0; i < n.nin; i++) {
        if (!z->wants[IN(g, r, i)])
            continue;
        if (!z->tpl[n.op][i])
            z->tpl[n.op][i] = tpl_parse(z->tmp, op_row[n.op].d[i]);
        Ref var[TPL_VARS] = {0};
        for (int k = 0; k < n.nin; k++)
            var[k] = IN(g, r, k);
        var['y' - 'a'] = r;
        var['d' - 'a'] = d;
        cot_add(z, IN(g, r, i),
                tpl_build(g, z->tpl[n.op][i], var, n.span, template_add, NULL));
    }
}

/* What the user did not write; whether it matters shows when all is done. */
static void vjp_call(Grad *z, Ref r, Ref d)
{
    const Node n = *NODE(z->g, r);
    Ref in[CALL_MOST];
    for (int i = 0; i < n.nin; i++)
        in[i] = IN(z->g, r, i);
    for (int i = 0; i < n.nin; i++)
        if (z->wants[in[i]] && NODE(z->g, in[i])->op != OP_stopgrad)
            cot_add(z, in[i],
                    add2(z, OP_mul, d,
                         graph_add(z->g, OP_CALL, n.nin, in, n.a, i + 1, 0,
                                   n.span)));
}

static void vjp_concat(Grad *z, Ref r, Ref d)
{
    Graph *g = z->g;
    const Node n = *NODE(g, r);
    int at = 0;
    for (int i = 0; i < n.nin; i++) {
        Ref x = IN(g, r, i);
        const Shape s = *SHAPE(g, NODE(g, x)->shape);
        int rows = s.rank ? (int)s.dim[0] : 1;
        Ref part = node1(z, OP_SLICE, d, at, at + rows);
        if (!s.rank)
            part = node1(z, OP_RESHAPE, part, NODE(g, x)->shape, 0);
        cot_add(z, x, part);
        at += rows;
    }
}

static void vjp_lookup(Grad *z, Ref r, Ref d)
{
    Graph *g = z->g;
    const Node n = *NODE(g, r);
    Ref x = IN(g, r, 0), in[2] = {d, IN(g, r, 1)};
    int rows = (int)SHAPE(g, NODE(g, x)->shape)->dim[0];
    bool sum = n.axes && !NODE(g, x)->axes; /* one vector for all rows */
    if (n.op == OP_PICK && !sum)
        cot_add(z, x, graph_add(g, OP_PLACE, 2, in, rows, 0, 0, n.span));
    else if (n.op == OP_PLACE)
        cot_add(z, x, graph_add(g, OP_PICK, 2, in, 0, 0, 0, n.span));
    else
        cot_add(z, x, graph_add(g, OP_SCATTER, 2, in, rows, 0, 0, n.span));
}

/* Where an operand equals the extreme value; ties share what there is. */
static Ref at_extreme(Grad *z, Ref r, Ref d)
{
    Graph *g = z->g;
    const Node n = *NODE(g, r);
    bool over = n.op == OP_MAXA || n.op == OP_MINA;
    Ref x = IN(g, r, 0), hit = add2(z, OP_eq, x, r);
    Ref ties = node1(z, over ? OP_SUMA : OP_SUM, hit, over ? n.a : 0, 0);
    return graph_op3(g, OP_select, hit, add2(z, OP_div, d, ties), zero(z));
}

static void vjp_own(Grad *z, Ref r, Ref d)
{
    Graph *g = z->g;
    cot_add(z, IN(g, r, 0), d);
    for (int i = 1; i + 1 < NODE(g, r)->nin; i += 2)
        cot_add(z, IN(g, r, i), add2(z, OP_mul, d, IN(g, r, i + 1)));
}

/* A step that operand x does not hand on gets nothing. */
static void vjp_every(Grad *z, Ref x, const Node *n, Ref d)
{
    Graph *g = z->g;
    const TimeAxis axis = g->time.v[n->a];
    Ref t = graph_add(g, OP_TIME, 0, NULL, axis.like, 0, 0, n->span);
    Ref at = add2(z, OP_mod, add2(z, OP_add, t, graph_const(g, n->b)),
                  graph_const(g, axis.rate));
    Ref held = node1(z, OP_HOLD, d, n->a, n->b);
    Ref taken = add2(z, OP_lt, at, graph_const(g, n->num));
    cot_add(z, x,
            n->num < axis.rate ? graph_op3(g, OP_select, taken, held, zero(z))
                               : held);
}

static void vjp_hold(Grad *z, Ref x, const Node *n, Ref d)
{
    cot_add(z, x,
            graph_add(z->g, OP_EVERY, 1, &d, n->a, n->b,
                      z->g->time.v[n->a].rate, n->span));
}

static void vjp_slice(Grad *z, Ref x, const Node *n, Ref d)
{
    PartCot p = {n->a, n->b, d};
    if (z->wants[x])
        vec_push(z->tmp, &z->cot[x].part, p);
}

void vjp(Grad *z, Ref r, Ref d)
{
    Graph *g = z->g;
    const Node n = *NODE(g, r);
    if (n.op == OP_CALL) {
        vjp_call(z, r, d);
        return;
    }
    if (OP_IS_EW(n.op)) {
        vjp_elementwise(z, r, d);
        return;
    }
    Ref x = n.nin ? IN(g, r, 0) : 0;
    switch (n.op) {
    case OP_SUM:
        cot_add(z, x, graph_expand(g, d, NODE(g, x)->shape));
        break;
    case OP_MAXV:
    case OP_MINV:
    case OP_MAXA:
    case OP_MINA:
        cot_add(z, x, at_extreme(z, r, d));
        break;
    case OP_PICK:
    case OP_PLACE:
    case OP_GATHER:
        vjp_lookup(z, r, d);
        break;
    case OP_CONCAT:
        vjp_concat(z, r, d);
        break;
    case OP_SLICE:
        vjp_slice(z, x, &n, d);
        break;
    case OP_PAD:
        cot_add(z, x,
                node1(z, OP_SLICE, d, n.a,
                      n.a + (int)SHAPE(g, NODE(g, x)->shape)->dim[0]));
        break;
    case OP_RESHAPE:
        cot_add(z, x, node1(z, OP_RESHAPE, d, NODE(g, x)->shape, 0));
        break;
    case OP_EXPAND:
        cot_add(z, x, graph_op1(g, OP_SUM, d));
        break;
    case OP_ALONG:
        cot_add(z, x, node1(z, OP_ALONG, d, n.b, n.a));
        break;
    case OP_EVERY:
        vjp_every(z, x, &n, d);
        break;
    case OP_HOLD:
        vjp_hold(z, x, &n, d);
        break;
    case OP_REVERSE:
        cot_add(z, x, node1(z, OP_REVERSE, d, n.a, 0));
        break;
    case OP_SUMA:
        cot_add(z, x, d);
        break;
    case OP_POOL: /* a constant operand apart, x has the rows that it sums */
        cot_add(z, x, n.axes ? node1(z, OP_POOL, d, n.a, n.b) : d);
        break;
    case OP_OWN:
        vjp_own(z, r, d);
        break;
    default:
        vjp_matrix(z, r, d);
    }
}
