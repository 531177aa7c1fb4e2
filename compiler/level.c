/* Levels: sorts nodes into forward and backward, whole sequence and loops, and
 * decides what is saved and what is computed twice.  Needs a verified graph
 * without FINAL; gives annotations beside it (level.h) for sched.c.
 * Saving follows the rule that reading a number costs about as much as four
 * operations (Griewank & Walther 2008, chapter 12 on recomputation). */
#include "level.h"

#include <string.h>

#include "ops.h"

enum { CHEAP = 3 }; /* operations that cost no more than a load and store */

static Ref strip(const Graph *g, Ref r, bool scalar)
{
    for (;;) {
        const Node *n = NODE(g, r);
        switch (n->op) {
        case OP_EXPAND:
            if (!scalar)
                return r;
            r = IN(g, r, 0);
            break;
        case OP_OWN:
        case OP_stopgrad:
        case OP_RESHAPE:
            r = IN(g, r, 0);
            break;
        case OP_READ:
            if (n->b || !slot_computed(SLOT(g, n->a)))
                return r;
            r = SLOT(g, n->a)->root;
            break;
        default:
            return r;
        }
    }
}

Ref level_strip(const Graph *g, Ref r)
{
    return strip(g, r, false);
}

Ref level_scalar(const Graph *g, Ref r)
{
    return strip(g, r, true);
}

/* Whether the operands of CONCAT r are parameters in a row in their block. */
static bool neighbours(const Level *l, Ref r)
{
    const Graph *g = l->g;
    int64_t next = -1;
    for (int i = 0; i < NODE(g, r)->nin; i++) {
        const Node *p = NODE(g, IN(g, r, i));
        if (p->op != OP_PARAM || (i && l->param_at[p->a] != next))
            return false;
        next = l->param_at[p->a] + shape_size(g, p->shape);
    }
    return true;
}

bool level_leaf(const Level *l, Ref r)
{
    switch (NODE(l->g, r)->op) {
    case OP_CONST:
    case OP_TABLE:
    case OP_PARAM:
    case OP_READ:
    case OP_TIME:
    case OP_LEN:
    case OP_START:
    case OP_LAST:
    case OP_BATCH:
    case OP_SKIP:
    case OP_PAST:
    case OP_TOTAL:
        return true;
    case OP_CONCAT:
        return neighbours(l, r);
    default:
        return false;
    }
}

int level_loop(const Level *l, Ref r)
{
    return l->causal.comp[r] >= 0 ? l->causal.comp[r] : l->sunk[r];
}

int level_slot_loop(const Level *l, int i)
{
    const Slot *s = SLOT(l->g, i);
    Ref r = strip(l->g, s->root, false);
    bool own = l->home[r].kind == HOME_SLOT && l->home[r].index == i;
    return own ? level_loop(l, r) : l->causal.comp[s->root];
}

uint8_t level_root_axes(const Graph *g, int i)
{
    const Root *root = &g->root.v[i];
    if (root->role == CELL_GRAD && !slot_computed(SLOT(g, root->slot)))
        return SLOT(g, root->slot)->axes;
    return NODE(g, root->value)->axes;
}

/* Numbers in a row of r. */
static int64_t row_size(const Graph *g, Ref r)
{
    const Shape *s = SHAPE(g, NODE(g, r)->shape);
    return shape_size(g, NODE(g, r)->shape) / s->dim[0];
}

bool level_root_direct(const Level *l, int i)
{
    const Graph *g = l->g;
    const Root *root = &g->root.v[i];
    Ref r = strip(g, root->value, false);
    uint8_t owner = root->role == CELL_GRAD ? MARK_BACKWARD : MARK_FORWARD;
    if (root->role == CELL_GRAD && SLOT(g, root->slot)->kind == SLOT_PARAM) {
        bool part = NODE(g, r)->op == OP_SLICE;
        Ref whole = part ? strip(g, IN(g, r, 0), false) : r;
        Home h = l->home[whole];
        int64_t at = part ? NODE(g, r)->a * row_size(g, whole) : 0;
        return h.kind == HOME_GRAD &&
               l->param_at[root->slot] == l->param_at[h.index] + at;
    }
    if (NODE(g, r)->axes != level_root_axes(g, i))
        return false;
    if (NODE(g, r)->op == OP_READ)
        return !NODE(g, r)->b && owner == MARK_FORWARD;
    if (l->home[r].kind == HOME_SLOT)
        return owner == MARK_FORWARD && l->mark[r] == owner;
    return l->mark[r] == owner && l->home[r].kind == HOME_ROOT;
}

