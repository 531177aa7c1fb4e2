/* The arrays that `run` evaluates a model on, see runparts.h. */
#include "runparts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void *run_room(int64_t n, size_t size, RtError *err)
{
    void *p = calloc((size_t)(n > 0 ? n : 1), size);

    if (!p)
        rt_fail_memory(err, (size_t)n * size);
    return p;
}

/* "[T,B,3]" of a tensor; malloc'd. */
static char *wanted_text(const CellTensor *t, int batch_first)
{
    static const char *const axis[] = {"T,", "B,", "U,", "V,"};
    int last = t->axes & CELL_B && batch_first ? CELL_AT_B : -1;
    char *s = rt_printf("%s", last >= 0 ? axis[last] : ""), *old;

    for (int k = CELL_AXES; k > 0 && s; k--) {
        int a = k > 2 ? k - 1 : k == 2 ? CELL_AT_T : CELL_AT_B;
        old = s;
        if (t->axes >> a & 1 && a != last) {
            s = rt_printf("%s%s", old, axis[a]);
            free(old);
        }
    }
    for (int k = 0; s && k < t->rank; k++) {
        old = s;
        s = rt_printf("%s%lld,", old, (long long)t->dim[k]);
        free(old);
    }
    old = s;
    s = s ? rt_printf("[%.*s]", (int)strlen(s) - (*s != 0), s) : NULL;
    free(old);
    return s;
}

static int shape_fails(const Run *r, const Bound *b, const char *why,
                       RtError *err)
{
    const CellTensor *t = &r->d->tensor[b->tensor];
    char *found = npy_shape_text(b->a.rank, b->a.dim);
    char *wanted = wanted_text(t, r->set->batch_first);

    rt_fail(err, "%s: shape %s found, %s wanted for %s%s", b->path,
            found ? found : "?", wanted ? wanted : "?", t->name, why);
    free(found);
    free(wanted);
    return -1;
}

/* Notes the size of an axis, or compares it with what another file said. */
static int agree(int64_t found, int64_t *size, const char *path,
                 const char **from, const char *axis, RtError *err)
{
    if (*size < 0) {
        *size = found;
        *from = path;
    }
    if (*size == found)
        return 0;
    return rt_fail(err, "%s has %lld %s, %s has %lld", path, (long long)found,
                   axis, *from, (long long)*size);
}

/* Element rank and extents, steps and sequences of one array. */
static int check_shape(Run *r, const Bound *b, RtError *err)
{
    const CellTensor *t = &r->d->tensor[b->tensor];
    int first = t->axes & CELL_B && r->set->batch_first, at = first;
    int lead = 0;

    for (int a = 0; a < CELL_AXES; a++)
        lead += t->axes >> a & 1;
    if (b->a.rank != lead + t->rank)
        return shape_fails(r, b, "", err);
    for (int k = 0; k < t->rank; k++)
        if (b->a.dim[lead + k] != t->dim[k])
            return shape_fails(r, b, "", err);
    for (int k = CELL_TIMES - 1; k >= 0; k--) {
        int a = cell_time_at(k);
        if (t->axes >> a & 1 &&
            agree(b->a.dim[at++], &r->n[a], b->path, &r->from[a], "steps", err))
            return -1;
    }
    if (t->axes & CELL_B &&
        agree(b->a.dim[first ? 0 : at], &r->n[CELL_AT_B], b->path,
              &r->from[CELL_AT_B], "sequences", err))
        return -1;
    if (b->a.count == 0)
        return shape_fails(r, b, ": it is empty", err);
    return 0;
}

void run_transpose(void *dst, const void *src, int64_t A, int64_t B,
                   size_t bytes)
{
    for (int64_t a = 0; a < A; a++)
        for (int64_t b = 0; b < B; b++)
            memcpy((char *)dst + (size_t)(b * A + a) * bytes,
                   (const char *)src + (size_t)(a * B + b) * bytes, bytes);
}

/* Turns [B,T,...] into [T,B,...], with `times` time axes. */
static int time_first(Npy *a, int times, RtError *err)
{
    int64_t B = a->dim[0], T = 1;
    for (int k = 1; k <= times; k++)
        T *= a->dim[k];
    size_t all = (size_t)a->count * npy_bytes(a->type);
    char *to = run_room((int64_t)all, 1, err);

    if (!to)
        return -1;
    run_transpose(to, a->data, B, T, all / (size_t)(B * T));
    free(a->data);
    a->data = to;
    for (int k = 0; k < times; k++)
        a->dim[k] = a->dim[k + 1];
    a->dim[times] = B;
    return 0;
}

/* What a flag binds arrays to: tensors of a role, called PREFIX NAME SUFFIX. */
typedef struct Target {
    const char *flag;
    int role;
    const char *prefix, *suffix;
} Target;

