/* Complex values of the elaboration.  A complex value is a pair of nodes of
 * one type, a complex name a pair of slots (h.re, h.im); every operation here
 * is written out in real ones, so that nothing behind the elaboration knows
 * complex numbers. */
#include <math.h>
#include <string.h>

#include "elab.h"
#include "ops.h"

const char *part_name(Elab *e, const char *name, int part)
{
    return intern_str(
        e->intern, arena_printf(e->arena, "%s.%s", name, part ? "im" : "re"));
}

int slot_part(const Name *n, int part)
{
    return part ? n->im_slot : n->slot;
}

bool declared_complex(const Ast *decl)
{
    const Ast *in = ast_find(decl, A_IN);
    return in && !in->kid->next && in->kid->kind == A_NAME &&
           !strcmp(in->kid->name, "complex");
}

Val val_part(Elab *e, const Val *v, int part)
{
    if (!v->complex && part)
        return val_num(e, 0);
    Val r = *v;
    if (part)
        r.ref = r.im;
    r.complex = false;
    r.im = 0;
    return r;
}

Val val_zeros(Elab *e, const Val *v, int part)
{
    if (v->complex || !part || !v->rank)
        return val_part(e, v, part);
    Val r = val_unknown(0);
    r.rank = v->rank;
    memcpy(r.dim, v->dim, sizeof r.dim);
    if (e->building)
        r.ref =
            graph_expand(e->graph, graph_const(e->graph, 0), val_shape(e, &r));
    return r;
}

static Val pair_of_tuples(Elab *e, Val re, const Val *im, Span at)
{
    for (int i = 0; i < re.nparts; i++)
        re.part[i] = val_pair(e, re.part[i], im->part[i], at);
    return re;
}

/* One part may be a number where the other is an array. */
Val val_pair(Elab *e, Val re, Val im, Span at)
{
    if (re.kind == V_TUPLE && im.kind == V_TUPLE && re.nparts == im.nparts)
        return pair_of_tuples(e, re, &im, at);
    if (re.kind != V_TENSOR || im.kind != V_TENSOR)
        return val_none();
    Val r = val_unknown(re.axes | im.axes);
    r.rank = 0;
    if (!val_fits(e, OP_add, &r, &re, at) || !val_fits(e, OP_add, &r, &im, at))
        return val_none();
    r.name = NULL;
    r.complex = true;
    if (!e->building)
        return r;
    int shape = val_shape(e, &r);
    r.ref = graph_expand(e->graph, val_ref(e, &re, at), shape);
    r.im = graph_expand(e->graph, val_ref(e, &im, at), shape);
    return r;
}

Val val_slot(Elab *e, Val type, Op op, const Name *n, int b, double num,
             Span at)
{
    bool complex = type.complex;
    Val part[2];
    for (int i = 0; i < 1 + complex; i++)
        part[i] = val_node(e, type, op, 0, NULL, slot_part(n, i), b, num, at);
    if (complex) {
        part[0].complex = true;
        part[0].im = part[1].ref;
    }
    return part[0];
}

Val complex_refuse(Elab *e, const char *what, const Val *v, Span at)
{
    if (!e->building) /* what reads it has a type, and no mistake of its own */
        return val_part(e, v, 0);
    diag(e->diags, E_COMPLEX, at, what, val_text(e, v));
    diag_help(e->diags, "take a real number of it: abs(z), real(z), imag(z) or "
                        "arg(z)");
    return val_none();
}

static Val apply(Elab *e, Op op, const Val *a, const Val *b, Span at)
{
    Val x[2] = {*a, b ? *b : val_none()};
    return val_op(e, op, b ? 2 : 1, x, at, NULL);
}

/* a b + sign c d */
static Val mixed(Elab *e, const Val *a, const Val *b, Op sign, const Val *c,
                 const Val *d, Span at)
{
    Val p = apply(e, OP_mul, a, b, at), q = apply(e, OP_mul, c, d, at);
    return apply(e, sign, &p, &q, at);
}

static Val absolute_square(Elab *e, const Val *re, const Val *im, Span at)
{
    return mixed(e, re, re, OP_add, im, im, at);
}

static Val multiply(Elab *e, const Val *x, const Val *y, Span at)
{
    Val a = val_part(e, x, 0), b = val_part(e, x, 1);
    Val c = val_part(e, y, 0), d = val_part(e, y, 1);
    if (!x->complex)
        return val_pair(e, apply(e, OP_mul, x, &c, at),
                        apply(e, OP_mul, x, &d, at), at);
    if (!y->complex)
        return val_pair(e, apply(e, OP_mul, &a, y, at),
                        apply(e, OP_mul, &b, y, at), at);
    return val_pair(e, mixed(e, &a, &c, OP_sub, &b, &d, at),
                    mixed(e, &a, &d, OP_add, &b, &c, at), at);
}

