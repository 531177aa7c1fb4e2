/* npy.c: round trips of every type and shape, both orders, the three formats,
 * and a message for every way in which a file can be wrong. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "npy.h"
#include "optional.h"

/* A file with that header text (padding is the caller's) and data. */
static void write_raw(const char *path, int version, const char *header,
                      const void *data, size_t n)
{
    size_t h = strlen(header), lead = version == 1 ? 10 : 12;
    char *b = calloc(1, lead + h + n);
    memcpy(b, "\x93NUMPY", 6);
    b[6] = (char)version;
    b[8] = (char)(h & 0xff);
    b[9] = (char)(h >> 8);
    memcpy(b + lead, header, h);
    if (n)
        memcpy(b + lead + h, data, n);
    scratch_write(path, b, lead + h + n);
    free(b);
}

static void round_trip(void **state)
{
    (void)state;
    RtError err = {0};
    double x[24];
    for (int i = 0; i < 24; i++)
        x[i] = i * 0.5 - 3;
    int64_t dim[] = {2, 3, 4};
    for (int rank = 0; rank <= 3; rank++) {
        done(npy_write("a.npy", NPY_F8, rank, dim, x, &err), &err);
        Npy a, head;
        done(npy_read("a.npy", &a, &err), &err);
        done(npy_read_head("a.npy", &head, &err), &err);
        assert_int_equal(a.type, NPY_F8);
        assert_int_equal(a.rank, rank);
        assert_int_equal(head.rank, rank);
        assert_int_equal(head.count, a.count);
        assert_null(head.data);
        assert_memory_equal(a.data, x, (size_t)a.count * 8);
        npy_free(&a);
        npy_free(&head);
    }
    int64_t none[] = {3, 0};
    Npy a;
    done(npy_write("a.npy", NPY_F4, 2, none, NULL, &err), &err);
    done(npy_read("a.npy", &a, &err), &err);
    assert_int_equal(a.count, 0);
    npy_free(&a);
}

static void same_bytes_as_numpy(void **state)
{
    (void)state;
    RtError err = {0};
    int64_t dim[] = {3}, v[] = {1, 2, 3};
    done(npy_write("a.npy", NPY_I8, 1, dim, v, &err), &err);
    size_t n;
    char *s = scratch_read("a.npy", &n);
    assert_int_equal(n, 128 + 24);
    assert_memory_equal(s, "\x93NUMPY\x01\x00\x76\x00", 10);
    static const char want[] =
        "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), } ";
    assert_memory_equal(s + 10, want, sizeof want - 1);
    assert_int_equal(s[127], '\n');
    free(s);
}

static void every_type(void **state)
{
    (void)state;
    static const struct {
        const char *descr;
        NpyType type;
        unsigned char bytes[16];
        double value[2];
    } row[] = {
        {"<f4", NPY_F4, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, {1, -2}},
        {"<f8",
         NPY_F8,
         {0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0},
         {1, -2}},
        {"|i1", NPY_I1, {5, 0xff}, {5, -1}},
        {"<i2", NPY_I2, {1, 1, 0xfe, 0xff}, {257, -2}},
        {"<i4", NPY_I4, {1, 1, 0, 0, 0xfe, 0xff, 0xff, 0xff}, {257, -2}},
        {"<i8",
         NPY_I8,
         {1, 1, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff},
         {257, -2}},
        {"|u1", NPY_U1, {5, 0xff}, {5, 255}},
        {"<u2", NPY_U2, {1, 1, 0xff, 0xff}, {257, 65535}},
        {"<u4",
         NPY_U4,
         {1, 1, 0, 0, 0xff, 0xff, 0xff, 0xff},
         {257, 4294967295}},
        {"<u8",
         NPY_U8,
         {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80},
         {257, 9223372036854775808.0}},
        {"|b1", NPY_B1, {0, 1}, {0, 1}},
    };
    RtError err = {0};
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        char *h = rt_printf(
            "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }\n",
            row[k].descr);
        write_raw("t.npy", 1, h, row[k].bytes, 2 * npy_bytes(row[k].type));
        free(h);
        Npy a;
        done(npy_read("t.npy", &a, &err), &err);
        assert_int_equal(a.type, row[k].type);
        double x[2];
        float y[2];
        npy_reals(&a, 8, x);
        npy_reals(&a, 4, y);
        for (int i = 0; i < 2; i++) {
            assert_true(x[i] == row[k].value[i]);
            assert_true(y[i] == (float)row[k].value[i]);
        }
        npy_free(&a);
    }
}

