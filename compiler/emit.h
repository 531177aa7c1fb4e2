/* Printing C from a schedule and its plan.  Three styles of one walk: strips of
 * run-time kernel calls for libtcc, fused loops with run-time kernels between
 * them for the C compiler in process, fused plain loops for any C compiler.
 * Stands behind plan.c; what it prints goes to jit.c or to the user. */
#ifndef CELLC_EMIT_H
#define CELLC_EMIT_H

#include "plan.h"

/* A size that the source gives a name: an option or a dim. */
typedef struct EmitSize {
    const char *name;
    int64_t value;
} EmitSize;

/* How products of streams keep their matrices. */
typedef enum EmitWeights {
    WEIGHTS_F32, /* in the real type */
    WEIGHTS_BF16,
    WEIGHTS_INT8,
    WEIGHTS_COUNT
} EmitWeights;

typedef struct EmitOptions {
    const char *name;       /* prefix of every exported symbol */
    bool real64;            /* double instead of float */
    bool freestanding;      /* nothing but libm, as all files need today */
    bool app;               /* for a program with the run time, whose kernels
                               it calls and whose main() needs more names */
    const char *spec;       /* source text for the descriptor, or NULL */
    const char *trained;    /* `train` and `data` blocks, or NULL */
    const char *command;    /* how the file was made, for its head, or NULL */
    const char *version;    /* of the compiler, for the head, or NULL */
    const Sources *sources; /* for comments that quote it, or NULL */
    int nsize;
    const EmitSize *size;
    int noutput;
    const struct EmitLatency *output;
    EmitWeights weights; /* how streams keep matrices */
    const Plan *stream;  /* of the same model, after sched_prepare() */
    /* Told of each loop whose turns go by products, or NULL. */
    void (*by_products)(void *whom, const Stage *st);
    void *whom;
} EmitOptions;

/* Why an output cannot be streamed. */
typedef struct EmitLatency {
    const char *name;  /* of the output */
    const char *blame; /* what needs the whole sequence; NULL: streamable */
} EmitLatency;

/* Text for libtcc: NAME_forward and NAME_backward as CellFn. */
const char *emit_strips(const Plan *p, const EmitOptions *o, Arena *a);
/* The same functions as plain C99 for any compiler, complete. */
const char *emit_loops(const Plan *p, const EmitOptions *o, Arena *a);
/* The same functions for jit_cc: loops for elementwise work, and the run time's
 * kernels, which `void cell_link(void (*(*find)(const char *))(void))` finds,
 * for the rest (emitlinked.c). */
const char *emit_linked(const Plan *p, const EmitOptions *o, Arena *a);
/* What users embed: NAME.c and NAME.h (emitapi.c). */
const char *emit_source(const Plan *p, const EmitOptions *o, Arena *a);
const char *emit_header(const Plan *p, const EmitOptions *o, Arena *a);
/* The descriptor in memory, its functions still NULL. */
CellDesc *emit_desc(const Plan *p, const EmitOptions *o, Arena *a);

/* Name of time axis i in the source. */
const char *emit_time_name(const Plan *p, int i);

/* ---- between the emitters ---- */

/* How the rows of a kernel are walked: in one go over those of the axes
 * `flat`, which are neighbours in every operand (none: `m` rows without axes);
 * one at a time, in loops around it, over those of `step`. */
typedef struct EmitRows {
    uint8_t flat, step;
} EmitRows;

/* A kernel of the run time.  `of`: what operations it stands for (strips.def),
 * or NULL. */
typedef struct EmitKernel {
    const char *name, *params, *of;
} EmitKernel;

typedef struct Emit Emit;
typedef VEC(const char *) Names; /* interned */

/* What differs between the styles. */
typedef struct EmitStyle {
    /* Name of a kernel of the run time in C. */
    const char *(*call)(Emit *e, const char *kernel);
    /* Elementwise work and copies, inside loops that `rows` describes. */
    void (*fused)(Emit *e, const Kernel *k, EmitRows rows);
    void (*copy)(Emit *e, const Kernel *k, EmitRows rows);
    void (*transpose)(Emit *e, const Kernel *k);
    bool sweeps;   /* has the kernel of that name */
    bool owns;     /* prints functions of its own in its place */
    bool splits;   /* loops over a row as emitsplit.c says */
    bool comments; /* quote the source above its kernels */
    /* Declarations of what the file calls, after its #include lines, or NULL.
     */
    void (*head)(Emit *e, Buf *out);
    /* Declarations that the function's body turned out to need. */
    void (*locals)(Emit *e, Buf *out);
} EmitStyle;

