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
    FEW = 256,        /* rows below which products are slower, */
    FAR = 2048 << 10, /* bytes of so many that are too many without any */
    MANY = 1024,      /* rows above which nothing is gained */
    ROWS = 16,        /* sequences that a loop need not take by parts */
    ANY = 4           /* bytes of a real, about */
};

/* Who uses a buffer: a group of a function, or more than that. */
typedef struct User {
    int fn, group; /* fn -1: nobody yet; group -1: not one alone */
} User;

/* Notes a use; `bytes` counts those of each row once per group. */
static void touch(const Sched *s, User *last, User *only, Val v, User by,
                  int64_t *bytes)
{
    v = sched_buffer(s, v);
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

static void touch_stage(const Sched *s, User *last, User *only, const Stage *st,
                        User by, int64_t *bytes)
{
    for (int i = 0; i < stage_kernels(st); i++) {
        const Kernel *k = stage_kernel(st, i);
        for (int x = 0; x < kernel_values(k); x++)
            touch(s, last, only, kernel_value(k, x), by, bytes);
    }
}

/* Whether each sequence of a kernel in a loop along axis `bit` is on its own,
 * and rows are those of sequences. */
static bool by_sequence(const Kernel *k, int bit)
{
    switch (k->kind) {
    case KN_OUTER:
    case KN_SCATTER:
    case KN_SUMA:
    case KN_MAXA:
    case KN_MINA:
    case KN_POOL:
    case KN_AT:
    case KN_REVERSE:
    case KN_EVERY:
    case KN_HOLD:
        return false;
    default:
        return !k->add && !(k->axes & ~(bit | CELL_B));
    }
}

/* Bytes of what a loop has of each sequence; -1: sequences must go together,
 * because they depend on each other, or share matrices that are larger. */
static int64_t each_bytes(const Sched *s, const Stage *st, Arena *a)
{
    int bit = cell_time(s->causal.v.v[st->comp].axis);
    bool *seen = NEW_N(a, bool, s->val.n + 1);
    int64_t bytes = 0, shared = 0;
    for (int i = 0; i < stage_kernels(st); i++) {
        const Kernel *k = stage_kernel(st, i);
        if (!by_sequence(k, bit))
            return -1;
        if (k->kind == KN_GEMM)
            shared += k->n * k->k * ANY;
        for (int x = 0; x < kernel_values(k); x++) {
            Val v = kernel_value(k, x);
            if (v < 0 || seen[v] || sched_buffer(s, v) < 0 ||
                !(s->val.v[v].axes & CELL_B))
                continue;
            seen[v] = true;
            bytes += s->val.v[v].n * ANY * (1 + s->val.v[v].turn);
        }
    }
    return shared > bytes ? -1 : bytes;
}

bool chunk_alone(const Sched *s, const Stage *st, Arena *a)
{
    return each_bytes(s, st, a) >= 0;
}

/* Whether a kernel puts many small matrices that sequences share in order
 * first, at each call (runtime/product.inc). */
static bool orders_shared(const Sched *s, const Kernel *k)
{
    enum { SMALL = 8 }; /* rows or columns: two matrices fit into a vector */
    Val w = k->in.n > 1 ? sched_base(s, k->in.v[1]) : -1;
    return k->kind == KN_PRODUCT && k->parts > 1 && k->n <= SMALL &&
           k->k <= SMALL && w >= 0 && s->val.v[w].axes == GX_NONE;
}

bool chunk_apart(const Sched *s, Arena *a)
{
    for (int fn = 0; fn < FN_COUNT; fn++)
        for (int i = 0; i < s->fn[fn].stage.n; i++) {
            const Stage *st = &s->fn[fn].stage.v[i];
            if (st->comp < 0)
                continue;
            if (!chunk_alone(s, st, a))
                return false;
            for (int x = 0; x < stage_kernels(st); x++)
                if (orders_shared(s, stage_kernel(st, x)))
                    return false;
        }
    return true;
}

static bool has_parts(const Sched *s, const Stage *st)
{
    for (int i = 0; i < stage_kernels(st); i++)
        for (int x = 0; x < kernel_values(stage_kernel(st, i)); x++) {
            Val v = sched_buffer(s, kernel_value(stage_kernel(st, i), x));
            if (v >= 0 && s->val.v[v].part)
                return true;
        }
    return false;
}

/* How many sequences a loop should take at a time for the matrices that it has
 * of each to stay in the cache; 0: all. */
static int64_t loop_rows(const Sched *s, const Stage *st, Arena *a)
{
    int64_t bytes = each_bytes(s, st, a);
    if (bytes < NEAR / ROWS && !has_parts(s, st))
        return 0;
    return bytes > NEAR || bytes < 1 ? 1 : NEAR / bytes;
}

/* Values that hold the sequences at hand have room for as many. */
static void set_parts(Sched *s, const Stage *st)
{
    for (int i = 0; i < stage_kernels(st); i++)
        for (int x = 0; x < kernel_values(stage_kernel(st, i)); x++) {
            Val v = sched_buffer(s, kernel_value(stage_kernel(st, i), x));
            if (v >= 0 && s->val.v[v].part)
                s->val.v[v].part = st->rows;
        }
}

/* ---- rings ---- */

/* What is known of the use of a buffer whose steps might go in circles. */
typedef struct Circle {
    const Stage *loop; /* the one that uses it step by step */
    bool no;
} Circle;

/* Whether kernel k outside of the loop uses steps of v that are there: of a
 * loop from the last step to the first those at the start, and those after the
 * last; of others those before the first. */
static bool at_an_end(const Kernel *k, const Value *v, const Value *base)
{
    int bit = cell_time(base->axis), row = v->row;
    if (k->kind == KN_TAIL)
        return !base->lag;
    if (k->kind == KN_AT && k->in.n == 1)
        row = k->row;
    else if ((k->kind != KN_COPY && k->kind != KN_FUSED) || v->axes & bit)
        return false;
    return base->lag ? !base->lead && row < 0 && row >= -base->lag
                     : row >= 0 && row <= base->lead;
}

static void look_at_use(const Sched *s, Circle *c, const Stage *st,
                        const Kernel *k, Val v)
{
    Val base = sched_buffer(s, v);
    if (base < 0)
        return;
    const Value *x = &s->val.v[base];
    int bit = cell_time(x->axis);
    bool loop = st->comp >= 0 && s->causal.v.v[st->comp].axis == x->axis;
    if (loop && by_sequence(k, bit)) {
        c[base].no |= c[base].loop && c[base].loop != st;
        c[base].loop = st;
    } else {
        c[base].no |= loop || !at_an_end(k, &s->val.v[v], x);
    }
}

/* States that nothing but the loop over them reads are kept for as many steps
 * as that looks back or ahead. */
static void find_rings(Sched *s, Arena *a)
{
    Circle *c = NEW_N(a, Circle, s->val.n + 1);
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < s->fn[f].stage.n; i++) {
            const Stage *st = &s->fn[f].stage.v[i];
            for (int n = 0; n < stage_kernels(st); n++) {
                const Kernel *k = stage_kernel(st, n);
                for (int x = 0; x < kernel_values(k); x++)
                    look_at_use(s, c, st, k, kernel_value(k, x));
            }
        }
    for (Val i = 0; i < s->val.n; i++) {
        Value *v = &s->val.v[i];
        int keep = v->lag + v->lead + 1;
        if (v->kind != VAL_BUFFER || v->life != LIFE_TEMP || keep < 2 ||
            v->ring || v->turn || c[i].no || !c[i].loop ||
            v->axes & ~(cell_time(v->axis) | CELL_B))
            continue;
        for (v->ring = 2; v->ring < keep;)
            v->ring *= 2;
    }
}

