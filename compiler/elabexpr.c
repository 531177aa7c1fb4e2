/* Expressions of the elaboration: names, operators, products, concatenation.
 * Subscripts are in elabindex.c, calls in elabcall.c and elabfn.c. */
#include <math.h>
#include <string.h>

#include "elab.h"
#include "ops.h"

static const struct {
    int sign;
    Op op;
} binary_op[] = {
    {'+', OP_add}, {'-', OP_sub}, {'*', OP_mul},   {'/', OP_div}, {'%', OP_mod},
    {'^', OP_pow}, {'<', OP_lt},  {'>', OP_gt},    {O_LE, OP_le}, {O_GE, OP_ge},
    {O_EQ, OP_eq}, {O_NE, OP_ne}, {O_AND, OP_and}, {O_OR, OP_or},
};

/* The number of the step; inside rev() counted from the end. */
static Val time_value(Elab *e, Scope *s, int axis, Span at)
{
    bool reversed = s->reversed && axis == s->axis;
    Val t = val_unknown(1u << axis | AXIS_B), past = val_unknown(0);
    t.rank = past.rank = 0;
    t = val_node(e, t, OP_TIME, 0, NULL, axis, 0, 0, at);
    e->axis.v[axis].used = true;
    if (!reversed && e->set->past && axis == 0) {
        Val on[2] = {t, val_node(e, past, OP_PAST, 0, NULL, 0, 0, 0, at)};
        return val_op(e, OP_add, 2, on, at, NULL);
    }
    if (!reversed)
        return t;
    Val x[2] = {val_length(e, axis, at), t};
    x[0] = val_op(e, OP_sub, 2, x, at, NULL);
    x[1] = val_num(e, 1);
    return val_op(e, OP_add, 2, x, at, NULL);
}

/* `end` alone: the length, if it is clear along which axis. */
static Val end_value(Elab *e, const Scope *s, Span at)
{
    if (!s->app && e->axis.n > 1) {
        if (e->building)
            diag(e->diags, E_AXIS_END, at);
        return val_none();
    }
    return val_length(e, s->app && s->axis >= 0 ? s->axis : 0, at);
}

static Val undefined(Elab *e, Scope *s, Ast *a)
{
    if (!e->building)
        return val_none();
    if (!strcmp(a->name, "...")) {
        diag(e->diags, E_ANY_SHAPE, a->span);
        return val_none();
    }
    diag(e->diags, E_UNDEFINED, a->span, a->name);
    hint_name(e, s, a->name);
    return val_none();
}

static Val name_constant(Elab *e, Name *n, Span at)
{
    if (n->decl && ast_find(n->decl, A_SUBS))
        return const_table(e, n);
    if (n->state == 1) {
        if (e->building)
            diag(e->diags, E_INSTANT, at, n->name, n->name);
        return val_none();
    }
    n->state = 1;
    Val v = expr(e, n->from, n->rhs);
    n->state = 0;
    v.name = n;
    return v;
}

static Val param_or_input(Elab *e, Name *n, Span at)
{
    Val v = n->val;
    v.name = n;
    if (!e->building || v.kind != V_TENSOR)
        return v;
    Op op = n->kind == N_PARAM ? OP_PARAM : OP_READ;
    return val_slot(e, v, op, n, 0, 0, at);
}

/* A parameter that the call ties to a value: W = E; 0 removes it. */
static Val tied(Elab *e, Name *n, const Over *o, App *at)
{
    Val v = over_value(e, o, at, n, NULL);
    if (!declare_type(e, n) || v.kind != V_TENSOR)
        return e->building ? val_none() : n->val;
    bool fits = !v.rank || v.rank == n->val.rank;
    for (int i = 0; fits && i < v.rank; i++)
        fits = same_dim(e, v.dim[i], n->val.dim[i]);
    if (!fits) {
        if (e->building)
            diag(e->diags, E_TIED, o->span, n->name, val_text(e, &n->val),
                 val_text(e, &v));
        return val_none();
    }
    if (n->val.complex && !v.complex)
        v = val_pair(e, v, val_num(e, 0), o->span);
    if (v.rank || !n->val.rank)
        return v;
    Val full = n->val;
    full.axes = v.axes;
    full.complex = v.complex;
    if (!e->building)
        return full;
    int shape = val_shape(e, &full);
    full.ref = graph_expand(e->graph, val_ref(e, &v, o->span), shape);
    if (v.complex)
        full.im = graph_expand(e->graph, v.im, shape);
    return full;
}

