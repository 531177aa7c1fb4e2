/* Running sums: the gradient of a matrix that goes into a large state element
 * by element is a sum, over sequences and steps, of rows that a loop computes.
 * The loop adds them up itself, for each sequence, where else it would write
 * every one of them to memory for the sum to read: so sweeps have them among
 * their lines, and states that nothing but such a sum looks at outside of the
 * loop need not be kept (restate.c).  Each sequence has a sum of its own, so
 * that the order in which a loop takes sequences and steps of a turn does not
 * matter.  Stands between accumulate.c and restate.c. */
#include "running.h"

#include <math.h>
#include <string.h>

#include "chunk.h"
#include "ops.h"
#include "sweep.h"

typedef struct Runner {
    Sched *s;
    SchedFn *fn; /* backward */
    Arena *arena;
    int64_t least; /* reals of a row */
    int loop;      /* the stage of the loop at hand, */
    int bit;       /* and its axis */
    int *written;  /* per value: the last stage of backward that fills it, -1 */
    int *writers;  /* and how many kernels do */
    bool *rows;  /* per value: rows that the loop at hand makes in a sweep, and
                    that nobody else uses but for sums that it can take over */
    bool *taken; /* per value, of those that were there first: a sum of these
                    was taken over */
    int values;  /* how many were */
} Runner;

static Stage *stage_at(const Runner *w, int i)
{
    return &w->fn->stage.v[i];
}

static const Value *value_at(const Runner *w, Val v)
{
    return &w->s->val.v[v];
}

/* The first stage of the group of the loop at hand, or that loop. */
static int first_stage(const Runner *w)
{
    int first = w->loop, group = stage_at(w, w->loop)->group;
    while (group >= 0 && first > 0 && stage_at(w, first - 1)->group == group)
        first--;
    return first;
}

/* Whether kernel k adds up rows over all sequences and steps of the axis. */
static bool is_sum(const Runner *w, const Kernel *k)
{
    int all = w->bit | CELL_B;
    bool sum = k->kind == KN_SUMA && k->axes == GX_NONE && !k->add &&
               !k->where && k->in.n <= 2 && k->over == all && k->from == all &&
               k->n >= w->least;
    for (int i = 0; sum && i < k->in.n; i++)
        sum = value_at(w, k->in.v[i])->n == k->n &&
              value_at(w, k->in.v[i])->axes == all;
    return sum && !value_at(w, k->out)->axes &&
           w->writers[sched_base(w->s, k->out)] == 1;
}

/* Whether the loop at hand has v at each of its steps. */
static bool at_hand(const Runner *w, Val v)
{
    const Value *x = value_at(w, v);
    Val base = sched_buffer(w->s, v);
    if (base < 0 || x->from != x->to || x->end || x->spread ||
        w->written[base] > w->loop)
        return false;
    return w->written[base] < first_stage(w) || !x->row ||
           x->row * stage_at(w, w->loop)->dir < 0;
}

static bool can_take(const Runner *w, const Kernel *k)
{
    bool can = is_sum(w, k);
    for (int i = 0; can && i < k->in.n; i++)
        can = at_hand(w, k->in.v[i]);
    return can;
}

/* Whether the loop at hand may be able to keep value v to itself. */
static bool is_own(const Runner *w, Val v)
{
    const Value *x = value_at(w, v);
    return x->kind == VAL_BUFFER && x->life == LIFE_TEMP && !x->packed &&
           x->axes == (w->bit | CELL_B) && x->n >= w->least && !x->lag &&
           !x->lead && w->written[v] == w->loop && !sched_known(w->s, v);
}

static void find_writers(Runner *w)
{
    int n = w->s->val.n + 1;
    w->written = NEW_N(w->arena, int, n);
    w->writers = NEW_N(w->arena, int, n);
    for (int i = 0; i < n; i++)
        w->written[i] = -1;
    for (int i = 0; i < w->fn->stage.n; i++)
        for (int j = 0; j < stage_at(w, i)->kernel.n; j++) {
            const Kernel *k = &stage_at(w, i)->kernel.v[j];
            for (int x = k->in.n; x < kernel_values(k); x++) {
                Val base = sched_base(w->s, kernel_value(k, x));
                if (base < 0)
                    continue;
                w->written[base] = i;
                w->writers[base]++;
            }
        }
}

