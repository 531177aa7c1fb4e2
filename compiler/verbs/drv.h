/* What the verbs of the command line share: one compilation with its messages,
 * sources and sizes from flags.  A client of cellc.h and of the runtime. */
#ifndef DRV_H
#define DRV_H

#include "../../runtime/apphost.h"
#include "../../runtime/appjson.h"
#include "../../runtime/flags.h"
#include "../../runtime/rterr.h"
#include "../cellc.h"

#include <jansson.h>

/* One compilation, with where its messages go. */
typedef struct Drv {
    Cellc *c;
    char *path;       /* of the spec, as messages name it */
    int mute;         /* 1: messages are dropped */
    json_t *messages; /* not NULL: collected here instead of printed */
} Drv;

/* Flags that say which model a spec gives; end with a NULL name. */
extern const Flag drv_size_flags[];   /* option, dim, use */
extern const Flag drv_number_flags[]; /* double, backend */
extern const Flag drv_reduce_flags[]; /* reduce */
extern const Flag drv_json_flags[];   /* json */

/* Starts a compilation without source.  0 or EXIT_BUG.  Start with
 * `Drv d = {0};`; it must stay where it is. */
int drv_new(Drv *d);
/* Reads a spec ("-": standard input), or that of a checkpoint with its sizes
 * and vocabularies, and takes over --option, --dim, --reduce,
 * --double and --backend where the verb has them.  Returns an exit code; the
 * caller frees in any case. */
int drv_open(Drv *d, const Flags *f, const char *path);
/* Adds the files of --use, which stand before the spec. */
int drv_use(Drv *d, const Flags *f);
/* Adds the file of a spec; of one that is not there, but is the name of a cell,
 * says so. */
int drv_add_spec(Drv *d, const char *path);
/* The same settings for sources that are there already. */
int drv_settings(Drv *d, const Flags *f);
void drv_free(Drv *d);
/* An exit code for a code of cellc.h. */
int drv_code(int cellc_code);
/* Gives the compilation the options, sizes and vocabularies of a checkpoint. */
int drv_known(Drv *d, const Checkpoint *from);
/* Says of a spec that names members of sets that their numbers are not known;
 * after cellc_check(). */
void drv_tell_members(const Drv *d);
/* cellc_compile(), after an error message naming every dim still open. */
int drv_compile(Drv *d);
/* A model without a loss is differentiated through all its real outputs. */
int drv_through_outputs(Drv *d);
/* Prints the runtime's error and clears it; returns EXIT_USER. */
int drv_fail(RtError *err);
/* A C name made of a file's: "dir/01_elman.cell" gives "elman"; malloc'd. */
char *drv_model_name(const char *path);
/* The text of the file, "-" for standard input; malloc'd, NULL after an error
 * message. */
char *drv_read(const char *path, size_t *n);
/* Not the name of a cell of the library. */
int drv_is_file(const char *path);
/* Says that it is neither; EXIT_USER. */
int drv_no_cell(const Flags *f, const char *name);
/* A checkpoint, by the end of its name or what it begins with. */
int drv_is_checkpoint(const char *path);
/* Writes a text; 0 or EXIT_USER with a message. */
int drv_write(const char *path, const char *text, size_t n);
/* Writes DIR/NAME.h and DIR/NAME.c of the last compile; flags: CELLC_APP... */
int drv_emit_to(Drv *d, const char *dir, const char *name, int flags);
/* The text of a model with one instance of a cell, whose own text is `text`;
 * `before` defines it where the library does not; `wrap` is what it is put
 * into, "stack(2, %)"; `units` its size, a number or a name that `before`
 * gives; malloc'd. */
char *drv_spec_around(const char *before, const char *name, const char *text,
                      const char *wrap, const char *units);
/* The cell with a value for each argument that has no default, `units` for its
 * size: "lstm(n)"; malloc'd. */
char *drv_call_of(const char *name, const char *text, const char *units);
int drv_copy_pairs(RtPairs *to, const RtPairs *from);

/* Names of the states that a gradient flows through, with `inputs` those of
 * real inputs too; *name is malloc'd, its names are of the last check. */
int drv_flow_states(const Drv *d, int inputs, const char ***name, int *n);
/* What is compiled of such a state for runtime/flow. */
int drv_flow_set(Drv *d, const char *state);

/* The compiler as what gives the run-time verbs their model. */
typedef struct DrvHost {
    AppHost app;
    Drv d;       /* what `app.train` comes from, or all before compiling */
    Drv e;       /* what `app.eval` comes from */
    Drv b;       /* what `app.blame` interprets */
    Drv part[2]; /* what `app.parts` comes from */
    char *path;  /* of the spec or checkpoint, for messages */
    char *text;  /* not NULL: the spec's text, from a checkpoint or stdin */
} DrvHost;

void drv_host_init(DrvHost *h); /* it must stay where it is */
void drv_host_free(DrvHost *h);
/* One more compilation of what the host opened, with all that is known now. */
int drv_host_again(DrvHost *h, Drv *d, const Flags *f);

/* Runs `train`, in a child process, again whenever a file of the spec is saved,
 * with the weights that it has left (NULL: none yet); an exit code when the
 * user ends it. */
int drv_watch(Flags *f, int (*train)(Flags *f, const char *warm));

extern const Verb drv_check, drv_fmt, drv_cells, drv_show, drv_info, drv_run,
    drv_emit, drv_build, drv_train, drv_eval, drv_predict, drv_generate,
    drv_near, drv_gradcheck, drv_gradflow, drv_compare, drv_bench, drv_explain;

#endif
