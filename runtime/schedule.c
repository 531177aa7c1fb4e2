/* Schedules of the learning rate, see optim.h: a product of calls. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim.h"

typedef double FactorFn(const double *arg, double step);

typedef struct ScheduleKind {
    CallKind call;
    FactorFn *factor; /* of updates; NULL: of a plateau */
} ScheduleKind;

typedef struct Stage {
    const ScheduleKind *kind;
    double arg[CALL_ARGS];
} Stage;

struct RtSchedule {
    Stage *stage;
    int n;
    double rate; /* the optimiser's */
};

static const CallArg constant_args[] = {{NULL, 0, 0, 0}};
static double factor_constant(const double *arg, double step)
{
    (void)arg;
    (void)step;
    return 1;
}

static const CallArg step_args[] = {
    {"every", NAN, 1, INFINITY}, {"factor", 0.1, 0, INFINITY}, {NULL, 0, 0, 0}};
static double factor_step(const double *arg, double step)
{
    return pow(arg[1], floor(step / arg[0]));
}

static const CallArg exponential_args[] = {
    {"factor", NAN, 0, INFINITY}, {"every", 1, 1, INFINITY}, {NULL, 0, 0, 0}};
static double factor_exponential(const double *arg, double step)
{
    return pow(arg[0], step / arg[1]);
}

/* From 1 to 0 as part goes from 0 to 1, then 0. */
static double half_cosine(double part)
{
    return 0.5 * (1 + cos(acos(-1.0) * (part < 1 ? part : 1)));
}

/* Loshchilov and Hutter 2017, without restarts. */
static const CallArg cosine_args[] = {
    {"steps", NAN, 1, INFINITY}, {"floor", 0, 0, INFINITY}, {NULL, 0, 0, 0}};
static double factor_cosine(const double *arg, double step)
{
    return arg[1] + (1 - arg[1]) * half_cosine(step / arg[0]);
}

static const CallArg warmup_args[] = {{"steps", NAN, 1, INFINITY},
                                      {NULL, 0, 0, 0}};
static double factor_warmup(const double *arg, double step)
{
    return step + 1 < arg[0] ? (step + 1) / arg[0] : 1;
}

/* The learning rate itself, which schedule_factor divides by the optimiser's.
 */
static const CallArg onecycle_args[] = {
    {"peak", NAN, 0, INFINITY}, {"steps", NAN, 2, INFINITY},
    {"rise", 0.3, 0, 1},        {"from", 25, 1, INFINITY},
    {"to", 1e4, 1, INFINITY},   {NULL, 0, 0, 0}};
static double rate_onecycle(const double *arg, double step)
{
    double peak = arg[0], top = arg[1] * arg[2] - 1, last = arg[1] - 1;
    double low = peak / arg[3], end = low / arg[4];

    if (step <= top)
        return peak + (low - peak) * half_cosine(step / top);
    return end + (peak - end) * half_cosine((step - top) / (last - top));
}

static const CallArg plateau_args[] = {
    {"factor", 0.1, 0, 1},     {"patience", 10, 0, INFINITY},
    {"threshold", 1e-4, 0, 1}, {"cooldown", 0, 0, INFINITY},
    {"floor", 0, 0, INFINITY}, {NULL, 0, 0, 0}};

static const ScheduleKind schedule_kinds[] = {
    {{"constant", constant_args}, factor_constant},
    {{"step", step_args}, factor_step},
    {{"exponential", exponential_args}, factor_exponential},
    {{"cosine", cosine_args}, factor_cosine},
    {{"warmup", warmup_args}, factor_warmup},
    {{"onecycle", onecycle_args}, rate_onecycle},
    {{"plateau", plateau_args}, NULL},
};
enum { NSCHEDULE = sizeof schedule_kinds / sizeof *schedule_kinds };

static int add_stage(RtSchedule *s, const char *text, size_t n, RtError *err)
{
    char *one = rt_printf("%.*s", (int)n, text);
    Stage *more = realloc(s->stage, (size_t)(s->n + 1) * sizeof *more);
    int i = -1;

    if (more)
        s->stage = more;
    if (one && more)
        i = call_parse(one, "schedule", schedule_kinds, NSCHEDULE,
                       sizeof *schedule_kinds, s->stage[s->n].arg, err);
    else
        rt_fail_memory(err, n);
    if (i >= 0)
        s->stage[s->n++].kind = &schedule_kinds[i];
    free(one);
    return i < 0 ? -1 : 0;
}

static const Stage *find_plateau(const RtSchedule *s)
{
    for (int i = 0; i < s->n; i++)
        if (!s->stage[i].kind->factor)
            return &s->stage[i];
    return NULL;
}

/* What no stage by itself can say of the whole. */
static int check(const RtSchedule *s, RtError *err)
{
    int plateaus = 0;

    for (int i = 0; i < s->n; i++) {
        plateaus += !s->stage[i].kind->factor;
        if (s->stage[i].kind->factor == rate_onecycle && !(s->rate > 0))
            return rt_fail(err, "schedule onecycle: the learning rate of the "
                                "optimizer must not be 0");
    }
    return plateaus > 1
               ? rt_fail(err, "schedule: there can be one plateau only")
               : 0;
}

RtSchedule *schedule_new(const char *text, double rate, RtError *err)
{
    RtSchedule *s = calloc(1, sizeof *s);

    if (!s) {
        rt_fail_memory(err, sizeof *s);
        return NULL;
    }
    s->rate = rate;
    while (text) {
        size_t n = strcspn(text, "*");
        if (add_stage(s, text, n, err)) {
            schedule_free(s);
            return NULL;
        }
        text = text[n] ? text + n + 1 : NULL;
    }
    if (check(s, err)) {
        schedule_free(s);
        return NULL;
    }
    return s;
}

void schedule_free(RtSchedule *s)
{
    if (!s)
        return;
    free(s->stage);
    free(s);
}

int schedule_plateau(const RtSchedule *s)
{
    return find_plateau(s) != NULL;
}

double schedule_factor(const RtSchedule *s, const RtPlateau *p, int64_t step)
{
    double k = (double)step, factor = 1;

    for (int i = 0; i < s->n; i++) {
        const Stage *g = &s->stage[i];
        if (!g->kind->factor)
            factor *= fmax(pow(g->arg[0], (double)p->cuts), g->arg[4]);
        else
            factor *= g->kind->factor(g->arg, k);
        if (g->kind->factor == rate_onecycle)
            factor /= s->rate;
        if (g->kind->factor == factor_warmup)
            k = k > g->arg[0] ? k - g->arg[0] : 0;
    }
    return factor;
}

void schedule_epoch(const RtSchedule *s, RtPlateau *p, double value, int up)
{
    const Stage *g = find_plateau(s);

    if (!g)
        return;
    double patience = g->arg[1], threshold = g->arg[2];
    if (!p->seen || (up ? value > p->best * (1 + threshold)
                        : value < p->best * (1 - threshold))) {
        p->best = value;
        p->bad = 0;
    } else {
        p->bad++;
    }
    p->seen++;
    if (p->wait > 0) {
        p->wait--;
        p->bad = 0;
    }
    if ((double)p->bad > patience) {
        p->cuts++;
        p->wait = (int64_t)g->arg[3];
        p->bad = 0;
    }
}