/* Whether kernel k of the loop at hand, which has to do with v, lets that stay
 * there. */
static bool sweeps(const Runner *w, const Kernel *k, Val v)
{
    int64_t ignored;
    return !value_at(w, v)->row &&
           (!kernel_fills(w->s, k, sched_base(w->s, v)) ||
            sweep_role(w->s, k, &ignored, &ignored) != SWEEP_NOT);
}

/* Fills Runner.rows. */
static void find_rows(Runner *w)
{
    w->rows = NEW_N(w->arena, bool, w->s->val.n + 1);
    for (Val v = 0; v < w->s->val.n; v++)
        w->rows[v] = is_own(w, v);
    for (int i = 0; i < w->fn->stage.n; i++)
        for (int j = 0; j < stage_at(w, i)->kernel.n; j++) {
            const Kernel *k = &stage_at(w, i)->kernel.v[j];
            bool inside = i == w->loop, take = i > w->loop && can_take(w, k);
            for (int x = 0; x < kernel_values(k); x++) {
                Val v = kernel_value(k, x), base = sched_base(w->s, v);
                if (base >= 0)
                    w->rows[base] &= take || (inside && sweeps(w, k, v));
            }
        }
}

/* ---- the loop and the sum rewritten ---- */

static Val add_value(Runner *w, Value v)
{
    vec_push(w->arena, &w->s->val, v);
    return w->s->val.n - 1;
}

static Val zero(Runner *w)
{
    for (Val i = 0; i < w->s->val.n; i++)
        if (value_at(w, i)->kind == VAL_CONST && value_at(w, i)->num == 0 &&
            !signbit(value_at(w, i)->num))
            return i;
    Value v = {.kind = VAL_CONST, .n = 1, .slot = -1, .table = -1, .base = -1};
    v.fn = v.first = v.last = v.group = -1;
    return add_value(w, v);
}

/* The sums of sequences of rows such as `of`. */
static Val add_sums(Runner *w, Val of, Ref node)
{
    Value v = *value_at(w, of);
    v.kind = VAL_BUFFER;
    v.ref = node;
    v.name = NULL;
    v.slot = v.base = v.group = -1;
    v.axes = CELL_B;
    v.col = v.row = v.lag = v.lead = 0;
    v.life = LIFE_TEMP;
    return add_value(w, v);
}

static void put_kernel(Runner *w, Stage *st, int at, Kernel k)
{
    vec_push(w->arena, &st->kernel, k);
    for (int i = st->kernel.n - 1; i > at; i--)
        st->kernel.v[i] = st->kernel.v[i - 1];
    st->kernel.v[at] = k;
}

/* A new stage in place `at`. */
static Stage *put_stage(Runner *w, int at)
{
    Stage st = {.comp = -1, .group = -1};
    vec_push(w->arena, &w->fn->stage, st);
    for (int i = w->fn->stage.n - 1; i > at; i--)
        *stage_at(w, i) = *stage_at(w, i - 1);
    *stage_at(w, at) = st;
    w->loop += at <= w->loop;
    return stage_at(w, at);
}

static bool is_whole(const Runner *w, int i)
{
    return i >= 0 && i < w->fn->stage.n && stage_at(w, i)->comp < 0 &&
           stage_at(w, i)->group < 0;
}

/* Sets all sums to 0 before the loop, or its group. */
static void put_start(Runner *w, const Kernel *sum, Val sums)
{
    Kernel k = {.kind = KN_COPY, .node = sum->node, .span = sum->span};
    k.axes = CELL_B;
    k.m = 1;
    k.n = sum->n;
    k.out = sums;
    vec_push(w->arena, &k.in, zero(w));
    int first = first_stage(w);
    Stage *st =
        is_whole(w, first - 1) ? stage_at(w, first - 1) : put_stage(w, first);
    put_kernel(w, st, st->kernel.n, k);
}

