/* Inside the runtime: weights out of an open .safetensors file, shared by
 * model_load and checkpoints. */
#ifndef CELLC_WEIGHTS_H
#define CELLC_WEIGHTS_H

#include "model.h"
#include "safetensors.h"

/* Every parameter must be there with its shape.  Names with "/" are skipped
 * in a file of ours (metadata "cellc"), other extra names are errors.  `path`
 * is for messages. */
int weights_take(RtModel *m, const SafeTensors *st, const char *path,
                 RtError *err);

/* Takes the parameters that are there under their name and with their shape;
 * fits[desc->ntensor] says of each: WEIGHTS_... */
enum { WEIGHTS_MISSING, WEIGHTS_OTHER_SHAPE, WEIGHTS_TAKEN };
int weights_agree(RtModel *m, const SafeTensors *st, const char *path,
                  unsigned char *fits, RtError *err);

#endif
