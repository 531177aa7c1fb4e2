/* Schedules of the learning rate, see optim.h: a product of calls. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim.h"

typedef double FactorFn(const double *arg, double step);

typedef struct ScheduleKind {
    CallKind call;
    FactorFn *factor;
} ScheduleKind;

typedef struct Stage {
    const ScheduleKind *kind;
    double arg[CALL_ARGS];
} Stage;

struct RtSchedule {
    Stage *stage;
    int n;
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

/* Loshchilov and Hutter 2017, without restarts. */
static const CallArg cosine_args[] = {
    {"steps", NAN, 1, INFINITY}, {"floor", 0, 0, INFINITY}, {NULL, 0, 0, 0}};
static double factor_cosine(const double *arg, double step)
{
    double part = step < arg[0] ? step / arg[0] : 1;

    return arg[1] + (1 - arg[1]) * 0.5 * (1 + cos(acos(-1.0) * part));
}

static const CallArg warmup_args[] = {{"steps", NAN, 1, INFINITY},
                                      {NULL, 0, 0, 0}};
static double factor_warmup(const double *arg, double step)
{
    return step + 1 < arg[0] ? (step + 1) / arg[0] : 1;
}

static const ScheduleKind schedule_kinds[] = {
    {{"constant", constant_args}, factor_constant},
    {{"step", step_args}, factor_step},
    {{"exponential", exponential_args}, factor_exponential},
    {{"cosine", cosine_args}, factor_cosine},
    {{"warmup", warmup_args}, factor_warmup},
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

RtSchedule *schedule_new(const char *text, RtError *err)
{
    RtSchedule *s = calloc(1, sizeof *s);

    if (!s) {
        rt_fail_memory(err, sizeof *s);
        return NULL;
    }
    while (text) {
        size_t n = strcspn(text, "*");
        if (add_stage(s, text, n, err)) {
            schedule_free(s);
            return NULL;
        }
        text = text[n] ? text + n + 1 : NULL;
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

double schedule_factor(const RtSchedule *s, int64_t step)
{
    double k = (double)step, factor = 1;

    for (int i = 0; i < s->n; i++) {
        const Stage *g = &s->stage[i];
        factor *= g->kind->factor(g->arg, k);
        if (g->kind->factor == factor_warmup)
            k = k > g->arg[0] ? k - g->arg[0] : 0;
    }
    return factor;
}
