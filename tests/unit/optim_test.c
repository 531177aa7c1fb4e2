/* optim.c, clip.c, schedule.c, gradient.c, call.c: every optimiser against
 * numbers that a separate program of its formula printed, clips, bounds, and
 * messages. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <math.h>

#include "gradient.h"
#include "optim.h"

static int nothing(const void *p, void *g, void *w, const int64_t *n)
{
    (void)p, (void)g, (void)w, (void)n;
    return 0;
}

#define PARAM(n, offset, size)                               \
    .name = n, .role = CELL_PARAM, .rank = 1, .dim = {size}, \
    .at = {.c = offset}, .of = -1, .lr = 1, .decay = -1

/* A model of parameters alone, whose gradient the test writes. */
#define MODEL(which, bytes, size, ...)                               \
    static const CellTensor which##_table[] = {__VA_ARGS__};         \
    static const CellDesc which = {.abi = CELL_ABI,                  \
                                   .name = #which,                   \
                                   .real_bytes = bytes,              \
                                   .ntensor = sizeof which##_table / \
                                              sizeof *which##_table, \
                                   .tensor = which##_table,          \
                                   .param_size = size,               \
                                   .forward = nothing}

MODEL(pair, 8, 2, {PARAM("w", 0, 2), .lo = -INFINITY, .hi = INFINITY});
MODEL(single, 4, 2, {PARAM("w", 0, 2), .lo = -INFINITY, .hi = INFINITY});
MODEL(large, 8, 1500, {PARAM("w", 0, 1500), .lo = -INFINITY, .hi = INFINITY});
MODEL(mixed, 8, 5, {PARAM("a", 0, 1), .lo = 0, .hi = 1},
      {PARAM("b", 1, 1), .lo = 0, .hi = INFINITY},
      {PARAM("c", 2, 1), .lo = -INFINITY, .hi = INFINITY, .flags = CELL_FROZEN},
      {.name = "d",
       .role = CELL_PARAM,
       .rank = 1,
       .dim = {2},
       .at = {.c = 3},
       .of = -1,
       .lr = 0.5,
       .decay = 0.25,
       .lo = -INFINITY,
       .hi = INFINITY,
       .clip = "norm(1)"});

static const struct {
    const char *text;
    double want[2];
} rows[] = {
    {"sgd(0.3)", {0.84028984519320737, 0.3662913265251122}},
    {"sgd(lr = 0.3, decay = 0.1)", {0.7941847655683727, 0.38005216969392741}},
    {"sgd(0.2, momentum = 0.9)", {0.78968615116338725, 0.69456583214425172}},
    {"sgd(0.2, 0.8, dampening = 0.5, decay = 0.01)",
     {0.8067382959736602, 0.26436043170710988}},
    {"sgd(0.2, 0.8, nesterov = true)",
     {0.81713835896875076, 0.8542761416369401}},
    {"momentum(0.2, 0.9)", {0.78968615116338725, 0.69456583214425172}},
    {"momentum(0.2, mu = 0.8, dampening = 0.5, decay = 0.01)",
     {0.8067382959736602, 0.26436043170710988}},
    {"nesterov(0.2, 0.8)", {0.81713835896875076, 0.8542761416369401}},
    {"adagrad(0.1, lr_decay = 0.2, initial = 0.3, decay = 0.1)",
     {0.82660862765669674, -0.20697400184509679}},
    {"adadelta(1, 0.9, decay = 0.1)",
     {0.88729891269456196, -0.38690533728828175}},
    {"rmsprop(0.02)", {0.84224896638375513, 0.18951163736758156}},
    {"rmsprop(0.02, 0.9, centered = true, momentum = 0.5, decay = 0.1)",
     {0.76098391840125368, -0.066325541080892045}},
    {"adam(0.05)", {0.79528874102266711, -0.19953057425172835}},
    {"adam(lr = 5e-2, beta1 = 0.8, beta2 = 0.5, eps = 1e-4, amsgrad = true, "
     "decay = 0.1)",
     {0.75252544519031594, -0.20208675573821003}},
    {"adamw(0.05, decay = 0.1)", {0.79040855497741647, -0.19307946185157557}},
    {"nadam(0.05, decay = 0.1)", {0.79058352016859235, -0.2310274484302825}},
    {"lion(0.05, decay = 0.1)", {0.78312955681249985, -0.19355480650000001}},
};

