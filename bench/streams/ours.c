/* Times one step, and 1000 steps in one call, of the model that `cellc emit
 * bench/streams/lstm.cell --name lstm` wrote: prints the microseconds of each,
 * per step, one line for each round. */
#define _POSIX_C_SOURCE 200809L
#include "lstm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N = sizeof((lstm_state *)0)->h_h / sizeof(float), T = 1000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static void *room(size_t bytes)
{
    void *p;
    if (posix_memalign(&p, 64, bytes))
        exit(1);
    return p;
}

static void fill(float *x, int64_t n, float scale)
{
    uint64_t at = 1;
    for (int64_t i = 0; i < n; i++) {
        at = at * 6364136223846793005u + 1442695040888963407u;
        x[i] = scale * ((float)(at >> 40) / (1 << 23) - 1);
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 20;
    lstm_prepared *p = room(sizeof *p);
    lstm_state state;
    float *params = room(lstm_PARAMS * sizeof *params);
    float *x = room(sizeof(float) * T * N), *h = room(sizeof(float) * T * N);
    float *work = room(lstm_STEP_WORK), *more = room(lstm_steps_work(T, 1));
    fill(params, lstm_PARAMS, 0.1f);
    fill(x, T * N, 1);
    lstm_prepare(params, p, work);
    lstm_reset(&state);
    for (int r = 0; r <= rounds; r++) {
        int steps = 20 + 4000000 / (N * N);
        double from = now();
        for (int i = 0; i < steps; i++)
            lstm_step(p, &state, x, h, work);
        double one = (now() - from) / steps;
        from = now();
        lstm_steps(p, &state, x, h, more, T, 1);
        if (r) /* the first finds nothing in the caches */
            printf("%.4f %.4f\n", one, (now() - from) / T);
    }
    return 0;
}
