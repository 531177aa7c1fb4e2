/* From a table to a data set: which columns feed which input, names of members
 * of index sets and their vocabularies, lines that are steps and lines that are
 * sequences of words.  Called by appdata.c.  See apphost.h. */
#include "apphost.h"

#include <stdlib.h>
#include <string.h>

/* An input's part of the table. */
typedef struct Part {
    AppSource from;
    AppInput *in;
    CsvUnit unit;
    int named;     /* its fields are names: */
    RtStore names; /* all of them, in order, with a NUL behind each */
    int64_t nname;
    RtStore start; /* [sequences + 1]: the first of each, as int64_t */
    int64_t nseq;
} Part;

static void part_free(Part *p)
{
    store_free(&p->names);
    store_free(&p->start);
}

/* A name of n bytes. */
static int add_name(Part *p, const char *name, size_t n, RtError *err)
{
    p->nname++;
    return store_add(&p->names, name, n, err) ||
                   store_add(&p->names, "", 1, err)
               ? -1
               : 0;
}

/* The next name begins a sequence; or, after the last one, all end. */
static int add_start(Part *p, RtError *err)
{
    return store_add(&p->start, &p->nname, sizeof p->nname, err);
}

static int end_part(Part *p, int64_t nseq, RtError *err)
{
    p->nseq = nseq;
    return store_end(&p->names, err) || store_end(&p->start, err) ? -1 : 0;
}

/* Words of a field, between blanks; and `last`, where it is not the last of
 * them. */
static int add_words(Part *p, const char *field, const char *last, RtError *err)
{
    size_t n = 0;
    const char *word = field;

    for (const char *s = field + strspn(field, " \t"); *s;
         s += strspn(s, " \t")) {
        word = s;
        n = strcspn(s, " \t");
        s += n;
        if (add_name(p, word, n, err))
            return -1;
    }
    return last && (strlen(last) != n || memcmp(word, last, n))
               ? add_name(p, last, strlen(last), err)
               : 0;
}

/* The same of characters. */
static int add_chars(Part *p, const char *field, const char *last, RtError *err)
{
    size_t n = 0;
    const char *c = field;

    for (const char *s = field; *s; s += n) {
        c = s;
        for (n = 1; (s[n] & 0xc0) == 0x80;)
            n++;
        if (add_name(p, c, n, err))
            return -1;
    }
    return last && (strlen(last) != n || memcmp(c, last, n))
               ? add_name(p, last, strlen(last), err)
               : 0;
}

/* Every line is a sequence of words or characters; of `ncol` columns one. */
static int read_lines(Part *p, const Csv *csv, int ncol, int col, RtError *err)
{
    for (int64_t i = 0; i < csv->nrow; i++) {
        const char *field = csv->field[i * ncol + col];

        if (add_start(p, err) ||
            (p->unit == CSV_CHARS ? add_chars(p, field, p->in->last, err)
                                  : add_words(p, field, p->in->last, err)))
            return -1;
    }
    return add_start(p, err) || end_part(p, csv->nrow, err) ? -1 : 0;
}

/* Every line is a sequence of names, one in each of several columns; empty ones
 * at its end are none. */
static int read_steps(Part *p, const Csv *csv, RtError *err)
{
    int *cols, n, bad = 0;

    if (csv_columns(csv, p->from.part, 0, &cols, &n, err))
        return -1;
    for (int64_t i = 0; i < csv->nrow && !bad; i++) {
        char **field = csv->field + i * csv->ncol;
        int last = n;

        while (last > 0 && !*field[cols[last - 1]])
            last--;
        bad = add_start(p, err);
        for (int k = 0; k < last && !bad; k++)
            bad = add_name(p, field[cols[k]], strlen(field[cols[k]]), err);
    }
    free(cols);
    return bad || add_start(p, err) || end_part(p, csv->nrow, err) ? -1 : 0;
}

