/* Kernels that move values between the steps of time axes: one step of a whole
 * sequence, what stands behind its end, its steps in reverse, those of another
 * clock.  Each is one call, inside loops over the axes that it leaves alone.
 * Called by emit.c. */
#include "emit.h"

static const Loc *loc_of(const Emit *e, Val v)
{
    return &e->p->loc[v];
}

static void emit_at(Emit *e, const Kernel *k, int loop)
{
    const Loc *x = loc_of(e, k->in.v[0]);
    int axis = cell_time(e->s->val.v[k->in.v[0]].axis);
    int around = k->axes & GX_TIME & ~loop;
    EmitRows rows = {CELL_B, (uint8_t)(around | loop)};
    const char *len = k->in.n > 1 ? emit_value_name(e, k->in.v[1]) : "0";
    int loops = emit_loop_rows(e, around);
    int step = x->ring ? k->row & (x->ring - 1) : k->row;
    emit_line(e, "%s(B, %s, %s, %s, %s, %s, %s, %s, %d);",
              emit_kernel_name(e, "at"), emit_size(e, k->n),
              emit_pointer(e, k->out, rows),
              emit_size(e, emit_stride(e, k->out, rows)),
              emit_pointer(e, k->in.v[0], rows), emit_step(e, k->in.v[0], axis),
              emit_size(e, x->ld), len, step);
    e->indent -= loops;
}

/* A copy of operand i of LAST k to where that puts the last step. */
static void copy_last(Emit *e, const Kernel *k, int i, int loop)
{
    EmitRows rows = {0, (uint8_t)(loop | CELL_B)};
    Kernel copy = {.kind = KN_COPY, .node = k->node, .axes = k->axes, .m = 1};
    copy.n = k->n;
    copy.out = k->out;
    vec_push(e->arena, &copy.in, k->in.v[i]);
    e->style->copy(e, &copy, rows);
}

void emit_last_start(Emit *e, const Kernel *k, int loop)
{
    emit_open(e, "if (%s == 0 && %s[row] < 1)", emit_now(e, loop),
              emit_value_name(e, k->in.v[1]));
    copy_last(e, k, 2, loop);
    emit_close(e);
}

/* The step at hand, where it is the last one of its sequence. */
static void emit_last(Emit *e, const Kernel *k, int loop)
{
    emit_open(e, "for (int64_t row = 0; row < %s; row++)",
              emit_rows_text(e, CELL_B));
    emit_open(e, "if (%s + 1 == (int64_t)%s[row])", emit_now(e, loop),
              emit_value_name(e, k->in.v[1]));
    copy_last(e, k, 0, loop);
    emit_close(e);
    emit_last_start(e, k, loop);
    emit_close(e);
}

static void emit_reverse(Emit *e, const Kernel *k, int loop)
{
    int axis = k->over, around = k->axes & GX_TIME & ~axis & ~loop;
    EmitRows rows = {CELL_B, (uint8_t)(around | loop)};
    const char *y = emit_step(e, k->out, axis);
    const char *x = emit_step(e, k->in.v[0], axis);
    int loops = emit_loop_rows(e, around);
    emit_line(e, "%s(%s, B, %s, %s, %s, %s, %s, %s, %s, %s);",
              emit_kernel_name(e, "mirror"), emit_extent(axis),
              emit_size(e, k->n), emit_pointer(e, k->out, rows), y,
              emit_size(e, loc_of(e, k->out)->ld),
              emit_pointer(e, k->in.v[0], rows), x,
              emit_size(e, loc_of(e, k->in.v[0])->ld),
              emit_value_name(e, k->in.v[1]));
    e->indent -= loops;
}

