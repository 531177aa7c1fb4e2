/* What generate has drawn, as its user wants to see it: lines of text where one
 * name with a vocabulary is drawn, else a table, an array, or a picture. */
#ifndef CELLC_TELL_H
#define CELLC_TELL_H

#include "text.h"
#include "told.h"

#include <stdio.h>

typedef struct Teller {
    const CellDesc *desc;
    int n;              /* drawn names */
    const int *drawn;   /* [n] their tensors */
    const Vocab *names; /* [n] of their index sets; n = 0: numbers */
    int is_text;        /* the first is told as text, but in a .csv */
    int joined;         /* without blanks between its words */
    const char *prime;  /* text that stands before each, or NULL */
    int scored;         /* number and score stand before each */
    const char *path;   /* "-": standard output */
    int64_t pixels;     /* of a .png: those of a line */
    double tempo;       /* of a .mid: steps a minute */
    const double *seen; /* of a forecast: [nseen,element] what really came after
                           the beginning, or NULL */
    int64_t nseen;
    FILE *to;    /* where it goes as it comes */
    char *bytes; /* what has gone there, but for standard output */
    size_t nbytes;
    int64_t count, word; /* sequences told, words of the present one */
    Told *kept;          /* [count] where the file holds arrays */
} Teller;

/* The fields from desc to path are set; the rest is 0. */
int teller_open(Teller *t, RtError *err);
/* A sequence step by step: each is written out at once.  value[k] is of drawn
 * name k; last: it ended with this step. */
int teller_begin(Teller *t, RtError *err);
int teller_step(Teller *t, const double *const *value, int last, RtError *err);
int teller_end(Teller *t, RtError *err);
/* A whole sequence, which is the `number`-th result from 1; takes it. */
int teller_add(Teller *t, Told *told, int64_t number, RtError *err);
/* Writes the file; frees what the teller has. */
int teller_close(Teller *t, RtError *err);
void teller_free(Teller *t);

#endif
