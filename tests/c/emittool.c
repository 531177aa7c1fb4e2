/* Compiles IR texts in every style and compares every tensor and gradient
 * that they compute with each other and with the interpreter, on several
 * numbers of steps and sequences; in double, compares the gradients of the
 * loss with central differences too.
 *     emittool [--double] [--weights TYPE] [--name NAME] [--show TEXT]
 *              [--chunk N] [--restate] [--steps N] [--every N] FILE...
 * TEXT: strips, loops, linked, source, header.  TYPE: f32, bf16, int8.
 * --steps: so many more than otherwise, where there are more than one sequence.
 * --every: differences for one parameter in N, 0: none.  Prints a line a file;
 * the exit code counts the failures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/emit.h"
#include "../../compiler/eval.h"
#include "../../compiler/jit.h"

typedef struct Check {
    Arena *arena;
    const Plan *plan;
    EmitOptions options;
    const char *file;
    int failed;
    int64_t steps; /* more than otherwise */
    int64_t every; /* one parameter in so many is varied, 0: none */
} Check;

/* One style's functions, or the interpreter, and blocks. */
typedef struct Run {
    const char *name;
    Jit *jit;
    CellDesc *desc;
    char *params, *grads, *work;
    bool exact; /* must agree with the strips to the bit */
} Run;

static size_t real_bytes(const Check *c)
{
    return c->options.real64 ? 8 : 4;
}

static double get(const Check *c, const void *p, int64_t i)
{
    return c->options.real64 ? ((const double *)p)[i] : ((const float *)p)[i];
}

static void set(const Check *c, void *p, int64_t i, double x)
{
    if (c->options.real64)
        ((double *)p)[i] = x;
    else
        ((float *)p)[i] = (float)x;
}

static int64_t size_of(const CellTensor *t)
{
    int64_t size = 1;
    for (int i = 0; i < t->rank; i++)
        size *= t->dim[i];
    return size;
}

/* The next row; false behind the last. */
static bool next_row(const CellTensor *t, const int64_t *n, int64_t *at)
{
    for (int a = 0; a < CELL_AXES; a++) {
        if (!(t->axes >> a & 1))
            continue;
        if (++at[a] < n[a])
            return true;
        at[a] = 0;
    }
    return false;
}

/* Values in (-1, 1), or whole numbers for index inputs. */
static double sample(const CellTensor *t, int64_t i)
{
    double x = sin(1.0 + 12.9898 * ((double)i + 7.0 * (double)strlen(t->name)));
    return t->flags & CELL_INDEX
               ? floor((x + 1) / 2 * (double)t->classes * 0.999)
               : x;
}

static int64_t length_of(int64_t b, int64_t T)
{
    return T > 2 && b % 2 ? T - 1 : T;
}

static double initial(const CellTensor *t, int64_t i, const int64_t *n)
{
    switch (t->role) {
    case CELL_LENGTH:
        return (double)length_of(i, n[cell_time_at(t->of)]);
    case CELL_LAST:
    case CELL_START:
        return 1;
    case CELL_BATCH:
        return (double)n[CELL_AT_B];
    case CELL_INPUT:
    case CELL_NOISE:
        return sample(t, i);
    default:
        return 0;
    }
}

static void fill(const Check *c, Run *r, const int64_t *n)
{
    for (int k = 0; k < c->plan->tensor.n; k++) {
        const CellTensor *t = &c->plan->tensor.v[k];
        int64_t size = size_of(t), rows[CELL_AXES] = {0}, i = 0;
        do {
            int64_t at = cell_size(t->at, n) + cell_row(t, n, rows) * size;
            for (int64_t j = 0; j < size; j++, i++)
                if (t->role == CELL_PARAM)
                    set(c, r->params, at + j, sample(t, i) * 0.5);
                else
                    set(c, r->work, at + j, initial(t, i, n));
        } while (next_row(t, n, rows));
    }
}

static char *block(const Check *c, int64_t reals)
{
    size_t bytes = (size_t)(reals > 0 ? reals : 1) * real_bytes(c);
    char *p = malloc(bytes);
    if (p)
        memset(p, 0xff, bytes); /* NaN: what nobody writes must show */
    return p;
}

static void start(Check *c, Run *r, const char *name)
{
    memset(r, 0, sizeof *r);
    r->name = name;
    r->desc = emit_desc(c->plan, &c->options, c->arena);
}

static int start_jit(Check *c, Run *r, JitCompile *compile, const char *text)
{
    Buf err;
    buf_init(&err, c->arena);
    if (compile(text, &r->jit, &err) != JIT_OK) {
        printf("%s: %s", c->file, err.s);
        return -1;
    }
    char *name = arena_printf(c->arena, "%s_forward_n", c->options.name);
    r->desc->forward = (CellFn *)jit_symbol(r->jit, name);
    name = arena_printf(c->arena, "%s_backward_n", c->options.name);
    r->desc->backward = (CellFn *)jit_symbol(r->jit, name);
    return 0;
}

static bool has_backward(const Check *c)
{
    return c->plan->s->fn[FN_BACKWARD].stage.n > 0;
}

