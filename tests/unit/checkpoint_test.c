/* checkpoint.c, pairs.c: all that goes in comes out, the same content gives the
 * same bytes, and a damaged or foreign file is refused with its reason. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include "checkpoint.h"
#include "session.h"
#include "tiny.h"

static RtModel *model(uint64_t seed)
{
    RtError err = {0};
    RtModel *m = model_new(&tiny_plain, &err);
    assert_non_null(m);
    done(model_init(m, seed, NULL, &err), &err);
    return m;
}

static Checkpoint texts(void)
{
    RtError err = {0};
    Checkpoint c = {.carry_B = 2};
    c.spec = rt_printf("h = tanh(W @ x)\n# \"quoted\" and π\n");
    done(pairs_set(&c.options, "n", "64", &err), &err);
    done(pairs_set(&c.options, "layers", "2", &err), &err);
    done(pairs_set(&c.options, "n", "128", &err), &err);
    done(pairs_set(&c.vocabs, "chars", "{\"items\":[\"\\n\",\"a\"]}", &err),
         &err);
    done(pairs_set(&c.settings, "optimizer", "adam(lr = 0.002)", &err), &err);
    c.state = (FitState){.epoch = 3,
                         .batch = 17,
                         .step = 1234567890123,
                         .dealt = 1234567890999,
                         .start_step = 5,
                         .seed = UINT64_MAX - 1,
                         .nats = 0.1,
                         .count = 3,
                         .loss = 1e-300,
                         .weight = NAN,
                         .best = INFINITY,
                         .best_epoch = 2};
    return c;
}

static void same_state(const FitState *a, const FitState *b)
{
    assert_true(a->epoch == b->epoch && a->batch == b->batch);
    assert_true(a->step == b->step && a->start_step == b->start_step);
    assert_true(a->dealt == b->dealt && a->held == b->held);
    assert_true(a->held_weight == b->held_weight);
    assert_true(a->seed == b->seed && a->nats == b->nats);
    assert_true(a->count == b->count && a->loss == b->loss);
    assert_true(isnan(b->weight) && a->best == b->best);
    assert_true(a->best_epoch == b->best_epoch);
}

/* Writes a full checkpoint; with what it holds in the arguments. */
static void write_one(const char *path, RtModel *m, RtOptim *o, void **rows,
                      double *h, double *last)
{
    RtError err = {0};
    Checkpoint c = texts();
    for (int i = 0; i < 44; i++)
        ((double *)m->grads)[i] = sin(i);
    optim_step(o, 0.01);
    for (int i = 0; i < 2 * TINY_N; i++)
        h[i] = i / 3.;
    last[0] = 2;
    last[1] = 1;
    memset(rows, 0, TINY_TENSORS * sizeof *rows);
    rows[TINY_H] = h;
    rows[TINY_C] = last;
    CheckpointRun run = {.optim = o, .carry = rows};
    done(checkpoint_save(&c, m, &run, path, &err), &err);
    checkpoint_free(&c);
}

