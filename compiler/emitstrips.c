/* The style for libtcc, whose own loops are slow: every kernel is a call of
 * the run time.  A fused cluster becomes a sequence of strip calls on blocks
 * of rows small enough that its inner values stay in the L1 cache. */
#include "emit.h"

#include <string.h>

#include "../runtime/kernels.h"
#include "ops.h"

enum { STRIP = 512 }; /* reals of a scratch strip */

/* One strip call: what is left of an Inst after others were drawn into it. */
typedef struct Call {
    const char *kernel; /* NULL: drawn into the call that uses it */
    int nin;
    int in[4]; /* as Inst.in */
    int uses;  /* how often its result is an operand */
    int last;  /* the last call that uses it */
    int64_t n; /* width of the result: 1 or the kernel's */
    int strip; /* scratch strip of the result, -1: stored in `out` */
} Call;

typedef struct Fused {
    Emit *e;
    const Kernel *k;
    EmitRows rows;
    Call *call;    /* one per Inst */
    int64_t block; /* rows at a time; 0: all in one go */
    bool chunks;   /* rows are cut into chunks of STRIP columns */
    int ncall;     /* calls that remain */
} Fused;

/* ---- choosing kernels ---- */

/* Operand `in` if it is the result of `op` that nobody else needs. */
static Call *inner(Fused *f, int in, Op op, int64_t n)
{
    if (in < 0 || f->k->inst.v[in].op != op || f->k->inst.v[in].out >= 0)
        return NULL;
    Call *c = &f->call[in];
    bool plain = c->kernel && !strcmp(c->kernel, op_row[op].name);
    return plain && c->uses == 1 && c->n == n ? c : NULL;
}

static void use(Fused *f, const Call *c, int by)
{
    for (int i = 0; i < c->nin; i++)
        if (c->in[i] >= 0)
            f->call[c->in[i]].uses += by;
}

/* Replaces call c and what it draws in by another kernel. */
static void become(Fused *f, Call *c, const char *kernel, int nin,
                   const int *in)
{
    use(f, c, -1);
    c->kernel = kernel;
    c->nin = nin;
    memcpy(c->in, in, sizeof *in * (size_t)nin);
    use(f, c, 1);
}

static void drop(Fused *f, Call *c)
{
    use(f, c, -1);
    c->kernel = NULL;
}

static bool is_one_minus(Fused *f, int in, int x, int64_t n)
{
    Call *c = inner(f, in, OP_sub, n);
    if (!c || c->in[1] != x || c->in[0] >= 0)
        return false;
    const Loc *l = &f->e->p->loc[f->k->in.v[~c->in[0]]];
    return l->space == SP_CONST && l->num == 1;
}

/* a*b + (1-a)*c, where x = a*b and y = (1-a)*c */
static bool try_lerp(Fused *f, Call *c, Call *x, Call *y)
{
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            if (is_one_minus(f, y->in[j], x->in[i], c->n)) {
                int in[3] = {x->in[i], x->in[!i], y->in[!j]};
                Call *minus = &f->call[y->in[j]];
                drop(f, minus);
                drop(f, x);
                drop(f, y);
                become(f, c, "lerp", 3, in);
                return true;
            }
    return false;
}

static void fuse_add(Fused *f, Call *c)
{
    Call *x = inner(f, c->in[0], OP_mul, c->n);
    Call *y = inner(f, c->in[1], OP_mul, c->n);
    if (!x || !y || x == y || try_lerp(f, c, x, y) || try_lerp(f, c, y, x))
        return;
    int in[4] = {x->in[0], x->in[1], y->in[0], y->in[1]};
    drop(f, x);
    drop(f, y);
    become(f, c, "muladd2", 4, in);
}

static void fuse_mul(Fused *f, Call *c)
{
    for (int i = 0; i < 2; i++) {
        Call *x = inner(f, c->in[i], OP_mul, c->n);
        if (!x)
            continue;
        int in[3] = {x->in[0], x->in[1], c->in[!i]};
        drop(f, x);
        become(f, c, "mul3", 3, in);
        return;
    }
}

