/* The verb run: solves the dims that the spec leaves open from the arrays
 * given, compiles, and evaluates (runtime/runarrays). */
#include "drv.h"

#include "../../runtime/npy.h"
#include "../../runtime/runarrays.h"
#include "../../runtime/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is known of one dim, and which file said so. */
typedef struct Solved {
    char *name;
    char *from;
    int64_t size;
} Solved;

typedef struct Solver {
    Drv *d;
    const RunSetup *set;
    Solved *v;
    int n;
} Solver;

static int is_open(const Cellc *c, const char *dim)
{
    const char *name;

    for (int i = 0; (name = cellc_open_dim(c, i)); i++)
        if (!strcmp(name, dim))
            return 1;
    return 0;
}

/* Notes that `dim` is `size`, as file `from` has it. */
static int solve(Solver *s, const char *dim, int64_t size, const char *from)
{
    Solved *more;

    if (!is_open(s->d->c, dim))
        return 0;
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->v[i].name, dim)) {
            if (s->v[i].size == size)
                return 0;
            say_error("%s is %lld in %s, but %lld in %s", dim,
                      (long long)s->v[i].size, s->v[i].from, (long long)size,
                      from);
            return EXIT_USER;
        }
    more = realloc(s->v, (size_t)(s->n + 1) * sizeof *more);
    if (!more)
        return EXIT_BUG;
    s->v = more;
    s->v[s->n] = (Solved){strdup(dim), strdup(from), size};
    return s->v[s->n].name && s->v[s->n++].from ? 0 : EXIT_BUG;
}

/* Solves the dims of one declaration from an array of `lead` axes before its
 * own; one of another rank is left to the check after compiling. */
static int solve_decl(Solver *s, const CellcDecl *decl, int lead, int rank,
                      const int64_t *dim, const char *from)
{
    int code = 0;

    for (int k = 0; k < decl->rank && rank == lead + decl->rank && !code; k++)
        if (decl->size[k] < 0)
            code = solve(s, decl->dim[k], dim[lead + k], from);
    return code;
}

static const CellcDecl *find_decl(const Cellc *c, const char *name, size_t n)
{
    const CellcDecl *found = NULL;

    for (int i = 0; i < cellc_decl_count(c); i++) {
        const CellcDecl *decl = cellc_decl(c, i);

        if (strlen(decl->name) == n && !memcmp(decl->name, name, n) &&
            (!found || decl->role == CELL_INPUT))
            found = decl;
    }
    return found;
}

/* lead: axes before the element's own; -1: as the declaration has them. */
static int solve_files(Solver *s, const RunFile *file, int n, int lead)
{
    for (int i = 0; i < n; i++) {
        const char *name = file[i].name;
        int final = lead < 0 && !strncmp(name, "final.", 6);
        const CellcDecl *decl =
            find_decl(s->d->c, name + (final ? 6 : 0),
                      (size_t)(file[i].n - (final ? 6 : 0)));
        RtError err = {0};
        Npy a = {0};
        int code = 0, axes;

        if (npy_read_head(file[i].path, &a, &err)) {
            npy_free(&a);
            return drv_fail(&err);
        }
        if (decl) {
            axes = 0;
            for (int k = 0; k < CELL_AXES; k++)
                axes += decl->axes >> k & 1;
            code = solve_decl(s, decl,
                              final      ? 1
                              : lead < 0 ? axes
                                         : lead,
                              a.rank, a.dim, file[i].path);
        }
        npy_free(&a);
        if (code)
            return code;
    }
    return 0;
}

static int solve_folder(Solver *s, const char *folder)
{
    for (int i = 0; i < cellc_decl_count(s->d->c); i++) {
        const CellcDecl *decl = cellc_decl(s->d->c, i);
        char *path = rt_printf("%s/%s.npy", folder, decl->name);
        RtError err = {0};
        struct stat st;
        Npy a = {0};
        int code = 0;

        if (path && decl->role == CELL_PARAM && !stat(path, &st)) {
            if (npy_read_head(path, &a, &err))
                code = drv_fail(&err);
            else
                code = solve_decl(s, decl, 0, a.rank, a.dim, path);
        }
        npy_free(&a);
        free(path);
        if (code)
            return code;
    }
    return 0;
}

