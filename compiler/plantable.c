/* What a compiled model shows of its memory: one CellTensor for each
 * parameter, input, noise, state and root, and those that the caller sets for
 * a chunk.  Called by plan.c; the emitters print the table. */
#include "plantable.h"

#include <string.h>

#include "level.h"

typedef struct Maker {
    Plan *p;
    const Sched *s;
    const Graph *g;
    Arena *arena;
    int *slot; /* per slot: its tensor, -1 */
    int *root; /* per root: its tensor, -1 */
} Maker;

static CellTensor tensor_new(const Maker *m, const char *name, int role,
                             int shape, Val v)
{
    const Shape *s = SHAPE(m->g, shape);
    CellTensor t = {0};
    t.name = name;
    t.role = role;
    t.rank = s->rank;
    for (int i = 0; i < s->rank; i++)
        t.dim[i] = s->dim[i];
    t.of = -1;
    t.init.kind = "const";
    t.lo = -1.0 / 0.0;
    t.hi = 1.0 / 0.0;
    t.lr = 1;
    t.decay = -1;
    t.at = m->p->loc[v].at;
    t.axes = m->p->loc[v].axes;
    return t;
}

static int add(Maker *m, CellTensor t)
{
    vec_push(m->arena, &m->p->tensor, t);
    return m->p->tensor.n - 1;
}

/* Whether the equation of slot i is swept from the end. */
static bool sweeps(const Maker *m, int i)
{
    const Slot *s = SLOT(m->g, i);
    if (!slot_computed(s))
        return false;
    int comp = m->s->causal.comp[level_strip(m->g, s->root)];
    return comp >= 0 && m->s->causal.v.v[comp].dir < 0;
}

static void add_slot(Maker *m, int i, int role)
{
    const Slot *s = SLOT(m->g, i);
    CellTensor t = tensor_new(m, s->name, role, s->shape, m->s->slot_val[i]);
    const Loc *loc = &m->p->loc[m->s->slot_val[i]];
    t.flags = s->flags | (sweeps(m, i) ? CELL_BACKWARD : 0);
    t.classes = s->classes;
    t.set = s->set;
    t.lag = loc->lag;
    t.lead = loc->lead;
    t.axis = s->axis;
    if (loc->ring) { /* the end of each sequence, and the start before */
        for (int a = 0; a < 1 << CELL_AXES; a++)
            t.at.by[a] += loc->ring * loc->step[cell_time_at(s->axis)].by[a];
        t.axes &= ~slot_bit(s);
    }
    if (s->init.kind)
        t.init = s->init;
    t.lo = s->min;
    t.hi = s->max;
    t.lr = s->lr;
    t.decay = s->decay;
    t.clip = s->clip;
    m->slot[i] = add(m, t);
    if (!s->alias)
        return;
    t.name = s->alias;
    add(m, t);
}

/* Inputs from behind the end come by themselves and last, so that the numbers
 * of all others, which noise depends on, are those of the model without. */
static void add_slots(Maker *m, SlotKind kind, int role, int after)
{
    for (int i = 0; i < m->g->slot.n; i++) {
        const Slot *s = SLOT(m->g, i);
        Val v = m->s->slot_val[i];
        if (s->kind != kind || v < 0 || (s->flags & CELL_AFTER) != after)
            continue;
        const Loc *l = &m->p->loc[v];
        if (role == CELL_STATE && !l->lag && !(l->lead && sweeps(m, i)))
            continue;
        add_slot(m, i, role);
    }
}

/* The tensor of a slot: its own, or the root that shows its equation. */
static int tensor_of_slot(const Maker *m, int slot)
{
    if (slot < 0)
        return -1;
    if (m->slot[slot] >= 0)
        return m->slot[slot];
    const Slot *s = SLOT(m->g, slot);
    for (int i = 0; i < m->g->root.n && s->root; i++)
        if (m->g->root.v[i].role == CELL_OUTPUT && m->root[i] >= 0 &&
            level_strip(m->g, m->g->root.v[i].value) ==
                level_strip(m->g, s->root))
            return m->root[i];
    return -1;
}

