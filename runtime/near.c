/* Neighbours of words, see near.h. */
#include "near.h"

#include "call.h"
#include "rtio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void near_open(Near *e, const Vocab *words, double *rows, int64_t size)
{
    *e = (Near){words, size, rows};
    for (int32_t i = 0; i < words->n; i++) {
        double sum = 0, *row = rows + i * size;
        for (int64_t k = 0; k < size; k++)
            sum += row[k] * row[k];
        for (int64_t k = 0; k < size && sum > 0; k++)
            row[k] /= sqrt(sum);
    }
}

void near_free(Near *e)
{
    free(e->unit);
}

int32_t near_class(const Vocab *v, const char *word)
{
    char room[5];

    if (v->word) {
        int32_t id = vocab_word(v, word);
        return id == v->unk && strcmp(word, VOCAB_UNKNOWN) ? -1 : id;
    }
    for (int32_t i = 0; i < v->ncode; i++)
        if (!strcmp(vocab_name(v, i, room), word))
            return i;
    return -1;
}

static int unknown(const Vocab *v, const char *word, RtError *err)
{
    const char *near =
        v->word ? call_nearest(word, v->word, v->ncode, sizeof *v->word) : NULL;

    return rt_fail(err,
                   "\"%s\" is not among the %d words that have a vector%s%s"
                   "%s",
                   word, v->n, near ? "; did you mean " : "", near ? near : "",
                   near ? "?" : "");
}

/* Sums the query into sum[size] and marks its words in used[n]. */
static int add_up(const Near *e, const char *const *token, int n, double *sum,
                  unsigned char *used, RtError *err)
{
    double sign = 1;

    for (int i = 0; i < n; i++) {
        int sign_here = !strcmp(token[i], "+") || !strcmp(token[i], "-");
        int32_t id;

        if (sign_here != (i % 2) || (sign_here && i + 1 == n))
            return rt_fail(err,
                           "at \"%s\": a query is words with + or - between "
                           "them, as in: king - man + woman",
                           token[i]);
        if (sign_here) {
            sign = *token[i] == '-' ? -1 : 1;
            continue;
        }
        id = near_class(e->words, token[i]);
        if (id < 0)
            return unknown(e->words, token[i], err);
        used[id] = 1;
        for (int64_t k = 0; k < e->size; k++)
            sum[k] += sign * e->unit[id * e->size + k];
    }
    return 0;
}

int near_find(const Near *e, const char *const *token, int n, int top,
              Neighbour *out, RtError *err)
{
    double *sum = calloc((size_t)e->size + 1, sizeof *sum), norm = 0;
    unsigned char *used = calloc((size_t)e->words->n + 1, 1);
    int found = 0, bad = sum && used ? 0 : rt_fail_memory(err, 0);

    bad = bad || add_up(e, token, n, sum, used, err);
    for (int64_t k = 0; k < e->size && !bad; k++)
        norm += sum[k] * sum[k];
    norm = norm > 0 ? sqrt(norm) : 1;
    for (int32_t id = 0; id < e->words->n && !bad; id++) {
        double cosine = 0;
        int at = found;

        for (int64_t k = 0; k < e->size; k++)
            cosine += sum[k] / norm * e->unit[id * e->size + k];
        if (used[id] || (found == top && !(cosine > out[top - 1].cosine)))
            continue;
        at = found < top ? found++ : top - 1;
        for (; at > 0 && cosine > out[at - 1].cosine; at--)
            out[at] = out[at - 1];
        out[at] = (Neighbour){id, cosine};
    }
    free(sum);
    free(used);
    return bad ? -1 : found;
}

/* Whether a line of word vectors can begin with it. */
static int is_one_word(const char *name)
{
    return *name && !strpbrk(name, " \t\n\r");
}

int near_write(const char *path, const Vocab *words, const double *rows,
               int64_t size, int32_t *left, RtError *err)
{
    RtSave *s = rtio_save_open(path, err);
    char room[5], text[64];

    *left = 0;
    if (!s)
        return -1;
    for (int32_t i = 0; i < words->n; i++)
        *left += !is_one_word(vocab_name(words, i, room));
    snprintf(text, sizeof text, "%d %lld\n", words->n - *left, (long long)size);
    rtio_save_write(s, text, strlen(text));
    for (int32_t i = 0; i < words->n; i++) {
        const char *name = vocab_name(words, i, room);
        if (!is_one_word(name))
            continue;
        rtio_save_write(s, name, strlen(name));
        for (int64_t k = 0; k < size; k++) {
            snprintf(text, sizeof text, " %.9g", rows[i * size + k]);
            rtio_save_write(s, text, strlen(text));
        }
        rtio_save_write(s, "\n", 1);
    }
    return rtio_save_close(s, err);
}
