/* pace.c, progress.c: time left on runs whose times are made up, and a log that
 * can no longer be written. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <math.h>

#include "pace.h"
#include "progress.h"

/* Runs `epochs` of `per` batches and an end; the estimate at each batch from
 * `first` on must be within `share` of what it really takes. */
static void run(int epochs, int per, double (*batch)(int k), double end,
                int first, double share)
{
    double now = 100, all = 100;
    Pace p;
    for (int k = 0; k < epochs * per; k++)
        all += batch(k) + (k % per == per - 1 ? end : 0);
    pace_begin(&p, now);
    for (int k = 0; k < epochs * per; k++) {
        now += batch(k);
        pace_batch(&p, now);
        double left =
            pace_left(&p, epochs * per - k - 1, epochs - k / per, 10 * end);
        if (k >= first && all - now > 2 &&
            fabs(left - (all - now)) > share * (all - now))
            fail_msg("batch %d: %g left, in truth %g", k, left, all - now);
        if (k % per == per - 1)
            pace_end(&p, now += end);
    }
    assert_true(fabs(pace_left(&p, 0, 0, 0)) < 1e-9);
}

static double steady(int k)
{
    return k ? 0.1 : 2; /* the first one makes room */
}

static double jitter(int k)
{
    return 0.1 + 0.05 * sin(k * 2.3);
}

static double slower(int k)
{
    return k < 1000 ? 0.1 : 0.2; /* another program has begun */
}

static void left(void **state)
{
    (void)state;
    Pace p;
    pace_begin(&p, 5);
    assert_true(isnan(pace_left(&p, 10, 1, 1)));
    pace_batch(&p, 7);
    assert_true(isnan(pace_left(&p, 10, 1, 1)));
    run(20, 100, steady, 1, 1, 0.1);
    run(20, 100, jitter, 1, 3, 0.2);
    run(1, 1000, steady, 5, 1, 0.2);
    run(3000, 1, steady, 0.5, 2, 0.1);
    /* A minute after the pace has changed it is known. */
    double now = 0;
    pace_begin(&p, now);
    for (int k = 0; k < 1300; k++)
        pace_batch(&p, now += slower(k));
    assert_true(fabs(pace_left(&p, 100, 0, 0) - 20) < 3);
}

static void log_is_full(void **state)
{
    (void)state;
    RtError err = {0};
    static const char *const names[] = {"accuracy", "error"};
    double metric[] = {0.5, NAN};
    ProgressRow row = {.epoch = 1,
                       .step = 7,
                       .loss = 1.5,
                       .nats = NAN,
                       .val_loss = 2,
                       .val_nats = NAN,
                       .left = 61,
                       .metric = metric};
    size_t n;
    Progress p = {.out = fopen("out.txt", "w"), .metric = names, .nmetric = 2};
    done(progress_open(&p, "log.csv", 0, NULL, &err), &err);
    progress_log(&p, &row, 1);
    progress_show(&p, &row, 1);
    p.log = freopen("/dev/full", "w", p.log);
    assert_non_null(p.log);
    progress_log(&p, &row, 1);
    assert_null(p.log);
    progress_log(&p, &row, 1);
    refused(progress_close(&p, &err), &err, "log.csv: cannot write the log");
    fclose(p.out);
    char *log = scratch_read("log.csv", &n);
    assert_non_null(strstr(log, ",tokens_per_s,val_accuracy,val_error\n"
                                "1,7,0.000,1.5,,2,,0,0,0,0.5,\n"));
    free(log);
    char *out = scratch_read("out.txt", &n);
    assert_non_null(strstr(out, "loss 1.5000  val 2.0000  accuracy 0.5  grad"));
    assert_non_null(strstr(out, "1:01 left"));
    assert_non_null(strstr(out, "training goes on without it\n"));
    free(out);
    refused(progress_open(&p, "/dev/full", 0, NULL, &err), &err, "/dev/full");
    progress_close(&p, NULL);
}

/* CRC-32C of "123456789" is e3069283 by its definition. */
static void checksums(void **state)
{
    (void)state;
    uint32_t crc = 0xe3069283;
    assert_true(events_checksum("123456789", 9) ==
                (crc >> 15 | crc << 17) + 0xa282ead8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(left),
                                       cmocka_unit_test(log_is_full),
                                       cmocka_unit_test(checksums)};
    return cmocka_run_group_tests_name("progress", tests, scratch_enter,
                                       scratch_leave);
}
