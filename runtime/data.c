/* Data sets: fields from texts, arrays and tables, and the check that they
 * belong together.  feed.c deals them out.  See data.h. */
#include "data.h"

#include "array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void field_free(RtField *f)
{
    free(f->name);
    free(f->from);
    if (f->store.data)
        store_free(&f->store);
    else
        free(f->data);
}

void data_free(RtData *d)
{
    for (int k = 0; k < d->nfield; k++)
        field_free(&d->field[k]);
    free(d->field);
    free(d->packed);
    for (int k = 0; k < CELL_TIMES; k++) {
        free(d->steps[k].offset);
        free(d->steps[k].length);
    }
    *d = (RtData){0};
}

const RtField *data_field(const RtData *d, const char *name)
{
    for (int k = 0; k < d->nfield; k++)
        if (!strcmp(d->field[k].name, name))
            return &d->field[k];
    return NULL;
}

double data_value(const RtField *f, int64_t i)
{
    return npy_value(f->type, f->data, i) * f->scale;
}

/* Appends `f`, which takes over f.data (also on an error) and gets copies of
 * the names. */
static int push_field(RtData *d, RtField f, const char *name, const char *from,
                      RtError *err)
{
    f.name = rt_printf("%s", name);
    f.from = rt_printf("%s", from);
    RtField *more = realloc(d->field, sizeof f * (size_t)(d->nfield + 1));
    if (more)
        d->field = more;
    int bad = 0;
    if (!f.name || !f.from || !more || !f.data)
        bad = rt_fail_memory(err, sizeof f);
    else if (data_field(d, name))
        bad = rt_fail(err, "%s: input %s is given twice", from, name);
    if (bad)
        field_free(&f);
    else
        d->field[d->nfield++] = f;
    return bad;
}

/* The sequences of a step field: n of them, start[n + 1].  The first one
 * decides, the others must agree. */
static int set_sequences(RtData *d, int axis, const char *name,
                         const char *from, int64_t n, const int64_t *start,
                         RtError *err)
{
    RtSteps *steps = &d->steps[axis];
    int first = 1;

    for (int k = 0; k < CELL_TIMES; k++)
        first &= !d->steps[k].offset;
    if (!first && n != d->nseq)
        return rt_fail(err,
                       "%s: %lld sequences for input %s, wanted %lld as for "
                       "the inputs before",
                       from, (long long)n, name, (long long)d->nseq);
    d->nseq = n;
    if (!steps->offset) {
        steps->offset = malloc(sizeof *start * (size_t)(n + 1));
        steps->length = malloc(sizeof *start * (size_t)(n + 1));
        if (!steps->offset || !steps->length)
            return rt_fail_memory(err, sizeof *start * (size_t)n);
        memcpy(steps->offset, start, sizeof *start * (size_t)(n + 1));
        for (int64_t i = 0; i < n; i++)
            steps->length[i] = start[i + 1] - start[i];
        return 0;
    }
    for (int64_t i = 0; i < n; i++)
        if (start[i + 1] != steps->offset[i + 1])
            return rt_fail(
                err,
                "%s: %lld steps in sequence %lld of input %s, "
                "wanted %lld as for the inputs before",
                from, (long long)(start[i + 1] - start[i]), (long long)i + 1,
                name, (long long)(steps->offset[i + 1] - steps->offset[i]));
    return 0;
}

int64_t data_steps(const RtData *d, int axis, int64_t i)
{
    return d->steps[axis].length ? d->steps[axis].length[i] : 1;
}

/* What a field takes over from what is wanted; size is still to come. */
static RtField field_of(const RtWant *want)
{
    RtField f = {.is_index = want->is_index,
                 .observed = want->observed,
                 .is_static = want->is_static,
                 .axis = want->axis,
                 .rank = want->rank,
                 .classes = want->classes,
                 .scale = 1,
                 .size = 1};
    memcpy(f.dim, want->dim, sizeof f.dim);
    return f;
}

int data_add_store(RtData *d, const RtWant *want, const char *from,
                   RtStore *store, NpyType type, double scale, int64_t n,
                   const int64_t *start, RtError *err)
{
    RtField f = field_of(want);
    for (int k = 0; k < want->rank; k++)
        f.size *= want->dim[k];
    f.type = type;
    f.scale = scale;
    f.count = want->is_static ? n : start[n];
    f.store = *store;
    f.data = store->data;
    *store = (RtStore){0};
    if (want->is_static ||
        !set_sequences(d, want->axis, want->name, from, n, start, err))
        return push_field(d, f, want->name, from, err);
    field_free(&f);
    return -1;
}

