/* What the settings of training say: the optimiser, limits and numbers.  See
 * apphost.h. */
#include "apphost.h"

#include "optim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_key(const void *a, const void *b)
{
    return strcmp(((const RtPair *)a)->key, ((const RtPair *)b)->key);
}

int app_train_settings(AppHost *h, const Flags *f, const Checkpoint *resumed)
{
    char text[32];
    RtError err = {0};
    int code = app_settings(h, f, app_train_flags, resumed);

    if (!code)
        code = app_settings(h, f, app_data_flags, resumed);
    if (!code && !app_setting(h, "threads")) {
        snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
        if (pairs_set(&h->about.settings, "threads", text, &err))
            code = app_fail(&err);
    }
    if (!code && !app_setting(h, "epochs") && !app_setting(h, "steps") &&
        !app_setting(h, "minutes") &&
        pairs_set(&h->about.settings, "epochs", "20", &err))
        code = app_fail(&err);
    /* A limit of time alone may be far beyond the best epoch. */
    if (!code && !app_setting(h, "epochs") && !app_setting(h, "steps") &&
        app_setting(h, "valid") && !app_setting(h, "patience") &&
        pairs_set(&h->about.settings, "patience", "5", &err))
        code = app_fail(&err);
    qsort(h->about.settings.v, (size_t)h->about.settings.n,
          sizeof *h->about.settings.v, by_key);
    return code;
}

int app_train_optimizer(const AppHost *h, RtModel *m, char **text)
{
    static const char *const own[] = {"lr", "decay"};
    RtError err = {0};
    RtOptim *o = optim_new(m, app_setting(h, "optimizer"), &err);
    int code = o ? 0 : app_fail(&err);

    for (size_t i = 0; i < sizeof own / sizeof *own && !code; i++)
        code = app_setting_real(h, own[i], 0, optim_arg(o, own[i]));
    *text = code ? NULL : optim_text(o);
    optim_free(o);
    return code ? code : *text ? 0 : EXIT_BUG;
}

/* A share: from 0 to 1, or to below 1. */
static int share(const AppHost *h, const char *key, int below, double *v)
{
    int code = app_setting_real(h, key, 0, v);

    if (!code && (*v > 1 || (below && *v == 1))) {
        say_error("%s: a share from 0 to %s1 is wanted, found %g", key,
                  below ? "below " : "", *v);
        code = EXIT_USER;
    }
    return code;
}

/* What is set and does nothing. */
static void tell_idle(const AppHost *h, const FitSetup *s)
{
    if (app_setting(h, "patience") && !s->valid)
        say_note("patience: nothing is held out for validation, so it ends "
                 "nothing; valid = 0.1 holds out a tenth");
    if (app_setting(h, "hop") && !app_setting(h, "window"))
        say_note("hop: the steps from window to window, of which there are "
                 "none without `window`");
}

int app_train_numbers(const AppHost *h, FitSetup *s)
{
    long epochs = 0, steps = 0, patience = 0, threads = 1, seed = 1, every = 0,
         accumulate = 1;
    const struct {
        const char *key;
        long low, *v;
    } whole[] = {{"epochs", 1, &epochs},
                 {"steps", 1, &steps},
                 {"patience", 1, &patience},
                 {"threads", 1, &threads},
                 {"seed", 0, &seed},
                 {"log_every", 1, &every},
                 {"accumulate", 1, &accumulate}};
    const char *reduce = app_setting(h, "reduce");
    double minutes = 0, teacher = 1;
    int code = 0;

    for (size_t i = 0; i < sizeof whole / sizeof *whole && !code; i++)
        code = app_setting_long(h, whole[i].key, whole[i].low, whole[i].v);
    if (!code)
        code = app_setting_real(h, "minutes", 0, &minutes);
    if (!code && app_setting(h, "minutes") && minutes <= 0) {
        say_error("minutes: more than 0 is wanted, found \"%s\"",
                  app_setting(h, "minutes"));
        code = EXIT_USER;
    }
    if (!code)
        code = share(h, "teacher", 0, &teacher);
    if (!code)
        code = share(h, "ema", 1, &s->ema);
    if (!code)
        code = app_setting_bytes(h, "memory", &s->memory);
    s->epochs = epochs;
    s->steps = steps;
    s->seconds = 60 * minutes;
    s->patience = patience;
    s->threads = (int)(threads < 1024 ? threads : 1024);
    s->seed = (uint64_t)seed;
    s->log_every = every;
    s->accumulate = accumulate;
    s->token = reduce && !strcmp(reduce, "token");
    s->sum = reduce && !strcmp(reduce, "sum");
    s->clip = app_setting(h, "clip");
    s->noise = app_setting(h, "gradient_noise");
    s->schedule = app_setting(h, "schedule");
    if (!code)
        tell_idle(h, s);
    return code;
}
