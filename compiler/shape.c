/* Arithmetic of symbolic dimensions; see shape.h.  Used by the checker only:
 * the graph holds numbers. */
#include "shape.h"

#include <string.h>

#define MAX_FACTORS 4

static Dim *dim_new(Arena *a, int nterm)
{
    Dim *d = arena_alloc(a, sizeof(Dim) + sizeof(Term) * (size_t)nterm);
    d->nterm = nterm;
    return d;
}

const Dim *dim_const(Arena *a, int64_t v)
{
    Dim *d = dim_new(a, v ? 1 : 0);
    if (v)
        d->term[0].coef = v;
    return d;
}

const Dim *dim_sym(Arena *a, Sym *s)
{
    Dim *d = dim_new(a, 1);
    d->term[0].coef = 1;
    d->term[0].nsym = 1;
    d->term[0].sym[0] = s;
    return d;
}

static int sym_order(const Sym *x, const Sym *y)
{
    int c = strcmp(x->name, y->name);
    return c ? c : x < y ? -1 : x > y;
}

/* Products with more factors first, then by name: constants end up last. */
static int term_order(const Term *x, const Term *y)
{
    if (x->nsym != y->nsym)
        return x->nsym > y->nsym ? -1 : 1;
    for (int i = 0; i < x->nsym; i++) {
        int c = sym_order(x->sym[i], y->sym[i]);
        if (c)
            return c;
    }
    return 0;
}

static void dim_add_term(Dim *d, Term t)
{
    int i = 0;
    while (i < d->nterm && term_order(&d->term[i], &t) < 0)
        i++;
    if (i < d->nterm && !term_order(&d->term[i], &t)) {
        d->term[i].coef += t.coef;
        if (!d->term[i].coef) {
            memmove(&d->term[i], &d->term[i + 1],
                    sizeof t * (size_t)(d->nterm - i - 1));
            d->nterm--;
        }
        return;
    }
    if (!t.coef)
        return;
    memmove(&d->term[i + 1], &d->term[i], sizeof t * (size_t)(d->nterm - i));
    d->term[i] = t;
    d->nterm++;
}

static bool term_mul(const Term *x, const Term *y, Term *out)
{
    *out = *x;
    out->coef *= y->coef;
    for (int i = 0; i < y->nsym; i++) {
        if (out->nsym == MAX_FACTORS)
            return false;
        int k = out->nsym++;
        while (k && sym_order(out->sym[k - 1], y->sym[i]) > 0) {
            out->sym[k] = out->sym[k - 1];
            k--;
        }
        out->sym[k] = y->sym[i];
    }
    return true;
}

static const Dim *dim_mul(Arena *a, const Dim *x, const Dim *y)
{
    Dim *d = dim_new(a, x->nterm * y->nterm);
    d->nterm = 0;
    for (int i = 0; i < x->nterm; i++)
        for (int k = 0; k < y->nterm; k++) {
            Term t;
            if (!term_mul(&x->term[i], &y->term[k], &t))
                return NULL;
            dim_add_term(d, t);
        }
    return d;
}

/* Takes the factors of y out of t; false where t does not have them. */
static bool term_div(Term *t, const Term *y)
{
    if (t->coef % y->coef)
        return false;
    t->coef /= y->coef;
    for (int i = 0; i < y->nsym; i++) {
        int k = 0;
        while (k < t->nsym && t->sym[k] != y->sym[i])
            k++;
        if (k == t->nsym)
            return false;
        t->nsym--;
        for (; k < t->nsym; k++)
            t->sym[k] = t->sym[k + 1];
    }
    return true;
}

/* A name that is solved divides as what it is. */
static const Dim *dim_div(Arena *a, const Dim *x, const Dim *y)
{
    x = dim_resolve(a, x);
    y = dim_resolve(a, y);
    if (y->nterm != 1)
        return NULL;
    Dim *d = dim_new(a, x->nterm);
    bool divides = true;
    for (int i = 0; i < x->nterm && divides; i++) {
        d->term[i] = x->term[i];
        divides = term_div(&d->term[i], &y->term[0]);
    }
    if (divides)
        return d;
    int64_t n = dim_value(x), by = dim_value(y);
    return n >= 0 && by > 0 && n % by == 0 ? dim_const(a, n / by) : NULL;
}

const Dim *dim_op(Arena *a, int op, const Dim *x, const Dim *y)
{
    if (op == '*')
        return dim_mul(a, x, y);
    if (op == '/')
        return dim_div(a, x, y);
    if (op != '+' && op != '-')
        return NULL;
    Dim *d = dim_new(a, x->nterm + y->nterm);
    d->nterm = 0;
    for (int i = 0; i < x->nterm; i++)
        dim_add_term(d, x->term[i]);
    for (int i = 0; i < y->nterm; i++) {
        Term t = y->term[i];
        t.coef = op == '-' ? -t.coef : t.coef;
        dim_add_term(d, t);
    }
    return d;
}

