/* Elaboration, shared by elab*.c: from the trees of all files to one graph.
 * Cells are inlined; every instance becomes equations in a scope of its own.
 * Types are found first (the dry rounds: unordered equations, unknown until
 * a round changes nothing), then one building round makes the nodes and
 * reports every mistake. */
#ifndef CELLC_ELAB_H
#define CELLC_ELAB_H

/* Hash tables live in the arena of the compilation, like everything else;
 * where one may grow, `e` is the elaboration. */
#define uthash_malloc(size) arena_alloc(e->arena, size)
#define uthash_free(p, size) ((void)(p))
#include <uthash.h>

#include "elaborate.h"
#include "shape.h"

typedef struct Scope Scope;
typedef struct Name Name;
typedef struct Layer Layer;
typedef struct App App;
typedef struct Elab Elab;

#define RANK_UNKNOWN (-1)
#define AXIS_B (1u << 31) /* varies by sequence */

typedef enum ValKind {
    V_NONE,   /* unknown (dry) or an error that has been reported */
    V_TENSOR, /* a number, vector, matrix ... over some axes */
    V_STR,    /* a string: member of an index set */
    V_FN,     /* fn, or built-in by name */
    V_CELL,   /* a cell definition */
    V_LAYER,  /* cell with its arguments: weights, ready to apply */
    V_TUPLE   /* parts of split(x, k) */
} ValKind;

typedef struct Val {
    ValKind kind;
    int rank;                   /* TENSOR: RANK_UNKNOWN in dry rounds */
    const Dim *dim[SHAPE_RANK]; /* TENSOR: extents */
    uint32_t axes;              /* bit per axis of the model; AXIS_B */
    const Dim *set;             /* index into this set, or NULL */
    Ref ref;                    /* building: the node; 0 for a constant */
    bool complex;               /* TENSOR: a pair, `ref` is its real part */
    Ref im;                     /* complex, building: the imaginary part */
    bool constant;              /* number known now */
    double num;                 /* its value */
    const Dim *size;            /* whole number that may name a dim */
    const char *str;            /* STR; FN: built-in's name */
    Name *name;                 /* what it was read from, for messages */
    Layer *layer;               /* LAYER */
    Ast *def;                   /* FN, CELL: definition; NULL: built-in */
    Scope *home;                /* FN, CELL: where the definition stands */
    App *app;                   /* value of an application */
    struct Val *part;           /* TUPLE: its parts */
    int nparts;
} Val;

/* A call of a built-in under way. */
typedef struct Call {
    Elab *e;
    Scope *s;
    Ast *a;    /* the whole call */
    Ast *subs; /* [t] or [k=1:3] behind the name, or NULL */
    int n;     /* arguments */
    Val *x;    /* their values */
    Span *at;  /* and places */
    const char *name;
    Op op; /* of the row */
} Call;

typedef Val Builtin(Call *c);

typedef enum NameKind {
    N_OPTION,
    N_CONST,
    N_DIM,
    N_INPUT,
    N_PARAM,
    N_NOISE,
    N_EQN,
    N_ARG,
    N_FN,
    N_CELL
} NameKind;

/* `h[0] = e`, `h[end+1] = e`. */
typedef struct Edge {
    bool end;     /* counted from the end */
    int at;       /* 0, -1, ..; from the end: 1, 2, .. */
    Ast *e;       /* its value */
    Scope *scope; /* in whose names */
    Span span;
} Edge;

/* Where the argument `e` of an application is read for one name. */
typedef struct StandIn {
    const App *at;
    const Ast *e;
    Scope *scope;
    Name *it;
} StandIn;

