/* Tables.  The file is copied into a store, where a row is split in place, its
 * fields NUL-terminated where the separators were.  See csv.h. */
#include "csv.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void csv_free(Csv *csv)
{
    for (int k = 0; k < csv->ncol; k++) {
        free(csv->column[k].name);
        free(csv->column[k].bad_text);
    }
    free(csv->path);
    free(csv->column);
    store_free(&csv->values);
    store_free(&csv->fields);
    store_free(&csv->lines);
    store_free(&csv->starts);
    store_free(&csv->text);
    *csv = (Csv){0};
}

/* Position in the text, and the fields of the row read last. */
typedef struct Reader {
    const char *path;
    char *p, *end;
    char separator;
    int comments;     /* lines that begin with # are none */
    int64_t line;     /* of p, from 1 */
    int64_t row_line; /* of the row */
    char **field;     /* pointers into the text */
    int n, cap;
} Reader;

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Fields of the line that begins at p, as that separator cuts it. */
static int count_fields(const char *p, const char *end, char separator)
{
    int n = 0, quoted = 0, inside = 0;
    for (; p < end && *p != '\n'; p++) {
        if (separator == ' ') {
            n += !inside && !is_blank(*p);
            inside = !is_blank(*p);
            continue;
        }
        if (*p == '"' && separator != '\t')
            quoted = !quoted;
        n += !quoted && *p == separator;
    }
    return separator == ' ' ? n : n + 1;
}

static const char *next_line(const char *p, const char *end)
{
    const char *e = memchr(p, '\n', (size_t)(end - p));
    return e ? e + 1 : end;
}

static int is_skipped(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p == end || *p == '\n' || *p == '#';
}

/* The separator that cuts the first lines into equally many fields, more than
 * one; failing that, one that cuts the first line; the last for a single
 * column. */
static char find_separator(const char *text, const char *end, int blanks)
{
    const char *any = blanks < 0 ? "\t" : blanks ? "\t;, " : "\t;,";
    char fallback = 0;
    for (const char *c = any; *c; c++) {
        int first = 0, same = 1, seen = 0;
        for (const char *p = text; p < end && seen < 10;
             p = next_line(p, end)) {
            if (is_skipped(p, end))
                continue;
            int n = count_fields(p, end, *c);
            if (seen++ == 0)
                first = n;
            same = same && n == first;
        }
        if (first > 1 && same)
            return *c;
        if (first > 1 && *c != ' ' && !fallback)
            fallback = *c;
    }
    return fallback ? fallback : blanks < 0 ? '\t' : ',';
}

static int add_field(Reader *r, char *field, RtError *err)
{
    if (r->n == r->cap) {
        int cap = r->cap ? r->cap * 2 : 16;
        char **more = realloc(r->field, sizeof *more * (size_t)cap);
        if (!more)
            return rt_fail_memory(err, sizeof *more * (size_t)cap);
        r->field = more;
        r->cap = cap;
    }
    r->field[r->n++] = field;
    return 0;
}

/* Unquotes the field that begins with a quote at r->p, in place; leaves r->p
 * behind the closing quote. */
static int read_quoted(Reader *r, char **field, char **field_end, RtError *err)
{
    char *to = ++r->p;
    *field = to;
    for (; r->p < r->end; r->p++) {
        if (*r->p == '"' && (r->p + 1 == r->end || r->p[1] != '"'))
            break;
        if (*r->p == '"')
            r->p++;
        if (*r->p == '\n')
            r->line++;
        *to++ = *r->p;
    }
    *field_end = to;
    if (r->p == r->end)
        return rt_fail(err, "%s:%lld: a quote is opened and never closed",
                       r->path, (long long)r->row_line);
    r->p++;
    return 0;
}

static int at_line_end(const Reader *r)
{
    return r->p == r->end || *r->p == '\n';
}

static void skip_blanks(Reader *r, char but)
{
    while (r->p < r->end && is_blank(*r->p) && *r->p != but)
        r->p++;
}

/* Ends the field [field, end), now that *r->p has been looked at; outside csv
 * proper, quotes around a whole field are dropped. */
static int end_field(Reader *r, char *field, char *end, int strip, RtError *err)
{
    *end = 0;
    if (strip && end - field > 1 && *field == '"' && end[-1] == '"') {
        end[-1] = 0;
        field++;
    }
    return add_field(r, field, err);
}

/* Splits a row at blanks. */
static int read_words(Reader *r, RtError *err)
{
    skip_blanks(r, 0);
    while (!at_line_end(r)) {
        char *field = r->p;
        while (!at_line_end(r) && !is_blank(*r->p))
            r->p++;
        char *end = r->p;
        skip_blanks(r, 0);
        int last = at_line_end(r);
        if (end_field(r, field, end, 1, err))
            return -1;
        if (last)
            break;
    }
    return 0;
}

