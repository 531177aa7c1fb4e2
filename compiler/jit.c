/* Turns generated C into running code.  The only file that knows libtcc; its
 * version in Debian (0.9.27+git20200814) takes TCC_RELOCATE_AUTO and ends the
 * process if memory cannot be made executable, so that is tried beforehand.
 * Build with CELLC_NO_TCC where libtcc is missing. */
#include "jit.h"

#include "../runtime/shared.h"
#include "../runtime/timed.h"
#include "jitcache.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CELLC_NO_TCC
#include <libtcc.h>
#endif

struct Jit {
    JitProc *(*symbol)(const Jit *j, const char *name);
    void (*release)(Jit *j);
    void *handle; /* TCCState, or what dlopen gave */
};

JitProc *jit_symbol(const Jit *j, const char *name)
{
    return j->symbol(j, name);
}

void jit_free(Jit *j)
{
    if (!j)
        return;
    j->release(j);
    free(j);
}

/* ISO C has no conversion from data to function pointers; POSIX promises that
 * their bits agree. */
static JitProc *proc_of(void *p)
{
    JitProc *f;
    memcpy(&f, &p, sizeof f);
    return f;
}

static Jit *jit_new(void *handle, JitProc *(*symbol)(const Jit *, const char *),
                    void (*release)(Jit *), Buf *err)
{
    Jit *j = malloc(sizeof *j);
    if (!j) {
        buf_puts(err, "out of memory\n");
        return NULL;
    }
    j->symbol = symbol;
    j->release = release;
    j->handle = handle;
    return j;
}

/* The table of kernels that generated code calls. */
typedef const RtSymbol *Symbols(int *count);

#ifdef CELLC_NO_TCC

static JitStatus run_tcc(const char *source, Symbols *symbols, Jit **out,
                         Buf *err)
{
    (void)source;
    (void)symbols;
    *out = NULL;
    buf_puts(err, "this cellc was built without libtcc (Debian package "
                  "libtcc-dev)\n");
    return JIT_MISSING;
}

#else

static JitProc *tcc_symbol(const Jit *j, const char *name)
{
    return proc_of(tcc_get_symbol(j->handle, name));
}

static void tcc_release(Jit *j)
{
    tcc_delete(j->handle);
}

static void tcc_message(void *err, const char *text)
{
    buf_printf(err, "%s\n", text);
}

