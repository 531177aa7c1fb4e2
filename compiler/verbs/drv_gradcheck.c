/* The verb gradcheck: a spec, a cell of the library by name, or every cell of a
 * file of cells, in double precision (runtime/gradcheck). */
#include "drv.h"

#include "../../runtime/gradcheck.h"

#include <stdlib.h>
#include <string.h>

/* ---- compiling ---- */

/* Open dims get small sizes, each another, so that a mix-up shows. */
static int fill_dims(Drv *d)
{
    int size = 3, code = 0;
    const char *dim;

    while (!code && (dim = cellc_open_dim(d->c, 0))) {
        char *name = strdup(dim);

        code = name ? drv_code(cellc_dim(d->c, name, size++)) : EXIT_BUG;
        if (!code)
            code = drv_code(cellc_check(d->c));
        dim = cellc_open_dim(d->c, 0);
        if (!code && dim && !strcmp(dim, name)) {
            say_error("the size of %s is still open", name);
            code = EXIT_BUG;
        }
        free(name);
    }
    return code;
}

static int has_loss(const Drv *d)
{
    const CellDesc *desc = cellc_jit(d->c);

    return desc && desc->backward;
}

/* Start values of all states become inputs. */
static int open_starts(Drv *d, int *n)
{
    int code = 0;

    for (int i = 0; i < cellc_decl_count(d->c) && !code; i++) {
        const CellcDecl *decl = cellc_decl(d->c, i);

        if (decl->role != CELL_STATE || decl->flags & CELL_INDEX)
            continue;
        code = drv_code(cellc_set(d->c, "state", decl->name));
        (*n)++;
    }
    return code;
}

static int set_all(Drv *d)
{
    static const char *const set[][2] = {{"double", "1"},
                                         {"training", "1"},
                                         {"teacher", "1"},
                                         {"backward", "1"},
                                         {"inputgrad", "1"}};
    int code = 0;

    for (size_t i = 0; i < sizeof set / sizeof *set && !code; i++)
        code = drv_code(cellc_set(d->c, set[i][0], set[i][1]));
    return code;
}

static int compile_and_check(Drv *d, const GradSetup *setup, GradReport *r)
{
    const CellDesc *desc;
    RtError err = {0};
    int skip = setup->back > setup->tbptt;
    int code = drv_code(cellc_set(d->c, "skip", skip ? "1" : "0"));

    if (!code)
        code = drv_compile(d);
    if (code)
        return code;
    desc = cellc_jit(d->c);
    if (!desc)
        return EXIT_USER;
    return gradcheck_run(desc, setup, r, &err) ? drv_fail(&err) : 0;
}

/* Names that depend on a derivative of the spec's own; malloc'd. */
static char *not_comparable(Drv *d)
{
    const char *text;
    char *s;

    d->mute = 1;
    text = cellc_show(d->c, "own", NULL);
    d->mute = 0;
    s = text && *text ? strdup(text) : NULL;
    for (char *p = s; p && *p; p++)
        if (*p == '\n')
            *p = p[1] ? ' ' : 0;
    return s;
}

static int listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = list; p; p = strchr(p, ' ')) {
        p += *p == ' ';
        if (!strncmp(p, name, n) && (!p[n] || p[n] == ' '))
            return 1;
    }
    return 0;
}

/* Takes out what is not comparable; the worst is that of the rest. */
static void drop_rows(GradReport *r, const char *skipped)
{
    int n = 0;

    r->worst = 0;
    for (int i = 0; i < r->n; i++) {
        if (skipped && listed(skipped, r->row[i].name)) {
            free(r->row[i].name);
            continue;
        }
        r->row[n++] = r->row[i];
        if (!(r->row[n - 1].error <= r->worst))
            r->worst = r->row[n - 1].error;
    }
    r->n = n;
}

/* Checks the source that `d` has: once for parameters and inputs, once for
 * start values. */
static int check_source(Drv *d, const Flags *f, GradSetup setup,
                        const char *title)
{
    GradReport r = {0};
    char *skipped = NULL;
    int starts = 0, code = set_all(d);

    if (!code)
        code = drv_settings(d, f);
    if (!code)
        code = drv_code(cellc_check(d->c));
    if (!code)
        code = fill_dims(d);
    if (!code)
        code = drv_compile(d);
    if (!code && !has_loss(d))
        code = drv_through_outputs(d);
    if (!code)
        code = compile_and_check(d, &setup, &r);
    if (!code)
        skipped = not_comparable(d);
    if (!code)
        code = open_starts(d, &starts);
    setup.starts = 1;
    if (!code && starts)
        code = compile_and_check(d, &setup, &r);
    if (!code)
        drop_rows(&r, skipped);
    if (!code)
        code = gradcheck_print(&r, setup.tolerance, title, skipped,
                               flags_given(f, "json"), stdout);
    free(skipped);
    gradcheck_free(&r);
    return code;
}

/* ---- cells ---- */

