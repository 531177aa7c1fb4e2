/* A model as a LaTeX document: its equations in the order of the text, the
 * loss, and what the compiler derives from them, back-propagation through time
 * in the user's names.  The graph is that of the passes before products are
 * merged.  Called by cellcapi.c for `show --latex`. */
#include "latex.h"

#include <string.h>

#include "ops.h"

/* An equation of the document. */
typedef struct Line {
    Symbol left;
    Ref r;
    uint32_t order[2]; /* place in the text: of the model's equation that
                          it is for, and its own */
} Line;

typedef struct Doc {
    Latex x;
    Buf *out;
    VEC(Line) forward, backward;
    bool *ahead; /* per node: the model computes it */
    bool *read;  /* per slot: the model reads it */
} Doc;

/* ---- the graph, without what a reader takes for granted ---- */

static bool is_op(const Graph *g, Ref r, Op op)
{
    return NODE(g, r)->op == op;
}

/* t <= T, and 0 <= t or T. */
static bool is_inside(const Graph *g, Ref r)
{
    const Node *n = NODE(g, r);
    if (n->op == OP_le)
        return is_op(g, IN(g, r, 0), OP_TIME) && is_op(g, IN(g, r, 1), OP_LEN);
    return n->op == OP_ge && graph_is_const(g, IN(g, r, 1), 0) &&
           (is_op(g, IN(g, r, 0), OP_TIME) || is_op(g, IN(g, r, 0), OP_LEN));
}

static bool is_length(const Graph *g, Ref r)
{
    return is_op(g, r, OP_LEN) ||
           (is_op(g, r, OP_SUMA) && (NODE(g, r)->a & ~GX_TIME) == 0 &&
            is_inside(g, IN(g, r, 0)));
}

/* Of a length, or of the larger of it and 1. */
static int length_axis(const Graph *g, Ref r)
{
    while (NODE(g, r)->nin)
        r = IN(g, r, 0);
    return NODE(g, r)->a; /* that of TIME or LEN */
}

/* What holds of every sequence that is not cut into chunks, and has a step. */
static bool is_true(const Graph *g, Ref r)
{
    const Node *n = NODE(g, r);
    return is_inside(g, r) || n->op == OP_START || n->op == OP_LAST ||
           (n->op == OP_ge && is_op(g, IN(g, r, 0), OP_LEN) &&
            graph_is_const(g, IN(g, r, 1), 1));
}

/* No step at all. */
static bool is_empty(const Graph *g, Ref r)
{
    return is_op(g, r, OP_eq) && is_op(g, IN(g, r, 0), OP_LEN) &&
           graph_is_const(g, IN(g, r, 1), 0);
}

static Ref tidy(void *ctx, Graph *to, const Graph *from, Ref r, const Ref *in)
{
    const Node *n = NODE(from, r);
    (void)ctx;
    if (is_true(from, r))
        return graph_const(to, 1);
    if (n->op == OP_select && is_true(from, IN(from, r, 0)))
        return in[1];
    for (int i = 0; i < 2 && n->op == OP_and; i++)
        if (is_true(from, IN(from, r, i)))
            return in[1 - i];
    if (n->op == OP_select && is_empty(from, IN(from, r, 0)))
        return in[2];
    if (is_length(from, r) ||
        (n->op == OP_max && is_length(from, IN(from, r, 0)) &&
         graph_is_const(from, IN(from, r, 1), 1)))
        return graph_add(to, OP_LEN, 0, NULL, length_axis(from, r), 0, 0,
                         n->span);
    return graph_copy(to, from, r, in);
}

static Graph *prepare(const Graph *from)
{
    Graph *g = pass_simplify(graph_map(pass_named(from), tidy, NULL));
    g = pass_grad_named(g);
    return pass_simplify(graph_map(g, tidy, NULL));
}

/* ---- symbols ---- */

