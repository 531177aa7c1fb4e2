/* The verb generate: draws sequences from a checkpoint's model, one for each
 * that is given where some inputs are.  How they look is tell.c.  See
 * apphost.h. */
#include "apphost.h"

#include "beam.h"
#include "tell.h"

#include <stdlib.h>
#include <string.h>

const Flag app_generate_flags[] = {
    {"length", "N", "200", NULL, "steps to draw, fewer where it ends before"},
    {"prime", "TEXT", NULL, NULL,
     "how it begins: text, or a file where the model is of numbers"},
    {"temperature", "X", "1", NULL, "below 1 bolder, above 1 wilder"},
    {"greedy", NULL, NULL, NULL, "always the most likely"},
    {"top-k", "K", NULL, NULL, "draw among the K most likely classes"},
    {"top-p", "P", "1", NULL, "draw among classes that make up P"},
    {"beam", "K", NULL, NULL, "the most probable sequences, K side by side"},
    {"length-penalty", "A", "0", NULL, "beam: log probability / steps^A"},
    {"n-best", "N", NULL, NULL, "beam: N results of each, with their scores"},
    {"samples", "N", "1", NULL, "sequences to draw for each that is given"},
    {"seed", "N", "0", NULL, "of the draws"},
    {"batch", "B", "32", NULL, "sequences at a time"},
    {"o", "FILE", "-", NULL,
     "FILE.csv, .npy, .mid, or text; FILE.svg or .png: the prime and, of "
     "--samples, median and 5 to 95 %"},
    {"seen", "FILE", NULL, NULL,
     "FILE.svg: the series that --prime is the beginning of, drawn beside"},
    {"pixels", "WIDTH", NULL, NULL,
     "FILE.png: lines of WIDTH values, 0 black, 1 white, after the prime"},
    {"tempo", "N", "120", NULL, "FILE.mid: quarters a minute, a step is one"},
    {"reduce", "HOW", "sequence", "train", "as in training"},
    {NULL, NULL, NULL, NULL, NULL}};

/* What the flags ask for. */
typedef struct Wish {
    SampleHow how;
    BeamHow beam; /* width 0: no beam */
    int scored;
    long length, samples, batch, pixels;
    double tempo;
} Wish;

/* Everything of one run. */
typedef struct Story {
    const Wish *w;
    RtModel *m;
    Sampler *sampler;
    int n;          /* drawn names */
    int *drawn;     /* [n] their tensors */
    Vocab *names;   /* [n] of their index sets */
    RtData given;   /* inputs that are not drawn */
    RtData past;    /* how sequences of numbers begin */
    RtData seen;    /* how the first one went on */
    double *after;  /* its numbers behind the beginning */
    int32_t *begin; /* how those of classes begin */
    int64_t nbegin;
    int64_t sequences; /* to go on from; 1 where nothing is given */
    Teller teller;
} Story;

/* The host with the inputs that are drawn, or the others. */
static int some_inputs(const AppHost *h, const CellDesc *d, int drawn,
                       AppHost *part)
{
    *part = *h;
    part->ninput = 0;
    memset(part->clock, 0, sizeof part->clock); /* the rest may set the steps */
    part->input = calloc((size_t)h->ninput + 1, sizeof *part->input);
    if (!part->input)
        return EXIT_BUG;
    for (int i = 0; i < h->ninput; i++)
        if (law_is_drawn(d, model_find(d, CELL_INPUT, h->input[i].want.name)) ==
            drawn)
            part->input[part->ninput++] = h->input[i];
    return 0;
}

/* Values of the inputs that are not drawn, from DATA or --in. */
static int read_given(AppHost *h, const Flags *f, const CellDesc *d,
                      const char *path, RtData *g)
{
    AppHost part;
    int code = some_inputs(h, d, 0, &part);

    if (!code && path && !part.ninput) {
        say_error("%s: every input of the model is drawn, so there is nothing "
                  "to read; --prime says how a sequence begins",
                  path);
        code = EXIT_USAGE;
    }
    if (!code && part.ninput && (path || flags_given(f, "in")))
        code = app_data(&part, f, path, g);
    h->about = part.about;
    free(part.input);
    return code;
}

