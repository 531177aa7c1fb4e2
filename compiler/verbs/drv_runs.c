/* The runs of a comparison, each a normal training in a process of its own, as
 * many at once as there are processors.  What is in the folder (drv_record.c)
 * makes the same command go on where it was stopped: a finished run is not
 * repeated, one that was interrupted is resumed from its checkpoint. */
#include "drv_compare.h"

#include "../../runtime/plot.h"
#include "../../runtime/rtio.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A run that is going on, in one of the places. */
typedef struct Going {
    pid_t pid; /* 0: the place is free */
    Rival *r;
    RivalRun *run;
} Going;

/* One of our verbs on these words, to the end. */
static int call(const Verb *verb, const Compare *c, const Words *w)
{
    int code;
    Flags *f = flags_parse(verb, c->program, w->n, w->v, &code);

    if (f)
        code = verb->run(f, NULL);
    flags_free(f);
    fflush(NULL);
    return code;
}

static int send_output(const Compare *c, const Rival *r, long seed,
                       const char *ending, FILE *from)
{
    char *path = run_path(c, r, seed, ending);
    int bad = !path || !freopen(path, "w", from);

    if (bad)
        say_error("cannot write %s: %s", path ? path : "", strerror(errno));
    free(path);
    return bad ? EXIT_USER : 0;
}

/* In the child: trains, then evaluates; its exit code. */
static int train_and_eval(const Compare *c, const Rival *r, long seed,
                          int resume)
{
    Words train = {0}, eval = {0};
    int code = send_output(c, r, seed, ".txt", stderr);

    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (!code)
        code = send_output(c, r, seed, ".out", stdout);
    if (!code)
        code = compare_words(c, r, seed, &train);
    if (!code && resume)
        code = words_add(&train, strdup("--resume"));
    if (!code)
        code = call(&drv_train, c, &train);
    if (!code && c->nmetric)
        code = run_eval_words(c, r, seed, &eval);
    if (!code && c->nmetric)
        code = send_output(c, r, seed, ".eval.json", stdout);
    if (!code && c->nmetric)
        code = call(&drv_eval, c, &eval);
    return code;
}

