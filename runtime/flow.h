/* How a gradient travels through time: d of[t] / d by[k] over the lag t-k,
 * exactly, by back-propagating every unit vector from the last step of a
 * sequence.  The model must have been compiled with "flow" and "upstream" (see
 * compiler/cellc.h), in double precision for exact results. */
#ifndef CELLC_FLOW_H
#define CELLC_FLOW_H

#include "model.h"
#include "session.h"

/* One sequence: value[i], doubles [T,1,element] of every input tensor i that is
 * not one of the flow's own, and its steps along the time axes. */
typedef struct FlowData {
    double **value; /* [ntensor], NULL: not an input */
    int64_t steps[CELL_TIMES];
} FlowData;

/* Sums over sequences, [lags]; start with {0}. */
typedef struct Flow {
    const char *of, *by; /* states; or `by` an input */
    int64_t lags;
    double *count;              /* sequences that are so long */
    double *norm;               /* Frobenius norm of the Jacobian */
    double *largest, *smallest; /* its singular values */
    double *direct; /* norm of what passes element by element; NULL: nothing
                       does, or by is not of */
} Flow;

/* Whether a tensor is an input that the flow fills by itself. */
int flow_own_input(const CellTensor *t);
/* Adds one sequence.  Errors: no state of that name, no memory. */
int flow_add(Flow *f, RtModel *m, const FlowData *data, RtError *err);
/* Sums become means. */
void flow_mean(Flow *f);
void flow_free(Flow *f);

/* Made-up data: normal numbers, classes with equal probability. */
int flow_random(const CellDesc *d, FlowData *data, uint64_t seed, RtError *err);
void flow_data_free(const CellDesc *d, FlowData *data);

/* Puts such a sequence into a session, `rows` times side by side, ready for
 * session_forward; inputs that are the flow's own are 0. */
int flow_begin(RtSession *s, const FlowData *data, int64_t rows, RtError *err);

#endif
