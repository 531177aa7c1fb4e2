/* What training shows and logs: a line on a terminal that renews itself, plain
 * lines otherwise, rows of a CSV file always. */
#ifndef CELLC_PROGRESS_H
#define CELLC_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

#include "events.h"

/* One state of affairs; NAN where a number is not known. */
typedef struct ProgressRow {
    int64_t epoch, epochs; /* from 1; all, 0 if that is open */
    int64_t step;          /* updates made */
    double seconds;        /* since the start of this call */
    double loss, nats;     /* since the row before */
    double val_loss, val_nats;
    double gradnorm, lr;
    double tokens_per_s; /* since the row before */
    double left;         /* seconds to go */
    double *metric;      /* [nmetric] of the validation */
} ProgressRow;

typedef struct Progress {
    FILE *out;   /* or NULL */
    int columns; /* of the terminal; 0: none */
    FILE *log;   /* or NULL */
    char *log_path;
    int log_error;             /* errno of what ended the log, or 0 */
    Events *events;            /* the same for TensorBoard, or NULL */
    const char *const *metric; /* borrowed names of the spec's metrics */
    int nmetric;
    double shown; /* seconds at the last line shown */
    int open;     /* the cursor stands on an unfinished line */
} Progress;

/* Opens the log (NULL: none), with its header unless it is gone on with, and a
 * file of events in a folder (NULL: none); p->out, columns, metric and nmetric
 * are the caller's.  The header is that of fit.h. */
int progress_open(Progress *p, const char *log, int append, const char *events,
                  RtError *err);
/* Writes a row to the log and the events; validated = 0 leaves its validation
 * empty.  Where it cannot be written any more that is said once, and an error
 * at the end. */
void progress_log(Progress *p, const ProgressRow *r, int validated);
/* Shows the row if it is time for that, or `always`. */
void progress_show(Progress *p, const ProgressRow *r, int always);
/* A line of its own, such as "saved". */
void progress_note(Progress *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Ends an unfinished line and closes log and events.  Error: one of them is not
 * whole.
 */
int progress_close(Progress *p, RtError *err);

/* Monotonic clock in seconds. */
double progress_clock(void);

#endif