/* A parameter as the application `from` and those around it leave it. */
static Val param_beyond(Elab *e, Name *n, App *from, Span at)
{
    App *where = NULL;
    const Over *o = over_find(e, from, n, OVER_VALUE, 0, &where);
    n->used = true;
    if (o)
        return tied(e, n, o, where);
    return declare(e, n) ? param_or_input(e, n, at) : val_none();
}

/* An equation: its own step sees what it computes, everything else what an
 * argument `h = e` makes of that. */
static Val equation(Elab *e, Scope *s, Name *n, Span at)
{
    bool inside = s->app && s->app == n->scope->app && !s->shown;
    if (!inside || !over_next(e, n))
        return name_value(e, n, at);
    if (n->state != 1 || n->computed.kind != V_TENSOR)
        name_value(e, n, at);
    return n->computed;
}

static Val named(Elab *e, Scope *s, Name *n, Ast *a)
{
    n->used = true;
    if (n->stands && n->val.kind == V_NONE) /* `state`, `param` */
        return n->stands->kind == N_PARAM
                   ? param_beyond(e, n->stands, n->beyond->outer, a->span)
                   : name_value(e, n->stands, a->span);
    switch (n->kind) {
    case N_OPTION:
    case N_CONST:
        return name_constant(e, n, a->span);
    case N_DIM:
        return n->val;
    case N_PARAM:
        return param_beyond(e, n, n->scope->app, a->span);
    case N_INPUT:
    case N_NOISE:
        return declare(e, n) ? param_or_input(e, n, a->span) : val_none();
    case N_EQN:
        return equation(e, s, n, a->span);
    case N_ARG:
        return name_value(e, n, a->span);
    case N_FN:
    case N_CELL: {
        Val v = val_none();
        v.kind = n->kind == N_FN ? V_FN : V_CELL;
        v.def = n->decl;
        v.home = n->scope;
        v.str = n->name;
        return v;
    }
    }
    return val_none();
}

static Val expr_name(Elab *e, Scope *s, Ast *a)
{
    Name *n = scope_lookup(e, s, a->name);
    if (n) {
        Val v = named(e, s, n, a);
        if (v.kind == V_TENSOR && n->kind != N_ARG)
            v.name = n;
        return v;
    }
    int axis = axis_of(e, s, a->name);
    if (axis >= 0)
        return time_value(e, s, axis, a->span);
    if (!strcmp(a->name, "end"))
        return end_value(e, s, a->span);
    if (!strcmp(a->name, "training")) {
        e->by_mode |= s == e->top;
        return val_num(e, e->training);
    }
    if (!strcmp(a->name, "inf"))
        return val_num(e, HUGE_VAL);
    if (!strcmp(a->name, "π"))
        return val_num(e, 3.14159265358979323846);
    if (is_builtin(a->name)) {
        Val v = val_none();
        v.kind = V_FN;
        v.str = a->name;
        return v;
    }
    if (is_axis(e, s, a->name)) {
        if (e->building && s->app && !s->along)
            axis_untold(e, s);
        return val_none();
    }
    return undefined(e, s, a);
}

/* Whether v may be one more part of the list r: vectors and numbers, or arrays
 * alike but for the first dim. */
static bool joins(Elab *e, Val *r, const Val *v)
{
    int rank = v->rank > 1 ? v->rank : 1;
    if (v->rank == RANK_UNKNOWN)
        return true;
    if (r->rank == RANK_UNKNOWN) {
        r->rank = rank;
        memcpy(r->dim, v->dim, sizeof r->dim);
    }
    for (int i = 1; i < rank && r->rank == rank; i++)
        if (!same_dim(e, r->dim[i], v->dim[i]))
            return false;
    return r->rank == rank;
}

/* [a, b, ...]: vectors and numbers one after the other, or rows of matrices. */
static Val expr_list(Elab *e, Scope *s, Ast *a)
{
    Val r = val_unknown(0);
    int n = ast_count(a), i = 0;
    Ref *in = NEW_N(e->arena, Ref, n + 1);
    Val *x = NEW_N(e->arena, Val, n + 1);
    const Dim *rows = dim_const(e->arena, 0);
    bool known = true;
    for (Ast *k = a->kid; k; k = k->next, i++) {
        Val v = expr(e, s, k);
        if (v.kind == V_NONE && !e->building) {
            known = false;
            continue;
        }
        if (v.kind != V_TENSOR || !joins(e, &r, &v)) {
            if (e->building && v.kind != V_NONE)
                diag(e->diags, E_CONCAT, k->span, val_text(e, &v));
            return val_none();
        }
        r.axes |= v.axes;
        r.complex |= v.complex;
        if (v.rank == RANK_UNKNOWN) {
            known = false;
            continue;
        }
        x[i] = v;
        rows = dim_op(e->arena, '+', rows,
                      v.rank ? v.dim[0] : dim_const(e->arena, 1));
    }
    r.rank = known ? r.rank : RANK_UNKNOWN;
    r.dim[0] = rows;
    if (!e->building)
        return r;
    Val part[2];
    for (int p = 0; p < 1 + r.complex; p++) {
        for (i = 0; i < n; i++) {
            Val v = val_zeros(e, &x[i], p);
            in[i] = val_ref(e, &v, a->span);
        }
        part[p] = val_node(e, r, OP_CONCAT, n, in, 0, 0, 0, a->span);
    }
    return r.complex ? val_pair(e, part[0], part[1], a->span) : part[0];
}

