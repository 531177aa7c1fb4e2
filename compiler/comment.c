/* Comments find their statements: a comment belongs to the statement on its
 * line, else to the next one.  Those inside a |> chain stay with their stage;
 * any other inside a statement moves in front of it. */
#include "syntax.h"

#include <string.h>

/* Walks comments and statements together, in the order of the text. */
typedef struct Walk {
    const Lexer *lx;
    int next; /* index of the first comment that has no place yet */
} Walk;

static Comment *peek(const Walk *w)
{
    return w->next < w->lx->comments.n ? w->lx->comments.v[w->next] : NULL;
}

static void hang(Walk *w, Comment **list, CommentPlace place)
{
    while (*list)
        list = &(*list)->next;
    *list = w->lx->comments.v[w->next++];
    (*list)->place = place;
}

/* Whether no line ends between two places of the text. */
static bool same_line(const Walk *w, uint32_t lo, uint32_t hi)
{
    const char *s = w->lx->src->text;

    return hi >= lo && !memchr(s + (lo - w->lx->src->base), '\n', hi - lo);
}

/* Whether a blank line stands in front of the line that holds `at`. */
static bool after_blank(const Walk *w, uint32_t at)
{
    const char *text = w->lx->src->text;
    const char *s = text + (at - w->lx->src->base);
    int lines = 0;

    while (s > text && s[-1] != '\n')
        s--;
    for (; s > text && strchr(" \t\r\n", s[-1]); s--)
        lines += s[-1] == '\n';
    return lines > 1;
}

/* Comments inside a chain: one behind a stage goes with it, those on lines of
 * their own with the next one, those inside a stage in front of it. */
static void attach_stages(Walk *w, Ast *s, Ast *e)
{
    Ast *left = e->kid->kind == A_PIPE ? e->kid->kid->next : e->kid;
    Ast *stage = e->kid->next;
    Comment *c;

    if (e->kid->kind == A_PIPE)
        attach_stages(w, s, e->kid);
    while ((c = peek(w)) && c->span.lo < left->span.hi)
        hang(w, left == e->kid ? &s->before : &left->before, C_LINE);
    if ((c = peek(w)) && c->span.lo < stage->span.lo &&
        same_line(w, left->span.hi, c->span.lo))
        hang(w, &left->after, C_END);
    while ((c = peek(w)) && c->span.lo < stage->span.lo)
        hang(w, &stage->before, C_LINE);
}

static void attach_list(Walk *w, Ast *first, uint32_t end, Comment **rest);

/* Comments within the statement s, and behind it on its last line as far as
 * the offset `end`. */
static void attach_inside(Walk *w, Ast *s, uint32_t end)
{
    Ast *body = s->kind == A_CELL ? ast_find(s, A_BODY) : NULL;
    Ast *tail = ast_tail(s);
    Comment *c;

    if (body || s->kind == A_TRAIN || s->kind == A_DATA) {
        uint32_t open = body ? body->span.lo : s->span.lo;

        while ((c = peek(w)) && c->span.lo < open)
            hang(w, &s->before, C_LINE);
        while ((c = peek(w)) && c->span.hi < s->span.hi &&
               same_line(w, open, c->span.lo))
            hang(w, &s->after, C_HEAD);
        attach_list(w, body ? body->kid : s->kid, s->span.hi,
                    body ? &body->after : &s->after);
    } else if (tail) {
        attach_stages(w, s, tail);
        while ((c = peek(w)) && c->span.lo < tail->span.hi)
            hang(w, &tail->kid->next->before, C_LINE);
    }
    while ((c = peek(w)) && c->span.lo < s->span.hi)
        hang(w, &s->before, C_LINE);
    while ((c = peek(w)) && c->span.lo < end &&
           same_line(w, s->span.hi, c->span.lo))
        hang(w, &s->after, C_END);
}

static void attach_list(Walk *w, Ast *first, uint32_t end, Comment **rest)
{
    Comment *c;
    Ast *s;

    for (s = first; s; s = s->next) {
        while ((c = peek(w)) && c->span.lo < s->span.lo)
            hang(w, &s->before, C_LINE);
        s->blank = after_blank(w, s->span.lo);
        attach_inside(w, s, s->next ? s->next->span.lo : end);
    }
    while ((c = peek(w)) && c->span.lo < end)
        hang(w, rest, C_LINE);
}

/* Adds what a ## comment says to a text; other comments say nothing. */
static void add_doc(Buf *doc, const Comment *c)
{
    const char *s = c->text;

    if (strncmp(s, "##", 2) != 0)
        return;
    while (*s == '#')
        s++;
    while (*s == ' ' || *s == '\t')
        s++;
    if (doc->n)
        buf_putc(doc, '\n');
    buf_puts(doc, s);
}

/* The comments from `from` on that touch the statement without blank lines. */
static const Comment *block_above(const Comment *from, const Ast *s)
{
    const Comment *c, *block = from;

    for (c = from; c; c = c->next)
        if (c != from && c->blank)
            block = c;
    return s->blank ? NULL : block;
}

static void document(Arena *a, Ast *s, const Comment *before)
{
    const Comment *c;
    Buf doc;

    buf_init(&doc, a);
    for (c = block_above(before, s); c; c = c->next)
        add_doc(&doc, c);
    for (c = s->after; c; c = c->next)
        add_doc(&doc, c);
    if (doc.n)
        s->doc = doc.s;
}

/* What the ## lines at the top say about the file, not about its first
 * statement: those that a blank line follows, or all if that statement has a
 * ## comment of its own.  Gives what is left for the statement. */
static const Comment *document_file(Arena *a, Ast *file)
{
    const Ast *s = file->kid;
    const Comment *c = s ? s->before : file->after;
    bool own = s && s->after && strncmp(s->after->text, "##", 2) == 0;
    Buf doc;

    if (!c || (s && !own && block_above(c, s) == c))
        return c;
    buf_init(&doc, a);
    do {
        add_doc(&doc, c);
        c = c->next;
    } while (c && !c->blank);
    if (doc.n)
        file->doc = doc.s;
    return c;
}

static void document_list(Arena *a, Ast *first)
{
    Ast *s;

    for (s = first; s; s = s->next) {
        document(a, s, s->before);
        if (s->kind == A_CELL)
            document_list(a, ast_find(s, A_BODY)->kid);
        else if (s->kind == A_TRAIN || s->kind == A_DATA)
            document_list(a, s->kid);
    }
}

void comment_attach(Lexer *lx, Ast *file)
{
    Walk w = {lx, 0};
    const Comment *first;
    int i;

    for (i = 0; i < lx->comments.n; i++)
        lx->comments.v[i]->blank = after_blank(&w, lx->comments.v[i]->span.lo);
    attach_list(&w, file->kid, file->span.hi + 1, &file->after);
    document_list(lx->arena, file->kid);
    first = document_file(lx->arena, file);
    if (file->kid && file->doc) {
        file->kid->doc = NULL;
        document(lx->arena, file->kid, first);
    }
}
