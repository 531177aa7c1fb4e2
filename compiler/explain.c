/* What the compiler did to a model, for `cellc explain` and `cellc bench`: the
 * schedule and the plan told in the names of the spec.  Reads what sched.c and
 * plan.c have made and decides nothing. */
#include "explain.h"

/* How often a kernel's rows are computed, as the axes they run over; those of
 * the loop around it count whether the kernel has them or not. */
static int rows_of(const Sched *s, const Stage *st, const Kernel *k)
{
    int loop = st->comp < 0 ? 0 : cell_time(s->causal.v.v[st->comp].axis);
    return k->axes | loop;
}

/* FLOPs of a product for each of its rows; 0 for all other kernels. */
static int64_t product_flops(const Kernel *k)
{
    switch (k->kind) {
    case KN_GEMM:
    case KN_OUTER:
        return 2 * k->n * k->k * (k->axes == GX_NONE ? k->m : 1);
    case KN_PRODUCT:
        return 2 * k->parts * k->m * k->n * k->k;
    default:
        return 0;
    }
}

static void add(CellSize *z, int axes, int64_t n)
{
    *(axes ? &z->by[axes] : &z->c) += n;
}

CellSize explain_products(const Sched *s)
{
    CellSize z = {0};
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < s->fn[f].stage.n; i++) {
            const Stage *st = &s->fn[f].stage.v[i];
            for (int k = 0; k < st->kernel.n; k++)
                add(&z, rows_of(s, st, &st->kernel.v[k]),
                    product_flops(&st->kernel.v[k]));
        }
    return z;
}
