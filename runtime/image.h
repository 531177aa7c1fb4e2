/* Grey images as PNG files. */
#ifndef CELLC_IMAGE_H
#define CELLC_IMAGE_H

#include <stdint.h>

#include "rterr.h"

/* v[n] in lines of `width` pixels, from 0, black, to 1, white; what is outside
 * is cut.  Error: n is no multiple of width, or there is nothing. */
int image_write(const char *path, const double *v, int64_t n, int64_t width,
                RtError *err);

#endif
