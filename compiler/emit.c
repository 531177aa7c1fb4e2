/* What both styles of generated code share: functions, loops in time, where
 * values lie, and every kernel that is one call.  Walks the schedule once per
 * function; the styles print elementwise work and products. */
#include "emit.h"

#include <string.h>

#include "ops.h"

/* Names that the functions use themselves or call. */
static void take_fixed(Emit *e)
{
    static const char *const own[] = {
        "T",      "B",     "t",         "t0",     "j",     "steps",  "chunk",
        "chunks", "row",   "line",      "params", "grads", "work",   "prepared",
        "behind", "first", "sequences", "most",   "from",  "to",     "spare",
        "code",   "at",    "ahead",     "ends",   "space", "extent", "lane",
        "home",   "same",  "all",       "any",    "cost",  "after",  "turn"};
    static const char *const more[][6] = {{"U", "u", "u0", "ub", "tb", "utb"},
                                          {"V", "v", "v0", "vb", "vtb", "vub"}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        emit_fresh(e, own[i]);
    for (int i = 0; i < e->g->call.n; i++) {
        emit_fresh(e, e->g->call.v[i].name);
        emit_fresh(e, e->g->call.v[i].wide);
    }
    for (int i = 1; i < e->s->ntime; i++)
        for (int k = 0; k < 6; k++)
            emit_fresh(e, more[i - 1][k]);
    if (e->s->ntime == CELL_TIMES)
        emit_fresh(e, "vutb");
    for (const EmitKernel *k = emit_kernels; k->name; k++)
        if (!k->of)
            emit_fresh(e, k->name);
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
    buf_init(&e->own, a);
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
    const char *name = e->style->call(e, kernel);
    emit_use(e, name);
    return name;
}

/* ---- kernels ---- */

static const Loc *loc_of(const Emit *e, Val v)
{
    return &e->p->loc[v];
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

/* Reals from one line of v to the next, whose shape is that of node r; a vector
 * that is looked up has its elements for lines. */
static int64_t line_distance(const Emit *e, Val v, Ref r)
{
    const Graph *g = e->p->s->g;
    bool vector = SHAPE(g, NODE(g, r)->shape)->rank == 1;
    return vector ? 1 : loc_of(e, v)->ld;
}

/* Zeros before what is added, in the first of several chunks. */
static void emit_fill(Emit *e, const Kernel *k, const char *rows, int64_t n,
                      const char *to)
{
    const char *later = emit_later(e, k);
    bool some = *later != '0';
    int64_t line = k->kind == KN_SCATTER ? line_distance(e, k->out, k->node)
                                         : loc_of(e, k->out)->ld;
    if (some)
        emit_line(e, "if (!(%s))", later);
    e->indent += some;
    emit_line(e, "%s(%s, %s, %s, %s, %s);", emit_kernel_name(e, "fill"), rows,
              emit_size(e, n), to, emit_size(e, line), emit_real(e, 0));
    e->indent -= some;
}

static void call_fill(Emit *e, const Kernel *k, int64_t rows, int64_t n)
{
    emit_fill(e, k, emit_size(e, rows), n, emit_value_name(e, k->out));
}

/* pack_real, product_bf16 ...: by how the packed matrix v is kept. */
static const char *packed_kernel(Emit *e, const char *what, Val v)
{
    static const char *const kept[WEIGHTS_COUNT] = {"real", "bf16", "int8"};
    bool prepared = loc_of(e, v)->space == SP_PREPARED;
    return emit_kernel_name(
        e, arena_printf(e->arena, "%s_%s", what,
                        kept[prepared ? e->o->weights : WEIGHTS_F32]));
}

static void call_pack(Emit *e, const Kernel *k)
{
    const char *ld = emit_size(e, loc_of(e, k->in.v[0])->ld);
    if (e->packs_once) {
        emit_line(e, "%s(%s, %s, %s, %s, %s, %s);",
                  packed_kernel(e, "pack", k->out), emit_size(e, k->n),
                  emit_size(e, k->k), emit_value_name(e, k->in.v[0]),
                  k->trans ? ld : "1", k->trans ? "1" : ld,
                  emit_value_name(e, k->out));
        return;
    }
    emit_line(e, "%s(%s, %s, %s, %s, %s);",
              emit_kernel_name(e, k->trans ? "pack_nt" : "pack_nn"),
              emit_size(e, k->n), emit_size(e, k->k),
              emit_value_name(e, k->in.v[0]), ld, emit_value_name(e, k->out));
}

static void call_gemm(Emit *e, const Kernel *k, EmitRows rows)
{
    const char *name = e->packs_once ? packed_kernel(e, "product", k->in.v[1])
                                     : emit_kernel_name(e, "gemm");
    emit_line(
        e, "%s(%s, %s, %s, %s, %s, %s, %d);", name, emit_row_count(e, k, rows),
        emit_size(e, k->n), emit_size(e, k->k), call_row(e, k->in.v[0], rows),
        emit_value_name(e, k->in.v[1]), call_row(e, k->out, rows), k->add);
}

static void call_outer(Emit *e, const Kernel *k, EmitRows rows, bool add)
{
    emit_line(e, "%s(%s, %s, %s, %s, %s, %s, %s, %s);",
              emit_kernel_name(e, "gemm_tn"), emit_size(e, k->n),
              emit_size(e, k->k), emit_row_count(e, k, rows),
              call_row(e, k->in.v[0], rows), call_row(e, k->in.v[1], rows),
              emit_value_name(e, k->out), emit_size(e, loc_of(e, k->out)->ld),
              add ? "1" : emit_later(e, k));
}

/* The same for kernels on matrices, where without axes there is one row. */
static const char *row_count(Emit *e, const Kernel *k, EmitRows rows)
{
    return rows.flat ? emit_row_count(e, k, rows) : "1";
}

/* Before a call on the lines of rows whose two operands start at at[]: all in
 * one go where the rows lie behind one another, else in a loop over rows, which
 * the caller's one statement ends.  Whether there is that loop. */
static bool open_lines(Emit *e, EmitRows rows, const char *count,
                       const Loc *const *loc, const char **at,
                       const char **lines)
{
    bool loop =
        rows.flat && (loc[0]->ld != loc[0]->n || loc[1]->ld != loc[1]->n);
    if (!loop && rows.flat)
        *lines = arena_printf(e->arena, "%s*%s", count, *lines);
    if (!loop)
        return false;
    emit_line(e, "for (int64_t row = 0; row < %s; row++)", count);
    e->indent++;
    for (int i = 0; i < 2; i++)
        at[i] = arena_printf(e->arena, "%s + row*%s", at[i],
                             emit_size(e, loc[i]->ld));
    return true;
}

/* Kernels that take rows, n, y, x0 and `last`, on all lines of all rows. */
static void call_lines(Emit *e, const char *name, const Kernel *k,
                       EmitRows rows, const char *last)
{
    const Loc *x = loc_of(e, k->in.v[0]), *y = loc_of(e, k->out);
    const char *kernel = emit_kernel_name(e, name);
    const char *n = emit_size(e, k->k), *lines = emit_size(e, k->parts);
    const char *count = row_count(e, k, rows);
    int64_t width = y->n / k->parts;
    if (k->parts == 1) {
        emit_line(e, "%s(%s, %s, %s, %s%s);", kernel, count, n,
                  call_row(e, k->out, rows), call_row(e, k->in.v[0], rows),
                  last);
        return;
    }
    const Loc *const loc[2] = {y, x};
    const char *at[2] = {emit_pointer(e, k->out, rows),
                         emit_pointer(e, k->in.v[0], rows)};
    bool loop = open_lines(e, rows, count, loc, at, &lines);
    emit_line(e, "%s(%s, %s, %s, %s, %s, %s%s);", kernel, lines, n, at[0],
              emit_size(e, width), at[1], n, last);
    e->indent -= loop;
}

/* EXPM, SOLVE, TAKE, PUT */
static void call_matrix(Emit *e, const Kernel *k, EmitRows rows)
{
    const char *count = row_count(e, k, rows);
    Buf b;
    buf_init(&b, e->arena);
    if (k->kind == KN_TAKE || k->kind == KN_PUT)
        buf_printf(
            &b, "%s(%s, %s, %s, %s",
            emit_kernel_name(e, k->kind == KN_PUT ? "put_rows" : "take_rows"),
            count, emit_size(e, k->m), emit_size(e, k->k), emit_size(e, k->n));
    else if (k->kind == KN_SOLVE)
        buf_printf(&b, "%s(%s, %s, %s", emit_kernel_name(e, "solve"), count,
                   emit_size(e, k->n), emit_size(e, k->k));
    else
        buf_printf(&b, "%s(%s, %s", emit_kernel_name(e, "expm"), count,
                   emit_size(e, k->n));
    buf_printf(&b, ", %s", call_row(e, k->out, rows));
    for (int i = 0; i < k->in.n - kernel_room(k); i++)
        buf_printf(&b, ", %s", call_row(e, k->in.v[i], rows));
    if (kernel_room(k))
        buf_printf(&b, ", %s", emit_value_name(e, k->in.v[k->in.n - 1]));
    emit_line(e, "%s);", b.s);
}

static void call_product(Emit *e, const Kernel *k, EmitRows rows)
{
    const char *count = row_count(e, k, rows);
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
    Ref matrix = IN(e->p->s->g, k->node, 0);
    emit_line(e, "%s(%s, %s, %s, %s, %s, %s, %s);",
              emit_kernel_name(e, "gather"), emit_row_count(e, k, rows),
              emit_size(e, k->n), call_row(e, k->out, rows),
              emit_value_name(e, k->in.v[0]),
              emit_size(e, line_distance(e, k->in.v[0], matrix)),
              emit_size(e, k->k), call_row(e, k->in.v[1], rows));
}

static void call_scatter(Emit *e, const Kernel *k, EmitRows rows)
{
    const Loc *x = loc_of(e, k->in.v[0]), *index = loc_of(e, k->in.v[1]);
    const char *kernel = emit_kernel_name(e, "scatter");
    const char *count = row_count(e, k, rows), *n = emit_size(e, k->n);
    const char *to = arena_printf(
        e->arena, "%s, %s, %s, %s", n, emit_value_name(e, k->out),
        emit_size(e, line_distance(e, k->out, k->node)), emit_size(e, k->k));
    if (k->parts == 1) {
        emit_line(e, "%s(%s, %s, %s, %s);", kernel, count, to,
                  call_row(e, k->in.v[0], rows), call_row(e, k->in.v[1], rows));
        return;
    }
    const char *lines = emit_size(e, k->parts);
    const Loc *const loc[2] = {x, index};
    const char *at[2] = {emit_pointer(e, k->in.v[0], rows),
                         emit_pointer(e, k->in.v[1], rows)};
    bool loop = open_lines(e, rows, count, loc, at, &lines);
    emit_line(e, "%s(%s, %s, %s, %s, %s, 1);", kernel, lines, to, at[0], n,
              at[1]);
    e->indent -= loop;
}

/* How a reduction is done by one call: over the rows of the axes `rows`, the
 * inmost of them `first`, each with all reals of the axes `cols`; inside loops
 * over the axes `around`. */
typedef struct Reduce {
    int rows, first, cols, around;
} Reduce;

static Reduce plan_reduce(Emit *e, const Kernel *k, int axes)
{
    bool dense = loc_of(e, k->out)->ld == k->n;
    Reduce r = {0, 0, 0, 0};
    for (int i = 0; i < k->in.n; i++)
        dense = dense && loc_of(e, k->in.v[i])->ld == k->n;
    for (int i = 0; i < CELL_AXES; i++) {
        int axis = emit_inner_first[i];
        bool sum = k->over & axis;
        if (!(axes & axis))
            continue;
        bool fits = sum || (dense && !r.rows && !r.around &&
                            emit_regular(loc_of(e, k->out), r.cols, axis));
        for (int j = 0; j < k->in.n && fits; j++) {
            const Loc *x = loc_of(e, k->in.v[j]);
            fits = !sum     ? emit_regular(x, r.cols, axis)
                   : r.rows ? emit_follows(x, x->step[emit_place(r.first)],
                                           r.rows, axis)
                            : true;
        }
        if (sum && !r.rows)
            r.first = axis;
        *(!fits ? &r.around : sum ? &r.rows : &r.cols) |= axis;
    }
    return r;
}

static const char *over_name(Emit *e, const Kernel *k)
{
    if (k->kind != KN_SUMA)
        return k->kind == KN_MAXA ? "colmax" : "colmin";
    if (k->in.n - k->where == 1)
        return k->where ? "colsum_where" : "colsum";
    if (k->n > 1 && loc_of(e, k->in.v[1])->n == 1)
        return "colscale";
    return k->where ? "coldot_where" : "coldot";
}

/* Reductions over time, sequences or both; `loop` is the axis (a bit) that a
 * loop around sweeps, or 0. */
static void emit_over(Emit *e, const Kernel *k, int loop)
{
    const char *name = emit_kernel_name(e, over_name(e, k));
    Reduce r = plan_reduce(e, k, k->from & ~loop);
    EmitRows rows = {0, (uint8_t)(r.around | loop)};
    bool add = k->add || r.around & k->over;
    if (add && k->kind != KN_SUMA)
        arena_panic(e->arena, "emit: %s over axes that lie apart", name);
    if (add && !k->add)
        emit_fill(e, k, rows_text(k->from & ~k->over & ~loop), k->n,
                  emit_pointer(e, k->out, (EmitRows){0, (uint8_t)loop}));
    const char *n = emit_size(e, k->n);
    if (r.cols && k->n == 1)
        n = emit_rows_text(e, r.cols);
    else if (r.cols)
        n = arena_printf(e->arena, "%s*%s", emit_rows_text(e, r.cols), n);
    int loops = emit_loop_rows(e, r.around);
    Buf b;
    buf_init(&b, e->arena);
    for (int i = 0; i < k->in.n; i++)
        buf_printf(&b, ", %s, %s", emit_pointer(e, k->in.v[i], rows),
                   emit_step(e, k->in.v[i], r.first));
    if (k->kind == KN_SUMA)
        buf_printf(&b, ", %s", add ? "1" : emit_later(e, k));
    emit_line(e, "%s(%s, %s, %s%s);", name, emit_rows_text(e, r.rows), n,
              emit_pointer(e, k->out, rows), b.s);
    e->indent -= loops;
}

/* One go over `rows`; `again`: one of several. */
static void emit_rows(Emit *e, const Kernel *k, EmitRows rows, bool again)
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
        call_outer(e, k, rows, k->add || again);
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
        call_lines(e, "rowargmax", k, rows, "");
        return;
    case KN_LSE:
        call_lines(e, "rowlse", k, rows, "");
        return;
    case KN_SOFTMAX:
        call_lines(e, "softmax", k, rows, "");
        return;
    case KN_CUMSUM:
        call_lines(e, "cumsum", k, rows, k->trans ? ", 1" : ", 0");
        return;
    case KN_EXPM:
    case KN_SOLVE:
    case KN_TAKE:
    case KN_PUT:
        call_matrix(e, k, rows);
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

/* Kernels whose operands do not allow all rows in one go run inside loops. */
static void emit_work(Emit *e, const Kernel *k, int loop)
{
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
    case KN_LAST:
    case KN_TAIL:
    case KN_REVERSE:
    case KN_EVERY:
    case KN_HOLD:
        emit_moved(e, k, loop);
        return;
    default:
        break;
    }
    EmitRows rows = emit_walk(e, k, k->axes, loop);
    int around = rows.step & ~loop;
    if (k->kind == KN_SCATTER && !k->add)
        call_fill(e, k, k->k, k->n);
    if (k->kind == KN_PRODUCT && k->add)
        call_fill(e, k, 1, loc_of(e, k->out)->n);
    if (k->kind == KN_OUTER && !k->add && around)
        call_fill(e, k, k->n, k->k);
    int loops = emit_open_rows(e, around);
    emit_rows(e, k, rows, around != 0);
    while (loops--)
        emit_close(e);
}

void emit_kernel(Emit *e, const Kernel *k, int loop)
{
    emit_quote(e, k);
    if (k->on_start)
        emit_open(e, "if (%s[0] != 0)", emit_value_name(e, e->s->start));
    else if (k->every)
        emit_open(e, "if ((%s) %% %lld == 0)", emit_now(e, loop),
                  (long long)k->every);
    emit_work(e, k, loop);
    if (k->on_start || k->every)
        emit_close(e);
}

void emit_kernels_of(Emit *e, const Kernel *v, int n, int loop)
{
    for (int i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && v[next].sweep == v[i].sweep;)
            next++;
        if (v[i].sweep && e->style->sweeps &&
            emit_sweep(e, v + i, next - i, loop))
            continue;
        for (int k = i; k < next; k++)
            emit_kernel(e, &v[k], loop);
    }
}

