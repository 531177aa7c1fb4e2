/* The graph as text, and back: what `show` prints and what every test of a
 * pass reads and compares.
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
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"

static const char *const kind_name[] = {"param", "input", "noise",
                                        "eqn",   "cot",   "idle"};
/* Sets of axes, by their bits. */
static const char *const axes_name[] = {
    "none", "t",  "b",  "tb",  "u",  "ut",  "ub",  "utb",
    "v",    "vt", "vb", "vtb", "vu", "vut", "vub", "vutb"};
enum { SETS = sizeof axes_name / sizeof *axes_name };
static const char *const axis_name[CELL_TIMES] = {"t", "u", "v"};
static const struct {
    int role;
    const char *name;
} role_name[] = {{CELL_OUTPUT, "output"}, {CELL_FINAL, "final"},
                 {CELL_LOSS, "loss"},     {CELL_TERM, "term"},
                 {CELL_COUNT, "count"},   {CELL_METRIC, "metric"},
                 {CELL_DRAW, "draw"},     {CELL_GRAD, "grad"}};
enum { ROLES = sizeof role_name / sizeof *role_name };

/* ---- printing ---- */

static void print_shape(Buf *out, const Graph *g, int shape)
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
    buf_printf(out, "slot %s ", kind_name[s->kind]);
    print_word(out, s->name);
    buf_putc(out, ' ');
    print_shape(out, g, s->shape);
    buf_printf(out, " %s", axes_name[s->axes]);
    if (s->axis)
        print_key(out, "axis", axis_name[s->axis]);
    print_key_num(out, "flags", s->flags, 0);
    print_key_num(out, "classes", (double)s->classes, 0);
    print_key(out, "set", s->set);
    if (s->init.kind && strcmp(s->init.kind, "const"))
        print_key(out, "init", s->init.kind);
    print_key_num(out, "a", s->init.a, 0);
    print_key_num(out, "b", s->init.b, 0);
    print_key(out, "file", s->init.file);
    print_key_num(out, "min", s->min, -1.0 / 0.0);
    print_key_num(out, "max", s->max, 1.0 / 0.0);
    print_key_num(out, "lr", s->lr, 1);
    print_key_num(out, "decay", s->decay, -1);
    print_key(out, "clip", s->clip);
    print_key(out, "alias", s->alias);
    buf_putc(out, '\n');
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
        buf_printf(out, " %d", n->a);
        break;
    case OP_EXPAND:
    case OP_RESHAPE:
        buf_putc(out, ' ');
        print_shape(out, g, n->a);
        break;
    case OP_SLICE:
    case OP_PAD:
        buf_printf(out, " %d:%d", n->a, n->b);
        break;
    case OP_SUMA:
    case OP_MAXA:
    case OP_MINA:
        buf_printf(out, " %s", axes_name[n->a]);
        break;
    case OP_TIME:
    case OP_LEN:
    case OP_FINAL:
        if (n->a)
            buf_printf(out, " %s", axis_name[n->a]);
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
        if ((n->op == OP_MATVEC || n->op == OP_MATMUL) && (i ? n->b : n->a))
            buf_putc(out, '\'');
    }
    print_attributes(out, g, n);
    buf_puts(out, " : ");
    print_shape(out, g, n->shape);
    buf_printf(out, " %s\n", axes_name[n->axes]);
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
    for (int i = 0; i < ROLES; i++)
        if (role_name[i].role == r->role)
            role = role_name[i].name;
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
            print_word(out, g->time.v[i]);
        }
        buf_putc(out, '\n');
    }
    for (int i = 0; i < g->table.n; i++) {
        const Table *t = &g->table.v[i];
        buf_puts(out, "table ");
        print_word(out, t->name);
        buf_putc(out, ' ');
        print_shape(out, g, t->shape);
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

/* ---- reading ---- */

typedef struct Named {
    const char *name;
    Ref ref;
} Named;

typedef struct Reader {
    Arena *arena;
    const char *p; /* next character */
    int line;
    Graph *g;
    VEC(Named) node;
    Buf *err;
    bool failed;
} Reader;

static void fail(Reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void fail(Reader *r, const char *fmt, ...)
{
    if (r->failed)
        return;
    r->failed = true;
    va_list ap;
    va_start(ap, fmt);
    buf_printf(r->err, "line %d: %s\n", r->line,
               arena_vprintf(r->arena, fmt, ap));
    va_end(ap);
}

static void blank(Reader *r)
{
    while (*r->p == ' ' || *r->p == '\t')
        r->p++;
}

/* What is left of the line, for messages: at most 20 bytes. */
static const char *rest(Reader *r)
{
    size_t n = strcspn(r->p, "\n");
    return arena_strndup(r->arena, r->p, n < 20 ? n : 20);
}

/* Consumes `s` if it comes next. */
static bool accept(Reader *r, const char *s)
{
    blank(r);
    size_t n = strlen(s);
    if (strncmp(r->p, s, n))
        return false;
    r->p += n;
    return true;
}

static bool expect(Reader *r, const char *s)
{
    if (!accept(r, s))
        fail(r, "expected '%s' at '%s'", s, rest(r));
    return !r->failed;
}

/* A quoted text, or everything up to one of `stop` or a blank. */
static char *word(Reader *r, const char *stop)
{
    Buf b;
    buf_init(&b, r->arena);
    blank(r);
    if (*r->p == '"') {
        for (r->p++; *r->p && *r->p != '"' && *r->p != '\n'; r->p++) {
            if (*r->p != '\\' || !r->p[1])
                buf_putc(&b, *r->p);
            else
                buf_putc(&b, *++r->p == 'n' ? '\n' : *r->p);
        }
        if (*r->p++ != '"') {
            r->p--;
            fail(r, "text without its closing quote");
        }
        return b.s ? b.s : arena_strndup(r->arena, "", 0);
    }
    const char *from = r->p;
    while (*r->p && !strchr(" \t\n", *r->p) && !strchr(stop, *r->p))
        r->p++;
    if (r->p == from)
        fail(r, "expected a name at '%s'", rest(r));
    return arena_strndup(r->arena, from, (size_t)(r->p - from));
}

static int64_t integer(Reader *r, int64_t lo, int64_t hi)
{
    blank(r);
    char *end;
    long long v = strtoll(r->p, &end, 10);
    if (end == r->p || v < lo || v > hi)
        fail(r, "expected a whole number from %lld to %lld at '%s'",
             (long long)lo, (long long)hi, rest(r));
    r->p = end;
    return v < lo || v > hi ? lo : v;
}

static double number(Reader *r)
{
    const char *s = word(r, ":");
    if (!r->failed && !isdigit((unsigned char)s[0]) && !strchr("+-.in", s[0]))
        fail(r, "expected a number, found '%s'", s);
    return num_read(r->arena, s, strlen(s));
}

static int shape(Reader *r)
{
    int64_t dim[SHAPE_RANK] = {0}, size = 1;
    int rank = 0;
    expect(r, "[");
    while (!r->failed && !accept(r, "]")) {
        if (rank == SHAPE_RANK) {
            fail(r, "more than %d dims", SHAPE_RANK);
            break;
        }
        if (rank)
            expect(r, ",");
        dim[rank] = integer(r, 1, INT_MAX);
        if (size > ((int64_t)1 << 40) / dim[rank])
            fail(r, "too many elements");
        size *= r->failed ? 1 : dim[rank];
        rank++;
    }
    return r->failed ? 0 : graph_shape(r->g, rank, dim);
}

static int pick(Reader *r, const char *what, const char *const *names, int n)
{
    const char *s = word(r, "");
    for (int i = 0; i < n; i++)
        if (names[i] && !strcmp(names[i], s))
            return i;
    fail(r, "unknown %s '%s'", what, s);
    return 0;
}

static int slot_named(Reader *r)
{
    const char *s = word(r, "");
    int i = r->failed ? -1 : graph_slot_find(r->g, s);
    if (i < 0)
        fail(r, "no slot is called '%s'", s);
    return i < 0 ? 0 : i;
}

static Ref operand(Reader *r)
{
    expect(r, "%");
    const char *s = word(r, "':");
    for (int i = r->node.n - 1; i >= 0; i--)
        if (!strcmp(r->node.v[i].name, s))
            return r->node.v[i].ref;
    fail(r, "%%%s is not defined above", s);
    return 0;
}

static void read_table(Reader *r)
{
    Table t = {word(r, ""), 0, NULL};
    t.shape = shape(r);
    int64_t n = r->failed ? 0 : shape_size(r->g, t.shape);
    VEC(double) v = {0};
    for (int64_t k = 0; k < n && !r->failed; k++)
        vec_push(r->arena, &v, number(r));
    t.v = v.v;
    vec_push(r->arena, &r->g->table, t);
}

static void slot_key(Reader *r, Slot *s, const char *key)
{
    if (!strcmp(key, "flags"))
        s->flags = (int)integer(r, 0, 255);
    else if (!strcmp(key, "classes"))
        s->classes = integer(r, 0, INT_MAX);
    else if (!strcmp(key, "set"))
        s->set = word(r, "");
    else if (!strcmp(key, "init"))
        s->init.kind = word(r, "");
    else if (!strcmp(key, "a"))
        s->init.a = number(r);
    else if (!strcmp(key, "b"))
        s->init.b = number(r);
    else if (!strcmp(key, "file"))
        s->init.file = word(r, "");
    else if (!strcmp(key, "min"))
        s->min = number(r);
    else if (!strcmp(key, "max"))
        s->max = number(r);
    else if (!strcmp(key, "lr"))
        s->lr = number(r);
    else if (!strcmp(key, "decay"))
        s->decay = number(r);
    else if (!strcmp(key, "clip"))
        s->clip = word(r, "");
    else if (!strcmp(key, "alias"))
        s->alias = word(r, "");
    else if (!strcmp(key, "axis"))
        s->axis = pick(r, "time axis", axis_name, CELL_TIMES);
    else
        fail(r, "a slot has no '%s'", key);
}

/* The next key of `key=value ...`, NULL at the end of the line. */
static const char *next_key(Reader *r)
{
    blank(r);
    if (r->failed || !*r->p || *r->p == '\n' || *r->p == '#')
        return NULL;
    const char *key = word(r, "=");
    return expect(r, "=") ? key : NULL;
}

static void read_slot(Reader *r)
{
    SlotKind kind = (SlotKind)pick(r, "kind of slot", kind_name, 5);
    const char *name = word(r, "");
    int sh = shape(r);
    int axes = pick(r, "axes", axes_name, SETS);
    if (r->failed)
        return;
    if (graph_slot_find(r->g, name) >= 0) {
        fail(r, "two slots are called '%s'", name);
        return;
    }
    int i = graph_slot(r->g, kind, name, sh, axes);
    Slot *s = SLOT(r->g, i);
    for (const char *k; (k = next_key(r));)
        slot_key(r, s, k);
}

static void read_at(Reader *r, int *b, double *num)
{
    *num = accept(r, "end");
    blank(r);
    if (*num == 0 || *r->p == '+' || *r->p == '-')
        *b = (int)integer(r, -65536, 65536);
}

static void read_attributes(Reader *r, Op op, int *a, int *b, double *num)
{
    switch (op) {
    case OP_CONST:
        *num = number(r);
        break;
    case OP_TABLE: {
        const char *s = word(r, "");
        for (*a = 0; *a < r->g->table.n; ++*a)
            if (!strcmp(r->g->table.v[*a].name, s))
                return;
        fail(r, "no table is called '%s'", s);
        break;
    }
    case OP_PARAM:
        *a = slot_named(r);
        break;
    case OP_READ:
        *a = slot_named(r);
        blank(r);
        if (*r->p == '+' || *r->p == '-')
            *b = (int)integer(r, -65536, 65536);
        break;
    case OP_AT:
        *a = slot_named(r);
        read_at(r, b, num);
        break;
    case OP_TOTAL:
    case OP_ONEHOT:
    case OP_PLACE:
    case OP_SCATTER:
        *a = (int)integer(r, op == OP_TOTAL ? 0 : 1, INT_MAX);
        break;
    case OP_EXPAND:
    case OP_RESHAPE:
        *a = shape(r);
        break;
    case OP_SLICE:
    case OP_PAD:
        *a = (int)integer(r, 0, INT_MAX);
        expect(r, ":");
        *b = (int)integer(r, 1, INT_MAX);
        break;
    case OP_SUMA:
    case OP_MAXA:
    case OP_MINA:
        *a = pick(r, "axes", axes_name, SETS);
        break;
    case OP_TIME:
    case OP_LEN:
    case OP_FINAL:
        blank(r);
        if (isalpha((unsigned char)*r->p))
            *a = pick(r, "time axis", axis_name, CELL_TIMES);
        break;
    default:
        break;
    }
}

static void check_type(Reader *r, Ref ref)
{
    if (!accept(r, ":"))
        return;
    int sh = shape(r), axes = pick(r, "axes", axes_name, SETS);
    const Node *n = NODE(r->g, ref);
    if (!r->failed && (n->shape != sh || n->axes != axes)) {
        Buf b;
        buf_init(&b, r->arena);
        print_shape(&b, r->g, n->shape);
        fail(r, "the type of this node is %s %s", b.s, axes_name[n->axes]);
    }
}

static void read_node(Reader *r)
{
    Named named = {word(r, "="), 0};
    expect(r, "=");
    const char *name = word(r, "");
    Op op = op_find(name);
    if (!op)
        fail(r, "unknown operator '%s'", name);
    VEC(Ref) in = {0};
    int a = 0, b = 0;
    double num = 0;
    for (blank(r); *r->p == '%' && !r->failed; blank(r)) {
        vec_push(r->arena, &in, operand(r));
        if ((op == OP_MATVEC || op == OP_MATMUL) && accept(r, "'"))
            *(in.n == 1 ? &a : &b) = 1;
    }
    if (!r->failed)
        read_attributes(r, op, &a, &b, &num);
    if (r->failed)
        return;
    Shape sh;
    int axes;
    const char *wrong = op_type(r->g, op, in.n, in.v, a, b, num, &sh, &axes);
    if (wrong) {
        fail(r, "%s: %s", name, wrong);
        return;
    }
    named.ref = graph_add(r->g, op, in.n, in.v, a, b, num, (Span){0, 0});
    vec_push(r->arena, &r->node, named);
    check_type(r, named.ref);
}

/* def NAME = %k, def NAME[0] = %k, def NAME[end+1] = %k */
static void read_equation(Reader *r)
{
    const char *name = word(r, "=[");
    int i = r->failed ? -1 : graph_slot_find(r->g, name);
    if (i < 0) {
        fail(r, "no slot is called '%s'", name);
        return;
    }
    Slot *s = SLOT(r->g, i);
    Bound b = {0, 0};
    bool bound = accept(r, "["), hi = bound && accept(r, "end");
    if (bound) {
        b.at = (int)integer(r, hi ? 1 : -65536, hi ? 65536 : 0);
        expect(r, "]");
    }
    expect(r, "=");
    Ref value = operand(r);
    b.value = value;
    if (r->failed)
        return;
    if (!bound)
        s->root = value;
    else if (hi)
        vec_push(r->arena, &s->hi, b);
    else
        vec_push(r->arena, &s->lo, b);
}

static void read_root(Reader *r)
{
    const char *role = word(r, "");
    Root root = {0};
    int i = 0;
    while (i < ROLES && strcmp(role_name[i].name, role))
        i++;
    if (i == ROLES) {
        fail(r, "unknown role '%s'", role);
        return;
    }
    root.role = role_name[i].role;
    root.slot = root.of = -1;
    root.name = word(r, "=");
    expect(r, "=");
    root.value = operand(r);
    for (const char *k; (k = next_key(r));) {
        if (!strcmp(k, "slot"))
            root.slot = slot_named(r);
        else if (!strcmp(k, "what"))
            root.what = word(r, "");
        else if (!strcmp(k, "flags"))
            root.flags = (int)integer(r, 0, 255);
        else if (!strcmp(k, "of"))
            root.of = (int)integer(r, 0, INT_MAX);
        else
            fail(r, "a root has no '%s'", k);
    }
    vec_push(r->arena, &r->g->root, root);
}

static void read_time(Reader *r)
{
    for (blank(r); *r->p && *r->p != '\n' && !r->failed; blank(r)) {
        const char *name = word(r, "");
        if (r->g->time.n == CELL_TIMES)
            fail(r, "more than %d time axes", CELL_TIMES);
        vec_push(r->arena, &r->g->time, name);
    }
}

static void read_line(Reader *r)
{
    blank(r);
    if (!*r->p || *r->p == '\n' || *r->p == '#')
        return;
    if (accept(r, "%"))
        read_node(r);
    else if (accept(r, "graph "))
        r->g->name = word(r, "");
    else if (accept(r, "time "))
        read_time(r);
    else if (accept(r, "table "))
        read_table(r);
    else if (accept(r, "slot "))
        read_slot(r);
    else if (accept(r, "root "))
        read_root(r);
    else if (accept(r, "def "))
        read_equation(r);
    else
        fail(r, "expected graph, time, table, slot, def, root or %%");
    blank(r);
    if (!r->failed && *r->p && *r->p != '\n' && *r->p != '#')
        fail(r, "unexpected '%s'", rest(r));
}

Graph *graph_read_text(Arena *a, const char *text, Buf *err)
{
    Reader r = {0};
    r.arena = a;
    r.p = text;
    r.line = 1;
    r.g = graph_new(a, "model");
    r.err = err;
    while (*r.p && !r.failed) {
        read_line(&r);
        while (*r.p && *r.p != '\n')
            r.p++;
        if (*r.p) {
            r.p++;
            r.line++;
        }
    }
    for (int i = 0; i < r.g->root.n && !r.failed; i++)
        if (r.g->root.v[i].of >= r.g->root.n)
            fail(&r, "root %d does not exist", r.g->root.v[i].of);
    return r.failed ? NULL : r.g;
}
