/* Series, see series.h. */
#include "series.h"

#include <stdlib.h>
#include <string.h>

void series_begin(Series *s, const RtWant *want, NpyType type)
{
    *s = (Series){.want = *want, .type = type, .store = STORE_EMPTY};
}

void series_free(Series *s)
{
    store_free(&s->store);
    free(s->start);
    s->start = NULL;
}

static int grow(Series *s, RtError *err)
{
    if (s->n + 2 > s->cap) {
        int64_t cap = s->cap ? 2 * s->cap : 256;
        int64_t *more = realloc(s->start, sizeof *more * (size_t)cap);

        if (!more)
            return rt_fail_memory(err, sizeof *more * (size_t)cap);
        s->start = more;
        s->cap = cap;
    }
    s->start[0] = 0;
    return 0;
}

/* The array does not fit. */
static int misfit(const Series *s, const char *place, const Npy *a,
                  RtError *err)
{
    char *found = npy_shape_text(a->rank, a->dim);
    char *want = data_shape_text(s->want.is_static ? "" : "T", &s->want);

    rt_fail(err, "%s: shape %s for input %s, wanted %s%s", place,
            found ? found : "?", s->want.name, want ? want : "?",
            s->n ? " as in the lines before" : "");
    free(found);
    free(want);
    return -1;
}

int series_add(Series *s, const char *place, const Npy *a, RtError *err)
{
    int64_t element[4];
    int64_t T = data_fit(&s->want, a->rank, a->dim, element);

    if (T < 0)
        return misfit(s, place, a, err);
    if (grow(s, err))
        return -1;
    memcpy(s->want.dim, element, sizeof *element * (size_t)s->want.rank);
    for (int64_t i = 0; i < a->count; i++) {
        double x = npy_value(a->type, a->data, i);
        float y = (float)x;
        const void *from = s->type == NPY_F4 ? (const void *)&y : &x;

        if (store_add(&s->store, from, npy_bytes(s->type), err))
            return -1;
    }
    s->start[s->n + 1] = s->start[s->n] + T;
    s->n++;
    return 0;
}

int series_end(Series *s, RtData *d, const char *from, RtError *err)
{
    if (grow(s, err) || store_end(&s->store, err))
        return -1;
    for (int k = 0; k < s->want.rank; k++)
        s->want.dim[k] = s->want.dim[k] < 0 ? 1 : s->want.dim[k];
    return data_add_store(d, &s->want, from, &s->store, s->type, 1, s->n,
                          s->start, err);
}