/* ---- forward and backward ---- */

/* Marks everything that r needs, over weaker marks. */
static void mark(Level *l, Ref start, uint8_t m)
{
    const Graph *g = l->g;
    VEC(Ref) todo = {0};
    vec_push(l->arena, &todo, start);
    while (todo.n) {
        Ref r = todo.v[--todo.n];
        const Node *n = NODE(g, r);
        if (!r || (l->mark[r] && l->mark[r] <= m))
            continue;
        l->mark[r] = m;
        for (int i = 0; i < n->nin; i++)
            vec_push(l->arena, &todo, IN(g, r, i));
        if (n->op != OP_READ && n->op != OP_AT)
            continue;
        const Slot *s = SLOT(g, n->a);
        vec_push(l->arena, &todo, s->root);
        for (int k = 0; k < s->lo.n; k++)
            vec_push(l->arena, &todo, s->lo.v[k].value);
        for (int k = 0; k < s->hi.n; k++)
            vec_push(l->arena, &todo, s->hi.v[k].value);
    }
}

static void mark_slot(Level *l, int i)
{
    const Slot *s = SLOT(l->g, i);
    uint8_t m = MARK_FORWARD;
    if (slot_computed(s))
        m = s->root ? l->mark[s->root] : MARK_NONE;
    l->slot_mark[i] = m;
    for (int k = 0; m && k < s->lo.n; k++)
        mark(l, s->lo.v[k].value, m);
    for (int k = 0; m && k < s->hi.n; k++)
        mark(l, s->hi.v[k].value, m);
}

static void mark_all(Level *l)
{
    const Graph *g = l->g;
    for (int pass = MARK_FORWARD; pass <= MARK_BACKWARD; pass++)
        for (int i = 0; i < g->root.n; i++)
            if ((g->root.v[i].role == CELL_GRAD) == (pass == MARK_BACKWARD))
                mark(l, g->root.v[i].value, (uint8_t)pass);
    for (int i = 0; i < g->slot.n; i++)
        if (l->order.slot_used[i])
            mark_slot(l, i);
}

static void grow(int *v, int to)
{
    if (*v < to)
        *v = to;
}

/* How far each slot is read before its first and after its last step.  A
 * sequence may have no step in this chunk, so `end` may be row -1, and step 1
 * lies behind the last. */
static void find_pads(Level *l)
{
    for (int i = 0; i < l->order.n; i++) {
        const Node *n = NODE(l->g, l->order.v[i]);
        if (!l->mark[l->order.v[i]] || (n->op != OP_READ && n->op != OP_AT))
            continue;
        if (n->op == OP_READ && !n->b)
            continue;
        l->whole_slot[n->a] = true;
        int first = n->b, last = n->b;
        if (n->op == OP_AT) {
            first = n->num != 0 ? n->b - 1 : n->b - 1 < 0 ? n->b - 1 : 0;
            last = n->num != 0 ? n->b : n->b == 1 ? 1 : n->b - 1;
        }
        grow(&l->lag[n->a], -first);
        grow(&l->lead[n->a], last);
    }
    for (int i = 0; i < l->g->slot.n; i++) {
        const Slot *s = SLOT(l->g, i);
        if (s->kind == SLOT_INPUT ||
            (s->kind == SLOT_NOISE && l->order.slot_used[i]))
            l->whole_slot[i] = true;
    }
}

/* ---- parameters in the order of the CONCATs that join them ---- */

enum { ALIGN = 16 };

static void place_param(Level *l, int slot)
{
    if (l->param_at[slot] >= 0)
        return;
    l->param_at[slot] = l->param_size;
    l->param_size += shape_size(l->g, SLOT(l->g, slot)->shape);
}

