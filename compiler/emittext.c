/* The texture of emitted code: fresh names, numbers, sizes, lines and where
 * to break them.  Beneath emit.c, which knows what to print. */
#include "emit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static bool is_in(const char *const *v, int n, const char *interned)
{
    for (int i = 0; i < n; i++)
        if (v[i] == interned)
            return true;
    return false;
}

/* `wish`, or with a number behind it, in neither of two lists. */
static const char *unlike(Emit *e, const char *wish, const char *const *v,
                          int n, const char *const *w, int m)
{
    const char *name = intern_str(e->intern, wish);
    for (int i = 2; is_in(v, n, name) || is_in(w, m, name); i++)
        name = intern_str(e->intern, arena_printf(e->arena, "%s%d", wish, i));
    return name;
}

const char *emit_fresh(Emit *e, const char *wish)
{
    const char *name =
        unlike(e, wish, e->taken.v, e->taken.n, e->locals.v, e->locals.n);
    vec_push(e->arena, &e->taken, name);
    return name;
}

const char *emit_local(Emit *e, const char *wish)
{
    const char *name =
        unlike(e, wish, e->taken.v, e->taken.n, e->block.v, e->block.n);
    vec_push(e->arena, &e->block, name);
    if (!is_in(e->locals.v, e->locals.n, name))
        vec_push(e->arena, &e->locals, name);
    return name;
}

void emit_begin(Emit *e, int fn)
{
    e->fn = fn;
    e->taken.n = e->fixed;
    e->name = NEW_N(e->arena, const char *, e->s->val.n + 1);
    e->quoted = NULL;
    e->locals.n = 0;
    e->block.n = 0;
    e->depth = 0;
    e->constant.n = 0;
    e->repeated.n = 0;
    buf_init(&e->body, e->arena);
    e->indent = 1;
}

void emit_use(Emit *e, const char *function)
{
    const char *name = intern_str(e->intern, function);
    if (!is_in(e->kernels.v, e->kernels.n, name))
        vec_push(e->arena, &e->kernels, name);
}

/* ---- numbers ---- */

/* The shortest decimal that reads back as the same float. */
static const char *float_text(Emit *e, double x)
{
    for (int digits = 1;; digits++) {
        char *text = arena_printf(e->arena, "%.*g", digits, x);
        if (digits < 9 && strtof(text, NULL) != (float)x)
            continue;
        for (char *s = text; *s; s++)
            if (!strchr("0123456789+-e", *s))
                *s = '.'; /* whatever the locale writes */
        return text;
    }
}

const char *emit_real(Emit *e, double x)
{
    if (isnan(x))
        return "NAN";
    if (isinf(x))
        return x > 0 ? "HUGE_VAL" : "-HUGE_VAL";
    Buf b;
    buf_init(&b, e->arena);
    if (e->o->real64)
        buf_num(&b, x);
    else
        buf_puts(&b, float_text(e, x));
    if (!strpbrk(b.s, ".e"))
        buf_puts(&b, ".0");
    if (!e->o->real64)
        buf_putc(&b, 'f');
    return b.s;
}

/* Marks around sizes, for emit_wrap(). */
enum { MARK_LO = 1, MARK_HI = 2 };

static const char *marked(Emit *e, const char *text)
{
    if (!e->style->comments)
        return text;
    return arena_printf(e->arena, "%c%s%c", MARK_LO, text, MARK_HI);
}

static const char *size_text(Emit *e, int64_t n)
{
    for (int64_t k = 1; n > 1 && k <= 8; k++)
        for (int i = 0; i < e->o->nsize && n % k == 0; i++)
            if (e->o->size[i].value == n / k && n / k > 1)
                return k == 1 ? e->size[i]
                              : arena_printf(e->arena, "%d*%s", (int)k,
                                             e->size[i]);
    return arena_printf(e->arena, "%lld", (long long)n);
}

const char *emit_size(Emit *e, int64_t n)
{
    return marked(e, size_text(e, n));
}

