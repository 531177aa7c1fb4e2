/* Shared by the files that read text: lex.l (characters to tokens), token.c
 * (line ends and braces), parse.y (grammar), astbuild.c (tree), comment.c and
 * mistake.c (messages).  Nobody else includes it. */
#ifndef CELLC_SYNTAX_H
#define CELLC_SYNTAX_H

#include "ast.h"

/* Children in the making. */
typedef struct AstList {
    Ast *first, *last;
} AstList;

/* What the parser's tokens and rules carry. */
typedef union Value {
    Ast *node;
    AstList list;
    int op;
} Value;

typedef struct Token {
    int kind; /* as numbered by parse.y */
    Value value;
    Span span;
    bool joined; /* begins a line, but goes on with the statement before */
    bool block;  /* a brace around statements */
    bool stray;  /* closes what was not open */
} Token;

/* An open `{`. */
typedef struct Block {
    Span open;
    bool real; /* false: its header was not understood, its `}` is skipped */
} Block;

typedef struct Lexer {
    Arena *arena;
    Intern *names;
    Diags *diags;
    const Source *src;
    /* lex.l */
    void *scanner;    /* flex's state */
    uint32_t at;      /* offset behind the characters read so far */
    uint32_t operand; /* `at` if a value ended there: `.1` is then a member */
    VEC(Comment *) comments;
    /* token.c */
    int start;   /* token that selects what to parse; sent first */
    Token ahead; /* read already, if has_ahead */
    bool has_ahead;
    Token last;     /* given to the parser last */
    Token before;   /* given to it before that */
    Token head;     /* first of the statement */
    VEC(Span) open; /* the open ( and [ */
    VEC(Block) block;
    bool in_names;   /* inside W{i,f} */
    bool recovering; /* the parser skips to the end of the statement */
    bool replay;     /* the last token begins a statement after all */
    bool closing;    /* a `}` was put in; SEP follows */
    /* results */
    int mistakes;
    bool stop; /* too many of them */
    Ast *tree;
} Lexer;

/* lex.l: raw tokens, every line end among them, BAD for what is none. */
void lex_begin(Lexer *lx);
void lex_end(Lexer *lx);
int lex_raw(Value *value, Span *span, void *scanner);

/* token.c: what the parser calls. */
int yylex(Value *value, Span *span, Lexer *lx);
/* Whether a token that begins a line stands no further in than the statement
 * that may go on there: then it most likely begins one of its own. */
bool token_stands_out(const Lexer *lx, Token t);

/* mistake.c: `expected` are the grammar's names of n tokens. */
void mistake_syntax(Lexer *lx, const char *found, const char *const *expected,
                    int n);
void mistake_character(Lexer *lx, const Token *t);
void mistake_unclosed(Lexer *lx, Span open, Span until);
/* Bytes that are no text: says so once and gives true. */
bool mistake_in_bytes(Lexer *lx);
void mistake_depth(Lexer *lx, Span at);

/* comment.c: hangs the comments on the statements of the file. */
void comment_attach(Lexer *lx, Ast *file);

#endif
