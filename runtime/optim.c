/* Optimisers: a table of rules, each on a block of doubles, and the walk over
 * the parameters that feeds them.  See optim.h; clipping is in clip.c,
 * schedules in schedule.c. */
#include "clones.h"
#include "manifold.h"
#include "optim.h"
#include "pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers that all blocks of one update share. */
typedef struct Update {
    const double *arg; /* of the call */
    double lr, decay;  /* of this parameter */
    double k;          /* number of this update, from 1 */
    double product;    /* nadam: product of momenta up to this one */
} Update;

/* w, g and the slots that are used: n doubles each.  g may be overwritten. */
typedef void RuleFn(const Update *u, int64_t n, double *restrict w,
                    double *restrict g, double *restrict a, double *restrict b,
                    double *restrict c);

enum { ALWAYS = -1, NEVER = -2 };

struct OptimKind {
    CallKind call;
    RuleFn *rule;
    int need[OPTIM_SLOTS]; /* argument that must not be 0 for this slot */
    /* Factor of RtOptim.memory at update k; NULL: 1. */
    double (*memory)(const double *arg, double k);
};

#define RULE(name)                                                          \
    RT_CLONES static void rule_##name(                                      \
        const Update *u, int64_t n, double *restrict w, double *restrict g, \
        double *restrict a, double *restrict b, double *restrict c)

static inline void add_decay(const Update *u, int64_t n, const double *w,
                             double *g)
{
    for (int64_t i = 0; i < n && u->decay != 0; i++)
        g[i] += u->decay * w[i];
}

static inline void shrink(const Update *u, int64_t n, double *w)
{
    for (int64_t i = 0; i < n && u->decay != 0; i++)
        w[i] *= 1 - u->lr * u->decay;
}

/* v = mu v + (1 - dampening) g, at the first update v = g (as PyTorch). */
static inline void momentum(const Update *u, int64_t n, double *restrict w,
                            double *restrict g, double *restrict v, double mu,
                            double dampening, int nesterov)
{
    double keep = u->k > 1 ? mu : 0, take = u->k > 1 ? 1 - dampening : 1;

    add_decay(u, n, w, g);
    for (int64_t i = 0; i < n; i++) {
        v[i] = keep * v[i] + take * g[i];
        w[i] -= u->lr * (nesterov ? g[i] + mu * v[i] : v[i]);
    }
}

static const CallArg sgd_args[] = {
    {"lr", 0.01, 0, INFINITY},     {"momentum", 0, 0, 1},
    {"dampening", 0, 0, INFINITY}, {"nesterov", 0, 0, 2},
    {"decay", 0, 0, INFINITY},     {NULL, 0, 0, 0}};
RULE(sgd)
{
    (void)b;
    (void)c;
    if (a) {
        momentum(u, n, w, g, a, u->arg[1], u->arg[2], u->arg[3] != 0);
        return;
    }
    add_decay(u, n, w, g);
    for (int64_t i = 0; i < n; i++)
        w[i] -= u->lr * g[i];
}

static const CallArg momentum_args[] = {
    {"lr", 0.01, 0, INFINITY},     {"mu", 0.9, 0, 1},
    {"dampening", 0, 0, INFINITY}, {"nesterov", 0, 0, 2},
    {"decay", 0, 0, INFINITY},     {NULL, 0, 0, 0}};
RULE(momentum)
{
    (void)b;
    (void)c;
    momentum(u, n, w, g, a, u->arg[1], u->arg[2], u->arg[3] != 0);
}

static const CallArg nesterov_args[] = {{"lr", 0.01, 0, INFINITY},
                                        {"mu", 0.9, 0, 1},
                                        {"decay", 0, 0, INFINITY},
                                        {NULL, 0, 0, 0}};
RULE(nesterov)
{
    (void)b;
    (void)c;
    momentum(u, n, w, g, a, u->arg[1], 0, 1);
}

/* Duchi, Hazan and Singer 2011. */
static const CallArg adagrad_args[] = {
    {"lr", 0.01, 0, INFINITY},   {"lr_decay", 0, 0, INFINITY},
    {"eps", 1e-10, 0, INFINITY}, {"initial", 0, 0, INFINITY},
    {"decay", 0, 0, INFINITY},   {NULL, 0, 0, 0}};
RULE(adagrad)
{
    double lr = u->lr / (1 + (u->k - 1) * u->arg[1]), eps = u->arg[2];

    (void)b;
    (void)c;
    add_decay(u, n, w, g);
    for (int64_t i = 0; i < n; i++) {
        double old = u->k > 1 ? a[i] : u->arg[3];
        a[i] = old + g[i] * g[i];
        w[i] -= lr * g[i] / (sqrt(a[i]) + eps);
    }
}

