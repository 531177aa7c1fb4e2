/* The verb bench: how fast a model runs here, on random inputs, beside the
 * limit that its own products set on this machine (runtime/measure, peak). */
#include "drv_sized.h"

#include "../../runtime/measure.h"
#include "../../runtime/peak.h"
#include "../../runtime/timed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is measured, in all its shapes. */
typedef struct Bench {
    const Flags *f;
    DrvSized model;
    long rounds;
    double peak; /* GFLOP/s of all threads together */
} Bench;

/* One shape's numbers. */
typedef struct Result {
    MeasureTime time[MEASURE_KINDS];
    double flops[MEASURE_KINDS];
    double work_bytes, resident, compile_ms;
    int profiled; /* the shares below are known */
    double products, elementwise, rest;
} Result;

/* ---- measuring ---- */

static int compile_forward(Drv *d)
{
    int code = drv_code(cellc_set(d->c, "backward", "0"));

    if (!code)
        code = drv_code(cellc_set(d->c, "states", "0"));

    if (!code)
        code = drv_compile(d);
    return code ? code : cellc_jit(d->c) ? 0 : EXIT_USER;
}

static double flops_at(CellSize z, const DrvShape *s)
{
    const int64_t n[CELL_AXES] = {s->n[SHAPE_STEPS], s->n[SHAPE_BATCH],
                                  s->n[SHAPE_STEPS], s->n[SHAPE_STEPS]};

    return (double)cell_size(z, n);
}

/* A training step has three products for each of the forward step's; fewer
 * where a matrix is frozen or an input needs no gradient. */
static int count_flops(const Drv *train, const Drv *forward, const DrvShape *s,
                       Result *r)
{
    CellSize asked, done, unused;
    int code = drv_code(cellc_products(forward->c, &asked, &unused));

    if (!code)
        code = drv_code(cellc_products(train->c, &unused, &done));
    if (code)
        return code;
    r->flops[MEASURE_FORWARD] = flops_at(asked, s);
    r->flops[MEASURE_GRADIENT] =
        fmin(3 * flops_at(asked, s), flops_at(done, s));
    r->flops[MEASURE_UPDATE] = r->flops[MEASURE_GRADIENT];
    return 0;
}

static MeasureSetup setup_of(const Bench *b, const DrvShape *s, int threads)
{
    return (MeasureSetup){.T = s->n[SHAPE_STEPS],
                          .B = s->n[SHAPE_BATCH],
                          .threads = threads,
                          .optimizer = flags_get(b->f, "optimizer")};
}

/* The first training step comes before the model that only runs forward is
 * there, so that the memory is that of training. */
static int measure(const Bench *b, const Drv *train, const Drv *forward,
                   const DrvShape *s, Result *r)
{
    MeasureSetup set = setup_of(b, s, (int)b->model.threads);
    RtError err = {0};
    double first;
    RtMeasure *m = measure_new(cellc_jit(train->c), &set, &err), *f = NULL;
    int bad = !m || measure_run(m, MEASURE_UPDATE, &first, &err);

    if (!bad) {
        r->work_bytes = (double)measure_work(m);
        r->resident = (double)measure_resident();
        set.optimizer = NULL;
        f = measure_new(cellc_jit(forward->c), &set, &err);
        bad = !f || measure_rounds(m, f, (int)b->rounds, r->time, &err);
    }
    measure_free(m);
    measure_free(f);
    return bad ? drv_fail(&err) : 0;
}

/* ---- where the time goes ---- */

static int by_time(const void *a, const void *b)
{
    const RtTimed *x = a, *y = b;

    return (x->ms < y->ms) - (x->ms > y->ms);
}

static void print_profile(double total, double rest)
{
    int count;
    double share;

    rt_timed_symbols(&count);
    RtTimed *t = calloc((size_t)count, sizeof *t);
    for (int i = 0; t && i < count; i++)
        t[i] = rt_timed_at(i);
    if (t)
        qsort(t, (size_t)count, sizeof *t, by_time);
    for (int i = 0; t && i < count && t[i].calls; i++) {
        share = 100 * t[i].ms / total;
        fprintf(stderr, "%6.1f %% %10lld calls %9.1f ns each  %s\n", share,
                (long long)t[i].calls, 1e6 * t[i].ms / (double)t[i].calls,
                t[i].name);
    }
    fprintf(stderr, "%6.1f %% outside of kernels\n", 100 * rest / total);
    free(t);
}