static int start(const Compare *c, Going *g, Rival *r, RivalRun *run, int known)
{
    char *saved = run_path(c, r, run->seed, ".safetensors");
    int resume = known && run_there(saved);
    int code = run_write_started(c, r, run->seed);

    free(saved);
    if (code)
        return code;
    fflush(NULL);
    *g = (Going){fork(), r, run};
    if (g->pid == 0)
        _exit(train_and_eval(c, r, run->seed, resume));
    if (g->pid > 0)
        return 0;
    g->pid = 0;
    say_error("cannot start a process: %s", strerror(errno));
    return EXIT_USER;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* How far all runs are; those that were done before this call took no time. */
typedef struct Course {
    const Compare *c;
    int all, before, done, failed, interrupted, told;
    int terminal, open; /* a line renews itself, and stands there */
    double begun, shown;
    const volatile sig_atomic_t *stop;
    char *why; /* what a failed run said last, or NULL */
    int alike; /* runs that said the same, untold */
} Course;

static void show_done(const Course *k, const Going *g)
{
    int made = k->done - k->before, left = k->all - k->done - k->failed;
    double pace = (now() - k->begun) / (made + k->failed);
    long seconds = lround(pace * left);

    fprintf(stderr, "%s, seed %ld: last %.5g, best %.5g, %.1f s  [%d of %d",
            g->r->name, g->run->seed, g->run->last, g->run->best,
            g->run->seconds, k->done, k->all);
    if (left && seconds >= 3600)
        fprintf(stderr, ", %ldh%02ld left", seconds / 3600, seconds / 60 % 60);
    else if (left)
        fprintf(stderr, ", %ld:%02ld left", seconds / 60, seconds % 60);
    fprintf(stderr, "]\n");
}

/* The last line of what a run has said, without its end; "" if there is none.
 */
static void last_line(const Compare *c, const Going *g, char *line, size_t room)
{
    char *path = run_path(c, g->r, g->run->seed, ".txt");
    FILE *f = path ? fopen(path, "r") : NULL;

    *line = 0;
    while (f && fgets(line, (int)room, f))
        line[strcspn(line, "\n")] = 0;
    if (f)
        fclose(f);
    free(path);
}

/* On a terminal: how far the runs are that are going on. */
static void show_going(Course *k, const Going *going)
{
    char line[160], text[160];
    size_t n;

    if (!k->terminal || now() - k->shown < 1)
        return;
    k->shown = now();
    n = (size_t)snprintf(text, sizeof text, "%d of %d", k->done, k->all);
    for (int i = 0; i < k->c->jobs && n < sizeof text; i++) {
        if (going[i].pid <= 0)
            continue;
        last_line(k->c, &going[i], line, sizeof line);
        n += (size_t)snprintf(text + n, sizeof text - n, "  %s %ld: %.30s",
                              going[i].r->name, going[i].run->seed, line);
    }
    fprintf(stderr, "\r%.*s\033[K", plot_columns(STDERR_FILENO) - 1, text);
    k->open = 1;
}

static void clear_line(Course *k)
{
    if (k->open)
        fputs("\r\033[K", stderr);
    k->open = 0;
}

/* What a failed run said last, without "error: "; malloc'd, or NULL. */
static char *reason(const Compare *c, const Going *g)
{
    static const char word[] = "error: ";
    char *path = run_path(c, g->r, g->run->seed, ".txt"), *text = NULL;
    RtError err = {0};
    size_t n = 0;
    const char *at = NULL;
    char *line;

    if (path && !rtio_read(path, &text, &n, &err))
        for (const char *p = text; (p = strstr(p, "error")); p++)
            at = p;
    while (at && at > text && at[-1] != '\n')
        at--;
    if (at && !strncmp(at, word, strlen(word)))
        at += strlen(word);
    line = at ? strndup(at, strcspn(at, "\n")) : NULL;
    rt_error_clear(&err);
    free(text);
    free(path);
    return line;
}

/* What keeps all runs from beginning is told of the first. */
static void show_failure(Course *k, const Going *g, int status)
{
    const Compare *c = k->c;
    char *log = run_path(c, g->r, g->run->seed, ".log.csv");
    char *why = reason(c, g);

    if (WIFSIGNALED(status)) {
        say_warning("%s, seed %ld: ended by signal %d", g->r->name,
                    g->run->seed, WTERMSIG(status));
    } else if (why && k->why && !strcmp(why, k->why) && !run_there(log)) {
        k->alike++;
    } else {
        say_warning("%s, seed %ld failed (%s/%s.%ld.txt): %s", g->r->name,
                    g->run->seed, c->folder, g->r->file, g->run->seed,
                    why ? why : "it does not say why");
        free(k->why);
        k->why = why;
        why = NULL;
    }
    free(why);
    free(log);
}

static int finish(Course *k, Going *g, int status)
{
    const Compare *c = k->c;
    int code = 0;

    g->pid = 0;
    clear_line(k);
    if ((WIFEXITED(status) && WEXITSTATUS(status) == EXIT_INTERRUPTED) ||
        (WIFSIGNALED(status) && *k->stop)) {
        k->interrupted = 1;
    } else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        k->failed++;
        show_failure(k, g, status);
    } else {
        code = run_read_log(c, g->r, g->run);
        if (!code)
            code = run_read_metrics(c, g->r, g->run);
        if (!code)
            code = run_write_done(c, g->r, g->run);
        g->run->done = !code;
        k->done += !code;
        if (!code)
            show_done(k, g);
    }
    return code;
}

/* A signal that came to us alone is handed on, once. */
static void hand_on(Course *k, const Going *going)
{
    if (!*k->stop || k->told)
        return;
    k->told = 1;
    for (int i = 0; i < k->c->jobs; i++)
        if (going[i].pid > 0)
            kill(going[i].pid, SIGTERM);
}

