/* The operations of kernel `chain`: a program that takes matrices M[lines,n]
 * through the steps of a turn, each step of which scales them, adds products of
 * a column and a row, and reads products with vectors.  All that is linear in
 * M, so the kernel does it for all steps at once, by products of matrices: of M
 * as it was before the turn with the vectors of all steps, and of those with
 * one another (Yang et al. 2024, "Gated linear attention transformers with
 * hardware-efficient training", for one that decays; 2024, "Parallelizing
 * linear transformers with the delta rule over sequence length").  It gives
 * what kernel `sweep` does step by step, but for rounding. */
#ifndef RT_CHAIN_H
#define RT_CHAIN_H

#include <stdint.h>

/* An operation is CHAIN_WORDS ints: its code, then x: which of the arrays, for
 * n reals of the step at hand that all lines share, or for a matrix; 0; s:
 * which and 1 if every line has its own real of it, 0 if all share one.  Where
 * an operation has no x or s these are 0.  Of the step at hand and of an array
 * i is what lies ahead[i] reals behind that of the step before.
 *
 * A program is a list of bodies, one or two; each begins with its matrix and
 * says what is done at each step.  The second, if there is one, is the gradient
 * of the first.  Whatever operations read as x, and scales, no other operation
 * may write.  Matrices, but for that of LAST, and what TAIL and LAST read as s
 * lie where their array begins, whatever the step. */
enum {
    CHAIN_STEPS, /* begins a body, M = x; for all steps, from the first */
    CHAIN_BACK,  /* the same, from the last */
    CHAIN_SCALE, /* M = M s, line by line; at most one of this and the next in a
                    body */
    CHAIN_COLUMNS, /* M = M x, column by column */
    CHAIN_ADD,     /* M = M + s x: a term */
    CHAIN_SUB,     /* M = M - s x: likewise */
    CHAIN_DOTS,    /* s = M x: a read; s may be used by what follows */
    CHAIN_WEIGHS,  /* x = s M: a read, the sum of lines, each times s */
    /* Before a read, what it is of, in place of M: */
    CHAIN_BEFORE, /* in the second body: the first one's matrix as it was before
                     the step */
    CHAIN_AFTER,  /* or as it is behind the step */
    CHAIN_ALSO,   /* that, or M, + s x */
    CHAIN_MINUS,  /* minus all that */
    /* There is a number N of each line at hand too: */
    CHAIN_NUMBER,   /* N = s */
    CHAIN_PLUS,     /* N = N + s */
    CHAIN_LESS,     /* N = N - s */
    CHAIN_TIMES,    /* N = N s */
    CHAIN_MINUS_IT, /* N = -N */
    CHAIN_KEEP,     /* s = N */
    CHAIN_TAIL, /* M = 0 if the number of the step is at least s + x, x being no
                   array but a number: no turn of which that is true at any step
                   is done */
    CHAIN_LAST, /* x = M if the number of the step is s - 1: a turn is done only
                   if that is its last step or none */
    CHAIN_START, /* once: x = M before all steps */
    CHAIN_END,   /* once: x = M behind all steps */
    /* Behind both bodies: products of the first matrix before a step, P, and
     * the second, Q, as it is before the body scales it (if it never does,
     * behind the step), element by element; summed: */
    CHAIN_PAIR_LINES,   /* s = the sum of each line */
    CHAIN_PAIR_COLUMNS, /* x = the sum of each column */
    CHAIN_PAIR_ALL,     /* s = the sum of all */
    /* They follow from those of the step before, which these operations, in
     * this order, lead to those of the next, for all steps from the first.  A
     * term or read is its number, counted from 0 through the whole program. */
    CHAIN_OUT,       /* what is said above, of the step at hand */
    CHAIN_PAIR_PLUS, /* + the product of term x with read s, s being of the
                        other matrix, without ALSO and MINUS, at that place, and
                        made with the term's own row (DOTS) or column (WEIGHS)
                      */
    CHAIN_PAIR_LESS  /* - that */
};

enum {
    CHAIN_WORDS = 5,
    CHAIN_TURN = 16, /* most steps, */
    CHAIN_LEAST = 8, /* fewer are not done */
    CHAIN_MOST = 64, /* operations of a program */
    CHAIN_READS = 8, /* reads, and terms, of one */
    CHAIN_PAIRS = 8, /* sums of products of both matrices */
    CHAIN_BODIES = 2
};

/* Reals of scratch memory for matrices of that size: vectors of all steps, and
 * what is multiplied of them with one another. */
static inline int64_t chain_room(int64_t lines, int64_t n)
{
    const int64_t most = lines > n ? lines : n;
    return (5 * CHAIN_READS + 6 * CHAIN_BODIES) * CHAIN_TURN * (most + 16) +
           CHAIN_READS * CHAIN_READS * CHAIN_TURN * CHAIN_TURN;
}

#endif
