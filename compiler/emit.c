/* What both styles of generated code share: functions, loops in time, where
 * values lie, and every kernel that is one call.  Walks the schedule once per
 * function; the styles print elementwise work and products. */
#include "emit.h"

#include <string.h>

#include "ops.h"

/* Names that the functions use themselves or call. */
static void take_fixed(Emit *e)
{
    static const char *const own[] = {"T",   "B",      "t",     "j",
                                      "row", "params", "grads", "work"};
    static const char *const kernel[] = {
#define KERNEL(name, params, args) #name,
#define STRIP1(name, value) #name,
#define STRIP2(name, value) #name,
#define STRIP3(name, value) #name,
#define STRIP4(name, value) #name,
#include "../runtime/kernels.def"
#include "../runtime/strips.def"
#undef KERNEL
#undef STRIP1
#undef STRIP2
#undef STRIP3
#undef STRIP4
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        emit_fresh(e, own[i]);
    for (size_t i = 0; i < sizeof kernel / sizeof *kernel; i++)
        emit_fresh(e, kernel[i]);
    for (int i = 0; i < e->o->nsize; i++)
        e->size[i] =
            emit_fresh(e, emit_identifier(e->arena, e->o->size[i].name));
    for (int i = 0; i < e->g->table.n; i++)
        e->file[i] =
            emit_fresh(e, emit_identifier(e->arena, e->g->table.v[i].name));
    e->fixed = e->taken.n;
}

static void find_packed(Emit *e, const Stage *st)
{
    for (int i = 0; i < st->kernel.n; i++)
        if (st->kernel.v[i].kind == KN_PACK)
            e->unpacked[st->kernel.v[i].out] = st->kernel.v[i].in.v[0];
}

void emit_init(Emit *e, const Plan *p, const EmitOptions *o, Arena *a,
               const EmitStyle *style)
{
    memset(e, 0, sizeof *e);
    e->p = p;
    e->s = p->s;
    e->g = p->s->g;
    e->o = o;
    e->style = style;
    e->arena = a;
    e->intern = intern_new(a);
    e->real = o->real64 ? "double" : "float";
    e->file = NEW_N(a, const char *, e->g->table.n + 1);
    e->size = NEW_N(a, const char *, o->nsize + 1);
    e->unpacked = NEW_N(a, Val, e->s->val.n + 1);
    for (Val v = 0; v < e->s->val.n; v++)
        e->unpacked[v] = -1;
    for (int fn = 0; fn < FN_COUNT; fn++)
        for (int i = 0; i < e->s->fn[fn].stage.n; i++)
            find_packed(e, &e->s->fn[fn].stage.v[i]);
    take_fixed(e);
}

const char *emit_kernel_name(Emit *e, const char *kernel)
{
    emit_use(e, kernel);
    return e->style->call(e, kernel);
}

/* ---- kernels ---- */

static const Loc *loc_of(const Emit *e, Val v)
{
    return &e->p->loc[v];
}

/* Whether `v` keeps a kernel over all T*B rows from running in one go: one
 * value per sequence recurs at every step, the time changes at every step. */
static bool breaks_rows(const Emit *e, Val v)
{
    const Loc *l = loc_of(e, v);
    return l->space == SP_TIME || (l->space != SP_CONST && l->axes == GX_B);
}

static bool is_steady(const Emit *e, const Kernel *k)
{
    for (int i = 0; i < k->in.n; i++)
        if (breaks_rows(e, k->in.v[i]))
            return false;
    return k->out < 0 || !breaks_rows(e, k->out);
}

static const char *call_row(Emit *e, Val v, EmitRows rows)
{
    return arena_printf(e->arena, "%s, %s", emit_pointer(e, v, rows),
                        emit_size(e, emit_stride(e, v, rows)));
}

/* Kernels that take rows, n, y, x0 and nothing else. */
static void call_simple(Emit *e, const char *name, const Kernel *k,
                        EmitRows rows, int64_t n)
{
    emit_line(e, "%s(%s, %s, %s, %s);", emit_kernel_name(e, name),
              emit_row_count(e, k, rows), emit_size(e, n),
              call_row(e, k->out, rows), call_row(e, k->in.v[0], rows));
}

/* ... and x1. */
static void call_pair(Emit *e, const char *name, const Kernel *k, EmitRows rows,
                      int64_t n)
{
    emit_line(e, "%s(%s, %s, %s, %s, %s);", emit_kernel_name(e, name),
              emit_row_count(e, k, rows), emit_size(e, n),
              call_row(e, k->out, rows), call_row(e, k->in.v[0], rows),
              call_row(e, k->in.v[1], rows));
}

static void call_pool(Emit *e, const Kernel *k, EmitRows rows)
{
    emit_line(e, "%s(%s, B, %s, %s, %s);", emit_kernel_name(e, "pool"),
              emit_row_count(e, k, rows), emit_size(e, k->n),
              call_row(e, k->out, rows), call_row(e, k->in.v[0], rows));
}

static void call_fill(Emit *e, const Kernel *k, int64_t rows, int64_t n)
{
    emit_line(e, "%s(%s, %s, %s, %s, %s);", emit_kernel_name(e, "fill"),
              emit_size(e, rows), emit_size(e, n), emit_value_name(e, k->out),
              emit_size(e, loc_of(e, k->out)->ld), emit_real(e, 0));
}

static void call_pack(Emit *e, const Kernel *k)
{
    emit_line(
        e, "%s(%s, %s, %s, %s, %s);",
        emit_kernel_name(e, k->trans ? "pack_nt" : "pack_nn"),
        emit_size(e, k->n), emit_size(e, k->k), emit_value_name(e, k->in.v[0]),
        emit_size(e, loc_of(e, k->in.v[0])->ld), emit_value_name(e, k->out));
}

static void call_gemm(Emit *e, const Kernel *k, EmitRows rows)
{
    emit_line(e, "%s(%s, %s, %s, %s, %s, %s, %d);", emit_kernel_name(e, "gemm"),
              emit_row_count(e, k, rows), emit_size(e, k->n),
              emit_size(e, k->k), call_row(e, k->in.v[0], rows),
              emit_value_name(e, k->in.v[1]), call_row(e, k->out, rows),
              k->add);
}

static void call_outer(Emit *e, const Kernel *k, EmitRows rows, bool add)
{
    emit_line(e, "%s(%s, %s, %s, %s, %s, %s, %s, %d);",
              emit_kernel_name(e, "gemm_tn"), emit_size(e, k->n),
              emit_size(e, k->k), emit_row_count(e, k, rows),
              call_row(e, k->in.v[0], rows), call_row(e, k->in.v[1], rows),
              emit_value_name(e, k->out), emit_size(e, loc_of(e, k->out)->ld),
              add);
}

static void call_product(Emit *e, const Kernel *k, EmitRows rows)
{
    const char *count = rows == ROWS_ONE ? "1" : emit_row_count(e, k, rows);
    emit_line(e, "%s(%s, %s, %s, %s, %s, %d, %d, %s, %s, %s, %d);",
              emit_kernel_name(e, "product"), count, emit_size(e, k->parts),
              emit_size(e, k->m), emit_size(e, k->n), emit_size(e, k->k), k->ta,
              k->tb, call_row(e, k->out, rows), call_row(e, k->in.v[0], rows),
              call_row(e, k->in.v[1], rows), k->add);
}

/* The extents and strides of a view, as few as will do: dims that lie behind
 * one another are one. */
static int flat_view(const Graph *g, const ViewSpec *v, int64_t *dim,
                     int64_t *stride)
{
    const Shape *y = SHAPE(g, v->y);
    int n = 0;
    for (int i = 0; i < y->rank; i++) {
        if (y->dim[i] == 1)
            continue;
        if (n && stride[n - 1] == v->stride[i] * y->dim[i]) {
            dim[n - 1] *= y->dim[i];
            stride[n - 1] = v->stride[i];
            continue;
        }
        dim[n] = y->dim[i];
        stride[n++] = v->stride[i];
    }
    return n;
}

static void call_view(Emit *e, const Kernel *k, EmitRows rows)
{
    const ViewSpec *v = &e->g->view.v[k->view];
    bool fold = k->kind == KN_FOLD;
    int64_t dim[SHAPE_RANK], stride[SHAPE_RANK];
    int n = flat_view(e->g, v, dim, stride);
    Buf b;
    buf_init(&b, e->arena);
    buf_printf(&b, "%s(%s, ", emit_kernel_name(e, fold ? "fold" : "view"),
               emit_row_count(e, k, rows));
    if (fold)
        buf_printf(&b, "%s, ", emit_size(e, k->n));
    buf_printf(&b, "%s, %s, %lld", call_row(e, k->out, rows),
               call_row(e, k->in.v[0], rows), (long long)v->base);
    for (int i = n - SHAPE_RANK; i < n; i++)
        buf_printf(&b, ", %s", i < 0 ? "1" : emit_size(e, dim[i]));
    for (int i = n - SHAPE_RANK; i < n; i++)
        buf_printf(&b, ", %lld", i < 0 ? 0 : (long long)stride[i]);
    emit_line(e, "%s);", b.s);
}

static void call_gather(Emit *e, const Kernel *k, EmitRows rows)
{
    emit_line(e, "%s(%s, %s, %s, %s, %s, %s, %s);",
              emit_kernel_name(e, "gather"), emit_row_count(e, k, rows),
              emit_size(e, k->n), call_row(e, k->out, rows),
              emit_value_name(e, k->in.v[0]),
              emit_size(e, loc_of(e, k->in.v[0])->ld), emit_size(e, k->k),
              call_row(e, k->in.v[1], rows));
}

static void call_scatter(Emit *e, const Kernel *k, EmitRows rows)
{
    emit_line(e, "%s(%s, %s, %s, %s, %s, %s, %s);",
              emit_kernel_name(e, "scatter"), emit_row_count(e, k, rows),
              emit_size(e, k->n), emit_value_name(e, k->out),
              emit_size(e, loc_of(e, k->out)->ld), emit_size(e, k->k),
              call_row(e, k->in.v[0], rows), call_row(e, k->in.v[1], rows));
}

/* Reductions over time, sequences or both. */
static void emit_over(Emit *e, const Kernel *k, bool loop)
{
    const char *name = emit_kernel_name(e, k->kind == KN_SUMA   ? "colsum"
                                           : k->kind == KN_MAXA ? "colmax"
                                                                : "colmin");
    const char *tail = k->kind != KN_SUMA ? "" : k->add ? ", 1" : ", 0";
    const Loc *x = loc_of(e, k->in.v[0]);
    const char *from = emit_pointer(e, k->in.v[0], loop ? ROWS_STEP : ROWS_ALL);
    const char *to = emit_value_name(e, k->out);
    const char *ld = emit_size(e, x->ld), *n = emit_size(e, k->n);
    if ((k->over & k->from) == k->from) {
        const char *rows = k->from == GX_TB ? "T*B" : k->from ? "B" : "1";
        emit_line(e, "%s(%s, %s, %s, %s, %s%s);", name, rows, n, to, from, ld,
                  tail);
        return;
    }
    int64_t step = loc_of(e, k->out)->ld;
    if (step == k->n && x->ld == k->n) {
        emit_line(e, "%s(T, %s, %s, %s, %s%s);", name, emit_per_step(e, k->n),
                  to, from, emit_per_step(e, x->ld), tail);
        return;
    }
    emit_line(e, "for (int64_t row = 0; row < B; row++)");
    e->indent++;
    emit_line(e, "%s(T, %s, %s + row*%s, %s + row*%s, %s%s);", name, n, to,
              emit_size(e, step), from, ld, emit_per_step(e, x->ld), tail);
    e->indent--;
}

static void emit_at(Emit *e, const Kernel *k)
{
    const Loc *x = loc_of(e, k->in.v[0]);
    const char *len = k->in.n > 1 ? emit_value_name(e, k->in.v[1]) : "0";
    emit_line(e, "%s(B, %s, %s, %s, %s, %s, %s, %d);",
              emit_kernel_name(e, "at"), emit_size(e, k->n),
              call_row(e, k->out, ROWS_SEQ), emit_value_name(e, k->in.v[0]),
              emit_per_step(e, x->ld), emit_size(e, x->ld), len, k->row);
}

static const char *plus(Emit *e, const char *base, int64_t n)
{
    if (!n)
        return base;
    return arena_printf(e->arena, n < 0 ? "%s - %lld" : "%s + %lld", base,
                        (long long)(n < 0 ? -n : n));
}

/* `row` shifts the array and the count of steps, so that the kernel may
 * compare with the bare lengths. */
static void emit_tail(Emit *e, const Kernel *k, EmitRows rows)
{
    Val fill = k->in.v[0];
    const char *len = emit_value_name(e, k->in.v[1]);
    const char *ld = emit_size(e, loc_of(e, k->out)->ld);
    const char *value =
        arena_printf(e->arena, "%s, %d", call_row(e, fill, ROWS_SEQ),
                     loc_of(e, fill)->n > 1);
    const char *n = emit_size(e, k->n);
    if (rows == ROWS_STEP) {
        emit_line(e, "%s(B, %s, %s, %s, %s, %s, %s);",
                  emit_kernel_name(e, "tail_step"), n,
                  emit_pointer(e, k->out, rows), ld, plus(e, "t", -k->row), len,
                  value);
        return;
    }
    const char *to = emit_value_name(e, k->out);
    const char *step = emit_per_step(e, loc_of(e, k->out)->ld);
    if (k->row)
        to = arena_printf(e->arena, "%s*%s", plus(e, to, k->row), step);
    emit_line(e, "%s(%s, B, %s, %s, %s, %s, %s, %s);",
              emit_kernel_name(e, "tail"),
              plus(e, "T", loc_of(e, k->out)->lead - k->row), n, to, step, ld,
              len, value);
}

static void emit_rows(Emit *e, const Kernel *k, EmitRows rows)
{
    switch (k->kind) {
    case KN_FUSED:
        e->style->fused(e, k, rows);
        return;
    case KN_COPY:
        e->style->copy(e, k, rows);
        return;
    case KN_GEMM:
        call_gemm(e, k, rows);
        return;
    case KN_OUTER:
        call_outer(e, k, rows, k->add || rows == ROWS_STEP);
        return;
    case KN_PRODUCT:
        call_product(e, k, rows);
        return;
    case KN_VIEW:
    case KN_FOLD:
        call_view(e, k, rows);
        return;
    case KN_GATHER:
        call_gather(e, k, rows);
        return;
    case KN_SCATTER:
        call_scatter(e, k, rows);
        return;
    case KN_SUM:
        call_simple(e, "rowsum", k, rows, k->k);
        return;
    case KN_MAXV:
        call_simple(e, "rowmax", k, rows, k->k);
        return;
    case KN_MINV:
        call_simple(e, "rowmin", k, rows, k->k);
        return;
    case KN_ARGMAX:
        call_simple(e, "rowargmax", k, rows, k->k);
        return;
    case KN_LSE:
        call_simple(e, "rowlse", k, rows, k->k);
        return;
    case KN_SOFTMAX:
        call_simple(e, "softmax", k, rows, k->n);
        return;
    case KN_POOL:
        call_pool(e, k, rows);
        return;
    case KN_ONEHOT:
        call_simple(e, "onehot", k, rows, k->n);
        return;
    case KN_PICK:
        call_pair(e, "pick", k, rows, k->k);
        return;
    case KN_PLACE:
        call_pair(e, "place", k, rows, k->n);
        return;
    default:
        arena_panic(e->arena, "emit: kernel %s", kernel_name(k->kind));
    }
}

/* Kernels over all steps whose operands do not allow it in one go. */
static void emit_stepwise(Emit *e, const Kernel *k)
{
    if (k->kind == KN_OUTER && !k->add)
        call_fill(e, k, k->n, k->k);
    emit_open(e, "for (int64_t t = 0; t < T; t++)");
    emit_rows(e, k, ROWS_STEP);
    emit_close(e);
}

static void emit_work(Emit *e, const Kernel *k, bool loop)
{
    EmitRows rows = k->axes == GX_NONE ? ROWS_ONE
                    : loop             ? ROWS_STEP
                    : k->axes == GX_TB ? ROWS_ALL
                                       : ROWS_SEQ;
    switch (k->kind) {
    case KN_PACK:
        call_pack(e, k);
        return;
    case KN_TRANSPOSE:
        e->style->transpose(e, k);
        return;
    case KN_SUMA:
    case KN_MAXA:
    case KN_MINA:
        emit_over(e, k, loop);
        return;
    case KN_AT:
        emit_at(e, k);
        return;
    case KN_TAIL:
        emit_tail(e, k, rows);
        return;
    case KN_PRODUCT:
        if (k->add)
            call_fill(e, k, 1, loc_of(e, k->out)->n);
        break;
    case KN_SCATTER:
        if (!k->add)
            call_fill(e, k, k->k, k->n);
        break;
    default:
        break;
    }
    if (rows == ROWS_ALL && !is_steady(e, k))
        emit_stepwise(e, k);
    else
        emit_rows(e, k, rows);
}

static void emit_kernel(Emit *e, const Kernel *k, bool loop)
{
    emit_quote(e, k);
    if (!k->on_start) {
        emit_work(e, k, loop);
        return;
    }
    emit_open(e, "if (%s[0] != 0)", emit_value_name(e, e->s->start));
    emit_work(e, k, loop);
    emit_close(e);
}

static void emit_stage(Emit *e, const Stage *st)
{
    if (st->dir > 0)
        emit_open(e, "for (int64_t t = 0; t < T; t++)");
    else if (st->dir < 0)
        emit_open(e, "for (int64_t t = T - 1; t >= 0; t--)");
    for (int i = 0; i < st->kernel.n; i++)
        emit_kernel(e, &st->kernel.v[i], st->dir != 0);
    if (st->dir)
        emit_close(e);
}

/* ---- functions ---- */

const char *emit_function(Emit *e, int fn)
{
    static const char *const suffix[] = {"forward", "backward"};
    const SchedFn *f = &e->s->fn[fn];
    if (!f->stage.n && fn != FN_FORWARD)
        return "";
    e->fn = fn;
    e->taken.n = e->fixed;
    e->name = NEW_N(e->arena, const char *, e->s->val.n + 1);
    e->quoted = NULL;
    e->locals.n = 0;
    e->block.n = 0;
    e->depth = 0;
    buf_init(&e->body, e->arena);
    e->indent = 1;
    for (int i = 0; i < f->stage.n; i++)
        emit_stage(e, &f->stage.v[i]);

    Buf out;
    buf_init(&out, e->arena);
    buf_printf(&out,
               "int %s_%s(const void *params, void *grads, void *work, "
               "int64_t T, int64_t B)\n{\n",
               e->o->name, suffix[fn]);
    emit_pointers(e, &out);
    e->style->locals(e, &out);
    buf_puts(&out, e->body.s);
    buf_puts(&out, "    return 0;\n}\n");
    return out.s;
}

void emit_tables(Emit *e, Buf *out)
{
    for (int i = 0; i < e->g->table.n; i++) {
        const Table *t = &e->g->table.v[i];
        int64_t n = shape_size(e->g, t->shape);
        buf_printf(out, "static const %s %s[%lld] = {", e->real, e->file[i],
                   (long long)n);
        for (int64_t j = 0; j < n; j++)
            buf_printf(out, "%s%s", j ? ", " : "", emit_real(e, t->v[j]));
        buf_puts(out, "};\n");
    }
}
