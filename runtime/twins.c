/* Sequences with the same inputs, see twins.h: they are sorted by a hash of
 * their values, and neighbours compared. */
#include "twins.h"

#include <stdlib.h>
#include <string.h>

typedef struct Twin {
    uint64_t hash;
    int64_t seq, at; /* which, and where it stood */
} Twin;

/* Where the numbers of a sequence lie in a field, and how many they are. */
static int64_t span(const RtData *d, const RtField *f, int64_t q, int64_t *from)
{
    *from = f->size * (f->is_static || !d->steps[f->axis].offset
                           ? q
                           : d->steps[f->axis].offset[q]);
    return f->size * (f->is_static ? 1 : data_steps(d, f->axis, q));
}

/* FNV-1a over the numbers and, between fields, how many there are. */
static uint64_t hash_of(const RtData *d, const RtField *const *field, int n,
                        int64_t q)
{
    uint64_t h = 14695981039346656037u;

    for (int k = 0; k < n; k++) {
        int64_t from, count = span(d, field[k], q, &from);
        for (int64_t i = -1; i < count; i++) {
            double v =
                i < 0 ? (double)count : data_value(field[k], from + i) + 0.0;
            unsigned char byte[sizeof v];
            memcpy(byte, &v, sizeof v);
            for (size_t b = 0; b < sizeof v; b++)
                h = (h ^ byte[b]) * 1099511628211u;
        }
    }
    return h;
}

static int same(const RtData *d, const RtField *const *field, int n, int64_t p,
                int64_t q)
{
    for (int k = 0; k < n; k++) {
        int64_t a, b, count = span(d, field[k], p, &a);
        if (span(d, field[k], q, &b) != count)
            return 0;
        for (int64_t i = 0; i < count; i++)
            if (data_value(field[k], a + i) != data_value(field[k], b + i))
                return 0;
    }
    return 1;
}

static int by_hash(const void *a, const void *b)
{
    const Twin *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

int64_t twins_find(const RtData *data, const RtField *const *field, int nfield,
                   int64_t *seq, int64_t n, int64_t *next, RtError *err)
{
    Twin *twin = malloc(((size_t)n + 1) * sizeof *twin);
    unsigned char *later = calloc((size_t)n + 1, 1);
    int64_t kept = 0;

    if (!twin || !later) {
        free(twin);
        free(later);
        return rt_fail_memory(err, (size_t)n * sizeof *twin);
    }
    for (int64_t i = 0; i < n; i++)
        twin[i] = (Twin){hash_of(data, field, nfield, seq[i]), seq[i], i};
    qsort(twin, (size_t)n, sizeof *twin, by_hash);
    for (int64_t i = 0; i < n; i++) {
        Twin *t = &twin[i];
        next[t->seq] = -1;
        if (i && t[-1].hash == t->hash &&
            same(data, field, nfield, t[-1].seq, t->seq)) {
            next[t[-1].seq] = t->seq;
            later[t->at] = 1;
        }
    }
    for (int64_t i = 0; i < n; i++)
        if (!later[i])
            seq[kept++] = seq[i];
    free(twin);
    free(later);
    return kept;
}
