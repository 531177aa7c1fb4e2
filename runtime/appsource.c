/* Where each input of a model comes from: the file that an argument, --in or
 * the data block names, what part of it, and how it is to be read.  See
 * apphost.h.
 */
#include "apphost.h"
#include "array.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether the name ends like this, perhaps packed. */
static int is_kind(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);

    if (n > 3 && !strcmp(path + n - 3, ".gz"))
        n -= 3;
    return n > m && !strncmp(path + n - m, ending, m);
}

static int is_file(const char *path)
{
    struct stat st;

    return !stat(path, &st) && !S_ISDIR(st.st_mode);
}

/* The last value of the flag for this input; NULL: none. */
static const char *flagged(const Flags *f, const char *flag, const char *input)
{
    const char *value, *text, *found = NULL;
    int n;

    for (int i = 0; (value = flags_pair(f, flag, i, &n, &text)); i++)
        if (n >= 0 && strlen(input) == (size_t)n &&
            !memcmp(text, input, (size_t)n))
            found = value;
    return found;
}

static int no_input(const AppHost *h, const char *flag, const char *name, int n)
{
    const char **all = calloc((size_t)h->ninput + 1, sizeof *all);
    char *word = strndup(name, (size_t)n), *names = app_input_names(h);
    const char *near = NULL;

    for (int i = 0; all && i < h->ninput; i++)
        all[i] = h->input[i].want.name;
    if (all && word)
        near = flags_nearest(word, all, h->ninput);
    say_error("--%s %s=...: the model has no input %s%s%s%s; it has %s", flag,
              word ? word : "", word ? word : "", near ? ", did you mean " : "",
              near ? near : "", near ? "?" : "", names ? names : "none");
    free(all);
    free(word);
    free(names);
    return EXIT_USER;
}

int app_check_inputs(const AppHost *h, const Flags *f)
{
    static const char *const flag[] = {"in", "column"};
    const char *text;
    int n;

    for (size_t k = 0; k < sizeof flag / sizeof *flag; k++)
        for (int i = 0; flags_pair(f, flag[k], i, &n, &text); i++) {
            int known = 0;

            if (n < 0)
                return EXIT_USAGE;
            for (int j = 0; j < h->ninput; j++)
                known |= strlen(h->input[j].want.name) == (size_t)n &&
                         !memcmp(h->input[j].want.name, text, (size_t)n);
            if (!known)
                return no_input(h, flag[k], text, n);
        }
    return 0;
}

int app_has_set(const AppHost *h, const char *set)
{
    for (int i = 0; i < h->ninput; i++)
        if (h->input[i].set && !strcmp(h->input[i].set, set))
            return 1;
    return 0;
}

/* Whether an entry of the data block is a file's name; else it is columns. */
static int is_quoted(const char *s)
{
    size_t n = s ? strlen(s) : 0;

    return n > 1 && *s == '"' && s[n - 1] == '"';
}

char *app_input_names(const AppHost *h)
{
    char *s = NULL;

    for (int i = 0; i < h->ninput; i++) {
        char *old = s;

        s = rt_printf("%s%s%s", old ? old : "", old ? ", " : "",
                      h->input[i].want.name);
        free(old);
    }
    return s;
}

void app_sources_free(AppSource *s, int n)
{
    for (int i = 0; s && i < n; i++) {
        free(s[i].path);
        free(s[i].part);
    }
    free(s);
}

/* Splits "FILE:PART"; a file of the whole name comes first. */
static int set_path(AppSource *s, const char *text, size_t n, RtError *err)
{
    s->path = strndup(text, n);
    if (!s->path)
        return rt_fail_memory(err, n);
    for (char *c = strchr(s->path, ':'); c && !is_file(s->path);
         c = strchr(c + 1, ':')) {
        *c = 0;
        if (is_file(s->path))
            return (s->part = strdup(c + 1)) ? 0 : rt_fail_memory(err, n);
        *c = ':';
    }
    return 0;
}

int app_source_path(AppSource *s, const char *text, RtError *err)
{
    return set_path(s, text, strlen(text), err);
}

/* The input's item of "NAME=FILE,NAME=FILE"; 0: it has none. */
static int listed(const char *list, const char *name, AppSource *s,
                  RtError *err)
{
    size_t n = strlen(name);

    for (const char *p = list; p; p = strchr(p, ','), p += p != NULL)
        if (!strncmp(p, name, n) && p[n] == '=')
            return set_path(s, p + n + 1, strcspn(p + n + 1, ","), err) ? -1
                                                                        : 1;
    return 0;
}

/* Whether the path is such a list. */
static int is_list(const AppHost *h, const char *path)
{
    for (int i = 0; i < h->ninput && !is_file(path); i++) {
        size_t n = strlen(h->input[i].want.name);

        if (!strncmp(path, h->input[i].want.name, n) && path[n] == '=')
            return 1;
    }
    return 0;
}

