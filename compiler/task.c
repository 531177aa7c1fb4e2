/* Makes tasks of the nodes that the roots need, on demand and each with what
 * must be done before; see task.h.  Stands between level.c and sched.c. */
#include "task.h"

#include <string.h>

#include "ops.h"

/* ---- which operands are read how ---- */

bool tasks_small_product(const Graph *g, Ref r)
{
    const Node *n = NODE(g, r);
    switch (n->op) {
    case OP_MATVEC:
        return NODE(g, IN(g, r, 0))->axes != GX_NONE;
    case OP_MATMUL:
        return n->axes != GX_NONE || SHAPE(g, n->shape)->rank > 2;
    case OP_OUTER:
        return SHAPE(g, NODE(g, IN(g, r, 0))->shape)->rank > 1;
    default:
        return false;
    }
}

/* Which of the first two operands are read row by row (bit k: operand k). */
static unsigned row_operands(const Graph *g, Ref r)
{
    if (tasks_small_product(g, r))
        return 0;
    switch (NODE(g, r)->op) {
    case OP_MATVEC:
    case OP_GATHER:
        return 2;
    case OP_PICK: /* one vector for all rows is looked into where it lies */
        return NODE(g, IN(g, r, 0))->axes ? 3 : 2;
    case OP_OUTER:
    case OP_SCATTER:
    case OP_PLACE:
        return 3;
    case OP_SUM:
    case OP_MAXV:
    case OP_MINV:
    case OP_ARGMAX:
    case OP_LSE:
    case OP_SOFTMAX:
    case OP_CUMSUM:
    case OP_ONEHOT:
    case OP_REVERSE:
    case OP_EVERY:
    case OP_HOLD:
    case OP_SUMA:
    case OP_MAXA:
    case OP_MINA:
    case OP_POOL:
    case OP_VIEW:
    case OP_FOLD:
        return 1;
    default:
        return 0;
    }
}

bool tasks_rowwise(const Graph *g, Ref r, int k)
{
    return k < 2 && row_operands(g, r) >> k & 1;
}

uint8_t tasks_axes(const Graph *g, Ref r)
{
    if (NODE(g, r)->op == OP_POOL)
        return (uint8_t)NODE(g, r)->b;
    bool rows = row_operands(g, r) != 0;
    int axes = rows ? 0 : NODE(g, r)->axes;
    bool all = tasks_small_product(g, r);
    for (int i = 0; i < NODE(g, r)->nin; i++)
        if (all || tasks_rowwise(g, r, i))
            axes |= NODE(g, IN(g, r, i))->axes;
    return (uint8_t)axes;
}

bool tasks_needs_rows(const Tasks *t, int region, Ref in, uint8_t axes,
                      uint8_t *copy)
{
    Ref r = level_strip(t->g, in);
    const Node *n = NODE(t->g, r);
    bool memory = n->op != OP_CONST && n->op != OP_TIME;
    if (memory && (n->axes == axes || (region >= 0 && n->axes)))
        return false;
    uint8_t steps = region >= 0 ? (uint8_t)level_bit(t->l, region) : 0;
    *copy = n->axes & steps ? axes : (uint8_t)(axes & ~steps);
    return true;
}

/* Where work whose rows have these axes is done for a user in a region. */
static int rows_region(const Tasks *t, int region, uint8_t axes)
{
    return region >= 0 && axes & level_bit(t->l, region) ? region : -1;
}

/* ---- finding and making ---- */

static int **map_of(const Tasks *t, int fn, int region)
{
    return &t->node_task[fn * (t->l->causal.v.n + 1) + region + 1];
}

/* Where a user in (fn, region) finds computed node r: *fn, *region change to
 * those of the task. */
static void locate(const Tasks *t, Ref r, int *fn, int *region)
{
    const Level *l = t->l;
    int owner = l->mark[r] == MARK_BACKWARD ? FN_BACKWARD : FN_FORWARD;
    if (*fn == FN_BACKWARD && owner == FN_FORWARD) {
        if (NODE(t->g, r)->op == OP_EXPAND || l->again[r]) {
            *region = rows_region(t, *region, NODE(t->g, r)->axes);
            return;
        }
    }
    *fn = owner;
    *region = level_loop(l, r);
}