static void fuse_sub(Fused *f, Call *c)
{
    Call *x = inner(f, c->in[1], OP_mul, c->n);
    if (!x)
        return;
    int in[3] = {x->in[0], x->in[1], c->in[0]};
    drop(f, x);
    become(f, c, "fnma", 3, in);
}

static int64_t width_of(const Fused *f, int in)
{
    if (in >= 0)
        return f->call[in].n;
    return f->e->p->loc[f->k->in.v[~in]].n == 1 ? 1 : f->k->n;
}

/* One call for each instruction, then the fused forms, users first.  All of
 * them round exactly like the calls they replace. */
static void choose_calls(Fused *f)
{
    int count = f->k->inst.n;
    f->call = NEW_N(f->e->arena, Call, count);
    for (int i = 0; i < count; i++) {
        const Inst *in = &f->k->inst.v[i];
        Call *c = &f->call[i];
        bool same = in->op == OP_stopgrad || in->op == OP_clipgrad;
        c->kernel = same ? "copy" : op_row[in->op].name;
        c->nin = same ? 1 : in->nin;
        memcpy(c->in, in->in, sizeof in->in);
        c->n = in->out >= 0 && f->e->p->loc[in->out].n > 1 ? f->k->n : 1;
        for (int j = 0; j < c->nin; j++)
            if (width_of(f, c->in[j]) > c->n)
                c->n = f->k->n;
        use(f, c, 1);
    }
    for (int i = count - 1; i >= 0; i--) {
        Call *c = &f->call[i];
        Op op = c->kernel ? f->k->inst.v[i].op : OP_NONE;
        if (op == OP_add)
            fuse_add(f, c);
        else if (op == OP_mul)
            fuse_mul(f, c);
        else if (op == OP_sub)
            fuse_sub(f, c);
    }
}

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
    const Call *c = &f->call[at];
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
        Call *c = &f->call[i];
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

/* Pointer into the current block, given the pointer to all rows. */
static const char *in_block(Fused *f, const char *all, int64_t stride,
                            bool columns)
{
    Arena *a = f->e->arena;
    if (f->block && stride)
        all = arena_printf(a, "%s + r*%lld", all, (long long)stride);
    return f->chunks && columns ? arena_printf(a, "%s + i", all) : all;
}

static const char *strip_name(Fused *f, int strip)
{
    return arena_printf(f->e->arena, "s[%d]", strip);
}

static const char *result_text(Fused *f, int i)
{
    const Call *c = &f->call[i];
    Arena *a = f->e->arena;
    Val out = f->k->inst.v[i].out;
    if (out < 0)
        return arena_printf(a, "%s, %lld", strip_name(f, c->strip),
                            (long long)(f->chunks && c->n > 1 ? STRIP : c->n));
    int64_t stride = emit_stride(f->e, out, f->rows);
    return arena_printf(
        a, "%s, %lld",
        in_block(f, emit_pointer(f->e, out, f->rows), stride, c->n > 1),
        (long long)stride);
}

static const char *operand_text(Fused *f, int in)
{
    Arena *a = f->e->arena;
    if (in >= 0)
        return arena_printf(a, "%s, %d", result_text(f, in),
                            f->call[in].n > 1 || f->k->n == 1);
    Val v = f->k->in.v[~in];
    int64_t stride = emit_stride(f->e, v, f->rows);
    bool wide = f->e->p->loc[v].n > 1;
    return arena_printf(
        a, "%s, %lld, %d",
        in_block(f, emit_pointer(f->e, v, f->rows), stride, wide),
        (long long)stride, wide);
}

/* The kernel that calls a C function for each element: print_called. */
static const char *called_name(Arena *a, int call)
{
    return arena_printf(a, "call_%d", call);
}

