/* Lanes: loops, and work on rows before and after them, that threads do side by
 * side where there are too few sequences to divide.  A group becomes lanes that
 * follow each other by short chunks, so that layers run as a wavefront, and
 * groups that need nothing of each other, such as both directions of a layer,
 * run at once.  Sums over steps are lanes that wait for what they sum.  What
 * stands between groups goes in front of the section, or behind it.  Every lane
 * does its chunks in order, so that results are those of one thread.  Stands
 * behind sweep.c. */
#include "lanes.h"

#include <string.h>

#include "ops.h"
#include "sweep.h"

enum {
    MOST = 62,    /* lanes of a section: bits of a positive number */
    LARGE = 2000, /* reals of a matrix that is packed in a lane */
    CHUNKS = LANE_STEPS / LANE_ROWS
};

/* Estimates, in ns. */
static const double PRODUCT = 0.045, /* a multiply-add on a row or few */
    PRODUCTS = 0.02,                 /* on many */
    ELEMENT = 0.1,                   /* an operation on a real */
    CALL = 20,                       /* of a kernel */
    FORK = 700,                      /* of a product that is divided, */
    DIVIDED = 30000,                 /* if it has so many multiply-adds */
    TURN = 300;                      /* of a lane for a chunk */

/* What a lane, or a kernel between lanes, does with values. */
typedef struct Access {
    Val v, base;
    bool write;
} Access;

typedef struct Accesses {
    Access *v;
    int n, cap;
} Accesses;

/* A lane that may come to be. */
typedef struct Draft {
    Lane lane;
    int group;
    VEC(Stage) stage;
    Accesses access;
} Draft;

/* The loops that have become lanes. */
typedef struct Loop {
    Accesses access;
    int home;
} Loop;

typedef struct Former {
    Sched *s;
    Arena *arena;
    int threads;
    bool always; /* whatever it costs */
    bool join;   /* all sums of a stage are one lane */
    SchedFn *fn;
    int number;                 /* of it */
    const Stage *old;           /* its stages as they were, */
    int from;                   /* the first of the section, */
    VEC(Stage) stage;           /* and as they are now */
    VEC(Kernel) before, behind; /* the section */
    Accesses later;             /* of those behind */
    VEC(Draft) draft;           /* its lanes */
    VEC(Loop) loop;             /* of all sections so far */
} Former;

/* ---- who uses what ---- */

static void add_kernel(Former *f, Accesses *a, const Kernel *k)
{
    for (int i = 0; i < kernel_values(k); i++) {
        Val v = kernel_value(k, i);
        Access x = {v, sched_base(f->s, v), i >= k->in.n - kernel_room(k)};
        bool seen = v < 0 || f->s->val.v[x.base].kind == VAL_CONST;
        for (int j = 0; j < a->n && !seen; j++)
            seen = a->v[j].v == v && a->v[j].write == x.write;
        if (!seen)
            vec_push(f->arena, a, x);
    }
}

/* Gradients lie in one block, and a value may be those of several slots. */
static bool same_grads(const Sched *s, const Value *x, const Value *y)
{
    int64_t a = s->param_at[x->slot], b = s->param_at[y->slot];
    return a < b + y->n && b < a + x->n;
}

static bool overlap(const Sched *s, const Access *a, const Access *b)
{
    const Value *x = &s->val.v[a->base], *y = &s->val.v[b->base];
    if (a->base != b->base)
        return x->kind == VAL_GRAD && y->kind == VAL_GRAD &&
               same_grads(s, x, y);
    return sweep_overlap(s, a->v, b->v, 0);
}

/* How the second depends on the first: it reads what that writes; or neither
 * may be moved past the other for another reason. */
enum { READS = 1, OTHER = 2 };

static int depends(const Sched *s, const Accesses *a, const Accesses *b)
{
    int how = 0;
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < b->n; j++)
            if ((a->v[i].write || b->v[j].write) &&
                overlap(s, &a->v[i], &b->v[j]))
                how |= b->v[j].write ? OTHER : READS;
    return how;
}