/* What follows the last dot, or the shorter name that users may say. */
static const char *base_of(const Slot *s)
{
    const char *name = s->alias ? s->alias : s->name;
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static const char *instance_of(Arena *a, const Slot *s)
{
    const char *name = s->alias ? s->alias : s->name;
    const char *dot = strrchr(name, '.');
    return dot ? arena_strndup(a, name, (size_t)(dot - name)) : "";
}

/* Given from outside: the derivative by an output. */
static bool is_upstream(const Slot *s)
{
    return s->kind == SLOT_INPUT && !strncmp(s->name, "up.", 3);
}

/* Whether the name says which it is without its instance. */
static bool is_clear(const Latex *x, const Slot *s, const char *in)
{
    for (int k = 0; k < x->g->slot.n; k++) {
        const Slot *other = SLOT(x->g, k);
        if (other->kind != SLOT_COT && !is_upstream(other) &&
            !strcmp(base_of(other), base_of(s)) &&
            strcmp(instance_of(x->arena, other), in) != 0)
            return false;
    }
    return true;
}

static void name_slots(Latex *x)
{
    for (int i = 0; i < x->g->slot.n; i++) {
        const Slot *s = SLOT(x->g, i);
        if (s->kind == SLOT_COT)
            continue;
        const char *in = is_upstream(s) ? "" : instance_of(x->arena, s);
        x->slot[i] =
            latex_name(x->arena, base_of(s), is_clear(x, s, in) ? "" : in);
        if (is_upstream(s))
            x->slot[i].base =
                arena_printf(x->arena, "\\bar{%s}", x->slot[i].base);
    }
}

static bool is_leaf(const Graph *g, Ref r)
{
    const Node *n = NODE(g, r);
    return n->op == OP_PARAM || n->op == OP_CONST || n->op == OP_AT ||
           (n->op == OP_READ && SLOT(g, n->a)->kind != SLOT_COT) ||
           (n->op == OP_EXPAND && is_leaf(g, IN(g, r, 0)));
}

static bool same_symbol(const Symbol *a, const Symbol *b)
{
    return !strcmp(a->base, b->base) && !strcmp(a->up, b->up) &&
           !strcmp(a->index, b->index);
}

/* The model's equation that a value is for: of enc.1.c that of enc. */
static uint32_t outer_place(const Graph *g, const char *name)
{
    size_t n = strcspn(name, ".");
    uint32_t last = 0;
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        if (s->kind != SLOT_EQN || strchr(s->name, '.'))
            continue;
        if (strlen(s->name) == n && !strncmp(s->name, name, n))
            return s->span.lo;
        last = s->span.lo > last ? s->span.lo : last;
    }
    return last;
}

/* The first name of a node stands for it elsewhere. */
static void add_line(Doc *d, bool forward, Line l)
{
    Symbol *known = &d->x.node[l.r];
    if (known->base && (!forward || same_symbol(known, &l.left)))
        return;
    if (forward)
        vec_push(d->x.arena, &d->forward, l);
    else
        vec_push(d->x.arena, &d->backward, l);
    if (!known->base && !is_leaf(d->x.g, l.r))
        *known = l.left;
}

static Symbol delta(Doc *d, int slot, bool argument)
{
    Buf up;
    buf_init(&up, d->x.arena);
    latex_symbol(&up, &d->x.slot[slot], "");
    Symbol s = {argument ? "\\tilde\\delta" : "\\delta", up.s, ""};
    return s;
}

/* An instance's own equations come before the one that it is for. */
static void name_roots(Doc *d)
{
    const Graph *g = d->x.g;
    for (int i = 0; i < g->root.n; i++) {
        const Root *r = &g->root.v[i];
        bool own = r->what && !strcmp(r->what, ROOT_VALUE);
        bool whole = r->what && !strcmp(r->what, ROOT_COTANGENT);
        bool arg = r->what && !strcmp(r->what, ROOT_ARGUMENT);
        if (!own && !whole && !arg)
            continue;
        const Slot *s = SLOT(g, r->slot);
        Line l = {own ? d->x.slot[r->slot] : delta(d, r->slot, arg),
                  r->value,
                  {outer_place(g, s->name),
                   strchr(s->name, '.') ? s->span.lo : UINT32_MAX}};
        for (int k = 0; k < 2 && !own; k++)
            l.order[k] = ~l.order[k];
        add_line(d, own, l);
    }
}

