/* Lists of notes: a line for each step of a piece of music, with the numbers
 * that MIDI gives the notes that sound, `-` for silence; a blank line ends a
 * piece. */
#ifndef CELLC_NOTES_H
#define CELLC_NOTES_H

#include "data.h"

/* Adds an input x[t,n]: element k of a step is 1 where the note low + k sounds,
 * else 0.  An open extent becomes 88, the keys of a piano. */
int notes_read(RtData *d, const RtWant *want, const char *path, int64_t low,
               RtError *err);

#endif
