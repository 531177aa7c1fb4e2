/* Data sets and the batches that training draws from them.
 *
 * RtData holds sequences: every step field has one block of elements per step
 * of its time axis, the steps of all sequences in one array; a static field has
 * one element per sequence.  RtFeed deals a part of them out, in rows that are
 * whole sequences, contiguous streams of one long sequence, or windows; B rows
 * form a group, and a group is dealt in chunks of `chunk` steps.  A position in
 * training is two numbers, epoch and batch; what they hold follows from the
 * options alone, so that a run goes on where it stopped. */
#ifndef CELLC_DATA_H
#define CELLC_DATA_H

#include "cellrt.h"
#include "csv.h"
#include "npy.h"
#include "store.h"

/* What a model wants of one input. */
typedef struct RtWant {
    const char *name;
    int is_index;    /* class numbers */
    int observed;    /* a negative class means "not observed" */
    int is_static;   /* one value per sequence, not per step */
    int axis;        /* else its time axis, from 0 */
    int rank;        /* extents of one element (0: a scalar or an index) */
    int64_t dim[4];  /* -1: open, taken from the data */
    int64_t classes; /* of an index; 0: open, taken from the data */
} RtWant;

typedef struct RtField {
    char *name;
    char *from;                                    /* file, for messages */
    int is_index, observed, is_static, axis, rank; /* as in RtWant */
    int64_t dim[4];  /* as wanted, open ones filled in */
    int64_t size;    /* reals per element: product of dim */
    int64_t classes; /* as wanted, or the largest class found + 1 */
    NpyType type;    /* of the stored elements */
    double scale;    /* what they are multiplied by */
    int64_t count;   /* elements stored */
    void *data;      /* [count, size]; count is the steps of all sequences, of
                        a static field the sequences */
    RtStore store;   /* that it lies in, if it is not malloc'd */
} RtField;

/* The steps of all sequences along a time axis. */
typedef struct RtSteps {
    int64_t *offset; /* [nseq + 1]: first step of each in the step fields,
                        and their end; NULL: each has one step */
    int64_t *length; /* [nseq]: valid steps of each, up to offset[i + 1] */
} RtSteps;

/* A slower axis: one step for every `rate` of those of axis `like`; rate 0, 1:
 * it is none. */
typedef struct RtClock {
    int like, rate;
} RtClock;

/* Start with `RtData d = {0};`, end with data_free. */
typedef struct RtData {
    RtField *field;
    int nfield;
    int64_t nseq;              /* sequences */
    RtSteps steps[CELL_TIMES]; /* the first is never without, once finished */
    RtClock clock[CELL_TIMES]; /* set by the caller; data_finish checks the
                                  steps of such axes or finds them */
    int64_t *packed; /* [npacked + 1]: first step of each sequence in arrays
                        that hold several, one after the other; or NULL */
    int64_t npacked;
    int64_t max_steps; /* set by the caller: data_finish cuts what is longer;
                          0: nothing */
} RtData;

void data_free(RtData *d);
/* Each call adds one field.  Step fields of one axis must agree in the
 * sequences and their steps, all others in the number of sequences. */

/* Numbers that lie in a store: of a step input those of n sequences, sequence i
 * at start[i] .. start[i + 1] - 1, of a static one an element for each of n.
 * No extent is open.  They count `scale` times.  Takes the store over, also on
 * an error. */
int data_add_store(RtData *d, const RtWant *want, const char *from,
                   RtStore *store, NpyType type, double scale, int64_t n,
                   const int64_t *start, RtError *err);
/* Classes of an index input, copied: of a step input those of n sequences,
 * sequence i at start[i] .. start[i + 1] - 1; of a static one a class for each
 * of n. */
int data_add_classes(RtData *d, const RtWant *want, const char *from,
                     const int32_t *ids, int64_t n, const int64_t *start,
                     RtError *err);
/* The array of a file (array.h): [N,T,element] ([T,N,element] with time_first),
 * or one sequence [T,element]; a static input [N,element].  The element's rank
 * tells which.  Images of idx are fitted as by data_fit, their bytes scaled to
 * 0 to 1 where they are no class numbers. */
int data_add_array(RtData *d, const RtWant *want, const char *path,
                   const char *part, int time_first, RtError *err);
/* From now on an array of one sequence along axis 0 holds several, n of them,
 * one after the other. */
int data_pack(RtData *d, const double *length, int64_t n, RtError *err);
/* The steps that an array of one sequence has for an input, and its element's
 * extents; where its rank is another than [T,element], numbers are taken one
 * after the other.  -1 and no message where it does not fit. */
int64_t data_fit(const RtWant *want, int rank, const int64_t *dim,
                 int64_t element[4]);
/* Columns of a table, side by side, as csv_columns names them.  A line is a
 * step; with `per_line` it is a sequence, and the input a static one. */
int data_add_csv(RtData *d, const RtWant *want, const Csv *csv,
                 const char *columns, int per_line, RtError *err);
/* Lengths of the n sequences along an axis; after a step field.  `path` is for
 * messages. */
int data_lengths(RtData *d, int axis, const char *path, const double *length,
                 int64_t n, RtError *err);