/* Whether written pages may become executable; hardened systems forbid it. */
static bool may_execute(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *p = mmap(NULL, page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    bool ok = mprotect(p, page, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
    munmap(p, page);
    return ok;
}

static int tcc_add_proc(TCCState *s, const char *name, JitProc *proc)
{
    void *p;
    memcpy(&p, &proc, sizeof p);
    return tcc_add_symbol(s, name, p);
}

/* Functions of this program that lines `extern float erfcf(float);` name. */
static int add_externs(TCCState *s, const char *source, Arena *a)
{
    void *program = dlopen(NULL, RTLD_NOW);
    int bad = program ? 0 : -1;
    for (const char *p = source; program && p; p = strchr(p, '\n')) {
        p += *p == '\n';
        const char *end = strncmp(p, "extern ", 7) ? NULL : strchr(p, '(');
        if (!end)
            continue;
        const char *word = end;
        while (word[-1] != ' ')
            word--;
        char *name = arena_strndup(a, word, (size_t)(end - word));
        bad |= tcc_add_symbol(s, name, dlsym(program, name));
    }
    if (program)
        dlclose(program);
    return bad;
}

static int tcc_build(TCCState *s, const char *source, Symbols *symbols,
                     Arena *a)
{
    tcc_set_options(s, "-nostdlib -nostdinc");
    tcc_set_lib_path(s, "/nonexistent");
    if (tcc_set_output_type(s, TCC_OUTPUT_MEMORY) < 0 ||
        tcc_compile_string(s, source) < 0)
        return -1;
    int count, bad = 0;
    const RtSymbol *rt = symbols(&count);
    for (int i = 0; i < count; i++)
        bad |= tcc_add_proc(s, rt[i].name, rt[i].proc);
    bad |= add_externs(s, source, a);
    bad |= tcc_add_proc(s, "memmove", (JitProc *)memmove);
    bad |= tcc_add_proc(s, "memcpy", (JitProc *)memcpy);
    bad |= tcc_add_proc(s, "memset", (JitProc *)memset);
    return bad < 0 ? -1 : tcc_relocate(s, TCC_RELOCATE_AUTO);
}

static JitStatus run_tcc(const char *source, Symbols *symbols, Jit **out,
                         Buf *err)
{
    *out = NULL;
    if (!may_execute()) {
        buf_puts(err, "this system does not let a program execute code that "
                      "it has just written; use the backend cc\n");
        return JIT_MISSING;
    }
    TCCState *s = tcc_new();
    if (!s) {
        buf_puts(err, "libtcc: out of memory\n");
        return JIT_MISSING;
    }
    tcc_set_error_func(s, err, tcc_message);
    if (tcc_build(s, source, symbols, err->arena) < 0) {
        tcc_delete(s);
        return JIT_REFUSED;
    }
    *out = jit_new(s, tcc_symbol, tcc_release, err);
    if (!*out)
        tcc_delete(s);
    return *out ? JIT_OK : JIT_MISSING;
}

#endif

JitStatus jit_tcc(const char *source, Jit **out, Buf *err)
{
    return run_tcc(source, rt_shared_symbols, out, err);
}

JitStatus jit_tcc_timed(const char *source, Jit **out, Buf *err)
{
    return run_tcc(source, rt_timed_symbols, out, err);
}

static JitProc *cc_symbol(const Jit *j, const char *name)
{
    return proc_of(dlsym(j->handle, name));
}

static void cc_release(Jit *j)
{
    dlclose(j->handle);
}

/* The C compiler and its flags; $CC may hold arguments, as make allows.  The
 * code is for this machine alone; contraction would round otherwise than the
 * strips do; nobody reads errno or the flags of exceptions, and without them
 * loops with roots and comparisons vectorise.  Statements are not vectorised
 * beside loops: gcc 12 then ends some loops over few columns at wrong places,
 * and nothing was ever faster for it. */
static char **cc_command(Buf *err, char *source, char *library)
{
    static const char *const flags[] = {"-O3",
                                        "-march=native",
                                        "-ffp-contract=off",
                                        "-fno-math-errno",
                                        "-shared",
                                        "-fno-trapping-math",
                                        "-fno-tree-slp-vectorize",
                                        "-fPIC"};
    const char *cc = getenv("CC");
    char *words = arena_printf(err->arena, "%s", cc && *cc ? cc : "cc");
    VEC(char *) argv = {0};
    for (char *w = strtok_r(words, " ", &words); w;
         w = strtok_r(NULL, " ", &words))
        vec_push(err->arena, &argv, w);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        vec_push(err->arena, &argv, arena_printf(err->arena, "%s", flags[i]));
    vec_push(err->arena, &argv, (char *)"-o");
    vec_push(err->arena, &argv, library);
    vec_push(err->arena, &argv, source);
    vec_push(err->arena, &argv, (char *)"-lm");
    vec_push(err->arena, &argv, NULL);
    return argv.v;
}

/* Reads all that a child writes to `fd` into `err`. */
static void read_all(int fd, Buf *err)
{
    char part[4096];
    for (;;) {
        ssize_t n = read(fd, part, sizeof part);
        if (n > 0)
            buf_add(err, part, (size_t)n);
        else if (n == 0 || errno != EINTR)
            return;
    }
}

/* Runs argv; its output goes to `err`.  The exit status, 127 if there is no
 * such program, -1 if it could not be started or was killed. */
static int run_command(char **argv, Buf *err)
{
    int pipefd[2];
    if (pipe(pipefd) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipefd[1], 1);
        dup2(pipefd[1], 2);
        close(pipefd[0]);
        close(pipefd[1]);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(pipefd[1]);
    if (pid > 0)
        read_all(pipefd[0], err);
    close(pipefd[0]);
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    bool ok = fputs(text, f) >= 0;
    return fclose(f) == 0 && ok;
}

static JitProc *find_kernel(const char *name)
{
    int count;
    const RtSymbol *rt = rt_shared_symbols(&count);
    for (int i = 0; i < count; i++)
        if (!strcmp(rt[i].name, name))
            return rt[i].proc;
    return NULL;
}

/* Gives text that asks for them the kernels of this machine. */
static void link_kernels(void *handle)
{
    typedef void Link(JitProc * (*find)(const char *));
    Link *fill = (Link *)proc_of(dlsym(handle, "cell_link"));
    if (fill)
        fill(find_kernel);
}

static JitStatus load_library(const char *path, Jit **out, Buf *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        buf_printf(err, "%s\n", dlerror());
        return JIT_MISSING;
    }
    link_kernels(handle);
    *out = jit_new(handle, cc_symbol, cc_release, err);
    if (!*out)
        dlclose(handle);
    return *out ? JIT_OK : JIT_MISSING;
}

static JitStatus cc_build(const char *source, char *c, char *so, Jit **out,
                          Buf *err)
{
    if (!write_text(c, source)) {
        buf_printf(err, "%s: %s\n", c, strerror(errno));
        return JIT_MISSING;
    }
    char **argv = cc_command(err, c, so);
    int status = run_command(argv, err);
    if (status == 127 || status < 0) {
        buf_printf(err,
                   "cannot run the C compiler '%s'; install gcc or set "
                   "CC\n",
                   argv[0]);
        return JIT_MISSING;
    }
    if (status != 0) {
        buf_printf(err, "the C compiler '%s' failed (exit code %d)\n", argv[0],
                   status);
        return JIT_REFUSED;
    }
    return load_library(so, out, err);
}

JitStatus jit_cc(const char *source, Jit **out, Buf *err)
{
    *out = NULL;
    char **key = cc_command(err, (char *)"model.c", (char *)"model.so");
    const char *cached = jit_cache_path(err->arena, key, source);
    Buf ignored;
    buf_init(&ignored, err->arena);
    if (cached && jit_cache_has(cached) &&
        load_library(cached, out, &ignored) == JIT_OK)
        return JIT_OK;
    const char *tmp = getenv("TMPDIR");
    char *dir =
        arena_printf(err->arena, "%s/cellc-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) {
        buf_printf(err, "%s: %s\n", dir, strerror(errno));
        return JIT_MISSING;
    }
    char *c = arena_printf(err->arena, "%s/model.c", dir);
    char *so = arena_printf(err->arena, "%s/model.so", dir);
    JitStatus status = cc_build(source, c, so, out, err);
    if (cached && status == JIT_OK)
        jit_cache_put(err->arena, cached, so);
    unlink(c);
    unlink(so);
    rmdir(dir);
    return status;
}
