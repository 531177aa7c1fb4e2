/* A compilation as the verbs use it, see drv.h. */
#include "drv.h"

#include "../../runtime/rtio.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const Flag drv_size_flags[] = {
    {"option", "NAME=VALUE", NULL, "option",
     "value of an option of the spec, a layer too: layer=gru(n); again for "
     "others"},
    {"dim", "NAME=SIZE", NULL, NULL,
     "size of a dim that the spec leaves open; again for others"},
    {"use", "FILE", NULL, NULL,
     "file with cells that an --option names; again for others"},
    {NULL, NULL, NULL, NULL, NULL}};

const Flag drv_reduce_flags[] = {
    {"reduce", "HOW", "sequence", "train", "mean per sequence, token, or sum"},
    {"teacher", "P", "1", "train",
     "with --training: share of earlier steps that are as observed"},
    {NULL, NULL, NULL, NULL, NULL}};

const Flag drv_number_flags[] = {
    {"double", NULL, NULL, NULL, "compute in double precision"},
    {"backend", "NAME", "tcc", NULL, "tcc, cc or eval"},
    {"chunk", "STEPS", NULL, NULL, NULL}, /* for tests of short sequences */
    {"states", "0|1", NULL, NULL, NULL},  /* and of states that are not kept */
    {NULL, NULL, NULL, NULL, NULL}};

const Flag drv_json_flags[] = {{"json", NULL, NULL, NULL, "report as JSON"},
                               {NULL, NULL, NULL, NULL, NULL}};

/* Messages go to standard error as they are, the severity in colour. */
static void print_message(const char *severity, const char *text)
{
    const char *at = strstr(text, severity);
    const char *colour = !strcmp(severity, "error")     ? "\033[1;31m"
                         : !strcmp(severity, "warning") ? "\033[1;35m"
                                                        : "\033[1;36m";

    if (!at || at > text + strcspn(text, "\n") || !say_colour(stderr))
        fputs(text, stderr);
    else
        fprintf(stderr, "%.*s%s%s\033[0m%s", (int)(at - text), text, colour,
                severity, at + strlen(severity));
    if (!*text || text[strlen(text) - 1] != '\n')
        fputc('\n', stderr);
}

static void on_message(void *user, const char *severity, const char *text)
{
    Drv *d = user;

    if (d->mute)
        return;
    if (d->messages)
        json_array_append_new(d->messages, json_pack("{s:s, s:s}", "severity",
                                                     severity, "text", text));
    else
        print_message(severity, text);
}

int drv_new(Drv *d)
{
    d->c = cellc_new(on_message, d);
    if (d->c)
        return 0;
    say_error("out of memory");
    return EXIT_BUG;
}

void drv_free(Drv *d)
{
    cellc_free(d->c);
    free(d->path);
    json_decref(d->messages);
    memset(d, 0, sizeof *d);
}

int drv_code(int cellc_code)
{
    switch (cellc_code) {
    case CELLC_OK:
        return EXIT_DONE;
    case CELLC_USER:
        return EXIT_USER;
    case CELLC_USAGE:
        return EXIT_USAGE;
    default:
        return EXIT_BUG;
    }
}

int drv_fail(RtError *err)
{
    say_error("%s", err->text ? err->text : "out of memory");
    rt_error_clear(err);
    return EXIT_USER;
}

char *drv_read(const char *path, size_t *n)
{
    RtError err = {0};
    char *text = NULL;

    if (rtio_read(path, &text, n, &err)) {
        drv_fail(&err);
        return NULL;
    }
    return text;
}

int drv_write(const char *path, const char *text, size_t n)
{
    RtError err = {0};
    RtSave *s = rtio_save_open(path, &err);

    if (!s)
        return drv_fail(&err);
    rtio_save_write(s, text, n);
    return rtio_save_close(s, &err) ? drv_fail(&err) : 0;
}

int drv_copy_pairs(RtPairs *to, const RtPairs *from)
{
    RtError err = {0};

    for (int i = 0; i < from->n; i++)
        if (pairs_set(to, from->v[i].key, from->v[i].value, &err))
            return drv_fail(&err);
    return 0;
}

int drv_add_spec(Drv *d, const char *path)
{
    int code = drv_code(cellc_add_file(d->c, path));

    if (code && !drv_is_file(path) && cellc_cell_text(d->c, path))
        say_note("%s is a cell of the library; a spec applies it, as in "
                 "`h = %s(n)(x)`",
                 path, path);
    return code;
}

