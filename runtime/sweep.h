/* The operations of kernel `sweep`: a program that runs over the lines of
 * matrices, one after the other, so that what it makes of a line is used while
 * it is in registers.  There is one line at hand, A, of n reals.  A program may
 * also go over the steps of a turn before it comes to the next lines, where
 * lines do not depend on each other: A is then a line of a state, which goes
 * from step to step in registers. */
#ifndef RT_SWEEP_H
#define RT_SWEEP_H

/* An operation is SWEEP_WORDS ints: its code, then x: which of the arrays
 * and 1 if every line has its own n reals of it, 0 if all share one, 2 if it is
 * room for the lines at hand, SWEEP_ABREAST of up to SWEEP_FEW reals, else
 * SWEEP_ROOM; s: which and 1 if every line has its own real of it, 0 if all
 * share one.  Where an operation has no x or s these are 0.  Each rounds like
 * the strips.  What stands before the first SWEEP_STEPS, SWEEP_BACK or
 * SWEEP_ONCE is done once. */
enum {
    SWEEP_LOAD,    /* A = x */
    SWEEP_STORE,   /* x = A */
    SWEEP_FILL,    /* A = s */
    SWEEP_NEG,     /* A = -A */
    SWEEP_EXP,     /* A = exp(A) */
    SWEEP_ADD,     /* A = A + x */
    SWEEP_SUB,     /* A = A - x */
    SWEEP_FROM,    /* A = x - A */
    SWEEP_MUL,     /* A = A * x */
    SWEEP_SCALE,   /* A = A * s */
    SWEEP_LOADMUL, /* A = x * s */
    SWEEP_ADDMUL,  /* A = A + x * s */
    SWEEP_SUBMUL,  /* A = A - x * s */
    SWEEP_COLUMNS, /* x[n] = the sum of A * s over all lines, in order, with one
                      rounding for each term */
    SWEEP_TOTAL,   /* x[n] = the sum of A over all lines, in order */
    SWEEP_DOT,   /* s of the line = the sum of A * x, in 32 interleaved parts */
    SWEEP_INNER, /* s = the sum of A * x over all lines, likewise */
    SWEEP_NOW,   /* as DOT, where operations behind it use s */
    SWEEP_NUMBER,   /* there is one number at hand too, N = s; */
    SWEEP_PLUS,     /* N = N + s */
    SWEEP_MINUS,    /* N = N - s */
    SWEEP_TIMES,    /* N = N * s */
    SWEEP_MINUS_IT, /* N = -N */
    SWEEP_KEEP,     /* s = N */
    SWEEP_TAIL, /* A = 0 if the number of the step is at least s + x, x being no
                   array but a number */
    SWEEP_LAST, /* x = A if the number of the step is s - 1 */
    SWEEP_STEPS, /* what follows, up to the next of these three, is done for all
                    steps, from the first */
    SWEEP_BACK,  /* for all steps, from the last */
    SWEEP_ONCE   /* once */
};

enum {
    SWEEP_ABREAST = 4, /* lines at a time, */
    SWEEP_FEW = 64,    /* of so many reals; */
    SWEEP_ROOM = 2,    /* and of more */
    SWEEP_WORDS = 5,
    SWEEP_MOST = 160,    /* operations of a program */
    SWEEP_CHAINS = 128,  /* its sums of products times its steps */
    SWEEP_BATCH = 16,    /* sums of products that are added up together */
    SWEEP_LONGEST = 1024 /* reals of a line of one that has SWEEP_NOW */
};

#endif