/* Every field is one name. */
static int read_names(Part *p, const Csv *csv, int col, RtError *err)
{
    int64_t nseq = p->in->want.is_static ? csv->nrow : csv->nseq;

    for (int64_t i = 0; i < csv->nrow; i++) {
        const char *field = csv->field[i * csv->ncol + col];

        if (add_name(p, field, strlen(field), err))
            return -1;
    }
    return store_add(&p->start, csv->start,
                     sizeof *csv->start * (size_t)(csv->nseq + 1), err) ||
                   end_part(p, nseq, err)
               ? -1
               : 0;
}

/* What column an input of names reads; -1 on an error. */
static int name_column(const Part *p, const Csv *csv, RtError *err)
{
    int *cols, n, col;

    if (csv_columns(csv, p->from.part, 0, &cols, &n, err))
        return -1;
    col = n == 1 ? cols[0] : -1;
    free(cols);
    if (col < 0)
        rt_fail(err, "%s: %d columns for input %s, wanted one of names",
                csv->path, n, p->in->want.name);
    return col;
}

/* Whether there is text in the columns of a part. */
static int has_text(const Part *p, const Csv *csv, RtError *err)
{
    int *cols, n, text = 0;

    if (csv_columns(csv, p->from.part, 0, &cols, &n, err))
        return -1;
    for (int k = 0; k < n; k++)
        text |= csv->column[cols[k]].bad_line > 0;
    free(cols);
    return text;
}

/* A line is a sequence, but the input's columns have a value per step. */
static int line_is_step(const Part *p, const Csv *csv, RtError *err)
{
    return rt_fail(err,
                   "%s: a line is a sequence here; input %s varies by step: "
                   "say %s",
                   csv->path, p->in->want.name,
                   p->in->set ? "words(1), chars(1) or steps(1:9)"
                              : "steps(1:9), or numbers(1) for numbers "
                                "between blanks");
}

/* Whether the input's fields are names, and those names. */
static int read_part(Part *p, AppHost *h, const Csv *csv, int per_line,
                     RtError *err)
{
    Vocab v = {0};
    int col, text, got = app_vocab(h, p->in->set, &v, err);
    int words = p->unit == CSV_WORDS || p->unit == CSV_CHARS;

    vocab_free(&v);
    if (got < 0)
        return -1;
    if (words && (!p->in->set || p->in->want.is_static))
        return rt_fail(err,
                       "%s: %s of input %s: a sequence of names is for an "
                       "input such as w[t] in words",
                       csv->path, p->from.part, p->in->want.name);
    if (per_line && !p->in->want.is_static && p->unit == CSV_COLUMN)
        return line_is_step(p, csv, err);
    if (p->unit > CSV_STEPS || p->unit == CSV_NUMBERS || !p->in->set ||
        (!p->in->named && got == 0))
        return 0; /* numbers */
    text = has_text(p, csv, err);
    p->named = got > 0 || words || text > 0;
    if (text < 0 || !p->named)
        return text < 0 ? -1 : 0;
    if (p->unit == CSV_STEPS)
        return read_steps(p, csv, err);
    col = name_column(p, csv, err);
    if (col < 0)
        return -1;
    return words ? read_lines(p, csv, csv->ncol, col, err)
                 : read_names(p, csv, col, err);
}

/* A vocabulary of all names that those of n parts have whose set is part k's.
 * Labels in columns have a class as they are, whatever the limits of words. */
