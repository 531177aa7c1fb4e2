/* Texts in blocks, see textin.h. */
#include "textin.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "rtio.h"

enum { BLOCK = 1 << 16, LONGEST = 4 }; /* bytes; of a scalar */

int32_t text_scalar(const char *s, size_t n, size_t *bytes)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t got =
        utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &c);
    *bytes = got > 0 ? (size_t)got : 1;
    return got > 0 ? c : -1;
}

static void begin(TextIn *t)
{
    t->line = t->column = 1;
    t->byte = 0;
    t->open = t->ended = 0;
}

int textin_open(TextIn *t, const char *path, TextUnit unit, RtError *err)
{
    *t = (TextIn){.name = path, .unit = unit, .more = 1};
    begin(t);
    t->in = rtio_open(path, 1, err);
    if (!t->in)
        return -1;
    t->block = malloc(BLOCK);
    t->at = t->end = t->block;
    return t->block ? 0 : rt_fail_memory(err, BLOCK);
}

void textin_memory(TextIn *t, const char *name, const char *text, size_t n,
                   TextUnit unit)
{
    *t = (TextIn){.name = name, .unit = unit, .at = text, .end = text + n};
    begin(t);
}

int textin_again(TextIn *t, RtError *err)
{
    begin(t);
    t->at = t->end = t->block;
    t->more = 1;
    return rtio_again(t->in, err);
}

void textin_close(TextIn *t)
{
    rtio_close(t->in);
    free(t->block);
    free(t->word);
    *t = (TextIn){0};
}

/* Reads on, so that a scalar and what follows it lie in the block. */
static int fill(TextIn *t, RtError *err)
{
    size_t left = (size_t)(t->end - t->at);
    if (!t->more || left > LONGEST)
        return 0;
    memmove(t->block, t->at, left);
    int64_t n = rtio_next(t->in, t->block + left, BLOCK - left, err);
    t->at = t->block;
    t->end = t->block + left + (n > 0 ? n : 0);
    t->more = n == (int64_t)(BLOCK - left);
    return n < 0 ? -1 : 0;
}

/* A byte that is none of a text. */
static int bad_byte(const TextIn *t, RtError *err)
{
    if (!*t->at && t->in)
        return rt_fail(err,
                       "%s: a binary file (byte %lld is 0), wanted text; to "
                       "learn its bytes: --unit byte",
                       t->name, (long long)t->byte);
    return rt_fail(err,
                   "%s:%lld:%lld: byte %lld (0x%02x) is not UTF-8; convert the "
                   "text (iconv -t UTF-8), or read it as bytes: --unit byte",
                   t->name, (long long)t->line, (long long)t->column,
                   (long long)t->byte, (unsigned char)*t->at);
}

int textin_code(TextIn *t, int32_t *code, RtError *err)
{
    size_t bytes = 1;

    for (;;) {
        if (fill(t, err))
            return -1;
        size_t left = (size_t)(t->end - t->at);
        if (!left)
            return 0;
        if (t->unit == TEXT_BYTE) {
            *code = (unsigned char)*t->at;
            break;
        }
        *code = text_scalar(t->at, left, &bytes);
        if (*code < 0 || (!*code && t->in))
            return bad_byte(t, err);
        int mark = *code == 0xfeff && !t->byte;
        int cr = *code == '\r' && left > 1 && t->at[1] == '\n';
        if (!t->in || (!mark && !cr))
            break;
        t->at += bytes;
        t->byte += (int64_t)bytes;
    }
    t->from_line = t->line;
    t->from_column = t->column++;
    if (*code == '\n') {
        t->line++;
        t->column = 1;
    }
    t->at += bytes;
    t->byte += (int64_t)bytes;
    if (t->lower && t->unit != TEXT_BYTE)
        *code = utf8proc_tolower(*code);
    return 1;
}

static int is_blank(int32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int room_for(TextIn *t, size_t n, RtError *err)
{
    if (n <= t->room)
        return 0;
    char *more = realloc(t->word, 2 * n);
    if (!more)
        return rt_fail_memory(err, 2 * n);
    t->word = more;
    t->room = 2 * n;
    return 0;
}

/* The end of a line as a word. */
static int line_end(TextIn *t, RtError *err)
{
    t->open = t->ended = 0;
    if (room_for(t, strlen(t->eos) + 1, err))
        return -1;
    strcpy(t->word, t->eos);
    return 1;
}

int textin_word(TextIn *t, RtError *err)
{
    int32_t c = ' ';
    int got = 1;
    size_t n = 0;

    if (t->ended && t->eos)
        return line_end(t, err);
    t->ended = 0;
    while (got > 0 && is_blank(c) && !(c == '\n' && t->eos))
        got = textin_code(t, &c, err);
    if (got > 0 && c == '\n')
        return line_end(t, err);
    if (!got && t->open && t->eos && t->in)
        return line_end(t, err);
    int64_t line = t->from_line, column = t->from_column;
    for (; got > 0 && !is_blank(c); got = textin_code(t, &c, err)) {
        if (room_for(t, n + LONGEST + 1, err))
            return -1;
        n += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)t->word + n);
        t->word[n] = 0;
    }
    if (got < 0)
        return -1;
    t->from_line = line;
    t->from_column = column;
    t->open |= n > 0;
    t->ended = got > 0 && c == '\n';
    return n > 0;
}

int textin_next(TextIn *t, int32_t *code, RtError *err)
{
    return t->unit == TEXT_WORD ? textin_word(t, err)
                                : textin_code(t, code, err);
}

char *text_lower(const char *word)
{
    size_t n = strlen(word), bytes, to = 0;
    char *s = malloc(LONGEST * n + 1);

    for (size_t i = 0; s && i < n; i += bytes) {
        int32_t c = text_scalar(word + i, n - i, &bytes);
        if (c < 0)
            s[to++] = word[i];
        else
            to += (size_t)utf8proc_encode_char(utf8proc_tolower(c),
                                               (utf8proc_uint8_t *)s + to);
    }
    if (s)
        s[to] = 0;
    return s;
}
