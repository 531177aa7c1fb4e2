/* Updates: optimisers, clipping of gradients, and schedules of the learning
 * rate.  Formulas are those of INTERFACE and of PyTorch where the two speak of
 * the same; arithmetic is double, numbers are stored in the model's type.
 * Constrained parameters move by their unconstrained value (model_unbound);
 * frozen ones stay. */
#ifndef CELLC_OPTIM_H
#define CELLC_OPTIM_H

#include "call.h"
#include "model.h"

/* Arrays of one real per parameter that an optimiser keeps. */
enum { OPTIM_SLOTS = 3 };

typedef struct OptimKind OptimKind;

typedef struct RtOptim {
    const OptimKind *kind;   /* row of the table */
    double arg[CALL_ARGS];   /* its arguments; arg[0] is the learning rate */
    RtModel *model;          /* borrowed */
    void *slot[OPTIM_SLOTS]; /* [param_size] reals each, NULL if not used */
    int64_t step;            /* updates made */
    double memory;           /* nadam: product of its momenta */
    double *room; /* value and gradient of a parameter in simplex or skew */
} RtOptim;

/* text: sgd(lr, momentum, dampening, nesterov, decay), momentum(lr, mu,
 * dampening, nesterov, decay), nesterov(lr, mu, decay), adagrad(lr, lr_decay,
 * eps, initial, decay), adadelta(lr, rho, eps, decay), rmsprop(lr, alpha, eps,
 * centered, momentum, decay), adam(lr, beta1, beta2, eps, amsgrad, decay),
 * adamw(the same), nadam(lr, beta1, beta2, eps, momentum_decay, decay),
 * lion(lr, beta1, beta2, decay).  NULL on an error. */
RtOptim *optim_new(RtModel *m, const char *text, RtError *err);
void optim_free(RtOptim *o); /* NULL is fine */
/* The call with every argument; malloc'd. */
char *optim_text(const RtOptim *o);
/* One update from model->grads with the learning rate `lr` (usually
 * optim_rate(o) times a schedule's factor). */
void optim_step(RtOptim *o, double lr);
double optim_rate(const RtOptim *o);
/* Its argument of that name; NULL: it has none. */
double *optim_arg(RtOptim *o, const char *name);

/* A clip: norm(c, p = 2, eps = 0), value(v), none; a bare number c is norm(c).
 */
typedef struct RtClip {
    int kind;              /* 0 none, 1 norm, 2 value */
    double arg[CALL_ARGS]; /* its arguments */
} RtClip;
int clip_parse(const char *text, RtClip *c, RtError *err); /* NULL: none */
/* Clips the gradient block: parameters with a clip of their own by it alone,
 * then all that are not frozen together.  *norm (may be NULL) gets the norm
 * between the two, the 2-norm unless `c` has another.  Error: a parameter's
 * clip that does not parse. */
int clip_grads(RtModel *m, const RtClip *c, double *norm, RtError *err);
/* 2-norm of the gradient of parameter `i`. */
double clip_norm(const RtModel *m, int i);

/* Factor of the learning rate: constant; step(every, factor = 0.1);
 * exponential(factor, every = 1); cosine(steps, floor = 0); warmup(steps);
 * onecycle(peak, steps, rise = 0.3, from = 25, to = 1e4): by half a cosine from
 * the rate peak / from up to peak in a share `rise` of the steps, and down to
 * peak / from / to (Smith and Topin 2018, as PyTorch, without its momentum); in
 * updates.  plateau(factor = 0.1, patience = 10, threshold = 1e-4, cooldown =
 * 0, floor = 0): times factor after more than `patience` epochs without a
 * better validation, as PyTorch.  "warmup(200) * cosine(10000)" multiplies, the
 * warm-up's steps not being counted by what follows. */
typedef struct RtSchedule RtSchedule;

/* Where a plateau stands; all 0 at the beginning. */
typedef struct RtPlateau {
    int64_t seen; /* validations */
    double best;
    int64_t bad, cuts, wait; /* epochs not better, cuts made, epochs to wait */
} RtPlateau;

/* text NULL: constant; rate: the optimiser's, which onecycle takes the place
 * of. */
RtSchedule *schedule_new(const char *text, double rate, RtError *err);
void schedule_free(RtSchedule *s);
/* Whether it has a plateau, and so needs validations. */
int schedule_plateau(const RtSchedule *s);
/* Factor for update number `step`, from 0. */
double schedule_factor(const RtSchedule *s, const RtPlateau *p, int64_t step);
/* After an epoch's validation; `up`: more is better. */
void schedule_epoch(const RtSchedule *s, RtPlateau *p, double value, int up);

#endif