static int make_vocab(AppHost *h, const char *path, const Part *part, int n,
                      int k, RtError *err)
{
    const AppInput *in = part[k].in;
    WordCount *count = NULL;
    VocabHow how;
    Vocab v = {0};
    int labels = 1, bad = 0;

    if (app_limits(h, in, &how))
        return rt_fail_said(err);
    how.eos = NULL;
    for (int i = 0; i < n; i++)
        if (part[i].named && !strcmp(part[i].in->set, in->set))
            labels &= part[i].from.label && part[i].unit == CSV_COLUMN;
    if (labels)
        how = (VocabHow){.member = how.member, .nmember = how.nmember};
    for (int i = 0; i < n; i++) {
        const char *name = part[i].names.data;

        if (!part[i].named || strcmp(part[i].in->set, in->set) != 0)
            continue;
        for (int64_t j = 0; j < part[i].nname && !bad; j++) {
            bad = word_count(&count, name, how.lower, err);
            name += strlen(name) + 1;
        }
    }
    bad = bad || vocab_of_words(&v, path, count, &how, err) ||
          app_keep_vocab(h, in->set, &v, err);
    word_count_free(count);
    vocab_free(&v);
    return bad ? -1 : 0;
}

static const int64_t *starts(const Part *p)
{
    return (const int64_t *)(const void *)p->start.data;
}

/* The line of the table that name j of a part stands in. */
static int64_t line_of(const Part *p, const Csv *csv, int64_t j)
{
    int64_t row = j;

    if (p->unit != CSV_COLUMN)
        for (row = 0; row + 1 < p->nseq && starts(p)[row + 1] <= j;)
            row++;
    return csv->line[row];
}

/* The class of name j of a part; -1: not observed, -2: an error. */
static int32_t class_of(const Part *p, const Vocab *v, const Csv *csv,
                        const char *name, int64_t j, RtError *err)
{
    int missing = !*name && p->in->want.observed;
    int32_t id = missing ? -1 : vocab_word(v, name);
    char code[5];

    for (int32_t c = 0; !v->word && c < v->ncode && id < 0; c++)
        if (!strcmp(vocab_name(v, c, code), name))
            id = c;
    if (id >= 0 || missing)
        return id;
    rt_fail(err,
            "%s:%lld: \"%s\" is not among the %d %s that the model knows; "
            "train with it in the table%s",
            csv->path, (long long)line_of(p, csv, j), name, v->n, p->in->set,
            p->from.label && p->unit == CSV_COLUMN
                ? ""
                : ", or with --min-count 2, which gives rare names a class");
    return -2;
}

static int encode(Part *p, AppHost *h, const Csv *csv, RtData *d, RtError *err)
{
    Vocab v = {0};
    RtStore ids = {0};
    const char *name = p->names.data;
    int bad = app_vocab(h, p->in->set, &v, err) < 0;
    NpyType type = v.n <= INT8_MAX    ? NPY_I1
                   : v.n <= INT16_MAX ? NPY_I2
                                      : NPY_I4;

    for (int64_t j = 0; j < p->nname && !bad; j++, name += strlen(name) + 1) {
        int32_t id = class_of(p, &v, csv, name, j, err);
        int16_t two = (int16_t)id;
        int8_t one = (int8_t)id;
        const void *from = type == NPY_I1   ? (const void *)&one
                           : type == NPY_I2 ? (const void *)&two
                                            : &id;

        bad = id < -1 || store_add(&ids, from, npy_bytes(type), err);
    }
    p->in->want.classes = v.n;
    bad = bad || store_end(&ids, err) ||
          data_add_store(d, &p->in->want, csv->path, &ids, type, 1, p->nseq,
                         starts(p), err);
    store_free(&ids);
    vocab_free(&v);
    return bad ? -1 : 0;
}

/* The header may say which columns an input has where nothing else does. */
static int choose(Part *p, int n, const Csv *csv, RtError *err)
{
    const char *name = p->in->want.name;

    if (csv_check_unit(csv, p->from.part, err))
        return -1;
    for (int c = 0; c < csv->ncol && !p->from.part; c++)
        if (csv->header && !strcmp(csv->column[c].name, name))
            p->from.part = csv->column[c].name;
    if (p->from.part || n == 1)
        return 0;
    return rt_fail(err,
                   "%s: which columns are %s? Say --column %s=1:3 (or names), "
                   "or `data { %s = column(1) }` in the spec",
                   csv->path, name, name, name);
}

