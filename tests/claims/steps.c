/* A model with one input and one output: what whole sequences give, step by
 * step and as a stream in two calls.  Built and run by run.sh; prints the
 * largest difference, relative to 1 + the value. */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { T = 7, FIRST = 3, M = 3, MOST = 64 };

static int64_t size_of(const CellTensor *t)
{
    int64_t n = 1;
    for (int k = 0; k < t->rank; k++)
        n *= t->dim[k];
    return n;
}

/* Anything where parameters are free, the middle where they are not. */
static void fill(float *params)
{
    for (int i = 0; i < model_desc.ntensor; i++) {
        const CellTensor *t = &model_desc.tensor[i];
        for (int64_t k = 0; k < size_of(t) && t->role == CELL_PARAM; k++) {
            float *p = &params[t->at.c + k];
            *p = t->init.kind[0] == 't' ? (float)t->init.value[k]
                                        : 0.3f * (float)sin(1.7 * (double)k);
            if (t->lo > -HUGE_VAL)
                *p = (float)(t->hi < HUGE_VAL ? (t->lo + t->hi) / 2
                                              : t->lo + 0.5);
        }
    }
}

static double difference(const float *a, const float *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]) /
                              (1 + fabs((double)a[i])));
    return most;
}

int main(void)
{
    static float x[T * M], whole[T * MOST], one[T * MOST], two[T * MOST];
    static model_prepared prepared;
    model_state state, stream;
    int64_t n = 0;
    float *params = calloc(model_PARAMS + 1, sizeof *params);
    float *work = malloc(model_work(T, 1)), *step = malloc(model_STEP_WORK);
    float *steps = malloc(model_steps_work(T, 1));
    if (!params || !work || !step || !steps)
        return 1;
    for (int i = 0; i < model_desc.ntensor; i++)
        if (model_desc.tensor[i].role == CELL_OUTPUT)
            n = size_of(&model_desc.tensor[i]);
    for (int i = 0; i < T * M; i++)
        x[i] = (float)cos(i);
    fill(params);
    model_prepare(params, &prepared, step);
    model_reset(&state);
    model_reset(&stream);
    model_run(params, x, whole, NULL, work, T, 1);
    for (int t = 0; t < T; t++)
        model_step(&prepared, &state, x + t * M, one + t * n, step);
    model_steps(&prepared, &stream, x, two, steps, FIRST, 1);
    model_steps(&prepared, &stream, x + FIRST * M, two + FIRST * n, steps,
                T - FIRST, 1);
    double most =
        fmax(difference(whole, one, T * n), difference(whole, two, T * n));
    printf("%g\n", most);
    free(params);
    free(work);
    free(step);
    free(steps);
    return n < 1 || n > MOST || !(most < ERROR);
}
