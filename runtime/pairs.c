/* Ordered lists of names and texts, as checkpoints keep them. */
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"

const char *pairs_get(const RtPairs *p, const char *key)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->v[i].key, key) == 0)
            return p->v[i].value;
    return NULL;
}

int pairs_set(RtPairs *p, const char *key, const char *value, RtError *err)
{
    char *v = rt_printf("%s", value), *k = NULL;
    int i = 0;

    while (i < p->n && strcmp(p->v[i].key, key) != 0)
        i++;
    if (i == p->n && v) {
        if (p->n == p->cap) {
            int cap = p->cap ? 2 * p->cap : 8;
            RtPair *more = realloc(p->v, (size_t)cap * sizeof *more);
            if (more) {
                p->v = more;
                p->cap = cap;
            }
        }
        k = p->n < p->cap ? rt_printf("%s", key) : NULL;
        if (k)
            p->v[p->n++] = (RtPair){k, NULL};
    }
    if (!v || i == p->n) {
        free(v);
        return rt_fail_memory(err, strlen(key) + strlen(value));
    }
    free(p->v[i].value);
    p->v[i].value = v;
    return 0;
}

void pairs_free(RtPairs *p)
{
    for (int i = 0; i < p->n; i++) {
        free(p->v[i].key);
        free(p->v[i].value);
    }
    free(p->v);
    *p = (RtPairs){0};
}
