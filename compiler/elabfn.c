/* Functions of the elaboration: the user's own (inlined, with their own
 * derivatives) and the built-in ones, which are rows of a table. */
#include <math.h>
#include <string.h>

#include "elab.h"
#include "ops.h"

static Val elementwise(Call *c)
{
    return val_op(c->e, c->op, c->n, c->x, c->a->span, c->at);
}

/* Left fold of a binary operator over two or more arguments. */
static Val fold(Call *c, Op op)
{
    Val v = c->x[0];
    for (int i = 1; i < c->n; i++) {
        Val pair[2] = {v, c->x[i]};
        v = val_op(c->e, op, 2, pair, c->a->span, NULL);
    }
    return v;
}

static Val to_scalar(Call *c, Op op)
{
    Val v = c->x[0];
    if (v.kind != V_TENSOR)
        return val_op(c->e, OP_neg, 1, &v, c->a->span, c->at);
    Ref in = val_ref(c->e, &v, c->a->span);
    bool scalar = !v.rank;
    Val r = val_unknown(v.axes);
    r.rank = 0;
    if (scalar && (op == OP_SUM || op == OP_MAXV || op == OP_MINV)) {
        v.set = NULL;
        return v;
    }
    if (op != OP_SUM && v.rank > 1)
        in = fn_flatten(c).ref;
    return val_node(c->e, r, op, 1, &in, 0, 0, 0, c->a->span);
}

static Val divide(Call *c, Val v, const Val *by)
{
    Val pair[2] = {v, *by};
    return val_op(c->e, OP_div, 2, pair, c->a->span, NULL);
}

static Val sum(Call *c)
{
    return c->n == 1 ? to_scalar(c, OP_SUM) : fold(c, OP_add);
}

static Val mean(Call *c)
{
    Elab *e = c->e;
    if (c->n > 1) {
        Val by = val_num(e, c->n);
        return divide(c, fold(c, OP_add), &by);
    }
    Val x = c->x[0], v = to_scalar(c, OP_SUM);
    if (v.kind != V_TENSOR || x.rank == RANK_UNKNOWN)
        return v;
    double n = 1;
    for (int i = 0; i < x.rank; i++)
        n *= (double)dim_number(x.dim[i]);
    Val by = val_num(e, n);
    return divide(c, v, &by);
}

static Val largest(Call *c)
{
    return c->n == 1 ? to_scalar(c, OP_MAXV) : fold(c, OP_max);
}

static Val smallest(Call *c)
{
    return c->n == 1 ? to_scalar(c, OP_MINV) : fold(c, OP_min);
}

/* One number for each line: the last dim goes. */
static Val reduce_line(Call *c)
{
    Val v = c->x[0];
    if (v.kind != V_TENSOR || !v.rank) {
        if (c->e->building && v.kind != V_NONE)
            diag(c->e->diags, E_NOT_VECTOR, c->at[0], c->name,
                 val_text(c->e, &v));
        return val_none();
    }
    Ref in = v.ref;
    v.set = NULL;
    if (v.rank != RANK_UNKNOWN) {
        v.set = c->op == OP_ARGMAX && v.rank == 1 ? v.dim[0] : NULL;
        v.dim[--v.rank] = NULL;
    }
    return val_node(c->e, v, c->op, 1, &in, 0, 0, 0, c->a->span);
}

static Val product(Call *c)
{
    return fold(c, OP_mul);
}

static Val onehot(Call *c)
{
    Val i = c->x[0], r = val_unknown(i.axes);
    const Dim *size = i.set;
    if (c->n == 2)
        size = c->x[1].kind == V_TENSOR ? c->x[1].size : NULL;
    if (i.kind != V_TENSOR || !size || i.rank > 0) {
        if (c->e->building && i.kind != V_NONE)
            diag(c->e->diags, E_ONEHOT, c->a->span, val_text(c->e, &i));
        return i.kind == V_TENSOR && !c->e->building ? r : val_none();
    }
    r.rank = 1;
    r.dim[0] = size;
    Ref in = val_ref(c->e, &i, c->a->span);
    return val_node(c->e, r, OP_ONEHOT, 1, &in, (int)dim_number(size), 0, 0,
                    c->a->span);
}

