/* What the compiler did to a model, for `cellc explain` and `cellc bench`: the
 * schedule and the plan told in the names of the spec, a fact for each product,
 * pass of element-wise work, saved value and kind of memory.  Reads what
 * sched.c and plan.c have made and decides nothing. */
#include "explain.h"

#include <string.h>

#include "ops.h"

typedef struct Teller {
    const Plan *plan;
    const Sched *s;
    const Graph *g;
    const Sources *sources;
    Arena *a;
    Facts facts;
    int fn;             /* function, */
    const Stage *stage; /* and stage that are told of */
    const char *part;
    const Stages *by_products;
} Teller;

/* ---- sizes ---- */

static void add(CellSize *z, int axes, int64_t n)
{
    *(axes ? &z->by[axes] : &z->c) += n;
}

static CellSize size_of(int axes, int64_t n)
{
    CellSize z = {0};
    add(&z, axes, n);
    return z;
}

static CellSize times(CellSize z, int64_t n)
{
    z.c *= n;
    for (int i = 0; i < 1 << CELL_AXES; i++)
        z.by[i] *= n;
    return z;
}

static void add_size(CellSize *z, CellSize more, int sign)
{
    z->c += sign * more.c;
    for (int i = 0; i < 1 << CELL_AXES; i++)
        z->by[i] += sign * more.by[i];
}

/* How often a kernel's rows are computed, as the axes they run over; those of
 * the loop around it count whether the kernel has them or not. */
static CellSize rows_of(const Sched *s, const Stage *st, const Kernel *k)
{
    int loop = st->comp < 0 ? 0 : cell_time(s->causal.v.v[st->comp].axis);
    return size_of(k->axes | loop, k->axes == GX_NONE && k->m ? k->m : 1);
}

/* Of a FUSED kernel the part that was products of a column and a row. */
static int64_t outer_flops(const Graph *g, const Kernel *k)
{
    int64_t sum = 0;
    for (int i = 0; i < k->inst.n; i++)
        if (NODE(g, k->inst.v[i].node)->op == OP_MATMUL)
            sum += 2 * k->n;
    return sum;
}

/* FLOPs of a product for each of its rows; 0 for all other kernels. */
static int64_t product_flops(const Graph *g, const Kernel *k)
{
    switch (k->kind) {
    case KN_GEMM:
    case KN_OUTER:
        return 2 * k->n * k->k;
    case KN_PRODUCT:
        if (k->m == 1 && k->n == 1)
            return 0; /* a sum of a row */
        return 2 * k->parts * k->m * k->n * k->k;
    case KN_FUSED:
        return outer_flops(g, k);
    default:
        return 0;
    }
}

static int64_t fused_flops(const Graph *g, const Kernel *k)
{
    int64_t sum = 0;
    for (int i = 0; i < k->inst.n; i++)
        if (NODE(g, k->inst.v[i].node)->op != OP_MATMUL)
            sum += op_row[k->inst.v[i].op].cost * k->n;
    return sum;
}

static CellSize kernel_products(const Sched *s, const Stage *st,
                                const Kernel *k)
{
    CellSize rows = rows_of(s, st, k);
    if (k->kind == KN_PRODUCT && k->axes == GX_NONE)
        rows = size_of(0, 1);
    return times(rows, product_flops(s->g, k));
}

CellSize explain_products(const Sched *s)
{
    CellSize z = {0};
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < s->fn[f].stage.n; i++) {
            const Stage *st = &s->fn[f].stage.v[i];
            for (int k = 0; k < st->kernel.n; k++)
                add_size(&z, kernel_products(s, st, &st->kernel.v[k]), 1);
        }
    return z;
}

/* ---- names ---- */

/* "h.Wi", "h.Wf" as "h.W{i,f}"; a name alone as it is. */
static const char *braced(Teller *t, const char *const *name, int n)
{
    size_t same = strlen(name[0]);
    Buf b;
    for (int i = 1; i < n; i++)
        while (strncmp(name[0], name[i], same))
            same--;
    while (same && (name[0][same - 1] & 0xC0) == 0x80) /* inside a letter */
        same--;
    buf_init(&b, t->a);
    if (n == 1 || !same) {
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s%s", i ? ", " : "", name[i]);
        return b.s;
    }
    buf_printf(&b, "%.*s{", (int)same, name[0]);
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? "," : "", name[i] + same);
    buf_puts(&b, "}");
    return b.s;
}

