/* The verb explain: what the compiler made of a spec, in the spec's own names:
 * merged and hoisted products, fused passes, what backward keeps of forward,
 * and what all of it costs in memory and arithmetic. */
#include "drv_sized.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 80, INDENT = 6 };

/* Extents of all axes: further time axes are as long as the first. */
typedef struct Extent {
    int64_t n[CELL_AXES];
    int real_bytes;
    double flops; /* of the whole step, for shares */
} Extent;

static double count(CellSize z, const Extent *x)
{
    return (double)cell_size(z, x->n);
}

/* "419 MFLOP", "1.64 MB". */
static char *scaled(double v, const char *unit)
{
    static const char *const prefix[] = {"", "k", "M", "G", "T"};
    int i = 0;

    while (v >= 1000 && i < 4) {
        v /= 1000;
        i++;
    }
    return rt_printf("%.3g %s%s", v, prefix[i], unit);
}

/* Words on as many lines as they need, the first one begun already. */
static void print_wrapped(const char *text, int column)
{
    for (int blanks = 0; *text; blanks = (int)strspn(text, " ")) {
        size_t n;

        text += blanks;
        n = strcspn(text, " ,");
        n += text[n] == ',';
        if (column + blanks + (int)n > COLUMNS && column > INDENT) {
            printf("\n%*s", INDENT, "");
            column = INDENT;
            blanks = 0;
        }
        printf("%*s%.*s", blanks, "", (int)n, text);
        column += blanks + (int)n;
        text += n;
    }
    putchar('\n');
}

/* Adds "; what" to a list kept in *s; malloc'd. */
static void also(char **s, char *what)
{
    char *old = *s;

    *s = old && *old ? rt_printf("%s; %s", old, what ? what : "")
                     : rt_printf("%s", what ? what : "");
    free(old);
    free(what);
}

static char *place_of(const CellcFact *f)
{
    const char *name = strrchr(f->file, '/');

    return rt_printf("%s:%d", name ? name + 1 : f->file, f->line);
}

static char *share_of(double flops, const Extent *x)
{
    char *amount = scaled(flops, "FLOP"), *s;

    s = rt_printf("%s (%.1f %%)", amount ? amount : "", 100 * flops / x->flops);
    free(amount);
    return s;
}

/* A line of what it is, and one of what was done, what it costs, and where it
 * is written. */
static void print_fact(const CellcFact *f, const Extent *x)
{
    char *more = NULL;

    printf("  ");
    print_wrapped(f->text, 2);
    if (f->note)
        also(&more, rt_printf("%s", f->note));
    if (count(f->flops, x) > 0)
        also(&more, share_of(count(f->flops, x), x));
    if (count(f->reals, x) > 0)
        also(&more, scaled(count(f->reals, x) * x->real_bytes, "B"));
    if (f->file)
        also(&more, place_of(f));
    if (more) {
        printf("%*s", INDENT, "");
        print_wrapped(more, INDENT);
    }
    free(more);
}

/* Sums, one below the other. */
static void print_sum(const CellcFact *f, const Extent *x)
{
    double flops = count(f->flops, x);
    char *amount = flops > 0 ? share_of(flops, x)
                             : scaled(count(f->reals, x) * x->real_bytes, "B");

    printf("  %-40s %s\n", f->text, amount ? amount : "");
    if (f->note)
        printf("%*s%s\n", INDENT, "", f->note);
    free(amount);
}

static int is_sum(const CellcFact *f)
{
    return !strcmp(f->part, "memory") || !strcmp(f->part, "arithmetic");
}

/* The same thing at the same place again is said once, with how often. */
static int repeats(Drv *d, int i, const CellcFact *f)
{
    CellcFact next;
    int n = 1;

    while (!is_sum(f) && cellc_fact_at(d->c, i + n, &next) &&
           next.line == f->line && !strcmp(next.part, f->part) &&
           !strcmp(next.text, f->text) && !next.note == !f->note &&
           (!f->note || !strcmp(next.note, f->note)))
        n++;
    return n;
}

static void add_times(CellSize *z, int n)
{
    z->c *= n;
    for (int i = 0; i < 1 << CELL_AXES; i++)
        z->by[i] *= n;
}