/* Zeiler 2012. */
static const CallArg adadelta_args[] = {{"lr", 1, 0, INFINITY},
                                        {"rho", 0.9, 0, 1},
                                        {"eps", 1e-6, 0, INFINITY},
                                        {"decay", 0, 0, INFINITY},
                                        {NULL, 0, 0, 0}};
RULE(adadelta)
{
    double rho = u->arg[1], eps = u->arg[2];

    (void)c;
    add_decay(u, n, w, g);
    for (int64_t i = 0; i < n; i++) {
        a[i] = rho * a[i] + (1 - rho) * g[i] * g[i];
        double step = sqrt(b[i] + eps) / sqrt(a[i] + eps) * g[i];
        b[i] = rho * b[i] + (1 - rho) * step * step;
        w[i] -= u->lr * step;
    }
}

/* Tieleman and Hinton 2012; centered: Graves 2013. */
static const CallArg rmsprop_args[] = {{"lr", 0.01, 0, INFINITY},
                                       {"alpha", 0.99, 0, 1},
                                       {"eps", 1e-8, 0, INFINITY},
                                       {"centered", 0, 0, 2},
                                       {"momentum", 0, 0, 1},
                                       {"decay", 0, 0, INFINITY},
                                       {NULL, 0, 0, 0}};
RULE(rmsprop)
{
    double alpha = u->arg[1], eps = u->arg[2], mu = u->arg[4];

    add_decay(u, n, w, g);
    for (int64_t i = 0; i < n; i++) {
        double s = a[i] = alpha * a[i] + (1 - alpha) * g[i] * g[i];
        if (b) {
            b[i] = alpha * b[i] + (1 - alpha) * g[i];
            s -= b[i] * b[i];
        }
        double q = g[i] / (sqrt(s) + eps);
        if (c)
            q = c[i] = mu * c[i] + q;
        w[i] -= u->lr * q;
    }
}

/* Kingma and Ba 2015; amsgrad: Reddi, Kale and Kumar 2018. */
static const CallArg adam_args[] = {{"lr", 1e-3, 0, INFINITY},
                                    {"beta1", 0.9, 0, 1},
                                    {"beta2", 0.999, 0, 1},
                                    {"eps", 1e-8, 0, INFINITY},
                                    {"amsgrad", 0, 0, 2},
                                    {"decay", 0, 0, INFINITY},
                                    {NULL, 0, 0, 0}};
static inline void adam(const Update *u, int64_t n, double *restrict w,
                        const double *restrict g, double *restrict m,
                        double *restrict v, double *restrict top)
{
    double b1 = u->arg[1], b2 = u->arg[2], eps = u->arg[3];
    double lr = u->lr / (1 - pow(b1, u->k)), root = sqrt(1 - pow(b2, u->k));

    for (int64_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
    }
    for (int64_t i = 0; i < n && top; i++)
        top[i] = v[i] > top[i] ? v[i] : top[i];
    const double *second = top ? top : v;
    for (int64_t i = 0; i < n; i++)
        w[i] -= lr * m[i] / (sqrt(second[i]) / root + eps);
}

RULE(adam)
{
    add_decay(u, n, w, g);
    adam(u, n, w, g, a, b, c);
}

/* Loshchilov and Hutter 2019: the decay does not pass through the moments. */
static const CallArg adamw_args[] = {{"lr", 1e-3, 0, INFINITY},
                                     {"beta1", 0.9, 0, 1},
                                     {"beta2", 0.999, 0, 1},
                                     {"eps", 1e-8, 0, INFINITY},
                                     {"amsgrad", 0, 0, 2},
                                     {"decay", 0.01, 0, INFINITY},
                                     {NULL, 0, 0, 0}};
RULE(adamw)
{
    shrink(u, n, w);
    adam(u, n, w, g, a, b, c);
}

/* Dozat 2016. */
static const CallArg nadam_args[] = {{"lr", 2e-3, 0, INFINITY},
                                     {"beta1", 0.9, 0, 1},
                                     {"beta2", 0.999, 0, 1},
                                     {"eps", 1e-8, 0, INFINITY},
                                     {"momentum_decay", 4e-3, 0, INFINITY},
                                     {"decay", 0, 0, INFINITY},
                                     {NULL, 0, 0, 0}};