struct Name {
    const char *name; /* as written */
    const char *full; /* with the prefix of its scope */
    NameKind kind;
    Scope *scope;
    Span span;            /* the name where it is defined */
    Ast *decl;            /* A_DECL, A_SET, A_FN, A_CELL ... */
    Ast *stmt;            /* statement that has it */
    Ast *rhs;             /* EQN, OPTION, ARG: expression */
    Scope *from;          /* ARG: scope of its expression */
    App *feed;            /* ARG: instead, the value of this application */
    int part;             /* EQN of a tuple: which part; else -1 */
    Val val;              /* type; once built, with its node */
    bool typed;           /* dry: val.rank is known */
    int state;            /* building: 0 new, 1 under way, 2 done */
    int slot;             /* of the graph, -1: none yet */
    int im_slot;          /* complex: of the imaginary part; else -1 */
    bool used, lagged;    /* read at all; read at another step ... */
    int axis;             /* ... of this axis; -1: none */
    bool drawn;           /* left of ~ */
    bool recurrent;       /* its own cell reads it at an earlier step */
    int min_off, max_off; /* steps at which it is read, 0 or beyond */
    Span cycle_read;      /* where, while it is built, it reads the next name */
    VEC(Edge) edge;
    Name *fed;       /* INPUT: what its earlier steps are, see elabteacher.c */
    Name *feeds;     /* EQN: the input that it is that of */
    Ast *state_decl; /* EQN: its `state` declaration, or NULL */
    Layer *layer;    /* EQN whose value is a layer: enc = lstm(128) */
    Val computed;    /* EQN that `h = e` replaces: what its own step sees */
    VEC(StandIn) stand;
    Name *stands; /* ARG `state`, `output`, `param`: for this name, read ... */
    App *beyond;  /* ... as it is outside of this application */
    UT_hash_handle hh;
};

/* An argument that changes what names of the applied cell mean; a narrower
 * word goes before a wider one. */
typedef enum OverWord {
    WORD_NAME,
    WORD_OUTPUT,
    WORD_STATE,
    WORD_PARAM
} OverWord;

typedef enum OverKind {
    OVER_START, /* h[0] = e */
    OVER_STEP,  /* h[t-1] = e; param[t-1] = e: what multiplies such reads */
    OVER_VALUE  /* W = e, h = e */
} OverKind;

typedef struct Over {
    const char *name; /* c, fwd.c, or the word itself */
    OverWord word;
    OverKind kind;
    int offset; /* STEP: -1 for t-1; START: index 0, -1 .. */
    bool end;   /* START: h[end+1] */
    bool used;
    Ast *e;
    Scope *scope; /* in whose names e is written */
    Span span;
} Over;

/* A further time axis that a cell has by its own name: `time u` in its body. */
typedef struct OwnAxis {
    const char *name;
    Span span;
    int axis; /* -1: no argument has said yet which */
} OwnAxis;

/* One copy of e in sum[k = 1:τ](e): a scope with that k in front.  What e
 * stores under names of its own stays from round to round. */
typedef struct Turn {
    const Ast *call;
    double k;
    Scope *scope;
} Turn;

struct Scope {
    Scope *up;           /* file scope; NULL for that itself */
    const char *prefix;  /* of slots: "h.1.fwd" or "" */
    const char *weights; /* of parameters: that of the layer */
    Name *names;         /* hash */
    VEC(Name *) order;   /* as written */
    App *app;            /* whose body this is, or NULL */
    bool reversed;       /* inside rev(): time runs from the end to 1 */
    bool shown;          /* the output line: names as `h = e` made them */
    int axis;            /* axis that `t` means here, -1 unknown */
    bool along;          /* the application says so: lstm(n)[u](x) */
    uint32_t axes;       /* time axes of the inputs but those of `own` */
    VEC(OwnAxis) own;    /* cell: what its `time` lines declare */
    bool open;           /* `input x, ...`: takes further inputs */
    Val any;             /* shape that `[...]` means; NONE until solved */
    const char *where;   /* "lstm" for messages, NULL at top level */
    VEC(Ast *) terms;    /* loss, metric and ~ statements of a cell */
    VEC(Turn) turns;     /* of each sum[k = 1:τ](e) in it */
    bool turn;           /* is one of those */
};

typedef enum LayerKind { LAYER_CELL, LAYER_REV, LAYER_STACK } LayerKind;

/* Weights: a cell with its arguments, perhaps combined. */
struct Layer {
    LayerKind kind;
    const char *prefix; /* of its parameters */
    Ast *cell;          /* CELL: A_CELL */
    Scope *home;        /* CELL: file scope of the definition */
    Ast *call;          /* the constructing call */
    Scope *scope;       /* where that call stands: its arguments' names */
    VEC(Layer *) level; /* STACK: levels; REV: the one */
    int uses;           /* applications made of it */
    Span span;
};

