/* The memory plan: gives every buffer of a schedule its place in one arena and
 * every value its Loc.  What the caller sees and what backward needs of
 * forward lies apart; temporaries share blocks where their lives do not meet
 * (first fit by size and life).  Needs a finished Sched; used by the emitters.
 */
#include "plan.h"

#include <string.h>

#include "chunk.h"
#include "cost.h"
#include "plantable.h"

/* Buffers are often a power of two long.  Without STAGGER reals between them
 * (33 cache lines) one row of each, which a kernel reads and writes together,
 * would fall into the same few places of the L1 cache; rows of LONG reals fill
 * enough of it for that to matter. */
enum { ALIGN = 16, WIDE = 64, LONG = 128, STAGGER = 33 * ALIGN };

/* A piece of the arena that one buffer, or several in turn, take. */
typedef struct Block {
    CellSize size, at;
    int free_from; /* moment from which on it may be used again */
    bool aligned;  /* a multiple of ALIGN reals for any T and B */
    bool apart;    /* from the next one */
} Block;

/* First and last moment at which a buffer is in use; moments count the kernels
 * of forward, then those of backward. */
typedef struct Use {
    int from, to;
    int stage;    /* the only stage that uses it, -1: none yet, -2: more */
    bool scratch; /* lives inside one step of a loop */
} Use;

typedef struct Planner {
    Plan *p;
    const Sched *s;
    Arena *arena;
    Use *use;   /* per value; buffers only */
    int *block; /* per value: index of its block, -1 */
    VEC(Block) blocks;
} Planner;

