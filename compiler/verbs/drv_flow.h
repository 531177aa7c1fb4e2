/* What the verb gradflow found (drv_gradflow.c) and how it is told
 * (drv_flowreport.c). */
#ifndef DRV_FLOW_H
#define DRV_FLOW_H

#include "drv.h"

#include "../../runtime/flow.h"

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