static double nadam_momentum(const double *arg, double k)
{
    return arg[1] * (1 - 0.5 * pow(0.96, k * arg[4]));
}

RULE(nadam)
{
    double b1 = u->arg[1], b2 = u->arg[2], eps = u->arg[3];
    double mu = nadam_momentum(u->arg, u->k),
           next = nadam_momentum(u->arg, u->k + 1);
    double now = u->lr * (1 - mu) / (1 - u->product);
    double ahead = u->lr * next / (1 - u->product * next);
    double correct = 1 - pow(b2, u->k);

    (void)c;
    add_decay(u, n, w, g);
    for (int64_t i = 0; i < n; i++) {
        a[i] = b1 * a[i] + (1 - b1) * g[i];
        b[i] = b2 * b[i] + (1 - b2) * g[i] * g[i];
        double under = sqrt(b[i] / correct) + eps;
        w[i] -= (now * g[i] + ahead * a[i]) / under;
    }
}

/* Chen et al. 2023. */
static const CallArg lion_args[] = {{"lr", 1e-4, 0, INFINITY},
                                    {"beta1", 0.9, 0, 1},
                                    {"beta2", 0.99, 0, 1},
                                    {"decay", 0, 0, INFINITY},
                                    {NULL, 0, 0, 0}};
RULE(lion)
{
    double b1 = u->arg[1], b2 = u->arg[2];

    (void)b;
    (void)c;
    shrink(u, n, w);
    for (int64_t i = 0; i < n; i++) {
        double s = b1 * a[i] + (1 - b1) * g[i];
        w[i] -= u->lr * ((s > 0) - (s < 0));
        a[i] = b2 * a[i] + (1 - b2) * g[i];
    }
}

static const OptimKind optim_kinds[] = {
    {{"sgd", sgd_args}, rule_sgd, {1, NEVER, NEVER}, NULL},
    {{"momentum", momentum_args}, rule_momentum, {ALWAYS, NEVER, NEVER}, NULL},
    {{"nesterov", nesterov_args}, rule_nesterov, {ALWAYS, NEVER, NEVER}, NULL},
    {{"adagrad", adagrad_args}, rule_adagrad, {ALWAYS, NEVER, NEVER}, NULL},
    {{"adadelta", adadelta_args}, rule_adadelta, {ALWAYS, ALWAYS, NEVER}, NULL},
    {{"rmsprop", rmsprop_args}, rule_rmsprop, {ALWAYS, 3, 4}, NULL},
    {{"adam", adam_args}, rule_adam, {ALWAYS, ALWAYS, 4}, NULL},
    {{"adamw", adamw_args}, rule_adamw, {ALWAYS, ALWAYS, 4}, NULL},
    {{"nadam", nadam_args},
     rule_nadam,
     {ALWAYS, ALWAYS, NEVER},
     nadam_momentum},
    {{"lion", lion_args}, rule_lion, {ALWAYS, NEVER, NEVER}, NULL},
};
enum { NOPTIM = sizeof optim_kinds / sizeof *optim_kinds };

RtOptim *optim_new(RtModel *m, const char *text, RtError *err)
{
    RtOptim *o = calloc(1, sizeof *o);

    if (!o) {
        rt_fail_memory(err, sizeof *o);
        return NULL;
    }
    int i = call_parse(text, "optimizer", optim_kinds, NOPTIM,
                       sizeof *optim_kinds, o->arg, err);
    if (i < 0) {
        optim_free(o);
        return NULL;
    }
    o->kind = &optim_kinds[i];
    o->model = m;
    o->memory = 1;
    for (int k = 0; k < OPTIM_SLOTS; k++) {
        int need = o->kind->need[k];
        if (need == NEVER || (need != ALWAYS && o->arg[need] == 0))
            continue;
        o->slot[k] = rt_block(
            (size_t)m->desc->param_size * (size_t)m->desc->real_bytes, err);
        if (!o->slot[k]) {
            optim_free(o);
            return NULL;
        }
    }
    int64_t room = 0;
    for (int p = -1; (p = model_next(m->desc, CELL_PARAM, p)) >= 0;) {
        const CellTensor *t = &m->desc->tensor[p];
        if (t->flags & (CELL_SIMPLEX | CELL_SKEW) && model_size(t) > room)
            room = model_size(t);
    }
    o->room = room ? rt_block(2 * (size_t)room * sizeof(double), err) : NULL;
    if (room && !o->room) {
        optim_free(o);
        return NULL;
    }
    return o;
}