/* Whether a value that only one group uses is needed for a chunk alone. */
static bool local(const Value *v, const Group *g)
{
    int bit = cell_time(g->axis);
    return v->life == LIFE_TEMP && v->axes & bit && !v->lag && !v->lead &&
           !v->ring && !v->turn && !(v->axes & ~(bit | CELL_B));
}

/* Whether a group has products whose matrices all rows share. */
static bool multiplies(const SchedFn *fn, int group)
{
    for (int i = 0; i < fn->stage.n; i++)
        for (int k = 0; k < stage_kernels(&fn->stage.v[i]); k++) {
            KernelKind kind = stage_kernel(&fn->stage.v[i], k)->kind;
            if (fn->stage.v[i].group == group &&
                (kind == KN_GEMM || kind == KN_OUTER))
                return true;
        }
    return false;
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
            touch_stage(s, last, only, &fn->stage.v[i],
                        (User){f, fn->stage.v[i].group}, bytes);
        for (int i = 0; i < fn->stage.n; i++)
            if (fn->stage.v[i].comp >= 0) {
                fn->stage.v[i].rows = loop_rows(s, &fn->stage.v[i], a);
                set_parts(s, &fn->stage.v[i]);
            }
        for (int i = 0; i < fn->group.n; i++) {
            int64_t rows = bytes[i] ? NEAR / bytes[i] : FEW;
            bool wide = bytes[i] * FEW > FAR && !multiplies(fn, i);
            int64_t few = wide ? 1 : FEW;
            fn->group.v[i].rows = rows < few ? few : rows > MANY ? MANY : rows;
        }
    }
    find_rings(s, a);
    for (Val v = 0; v < s->val.n; v++)
        if (only[v].fn >= 0 && only[v].group >= 0 &&
            local(&s->val.v[v], &s->fn[only[v].fn].group.v[only[v].group]))
            s->val.v[v].group = only[v].group;
}