static void align_params(Level *l)
{
    l->param_size = (l->param_size + ALIGN - 1) / ALIGN * ALIGN;
}

static bool can_join(const Level *l, Ref r)
{
    const Graph *g = l->g;
    if (NODE(g, r)->op != OP_CONCAT)
        return false;
    for (int i = 0; i < NODE(g, r)->nin; i++) {
        const Node *p = NODE(g, IN(g, r, i));
        if (p->op != OP_PARAM || l->param_at[p->a] >= 0)
            return false;
        for (int k = 0; k < i; k++)
            if (IN(g, r, k) == IN(g, r, i))
                return false;
    }
    return true;
}

static void place_params(Level *l)
{
    const Graph *g = l->g;
    memset(l->param_at, -1, sizeof *l->param_at * (size_t)g->slot.n);
    for (int i = 0; i < l->order.n; i++) {
        Ref r = l->order.v[i];
        if (!can_join(l, r))
            continue;
        for (int k = 0; k < NODE(g, r)->nin; k++)
            place_param(l, NODE(g, IN(g, r, k))->a);
        align_params(l);
    }
    for (int i = 0; i < g->slot.n; i++)
        if (SLOT(g, i)->kind == SLOT_PARAM) {
            place_param(l, i);
            align_params(l);
        }
}

/* ---- save or recompute ---- */

/* What the work of r reads as its operand k. */
static Ref operand(const Level *l, Ref r, int k)
{
    Spread how;
    return level_elementwise(l, r) ? level_operand(l, r, k, &how)
                                   : strip(l->g, IN(l->g, r, k), false);
}

/* What a use of r by backward needs from forward. */
static void need(Level *l, Ref r)
{
    const Graph *g = l->g;
    r = strip(g, r, false);
    while (NODE(g, r)->op == OP_SLICE || NODE(g, r)->op == OP_EXPAND)
        r = strip(g, IN(g, r, 0), false);
    if (l->mark[r] == MARK_FORWARD && !level_leaf(l, r))
        l->needed[r] = true;
}

static void need_bounds(Level *l, const Slot *s)
{
    for (int k = 0; k < s->lo.n; k++)
        need(l, s->lo.v[k].value);
    for (int k = 0; k < s->hi.n; k++)
        need(l, s->hi.v[k].value);
}

static void find_needed(Level *l)
{
    const Graph *g = l->g;
    for (int i = 0; i < l->order.n; i++) {
        Ref r = l->order.v[i];
        for (int k = 0; l->mark[r] == MARK_BACKWARD && k < NODE(g, r)->nin; k++)
            need(l, operand(l, r, k));
    }
    for (int i = 0; i < g->slot.n; i++)
        if (l->slot_mark[i] == MARK_BACKWARD) {
            need(l, SLOT(g, i)->root);
            need_bounds(l, SLOT(g, i));
        }
    for (int i = 0; i < g->root.n; i++)
        if (g->root.v[i].role == CELL_GRAD)
            need(l, g->root.v[i].value);
}

/* Outer products and repeated rows: more numbers than they are made of. */
static bool spreads(const Graph *g, Ref r)
{
    const Node *n = NODE(g, r);
    int64_t in = 0;
    for (int i = 0; i < n->nin; i++)
        in += shape_size(g, NODE(g, IN(g, r, i))->shape);
    const Shape *x = n->nin ? SHAPE(g, NODE(g, IN(g, r, 0))->shape) : NULL;
    return in < shape_size(g, n->shape) &&
           (n->op == OP_VIEW ||
            (n->op == OP_MATMUL && x->rank == 2 && x->dim[n->a ? 0 : 1] == 1));
}

static bool cheap(const Level *l, Ref r)
{
    const Node *n = NODE(l->g, r);
    bool few = OP_IS_EW(n->op) ? op_row[n->op].cost <= CHEAP : spreads(l->g, r);
    return few && n->axes & GX_TIME && shape_size(l->g, n->shape) > 1;
}

