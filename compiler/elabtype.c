/* Values of the elaboration: types, elementwise typing, and the messages that
 * name shapes and axes as the user knows them.  Lowest layer of elab*.c. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "elab.h"
#include "ops.h"

Val val_none(void)
{
    Val v;
    memset(&v, 0, sizeof v);
    return v;
}

Val val_unknown(uint32_t axes)
{
    Val v = val_none();
    v.kind = V_TENSOR;
    v.rank = RANK_UNKNOWN;
    v.axes = axes;
    return v;
}

Val val_num(Elab *e, double x)
{
    Val v = val_none();
    v.kind = V_TENSOR;
    v.constant = true;
    v.num = x;
    if (floor(x) == x && fabs(x) < 1e15)
        v.size = dim_const(e->arena, (int64_t)x);
    return v;
}

Val val_size(Elab *e, const Dim *d)
{
    Val v = val_num(e, (double)dim_number(d));
    v.size = d;
    return v;
}

/* A name of a cell's own that no argument has solved yet. */
static bool unsolved(Elab *e, const Dim *d)
{
    Sym *s = dim_free(dim_resolve(e->arena, d));
    return s && s->local && !s->bound;
}

/* In dry rounds what is not solved yet may turn out to be anything. */
bool same_dim(Elab *e, const Dim *x, const Dim *y)
{
    if (!e->building && (unsolved(e, x) || unsolved(e, y)))
        return true;
    return dim_equal(e->arena, x, y);
}

int val_shape(Elab *e, const Val *v)
{
    int64_t dim[SHAPE_RANK] = {0};
    for (int i = 0; i < v->rank; i++)
        dim[i] = dim_number(v->dim[i]);
    return graph_shape(e->graph, v->rank, dim);
}

uint8_t val_axes(const Val *v)
{
    int axes = v->axes ? GX_B : GX_NONE;
    for (int i = 0; i < CELL_TIMES; i++)
        if (v->axes >> i & 1)
            axes |= cell_time(i);
    return (uint8_t)axes;
}

int val_axis(const Val *v)
{
    uint32_t axes = v->axes & ~AXIS_B;
    if (!axes || axes & (axes - 1))
        return -1;
    int i = 0;
    while (!(axes >> i & 1))
        i++;
    return i;
}

Val val_length(Elab *e, int axis, Span at)
{
    Val v = val_unknown(AXIS_B);
    v.rank = 0;
    return val_node(e, v, OP_LEN, 0, NULL, axis, 0, 0, at);
}

Val val_valid(Elab *e, int axis, Span at)
{
    Val x[2] = {val_unknown(AXIS_B | 1u << axis), val_length(e, axis, at)};
    x[0].rank = 0;
    x[0] = val_node(e, x[0], OP_TIME, 0, NULL, axis, 0, 0, at);
    return val_op(e, OP_le, 2, x, at, NULL);
}

Ref val_ref(Elab *e, const Val *v, Span at)
{
    if (v->ref || !e->building)
        return v->ref;
    return graph_add(e->graph, OP_CONST, 0, NULL, 0, 0, v->num, at);
}

Val val_node(Elab *e, Val type, Op op, int n, const Ref *in, int a, int b,
             double num, Span at)
{
    type.constant = false;
    type.size = NULL;
    type.name = NULL;
    type.app = NULL;
    type.complex = false;
    type.im = 0;
    if (e->building)
        type.ref = graph_add(e->graph, op, n, in, a, b, num, at);
    return type;
}

const char *val_text(Elab *e, const Val *v)
{
    static const char *const real[] = {"a number", "a vector", "a matrix",
                                       "an array", "an array"};
    static const char *const complex[] = {
        "a complex number", "a complex vector", "a complex matrix",
        "a complex array", "a complex array"};
    const char *const *rank = v->complex ? complex : real;
    switch (v->kind) {
    case V_NONE:
        return "unknown";
    case V_STR:
        return "a string";
    case V_FN:
        return "a function";
    case V_CELL:
        return "a cell without its size";
    case V_LAYER:
        return "a layer that is not applied to anything";
    case V_TUPLE:
        return "several values";
    case V_TENSOR:
        break;
    }
    if (v->rank == RANK_UNKNOWN)
        return "of unknown shape";
    if (v->set)
        return arena_printf(e->arena, "an index in %s",
                            dim_text(e->arena, v->set));
    if (!v->rank)
        return rank[0];
    Buf b;
    buf_init(&b, e->arena);
    buf_printf(&b, "%s [", rank[v->rank]);
    for (int i = 0; i < v->rank; i++)
        buf_printf(&b, "%s%s", i ? "," : "", dim_text(e->arena, v->dim[i]));
    buf_puts(&b, "]");
    return b.s;
}

