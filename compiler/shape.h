/* Symbolic dimensions of the checker: a Dim is a polynomial over named sizes
 * (n, 2*n + m), kept in one canonical form.  Names are rigid: two different
 * open names are never equal.  Where the emitter needs numbers, every name
 * has a value. */
#ifndef CELLC_SHAPE_H
#define CELLC_SHAPE_H

#include "source.h"

/* A named size: an option, an argument, or a name the data must solve. */
typedef struct Sym {
    const char *name;
    Span span;               /* where it is first written */
    int64_t value;           /* -1 while open */
    int64_t stand_in;        /* number used for an open name in a graph that is
                                only checked: unlike any other */
    bool local;              /* a cell's own name */
    const struct Dim *bound; /* a cell's own name, solved by its argument */
} Sym;

typedef struct Term {
    int64_t coef;
    int nsym;
    Sym *sym[4]; /* factors, ordered by name; more than 4 is refused */
} Term;

typedef struct Dim {
    int nterm;    /* 0: the number 0 */
    Term term[1]; /* as many as nterm; constant last */
} Dim;

const Dim *dim_const(Arena *a, int64_t v);
const Dim *dim_sym(Arena *a, Sym *s);
/* op is + - * or /; NULL when the result is no polynomial. */
const Dim *dim_op(Arena *a, int op, const Dim *x, const Dim *y);
/* Canonical form with bound names replaced. */
const Dim *dim_resolve(Arena *a, const Dim *d);
/* Whether name s is in d, which is resolved. */
bool dim_mentions(const Dim *d, const Sym *s);
/* Equal as polynomials, or both with values and at least one written without
 * open names: then by value. */
bool dim_equal(Arena *a, const Dim *x, const Dim *y);
/* The value, or -1 while a name in it is open. */
int64_t dim_value(const Dim *d);
/* The value with stand-ins for open names. */
int64_t dim_number(const Dim *d);
bool dim_is_const(const Dim *d); /* no names in it */
/* The unbound local name that is all of d, or NULL. */
Sym *dim_free(const Dim *d);
/* What the one open local name in d must be for d to equal `to`; NULL where
 * none or several are open, or no size does. */
const Dim *dim_solve(Arena *a, const Dim *d, const Dim *to, Sym **open);
const char *dim_text(Arena *a, const Dim *d);

#endif
