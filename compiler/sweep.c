/* Sweeps: what a step of a loop does with matrices of the same lines, such as a
 * decay, the sum with a product of a column and a row and the products with
 * vectors that follow, goes over those lines once.  Kernels of a stage that can
 * do so become neighbours with the same number; emitters that know the kernel
 * `sweep` make one call of them, the others print them one by one.  Stands
 * behind chunk.c. */
#include "sweep.h"

#include <string.h>

#include "ops.h"

enum {
    BRIEF = 16, /* reals of a line, where nothing is looked up */
    MOST = 48   /* operations of a sweep */
};

typedef struct Sweeper {
    const Sched *s;
    Arena *arena;
    int bit;
    bool any;        /* of any size */
    int64_t least;   /* reals of a line */
    const Kernel *v; /* the kernels in their order */
    int n;
    bool *done; /* per kernel: is placed */
    int *with;  /* per kernel: 1: is in the sweep that is being made */
    int64_t lines, length;
    int ops;
} Sweeper;

static Val base_of(const Sched *s, Val v, int64_t *col, int *row)
{
    *col = 0;
    *row = 0;
    while (s->val.v[v].kind == VAL_VIEW) {
        *col += s->val.v[v].col;
        *row += s->val.v[v].row;
        v = s->val.v[v].base;
    }
    return v;
}

/* Reals of a row that value v stands on. */
static int64_t width(const Sched *s, Val v)
{
    const Value *x = &s->val.v[v];
    return x->spread ? s->val.v[x->base].n : x->n;
}

bool sweep_overlap(const Sched *s, Val a, Val b, int bit)
{
    int64_t ac, bc;
    int ar, br;
    if (a < 0 || b < 0)
        return false;
    Val x = base_of(s, a, &ac, &ar), y = base_of(s, b, &bc, &br);
    bool steps = s->val.v[a].axes & s->val.v[b].axes & bit;
    if (x != y || s->val.v[x].kind == VAL_CONST || (steps && ar != br))
        return false;
    return ac < bc + width(s, b) && bc < ac + width(s, a);
}

/* Whether element-wise work is of operations that a sweep has. */
static bool can_work(const Sched *s, const Kernel *k)
{
    for (int i = 0; i < k->inst.n; i++) {
        const Inst *x = &k->inst.v[i];
        bool wide = false;
        if (x->op != OP_add && x->op != OP_sub && x->op != OP_mul &&
            x->op != OP_neg && x->op != OP_exp)
            return false;
        for (int j = 0; j < x->nin; j++)
            wide |= x->in[j] >= 0 || s->val.v[k->in.v[~x->in[j]]].n > 1;
        if (!wide || (x->out >= 0 && s->val.v[x->out].n != k->n))
            return false;
    }
    for (int i = 0; i < k->in.n; i++) {
        const Value *x = &s->val.v[k->in.v[i]];
        if (x->kind == VAL_TIME || (x->n != 1 && x->n != k->n))
            return false;
    }
    return true;
}

/* Whether FOLD k adds lines. */
static bool adds_lines(const Sched *s, const Kernel *k, int64_t *lines)
{
    const ViewSpec *v = &s->g->view.v[k->view];
    const Shape *y = SHAPE(s->g, v->y);
    int64_t next = 1;
    *lines = 1;
    for (int i = y->rank - 1; i >= 0; i--) {
        if (y->dim[i] == 1)
            continue;
        if (next < k->n && v->stride[i] == next)
            next *= y->dim[i];
        else if (v->stride[i] == 0 && next == k->n)
            *lines *= y->dim[i];
        else
            return false;
    }
    return v->base == 0 && next == k->n && *lines > 1;
}

static bool by_batch(const Sched *s, Val v)
{
    return s->val.v[v].axes & CELL_B;
}

static bool is_matrix(const Sched *s, Val v)
{
    return by_batch(s, v) && SHAPE(s->g, s->val.v[v].shape)->rank > 1;
}

