/* Progress of training, see progress.h. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "progress.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a row has besides epoch, step and seconds. */
typedef struct Column {
    const char *name, *tag; /* in the log, in events */
    const char *format;
    int validation; /* known when an epoch ends */
} Column;

static const Column columns[] = {
    {"loss", "train/loss", "%.9g", 0},
    {"bits", "train/bits", "%.9g", 0},
    {"val_loss", "valid/loss", "%.9g", 1},
    {"val_bits", "valid/bits", "%.9g", 1},
    {"gradnorm", "train/gradnorm", "%.6g", 0},
    {"lr", "train/lr", "%.6g", 0},
    {"tokens_per_s", "train/tokens_per_s", "%.0f", 0},
};
enum { NCOLUMN = sizeof columns / sizeof *columns };

static const double every_terminal = 0.1, every_plain = 5; /* seconds */

double progress_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int log_failed(const Progress *p, int why, RtError *err)
{
    return rt_fail(err, "%s: cannot write the log: %s", p->log_path,
                   strerror(why));
}

int progress_open(Progress *p, const char *log, int append, const char *events,
                  RtError *err)
{
    p->shown = -INFINITY;
    p->events = events ? events_open(events, err) : NULL;
    if (events && !p->events)
        return -1;
    if (!log)
        return 0;
    p->log_path = rt_printf("%s", log);
    if (!p->log_path)
        return rt_fail_memory(err, strlen(log));
    p->log = fopen(log, append ? "a" : "w");
    if (!p->log)
        return log_failed(p, errno, err);
    if (fseek(p->log, 0, SEEK_END) == 0 && ftell(p->log) == 0) {
        fputs("epoch,step,seconds", p->log);
        for (int k = 0; k < NCOLUMN; k++)
            fprintf(p->log, ",%s", columns[k].name);
        for (int k = 0; k < p->nmetric; k++)
            fprintf(p->log, ",val_%s", p->metric[k]);
        fputc('\n', p->log);
    }
    return fflush(p->log) ? log_failed(p, errno, err) : 0;
}

static void put_field(FILE *f, double v, const char *format)
{
    fputc(',', f);
    if (!isnan(v))
        fprintf(f, format, v);
}

/* The numbers of a row in the order of `columns`. */
static void row_values(const ProgressRow *r, double v[NCOLUMN])
{
    const double bit = log(2);
    const double all[NCOLUMN] = {r->loss,           r->nats / bit, r->val_loss,
                                 r->val_nats / bit, r->gradnorm,   r->lr,
                                 r->tokens_per_s};

    memcpy(v, all, sizeof all);
}

static void log_events(Progress *p, const ProgressRow *r, int validated)
{
    double v[NCOLUMN];

    row_values(r, v);
    for (int k = 0; k < NCOLUMN; k++)
        if (!isnan(v[k]) && (validated || !columns[k].validation))
            events_scalar(p->events, columns[k].tag, r->step, v[k]);
    for (int k = 0; validated && k < p->nmetric; k++) {
        char *tag = rt_printf("valid/%s", p->metric[k]);
        if (tag && !isnan(r->metric[k]))
            events_scalar(p->events, tag, r->step, r->metric[k]);
        free(tag);
    }
    events_flush(p->events);
}

void progress_log(Progress *p, const ProgressRow *r, int validated)
{
    double v[NCOLUMN];

    if (p->events)
        log_events(p, r, validated);
    if (!p->log)
        return;
    row_values(r, v);
    fprintf(p->log, "%lld,%lld", (long long)r->epoch, (long long)r->step);
    put_field(p->log, r->seconds, "%.3f");
    for (int k = 0; k < NCOLUMN; k++)
        put_field(p->log, columns[k].validation && !validated ? NAN : v[k],
                  columns[k].format);
    for (int k = 0; k < p->nmetric; k++)
        put_field(p->log, validated ? r->metric[k] : NAN, "%.9g");
    fputc('\n', p->log);
    if (!fflush(p->log))
        return;
    p->log_error = errno;
    progress_note(p,
                  "warning: %s: cannot write the log: %s; training goes on "
                  "without it",
                  p->log_path, strerror(p->log_error));
    fclose(p->log);
    p->log = NULL;
}

/* Appends to a line of `room` bytes, cutting what does not fit. */
static void add(char *line, size_t room, const char *fmt, double v)
{
    size_t n = strlen(line);

    if (!isnan(v))
        snprintf(line + n, room - n, fmt, v);
}

static void add_metric(char *line, size_t room, const char *name, double v)
{
    size_t n = strlen(line);

    snprintf(line + n, room - n, "  %s %.4g", name, v);
}

static void add_left(char *line, size_t room, double left)
{
    size_t n = strlen(line);
    long s = left < 360000 ? lround(left) : 360000;

    if (isnan(left))
        return;
    if (s >= 3600)
        snprintf(line + n, room - n, "  %ldh%02ld left", s / 3600, s / 60 % 60);
    else
        snprintf(line + n, room - n, "  %ld:%02ld left", s / 60, s % 60);
}

void progress_show(Progress *p, const ProgressRow *r, int always)
{
    double gap = p->columns ? every_terminal : every_plain;
    char line[512] = "";

    if (!p->out || (!always && r->seconds - p->shown < gap))
        return;
    p->shown = r->seconds;
    snprintf(line, sizeof line,
             r->epochs ? "epoch %lld/%lld  " : "epoch %lld  ",
             (long long)r->epoch, (long long)r->epochs);
    add(line, sizeof line, "step %.0f", (double)r->step);
    add_left(line, sizeof line, r->left); /* a narrow terminal cuts the end */
    add(line, sizeof line, fabs(r->loss) < 1e6 ? "  loss %.4f" : "  loss %.4g",
        r->loss);
    if (!isnan(r->nats)) {
        add(line, sizeof line, "  ppl %.4g", exp(r->nats));
        add(line, sizeof line, "  bits %.4f", r->nats / log(2));
    }
    add(line, sizeof line, "  val %.4f", r->val_loss);
    add(line, sizeof line, " (%.4f bits)", r->val_nats / log(2));
    for (int k = 0; k < p->nmetric && !isnan(r->metric[k]); k++)
        add_metric(line, sizeof line, p->metric[k], r->metric[k]);
    add(line, sizeof line, "  grad %.3g", r->gradnorm);
    add(line, sizeof line, "  %.0f tok/s", r->tokens_per_s);
    if (p->columns) {
        fprintf(p->out, "\r%.*s\033[K", p->columns - 1, line);
        p->open = 1;
    } else {
        fprintf(p->out, "%s\n", line);
    }
    fflush(p->out);
}

static void finish_line(Progress *p)
{
    if (p->out && p->open)
        fputc('\n', p->out);
    p->open = 0;
}

void progress_note(Progress *p, const char *fmt, ...)
{
    va_list ap;

    if (!p->out)
        return;
    finish_line(p);
    va_start(ap, fmt);
    vfprintf(p->out, fmt, ap);
    va_end(ap);
    fputc('\n', p->out);
    fflush(p->out);
}

int progress_close(Progress *p, RtError *err)
{
    int rc = 0;

    finish_line(p);
    if (p->log && fclose(p->log) != 0)
        p->log_error = errno;
    if (p->log_error)
        rc = log_failed(p, p->log_error, err);
    if (events_close(p->events, rc ? NULL : err))
        rc = -1;
    p->events = NULL;
    p->log = NULL;
    free(p->log_path);
    p->log_path = NULL;
    return rc;
}
