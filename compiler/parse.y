/* The grammar.  Every action is one call into astbuild.c; restrictions of
 * meaning belong to check.c.  After a mistake the parser goes on at the next
 * statement, so independent mistakes are all reported. */
%code requires {
#include "syntax.h"
}
%code {
#include "astbuild.h"

/* The parser's stacks never grow: its depth is bounded by this. */
#define YYINITDEPTH 6000
#define YYMAXDEPTH 6000
#define YYLLOC_DEFAULT(cur, rhs, n)                                            \
    do {                                                                       \
        (cur).lo = (n) ? YYRHSLOC(rhs, 1).lo : YYRHSLOC(rhs, 0).hi;            \
        (cur).hi = YYRHSLOC(rhs, n).hi;                                        \
    } while (0)

static void yyerror(const Span *at, Lexer *lx, const char *text);
}
%define api.pure full
%define api.value.type {Value}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%define parse.lac.es-capacity-initial "6000"
%lex-param {Lexer *lx}
%parse-param {Lexer *lx}
%expect 0
%header

%token END 0 "the end of the file"
%token LINE BAD FILE_START EXPR_START
%token SEP "the end of the line"
%token <node> ID "a name" NUM "a number" STR "a string" DIGITS "a level"
%token LANGUAGE "language" USE "use" OPTION "option" CONST "const"
       TIME "time" UNTIL "until" LIKE "like" FN "fn" EXTERN "extern"
       FROM "from" CELL "cell" INPUT "input" PARAM "param" STATE "state"
       NOISE "noise" OUTPUT "output" LOSS "loss" METRIC "metric"
       TRAIN "train" DATA "data" ONCE "once" SHARED "shared" WITH "with"
       IN "in"
%token <op> OR "or" AND "and" NOT "not" PIPE "|>" LE "<=" GE ">=" EQ "=="
       NE "!=" '<' '>' '+' '-' '*' '/' '%' '@' '^'

%type <list> file body block sets consts axes decls outs withs vars params
       param_list names exprs args arg_list subs statements lines settings
%type <node> statement line setting set const axis decl out with var param
       expr cond or and not cmp sum product unary matmul tight power postfix
       atom arg sub index braces dims within init with_list left
%type <op> once compare

%%

start:
    FILE_START file             { build_result(lx, build_file(lx, $2)); }
  | EXPR_START expr             { build_result(lx, $2); }
  | EXPR_START expr SEP         { build_result(lx, $2); }
;

/* ---- statements, ended by SEP: a line end or ';' ---- */

file:
    statements
  | statements statement        { $$ = list_add($1, $2); }
  | statements error            { $$ = list_add($1, build_error(lx, @2)); }
;
statements:
    %empty                      { $$ = list_none(); }
  | statements SEP
  | statements statement SEP    { $$ = list_add($1, $2); }
  | statements error SEP        { $$ = list_add($1, build_error(lx, @2));
                                  yyerrok; }
;
body:
    lines
  | lines line                  { $$ = list_add($1, $2); }
  | lines error                 { $$ = list_add($1, build_error(lx, @2)); }
;
lines:
    %empty                      { $$ = list_none(); }
  | lines SEP
  | lines line SEP              { $$ = list_add($1, $2); }
  | lines error SEP             { $$ = list_add($1, build_error(lx, @2));
                                  yyerrok; }
;
block:
    settings
  | settings setting            { $$ = list_add($1, $2); }
  | settings error              { $$ = list_add($1, build_error(lx, @2)); }
;
settings:
    %empty                      { $$ = list_none(); }
  | settings SEP
  | settings setting SEP        { $$ = list_add($1, $2); }
  | settings error SEP          { $$ = list_add($1, build_error(lx, @2));
                                  yyerrok; }
;

