/* Large states: a state such as a matrix for each sequence, kept for all steps,
 * is written to memory by forward and read again by backward, which takes
 * longer than computing it.  Such a state is kept where turns of a few steps
 * begin; backward computes the steps of a turn once more, from the last turn to
 * the first, while they fit into a cache.  What is small beside the state and
 * not at hand in backward is saved for that.  Needs the kernels of lower.c;
 * stands before chunk_sizes(). */
#include "restate.h"

#include <string.h>

#include "chunk.h"
#include "level.h"
#include "ops.h"

enum {
    SMALL = 8,       /* times smaller than that is what is saved for it */
    MEMORY = 7,      /* operations that take as long as writing a real to
                        memory and reading it again */
    TURN = 8,        /* steps of a turn, */
    SHORT = 4,       /* and of one whose states would not fit: */
    ROOM = 768 << 10 /* bytes of the states of a turn */
};

typedef struct Restate {
    Sched *s;
    Arena *arena;
    int fore, back; /* the two loops, as stages; back -1: there is none */
    int axis, bit;  /* theirs, and its bit */
    int64_t steps;  /* of a turn that somebody wants, or 0; */
    int64_t turn;   /* else; 0: as many as fit */
    bool *state;    /* per value: it is computed again */
    bool *part;     /* per value: made of those, in forward's loop */
    bool *saved;    /* per value: is saved for that */
    bool **take;    /* per kernel of forward's loop: which instructions (of
                       others: [0]) compute those, or NULL */
    Val *copy;      /* per value: what backward's loop has in its place, -1 */
    int ncopy;      /* how many there are */
    int64_t largest;
    double cost;
    bool fails;
} Restate;

#define VALUE(w, i) (&(w)->s->val.v[i])

static Stage *stage_at(const Restate *w, int fn, int i)
{
    return &w->s->fn[fn].stage.v[i];
}

/* ---- which states ---- */

/* Whether kernel k gives the last step of each sequence of a state. */
static bool is_last(const Sched *s, const Kernel *k, Val base)
{
    return k->kind == KN_AT && k->in.n == 2 && k->row == -1 &&
           k->in.v[0] == base && s->val.v[k->out].kind == VAL_BUFFER;
}

/* Whether kernel k sets the start of a state. */
static bool is_start(const Sched *s, const Kernel *k, Val base)
{
    return k->kind == KN_COPY && sched_buffer(s, k->out) == base &&
           s->val.v[k->out].row == -1 &&
           !(s->val.v[k->out].axes & cell_time(s->val.v[base].axis)) &&
           !kernel_reads(s, k, base);
}

/* Whether no loop but the two, and nobody outside, uses a state but for its
 * ends; and the second, if there is one, does. */
static bool alone(const Restate *w, Val v)
{
    const Sched *s = w->s;
    bool seen = w->back < 0;
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < s->fn[f].stage.n; i++) {
            const Stage *st = &s->fn[f].stage.v[i];
            bool fore = f == FN_FORWARD && i == w->fore;
            bool back = f == FN_BACKWARD && i == w->back;
            for (int n = 0; n < stage_kernels(st); n++) {
                const Kernel *k = stage_kernel(st, n);
                bool write = kernel_fills(s, k, v),
                     use = write || kernel_reads(s, k, v);
                bool end =
                    f == FN_FORWARD && st->comp < 0 &&
                    (is_start(s, k, v) || (i > w->fore && is_last(s, k, v)));
                if (use && !fore && !end && (!back || write))
                    return false;
                seen |= use && back;
            }
        }
    for (int i = 0; i < s->g->root.n; i++)
        if (sched_buffer(s, s->root_val[i]) == v)
            return false;
    return seen;
}

static int slot_of(const Sched *s, Val v)
{
    for (int i = 0; i < s->g->slot.n; i++)
        if (s->slot_val[i] == v)
            return i;
    return -1;
}