const Dim *dim_resolve(Arena *a, const Dim *d)
{
    bool any = false;
    for (int i = 0; i < d->nterm; i++)
        for (int k = 0; k < d->term[i].nsym; k++)
            any |= d->term[i].sym[k]->bound != NULL;
    if (!any)
        return d;
    const Dim *sum = dim_const(a, 0);
    for (int i = 0; i < d->nterm; i++) {
        const Dim *p = dim_const(a, d->term[i].coef);
        for (int k = 0; k < d->term[i].nsym && p; k++) {
            Sym *s = d->term[i].sym[k];
            p = dim_mul(a, p,
                        s->bound ? dim_resolve(a, s->bound) : dim_sym(a, s));
        }
        if (!p)
            return d;
        sum = dim_op(a, '+', sum, p);
    }
    return sum;
}

bool dim_mentions(const Dim *d, const Sym *s)
{
    for (int i = 0; i < d->nterm; i++)
        for (int k = 0; k < d->term[i].nsym; k++)
            if (d->term[i].sym[k] == s)
                return true;
    return false;
}

static int64_t dim_eval(const Dim *d, bool stand_in)
{
    int64_t sum = 0;
    for (int i = 0; i < d->nterm; i++) {
        int64_t p = d->term[i].coef;
        for (int k = 0; k < d->term[i].nsym; k++) {
            const Sym *s = d->term[i].sym[k];
            int64_t v = s->bound ? dim_eval(s->bound, stand_in) : s->value;
            if (v < 0 && !stand_in)
                return -1;
            p *= v < 0 ? s->stand_in : v;
        }
        sum += p;
    }
    return sum;
}

int64_t dim_value(const Dim *d)
{
    return dim_eval(d, false);
}

int64_t dim_number(const Dim *d)
{
    return dim_eval(d, true);
}

bool dim_is_const(const Dim *d)
{
    return !d->nterm || (d->nterm == 1 && !d->term[0].nsym);
}

Sym *dim_free(const Dim *d)
{
    if (d->nterm != 1 || d->term[0].nsym != 1 || d->term[0].coef != 1)
        return NULL;
    Sym *s = d->term[0].sym[0];
    return s->bound ? dim_free(s->bound) : s->value < 0 ? s : NULL;
}

static bool sym_open(const Sym *s)
{
    return s->local && !s->bound && s->value < 0;
}

const Dim *dim_solve(Arena *a, const Dim *d, const Dim *to, Sym **open)
{
    d = dim_resolve(a, d);
    *open = NULL;
    Dim *factor = dim_new(a, 1);
    for (int i = 0; i < d->nterm; i++)
        for (int k = 0; k < d->term[i].nsym; k++) {
            if (!sym_open(d->term[i].sym[k]))
                continue;
            if (*open)
                return NULL;
            *open = d->term[i].sym[k];
            factor->term[0] = d->term[i];
        }
    if (!*open)
        return NULL;
    Dim *rest = dim_new(a, d->nterm);
    rest->nterm = 0;
    for (int i = 0; i < d->nterm; i++)
        if (term_order(&d->term[i], &factor->term[0]))
            rest->term[rest->nterm++] = d->term[i];
    Term one = {1, 1, {*open}};
    term_div(&factor->term[0], &one);
    return dim_op(a, '/', dim_op(a, '-', dim_resolve(a, to), rest), factor);
}

bool dim_equal(Arena *a, const Dim *x, const Dim *y)
{
    x = dim_resolve(a, x);
    y = dim_resolve(a, y);
    if (x == y)
        return true;
    const Dim *diff = dim_op(a, '-', x, y);
    if (!diff->nterm)
        return true;
    /* A name with a value may meet a number, never another name. */
    if (!dim_is_const(x) && !dim_is_const(y) && x->nterm == 1 &&
        y->nterm == 1 && x->term[0].nsym == 1 && y->term[0].nsym == 1 &&
        x->term[0].coef == 1 && y->term[0].coef == 1)
        return false;
    return dim_value(x) >= 0 && dim_value(x) == dim_value(y);
}

const char *dim_text(Arena *a, const Dim *d)
{
    d = dim_resolve(a, d);
    if (!d->nterm)
        return "0";
    Buf b;
    buf_init(&b, a);
    for (int i = 0; i < d->nterm; i++) {
        const Term *t = &d->term[i];
        int64_t c = t->coef;
        if (i)
            buf_puts(&b, c < 0 ? " - " : " + ");
        else if (c < 0)
            buf_puts(&b, "-");
        c = c < 0 ? -c : c;
        if (c != 1 || !t->nsym)
            buf_printf(&b, "%lld%s", (long long)c, t->nsym ? "*" : "");
        for (int k = 0; k < t->nsym; k++)
            buf_printf(&b, "%s%s", k ? "*" : "", t->sym[k]->name);
    }
    return b.s;
}