/* The names there are, for messages; malloc'd. */
static char *name_list(const CellDesc *d, const Target *to)
{
    char *s = NULL;
    size_t p = strlen(to->prefix), q = strlen(to->suffix);

    for (int i = -1; (i = model_next(d, to->role, i)) >= 0;) {
        const char *name = d->tensor[i].name;
        size_t n = strlen(name);
        char *old = s;

        if (n < p + q || strncmp(name, to->prefix, p) ||
            strcmp(name + n - q, to->suffix))
            continue;
        if (!p && !q && (strchr(name, '@') || !strncmp(name, "up.", 3)))
            continue;
        s = rt_printf("%s%s%.*s", old ? old : "", old ? ", " : "",
                      (int)(n - p - q), name + p);
        free(old);
    }
    return s;
}

/* Draws of `once` may be given for every step: those of the first count. */
static int first_step(const Run *r, const CellTensor *t, Npy *a, RtError *err)
{
    if (t->role != CELL_NOISE || t->axes != CELL_B || a->rank != t->rank + 2 ||
        a->dim[0] < 1 || a->dim[1] < 1)
        return 0;
    if (r->set->batch_first && time_first(a, 1, err))
        return -1;
    a->count /= a->dim[0];
    a->rank--;
    memmove(a->dim, a->dim + 1, (size_t)a->rank * sizeof *a->dim);
    return 0;
}

/* Reads the files of one flag. */
static int bind_files(Run *r, const RunFile *file, int n, Target to,
                      RtError *err)
{
    for (int k = 0; k < n; k++) {
        char *name = rt_printf("%s%.*s%s", to.prefix, file[k].n, file[k].name,
                               to.suffix);
        int i = name ? model_find(r->d, to.role, name) : -1;
        Bound *b = &r->bound[r->nbound];

        free(name);
        if (i < 0) {
            char *list = name_list(r->d, &to);

            rt_fail(err, "%s %.*s=%s: the model has no such name; it has %s",
                    to.flag, file[k].n, file[k].name, file[k].path,
                    list ? list : "none");
            free(list);
            return -1;
        }
        for (int j = 0; j < r->nbound; j++)
            if (r->bound[j].tensor == i)
                return rt_fail(err, "%s %.*s is given twice: %s and %s",
                               to.flag, file[k].n, file[k].name,
                               r->bound[j].path, file[k].path);
        *b = (Bound){.tensor = i, .path = file[k].path};
        r->nbound++;
        if (npy_read(b->path, &b->a, err) ||
            first_step(r, &r->d->tensor[i], &b->a, err) ||
            check_shape(r, b, err))
            return -1;
        int times = b->a.rank - r->d->tensor[i].rank - 1;
        if (r->set->batch_first && r->d->tensor[i].axes & CELL_B && times > 0 &&
            time_first(&b->a, times, err))
            return -1;
    }
    return 0;
}

/* The time axis of "FILE" or "AXIS=FILE"; *path is the file. */
static int lengths_axis(const CellDesc *d, const char *text, const char **path)
{
    *path = text;
    for (int k = 0; k < d->ntime; k++) {
        size_t n = strlen(d->time[k]);

        if (!strncmp(text, d->time[k], n) && text[n] == '=') {
            *path = text + n + 1;
            return k;
        }
    }
    return 0;
}

static int read_lengths(Run *r, const char *text, RtError *err)
{
    const char *path;
    int axis = lengths_axis(r->d, text, &path), bad = -1;
    int at = cell_time_at(axis);
    int64_t *length, T = r->n[at];
    Npy a = {0};

    if (npy_read(path, &a, err))
        goto out;
    if (a.rank != 1 || npy_is_float(a.type)) {
        char *found = npy_shape_text(a.rank, a.dim);

        rt_fail(err, "%s: %s of shape %s found, integers of shape [B] wanted",
                path, npy_type_name(a.type), found ? found : "?");
        free(found);
        goto out;
    }
    if (agree(a.dim[0], &r->n[CELL_AT_B], path, &r->from[CELL_AT_B],
              "sequences", err))
        goto out;
    free(r->length[axis]);
    length = r->length[axis] = run_room(a.dim[0], sizeof *length, err);
    for (int64_t b = 0; length && b < a.dim[0]; b++) {
        double v = npy_value(a.type, a.data, b);

        if (v < 0 || (T >= 0 && v > (double)T)) {
            rt_fail(err,
                    "%s: length %g of sequence %lld found, 0 to %lld "
                    "wanted (the steps of %s)",
                    path, v, (long long)b, (long long)T,
                    r->from[at] ? r->from[at] : "the arrays");
            goto out;
        }
        length[b] = (int64_t)v;
    }
    bad = length ? 0 : -1;
out:
    npy_free(&a);
    return bad;
}

