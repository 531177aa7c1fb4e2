/* Reads a graph from its text (graphio.c), for the tests of passes. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "graphtext.h"

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
    const char *s = word(r, "/");
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
    else if (!strcmp(key, "by"))
        s->by = word(r, "");
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
        s->axis = pick(r, "time axis", graph_time_name, CELL_TIMES);
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
    SlotKind kind = (SlotKind)pick(r, "kind of slot", graph_kind_name, 5);
    const char *name = word(r, "");
    int sh = shape(r);
    int axes = pick(r, "axes", graph_axes_name, 1 << CELL_AXES);
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

static int read_view(Reader *r, Op op, Ref in)
{
    int64_t stride[SHAPE_RANK] = {0}, base;
    int to = shape(r), from = NODE(r->g, in)->shape;
    base = integer(r, 0, INT_MAX);
    int y = op == OP_FOLD ? from : to;
    for (int i = 0; i < SHAPE(r->g, y)->rank; i++)
        stride[i] = integer(r, -INT_MAX, INT_MAX);
    return graph_view_spec(r->g, op == OP_FOLD ? to : from, y, base, stride);
}

static void read_call(Reader *r, int nin, int *a, int *b)
{
    const char *name = word(r, ""), *header = word(r, ":"), *wrong = NULL;
    if (r->failed)
        return;
    *a = graph_call(r->g, name, header, nin, &wrong);
    if (wrong)
        fail(r, "%s from %s: %s", name, header, wrong);
    else if (accept(r, "by"))
        *b = (int)integer(r, 1, nin);
}

static void read_attributes(Reader *r, Op op, int nin, Ref in, int *a, int *b,
                            double *num)
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
    case OP_PUT:
        *a = (int)integer(r, op == OP_TOTAL ? 0 : 1, INT_MAX);
        break;
    case OP_EXPAND:
    case OP_RESHAPE:
        *a = shape(r);
        break;
    case OP_CALL:
        read_call(r, nin, a, b);
        break;
    case OP_CUMSUM:
        *a = accept(r, "back");
        break;
    case OP_VIEW:
    case OP_FOLD:
        *a = in ? read_view(r, op, in) : -1;
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
        *a = pick(r, "axes", graph_axes_name, 1 << CELL_AXES);
        break;
    case OP_ALONG:
        *a = pick(r, "time axis", graph_time_name, CELL_TIMES);
        *b = pick(r, "time axis", graph_time_name, CELL_TIMES);
        break;
    case OP_EVERY:
    case OP_HOLD:
        *a = pick(r, "time axis", graph_time_name, CELL_TIMES);
        *b = (int)integer(r, -65536, 65536);
        if (op == OP_EVERY) {
            expect(r, ":");
            *num = (double)integer(r, 1, INT_MAX);
        }
        break;
    case OP_REVERSE:
    case OP_TIME:
    case OP_LEN:
    case OP_FINAL:
        blank(r);
        if (isalpha((unsigned char)*r->p))
            *a = pick(r, "time axis", graph_time_name, CELL_TIMES);
        break;
    case OP_POOL:
        *a = pick(r, "axes", graph_axes_name, 1 << CELL_AXES);
        expect(r, "of");
        *b = pick(r, "axes", graph_axes_name, 1 << CELL_AXES);
        break;
    default:
        break;
    }
}

static void check_type(Reader *r, Ref ref)
{
    if (!accept(r, ":"))
        return;
    int sh = shape(r), axes = pick(r, "axes", graph_axes_name, 1 << CELL_AXES);
    const Node *n = NODE(r->g, ref);
    if (!r->failed && (n->shape != sh || n->axes != axes)) {
        Buf b;
        buf_init(&b, r->arena);
        graph_print_shape(&b, r->g, n->shape);
        fail(r, "the type of this node is %s %s", b.s,
             graph_axes_name[n->axes]);
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
        if (graph_is_product(op) && accept(r, "'"))
            *(in.n == 1 ? &a : &b) = 1;
    }
    if (!r->failed)
        read_attributes(r, op, in.n, in.n ? in.v[0] : 0, &a, &b, &num);
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
    while (i < GRAPH_ROLES && strcmp(graph_role_name[i].name, role))
        i++;
    if (i == GRAPH_ROLES) {
        fail(r, "unknown role '%s'", role);
        return;
    }
    root.role = graph_role_name[i].role;
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
        TimeAxis x = {word(r, "~"), -1, 1};
        if (accept(r, "~"))
            x.like = pick(r, "time axis", graph_time_name, CELL_TIMES);
        if (accept(r, "/"))
            x.rate = (int)integer(r, 1, INT_MAX);
        if (x.like >= r->g->time.n)
            fail(r, "the steps of %s come from no earlier axis", x.name);
        if (r->g->time.n == CELL_TIMES)
            fail(r, "more than %d time axes", CELL_TIMES);
        if (!r->failed)
            vec_push(r->arena, &r->g->time, x);
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