/* NAME.npy in a folder, or another file called after the input. */
static int in_folder(AppSource *s, const char *folder, const char *name,
                     RtError *err)
{
    static const char *const ending[] = {".npy", ".csv", ".tsv", ".txt"};

    for (int k = 0; k < 8; k++) {
        free(s->path);
        s->path = rt_printf("%s/%s%s%s", folder, name, ending[k % 4],
                            k < 4 ? "" : ".gz");
        if (!s->path)
            return rt_fail_memory(err, 0);
        if (is_file(s->path))
            return 0;
    }
    return rt_fail(err,
                   "%s: nothing in this folder is called after input %s, such "
                   "as %s.npy or %s.txt",
                   folder, name, name, name);
}

static int find_path(const AppHost *h, const Flags *f, const char *path,
                     AppSource *s, RtError *err)
{
    const char *name = s->in->want.name, *said = flagged(f, "in", name);
    const char *block = pairs_get(&h->data_block, name);
    struct stat st;
    int got = 0;

    if (path && is_list(h, path))
        got = listed(path, name, s, err);
    else if (said)
        return set_path(s, said, strlen(said), err);
    else if (path && !stat(path, &st) && S_ISDIR(st.st_mode))
        return in_folder(s, path, name, err);
    else if (path)
        return set_path(s, path, strlen(path), err);
    else if (is_quoted(block))
        return set_path(s, block + 1, strlen(block) - 2, err);
    if (got)
        return got < 0 ? -1 : 0;
    return rt_fail(err,
                   "nothing says where %s comes from: give a data "
                   "file, or --in %s=FILE.npy, or "
                   "`data { %s = \"FILE.npy\" }` in the spec",
                   name, name, name);
}

/* Whether an index set has a vocabulary of words. */
static int has_words(const AppHost *h, const char *set)
{
    RtError err = {0};
    Vocab v = {0};
    int words = app_vocab(h, set, &v, &err) > 0 && v.word;

    vocab_free(&v);
    rt_error_clear(&err);
    return words;
}

/* What the file is read as.  A text is a stream where it is alone, or where
 * --unit says so, unless the words of the model come from lines. */
static AppKind kind_of(const AppHost *h, const AppSource *s)
{
    const char *unit = app_setting(h, "unit");
    int stream = unit && strcmp(unit, "char");

    if (is_kind(s->path, ".npy") || array_kind(s->path) != ARRAY_NONE)
        return FROM_ARRAY;
    if (is_kind(s->path, ".csv") || is_kind(s->path, ".tsv") || s->part)
        return FROM_TABLE;
    if (unit && !strcmp(unit, "notes") && !s->in->want.is_index)
        return FROM_NOTES;
    if (!s->shared && h->ninput > 1)
        return FROM_LINES;
    return !stream && has_words(h, s->in->set) ? FROM_LINES : FROM_TEXT;
}

char *app_columns(const AppHost *h, const Flags *f, const char *input)
{
    const char *said = flagged(f, "column", input);
    char *key = rt_printf("column.%s", input);

    if (!said && key)
        said = app_setting(h, key);
    free(key);
    if (!said && !is_quoted(pairs_get(&h->data_block, input)))
        said = pairs_get(&h->data_block, input);
    return said ? strdup(said) : NULL;
}

/* What of the file the input takes, where its name did not say so. */
static int set_part(const AppHost *h, const Flags *f, AppSource *s,
                    RtError *err)
{
    const char *name = s->in->want.name;
    ArrayKind kind = array_kind(s->path);

    if (s->part)
        return 0;
    if (kind == ARRAY_NONE)
        s->part = app_columns(h, f, name);
    else if (kind == ARRAY_NPZ && (s->shared || npz_has(s->path, name)))
        return (s->part = strdup(name)) ? 0 : rt_fail_memory(err, strlen(name));
    return 0;
}

AppSource *app_sources(AppHost *h, const Flags *f, const char *path,
                       RtError *err)
{
    AppSource *source = calloc((size_t)h->ninput + 1, sizeof *source);
    struct stat st;
    int given = 0, bad = source ? 0 : rt_fail_memory(err, sizeof *source);

    bad = bad || app_check_unit(h, err);
    for (int i = 0; i < h->ninput; i++)
        given |= !h->input[i].want.observed;
    for (int i = 0; i < h->ninput && !bad; i++) {
        AppSource *s = &source[i];

        s->in = &h->input[i];
        s->shared = path && !is_list(h, path) &&
                    !flagged(f, "in", s->in->want.name) &&
                    (stat(path, &st) || !S_ISDIR(st.st_mode));
        s->label = given && s->in->want.observed;
        bad = find_path(h, f, path, s, err);
        if (!bad)
            bad = set_part(h, f, s, err);
        if (!bad)
            s->kind = kind_of(h, s);
    }
    if (!bad)
        return source;
    app_sources_free(source, h->ninput);
    return NULL;
}