static int solve_tensors(Solver *s, const char *path)
{
    SafeTensors st = {0};
    RtError err = {0};
    int code = st_load(&st, path, &err) ? drv_fail(&err) : 0;

    for (int i = 0; i < cellc_decl_count(s->d->c) && !code; i++) {
        const CellcDecl *decl = cellc_decl(s->d->c, i);
        const StTensor *t =
            decl->role == CELL_PARAM ? st_find(&st, decl->name) : NULL;

        if (t)
            code = solve_decl(s, decl, 0, t->rank, t->dim, path);
    }
    st_free(&st);
    return code;
}

/* Gives every open dim the size that arrays and weights say. */
static int solve_dims(Drv *d, const RunSetup *set)
{
    Solver s = {.d = d, .set = set};
    struct stat st;
    int code = solve_files(&s, set->in, set->nin, -1);

    if (!code && set->weights)
        code = !stat(set->weights, &st) && S_ISDIR(st.st_mode)
                   ? solve_folder(&s, set->weights)
                   : solve_tensors(&s, set->weights);
    if (!code)
        code = solve_files(&s, set->state, set->nstate, 1);
    if (!code)
        code = solve_files(&s, set->up, set->nup, -1);
    if (!code)
        code = solve_files(&s, set->noise, set->nnoise, -1);
    for (int i = 0; i < s.n && !code; i++)
        code = drv_code(cellc_dim(d->c, s.v[i].name, (long)s.v[i].size));
    for (int i = 0; i < s.n; i++) {
        free(s.v[i].name);
        free(s.v[i].from);
    }
    free(s.v);
    return code;
}

/* NAME=FILE values of a flag; malloc'd. */
static int read_files(const Flags *f, const char *flag, const RunFile **v,
                      int *n)
{
    RunFile *file = calloc((size_t)flags_given(f, flag) + 1, sizeof *file);
    const char *path;

    *v = file;
    *n = 0;
    if (!file)
        return EXIT_BUG;
    for (int i = 0; (path = flags_pair(f, flag, i, &file[i].n, &file[i].name));
         i++) {
        if (file[i].n < 0)
            return EXIT_USAGE;
        file[i].path = path;
        (*n)++;
    }
    return 0;
}

static int read_lengths(const Flags *f, RunSetup *set)
{
    set->nlengths = flags_given(f, "lengths");
    set->lengths = malloc(((size_t)set->nlengths + 1) * sizeof *set->lengths);
    for (int i = 0; set->lengths && i < set->nlengths; i++)
        set->lengths[i] = flags_each(f, "lengths", i);
    return set->lengths ? 0 : EXIT_BUG;
}

/* The setup that the flags ask for; its lists are malloc'd. */
static int read_setup(const Flags *f, RunSetup *set)
{
    long chunk = 0, back = 0, steps = 0, seed = 0;
    int code;

    *set = (RunSetup){.weights = flags_get(f, "weights"),
                      .batch_first = flags_given(f, "batch-first"),
                      .grad = flags_given(f, "grad"),
                      .training = flags_given(f, "training"),
                      .clip = flags_get(f, "clip"),
                      .optimizer = flags_get(f, "optimizer"),
                      .out = flags_get(f, "out")};
    code = read_files(f, "in", &set->in, &set->nin);
    if (!code)
        code = read_files(f, "state", &set->state, &set->nstate);
    if (!code)
        code = read_files(f, "upstream", &set->up, &set->nup);
    if (!code)
        code = read_files(f, "noise", &set->noise, &set->nnoise);
    if (!code)
        code = read_lengths(f, set);
    if (!code)
        code = flags_chunk("--tbptt", flags_get(f, "tbptt"), &chunk, &back);
    if (!code)
        code = flags_long(f, "steps", 1, 1L << 40, &steps);
    if (!code)
        code = flags_long(f, "seed", 0, 1L << 62, &seed);
    set->tbptt = chunk;
    set->back = back;
    set->steps = steps;
    set->seed = (uint64_t)seed;
    if (!code && !set->out) {
        say_error("run needs --out DIR for its results");
        code = EXIT_USAGE;
    }
    if (!code && set->nnoise && !set->training) {
        say_error("--noise needs --training: else nothing is drawn");
        code = EXIT_USAGE;
    }
    if (!code && set->steps && !set->optimizer) {
        say_error("--steps needs --optimizer, such as 'sgd(lr=0.1)'");
        code = EXIT_USAGE;
    }
    if (!code && !set->steps && set->optimizer) {
        say_error("--optimizer needs --steps N");
        code = EXIT_USAGE;
    }
    return code;
}

