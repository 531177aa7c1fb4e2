/* The verb emit: the C source and header of a spec, and weights as a constant
 * array beside them. */
#include "drv.h"

#include "../../runtime/model.h"
#include "../../runtime/runarrays.h"

#include <stdlib.h>
#include <string.h>

/* One parameter as lines of a C array. */
static void print_param(FILE *to, const RtModel *m, int i, const double *v)
{
    const CellTensor *t = &m->desc->tensor[i];
    int wide = m->desc->real_bytes == 8;
    int64_t n = model_size(t);

    fprintf(to, "    /* %s[", t->name);
    for (int k = 0; k < t->rank; k++)
        fprintf(to, "%s%lld", k ? "," : "", (long long)t->dim[k]);
    fprintf(to, "] */\n");
    for (int64_t k = 0; k < n; k++) {
        int first = k % (wide ? 2 : 4) == 0;

        fprintf(to, "%s", first ? k ? "\n    " : "    " : " ");
        fprintf(to, wide ? "%.16e," : "%.8ef,", v[k]);
    }
    fputc('\n', to);
}

/* The parameter block as `static const REAL NAME_weights[]`, in the order of
 * its offsets. */
static int print_weights(FILE *to, const char *name, const char *file,
                         const RtModel *m)
{
    const CellDesc *d = m->desc;
    int64_t at = 0;

    fprintf(to,
            "/* Weights of %s from %s: its parameter block. */\n"
            "static const %s %s_weights[%lld] = {\n",
            name, file, d->real_bytes == 8 ? "double" : "float", name,
            (long long)d->param_size);
    while (at < d->param_size) {
        int next = -1;
        int64_t n;
        double *v;

        for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;)
            if (d->tensor[i].at.c >= at &&
                (next < 0 || d->tensor[i].at.c < d->tensor[next].at.c))
                next = i;
        if (next < 0)
            break;
        for (; at < d->tensor[next].at.c; at++)
            fprintf(to, "    0, /* padding */\n");
        n = model_size(&d->tensor[next]);
        v = malloc((size_t)(n ? n : 1) * sizeof *v);
        if (!v)
            return EXIT_BUG;
        model_get(m, next, v);
        print_param(to, m, next, v);
        free(v);
        at += n ? n : 1;
    }
    fprintf(to, "};\n");
    return 0;
}

static int write_weights(Drv *d, const char *dir, const char *name,
                         const char *file)
{
    const CellDesc *desc = cellc_jit(d->c);
    RtError err = {0};
    RtModel *m = desc ? model_new(desc, &err) : NULL;
    char *path = rt_printf("%s/%s_weights.h", dir, name);
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    int code = path && to ? 0 : EXIT_BUG;

    if (!code && !desc)
        code = EXIT_USER;
    else if (!code && (!m || model_load(m, file, &err)))
        code = drv_fail(&err);
    if (!code)
        code = print_weights(to, name, file, m);
    if (to && fclose(to) && !code)
        code = EXIT_BUG;
    if (!code)
        code = drv_write(path, text, n);
    free(text);
    free(path);
    model_free(m);
    return code;
}

/* Writes DIR/NAME.c or DIR/NAME.h. */
static int write_source(Drv *d, int which, int flags, const char *dir,
                        const char *name)
{
    const char *text = cellc_emit(d->c, which, flags);
    char *path = rt_printf("%s/%s.%c", dir, name, which ? 'h' : 'c');
    int code = !text ? EXIT_USER : !path ? EXIT_BUG : 0;

    if (!code)
        code = drv_write(path, text, strlen(text));
    free(path);
    return code;
}

int drv_emit_to(Drv *d, const char *dir, const char *name, int flags)
{
    RtError err = {0};
    int code;

    if (run_make_folder(dir, &err))
        return drv_fail(&err);
    code = write_source(d, 1, flags, dir, name);
    return code ? code : write_source(d, 0, flags, dir, name);
}

/* How streams keep their matrices; fewer bits are those of floats. */
static int set_type(Cellc *c, const Flags *f)
{
    const char *type = flags_get(f, "weights-type");
    RtError err = {0};

    if (strcmp(type, "f32") != 0 && flags_given(f, "double")) {
        rt_fail(&err, "--weights-type %s and --double exclude each other",
                type);
        return drv_fail(&err);
    }
    return drv_code(cellc_set(c, "weights", type));
}

static int emit_run(Flags *f, void *user)
{
    const char *spec = flags_arg(f, 0), *dir = flags_get(f, "o");
    char *name = NULL;
    Drv d = {0};
    int flags = flags_given(f, "freestanding") ? CELLC_FREESTANDING : 0;
    int code = drv_open(&d, f, spec);

    (void)user;
    if (!code) {
        name = flags_given(f, "name") ? strdup(flags_get(f, "name"))
                                      : drv_model_name(spec);
        code = name ? drv_code(cellc_set(d.c, "name", name)) : EXIT_BUG;
    }
    if (!code && flags_given(f, "no-backward"))
        code = drv_code(cellc_set(d.c, "backward", "0") ||
                        cellc_set(d.c, "loss", "0"));
    if (!code && flags_given(f, "weights-type"))
        code = set_type(d.c, f);
    if (!code && flags_given(f, "training"))
        code = drv_code(cellc_set(d.c, "training", "1"));
    if (!code)
        code = drv_compile(&d);
    if (d.c)
        drv_tell_members(&d);
    if (!code)
        code = drv_emit_to(&d, dir, name, flags);
    if (!code && flags_given(f, "weights"))
        code = write_weights(&d, dir, name, flags_get(f, "weights"));
    free(name);
    drv_free(&d);
    return code;
}

static const Flag emit_own[] = {
    {"o", "DIR", ".", NULL, "folder for NAME.c and NAME.h"},
    {"name", "NAME", NULL, NULL, "the model's name in C, else the file's"},
    {"freestanding", NULL, NULL, NULL,
     "no malloc, stdio or globals; libm only"},
    {"no-backward", NULL, NULL, NULL, "without gradients"},
    {"training", NULL, NULL, NULL, "with dropout and noise"},
    {"weights-type", "TYPE", "f32", NULL,
     "matrices of streams in f32, bf16 or int8"},
    {"weights", "PATH", NULL, NULL,
     "also NAME_weights.h, a constant array of these weights"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const emit_flags[] = {
    emit_own, drv_size_flags, drv_reduce_flags, drv_number_flags, NULL};
const Verb drv_emit = {
    "emit",
    "SPEC|CHECKPOINT",
    "the model as C source and header",
    emit_flags,
    {"emit model.cell -o src --dim m=3",
     "emit model.cell --name filter --freestanding --weights-type int8"},
    1,
    1,
    emit_run};
