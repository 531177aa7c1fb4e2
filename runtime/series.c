/* Series, see series.h. */
#include "series.h"

#include <stdlib.h>
#include <string.h>

void series_begin(Series *s, const RtWant *want, NpyType type)
{
    *s = (Series){.want = *want, .type = type};
}

void series_free(Series *s)
{
    store_free(&s->store);
    store_free(&s->start);
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
    if (!s->n && store_add(&s->start, &s->all, sizeof s->all, err))
        return -1;
    memcpy(s->want.dim, element, sizeof *element * (size_t)s->want.rank);
    for (int64_t i = 0; i < a->count; i++) {
        double x = npy_value(a->type, a->data, i);
        float y = (float)x;
        const void *from = s->type == NPY_F4 ? (const void *)&y : &x;

        if (store_add(&s->store, from, npy_bytes(s->type), err))
            return -1;
    }
    s->all += T;
    s->n++;
    return store_add(&s->start, &s->all, sizeof s->all, err);
}

int series_end(Series *s, RtData *d, const char *from, RtError *err)
{
    if ((!s->n && store_add(&s->start, &s->all, sizeof s->all, err)) ||
        store_end(&s->start, err) || store_end(&s->store, err))
        return -1;
    for (int k = 0; k < s->want.rank; k++)
        s->want.dim[k] = s->want.dim[k] < 0 ? 1 : s->want.dim[k];
    return data_add_store(d, &s->want, from, &s->store, s->type, 1, s->n,
                          (const int64_t *)(void *)s->start.data, err);
}