/* Four updates of w from 0.9 and -0.4 with the gradient w^2 - 0.7. */
static void formulas_on(const CellDesc *d, double tolerance)
{
    RtError err = {0};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        RtModel *m = model_new(d, &err);
        RtOptim *o = optim_new(m, rows[r].text, &err);
        if (!o)
            fail_msg("%s", err.text);
        double w[2] = {0.9, -0.4};
        done(model_set(m, 0, w, &err), &err);
        for (int k = 0; k < 4; k++) {
            model_get(m, 0, w);
            for (int i = 0; i < 2; i++) {
                double g = w[i] * w[i] - 0.7;
                if (d->real_bytes == 8)
                    ((double *)m->grads)[i] = g;
                else
                    ((float *)m->grads)[i] = (float)g;
            }
            optim_step(o, optim_rate(o));
        }
        model_get(m, 0, w);
        for (int i = 0; i < 2; i++)
            if (!(fabs(w[i] - rows[r].want[i]) < tolerance))
                fail_msg("%s: %.17g, want %.17g", rows[r].text, w[i],
                         rows[r].want[i]);
        /* The resolved text is the same optimiser. */
        char *text = optim_text(o);
        RtOptim *again = optim_new(m, text, &err);
        assert_non_null(again);
        assert_memory_equal(o->arg, again->arg, sizeof o->arg);
        optim_free(again);
        free(text);
        optim_free(o);
        model_free(m);
    }
}

static void formulas(void **state)
{
    (void)state;
    formulas_on(&pair, 1e-15);
    formulas_on(&single, 1e-6);
}

/* Parameters longer than a block: every entry moves, none twice. */
static void blocks(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model_new(&large, &err);
    RtOptim *o = optim_new(m, "sgd(1)", &err);
    for (int i = 0; i < 1500; i++)
        ((double *)m->grads)[i] = i;
    optim_step(o, 1);
    for (int i = 0; i < 1500; i++)
        assert_true(((double *)m->params)[i] == -i);
    optim_free(o);
    model_free(m);
}

static void bounds(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model_new(&mixed, &err);
    RtOptim *o = optim_new(m, "sgd(0.1)", &err);
    double *p = m->params, *g = m->grads;
    memcpy(p, (double[]){0.25, 2, 3, 1, -1}, 5 * sizeof *p);
    memcpy(g, (double[]){4, 5, 6, 1, 2}, 5 * sizeof *g);
    optim_step(o, 0.1);
    double a = log(0.25 / 0.75) - 0.1 * 4 * 0.25 * 0.75;
    assert_true(fabs(p[0] - 1 / (1 + exp(-a))) < 1e-15);
    assert_true(fabs(p[1] - exp(log(2) - 0.1 * 5 * 2)) < 1e-15);
    assert_true(p[2] == 3);
    assert_true(fabs(p[3] - (1 - 0.05 * (1 + 0.25))) < 1e-15);
    assert_true(fabs(p[4] - (-1 - 0.05 * (2 - 0.25))) < 1e-15);
    /* However hard it is pushed it stays inside. */
    g[0] = -1e300;
    g[1] = 1e300;
    for (int k = 0; k < 20; k++)
        optim_step(o, 1);
    assert_true(p[0] > 0.5 && p[0] < 1 && p[1] > 0 && p[1] < 1);
    optim_free(o);
    model_free(m);
}

static double clipped(RtModel *m, const char *text, double want0)
{
    RtError err = {0};
    RtClip c;
    double norm, *g = m->grads;
    done(clip_parse(text, &c, &err), &err);
    g[0] = 3;
    g[1] = -4;
    done(clip_grads(m, &c, &norm, &err), &err);
    if (!(fabs(g[0] - want0) < 1e-15))
        fail_msg("%s: %.17g, want %.17g", text, g[0], want0);
    return norm;
}

static void clips(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model_new(&pair, &err);
    assert_true(clipped(m, NULL, 3) == 5);
    assert_true(clipped(m, "none", 3) == 5);
    assert_true(clipped(m, "norm(1)", 0.6) == 5);
    assert_true(clipped(m, "2.5", 1.5) == 5);
    assert_true(clipped(m, "norm(6)", 3) == 5);
    assert_true(clipped(m, "norm(1, 2, eps = 1e-6)", 3 / (5 + 1e-6)) == 5);
    assert_true(clipped(m, "norm(3.5, 1)", 1.5) == 7);
    assert_true(clipped(m, "norm(2, inf)", 1.5) == 4);
    assert_true(fabs(clipped(m, "norm(1, 3)", 3 / cbrt(91)) - cbrt(91)) <
                1e-15);
    assert_true(clipped(m, "value(3.5)", 3) == 5);
    assert_true(((double *)m->grads)[1] == -3.5);
    model_free(m);

    /* A clip of its own first; the frozen one is neither counted nor cut. */
    m = model_new(&mixed, &err);
    double *g = m->grads, norm;
    RtClip c;
    memcpy(g, (double[]){2, 2, 100, 6, 8}, 5 * sizeof *g);
    done(clip_parse("norm(1.5)", &c, &err), &err);
    done(clip_grads(m, &c, &norm, &err), &err);
    assert_true(fabs(norm - 3) < 1e-15);
    assert_true(fabs(g[0] - 1) < 1e-15 && g[2] == 100);
    assert_true(fabs(g[4] - 0.4) < 1e-15);
    model_free(m);
}

