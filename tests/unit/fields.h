/* Fields of data sets as the unit tests add them. */
#ifndef CELLC_FIELDS_H
#define CELLC_FIELDS_H

#include "data.h"

/* A text of one sequence. */
static inline int add_ids(RtData *d, const char *name, const int32_t *ids,
                          int64_t n, int64_t classes, RtError *err)
{
    RtWant want = {.name = name, .is_index = 1, .classes = classes};
    return data_add_classes(d, &want, name, ids, 1, (int64_t[]){0, n}, err);
}

/* Lengths from an array of numbers. */
static inline int add_lengths(RtData *d, int axis, const char *path,
                              RtError *err)
{
    Npy a;
    double x[64];
    int bad = npy_read(path, &a, err);
    assert_true(a.count <= 64);
    if (!bad)
        npy_reals(&a, 8, x);
    bad = bad || data_lengths(d, axis, path, x, a.count, err);
    npy_free(&a);
    return bad ? -1 : 0;
}

#endif
