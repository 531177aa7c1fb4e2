/* The verb info: what a spec, or a checkpoint, declares: parameters, states,
 * inputs, outputs with their latency, and the cost of a step. */
#include "drv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "[n, 3]": dims as written, with sizes where they are known; malloc'd. */
static char *shape_text(const CellcDecl *d)
{
    char *s = rt_printf("["), *old;

    for (int k = 0; k < d->rank && s; k++) {
        char *end;
        long plain = strtol(d->dim[k], &end, 10);

        old = s;
        if (d->size[k] >= 0 && (*end || plain != (long)d->size[k]))
            s = rt_printf("%s%s%s = %lld", old, k ? ", " : "", d->dim[k],
                          (long long)d->size[k]);
        else
            s = rt_printf("%s%s%s", old, k ? ", " : "", d->dim[k]);
        free(old);
    }
    old = s;
    s = s ? rt_printf("%s]", old) : NULL;
    free(old);
    return s;
}

/* Number of reals, -1 while a size is open. */
static int64_t count_of(const CellcDecl *d)
{
    int64_t n = 1;

    for (int k = 0; k < d->rank; k++) {
        if (d->size[k] < 0)
            return -1;
        n *= d->size[k];
    }
    return n;
}

static json_t *decl_json(const CellcDecl *d)
{
    json_t *j = json_object(), *shape = json_array(), *sizes = json_array();

    for (int k = 0; k < d->rank; k++) {
        json_array_append_new(shape, json_string(d->dim[k]));
        json_array_append_new(sizes, d->size[k] < 0 ? json_null()
                                                    : json_integer(d->size[k]));
    }
    json_object_set_new(j, "name", json_string(d->name));
    json_object_set_new(j, "dims", shape);
    json_object_set_new(j, "sizes", sizes);
    json_object_set_new(j, "time", json_boolean(d->axes & CELL_T));
    if (count_of(d) >= 0)
        json_object_set_new(j, "count", json_integer(count_of(d)));
    if (d->set)
        json_object_set_new(j, "set", json_string(d->set));
    if (d->init)
        json_object_set_new(j, "initialiser", json_string(d->init));
    if (d->latency)
        json_object_set_new(j, "latency", json_string(d->latency));
    if (d->blame)
        json_object_set_new(j, "because", json_string(d->blame));
    if (d->doc)
        json_object_set_new(j, "doc", json_string(d->doc));
    return j;
}

static const struct {
    int role;
    const char *title, *key;
} group[] = {{CELL_INPUT, "inputs", "inputs"},
             {CELL_PARAM, "parameters", "parameters"},
             {CELL_STATE, "states", "states"},
             {CELL_OUTPUT, "outputs", "outputs"}};
enum { GROUPS = sizeof group / sizeof *group };

static void print_decl(const CellcDecl *d)
{
    char *shape = shape_text(d);
    int64_t n = count_of(d);

    printf("  %-18s %-20s", d->name, d->rank ? shape : d->set ? "" : "scalar");
    if (d->role == CELL_PARAM && n >= 0)
        printf(" %9lld", (long long)n);
    if (d->set)
        printf(" in %s", d->set);
    if (d->init)
        printf("  ~ %s", d->init);
    if (d->latency)
        printf(" latency %s", d->latency);
    if (d->blame)
        printf(" (%s)", d->blame);
    if (d->doc)
        printf("  %s", d->doc);
    putchar('\n');
    free(shape);
}

/* What compiling tells. */
typedef struct Cost {
    int known;
    double seconds;
    int64_t step_bytes; /* of work, for one step of one sequence */
    int real_bytes;
    double flops; /* of forward and backward for one step; < 0 unknown */
} Cost;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Compiles where every size is known. */
static int find_cost(Drv *d, Cost *cost)
{
    double from = now();
    const CellDesc *desc;
    const char *text;
    int code;

    *cost = (Cost){.flops = -1};
    if (cellc_open_dim(d->c, 0) || cellc_decl_count(d->c) == 0)
        return 0;
    code = drv_compile(d);
    desc = code ? NULL : cellc_jit(d->c);
    if (!desc)
        return code ? code : EXIT_USER;
    cost->known = 1;
    cost->seconds = now() - from;
    cost->real_bytes = desc->real_bytes;
    cost->step_bytes = desc->work_size.by[CELL_T | CELL_B] * desc->real_bytes;
    d->mute = 1;
    text = cellc_show(d->c, "cost", NULL);
    d->mute = 0;
    if (text && !strncmp(text, "flops ", 6))
        cost->flops = strtod(text + 6, NULL);
    return 0;
}

/* NULL where there is no model, or no state. */
static const char *find_linear(const Drv *d)
{
    const char *text = cellc_show(d->c, "linear", NULL);

    return text && *text && strcmp(text, "no state") ? text : NULL;
}

