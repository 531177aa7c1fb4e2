/* The equations of a model as a drawing: a box for each with its line of the
 * text, states with a double border, reads of other steps as dashed arrows,
 * parameters small, an instance as a frame around what is in it.  Called by
 * cellcapi.c for `show --dot`. */
#include "dot.h"

#include <string.h>

typedef struct Drawing {
    const Graph *g;
    const Sources *sources;
    Buf *out;
    Arena *arena;
    int *owner;  /* per node: slot whose equation it is, or -1 */
    bool *shown; /* per slot */
    bool *state; /* per slot: read at another step */
    bool *seen;  /* per node, of the equation that is being followed */
} Drawing;

#define SMALL                                                                \
    "shape=plaintext, fontsize=9, fontcolor=gray40, height=0.2, width=0.2, " \
    "margin=0.02"

enum { LABEL = 60 /* bytes of a line that are shown */ };

/* ---- which names are drawn ---- */

static void find_owners(Drawing *d)
{
    const Graph *g = d->g;
    for (Ref r = 0; r < (Ref)g->node.n; r++)
        d->owner[r] = -1;
    for (int i = 0; i < g->root.n; i++) {
        const Root *r = &g->root.v[i];
        const Node *n = NODE(g, r->value);
        if (!r->what || strcmp(r->what, ROOT_VALUE) != 0)
            continue;
        if (n->op == OP_READ || n->op == OP_PARAM || n->op == OP_CONST)
            d->shown[r->slot] = true; /* another name of something */
        else if (d->owner[r->value] < 0) {
            d->owner[r->value] = r->slot;
            d->shown[r->slot] = true;
        }
    }
    for (Ref r = 1; r < (Ref)g->node.n; r++) {
        const Node *n = NODE(g, r);
        if (n->op != OP_READ && n->op != OP_AT && n->op != OP_PARAM)
            continue;
        d->shown[n->a] |= SLOT(g, n->a)->kind != SLOT_EQN;
        d->state[n->a] |= n->op == OP_READ && n->b;
    }
}

/* The slot that stands for slot s: of its root, if s is another name. */
static int drawn(const Drawing *d, int s)
{
    Ref root = SLOT(d->g, s)->root;
    return root && d->owner[root] >= 0 ? d->owner[root] : s;
}

/* ---- text ---- */

static void put_quoted(Buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, s[i]);
    }
}

/* The line where the name is defined, without a comment. */
static void put_label(Drawing *d, const Slot *s)
{
    Place p = source_place(d->sources, s->span.lo);
    size_t n = p.file ? (size_t)p.len : 0, cut;
    const char *line = p.text;
    for (size_t i = 0; i < n; i++)
        if (line[i] == '#')
            n = i;
    while (n && (*line == ' ' || *line == '\t')) {
        line++;
        n--;
    }
    while (n && line[n - 1] == ' ')
        n--;
    bool plain = s->kind != SLOT_EQN || !n;
    if (plain) {
        line = strrchr(s->name, '.');
        line = line ? line + 1 : s->name;
        n = strlen(line);
    }
    cut = n > LABEL ? LABEL : n;
    while (cut < n && ((unsigned char)line[cut] & 0xC0) == 0x80)
        cut++;
    put_quoted(d->out, line, cut);
    buf_puts(d->out, cut < n ? "..." : "");
}

/* ---- nodes, in frames ---- */

static void put_node(Drawing *d, int i, int depth)
{
    static const char *const style[] = {
        [SLOT_PARAM] = SMALL,
        [SLOT_INPUT] = "shape=box, style=\"rounded,filled\", fillcolor=azure2",
        [SLOT_NOISE] = "shape=ellipse, style=dotted",
        [SLOT_EQN] = "shape=box"};
    const Slot *s = SLOT(d->g, i);
    buf_printf(d->out, "%*ss%d [label=\"", 2 * depth, "", i);
    put_label(d, s);
    buf_printf(d->out, "\", %s%s];\n", style[s->kind],
               d->state[i] && s->kind == SLOT_EQN
                   ? ", peripheries=2, style=filled, fillcolor=lightyellow"
                   : "");
}

/* Length of the part of the name that its frame at this depth is called, with
 * the dot behind it; 0: the name itself is left. */
static size_t frame_of(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot ? (size_t)(dot - name) + 1 : 0;
}

/* Slots whose names begin with the n bytes of `in`, frames inside it after
 * what is in it directly. */
