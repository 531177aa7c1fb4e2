/* Source files and the way from a byte offset to what the user sees: file,
 * line, column.  Lines are found by scanning: only messages ask for them. */
#include "source.h"

#include <string.h>
#include <utf8proc.h>

/* Library files are shown as prelude/NAME.cell, whatever they are called. */
static const char *shown_name(Arena *a, const char *name, bool library)
{
    size_t n = strlen(name);
    bool ending = n > 5 && strcmp(name + n - 5, ".cell") == 0;

    if (!library || strncmp(name, "prelude/", 8) == 0)
        return arena_strndup(a, name, n);
    return arena_printf(a, "prelude/%s%s", name, ending ? "" : ".cell");
}

Source *source_add(Sources *s, const char *name, const char *text, size_t size,
                   bool library)
{
    Source *f;

    if (!s->next)
        s->next = 1;
    if (size >= UINT32_MAX - s->next)
        return NULL;
    f = NEW(s->arena, Source);
    f->name = shown_name(s->arena, name, library);
    f->text = arena_strndup(s->arena, text, size);
    f->size = size;
    f->base = s->next;
    f->library = library;
    s->next += (uint32_t)size + 1;
    vec_push(s->arena, &s->file, f);
    return f;
}

static const Source *source_at(const Sources *s, uint32_t at)
{
    int i;

    for (i = 0; at && i < s->file.n; i++) {
        const Source *f = s->file.v[i];

        if (at >= f->base && at - f->base <= f->size)
            return f;
    }
    return NULL;
}

Place source_place(const Sources *s, uint32_t at)
{
    Place p = {source_at(s, at), 0, 0, NULL, 0};
    const char *here, *q, *end;

    if (!p.file)
        return p;
    here = p.file->text + (at - p.file->base);
    end = p.file->text + p.file->size;
    p.line = 1;
    p.text = p.file->text;
    for (q = p.text; q < here; q++)
        if (*q == '\n') {
            p.line++;
            p.text = q + 1;
        }
    for (q = here; q < end && *q != '\n'; q++)
        ;
    p.len = (int)(q - p.text);
    if (p.len && p.text[p.len - 1] == '\r')
        p.len--;
    p.col = 1 + source_width(p.text, (int)(here - p.text));
    return p;
}

int source_width(const char *s, int n)
{
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s;
    int i = 0, width = 0;

    while (i < n) {
        utf8proc_int32_t c;
        utf8proc_ssize_t k = utf8proc_iterate(p + i, n - i, &c);

        if (k <= 0) { /* not UTF-8: shown as one sign */
            k = 1;
            c = '?';
        }
        width += c == '\t' ? 1 : utf8proc_charwidth(c);
        i += (int)k;
    }
    return width;
}

Span span_join(Span a, Span b)
{
    Span s;

    if (!a.lo && !a.hi)
        return b;
    if (!b.lo && !b.hi)
        return a;
    s.lo = a.lo < b.lo ? a.lo : b.lo;
    s.hi = a.hi > b.hi ? a.hi : b.hi;
    return s;
}
