/* Vocabularies of words: how often each occurs in a text or in the columns of a
 * table, and which of them have a class.  See text.h. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct WordCount {
    UT_hash_handle hh;
    int64_t n;
    char word[];
};

int word_count(WordCount **c, const char *word, int lower, RtError *err)
{
    char *small = lower ? text_lower(word) : NULL;
    const char *s = small ? small : word;
    size_t n = strlen(s);
    WordCount *w = NULL;
    int bad = lower && !small;

    if (!bad)
        HASH_FIND(hh, *c, s, n, w);
    if (!bad && !w && (w = calloc(1, sizeof *w + n + 1))) {
        memcpy(w->word, s, n);
        HASH_ADD_KEYPTR(hh, *c, w->word, n, w);
        if (!w->hh.tbl) {
            free(w);
            w = NULL;
        }
    }
    free(small);
    if (!w)
        return rt_fail_memory(err, sizeof *w + n);
    w->n++;
    return 0;
}

void word_count_free(WordCount *c)
{
    WordCount *w, *next;

    HASH_ITER(hh, c, w, next)
    {
        HASH_DEL(c, w);
        free(w);
    }
}

/* An item and how often it occurs. */
typedef struct Often {
    int64_t n, item;
} Often;

static int by_falling(const void *a, const void *b)
{
    const Often *x = a, *y = b;

    if (x->n != y->n)
        return x->n < y->n ? 1 : -1;
    return x->item < y->item ? -1 : 1;
}

int vocab_limit(const int64_t *count, const unsigned char *must, int64_t n,
                const VocabHow *how, unsigned char *keep, int *unknown,
                RtError *err)
{
    int64_t room = how->max_classes, free_ones = 0;
    Often *often = malloc(sizeof *often * ((size_t)n + 1));

    if (!often)
        return rt_fail_memory(err, sizeof *often * (size_t)n);
    *unknown = how->min_count > 1 || room > 0;
    for (int64_t i = 0; i < n; i++) {
        keep[i] = (must && must[i]) || count[i] >= how->min_count;
        room -= must && must[i];
        if (keep[i] && !(must && must[i]))
            often[free_ones++] = (Often){count[i], i};
    }
    if (how->max_classes > 0 && --room < free_ones) {
        qsort(often, (size_t)free_ones, sizeof *often, by_falling);
        for (int64_t i = room < 0 ? 0 : room; i < free_ones; i++)
            keep[often[i].item] = 0;
    }
    free(often);
    if (how->max_classes > 0 && room < 0)
        return rt_fail(err,
                       "max_classes = %lld: the spec names %lld classes and "
                       "the unknown takes one, so wanted at least %lld",
                       (long long)how->max_classes,
                       (long long)(how->max_classes - 1 - room),
                       (long long)(how->max_classes - room));
    return 0;
}

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

/* A sorted list with how often each occurs: the words that were counted and the
 * members that do not occur, but not the unknown word. */
typedef struct List {
    const char **word;
    int64_t *count;
    unsigned char *must, *keep;
    int64_t n;
    int unknown; /* the unknown word is there */
} List;

static void list_free(List *l)
{
    free(l->word);
    free(l->count);
    free(l->must);
    free(l->keep);
}

static int make_list(List *l, const WordCount *c, const VocabHow *how,
                     RtError *err)
{
    size_t room = HASH_COUNT(c) + (size_t)how->nmember + 1;
    const WordCount *w;

    *l = (List){0};
    l->word = malloc(room * sizeof *l->word);
    l->count = malloc(room * sizeof *l->count);
    l->must = malloc(room);
    l->keep = malloc(room);
    if (!l->word || !l->count || !l->must || !l->keep)
        return rt_fail_memory(err, room * sizeof *l->word);
    for (w = c; w; w = w->hh.next)
        l->word[l->n++] = w->word;
    for (int k = 0; k < how->nmember; k++) {
        const char *s = how->member[k];
        HASH_FIND(hh, c, s, strlen(s), w);
        if (!w && !is_member(s, how->member, k))
            l->word[l->n++] = s;
    }
    qsort(l->word, (size_t)l->n, sizeof *l->word, by_bytes);
    int64_t n = 0;
    for (int64_t i = 0; i < l->n; i++) {
        const char *s = l->word[i];
        if (!strcmp(s, VOCAB_UNKNOWN)) {
            l->unknown = 1;
            continue;
        }
        HASH_FIND(hh, c, s, strlen(s), w);
        l->count[n] = w ? w->n : 0;
        l->must[n] = (unsigned char)((how->eos && !strcmp(s, how->eos)) ||
                                     is_member(s, how->member, how->nmember));
        l->word[n++] = s;
    }
    l->n = n;
    return 0;
}

int vocab_of_words(Vocab *v, const char *name, const WordCount *c,
                   const VocabHow *how, RtError *err)
{
    List l;
    int unknown = 0;
    int bad = make_list(&l, c, how, err) ||
              vocab_limit(l.count, l.must, l.n, how, l.keep, &unknown, err);

    *v = (Vocab){.unk = -1, .lower = how->lower};
    v->word = bad ? NULL : calloc((size_t)l.n + 1, sizeof *v->word);
    if (!bad && !v->word)
        bad = rt_fail_memory(err, (size_t)l.n * sizeof *v->word);
    for (int64_t i = 0; i < l.n && !bad; i++)
        if (l.keep[i] && !(v->word[v->ncode++] = strdup(l.word[i])))
            bad = rt_fail_memory(err, strlen(l.word[i]));
    unknown |= l.unknown;
    v->unk = unknown ? v->ncode : -1;
    v->n = v->ncode + unknown;
    if (!bad && v->n < 2)
        bad = rt_fail(err,
                      "%s: only one name is in it, so there is nothing to "
                      "learn; wanted at least two",
                      name);
    list_free(&l);
    if (bad)
        vocab_free(v);
    return bad ? -1 : 0;
}

/* The class of exactly this word, or -1. */
static int32_t find_word(const Vocab *v, const char *word)
{
    char **at =
        bsearch(&word, v->word, (size_t)v->ncode, sizeof *v->word, by_bytes);

    return at ? (int32_t)(at - v->word) : -1;
}

int32_t vocab_word(const Vocab *v, const char *word)
{
    int32_t id = v->word ? find_word(v, word) : -1;

    if (id < 0 && v->word && v->lower) {
        char *small = text_lower(word);

        id = small ? find_word(v, small) : -1;
        free(small);
    }
    return id < 0 ? v->unk : id;
}

const char *vocab_name(const Vocab *v, int32_t id, char room[5])
{
    if (v->word)
        return id >= 0 && id < v->ncode ? v->word[id] : VOCAB_UNKNOWN;
    room[text_decode(v, id, room)] = 0;
    return room;
}
