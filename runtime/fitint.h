/* Inside of the training loop: what lives as long as one call of fit_run,
 * shared by fit.c (epochs, validation, limits), fitstep.c (a batch, an update)
 * and fitsave.c (checkpoints). */
#ifndef CELLC_FITINT_H
#define CELLC_FITINT_H

#include "average.h"
#include "evaluate.h"
#include "fit.h"
#include "gradient.h"
#include "pace.h"
#include "progress.h"
#include "team.h"

typedef struct Fit {
    const FitSetup *f;
    Checkpoint own; /* where the caller gave no `about` */
    Checkpoint *about;
    FitState *st; /* about->state */
    RtFeed *feed, *validfeed;
    const RtField **from; /* which field feeds which tensor */
    RtTeam *team;
    RtOptim *optim;
    RtAverage *average; /* NULL: none */
    RtClip clip;
    GradNoise noise;
    RtSchedule *schedule;
    void *held; /* [param_size] sum of gradients that wait, or NULL */
    Pace pace;
    Progress progress;
    const char **metric; /* names of the spec's metrics */
    ProgressRow row;     /* the last known numbers */
    FitResult *result;
    double begun, row_clock;   /* clock at the start, at the last row */
    double saved;              /* clock when the file was written; 0: never */
    double tokens, row_tokens; /* valid steps since then */
    int64_t batches;           /* of this epoch */
    int open;                  /* the team carries state */
    int unsaved[2];            /* the last try to save the checkpoint, or the
                                  best, failed, as was told */
    int64_t room;              /* bytes for work blocks; 0: no limit */
    double usual;   /* mean of the logarithm of recent gradient norms */
    int64_t normed; /* updates that it is of; < 0: an explosion was told */
} Fit;

/* Trains on the next batch, with an update where enough are held. */
int fit_batch(Fit *t, RtError *err);
/* What to tell of a loss, gradient or weight that is no finite number; -1.
 * job NULL: of no batch. */
enum { BAD_LOSS, BAD_GRADIENT, BAD_WEIGHT };
int fit_diverged(Fit *t, int what, const TeamJob *job, RtError *err);
/* Says once that gradients explode, after the norm of one. */
void fit_explodes(Fit *t);
/* Whether all weights, whether all gradients are finite. */
int fit_sound(const Fit *t);
int fit_finite(const Fit *t);
/* How many batches make an update. */
int64_t fit_accumulate(const Fit *t);
/* The whole megabytes to ask for where so many bytes are needed: what is
 * resident at the start differs by some 100 KB from run to run, and what one
 * run names must do for the next. */
int64_t fit_megabytes(int64_t bytes);
/* Everything up to the file; the state is that before the next batch. */
int fit_save(Fit *t, const char *path, RtError *err);
/* Goes on from f->resume. */
int fit_resume(Fit *t, RtError *err);

#endif