static void schedules(void **state)
{
    (void)state;
    RtError err = {0};
    static const struct {
        const char *text;
        int64_t step;
        double want;
    } row[] = {{NULL, 7, 1},
               {"constant", 7, 1},
               {"step(10, 0.5)", 9, 1},
               {"step(10, 0.5)", 25, 0.25},
               {"exponential(0.5, 10)", 20, 0.25},
               {"cosine(100)", 50, 0.5},
               {"cosine(100, floor = 0.2)", 1000, 0.2},
               {"warmup(4)", 0, 0.25},
               {"warmup(4) * cosine(100)", 4, 1},
               {"warmup(4) * cosine(100)", 54, 0.5},
               /* PyTorch's, by their classes, with a rate of 0.1. */
               {"exponential(0.97)", 7, 0.8079828447811299},
               {"exponential(0.97)", 40, 0.2957122873991325},
               {"cosine(100, 0.2)", 13, 0.9671018502735923},
               {"cosine(100, 0.2)", 99, 0.20019737585370737},
               {"onecycle(0.3, 50)", 0, 0.12},
               {"onecycle(0.3, 50)", 5, 0.9352074156707163},
               {"onecycle(0.3, 50)", 14, 3},
               {"onecycle(0.3, 50)", 15, 2.9939614651470947},
               {"onecycle(0.3, 50)", 30, 1.7013550933268884},
               {"onecycle(0.3, 50)", 49, 1.2e-05},
               {"onecycle(0.3, 50)", 500, 1.2e-05},
               {"onecycle(0.3, 41, 0.25, 10, 100)", 9, 2.9951366095324103},
               {"onecycle(0.3, 41, 0.25, 10, 100)", 30, 0.7193519046734627}};
    RtPlateau p = {0};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        RtSchedule *s = schedule_new(row[i].text, 0.1, &err);
        assert_non_null(s);
        assert_false(schedule_plateau(s));
        if (fabs(schedule_factor(s, &p, row[i].step) - row[i].want) >= 1e-15)
            fail_msg("%s: %.17g, want %.17g", row[i].text,
                     schedule_factor(s, &p, row[i].step), row[i].want);
        schedule_free(s);
    }
    static const struct {
        const char *text, *message;
    } bad[] = {{"cosin(3)", "did you mean cosine"},
               {"plateau * plateau", "one plateau only"},
               {"plateau(factor = 2)", "factor is 2"},
               {"onecycle(1)", "steps is missing"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(schedule_new(bad[i].text, 0.1, &err));
        assert_non_null(strstr(err.text, bad[i].message));
        rt_error_clear(&err);
    }
    assert_null(schedule_new("onecycle(1, 10)", 0, &err));
    rt_error_clear(&err);
}

/* The factors that PyTorch's ReduceLROnPlateau has after each value. */
static void plateaus(void **state)
{
    (void)state;
    RtError err = {0};
    enum { N = 19 };
    static const double value[N] = {5, 4, 4, 3.9999, 4, 4,   3,   3,   3,  3,
                                    3, 3, 3, 3,      2, 2.5, 2.5, 2.5, 2.5};
    static const struct {
        const char *text;
        int up;
        double want[N];
    } row[] = {
        {"plateau(0.5, 1)",
         0,
         {1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625,
          0.03125, 0.03125, 0.03125, 0.03125, 0.015625, 0.015625, 0.0078125}},
        {"plateau(patience = 2, cooldown = 2)",
         0,
         {1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.01,
          0.01, 0.01, 0.01, 0.001, 0.001}},
        {"plateau(0.5, 0, floor = 0.3)",
         0,
         {1, 1, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3,
          0.3, 0.3, 0.3, 0.3}},
        {"plateau(0.5, 1)",
         1,
         {1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625, 0.03125,
          0.03125, 0.015625, 0.015625, 0.0078125, 0.0078125, 0.00390625,
          0.00390625, 0.001953125}}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        RtSchedule *s = schedule_new(row[i].text, 0.1, &err);
        RtPlateau p = {0};
        assert_true(schedule_plateau(s));
        for (int k = 0; k < N; k++) {
            schedule_epoch(s, &p, value[k], row[i].up);
            if (fabs(schedule_factor(s, &p, 7) - row[i].want[k]) >= 1e-15)
                fail_msg("%s at %d: %.17g", row[i].text, k,
                         schedule_factor(s, &p, 7));
        }
        schedule_free(s);
    }
}