statement:                      /* of a file only */
    line
  | LANGUAGE NUM                { $$ = build_of(lx, A_LANGUAGE, @$, $2); }
  | USE STR                     { $$ = build_of(lx, A_USE, @$, $2); }
  | EXTERN FN ID '(' params ')' '=' STR FROM STR
                                { $$ = build_extern(lx, @$, $3, $5, $8, $10); }
  | CELL ID '{' body '}'        { $$ = build_cell(lx, @$, $2, list_none(),
                                                  span_join(@3, @5), $4); }
  | CELL ID '(' params ')' '{' body '}'
                                { $$ = build_cell(lx, @$, $2, $4,
                                                  span_join(@6, @8), $7); }
  | TRAIN '{' block '}'         { $$ = build_block(lx, A_TRAIN, @$, $3); }
  | DATA '{' block '}'          { $$ = build_block(lx, A_DATA, @$, $3); }
;
line:                           /* of a file or a cell */
    OPTION sets                 { $$ = build_list(lx, A_OPTION, @$, $2); }
  | CONST consts                { $$ = build_list(lx, A_CONST, @$, $2); }
  | TIME axes                   { $$ = build_list(lx, A_TIME, @$, $2); }
  | FN ID '(' params ')' '=' expr
                                { $$ = build_fn(lx, @$, $2, $4, $7); }
  | ID '/' ID '=' expr          { $$ = build_deriv(lx, @$, $1, $3, $5); }
  | INPUT decls                 { $$ = build_list(lx, A_INPUT, @$, $2); }
  | STATE decls                 { $$ = build_list(lx, A_STATE, @$, $2); }
  | STATE decls '=' init        { $$ = build_decls(lx, A_STATE, @$, $2, '=',
                                                   $4, NULL); }
  | PARAM decls with_list       { $$ = build_decls(lx, A_PARAM, @$, $2, 0,
                                                   NULL, $3); }
  | PARAM decls '=' init with_list
                                { $$ = build_decls(lx, A_PARAM, @$, $2, '=',
                                                   $4, $5); }
  | PARAM decls '~' init with_list
                                { $$ = build_decls(lx, A_PARAM, @$, $2, '~',
                                                   $4, $5); }
  | NOISE decls '~' init once   { $$ = build_noise(lx, @$, $2, $4, $5); }
  | OUTPUT outs                 { $$ = build_list(lx, A_OUTPUT, @$, $2); }
  | LOSS expr                   { $$ = build_1(lx, A_LOSS, @$, $2); }
  | METRIC ID '=' expr          { $$ = build_named(lx, A_METRIC, @$, $2, $4); }
  | left '=' expr               { $$ = build_2(lx, A_EQ, @$, $1, $3); }
  | left '~' expr with_list     { $$ = build_3(lx, A_DRAW, @$, $1, $3,
                                                   $4); }
;

/* ---- parts of statements ---- */

left:
    vars                        { $$ = build_list(lx, A_LHS, @$, $1); }
;
vars:
    var                         { $$ = list_one($1); }
  | vars ',' var                { $$ = list_add($1, $3); }
;
var:
    ID
  | ID index                    { $$ = build_2(lx, A_INDEX, @$, $1, $2); }
;
setting:
    ID '=' expr                 { $$ = build_named(lx, A_SET, @$, $1, $3); }
;
sets:
    set                         { $$ = list_one($1); }
  | sets ',' set                { $$ = list_add($1, $3); }
;
set:
    ID '=' expr                 { $$ = build_named(lx, A_SET, @$, $1, $3); }
;
consts:
    const                       { $$ = list_one($1); }
  | consts ',' const            { $$ = list_add($1, $3); }
;
const:
    set
  | ID index '=' expr           { $$ = build_key(lx, A_SET, @$, $1, $2, $4); }
;
axes:
    axis                        { $$ = list_one($1); }
  | axes ',' axis               { $$ = list_add($1, $3); }
