/* The verb build: emitted C through the system's C compiler, to a library, or
 * with the runtime to an executable that trains and runs this one model. */
#include "drv.h"
#include "drv_words.h"

#include "../../runtime/runarrays.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CELLC_DATADIR
#define CELLC_DATADIR "/usr/local/lib/cellc"
#endif
#ifndef CELLC_RTLIBS
#define CELLC_RTLIBS "-ljansson -lutf8proc -lz -lpthread -ldl -lm"
#endif

static const char *from_env(const char *name, const char *otherwise)
{
    const char *s = getenv(name);

    return s && *s ? s : otherwise;
}

/* A file of the runtime: beside the program, in the source tree, or where it
 * was installed.  Returns its folder, malloc'd, NULL if it is nowhere. */
static char *find_runtime(const char *file)
{
    static const char *const near[] = {"", "/../runtime", "/../../runtime",
                                       "/../lib/cellc", "/../include/cellc"};
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash, *dir, *path;
    struct stat st;

    self[n > 0 ? n : 0] = 0;
    slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    for (size_t i = 0; i <= sizeof near / sizeof *near; i++) {
        dir = i < sizeof near / sizeof *near ? rt_printf("%s%s", self, near[i])
                                             : rt_printf("%s", CELLC_DATADIR);
        path = dir ? rt_printf("%s/%s", dir, file) : NULL;
        if (path && !stat(path, &st)) {
            free(path);
            return dir;
        }
        free(path);
        free(dir);
    }
    say_error("the runtime's %s is not beside %s nor in %s", file, self,
              CELLC_DATADIR);
    return NULL;
}

static int ends(const char *s, const char *with)
{
    size_t n = strlen(s), m = strlen(with);

    return n > m && !strcmp(s + n - m, with);
}

typedef struct Build {
    Drv *d;
    const Flags *f;
    const char *out;
    char *name;
    char *dir;       /* for the sources, removed afterwards */
    int flow;        /* there are states for `gradflow` */
    Checkpoint from; /* that is built, or nothing */
} Build;

/* "CC CFLAGS ...": what every command begins with. */
static int begin_command(const Build *b, Words *w)
{
    int code = words_split(w, from_env("CC", "cc"));

    if (!code)
        code = words_split(w, from_env("CFLAGS",
                                       "-O3 -ffp-contract=off "
                                       "-fno-math-errno -fno-trapping-math "
                                       "-fno-tree-slp-vectorize"));
    if (!code && flags_given(b->f, "native"))
        code = words_split(w, "-march=native");
    return code;
}

static int add_source(const Build *b, Words *w, const char *suffix)
{
    return words_add(w, rt_printf("%s/%s%s", b->dir, b->name, suffix));
}

/* A copy of the header goes beside the library. */
static int copy_header(const Build *b)
{
    const char *slash = strrchr(b->out, '/');
    int n = slash ? (int)(slash - b->out) : 1;
    char *to = rt_printf("%.*s/%s.h", n, slash ? b->out : ".", b->name);
    char *from = rt_printf("%s/%s.h", b->dir, b->name);
    size_t size = 0;
    char *text = from && to ? drv_read(from, &size) : NULL;
    int code = text ? drv_write(to, text, size) : EXIT_USER;

    free(text);
    free(from);
    free(to);
    return code;
}

static int build_library(const Build *b)
{
    int shared = ends(b->out, ".so"), code;
    int verbose = flags_given(b->f, "verbose");
    Words w = {0}, ar = {0};

    code = drv_compile(b->d);
    drv_tell_members(b->d);
    if (!code)
        code = drv_emit_to(b->d, b->dir, b->name, 0);
    if (!code)
        code = begin_command(b, &w);
    if (!code)
        code = words_split(&w, shared ? "-shared -fPIC -o" : "-fPIC -c -o");
    if (!code)
        code = shared ? words_add(&w, strdup(b->out)) : add_source(b, &w, ".o");
    if (!code)
        code = add_source(b, &w, ".c");
    if (!code && shared)
        code = words_split(&w, "-lm");
    if (!code)
        code = words_run(&w, verbose);
    if (!code && !shared) {
        unlink(b->out);
        code = words_split(&ar, from_env("AR", "ar"));
        if (!code)
            code = words_split(&ar, "rcs");
        if (!code)
            code = words_add(&ar, strdup(b->out));
        if (!code)
            code = add_source(b, &ar, ".o");
        if (!code)
            code = words_run(&ar, verbose);
    }
    words_free(&w);
    words_free(&ar);
    return code ? code : copy_header(b);
}