/* Noise has its deviation at every update, is the same for the same seed, and
 * lets the frozen alone. */
static void noise(void **state)
{
    (void)state;
    RtError err = {0};
    static const struct {
        const char *text;
        int64_t step;
        double deviation;
    } row[] = {{NULL, 3, 0},
               {"none", 3, 0},
               {"0.25", 0, 0.5},
               {"annealed(4, gamma = 1)", 99, 0.2},
               {"0.3", 999, 0.08195220201865},
               {"constant(0.7)", 999, 0.7}};
    RtModel *m = model_new(&large, &err), *n = model_new(&large, &err);
    GradNoise noise;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        double sum = 0, *g = m->grads;
        done(gradnoise_parse(row[i].text, &noise, &err), &err);
        assert_true(fabs(gradnoise_deviation(&noise, row[i].step) -
                         row[i].deviation) < 1e-12);
        memset(m->grads, 0, 1500 * sizeof *g);
        memset(n->grads, 0, 1500 * sizeof *g);
        gradnoise_add(m, &noise, 5, row[i].step);
        gradnoise_add(n, &noise, 5, row[i].step);
        assert_memory_equal(m->grads, n->grads, 1500 * sizeof *g);
        for (int k = 0; k < 1500; k++)
            sum += g[k] * g[k];
        assert_true(fabs(sqrt(sum / 1500) - row[i].deviation) <=
                    0.06 * row[i].deviation);
    }
    gradnoise_add(m, &noise, 5, 7);
    assert_memory_not_equal(m->grads, n->grads, 1500 * sizeof(double));
    model_free(m);
    model_free(n);
    m = model_new(&mixed, &err);
    gradnoise_add(m, &noise, 5, 7);
    assert_true(((double *)m->grads)[2] == 0 && ((double *)m->grads)[3] != 0);
    model_free(m);
    refused(gradnoise_parse("anneal(1)", &noise, &err), &err,
            "no gradient noise \"anneal\"", "did you mean annealed");
}

static int parse(RtModel *m, const char *text, RtError *err)
{
    RtOptim *o = optim_new(m, text, err);
    optim_free(o);
    return o ? 0 : -1;
}

static void messages(void **state)
{
    (void)state;
    RtError err = {0};
    RtClip c;
    RtModel *m = model_new(&pair, &err);
    refused(parse(m, "adm(0.1)", &err), &err, "no optimizer \"adm\"",
            "did you mean adam", "sgd, momentum");
    refused(parse(m, "", &err), &err, "no optimizer");
    refused(parse(m, "adam(bata1 = 0.1)", &err), &err, "no argument bata1",
            "did you mean beta1", "adam(lr = 0.001, beta1 = 0.9, beta2");
    refused(parse(m, "adam(lr = )", &err), &err, "expected a number");
    refused(parse(m, "adam(lr = 0.1", &err), &err, "expected \",\" or \")\"",
            "end");
    refused(parse(m, "adam(0.1) x", &err), &err, "expected nothing", "\"x\"");
    refused(parse(m, "adam(1, 0, 0, 1, 0, 1, 1)", &err), &err, "too many");
    refused(parse(m, "adam(0.1, lr = 2)", &err), &err, "lr is given twice");
    refused(parse(m, "adam(-1)", &err), &err, "lr is -1", "at least 0");
    refused(parse(m, "adam(beta1 = 1)", &err), &err, "beta1 is 1", "below 1");
    refused(clip_parse("norm()", &c, &err), &err, "c is missing");
    refused(clip_parse("norm(5, p = nan)", &c, &err), &err, "a number");
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),  cmocka_unit_test(blocks),
        cmocka_unit_test(bounds),    cmocka_unit_test(clips),
        cmocka_unit_test(schedules), cmocka_unit_test(plateaus),
        cmocka_unit_test(noise),     cmocka_unit_test(messages)};
    return cmocka_run_group_tests_name("optim", tests, NULL, NULL);
}
