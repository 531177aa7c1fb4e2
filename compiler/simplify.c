/* Simplification: constants folded, rules.def applied bottom-up to a
 * fixpoint, structural operators that only move data removed.
 * needs: a verified graph.  gives: an equal one.  keeps: slots and roots.
 * Runs before and after differentiation; pass_stable is the part of it that the
 * interpreter takes too. */
#include "simplify.h"

#include <math.h>
#include <string.h>

#include "ops.h"
#include "template.h"

typedef struct Rule {
    const char *from, *to;
    bool stable; /* for the sake of its digits */
    Tpl *pattern, *result;
} Rule;

struct Simplify {
    Arena *tmp;
    Rule *rule;
    int nrule;
    int *by_op[OP_COUNT]; /* indices of rules whose pattern has that op */
    int nby_op[OP_COUNT];
    bool plain;   /* also drop OWN and stopgrad: after differentiation */
    int *divides; /* per node of the graph that is read: how many others */
};

static const Rule rules[] = {
#define R(from, to) {from, to, false, NULL, NULL},
#define STABLE(from, to) {from, to, true, NULL, NULL},
#include "rules.def"
#undef STABLE
#undef R
};

static Ref simp(Simplify *s, Graph *g, Op op, int nin, const Ref *in, int a,
                int b, double num, Span span);

static Ref simp_add(void *ctx, Graph *g, Op op, int nin, const Ref *in,
                    double num, Span span)
{
    return simp(ctx, g, op, nin, in, 0, 0, num, span);
}

bool simplify_plain(const Simplify *s)
{
    return s->plain;
}

bool simplify_fill(const Graph *g, Ref r, double v)
{
    while (NODE(g, r)->op == OP_EXPAND || NODE(g, r)->op == OP_RESHAPE)
        r = IN(g, r, 0);
    return graph_is_const(g, r, v);
}

static Ref fill_like(Graph *g, Ref r, double v)
{
    return graph_expand(g, graph_const(g, v), NODE(g, r)->shape);
}

/* An expanded scalar beside an operand of full shape is broadcast anyway. */
static Op unexpand(const Graph *g, Op op, int nin, Ref *in)
{
    int full = -1;
    for (int i = 0; i < nin; i++)
        if (SHAPE(g, NODE(g, in[i])->shape)->rank &&
            NODE(g, in[i])->op != OP_EXPAND)
            full = i;
    for (int i = 0; i < nin && full >= 0; i++)
        if (NODE(g, in[i])->op == OP_EXPAND)
            in[i] = IN(g, in[i], 0);
    return op;
}

static bool constants(const Graph *g, int nin, const Ref *in, double *x)
{
    for (int i = 0; i < nin; i++) {
        if (NODE(g, in[i])->op != OP_CONST)
            return false;
        x[i] = NODE(g, in[i])->num;
    }
    return true;
}

static Ref fold(Graph *g, Op op, int nin, const Ref *in)
{
    double x[3];
    return constants(g, nin, in, x) ? graph_const(g, op_scalar(op, x)) : 0;
}

static Ref fold_call(Graph *g, int nin, const Ref *in, int call)
{
    double x[CALL_MOST];
    return constants(g, nin, in, x)
               ? graph_const(g, graph_call_value(g, call, x))
               : 0;
}

/* r as the first rule that fits it says, or r. */
static Ref ruled(Simplify *s, Graph *g, Ref r, Span span)
{
    Op op = (Op)NODE(g, r)->op;
    if (NODE(g, IN(g, r, 0))->op == OP_SOFTMAX &&
        SHAPE(g, NODE(g, r)->shape)->rank > 1)
        return r; /* the rules are of one line */
    for (int i = 0; i < s->nby_op[op]; i++) {
        const Rule *rule = &s->rule[s->by_op[op][i]];
        Ref var[TPL_VARS] = {0};
        if (!tpl_match(g, rule->pattern, r, var))
            continue;
        Ref to = tpl_build(g, rule->result, var, span, simp_add, s);
        if (NODE(g, to)->shape == NODE(g, r)->shape &&
            NODE(g, to)->axes == NODE(g, r)->axes)
            return to;
    }
    return r;
}

/* a v + a v, where a is a number beside a row, is (a + a) v, to the last bit.
 */
