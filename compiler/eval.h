/* The reference interpreter: evaluates equations by demand, in double, with
 * no schedule, no loops and none of the emitters' code, as they were written:
 * before the passes that simplify and merge.  The oracle for both styles, and
 * the back end "eval". */
#ifndef CELLC_EVAL_H
#define CELLC_EVAL_H

#include "plan.h"

/* Makes `d` run by interpretation of g; tensors lie where `p` says, in the
 * precision of d.  Everything lives in `a`. */
void eval_attach(CellDesc *d, const Graph *g, const Plan *p, Arena *a);

enum {
    ORIGIN_EQUATION, /* an operation of that equation made it */
    ORIGIN_PARAM,    /* a parameter holds it */
    ORIGIN_GIVEN     /* an input or what the chunk before left does */
};

/* What first was no finite number. */
typedef struct EvalOrigin {
    int kind;
    const char *name; /* of equation, parameter or input; NULL: none known */
    Span span;        /* of the operation */
    VEC(Span) path;   /* of the operations that lead there from the loss */
    const char *what; /* "exp(812.4) = inf", or the number */
    int axis;         /* time axis, from 0; < 0: it has no step */
    int64_t step;     /* from 1 */
    int64_t row;      /* sequence, from 0; -1: it is of all of them */
} EvalOrigin;

/* Runs `d`, which eval_attach has made, forward (fn 0) or its gradients (1),
 * with every value rounded as its type would, and finds where the first number
 * of the loss or of the gradients that is not finite comes from; false: all
 * are.  Texts live in `a`. */
bool eval_blame(const CellDesc *d, int fn, const void *params, void *grads,
                void *work, const int64_t *n, Arena *a, EvalOrigin *out);

#endif
