/* safetensors in and out.  Reading trusts nothing: every length and offset is
 * checked against the file before it is used.  See safetensors.h. */
#include "safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "rtio.h"

#define TEXT_KEY "__metadata__"

/* Rows in the order of StType. */
static const struct {
    const char *name;
    size_t bytes;
} types[] = {{"F32", 4}, {"F64", 8}, {"I64", 8}};
enum { NTYPES = sizeof types / sizeof types[0] };

size_t st_bytes(StType type)
{
    return types[type].bytes;
}

const char *st_type_name(StType type)
{
    return types[type].name;
}

double st_value(const StTensor *t, int64_t i)
{
    switch (t->type) {
    case ST_F32:
        return ((const float *)t->data)[i];
    case ST_F64:
        return ((const double *)t->data)[i];
    case ST_I64:
        return (double)((const int64_t *)t->data)[i];
    }
    return 0;
}

void st_reals(const StTensor *t, int real_bytes, void *dst)
{
    for (int64_t i = 0; i < t->count; i++) {
        double x = st_value(t, i);
        if (real_bytes == 4)
            ((float *)dst)[i] = (float)x;
        else
            ((double *)dst)[i] = x;
    }
}

const StTensor *st_find(const SafeTensors *st, const char *name)
{
    for (int i = 0; i < st->n; i++)
        if (!strcmp(st->tensor[i].name, name))
            return &st->tensor[i];
    return NULL;
}

const char *st_text(const SafeTensors *st, const char *key)
{
    for (int i = 0; i < st->ntext; i++)
        if (!strcmp(st->text[i].key, key))
            return st->text[i].value;
    return NULL;
}

static void tensor_free(StTensor *t)
{
    free(t->name);
    free(t->dim);
    free(t->owned);
}

void st_free(SafeTensors *st)
{
    for (int i = 0; i < st->n; i++)
        tensor_free(&st->tensor[i]);
    for (int i = 0; i < st->ntext; i++) {
        free(st->text[i].key);
        free(st->text[i].value);
    }
    free(st->tensor);
    free(st->text);
    *st = (SafeTensors){0};
}

/* Room for one more element of `size` bytes in *v. */
static int grow(void **v, int n, int *cap, size_t size, RtError *err)
{
    if (n < *cap)
        return 0;
    int to = *cap ? *cap * 2 : 16;
    void *more = realloc(*v, (size_t)to * size);
    if (!more)
        return rt_fail_memory(err, (size_t)to * size);
    *v = more;
    *cap = to;
    return 0;
}

/* Product of the extents, -1 if it cannot be. */
static int64_t element_count(int rank, const int64_t *dim)
{
    int64_t n = 1;
    for (int k = 0; k < rank; k++) {
        if (dim[k] < 0 || (dim[k] && n > INT64_MAX / 16 / dim[k]))
            return -1;
        n *= dim[k];
    }
    return n;
}

/* Takes over `t` and what it points to, also on an error. */
static int push_tensor(SafeTensors *st, StTensor t, RtError *err)
{
    if (!t.name || !t.dim ||
        grow((void **)&st->tensor, st->n, &st->cap, sizeof t, err)) {
        tensor_free(&t);
        return rt_fail_memory(err, sizeof t);
    }
    st->tensor[st->n++] = t;
    return 0;
}

int st_add(SafeTensors *st, const char *name, StType type, int rank,
           const int64_t *dim, const void *data, RtError *err)
{
    if (!strcmp(name, TEXT_KEY) || st_find(st, name))
        return rt_fail(err, "tensor '%s' would be twice in the file", name);
    StTensor t = {.type = type, .rank = rank, .data = data};
    t.count = element_count(rank, dim);
    if (t.count < 0)
        return rt_fail(err, "tensor '%s' has an impossible shape", name);
    t.name = rt_printf("%s", name);
    t.dim = malloc(sizeof *dim * ((size_t)rank + 1));
    if (t.dim && rank)
        memcpy(t.dim, dim, sizeof *dim * (size_t)rank);
    return push_tensor(st, t, err);
}