static void emit_stage(Emit *e, const Stage *st)
{
    if (st->rows && !e->part) {
        emit_part(e, st, emit_stage);
        return;
    }
    int loop = st->comp < 0 ? 0 : cell_time(e->s->causal.v.v[st->comp].axis);
    const char *t = emit_variable(loop), *T = loop ? emit_steps(e, loop) : "";
    if (st->turn) {
        emit_turns(e, st, loop);
        return;
    }
    if (st->dir > 0)
        emit_open(e, "for (int64_t %s = 0; %s < %s; %s++)", t, t, T, t);
    else if (st->dir < 0)
        emit_open(e, "for (int64_t %s = %s - 1; %s >= 0; %s--)", t, T, t, t);
    else if (st->prepare && e->s->fresh >= 0)
        emit_open(e, "if (%s[0] != 0)", emit_value_name(e, e->s->fresh));
    emit_kernels_of(e, st->kernel.v, st->kernel.n, loop);
    if (st->dir || (st->prepare && e->s->fresh >= 0))
        emit_close(e);
}

/* ---- functions ---- */

void emit_stages(Emit *e, int fn, bool prepare)
{
    const SchedFn *f = &e->s->fn[fn];
    emit_begin(e, fn);
    for (int i = 0; i < f->stage.n;)
        if (f->stage.v[i].prepare != prepare && e->s->fresh < 0)
            i++;
        else if (f->stage.v[i].lane)
            i = emit_section(e, i);
        else if (f->stage.v[i].group >= 0)
            i = emit_group(e, f, i, emit_stage);
        else
            emit_stage(e, &f->stage.v[i++]);
}

