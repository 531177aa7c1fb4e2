/* Curves drawn by gnuplot, a child process that need not be installed: into a
 * .png or .svg, or in the terminal. */
#ifndef CELLC_PLOT_H
#define CELLC_PLOT_H

#include <stdint.h>

#include "rterr.h"

typedef struct PlotCurve {
    const char *name;         /* in the legend */
    const double *x, *y;      /* [n]; what is not finite is left out */
    const double *low, *high; /* [n] band around it, or NULL */
    int64_t n;
    int colour; /* from 0; curves that belong together share one ... */
    int dashed; /* ... and differ in this */
} PlotCurve;

/* Stretches of x where something holds, behind the curves. */
typedef struct PlotMark {
    const char *name;    /* in the legend */
    const double *x, *y; /* [n], x rising: where y is not 0 */
    int64_t n;
    int colour;
} PlotMark;

typedef struct Plot {
    const char *title, *x, *y; /* texts at the top and at the axes */
    int log_y;
    const PlotCurve *curve;
    int n;
    const PlotMark *mark; /* in pictures alone */
    int nmark;
} Plot;

/* Whether a drawing can go to that file: its name ends in .png or .svg, and
 * gnuplot is there.  To be asked before the work whose result is drawn. */
int plot_check(const char *path, RtError *err);
/* The same of the terminal: standard output is one, and gnuplot is there. */
int plot_terminal(void);
/* Columns of the terminal `fd`; 80 where it does not say. */
int plot_columns(int fd);
/* Draws to the file, or on standard output where path is NULL. */
int plot_draw(const Plot *p, const char *path, RtError *err);

/* A matrix in colours, its first row at the top. */
typedef struct PlotHeat {
    const char *title, *x, *y;
    int64_t rows, columns;
    const double *value; /* [rows,columns] */
    /* [rows], [columns] what stands beside each, or NULL: it is counted */
    char **row_label, **column_label;
} PlotHeat;
int plot_heat(const PlotHeat *h, const char *path, RtError *err);

/* Loss and validation of a training log (fit.h) over updates; 1 where it has
 * too few rows to draw. */
int plot_log(const char *log, const char *path, RtError *err);

#endif
