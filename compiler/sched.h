/* What the compiled functions do, in order: stages (whole sequence, or one
 * loop in time) of kernels, each of which computes rows of reals from rows of
 * reals.  sched.c builds it from the graph, plan.c places its values, the
 * emitters print it; nobody after this looks at edges of the graph again. */
#ifndef CELLC_SCHED_H
#define CELLC_SCHED_H

#include "causal.h"

/* What a loop has of each sequence is large from so many reals on: such
 * matrices are swept, gathered in the loop, kept by turns and summed there
 * (sweep.c, gather.c, restate.c, running.c).  Lines with fewer than SHORT_LINE
 * are not swept where operations are looked up. */
enum { LARGE_STATE = 512, SHORT_LINE = 24 };

/* Index into Sched.val; -1 is none.  A node may have several values: one in
 * forward and one recomputed in backward, or one for each slot it feeds. */
typedef int Val;

typedef enum ValueKind {
    VAL_CONST,  /* the number `num` */
    VAL_TIME,   /* number of the step along `axis`: t + 1 for 0-based t */
    VAL_TABLE,  /* Graph.table[table] */
    VAL_PARAM,  /* the parameter of slot `slot` */
    VAL_GRAD,   /* its place in the gradient block */
    VAL_BUFFER, /* an array of its own in the work block */
    VAL_VIEW    /* part of another value: `base`, `col`, `row` */
} ValueKind;

/* How an element-wise kernel whose row is a matrix, line by line, reads a
 * vector. */
typedef enum Spread {
    SPREAD_NONE,
    SPREAD_LINES,  /* one real for each line */
    SPREAD_COLUMNS /* the same line again and again */
} Spread;

/* How long a buffer is needed. */
typedef enum Life {
    LIFE_KEEP,    /* seen by the caller: at a fixed place of its own */
    LIFE_TAPE,    /* written by forward, read by backward */
    LIFE_TEMP,    /* stages `first` to `last` of function `fn` */
    LIFE_PREPARED /* beside the parameters, once sched_prepare() was here */
} Life;

typedef struct Value {
    ValueKind kind;
    Ref ref;          /* the node it is the value of; 0: none (packed
                         weights, ends of a slot) */
    const char *name; /* name in the source of what it holds, or NULL */
    int slot;         /* PARAM, GRAD, buffers of slots; else -1 */
    int shape;        /* index into Graph.shape */
    int64_t n;        /* reals in a row: product of the shape */
    uint8_t axes;     /* over which it varies: GX_NONE: one row, GX_B: B
                         rows, GX_TB: T*B rows, ...; a value that lives only
                         inside one step of a loop does not have its axis */
    int axis;         /* time axis that `row`, lag and lead are along */
    double num;       /* CONST */
    int table;        /* TABLE */
    Val base;         /* VIEW: of what */
    int64_t col;      /* VIEW: its first real inside a row of base */
    int row;          /* VIEW with that axis: step t is step t + row of base;
                         without it, of a base that has it: step `row` */
    Spread spread;    /* VIEW: `base`, a vector, as a matrix of that shape */
    int from, to;     /* VIEW: not equal: the steps of time axis `from` of base
                         are those of `to` */
    int lag, lead;    /* BUFFER with that axis: steps kept before and after */
    int ring;         /* BUFFER: not 0: a power of two: so many steps are kept,
                         step t in place of t modulo that */
    int64_t turn;     /* BUFFER: not 0: so many steps are kept, those of a turn
                         (Stage.turn), and `lag` before */
    int64_t every;    /* BUFFER: not 0: each of so many steps is kept, the
                         first of a turn */
    int64_t part;     /* BUFFER: not 0: so many sequences, Stage.rows, are kept,
                         those at hand */
    bool end;         /* VIEW: of a ring that the caller sees: the last step of
                         each sequence, behind it */
    bool packed;      /* BUFFER: packed right operand, pk x pn */
    int64_t pn, pk;   /* its columns and rows */
    int group;        /* BUFFER: holds the rows of one chunk of that group of
                         function `fn` and no more; -1: all rows */
    Life life;        /* BUFFER */
    int fn, first, last; /* LIFE_TEMP */
} Value;