int tasks_find(const Tasks *t, int fn, int region, Ref r)
{
    locate(t, r, &fn, &region);
    int *map = *map_of(t, fn, region);
    return map ? map[r] : -1;
}

static int find_kind(const Tasks *t, TaskKind kind, int fn, int region,
                     Ref node, bool trans, uint8_t axes)
{
    for (int i = 0; i < t->v.n; i++) {
        const Task *k = &t->v.v[i];
        if (k->kind == kind && k->fn == fn && k->region == region &&
            k->node == node && k->trans == trans &&
            (kind == TK_PACK || k->axes == axes))
            return i;
    }
    return -1;
}

int tasks_find_pack(const Tasks *t, int fn, Ref node, bool trans)
{
    return find_kind(t, TK_PACK, fn, -1, node, trans, 0);
}

int tasks_find_rows(const Tasks *t, int fn, int region, Ref node, uint8_t axes)
{
    return find_kind(t, TK_ROWS, fn, rows_region(t, region, axes),
                     level_strip(t->g, node), false, axes);
}

static int task_new(Tasks *t, TaskKind kind, int fn, int region, Ref node)
{
    Task k = {0};
    k.kind = kind;
    k.fn = fn;
    k.region = region;
    k.node = node;
    k.axes = level_axes(t->l, node);
    k.stage = k.val = k.index = -1;
    vec_push(t->arena, &t->v, k);
    return t->v.n - 1;
}

static int node_task(Tasks *t, int fn, int region, Ref r)
{
    locate(t, r, &fn, &region);
    int **map = map_of(t, fn, region);
    if (!*map) {
        *map = NEW_N(t->arena, int, t->g->node.n);
        memset(*map, -1, sizeof(int) * (size_t)t->g->node.n);
    }
    if ((*map)[r] < 0)
        (*map)[r] = task_new(t, TK_NODE, fn, region, r);
    return (*map)[r];
}

static void add_dep(Tasks *t, int user, int task, bool fusable)
{
    Task *u = &t->v.v[user];
    if (task < 0 || task == user)
        return;
    if (t->v.v[task].fn != u->fn) {
        t->v.v[task].crosses = true;
        return;
    }
    Dep d = {task, fusable && t->v.v[task].region == u->region};
    vec_push(t->arena, &u->dep, d);
    vec_push(t->arena, &t->v.v[task].user, user);
}

/* A read of slot s at another step than the user's. */
static void need_slot(Tasks *t, int user, int s)
{
    const Task *u = &t->v.v[user];
    int fn = t->l->slot_mark[s] == MARK_BACKWARD ? FN_BACKWARD : FN_FORWARD;
    if (fn != u->fn)
        return;
    bool inside = u->region >= 0 && slot_computed(SLOT(t->g, s)) &&
                  level_slot_loop(t->l, s) == u->region &&
                  t->l->causal.v.v[u->region].axis == SLOT(t->g, s)->axis;
    if (!inside) {
        add_dep(t, user, t->slot_task[fn][s], false);
        add_dep(t, user, t->tail_step[s], false);
    }
    add_dep(t, user, t->bound_task[s], false);
    if (!inside || t->tail_step[s] >= 0)
        add_dep(t, user, t->tail_task[s], false);
}

static void need(Tasks *t, int user, Ref r, bool fusable)
{
    const Graph *g = t->g;
    while (NODE(g, r)->op == OP_SLICE) {
        r = level_strip(g, IN(g, r, 0));
        fusable = false;
    }
    if (level_leaf(t->l, r)) {
        if (NODE(g, r)->op == OP_READ && NODE(g, r)->b)
            need_slot(t, user, NODE(g, r)->a);
        return;
    }
    int fn = t->v.v[user].fn, region = t->v.v[user].region;
    add_dep(t, user, node_task(t, fn, region, r), fusable);
}

/* An operand that is used in memory as it is. */
static void need_stored(Tasks *t, int user, Ref in)
{
    need(t, user, level_strip(t->g, in), false);
}

/* An operand that may be a scalar to repeat. */
static void need_scalar(Tasks *t, int user, Ref in, bool fusable)
{
    need(t, user, level_scalar(t->g, in), fusable);
}