static Val split(Call *c)
{
    Elab *e = c->e;
    Val x = c->x[0], k = c->x[1];
    if (k.kind != V_TENSOR || !k.size || k.num < 1 || x.kind != V_TENSOR ||
        (x.rank != 1 && x.rank != RANK_UNKNOWN)) {
        if (e->building && x.kind != V_NONE)
            diag(e->diags, E_SPLIT, c->a->span, val_text(e, &x));
        return val_none();
    }
    Val r = val_none();
    r.kind = V_TUPLE;
    r.nparts = (int)k.num;
    r.part = NEW_N(e->arena, Val, r.nparts);
    const Dim *each =
        x.rank == 1 ? dim_op(e->arena, '/', x.dim[0], k.size) : NULL;
    if (x.rank == 1 && (!each || dim_number(x.dim[0]) % r.nparts)) {
        if (e->building)
            diag(e->diags, E_SPLIT, c->a->span, val_text(e, &x));
        return val_none();
    }
    int rows = each ? (int)dim_number(each) : 0;
    for (int i = 0; i < r.nparts; i++) {
        r.part[i] = x;
        if (!each)
            continue;
        Ref in = x.ref;
        r.part[i].dim[0] = each;
        r.part[i] = val_node(e, r.part[i], OP_SLICE, 1, &in, i * rows,
                             (i + 1) * rows, 0, c->a->span);
    }
    return r;
}

static Val final_part(Call *c)
{
    Val v = c->x[0];
    if (v.kind != V_TENSOR)
        return v;
    if (!(v.axes & ~AXIS_B) && c->e->building) {
        diag(c->e->diags, E_NO_AXIS, c->at[0], "time", val_text(c->e, &v));
        return val_none();
    }
    return final_value(c->e, c->s, v, c->a->span);
}

static Val concat(Call *c)
{
    Ast list = *c->a;
    list.kind = A_LIST;
    list.kid = c->a->kid->next;
    return expr(c->e, c->s, &list);
}

static Val filled(Call *c)
{
    Elab *e = c->e;
    Val r = val_unknown(0);
    r.rank = 0;
    for (int i = 0; i < c->n && i < SHAPE_RANK; i++) {
        if (c->x[i].kind != V_TENSOR || !c->x[i].size) {
            if (e->building)
                diag(e->diags, E_NOT_SIZE, c->at[i], val_text(e, &c->x[i]));
            return val_none();
        }
        r.dim[r.rank++] = c->x[i].size;
    }
    if (e->building)
        r.ref = graph_expand(e->graph, graph_const(e->graph, c->name[0] == 'o'),
                             val_shape(e, &r));
    return r;
}