static void round_trip(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model(1), *n = model(2);
    RtOptim *o = optim_new(m, "nadam(0.01)", &err);
    RtOptim *p = optim_new(n, "nadam(0.5)", &err);
    void *rows[TINY_TENSORS];
    double h[2 * TINY_N], last[2], back[2 * TINY_N];
    write_one("a.safetensors", m, o, rows, h, last);

    Checkpoint c = {0}, want = texts();
    done(checkpoint_load(&c, "a.safetensors", &err), &err);
    assert_string_equal(c.name, "tiny");
    assert_string_equal(c.spec, want.spec);
    assert_int_equal(c.real_bytes, 8);
    assert_non_null(strstr(c.optimizer, "nadam(lr = 0.01, beta1 = 0.9"));
    assert_int_equal(c.options.n, 2);
    assert_string_equal(c.options.v[0].value, "128");
    assert_string_equal(pairs_get(&c.options, "layers"), "2");
    assert_string_equal(pairs_get(&c.vocabs, "chars"),
                        "{\"items\":[\"\\n\",\"a\"]}");
    assert_null(pairs_get(&c.dims, "m"));
    same_state(&want.state, &c.state);
    done(checkpoint_weights(&c, n, &err), &err);
    done(checkpoint_optim(&c, p, &err), &err);
    assert_memory_equal(m->params, n->params, 44 * sizeof(double));
    for (int k = 0; k < 2; k++)
        assert_memory_equal(o->slot[k], p->slot[k], 44 * sizeof(double));
    assert_true(p->step == 1 && p->memory == o->memory);
    assert_int_equal(c.carry_B, 2);
    done(checkpoint_carry(&c, &tiny_plain, TINY_H, back, &err), &err);
    assert_memory_equal(back, h, sizeof h);
    done(checkpoint_carry(&c, &tiny_plain, TINY_C, back, &err), &err);
    assert_memory_equal(back, last, sizeof last);

    /* What was loaded and is saved again is the same file. */
    memcpy(p->arg, o->arg, sizeof p->arg);
    CheckpointRun run = {.optim = p, .carry = rows};
    done(checkpoint_save(&c, n, &run, "b.safetensors", &err), &err);
    size_t na, nb;
    char *a = scratch_read("a.safetensors", &na);
    char *b = scratch_read("b.safetensors", &nb);
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, na);
    free(a);
    free(b);
    checkpoint_free(&c);
    checkpoint_free(&want);
    optim_free(o);
    optim_free(p);
    model_free(m);
    model_free(n);
}

static int try_load(const char *path, RtError *err)
{
    Checkpoint c = {0};
    int rc = checkpoint_load(&c, path, err);
    checkpoint_free(&c);
    return rc;
}

/* Cut anywhere, it is an error, never a crash. */
static void cut(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model(1);
    RtOptim *o = optim_new(m, "adam", &err);
    void *rows[TINY_TENSORS];
    double h[2 * TINY_N], last[2];
    size_t n;
    write_one("a.safetensors", m, o, rows, h, last);
    char *bytes = scratch_read("a.safetensors", &n);
    for (size_t k = 0; k < n; k += k < 16 ? 1 : 97) {
        scratch_write("cut.safetensors", bytes, k);
        refused(try_load("cut.safetensors", &err), &err, "cut.safetensors");
    }
    free(bytes);
    optim_free(o);
    model_free(m);
}

static void foreign(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model(1);
    SafeTensors st = {0};
    done(st_save(&st, "x.safetensors", &err), &err);
    refused(try_load("x.safetensors", &err), &err, "no checkpoint of cellc");
    done(st_add_text(&st, "cellc", "99", &err), &err);
    done(st_save(&st, "x.safetensors", &err), &err);
    refused(try_load("x.safetensors", &err), &err, "version 99");
    done(st_add_text(&st, "cellc", "1", &err), &err);
    done(st_add_text(&st, "model", "tiny", &err), &err);
    done(st_add_text(&st, "options", "[1]", &err), &err);
    done(st_save(&st, "x.safetensors", &err), &err);
    refused(try_load("x.safetensors", &err), &err, "\"options\"", "damaged");
    refused(try_load("none.safetensors", &err), &err, "none.safetensors");
    st_free(&st);

    RtOptim *o = optim_new(m, "adam", &err), *other = optim_new(m, "sgd", &err);
    void *rows[TINY_TENSORS];
    double h[2 * TINY_N], last[2];
    write_one("a.safetensors", m, o, rows, h, last);
    Checkpoint c = {0};
    done(checkpoint_load(&c, "a.safetensors", &err), &err);
    refused(checkpoint_optim(&c, other, &err), &err, "adam(lr = 0.001",
            "cannot go on with sgd");
    CellDesc few = tiny_plain;
    few.ntensor = 3;
    RtModel *n = model_new(&few, &err);
    refused(checkpoint_weights(&c, n, &err), &err, "a.safetensors",
            "no parameter V");
    refused(checkpoint_save(&c, m, NULL, "no/such/folder", &err), &err,
            "no/such/folder");
    checkpoint_free(&c);
    optim_free(o);
    optim_free(other);
    model_free(m);
    model_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip),
                                       cmocka_unit_test(cut),
                                       cmocka_unit_test(foreign)};
    return cmocka_run_group_tests_name("checkpoint", tests, scratch_enter,
                                       scratch_leave);
}