/* An argument, and in whose names it is written. */
typedef struct Given {
    Ast *e;
    Scope *from;
} Given;
typedef VEC(Given) GivenList;

/* One use of a layer on values. */
struct App {
    Layer *layer;
    App *outer;       /* in whose body it stands, or NULL */
    Scope *scope;     /* names of the body; STACK: NULL */
    Scope *shown;     /* the same, to read the output line in */
    VEC(App *) level; /* STACK: bottom first */
    VEC(Over) over;
    GivenList more; /* `...`: inputs to hand on */
    Ast *call;
    Ast *through; /* STACK: its first input ... */
    Scope *from;  /* ... in whose names ... */
    App *feed;    /* ... or what gives it: the value of no level at all */
    Val val;      /* its output; building: with its node once done */
    bool done;    /* building: val is final */
    bool broken;  /* its arguments do not fit: told, gives no value */
};

typedef struct Axis {
    const char *name;
    Span span;
    Ast *decl; /* A_AXIS or NULL for the implied t */
    int like;  /* number of the earlier axis that gives it its steps, or -1 */
    int rate;  /* one for so many of those */
    bool used;
} Axis;

/* The call of a cell that a distribution stands for. */
typedef struct Drawn {
    const Ast *dist;
    const char *cell;
    Ast *call;
} Drawn;

struct Elab {
    Arena *arena;
    Intern *intern;
    Diags *diags;
    Graph *graph;
    Scope *lib, *top;
    bool building; /* nodes and messages are made */
    bool changed;  /* dry: a type became known this round */
    Name *guessed; /* an equation that nothing says the shape of, or NULL */
    bool settle;   /* dry: a matrix times what is unknown is a vector */
    bool training; /* value of `training` */
    bool by_mode;  /* the spec itself asks for that */
    VEC(Axis) axis;
    VEC(Name *) pending; /* names read at another step, not built yet */
    VEC(Name *) chain;   /* equations being built, for causality messages */
    VEC(Sym *) open;     /* open dims of the top level */
    VEC(Scope *) scope;  /* all of them, in order of creation */
    VEC(Drawn) drawn;
    struct AppMemo *apps; /* hash: (scope, call) -> App */
    const Settings *set;  /* options, dims, vocabularies */
    Ast *body;            /* statements of the model, for numbering */
    int whole_from;       /* chain.n at the sum[t] that is read, or -1 */
    int clock_from;       /* the same at what is read along another clock */
    int depth;            /* nesting of calls, against endless recursion */
    int unnamed;          /* expressions stored under a name of their own */
    const Ast *deriving;  /* function whose own derivative is read, or NULL */
    int derived;          /* how deep in that of the same one */
    VEC(Member) member;   /* names of members of sets that the texts write */
    const char *reduce;   /* how terms are averaged */
    bool skip;            /* terms leave out the first SKIP steps */
    double teacher;   /* 1: reads of what is drawn are of what was observed */
    bool taught;      /* there is such a read at an earlier step */
    Ast *const *file; /* of the model */
    int nfile;
    Ref loss; /* sum of the reduced terms, 0: none */
};

/* elab.c */
Name *scope_find(Scope *s, const char *name);            /* this scope only */
Name *scope_lookup(Elab *e, Scope *s, const char *name); /* and outwards */
Name *scope_add(Elab *e, Scope *s, NameKind kind, const char *name, Span at);
Scope *scope_new(Elab *e, Scope *up, const char *prefix);
void scope_collect(Elab *e, Scope *s, Ast *first);
/* Makes `in` the same place as s, with names of its own in front. */
void scope_stand(Scope *in, Scope *s);
/* Defines a name that stands for a value, as arguments do. */
void scope_bind(Elab *e, Scope *s, const char *name, Val v, Span at);
Val name_value(Elab *e, Name *n, Span at); /* at the current step */
int name_slot(Elab *e, Name *n);           /* complex: of its real part */
void slot_edges(Elab *e, Name *n); /* bounds of its slot; at the very end */
bool edges_of(Elab *e, Name *n);   /* whether there will be any */
const char *full_name(Elab *e, const char *prefix, const char *name);