/* Whether all that b reads of a has the steps of a group's axis. */
static bool by_steps(const Sched *s, const Accesses *a, const Accesses *b,
                     int bit)
{
    for (int i = 0; i < a->n; i++)
        for (int j = 0; a->v[i].write && j < b->n; j++) {
            const Value *v = &s->val.v[a->v[i].base];
            if (overlap(s, &a->v[i], &b->v[j]) &&
                (!(v->axes & bit) || v->ring || v->turn || v->every || v->part))
                return false;
        }
    return true;
}

/* ---- estimates ---- */

static double kernel_cost(const Kernel *k, int steps, bool loop, int threads)
{
    bool rows = k->axes & GX_TIME && !loop;
    double each = rows ? steps : 1, times = loop ? steps : 1, ns = 0;
    double n = (double)k->n * (double)(k->k ? k->k : 1);
    if (k->kind == KN_GEMM || k->kind == KN_OUTER || k->kind == KN_PACK) {
        double adds = each * n;
        ns = adds * (rows || k->kind == KN_PACK ? PRODUCTS : PRODUCT);
        if (threads > 1 && adds >= DIVIDED)
            ns = ns / threads + FORK;
    } else if (k->kind == KN_PRODUCT) {
        ns = each * (double)(k->parts * k->m) * n * PRODUCT;
    } else {
        int ops = k->inst.n ? 0 : 1;
        for (int i = 0; i < k->inst.n; i++)
            ops += op_row[k->inst.v[i].op].cost;
        ns = each * (double)k->n * ops * ELEMENT;
    }
    return times * (ns + CALL);
}

static double stage_cost(const Stage *st, int threads)
{
    double ns = 0;
    for (int i = 0; i < stage_kernels(st); i++)
        ns += kernel_cost(stage_kernel(st, i), LANE_STEPS, st->comp >= 0,
                          threads);
    return ns;
}

/* How long the section takes in lanes. */
static double lanes_cost(Former *f)
{
    double *from = NEW_N(f->arena, double, f->draft.n + 1);
    double *to = NEW_N(f->arena, double, f->draft.n + 1);
    double all = 0, last = 0;
    for (int i = 0; i < f->draft.n; i++) {
        const Lane *l = &f->draft.v[i].lane;
        double least = 0, own = l->cost / (l->any ? f->threads : 1);
        for (int k = 0; k < i; k++) {
            const Lane *w = &f->draft.v[k].lane;
            if (l->all >> k & 1 && to[k] > from[i])
                from[i] = to[k];
            if (l->same >> k & 1 && from[k] + w->cost / CHUNKS > from[i])
                from[i] = from[k] + w->cost / CHUNKS;
            if (l->same >> k & 1 && to[k] + own / CHUNKS > least)
                least = to[k] + own / CHUNKS;
        }
        to[i] = from[i] + own > least ? from[i] + own : least;
        last = to[i] > last ? to[i] : last;
        all += l->cost + TURN * (l->fine ? CHUNKS : 1);
    }
    all /= f->threads;
    return (all > last ? all : last) + FORK;
}

/* What waits for each lane, the last ones first. */
static void find_after(Former *f)
{
    for (int i = f->draft.n - 1; i > 0; i--) {
        const Lane *l = &f->draft.v[i].lane;
        for (int k = 0; k < i; k++) {
            Lane *w = &f->draft.v[k].lane;
            double after = (l->all >> k & 1    ? l->cost
                            : l->same >> k & 1 ? l->cost / CHUNKS
                                               : 0) +
                           l->after;
            if ((l->all | l->same) >> k & 1 && after > w->after)
                w->after = after;
        }
    }
}

/* ---- sections ---- */

/* Whether a kernel of a group adds up steps. */
static bool is_sum(const Former *f, const Kernel *k, int bit)
{
    bool sum = false;
    for (int i = k->in.n; i < kernel_values(k); i++) {
        Val v = kernel_value(k, i);
        sum |= v >= 0 && !(f->s->val.v[sched_base(f->s, v)].axes & bit);
    }
    return sum;
}

