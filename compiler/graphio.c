/* The graph as text: what `show` prints and what every test of a pass compares.
 * graphread.c reads it back.
 *
 *     graph elman
 *     slot param W [3,2] none init=uniform a=-0.5 b=0.5
 *     slot input x [2] tb
 *     slot eqn h [3] tb
 *     %1 = PARAM W : [3,2] none
 *     %2 = READ x : [2] tb
 *     %3 = MATVEC %1 %2 : [3] tb
 *     %4 = READ h -1 : [3] tb
 *     %5 = add %3 %4 : [3] tb
 *     def h = %5
 *     def h[0] = %6
 *     root output y = %5
 *
 * An operand followed by ' is transposed.  Types after the colon may be left
 * out; names after % are free.  Source spans are not part of the text. */
#include <string.h>

#include "graphtext.h"

const char *const graph_kind_name[GRAPH_KINDS] = {"param", "input", "noise",
                                                  "eqn",   "cot",   "idle"};
const char *const graph_axes_name[1 << CELL_AXES] = {
    "none", "t",  "b",  "tb",  "u",  "ut",  "ub",  "utb",
    "v",    "vt", "vb", "vtb", "vu", "vut", "vub", "vutb"};
const char *const graph_time_name[CELL_TIMES] = {"t", "u", "v"};
const GraphRole graph_role_name[GRAPH_ROLES] = {
    {CELL_OUTPUT, "output"}, {CELL_FINAL, "final"}, {CELL_LOSS, "loss"},
    {CELL_TERM, "term"},     {CELL_COUNT, "count"}, {CELL_METRIC, "metric"},
    {CELL_DRAW, "draw"},     {CELL_GRAD, "grad"},   {CELL_NEXT, "next"},
    {CELL_STOP, "stop"}};

void graph_print_shape(Buf *out, const Graph *g, int shape)
{
    const Shape *s = SHAPE(g, shape);
    buf_putc(out, '[');
    for (int i = 0; i < s->rank; i++)
        buf_printf(out, "%s%lld", i ? "," : "", (long long)s->dim[i]);
    buf_putc(out, ']');
}

/* A word as it is, anything else in quotes. */
static void print_word(Buf *out, const char *s)
{
    if (*s && !strpbrk(s, " \t\n\"\\=[%#")) {
        buf_puts(out, s);
        return;
    }
    buf_putc(out, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_putc(out, '\\');
        if (*s == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *s);
    }
    buf_putc(out, '"');
}

static void print_key(Buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    buf_printf(out, " %s=", key);
    print_word(out, value);
}

static void print_key_num(Buf *out, const char *key, double v, double usual)
{
    if (v == usual)
        return;
    buf_printf(out, " %s=", key);
    buf_num(out, v);
}

static void print_slot(Buf *out, const Graph *g, const Slot *s)
{
    buf_printf(out, "slot %s ", graph_kind_name[s->kind]);
    print_word(out, s->name);
    buf_putc(out, ' ');
    graph_print_shape(out, g, s->shape);
    buf_printf(out, " %s", graph_axes_name[s->axes]);
    if (s->axis)
        print_key(out, "axis", graph_time_name[s->axis]);
    print_key_num(out, "flags", s->flags, 0);
    print_key_num(out, "classes", (double)s->classes, 0);
    print_key(out, "set", s->set);
    if (s->init.kind && strcmp(s->init.kind, "const"))
        print_key(out, "init", s->init.kind);
    print_key_num(out, "a", s->init.a, 0);
    print_key_num(out, "b", s->init.b, 0);
    print_key(out, "file", s->init.file);
    print_key(out, "by", s->by);
    print_key_num(out, "min", s->min, -1.0 / 0.0);
    print_key_num(out, "max", s->max, 1.0 / 0.0);
    print_key_num(out, "lr", s->lr, 1);
    print_key_num(out, "decay", s->decay, -1);
    print_key(out, "clip", s->clip);
    print_key(out, "alias", s->alias);
    buf_putc(out, '\n');
}

/* Shape of the result, the first element and the strides: [2,3] 0 3 1 */
static void print_view(Buf *out, const Graph *g, const Node *n)
{
    const ViewSpec *v = &g->view.v[n->a];
    buf_putc(out, ' ');
    graph_print_shape(out, g, n->op == OP_FOLD ? v->x : v->y);
    buf_printf(out, " %lld", (long long)v->base);
    for (int i = 0; i < SHAPE(g, v->y)->rank; i++)
        buf_printf(out, " %lld", (long long)v->stride[i]);
}

