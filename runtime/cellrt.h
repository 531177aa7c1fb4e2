/* The contract between generated code and everything that runs it: a constant
 * descriptor of what lies where, and the functions' types.  Knows nothing of
 * the compiler.  Generated C (tcc, cc, emitted files) and the f64 evaluator
 * all present a model in this form. */
#ifndef CELLRT_H
#define CELLRT_H

#include <stddef.h>
#include <stdint.h>

#define CELL_ABI 4 /* bumped whenever a layout below changes */

/* Axes over which a tensor varies besides its own extents: time, sequences,
 * and further time axes in the order of their declaration.  Rows lie in the
 * order V, U, T, B, so that those of one step of a later axis are neighbours.
 * Arrays of extents are indexed by CELL_AT_T ... */
enum { CELL_T = 1, CELL_B = 2, CELL_U = 4, CELL_V = 8 };
enum { CELL_AT_T, CELL_AT_B, CELL_AT_U, CELL_AT_V, CELL_AXES };
enum { CELL_TIMES = 3 }; /* time axes at most: T, U, V */

/* What a tensor is for. */
enum {
    CELL_PARAM,  /* in the parameter block */
    CELL_INPUT,  /* written by the caller before forward */
    CELL_NOISE,  /* as INPUT, drawn by the runtime (rt_noise) */
    CELL_STATE,  /* a name read at earlier steps: `lag` rows to carry */
    CELL_OUTPUT, /* read by the caller after forward */
    CELL_FINAL,  /* state at each sequence's own last step, [B,...] */
    CELL_LOSS,   /* scalar, what backward differentiates */
    CELL_TERM,   /* one term of the loss, unreduced per sequence: sum [B] */
    CELL_COUNT,  /* how many steps that term counted: [B] */
    CELL_METRIC, /* scalar sum over valid positions, beside its COUNT */
    CELL_DRAW,   /* a parameter of the distribution that draws a name */
    CELL_GRAD,   /* after backward: gradient of an input or start value;
                    gradients of parameters are in the gradient block */
    CELL_LENGTH, /* [B] steps of each sequence, as reals; caller writes; one
                    for each time axis but those that have the very steps of
                    another, `of` is its number from 0 */
    CELL_LAST,   /* [B] 1 where the sequence ends in this chunk */
    CELL_START,  /* scalar: 1 on the first chunk of the sequences, else 0 */
    CELL_BATCH,  /* scalar: sequences in the whole batch (B, or more when
                    the batch is split over threads) */
    CELL_TOTAL,  /* [B] steps to normalise each term by; 0: count here */
    CELL_NEXT,   /* what parameter `of` becomes after an update */
    CELL_STOP,   /* not 0 at a step with which drawing ends */
    CELL_SKIP,   /* scalar: steps at the beginning of this chunk that no term
                    counts: their gradient was taken in chunks before */
    CELL_FRESH,  /* scalar: 0 where what depends on parameters alone lies in the
                    work block already, from a forward before */
    CELL_PAST    /* scalar: steps of the first time axis before this chunk */
};

/* Flags of a tensor. */
enum {
    CELL_INDEX = 1,      /* holds class numbers, 0-based, stored as reals */
    CELL_OBSERVED = 2,   /* left of `~`: negative means "not observed" */
    CELL_LIKELIHOOD = 4, /* TERM of a `~`: perplexity and bits make sense */
    CELL_FROZEN = 8,     /* never updated; INPUT: has no GRAD */
    CELL_BACKWARD = 16,  /* its recurrence is swept from the end to 1 */
    CELL_WHOLE = 32,    /* BATCH: a value depends on all sequences of the batch,
                           which must not be split */
    CELL_AFTER = 64,    /* INPUT: cotangents of what the steps behind the end
                           read; its GRAD: of what these read before them */
    CELL_OWN = 128,     /* DRAW: depends on the name that it draws */
    CELL_SIMPLEX = 256, /* PARAM: rows are positive and sum to 1 */
    CELL_SKEW = 512,    /* PARAM: square matrices with A' = -A */
    CELL_KNOWN = 1024   /* INPUT: computed before (compiler/part.c), all rows
                           count, those behind the end of a sequence too */
};

