/* The verb near: neighbours of words in an embedding of a checkpoint, and the
 * embedding as a file of word vectors. */
#include "drv.h"

#include "../../runtime/near.h"
#include "../../runtime/safetensors.h"

#include <stdlib.h>
#include <string.h>

static const Flag near_flags[] = {
    {"top", "N", "10", NULL, "neighbours of each"},
    {"param", "NAME", NULL, NULL, "the embedding, where there are several"},
    {"o", "FILE", NULL, NULL, "write all of it as word vectors, FILE.vec"},
    {NULL, NULL, NULL, NULL, NULL}};

/* Words and operators of the command line, blanks between them or not. */
typedef struct Query {
    char *text;   /* cut at its blanks */
    char **token; /* [n] */
    int n;
} Query;

static int read_query(const Flags *f, Query *q)
{
    size_t size = 1;
    char *rest = NULL;

    for (int i = 1; flags_arg(f, i); i++)
        size += strlen(flags_arg(f, i)) + 1;
    q->text = calloc(size, 1);
    q->token = calloc(size, sizeof *q->token);
    if (!q->text || !q->token)
        return EXIT_BUG;
    for (int i = 1; flags_arg(f, i); i++) {
        strcat(q->text, flags_arg(f, i));
        strcat(q->text, " ");
    }
    for (char *w = strtok_r(q->text, " \t\n", &rest); w;
         w = strtok_r(NULL, " \t\n", &rest))
        q->token[q->n++] = w;
    return 0;
}

static int is_sign(const char *s)
{
    return !strcmp(s, "+") || !strcmp(s, "-");
}

/* Tokens of the query that begins at `from`: up to a word without a sign before
 * it. */
static int length_of(const Query *q, int from)
{
    int n = 1;

    while (from + n < q->n &&
           (is_sign(q->token[from + n]) || is_sign(q->token[from + n - 1])))
        n++;
    return n;
}

/* A parameter that may be the embedding. */
typedef struct Candidate {
    const StTensor *tensor;
    Vocab words;
    int given; /* its words are those of an input that is not drawn */
} Candidate;

static int has_all(const Vocab *v, const Query *q)
{
    for (int i = 0; i < q->n; i++)
        if (!is_sign(q->token[i]) && near_class(v, q->token[i]) < 0)
            return 0;
    return 1;
}

/* Matrices whose rows are members of a set with a vocabulary; *n of them. */
static int list_candidates(const DrvHost *h, const Checkpoint *c,
                           Candidate *out, int *n)
{
    RtError err = {0};

    for (int i = 0; i < cellc_decl_count(h->d.c); i++) {
        const CellcDecl *d = cellc_decl(h->d.c, i);
        Candidate *k = &out[*n];
        int got;

        if (d->role != CELL_PARAM || d->rank != 2 || !d->dim[0])
            continue;
        k->tensor = st_find(&c->file, d->name);
        got = app_vocab(&h->app, d->dim[0], &k->words, &err);
        if (got < 0)
            return drv_fail(&err);
        if (got && k->tensor && k->tensor->rank == 2 &&
            k->tensor->dim[0] == k->words.n) {
            for (int j = 0; j < h->app.ninput; j++)
                k->given |= h->app.input[j].set &&
                            !h->app.input[j].want.observed &&
                            !strcmp(h->app.input[j].set, d->dim[0]);
            ++*n;
        } else
            vocab_free(&k->words);
    }
    return 0;
}

static void say_several(const Candidate *k, int n, const char *asked)
{
    char *list = NULL;

    for (int i = 0; i < n; i++) {
        char *old = list;
        list = rt_printf("%s%s%s", old ? old : "", old ? ", " : "",
                         k[i].tensor->name);
        free(old);
    }
    if (!n)
        say_error("the model has no embedding: no parameter such as "
                  "E[words,64] with a row for each member of a vocabulary");
    else if (asked)
        say_error("--param %s: no embedding is called that; there %s %s", asked,
                  n > 1 ? "are" : "is", list ? list : "?");
    else
        say_error("several parameters have a row for each word: %s; choose "
                  "one with --param",
                  list ? list : "?");
    free(list);
}

/* The one that is meant: by name, else the only one that knows all words, else
 * the only one whose words are given. */
static const Candidate *choose(const Candidate *k, int n, const Flags *f,
                               const Query *q)
{
    const char *name = flags_get(f, "param");

    for (int rule = 0; rule < (name ? 1 : 3); rule++) {
        const Candidate *found = NULL;
        int fit = 0;

        for (int i = 0; i < n; i++)
            if (name        ? !strcmp(name, k[i].tensor->name)
                : rule == 0 ? n == 1
                : rule == 1 ? q->n && has_all(&k[i].words, q)
                            : k[i].given) {
                found = &k[i];
                fit++;
            }
        if (fit == 1)
            return found;
    }
    say_several(k, n, name);
    return NULL;
}

