/* One evaluation at a time of a model on some sequences: the work block for
 * given T and B, how arrays of the caller get into it and out of it, noise, and
 * the state that is carried from chunk to chunk.  Order of calls for a chunk:
 * session_begin, session_set... for every input, session_lengths (optional),
 * session_noise (when training), session_forward, session_backward,
 * session_get..., session_carry.
 *
 * Arrays of the caller are [T,B,element], static ones [B,element], with a
 * second time axis [U,B,element] or [U,T,B,element]; batch-first where said,
 * [B,T,element], [B,U,T,element]. */
#ifndef CELLC_SESSION_H
#define CELLC_SESSION_H

#include "model.h"
#include "npy.h"

typedef struct RtSession {
    RtModel *model;       /* borrowed */
    const CellDesc *desc; /* the model's */
    void *work;           /* 64-byte aligned */
    void *grads;          /* block that backward fills: model->grads, or what
                             the owner of the session put here */
    size_t capacity;      /* bytes of work */
    int64_t n[CELL_AXES]; /* extents of this chunk */
    int64_t *length[CELL_TIMES]; /* [B] valid steps of each sequence along an
                                    axis, all if not set */
    int64_t room;                /* entries of each length */
    int start;                   /* this chunk begins the sequences */
    int fresh;                   /* nothing of forwards before lies in work */
    unsigned char *given;        /* [ntensor] inputs set since session_begin */
    void **carry;    /* [ntensor] rows before the next chunk's step 1,
                        [lag,carry_B,size] reals, or NULL */
    int64_t carry_B; /* 0: nothing carried */
    int64_t carry_rows, carry_row0; /* not 0: sequences that are carried, of
                                       which a chunk has those from carry_row0
                                       on; set by the owner */
    void **was;          /* `carry` as it was at session_remember, or NULL */
    uint64_t seed;       /* of noise */
    uint64_t step;       /* which noise: counts updates */
    uint64_t start_step; /* `step` when the sequences began */
    int64_t row0, rows;  /* this session's rows are row0... of `rows` */
    int64_t step0;       /* steps of the same noise before this chunk */
    int64_t past;        /* steps of the sequences before this chunk, and */
    int64_t carry_past;  /* before the one that goes on from what is carried */
    int along;           /* time axis along which chunks follow; -1 of several:
                            none, unless the owner says which */
} RtSession;

/* NULL without memory.  Fields seed, step, grads, row0 may be set by the owner
 * at any time between chunks. */
RtSession *session_new(RtModel *m, RtError *err);
void session_free(RtSession *s); /* NULL is fine */

/* Steps along time axis 1, 2 in the chunks that follow; 1 until then. */
void session_steps(RtSession *s, int axis, int64_t steps);

/* Makes room for T >= 1 steps of B >= 1 sequences; the work block keeps its
 * size if it is large enough.  start = 1: the sequences begin here; 0: they go
 * on, and session_carry has been called with the same B, or carry_rows, (else
 * an error).  Sets LENGTH to T, LAST to 1, START, BATCH to B, TOTAL to 0, FRESH
 * to 1 where the sequences begin (parameters may be others then) or `work` is
 * new. */
int session_begin(RtSession *s, int64_t T, int64_t B, int start, RtError *err);

/* Fills input `i`; the shape must fit T and B.  Class numbers are checked:
 * integers (or reals that are integers) in 0 .. classes-1; a negative one only
 * where the input is CELL_OBSERVED.  Floating-point inputs take any type. */
int session_set_npy(RtSession *s, int i, const Npy *a, int batch_first,
                    RtError *err);
/* The same from `value[...]` of the shape above, time first. */
void session_set(RtSession *s, int i, const double *value);
/* Where input `i` lies in `work`, for a caller who writes reals there himself
 * (feed_fill); counts as set. */
void *session_place(RtSession *s, int i);

/* Steps of each sequence in this chunk along time axis `axis`, from 0 to all of
 * them; [B].  Padding of the inputs is
 * overwritten at session_forward: with the sequence's last valid row, with 0 if
 * it has none, with -1 in CELL_OBSERVED class numbers, so that nothing of what
 * the caller left there is ever seen. */
