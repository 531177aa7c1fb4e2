/* What is the same for all sequences: sums over the sequences of a step (POOL)
 * and what element-wise work makes of them alone are computed and kept once a
 * step; sums over all steps and sequences add those up where they are there,
 * and products that are only summed are made by the sum.  Part of level.c; the
 * axes of such rows are those of level_axes(). */
#include "level.h"

#include "ops.h"

enum { FACTORS = 6 }; /* of a product that is looked at */

uint8_t level_axes(const Level *l, Ref r)
{
    int axes = NODE(l->g, r)->axes;
    return (uint8_t)(l->alike[r] ? axes & ~CELL_B : axes);
}

static void block(const Level *l, bool *blocked, Ref r)
{
    r = level_scalar(l->g, r);
    while (NODE(l->g, r)->op == OP_SLICE) {
        blocked[r] = true;
        r = level_scalar(l->g, IN(l->g, r, 0));
    }
    blocked[r] = true;
}

/* Values that somebody reads row by row: as operands of other than element-wise
 * work, as slots, and from outside. */
static bool *find_blocked(const Level *l)
{
    const Graph *g = l->g;
    bool *blocked = NEW_N(l->arena, bool, g->node.n);
    for (int i = 0; i < l->order.n; i++) {
        Ref r = l->order.v[i];
        int op = NODE(g, r)->op;
        bool passes = op == OP_EXPAND || op == OP_OWN || op == OP_RESHAPE;
        for (int k = 0; k < NODE(g, r)->nin && !passes; k++) {
            Spread how = SPREAD_NONE;
            Ref in = IN(g, r, k);
            if (level_elementwise(l, r))
                in = level_operand(l, r, k, &how);
            if (!level_elementwise(l, r) || how || NODE(g, in)->op == OP_SLICE)
                block(l, blocked, in);
        }
    }
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        if (l->whole_slot[i])
            block(l, blocked, s->root);
        for (int k = 0; k < s->lo.n; k++)
            block(l, blocked, s->lo.v[k].value);
        for (int k = 0; k < s->hi.n; k++)
            block(l, blocked, s->hi.v[k].value);
    }
    for (int i = 0; i < g->root.n; i++)
        block(l, blocked, g->root.v[i].value);
    return blocked;
}

/* Whether sum r goes over all steps and sequences, and `part` over the
 * sequences of each of those steps, in the same function. */
static bool adds_up(const Level *l, Ref r, Ref part)
{
    const Node *n = NODE(l->g, r);
    Ref in = level_strip(l->g, IN(l->g, r, 0));
    bool all = n->op == OP_SUMA ? n->a == NODE(l->g, in)->axes : n->a == n->b;
    return part && part != r && all && l->mark[part] == l->mark[r] &&
           NODE(l->g, part)->b == n->a;
}

/* The factors of a product from `n` on; more than there is room for: none. */
static int split_factors(const Level *l, Ref r, Ref *factor, int n)
{
    r = level_strip(l->g, r);
    if (NODE(l->g, r)->op == OP_mul) {
        n = split_factors(l, IN(l->g, r, 0), factor, n);
        return split_factors(l, IN(l->g, r, 1), factor, n);
    }
    if (n < FACTORS)
        factor[n] = r;
    return n + 1;
}

/* Whether those of y are the n of x, in any order. */
static bool has_factors(const Level *l, Ref y, const Ref *x, int n)
{
    Ref factor[FACTORS];
    if (split_factors(l, y, factor, 0) != n)
        return false;
    for (int i = 0; i < n; i++) {
        int k = i;
        while (k < n && factor[k] != x[i])
            k++;
        if (k == n)
            return false;
        factor[k] = factor[i];
    }
    return true;
}

/* Where all rows of a step have one factor of what sum r adds up in common: the
 * sums of the others for each step, if they are there; else 0. */
static Ref without_common(const Level *l, Ref r, Ref *common)
{
    Ref factor[FACTORS];
    int n = split_factors(l, IN(l->g, r, 0), factor, 0), kept = 0;
    *common = 0;
    for (int i = 0; i < n && n <= FACTORS; i++)
        if (!*common && l->alike[factor[i]])
            *common = factor[i];
        else
            factor[kept++] = factor[i];
    for (int i = 0; *common && i < l->pool.n; i++) {
        Ref part = l->pool.v[i];
        if (adds_up(l, r, part) &&
            has_factors(l, IN(l->g, part, 0), factor, kept))
            return part;
    }
    return 0;
}

/* The sums of steps that sum r adds up, each times `common` unless that is 0;
 * or 0. */
static Ref part_of(const Level *l, Ref r, Ref *common)
{
    Ref part = l->pooled[level_strip(l->g, IN(l->g, r, 0))];
    *common = 0;
    return adds_up(l, r, part) ? part : without_common(l, r, common);
}

Ref level_summed(const Level *l, Ref r)
{
    Ref common, part = part_of(l, r, &common);
    return part ? part : level_strip(l->g, IN(l->g, r, 0));
}

/* An operand that can be in memory, row by row, with the rows of `all`. */
static bool is_stored(const Level *l, Ref r, Ref all)
{
    const Node *n = NODE(l->g, r);
    bool outer = level_elementwise(l, r) && !OP_IS_EW(n->op);
    return n->axes == NODE(l->g, all)->axes && !l->alike[r] && !outer &&
           n->op != OP_TIME && n->op != OP_CONST;
}

