/* Checkpoints, see checkpoint.h.  Doubles are kept as hexadecimal texts, which
 * are exact and can hold NaN; 64-bit integers as decimal texts. */
#include "checkpoint.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "npy.h"
#include "session.h"
#include "weights.h"

static const char format_version[] = "1"; /* of the metadata "cellc" */

/* A number of FitState: where it is and how it is written. */
typedef struct StateField {
    const char *name;
    size_t at;
    char type; /* 'i' int64_t, 'u' uint64_t, 'd' double */
} StateField;

#define FIELD(name, type)                     \
    {                                         \
#name, offsetof(FitState, name), type \
    }
static const StateField state_fields[] = {
    FIELD(epoch, 'i'),
    FIELD(batch, 'i'),
    FIELD(step, 'i'),
    FIELD(start_step, 'i'),
    FIELD(seed, 'u'),
    FIELD(nats, 'd'),
    FIELD(count, 'd'),
    FIELD(loss, 'd'),
    FIELD(weight, 'd'),
    FIELD(best, 'd'),
    FIELD(best_epoch, 'i'),
    /* Older files do not have these. */
    FIELD(dealt, 'i'),
    FIELD(held, 'i'),
    FIELD(held_weight, 'd'),
    FIELD(plateau.seen, 'i'),
    FIELD(plateau.best, 'd'),
    FIELD(plateau.bad, 'i'),
    FIELD(plateau.cuts, 'i'),
    FIELD(plateau.wait, 'i'),
};
enum { NFIELD = sizeof state_fields / sizeof *state_fields, NFIRST = 11 };

static char *dump(json_t *j)
{
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

    json_decref(j);
    return text;
}

static char *pairs_to_json(const RtPairs *p)
{
    json_t *j = json_object();

    for (int i = 0; j && i < p->n; i++)
        if (json_object_set_new(j, p->v[i].key, json_string(p->v[i].value))) {
            json_decref(j);
            return NULL;
        }
    return dump(j);
}

static char *state_to_json(const Checkpoint *c)
{
    json_t *j = json_object();

    for (int i = 0; j && i < NFIELD; i++) {
        const StateField *f = &state_fields[i];
        const char *at = (const char *)&c->state + f->at;
        char *text;
        if (f->type == 'd')
            text = rt_printf("%a", *(const double *)(const void *)at);
        else if (f->type == 'u')
            text = rt_printf("%" PRIu64, *(const uint64_t *)(const void *)at);
        else
            text = rt_printf("%" PRId64, *(const int64_t *)(const void *)at);
        if (!text || json_object_set_new(j, f->name, json_string(text))) {
            json_decref(j);
            j = NULL;
        }
        free(text);
    }
    return dump(j);
}

/* Adds a malloc'd text; NULL means that memory ran out on the way. */
static int add_owned(SafeTensors *st, const char *key, char *text, RtError *err)
{
    int rc = text ? st_add_text(st, key, text, err) : rt_fail_memory(err, 0);

    free(text);
    return rc;
}

static int add_texts(SafeTensors *st, const Checkpoint *c, const RtModel *m,
                     const RtOptim *o, RtError *err)
{
    const CellDesc *d = m->desc;

    if (st_add_text(st, "cellc", format_version, err) ||
        st_add_text(st, "model", d->name, err) ||
        st_add_text(st, "real", d->real_bytes == 8 ? "f64" : "f32", err) ||
        (c->spec && st_add_text(st, "spec", c->spec, err)) ||
        add_owned(st, "options", pairs_to_json(&c->options), err) ||
        add_owned(st, "dims", pairs_to_json(&c->dims), err) ||
        add_owned(st, "vocabs", pairs_to_json(&c->vocabs), err) ||
        add_owned(st, "settings", pairs_to_json(&c->settings), err) ||
        add_owned(st, "state", state_to_json(c), err) ||
        add_owned(st, "carry", rt_printf("%" PRId64, c->carry_B), err))
        return -1;
    if (!o)
        return 0;
    return add_owned(st, "optimizer", optim_text(o), err) ||
                   add_owned(st, "optimizer_step",
                             rt_printf("%" PRId64, o->step), err) ||
                   add_owned(st, "optimizer_memory", rt_printf("%a", o->memory),
                             err)
               ? -1
               : 0;
}

/* Adds the part of a block that belongs to parameter t. */
static int add_part(SafeTensors *st, const CellDesc *d, const CellTensor *t,
                    char *name, const void *block, RtError *err)
{
    const char *at = (const char *)block + t->at.c * d->real_bytes;
    int rc = name ? st_add(st, name, d->real_bytes == 8 ? ST_F64 : ST_F32,
                           t->rank, t->dim, at, err)
                  : rt_fail_memory(err, 0);

    free(name);
    return rc;
}

