/* Models that check one cell each; see probe.h.  Called by cellc.c when a
 * file has no model of its own. */
#include "probe.h"

#include <string.h>

typedef enum Role { ROLE_NUMBER, ROLE_SIZE, ROLE_CALLED } Role;

/* How a cell uses one of its arguments. */
static Role argument_role(const Ast *a, const char *name, bool in_size)
{
    Role role = in_size && a->kind == A_NAME && !strcmp(a->name, name)
                    ? ROLE_SIZE
                    : ROLE_NUMBER;
    for (const Ast *k = a->kid; k; k = k->next) {
        bool callee = a->kind == A_CALL   ? k == a->kid
                      : a->kind == A_PIPE ? k != a->kid
                                          : false;
        bool called = callee && k->kind == A_NAME && !strcmp(k->name, name);
        bool size = in_size || ((a->kind == A_DECL || a->kind == A_SET) &&
                                k->kind == A_SUBS);
        /* lstm(n): the argument of another cell is most likely a size */
        if (a->kind == A_CALL && a->kid && a->kid->kind == A_NAME &&
            k != a->kid)
            size = true;
        Role r = called ? ROLE_CALLED : argument_role(k, name, size);
        role = r > role ? r : role;
    }
    return role;
}

/* Whether the cell's body declares a time axis of that name. */
static bool is_own_axis(const Ast *body, const Ast *k)
{
    for (const Ast *s = body->kid; s; s = s->next)
        for (const Ast *x = s->kind == A_TIME ? s->kid : NULL; x; x = x->next)
            if (k->kind == A_NAME && !strcmp(x->name, k->name))
                return true;
    return false;
}

static void axes_line(Buf *b, const Ast *body)
{
    int n = 0;
    for (const Ast *s = body->kid; s; s = s->next)
        for (const Ast *x = s->kind == A_TIME ? s->kid : NULL; x; x = x->next)
            buf_printf(b, "%s%s", n++ ? ", " : "time t, ", x->name);
    buf_puts(b, n ? "\n" : "");
}

static void input_line(Buf *b, const Ast *body, const Ast *d,
                       const char *prefix)
{
    const Ast *subs = ast_find(d, A_SUBS), *in = ast_find(d, A_IN);
    const Ast *braces = ast_find(d, A_BRACES);
    const Ast *tail = braces ? braces->kid : d;
    if (*d->name == '.') /* further inputs: none */
        return;
    for (; tail; tail = braces ? tail->next : NULL) {
        bool own = subs && is_own_axis(body, subs->kid);
        buf_printf(b, "input %s%s%s[%s", prefix, d->name,
                   braces ? tail->name : "", own ? "" : "t");
        for (const Ast *k = subs ? subs->kid : NULL; k; k = k->next) {
            buf_puts(b, own && k == subs->kid ? "" : ", ");
            if (k->kind == A_NAME && *k->name == '.')
                buf_puts(b, "probe_shape"); /* any shape: a vector */
            else
                ast_print_expr(b, k);
        }
        buf_puts(b, "]");
        if (in) {
            buf_puts(b, " in ");
            ast_print_expr(b, in->kid);
        }
        buf_puts(b, "\n");
    }
}

static void arguments(Buf *b, const Ast *cell, const Ast *body, bool *can)
{
    int n = 0;
    for (const Ast *p = cell->kid; p && p->kind == A_ARG; p = p->next) {
        Role role = argument_role(body, p->name, false);
        if (p->kid)
            continue;
        *can &= role != ROLE_CALLED;
        buf_printf(b, "%s%s = %s", n++ ? ", " : "", p->name,
                   role == ROLE_SIZE ? p->name : "0.5");
    }
}

/* Names in the size of an input, which must be known in the small model: an
 * argument with a default has that, a part of a size is a dim. */
static void names_in_size(Buf *b, const Ast *cell, const Ast *a, bool part)
{
    for (const Ast *k = a->kid; k; k = k->next)
        names_in_size(b, cell, k, true);
    if (a->kind != A_NAME || *a->name == '.')
        return;
    for (const Ast *p = cell->kid; p && p->kind == A_ARG; p = p->next) {
        if (strcmp(p->name, a->name))
            continue;
        if (p->kid) {
            buf_printf(b, "const %s = ", a->name);
            ast_print_expr(b, p->kid);
            buf_puts(b, "\n");
        }
        return;
    }
    if (part)
        buf_printf(b, "input probe_size_%s[t, %s]\n", a->name, a->name);
}

/* Sizes that are arguments must be dims of the small model. */
static void sizes(Buf *b, const Ast *cell, const Ast *body)
{
    for (const Ast *p = cell->kid; p && p->kind == A_ARG; p = p->next)
        if (!p->kid && argument_role(body, p->name, false) == ROLE_SIZE)
            buf_printf(b, "input probe_size_%s[t, %s]\n", p->name, p->name);
    for (const Ast *s = body->kid; s; s = s->next)
        for (const Ast *d = s->kind == A_INPUT ? s->kid : NULL; d;
             d = d->next) {
            const Ast *subs = ast_find(d, A_SUBS);
            for (const Ast *k = subs ? subs->kid : NULL; k; k = k->next)
                names_in_size(b, cell, k, false);
        }
}

/* The name of the first output, or y. */
static const char *value_name(const Ast *body)
{
    const Ast *out = ast_find(body, A_OUTPUT);
    const Ast *set = out ? out->kid : NULL;
    if (set && set->name)
        return set->name;
    return set && set->kid->kind == A_NAME ? set->kid->name : "y";
}

const char *probe_text(Arena *a, const Ast *cell, const char *prefix)
{
    Buf b;
    const Ast *body = ast_find(cell, A_BODY);
    bool can = true;
    buf_init(&b, a);
    axes_line(&b, body);
    sizes(&b, cell, body);
    for (const Ast *s = body->kid; s; s = s->next)
        for (const Ast *d = s->kind == A_INPUT ? s->kid : NULL; d; d = d->next)
            input_line(&b, body, d, prefix);
    buf_printf(&b, "%s%s = %s(", prefix, value_name(body), cell->name);
    arguments(&b, cell, body, &can);
    buf_puts(&b, ")(");
    int n = 0;
    for (const Ast *s = body->kid; s; s = s->next)
        for (const Ast *d = s->kind == A_INPUT ? s->kid : NULL; d;
             d = d->next) {
            if (*d->name == '.')
                continue;
            const Ast *braces = ast_find(d, A_BRACES);
            const Ast *tail = braces ? braces->kid : d;
            for (; tail; tail = braces ? tail->next : NULL)
                buf_printf(&b, "%s%s%s%s", n++ ? ", " : "", prefix, d->name,
                           braces ? tail->name : "");
        }
    buf_puts(&b, ")\n");
    return can ? b.s : NULL;
}
