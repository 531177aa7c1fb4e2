/* Which columns of a table a choice names, and what it says about their fields.
 * See csv.h. */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "csv.h"

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* "Date, CO2, adjusted CO2"; with numbers_only those without text. */
static char *list_columns(const Csv *csv, int numbers_only)
{
    char *s = rt_printf("%s", "");
    for (int k = 0; k < csv->ncol && s; k++) {
        if (numbers_only && csv->column[k].bad_line)
            continue;
        char *t = numbers_only ? rt_printf("%s%s%d", s, *s ? ", " : "", k + 1)
                               : rt_printf("%s%s%s", s, *s ? ", " : "",
                                           csv->column[k].name);
        free(s);
        s = t;
    }
    return s;
}

static int find_column(const Csv *csv, const char *name, size_t n)
{
    for (int k = 0; k < csv->ncol; k++)
        if (strlen(csv->column[k].name) == n &&
            !memcmp(csv->column[k].name, name, n))
            return k;
    return -1;
}

static int no_column(const Csv *csv, const char *name, size_t n, RtError *err)
{
    char *names = list_columns(csv, 0);
    rt_fail(err, "%s: no column '%.*s' (from 1 to %d: %s)", csv->path, (int)n,
            name, csv->ncol, names ? names : "");
    free(names);
    return -1;
}

/* Adds columns a..b; with `numbers` they must hold such. */
static int choose(const Csv *csv, int a, int b, int numbers, int **cols, int *n,
                  RtError *err)
{
    for (int k = a; k <= b; k++) {
        const CsvColumn *c = &csv->column[k];
        if (numbers && c->bad_line) {
            char *names = list_columns(csv, 1);
            int some = names && *names;
            rt_fail(err,
                    "%s:%lld:%d: '%s' is no number (column %d, %s); %s%s%s",
                    csv->path, (long long)c->bad_line, k + 1, c->bad_text,
                    k + 1, c->name,
                    some ? "choose columns of numbers, such as x = column("
                    : !csv->header && c->bad_line == *csv->line
                        ? "--header yes, if the first line holds names"
                        : "no column holds numbers alone",
                    some ? names : "", some ? ")" : "");
            free(names);
            return -1;
        }
        int *more = realloc(*cols, sizeof *more * (size_t)(*n + 1));
        if (!more)
            return rt_fail_memory(err, sizeof *more * (size_t)*n);
        *cols = more;
        more[(*n)++] = k;
    }
    return 0;
}

/* One item of a choice, [s, s+len): a quoted name, a range, a number, a name.
 */
static int choose_item(const Csv *csv, const char *s, size_t len, int numbers,
                       int **cols, int *n, RtError *err)
{
    while (len && is_blank(*s))
        s++, len--;
    while (len && is_blank(s[len - 1]))
        len--;
    int quoted = len > 1 && (*s == '"' || *s == '\'') && s[len - 1] == *s;
    if (quoted)
        s++, len -= 2;
    int k = find_column(csv, s, len);
    char *after;
    long a = strtol(s, &after, 10), b = a;
    if (after > s && after < s + len && *after == ':')
        b = strtol(after + 1, &after, 10);
    if (!quoted && len && after == s + len) {
        if (a < 1 || b < a || b > csv->ncol)
            return no_column(csv, s, len, err);
        return choose(csv, (int)a - 1, (int)b - 1, numbers, cols, n, err);
    }
    if (k < 0)
        return no_column(csv, s, len, err);
    return choose(csv, k, k, numbers, cols, n, err);
}

static const char *const unit_name[] = {
    [CSV_COLUMN] = "column",   [CSV_WORDS] = "words", [CSV_CHARS] = "chars",
    [CSV_NUMBERS] = "numbers", [CSV_STEPS] = "steps", [CSV_WAV] = "wav",
    [CSV_PNG] = "png",         [CSV_NPY] = "npy"};

const char *csv_unit_name(CsvUnit unit)
{
    return unit_name[unit];
}

/* What stands in the brackets of a call; its length goes to *n.  Without a call
 * all of it, and the unit is CSV_COLUMN. */
