/* Sequences made equally long, as other libraries do before they train.  See
 * data.h. */
#include "data.h"

#include <stdlib.h>

/* n elements that are nothing, as doubles. */
static int add_nothing(RtStore *to, const RtField *f, int64_t n, RtError *err)
{
    double nothing = f->is_index && f->observed ? -1 : 0;

    for (int64_t i = 0; i < n * f->size; i++)
        if (store_add(to, &nothing, sizeof nothing, err))
            return -1;
    return 0;
}

/* The field with n steps in each sequence. */
static int pad_field(const RtData *d, RtField *f, int64_t n, int before,
                     RtError *err)
{
    const RtSteps *s = &d->steps[0];
    RtStore to = {0};
    int bad = 0;

    for (int64_t i = 0; i < d->nseq && !bad; i++) {
        int64_t own = s->length[i] < n ? s->length[i] : n;
        int64_t from = s->offset[i] * f->size;

        if (before)
            bad = add_nothing(&to, f, n - own, err);
        for (int64_t k = from; k < from + own * f->size && !bad; k++) {
            double x = data_value(f, k);

            bad = store_add(&to, &x, sizeof x, err);
        }
        if (!before)
            bad = bad || add_nothing(&to, f, n - own, err);
    }
    bad = bad || store_end(&to, err);
    if (bad) {
        store_free(&to);
        return -1;
    }
    if (f->store.data)
        store_free(&f->store);
    else
        free(f->data);
    f->store = to;
    f->data = to.data;
    f->type = NPY_F8;
    f->scale = 1;
    f->count = n * d->nseq;
    return 0;
}

int data_pad(RtData *d, int64_t n, int before, RtError *err)
{
    RtSteps *s = &d->steps[0];

    if (!s->offset)
        return rt_fail(err, "pad: no input has steps that could be padded");
    for (int64_t i = 0, given = n; i < d->nseq && !given; i++)
        n = s->length[i] > n ? s->length[i] : n;
    for (int k = 0; k < d->nfield; k++) {
        RtField *f = &d->field[k];

        if (!f->is_static && !f->axis && pad_field(d, f, n, before, err))
            return -1;
    }
    for (int64_t i = 0; i < d->nseq; i++) {
        s->offset[i + 1] = (i + 1) * n;
        s->length[i] = n;
    }
    return 0;
}