/* The parameters that lie in reals at .. at + n - 1 of their block. */
static const char *params_at(Teller *t, int64_t at, int64_t n, int *count)
{
    VEC(const char *) found = {0};
    for (int i = 0; i < t->g->slot.n; i++) {
        int64_t from = t->s->param_at[i];
        if (SLOT(t->g, i)->kind == SLOT_PARAM && from >= at && from < at + n)
            vec_push(t->a, &found, SLOT(t->g, i)->name);
    }
    *count = found.n;
    return found.n ? braced(t, found.v, found.n) : NULL;
}

/* Parameters of which r has columns, `count` of them, or NULL. */
static const char *columns_of(Teller *t, Ref r, int *count)
{
    const Node *n = NODE(t->g, r);
    VEC(const char *) found = {0};
    int parts = n->op == OP_CONCAT ? n->nin : 1;
    for (int i = 0; i < parts; i++) {
        Ref w = n->op == OP_CONCAT ? IN(t->g, r, i) : r;
        if (NODE(t->g, w)->op != OP_VIEW ||
            NODE(t->g, IN(t->g, w, 0))->op != OP_PARAM)
            return NULL;
        int slot = NODE(t->g, IN(t->g, w, 0))->a;
        vec_push(t->a, &found, SLOT(t->g, slot)->name);
    }
    *count = found.n;
    return braced(t, found.v, found.n);
}

/* Parameters or gradients by their names, `count` of them; another value by its
 * own, or NULL. */
static const char *value_name(Teller *t, Val v, int *count)
{
    const Value *x = v < 0 ? NULL : &t->s->val.v[v];
    *count = 1;
    if (!x)
        return NULL;
    if (x->kind == VAL_PARAM || x->kind == VAL_GRAD)
        return params_at(t, t->s->param_at[x->slot], x->n, count);
    if (x->kind == VAL_CONST) {
        Buf b;
        buf_init(&b, t->a);
        buf_num(&b, x->num);
        return b.s;
    }
    if (x->kind == VAL_BUFFER && !x->name && x->ref)
        return columns_of(t, x->ref, count);
    if (x->kind != VAL_VIEW || (x->name && !x->row))
        return x->name;
    const char *base = value_name(t, x->base, count);
    if (base && x->row && x->axes == t->s->val.v[x->base].axes)
        return arena_printf(t->a, "%s[%c%+d]", base, "tuv"[x->axis], x -> row);
    return base;
}

/* The text of a node in the source, where it is short; else `what`. */
static const char *written(Teller *t, Ref r, const char *what)
{
    enum { LONGEST = 40 };
    Span span = r ? NODE(t->g, r)->span : (Span){0, 0};
    Place p = source_place(t->sources, span.lo);
    if (!p.file || span.hi <= span.lo || span.hi - span.lo > LONGEST)
        return what;
    const char *text = p.file->text + (span.lo - p.file->base);
    size_t n = span.hi - span.lo;
    return memchr(text, '\n', n) ? what : arena_strndup(t->a, text, n);
}

/* The name of a value, or how it is written. */
static const char *value_text(Teller *t, Val v, int *count)
{
    const char *name = value_name(t, v, count);
    Val base = sched_base(t->s, v);
    return name ? name
                : written(t,
                          t->s->val.v[v].ref ? t->s->val.v[v].ref
                          : base >= 0        ? t->s->val.v[base].ref
                                             : 0,
                          "a value of this line");
}

/* What was packed into the right operand of a product. */
static Val packed_from(const Teller *t, Val packed)
{
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < t->s->fn[f].stage.n; i++) {
            const Stage *st = &t->s->fn[f].stage.v[i];
            for (int k = 0; k < st->kernel.n; k++)
                if (st->kernel.v[k].kind == KN_PACK &&
                    st->kernel.v[k].out == packed)
                    return st->kernel.v[k].in.v[0];
        }
    return packed;
}

static CellcFact *tell(Teller *t, Span span, const char *text, const char *note)
{
    Place p = source_place(t->sources, span.lo);
    CellcFact f = {.part = t->part, .text = text, .note = note};
    if (p.file && span.hi) {
        f.file = p.file->name;
        f.line = p.line;
    }
    vec_push(t->a, &t->facts, f);
    return &t->facts.v[t->facts.n - 1];
}

