/* Tokens as the parser sees them: says which line ends end a statement, keeps
 * account of brackets and braces, and closes braces that were forgotten, so
 * that a mistake stays in its own statement and its own cell. */
#include "parse.tab.h"

#include <string.h>

static Token read_token(Lexer *lx)
{
    Token t = {0};

    if (lx->has_ahead) {
        lx->has_ahead = false;
        return lx->ahead;
    }
    t.kind = lex_raw(&t.value, &t.span, lx->scanner);
    if (t.kind == END)
        t.span.lo = t.span.hi = lx->src->base + (uint32_t)lx->src->size;
    return t;
}

static void push_back(Lexer *lx, Token t)
{
    lx->ahead = t;
    lx->has_ahead = true;
}

/* Tokens after which a statement cannot be over. */
static bool goes_on(int kind)
{
    switch (kind) {
    case '=':
    case '~':
    case ',':
    case '?':
    case ':':
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '@':
    case '^':
    case '<':
    case '>':
    case LE:
    case GE:
    case EQ:
    case NE:
    case AND:
    case OR:
    case NOT:
    case PIPE:
        return true;
    }
    return false;
}

/* White space in front of the line that holds offset `at`, in bytes. */
static int indent(const Lexer *lx, uint32_t at)
{
    const char *s = lx->src->text + (at - lx->src->base), *p;

    while (s > lx->src->text && s[-1] != '\n')
        s--;
    for (p = s; *p == ' ' || *p == '\t'; p++)
        ;
    return (int)(p - s);
}

bool token_stands_out(const Lexer *lx, Token t)
{
    return t.kind == END ||
           indent(lx, t.span.lo) <= indent(lx, lx->head.span.lo);
}

static Token make(int kind, Span at)
{
    Token t = {0};

    t.kind = kind;
    t.span = at;
    return t;
}

/* The end of a statement, shown just behind what was read last. */
static Token separator(const Lexer *lx)
{
    Span at = {lx->last.span.hi, lx->last.span.hi};

    return make(SEP, at);
}

static bool opens_block(int kind)
{
    return kind == CELL || kind == TRAIN || kind == DATA;
}

/* What a line end is: SEP, or nothing, and then the next token. */
static Token at_line_end(Lexer *lx)
{
    Token t;
    int head = lx->head.kind;

    do
        t = read_token(lx);
    while (t.kind == LINE);
    if (!head)
        return t;
    t.joined = true;
    if (t.kind == PIPE || (t.kind == '{' && opens_block(head)))
        return t;
    if ((lx->open.n || goes_on(lx->last.kind)) &&
        !(lx->recovering && token_stands_out(lx, t)))
        return t;
    t.joined = false;
    push_back(lx, t);
    return separator(lx);
}

/* A cell never stands inside another one: where one begins as far out as the
 * open one did, and at the end of the file, a `}` is missing. */
static bool lacks_brace(const Lexer *lx, Token t)
{
    Span open;

    if (!lx->block.n)
        return false;
    open = lx->block.v[lx->block.n - 1].open;
    return t.kind == END || (t.kind == CELL && !lx->head.kind &&
                             indent(lx, t.span.lo) <= indent(lx, open.lo));
}

/* Closes the innermost block before token t, which is read again. */
static Token close_block(Lexer *lx, Token t)
{
    Block b = lx->block.v[--lx->block.n];
    Token brace = separator(lx);

    push_back(lx, t);
    if (!b.real)
        return brace;
    if (!lx->open.n)
        mistake_unclosed(lx, b.open, t.span);
    lx->closing = true;
    brace.kind = '}';
    brace.block = true;
    return brace;
}

/* An opening brace: of names, of a block, or of something not understood,
 * whose statements are then read as if the braces were not there. */
static void open_brace(Lexer *lx, Token *t)
{
    int head = lx->head.kind;
    Block b = {t->span, opens_block(head) && !lx->recovering};

    if (head == INPUT || head == STATE || head == PARAM || head == NOISE) {
        lx->in_names = true;
        return;
    }
    vec_push(lx->arena, &lx->block, b);
    t->block = true;
    if (lx->recovering)
        t->kind = SEP;
}