/* How every sequence begins: text, or a file with a beginning for each. */
static int read_prime(Story *s, AppHost *h, const Flags *f)
{
    const char *prime = flags_get(f, "prime");
    const Vocab *v = &s->names[0];
    RtError err = {0};
    AppHost part;
    int code;

    if (!prime || !*prime)
        return 0;
    if (s->teller.is_text) {
        s->teller.prime = prime;
        return text_encode(v, "--prime", prime, strlen(prime), &s->begin,
                           &s->nbegin, &err)
                   ? app_fail(&err)
                   : 0;
    }
    code = some_inputs(h, s->m->desc, 1, &part);
    if (!code)
        code = app_data(&part, f, prime, &s->past);
    h->about = part.about;
    free(part.input);
    if (code)
        return code;
    if (s->given.nfield && s->past.nseq != 1 && s->past.nseq != s->sequences) {
        say_error("--prime: %s has %lld sequences and there are %lld to go on "
                  "with; wanted as many, or one for all",
                  prime, (long long)s->past.nseq, (long long)s->sequences);
        return EXIT_USER;
    }
    if (!s->given.nfield)
        s->sequences = s->past.nseq;
    return 0;
}

/* What really came after the beginning, for a picture. */
static int read_seen(Story *s, AppHost *h, const Flags *f)
{
    const char *seen = flags_get(f, "seen");
    const CellTensor *t = &s->m->desc->tensor[s->drawn[0]];
    const RtField *field;
    int64_t first, all;
    double *v;
    AppHost part;
    int code = seen ? some_inputs(h, s->m->desc, 1, &part) : 0;

    if (!seen || code)
        return code;
    code = app_data(&part, f, seen, &s->seen);
    h->about = part.about;
    free(part.input);
    if (code)
        return code;
    field = data_field(&s->seen, t->name);
    first = s->past.nfield ? data_steps(&s->past, field->axis, 0) : 0;
    all = data_steps(&s->seen, field->axis, 0);
    if (field->is_static || all <= first) {
        say_error("--seen: %s has %lld steps and the prime %lld; wanted the "
                  "whole series, of which the prime is the beginning",
                  seen, (long long)all, (long long)first);
        return EXIT_USER;
    }
    v = malloc((size_t)((all - first) * field->size) * sizeof *v);
    for (int64_t i = 0; v && i < (all - first) * field->size; i++)
        v[i] = data_value(field, first * field->size + i);
    s->teller.seen = s->after = v;
    s->teller.nseen = all - first;
    return v ? 0 : EXIT_BUG;
}

/* Puts the beginning of row r into v[n], from a file or as classes. */
static int beginning(const Story *s, int64_t sequence, double **v, int64_t *T,
                     RtError *err)
{
    int64_t q = s->past.nseq == 1 ? 0 : sequence;

    *T = s->nbegin;
    for (int k = 0; k < s->n; k++) {
        const CellTensor *t = &s->m->desc->tensor[s->drawn[k]];
        const RtField *field =
            s->past.nfield ? data_field(&s->past, t->name) : NULL;
        int64_t size = model_size(t), from = 0;

        if (field) {
            const RtSteps *steps = &s->past.steps[field->axis];
            *T = data_steps(&s->past, field->axis, q);
            from = (field->is_static ? q : steps->offset[q]) * size;
        }
        if (*T < 1)
            return rt_fail(err, "--prime: sequence %lld of %s has no steps",
                           (long long)q + 1, field ? field->from : "it");
        v[k] = malloc((size_t)(*T * size) * sizeof **v);
        if (!v[k])
            return rt_fail_memory(err, (size_t)(*T * size) * sizeof **v);
        for (int64_t j = 0; j < *T * size; j++)
            v[k][j] = field ? data_value(field, from + j) : s->begin[j];
    }
    return 0;
}

/* Begins rows for results first..first+n-1 and reads their beginnings. */
static int begin(Story *s, int64_t first, int64_t n, RtError *err)
{
    size_t rows = (size_t)n, drawn = (size_t)s->n;
    int64_t *seq = malloc(rows * sizeof *seq), *T = calloc(rows, sizeof *T);
    int64_t *number = malloc(rows * sizeof *number);
    double **v = calloc(rows * drawn, sizeof *v);
    int primed = s->nbegin || s->past.nfield;
    int bad = seq && T && number && v ? 0 : rt_fail_memory(err, rows * 8);

    for (int64_t r = 0; r < n && !bad; r++) {
        number[r] = first + r;
        seq[r] = (first + r) / s->w->samples;
        if (primed)
            bad = beginning(s, seq[r], v + r * s->n, &T[r], err);
    }
    bad =
        bad || sample_begin(s->sampler, n, seq, number, err) ||
        (primed && sample_prime(s->sampler, T, (const double *const *)v, err));
    for (size_t i = 0; v && i < rows * drawn; i++)
        free(v[i]);
    free(v);
    free(seq);
    free(T);
    free(number);
    return bad ? -1 : 0;
}