/* Adds the row of a step, or the product of two. */
static void put_step(Runner *w, const Kernel *sum, Val sums)
{
    Kernel k = {.kind = KN_FUSED, .node = sum->node, .span = sum->span};
    Inst mul = {OP_mul, sum->node, 2, {~1, ~2}, -1};
    Inst add = {OP_add, sum->node, 2, {~0, ~1}, sums};
    bool square = sum->in.n == 2 && sum->in.v[0] == sum->in.v[1];
    k.axes = (uint8_t)(w->bit | CELL_B);
    k.m = 1;
    k.n = sum->n;
    k.out = -1;
    vec_push(w->arena, &k.in, sums);
    for (int i = 0; i < sum->in.n - square; i++)
        vec_push(w->arena, &k.in, sum->in.v[i]);
    if (square)
        mul.in[1] = ~1;
    if (sum->in.n == 2) {
        vec_push(w->arena, &k.inst, mul);
        add.in[1] = 0;
    }
    vec_push(w->arena, &k.inst, add);
    put_kernel(w, stage_at(w, w->loop), stage_at(w, w->loop)->kernel.n, k);
}

static void drop_stage(SchedFn *fn, int i)
{
    for (i++; i < fn->stage.n; i++)
        fn->stage.v[i - 1] = fn->stage.v[i];
    fn->stage.n--;
}

/* Adds up the sums of sequences, behind the group of stage i. */
static void put_end(Runner *w, int i, Kernel sum, Val sums)
{
    int group = stage_at(w, i)->group;
    memset(&sum.in, 0, sizeof sum.in);
    vec_push(w->arena, &sum.in, sums);
    sum.from = sum.over = CELL_B;
    while (group >= 0 && i < w->fn->stage.n && stage_at(w, i)->group == group)
        i++;
    Stage *st = is_whole(w, i) ? stage_at(w, i) : put_stage(w, i);
    put_kernel(w, st, 0, sum);
}

/* Has the loop at hand add up what kernel j of stage i does. */
static void take_over(Runner *w, int i, int j)
{
    Kernel sum = stage_at(w, i)->kernel.v[j];
    Val sums = add_sums(w, sum.in.v[0], sum.node);
    for (int x = 0; x < sum.in.n; x++)
        w->taken[sched_base(w->s, sum.in.v[x])] = true;
    stage_drop(stage_at(w, i), j);
    put_step(w, &sum, sums);
    put_end(w, i, sum, sums);
    if (!stage_at(w, i)->kernel.n)
        drop_stage(w->fn, i);
    put_start(w, &sum, sums);
}

/* Whether a sum of what the loop at hand makes was taken over by it. */
static bool take_one(Runner *w)
{
    find_writers(w);
    find_rows(w);
    for (int i = w->loop + 1; i < w->fn->stage.n; i++)
        for (int j = 0; j < stage_at(w, i)->kernel.n; j++) {
            const Kernel *k = &stage_at(w, i)->kernel.v[j];
            bool own = false;
            if (stage_at(w, i)->comp >= 0 || !can_take(w, k))
                continue;
            for (int x = 0; x < k->in.n; x++)
                own |= w->rows[sched_base(w->s, k->in.v[x])];
            if (own) {
                take_over(w, i, j);
                return true;
            }
        }
    return false;
}

/* What nobody but the loop at hand looks at any more is not there for all
 * steps. */
static void keep_rows(Runner *w)
{
    for (Val v = 0; v < w->values; v++) {
        Val base = sched_base(w->s, v);
        if (w->taken[base] && w->rows[base])
            w->s->val.v[v].axes &= (uint8_t)~w->bit;
    }
}

/* Whether any sum over that axis is of rows that are worth it. */
static bool any_sum(Runner *w)
{
    find_writers(w);
    for (int i = 0; i < w->fn->stage.n; i++)
        for (int j = 0; j < stage_at(w, i)->kernel.n; j++)
            if (is_sum(w, &stage_at(w, i)->kernel.v[j]))
                return true;
    return false;
}

void running_sums(Sched *s, Chunks chunks, Arena *a)
{
    Runner w = {.s = s, .fn = &s->fn[FN_BACKWARD], .arena = a};
    w.least = chunks.steps > 0 ? 2 : LARGE_STATE;
    for (w.loop = 0; w.loop < w.fn->stage.n; w.loop++) {
        const Stage *st = stage_at(&w, w.loop);
        if (st->comp < 0)
            continue;
        w.bit = cell_time(s->causal.v.v[st->comp].axis);
        if (!any_sum(&w) || !chunk_alone(s, st, a))
            continue;
        w.values = s->val.n;
        w.taken = NEW_N(a, bool, w.values + 1);
        while (take_one(&w))
            ;
        keep_rows(&w);
    }
}