/* ---- parts that several equations share ---- */

static void mark_ahead(Doc *d)
{
    const Graph *g = d->x.g;
    d->ahead = NEW_N(d->x.arena, bool, g->node.n);
    d->read = NEW_N(d->x.arena, bool, g->slot.n + 1);
    for (int i = 0; i < g->root.n; i++) {
        const Root *r = &g->root.v[i];
        if ((r->what && !strcmp(r->what, ROOT_VALUE)) || r->role == CELL_LOSS)
            d->ahead[r->value] = true;
    }
    for (Ref r = (Ref)g->node.n - 1; r > 0; r--)
        for (int i = 0; i < NODE(g, r)->nin; i++)
            d->ahead[IN(g, r, i)] |= d->ahead[r];
    for (Ref r = 1; r < (Ref)g->node.n; r++) {
        const Node *n = NODE(g, r);
        if (n->op == OP_READ || n->op == OP_AT || n->op == OP_PARAM)
            d->read[n->a] = true;
    }
}

/* What is printed: lines, gradients, the loss, and what they are made of. */
static bool *find_printed(const Doc *d)
{
    const Graph *g = d->x.g;
    bool *on = NEW_N(d->x.arena, bool, g->node.n);
    for (int i = 0; i < d->forward.n; i++)
        on[d->forward.v[i].r] = true;
    for (int i = 0; i < d->backward.n; i++)
        on[d->backward.v[i].r] = true;
    for (int i = 0; i < g->root.n; i++)
        if (g->root.v[i].role == CELL_LOSS || g->root.v[i].role == CELL_GRAD)
            on[g->root.v[i].value] = true;
    for (int i = 0; i < g->slot.n; i++)
        if (SLOT(g, i)->kind == SLOT_COT)
            on[SLOT(g, i)->root] = true;
    for (Ref r = (Ref)g->node.n - 1; r > 0; r--)
        for (int i = 0; on[r] && i < NODE(g, r)->nin; i++)
            on[IN(g, r, i)] = true;
    return on;
}

/* A cotangent that is read elsewhere is printed there. */
static void count_uses(const Graph *g, Ref r, bool on, int *uses)
{
    const Node *n = NODE(g, r);
    for (int i = 0; on && i < n->nin; i++)
        uses[IN(g, r, i)] += !i || IN(g, r, i) != IN(g, r, 0);
    if (on && (n->op == OP_READ || n->op == OP_AT) &&
        SLOT(g, n->a)->kind == SLOT_COT)
        uses[SLOT(g, n->a)->root]++;
}

/* A part gets a name where it is used more than once and is not small. */
static void name_common(Doc *d)
{
    const Graph *g = d->x.g;
    const bool *on = find_printed(d);
    int *uses = NEW_N(d->x.arena, int, g->node.n), count = 0;
    long *size = NEW_N(d->x.arena, long, g->node.n);
    for (Ref r = 1; r < (Ref)g->node.n; r++)
        count_uses(g, r, on[r], uses);
    for (Ref r = 1; r < (Ref)g->node.n; r++) {
        const Node *n = NODE(g, r);
        size[r] = n->nin ? 0 : 1;
        for (int i = 0; i < n->nin; i++)
            size[r] += d->x.node[IN(g, r, i)].base ? 1 : size[IN(g, r, i)];
        if (!on[r] || d->x.node[r].base || is_leaf(g, r) || uses[r] < 2 ||
            size[r] < 4 || n->op == OP_RESHAPE || n->op == OP_EXPAND)
            continue;
        Symbol q = {"q", "", arena_printf(d->x.arena, "%d", ++count)};
        add_line(d, d->ahead[r], (Line){q, r, {0, (uint32_t)count}});
    }
}