static Ref doubled(Simplify *s, Graph *g, Op op, const Ref *x, Span span)
{
    const Node n = *NODE(g, x[0]);
    if (!s->plain || op != OP_add || x[0] != x[1] || n.op != OP_mul ||
        !SHAPE(g, n.shape)->rank)
        return 0;
    for (int i = 0; i < 2; i++) {
        Ref a = IN(g, x[0], i), twice[2] = {a, a}, in[2] = {0};
        if (SHAPE(g, NODE(g, a)->shape)->rank)
            continue;
        in[1] = IN(g, x[0], !i);
        in[0] = simp(s, g, OP_add, 2, twice, 0, 0, 0, span);
        return simp(s, g, OP_mul, 2, in, 0, 0, 0, span);
    }
    return 0;
}

/* ---- divisions, each of which takes as long as five multiplications ---- */

/* Whether fewer numbers divide than are divided. */
static bool is_narrow(const Graph *g, Ref below, Ref all)
{
    const Node *b = NODE(g, below), *a = NODE(g, all);
    return b->op == OP_EXPAND || !SHAPE(g, b->shape)->rank ||
           (a->axes & ~b->axes) ||
           (simplify_same_in_step(g, below) && !simplify_same_in_step(g, all));
}

/* x y for x / z, where y = 1 / z; 0: r is nothing to be divided so. */
static Ref by_inverse(Simplify *s, Graph *g, Ref r, bool shared, Span span)
{
    const Node *n = NODE(g, r);
    if (!s->plain || n->op != OP_div || shape_size(g, n->shape) < 2)
        return 0;
    Ref x = IN(g, r, 0), z = IN(g, r, 1);
    if (!shared && !is_narrow(g, z, r))
        return 0;
    int shape = NODE(g, z)->shape;
    bool spread = NODE(g, z)->op == OP_EXPAND;
    Ref in[2] = {x, spread ? IN(g, z, 0) : z};
    in[1] = simp(s, g, OP_recip, 1, &in[1], 0, 0, 0, span);
    if (spread)
        in[1] = graph_expand(g, in[1], shape);
    return simp(s, g, OP_mul, 2, in, 0, 0, 0, span);
}

/* How many things each node divides. */
static int *count_divisions(const Graph *g, Arena *tmp)
{
    int *count = NEW_N(tmp, int, g->node.n);
    for (Ref r = 1; r < (Ref)g->node.n; r++)
        if (NODE(g, r)->op == OP_div)
            count[IN(g, r, 1)]++;
    return count;
}

static Ref elementwise(Simplify *s, Graph *g, Op op, int nin, const Ref *in,
                       Span span)
{
    Ref x[3];
    memcpy(x, in, sizeof *x * (size_t)nin);
    unexpand(g, op, nin, x);
    Ref r = fold(g, op, nin, x);
    if (!r)
        r = doubled(s, g, op, x, span);
    if (!r && op == OP_mul)
        r = simplify_matrix(s, g, op, x, 0, 0, span);
    if (r)
        return r;
    if (op == OP_select && NODE(g, x[0])->op == OP_CONST) {
        Ref pick = NODE(g, x[0])->num != 0 ? x[1] : x[2];
        Ref other = NODE(g, x[0])->num != 0 ? x[2] : x[1];
        if (NODE(g, pick)->shape == NODE(g, other)->shape ||
            SHAPE(g, NODE(g, pick)->shape)->rank)
            return pick;
    }
    if ((op == OP_stopgrad || op == OP_clipgrad) && s->plain)
        return x[0];
    r = ruled(s, g, graph_add(g, op, nin, x, 0, 0, 0, span), span);
    Ref divided = by_inverse(s, g, r, false, span);
    if (divided)
        return divided;
    Op now = (Op)NODE(g, r)->op;
    Ref scaled = s->plain && (now == OP_mul || now == OP_div)
                     ? simplify_scaled(s, g, r, span)
                     : 0;
    return scaled ? scaled : r;
}