static Draft *new_draft(Former *f, int group, bool fine)
{
    Draft d = {.group = group};
    d.lane.fine = fine;
    vec_push(f->arena, &f->draft, d);
    return &f->draft.v[f->draft.n - 1];
}

static void add_stage(Former *f, Draft *d, const Stage *st)
{
    vec_push(f->arena, &d->stage, *st);
    for (int i = 0; i < stage_kernels(st); i++)
        add_kernel(f, &d->access, stage_kernel(st, i));
    d->lane.cost += stage_cost(st, 1);
}

/* Small sums of a stage are one lane, large ones may have their own. */
static void add_sums(Former *f, const Stage *st, int bit)
{
    Stage small = *st, one = *st;
    memset(&small.kernel, 0, sizeof small.kernel);
    for (int i = 0; i < st->kernel.n; i++) {
        const Kernel *k = &st->kernel.v[i];
        if (!is_sum(f, k, bit))
            continue;
        if (k->kind != KN_OUTER || f->join) {
            vec_push(f->arena, &small.kernel, *k);
            continue;
        }
        memset(&one.kernel, 0, sizeof one.kernel);
        vec_push(f->arena, &one.kernel, *k);
        add_stage(f, new_draft(f, st->group, false), &one);
    }
    if (small.kernel.n)
        add_stage(f, new_draft(f, st->group, false), &small);
}

static void add_rows(Former *f, const Stage *st, int bit)
{
    Stage rows = *st;
    memset(&rows.kernel, 0, sizeof rows.kernel);
    for (int i = 0; i < st->kernel.n; i++)
        if (!is_sum(f, &st->kernel.v[i], bit))
            vec_push(f->arena, &rows.kernel, st->kernel.v[i]);
    if (!rows.kernel.n)
        return;
    Draft *d = new_draft(f, st->group, true);
    add_stage(f, d, &rows);
    d->lane.any = true;
    for (int i = 0; i < d->access.n; i++) {
        const Value *v = &f->s->val.v[d->access.v[i].base];
        if (d->access.v[i].write && (!(v->axes & bit) || v->part))
            d->lane.any = false;
    }
}

/* Whether stages can be cut into short chunks and apart. */
static bool can_part(const Stage *v, int n)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < stage_kernels(&v[i]); k++)
            if (v[i].rows || v[i].turn || stage_kernel(&v[i], k)->sweep)
                return false;
    return v->group >= 0;
}

/* Sets what the lanes from `own` on wait for.  False: some of a group do not
 * just read what others have done of the same steps. */
static bool find_needs(Former *f, int own)
{
    for (int i = own; i < f->draft.n; i++)
        for (int k = 0; k < i; k++) {
            Draft *a = &f->draft.v[k], *b = &f->draft.v[i];
            int how = depends(f->s, &a->access, &b->access);
            bool inside = k >= own && a->lane.fine && b->lane.fine;
            int bit = inside ? cell_time(f->fn->group.v[a->group].axis) : 0;
            if (inside && how &&
                (how & OTHER || !by_steps(f->s, &a->access, &b->access, bit)))
                return false;
            if (how)
                *(inside ? &b->lane.same : &b->lane.all) |= (uint64_t)1 << k;
        }
    return true;
}

/* Whether the sums of a stage read nothing that its other kernels write behind
 * them. */
static bool sums_last(Former *f, const Stage *st, int bit)
{
    for (int i = 0; i < st->kernel.n; i++)
        for (int k = i + 1; k < st->kernel.n; k++) {
            Accesses a = {0}, b = {0};
            if (!is_sum(f, &st->kernel.v[i], bit) ||
                is_sum(f, &st->kernel.v[k], bit))
                continue;
            add_kernel(f, &a, &st->kernel.v[i]);
            add_kernel(f, &b, &st->kernel.v[k]);
            if (depends(f->s, &a, &b))
                return false;
        }
    return true;
}