int data_add_classes(RtData *d, const RtWant *want, const char *from,
                     const int32_t *ids, int64_t n, const int64_t *start,
                     RtError *err)
{
    RtField f = field_of(want);
    int64_t count = want->is_static ? n : start[n];
    f.type = NPY_I4;
    f.count = count;
    if (!want->is_static &&
        set_sequences(d, want->axis, want->name, from, n, start, err))
        return -1;
    f.data = malloc(sizeof *ids * (size_t)count + 1);
    if (f.data && count)
        memcpy(f.data, ids, sizeof *ids * (size_t)count);
    return push_field(d, f, want->name, from, err);
}

char *data_shape_text(const char *lead, const RtWant *want)
{
    char *element = npy_shape_text(want->rank, want->dim), *s = NULL;
    if (element && want->rank && *lead)
        s = rt_printf("[%s,%s", lead, element + 1);
    else if (element)
        s = *lead ? rt_printf("[%s]", lead) : rt_printf("%s", element);
    free(element);
    return s;
}

/* The array's shape is not what the input takes. */
static int bad_shape(const RtWant *want, const char *path, const Npy *a,
                     int time_first, RtError *err)
{
    char *found = npy_shape_text(a->rank, a->dim);
    char *many = data_shape_text(want->is_static ? "N"
                                 : time_first    ? "T,N"
                                                 : "N,T",
                                 want);
    char *one = data_shape_text(want->is_static ? "" : "T", want);
    rt_fail(err, "%s: shape %s for input %s, wanted %s, or %s for one sequence",
            path, found ? found : "?", want->name, many ? many : "?",
            one ? one : "?");
    free(found);
    free(many);
    free(one);
    return -1;
}

/* Elements of the wanted extents that `n` numbers are, with what is open in a
 * vector as long as `room`; -1: they are not. */
static int64_t elements(const RtWant *want, int64_t n, int64_t room,
                        int64_t element[4])
{
    int64_t size = 1;

    for (int k = 0; k < want->rank; k++) {
        element[k] = want->dim[k];
        if (element[k] < 0 && want->rank > 1)
            return -1;
        if (element[k] < 0)
            element[k] = room;
        size *= element[k];
    }
    return size > 0 && n % size == 0 ? n / size : -1;
}

int64_t data_fit(const RtWant *want, int rank, const int64_t *dim,
                 int64_t element[4])
{
    int lead = !want->is_static, same = rank == want->rank + lead;
    int64_t n = 1, row = 1;

    for (int k = 0; k < rank; k++) {
        n *= dim[k];
        row *= k ? dim[k] : 1;
    }
    for (int k = 0; k < want->rank && same; k++) {
        element[k] = dim[lead + k];
        same = want->dim[k] < 0 || want->dim[k] == element[k];
    }
    if (same)
        return lead ? dim[0] : 1;
    if (lead && want->rank == 1 && rank > 2)
        return (n = elements(want, n, row, element)) == dim[0] ? n : -1;
    if (lead && want->rank && rank > 1)
        return -1;
    n = elements(want, n, lead ? 1 : n, element);
    return lead || n == 1 ? n : -1;
}

/* From [T,N,size] to [N,T,size]. */
static int swap_time(Array *x, int64_t T, int64_t N, RtError *err)
{
    size_t row = (size_t)(x->a.count / (N * T)) * npy_bytes(x->a.type);
    const char *from = x->a.data;
    RtStore to = {0};
    int bad = 0;
    for (int64_t n = 0; n < N && !bad; n++)
        for (int64_t t = 0; t < T && !bad; t++)
            bad = store_add(&to, from + row * (size_t)(t * N + n), row, err);
    if (bad || store_end(&to, err)) {
        store_free(&to);
        return -1;
    }
    if (x->store.data)
        store_free(&x->store);
    else
        free(x->a.data);
    x->store = to;
    x->a.data = to.data;
    return 0;
}

/* Sequences and steps of an array, and its element's extents. */
typedef struct Shape {
    int64_t N, T, element[4];
    int packed;  /* sequences one after the other, of T steps altogether */
    int swapped; /* time is first */
} Shape;