static void decide_tape(Level *l)
{
    const Graph *g = l->g;
    bool *there = NEW_N(l->arena, bool, g->node.n);
    for (int i = 0; i < l->order.n; i++) {
        Ref r = l->order.v[i];
        const Node *n = NODE(g, r);
        if (l->mark[r] != MARK_FORWARD)
            continue;
        bool all = n->nin > 0;
        for (int k = 0; k < n->nin; k++)
            all = all && there[strip(g, operand(l, r, k), true)];
        bool view = n->op == OP_SLICE || n->op == OP_EXPAND;
        bool stored =
            l->home[r].kind == HOME_SLOT || l->home[r].kind == HOME_ROOT;
        there[r] = level_leaf(l, r) || stored || (all && view);
        if (!there[r] && all && cheap(l, r))
            there[r] = l->again[r] = true;
        if (l->needed[r] && !l->again[r])
            there[r] = l->tape[r] = true;
    }
}

/* ---- homes ---- */

/* A node whose own copy can lie where we like. */
static bool homeless(const Level *l, Ref r)
{
    int op = NODE(l->g, r)->op;
    return l->home[r].kind == HOME_OWN && op != OP_SLICE && !level_leaf(l, r);
}

static void settle(Level *l, Ref r, HomeKind kind, int index, int64_t col)
{
    l->home[r] = (Home){kind, index, col};
}

/* Whether the operator goes to infinity somewhere in its operand k. */
static bool has_pole(int op, int k)
{
    return (op == OP_div && k == 1) || op == OP_recip || op == OP_log ||
           op == OP_log1p || op == OP_pow || op == OP_exp || op == OP_expm1;
}

/* Nodes from which an operator with a pole gets its operand within the step:
 * their rows behind a sequence's end must not become a bound's value, which
 * may be where the pole is; 0 times infinity would get into sums over rows. */
static bool *find_fragile(const Level *l)
{
    const Graph *g = l->g;
    bool *fragile = NEW_N(l->arena, bool, g->node.n), moved = true;
    while (moved) {
        moved = false;
        for (int i = l->order.n - 1; i >= 0; i--) {
            Ref r = l->order.v[i];
            const Node *n = NODE(g, r);
            for (int k = 0; n->axes & GX_TIME && k < n->nin; k++) {
                Ref in = strip(g, IN(g, r, k), true);
                if (fragile[in] || (!fragile[r] && !has_pole(n->op, k)))
                    continue;
                fragile[in] = moved = true;
            }
        }
    }
    return fragile;
}

static void settle_slots(Level *l)
{
    const bool *fragile = find_fragile(l);
    for (int i = 0; i < l->g->slot.n; i++) {
        const Slot *s = SLOT(l->g, i);
        if (!l->whole_slot[i] || !slot_computed(s))
            continue;
        Ref r = strip(l->g, s->root, false);
        if (l->lead[i] && fragile[r])
            continue;
        if (homeless(l, r) && NODE(l->g, r)->axes == s->axes &&
            l->mark[r] == l->slot_mark[i])
            settle(l, r, HOME_SLOT, i, 0);
    }
}

/* Gradients of parameters that are slices of one product (made by gemm.c):
 * the product goes straight to the gradient block if its rows are exactly
 * those parameters in their order. */
static void settle_group(Level *l, Ref product)
{
    const Graph *g = l->g;
    int64_t rows = SHAPE(g, NODE(g, product)->shape)->dim[0], seen = 0;
    int64_t row = row_size(g, product), base = -1;
    int first = -1;
    for (int i = 0; i < g->root.n; i++) {
        const Root *root = &g->root.v[i];
        Ref r = strip(g, root->value, false);
        if (root->role != CELL_GRAD || NODE(g, r)->op != OP_SLICE ||
            strip(g, IN(g, r, 0), false) != product)
            continue;
        if (SLOT(g, root->slot)->kind != SLOT_PARAM)
            return;
        int64_t at = l->param_at[root->slot] - NODE(g, r)->a * row;
        if (base >= 0 && at != base)
            return;
        base = at;
        if (NODE(g, r)->a == 0)
            first = root->slot;
        seen += NODE(g, r)->b - NODE(g, r)->a;
    }
    if (first >= 0 && seen == rows)
        settle(l, product, HOME_GRAD, first, 0);
}

