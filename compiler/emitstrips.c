/* The style for libtcc, whose own loops are slow: every kernel is a call of
 * the run time.  A fused cluster becomes a sequence of strip calls on blocks
 * of rows small enough that its inner values stay in the L1 cache. */
#include "emit.h"

#include <string.h>

#include "ops.h"

enum { STRIP = 512 }; /* reals of a scratch strip */

typedef struct Distance {
    const char *text, *name;
} Distance;

typedef struct Fused {
    Emit *e;
    const Kernel *k;
    EmitRows rows;
    StripCall *call;        /* one per Inst */
    int64_t block;          /* rows at a time; 0: all in one go */
    bool chunks;            /* rows are cut into chunks of STRIP columns */
    int64_t lines;          /* a row is a matrix, and this the number of its
                               lines at a time; 0: rows are taken whole */
    int ncall;              /* calls that remain */
    VEC(Distance) distance; /* from the first of all rows to those of a block */
} Fused;

/* ---- scratch strips ---- */

static int take_strip(Fused *f, bool *busy)
{
    int s = 0;
    while (busy[s])
        s++;
    busy[s] = true;
    if (s >= f->e->depth)
        f->e->depth = s + 1;
    return s;
}

static void free_strips(Fused *f, int at, bool *busy)
{
    const StripCall *c = &f->call[at];
    for (int i = 0; i < c->nin; i++)
        if (c->in[i] >= 0 && f->call[c->in[i]].last == at &&
            f->call[c->in[i]].strip >= 0)
            busy[f->call[c->in[i]].strip] = false;
}

/* A result may overwrite an operand of the same layout, so that is freed
 * first; of another layout it must not. */
static void place_strips(Fused *f)
{
    int count = f->k->inst.n;
    bool *busy = NEW_N(f->e->arena, bool, count + 1);
    for (int i = 0; i < count; i++)
        for (int j = 0; f->call[i].kernel && j < f->call[i].nin; j++)
            if (f->call[i].in[j] >= 0)
                f->call[f->call[i].in[j]].last = i;
    for (int i = 0; i < count; i++) {
        StripCall *c = &f->call[i];
        if (!c->kernel)
            continue;
        f->ncall++;
        bool alike = true;
        for (int j = 0; j < c->nin; j++)
            alike &= c->in[j] < 0 || f->call[c->in[j]].n == c->n;
        if (alike)
            free_strips(f, i, busy);
        c->strip = f->k->inst.v[i].out < 0 ? take_strip(f, busy) : -1;
        if (!alike)
            free_strips(f, i, busy);
    }
}

/* ---- printing ---- */

/* The distance `text` as a number that the block computes once for all calls:
 * libtcc itself would compute it wherever it stands. */
static const char *distance(Fused *f, const char *text)
{
    Emit *e = f->e;
    for (int i = 0; i < f->distance.n; i++)
        if (!strcmp(f->distance.v[i].text, text))
            return f->distance.v[i].name;
    Distance d = {text, emit_local(e, "from")};
    vec_push(e->arena, &f->distance, d);
    return d.name;
}

/* Pointer to the rows of `v` in the current block. */
static const char *in_block(Fused *f, Val v, int64_t stride, bool columns)
{
    Arena *a = f->e->arena;
    const char *all = emit_pointer(f->e, v, f->rows);
    if (f->block && stride)
        all = arena_printf(a, "%s + r*%lld", all, (long long)stride);
    Spread how = f->e->p->loc[v].spread;
    if (f->lines && f->lines * f->k->k < f->k->n && columns) {
        if (how == SPREAD_NONE)
            all = arena_printf(a, "%s + line*%lld", all, (long long)f->k->k);
        else if (how == SPREAD_LINES)
            all = arena_printf(a, "%s + line", all);
    }
    if (f->chunks && columns && how != SPREAD_LINES)
        all = arena_printf(a, "%s + i", all);
    const char *plus = f->block ? strstr(all, " + ") : NULL;
    if (!plus || *all == '(')
        return all;
    return arena_printf(a, "%.*s + %s", (int)(plus - all), all,
                        distance(f, plus + 3));
}

static const char *strip_name(Fused *f, int strip)
{
    return arena_printf(f->e->arena, "s[%d]", strip);
}

/* Reals from one row of a call to the next, where those of the kernel are
 * `stride` apart. */
