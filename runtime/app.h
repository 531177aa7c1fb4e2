/* The main() of an executable made by `cellc build`: the run-time verbs train,
 * eval, predict, generate, gradcheck, gradflow, bench and info for one model.
 */
#ifndef APP_H
#define APP_H

#include "cellrt.h"

typedef struct CellApp {
    const CellDesc *train;   /* with dropout and noise, with gradients */
    const CellDesc *eval;    /* without; may be the same */
    const char *options;     /* "n = 128\n...", as the build was asked for */
    const char *dims;        /* "m = 3\n..." */
    const CellDesc *flow;    /* compiled for flow.h; NULL: it has no states */
    const char *const *last; /* "y", "</s>", ... NULL: drawn names and the
                                members with which they end; or NULL */
    const char *vocabs; /* "chars = JSON\n...", of a checkpoint; or NULL */
} CellApp;

/* Returns the exit code. */
int cell_app_main(const CellApp *app, int argc, char **argv);
/* The same without options and dims of its own. */
int cell_app(const CellDesc *train, const CellDesc *eval, int argc,
             char **argv);

#endif