static int check_cell(const Flags *f, const GradSetup *setup,
                      const char *before, const char *name, const char *text)
{
    const char *wrap = flags_get(f, "wrap");
    char *spec = drv_spec_around(before, name, text, wrap, "4");
    char *title = rt_printf("%s in %s", name, wrap);
    Drv d = {0};
    int code = spec && title ? drv_new(&d) : EXIT_BUG;

    if (!code) {
        d.path = strdup(name);
        code = drv_code(cellc_add_text(d.c, name, spec, strlen(spec)));
    }
    if (!code)
        code = check_source(&d, f, *setup, strcmp(wrap, "%") ? title : name);
    drv_free(&d);
    free(title);
    free(spec);
    return code;
}

/* Whether a line of the text begins with this word. */
static const char *next_line(const char *text, const char *word)
{
    size_t n = strlen(word);

    while (text && *text) {
        if (!strncmp(text, word, n))
            return text;
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return NULL;
}

/* Every cell of a file that has no model. */
static int check_cells(const Flags *f, const GradSetup *setup, const char *text)
{
    const char *at = text;
    int worst = 0;

    while ((at = next_line(at, "cell "))) {
        const char *name = at + 5 + strspn(at + 5, " ");
        char *word = strndup(name, strcspn(name, " ({\n"));
        int code = word ? check_cell(f, setup, text, word, at) : EXIT_BUG;

        free(word);
        worst = code > worst ? code : worst;
        at = strchr(at, '\n');
    }
    return worst;
}

/* ---- the verb ---- */

static int read_setup(const Flags *f, GradSetup *s)
{
    long T = 5, B = 3, chunk = 0, back = 0, seed = 1, entries = 200;
    int code = flags_long(f, "steps", 1, 100000, &T);

    *s = (GradSetup){.lengths = flags_given(f, "lengths")};
    if (!code)
        code = flags_long(f, "batch", 1, 100000, &B);
    if (!code)
        code = flags_chunk("--tbptt", flags_get(f, "tbptt"), &chunk, &back);
    if (!code)
        code = flags_long(f, "seed", 0, 1L << 62, &seed);
    if (!code)
        code = flags_long(f, "entries", 0, 1L << 40, &entries);
    if (!code)
        code = flags_real(f, "tolerance", 0, 1, &s->tolerance);
    s->T = T;
    s->B = B;
    s->tbptt = chunk;
    s->back = back;
    s->seed = (uint64_t)seed;
    s->entries = entries;
    return code;
}

static int check_spec(const Flags *f, const GradSetup *setup, const char *path)
{
    Drv d = {0};
    size_t n;
    char *text = drv_read(path, &n);
    int code = text ? 0 : EXIT_USER;

    if (!code && next_line(text, "cell ") && !next_line(text, "input ")) {
        code = check_cells(f, setup, text);
    } else if (!code) {
        code = strcmp(path, "-") ? drv_open(&d, f, path) : drv_new(&d);
        if (!code && !strcmp(path, "-")) {
            d.path = strdup("<stdin>");
            code = drv_code(cellc_add_text(d.c, "<stdin>", text, n));
        }
        if (!code)
            code = check_source(&d, f, *setup, path);
    }
    drv_free(&d);
    free(text);
    return code;
}

static int gradcheck_run_verb(Flags *f, void *user)
{
    const char *spec = flags_arg(f, 0), *cell;
    GradSetup setup;
    Drv d = {0};
    int code = read_setup(f, &setup);

    (void)user;
    if (code)
        return code;
    if (drv_is_file(spec))
        return check_spec(f, &setup, spec);
    code = drv_new(&d);
    cell = code ? NULL : cellc_cell_text(d.c, spec);
    if (cell)
        code = check_cell(f, &setup, "", spec, cell);
    else if (!code) {
        code = drv_no_cell(f, spec);
    }
    drv_free(&d);
    return code;
}

static const Flag gradcheck_own[] = {
    {"steps", "T", "5", NULL, "of the random sequences"},
    {"batch", "B", "3", NULL, "sequences"},
    {"lengths", NULL, NULL, NULL, "sequences of random length"},
    {"tbptt", "K", NULL, NULL,
     "chunks of K steps, each checked by itself; or '(K, L)', as in training"},
    {"tolerance", "X", "1e-7", NULL,
     "of |analytic - numeric| / max(1, |analytic|, |numeric|)"},
    {"entries", "N", "200", NULL, "compared of each tensor at most; 0: all"},
    {"seed", "N", "1", NULL, "of data, parameters and noise"},
    {"wrap", "TEXT", "%", NULL, "what a cell % is put into: 'stack(2, bi(%))'"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const gradcheck_flags[] = {
    gradcheck_own,    drv_size_flags, drv_reduce_flags,
    drv_number_flags, drv_json_flags, NULL};
const Verb drv_gradcheck = {
    "gradcheck",
    "SPEC|CELL",
    "all derivatives against central differences",
    gradcheck_flags,
    {"gradcheck model.cell --option n=4 --lengths",
     "gradcheck lstm --wrap 'stack(2, bi(%))' --tbptt 2"},
    1,
    1,
    gradcheck_run_verb};