static int64_t row_stride(const Fused *f, Val v, int64_t stride)
{
    const Loc *l = &f->e->p->loc[v];
    if (!f->lines)
        return stride;
    return l->n == 1 || l->spread == SPREAD_COLUMNS ? 0
           : l->spread == SPREAD_LINES              ? 1
                                                    : f->k->k;
}

static const char *result_text(Fused *f, int i)
{
    const StripCall *c = &f->call[i];
    Arena *a = f->e->arena;
    Val out = f->k->inst.v[i].out;
    int64_t wide = f->lines ? f->k->k : c->n, stride;
    if (out < 0)
        return arena_printf(a, "%s, %lld", strip_name(f, c->strip),
                            (long long)(c->n == 1   ? !f->lines
                                        : f->chunks ? STRIP
                                                    : wide));
    stride = emit_stride(f->e, out, f->rows);
    return arena_printf(a, "%s, %lld", in_block(f, out, stride, c->n > 1),
                        (long long)row_stride(f, out, stride));
}

/* A strip full of the number `v`, which lies like any other operand then. */
static const char *constant_text(Fused *f, Val v)
{
    Emit *e = f->e;
    const char *number = intern_str(e->intern, emit_real(e, e->p->loc[v].num));
    int i = 0;
    while (i < e->constant.n && e->constant.v[i] != number)
        i++;
    if (i == e->constant.n)
        vec_push(e->arena, &e->constant, number);
    return arena_printf(e->arena, "k[%d], %lld, 1", i,
                        (long long)(f->chunks || f->lines ? 0 : f->k->n));
}

/* Whether each row of the block would read the same vector of parameters. */
static bool is_repeated(const Fused *f, Val v)
{
    const Loc *l = &f->e->p->loc[v];
    return f->block > 1 && !f->chunks && !f->lines && l->space == SP_PARAM &&
           !l->axes && !l->spread && l->n == f->k->n && l->n > 1;
}

/* A strip full of that vector, so that all rows are one long one. */
static const char *repeated_text(Fused *f, Val v)
{
    Emit *e = f->e;
    int i = 0;
    emit_value_name(e, v);
    while (i < e->repeated.n && e->repeated.v[i] != v)
        i++;
    if (i == e->repeated.n)
        vec_push(e->arena, &e->repeated, v);
    return arena_printf(e->arena, "w[%d], %lld, 1", i, (long long)f->k->n);
}

static const char *operand_text(Fused *f, int in)
{
    Arena *a = f->e->arena;
    if (in >= 0)
        return arena_printf(a, "%s, %d", result_text(f, in),
                            f->call[in].n > 1 || f->k->n == 1);
    Val v = f->k->in.v[~in];
    const Loc *l = &f->e->p->loc[v];
    if (f->block && f->ncall > 1 && l->space == SP_CONST)
        return constant_text(f, v);
    if (is_repeated(f, v))
        return repeated_text(f, v);
    int64_t stride = emit_stride(f->e, v, f->rows);
    bool wide = l->n > 1;
    return arena_printf(a, "%s, %lld, %d", in_block(f, v, stride, wide),
                        (long long)row_stride(f, v, stride),
                        wide && l->spread != SPREAD_LINES);
}

/* The kernel that calls a C function for each element: print_called. */
static const char *called_name(Arena *a, int call)
{
    return arena_printf(a, "call_%d", call);
}

static void print_calls(Fused *f, const char *rows, const char *columns)
{
    Names calls = {0};
    for (int i = 0; i < f->k->inst.n; i++) {
        const StripCall *c = &f->call[i];
        if (!c->kernel)
            continue;
        Buf b;
        buf_init(&b, f->e->arena);
        const Inst *in = &f->k->inst.v[i];
        const char *name =
            in->op == OP_CALL
                ? called_name(f->e->arena, NODE(f->e->g, in->node)->a)
                : emit_kernel_name(f->e, c->kernel);
        buf_printf(&b, "%s(%s, %s, %s", name,
                   f->lines && c->n == 1 ? "1" : rows, c->n > 1 ? columns : "1",
                   result_text(f, i));
        for (int j = 0; j < c->nin; j++)
            buf_printf(&b, ", %s", operand_text(f, c->in[j]));
        vec_push(f->e->arena, &calls, b.s);
    }
    for (int i = 0; i < f->distance.n; i++)
        emit_line(f->e, "const int64_t %s = %s;", f->distance.v[i].name,
                  f->distance.v[i].text);
    for (int i = 0; i < calls.n; i++)
        emit_line(f->e, "%s);", calls.v[i]);
}

