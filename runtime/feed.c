/* Dealing a data set out: which rows there are, their order in an epoch, the
 * chunks of each group of rows, and the numbers of a chunk.  See data.h. */
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "rng.h"

/* A stretch of one sequence. */
typedef struct Piece {
    int64_t seq, offset, length; /* sequence, first step in the fields, steps */
    int64_t first;               /* its first row */
} Piece;

/* A row with what it is sorted by: the steps of its axes, then its place. */
typedef struct Sorted {
    int64_t key[CELL_TIMES + 1], row;
} Sorted;

struct RtFeed {
    const RtData *data;
    RtFeedOptions o;
    Piece *piece; /* of the part; none is empty */
    int64_t npiece;
    int64_t stream; /* > 0: rows are streams of that many steps */
    int64_t nrow, ngroup;
    int64_t epoch;  /* for which order and batch hold; -1: none */
    int64_t *order; /* [nrow]: row at each place */
    int64_t *batch; /* [ngroup + 1]: first batch of each group */
    Sorted *sorted; /* [buckets * batch] room to sort in, or NULL */
    int64_t *turn;  /* [buckets] the groups in it */
};

/* Where a row's steps are. */
typedef struct Row {
    int64_t seq, offset, length;
} Row;

void feed_free(RtFeed *f)
{
    if (!f)
        return;
    free(f->piece);
    free(f->order);
    free(f->batch);
    free(f->sorted);
    free(f->turn);
    free(f);
}

static int64_t cut(double fraction, int64_t n)
{
    double x = fraction * (double)n + 1e-9;
    return x <= 0 ? 0 : x >= (double)n ? n : (int64_t)x;
}

/* Sequences with several time axes are never cut. */
static int has_more_axes(const RtData *d)
{
    int more = 0;

    for (int k = 1; k < CELL_TIMES; k++)
        more |= d->steps[k].offset != NULL;
    return more;
}

/* Whole sequences number from .. to of the drawn order, or of that of the data;
 * in both cases in the order of the data. */
static int find_sequences(RtFeed *f, int64_t from, int64_t to, RtError *err)
{
    const RtSteps *steps = &f->data->steps[0];
    int64_t n = f->data->nseq, *order = malloc(sizeof *order * (size_t)(n + 1));
    unsigned char *in = calloc((size_t)n + 1, 1);
    int bad = order && in ? 0 : rt_fail_memory(err, sizeof *order * (size_t)n);

    for (int64_t i = 0; i < n && !bad; i++)
        order[i] = i;
    if (!bad && f->o.split)
        rt_shuffle(f->o.split, rt_stream(RT_STREAM_SPLIT, 0), order, n);
    for (int64_t i = from; i < to && !bad; i++)
        in[order[i]] = 1;
    for (int64_t i = 0; i < n && !bad; i++)
        if (in[i] && steps->length[i] > 0)
            f->piece[f->npiece++] =
                (Piece){i, steps->offset[i], steps->length[i], 0};
    free(order);
    free(in);
    return bad;
}

/* The pieces of the part: of one sequence some steps, of several some whole
 * ones. */
static int find_pieces(RtFeed *f, RtError *err)
{
    const RtData *d = f->data;
    int whole = d->nseq != 1 || has_more_axes(d);
    int64_t n = !whole ? d->steps[0].length[0] : d->nseq;
    int64_t from = cut(f->o.from, n), to = cut(f->o.to, n);
    f->piece = malloc(sizeof *f->piece * (size_t)(d->nseq + 1));
    if (!f->piece)
        return rt_fail_memory(err, sizeof *f->piece * (size_t)d->nseq);
    if (!whole && to > from)
        f->piece[f->npiece++] =
            (Piece){0, d->steps[0].offset[0] + from, to - from, 0};
    if (whole && find_sequences(f, from, to, err))
        return -1;
    if (!f->npiece)
        return rt_fail(
            err, "no data are left in the part from %g to %g of %lld %s",
            f->o.from, f->o.to, (long long)n, whole ? "sequences" : "steps");
    return 0;
}

static int count_windows(RtFeed *f, RtError *err)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < f->npiece; i++) {
        Piece *p = &f->piece[i];
        p->first = f->nrow;
        if (p->length >= f->o.window)
            f->nrow += (p->length - f->o.window) / f->o.hop + 1;
        if (p->length > longest)
            longest = p->length;
    }
    if (!f->nrow)
        return rt_fail(err,
                       "no window of %lld steps fits: the longest sequence "
                       "here has %lld; choose a smaller window",
                       (long long)f->o.window, (long long)longest);
    return 0;
}

