/* Vocabularies: of Unicode scalars, of bytes, or of words; the way from a text
 * to class numbers and back.  They go into checkpoints as JSON. */
#ifndef CELLC_TEXT_H
#define CELLC_TEXT_H

#include <stdint.h>

#include "rterr.h"

/* Start with `Vocab v = {0};`, end with vocab_free. */
typedef struct Vocab {
    int bytes;     /* 1: of bytes, else of Unicode scalars */
    int32_t n;     /* classes, the unknown included */
    int32_t ncode; /* code points: n, or n - 1 with an unknown */
    int32_t *code; /* [ncode] ascending; class = place; NULL: of words */
    char **word;   /* [ncode] the same of words, ascending by bytes */
    int32_t unk;   /* class of the unknown (ncode), or -1 */
} Vocab;

#define VOCAB_UNKNOWN "<unk>" /* what the unknown word is written as */

/* Reads a text (gz too; "-": standard input).  Unless `bytes`, it must be
 * UTF-8, a byte order mark is dropped and CR LF becomes LF.  An empty file is
 * an error.  *text is malloc'd and NUL-terminated. */
int text_read(const char *path, int bytes, char **text, size_t *n,
              RtError *err);

/* The characters of text[n], ascending by code.  With min_count > 1 rarer ones
 * become one unknown class, the last.  A text of one distinct character is an
 * error.  `name` (a file's) is for messages. */
int vocab_build(Vocab *v, const char *name, const char *text, size_t n,
                int bytes, int64_t min_count, RtError *err);
void vocab_free(Vocab *v);
/* The distinct ones of word[n], which is sorted, and of member[nmember], names
 * that must have a class however rare they are; min_count as above.  `name` is
 * for messages. */
int vocab_build_words(Vocab *v, const char *name, const char **word, int64_t n,
                      int64_t min_count, const char *const *member, int nmember,
                      RtError *err);
/* Class of a word, the unknown's where it is not there, else -1. */
int32_t vocab_word(const Vocab *v, const char *word);
/* The text of one class; of a character it is put into room[5]. */
const char *vocab_name(const Vocab *v, int32_t id, char room[5]);
/* Class of a code point (or byte), -1 if it is not there. */
int32_t vocab_class(const Vocab *v, int32_t code);

/* ids[*count] (malloc'd): the classes of text[n].  What the vocabulary lacks
 * becomes its unknown class, else is an error that names character and place.
 */
int text_encode(const Vocab *v, const char *name, const char *text, size_t n,
                int32_t **ids, int64_t *count, RtError *err);
/* The UTF-8 (or bytes) of one class of characters into out[4]; returns their
 * number.  The unknown is U+FFFD, in bytes "?". */
int text_decode(const Vocab *v, int32_t id, char out[4]);

/* JSON text (malloc'd), such as
 * {"unit":"char","unknown":false,"items":["\n"," ","a"]}; the unit is "char",
 * "byte" or "word". */
char *vocab_to_json(const Vocab *v, RtError *err);
int vocab_from_json(Vocab *v, const char *json, RtError *err);

#endif