static void add_root(Maker *m, int i)
{
    const Root *r = &m->g->root.v[i];
    if (r->role == CELL_GRAD && SLOT(m->g, r->slot)->kind == SLOT_PARAM)
        return;
    CellTensor t = tensor_new(m, r->name, r->role, NODE(m->g, r->value)->shape,
                              m->s->root_val[i]);
    t.flags = r->flags;
    t.what = r->what;
    t.set = r->set;
    const Node *n = NODE(m->g, level_scalar(m->g, r->value));
    if (r->role == CELL_DRAW && n->op == OP_CONST)
        t.lo = t.hi = n->num;
    const Loc *loc = &m->p->loc[m->s->root_val[i]];
    if (cell_only_time(t.axes) == CELL_MANY_TIMES) { /* they make gaps */
        t.lag = loc->lag;
        t.lead = loc->lead;
        t.axis = m->s->val.v[m->s->root_val[i]].axis;
    }
    m->root[i] = add(m, t);
}

static void link_root(Maker *m, int i)
{
    const Root *r = &m->g->root.v[i];
    if (m->root[i] < 0)
        return;
    CellTensor *t = &m->p->tensor.v[m->root[i]];
    t->of = r->role == CELL_COUNT ? (r->of >= 0 ? m->root[r->of] : -1)
                                  : tensor_of_slot(m, r->slot);
}

/* Whether a value depends on all sequences of the batch. */
static bool pools(const Graph *g)
{
    for (Ref r = 1; r < (Ref)g->node.n; r++)
        if (NODE(g, r)->op == OP_POOL)
            return true;
    return false;
}

static void add_given(Maker *m)
{
    const Sched *s = m->s;
    for (int i = 0; i < s->ntime; i++) {
        if (sched_same(s, i))
            continue;
        CellTensor t =
            tensor_new(m, s->val.v[s->len[i]].name, CELL_LENGTH, 0, s->len[i]);
        t.of = i;
        add(m, t);
    }
    add(m, tensor_new(m, "last", CELL_LAST, 0, s->last));
    add(m, tensor_new(m, "start", CELL_START, 0, s->start));
    CellTensor batch = tensor_new(m, "batch", CELL_BATCH, 0, s->batch);
    batch.flags = pools(m->g) ? CELL_WHOLE : 0;
    add(m, batch);
    if (s->skip >= 0)
        add(m, tensor_new(m, "skip", CELL_SKIP, 0, s->skip));
    if (s->past >= 0)
        add(m, tensor_new(m, "past", CELL_PAST, 0, s->past));
    if (s->fresh >= 0)
        add(m, tensor_new(m, "fresh", CELL_FRESH, 0, s->fresh));
    for (int i = 0; i < m->g->root.n; i++) {
        if (s->total[i] < 0)
            continue;
        CellTensor t = tensor_new(m, s->val.v[s->total[i]].name, CELL_TOTAL, 0,
                                  s->total[i]);
        t.of = m->root[i];
        add(m, t);
    }
}

/* The parameter by whose values a noise is drawn. */
static void link_noise(Maker *m, int i)
{
    const Slot *s = SLOT(m->g, i);
    int by = s->by ? graph_slot_find(m->g, s->by) : -1;
    if (m->slot[i] >= 0 && by >= 0)
        m->p->tensor.v[m->slot[i]].of = m->slot[by];
}

void plan_tensors(Plan *p, Arena *a)
{
    Maker m = {p, p->s, p->s->g, a, NULL, NULL};
    m.slot = NEW_N(a, int, m.g->slot.n + 1);
    m.root = NEW_N(a, int, m.g->root.n + 1);
    memset(m.slot, -1, sizeof(int) * (size_t)(m.g->slot.n + 1));
    memset(m.root, -1, sizeof(int) * (size_t)(m.g->root.n + 1));
    add_slots(&m, SLOT_PARAM, CELL_PARAM, 0);
    add_slots(&m, SLOT_INPUT, CELL_INPUT, 0);
    add_slots(&m, SLOT_NOISE, CELL_NOISE, 0);
    add_slots(&m, SLOT_EQN, CELL_STATE, 0);
    add_slots(&m, SLOT_INPUT, CELL_INPUT, CELL_AFTER);
    for (int i = 0; i < m.g->root.n; i++)
        add_root(&m, i);
    for (int i = 0; i < m.g->root.n; i++)
        link_root(&m, i);
    for (int i = 0; i < m.g->slot.n; i++)
        link_noise(&m, i);
    add_given(&m);
}
