/* Metrics over a data set, see judge.h. */
#include "judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A metric and how its name is decoded. */
typedef struct Part {
    Score score;
    Decoder decoder;
    const Vocab *vocab;
    int32_t last;
    Values *found, *truth; /* [rows] of sequences that came in part */
    int64_t rows;
} Part;

struct Judge {
    const CellDesc *desc;
    Part *part;
    int n;
    int beside; /* there are inputs that are not drawn */
};

static void part_free(Part *p)
{
    score_free(&p->score);
    decode_free(&p->decoder);
    for (int64_t r = 0; r < p->rows; r++) {
        free(p->found[r].v);
        free(p->truth[r].v);
    }
    free(p->found);
    free(p->truth);
}

void judge_free(Judge *j)
{
    for (int i = 0; j && i < j->n; i++)
        part_free(&j->part[i]);
    if (j)
        free(j->part);
    free(j);
}

/* Whether a metric says something about values of that kind. */
static int suits(const Part *p, const CellDesc *d, RtError *err)
{
    const Decoder *c = &p->decoder;
    const char *name = p->score.name;

    if (c->kind == DECODE_MEAN)
        return rt_fail(err,
                       "%s: %s is drawn from %s, and this metric is of "
                       "classes; say what is wanted in the spec, as in "
                       "`metric error = (%s - ...)^2`",
                       p->score.text, name, c->laws.law[0].kind->name, name);
    if (p->score.kind != SCORE_AUC)
        return 0;
    if (c->kind == DECODE_SIGN ||
        (c->kind == DECODE_CLASS && d->tensor[c->input].classes == 2))
        return 0;
    return rt_fail(err,
                   "%s: the area under the curve is of a probability, of "
                   "bernoulli or of two classes; %s has %lld classes",
                   p->score.text, name, (long long)d->tensor[c->input].classes);
}

static int no_name(const CellDesc *d, const Part *p, RtError *err)
{
    char *list = NULL;

    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (law_is_drawn(d, i)) {
            char *old = list;
            list = rt_printf("%s%s%s", old ? old : "", old ? ", " : "",
                             d->tensor[i].name);
            free(old);
        }
    rt_fail(err, "%s: the model draws no %s; it draws %s", p->score.text,
            p->score.name, list ? list : "nothing");
    free(list);
    return -1;
}

static int add_part(Judge *j, const char *text, RtError *err)
{
    const CellDesc *d = j->desc;
    Part *p = &j->part[j->n++];
    static const Vocab none = {.unk = -1};
    int i;

    p->vocab = &none;
    p->last = -1;
    if (score_parse(&p->score, text, err))
        return -1;
    i = model_find(d, CELL_INPUT, p->score.name);
    if (i >= 0)
        return decode_open(&p->decoder, d, i, err) || suits(p, d, err);
    return no_name(d, p, err);
}

Judge *judge_new(const CellDesc *d, const char *const *text, int n,
                 RtError *err)
{
    Judge *j = calloc(1, sizeof *j);
    int bad;

    if (j)
        j->part = calloc((size_t)n + 1, sizeof *j->part);
    bad = j && j->part ? 0 : rt_fail_memory(err, sizeof *j);
    if (!bad)
        j->desc = d;
    for (int i = 0; i < n && !bad; i++)
        bad = add_part(j, text[i], err);
    for (int i = -1; !bad && (i = model_next(d, CELL_INPUT, i)) >= 0;)
        j->beside |= !law_is_drawn(d, i);
    if (!bad)
        return j;
    judge_free(j);
    return NULL;
}

int judge_count(const Judge *j)
{
    return j->n;
}

const char *judge_name(const Judge *j, int i)
{
    return j->part[i].score.text;
}

double judge_value(const Judge *j, int i)
{
    return score_value(&j->part[i].score);
}

int judge_input(const Judge *j, int i)
{
    return j->part[i].decoder.input;
}

void judge_vocab(Judge *j, int i, const Vocab *v, int32_t last)
{
    j->part[i].vocab = v;
    j->part[i].last = last;
}