static void settle_roots(Level *l)
{
    const Graph *g = l->g;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < g->root.n; i++) {
            const Root *root = &g->root.v[i];
            bool grad = root->role == CELL_GRAD;
            Ref r = strip(g, root->value, false);
            const Node *n = NODE(g, r);
            if (grad != (pass == 1))
                continue;
            if (grad && n->op == OP_SLICE) {
                r = strip(g, IN(g, r, 0), false);
                if (homeless(l, r) && NODE(g, r)->axes == GX_NONE &&
                    l->mark[r] == MARK_BACKWARD)
                    settle_group(l, r);
                continue;
            }
            if (!homeless(l, r) ||
                l->mark[r] != (grad ? MARK_BACKWARD : MARK_FORWARD))
                continue;
            if (grad && SLOT(g, root->slot)->kind == SLOT_PARAM)
                settle(l, r, HOME_GRAD, root->slot, 0);
            else if (n->axes == level_root_axes(g, i))
                settle(l, r, HOME_ROOT, i, 0);
        }
}

/* Whether all parts of CONCAT c lie in a row inside another one already. */
static bool settled_inside(Level *l, Ref c)
{
    const Graph *g = l->g;
    int64_t next = -1;
    Home first = {HOME_OWN, 0, 0};
    for (int k = 0; k < NODE(g, c)->nin; k++) {
        Ref in = IN(g, c, k), r = strip(g, in, false);
        Home h = l->home[r];
        if (h.kind != HOME_PART || (k && h.index != first.index) ||
            (k && h.col != next) || l->mark[r] != l->mark[c])
            return false;
        first = k ? first : h;
        next = h.col + shape_size(g, NODE(g, in)->shape);
    }
    int whole = l->causal.comp[first.index];
    if (!homeless(l, c) || (whole >= 0 && whole != l->causal.comp[c]))
        return false;
    settle(l, c, HOME_PART, first.index, first.col);
    return true;
}

/* Operands of a CONCAT are computed in place where nothing speaks against. */
static void settle_parts(Level *l, Ref c)
{
    const Graph *g = l->g;
    int64_t col = 0;
    int loop = l->causal.comp[c];
    for (int k = 0; k < NODE(g, c)->nin; k++) {
        Ref in = IN(g, c, k), r = strip(g, in, false);
        if (homeless(l, r) && l->mark[r] == l->mark[c] && l->sunk[r] < 0 &&
            NODE(g, r)->axes == NODE(g, c)->axes &&
            (loop < 0 || l->causal.comp[r] == loop))
            settle(l, r, HOME_PART, (int)c, col);
        col += shape_size(g, NODE(g, in)->shape);
    }
}

/* The widest first, so that narrower ones may turn out to be part of them. */
static void settle_concats(Level *l)
{
    const Graph *g = l->g;
    VEC(Ref) v = {0};
    for (int i = 0; i < l->order.n; i++) {
        Ref c = l->order.v[i];
        if (!l->mark[c] || NODE(g, c)->op != OP_CONCAT || level_leaf(l, c))
            continue;
        vec_push(l->arena, &v, c);
        int64_t n = shape_size(g, NODE(g, c)->shape);
        for (int k = v.n - 1;
             k > 0 && shape_size(g, NODE(g, v.v[k - 1])->shape) < n; k--) {
            v.v[k] = v.v[k - 1];
            v.v[k - 1] = c;
        }
    }
    for (int i = 0; i < v.n; i++)
        if (!settled_inside(l, v.v[i]))
            settle_parts(l, v.v[i]);
}

/* ---- cheap whole-sequence work that only one loop uses ---- */

enum { VOTE_NONE = -1, VOTE_WHOLE = -2 };

static void vote(int *v, int loop)
{
    if (*v == VOTE_NONE)
        *v = loop;
    else if (*v != loop)
        *v = VOTE_WHOLE;
}

