/* Sweeps as C, for the C compiler in process: a function for each program of
 * emitsweep.c and emitturn.c that does the same operations in the same order as
 * the run time's kernel `sweep`, by the same text (runtime/sweepop.inc), but
 * with all that the program says as constants, so that lines stay in registers
 * and nothing is looked up.  Called by emitsweep.c for that style. */
#include "emitsweep.h"

#include <string.h>

extern const unsigned char embed_unroll[], embed_isas[], embed_sweep[],
    embed_sweepop[];

/* The lines of a text from one that begins with `from` to one before `to`. */
static void put_part(Buf *out, const char *text, const char *from,
                     const char *to)
{
    const char *at = strstr(text, from), *end = at ? strstr(at, to) : NULL;
    if (end)
        buf_add(out, at, (size_t)(end - at));
}

/* The instruction set that the run time's kernels have here: as kernels.c
 * chooses it. */
static void put_isa(Buf *out)
{
    static const char *const isa[][2] = {
        {"#if defined(__AVX512F__) && defined(__AVX512DQ__) && \\\n"
         "    defined(__AVX512BW__) && defined(__AVX512VL__)\n",
         "#define ISA avx512\n"},
        {"#elif defined(__AVX2__) && defined(__FMA__)\n", "#define ISA avx2\n"},
        {"#else\n", "#define ISA base\n"}};
    const char *text = (const char *)embed_isas;
    buf_puts(out, "#ifdef __x86_64__\n#define RT_X86\n#endif\n");
    put_part(out, text, "#ifdef RT_X86", "#define ISA");
    for (size_t i = 0; i < sizeof isa / sizeof *isa; i++) {
        buf_puts(out, isa[i][0]);
        put_part(out, text, isa[i][1], "#include");
    }
    buf_puts(out, "#endif\n");
}

/* What sweepop.inc wants besides; and operation `code` of a program, whose
 * pointers are at[] at the first line and step. */
static const char macros[] =
    "#define VFMA(a, b, c) OF(VFMA)(a, b, c)\n"
    "#define VLOAD(p, n) OF(VLOAD)(p, n)\n"
    "#define VSTORE(p, n, v) OF(VSTORE)(p, n, v)\n"
    "#define R(x) ((REAL)(x))\n"
    "#define KERNEL_NAME(name) own_##name\n"
    "#define own_add_up OF(rt_totals)\n"
    "#define WAITING_LONG 1\n"
    "#define VECTORS(n) (((n) + VLANES - 1)/VLANES)\n"
    "#define PIECE(n) ((n) < HAND*VLANES ? (n) : HAND*VLANES)\n"
    "#define AT(code, i) ((code) == SWEEP_TAIL ? 0 : (i))\n"
    "#define DO(code, x, xown, s, sown, sums) \\\n"
    "    own_operate((code), rows, VECTORS(PIECE(n)), (n)%VLANES != 0, &p, \\\n"
    "        &(own_Place){(xown) ? (n) : 0, (sown), (x), \\\n"
    "            chain + (sums)*steps*LANES}, \\\n"
    "        at[AT(code, x)] + ((xown) == 1)*(n)*line + \\\n"
    "            ahead[AT(code, x)]*step + p.at, \\\n"
    "        at[s] + (sown)*line + ahead[s]*step, \\\n"
    "        now, step, a, number, wait)\n";

void emit_own_head(Emit *e, Buf *out)
{
    if (!e->owned)
        return;
    buf_puts(out, "#include <string.h>\n");
    buf_puts(out, (const char *)embed_unroll);
    put_isa(out);
    buf_puts(out, (const char *)embed_sweep);
    buf_printf(out, "#define OF(name) name##_%s\n#define WAITING %d\n",
               e->o->real64 ? "f64" : "f32", e->waiting);
    buf_puts(out, macros);
}

/* Takes back what a text defines: names of the user's may be the same. */
static void undefine(Buf *out, const char *text)
{
    static const char define[] = "#define ";
    while ((text = strstr(text, define))) {
        text += strlen(define);
        buf_printf(out, "#undef %.*s\n", (int)strcspn(text, "( \n"), text);
    }
}

void emit_own_sweeps(Emit *e, Buf *out)
{
    if (!e->owned)
        return;
    buf_puts(out, e->own.s);
    buf_puts(out, "#undef OF\n#undef WAITING\n");
    undefine(out, macros);
    undefine(out, (const char *)embed_isas);
    undefine(out, (const char *)embed_sweepop);
}

/* ---- one program ---- */

static const int *code_at(const Program *p, int i)
{
    return &p->code.v[i * SWEEP_WORDS];
}

/* How many steps the operations behind a mark are done. */
static const char *steps_of(int mark)
{
    return mark == SWEEP_STEPS  ? "for (int64_t step = 0; step < steps; step++)"
           : mark == SWEEP_BACK ? "for (int64_t step = steps - 1; step >= 0; "
                                  "step--)"
                                : "for (int64_t step = 0; step < 1; step++)";
}

static bool is_dot(int code)
{
    return code == SWEEP_DOT || code == SWEEP_NOW || code == SWEEP_INNER;
}

/* Operations of one kind at all steps of a turn. */
static int count_of(const Program *p, int code)
{
    int n = 0;
    for (int i = 0; i < p->count; i++)
        n += code_at(p, i)[0] == code;
    return n * (int)(p->turn ? p->turn : 1);
}

/* Dot products that wait behind each of the lines, and room for them and for
 * one sum over all lines. */
static int waiting(const Program *p)
{
    int most = count_of(p, SWEEP_DOT) * (int)p->tall;
    most = p->turn > most ? (int)p->turn : most;
    return (most / SWEEP_BATCH + (most % SWEEP_BATCH || !most)) * SWEEP_BATCH;
}