static void free_parts(Part *part, Csv *csv, int n, int ncsv)
{
    for (int i = 0; part && i < n; i++)
        part_free(&part[i]);
    for (int i = 0; csv && i < ncsv; i++)
        csv_free(&csv[i]);
    free(part);
    free(csv);
}

int app_lines(AppHost *h, const AppSource *s, int n, RtData *d, RtError *err)
{
    Part *part = calloc((size_t)n + 1, sizeof *part);
    Csv *csv = calloc((size_t)n + 1, sizeof *csv);
    int bad = part && csv ? 0 : rt_fail_memory(err, sizeof *part);

    for (int i = 0; i < n && !bad; i++) {
        part[i] =
            (Part){.from = s[i], .in = s[i].in, .unit = CSV_WORDS, .named = 1};
        if (!s[i].in->set || s[i].in->want.is_static)
            bad = rt_fail(err,
                          "%s: lines of words are for an input such as "
                          "w[t] in words, not for %s",
                          s[i].path, s[i].in->want.name);
        if (!bad)
            bad = csv_lines(s[i].path, &csv[i], err) ||
                  read_lines(&part[i], &csv[i], 1, 0, err);
    }
    for (int i = 0; i < n && !bad; i++)
        if (!pairs_get(&h->about.vocabs, part[i].in->set))
            bad = make_vocab(h, csv[i].path, part, n, i, err);
    for (int i = 0; i < n && !bad; i++)
        bad = encode(&part[i], h, &csv[i], d, err);
    free_parts(part, csv, n, n);
    return bad;
}

/* What may separate the fields of a table: tabs alone where they are sentences,
 * but for a .csv. */
static int blanks_of(const char *path, const Part *part, int n)
{
    const char *dot = strstr(path, ".csv");
    int text = 0;

    for (int i = 0; i < n; i++)
        text |= part[i].unit == CSV_WORDS || part[i].unit == CSV_CHARS ||
                part[i].unit == CSV_NUMBERS;
    return !text ? 1 : dot && (!dot[4] || !strcmp(dot + 4, ".gz")) ? 0 : -1;
}

int app_table(AppHost *h, const AppSource *s, int n, RtData *d, RtError *err)
{
    const char *head = app_setting(h, "header"), *path = s->path;
    Csv *csv = calloc(1, sizeof *csv);
    Part *part = calloc((size_t)n + 1, sizeof *part);
    int per_line = 0, steps = 0; /* inputs with a value per step */
    int bad = part && csv ? 0 : rt_fail_memory(err, sizeof *part);

    for (int i = 0; i < n && !bad; i++) {
        part[i] =
            (Part){.from = s[i], .in = s[i].in, .unit = csv_unit(s[i].part)};
        per_line |= part[i].unit != CSV_COLUMN;
        steps |= !part[i].in->want.is_static;
    }
    if (!bad)
        bad = csv_read(path,
                       head       ? !strcmp(head, "yes")
                       : per_line ? -2
                                  : -1,
                       blanks_of(path, part, n), csv, err);
    for (int i = 0; i < n && !bad; i++)
        bad = choose(&part[i], n, csv, err);
    per_line |= !steps;
    for (int i = 0; i < n && !bad; i++)
        bad = read_part(&part[i], h, csv, per_line, err);
    for (int i = 0; i < n && !bad; i++)
        if (part[i].named && !pairs_get(&h->about.vocabs, part[i].in->set))
            bad = make_vocab(h, path, part, n, i, err);
    for (int i = 0; i < n && !bad; i++)
        bad = part[i].named ? encode(&part[i], h, csv, d, err)
              : part[i].unit != CSV_COLUMN
                  ? app_fields(&part[i].from, part[i].unit, csv, d, err)
                  : data_add_csv(d, &part[i].in->want, csv, part[i].from.part,
                                 per_line, err);
    free_parts(part, csv, n, 1);
    return bad;
}
