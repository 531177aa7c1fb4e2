/* The verb compare: cells side by side on one task.  drv_compare.c reads the
 * command line, drv_rivals.c finds the cells, drv_match.c makes them equally
 * large, drv_metrics.c knows what is measured, drv_runs.c trains them,
 * drv_record.c keeps what is known of each run, drv_standing.c tells how they
 * stand. */
#ifndef DRV_COMPARE_H
#define DRV_COMPARE_H

#include "drv.h"
#include "drv_words.h"

#include "../../runtime/stats.h"

/* What one training run gave.  NAN: not known. */
typedef struct RivalRun {
    long seed;
    int done;
    double last, best; /* validation loss, without one the training loss */
    double train;      /* last training loss */
    double ms;         /* of an update, validation included */
    double seconds;
    int64_t updates;
    double *metric; /* [Compare.nmetric] */
} RivalRun;

/* A cell put into the task, or a spec of its own. */
typedef struct Rival {
    char *name;           /* in results */
    char *file;           /* the same, for names of files */
    char *spec;           /* path */
    char *layer;          /* what the task's option is set to; NULL: own spec */
    char *use;            /* file with its cell, or NULL */
    long units;           /* the option of size; 0: as the spec has it */
    double params, flops; /* trainable; of a step forward, 0: not asked for */
    RivalRun *run;        /* [Compare.seeds] */
} Rival;

typedef struct Compare {
    const Flags *f;
    const char *program;
    const char *task; /* spec of all rivals, or NULL */
    const char *data; /* or NULL */
    char *option;     /* of the task that holds the layer */
    const char *size; /* name of the option of size */
    int sized;        /* the task has it */
    const char *folder;
    const Flag *own; /* flags that are not passed on to train */
    Rival *rival;
    int n;
    long seeds, first, jobs, threads;
    char **metric; /* [nmetric] as eval calls them */
    char **label;  /* what they are called beside the other figures */
    int nmetric;
    int ran; /* the runs have begun, or what was left of them was read */
} Compare;

/* Fills c->rival and c->data from the arguments. */
int compare_rivals(Compare *c);
/* Opens each with its data, so that what does not fit is told before anything
 * runs; sets units, params and flops, alike as --match says. */
int compare_match(Compare *c);
/* drv_metrics.c.  Reads --metric; whether the spec of a rival, open with its
 * sizes known, has all that is asked for, and can read --test. */
int metrics_read(Compare *c);
void metrics_free(Compare *c);
int metrics_check(const Compare *c, const Rival *r, DrvHost *h, const Flags *f);
/* The command line of a run, without the verb. */
int compare_words(const Compare *c, const Rival *r, long seed, Words *w);
/* Trains what has not been trained.  0, EXIT_INTERRUPTED, or EXIT_USER where
 * a run failed. */
int compare_runs(Compare *c);

/* drv_record.c.  FOLDER/CELL.SEED with an ending, malloc'd; whether a file is
 * there. */
char *run_path(const Compare *c, const Rival *r, long seed, const char *ending);
int run_there(const char *path);
/* The command line of `eval` that gives the metrics: of the best weights, on
 * --test, else on what was held out. */
int run_eval_words(const Compare *c, const Rival *r, long seed, Words *w);
/* What a run left before, in *run; *known: it has begun.  EXIT_USER where it
 * was asked for something else. */
int run_read_record(const Compare *c, const Rival *r, RivalRun *run,
                    int *known);
int run_write_started(const Compare *c, const Rival *r, long seed);
int run_write_done(const Compare *c, const Rival *r, const RivalRun *run);
/* What its log and the evaluation say of a run that is over. */
int run_read_log(const Compare *c, const Rival *r, RivalRun *run);
int run_read_metrics(const Compare *c, const Rival *r, RivalRun *run);

/* Values of one kind over the runs of a rival that are done, as NAME: "last",
 * "best", "loss" (the one that counts), "train", "ms", "seconds", or a metric;
 * v[seeds]; their number, -1: no such name. */
int compare_values(const Compare *c, const Rival *r, const char *name,
                   double *v);
/* The figure CELL.NAME: 1, else 0 and told. */
int compare_figure(const Compare *c, const char *name, double *value);
/* Table, JSON, CSV or LaTeX on standard output, and the picture. */
int compare_report(const Compare *c);

#endif