/* ---- the document ---- */

static void put_set(Doc *d, const CellcDecl *c)
{
    if (c->set) {
        buf_puts(d->out, " \\in ");
        latex_size(d->out, c->set);
        return;
    }
    buf_puts(d->out, " \\in \\mathbb{R}");
    for (int i = 0; i < c->rank; i++) {
        buf_puts(d->out, i ? " \\times " : "^{");
        latex_size(d->out, c->dim[i]);
    }
    buf_puts(d->out, c->rank ? "}" : "");
}

static void declare(Doc *d, const CellcDecl *decl, int n, int role,
                    const char *title)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        int slot = graph_slot_find(d->x.g, decl[i].name);
        if (decl[i].role != role || slot < 0 || !d->read[slot])
            continue;
        buf_puts(d->out, count++ ? ", " : title);
        buf_puts(d->out, "$");
        latex_left(&d->x, d->out, &d->x.slot[slot], decl[i].axes);
        put_set(d, &decl[i]);
        buf_puts(d->out, "$");
    }
    buf_puts(d->out, count ? ".\n\n" : "");
}

static bool is_before(const Line *a, const Line *b)
{
    return a->order[0] != b->order[0] ? a->order[0] < b->order[0]
                                      : a->order[1] < b->order[1];
}

/* In the order of the text; few, and nearly sorted. */
static void sort_lines(Line *v, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k && is_before(&v[k], &v[k - 1]); k--) {
            Line l = v[k];
            v[k] = v[k - 1];
            v[k - 1] = l;
        }
}

static void open_lines(Doc *d, int *count)
{
    buf_puts(d->out, (*count)++ ? " \\\\\n    " : "\\begin{align*}\n    ");
}

static void close_lines(Doc *d, int count)
{
    buf_puts(d->out, count ? "\n\\end{align*}\n\n" : "");
}

static void put_lines(Doc *d, Line *v, int n)
{
    int count = 0;
    sort_lines(v, n);
    for (int i = 0; i < n; i++) {
        open_lines(d, &count);
        latex_left(&d->x, d->out, &v[i].left, NODE(d->x.g, v[i].r)->axes);
        buf_puts(d->out, " &= ");
        const Symbol *known = &d->x.node[v[i].r];
        if (known->base && !same_symbol(known, &v[i].left))
            latex_left(&d->x, d->out, known, NODE(d->x.g, v[i].r)->axes);
        else
            latex_definition(&d->x, d->out, v[i].r);
    }
    close_lines(d, count);
}

static void put_bound(Doc *d, int slot, const char *step, Ref value, int *count)
{
    const Slot *s = SLOT(d->x.g, slot);
    const char *first = "";
    for (int i = 0; i < LATEX_AXES; i++)
        if (i != s->axis && s->axes & cell_time(i))
            first = arena_printf(d->x.arena, "%s%s,", first, d->x.axis[i]);
    open_lines(d, count);
    latex_symbol(d->out, &d->x.slot[slot],
                 arena_printf(d->x.arena, "%s%s", first, step));
    buf_puts(d->out, " &= ");
    if (value)
        latex_definition(&d->x, d->out, value);
    else
        buf_puts(d->out, "0");
}

/* Values before the first and behind the last step, where they are read. */
static void put_bounds(Doc *d)
{
    const Graph *g = d->x.g;
    int count = 0;
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        bool early = false, late = false;
        for (Ref r = 1; r < (Ref)g->node.n; r++)
            if (d->ahead[r] && is_op(g, r, OP_READ) && NODE(g, r)->a == i) {
                early |= NODE(g, r)->b < 0;
                late |= NODE(g, r)->b > 0;
            }
        if (s->kind != SLOT_EQN && s->kind != SLOT_INPUT)
            continue;
        for (int k = 0; early && k < s->lo.n; k++)
            put_bound(d, i, arena_printf(d->x.arena, "%d", s->lo.v[k].at),
                      s->lo.v[k].value, &count);
        for (int k = 0; late && k < s->hi.n; k++)
            put_bound(d, i, arena_printf(d->x.arena, "T+%d", s->hi.v[k].at),
                      s->hi.v[k].value, &count);
        if (early && !s->lo.n)
            put_bound(d, i, "0", 0, &count);
        if (late && !s->hi.n)
            put_bound(d, i, "T+1", 0, &count);
    }
    close_lines(d, count);
}

