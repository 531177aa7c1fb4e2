/* Messages about text that is not in the language: what was found, what could
 * stand there in the language's own words, and a hint for common slips. */
#include "parse.tab.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { MOST = 20 }; /* mistakes after which reading stops */

/* Names of the tokens that the grammar allows at a place. */
typedef struct Expected {
    const char *const *name;
    int n;
} Expected;

static bool has(Expected e, const char *name)
{
    int i;

    for (i = 0; i < e.n; i++)
        if (strcmp(e.name[i], name) == 0)
            return true;
    return false;
}

static bool is_word(const char *s)
{
    return *s >= 'a' && *s <= 'z' && !strchr(s, ' ');
}

/* Whether a token name is an operator that can follow an expression. */
static bool is_operator(const char *s)
{
    static const char *const ops[] = {
        "'+'", "'-'", "'*'", "'/'", "'%'", "'@'", "'^'",
        "'<'", "'>'", "<=",  ">=",  "==",  "!=",  "and",
        "or",  "'?'", "|>",  "'.'", "'('", "'['", "'\\''"};
    size_t i;

    for (i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(s, ops[i]) == 0)
            return true;
    return false;
}

static bool is_value(const char *s)
{
    static const char *const starts[] = {
        "a name", "a number", "a string", "'-'", "'('", "'['", "not"};
    size_t i;

    for (i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strcmp(s, starts[i]) == 0)
            return true;
    return false;
}

/* Bytes of the file from one offset to another. */
static const char *text_of(const Lexer *lx, Span at)
{
    return arena_strndup(lx->arena, lx->src->text + (at.lo - lx->src->base),
                         at.hi - at.lo);
}

static const char *describe(const Lexer *lx, Token t, const char *name)
{
    const char *text = text_of(lx, t.span);

    switch (t.kind) {
    case ID:
        return arena_printf(lx->arena, "the name '%s'", text);
    case NUM:
        return arena_printf(lx->arena, "the number %s", text);
    case STR:
        return "a string";
    case SEP:
        return *text == ';' ? "';'" : "the end of the line";
    case END:
        return "the end of the file";
    case '\'':
        return "the sign \"'\"";
    }
    if (name && is_word(name))
        return arena_printf(lx->arena, "the word '%s'", name);
    return name && *name == '\'' ? name : arena_printf(lx->arena, "'%s'", text);
}

/* "a, b or c": the expected tokens, in groups where they make one. */
static const char *list(const Lexer *lx, Expected e)
{
    const char **item = NEW_N(lx->arena, const char *, e.n + 3);
    bool value = has(e, "a number") && has(e, "'('");
    bool operators = has(e, "'+'") && has(e, "'*'");
    bool statement = has(e, "input") && has(e, "param");
    int i, n = 0;
    Buf b;

    if (statement)
        item[n++] = "a statement";
    if (value)
        item[n++] = "an expression";
    for (i = 0; i < e.n; i++) {
        const char *s = e.name[i];

        if ((statement && (is_word(s) || strcmp(s, "a name") == 0)) ||
            (value && is_value(s)) || (operators && is_operator(s)) ||
            (strcmp(s, "the end of the file") == 0 && e.n > 1) ||
            (statement && strcmp(s, "the end of the line") == 0))
            continue;
        item[n++] = *s == '\'' || strchr(s, ' ')
                        ? s
                        : arena_printf(lx->arena, "'%s'", s);
    }
    if (operators)
        item[n++] = "an operator";
    buf_init(&b, lx->arena);
    for (i = 0; i < n; i++) {
        buf_puts(&b, i == 0 ? "" : i < n - 1 ? ", " : " or ");
        buf_puts(&b, item[i]);
    }
    return n ? b.s : "something else";
}

void mistake_unclosed(Lexer *lx, Span open, Span until)
{
    bool end = until.lo - lx->src->base >= lx->src->size;
    const char *sign = text_of(lx, open);
    char close = *sign == '(' ? ')' : *sign == '[' ? ']' : '}';

    lx->mistakes++;
    diag(lx->diags, E_UNCLOSED, open, sign);
    if (end)
        diag_help(lx->diags, "the file ends without a '%c' for it", close);
    else
        diag_note(lx->diags, until, "a '%c' is expected before this", close);
    if (!end && *sign == '[' && *text_of(lx, until) == ';')
        diag_help(lx->diags, "parts are separated by commas: [a, b]");
    if (!end && until.lo > lx->src->base && *text_of(lx, until) == '{' &&
        lx->src->text[until.lo - lx->src->base - 1] == '_')
        diag_help(lx->diags, "an earlier step is written h[t-1]");
}

