/* NumPy's .npy files (format 1.0, 2.0, 3.0): one array per file, the form in
 * which `run`, `predict` and data sets exchange numbers. */
#ifndef CELLC_NPY_H
#define CELLC_NPY_H

#include <stdint.h>

#include "rterr.h"
#include "store.h"

typedef enum NpyType {
    NPY_F4,
    NPY_F8,
    NPY_I1,
    NPY_I2,
    NPY_I4,
    NPY_I8,
    NPY_U1,
    NPY_U2,
    NPY_U4,
    NPY_U8,
    NPY_B1
} NpyType;

typedef struct Npy {
    NpyType type;  /* of one element of data */
    int rank;      /* 0 for a scalar */
    int64_t *dim;  /* rank extents, first axis first */
    int64_t count; /* product of dim; 1 for a scalar */
    void *data;    /* count elements, row-major, whatever the file's order;
                      NULL after npy_read_head */
} Npy;

/* Reads an array; the caller frees it with npy_free, also after an error. */
int npy_read(const char *path, Npy *a, RtError *err);
/* The same of a file whose bytes the store has, after store_end: a->data lies
 * there, if the store is not left empty. */
int npy_parse(const char *path, RtStore *bytes, Npy *a, RtError *err);
/* The same of a file that may be larger than memory. */
int npy_map(const char *path, Npy *a, RtStore *store, RtError *err);
/* Type and shape only, as when dims are solved before there is a model. */
int npy_read_head(const char *path, Npy *a, RtError *err);
void npy_free(Npy *a);

/* Writes row-major data of shape dim[rank] as format 1.0, little-endian,
 * replacing `path` only when everything is on disk. */
int npy_write(const char *path, NpyType type, int rank, const int64_t *dim,
              const void *data, RtError *err);

size_t npy_bytes(NpyType type);          /* of one element */
const char *npy_type_name(NpyType type); /* "f4", ... */
int npy_is_float(NpyType type);
/* Element i of an array of that type, as a double (I8 and U8 are rounded
 * beyond 2^53). */
double npy_value(NpyType type, const void *data, int64_t i);
/* All elements as double or, with real_bytes 4, as float into dst[count]. */
void npy_reals(const Npy *a, int real_bytes, void *dst);
/* "[3,4,5]"; malloc'd.  Negative extents are written as "?". */
char *npy_shape_text(int rank, const int64_t *dim);

#endif