static Val transpose(Elab *e, Val v, Span at)
{
    if (v.complex)
        return val_pair(e, transpose(e, val_part(e, &v, 0), at),
                        transpose(e, val_part(e, &v, 1), at), at);
    if (v.kind == V_NONE || v.rank == RANK_UNKNOWN)
        return v;
    if (v.kind != V_TENSOR || v.rank != 2) {
        if (e->building)
            diag(e->diags, E_NOT_MATRIX, at, "'", "a matrix", val_text(e, &v));
        return val_none();
    }
    const Dim *d = v.dim[0];
    v.dim[0] = v.dim[1];
    v.dim[1] = d;
    Ref in = v.ref;
    return val_node(e, v, OP_TRANSPOSE, 1, &in, 0, 0, 0, at);
}

static const char *operand_text(Elab *e, Ast *a)
{
    Buf b;
    buf_init(&b, e->arena);
    ast_print_expr(&b, a);
    return b.s;
}

static void product_error(Elab *e, Ast *a, const Val *x, const Val *y)
{
    if (!x->rank || !y->rank) {
        diag(e->diags, E_PRODUCT_SCALAR, a->span, val_text(e, x),
             val_text(e, y));
        diag_help(e->diags, "multiply by a number with *");
        return;
    }
    const Dim *cols = x->dim[x->rank - 1];
    diag(e->diags, E_PRODUCT, a->span, operand_text(e, a),
         operand_text(e, a->kid), dim_text(e->arena, cols),
         x->rank == 2 ? "columns" : "elements", operand_text(e, a->kid->next),
         val_text(e, y));
    if (x->name)
        diag_note(e->diags, x->name->span, "%s is %s", x->name->name,
                  val_text(e, x));
    if (y->name)
        diag_note(e->diags, y->name->span, "%s is %s", y->name->name,
                  val_text(e, y));
    if (y->rank == 1 && x->rank == 2 && same_dim(e, x->dim[0], y->dim[0]))
        diag_help(e->diags, "the transposed matrix fits: %s' @ %s",
                  operand_text(e, a->kid), operand_text(e, a->kid->next));
}

/* Node of x @ y once the shapes fit. */
static Val product_node(Elab *e, Val r, const Val *x, const Val *y, Span at)
{
    Graph *g = e->graph;
    if (!e->building)
        return r;
    Ref in[2] = {x->ref, y->ref};
    if (x->rank == 1 && y->rank == 1) {
        Ref p = graph_add(g, OP_mul, 2, in, 0, 0, 0, at);
        return val_node(e, r, OP_SUM, 1, &p, 0, 0, 0, at);
    }
    int trans = x->rank == 1;
    if (trans) {
        in[0] = y->ref;
        in[1] = x->ref;
    }
    if (x->rank == 2 && y->rank == 2)
        return val_node(e, r, OP_MATMUL, 2, in, 0, 0, 0, at);
    if (NODE(g, in[0])->op == OP_TRANSPOSE) {
        in[0] = IN(g, in[0], 0);
        trans = !trans;
    }
    return val_node(e, r, OP_MATVEC, 2, in, trans, 0, 0, at);
}

typedef struct Product {
    Elab *e;
    Ast *a;
} Product;

static Val part_product(void *user, const Val *x, const Val *y)
{
    Product *p = user;
    return matrix_product(p->e, p->a, x, y);
}

static Val expr_product(Elab *e, Scope *s, Ast *a)
{
    Val x = expr(e, s, a->kid), y = expr(e, s, a->kid->next);
    if (x.kind == V_NONE || y.kind == V_NONE) {
        /* The result may be known from the matrix alone. */
        if (e->building || x.kind != V_TENSOR || x.rank != 2)
            return val_none();
        y = val_unknown(0);
    }
    return matrix_product(e, a, &x, &y);
}

