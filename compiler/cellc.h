/* The public C API of libcellc: text in; messages, C source or a running
 * model out.  One opaque handle per compilation; no globals, no output, no
 * exit.  The command line is a client of this and of cellrt.h alone.
 * Every function that can fail returns 0 or one of the codes below; what went
 * wrong has then been sent to the message callback. */
#ifndef CELLC_H
#define CELLC_H

#include "../runtime/cellrt.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CELLC_OK = 0,
    CELLC_USER = 1,     /* the user's input is wrong */
    CELLC_USAGE = 2,    /* a name or value given to the API is wrong */
    CELLC_INTERNAL = 70 /* a bug of ours, or out of memory */
};

typedef struct Cellc Cellc;

/* severity: "error", "warning", "note"; text: complete, with newlines. */
typedef void CellcMessage(void *user, const char *severity, const char *text);

Cellc *cellc_new(CellcMessage *message, void *user);
void cellc_free(Cellc *c);

/* Sources.  The text is copied.  `use` lines are resolved relative to the
 * file that has them. */
int cellc_add_file(Cellc *c, const char *path);
int cellc_add_text(Cellc *c, const char *name, const char *text, size_t size);

/* Settings, before cellc_compile(); all may be changed and compiled again.
 * cellc_option: value of an `option`, an expression of the language ("128").
 * cellc_dim: size of a dim that the spec leaves open ("m", 28).
 * cellc_vocab: the names of an index set; sets its dim to n and lets strings
 *   stand for its members (c[0] = "\n").
 * cellc_weights: what each class of a drawn index weighs in the loss, 1 where
 *   nothing says it.
 * cellc_set: "double" 0|1, "training" 0|1, "reduce" sequence|token|sum,
 *   "weights" f32|bf16|int8 (how emitted streams keep their matrices),
 *   "teacher" 0..1, "skip" 0|1 (the first SKIP steps of a chunk do not count),
 *   "past" 0|1 (a step's number counts on from chunk to chunk, by PAST),
 *   "backend" tcc|cc|eval, "backward" 0|1 (default 1), "total" 0|1 (terms are
 *   normalised by the TOTAL tensors), "state" NAME (start value of that name
 *   becomes an input; may be given again), "upstream" NAME (differentiate
 *   sum(NAME * up.NAME) over all given instead of the loss; NAME an output
 *   or final.STATE), "inputgrad" 0|1 (gradients of inputs and starts too),
 *   "probe" NAME (the equation, such as "h.i", becomes an output; may be given
 *   again),
 *   "flow" NAME (an input perturb.NAME is added to that state at each step, and
 *   an output direct.NAME is its derivative by the step before along paths that
 *   pass element by element, where there are some; may be given again),
 *   "segments" 0|1 (sequences may be run in segments, see runtime/segment.h),
 *   "steady" 0|1 (with backward = 0: what depends on parameters alone is
 *   computed where FRESH is not 0, so that steps need not do it each time),
 *   "loss" 0|1 (default 1; 0: only what predicts, no terms, no metrics; with
 *   "upstream" its derivatives, but not the sum that they are of),
 *   "states" 0|1 (default 1: STATE tensors have all steps; 0: large ones may
 *   have the last one of each sequence alone, the others are computed again),
 *   "outputs" 0|1 (default 1: outputs and final states are computed),
 *   "chunk" STEPS that loops in time take at once (default: by size; 0: all),
 *   "threads" N, "sequences" N (default 1: that run the model, and that a batch
 *   has: where it has few, loops that do not wait for each other may be done
 *   side by side),
 *   "part" whole|known|step (for drawing along one of several time axes: what
 *   is known before the first step, or one step; where that cannot be, the
 *   whole model, in which no input has CELL_KNOWN; see compiler/part.c),
 *   "timed" 0|1 (tcc runs the kernels of runtime/timed.h: where time goes),
 *   "name" the model's C name.  DRAW tensors are there with backward = 0. */
int cellc_option(Cellc *c, const char *name, const char *value);
int cellc_dim(Cellc *c, const char *name, long size);
int cellc_vocab(Cellc *c, const char *set, int n, const char *const *names);
int cellc_weights(Cellc *c, const char *input, int n, const double *weight);
int cellc_set(Cellc *c, const char *key, const char *value);

/* Parses and checks; all errors of all files are reported. */
int cellc_check(Cellc *c);

/* What a spec declares, known after cellc_check() even while dims are open. */
typedef struct CellcDecl {
    const char *name;    /* dotted name */
    int role;            /* CELL_PARAM, CELL_INPUT, CELL_OUTPUT, CELL_STATE */
    int flags;           /* CELL_INDEX | CELL_OBSERVED ... */
    int axes;            /* CELL_T | CELL_B */
    int rank;            /* dims of one element */
    const char *dim[4];  /* each as written: "m", "2*n", "128" */
    int64_t size[4];     /* its value, -1 while open */
    const char *set;     /* index: name of its set, or NULL */
    const char *last;    /* inputs: member of it that ends a sequence */
    const char *init;    /* parameters: "uniform(-0.1, 0.1)", else NULL */
    const char *latency; /* outputs: "0", "3 steps", "whole sequence" */
    const char *blame;   /* outputs: why the whole sequence, or NULL */
    const char *doc;     /* text of its ## comment, or NULL */
    int given;           /* states: 1: a cell's input, which has no equation */
} CellcDecl;
int cellc_decl_count(const Cellc *c);
const CellcDecl *cellc_decl(const Cellc *c, int i);
/* Names of dims and sets without a value yet; NULL after the last. */
const char *cellc_open_dim(const Cellc *c, int i);
/* i-th option: name, value as text, doc; returns 0 past the last. */
int cellc_option_at(const Cellc *c, int i, const char **name,
                    const char **value, const char **doc);