static void orders_and_formats(void **state)
{
    (void)state;
    RtError err = {0};
    /* column-major 2 x 3 of [[1,2,3],[4,5,6]] */
    int32_t v[] = {1, 4, 2, 5, 3, 6};
    for (int version = 1; version <= 3; version++) {
        write_raw("f.npy", version,
                  "{ \"shape\":(2L, 3L) , 'fortran_order':True,'descr':'<i4'}",
                  v, sizeof v);
        Npy a;
        done(npy_read("f.npy", &a, &err), &err);
        assert_int_equal(a.rank, 2);
        for (int i = 0; i < 6; i++)
            assert_int_equal(((int32_t *)a.data)[i], i + 1);
        npy_free(&a);
    }
    write_raw("f.npy", 1,
              "{'descr': '<i4', 'fortran_order': True, 'shape': (1, 6, 0)}", v,
              0);
    Npy a;
    done(npy_read("f.npy", &a, &err), &err);
    assert_int_equal(a.count, 0);
    npy_free(&a);
}

/* A large array by columns goes into a file by rows, not into memory. */
static void large_by_columns(void **state)
{
    (void)state;
    enum { N = 700, M = 501 };
    RtError err = {0};
    RtStore store;
    Npy a;
    double *v = malloc(sizeof *v * N * M);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < M; k++)
            v[k * N + i] = i * M + k;
    write_raw("large.npy", 1,
              "{'descr': '<f8', 'fortran_order': True, 'shape': (700, 501)}", v,
              sizeof *v * N * M);
    free(v);
    done(npy_map("large.npy", &a, &store, &err), &err);
    assert_int_not_equal(store.file, 0);
    assert_ptr_equal(a.data, store.data);
    for (int i = 0; i < N * M; i++)
        assert_true(((double *)a.data)[i] == i);
    a.data = NULL;
    npy_free(&a);
    store_free(&store);
}

static void try_header(const char *header, const char *say)
{
    RtError err = {0};
    Npy a;
    char zero[64] = {0};
    write_raw("bad.npy", 1, header, zero, sizeof zero);
    refused(npy_read("bad.npy", &a, &err), &err, "bad.npy", say);
    npy_free(&a);
}

static void bad_headers(void **state)
{
    (void)state;
    try_header("", "no '{'");
    try_header("{", "no 'key'");
    try_header("{'descr: <f8", "no 'key'");
    try_header("{'descr' '<f8'}", "no 'key'");
    try_header("{'descr': <f8}", "bad descr");
    try_header("{'descr': '<f8' 'shape': ()}", "no ','");
    try_header("{'descr': '<f8', 'fortran_order': Maybe}", "bad fortran");
    try_header("{'descr': '<f8', 'fortran_order': False}", "missing");
    try_header("{'descr': '<f8', 'descr': '<f8'}", "twice");
    try_header("{'descr': '<f8', 'colour': 'red'}", "unknown key");
    try_header("{'shape': (2, -1)}", "bad shape");
    try_header("{'shape': (2, 3}", "bad shape");
    try_header("{'shape': 8}", "bad shape");
    try_header("{'shape': (99999999999999999999,)}", "bad shape");
    try_header("{'descr': '>f8', 'fortran_order': False, 'shape': (2,)}",
               "'>f8', wanted little-endian");
    try_header("{'descr': '<c16', 'fortran_order': False, 'shape': (2,)}",
               "'<c16'");
    try_header("{'descr': [('a', '<f8')], 'shape': (2,)}", "records");
    try_header("{'descr': '<f8', 'fortran_order': False, 'shape': "
               "(4294967296, 4294967296)}",
               "[4294967296,4294967296] is too large");
    try_header("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3)}",
               "shape [3,3] of f8 takes 72 bytes, found 64");
    try_header("{'descr': '<f8', 'fortran_order': False, 'shape': (7,)}",
               "beyond the array");
}