static void split_time(Result *r, double total, int print)
{
    double kernels[2] = {0};
    int count;

    rt_timed_symbols(&count);
    for (int i = 0; i < count; i++) {
        RtTimed t = rt_timed_at(i);
        kernels[t.product] += t.ms;
    }
    total = fmax(total - rt_timed_cost(), kernels[0] + kernels[1]);
    r->rest = (total - kernels[0] - kernels[1]) / total;
    r->products = kernels[1] / total;
    r->elementwise = kernels[0] / total;
    r->profiled = kernels[1] + kernels[0] > 0;
    if (print)
        print_profile(total, r->rest * total);
}

/* The kernels of another compilation have clocks around them; on one thread. */
static int profile(const Bench *b, const DrvShape *s, Result *r)
{
    MeasureSetup set = setup_of(b, s, 1);
    RtMeasure *m = NULL;
    RtError err = {0};
    Drv d = {0};
    double ms, total = 0;
    int bad = 0, code = drv_sized_open(&d, &b->model, s);

    if (!code)
        code = drv_code(cellc_set(d.c, "timed", "1"));
    if (!code)
        code = drv_sized_training(&d);
    set.optimizer = NULL;
    if (!code) {
        m = measure_new(cellc_jit(d.c), &set, &err);
        bad = !m || measure_run(m, MEASURE_GRADIENT, &ms, &err);
    }
    rt_timed_reset();
    for (int i = 0; i < 3 && !code && !bad; i++) {
        bad = measure_run(m, MEASURE_GRADIENT, &ms, &err);
        total += ms;
    }
    if (!code && !bad)
        split_time(r, total, flags_given(b->f, "profile"));
    measure_free(m);
    drv_free(&d);
    return bad ? drv_fail(&err) : code;
}

/* ---- reports ---- */

static double gflops(const Result *r, int kind)
{
    return 1e-6 * r->flops[kind] / r->time[kind].min;
}

static void print_shape(const Bench *b, const DrvShape *s)
{
    printf("%s  T %ld, B %ld", b->model.path, s->n[SHAPE_STEPS],
           s->n[SHAPE_BATCH]);
    if (s->n[SHAPE_WIDTH])
        printf(", I %ld", s->n[SHAPE_WIDTH]);
    if (s->n[SHAPE_UNITS])
        printf(", H %ld", s->n[SHAPE_UNITS]);
    printf("  %s, %ld thread%s%s\n", flags_get(b->f, "backend"),
           b->model.threads, b->model.threads > 1 ? "s" : "",
           flags_given(b->f, "double") ? ", double" : "");
}

static void print_result(const Bench *b, const DrvShape *s, const Result *r)
{
    double tokens = (double)(s->n[SHAPE_STEPS] * s->n[SHAPE_BATCH]);

    print_shape(b, s);
    printf("%-10s%9s%11s%11s%10s%12s%9s\n", "", "of peak", "ms, min", "median",
           "steps/s", "tokens/s", "GFLOP/s");
    for (int k = 0; k < MEASURE_KINDS; k++)
        printf("%-10s%7.1f %%%11.3f%11.3f%10.1f%12.0f%9.1f\n", measure_name[k],
               100 * gflops(r, k) / b->peak, r->time[k].min, r->time[k].median,
               1e3 / r->time[k].min, 1e3 * tokens / r->time[k].min,
               gflops(r, k));
    printf("limit of the gradient %.3f ms: %.3f GFLOP of products at %.1f "
           "GFLOP/s\n",
           1e-6 * r->flops[MEASURE_GRADIENT] / b->peak,
           1e-9 * r->flops[MEASURE_GRADIENT], b->peak);
    if (r->profiled)
        printf("its time: products %.1f %%, element-wise %.1f %%, between "
               "kernels %.1f %%\n",
               100 * r->products, 100 * r->elementwise, 100 * r->rest);
    printf("work block %.2f MB, resident %.1f MB, compiled in %.1f ms\n",
           1e-6 * r->work_bytes, 1e-6 * r->resident, r->compile_ms);
}

static json_t *result_json(const Bench *b, const DrvShape *s, const Result *r)
{
    static const char *const size[] = {"T", "B", "I", "H"};
    json_t *j = json_pack("{s:s, s:s, s:b, s:i}", "model", b->model.path,
                          "backend", flags_get(b->f, "backend"), "double",
                          flags_given(b->f, "double"), "threads",
                          (int)b->model.threads);
    double tokens = (double)(s->n[SHAPE_STEPS] * s->n[SHAPE_BATCH]);

    for (int i = 0; i < SHAPE_PARTS; i++)
        if (s->n[i])
            json_object_set_new(j, size[i], json_integer(s->n[i]));
    for (int k = 0; k < MEASURE_KINDS; k++)
        json_object_set_new(j, measure_name[k],
                            json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                                      "share_of_peak", gflops(r, k) / b->peak,
                                      "min_ms", r->time[k].min, "median_ms",
                                      r->time[k].median, "steps_per_second",
                                      1e3 / r->time[k].min, "tokens_per_second",
                                      1e3 * tokens / r->time[k].min, "gflops",
                                      gflops(r, k), "flops", r->flops[k]));
    json_object_set_new(j, "limit_ms",
                        json_real(1e-6 * r->flops[MEASURE_GRADIENT] / b->peak));
    if (r->profiled)
        json_object_set_new(j, "time",
                            json_pack("{s:f, s:f, s:f}", "products",
                                      r->products, "elementwise",
                                      r->elementwise, "between", r->rest));
    json_object_set_new(j, "work_bytes", json_real(r->work_bytes));
    json_object_set_new(j, "resident_bytes", json_real(r->resident));
    json_object_set_new(j, "compile_ms", json_real(r->compile_ms));
    return j;
}

