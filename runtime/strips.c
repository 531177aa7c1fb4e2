/* The element-wise kernels of strips.def: one loop each, compiled for every
 * instruction set, and one driver that walks rows and spreads repeated
 * numbers.  Called by generated code through kernels.c. */
#include "isa.h"

enum {
    CHUNK = 512, /* reals that a repeated number is spread over */
    MOST = 6,    /* operands */
    SHORT = 64,  /* reals of a row that is rather copied than run alone */
    WIDE = 16    /* reals in the widest vector of floats */
};

/* Of the operands of each arity: their elements, the same where one of them is
 * a number for the whole row, whether all are contiguous, where they are (the
 * first again for those that are missing), how far their rows are apart,
 * whether these are without gaps, and the operands as such. */
#define GET(x) const REAL x = p##x[i];
#define GET1 GET(a)
#define GET2 GET1 GET(b)
#define GET3 GET2 GET(c)
#define GET4 GET3 GET(d)
#define GET5 GET4 GET(e)
#define GET6 GET5 GET(f)
#define ONE2a           \
    const REAL a = one; \
    GET(b)
#define ONE3a ONE2a GET(c)
#define ONE4a ONE3a GET(d)
#define ONE2b GET(a) const REAL b = one;
#define ONE3b ONE2b GET(c)
#define ONE3c GET2 const REAL c = one;
#define ONE4c ONE3c GET(d)
#define ALL1 ac
#define ALL2 ALL1 &bc
#define ALL3 ALL2 &cc
#define ALL4 ALL3 &dc
#define ALL5 ALL4 &ec
#define ALL6 ALL5 &fc
#define PLACES1 a, a, a, a, a, a
#define PLACES2 a, b, a, a, a, a
#define PLACES3 a, b, c, a, a, a
#define PLACES4 a, b, c, d, a, a
#define PLACES5 a, b, c, d, e, a
#define PLACES6 a, b, c, d, e, f
#define APART1 as, as, as, as, as, as
#define APART2 as, bs, as, as, as, as
#define APART3 as, bs, cs, as, as, as
#define APART4 as, bs, cs, ds, as, as
#define APART5 as, bs, cs, ds, es, as
#define APART6 as, bs, cs, ds, es, fs
#define DENSE1 as == n
#define DENSE2 DENSE1 &&bs == n
#define DENSE3 DENSE2 &&cs == n
#define DENSE4 DENSE3 &&ds == n
#define DENSE5 DENSE4 &&es == n
#define DENSE6 DENSE5 &&fs == n
#define SPARE   \
    {           \
        a, 0, 1 \
    }
#define OPS1 {a, as, ac}, SPARE, SPARE, SPARE, SPARE, SPARE
#define OPS2 {a, as, ac}, {b, bs, bc}, SPARE, SPARE, SPARE, SPARE
#define OPS3 {a, as, ac}, {b, bs, bc}, {c, cs, cc}, SPARE, SPARE, SPARE
#define OPS4 {a, as, ac}, {b, bs, bc}, {c, cs, cc}, {d, ds, dc}, SPARE, SPARE
#define OPS5 \
    {a, as, ac}, {b, bs, bc}, {c, cs, cc}, {d, ds, dc}, {e, es, ec}, SPARE
#define OPS6                                                         \
    {a, as, ac}, {b, bs, bc}, {c, cs, cc}, {d, ds, dc}, {e, es, ec}, \
    {                                                                \
        f, fs, fc                                                    \
    }

#define TEMPLATE "strips.inc"
#include "each_isa.h"
