/* .npy in and out.  The header is a Python dict literal with three keys; any
 * order and spacing of them is read, one form is written.  See npy.h. */
#include "npy.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rtio.h"

/* Rows in the order of NpyType. */
static const struct {
    const char *code; /* after the byte-order sign */
    size_t bytes;
} types[] = {{"f4", 4}, {"f8", 8}, {"i1", 1}, {"i2", 2}, {"i4", 4}, {"i8", 8},
             {"u1", 1}, {"u2", 2}, {"u4", 4}, {"u8", 8}, {"b1", 1}};
enum { NTYPES = sizeof types / sizeof types[0] };

size_t npy_bytes(NpyType type)
{
    return types[type].bytes;
}

const char *npy_type_name(NpyType type)
{
    return types[type].code;
}

int npy_is_float(NpyType type)
{
    return type == NPY_F4 || type == NPY_F8;
}

double npy_value(NpyType type, const void *data, int64_t i)
{
    switch (type) {
    case NPY_F4:
        return ((const float *)data)[i];
    case NPY_F8:
        return ((const double *)data)[i];
    case NPY_I1:
        return ((const int8_t *)data)[i];
    case NPY_I2:
        return ((const int16_t *)data)[i];
    case NPY_I4:
        return ((const int32_t *)data)[i];
    case NPY_I8:
        return (double)((const int64_t *)data)[i];
    case NPY_U1:
        return ((const uint8_t *)data)[i];
    case NPY_U2:
        return ((const uint16_t *)data)[i];
    case NPY_U4:
        return ((const uint32_t *)data)[i];
    case NPY_U8:
        return (double)((const uint64_t *)data)[i];
    case NPY_B1:
        return ((const uint8_t *)data)[i] != 0;
    }
    return 0;
}

void npy_reals(const Npy *a, int real_bytes, void *dst)
{
    for (int64_t i = 0; i < a->count; i++) {
        double x = npy_value(a->type, a->data, i);
        if (real_bytes == 4)
            ((float *)dst)[i] = (float)x;
        else
            ((double *)dst)[i] = x;
    }
}

char *npy_shape_text(int rank, const int64_t *dim)
{
    char *s = rt_printf("[");
    for (int k = 0; k < rank && s; k++) {
        char *t = dim[k] < 0 ? rt_printf("%s%s?", s, k ? "," : "")
                             : rt_printf("%s%s%lld", s, k ? "," : "",
                                         (long long)dim[k]);
        free(s);
        s = t;
    }
    char *t = s ? rt_printf("%s]", s) : NULL;
    free(s);
    return t;
}

void npy_free(Npy *a)
{
    free(a->dim);
    free(a->data);
    *a = (Npy){0};
}

/* Reading position in a header. */
typedef struct Scan {
    const char *p, *end;
} Scan;

static void skip_space(Scan *s)
{
    while (s->p < s->end && isspace((unsigned char)*s->p))
        s->p++;
}

static int next_is(Scan *s, char c)
{
    skip_space(s);
    if (s->p == s->end || *s->p != c)
        return 0;
    s->p++;
    return 1;
}

/* A quoted word; the result points into the header. */
static int scan_string(Scan *s, const char **word, size_t *n)
{
    char quote = next_is(s, '\'') ? '\'' : next_is(s, '"') ? '"' : 0;
    if (!quote)
        return -1;
    const char *e = memchr(s->p, quote, (size_t)(s->end - s->p));
    if (!e)
        return -1;
    *word = s->p;
    *n = (size_t)(e - s->p);
    s->p = e + 1;
    return 0;
}

static int scan_word(Scan *s, const char *word)
{
    size_t n = strlen(word);
    skip_space(s);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n))
        return 0;
    s->p += n;
    return 1;
}

static int scan_dim(Scan *s, int64_t *x)
{
    skip_space(s);
    const char *start = s->p;
    *x = 0;
    for (; s->p < s->end && isdigit((unsigned char)*s->p); s->p++) {
        int digit = *s->p - '0';
        if (*x > (INT64_MAX - digit) / 10)
            return -1;
        *x = *x * 10 + digit;
    }
    if (s->p == start)
        return -1;
    if (s->p < s->end && *s->p == 'L') /* as Python 2 wrote it */
        s->p++;
    return 0;
}

