/* Times of a model: forward, forward and backward, or a whole training step,
 * on random inputs of a given size.  Used by `cellc bench` and bench/step.c. */
#ifndef CELLC_MEASURE_H
#define CELLC_MEASURE_H

#include <stdint.h>

#include "model.h"

typedef struct RtMeasure RtMeasure;

typedef struct MeasureSetup {
    int64_t T, B;          /* steps, along every time axis, and sequences */
    int threads;           /* 0 is 1 */
    const char *optimizer; /* for MEASURE_UPDATE; NULL: none */
    const InitFrom *from;  /* as for model_init; NULL: no files */
} MeasureSetup;

typedef enum MeasureKind {
    MEASURE_FORWARD,
    MEASURE_GRADIENT, /* forward and backward */
    MEASURE_UPDATE,   /* and a clip by norm and an update */
    MEASURE_KINDS
} MeasureKind;
extern const char *const measure_name[MEASURE_KINDS];

/* Draws parameters and inputs; real inputs within -1 .. 1, classes among those
 * there are.  NULL on an error. */
RtMeasure *measure_new(const CellDesc *d, const MeasureSetup *s, RtError *err);
void measure_free(RtMeasure *m); /* NULL is fine */
/* Runs once: *ms is how long it took.  Inputs stay as they are; the first run
 * also makes the room for them. */
int measure_run(RtMeasure *m, MeasureKind kind, double *ms, RtError *err);
/* Bytes of the work blocks of all threads. */
int64_t measure_work(const RtMeasure *m);

/* Milliseconds from somewhere. */
double measure_now(void);
/* Sorts `n` times; the least and the one in the middle. */
typedef struct MeasureTime {
    double min, median;
} MeasureTime;
MeasureTime measure_time(double *ms, int n);
/* Rounds in which every kind has its turn, after one that does not count;
 * MEASURE_FORWARD on `forward`, the others on `train` unless that is NULL. */
int measure_rounds(RtMeasure *train, RtMeasure *forward, int rounds,
                   MeasureTime time[MEASURE_KINDS], RtError *err);
/* Bytes of memory that this process has had at most. */
int64_t measure_resident(void);

#endif
