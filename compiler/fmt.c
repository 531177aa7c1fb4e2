/* The formatter: a tree back to text in the canonical layout.  Statements go
 * one to a line, two spaces inside braces; spaces around operators but not in
 * subscripts; only the parentheses that the tree needs; lines of at most 100
 * columns as far as there are operators and commas to break at. */
#include "ast.h"

#include <string.h>

enum {
    WIDTH = 100,
    STEP = 2,  /* columns that a block goes in */
    AGAIN = 4, /* columns that a continued line goes in */
    /* signs in a line being built, before it is cut to length: */
    BREAK = '\1', /* a space where it may be broken */
    CUT = '\2',   /* it is broken here */
    NOTE = '\3'   /* a comment follows, which has no length */
};

/* How tightly an expression binds: the nonterminals of parse.y. */
typedef enum Level {
    PIPED,
    CHOICE,
    EITHER,
    BOTH,
    NEGATED,
    COMPARED,
    SUM,
    PRODUCT,
    SIGNED,
    MATMUL,
    POWER,
    POSTFIX,
    ATOM
} Level;

static Level level_of(const Ast *e)
{
    switch (e->kind) {
    case A_PIPE:
        return PIPED;
    case A_COND:
        return CHOICE;
    case A_UNARY:
        return e->op == '!' ? NEGATED : e->op == '-' ? SIGNED : POSTFIX;
    case A_CALL:
    case A_INDEX:
    case A_MEMBER:
        return POSTFIX;
    case A_BINARY:
        break;
    default:
        return ATOM;
    }
    switch (e->op) {
    case O_OR:
        return EITHER;
    case O_AND:
        return BOTH;
    case '+':
    case '-':
        return SUM;
    case '*':
    case '/':
    case '%':
        return PRODUCT;
    case '@':
        return MATMUL;
    case '^':
        return POWER;
    }
    return COMPARED;
}

static const char *op_text(int op)
{
    static const char *const words[] = {"<=", ">=", "==", "!=", "and", "or"};
    static const char single[] = "+\0-\0*\0/\0%\0@\0^\0<\0>";
    size_t i;

    if (op >= O_LE && op <= O_OR)
        return words[op - O_LE];
    for (i = 0; i < sizeof single; i += 2)
        if (single[i] == op)
            return single + i;
    return "?";
}

/* tight: inside a subscript, where operators stand without spaces. */
static void put(Buf *out, const Ast *e, Level least, bool tight);

static void put_comma(Buf *out, bool tight)
{
    buf_putc(out, ',');
    if (!tight)
        buf_putc(out, BREAK);
}

static void put_list(Buf *out, const Ast *first, bool tight)
{
    const Ast *k;

    for (k = first; k; k = k->next) {
        if (k != first)
            put_comma(out, tight);
        put(out, k, PIPED, tight);
    }
}

static void put_string(Buf *out, const char *s)
{
    static const char plain[] = "\n\r\t\"\\", letter[] = "nrt\"\\";
    const char *p;

    buf_putc(out, '"');
    for (; *s; s++) {
        p = strchr(plain, *s);
        if (p)
            buf_putc(out, '\\');
        buf_putc(out, p ? letter[p - plain] : *s);
    }
    buf_putc(out, '"');
}

/* [n,m] for plain subscripts; [1, 2:n] and [i = 1:n, j = 1:n] for others. */
static void put_subs(Buf *out, const Ast *subs)
{
    const Ast *k;
    bool plain = true;

    for (k = subs->kid; k; k = k->next)
        plain = plain && k->kind != A_RANGE && k->kind != A_KEY;
    buf_putc(out, '[');
    for (k = subs->kid; k; k = k->next) {
        if (k != subs->kid)
            put_comma(out, plain);
        put(out, k, PIPED, true);
    }
    buf_putc(out, ']');
}

/* name[subs] = e; each part may be missing. */
static void put_set(Buf *out, const Ast *a, bool tight)
{
    const Ast *e = a->kid;

    if (a->name)
        buf_puts(out, a->name);
    if (e && e->kind == A_SUBS) {
        put_subs(out, e);
        e = e->next;
    }
    if (a->name && e)
        buf_puts(out, " = ");
    if (e)
        put(out, e, PIPED, tight);
}

/* A right side of @ or ^: a power, with signs in front. */
static void put_tight(Buf *out, const Ast *e, bool tight)
{
    if (e->kind == A_UNARY && e->op == '-') {
        buf_putc(out, '-');
        put_tight(out, e->kid, tight);
    } else {
        put(out, e, POWER, tight);
    }
}

