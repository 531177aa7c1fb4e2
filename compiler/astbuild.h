/* Constructors of the tree, one per kind of action in parse.y.  `at` is the
 * span of the whole construct; absent parts are NULL. */
#ifndef CELLC_ASTBUILD_H
#define CELLC_ASTBUILD_H

#include "syntax.h"

AstList list_none(void);
AstList list_one(Ast *a);
AstList list_add(AstList l, Ast *a);

Ast *build_file(Lexer *lx, AstList statements);
void build_result(Lexer *lx, Ast *tree);
Ast *build_error(Lexer *lx, Span at);
/* Reports statements that are deeper than `most` and empties them. */
void build_limit_depth(Lexer *lx, Ast *tree, int most);
/* Plain nodes with 0 to 3 children, or with a list of them. */
Ast *build_list(Lexer *lx, AstKind kind, Span at, AstList kids);
Ast *build_1(Lexer *lx, AstKind kind, Span at, Ast *a);
Ast *build_2(Lexer *lx, AstKind kind, Span at, Ast *a, Ast *b);
Ast *build_3(Lexer *lx, AstKind kind, Span at, Ast *a, Ast *b, Ast *c);
/* Takes name, text and number over from the leaf. */
Ast *build_of(Lexer *lx, AstKind kind, Span at, const Ast *leaf);
/* Named by `name`, with at most one child. */
Ast *build_named(Lexer *lx, AstKind kind, Span at, const Ast *name, Ast *kid);
Ast *build_unary(Lexer *lx, Span at, int op, Ast *a);
Ast *build_op(Lexer *lx, Span at, int op, Ast *a, Ast *b);

Ast *build_fn(Lexer *lx, Span at, const Ast *name, AstList params, Ast *e);
Ast *build_extern(Lexer *lx, Span at, const Ast *name, AstList params,
                  Ast *symbol, Ast *header);
Ast *build_deriv(Lexer *lx, Span at, const Ast *d, const Ast *dx, Ast *e);
Ast *build_cell(Lexer *lx, Span at, const Ast *name, AstList params,
                Span braces, AstList body);
Ast *build_block(Lexer *lx, AstKind kind, Span at, AstList sets);
Ast *build_decls(Lexer *lx, AstKind kind, Span at, AstList decls, int op,
                 Ast *init, Ast *with);
Ast *build_noise(Lexer *lx, Span at, AstList decls, Ast *init, int once);
Ast *build_decl(Lexer *lx, Span at, const Ast *name, Ast *braces, Ast *dims,
                Ast *within);
Ast *build_in(Lexer *lx, Span at, Ast *e);
Ast *build_axis(Lexer *lx, Span at, const Ast *name, int op, Ast *e);
Ast *build_key(Lexer *lx, AstKind kind, Span at, const Ast *name, Ast *subs,
               Ast *e);
Ast *build_key_range(Lexer *lx, Span at, const Ast *name, Ast *from, Ast *to);
/* `left = e` in arguments: left must be a name, or one with subscripts. */
Ast *build_arg(Lexer *lx, Span at, Ast *left, Ast *e);
Ast *build_call(Lexer *lx, Span at, Ast *callee, AstList args);
Ast *build_tuple(Lexer *lx, Span at, Ast *first, AstList rest);
Ast *build_pipe(Lexer *lx, Span at, Ast *left, Ast *stage);

#endif