static void add_term(Buf *b, int64_t coef, const char *unit)
{
    if (!coef)
        return;
    if (b->n)
        buf_puts(b, coef < 0 ? " - " : " + ");
    else if (coef < 0)
        buf_putc(b, '-');
    int64_t size = coef < 0 ? -coef : coef;
    if (size != 1 || !*unit)
        buf_printf(b, "%lld", (long long)size);
    if (size != 1 && *unit)
        buf_putc(b, '*');
    buf_puts(b, unit);
}

const char *emit_poly(Emit *e, CellSize s)
{
    Buf b;
    buf_init(&b, e->arena);
    for (int a = (1 << CELL_AXES) - 1; a > 0; a--)
        add_term(&b, s.by[a], rows_text(a));
    add_term(&b, s.c, "");
    return marked(e, b.n ? b.s : "0");
}

bool emit_has_terms(CellSize s)
{
    bool any = s.c != 0;
    for (int a = 1; a < 1 << CELL_AXES; a++)
        any |= s.by[a] != 0;
    return any;
}

/* ---- lines ---- */

static void line_v(Emit *e, const char *fmt, va_list ap, const char *tail)
{
    for (int i = 0; i < e->indent; i++)
        buf_puts(&e->body, "    ");
    buf_puts(&e->body, arena_vprintf(e->arena, fmt, ap));
    buf_puts(&e->body, tail);
}

void emit_line(Emit *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    line_v(e, fmt, ap, "\n");
    va_end(ap);
}

void emit_open(Emit *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    line_v(e, fmt, ap, " {\n");
    va_end(ap);
    e->indent++;
}

void emit_close(Emit *e)
{
    e->indent--;
    emit_line(e, "}");
}

/* Where a line may be broken: at blanks after a comma or an operator, so that
 * declarations stay whole, and right behind a product's sign. */
static bool may_break(const char *s, bool comment)
{
    if (*s == ' ')
        return comment || (strchr(",;=+-*/?:<>&|", s[-1]) &&
                           (s[-1] != '*' || s[-2] == ' '));
    return !comment && s[-1] == '*' && s[-2] != ' ' && s[-2] != '/';
}

/* Where to break the line at s, which starts in `column`: the last possible
 * place of the first 80 columns that has the fewest brackets around it; NULL
 * if it is short or has none. */
static const char *break_at(const char *s, const char *end, int column,
                            int least, bool comment)
{
    const char *best = NULL;
    int depth = 0, best_depth = 0;
    bool quoted = false;
    for (; s < end; s++) {
        if (*s == '"' && s[-1] != '\\')
            quoted = !quoted && !comment;
        if (*s == MARK_LO) {
            while (s < end && *s != MARK_HI)
                s++;
            column += 4;
            continue;
        }
        if (!comment)
            depth += (*s == '(' || *s == '[') - (*s == ')' || *s == ']');
        if (column > least && column < 80 && !quoted && may_break(s, comment) &&
            (!best || depth <= best_depth)) {
            best = s;
            best_depth = depth;
        }
        column++;
    }
    return column > 80 ? best : NULL;
}

static void add_unmarked(Buf *b, const char *s, const char *end)
{
    for (; s < end; s++)
        if (*s != MARK_LO && *s != MARK_HI)
            buf_putc(b, *s);
}

static void wrap_line(Buf *b, const char *s, const char *end)
{
    int indent = (int)strspn(s, " "), column = 0;
    bool comment = s[indent] == '/' || s[indent] == '*';
    int next = comment ? indent - (s[indent] == '*') : indent + 4;
    const char *cut;
    while ((cut = break_at(s, end, column, indent + 12, comment))) {
        add_unmarked(b, s, cut);
        buf_printf(b, "\n%*s%s", next, "", comment ? " * " : "");
        s = cut + (*cut == ' ');
        column = next + (comment ? 3 : 0);
    }
    add_unmarked(b, s, end);
}

const char *emit_wrap(Emit *e, const char *text)
{
    Buf b;
    buf_init(&b, e->arena);
    while (*text) {
        const char *end = text + strcspn(text, "\n");
        wrap_line(&b, text, end);
        text = end;
        if (*text)
            buf_putc(&b, *text++);
    }
    return b.s;
}
