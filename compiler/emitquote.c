/* Comments that say which lines of the source a piece of code computes. */
#include "emit.h"

#include <string.h>

/* A source line that a kernel computes. */
typedef VEC(Place) Lines;

/* Adds the line of a span, in the order of the text, each once. */
static void add_line(Emit *e, Lines *lines, Span span)
{
    Place at = {0};
    if (span.hi)
        at = source_place(e->o->sources, span.lo);
    if (!at.file)
        return;
    int i = lines->n;
    while (i > 0 && lines->v[i - 1].text > at.text)
        i--;
    if (i > 0 && lines->v[i - 1].text == at.text)
        return;
    vec_push(e->arena, lines, at);
    memmove(&lines->v[i + 1], &lines->v[i],
            sizeof at * (size_t)(lines->n - 1 - i));
    lines->v[i] = at;
}

static void quote_line(Emit *e, const Place *at)
{
    const char *s = at->text, *end = s + at->len;
    const char *hash = memchr(s, '#', (size_t)at->len);
    if (hash)
        end = hash;
    while (s < end && strchr(" \t", *s))
        s++;
    while (end > s && strchr(" \t\r", end[-1]))
        end--;
    const char *base = strrchr(at->file->name, '/');
    Buf text;
    buf_init(&text, e->arena);
    for (; s < end; s++) {
        buf_putc(&text, *s);
        if (*s == '*' && s + 1 < end && s[1] == '/')
            buf_putc(&text, ' '); /* not the end of the comment */
    }
    emit_line(e, "/* %s:%d  %s */", base ? base + 1 : at->file->name, at->line,
              text.s);
}

/* Quotes the source lines that a kernel belongs to, unless the kernel before
 * it quoted the same. */
void emit_quote(Emit *e, const Kernel *k)
{
    Lines lines = {0};
    if (!e->style->comments || !e->o->sources)
        return;
    for (int i = 0; i < k->inst.n; i++)
        if (k->inst.v[i].node)
            add_line(e, &lines, NODE(e->g, k->inst.v[i].node)->span);
    if (!lines.n)
        add_line(e, &lines, k->span);
    if (!lines.n || (lines.n == 1 && lines.v[0].text == e->quoted))
        return;
    for (int i = 0; i < lines.n; i++)
        quote_line(e, &lines.v[i]);
    e->quoted = lines.n == 1 ? lines.v[0].text : NULL;
}
