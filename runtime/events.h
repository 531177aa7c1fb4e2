/* Numbers over steps as an event file that TensorBoard reads: records of a
 * length, a message of protocol buffers (Event of event.proto) and checksums.
 * All that is needed of it are scalars. */
#ifndef CELLC_EVENTS_H
#define CELLC_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "rterr.h"

typedef struct Events Events;

/* A new file in that folder, which is made where it is missing; TensorBoard
 * takes all files of a folder for one run.  NULL on an error. */
Events *events_open(const char *folder, RtError *err);
/* value at a step, under a name such as "train/loss"; what cannot be written is
 * an error of events_close. */
void events_scalar(Events *e, const char *tag, int64_t step, double value);
/* Makes everything so far visible to readers. */
void events_flush(Events *e);
/* NULL is fine. */
int events_close(Events *e, RtError *err);

/* Checksum of the records: CRC-32C (Castagnoli), rotated and moved. */
uint32_t events_checksum(const void *data, size_t n);

#endif
