/* Drawing along one of several time axes: a model in its parts
 * (compiler/part.c) draws what the whole one does, and runs as many steps as it
 * draws, where the whole one runs all of them again for each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "../../compiler/cellc.h"
#include "told.h"

enum { NSEQ = 3, CLASSES = 3 };

/* A compiled model of which it is counted how many steps it runs. */
typedef struct Counted {
    CellDesc desc; /* the first: how it is found again */
    const CellDesc *own;
    int64_t steps;
    Cellc *c;
} Counted;

static int count(const CellDesc *d, int fn, const void *params, void *grads,
                 void *work, const int64_t *n)
{
    Counted *m = (Counted *)d;

    for (int k = 0; k < d->ntime; k++)
        m->steps += n[cell_time_at(k)];
    return m->own->run(m->own, fn, params, grads, work, n);
}

static void print_message_text(void *user, const char *severity,
                               const char *text)
{
    (void)user;
    (void)severity;
    print_message("%s\n", text);
}

static void compile(Counted *m, const char *spec, const char *part)
{
    *m = (Counted){.c = cellc_new(print_message_text, NULL)};
    assert_int_equal(cellc_add_text(m->c, "m", spec, strlen(spec)), 0);
    assert_int_equal(cellc_set(m->c, "backend", "eval"), 0);
    assert_int_equal(cellc_set(m->c, "double", "1"), 0);
    assert_int_equal(cellc_set(m->c, "backward", "0"), 0);
    assert_int_equal(cellc_set(m->c, "past", "1"), 0);
    assert_int_equal(cellc_set(m->c, "part", part), 0);
    assert_int_equal(cellc_compile(m->c), 0);
    m->own = cellc_jit(m->c);
    assert_non_null(m->own);
    m->desc = *m->own;
    m->desc.run = count;
}

static int parted(const CellDesc *d)
{
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (d->tensor[i].flags & CELL_KNOWN)
            return 1;
    return 0;
}

/* Sequences of x of 4, 2 and 5 steps. */
static RtData given(int axis)
{
    static const int32_t ids[] = {0, 1, 2, 1, 2, 0, 1, 1, 0, 2, 2};
    static const int64_t start[] = {0, 4, 6, 11};
    RtWant want = {
        .name = "x", .is_index = 1, .axis = axis, .classes = CLASSES};
    RtData d = {0};
    RtError err = {0};

    assert_int_equal(
        data_add_classes(&d, &want, "x.txt", ids, NSEQ, start, &err), 0);
    assert_int_equal(data_finish(&d, &err), 0);
    return d;
}

/* Draws `steps` of each sequence, in rows that are dropped, doubled and put in
 * another order on the way, after a prime of as many as the row's number. */
static void draw(RtModel *m, const RtData *d, int64_t steps, Told *told)
{
    static const int64_t sequence[] = {0, 1, 2, 1}, from[] = {3, 1, 0, 1};
    static const double prime[] = {2, 0, 1, 2};
    const double *value[] = {prime, prime, prime + 1, prime};
    const int64_t T[] = {1, 2, 3, 4}, number[] = {0, 1, 2, 3};
    SampleHow how = {.temperature = 1, .top_p = 1, .seed = 3};
    RtError err = {0};
    unsigned char ended[4];
    Sampler *s = sample_new(m, d, &err);

    assert_non_null(s);
    assert_int_equal(sample_begin(s, 4, sequence, number, &err), 0);
    assert_int_equal(sample_prime(s, T, value, &err), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sample_step(s, &how, ended, &err), 0);
    assert_int_equal(sample_arrange(s, 4, from, &err), 0);
    assert_int_equal(told_draw(s, &how, steps, NULL, told, &err), 0);
    sample_free(s);
}

/* Both draw the same; returns how many steps the parts ran, *whole the whole
 * model. */
static int64_t compare(const char *spec, int axis, int64_t steps,
                       int64_t *whole)
{
    Counted part[3];
    RtModel *m[2];
    RtError err = {0};
    Told told[2][4] = {0};
    RtData d = given(axis);

    compile(&part[0], spec, "whole");
    compile(&part[1], spec, "known");
    compile(&part[2], spec, "step");
    assert_true(parted(part[2].own));
    for (int i = 0; i < 2; i++) {
        m[i] = model_new(&part[0].desc, &err);
        assert_int_equal(model_init(m[i], 5, NULL, &err), 0);
    }
    m[1]->known = model_new(&part[1].desc, &err);
    m[1]->step = model_new(&part[2].desc, &err);
    draw(m[0], &d, steps, told[0]);
    *whole = part[0].steps;
    draw(m[1], &d, steps, told[1]);
    assert_int_equal(part[0].steps, *whole);
    for (int r = 0; r < 4; r++) {
        assert_int_equal(told[0][r].steps, told[1][r].steps);
        for (int64_t i = 0; i < told[0][r].steps; i++)
            assert_true(fabs(told[0][r].value[0][i] - told[1][r].value[0][i]) <
                        1e-9);
        told_free(&told[0][r]);
        told_free(&told[1][r]);
    }
    for (int i = 0; i < 2; i++)
        model_free(m[i]);
    for (int i = 0; i < 3; i++)
        cellc_free(part[i].c);
    data_free(&d);
    return part[1].steps + part[2].steps;
}

