/* Metrics over a data set, see judge.h. */
#include "judge.h"

#include "twins.h"

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

/* What was found for something, and what was observed of it, truth[n]. */
static int add_row(Part *p, Values *found, Values *truth, int64_t n,
                   RtError *err)
{
    Values f = *found;

    f.n = trimmed(p, found);
    for (int64_t k = 0; k < n; k++)
        truth[k].n = trimmed(p, &truth[k]);
    return score_add(&p->score, p->vocab, &f, truth, n, err);
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
            (b->end && add_row(p, found, truth, 1, err)))
            return -1;
        if (b->end)
            found->n = truth->n = 0;
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

/* What is generated: the sequences that a feed has, of twins the first. */
typedef struct Asked {
    int64_t *seq, n;
    int64_t *next; /* [nseq] of the data, to the twins, see twins.h */
    Values *truth; /* room for what was observed of all twins of one */
    int64_t room;
} Asked;

static void asked_free(Asked *a)
{
    for (int64_t k = 0; a->truth && k < a->room; k++)
        free(a->truth[k].v);
    free(a->truth);
    free(a->next);
    free(a->seq);
}

/* All that are not drawn. */
static int64_t find_twins(const Judge *j, const RtData *data, Asked *a,
                          RtError *err)
{
    const RtField **f = calloc((size_t)data->nfield + 1, sizeof *f);
    int64_t n = -1;
    int nf = 0;

    for (int k = 0; f && k < data->nfield; k++) {
        int i = model_find(j->desc, CELL_INPUT, data->field[k].name);
        if (i >= 0 && !law_is_drawn(j->desc, i))
            f[nf++] = &data->field[k];
    }
    if (f)
        n = twins_find(data, f, nf, a->seq, a->n, a->next, err);
    else
        rt_fail_memory(err, (size_t)data->nfield * sizeof *f);
    free(f);
    return n;
}

static int ask(Asked *a, const Judge *j, const RtData *data, RtFeed *feed,
               RtError *err)
{
    int64_t batches = feed_batches(feed, 0, err);

    a->room = feed_rows(feed) + 1;
    a->seq = malloc((size_t)a->room * sizeof *a->seq);
    a->next = malloc(((size_t)data->nseq + 1) * sizeof *a->next);
    a->truth = calloc((size_t)a->room, sizeof *a->truth);
    if (!a->seq || !a->next || !a->truth)
        return rt_fail_memory(err, (size_t)a->room * sizeof *a->truth);
    for (int64_t i = 0; i < batches; i++) {
        RtBatch b;
        if (feed_batch(feed, 0, i, &b, err))
            return -1;
        for (int64_t r = 0; r < b.B; r++)
            a->seq[a->n++] = feed_sequence(feed, &b, r);
    }
    a->n = batches < 0 ? -1 : find_twins(j, data, a, err);
    return a->n < 0 ? -1 : 0;
}

/* Scores what was generated for sequence q, and so for its twins. */
static int add_told(Part *p, const Judge *j, const RtData *data, int64_t q,
                    const Asked *a, Values *found, RtError *err)
{
    int64_t n = 0;

    for (; q >= 0; q = a->next[q])
        if (observed(j, p, data, q, &a->truth[n++], err))
            return -1;
    return add_row(p, found, a->truth, n, err);
}

/* The same for n sequences and all metrics. */
static int add_all_told(Judge *j, const Sampler *s, const RtData *data,
                        const Asked *a, const int64_t *seq, int64_t n,
                        const Told *told, RtError *err)
{
    for (int i = 0; i < j->n; i++) {
        Part *p = &j->part[i];
        int k = 0;
        if (!generated(j, p))
            continue;
        while (sample_drawn(s, k) != p->decoder.input)
            k++;
        for (int64_t r = 0; r < n; r++) {
            Values found = {0};
            found.v = told[r].value ? told[r].value[k] : NULL; /* no prime */
            found.n = told[r].steps * sample_size(s, k);
            if (add_told(p, j, data, seq[r], a, &found, err))
                return -1;
        }
    }
    return 0;
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
                          const Asked *a, const int64_t *seq, int64_t n,
                          const BeamHow *beam, RtError *err)
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
        bad = add_all_told(j, s, data, a, seq, n, told, err);
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
    Asked a = {0};
    RtFeed *feed;
    int bad;

    whole.chunk = whole.back = whole.window = 0;
    whole.streams = whole.shuffle = 0;
    feed = s ? feed_open(data, &whole, err) : NULL;
    bad = !feed || ask(&a, j, data, feed, err) ||
          (beam->width && beam_check(s, err));
    for (int64_t i = 0; i < a.n && !bad && !(beam->stop && *beam->stop);
         i += whole.batch)
        bad = generate_batch(j, s, data, &a, a.seq + i,
                             a.n - i < whole.batch ? a.n - i : whole.batch,
                             beam, err);
    asked_free(&a);
    feed_free(feed);
    sample_free(s);
    return bad ? -1 : beam->stop && *beam->stop;
}