/* "[N,T,3,?]" of lead "N,T" and an element's extents; malloc'd. */
char *data_shape_text(const char *lead, const RtWant *want);
/* Steps of sequence i along an axis. */
int64_t data_steps(const RtData *d, int axis, int64_t i);
/* Gives every sequence of the first axis n steps, or as many as the longest has
 * (n = 0), for models that were trained so: what is new is 0, of observed
 * classes "not observed", and comes before the sequence or after it (pad.c). */
int data_pad(RtData *d, int64_t n, int before, RtError *err);
/* Last check, once all is added: numbers of sequences; index ranges, NaN and
 * infinities within the lengths.  Fills in open `classes`.  Without any step
 * field, every sequence has one step. */
int data_finish(RtData *d, RtError *err);
const RtField *data_field(const RtData *d, const char *name); /* or NULL */
double data_value(const RtField *f, int64_t i); /* i-th real of a field */

/* How a part of the data is dealt. */
typedef struct RtFeedOptions {
    double from, to; /* part: fractions of the sequences, of the steps if there
                        is only one; 0, 0.9 and 0.9, 1 for the last tenth */
    uint64_t split;  /* the seed that draws which sequences a part has, the same
                        for all parts; 0: they follow each other in the data */
    int64_t batch;   /* rows of a group, B */
    int64_t chunk;   /* steps of a chunk; 0: the whole row at once */
    int64_t back;    /* > chunk: a chunk begins so many steps before its end,
                        with steps of the chunks before */
    int64_t window;  /* > 0: rows are windows of that many steps */
    int64_t hop;     /* steps from window to window; 0 is 1 */
    int streams;     /* 1: if there is only one sequence, cut it into `batch`
                        contiguous rows, never shuffled */
    int shuffle;     /* 1: another order of rows in every epoch */
    int64_t buckets; /* > 1: rows of like length go together: so many groups in
                        the order of the epoch are sorted by length */
    uint64_t seed;
} RtFeedOptions;

typedef struct RtFeed RtFeed;

/* `data`, finished, is borrowed.  Sequences of no step are left out, and so are
 * the last steps of a stream that are too few for all rows.  Error if nothing
 * is left: no step, fewer steps than streams, no whole window.  Start with
 * RtFeedOptions o = {.to = 1, .batch = ...}. */
RtFeed *feed_open(const RtData *data, const RtFeedOptions *o, RtError *err);
void feed_free(RtFeed *f);

/* One batch: a chunk of a group. */
typedef struct RtBatch {
    int64_t epoch, index;     /* position, both from 0 */
    int64_t group;            /* which rows */
    int64_t B;                /* rows; the last group may be smaller */
    int64_t from;             /* first step within the rows, from 0 */
    int64_t T;                /* steps of this chunk ... */
    int64_t skip;             /* ... of which the first were dealt before */
    int64_t carry;            /* after so many of them the next chunk begins */
    int64_t more[CELL_TIMES]; /* steps along the further axes, all of them */
    int first;                /* 1: first chunk of the group */
    int start;                /* 1: the rows begin here; 0: carry the state */
    int end;                  /* 1: last chunk of the group */
    int64_t steps;            /* valid steps of all its rows, dealt now */
} RtBatch;

/* Number of batches of an epoch; the same in all unless the rows are shuffled
 * and of different length. */
int64_t feed_batches(RtFeed *f, int64_t epoch, RtError *err); /* -1: error */
int64_t feed_steps(const RtFeed *f); /* valid steps of an epoch */
int64_t feed_rows(const RtFeed *f);  /* sequences, streams or windows */
/* The share of steps in the batches of an epoch that are padding. */
double feed_padding(RtFeed *f, int64_t epoch);
/* Describes batch `index` of `epoch`. */
int feed_batch(RtFeed *f, int64_t epoch, int64_t index, RtBatch *b,
               RtError *err);

/* Writes the elements of a field for rows b0 .. b0+nb-1 of the batch to dst, as
 * float or double by real_bytes: [T, nb, size], static [nb, size], with T the
 * steps of the field's axis.  Beyond a
 * row's length 0 is written.  `b` comes from the last call of feed_batch; its
 * `from` and T may be changed by the caller.  Threads may fill at once. */
void feed_fill(const RtFeed *f, const RtBatch *b, const RtField *field,
               int64_t b0, int64_t nb, int real_bytes, void *dst);
/* Valid steps of the rows within this chunk, 0..T, and 1 where a row's last
 * step is in it and was not dealt before; both [nb], either may be NULL. */
void feed_lengths(const RtFeed *f, const RtBatch *b, int64_t b0, int64_t nb,
                  int64_t *length, unsigned char *last);
/* The same steps along another time axis, which is never cut; [nb]. */
void feed_lengths_along(const RtFeed *f, const RtBatch *b, int axis, int64_t b0,
                        int64_t nb, int64_t *length);
/* Adds to count[c] how often class c of an index field is observed in all that
 * an epoch deals; classes from n on are left out. */
void feed_classes(const RtFeed *f, const RtField *field, double *count,
                  int64_t n);
/* Sequence number of a row, as for naming results. */
int64_t feed_sequence(const RtFeed *f, const RtBatch *b, int64_t row);

#endif
