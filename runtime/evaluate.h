/* Loss, perplexity, bits and metrics of a model over a part of a data set,
 * pooled over all counted steps. */
#ifndef CELLC_EVALUATE_H
#define CELLC_EVALUATE_H

#include "data.h"
#include "team.h"

/* Sums over batches; start with {0}. */
typedef struct RtTally {
    double nats, count;    /* TERM and COUNT of likelihoods */
    double *term, *weight; /* [nterm] sum of each TERM, and of its COUNT */
    double *metric, *over; /* [nmetric] the same for each METRIC */
    int nterm, nmetric;    /* in the order of the descriptor */
    double plain, batches; /* sum of LOSS, number of batches: for models whose
                              loss has no terms */
} RtTally;
/* Adds what the team's last forward left.  Error: no memory. */
int tally_add(RtTally *t, const RtTeam *team, RtError *err);
void tally_free(RtTally *t);
/* Sum over terms of sum(TERM)/sum(COUNT). */
double tally_loss(const RtTally *t);
/* Nats per counted step of the likelihoods alone; NAN if there are none.
 * Perplexity is exp(), bits are / ln 2. */
double tally_nats(const RtTally *t);
/* Mean of metric k. */
double tally_metric(const RtTally *t, int k);

/* What the model `d` wants of its data: one RtWant per INPUT, in the order of
 * the descriptor; malloc'd, *n of them; NULL without memory. */
RtWant *evaluate_wants(const CellDesc *d, int *n);
/* Which field feeds each tensor: malloc'd [ntensor], NULL for what is not an
 * input.  Error: an input without a field, or of another shape or set. */
const RtField **evaluate_bind(const CellDesc *d, const RtData *data,
                              RtError *err);

/* Runs epoch 0 of `feed` through `model` with `threads` sessions, forward
 * only.  `stop` may be NULL; when it becomes nonzero the result is partial and
 * 1 is returned. */
int evaluate_feed(RtModel *model, const RtData *data, RtFeed *feed, int threads,
                  const volatile sig_atomic_t *stop, RtTally *out,
                  RtError *err);
/* The same; `visit` (NULL: nobody) looks at each session after its forward, on
 * rows row0 ... of batch b. */
typedef int EvaluateVisit(void *user, const RtSession *s, const RtBatch *b,
                          RtError *err);
int evaluate_visit(RtModel *model, const RtData *data, RtFeed *feed,
                   int threads, const volatile sig_atomic_t *stop,
                   EvaluateVisit *visit, void *user, RtTally *out,
                   RtError *err);

#endif
