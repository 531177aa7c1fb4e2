/* Labels that a model finds: for predict, where nothing says them they are not
 * observed; those that the model can never give are an error.  See apphost.h.
 */
#include "apphost.h"
#include "decode.h"

#include <stdlib.h>
#include <string.h>

/* Whether the table has what the source wants of it. */
static int in_table(const AppSource *s)
{
    RtError err = {0};
    Csv csv = {0};
    int *cols = NULL, n, found = 0;
    int lines = csv_unit(s->part) != CSV_COLUMN; /* a single one is no header */

    if (!csv_read(s->path, lines ? -2 : -1, !lines, &csv, &err)) {
        if (s->part)
            found = !csv_columns(&csv, s->part, 0, &cols, &n, &err);
        for (int c = 0; c < csv.ncol && !s->part; c++)
            found |=
                csv.header && !strcmp(csv.column[c].name, s->in->want.name);
    }
    free(cols);
    csv_free(&csv);
    rt_error_clear(&err);
    return found;
}

/* Whether the data hold input i; of labels among others only tables do. */
static int is_there(const AppHost *h, const Flags *f, const char *path, int i)
{
    AppHost one = *h;
    RtError err = {0};
    AppSource *s;
    int found;

    one.input = h->input + i;
    one.ninput = 1;
    s = app_sources(&one, f, path, &err);
    found = s && (s->kind == FROM_ARRAY || !s->shared ||
                  (s->kind == FROM_TABLE && in_table(s)));
    app_sources_free(s, s ? 1 : 0);
    rt_error_clear(&err);
    return found;
}

/* An input of which nothing is observed, in all sequences that there are. */
static int add_missing(const AppHost *h, AppInput *in, RtData *d, RtError *err)
{
    const RtSteps *steps = &d->steps[in->want.axis];
    int64_t n = in->want.is_static ? d->nseq : 0;
    int32_t *ids;
    Vocab v = {0};
    int bad = app_vocab(h, in->set, &v, err) < 0;

    if (!bad && !in->want.is_static && !steps->offset)
        bad = rt_fail(err,
                      "nothing says how many steps %s has: its data are not "
                      "there; `generate` draws it",
                      in->want.name);
    if (!bad && !in->want.is_static)
        n = steps->offset[d->nseq];
    in->want.classes = v.n ? v.n : in->want.classes;
    vocab_free(&v);
    if (bad)
        return -1;
    ids = malloc(sizeof *ids * (size_t)(n + 1));
    if (!ids)
        return rt_fail_memory(err, sizeof *ids * (size_t)n);
    for (int64_t i = 0; i < n; i++)
        ids[i] = -1;
    bad = data_add_classes(d, &in->want, "no data", ids, d->nseq,
                           in->want.is_static ? NULL : steps->offset, err);
    free(ids);
    return bad;
}

int app_data_unlabelled(AppHost *h, const Flags *f, const char *path, RtData *d)
{
    AppHost part = *h;
    RtError err = {0};
    AppInput **missing = calloc((size_t)h->ninput + 1, sizeof *missing);
    int code = 0, n = 0, bad = 0, given = 0;

    part.ninput = 0;
    part.input = calloc((size_t)h->ninput + 1, sizeof *part.input);
    if (!part.input || !missing)
        code = EXIT_BUG;
    if (!path)
        path = app_setting(h, "file");
    for (int i = 0; i < h->ninput; i++)
        given |= !h->input[i].want.observed;
    for (int i = 0; i < h->ninput && !code; i++) {
        const RtWant *want = &h->input[i].want;

        if (given && want->observed && want->is_index &&
            !is_there(h, f, path, i))
            missing[n++] = &h->input[i];
        else
            part.input[part.ninput++] = h->input[i];
    }
    if (!code)
        code = app_data(&part, f, path, d);
    h->about = part.about;
    for (int i = 0; i < n && !code && !bad; i++)
        bad = add_missing(h, missing[i], d, &err);
    if (!code && n && (bad || data_finish(d, &err)))
        code = app_fail(&err);
    free(part.input);
    free(missing);
    return code;
}

/* The name of a class in a set's vocabulary, malloc'd; of none its number. */
static char *class_name(const AppHost *h, const char *set, int64_t class)
{
    RtError err = {0};
    Vocab v = {0};
    char code[5], *name;
    int known = set && app_vocab(h, set, &v, &err) > 0 && class < v.n;

    name = known ? rt_printf("\"%s\"", vocab_name(&v, (int32_t) class, code))
                 : rt_printf("%lld", (long long)class);
    vocab_free(&v);
    rt_error_clear(&err);
    return name;
}

/* Sequence i has the class that no label may have. */
static int is_blank(const AppHost *h, const RtField *f, const char *set,
                    int64_t i, int64_t blank)
{
    char *name = class_name(h, set, blank);

    say_error("%s: a label of input %s in sequence %lld is %s, class %lld, "
              "which ctc keeps for what lies between labels (blank = %lld); "
              "give that a class that no label has%s%s%s",
              f->from, f->name, (long long)i + 1, name ? name : "?",
              (long long)blank, (long long)blank,
              name && *name == '"' ? ": `" : "",
              name && *name == '"' ? f->name : "",
              name && *name == '"'
                  ? "[0] = \"-\"` in the spec makes \"-\" the first name"
                  : "");
    free(name);
    return EXIT_USER;
}

int app_labels(const AppHost *h, const RtData *d)
{
    for (int i = -1; (i = model_next(h->eval, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &h->eval->tensor[i];
        const RtField *f = data_field(d, t->name);
        int64_t blank;

        if (!f || !decode_blank(h->eval, i, &blank))
            continue;
        for (int64_t k = 0; k < d->nseq; k++) {
            int64_t at = f->is_static ? k : d->steps[f->axis].offset[k];
            int64_t n = f->is_static ? 1 : data_steps(d, f->axis, k);

            for (int64_t j = at * f->size; j < (at + n) * f->size; j++)
                if (data_value(f, j) == (double)blank)
                    return is_blank(h, f, t->set, k, blank);
        }
    }
    return 0;
}
