/* Decisions about chunks of time: what can be done on the rows of one chunk
 * after another, how many rows those should be, and which values are needed no
 * longer than for one chunk.  Between task.c, sched.c and value.c. */
#include "chunk.h"

#include <string.h>

#include "ops.h"

/* ---- tasks ---- */

/* Whether each row of the result of operator r comes from the same rows of its
 * operands, or the result is their sum. */
static bool by_rows(const Graph *g, Ref r, int axis)
{
    const Node *n = NODE(g, r);
    switch (n->op) {
    case OP_EXPAND:
    case OP_CONCAT:
    case OP_PAD:
    case OP_MATVEC:
    case OP_MATMUL:
    case OP_TRANSPOSE:
    case OP_OUTER:
    case OP_EXPM:
    case OP_SOLVE:
    case OP_TAKE:
    case OP_PUT:
    case OP_VIEW:
    case OP_FOLD:
    case OP_GATHER:
    case OP_SCATTER:
    case OP_SUM:
    case OP_MAXV:
    case OP_MINV:
    case OP_ARGMAX:
    case OP_LSE:
    case OP_SOFTMAX:
    case OP_CUMSUM:
    case OP_ONEHOT:
    case OP_PICK:
    case OP_PLACE:
    case OP_SUMA:
    case OP_POOL:
        return true;
    case OP_MAXA:
    case OP_MINA:
        return !(n->a & axis);
    default:
        return OP_IS_EW(n->op);
    }
}

/* Axes of the rows that a task walks. */
static int walked(const Tasks *t, int i)
{
    const Task *k = &t->v.v[i];
    int op = NODE(t->g, k->node)->op;
    if (k->kind != TK_NODE)
        return k->axes;
    if (op == OP_SUMA || op == OP_MAXA || op == OP_MINA)
        return NODE(t->g, IN(t->g, k->node, 0))->axes;
    return tasks_axes(t->g, k->node);
}

/* Rows of a chunk are neighbours only where they have no other time axis. */
bool chunk_task(const Tasks *t, int i, int axis)
{
    const Task *k = &t->v.v[i];
    int bit = cell_time(axis), rows = walked(t, i);
    bool row_wise = k->kind == TK_ROWS || k->kind == TK_SLOT ||
                    (k->kind == TK_ROOT && k->index >= 0) ||
                    (k->kind == TK_NODE && by_rows(t->g, k->node, bit));
    return row_wise && k->region < 0 && rows & bit && !(rows & ~(bit | CELL_B));
}

/* Not sums over the steps, and not a slot that is read at steps which come in
 * a later chunk. */
bool chunk_passes(const Tasks *t, int i, const Group *g)
{
    const Task *k = &t->v.v[i];
    if (!(k->axes & cell_time(g->axis)))
        return false;
    for (int s = 0; s < t->g->slot.n; s++)
        if (t->slot_task[k->fn][s] == i &&
            (g->dir > 0 ? t->l->lead[s] : t->l->lag[s]) > 0)
            return false;
    return true;
}

/* ---- sizes ---- */

enum {
    NEAR = 512 << 10, /* bytes of a chunk: half of an L2 cache */
    FEW = 256,        /* rows below which products are slower */
    MANY = 1024,      /* rows above which nothing is gained */
    ANY = 4           /* bytes of a real, about */
};

/* Who uses a buffer: a group of a function, or more than that. */
typedef struct User {
    int fn, group; /* fn -1: nobody yet; group -1: not one alone */
} User;

static Val buffer_of(const Sched *s, Val v)
{
    while (v >= 0 && s->val.v[v].kind == VAL_VIEW)
        v = s->val.v[v].base;
    return v >= 0 && s->val.v[v].kind == VAL_BUFFER ? v : -1;
}

/* Notes a use; `bytes` counts those of each row once per group. */
static void touch(const Sched *s, User *last, User *only, Val v, User by,
                  int64_t *bytes)
{
    v = buffer_of(s, v);
    if (v < 0)
        return;
    if (only[v].fn < 0)
        only[v] = by;
    else if (only[v].fn != by.fn || only[v].group != by.group)
        only[v].group = -1;
    if (by.group < 0 || (last[v].fn == by.fn && last[v].group == by.group))
        return;
    last[v] = by;
    if (s->val.v[v].axes & cell_time(s->fn[by.fn].group.v[by.group].axis))
        bytes[by.group] += s->val.v[v].n * ANY;
}

static void touch_kernel(const Sched *s, User *last, User *only,
                         const Kernel *k, User by, int64_t *bytes)
{
    for (int i = 0; i < k->in.n; i++)
        touch(s, last, only, k->in.v[i], by, bytes);
    for (int i = 0; i < k->inst.n; i++)
        touch(s, last, only, k->inst.v[i].out, by, bytes);
    touch(s, last, only, k->out, by, bytes);
}

/* Whether a value that only one group uses is needed for a chunk alone. */
static bool local(const Value *v, const Group *g)
{
    int bit = cell_time(g->axis);
    return v->life == LIFE_TEMP && v->axes & bit && !v->lag && !v->lead &&
           !(v->axes & ~(bit | CELL_B));
}

void chunk_sizes(Sched *s, Arena *a)
{
    User *last = NEW_N(a, User, s->val.n + 1);
    User *only = NEW_N(a, User, s->val.n + 1);
    memset(last, -1, sizeof *last * (size_t)(s->val.n + 1));
    memset(only, -1, sizeof *only * (size_t)(s->val.n + 1));
    for (int f = 0; f < FN_COUNT; f++) {
        SchedFn *fn = &s->fn[f];
        int64_t *bytes = NEW_N(a, int64_t, fn->group.n + 1);
        for (int i = 0; i < fn->stage.n; i++)
            for (int k = 0; k < fn->stage.v[i].kernel.n; k++)
                touch_kernel(s, last, only, &fn->stage.v[i].kernel.v[k],
                             (User){f, fn->stage.v[i].group}, bytes);
        for (int i = 0; i < fn->group.n; i++) {
            int64_t rows = bytes[i] ? NEAR / bytes[i] : FEW;
            fn->group.v[i].rows = rows < FEW ? FEW : rows > MANY ? MANY : rows;
        }
    }
    for (Val v = 0; v < s->val.n; v++)
        if (only[v].fn >= 0 && only[v].group >= 0 &&
            local(&s->val.v[v], &s->fn[only[v].fn].group.v[only[v].group]))
            s->val.v[v].group = only[v].group;
}
