/* From trees to the graph: the front door of elab*.c, used by cellc.c. */
#ifndef CELLC_ELABORATE_H
#define CELLC_ELABORATE_H

#include "ast.h"
#include "cellc.h"
#include "graph.h"

typedef struct Vocab {
    const char *set;
    int n;
    const char *const *names;
} Vocab;

/* What was set from outside (cellc_option, cellc_dim, ...). */
/* What each class of an index that is drawn weighs in the loss. */
typedef struct ClassWeights {
    const char *name; /* of the input */
    int64_t n;
    double *weight; /* [n] */
} ClassWeights;

typedef struct Settings {
    struct { /* option values, parsed */
        const char *name;
        Ast *e;
    } * option;
    int noption;
    struct { /* sizes of open dims */
        const char *name;
        int64_t size;
    } * dim;
    int ndim;
    Vocab *vocab;
    int nvocab;
    ClassWeights *classes;
    int nclasses;
    const char **state; /* names whose start value becomes an input */
    int nstate;
    const char **upstream; /* differentiate sum(y * up.y) over these */
    int nupstream;
    bool probe;         /* a cell is tried on its own: no warnings */
    bool training;      /* value of `training` */
    bool backward;      /* a gradient is wanted: no DRAW roots */
    bool loss;          /* the loss, its terms and metrics are wanted */
    bool outputs;       /* OUTPUT roots are wanted */
    bool total;         /* normalise by the TOTAL tensors */
    bool skip;          /* terms leave out the first SKIP steps of a chunk */
    bool past;          /* a step's number counts the PAST before its chunk */
    const char *reduce; /* "sequence", "token", "sum"; NULL: the spec's */
    double teacher;     /* probability that earlier steps of what is drawn are
                           those observed, while training; < 0: the spec's */
    const char *name;   /* of the model */
} Settings;

typedef struct OptionInfo {
    const char *name, *value, *doc;
    bool layer;
} OptionInfo;

/* A string that stands for a member of an index set: y[0] = "<s>". */
typedef struct Member {
    const char *set, *name;
} Member;

typedef struct Elaborated {
    Graph *graph; /* NULL where there is no model (a library of cells) */
    VEC(CellcDecl) decl;
    VEC(const char *) open; /* dims and sets without a value */
    VEC(OptionInfo) option;
    VEC(Member) member;
    VEC(const char *) axis; /* names of the time axes */
    int naxes;              /* recurrence axes that the model uses */
} Elaborated;

/* Messages go to `d`; the result is complete only without errors.  lib: the
 * library's files, NULL where one is not needed. */
Elaborated elaborate(Arena *a, Intern *in, Diags *d, Ast *const *lib, int nlib,
                     Ast *const *file, int nfile, const Settings *set);

/* The help about two clocks that need each other. */
#define CLOCK_LOOP_HELP                                                       \
    "let the slower one keep the faster clock and rest in between, as in  z " \
    "= t %% 4 == 0 ? ... : z[t-1]"

#endif
