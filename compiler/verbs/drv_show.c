/* The verb show: what a stage of the compiler makes of a spec. */
#include "drv.h"

#include "../../runtime/child.h"

#include <string.h>

/* What is shown follows from the equations alone; sizes may stay open. */
static int is_document(const Flags *f)
{
    return flags_given(f, "latex") || flags_given(f, "dot") ||
           flags_given(f, "svg");
}

/* The stage asked for; after a pass without a stage, that pass alone.  Returns
 * 0 or EXIT_USAGE. */
static int show_stage(const Flags *f, const char **found)
{
    static const char *const stage[] = {"ast",   "graph", "grad",
                                        "sched", "plan",  "c"};
    const int n = sizeof stage / sizeof *stage;
    const char *s = flags_get(f, "stage"), *near;

    if (is_document(f)) {
        *found = flags_given(f, "latex") ? "latex" : "dot";
        return 0;
    }
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

/* A cell of the library by name, applied once. */
static int open_cell(Drv *d, const Flags *f, const char *name)
{
    int code = drv_new(d);
    const char *text = code ? NULL : cellc_cell_model(d->c, name);

    if (code)
        return code;
    if (!text && cellc_cell_text(d->c, name)) {
        say_error("%s takes other cells; write a spec that applies it", name);
        return EXIT_USER;
    }
    if (!text) {
        return drv_no_cell(f, name);
    }
    d->path = strdup(name);
    code = drv_code(cellc_set(d->c, "name", name));
    if (!code)
        code = drv_code(cellc_add_text(d->c, name, text, strlen(text)));
    return code ? code : drv_settings(d, f);
}

/* The drawing as SVG on standard output, by the program dot. */
static int draw(const char *text)
{
    static const char *const argv[] = {"dot", "-Tsvg", NULL};
    RtError err = {0};

    if (child_needed(argv[0], "graphviz", "--svg", &err) ||
        child_filter(argv, text, stdout, &err))
        return drv_fail(&err);
    return 0;
}

static int show_run(Flags *f, void *user)
{
    const char *stage, *after = flags_get(f, "after"), *text;
    const char *spec = flags_arg(f, 0);
    Drv d = {0};
    int code = show_stage(f, &stage);

    (void)user;
    if (code)
        return code;
    code = (drv_is_file(spec) ? drv_open : open_cell)(&d, f, spec);
    if (!code && flags_given(f, "training"))
        code = drv_code(cellc_set(d.c, "training", "1") ||
                        cellc_set(d.c, "states", "0"));
    if (!code && !is_document(f) && (!stage || strcmp(stage, "ast")))
        code = drv_compile(&d);
    if (!code) {
        text = cellc_show(d.c, stage, after);
        if (!text)
            code = EXIT_USER;
        else if (flags_given(f, "svg"))
            code = draw(text);
        else
            fputs(text, stdout);
    }
    drv_free(&d);
    return code;
}

static const Flag show_own[] = {
    {"stage", "NAME", "graph", NULL, "ast, graph, grad, sched, plan or c"},
    {"after", "PASS", NULL, NULL, "the graph as that pass leaves it"},
    {"latex", NULL, NULL, NULL,
     "equations and what is derived from them, as a LaTeX document"},
    {"dot", NULL, NULL, NULL, "a drawing of the equations, for Graphviz"},
    {"svg", NULL, NULL, NULL, "the drawing itself; needs the program dot"},
    {"training", NULL, NULL, NULL, "with dropout and noise"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const show_flags[] = {
    show_own, drv_size_flags, drv_reduce_flags, drv_number_flags, NULL};
const Verb drv_show = {"show",
                       "SPEC|CELL",
                       "what a stage of the compiler makes of a spec",
                       show_flags,
                       {"show model.cell --stage sched --dim m=3",
                        "show model.cell --stage grad --after simplify"},
                       1,
                       1,
                       show_run};
