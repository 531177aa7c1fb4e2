/* What the names left of a `~` are drawn from: the DRAW tensors of a model by
 * distribution and parameter, and drawing a value from their numbers. */
#ifndef CELLC_LAW_H
#define CELLC_LAW_H

#include "session.h"

typedef struct SampleHow {
    int greedy;         /* the most likely class, the mean */
    double temperature; /* > 0; probabilities to the power of 1/temperature,
                           variances times it */
    int64_t top_k;      /* only the k most likely classes; 0: all */
    double top_p;       /* only classes that make up this much; 1: all */
    uint64_t seed;
} SampleHow;

/* A distribution by the words of the language, with its parameters. */
typedef struct LawKind {
    const char *name, *par[2];
} LawKind;

/* One of them: "normal", or "mixture.2.normal", a part of a mixture. */
typedef struct Law {
    const char *path; /* of the parameters' names, path_size characters */
    size_t path_size;
    const LawKind *kind; /* NULL: nobody here can draw it */
    int par[2];          /* tensors, -1 where there is none */
} Law;

/* All that one name is drawn from. */
typedef struct Laws {
    int input;
    int weight; /* tensor of the mixture's weights, or -1 */
    Law *law;   /* [n] more than one in a mixture */
    int n;
} Laws;

/* Whether input i stands left of a `~` whose parameters are known. */
int law_is_drawn(const CellDesc *d, int i);
/* Finds what input i is drawn from; end with law_free.  Error: no memory. */
int law_find(const CellDesc *d, int i, Laws *w, RtError *err);
void law_free(Laws *w);
/* Error: one of them can only be scored, or lacks a parameter. */
int law_check(const CellDesc *d, const Laws *w, RtError *err);
/* Whether all of them are categorical. */
int law_is_classes(const Laws *w);

/* Probabilities of the classes, at one row of a session that has run forward;
 * p and scratch have room for as many as any parameter has.  Returns how many
 * there are. */
int64_t law_classes(const Laws *w, const RtSession *s,
                    const int64_t at[CELL_AXES], double *p, double *scratch);

/* One number from a and b, the parameters of its law; the random number is the
 * `at`-th of the stream. */
double law_draw(const LawKind *kind, const SampleHow *how, double a, double b,
                uint64_t seed, uint64_t stream, uint64_t at);
/* A class from probabilities p[n]; u is uniform in (0,1); scratch[2 * n]. */
int64_t sample_class(const SampleHow *how, const double *p, int64_t n, double u,
                     double *scratch);

#endif
