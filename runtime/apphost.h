/* The run-time verbs, and who gives them their model: the compiler in the
 * driver, fixed descriptors in an executable of `cellc build`.  A verb opens
 * the host, reads the data, tells the host what sizes they have, has it
 * compile, and goes on with descriptors alone.  Functions return exit codes
 * and have said what went wrong. */
#ifndef APPHOST_H
#define APPHOST_H

#include "cellrt.h"
#include "checkpoint.h"
#include "data.h"
#include "fit.h"
#include "flags.h"
#include "judge.h"
#include "model.h"
#include "text.h"

#include <signal.h>

typedef struct AppInput {
    RtWant want;   /* sizes that are open: -1, classes 0 */
    char *dim[4];  /* names of the dims, NULL where there is none */
    char *set;     /* of an index: its set, or NULL */
    int named;     /* the set is a dim: its members may have names */
    int open;      /* and has no size yet */
    char **member; /* names of members of the set that the spec writes */
    int nmember;
    char *last; /* name of the member that ends a sequence, or NULL */
} AppInput;

typedef struct AppHost AppHost;
struct AppHost {
    /* Fills input, about.spec, about.name, about.options and about.dims from a
     * spec ("-": standard input) or, where spec is NULL, from a checkpoint,
     * whose vocabularies and settings go to `about` too; and the blocks. */
    int (*open)(AppHost *h, const Flags *f, const char *spec,
                const Checkpoint *from);
    /* Compiles with about.dims, about.vocabs and the setting "reduce"; fills
     * eval and, if `training`, train with what gradients are taken of. */
    int (*compile)(AppHost *h, const Flags *f, int training);
    /* The eval model in the parts of RtModel, where it draws along one of
     * several time axes; *known stays NULL where it has none.  NULL: none ever.
     */
    int (*parts)(AppHost *h, const Flags *f, const CellDesc **known,
                 const CellDesc **step);
    /* FitBlame of fit.h in the words of the equations; NULL: it has none. */
    int (*blame)(AppHost *h, const Flags *f, const RtSession *s, int backward,
                 FitOrigin *origin);
    const char *warm; /* weights to begin with where they fit (--watch), in
                         place of what --init and --resume say; or NULL */
    void *user;       /* the host's own */
    AppInput *input;  /* everything that data must give */
    int ninput;
    RtClock clock[CELL_TIMES]; /* its slower time axes */
    RtPairs train_block;       /* entries of the spec's blocks */
    RtPairs data_block;
    Checkpoint about; /* what a checkpoint of this model says */
    const CellDesc *train;
    const CellDesc *eval;
};

void app_host_clear(AppHost *h); /* all but `user` */
/* Prints and clears the error; EXIT_USER. */
int app_fail(RtError *err);

/* Settings: a flag, else the checkpoint resumed, else the spec's block, else
 * the table's default.  A setting is a flag whose `from` names its block; its
 * key has "_" for "-".  Fills h->about.settings with all of them. */
int app_settings(AppHost *h, const Flags *f, const Flag *table,
                 const Checkpoint *resumed);
/* Value of a setting, NULL or "" where it has none. */
const char *app_setting(const AppHost *h, const char *key);
/* A number among the settings; *v stays where there is none. */
int app_setting_long(const AppHost *h, const char *key, long low, long *v);
/* A number of bytes: 200000, 500K, 200M, 2G. */
int app_setting_bytes(const AppHost *h, const char *key, int64_t *v);
int app_setting_real(const AppHost *h, const char *key, double low, double *v);

/* Before the name of an input: the setting with what its classes weigh in the
 * loss, numbers with commas between (appbalance.c). */
#define APP_WEIGHT "weight."
/* Sets it for all drawn inputs with classes, by how often each is observed in
 * what `o` deals of `d`, where the setting "balance" says so: n / (k n[c]) for
 * k classes that occur. */
int app_balance(AppHost *h, const RtData *d, const RtFeedOptions *o);

/* Reads a data set for h->input: a .npy, .csv, .tsv or text file, a folder with
 * a file called after each, "NAME=FILE,...", or NULL: the files that --in or
 * the data block name.  Sizes found go to h->about.dims, a new vocabulary to
 * h->about.vocabs. */
int app_data(AppHost *h, const Flags *f, const char *path, RtData *d);

/* Where an input comes from, and as what. */
typedef enum AppKind {
    FROM_TABLE,
    FROM_ARRAY,
    FROM_LINES,
    FROM_TEXT,
    FROM_NOTES
} AppKind;
typedef struct AppSource {
    AppInput *in;
    char *path;
    char *part; /* columns of a table, an array's name; NULL: nothing says */
    AppKind kind;
    int shared; /* the file is for all inputs */
    int label;  /* what the model finds from other inputs */
} AppSource;
/* For each input; NULL on an error (appsource.c). */
AppSource *app_sources(AppHost *h, const Flags *f, const char *path,
                       RtError *err);
/* Path and part of "FILE" or "FILE:PART", malloc'd. */
int app_source_path(AppSource *s, const char *text, RtError *err);
void app_sources_free(AppSource *s, int n);
/* What --column or the data block says of an input; malloc'd, NULL: nothing. */
char *app_columns(const AppHost *h, const Flags *f, const char *input);
char *app_input_names(const AppHost *h); /* with commas; malloc'd */
/* Whether there are the inputs that --in and --column name. */
int app_check_inputs(const AppHost *h, const Flags *f);
/* Whether some input is in that set. */
int app_has_set(const AppHost *h, const char *set);

