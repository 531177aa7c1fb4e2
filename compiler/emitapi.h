/* What the two halves of an emitted file's interface share: emitapi.c with
 * whole sequences, emitstream.c with streams. */
#ifndef CELLC_EMITAPI_H
#define CELLC_EMITAPI_H

#include "emit.h"

/* An argument of NAME_run and NAME_step: a tensor that goes in or out. */
typedef struct Arg {
    const CellTensor *t;
    const char *name; /* of the argument */
} Arg;

typedef struct Api {
    Emit *e;
    const Plan *p;
    const char *name, *real;
    const char **id;  /* per tensor: unique identifier */
    VEC(Arg) in, out; /* arguments */
    VEC(Arg) carried; /* names that a stream keeps from step to step */
} Api;

void api_init(Api *api, Emit *e);
/* Reals of one element. */
int64_t api_elements(const CellTensor *t);
/* [T,B,64] as in comments; of one step [64]. */
const char *api_extents(Api *api, const CellTensor *t, bool step);
/* Its number of reals as C over the extents. */
const char *api_count(Api *api, const CellTensor *t);
/* Pointer to step `row`, counted from the first, of a tensor. */
const char *api_at(Api *api, const CellTensor *t, int row);
/* "const float *x, float *h, ": declarations of the arguments, or their names
 * alone; and what comments say about them. */
void api_args(Api *api, Buf *b);
void api_names(Api *api, Buf *b);
void api_arg_docs(Api *api, Buf *b, bool step);
/* A function that fills in lengths and what else a run needs. */
void api_begin(Api *api, Buf *b, const char *name);
/* Statements that bring the arguments into `work` and out of it. */
void api_inputs(Api *api, Buf *b);
void api_outputs(Api *api, Buf *b);

/* emitstream.c: NAME_prepare, NAME_step and NAME_steps; nothing without
 * options.stream.  The kernels that stream_source() needs are noted in `e`. */
void stream_header(Emit *e, Buf *b);
void stream_source(Emit *e, Buf *b);

#endif