/* Calls on `n` reals, by parts that fit into a strip. */
static void print_parts(Fused *f, int64_t n)
{
    Emit *e = f->e;
    emit_open(e, "for (int64_t i = 0; i < %lld; i += %d)", (long long)n, STRIP);
    emit_line(e, "int64_t n = %lld - i < %d ? %lld - i : %d;", (long long)n,
              STRIP, (long long)n, STRIP);
    print_calls(f, "1", "n");
    emit_close(e);
}

/* Vectors are spread over the matrices that the rows are: those one by one, as
 * many lines at a time as a strip holds, or all where no strip is needed. */
static void print_lines(Fused *f, const char *count)
{
    Emit *e = f->e;
    int64_t line = f->k->k, all = f->k->n / line;
    f->block = 1;
    f->chunks = f->ncall > 1 && line > STRIP;
    f->lines = f->ncall == 1 ? all : f->chunks ? 1 : STRIP / line;
    if (f->lines > all)
        f->lines = all;
    bool loop = f->lines < all;
    emit_open(e, "for (int64_t r = 0; r < %s; r++)", count);
    if (loop)
        emit_open(e, "for (int64_t line = 0; line < %lld; line += %lld)",
                  (long long)all, (long long)f->lines);
    const char *lines = arena_printf(e->arena, "%lld", (long long)f->lines);
    if (all % f->lines) {
        emit_line(e, "int64_t rows = %lld - line < %s ? %lld - line : %s;",
                  (long long)all, lines, (long long)all, lines);
        lines = "rows";
    }
    if (f->chunks)
        print_parts(f, line);
    else
        print_calls(f, lines, arena_printf(e->arena, "%lld", (long long)line));
    if (loop)
        emit_close(e);
    emit_close(e);
}

void emit_strips_fused(Emit *e, const Kernel *k, EmitRows rows)
{
    Fused f = {e, k, rows, emit_join(e, k), 0, false, 0, 0, {0}};
    e->block.n = 0;
    place_strips(&f);
    const char *count = emit_row_count(e, k, rows);
    const char *n = arena_printf(e->arena, "%lld", (long long)k->n);
    if (k->k) {
        print_lines(&f, count);
        return;
    }
    if (f.ncall == 1) {
        print_calls(&f, count, n);
        return;
    }
    f.chunks = k->n > STRIP;
    f.block = f.chunks ? 1 : STRIP / k->n;
    emit_open(e, "for (int64_t r = 0; r < %s; r += %lld)", count,
              (long long)f.block);
    if (f.chunks) {
        print_parts(&f, k->n);
    } else {
        emit_line(e, "int64_t rows = %s - r < %lld ? %s - r : %lld;", count,
                  (long long)f.block, count, (long long)f.block);
        print_calls(&f, "rows", n);
    }
    emit_close(e);
}

static void strips_copy(Emit *e, const Kernel *k, EmitRows rows)
{
    Val x = k->in.v[0];
    emit_line(e, "%s(%s, %lld, %s, %lld, %s, %lld, %d);",
              emit_kernel_name(e, "copy"), emit_row_count(e, k, rows),
              (long long)k->n, emit_pointer(e, k->out, rows),
              (long long)emit_stride(e, k->out, rows), emit_pointer(e, x, rows),
              (long long)emit_stride(e, x, rows), e->p->loc[x].n > 1);
}

/* y[m,n] = x[n,m]: column i of y is row i of x. */
static void strips_transpose(Emit *e, const Kernel *k)
{
    emit_line(e, "for (int64_t i = 0; i < %lld; i++)", (long long)k->n);
    e->indent++;
    emit_line(e, "%s(%lld, 1, %s + i, %lld, %s + i*%lld, 1, 0);",
              emit_kernel_name(e, "copy"), (long long)k->m,
              emit_value_name(e, k->out), (long long)e->p->loc[k->out].ld,
              emit_value_name(e, k->in.v[0]),
              (long long)e->p->loc[k->in.v[0]].ld);
    e->indent--;
}

