/* Start values from files, see load.h. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "npy.h"
#include "rtio.h"
#include "safetensors.h"
#include "text.h"

static int wrong_shape(const char *path, const CellTensor *t, int rank,
                       const int64_t *dim, RtError *err)
{
    char *found = npy_shape_text(rank, dim);
    char *want = npy_shape_text(t->rank, t->dim);

    rt_fail(err, "%s: has shape %s, parameter %s wants %s", path,
            found ? found : "?", t->name, want ? want : "?");
    free(found);
    free(want);
    return -1;
}

static int from_npy(const char *path, const CellTensor *t, double *value,
                    RtError *err)
{
    Npy a = {0};
    int rc = npy_read(path, &a, err);

    if (!rc && a.count != model_size(t))
        rc = wrong_shape(path, t, a.rank, a.dim, err);
    if (!rc)
        npy_reals(&a, 8, value);
    npy_free(&a);
    return rc;
}

static int from_safetensors(const char *path, const CellTensor *t,
                            double *value, RtError *err)
{
    SafeTensors st = {0};
    int rc = st_load(&st, path, err);
    const StTensor *a = rc ? NULL : st_find(&st, t->name);

    if (!rc && !a)
        rc = rt_fail(err, "%s: holds no tensor %s", path, t->name);
    else if (!rc && a->count != model_size(t))
        rc = wrong_shape(path, t, a->rank, a->dim, err);
    else if (!rc)
        st_reals(a, 8, value);
    st_free(&st);
    return rc;
}

/* The numbers behind a word; their count, or -1 where something else stands.
 * Only the first `room` are kept. */
static int64_t numbers(char *s, double *v, int64_t room)
{
    int64_t n = 0;

    for (;;) {
        char *end;

        s += strspn(s, " \t\r");
        if (!*s)
            return n;
        double x = strtod(s, &end);
        if (end == s || !strchr(" \t\r", *end))
            return -1;
        if (n < room)
            v[n] = x;
        n++;
        s = end;
    }
}

/* One line into its word's row; the first may hold the two counts. */
static int one_line(char *line, int64_t number, const char *path,
                    const Vocab *v, const CellTensor *t, double *value,
                    double *row, int64_t *found, RtError *err)
{
    int64_t d = model_size(t) / t->dim[0];
    char *blank = line + strcspn(line, " \t");
    char *rest = *blank ? blank + 1 : blank;

    *blank = '\0';
    int64_t n = numbers(rest, row, d);
    if (!*line || (number == 1 && n == 1))
        return 0;
    if (n != d)
        return rt_fail(err,
                       "%s:%lld: %lld numbers follow \"%s\", %s wants %lld",
                       path, (long long)number, (long long)(n < 0 ? 0 : n),
                       line, t->name, (long long)d);
    int32_t id = vocab_word(v, line);
    if (id < 0 || id == v->unk || id >= t->dim[0])
        return 0;
    memcpy(value + id * d, row, (size_t)d * sizeof *row);
    ++*found;
    return 0;
}

static int from_vectors(const char *path, const CellTensor *t, const Vocab *v,
                        double *value, RtError *err)
{
    char *line = NULL;
    size_t room = 0;
    int64_t found = 0, number = 0;
    double *row = malloc((size_t)(model_size(t) + 1) * sizeof *row);
    RtRead *r = rtio_open(path, 0, err);
    int got = row ? 1 : rt_fail_memory(err, (size_t)model_size(t) * 8);

    while (r && got > 0 && (got = rtio_line(r, &line, &room, err)) > 0)
        if (one_line(line, ++number, path, v, t, value, row, &found, err))
            got = -1;
    int rc = r && got >= 0 ? 0 : -1;
    if (!rc && !found)
        rc = rt_fail(err, "%s: holds no word of the set %s", path, t->set);
    rtio_close(r);
    free(line);
    free(row);
    return rc;
}

static int ends(const char *path, const char *with)
{
    size_t n = strlen(path), k = strlen(with);

    return n >= k && !strcmp(path + n - k, with);
}

int load_values(const CellTensor *t, const InitFrom *from, double *value,
                RtError *err)
{
    const char *file = t->init.file ? t->init.file : "";
    const char *base = from && *file != '/' ? from->base : NULL;
    const char *json =
        from && from->vocabs && t->set ? pairs_get(from->vocabs, t->set) : NULL;
    char *path = rt_printf("%s%s%s", base ? base : "", base ? "/" : "", file);
    Vocab v = {0};
    int rc = 0;

    if (!path)
        return rt_fail_memory(err, 0);
    if (ends(path, ".npy"))
        rc = from_npy(path, t, value, err);
    else if (ends(path, ".safetensors"))
        rc = from_safetensors(path, t, value, err);
    else if (!json)
        rc = rt_fail(err,
                     "%s: word vectors are for a parameter whose rows belong "
                     "to the words of a text; %s is not one",
                     path, t->name);
    else
        rc = vocab_from_json(&v, json, err)
                 ? -1
                 : from_vectors(path, t, &v, value, err);
    vocab_free(&v);
    free(path);
    return rc;
}