void optim_free(RtOptim *o)
{
    if (!o)
        return;
    for (int k = 0; k < OPTIM_SLOTS; k++)
        free(o->slot[k]);
    free(o->room);
    free(o);
}

char *optim_text(const RtOptim *o)
{
    return call_text(&o->kind->call, o->arg);
}

double optim_rate(const RtOptim *o)
{
    return o->arg[0];
}

enum { BLOCK = 512 }; /* doubles per array that a rule sees at once */

RT_CLONES static void take(const void *block, int bytes, int64_t at, int64_t n,
                           double *out)
{
    if (bytes == 8)
        memcpy(out, (const double *)block + at, (size_t)n * sizeof *out);
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = ((const float *)block)[at + i];
}

RT_CLONES static void put(void *block, int bytes, int64_t at, int64_t n,
                          const double *in)
{
    if (bytes == 8)
        memcpy((double *)block + at, in, (size_t)n * sizeof *in);
    else
        for (int64_t i = 0; i < n; i++)
            ((float *)block)[at + i] = (float)in[i];
}

/* To the free values of a parameter whose elements depend on each other, and
 * back: in place, since the rules go block by block. */
static void go_free(RtOptim *o, const CellTensor *t, int back)
{
    RtModel *m = o->model;
    int64_t n = model_size(t);
    int bytes = m->desc->real_bytes;

    take(m->params, bytes, t->at.c, n, o->room);
    take(m->grads, bytes, t->at.c, n, o->room + n);
    if (back)
        manifold_value(t, o->room);
    else
        manifold_free(t, o->room, o->room + n);
    put(m->params, bytes, t->at.c, n, o->room);
    put(m->grads, bytes, t->at.c, n, o->room + n);
}

/* One block of one parameter, n <= BLOCK reals at `at`. */
static void update_block(RtOptim *o, const CellTensor *t, const Update *u,
                         int64_t at, int64_t n)
{
    double w[BLOCK], g[BLOCK], slot[OPTIM_SLOTS][BLOCK], *s[OPTIM_SLOTS];
    int bytes = o->model->desc->real_bytes;
    int bounded = isfinite(t->lo) || isfinite(t->hi);

    take(o->model->params, bytes, at, n, w);
    take(o->model->grads, bytes, at, n, g);
    for (int64_t i = 0; i < n && bounded; i++) {
        g[i] *= model_slope(t, w[i]);
        w[i] = model_unbound(t, w[i]);
    }
    for (int k = 0; k < OPTIM_SLOTS; k++) {
        s[k] = o->slot[k] ? slot[k] : NULL;
        if (s[k])
            take(o->slot[k], bytes, at, n, s[k]);
    }
    o->kind->rule(u, n, w, g, s[0], s[1], s[2]);
    for (int k = 0; k < OPTIM_SLOTS; k++)
        if (s[k])
            put(o->slot[k], bytes, at, n, s[k]);
    for (int64_t i = 0; i < n && bounded; i++)
        w[i] = model_bound(t, w[i], bytes);
    put(o->model->params, bytes, at, n, w);
}

double *optim_arg(RtOptim *o, const char *name)
{
    for (int i = 0; o->kind->call.arg[i].name; i++)
        if (strcmp(o->kind->call.arg[i].name, name) == 0)
            return &o->arg[i];
    return NULL;
}

/* An update of one parameter. */
typedef struct Step {
    RtOptim *o;
    const CellTensor *t;
    Update u;
} Step;

static void update_range(void *ctx, int64_t from, int64_t to)
{
    const Step *s = ctx;

    for (int64_t k = from; k < to; k += BLOCK)
        update_block(s->o, s->t, &s->u, s->t->at.c + k,
                     to - k < BLOCK ? to - k : BLOCK);
}

void optim_step(RtOptim *o, double lr)
{
    const CellDesc *d = o->model->desc;
    Update u = {.arg = o->arg, .k = (double)++o->step};
    double decay = *optim_arg(o, "decay"); /* every kind has one */

    if (o->kind->memory)
        o->memory *= o->kind->memory(o->arg, u.k);
    u.product = o->memory;
    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        if (t->flags & CELL_FROZEN)
            continue;
        u.lr = lr * t->lr;
        u.decay = t->decay < 0 ? decay : t->decay;
        int dependent = (t->flags & (CELL_SIMPLEX | CELL_SKEW)) != 0;
        if (dependent)
            go_free(o, t, 0);
        pool_ranges(model_size(t), 64 * BLOCK, update_range, &(Step){o, t, u});
        if (dependent)
            go_free(o, t, 1);
    }
}