/* Splits a row at separators. */
static int read_fields(Reader *r, RtError *err)
{
    int quotes = r->separator != '\t';
    for (int last = 0; !last;) {
        skip_blanks(r, r->separator);
        char *field = r->p, *end = r->p;
        if (quotes && r->p < r->end && *r->p == '"' &&
            read_quoted(r, &field, &end, err))
            return -1;
        while (!at_line_end(r) && *r->p != r->separator)
            if (!is_blank(*r->p++))
                end = r->p;
        last = at_line_end(r);
        r->p += !last;
        if (end_field(r, field, end, !quotes, err))
            return -1;
    }
    return 0;
}

/* Splits one row.  1: a row, 0: a blank line, -1: error. */
static int read_row(Reader *r, RtError *err)
{
    r->n = 0;
    r->row_line = r->line;
    if (r->separator == ' ' ? read_words(r, err) : read_fields(r, err))
        return -1;
    r->p += r->p < r->end;
    r->line++;
    return r->n > 1 || (r->n == 1 && r->field[0][0]);
}

int csv_number(char *s, double *x)
{
    static const char *const missing[] = {"", "NA", "NaN", "null", "?"};
    *x = NAN;
    for (size_t k = 0; k < sizeof missing / sizeof missing[0]; k++)
        if (!strcasecmp(s, missing[k]))
            return 0;
    char *dot = strchr(s, '.'), *end;
    if (dot)
        *dot = localeconv()->decimal_point[0];
    double value = strtod(s, &end);
    if (dot)
        *dot = '.';
    if (*end || !isfinite(value))
        return -1;
    *x = value;
    return 1;
}

/* Notes a field that is no number if it is the first of its column. */
static int note_bad(CsvColumn *c, const char *text, int64_t line, RtError *err)
{
    if (c->bad_line)
        return 0;
    c->bad_line = line;
    c->bad_text = rt_printf("%.60s", text);
    return c->bad_text ? 0 : rt_fail_memory(err, strlen(text));
}

static int add_row(Csv *csv, const Reader *r, RtError *err)
{
    if (r->n != csv->ncol)
        return rt_fail(err,
                       "%s:%lld: %d fields, wanted %d as in the lines before",
                       r->path, (long long)r->row_line, r->n, csv->ncol);
    for (int k = 0; k < csv->ncol; k++) {
        double x;
        if ((csv_number(r->field[k], &x) < 0 &&
             note_bad(&csv->column[k], r->field[k], r->row_line, err)) ||
            store_add(&csv->values, &x, sizeof x, err) ||
            store_add(&csv->fields, &r->field[k], sizeof r->field[k], err))
            return -1;
    }
    csv->nrow++;
    return store_add(&csv->lines, &r->row_line, sizeof r->row_line, err);
}

/* The next row begins a sequence. */
static int add_start(Csv *csv, RtError *err)
{
    return store_add(&csv->starts, &csv->nrow, sizeof csv->nrow, err);
}

static int set_columns(Csv *csv, const Reader *r, int names, RtError *err)
{
    csv->column = calloc((size_t)r->n, sizeof *csv->column);
    if (!csv->column)
        return rt_fail_memory(err, sizeof *csv->column * (size_t)r->n);
    csv->ncol = r->n;
    for (int k = 0; k < r->n; k++) {
        csv->column[k].name = names && r->field[k][0]
                                  ? rt_printf("%s", r->field[k])
                                  : rt_printf("%d", k + 1);
        if (!csv->column[k].name)
            return rt_fail_memory(err, sizeof *csv->column);
    }
    return 0;
}

/* Whether a field is neither a number nor several between blanks. */
static int is_word(const char *field)
{
    char part[64];
    double x;
    for (const char *s = field + strspn(field, " "); *s; s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");
        if (n >= sizeof part)
            return 1;
        memcpy(part, s, n);
        part[n] = 0;
        if (csv_number(part, &x) < 0)
            return 1;
        s += n;
    }
    return 0;
}

/* Whether row a[n] names the columns of row b (NULL: there is no second).  Two
 * rows of words are taken for two rows of a table of words. */
static int is_header(char *const *a, int n, char *const *b)
{
    int words = 0, words_below = 0;
    double x;
    for (int k = 0; k < n; k++) {
        if (!is_word(a[k]))
            continue;
        words++;
        if (b && csv_number(b[k], &x) > 0)
            return 1;
        words_below += b && is_word(b[k]);
    }
    return words == n && !words_below;
}

/* A line that begins with #; not so where it may be a word of a table. */
static int is_comment(const Reader *r)
{
    const char *end = next_line(r->p, r->end);
    return *r->p == '#' && r->comments &&
           (r->separator != '\t' || !memchr(r->p, '\t', (size_t)(end - r->p)));
}

