/* A model on paper: names (latexname.c), expressions (latexexpr.c) and steps
 * (latexstep.c) of the document that latex.c makes. */
#ifndef CELLC_LATEX_H
#define CELLC_LATEX_H

#include "cellc.h"
#include "graph.h"

/* What a name prints as: base^{up}_{index, step}. */
typedef struct Symbol {
    const char *base; /* NULL: there is none */
    const char *up, *index;
} Symbol;

/* A name of the user's: λ, ĥ, Wi, h_0; in an instance "enc.1", or "". */
Symbol latex_name(Arena *a, const char *name, const char *instance);
void latex_symbol(Buf *out, const Symbol *s, const char *step);
/* The size of a dim as written, "2*n". */
void latex_size(Buf *out, const char *text);

enum { LATEX_AXES = CELL_AXES - 1 }; /* that have steps */

/* Where along each time axis: the axis' name, "T_t" for its end or "" for its
 * first step, and how far from there; of another clock floor((mul*base +
 * off)/div). */
typedef struct Step {
    const char *base;
    int off, mul, div;
} Step;

/* latexstep.c */
const char *latex_step(Arena *a, Step s);
void latex_step_on(Step *s, int by);
/* The step rate*s + off of the axis below; `more` stands beside it. */
Step latex_faster(Arena *a, Step s, int rate, int off, const char *more);
/* floor((s + off)/rate), a step of the slower axis. */
Step latex_slower(Step s, int rate, int off);
/* What counts the steps of a sum, inside another one's or not: "+i". */
const char *latex_summed(Step s);

/* What the nodes of a graph print as. */
typedef struct Latex {
    const Graph *g;
    Arena *arena;
    const char *axis[LATEX_AXES]; /* names of the time axes, "t" */
    int naxes;                    /* that the model has */
    Symbol *node;                 /* per node: one with a name prints as that */
    Symbol *slot;                 /* per slot */
} Latex;

/* Node r at step t, even where it has a name by its parts, in an align
 * environment: long sums are broken between their terms. */
void latex_definition(const Latex *x, Buf *out, Ref r);
/* A symbol at step t, where it has that axis. */
void latex_left(const Latex *x, Buf *out, const Symbol *s, int axes);

/* The document.  `g` as elaborated, with open dims as stand-ins; shapes are
 * printed from `decl`. */
void latex_print(Buf *out, const Graph *g, const char *const *axis, int naxes,
                 const CellcDecl *decl, int ndecl);

#endif