/* One sequence, told as it comes. */
static int draw_live(Story *s, RtError *err)
{
    const volatile sig_atomic_t *stop = s->w->beam.stop;
    const double **value = malloc((size_t)s->n * sizeof *value);
    unsigned char over = 0;
    int bad = value ? begin(s, 0, 1, err) : rt_fail_memory(err, 8);

    bad = bad || teller_begin(&s->teller, err);
    for (int64_t i = 0; !bad && !over && i < s->w->length &&
                        sample_left(s->sampler, 0) && !*stop;
         i++) {
        bad = sample_step(s->sampler, &s->w->how, &over, err);
        for (int k = 0; k < s->n && !bad; k++)
            value[k] =
                sample_value(s->sampler, k, 0) +
                (sample_steps(s->sampler, 0) - 1) * sample_size(s->sampler, k);
        bad = bad || teller_step(&s->teller, value, over, err);
    }
    free(value);
    return bad || teller_end(&s->teller, err);
}

/* All results, a batch at a time. */
static int draw_all(Story *s, RtError *err)
{
    int64_t n = s->sequences * s->w->samples, batch = s->w->batch;
    int64_t best = s->w->beam.width ? s->w->beam.best : 1;
    Told *out = calloc((size_t)(batch * best), sizeof *out);
    int64_t *count = calloc((size_t)batch, sizeof *count);
    int bad = out && count ? 0 : rt_fail_memory(err, (size_t)batch * 8);

    for (int64_t i = 0; i < n && !bad && !*s->w->beam.stop; i += batch) {
        int64_t rows = n - i < batch ? n - i : batch;

        bad = begin(s, i, rows, err);
        if (!bad && s->w->beam.width)
            bad = beam_search(s->sampler, &s->w->beam, out, count, err);
        else if (!bad)
            bad = told_draw(s->sampler, &s->w->how, s->w->length,
                            s->w->beam.stop, out, err);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = 0; j < (s->w->beam.width ? count[r] : 1); j++) {
                Told *t = &out[r * best + j];
                bad = bad || teller_add(&s->teller, t, i + r + 1, err);
                told_free(t);
            }
    }
    free(out);
    free(count);
    return bad ? -1 : 0;
}

/* What says how to draw where nothing is drawn, or a beam chooses. */
static int check_ways(const Flags *f, const Wish *w)
{
    static const char *const drawing[] = {"temperature", "top-k", "top-p",
                                          "greedy", "samples"};
    static const char *const searching[] = {"length-penalty", "n-best"};

    for (size_t i = 0; i < sizeof drawing / sizeof *drawing; i++)
        if (w->beam.width && flags_given(f, drawing[i])) {
            say_error("--%s says how to draw, and --beam does not draw but "
                      "searches: leave one of them out",
                      drawing[i]);
            return EXIT_USAGE;
        }
    for (size_t i = 0; i < 3; i++)
        if (w->how.greedy && flags_given(f, drawing[i])) {
            say_error("--%s says how to draw, and --greedy always takes the "
                      "most likely: leave one of them out",
                      drawing[i]);
            return EXIT_USAGE;
        }
    for (size_t i = 0; i < sizeof searching / sizeof *searching; i++)
        if (!w->beam.width && flags_given(f, searching[i])) {
            say_error("--%s is about a beam search: say --beam K too",
                      searching[i]);
            return EXIT_USAGE;
        }
    if (w->beam.width && w->beam.best > w->beam.width) {
        say_error("--n-best %lld: a beam of %lld has no more than %lld "
                  "results; say --beam %lld",
                  (long long)w->beam.best, (long long)w->beam.width,
                  (long long)w->beam.width, (long long)w->beam.best);
        return EXIT_USAGE;
    }
    return 0;
}

static int read_wish(const Flags *f, Wish *w)
{
    long k = 0, seed = 0, width = 0, best = 1;
    int code;

    *w = (Wish){.how = {.greedy = flags_given(f, "greedy"),
                        .temperature = 1,
                        .top_p = 1},
                .scored = flags_given(f, "n-best"),
                .length = 200,
                .samples = 1,
                .batch = 32,
                .tempo = 120};
    code = flags_long(f, "length", 1, 1L << 40, &w->length);
    if (!code)
        code = flags_real(f, "temperature", 1e-6, 1e6, &w->how.temperature);
    if (!code)
        code = flags_long(f, "top-k", 1, 1L << 40, &k);
    if (!code)
        code = flags_real(f, "top-p", 1e-9, 1, &w->how.top_p);
    if (!code)
        code = flags_long(f, "seed", 0, 1L << 62, &seed);
    if (!code)
        code = flags_long(f, "beam", 1, 1L << 20, &width);
    if (!code)
        code = flags_real(f, "length-penalty", 0, 10, &w->beam.penalty);
    if (!code)
        code = flags_long(f, "n-best", 1, 1L << 20, &best);
    if (!code)
        code = flags_long(f, "samples", 1, 1L << 40, &w->samples);
    if (!code)
        code = flags_long(f, "batch", 1, 1L << 20, &w->batch);
    if (!code)
        code = flags_long(f, "pixels", 1, 1L << 20, &w->pixels);
    if (!code)
        code = flags_real(f, "tempo", 4, 6e4, &w->tempo);
    w->how.top_k = k;
    w->how.seed = (uint64_t)seed;
    w->beam.width = width;
    w->beam.best = best;
    w->beam.steps = w->length;
    return code ? code : check_ways(f, w);
}