static int find_shape(const RtData *d, const RtWant *want, const char *path,
                      const Array *x, int time_first, Shape *s, RtError *err)
{
    const Npy *a = &x->a;
    int lead = a->rank - want->rank, batched = want->is_static ? 1 : 2;
    *s = (Shape){.N = 1};
    if (x->loose && a->count && a->rank) {
        s->N = a->dim[0];
        s->T = data_fit(want, a->rank - 1, a->dim + 1, s->element);
        return s->T < 0 ? bad_shape(want, path, a, 0, err) : 0;
    }
    if ((lead != batched && lead != batched - 1) || !a->count)
        return bad_shape(want, path, a, time_first, err);
    for (int k = 0; k < want->rank; k++) {
        s->element[k] = a->dim[lead + k];
        if (want->dim[k] >= 0 && want->dim[k] != s->element[k])
            return bad_shape(want, path, a, time_first, err);
    }
    s->swapped = lead == 2 && time_first;
    if (lead == batched)
        s->N = a->dim[s->swapped];
    s->T = want->is_static ? 1 : a->dim[lead == 2 && !time_first];
    s->packed = lead == 1 && !want->is_static && !want->axis && d->npacked > 1;
    if (s->packed && d->packed[d->npacked] != s->T)
        return rt_fail(err,
                       "%s: %lld steps for input %s, but the lengths of its "
                       "sequences add up to %lld",
                       path, (long long)s->T, want->name,
                       (long long)d->packed[d->npacked]);
    return 0;
}

static int set_equal(RtData *d, const RtWant *want, const char *path, int64_t N,
                     int64_t T, RtError *err)
{
    int64_t *start = malloc(sizeof *start * (size_t)(N + 1));
    if (!start)
        return rt_fail_memory(err, sizeof *start * (size_t)N);
    for (int64_t i = 0; i <= N; i++)
        start[i] = i * T;
    int bad = set_sequences(d, want->axis, want->name, path, N, start, err);
    free(start);
    return bad;
}

static int add_array(RtData *d, const RtWant *want, const char *path, Array *x,
                     int time_first, RtError *err)
{
    RtField f = field_of(want);
    Shape s;
    int bad = find_shape(d, want, path, x, time_first, &s, err);
    if (!bad && s.packed)
        bad = set_sequences(d, want->axis, want->name, path, d->npacked,
                            d->packed, err);
    else if (!bad && !want->is_static)
        bad = set_equal(d, want, path, s.N, s.T, err);
    if (bad || (s.swapped && swap_time(x, s.T, s.N, err)))
        return -1;
    for (int k = 0; k < want->rank; k++) {
        f.dim[k] = s.element[k];
        f.size *= s.element[k];
    }
    f.count = s.N * s.T;
    f.type = x->a.type;
    f.scale = x->image && !want->is_index ? 1.0 / 255 : 1;
    f.data = x->a.data;
    f.store = x->store;
    x->a.data = NULL;
    x->store = (RtStore){0};
    return push_field(d, f, want->name, path, err);
}

int data_add_array(RtData *d, const RtWant *want, const char *path,
                   const char *part, int time_first, RtError *err)
{
    Array x;
    int bad = array_read(path, part, &x, err);
    if (!bad)
        bad = add_array(d, want, path, &x, time_first, err);
    array_free(&x);
    return bad;
}

int data_pack(RtData *d, const double *length, int64_t n, RtError *err)
{
    d->packed = malloc(sizeof *d->packed * (size_t)(n + 1));
    if (!d->packed)
        return rt_fail_memory(err, sizeof *d->packed * (size_t)n);
    d->packed[0] = 0;
    for (int64_t i = 0; i < n; i++)
        d->packed[i + 1] =
            d->packed[i] + (length[i] >= 0 && length[i] < 0x1p53 / (double)n
                                ? (int64_t)length[i]
                                : 0);
    d->npacked = n;
    return 0;
}