/* cellc_set(key, NAME) for each of the files. */
static int set_names(Cellc *c, const char *key, const RunFile *file, int n)
{
    int code = 0;

    for (int i = 0; i < n && !code; i++) {
        char *name = strndup(file[i].name, (size_t)file[i].n);

        code = name ? cellc_set(c, key, name) : CELLC_INTERNAL;
        free(name);
    }
    return drv_code(code);
}

static int compile(Drv *d, const RunSetup *set)
{
    int backward = set->grad || set->clip || set->steps;
    int code = drv_code(cellc_check(d->c));

    if (!code)
        code = solve_dims(d, set);
    if (!code)
        code = set_names(d->c, "state", set->state, set->nstate);
    if (!code)
        code = set_names(d->c, "upstream", set->up, set->nup);
    if (!code)
        code = drv_code(cellc_set(d->c, "backward", backward ? "1" : "0"));
    if (!code)
        code = drv_code(cellc_set(d->c, "inputgrad", set->grad ? "1" : "0"));
    if (!code && set->tbptt)
        code = drv_code(cellc_set(d->c, "total", "1"));
    if (!code && set->tbptt)
        code = drv_code(cellc_set(d->c, "past", "1"));
    if (!code && set->back > set->tbptt)
        code = drv_code(cellc_set(d->c, "skip", "1"));
    if (!code && set->training)
        code = drv_code(cellc_set(d->c, "training", "1"));
    return code ? code : drv_compile(d);
}

static int run_run(Flags *f, void *user)
{
    Drv d = {0};
    RunSetup set;
    RtError err = {0};
    const char *spec = flags_arg(f, 0);
    const char *slash = strrchr(spec, '/');
    char *base = slash ? strndup(spec, (size_t)(slash - spec)) : NULL;
    const CellDesc *desc;
    int code = read_setup(f, &set);

    (void)user;
    set.base = base;
    if (!code)
        code = drv_open(&d, f, spec);
    if (!code)
        code = compile(&d, &set);
    if (!code) {
        desc = cellc_jit(d.c);
        if (!desc)
            code = EXIT_USER;
        else if (run_arrays(desc, &set, &err))
            code = drv_fail(&err);
    }
    drv_free(&d);
    free((RunFile *)set.in);
    free((RunFile *)set.state);
    free((RunFile *)set.up);
    free((RunFile *)set.noise);
    free(set.lengths);
    free(base);
    return code;
}

static const Flag run_own[] = {
    {"in", "NAME=FILE", NULL, NULL, "array of an input; again for others"},
    {"weights", "PATH", NULL, NULL,
     ".safetensors, or a folder with NAME.npy each; else drawn by the seed"},
    {"state", "NAME=FILE", NULL, NULL, "value before the first step, [B,n]"},
    {"lengths", "[AXIS=]FILE", NULL, NULL,
     "steps of each sequence, integers [B]; again for other time axes"},
    {"grad", NULL, NULL, NULL, "write grad.NAME.npy of the loss"},
    {"upstream", "NAME=FILE", NULL, NULL,
     "gradients of sum(NAME * FILE) instead; an output or final.NAME"},
    {"batch-first", NULL, NULL, NULL, "arrays are [B,T,...], in and out"},
    {"training", NULL, NULL, NULL, "with dropout and noise"},
    {"noise", "NAME=FILE", NULL, NULL, "draws of a noise; again for others"},
    {"seed", "N", "0", NULL, "of noise and of weights not given"},
    {"tbptt", "K", NULL, NULL,
     "chunks of K steps: state is carried, gradients are cut; '(K, L)': those "
     "of every K steps go back L"},
    {"clip", "CLIP", NULL, NULL,
     "'norm(1)' or 'value(1)': write clipped.NAME.npy and gradnorm.npy"},
    {"steps", "N", NULL, NULL, "write N updates: after.NAME.npy, losses.npy"},
    {"optimizer", "CALL", NULL, NULL, "of --steps, such as 'sgd(lr=0.1)'"},
    {"out", "DIR", NULL, NULL, "where results are written"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const run_flags[] = {
    run_own, drv_size_flags, drv_reduce_flags, drv_number_flags, NULL};
const Verb drv_run = {
    "run",
    "SPEC",
    "one evaluation on arrays (.npy in, .npy out)",
    run_flags,
    {"run model.cell --in x=x.npy --in y=y.npy --grad --out result",
     "run model.cell --in x=x.npy --weights best.safetensors --out result"},
    1,
    1,
    run_run};
