/* Sweeps that go by turns (turn.c) as programs of the run time's kernel
 * `sweep`: the lines of a state are in registers from the first step of a turn
 * to the last, and those of states that are computed again in scratch memory.
 * Called by emit.c for all loops that go by turns. */
#include <string.h>

#include "emitchain.h"

/* ---- what a turn is made of ---- */

static State *state_of(Body *b, Val base)
{
    for (int i = 0; i < b->state.n; i++)
        if (b->state.v[i].base == base)
            return &b->state.v[i];
    return NULL;
}

/* The value of the sweep that is `base` a step before; -1: there is none. */
static Val before_of(const Program *p, const Body *b, Val base)
{
    for (int i = 0; i < b->n; i++)
        for (int j = 0; b->v[i].sweep && j < b->v[i].in.n; j++) {
            Val v = b->v[i].in.v[j];
            if (sched_buffer(p->e->s, v) == base &&
                program_row(p, v) == -b->dir)
                return v;
        }
    return -1;
}

/* States of body b, and room for those that are computed again. */
static void find_states(Program *p, Body *b, bool again)
{
    for (int i = 0; i < b->n; i++)
        for (int j = 0; b->v[i].sweep && j < b->v[i].inst.n; j++) {
            Val out = b->v[i].inst.v[j].out, base = sched_buffer(p->e->s, out);
            if (base < 0 || !(p->e->s->val.v[base].axes & p->bit))
                continue;
            State s = {.base = base, .made = out, .spare = -1};
            s.start = before_of(p, b, base);
            p->fails |= s.start < 0 && p->e->s->val.v[base].lag;
            if (s.start >= 0)
                vec_push(p->e->arena, &b->state, s);
            if (again && !program_seen(p, base)) {
                vec_push(p->e->arena, &p->room, ((Room){base, p->spare}));
                p->spare += (int)p->turn + 1;
            }
        }
}

/* What is done with them beside the sweep. */
static void find_beside(Program *p, Body *b, bool again)
{
    for (int i = 0; i < b->n; i++) {
        const Kernel *k = &b->v[i];
        if (k->sweep || k->turn != TURN_SWEEP)
            continue;
        bool ends = k->kind == KN_LAST || (k->kind == KN_COPY && !again);
        Val v = ends ? k->in.v[0] : k->out;
        State *s = state_of(b, sched_buffer(p->e->s, v));
        if (!s) {
            p->fails = true;
            continue;
        }
        if (k->kind == KN_COPY)
            s->kept = k;
        if (k->kind == KN_COPY && again)
            s->start = k->in.v[0];
        if (k->kind == KN_LAST)
            s->last = k;
    }
}

/* ---- operations ---- */

/* Of value v at the last step of the turn. */
int program_last_place(Program *p, Val v)
{
    const char *text = emit_pointer(p->e, v, p->rows);
    int i = 0;
    while (i < p->end.n && strcmp(p->end.v[i], text))
        i++;
    if (i == p->end.n)
        vec_push(p->e->arena, &p->end, text);
    return program_array(p, arena_printf(p->e->arena, "ends[%d]", i), "0");
}

/* The states before the first step. */
static void put_starts(Program *p)
{
    Body *b = &p->body[p->at];
    for (int i = 0; i < b->state.n; i++) {
        State *s = &b->state.v[i];
        int room = program_room(p, s->base);
        Operand x = operand(AN_ARRAY, 0, 1);
        x.at = b->dir > 0 ? program_place(p, s->start)
                          : program_last_place(p, s->start);
        program_put_x(p, SWEEP_LOAD, x);
        if (s->kept && room < 0) {
            x.at = program_place(p, s->kept->out);
            program_put_x(p, SWEEP_STORE, x);
        }
        if (room >= 0)
            program_put_x(p, SWEEP_STORE, program_spare(p, room, true));
        if (s->spare >= 0)
            program_put_x(p, SWEEP_STORE, program_spare(p, s->spare, false));
        p->hand = operand(A_STATE, i, 0);
    }
}

/* What becomes of the states at the end of a step, so that it is what they were
 * before the next. */
static void put_turned(Program *p)
{
    Body *b = &p->body[p->at];
    for (int i = 0; i < b->state.n; i++) {
        State *s = &b->state.v[i];
        program_take(p, operand(AN_INST, s->maker, 0));
        if (s->last)
            program_put(p, SWEEP_LAST, program_place(p, s->last->out), 1,
                        program_place(p, s->last->in.v[1]), 0);
        if (s->spare >= 0)
            program_put_x(p, SWEEP_STORE, program_spare(p, s->spare, false));
        p->hand = operand(A_STATE, i, 0);
    }
}

/* The states behind the last step, where they are not there yet. */
static void put_ends(Program *p)
{
    Body *b = &p->body[p->at];
    for (int i = 0; i < b->state.n; i++) {
        State *s = &b->state.v[i];
        Operand x = operand(AN_ARRAY, 0, 1);
        if (p->step.v[s->maker].out >= 0)
            continue;
        x.at = b->dir > 0 ? program_last_place(p, s->made)
                          : program_place(p, s->made);
        program_take(p, operand(A_STATE, i, 0));
        program_put_x(p, SWEEP_STORE, x);
    }
}