SweepRole sweep_role(const Sched *s, const Kernel *k, int64_t *lines,
                     int64_t *n)
{
    *lines = *n = 0;
    if (!(k->axes & CELL_B) || k->add || k->every || k->on_start)
        return SWEEP_NOT;
    if (k->kind == KN_FUSED && can_work(s, k)) {
        *n = k->k;
        *lines = k->k ? k->n / k->k : 0;
        return k->n > 1 ? SWEEP_WORK : SWEEP_NOT;
    }
    if (k->kind == KN_TAIL && s->val.v[k->in.v[0]].kind == VAL_CONST &&
        s->val.v[k->in.v[0]].num == 0) {
        return k->n > 1 ? SWEEP_ENDS : SWEEP_NOT;
    }
    if (k->kind == KN_FOLD && adds_lines(s, k, lines)) {
        *n = k->n;
        return SWEEP_SUMS;
    }
    if (k->kind != KN_PRODUCT || k->m != 1)
        return SWEEP_NOT;
    if (k->parts == 1 && k->n == 1)
        return is_matrix(s, k->in.v[0]) && is_matrix(s, k->in.v[1]) ? SWEEP_ALL
                                                                    : SWEEP_NOT;
    if (k->parts == 1) {
        *lines = k->tb ? k->n : k->k;
        *n = k->tb ? k->k : k->n;
        return *lines < 2 || *n < 2 || !by_batch(s, k->in.v[1]) ? SWEEP_NOT
               : k->tb                                          ? SWEEP_DOTS
                                                                : SWEEP_WEIGHS;
    }
    *lines = k->parts;
    *n = k->k;
    return k->n == 1 && k->k > 1 ? SWEEP_PAIRS : SWEEP_NOT;
}

int64_t sweep_matrix(const Sched *s, const Kernel *k)
{
    int64_t lines, n;
    SweepRole role = sweep_role(s, k, &lines, &n);
    return role == SWEEP_WORK || role == SWEEP_ENDS ? k->n
           : role == SWEEP_ALL                      ? k->k
                                                    : lines * n;
}

/* ---- order ---- */

/* Whether value v is all of a matrix of so many reals. */
static bool is_whole(const Sweeper *w, Val v, int64_t matrix)
{
    return matrix && !w->s->val.v[v].spread && w->s->val.v[v].n == matrix;
}

/* Whether FUSED kernel k of the sweep works on a number of each line. */
static bool is_thin(const Sweeper *w, const Kernel *k)
{
    return k->kind == KN_FUSED && k->n == w->lines;
}

/* Whether value x that kernel a of the sweep gives is a number of each line,
 * and y, which is operand j of kernel b, is read as that. */
static bool is_number(const Sweeper *w, const Kernel *a, Val x, const Kernel *b,
                      Val y, int j)
{
    int64_t ignored;
    SweepRole gives = sweep_role(w->s, a, &ignored, &ignored);
    const Value *v = &w->s->val.v[x];
    if (v->n != w->lines || v->spread ||
        (gives != SWEEP_DOTS && gives != SWEEP_PAIRS && !is_thin(w, a)))
        return false;
    return w->s->val.v[y].spread == SPREAD_LINES || is_thin(w, b) ||
           (j == 0 && sweep_role(w->s, b, &ignored, &ignored) == SWEEP_WEIGHS);
}

/* Whether kernel b has to wait for an earlier one; not for its matrices of so
 * many reals, nor for numbers of each line, of which a line at a time will
 * do. */
static bool waits(const Sweeper *w, const Kernel *a, const Kernel *b,
                  int64_t matrix)
{
    for (int i = 0; i < kernel_values(a); i++)
        for (int j = 0; j < kernel_values(b); j++) {
            Val x = kernel_value(a, i), y = kernel_value(b, j);
            bool gives = i >= a->in.n, takes = j < b->in.n;
            if ((!gives && takes) || !sweep_overlap(w->s, x, y, w->bit))
                continue;
            if (matrix && gives && takes && is_number(w, a, x, b, y, j))
                continue;
            bool follows = gives && (takes || b->kind == KN_TAIL);
            if (!follows || !is_whole(w, x, matrix) || !is_whole(w, y, matrix))
                return true;
        }
    return false;
}

/* Whether all that kernel i waits for is placed, or is in the sweep. */
static bool ready(const Sweeper *w, int i, bool sweep)
{
    for (int j = 0; j < i; j++) {
        if (w->done[j])
            continue;
        bool inside = sweep && w->with[j];
        if (waits(w, &w->v[j], &w->v[i], inside ? w->lines * w->length : 0))
            return false;
    }
    return true;
}