;
axis:
    ID                          { $$ = build_axis(lx, @$, $1, 0, NULL); }
  | ID '=' expr                 { $$ = build_axis(lx, @$, $1, '=', $3); }
  | ID UNTIL expr               { $$ = build_axis(lx, @$, $1, K_UNTIL, $3); }
  | ID LIKE ID                  { $$ = build_axis(lx, @$, $1, K_LIKE, $3); }
;
params:
    %empty                      { $$ = list_none(); }
  | param_list
;
param_list:
    param                       { $$ = list_one($1); }
  | param_list ',' param        { $$ = list_add($1, $3); }
;
param:
    ID                          { $$ = build_named(lx, A_ARG, @$, $1, NULL); }
  | ID '=' expr                 { $$ = build_named(lx, A_ARG, @$, $1, $3); }
;
decls:
    decl                        { $$ = list_one($1); }
  | decls ',' decl              { $$ = list_add($1, $3); }
;
decl:
    ID braces dims within       { $$ = build_decl(lx, @$, $1, $2, $3, $4); }
;
braces:
    %empty                      { $$ = NULL; }
  | '{' names '}'               { $$ = build_list(lx, A_BRACES, @$, $2); }
;
names:
    ID                          { $$ = list_one($1); }
  | names ',' ID                { $$ = list_add($1, $3); }
;
dims:
    %empty                      { $$ = NULL; }
  | index
;
within:
    %empty                      { $$ = NULL; }
  | IN expr                     { $$ = build_in(lx, @$, $2); }
;
init:
    expr
;
with_list:
    %empty                      { $$ = NULL; }
  | WITH withs                  { $$ = build_list(lx, A_WITH, @$, $2); }
;
withs:
    with                        { $$ = list_one($1); }
  | withs ',' with              { $$ = list_add($1, $3); }
;
with:
    ID                          { $$ = build_named(lx, A_SET, @$, $1, NULL); }
  | set
;
once:
    %empty                      { $$ = 0; }
  | ONCE                        { $$ = K_ONCE; }
  | SHARED                      { $$ = K_SHARED; }
;
outs:
    out                         { $$ = list_one($1); }
  | outs ',' out                { $$ = list_add($1, $3); }
;
out:
    expr                        { $$ = build_1(lx, A_SET, @$, $1); }
  | set
;

/* ---- expressions, loosest first ---- */

expr:
    cond
  | expr PIPE cond              { $$ = build_pipe(lx, @$, $1, $3); }
;
cond:
    or
  | or '?' expr ':' cond        { $$ = build_3(lx, A_COND, @$, $1, $3, $5); }
;
or:
    and
  | or OR and                   { $$ = build_op(lx, @$, O_OR, $1, $3); }
;
and:
    not
  | and AND not                 { $$ = build_op(lx, @$, O_AND, $1, $3); }
;
not:
    cmp
  | NOT not                     { $$ = build_unary(lx, @$, '!', $2); }
;
cmp:
    sum
  | sum compare sum             { $$ = build_op(lx, @$, $2, $1, $3); }
;
compare:
    '<' | '>' | LE | GE | EQ | NE
;
sum:
    product
  | sum '+' product             { $$ = build_op(lx, @$, '+', $1, $3); }
  | sum '-' product             { $$ = build_op(lx, @$, '-', $1, $3); }
;
product:
    unary
  | product '*' unary           { $$ = build_op(lx, @$, '*', $1, $3); }
  | product '/' unary           { $$ = build_op(lx, @$, '/', $1, $3); }
  | product '%' unary           { $$ = build_op(lx, @$, '%', $1, $3); }
;
unary:
    matmul
  | '-' unary                   { $$ = build_unary(lx, @$, '-', $2); }
;
matmul:
    power
  | matmul '@' tight            { $$ = build_op(lx, @$, '@', $1, $3); }
;
tight:
    power
  | '-' tight                   { $$ = build_unary(lx, @$, '-', $2); }
;
power:
    postfix
  | postfix '^' tight           { $$ = build_op(lx, @$, '^', $1, $3); }