int st_add_text(SafeTensors *st, const char *key, const char *value,
                RtError *err)
{
    char *v = rt_printf("%s", value);
    if (!v)
        return rt_fail_memory(err, strlen(value));
    for (int i = 0; i < st->ntext; i++)
        if (!strcmp(st->text[i].key, key)) {
            free(st->text[i].value);
            st->text[i].value = v;
            return 0;
        }
    char *k = rt_printf("%s", key);
    if (!k || grow((void **)&st->text, st->ntext, &st->textcap,
                   sizeof *st->text, err)) {
        free(k);
        free(v);
        return rt_fail_memory(err, strlen(key));
    }
    st->text[st->ntext++] = (StText){k, v};
    return 0;
}

/* {"dtype":..., "shape":[...], "data_offsets":[begin, end]}; moves *at on. */
static json_t *describe(const StTensor *t, int64_t *at)
{
    int64_t begin = *at;
    *at += t->count * (int64_t)st_bytes(t->type);
    json_t *shape = json_array();
    for (int k = 0; k < t->rank; k++)
        json_array_append_new(shape, json_integer(t->dim[k]));
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", st_type_name(t->type),
                     "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)*at);
}

/* The header's JSON; malloc'd. */
static char *make_header(const SafeTensors *st, RtError *err)
{
    json_t *root = json_object(), *text = json_object();
    int64_t at = 0;
    const char *bad = NULL;
    for (int i = 0; i < st->ntext && !bad; i++)
        if (json_object_set_new(text, st->text[i].key,
                                json_string(st->text[i].value)))
            bad = st->text[i].key;
    if (st->ntext)
        json_object_set(root, TEXT_KEY, text);
    json_decref(text);
    for (int i = 0; i < st->n && !bad; i++)
        if (json_object_set_new(root, st->tensor[i].name,
                                describe(&st->tensor[i], &at)))
            bad = st->tensor[i].name;
    char *s = bad ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (bad)
        rt_fail(err, "'%s' is not UTF-8 and cannot be stored", bad);
    else if (!s)
        rt_fail_memory(err, 0);
    return s;
}

int st_save(const SafeTensors *st, const char *path, RtError *err)
{
    char *json = make_header(st, err);
    if (!json)
        return -1;
    size_t len = strlen(json), padded = (len + 7) / 8 * 8;
    unsigned char lead[8];
    for (int k = 0; k < 8; k++)
        lead[k] = (unsigned char)((uint64_t)padded >> (8 * k));
    RtSave *s = rtio_save_open(path, err);
    if (s) {
        rtio_save_durable(s);
        rtio_save_write(s, lead, sizeof lead);
        rtio_save_write(s, json, len);
        rtio_save_write(s, "       ", padded - len);
        for (int i = 0; i < st->n; i++)
            rtio_save_write(s, st->tensor[i].data,
                            (size_t)st->tensor[i].count *
                                st_bytes(st->tensor[i].type));
    }
    free(json);
    return s ? rtio_save_close(s, err) : -1;
}

/* Where a tensor lies, to find overlaps and holes. */
typedef struct Range {
    int64_t begin, end;
    int tensor;
} Range;

