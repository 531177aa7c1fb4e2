/* The verb gradflow, for the driver and for executables of `cellc build`: the
 * flow of gradients through the states of a model, and the gradient of the loss
 * by each parameter (appflow.c), as tables and pictures (appflowtell.c). */
#ifndef APPFLOW_H
#define APPFLOW_H

#include "apphost.h"
#include "flow.h"

typedef struct FlowTask {
    const char *model;      /* as the report calls it */
    const CellDesc *flow;   /* compiled with "flow" and "upstream" of states */
    const CellDesc *loss;   /* with its gradient, without noise; or NULL */
    const Checkpoint *from; /* weights; NULL: start values, by the seed */
    InitFrom init;
    const RtData *data; /* NULL: made up */
    int64_t steps, sequences;
    uint64_t seed;
    char **state; /* [nstate] */
    int nstate;
    const char *by; /* another state or a real input; NULL: each by itself */
} FlowTask;

/* Computes and reports; an exit code. */
int app_flow(const FlowTask *t, const Flags *f);
/* Picks out of known[n] those that the flag names, all where it is not given:
 * the name itself, or the only one that ends with ".NAME"; malloc'd, the list
 * and each name.  A name that is not there is told, as `what`. */
int app_flow_pick(const Flags *f, const char *flag, const char *what,
                  const char *const *known, int n, char ***picked,
                  int *npicked);
void app_flow_names_free(char **name, int n);

extern const Flag app_flow_flags[];

/* ---- between the two files ---- */

/* Gradient of the loss by one parameter, mean over the sequences. */
typedef struct FlowParam {
    char *name;
    int64_t size;
    double gradient, weight; /* norms */
} FlowParam;

typedef struct FlowResult {
    const char *model;
    int trained, real; /* weights of a checkpoint; sequences of data */
    int64_t sequences, steps;
    Flow *flow;    /* means */
    int64_t *size; /* of each flow's `of` */
    int n;
    FlowParam *param;
    int nparam;
} FlowResult;

/* The largest singular value of one step to the power of a lag. */
double flow_power(const Flow *f, int64_t lag);
void flow_print(const FlowResult *r);
void flow_print_csv(const FlowResult *r);
int flow_print_json(const FlowResult *r);
/* Draws where --plot says, or in the terminal where there is one. */
int flow_plot(const FlowResult *r, const Flags *f);

#endif