static void evaluate(const Check *c, Run *r, const int64_t *n)
{
    r->params = block(c, c->plan->param_size);
    r->grads = block(c, c->plan->param_size);
    r->work = block(c, cell_size(c->plan->work_size, n));
    fill(c, r, n);
    cell_forward(r->desc, r->params, r->grads, r->work, n);
    if (has_backward(c))
        cell_backward(r->desc, r->params, r->grads, r->work, n);
}

static void release(Run *r)
{
    free(r->params);
    free(r->grads);
    free(r->work);
}

/* Whether the row at these steps lies behind the end of its sequence. */
static bool is_padding(const CellTensor *t, const int64_t *n, const int64_t *at)
{
    for (int k = 0; k < CELL_TIMES && t->axes & CELL_B; k++) {
        int axis = cell_time_at(k);
        if (t->axes & cell_time(k) &&
            at[axis] >= length_of(at[CELL_AT_B], n[axis]))
            return true;
    }
    return false;
}

static void compare_real(Check *c, const Run *r, const CellTensor *t,
                         const void *x, const void *y, int64_t i, double *worst)
{
    double a = get(c, x, i), b = get(c, y, i);
    double bound = r->exact ? 0 : c->options.real64 ? 1e-12 : 2e-5;
    double d = fabs(a - b) / fmax(1, fmax(fabs(a), fabs(b)));
    if (a == b)
        return;
    if (!(d <= bound) && c->failed++ < 5)
        printf("%s: %s[%lld]: strips %.9g, %s %.9g\n", c->file, t->name,
               (long long)i, a, r->name, b);
    if (d > *worst)
        *worst = d;
}

static void compare(Check *c, const Run *r, const CellTensor *t, const void *x,
                    const void *y, const int64_t *n, double *worst)
{
    int64_t at = cell_size(t->at, n), rows[CELL_AXES] = {0}, left = 0, i = 0;
    do {
        if (is_padding(t, n, rows))
            continue;
        for (left = size_of(t), i = at + cell_row(t, n, rows) * left; left;
             left--, i++)
            compare_real(c, r, t, x, y, i, worst);
    } while (next_row(t, n, rows));
}

static void compare_all(Check *c, const Run *x, const Run *y, const int64_t *n,
                        double *worst)
{
    for (int k = 0; k < c->plan->tensor.n; k++) {
        const CellTensor *t = &c->plan->tensor.v[k];
        bool grad = t->role == CELL_GRAD || t->role == CELL_PARAM;
        if (!grad || has_backward(c))
            compare(c, y, t, t->role == CELL_PARAM ? x->grads : x->work,
                    t->role == CELL_PARAM ? y->grads : y->work, n, worst);
    }
}

static const CellTensor *find_loss(const Check *c)
{
    for (int k = 0; k < c->plan->tensor.n; k++)
        if (c->plan->tensor.v[k].role == CELL_LOSS)
            return &c->plan->tensor.v[k];
    return NULL;
}

static double loss_at(const Check *c, Run *r, const CellTensor *loss, int64_t i,
                      double x, const int64_t *n)
{
    set(c, r->params, i, x);
    cell_forward(r->desc, r->params, r->grads, r->work, n);
    return get(c, r->work, cell_size(loss->at, n));
}

/* Analytic gradients against central differences, in double only. */
static void differences(Check *c, Run *r, const int64_t *n, double *worst)
{
    const CellTensor *loss = find_loss(c);
    if (!loss || !has_backward(c) || !c->every)
        return;
    for (int k = 0; k < c->plan->tensor.n; k++) {
        const CellTensor *t = &c->plan->tensor.v[k];
        int64_t size = t->role == CELL_PARAM ? size_of(t) : 0;
        for (int64_t i = t->at.c; i < t->at.c + size; i += c->every) {
            double x = get(c, r->params, i), h = 1e-5;
            double up = loss_at(c, r, loss, i, x + h, n);
            double down = loss_at(c, r, loss, i, x - h, n);
            set(c, r->params, i, x);
            double d = (up - down) / (2 * h), g = get(c, r->grads, i);
            double e = fabs(d - g) / fmax(1, fmax(fabs(d), fabs(g)));
            if (!(e <= 1e-7) && c->failed++ < 5)
                printf("%s: d%s[%lld] = %.9g, differences %.9g\n", c->file,
                       t->name, (long long)(i - t->at.c), g, d);
            if (e > *worst)
                *worst = e;
        }
    }
}