static void print_calls(Fused *f, const char *rows, const char *columns)
{
    for (int i = 0; i < f->k->inst.n; i++) {
        const Call *c = &f->call[i];
        if (!c->kernel)
            continue;
        Buf b;
        buf_init(&b, f->e->arena);
        const Inst *in = &f->k->inst.v[i];
        const char *name =
            in->op == OP_CALL
                ? called_name(f->e->arena, NODE(f->e->g, in->node)->a)
                : emit_kernel_name(f->e, c->kernel);
        buf_printf(&b, "%s(%s, %s, %s", name, rows, c->n > 1 ? columns : "1",
                   result_text(f, i));
        for (int j = 0; j < c->nin; j++)
            buf_printf(&b, ", %s", operand_text(f, c->in[j]));
        emit_line(f->e, "%s);", b.s);
    }
}

static void strips_fused(Emit *e, const Kernel *k, EmitRows rows)
{
    Fused f = {e, k, rows, NULL, 0, false, 0};
    choose_calls(&f);
    place_strips(&f);
    const char *count = emit_row_count(e, k, rows);
    const char *n = arena_printf(e->arena, "%lld", (long long)k->n);
    if (f.ncall == 1) {
        print_calls(&f, count, n);
        return;
    }
    f.chunks = k->n > STRIP;
    f.block = f.chunks ? 1 : STRIP / k->n;
    emit_open(e, "for (int64_t r = 0; r < %s; r += %lld)", count,
              (long long)f.block);
    if (f.chunks) {
        emit_open(e, "for (int64_t i = 0; i < %s; i += %d)", n, STRIP);
        emit_line(e, "int64_t n = %s - i < %d ? %s - i : %d;", n, STRIP, n,
                  STRIP);
        print_calls(&f, "1", "n");
        emit_close(e);
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

static const char *strips_call(Emit *e, const char *kernel)
{
    return arena_printf(e->arena, "rt_%s_%s", kernel,
                        e->o->real64 ? "f64" : "f32");
}

static void strips_locals(Emit *e, Buf *out)
{
    if (e->depth)
        buf_printf(out, "    %s s[%d][%d];\n", e->real, e->depth, STRIP);
}

static const EmitStyle strips = {
    .call = strips_call,
    .fused = strips_fused,
    .copy = strips_copy,
    .transpose = strips_transpose,
    .locals = strips_locals,
};

#define TEXT(...) #__VA_ARGS__
#define EXPANDED(...) TEXT(__VA_ARGS__)
static const struct {
    const char *name, *params;
} kernel_table[] = {
#define KERNEL(name, params, args) {#name, TEXT params},
#define STRIP1(name, value) {#name, EXPANDED(RT_PARAMS1)},
#define STRIP2(name, value) {#name, EXPANDED(RT_PARAMS2)},
#define STRIP3(name, value) {#name, EXPANDED(RT_PARAMS3)},
#define STRIP4(name, value) {#name, EXPANDED(RT_PARAMS4)},
#include "../runtime/kernels.def"
#include "../runtime/strips.def"
#undef KERNEL
#undef STRIP1
#undef STRIP2
#undef STRIP3
#undef STRIP4
};

/* libtcc gets no headers: prototypes of just the kernels that are called. */
static void print_prototypes(Emit *e, Buf *out)
{
    buf_printf(out,
               "typedef long long int64_t;\n#define REAL %s\n"
               "#define HUGE_VAL (1e300 * 1e300)\n",
               e->real);
    for (size_t i = 0; i < sizeof kernel_table / sizeof *kernel_table; i++) {
        const char *name = intern_str(e->intern, kernel_table[i].name);
        for (int j = 0; j < e->kernels.n; j++)
            if (e->kernels.v[j] == name)
                buf_printf(out, "void %s(%s);\n", strips_call(e, name),
                           kernel_table[i].params);
    }
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
        buf_printf(out, ");\nstatic void %s(int64_t m, int64_t n, REAL *y, "
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
    static const char *const own[] = {"s", "r", "i", "n", "rows"};
    Emit e;
    EmitOptions plain = *o;
    plain.nsize = 0;
    emit_init(&e, p, &plain, a, &strips);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        emit_fresh(&e, own[i]);
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