/* A token that was read as going on with the line before, but most likely
 * begins a statement. */
static bool begins_line(const Lexer *lx, Token t)
{
    return t.joined && token_stands_out(lx, t);
}

/* A bracket was left open, and what was found cannot stand inside it. */
static bool say_unclosed(Lexer *lx, Token t, Expected e)
{
    if (!lx->open.n ||
        (!has(e, "')'") && !has(e, "']'") && !has(e, "a number")))
        return false;
    if (t.kind != SEP && t.kind != END && !t.block && !begins_line(lx, t) &&
        !(t.kind == '=' && has(e, "']'")) && t.kind != '~')
        return false;
    mistake_unclosed(lx, lx->open.v[lx->open.n - 1], t.span);
    return true;
}

/* Words with which statements begin in other languages. */
static const char *foreign_help(const char *word)
{
    static const struct {
        const char *word, *help;
    } foreign[] = {
        {"def", "a function is written fn f(x) = ..., a cell cell f(n) { }"},
        {"function", "a function is written fn f(x) = ..."},
        {"func", "a function is written fn f(x) = ..."},
        {"class", "a cell is written cell f(n) { ... }"},
        {"struct", "a cell is written cell f(n) { ... }"},
        {"model", "inputs and equations of a model stand in the file itself"},
        {"import", "another file is read with use \"mine.cell\""},
        {"include", "another file is read with use \"mine.cell\""},
        {"let", "an equation needs no word in front: h = ..."},
        {"var", "an equation needs no word in front: h = ..."},
        {"int", "an equation needs no word in front: h = ..."},
        {"float", "an equation needs no word in front: h = ..."},
        {"real", "an equation needs no word in front: h = ..."},
        {"parameter", "a parameter is written param W[n,m]"},
        {"parameters", "parameters are written param W[n,m], b[n]"},
        {"inputs", "inputs are written input x[t,m], y[t,k]"},
        {"outputs", "outputs are written output h, c"},
        {"options", "options are written option n = 64"},
        {"return", "what a cell gives is written output h"},
        {"for", "there are no loops: h[t-1] is the step before"},
        {"while", "there are no loops: h[t-1] is the step before"},
        {"if", "a choice is written condition ? a : b"},
        {"else", "a choice is written condition ? a : b"},
        {"lambda", "a function is written fn f(x) = ..."},
    };
    size_t i;

    for (i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (strcmp(foreign[i].word, word) == 0)
            return foreign[i].help;
    return NULL;
}

/* The word of the language that begins a statement and was meant, or NULL. */
static const char *meant_word(const char *name)
{
    static const char *const word[] = {"option", "const", "time",   "fn",
                                       "cell",   "input", "state",  "param",
                                       "noise",  "loss",  "output", "metric",
                                       "train",  "data",  "extern", "use"};
    return diag_closest(name, word, sizeof word / sizeof *word);
}

/* A line that begins with a name and has no '=' or '~' where one is due. */
static bool say_no_equals(Lexer *lx, Token t, Expected e)
{
    Span left = {lx->head.span.lo, lx->before.span.hi};
    const char *help;

    if (lx->head.kind != ID || !has(e, "'='") || !has(e, "'~'"))
        return false;
    help = lx->before.span.lo == lx->head.span.lo
               ? foreign_help(text_of(lx, lx->head.span))
               : NULL;
    if (help) {
        diag(lx->diags, E_FOREIGN, lx->head.span, text_of(lx, lx->head.span));
        diag_help(lx->diags, "%s", help);
        return true;
    }
    diag(lx->diags, E_NO_EQUALS, t.span, text_of(lx, left));
    const char *word = meant_word(text_of(lx, lx->head.span));
    if (t.kind == EQ)
        diag_help(lx->diags, "an equation has a single '='; '==' compares");
    else if (word && t.kind == ID)
        diag_help(lx->diags, "did you mean %s?", word);
    else
        diag_help(lx->diags, "an equation is written %s = ...",
                  text_of(lx, left));
    return true;
}

/* Words of the language in a place where they cannot stand. */
static bool say_word(Lexer *lx, Token t, const char *found, Expected e)
{
    if ((t.kind == '=' || t.kind == '~') && lx->head.kind != LOSS &&
        lx->head.kind != OUTPUT && lx->head.kind != ID &&
        lx->before.span.lo == lx->head.span.lo) {
        t = lx->head;
        found = text_of(lx, t.span);
    }
    if (!is_word(found))
        return false;
    if (t.span.lo == lx->head.span.lo && lx->block.n && has(e, "input")) {
        diag(lx->diags, E_NESTED, t.span, found);
        return true;
    }
    if (!has(e, "a name") && t.kind == lx->last.kind)
        return false;
    diag(lx->diags, E_KEYWORD, t.span, found);
    diag_help(lx->diags, "another name would do: %s_, my_%s", found, found);
    return true;
}

/* Two values side by side, or a second comparison. */
static bool say_operator(Lexer *lx, Token t, const char *found, Expected e)
{
    const char *a = text_of(lx, lx->before.span), *b = text_of(lx, t.span);

    if (!has(e, "'+'") || has(e, "a number"))
        return false;
    if (t.kind == LE || t.kind == GE || t.kind == EQ || t.kind == NE ||
        t.kind == '<' || t.kind == '>') {
        diag(lx->diags, E_CHAIN, t.span);
        diag_help(lx->diags, "write a < b and b < c");
        return true;
    }
    if (t.kind != ID && t.kind != NUM && t.kind != STR)
        return false;
    diag(lx->diags, E_ADJACENT, t.span,
         lx->before.kind == ')' || lx->before.kind == ']' ||
                 lx->before.kind == '\''
             ? arena_printf(lx->arena, "the '%s'", a)
             : describe(lx, lx->before, NULL),
         describe(lx, t, found));
    if (t.kind == ID && foreign_help(b))
        diag_help(lx->diags, "%s", foreign_help(b));
    else if (lx->before.kind == ID && foreign_help(a))
        diag_help(lx->diags, "%s", foreign_help(a));
    else if (lx->before.kind == NUM)
        diag_help(lx->diags, "a product is written %s * %s", a, b);
    else if (lx->before.kind == ID && t.kind == ID)
        diag_help(lx->diags,
                  "a product is written %s * %s, of a matrix %s @ "
                  "%s",
                  a, b, a, b);
    else
        diag_help(lx->diags, "a product is written with *, of a matrix with "
                             "@");
    return true;
}

/* A file whose first line has numbers only is data, however many it has. */
static bool is_data(const Lexer *lx, Token t)
{
    const char *text = lx->src->text;
    size_t blank = strspn(text, " \t\r\n");

    return (t.kind == NUM || t.kind == '-') &&
           t.span.lo == lx->src->base + blank &&
           strspn(text + blank, "0123456789.,;+-eE \t\r") ==
               strcspn(text + blank, "\n");
}

static void help_syntax(Lexer *lx, Token t, Expected e)
{
    if (is_data(lx, t)) {
        diag_help(lx->diags, "this is data; a spec says what is done with "
                             "them: input x[t], h = ...");
        lx->stop = true;
    } else if (t.kind == EQ && has(e, "'='"))
        diag_help(lx->diags, "'==' compares; a value is given with '='");
    else if (t.kind == '\'' && has(e, "a number"))
        diag_help(lx->diags, "a string stands in double quotation marks: "
                             "\"...\"");
    else if (t.kind == '=' &&
             (lx->head.kind == LOSS || lx->head.kind == OUTPUT) &&
             lx->before.kind == lx->head.kind)
        diag_help(lx->diags, "'%s' is followed by an expression, without '='",
                  text_of(lx, lx->head.span));
    else if ((t.kind == '=' || t.kind == '~') && lx->before.joined)
        diag_help(lx->diags, "the line before ends in an operator, so it "
                             "goes on here");
    else if (t.kind == '=' && has(e, "'+'"))
        diag_help(lx->diags, "one equation a line; to compare, write ==");
    else if ((t.kind == '(' || t.kind == '<') && has(e, "'['") &&
             !has(e, "'+'"))
        diag_help(lx->diags, "dims stand in square brackets: W[n,m]");
    else if (t.kind == '{' && has(e, "'+'"))
        diag_help(lx->diags, "arguments stand in parentheses: tanh(x)");
    else if (strchr("+-*/@", t.kind) && lx->before.kind == SEP)
        diag_help(lx->diags, "a line ends in the operator where it goes on");
    else if (t.kind == '+' && has(e, "a number"))
        diag_help(lx->diags, "a number needs no '+' in front");
    else if (has(e, "'{'") && !has(e, "a name") && t.kind == SEP)
        diag_help(lx->diags, "what belongs to it stands in braces: { ... }");
    else if (t.kind == '}' && has(e, "a name"))
        diag_help(lx->diags, "is something missing before the '}'?");
}

static bool say_closing(Lexer *lx, Token t)
{
    if (t.stray)
        diag(lx->diags, E_CLOSE, t.span, text_of(lx, t.span));
    return t.stray;
}

/* Where to show what is missing at the end of a line or file. */
static Token at_end(const Lexer *lx, Token t)
{
    if (t.kind != END && !begins_line(lx, t))
        return t;
    if (t.kind != END)
        t.kind = SEP;
    t.span.lo = t.span.hi = lx->before.span.hi;
    return t;
}

/* Reports the 20th mistake and stops the reading. */
static bool had_enough(Lexer *lx, Span at)
{
    if (lx->mistakes < MOST)
        return false;
    if (!lx->stop)
        diag(lx->diags, E_MANY, at);
    lx->stop = true;
    return true;
}

void mistake_syntax(Lexer *lx, const char *found, const char *const *expected,
                    int n)
{
    Token t = lx->last;
    Expected e = {expected, n};

    if (!had_enough(lx, t.span) && !say_unclosed(lx, t, e)) {
        lx->mistakes++;
        t = at_end(lx, t);
        found = t.kind == SEP ? "" : found;
        if (!say_closing(lx, t) && !say_no_equals(lx, t, e) &&
            !say_word(lx, t, found, e) && !say_operator(lx, t, found, e)) {
            diag(lx->diags, E_SYNTAX, t.span, describe(lx, t, found),
                 list(lx, e));
            help_syntax(lx, t, e);
        }
    }
    t = lx->last;
    lx->recovering = t.kind != SEP && !(t.block && t.kind == '}');
    if (t.block && t.kind == '{') /* of a header that was not understood */
        lx->block.v[lx->block.n - 1].real = false;
    if (begins_line(lx, t) && t.kind != END && !t.block)
        lx->replay = true;
}

/* What to write instead of a character that only looks right. */
static const char *instead(utf8proc_int32_t c)
{
    static const struct {
        utf8proc_int32_t c;
        const char *help;
    } ways[] = {
        {0x2212, "a minus is written -"},
        {0x2013, "a minus is written -"},
        {0x2014, "a minus is written -"},
        {0xD7, "a product is written *"},
        {0xF7, "a division is written /"},
        {0x2264, "write <="},
        {0x2265, "write >="},
        {0x2260, "write !="},
        {0xB2, "a square is written x^2"},
        {0xB3, "a cube is written x^3"},
        {0x201C, "strings stand in \"\""},
        {0x201D, "strings stand in \"\""},
        {0x2018, "strings stand in \"\""},
        {0x2019, "strings stand in \"\""},
        {0x221E, "infinity is written inf"},
        {0x2211, "a sum is written sum"},
        {0x221A, "a root is written sqrt(x)"},
        {'`', "strings stand in \"\""},
        {'&', "logic is written: a and b"},
        {'|', "logic is written: a or b"},
        {'\\', "a statement goes on by itself inside ( and after operators"},
        {0x2218, "a product of elements is written *"},
        {0x2219, "a matrix product is written @"},
        {0x2297, "an outer product is written outer(a, b)"},
    };
    size_t i;

    for (i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].c == c)
            return ways[i].help;
    return NULL;
}