static const struct {
    const char *name;
    int min, max; /* arguments; max -1: any number */
    Builtin *fn;
    Op op;
} builtins[] = {
    {"exp", 1, 1, elementwise, OP_exp},
    {"log", 1, 1, elementwise, OP_log},
    {"log1p", 1, 1, elementwise, OP_log1p},
    {"expm1", 1, 1, elementwise, OP_expm1},
    {"sqrt", 1, 1, elementwise, OP_sqrt},
    {"tanh", 1, 1, elementwise, OP_tanh},
    {"sigmoid", 1, 1, elementwise, OP_sigmoid},
    {"σ", 1, 1, elementwise, OP_sigmoid},
    {"softplus", 1, 1, elementwise, OP_softplus},
    {"abs", 1, 1, elementwise, OP_abs},
    {"sign", 1, 1, elementwise, OP_sign},
    {"floor", 1, 1, elementwise, OP_floor},
    {"sin", 1, 1, elementwise, OP_sin},
    {"cos", 1, 1, elementwise, OP_cos},
    {"erf", 1, 1, elementwise, OP_erf},
    {"atan2", 2, 2, elementwise, OP_atan2},
    {"poisson_quantile", 2, 2, elementwise, OP_poisson_quantile},
    {"stopgrad", 1, 1, elementwise, OP_stopgrad},
    {"sum", 1, -1, sum, OP_NONE},
    {"mean", 1, -1, mean, OP_NONE},
    {"max", 1, -1, largest, OP_NONE},
    {"min", 1, -1, smallest, OP_NONE},
    {"mul", 2, -1, product, OP_NONE},
    {"argmax", 1, 1, reduce_line, OP_ARGMAX},
    {"logsumexp", 1, 1, reduce_line, OP_LSE},
    {"softmax", 1, 1, fn_along, OP_SOFTMAX},
    {"cumsum", 1, 1, fn_along, OP_CUMSUM},
    {"norm", 1, 1, fn_norm, OP_NONE},
    {"normalize", 1, 1, fn_normalize, OP_NONE},
    {"reshape", 2, 1 + SHAPE_RANK, fn_reshape, OP_NONE},
    {"flatten", 1, 1, fn_flatten, OP_NONE},
    {"roll", 2, 2, fn_roll, OP_NONE},
    {"reverse", 1, 1, fn_reverse, OP_NONE},
    {"permute", 2, 2, fn_permute, OP_NONE},
    {"diag", 1, 1, fn_diag, OP_NONE},
    {"blockdiag", 1, 1, fn_blockdiag, OP_NONE},
    {"eye", 1, 1, fn_eye, OP_NONE},
    {"outer", 2, 2, fn_outer, OP_NONE},
    {"conv", 2, 2, fn_conv, OP_NONE},
    {"expm", 1, 1, fn_expm, OP_NONE},
    {"solve", 2, 2, fn_solve, OP_NONE},
    {"clipgrad", 2, 2, fn_clipgrad, OP_NONE},
    {"grad", 2, 2, fn_grad, OP_NONE},
    {"onehot", 1, 2, onehot, OP_NONE},
    {"split", 2, 2, split, OP_NONE},
    {"final", 1, 1, final_part, OP_NONE},
    {"concat", 1, -1, concat, OP_NONE},
    {"complex", 2, 2, complex_fn, OP_NONE},
    {"real", 1, 1, complex_fn, OP_NONE},
    {"imag", 1, 1, complex_fn, OP_NONE},
    {"fft", 1, 1, complex_fn, OP_NONE},
    {"ifft", 1, 1, complex_fn, OP_NONE},
    {"ones", 1, SHAPE_RANK, filled, OP_NONE},
    {"zeros", 1, SHAPE_RANK, filled, OP_NONE},
};

/* Of the language, but not of this version. */
static const char *const later[] = {"lookup"};

static int builtin_index(const char *name)
{
    for (int i = 0; i < (int)(sizeof builtins / sizeof *builtins); i++)
        if (!strcmp(builtins[i].name, name))
            return i;
    return -1;
}

bool is_builtin(const char *name)
{
    return builtin_index(name) >= 0;
}

static Scope *small_scope(Elab *e, Scope *up, Scope *caller)
{
    Scope *s = NEW(e->arena, Scope);
    s->up = up;
    s->prefix = caller->prefix;
    s->weights = caller->weights;
    s->reversed = caller->reversed;
    s->axis = caller->axis >= 0 ? caller->axis : e->axis.n == 1 ? 0 : -1;
    s->app = up->app; /* a fn of a cell sees the cell's names */
    return s;
}

/* The scope of the copy for k: the same place, with one name more in front. */
static Scope *turn_scope(Elab *e, Scope *s, const Ast *call, const Ast *key,
                         double k)
{
    Scope *in = NULL;
    for (int i = 0; i < s->turns.n && !in; i++)
        if (s->turns.v[i].call == call && s->turns.v[i].k == k)
            in = s->turns.v[i].scope;
    bool made = !in;
    if (made) {
        in = NEW(e->arena, Scope);
        vec_push(e->arena, &s->turns, ((Turn){call, k, in}));
    }
    scope_stand(in, s);
    in->turn = true;
    if (made)
        scope_bind(e, in, key->name, val_num(e, k), key->span);
    return in;
}

/* Its value.  Names that it stores are typed with those of all scopes. */
static Val turn_value(Elab *e, Scope *in, Ast *what)
{
    bool none = !in->order.n;
    Val v = expr(e, in, what);
    if (none && in->order.n)
        vec_push(e->arena, &e->scope, in);
    return v;
}

