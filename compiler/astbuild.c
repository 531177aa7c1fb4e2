/* Constructors of the tree, called by the actions of parse.y. */
#include "astbuild.h"

#include <string.h>

AstList list_none(void)
{
    AstList l = {NULL, NULL};

    return l;
}

AstList list_one(Ast *a)
{
    AstList l = {a, a};

    return l;
}

AstList list_add(AstList l, Ast *a)
{
    if (!a)
        return l;
    if (l.last)
        l.last->next = a;
    else
        l.first = a;
    l.last = a;
    return l;
}

static Ast *node(Lexer *lx, AstKind kind, Span at)
{
    Ast *a = NEW(lx->arena, Ast);

    a->kind = kind;
    a->span = a->name_span = at;
    return a;
}

/* Whether a line ends between two offsets of the file. */
static bool has_line_end(const Lexer *lx, uint32_t lo, uint32_t hi)
{
    const char *s = lx->src->text;

    return memchr(s + (lo - lx->src->base), '\n', hi - lo) != NULL;
}

void build_result(Lexer *lx, Ast *tree)
{
    lx->tree = tree;
}

Ast *build_file(Lexer *lx, AstList statements)
{
    Span all = {lx->src->base, lx->src->base + (uint32_t)lx->src->size};

    return build_list(lx, A_FILE, all, statements);
}

Ast *build_error(Lexer *lx, Span at)
{
    return node(lx, A_ERROR, at);
}

Ast *build_list(Lexer *lx, AstKind kind, Span at, AstList kids)
{
    Ast *a = node(lx, kind, at);

    a->kid = kids.first;
    return a;
}

Ast *build_1(Lexer *lx, AstKind kind, Span at, Ast *a)
{
    return build_list(lx, kind, at, list_one(a));
}

Ast *build_2(Lexer *lx, AstKind kind, Span at, Ast *a, Ast *b)
{
    return build_list(lx, kind, at, list_add(list_one(a), b));
}

Ast *build_3(Lexer *lx, AstKind kind, Span at, Ast *a, Ast *b, Ast *c)
{
    return build_list(lx, kind, at, list_add(list_add(list_one(a), b), c));
}

Ast *build_of(Lexer *lx, AstKind kind, Span at, const Ast *leaf)
{
    Ast *a = node(lx, kind, at);

    a->name = leaf->name;
    a->str = leaf->str;
    a->num = leaf->num;
    a->name_span = leaf->span;
    return a;
}

Ast *build_named(Lexer *lx, AstKind kind, Span at, const Ast *name, Ast *kid)
{
    Ast *a = build_of(lx, kind, at, name);

    a->kid = kid;
    return a;
}

Ast *build_unary(Lexer *lx, Span at, int op, Ast *a)
{
    Ast *u = build_1(lx, A_UNARY, at, a);

    u->op = op;
    return u;
}

Ast *build_op(Lexer *lx, Span at, int op, Ast *a, Ast *b)
{
    Ast *e = build_2(lx, A_BINARY, at, a, b);

    e->op = op;
    return e;
}

Ast *build_fn(Lexer *lx, Span at, const Ast *name, AstList params, Ast *e)
{
    return build_named(lx, A_FN, at, name, list_add(params, e).first);
}

Ast *build_extern(Lexer *lx, Span at, const Ast *name, AstList params,
                  Ast *symbol, Ast *header)
{
    AstList kids = list_add(list_add(params, symbol), header);

    return build_named(lx, A_EXTERN, at, name, kids.first);
}

Ast *build_deriv(Lexer *lx, Span at, const Ast *d, const Ast *dx, Ast *e)
{
    Ast *a = build_named(lx, A_DERIV, at, d, e);

    a->str = dx->name;
    a->name_span = span_join(d->span, dx->span);
    if (strcmp(d->name, "d") != 0 || dx->name[0] != 'd' || !dx->name[1]) {
        lx->mistakes++;
        diag(lx->diags, E_DERIVATIVE, a->name_span, d->name, dx->name);
        diag_help(lx->diags, "the derivative by the argument x: d/dx = ...");
    }
    return a;
}

Ast *build_cell(Lexer *lx, Span at, const Ast *name, AstList params,
                Span braces, AstList body)
{
    Ast *b = build_list(lx, A_BODY, braces, body);
    Ast *a = build_named(lx, A_CELL, at, name, list_add(params, b).first);

    a->broken = has_line_end(lx, at.lo, at.hi);
    return a;
}

