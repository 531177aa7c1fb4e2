/* Drawing the names left of a `~` step by step, each read back at the next
 * step as if it had been observed.  Several rows are drawn side by side, each
 * with a sequence of what is given; rows may be dropped, copied and put in
 * another order between steps, which is all that a beam needs. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "data.h"
#include "law.h"
#include "session.h"

typedef struct Sampler Sampler;

/* A model with several time axes that has no parts runs all steps again for
 * each new one; those of others get the weights that it has now. `given` has a
 * field for every input that is not drawn (NULL: there is none). NULL on an
 * error: nothing to draw, an input without values, a model that cannot go step
 * by step. */
Sampler *sample_new(RtModel *m, const RtData *given, RtError *err);
void sample_free(Sampler *s); /* NULL is fine */
/* The drawn inputs, in the order of the descriptor: tensor of the k-th, or
 * -1 past the last; and what it is drawn from. */
int sample_drawn(const Sampler *s, int k);
const Laws *sample_laws(const Sampler *s, int k);
const char *sample_name(const Sampler *s, int k);
/* Reals of one element; most classes that its laws have. */
int64_t sample_size(const Sampler *s, int k);
int64_t sample_class_count(const Sampler *s, int k);

/* Begins n rows: row r goes with sequence sequence[r] of what is given and
 * draws the random numbers number[r]; rows of one number draw the same. */
int sample_begin(Sampler *s, int64_t n, const int64_t *sequence,
                 const int64_t *number, RtError *err);
/* Reads the observed beginning: T[r] >= 1 steps of row r, value[r * drawn + k]
 * is [T[r],element] of drawn name k. */
int sample_prime(Sampler *s, const int64_t *T, const double *const *value,
                 RtError *err);

/* Draws one more step of every row; ended[r] is 1 where the model's `until`
 * holds at it. */
int sample_step(Sampler *s, const SampleHow *how, unsigned char *ended,
                RtError *err);
/* The same in parts, for whoever chooses values: sample_forward computes what
 * the names of the present step are drawn from, those put so far in place;
 * sample_classes gives the probabilities of a name that has classes (as many as
 * it returns); sample_close ends the step when all are put. */
int sample_forward(Sampler *s, RtError *err);
int64_t sample_classes(Sampler *s, int k, int64_t row, double *p);
void sample_put(Sampler *s, int k, int64_t row, const double *value);
int sample_close(Sampler *s, unsigned char *ended, RtError *err);

/* From now on there are n rows: row r is what row from[r] was. */
int sample_arrange(Sampler *s, int64_t n, const int64_t *from, RtError *err);
int64_t sample_rows(const Sampler *s);
/* Steps behind in a row, those of the prime among them. */
int64_t sample_steps(const Sampler *s, int64_t row);
/* Steps that a row may still have where inputs say how many; -1: any number.
 * A row without any left must be dropped before the next step. */
int64_t sample_left(const Sampler *s, int64_t row);
/* Everything of drawn name k in a row, [steps,element]; until the next step. */
const double *sample_value(const Sampler *s, int k, int64_t row);

#endif