static void print_text(const Drv *d, const Cost *cost)
{
    const char *name, *value, *doc, *linear;
    int64_t total = 0;

    for (int i = 0; cellc_option_at(d->c, i, &name, &value, &doc); i++)
        printf("%s  %s = %s%s%s\n", i ? "" : "options\n", name, value,
               doc ? "  " : "", doc ? doc : "");
    for (int g = 0; g < GROUPS; g++) {
        int n = 0;

        for (int i = 0; i < cellc_decl_count(d->c); i++) {
            const CellcDecl *decl = cellc_decl(d->c, i);

            if (decl->role != group[g].role)
                continue;
            if (n++ == 0)
                printf("%s\n", group[g].title);
            print_decl(decl);
            if (decl->role == CELL_PARAM && total >= 0)
                total = count_of(decl) < 0 ? -1 : total + count_of(decl);
        }
        if (group[g].role == CELL_PARAM && n && total >= 0)
            printf("  %-18s %-20s %9lld\n", "total", "", (long long)total);
    }
    linear = find_linear(d);
    if (linear)
        printf("linear in its state: %s\n", linear);
    for (int i = 0; cellc_open_dim(d->c, i); i++)
        printf("%s%s",
               i ? ", " : "sizes still open: ", cellc_open_dim(d->c, i));
    if (cellc_open_dim(d->c, 0))
        putchar('\n');
    if (cost->known && cost->flops >= 0)
        printf("%.0f flops per step and sequence\n", cost->flops);
    if (cost->known)
        printf("%lld bytes of work per step and sequence, compiled in %.1f "
               "ms\n",
               (long long)cost->step_bytes, 1e3 * cost->seconds);
}

static json_t *to_json(const Drv *d, const Cost *cost)
{
    json_t *j = json_object(), *options = json_object(), *open = json_array();
    const char *name, *value, *doc, *linear;

    for (int i = 0; cellc_option_at(d->c, i, &name, &value, &doc); i++)
        json_object_set_new(options, name, json_string(value));
    json_object_set_new(j, "spec", json_string(d->path));
    json_object_set_new(j, "options", options);
    for (int g = 0; g < GROUPS; g++) {
        json_t *list = json_array();

        for (int i = 0; i < cellc_decl_count(d->c); i++)
            if (cellc_decl(d->c, i)->role == group[g].role)
                json_array_append_new(list, decl_json(cellc_decl(d->c, i)));
        json_object_set_new(j, group[g].key, list);
    }
    for (int i = 0; cellc_open_dim(d->c, i); i++)
        json_array_append_new(open, json_string(cellc_open_dim(d->c, i)));
    json_object_set_new(j, "open", open);
    linear = find_linear(d);
    if (linear)
        json_object_set_new(j, "linear", json_string(linear));
    if (cost->known) {
        json_object_set_new(j, "work_bytes_per_step",
                            json_integer(cost->step_bytes));
        json_object_set_new(j, "compile_seconds", json_real(cost->seconds));
        if (cost->flops >= 0)
            json_object_set_new(j, "flops_per_step", json_real(cost->flops));
    }
    return j;
}

/* A checkpoint's own lines: where training stands, and its settings. */
static void print_training(const Checkpoint *c)
{
    printf("trained %lld epochs, %lld updates\n", (long long)c->state.epoch,
           (long long)c->state.step);
    if (c->state.best_epoch >= 0)
        printf("best validation %.6g, in epoch %lld\n", c->state.best,
               (long long)c->state.best_epoch);
    for (int i = 0; i < c->settings.n; i++)
        printf("%s  %s = %s\n", i ? "" : "settings\n", c->settings.v[i].key,
               c->settings.v[i].value);
}

static json_t *training_json(const Checkpoint *c)
{
    json_t *j = json_object(), *settings = json_object();

    json_object_set_new(j, "epochs", json_integer(c->state.epoch));
    json_object_set_new(j, "updates", json_integer(c->state.step));
    for (int i = 0; i < c->settings.n; i++)
        json_object_set_new(settings, c->settings.v[i].key,
                            json_string(c->settings.v[i].value));
    json_object_set_new(j, "settings", settings);
    return j;
}

static int report(Drv *d, const Flags *f, const Checkpoint *c)
{
    Cost cost;
    json_t *j;
    int code = find_cost(d, &cost);

    if (code)
        return code;
    if (!flags_given(f, "json")) {
        print_text(d, &cost);
        if (c)
            print_training(c);
        return 0;
    }
    j = to_json(d, &cost);
    if (c)
        json_object_set_new(j, "training", training_json(c));
    return app_print_json(j);
}

static int info_checkpoint(const Flags *f, const char *path)
{
    Checkpoint c = {0};
    RtError err = {0};
    DrvHost h;
    int code;

    drv_host_init(&h);
    code = checkpoint_load(&c, path, &err) ? drv_fail(&err) : 0;
    if (!code)
        code = h.app.open(&h.app, f, NULL, &c);
    if (!code)
        code = report(&h.d, f, &c);
    drv_host_free(&h);
    checkpoint_free(&c);
    return code;
}

static int info_run(Flags *f, void *user)
{
    const char *path = flags_arg(f, 0);
    Drv d = {0};
    int code;

    (void)user;
    if (drv_is_checkpoint(path))
        return info_checkpoint(f, path);
    code = drv_open(&d, f, path);
    if (!code)
        code = drv_code(cellc_check(d.c));
    if (!code)
        code = report(&d, f, NULL);
    drv_free(&d);
    return code;
}

static const Flag *const info_flags[] = {drv_size_flags, drv_number_flags,
                                         drv_json_flags, NULL};
const Verb drv_info = {
    "info",
    "SPEC|CHECKPOINT",
    "parameters, states, outputs, cost",
    info_flags,
    {"info model.cell --dim m=3", "info model.safetensors --json"},
    1,
    1,
    info_run};
