/* Arrays by how their file begins, and idx files.  See array.h. */
#include "array.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rtio.h"

/* Types of elements by the third byte of an idx file; those of several bytes
 * begin with the highest. */
static const struct {
    unsigned char code;
    NpyType type;
} idx_types[] = {{0x08, NPY_U1}, {0x09, NPY_I1}, {0x0b, NPY_I2},
                 {0x0c, NPY_I4}, {0x0d, NPY_F4}, {0x0e, NPY_F8}};
enum { NIDX = sizeof idx_types / sizeof *idx_types, RANKS = 8 };

static int idx_type(const unsigned char *head)
{
    for (int k = 0; k < NIDX; k++)
        if (!head[0] && !head[1] && head[2] == idx_types[k].code && head[3] &&
            head[3] <= RANKS)
            return k;
    return -1;
}

ArrayKind array_kind(const char *path)
{
    struct stat st;
    RtError err = {0};
    char *head = NULL;
    size_t n = 0;
    ArrayKind kind = ARRAY_NONE;

    if (stat(path, &st) || !S_ISREG(st.st_mode) ||
        rtio_read_head(path, 4, &head, &n, &err)) {
        rt_error_clear(&err);
        return ARRAY_NONE;
    }
    if (n == 4 && !memcmp(head, "\x93NUM", 4))
        kind = ARRAY_NPY;
    else if (n == 4 && !memcmp(head, "PK\3\4", 4))
        kind = ARRAY_NPZ;
    else if (n == 4 && idx_type((const unsigned char *)head) >= 0)
        kind = ARRAY_IDX;
    free(head);
    return kind;
}

/* The order of the bytes of n elements is turned. */
static void turn(char *data, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++, data += size)
        for (size_t k = 0; k < size / 2; k++) {
            char c = data[k];
            data[k] = data[size - 1 - k];
            data[size - 1 - k] = c;
        }
}

/* Extents from the head of an idx file, and the bytes that the array takes; -1
 * if no memory could hold it. */
static int64_t idx_shape(const unsigned char *u, Npy *a)
{
    int64_t most = INT64_MAX / 16;

    a->count = 1;
    for (int k = 0; k < a->rank; k++) {
        const unsigned char *p = u + 4 + 4 * k;

        a->dim[k] = (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
        if (a->dim[k] && a->count > most / a->dim[k])
            return -1;
        a->count *= a->dim[k];
    }
    return a->count * (int64_t)npy_bytes(a->type);
}

int idx_map(const char *path, Npy *a, RtStore *store, RtError *err)
{
    *a = (Npy){0};
    *store = (RtStore){0};
    if (store_read(store, path, err) || store_end(store, err))
        return -1;
    const unsigned char *u = (const unsigned char *)store->data;
    size_t n = store->size, start = 4;
    int k = n >= 4 ? idx_type(u) : -1;
    int64_t want = 0;

    if (k < 0)
        return rt_fail(err,
                       "%s: not an idx file: it begins with two zeros, a type "
                       "and the number of extents",
                       path);
    a->type = idx_types[k].type;
    a->rank = u[3];
    start += 4 * (size_t)a->rank;
    a->dim = malloc(sizeof *a->dim * (size_t)a->rank);
    if (!a->dim)
        return rt_fail_memory(err, sizeof *a->dim);
    if (n < start || (want = idx_shape(u, a)) < 0 ||
        (int64_t)(n - start) != want)
        return rt_fail(err,
                       "%s: the idx file is cut or too long: %zu bytes, its "
                       "head says %lld",
                       path, n, (long long)want + (long long)start);
    memmove(store->data, store->data + start, (size_t)want);
    turn(store->data, (size_t)a->count, npy_bytes(a->type));
    a->data = store->data;
    return 0;
}

int array_read(const char *path, const char *part, Array *x, RtError *err)
{
    ArrayKind kind = array_kind(path);

    *x = (Array){0};
    if (kind == ARRAY_NPZ)
        return npz_map(path, part, &x->a, &x->store, err);
    if (part && kind != ARRAY_NONE)
        return rt_fail(err, "%s: holds one array, none called %s", path, part);
    if (kind == ARRAY_IDX) {
        x->loose = 1;
        if (idx_map(path, &x->a, &x->store, err))
            return -1;
        x->image = x->a.type == NPY_U1 && x->a.rank > 1;
        return 0;
    }
    return npy_map(path, &x->a, &x->store, err);
}

void array_free(Array *x)
{
    if (x->store.data) {
        x->a.data = NULL;
        store_free(&x->store);
    }
    npy_free(&x->a);
}
