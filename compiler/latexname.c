/* Names of the language as LaTeX: Greek letters, marks over letters, and the
 * endings that a reader takes for an index (Wi, bf, h_0).  Used by latex.c and
 * latexexpr.c. */
#include "latex.h"

#include <ctype.h>
#include <string.h>
#include <utf8proc.h>

typedef struct Sign {
    int32_t code;
    const char *text;
} Sign;

static const Sign letters[] = {
    {0x3b1, "\\alpha"},     {0x3b2, "\\beta"},       {0x3b3, "\\gamma"},
    {0x3b4, "\\delta"},     {0x3b5, "\\varepsilon"}, {0x3b6, "\\zeta"},
    {0x3b7, "\\eta"},       {0x3b8, "\\theta"},      {0x3b9, "\\iota"},
    {0x3ba, "\\kappa"},     {0x3bb, "\\lambda"},     {0x3bc, "\\mu"},
    {0x3bd, "\\nu"},        {0x3be, "\\xi"},         {0x3bf, "o"},
    {0x3c0, "\\pi"},        {0x3c1, "\\rho"},        {0x3c2, "\\varsigma"},
    {0x3c3, "\\sigma"},     {0x3c4, "\\tau"},        {0x3c5, "\\upsilon"},
    {0x3c6, "\\varphi"},    {0x3c7, "\\chi"},        {0x3c8, "\\psi"},
    {0x3c9, "\\omega"},     {0x3d1, "\\vartheta"},   {0x3d5, "\\phi"},
    {0x3d6, "\\varpi"},     {0x3f1, "\\varrho"},     {0x3f5, "\\epsilon"},
    {0x393, "\\Gamma"},     {0x394, "\\Delta"},      {0x398, "\\Theta"},
    {0x39b, "\\Lambda"},    {0x39e, "\\Xi"},         {0x3a0, "\\Pi"},
    {0x3a3, "\\Sigma"},     {0x3a5, "\\Upsilon"},    {0x3a6, "\\Phi"},
    {0x3a8, "\\Psi"},       {0x3a9, "\\Omega"},      {0x391, "\\mathrm{A}"},
    {0x392, "\\mathrm{B}"}, {0x395, "\\mathrm{E}"},  {0x396, "\\mathrm{Z}"},
    {0x397, "\\mathrm{H}"}, {0x399, "\\mathrm{I}"},  {0x39a, "\\mathrm{K}"},
    {0x39c, "\\mathrm{M}"}, {0x39d, "\\mathrm{N}"},  {0x39f, "\\mathrm{O}"},
    {0x3a1, "\\mathrm{P}"}, {0x3a4, "\\mathrm{T}"},  {0x3a7, "\\mathrm{X}"},
    {0x2113, "\\ell"}};
static const Sign marks[] = {
    {0x300, "\\grave"}, {0x301, "\\acute"},     {0x302, "\\hat"},
    {0x303, "\\tilde"}, {0x304, "\\bar"},       {0x305, "\\bar"},
    {0x306, "\\breve"}, {0x307, "\\dot"},       {0x308, "\\ddot"},
    {0x30c, "\\check"}, {0x331, "\\underline"}, {0x332, "\\underline"},
    {0x20d7, "\\vec"}};
#define FIND(table, code) find(table, sizeof table / sizeof *table, code)

static const char *find(const Sign *s, size_t n, int32_t code)
{
    for (size_t i = 0; i < n; i++)
        if (s[i].code == code)
            return s[i].text;
    return NULL;
}

/* The characters of a name, marks apart from their letters. */
typedef VEC(int32_t) Codes;

static Codes decompose(Arena *a, const char *s, size_t n)
{
    Codes out = {0};
    for (size_t i = 0; i < n;) {
        utf8proc_int32_t c, part[8];
        utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s + i,
                                              (utf8proc_ssize_t)(n - i), &c);
        if (k <= 0)
            break;
        i += (size_t)k;
        utf8proc_ssize_t parts = utf8proc_decompose_char(
            c, part, 8, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, NULL);
        for (utf8proc_ssize_t j = 0; j < parts && j < 8; j++)
            vec_push(a, &out, part[j]);
    }
    return out;
}

static bool is_mark(int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC;
}

/* One letter with the marks behind it; gives the place that follows. */
static int put_letter(Buf *out, const Codes *c, int i)
{
    int end = i + 1, braces = 0;
    while (end < c->n && is_mark(c->v[end])) {
        const char *mark = FIND(marks, c->v[end]);
        if (mark)
            buf_printf(out, "%s{", mark);
        braces += mark != NULL;
        end++;
    }
    const char *known = FIND(letters, c->v[i]);
    if (known)
        buf_printf(out, known[0] == '\\' ? "%s " : "%s", known);
    else if (c->v[i] == '_')
        buf_puts(out, "\\_");
    else if (c->v[i] < 128)
        buf_putc(out, (char)c->v[i]);
    else
        buf_printf(out, "\\mathrm{u%x}", (unsigned)c->v[i]);
    while (braces--)
        buf_putc(out, '}');
    return end;
}

static void put_letters(Buf *out, const Codes *c, int from, int to)
{
    while (from < to)
        from = put_letter(out, c, from);
}

/* Where the index begins: W|i, h|_0, λ|f; the length where there is none.  A
 * number is none: h0 is not h at step 0. */
static int index_of(const Codes *c, int head)
{
    int tail = c->n - head;
    bool word = false;
    for (int i = head; i < c->n; i++) {
        if (c->v[i] == '_')
            return i;
        word |= c->v[i] == '.' || (c->v[i] >= '0' && c->v[i] <= '9');
    }
    bool plain = c->v[0] >= 'a' && c->v[0] <= 'z' && head == 1;
    if (!tail || word)
        return c->n;
    return tail == 1 || (!plain && tail <= 3) ? head : c->n;
}

static const char *letters_text(Arena *a, const Codes *c, int from, int to)
{
    Buf b;
    buf_init(&b, a);
    buf_puts(&b, "");
    put_letters(&b, c, from, to);
    return b.s;
}

Symbol latex_name(Arena *a, const char *name, const char *instance)
{
    Buf skip;
    buf_init(&skip, a);
    Codes c = decompose(a, name, strlen(name));
    int head = c.n ? put_letter(&skip, &c, 0) : 0, at = index_of(&c, head);
    Symbol s = {letters_text(a, &c, 0, at), "", ""};
    if (at > head)
        s.base = arena_printf(a, "\\mathit{%s}", s.base);
    if (at < c.n)
        s.index = letters_text(a, &c, at + (c.v[at] == '_'), c.n);
    if (*instance) {
        Codes i = decompose(a, instance, strlen(instance));
        s.up = arena_printf(a, "\\mathrm{%s}", letters_text(a, &i, 0, i.n));
    }
    return s;
}

void latex_symbol(Buf *out, const Symbol *s, const char *step)
{
    buf_puts(out, s->base);
    if (*s->up)
        buf_printf(out, "^{%s}", s->up);
    if (*s->index || *step)
        buf_printf(out, "_{%s%s%s}", s->index, *s->index && *step ? "," : "",
                   step);
}

void latex_size(Buf *out, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "*+-/() 0123456789");
        if (n) {
            Symbol s =
                latex_name(out->arena, arena_strndup(out->arena, text, n), "");
            latex_symbol(out, &s, "");
            text += n;
            continue;
        }
        if (*text == '*')
            buf_puts(out, "\\,");
        else
            buf_putc(out, *text);
        text++;
    }
}
