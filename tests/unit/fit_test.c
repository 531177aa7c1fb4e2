/* fit.c, evaluate.c, team.c, progress.c: it learns, threads and interruptions
 * change nothing that they should not, and mistakes are explained. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <pthread.h>

#include "evaluate.h"
#include "fit.h"
#include "fields.h"
#include "tiny.h"

/* Classes with a pattern: mostly the one after the one before. */
static RtData stream(int n)
{
    RtError err = {0};
    RtData d = {0};
    int32_t *ids = malloc((size_t)n * sizeof *ids);
    uint32_t r = 1;
    for (int i = 0; i < n; i++) {
        r = r * 1664525u + 1013904223u;
        ids[i] = (i ? ids[i - 1] + 1 + (r >> 24 > 200) : 0) % TINY_K;
    }
    done(add_ids(&d, "c", ids, n, TINY_K, &err), &err);
    done(data_finish(&d, &err), &err);
    free(ids);
    return d;
}

/* Ten sequences of 1 to 6 steps. */
static RtData ragged(void)
{
    RtError err = {0};
    RtData d = {0};
    double len[10], c[60] = {0};
    int64_t dim[] = {10, 6}, n = 10;
    for (int i = 0; i < 10; i++) {
        len[i] = 1 + i * 5 % 6;
        for (int t = 0; t < 6; t++)
            c[i * 6 + t] = t < len[i] ? (i + t) % TINY_K : 0;
    }
    int64_t ci[60], li[10];
    for (int i = 0; i < 60; i++)
        ci[i] = (int64_t)c[i];
    for (int i = 0; i < 10; i++)
        li[i] = (int64_t)len[i];
    done(npy_write("c.npy", NPY_I8, 2, dim, ci, &err), &err);
    done(npy_write("len.npy", NPY_I8, 1, &n, li, &err), &err);
    RtWant want = {
        .name = "c", .is_index = 1, .observed = 1, .classes = TINY_K};
    done(data_add_array(&d, &want, "c.npy", NULL, 0, &err), &err);
    done(add_lengths(&d, 0, "len.npy", &err), &err);
    done(data_finish(&d, &err), &err);
    return d;
}

static RtModel *model(const CellDesc *d)
{
    RtError err = {0};
    RtModel *m = model_new(d, &err);
    assert_non_null(m);
    done(model_init(m, 7, NULL, &err), &err);
    return m;
}

static FitSetup setup(RtModel *m, const RtData *d)
{
    FitSetup f = {.model = m,
                  .data = d,
                  .optimizer = "adam(lr = 0.02)",
                  .clip = "norm(1)",
                  .epochs = 3,
                  .seed = 9};
    f.feed = (RtFeedOptions){.to = 0.9, .batch = 5, .chunk = 7, .streams = 1};
    f.valid = d;
    f.validfeed = f.feed;
    f.validfeed.from = 0.9;
    f.validfeed.to = 1;
    f.validfeed.batch = 1;
    return f;
}

static void same_file(const char *a, const char *b)
{
    size_t na, nb;
    char *x = scratch_read(a, &na), *y = scratch_read(b, &nb);
    assert_int_equal(na, nb);
    assert_memory_equal(x, y, na);
    free(x);
    free(y);
}

static void learns(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = stream(2000);
    RtModel *m = model(&tiny_plain);
    FitSetup f = setup(m, &d);
    FitResult r;
    f.epochs = 12;
    f.log = "log.csv";
    f.log_every = 20;
    f.save = "m.safetensors";
    f.out = fopen("out.txt", "w");
    done(fit_run(&f, &r, &err), &err);
    fclose(f.out);
    /* The source has 0.5206 nats per step. */
    assert_true(r.nats < 0.56 && r.val_nats < 0.58 && r.val_nats > 0.45);
    assert_true(r.epochs == 12 && r.steps == 12 * 52 && !r.interrupted);
    assert_true(r.loss > 0.4 && fabs(r.loss - r.nats) < 0.05);
    size_t n;
    char *log = scratch_read("log.csv", &n);
    const char *head = "epoch,step,seconds,loss,bits,val_loss,val_bits,"
                       "gradnorm,lr,tokens_per_s,val_hits\n1,20,";
    assert_memory_equal(log, head, strlen(head));
    int lines = 0, commas = 0;
    for (size_t i = 0; i < n; i++) {
        lines += log[i] == '\n';
        commas += log[i] == ',';
    }
    /* 31 multiples of 20, two of them at the end of an epoch. */
    assert_int_equal(lines, 1 + 12 + 29);
    assert_int_equal(commas, lines * 10);
    free(log);
    char *out = scratch_read("out.txt", &n);
    assert_non_null(strstr(out, "epoch 1/12  step 1  loss"));
    assert_null(strchr(out, '\r'));
    free(out);
    model_free(m);
    data_free(&d);
}