/* elabtype.c: values and messages */
Val val_none(void);
Val val_num(Elab *e, double v);
Val val_size(Elab *e, const Dim *d);
Val val_unknown(uint32_t axes);
Ref val_ref(Elab *e, const Val *v, Span at); /* the node, made if constant */
int val_shape(Elab *e, const Val *v);        /* shape of the graph */
uint8_t val_axes(const Val *v);              /* axes of the graph */
int val_axis(const Val *v); /* its only time axis; -1: none or several */
Val val_length(Elab *e, int axis, Span at);
Val val_valid(Elab *e, int axis, Span at);   /* 1 at a sequence's own steps */
const char *val_text(Elab *e, const Val *v); /* "vector [n] over t" */
Val val_op(Elab *e, Op op, int n, const Val *x, Span at, const Span *arg);
/* The same by a C function of Graph.call. */
Val val_call(Elab *e, int call, int n, const Val *x, Span at, const Span *arg);
/* One more operand's shape joins *r; false after an error. */
bool val_fits(Elab *e, Op op, Val *r, const Val *x, Span at);
Val val_node(Elab *e, Val type, Op op, int n, const Ref *in, int a, int b,
             double num, Span at);
bool same_dim(Elab *e, const Dim *x, const Dim *y);

/* elabcomplex.c: pairs of values, and of the slots of names */
Val val_part(Elab *e, const Val *v, int part);  /* of a real one: v and 0 */
Val val_zeros(Elab *e, const Val *v, int part); /* the same, 0 in v's shape */
Val val_pair(Elab *e, Val re, Val im, Span at); /* tuples too */
Val complex_op(Elab *e, Op op, int n, const Val *x, Span at);
/* fn, which is linear in both, of values one of which is complex. */
typedef Val Bilinear(void *user, const Val *x, const Val *y);
Val complex_bilinear(Elab *e, const Val *x, const Val *y, Bilinear *fn,
                     void *user, Span at);
Val complex_refuse(Elab *e, const char *what, const Val *v, Span at);
Val complex_fn(Call *c);                /* complex(a, b) and its like */
Val complex_call(Call *c, Builtin *fn); /* fn of complex arguments */
bool declared_complex(const Ast *decl); /* `in complex` */
const char *part_name(Elab *e, const char *name, int part); /* h.re, h.im */
int slot_part(const Name *n, int part); /* n->slot, n->im_slot */
Val val_slot(Elab *e, Val type, Op op, const Name *n, int b, double num,
             Span at); /* PARAM, READ or AT of its slots */

/* elabmatrix.c: functions of vectors and matrices */
Builtin fn_along, fn_norm, fn_normalize, fn_reshape, fn_flatten, fn_roll,
    fn_reverse, fn_permute, fn_diag, fn_blockdiag, fn_eye, fn_outer, fn_conv,
    fn_expm, fn_solve, fn_clipgrad;
Builtin fn_grad; /* elabgrad.c */
/* Elements of the first dim in the order of p, positions from 1. */
Val permuted(Elab *e, Val v, Val p, Span at);
/* Elements lo to hi (from 1) of dim `dim` of v; that dim is gone if `drop`. */
Val val_slice(Elab *e, Val v, int dim, const Dim *lo, const Dim *hi, bool drop,
              Span at);

/* elabexpr.c */
Val expr(Elab *e, Scope *s, Ast *a);
Val expr_number(Elab *e, Scope *s, Ast *a, const char *what); /* constant */
const Dim *expr_dim(Elab *e, Scope *s, Ast *a); /* a size, or NULL */
Name *member_name(Elab *e, Scope *s, Ast *a);   /* y.c */
/* Number of a string in an index set. */
Val member_index(Elab *e, const char *str, const Dim *set, Span at);

/* elabdecl.c: the slot and type of an input, parameter or noise; false while
 * unknown (dry) or after an error */
bool declare(Elab *e, Name *n);
bool declare_type(Elab *e, Name *n); /* only the type */
bool any_shape(const Ast *subs);     /* is it [...] */

/* elabinit.c: start values, bounds and settings of parameters */
CellInit init_read(Elab *e, Scope *s, Ast *a, bool noise);
/* categorical(q) behind noise that is members of a set. */
bool init_is_classes(const Ast *a);
void init_classes(Elab *e, const Name *n, Slot *slot, Ast *a);
void init_interval(Elab *e, Scope *s, Slot *slot, Ast *in);
void init_manifold(Elab *e, Slot *slot, Ast *in);
void init_inside(Elab *e, const Slot *slot, Span at);
void init_with(Elab *e, Scope *s, Slot *slot, Ast *k);