/* Whether what follows a word cannot follow it at the head of a statement. */
static bool goes_on_as_name(int word, const char *after)
{
    const char *next = after + strspn(after, " \t");
    return *after == '[' || (*next && strchr("=+*/%^@<>?:,)", *next)) ||
           (*next == '-' && word != OUTPUT);
}

/* Inside brackets `state`, `output` and `param` are names, so that they can be
 * said of an applied cell: f(x, state[t-1] = e).  At the head of a line they
 * may be a statement, and the bracket was forgotten. */
static void word_as_name(Lexer *lx, Token *t)
{
    const char *s = lx->src->text + (t->span.lo - lx->src->base);
    size_t n = t->span.hi - t->span.lo;
    bool word = t->kind == STATE || t->kind == OUTPUT || t->kind == PARAM;
    if (!word || !lx->open.n || (t->joined && !goes_on_as_name(t->kind, s + n)))
        return;
    t->kind = ID;
    t->value.node = NEW(lx->arena, Ast);
    t->value.node->kind = A_NAME;
    t->value.node->span = t->value.node->name_span = t->span;
    t->value.node->name = intern(lx->names, s, n);
    lx->operand = t->span.hi;
}

/* Account of brackets; false if the token is not for the parser. */
static bool count_brackets(Lexer *lx, Token *t)
{
    switch (t->kind) {
    case '(':
    case '[':
        vec_push(lx->arena, &lx->open, t->span);
        break;
    case ')':
    case ']':
        t->stray = lx->open.n == 0;
        lx->open.n -= lx->open.n > 0;
        break;
    case '{':
        open_brace(lx, t);
        break;
    case '}':
        if (lx->in_names)
            lx->in_names = false;
        else if (t->block)
            break;
        else if (lx->block.n) {
            t->block = true;
            return lx->block.v[--lx->block.n].real;
        } else
            t->stray = true;
        break;
    }
    return true;
}

/* Keeps what later decisions need: last token, first one of the statement. */
static int deliver(Lexer *lx, Token t, Value *value, Span *span)
{
    if (t.kind == BAD) {
        if (!lx->recovering)
            mistake_character(lx, &t);
        lx->recovering = true;
        t.kind = YYerror;
    }
    if (t.kind == SEP || t.block)
        lx->recovering = lx->in_names = false;
    if (!lx->head.kind || (t.block && t.kind == '}'))
        lx->head = t;
    lx->before = lx->last;
    lx->last = t;
    *value = t.value;
    *span = t.span;
    return t.kind;
}

static Token next_token(Lexer *lx)
{
    Token t;

    if (lx->start) {
        t = make(lx->start, (Span){lx->src->base, lx->src->base});
        lx->start = 0;
        return t;
    }
    if (lx->replay) {
        push_back(lx, lx->last);
        lx->ahead.joined = lx->replay = false;
        return make(SEP, lx->last.span);
    }
    if (lx->closing) {
        lx->closing = false;
        return separator(lx);
    }
    do {
        t = lx->stop ? make(END, lx->last.span) : read_token(lx);
        if (t.kind == LINE)
            t = at_line_end(lx);
        if (t.kind == ';')
            t.kind = SEP;
        if (!lx->stop && lacks_brace(lx, t))
            t = close_block(lx, t);
        word_as_name(lx, &t);
    } while (!count_brackets(lx, &t));
    return t;
}

/* Whether what comes is the first token of a statement. */
static bool begins_statement(const Lexer *lx)
{
    switch (lx->last.kind) {
    case SEP:
    case FILE_START:
    case EXPR_START:
        return true;
    case '{':
        return lx->last.block && lx->block.v[lx->block.n - 1].real;
    }
    return false;
}

int yylex(Value *value, Span *span, Lexer *lx)
{
    if (lx->last.kind == SEP || lx->last.block)
        lx->open.n = 0;
    if (begins_statement(lx))
        lx->head.kind = 0;
    return deliver(lx, next_token(lx), value, span);
}
