/* safetensors.c: round trips, the same bytes every time, saving that fails and
 * loses nothing, and a message for every kind of damaged file. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <signal.h>
#include <sys/resource.h>

#include "safetensors.h"

static const double w[] = {1, 2, 3, 4, 5, 6};
static const float b[] = {0.5f, -0.5f, 1.5f};
static const int64_t step[] = {INT64_MAX};

static void make(SafeTensors *st)
{
    RtError err = {0};
    int64_t d23[] = {2, 3}, d3[] = {3}, d04[] = {0, 4};
    done(st_add(st, "h.1.fwd.Wi", ST_F64, 2, d23, w, &err), &err);
    done(st_add(st, "\xce\xbb", ST_F32, 1, d3, b, &err), &err);
    done(st_add(st, "none", ST_F64, 2, d04, NULL, &err), &err);
    done(st_add(st, "step", ST_I64, 0, NULL, step, &err), &err);
    done(st_add_text(st, "spec", "h = tanh(W @ x)\n\"q\"\n", &err), &err);
    done(st_add_text(st, "seed", "1", &err), &err);
    done(st_add_text(st, "seed", "2", &err), &err);
    refused(st_add(st, "step", ST_I64, 0, NULL, step, &err), &err, "step",
            "twice");
}

static void round_trip(void **state)
{
    (void)state;
    RtError err = {0};
    SafeTensors st = {0}, in = {0};
    make(&st);
    done(st_save(&st, "a.safetensors", &err), &err);
    done(st_load(&in, "a.safetensors", &err), &err);
    assert_int_equal(in.n, 4);
    assert_string_equal(in.tensor[0].name, "h.1.fwd.Wi");
    assert_string_equal(in.tensor[3].name, "step");
    const StTensor *t = st_find(&in, "h.1.fwd.Wi");
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->dim[1], 3);
    assert_memory_equal(t->data, w, sizeof w);
    t = st_find(&in, "\xce\xbb");
    assert_int_equal(t->type, ST_F32);
    double real[3];
    st_reals(t, 8, real);
    assert_true(real[2] == 1.5 && st_value(t, 1) == -0.5);
    t = st_find(&in, "step");
    assert_int_equal(t->rank, 0);
    assert_true(*(const int64_t *)t->data == INT64_MAX);
    assert_int_equal(st_find(&in, "none")->count, 0);
    assert_null(st_find(&in, "nothing"));
    assert_string_equal(st_text(&in, "spec"), "h = tanh(W @ x)\n\"q\"\n");
    assert_string_equal(st_text(&in, "seed"), "2");
    assert_null(st_text(&in, "nothing"));
    st_free(&in);
    st_free(&st);
}

static void same_bytes(void **state)
{
    (void)state;
    RtError err = {0};
    SafeTensors st = {0}, in = {0};
    make(&st);
    done(st_save(&st, "a.safetensors", &err), &err);
    done(st_load(&in, "a.safetensors", &err), &err);
    done(st_save(&in, "b.safetensors", &err), &err);
    size_t na, nb;
    char *a = scratch_read("a.safetensors", &na);
    char *c = scratch_read("b.safetensors", &nb);
    assert_int_equal(na, nb);
    assert_memory_equal(a, c, na);
    assert_int_equal(a[0] % 8, 0);
    free(a);
    free(c);
    st_free(&in);
    st_free(&st);
    done(st_save(&in, "none.safetensors", &err), &err);
    done(st_load(&st, "none.safetensors", &err), &err);
    assert_int_equal(st.n, 0);
    st_free(&st);
}

/* A file with that header and n bytes of data. */
static void try_header(const char *header, size_t n, const char *say)
{
    RtError err = {0};
    SafeTensors st = {0};
    size_t h = strlen(header);
    char *s = calloc(1, 8 + h + n);
    s[0] = (char)(h & 0xff);
    s[1] = (char)(h >> 8);
    memcpy(s + 8, header, h);
    scratch_write("bad.safetensors", s, 8 + h + n);
    free(s);
    if (say)
        refused(st_load(&st, "bad.safetensors", &err), &err, "bad.safetensors",
                say);
    else
        done(st_load(&st, "bad.safetensors", &err), &err);
    st_free(&st);
}

#define ENTRY(type, shape, from, to)                                        \
    "{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" from \
    "," to "]}"

