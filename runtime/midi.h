/* Music as a standard MIDI file (format 0, one track). */
#ifndef CELLC_MIDI_H
#define CELLC_MIDI_H

#include <stdint.h>

#include "rterr.h"

/* v[steps, n]: which of n notes sound at each step, those above 0.5; note i is
 * `first` + i of MIDI's 128.  A note that sounds in steps one after the other
 * is held.  A step is a quarter, of which there are `tempo` a minute. */
int midi_write(const char *path, const double *v, int64_t steps, int64_t n,
               int first, double tempo, RtError *err);

#endif