/* The chosen columns side by side. */
static int take_columns(const RtWant *want, const Csv *csv, const int *col,
                        int n, RtStore *to, RtError *err)
{
    for (int64_t i = 0; i < csv->nrow; i++)
        for (int k = 0; k < n; k++) {
            double x = csv->value[i * csv->ncol + col[k]];
            if (isnan(x) && want->is_index && want->observed)
                x = -1;
            if (isnan(x))
                return rt_fail(err,
                               "%s:%lld:%d: the value is missing (column %d, "
                               "%s); input %s needs one in every line: fill it "
                               "in or leave the line out",
                               csv->path, (long long)csv->line[i], col[k] + 1,
                               col[k] + 1, csv->column[col[k]].name,
                               want->name);
            if (store_add(to, &x, sizeof x, err))
                return -1;
        }
    return store_end(to, err);
}

/* Says how as many as are wanted are chosen. */
static int wrong_columns(const Csv *csv, const RtWant *want, int n,
                         int64_t wanted, RtError *err)
{
    char *few =
        wanted == 1 ? rt_printf("1") : rt_printf("1:%lld", (long long)wanted);
    const char *text = few ? few : "1";

    rt_fail(err,
            "%s: %d column%s for input %s, wanted %lld; choose them: "
            "--column %s=%s, or %s = column(%s) in the data block",
            csv->path, n, n == 1 ? "" : "s", want->name, (long long)wanted,
            want->name, text, want->name, text);
    free(few);
    return -1;
}

int data_add_csv(RtData *d, const RtWant *want, const Csv *csv,
                 const char *columns, int per_line, RtError *err)
{
    int *col, n;
    if (want->is_static != per_line || want->rank > 1)
        return rt_fail(err,
                       "%s: input %s is %s; this table has one line per %s, so "
                       "give it as .npy",
                       csv->path, want->name,
                       want->rank > 1    ? "a matrix"
                       : want->is_static ? "one value per sequence"
                                         : "one value per step",
                       per_line ? "sequence" : "step");
    if (csv_columns(csv, columns, 1, &col, &n, err))
        return -1;
    RtWant closed = *want;
    RtStore to = {0};
    int64_t wanted = want->rank ? want->dim[0] : 1;
    int bad = 0;
    if (wanted >= 0 && n != wanted)
        bad = wrong_columns(csv, want, n, wanted, err);
    closed.dim[0] = n;
    bad = bad || take_columns(want, csv, col, n, &to, err) ||
          data_add_store(d, &closed, csv->path, &to, NPY_F8, 1,
                         per_line ? csv->nrow : csv->nseq, csv->start, err);
    free(col);
    store_free(&to);
    return bad ? -1 : 0;
}

int data_lengths(RtData *d, int axis, const char *path, const double *length,
                 int64_t n, RtError *err)
{
    const RtSteps *steps = &d->steps[axis];
    if (n != d->nseq)
        return rt_fail(err, "%s: shape [%lld] of the lengths, wanted [%lld]",
                       path, (long long)n, (long long)d->nseq);
    for (int64_t i = 0; i < n; i++) {
        int64_t room =
            steps->offset ? steps->offset[i + 1] - steps->offset[i] : 0;
        double x = length[i];
        if (!(x >= 0 && x <= (double)room && x == floor(x)))
            return rt_fail(err,
                           "%s: length %g of sequence %lld, wanted a whole "
                           "number from 0 to %lld",
                           path, x, (long long)i + 1, (long long)room);
        if (steps->offset)
            steps->length[i] = (int64_t)x;
    }
    return 0;
}

/* One value of a field; `classes` grows to hold it.  NULL, or what is wrong. */
static const char *check_value(const RtField *f, double x, int64_t *classes)
{
    if (!isfinite(x))
        return f->is_index ? "wanted a class number" : "wanted a finite number";
    if (!f->is_index)
        return NULL;
    if (x != floor(x))
        return "wanted a whole class number";
    if (x < 0)
        return f->observed ? NULL
                           : "wanted a class number from 0 (only a name left "
                             "of ~ may be negative, \"not observed\")";
    if (f->classes > 0 && x >= (double)f->classes)
        return "out of range";
    if (x >= 0x1p53)
        return "wanted a class number";
    if (x >= (double)*classes)
        *classes = (int64_t)x + 1;
    return NULL;
}

