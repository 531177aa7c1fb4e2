/* A model at a size given in short, see drv_sized.h. */
#include "drv_sized.h"

#include <stdlib.h>
#include <string.h>

int drv_shape(const char *text, int cell, DrvShape *s)
{
    int n = 0;
    char *end;

    *s = (DrvShape){{0}};
    for (const char *p = text; n < SHAPE_PARTS; p = end + 1) {
        s->n[n] = strtol(p, &end, 10);
        if (end == p || s->n[n] < 1 || s->n[n] > 1L << 40)
            break;
        n++;
        if (*end != ',')
            break;
    }
    if (n < 2 || *end) {
        say_error("--shape %s: wanted T,B or T,B,I or T,B,I,H, such as "
                  "100,32,128,128, each a whole number from 1",
                  text);
        return EXIT_USAGE;
    }
    if (cell && n < SHAPE_PARTS)
        s->n[SHAPE_UNITS] = n > SHAPE_WIDTH ? s->n[SHAPE_WIDTH] : 128;
    if (cell && n <= SHAPE_WIDTH)
        s->n[SHAPE_WIDTH] = s->n[SHAPE_UNITS];
    return 0;
}

static int find_cell(DrvSized *m)
{
    Drv d = {0};
    int code = drv_new(&d);
    const char *text = code ? NULL : cellc_cell_text(d.c, m->path);

    m->cell = 1;
    if (text)
        m->text = strdup(text);
    else if (!code) {
        code = drv_no_cell(m->f, m->path);
    }
    drv_free(&d);
    return code || m->text ? code : EXIT_BUG;
}

int drv_sized_read(DrvSized *m, const Flags *f, const char *path)
{
    size_t n;

    m->f = f;
    m->path = path;
    if (!drv_is_file(m->path))
        return find_cell(m);
    if (flags_given(m->f, "wrap")) {
        say_error("--wrap is for a cell of the library; %s is a spec", m->path);
        return EXIT_USAGE;
    }
    m->text = drv_read(m->path, &n);
    return m->text ? 0 : EXIT_USER;
}

static int has_option(const Drv *d, const char *wanted)
{
    const char *name, *value, *doc;

    for (int i = 0; cellc_option_at(d->c, i, &name, &value, &doc); i++)
        if (!strcmp(name, wanted))
            return 1;
    return 0;
}

/* H is the option n. */
static int set_units(Drv *d, const DrvShape *s)
{
    char text[32];

    if (!s->n[SHAPE_UNITS])
        return 0;
    if (!has_option(d, "n")) {
        say_error("%s has no option n for the H of --shape; give T,B or "
                  "T,B,I there, and sizes by --option and --dim",
                  d->path);
        return EXIT_USAGE;
    }
    snprintf(text, sizeof text, "%ld", s->n[SHAPE_UNITS]);
    return drv_code(cellc_option(d->c, "n", text));
}

/* I is every dim that is still open. */
static int set_width(Drv *d, const DrvShape *s)
{
    int code = drv_code(cellc_check(d->c));
    const char *dim;

    while (!code && s->n[SHAPE_WIDTH] && (dim = cellc_open_dim(d->c, 0))) {
        code = drv_code(cellc_dim(d->c, dim, s->n[SHAPE_WIDTH]));
        if (!code)
            code = drv_code(cellc_check(d->c));
    }
    return code;
}

/* Threads that find few sequences may share loops. */
static int set_threads(Drv *d, const DrvSized *m, const DrvShape *s)
{
    char threads[32], sequences[32];

    snprintf(threads, sizeof threads, "%ld", m->threads);
    snprintf(sequences, sizeof sequences, "%ld", s->n[SHAPE_BATCH]);
    return drv_code(cellc_set(d->c, "threads", threads) ||
                    cellc_set(d->c, "sequences", sequences));
}

/* Adds the spec, or one around the cell with H units. */
static int add_text(Drv *d, const DrvSized *m, const DrvShape *s,
                    const char *name)
{
    char units[32], *around = NULL;
    const char *text = m->text;
    int code;

    snprintf(units, sizeof units, "%ld", s->n[SHAPE_UNITS]);
    if (m->cell)
        text = around =
            drv_spec_around("", name, m->text, flags_get(m->f, "wrap"), units);
    code = text ? drv_code(cellc_add_text(d->c, name, text, strlen(text)))
                : EXIT_BUG;
    free(around);
    return code;
}

int drv_sized_open(Drv *d, const DrvSized *m, const DrvShape *s)
{
    const char *name = strcmp(m->path, "-") ? m->path : "<stdin>";
    int code = drv_new(d);

    if (code)
        return code;
    d->path = strdup(name);
    code = d->path ? drv_use(d, m->f) : EXIT_BUG;
    if (!code)
        code = add_text(d, m, s, name);
    if (!code)
        code = drv_settings(d, m->f);
    if (!code)
        code = set_threads(d, m, s);
    if (!code)
        code = drv_code(cellc_check(d->c));
    if (!code && !m->cell)
        code = set_units(d, s);
    return code ? code : set_width(d, s);
}

int drv_sized_training(Drv *d)
{
    const CellDesc *desc;
    int code = drv_code(cellc_set(d->c, "training", "1"));

    if (!code)
        code = drv_code(cellc_set(d->c, "states", "0"));
    if (!code)
        code = drv_code(cellc_set(d->c, "inputgrad", "0"));
    if (!code)
        code = drv_compile(d);
    desc = code ? NULL : cellc_jit(d->c);
    if (code || !desc || desc->backward)
        return code ? code : desc ? 0 : EXIT_USER;
    code = drv_code(cellc_set(d->c, "inputgrad", "1"));
    if (!code)
        code = drv_code(cellc_set(d->c, "loss", "0"));
    if (!code)
        code = drv_through_outputs(d);
    if (!code)
        code = drv_compile(d);
    return code ? code : cellc_jit(d->c) ? 0 : EXIT_USER;
}

void drv_sized_free(DrvSized *m)
{
    free(m->text);
}