static void check_plan(Check *c)
{
    static const int64_t size[][CELL_AXES] = {
        {1, 1, 1, 1}, {2, 1, 1, 3}, {1, 3, 4, 1}, {3, 2, 5, 2}, {7, 5, 3, 2}};
    Run run[4];
    double worst[4] = {0, 0, 0, 0};
    start(c, &run[0], "strips");
    start(c, &run[1], "loops");
    start(c, &run[2], "eval");
    start(c, &run[3], "linked");
    run[3].exact = true;
    eval_attach(run[2].desc, c->plan->s->g, c->plan, c->arena);
    if (start_jit(c, &run[0], jit_tcc,
                  emit_strips(c->plan, &c->options, c->arena)) ||
        start_jit(c, &run[1], jit_cc,
                  emit_loops(c->plan, &c->options, c->arena)) ||
        start_jit(c, &run[3], jit_cc,
                  emit_linked(c->plan, &c->options, c->arena))) {
        c->failed++;
        return;
    }
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        int64_t n[CELL_AXES];
        memcpy(n, size[i], sizeof n);
        if (c->steps && n[CELL_AT_B] == 1)
            continue;
        n[cell_time_at(0)] += c->steps;
        for (int k = 0; k < run[0].desc->ntime; k++)
            if (run[0].desc->like[k] >= 0)
                n[cell_time_at(k)] = n[cell_time_at(run[0].desc->like[k])];
        for (int k = 0; k < 4; k++)
            evaluate(c, &run[k], n);
        for (int k = 1; k < 4; k++)
            compare_all(c, &run[0], &run[k], n, &worst[k]);
        if (c->options.real64)
            differences(c, &run[0], n, &worst[0]);
        for (int k = 0; k < 4; k++)
            release(&run[k]);
    }
    jit_free(run[0].jit);
    jit_free(run[1].jit);
    jit_free(run[3].jit);
    printf("%s: %s, loops differ by %.2g, eval by %.2g, gradients by %.2g\n",
           c->file, c->failed ? "FAILED" : "ok", worst[1], worst[2], worst[0]);
}

static char *read_file(Arena *a, const char *path)
{
    FILE *f = fopen(path, "r");
    Buf b;
    buf_init(&b, a);
    for (int ch; f && (ch = getc(f)) != EOF;)
        buf_putc(&b, (char)ch);
    if (f)
        fclose(f);
    return f ? b.s : NULL;
}

static const Plan *read_plan(const char *path, Chunks chunks, Arena *a)
{
    char *text = read_file(a, path);
    Buf err;
    buf_init(&err, a);
    Graph *g = text ? graph_read_text(a, text, &err) : NULL;
    if (!g) {
        printf("%s: %s\n", path, text ? err.s : "cannot read");
        return NULL;
    }
    g = pass_simplify(pass_final(g));
    for (int i = 0; i < g->root.n; i++)
        if (g->root.v[i].role == CELL_LOSS) {
            g = pass_grad(g, true);
            break;
        }
    g = pass_simplify(pass_gemm(pass_plain(g)));
    const char *wrong = graph_verify(g, a);
    if (wrong)
        printf("%s: %s\n", path, wrong);
    return wrong ? NULL : plan_build(sched_build(g, chunks, a), a);
}

/* Of the same graph, so that a stream has its gradients to drop. */
static const Plan *stream_plan(const Plan *p, Arena *a)
{
    Sched *s = sched_build(p->s->g, (Chunks){.off = true}, a);
    sched_prepare(s);
    return plan_build(s, a);
}

static EmitWeights weights_type(const char *name)
{
    return !strcmp(name, "bf16")   ? WEIGHTS_BF16
           : !strcmp(name, "int8") ? WEIGHTS_INT8
                                   : WEIGHTS_F32;
}

static void show_text(Check *c, const char *what)
{
    static const struct {
        const char *name;
        const char *(*emit)(const Plan *, const EmitOptions *, Arena *);
    } text[] = {{"strips", emit_strips},
                {"loops", emit_loops},
                {"linked", emit_linked},
                {"source", emit_source},
                {"header", emit_header}};
    c->options.stream = stream_plan(c->plan, c->arena);
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (!strcmp(text[i].name, what))
            fputs(text[i].emit(c->plan, &c->options, c->arena), stdout);
}

int main(int argc, char **argv)
{
    int failed = 0;
    const char *show = NULL, *name = "model";
    bool real64 = false;
    EmitWeights weights = WEIGHTS_F32;
    Chunks chunks = {.off = true};
    int64_t steps = 0, every = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--double")) {
            real64 = true;
        } else if (!strcmp(argv[i], "--show") && i + 1 < argc) {
            show = argv[++i];
        } else if (!strcmp(argv[i], "--weights") && i + 1 < argc) {
            weights = weights_type(argv[++i]);
        } else if (!strcmp(argv[i], "--name") && i + 1 < argc) {
            name = argv[++i];
        } else if (!strcmp(argv[i], "--chunk") && i + 1 < argc) {
            chunks.off = false;
            chunks.steps = atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--steps") && i + 1 < argc) {
            steps = atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--every") && i + 1 < argc) {
            every = atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--restate")) {
            chunks.restate = true;
        } else {
            Arena *a = arena_new(NULL);
            Check c = {.arena = a,
                       .plan = read_plan(argv[i], chunks, a),
                       .file = argv[i],
                       .steps = steps,
                       .every = every};
            c.options.name = name;
            c.options.real64 = real64;
            c.options.weights = weights;
            if (c.plan && show)
                show_text(&c, show);
            else if (c.plan)
                check_plan(&c);
            failed += !c.plan || c.failed;
            arena_free(a);
        }
    }
    return failed;
}
