/* Training to a checkpoint and back, see fitint.h. */
#include "fitint.h"

#include <stdlib.h>
#include <string.h>

/* The state that the open sequences had, into the team. */
static int resume_carry(Fit *t, RtError *err)
{
    const Checkpoint *c = t->f->resume;
    const CellDesc *d = t->f->model->desc;
    void **rows = calloc((size_t)d->ntensor + 1, sizeof *rows);
    int rc = rows ? 0 : rt_fail_memory(err, 0);

    for (int i = 0; !rc && i < d->ntensor; i++) {
        const CellTensor *s = &d->tensor[i];
        if (!session_carries(d, i))
            continue;
        rows[i] = rt_block(
            (size_t)(s->lag * c->carry_B * model_size(s) * d->real_bytes), err);
        rc = rows[i] ? checkpoint_carry(c, d, i, rows[i], err) : -1;
    }
    if (!rc)
        rc = team_carry_set(t->team, rows, c->carry_B, t->f->token, err);
    t->open = !rc;
    for (int i = 0; rows && i < d->ntensor; i++)
        free(rows[i]);
    free(rows);
    return rc;
}

int fit_resume(Fit *t, RtError *err)
{
    const Checkpoint *c = t->f->resume;
    RtModel *m = t->f->model;
    size_t bytes = (size_t)m->desc->param_size * (size_t)m->desc->real_bytes;

    if (checkpoint_weights(c, m, err) || checkpoint_optim(c, t->optim, err))
        return -1;
    if (t->average)
        memcpy(t->average->block, m->params, bytes);
    if (checkpoint_block(c, m->desc, "trained", m->params, err) < 0)
        return -1;
    *t->st = c->state;
    if (t->st->held > 0) {
        int found;
        if (!t->held && !(t->held = rt_block(bytes, err)))
            return -1;
        found = checkpoint_block(c, m->desc, "held", t->held, err);
        if (found < 1)
            return found < 0 ? -1
                             : rt_fail(err,
                                       "%s: the gradients that wait for an "
                                       "update are missing",
                                       c->path);
    }
    return c->carry_B > 0 ? resume_carry(t, err) : 0;
}

int fit_save(Fit *t, const char *path, RtError *err)
{
    const CellDesc *d = t->f->model->desc;
    void **rows = calloc((size_t)d->ntensor + 1, sizeof *rows);
    int rc = rows ? 0 : rt_fail_memory(err, 0);

    t->about->carry_B = 0;
    if (!rc && t->open)
        rc = team_carry_get(t->team, rows, &t->about->carry_B, err);
    average_swap(t->average);
    CheckpointRun run = {.optim = t->optim,
                         .carry = rows,
                         .trained = t->average ? t->average->block : NULL,
                         .held = t->st->held > 0 ? t->held : NULL};
    if (!rc)
        rc = checkpoint_save(t->about, t->f->model, &run, path, err);
    average_swap(t->average);
    for (int i = 0; rows && i < d->ntensor; i++)
        free(rows[i]);
    free(rows);
    return rc;
}
