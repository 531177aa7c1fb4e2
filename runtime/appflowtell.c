/* The tables and pictures of the verb gradflow, see appflow.h. */
#include "appflow.h"

#include "appjson.h"
#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double flow_power(const Flow *f, int64_t lag)
{
    return f->lags > 1 ? pow(f->largest[1], (double)lag) : NAN;
}

/* ---- text ---- */

/* Lags that a table for people has: each up to 5, then fewer and fewer. */
static int shown(int64_t lag, int64_t lags)
{
    static const int64_t digit[] = {1, 2, 3, 5, 7};
    int64_t ten = 1;

    if (lag < 6 || lag == lags - 1)
        return 1;
    while (lag >= 10 * ten)
        ten *= 10;
    for (size_t i = 0; i < sizeof digit / sizeof *digit; i++)
        if (lag == digit[i] * ten)
            return 1;
    return 0;
}

/* What a step does to the norm on the way, from lag 1 to the last. */
static void print_rate(const Flow *f)
{
    int64_t last = f->lags - 1;
    double rate;

    if (last < 2)
        return;
    if (!(f->norm[1] > 0) || !(f->norm[last] > 0)) {
        printf("nothing is left of it after %lld steps\n", (long long)last);
        return;
    }
    rate = pow(f->norm[last] / f->norm[1], 1 / (double)(last - 1));
    printf("times %.4g a step: ", rate);
    if (fabs(rate - 1) < 1e-6)
        printf("it stays\n");
    else
        printf("it %s every %.3g steps\n", rate < 1 ? "halves" : "doubles",
               fabs(log(2) / log(rate)));
}

static void print_flow(const Flow *f, int64_t size)
{
    printf("\nd %s[t] / d %s[t-lag], %lld unit%s\n%5s %11s %11s %11s", f->of,
           f->by, (long long)size, size == 1 ? "" : "s", "lag", "norm",
           "largest", "smallest");
    printf(f->direct ? " %11s" : "%s", f->direct ? "direct" : "");
    printf(" %11s\n", "step^lag");
    for (int64_t k = 0; k < f->lags; k++) {
        if (!shown(k, f->lags))
            continue;
        printf("%5lld %11.4g %11.4g %11.4g", (long long)k, f->norm[k],
               f->largest[k], f->smallest[k]);
        if (f->direct)
            printf(" %11.4g", f->direct[k]);
        printf(" %11.4g\n", flow_power(f, k));
    }
    print_rate(f);
}

/* The part of a parameter's name that is its layer's. */
static size_t layer_length(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? (size_t)(dot - name) : 0;
}

static int same_layer(const char *a, const char *b)
{
    size_t n = layer_length(a);

    return n == layer_length(b) && !memcmp(a, b, n);
}

/* The norm over all parameters of the layer that `p` is the first of; 0 where
 * it is not the first. */
static double layer_norm(const FlowResult *r, int p)
{
    double sum = 0;

    for (int i = 0; i < r->nparam; i++) {
        if (!same_layer(r->param[i].name, r->param[p].name))
            continue;
        if (i < p)
            return 0;
        sum += r->param[i].gradient * r->param[i].gradient;
    }
    return sqrt(sum);
}

static void print_params(const FlowResult *r)
{
    int width = 9;

    for (int i = 0; i < r->nparam; i++)
        if ((int)strlen(r->param[i].name) > width)
            width = (int)strlen(r->param[i].name);
    printf("\ngradient of the loss\n%-*s %11s %11s %13s\n", width, "parameter",
           "norm", "weights", "norm/weights");
    for (int i = 0; i < r->nparam; i++) {
        const FlowParam *p = &r->param[i];

        printf("%-*s %11.4g %11.4g", width, p->name, p->gradient, p->weight);
        if (p->weight > 0)
            printf(" %13.4g\n", p->gradient / p->weight);
        else
            printf(" %13s\n", "-");
    }
    printf("%-*s %11s\n", width, "layer", "norm");
    for (int i = 0; i < r->nparam; i++) {
        size_t n = layer_length(r->param[i].name);
        double norm = layer_norm(r, i);

        if (norm > 0)
            printf("%-*.*s %11.4g\n", width, n ? (int)n : 8,
                   n ? r->param[i].name : "(itself)", norm);
    }
}

void flow_print(const FlowResult *r)
{
    printf("%s, %s, %lld %ssequence%s of %lld steps\n", r->model,
           r->trained ? "trained" : "start values", (long long)r->sequences,
           r->real ? "" : "made-up ", r->sequences == 1 ? "" : "s",
           (long long)r->steps);
    for (int i = 0; i < r->n; i++)
        print_flow(&r->flow[i], r->size[i]);
    if (r->nparam)
        print_params(r);
}

/* ---- for programs ---- */