void emit_strips_names(Emit *e)
{
    static const char *const own[] = {
        "s", "s_room", "k", "k_room", "w", "w_room", "r", "i", "n", "rows"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        emit_fresh(e, own[i]);
}

/* `count` strips from the beginning of a cache line on, since each vector that
 * lies in two of them costs half as much again; libtcc aligns nothing. */
static void print_room(Emit *e, Buf *out, const char *name, int count)
{
    if (!count)
        return;
    buf_printf(out, "    %s %s_room[%d*%d + 64/sizeof(%s)];\n", e->real, name,
               count, STRIP, e->real);
    buf_printf(out,
               "    %s (*const %s)[%d] =\n"
               "        (void *)(((int64_t)%s_room + 63) & -64);\n",
               e->real, name, STRIP, name);
}

/* Scratch strips, and those of constants and of parameters, which are filled
 * once a call. */
void emit_strips_locals(Emit *e, Buf *out)
{
    print_room(e, out, "s", e->depth);
    print_room(e, out, "k", e->constant.n);
    for (int i = 0; i < e->constant.n; i++)
        buf_printf(out, "    %s(1, %d, k[%d], %d, %s);\n",
                   emit_kernel_name(e, "fill"), STRIP, i, STRIP,
                   e->constant.v[i]);
    print_room(e, out, "w", e->repeated.n);
    for (int i = 0; i < e->repeated.n; i++) {
        Val v = e->repeated.v[i];
        long long n = (long long)e->p->loc[v].n;
        buf_printf(out, "    %s(%lld, %lld, w[%d], %lld, %s, 0, 1);\n",
                   emit_kernel_name(e, "copy"), STRIP / n, n, i, n,
                   emit_value_name(e, v));
    }
}

static const EmitStyle strips = {
    .call = emit_kernel_call,
    .fused = emit_strips_fused,
    .copy = strips_copy,
    .transpose = strips_transpose,
    .locals = emit_strips_locals,
    .sweeps = true,
};

/* libtcc gets no headers: prototypes of just the kernels that are called. */
static void print_prototypes(Emit *e, Buf *out)
{
    buf_puts(out, "typedef long long int64_t;\n"
                  "#define HUGE_VAL (1e300 * 1e300)\n");
    emit_kernel_prototypes(e, out);
}

/* What the model calls, and a kernel for each of them: plain loops, which may
 * be slow because the function costs more. */
static void print_called(Emit *e, Buf *out)
{
    static const char *const operand[CALL_MOST] = {"a", "b", "c"};
    for (int i = 0; i < e->g->call.n; i++) {
        const Called *c = &e->g->call.v[i];
        bool wide = e->o->real64 || c->name == c->wide;
        const char *real = wide ? "double" : "float", *arg[CALL_MOST];
        buf_printf(out, "extern %s %s(", real, wide ? c->wide : c->name);
        for (int k = 0; k < c->n; k++)
            buf_printf(out, "%s%s", k ? ", " : "", real);
        buf_printf(out,
                   ");\nstatic void %s(int64_t m, int64_t n, REAL *y, "
                   "int64_t ld",
                   called_name(e->arena, i));
        for (int k = 0; k < c->n; k++) {
            const char *x = operand[k];
            buf_printf(out, ", const REAL *%s, int64_t ld%s, int wide%s", x, x,
                       x);
            arg[k] = arena_printf(e->arena, "%s[i*ld%s + j*wide%s]", x, x, x);
        }
        buf_printf(out,
                   ")\n{\n    for (int64_t i = 0; i < m; i++)\n"
                   "        for (int64_t j = 0; j < n; j++)\n"
                   "            y[i*ld + j] = %s;\n}\n",
                   emit_call(e, i, arg));
    }
}

const char *emit_strips(const Plan *p, const EmitOptions *o, Arena *a)
{
    Emit e;
    EmitOptions plain = *o;
    plain.nsize = 0;
    emit_init(&e, p, &plain, a, &strips);
    emit_strips_names(&e);
    for (int i = 0; i < e.g->call.n; i++)
        emit_fresh(&e, called_name(a, i));
    e.fixed = e.taken.n;
    const char *fn[FN_COUNT];
    for (int i = 0; i < FN_COUNT; i++)
        fn[i] = emit_function(&e, i);
    Buf out;
    buf_init(&out, a);
    print_prototypes(&e, &out);
    print_called(&e, &out);
    emit_tables(&e, &out);
    for (int i = 0; i < FN_COUNT; i++)
        buf_puts(&out, fn[i]);
    emit_entries(&e, &out, "");
    return out.s;
}