void judge_clear(Judge *j)
{
    for (int i = 0; i < j->n; i++) {
        Score *s = &j->part[i].score, old = *s;
        *s = (Score){.text = old.text, .name = old.name, .kind = old.kind};
        free(old.chance.v);
        free(old.label.v);
    }
}

/* Whether a metric needs what the model generates. */
static int generated(const Judge *j, const Part *p)
{
    return p->decoder.own && j->beside && p->score.kind != SCORE_AUC;
}

int judge_generates(const Judge *j)
{
    int any = 0;

    for (int i = 0; i < j->n; i++)
        any |= generated(j, &j->part[i]);
    return any;
}

/* Room for rows that come in part. */
static int part_room(Part *p, int64_t rows, RtError *err)
{
    Values *found, *truth;

    if (rows <= p->rows)
        return 0;
    found = realloc(p->found, (size_t)rows * sizeof *found);
    p->found = found ? found : p->found;
    truth = realloc(p->truth, (size_t)rows * sizeof *truth);
    p->truth = truth ? truth : p->truth;
    if (!found || !truth)
        return rt_fail_memory(err, (size_t)rows * sizeof *found);
    for (; p->rows < rows; p->rows++) {
        found[p->rows] = (Values){0};
        truth[p->rows] = (Values){0};
    }
    return 0;
}

/* Without the class that ends it. */
static int64_t trimmed(const Part *p, const Values *s)
{
    return s->n && p->last >= 0 && s->v[s->n - 1] == p->last ? s->n - 1 : s->n;
}

static int add_row(Part *p, Values *found, Values *truth, RtError *err)
{
    Values f = *found, t = *truth;
    int bad;

    f.n = trimmed(p, found);
    t.n = trimmed(p, truth);
    bad = score_add(&p->score, p->vocab, &f, &t, err);
    found->n = truth->n = 0;
    return bad;
}

static int visit_part(Part *p, const RtSession *s, const RtBatch *b,
                      RtError *err)
{
    int axis = cell_only_time(s->desc->tensor[p->decoder.input].axes);
    int whole = b->first && b->end;

    if (!whole &&
        (p->decoder.kind == DECODE_CRF || p->decoder.kind == DECODE_CTC))
        return rt_fail(err,
                       "%s: a best path is of whole sequences, and tbptt cuts "
                       "them into chunks; say --tbptt 0",
                       p->score.text);
    if (part_room(p, b->B, err))
        return -1;
    for (int64_t r = 0; r < s->n[CELL_AT_B]; r++) {
        Values *found = &p->found[s->row0 + r], *truth = &p->truth[s->row0 + r];
        if (axis < 0 && !b->end)
            continue; /* a value per sequence counts at its end */
        if ((p->score.kind == SCORE_AUC
                 ? decode_chance(&p->decoder, s, r, found, err)
                 : decode_row(&p->decoder, s, r, found, err)) ||
            decode_truth(&p->decoder, s, r, truth, err) ||
            (b->end && add_row(p, found, truth, err)))
            return -1;
    }
    return 0;
}

int judge_visit(void *user, const RtSession *s, const RtBatch *b, RtError *err)
{
    Judge *j = user;

    for (int i = 0; i < j->n; i++)
        if (!generated(j, &j->part[i]) && visit_part(&j->part[i], s, b, err))
            return -1;
    return 0;
}

/* What was observed of sequence q. */
static int observed(const Judge *j, const Part *p, const RtData *data,
                    int64_t q, Values *to, RtError *err)
{
    const RtField *f = data_field(data, j->desc->tensor[p->decoder.input].name);
    int64_t from = f->is_static ? q : data->steps[f->axis].offset[q];
    int64_t n = f->is_static ? 1 : data_steps(data, f->axis, q);

    to->n = 0;
    for (int64_t i = 0; i < n * f->size; i++)
        if (values_add(to, data_value(f, from * f->size + i), err))
            return -1;
    return 0;
}

