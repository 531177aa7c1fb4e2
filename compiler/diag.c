/* Puts messages together: the line for editors, the source line with its
 * underline, notes in the same form, one help line.  A message is sent when
 * the next one begins or at diags_flush(), so notes can follow diag(). */
#include "diag.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum {
    TAB = 4,       /* a tab goes on to the next multiple of this column */
    LONGEST = 120, /* columns of a source line that are shown */
    BEFORE = 60    /* of them in front of the caret, if the line is longer */
};

typedef struct Row {
    const char *code, *severity, *format, *explanation;
} Row;

static const Row rows[] = {
#define D(name, code, severity, format, explanation) \
    {code, severity, format, explanation},
#include "diag.def"
#undef D
};

typedef struct Said {
    DiagId id;
    Span at;
    const char *line; /* first line of the message */
    Span user;        /* where the user's text led to it, if not itself */
} Said;

struct Diags {
    Arena *arena;
    const Sources *sources;
    void (*sink)(void *user, const char *severity, const char *text);
    void *user;
    VEC(Said) said;
    int errors;
    bool open;        /* `text` waits to be sent */
    bool mute;        /* what comes belongs to a message that was dropped */
    const Row *row;   /* of the message being built */
    Buf text;         /* the message so far, without its help */
    const char *help; /* text of the help line, or NULL */
    Span (*place)(void *user, int i); /* diags_context(), or NULL */
    void *place_user;
};

Diags *diags_new(Arena *a, const Sources *s,
                 void (*sink)(void *user, const char *severity,
                              const char *text),
                 void *user)
{
    Diags *d = NEW(a, Diags);

    d->arena = a;
    d->sources = s;
    d->sink = sink;
    d->user = user;
    return d;
}

/* One character of a source line as the user sees it: its bytes go to `out`
 * (if not NULL), the result is how many columns it takes at column `col`. */
static int put_char(Buf *out, const char *s, int n, int col, int *bytes)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s, n, &c);
    int width = k > 0 ? utf8proc_charwidth(c) : 1;

    *bytes = k > 0 ? (int)k : 1;
    if (k > 0 && c == '\t') {
        width = TAB - col % TAB;
        if (out)
            buf_printf(out, "%*s", width, "");
    } else if (k <= 0 || c < 32 || (c >= 127 && c < 160)) {
        width = 1;
        if (out)
            buf_putc(out, '?');
    } else if (out) {
        buf_add(out, s, (size_t)k);
    }
    return width;
}

/* Prints bytes lo to hi of a line that starts at column 0; gives the column
 * that follows. */
static int put_text(Buf *out, const char *s, int lo, int hi)
{
    int i, k, col = 0;

    for (i = 0; i < hi; i += k)
        col += put_char(i >= lo ? out : NULL, s + i, hi - i, col, &k);
    return col;
}

/* First byte at or behind column `col`. */
static int byte_at(const char *s, int n, int col)
{
    int i, k, here = 0;

    for (i = 0; i < n && here < col; i += k)
        here += put_char(NULL, s + i, n - i, here, &k);
    return i;
}

/* The source line of `at` and an underline of what of the span is on it; of
 * a very long line only the part around the span. */
static void put_line(Buf *out, Place p, Span at)
{
    int lo = (int)(p.file->text + (at.lo - p.file->base) - p.text);
    int hi = lo + (int)(at.hi - at.lo), from = 0, to = p.len;
    int left = 0, mid, right;

    lo = lo > p.len ? p.len : lo;
    hi = hi > p.len ? p.len : hi;
    mid = put_text(NULL, p.text, 0, lo);
    if (put_text(NULL, p.text, 0, p.len) > LONGEST) {
        if (mid > LONGEST - BEFORE) {
            from = byte_at(p.text, lo, mid - BEFORE);
            left = put_text(NULL, p.text, 0, from);
        }
        to = byte_at(p.text, p.len, left + LONGEST);
        hi = hi > to ? to : hi;
    }
    right = put_text(NULL, p.text, 0, hi);
    buf_printf(out, "%5d | %s", p.line, from ? "..." : "");
    put_text(out, p.text, from, to);
    buf_puts(out, to < p.len ? "...\n" : "\n");
    buf_printf(out, "      | %*s^", mid - left + (from ? 3 : 0), "");
    while (++mid < right)
        buf_putc(out, '~');
    buf_putc(out, '\n');
}

/* Lines of binary files are not shown. */
static bool is_text(Place p)
{
    int i;

    for (i = 0; i < p.len; i++)
        if ((unsigned char)p.text[i] < 32 && p.text[i] != '\t')
            return false;
    return true;
}

void diag_place(Buf *out, const Sources *s, Span at, const char *said)
{
    Place p = source_place(s, at.lo);

    if (p.file)
        buf_printf(out, "%s:%d:%d: %s\n", p.file->name, p.line, p.col, said);
    else
        buf_printf(out, "cellc: %s\n", said);
    if (p.file && is_text(p))
        put_line(out, p, at);
}

/* At the same place, or of the library in the same words for the same line of
 * the user's. */
static bool was_said(const Diags *d, const Said *x)
{
    int i;

    for (i = 0; i < d->said.n; i++) {
        const Said *s = &d->said.v[i];
        bool words = s->id == x->id && strcmp(s->line, x->line) == 0;

        if (s->id == x->id && s->at.lo == x->at.lo && s->at.hi == x->at.hi &&
            (x->at.lo || words))
            return true;
        if (words && x->user.hi && s->user.lo == x->user.lo)
            return true;
    }
    return false;
}