/* The inside of a C string. */
static void print_inside(FILE *to, const char *s)
{
    for (; *s; s++)
        if (*s == '"' || *s == '\\' || *s == '?')
            fprintf(to, "\\%c", *s);
        else if ((unsigned char)*s < 32 || (unsigned char)*s > 126)
            fprintf(to, "\\%03o", (unsigned)(unsigned char)*s);
        else
            fputc(*s, to);
}

/* What the checkpoint says and, NULL or over it, a flag, as the C string
 * "NAME = VALUE\n...". */
static void print_pairs(FILE *to, const RtPairs *from, const Flags *f,
                        const char *flag)
{
    const char *value, *text;
    int n;

    fputc('"', to);
    for (int i = 0; i < from->n; i++) {
        fprintf(to, "%s = ", from->v[i].key);
        print_inside(to, from->v[i].value);
        fputs("\\n", to);
    }
    for (int i = 0; flag && (value = flags_pair(f, flag, i, &n, &text)); i++) {
        fprintf(to, "%.*s = ", n, text);
        print_inside(to, value);
        fputs("\\n", to);
    }
    fputc('"', to);
}

/* The drawn names that end with a member, CellApp.last. */
static void print_last(FILE *to, const Cellc *c)
{
    fputs("    static const char *const last[] = {", to);
    for (int i = 0; i < cellc_decl_count(c); i++) {
        const CellcDecl *d = cellc_decl(c, i);

        if (d->role != CELL_INPUT || !d->last)
            continue;
        fputc('"', to);
        print_inside(to, d->name);
        fputs("\", \"", to);
        print_inside(to, d->last);
        fputs("\", ", to);
    }
    fputs("0};\n", to);
}

/* main() of the executable. */
static int write_main(const Build *b)
{
    char *path = rt_printf("%s/%s_main.c", b->dir, b->name), *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    int code = path && to ? 0 : EXIT_BUG;

    if (to) {
        fprintf(to,
                "#include \"app.h\"\n\n"
                "extern const CellDesc %s_desc, %s_eval_desc;\n",
                b->name, b->name);
        if (b->flow)
            fprintf(to, "extern const CellDesc %s_flow_desc;\n", b->name);
        fprintf(to, "\nint main(int argc, char **argv)\n{\n");
        print_last(to, b->d->c);
        fprintf(to,
                "    static const CellApp app = {&%s_desc, &%s_eval_desc,\n"
                "                                ",
                b->name, b->name);
        print_pairs(to, &b->from.options, b->f, "option");
        fputs(", ", to);
        print_pairs(to, &b->from.dims, b->f, "dim");
        if (b->flow)
            fprintf(to, ",\n                                &%s_flow_desc",
                    b->name);
        else
            fputs(", 0", to);
        fputs(", last,\n                                ", to);
        print_pairs(to, &b->from.vocabs, b->f, NULL);
        fputs("};\n\n    return cell_app_main(&app, argc, argv);\n}\n", to);
        if (fclose(to))
            code = EXIT_BUG;
    }
    if (!code)
        code = drv_write(path, text, n);
    free(text);
    free(path);
    return code;
}

/* For `gradflow`: in double precision, differentiated from the last value of
 * each state to all before.  The last compilation, since it cannot be asked for
 * less again. */
static int emit_flow(Build *b)
{
    static const char *const set[][2] = {
        {"double", "1"}, {"backward", "1"}, {"inputgrad", "1"}};
    char *name = rt_printf("%s_flow", b->name);
    const char **state = NULL;
    int n = 0, code = name ? drv_flow_states(b->d, 0, &state, &n) : EXIT_BUG;

    b->flow = !code && n;
    for (int i = 0; i < n && !code; i++)
        code = drv_flow_set(b->d, state[i]);
    if (!code)
        code = drv_code(cellc_set(b->d->c, "name", name));
    for (size_t i = 0; i < sizeof set / sizeof *set && !code; i++)
        code = drv_code(cellc_set(b->d->c, set[i][0], set[i][1]));
    if (!code && n)
        code = drv_compile(b->d);
    if (!code && n)
        code = drv_emit_to(b->d, b->dir, name, CELLC_APP);
    free(state);
    free(name);
    return code;
}

/* Compilations of the spec: with noise and gradients for training, without for
 * the rest, and one for the flow of gradients. */