static int64_t round_up(int64_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static void size_add(CellSize *z, CellSize x, int64_t times)
{
    z->c += x.c * times;
    for (int a = 1; a < 1 << CELL_AXES; a++)
        z->by[a] += x.by[a] * times;
}

/* x times the extent of an axis that it does not have yet. */
static CellSize size_along(CellSize x, int axis)
{
    CellSize z = {0};
    z.by[axis] = x.c;
    for (int a = 1; a < 1 << CELL_AXES; a++)
        if (x.by[a])
            z.by[a | axis] = x.by[a];
    return z;
}

/* Reals of the most steps that a chunk has: those of `rows` rows of `n` reals
 * and what is missing in a turn, or one step, whatever is more. */
static CellSize size_chunk(CellSize step, int64_t n, const Group *g)
{
    CellSize z = {0};
    size_add(&z, step, g->steps ? g->steps : g->turn ? g->turn : 1);
    z.c += g->steps ? 0 : g->rows * n;
    return z;
}

static CellSize size_times(CellSize x, int64_t times)
{
    CellSize z = {0};
    size_add(&z, x, times);
    return z;
}

/* x times the steps of an axis of which each of `every` counts, and one more.
 */
static CellSize size_some(CellSize x, int axis, int64_t every)
{
    CellSize z = size_along(x, axis);
    for (int a = 1; a < 1 << CELL_AXES; a++)
        z.by[a] = (z.by[a] + every - 1) / every;
    size_add(&z, x, 1);
    return z;
}

/* Reals of a buffer whose rows take `n`, and the distance of neighbours along
 * each axis, from the inner to the outer one. */
static CellSize lay_rows(const Sched *s, const Value *v, int64_t n,
                         CellSize *step)
{
    static const int order[] = {CELL_AT_B, CELL_AT_T, CELL_AT_U, CELL_AT_V};
    CellSize z = {0};
    z.c = n;
    for (int i = 0; i < CELL_AXES; i++) {
        int axis = 1 << order[i];
        if (!(v->axes & axis))
            continue;
        CellSize one = z;
        step[order[i]] = one;
        bool own = axis == cell_time(v->axis);
        if (own && v->ring) {
            z = (CellSize){0};
            size_add(&z, one, v->ring + (v->life == LIFE_KEEP));
            continue;
        }
        if (axis == CELL_B && v->part)
            z.c = n * v->part;
        else if (own && v->turn)
            z = size_times(one, v->turn);
        else if (own && v->every)
            z = size_some(one, axis, v->every);
        else if (v->group >= 0 && own)
            z = size_chunk(one, n, &s->fn[v->fn].group.v[v->group]);
        else
            z = size_along(one, axis);
        if (own)
            size_add(&z, one, v->lag + v->lead);
    }
    return z;
}

/* Rows of wide values are padded at the end of the whole buffer to keep the
 * next one aligned; narrow ones come last and are packed tightly. */
static CellSize buffer_size(const Sched *s, const Value *v, bool *aligned)
{
    CellSize step[CELL_AXES];
    int64_t n = v->n >= WIDE || v->axes == GX_NONE ? round_up(v->n) : v->n;
    *aligned = n % ALIGN == 0;
    return lay_rows(s, v, n, step);
}

CellSize plan_buffer(const Sched *s, const Value *v)
{
    bool aligned;
    return buffer_size(s, v, &aligned);
}

/* ---- lives ---- */

typedef struct Moment {
    int now, first, last; /* this kernel; first and last of its stage */
    int begin, end;       /* of its section, its group, or its stage */
    int from, to;         /* of its sweep, or just this one */
    int stage;            /* counted over both functions */
    bool loop;
    bool lanes; /* other threads work on the section meanwhile */
    int axis;   /* bit of the axis that the loop sweeps */
} Moment;

/* What is in use in a loop or in a group of stages is so all the time; but for
 * what is written anew in each step, or for each chunk.  In a section all is.
 */
static void touch(Planner *pl, Val v, const Moment *m, bool write)
{
    v = sched_buffer(pl->s, v);
    if (v < 0)
        return;
    Use *u = &pl->use[v];
    if (u->stage == -1)
        u->scratch = m->loop && write && !(pl->s->val.v[v].axes & m->axis);
    bool inside =
        !m->lanes && u->scratch && (u->stage == -1 || u->stage == m->stage);
    bool chunk = /* of the stage's own group */
        !m->lanes && pl->s->val.v[v].group >= 0;
    int from = inside ? m->from : chunk ? m->first : m->begin;
    int to = inside ? m->to : chunk ? m->last : m->end;
    if (u->stage == -1 || from < u->from)
        u->from = from;
    if (u->stage == -1 || to > u->to)
        u->to = to;
    u->stage = u->stage == -1 || u->stage == m->stage ? m->stage : -2;
}

static void touch_kernel(Planner *pl, const Kernel *k, const Moment *m)
{
    for (int i = 0; i < k->in.n; i++)
        touch(pl, k->in.v[i], m, false);
    for (int i = 0; i < k->inst.n; i++)
        touch(pl, k->inst.v[i].out, m, true);
    touch(pl, k->out, m, true);
}

/* Whether two stages are of one section, or of one group outside of any. */
static bool together(const SchedFn *fn, const Stage *a, const Stage *b)
{
    int section = sched_section(fn, a);
    return section == sched_section(fn, b) &&
           (section >= 0 || (a->group >= 0 && a->group == b->group));
}

/* The moments of stage i: alone, in a loop, in a group or section that ends
 * later. */
static void begin_stage(Moment *m, const Sched *s, const SchedFn *fn, int i)
{
    const Stage *st = &fn->stage.v[i];
    m->loop = st->comp >= 0;
    m->lanes = st->lane != 0;
    m->axis = m->loop ? cell_time(s->causal.v.v[st->comp].axis) : 0;
    m->first = m->now;
    m->last = m->now + stage_kernels(st) - 1;
    if (i && together(fn, st - 1, st))
        return;
    m->begin = m->first;
    m->end = m->last;
    for (i++; i < fn->stage.n && together(fn, st, &fn->stage.v[i]); i++)
        m->end += stage_kernels(&fn->stage.v[i]);
}

/* The kernels of a sweep are done together. */
static void find_sweep(Moment *m, const Stage *st, int k)
{
    int sweep = stage_kernel(st, k)->sweep, n = stage_kernels(st);
    m->from = m->to = m->now;
    for (int i = k - 1; sweep && i >= 0; i--, m->from--)
        if (stage_kernel(st, i)->sweep != sweep)
            break;
    for (int i = k + 1; sweep && i < n; i++, m->to++)
        if (stage_kernel(st, i)->sweep != sweep)
            break;
}

static void find_lives(Planner *pl)
{
    Moment m = {0};
    for (Val v = 0; v < pl->s->val.n; v++)
        pl->use[v].stage = -1;
    for (int f = 0; f < FN_COUNT; f++) {
        const SchedFn *fn = &pl->s->fn[f];
        for (int i = 0; i < fn->stage.n; i++, m.stage++) {
            const Stage *st = &fn->stage.v[i];
            begin_stage(&m, pl->s, fn, i);
            for (int k = 0; k < stage_kernels(st); k++, m.now++) {
                if (!m.loop)
                    m.first = m.last = m.now;
                if (!m.loop && !m.lanes && st->group < 0)
                    m.begin = m.end = m.now;
                find_sweep(&m, st, k);
                touch_kernel(pl, stage_kernel(st, k), &m);
            }
        }
    }
}

/* ---- blocks ---- */

static bool fits(CellSize a, CellSize in)
{
    bool fit = a.c <= in.c;
    for (int i = 1; i < 1 << CELL_AXES; i++)
        fit &= a.by[i] <= in.by[i];
    return fit;
}

static bool same_size(CellSize a, CellSize b)
{
    return fits(a, b) && fits(b, a);
}

static int find_block(const Planner *pl, CellSize size, int from)
{
    int found = -1;
    for (int i = 0; i < pl->blocks.n; i++) {
        const Block *b = &pl->blocks.v[i];
        if (b->free_from > from || !fits(size, b->size))
            continue;
        if (same_size(size, b->size))
            return i;
        if (found < 0)
            found = i;
    }
    return found;
}

static void place_buffer(Planner *pl, Val v, bool shared)
{
    const Value *x = &pl->s->val.v[v];
    Block b = {0};
    b.size = buffer_size(pl->s, x, &b.aligned);
    b.apart = !pl->s->tight && x->n >= LONG && x->axes != GX_NONE;
    int i = shared ? find_block(pl, b.size, pl->use[v].from) : -1;
    if (i < 0) {
        vec_push(pl->arena, &pl->blocks, b);
        i = pl->blocks.n - 1;
    }
    pl->blocks.v[i].free_from = shared ? pl->use[v].to + 1 : INT32_MAX;
    pl->block[v] = i;
}

/* Temporaries in the order in which they are first used, larger before
 * smaller. */
static bool before(const Planner *pl, Val a, Val b)
{
    if (pl->use[a].from != pl->use[b].from)
        return pl->use[a].from < pl->use[b].from;
    return pl->s->val.v[a].n > pl->s->val.v[b].n;
}

/* What was prepared and stays in the work block: in front, so that its place
 * is the same for any T and B. */
static bool is_kept(const Sched *s, Val v)
{
    return s->fresh >= 0 && s->val.v[v].life == LIFE_PREPARED;
}

static void place_buffers(Planner *pl)
{
    const Sched *s = pl->s;
    Val *temp = NEW_N(pl->arena, Val, s->val.n + 1);
    int n = 0;
    for (Val v = 0; v < s->val.n; v++) {
        pl->block[v] = -1;
        if (is_kept(s, v))
            place_buffer(pl, v, false);
    }
    for (Val v = 0; v < s->val.n; v++) {
        if (s->val.v[v].kind != VAL_BUFFER || s->val.v[v].life == LIFE_PREPARED)
            continue;
        if (s->val.v[v].life != LIFE_TEMP) {
            place_buffer(pl, v, false);
        } else if (pl->use[v].stage != -1) {
            int i = n++;
            for (; i > 0 && before(pl, v, temp[i - 1]); i--)
                temp[i] = temp[i - 1];
            temp[i] = v;
        }
    }
    for (int i = 0; i < n; i++)
        place_buffer(pl, temp[i], true);
}

static void lay_blocks(Planner *pl)
{
    CellSize at = {0};
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < pl->blocks.n; i++) {
            Block *b = &pl->blocks.v[i];
            if (b->aligned != (pass == 0))
                continue;
            b->at = at;
            size_add(&at, b->size, 1);
            at.c += b->apart ? STAGGER : 0;
        }
    at.c = round_up(at.c);
    pl->p->work_size = at;
}