static void print_text(Drv *d, const DrvSized *m, const Extent *x)
{
    const char *part = "";
    CellcFact f;

    printf("%s at T = %lld, B = %lld, %s\n", m->path,
           (long long)x->n[CELL_AT_T], (long long)x->n[CELL_AT_B],
           x->real_bytes == 8 ? "double" : "single precision");
    for (int i = 0; cellc_fact_at(d->c, i, &f);) {
        int n = repeats(d, i, &f);
        char *text = n > 1 ? rt_printf("%s, %d times", f.text, n) : NULL;

        if (strcmp(part, f.part)) {
            putchar('\n');
            print_wrapped(f.part, 0);
        }
        part = f.part;
        if (text) {
            f.text = text;
            add_times(&f.flops, n);
            add_times(&f.reals, n);
        }
        (is_sum(&f) ? print_sum : print_fact)(&f, x);
        free(text);
        i += n;
    }
}

static json_t *to_json(Drv *d, const DrvSized *m, const Extent *x)
{
    json_t *list = json_array();
    CellcFact f;

    for (int i = 0; cellc_fact_at(d->c, i, &f); i++) {
        json_t *j = json_pack("{s:s, s:s}", "part", f.part, "text", f.text);

        if (f.note)
            json_object_set_new(j, "note", json_string(f.note));
        if (f.file) {
            json_object_set_new(j, "file", json_string(f.file));
            json_object_set_new(j, "line", json_integer(f.line));
        }
        if (count(f.rows, x) > 0)
            json_object_set_new(j, "rows", json_real(count(f.rows, x)));
        if (count(f.flops, x) > 0)
            json_object_set_new(j, "flops", json_real(count(f.flops, x)));
        if (count(f.reals, x) > 0)
            json_object_set_new(j, "bytes",
                                json_real(count(f.reals, x) * x->real_bytes));
        json_array_append_new(list, j);
    }
    return json_pack("{s:s, s:I, s:I, s:f, s:o}", "model", m->path, "T",
                     (json_int_t)x->n[CELL_AT_T], "B",
                     (json_int_t)x->n[CELL_AT_B], "flops", x->flops, "facts",
                     list);
}

static Extent extent_of(Drv *d, const DrvShape *s)
{
    long T = s->n[SHAPE_STEPS], B = s->n[SHAPE_BATCH];
    const CellDesc *desc = cellc_jit(d->c);
    Extent x = {.n = {T, B, T, T}, .real_bytes = desc ? desc->real_bytes : 4};
    CellcFact f;

    for (int i = 0; cellc_fact_at(d->c, i, &f); i++)
        if (!strcmp(f.part, "arithmetic"))
            x.flops += count(f.flops, &x);
    x.flops += x.flops <= 0;
    return x;
}

static int explain_run(Flags *f, void *user)
{
    DrvSized m = {0};
    DrvShape s;
    Drv d = {0};
    Extent x;
    int code = drv_sized_read(&m, f, flags_arg(f, 0));

    (void)user;
    if (!code)
        code = flags_long(f, "threads", 1, 4096, &m.threads);
    if (!code)
        code = drv_shape(flags_get(f, "shape"), m.cell, &s);
    if (!code)
        code = drv_sized_open(&d, &m, &s);
    if (!code)
        code = drv_sized_training(&d);
    if (!code) {
        x = extent_of(&d, &s);
        if (flags_given(f, "json"))
            code = app_print_json(to_json(&d, &m, &x));
        else
            print_text(&d, &m, &x);
    }
    drv_free(&d);
    drv_sized_free(&m);
    return code;
}

static const Flag explain_own[] = {
    {"shape", "T,B,I,H", "100,32", NULL,
     "steps, sequences, size of what is still open, option n"},
    {"threads", "N", "1", NULL, "that share a step where sequences are fewer"},
    {"wrap", "TEXT", "%", NULL, "what a cell % is put into: 'stack(2, bi(%))'"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const explain_flags[] = {explain_own,      drv_size_flags,
                                            drv_reduce_flags, drv_number_flags,
                                            drv_json_flags,   NULL};
const Verb drv_explain = {
    "explain",
    "SPEC|CELL",
    "what was merged, hoisted and fused, its cost",
    explain_flags,
    {"explain model.cell --shape 100,32,128",
     "explain lstm --shape 50,64,256,256"},
    1,
    1,
    explain_run};
