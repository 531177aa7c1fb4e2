/* Vocabularies: of Unicode scalars, of bytes, or of words; the way from a text
 * to class numbers and back.  They go into checkpoints as JSON. */
#ifndef CELLC_TEXT_H
#define CELLC_TEXT_H

#include <stdint.h>

#include "rterr.h"
#include "store.h"
#include "textin.h"

/* Start with `Vocab v = {0};`, end with vocab_free. */
typedef struct Vocab {
    int bytes;     /* 1: of bytes, else of Unicode scalars */
    int lower;     /* 1: of small letters, whatever the text has */
    int32_t n;     /* classes, the unknown included */
    int32_t ncode; /* code points: n, or n - 1 with an unknown */
    int32_t *code; /* [ncode] ascending; class = place; NULL: of words */
    char **word;   /* [ncode] the same of words, ascending by bytes */
    char *eos;     /* the word that a line end is in a text, or NULL */
    int32_t unk;   /* class of the unknown (ncode), or -1 */
} Vocab;

#define VOCAB_UNKNOWN "<unk>" /* what the unknown word is written as */

/* What has a class.  With a limit there is an unknown class, the last; of words
 * also where the text itself has VOCAB_UNKNOWN. */
typedef struct VocabHow {
    int lower;           /* 1: small letters */
    const char *eos;     /* words of a text: the end of a line, or NULL */
    int64_t min_count;   /* what occurs less often has none; 0, 1: all do */
    int64_t max_classes; /* only the most frequent do; 0: no limit */
    const char *const *member; /* names that have one however rare they are */
    int nmember;
} VocabHow;

/* The characters or words of a text, ascending; a text of only one is an error.
 * Reads `in` once, to its end. */
int vocab_build(Vocab *v, TextIn *in, const VocabHow *how, RtError *err);
void vocab_free(Vocab *v);

/* Words that are being counted; NULL at first. */
typedef struct WordCount WordCount;
int word_count(WordCount **c, const char *word, int lower, RtError *err);
/* A vocabulary of those; `name` is for messages. */
int vocab_of_words(Vocab *v, const char *name, const WordCount *c,
                   const VocabHow *how, RtError *err);
void word_count_free(WordCount *c);
/* keep[i] = 1 for those of count[n], all > 0, that have a class; in *unknown
 * whether others do not.  must[i]: those of VocabHow.member; NULL: none. */
int vocab_limit(const int64_t *count, const unsigned char *must, int64_t n,
                const VocabHow *how, unsigned char *keep, int *unknown,
                RtError *err);

/* Class of a word, the unknown's where it is not there, else -1. */
int32_t vocab_word(const Vocab *v, const char *word);
/* The text of one class; of a character it is put into room[5]. */
const char *vocab_name(const Vocab *v, int32_t id, char room[5]);
/* Class of a code point (or byte), -1 if it is not there. */
int32_t vocab_class(const Vocab *v, int32_t code);
TextUnit vocab_unit(const Vocab *v);

/* ids[*count] (malloc'd): the classes of text[n].  What the vocabulary lacks
 * becomes its unknown class, else is an error that names character and place.
 */
int text_encode(const Vocab *v, const char *name, const char *text, size_t n,
                int32_t **ids, int64_t *count, RtError *err);
/* The same of all that `in` has, into a store of elements of *width bytes, 1, 2
 * or 4, as few as the classes take. */
int text_store(const Vocab *v, TextIn *in, RtStore *ids, int *width,
               int64_t *count, RtError *err);
/* The UTF-8 (or bytes) of one class of characters into out[4]; returns their
 * number.  The unknown is U+FFFD, in bytes "?". */
int text_decode(const Vocab *v, int32_t id, char out[4]);

/* JSON text (malloc'd), such as
 * {"unit":"char","unknown":false,"items":["\n"," ","a"]}; the unit is "char",
 * "byte" or "word"; perhaps with "lower":true and "eos":"<eos>". */
char *vocab_to_json(const Vocab *v, RtError *err);
int vocab_from_json(Vocab *v, const char *json, RtError *err);

#endif