/* [x[0:a], x[a:n]] is x again. */
static Ref concat(Graph *g, int nin, const Ref *in)
{
    if (nin == 1 && SHAPE(g, NODE(g, in[0])->shape)->rank)
        return in[0];
    Ref whole = 0;
    int64_t at = 0;
    for (int i = 0; i < nin; i++) {
        const Node *n = NODE(g, in[i]);
        if (n->op != OP_SLICE || n->a != at ||
            (whole && IN(g, in[i], 0) != whole))
            return 0;
        whole = IN(g, in[i], 0);
        at = n->b;
    }
    return at == SHAPE(g, NODE(g, whole)->shape)->dim[0] ? whole : 0;
}

static Ref slice(Simplify *s, Graph *g, Ref x, int a, int b, Span span)
{
    const Node *n = NODE(g, x);
    if (a == 0 && b == SHAPE(g, n->shape)->dim[0])
        return x;
    if (n->op == OP_SLICE) {
        Ref in = IN(g, x, 0);
        return simp(s, g, OP_SLICE, 1, &in, a + n->a, b + n->a, 0, span);
    }
    if (n->op == OP_EXPAND) {
        Shape part = *SHAPE(g, n->shape);
        part.dim[0] = b - a;
        return graph_expand(g, IN(g, x, 0),
                            graph_shape(g, part.rank, part.dim));
    }
    int64_t at = 0;
    for (int i = 0; n->op == OP_CONCAT && i < n->nin; i++) {
        const Shape *p = SHAPE(g, NODE(g, IN(g, x, i))->shape);
        int64_t end = at + (p->rank ? p->dim[0] : 1);
        if (p->rank && a >= at && b <= end) {
            Ref in = IN(g, x, i);
            return simp(s, g, OP_SLICE, 1, &in, (int)(a - at), (int)(b - at), 0,
                        span);
        }
        at = end;
    }
    return 0;
}

static Ref matvec(Simplify *s, Graph *g, const Ref *in, int trans, Span span)
{
    if (simplify_fill(g, in[0], 0)) { /* a weight that was given the value 0 */
        Ref r = graph_add(g, OP_MATVEC, 2, in, trans, 0, 0, span);
        return fill_like(g, r, 0);
    }
    return simplify_matrix(s, g, OP_MATVEC, in, trans, 0, span);
}

static Ref reshape(Simplify *s, Graph *g, Ref x, int shape, Span span)
{
    if (NODE(g, x)->shape == shape)
        return x;
    if (NODE(g, x)->op == OP_EXPAND)
        return graph_expand(g, IN(g, x, 0), shape);
    if (NODE(g, x)->op != OP_RESHAPE)
        return 0;
    Ref in = IN(g, x, 0);
    return simp(s, g, OP_RESHAPE, 1, &in, shape, 0, 0, span);
}

/* A matrix that is the same for all is inverted once. */
static Ref solve(Simplify *s, Graph *g, const Ref *in, Span span)
{
    if (NODE(g, in[0])->axes || !NODE(g, in[1])->axes)
        return 0;
    int shape = NODE(g, in[0])->shape;
    int64_t n = SHAPE(g, shape)->dim[0], stride = n + 1;
    Ref ones = graph_expand(g, graph_const(g, 1), graph_shape(g, 1, &n));
    Ref pair[2] = {in[0], graph_fold(g, ones, shape, 0, &stride)};
    pair[0] = graph_add(g, OP_SOLVE, 2, pair, 0, 0, 0, span);
    pair[1] = in[1];
    bool vector = SHAPE(g, NODE(g, in[1])->shape)->rank == 1;
    return simp(s, g, vector ? OP_MATVEC : OP_MATMUL, 2, pair, 0, 0, 0, span);
}

static Ref structural(Simplify *s, Graph *g, Op op, int nin, const Ref *in,
                      int a, int b, Span span)
{
    switch (op) {
    case OP_OWN:
        return s->plain ? in[0] : 0;
    case OP_EXPAND:
        return NODE(g, in[0])->shape == a ? in[0] : 0;
    case OP_RESHAPE:
        return reshape(s, g, in[0], a, span);
    case OP_SUM:
        if (!SHAPE(g, NODE(g, in[0])->shape)->rank)
            return in[0];
        return s->plain ? simplify_matrix(s, g, op, in, a, b, span) : 0;
    case OP_SUMA:
    case OP_POOL:
        return s->plain ? simplify_sum(s, g, op, in[0], a, b, span) : 0;
    case OP_TRANSPOSE:
    case OP_MATMUL:
    case OP_VIEW:
    case OP_FOLD:
        return simplify_matrix(s, g, op, in, a, b, span);
    case OP_SOLVE:
        return solve(s, g, in, span);
    case OP_CONCAT:
        return concat(g, nin, in);
    case OP_SLICE:
        return slice(s, g, in[0], a, b, span);
    case OP_MATVEC:
        return matvec(s, g, in, a, span);
    default:
        return 0;
    }
}