static void put_binary(Buf *out, const Ast *e, bool tight)
{
    Level l = level_of(e);
    bool word = e->op == O_AND || e->op == O_OR;
    bool close = e->op == '^' || (tight && !word);
    Level left = l == COMPARED || l == POWER ? l + 1 : l;

    if (e->op == '*' && level_of(e->kid) == MATMUL)
        left = ATOM + 1; /* (U @ r) * h could be misread without them */
    put(out, e->kid, left, tight);
    buf_puts(out, close ? "" : " ");
    buf_puts(out, op_text(e->op));
    if (!close)
        buf_putc(out, tight ? ' ' : BREAK);
    if (l == MATMUL || l == POWER)
        put_tight(out, e->kid->next, tight);
    else
        put(out, e->kid->next, l + 1, tight);
}

static void put_unary(Buf *out, const Ast *e, bool tight)
{
    if (e->op == '\'') {
        put(out, e->kid, POSTFIX, tight);
        buf_putc(out, '\'');
    } else {
        buf_puts(out, e->op == '!' ? "not " : "-");
        put(out, e->kid, level_of(e), tight);
    }
}

/* The comments of one place at the end of a line. */
static void put_notes(Buf *line, const Comment *c, CommentPlace place)
{
    for (; c; c = c->next)
        if (c->place == place) {
            buf_putc(line, NOTE);
            buf_puts(line, c->text);
        }
}

static void put_pipe(Buf *out, const Ast *e, bool tight)
{
    const Ast *stage = e->kid->next;
    const Ast *left = e->kid->kind == A_PIPE ? e->kid->kid->next : e->kid;
    bool broken = e->broken || left->after || stage->before;
    const Comment *c;

    put(out, e->kid, PIPED, tight);
    put_notes(out, left->after, C_END);
    for (c = stage->before; c; c = c->next) {
        buf_putc(out, CUT);
        buf_puts(out, c->text);
    }
    buf_putc(out, broken ? CUT : ' ');
    buf_puts(out, "|> ");
    put(out, stage, CHOICE, tight);
}

static void put_bare(Buf *out, const Ast *e, bool tight)
{
    switch (e->kind) {
    case A_NUM:
        buf_puts(out, e->str);
        break;
    case A_STR:
        put_string(out, e->str);
        break;
    case A_NAME:
        buf_puts(out, e->name);
        break;
    case A_LIST:
    case A_TUPLE:
        buf_putc(out, e->kind == A_LIST ? '[' : '(');
        put_list(out, e->kid, false);
        buf_putc(out, e->kind == A_LIST ? ']' : ')');
        break;
    case A_CALL:
        put(out, e->kid, POSTFIX, tight);
        buf_putc(out, '(');
        put_list(out, e->kid->next, false);
        buf_putc(out, ')');
        break;
    case A_INDEX:
        put(out, e->kid, POSTFIX, tight);
        put_subs(out, e->kid->next);
        break;
    case A_MEMBER: /* 5.x would read as the number 5. and x */
        put(out, e->kid, e->kid->kind == A_NUM ? ATOM + 1 : POSTFIX, tight);
        buf_printf(out, ".%s", e->name);
        break;
    case A_KEY:
        put_set(out, e, tight);
        break;
    case A_RANGE:
        put(out, e->kid, PIPED, tight);
        buf_putc(out, ':');
        put(out, e->kid->next, PIPED, tight);
        break;
    case A_UNARY:
        put_unary(out, e, tight);
        break;
    case A_BINARY:
        put_binary(out, e, tight);
        break;
    case A_COND:
        put(out, e->kid, EITHER, tight);
        buf_puts(out, " ?");
        buf_putc(out, tight ? ' ' : BREAK);
        put(out, e->kid->next, PIPED, tight);
        buf_puts(out, " :");
        buf_putc(out, tight ? ' ' : BREAK);
        put(out, e->kid->next->next, CHOICE, tight);
        break;
    case A_PIPE:
        put_pipe(out, e, tight);
        break;
    default:
        break;
    }
}

static void put(Buf *out, const Ast *e, Level least, bool tight)
{
    bool parens = level_of(e) < least;

    if (parens)
        buf_putc(out, '(');
    put_bare(out, e, tight && !parens);
    if (parens)
        buf_putc(out, ')');
}

void ast_print_expr(Buf *out, const Ast *e)
{
    size_t i, from = out->n;

    put(out, e, PIPED, false);
    for (i = from; i < out->n; i++)
        if (out->s[i] == BREAK || out->s[i] == CUT)
            out->s[i] = ' ';
}

