/* The one representation from checker to emitter: equations over time as a
 * hash-consed graph.  A node is immutable once added; same-time uses are
 * direct references, every cycle goes through a READ of a named value (slot)
 * at another step.  Passes build a new graph from an old one.
 *
 * Values: a node has a shape (extents of one element, rank 0..4) and axes:
 * GX_NONE  the same for all sequences and steps (parameters, constants)
 * GX_B     one value per sequence
 * GX_TB    one value per sequence and step; likewise with the bits of further
 *          time axes, alone or together
 * The axes of an elementwise node are the union of its operands'; a scalar
 * operand (rank 0) is broadcast over a shape, an operand with fewer axes over
 * the missing axes. */
#ifndef CELLC_GRAPH_H
#define CELLC_GRAPH_H

#include "../runtime/cellrt.h"
#include "source.h"

typedef uint32_t Ref; /* index of a node; 0 is no node */

enum {
    GX_NONE = 0,
    GX_B = CELL_B,
    GX_TB = CELL_T | CELL_B,
    GX_TIME = CELL_T | CELL_U | CELL_V /* any time axis */
};

typedef enum Op {
    OP_NONE,
#define EW1(name, c, da, latex, cost, lo, hi) OP_##name,
#define EW2(name, c, da, db, latex, cost, lo, hi) OP_##name,
#define EW3(name, c, da, db, dc, latex, cost, lo, hi) OP_##name,
#define EWN(name, latex, cost) OP_##name,
#define ST(name, nin, latex, doc) OP_##name,
#include "ops.def"
#undef EW1
#undef EW2
#undef EW3
#undef EWN
#undef ST
    OP_COUNT
} Op;

#define SHAPE_RANK 4
typedef struct Shape {
    int rank;                /* 0: scalar */
    int64_t dim[SHAPE_RANK]; /* rows first; unused are 0 */
} Shape;

typedef struct Node {
    uint16_t op;  /* Op */
    uint8_t axes; /* GX_NONE, GX_B, GX_TB ... */
    int shape;    /* index into Graph.shape */
    int nin;      /* operands */
    int in;       /* index of the first in Graph.pool */
    int a, b;     /* attributes; their meaning is in ops.def */
    double num;   /* CONST: value; AT: 1 when counted from the end */
    Span span;    /* where in the source it comes from */
} Node;

/* Value of a name outside 1..end: at index `at` (lo: 0, -1, ..; hi: 1, 2, ..
 * meaning end+1, end+2, ..) and, for the outermost entry, beyond it. */
typedef struct Bound {
    int at;
    Ref value; /* without the slot's own axis; a scalar fills a vector */
} Bound;

typedef enum SlotKind {
    SLOT_PARAM, /* weights */
    SLOT_INPUT, /* given by the caller; also start values "h@0", "up.y" */
    SLOT_NOISE, /* drawn by the runtime, then like an input */
    SLOT_EQN,   /* an equation of the user's */
    SLOT_COT,   /* an equation of grad.c's: cotangent read at another step */
    SLOT_IDLE   /* an input that nothing which is wanted reads */
} SlotKind;

typedef struct Slot {
    const char *name; /* dotted name, unique; COT: "d" + name + number */
    SlotKind kind;
    int shape; /* index into Graph.shape */
    uint8_t axes;
    int axis;  /* time axis, from 0, that other steps and bounds are along */
    Ref root;  /* EQN, COT: its value at t; else 0 */
    Span span; /* where it is defined */
    VEC(Bound) lo;     /* descending: 0, -1, ...; empty: 0 */
    VEC(Bound) hi;     /* ascending: 1, 2, ...; empty: 0 */
    int flags;         /* CELL_INDEX, CELL_OBSERVED, CELL_FROZEN .. */
    int64_t classes;   /* CELL_INDEX: size of its set */
    const char *set;   /* CELL_INDEX: name of its set */
    CellInit init;     /* PARAM, NOISE */
    const char *by;    /* NOISE: the PARAM slot with the weights of classes
                          that are drawn, or NULL */
    double min, max;   /* PARAM in (min, max); -inf, inf when free */
    double lr, decay;  /* PARAM: as CellTensor */
    const char *clip;  /* PARAM: as CellTensor */
    const char *alias; /* EQN: a shorter name users may also say */
} Slot;