/* One operation of a FUSED kernel. */
typedef struct Inst {
    Op op;     /* elementwise */
    Ref node;  /* what it computes */
    int nin;   /* operands */
    int in[3]; /* operands: i >= 0: result of inst.v[i], earlier in this
                  kernel; i < 0: input in.v[~i] of the kernel */
    Val out;   /* where the result is stored as well, or -1 */
} Inst;

/* Rows of a kernel: axes NONE: `m` (1 but for matrices), B: B rows,
 * TB: T*B rows in a WHOLE stage, the B rows of step t in a LOOP over T;
 * likewise with further axes: all rows, or those of the loop's step.
 * x0, x1 are in.v[0..1], y is out.  All values are [rows, n] with the row
 * distance of their place.  For FUSED, COPY and TAIL an operand with n = 1
 * where more are used is repeated along the row, one with fewer axes for all
 * rows of the others, and numbers (CONST, TIME) may be operands.  For all
 * others operands are in memory and have the kernel's axes (in a LOOP some
 * may be missing), but for matrices and packed operands, which have none. */
typedef enum KernelKind {
    KN_FUSED, /* elementwise: inst; reads in, writes each inst's out */
    KN_COPY,  /* y[rows,n] = x0, repeated along the row if x0 has n = 1 */
    KN_PACK,  /* y packed = x0, a matrix: `trans`: pack_nt(N,K, x0[N,K]),
                 else pack_nn(N,K, x0[K,N]) with N = n, K = k */
    KN_GEMM,  /* y[rows,n] (add: +)= x0[rows,k] @ packed x1; rows per axes */
    KN_OUTER, /* y[n,k] (add: +)= x0[rows,n]^T x1[rows,k]; gemm_tn with
                 M = n, N = k, K = rows */
    KN_TRANSPOSE, /* y[m,n] = transposed x0[n,m] */
    KN_PRODUCT,   /* in every row, of `parts` matrices one behind the other:
                     y[m,n] = x0[m,k] x1[k,n]; ta, tb: that one is stored
                     transposed; add: y is one row, to which all are added, 0
                     before; operands may also have no axes */
    KN_VIEW,      /* y[rows,n] = elements of x0[rows,k] as Graph.view[view] */
    KN_FOLD,      /* y[rows,n] = 0 and x0[rows,k] added as that view */
    KN_EXPM,    /* y[rows] = exp of the matrix x0[rows] of order n; x1: room */
    KN_SOLVE,   /* y[rows] = the matrix [n,k] with x0[rows] y = x1[rows];
                   x2: room; operands may also have no axes; likewise: */
    KN_TAKE,    /* y[rows,m,n] = x0[rows,k,n] at index x1[rows,m] */
    KN_PUT,     /* y[rows,k,n] = 0 and x0[rows,m,n] added at x1[rows,m] */
    KN_GATHER,  /* y[rows,n] = rows x1[rows] of the matrix x0[k,n] */
    KN_SCATTER, /* matrix y[k,n] (add: +)= 0 and rows x0[rows,parts,n] added at
                   index x1[rows,parts] */
    KN_SUM,     /* y[rows] = sum of x0[rows,k]; likewise: */
    KN_MAXV,
    KN_MINV,
    KN_ARGMAX,
    KN_LSE,     /* the same in each of `parts` lines of k */
    KN_SOFTMAX, /* y[rows,parts,k] = softmax of the lines of x0 */
    KN_CUMSUM,  /* their partial sums; trans: from the end */
    KN_ONEHOT,  /* y[rows,n] from the index x0[rows] */
    KN_PICK,    /* y[rows] = x0[rows,k] at index x1[rows] */
    KN_PLACE,   /* y[rows,n] = x0[rows] at index x1[rows], else 0 */
    KN_SUMA,    /* y = x0, or the products of x0 and x1 element by element,
                   summed over the axes `over`; the rows are those of y, x0 and
                   x1 have axes `from`; likewise with x0 alone: */
    KN_MAXA,
    KN_MINA,
    KN_POOL,    /* y[rows,n] = x0 summed over the B rows of each step */
    KN_REVERSE, /* y at step t of `over` = x0 at LEN[b] - 1 - t, else 0; x1 is
                   LEN */
    KN_EVERY,   /* y at step k of `over`, a slower axis, = the sum of `parts`
                   steps from rate*(k + 1) + row on of x0, which has axes
                   `from`; 0 for those outside; all 0-based; likewise: */
    KN_HOLD,    /* y at step t of the axis below = x0 at step
                   floor((t + row)/rate) of `over`, 0 outside */
    KN_AT,      /* y[b,:] = x0 at 0-based step `row` of its axis, or LEN[b] +
                   row when x1 (the lengths) is there */
    KN_LAST,    /* in a LOOP: y[b,:] = x0 if this is step LEN[b], the last; x1
                   is LEN; x2, x0 a step before, is taken where LEN[b] is 0 */
    KN_TAIL     /* y at all steps LEN[b] + row <= t < T + lead of its axis; in
                   a LOOP over that: y at step t if t >= LEN[b] + row; = x0
                   (without that axis, maybe n = 1); x1 is LEN */
} KernelKind;

