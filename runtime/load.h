/* Start values from files: load("W.npy"), a .safetensors file with a tensor of
 * the parameter's name, or word vectors. */
#ifndef LOAD_H
#define LOAD_H

#include "model.h"

/* value[model_size(t)] from t->init.file, relative to `from`'s folder.  Of word
 * vectors (any other ending: a line for each word, then its numbers, perhaps a
 * line with both counts in front) the rows of the words in the set that t is
 * indexed by; what is in `value` stays for words that the file lacks. */
int load_values(const CellTensor *t, const InitFrom *from, double *value,
                RtError *err);

#endif
