/* A model with numbers: a descriptor, its parameter block and its gradient
 * block.  Parameters are spoken of by index in the descriptor's tensor table
 * (model_find) and exchanged as doubles, whatever the model computes in. */
#ifndef CELLC_MODEL_H
#define CELLC_MODEL_H

#include "cellrt.h"
#include "rterr.h"

typedef struct RtModel {
    const CellDesc *desc;         /* borrowed; outlives the model */
    void *params;                 /* desc->param_size reals, 64-byte aligned */
    void *grads;                  /* the same */
    struct RtModel *known, *step; /* NULL, or its parts for drawing along one of
                                     several time axes (compiler/part.c), with
                                     weights of their own */
} RtModel;

/* Zeroed memory for `bytes` bytes, 64-byte aligned, to be freed with free();
 * NULL on an error. */
void *rt_block(size_t bytes, RtError *err);

/* All parameters 0.  NULL on an error: another CELL_ABI, or no memory. */
RtModel *model_new(const CellDesc *desc, RtError *err);
void model_free(RtModel *m); /* NULL is fine */

/* Index of the tensor of that name and role, or -1.  The role matters where
 * names meet: an output and its state are both "h". */
int model_find(const CellDesc *d, int role, const char *name);
/* Index of the next tensor of that role after `after` (-1: the first), or -1:
 * for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) */
int model_next(const CellDesc *d, int role, int after);
/* Index of the tensor of that role that belongs to tensor `of`, or -1. */
int model_of(const CellDesc *d, int role, int of);
/* Reals of one element, the product of its extents. */
int64_t model_size(const CellTensor *t);
/* Whether it is a sum over sequences: TERM, COUNT, METRIC or LOSS. */
int model_sums(const CellTensor *t);
/* Number of parameters, and of those that are not frozen. */
int64_t model_count(const CellDesc *d, int64_t *trainable);

/* Where files of start values are, and data that tell some. */
typedef struct InitFrom {
    const char *base;             /* folder they are relative to, or NULL */
    const struct RtPairs *vocabs; /* by index set, as checkpoints have them */
    /* Adds how often each of the n members of a set occurs in the data. */
    void (*count)(const void *user, const char *set, double *count, int64_t n);
    const void *user; /* its */
} InitFrom;

/* Draws all parameters as their CellInit says.  The numbers depend on the seed
 * and on the parameter's name alone.  Matrices (the last two extents) of
 * rows x columns: "const" a; "normal" mean a, sd b; "truncated" the same, cut
 * at two sd; "uniform" a to b; "bernoulli" p = a; "glorot" uniform within
 * sqrt(6/(rows+columns)) (Glorot and Bengio 2010); "he" normal of sd
 * sqrt(2/columns) (He et al. 2015); "orthogonal" times a, 0 for 1 (Saxe et al.
 * 2014); "identity" times a, 0 for 1; "load" from a file, see load.h;
 * "frequency": how often each member of its set occurs in the data, to the
 * power a, with the sum 1, and all alike where there are no data.  Where a
 * start value does not lie inside (lo, hi), all values of that parameter are
 * taken as unconstrained ones: 0 becomes the middle of (0, 1), and 1 of
 * (0, inf). */
int model_init(RtModel *m, uint64_t seed, const InitFrom *from, RtError *err);

/* Copy model_size(t) doubles out of or into the blocks; `i` a CELL_PARAM. */
void model_get(const RtModel *m, int i, double *value);
void model_get_grad(const RtModel *m, int i, double *grad);
/* Error: a value that is not inside (lo, hi), or not a number. */
int model_set(RtModel *m, int i, const double *value, RtError *err);

/* Parameters from a folder with NAME.npy each, or from one .safetensors file
 * (a checkpoint too).  A missing or extra name, a wrong shape or type, and a
 * value outside its bounds are errors that name file, found and wanted; the
 * model may then be half filled.  A matrix of one row or column may come as a
 * vector. */
int model_load(RtModel *m, const char *path, RtError *err);

/* Copies all parameters by name from another compilation of the same spec (for
 * evaluation, in another precision).  A name that is not there is an error. */
int model_copy(RtModel *to, const RtModel *from, RtError *err);

/* A constrained value as the optimiser sees it and back: logit for (lo, hi),
 * log for one open end, the value itself where both are infinite.  The result
 * of model_bound lies strictly inside, in floats too.  model_slope is
 * d value / d free at that value. */
double model_unbound(const CellTensor *t, double value);
double model_bound(const CellTensor *t, double free, int real_bytes);
double model_slope(const CellTensor *t, double value);

#endif