static int scan_shape(Scan *s, Npy *a)
{
    if (!next_is(s, '('))
        return -1;
    while (!next_is(s, ')')) {
        int64_t *more = realloc(a->dim, sizeof *more * (size_t)(a->rank + 1));
        if (!more)
            return -1;
        a->dim = more;
        if (scan_dim(s, &a->dim[a->rank]))
            return -1;
        a->rank++;
        if (!next_is(s, ',')) {
            if (!next_is(s, ')'))
                return -1;
            break;
        }
    }
    return 0;
}

static int set_type(Npy *a, const char *word, size_t n, const char *path,
                    RtError *err)
{
    for (int k = 0; k < NTYPES; k++) {
        if (n != 3 || memcmp(word + 1, types[k].code, 2))
            continue;
        if (word[0] == '<' || types[k].bytes == 1) {
            a->type = (NpyType)k;
            return 0;
        }
    }
    return rt_fail(err,
                   "%s: elements are of type '%.*s', wanted little-endian "
                   "f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 or b1; in Python: "
                   "numpy.save(file, a.astype('<f4'))",
                   path, n < 40 ? (int)n : 40, word);
}

static int bad_header(const char *path, const char *what, RtError *err)
{
    return rt_fail(err,
                   "%s: damaged .npy header (%s), wanted {'descr': '<f8', "
                   "'fortran_order': False, 'shape': (2, 3), }",
                   path, what);
}

/* The dict literal h[n]; *fortran is 1 for column-major data. */
static int parse_header(const char *h, size_t n, const char *path, Npy *a,
                        int *fortran, RtError *err)
{
    Scan s = {h, h + n};
    int descr = 0, order = 0, shape = 0;
    if (!next_is(&s, '{'))
        return bad_header(path, "no '{'", err);
    while (!next_is(&s, '}')) {
        const char *key, *word;
        size_t nkey, nword;
        if (scan_string(&s, &key, &nkey) || !next_is(&s, ':'))
            return bad_header(path, "no 'key':", err);
        if (nkey == 5 && !memcmp(key, "descr", 5) && !descr++) {
            if (next_is(&s, '['))
                return rt_fail(err,
                               "%s: holds records with several fields, wanted "
                               "an array of numbers; save each field alone",
                               path);
            if (scan_string(&s, &word, &nword))
                return bad_header(path, "bad descr", err);
            if (set_type(a, word, nword, path, err))
                return -1;
        } else if (nkey == 13 && !memcmp(key, "fortran_order", 13) &&
                   !order++) {
            *fortran = scan_word(&s, "True");
            if (!*fortran && !scan_word(&s, "False"))
                return bad_header(path, "bad fortran_order", err);
        } else if (nkey == 5 && !memcmp(key, "shape", 5) && !shape++) {
            if (scan_shape(&s, a))
                return bad_header(path, "bad shape", err);
        } else {
            return bad_header(path, "an unknown key, or one twice", err);
        }
        if (!next_is(&s, ',')) {
            if (next_is(&s, '}'))
                break;
            return bad_header(path, "no ',' or '}'", err);
        }
    }
    if (!descr || !order || !shape)
        return bad_header(path, "a key is missing", err);
    return 0;
}

/* Product of the extents; -1 if the array could not fit into memory. */
static int64_t element_count(const Npy *a)
{
    int64_t n = 1;
    for (int k = 0; k < a->rank; k++)
        if (a->dim[k] == 0)
            return 0;
    for (int k = 0; k < a->rank; k++) {
        if (a->dim[k] > INT64_MAX / 16 / n)
            return -1;
        n *= a->dim[k];
    }
    return n;
}

/* The next n elements, row by row, of column-major data; at[rank]: where the
 * first is, which moves on. */
static void take_rows(const Npy *a, const char *src, int64_t *at, int64_t n,
                      char *dst)
{
    size_t size = npy_bytes(a->type);
    for (int64_t i = 0; i < n; i++) {
        int64_t from = 0;
        for (int k = a->rank - 1; k >= 0; k--)
            from = from * a->dim[k] + at[k];
        memcpy(dst + (size_t)i * size, src + (size_t)from * size, size);
        for (int k = a->rank - 1; k >= 0 && ++at[k] == a->dim[k]; k--)
            at[k] = 0;
    }
}

