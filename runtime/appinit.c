/* `train --init`: start values from the weights of another model, where names
 * and shapes agree, and from its vocabularies.  See apphost.h. */
#include "apphost.h"

#include "weights.h"

#include <stdlib.h>

int app_init_open(AppHost *h, const char *path, int vocabs, Checkpoint *c)
{
    RtError err = {0};
    int code = st_load(&c->file, path, &err) ? app_fail(&err) : 0;
    int whole = !code && st_text(&c->file, "cellc") != NULL;

    if (!whole || !vocabs)
        return code;
    st_free(&c->file);
    if (checkpoint_load(c, path, &err))
        return app_fail(&err);
    for (int i = 0; i < c->vocabs.n; i++)
        if (app_has_set(h, c->vocabs.v[i].key) &&
            pairs_set(&h->about.vocabs, c->vocabs.v[i].key,
                      c->vocabs.v[i].value, &err))
            return app_fail(&err);
    return 0;
}

/* "W, U and 5 more" of the parameters that have that fit; malloc'd. */
static char *list(const CellDesc *d, const unsigned char *fits, int fit, int *n)
{
    enum { MOST = 8 };
    char *text = rt_printf("%s", "");

    *n = 0;
    for (int i = -1; text && (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        char *more;
        if (fits[i] != fit || (*n)++ >= MOST)
            continue;
        more = rt_printf("%s%s%s", text, *n > 1 ? ", " : "", d->tensor[i].name);
        free(text);
        text = more;
    }
    if (text && *n > MOST) {
        char *more = rt_printf("%s and %d more", text, *n - MOST);
        free(text);
        text = more;
    }
    return text;
}

/* Says what was taken and what was not; returns how many were. */
static int report(const CellDesc *d, const unsigned char *fits,
                  const char *path)
{
    static const char *const why[] = {[WEIGHTS_MISSING] = "not there, so drawn",
                                      [WEIGHTS_OTHER_SHAPE] =
                                          "of another shape there, so drawn",
                                      [WEIGHTS_TAKEN] = "from there"};
    int taken = 0;

    for (int fit = WEIGHTS_TAKEN; fit >= WEIGHTS_MISSING; fit--) {
        int n;
        char *names = list(d, fits, fit, &n);
        if (n)
            say_note("%s: %s: %s", path, why[fit], names ? names : "");
        taken = fit == WEIGHTS_TAKEN ? n : taken;
        free(names);
    }
    return taken;
}

int app_init_weights(const Checkpoint *c, const char *path, int must,
                     RtModel *m)
{
    RtError err = {0};
    unsigned char *fits = calloc((size_t)m->desc->ntensor + 1, 1);
    int code = 0;

    if (!fits)
        return EXIT_BUG;
    if (weights_agree(m, &c->file, path, fits, &err)) {
        code = app_fail(&err);
    } else if (!report(m->desc, fits, path) && must) {
        say_error("--init: no parameter of %s has its name and shape in %s",
                  m->desc->name, path);
        code = EXIT_USER;
    }
    free(fits);
    return code;
}