/* The neighbours of one query, as lines or into the list. */
static int tell(const Near *e, const Query *q, int from, int n, int top,
                json_t *list, int titled)
{
    Neighbour *out = calloc((size_t)top, sizeof *out);
    RtError err = {0};
    json_t *each = list ? json_array() : NULL;
    char *title = NULL, room[5];
    int found = out ? near_find(e, (const char *const *)q->token + from, n, top,
                                out, &err)
                    : -1;

    for (int i = 0; i < n; i++) {
        char *old = title;
        title = rt_printf("%s%s%s", old ? old : "", old ? " " : "",
                          q->token[from + i]);
        free(old);
    }
    if (found >= 0 && titled && !list)
        printf("%s%s\n", from ? "\n" : "", title);
    for (int i = 0; i < found; i++) {
        const char *name = vocab_name(e->words, out[i].id, room);
        if (list)
            json_array_append_new(each, json_pack("{s:s, s:f}", "word", name,
                                                  "cosine", out[i].cosine));
        else
            printf("%-20s %.4f\n", name, out[i].cosine);
    }
    if (list)
        json_array_append_new(
            list, json_pack("{s:s, s:o}", "query", title, "neighbours", each));
    free(title);
    free(out);
    return found < 0 ? drv_fail(&err) : 0;
}

static int tell_all(const Near *e, const Query *q, const Flags *f)
{
    json_t *list = flags_given(f, "json") ? json_array() : NULL;
    long top = 10;
    int code = flags_long(f, "top", 1, 1L << 30, &top);

    if (top > e->words->n)
        top = e->words->n;
    for (int i = 0, n; i < q->n && !code; i += n) {
        n = length_of(q, i);
        code = tell(e, q, i, n, (int)top, list, n < q->n);
    }
    if (list && !code) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(list);
    return code;
}

static int write_vectors(const Candidate *k, const double *rows,
                         const char *path)
{
    RtError err = {0};
    int32_t left;

    if (near_write(path, &k->words, rows, k->tensor->dim[1], &left, &err))
        return drv_fail(&err);
    if (left)
        say_warning("%s: %d of %d words hold blanks, which a line of word "
                    "vectors cannot; they are left out",
                    path, left, k->words.n);
    return 0;
}

static int use(const Candidate *k, const Flags *f, const Query *q)
{
    double *rows = malloc((size_t)(k->tensor->count + 1) * sizeof *rows);
    Near e;
    int code = 0;

    if (!rows)
        return EXIT_BUG;
    st_reals(k->tensor, 8, rows);
    if (flags_given(f, "o"))
        code = write_vectors(k, rows, flags_get(f, "o"));
    near_open(&e, &k->words, rows, k->tensor->dim[1]);
    if (!code)
        code = tell_all(&e, q, f);
    near_free(&e);
    return code;
}

static int near(DrvHost *h, const Flags *f, const Query *q)
{
    Checkpoint c = {0};
    RtError err = {0};
    Candidate *k = NULL;
    const Candidate *chosen;
    int n = 0;
    int code = checkpoint_load(&c, flags_arg(f, 0), &err) ? drv_fail(&err) : 0;

    if (!code)
        code = h->app.open(&h->app, f, NULL, &c);
    if (!code) {
        k = calloc((size_t)cellc_decl_count(h->d.c) + 1, sizeof *k);
        code = k ? list_candidates(h, &c, k, &n) : EXIT_BUG;
    }
    if (!code) {
        chosen = choose(k, n, f, q);
        code = chosen ? use(chosen, f, q) : EXIT_USER;
    }
    for (int i = 0; i < n; i++)
        vocab_free(&k[i].words);
    free(k);
    checkpoint_free(&c);
    return code;
}

static int run(Flags *f, void *user)
{
    Query q = {0};
    DrvHost h;
    int code;

    (void)user;
    if (!flags_arg(f, 1) && !flags_given(f, "o")) {
        say_error("near whom? Give words, or -o FILE.vec to write all vectors");
        return EXIT_USAGE;
    }
    code = read_query(f, &q);
    drv_host_init(&h);
    if (!code)
        code = near(&h, f, &q);
    drv_host_free(&h);
    free(q.text);
    free(q.token);
    return code;
}

static const Flag *const flags[] = {near_flags, drv_json_flags, NULL};
const Verb drv_near = {"near",
                       "CHECKPOINT WORD...",
                       "neighbours of words in an embedding",
                       flags,
                       {"near words.safetensors king - man + woman",
                        "near words.safetensors -o words.vec"},
                       1,
                       -1,
                       run};
