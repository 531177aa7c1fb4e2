/* Parameters from files: a folder of .npy or one .safetensors, see model_load
 * in model.h. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "call.h"
#include "model.h"
#include "npy.h"
#include "safetensors.h"
#include "weights.h"

/* Whether two shapes are the same but for extents of 1. */
static int same_shape(int rank, const int64_t *dim, const CellTensor *t)
{
    int i = 0, j = 0;

    for (;;) {
        while (i < rank && dim[i] == 1)
            i++;
        while (j < t->rank && t->dim[j] == 1)
            j++;
        if (i == rank || j == t->rank)
            return i == rank && j == t->rank;
        if (dim[i++] != t->dim[j++])
            return 0;
    }
}

static int wrong_shape(const char *where, int rank, const int64_t *dim,
                       const CellTensor *t, RtError *err)
{
    char *found = npy_shape_text(rank, dim);
    char *want = npy_shape_text(t->rank, t->dim);
    int rc = rt_fail(err, "%s: has shape %s, parameter %s wants %s", where,
                     found ? found : "?", t->name, want ? want : "?");

    free(found);
    free(want);
    return rc;
}

/* An array that belongs to no parameter: say which one may have been meant. */
static int no_such(const RtModel *m, const char *where, const char *name,
                   RtError *err)
{
    const CellDesc *d = m->desc;
    const char **names = calloc((size_t)d->ntensor + 1, sizeof *names);
    char *list = rt_printf("%s", "");
    int n = 0;

    for (int i = -1; names && (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        names[n++] = d->tensor[i].name;
        char *more = rt_printf("%s%s%s", list ? list : "", n > 1 ? ", " : "",
                               d->tensor[i].name);
        free(list);
        list = more;
    }
    const char *near =
        names ? call_nearest(name, names, n, sizeof *names) : NULL;
    int rc = rt_fail(err, "%s: the model has no parameter %s%s%s; it has %s",
                     where, name, near ? ", did you mean " : "",
                     near ? near : "", n ? list : "none");
    free(list);
    free(names);
    return rc;
}

static int load_npy(RtModel *m, int i, const char *path, RtError *err)
{
    const CellTensor *t = &m->desc->tensor[i];
    Npy a = {0};
    double *v = NULL;
    int rc = npy_read(path, &a, err);

    if (!rc && !same_shape(a.rank, a.dim, t))
        rc = wrong_shape(path, a.rank, a.dim, t, err);
    if (!rc && !(v = malloc((size_t)(a.count + 1) * sizeof *v)))
        rc = rt_fail_memory(err, (size_t)a.count * sizeof *v);
    if (!rc) {
        npy_reals(&a, 8, v);
        if (model_set(m, i, v, err))
            rc = rt_fail_in(err, path);
    }
    free(v);
    npy_free(&a);
    return rc;
}

/* Every .npy of the folder must be a parameter. */
static int check_folder(const RtModel *m, const char *path, RtError *err)
{
    DIR *dir = opendir(path);
    int rc = 0;

    if (!dir)
        return rt_fail(err, "%s: %s", path, strerror(errno));
    for (struct dirent *e; !rc && (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        if (n < 5 || strcmp(e->d_name + n - 4, ".npy") != 0)
            continue;
        char *name = rt_printf("%.*s", (int)(n - 4), e->d_name);
        if (!name)
            rc = rt_fail_memory(err, n);
        else if (model_find(m->desc, CELL_PARAM, name) < 0)
            rc = no_such(m, path, name, err);
        free(name);
    }
    closedir(dir);
    return rc;
}

static int load_folder(RtModel *m, const char *path, RtError *err)
{
    const CellDesc *d = m->desc;

    if (check_folder(m, path, err))
        return -1;
    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        char *file = rt_printf("%s/%s.npy", path, t->name);
        struct stat st;
        int rc;
        if (!file)
            return rt_fail_memory(err, 0);
        if (stat(file, &st) != 0 && errno == ENOENT) {
            char *want = npy_shape_text(t->rank, t->dim);
            rc = rt_fail(err, "%s: there is no %s.npy; parameter %s wants %s",
                         path, t->name, t->name, want ? want : "?");
            free(want);
        } else {
            rc = load_npy(m, i, file, err);
        }
        free(file);
        if (rc)
            return rc;
    }
    return 0;
}

static int load_tensor(RtModel *m, int i, const StTensor *s, const char *path,
                       RtError *err)
{
    const CellTensor *t = &m->desc->tensor[i];

    if (!same_shape(s->rank, s->dim, t))
        return wrong_shape(path, s->rank, s->dim, t, err);
    double *v = malloc((size_t)(s->count + 1) * sizeof *v);
    if (!v)
        return rt_fail_memory(err, (size_t)s->count * sizeof *v);
    st_reals(s, 8, v);
    int rc = model_set(m, i, v, err) ? rt_fail_in(err, path) : 0;
    free(v);
    return rc;
}

int weights_take(RtModel *m, const SafeTensors *st, const char *path,
                 RtError *err)
{
    const CellDesc *d = m->desc;
    int ours = st_text(st, "cellc") != NULL;

    for (int k = 0; k < st->n; k++) {
        const char *name = st->tensor[k].name;
        if (ours && strchr(name, '/'))
            continue;
        if (model_find(d, CELL_PARAM, name) < 0)
            return no_such(m, path, name, err);
    }
    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        const StTensor *s = st_find(st, t->name);
        if (!s) {
            char *want = npy_shape_text(t->rank, t->dim);
            rt_fail(err, "%s: has no tensor %s; parameter %s wants %s", path,
                    t->name, t->name, want ? want : "?");
            free(want);
            return -1;
        }
        if (load_tensor(m, i, s, path, err))
            return -1;
    }
    return 0;
}

int weights_agree(RtModel *m, const SafeTensors *st, const char *path,
                  unsigned char *fits, RtError *err)
{
    const CellDesc *d = m->desc;

    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        const StTensor *s = st_find(st, d->tensor[i].name);
        if (!s)
            fits[i] = WEIGHTS_MISSING;
        else if (!same_shape(s->rank, s->dim, &d->tensor[i]))
            fits[i] = WEIGHTS_OTHER_SHAPE;
        else if (load_tensor(m, i, s, path, err))
            return -1;
        else
            fits[i] = WEIGHTS_TAKEN;
    }
    return 0;
}

int model_load(RtModel *m, const char *path, RtError *err)
{
    struct stat s;

    if (stat(path, &s) != 0)
        return rt_fail(err, "%s: %s", path, strerror(errno));
    if (S_ISDIR(s.st_mode))
        return load_folder(m, path, err);
    SafeTensors st = {0};
    int rc = st_load(&st, path, err);
    if (!rc)
        rc = weights_take(m, &st, path, err);
    st_free(&st);
    return rc;
}
