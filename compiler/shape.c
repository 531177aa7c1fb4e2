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

/* A name that is solved divides as what it is. */
static const Dim *dim_div(Arena *a, const Dim *x, const Dim *y)
{
    x = dim_resolve(a, x);
    if (y->nterm != 1 || y->term[0].nsym)
        return NULL;
    Dim *d = dim_new(a, x->nterm);
    for (int i = 0; i < x->nterm; i++) {
        d->term[i] = x->term[i];
        if (d->term[i].coef % y->term[0].coef)
            return dim_value(x) >= 0 && dim_value(x) % y->term[0].coef == 0
                       ? dim_const(a, dim_value(x) / y->term[0].coef)
                       : NULL;
        d->term[i].coef /= y->term[0].coef;
    }
    return d;
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