static int by_begin(const void *a, const void *b)
{
    const Range *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* A list of non-negative integers as v[*n] (malloc'd); NULL if it is none. */
static int64_t *integers(const json_t *list, int *n)
{
    if (!json_is_array(list))
        return NULL;
    *n = (int)json_array_size(list);
    int64_t *v = malloc(sizeof *v * ((size_t)*n + 1));
    for (int k = 0; k < *n && v; k++) {
        const json_t *x = json_array_get(list, (size_t)k);
        v[k] = json_integer_value(x);
        if (!json_is_integer(x) || v[k] < 0) {
            free(v);
            v = NULL;
        }
    }
    return v;
}

static int find_type(const char *word)
{
    for (int k = 0; k < NTYPES && word; k++)
        if (!strcmp(word, types[k].name))
            return k;
    return -1;
}

/* One entry of the header, its numbers copied from data[size]. */
static int load_tensor(SafeTensors *st, const char *name, const json_t *entry,
                       const char *data, size_t size, Range *range,
                       RtError *err)
{
    const char *word = json_string_value(json_object_get(entry, "dtype"));
    int type = find_type(word);
    if (type < 0)
        return rt_fail(err, "'%s' has type %s, wanted F32, F64 or I64", name,
                       word ? word : "(none)");
    StTensor t = {.type = (StType)type};
    t.dim = integers(json_object_get(entry, "shape"), &t.rank);
    t.count = t.dim ? element_count(t.rank, t.dim) : -1;
    int n = 0;
    int64_t *at = integers(json_object_get(entry, "data_offsets"), &n);
    if (t.count < 0 || !at || n != 2) {
        free(t.dim);
        free(at);
        return rt_fail(err, "'%s' has no proper shape and data_offsets", name);
    }
    range->begin = at[0];
    range->end = at[1];
    range->tensor = st->n;
    free(at);
    int64_t want = t.count * (int64_t)types[type].bytes;
    if (range->begin > range->end || (uint64_t)range->end > size ||
        range->end - range->begin != want) {
        free(t.dim);
        return rt_fail(err,
                       "'%s' lies at bytes %lld to %lld: its shape takes %lld "
                       "bytes and the file has %zu%s",
                       name, (long long)range->begin, (long long)range->end,
                       (long long)want, size,
                       (uint64_t)range->end > size ? "; the file is cut" : "");
    }
    t.owned = malloc(want ? (size_t)want : 1);
    t.data = t.owned;
    if (t.owned) {
        memcpy(t.owned, data + range->begin, (size_t)want);
        t.name = rt_printf("%s", name);
    }
    return push_tensor(st, t, err);
}

/* Each byte of the data belongs to exactly one tensor. */
static int check_ranges(const SafeTensors *st, Range *range, size_t size,
                        RtError *err)
{
    qsort(range, (size_t)st->n, sizeof *range, by_begin);
    int64_t at = 0;
    for (int i = 0; i < st->n; i++) {
        const char *name = st->tensor[range[i].tensor].name;
        if (range[i].begin < at)
            return rt_fail(err, "'%s' overlaps '%s'", name,
                           st->tensor[range[i - 1].tensor].name);
        if (range[i].begin > at)
            return rt_fail(err, "%lld bytes before '%s' belong to no tensor",
                           (long long)(range[i].begin - at), name);
        at = range[i].end;
    }
    if ((uint64_t)at != size)
        return rt_fail(err, "%lld bytes at the end belong to no tensor",
                       (long long)size - (long long)at);
    return 0;
}

static int load_texts(SafeTensors *st, json_t *texts, RtError *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(texts))
        return rt_fail(err, "its " TEXT_KEY " is no map of texts");
    json_object_foreach(texts, key, value)
    {
        if (!json_is_string(value))
            return rt_fail(err, "its " TEXT_KEY " '%s' is no text", key);
        if (st_add_text(st, key, json_string_value(value), err))
            return -1;
    }
    return 0;
}

static int load_header(SafeTensors *st, json_t *root, const char *data,
                       size_t size, RtError *err)
{
    if (!json_is_object(root))
        return rt_fail(err, "its header is no map of tensors");
    Range *range = malloc(sizeof *range * (json_object_size(root) + 1));
    if (!range)
        return rt_fail_memory(err, sizeof *range);
    const char *name;
    json_t *entry;
    int bad = 0;
    json_object_foreach(root, name, entry)
    {
        bad = strcmp(name, TEXT_KEY)
                  ? load_tensor(st, name, entry, data, size, &range[st->n], err)
                  : load_texts(st, entry, err);
        if (bad)
            break;
    }
    if (!bad)
        bad = check_ranges(st, range, size, err);
    free(range);
    return bad;
}

static int load_bytes(SafeTensors *st, const char *bytes, size_t n,
                      RtError *err)
{
    uint64_t len = 0;
    for (int k = 7; k >= 0 && n >= 8; k--)
        len = len << 8 | (unsigned char)bytes[k];
    if (n == 0)
        return rt_fail(err, "the file is empty");
    if (n < 8 || (n > 8 && bytes[8] != '{'))
        return rt_fail(err, "not a .safetensors file");
    if (len > n - 8)
        return rt_fail(err,
                       "the file is cut: a header of %llu bytes is announced, "
                       "%zu are there",
                       (unsigned long long)len, n - 8);
    json_error_t why;
    json_t *root =
        json_loadb(bytes + 8, (size_t)len, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        return rt_fail(err, "damaged header: %s at byte %d", why.text,
                       why.position);
    int bad = load_header(st, root, bytes + 8 + len, n - 8 - (size_t)len, err);
    json_decref(root);
    return bad;
}

int st_load(SafeTensors *st, const char *path, RtError *err)
{
    char *bytes;
    size_t n;
    if (rtio_read(path, &bytes, &n, err))
        return -1;
    int bad = load_bytes(st, bytes, n, err);
    free(bytes);
    return bad ? rt_fail_in(err, path) : 0;
}