static int find_rows(RtFeed *f, RtError *err)
{
    int64_t B = f->o.batch;
    if (f->o.window > 0) {
        if (count_windows(f, err))
            return -1;
    } else if (f->o.streams && f->data->nseq == 1 && !has_more_axes(f->data)) {
        f->nrow = B;
        f->stream = f->piece[0].length / B;
        if (!f->stream)
            return rt_fail(err,
                           "%lld steps of data cannot be cut into %lld "
                           "streams; choose batch = %lld or less, or give "
                           "more data",
                           (long long)f->piece[0].length, (long long)B,
                           (long long)f->piece[0].length);
    } else {
        f->nrow = f->npiece;
    }
    f->ngroup = (f->nrow - 1) / B + 1;
    return 0;
}

/* Room for what lay_out_epoch() finds. */
static int make_room(RtFeed *f, RtError *err)
{
    int64_t groups = f->o.buckets < f->ngroup ? f->o.buckets : f->ngroup;
    f->order = malloc(sizeof *f->order * (size_t)f->nrow);
    f->batch = malloc(sizeof *f->batch * (size_t)(f->ngroup + 1));
    if (!f->order || !f->batch)
        return rt_fail_memory(err, sizeof *f->order * (size_t)f->nrow);
    if (f->o.buckets < 2 || f->stream || f->o.window > 0)
        return 0;
    f->o.buckets = groups;
    f->sorted = malloc(sizeof *f->sorted * (size_t)(groups * f->o.batch));
    f->turn = malloc(sizeof *f->turn * (size_t)groups);
    return f->sorted && f->turn
               ? 0
               : rt_fail_memory(err, sizeof *f->sorted * (size_t)groups);
}

RtFeed *feed_open(const RtData *data, const RtFeedOptions *o, RtError *err)
{
    RtFeed *f = calloc(1, sizeof *f);
    if (!f) {
        rt_fail_memory(err, sizeof *f);
        return NULL;
    }
    f->data = data;
    f->o = *o;
    f->epoch = -1;
    if (f->o.hop < 1)
        f->o.hop = 1;
    int bad = 0;
    if (has_more_axes(data) && (o->chunk > 0 || o->window > 0))
        bad = rt_fail(err, "sequences with several time axes are dealt whole: "
                           "neither tbptt nor window can cut them");
    if (!bad && o->batch < 1)
        bad =
            rt_fail(err, "batch = %lld, wanted 1 or more", (long long)o->batch);
    bad = bad || find_pieces(f, err) || find_rows(f, err) || make_room(f, err);
    if (bad) {
        feed_free(f);
        return NULL;
    }
    return f;
}

/* The piece that holds a row, where rows are windows. */
static const Piece *piece_of(const RtFeed *f, int64_t row)
{
    int64_t lo = 0, hi = f->npiece - 1;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo + 1) / 2;
        if (f->piece[mid].first <= row)
            lo = mid;
        else
            hi = mid - 1;
    }
    return &f->piece[lo];
}

/* The row at a place of the present epoch. */
static Row row_at(const RtFeed *f, int64_t place)
{
    int64_t row = f->order[place];
    const Piece *p = &f->piece[0];
    if (f->stream)
        return (Row){p->seq, p->offset + row * f->stream, f->stream};
    if (f->o.window <= 0) {
        p = &f->piece[row];
        return (Row){p->seq, p->offset, p->length};
    }
    p = piece_of(f, row);
    return (Row){p->seq, p->offset + (row - p->first) * f->o.hop, f->o.window};
}

static int64_t group_rows(const RtFeed *f, int64_t group)
{
    int64_t left = f->nrow - group * f->o.batch;
    return left < f->o.batch ? left : f->o.batch;
}

static int64_t longest_row(const RtFeed *f, int64_t group)
{
    int64_t n = group_rows(f, group), T = 0;
    for (int64_t b = 0; b < n; b++) {
        int64_t length = row_at(f, group * f->o.batch + b).length;
        if (length > T)
            T = length;
    }
    return T;
}

static int by_length(const void *a, const void *b)
{
    const Sorted *x = a, *y = b;
    for (int k = 0; k <= CELL_TIMES; k++)
        if (x->key[k] != y->key[k])
            return x->key[k] < y->key[k] ? -1 : 1;
    return 0;
}

