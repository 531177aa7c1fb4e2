/* Parser, matcher and builder of the small expressions of ops.def and
 * rules.def; see template.h.  Used by simplify.c and vjp.c. */
#include "template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"

typedef struct Reader {
    Arena *arena;
    const char *all, *p; /* the whole text, the place in it */
} Reader;

static Tpl *tpl_cond(Reader *r);

static Tpl *tpl_op(Reader *r, Op op, Tpl *a, Tpl *b, Tpl *c)
{
    Tpl *t = NEW(r->arena, Tpl);
    t->var = -1;
    t->op = op;
    t->kid[0] = a;
    t->kid[1] = b;
    t->kid[2] = c;
    t->nkid = c ? 3 : b ? 2 : 1;
    return t;
}

static bool take(Reader *r, const char *s)
{
    while (*r->p == ' ')
        r->p++;
    size_t n = strlen(s);
    if (strncmp(r->p, s, n))
        return false;
    r->p += n;
    return true;
}

static void need(Reader *r, const char *s)
{
    if (!take(r, s))
        arena_panic(r->arena, "operator text: '%s' missing in \"%s\"", s,
                    r->all);
}

static Tpl *tpl_call(Reader *r)
{
    char name[32];
    size_t n = 0;
    while (isalnum((unsigned char)*r->p) && n + 1 < sizeof name)
        name[n++] = *r->p++;
    name[n] = '\0';
    if (*r->p != '(') {
        Tpl *t = NEW(r->arena, Tpl);
        t->var = name[0] - 'a';
        if (n != 1 || t->var < 0 || t->var >= TPL_VARS)
            arena_panic(r->arena, "operator text: name %s in \"%s\"", name,
                        r->all);
        return t;
    }
    Op op = op_find(name);
    if (op == OP_NONE)
        arena_panic(r->arena, "operator text: no operator %s in \"%s\"", name,
                    r->all);
    Tpl *kid[3] = {NULL, NULL, NULL};
    int k = 0;
    need(r, "(");
    do {
        if (k == 3)
            arena_panic(r->arena, "operator text: \"%s\"", r->all);
        kid[k++] = tpl_cond(r);
    } while (take(r, ","));
    need(r, ")");
    return tpl_op(r, op, kid[0], kid[1], kid[2]);
}

static Tpl *tpl_atom(Reader *r)
{
    if (take(r, "(")) {
        Tpl *t = tpl_cond(r);
        need(r, ")");
        return t;
    }
    if (take(r, "-")) {
        Tpl *x = tpl_atom(r);
        if (x->var >= 0 || x->op != OP_CONST)
            return tpl_op(r, OP_neg, x, NULL, NULL);
        x->num = -x->num;
        return x;
    }
    if (isdigit((unsigned char)*r->p) || *r->p == '.') {
        char *end;
        Tpl *t = NEW(r->arena, Tpl);
        t->var = -1;
        t->op = OP_CONST;
        t->num = strtod(r->p, &end);
        r->p = end;
        return t;
    }
    return tpl_call(r);
}

static Tpl *tpl_product(Reader *r)
{
    Tpl *t = tpl_atom(r);
    for (;;) {
        if (take(r, "*"))
            t = tpl_op(r, OP_mul, t, tpl_atom(r), NULL);
        else if (take(r, "/"))
            t = tpl_op(r, OP_div, t, tpl_atom(r), NULL);
        else
            return t;
    }
}

static Tpl *tpl_sum(Reader *r)
{
    Tpl *t = tpl_product(r);
    for (;;) {
        if (take(r, "+"))
            t = tpl_op(r, OP_add, t, tpl_product(r), NULL);
        else if (take(r, "-"))
            t = tpl_op(r, OP_sub, t, tpl_product(r), NULL);
        else
            return t;
    }
}

static Tpl *tpl_cond(Reader *r)
{
    Tpl *t = tpl_sum(r);
    if (take(r, "<"))
        t = tpl_op(r, OP_lt, t, tpl_sum(r), NULL);
    else if (take(r, ">"))
        t = tpl_op(r, OP_gt, t, tpl_sum(r), NULL);
    if (!take(r, "?"))
        return t;
    Tpl *yes = tpl_cond(r);
    need(r, ":");
    return tpl_op(r, OP_select, t, yes, tpl_cond(r));
}

Tpl *tpl_parse(Arena *a, const char *text)
{
    Reader r = {a, text, text};
    Tpl *t = tpl_cond(&r);
    take(&r, "");
    if (*r.p)
        arena_panic(a, "operator text: \"%s\" goes on after its end", text);
    return t;
}

bool tpl_match(const Graph *g, const Tpl *t, Ref r, Ref *var)
{
    if (t->var >= 0) {
        if (var[t->var])
            return var[t->var] == r;
        var[t->var] = r;
        return true;
    }
    const Node *n = NODE(g, r);
    if (n->op != t->op)
        return false;
    if (t->op == OP_CONST)
        return n->num == t->num;
    if (n->nin != t->nkid || n->a || n->b)
        return false;
    for (int i = 0; i < t->nkid; i++)
        if (!tpl_match(g, t->kid[i], IN(g, r, i), var))
            return false;
    return true;
}

Ref tpl_build(Graph *g, const Tpl *t, const Ref *var, Span span, TplAdd *add,
              void *ctx)
{
    if (t->var >= 0)
        return var[t->var];
    Ref in[3];
    for (int i = 0; i < t->nkid; i++)
        in[i] = tpl_build(g, t->kid[i], var, span, add, ctx);
    return add(ctx, g, t->op, t->nkid, in, t->num, span);
}