/* Where a kernel stands in a loop whose sweeps go by turns (Stage.swept). */
typedef enum TurnPart {
    TURN_BEFORE, /* at all steps of a turn before the sweep, */
    TURN_SWEEP,  /* in it, */
    TURN_AFTER   /* or after it */
} TurnPart;

typedef struct Kernel {
    KernelKind kind;
    Ref node;     /* what it computes or belongs to; 0: none */
    Span span;    /* where in the source that is */
    uint8_t axes; /* its rows, see above */
    int64_t m;    /* rows when axes is GX_NONE; PRODUCT: see there */
    int64_t n, k; /* as in the list above; FUSED: k is the length of a line
                     where operands are spread, else 0 */
    VEC(Val) in;
    Val out;        /* -1: FUSED */
    VEC(Inst) inst; /* FUSED */
    bool add;       /* accumulate */
    bool where;     /* SUMA: the last operand says of which rows */
    bool trans;     /* PACK, CUMSUM */
    bool ta, tb;    /* PRODUCT */
    int64_t parts;  /* PRODUCT, SCATTER, ARGMAX, LSE, SOFTMAX, CUMSUM */
    int view;       /* VIEW, FOLD */
    bool on_start;  /* COPY: only if START is not 0 (its value: Sched.start) */
    int64_t every;  /* COPY in a LOOP: not 0: only at steps that begin a turn of
                       so many */
    uint8_t over, from; /* SUMA, MAXA, MINA, EVERY, HOLD */
    int row;            /* AT, TAIL, EVERY, HOLD */
    int sweep;          /* not 0: kernels of a stage with the same number go
                           over the lines of their matrices together, */
    int64_t lines;      /* of which there are so many; */
    TurnPart turn;      /* Stage.swept: where they stand */
    int rate;           /* EVERY, HOLD */
} Kernel;

typedef struct Stage {
    int comp;     /* LOOP over this component of Sched.causal; -1: WHOLE */
    int dir;      /* LOOP: +1: t = 0..T-1; -1: t = T-1..0; WHOLE: 0 */
    int group;    /* index into SchedFn.group, -1: in none */
    int64_t rows; /* LOOP: not 0: so many sequences go through all its steps,
                     or those of the chunk, before the next ones */
    int lane;     /* not 0: done by lane[lane - 1] of the function */
    bool prepare; /* WHOLE: is done once for all runs */
    int64_t turn; /* LOOP: not 0: it goes by turns of so many steps, counted
                     from the first of all; before each of them `again` is done
                     at its steps, from the first to the last */
    bool swept;   /* with turns: the sweep may take some lines through all steps
                     of one, again and then back, before the next lines; beside
                     it are kernels as Kernel.turn says */
    VEC(Kernel) again;
    VEC(Kernel) kernel;
} Stage;

