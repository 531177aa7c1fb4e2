/* A trained model in a C program, one step at a time: reads numbers, prints
 * what the model of examples/forecast expected and how surprising each is.
 *     cellc emit examples/forecast/forecast.cell -o . --dim m=1
 *     cc step.c forecast.c libcellrt.a ...; ./a.out forecast.safetensors */
#include "forecast.h"

#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One number after the other, until there are no more. */
static int stream(const forecast_prepared *prepared, float *work)
{
    forecast_state state;
    float x, guess, spread;

    forecast_reset(&state);
    while (scanf("%f", &x) == 1) {
        if (forecast_step(prepared, &state, &x, &guess, &spread, work))
            return 1;
        printf("%8.3f expected %8.3f +- %.3f%s\n", (double)x, (double)guess,
               (double)spread,
               fabsf(x - guess) > 4 * spread ? "  surprising" : "");
    }
    return 0;
}

int main(int argc, char **argv)
{
    static forecast_prepared prepared;
    RtError err = {0};
    RtModel *model = model_new(&forecast_desc, &err);
    float *work = model ? rt_block(forecast_STEP_WORK, &err) : NULL;
    int bad = argc != 2 || !work || model_load(model, argv[1], &err);

    if (!bad) {
        forecast_prepare(model->params, &prepared, work);
        bad = stream(&prepared, work);
    }
    if (bad)
        fprintf(stderr, "%s\n", err.text ? err.text : "step WEIGHTS <NUMBERS");
    rt_error_clear(&err);
    free(work);
    model_free(model);
    return bad;
}
