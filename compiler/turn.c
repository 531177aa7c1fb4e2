/* Turns of sweeps: where what a loop does with the lines of matrices (sweep.c)
 * does not mix the lines, neither in a step nor from step to step, some lines
 * go through all steps of a turn before the next ones, so that a state crosses
 * the cache once a turn instead of once a step.  What the sweep needs of the
 * turn's steps is done for all of them before, what needs its results after it.
 * Finds such loops and marks their kernels (Kernel.turn); emitters that have no
 * such sweep print steps one by one, as before.  Stands behind sweep.c. */
#include "turn.h"

#include "ops.h"
#include "sweep.h"

enum { TURN = 16 }; /* steps of a turn where nothing else says how many */

typedef struct Turner {
    Sched *s;
    Arena *arena;
    Stage *st;
    int axis, bit;
    int64_t steps;
    TurnPart *part; /* per kernel of the stage, as stage_kernel() */
} Turner;

static const Value *value_at(const Turner *w, Val v)
{
    return &w->s->val.v[v];
}

/* Whether kernel k writes, or uses at all, any of the reals of v at any step.
 */
static bool writes(const Turner *w, const Kernel *k, Val v)
{
    for (int i = k->in.n; i < kernel_values(k); i++)
        if (sweep_overlap(w->s, kernel_value(k, i), v, 0))
            return true;
    return false;
}

static bool touches(const Turner *w, const Kernel *k, const Kernel *maker)
{
    for (int i = 0; i < kernel_values(k); i++)
        if (writes(w, maker, kernel_value(k, i)))
            return true;
    return false;
}

/* Whether v is one of a state's matrices that the sweep itself fills. */
static bool is_swept(const Turner *w, Val v)
{
    for (int i = 0; i < stage_kernels(w->st); i++) {
        const Kernel *k = stage_kernel(w->st, i);
        for (int j = 0; k->sweep && j < k->inst.n; j++)
            if (sched_buffer(w->s, k->inst.v[j].out) >= 0 &&
                sched_buffer(w->s, k->inst.v[j].out) == sched_buffer(w->s, v))
                return true;
    }
    return false;
}

/* What is done with lines of a state beside the sweep: its start is kept, or
 * its last step is put aside. */
static bool is_beside(const Turner *w, const Kernel *k)
{
    if (k->kind == KN_COPY)
        return k->every == w->steps &&
               (is_swept(w, k->out) || is_swept(w, k->in.v[0]));
    return k->kind == KN_LAST && is_swept(w, k->in.v[0]);
}

/* Each list of kernels has at most one sweep, and the last one has it. */
static bool find_sweep(Turner *w)
{
    int found[2] = {0, 0};
    for (int i = 0; i < stage_kernels(w->st); i++) {
        const Kernel *k = stage_kernel(w->st, i);
        int *at = &found[i >= w->st->again.n];
        if (k->sweep && *at && k->sweep != *at)
            return false;
        if (k->sweep)
            *at = k->sweep;
        w->part[i] = k->sweep || is_beside(w, k) ? TURN_SWEEP : TURN_BEFORE;
    }
    return found[1] && (!w->st->again.n || found[0]);
}

/* What needs results of the sweep; whether that needs none of it, and nothing
 * that is done again does. */
static bool find_after(Turner *w)
{
    int n = stage_kernels(w->st);
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n && w->part[i] == TURN_BEFORE; j++)
                if (w->part[j] != TURN_BEFORE &&
                    touches(w, stage_kernel(w->st, i),
                            stage_kernel(w->st, j))) {
                    w->part[i] = TURN_AFTER;
                    more = true;
                }
    }
    for (int i = 0; i < n; i++) {
        if (w->part[i] == TURN_AFTER && i < w->st->again.n)
            return false;
        for (int j = 0; j < n; j++)
            if (w->part[i] == TURN_SWEEP && w->part[j] == TURN_AFTER &&
                touches(w, stage_kernel(w->st, i), stage_kernel(w->st, j)))
                return false;
    }
    return true;
}

/* Whether operand j of kernel k is a number of each line; `matrix` is what that
 * has reals of matrices. */
static bool is_number(const Turner *w, const Kernel *k, int j, int64_t matrix)
{
    int64_t ignored;
    return value_at(w, k->in.v[j])->spread == SPREAD_LINES ||
           (k->kind == KN_FUSED && matrix == k->lines) ||
           (j == 0 && sweep_role(w->s, k, &ignored, &ignored) == SWEEP_WEIGHS);
}

/* Whether operand j of kernel `at` in the sweep lets each line go its own way:
 * of results of the sweep it is lines of a state, of this step or the one
 * before, or numbers of lines, of this one. */