void mistake_character(Lexer *lx, const Token *t)
{
    const char *text = text_of(lx, t->span), *help;
    utf8proc_int32_t c;

    if (had_enough(lx, t->span))
        return;
    lx->mistakes++;
    if (t->value.op == (int)E_STRING) {
        diag(lx->diags, E_STRING, t->span);
        return;
    }
    utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &c);
    diag(lx->diags, E_STRAY, t->span, text, (unsigned)c);
    help = instead(c);
    if (help)
        diag_help(lx->diags, "%s", help);
}

bool mistake_in_bytes(Lexer *lx)
{
    const utf8proc_uint8_t *s = (const utf8proc_uint8_t *)lx->src->text;
    utf8proc_ssize_t i, k, n = (utf8proc_ssize_t)lx->src->size;
    Span at = {lx->src->base, lx->src->base};
    utf8proc_int32_t c;

    if (n > 1 << 30) {
        diag(lx->diags, E_LARGE, at);
        return true;
    }
    for (i = 0; i < n; i++)
        if (s[i] < 9 || (s[i] > 13 && s[i] < 32) || s[i] == 127) {
            diag(lx->diags, E_BINARY, at, s[i]);
            return true;
        }
    for (i = 0; i < n; i += k) {
        k = utf8proc_iterate(s + i, n - i, &c);
        if (k > 0)
            continue;
        at.lo = lx->src->base + (uint32_t)i;
        at.hi = at.lo + 1;
        diag(lx->diags, E_UTF8, at, s[i]);
        diag_help(lx->diags, "save the file as UTF-8");
        return true;
    }
    return false;
}

void mistake_depth(Lexer *lx, Span at)
{
    lx->mistakes++;
    diag(lx->diags, E_DEPTH, at);
}