/* A text has no bytes 0; a checkpoint begins with eight bytes that say how long
 * its head is, the higher ones 0. */
static int begins_as_checkpoint(const char *path)
{
    char head[9] = {0};
    struct stat st;
    size_t n = 0;
    FILE *f =
        !stat(path, &st) && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;

    if (f) {
        n = fread(head, 1, sizeof head, f);
        fclose(f);
    }
    return n == sizeof head && !head[6] && !head[7] && head[8] == '{';
}

int drv_is_checkpoint(const char *path)
{
    size_t n = strlen(path), m = strlen(".safetensors");

    return (n > m && !strcmp(path + n - m, ".safetensors")) ||
           begins_as_checkpoint(path);
}

char *drv_model_name(const char *path)
{
    const char *from = strrchr(path, '/');
    char *name, *end;

    from = from ? from + 1 : path;
    while (*from && !isalpha((unsigned char)*from))
        from++;
    name = strdup(*from ? from : "model");
    if (!name)
        return NULL;
    end = strrchr(name, '.');
    if (end && end > name)
        *end = 0;
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) || (unsigned char)*p > 126)
            *p = '_';
    return name;
}

int drv_use(Drv *d, const Flags *f)
{
    int code = 0;

    for (int i = 0; i < flags_given(f, "use") && !code; i++)
        code = drv_code(cellc_add_file(d->c, flags_each(f, "use", i)));
    return code;
}

/* --option and --dim. */
static int apply_sizes(Drv *d, const Flags *f)
{
    const char *value, *text;
    char *name, *end;
    int n, code = 0;

    for (int pass = 0; pass < 2; pass++) {
        const char *flag = pass ? "dim" : "option";

        for (int i = 0; (value = flags_pair(f, flag, i, &n, &text)); i++) {
            long size = 0;

            if (n < 0)
                return EXIT_USAGE;
            if (pass) {
                size = strtol(value, &end, 10);
                if (*end || size < 1) {
                    say_error("--dim %s: a size is a whole number from 1",
                              text);
                    return EXIT_USAGE;
                }
            }
            name = strndup(text, (size_t)n);
            if (!name)
                return EXIT_BUG;
            code = pass ? cellc_dim(d->c, name, size)
                        : cellc_option(d->c, name, value);
            free(name);
            if (code)
                return drv_code(code);
        }
    }
    return 0;
}

int drv_settings(Drv *d, const Flags *f)
{
    double teacher = 1;
    int code = apply_sizes(d, f);

    if (!code && flags_given(f, "reduce"))
        code = drv_code(cellc_set(d->c, "reduce", flags_get(f, "reduce")));
    if (!code && flags_given(f, "teacher"))
        code = flags_real(f, "teacher", 0, 1, &teacher);
    if (!code && flags_given(f, "teacher"))
        code = drv_code(cellc_set(d->c, "teacher", flags_get(f, "teacher")));
    if (!code && flags_given(f, "double"))
        code = drv_code(cellc_set(d->c, "double", "1"));
    if (!code && flags_given(f, "backend"))
        code = drv_code(cellc_set(d->c, "backend", flags_get(f, "backend")));
    if (!code && flags_given(f, "chunk"))
        code = drv_code(cellc_set(d->c, "chunk", flags_get(f, "chunk")));
    if (!code && flags_given(f, "states"))
        code = drv_code(cellc_set(d->c, "states", flags_get(f, "states")));
    return code;
}

/* "0.5,2,1": what the classes of an input weigh. */
static int set_weights(Drv *d, const char *input, const char *text)
{
    size_t room = strlen(text) / 2 + 2;
    double *weight = malloc(room * sizeof *weight);
    int n = 0, code = CELLC_INTERNAL;
    char *end;

    for (const char *s = text; weight && *s; s = end + (*end == ',')) {
        weight[n] = strtod(s, &end);
        if (end == s)
            break;
        n++;
    }
    if (weight)
        code = cellc_weights(d->c, input, n, weight);
    free(weight);
    return code;
}

