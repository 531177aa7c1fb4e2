/* Derivatives of a model against central differences, on random data: every
 * parameter, real input and start value, chunk by chunk where asked, the state
 * that enters a chunk held constant and the noise fixed. */
#ifndef GRADCHECK_H
#define GRADCHECK_H

#include "cellrt.h"
#include "rterr.h"

#include <stdio.h>

typedef struct GradSetup {
    int64_t T, B;    /* steps and sequences of the data */
    int lengths;     /* sequences of random length, some classes unobserved */
    int64_t tbptt;   /* steps of a chunk; 0: the whole sequence */
    int64_t back;    /* > tbptt: it begins so many steps before its end, and
                        counts the last `tbptt`; compiled with "skip" */
    uint64_t seed;   /* of data, parameters and noise */
    int64_t entries; /* at most so many of each tensor, chosen at random; 0:
                        all */
    int starts;      /* start values only ("NAME@0"), else all the others */
    double tolerance;
} GradSetup;

/* The worst entry of one tensor. */
typedef struct GradRow {
    char *name;
    int64_t checked, of; /* entries compared, entries there are */
    int64_t index;       /* from 0, in the tensor as a row of numbers */
    double analytic, numeric;
    double error; /* |analytic - numeric| / max(1, |analytic|, |numeric|) */
} GradRow;

/* Start with {0}; several runs may add to one. */
typedef struct GradReport {
    GradRow *row;
    int n;
    double worst; /* error */
    double loss;  /* of all chunks; the same on every back end */
    double norm2; /* of all gradients: sum of squares, likewise */
} GradReport;

/* d has gradients, and those of inputs where they are to be checked.  Numeric
 * derivatives are five-point differences, with smaller steps where the first
 * disagrees (a kink nearby). */
int gradcheck_run(const CellDesc *d, const GradSetup *setup, GradReport *r,
                  RtError *err);
void gradcheck_free(GradReport *r);
/* A table, or JSON; `skipped` names what cannot be compared (NULL: nothing).
 * Returns the program's exit code. */
int gradcheck_print(const GradReport *r, double tolerance, const char *title,
                    const char *skipped, int as_json, FILE *to);

#endif
