/* One evaluation of a model on arrays: the half of the verb `run` that comes
 * after compiling.  Reads .npy files into the model's inputs, runs it (in
 * chunks, where asked), and writes outputs, finals, gradients and updated
 * parameters as .npy files. */
#ifndef RUNARRAYS_H
#define RUNARRAYS_H

#include "cellrt.h"
#include "rterr.h"

/* NAME=PATH of the command line; the name has n bytes. */
typedef struct RunFile {
    const char *name;
    int n;
    const char *path;
} RunFile;

typedef struct RunSetup {
    const RunFile *in, *state, *up; /* --in, --state, --upstream */
    const RunFile *noise; /* --noise: draws that are given, with training */
    int nin, nstate, nup, nnoise;
    const char *weights;  /* folder or .safetensors; NULL: drawn from seed */
    const char **lengths; /* FILE or AXIS=FILE: integers [B], nlengths of
                             them; not given: all steps */
    int nlengths;
    const char *base; /* folder of the spec, for load("file") */
    int batch_first;  /* arrays are [B,T,...], in and out */
    int grad;         /* write gradients */
    int training;     /* draw noise */
    uint64_t seed;
    int64_t tbptt;         /* steps of a chunk; 0: the whole sequence.  The
                              model is then compiled with "total" */
    int64_t back;          /* > tbptt: steps that the gradient of a chunk goes
                              back; compiled with "skip" too */
    const char *clip;      /* "norm(1)", or NULL */
    const char *optimizer; /* "sgd(lr=0.1)" */
    int64_t steps;         /* updates to take; 0: none */
    const char *out;       /* folder, made if it is not there */
} RunSetup;

/* d: compiled with "state" and "upstream" as the setup has them, with
 * "backward" for grad, clip or steps, with "inputgrad" for grad.  Error: see
 * INTERFACE.md, section 2; nothing has been written then unless writing
 * itself failed. */
int run_arrays(const CellDesc *d, const RunSetup *setup, RtError *err);

/* Makes a folder with all above it; one that is there is fine. */
int run_make_folder(const char *path, RtError *err);

#endif