/* Scores what was generated for the sequences seq[n]. */
static int add_told(Judge *j, const Sampler *s, const RtData *data,
                    const int64_t *seq, int64_t n, const Told *told,
                    RtError *err)
{
    Values truth = {0};
    int bad = 0;

    for (int i = 0; i < j->n && !bad; i++) {
        Part *p = &j->part[i];
        int k = 0;
        if (!generated(j, p))
            continue;
        while (sample_drawn(s, k) != p->decoder.input)
            k++;
        for (int64_t r = 0; r < n && !bad; r++) {
            Values found = {0};
            found.v = told[r].value ? told[r].value[k] : NULL; /* no prime */
            found.n = told[r].steps * sample_size(s, k);
            bad = observed(j, p, data, seq[r], &truth, err) ||
                  add_row(p, &found, &truth, err);
        }
    }
    free(truth.v);
    return bad ? -1 : 0;
}

/* The longest of some sequences along the axis of what is drawn. */
static int64_t longest(const Judge *j, const Sampler *s, const RtData *data,
                       const int64_t *seq, int64_t n)
{
    int axis = cell_only_time(j->desc->tensor[sample_drawn(s, 0)].axes);
    int64_t most = 1;

    for (int64_t r = 0; r < n && axis >= 0; r++)
        if (data_steps(data, axis, seq[r]) > most)
            most = data_steps(data, axis, seq[r]);
    return most;
}

/* One batch: what does not end gets twice as long as what was observed. */
static int generate_batch(Judge *j, Sampler *s, const RtData *data,
                          const int64_t *seq, int64_t n, const BeamHow *beam,
                          RtError *err)
{
    SampleHow greedy = {.greedy = 1, .temperature = 1, .top_p = 1};
    BeamHow how = *beam;
    Told *told = calloc((size_t)n, sizeof *told);
    int64_t *count = calloc((size_t)n, sizeof *count);
    int bad = told && count ? 0 : rt_fail_memory(err, (size_t)n * sizeof *told);

    how.steps = 2 * longest(j, s, data, seq, n) + 20;
    how.best = 1;
    bad = bad || sample_begin(s, n, seq, seq, err);
    if (!bad && beam->width)
        bad = beam_search(s, &how, told, count, err);
    else if (!bad)
        bad = told_draw(s, &greedy, how.steps, beam->stop, told, err);
    if (!bad && !(beam->stop && *beam->stop))
        bad = add_told(j, s, data, seq, n, told, err);
    for (int64_t r = 0; told && r < n; r++)
        told_free(&told[r]);
    free(told);
    free(count);
    return bad ? -1 : 0;
}

int judge_generate(Judge *j, RtModel *m, const RtData *data,
                   const RtFeedOptions *deal, const BeamHow *beam, RtError *err)
{
    RtFeedOptions whole = *deal;
    Sampler *s = sample_new(m, data, err);
    RtFeed *feed;
    int64_t n;
    int bad;

    whole.chunk = whole.back = whole.window = 0;
    whole.streams = whole.shuffle = 0;
    feed = s ? feed_open(data, &whole, err) : NULL;
    n = feed ? feed_batches(feed, 0, err) : -1;
    bad = n < 0 || (beam->width && beam_check(s, err));

    for (int64_t i = 0; i < n && !bad && !(beam->stop && *beam->stop); i++) {
        RtBatch b;
        int64_t *seq;
        bad = feed_batch(feed, 0, i, &b, err);
        seq = bad ? NULL : malloc((size_t)b.B * sizeof *seq);
        for (int64_t r = 0; seq && r < b.B; r++)
            seq[r] = feed_sequence(feed, &b, r);
        if (!bad)
            bad = seq ? generate_batch(j, s, data, seq, b.B, beam, err)
                      : rt_fail_memory(err, (size_t)b.B * sizeof *seq);
        free(seq);
    }
    feed_free(feed);
    sample_free(s);
    return bad ? -1 : beam->stop && *beam->stop;
}