Ast *build_block(Lexer *lx, AstKind kind, Span at, AstList sets)
{
    Ast *a = build_list(lx, kind, at, sets);

    a->broken = has_line_end(lx, at.lo, at.hi);
    return a;
}

Ast *build_decls(Lexer *lx, AstKind kind, Span at, AstList decls, int op,
                 Ast *init, Ast *with)
{
    Ast *i = init ? build_1(lx, A_INIT, init->span, init) : NULL;

    if (i)
        i->op = op;
    return build_list(lx, kind, at, list_add(list_add(decls, i), with));
}

Ast *build_noise(Lexer *lx, Span at, AstList decls, Ast *init, int once)
{
    Ast *a = build_decls(lx, A_NOISE, at, decls, '~', init, NULL);

    a->op = once;
    return a;
}

Ast *build_decl(Lexer *lx, Span at, const Ast *name, Ast *braces, Ast *dims,
                Ast *within)
{
    AstList kids =
        list_add(list_add(list_add(list_none(), braces), dims), within);

    return build_named(lx, A_DECL, at, name, kids.first);
}

Ast *build_in(Lexer *lx, Span at, Ast *e)
{
    bool pair = e->kind == A_TUPLE && ast_count(e) == 2;

    return build_1(lx, A_IN, at, pair ? e->kid : e);
}

Ast *build_axis(Lexer *lx, Span at, const Ast *name, int op, Ast *e)
{
    Ast *a = build_named(lx, A_AXIS, at, name, e);

    a->op = op;
    return a;
}

Ast *build_key(Lexer *lx, AstKind kind, Span at, const Ast *name, Ast *subs,
               Ast *e)
{
    AstList kids = list_add(list_add(list_none(), subs), e);

    return build_named(lx, kind, at, name, kids.first);
}

Ast *build_key_range(Lexer *lx, Span at, const Ast *name, Ast *from, Ast *to)
{
    Ast *range =
        build_2(lx, A_RANGE, span_join(from->span, to->span), from, to);

    return build_key(lx, A_KEY, at, name, NULL, range);
}

/* The member fwd.c as one dotted name. */
static void join_member(Lexer *lx, Ast *a)
{
    if (a->kind != A_MEMBER)
        return;
    join_member(lx, a->kid);
    if (a->kid->kind != A_NAME)
        return;
    a->kind = A_NAME;
    a->name = intern_str(
        lx->names, arena_printf(lx->arena, "%s.%s", a->kid->name, a->name));
    a->name_span = a->span;
    a->kid = NULL;
}

Ast *build_arg(Lexer *lx, Span at, Ast *left, Ast *e)
{
    Ast *base = left->kind == A_INDEX ? left->kid : left;

    join_member(lx, base);
    if (base->kind != A_NAME) {
        lx->mistakes++;
        diag(lx->diags, E_ARGUMENT, left->span);
        diag_help(lx->diags, "to compare, write ==");
        return e;
    }
    return build_key(lx, A_KEY, at, base, base->next, e);
}

Ast *build_call(Lexer *lx, Span at, Ast *callee, AstList args)
{
    callee->next = args.first;
    return build_1(lx, A_CALL, at, callee);
}

Ast *build_tuple(Lexer *lx, Span at, Ast *first, AstList rest)
{
    first->next = rest.first;
    return build_1(lx, A_TUPLE, at, first);
}

Ast *build_pipe(Lexer *lx, Span at, Ast *left, Ast *stage)
{
    Ast *a = build_2(lx, A_PIPE, at, left, stage);

    a->broken = has_line_end(lx, left->span.hi, stage->span.lo);
    return a;
}

typedef struct Level {
    Ast *node, *statement;
    int depth;
} Level;

void build_limit_depth(Lexer *lx, Ast *tree, int most)
{
    VEC(Level) todo = {NULL, 0, 0};
    Level top = {tree, tree, 0};

    vec_push(lx->arena, &todo, top);
    while (todo.n) {
        Level l = todo.v[--todo.n];
        bool holds = l.node->kind == A_FILE || l.node->kind == A_BODY;
        Ast *k;

        if (l.depth > most && l.statement->kind != A_ERROR) {
            mistake_depth(lx, l.node->span);
            l.statement->kind = A_ERROR;
            l.statement->kid = NULL;
        }
        for (k = l.statement->kind == A_ERROR ? NULL : l.node->kid; k;
             k = k->next) {
            Level kid = {k, holds ? k : l.statement, l.depth + 1};

            vec_push(lx->arena, &todo, kid);
        }
    }
}
