/* Vocabularies of words: what apptable.c makes of the columns of a table that
 * hold no numbers.  See text.h. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

static int is_member(const char *s, const char *const *member, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(s, member[i]))
            return 1;
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_word(Vocab *v, const char *s, RtError *err)
{
    if (!(v->ncode & (v->ncode - 1))) { /* a power of two: room doubles */
        size_t cap = v->ncode ? 2 * (size_t)v->ncode : 1;
        char **more = realloc(v->word, cap * sizeof *more);
        if (!more)
            return rt_fail_memory(err, cap * sizeof *more);
        v->word = more;
    }
    v->word[v->ncode] = strdup(s);
    if (!v->word[v->ncode])
        return rt_fail_memory(err, strlen(s));
    v->ncode++;
    return 0;
}

int vocab_build_words(Vocab *v, const char *name, const char **word, int64_t n,
                      int64_t min_count, const char *const *member, int nmember,
                      RtError *err)
{
    int bad = 0, rare = 0;
    *v = (Vocab){.unk = -1};
    for (int64_t i = 0, run; i < n && !bad; i += run) {
        for (run = 1; i + run < n && !strcmp(word[i], word[i + run]);)
            run++;
        if (is_member(word[i], member, nmember))
            continue;
        if (run < min_count)
            rare = 1;
        else
            bad = add_word(v, word[i], err);
    }
    for (int k = 0; k < nmember && !bad; k++)
        if (!is_member(member[k], member, k))
            bad = add_word(v, member[k], err);
    if (!bad && v->ncode + rare < 2)
        bad = rt_fail(err,
                      "%s: only one name is in the column, so there is nothing "
                      "to learn; wanted at least two",
                      name);
    if (bad) {
        vocab_free(v);
        return -1;
    }
    qsort(v->word, (size_t)v->ncode, sizeof *v->word, by_bytes);
    v->unk = rare ? v->ncode : -1;
    v->n = v->ncode + rare;
    return 0;
}

int32_t vocab_word(const Vocab *v, const char *word)
{
    char **at = v->word ? bsearch(&word, v->word, (size_t)v->ncode,
                                  sizeof *v->word, by_bytes)
                        : NULL;
    return at ? (int32_t)(at - v->word) : v->unk;
}

const char *vocab_name(const Vocab *v, int32_t id, char room[5])
{
    if (v->word)
        return id >= 0 && id < v->ncode ? v->word[id] : VOCAB_UNKNOWN;
    room[text_decode(v, id, room)] = 0;
    return room;
}