/* Sorts n places from `first` on, which are whole groups, by length; then the
 * groups come in an order of their own, so that short rows do not come first.
 */
static void sort_bucket(RtFeed *f, int64_t epoch, int64_t first, int64_t n)
{
    int64_t B = f->o.batch, groups = (n + B - 1) / B;
    for (int64_t i = 0; i < n; i++) {
        Row row = row_at(f, first + i);
        Sorted *s = &f->sorted[i];
        s->row = f->order[first + i];
        for (int k = 0; k < CELL_TIMES; k++)
            s->key[k] = k ? data_steps(f->data, k, row.seq) : row.length;
        s->key[CELL_TIMES] = i;
    }
    qsort(f->sorted, (size_t)n, sizeof *f->sorted, by_length);
    for (int64_t g = 0; g < groups; g++)
        f->turn[g] = g;
    /* a group that is not full stays the last */
    if (f->o.shuffle)
        rt_shuffle(f->o.seed + (uint64_t)first,
                   rt_stream(RT_STREAM_BUCKET, (uint64_t)epoch), f->turn,
                   groups - (n % B > 0));
    for (int64_t i = 0; i < n; i++)
        f->order[first + i] = f->sorted[f->turn[i / B] * B + i % B].row;
}

/* Order and batches of an epoch: a function of the seed and its number. */
static void lay_out_epoch(RtFeed *f, int64_t epoch)
{
    if (epoch == f->epoch)
        return;
    for (int64_t i = 0; i < f->nrow; i++)
        f->order[i] = i;
    if (f->o.shuffle && !f->stream)
        rt_shuffle(f->o.seed, rt_stream(RT_STREAM_SHUFFLE, (uint64_t)epoch),
                   f->order, f->nrow);
    for (int64_t i = 0, n; f->sorted && i < f->nrow; i += n) {
        n = f->o.buckets * f->o.batch;
        n = n < f->nrow - i ? n : f->nrow - i;
        sort_bucket(f, epoch, i, n);
    }
    f->batch[0] = 0;
    for (int64_t g = 0; g < f->ngroup; g++) {
        int64_t chunk = f->o.chunk;
        int64_t n = chunk > 0 ? (longest_row(f, g) - 1) / chunk + 1 : 1;
        f->batch[g + 1] = f->batch[g] + n;
    }
    f->epoch = epoch;
}

int64_t feed_batches(RtFeed *f, int64_t epoch, RtError *err)
{
    if (epoch < 0)
        return rt_fail(err, "epoch %lld does not exist", (long long)epoch);
    lay_out_epoch(f, epoch);
    return f->batch[f->ngroup];
}

int64_t feed_rows(const RtFeed *f)
{
    return f->nrow;
}

int64_t feed_steps(const RtFeed *f)
{
    if (f->stream)
        return f->nrow * f->stream;
    if (f->o.window > 0)
        return f->nrow * f->o.window;
    int64_t n = 0;
    for (int64_t i = 0; i < f->npiece; i++)
        n += f->piece[i].length;
    return n;
}

double feed_padding(RtFeed *f, int64_t epoch)
{
    double all = 0;
    lay_out_epoch(f, epoch);
    for (int64_t g = 0; g < f->ngroup; g++)
        all += (double)longest_row(f, g) * (double)group_rows(f, g);
    return 1 - (double)feed_steps(f) / all;
}

/* Steps of a row within the chunk, without its first `skip`. */
static int64_t steps_in(Row row, const RtBatch *b, int64_t skip)
{
    int64_t n = row.length - b->from - skip, T = b->T - skip;
    return n < 0 ? 0 : n > T ? T : n;
}

/* Where chunk i of a row begins: `back` steps before it would end. */
static int64_t chunk_from(const RtFeedOptions *o, int64_t i)
{
    int64_t from = (i + 1) * o->chunk - o->back;
    return o->back <= o->chunk ? i * o->chunk : from < 0 ? 0 : from;
}