static const char *call_items(const char *choice, size_t *n, CsvUnit *unit)
{
    size_t all = choice ? strlen(choice) : 0;

    for (int k = CSV_COLUMN; k <= CSV_NPY && all; k++) {
        size_t m = strlen(unit_name[k]);
        if (!strncmp(choice, unit_name[k], m) && choice[m] == '(' &&
            choice[all - 1] == ')') {
            *unit = (CsvUnit)k;
            *n = all - m - 2;
            return choice + m + 1;
        }
    }
    *unit = CSV_COLUMN;
    *n = all;
    return choice;
}

CsvUnit csv_unit(const char *choice)
{
    CsvUnit unit;
    size_t n;

    call_items(choice, &n, &unit);
    return unit;
}

int csv_check_unit(const Csv *csv, const char *choice, RtError *err)
{
    size_t all = choice ? strlen(choice) : 0, n = 0;
    CsvUnit unit;

    if (all)
        call_items(choice, &n, &unit);
    if (!all || n < all || choice[all - 1] != ')' ||
        find_column(csv, choice, all) >= 0)
        return 0;
    n = strcspn(choice, "(");
    for (size_t i = 0; i < n; i++)
        if (choice[i] < 'a' || choice[i] > 'z')
            return 0;
    char *word = strndup(choice, n);
    const char *near =
        word ? call_nearest(word, unit_name, CSV_NPY + 1, sizeof *unit_name)
             : NULL;
    rt_fail(err,
            "%s: nothing is read as %s%s%s%s; a choice is column(1), words(1), "
            "chars(1), numbers(1), steps(2:9), wav(1), png(1) or npy(1)",
            csv->path, choice, near ? ", did you mean " : "", near ? near : "",
            near ? "?" : "");
    free(word);
    return -1;
}

/* The end of the item at s: its comma, or `end`. */
static const char *item_end(const char *s, const char *end)
{
    char quote = 0;

    for (; s < end && (quote || *s != ','); s++)
        if (quote ? *s == quote : *s == '"' || *s == '\'')
            quote = quote ? 0 : *s;
    return s;
}

/* The value of an item "key = value" among those that are known. */
static int set_option(const char *s, const char *eq, const char *end,
                      const char *const *key, double *value, int n,
                      RtError *err)
{
    size_t m = (size_t)(eq - s);
    char *after;
    while (m && is_blank(s[m - 1]))
        m--;
    for (int k = 0; k < n; k++) {
        if (strlen(key[k]) != m || memcmp(s, key[k], m))
            continue;
        value[k] = strtod(eq + 1, &after);
        while (after < end && is_blank(*after))
            after++;
        return after == end && after > eq + 1
                   ? 0
                   : rt_fail(err, "%s is no number in '%.*s'", key[k],
                             (int)(end - s), s);
    }
    char *list = rt_printf("%s", "");
    for (int k = 0; k < n && list; k++) {
        char *old = list;
        list = rt_printf("%s%s%s", old, k ? ", " : "", key[k]);
        free(old);
    }
    rt_fail(err, "nothing is called %.*s here; %s%s", (int)m, s,
            n ? "there are " : "no options are known", list ? list : "");
    free(list);
    return -1;
}

int csv_options(const char *choice, const char *const *key, double *value,
                int n, RtError *err)
{
    CsvUnit unit;
    size_t size;
    const char *s = call_items(choice, &size, &unit), *end = s + size, *e;

    for (; s < end; s = e + (e < end)) {
        e = item_end(s, end);
        while (s < e && is_blank(*s))
            s++;
        const char *eq = memchr(s, '=', (size_t)(e - s));
        if (eq && set_option(s, eq, e, key, value, n, err))
            return -1;
    }
    return 0;
}

int csv_columns(const Csv *csv, const char *choice, int numbers, int **cols,
                int *n, RtError *err)
{
    CsvUnit unit;
    size_t size;
    const char *s = call_items(choice, &size, &unit), *end = s + size, *e;
    int bad = 0;
    *cols = NULL;
    *n = 0;
    if (!size)
        bad = choose(csv, 0, csv->ncol - 1, numbers, cols, n, err);
    for (; !bad && size && s <= end; s = e + 1) {
        e = item_end(s, end);
        if (unit == CSV_COLUMN || !memchr(s, '=', (size_t)(e - s)))
            bad = choose_item(csv, s, (size_t)(e - s), numbers, cols, n, err);
    }
    if (bad) {
        free(*cols);
        *cols = NULL;
    }
    return bad;
}
