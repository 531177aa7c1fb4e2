/* Where parameters start and how noise is drawn: `~ normal(0, 0.1)` and its
 * like, each a row of a table, and the bounds that constraints set. */
#include <math.h>
#include <string.h>

#include "elab.h"

static const struct {
    const char *name;
    int min, max; /* numbers in the call */
    bool noise;   /* noise may be drawn from it */
    const char *form;
} kinds[] = {
    {"normal", 2, 2, true, "a mean and a deviation: normal(0, 0.1)"},
    {"uniform", 2, 2, true, "the lower and the upper end: uniform(-1, 1)"},
    {"truncated", 2, 2, false, "a mean and a deviation: truncated(0, 0.1)"},
    {"bernoulli", 1, 1, true, "a probability: bernoulli(0.5)"},
    {"glorot", 0, 0, false, "no number: ~ glorot"},
    {"he", 0, 0, false, "no number: ~ he"},
    {"orthogonal", 0, 1, false, "at most a factor: orthogonal(1)"},
    {"identity", 0, 1, false, "at most a factor: identity(1)"},
    {"constant", 1, 1, false, "a number: constant(1)"},
    {"zeros", 0, 0, false, "no number: ~ zeros"},
    {"ones", 0, 0, false, "no number: ~ ones"},
    {"load", 0, 0, false, "the name of a file: load(\"W.npy\")"},
    {"frequency", 0, 1, false, "at most a power: frequency(0.75)"},
};
enum { NKINDS = sizeof kinds / sizeof *kinds };

/* Row of the word; -1 with a message. */
static int kind_of(Elab *e, const Ast *a, const Ast *callee)
{
    const char *word[NKINDS];
    int i = 0;
    for (; i < NKINDS; i++)
        word[i] = kinds[i].name;
    for (i = 0; callee->kind == A_NAME && i < NKINDS; i++)
        if (!strcmp(kinds[i].name, callee->name))
            return i;
    if (!e->building)
        return -1;
    diag(e->diags, E_INIT, a->span);
    const char *near = callee->kind == A_NAME
                           ? diag_closest(callee->name, word, NKINDS)
                           : NULL;
    if (near)
        diag_help(e->diags, "did you mean %s?", near);
    else
        diag_help(e->diags, "there are normal, uniform, glorot, he, "
                            "orthogonal, identity and more: --explain E0323");
    return -1;
}

static bool sensible(const char *kind, double a, double b)
{
    if (!strcmp(kind, "normal") || !strcmp(kind, "truncated"))
        return b >= 0;
    if (!strcmp(kind, "uniform"))
        return a <= b;
    return strcmp(kind, "bernoulli") || (a >= 0 && a <= 1);
}

CellInit init_read(Elab *e, Scope *s, Ast *a, bool noise)
{
    CellInit r = {.kind = "const"};
    Ast *callee = a->kind == A_CALL ? a->kid : a;
    int k = kind_of(e, a, callee), n = 0, files = 0;
    if (k < 0)
        return r;
    double x[2] = {0, 0};
    bool known = true;
    for (Ast *i = a->kind == A_CALL ? callee->next : NULL; i; i = i->next)
        if (i->kind == A_STR) {
            r.file = i->str;
            files++;
        } else {
            Val v = expr_number(e, s, i, "a start value");
            known &= v.kind == V_TENSOR;
            if (n++ < 2)
                x[n - 1] = v.num;
        }
    bool load = !strcmp(kinds[k].name, "load");
    bool fits = n >= kinds[k].min && n <= kinds[k].max && files == load &&
                (!known || sensible(kinds[k].name, x[0], x[1]));
    if (!fits && e->building)
        diag(e->diags, E_INIT_CALL, a->span, kinds[k].name, kinds[k].form);
    if (noise && !kinds[k].noise && e->building)
        diag(e->diags, E_NOISE, a->span, kinds[k].name);
    r.kind = kinds[k].name;
    r.a = !n && !strcmp(r.kind, "frequency") ? 1 : x[0];
    r.b = x[1];
    if (!strcmp(r.kind, "zeros") || !strcmp(r.kind, "ones") ||
        !strcmp(r.kind, "constant")) {
        r.a = !strcmp(r.kind, "ones") ? 1 : r.a;
        r.kind = "const";
    }
    return r;
}

bool init_is_classes(const Ast *a)
{
    const Ast *callee = a->kind == A_CALL ? a->kid : a;
    return callee->kind == A_NAME && !strcmp(callee->name, "categorical");
}