/* Waits for one of them. */
static int wait_one(Course *k, Going *going)
{
    const struct timespec moment = {0, 100000000};
    int status;
    pid_t pid;

    do {
        hand_on(k, going);
        pid = waitpid(-1, &status, k->terminal ? WNOHANG : 0);
        if (pid == 0) {
            show_going(k, going);
            nanosleep(&moment, NULL);
        }
    } while (pid == 0 || (pid < 0 && errno == EINTR));
    for (int i = 0; i < k->c->jobs; i++)
        if (pid > 0 && going[i].pid == pid)
            return finish(k, &going[i], status);
    return 0;
}

static int count_going(const Compare *c, const Going *going)
{
    int n = 0;

    for (int i = 0; i < c->jobs; i++)
        n += going[i].pid > 0;
    return n;
}

/* Starts one run, when there is a place for it. */
static int place(Course *k, Going *going, Rival *r, RivalRun *run, int known)
{
    int code = 0, i = 0;

    while (!code && !*k->stop && count_going(k->c, going) == k->c->jobs)
        code = wait_one(k, going);
    while (i < k->c->jobs && going[i].pid > 0)
        i++;
    return code || *k->stop ? code : start(k->c, &going[i], r, run, known);
}

/* What the folder knows already; nothing has been started yet. */
static int read_all(Compare *c, Course *k, char *known)
{
    int code = 0, begun;

    for (long s = 0; s < c->seeds && !code; s++)
        for (int i = 0; i < c->n && !code; i++) {
            RivalRun *run = &c->rival[i].run[s];

            *run = (RivalRun){
                .seed = c->first + s,
                .metric = calloc((size_t)c->nmetric + 1, sizeof(double))};
            if (!run->metric)
                return EXIT_BUG;
            code = run_read_record(c, &c->rival[i], run, &begun);
            known[s * c->n + i] = (char)begun;
            k->all++;
            k->before += run->done;
        }
    k->done = k->before;
    return code;
}

static int run_all(Compare *c, Course *k, const char *known)
{
    Going *going = calloc((size_t)c->jobs, sizeof *going);
    int code = going ? 0 : EXIT_BUG, worst;

    k->begun = now();
    k->stop = app_catch();
    k->terminal = isatty(STDERR_FILENO);
    for (long s = 0; s < c->seeds && !code && !*k->stop; s++)
        for (int i = 0; i < c->n && !code && !*k->stop; i++)
            if (!c->rival[i].run[s].done)
                code = place(k, going, &c->rival[i], &c->rival[i].run[s],
                             known[s * c->n + i]);
    while (going && count_going(c, going)) {
        worst = wait_one(k, going);
        code = code ? code : worst;
    }
    k->interrupted |= *k->stop != 0;
    free(going);
    return code;
}

int compare_runs(Compare *c)
{
    Course k = {.c = c};
    char *known = calloc((size_t)(c->n * c->seeds) + 1, 1);
    int code = known ? 0 : EXIT_BUG;

    if (!code && mkdir(c->folder, 0777) && errno != EEXIST) {
        say_error("cannot make the folder %s: %s", c->folder, strerror(errno));
        code = EXIT_USER;
    }
    if (!code)
        code = read_all(c, &k, known);
    c->ran = !code;
    if (!code && k.before)
        say_note("%d of %d runs are in %s already", k.before, k.all, c->folder);
    if (!code)
        code = run_all(c, &k, known);
    if (k.alike)
        say_note("%d more failed in the same way", k.alike);
    free(k.why);
    free(known);
    if (k.interrupted && k.done < k.all) {
        say_note(
            "interrupted; %d of %d runs are done, the same command goes on",
            k.done, k.all);
        return EXIT_INTERRUPTED;
    }
    if (!code && k.failed)
        code = EXIT_USER;
    return code;
}
