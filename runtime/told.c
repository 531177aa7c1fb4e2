/* Drawing whole sequences, see told.h. */
#include "told.h"

#include <stdlib.h>
#include <string.h>

int told_keep(Told *t, const Sampler *s, int64_t row, int64_t first,
              RtError *err)
{
    int n = 0;

    while (sample_drawn(s, n) >= 0)
        n++;
    *t = (Told){.first = first, .steps = sample_steps(s, row) - first};
    t->value = calloc((size_t)n + 1, sizeof *t->value);
    for (int k = 0; t->value && k < n; k++) {
        int64_t size = sample_size(s, k);
        size_t bytes = (size_t)((first + t->steps) * size) * sizeof **t->value;

        t->value[k] = malloc(bytes + 1);
        if (!t->value[k])
            return rt_fail_memory(err, bytes);
        memcpy(t->value[k], sample_value(s, k, row), bytes);
    }
    return t->value ? 0 : rt_fail_memory(err, (size_t)n * sizeof(double *));
}

void told_free(Told *t)
{
    for (int k = 0; t->value && t->value[k]; k++)
        free(t->value[k]);
    free(t->value);
    *t = (Told){0};
}

int told_draw(Sampler *s, const SampleHow *how, int64_t steps,
              const volatile sig_atomic_t *stop, Told *out, RtError *err)
{
    int64_t n = sample_rows(s), left = n;
    unsigned char *over = calloc((size_t)n, 1);
    int64_t *row = malloc((size_t)n * sizeof *row);
    int64_t *from = malloc((size_t)n * sizeof *from);
    int64_t *skip = malloc((size_t)n * sizeof *skip);
    int bad = over && row && from && skip ? 0 : rt_fail_memory(err, 0);

    for (int64_t r = 0; r < n && !bad; r++) {
        row[r] = r;
        skip[r] = sample_steps(s, r);
    }
    while (left && !bad) {
        int64_t to = 0;
        for (int64_t r = 0; r < left && !bad; r++) {
            int64_t drawn = sample_steps(s, r) - skip[row[r]];
            if (!over[r] && drawn < steps && sample_left(s, r) &&
                !(stop && *stop)) {
                row[to] = row[r];
                from[to++] = r;
                continue;
            }
            bad = told_keep(&out[row[r]], s, r, skip[row[r]], err);
            out[row[r]].ended = over[r];
        }
        left = to;
        if (left && !bad)
            bad = sample_arrange(s, left, from, err) ||
                  sample_step(s, how, over, err);
    }
    free(over);
    free(row);
    free(from);
    free(skip);
    return bad ? -1 : 0;
}
