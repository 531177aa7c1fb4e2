/* `train --watch`: trains in a child process, and again when a file of the spec
 * is saved, from the weights that fit.  A process of its own, so that a spec
 * that does not compile, or a training that ends in an error, is a message
 * only. */
#include "drv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The files of a spec as they were. */
typedef struct Watched {
    char *path;
    struct timespec time; /* of their last change; all 0: not there */
    off_t size;
} Watched;

typedef struct Watch {
    Flags *f;
    int (*train)(Flags *f, const char *warm);
    Watched *file;
    int n;
    pid_t child; /* 0: none is running */
    const volatile sig_atomic_t *stop;
} Watch;

static Watched look(char *path)
{
    struct stat st;
    Watched w = {.path = path};

    if (!stat(path, &st)) {
        w.time = st.st_mtim;
        w.size = st.st_size;
    }
    return w;
}

static void forget_files(Watch *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->file[i].path);
    free(w->file);
    w->file = NULL;
    w->n = 0;
}

/* The spec and what it uses, as far as it can be read. */
static int list_files(Watch *w)
{
    const char *spec = flags_arg(w->f, 0), *path;
    Drv d = {.mute = 1};
    int code = drv_new(&d), n = 0;

    forget_files(w);
    if (!code && !cellc_add_file(d.c, spec))
        (void)cellc_check(d.c);
    while (!code && cellc_file_at(d.c, n))
        n++;
    w->file = code ? NULL : calloc((size_t)n + 1, sizeof *w->file);
    for (int i = 0; w->file && (i < n || (i == 0 && n == 0)); i++) {
        path = i < n ? cellc_file_at(d.c, i) : spec;
        w->file[w->n++] = look(strdup(path));
    }
    code = w->file ? code : EXIT_BUG;
    drv_free(&d);
    return code;
}

static int changed(const Watch *w)
{
    for (int i = 0; i < w->n; i++) {
        Watched now = look(w->file[i].path);
        if (now.size != w->file[i].size ||
            now.time.tv_sec != w->file[i].time.tv_sec ||
            now.time.tv_nsec != w->file[i].time.tv_nsec)
            return 1;
    }
    return 0;
}

static void rest(void)
{
    const struct timespec fifth = {0, 200000000};

    nanosleep(&fifth, NULL);
}

/* An editor may take a while to write a file. */
static void settle(Watch *w)
{
    do {
        for (int i = 0; i < w->n; i++)
            w->file[i] = look(w->file[i].path);
        rest();
    } while (changed(w) && !*w->stop);
}

static int start(Watch *w, const char *warm)
{
    w->child = fork();
    if (w->child < 0) {
        w->child = 0;
        say_error("cannot start training: %s", strerror(errno));
        return EXIT_USER;
    }
    if (w->child > 0)
        return 0;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    exit(say_end(w->train(w->f, warm)));
}

/* Takes note of a child that has ended; *code gets its exit code. */
static void collect(Watch *w, int options, int *code)
{
    int status;

    if (!w->child || waitpid(w->child, &status, options) != w->child)
        return;
    w->child = 0;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERRUPTED;
}

/* Makes the child save and end. */
static void end(Watch *w, int *code)
{
    if (w->child)
        kill(w->child, SIGINT);
    while (w->child)
        collect(w, 0, code);
}

/* Until a file changes: 1, or the user wants no more: 0. */
static int wait_for_change(Watch *w, int *code)
{
    while (!*w->stop && !changed(w)) {
        int ran = w->child != 0;
        rest();
        collect(w, WNOHANG, code);
        if (ran && !w->child && !*w->stop)
            say_note("waiting for a change of %s; Ctrl-C ends",
                     w->file[0].path);
    }
    return !*w->stop;
}

int drv_watch(Flags *f, int (*train)(Flags *f, const char *warm))
{
    Watch w = {.f = f, .train = train};
    const char *save = flags_get(f, "o"), *warm = NULL;
    struct stat st;
    int code = 0, bad = 0;

    if (!strcmp(flags_arg(f, 0), "-")) {
        say_error("--watch needs a file to watch, not standard input");
        return EXIT_USAGE;
    }
    w.stop = app_catch();
    do {
        bad = list_files(&w);
        if (!bad)
            bad = start(&w, warm);
        if (bad || !wait_for_change(&w, &code))
            break;
        settle(&w);
        end(&w, &code);
        say_note("%s has changed", w.file[0].path);
        warm = stat(save, &st) ? NULL : save;
    } while (!*w.stop);
    end(&w, &code);
    forget_files(&w);
    return bad ? bad : EXIT_INTERRUPTED;
}
