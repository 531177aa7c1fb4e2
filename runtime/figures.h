/* Named numbers that a verb reports, as lines or JSON, and what its user
 * expects of them: --expect 'accuracy(y) >= 0.9'. */
#ifndef CELLC_FIGURES_H
#define CELLC_FIGURES_H

#include "flags.h"
#include "rterr.h"

typedef struct Figure {
    char *name;
    double value;
    int whole; /* a count */
} Figure;

/* Start with {0}, end with figures_free. */
typedef struct Figures {
    Figure *v;
    int n;
} Figures;
int figures_add(Figures *f, const char *name, double value, int whole,
                RtError *err);
void figures_free(Figures *f);

/* NAME, one of >= <= > <, NUMBER. */
typedef struct Expect {
    char *name, op[3];
    double bound;
} Expect;
/* The caller frees e->name.  Error: another form. */
int expect_parse(Expect *e, const char *text, RtError *err);
int expect_met(const Expect *e, double value);

/* Prints all numbers, lines "NAME VALUE" or one JSON object, and behind them
 * "NAME VALUE (wanted >= X)" for each --expect; NaN is left out.  EXIT_SHORT
 * where one is not met, EXIT_USAGE with a message where there is no such
 * number. */
int figures_report(const Figures *all, const Flags *f, int as_json);

#endif
