/* A model compiled and trained inside a C program: a spec as a string, machine
 * code in milliseconds, then steps of an optimiser on data made here.  The
 * task: say at each step which bit came in two steps ago.
 *     cc jit.c libcellc.a libcellrt.a -ltcc ... */
#include "cellc.h"
#include "optim.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

enum { T = 20, B = 16, STEPS = 200 };

static const char spec[] = "input x[t,k], y[t,k]\n"
                           "h = gru(16)(x)\n"
                           "y ~ bernoulli(sigmoid(dense(k)(h)))\n";

static void say(void *user, const char *severity, const char *text)
{
    (void)user;
    fprintf(stderr, "%s: %s", severity, text);
}

static int train(RtModel *m, RtOptim *o, RtSession *s, RtError *err)
{
    static double x[T * B], y[T * B];
    const CellDesc *d = m->desc;
    int ix = model_find(d, CELL_INPUT, "x");
    int iy = model_find(d, CELL_INPUT, "y");

    for (int step = 0; step <= STEPS; step++) {
        for (int i = 0; i < T * B; i++) {
            x[i] = rand() > RAND_MAX / 2;
            y[i] = i < 2 * B ? 0 : x[i - 2 * B];
        }
        if (session_begin(s, T, B, 1, err))
            return 1;
        session_set(s, ix, x);
        session_set(s, iy, y);
        if (session_forward(s, err) || session_backward(s, err))
            return 1;
        if (step % 50 == 0)
            printf("step %3d loss %.4f\n", step, session_loss(s));
        optim_step(o, optim_rate(o));
    }
    return 0;
}

int main(void)
{
    RtError err = {0};
    Cellc *c = cellc_new(say, NULL);
    int bad = !c || cellc_add_text(c, "bits.cell", spec, sizeof spec - 1) ||
              cellc_dim(c, "k", 1);
    const CellDesc *d = bad ? NULL : cellc_jit(c);
    RtModel *m = d ? model_new(d, &err) : NULL;
    RtOptim *o = m ? optim_new(m, "adam(lr = 2e-2)", &err) : NULL;
    RtSession *s = o ? session_new(m, &err) : NULL;

    bad = !s || model_init(m, 1, NULL, &err) || train(m, o, s, &err);
    if (bad && err.text)
        fprintf(stderr, "%s\n", err.text);
    rt_error_clear(&err);
    session_free(s);
    optim_free(o);
    model_free(m);
    cellc_free(c);
    return bad;
}