static void bad_files(void **state)
{
    (void)state;
    RtError err = {0};
    Npy a;
    refused(npy_read("none.npy", &a, &err), &err, "none.npy", "No such file");
    refused(npy_read(".", &a, &err), &err, "folder");
    scratch_text("empty.npy", "");
    refused(npy_read("empty.npy", &a, &err), &err, "empty.npy", "is empty");
    scratch_text("text.npy", "1,2,3\n4,5,6\n");
    refused(npy_read("text.npy", &a, &err), &err, "not a .npy file");
    scratch_write("v9.npy", "\x93NUMPY\x09\x00\x00\x00{}", 12);
    refused(npy_read("v9.npy", &a, &err), &err, "format 9.0");
    scratch_write("h.npy", "\x93NUMPY\x01\x00\xff\x00{}", 12);
    refused(npy_read("h.npy", &a, &err), &err, "255 bytes", "2 are there");
    scratch_write("h.npy", "\x93NUMPY\x02\x00\xff\x00\xff", 11);
    refused(npy_read("h.npy", &a, &err), &err, "cut");
}

/* Every prefix and every spoiled byte of a good file: an error or an array,
 * never a crash. */
static void damage(void **state)
{
    (void)state;
    RtError err = {0};
    int64_t dim[] = {2, 2};
    double x[] = {1, 2, 3, 4};
    done(npy_write("good.npy", NPY_F8, 2, dim, x, &err), &err);
    size_t n;
    char *s = scratch_read("good.npy", &n);
    Npy a;
    for (size_t k = 0; k < n; k++) {
        scratch_write("cut.npy", s, k);
        assert_int_equal(npy_read("cut.npy", &a, &err), -1);
        npy_free(&a);
    }
    for (size_t k = 0; k < n; k++)
        for (int c = 1; c < 256; c += 37) {
            s[k] = (char)(s[k] ^ c);
            scratch_write("spoiled.npy", s, n);
            npy_read("spoiled.npy", &a, &err);
            npy_free(&a);
            s[k] = (char)(s[k] ^ c);
        }
    rt_error_clear(&err);
    free(s);
}

static void writing_fails(void **state)
{
    (void)state;
    RtError err = {0};
    int64_t dim[] = {1000};
    double x[1000] = {1};
    done(npy_write("keep.npy", NPY_F8, 1, dim, x, &err), &err);
    refused(npy_write("/dev/full", NPY_F8, 1, dim, x, &err), &err, "/dev/full",
            "No space left");
    refused(npy_write("none/a.npy", NPY_F8, 1, dim, x, &err), &err,
            "none/a.npy", "No such file");
    refused(npy_write(".", NPY_F8, 1, dim, x, &err), &err, "directory");
}

static void replacing_keeps_mode_and_link(void **state)
{
    (void)state;
    RtError err = {0};
    double x = 2;
    done(npy_write("m.npy", NPY_F8, 0, NULL, &x, &err), &err);
    assert_int_equal(chmod("m.npy", 0640), 0);
    assert_int_equal(symlink("m.npy", "link.npy"), 0);
    x = 3;
    done(npy_write("link.npy", NPY_F8, 0, NULL, &x, &err), &err);
    struct stat st;
    assert_int_equal(lstat("link.npy", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat("m.npy", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    Npy a;
    done(npy_read("m.npy", &a, &err), &err);
    assert_true(*(double *)a.data == 3);
    npy_free(&a);
}

static void shape_text(void **state)
{
    (void)state;
    int64_t dim[] = {3, -1, 5};
    char *s = npy_shape_text(3, dim);
    assert_string_equal(s, "[3,?,5]");
    free(s);
    s = npy_shape_text(0, dim);
    assert_string_equal(s, "[]");
    free(s);
}

/* A library that no machine has. */
static void no_library(void **state)
{
    (void)state;
    static const char *const library[] = {"libnowhere.so.1", NULL};
    RtError err = {0};
    void (*f)(void);
    const OptionalName names[] = {{"f", &f}, {NULL, NULL}};
    refused(optional_open(library, names, "x.npz", "libnowhere1", &err), &err,
            "x.npz: to read this, install the Debian package libnowhere1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(same_bytes_as_numpy),
        cmocka_unit_test(every_type),
        cmocka_unit_test(orders_and_formats),
        cmocka_unit_test(large_by_columns),
        cmocka_unit_test(bad_headers),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(damage),
        cmocka_unit_test(writing_fails),
        cmocka_unit_test(replacing_keeps_mode_and_link),
        cmocka_unit_test(shape_text),
        cmocka_unit_test(no_library),
    };
    return cmocka_run_group_tests_name("npy", tests, scratch_enter,
                                       scratch_leave);
}
