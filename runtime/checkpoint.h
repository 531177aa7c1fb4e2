/* A checkpoint is one .safetensors file: weights under their names, the
 * optimiser's arrays as "optim.K/NAME", carried state as "carry.ROLE/NAME",
 * "trained/NAME" where the weights are averages of what is trained, "held/NAME"
 * of gradients that wait for an update, and in the metadata the spec's text
 * and, as JSON, options, dims, vocabularies, resolved settings and where
 * training stands.  Nothing in it depends on the clock, so a resumed run writes
 * the same bytes as one that was never interrupted. */
#ifndef CELLC_CHECKPOINT_H
#define CELLC_CHECKPOINT_H

#include "optim.h"
#include "safetensors.h"

/* An ordered list of names and texts; start with {0}, end with pairs_free. */
typedef struct RtPair {
    char *key, *value;
} RtPair;
typedef struct RtPairs {
    RtPair *v;
    int n, cap;
} RtPairs;
int pairs_set(RtPairs *p, const char *key, const char *value, RtError *err);
const char *pairs_get(const RtPairs *p, const char *key); /* or NULL */
void pairs_free(RtPairs *p);

/* Where training stands; all 0 at its beginning. */
typedef struct FitState {
    int64_t epoch, batch; /* the next batch to train on */
    int64_t step;         /* updates made */
    int64_t dealt;        /* batches trained on, `step` but for accumulation */
    int64_t start_step;   /* `dealt` when the open sequences began */
    uint64_t seed;        /* of noise; with `dealt` the random state */
    int64_t held;         /* batches whose gradients wait for an update */
    double held_weight;   /* what these are divided by */
    RtPlateau plateau;    /* of the schedule */
    double nats, count;   /* likelihood terms since the last row of the log */
    double loss, weight;  /* losses of batches since then, their number */
    double best;          /* best validation loss, if best_epoch > 0 */
    int64_t best_epoch;   /* the epoch that gave it, from 1; 0: none yet */
} FitState;

/* Start with `Checkpoint c = {0};`, end with checkpoint_free. */
typedef struct Checkpoint {
    char *path;       /* the file's, after checkpoint_load */
    char *name;       /* the model's */
    char *spec;       /* text of the spec */
    int real_bytes;   /* of its numbers */
    char *optimizer;  /* call with every argument, or NULL */
    RtPairs options;  /* --option: name, value as text */
    RtPairs dims;     /* sizes that data or user gave */
    RtPairs vocabs;   /* index set, vocab_to_json */
    RtPairs settings; /* train and data: key, resolved value */
    FitState state;
    int64_t carry_B;  /* sequences of the carried state; 0: none */
    SafeTensors file; /* the tensors, after checkpoint_load */
} Checkpoint;

/* What training goes on from besides the weights; NULL: left out. */
typedef struct CheckpointRun {
    const RtOptim *optim;
    void *const *carry;  /* [desc->ntensor] of [lag,carry_B,size] reals */
    const void *trained; /* [param_size] weights, where the model's are an
                            average of them */
    const void *held;    /* [param_size] sum of gradients */
} CheckpointRun;

/* Writes the texts of `c`, the weights of `m` and what training goes on from
 * (NULL: nothing) to `path`; atomic: on an error the old file is still there.
 * c->path, name, real_bytes, optimizer and file are not read. */
int checkpoint_save(const Checkpoint *c, const RtModel *m,
                    const CheckpointRun *run, const char *path, RtError *err);
/* Reads a file and checks all that can be checked without its model.  The
 * caller frees `c`, also after an error. */
int checkpoint_load(Checkpoint *c, const char *path, RtError *err);
void checkpoint_free(Checkpoint *c);

/* Weights into a model compiled from c->spec; every name and shape is checked.
 */
int checkpoint_weights(const Checkpoint *c, RtModel *m, RtError *err);
/* Optimiser state; `o` is of the same kind (c->optimizer) and model. */
int checkpoint_optim(const Checkpoint *c, RtOptim *o, RtError *err);
/* The tensors "KIND/NAME", trained or held, into a block of param_size reals of
 * `d`: 1 they are there, 0 there are none, -1 an error. */
int checkpoint_block(const Checkpoint *c, const CellDesc *d, const char *kind,
                     void *block, RtError *err);
/* Carried rows of tensor `i` into dst[lag,carry_B,size] reals of `d`. */
int checkpoint_carry(const Checkpoint *c, const CellDesc *d, int i, void *dst,
                     RtError *err);

#endif
