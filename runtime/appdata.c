/* From files to a data set: which file feeds which input of a model, and what
 * the files say about sizes that the spec leaves open.  See apphost.h. */
#include "apphost.h"

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

char *app_choice(const AppHost *h, const Flags *f, const char *flag,
                 const char *input)
{
    const char *value, *text, *found = NULL;
    int n;

    for (int i = 0; (value = flags_pair(f, flag, i, &n, &text)); i++)
        if (n >= 0 && strlen(input) == (size_t)n &&
            !memcmp(text, input, (size_t)n))
            found = value;
    if (!found)
        found = pairs_get(&h->data_block, input);
    if (found && *found == '"' && strlen(found) > 1)
        return strndup(found + 1, strlen(found) - 2);
    return found ? strdup(found) : NULL;
}

static char *input_names(const AppHost *h)
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

/* Whether --unit says more than nothing. */
static int is_stream(const AppHost *h)
{
    const char *unit = app_setting(h, "unit");

    return unit && strcmp(unit, "char");
}

/* A text feeds the only input, an index: all of it as one stream; or line by
 * line, where the words of the model come from lines. */
static int read_text(AppHost *h, const Flags *f, const char *path, RtData *d,
                     RtError *err)
{
    AppInput *in = h->input;

    if (h->ninput != 1 || !in->want.is_index || in->want.is_static ||
        !in->set) {
        char *names = input_names(h);

        rt_fail(err,
                "%s is read as text, which feeds one input such as "
                "`input c[t] in chars`; the model has %s (numbers come "
                "as .csv, .tsv or .npy)",
                path, names ? names : "no input");
        free(names);
        return -1;
    }
    return !is_stream(h) && has_words(h, in->set)
               ? app_lines(h, f, path, d, err)
               : app_text(h, in, path, d, err);
}

static int read_npy(AppHost *h, int i, const char *path, RtData *d,
                    RtError *err)
{
    const char *first = app_setting(h, "time_first");

    return data_add_npy(d, &h->input[i].want, path,
                        first && !strcmp(first, "yes"), err);
}

/* Whether input i comes as lines of words: from a text, where there are several
 * inputs or the vocabulary is of words. */
static int is_lines(const AppHost *h, const Flags *f, int i)
{
    char *path = app_choice(h, f, "in", h->input[i].want.name);
    int lines = path && !is_kind(path, ".npy") && !is_kind(path, ".csv") &&
                !is_kind(path, ".tsv");

    free(path);
    return lines &&
           (h->ninput > 1 || (!is_stream(h) && has_words(h, h->input[i].set)));
}

/* The inputs that are lines of words. */
static int read_all_lines(AppHost *h, const Flags *f, RtData *d, RtError *err)
{
    AppHost part = *h;
    int bad = 0;

    part.ninput = 0;
    part.input = calloc((size_t)h->ninput + 1, sizeof *part.input);
    if (!part.input)
        return rt_fail_memory(err, sizeof *part.input);
    for (int i = 0; i < h->ninput; i++)
        if (is_lines(h, f, i))
            part.input[part.ninput++] = h->input[i];
    if (part.ninput)
        bad = app_lines(&part, f, NULL, d, err);
    h->about = part.about;
    free(part.input);
    return bad;
}

/* A file per input: from a folder, or named by --in or the data block. */
static int read_each(AppHost *h, const Flags *f, const char *folder, RtData *d,
                     RtError *err)
{
    if (!folder && read_all_lines(h, f, d, err))
        return -1;
    for (int i = 0; i < h->ninput; i++) {
        const char *name = h->input[i].want.name;
        if (!folder && is_lines(h, f, i))
            continue;
        char *path = folder ? rt_printf("%s/%s.npy", folder, name)
                            : app_choice(h, f, "in", name);
        int bad;

        if (!path)
            return rt_fail(err,
                           "nothing says where %s comes from: give a data "
                           "file, or --in %s=FILE.npy, or "
                           "`data { %s = \"FILE.npy\" }` in the spec",
                           name, name, name);
        if (!folder && h->ninput == 1 && !is_kind(path, ".npy"))
            bad = is_kind(path, ".csv") || is_kind(path, ".tsv")
                      ? app_table(h, f, path, d, err)
                      : read_text(h, f, path, d, err);
        else
            bad = read_npy(h, i, path, d, err);
        free(path);
        if (bad)
            return -1;
    }
    return 0;
}

static int read_lengths(const AppHost *h, const char *folder, RtData *d,
                        RtError *err)
{
    const char *given = app_setting(h, "lengths");
    char *path = given ? strdup(given) : rt_printf("%s/lengths.npy", folder);
    struct stat st;
    int bad = 0;

    if (path && (given || (folder && !stat(path, &st))))
        bad = data_lengths_npy(d, 0, path, err);
    free(path);
    for (int i = 0; i < h->ninput && folder && !bad; i++) {
        const RtWant *want = &h->input[i].want;

        path = rt_printf("%s/lengths.%s.npy", folder, want->name);
        if (path && !want->is_static && want->axis && !stat(path, &st))
            bad = data_lengths_npy(d, want->axis, path, err);
        free(path);
    }
    return bad;
}