Val matrix_product(Elab *e, Ast *a, const Val *left, const Val *right)
{
    Val x = *left, y = *right;
    if (x.complex || y.complex) {
        Product p = {e, a};
        return complex_bilinear(e, &x, &y, part_product, &p, a->span);
    }
    if (x.kind != V_TENSOR || y.kind != V_TENSOR) {
        Val pair[2] = {x, y};
        return val_op(e, OP_mul, 2, pair, a->span, NULL);
    }
    Val r = val_unknown(x.axes | y.axes);
    bool vector = x.rank == 2 && e->settle; /* what else is nearly always */
    if (x.rank == RANK_UNKNOWN || (y.rank == RANK_UNKNOWN && !vector))
        return r;
    r.rank = x.rank + (y.rank == RANK_UNKNOWN ? 1 : y.rank) - 2;
    if (x.rank < 1 || !y.rank || x.rank > 2 || y.rank > 2 ||
        (y.rank > 0 && !same_dim(e, x.dim[x.rank - 1], y.dim[0]))) {
        if (e->building)
            product_error(e, a, &x, &y);
        return val_none();
    }
    if (x.rank == 2)
        r.dim[0] = x.dim[0];
    if (y.rank == 2)
        r.dim[x.rank - 1] = y.dim[1];
    return product_node(e, r, &x, &y, a->span);
}

/* v == "</s>": the string is a member of the other side's set. */
static Val string_member(Elab *e, Val str, const Val *other, Span at)
{
    if (str.kind != V_STR || !other->set)
        return str;
    return member_index(e, str.str, other->set, at);
}

static void note_member(Elab *e, const char *set, const char *name)
{
    Member m = {set, name};
    for (int i = 0; i < e->member.n; i++)
        if (!strcmp(e->member.v[i].set, set) &&
            !strcmp(e->member.v[i].name, name))
            return;
    vec_push(e->arena, &e->member, m);
}