/* Kernel i may join the sweep that is being made, or begin one. */
static bool fits(Sweeper *w, int i)
{
    int64_t lines, n;
    const Kernel *k = &w->v[i];
    SweepRole role = sweep_role(w->s, k, &lines, &n);
    if (role == SWEEP_NOT || w->ops + k->inst.n + 1 > MOST)
        return false;
    if (w->length && is_thin(w, k)) /* it comes between others */
        return !ready(w, i, false);
    if (w->length)
        return lines ? lines == w->lines && n == w->length
                     : sweep_matrix(w->s, k) == w->lines * w->length;
    return lines > 1 && n > 1 &&
           (w->any || (n >= w->least && lines * n >= LARGE_STATE));
}

static void join(Sweeper *w, int i)
{
    int64_t lines, n;
    sweep_role(w->s, &w->v[i], &lines, &n);
    if (!w->length) {
        w->lines = lines;
        w->length = n;
    }
    w->with[i] = 1;
    w->ops += w->v[i].inst.n + 1;
}

/* The next sweep of what is left; whether there is any work in it. */
static bool gather(Sweeper *w)
{
    bool work = false;
    memset(w->with, 0, sizeof *w->with * (size_t)(w->n + 1));
    w->lines = w->length = 0;
    w->ops = 0;
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < w->n; i++) {
            bool start = !w->length;
            if (w->done[i] || w->with[i] || !fits(w, i) || !ready(w, i, !start))
                continue;
            join(w, i);
            work |= w->v[i].kind == KN_FUSED && !is_thin(w, &w->v[i]);
            more = true;
            if (start)
                break;
        }
    }
    return work;
}

/* Whether kernel i has nothing to do with matrices, or with none of those that
 * others have. */
static bool is_beside(const Sweeper *w, int i)
{
    int64_t lines, n;
    SweepRole role = sweep_role(w->s, &w->v[i], &lines, &n);
    if (role != SWEEP_WORK || lines)
        return role == SWEEP_NOT;
    for (int j = 0; j < w->n; j++)
        if (sweep_role(w->s, &w->v[j], &lines, &n) != SWEEP_NOT &&
            lines * n == w->v[i].n)
            return false;
    return true;
}

/* Of kernels that only read one matrix each the products are better. */
static void order(Sweeper *w, Kernel *out)
{
    int n = 0, sweep = 0;
    while (n < w->n) {
        bool any = false;
        for (int i = 0; i < w->n; i++)
            if (!w->done[i] && ready(w, i, false) && is_beside(w, i)) {
                out[n++] = w->v[i];
                w->done[i] = any = true;
            }
        if (any)
            continue;
        bool work = gather(w);
        sweep += work;
        for (int i = 0; i < w->n; i++) {
            if (w->done[i] || (w->length && !w->with[i]))
                continue;
            if (!w->length && !ready(w, i, false))
                continue;
            out[n] = w->v[i];
            out[n].sweep = work ? sweep : 0;
            out[n++].lines = work ? w->lines : 0;
            w->done[i] = true;
            if (!w->length)
                break;
        }
    }
}

static void sweep_list(Sweeper *w, Kernel *v, int n)
{
    Kernel *out = NEW_N(w->arena, Kernel, n + 1);
    w->v = v;
    w->n = n;
    w->done = NEW_N(w->arena, bool, n + 1);
    w->with = NEW_N(w->arena, int, n + 1);
    order(w, out);
    if (n)
        memcpy(v, out, sizeof *v * (size_t)n);
}

void sweep_stages(Sched *s, Chunks chunks, Arena *a)
{
    Sweeper w = {0};
    w.s = s;
    w.arena = a;
    w.any = chunks.steps > 0;
    w.least = chunks.brief ? BRIEF : SHORT_LINE;
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < s->fn[f].stage.n; i++) {
            Stage *st = &s->fn[f].stage.v[i];
            if (st->comp < 0 || !st->rows)
                continue;
            w.bit = cell_time(s->causal.v.v[st->comp].axis);
            sweep_list(&w, st->again.v, st->again.n);
            sweep_list(&w, st->kernel.v, st->kernel.n);
        }
}