static void bad_headers(void **state)
{
    (void)state;
    try_header("{\"a\":" ENTRY("F32", "2", "0", "8") "}   ", 8, NULL);
    try_header("{\"a\":" ENTRY("F32", "2", "0", "8") "}", 7, "is cut");
    try_header("{\"a\":" ENTRY("F32", "2", "0", "8") "}", 9,
               "1 bytes at the end belong to no tensor");
    try_header("{\"a\":" ENTRY("F32", "2", "1", "9") "}", 9,
               "1 bytes before 'a' belong to no tensor");
    try_header("{\"a\":" ENTRY("F32", "2", "0",
                               "8") ",\"b\":" ENTRY("F32", "1", "4", "8") "}",
               8, "'b' overlaps 'a'");
    try_header("{\"a\":" ENTRY("F32", "2", "0", "12") "}", 12, "takes 8 bytes");
    try_header("{\"a\":" ENTRY("F32", "2", "8", "0") "}", 8, "8 to 0");
    try_header("{\"a\":" ENTRY("F32", "2", "-8", "0") "}", 8, "no proper");
    try_header("{\"a\":" ENTRY("F32", "-2", "0", "8") "}", 8, "no proper");
    try_header("{\"a\":" ENTRY("F32", "2.5", "0", "8") "}", 8, "no proper");
    try_header("{\"a\":" ENTRY("F32", "4294967296,4294967296", "0", "8") "}", 8,
               "no proper");
    try_header("{\"a\":" ENTRY("F32", "2", "0", "99999999999999999999") "}", 8,
               "damaged header");
    try_header("{\"a\":" ENTRY("BF16", "4", "0", "8") "}", 8,
               "has type BF16, wanted F32, F64 or I64");
    try_header("{\"a\":" ENTRY("F32", "2", "0",
                               "8") ",\"a\":" ENTRY("F32", "2", "0", "8") "}",
               8, "duplicate");
    try_header("{\"a\":1}", 8, "(none)");
    try_header("{\"a\":{\"dtype\":\"F32\",\"shape\":2}}", 8, "no proper");
    try_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
               "\"data_offsets\":[0,4,8]}}",
               8, "no proper");
    try_header("{\"__metadata__\":3}", 0, "no map of texts");
    try_header("{\"__metadata__\":{\"k\":3}}", 0, "'k' is no text");
    try_header("{\"a\"", 0, "damaged header");
    try_header("{\"\xff\":1}", 0, "damaged header");
    try_header("[1]", 0, "not a .safetensors");
}

static void bad_files(void **state)
{
    (void)state;
    RtError err = {0};
    SafeTensors st = {0};
    refused(st_load(&st, "none.st", &err), &err, "none.st", "No such file");
    scratch_text("x.st", "");
    refused(st_load(&st, "x.st", &err), &err, "x.st", "empty");
    scratch_text("x.st", "hello");
    refused(st_load(&st, "x.st", &err), &err, "not a .safetensors file");
    scratch_write("x.st", "\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10);
    refused(st_load(&st, "x.st", &err), &err, "is cut", "2 are there");
    SafeTensors good = {0};
    make(&good);
    done(st_save(&good, "good.st", &err), &err);
    st_free(&good);
    size_t n;
    char *s = scratch_read("good.st", &n);
    for (size_t k = 0; k < n; k++) {
        scratch_write("cut.st", s, k);
        assert_int_equal(st_load(&st, "cut.st", &err), -1);
        st_free(&st);
    }
    for (size_t k = 0; k < n; k++)
        for (int c = 1; c < 256; c += 37) {
            s[k] = (char)(s[k] ^ c);
            scratch_write("spoiled.st", s, n);
            st_load(&st, "spoiled.st", &err);
            st_free(&st);
            s[k] = (char)(s[k] ^ c);
        }
    rt_error_clear(&err);
    free(s);
}

/* A disk that fills up half way: an error, the old file, no leftovers. */
static void full_disk(void **state)
{
    (void)state;
    RtError err = {0};
    SafeTensors st = {0}, in = {0};
    int64_t many[] = {100000};
    double *x = calloc(100000, sizeof *x);
    make(&st);
    done(st_save(&st, "keep.st", &err), &err);
    done(st_add(&st, "large", ST_F64, 1, many, x, &err), &err);
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int kept = st_save(&st, "keep.st", &err);
    char *message = err.text;
    err.text = NULL;
    int fresh = st_save(&st, "new.st", &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(kept, -1);
    assert_non_null(strstr(message, "keep.st"));
    assert_non_null(strstr(message, "the old file was kept"));
    free(message);
    refused(fresh, &err, "new.st", "too large");
    assert_int_equal(access("new.st", F_OK), -1);
    assert_int_equal(system("ls | grep -q part-"), 256);
    done(st_load(&in, "keep.st", &err), &err);
    assert_int_equal(in.n, 4);
    refused(st_save(&st, "/dev/full", &err), &err, "No space left");
    st_free(&in);
    st_free(&st);
    free(x);
}

static void not_utf8(void **state)
{
    (void)state;
    RtError err = {0};
    SafeTensors st = {0};
    done(st_add(&st, "\xff", ST_F64, 0, NULL, w, &err), &err);
    refused(st_save(&st, "u.st", &err), &err, "not UTF-8");
    assert_int_equal(access("u.st", F_OK), -1);
    refused(st_add(&st, "__metadata__", ST_F64, 0, NULL, w, &err), &err,
            "twice");
    st_free(&st);
    done(st_add_text(&st, "k", "\xff", &err), &err);
    refused(st_save(&st, "u.st", &err), &err, "'k' is not UTF-8");
    st_free(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),  cmocka_unit_test(same_bytes),
        cmocka_unit_test(bad_headers), cmocka_unit_test(bad_files),
        cmocka_unit_test(full_disk),   cmocka_unit_test(not_utf8),
    };
    return cmocka_run_group_tests_name("safetensors", tests, scratch_enter,
                                       scratch_leave);
}
