/* The verb cells: the library by family, what a word finds in it, one cell's
 * text; and docs/CELLS.md. */
#include "drv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS = 80,
    INDENT = 26 /* of a summary, behind name and number of equation lines */
};

static const struct {
    const char *name, *title;
} family[] = {{"plain", "Plain recurrence"},
              {"gru", "GRU and its kin"},
              {"lstm", "LSTM and its kin"},
              {"linear", "Linear recurrence and state spaces"},
              {"memory", "Memory beside the state"},
              {"spiking", "Spiking neurons and reservoirs"},
              {"continuous", "Continuous time"},
              {"layer", "Layers without a state of their own"},
              {"wrapper", "Wrappers of other cells"},
              {"", "Other"}};
enum { FAMILIES = sizeof family / sizeof *family };

static int family_of(const CellcCell *cell)
{
    int k = 0;

    while (k < FAMILIES - 1 && strcmp(family[k].name, cell->family))
        k++;
    return k;
}

/* Columns of n bytes of UTF-8. */
static int columns(const char *s, size_t n)
{
    int count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xC0) != 0x80;
    return count;
}

/* Words from column `at` on; lines after the first begin at `indent`. */
static void print_wrapped(const char *s, int at, int indent)
{
    int first = 1;

    for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");
        int width = columns(s, n);

        if (!first && at + 1 + width >= COLUMNS) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)n, s);
        at += width;
        s += n;
        first = 0;
    }
    putchar('\n');
}

static void print_line(const CellcCell *cell)
{
    int at = printf("  %-20s%3d ", cell->name, cell->equations);

    print_wrapped(cell->summary, at, INDENT);
}

static void print_linear(Cellc *c, const char *name)
{
    const char *text = cellc_cell_linear(c, name);

    text = text ? text : "not known";
    printf("%s%s\n", strcmp(text, "no state") ? "linear in its state: " : "",
           text);
}