/* ---- kernels ---- */

/* A loop of this function that reads (write: fills) a value; -1: none. */
static int loop_with(const Teller *t, Val v, bool write)
{
    v = sched_base(t->s, v);
    for (int i = 0; i < t->s->fn[t->fn].stage.n; i++) {
        const Stage *st = &t->s->fn[t->fn].stage.v[i];
        for (int k = 0; k < st->kernel.n && st->comp >= 0; k++) {
            const Kernel *x = &st->kernel.v[k];
            if (write ? kernel_fills(t->s, x, v) : kernel_reads(t->s, x, v))
                return st->comp;
        }
    }
    return -1;
}

static char axis_of(const Teller *t, int comp)
{
    return "tuv"[t->s->causal.v.v[comp].axis];
}

/* Why a product stands where it does. */
static const char *product_note(Teller *t, const Kernel *k, int count)
{
    int before = loop_with(t, k->out, false), after = -1;
    Buf b;
    for (int i = 0; i < k->in.n && after < 0; i++)
        after = loop_with(t, k->in.v[i], true);
    buf_init(&b, t->a);
    if (count > 1)
        buf_printf(&b, "%d products in one", count);
    if (t->stage->comp < 0 && k->axes & GX_TIME) {
        if (before >= 0)
            buf_printf(&b, "%sbefore the loop over %c", b.n ? "; " : "",
                       axis_of(t, before));
        else if (after >= 0)
            buf_printf(&b, "%safter the loop over %c", b.n ? "; " : "",
                       axis_of(t, after));
    }
    return b.n ? b.s : NULL;
}

static void tell_product(Teller *t, const Kernel *k)
{
    const char *text;
    int count = 1, ignored;
    if (k->kind == KN_OUTER) {
        text =
            arena_printf(t->a, "gradient of %s", value_text(t, k->out, &count));
    } else if (k->kind == KN_GEMM) {
        const char *w = value_text(t, packed_from(t, k->in.v[1]), &count);
        const char *x = value_text(t, k->in.v[0], &ignored);
        const bool bare = !strchr(x, ' ');
        text = t->fn == FN_BACKWARD
                   ? arena_printf(t->a, "back through %s", w)
                   : arena_printf(t->a, bare ? "%s @ %s" : "%s @ (%s)", w, x);
    } else {
        text = arena_printf(t->a, "%s: %lldx%lldx%lld in every row",
                            value_text(t, k->out, &ignored), (long long)k->m,
                            (long long)k->k, (long long)k->n);
    }
    CellcFact *f = tell(t, k->span, text, product_note(t, k, count));
    f->rows = rows_of(t->s, t->stage, k);
    f->flops = kernel_products(t->s, t->stage, k);
}

/* Names that a pass of element-wise work gives, each once. */
static const char *names_given(Teller *t, const Kernel *k)
{
    VEC(const char *) found = {0};
    for (int i = 0; i < k->inst.n; i++) {
        int ignored, seen = 0;
        const char *name = k->inst.v[i].out < 0
                               ? NULL
                               : value_name(t, k->inst.v[i].out, &ignored);
        for (int j = 0; name && j < found.n; j++)
            seen |= !strcmp(found.v[j], name);
        if (name && !seen)
            vec_push(t->a, &found, name);
    }
    return found.n ? braced(t, found.v, found.n) : NULL;
}

