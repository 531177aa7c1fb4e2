/* Metrics of sequences, see score.h. */
#include "score.h"

#include "call.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const score_names[] = {"accuracy", "exact",      "f1",
                                          "bleu",     "error_rate", "auc"};
enum { NSCORE = sizeof score_names / sizeof *score_names };

const char *score_kind_at(int k)
{
    return k < NSCORE ? score_names[k] : NULL;
}

int score_parse(Score *s, const char *text, RtError *err)
{
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    const char *from = text + strspn(text, " "), *near;
    size_t n;
    char *kind;
    int k = 0;

    *s = (Score){0};
    if (!open || !close || close < open || close[1 + strspn(close + 1, " ")])
        return rt_fail(err,
                       "metric \"%s\": wanted METRIC(NAME), such as "
                       "accuracy(y); METRIC is accuracy, exact, f1, bleu, "
                       "error_rate or auc",
                       text);
    n = (size_t)(open - from);
    while (n && from[n - 1] == ' ')
        n--;
    kind = strndup(from, n);
    if (!kind)
        return rt_fail_memory(err, n);
    while (k < NSCORE && strcmp(kind, score_names[k]))
        k++;
    near = k < NSCORE
               ? NULL
               : call_nearest(kind, score_names, NSCORE, sizeof *score_names);
    if (k == NSCORE)
        rt_fail(err,
                "there is no metric %s%s%s%s; they are accuracy, exact, "
                "f1, bleu, error_rate and auc",
                kind, near ? " (did you mean " : "", near ? near : "",
                near ? "?)" : "");
    free(kind);
    if (k == NSCORE)
        return -1;
    for (open++; *open == ' '; open++)
        ;
    while (close > open && close[-1] == ' ')
        close--;
    s->kind = (ScoreKind)k;
    s->name = strndup(open, (size_t)(close - open));
    s->text = s->name ? rt_printf("%s(%s)", score_names[k], s->name) : NULL;
    return s->text ? 0 : rt_fail_memory(err, n);
}

void score_free(Score *s)
{
    free(s->text);
    free(s->name);
    free(s->chance.v);
    free(s->label.v);
}

/* A tag as its way of beginning, O without, and its kind of entity. */
typedef struct Tag {
    char way;
    const char *kind;
} Tag;

static Tag tag_of(const Vocab *v, double id)
{
    char room[5];
    const char *name = id < 0 ? "O" : vocab_name(v, (int32_t)id, room);
    char way = (char)toupper((unsigned char)*name);

    if (!v->word || !*name || !strcmp(name, "O") || name[1] != '-')
        return (Tag){'O', ""};
    /* BILOU says L and U for E and S */
    return (Tag){way == 'L' ? 'E' : way == 'U' ? 'S' : way, name + 2};
}

/* Whether an entity that `a` is in is over where b follows. */
static int is_end(Tag a, Tag b)
{
    return a.way != 'O' &&
           (a.way == 'E' || a.way == 'S' || b.way == 'B' || b.way == 'S' ||
            b.way == 'O' || strcmp(a.kind, b.kind));
}

/* Whether b begins one. */
static int is_start(Tag a, Tag b)
{
    return b.way != 'O' &&
           (b.way == 'B' || b.way == 'S' || a.way == 'O' || a.way == 'E' ||
            a.way == 'S' || strcmp(a.kind, b.kind));
}

/* Whether a vocabulary is of such tags. */
static int has_entities(const Vocab *v)
{
    int outside = 0, inside = 0;
    char room[5];

    for (int32_t i = 0; v->word && i < v->ncode; i++) {
        const char *name = vocab_name(v, i, room);
        outside |= !strcmp(name, "O");
        inside |= strchr("BIESLU", *name) && name[1] == '-';
    }
    return outside && inside;
}

/* Entities of both, and those that have the same bounds and kind. */
static void add_entities(Score *s, const Vocab *v, const Values *found,
                         const Values *truth)
{
    Tag f = {'O', ""}, t = {'O', ""};
    int same = 0; /* an entity is open that began in both alike */

    for (int64_t i = 0; i <= truth->n; i++) {
        int end = i == truth->n;
        Tag g = tag_of(v, end || i >= found->n ? -1 : found->v[i]);
        Tag u = tag_of(v, end ? -1 : truth->v[i]);

        if (same && (is_end(f, g) || is_end(t, u))) {
            s->right += is_end(f, g) && is_end(t, u);
            same = 0;
        }
        s->found += is_start(f, g);
        s->there += is_start(t, u);
        if (is_start(f, g) && is_start(t, u))
            same = !strcmp(g.kind, u.kind);
        f = g;
        t = u;
    }
}

/* How often class 1 is found, there, and both. */
static void add_positives(Score *s, const Values *found, const Values *truth)
{
    for (int64_t i = 0; i < truth->n; i++) {
        int is = i < found->n && found->v[i] == 1;

        if (truth->v[i] < 0)
            continue;
        s->right += is && truth->v[i] == 1;
        s->found += is;
        s->there += truth->v[i] == 1;
    }
}

static int add_f1(Score *s, const Vocab *v, const Values *found,
                  const Values *truth, RtError *err)
{
    if (v->n > 2 && !has_entities(v))
        return rt_fail(err,
                       "%s: F1 is of entities, with classes O, B-x and I-x, "
                       "or of two classes; %s has %d others, for which "
                       "accuracy(%s) is the usual metric",
                       s->text, s->name, v->n, s->name);
    if (has_entities(v))
        add_entities(s, v, found, truth);
    else
        add_positives(s, found, truth);
    return 0;
}