/* Columns of one table for n inputs (apptable.c). */
int app_table(AppHost *h, const AppSource *s, int n, RtData *d, RtError *err);
/* Fields that hold or name a sequence of numbers, as the unit says
 * (appfields.c). */
int app_fields(const AppSource *s, CsvUnit unit, const Csv *csv, RtData *d,
               RtError *err);
/* Parallel text: for each of n inputs a file, every line of it a sequence of
 * words (apptable.c). */
int app_lines(AppHost *h, const AppSource *s, int n, RtData *d, RtError *err);
/* A text as one stream of what --unit says (apptext.c). */
int app_text(AppHost *h, AppInput *in, const char *path, RtData *d,
             RtError *err);
/* A list of notes (apptext.c). */
int app_notes(AppHost *h, const AppInput *in, const char *path, RtData *d,
              RtError *err);
/* What the settings say about the vocabulary of an input's set. */
int app_limits(const AppHost *h, const AppInput *in, VocabHow *how);
/* The vocabulary of a set, for the compiler and the checkpoint. */
int app_keep_vocab(AppHost *h, const char *set, const Vocab *v, RtError *err);
/* Error: the setting `unit` is no unit. */
int app_check_unit(const AppHost *h, RtError *err);
/* The same where names that the model finds may be missing: with no class
 * observed (applabels.c). */
int app_data_unlabelled(AppHost *h, const Flags *f, const char *path,
                        RtData *d);
/* Whether the compiled model can give the labels of `d` (applabels.c). */
int app_labels(const AppHost *h, const RtData *d);
/* How the settings deal `d`; part from..to. */
int app_feed(const AppHost *h, const RtData *d, double from, double to,
             RtFeedOptions *o);
/* What is held out: *at is where it begins, 1 if nothing is. */
int app_held_out(const AppHost *h, double *at, const char **file);
/* Vocabulary of an index set: 1 found, 0 none, -1 error. */
int app_vocab(const AppHost *h, const char *set, Vocab *v, RtError *err);

/* Whether validations are judged by a metric of a drawn name, f1(y), which the
 * model compiled for inference has. */
int app_monitors_drawn(const AppHost *h);

/* Set by SIGINT and SIGTERM after app_catch(); a third one ends at once. */
const volatile sig_atomic_t *app_catch(void);

/* A checkpoint's model, ready to be evaluated: loads the file, opens the host,
 * resolves the settings of `table`. */
int app_load(AppHost *h, const Flags *f, const Flag *table, const char *path,
             Checkpoint *c);
/* Compiles and fills a model with the checkpoint's weights. */
int app_model(AppHost *h, const Flags *f, const Checkpoint *c, RtModel **m);
/* Gives a compiled model that is to be drawn from its parts. */
int app_parts(AppHost *h, const Flags *f, RtModel *m);

/* --plot: whether what it asks for can be drawn; whether something is wanted,
 * in *path or, NULL, in the terminal that standard output is; and the curve of
 * a training log. */
int app_plot_check(const Flags *f);
int app_plot_wanted(const Flags *f, const char **path);
int app_plot_log(const Flags *f, const char *log);

/* The metrics that --metric and --expect name, with their vocabularies; without
 * any the judge has nothing to do.  End with app_judge_free, in any case. */
typedef struct AppJudge {
    Judge *judge;
    Vocab *vocab;
    int n;
} AppJudge;
int app_judge(const AppHost *h, const Flags *f, const CellDesc *d, AppJudge *a);
/* The same of the metrics text[n]. */
int app_judge_of(const AppHost *h, const CellDesc *d, const char *const *text,
                 int n, AppJudge *a);
void app_judge_free(AppJudge *a);

/* --init: reads a checkpoint, or any .safetensors, and with `vocabs` takes over
 * its vocabularies; then the weights that fit, saying which. `must`: it is an
 * error where none does. */
int app_init_open(AppHost *h, const char *path, int vocabs, Checkpoint *c);
int app_init_weights(const Checkpoint *c, const char *path, int must,
                     RtModel *m);

/* Settings of training and data, into one list; sorted, so that it does not
 * matter where each came from (apptune.c). */
int app_train_settings(AppHost *h, const Flags *f, const Checkpoint *resumed);
/* The limits and numbers among them. */
int app_train_numbers(const AppHost *h, FitSetup *s);
/* The optimiser with --lr and --decay in place of its own; malloc'd. */
int app_train_optimizer(const AppHost *h, RtModel *m, char **text);

/* The verbs.  data may be NULL. */
int app_train(AppHost *h, const Flags *f, const char *spec, const char *data);
int app_eval(AppHost *h, const Flags *f, const char *checkpoint,
             const char *data);
int app_predict(AppHost *h, const Flags *f, const char *checkpoint,
                const char *data);
int app_generate(AppHost *h, const Flags *f, const char *checkpoint,
                 const char *data);
int app_bench(const CellDesc *train, const CellDesc *eval, const Flags *f);

/* Their flags. */
extern const Flag app_train_files[], app_train_flags[], app_data_flags[],
    app_eval_flags[], app_predict_flags[], app_generate_flags[],
    app_bench_flags[], app_json_flags[];

#endif