static void put_decl(Buf *out, const Ast *d)
{
    const Ast *k;

    buf_puts(out, d->name);
    for (k = d->kid; k; k = k->next)
        if (k->kind == A_BRACES) {
            buf_putc(out, '{');
            put_list(out, k->kid, true);
            buf_putc(out, '}');
        } else if (k->kind == A_SUBS) {
            put_subs(out, k);
        } else { /* A_IN */
            buf_puts(out, k->kid->next ? " in (" : " in ");
            put_list(out, k->kid, k->kid->next != NULL);
            buf_puts(out, k->kid->next ? ")" : "");
        }
}

static void put_axis(Buf *out, const Ast *a)
{
    buf_puts(out, a->name);
    buf_puts(out, a->op == '='       ? " = "
                  : a->op == K_UNTIL ? " until "
                  : a->op == K_LIKE  ? " like "
                                     : "");
    if (a->kid)
        put(out, a->kid, PIPED, false);
}

/* One part of a statement that is a list of parts. */
static void put_part(Buf *out, const Ast *k)
{
    switch (k->kind) {
    case A_DECL:
        put_decl(out, k);
        break;
    case A_AXIS:
        put_axis(out, k);
        break;
    case A_SET:
    case A_ARG:
        put_set(out, k, false);
        break;
    default:
        put(out, k, PIPED, false);
        break;
    }
}

/* All children of a kind, from `first` on; gives the first of another. */
static const Ast *put_parts(Buf *out, const Ast *first)
{
    const Ast *k;

    for (k = first; k && k->kind == first->kind; k = k->next) {
        if (k != first)
            put_comma(out, false);
        put_part(out, k);
    }
    return k;
}

/* Declarations with what follows them: = e, ~ e, with a, b. */
static void put_decls(Buf *out, const Ast *s)
{
    const Ast *k = put_parts(out, s->kid);

    for (; k; k = k->next)
        if (k->kind == A_INIT) {
            buf_puts(out, k->op == '=' ? " = " : " ~ ");
            put(out, k->kid, PIPED, false);
        } else {
            buf_puts(out, " with ");
            put_parts(out, k->kid);
        }
    if (s->op)
        buf_puts(out, s->op == K_ONCE ? " once" : " shared");
}

/* name(a, b = 1): the head of a function or a cell; gives what follows. */
static const Ast *put_head(Buf *out, const Ast *s)
{
    const Ast *k = s->kid;
    bool args = k && k->kind == A_ARG;

    buf_puts(out, s->name);
    if (args || s->kind != A_CELL)
        buf_putc(out, '(');
    if (args)
        k = put_parts(out, k);
    if (args || s->kind != A_CELL)
        buf_putc(out, ')');
    return k;
}

static const char *word_of(const Ast *s)
{
    switch (s->kind) {
    case A_LANGUAGE:
        return "language ";
    case A_USE:
        return "use ";
    case A_OPTION:
        return "option ";
    case A_CONST:
        return "const ";
    case A_TIME:
        return "time ";
    case A_FN:
        return "fn ";
    case A_EXTERN:
        return "extern fn ";
    case A_CELL:
        return "cell ";
    case A_INPUT:
        return "input ";
    case A_STATE:
        return "state ";
    case A_PARAM:
        return "param ";
    case A_NOISE:
        return "noise ";
    case A_OUTPUT:
        return "output ";
    case A_LOSS:
        return "loss ";
    case A_METRIC:
        return "metric ";
    case A_TRAIN:
        return "train";
    case A_DATA:
        return "data";
    default:
        return "";
    }
}

/* A statement; of one with braces what stands in front of them. */
static void put_statement(Buf *out, const Ast *s)
{
    const Ast *k;

    buf_puts(out, word_of(s));
    switch (s->kind) {
    case A_LANGUAGE:
        buf_puts(out, s->str);
        break;
    case A_USE:
        put_string(out, s->str);
        break;
    case A_FN:
        k = put_head(out, s);
        buf_puts(out, " = ");
        put(out, k, PIPED, false);
        break;
    case A_EXTERN:
        k = put_head(out, s);
        buf_puts(out, " = ");
        put_string(out, k->str);
        buf_puts(out, " from ");
        put_string(out, k->next->str);
        break;
    case A_CELL:
        put_head(out, s);
        break;
    case A_DERIV:
        buf_printf(out, "%s/%s = ", s->name, s->str);
        put(out, s->kid, PIPED, false);
        break;
    case A_METRIC:
    case A_SET:
        put_set(out, s, false);
        break;
    case A_EQ:
    case A_DRAW:
        put_list(out, s->kid->kid, false);
        buf_puts(out, s->kind == A_EQ ? " = " : " ~ ");
        put(out, s->kid->next, PIPED, false);
        if (s->kid->next->next) {
            buf_puts(out, " with ");
            put_parts(out, s->kid->next->next->kid);
        }
        break;
    case A_INPUT:
    case A_STATE:
    case A_PARAM:
    case A_NOISE:
        put_decls(out, s);
        break;
    case A_TRAIN:
    case A_DATA:
    case A_ERROR:
        break;
    default:
        put_parts(out, s->kid);
        break;
    }
}