/* Whether its value is a layer, such as lstm(n). */
int cellc_option_is_layer(const Cellc *c, int i);
/* i-th name of a member of an index set that the texts write ("<s>" of "dst");
 * returns 0 past the last. */
int cellc_member_at(const Cellc *c, int i, const char **set, const char **name);
/* Time axis i, from 0: the earlier axis that gives it its steps, -1 if none
 * does, and one for how many of those (CellDesc's like and rate); returns 0
 * past the last. */
int cellc_axis_at(const Cellc *c, int i, const char **name, int *like,
                  int *rate);
/* Path of the i-th text, added or used by one; NULL past the last. */
const char *cellc_file_at(const Cellc *c, int i);
/* i-th entry of a `train` or `data` block as text; 0 past the last. */
int cellc_setting_at(const Cellc *c, const char *block, int i, const char **key,
                     const char **value);

/* The whole pipeline; every dim must have a value. */
int cellc_compile(Cellc *c);
/* The running model of the last compile, on the backend that was set; lives
 * until cellc_free() or the next cellc_compile().  NULL after an error. */
const CellDesc *cellc_jit(Cellc *c);

/* Where a NaN or an infinity comes from: of a model on the backend eval (of
 * cellc_jit), which is run on what the arguments hold, as its descriptor's
 * forward (fn 0) or its gradients (1) would be. Returns 0 where loss and
 * gradients are finite. Texts are owned by the handle until the next call. */
typedef struct CellcOrigin {
    const char *name;  /* equation, parameter or input; NULL: none known */
    const char *place; /* "FILE:LINE:COL: exp(812.4) = inf", the line, and an
                          underline of the operation, with newlines; of one in
                          the library also the line of the spec for it */
    const char *axis;  /* time axis, NULL: it is of no step */
    int64_t step;      /* along it, from 1 */
    int64_t row;       /* sequence, from 0; -1: of all of them */
    int given;         /* 1: it is a value of that parameter or input */
} CellcOrigin;
int cellc_blame(Cellc *c, int fn, const void *params, void *grads, void *work,
                const int64_t *n, CellcOrigin *origin);

/* FLOPs of the products of matrices, of the last compile: what the equations
 * ask for (without backward = 0, those of the derivatives as well), and what
 * the schedule does for one forward and backward. */
int cellc_products(Cellc *c, CellSize *equations, CellSize *schedule);

/* What became of the equations in the last compile: i-th fact, 0 past the last.
 * Texts are owned by the handle until the next compile. */
typedef struct CellcFact {
    const char *part; /* where it belongs: "forward, loop t = 1..T
                         over h", "saved for backward", "memory" ... */
    const char *text; /* what it is about, in names of the spec */
    const char *note; /* what was done, or NULL */
    const char *file; /* where the equation is written, or NULL */
    int line;         /* from 1 */
    CellSize rows;    /* how many rows are worked on */
    CellSize flops;   /* of it all, 0 where nothing is computed */
    CellSize reals;   /* that it takes in memory, 0 where nothing is kept */
} CellcFact;
int cellc_fact_at(Cellc *c, int i, CellcFact *fact);

/* Text results, owned by the handle until the next call; NULL after an error.
 * stage: ast graph grad sched plan c; latex: equations and derivatives as a
 * document; dot: a drawing for Graphviz; linear: as cellc_cell_linear; own:
 * parameters, inputs and start values ("h@0") behind a derivative of the
 * spec's own; cost: "flops N" of a forward step.  after: the name of a pass
 * (elaborate final simplify gemm grad plain). */
const char *cellc_show(Cellc *c, const char *stage, const char *after);
/* Canonical layout of one source text. */
const char *cellc_format(Cellc *c, const char *name, const char *text,
                         size_t size);
/* Generated C: which = 0 source, 1 header.  flags: CELLC_FREESTANDING ... */
enum { CELLC_FREESTANDING = 1, CELLC_APP = 2 };
const char *cellc_emit(Cellc *c, int which, int flags);
/* The library: i-th cell, 0 past the last.  Of the cell of that name (NULL: no
 * such cell), text: what a user may copy; equations: these alone; model: a spec
 * that applies it once, NULL where it takes other cells; linear: "yes", "no",
 * "no state", "partly (c, n)" with the states that the next state is linear in,
 * "as its argument" where that decides. */
typedef struct CellcCell {
    const char *name;
    const char *summary, *paper, *family, *note; /* "" where nothing is said */
    int equations;                               /* number of its lines */
} CellcCell;
int cellc_cell_at(Cellc *c, int i, CellcCell *cell);
const char *cellc_cell_text(Cellc *c, const char *name);
const char *cellc_cell_equations(Cellc *c, const char *name);
const char *cellc_cell_model(Cellc *c, const char *name);
const char *cellc_cell_linear(Cellc *c, const char *name);
/* Long explanation of a message code, NULL if unknown. */
const char *cellc_explain(const char *code);
/* What brings it, and what is right; 0 if unknown. */
int cellc_example(const char *code, const char **wrong, const char **right);
const char *cellc_version(void);

#ifdef __cplusplus
}
#endif

#endif
