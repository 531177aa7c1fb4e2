/* Jacobians over time (runtime/flow.c on models compiled with "flow") against
 * theory, against differences and against products of gates; singular values.
 */
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
#include "flow.h"
#include "singular.h"

enum { T = 12 };

static void print_message_text(void *user, const char *severity,
                               const char *text)
{
    (void)user;
    (void)severity;
    print_message("%s\n", text);
}

/* A model whose state `name` is watched, with start values. */
typedef struct Watched {
    Cellc *c;
    RtModel *m;
    Flow flow;
    FlowData data;
} Watched;

static Watched watch(const char *spec, const char *name, int64_t steps)
{
    Watched w = {.flow = {.of = name, .by = name},
                 .data = {NULL, {steps, steps, steps}}};
    char last[64];
    RtError err = {0};

    snprintf(last, sizeof last, "final.%s", name);
    w.c = cellc_new(print_message_text, NULL);
    assert_int_equal(cellc_add_text(w.c, "m", spec, strlen(spec)), 0);
    assert_int_equal(cellc_set(w.c, "double", "1"), 0);
    assert_int_equal(cellc_set(w.c, "inputgrad", "1"), 0);
    assert_int_equal(cellc_set(w.c, "upstream", last), 0);
    assert_int_equal(cellc_set(w.c, "flow", name), 0);
    assert_int_equal(cellc_compile(w.c), 0);
    const CellDesc *d = cellc_jit(w.c);
    assert_non_null(d);
    w.m = model_new(d, &err);
    assert_int_equal(model_init(w.m, 3, NULL, &err), 0);
    assert_int_equal(flow_random(d, &w.data, 5, &err), 0);
    assert_int_equal(flow_add(&w.flow, w.m, &w.data, &err), 0);
    assert_int_equal(w.flow.lags, steps);
    return w;
}

static void end(Watched *w)
{
    flow_data_free(w->m->desc, &w->data);
    flow_free(&w->flow);
    model_free(w->m);
    cellc_free(w->c);
}

static void near_to(double a, double b, double relative)
{
    if (!(fabs(a - b) <= relative * fmax(fabs(a), fabs(b))))
        fail_msg("%.17g is not %.17g", a, b);
}

/* ---- theory ---- */

static void scalar_gives_powers(void **state)
{
    (void)state;
    Watched w =
        watch("input x[t]\nparam w = -0.9\nh = w * h[t-1] + x\n", "h", 200);

    for (int64_t k = 0; k < 200; k++) {
        near_to(w.flow.norm[k], pow(0.9, (double)k), 1e-12);
        near_to(w.flow.largest[k], pow(0.9, (double)k), 1e-12);
        near_to(w.flow.direct[k], pow(0.9, (double)k), 1e-12);
    }
    end(&w);
}

static void linear_gives_matrix_powers(void **state)
{
    (void)state;
    enum { N = 4 };
    Watched w =
        watch("input x[t,4]\nparam W[4,4]\nh = W @ h[t-1] + x\n", "h", T);
    double W[N * N], P[N * N] = {0}, Q[N * N], most, least, first, unused;
    RtError err = {0};

    assert_null(w.flow.direct);
    model_get(w.m, model_find(w.m->desc, CELL_PARAM, "W"), W);
    assert_int_equal(singular_ends(W, N, N, &first, &unused, &err), 0);
    for (int i = 0; i < N; i++)
        P[i * N + i] = 1;
    for (int k = 0; k < T; k++) {
        near_to(w.flow.norm[k], frobenius_norm(P, N * N), 1e-12);
        assert_int_equal(singular_ends(P, N, N, &most, &least, &err), 0);
        near_to(w.flow.largest[k], most, 1e-12);
        assert_true(fabs(w.flow.smallest[k] - least) < 1e-14 * pow(first, k));
        assert_true(most <= pow(first, k) * (1 + 1e-12));
        for (int i = 0; i < N * N; i++) {
            Q[i] = 0;
            for (int j = 0; j < N; j++)
                Q[i] += W[i / N * N + j] * P[j * N + i % N];
        }
        memcpy(P, Q, sizeof P);
    }
    end(&w);
}

/* ---- products of gates ---- */

/* Values of an output at every step, [T,n]. */
static double *output_of(Watched *w, const char *name, int64_t *n)
{
    RtError err = {0};
    const CellDesc *d = w->m->desc;
    int i = model_find(d, CELL_OUTPUT, name);
    RtSession *s = session_new(w->m, &err);

    assert_true(i >= 0);
    assert_int_equal(flow_begin(s, &w->data, 1, &err), 0);
    assert_int_equal(session_forward(s, &err), 0);
    double *v = malloc((size_t)session_count(s, i) * sizeof *v);
    session_get(s, i, 0, v);
    *n = model_size(&d->tensor[i]);
    session_free(s);
    return v;
}

static void direct_path_is_the_gate(const char *spec, const char *name,
                                    const char *gate)
{
    Watched w = watch(spec, name, T);
    int64_t n;
    double *f = output_of(&w, gate, &n), product[8] = {1, 1, 1, 1, 1, 1, 1, 1};

    assert_non_null(w.flow.direct);
    for (int64_t lag = 0; lag < T; lag++) {
        near_to(w.flow.direct[lag], frobenius_norm(product, n), 1e-12);
        for (int64_t k = 0; k < n; k++)
            product[k] *= f[(T - 1 - lag) * n + k];
    }
    free(f);
    end(&w);
}