static void need_rows(Tasks *t, int user, Ref in, uint8_t axes)
{
    uint8_t copy;
    int fn = t->v.v[user].fn, region = t->v.v[user].region;
    if (!tasks_needs_rows(t, region, in, axes, &copy)) {
        need_stored(t, user, in);
        return;
    }
    int rows = tasks_find_rows(t, fn, region, in, copy);
    if (rows < 0) {
        rows = task_new(t, TK_ROWS, fn, rows_region(t, region, copy),
                        level_strip(t->g, in));
        t->v.v[rows].axes = copy;
    }
    add_dep(t, user, rows, false);
}

static void need_pack(Tasks *t, int user, Ref matrix, bool trans)
{
    int fn = t->v.v[user].fn;
    int pack = tasks_find_pack(t, fn, matrix, trans);
    if (pack < 0) {
        pack = task_new(t, TK_PACK, fn, -1, matrix);
        t->v.v[pack].trans = trans;
    }
    add_dep(t, user, pack, false);
}

/* An operand of element-wise work. */
static void need_element(Tasks *t, int user, int k)
{
    Spread how;
    Ref r = level_operand(t->l, t->v.v[user].node, k, &how);
    need(t, user, r, how == SPREAD_NONE);
}

/* Whether a task is a sum over sequences or steps that does not give its result
 * to every row again. */
static bool is_sum(const Tasks *t, int i)
{
    const Task *k = &t->v.v[i];
    int op = NODE(t->g, k->node)->op;
    return op == OP_SUMA || (op == OP_POOL && !(k->axes & CELL_B));
}

static void need_operands(Tasks *t, int i)
{
    const Graph *g = t->g;
    const Level *l = t->l;
    Ref r = t->v.v[i].node;
    const Node *n = NODE(g, r);
    bool small = tasks_small_product(g, r);
    Ref factor[SUMMED_MOST], where;
    int parts = is_sum(t, i) ? level_summed_parts(l, r, factor, &where) : 0;
    for (int k = 0; k < n->nin; k++) {
        Ref in = IN(g, r, k);
        if (level_elementwise(t->l, r))
            need_element(t, i, k);
        else if (n->op == OP_EXPAND || n->op == OP_CONCAT || n->op == OP_PAD)
            need_scalar(t, i, in, false);
        else if (small)
            need_stored(t, i, in);
        else if (n->op == OP_MATVEC && k == 0)
            need_pack(t, i, in, !n->a);
        else if (n->op == OP_MATMUL && k == 1 && (!n->a || n->b))
            need_pack(t, i, in, n->b);
        else if (parts) {
            for (int f = 0; f < parts; f++)
                need_stored(t, i, factor[f]);
            if (where)
                need_stored(t, i, where);
        } else if ((n->op == OP_SUMA || n->op == OP_POOL) &&
                   l->alike[level_summed(l, r)])
            need_stored(t, i, level_summed(l, r));
        else if (n->op == OP_SUMA || n->op == OP_MAXA || n->op == OP_MINA)
            need_rows(t, i, in, NODE(g, in)->axes);
        else if (tasks_rowwise(g, r, k))
            need_rows(t, i, in, tasks_axes(g, r));
        else
            need_stored(t, i, in);
    }
    if (n->op == OP_AT)
        need_slot(t, i, n->a);
}

static void need_all(Tasks *t, int i)
{
    const Task *k = &t->v.v[i];
    bool edge = k->kind == TK_BOUND || k->kind == TK_TAIL;
    const Slot *s = edge ? SLOT(t->g, k->index) : NULL;
    switch (k->kind) {
    case TK_NODE:
        need_operands(t, i);
        break;
    case TK_PACK:
        need_stored(t, i, k->node);
        break;
    case TK_ROWS:
    case TK_SLOT:
    case TK_ROOT:
        need_scalar(t, i, k->node, false);
        break;
    case TK_BOUND:
        for (int b = 0; b < s->lo.n; b++)
            need_scalar(t, i, s->lo.v[b].value, false);
        break;
    case TK_TAIL:
        for (int b = 0; b < s->hi.n; b++)
            need_scalar(t, i, s->hi.v[b].value, false);
        break;
    }
}

/* ---- what every model needs ---- */

