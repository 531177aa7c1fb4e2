/* Products of the run time, divided among threads, see shared.h.  Columns are
 * divided where there are few rows, at the borders of packed panels. */
#include "shared.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lanes.h"
#include "pool.h"

/* Multiply-adds, or reals to pack, below which a fork does not pay. */
enum { LEAST_PRODUCT = 30000, LEAST_PACK = 6000 };

/* Where part `part` of `parts` begins among n things that come in pieces. */
static int64_t border(int64_t n, int64_t piece, int part, int parts)
{
    int64_t pieces = (n + piece - 1) / piece;
    int64_t at = pieces * part / parts * piece;

    return at < n ? at : n;
}

static RtPool *pool_for(double work, double least)
{
    RtPool *p = pool_used();

    return p && pool_threads(p) > 1 && work >= least ? p : NULL;
}

/* The kernels that are shared, and what they call. */
enum { PLAIN_pack_nt, PLAIN_pack_nn, PLAIN_gemm, PLAIN_gemm_tn, PLAIN_END };

static RtSymbol *table; /* as rt_symbols, with the shared ones in place */
static int symbols;

/* Puts `proc` into the row of a name; what was there. */
static RtProc *replace(const char *name, RtProc *proc)
{
    int i = 0;

    while (strcmp(table[i].name, name) != 0)
        i++;
    RtProc *plain = table[i].proc;
    table[i].proc = proc;
    return plain;
}

#define REAL float
#define NAME(name) name##_f32
#define PANEL_WIDTH() rt_panel_width_f32()
#include "shared.inc"
#undef REAL
#undef NAME
#undef PANEL_WIDTH

#define REAL double
#define NAME(name) name##_f64
#define PANEL_WIDTH() rt_panel_width_f64()
#include "shared.inc"
#undef REAL
#undef NAME
#undef PANEL_WIDTH

#define TEXT(...) #__VA_ARGS__
#define EXPANDED(...) TEXT(__VA_ARGS__)

static void build(void)
{
    const RtSymbol *plain = rt_symbols(&symbols);
    RtSymbol *copy = malloc((size_t)(symbols + 1) * sizeof *copy);

    if (!copy)
        return;
    memcpy(copy, plain, (size_t)symbols * sizeof *copy);
    copy[symbols++] =
        (RtSymbol){"rt_lanes", EXPANDED((RT_LANES_PARAMS)), (RtProc *)rt_lanes};
    table = copy;
    replace_f32();
    replace_f64();
}

const RtSymbol *rt_shared_symbols(int *count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, build);
    if (!table) /* without memory, no threads */
        return rt_symbols(count);
    *count = symbols;
    return table;
}
