/* Programs of sweeps as text: their scratch memory, arrays and operations, and
 * the call that does them; emitsweep.c and emitturn.c make them. */
#include "emitchain.h"

const char *program_numbers(const Program *p, const int *v, int n)
{
    Buf b;
    buf_init(&b, p->e->arena);
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s%d", i ? ", " : "", v[i]);
    return b.s;
}

static void print_arrays(Program *p)
{
    Emit *e = p->e;
    Buf at, ahead;
    buf_init(&at, e->arena);
    buf_init(&ahead, e->arena);
    for (int i = 0; i < p->array.n; i++) {
        const Array *x = &p->array.v[i];
        buf_printf(&at, "%s(%s *)(%s)", i ? ", " : "", e->real, x->text);
        buf_printf(&ahead, "%s%s", i ? ", " : "", x->ahead);
    }
    emit_line(e, "%s *const at[] = {%s};", e->real, at.s);
    if (p->turn || e->style->owns)
        emit_line(e, "const int64_t ahead[] = {%s};", ahead.s);
}

void program_print_code(Program *p)
{
    emit_line(p->e, "static const int code[] = {%s};",
              program_numbers(p, p->code.v, p->code.n));
}

void program_print_kernel(Program *p, const char *now, const char *steps,
                          const char *ahead)
{
    emit_line(p->e, "%s(%lld, %lld, %s, %s, %d, code, at, %s);",
              emit_kernel_name(p->e, "sweep"), (long long)p->lines,
              (long long)p->length, now, steps, p->count, ahead);
}

void program_print(Program *p, const char *steps)
{
    Emit *e = p->e;
    const char *own = e->style->owns ? program_own(p) : NULL;
    const char *now = emit_now(e, p->bit);
    if (p->spare + p->aside) { /* whole lines of the cache */
        emit_line(e, "%s space[%lld];", e->real,
                  (long long)(p->spare + p->aside) * p->length * p->tall +
                      SWEEP_SPACE);
        emit_line(e, "%s *const spare = (%s *)(((int64_t)space + %d) & -%d);",
                  e->real, e->real, SWEEP_SPACE - 1, SWEEP_SPACE);
    }
    if (!own)
        program_print_code(p);
    print_arrays(p);
    if (p->chain.n) {
        chain_print(p, now, steps);
        emit_open(e, "if (!done)");
    }
    if (own)
        emit_line(e, "%s(%s, %s, at, ahead);", own, now, steps);
    else
        program_print_kernel(p, now, steps, p->turn ? "ahead" : "0");
    if (p->chain.n)
        emit_close(e);
}