static volatile sig_atomic_t stop;
static int stop_after;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The model with a switch that goes off after some forwards. */
static int interrupting(const void *p, void *g, void *w, const int64_t *n)
{
    pthread_mutex_lock(&lock);
    stop = stop_after > 0 && --stop_after == 0 ? 1 : stop;
    pthread_mutex_unlock(&lock);
    return tiny_train.forward(p, g, w, n);
}

static void interruption(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = stream(600);
    CellDesc desc = tiny_train;
    desc.forward = interrupting;
    int at[] = {1, 7, 15, 16, 17, 18, 20, 31};
    for (int threads = 1; threads <= 2; threads++) {
        RtModel *m = model(&tiny_train), *v = model(&tiny_plain);
        FitSetup f = setup(m, &d);
        FitResult r;
        f.validator = v;
        f.threads = threads;
        if (threads == 2) {
            f.accumulate = 3;
            f.ema = 0.9;
            f.noise = "0.1";
        }
        f.stop = &stop;
        f.log_every = 4;
        f.save = "whole.safetensors";
        stop = 0;
        done(fit_run(&f, &r, &err), &err);
        for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
            RtModel *a = model(&desc), *b = model(&tiny_train);
            Checkpoint c = {0};
            stop_after = at[k] * threads;
            stop = 0;
            f.model = a;
            f.save = "part.safetensors";
            done(fit_run(&f, &r, &err), &err);
            assert_true(r.interrupted);
            stop = 0;
            done(checkpoint_load(&c, "part.safetensors", &err), &err);
            f.model = b;
            f.resume = &c;
            done(fit_run(&f, &r, &err), &err);
            assert_true(!r.interrupted && r.epochs == 3);
            same_file("whole.safetensors", "part.safetensors");
            f.resume = NULL;
            checkpoint_free(&c);
            model_free(a);
            model_free(b);
        }
        model_free(m);
        model_free(v);
    }
    data_free(&d);
}

/* Gradients, losses and metrics over several threads, and of some sequences at
 * a time, are those of one, in a batch of sequences of different lengths. */
static void threads(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = ragged();
    RtFeedOptions o = {.to = 1, .batch = 10};
    RtFeed *feed = feed_open(&d, &o, &err);
    const RtField **from = evaluate_bind(&tiny_train, &d, &err);
    RtBatch batch;
    double want[44], loss = 0;
    done(feed_batch(feed, 0, 0, &batch, &err), &err);
    for (int k = 0; k < 16; k++) {
        const int n = (const int[]){1, 2, 7, 12}[k % 4];
        const int rows = (const int[]){0, 1, 3, 4}[k / 4];
        RtModel *m = model(&tiny_train);
        RtTeam *team = team_new(m, n, &err);
        RtTally tally = {0};
        TeamJob job = {.feed = feed,
                       .from = from,
                       .batch = &batch,
                       .backward = 1,
                       .training = 1,
                       .rows = rows,
                       .seed = 3,
                       .step = 4};
        done(team_run(team, &job, &err), &err);
        done(tally_add(&tally, team, &err), &err);
        assert_true(tally.count == 37 && tally.over[0] == 10);
        const double *g = m->grads;
        for (int i = 0; i < 44; i++) {
            want[i] = k == 0 ? g[i] : want[i];
            assert_true(fabs(g[i] - want[i]) < 1e-15);
        }
        loss = k == 0 ? team_loss(team) : loss;
        assert_true(fabs(team_loss(team) - loss) < 1e-14);
        assert_int_equal(team_count(team), n < 10 ? n : 10);
        tally_free(&tally);
        team_free(team);
        model_free(m);
    }
    free(from);
    feed_free(feed);
    data_free(&d);
}

/* Batches added up take the steps of one batch of them all, the last one of an
 * epoch being smaller; with several threads too. */
static void accumulation(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = ragged();
    for (int threads = 1; threads <= 2; threads++) {
        RtModel *m = model(&tiny_plain), *n = model(&tiny_plain);
        FitSetup f = {.model = m,
                      .data = &d,
                      .optimizer = "sgd(0.1)",
                      .epochs = 4,
                      .threads = threads};
        FitResult r;
        f.feed = (RtFeedOptions){.to = 1, .batch = 6, .shuffle = 1};
        done(fit_run(&f, &r, &err), &err);
        assert_true(r.steps == 8);
        f.feed.batch = 2;
        f.accumulate = 3;
        f.model = n;
        done(fit_run(&f, &r, &err), &err);
        assert_true(r.steps == 8);
        for (int i = 0; i < 44; i++)
            assert_true(fabs(((double *)m->params)[i] -
                             ((double *)n->params)[i]) < 1e-13);
        model_free(m);
        model_free(n);
    }
    data_free(&d);
}