/* Stages behind one another that are run chunk by chunk along a time axis: all
 * of them on some steps, then all on the next ones, so that what one writes is
 * still in the cache when another reads it.  In a WHOLE stage the rows are
 * those of the chunk.  A result without the axis sums over all chunks: they are
 * added to what the first one has written. */
typedef struct Group {
    int axis;      /* number of the time axis */
    int dir;       /* chunks from the first to the last step, or -1 */
    int64_t rows;  /* a chunk has as many steps as have no more rows than this,
                      at least one; a row is that of a step of a sequence */
    int64_t steps; /* not 0: so many steps instead */
    int64_t turn;  /* not 0: chunks, but for the last, have a multiple of this
                      many steps, which may be more than those */
} Group;

/* A stage, or several, that one thread does while others do other lanes of its
 * section: all of it at once, or by short chunks of its group (lanes.c). */
typedef struct Lane {
    int section;
    bool fine;          /* by chunks, which have LANE_ROWS rows */
    bool any;           /* those in any order, and several at once */
    uint64_t same, all; /* bits of lanes of the section, counted from its first:
                           before a chunk the same of each of those must be
                           done, before anything all of each of these */
    int home; /* lanes with the same one are best done by the same thread, whose
                 cache has what they share */
    double cost, after; /* about how many ns it takes, and what waits for its
                           end takes from there on */
} Lane;

enum {
    LANE_ROWS = 12,
    LANE_STEPS = 96 /* of a sequence, for estimates */
};

/* Lanes that run at once; their stages are neighbours. */
typedef struct Section {
    int first, n;          /* lanes; none where dividing products gains more */
    double divided, lanes; /* about how many ns either takes */
} Section;

enum { FN_FORWARD, FN_BACKWARD, FN_COUNT };

typedef struct SchedFn {
    VEC(Stage) stage; /* empty backward: the model has no GRAD roots */
    VEC(Group) group;
    VEC(Lane) lane;
    VEC(Section) section;
} SchedFn;

typedef struct Sched {
    const Graph *g;
    Causal causal;
    SchedFn fn[FN_COUNT];
    VEC(Value) val;
    int ntime;              /* time axes, at least 1 */
    Val len[CELL_TIMES];    /* of each of them: buffers [B] */
    Val last, start, batch; /* always there: buffers [B] [1] [1] */
    Val skip, past;         /* [1], -1: none */
    Val fresh;              /* [1], -1: none; see sched_keep_prepared() */
    Val *total;             /* per root: the TOTAL of a TERM, -1: none */
    Val *slot_val;          /* per slot: where it lives; -1: nowhere */
    Val *root_val;          /* per root: where it lives */
    int64_t *param_at;      /* per slot: place in the parameter block, or -1 */
    int64_t param_size;     /* reals in that block */
    bool tight;             /* the work block has no room but what it needs */
} Sched;

/* How loops in time are cut into chunks; see Group. */
typedef struct Chunks {
    bool off;      /* not at all; for files, whose memory counts */
    int64_t steps; /* not 0: so many steps to a chunk */
    int64_t turn;  /* steps of a turn; 0: as many as fit */
    bool brief;   /* nothing is looked up in sweeps: their lines may be short */
    bool restate; /* of large states nobody asks for more than the last step */
    int threads;  /* more than 1: that run few sequences, see lanes.c, */
    int64_t least; /* of models that have so many parameters */
} Chunks;

/* The graph must be verified, simplified, and free of FINAL.  Everything
 * lives in `a`. */