static bool is_candidate(const Restate *w, Val v)
{
    const Value *x = VALUE(w, v);
    if (x->kind != VAL_BUFFER || x->packed ||
        x->n < (w->steps ? 2 : LARGE_STATE) || x->lead || x->ring ||
        x->axes != (w->bit | CELL_B) || cell_time(x->axis) != w->bit)
        return false;
    int slot = slot_of(w->s, v);
    if (slot >= 0 ? SLOT(w->s->g, slot)->kind != SLOT_EQN || x->lag != 1
                  : x->life != LIFE_TAPE || x->lag)
        return false;
    const Stage *fore = stage_at(w, FN_FORWARD, w->fore);
    bool made = false;
    for (int i = 0; i < fore->kernel.n; i++)
        made |= kernel_fills(w->s, &fore->kernel.v[i], v);
    return made && alone(w, v);
}

/* ---- what computes them ---- */

static void need_value(Restate *w, Val v);

static void add_cost(Restate *w, const Kernel *k, double each)
{
    w->cost += each * (double)k->n;
}

static void take_inst(Restate *w, int at, int i)
{
    const Kernel *k = &stage_at(w, FN_FORWARD, w->fore)->kernel.v[at];
    const Inst *x = &k->inst.v[i];
    if (w->take[at][i])
        return;
    w->take[at][i] = true;
    add_cost(w, k, op_row[x->op].cost);
    for (int j = 0; j < x->nin; j++)
        if (x->in[j] >= 0)
            take_inst(w, at, x->in[j]);
        else
            need_value(w, k->in.v[~x->in[j]]);
}

static void take_kernel(Restate *w, int at)
{
    const Kernel *k = &stage_at(w, FN_FORWARD, w->fore)->kernel.v[at];
    bool known = k->kind == KN_COPY || k->kind == KN_PRODUCT ||
                 k->kind == KN_VIEW || k->kind == KN_SUM;
    if (w->take[at][0])
        return;
    w->take[at][0] = true;
    w->fails |= !known;
    add_cost(w, k,
             k->kind == KN_PRODUCT ? 2.0 * (double)(k->parts * k->m * k->k)
                                   : 1);
    for (int i = 0; i < k->in.n; i++)
        need_value(w, k->in.v[i]);
}

/* Takes what fills buffer v in forward's loop; whether anything does. */
static bool take_makers(Restate *w, Val v)
{
    const Stage *fore = stage_at(w, FN_FORWARD, w->fore);
    bool any = false;
    for (int i = 0; i < fore->kernel.n; i++) {
        const Kernel *k = &fore->kernel.v[i];
        if (!kernel_fills(w->s, k, v))
            continue;
        any = true;
        if (!w->take[i])
            w->take[i] = NEW_N(w->arena, bool, k->inst.n + 1);
        for (int j = 0; j < k->inst.n; j++)
            if (sched_buffer(w->s, k->inst.v[j].out) == v)
                take_inst(w, i, j);
        if (!k->inst.n)
            take_kernel(w, i);
    }
    return any;
}

static bool made_inside(const Restate *w, Val v)
{
    const Stage *fore = stage_at(w, FN_FORWARD, w->fore);
    for (int i = 0; i < fore->kernel.n; i++)
        if (kernel_fills(w->s, &fore->kernel.v[i], v))
            return true;
    return false;
}

/* An operand of what is computed again: it is at hand, small enough to be
 * saved, or computed again too. */
static void need_value(Restate *w, Val v)
{
    Val b = sched_buffer(w->s, v);
    const Value *x = VALUE(w, b < 0 ? 0 : b);
    if (b < 0 || w->state[b] || w->part[b] || w->saved[b])
        return;
    if (x->ring)
        w->fails = true;
    if (x->life == LIFE_KEEP || x->life == LIFE_TAPE) {
        w->cost += x->axes & w->bit ? (double)x->n * MEMORY / 2 : 0;
        return;
    }
    bool small = w->steps || x->n * SMALL <= w->largest;
    bool rows = x->axes & (w->bit | CELL_B);
    if (x->lag || x->lead || x->axes & ~(w->bit | CELL_B))
        w->fails = true;
    else if (!made_inside(w, b) ? small || !rows : small)
        w->saved[b] = true;
    else if (!(x->axes & w->bit)) {
        w->part[b] = true;
        take_makers(w, b);
    } else {
        w->fails = true;
    }
}

