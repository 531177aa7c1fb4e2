/* The tree of one file, as the user wrote it: made by parse.y, printed back
 * by ast_print() (which is the formatter), read by check.c.  One struct for
 * everything; children are a list, in the order given beside each kind. */
#ifndef CELLC_AST_H
#define CELLC_AST_H

#include "diag.h"

typedef enum AstKind {
    /* statements */
    A_FILE,     /* statements */
    A_LANGUAGE, /* num */
    A_USE,      /* str */
    A_OPTION,   /* A_SET... */
    A_CONST,    /* A_SET...; a set may have A_SUBS as its first child */
    A_TIME,     /* A_AXIS... */
    A_FN,       /* name; A_ARG..., body */
    A_EXTERN,   /* name; A_ARG..., A_STR C name, A_STR header */
    A_DERIV,    /* name is "d", str the other id ("dx"); expression */
    A_CELL,     /* name; A_ARG..., A_BODY */
    A_INPUT,    /* A_DECL... */
    A_STATE,    /* A_DECL..., [A_INIT e] */
    A_PARAM,    /* A_DECL..., [A_INIT e], [A_WITH] */
    A_NOISE,    /* A_DECL..., A_INIT e; op: 0, K_ONCE, K_SHARED */
    A_OUTPUT,   /* A_SET name = e (name may be NULL) ... */
    A_LOSS,     /* e */
    A_METRIC,   /* name; e */
    A_TRAIN,    /* A_SET... */
    A_DATA,     /* A_SET... */
    A_EQ,       /* A_LHS, e             v, ... = e */
    A_DRAW,     /* A_LHS, e             v, ... ~ e */
    /* parts of statements */
    A_SET,    /* name; [A_SUBS], [e]   name = e; without e in `with frozen` */
    A_AXIS,   /* name; [e]; op: 0, '=', K_UNTIL, K_LIKE (then e is A_NAME) */
    A_ARG,    /* name; [default e] */
    A_BODY,   /* statements */
    A_DECL,   /* name; [A_BRACES], [A_SUBS dims], [A_IN] */
    A_BRACES, /* A_NAME...           W{i,f,o} */
    A_IN,     /* one e (set or e), or two e: (a, b) */
    A_INIT,   /* e; op: '=' or '~' */
    A_WITH,   /* A_SET... */
    A_LHS,    /* A_NAME or A_INDEX ... */
    A_SUBS,   /* e, A_RANGE or A_KEY ... */
    /* expressions */
    A_NUM,    /* num; str is the text as written */
    A_STR,    /* str, unescaped */
    A_NAME,   /* name */
    A_LIST,   /* e...                [a, b] concatenation */
    A_TUPLE,  /* e, e...             (a, b) as in tbptt = (5, 10) */
    A_CALL,   /* callee, args: e or A_KEY */
    A_INDEX,  /* e, A_SUBS */
    A_MEMBER, /* e; name (an identifier or digits) */
    A_KEY,    /* name; [A_SUBS], e   in arguments: h[0] = e, h[t-1] = e;
                 in subscripts: k = a:b */
    A_RANGE,  /* e, e                a:b */
    A_UNARY,  /* op; e               '-', '!' (not), '\'' (transpose) */
    A_BINARY, /* op; e, e            + - * / % @ ^ < > and O_LE.. below */
    A_COND,   /* e, e, e             c ? a : b */
    A_PIPE,   /* e, e                a |> f */
    A_ERROR   /* what recovery left; only in files with errors */
} AstKind;

/* Operators of more than one character, and marks of statements. */
enum {
    O_LE = 256,
    O_GE,
    O_EQ,
    O_NE,
    O_AND,
    O_OR,
    K_ONCE,
    K_SHARED,
    K_UNTIL,
    K_LIKE
};

/* Where a comment stands. */
typedef enum CommentPlace {
    C_LINE, /* on a line of its own: in front of a statement, or the last in
               braces or file */
    C_HEAD, /* behind the { of its statement */
    C_END   /* at the end of its statement's last line */
} CommentPlace;

typedef struct Comment Comment;
struct Comment {
    const char *text; /* with its # or ##, without the newline */
    Comment *next;    /* in the order of the text */
    Span span;
    int blank; /* 1: a blank line stood before it */
    CommentPlace place;
};

typedef struct Ast Ast;
struct Ast {
    AstKind kind;
    int op;           /* see the kinds above */
    Span span;        /* the whole construct */
    Span name_span;   /* the name alone, for carets */
    const char *name; /* interned (NFC, aliases kept as written) */
    const char *str;  /* text of strings and numbers */
    double num;       /* A_NUM, A_LANGUAGE */
    Ast *kid;         /* first child */
    Ast *next;        /* next sibling */
    Comment *before;  /* statements: whole-line comments in front of it */
    Comment *after;   /* statements: the comment at its end of line; bodies,
                         files, train, data: those after the last statement */
    const char *doc;  /* text of the ## comments that belong to it, or NULL */
    int blank;        /* statements: 1 if a blank line stood before it */
    int broken;       /* cells, train, data: 1 if written over several lines;
                         pipes: 1 if a line ended before the |> */
};

/* Parses one source into an A_FILE; errors go to `d`, the tree then holds
 * what could be read.  Never NULL. */
Ast *parse_file(Arena *a, Intern *in, Diags *d, const Source *src);
/* Parses a single expression (operator rows, rewrite rules, flags such as
 * --clip 'norm(1)'); NULL after an error. */
Ast *parse_expr(Arena *a, Intern *in, Diags *d, const Source *src);

/* The canonical layout: parse(print(tree)) == tree, comments kept. */
void ast_print(Buf *out, const Ast *file);
void ast_print_expr(Buf *out, const Ast *e);
/* Kinds, names and spans, indented: `show --stage ast`.  Spans are relative to
 * the file if `a` is one. */
void ast_dump(Buf *out, const Ast *a);
bool ast_equal(const Ast *a, const Ast *b);
int ast_count(const Ast *a);            /* number of children */
Ast *ast_kid(const Ast *a, int i);      /* i-th child or NULL */
Ast *ast_find(const Ast *a, AstKind k); /* first child of that kind or NULL */
/* New nodes that stand where `at` does. */
Ast *ast_new(Arena *a, AstKind kind, const Ast *at, int op, Ast *kid);
Ast *ast_name(Arena *a, const Ast *at, const char *name);
/* The |> chain that a statement ends with, or NULL. */
Ast *ast_tail(const Ast *statement);

#endif