/* elabtext.c: mistakes that the text alone shows */
void text_check(Elab *e, const Ast *file);

typedef enum When { WHEN_NO, WHEN_STEP, WHEN_END, WHEN_NUMBER } When;

/* A time subscript: floor((mul*t + off)/div), end+off, the plain number off. */
typedef struct TimeSub {
    When when;
    int off;
    int axis;     /* which one; END, NUMBER: -1 if it is not said */
    int mul, div; /* STEP; each 1 but where it says a slower clock */
    bool clock;   /* STEP: it does */
} TimeSub;

/* elabclock.c: slower axes, and names over one read along another */
void clock_declare(Elab *e, Axis *x);
/* Whether some axis is slower or faster in the way that t says. */
bool clock_known(const Elab *e, const TimeSub *t);
/* base, which is the name n or NULL, at such a step. */
Val clock_read(Elab *e, Scope *s, Ast *base, Name *n, TimeSub t, Span at);

/* elabindex.c */
/* base[t] for one time subscript. */
Val timed_index(Elab *e, Scope *s, Ast *base, Name *n, TimeSub t, Span at);
/* v over the axis `from` as one over `to`, which has the same steps. */
Val val_along(Elab *e, Val v, int from, int to, Span at);
Val expr_index(Elab *e, Scope *s, Ast *a);
int axis_of(Elab *e, Scope *s, const char *name); /* here; -1: none */
bool is_axis(Elab *e, Scope *s, const char *name);
bool edge_of(Elab *e, Scope *s, Ast *subs, Edge *out); /* h[0], h[end+1] */
/* n at t+offset of an axis, -1: not known yet */
Val final_value(Elab *e, Scope *s, Val v, Span at);
Val read_at(Elab *e, Scope *s, Name *n, int offset, int axis, Span at);
/* The name that stores what stands at `a`, one for each `mark`; the first time
 * `made`, and then without an equation.  To the outside it is a number, since
 * another layout of the text must not rename it. */
Name *name_unnamed(Elab *e, Scope *s, const Ast *a, const char *mark,
                   bool *made);
/* The message that an application must say along which axis its cell runs. */
void axis_untold(Elab *e, Scope *s);
bool step_of(Elab *e, Scope *s, Ast *subs, int *offset); /* [t-1] */
Name *storage_name(Elab *e, Name *n); /* the name whose slot holds n */

/* elabcall.c, elabapp.c, elabfn.c */
bool is_layer(Elab *e, Scope *s, Ast *a, int depth);
bool is_template(Elab *e, Scope *s, Ast *a, int depth);
const char *site_name(Elab *e, Scope *s, Ast *site, Ast *layer);
Layer *layer_of(Elab *e, Scope *s, Ast *a, const char *prefix);
App *app_make(Elab *e, Scope *s, Ast *site, Layer *l, const char *prefix,
              Ast *first, App *feed, Ast *rest, bool reversed);
void bind_input_type(Elab *e, Name *n,
                     Val *v); /* dims and axis from its argument */
Val expr_call(Elab *e, Scope *s, Ast *a);
Val expr_pipe(Elab *e, Scope *s, Ast *a);
Val matrix_product(Elab *e, Ast *a, const Val *x, const Val *y);
Val call_builtin(Elab *e, Scope *s, const char *name, Ast *call, Ast *subs,
                 Ast *args, bool *known);
Val call_fn(Elab *e, Scope *s, Val f, int n, Val *arg, const Span *at,
            Span call);
bool is_builtin(const char *name);
/* Index in Graph.call of an `extern fn`, or -1 and what is wrong with it. */
int extern_call(Elab *e, const Ast *fn, const char **wrong);
Val app_output(Elab *e, App *a, Span at);
Ast *first_output(const App *a);
Name *app_output_name(Elab *e, App *a); /* the output, if it is one name */
App *app_at(Elab *e, Scope *s, Ast *a); /* application that is all of a */

