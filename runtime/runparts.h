/* What the parts of run_arrays share: the arrays and sums of one evaluation.
 * runread.c fills the inputs, runarrays.c runs, runwrite.c writes. */
#ifndef RUNPARTS_H
#define RUNPARTS_H

#include "runarrays.h"

#include "optim.h"
#include "session.h"

/* An array bound to an input of the model, time first. */
typedef struct Bound {
    int tensor;
    const char *path;
    Npy a;
} Bound;

typedef struct Run {
    const CellDesc *d;
    const RunSetup *set;
    RtModel *m;
    RtSession *s;
    Bound *bound;
    int nbound;
    int64_t n[CELL_AXES]; /* of the whole sequences; -1: not known yet */
    const char *from[CELL_AXES]; /* files that said so */
    int64_t *length[CELL_TIMES]; /* [B] of the whole sequences, per axis */
    int64_t *piece;            /* [B] of the chunk */
    unsigned char *last;       /* [B] the sequence ends in the chunk */
    double **value;  /* [ntensor] assembled OUTPUT, FINAL and GRAD tensors */
    double **total;  /* [ntensor] COUNTs of the whole sequences, [B] */
    double *grad;    /* [param_size] sum over the chunks */
    double *scratch; /* room for one tensor of a chunk */
    double loss;
} Run;

/* n elements of zeros; NULL after an error. */
void *run_room(int64_t n, size_t size, RtError *err);
/* dst[B,A,...] = src[A,B,...], `bytes` for each element. */
void run_transpose(void *dst, const void *src, int64_t A, int64_t B,
                   size_t bytes);
/* Reads all arrays of the setup, checks that they fit the model and each
 * other, and sets T, B and the lengths. */
int run_read(Run *r, RtError *err);
/* OUT/PREFIX+NAME.npy; shape dim[rank]. */
int run_write(const Run *r, const char *prefix, const char *name, int integer,
              int rank, const int64_t *dim, const double *value, RtError *err);
/* PREFIX+NAME.npy of every parameter from value[param_size]; with n > 0 of n
 * such blocks one after the other, [n,...]. */
int run_write_params(const Run *r, const char *prefix, const double *value,
                     int64_t n, RtError *err);
/* Outputs, finals, the loss and, where asked, gradients. */
int run_write_results(const Run *r, RtError *err);

#endif