static int width(const char *s, const char *end)
{
    return source_width(s, (int)(end - s));
}

/* Writes a built line, cut to length. */
static void write_line(Buf *out, const Buf *line, int indent)
{
    static const char signs[] = {BREAK, CUT, NOTE, '\0'};
    const char *s = line->s;
    int col = indent, in = indent + AGAIN;

    buf_printf(out, "%*s", indent, "");
    for (;;) {
        const char *end = s + strcspn(s, signs);
        bool comment = s > line->s && s[-1] == NOTE;

        if (s > line->s && s[-1] == BREAK) {
            if (col + 1 + width(s, end) > WIDTH) {
                buf_printf(out, "\n%*s", in, "");
                col = in;
            } else {
                buf_putc(out, ' ');
                col++;
            }
        } else if (s > line->s && s[-1] == CUT) {
            buf_printf(out, "\n%*s", indent + AGAIN, "");
            col = indent + AGAIN;
            in = indent + 2 * AGAIN;
        } else if (comment) {
            buf_puts(out, "  ");
        }
        buf_add(out, s, (size_t)(end - s));
        col += comment ? 0 : width(s, end);
        if (!*end)
            break;
        s = end + 1;
    }
}

/* Comments on lines of their own, with the blank lines that were there. */
static void write_comments(Buf *out, const Comment *c, int indent, bool first)
{
    for (; c; c = c->next)
        if (c->place == C_LINE) {
            buf_printf(out, "%s%*s%s\n", c->blank && !first ? "\n" : "", indent,
                       "", c->text);
            first = false;
        }
}

/* cell f(n) { input x[n]; output x }, as far as it was so and fits. */
static bool put_in_one_line(Buf *line, const Ast *s, int indent)
{
    size_t from = line->n, i;
    const Ast *k;

    if (s->broken)
        return false;
    buf_puts(line, " {");
    for (k = s->kind == A_CELL ? ast_find(s, A_BODY)->kid : s->kid; k;
         k = k->next) {
        buf_putc(line, ' ');
        put_statement(line, k);
        buf_puts(line, k->next ? ";" : "");
    }
    buf_puts(line, " }");
    if (indent + source_width(line->s, (int)line->n) > WIDTH) {
        line->n = from;
        line->s[from] = '\0';
        return false;
    }
    for (i = 0; i < line->n; i++)
        if (line->s[i] == BREAK)
            line->s[i] = ' ';
    return true;
}

static void write_list(Buf *out, const Ast *first, const Comment *rest,
                       int indent);

/* The braces of a cell, train or data and what is in them, each on a line. */
static void write_block(Buf *out, Buf *line, const Ast *s, int indent)
{
    const Ast *body = s->kind == A_CELL ? ast_find(s, A_BODY) : s;

    buf_puts(line, " {");
    put_notes(line, s->after, C_HEAD);
    write_line(out, line, indent);
    buf_putc(out, '\n');
    write_list(out, body->kid, body->after, indent + STEP);
    buf_printf(out, "%*s}", indent, "");
}

static void write_statement(Buf *out, const Ast *s, int indent)
{
    bool block = s->kind == A_CELL || s->kind == A_TRAIN || s->kind == A_DATA;
    Buf line;

    buf_init(&line, out->arena);
    put_statement(&line, s);
    if (block && !put_in_one_line(&line, s, indent)) {
        write_block(out, &line, s, indent);
        buf_init(&line, out->arena);
        indent = 0;
    }
    put_notes(&line, s->after, C_END);
    write_line(out, &line, indent);
    buf_putc(out, '\n');
}

/* Statements, and the comments behind the last one. */
static void write_list(Buf *out, const Ast *first, const Comment *rest,
                       int indent)
{
    const Ast *s;
    bool below = false; /* a function, to which derivatives belong */

    for (s = first; s; s = s->next) {
        int in = below && s->kind == A_DERIV ? indent + STEP : indent;

        below = s->kind == A_FN || s->kind == A_EXTERN ||
                (below && s->kind == A_DERIV);
        write_comments(out, s->before, in, s == first);
        if (s->blank && (s != first || s->before))
            buf_putc(out, '\n');
        write_statement(out, s, in);
    }
    write_comments(out, rest, indent, first == NULL);
}

void ast_print(Buf *out, const Ast *file)
{
    write_list(out, file->kid, file->after, 0);
}