/* elabbatch.c: mean[batch](e), sum[t, batch](e), with next = e */
bool over_batch_named(const Ast *subs);
bool over_batch_takes(const char *fn);
Val over_batch(Call *c);
Ast *next_value(const Name *n); /* e of `with next = e`, or NULL */
void next_roots(Elab *e);

/* elabover.c: arguments like h[0] = e, h[t-1] = e, W = E, state = e */
bool over_bind(Elab *e, App *app, Scope *caller, Ast *k);
/* What applies to n from the application `from` outwards; NULL: nothing. */
Over *over_find(Elab *e, App *from, const Name *n, OverKind kind, int offset,
                App **at);
bool over_next(Elab *e, const Name *n); /* is there some h = e for it */
Scope *over_scope(Elab *e, const Over *o, App *at, Name *n);
Val over_value(Elab *e, const Over *o, App *at, Name *n, const Val *it);
Val over_become(Elab *e, Name *n, Val v);
bool over_starts(Elab *e, const Over *o, const App *at, const Name *n);
void over_type_starts(Elab *e, Name *n);
void over_check(Elab *e);

/* elabaxis.c: `time` lines, then what follows from all of them; sum[t](e),
 * softmax[t](e) ... */
void axes_collect(Elab *e, Scope *s, Ast *stmt);
void own_axes_check(Elab *e, const Ast *cell);
/* The axis that the cell around s calls so, or NULL. */
OwnAxis *own_axis(const Scope *s, const char *name);
int own_axis_subs(const Scope *s, const Ast *subs); /* of them, in front */
/* What the argument of an input over own axes says of them: false while that
 * is open. */
bool own_axes_bind(Elab *e, Scope *s, const Ast *subs, uint32_t axes);
bool own_axes_known(Elab *e, App *a); /* else told */
void axes_implied(Elab *e, Ast *const *file, int nfile);
void axes_done(Elab *e);
Val axis_call(Call *c);
bool axis_function(const char *name);
const char *axis_list(Elab *e, uint32_t axes); /* "t, u" */

/* elabconst.c */
Val const_table(Elab *e, Name *n); /* const A[i=1:n] = ... */
const Dim *table_dim(Elab *e, Scope *s, Ast *k);
/* Every element of rhs; *out is NULL where a size of v is open. */
bool table_values(Elab *e, Scope *s, Ast *subs, Ast *rhs, const Val *v,
                  double **out);

/* A scalar node and the steps that count. */
typedef struct TermPart {
    const char *name;
    Val v;
    Ref counted; /* 0/1 over the same axes; 0: every valid step */
    int flags;
} TermPart;

/* elabdraw.c: y ~ D(...) */
bool is_mixture(const Ast *dist);
bool in_density(const Elab *e, const Scope *s); /* inside of a cell D_nll */
bool draw_term(Elab *e, Scope *s, Ast *stmt, TermPart *out);
void own_draws(Elab *e); /* marks DRAW roots that depend on what they draw */
void draw_types(Elab *e, Scope *s, Ast *y, Ast *dist);
/* Of `c ? D1 : D2` the one that holds; NULL: not known, which is told. */
Ast *draw_which(Elab *e, Scope *s, Ast *dist);

/* elabteacher.c: whose value at an earlier step the scope reads as that of the
 * input y: y itself or, with teacher < 1, what is fed back in its place. */
Name *fed_back(Elab *e, Scope *s, Name *y, int step);
void teacher_check(Elab *e); /* a setting that changes nothing */

/* elabloss.c: terms, metrics, outputs, finals */
int add_root(Elab *e, int role, const char *name, Ref v, int slot);
void read_train(Elab *e); /* what settings of training mean to equations */
void build_roots(Elab *e, Ast *const *file, int nfile);
void build_last_roots(Elab *e); /* what needs the slots' bounds */

void not_value_help(Elab *e, const Val *v); /* elabtype.c */
/* elabhint.c: help to the message about a name */
void hint_name(Elab *e, Scope *s, const char *name);
void hint_drawn(Elab *e, Scope *s, const char *name, const char *callee);
void hint_distribution(Elab *e, Scope *s, const char *name);

/* elabinfo.c: warnings, declarations, what is open */
Elaborated elab_results(Elab *e, Ast *const *file, int nfile);

#endif