static int emit_all(Build *b)
{
    int code = 0;

    for (int training = 1; training >= 0 && !code; training--) {
        char *name = rt_printf("%s%s", b->name, training ? "" : "_eval");

        if (!name)
            return EXIT_BUG;
        code = drv_code(cellc_set(b->d->c, "training", training ? "1" : "0"));
        if (!code)
            code =
                drv_code(cellc_set(b->d->c, "backward", training ? "1" : "0"));
        if (!code)
            code = drv_code(cellc_set(b->d->c, "past", "1"));
        if (!code)
            code = drv_code(cellc_set(b->d->c, "name", name));
        if (!code)
            code = drv_compile(b->d);
        if (!code)
            code = drv_emit_to(b->d, b->dir, name, CELLC_APP);
        free(name);
    }
    drv_tell_members(b->d);
    if (!code)
        code = emit_flow(b);
    return code ? code : write_main(b);
}

static int build_program(Build *b)
{
    static const char *const part[] = {".c", "_eval.c", "_main.c", "_flow.c"};
    char *include = find_runtime("app.h");
    char *lib = include ? find_runtime("libcellrt.a") : NULL;
    Words w = {0};
    int code = lib ? emit_all(b) : EXIT_USER;

    if (!code)
        code = begin_command(b, &w);
    if (!code)
        code = words_add(&w, rt_printf("-I%s", include));
    for (int i = 0; i < 3 + b->flow && !code; i++)
        code = add_source(b, &w, part[i]);
    if (!code)
        code = words_add(&w, rt_printf("%s/libcellrt.a", lib));
    if (!code)
        code = words_split(&w, CELLC_RTLIBS " -o");
    if (!code)
        code = words_add(&w, strdup(b->out));
    if (!code)
        code = words_run(&w, flags_given(b->f, "verbose"));
    words_free(&w);
    free(include);
    free(lib);
    return code;
}

/* Removes what was emitted, unless --keep says where it is. */
static void clean(const Build *b)
{
    static const char *const part[] = {".c",      ".h",      ".o",
                                       "_eval.c", "_eval.h", "_main.c",
                                       "_flow.c", "_flow.h"};

    if (flags_given(b->f, "keep"))
        return;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        char *path = rt_printf("%s/%s%s", b->dir, b->name, part[i]);

        if (path)
            unlink(path);
        free(path);
    }
    rmdir(b->dir);
}

static int make_dir(Build *b)
{
    const char *keep = flags_get(b->f, "keep");
    RtError err = {0};

    b->dir = keep ? strdup(keep)
                  : rt_printf("%s/cellc.XXXXXX", from_env("TMPDIR", "/tmp"));
    if (!b->dir)
        return EXIT_BUG;
    if (keep)
        return run_make_folder(b->dir, &err) ? drv_fail(&err) : 0;
    if (mkdtemp(b->dir))
        return 0;
    say_error("%s: cannot make a folder for the sources: %s", b->dir,
              strerror(errno));
    free(b->dir);
    b->dir = NULL;
    return EXIT_USER;
}

static int build_run(Flags *f, void *user)
{
    const char *spec = flags_arg(f, 0);
    Drv d = {0};
    Build b = {.d = &d, .f = f, .out = flags_get(f, "o")};
    RtError err = {0};
    int code;

    (void)user;
    if (!b.out) {
        say_error("build needs -o EXE, -o LIB.so or -o LIB.a");
        return EXIT_USAGE;
    }
    code = drv_open(&d, f, spec);
    if (!code && drv_is_checkpoint(spec) &&
        checkpoint_load(&b.from, spec, &err))
        code = drv_fail(&err);
    if (!code) {
        b.name = flags_given(f, "name") ? strdup(flags_get(f, "name"))
                                        : drv_model_name(spec);
        code = b.name ? drv_code(cellc_set(d.c, "name", b.name)) : EXIT_BUG;
    }
    if (!code)
        code = make_dir(&b);
    if (!code)
        code = ends(b.out, ".so") || ends(b.out, ".a") ? build_library(&b)
                                                       : build_program(&b);
    if (b.dir)
        clean(&b);
    free(b.dir);
    free(b.name);
    checkpoint_free(&b.from);
    drv_free(&d);
    return code;
}

static const Flag build_own[] = {
    {"o", "FILE", NULL, NULL, "LIB.so, LIB.a, or else an executable"},
    {"name", "NAME", NULL, NULL, "the model's name in C, else the file's"},
    {"native", NULL, NULL, NULL, "for this machine's processor only"},
    {"keep", "DIR", NULL, NULL, "leave the sources there"},
    {"verbose", NULL, NULL, NULL, "show the commands"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const build_flags[] = {
    build_own, drv_size_flags, drv_reduce_flags, drv_number_flags, NULL};
const Verb drv_build = {"build",
                        "SPEC|CHECKPOINT",
                        "an executable or a library of one model",
                        build_flags,
                        {"build model.safetensors -o model",
                         "build model.cell -o libmodel.so --option n=128"},
                        1,
                        1,
                        build_run};