/* The same, and how time grows with the length. */
static void check(const char *spec, int axis)
{
    int64_t whole[2], parts[2];

    for (int i = 0; i < 2; i++)
        parts[i] = compare(spec, axis, 40 << i, &whole[i]);
    assert_true(parts[1] < 2 * parts[0]);
    assert_true(whole[1] > 3 * whole[0]);
}

#define DRAWN                       \
    "y ~ categorical(softmax(z))\n" \
    "y[0] = 0\n"
#define BEGIN                      \
    "option n = 4\n"               \
    "time t, u\n"                  \
    "input x[t] in 3, y[u] in 3\n" \
    "param E[3,n], F[3,n] ~ normal(0, 1)\n"

static void attention(void **state)
{
    (void)state;
    check(BEGIN "param A[n,n], B[n,2*n], v[n]\n"
                "h = bi(gru(n))(E[x])\n"
                "a = softmax[t](v @ tanh(A @ s[u-1] + B @ h))\n"
                "s = gru(n)([F[y[u-1]], sum[t](a * h)])\n"
                "s[0] = tanh(dense(n)(h[1]))\n"
                "z = dense(3)(s)\n" DRAWN,
          0);
}

/* What a step leaves to the next has a value for each step of t. */
static void coverage(void **state)
{
    (void)state;
    check(BEGIN "param A[n,n], B[n,n], v[n] ~ normal(0, 1)\n"
                "param w[n] ~ normal(0, 1)\n"
                "h = gru(n)[t](E[x])\n"
                "k = k[u-1] + a\n"
                "a = softmax[t](v @ tanh(A @ s[u-1] + B @ h + w * k[u-1]))\n"
                "s = gru(n)([F[y[u-1]], F[y[u-2]], sum[t](a * h)])\n"
                "y[-1] = 1\n"
                "z = dense(3)(s)\n" DRAWN,
          0);
}

/* The number of the step, and a state with a start of its own; the axis that is
 * drawn along comes first. */
static void numbered(void **state)
{
    (void)state;
    check("option n = 4\n"
          "time u, t\n"
          "input x[t] in 3, y[u] in 3\n"
          "param E[3,n], F[3,n] ~ normal(0, 1)\n"
          "h = lstm(n)[t](E[x])\n"
          "s = lstm(n)[u](F[y[u-1]], h[0] = h.h[end], c[0] = h.c[end])\n"
          "z = dense(3)(s) * sin(u)\n" DRAWN,
          1);
    check(BEGIN "h = lstm(n)[t](E[x])\n"
                "s = lstm(n)[u](F[y[u-1]], h[0] = h.h[end], c[0] = h.c[end])\n"
                "z = dense(3)(s) * sin(u)\n" DRAWN,
          0);
}

static void slow_clock(void **state)
{
    (void)state;
    check("option n = 4\n"
          "time t, k = t/2, u\n"
          "input x[t] in 3, y[u] in 3\n"
          "param E[3,n], F[3,n] ~ normal(0, 1)\n"
          "e = E[x]\n"
          "h = bi(gru(n))([e[2*k-1], e[2*k]])\n"
          "a = softmax[k](mean(h) * sum(s[u-1]))\n"
          "s = gru(n)([F[y[u-1]], sum[k](a * h)])\n"
          "z = dense(3)(s)\n" DRAWN,
          0);
}

static void partial_sums(void **state)
{
    (void)state;
    check(BEGIN "s = cumsum[u](F[y[u-1]] + E[x][end])\n"
                "z = dense(3)(s)\n" DRAWN,
          0);
}

/* A step that needs earlier ones whole, or what comes, is not parted. */
static void not_parted(void **state)
{
    static const char *const spec[] = {
        BEGIN "s = E[x][end] + sum[u](F[y[u-1]])\nz = dense(3)(s)\n" DRAWN,
        BEGIN "s = max[u](F[y[u-1]] + E[x][end])\nz = dense(3)(s)\n" DRAWN,
        "time t\ninput y[t] in 3\nz = dense(3)(onehot(y[t-1]))\n" DRAWN};
    (void)state;

    for (size_t i = 0; i < sizeof spec / sizeof *spec; i++) {
        Counted m;
        compile(&m, spec[i], "step");
        assert_false(parted(m.own));
        cellc_free(m.c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention),    cmocka_unit_test(coverage),
        cmocka_unit_test(numbered),     cmocka_unit_test(slow_clock),
        cmocka_unit_test(partial_sums), cmocka_unit_test(not_parted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