static int next_filled(Reader *r, RtError *err, int *blank)
{
    while (r->p < r->end) {
        if (is_comment(r)) {
            r->p += next_line(r->p, r->end) - r->p;
            r->line++;
            continue;
        }
        int got = read_row(r, err);
        if (got)
            return got;
        *blank = 1;
    }
    return 0;
}

/* First row: names or numbers; it decides the number of columns. */
static int read_first(Csv *csv, Reader *r, RtError *err)
{
    int blank = 0, got = next_filled(r, err, &blank);
    if (got < 0)
        return -1;
    if (!got)
        return rt_fail(err, "%s: no line with numbers in it", r->path);
    Reader first = *r;
    r->field = NULL;
    r->cap = 0;
    blank = 0;
    got = next_filled(r, err, &blank);
    int bad = got < 0;
    if (!bad && csv->header < 0)
        csv->header = (got || csv->header == -1) &&
                      is_header(first.field, first.n,
                                got && r->n == first.n ? r->field : NULL);
    if (!bad)
        bad = set_columns(csv, &first, csv->header, err) ||
              add_start(csv, err) ||
              (!csv->header && add_row(csv, &first, err));
    if (!bad && got) {
        if (blank && csv->nrow) {
            csv->nseq++;
            bad = add_start(csv, err);
        }
        bad = bad || add_row(csv, r, err);
    }
    free(first.field);
    return bad ? -1 : got;
}

static int read_table(Csv *csv, Reader *r, RtError *err)
{
    int got = read_first(csv, r, err);
    while (got > 0) {
        int blank = 0;
        got = next_filled(r, err, &blank);
        if (got > 0 && blank) {
            csv->nseq++;
            if (add_start(csv, err))
                return -1;
        }
        if (got > 0 && add_row(csv, r, err))
            return -1;
    }
    if (got < 0)
        return -1;
    if (!csv->nrow)
        return rt_fail(err, "%s: a header and no line with numbers below it",
                       r->path);
    csv->nseq++;
    return add_start(csv, err);
}

/* All of the file, with a NUL behind its *n bytes. */
static int read_text(Csv *csv, const char *path, const char *wanted, size_t *n,
                     RtError *err)
{
    csv->path = rt_printf("%s", path);
    if (!csv->path)
        return rt_fail_memory(err, strlen(path));
    if (store_read(&csv->text, path, err))
        return -1;
    *n = csv->text.size;
    if (store_add(&csv->text, "", 1, err) || store_end(&csv->text, err))
        return -1;
    if (*n == 0)
        return rt_fail(err, "%s: the file is empty, wanted %s", path, wanted);
    return memchr(csv->text.data, 0, *n)
               ? rt_fail(err, "%s: a binary file, wanted %s", path, wanted)
               : 0;
}

/* From now on the numbers and fields can be looked at. */
static int end_table(Csv *csv, RtError *err)
{
    if (store_end(&csv->values, err) || store_end(&csv->fields, err) ||
        store_end(&csv->lines, err) || store_end(&csv->starts, err))
        return -1;
    csv->value = (double *)(void *)csv->values.data;
    csv->field = (char **)(void *)csv->fields.data;
    csv->line = (int64_t *)(void *)csv->lines.data;
    csv->start = (int64_t *)(void *)csv->starts.data;
    return 0;
}

int csv_read(const char *path, int header, int blanks, Csv *csv, RtError *err)
{
    size_t n;
    *csv = (Csv){.header = header};
    if (read_text(csv, path, "lines of numbers", &n, err))
        return -1;
    Reader r = {.path = path,
                .p = csv->text.data,
                .end = csv->text.data + n,
                .comments = blanks >= 0,
                .line = 1};
    if (n >= 3 && !memcmp(r.p, "\xef\xbb\xbf", 3))
        r.p += 3;
    csv->separator = r.separator = find_separator(r.p, r.end, blanks);
    int bad = read_table(csv, &r, err) || end_table(csv, err);
    free(r.field);
    return bad ? -1 : 0;
}

int csv_lines(const char *path, Csv *csv, RtError *err)
{
    size_t n;
    *csv = (Csv){.separator = '\n'};
    if (read_text(csv, path, "lines of text", &n, err))
        return -1;
    for (char *p = csv->text.data, *all = p + n, *end; p < all; p = end + 1) {
        end = memchr(p, '\n', (size_t)(all - p));
        end = end ? end : all;
        *end = 0;
        if (end > p && end[-1] == '\r')
            end[-1] = 0;
        csv->nrow++;
        if (store_add(&csv->fields, &p, sizeof p, err) ||
            store_add(&csv->lines, &csv->nrow, sizeof csv->nrow, err))
            return -1;
    }
    return end_table(csv, err);
}

void csv_print(FILE *to, const char *field)
{
    int quoted = strpbrk(field, ",\"\n\r") != NULL;

    if (quoted)
        fputc('"', to);
    for (; *field; field++)
        fprintf(to, *field == '"' ? "\"\"" : "%c", *field);
    if (quoted)
        fputc('"', to);
}
