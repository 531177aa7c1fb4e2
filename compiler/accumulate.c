/* Sums of matrices that kernels can add to: the gradient of a matrix that is
 * used at several places, such as a table of vectors that is tied to the
 * output, is the sum of what each of them gives.  The first of their kernels
 * writes into the place of the sum and the others add to it, which saves a
 * matrix for each and the passes over all of them.  Stands behind lower.c. */
#include "accumulate.h"

#include "ops.h"

/* A kernel, by its stage and its place there. */
typedef struct Spot {
    int stage, kernel;
} Spot;

/* A term of a sum: a buffer, and the kernels that write it. */
typedef struct Term {
    Val v;
    Spot first, last;
    int writers;
} Term;

typedef struct Summer {
    Sched *s;
    Arena *arena;
    SchedFn *fn;
    VEC(Term) term; /* of the sum at hand */
} Summer;

static Kernel *kernel_at(const Summer *w, Spot p)
{
    return &w->fn->stage.v[p.stage].kernel.v[p.kernel];
}

static bool is_before(Spot a, Spot b)
{
    return a.stage != b.stage ? a.stage < b.stage : a.kernel < b.kernel;
}

static bool can_add(const Kernel *k)
{
    return k->kind == KN_OUTER || k->kind == KN_SCATTER || k->kind == KN_SUMA;
}

/* How often kernel k uses value v or a part of it; results that are v itself
 * do not count. */
static int uses(const Sched *s, const Kernel *k, Val v)
{
    int n = 0;
    for (int i = 0; i < kernel_values(k); i++) {
        Val x = kernel_value(k, i);
        n += sched_base(s, x) == v && !(i == kernel_values(k) - 1 && x == v);
    }
    return n;
}

/* Whether v, an operand of the sum `to`, is used by nothing else and made by
 * whole results of kernels outside of loops; and by which. */
static bool find_term(const Summer *w, Val v, Val to, Term *t)
{
    const Value *x = &w->s->val.v[v], *y = &w->s->val.v[to];
    int used = 0;
    *t = (Term){.v = v};
    if (x->kind != VAL_BUFFER || x->life != LIFE_TEMP || x->axes || x->packed ||
        x->shape != y->shape || sched_known(w->s, v))
        return false;
    for (int i = 0; i < w->fn->stage.n; i++) {
        const Stage *st = &w->fn->stage.v[i];
        for (int k = 0; k < st->kernel.n; k++) {
            Spot at = {i, k};
            used += uses(w->s, &st->kernel.v[k], v);
            if (st->kernel.v[k].out != v)
                continue;
            if (st->comp >= 0 || st->kernel.v[k].on_start)
                return false;
            t->first = t->writers++ ? t->first : at;
            t->last = at;
        }
    }
    return used == 1 && t->writers > 0;
}

/* How many operands of instructions of kernel k are `in`, as Inst.in has it. */
static int users(const Kernel *k, int in)
{
    int n = 0;
    for (int x = 0; x < k->inst.n; x++)
        for (int j = 0; j < k->inst.v[x].nin; j++)
            n += k->inst.v[x].in[j] == in;
    return n;
}

/* The operands that instruction i of kernel k adds up, sums that only it uses
 * taken apart; false: something else is among them. */
static bool find_terms(Summer *w, const Kernel *k, int i, Val to)
{
    const Inst *x = &k->inst.v[i];
    if (x->op != OP_add)
        return false;
    for (int j = 0; j < x->nin; j++) {
        Term t;
        int in = x->in[j];
        if (users(k, in) > 1 ||
            (in >= 0 && (k->inst.v[in].out >= 0 || !find_terms(w, k, in, to))))
            return false;
        if (in >= 0)
            continue;
        if (!find_term(w, k->in.v[~in], to, &t))
            return false;
        vec_push(w->arena, &w->term, t);
    }
    return true;
}

/* Whether all terms but the one that is there first can be added to it. */
static bool can_sum(const Summer *w, int *first)
{
    *first = 0;
    for (int i = 1; i < w->term.n; i++)
        if (is_before(w->term.v[i].first, w->term.v[*first].first))
            *first = i;
    for (int i = 0; i < w->term.n; i++)
        if (i != *first &&
            (w->term.v[i].writers > 1 ||
             !can_add(kernel_at(w, w->term.v[i].first)) ||
             is_before(w->term.v[i].first, w->term.v[*first].last)))
            return false;
    return true;
}

static void drop_inst(Kernel *k, int i)
{
    for (int x = i + 1; x < k->inst.n; x++) {
        k->inst.v[x - 1] = k->inst.v[x];
        for (int j = 0; j < k->inst.v[x].nin; j++)
            k->inst.v[x - 1].in[j] -= k->inst.v[x].in[j] > i;
    }
    k->inst.n--;
}

static void drop_operand(Kernel *k, Val v)
{
    int at = 0;
    while (k->in.v[at] != v)
        at++;
    for (int i = at + 1; i < k->in.n; i++)
        k->in.v[i - 1] = k->in.v[i];
    k->in.n--;
    for (int x = 0; x < k->inst.n; x++)
        for (int j = 0; j < k->inst.v[x].nin; j++)
            k->inst.v[x].in[j] += k->inst.v[x].in[j] < ~at;
}

/* Takes instruction i out of kernel k, and those before it that nothing uses
 * then. */
static void drop_sum(Kernel *k, int i)
{
    drop_inst(k, i);
    for (i--; i >= 0; i--)
        if (k->inst.v[i].out < 0 && !users(k, i))
            drop_inst(k, i);
}

/* Has all terms written to where the sum is to be. */
static void write_terms(Summer *w, Val to, int first)
{
    for (int i = 0; i < w->term.n; i++) {
        const Term *t = &w->term.v[i];
        for (int s = t->first.stage; s <= t->last.stage; s++)
            for (int n = 0; n < w->fn->stage.v[s].kernel.n; n++) {
                Kernel *k = kernel_at(w, (Spot){s, n});
                if (k->out != t->v)
                    continue;
                k->out = to;
                k->add |= i != first;
            }
    }
}

/* Whether instruction i of kernel k was such a sum, and is gone. */
static bool sum_in_place(Summer *w, Kernel *k, int i)
{
    Val to = k->inst.v[i].out;
    int first;
    w->term.n = 0;
    if (to < 0 || w->s->val.v[to].axes || users(k, i) ||
        (w->s->val.v[to].kind != VAL_GRAD &&
         w->s->val.v[to].kind != VAL_BUFFER) ||
        !find_terms(w, k, i, to) || !can_sum(w, &first))
        return false;
    drop_sum(k, i);
    for (int t = 0; t < w->term.n; t++)
        drop_operand(k, w->term.v[t].v);
    write_terms(w, to, first);
    return true;
}

void accumulate_sums(Sched *s, Arena *a)
{
    Summer w = {.s = s, .arena = a};
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < s->fn[f].stage.n; i++) {
            Stage *st = &s->fn[f].stage.v[i];
            w.fn = &s->fn[f];
            for (int n = 0; st->comp < 0 && n < st->kernel.n; n++) {
                Kernel *k = &st->kernel.v[n];
                if (k->kind != KN_FUSED || k->axes != GX_NONE)
                    continue;
                for (int x = k->inst.n - 1; x >= 0; x--)
                    if (sum_in_place(&w, k, x))
                        x = k->inst.n;
                if (!k->inst.n)
                    stage_drop(st, n--);
            }
        }
}