/* What the compiled model must compute. */
typedef struct Root {
    int role; /* CELL_OUTPUT, FINAL, LOSS, TERM, COUNT, METRIC, DRAW, GRAD,
                 NEXT */
    const char *name; /* name of the tensor ("y", "final.h", "grad.x", ...) */
    Ref value;
    int slot;         /* what it belongs to: FINAL, DRAW, GRAD, NEXT;
                         else -1.
                         GRAD of a PARAM slot goes to the gradient block */
    const char *what; /* DRAW: "categorical.p" ... */
    int flags;        /* TERM: CELL_LIKELIHOOD */
    int of;           /* COUNT: index in Graph.root of its TERM or METRIC */
    const char *set;  /* OUTPUT: of whose members it has one, or a number for
                         each; or NULL */
} Root;

/* Constant arrays: `const A[i=1:n, j=1:n] = ...`. */
typedef struct Table {
    const char *name;
    int shape;
    double *v; /* row-major */
} Table;

/* How VIEW reads: y[i0, i1, ..] = x[base + stride[0] i0 + stride[1] i1 + ..],
 * x as one row of reals.  Elements may be read several times or never. */
typedef struct ViewSpec {
    int x, y; /* shapes */
    int64_t base, stride[SHAPE_RANK];
} ViewSpec;

/* A C function that the model calls, of n numbers. */
typedef struct Called {
    const char *name;   /* of the float one */
    const char *wide;   /* of the double one; the same: there is no other */
    const char *header; /* "math.h" */
    int n;
    void (*proc)(void); /* the double one */
} Called;

typedef struct TimeAxis {
    const char *name;
    int like; /* number of the earlier axis that gives it its steps; -1 */
    int rate; /* one for so many of those; 1: the same steps once more */
} TimeAxis;

typedef struct Graph {
    Arena *arena;
    const char *name; /* of the model, for printing */
    VEC(Node) node;   /* node.v[0] is unused */
    VEC(Ref) pool;    /* operand lists */
    VEC(Shape) shape; /* interned; shape.v[0] is the scalar */
    VEC(Slot) slot;
    VEC(Root) root;
    VEC(Table) table;
    VEC(TimeAxis) time; /* none: the implied t */
    VEC(ViewSpec) view; /* interned */
    VEC(Called) call;   /* interned */
    Ref *hash;          /* open addressing over node indices */
    int hash_cap;
} Graph;

Graph *graph_new(Arena *a, const char *name);
int graph_shape(Graph *g, int rank, const int64_t *dim);
int64_t shape_size(const Graph *g, int shape); /* product of the extents */

/* Adds a node or finds its equal; infers shape and axes from the operands
 * and attributes (ops.c); panics on an illegal combination, which the
 * checker must have refused before.  `span` of the first stays. */
Ref graph_add(Graph *g, Op op, int nin, const Ref *in, int a, int b, double num,
              Span span);
Ref graph_const(Graph *g, double v);
Ref graph_op1(Graph *g, Op op, Ref a);
Ref graph_op2(Graph *g, Op op, Ref a, Ref b);
Ref graph_op3(Graph *g, Op op, Ref a, Ref b, Ref c);
Ref graph_read(Graph *g, int slot, int offset);
Ref graph_expand(Graph *g, Ref x, int shape); /* scalar -> shape */
/* VIEW of x with shape y, and FOLD of d, a cotangent of that view. */
Ref graph_view(Graph *g, Ref x, int y, int64_t base, const int64_t *stride);
Ref graph_fold(Graph *g, Ref d, int x, int64_t base, const int64_t *stride);
int graph_view_spec(Graph *g, int x, int y, int64_t base,
                    const int64_t *stride); /* index in Graph.view */
/* graphcall.c: index in Graph.call, or -1 and what is wrong with it. */
enum { CALL_MOST = 3 };
int graph_call(Graph *g, const char *name, const char *header, int n,
               const char **wrong);
