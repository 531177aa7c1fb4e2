/* Pictures from .png files, by libpng. */
#ifndef CELLC_PICTURE_H
#define CELLC_PICTURE_H

#include "data.h"

/* Reads a picture for an input: numbers from 0 (black) to 1, of grey [height,
 * width] or of red, green and blue [height,width,3], whichever of the two fits,
 * the picture's own first.  The caller frees `a` with npy_free. */
int picture_read(const char *path, const RtWant *want, Npy *a, RtError *err);

#endif
