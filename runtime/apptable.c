/* From a table to a data set: which columns feed which input, names of members
 * of index sets and their vocabularies, lines that are steps and lines that are
 * sequences of words.  Called by appdata.c.  See apphost.h. */
#include "apphost.h"

#include <stdlib.h>
#include <string.h>

/* An input's part of the table. */
typedef struct Part {
    AppInput *in;
    char *choice; /* of columns, or NULL */
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
    free(p->choice);
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

    if (csv_columns(csv, p->choice, 0, &cols, &n, err))
        return -1;
    col = n == 1 ? cols[0] : -1;
    free(cols);
    if (col < 0)
        rt_fail(err, "%s: %d columns for input %s, wanted one of names",
                csv->path, n, p->in->want.name);
    return col;
}

/* Whether the input's fields are names, and those names. */
static int read_part(Part *p, AppHost *h, const Csv *csv, int per_line,
                     RtError *err)
{
    Vocab v = {0};
    int col, got = app_vocab(h, p->in->set, &v, err);
    int known = got > 0;

    vocab_free(&v);
    if (got < 0)
        return -1;
    if (p->unit != CSV_COLUMN && (!p->in->set || p->in->want.is_static))
        return rt_fail(err,
                       "%s: %s of input %s: a sequence of names is for an "
                       "input such as w[t] in words",
                       csv->path, p->choice, p->in->want.name);
    if (!p->in->set || (!p->in->open && !known))
        return 0; /* numbers */
    col = name_column(p, csv, err);
    if (col < 0)
        return -1;
    p->named = known || p->unit != CSV_COLUMN || csv->column[col].bad_line > 0;
    if (!p->named)
        return 0;
    if (per_line && !p->in->want.is_static && p->unit == CSV_COLUMN)
        return rt_fail(err,
                       "%s: a line is a sequence here; input %s varies by "
                       "step: say words(%d) or chars(%d)",
                       csv->path, p->in->want.name, col + 1, col + 1);
    return p->unit == CSV_COLUMN ? read_names(p, csv, col, err)
                                 : read_lines(p, csv, csv->ncol, col, err);
}

/* Whether the part's names are labels, which the model finds from something
 * else: those have a class as they are, whatever the limits of words. */
static int is_label(const AppHost *h, const Part *part, int k)
{
    int given = 0;

    for (int i = 0; i < h->ninput; i++)
        given |= !part[i].in->want.observed;
    return given && part[k].in->want.observed && part[k].unit == CSV_COLUMN;
}

/* A vocabulary of all names that inputs of part k's set have. */
static int make_vocab(AppHost *h, const char *path, const Part *part, int k,
                      RtError *err)
{
    const AppInput *in = part[k].in;
    WordCount *count = NULL;
    VocabHow how;
    Vocab v = {0};
    int labels = 1, bad = 0;

    if (app_limits(h, in, &how))
        return rt_fail(err, "%s: not read", path);
    how.eos = NULL;
    for (int i = 0; i < h->ninput; i++)
        if (part[i].named && !strcmp(part[i].in->set, in->set))
            labels &= is_label(h, part, i);
    if (labels)
        how = (VocabHow){.member = how.member, .nmember = how.nmember};
    for (int i = 0; i < h->ninput; i++)
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
static int choose(Part *p, const AppHost *h, const Csv *csv, RtError *err)
{
    const char *name = p->in->want.name;

    for (int c = 0; c < csv->ncol && !p->choice; c++)
        if (csv->header && !strcmp(csv->column[c].name, name))
            p->choice = strdup(name);
    if (p->choice || h->ninput == 1)
        return 0;
    return rt_fail(err,
                   "%s: which columns are %s? Say --column %s=1:3 (or names), "
                   "or `data { %s = column(1) }` in the spec",
                   csv->path, name, name, name);
}

int app_lines(AppHost *h, const Flags *f, const char *given, RtData *d,
              RtError *err)
{
    Part *part = calloc((size_t)h->ninput + 1, sizeof *part);
    Csv *csv = calloc((size_t)h->ninput + 1, sizeof *csv);
    int bad = part && csv ? 0 : rt_fail_memory(err, sizeof *part);

    for (int i = 0; i < h->ninput && !bad; i++) {
        const RtWant *want = &h->input[i].want;
        char *path = given ? strdup(given) : app_choice(h, f, "in", want->name);

        part[i] = (Part){.in = &h->input[i], .unit = CSV_WORDS, .named = 1};
        if (!h->input[i].set || want->is_static || !path)
            bad = rt_fail(err,
                          "%s: lines of words are for an input such as "
                          "w[t] in words, not for %s",
                          path ? path : "text", want->name);
        if (!bad)
            bad = csv_lines(path, &csv[i], err) ||
                  read_lines(&part[i], &csv[i], 1, 0, err);
        free(path);
    }
    for (int i = 0; i < h->ninput && !bad; i++)
        if (!pairs_get(&h->about.vocabs, part[i].in->set))
            bad = make_vocab(h, csv[i].path, part, i, err);
    for (int i = 0; i < h->ninput && !bad; i++)
        bad = encode(&part[i], h, &csv[i], d, err);
    for (int i = 0; part && csv && i < h->ninput; i++) {
        part_free(&part[i]);
        csv_free(&csv[i]);
    }
    free(part);
    free(csv);
    return bad;
}

int app_table(AppHost *h, const Flags *f, const char *path, RtData *d,
              RtError *err)
{
    const char *head = app_setting(h, "header");
    Csv csv = {0};
    Part *part = calloc((size_t)h->ninput + 1, sizeof *part);
    int per_line = 0, steps = 0; /* inputs with a value per step */
    int bad = part ? 0 : rt_fail_memory(err, sizeof *part);

    for (int i = 0; i < h->ninput && !bad; i++) {
        part[i].in = &h->input[i];
        part[i].choice = app_choice(h, f, "column", part[i].in->want.name);
        part[i].unit = csv_unit(part[i].choice);
        per_line |= part[i].unit != CSV_COLUMN;
        steps |= !part[i].in->want.is_static;
    }
    if (!bad)
        bad = csv_read(path, !head ? -1 : !strcmp(head, "yes"), !per_line, &csv,
                       err);
    for (int i = 0; i < h->ninput && !bad; i++)
        bad = choose(&part[i], h, &csv, err);
    per_line |= !steps;
    for (int i = 0; i < h->ninput && !bad; i++)
        bad = read_part(&part[i], h, &csv, per_line, err);
    for (int i = 0; i < h->ninput && !bad; i++)
        if (part[i].named && !pairs_get(&h->about.vocabs, part[i].in->set))
            bad = make_vocab(h, path, part, i, err);
    for (int i = 0; i < h->ninput && !bad; i++)
        bad = part[i].named ? encode(&part[i], h, &csv, d, err)
                            : data_add_csv(d, &part[i].in->want, &csv,
                                           part[i].choice, per_line, err);
    for (int i = 0; part && i < h->ninput; i++)
        part_free(&part[i]);
    free(part);
    csv_free(&csv);
    return bad;
}
