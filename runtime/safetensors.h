/* Files of named tensors: 8 bytes of header length, a JSON header, then the
 * numbers (format: github.com/huggingface/safetensors).  Holds weights that
 * come from elsewhere and, with text in its metadata, whole checkpoints. */
#ifndef CELLC_SAFETENSORS_H
#define CELLC_SAFETENSORS_H

#include <stdint.h>

#include "rterr.h"

typedef enum StType { ST_F32, ST_F64, ST_I64 } StType;

typedef struct StTensor {
    char *name;
    StType type;
    int rank;         /* 0 for a scalar */
    int64_t *dim;     /* rank extents */
    int64_t count;    /* product of dim */
    const void *data; /* count elements, row-major, 8-byte aligned if loaded */
    void *owned;      /* = data if st_load made it, NULL if borrowed */
} StTensor;

typedef struct StText {
    char *key, *value; /* UTF-8; value has no NUL inside */
} StText;

/* Start with `SafeTensors st = {0};`, end with st_free. */
typedef struct SafeTensors {
    StTensor *tensor; /* in the caller's order; loaded: in the file's order */
    int n, cap;
    StText *text; /* __metadata__ */
    int ntext, textcap;
} SafeTensors;

/* Adds a tensor; `data` is borrowed until st_save.  A name twice is an error.
 */
int st_add(SafeTensors *st, const char *name, StType type, int rank,
           const int64_t *dim, const void *data, RtError *err);
/* Adds a text of the metadata (copied); a key again replaces its value. */
int st_add_text(SafeTensors *st, const char *key, const char *value,
                RtError *err);
/* The same tensors and texts in the same order give the same bytes.  Replaces
 * `path` only when everything is on disk; on an error the old file stays. */
int st_save(const SafeTensors *st, const char *path, RtError *err);
/* Reads and checks every byte of the header and every offset.  `st` must be
 * empty; the caller frees it, also after an error. */
int st_load(SafeTensors *st, const char *path, RtError *err);
void st_free(SafeTensors *st);

const StTensor *st_find(const SafeTensors *st, const char *name); /* or NULL */
const char *st_text(const SafeTensors *st, const char *key);      /* or NULL */
size_t st_bytes(StType type);
const char *st_type_name(StType type); /* "F32", ... */
double st_value(const StTensor *t, int64_t i);
/* All elements as double or, with real_bytes 4, as float into dst[count]. */
void st_reals(const StTensor *t, int real_bytes, void *dst);

#endif