struct Emit {
    const Plan *p;
    const Sched *s;
    const Graph *g;
    const EmitOptions *o;
    const EmitStyle *style;
    Arena *arena;
    Intern *intern;
    const char *real;    /* "float", "double" */
    Buf body;            /* of the function that is being printed */
    int indent;          /* levels */
    int fn;              /* FN_FORWARD, FN_BACKWARD */
    const char **name;   /* per value: its pointer in this function, or NULL */
    const Group *group;  /* whose chunk is being printed, or NULL */
    const char **chunk;  /* per value: pointer to its rows there, or NULL */
    const char **part;   /* per value: pointer to the rows of the sequences at
                            hand, or NULL; NULL: all are at hand */
    const char **file;   /* per Graph.table: its name in the file */
    Val *unpacked;       /* per value: what is packed in it, or -1 */
    const char **size;   /* per EmitOptions.size: its name in the file */
    Names taken;         /* identifiers of this function */
    int fixed;           /* taken.v[0..fixed-1] hold for the whole file */
    Names block;         /* locals of the kernel that is being printed */
    Names locals;        /* locals of any kernel of this function */
    Names kernels;       /* functions called so far */
    Buf own;             /* functions of sweeps (emitown.c), */
    int owned, waiting;  /* how many, and how many sums wait in one */
    bool independent;    /* the macro INDEPENDENT is used */
    bool packs_once;     /* products as in streamrt.h */
    const char **array;  /* per value: its array in NAME_prepared, or NULL */
    bool preparing;      /* the function that fills those is printed */
    const char *quoted;  /* start of the source line quoted last */
    int depth;           /* most scratch strips a kernel of the function took */
    Names constant;      /* numbers that the function keeps in strips */
    VEC(Val) repeated;   /* vectors of parameters likewise, row after row */
    const void *pattern; /* emitjoin.c: the rows that join operations, read */
};

void emit_init(Emit *e, const Plan *p, const EmitOptions *o, Arena *a,
               const EmitStyle *style);