/* The lines [first, end), `rows` at a time. */
static void print_lines(Program *p, int number)
{
    Emit *e = p->e;
    int sums = 0, dots = count_of(p, SWEEP_DOT) * (int)p->tall;
    emit_open(e,
              "TARGET RT_INLINE void own_lines_%d(const int rows, int64_t "
              "first, int64_t end, int64_t now, int64_t steps, %s *const *at, "
              "const int64_t *ahead, %s *chain, own_Wait *wait)",
              number, e->real, e->real);
    emit_line(e, "enum { n = %lld };", (long long)p->length);
    emit_open(e, "for (int64_t line = first; line < end; line += rows)");
    emit_open(e, "for (int64_t column = 0; column < n; column += PIECE(n))");
    emit_line(e, "const own_Piece p = {.at = column, .tail = n %% VLANES, "
                 ".first = column == 0, .last = column + PIECE(n) >= n};");
    emit_line(e, "Vec a[HAND] = {{0}};");
    emit_line(e, "%s number[SWEEP_ABREAST] = {0};", e->real);
    for (int i = 0, open = 0; i < p->count; i++) {
        const int *c = code_at(p, i);
        bool mark = c[0] >= SWEEP_STEPS;
        if (mark && open)
            emit_close(e);
        if (mark || !open)
            emit_open(e, "%s", steps_of(c[0]));
        open = 1;
        if (!mark)
            emit_line(e, "DO(%d, %d, %d, %d, %d, %d);", c[0], c[1], c[2], c[3],
                      c[4], is_dot(c[0]) ? sums++ : 0);
    }
    emit_close(e);
    emit_close(e);
    if (dots)
        emit_line(e, "if (wait->n > WAITING - %d)", dots);
    if (dots)
        emit_line(e, "    own_add_waiting(wait);");
    emit_close(e);
    emit_close(e);
}

/* What sums over the lines begin with, and the sums of all at the end. */
static void print_starts(Program *p)
{
    for (int i = 0; i < p->count; i++) {
        const int *c = code_at(p, i);
        if (c[0] != SWEEP_COLUMNS && c[0] != SWEEP_TOTAL)
            continue;
        emit_line(p->e, "for (int64_t step = 0; step < steps; step++)");
        emit_line(p->e, "    memset(at[%d] + step*ahead[%d], 0, n*sizeof(%s));",
                  c[1], c[1], p->e->real);
    }
}

static void print_ends(Program *p)
{
    int sums = 0;
    for (int i = 0; i < p->count; i++) {
        const int *c = code_at(p, i);
        sums += is_dot(c[0]);
        if (c[0] != SWEEP_INNER)
            continue;
        emit_line(p->e, "for (int64_t step = 0; step < steps; step++)");
        emit_line(p->e,
                  "    own_put_chains(&wait, at[%d] + step*ahead[%d], "
                  "(const Vec *)(chain + (%d*steps + step)*LANES));",
                  c[3], c[3], sums - 1);
        emit_line(p->e, "own_add_waiting(&wait);");
    }
}

static void print_program(Program *p, int number)
{
    Emit *e = p->e;
    emit_line(e, "enum { n = %lld, lines = %lld };", (long long)p->length,
              (long long)p->lines);
    emit_line(e, "enum { most = HAND/VECTORS(PIECE(n)), room = %lld };",
              (long long)p->tall);
    emit_line(e, "const int rows = most < room ? most : room;");
    emit_line(e, "const int64_t whole = lines - lines %% rows;");
    emit_line(e, "own_Wait wait;");
    emit_line(e, "wait.n = 0;");
    emit_line(e,
              "%s chain[%d*LANES + LANES] __attribute__((aligned(64))) = {0};",
              e->real, p->dots * (int)(p->turn ? p->turn : 1));
    print_starts(p);
    emit_line(e,
              "own_lines_%d(rows, 0, whole, now, steps, at, ahead, chain, "
              "&wait);",
              number);
    emit_line(e, "if (whole < lines)");
    emit_line(e,
              "    own_lines_%d(1, whole, lines, now, steps, at, ahead, chain, "
              "&wait);",
              number);
    emit_line(e, "own_add_waiting(&wait);");
    print_ends(p);
}

/* Begins what is there where lines are at hand as a whole, or, if nothing uses
 * sums of whole lines, in equal pieces. */
static void print_if(Program *p)
{
    long long bytes = p->length * (p->e->o->real64 ? 8 : 4);
    if (count_of(p, SWEEP_NOW))
        emit_line(p->e, "#if %lld <= VECTOR*HAND", bytes);
    else
        emit_line(p->e, "#if %lld <= VECTOR*HAND || %lld %% (VECTOR*HAND) == 0",
                  bytes, bytes);
}

/* Other lines are left to the kernel. */
const char *program_own(Program *p)
{
    Emit *e = p->e;
    Buf outer = e->body;
    int indent = e->indent, number = ++e->owned;
    const char *name = arena_printf(e->arena, "own_sweep_%d", number);
    if (e->waiting < waiting(p))
        e->waiting = waiting(p);
    emit_use(e, emit_kernel_name(e, "totals"));
    emit_function_name(e, "vm_expF");
    e->body = e->own;
    e->indent = 0;
    print_if(p);
    print_lines(p, number);
    emit_line(e, "#endif");
    emit_open(e,
              "TARGET static void %s(int64_t now, int64_t steps, %s *const "
              "*at, const int64_t *ahead)",
              name, e->real);
    print_if(p);
    print_program(p, number);
    emit_line(e, "#else");
    program_print_code(p);
    program_print_kernel(p, "now", "steps", "ahead");
    emit_line(e, "#endif");
    emit_close(e);
    e->own = e->body;
    e->body = outer;
    e->indent = indent;
    return name;
}
