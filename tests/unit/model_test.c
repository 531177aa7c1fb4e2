/* model.c, init.c, weights.c: start values, exchange by name, bounds, and
 * parameters from folders and .safetensors. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <sys/stat.h>

#include "model.h"
#include "npy.h"
#include "safetensors.h"
#include "tiny.h"

static RtModel *model(const CellDesc *d, uint64_t seed)
{
    RtError err = {0};
    RtModel *m = model_new(d, &err);
    assert_non_null(m);
    done(model_init(m, seed, NULL, &err), &err);
    return m;
}

static void find(void **state)
{
    (void)state;
    RtError err = {0};
    int64_t moving;
    assert_int_equal(model_find(&tiny_plain, CELL_PARAM, "U"), TINY_U);
    assert_int_equal(model_find(&tiny_plain, CELL_INPUT, "c"), TINY_C);
    assert_int_equal(model_find(&tiny_plain, CELL_TERM, "c"), TINY_TERM);
    assert_int_equal(model_find(&tiny_plain, CELL_PARAM, "c"), -1);
    assert_int_equal(model_of(&tiny_plain, CELL_COUNT, TINY_TERM), TINY_COUNT);
    assert_int_equal(model_count(&tiny_plain, &moving), 44);
    assert_int_equal(moving, 44);
    CellDesc other = tiny_plain;
    other.abi = CELL_ABI + 1;
    assert_null(model_new(&other, &err));
    assert_non_null(strstr(err.text, "compile it again"));
    rt_error_clear(&err);
}

/* One parameter of that shape and initialiser, as doubles. */
static void draw(CellInit init, int rank, const int64_t *dim, double lo,
                 double hi, int bytes, double *out)
{
    CellTensor t = {.name = "w",
                    .role = CELL_PARAM,
                    .rank = rank,
                    .of = -1,
                    .init = init,
                    .lo = lo,
                    .hi = hi,
                    .lr = 1};
    for (int i = 0; i < rank; i++)
        t.dim[i] = dim[i];
    CellDesc d = tiny_plain;
    d.tensor = &t;
    d.ntensor = 1;
    d.real_bytes = bytes;
    d.param_size = model_size(&t);
    RtModel *m = model(&d, 11);
    model_get(m, 0, out);
    model_free(m);
}

static double spread(const double *v, int n, double *mean)
{
    double s = 0;
    *mean = 0;
    for (int i = 0; i < n; i++)
        *mean += v[i] / n;
    for (int i = 0; i < n; i++)
        s += (v[i] - *mean) * (v[i] - *mean) / n;
    return sqrt(s);
}

static void initialisers(void **state)
{
    (void)state;
    static double v[4000];
    int64_t dim[] = {40, 100}, cube[] = {2, 3, 5};
    double inf = INFINITY, mean, top = 0;
    draw((CellInit){"const", 1.5, 0, NULL, NULL}, 2, dim, -inf, inf, 8, v);
    assert_true(v[0] == 1.5 && v[3999] == 1.5);
    draw((CellInit){"normal", 2, 3, NULL, NULL}, 2, dim, -inf, inf, 8, v);
    assert_true(fabs(spread(v, 4000, &mean) - 3) < 0.1);
    assert_true(fabs(mean - 2) < 0.15);
    draw((CellInit){"truncated", 0, 1, NULL, NULL}, 2, dim, -inf, inf, 8, v);
    for (int i = 0; i < 4000; i++)
        top = fabs(v[i]) > top ? fabs(v[i]) : top;
    assert_true(top < 2 && top > 1.9);
    draw((CellInit){"uniform", -1, 3, NULL, NULL}, 2, dim, -inf, inf, 4, v);
    assert_true(fabs(spread(v, 4000, &mean) - 4 / sqrt(12)) < 0.05);
    draw((CellInit){"glorot", 0, 0, NULL, NULL}, 2, dim, -inf, inf, 8, v);
    assert_true(fabs(spread(v, 4000, &mean) - sqrt(2. / 140)) < 0.01);
    draw((CellInit){"he", 0, 0, NULL, NULL}, 2, dim, -inf, inf, 8, v);
    assert_true(fabs(spread(v, 4000, &mean) - sqrt(2. / 100)) < 0.01);
    draw((CellInit){"bernoulli", 0.25, 0, NULL, NULL}, 2, dim, -inf, inf, 8, v);
    spread(v, 4000, &mean);
    assert_true(fabs(mean - 0.25) < 0.03);
    draw((CellInit){"identity", 0, 0, NULL, NULL}, 3, cube, -inf, inf, 8, v);
    for (int i = 0; i < 30; i++)
        assert_true(v[i] == (i / 5 % 3 == i % 5));
    draw((CellInit){"table", 0, 0, NULL, (const double[]){3, 1, 2}}, 1,
         (int64_t[]){3}, -inf, inf, 8, v);
    assert_true(v[0] == 3 && v[1] == 1 && v[2] == 2);
}

static void orthogonal(void **state)
{
    (void)state;
    double v[60];
    int64_t shape[][2] = {{6, 10}, {10, 6}};
    for (int k = 0; k < 2; k++) {
        int64_t r = shape[k][0], c = shape[k][1], few = 6, many = 10;
        draw((CellInit){"orthogonal", 2, 0, NULL, NULL}, 2, shape[k], -INFINITY,
             INFINITY, 8, v);
        for (int64_t i = 0; i < few; i++)
            for (int64_t j = 0; j < few; j++) {
                double dot = 0;
                for (int64_t n = 0; n < many; n++)
                    dot += r < c ? v[i * c + n] * v[j * c + n]
                                 : v[n * c + i] * v[n * c + j];
                assert_true(fabs(dot - 4 * (i == j)) < 1e-14);
            }
    }
}