/* Whether a group has become lanes. */
static bool part_group(Former *f, const Stage *v, int n)
{
    int own = f->draft.n, bit = cell_time(f->fn->group.v[v->group].axis);
    bool parts = true;
    for (int i = 0; i < n && parts; i++) {
        parts = v[i].comp >= 0 || sums_last(f, &v[i], bit);
        if (v[i].comp >= 0) {
            add_stage(f, new_draft(f, v->group, true), &v[i]);
            continue;
        }
        add_rows(f, &v[i], bit);
        add_sums(f, &v[i], bit);
    }
    return parts && f->draft.n <= MOST && find_needs(f, own);
}

/* The lanes of a group, with fewer for sums or one for all where there would be
 * too many, or for what cannot be parted.  False: there are too many before. */
static bool draft_lanes(Former *f, const Stage *v, int n)
{
    int own = f->draft.n;
    f->join = false;
    for (int turn = 0; turn < 2 && can_part(v, n); turn++) {
        if (part_group(f, v, n))
            return true;
        bool full = f->draft.n > MOST;
        f->draft.n = own;
        if (full && own)
            return false;
        f->join = true;
    }
    if (own == MOST)
        return false;
    Draft *d = new_draft(f, v->group, false);
    for (int i = 0; i < n; i++)
        add_stage(f, d, &v[i]);
    find_needs(f, own);
    return true;
}

/* Reals that one writes and the other uses, in a row. */
static int64_t exchanged(const Sched *s, const Accesses *a, const Accesses *b)
{
    int64_t n = 0;
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < b->n; j++) {
            int64_t x = s->val.v[a->v[i].v].n, y = s->val.v[b->v[j].v].n;
            if (a->v[i].write != b->v[j].write &&
                overlap(s, &a->v[i], &b->v[j]))
                n += x < y ? x : y;
        }
    return n;
}

/* The home of the loop that exchanges most with what does `access`, of those
 * from `from` on, or `none`. */
static int nearest(const Former *f, const Accesses *access, int from, int none)
{
    int64_t most = 0;
    for (int i = from; i < f->loop.n; i++) {
        int64_t n = exchanged(f->s, &f->loop.v[i].access, access);
        if (n > most)
            none = f->loop.v[i].home;
        most = n > most ? n : most;
    }
    return none;
}

static bool is_loop(const Draft *d)
{
    return d->stage.v[0].comp >= 0;
}

/* Loops of backward are done where those of forward were that have saved what
 * they need. */
static void find_homes(Former *f)
{
    int before = f->loop.n;
    for (int i = 0; i < f->draft.n; i++) {
        Draft *d = &f->draft.v[i];
        Loop l = {d->access, 0};
        if (!is_loop(d))
            continue;
        l.home = d->lane.home = f->number == FN_FORWARD
                                    ? f->loop.n
                                    : nearest(f, &d->access, 0, f->loop.n);
        vec_push(f->arena, &f->loop, l);
    }
    for (int i = 0; i < f->draft.n; i++) {
        Draft *d = &f->draft.v[i];
        if (!is_loop(d))
            d->lane.home = nearest(f, &d->access, before, -1);
    }
}

static void push_kernels(Former *f, const Kernel *v, int n)
{
    Stage st = {.comp = -1, .group = -1};
    for (int i = 0; i < n; i++)
        vec_push(f->arena, &st.kernel, v[i]);
    if (n)
        vec_push(f->arena, &f->stage, st);
}

/* Buffers for one chunk hold no more than one at a time. */
static void keep_whole(Former *f, const Draft *d)
{
    for (int i = 0; i < d->access.n; i++) {
        Value *v = &f->s->val.v[d->access.v[i].base];
        if (v->group >= 0 && v->fn == f->number)
            v->group = -1;
    }
}

static void push_lanes(Former *f, int section)
{
    find_homes(f);
    for (int i = 0; i < f->draft.n; i++) {
        Draft *d = &f->draft.v[i];
        d->lane.section = section;
        vec_push(f->arena, &f->fn->lane, d->lane);
        keep_whole(f, d);
        for (int k = 0; k < d->stage.n; k++) {
            d->stage.v[k].lane = f->fn->lane.n;
            vec_push(f->arena, &f->stage, d->stage.v[k]);
        }
    }
}