Sched *sched_build(const Graph *g, Chunks chunks, Arena *a);
/* For streams, prepare.c: moves what depends on parameters alone into a stage
 * of its own in front and drops backward. */
void sched_prepare(Sched *s);
/* The same where one work block is used again and again: results of that stage
 * stay in it, and it is run where FRESH is not 0. */
void sched_keep_prepared(Sched *s);
void sched_print(Buf *out, const Sched *s);
/* All kernels of a stage, those that it does again before the others. */
static inline int stage_kernels(const Stage *st)
{
    return st->again.n + st->kernel.n;
}
static inline Kernel *stage_kernel(const Stage *st, int i)
{
    return i < st->again.n ? &st->again.v[i] : &st->kernel.v[i - st->again.n];
}
/* Values of a kernel, counted from 0: operands, then results; -1: none. */
static inline int kernel_values(const Kernel *k)
{
    return k->in.n + k->inst.n + 1;
}
static inline Val kernel_value(const Kernel *k, int i)
{
    int inst = i - k->in.n;
    return inst < 0           ? k->in.v[i]
           : inst < k->inst.n ? k->inst.v[inst].out
                              : k->out;
}
/* The last so many operands are room that the kernel works in. */
static inline int kernel_room(const Kernel *k)
{
    return k->kind == KN_EXPM || k->kind == KN_SOLVE;
}
/* What v is or is a view of; and that if it is a buffer, else -1. */
static inline Val sched_base(const Sched *s, Val v)
{
    while (v >= 0 && s->val.v[v].kind == VAL_VIEW)
        v = s->val.v[v].base;
    return v;
}
static inline Val sched_buffer(const Sched *s, Val v)
{
    v = sched_base(s, v);
    return v >= 0 && s->val.v[v].kind == VAL_BUFFER ? v : -1;
}
/* Whether an operand, or a result, of kernel k is base or a view of it. */
static inline bool kernel_reads(const Sched *s, const Kernel *k, Val base)
{
    for (int i = 0; i < k->in.n; i++)
        if (sched_base(s, k->in.v[i]) == base)
            return true;
    return false;
}
static inline bool kernel_fills(const Sched *s, const Kernel *k, Val base)
{
    for (int i = k->in.n; i < kernel_values(k); i++)
        if (sched_base(s, kernel_value(k, i)) == base)
            return true;
    return false;
}
/* Whether the caller may look at buffer v: it is that of a slot, or a root. */
static inline bool sched_known(const Sched *s, Val v)
{
    for (int i = 0; i < s->g->slot.n; i++)
        if (sched_base(s, s->slot_val[i]) == v)
            return true;
    for (int i = 0; i < s->g->root.n; i++)
        if (sched_base(s, s->root_val[i]) == v)
            return true;
    return false;
}
static inline void stage_drop(Stage *st, int i)
{
    for (i++; i < st->kernel.n; i++)
        st->kernel.v[i - 1] = st->kernel.v[i];
    st->kernel.n--;
}
/* The section of a stage, -1: none. */
static inline int sched_section(const SchedFn *fn, const Stage *st)
{
    return st->lane ? fn->lane.v[st->lane - 1].section : -1;
}
/* The axis that gives axis i its steps, -1: none, and one for how many of
 * those. */
static inline int sched_like(const Sched *s, int i)
{
    return i < s->g->time.n ? s->g->time.v[i].like : -1;
}
static inline int sched_rate(const Sched *s, int i)
{
    return i < s->g->time.n ? s->g->time.v[i].rate : 1;
}
/* Whether axis i has the very steps of another. */
static inline bool sched_same(const Sched *s, int i)
{
    return sched_like(s, i) >= 0 && sched_rate(s, i) == 1;
}
/* How many rows some axes have: "1", "B", "U*T*B". */
const char *rows_text(int axes);
/* "gemm", "fused", ... */
const char *kernel_name(KernelKind k);

#endif
