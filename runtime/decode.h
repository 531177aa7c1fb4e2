/* What a model takes for the most likely values of a drawn name, from what it
 * computed for data that are known: the best class or mean at each step, the
 * best path of a CRF (Viterbi), the labels along the best path of CTC. */
#ifndef CELLC_DECODE_H
#define CELLC_DECODE_H

#include "law.h"

/* Numbers one after the other; start with {0}, free v. */
typedef struct Values {
    double *v;
    int64_t n, cap;
} Values;
int values_add(Values *s, double v, RtError *err);
/* Room for n more, which it has then; NULL without memory. */
double *values_more(Values *s, int64_t n, RtError *err);

typedef enum DecodeKind {
    DECODE_CLASS, /* categorical: the most probable */
    DECODE_SIGN,  /* bernoulli: whether 1 is more probable than 0 */
    DECODE_MEAN,  /* normal and others of numbers: the middle */
    DECODE_CRF,
    DECODE_CTC
} DecodeKind;

typedef struct Decoder {
    DecodeKind kind;
    int input; /* tensor of the name */
    int own;   /* what it is drawn from depends on its own values */
    Laws laws;
    int s, A;      /* CRF: scores of tags and of steps between them */
    int p, blank;  /* CTC: probabilities; the class between labels */
    double *a, *b; /* room for two times the numbers of any parameter */
    int64_t room;
} Decoder;

/* Decoder of input i.  Error: not drawn, or from something that nobody here
 * can decode. */
int decode_open(Decoder *c, const CellDesc *d, int i, RtError *err);
void decode_free(Decoder *c);
/* Whether input i is drawn by CTC whose class between labels is a number, which
 * goes to *blank. */
int decode_blank(const CellDesc *d, int i, int64_t *blank);
/* After session_forward: appends what row `row` has along the name's own steps;
 * of CTC as many labels as there are.  A sequence cut into chunks is decoded
 * chunk by chunk, which CRF and CTC cannot. */
int decode_row(Decoder *c, const RtSession *s, int64_t row, Values *to,
               RtError *err);
/* The same of what was observed; of CTC without the filling. */
int decode_truth(const Decoder *c, const RtSession *s, int64_t row, Values *to,
                 RtError *err);
/* The probability of class 1 of two, or of 1 of 0 and 1. */
int decode_chance(Decoder *c, const RtSession *s, int64_t row, Values *to,
                  RtError *err);

#endif
