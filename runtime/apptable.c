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
    int named;   /* its fields are names, which `name` collects */
    char **name; /* all of them, in order; pointers into the table's text */
    char *chars; /* CHARS: what they point into */
    int64_t nname, cap;
    int64_t *start; /* [sequences + 1] */
    int64_t nseq;
} Part;

static void part_free(Part *p)
{
    free(p->name);
    free(p->chars);
    free(p->start);
}

static int add_name(Part *p, char *name, RtError *err)
{
    if (p->nname == p->cap) {
        int64_t cap = p->cap ? 2 * p->cap : 1024;
        char **more = realloc(p->name, (size_t)cap * sizeof *more);

        if (!more)
            return rt_fail_memory(err, (size_t)cap * sizeof *more);
        p->name = more;
        p->cap = cap;
    }
    p->name[p->nname++] = name;
    return 0;
}

/* Words of a field, between blanks; cut in place. */
static int add_words(Part *p, char *field, RtError *err)
{
    for (char *s = field + strspn(field, " \t"); *s;) {
        char *word = s;

        s += strcspn(s, " \t");
        if (*s)
            *s++ = 0;
        if (add_name(p, word, err))
            return -1;
        s += strspn(s, " \t");
    }
    return 0;
}

/* Characters of a field; each is copied with an end of its own. */
static int add_chars(Part *p, const char *field, char **room, RtError *err)
{
    for (const char *s = field; *s;) {
        char *c = *room;

        do
            *(*room)++ = *s++;
        while ((*s & 0xc0) == 0x80);
        *(*room)++ = 0;
        if (add_name(p, c, err))
            return -1;
    }
    return 0;
}

/* Every line is a sequence of words or characters; of `ncol` columns one. */
static int read_lines(Part *p, const Csv *csv, int ncol, int col, RtError *err)
{
    size_t bytes = 1;
    char *room, *last = p->in->last;

    for (int64_t i = 0; i < csv->nrow; i++)
        bytes += 2 * strlen(csv->field[i * ncol + col]);
    p->start = malloc(sizeof *p->start * (size_t)(csv->nrow + 1));
    room = p->chars = p->unit == CSV_CHARS ? malloc(bytes) : NULL;
    if (!p->start || (p->unit == CSV_CHARS && !room))
        return rt_fail_memory(err, bytes);
    for (int64_t i = 0; i < csv->nrow; i++) {
        char *field = csv->field[i * ncol + col];

        p->start[i] = p->nname;
        if (room ? add_chars(p, field, &room, err) : add_words(p, field, err))
            return -1;
        if (last &&
            (p->nname == p->start[i] || strcmp(p->name[p->nname - 1], last)) &&
            add_name(p, last, err))
            return -1;
    }
    p->nseq = csv->nrow;
    p->start[p->nseq] = p->nname;
    return 0;
}

/* Every line is a sequence of names, one in each of several columns; empty ones
 * at its end are none. */
static int read_steps(Part *p, const Csv *csv, RtError *err)
{
    int *cols, n, bad = 0;

    if (csv_columns(csv, p->from.part, 0, &cols, &n, err))
        return -1;
    p->start = malloc(sizeof *p->start * (size_t)(csv->nrow + 1));
    if (!p->start)
        bad = rt_fail_memory(err, sizeof *p->start * (size_t)csv->nrow);
    for (int64_t i = 0; i < csv->nrow && !bad; i++) {
        char **field = csv->field + i * csv->ncol;
        int last = n;

        while (last > 0 && !*field[cols[last - 1]])
            last--;
        p->start[i] = p->nname;
        for (int k = 0; k < last && !bad; k++)
            bad = add_name(p, field[cols[k]], err);
    }
    free(cols);
    if (bad)
        return -1;
    p->nseq = csv->nrow;
    p->start[p->nseq] = p->nname;
    return 0;
}

/* Every field is one name. */
static int read_names(Part *p, const Csv *csv, int col, RtError *err)
{
    for (int64_t i = 0; i < csv->nrow; i++)
        if (add_name(p, csv->field[i * csv->ncol + col], err))
            return -1;
    p->nseq = p->in->want.is_static ? csv->nrow : csv->nseq;
    p->start = malloc(sizeof *p->start * (size_t)(csv->nseq + 1));
    if (!p->start)
        return rt_fail_memory(err, sizeof *p->start);
    memcpy(p->start, csv->start, sizeof *p->start * (size_t)(csv->nseq + 1));
    return 0;
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
        return rt_fail(err, "%s: not read", path);
    how.eos = NULL;
    for (int i = 0; i < n; i++)
        if (part[i].named && !strcmp(part[i].in->set, in->set))
            labels &= part[i].from.label && part[i].unit == CSV_COLUMN;
    if (labels)
        how = (VocabHow){.member = how.member, .nmember = how.nmember};
    for (int i = 0; i < n; i++)
        for (int64_t j = 0;
             part[i].named && !strcmp(part[i].in->set, in->set) &&
             j < part[i].nname && !bad;
             j++)
            bad = word_count(&count, part[i].name[j], how.lower, err);
    bad = bad || vocab_of_words(&v, path, count, &how, err) ||
          app_keep_vocab(h, in->set, &v, err);
    word_count_free(count);
    vocab_free(&v);
    return bad ? -1 : 0;
}

/* The line of the table that name j of a part stands in. */
static int64_t line_of(const Part *p, const Csv *csv, int64_t j)
{
    int64_t row = j;

    if (p->unit != CSV_COLUMN)
        for (row = 0; row + 1 < p->nseq && p->start[row + 1] <= j;)
            row++;
    return csv->line[row];
}

static int encode(Part *p, AppHost *h, const Csv *csv, RtData *d, RtError *err)
{
    Vocab v = {0};
    int32_t *ids = malloc(sizeof *ids * (size_t)(p->nname + 1));
    int bad = app_vocab(h, p->in->set, &v, err) < 0;

    if (!ids && !bad)
        bad = rt_fail_memory(err, sizeof *ids * (size_t)p->nname);
    for (int64_t j = 0; j < p->nname && !bad; j++) {
        int missing = !*p->name[j] && p->in->want.observed;
        char code[5];

        ids[j] = missing ? -1 : vocab_word(&v, p->name[j]);
        for (int32_t c = 0; !v.word && c < v.ncode && ids[j] < 0; c++)
            if (!strcmp(vocab_name(&v, c, code), p->name[j]))
                ids[j] = c;
        if (ids[j] < 0 && !missing)
            bad = rt_fail(err,
                          "%s:%lld: \"%s\" is not among the %d %s that the "
                          "model knows; train with it in the table, or with "
                          "--min-count 2, which gives rare names a class",
                          csv->path, (long long)line_of(p, csv, j), p->name[j],
                          v.n, p->in->set);
    }
    p->in->want.classes = v.n;
    if (!bad)
        bad = data_add_classes(d, &p->in->want, csv->path, ids, p->nseq,
                               p->start, err);
    vocab_free(&v);
    free(ids);
    return bad ? -1 : 0;
}

/* The header may say which columns an input has where nothing else does. */
static int choose(Part *p, int n, const Csv *csv, RtError *err)
{
    const char *name = p->in->want.name;

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