static Val divide(Elab *e, const Val *x, const Val *y, Span at)
{
    Val a = val_part(e, x, 0), b = val_part(e, x, 1);
    Val c = val_part(e, y, 0), d = val_part(e, y, 1);
    if (!y->complex)
        return val_pair(e, apply(e, OP_div, &a, y, at),
                        apply(e, OP_div, &b, y, at), at);
    Val size = absolute_square(e, &c, &d, at);
    d = apply(e, OP_neg, &d, NULL, at);
    Val conj = val_pair(e, c, d, at);
    Val top = multiply(e, x, &conj, at);
    return divide(e, &top, &size, at);
}

static Val exponential(Elab *e, const Val *x, Span at)
{
    Val a = val_part(e, x, 0), b = val_part(e, x, 1);
    Val size = apply(e, OP_exp, &a, NULL, at);
    Val c = apply(e, OP_cos, &b, NULL, at), s = apply(e, OP_sin, &b, NULL, at);
    return val_pair(e, apply(e, OP_mul, &size, &c, at),
                    apply(e, OP_mul, &size, &s, at), at);
}

Val complex_bilinear(Elab *e, const Val *x, const Val *y, Bilinear *fn,
                     void *user, Span at)
{
    Val r[2][2] = {{val_none()}};
    for (int i = 0; i < 1 + x->complex; i++)
        for (int k = 0; k < 1 + y->complex; k++) {
            Val u = val_part(e, x, i), v = val_part(e, y, k);
            r[i][k] = fn(user, &u, &v);
            if (r[i][k].kind == V_NONE)
                return val_none();
        }
    if (!x->complex || !y->complex)
        return val_pair(e, r[0][0], x->complex ? r[1][0] : r[0][1], at);
    return val_pair(e, apply(e, OP_sub, &r[0][0], &r[1][1], at),
                    apply(e, OP_add, &r[0][1], &r[1][0], at), at);
}

static const char *op_sign(Op op)
{
    static const struct {
        Op op;
        const char *sign;
    } row[] = {{OP_lt, "<"},    {OP_le, "<="}, {OP_gt, ">"},   {OP_ge, ">="},
               {OP_eq, "=="},   {OP_ne, "!="}, {OP_mod, "%"},  {OP_pow, "^"},
               {OP_and, "and"}, {OP_or, "or"}, {OP_not, "not"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].op == op)
            return row[i].sign;
    return op_row[op].name;
}

/* An elementwise operator with a complex operand; their shapes fit. */
Val complex_op(Elab *e, Op op, int n, const Val *x, Span at)
{
    Val part[2], in[3];
    switch (op) {
    case OP_mul:
        return multiply(e, &x[0], &x[1], at);
    case OP_div:
        return divide(e, &x[0], &x[1], at);
    case OP_exp:
        return exponential(e, &x[0], at);
    case OP_abs: {
        Val a = val_part(e, &x[0], 0), b = val_part(e, &x[0], 1);
        Val square = absolute_square(e, &a, &b, at);
        return apply(e, OP_sqrt, &square, NULL, at);
    }
    case OP_select:
        if (x[0].complex)
            return complex_refuse(e, "a condition", &x[0], at);
        break;
    case OP_neg:
    case OP_add:
    case OP_sub:
    case OP_stopgrad:
        break;
    default:
        return complex_refuse(e, op_sign(op), x[0].complex ? &x[0] : &x[n - 1],
                              at);
    }
    for (int p = 0; p < 2; p++) {
        for (int i = 0; i < n; i++)
            in[i] = op == OP_select && !i ? x[0] : val_part(e, &x[i], p);
        part[p] = val_op(e, op, n, in, at, NULL);
    }
    return val_pair(e, part[0], part[1], at);
}

/* cos or sin of 2 pi j k / n, one table for all transforms of that size. */
static Val wave(Elab *e, const Dim *n, bool sine, Span at)
{
    Val v = val_unknown(0);
    v.rank = 2;
    v.dim[0] = v.dim[1] = n;
    if (!e->building)
        return v;
    int64_t size = dim_number(n);
    const char *name = arena_printf(e->arena, "dft.%s%lld",
                                    sine ? "sin" : "cos", (long long)size);
    int at_table = 0;
    while (at_table < e->graph->table.n &&
           strcmp(e->graph->table.v[at_table].name, name))
        at_table++;
    if (at_table == e->graph->table.n) {
        Table t = {name, val_shape(e, &v), NULL};
        if (dim_value(n) >= 0)
            t.v = NEW_N(e->arena, double, size *size);
        for (int64_t j = 0; t.v && j < size; j++)
            for (int64_t k = 0; k < size; k++) {
                double turn = (double)(j * k % size) / (double)size;
                double angle = 2 * 3.14159265358979323846 * turn;
                t.v[j * size + k] = sine ? sin(angle) : cos(angle);
            }
        vec_push(e->graph->arena, &e->graph->table, t);
    }
    return val_node(e, v, OP_TABLE, 0, NULL, at_table, 0, 0, at);
}

