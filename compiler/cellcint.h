/* The inside of a Cellc handle, shared by cellc.c (pipeline) and cellcapi.c
 * (settings, questions and texts). */
#ifndef CELLC_CELLCINT_H
#define CELLC_CELLCINT_H

#include "cellc.h"
#include "elaborate.h"
#include "emit.h"
#include "eval.h"
#include "explain.h"
#include "jit.h"
#include "latency.h"
#include "library.h"
#include "perturb.h"

typedef struct CellcText {
    const char *name, *text;
    size_t size;
} CellcText;

/* A text of the compilation, given or used by one. */
typedef struct UsedFile {
    CellcText text;
    const char *real; /* its path, the same for the same file */
    Ast *file;
} UsedFile;

typedef struct CellcPair {
    const char *key, *value;
} CellcPair;

typedef struct CellcSize {
    const char *name;
    long size;
} CellcSize;

struct Cellc {
    CellcMessage *message;
    void *user;
    Escape escape;
    Arena *keep;            /* sources and settings */
    Arena *run;             /* the current compilation, or NULL */
    VEC(const char *) sent; /* messages, so that none is sent twice */
    /* what was set */
    VEC(CellcText) text;
    VEC(CellcPair) option;
    VEC(CellcSize) dim;
    VEC(Vocab) vocab;
    VEC(ClassWeights) classes;
    VEC(const char *) state, upstream, flow, probe;
    Settings set;
    const char *name; /* of the model, or NULL */
    const char *backend;
    bool real64, inputgrad, segments, steady, states;
    EmitWeights weights;
    Chunks chunks;
    long sequences;   /* that chunks.threads have to run */
    bool timed;       /* tcc: kernels with clocks around them */
    const char *part; /* "known", "step", or NULL: the whole model */
    bool alone; /* `use` is not followed: only the text's form is asked for */
    /* what was made of it, in `run` */
    Sources sources;
    Intern *names;
    Diags *diags;
    VEC(UsedFile) used; /* who is used stands before who uses it */
    Ast **file;         /* the same as trees */
    int nfile;
    Library lib;
    Elaborated elab;
    Graph *graph;
    Sched *sched;
    Plan *plan;
    Plan *stream; /* as EmitOptions.stream, made when asked for */
    Facts facts;  /* about the plan `explained` */
    const Plan *explained;
    Jit *jit;
    CellDesc *desc;
    Library whole;     /* every file of the library, once asked about */
    const char *after; /* pass whose result is wanted, or NULL */
    Buf shown;         /* text results */
};

int cellc_parse(Cellc *c);              /* all texts, into c->run */
void cellc_parse_files(Cellc *c);       /* cellcuse.c: c->used, c->file */
const char *cellc_whole_text(Cellc *c); /* of all files, without `use` */
int cellc_guarded(Cellc *c, int (*fn)(Cellc *));
void cellc_say(Cellc *c, const char *severity, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *cellc_model_name(Cellc *c);
/* Of the checked model, see linear.h. */
const char *cellc_linear(Cellc *c, bool inner);
/* Makes c->stream of the compiled model. */
int cellc_plan_stream(Cellc *c);
EmitOptions cellc_emit_options(Cellc *c, int flags);

#endif