static void put_frame(Drawing *d, const char *in, size_t n, int depth)
{
    const Graph *g = d->g;
    for (int i = 0; i < g->slot.n; i++) {
        const char *name = SLOT(g, i)->name;
        if (d->shown[i] && !strncmp(name, in, n) && !frame_of(name + n))
            put_node(d, i, depth);
    }
    for (int i = 0; i < g->slot.n; i++) {
        const char *name = SLOT(g, i)->name;
        size_t more = strncmp(name, in, n) ? 0 : frame_of(name + n);
        bool first = d->shown[i] && more;
        for (int k = 0; k < i && first; k++)
            first = !d->shown[k] || strncmp(SLOT(g, k)->name, name, n + more);
        if (!first)
            continue;
        buf_printf(d->out,
                   "%*ssubgraph \"cluster_%.*s\" {\n%*slabel=\"%.*s\"; "
                   "color=gray70; fontcolor=gray30;\n",
                   2 * depth, "", (int)(n + more), name, 2 * depth + 2, "",
                   (int)more - 1, name + n);
        put_frame(d, name, n + more, depth + 1);
        buf_printf(d->out, "%*s}\n", 2 * depth, "");
    }
}

/* ---- arrows ---- */

static void put_arrow(Drawing *d, int from, const char *to, const Node *n)
{
    from = drawn(d, from);
    if (!d->shown[from])
        return;
    buf_printf(d->out, "  s%d -> %s", from, to);
    if (n && n->op == OP_READ && n->b)
        buf_printf(d->out, " [style=dashed, label=\"t%+d\"%s]", n->b,
                   SLOT(d->g, from)->kind == SLOT_EQN ? ", constraint=false"
                                                      : "");
    else if (n && n->op == OP_AT)
        buf_printf(d->out, " [style=dashed, label=\"%s%.0d\"]",
                   n->num != 0 ? "end" : "step ", n->b);
    else if (SLOT(d->g, from)->kind == SLOT_PARAM)
        buf_puts(d->out, " [color=gray70, arrowsize=0.5]");
    buf_puts(d->out, ";\n");
}

/* From everything that the value is made of; `self`: r is the equation. */
static void follow(Drawing *d, Ref r, bool self, const char *to)
{
    const Graph *g = d->g;
    const Node *n = NODE(g, r);
    if (!r || d->seen[r])
        return;
    d->seen[r] = true;
    if (!self && d->owner[r] >= 0) {
        put_arrow(d, d->owner[r], to, NULL);
        return;
    }
    if (n->op == OP_READ || n->op == OP_AT || n->op == OP_PARAM)
        put_arrow(d, n->a, to, n);
    for (int i = 0; i < n->nin; i++)
        follow(d, IN(g, r, i), false, to);
}

static void forget(Drawing *d)
{
    memset(d->seen, 0, sizeof *d->seen * (size_t)d->g->node.n);
}

static void put_arrows(Drawing *d)
{
    const Graph *g = d->g;
    for (int i = 0; i < g->root.n; i++) {
        const Root *r = &g->root.v[i];
        bool own = r->what && !strcmp(r->what, ROOT_VALUE);
        if (!own || !d->shown[r->slot])
            continue;
        forget(d);
        follow(d, r->value, true, arena_printf(d->arena, "s%d", r->slot));
    }
    for (int i = 0; i < g->slot.n; i++) { /* values before the first step */
        const Slot *s = SLOT(g, i);
        forget(d);
        for (int k = 0; d->shown[i] && d->state[i] && k < s->lo.n; k++)
            follow(d, s->lo.v[k].value, false,
                   arena_printf(d->arena, "s%d", i));
    }
}

static void put_loss(Drawing *d)
{
    const Graph *g = d->g;
    for (int i = 0; i < g->root.n; i++)
        if (g->root.v[i].role == CELL_LOSS) {
            buf_puts(d->out, "  loss [shape=doublecircle, fontsize=10];\n");
            forget(d);
            follow(d, g->root.v[i].value, false, "loss");
        }
}

void dot_print(Buf *out, const Graph *from, const Sources *sources)
{
    Drawing d;
    memset(&d, 0, sizeof d);
    d.g = pass_named(from);
    d.sources = sources;
    d.out = out;
    d.arena = out->arena;
    d.owner = NEW_N(d.arena, int, d.g->node.n);
    d.seen = NEW_N(d.arena, bool, d.g->node.n);
    d.shown = NEW_N(d.arena, bool, d.g->slot.n + 1);
    d.state = NEW_N(d.arena, bool, d.g->slot.n + 1);
    find_owners(&d);
    buf_puts(out, "digraph ");
    buf_putc(out, '"');
    put_quoted(out, d.g->name, strlen(d.g->name));
    buf_puts(out, "\" {\n"
                  "  rankdir=BT;\n"
                  "  node [fontname=\"DejaVu Sans\", fontsize=11];\n"
                  "  edge [fontname=\"DejaVu Sans\", fontsize=9];\n"
                  "  fontname=\"DejaVu Sans\";\n");
    put_frame(&d, "", 0, 1);
    put_arrows(&d);
    put_loss(&d);
    buf_puts(out, "}\n");
}
