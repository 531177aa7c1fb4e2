/* Expressions in as few parentheses as C and the order of rounding allow: the
 * C text of ops.def with operands put in its letters.  Used by the style for
 * C compilers. */
#include "emit.h"

#include <ctype.h>
#include <string.h>

#include "ops.h"

/* Binary operators, loosest first. */
static const struct {
    const char *text;
    int prec;
} operators[] = {{"?", 3},  {":", 3},  {"||", 4}, {"&&", 5}, {"==", 8},
                 {"!=", 8}, {"<=", 9}, {">=", 9}, {"<", 9},  {">", 9},
                 {"+", 11}, {"-", 11}, {"*", 12}, {"/", 12}};

/* The binary operator at s and its length, or 0. */
static int operator_at(const char *s, int *len)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t n = strlen(operators[i].text);
        if (!strncmp(s, operators[i].text, n)) {
            *len = (int)n;
            return operators[i].prec;
        }
    }
    return 0;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* Which operand the letter at s is, or -1: letters within words are none. */
static int operand_at(const char *text, const char *s)
{
    if (*s < 'a' || *s > 'c' || is_word(s[1]) || (s > text && is_word(s[-1])))
        return -1;
    return *s - 'a';
}

static const char *skip_blanks(const char *s)
{
    while (*s == ' ')
        s++;
    return s;
}

/* Whether the minus at s has nothing on its left. */
static bool is_sign(const char *text, const char *s)
{
    if (*s != '-')
        return false;
    while (s > text && s[-1] == ' ')
        s--;
    return s == text || strchr("(,?:<>=+-*/&|", s[-1]);
}

/* How tightly an operand at s must bind, given what stands beside it.  The
 * right operand of + and * must bind more tightly too: a + (b + c) rounds
 * otherwise than (a + b) + c. */
static int required(const char *text, const char *s)
{
    int len = 0, need = PREC_ANY;
    int right = operator_at(skip_blanks(s + 1), &len);
    if (right)
        need = right == PREC_TERNARY ? PREC_TERNARY + 1 : right;
    const char *p = s;
    while (p > text && p[-1] == ' ')
        p--;
    if (p == text || strchr("(,", p[-1]))
        return need;
    p--;
    if (is_sign(text, p))
        return PREC_UNARY + 1;
    if (p > text && strchr("<>=!&|", p[-1]))
        p--;
    int left = operator_at(p, &len);
    if (left == PREC_TERNARY)
        return need > PREC_TERNARY + 1 ? need : PREC_TERNARY + 1;
    return left + 1 > need ? left + 1 : need;
}

/* How tightly the text as a whole binds. */
static int binding(const char *text)
{
    int depth = 0, len, low = PREC_ATOM;
    for (const char *s = text; *s; s++) {
        depth += (*s == '(') - (*s == ')');
        int prec = depth ? 0 : operator_at(s, &len);
        if (!prec)
            continue;
        if (is_sign(text, s))
            prec = PREC_UNARY;
        low = prec < low ? prec : low;
        s += len - 1;
    }
    return low;
}

int emit_expr_uses(Op op, int i)
{
    if (op == OP_CALL)
        return 1;
    int uses = 0;
    for (const char *s = op_row[op].c; *s; s++)
        uses += operand_at(op_row[op].c, s) == i;
    return uses;
}

/* vm_tanhF in the precision at hand; what vmath.h takes from libm goes by
 * libm's name. */
static const char *add_function(Emit *e, Buf *b, const char *s)
{
    const char *end = s;
    while (is_word(*end))
        end++;
    const char *name = arena_strndup(e->arena, s, (size_t)(end - s));
    buf_puts(b, emit_function_name(e, name));
    return end;
}

const char *emit_expr(Emit *e, Op op, const char *const *arg, const int *prec,
                      int *result)
{
    const char *text = op_row[op].c;
    Buf b;
    buf_init(&b, e->arena);
    for (const char *s = text; *s;) {
        int i = operand_at(text, s);
        if (i >= 0) {
            bool wrap = prec[i] < required(text, s);
            buf_printf(&b, wrap ? "(%s)" : "%s", arg[i]);
            s++;
        } else if (!strncmp(s, "vm_", 3)) {
            s = add_function(e, &b, s);
        } else {
            buf_putc(&b, *s++);
        }
    }
    *result = binding(text);
    if (!strcmp(text, "a"))
        *result = prec[0];
    return b.s;
}

const char *emit_call(Emit *e, int call, const char *const *arg)
{
    const Called *c = &e->g->call.v[call];
    bool narrow = !e->o->real64 && c->name == c->wide;
    Buf b;
    buf_init(&b, e->arena);
    buf_printf(&b, "%s%s(", narrow ? "(float)" : "",
               e->o->real64 ? c->wide : c->name);
    for (int i = 0; i < c->n; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", arg[i]);
    buf_putc(&b, ')');
    return b.s;
}

void emit_call_headers(const Graph *g, Buf *out)
{
    for (int i = 0; i < g->call.n; i++) {
        const char *h = g->call.v[i].header;
        bool told = !strcmp(h, "math.h");
        for (int k = 0; k < i; k++)
            told |= !strcmp(h, g->call.v[k].header);
        if (!told)
            buf_printf(out, "#include <%s>\n", h);
    }
}