int feed_batch(RtFeed *f, int64_t epoch, int64_t index, RtBatch *b,
               RtError *err)
{
    int64_t count = feed_batches(f, epoch, err);
    if (count < 0)
        return -1;
    if (index < 0 || index >= count)
        return rt_fail(err, "batch %lld of an epoch of %lld does not exist",
                       (long long)index, (long long)count);
    int64_t lo = 0, hi = f->ngroup - 1;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo + 1) / 2;
        if (f->batch[mid] <= index)
            lo = mid;
        else
            hi = mid - 1;
    }
    int64_t chunk = index - f->batch[lo];
    *b = (RtBatch){.epoch = epoch, .index = index, .group = lo};
    b->B = group_rows(f, lo);
    b->from = chunk_from(&f->o, chunk);
    b->skip = chunk * f->o.chunk - b->from;
    b->carry = chunk_from(&f->o, chunk + 1) - b->from;
    b->T = longest_row(f, lo) - b->from;
    if (f->o.chunk > 0 && b->T > b->skip + f->o.chunk)
        b->T = b->skip + f->o.chunk;
    b->first = chunk == 0;
    b->start = b->from == 0;
    b->end = index + 1 == f->batch[lo + 1];
    for (int64_t r = 0; r < b->B; r++)
        for (int k = 1; k < CELL_TIMES; k++) {
            int64_t seq = row_at(f, lo * f->o.batch + r).seq;
            int64_t n = data_steps(f->data, k, seq);
            b->more[k] = r && b->more[k] > n ? b->more[k] : n;
        }
    for (int64_t r = 0; r < b->B; r++)
        b->steps += steps_in(row_at(f, lo * f->o.batch + r), b, b->skip);
    return 0;
}

/* n reals from element i of a field's data on. */
static void copy_reals(const RtField *field, int64_t i, int64_t n,
                       int real_bytes, char *dst)
{
    size_t size = (size_t)real_bytes;
    if (field->type == (real_bytes == 4 ? NPY_F4 : NPY_F8) &&
        field->scale == 1) {
        memcpy(dst, (const char *)field->data + (size_t)i * size,
               (size_t)n * size);
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        double x = data_value(field, i + k);
        if (real_bytes == 4)
            ((float *)(void *)dst)[k] = (float)x;
        else
            ((double *)(void *)dst)[k] = x;
    }
}

void feed_fill(const RtFeed *f, const RtBatch *b, const RtField *field,
               int64_t b0, int64_t nb, int real_bytes, void *dst)
{
    size_t element = (size_t)field->size * (size_t)real_bytes;
    for (int64_t r = 0; r < nb; r++) {
        Row row = row_at(f, b->group * f->o.batch + b0 + r);
        char *to = (char *)dst + element * (size_t)r;
        if (field->is_static) {
            copy_reals(field, row.seq * field->size, field->size, real_bytes,
                       to);
            continue;
        }
        int64_t valid = steps_in(row, b, 0), at = row.offset + b->from,
                T = b->T;
        if (field->axis) {
            valid = data_steps(f->data, field->axis, row.seq);
            at = f->data->steps[field->axis].offset[row.seq];
            T = b->more[field->axis];
        }
        for (int64_t t = 0; t < T; t++, to += element * (size_t)nb) {
            if (t < valid)
                copy_reals(field, (at + t) * field->size, field->size,
                           real_bytes, to);
            else
                memset(to, 0, element);
        }
    }
}

void feed_lengths(const RtFeed *f, const RtBatch *b, int64_t b0, int64_t nb,
                  int64_t *length, unsigned char *last)
{
    for (int64_t r = 0; r < nb; r++) {
        Row row = row_at(f, b->group * f->o.batch + b0 + r);
        if (length)
            length[r] = steps_in(row, b, 0);
        if (last)
            last[r] =
                row.length > b->from + b->skip && row.length <= b->from + b->T;
    }
}

void feed_lengths_along(const RtFeed *f, const RtBatch *b, int axis, int64_t b0,
                        int64_t nb, int64_t *length)
{
    for (int64_t r = 0; r < nb; r++) {
        Row row = row_at(f, b->group * f->o.batch + b0 + r);
        length[r] = data_steps(f->data, axis, row.seq);
    }
}

int64_t feed_sequence(const RtFeed *f, const RtBatch *b, int64_t row)
{
    return row_at(f, b->group * f->o.batch + row).seq;
}

void feed_classes(const RtFeed *f, const RtField *field, double *count,
                  int64_t n)
{
    for (int64_t i = 0; i < f->npiece; i++) {
        const Piece *p = &f->piece[i];
        int64_t at = p->offset, steps = p->length;
        if (field->is_static) {
            at = p->seq;
            steps = 1;
        } else if (field->axis) {
            at = f->data->steps[field->axis].offset[p->seq];
            steps = data_steps(f->data, field->axis, p->seq);
        }
        for (int64_t k = at; k < at + steps; k++) {
            double c = data_value(field, k);
            if (c >= 0 && c < (double)n)
                count[(int64_t)c]++;
        }
    }
}