/* sum[k=1:τ](e): one copy of e per k. */
static Val over_range(Elab *e, Scope *s, const char *name, Ast *call, Ast *key)
{
    Ast *range = key->kid;
    bool good = range && range->kind == A_RANGE;
    Val lo = good ? expr_number(e, s, range->kid, "a range") : val_none();
    Val hi = good ? expr_number(e, s, range->kid->next, "a range") : val_none();
    if (lo.kind != V_TENSOR || hi.kind != V_TENSOR || hi.num < lo.num ||
        !call->kid->next) {
        if (e->building && lo.kind == V_TENSOR && hi.kind == V_TENSOR)
            diag(e->diags, E_EMPTY_RANGE, key->span);
        return val_none();
    }
    Op op = !strcmp(name, "max")   ? OP_max
            : !strcmp(name, "min") ? OP_min
                                   : OP_add;
    Val total = val_none();
    for (double k = lo.num; k <= hi.num; k++) {
        Scope *in = turn_scope(e, s, call, key, k);
        Val v = turn_value(e, in, call->kid->next);
        if (v.kind != V_TENSOR && e->building)
            return v;
        Val pair[2] = {total, v};
        total = k == lo.num ? v : val_op(e, op, 2, pair, call->span, NULL);
    }
    if (strcmp(name, "mean"))
        return total;
    Val pair[2] = {total, val_num(e, hi.num - lo.num + 1)};
    return val_op(e, OP_div, 2, pair, call->span, NULL);
}

Val call_builtin(Elab *e, Scope *s, const char *name, Ast *call, Ast *subs,
                 Ast *args, bool *known)
{
    int row = builtin_index(name);
    *known = true;
    for (size_t i = 0; row < 0 && i < sizeof later / sizeof *later; i++)
        if (!strcmp(later[i], name)) {
            if (e->building)
                diag(e->diags, E_UNSUPPORTED, call->span,
                     arena_printf(e->arena, "the function %s", name));
            return val_none();
        }
    *known = row >= 0;
    if (row < 0)
        return val_none();
    Ast *first = subs ? subs->kid : NULL;
    if (first && first->next && !over_batch_named(subs)) {
        if (e->building)
            diag(e->diags, E_ONE_AXIS, first->next->span, name);
        return val_none();
    }
    if (first && first->kind == A_KEY)
        return over_range(e, s, name, call, first);
    Call c = {e, s, call, subs, 0, NULL, NULL, name, builtins[row].op};
    for (Ast *k = args; k; k = k->next)
        c.n++;
    if (c.n < builtins[row].min ||
        (builtins[row].max >= 0 && c.n > builtins[row].max)) {
        if (e->building)
            diag(e->diags, E_CALL_COUNT, call->span, name, builtins[row].min,
                 c.n);
        return val_none();
    }
    bool batch = over_batch_named(subs);
    bool whole = subs && (!batch || subs->kid->next);
    bool takes = batch ? over_batch_takes(name) : axis_function(name);
    if (subs && (!takes || first->kind != A_NAME || c.n != 1)) {
        if (e->building)
            diag(e->diags, E_AXIS_CALL, subs->span, name);
        return val_none();
    }
    if (subs && !batch && !is_axis(e, s, first->name)) {
        if (e->building)
            diag(e->diags, E_AXIS_NAME, first->span, first->name);
        return val_none();
    }
    c.x = NEW_N(e->arena, Val, c.n + 1);
    c.at = NEW_N(e->arena, Span, c.n + 1);
    int i = 0, outer = e->whole_from;
    if (whole)
        e->whole_from = e->chain.n;
    for (Ast *k = args; k; k = k->next, i++) {
        c.x[i] = expr(e, s, k);
        c.at[i] = k->span;
        if (c.x[i].kind == V_NONE) {
            if (e->building) {
                e->whole_from = outer;
                return val_none();
            }
            c.x[i] = val_unknown(0);
        }
    }
    e->whole_from = outer;
    return complex_call(&c, batch  ? over_batch
                            : subs ? axis_call
                                   : builtins[row].fn);
}

/* Derivative text that stands behind the definition for argument `name`. */
static Ast *own_derivative(Ast *fn, const char *name)
{
    for (Ast *d = fn->next; d && d->kind == A_DERIV; d = d->next)
        if (d->str[0] == 'd' && !strcmp(d->str + 1, name))
            return d->kid;
    return NULL;
}