static void direct_paths(void **state)
{
    (void)state;
    direct_path_is_the_gate("input x[t,3]\nh = lstm(5)(x)\n"
                            "output f = h.f, h\n",
                            "h.c", "f");
    direct_path_is_the_gate("input x[t,3]\nh = gru(5)(x)\n"
                            "output z = h.z, h\n",
                            "h", "z");
}

/* ---- differences ---- */

/* The Jacobian over one lag by central differences. */
static double numeric_norm(Watched *w, int64_t n, int64_t lag, int back)
{
    const CellDesc *d = w->m->desc;
    RtError err = {0};
    RtSession *s = session_new(w->m, &err);
    char name[64];
    int64_t step = back ? lag : T - 1 - lag;
    double *j = calloc((size_t)(n * n), sizeof *j), *v[2], h = 1e-5, norm;
    double *bump = calloc((size_t)(T * n), sizeof *bump);

    snprintf(name, sizeof name, "perturb.%s", w->flow.of);
    int in = model_find(d, CELL_INPUT, name);
    snprintf(name, sizeof name, "final.%s", w->flow.of);
    int out = model_find(d, CELL_FINAL, name);
    v[0] = calloc((size_t)n, sizeof *j);
    v[1] = calloc((size_t)n, sizeof *j);
    for (int64_t k = 0; k < n; k++) {
        for (int side = 0; side < 2; side++) {
            assert_int_equal(flow_begin(s, &w->data, 1, &err), 0);
            bump[step * n + k] = side ? h : -h;
            session_set(s, in, bump);
            assert_int_equal(session_forward(s, &err), 0);
            session_get(s, out, 0, v[side]);
        }
        bump[step * n + k] = 0;
        for (int64_t i = 0; i < n; i++)
            j[i * n + k] = (v[1][i] - v[0][i]) / (2 * h);
    }
    norm = frobenius_norm(j, n * n);
    free(v[0]);
    free(v[1]);
    free(bump);
    free(j);
    session_free(s);
    return norm;
}

static void same_as_differences(const char *spec, const char *name, int64_t n,
                                int back)
{
    Watched w = watch(spec, name, T);

    for (int64_t lag = 0; lag < T; lag++)
        near_to(w.flow.norm[lag], numeric_norm(&w, n, lag, back), 1e-6);
    end(&w);
}

static void differences(void **state)
{
    (void)state;
    same_as_differences("input x[t,3]\nh = lstm(5)(x)\n", "h.c", 5, 0);
    same_as_differences("input x[t,3]\nh = lstm(5)(x)\n", "h.h", 5, 0);
    same_as_differences("input x[t,3]\nh = stack(2, gru(4))(x)\n", "h.1.h", 4,
                        0);
    same_as_differences("input x[t,3]\nh = bi(rnn(4))(x)\n", "h.bwd.h", 4, 1);
    same_as_differences("input x[t,3]\nparam k[3], v[2,3]\n"
                        "S = 0.8 * S[t-1] + outer(tanh(v @ x), k * x)\n"
                        "output S @ x\n",
                        "S", 6, 0);
    same_as_differences("time t, u\ninput x[t,3], y[u,2]\n" /* attention */
                        "h = rnn(4)(x)\nparam v[4]\n"
                        "c = sum[t](softmax[t](v @ tanh(h + s[u-1])) * h)\n"
                        "s = gru(4)([c, y])\noutput s\n",
                        "s.h", 4, 0);
}

/* ---- singular values ---- */

static void known_values(void **state)
{
    (void)state;
    RtError err = {0};
    double most, least;
    const double diagonal[] = {3, 0, 0, 0, -5, 0, 0, 0, 1e-9};
    const double wide[] = {3, 2, 2, 2, 3, -2}; /* values 5 and 3 */
    const double tall[] = {3, 2, 2, 3, 2, -2};
    const double none[] = {0, 0, 0, 0};
    const double twin[] = {1, 1, 1, 1}; /* 2 and 0 */

    assert_int_equal(singular_ends(diagonal, 3, 3, &most, &least, &err), 0);
    near_to(most, 5, 1e-15);
    near_to(least, 1e-9, 1e-14);
    assert_int_equal(singular_ends(wide, 2, 3, &most, &least, &err), 0);
    near_to(most, 5, 1e-14);
    near_to(least, 3, 1e-14);
    assert_int_equal(singular_ends(tall, 3, 2, &most, &least, &err), 0);
    near_to(most, 5, 1e-14);
    near_to(least, 3, 1e-14);
    assert_int_equal(singular_ends(none, 2, 2, &most, &least, &err), 0);
    assert_true(most == 0 && least == 0);
    assert_int_equal(singular_ends(twin, 2, 2, &most, &least, &err), 0);
    near_to(most, 2, 1e-15);
    assert_true(least < 1e-15);
    near_to(frobenius_norm((double[]){3e200, 4e200}, 2), 5e200, 1e-15);
    near_to(frobenius_norm((double[]){3e-300, 4e-300}, 2), 5e-300, 1e-14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar_gives_powers),
        cmocka_unit_test(linear_gives_matrix_powers),
        cmocka_unit_test(direct_paths),
        cmocka_unit_test(differences),
        cmocka_unit_test(known_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