;
postfix:
    atom
  | postfix '(' args ')'        { $$ = build_call(lx, @$, $1, $3); }
  | postfix index               { $$ = build_2(lx, A_INDEX, @$, $1, $2); }
  | postfix '.' ID              { $$ = build_named(lx, A_MEMBER, @$, $3, $1); }
  | postfix '.' DIGITS          { $$ = build_named(lx, A_MEMBER, @$, $3, $1); }
  | postfix '\''                { $$ = build_unary(lx, @$, '\'', $1); }
;
atom:
    NUM
  | STR
  | ID
  | '(' expr ')'                { $$ = $2; }
  | '(' expr ',' exprs ')'      { $$ = build_tuple(lx, @$, $2, $4); }
  | '[' exprs ']'               { $$ = build_list(lx, A_LIST, @$, $2); }
;
exprs:
    expr                        { $$ = list_one($1); }
  | exprs ',' expr              { $$ = list_add($1, $3); }
;
args:
    %empty                      { $$ = list_none(); }
  | arg_list
;
arg_list:
    arg                         { $$ = list_one($1); }
  | arg_list ',' arg            { $$ = list_add($1, $3); }
;
arg:
    expr
  | expr '=' expr               { $$ = build_arg(lx, @$, $1, $3); }
  | expr ':' expr               { $$ = build_2(lx, A_RANGE, @$, $1, $3); }
;
index:
    '[' subs ']'                { $$ = build_list(lx, A_SUBS, @$, $2); }
;
subs:
    sub                         { $$ = list_one($1); }
  | subs ',' sub                { $$ = list_add($1, $3); }
;
sub:
    expr
  | expr ':' expr               { $$ = build_2(lx, A_RANGE, @$, $1, $3); }
  | ID '=' expr                 { $$ = build_key(lx, A_KEY, @$, $1, NULL, $3); }
  | ID '=' expr ':' expr        { $$ = build_key_range(lx, @$, $1, $3, $5); }
;

%%

static int yyreport_syntax_error(const yypcontext_t *context, Lexer *lx)
{
    yysymbol_kind_t kind[YYNTOKENS];
    const char *name[YYNTOKENS];
    yysymbol_kind_t found = yypcontext_token(context);
    int i, n = yypcontext_expected_tokens(context, kind, YYNTOKENS);

    for (i = 0; i < n; i++)
        name[i] = yysymbol_name(kind[i]);
    mistake_syntax(lx, yysymbol_name(found), name, n);
    return 0;
}

static void yyerror(const Span *at, Lexer *lx, const char *text)
{
    (void)text;
    mistake_depth(lx, *at);
}

/* Trees deeper than this would overflow the stack of who walks them. */
enum { DEEPEST = 1000 };

static Ast *parse(Lexer *lx, int start)
{
    lx->start = start;
    lex_begin(lx);
    if (yyparse(lx) != 0)
        lx->tree = NULL;
    lex_end(lx);
    if (lx->tree)
        build_limit_depth(lx, lx->tree, DEEPEST);
    return lx->tree;
}

static Lexer lexer(Arena *a, Intern *in, Diags *d, const Source *src)
{
    Lexer lx = {0};

    lx.arena = a;
    lx.names = in;
    lx.diags = d;
    lx.src = src;
    return lx;
}

Ast *parse_file(Arena *a, Intern *in, Diags *d, const Source *src)
{
    Lexer lx = lexer(a, in, d, src);
    Ast *file = mistake_in_bytes(&lx) ? NULL : parse(&lx, FILE_START);

    if (!file)
        return build_file(&lx, list_none());
    comment_attach(&lx, file);
    return file;
}

Ast *parse_expr(Arena *a, Intern *in, Diags *d, const Source *src)
{
    Lexer lx = lexer(a, in, d, src);
    Ast *e = mistake_in_bytes(&lx) ? NULL : parse(&lx, EXPR_START);

    return lx.mistakes ? NULL : e;
}