static void put_all(Program *p)
{
    for (p->at = 0; p->at < p->bodies; p->at++) {
        bool back = p->body[p->at].dir < 0;
        program_put(p, SWEEP_ONCE, 0, 0, 0, 0);
        p->hand = operand(A_NUMBER, -1, 0);
        put_starts(p);
        program_put(p, back ? SWEEP_BACK : SWEEP_STEPS, 0, 0, 0, 0);
        program_put_body(p);
        put_turned(p);
        program_put(p, SWEEP_ONCE, 0, 0, 0, 0);
        put_ends(p);
    }
}

/* Pointers at the last step, then those at the first and the call. */
static void print_turn(Program *p)
{
    Emit *e = p->e;
    const char *t = emit_variable(p->bit);
    if (p->end.n) {
        emit_line(e, "%s *ends[%d];", e->real, p->end.n);
        emit_line(e, "{");
        e->indent++;
        emit_line(e, "const int64_t %s = to - 1;", t);
        for (int i = 0; i < p->end.n; i++)
            emit_line(e, "ends[%d] = (%s *)(%s);", i, e->real, p->end.v[i]);
        emit_close(e);
    }
    emit_line(e, "const int64_t %s = from;", t);
    for (int i = 0; i < p->bodies; i++)
        for (int j = 0; j < p->body[i].state.n; j++)
            if (p->body[i].state.v[j].last)
                emit_last_start(e, p->body[i].state.v[j].last, p->bit);
    program_print(p, "to - from");
}

/* The sweep of a turn, and nothing if it has too many operations. */
static bool emit_turn(Emit *e, const Stage *st, int loop)
{
    Program p = {.e = e, .bit = loop, .turn = st->turn};
    p.rows.step = (uint8_t)(loop | CELL_B);
    program_lines(&p, st->kernel.v, st->kernel.n);
    if (st->again.n)
        p.body[p.bodies++] =
            (Body){.v = st->again.v, .n = st->again.n, .dir = 1};
    p.body[p.bodies++] =
        (Body){.v = st->kernel.v, .n = st->kernel.n, .dir = st->dir};
    for (int i = 0; i < p.bodies; i++) {
        bool again = i + 1 < p.bodies;
        find_states(&p, &p.body[i], again);
        find_beside(&p, &p.body[i], again);
    }
    if (p.fails)
        return false;
    for (p.at = 0; p.at < p.bodies; p.at++)
        program_read(&p);
    if (!program_make(&p, put_all))
        return false;
    chain_make(&p);
    if (p.chain.n && e->o->by_products)
        e->o->by_products(e->o->whom, st);
    emit_open(e, "for (int64_t row = 0; row < %s; row++)",
              emit_rows_text(e, CELL_B));
    print_turn(&p);
    emit_close(e);
    return true;
}

/* ---- loops ---- */

/* Kernels of a loop at the steps of a turn; those of one part alone, unless
 * `part` is -1. */
static void emit_steps_of(Emit *e, const Kernel *v, int n, int loop, int dir,
                          int part)
{
    const char *t = emit_variable(loop);
    bool any = false;
    for (int i = 0; i < n; i++)
        any |= part < 0 || (int)v[i].turn == part;
    if (!any)
        return;
    if (dir > 0)
        emit_open(e, "for (int64_t %s = from; %s < to; %s++)", t, t, t);
    else
        emit_open(e, "for (int64_t %s = to - 1; %s >= from; %s--)", t, t, t);
    if (part < 0)
        emit_kernels_of(e, v, n, loop);
    for (int i = 0; i < n && part >= 0; i++)
        if ((int)v[i].turn == part)
            emit_kernel(e, &v[i], loop);
    emit_close(e);
}

/* A turn whose sweep goes through all its steps; false, and nothing, if it has
 * too many operations. */
static bool emit_swept(Emit *e, const Stage *st, int loop)
{
    Buf outer = e->body;
    buf_init(&e->body, e->arena);
    bool done = emit_turn(e, st, loop);
    Buf inner = e->body;
    e->body = outer;
    if (!done)
        return false;
    emit_steps_of(e, st->again.v, st->again.n, loop, 1, TURN_BEFORE);
    emit_steps_of(e, st->kernel.v, st->kernel.n, loop, st->dir, TURN_BEFORE);
    buf_puts(&e->body, inner.s);
    emit_steps_of(e, st->kernel.v, st->kernel.n, loop, st->dir, TURN_AFTER);
    return true;
}

void emit_turns(Emit *e, const Stage *st, int loop)
{
    const char *T = emit_steps(e, loop);
    long long n = st->turn;
    if (st->dir > 0)
        emit_open(e, "for (int64_t from = 0; from < %s; from += %lld)", T, n);
    else
        emit_open(
            e,
            "for (int64_t from = (%s - 1)/%lld*%lld; from >= 0; from -= %lld)",
            T, n, n, n);
    emit_line(e, "const int64_t to = %s - from < %lld ? %s : from + %lld;", T,
              n, T, n);
    if (!st->swept || !e->style->sweeps || !emit_swept(e, st, loop)) {
        emit_steps_of(e, st->again.v, st->again.n, loop, 1, -1);
        emit_steps_of(e, st->kernel.v, st->kernel.n, loop, st->dir, -1);
    }
    emit_close(e);
}
