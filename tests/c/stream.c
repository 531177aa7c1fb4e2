/* An emitted model used as its header says: a whole sequence by lstm_run, the
 * same step by step, after saving and restoring the state, and a descent that
 * lowers the loss.  Built and run by run.sh. */
#include "lstm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T = 6, B = 2, M = 2, N = 3 };

static int differs(const char *what, double a, double b)
{
    if (fabs(a - b) <= 1e-6)
        return 0;
    printf("%s: %.9g instead of %.9g\n", what, a, b);
    return 1;
}

/* Sequence 0 of x[T,B,M] once more, one step at a time. */
static int stream(const float *params, const float *x, const float *h0,
                  const float *h)
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
            lstm_step(params, &state, x, h0, step, work);
            state = saved;
        }
        bad |= lstm_step(params, &state, x + t * B * M, h0, step, work);
        for (int i = 0; i < N; i++)
            bad |= differs("step", step[i], h[t * B * N + i]);
    }
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
    for (int i = 0; i < lstm_PARAMS; i++)
        params[i] = (float)sin(i);
    for (int i = 0; i < T * B * M; i++)
        x[i] = (float)cos(i);
    for (int i = 0; i < B * N; i++)
        h0[i] = 0.1f * (float)i;
    if (!work || lstm_run(params, x, h0, h, NULL, work, T, B))
        return 1;
    int bad = stream(params, x, h0, h) | descend(params, x, h0, work);
    free(work);
    return bad;
}