/* Row-major copy of column-major data. */
static char *row_major(const Npy *a, const char *src, RtError *err)
{
    size_t bytes = (size_t)a->count * npy_bytes(a->type);
    char *dst = malloc(bytes ? bytes : 1);
    int64_t *at = calloc((size_t)a->rank + 1, sizeof *at);
    if (dst && at) {
        take_rows(a, src, at, a->count, dst);
    } else {
        rt_fail_memory(err, bytes);
        free(dst);
        dst = NULL;
    }
    free(at);
    return dst;
}

/* The same into a store, which need not be in memory. */
static int store_rows(Npy *a, const char *src, RtStore *to, RtError *err)
{
    enum { BLOCK = 4096 };
    size_t size = npy_bytes(a->type);
    char *block = malloc(BLOCK * size);
    int64_t *at = calloc((size_t)a->rank + 1, sizeof *at);
    int bad = block && at ? 0 : rt_fail_memory(err, BLOCK * size);
    for (int64_t i = 0; i < a->count && !bad; i += BLOCK) {
        int64_t n = a->count - i < BLOCK ? a->count - i : BLOCK;
        take_rows(a, src, at, n, block);
        bad = store_add(to, block, (size_t)n * size, err);
    }
    free(block);
    free(at);
    if (bad || store_end(to, err)) {
        store_free(to);
        return -1;
    }
    a->data = to->data;
    return 0;
}

/* Checks magic and header of bytes[n]; *start is where the numbers begin. */
static int parse_file(const char *bytes, size_t n, const char *path, Npy *a,
                      size_t *start, int *fortran, RtError *err)
{
    const unsigned char *u = (const unsigned char *)bytes;
    if (n == 0)
        return rt_fail(err, "%s: the file is empty, wanted a .npy file", path);
    if (n < 10 || memcmp(bytes, "\x93NUMPY", 6))
        return rt_fail(err,
                       "%s: not a .npy file (it does not begin with "
                       "\"\\x93NUMPY\"); write one with numpy.save",
                       path);
    if (u[6] < 1 || u[6] > 3)
        return rt_fail(err, "%s: .npy format %d.%d, wanted 1.0, 2.0 or 3.0",
                       path, u[6], u[7]);
    size_t lead = u[6] == 1 ? 10 : 12;
    size_t h = (size_t)u[8] | (size_t)u[9] << 8;
    if (u[6] > 1 && n >= 12)
        h |= (size_t)u[10] << 16 | (size_t)u[11] << 24;
    if (n < lead || n - lead < h)
        return rt_fail(err,
                       "%s: the file is cut: a header of %zu bytes is "
                       "announced, %zu are there",
                       path, h, n < lead ? 0 : n - lead);
    if (parse_header(bytes + lead, h, path, a, fortran, err))
        return -1;
    a->count = element_count(a);
    if (a->count < 0) {
        char *shape = npy_shape_text(a->rank, a->dim);
        rt_fail(err, "%s: shape %s is too large for any memory", path,
                shape ? shape : "");
        free(shape);
        return -1;
    }
    *start = lead + h;
    return 0;
}

int npy_read_head(const char *path, Npy *a, RtError *err)
{
    char *bytes;
    size_t n, start;
    int fortran;
    *a = (Npy){0};
    if (rtio_read_head(path, 1 << 20, &bytes, &n, err))
        return -1;
    int bad = parse_file(bytes, n, path, a, &start, &fortran, err);
    free(bytes);
    return bad;
}

/* Whether `found` bytes behind the head are those of the array. */
static int check_size(const char *path, const Npy *a, size_t found,
                      RtError *err)
{
    size_t want = (size_t)a->count * npy_bytes(a->type);
    if (found == want)
        return 0;
    char *shape = npy_shape_text(a->rank, a->dim);
    rt_fail(err, "%s: %s: shape %s of %s takes %zu bytes, found %zu", path,
            found < want ? "the file is cut" : "bytes beyond the array",
            shape ? shape : "", npy_type_name(a->type), want, found);
    free(shape);
    return -1;
}

/* The head of a whole file; *columns is 1 where its numbers come by columns. */
static int parse_whole(const char *path, const char *bytes, size_t n, Npy *a,
                       size_t *start, int *columns, RtError *err)
{
    *a = (Npy){0};
    *columns = 0;
    if (parse_file(bytes, n, path, a, start, columns, err) ||
        check_size(path, a, n - *start, err))
        return -1;
    *columns &= a->rank > 1;
    return 0;
}