void diags_context(Diags *d, Span (*place)(void *user, int i), void *user)
{
    d->place = place;
    d->place_user = user;
}

static bool in_library(const Diags *d, Span at)
{
    Place p = source_place(d->sources, at.lo);
    return at.hi && p.file && p.file->library;
}

/* The user's own text that led to a place in the library; {0, 0}: it is no
 * such place. */
static Span user_place(const Diags *d, Span at)
{
    Span s = {0, 0};

    if (!d->place || !in_library(d, at))
        return s;
    s = d->place(d->place_user, 0);
    for (int i = 1; s.hi && in_library(d, s); i++)
        s = d->place(d->place_user, i);
    return s;
}

void diag(Diags *d, DiagId id, Span at, ...)
{
    const Row *row = &rows[id];
    va_list ap;
    const char *text;
    Said said = {id, at, NULL, {0, 0}};

    diags_flush(d);
    va_start(ap, at);
    text = arena_vprintf(d->arena, row->format, ap);
    va_end(ap);
    said.line =
        arena_printf(d->arena, "%s[%s]: %s", row->severity, row->code, text);
    said.user = user_place(d, at);
    d->mute = was_said(d, &said);
    if (d->mute)
        return;
    vec_push(d->arena, &d->said, said);
    if (strcmp(row->severity, "error") == 0)
        d->errors++;
    d->open = true;
    d->row = row;
    d->help = NULL;
    buf_init(&d->text, d->arena);
    diag_place(&d->text, d->sources, at, said.line);
    if (said.user.hi)
        diag_note(d, said.user, "applied here");
}

void diag_note(Diags *d, Span at, const char *fmt, ...)
{
    va_list ap;
    const char *text;

    if (!d->open || d->mute)
        return;
    va_start(ap, fmt);
    text = arena_vprintf(d->arena, fmt, ap);
    va_end(ap);
    text = arena_printf(d->arena, "note: %s", text);
    if (source_place(d->sources, at.lo).file)
        diag_place(&d->text, d->sources, at, text);
    else
        buf_printf(&d->text, "%s\n", text);
}

void diag_help(Diags *d, const char *fmt, ...)
{
    va_list ap;

    if (!d->open || d->mute)
        return;
    va_start(ap, fmt);
    d->help = arena_vprintf(d->arena, fmt, ap);
    va_end(ap);
}

void diags_flush(Diags *d)
{
    if (!d->open)
        return;
    if (d->help)
        buf_printf(&d->text, "help: %s\n", d->help);
    d->open = false;
    if (d->sink)
        d->sink(d->user, d->row->severity, d->text.s);
}

int diags_errors(const Diags *d)
{
    return d->errors;
}

/* Length in bytes of the character at s. */
static int char_len(const char *s)
{
    int n = *s ? 1 : 0;

    while (n && ((unsigned char)s[n] & 0xC0) == 0x80)
        n++;
    return n;
}

static bool same_char(const char *a, const char *b)
{
    int n = char_len(a);

    return n == char_len(b) && strncmp(a, b, (size_t)n) == 0;
}

/* Whether at most k insertions, deletions, changes and swaps of neighbours
 * turn a into b; k is small, so trying them all is cheap. */
static bool within(const char *a, const char *b, int k)
{
    int n, m;

    while (*a && same_char(a, b)) {
        a += char_len(a);
        b += char_len(b);
    }
    if (!*a && !*b)
        return true;
    if (k == 0)
        return false;
    n = char_len(a);
    m = char_len(b);
    if ((*a && within(a + n, b, k - 1)) || (*b && within(a, b + m, k - 1)))
        return true;
    if (!*a || !*b)
        return false;
    if (within(a + n, b + m, k - 1))
        return true;
    return a[n] && b[m] && same_char(a + n, b) && same_char(a, b + m) &&
           within(a + n + char_len(a + n), b + m + char_len(b + m), k - 1);
}

const char *diag_closest(const char *word, const char *const *cand, int n)
{
    int i, k, length = 0, most;
    const char *p;

    for (p = word; *p; p += char_len(p))
        length++;
    most = length < 2 ? 0 : length < 4 ? 1 : length < 8 ? 2 : 3;
    for (k = 0; k <= most; k++) {
        const char *near = NULL;

        for (i = 0; i < n; i++) { /* swapped letters before a missing one */
            if (!within(word, cand[i], k))
                continue;
            if (strlen(cand[i]) == strlen(word))
                return cand[i];
            near = near ? near : cand[i];
        }
        if (near)
            return near;
    }
    return NULL;
}

const char *diag_explain(const char *code)
{
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].explanation;
    return NULL;
}

bool diag_example(const char *code, const char **wrong, const char **right)
{
    static const struct {
        const char *code, *wrong, *right;
    } example[] = {
#define X(code, wrong, right) {code, wrong, right},
#include "example.def"
#undef X
    };
    size_t i;

    for (i = 0; i < sizeof example / sizeof *example; i++)
        if (strcmp(example[i].code, code) == 0) {
            *wrong = example[i].wrong;
            *right = example[i].right;
            return true;
        }
    return false;
}