/* Whether the states marked so far can be computed again, and are better. */
static bool pays(Restate *w)
{
    const Stage *fore = stage_at(w, FN_FORWARD, w->fore);
    double reals = 0;
    w->fails = false;
    w->cost = 0;
    memset(w->part, 0, sizeof *w->part * (size_t)w->s->val.n);
    memset(w->saved, 0, sizeof *w->saved * (size_t)w->s->val.n);
    memset(w->take, 0, sizeof *w->take * (size_t)fore->kernel.n);
    for (Val v = 0; v < w->s->val.n; v++)
        if (w->state[v])
            take_makers(w, v);
    for (Val v = 0; v < w->s->val.n; v++)
        if (w->state[v])
            reals += (double)VALUE(w, v)->n;
    return !w->fails && (w->steps || w->cost <= MEMORY * reals);
}

/* All of them, or those that can be computed again without the others. */
static bool choose(Restate *w)
{
    int n = w->s->val.n, found = 0;
    bool *all = NEW_N(w->arena, bool, n + 1);
    w->largest = 0;
    for (Val v = 0; v < n; v++) {
        w->state[v] = all[v] = is_candidate(w, v);
        found += all[v];
        if (all[v] && VALUE(w, v)->n > w->largest)
            w->largest = VALUE(w, v)->n;
    }
    if (!found || w->back < 0 || pays(w))
        return found;
    for (Val v = 0; v < n; v++)
        w->state[v] = false;
    found = 0;
    for (Val v = 0; v < n; v++) {
        w->state[v] = all[v];
        w->state[v] = all[v] && pays(w);
        found += w->state[v];
    }
    return found && pays(w);
}

/* ---- the loops rewritten ---- */

static Val add_value(Restate *w, Value v)
{
    vec_push(w->arena, &w->s->val, v);
    return w->s->val.n - 1;
}

/* What backward's loop has in place of v: a value of the turn at hand. */
static Val copy_of(Restate *w, Val v, int64_t turn)
{
    Val b = v < w->ncopy ? sched_buffer(w->s, v) : -1;
    if (b < 0 || !(w->state[b] || w->part[b]))
        return v;
    if (w->copy[v] >= 0)
        return w->copy[v];
    Value x = *VALUE(w, v);
    if (x.kind == VAL_VIEW) {
        x.base = copy_of(w, x.base, turn);
    } else {
        x.life = LIFE_TEMP;
        x.fn = FN_BACKWARD;
        x.part = 1;
        x.ring = 0;
        x.turn = w->state[b] ? turn : 0;
    }
    w->copy[v] = add_value(w, x);
    return w->copy[v];
}

static void replace(Restate *w, Kernel *k, int64_t turn)
{
    for (int i = 0; i < k->in.n; i++)
        k->in.v[i] = copy_of(w, k->in.v[i], turn);
    for (int i = 0; i < k->inst.n; i++)
        if (k->inst.v[i].out >= 0)
            k->inst.v[i].out = copy_of(w, k->inst.v[i].out, turn);
    if (k->out >= 0)
        k->out = copy_of(w, k->out, turn);
}

/* The instructions of FUSED kernel k that are taken, and their operands. */
static Kernel taken_part(Restate *w, const Kernel *k, const bool *take)
{
    Kernel y = *k;
    int *to = NEW_N(w->arena, int, k->inst.n + 1);
    memset(&y.in, 0, sizeof y.in);
    memset(&y.inst, 0, sizeof y.inst);
    for (int i = 0; i < k->inst.n; i++) {
        Inst x = k->inst.v[i];
        if (!take[i])
            continue;
        for (int j = 0; j < x.nin; j++) {
            Val v = x.in[j] < 0 ? k->in.v[~x.in[j]] : -1;
            int at = 0;
            while (v >= 0 && at < y.in.n && y.in.v[at] != v)
                at++;
            if (v >= 0 && at == y.in.n)
                vec_push(w->arena, &y.in, v);
            x.in[j] = v >= 0 ? ~at : to[x.in[j]];
        }
        Val b = sched_buffer(w->s, x.out);
        if (b >= 0 && !w->state[b] && !w->part[b])
            x.out = -1;
        to[i] = y.inst.n;
        vec_push(w->arena, &y.inst, x);
    }
    y.node = y.inst.v[0].node;
    return y;
}

