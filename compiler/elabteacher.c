/* Scheduled sampling (Bengio, Vinyals, Jaitly, Shazeer 2015): with teacher = p,
 * training reads y[t-1] of a y left of ~ as what was observed with probability
 * p only, else as a draw from the model's own distribution at that step.  All
 * of it is the language: for such a y two equations are added,
 *   y.u = uniform_like()(y)
 *   y.fed = scheduled_sampling(p, set)(y, D_quantile(y.u, ...))
 * and its earlier steps are those of y.fed.  Called where elabindex.c reads. */
#include <string.h>

#include "elab.h"

/* Where y ~ D stands. */
typedef struct Said {
    Scope *s;
    Ast *y, *dist;
} Said;

static bool says(Elab *e, Scope *s, Ast *a, const Name *y, Said *out)
{
    Ast *lhs = a->kind == A_DRAW ? a->kid->kid : NULL;
    Name *n = lhs && lhs->kind == A_NAME ? scope_find(s, lhs->name) : NULL;
    if (!n || storage_name(e, n) != y)
        return false;
    *out = (Said){s, lhs, draw_which(e, s, a->kid->next)};
    return out->dist != NULL;
}

static bool said(Elab *e, const Name *y, Said *out)
{
    for (int f = 0; f < e->nfile; f++)
        for (Ast *a = e->file[f]->kid; a; a = a->next)
            if (says(e, e->top, a, y, out))
                return true;
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->terms.n; k++)
            if (says(e, e->scope.v[i], e->scope.v[i]->terms.v[k], y, out))
                return true;
    return false;
}

/* ---- trees ---- */

/* name(arg, ...); arguments are linked already. */
static Ast *call(Elab *e, const Said *x, const char *name, Ast *arg)
{
    Ast *callee = ast_name(e->arena, x->dist, intern_str(e->intern, name));
    callee->next = arg;
    return ast_new(e->arena, A_CALL, x->dist, 0, callee);
}

/* layer(input, ...) */
static Ast *apply(Elab *e, const Said *x, Ast *layer, Ast *input)
{
    layer->next = input;
    return ast_new(e->arena, A_CALL, x->dist, 0, layer);
}

static Ast *number(Elab *e, const Said *x, double v)
{
    Ast *a = ast_new(e->arena, A_NUM, x->dist, 0, NULL);
    a->num = v;
    a->str = arena_printf(e->arena, "%g", v);
    return a;
}

/* A name that the user cannot write, in the scope of y ~ D. */
static Name *hidden(Elab *e, const Said *x, const char *part, NameKind kind,
                    Ast *rhs)
{
    const char *name = arena_printf(e->arena, "%s.%s", x->y->name, part);
    Name *n = scope_add(e, x->s, kind, intern_str(e->intern, name), x->y->span);
    n->rhs = n->stmt = rhs;
    n->from = x->s;
    n->used = true;
    e->changed = true;
    return n;
}

static Ast *y_tree(Elab *e, const Said *x)
{
    return ast_name(e->arena, x->dist, x->y->name);
}

/* ---- draws ---- */

static bool has_quantile(Elab *e, Scope *s, const Ast *dist)
{
    if (dist->kind != A_CALL || dist->kid->kind != A_NAME)
        return false;
    const char *name = arena_printf(e->arena, "%s_quantile", dist->kid->name);
    return is_builtin(name) ||
           scope_lookup(e, s, intern_str(e->intern, name)) != NULL;
}

/* The part of a distribution that nothing says how to draw from, or NULL. */
static const Ast *undrawable(Elab *e, const Said *x)
{
    if (!is_mixture(x->dist))
        return has_quantile(e, x->s, x->dist) ? NULL : x->dist;
    const Ast *k = x->dist->kid->next;
    while (k && (k = k->next) && has_quantile(e, x->s, k))
        ;
    return k;
}

/* D_quantile(y.u, arguments of D) */
static Ast *drawn_from(Elab *e, const Said *x, const Ast *dist)
{
    const char *u = arena_printf(e->arena, "%s.u", x->y->name);
    Ast *arg = ast_name(e->arena, x->dist, intern_str(e->intern, u));
    arg->next = dist->kid->next;
    return call(e, x, arena_printf(e->arena, "%s_quantile", dist->kid->name),
                arg);
}

/* Which of them is drawn too: k == 0 ? first : k == 1 ? second : ... */
static Ast *one_of(Elab *e, const Said *x)
{
    Ast *w = x->dist->kid->next, *first = w->next;
    int n = ast_count(x->dist) - 2;
    Name *weights = hidden(e, x, "w", N_ARG, w);
    Name *v =
        hidden(e, x, "v", N_EQN,
               apply(e, x, call(e, x, "uniform_step", NULL), y_tree(e, x)));
    Ast *share = ast_name(e->arena, x->dist, v->name);
    share->next = ast_name(e->arena, x->dist, weights->name);
    Name *k =
        hidden(e, x, "k", N_EQN, call(e, x, "categorical_quantile", share));
    Ast *pick = drawn_from(e, x, ast_kid(x->dist, n + 1));
    for (int i = n - 2; i >= 0; i--) {
        const Ast *part = first;
        for (int j = 0; j < i; j++)
            part = part->next;
        Ast *is = ast_name(e->arena, x->dist, k->name);
        is->next = number(e, x, i);
        Ast *cond = ast_new(e->arena, A_BINARY, x->dist, O_EQ, is);
        cond->next = drawn_from(e, x, part);
        cond->next->next = pick;
        pick = ast_new(e->arena, A_COND, x->dist, 0, cond);
    }
    return pick;
}

static void add_fed(Elab *e, Name *y, const Said *x)
{
    hidden(e, x, "u", N_EQN,
           apply(e, x, call(e, x, "uniform_like", NULL), y_tree(e, x)));
    Ast *p = number(e, x, e->teacher), *input = y_tree(e, x);
    p->next = number(e, x, y->val.set != NULL);
    input->next =
        is_mixture(x->dist) ? one_of(e, x) : drawn_from(e, x, x->dist);
    y->fed = hidden(e, x, "fed", N_EQN,
                    apply(e, x, call(e, x, "scheduled_sampling", p), input));
    y->fed->feeds = y;
    for (int i = 0; i < y->edge.n; i++)
        vec_push(e->arena, &y->fed->edge, y->edge.v[i]);
}

Name *fed_back(Elab *e, Scope *s, Name *y, int step)
{
    Said x;
    if (e->teacher >= 1 || step >= 0 || y->kind != N_INPUT ||
        in_density(e, s) || !said(e, y, &x))
        return y;
    const Ast *not = undrawable(e, &x);
    e->taught = true;
    if (not ) {
        if (e->building)
            diag(e->diags, E_TEACHER, not ->span, e->teacher, y->name,
                 not ->kind == A_CALL && not ->kid->kind == A_NAME
                     ? not ->kid->name
                     : "this");
        return y;
    }
    if (!e->training)
        return y;
    if (!y->fed)
        add_fed(e, y, &x);
    y->fed->lagged = true;
    y->fed->axis = y->axis;
    if (step < y->fed->min_off)
        y->fed->min_off = step;
    return y->fed;
}

void teacher_check(Elab *e)
{
    if (e->teacher < 1 && !e->taught)
        diag(e->diags, W_TEACHER, (Span){0, 0}, e->teacher);
}