/* Every input of the model has an array. */
static int all_bound(const Run *r, RtError *err)
{
    for (int i = -1; (i = model_next(r->d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &r->d->tensor[i];
        int found = 0;

        for (int k = 0; k < r->nbound; k++)
            found |= r->bound[k].tensor == i;
        if (!found) {
            char *wanted = wanted_text(t, r->set->batch_first);

            rt_fail(err, "input %s has no array: give --in %s=FILE of shape %s",
                    t->name, t->name, wanted ? wanted : "?");
            free(wanted);
            return -1;
        }
    }
    return 0;
}

/* Class numbers within the lengths: whole, in range, negative only where the
 * input is observed. */
static int check_classes(const Run *r, const Bound *b, RtError *err)
{
    const CellTensor *t = &r->d->tensor[b->tensor];
    int64_t size = model_size(t);

    for (int64_t k = 0; t->flags & CELL_INDEX && k < b->a.count; k++) {
        double v = npy_value(b->a.type, b->a.data, k);
        int64_t seq = 0, step = 0, p = k / size, beyond = 0;
        int ok = v >= 0 ? v < (double)t->classes && v == floor(v)
                        : v < 0 && t->flags & CELL_OBSERVED;

        if (t->axes & CELL_B) {
            seq = p % r->n[CELL_AT_B];
            p /= r->n[CELL_AT_B];
        }
        for (int a = 0; a < r->d->ntime; a++) {
            if (!(t->axes & cell_time(a)))
                continue;
            step = p % r->n[cell_time_at(a)];
            p /= r->n[cell_time_at(a)];
            beyond |= t->axes & CELL_B && step >= r->length[a][seq];
        }
        if (ok || beyond)
            continue;
        return rt_fail(err,
                       "%s: %g found at step %lld of sequence %lld (from 0), "
                       "class numbers from 0 to %lld wanted for %s%s",
                       b->path, v, (long long)step, (long long)seq,
                       (long long)t->classes - 1, t->name,
                       t->flags & CELL_OBSERVED ? ", negative: not observed"
                                                : "");
    }
    return 0;
}

/* The extents, those that follow from others too; arrays must agree. */
static int set_extents(Run *r, RtError *err)
{
    int64_t found[CELL_AXES];

    for (int a = 0; a < CELL_AXES; a++)
        found[a] = r->n[a] = r->n[a] < 0 ? 1 : r->n[a];
    cell_extents(r->d, r->n);
    for (int k = 0; k < r->d->ntime; k++) {
        int a = cell_time_at(k);

        if (r->from[a] && found[a] != r->n[a])
            return rt_fail(err,
                           "%s has %lld steps of %s, wanted %lld: one for %d "
                           "of the %lld of %s",
                           r->from[a], (long long)found[a], r->d->time[k],
                           (long long)r->n[a], r->d->rate[k],
                           (long long)r->n[cell_time_at(r->d->like[k])],
                           r->d->time[r->d->like[k]]);
    }
    return 0;
}

/* Lengths that no file gives: all steps, or what follows from another axis. */
static int set_lengths(Run *r, RtError *err)
{
    for (int a = 0; a < r->d->ntime; a++) {
        int like = r->d->like[a];
        int64_t B = r->n[CELL_AT_B];

        if (r->length[a] && like < 0)
            continue;
        free(r->length[a]);
        r->length[a] = run_room(B, sizeof *r->length[a], err);
        if (!r->length[a])
            return -1;
        for (int64_t b = 0; b < B; b++)
            r->length[a][b] = like < 0
                                  ? r->n[cell_time_at(a)]
                                  : cell_steps(r->d, a, r->length[like][b]);
    }
    return 0;
}

int run_read(Run *r, RtError *err)
{
    const RunSetup *set = r->set;

    r->bound = run_room(set->nin + set->nstate + set->nup + set->nnoise,
                        sizeof *r->bound, err);
    if (!r->bound ||
        bind_files(r, set->in, set->nin, (Target){"--in", CELL_INPUT, "", ""},
                   err) ||
        bind_files(r, set->state, set->nstate,
                   (Target){"--state", CELL_INPUT, "", "@0"}, err) ||
        bind_files(r, set->up, set->nup,
                   (Target){"--upstream", CELL_INPUT, "up.", ""}, err) ||
        bind_files(r, set->noise, set->nnoise,
                   (Target){"--noise", CELL_NOISE, "", ""}, err) ||
        all_bound(r, err))
        return -1;
    for (int k = 0; k < set->nlengths; k++)
        if (read_lengths(r, set->lengths[k], err))
            return -1;
    if (set_extents(r, err) || set_lengths(r, err))
        return -1;
    for (int k = 0; k < r->nbound; k++)
        if (check_classes(r, &r->bound[k], err))
            return -1;
    r->piece = run_room(r->n[CELL_AT_B], sizeof *r->piece, err);
    r->last = run_room(r->n[CELL_AT_B], 1, err);
    return r->piece && r->last ? 0 : -1;
}