/* ---- the verb ---- */

static int one_shape(const Bench *b, const DrvShape *s, json_t *list)
{
    Drv train = {0}, forward = {0};
    Result r = {0};
    double from = measure_now();
    int code = drv_sized_open(&train, &b->model, s);

    if (!code)
        code = drv_sized_training(&train);
    r.compile_ms = measure_now() - from;
    if (!code)
        code = drv_sized_open(&forward, &b->model, s);
    if (!code)
        code = compile_forward(&forward);
    if (!code)
        code = count_flops(&train, &forward, s, &r);
    if (!code)
        code = measure(b, &train, &forward, s, &r);
    drv_free(&train);
    drv_free(&forward);
    if (!code && !strcmp(flags_get(b->f, "backend"), "tcc"))
        code = profile(b, s, &r);
    if (!code && list)
        json_array_append_new(list, result_json(b, s, &r));
    else if (!code)
        print_result(b, s, &r);
    return code;
}

static int all_shapes(const Bench *b, json_t *list)
{
    const char *text;
    int code = 0, n = flags_given(b->f, "shape");

    for (int i = 0; i < (n ? n : 1) && !code; i++) {
        DrvShape s;

        text = n ? flags_each(b->f, "shape", i) : flags_get(b->f, "shape");
        code = drv_shape(text, b->model.cell, &s);
        if (!code && i && !list)
            putchar('\n');
        if (!code)
            code = one_shape(b, &s, list);
    }
    return code;
}

/* The best product that there is; half the width, half the peak, in double. */
static int find_peak(Bench *b)
{
    double one = 0;
    int code = flags_real(b->f, "peak", 0, 1e9, &one);

    if (code)
        return code;
    if (one <= 0)
        one = fmax(rt_peak(0.2), drv_blas_peak()) /
              (flags_given(b->f, "double") ? 2 : 1);
    b->peak = one * (double)b->model.threads;
    return 0;
}

static int bench_run(Flags *f, void *user)
{
    Bench b = {.f = f, .rounds = 20};
    json_t *list = flags_given(f, "json") ? json_array() : NULL;
    int code = flags_long(f, "threads", 1, 4096, &b.model.threads);

    (void)user;
    if (!code)
        code = flags_long(f, "rounds", 1, 1000000, &b.rounds);
    if (!code)
        code = drv_sized_read(&b.model, f, flags_arg(f, 0));
    if (!code)
        code = find_peak(&b);
    if (!code)
        code = all_shapes(&b, list);
    if (!code && list)
        code = app_print_json(
            json_pack("{s:f, s:O}", "peak_gflops", b.peak, "runs", list));
    json_decref(list);
    drv_sized_free(&b.model);
    return code;
}

static const Flag bench_own[] = {
    {"shape", "T,B,I,H", "100,32", NULL,
     "steps, sequences, size of what is still open, option n; again for more"},
    {"threads", "N", "1", NULL, "that share the sequences"},
    {"rounds", "N", "20", NULL, "times that each is run"},
    {"optimizer", "TEXT", "adam(1e-6)", NULL, "of the update"},
    {"peak", "GFLOPS", NULL, NULL,
     "of one thread; else measured: our products, and a BLAS"},
    {"profile", NULL, NULL, NULL, "time by kernel, on standard error (tcc)"},
    {"wrap", "TEXT", "%", NULL, "what a cell % is put into: 'stack(2, bi(%))'"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const bench_flags[] = {bench_own,        drv_size_flags,
                                          drv_reduce_flags, drv_number_flags,
                                          drv_json_flags,   NULL};
const Verb drv_bench = {
    "bench",
    "SPEC|CELL",
    "speed, as a share of what the machine can do",
    bench_flags,
    {"bench lstm --shape 100,32,128,128 --shape 200,1,64,64",
     "bench model.cell --dim m=28 --shape 28,64 --threads 2 --json"},
    1,
    1,
    bench_run};
