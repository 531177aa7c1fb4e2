/* flags.c, sample.c, gradcheck.c and run*.c on the model made by hand. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include "flags.h"
#include "gradcheck.h"
#include "rng.h"
#include "npy.h"
#include "runarrays.h"
#include "sample.h"
#include "tiny.h"

/* ---- flags ---- */

static const Flag table[] = {{"length", "N", "20", NULL, "steps"},
                             {"rate", "X", NULL, "train", "learning rate"},
                             {"dim", "NAME=SIZE", NULL, NULL, "sizes"},
                             {"greedy", NULL, NULL, NULL, "no draws"},
                             {"o", "FILE", NULL, NULL, "output"},
                             {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const tables[] = {table, NULL};

static int seen(Flags *f, void *user)
{
    *(const char **)user = flags_arg(f, 0);
    return 42;
}

static const Verb verb = {
    "draw", "FILE [MORE]", "draws", tables, {"draw a", "draw b"}, 1, 2, seen};
static const Verb *const verbs[] = {&verb, NULL};

static Flags *parse(int *code, int argc, ...)
{
    static char *argv[16];
    va_list ap;

    va_start(ap, argc);
    for (int i = 0; i < argc; i++)
        argv[i] = va_arg(ap, char *);
    va_end(ap);
    return flags_parse(&verb, "test", argc, argv, code);
}

static void flags(void **state)
{
    (void)state;
    int code, n;
    long length = 0;
    double rate = 7;
    const char *text;
    Flags *f = parse(&code, 9, "--dim", "m=3", "a", "--length=5", "-o", "x",
                     "--greedy", "--dim", "k=4");

    assert_non_null(f);
    assert_string_equal(flags_arg(f, 0), "a");
    assert_null(flags_arg(f, 1));
    assert_string_equal(flags_get(f, "o"), "x");
    assert_int_equal(flags_given(f, "dim"), 2);
    assert_int_equal(flags_given(f, "greedy"), 1);
    assert_string_equal(flags_pair(f, "dim", 1, &n, &text), "4");
    assert_int_equal(n, 1);
    assert_null(flags_pair(f, "dim", 2, &n, &text));
    assert_int_equal(flags_long(f, "length", 1, 10, &length), 0);
    assert_int_equal(length, 5);
    assert_int_equal(flags_long(f, "length", 6, 10, &length), EXIT_USAGE);
    assert_int_equal(flags_real(f, "rate", 0, 1, &rate), 0);
    assert_true(rate == 7);
    flags_free(f);
    f = parse(&code, 3, "--", "--length", "-");
    assert_string_equal(flags_arg(f, 0), "--length");
    assert_string_equal(flags_get(f, "length"), "20");
    flags_free(f);
}

static void wrong_flags(void **state)
{
    (void)state;
    int code;

    assert_null(parse(&code, 2, "a", "--lenght"));
    assert_int_equal(code, EXIT_USAGE);
    assert_null(parse(&code, 2, "a", "--length"));
    assert_int_equal(code, EXIT_USAGE);
    assert_null(parse(&code, 2, "a", "--greedy=1"));
    assert_int_equal(code, EXIT_USAGE);
    assert_null(parse(&code, 2, "a", "-length"));
    assert_int_equal(code, EXIT_USAGE);
    assert_null(parse(&code, 0));
    assert_int_equal(code, EXIT_USAGE);
    assert_null(parse(&code, 3, "a", "b", "c"));
    assert_int_equal(code, EXIT_USAGE);
}

static void dispatch(void **state)
{
    (void)state;
    char *argv[] = {"dir/test", "draw", "x"}, *bad[] = {"test", "drwa"};
    const char *arg = NULL;
    const char *const names[] = {"train", "trace", "check"};

    assert_int_equal(flags_main(verbs, "a", "", "1", 3, argv, &arg), 42);
    assert_string_equal(arg, "x");
    assert_int_equal(flags_main(verbs, "a", "", "1", 2, bad, &arg), EXIT_USAGE);
    assert_string_equal(flags_nearest("trian", names, 3), "train");
    assert_null(flags_nearest("zzzzzz", names, 3));
}

/* ---- drawing ---- */

static void classes(void **state)
{
    (void)state;
    const double p[] = {0.1, 0.6, 0.3};
    double scratch[6], count[3] = {0};
    SampleHow how = {.temperature = 1, .top_p = 1};
    SampleHow greedy = {.greedy = 1, .temperature = 1, .top_p = 1};
    SampleHow two = {.temperature = 1, .top_p = 1, .top_k = 2};
    SampleHow cold = {.temperature = 0.01, .top_p = 1};
    SampleHow nucleus = {.temperature = 1, .top_p = 0.5};

    for (int i = 0; i < 10000; i++) {
        double u = (i + 0.5) / 10000;

        count[sample_class(&how, p, 3, u, scratch)]++;
        assert_int_equal(sample_class(&greedy, p, 3, u, scratch), 1);
        assert_int_not_equal(sample_class(&two, p, 3, u, scratch), 0);
        assert_int_equal(sample_class(&cold, p, 3, u, scratch), 1);
        assert_int_equal(sample_class(&nucleus, p, 3, u, scratch), 1);
    }
    for (int k = 0; k < 3; k++)
        assert_true(fabs(count[k] / 10000 - p[k]) < 1e-3);
}

/* The model with its output as what c is drawn from. */
static CellTensor drawing[TINY_TENSORS];

static CellDesc drawing_model(void)
{
    CellDesc d = tiny_plain;

    memcpy(drawing, tiny_table, sizeof drawing);
    drawing[TINY_P].role = CELL_DRAW;
    drawing[TINY_P].what = "categorical.p";
    drawing[TINY_P].of = TINY_C;
    d.tensor = drawing;
    return d;
}

/* Whether each value behind the prime is the most likely one that the model
 * computes for the whole of what a row has. */
static void check_row(RtModel *m, const Sampler *s, int64_t row, int prime)
{
    RtError err = {0};
    RtSession *whole = session_new(m, &err);
    int64_t T = sample_steps(s, row);
    const double *c = sample_value(s, 0, row);
    double p[16 * TINY_K];

    done(session_begin(whole, T, 1, 1, &err), &err);
    session_set(whole, TINY_C, c);
    done(session_forward(whole, &err), &err);
    session_get(whole, TINY_P, 0, p);
    for (int64_t t = prime; t < T; t++)
        for (int k = 0; k < TINY_K; k++)
            assert_true(p[t * TINY_K + (int)c[t]] >= p[t * TINY_K + k]);
    session_free(whole);
}

/* Rows of different beginnings are drawn side by side, change places and are
 * copied; each goes on with a state of its own. */
static void sampling(void **state)
{
    (void)state;
    RtError err = {0};
    CellDesc d = drawing_model();
    RtModel *m = model_new(&d, &err);
    SampleHow how = {.greedy = 1, .temperature = 1, .top_p = 1};
    const double prime[2][3] = {{2, 0, 1}, {1}};
    const double *value[] = {prime[0], prime[1]};
    const int64_t T[] = {3, 1}, none[] = {0, 0}, from[] = {1, 0, 1};
    unsigned char ended[3];

    done(model_init(m, 3, NULL, &err), &err);
    Sampler *s = sample_new(m, NULL, &err);
    assert_non_null(s);
    assert_int_equal(sample_drawn(s, 0), TINY_C);
    assert_int_equal(sample_drawn(s, 1), -1);
    done(sample_begin(s, 2, none, none, &err), &err);
    done(sample_prime(s, T, value, &err), &err);
    for (int i = 0; i < 4; i++)
        done(sample_step(s, &how, ended, &err), &err);
    done(sample_arrange(s, 3, from, &err), &err);
    double other = sample_value(s, 0, 2)[4] == 0;
    done(sample_forward(s, &err), &err);
    for (int r = 0; r < 3; r++)
        sample_put(s, 0, r, r == 2 ? &other : &prime[0][0]);
    done(sample_close(s, ended, &err), &err);
    for (int i = 0; i < 6; i++)
        done(sample_step(s, &how, ended, &err), &err);
    for (int r = 0; r < 3; r++) {
        int64_t n = r == 1 ? 3 : 1;
        assert_int_equal(sample_steps(s, r), n + 11);
        assert_false(ended[r]);
        check_row(m, s, r, (int)n + 5);
        assert_true(sample_value(s, 0, r)[0] == (r == 1 ? 2 : 1));
    }
    assert_memory_equal(sample_value(s, 0, 0), sample_value(s, 0, 2),
                        5 * sizeof(double));
    assert_true(sample_value(s, 0, 2)[5] == other);
    sample_free(s);
    model_free(m);
}

static void not_drawn(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model_new(&tiny_plain, &err);

    assert_null(sample_new(m, NULL, &err));
    assert_non_null(strstr(err.text, "draws nothing"));
    rt_error_clear(&err);
    model_free(m);
}

/* ---- derivatives ---- */

static int spoiled_backward(const void *p, void *g, void *w, const int64_t *n)
{
    tiny_plain.backward(p, g, w, n);
    ((double *)g)[20] += 1e-4;
    return 0;
}

static void derivatives(void **state)
{
    (void)state;
    RtError err = {0};
    GradSetup setup = {
        .T = 6, .B = 3, .lengths = 1, .seed = 5, .tolerance = 1e-7};
    CellDesc bad = tiny_plain;

    for (setup.tbptt = 0; setup.tbptt < 5; setup.tbptt += 2) {
        GradReport r = {0}, noisy = {0};

        done(gradcheck_run(&tiny_plain, &setup, &r, &err), &err);
        done(gradcheck_run(&tiny_train, &setup, &noisy, &err), &err);
        assert_int_equal(r.n, 4);
        assert_true(r.worst < 1e-9 && noisy.worst < 1e-9);
        gradcheck_free(&r);
        gradcheck_free(&noisy);
    }
    GradReport r = {0};
    FILE *null = fopen("/dev/null", "w");
    bad.backward = spoiled_backward;
    setup.tbptt = 0;
    done(gradcheck_run(&bad, &setup, &r, &err), &err);
    assert_true(r.worst > 9e-5);
    assert_string_equal(r.row[1].name, "U");
    assert_int_equal(r.row[1].index, 8);
    assert_int_equal(gradcheck_print(&r, 1e-7, "tiny", NULL, 0, null),
                     EXIT_SHORT);
    assert_int_equal(gradcheck_print(&r, 1e-3, "tiny", "gate", 1, null),
                     EXIT_DONE);
    fclose(null);
    gradcheck_free(&r);
}

/* ---- arrays ---- */

static const int64_t c_data[] = {0, 1, 2, 1, 1, 0, 2, 2, 0, 1};

static void put(const char *path, int rank, int64_t a, int64_t b,
                const int64_t *v)
{
    RtError err = {0};
    int64_t dim[] = {a, b};
    done(npy_write(path, NPY_I8, rank, dim, v, &err), &err);
}

static Npy get(const char *folder, const char *name)
{
    RtError err = {0};
    Npy a = {0};
    char *path = rt_printf("%s/%s.npy", folder, name);
    done(npy_read(path, &a, &err), &err);
    free(path);
    return a;
}

static void same(const char *one, const char *other, const char *name)
{
    Npy a = get(one, name), b = get(other, name);

    assert_int_equal(a.count, b.count);
    for (int64_t k = 0; k < a.count; k++)
        assert_true(fabs(npy_value(a.type, a.data, k) -
                         npy_value(b.type, b.data, k)) < 1e-12);
    npy_free(&a);
    npy_free(&b);
}

static void arrays(void **state)
{
    (void)state;
    RtError err = {0};
    const int64_t length[] = {5, 3};
    RunFile in = {"c=c.npy", 1, "c.npy"};
    const char *lengths = "n.npy";
    RunSetup s = {.in = &in,
                  .nin = 1,
                  .lengths = &lengths,
                  .nlengths = 1,
                  .grad = 1,
                  .seed = 4,
                  .out = "whole"};

    put("c.npy", 2, 5, 2, c_data);
    put("n.npy", 1, 2, 1, length);
    done(run_arrays(&tiny_plain, &s, &err), &err);
    Npy p = get("whole", "p");
    assert_int_equal(p.rank, 3);
    for (int k = 0; k < TINY_K; k++) /* sequence 1 beyond its length */
        assert_true(npy_value(p.type, p.data, (4 * 2 + 1) * TINY_K + k) == 0);
    npy_free(&p);
    s.tbptt = 2;
    s.out = "sub/chunks";
    s.clip = "norm(1e-3)";
    s.optimizer = "sgd(lr = 0.5)";
    s.steps = 3;
    done(run_arrays(&tiny_plain, &s, &err), &err);
    same("whole", "sub/chunks", "p");
    same("whole", "sub/chunks", "loss");
    Npy after = get("sub/chunks", "after.U"),
        loss = get("sub/chunks", "losses");
    assert_int_equal(after.dim[0], 3);
    assert_true(npy_value(loss.type, loss.data, 0) >
                npy_value(loss.type, loss.data, 2));
    npy_free(&after);
    npy_free(&loss);
    Npy g = get("sub/chunks", "clipped.E");
    for (int64_t k = 0; k < g.count; k++)
        assert_true(fabs(npy_value(g.type, g.data, k)) <= 1e-3);
    npy_free(&g);
}

static void batch_first(void **state)
{
    (void)state;
    RtError err = {0};
    int64_t turned[10];
    RunFile in = {"c=c.npy", 1, "c.npy"};
    RunSetup s = {.in = &in, .nin = 1, .seed = 4, .out = "time"};

    for (int t = 0; t < 5; t++)
        for (int b = 0; b < 2; b++)
            turned[b * 5 + t] = c_data[t * 2 + b];
    put("c.npy", 2, 5, 2, c_data);
    done(run_arrays(&tiny_plain, &s, &err), &err);
    put("c.npy", 2, 2, 5, turned);
    s.batch_first = 1;
    s.out = "batch";
    done(run_arrays(&tiny_plain, &s, &err), &err);
    same("time", "batch", "loss");
    Npy a = get("time", "p"), b = get("batch", "p");
    assert_int_equal(b.dim[0], 2);
    assert_int_equal(b.dim[1], 5);
    assert_true(npy_value(a.type, a.data, (3 * 2 + 1) * TINY_K) ==
                npy_value(b.type, b.data, (1 * 5 + 3) * TINY_K));
    npy_free(&a);
    npy_free(&b);
}

static void wrong_arrays(void **state)
{
    (void)state;
    const char *lengths = "n.npy";
    RtError err = {0};
    int64_t bad[10] = {0, 1, 7}, length[] = {5, 6};
    RunFile in[] = {{"c", 1, "c.npy"}, {"c", 1, "c.npy"}};
    RunFile other = {"d", 1, "c.npy"};
    RunSetup s = {.in = in, .nin = 1, .out = "none"};

    put("c.npy", 2, 5, 2, bad);
    refused(run_arrays(&tiny_plain, &s, &err), &err, "c.npy", "7", "0 to 2");
    put("c.npy", 1, 10, 1, bad);
    refused(run_arrays(&tiny_plain, &s, &err), &err, "c.npy", "[10]", "[T,B]");
    put("c.npy", 2, 5, 2, c_data);
    put("n.npy", 1, 2, 1, length);
    s.lengths = &lengths;
    s.nlengths = 1;
    refused(run_arrays(&tiny_plain, &s, &err), &err, "n.npy", "6", "5");
    s.lengths = NULL;
    s.nin = 2;
    refused(run_arrays(&tiny_plain, &s, &err), &err, "twice");
    s.nin = 0;
    refused(run_arrays(&tiny_plain, &s, &err), &err, "--in c=FILE");
    s.in = &other;
    s.nin = 1;
    refused(run_arrays(&tiny_plain, &s, &err), &err, "no such name",
            "it has c");
    assert_int_equal(access("none", F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags),       cmocka_unit_test(wrong_flags),
        cmocka_unit_test(dispatch),    cmocka_unit_test(classes),
        cmocka_unit_test(sampling),    cmocka_unit_test(not_drawn),
        cmocka_unit_test(derivatives), cmocka_unit_test(arrays),
        cmocka_unit_test(batch_first), cmocka_unit_test(wrong_arrays)};
    return cmocka_run_group_tests_name("verbs", tests, scratch_enter,
                                       scratch_leave);
}
