/* Training: epochs of batches, each a forward and a backward, with a clip and
 * an update after each or some of them; validation, progress, log and
 * checkpoints between them.  Everything that it needs comes in FitSetup,
 * everything that it prints goes to the caller's streams. */
#ifndef CELLC_FIT_H
#define CELLC_FIT_H

#include <signal.h>
#include <stdio.h>

#include "checkpoint.h"
#include "data.h"
#include "session.h"

/* What a host that has the equations can say of where a number comes from that
 * is not finite. */
typedef struct FitOrigin {
    char *place;  /* malloc'd: file, line, the operation and its numbers */
    char *name;   /* malloc'd: equation, parameter or input, or NULL */
    char *axis;   /* malloc'd: time axis, NULL: it is of no step */
    int64_t step; /* along it, from 1, in this chunk */
    int64_t row;  /* sequence in the session, from 0; -1: of all of them */
    int given;    /* it is a value of that parameter or input */
} FitOrigin;
/* `s` is ready to go forward on what went wrong there, or, with `backward`, on
 * what has such a gradient.  1: found. */
typedef int FitBlame(void *ctx, const RtSession *s, int backward,
                     FitOrigin *origin);

typedef struct FitSetup {
    RtModel *model;      /* trained in place */
    RtModel *validator;  /* the same spec compiled for inference; NULL: model
                            itself, right where it has no noise */
    const RtData *data;  /* training data */
    RtFeedOptions feed;  /* how it is dealt */
    const RtData *valid; /* validation data, may be `data`; NULL: none */
    RtFeedOptions validfeed;
    const char *optimizer; /* "adam(lr = 2e-3)" */
    const char *clip;      /* "norm(5)", or NULL */
    const char *schedule;  /* "cosine(1000)", or NULL */
    const char *noise;     /* on gradients, "annealed(0.3)", or NULL */
    int token, sum;        /* reduce = token, = sum; else sequence */
    int64_t accumulate;    /* batches whose gradients make one update; the last
                              one of an epoch may have fewer.  0 is 1 */
    double ema;            /* decay of the average of the weights, which is
                              what is validated and saved; 0: none */
    int64_t epochs;        /* to train altogether, counting those of a resumed
                              run; 0: until another limit ends it */
    int64_t steps;         /* updates altogether; 0: no such limit */
    double seconds;        /* of this call; 0: no such limit */
    int threads;           /* 0 is 1 */
    int64_t memory;        /* bytes that the process may take; longer sequences
                              are run in segments; 0: no limit */
    uint64_t seed;         /* of noise */
    int64_t patience;      /* epochs without a better validation before it
                              stops; 0: never */
    int monitor;           /* what makes a validation better: 0 the loss, k the
                              k-th METRIC of the model, one more the first of
                              `judge` ... */
    int up;                /* ... the more of it the better */
    struct Judge *judge;   /* metrics of drawn names for the validator; NULL */
    double *metric;        /* [METRICs, those of judge] the last validation's;
                              or NULL */
    const char *save;      /* checkpoint, written after every epoch, where an
                              error is told and the next one awaited, and at
                              the end; NULL: none */
    const char *best;      /* checkpoint of the best validation, alike */
    const char *log;       /* CSV; appended to when resuming; NULL: none */
    const char *events;    /* folder for TensorBoard; NULL: none */
    int64_t log_every;     /* updates from row to row; 0: only epochs */
    Checkpoint *about;     /* texts for the checkpoint; afterwards its state
                              is where training stands */
    const Checkpoint *resume; /* loaded: weights, optimiser, carried state and
                                 position come from it.  NULL: begin */
    FitBlame *blame;          /* NULL: there are no equations to speak of */
    void *blame_ctx;
    const volatile sig_atomic_t *stop; /* nonzero: save and return; or NULL */
    FILE *out;                         /* progress; NULL: silent */
    int terminal; /* columns of `out`, where a line renews itself; 0:
                     no terminal, a plain line every few seconds */
} FitSetup;

typedef struct FitResult {
    int interrupted;       /* *stop was set */
    int64_t epochs, steps; /* done altogether */
    double loss;           /* mean of the last epoch's batches, or of what was
                              trained since the last row of the log */
    double nats;           /* of likelihoods, per counted step; NAN if none */
    double val_loss, val_nats; /* last validation; NAN if none */
    double seconds;            /* of this call */
    int64_t segment;           /* steps of the shortest segments that
                                  FitSetup.memory made necessary; 0: none */
    double tokens_per_s;       /* valid steps trained on per second */
} FitResult;

/* Header of the CSV log: "epoch,step,seconds,loss,bits,val_loss,val_bits,
 * gradnorm,lr,tokens_per_s" and a "val_NAME" for each metric of the spec. Empty
 * fields: not known in that row.
 *
 * Trains until a limit is reached or *stop is set; then the checkpoint has
 * been saved.  Errors: settings that do not parse, data that do not fit the
 * model, a loss, gradient or weight that is no finite number (the last saved
 * checkpoint stays; the error says where it came from), files that cannot be
 * written. */
int fit_run(const FitSetup *f, FitResult *result, RtError *err);

#endif
