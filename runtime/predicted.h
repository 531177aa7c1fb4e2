/* What predict has computed over a whole data set, and how it is written:
 * tables, arrays, heat maps, images. */
#ifndef CELLC_PREDICTED_H
#define CELLC_PREDICTED_H

#include "data.h"
#include "decode.h"
#include "text.h"

#include <stdio.h>

/* One output, or the decoded values of a drawn name. */
typedef struct Predicted {
    const char *name;
    const CellTensor *tensor;
    Decoder *decoder;     /* of a drawn name, else NULL */
    Vocab names;          /* of its set; n = 0: numbers.  They are the values of
                             single numbers, else name the last extent */
    int mark;             /* a picture of curves shows where it is not 0 */
    int naxis;            /* its time axes ... */
    int axis[CELL_TIMES]; /* ... from the outermost */
    int64_t size;         /* reals of one element */
    Values *value;        /* [sequences]: [steps...,element] of each */
    int64_t *steps;       /* over several axes: [sequences,naxis] */
} Predicted;

/* The words of a data set along its axes. */
typedef struct Labels {
    const RtField *field[CELL_TIMES]; /* NULL: steps are counted */
    Vocab names[CELL_TIMES];
} Labels;

typedef struct PredictedSet {
    const RtData *data;
    const Labels *labels;
    Predicted *v;
    int n;
    int real_bytes;
} PredictedSet;

/* [N,steps...,element]; without N where there is one sequence with steps.  What
 * is beyond a sequence's own steps is 0. */
int predicted_npy(const PredictedSet *p, int i, const char *path, RtError *err);
/* Whether all have a place in one table; known before they have values. */
int predicted_csv_fits(const PredictedSet *p, RtError *err);
/* A row per step, or per sequence where all are static, and a blank line
 * between sequences of steps; over two axes a row per step of the outer one and
 * a column per step of the other, with the words of the data at the margins. */
int predicted_csv(const PredictedSet *p, FILE *to, RtError *err);
/* Whether the data have that sequence. */
int predicted_has(const PredictedSet *p, int64_t sequence, RtError *err);
/* A heat map of one sequence, as .png or .svg by gnuplot: over two axes the
 * outer one downwards, else units downwards and steps to the right. */
int predicted_heat(const PredictedSet *p, int i, int64_t sequence,
                   const char *path, RtError *err);
/* Whether all are one number for each step of the same axis; and then their
 * curves over the steps of one sequence, with marks behind them. */
int predicted_are_curves(const PredictedSet *p);
int predicted_curves(const PredictedSet *p, int64_t sequence, const char *path,
                     RtError *err);
/* A grey image of one sequence, lines of `width` pixels, 0 black and 1 white;
 * steps that have several such lines each stand side by side. */
int predicted_image(const PredictedSet *p, int i, int64_t sequence,
                    int64_t width, const char *path, RtError *err);

#endif
