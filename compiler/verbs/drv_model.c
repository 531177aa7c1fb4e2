/* The verbs train, eval, predict and generate of the driver: the run-time
 * verbs, with the compiler as their host. */
#include "drv.h"

#include <string.h>

typedef int AppVerb(AppHost *h, const Flags *f, const char *first,
                    const char *data);

static int with_host(Flags *f, AppVerb *verb)
{
    DrvHost h;
    int code;

    drv_host_init(&h);
    code = verb(&h.app, f, flags_arg(f, 0), flags_arg(f, 1));
    drv_host_free(&h);
    return code;
}

/* The checkpoint of the verbs that need one. */
static int on_checkpoint(Flags *f, AppVerb *verb)
{
    const char *path = flags_arg(f, 0);
    size_t n = strlen(path);

    if (n > 5 && !strcmp(path + n - 5, ".cell")) {
        say_error("%s is a spec; a checkpoint is wanted, as `%s train` writes "
                  "it",
                  path, flags_program(f));
        return EXIT_USAGE;
    }
    return with_host(f, verb);
}

static int train_once(Flags *f, const char *warm)
{
    DrvHost h;
    int code;

    drv_host_init(&h);
    h.app.warm = warm;
    code = app_train(&h.app, f, flags_arg(f, 0), flags_arg(f, 1));
    drv_host_free(&h);
    return code;
}

static int train_run(Flags *f, void *user)
{
    (void)user;
    return flags_given(f, "watch") ? drv_watch(f, train_once)
                                   : train_once(f, NULL);
}

static const Flag watch_flags[] = {
    {"watch", NULL, NULL, NULL,
     "again when the spec is saved, from the weights that still fit"},
    {NULL, NULL, NULL, NULL, NULL}};

static int eval_run(Flags *f, void *user)
{
    (void)user;
    return on_checkpoint(f, app_eval);
}

static int predict_run(Flags *f, void *user)
{
    (void)user;
    return on_checkpoint(f, app_predict);
}

static int generate_run(Flags *f, void *user)
{
    (void)user;
    return on_checkpoint(f, app_generate);
}

static const Flag *const train_flags[] = {app_train_files,
                                          watch_flags,
                                          app_train_flags,
                                          app_data_flags,
                                          drv_size_flags,
                                          drv_number_flags,
                                          NULL};
const Verb drv_train = {
    "train",
    "SPEC [DATA]",
    "compile in process and train",
    train_flags,
    {"train charlm.cell text.txt --valid 0.1 --epochs 5 -o text.safetensors",
     "train model.cell data.csv --column x=1:3 --column y=4 --window 50"},
    1,
    2,
    train_run};

static const Flag option_flags[] = {
    {"option", "NAME=VALUE", NULL, NULL,
     "of an option in the spec that changes no size, such as a threshold"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const eval_flags[] = {app_eval_flags, app_data_flags,
                                         option_flags,   drv_number_flags,
                                         app_json_flags, NULL};
const Verb drv_eval = {"eval",
                       "CHECKPOINT [DATA]",
                       "loss, perplexity, bits and metrics",
                       eval_flags,
                       {"eval text.safetensors text.txt --part valid",
                        "eval model.safetensors test.csv --json"},
                       1,
                       2,
                       eval_run};

static const Flag *const predict_flags[] = {
    app_predict_flags, app_data_flags, option_flags, drv_number_flags, NULL};
const Verb drv_predict = {
    "predict",
    "CHECKPOINT [DATA]",
    "outputs as .npy or .csv",
    predict_flags,
    {"predict model.safetensors test.csv",
     "predict model.safetensors x.npy --output o -o o.npy"},
    1,
    2,
    predict_run};

static const Flag *const generate_flags[] = {
    app_generate_flags, app_data_flags, option_flags, drv_number_flags, NULL};
const Verb drv_generate = {
    "generate",
    "CHECKPOINT [DATA]",
    "draw sequences, one for each that DATA gives",
    generate_flags,
    {"generate text.safetensors --prime 'The ' --length 400",
     "generate translate.safetensors test.tsv --beam 5 --length-penalty 1"},
    1,
    2,
    generate_run};
