/* Parts the work of a stream: what depends on nothing but parameters is done
 * once, before the first step.  Stands between sched.c and plan.c, for models
 * that run without being trained. */
#include "sched.h"

#include <string.h>

typedef struct Parts {
    Sched *s;
    bool *fixed; /* per value: a buffer that only parameters decide */
} Parts;

static bool is_fixed(const Parts *p, Val v)
{
    v = sched_base(p->s, v);
    switch (p->s->val.v[v].kind) {
    case VAL_CONST:
    case VAL_TABLE:
    case VAL_PARAM:
        return true;
    case VAL_BUFFER:
        return p->fixed[v];
    default:
        return false;
    }
}

/* Result i of a kernel, counted from 0; -1 behind the last and where an
 * instruction stores nothing. */
static Val result(const Sched *s, const Kernel *k, int i)
{
    if (k->out >= 0)
        return i ? -1 : sched_base(s, k->out);
    return i < k->inst.n ? sched_base(s, k->inst.v[i].out) : -1;
}

static int results(const Kernel *k)
{
    return k->out >= 0 ? 1 : k->inst.n;
}

static bool can_precede(const Parts *p, const Stage *st, const Kernel *k)
{
    bool can = st->comp < 0 && k->axes == GX_NONE && !k->on_start;
    for (int i = 0; can && i < k->in.n; i++)
        can = is_fixed(p, k->in.v[i]);
    for (int i = 0; can && i < results(k); i++) {
        Val v = result(p->s, k, i);
        can = v < 0 || p->fixed[v];
    }
    return can;
}

/* Takes back what was assumed of the results of kernels that cannot precede;
 * whether there was any. */
static bool take_back(Parts *p, const Stage *st, const Kernel *k)
{
    bool any = false;
    for (int i = 0; !can_precede(p, st, k) && i < results(k); i++) {
        Val v = result(p->s, k, i);
        any |= v >= 0 && p->fixed[v];
        if (v >= 0)
            p->fixed[v] = false;
    }
    return any;
}

/* Largest set of buffers that are written by kernels with fixed operands
 * alone. */
static void find_fixed(Parts *p)
{
    const SchedFn *f = &p->s->fn[FN_FORWARD];
    for (int i = 0; i < f->stage.n; i++)
        for (int k = 0; k < f->stage.v[i].kernel.n; k++) {
            const Kernel *at = &f->stage.v[i].kernel.v[k];
            for (int r = 0; r < results(at); r++) {
                Val v = result(p->s, at, r);
                if (v >= 0 && p->s->val.v[v].life != LIFE_KEEP)
                    p->fixed[v] = true;
            }
        }
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < f->stage.n; i++)
            for (int k = 0; k < f->stage.v[i].kernel.n; k++)
                more |=
                    take_back(p, &f->stage.v[i], &f->stage.v[i].kernel.v[k]);
    }
}

/* What a kernel of a step reads of what was prepared must outlive that. */
static void keep_operands(Parts *p, const Kernel *k)
{
    for (int i = 0; i < k->in.n; i++) {
        Val v = sched_base(p->s, k->in.v[i]);
        if (p->s->val.v[v].kind == VAL_BUFFER && p->fixed[v])
            p->s->val.v[v].life = LIFE_PREPARED;
    }
}

void sched_prepare(Sched *s)
{
    Arena *a = s->g->arena;
    SchedFn *f = &s->fn[FN_FORWARD];
    Parts p = {s, NEW_N(a, bool, s->val.n + 1)};
    SchedFn parted = *f;
    Stage first = {.comp = -1, .group = -1, .prepare = true};
    s->fn[FN_BACKWARD].stage.n = 0;
    for (Val v = 0; v < s->val.n; v++)
        if (s->val.v[v].life == LIFE_TAPE)
            s->val.v[v].life = LIFE_TEMP;
    find_fixed(&p);
    memset(&parted.stage, 0, sizeof parted.stage);
    vec_push(a, &parted.stage, first);
    for (int i = 0; i < f->stage.n; i++) {
        const Stage *st = &f->stage.v[i];
        Stage rest = {.comp = st->comp, .dir = st->dir, .group = st->group};
        for (int k = 0; k < st->kernel.n; k++)
            if (can_precede(&p, st, &st->kernel.v[k])) {
                vec_push(a, &first.kernel, st->kernel.v[k]);
            } else {
                keep_operands(&p, &st->kernel.v[k]);
                vec_push(a, &rest.kernel, st->kernel.v[k]);
            }
        vec_push(a, &parted.stage, rest);
    }
    parted.stage.v[0] = first;
    *f = parted;
}

void sched_keep_prepared(Sched *s)
{
    Value fresh = s->val.v[s->start];
    fresh.name = "fresh";
    sched_prepare(s);
    s->fresh = s->val.n;
    vec_push(s->g->arena, &s->val, fresh);
}