/* A sum with a vector of zeros, which is_fill sees through EXPAND. */
static Ref add_zero(Graph *g, Op op, const Ref *in)
{
    if (op != OP_add && op != OP_sub)
        return 0;
    const Node *x = NODE(g, in[0]), *y = NODE(g, in[1]);
    if (simplify_fill(g, in[1], 0) && (x->shape == y->shape || !y->shape))
        return in[0];
    if (op == OP_add && simplify_fill(g, in[0], 0) &&
        (x->shape == y->shape || !x->shape))
        return in[1];
    return 0;
}

static Ref simp(Simplify *s, Graph *g, Op op, int nin, const Ref *in, int a,
                int b, double num, Span span)
{
    Ref r = add_zero(g, op, in);
    if (r)
        return r;
    if (op == OP_CALL && !b && (r = fold_call(g, nin, in, a)))
        return r;
    if (OP_IS_EW(op) && op != OP_CALL)
        return elementwise(s, g, op, nin, in, span);
    r = structural(s, g, op, nin, in, a, b, span);
    return r ? r : graph_add(g, op, nin, in, a, b, num, span);
}

Ref simplify_add(Simplify *s, Graph *g, Op op, int nin, const Ref *in, int a,
                 int b, Span span)
{
    return simp(s, g, op, nin, in, a, b, 0, span);
}

static Ref simp_node(void *ctx, Graph *to, const Graph *from, Ref r,
                     const Ref *in)
{
    Simplify *s = ctx;
    const Node *n = NODE(from, r);
    Ref x = simp(s, to, (Op)n->op, n->nin, in, n->a, n->b, n->num, n->span);
    bool shared = n->op == OP_div && s->divides[IN(from, r, 1)] > 1;
    Ref divided = shared ? by_inverse(s, to, x, true, n->span) : 0;
    return divided ? divided : x;
}

/* Only a formula that would lose digits is replaced. */
static Ref stable_node(void *ctx, Graph *to, const Graph *from, Ref r,
                       const Ref *in)
{
    Ref x = graph_copy(to, from, r, in);
    const Node *n = NODE(to, x);
    return OP_IS_EW(n->op) && n->op != OP_CALL ? ruled(ctx, to, x, n->span) : x;
}

/* All rules, or those for the sake of digits. */
static void simplify_init(Simplify *s, Arena *tmp, bool all)
{
    memset(s, 0, sizeof *s);
    s->tmp = tmp;
    s->nrule = (int)(sizeof rules / sizeof *rules);
    s->rule = NEW_N(tmp, Rule, s->nrule);
    for (int i = 0; i < s->nrule; i++) {
        if (!all && !rules[i].stable)
            continue;
        s->rule[i] = rules[i];
        s->rule[i].pattern = tpl_parse(tmp, rules[i].from);
        s->rule[i].result = tpl_parse(tmp, rules[i].to);
        Op op = s->rule[i].pattern->op;
        if (!s->by_op[op])
            s->by_op[op] = NEW_N(tmp, int, s->nrule);
        s->by_op[op][s->nby_op[op]++] = i;
    }
}

static Graph *simplify(const Graph *g, GraphMap *node, bool plain, bool all)
{
    Arena *tmp = arena_new(NULL);
    Simplify s;
    simplify_init(&s, tmp, all);
    s.plain = plain;
    s.divides = count_divisions(g, tmp);
    Graph *to = graph_map(g, node, &s);
    arena_free(tmp);
    return to;
}

Graph *pass_simplify(const Graph *g)
{
    return simplify(g, simp_node, false, true);
}

Graph *pass_plain(const Graph *g)
{
    return simplify(g, simp_node, true, true);
}

Graph *pass_stable(const Graph *g)
{
    return simplify(g, stable_node, false, false);
}