int npy_parse(const char *path, RtStore *bytes, Npy *a, RtError *err)
{
    size_t start = 0;
    int columns;
    int bad =
        parse_whole(path, bytes->data, bytes->size, a, &start, &columns, err);
    if (!bad && !columns) {
        memmove(bytes->data, bytes->data + start, bytes->size - start);
        a->data = bytes->data;
        return 0;
    }
    RtStore rows = {0};
    bad = bad || store_rows(a, bytes->data + start, &rows, err);
    store_free(bytes);
    *bytes = rows;
    return bad ? -1 : 0;
}

int npy_read(const char *path, Npy *a, RtError *err)
{
    char *bytes;
    size_t n, start = 0;
    int columns;
    *a = (Npy){0};
    if (rtio_read(path, &bytes, &n, err))
        return -1;
    int bad = parse_whole(path, bytes, n, a, &start, &columns, err);
    if (!bad && columns)
        a->data = row_major(a, bytes + start, err);
    if (!bad && !columns) {
        memmove(bytes, bytes + start, n - start);
        a->data = bytes;
        return 0;
    }
    free(bytes);
    return a->data ? 0 : -1;
}

/* A file that is packed, or not aligned. */
static int read_all(const char *path, Npy *a, RtStore *store, RtError *err)
{
    if (!store_read(store, path, err) && !store_end(store, err))
        return npy_parse(path, store, a, err);
    store_free(store);
    return -1;
}

int npy_map(const char *path, Npy *a, RtStore *store, RtError *err)
{
    struct stat st;
    char *bytes = NULL;
    size_t n = 0, start = 0;
    int fortran = 0;
    *store = (RtStore){0};
    *a = (Npy){0};
    if (stat(path, &st) || st.st_size < STORE_LARGE ||
        rtio_read_head(path, 1 << 16, &bytes, &n, NULL) || n < 6 ||
        memcmp(bytes, "\x93NUMPY", 6)) {
        free(bytes);
        return read_all(path, a, store, err);
    }
    int bad = parse_file(bytes, n, path, a, &start, &fortran, err);
    free(bytes);
    if (bad)
        return -1;
    size_t size = npy_bytes(a->type), want = (size_t)a->count * size;
    int columns = fortran && a->rank > 1;
    RtStore file = {0};
    if ((columns || start % size == 0) && (size_t)st.st_size == start + want &&
        !store_map(&file, path, start, want)) {
        if (!columns)
            *store = file;
        bad = columns && store_rows(a, file.data, store, err);
        a->data = store->data;
        if (columns)
            store_free(&file);
        return bad;
    }
    npy_free(a);
    return read_all(path, a, store, err);
}

/* The whole lead-in of a file: magic, length, dict, padding to 64. */
static char *make_header(NpyType type, int rank, const int64_t *dim, size_t *n)
{
    char *shape = rt_printf("(");
    for (int k = 0; k < rank && shape; k++) {
        char *t =
            rt_printf("%s%s%lld", shape, k ? ", " : "", (long long)dim[k]);
        free(shape);
        shape = t;
    }
    char *dict =
        shape ? rt_printf("{'descr': '%c%s', 'fortran_order': False, "
                          "'shape': %s%s), }",
                          npy_bytes(type) == 1 ? '|' : '<', npy_type_name(type),
                          shape, rank == 1 ? "," : "")
              : NULL;
    free(shape);
    if (!dict)
        return NULL;
    size_t len = strlen(dict);
    *n = (10 + len + 1 + 63) / 64 * 64;
    char *h = *n - 10 > 0xffff ? NULL : malloc(*n);
    if (h) {
        memset(h, ' ', *n);
        memcpy(h, "\x93NUMPY\x01\x00", 8);
        h[8] = (char)((*n - 10) & 0xff);
        h[9] = (char)((*n - 10) >> 8);
        memcpy(h + 10, dict, len);
        h[*n - 1] = '\n';
    }
    free(dict);
    return h;
}

int npy_write(const char *path, NpyType type, int rank, const int64_t *dim,
              const void *data, RtError *err)
{
    size_t n = 0, count = 1;
    for (int k = 0; k < rank; k++)
        count *= (size_t)dim[k];
    char *header = make_header(type, rank, dim, &n);
    if (!header)
        return rt_fail_memory(err, n);
    RtSave *s = rtio_save_open(path, err);
    if (s) {
        rtio_save_write(s, header, n);
        rtio_save_write(s, data, count * npy_bytes(type));
    }
    free(header);
    return s ? rtio_save_close(s, err) : -1;
}
