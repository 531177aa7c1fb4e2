/* An emitted model used as its header says: whole sequences by lstm_run, the
 * same step by step, after saving and restoring the state, and as streams side
 * by side in two calls; and a descent that lowers the loss.  Built and run by
 * run.sh; ERROR is what the type of the weights may cost. */
#include "lstm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef ERROR
#define ERROR 1e-6
#endif

enum { T = 6, B = 2, M = 2, N = 3 };

static int differs(const char *what, double a, double b)
{
    if (fabs(a - b) <= ERROR)
        return 0;
    printf("%s: %.9g instead of %.9g\n", what, a, b);
    return 1;
}

/* Sequence 0 of x[T,B,M] once more, one step at a time. */
static int stream(const lstm_prepared *prepared, const float *x,
                  const float *h0, const float *h)
{
    float work[lstm_STEP_WORK / sizeof(float)];
    lstm_state state, saved;
    int bad = 0;
    lstm_reset(&state);
    for (int t = 0; t < T; t++) {
        float step[N];
        if (t == 3) {
            saved = state;
            memset(&state, 0, sizeof state);
            lstm_step(prepared, &state, x, h0, step, work);
            state = saved;
        }
        bad |= lstm_step(prepared, &state, x + t * B * M, h0, step, work);
        for (int i = 0; i < N; i++)
            bad |= differs("step", step[i], h[t * B * N + i]);
    }
    return bad;
}

/* Both sequences, two steps and then the others. */
static int streams(const lstm_prepared *prepared, const float *x,
                   const float *h0, const float *h)
{
    float *work = malloc(lstm_steps_work(T, B)), out[T * B * N];
    lstm_state state[B];
    int bad = !work;
    for (int i = 0; i < B; i++)
        lstm_reset(&state[i]);
    bad |= bad || lstm_steps(prepared, state, x, h0, out, work, 2, B);
    bad |= bad || lstm_steps(prepared, state, x + 2 * B * M, h0,
                             out + 2 * B * N, work, T - 2, B);
    for (int i = 0; i < T * B * N && !bad; i++)
        bad |= differs("steps", out[i], h[i]);
    lstm_reset(&state[1]);
    bad |= bad || !lstm_steps(prepared, state, x, h0, out, work, 1, B);
    free(work);
    return bad;
}

static int descend(float *params, const float *x, const float *h0, float *work)
{
    float grads[lstm_PARAMS], first = 0, loss = 0;
    for (int k = 0; k < 20; k++) {
        lstm_run(params, x, h0, NULL, NULL, work, T, B);
        lstm_backward(params, grads, work, T, B);
        loss = *lstm_tensor(work, lstm_TENSOR_loss, T, B);
        first = k ? first : loss;
        lstm_update(params, grads, 0.05f);
    }
    if (loss < 0.9f * first)
        return 0;
    printf("descent: from %g to %g only\n", (double)first, (double)loss);
    return 1;
}

int main(void)
{
    float params[lstm_PARAMS], x[T * B * M], h0[B * N], h[T * B * N];
    float *work = malloc(lstm_work(T, B));
    lstm_prepared prepared;
    for (int i = 0; i < lstm_PARAMS; i++)
        params[i] = (float)sin(i);
    for (int i = 0; i < T * B * M; i++)
        x[i] = (float)cos(i);
    for (int i = 0; i < B * N; i++)
        h0[i] = 0.1f * (float)i;
    if (!work || lstm_run(params, x, h0, h, NULL, work, T, B))
        return 1;
    lstm_prepare(params, &prepared, work);
    int bad = stream(&prepared, x, h0, h) | streams(&prepared, x, h0, h) |
              descend(params, x, h0, work);
    free(work);
    return bad;
}
