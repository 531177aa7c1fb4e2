/* Sound: .wav files, and the coefficients that speech is recognised by. */
#ifndef CELLC_WAV_H
#define CELLC_WAV_H

#include <stdint.h>

#include "rterr.h"

/* Start with {0}, end with free(x). */
typedef struct Wav {
    int rate;  /* samples per second */
    int64_t n; /* samples */
    double *x; /* [n] from -1 to 1, the mean of the channels */
} Wav;

/* Reads PCM of 8, 16, 24 or 32 bits or floats of 32 bits. */
int wav_read(const char *path, Wav *w, RtError *err);

/* How mel frequency cepstral coefficients are found. */
typedef struct MfccHow {
    double emphasis;    /* y[i] = x[i] - emphasis x[i-1] */
    double window, hop; /* milliseconds; Hamming's window */
    double low, high;   /* Hz, of the filters; high 0: half the rate */
    int filters;        /* triangles, equally wide in mel */
    int coefficients;   /* of the cosine transform, from the 0th on */
} MfccHow;
/* What most recognisers take: 0.97, 25, 10, 0, 0, 26, 13. */
extern const MfccHow mfcc_usual;

/* v[*frames, coefficients], malloc'd: of each window the logarithm of the power
 * in each filter, 2595 log10(1 + f/700) being the mel of f, through an
 * orthonormal DCT-II.  The transform of Fourier is of the next power of two;
 * power is divided by that, and below 1e-10 counts as that.  Source: Davis and
 * Mermelstein 1980. */
int mfcc_find(const Wav *w, const MfccHow *how, double **v, int64_t *frames,
              RtError *err);

#endif
