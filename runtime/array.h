/* Arrays in the files that data sets come in: .npy, one of a .npz, or idx, as
 * MNIST has; which of them is told by how the file begins. */
#ifndef CELLC_ARRAY_H
#define CELLC_ARRAY_H

#include "npy.h"
#include "store.h"

typedef enum ArrayKind {
    ARRAY_NONE, /* something else */
    ARRAY_NPY,
    ARRAY_NPZ,
    ARRAY_IDX
} ArrayKind;
/* ARRAY_NONE where the file cannot be read, or only once. */
ArrayKind array_kind(const char *path);

/* Start with `Array x = {0};`, end with array_free. */
typedef struct Array {
    Npy a;
    RtStore store; /* that a.data lies in, if it is not malloc'd */
    int image;     /* of idx: bytes of grey, 0 to 255 */
    int loose;     /* of idx: an image may be read as a sequence of pixels */
} Array;

/* `part`: the array of a .npz; NULL: its only one.  A large .npy that is not
 * packed is mapped, others lie in a store. */
int array_read(const char *path, const char *part, Array *x, RtError *err);
void array_free(Array *x);

/* Whether a .npz has an array of that name. */
int npz_has(const char *path, const char *name);
/* One array of a .npz, as npy_map. */
int npz_map(const char *path, const char *name, Npy *a, RtStore *store,
            RtError *err);
/* An idx file alike (LeCun, Cortes and Burges, "The MNIST database", 1998). */
int idx_map(const char *path, Npy *a, RtStore *store, RtError *err);

#endif