static int same_run(const double *a, const double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

/* How often v has the n numbers from `run` on. */
static double runs_in(const Values *v, const double *run, int64_t n)
{
    double count = 0;

    for (int64_t j = 0; j + n <= v->n; j++)
        count += same_run(v->v + j, run, n);
    return count;
}

/* The n-grams of `found`, each counted as often as the reference that has it
 * most often does, at most. */
static void add_runs(Score *s, const Values *found, const Values *truth,
                     int64_t ntruth, int64_t n)
{
    for (int64_t i = 0; i + n <= found->n; i++) {
        const double *run = found->v + i;
        Values before = {.v = found->v, .n = i + n - 1};
        double most = 0;

        s->total[n - 1]++;
        if (runs_in(&before, run, n) > 0)
            continue; /* counted with the first */
        for (int64_t k = 0; k < ntruth; k++)
            most = fmax(most, runs_in(&truth[k], run, n));
        s->match[n - 1] += fmin(most, runs_in(found, run, n));
    }
}

static void add_bleu(Score *s, const Values *found, const Values *truth,
                     int64_t ntruth)
{
    double near = INFINITY;

    for (int n = 1; n <= 4; n++)
        add_runs(s, found, truth, ntruth, n);
    for (int64_t k = 0; k < ntruth; k++) {
        double n = (double)truth[k].n, d = fabs(n - (double)found->n);
        double best = fabs(near - (double)found->n);
        near = d < best || (d == best && n < near) ? n : near;
    }
    s->found += (double)found->n;
    s->there += near;
}

static int add_edits(Score *s, const Values *found, const Values *truth,
                     RtError *err)
{
    int64_t n = truth->n;
    double *row = malloc((size_t)(n + 1) * sizeof *row);

    if (!row)
        return rt_fail_memory(err, (size_t)n * sizeof *row);
    for (int64_t j = 0; j <= n; j++)
        row[j] = (double)j;
    for (int64_t i = 0; i < found->n; i++) {
        double before = row[0]++; /* the entry above and to the left */
        for (int64_t j = 1; j <= n; j++) {
            double change = before + (found->v[i] != truth->v[j - 1]);
            before = row[j];
            row[j] = fmin(change, fmin(row[j], row[j - 1]) + 1);
        }
    }
    s->right += row[n];
    s->there += (double)n;
    free(row);
    return 0;
}

static int add_one(Score *s, const Vocab *vocab, const Values *found,
                   const Values *truth, RtError *err)
{
    int64_t seen = 0, right = 0;

    switch (s->kind) {
    case SCORE_F1:
        return add_f1(s, vocab, found, truth, err);
    case SCORE_ERROR_RATE:
        return add_edits(s, found, truth, err);
    case SCORE_AUC:
        for (int64_t i = 0; i < truth->n; i++)
            if (truth->v[i] >= 0 && (values_add(&s->chance, found->v[i], err) ||
                                     values_add(&s->label, truth->v[i], err)))
                return -1;
        return 0;
    default:
        break;
    }
    for (int64_t i = 0; i < truth->n; i++) {
        seen += truth->v[i] >= 0;
        right += truth->v[i] >= 0 && i < found->n && found->v[i] == truth->v[i];
    }
    if (s->kind == SCORE_EXACT) {
        s->right += right == seen && found->n == truth->n;
        s->there += 1;
    } else {
        s->right += (double)right;
        s->there += (double)seen;
    }
    return 0;
}

int score_add(Score *s, const Vocab *vocab, const Values *found,
              const Values *truth, int64_t ntruth, RtError *err)
{
    if (s->kind == SCORE_BLEU) {
        add_bleu(s, found, truth, ntruth);
        return 0;
    }
    for (int64_t k = 0; k < ntruth; k++)
        if (add_one(s, vocab, found, &truth[k], err))
            return -1;
    return 0;
}

typedef struct Ranked {
    double chance, label;
} Ranked;

static int by_chance(const void *a, const void *b)
{
    double x = ((const Ranked *)a)->chance, y = ((const Ranked *)b)->chance;

    return x < y ? -1 : x > y;
}

/* From the ranks of the ones (Mann and Whitney 1947); of equal chances each has
 * the middle rank. */
static double auc(const Score *s)
{
    int64_t n = s->chance.n;
    Ranked *r = malloc((size_t)(n ? n : 1) * sizeof *r);
    double sum = 0, ones = 0;

    for (int64_t i = 0; r && i < n; i++)
        r[i] = (Ranked){s->chance.v[i], s->label.v[i]};
    if (r)
        qsort(r, (size_t)n, sizeof *r, by_chance);
    for (int64_t i = 0, j; r && i < n; i = j) {
        for (j = i; j < n && r[j].chance == r[i].chance; j++)
            ;
        for (int64_t k = i; k < j; k++)
            if (r[k].label == 1) {
                ones++;
                sum += 0.5 * (double)(i + 1 + j);
            }
    }
    free(r);
    return ones > 0 && ones < (double)n
               ? (sum - ones * (ones + 1) / 2) / (ones * ((double)n - ones))
               : NAN;
}

static double bleu(const Score *s)
{
    double logs = 0, orders = 0;

    if (s->found == 0)
        return s->there > 0 ? 0 : NAN;
    for (int n = 0; n < 4 && s->total[n] > 0; n++, orders++) {
        if (s->match[n] == 0)
            return 0;
        logs += log(s->match[n] / s->total[n]);
    }
    return exp(logs / orders + fmin(0, 1 - s->there / s->found));
}

double score_value(const Score *s)
{
    if (s->kind == SCORE_AUC)
        return auc(s);
    if (s->kind == SCORE_BLEU)
        return bleu(s);
    if (s->kind == SCORE_F1)
        return s->found + s->there > 0 ? 2 * s->right / (s->found + s->there)
                                       : NAN;
    return s->there > 0 ? s->right / s->there : NAN;
}
