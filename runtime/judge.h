/* Scores of a model's decoded names over a part of a data set.  What does not
 * depend on its own values is decoded from one forward per batch; what does,
 * and has other inputs to go by, is generated from those, by the most likely
 * class at each step or with a beam. */
#ifndef CELLC_JUDGE_H
#define CELLC_JUDGE_H

#include "beam.h"
#include "evaluate.h"
#include "score.h"

typedef struct Judge Judge;

/* The metrics text[n], such as "f1(y)", of a model with this descriptor. Error:
 * no such metric or name, or one that does not suit the other. */
Judge *judge_new(const CellDesc *d, const char *const *text, int n,
                 RtError *err);
void judge_free(Judge *j); /* NULL is fine */
int judge_count(const Judge *j);
const char *judge_name(const Judge *j, int i);
double judge_value(const Judge *j, int i);
/* Forgets what was added. */
void judge_clear(Judge *j);

/* The input that metric i is about; its vocabulary (copied not, v->n = 0: none)
 * and the class that ends its sequences, -1: none. */
int judge_input(const Judge *j, int i);
void judge_vocab(Judge *j, int i, const Vocab *v, int32_t last);

/* An EvaluateVisit, with the judge as `user`. */
int judge_visit(void *user, const RtSession *s, const RtBatch *b, RtError *err);
/* Whether some names have to be generated; and doing it for the sequences that
 * such a feed has, whole ones.  beam->width 0: greedily.  1: it was stopped. */
int judge_generates(const Judge *j);
int judge_generate(Judge *j, RtModel *m, const RtData *data,
                   const RtFeedOptions *deal, const BeamHow *beam,
                   RtError *err);

#endif