static void print_attributes(Buf *out, const Graph *g, const Node *n)
{
    switch (n->op) {
    case OP_CONST:
        buf_putc(out, ' ');
        buf_num(out, n->num);
        break;
    case OP_TABLE:
        buf_putc(out, ' ');
        print_word(out, g->table.v[n->a].name);
        break;
    case OP_PARAM:
    case OP_READ:
    case OP_AT:
        buf_putc(out, ' ');
        print_word(out, SLOT(g, n->a)->name);
        if (n->op == OP_READ && n->b)
            buf_printf(out, " %+d", n->b);
        if (n->op == OP_AT && n->num != 0)
            buf_printf(out, n->b ? " end%+d" : " end", n->b);
        else if (n->op == OP_AT)
            buf_printf(out, " %d", n->b);
        break;
    case OP_TOTAL:
    case OP_ONEHOT:
    case OP_PLACE:
    case OP_SCATTER:
    case OP_PUT:
        buf_printf(out, " %d", n->a);
        break;
    case OP_EXPAND:
    case OP_RESHAPE:
        buf_putc(out, ' ');
        graph_print_shape(out, g, n->a);
        break;
    case OP_CALL:
        buf_putc(out, ' ');
        print_word(out, g->call.v[n->a].name);
        buf_putc(out, ' ');
        print_word(out, g->call.v[n->a].header);
        if (n->b)
            buf_printf(out, " by %d", n->b);
        break;
    case OP_CUMSUM:
        buf_puts(out, n->a ? " back" : "");
        break;
    case OP_VIEW:
    case OP_FOLD:
        print_view(out, g, n);
        break;
    case OP_SLICE:
    case OP_PAD:
        buf_printf(out, " %d:%d", n->a, n->b);
        break;
    case OP_SUMA:
    case OP_MAXA:
    case OP_MINA:
        buf_printf(out, " %s", graph_axes_name[n->a]);
        break;
    case OP_ALONG:
        buf_printf(out, " %s %s", graph_time_name[n->a], graph_time_name[n->b]);
        break;
    case OP_EVERY:
    case OP_HOLD:
        buf_printf(out, " %s %d", graph_time_name[n->a], n->b);
        if (n->op == OP_EVERY)
            buf_printf(out, ":%d", (int)n->num);
        break;
    case OP_REVERSE:
    case OP_TIME:
    case OP_LEN:
    case OP_FINAL:
        if (n->a)
            buf_printf(out, " %s", graph_time_name[n->a]);
        break;
    case OP_POOL:
        buf_printf(out, " %s of %s", graph_axes_name[n->a],
                   graph_axes_name[n->b]);
        break;
    default:
        break;
    }
}

static void print_node(Buf *out, const Graph *g, Ref r, const int *number)
{
    const Node *n = NODE(g, r);
    buf_printf(out, "%%%d = %s", number[r], op_row[n->op].name);
    for (int i = 0; i < n->nin; i++) {
        buf_printf(out, " %%%d", number[IN(g, r, i)]);
        if (graph_is_product((Op)n->op) && (i ? n->b : n->a))
            buf_putc(out, '\'');
    }
    print_attributes(out, g, n);
    buf_puts(out, " : ");
    graph_print_shape(out, g, n->shape);
    buf_printf(out, " %s\n", graph_axes_name[n->axes]);
}

static void print_equations(Buf *out, const Slot *s, const int *number)
{
    if (s->root) {
        buf_puts(out, "def ");
        print_word(out, s->name);
        buf_printf(out, " = %%%d\n", number[s->root]);
    }
    for (int k = 0; k < s->lo.n; k++) {
        buf_puts(out, "def ");
        print_word(out, s->name);
        buf_printf(out, "[%d] = %%%d\n", s->lo.v[k].at,
                   number[s->lo.v[k].value]);
    }
    for (int k = 0; k < s->hi.n; k++) {
        buf_puts(out, "def ");
        print_word(out, s->name);
        buf_printf(out, "[end+%d] = %%%d\n", s->hi.v[k].at,
                   number[s->hi.v[k].value]);
    }
}

static void print_root(Buf *out, const Graph *g, const Root *r,
                       const int *number)
{
    const char *role = "?";
    for (int i = 0; i < GRAPH_ROLES; i++)
        if (graph_role_name[i].role == r->role)
            role = graph_role_name[i].name;
    buf_printf(out, "root %s ", role);
    print_word(out, r->name);
    buf_printf(out, " = %%%d", number[r->value]);
    if (r->slot >= 0)
        print_key(out, "slot", SLOT(g, r->slot)->name);
    print_key(out, "what", r->what);
    print_key_num(out, "flags", r->flags, 0);
    print_key_num(out, "of", r->of, -1);
    buf_putc(out, '\n');
}

void graph_print(Buf *out, const Graph *g)
{
    Arena *tmp = arena_new(NULL);
    Order o = graph_order(g, tmp);
    int *number = NEW_N(tmp, int, g->node.n + 1);
    buf_puts(out, "graph ");
    print_word(out, g->name);
    buf_putc(out, '\n');
    if (g->time.n > 1) {
        buf_puts(out, "time");
        for (int i = 0; i < g->time.n; i++) {
            buf_putc(out, ' ');
            print_word(out, g->time.v[i].name);
            if (g->time.v[i].like >= 0)
                buf_printf(out, "~%s", graph_time_name[g->time.v[i].like]);
            if (g->time.v[i].rate > 1)
                buf_printf(out, "/%d", g->time.v[i].rate);
        }
        buf_putc(out, '\n');
    }
    for (int i = 0; i < g->table.n; i++) {
        const Table *t = &g->table.v[i];
        buf_puts(out, "table ");
        print_word(out, t->name);
        buf_putc(out, ' ');
        graph_print_shape(out, g, t->shape);
        for (int64_t k = 0; k < shape_size(g, t->shape); k++) {
            buf_putc(out, ' ');
            buf_num(out, t->v[k]);
        }
        buf_putc(out, '\n');
    }
    for (int i = 0; i < g->slot.n; i++)
        print_slot(out, g, SLOT(g, i));
    for (int i = 0; i < o.n; i++) {
        number[o.v[i]] = i + 1;
        print_node(out, g, o.v[i], number);
    }
    for (int i = 0; i < g->slot.n; i++)
        if (o.slot_used[i])
            print_equations(out, SLOT(g, i), number);
    for (int i = 0; i < g->root.n; i++)
        print_root(out, g, &g->root.v[i], number);
    arena_free(tmp);
}
