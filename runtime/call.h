/* Settings that look like calls: adam(lr = 2e-3, beta1 = 0.9), norm(5, eps =
 * 1e-6), constant.  A parser for one call and a table-driven check of its
 * arguments, with did-you-mean. */
#ifndef CELLC_CALL_H
#define CELLC_CALL_H

#include "rterr.h"

/* One argument that a kind of call takes. */
typedef struct CallArg {
    const char *name;
    double value;  /* default; NAN: must be given */
    double lo, hi; /* legal: lo <= value < hi, and INFINITY if that is hi */
} CallArg;

/* One kind of call: a row of the table of whoever understands it. */
typedef struct CallKind {
    const char *name;
    const CallArg *arg; /* ends with a NULL name */
} CallKind;

/* Most arguments that any kind takes. */
enum { CALL_ARGS = 8 };

/* Parses `text` and finds its kind among kinds[nkind] (rows of `stride` bytes
 * that begin with a CallKind).  Arguments come by place or by name; numbers,
 * inf, true, false.  value[] gets all arguments of the kind in its order.
 * `what` ("optimizer") is for messages.  Returns the row, or -1. */
int call_parse(const char *text, const char *what, const void *kinds, int nkind,
               size_t stride, double value[CALL_ARGS], RtError *err);
/* The call with all its arguments, "adam(lr = 0.002, beta1 = 0.9, ...)";
 * malloc'd, numbers read back exactly. */
char *call_text(const CallKind *kind, const double value[CALL_ARGS]);

/* The nearest of n names (rows of `stride` bytes that begin with a pointer to
 * the name) to a mistyped one, or NULL if none is near. */
const char *call_nearest(const char *name, const void *names, int n,
                         size_t stride);

#endif