void init_classes(Elab *e, const Name *n, Slot *slot, Ast *a)
{
    const char *set = n->val.set ? dim_text(e->arena, n->val.set) : "words";
    Ast *arg = init_is_classes(a) && a->kind == A_CALL ? a->kid->next : NULL;
    bool one = arg && !arg->next && n->val.set;
    Val q = one ? expr(e, n->scope, arg) : val_none();
    slot->init.kind = "categorical";
    if (one && q.kind == V_NONE)
        return; /* told */
    const Node *node = q.ref && !q.complex ? NODE(e->graph, q.ref) : NULL;
    bool given = node && (node->op == OP_PARAM || node->op == OP_TABLE);
    if (!given || q.rank != 1)
        diag(e->diags, E_NOISE_CLASSES, a->span, n->name, set, set);
    else if (!same_dim(e, q.dim[0], n->val.set))
        diag(e->diags, E_DRAW_SET, a->span, n->name, set,
             dim_text(e->arena, q.dim[0]));
    else if (node->op == OP_PARAM)
        slot->by = SLOT(e->graph, node->a)->name;
    else
        slot->init.value = e->graph->table.v[node->a].v;
}

/* `in (a, b)`; unless the spec says where to start: where the free value is
 * 0. */
void init_interval(Elab *e, Scope *s, Slot *slot, Ast *in)
{
    slot->min = expr_number(e, s, in->kid, "a bound").num;
    slot->max = expr_number(e, s, in->kid->next, "a bound").num;
    if (!(slot->min < slot->max))
        diag(e->diags, E_INTERVAL, in->span);
    slot->init.kind = "const";
    slot->init.a = isinf(slot->max)   ? slot->min + 1
                   : isinf(slot->min) ? slot->max - 1
                                      : (slot->min + slot->max) / 2;
}

/* in simplex, in skew: the elements depend on each other. */
void init_manifold(Elab *e, Slot *slot, Ast *in)
{
    const Shape *s = SHAPE(e->graph, slot->shape);
    const char *word = in->kid->kind == A_NAME ? in->kid->name : "";
    bool simplex = !strcmp(word, "simplex"), skew = !strcmp(word, "skew");
    bool square = s->rank >= 2 && s->dim[s->rank - 1] == s->dim[s->rank - 2];
    if (!simplex && !skew) {
        diag(e->diags, E_CONSTRAINT, in->span);
        return;
    }
    if (simplex ? !s->rank : !square) {
        diag(e->diags, E_CONSTRAINT_SHAPE, in->span, word,
             simplex ? "a vector, or rows of a matrix" : "a square matrix");
        return;
    }
    slot->flags |= simplex ? CELL_SIMPLEX : CELL_SKEW;
    if (simplex) {
        slot->init.kind = "const"; /* all alike */
        slot->init.a = 1 / (double)s->dim[s->rank - 1];
    }
}

/* A fixed start lies inside. */
void init_inside(Elab *e, const Slot *slot, Span at)
{
    double a = slot->init.a;
    if (!strcmp(slot->init.kind, "const") && (a <= slot->min || a >= slot->max))
        diag(e->diags, E_START_OUTSIDE, at, slot->name, a, slot->min,
             slot->max);
}

static bool is_clip(const Ast *k)
{
    bool word = k->kind == A_CALL && k->kid->kind == A_NAME;
    return k->kind == A_NUM || (word && (!strcmp(k->kid->name, "norm") ||
                                         !strcmp(k->kid->name, "value")));
}

/* with frozen, lr = 0.1, decay = 0, clip = norm(1); next = e is read when all
 * equations are there (next_roots) */
void init_with(Elab *e, Scope *s, Slot *slot, Ast *k)
{
    if (!strcmp(k->name, "next") && k->kid) {
        slot->flags |= CELL_FROZEN;
        return;
    }
    bool frozen = !strcmp(k->name, "frozen"), clip = !strcmp(k->name, "clip");
    bool lr = !strcmp(k->name, "lr"), decay = !strcmp(k->name, "decay");
    double v = 0;
    if (!frozen && !clip && !lr && !decay) {
        diag(e->diags, E_WITH, k->span, k->name);
        return;
    }
    if (k->kid && (lr || decay)) {
        Val x = expr_number(e, s, k->kid, k->name);
        if (x.kind != V_TENSOR)
            return;
        v = x.num;
    }
    if (frozen ? k->kid != NULL
               : !k->kid || (clip && !is_clip(k->kid)) || v < 0) {
        diag(e->diags, E_WITH_VALUE, k->span, k->name,
             frozen ? "no value"
             : clip ? "norm(c) or value(c)"
                    : "a number that is not negative");
        return;
    }
    if (frozen)
        slot->flags |= CELL_FROZEN;
    if (lr)
        slot->lr = v;
    if (decay)
        slot->decay = v;
    if (clip) {
        Buf b;
        buf_init(&b, e->arena);
        ast_print_expr(&b, k->kid);
        slot->clip = b.s;
    }
}