void flow_print_csv(const FlowResult *r)
{
    printf("of,by,lag,norm,largest,smallest,direct,power\n");
    for (int i = 0; i < r->n; i++)
        for (int64_t k = 0; k < r->flow[i].lags; k++) {
            const Flow *f = &r->flow[i];

            printf("%s,%s,%lld,%.17g,%.17g,%.17g,", f->of, f->by, (long long)k,
                   f->norm[k], f->largest[k], f->smallest[k]);
            if (f->direct)
                printf("%.17g", f->direct[k]);
            printf(",%.17g\n", flow_power(f, k));
        }
}

/* null where it is none. */
static json_t *numbers(const double *v, int64_t n)
{
    json_t *list = json_array();

    for (int64_t k = 0; k < n; k++)
        json_array_append_new(list, app_json_number(v[k]));
    return list;
}

static json_t *flow_json(const Flow *f, int64_t size)
{
    json_t *power = json_array();
    json_t *j =
        json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "of", f->of, "by", f->by,
                  "size", (json_int_t)size, "norm", numbers(f->norm, f->lags),
                  "largest", numbers(f->largest, f->lags), "smallest",
                  numbers(f->smallest, f->lags));

    if (f->direct)
        json_object_set_new(j, "direct", numbers(f->direct, f->lags));
    for (int64_t k = 0; k < f->lags; k++)
        json_array_append_new(power, app_json_number(flow_power(f, k)));
    json_object_set_new(j, "power", power);
    return j;
}

int flow_print_json(const FlowResult *r)
{
    json_t *flows = json_array(), *params = json_array();

    for (int i = 0; i < r->n; i++)
        json_array_append_new(flows, flow_json(&r->flow[i], r->size[i]));
    for (int i = 0; i < r->nparam; i++)
        json_array_append_new(
            params, json_pack("{s:s, s:I, s:o, s:o}", "name", r->param[i].name,
                              "size", (json_int_t)r->param[i].size, "gradient",
                              app_json_number(r->param[i].gradient), "weights",
                              app_json_number(r->param[i].weight)));
    json_t *j = json_pack(
        "{s:s, s:b, s:b, s:I, s:I, s:o, s:o}", "model", r->model, "trained",
        r->trained, "data", r->real, "sequences", (json_int_t)r->sequences,
        "steps", (json_int_t)r->steps, "flows", flows, "parameters", params);
    return app_print_json(j);
}

/* ---- pictures ---- */

static PlotCurve curve(const char *name, const double *x, const double *y,
                       int64_t n, int colour, int dashed)
{
    return (PlotCurve){name, x, y, NULL, NULL, n, colour, dashed};
}

/* One state alone with everything, several ones with their norms. */
static int list_curves(const FlowResult *r, const double *x, double *power,
                       char **name, PlotCurve *c)
{
    int n = 0;

    for (int i = 0; i < r->n; i++) {
        const Flow *f = &r->flow[i];
        int one = r->n == 1;

        name[2 * i] = rt_printf(one ? "norm" : "%s", f->of);
        name[2 * i + 1] =
            rt_printf(one ? "direct path" : "%s, direct path", f->of);
        c[n++] = curve(name[2 * i], x, f->norm, f->lags, one ? 0 : i, 0);
        if (f->direct)
            c[n++] =
                curve(name[2 * i + 1], x, f->direct, f->lags, one ? 3 : i, 1);
        if (!one)
            continue;
        for (int64_t k = 0; k < f->lags; k++)
            power[k] = flow_power(f, k);
        c[n++] = curve("largest singular value", x, f->largest, f->lags, 1, 0);
        c[n++] = curve("smallest", x, f->smallest, f->lags, 2, 0);
        c[n++] = curve("one step's to the power of the lag", x, power, f->lags,
                       6, 2);
    }
    return n;
}

int flow_plot(const FlowResult *r, const Flags *f)
{
    const char *path;
    int64_t lags = 0;
    RtError err = {0};
    int code = 0;

    if (!app_plot_wanted(f, &path) ||
        (!path && (flags_given(f, "json") || flags_given(f, "csv"))))
        return 0;
    for (int i = 0; i < r->n; i++)
        lags = r->flow[i].lags > lags ? r->flow[i].lags : lags;
    double *x = calloc((size_t)(2 * lags) + 1, sizeof *x);
    char **name = calloc((size_t)(2 * r->n) + 1, sizeof *name);
    PlotCurve *c = calloc((size_t)(5 * r->n) + 1, sizeof *c);

    if (!x || !name || !c) {
        code = EXIT_BUG;
    } else {
        Plot p = {r->model, "lag", "norm of the Jacobian", 1, c, 0, NULL, 0};

        for (int64_t k = 0; k < lags; k++)
            x[k] = (double)k;
        p.n = list_curves(r, x, x + lags, name, c);
        if (plot_draw(&p, path, &err))
            code = app_fail(&err);
    }
    for (int i = 0; name && i < 2 * r->n; i++)
        free(name[i]);
    free(name);
    free(x);
    free(c);
    return code;
}