/* Elements first .. first+n-1 of a field, those of sequence `seq`. */
static int check_span(const RtField *f, int64_t seq, int64_t first, int64_t n,
                      int64_t *classes, RtError *err)
{
    if (!f->is_index && !npy_is_float(f->type))
        return 0;
    for (int64_t i = first * f->size; i < (first + n) * f->size; i++) {
        double x = data_value(f, i);
        const char *why = check_value(f, x, classes);
        if (!why)
            continue;
        char *range = f->is_index && f->classes
                          ? rt_printf(" (0 to %lld)", (long long)f->classes - 1)
                          : rt_printf("%s", "");
        rt_fail(err, "%s: %g for input %s in sequence %lld, step %lld: %s%s",
                f->from, x, f->name, (long long)seq + 1,
                (long long)(i / f->size - first) + 1, why, range ? range : "");
        free(range);
        return -1;
    }
    return 0;
}

/* Without a step field, sequences of one step. */
static int one_step_each(RtData *d, RtError *err)
{
    if (!d->nfield)
        return rt_fail(err, "there are no data for any input");
    int64_t n = d->nseq ? d->nseq : d->field[0].count;
    int64_t *start = malloc(sizeof *start * (size_t)(n + 1));
    if (!start)
        return rt_fail_memory(err, sizeof *start * (size_t)n);
    for (int64_t i = 0; i <= n; i++)
        start[i] = i;
    int bad =
        set_sequences(d, 0, d->field[0].name, d->field[0].from, n, start, err);
    free(start);
    return bad;
}

static const RtField *field_along(const RtData *d, int axis)
{
    for (int k = 0; k < d->nfield; k++)
        if (!d->field[k].is_static && d->field[k].axis == axis)
            return &d->field[k];
    return NULL;
}

/* The steps of a slower axis follow from those of another. */
static int follow_clock(RtData *d, int axis, RtError *err)
{
    RtClock c = d->clock[axis];
    const RtSteps *of = &d->steps[c.like];
    int64_t *start = calloc((size_t)d->nseq + 1, sizeof *start);
    const RtField *f = field_along(d, axis);

    if (!start)
        return rt_fail_memory(err, (size_t)d->nseq * sizeof *start);
    for (int64_t i = 0; i < d->nseq; i++) {
        int64_t room = of->offset ? of->offset[i + 1] - of->offset[i] : 1;
        start[i + 1] = start[i] + room / c.rate;
    }
    int bad = !f && set_sequences(d, axis, "", "", d->nseq, start, err);
    for (int64_t i = 0; i < d->nseq && !bad; i++) {
        const RtSteps *own = &d->steps[axis];
        int64_t n = start[i + 1] - start[i];
        int64_t found = own->offset[i + 1] - own->offset[i];

        own->length[i] = data_steps(d, c.like, i) / c.rate;
        if (f && found != n)
            bad = rt_fail(err,
                          "%s: %lld steps in sequence %lld of input %s, wanted "
                          "%lld: one for every %d of the faster axis",
                          f->from, (long long)found, (long long)i + 1, f->name,
                          (long long)n, c.rate);
    }
    free(start);
    return bad;
}

/* Longer sequences end earlier; a slower axis follows. */
static void cut_steps(RtData *d)
{
    for (int k = 0; k < CELL_TIMES; k++)
        for (int64_t i = 0; d->steps[k].length && i < d->nseq; i++)
            if (d->steps[k].length[i] > d->max_steps)
                d->steps[k].length[i] = d->max_steps;
}

int data_finish(RtData *d, RtError *err)
{
    if (!d->steps[0].offset && one_step_each(d, err))
        return -1;
    if (d->max_steps > 0)
        cut_steps(d);
    for (int k = 1; k < CELL_TIMES; k++)
        if (d->clock[k].rate > 1 && follow_clock(d, k, err))
            return -1;
    for (int k = 0; k < d->nfield; k++) {
        RtField *f = &d->field[k];
        int64_t classes = 1;
        if (f->is_static && f->count != d->nseq)
            return rt_fail(err,
                           "%s: %lld sequences for input %s, wanted %lld as "
                           "for the inputs with steps",
                           f->from, (long long)f->count, f->name,
                           (long long)d->nseq);
        for (int64_t i = 0; i < d->nseq; i++)
            if (check_span(f, i, f->is_static ? i : d->steps[f->axis].offset[i],
                           f->is_static ? 1 : data_steps(d, f->axis, i),
                           &classes, err))
                return -1;
        if (f->is_index && f->classes <= 0)
            f->classes = classes;
    }
    return 0;
}