/* sum_j v[j] exp(-+ 2 pi i j k / n); the inverse is divided by n. */
static Val fourier(Call *c, bool inverse)
{
    Elab *e = c->e;
    Val v = c->x[0];
    if (v.kind != V_TENSOR || (v.rank != 1 && v.rank != RANK_UNKNOWN)) {
        if (e->building && v.kind != V_NONE)
            diag(e->diags, E_NOT_VECTOR, c->at[0], c->name, val_text(e, &v));
        return val_none();
    }
    if (v.rank == RANK_UNKNOWN)
        return val_pair(e, v, v, c->a->span);
    Val cosine = wave(e, v.dim[0], false, c->a->span);
    Val sine = wave(e, v.dim[0], true, c->a->span);
    if (!inverse)
        sine = apply(e, OP_neg, &sine, NULL, c->a->span);
    Val turn = val_pair(e, cosine, sine, c->a->span);
    Val r = matrix_product(e, c->a, &turn, &v);
    Val n = val_size(e, v.dim[0]);
    return inverse ? divide(e, &r, &n, c->a->span) : r;
}

Val complex_fn(Call *c)
{
    Val x = c->x[0];
    if (!strcmp(c->name, "fft") || !strcmp(c->name, "ifft"))
        return fourier(c, c->name[0] == 'i');
    for (int i = 0; i < c->n; i++)
        if (c->x[i].kind != V_TENSOR)
            return apply(c->e, OP_neg, &c->x[i], NULL, c->at[i]);
    if (!strcmp(c->name, "complex")) {
        for (int i = 0; i < 2; i++)
            if (c->x[i].complex)
                return complex_refuse(c->e, "a part", &c->x[i], c->at[i]);
        return val_pair(c->e, x, c->x[1], c->a->span);
    }
    return val_zeros(c->e, &x, !strcmp(c->name, "imag"));
}

/* What a function of complex values is: worked out for each part of the
 * first argument, or of all, or for each pair of parts of two, or defined for
 * them as a whole. */
typedef enum Linear {
    LINEAR_NO,
    LINEAR_FIRST,
    LINEAR_ALL,
    LINEAR_BOTH,
    LINEAR_WHOLE
} Linear;

static Linear linear_in(const char *name)
{
    static const struct {
        const char *name;
        Linear how;
    } row[] = {{"sum", LINEAR_ALL},        {"mean", LINEAR_ALL},
               {"split", LINEAR_FIRST},    {"final", LINEAR_FIRST},
               {"roll", LINEAR_FIRST},     {"reverse", LINEAR_FIRST},
               {"permute", LINEAR_FIRST},  {"cumsum", LINEAR_FIRST},
               {"reshape", LINEAR_FIRST},  {"flatten", LINEAR_FIRST},
               {"diag", LINEAR_FIRST},     {"blockdiag", LINEAR_FIRST},
               {"clipgrad", LINEAR_FIRST}, {"complex", LINEAR_WHOLE},
               {"real", LINEAR_WHOLE},     {"imag", LINEAR_WHOLE},
               {"fft", LINEAR_WHOLE},      {"ifft", LINEAR_WHOLE},
               {"exp", LINEAR_WHOLE},      {"abs", LINEAR_WHOLE},
               {"mul", LINEAR_WHOLE},      {"concat", LINEAR_WHOLE},
               {"norm", LINEAR_WHOLE},     {"normalize", LINEAR_WHOLE},
               {"stopgrad", LINEAR_WHOLE}, {"outer", LINEAR_BOTH},
               {"conv", LINEAR_BOTH}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (!strcmp(row[i].name, name))
            return row[i].how;
    return LINEAR_NO;
}

typedef struct Both {
    Call *c;
    Builtin *fn;
} Both;

static Val part_call(void *user, const Val *x, const Val *y)
{
    const Both *b = user;
    Val pair[2] = {*x, *y};
    Call c = *b->c;
    c.x = pair;
    return b->fn(&c);
}

Val complex_call(Call *c, Builtin *fn)
{
    Elab *e = c->e;
    Linear how = linear_in(c->name);
    int who = 0;
    while (who < c->n && !c->x[who].complex)
        who++;
    if (who == c->n || how == LINEAR_WHOLE)
        return fn(c);
    if (how == LINEAR_BOTH) {
        Both b = {c, fn};
        return complex_bilinear(e, &c->x[0], &c->x[1], part_call, &b,
                                c->a->span);
    }
    if (how == LINEAR_NO || (how == LINEAR_FIRST && who))
        return complex_refuse(e, c->name, &c->x[who], c->at[who]);
    Val *x = c->x, part[2] = {val_num(e, 0), val_none()};
    c->x = NEW_N(e->arena, Val, c->n + 1);
    for (int p = 0; p < 2 && part[0].kind != V_NONE; p++) {
        for (int i = 0; i < c->n; i++)
            c->x[i] = how == LINEAR_ALL || !i ? val_part(e, &x[i], p) : x[i];
        part[p] = fn(c);
    }
    c->x = x;
    return val_pair(e, part[0], part[1], c->a->span);
}