int session_lengths(RtSession *s, int axis, const int64_t *length,
                    RtError *err);
/* 1 where the sequence's last step is in this chunk; [B]. */
void session_last(RtSession *s, const unsigned char *last);
/* Steps at the beginning of this chunk that no term counts; 0 until then. */
void session_skip(RtSession *s, int64_t steps);
/* Steps of the sequences before this chunk, where it is not what was carried.
 */
void session_past(RtSession *s, int64_t steps);
/* Sequences in the whole batch, where this session has only some of them. */
void session_batch(RtSession *s, int64_t sequences);
/* Steps that each sequence's terms are divided by (0: those here); [B]. */
void session_total(RtSession *s, const int64_t *total);

/* Draws the NOISE tensors that have not been set.  A value depends on (seed,
 * step, tensor, row of the whole batch, place from step0 on) alone, so not on
 * the number of threads; "once": the step at which the sequences began;
 * "shared": not on the row.  Inference models do not read noise and need no
 * call. */
int session_noise(RtSession *s, RtError *err);

/* Error: an input was not set; or what the generated code returned. */
int session_forward(RtSession *s, RtError *err);
int session_backward(RtSession *s, RtError *err);

/* Gives the parameters that have a next value that of the last forward; to be
 * called after the update. */
void session_update(const RtSession *s);

/* Any tensor of the work block as doubles in the layout above; 0 beyond each
 * sequence's length (class numbers too).  session_count gives how many. */
void session_get(const RtSession *s, int i, int batch_first, double *value);
int64_t session_count(const RtSession *s, int i);
/* The row of tensor `i` at these steps alone, as it was computed. */
void session_read(const RtSession *s, int i, const int64_t at[CELL_AXES],
                  double *value);
/* The rows of tensor `i` one after the other, as they lie in `work`: starts
 * with at[] all 0, false behind the last. */
int session_next(const RtSession *s, int i, int64_t at[CELL_AXES]);
/* Number of that row in an array of the caller's over `axes`; whether it lies
 * beyond the length of its sequence along one of them. */
int64_t session_row(const RtSession *s, int axes, int batch_first,
                    const int64_t at[CELL_AXES]);
int session_beyond(const RtSession *s, int axes, const int64_t at[CELL_AXES]);
/* Value of a scalar, the sum of a [B] tensor. */
double session_sum(const RtSession *s, int i);
/* The loss; 0 if the model has none. */
double session_loss(const RtSession *s);

/* Keeps the last `lag` rows up to step `steps` of every tensor that is read at
 * earlier steps, for the next session_begin with start = 0, which goes on
 * there; of a sequence that ends before, the last of its own. */
int session_carry(RtSession *s, int64_t steps, RtError *err);
/* Room for carried rows of B sequences, to be filled by the owner (resume). */
int session_carry_room(RtSession *s, int64_t B, RtError *err);
/* Copies what is carried to to[ntensor], making room where that is NULL. */
int session_keep(const RtSession *s, void **to, RtError *err);
/* Keeps it for session_recall, while session_carry replaces it. */
int session_remember(RtSession *s, RtError *err);
/* What `from`, of the same model, had carried then of its sequences `first` to
 * first + B - 1, as carried to the next session_begin of B. */
int session_recall(RtSession *s, const RtSession *from, int64_t first,
                   int64_t B, RtError *err);
/* Begins a session on another compilation of the same spec with everything that
 * the caller has put into `from`, so that it can go forward. */
int session_same(RtSession *s, const RtSession *from, RtError *err);
/* What is carried becomes that of n sequences: b is what from[b] was. */
int session_arrange(RtSession *s, int64_t n, const int64_t *from, RtError *err);
/* Copies carried rows of tensor `i` of B sequences, from `first` on of the
 * `all` of one array, to `at` on of those that another has room for. */
void session_take(const RtSession *s, int i, const void *from, int64_t all,
                  int64_t first, void *to, int64_t room, int64_t at, int64_t B);
/* Whether tensor `i` is carried, where there is one time axis. */
int session_carries(const CellDesc *d, int i);
/* Reals of all rows of tensor `i` at one step of the axis along which chunks
 * follow, of B sequences. */
int64_t session_step(const RtSession *s, int i, int64_t B);

#endif