/* ---- places ---- */

static int64_t row_distance(const Graph *g, const Value *v)
{
    const Shape *s = SHAPE(g, v->shape);
    if (v->axes != GX_NONE || s->rank < 2 || v->packed)
        return v->n;
    return v->n / s->dim[0];
}

static Loc buffer_loc(const Planner *pl, Val i)
{
    const Value *v = &pl->s->val.v[i];
    Loc l = {.space = SP_WORK, .axes = v->axes, .n = v->n, .table = -1};
    l.lag = v->lag;
    l.lead = v->lead;
    l.ring = v->ring;
    l.turn = v->turn;
    l.every = v->every;
    l.part = v->part;
    l.chunk = v->group >= 0;
    l.ld = row_distance(pl->s->g, v);
    if (v->life == LIFE_PREPARED && pl->s->fresh < 0)
        l.space = SP_PREPARED;
    if (pl->block[i] >= 0)
        l.at = pl->blocks.v[pl->block[i]].at;
    lay_rows(pl->s, v, l.ld, l.step);
    if (v->lag && !v->ring)
        size_add(&l.at, l.step[cell_time_at(v->axis)], v->lag);
    return l;
}

static Loc view_loc(const Planner *pl, const Value *v)
{
    Loc l = pl->p->loc[v->base];
    int at = v->end ? l.ring : l.ring ? v->row & (l.ring - 1) : v->row;
    l.at.c += v->col;
    if (l.ring && v->axes & cell_time(v->axis))
        l.row += v->row;
    else if (at)
        size_add(&l.at, l.step[cell_time_at(v->axis)], at);
    if (v->from != v->to) {
        l.step[cell_time_at(v->to)] = l.step[cell_time_at(v->from)];
        memset(&l.step[cell_time_at(v->from)], 0, sizeof(CellSize));
    }
    if (!(v->axes & cell_time(v->axis)))
        l.ring = 0;
    l.axes = v->axes;
    l.n = v->n;
    l.spread = v->spread;
    if (v->axes == GX_NONE)
        l.ld = row_distance(pl->s->g, v);
    return l;
}

