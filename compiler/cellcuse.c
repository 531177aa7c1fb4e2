/* `use "mine.cell"`: the files that a text asks for, and those that they ask
 * for, each parsed once and in front of who uses it.  Part of the handle:
 * called by cellc.c where it parses. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cellcint.h"

/* A file that is being read, for circles. */
typedef struct Open {
    const char *path; /* as shown */
    const char *real; /* the same file has the same */
    const struct Open *by;
} Open;

/* Relative to the file that uses it. */
static const char *used_path(Cellc *c, const char *from, const char *name)
{
    const char *slash = strrchr(from, '/');
    if (*name == '/' || !slash)
        return name;
    return arena_printf(c->run, "%.*s%s", (int)(slash - from) + 1, from, name);
}

static const char *real_path(Cellc *c, const char *path)
{
    char room[PATH_MAX];
    return arena_printf(c->run, "%s", realpath(path, room) ? room : path);
}

/* The whole file; NULL with errno. */
static char *read_file(Cellc *c, const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    Buf b;
    char part[4096];
    size_t n;
    if (!f)
        return NULL;
    buf_init(&b, c->run);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(&b, part, n);
    int bad = ferror(f) ? EIO : 0;
    fclose(f);
    errno = bad;
    *size = b.n;
    return bad ? NULL : b.s ? b.s : "";
}

static void follow(Cellc *c, Ast *file, const Open *at);

static void add_text(Cellc *c, const CellcText *t, const Open *at)
{
    UsedFile u = {*t, at->real, NULL};
    u.file =
        parse_file(c->run, c->names, c->diags,
                   source_add(&c->sources, t->name, t->text, t->size, false));
    if (!c->alone)
        follow(c, u.file, at);
    vec_push(c->run, &c->used, u);
}

static void one_use(Cellc *c, Ast *a, const Open *at)
{
    const char *path = used_path(c, at->path, a->str);
    Open to = {path, real_path(c, path), at};
    for (const Open *o = at; o; o = o->by)
        if (!strcmp(o->real, to.real)) {
            diag(c->diags, E_USE_CYCLE, a->span, o->path);
            return;
        }
    for (int i = 0; i < c->used.n; i++)
        if (!strcmp(c->used.v[i].real, to.real))
            return;
    CellcText t = {path, NULL, 0};
    t.text = read_file(c, path, &t.size);
    if (t.text)
        add_text(c, &t, &to);
    else
        diag(c->diags, E_USE, a->span, path, strerror(errno));
}

static void follow(Cellc *c, Ast *file, const Open *at)
{
    for (Ast *a = file->kid; a; a = a->next)
        if (a->kind == A_USE)
            one_use(c, a, at);
}

/* All texts and what they use, in c->file. */
void cellc_parse_files(Cellc *c)
{
    memset(&c->used, 0, sizeof c->used);
    for (int i = 0; i < c->text.n; i++) {
        const char *name = c->text.v[i].name;
        Open at = {name, real_path(c, name), NULL};
        add_text(c, &c->text.v[i], &at);
    }
    c->nfile = c->used.n;
    c->file = NEW_N(c->run, Ast *, c->nfile + 1);
    for (int i = 0; i < c->nfile; i++)
        c->file[i] = c->used.v[i].file;
}

/* One text that means the same and uses nothing: for a checkpoint. */
const char *cellc_whole_text(Cellc *c)
{
    Buf b;
    buf_init(&b, c->run);
    for (int i = 0; i < c->nfile; i++) {
        const UsedFile *u = &c->used.v[i];
        size_t from = b.n;
        buf_add(&b, u->text.text, u->text.size);
        for (Ast *a = u->file->kid; a; a = a->next) {
            uint32_t base = source_place(&c->sources, a->span.lo).file->base;
            if (a->kind == A_USE)
                memset(b.s + from + (a->span.lo - base), ' ',
                       a->span.hi - a->span.lo);
        }
        if (i + 1 < c->nfile)
            buf_puts(&b, "\n");
    }
    return b.s ? b.s : "";
}
