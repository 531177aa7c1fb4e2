/* Questions about trees: children, equality, and the dump for people who look
 * into the compiler.  Printing as source text is in fmt.c. */
#include "ast.h"

#include <string.h>

static const char *const kind_name[] = {
    "file",   "language", "use",    "option", "const",  "time",   "fn",
    "extern", "deriv",    "cell",   "input",  "state",  "param",  "noise",
    "output", "loss",     "metric", "train",  "data",   "eq",     "draw",
    "set",    "axis",     "arg",    "body",   "decl",   "braces", "in",
    "init",   "with",     "lhs",    "subs",   "num",    "str",    "name",
    "list",   "tuple",    "call",   "index",  "member", "key",    "range",
    "unary",  "binary",   "cond",   "pipe",   "error"};

Ast *ast_new(Arena *a, AstKind kind, const Ast *at, int op, Ast *kid)
{
    Ast *n = NEW(a, Ast);

    n->kind = kind;
    n->span = n->name_span = at->span;
    n->op = op;
    n->kid = kid;
    return n;
}

Ast *ast_name(Arena *a, const Ast *at, const char *name)
{
    Ast *n = ast_new(a, A_NAME, at, 0, NULL);

    n->name = name;
    return n;
}

int ast_count(const Ast *a)
{
    const Ast *k;
    int n = 0;

    for (k = a->kid; k; k = k->next)
        n++;
    return n;
}

Ast *ast_kid(const Ast *a, int i)
{
    Ast *k = a->kid;

    while (k && i-- > 0)
        k = k->next;
    return k;
}

Ast *ast_find(const Ast *a, AstKind kind)
{
    Ast *k = a->kid;

    while (k && k->kind != kind)
        k = k->next;
    return k;
}

Ast *ast_tail(const Ast *statement)
{
    const Ast *a = statement;
    Ast *last = NULL, *k;

    if (a->kind == A_NOISE && a->op) /* `once` follows the expression */
        return NULL;
    do {
        for (last = a->kid; last && last->next; last = k)
            k = last->next;
        a = last;
    } while (a && (a->kind == A_SET || a->kind == A_INIT));
    return last && last->kind == A_PIPE ? last : NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool ast_equal(const Ast *a, const Ast *b)
{
    const Ast *p, *q;

    if (a->kind != b->kind || a->op != b->op || a->num != b->num ||
        !same_text(a->name, b->name) || !same_text(a->str, b->str))
        return false;
    for (p = a->kid, q = b->kid; p && q; p = p->next, q = q->next)
        if (!ast_equal(p, q))
            return false;
    return !p && !q;
}

static void dump_op(Buf *out, int op)
{
    static const char *const names[] = {
        "<=", ">=", "==", "!=", "and", "or", "once", "shared", "until", "like"};

    if (op >= O_LE)
        buf_printf(out, " %s", names[op - O_LE]);
    else if (op)
        buf_printf(out, " %c", op);
}

static void dump(Buf *out, const Ast *a, int depth, uint32_t from)
{
    const Ast *k;

    buf_printf(out, "%*s%s", 2 * depth, "", kind_name[a->kind]);
    dump_op(out, a->op);
    if (a->name)
        buf_printf(out, " %s", a->name);
    if (a->str) {
        buf_puts(out, a->kind == A_NUM || a->kind == A_DERIV ? " " : " \"");
        buf_puts(out, a->str);
        buf_puts(out, a->kind == A_NUM || a->kind == A_DERIV ? "" : "\"");
    }
    buf_printf(out, " %u-%u\n", (unsigned)(a->span.lo - from),
               (unsigned)(a->span.hi - from));
    for (k = a->kid; k; k = k->next)
        dump(out, k, depth + 1, from);
}

void ast_dump(Buf *out, const Ast *a)
{
    dump(out, a, 0, a->kind == A_FILE ? a->span.lo : 0);
}