/* Whether something is given step by step along what is drawn. */
static int beside(const Story *s)
{
    const CellDesc *d = s->m->desc;
    int axis = cell_only_time(d->tensor[s->drawn[0]].axes);

    for (int k = 0; k < s->given.nfield; k++)
        if (!s->given.field[k].is_static && s->given.field[k].axis == axis)
            return 1;
    return 0;
}

/* The drawn names and their vocabularies; one alone is told as text if nothing
 * else goes with it. */
static int list_drawn(Story *s, const AppHost *h, const Flags *f, RtError *err)
{
    const CellDesc *d = s->m->desc;
    char *column;

    while (sample_drawn(s->sampler, s->n) >= 0)
        s->n++;
    s->names = calloc((size_t)s->n, sizeof *s->names);
    s->drawn = calloc((size_t)s->n, sizeof *s->drawn);
    if (!s->names || !s->drawn)
        return rt_fail_memory(err, sizeof *s->names);
    for (int k = 0; k < s->n; k++) {
        s->drawn[k] = sample_drawn(s->sampler, k);
        if (app_vocab(h, d->tensor[s->drawn[k]].set, &s->names[k], err) < 0)
            return -1;
    }
    s->sequences = s->given.nfield ? s->given.nseq : 1;
    column = app_columns(h, f, d->tensor[s->drawn[0]].name);
    s->teller = (Teller){.desc = d,
                         .n = s->n,
                         .drawn = s->drawn,
                         .names = s->names,
                         .is_text = s->n == 1 && s->names[0].n && !beside(s),
                         .joined = csv_unit(column) == CSV_CHARS,
                         .scored = s->w->scored,
                         .pixels = s->w->pixels,
                         .tempo = s->w->tempo,
                         .path = flags_get(f, "o")};
    free(column);
    return 0;
}

/* Prime, draw, write. */
static int tell(Story *s, AppHost *h, const Flags *f)
{
    RtError err = {0};
    int code = list_drawn(s, h, f, &err) ? app_fail(&err) : 0, bad;

    if (!code)
        code = read_prime(s, h, f);
    if (!code)
        code = read_seen(s, h, f);
    if (code)
        return code;
    bad = (s->w->beam.width && beam_check(s->sampler, &err)) ||
          teller_open(&s->teller, &err);
    if (!bad && s->sequences * s->w->samples == 1 && !s->w->beam.width &&
        s->teller.to == stdout)
        bad = draw_live(s, &err);
    else if (!bad)
        bad = draw_all(s, &err);
    if (bad || teller_close(&s->teller, &err))
        return app_fail(&err);
    return *s->w->beam.stop ? EXIT_INTERRUPTED : 0;
}

static void story_free(Story *s)
{
    teller_free(&s->teller);
    sample_free(s->sampler);
    for (int k = 0; s->names && k < s->n; k++)
        vocab_free(&s->names[k]);
    free(s->names);
    free(s->drawn);
    free(s->begin);
    model_free(s->m);
    data_free(&s->given);
    data_free(&s->past);
    data_free(&s->seen);
    free(s->after);
}

int app_generate(AppHost *h, const Flags *f, const char *checkpoint,
                 const char *data)
{
    Checkpoint c = {0};
    RtError err = {0};
    Wish w;
    Story s = {.w = &w};
    int code = read_wish(f, &w);

    w.beam.stop = app_catch();
    if (!code)
        code = app_load(h, f, app_generate_flags, checkpoint, &c);
    if (!code)
        code = app_model(h, f, &c, &s.m);
    if (!code)
        code = app_parts(h, f, s.m);
    if (!code)
        code = read_given(h, f, s.m->desc, data, &s.given);
    if (!code) {
        s.sampler = sample_new(s.m, s.given.nfield ? &s.given : NULL, &err);
        code = s.sampler ? tell(&s, h, f) : app_fail(&err);
    }
    story_free(&s);
    checkpoint_free(&c);
    return code;
}