int extern_call(Elab *e, const Ast *fn, const char **wrong)
{
    const Ast *symbol = ast_find(fn, A_STR);
    int n = 0;
    for (const Ast *p = fn->kid; p->kind == A_ARG; p = p->next)
        n++;
    return graph_call(e->graph, symbol->str, symbol->next->str, n, wrong);
}

/* What an `extern fn` is of the arguments bound in `in`. */
static Val extern_value(Elab *e, Scope *in, const Ast *fn, const Span *at,
                        Span call)
{
    const char *wrong;
    Val x[CALL_MOST];
    int index = extern_call(e, fn, &wrong), n = 0;
    if (wrong)
        return val_none();
    for (const Ast *p = fn->kid; p->kind == A_ARG; p = p->next)
        x[n++] = scope_find(in, p->name)->val;
    return val_call(e, index, n, x, call, at);
}

static Val stopped(Elab *e, Val v, Span at)
{
    if (v.kind != V_TENSOR || v.constant)
        return v;
    return val_op(e, OP_stopgrad, 1, &v, at, NULL);
}

/* hypot' = a/hypot: the function in its own derivative.  It has a derivative
 * there too, for grad(e, W), whose gradient is a second one; in that one it is
 * just its value. */
enum { MOST_DERIVED = 2 };

static Val derivative(Elab *e, Scope *s, const Ast *def, Ast *d)
{
    const Ast *outer = e->deriving;
    int derived = e->derived;
    e->derived = outer == def ? derived + 1 : 1;
    e->deriving = def;
    e->depth++;
    Val v = expr(e, s, d);
    e->depth--;
    e->deriving = outer;
    e->derived = derived;
    return v;
}

/* y ~ normal(m, s) calls normal_nll(y, m, s): told as it is written. */
static void wrong_count(Elab *e, Span call, const char *name, int want, int n)
{
    size_t len = strlen(name);
    bool density = len > 4 && !strcmp(name + len - 4, "_nll");
    diag(e->diags, E_CALL_COUNT, call,
         density ? arena_strndup(e->arena, name, len - 4) : name,
         want - density, n - density);
}

Val call_fn(Elab *e, Scope *s, Val f, int n, Val *arg, const Span *at,
            Span call)
{
    Ast *def = f.def;
    Scope *in = small_scope(e, f.home, s), *raw = small_scope(e, f.home, s);
    int want = 0;
    bool own = false;
    bool inside = def == e->deriving && e->derived == MOST_DERIVED;
    Ast *body = def->kid;
    for (; body->kind == A_ARG; body = body->next, want++)
        own |= !inside && own_derivative(def, body->name);
    if (want != n || e->depth > 400) {
        if (e->building && want != n)
            wrong_count(e, call, def->name, want, n);
        else if (e->building)
            diag(e->diags, E_RECURSIVE, call);
        return val_none();
    }
    int i = 0;
    for (Ast *p = def->kid; p->kind == A_ARG; p = p->next, i++) {
        bool has = !inside && own_derivative(def, p->name);
        scope_bind(e, raw, p->name, arg[i], at[i]);
        scope_bind(e, in, p->name, has ? stopped(e, arg[i], call) : arg[i],
                   at[i]);
    }
    e->depth++;
    Val v = def->kind == A_EXTERN ? extern_value(e, in, def, at, call)
                                  : expr(e, in, body);
    e->depth--;
    if (!own || !e->building || v.kind != V_TENSOR || v.constant)
        return v;
    for (i = 0; i < n; i++)
        if (arg[i].complex)
            return complex_refuse(e, "a derivative of its own", &arg[i], at[i]);
    VEC(Ref) list = {0};
    vec_push(e->arena, &list, v.ref);
    i = 0;
    for (Ast *p = def->kid; p->kind == A_ARG; p = p->next, i++) {
        Ast *d = own_derivative(def, p->name);
        Val dv = d ? derivative(e, raw, def, d) : val_none();
        if (dv.kind != V_TENSOR || arg[i].constant)
            continue;
        vec_push(e->arena, &list, val_ref(e, &arg[i], call));
        vec_push(e->arena, &list, val_ref(e, &dv, call));
    }
    return val_node(e, v, OP_OWN, list.n, list.v, def->kind == A_EXTERN, 0, 0,
                    call);
}
