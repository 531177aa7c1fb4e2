/* The arrays that `run` writes, see runparts.h. */
#include "runparts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int run_make_folder(const char *path, RtError *err)
{
    char *p = rt_printf("%s", path);
    struct stat st;
    int bad = p ? 0 : -1;

    if (!*path)
        bad = rt_fail(err, "a folder is wanted, and its name is empty");
    for (char *q = p ? p + 1 : NULL; q && !bad; q++)
        if (*q == '/' || !*q) {
            char was = *q;

            *q = 0;
            if (mkdir(p, 0777) &&
                (errno != EEXIST || stat(p, &st) || !S_ISDIR(st.st_mode)))
                bad = rt_fail(err, "%s: cannot make this folder: %s", p,
                              strerror(errno));
            *q = was;
            if (!was)
                break;
        }
    free(p);
    return bad;
}

int run_write(const Run *r, const char *prefix, const char *name, int integer,
              int rank, const int64_t *dim, const double *value, RtError *err)
{
    char *path = rt_printf("%s/%s%s.npy", r->set->out, prefix, name);
    NpyType type = integer ? NPY_I8 : r->d->real_bytes == 8 ? NPY_F8 : NPY_F4;
    int64_t n = 1;
    void *data;
    int bad;

    for (int k = 0; k < rank; k++)
        n *= dim[k];
    data = run_room(n, 8, err);
    if (!path || !data) {
        free(path);
        free(data);
        return rt_fail_memory(err, (size_t)n * 8);
    }
    for (int64_t k = 0; k < n; k++)
        if (type == NPY_I8)
            ((int64_t *)data)[k] = (int64_t)value[k];
        else if (type == NPY_F8)
            ((double *)data)[k] = value[k];
        else
            ((float *)data)[k] = (float)value[k];
    bad = npy_write(path, type, rank, dim, data, err);
    free(data);
    free(path);
    return bad;
}

/* A collected tensor, batch first where asked. */
static int write_tensor(const Run *r, int i, RtError *err)
{
    const CellTensor *t = &r->d->tensor[i];
    int64_t dim[CELL_AXES + 4], size = model_size(t), steps = 1;
    int rank = 0, bad;
    int swap = t->axes & CELL_B && t->axes & ~CELL_B && r->set->batch_first;
    double *turned = NULL;

    if (swap)
        dim[rank++] = r->n[CELL_AT_B];
    for (int k = CELL_TIMES - 1; k >= 0; k--)
        if (t->axes & cell_time(k))
            steps *= dim[rank++] = r->n[cell_time_at(k)];
    if (t->axes & CELL_B && !swap)
        dim[rank++] = r->n[CELL_AT_B];
    for (int k = 0; k < t->rank; k++)
        dim[rank++] = t->dim[k];
    if (rank == 0)
        dim[rank++] = 1;
    if (swap) {
        turned = run_room(steps * r->n[CELL_AT_B] * size, sizeof *turned, err);
        if (!turned)
            return -1;
        run_transpose(turned, r->value[i], steps, r->n[CELL_AT_B],
                      (size_t)size * sizeof *turned);
    }
    bad = run_write(r, "", t->name, t->flags & CELL_INDEX, rank, dim,
                    turned ? turned : r->value[i], err);
    free(turned);
    return bad;
}

int run_write_params(const Run *r, const char *prefix, const double *value,
                     int64_t n, RtError *err)
{
    for (int i = -1; (i = model_next(r->d, CELL_PARAM, i)) >= 0;) {
        const CellTensor *t = &r->d->tensor[i];
        int64_t dim[6], size = model_size(t), times = n ? n : 1;
        double *v = run_room(times * size, sizeof *v, err);
        int rank = 0, bad;

        if (!v)
            return -1;
        if (n)
            dim[rank++] = n;
        for (int k = 0; k < t->rank; k++)
            dim[rank++] = t->dim[k];
        if (rank == 0)
            dim[rank++] = 1;
        for (int64_t k = 0; k < times; k++)
            memcpy(v + k * size, value + k * r->d->param_size + t->at.c,
                   (size_t)size * sizeof *v);
        bad = run_write(r, prefix, t->name, 0, rank, dim, v, err);
        free(v);
        if (bad)
            return -1;
    }
    return 0;
}

int run_write_results(const Run *r, RtError *err)
{
    const int64_t one = 1;

    for (int i = 0; i < r->d->ntensor; i++)
        if (r->value[i] && (r->d->tensor[i].role != CELL_GRAD || r->set->grad))
            if (write_tensor(r, i, err))
                return -1;
    if (model_next(r->d, CELL_LOSS, -1) >= 0 &&
        run_write(r, "", "loss", 0, 1, &one, &r->loss, err))
        return -1;
    if (r->set->grad && run_write_params(r, "grad.", r->grad, 0, err))
        return -1;
    return 0;
}