static void bounded(void **state)
{
    (void)state;
    double v[4];
    int64_t dim[] = {4};
    CellInit zero = {.kind = "const"}, half = {"const", 0.25, 0, NULL, NULL};
    draw(zero, 1, dim, 0, 1, 8, v);
    assert_true(v[0] == 0.5);
    draw(zero, 1, dim, 0, INFINITY, 4, v);
    assert_true(v[3] == 1);
    draw(half, 1, dim, 0, 1, 8, v);
    assert_true(v[0] == 0.25);
    CellTensor t = {.lo = -1, .hi = 2};
    for (double x = -0.9; x < 2; x += 0.3) {
        double u = model_unbound(&t, x), h = 1e-6;
        assert_true(fabs(model_bound(&t, u, 8) - x) < 1e-15);
        double slope =
            (model_bound(&t, u + h, 8) - model_bound(&t, u - h, 8)) / (2 * h);
        assert_true(fabs(slope - model_slope(&t, x)) < 1e-9);
    }
    assert_true((float)model_bound(&t, 1e9, 4) < 2);
    assert_true((float)model_bound(&t, -1e9, 4) > -1);
}

/* The values of a parameter do not depend on the others or on their order. */
static void streams(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *a = model(&tiny_plain, 1), *b = model(&tiny_plain, 2);
    CellDesc only = tiny_plain;
    only.tensor = tiny_table + TINY_V;
    only.ntensor = 1;
    RtModel *c = model(&only, 1);
    double x[12], y[12];
    model_get(a, TINY_V, x);
    model_get(c, 0, y);
    assert_memory_equal(x, y, sizeof x);
    model_get(b, TINY_V, y);
    assert_true(memcmp(x, y, sizeof x) != 0);
    done(model_copy(b, a, &err), &err);
    assert_memory_equal(a->params, b->params, 44 * sizeof *x);
    refused(model_copy(a, c, &err), &err, "parameter E");
    model_free(a);
    model_free(b);
    model_free(c);
}

static void write_folder(const RtModel *m)
{
    RtError err = {0};
    assert_true(mkdir("w", 0777) == 0);
    for (int i = TINY_E; i <= TINY_V; i++) {
        const CellTensor *t = &tiny_table[i];
        double v[16];
        char *path = rt_printf("w/%s.npy", t->name);
        model_get(m, i, v);
        done(npy_write(path, NPY_F8, t->rank, t->dim, v, &err), &err);
        free(path);
    }
}

static void folder(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *a = model(&tiny_plain, 1), *b = model(&tiny_plain, 2);
    double v[16] = {0};
    write_folder(a);
    done(model_load(b, "w", &err), &err);
    assert_memory_equal(a->params, b->params, 44 * sizeof *v);
    int64_t column[] = {4, 1}, wrong[] = {4, 3};
    done(npy_write("w/b.npy", NPY_F4, 2, column, v, &err), &err);
    done(model_load(b, "w", &err), &err);
    v[2] = 1;
    done(npy_write("w/b.npy", NPY_F8, 1, column, v, &err), &err);
    refused(model_load(b, "w", &err), &err, "w/b.npy", "entry 3 is 1",
            "(-1, 1)");
    v[2] = NAN;
    done(npy_write("w/b.npy", NPY_F8, 1, column, v, &err), &err);
    refused(model_load(b, "w", &err), &err, "w/b.npy", "not a number");
    done(npy_write("w/E.npy", NPY_F8, 2, wrong, v, &err), &err);
    refused(model_load(b, "w", &err), &err, "w/E.npy", "[4,3]",
            "E wants [3,4]");
    assert_int_equal(unlink("w/E.npy"), 0);
    refused(model_load(b, "w", &err), &err, "w:", "no E.npy", "[3,4]");
    scratch_text("w/UU.npy", "x");
    refused(model_load(b, "w", &err), &err, "no parameter UU", "E, U, b, V");
    refused(model_load(b, "nowhere", &err), &err, "nowhere", "No such file");
    model_free(a);
    model_free(b);
}

static void safetensors(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *a = model(&tiny_plain, 1), *b = model(&tiny_plain, 2);
    SafeTensors st = {0};
    for (int i = TINY_E; i <= TINY_V; i++) {
        const CellTensor *t = &tiny_table[i];
        done(st_add(&st, t->name, ST_F64, t->rank, t->dim,
                    (double *)a->params + t->at.c, &err),
             &err);
    }
    done(st_save(&st, "w.safetensors", &err), &err);
    done(model_load(b, "w.safetensors", &err), &err);
    assert_memory_equal(a->params, b->params, 44 * sizeof(double));
    st.n--;
    done(st_save(&st, "w.safetensors", &err), &err);
    st.n++;
    refused(model_load(b, "w.safetensors", &err), &err, "no tensor V", "[3,4]");
    int64_t one = 1;
    done(st_add(&st, "optim.0/E", ST_F64, 1, &one, a->params, &err), &err);
    done(st_save(&st, "w.safetensors", &err), &err);
    refused(model_load(b, "w.safetensors", &err), &err, "optim.0/E");
    done(st_add_text(&st, "cellc", "1", &err), &err);
    done(st_save(&st, "w.safetensors", &err), &err);
    done(model_load(b, "w.safetensors", &err), &err);
    st_free(&st);
    model_free(a);
    model_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find),       cmocka_unit_test(initialisers),
        cmocka_unit_test(orthogonal), cmocka_unit_test(bounded),
        cmocka_unit_test(streams),    cmocka_unit_test(folder),
        cmocka_unit_test(safetensors)};
    return cmocka_run_group_tests_name("model", tests, scratch_enter,
                                       scratch_leave);
}