static void put_roots(Doc *d, int role)
{
    const Graph *g = d->x.g;
    int count = 0;
    for (int i = 0; i < g->root.n; i++) {
        const Root *r = &g->root.v[i];
        if (r->role != role)
            continue;
        open_lines(d, &count);
        if (role == CELL_GRAD) {
            buf_puts(d->out, "\\frac{\\partial L}{\\partial ");
            latex_symbol(d->out, &d->x.slot[r->slot], "");
            buf_puts(d->out, "}");
        } else {
            buf_puts(d->out, "L");
        }
        buf_puts(d->out, " &= ");
        if (d->x.node[r->value].base)
            latex_left(&d->x, d->out, &d->x.node[r->value],
                       NODE(g, r->value)->axes);
        else
            latex_definition(&d->x, d->out, r->value);
    }
    close_lines(d, count);
}

static const char head[] = "\\documentclass[a4paper]{article}\n"
                           "\\usepackage[margin=20mm]{geometry}\n"
                           "\\usepackage{amsmath,amssymb}\n"
                           "\\allowdisplaybreaks\n"
                           "\\setlength{\\parindent}{0pt}\n"
                           "\\begin{document}\n\n";
static const char upstream_text[] =
    "The model has no loss: $\\bar{v}_t$ stands for the derivative by output "
    "$v_t$ of what follows.\n\n";
static const char backward_text[] =
    "$\\delta^{v}_{t}$ is the derivative of $L$ by $v_t$, "
    "$\\tilde\\delta^{v}_{t}$ by what the outermost function\nof $v$'s "
    "equation is applied to. Both are 0 at $t > T$, and so is what the "
    "equations\nread there; the others run from $t = T$ to $1$.\n\n";

void latex_print(Buf *out, const Graph *from, const char *const *axis,
                 int naxes, const CellcDecl *decl, int ndecl)
{
    Graph *g = prepare(from);
    Doc d;
    memset(&d, 0, sizeof d);
    d.x.g = g;
    d.x.arena = out->arena;
    d.x.naxes = naxes;
    for (int i = 0; i < LATEX_AXES; i++)
        d.x.axis[i] = i < naxes ? axis[i] : "t";
    d.x.node = NEW_N(out->arena, Symbol, g->node.n);
    d.x.slot = NEW_N(out->arena, Symbol, g->slot.n + 1);
    d.out = out;
    name_slots(&d.x);
    mark_ahead(&d);
    name_roots(&d);
    name_common(&d);
    buf_puts(out, head);
    buf_puts(out, "\\section*{Model}\n\n");
    declare(&d, decl, ndecl, CELL_INPUT, "Inputs: ");
    declare(&d, decl, ndecl, CELL_PARAM, "Parameters: ");
    put_lines(&d, d.forward.v, d.forward.n);
    put_bounds(&d);
    buf_puts(out, "\\section*{Loss}\n\n");
    for (int i = 0; i < g->slot.n; i++)
        if (is_upstream(SLOT(g, i))) {
            buf_puts(out, upstream_text);
            break;
        }
    put_roots(&d, CELL_LOSS);
    buf_puts(out, "\\section*{Back-propagation through time}\n\n");
    buf_puts(out, backward_text);
    put_lines(&d, d.backward.v, d.backward.n);
    buf_puts(out, "\\section*{Gradients}\n\n");
    put_roots(&d, CELL_GRAD);
    buf_puts(out, "\\end{document}\n");
}
