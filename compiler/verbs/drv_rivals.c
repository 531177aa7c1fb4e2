/* Who is compared: cells of the library by name or as a layer, "stack(2,
 * gru(n))", cells of a file, or whole specs. */
#include "drv_compare.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int is_spec_file(const char *path)
{
    size_t n = strcspn(path, ":"), m = strlen(".cell");

    return n > m && !memcmp(path + n - m, ".cell", m);
}

/* The name with everything that may not be in a file's name as _, and another
 * than the names before. */
static char *file_name(const Compare *c, const char *name)
{
    char *file = strdup(name);

    for (char *p = file; p && *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-_", *p))
            *p = '_';
    for (int i = 0; file && i < c->n; i++)
        if (!strcmp(c->rival[i].file, file)) {
            char *other = rt_printf("%s_%d", file, c->n + 1);

            free(file);
            file = other;
        }
    return file;
}

/* Takes name, layer and use. */
static int add(Compare *c, char *name, const char *spec, char *layer, char *use)
{
    Rival *r = &c->rival[c->n];
    int code = name && (layer || !c->task) ? 0 : EXIT_BUG;

    *r = (Rival){.name = name, .layer = layer, .use = use};
    for (int i = 0; i < c->n && !code; i++)
        if (!strcmp(c->rival[i].name, name)) {
            say_error("%s is given twice", name);
            code = EXIT_USAGE;
        }
    if (!code) {
        r->file = file_name(c, name);
        r->spec = strdup(spec);
        r->run = calloc((size_t)c->seeds, sizeof *r->run);
        code = r->file && r->spec && r->run ? 0 : EXIT_BUG;
    }
    c->n++;
    return code;
}

/* The cell at the task's option of size; malloc'd, NULL where there is none,
 * which is told. */
static char *sized_call(const Compare *c, const char *name, const char *text)
{
    char *call = drv_call_of(name, text, c->size);
    const char *given = call ? strchr(call, '(') : NULL;

    if (c->sized || !given || !strstr(given, c->size))
        return call;
    free(call);
    say_error("%s has no option %s to be the size of %s: `option %s = 32` "
              "declares it, --size names another",
              c->task, c->size, name, c->size);
    return NULL;
}

/* ---- cells of a file ---- */

/* The next line that begins a cell; its text from there on. */
static const char *next_cell(const char *text)
{
    while (text && *text) {
        if (!strncmp(text, "cell ", 5))
            return text;
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return NULL;
}

static char *cell_name(const char *at)
{
    at += 5 + strspn(at + 5, " ");
    return strndup(at, strcspn(at, " ({\n"));
}

/* The cell of that name, else the one that the file is called after, else the
 * only one. */
static const char *choose_cell(const char *text, const char *path,
                               const char *wanted)
{
    char *own = wanted ? strdup(wanted) : drv_model_name(path);
    const char *found = NULL, *only = NULL;
    int n = 0;

    for (const char *p = next_cell(text); p; p = next_cell(p + 1)) {
        char *name = cell_name(p);

        if (name && own && !strcmp(name, own))
            found = p;
        free(name);
        only = p;
        n++;
    }
    free(own);
    return found ? found : n == 1 && !wanted ? only : NULL;
}

static void list_cells(const char *text)
{
    fprintf(stderr, "  cells there:");
    for (const char *p = next_cell(text); p; p = next_cell(p + 1)) {
        char *name = cell_name(p);

        fprintf(stderr, " %s", name ? name : "");
        free(name);
    }
    fputc('\n', stderr);
}

static int add_from_file(Compare *c, const char *arg)
{
    char *path = strndup(arg, strcspn(arg, ":"));
    const char *wanted = strchr(arg, ':'), *cell;
    size_t n;
    char *text = path ? drv_read(path, &n) : NULL, *name, *call;
    int code = text ? 0 : EXIT_USER;

    cell = code ? NULL : choose_cell(text, path, wanted ? wanted + 1 : NULL);
    if (!code && cell) {
        name = cell_name(cell);
        call = name ? sized_call(c, name, cell) : NULL;
        if (!call)
            free(name);
        code = call ? add(c, name, c->task, call, path) : EXIT_USER;
        path = call ? NULL : path;
    } else if (!code && !next_cell(text)) {
        say_error("%s defines no cell", path);
        code = EXIT_USER;
    } else if (!code) {
        say_error("which cell of %s is meant? say it as %s:NAME", path, path);
        list_cells(text);
        code = EXIT_USER;
    }
    free(path);
    free(text);
    return code;
}

/* ---- cells of the library ---- */

static int no_such_cell(Cellc *c, const char *word)
{
    CellcCell cell;
    int n = 0;

    while (cellc_cell_at(c, n, &cell))
        n++;
    const char **name = calloc((size_t)n + 1, sizeof *name), *near;

    for (int i = 0; name && cellc_cell_at(c, i, &cell); i++)
        name[i] = cell.name;
    near = name ? flags_nearest(word, name, n) : NULL;
    say_error(
        "%s is no cell of the library, no file of cells and no data%s%s%s",
        word, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    free(name);
    return EXIT_USER;
}

static int add_from_library(Compare *c, const char *arg)
{
    Drv d = {0};
    int code = drv_new(&d);
    const char *text = code ? NULL : cellc_cell_text(d.c, arg);
    char *call;

    if (!code && strchr(arg, '('))
        code = add(c, strdup(arg), c->task, strdup(arg), NULL);
    else if (!code && text)
        code = (call = sized_call(c, arg, text))
                   ? add(c, strdup(arg), c->task, call, NULL)
                   : EXIT_USER;
    else if (!code)
        code = no_such_cell(d.c, arg);
    drv_free(&d);
    return code;
}

/* ---- the arguments ---- */

/* Appends to "a, b", NULL at first. */
static void add_word(char **list, const char *word)
{
    char *more =
        rt_printf("%s%s%s", *list ? *list : "", *list ? ", " : "", word);

    free(*list);
    *list = more;
}

/* The option of the task that holds a layer: the one that --layer names, else
 * the only one. */
static int find_option(Compare *c)
{
    const char *name, *value, *doc, *wanted = flags_get(c->f, "layer");
    Drv d = {0};
    char *list = NULL;
    int n = 0, code = drv_open(&d, c->f, c->task);

    if (!code)
        code = drv_code(cellc_check(d.c));
    for (int i = 0; !code && cellc_option_at(d.c, i, &name, &value, &doc);
         i++) {
        c->sized |= !strcmp(name, c->size);
        if (cellc_option_is_layer(d.c, i))
            add_word(&list, name);
        if (!cellc_option_is_layer(d.c, i) || (wanted && strcmp(name, wanted)))
            continue;
        free(c->option);
        c->option = strdup(name);
        n++;
    }
    if (!code && n != 1) {
        if (wanted && list)
            say_error("%s has no option %s that holds a layer; it has %s",
                      c->task, wanted, list);
        else if (n)
            say_error("several options of %s hold a layer; say which is "
                      "replaced with --layer NAME: %s",
                      c->task, list ? list : "");
        else
            say_error("%s has no option that holds a layer: write `option "
                      "layer = lstm(%s)` and apply it, `h = layer(x)`",
                      c->task, c->size);
        code = EXIT_USER;
    }
    free(list);
    drv_free(&d);
    return code;
}

static int is_data(const char *arg)
{
    struct stat st;

    return !is_spec_file(arg) && (!stat(arg, &st) || strchr(arg, '/') ||
                                  (strchr(arg, '.') && !strchr(arg, '(')));
}

static int known_cell(const char *arg)
{
    Drv d = {0};
    int known = !drv_new(&d) && cellc_cell_text(d.c, arg) != NULL;

    drv_free(&d);
    return known;
}

static int add_rival(Compare *c, const char *arg)
{
    if (c->task)
        return is_spec_file(arg) ? add_from_file(c, arg)
                                 : add_from_library(c, arg);
    if (is_spec_file(arg)) {
        char *name = drv_model_name(arg);

        return add(c, name, arg, NULL, NULL);
    }
    say_error("%s on what? cells need --task SPEC, a spec with `option layer = "
              "lstm(n)`; whole specs end in .cell",
              arg);
    return EXIT_USAGE;
}

int compare_rivals(Compare *c)
{
    int n = 0, code = c->task ? find_option(c) : 0;

    while (flags_arg(c->f, n))
        n++;
    if (!code && n && is_data(flags_arg(c->f, n - 1)) &&
        !known_cell(flags_arg(c->f, n - 1)))
        c->data = flags_arg(c->f, --n);
    c->rival = calloc((size_t)n + 1, sizeof *c->rival);
    if (!c->rival)
        return EXIT_BUG;
    for (int i = 0; i < n && !code; i++)
        code = add_rival(c, flags_arg(c->f, i));
    if (!code && !n) {
        say_error("compare needs cells: %s compare --task SPEC lstm gru",
                  c->program);
        code = EXIT_USAGE;
    }
    return code;
}