static Kernel taken_kernel(Restate *w, const Kernel *k, const bool *take)
{
    if (k->inst.n)
        return taken_part(w, k, take);
    Kernel y = *k;
    memset(&y.in, 0, sizeof y.in);
    for (int i = 0; i < k->in.n; i++)
        vec_push(w->arena, &y.in, k->in.v[i]);
    return y;
}

static Val view_of(Restate *w, Val base, int row, bool end)
{
    Value v = *VALUE(w, base);
    v.kind = VAL_VIEW;
    v.base = base;
    v.row = row;
    v.end = end;
    v.lag = v.lead = v.ring = 0;
    v.turn = v.every = 0;
    v.part = 0;
    if (end)
        v.axes &= (uint8_t)~w->bit;
    return add_value(w, v);
}

static Kernel copy_kernel(const Restate *w, Val to, int64_t every)
{
    Kernel k = {0};
    k.kind = KN_COPY;
    k.node = VALUE(w, to)->ref;
    k.span = NODE(w->s->g, k.node)->span;
    k.axes = (uint8_t)(w->bit | CELL_B);
    k.m = 1;
    k.n = VALUE(w, to)->n;
    k.out = to;
    k.every = every;
    return k;
}

static void put_copy(Restate *w, Stage *st, bool again, Val to, Val from,
                     int64_t every)
{
    Kernel k = copy_kernel(w, to, every);
    vec_push(w->arena, &k.in, from);
    if (again)
        vec_push(w->arena, &st->again, k);
    else
        vec_push(w->arena, &st->kernel, k);
}

/* The state where turns begin: forward keeps it, backward goes on from it. */
static void keep_starts(Restate *w, Val v, int64_t turn)
{
    Stage *fore = stage_at(w, FN_FORWARD, w->fore);
    Stage *back = stage_at(w, FN_BACKWARD, w->back);
    Value x = *VALUE(w, v);
    x.life = LIFE_TAPE;
    x.lag = 0;
    x.every = turn;
    x.slot = -1;
    Val kept = add_value(w, x);
    put_copy(w, fore, false, kept, view_of(w, v, -1, false), turn);
    put_copy(w, back, true, view_of(w, copy_of(w, v, turn), -1, false), kept,
             turn);
}

/* The last step of a state, which is asked for after the loop, is put aside in
 * the loop. */
static void keep_end(Restate *w, Val v)
{
    Sched *s = w->s;
    Stage *fore = stage_at(w, FN_FORWARD, w->fore);
    Kernel k = copy_kernel(w, v, 0);
    Val to = view_of(w, v, 0, true);
    for (int i = w->fore; i < s->fn[FN_FORWARD].stage.n; i++) {
        Stage *st = stage_at(w, FN_FORWARD, i);
        int n = 0;
        for (int j = 0; j < st->kernel.n; j++) {
            if (st->comp < 0 && is_last(s, &st->kernel.v[j], v)) {
                Value *x = VALUE(w, st->kernel.v[j].out);
                const char *name = x->name;
                *x = *VALUE(w, to);
                x->name = name;
            } else {
                st->kernel.v[n++] = st->kernel.v[j];
            }
        }
        st->kernel.n = n;
    }
    k.kind = KN_LAST;
    k.out = to;
    vec_push(w->arena, &k.in, v);
    vec_push(w->arena, &k.in, s->len[w->axis]);
    vec_push(w->arena, &k.in, view_of(w, v, -1, false));
    vec_push(w->arena, &fore->kernel, k);
}

/* What is saved is there for all steps. */
static void save(Restate *w, Val v)
{
    Value *x = VALUE(w, v);
    bool steps = made_inside(w, v) && !(x->axes & w->bit);
    x->life = LIFE_TAPE;
    if (!steps)
        return;
    for (Val i = 0; i < w->s->val.n; i++)
        if (sched_buffer(w->s, i) == v) {
            VALUE(w, i)->axes |= (uint8_t)w->bit;
            VALUE(w, i)->axis = w->axis;
        }
}