/* The average that is saved, beside the weights, is that of its formula. */
static void averages(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = stream(600);
    double want[44];
    RtModel *m = model(&tiny_plain), *n = model(&tiny_plain);
    memcpy(want, m->params, sizeof want);
    for (int k = 1; k <= 5; k++) {
        FitSetup f = setup(m, &d);
        FitResult r;
        model_free(m);
        m = f.model = model(&tiny_plain);
        f.steps = k;
        f.ema = 0.4;
        f.save = "average.safetensors";
        done(fit_run(&f, &r, &err), &err);
        double decay = fmin(0.4, (1. + k) / (10. + k));
        for (int i = 0; i < 44; i++)
            want[i] += (1 - decay) * (((double *)m->params)[i] - want[i]);
    }
    Checkpoint c = {0};
    done(checkpoint_load(&c, "average.safetensors", &err), &err);
    done(checkpoint_weights(&c, n, &err), &err);
    for (int i = 0; i < 44; i++)
        assert_true(fabs(((double *)n->params)[i] - want[i]) < 1e-14);
    assert_int_equal(
        checkpoint_block(&c, &tiny_plain, "trained", n->params, &err), 1);
    assert_memory_equal(n->params, m->params, sizeof want);
    assert_int_equal(checkpoint_block(&c, &tiny_plain, "held", n->params, &err),
                     0);
    checkpoint_free(&c);
    model_free(m);
    model_free(n);
    data_free(&d);
}

static void limits(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = stream(600);
    RtModel *m = model(&tiny_plain);
    FitSetup f = setup(m, &d);
    FitResult r;
    f.epochs = 0;
    f.steps = 20;
    f.save = "s.safetensors";
    f.best = "best.safetensors";
    done(fit_run(&f, &r, &err), &err);
    assert_true(r.steps == 20 && r.epochs == 1 && !isnan(r.val_nats));
    Checkpoint c = {0}, best = {0};
    done(checkpoint_load(&c, "s.safetensors", &err), &err);
    done(checkpoint_load(&best, "best.safetensors", &err), &err);
    assert_true(c.state.batch == 4 && c.carry_B == 5);
    f.steps = 40;
    f.resume = &c;
    done(fit_run(&f, &r, &err), &err);
    assert_true(r.steps == 40);
    checkpoint_free(&c);
    checkpoint_free(&best);
    f.resume = NULL;
    f.steps = 0;
    f.epochs = 1000;
    f.patience = 3;
    f.optimizer = "sgd(0)";
    done(fit_run(&f, &r, &err), &err);
    assert_true(r.epochs == 4);
    f.seconds = 0.05;
    f.patience = 0;
    f.epochs = 0;
    done(fit_run(&f, &r, &err), &err);
    assert_true(r.seconds < 5 && r.steps > 0);
    model_free(m);
    data_free(&d);
}

static void mistakes(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = stream(600), none = {0}, other = {0};
    RtModel *m = model(&tiny_plain);
    FitSetup f = setup(m, &d);
    FitResult r;
    f.optimizer = "sgd(1e300)";
    f.clip = NULL;
    refused(fit_run(&f, &r, &err), &err, "diverged at update", "1e+300",
            "norm(1)");
    f.optimizer = "sgd";
    done(model_init(m, 7, NULL, &err), &err);
    f.clip = "nrm(1)";
    refused(fit_run(&f, &r, &err), &err, "did you mean norm");
    f.clip = NULL;
    f.save = "no/such/folder";
    refused(fit_run(&f, &r, &err), &err, "no/such/folder");
    f.save = NULL;
    f.log = "no/such/log";
    refused(fit_run(&f, &r, &err), &err, "no/such/log");
    f.log = NULL;
    f.data = &none;
    refused(fit_run(&f, &r, &err), &err, "nothing for input c");
    int32_t ids[] = {0, 7, 1};
    done(add_ids(&other, "c", ids, 3, 8, &err), &err);
    f.data = &other;
    refused(fit_run(&f, &r, &err), &err, "8 chars for input c", "made for 3");
    CellDesc desc = tiny_plain;
    desc.backward = NULL;
    RtModel *flat = model(&desc);
    f.model = flat;
    refused(fit_run(&f, &r, &err), &err, "no loss");
    model_free(m);
    model_free(flat);
    data_free(&d);
    data_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns),   cmocka_unit_test(interruption),
        cmocka_unit_test(threads),  cmocka_unit_test(accumulation),
        cmocka_unit_test(averages), cmocka_unit_test(limits),
        cmocka_unit_test(mistakes)};
    return cmocka_run_group_tests_name("fit", tests, scratch_enter,
                                       scratch_leave);
}