/* Ends the section that stands before stage `to`. */
static void close_section(Former *f, int to)
{
    Section x = {.first = f->fn->lane.n};
    int lanes = 0;
    find_after(f);
    x.lanes = lanes_cost(f);
    for (int i = 0; i < f->draft.n; i++) {
        const Draft *d = &f->draft.v[i];
        lanes += d->stage.v[0].kernel.v[0].kind != KN_PACK;
        for (int k = 0; k < d->stage.n; k++)
            x.divided += stage_cost(&d->stage.v[k], f->threads);
    }
    if (lanes > 1 && (f->always || x.lanes < x.divided)) {
        x.n = f->draft.n;
        push_kernels(f, f->before.v, f->before.n);
        push_lanes(f, f->fn->section.n);
        push_kernels(f, f->behind.v, f->behind.n);
    } else {
        for (int i = f->from; i < to; i++)
            vec_push(f->arena, &f->stage, f->old[i]);
    }
    if (lanes)
        vec_push(f->arena, &f->fn->section, x);
    f->from = to;
    f->before.n = f->behind.n = f->draft.n = f->later.n = 0;
}

static bool needs_later(Former *f, const Stage *v, int n)
{
    Accesses a = {0};
    for (int i = 0; i < n; i++)
        for (int k = 0; k < stage_kernels(&v[i]); k++)
            add_kernel(f, &a, stage_kernel(&v[i], k));
    return depends(f->s, &f->later, &a) != 0;
}

/* Kernels that stand between groups. */
static void add_between(Former *f, const Stage *st)
{
    for (int i = 0; i < st->kernel.n; i++) {
        const Kernel *k = &st->kernel.v[i];
        Accesses a = {0};
        add_kernel(f, &a, k);
        bool wait = depends(f->s, &f->later, &a) != 0;
        for (int l = 0; l < f->draft.n && !wait; l++)
            wait = depends(f->s, &f->draft.v[l].access, &a) != 0;
        if (!wait && k->kind == KN_PACK && k->n * k->k >= LARGE &&
            f->draft.n < MOST / 2) {
            Stage pack = {.comp = -1, .group = -1};
            vec_push(f->arena, &pack.kernel, *k);
            add_stage(f, new_draft(f, -1, false), &pack);
            continue;
        }
        if (!wait) {
            vec_push(f->arena, &f->before, *k);
            continue;
        }
        vec_push(f->arena, &f->behind, *k);
        add_kernel(f, &f->later, k);
    }
}

/* Whether a stage between groups must stay as it is. */
static bool is_whole(const Stage *st)
{
    bool whole = st->prepare;
    for (int i = 0; i < st->kernel.n; i++)
        whole |= st->kernel.v[i].sweep != 0;
    return whole;
}

static void form_sections(Former *f, int n)
{
    for (int i = 0, next; i < n; i = next) {
        const Stage *st = &f->old[i];
        next = i + 1;
        if (st->comp < 0 && st->group < 0) {
            if (!is_whole(st)) {
                add_between(f, st);
                continue;
            }
            close_section(f, i);
            vec_push(f->arena, &f->stage, *st);
            f->from = next;
            continue;
        }
        while (st->group >= 0 && next < n && f->old[next].group == st->group)
            next++;
        if (f->draft.n && needs_later(f, st, next - i))
            close_section(f, i);
        if (!draft_lanes(f, st, next - i)) {
            close_section(f, i);
            draft_lanes(f, st, next - i);
        }
    }
    close_section(f, n);
}

void form_lanes(Sched *s, Chunks chunks, Arena *a)
{
    Former f = {.s = s, .arena = a, .threads = chunks.threads};
    f.always = chunks.steps != 0;
    for (f.number = 0; f.number < FN_COUNT; f.number++) {
        f.fn = &s->fn[f.number];
        f.old = f.fn->stage.v;
        f.from = 0;
        memset(&f.stage, 0, sizeof f.stage);
        form_sections(&f, f.fn->stage.n);
        f.fn->stage.v = f.stage.v;
        f.fn->stage.n = f.stage.n;
        f.fn->stage.cap = f.stage.cap;
    }
}