double graph_call_value(const Graph *g, int call, const double *x);
Ref graph_unsaid(const Graph *g); /* a CALL's derivative that is missing, 0 */
int graph_slot(Graph *g, SlotKind kind, const char *name, int shape, int axes);
int graph_slot_find(const Graph *g, const char *name); /* -1: none */
/* A graph with the same slots, roots and tables and no nodes yet: where a
 * pass puts its result.  Roots, slot roots and bounds are 0 until set. */
Graph *graph_like(const Graph *g);
/* Copies node `r` of `from` into `to` with new operands `in`. */
Ref graph_copy(Graph *to, const Graph *from, Ref r, const Ref *in);
/* Rewrites everything reachable from roots, slots and bounds, operands
 * first.  `fn` gets the node with mapped operands and returns its image in
 * `to` (graph_copy for "unchanged"). */
typedef Ref GraphMap(void *ctx, Graph *to, const Graph *from, Ref r,
                     const Ref *in);
Graph *graph_map(const Graph *g, GraphMap *fn, void *ctx);
/* Nodes reachable from the roots through operands, slot roots and bounds,
 * operands first; slots that nothing reads are left out. */
typedef struct Order {
    Ref *v;
    int n;
    bool *slot_used; /* per slot */
} Order;
Order graph_order(const Graph *g, Arena *scratch);

/* Inputs that nothing which is wanted reads become SLOT_IDLE. */
void graph_idle(Graph *g);
/* The order of one value alone: what it depends on. */
Order graph_order_of(const Graph *g, Ref r, Arena *scratch);

/* The bit of the axis along which slot s is read at other steps. */
static inline int slot_bit(const Slot *s)
{
    return cell_time(s->axis);
}
/* Whether slot s has steps along that axis. */
static inline bool slot_steps(const Slot *s)
{
    return (s->axes & slot_bit(s)) != 0;
}

#define NODE(g, r) (&(g)->node.v[r])
#define IN(g, r, i) ((g)->pool.v[(g)->node.v[r].in + (i)])
#define SHAPE(g, s) (&(g)->shape.v[s])
#define SLOT(g, s) (&(g)->slot.v[s])
static inline bool graph_is_const(const Graph *g, Ref r, double v)
{
    return NODE(g, r)->op == OP_CONST && NODE(g, r)->num == v;
}

/* graphio.c: the IR as text.  Reading what was printed gives the same text
 * again.  NULL and a message in `err` when the text is malformed. */
void graph_print(Buf *out, const Graph *g);
Graph *graph_read_text(Arena *a, const char *text, Buf *err);

/* verify.c: legal forms; returns NULL or what is wrong. */
const char *graph_verify(const Graph *g, Arena *scratch);

/* Passes: graph to graph, each in the file of its name. */
Graph *pass_simplify(const Graph *g); /* simplify.c, rules.def */
Graph *pass_plain(const Graph *g);    /* the same, and own derivatives and
                                         stopgrad are gone: after pass_grad */
Graph *pass_stable(const Graph *g);   /* stable forms alone: for eval */
Graph *pass_split(const Graph *g);    /* split.c: what a loop leaves alone of
                                          products leaves it */
Graph *pass_gemm(const Graph *g);     /* gemm.c: products that share an
                                         operand become one */
Graph *pass_final(const Graph *g);    /* final.c: FINAL -> AT */
Graph *pass_grad(const Graph *g, bool inputs); /* grad.c: adds GRAD roots */
Graph *pass_unvalued(const Graph *g); /* grad.c: the loss itself is not asked
                                         for, its derivatives alone */
/* segment.c: the gradient as that of one segment of a longer sequence; what of
 * a model without gradient cannot be cut into segments, 0: all can. */
Graph *pass_segment(const Graph *g);
Ref segment_refuses(const Graph *g, Arena *tmp);
/* part.c: what drawing needs along one of several time axes, `before` its first
 * step, or at one; NULL: it cannot be parted so. */
Graph *pass_part(const Graph *g, bool before);
/* named.c: every equation gets an OUTPUT root */
Graph *pass_named(const Graph *g);
/* As pass_grad, and for each OUTPUT root whose `what` is ROOT_VALUE one more of
 * its cotangent, and of that of its outermost function's argument. */
Graph *pass_grad_named(const Graph *g);
#define ROOT_VALUE "value"
#define ROOT_COTANGENT "cotangent"
#define ROOT_ARGUMENT "argument"

#endif