/* The operations of a pass without names, the first few. */
static const char *operations(Teller *t, const Kernel *k)
{
    enum { FEW = 4 };
    Buf b;
    buf_init(&b, t->a);
    for (int i = 0; i < k->inst.n && i < FEW; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", op_row[k->inst.v[i].op].name);
    buf_puts(&b, k->inst.n > FEW ? ", ..." : "");
    return b.s;
}

/* Where work is not done for each sequence. */
static const char *once_text(const Kernel *k)
{
    return k->axes & GX_TIME && !(k->axes & CELL_B)
               ? ", once a step for all sequences"
               : "";
}

/* Where a loop works on a matrix with a few long columns, its lines are too
 * short for vectors of the processor, and for sweeps by libtcc (sweep.c). */
static const char *narrow_text(const Teller *t, const Kernel *k)
{
    enum { MANY = 4 };
    for (int i = 0; i < k->inst.n && t->stage->comp >= 0; i++) {
        const Shape *x = &t->g->shape.v[NODE(t->g, k->inst.v[i].node)->shape];
        if (x->rank == 2 && x->dim[0] * x->dim[1] == k->n && x->dim[1] > 1 &&
            x->dim[1] < SHORT_LINE && x->dim[0] >= MANY * x->dim[1])
            return arena_printf(t->a,
                                ", in lines of %lld reals: those of its "
                                "transpose, of %lld, would be faster",
                                (long long)x->dim[1], (long long)x->dim[0]);
    }
    return "";
}

static void tell_fused(Teller *t, const Kernel *k)
{
    const char *names = names_given(t, k);
    int stored = 0;
    for (int i = 0; i < k->inst.n; i++)
        stored += k->inst.v[i].out >= 0;
    CellcFact *f =
        tell(t, NODE(t->g, k->inst.v[0].node)->span,
             names ? names : operations(t, k),
             arena_printf(t->a,
                          "%d operation%s on %lld real%s in one pass, %d "
                          "stored%s%s",
                          k->inst.n, k->inst.n == 1 ? "" : "s", (long long)k->n,
                          k->n == 1 ? "" : "s", stored, once_text(k),
                          narrow_text(t, k)));
    f->rows = rows_of(t->s, t->stage, k);
    f->flops = times(f->rows, fused_flops(t->g, k));
}

/* Copies, ends of a sequence and packed weights are not worth a line. */
static bool is_housekeeping(KernelKind k)
{
    return k == KN_COPY || k == KN_PACK || k == KN_TRANSPOSE || k == KN_AT ||
           k == KN_TAIL || k == KN_LAST;
}

static void tell_kernel(Teller *t, const Kernel *k)
{
    if (k->kind == KN_FUSED) {
        tell_fused(t, k);
    } else if (product_flops(t->g, k)) {
        tell_product(t, k);
    } else if (!is_housekeeping(k->kind)) {
        int ignored;
        const char *y = value_name(t, k->out, &ignored);
        CellcFact *f =
            tell(t, k->span,
                 arena_printf(t->a, "%s%s", kernel_name(k->kind),
                              y ? arena_printf(t->a, ": %s", y) : ""),
                 k->kind == KN_SUMA && k->in.n - k->where > 1
                     ? "of products, which are not stored"
                     : NULL);
        f->rows = rows_of(t->s, t->stage, k);
    }
}

/* " of a chunk of 512 rows", "" where the stage is in no group. */
static const char *chunk_text(Teller *t)
{
    int group = t->stage->group;
    const SchedFn *fn = &t->s->fn[t->fn];
    const Group *g = group < 0 ? NULL : &fn->group.v[group];
    if (!g)
        return "";
    bool fine = t->stage->lane && fn->lane.v[t->stage->lane - 1].fine;
    return arena_printf(t->a, " of a chunk of %lld %s",
                        g->steps ? (long long)g->steps
                        : fine   ? LANE_ROWS
                                 : (long long)g->rows,
                        g->steps ? "steps" : "rows");
}

/* "forward, lane 2". */
static const char *function_text(Teller *t)
{
    const char *fn = t->fn == FN_FORWARD ? "forward" : "backward";
    const SchedFn *f = &t->s->fn[t->fn];
    if (!t->stage->lane)
        return fn;
    int first = f->section.v[sched_section(f, t->stage)].first;
    return arena_printf(t->a, "%s, lane %d", fn, t->stage->lane - first);
}

/* How a loop goes by turns, if it does. */
static const char *turn_text(Teller *t)
{
    long long steps = (long long)t->stage->turn;
    for (int i = 0; i < t->by_products->n; i++)
        if (t->by_products->v[i] == t->stage)
            return arena_printf(
                t->a, ", %lld steps at a time by products of matrices", steps);
    return t->stage->swept
               ? arena_printf(t->a, ", a line through %lld steps at a time",
                              steps)
               : "";
}

static const char *stage_title(Teller *t)
{
    const char *fn = function_text(t), *chunk = chunk_text(t);
    const Sched *s = t->s;
    if (t->stage->comp < 0)
        return arena_printf(t->a, "%s, all steps%s at once", fn, chunk);
    const Comp *c = &s->causal.v.v[t->stage->comp];
    VEC(const char *) names = {0};
    for (int i = 0; i < c->slot.n; i++)
        vec_push(t->a, &names, SLOT(t->g, c->slot.v[i])->name);
    return arena_printf(t->a,
                        t->stage->dir > 0 ? "%s, loop %c = 1..%c%s over %s%s"
                                          : "%s, loop %c = %c..1%s over %s%s",
                        fn, "tuv"[c->axis], "TUV"[c->axis], chunk,
                        braced(t, names.v, names.n), turn_text(t));
}

static void tell_stages(Teller *t)
{
    for (t->fn = 0; t->fn < FN_COUNT; t->fn++)
        for (int i = 0; i < t->s->fn[t->fn].stage.n; i++) {
            t->stage = &t->s->fn[t->fn].stage.v[i];
            t->part = stage_title(t);
            for (int k = 0; k < t->stage->kernel.n; k++)
                tell_kernel(t, &t->stage->kernel.v[k]);
            if (!t->stage->again.n)
                continue;
            t->part = arena_printf(
                t->a, "%s, before %lld steps at a time, those steps again",
                t->part, (long long)t->stage->turn);
            for (int k = 0; k < t->stage->again.n; k++)
                tell_kernel(t, &t->stage->again.v[k]);
        }
}

/* Which of both ways to share work among threads was estimated to be faster. */
static void tell_sections(Teller *t)
{
    t->part = "threads side by side";
    for (t->fn = 0; t->fn < FN_COUNT; t->fn++)
        for (int i = 0; i < t->s->fn[t->fn].section.n; i++) {
            const Section *x = &t->s->fn[t->fn].section.v[i];
            const char *fn = t->fn == FN_FORWARD ? "forward" : "backward";
            tell(t, (Span){0, 0},
                 x->n ? arena_printf(t->a, "%s, %d lanes", fn, x->n)
                      : arena_printf(t->a, "%s, parts of products", fn),
                 arena_printf(t->a,
                              "estimates for %d steps of a sequence: %.0f us "
                              "in lanes, %.0f us with products divided",
                              LANE_STEPS, 1e-3 * x->lanes, 1e-3 * x->divided));
        }
}

/* ---- saved and computed again ---- */

static void tell_saved(Teller *t)
{
    t->part = "saved for backward";
    for (Val v = 0; v < t->s->val.n; v++) {
        const Value *x = &t->s->val.v[v];
        if (x->kind != VAL_BUFFER || x->life != LIFE_TAPE)
            continue;
        const Node *n = x->ref ? NODE(t->g, x->ref) : NULL;
        CellcFact *f =
            tell(t, n ? n->span : (Span){0, 0},
                 x->name ? x->name : written(t, x->ref, "a value of this line"),
                 x->every        ? arena_printf(t->a, "each %lld steps",
                                                (long long)x->every)
                 : n && !x->name ? op_row[n->op].name
                                 : NULL);
        f->reals = plan_buffer(t->s, x);
    }
}

/* Nodes of element-wise passes, by function. */
static void mark_computed(const Teller *t, int fn, bool *computed)
{
    for (int i = 0; i < t->s->fn[fn].stage.n; i++) {
        const Stage *st = &t->s->fn[fn].stage.v[i];
        for (int k = 0; k < stage_kernels(st); k++)
            for (int j = 0; j < stage_kernel(st, k)->inst.n; j++)
                computed[stage_kernel(st, k)->inst.v[j].node] = true;
    }
}

static void tell_again(Teller *t)
{
    bool *forward = NEW_N(t->a, bool, t->g->node.n);
    bool *backward = NEW_N(t->a, bool, t->g->node.n);
    t->part = "computed again in backward, not saved";
    mark_computed(t, FN_FORWARD, forward);
    mark_computed(t, FN_BACKWARD, backward);
    for (Ref r = 1; r < (Ref)t->g->node.n; r++) {
        const Node *n = NODE(t->g, r);
        if (!forward[r] || !backward[r])
            continue;
        CellcFact *f = tell(t, n->span, written(t, r, "a value of this line"),
                            op_row[n->op].name);
        f->rows = size_of(n->axes, 1);
        f->flops =
            size_of(n->axes, op_row[n->op].cost * shape_size(t->g, n->shape));
    }
}

/* ---- sums ---- */

/* What each sequence has of it. */
static CellSize of_each(CellSize all)
{
    CellSize each = {.c = all.by[CELL_B]};
    for (int axes = CELL_B + 1; axes < 1 << CELL_AXES; axes++)
        if (axes & CELL_B)
            each.by[axes & ~CELL_B] = all.by[axes];
    return each;
}

static void tell_memory(Teller *t)
{
    CellSize inputs = {0}, kept = {0}, tape = {0}, alone = {0};
    CellSize shared = t->plan->work_size;
    for (Val v = 0; v < t->s->val.n; v++) {
        const Value *x = &t->s->val.v[v];
        if (x->kind != VAL_BUFFER)
            continue;
        bool input = x->slot >= 0 && !x->packed &&
                     (SLOT(t->g, x->slot)->kind == SLOT_INPUT ||
                      SLOT(t->g, x->slot)->kind == SLOT_NOISE);
        add_size(x->life == LIFE_TEMP   ? &alone
                 : x->life == LIFE_TAPE ? &tape
                 : input                ? &inputs
                                        : &kept,
                 plan_buffer(t->s, x), 1);
    }
    add_size(&shared, inputs, -1);
    add_size(&shared, kept, -1);
    add_size(&shared, tape, -1);
    CellSize spared = alone;
    add_size(&spared, shared, -1);
    t->part = "memory";
    const Span none = {0, 0};
    tell(t, none, "parameters", NULL)->reals = size_of(0, t->plan->param_size);
    if (t->s->fn[FN_BACKWARD].stage.n)
        tell(t, none, "gradients of parameters", NULL)->reals =
            size_of(0, t->plan->param_size);
    tell(t, none, "work block, of it:", NULL)->reals = t->plan->work_size;
    tell(t, none, "  inputs", NULL)->reals = inputs;
    tell(t, none, "  states, outputs, gradients of inputs", NULL)->reals = kept;
    tell(t, none, "  saved for backward", NULL)->reals = tape;
    tell(t, none, "  everything else, in shared places", NULL)->reals = shared;
    tell(t, none, "saved by sharing places", NULL)->reals = spared;
    if (t->plan->once >= 0 && t->s->fn[FN_BACKWARD].stage.n)
        tell(t, none, "each sequence; some run at a time", NULL)->reals =
            of_each(t->plan->work_size);
}

static void tell_arithmetic(Teller *t)
{
    static const char *const name[][2] = {
        {"forward, products", "forward, element-wise"},
        {"backward, products", "backward, element-wise"}};
    CellSize sum[FN_COUNT][2] = {{{0}}};
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < t->s->fn[f].stage.n; i++) {
            const Stage *st = &t->s->fn[f].stage.v[i];
            for (int k = 0; k < st->kernel.n; k++) {
                const Kernel *x = &st->kernel.v[k];
                add_size(&sum[f][0], kernel_products(t->s, st, x), 1);
                add_size(&sum[f][1],
                         times(rows_of(t->s, st, x), fused_flops(t->g, x)), 1);
            }
        }
    t->part = "arithmetic";
    for (int f = 0; f < FN_COUNT && t->s->fn[f].stage.n; f++)
        for (int i = 0; i < 2; i++)
            tell(t, (Span){0, 0}, name[f][i], NULL)->flops = sum[f][i];
}

static void tell_unused(Teller *t)
{
    t->part = "not computed";
    for (int i = 0; i < t->g->slot.n; i++)
        if (SLOT(t->g, i)->kind == SLOT_IDLE)
            tell(t, SLOT(t->g, i)->span, SLOT(t->g, i)->name,
                 "nothing that is wanted depends on it");
}

Facts explain_plan(const Plan *p, const Sources *sources,
                   const Stages *by_products, Arena *a)
{
    Teller t = {.plan = p,
                .s = p->s,
                .g = p->s->g,
                .sources = sources,
                .a = a,
                .by_products = by_products};
    tell_stages(&t);
    tell_sections(&t);
    tell_saved(&t);
    tell_again(&t);
    tell_unused(&t);
    tell_memory(&t);
    tell_arithmetic(&t);
    return t.facts;
}