/* Number of reals as a polynomial: c, and for each set of axes by[set] times
 * the product of their extents. */
typedef struct CellSize {
    int64_t c, by[1 << CELL_AXES];
} CellSize;

/* Where optimiser and initialiser find what the spec said about a name.
 * Kinds are the words of the language ("uniform", "glorot", ...). */
typedef struct CellInit {
    const char *kind;    /* "const" "normal" "uniform" "glorot" "orthogonal"
                            "bernoulli" "load" "frequency" "table" ... */
    double a, b;         /* its numbers: value; mean, sd; low, high; p */
    const char *file;    /* load("file"), else NULL */
    const double *value; /* "table": of every element, row-major; NOISE
                            "categorical": the classes' weights where `of` is
                            -1; else NULL */
} CellInit;

typedef struct CellTensor {
    const char *name; /* the dotted name that users see */
    int role;         /* CELL_PARAM ... */
    int flags;        /* CELL_INDEX ... */
    int axes;         /* CELL_T | CELL_B ... */
    int rank;         /* extents of one element, axes not counted */
    int64_t dim[4];   /* rows first, row-major */
    int64_t classes;  /* CELL_INDEX: number of classes, else 0 */
    const char *set;  /* CELL_INDEX: name of the set ("chars"); OUTPUT: that it
                         is a member of or, by its last extent, has a number
                         for each member of; or NULL */
    int lag, lead;    /* rows kept before step 1 and after the last ... */
    int axis;         /* ... of this time axis, counted from 0 */
    CellSize at;      /* offset, in reals: of step 1 in the work block;
                         CELL_PARAM: at.c in parameter AND gradient block */
    int of;           /* GRAD, FINAL, COUNT, DRAW: index of the tensor it
                         belongs to; NOISE "categorical": of the PARAM with
                         the classes' weights; else -1 */
    const char *what; /* DRAW: "categorical.p", "normal.mean", ... */
    CellInit init;    /* PARAM: start value; NOISE: distribution, with
                         kind suffixed by " once" or " shared" where so */
    double lo, hi;    /* PARAM in (lo, hi): constrained; -inf, inf: free;
                         DRAW: both are its value, where that is a number */
    double lr, decay; /* PARAM: factor of the learning rate; decay, or -1
                         where the optimiser's holds */
    const char *clip; /* PARAM: "norm(1)" of its own, or NULL */
} CellTensor;

/* forward: fills every OUTPUT, FINAL, LOSS, TERM, COUNT, METRIC and DRAW from
 * the parameters and the INPUT, NOISE, LENGTH... tensors in `work`.  With
 * START = 0 the `lag` rows of every STATE must hold the carried values;
 * with START = 1 forward fills them from the boundary equations.
 * backward: only after forward on the same `work`; overwrites the gradient
 * block and the GRAD tensors.  Both return 0.  n: extents of the axes, all at
 * least 1; [CELL_AT_U] on are looked at only if the model has such axes.
 * `work` has work_size reals and is 64-byte aligned; nothing is allocated. */
typedef int CellFn(const void *params, void *grads, void *work,
                   const int64_t *n);

typedef struct CellDesc CellDesc;

/* An interpreter in place of compiled functions: fn 0 forward, 1 backward. */
typedef int CellRun(const CellDesc *d, int fn, const void *params, void *grads,
                    void *work, const int64_t *n);