/* A line of the body: indentation, text, newline. */
void emit_line(Emit *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* `fmt` is a line that opens a block with a brace; emit_close ends it. */
void emit_open(Emit *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void emit_close(Emit *e);
/* The lines of one function, into e->body: its stages, or those that prepare;
 * all of them where results of those stay in the work block. */
void emit_stages(Emit *e, int fn, bool prepare);
/* Begins a function: its names, and nothing in e->body. */
void emit_begin(Emit *e, int fn);
/* Complete text of one function, and of those it calls, or "" if the schedule
 * has no such function. */
const char *emit_function(Emit *e, int fn);
/* The same as CellFn, NAME_forward_n and NAME_backward_n; `kind` stands in
 * front, "static " or "". */
void emit_entries(Emit *e, Buf *out, const char *kind);
/* Constant tables that the functions use. */
void emit_tables(Emit *e, Buf *out);

/* Name of a kernel of the run time in this style; remembers that it is used. */
const char *emit_kernel_name(Emit *e, const char *kernel);
/* An extent or distance: its name in the source where it has one. */
const char *emit_size(Emit *e, int64_t n);
/* Polynomial in T, B, ..., "0" if it is nothing. */
const char *emit_poly(Emit *e, CellSize s);
bool emit_has_terms(CellSize s);
/* The number of the current step along an axis, from 1, as a real; of a stream
 * the steps that lie behind it count. */
const char *emit_time_number(Emit *e, int axis);
/* Pointer to the first of the rows of `v`, as seen by a kernel whose rows are
 * walked like `rows`. */
const char *emit_pointer(Emit *e, Val v, EmitRows rows);
/* Where in value v the current step of an axis is, or row along it; of a ring
 * the place of `step`. */
const char *emit_index(Emit *e, Val v, int axis);
/* Whether a buffer has places for some steps alone. */
static inline bool emit_own_steps(const Loc *l)
{
    return l->ring || l->turn || l->every;
}
const char *emit_ring(Emit *e, Val v, const char *step);
/* Distance of two rows in reals, 0 if all rows share one. */
int64_t emit_stride(const Emit *e, Val v, EmitRows rows);
/* What value v would be called, not yet unique. */
const char *emit_wished_name(const Emit *e, Val v);
/* Name of the pointer that stands for `v`; declares it. */
const char *emit_value_name(Emit *e, Val v);
/* The type of the numbers of v. */
const char *emit_type(const Emit *e, Val v);
/* Declarations of all pointers that the body uses, in the order of values. */
void emit_pointers(Emit *e, Buf *out);
/* Reals from one step of an axis (its bit) to the next, as C. */
const char *emit_step(Emit *e, Val v, int axis);
/* Extent of an axis ("T") and its variable ("t"), given the bit. */
const char *emit_extent(int axis);
const char *emit_variable(int axis);
/* emitgroup.c: as many steps and rows as there are, in a chunk those of it;
 * the number of the current step; the pointer to the rows of value v that
 * `name` points to; "0", or C that says whether kernel k adds to what an
 * earlier chunk has written. */
const char *emit_steps(const Emit *e, int axis);
const char *emit_rows_text(Emit *e, int axes);
const char *emit_now(Emit *e, int axis);
const char *emit_chunk_name(Emit *e, Val v, const char *name);
const char *emit_later(const Emit *e, const Kernel *k);
/* The stages of the group that begins with stage i, each by `print`; returns
 * the number of the stage behind it. */
int emit_group(Emit *e, const SchedFn *fn, int i,
               void (*print)(Emit *e, const Stage *st));
/* How many chunks a group has; one stage for the chunk `chunk` of `chunks`. */
const char *emit_chunk_count(Emit *e, const Group *g);
void emit_chunk(Emit *e, const Group *g, const Stage *st,
                void (*print)(Emit *e, const Stage *st));
/* emitlanes.c: the functions of the lanes of function fn, into `out`; the
 * call that does all lanes of the section that begins with stage i, and the
 * number of the stage behind it. */
void emit_lane_functions(Emit *e, int fn, Buf *out,
                         void (*print)(Emit *e, const Stage *st));
int emit_section(Emit *e, int i);
/* The run time's function that does them, as a prototype needs it. */
extern const EmitKernel emit_lanes_kernel;
/* A loop that takes some sequences at a time; the pointer to their rows. */
void emit_part(Emit *e, const Stage *st,
               void (*print)(Emit *e, const Stage *st));
const char *emit_part_name(Emit *e, Val v, const char *name);
/* "T, U, B": parameters or arguments for the extents of the model, each with
 * `type` before it. */
const char *emit_extents(Emit *e, const char *type);
/* How kernel k, whose rows are those of `axes`, is walked inside a loop over
 * the axis `loop` (a bit, or 0); step - loop are loops that it needs itself. */
EmitRows emit_walk(const Emit *e, const Kernel *k, int axes, int loop);
/* The bits of all axes, the inner ones first. */
extern const int emit_inner_first[CELL_AXES];
/* Whether neighbours along `outer` lie as far apart as all that the axes
 * `inner` hold of pieces of size `unit`; of rows. */
bool emit_follows(const Loc *l, CellSize unit, int inner, int outer);
bool emit_regular(const Loc *l, int inner, int outer);
/* Opens a loop over each of some axes, the outer ones first, in braces or for
 * one statement alone; returns how many. */
int emit_open_rows(Emit *e, int axes);
int emit_loop_rows(Emit *e, int axes);
/* CELL_AT_T of CELL_T, and so on. */
int emit_place(int axis);
/* How many rows, as C. */
const char *emit_row_count(Emit *e, const Kernel *k, EmitRows rows);
/* A number as a literal of the real type. */
const char *emit_real(Emit *e, double x);
/* An identifier like `wish` for the rest of the function, or for the kernel
 * that is being printed: shadows nothing and is shadowed by nothing. */
const char *emit_fresh(Emit *e, const char *wish);
const char *emit_local(Emit *e, const char *wish);
/* The text without the marks around sizes and with lines broken at 80
 * columns.  A size counts as four columns however it is written, so that the
 * number of lines does not depend on it. */
const char *emit_wrap(Emit *e, const char *text);
/* Notes that the file calls a function of the run time. */
void emit_use(Emit *e, const char *name);

/* emitsweep.c: kernels v[0..n-1] of one sweep in a loop over the axis `loop` as
 * one call; false, and nothing, if that has too many operations. */
bool emit_sweep(Emit *e, const Kernel *v, int n, int loop);
/* emitturn.c: a loop turn by turn: what is done again at its steps, then the
 * others; or the sweep through all of them, if it has one. */
void emit_turns(Emit *e, const Stage *st, int loop);
/* emitown.c: functions of sweeps in place of the run time's kernel, behind what
 * emit_paste() prints, and what both need in front of that. */
void emit_own_head(Emit *e, Buf *out);
void emit_own_sweeps(Emit *e, Buf *out);
/* emit.c: a kernel inside a loop over the axis `loop` (a bit, or 0); some, one
 * by one, or those of a sweep together. */
void emit_kernel(Emit *e, const Kernel *k, int loop);
void emit_kernels_of(Emit *e, const Kernel *v, int n, int loop);

/* emitsteps.c: AT, TAIL, REVERSE, EVERY and HOLD inside a loop over the axis
 * `loop` (a bit, or 0). */
void emit_moved(Emit *e, const Kernel *k, int loop);
/* Of LAST k, in a loop over rows, what is there before the first step, where
 * that is the last. */
void emit_last_start(Emit *e, const Kernel *k, int loop);

/* emitquote.c: a comment with the source lines of a kernel, if the style wants
 * any and the kernel before had others. */
void emit_quote(Emit *e, const Kernel *k);

/* emitname.c: the C spelling of a name of the language: dots to underscores,
 * Greek letters by name, keywords avoided; not yet unique. */
char *emit_identifier(Arena *a, const char *name);

/* emitexpr.c: `op` with operands that are already C text and bind as tightly
 * as prec[] says, in as few parentheses as possible. */
enum { PREC_ANY = 0, PREC_TERNARY = 3, PREC_UNARY = 14, PREC_ATOM = 16 };
const char *emit_expr(Emit *e, Op op, const char *const *arg, const int *prec,
                      int *result);
/* Function `call` of the graph on such operands. */
const char *emit_call(Emit *e, int call, const char *const *arg);
/* #include lines of what the graph calls, but for math.h. */
void emit_call_headers(const Graph *g, Buf *out);
/* How often operand i is written out by emit_expr. */
int emit_expr_uses(Op op, int i);

/* emitpaste.c: the C name of vm_tanhF in the precision at hand, remembered as
 * used; and the functions that a file calls, with all that they call, and what
 * functions of sweeps call. */
const char *emit_function_name(Emit *e, const char *name);
void emit_paste(Emit *e, Buf *out);

/* emitlinked.c: the kernels of the run time; the name of the row after the last
 * is NULL. */
extern const EmitKernel emit_kernels[];
/* rt_gemm_f32 for gemm, as the style's `call`; what the run time does not have
 * keeps its name.  Prototypes of those that are called. */
const char *emit_kernel_call(Emit *e, const char *kernel);
void emit_kernel_prototypes(Emit *e, Buf *out);
/* emit_loops_style but for the kernels, which are those of the run time. */
EmitStyle emit_kernels_style(void);

/* emitsplit.c: in how many loops one behind the other the reals of a row are
 * computed; pass[i]: in which one instruction i, if it varies along the row. */
int emit_split(Emit *e, const Kernel *k, const bool *wide, int *pass);

/* emitstrips.c: a cluster as strip calls, what a function then declares, and
 * the names that it takes. */
void emit_strips_fused(Emit *e, const Kernel *k, EmitRows rows);
void emit_strips_locals(Emit *e, Buf *out);
void emit_strips_names(Emit *e);

/* emitjoin.c: one strip call for each Inst of a FUSED kernel; those that
 * others drew in have no kernel. */
enum { STRIP_OPERANDS = 6 };
typedef struct StripCall {
    const char *kernel; /* NULL: drawn into the call that uses it */
    int nin;
    int in[STRIP_OPERANDS]; /* as Inst.in */
    int uses;               /* how often its result is an operand */
    int last;               /* the last call that uses it */
    int64_t n;              /* width of the result: 1 or the kernel's */
    int strip; /* scratch strip of the result, -1: stored in `out` */
} StripCall;
StripCall *emit_join(Emit *e, const Kernel *k);

/* emitdesc.c: the tensors and NAME_desc as C. */
void emit_desc_text(Emit *e, Buf *out);

/* emitloops.c: both functions after the #include lines, for emitapi.c. */
extern const EmitStyle emit_loops_style;
void emit_loops_file(Emit *e, Buf *out, const char *includes);

#endif