static Loc value_loc(const Planner *pl, Val i)
{
    const Value *v = &pl->s->val.v[i];
    Loc l = {.space = SP_CONST, .axes = v->axes, .n = v->n, .table = -1};
    l.num = v->num;
    switch (v->kind) {
    case VAL_CONST:
        return l;
    case VAL_TIME:
        l.space = SP_TIME;
        return l;
    case VAL_TABLE:
        l.space = SP_TABLE;
        l.table = v->table;
        l.ld = row_distance(pl->s->g, v);
        return l;
    case VAL_PARAM:
    case VAL_GRAD:
        l.space = v->kind == VAL_PARAM ? SP_PARAM : SP_GRAD;
        l.at.c = pl->s->param_at[v->slot];
        l.ld = row_distance(pl->s->g, v);
        return l;
    case VAL_BUFFER:
        return buffer_loc(pl, i);
    case VAL_VIEW:
        break;
    }
    return view_loc(pl, v);
}

Plan *plan_build(const Sched *s, Arena *a)
{
    Plan *p = NEW(a, Plan);
    Planner pl = {0};
    p->s = s;
    p->param_size = s->param_size;
    p->loc = NEW_N(a, Loc, s->val.n + 1);
    pl.p = p;
    pl.s = s;
    pl.arena = a;
    pl.use = NEW_N(a, Use, s->val.n + 1);
    pl.block = NEW_N(a, int, s->val.n + 1);
    find_lives(&pl);
    place_buffers(&pl);
    lay_blocks(&pl);
    for (Val v = 0; v < s->val.n; v++)
        p->loc[v] = value_loc(&pl, v);
    plan_tensors(p, a);
    p->once = chunk_apart(s, a) ? (int64_t)cost_once(s->g, a) : -1;
    return p;
}
