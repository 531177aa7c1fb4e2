/* Loops side by side: whatever the number of threads, and whether there are
 * lanes at all, outputs, states and gradients are the same to the last bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/cellc.h"
#include "pool.h"
#include "rng.h"
#include "session.h"

enum { STEPS = 11, ROWS = 2, TIMES = 5 };

static void message(void *user, const char *severity, const char *text)
{
    (void)user;
    print_message("%s: %s", severity, text);
}

static void set(Cellc *c, const char *key, const char *value)
{
    assert_int_equal(cellc_set(c, key, value), CELLC_OK);
}

/* Chunks of few steps put everything that can be into lanes. */
static Cellc *compile(const char *spec, const char *backend,
                      const char *threads)
{
    Cellc *c = cellc_new(message, NULL);
    assert_non_null(c);
    set(c, "training", "1");
    set(c, "chunk", "3");
    set(c, "backend", backend);
    set(c, "threads", threads);
    assert_int_equal(cellc_add_text(c, "spec", spec, strlen(spec)), CELLC_OK);
    assert_int_equal(cellc_compile(c), CELLC_OK);
    assert_non_null(cellc_jit(c));
    return c;
}

static void fill(RtSession *s)
{
    static const int64_t length[ROWS] = {STEPS, 4};
    RtError err = {0};
    for (int i = -1; (i = model_next(s->desc, CELL_INPUT, i)) >= 0;) {
        int64_t n = session_count(s, i);
        double *v = malloc((size_t)n * sizeof *v);
        assert_non_null(v);
        for (int64_t k = 0; k < n; k++)
            v[k] = 2 * rt_uniform(1, (uint64_t)i, (uint64_t)k) - 1;
        session_set(s, i, v);
        free(v);
    }
    assert_int_equal(session_lengths(s, 0, length, &err), 0);
}

/* Everything that a caller sees, after the gradients; malloc'd. */
static double *results(const CellDesc *d, RtPool *pool, int times, int64_t *n)
{
    RtError err = {0};
    RtModel *m = model_new(d, &err);
    assert_non_null(m);
    assert_int_equal(model_init(m, 3, NULL, &err), 0);
    RtSession *s = session_new(m, &err);
    assert_non_null(s);
    pool_use(pool);
    for (int k = 0; k < times; k++) {
        assert_int_equal(session_begin(s, STEPS, ROWS, 1, &err), 0);
        fill(s);
        assert_int_equal(session_forward(s, &err), 0);
        assert_int_equal(session_backward(s, &err), 0);
    }
    pool_use(NULL);
    double *all = NULL;
    *n = 0;
    for (int i = 0; i < d->ntensor; i++) {
        int role = d->tensor[i].role;
        int64_t count = role == CELL_PARAM ? model_size(&d->tensor[i])
                                           : session_count(s, i);
        if (role != CELL_PARAM && role != CELL_OUTPUT && role != CELL_STATE &&
            role != CELL_LOSS && role != CELL_TERM)
            continue;
        all = realloc(all, (size_t)(*n + count) * sizeof *all);
        assert_non_null(all);
        if (role == CELL_PARAM)
            model_get_grad(m, i, all + *n);
        else
            session_get(s, i, 0, all + *n);
        *n += count;
    }
    session_free(s);
    model_free(m);
    return all;
}

static void same(const char *spec, const char *backend)
{
    RtError err = {0};
    int64_t n, k;
    Cellc *plain = compile(spec, backend, "1");
    Cellc *lanes = compile(spec, backend, "2");
    double *want = results(cellc_jit(plain), NULL, 1, &n);
    assert_null(strstr(cellc_show(plain, "sched", NULL), "side by side"));
    assert_non_null(strstr(cellc_show(lanes, "sched", NULL), "side by side"));
    assert_non_null(cellc_jit(lanes));
    for (int threads = 0; threads < 4; threads++) {
        RtPool *p = threads ? pool_new(threads, &err) : NULL;
        double *got = results(cellc_jit(lanes), p, threads > 1 ? TIMES : 1, &k);
        assert_int_equal(n, k);
        for (int64_t i = 0; i < n; i++)
            if (memcmp(&want[i], &got[i], sizeof *want) != 0)
                fail_msg("%s, %d threads: number %lld is %.9g, not %.9g", spec,
                         threads, (long long)i, got[i], want[i]);
        free(got);
        pool_free(p);
    }
    free(want);
    cellc_free(plain);
    cellc_free(lanes);
}

#define MODEL(layer, width)  \
    "input x[t,3], y[t,2]\n" \
    "param V[2," width "]\n" \
    "value = " layer "(x)\n" \
    "o = V @ value\n"        \
    "y ~ normal(o, 1)\n"     \
    "output o\n"

static const char *const models[] = {
    MODEL("lstm(5)", "5"),
    MODEL("bi(lstm(5))", "10"),
    MODEL("stack(3, gru(4))", "4"),
    MODEL("stack(3, bi(lstm(4)))", "8"),
    MODEL("stack(2, bi(gru(4)))", "8"),
    MODEL("stack(4, mingru(4))", "4"),
    MODEL("stack(2, peephole(6))", "6"),
    MODEL("stack(16, gru(2))", "2"),
    "input x[t,4], y[t,4]\n"
    "param A[4,4], B[4,4], C[4,4], d[4]\n"
    "a = tanh(A @ a[t-1] + B @ x + d)\n"
    "b = sigmoid(A @ b[t+1] + B @ a) * a\n"
    "c = 0.5 * c[t-2] + tanh(C @ (a + b) + A @ c[t-1])\n"
    "y ~ normal(c, 1)\n"
    "output b, c\n",
};

static void same_in_tcc(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        same(models[i], "tcc");
}

static void same_in_cc(void **state)
{
    (void)state;
    same(models[3], "cc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_in_tcc),
        cmocka_unit_test(same_in_cc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