static int slot_extra(Tasks *t, TaskKind kind, int fn, int region, int s)
{
    int i = task_new(t, kind, fn, region, SLOT(t->g, s)->root);
    t->v.v[i].index = s;
    t->v.v[i].axes = SLOT(t->g, s)->axes;
    return i;
}

static void slot_tasks(Tasks *t, int i)
{
    Level *l = t->l;
    const Slot *s = SLOT(t->g, i);
    int fn = l->slot_mark[i] == MARK_BACKWARD ? FN_BACKWARD : FN_FORWARD;
    int loop = slot_computed(s) ? level_slot_loop(l, i) : -1;
    bool across = loop >= 0 && l->causal.v.v[loop].axis != s->axis;
    bool sweeps = across || (loop >= 0 && l->causal.v.v[loop].dir < 0);
    if (slot_computed(s)) {
        Ref r = level_strip(t->g, s->root);
        bool own = l->home[r].kind == HOME_SLOT && l->home[r].index == i;
        t->slot_task[fn][i] = own ? node_task(t, fn, loop, r)
                                  : slot_extra(t, TK_SLOT, fn, loop, i);
    }
    if (l->lag[i])
        t->bound_task[i] = slot_extra(t, TK_BOUND, fn, -1, i);
    if (!l->lead[i])
        return;
    if (!across)
        t->tail_task[i] = slot_extra(t, TK_TAIL, fn, -1, i);
    if (!sweeps) {
        add_dep(t, t->tail_task[i], t->slot_task[fn][i], false);
        return;
    }
    t->tail_step[i] = slot_extra(t, TK_TAIL, fn, loop, i);
    add_dep(t, t->tail_step[i], t->slot_task[fn][i], false);
    add_dep(t, t->tail_step[i], t->tail_task[i], false);
}

static void root_tasks(Tasks *t, int i)
{
    const Root *root = &t->g->root.v[i];
    int fn = root->role == CELL_GRAD ? FN_BACKWARD : FN_FORWARD;
    Ref r = level_strip(t->g, root->value);
    if (!level_root_direct(t->l, i)) {
        int k = task_new(t, TK_ROOT, fn, -1, root->value);
        t->v.v[k].index = i;
        t->v.v[k].axes = level_root_axes(t->g, i);
        return;
    }
    if (NODE(t->g, r)->op == OP_SLICE)
        r = level_strip(t->g, IN(t->g, r, 0));
    if (!level_leaf(t->l, r))
        node_task(t, fn, -1, r);
}

/* Backward overwrites the whole gradient block. */
static void clear_task(Tasks *t, int slot)
{
    for (int i = 0; i < t->g->root.n; i++)
        if (t->g->root.v[i].role == CELL_GRAD && t->g->root.v[i].slot == slot)
            return;
    int k = task_new(t, TK_ROOT, FN_BACKWARD, -1, 0);
    t->v.v[k].slot = slot;
    t->v.v[k].axes = GX_NONE;
}

static int *no_tasks(Tasks *t)
{
    int *v = NEW_N(t->arena, int, t->g->slot.n + 1);
    memset(v, -1, sizeof(int) * (size_t)(t->g->slot.n + 1));
    return v;
}

Tasks *tasks_build(Level *l)
{
    Tasks *t = NEW(l->arena, Tasks);
    const Graph *g = l->g;
    t->l = l;
    t->g = g;
    t->arena = l->arena;
    t->node_task = NEW_N(t->arena, int *, FN_COUNT *(l->causal.v.n + 1));
    t->slot_task[FN_FORWARD] = no_tasks(t);
    t->slot_task[FN_BACKWARD] = no_tasks(t);
    t->bound_task = no_tasks(t);
    t->tail_task = no_tasks(t);
    t->tail_step = no_tasks(t);
    for (int i = 0; i < g->root.n; i++)
        t->has_backward |= g->root.v[i].role == CELL_GRAD;
    for (int i = 0; i < g->slot.n; i++)
        if (l->whole_slot[i] && l->slot_mark[i])
            slot_tasks(t, i);
    for (int i = 0; i < g->root.n; i++)
        root_tasks(t, i);
    for (int i = 0; i < g->slot.n && t->has_backward; i++)
        if (SLOT(g, i)->kind == SLOT_PARAM)
            clear_task(t, i);
    for (int i = 0; i < t->v.n; i++)
        need_all(t, i);
    return t;
}