const char *emit_function(Emit *e, int fn)
{
    static const char *const suffix[] = {"forward", "backward"};
    if (!e->s->fn[fn].stage.n && fn != FN_FORWARD)
        return "";
    Buf out;
    buf_init(&out, e->arena);
    emit_lane_functions(e, fn, &out, emit_stage);
    emit_stages(e, fn, false);
    buf_printf(&out,
               "int %s_%s(const void *params, void *grads, void *work, %s)"
               "\n{\n",
               e->o->name, suffix[fn], emit_extents(e, "int64_t "));
    emit_pointers(e, &out);
    for (int i = 0; i < e->s->ntime && e->s->ntime > 1; i++)
        buf_printf(&out, "    (void)%s;\n", emit_extent(cell_time(i)));
    e->style->locals(e, &out);
    buf_puts(&out, e->body.s);
    buf_puts(&out, "    return 0;\n}\n");
    return out.s;
}

const char *emit_extents(Emit *e, const char *type)
{
    Buf b;
    buf_init(&b, e->arena);
    for (int i = 0; i < e->s->ntime; i++)
        buf_printf(&b, "%s%s, ", type, emit_extent(cell_time(i)));
    buf_printf(&b, "%sB", type);
    return b.s;
}

void emit_entries(Emit *e, Buf *out, const char *kind)
{
    static const char *const suffix[] = {"forward", "backward"};
    for (int f = 0; f < FN_COUNT; f++) {
        if (!e->s->fn[f].stage.n && f != FN_FORWARD)
            continue;
        buf_printf(out,
                   "\n%sint %s_%s_n(const void *params, void *grads, void "
                   "*work,\n    const int64_t *extent)\n{\n"
                   "    return %s_%s(params, grads, work, ",
                   kind, e->o->name, suffix[f], e->o->name, suffix[f]);
        for (int i = 0; i < e->s->ntime; i++)
            buf_printf(out, "extent[%d], ", cell_time_at(i));
        buf_printf(out, "extent[%d]);\n}\n", CELL_AT_B);
    }
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
