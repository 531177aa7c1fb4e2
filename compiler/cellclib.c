/* Questions about the library, of the public API: its cells, what their
 * comments say of them, their texts, and in which states they are linear. */
#include "cellcint.h"

#include <string.h>

#include "linear.h"
#include "prelude.h"
#include "probe.h"

/* All of the library; a compilation parses only what it needs. */
static int parse_library(Cellc *c)
{
    Sources *s = NEW(c->keep, Sources);
    s->arena = c->keep;
    s->next = 1;
    c->whole = library_parse(c->keep, intern_new(c->keep),
                             diags_new(c->keep, s, NULL, NULL), s, true);
    return CELLC_OK;
}

static bool is_cells_file(int file)
{
    return strchr(prelude_file[file].name, '/') != NULL;
}

/* Files of cells are called cells/NAME.cell: the cell of that name counts, what
 * stands behind it helps it.  Elsewhere every cell counts but those that serve
 * `~`. */
static bool is_entry(int file, const char *cell)
{
    const char *slash = strchr(prelude_file[file].name, '/');
    size_t n = strlen(cell);
    if (!slash)
        return strcmp(prelude_file[file].name, "dist.cell") != 0;
    return !strncmp(slash + 1, cell, n) && slash[1 + n] == '.';
}

/* The i-th cell, or the one of that name. */
static const Ast *library_cell(Cellc *c, int i, const char *name, int *file)
{
    if (!c->whole.file && cellc_guarded(c, parse_library))
        return NULL;
    for (int f = 0; f < c->whole.n; f++)
        for (const Ast *a = c->whole.file[f]->kid; a; a = a->next) {
            if (a->kind != A_CELL || !is_entry(f, a->name))
                continue;
            if (name ? !strcmp(a->name, name) : !i--) {
                *file = f;
                return a;
            }
        }
    return NULL;
}

/* Lines of a comment from the one that begins with `key` up to the next key,
 * joined by spaces; "" where there is none.  The line without a key is the
 * summary: key "". */
static const char *doc_part(Arena *a, const char *doc, const char *key)
{
    static const char *const keys[] = {"Paper:", "Family:", "Note:"};
    const char *now = "";
    Buf b;
    buf_init(&b, a);
    for (const char *line = doc; line && *line;) {
        size_t n = strcspn(line, "\n"), skip = 0;
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (!strncmp(line, keys[k], strlen(keys[k]))) {
                now = keys[k];
                skip = strlen(now);
            }
        skip += strspn(line + skip, " ");
        if (!strcmp(now, key) && n > skip)
            buf_printf(&b, "%s%.*s", b.n ? " " : "", (int)(n - skip),
                       line + skip);
        line += n + (line[n] == '\n');
    }
    return b.s ? b.s : "";
}

/* An output that is no name is an equation too; h[0] = e is none. */
static bool is_equation(const Ast *a)
{
    if (a->kind == A_EQ)
        return a->kid->kid->kind == A_NAME;
    if (a->kind == A_OUTPUT)
        for (const Ast *k = a->kid; k; k = k->next)
            if (k->kid->kind != A_NAME)
                return true;
    return a->kind == A_DRAW;
}

/* Of a cell, with those that help it. */
static int count_equations(const Cellc *c, int file, const Ast *cell)
{
    int n = 0;
    for (const Ast *a = c->whole.file[file]->kid; a; a = a->next) {
        if (a != cell && (a->kind != A_CELL || !is_cells_file(file)))
            continue;
        for (const Ast *s = ast_find(a, A_BODY)->kid; s; s = s->next)
            n += is_equation(s);
    }
    return n;
}

int cellc_cell_at(Cellc *c, int i, CellcCell *cell)
{
    int file;
    const Ast *a = library_cell(c, i, NULL, &file);
    if (!a || setjmp(c->escape.env))
        return 0;
    cell->name = a->name;
    cell->summary = doc_part(c->keep, a->doc, "");
    cell->paper = doc_part(c->keep, a->doc, "Paper:");
    cell->family = doc_part(c->keep, a->doc, "Family:");
    cell->note = doc_part(c->keep, a->doc, "Note:");
    cell->equations = count_equations(c, file, a);
    return 1;
}

const char *cellc_cell_text(Cellc *c, const char *name)
{
    int file;
    const Ast *a = library_cell(c, 0, name, &file);
    if (!a || setjmp(c->escape.env))
        return NULL;
    if (is_cells_file(file))
        return library_text(c->keep, file);
    Ast one = *c->whole.file[file], copy = *a;
    copy.next = NULL;
    copy.blank = 0;
    one.kid = &copy;
    one.after = NULL;
    buf_init(&c->shown, c->keep);
    ast_print(&c->shown, &one);
    return c->shown.s;
}

static void print_equations(Cellc *c, const Ast *cell)
{
    Ast file = *c->whole.file[0];
    file.after = NULL;
    for (const Ast *s = ast_find(cell, A_BODY)->kid; s; s = s->next) {
        if (s->kind != A_EQ && s->kind != A_DRAW && !is_equation(s))
            continue;
        Ast one = *s;
        one.next = NULL;
        one.before = one.after = NULL;
        one.blank = 0;
        file.kid = &one;
        ast_print(&c->shown, &file);
    }
}

const char *cellc_cell_equations(Cellc *c, const char *name)
{
    int file;
    const Ast *cell = library_cell(c, 0, name, &file);
    if (!cell || setjmp(c->escape.env))
        return NULL;
    buf_init(&c->shown, c->keep);
    buf_puts(&c->shown, "");
    print_equations(c, cell);
    for (const Ast *a = c->whole.file[file]->kid; a; a = a->next)
        if (a != cell && a->kind == A_CELL && is_cells_file(file)) {
            buf_printf(&c->shown, "%s:\n", a->name);
            print_equations(c, a);
        }
    return c->shown.s;
}

const char *cellc_cell_model(Cellc *c, const char *name)
{
    int file;
    const Ast *cell = library_cell(c, 0, name, &file);
    if (!cell || setjmp(c->escape.env))
        return NULL;
    return probe_text(c->keep, cell, "");
}

const char *cellc_linear(Cellc *c, bool inner)
{
    Graph *g = pass_simplify(pass_final(c->elab.graph));
    Causal causal = causal_find(g, c->run);
    return linear_text(g, &causal, inner, c->run);
}

static int find_linear(Cellc *c)
{
    buf_init(&c->shown, c->keep);
    buf_puts(&c->shown, cellc_linear(c, true));
    return CELLC_OK;
}

const char *cellc_cell_linear(Cellc *c, const char *name)
{
    const char *text = cellc_cell_model(c, name), *out = NULL;
    if (!text)
        return cellc_cell_text(c, name) ? "as its argument" : NULL;
    Cellc *one = cellc_new(NULL, NULL);
    if (!one || setjmp(c->escape.env))
        return NULL;
    if (!cellc_add_text(one, name, text, strlen(text)) && !cellc_check(one) &&
        !cellc_guarded(one, find_linear))
        out = arena_printf(c->keep, "%s", one->shown.s);
    cellc_free(one);
    return out;
}
