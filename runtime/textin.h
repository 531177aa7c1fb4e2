/* Texts as they are read: in blocks, by Unicode scalar, byte or word, with the
 * place of each.  text.c and words.c make vocabularies and classes of them. */
#ifndef CELLC_TEXTIN_H
#define CELLC_TEXTIN_H

#include <stdint.h>

#include "rterr.h"

typedef enum TextUnit { TEXT_CHAR, TEXT_BYTE, TEXT_WORD } TextUnit;

/* A file or a text in memory; end with textin_close. */
typedef struct TextIn {
    const char *name; /* for messages */
    TextUnit unit;
    int lower;         /* 1: letters become small ones */
    const char *eos;   /* words: what each line end is read as, or NULL */
    struct RtRead *in; /* NULL: in memory */
    char *block;       /* bytes read and not yet taken: [at, end) */
    const char *at, *end;
    int more;             /* the file may have more of them */
    int64_t line, column; /* of the next scalar, from 1; column in scalars */
    int64_t byte;         /* its place, from 0 */
    int64_t from_line, from_column; /* of the unit read last */
    char *word;                     /* that unit, where it is a word */
    size_t room;
    int open;  /* the line has words */
    int ended; /* its end was read with its last word */
} TextIn;

/* A file (gz too; "-": standard input).  Unless its unit is the byte, it must
 * be UTF-8, a byte order mark is dropped and CR LF is read as LF. */
int textin_open(TextIn *t, const char *path, TextUnit unit, RtError *err);
/* A text in memory, taken as it is. */
void textin_memory(TextIn *t, const char *name, const char *text, size_t n,
                   TextUnit unit);
/* Once more from the beginning, of a file. */
int textin_again(TextIn *t, RtError *err);
void textin_close(TextIn *t);

/* The next scalar or byte; 1, 0 at the end, -1 on an error. */
int textin_code(TextIn *t, int32_t *code, RtError *err);
/* The next word, what stands between blanks, in t->word; or the end of a line,
 * as t->eos.  A file's last line has an end even where none is written. */
int textin_word(TextIn *t, RtError *err);
/* The next `code` or word, by the unit. */
int textin_next(TextIn *t, int32_t *code, RtError *err);

/* The scalar at s[n], and how many bytes it takes; -1 if there is none. */
int32_t text_scalar(const char *s, size_t n, size_t *bytes);
/* A word with small letters; malloc'd, NULL without memory. */
char *text_lower(const char *word);

#endif
