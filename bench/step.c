/* Times training steps of specs, as a client of the public C interface: a model
 * is compiled in process and run forward and backward on random numbers, the
 * gradients of its inputs included (runtime/measure).  What flows into the
 * output `h` is an array too.
 *     step                             commands from standard input, below
 *     step once SPEC BACKEND T B I H THREADS LANES
 *                                      one gradient, for start.sh
 *     step start RUNS COMMAND...       time from process start to end
 *     step peak                        GFLOP/s of our own products
 * Commands, answered by a line each:
 *     load NAME SPEC BACKEND T B I H THREADS LANES
 *                                      ok MS (to compile)
 *     time NAME STEPS                  MS of each step
 *     free NAME                        ok
 * H is the option `n`, I the size of the input's dim `m`; LANES 0: threads do
 * not share loops (compiler/lanes.c), 1: they may where sequences are few. */
#define _POSIX_C_SOURCE 200809L
#include "../compiler/cellc.h"
#include "../runtime/measure.h"
#include "../runtime/peak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Bench {
    char *name;
    Cellc *c;
    RtMeasure *m;
    struct Bench *next;
} Bench;

static void say(void *user, const char *severity, const char *text)
{
    (void)user;
    fprintf(stderr, "%s: %s", severity, text);
}

static void fail(RtError *err)
{
    if (err->text)
        fprintf(stderr, "step: %s\n", err->text);
    rt_error_clear(err);
}

static int step(Bench *b, double *ms)
{
    RtError err = {0};
    int bad = measure_run(b->m, MEASURE_GRADIENT, ms, &err);
    fail(&err);
    return bad;
}

static Bench *release(Bench *b)
{
    Bench *next = b->next;
    measure_free(b->m);
    cellc_free(b->c);
    free(b->name);
    free(b);
    return next;
}

enum {
    NAME,
    SPEC,
    BACKEND,
    STEPS,
    BATCH,
    WIDTH,
    HIDDEN,
    THREADS,
    LANES,
    WORDS
};

static int load(Bench *b, char *const word[WORDS])
{
    RtError err = {0};
    b->name = strdup(word[NAME]);
    b->c = cellc_new(say, NULL);
    int bad =
        !b->name || !b->c || cellc_add_file(b->c, word[SPEC]) ||
        cellc_option(b->c, "n", word[HIDDEN]) ||
        cellc_dim(b->c, "m", atol(word[WIDTH])) ||
        cellc_set(b->c, "upstream", "h") || cellc_set(b->c, "loss", "0") ||
        cellc_set(b->c, "inputgrad", "1") ||
        cellc_set(b->c, "states", "0") ||
        cellc_set(b->c, "sequences", word[BATCH]) ||
        cellc_set(b->c, "threads", atol(word[LANES]) ? word[THREADS] : "1") ||
        cellc_set(b->c, "backend", word[BACKEND]);
    const CellDesc *d = bad ? NULL : cellc_jit(b->c);
    MeasureSetup set = {.T = atol(word[STEPS]),
                        .B = atol(word[BATCH]),
                        .threads = atoi(word[THREADS])};
    b->m = d ? measure_new(d, &set, &err) : NULL;
    fail(&err);
    return !b->m;
}

/* Prints how long it took; NULL after an error. */
static Bench *make(char *const word[WORDS])
{
    double from = measure_now();
    Bench *b = calloc(1, sizeof *b);
    if (b && !load(b, word)) {
        printf("ok %.2f\n", measure_now() - from);
        return b;
    }
    if (b)
        release(b);
    return NULL;
}

/* Where the one of that name hangs, or where none does. */
static Bench **find(Bench **all, const char *name)
{
    while (*all && strcmp((*all)->name, name) != 0)
        all = &(*all)->next;
    return all;
}

static int times(Bench *b, int steps)
{
    int bad = !b;
    for (double ms = 0; !bad && steps > 0; steps--) {
        bad = step(b, &ms);
        printf("%.4f%s", ms, steps > 1 ? " " : "\n");
    }
    return bad;
}

static int command(Bench **all, char *line)
{
    char *word[WORDS + 1] = {0}, *rest = line;
    int n = 0;
    while (n <= WORDS && (word[n] = strtok_r(rest, " \n", &rest)))
        n++;
    Bench **at = n > 1 ? find(all, word[1]) : NULL;
    if (n == 3 && !strcmp(word[0], "time"))
        return times(*at, atoi(word[2]));
    if (n == 2 && *at && !strcmp(word[0], "free")) {
        *at = release(*at);
        puts("ok");
        return 0;
    }
    Bench *b =
        n == WORDS + 1 && !strcmp(word[0], "load") ? make(word + 1) : NULL;
    if (b) {
        b->next = *all;
        *all = b;
    }
    return !b;
}

static int serve(void)
{
    char *line = NULL;
    size_t room = 0;
    Bench *all = NULL;
    int bad = 0;
    while (!bad && getline(&line, &room, stdin) > 0) {
        bad = command(&all, line);
        fflush(stdout);
    }
    if (bad)
        fprintf(stderr, "step: cannot do: %s\n", line);
    while (all)
        all = release(all);
    free(line);
    return bad;
}

/* The words of a `load` but for the name. */
static int once(char **argv)
{
    double ms;
    Bench *b = make(argv);
    int bad = !b || step(b, &ms);
    if (!bad)
        printf("step %.2f\n", ms);
    if (b)
        release(b);
    return bad;
}

/* Milliseconds that one run of the command takes, negative if it failed. */
static double run(char **command)
{
    double from = measure_now();
    int status = 1;
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stdout))
            execvp(command[0], command);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        return -1;
    return measure_now() - from;
}

static int start(int runs, char **command)
{
    double *ms = calloc((size_t)runs + 1, sizeof *ms);
    int bad = !ms;
    for (int i = -1; !bad && i < runs; i++) { /* one to warm up */
        ms[i < 0 ? 0 : i] = run(command);
        bad = ms[i < 0 ? 0 : i] < 0;
    }
    if (!bad) {
        MeasureTime t = measure_time(ms, runs);
        printf("%.1f %.1f\n", t.min, t.median);
    } else {
        fprintf(stderr, "step: cannot run %s\n", command[0]);
    }
    free(ms);
    return bad;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return serve();
    if (argc == 10 && !strcmp(argv[1], "once"))
        return once(argv + 1);
    if (argc > 3 && !strcmp(argv[1], "start") && atoi(argv[2]) > 0)
        return start(atoi(argv[2]), argv + 3);
    if (argc == 2 && !strcmp(argv[1], "peak"))
        return printf("%.1f\n", rt_peak(0.3)) < 0;
    fprintf(stderr, "usage: step [once SPEC BACKEND T B I H THREADS LANES | "
                    "start RUNS COMMAND... | peak]\n");
    return 2;
}
