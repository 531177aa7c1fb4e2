/* Neighbours in an embedding: which words lie in the direction of a word, or of
 * a sum and difference of words. */
#ifndef CELLC_NEAR_H
#define CELLC_NEAR_H

#include "text.h"

/* A matrix whose rows belong to the members of a vocabulary. */
typedef struct Near {
    const Vocab *words;
    int64_t size; /* columns */
    double *unit; /* [words->n, size] its rows, each of length 1 */
} Near;

typedef struct Neighbour {
    int32_t id;
    double cosine;
} Neighbour;

/* Takes rows[words->n, size] and brings each to length 1; a row of zeros stays.
 * The vocabulary is borrowed. */
void near_open(Near *e, const Vocab *words, double *rows, int64_t size);
void near_free(Near *e);

/* A query, such as "king - man + woman": words with + or - before each but the
 * first.  Unit vectors are added (Mikolov, Yih, Zweig 2013).  Fills out[top]
 * with the nearest of all words but those of the query, by falling cosine;
 * returns how many.  Error: a word that is not there, an operator without. */
int near_find(const Near *e, const char *const *token, int n, int top,
              Neighbour *out, RtError *err);

/* Class of a word, character or member as it is written; -1: there is none. */
int32_t near_class(const Vocab *v, const char *word);
/* Writes rows as word vectors: a line "N SIZE", then a word and its numbers.
 * *left counts words that hold blanks, which that format cannot have. */
int near_write(const char *path, const Vocab *words, const double *rows,
               int64_t size, int32_t *left, RtError *err);

#endif