/* A byte that does not go on a character of UTF-8. */
static int characters(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void not_member(Elab *e, const char *str, const Vocab *w, Span at)
{
    bool letters = true;
    diag(e->diags, E_NOT_MEMBER, at, str, w->set);
    for (int k = 0; k < w->n; k++)
        letters = letters && characters(w->names[k]) <= 1;
    if (letters && characters(str) > 1)
        diag_help(e->diags,
                  "the %d members of %s are single characters; words come "
                  "with --unit word or from columns of a table",
                  w->n, w->set);
}

Val member_index(Elab *e, const char *str, const Dim *set, Span at)
{
    const char *name = dim_text(e->arena, set);
    Val v = val_num(e, 0);
    v.size = NULL;
    note_member(e, name, str);
    for (int i = 0; i < e->set->nvocab; i++) {
        const Vocab *w = &e->set->vocab[i];
        if (strcmp(w->set, name))
            continue;
        for (int k = 0; k < w->n; k++)
            if (!strcmp(w->names[k], str)) {
                v.num = k;
                return v;
            }
        if (e->building)
            not_member(e, str, w, at);
        return val_none();
    }
    return v; /* no vocabulary yet: any member does for checking */
}

/* U @ r * h is (U @ r) * h; in a formula U (r h) is as likely meant. */
static void lint_product(Elab *e, const Ast *a)
{
    const Ast *x = a->kid;
    if (a->op == '*' && x->kind == A_BINARY && x->op == '@' && e->building &&
        x->span.lo == a->span.lo)
        diag(e->diags, W_PRODUCT, a->span);
}

static Val expr_binary(Elab *e, Scope *s, Ast *a)
{
    if (a->op == '@')
        return expr_product(e, s, a);
    lint_product(e, a);
    Val x[2] = {expr(e, s, a->kid), expr(e, s, a->kid->next)};
    Span at[2] = {a->kid->span, a->kid->next->span};
    x[0] = string_member(e, x[0], &x[1], at[0]);
    x[1] = string_member(e, x[1], &x[0], at[1]);
    if (!e->building)
        for (int i = 0; i < 2; i++)
            if (x[i].kind == V_NONE)
                x[i] = val_unknown(0);
    for (size_t i = 0; i < sizeof binary_op / sizeof *binary_op; i++)
        if (binary_op[i].sign == a->op)
            return val_op(e, binary_op[i].op, 2, x, a->span, at);
    return val_none();
}

static Val expr_unary(Elab *e, Scope *s, Ast *a)
{
    Val x = expr(e, s, a->kid);
    if (a->op == '\'')
        return transpose(e, x, a->span);
    return val_op(e, a->op == '!' ? OP_not : OP_neg, 1, &x, a->span,
                  &a->kid->span);
}

static Val expr_cond(Elab *e, Scope *s, Ast *a)
{
    Ast *k[3] = {a->kid, a->kid->next, a->kid->next->next};
    Span at[3] = {k[0]->span, k[1]->span, k[2]->span};
    Val x[3] = {expr(e, s, k[0])};
    if (x[0].kind == V_TENSOR && x[0].constant)
        return expr(e, s, x[0].num != 0 ? k[1] : k[2]);
    x[1] = expr(e, s, k[1]);
    x[2] = expr(e, s, k[2]);
    if (!e->building)
        for (int i = 0; i < 3; i++)
            if (x[i].kind == V_NONE)
                x[i] = val_unknown(0);
    return val_op(e, OP_select, 3, x, a->span, at);
}

/* A level has a value of its own, an instance inside it has not. */
static App *member_level(Elab *e, Scope *s, Ast *a)
{
    App *outer = app_at(e, s, a->kid);
    return outer && !outer->scope ? app_at(e, s, a) : NULL;
}

/* y.c: a name inside the application that y is; y.2: a level of a stack. */
static Val expr_member(Elab *e, Scope *s, Ast *a)
{
    App *level = member_level(e, s, a);
    if (level)
        return app_output(e, level, a->span);
    Name *n = member_name(e, s, a);
    return n ? name_value(e, n, a->span) : val_none();
}

Name *member_name(Elab *e, Scope *s, Ast *a)
{
    App *app = app_at(e, s, a->kid);
    if (!app) {
        if (a->kid->kind == A_NAME && !scope_lookup(e, s, a->kid->name))
            undefined(e, s, a->kid);
        else if (e->building)
            diag(e->diags, E_NO_MEMBERS, a->kid->span);
        return NULL;
    }
    App *level = member_level(e, s, a);
    if (level) /* no name where the cell's output is an expression */
        return app_output_name(e, level);
    Name *n = app->scope ? scope_find(app->scope, a->name) : NULL;
    if (n && (n->kind == N_EQN || n->kind == N_ARG))
        return n;
    if (e->building) {
        diag(e->diags, E_NO_MEMBER, a->name_span, a->name);
        Buf b;
        buf_init(&b, e->arena);
        for (int i = 0; app->scope && i < app->scope->order.n; i++)
            if (app->scope->order.v[i]->kind == N_EQN)
                buf_printf(&b, " %s", app->scope->order.v[i]->name);
        if (b.n)
            diag_help(e->diags, "inside it are:%s", b.s);
    }
    return NULL;
}

Val expr(Elab *e, Scope *s, Ast *a)
{
    if (!a) /* an argument that is missing; told where it was bound */
        return val_none();
    switch (a->kind) {
    case A_NUM:
        return val_num(e, a->num);
    case A_STR: {
        Val v = val_none();
        v.kind = V_STR;
        v.str = a->str;
        return v;
    }
    case A_NAME:
        return expr_name(e, s, a);
    case A_LIST:
        return expr_list(e, s, a);
    case A_CALL:
        return expr_call(e, s, a);
    case A_PIPE:
        return expr_pipe(e, s, a);
    case A_INDEX:
        return expr_index(e, s, a);
    case A_MEMBER:
        return expr_member(e, s, a);
    case A_UNARY:
        return expr_unary(e, s, a);
    case A_BINARY:
        return expr_binary(e, s, a);
    case A_COND:
        return expr_cond(e, s, a);
    case A_ERROR:
        return val_none();
    default:
        if (e->building)
            diag(e->diags, E_NOT_HERE, a->span);
        return val_none();
    }
}

Val expr_number(Elab *e, Scope *s, Ast *a, const char *what)
{
    Val v = expr(e, s, a);
    if (v.kind == V_TENSOR && v.constant)
        return v;
    if (e->building && v.kind != V_NONE)
        diag(e->diags, E_NOT_CONSTANT, a->span, what, val_text(e, &v));
    return val_none();
}

const Dim *expr_dim(Elab *e, Scope *s, Ast *a)
{
    Val v = expr(e, s, a);
    if (v.kind == V_TENSOR && v.size &&
        (dim_value(v.size) > 0 ||
         (dim_value(v.size) < 0 && !dim_is_const(v.size))))
        return v.size;
    if (e->building && v.kind != V_NONE)
        diag(e->diags, E_NOT_SIZE, a->span, operand_text(e, a));
    return NULL;
}
