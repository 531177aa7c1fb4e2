/* How many loops over the reals of a row the C compiler's text has for a
 * cluster, and what each of them computes.  A function such as tanh is a chain
 * of thirty operations, each waiting for the one before.  A processor looks
 * ahead over some hundreds, which are too few rounds of a loop with several
 * such functions to keep its units at work.  So each has a loop of its own;
 * what goes from one to the next stays in the L1 cache.  Used by emitloops.c.
 */
#include "emit.h"

#include "ops.h"

/* From what cost on an operation is such a chain; up to how many reals rows are
 * short enough for several of them to stay in the L1 cache. */
enum { CHAIN_COST = 8, ROW_REALS = 1024 };

/* What no chain stands before is computed where it is needed first. */
static void sink(const Kernel *k, const bool *early, int *pass)
{
    for (int i = k->inst.n - 1; i >= 0; i--) {
        int first = -1;
        for (int u = i + 1; u < k->inst.n && early[i]; u++)
            for (int j = 0; j < k->inst.v[u].nin; j++)
                if (k->inst.v[u].in[j] == i && (first < 0 || pass[u] < first))
                    first = pass[u];
        if (first > 0)
            pass[i] = first;
    }
}

int emit_split(Emit *e, const Kernel *k, const bool *wide, int *pass)
{
    bool *early = NEW_N(e->arena, bool, k->inst.n);
    int passes = 0;
    if ((k->k ? k->k : k->n) > ROW_REALS)
        return 1;
    for (int i = 0; i < k->inst.n; i++) {
        const Inst *in = &k->inst.v[i];
        early[i] = wide[i];
        for (int j = 0; j < in->nin && wide[i]; j++) {
            int from = in->in[j];
            if (from < 0 || !wide[from] || early[from])
                continue;
            early[i] = false;
            if (pass[from] > pass[i])
                pass[i] = pass[from];
        }
        if (wide[i] && op_row[in->op].cost >= CHAIN_COST) {
            early[i] = false;
            pass[i] = passes++;
        }
    }
    sink(k, early, pass);
    return passes ? passes : 1;
}
