/* The verb bench of an executable: how fast its model runs here.  What share of
 * the machine that is, `cellc bench` knows, which has the equations. */
#include "app.h"
#include "apphost.h"
#include "measure.h"

#include <jansson.h>
#include <stdlib.h>

static int report(const char *name, const MeasureSetup *s,
                  const MeasureTime *time, int json)
{
    double tokens = 1e3 * (double)(s->T * s->B);
    json_t *j =
        json_pack("{s:s, s:I, s:I, s:i}", "model", name, "T", (json_int_t)s->T,
                  "B", (json_int_t)s->B, "threads", s->threads);

    if (!json)
        printf("%-10s%11s%11s%10s%12s\n", name, "ms, min", "median", "steps/s",
               "tokens/s");
    for (int k = 0; k < MEASURE_KINDS && time[k].min > 0; k++) {
        double min = time[k].min, median = time[k].median;

        if (!json)
            printf("%-10s%11.3f%11.3f%10.1f%12.0f\n", measure_name[k], min,
                   median, 1e3 / min, tokens / min);
        json_object_set_new(j, measure_name[k],
                            json_pack("{s:f, s:f, s:f, s:f}", "min_ms", min,
                                      "median_ms", median, "steps_per_second",
                                      1e3 / min, "tokens_per_second",
                                      tokens / min));
    }
    if (json && !json_dumpf(j, stdout, JSON_INDENT(2)))
        putchar('\n');
    json_decref(j);
    return EXIT_DONE;
}

int app_bench(const CellDesc *train, const CellDesc *eval, const Flags *f)
{
    long T = 100, B = 32, threads = 1, rounds = 20;
    MeasureTime time[MEASURE_KINDS] = {{0, 0}};
    RtError err = {0};
    int code = flags_long(f, "steps", 1, 1L << 40, &T);

    if (!code)
        code = flags_long(f, "batch", 1, 1L << 40, &B);
    if (!code)
        code = flags_long(f, "threads", 1, 4096, &threads);
    if (!code)
        code = flags_long(f, "rounds", 1, 1000000, &rounds);
    if (code)
        return code;
    MeasureSetup s = {.T = T,
                      .B = B,
                      .threads = (int)threads,
                      .optimizer = flags_get(f, "optimizer")};
    int learns = train->backward != NULL;
    RtMeasure *m = learns ? measure_new(train, &s, &err) : NULL,
              *forward = NULL;
    s.optimizer = NULL;
    if (m || !learns)
        forward = measure_new(eval, &s, &err);
    code = !forward || measure_rounds(m, forward, (int)rounds, time, &err)
               ? app_fail(&err)
               : report(train->name, &s, time, flags_given(f, "json"));
    measure_free(m);
    measure_free(forward);
    return code;
}

const Flag app_bench_flags[] = {
    {"steps", "T", "100", NULL, "of the random sequences"},
    {"batch", "B", "32", NULL, "sequences"},
    {"threads", "N", "1", NULL, "that share the sequences"},
    {"rounds", "N", "20", NULL, "times that each is run"},
    {"optimizer", "TEXT", "adam(1e-6)", NULL, "of the update"},
    {NULL, NULL, NULL, NULL, NULL}};
