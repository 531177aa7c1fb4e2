/* Steps along a time axis as LaTeX: t-1, T_u, those of another clock like 4k-3
 * and the floor of t/4.  Used by latexexpr.c. */
#include <string.h>

#include "latex.h"

/* off = div * whole + rest, with 0 <= rest */
static int rest_of(Step s)
{
    return (s.off % s.div + s.div) % s.div;
}

static int whole_of(Step s)
{
    return (s.off - rest_of(s)) / s.div;
}

const char *latex_step(Arena *a, Step s)
{
    const char *base = s.base;
    int rest = rest_of(s), off = whole_of(s);
    if (!*base)
        return arena_printf(a, "%d", off);
    if (s.mul > 1)
        base = arena_printf(a, "%d%s", s.mul, base);
    if (rest)
        base = arena_printf(a, "(%s+%d)", base, rest);
    if (s.div > 1)
        base = arena_printf(a, "\\lfloor %s/%d\\rfloor", base, s.div);
    return off ? arena_printf(a, "%s%+d", base, off) : base;
}

void latex_step_on(Step *s, int by)
{
    s->off += s->div * by;
}

Step latex_faster(Arena *a, Step s, int rate, int off, const char *more)
{
    if (s.div > 1)
        s = (Step){latex_step(a, s), 0, 1, 1};
    if (strchr(s.base, '+'))
        s.base = arena_printf(a, "(%s)", s.base);
    s.off = rate * s.off + off;
    s.mul *= rate;
    if (*more)
        s = (Step){arena_printf(a, "%s%s", latex_step(a, s), more), 0, 1, 1};
    return s;
}

Step latex_slower(Step s, int rate, int off)
{
    latex_step_on(&s, off);
    s.div *= rate;
    return s;
}

const char *latex_summed(Step s)
{
    return strstr(s.base, "+i") ? "+j" : "+i";
}