static int64_t row_size(const Level *l, Ref r)
{
    return shape_size(l->g, NODE(l->g, r)->shape);
}

/* The factors of what lies in rows like those of `all`. */
static bool are_factors(const Level *l, Ref in, int count, Ref *factor, Ref all)
{
    for (int k = 0; k < count; k++) {
        Spread how = SPREAD_NONE;
        if (in)
            factor[k] = level_operand(l, in, k, &how);
        if (how || !is_stored(l, factor[k], all) ||
            row_size(l, factor[k]) != row_size(l, all))
            return false;
    }
    return true;
}

/* Or a row and a number for each, which comes second; where sum r goes over
 * neighbours. */
static bool is_scaled(const Level *l, Ref r, Ref in, Ref *factor, Ref all)
{
    Spread how[2];
    if (!(NODE(l->g, r)->a & CELL_B))
        return false;
    for (int k = 0; k < 2; k++)
        factor[k] = level_operand(l, in, k, &how[k]);
    if (row_size(l, factor[0]) == 1) {
        Ref number = factor[0];
        factor[0] = factor[1];
        factor[1] = number;
    }
    return !how[0] && !how[1] && is_stored(l, factor[0], all) &&
           is_stored(l, factor[1], all) && row_size(l, factor[1]) == 1 &&
           row_size(l, factor[0]) == row_size(l, all);
}

/* Whether operand k of the choice r is 0 everywhere. */
static bool is_zero(const Level *l, Ref r, int k)
{
    return graph_is_const(l->g, level_scalar(l->g, IN(l->g, r, k)), 0);
}

int level_summed_parts(const Level *l, Ref r, Ref factor[SUMMED_MOST],
                       Ref *where)
{
    const Graph *g = l->g;
    Ref all = level_summed(l, r), in = all;
    *where = 0;
    factor[0] = part_of(l, r, &factor[1]);
    if (factor[0] && factor[1])
        return 2;
    bool own = l->users[in] == 1 && l->mark[in] == l->mark[r];
    if (own && NODE(g, in)->op == OP_select && is_zero(l, in, 2) &&
        shape_size(g, NODE(g, in)->shape) > 1) {
        Spread how;
        *where = level_operand(l, in, 0, &how);
        in = level_operand(l, in, 1, &how);
        if (how || !is_stored(l, *where, all) ||
            shape_size(g, NODE(g, *where)->shape) != 1)
            return 0;
        own = l->users[in] == 1 && l->mark[in] == l->mark[r];
    }
    if (own && NODE(g, in)->op == OP_mul &&
        (are_factors(l, in, 2, factor, all) ||
         (!*where && is_scaled(l, r, in, factor, all))))
        return 2;
    factor[0] = in;
    return *where && are_factors(l, 0, 1, factor, all);
}

static void count_users(Level *l)
{
    const Graph *g = l->g;
    l->users = NEW_N(l->arena, int, g->node.n);
    for (int i = 0; i < l->order.n; i++) {
        Ref r = l->order.v[i];
        for (int k = 0; k < NODE(g, r)->nin; k++)
            l->users[level_scalar(g, IN(g, r, k))]++;
    }
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        l->users[level_scalar(g, s->root)] += l->whole_slot[i] ? 2 : 0;
        for (int k = 0; k < s->lo.n; k++)
            l->users[level_scalar(g, s->lo.v[k].value)] += 2;
        for (int k = 0; k < s->hi.n; k++)
            l->users[level_scalar(g, s->hi.v[k].value)] += 2;
    }
    for (int i = 0; i < g->root.n; i++)
        l->users[level_scalar(g, g->root.v[i].value)] += 2;
}

/* r has a user less; what nobody uses uses nothing. */
static void drop(Level *l, Ref r)
{
    r = level_scalar(l->g, r);
    if (--l->users[r])
        return;
    for (int k = 0; k < NODE(l->g, r)->nin; k++)
        drop(l, IN(l->g, r, k));
}

void level_find_alike(Level *l)
{
    const Graph *g = l->g;
    const bool *blocked = find_blocked(l);
    l->alike = NEW_N(l->arena, bool, g->node.n);
    l->pooled = NEW_N(l->arena, Ref, g->node.n);
    count_users(l);
    for (int i = 0; i < l->order.n; i++) {
        Ref r = l->order.v[i];
        const Node *n = NODE(g, r);
        bool some = n->op == OP_POOL && n->a == CELL_B && n->axes & GX_TIME;
        bool all = some || OP_IS_EW(n->op);
        for (int k = 0; k < n->nin && n->op != OP_POOL && all; k++) {
            Ref in = level_scalar(g, IN(g, r, k));
            some |= l->alike[in];
            all = l->alike[in] || !NODE(g, in)->axes;
        }
        l->alike[r] = some && all && !blocked[r];
        if (!l->alike[r] || n->op != OP_POOL)
            continue;
        l->pooled[level_strip(g, IN(g, r, 0))] = r;
        vec_push(l->arena, &l->pool, r);
    }
    for (int i = 0; i < l->order.n; i++) {
        Ref r = l->order.v[i];
        bool sum = NODE(g, r)->op == OP_POOL || NODE(g, r)->op == OP_SUMA;
        if (sum && level_summed(l, r) != level_strip(g, IN(g, r, 0)))
            drop(l, IN(g, r, 0));
    }
}