/* From an axis to a slower one (every) and back (hold). */
static void emit_clock(Emit *e, const Kernel *k, int loop)
{
    Val x = k->in.v[0];
    int fast = (k->axes | k->from) & ~(k->axes & k->from);
    bool every = k->kind == KN_EVERY;
    int to = every ? k->over : fast & ~k->over;
    int from = every ? fast & ~k->over : k->over;
    int around = k->axes & GX_TIME & ~to & ~loop;
    EmitRows rows = {CELL_B, (uint8_t)(around | loop)};
    const char *y = emit_step(e, k->out, to), *step = emit_step(e, x, from);
    int loops = emit_loop_rows(e, around);
    emit_line(
        e, "%s(%s, %s, B, %s, %s, %s, %s, %s, %s, %s, %d, %d%s);",
        emit_kernel_name(e, every ? "every" : "hold"), emit_extent(to),
        emit_extent(from), emit_size(e, k->n), emit_pointer(e, k->out, rows), y,
        emit_size(e, loc_of(e, k->out)->ld), emit_pointer(e, x, rows), step,
        emit_size(e, loc_of(e, x)->ld), k->rate, k->row,
        every ? arena_printf(e->arena, ", %lld", (long long)k->parts) : "");
    e->indent -= loops;
}

static const char *plus(Emit *e, const char *base, int64_t n)
{
    if (!n)
        return base;
    return arena_printf(e->arena, n < 0 ? "%s - %lld" : "%s + %lld", base,
                        (long long)(n < 0 ? -n : n));
}

/* The steps after the last one, one by one. */
static void emit_tail_ring(Emit *e, const Kernel *k, const char *len,
                           const char *value)
{
    const Loc *l = loc_of(e, k->out);
    int axis = cell_time(e->s->val.v[k->out].axis);
    for (int i = 0; i < l->lead; i++) {
        const char *step = plus(e, emit_extent(axis), i);
        emit_line(e, "%s(B, %s, %s + %s*%s, %s, %s, %s, %s);",
                  emit_kernel_name(e, "tail_step"), emit_size(e, k->n),
                  emit_value_name(e, k->out), emit_ring(e, k->out, step),
                  emit_step(e, k->out, axis), emit_size(e, l->ld),
                  plus(e, step, -k->row), len, value);
    }
}

/* `row` shifts the array and the count of steps, so that the kernel may
 * compare with the bare lengths. */
static void emit_tail(Emit *e, const Kernel *k, int loop)
{
    Val fill = k->in.v[0];
    int axis = cell_time(e->s->val.v[k->out].axis);
    int around = k->axes & GX_TIME & ~axis & ~loop;
    EmitRows rows = {CELL_B, (uint8_t)(around | loop)};
    const char *len = emit_value_name(e, k->in.v[1]);
    const char *ld = emit_size(e, loc_of(e, k->out)->ld);
    const char *value = arena_printf(
        e->arena, "%s, %s, %d", emit_pointer(e, fill, rows),
        emit_size(e, emit_stride(e, fill, rows)), loc_of(e, fill)->n > 1);
    const char *n = emit_size(e, k->n), *to = emit_pointer(e, k->out, rows);
    if (loc_of(e, k->out)->ring && !(loop & axis)) {
        emit_tail_ring(e, k, len, value);
        return;
    }
    int loops = emit_loop_rows(e, around);
    if (loop & axis) {
        emit_line(e, "%s(%s, %s, %s, %s, %s, %s, %s);",
                  emit_kernel_name(e, "tail_step"), emit_rows_text(e, CELL_B),
                  n, to, ld, plus(e, emit_now(e, axis), -k->row), len, value);
    } else {
        const char *step = emit_step(e, k->out, axis);
        if (k->row)
            to = arena_printf(e->arena, "%s*%s", plus(e, to, k->row), step);
        emit_line(e, "%s(%s, B, %s, %s, %s, %s, %s, %s);",
                  emit_kernel_name(e, "tail"),
                  plus(e, emit_extent(axis), loc_of(e, k->out)->lead - k->row),
                  n, to, step, ld, len, value);
    }
    e->indent -= loops;
}

void emit_moved(Emit *e, const Kernel *k, int loop)
{
    switch (k->kind) {
    case KN_AT:
        emit_at(e, k, loop);
        return;
    case KN_LAST:
        emit_last(e, k, loop);
        return;
    case KN_TAIL:
        emit_tail(e, k, loop);
        return;
    case KN_REVERSE:
        emit_reverse(e, k, loop);
        return;
    default: /* EVERY, HOLD */
        emit_clock(e, k, loop);
    }
}