/* Operands that would have to be stored only because r moves. */
static int new_stores(const Level *l, Ref r)
{
    const Graph *g = l->g;
    int n = 0;
    for (int k = 0; k < NODE(g, r)->nin; k++) {
        Ref in = strip(g, operand(l, r, k), true);
        n += OP_IS_EW(NODE(g, in)->op) && NODE(g, in)->axes & GX_TIME &&
             l->causal.comp[in] < 0 && l->home[in].kind == HOME_OWN &&
             !l->tape[in];
    }
    return n;
}

static void sink(Level *l)
{
    const Graph *g = l->g;
    int *votes = NEW_N(l->arena, int, g->node.n);
    memset(votes, -1, sizeof *votes * (size_t)g->node.n);
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        votes[s->root] = VOTE_WHOLE;
        if (slot_computed(s) && s->root)
            votes[strip(g, s->root, false)] = VOTE_WHOLE;
    }
    for (int i = 0; i < g->root.n; i++)
        votes[strip(g, g->root.v[i].value, false)] = VOTE_WHOLE;
    for (int i = l->order.n - 1; i >= 0; i--) {
        Ref r = l->order.v[i];
        const Node *n = NODE(g, r);
        if (!l->mark[r] || n->op == OP_OWN || n->op == OP_stopgrad ||
            n->op == OP_RESHAPE || n->op == OP_EXPAND)
            continue;
        if (l->causal.comp[r] < 0 && votes[r] >= 0 && cheap(l, r) &&
            n->axes & level_bit(l, votes[r]) && !l->tape[r] &&
            l->home[r].kind == HOME_OWN && new_stores(l, r) <= 1)
            l->sunk[r] = votes[r];
        for (int k = 0; k < n->nin; k++) {
            Ref in = operand(l, r, k);
            int loop = level_loop(l, r);
            bool same =
                level_elementwise(l, r) && loop >= 0 &&
                shape_size(g, NODE(g, in)->shape) == shape_size(g, n->shape);
            if (l->mark[in] == l->mark[r] || !l->again[in])
                vote(&votes[in], same ? loop : VOTE_WHOLE);
        }
    }
}

/* A bound value or an operand behind an EXPAND of it counts as used whole:
 * sink() only sees operands, so block these. */
static void block_bounds(Level *l)
{
    const Graph *g = l->g;
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        for (int k = 0; k < s->lo.n; k++)
            l->sunk[strip(g, s->lo.v[k].value, true)] = -1;
        for (int k = 0; k < s->hi.n; k++)
            l->sunk[strip(g, s->hi.v[k].value, true)] = -1;
    }
}

Level *level_build(const Graph *g, Arena *a)
{
    Level *l = NEW(a, Level);
    int n = g->node.n, slots = g->slot.n + 1;
    l->g = g;
    l->arena = a;
    l->causal = causal_find(g, a);
    if (l->causal.error.why != CAUSAL_OK)
        arena_panic(a, "schedule: a loop that cannot run, at %%%u",
                    l->causal.error.read);
    l->order = graph_order(g, a);
    l->rank = NEW_N(a, int, n);
    memset(l->rank, -1, sizeof(int) * (size_t)n);
    for (int i = 0; i < l->order.n; i++)
        l->rank[l->order.v[i]] = i;
    l->mark = NEW_N(a, uint8_t, n);
    l->slot_mark = NEW_N(a, uint8_t, slots);
    l->whole_slot = NEW_N(a, bool, slots);
    l->lag = NEW_N(a, int, slots);
    l->lead = NEW_N(a, int, slots);
    l->needed = NEW_N(a, bool, n);
    l->tape = NEW_N(a, bool, n);
    l->again = NEW_N(a, bool, n);
    l->sunk = NEW_N(a, int, n);
    memset(l->sunk, -1, sizeof(int) * (size_t)n);
    l->home = NEW_N(a, Home, n);
    l->param_at = NEW_N(a, int64_t, slots);
    mark_all(l);
    level_find_lines(l);
    find_pads(l);
    level_find_alike(l);
    place_params(l);
    settle_slots(l);
    settle_roots(l);
    find_needed(l);
    decide_tape(l);
    sink(l);
    block_bounds(l);
    settle_concats(l);
    return l;
}
