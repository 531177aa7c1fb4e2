/* Verbs on the text of specs: check, fmt, cells, show. */
#include "drv.h"

#include <stdlib.h>
#include <string.h>

/* ---- check ---- */

static const Flag no_flags[] = {{NULL, NULL, NULL, NULL, NULL}};

static int check_one(const Flags *f, const char *path, json_t *report)
{
    Drv d = {0};
    int code;

    if (report)
        d.messages = json_array();
    code = drv_open(&d, f, path);
    if (!code)
        code = drv_code(cellc_check(d.c));
    if (report)
        json_array_append_new(report,
                              json_pack("{s:s, s:b, s:O}", "file", path, "ok",
                                        !code, "messages", d.messages));
    drv_free(&d);
    return code;
}

static int check_run(Flags *f, void *user)
{
    json_t *report = flags_given(f, "json") ? json_array() : NULL;
    const char *path;
    int worst = 0;

    (void)user;
    for (int i = 0; (path = flags_arg(f, i)); i++) {
        int code = check_one(f, path, report);

        if (code > worst)
            worst = code;
    }
    if (report)
        drv_print_json(report);
    return worst;
}

static const Flag *const check_flags[] = {drv_size_flags, drv_json_flags, NULL};
const Verb drv_check = {"check",
                        "SPEC...",
                        "names, shapes and causality; silent when fine",
                        check_flags,
                        {"check model.cell", "check --json a.cell b.cell"},
                        1,
                        -1,
                        check_run};

/* ---- fmt ---- */

static int fmt_one(const char *path, int check)
{
    Drv d = {0};
    size_t n = 0;
    char *text = drv_read(path, &n);
    int code = text ? drv_new(&d) : EXIT_USER;
    int from_stdin = !strcmp(path, "-");
    const char *out = NULL;

    if (!code) {
        out = cellc_format(d.c, from_stdin ? "<stdin>" : path, text, n);
        code = out ? 0 : EXIT_USER;
    }
    if (!code && check && (strlen(out) != n || memcmp(out, text, n))) {
        printf("%s\n", path);
        code = EXIT_SHORT;
    } else if (!code && !check && from_stdin) {
        fputs(out, stdout);
    } else if (!code && !check && (strlen(out) != n || memcmp(out, text, n))) {
        code = drv_write(path, out, strlen(out));
    }
    drv_free(&d);
    free(text);
    return code;
}

static int fmt_run(Flags *f, void *user)
{
    const char *path;
    int worst = 0, code;

    (void)user;
    for (int i = 0; (path = flags_arg(f, i)); i++) {
        code = fmt_one(path, flags_given(f, "check"));
        if (code && worst != EXIT_USER)
            worst = code;
    }
    return worst;
}

static const Flag fmt_own[] = {
    {"check", NULL, NULL, NULL,
     "change nothing; name the files that are not in canonical layout"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const fmt_flags[] = {fmt_own, NULL};
const Verb drv_fmt = {"fmt",
                      "SPEC...",
                      "canonical layout, in place",
                      fmt_flags,
                      {"fmt model.cell", "fmt - < model.cell"},
                      1,
                      -1,
                      fmt_run};

/* ---- cells ---- */

static int cells_list(Cellc *c)
{
    const char *name, *summary;

    for (int i = 0; cellc_cell_at(c, i, &name, &summary); i++)
        printf("%-16s %s\n", name, summary ? summary : "");
    return 0;
}

static int cells_unknown(Cellc *c, const char *word)
{
    const char **name, *near = NULL, *summary;
    int n = 0;

    while (cellc_cell_at(c, n, &near, &summary))
        n++;
    near = NULL;
    name = malloc((size_t)(n + 1) * sizeof *name);
    for (int i = 0; name && i < n; i++)
        cellc_cell_at(c, i, &name[i], &summary);
    if (name)
        near = flags_nearest(word, name, n);
    free(name);
    say_error("the library has no cell \"%s\"%s%s%s", word,
              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return EXIT_USER;
}

static int cells_run(Flags *f, void *user)
{
    const char *name = flags_arg(f, 0), *text;
    Drv d = {0};
    int code = drv_new(&d);

    (void)user;
    if (code)
        return code;
    if (!name) {
        code = cells_list(d.c);
    } else {
        text = cellc_cell_text(d.c, name);
        if (text)
            fputs(text, stdout);
        else
            code = cells_unknown(d.c, name);
    }
    drv_free(&d);
    return code;
}

static const Flag *const cells_flags[] = {no_flags, NULL};
const Verb drv_cells = {"cells",
                        "[NAME]",
                        "the library; one cell's equations, ready to edit",
                        cells_flags,
                        {"cells", "cells gru > mine.cell"},
                        0,
                        1,
                        cells_run};

/* ---- show ---- */

/* The stage asked for; after a pass without a stage, that pass alone.  Returns
 * 0 or EXIT_USAGE. */
static int show_stage(const Flags *f, const char **found)
{
    static const char *const stage[] = {"ast",   "graph", "grad",
                                        "sched", "plan",  "c"};
    const int n = sizeof stage / sizeof *stage;
    const char *s = flags_get(f, "stage"), *near;

    *found = flags_given(f, "after") && !flags_given(f, "stage") ? NULL : s;
    if (!*found)
        return 0;
    for (int i = 0; i < n; i++)
        if (!strcmp(stage[i], s))
            return 0;
    near = flags_nearest(s, stage, n);
    say_error("there is no stage \"%s\"%s%s%s", s,
              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    fprintf(stderr, "  stages: ast graph grad sched plan c\n");
    return EXIT_USAGE;
}

static int show_run(Flags *f, void *user)
{
    const char *stage, *after = flags_get(f, "after"), *text;
    Drv d = {0};
    int code = show_stage(f, &stage);

    (void)user;
    if (code)
        return code;
    code = drv_open(&d, f, flags_arg(f, 0));
    if (!code && flags_given(f, "training"))
        code = drv_code(cellc_set(d.c, "training", "1"));
    if (!code && (!stage || strcmp(stage, "ast")))
        code = drv_compile(&d);
    if (!code) {
        text = cellc_show(d.c, stage, after);
        if (text)
            fputs(text, stdout);
        else
            code = EXIT_USER;
    }
    drv_free(&d);
    return code;
}

static const Flag show_own[] = {
    {"stage", "NAME", "graph", NULL, "ast, graph, grad, sched, plan or c"},
    {"after", "PASS", NULL, NULL, "the graph as that pass leaves it"},
    {"training", NULL, NULL, NULL, "with dropout and noise"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const show_flags[] = {
    show_own, drv_size_flags, drv_reduce_flags, drv_number_flags, NULL};
const Verb drv_show = {"show",
                       "SPEC",
                       "what a stage of the compiler makes of a spec",
                       show_flags,
                       {"show model.cell --stage sched --dim m=3",
                        "show model.cell --stage grad --after simplify"},
                       1,
                       1,
                       show_run};
