/* A batch over several threads: one session per thread, each with some of the
 * rows, all with the same parameters.  Gradients are summed in the order of the
 * rows, so that results depend on the number of threads but not on their
 * timing. */
#ifndef CELLC_TEAM_H
#define CELLC_TEAM_H

#include <signal.h>

#include "data.h"
#include "segment.h"

typedef struct RtTeam RtTeam;

/* `threads` >= 1 sessions on `model`. */
RtTeam *team_new(RtModel *model, int threads, RtError *err);
void team_free(RtTeam *t); /* NULL is fine */

/* Sessions that work on a batch of B rows; 1 where there are few rows, so that
 * the threads divide each product (pool.h), where reduce = token does not
 * split (several terms), or the model looks at the whole batch. */
int team_split(const RtTeam *t, int64_t B, int token);

/* Steps of a segment with which all sessions together stay within `bytes` on
 * such a batch; batch->T: all of them; 0: not even one step does. */
int64_t team_segment(const RtTeam *t, const RtBatch *batch, int token,
                     int64_t bytes);
/* Bytes that they then take. */
int64_t team_bytes(const RtTeam *t, const RtBatch *batch, int token,
                   int64_t segment);

/* Runs forward (and backward, with the sum of the gradients left in
 * model->grads) on one batch of the feed; from[ntensor] says which field feeds
 * which tensor (evaluate_bind).  Draws noise from seed and step if `training`.
 * Carries the state unless the batch ends its group. */
typedef struct TeamJob {
    const RtFeed *feed;
    const RtField *const *from;
    const RtBatch *batch;
    /* Not NULL: makes a session ready for `rows` rows of the batch from row0 on
     * in place of the feed, on its thread. */
    int (*fill)(void *ctx, RtSession *s, const RtBatch *batch, int64_t row0,
                int64_t rows, RtError *err);
    void *ctx; /* of fill */
    int backward, training;
    int token;           /* reduce = token: sessions weigh by their counts */
    uint64_t seed;       /* of noise */
    uint64_t step;       /* updates made */
    uint64_t start_step; /* updates made when these sequences began */
    int64_t segment;     /* steps at a time (segment.h); 0: all */
    int64_t rows; /* at a time on a thread, if backward and nothing is carried;
                     0: as many as take the least time */
} TeamJob;
int team_run(RtTeam *t, const TeamJob *job, RtError *err);

/* After team_run: makes `s`, a session on the same model, ready to go forward
 * on row `row` of that batch as the team did; row < 0: on all of them, where
 * one session had them all. */
int team_replay(RtTeam *t, const TeamJob *job, int64_t row, RtSession *s,
                RtError *err);

/* The same where the batch was run in segments: up to the one that goes wrong
 * (segment_trace). */
int team_trace(RtTeam *t, const TeamJob *job, int64_t row, int backward,
               RtSession *s, int64_t *first, RtError *err);

/* Its threads, for pool_use between batches; NULL: there is one. */
struct RtPool *team_pool(const RtTeam *t);

/* After the update: parameters with a next value take it. */
void team_update(const RtTeam *t);

/* After team_run: the loss of the whole batch, its rows, and the sum of a TERM,
 * COUNT or METRIC over them. */
double team_loss(const RtTeam *t);
int64_t team_rows(const RtTeam *t);
double team_sum(const RtTeam *t, int i);
/* Sessions that had rows, in order.  After a backward pass they may be left
 * with some of their rows alone. */
int team_count(const RtTeam *t);
const RtSession *team_session(const RtTeam *t, int k);

/* The carried rows of all sessions together: rows[ntensor] of malloc'd
 * [lag,B,size] reals, or NULL where nothing is carried; and back.  To be called
 * after a batch that does not end its group. */
int team_carry_get(const RtTeam *t, void **rows, int64_t *B, RtError *err);
int team_carry_set(RtTeam *t, void *const *rows, int64_t B, int token,
                   RtError *err);

#endif