static bool goes_alone(const Turner *w, int at, int j)
{
    const Kernel *k = stage_kernel(w->st, at);
    const Value *x = value_at(w, k->in.v[j]);
    Val base = sched_buffer(w->s, k->in.v[j]);
    int64_t matrix = sweep_matrix(w->s, k);
    if (x->kind == VAL_TIME)
        return false;
    for (int i = 0; i < stage_kernels(w->st); i++) {
        if (w->part[i] != TURN_SWEEP ||
            !writes(w, stage_kernel(w->st, i), k->in.v[j]))
            continue;
        bool here = (i < w->st->again.n) == (at < w->st->again.n) && !x->row;
        if (x->n == matrix && !x->spread && matrix != k->lines)
            continue;
        if (!here || !is_number(w, k, j, matrix))
            return false;
    }
    if (base < 0)
        return true;
    if (is_swept(w, k->in.v[j]) && value_at(w, base)->axes & w->bit)
        return x->axes & w->bit && (!x->row || x->row == -w->st->dir ||
                                    (value_at(w, base)->turn && x->row == -1));
    return !value_at(w, base)->ring;
}

static bool all_alone(const Turner *w)
{
    for (int i = 0; i < stage_kernels(w->st); i++) {
        const Kernel *k = stage_kernel(w->st, i);
        for (int j = 0; k->sweep && j < k->in.n; j++)
            if (!goes_alone(w, i, j))
                return false;
    }
    return true;
}

/* Whether kernels of different parts use value v, and so need it for all steps
 * of a turn. */
static bool crosses(const Turner *w, Val base)
{
    int seen = 0;
    for (int i = 0; i < stage_kernels(w->st); i++)
        for (int j = 0; j < kernel_values(stage_kernel(w->st, i)); j++)
            if (sched_buffer(w->s, kernel_value(stage_kernel(w->st, i), j)) ==
                base)
                seen |= 1 << w->part[i];
    return seen & (seen - 1);
}

static bool made_here(const Turner *w, Val base)
{
    for (int i = 0; i < stage_kernels(w->st); i++)
        if (writes(w, stage_kernel(w->st, i), base))
            return true;
    return false;
}

/* Values of one step that others than its maker need get room for the turn;
 * whether they can. */
static bool find_room(Turner *w, bool *wide)
{
    for (Val v = 0; v < w->s->val.n; v++) {
        const Value *x = value_at(w, v);
        if (x->kind != VAL_BUFFER || !crosses(w, v) || !made_here(w, v))
            continue;
        if (x->axes & w->bit ? x->ring : x->life != LIFE_TEMP || x->lag)
            return false;
        wide[v] = !(x->axes & w->bit);
    }
    return true;
}

static void widen(Turner *w, const bool *wide)
{
    for (Val v = 0; v < w->s->val.n; v++) {
        Value *x = &w->s->val.v[v];
        Val base = sched_buffer(w->s, v);
        if (base < 0 || !wide[base])
            continue;
        x->axes |= (uint8_t)w->bit;
        x->axis = w->axis;
        if (v == base) {
            x->turn = w->steps;
            x->part = w->st->rows;
        }
    }
}

static void try_stage(Turner *w, SchedFn *fn)
{
    bool *wide = NEW_N(w->arena, bool, w->s->val.n + 1);
    w->part = NEW_N(w->arena, TurnPart, stage_kernels(w->st) + 1);
    if (w->st->dir < 0 && !w->st->turn)
        return;
    if (!find_sweep(w) || !find_after(w) || !all_alone(w) ||
        !find_room(w, wide))
        return;
    widen(w, wide);
    w->st->turn = w->steps;
    w->st->swept = true;
    if (w->st->group >= 0)
        fn->group.v[w->st->group].turn = w->steps;
    for (int i = 0; i < stage_kernels(w->st); i++)
        stage_kernel(w->st, i)->turn = w->part[i];
}

/* Steps of a turn: as backward has them, or those of what is kept for it. */
static int64_t steps_of(const Stage *st, int64_t wanted)
{
    for (int i = 0; i < st->kernel.n && !st->turn; i++)
        if (st->kernel.v[i].every)
            return st->kernel.v[i].every;
    return st->turn ? st->turn : wanted ? wanted : TURN;
}

void turn_stages(Sched *s, Chunks chunks, Arena *a)
{
    Turner w = {.s = s, .arena = a};
    if (chunks.off)
        return;
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < s->fn[f].stage.n; i++) {
            w.st = &s->fn[f].stage.v[i];
            if (w.st->comp < 0 || !w.st->rows)
                continue;
            w.axis = s->causal.v.v[w.st->comp].axis;
            w.bit = cell_time(w.axis);
            w.steps = steps_of(w.st, chunks.steps);
            try_stage(&w, &s->fn[f]);
        }
}