/* Notes the size of a name; two files that differ are an error. */
static int note_size(AppHost *h, const char *dim, int64_t size,
                     const char *from, RtError *err)
{
    const char *old = pairs_get(&h->about.dims, dim);
    char *text;
    int bad;

    if (old && strtoll(old, NULL, 10) == size)
        return 0;
    if (old)
        return rt_fail(err,
                       "%s is %lld in %s, but %s elsewhere (another "
                       "input, --dim or the checkpoint)",
                       dim, (long long)size, from, old);
    text = rt_printf("%lld", (long long)size);
    bad = text ? pairs_set(&h->about.dims, dim, text, err)
               : rt_fail_memory(err, 32);
    free(text);
    return bad;
}

/* Sizes that were open and that the fields now have. */
static int note_sizes(AppHost *h, const RtData *d, RtError *err)
{
    for (int i = 0; i < h->ninput; i++) {
        const AppInput *in = &h->input[i];
        const RtField *field = data_field(d, in->want.name);

        for (int k = 0; field && k < in->want.rank; k++)
            if (in->want.dim[k] < 0 && in->dim[k] &&
                note_size(h, in->dim[k], field->dim[k], field->from, err))
                return -1;
        if (field && in->want.is_index && in->open && in->set &&
            !pairs_get(&h->about.vocabs, in->set) &&
            note_size(h, in->set, field->classes, field->from, err))
            return -1;
    }
    return 0;
}

/* Sizes that earlier data, a flag or a checkpoint gave are wanted again. */
static void take_sizes(AppHost *h)
{
    for (int i = 0; i < h->ninput; i++) {
        AppInput *in = &h->input[i];
        const char *size;

        for (int k = 0; k < in->want.rank; k++)
            if (in->want.dim[k] < 0 && in->dim[k] &&
                (size = pairs_get(&h->about.dims, in->dim[k])))
                in->want.dim[k] = strtoll(size, NULL, 10);
        if (in->set && (size = pairs_get(&h->about.dims, in->set)))
            in->want.classes = strtoll(size, NULL, 10);
    }
}

int app_data(AppHost *h, const Flags *f, const char *path, RtData *d)
{
    RtError err = {0};
    struct stat st;
    int bad;

    take_sizes(h);
    if (!path)
        path = app_setting(h, "file");
    if (path && !stat(path, &st) && S_ISDIR(st.st_mode))
        bad = read_each(h, f, path, d, &err) || read_lengths(h, path, d, &err);
    else if (!path)
        bad = read_each(h, f, NULL, d, &err) || read_lengths(h, NULL, d, &err);
    else if (is_kind(path, ".csv") || is_kind(path, ".tsv"))
        bad = app_table(h, f, path, d, &err);
    else if (is_kind(path, ".npy"))
        bad = h->ninput == 1 ? read_npy(h, 0, path, d, &err)
                             : rt_fail(&err,
                                       "%s is one array, the model has "
                                       "%d inputs: give --in NAME=FILE "
                                       "for each, or a folder with "
                                       "NAME.npy",
                                       path, h->ninput);
    else
        bad = read_text(h, f, path, d, &err);
    if (!bad && path && is_kind(path, ".npy"))
        bad = read_lengths(h, NULL, d, &err);
    memcpy(d->clock, h->clock, sizeof d->clock);
    if (!bad)
        bad = data_finish(d, &err) || note_sizes(h, d, &err);
    return bad ? app_fail(&err) : 0;
}

/* Whether sequences have several time axes, so that nothing cuts them. */
static int several(const RtData *d)
{
    int more = 0;

    for (int k = 1; k < CELL_TIMES; k++)
        more |= d->steps[k].offset != NULL;
    return more;
}

int app_feed(const AppHost *h, const RtData *d, double from, double to,
             RtFeedOptions *o)
{
    long batch = 32, chunk = 0, back = 0, window = 0, hop = 0, seed = 0;
    int code = app_setting_long(h, "batch", 1, &batch);

    if (!code)
        code = flags_chunk("tbptt", app_setting(h, "tbptt"), &chunk, &back);
    if (!code)
        code = app_setting_long(h, "window", 1, &window);
    if (!code)
        code = app_setting_long(h, "hop", 1, &hop);
    if (!code)
        code = app_setting_long(h, "seed", 0, &seed);
    *o = (RtFeedOptions){.from = from,
                         .to = to,
                         .batch = batch,
                         .chunk = chunk,
                         .back = back,
                         .window = window,
                         .hop = hop,
                         .streams = d->nseq == 1 && !window && !several(d),
                         .seed = (uint64_t)seed};
    o->shuffle = !o->streams;
    if (!code && o->streams) {
        double steps = (double)d->steps[0].length[0] * (to - from);

        if (steps < (double)o->batch && steps >= 1)
            o->batch = (int64_t)steps;
        if (!chunk && steps > 1000.0 * (double)o->batch)
            o->chunk = 100;
    }
    return code;
}

int app_held_out(const AppHost *h, double *at, const char **file)
{
    const char *s = app_setting(h, "valid");
    char *end;
    double x;

    *at = 1;
    *file = NULL;
    if (!s || !strcmp(s, "0"))
        return 0;
    x = strtod(s, &end);
    if (*end) {
        *file = s;
        return 0;
    }
    if (!(x >= 0 && x < 1)) {
        say_error("valid: a fraction below 1 or a file is wanted, found %s", s);
        return EXIT_USER;
    }
    *at = 1 - x;
    return 0;
}