int drv_known(Drv *d, const Checkpoint *a)
{
    RtError err = {0};
    int code = 0;

    for (int i = 0; i < a->options.n && !code; i++)
        code = cellc_option(d->c, a->options.v[i].key, a->options.v[i].value);
    for (int i = 0; i < a->dims.n && !code; i++)
        code = cellc_dim(d->c, a->dims.v[i].key,
                         strtol(a->dims.v[i].value, NULL, 10));
    for (int i = 0; i < a->vocabs.n && !code; i++) {
        Vocab v = {0};
        char(*room)[5];
        const char **names;

        if (vocab_from_json(&v, a->vocabs.v[i].value, &err))
            return drv_fail(&err);
        room = calloc((size_t)v.n + 1, sizeof *room);
        names = calloc((size_t)v.n + 1, sizeof *names);
        for (int32_t k = 0; room && names && k < v.n; k++)
            names[k] = vocab_name(&v, k, room[k]);
        code = room && names ? cellc_vocab(d->c, a->vocabs.v[i].key, v.n, names)
                             : CELLC_INTERNAL;
        free(room);
        free(names);
        vocab_free(&v);
    }
    for (int i = 0; i < a->settings.n && !code; i++)
        if (!strncmp(a->settings.v[i].key, APP_WEIGHT, strlen(APP_WEIGHT)))
            code = set_weights(d, a->settings.v[i].key + strlen(APP_WEIGHT),
                               a->settings.v[i].value);
    return drv_code(code);
}

/* The spec of a checkpoint, with its options, sizes and vocabularies. */
static int add_checkpoint(Drv *d, const char *path)
{
    Checkpoint c = {0};
    RtError err = {0};
    int code = checkpoint_load(&c, path, &err) ? drv_fail(&err) : 0;

    if (!code && !c.spec) {
        say_error("%s: the checkpoint holds no spec", path);
        code = EXIT_USER;
    }
    if (!code)
        code = drv_code(cellc_add_text(d->c, d->path, c.spec, strlen(c.spec)));
    if (!code)
        code = drv_known(d, &c);
    checkpoint_free(&c);
    return code;
}

int drv_open(Drv *d, const Flags *f, const char *path)
{
    int code = drv_new(d);
    char *name;

    if (code)
        return code;
    d->path = strdup(strcmp(path, "-") ? path : "<stdin>");
    name = drv_model_name(path);
    if (!d->path || !name)
        code = EXIT_BUG;
    else
        code = drv_code(cellc_set(d->c, "name", name));
    free(name);
    if (!code)
        code = drv_use(d, f);
    if (!code && !strcmp(path, "-")) {
        size_t n;
        char *text = drv_read(path, &n);

        code =
            text ? drv_code(cellc_add_text(d->c, d->path, text, n)) : EXIT_USER;
        free(text);
    } else if (!code && drv_is_checkpoint(path)) {
        code = add_checkpoint(d, path);
    } else if (!code) {
        code = drv_add_spec(d, path);
    }
    return code ? code : drv_settings(d, f);
}

void drv_tell_members(const Drv *d)
{
    const char *set, *name;

    if (cellc_member_at(d->c, 0, &set, &name) && !drv_is_checkpoint(d->path))
        say_note("%s names \"%s\", whose number among %s data tell: here it is "
                 "the first; a checkpoint in the place of the spec knows it",
                 d->path, name, set);
}

int drv_compile(Drv *d)
{
    int code = drv_code(cellc_check(d->c));

    if (code)
        return code;
    for (int i = 0; cellc_open_dim(d->c, i); i++) {
        const char *dim = cellc_open_dim(d->c, i);

        say_error("%s: the size of %s is not known; give it with --dim %s=N",
                  d->path, dim, dim);
        code = EXIT_USER;
    }
    return code ? code : drv_code(cellc_compile(d->c));
}

int drv_through_outputs(Drv *d)
{
    int code = 0;

    for (int i = 0; i < cellc_decl_count(d->c) && !code; i++) {
        const CellcDecl *decl = cellc_decl(d->c, i);

        if (decl->role == CELL_OUTPUT && !(decl->flags & CELL_INDEX))
            code = drv_code(cellc_set(d->c, "upstream", decl->name));
    }
    return code;
}

int drv_no_cell(const Flags *f, const char *name)
{
    say_error("%s is neither a file nor a cell of the library; `%s cells` "
              "lists those",
              name, flags_program(f));
    return EXIT_USER;
}

int drv_is_file(const char *path)
{
    struct stat st;

    return !strcmp(path, "-") || strchr(path, '.') || strchr(path, '/') ||
           !stat(path, &st);
}