/* With --linear and --equations. */
static int print_more(const Flags *f, Cellc *c, const CellcCell *cell)
{
    const char *text;

    if (flags_given(f, "linear")) {
        printf("%*s", INDENT, "");
        print_linear(c, cell->name);
    }
    if (!flags_given(f, "equations"))
        return 0;
    text = cellc_cell_equations(c, cell->name);
    if (!text)
        return EXIT_BUG;
    while (*text) {
        size_t n = strcspn(text, "\n");

        printf("    %.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
    return 0;
}

/* ---- what is asked for ---- */

/* Whether the word is in the text, whatever the case of ASCII letters. */
static int holds(const char *text, const char *word)
{
    for (; *text; text++) {
        size_t i = 0;

        while (word[i] && tolower((unsigned char)text[i]) ==
                              tolower((unsigned char)word[i]))
            i++;
        if (!word[i])
            return 1;
    }
    return 0;
}

/* A cell's name means that cell, another word whatever has it. */
typedef struct Wanted {
    const char *word, *family; /* or NULL */
    int name;                  /* the word is a cell's name */
} Wanted;

static Wanted find_wanted(const Flags *f, Cellc *c)
{
    Wanted w = {flags_arg(f, 0), flags_get(f, "family"), 0};

    w.name = w.word && cellc_cell_text(c, w.word);
    return w;
}

static int is_wanted(const Wanted *w, const CellcCell *cell)
{
    if (w->family && strcmp(w->family, cell->family))
        return 0;
    if (!w->word || w->name)
        return !w->word || !strcmp(w->word, cell->name);
    return holds(cell->name, w->word) || holds(cell->summary, w->word) ||
           holds(cell->paper, w->word);
}

static int list(const Flags *f, Cellc *c, int *found)
{
    const Wanted w = find_wanted(f, c);
    CellcCell cell;
    int code = 0;

    for (int k = 0; k < FAMILIES; k++)
        for (int i = 0, n = 0; !code && cellc_cell_at(c, i, &cell); i++) {
            if (family_of(&cell) != k || !is_wanted(&w, &cell))
                continue;
            if (!n++ && *family[k].name)
                printf("%s%s\n", *found ? "\n" : "", family[k].name);
            else if (n == 1 && *found)
                putchar('\n');
            print_line(&cell);
            code = print_more(f, c, &cell);
            (*found)++;
        }
    return code;
}

static int names(const Flags *f, Cellc *c, int *found)
{
    const Wanted w = find_wanted(f, c);
    CellcCell cell;

    for (int i = 0; cellc_cell_at(c, i, &cell); i++)
        if (is_wanted(&w, &cell)) {
            puts(cell.name);
            (*found)++;
        }
    return 0;
}

static int json(const Flags *f, Cellc *c, int *found)
{
    const Wanted w = find_wanted(f, c);
    json_t *all = json_array();
    CellcCell cell;

    for (int i = 0; cellc_cell_at(c, i, &cell); i++) {
        const char *linear, *equations, *text;
        json_t *j;

        if (!is_wanted(&w, &cell))
            continue;
        j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "name", cell.name,
                      "summary", cell.summary, "paper", cell.paper, "family",
                      cell.family, "note", cell.note, "lines", cell.equations);
        linear =
            flags_given(f, "linear") ? cellc_cell_linear(c, cell.name) : NULL;
        if (linear)
            json_object_set_new(j, "linear", json_string(linear));
        equations = cellc_cell_equations(c, cell.name);
        if (equations)
            json_object_set_new(j, "equations", json_string(equations));
        text = cellc_cell_text(c, cell.name);
        if (text)
            json_object_set_new(j, "text", json_string(text));
        json_array_append_new(all, j);
        (*found)++;
    }
    return app_print_json(all);
}

/* ---- docs/CELLS.md ---- */

static int markdown_cell(Cellc *c, const CellcCell *cell)
{
    const char *text;

    printf("\n### %s\n\n", cell->name);
    print_wrapped(cell->summary, 0, 0);
    if (*cell->paper) {
        printf("\nPaper: ");
        print_wrapped(cell->paper, 7, 0);
    }
    printf("\n%d equation line%s, ", cell->equations,
           cell->equations == 1 ? "" : "s");
    print_linear(c, cell->name);
    text = cellc_cell_equations(c, cell->name);
    if (!text)
        return EXIT_BUG;
    if (*text)
        printf("\n```\n%s```\n", text);
    if (*cell->note) {
        putchar('\n');
        print_wrapped(cell->note, 0, 0);
    }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* How many cells, and how many equation lines the middle one has. */
static int markdown_head(Cellc *c, int *found)
{
    CellcCell cell;
    int *lines;

    while (cellc_cell_at(c, *found, &cell))
        (*found)++;
    lines = malloc((size_t)(*found + 1) * sizeof *lines);
    if (!lines)
        return EXIT_BUG;
    for (int i = 0; i < *found; i++)
        lines[i] = cellc_cell_at(c, i, &cell) ? cell.equations : 0;
    qsort(lines, (size_t)*found, sizeof *lines, by_size);
    printf("# The library's cells\n\n%d cells; half of them have at most %d "
           "equation lines. Made by\n`cellc cells --markdown >docs/CELLS.md`; "
           "do not edit.\n\n"
           "`cellc cells NAME` prints a cell with its parameters, ready to be "
           "changed. A cell\nis linear in its state where the next state is a "
           "linear function of the one\nbefore, whatever the input; `partly` "
           "names the states that are.\n",
           *found, *found ? lines[*found / 2] : 0);
    free(lines);
    return 0;
}

static int markdown(const Flags *f, Cellc *c, int *found)
{
    CellcCell cell;
    int code = markdown_head(c, found);

    (void)f;
    for (int k = 0; k < FAMILIES; k++)
        for (int i = 0, n = 0; !code && cellc_cell_at(c, i, &cell); i++) {
            if (family_of(&cell) != k)
                continue;
            if (!n++)
                printf("\n## %s\n", family[k].title);
            code = markdown_cell(c, &cell);
        }
    return code;
}

/* ---- the verb ---- */

static int nothing_found(const Flags *f, Cellc *c)
{
    const char *word = flags_arg(f, 0), **name, *near = NULL;
    CellcCell cell;
    int n = 0;

    if (!word) {
        say_error("no cell of the family \"%s\"; there are plain, gru, lstm, "
                  "linear, memory, spiking, continuous, layer and wrapper",
                  flags_get(f, "family"));
        return EXIT_USER;
    }
    while (cellc_cell_at(c, n, &cell))
        n++;
    name = malloc((size_t)(n + 1) * sizeof *name);
    for (int i = 0; name && i < n; i++)
        name[i] = cellc_cell_at(c, i, &cell) ? cell.name : "";
    if (name)
        near = flags_nearest(word, name, n);
    free(name);
    say_error("the library has no cell \"%s\", and none whose name, summary or "
              "paper has that word%s%s%s",
              word, near ? "; did you mean " : "", near ? near : "",
              near ? "?" : "");
    return EXIT_USER;
}

static int cells_run(Flags *f, void *user)
{
    const char *word = flags_arg(f, 0), *text = NULL;
    int plain = !flags_given(f, "linear") && !flags_given(f, "equations") &&
                !flags_given(f, "names") && !flags_given(f, "json") &&
                !flags_given(f, "markdown") && !flags_given(f, "family");
    int found = 0, code;
    Drv d = {0};

    (void)user;
    code = drv_new(&d);
    if (!code && word && plain)
        text = cellc_cell_text(d.c, word);
    if (text)
        fputs(text, stdout);
    else if (!code)
        code = (flags_given(f, "json")       ? json
                : flags_given(f, "markdown") ? markdown
                : flags_given(f, "names")    ? names
                                             : list)(f, d.c, &found);
    if (!code && !text && !found)
        code = nothing_found(f, d.c);
    drv_free(&d);
    return code;
}

static const Flag cells_own[] = {
    {"family", "NAME", NULL, NULL,
     "plain gru lstm linear memory spiking continuous layer wrapper"},
    {"equations", NULL, NULL, NULL, "with the equations"},
    {"linear", NULL, NULL, NULL, "with the states that a cell is linear in"},
    {"names", NULL, NULL, NULL, "names alone"},
    {"markdown", NULL, NULL, NULL, "all of it as docs/CELLS.md"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const cells_flags[] = {cells_own, drv_json_flags, NULL};
const Verb drv_cells = {
    "cells",
    "[NAME|WORD]",
    "the library; one cell's equations, to edit",
    cells_flags,
    {"cells attention --equations", "cells gru > mine.cell"},
    0,
    1,
    cells_run};