struct CellDesc {
    int abi;                      /* CELL_ABI */
    const char *name;             /* model name */
    int real_bytes;               /* 4 or 8 */
    int ntime;                    /* time axes, at least 1 */
    const char *time[CELL_TIMES]; /* their names in the source */
    int like[CELL_TIMES]; /* an earlier axis that gives this one its steps:
                             one for `rate` of those; -1: none */
    int rate[CELL_TIMES]; /* 1: the same steps once more; more: a slower clock,
                             floor(length / rate) long, its extent at least 1 */
    int ntensor;          /* entries of tensor */
    const CellTensor *tensor;
    int64_t param_size;  /* reals in the parameter block */
    CellSize work_size;  /* reals in the work block */
    int64_t once; /* about how many operations a call does once, whatever its
                     extents; -1: sequences are better run together */
    CellFn *forward;     /* never NULL */
    CellFn *backward;    /* NULL without a loss */
    const char *spec;    /* the source text, for checkpoints; may be NULL */
    const char *trained; /* `train` and `data` blocks as "key = value\n"
                            lines, expressions as written; may be NULL */
    CellRun *run;        /* not NULL: called instead of forward, backward */
    void *user;          /* for run alone */
};

static inline int cell_forward(const CellDesc *d, const void *params,
                               void *grads, void *work, const int64_t *n)
{
    return d->run ? d->run(d, 0, params, grads, work, n)
                  : d->forward(params, grads, work, n);
}

static inline int cell_backward(const CellDesc *d, const void *params,
                                void *grads, void *work, const int64_t *n)
{
    return d->run ? d->run(d, 1, params, grads, work, n)
                  : d->backward(params, grads, work, n);
}

/* Product of the extents of some axes. */
static inline int64_t cell_rows(int axes, const int64_t *n)
{
    int64_t rows = 1;
    for (int i = 0; i < CELL_AXES; i++)
        if (axes >> i & 1)
            rows *= n[i];
    return rows;
}

static inline int64_t cell_size(CellSize s, const int64_t *n)
{
    int64_t size = s.c;
    for (int a = 1; a < 1 << CELL_AXES; a++)
        if (s.by[a])
            size += s.by[a] * cell_rows(a, n);
    return size;
}

/* Place and bit of time axis i, counted from 0, among all axes. */
static inline int cell_time_at(int i)
{
    return i ? CELL_AT_B + i : CELL_AT_T;
}

static inline int cell_time(int i)
{
    return 1 << cell_time_at(i);
}

/* The number of the only time axis among some axes. */
enum { CELL_NO_TIME = -1, CELL_MANY_TIMES = -2 };

static inline int cell_only_time(int axes)
{
    int only = CELL_NO_TIME;
    for (int i = 0; i < CELL_TIMES; i++)
        if (axes & cell_time(i))
            only = only == CELL_NO_TIME ? i : CELL_MANY_TIMES;
    return only;
}

/* Steps of time axis i where the axis that gives it its steps has `steps`. */
static inline int64_t cell_steps(const CellDesc *d, int i, int64_t steps)
{
    return d->rate[i] > 1 ? steps / d->rate[i] : steps;
}

/* Sets the extents that follow from others. */
static inline void cell_extents(const CellDesc *d, int64_t *n)
{
    for (int i = 0; i < d->ntime; i++) {
        int64_t *to = &n[cell_time_at(i)];
        if (d->like[i] < 0)
            continue;
        *to = cell_steps(d, i, n[cell_time_at(d->like[i])]);
        *to = *to > 1 ? *to : 1;
    }
}

/* Rows of tensor t from its first to the one at i[CELL_AT_T], ... */
static inline int64_t cell_row(const CellTensor *t, const int64_t *n,
                               const int64_t *i)
{
    int64_t row = 0;
    for (int k = CELL_AXES; k > 0; k--) {
        int a = k > 2 ? k - 1 : k == 2 ? CELL_AT_T : CELL_AT_B; /* V, U, T, B */
        int64_t ends = a == cell_time_at(t->axis) ? t->lag + t->lead : 0;
        if (t->axes >> a & 1)
            row = row * (n[a] + ends) + i[a];
    }
    return row;
}

#endif