static int64_t turn_steps(const Restate *w)
{
    int64_t bytes = 0;
    for (Val v = 0; v < w->s->val.n; v++)
        bytes += w->state[v] ? VALUE(w, v)->n * 4 : 0;
    return w->steps                     ? w->steps
           : w->turn                    ? w->turn
           : bytes * (TURN + 1) <= ROOM ? TURN
                                        : SHORT;
}

static void rewrite_back(Restate *w, int64_t turn)
{
    Stage *fore = stage_at(w, FN_FORWARD, w->fore);
    Stage *back = stage_at(w, FN_BACKWARD, w->back);
    int n = fore->kernel.n;
    back->turn = turn;
    if (back->group >= 0)
        w->s->fn[FN_BACKWARD].group.v[back->group].turn = turn;
    for (Val v = 0; v < w->ncopy; v++)
        if (w->state[v] && VALUE(w, v)->lag)
            keep_starts(w, v, turn);
    for (int i = 0; i < n; i++)
        if (w->take[i]) {
            Kernel k = taken_kernel(w, &fore->kernel.v[i], w->take[i]);
            replace(w, &k, turn);
            vec_push(w->arena, &back->again, k);
        }
    for (int i = 0; i < back->kernel.n; i++)
        replace(w, &back->kernel.v[i], turn);
}

static void rewrite(Restate *w)
{
    int n = w->s->val.n;
    w->ncopy = n;
    w->copy = NEW_N(w->arena, Val, n + 1);
    memset(w->copy, -1, sizeof *w->copy * (size_t)n);
    for (Val v = 0; v < n && w->back >= 0; v++)
        if (w->saved[v])
            save(w, v);
    if (w->back >= 0)
        rewrite_back(w, turn_steps(w));
    for (Val v = 0; v < n; v++) {
        if (!w->state[v])
            continue;
        if (VALUE(w, v)->lag) {
            keep_end(w, v);
            VALUE(w, v)->ring = 2;
        } else {
            VALUE(w, v)->ring = 1;
            VALUE(w, v)->life = LIFE_TEMP;
            VALUE(w, v)->part = 1;
        }
    }
}

/* ---- pairs of loops ---- */

/* Whether a loop goes along its axis in direction `dir`, and each sequence is
 * on its own in it. */
static bool is_loop(const Restate *w, const Stage *st, int dir)
{
    return st->comp >= 0 && st->dir == dir && chunk_alone(w->s, st, w->arena);
}

static void try_pair(Restate *w)
{
    int n = w->s->val.n;
    const Stage *fore = stage_at(w, FN_FORWARD, w->fore);
    w->axis = w->s->causal.v.v[fore->comp].axis;
    w->bit = cell_time(w->axis);
    w->state = NEW_N(w->arena, bool, n + 1);
    w->part = NEW_N(w->arena, bool, n + 1);
    w->saved = NEW_N(w->arena, bool, n + 1);
    w->take = NEW_N(w->arena, bool *, fore->kernel.n + 1);
    if (choose(w))
        rewrite(w);
}

void restate(Sched *s, Chunks chunks, Arena *a)
{
    Restate w = {0};
    w.s = s;
    w.arena = a;
    w.steps = chunks.steps > 0 ? chunks.steps : 0;
    w.turn = chunks.turn;
    for (w.fore = 0; w.fore < s->fn[FN_FORWARD].stage.n; w.fore++) {
        const Stage *fore = stage_at(&w, FN_FORWARD, w.fore);
        if (!is_loop(&w, fore, 1))
            continue;
        w.back = -1;
        try_pair(&w);
        for (w.back = 0; w.back < s->fn[FN_BACKWARD].stage.n; w.back++) {
            const Stage *back = stage_at(&w, FN_BACKWARD, w.back);
            if (is_loop(&w, back, -1) && !back->again.n &&
                s->causal.v.v[back->comp].axis ==
                    s->causal.v.v[fore->comp].axis)
                try_pair(&w);
        }
    }
}