/* "n = 128 (line 7)" help under a shape error: where names come from. */
static void note_origin(Elab *e, const Val *v)
{
    if (v->name && v->name->span.hi)
        diag_note(e->diags, v->name->span, "%s is %s", v->name->name,
                  val_text(e, v));
}

/* What to do with a layer or a function where a value is due. */
void not_value_help(Elab *e, const Val *v)
{
    if (v->kind == V_LAYER || v->kind == V_CELL)
        diag_help(e->diags, "the first parentheses hold arguments, the second "
                            "inputs: lstm(64)(x)");
    else if (v->kind == V_FN)
        diag_help(e->diags, "a function is called in parentheses: tanh(x)");
}

static bool tensor_operand(Elab *e, const Val *v, Span at)
{
    if (v->kind == V_TENSOR)
        return true;
    if (v->kind == V_NONE || !e->building)
        return false;
    diag(e->diags, E_NOT_VALUE, at, val_text(e, v));
    not_value_help(e, v);
    return false;
}

static void shape_error(Elab *e, Op op, const Val *x, const Val *y, Span at)
{
    diag(e->diags, E_SHAPE, at, val_text(e, x), val_text(e, y));
    note_origin(e, x);
    note_origin(e, y);
    if (op == OP_mul && (x->rank == 2 || y->rank == 2))
        diag_help(e->diags, "* multiplies element by element; a product of "
                            "matrix and vector is written @");
    else
        diag_help(e->diags, "shapes must be equal, or one side a number: "
                            "nothing is stretched silently");
}

bool val_fits(Elab *e, Op op, Val *r, const Val *x, Span at)
{
    if (x->rank == RANK_UNKNOWN) {
        if (!r->rank)
            r->rank = RANK_UNKNOWN;
        return true;
    }
    if (!x->rank)
        return true;
    if (r->rank <= 0) {
        r->rank = x->rank;
        memcpy(r->dim, x->dim, sizeof r->dim);
        r->name = x->name;
        return true;
    }
    bool same = r->rank == x->rank;
    for (int i = 0; same && i < x->rank; i++)
        same = same_dim(e, r->dim[i], x->dim[i]);
    for (int i = 0; same && i < x->rank; i++)
        if (unsolved(e, r->dim[i]))
            r->dim[i] = x->dim[i];
    if (!same && e->building)
        shape_error(e, op, r, x, at);
    return same;
}

static Val fold_size(Elab *e, Op op, const Val *x, Val r)
{
    int sign = op == OP_add   ? '+'
               : op == OP_sub ? '-'
               : op == OP_mul ? '*'
               : op == OP_div ? '/'
                              : 0;
    if (sign && x[0].size && x[1].size) {
        const Dim *d = dim_op(e->arena, sign, x[0].size, x[1].size);
        if (d)
            r.size = d;
    }
    return r;
}

static Val apply(Elab *e, Op op, int call, int n, const Val *x, Span at,
                 const Span *arg)
{
    Val r = val_num(e, 0);
    bool constant = true, complex = false;
    double num[3] = {0};
    Ref in[3] = {0};
    r.constant = false;
    for (int i = 0; i < n; i++) {
        if (!tensor_operand(e, &x[i], arg ? arg[i] : at))
            return val_none();
        r.axes |= x[i].axes;
        constant &= x[i].constant;
        complex |= x[i].complex;
        num[i] = x[i].num;
        if (!val_fits(e, op, &r, &x[i], at))
            return val_none();
    }
    if (n == 2 && x[0].set && x[1].set && e->building &&
        !same_dim(e, x[0].set, x[1].set)) {
        diag(e->diags, E_INDEX_SET, at, dim_text(e->arena, x[0].set),
             dim_text(e->arena, x[1].set));
        return val_none();
    }
    if (complex && op == OP_CALL)
        return complex_refuse(e, "a function of C", &x[0], at);
    if (complex)
        return complex_op(e, op, n, x, at);
    if (constant && op == OP_CALL)
        return val_num(e, graph_call_value(e->graph, call, num));
    if (constant)
        return fold_size(e, op, x, val_num(e, op_scalar(op, num)));
    for (int i = 0; i < n; i++)
        in[i] = val_ref(e, &x[i], at);
    return val_node(e, r, op, n, in, call, 0, 0, at);
}

Val val_op(Elab *e, Op op, int n, const Val *x, Span at, const Span *arg)
{
    return apply(e, op, 0, n, x, at, arg);
}

Val val_call(Elab *e, int call, int n, const Val *x, Span at, const Span *arg)
{
    return apply(e, OP_CALL, call, n, x, at, arg);
}
