/* A spec or a cell of the library at a size that is said in four numbers, for
 * the verbs bench and explain. */
#ifndef DRV_SIZED_H
#define DRV_SIZED_H

#include "drv.h"

/* T,B,I,H: steps, sequences, the size of every dim that is still open, the
 * option n (of a cell, its number of units); 0 where not given. */
enum { SHAPE_STEPS, SHAPE_BATCH, SHAPE_WIDTH, SHAPE_UNITS, SHAPE_PARTS };

typedef struct DrvShape {
    long n[SHAPE_PARTS];
} DrvShape;

/* "100,32,128,128", the last two optional; a cell has 128 units where nothing
 * is said, and an input as wide.  0 or EXIT_USAGE. */
int drv_shape(const char *text, int cell, DrvShape *s);

typedef struct DrvSized {
    const Flags *f;
    const char *path; /* of the spec, or the cell's name */
    char *text;       /* of the spec or the cell */
    int cell;         /* it is a cell of the library */
    long threads;     /* that will run it; 0 is one as well */
} DrvSized;

/* Reads the text once; of a cell, the flag --wrap says what it is put into. */
int drv_sized_read(DrvSized *m, const Flags *f, const char *path);
void drv_sized_free(DrvSized *m);
/* A compilation of it with its sizes and the settings of the flags. */
int drv_sized_open(Drv *d, const DrvSized *m, const DrvShape *s);
/* Compiles forward and backward.  A model without a loss is differentiated
 * through its outputs, to its inputs as well, as a part of a larger one would
 * be. */
int drv_sized_training(Drv *d);

/* GFLOP/s of single-precision products on one thread by the best BLAS of this
 * machine; 0: there is none. */
double drv_blas_peak(void);

#endif
