/* Inside of a sampler, shared by sample.c (rows, draws) and samplerun.c (what
 * is run for them). */
#ifndef CELLC_SAMPLEINT_H
#define CELLC_SAMPLEINT_H

#include "sample.h"

/* A drawn input. */
typedef struct Drawn {
    Laws laws;
    int64_t size;    /* reals of one element */
    int64_t classes; /* most numbers that a parameter of its laws has */
    double *all;     /* everything drawn, [rows,room,size] */
    double *a, *b;   /* parameters of one step, and room to sort them */
} Drawn;

typedef struct Row {
    int64_t at;     /* steps behind */
    int64_t seq;    /* of what is given */
    int64_t number; /* of its random numbers */
    int64_t place;  /* where it was in the last forward */
    int64_t known;  /* its row of what is known */
} Row;

struct Sampler {
    const CellDesc *model; /* of the whole */
    RtSession *s;
    RtSession *known; /* what is computed before the first step, or NULL */
    const RtData *given;
    Drawn *drawn;
    int n;
    int axis;  /* time axis along which steps are drawn */
    int whole; /* several axes, and no parts */
    Row *row;
    int64_t rows;
    int64_t room;   /* steps for which all drawn names have room */
    int ran;        /* the last forward knows the present step already */
    double *buffer; /* what goes into an input */
    int64_t nbuffer;
};

/* Drawn name k as an input of what is run at each step. */
static inline const CellTensor *sample_input(const Sampler *s, int k)
{
    return &s->s->desc->tensor[s->drawn[k].laws.input];
}

/* Steps of a row where another axis says how many are drawn, else -1. */
int64_t sample_all(const Sampler *s, int64_t row);
/* Runs the rows in session q from step from[r] on, T[r] steps each. */
int sample_run(Sampler *s, RtSession *q, const int64_t *from, const int64_t *T,
               int start, RtError *err);
/* What is known before the first step. */
int sample_run_known(Sampler *s, RtError *err);

#endif
