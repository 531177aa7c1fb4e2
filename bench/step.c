/* Times training steps of specs, as a client of the public C interface: a model
 * is compiled in process, given arrays of fixed random numbers, and run forward
 * and backward, the gradients of its inputs included.  What flows into the
 * output `h` is an array too.
 *     step                             commands from standard input, below
 *     step once SPEC BACKEND T B I H   one gradient, for start.sh
 *     step start RUNS COMMAND...       time from process start to end
 * Commands, answered by a line each:
 *     load NAME SPEC BACKEND T B I H   ok MS (to compile)
 *     time NAME STEPS                  MS of each step
 * H is the option `n`, I the size of the input's dim `m`. */
#define _POSIX_C_SOURCE 200809L
#include "../compiler/cellc.h"
#include "../runtime/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct Bench {
    char *name;
    Cellc *c;
    RtModel *m;
    RtSession *s;
    long T, B;
    struct Bench *next;
} Bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

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

/* Every input filled with numbers in -1..1, the same in every run. */
static void fill(Bench *b)
{
    const CellDesc *d = b->m->desc;
    uint64_t x = 1;
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        float *to = session_place(b->s, i);
        for (int64_t k = session_count(b->s, i); k > 0; k--) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            *to++ = (float)(x >> 40) / (1 << 23) - 1;
        }
    }
}

static int step(Bench *b, double *ms)
{
    RtError err = {0};
    int bad = session_begin(b->s, b->T, b->B, 1, &err);
    if (!bad) {
        fill(b);
        double from = now();
        bad = session_forward(b->s, &err) || session_backward(b->s, &err);
        *ms = now() - from;
    }
    fail(&err);
    return bad;
}

static Bench *release(Bench *b)
{
    Bench *next = b->next;
    session_free(b->s);
    model_free(b->m);
    cellc_free(b->c);
    free(b->name);
    free(b);
    return next;
}

enum { NAME, SPEC, BACKEND, STEPS, BATCH, WIDTH, HIDDEN, WORDS };

static int load(Bench *b, char *const word[WORDS])
{
    RtError err = {0};
    b->name = strdup(word[NAME]);
    b->T = atol(word[STEPS]);
    b->B = atol(word[BATCH]);
    b->c = cellc_new(say, NULL);
    int bad = !b->name || !b->c || cellc_add_file(b->c, word[SPEC]) ||
              cellc_option(b->c, "n", word[HIDDEN]) ||
              cellc_dim(b->c, "m", atol(word[WIDTH])) ||
              cellc_set(b->c, "upstream", "h") ||
              cellc_set(b->c, "inputgrad", "1") ||
              cellc_set(b->c, "backend", word[BACKEND]);
    const CellDesc *d = bad ? NULL : cellc_jit(b->c);
    b->m = d ? model_new(d, &err) : NULL;
    b->s = b->m ? session_new(b->m, &err) : NULL;
    bad = !b->s || model_init(b->m, 1, NULL, &err);
    fail(&err);
    return bad;
}

/* Prints how long it took; NULL after an error. */
static Bench *make(char *const word[WORDS])
{
    double from = now();
    Bench *b = calloc(1, sizeof *b);
    if (b && !load(b, word)) {
        printf("ok %.2f\n", now() - from);
        return b;
    }
    if (b)
        release(b);
    return NULL;
}

static int times(Bench *b, const char *name, int steps)
{
    while (b && strcmp(b->name, name) != 0)
        b = b->next;
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
    if (n == 3 && !strcmp(word[0], "time"))
        return times(*all, word[1], atoi(word[2]));
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

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Milliseconds that one run of the command takes, negative if it failed. */
static double run(char **command)
{
    double from = now();
    int status = 1;
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stdout))
            execvp(command[0], command);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        return -1;
    return now() - from;
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
        qsort(ms, (size_t)runs, sizeof *ms, by_value);
        printf("%.1f %.1f\n", ms[0], ms[runs / 2]);
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
    if (argc == 8 && !strcmp(argv[1], "once"))
        return once(argv + 1);
    if (argc > 3 && !strcmp(argv[1], "start") && atoi(argv[2]) > 0)
        return start(atoi(argv[2]), argv + 3);
    fprintf(stderr, "usage: step [once SPEC BACKEND T B I H | start RUNS "
                    "COMMAND...]\n");
    return 2;
}