/* All parts of a block, as "KIND/NAME"; of the weights themselves as "NAME". */
static int add_block(SafeTensors *st, const CellDesc *d, const char *kind,
                     const void *block, RtError *err)
{
    for (int i = -1; block && (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        char *name =
            rt_printf("%s%s%s", kind ? kind : "", kind ? "/" : "", t->name);
        if (add_part(st, d, t, name, block, err))
            return -1;
    }
    return 0;
}

static const char *const slot_kind[OPTIM_SLOTS] = {"optim.0", "optim.1",
                                                   "optim.2"};

static int add_blocks(SafeTensors *st, const RtModel *m,
                      const CheckpointRun *run, RtError *err)
{
    const CellDesc *d = m->desc;

    if (add_block(st, d, NULL, m->params, err) ||
        add_block(st, d, "trained", run->trained, err) ||
        add_block(st, d, "held", run->held, err))
        return -1;
    for (int k = 0; run->optim && k < OPTIM_SLOTS; k++)
        if (add_block(st, d, slot_kind[k], run->optim->slot[k], err))
            return -1;
    return 0;
}

static char *carry_name(const CellTensor *t)
{
    return rt_printf("carry.%s/%s",
                     t->role == CELL_STATE   ? "state"
                     : t->role == CELL_INPUT ? "input"
                                             : "other",
                     t->name);
}

/* Shape of the carried rows of `t`: lag, sequences, element; its rank. */
static int carry_shape(const CellTensor *t, int64_t B, int64_t dim[6])
{
    int n = 0;

    dim[n++] = t->lag;
    if (t->axes & CELL_B)
        dim[n++] = B;
    for (int i = 0; i < t->rank; i++)
        dim[n++] = t->dim[i];
    return n;
}

static int add_carry(SafeTensors *st, const CellDesc *d, int64_t B,
                     void *const *carry, RtError *err)
{
    for (int i = 0; carry && B > 0 && i < d->ntensor; i++) {
        int64_t dim[6];
        if (!carry[i])
            continue;
        int rank = carry_shape(&d->tensor[i], B, dim);
        char *name = carry_name(&d->tensor[i]);
        int rc = name ? st_add(st, name, d->real_bytes == 8 ? ST_F64 : ST_F32,
                               rank, dim, carry[i], err)
                      : rt_fail_memory(err, 0);
        free(name);
        if (rc)
            return rc;
    }
    return 0;
}

int checkpoint_save(const Checkpoint *c, const RtModel *m,
                    const CheckpointRun *run, const char *path, RtError *err)
{
    static const CheckpointRun nothing;
    SafeTensors st = {0};

    run = run ? run : &nothing;
    int rc = add_texts(&st, c, m, run->optim, err) ||
             add_blocks(&st, m, run, err) ||
             add_carry(&st, m->desc, c->carry_B, run->carry, err) ||
             st_save(&st, path, err);
    st_free(&st);
    return rc ? -1 : 0;
}

static int broken(const Checkpoint *c, const char *key, RtError *err)
{
    return rt_fail(err,
                   "%s: the metadata \"%s\" cannot be read; the checkpoint is "
                   "damaged",
                   c->path, key);
}

/* The text under `key`, copied. */
static int take_text(const Checkpoint *c, const char *key, int must, char **out,
                     RtError *err)
{
    const char *s = st_text(&c->file, key);

    if (!s)
        return must ? broken(c, key, err) : 0;
    *out = rt_printf("%s", s);
    return *out ? 0 : rt_fail_memory(err, strlen(s));
}

static int take_pairs(const Checkpoint *c, const char *key, RtPairs *p,
                      RtError *err)
{
    const char *s = st_text(&c->file, key), *name;
    json_t *j = s ? json_loads(s, 0, NULL) : NULL, *value;
    int rc = json_is_object(j) ? 0 : broken(c, key, err);

    json_object_foreach(j, name, value)
    {
        if (!rc && !json_is_string(value))
            rc = broken(c, key, err);
        if (!rc)
            rc = pairs_set(p, name, json_string_value(value), err);
    }
    json_decref(j);
    return rc;
}

/* One number from a text; 0 when all of it was read. */
static int read_number(const char *s, char type, void *at)
{
    char *end = NULL;

    if (!s || !*s)
        return -1;
    if (type == 'd')
        *(double *)at = strtod(s, &end);
    else if (type == 'u')
        *(uint64_t *)at = strtoull(s, &end, 10);
    else
        *(int64_t *)at = strtoll(s, &end, 10);
    return *end ? -1 : 0;
}

static int take_state(Checkpoint *c, RtError *err)
{
    const char *s = st_text(&c->file, "state");
    json_t *j = s ? json_loads(s, 0, NULL) : NULL;
    int rc = json_is_object(j) ? 0 : -1;

    for (int i = 0; !rc && i < NFIELD; i++) {
        const StateField *f = &state_fields[i];
        json_t *value = json_object_get(j, f->name);
        if (value || i < NFIRST)
            rc = read_number(json_string_value(value), f->type,
                             (char *)&c->state + f->at);
        else if (f->at == offsetof(FitState, dealt))
            c->state.dealt = c->state.step;
    }
    json_decref(j);
    const FitState *f = &c->state;
    if (rc || f->epoch < 0 || f->batch < 0 || f->step < 0 || f->start_step < 0)
        return broken(c, "state", err);
    if (read_number(st_text(&c->file, "carry"), 'i', &c->carry_B) ||
        c->carry_B < 0)
        return broken(c, "carry", err);
    return 0;
}

int checkpoint_load(Checkpoint *c, const char *path, RtError *err)
{
    c->path = rt_printf("%s", path);
    if (!c->path)
        return rt_fail_memory(err, strlen(path));
    if (st_load(&c->file, path, err))
        return -1;
    const char *version = st_text(&c->file, "cellc");
    if (!version)
        return rt_fail(err,
                       "%s: is no checkpoint of cellc: it holds weights "
                       "alone, without spec and settings",
                       path);
    if (strcmp(version, format_version) != 0)
        return rt_fail(err,
                       "%s: is a checkpoint of version %s, this program reads "
                       "version %s",
                       path, version, format_version);
    const char *real = st_text(&c->file, "real");
    c->real_bytes = real && strcmp(real, "f64") == 0 ? 8 : 4;
    if (take_text(c, "model", 1, &c->name, err) ||
        take_text(c, "spec", 0, &c->spec, err) ||
        take_text(c, "optimizer", 0, &c->optimizer, err) ||
        take_pairs(c, "options", &c->options, err) ||
        take_pairs(c, "dims", &c->dims, err) ||
        take_pairs(c, "vocabs", &c->vocabs, err) ||
        take_pairs(c, "settings", &c->settings, err))
        return -1;
    return take_state(c, err);
}

void checkpoint_free(Checkpoint *c)
{
    free(c->path);
    free(c->name);
    free(c->spec);
    free(c->optimizer);
    pairs_free(&c->options);
    pairs_free(&c->dims);
    pairs_free(&c->vocabs);
    pairs_free(&c->settings);
    st_free(&c->file);
    *c = (Checkpoint){0};
}

int checkpoint_weights(const Checkpoint *c, RtModel *m, RtError *err)
{
    return weights_take(m, &c->file, c->path, err);
}

/* The tensor of that name (freed here) must have that shape; its numbers go to
 * dst. */
static int take_tensor(const Checkpoint *c, char *name, int rank,
                       const int64_t *dim, int real_bytes, void *dst,
                       RtError *err)
{
    const StTensor *s = name ? st_find(&c->file, name) : NULL;
    int same = s && s->rank == rank, rc = 0;

    for (int i = 0; same && i < rank; i++)
        same = s->dim[i] == dim[i];
    if (!same) {
        char *want = npy_shape_text(rank, dim);
        char *found = s ? npy_shape_text(s->rank, s->dim) : NULL;
        rc = rt_fail(err, "%s: tensor %s of shape %s is missing%s%s", c->path,
                     name ? name : "?", want ? want : "?",
                     found ? "; found " : "", found ? found : "");
        free(want);
        free(found);
    } else {
        st_reals(s, real_bytes, dst);
    }
    free(name);
    return rc;
}

int checkpoint_block(const Checkpoint *c, const CellDesc *d, const char *kind,
                     void *block, RtError *err)
{
    int first = model_next(d, CELL_PARAM, -1);

    for (int i = first; i >= 0; i = model_next(d, CELL_PARAM, i)) {
        const CellTensor *t = &d->tensor[i];
        char *name = rt_printf("%s/%s", kind, t->name);
        if (i == first && name && !st_find(&c->file, name)) {
            free(name);
            return 0;
        }
        if (take_tensor(c, name, t->rank, t->dim, d->real_bytes,
                        (char *)block + t->at.c * d->real_bytes, err))
            return -1;
    }
    return 1;
}

int checkpoint_optim(const Checkpoint *c, RtOptim *o, RtError *err)
{
    const CellDesc *d = o->model->desc;
    char *now = optim_text(o);

    if (!now)
        return rt_fail_memory(err, 0);
    size_t n = strcspn(now, "(") + 1;
    int same = c->optimizer && strncmp(now, c->optimizer, n) == 0;
    int rc =
        same ? 0
             : rt_fail(err, "%s: was trained with %s and cannot go on with %s",
                       c->path, c->optimizer ? c->optimizer : "no optimiser",
                       now);
    free(now);
    if (rc)
        return rc;
    if (read_number(st_text(&c->file, "optimizer_step"), 'i', &o->step) ||
        read_number(st_text(&c->file, "optimizer_memory"), 'd', &o->memory))
        return broken(c, "optimizer_step", err);
    for (int k = 0; k < OPTIM_SLOTS; k++) {
        rc = o->slot[k] ? checkpoint_block(c, d, slot_kind[k], o->slot[k], err)
                        : 1;
        if (rc == 0)
            rc = rt_fail(err, "%s: the arrays %s of the optimiser are missing",
                         c->path, slot_kind[k]);
        if (rc < 0)
            return -1;
    }
    return 0;
}

int checkpoint_carry(const Checkpoint *c, const CellDesc *d, int i, void *dst,
                     RtError *err)
{
    int64_t dim[6];
    int rank = carry_shape(&d->tensor[i], c->carry_B, dim);

    return take_tensor(c, carry_name(&d->tensor[i]), rank, dim, d->real_bytes,
                       dst, err);
}
