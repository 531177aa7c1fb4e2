/* session.c, sessionio.c, team.c: layouts, padding, class numbers, noise, and
 * that chunks with carried state give what one piece gives. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include "session.h"
#include "tiny.h"

static RtModel *model(const CellDesc *d)
{
    RtError err = {0};
    RtModel *m = model_new(d, &err);
    assert_non_null(m);
    done(model_init(m, 7, NULL, &err), &err);
    return m;
}

static void set_classes(RtSession *s, const int64_t *c)
{
    RtError err = {0};
    int64_t dim[2] = {s->n[CELL_AT_T], s->n[CELL_AT_B]}, data[64];
    memcpy(data, c, (size_t)(dim[0] * dim[1]) * sizeof *c);
    Npy a = {NPY_I8, 2, dim, dim[0] * dim[1], data};
    done(session_set_npy(s, TINY_C, &a, 0, &err), &err);
}

static void gradient(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model(&tiny_plain);
    RtSession *s = session_new(m, &err);
    int64_t c[] = {0, 1, 2, 1, 1, 0, 2, 2, 0, 1}, length[] = {5, 3};
    double g[16], v[16], h = 1e-6;
    done(session_begin(s, 5, 2, 1, &err), &err);
    set_classes(s, c);
    done(session_lengths(s, 0, length, &err), &err);
    done(session_forward(s, &err), &err);
    done(session_backward(s, &err), &err);
    for (int i = TINY_E; i <= TINY_V; i++) {
        int64_t n = model_size(&tiny_table[i]);
        model_get_grad(m, i, g);
        model_get(m, i, v);
        for (int64_t k = 0; k < n; k++) {
            double x = v[k], up, down;
            v[k] = x + h;
            done(model_set(m, i, v, &err), &err);
            done(session_forward(s, &err), &err);
            up = session_loss(s);
            v[k] = x - h;
            done(model_set(m, i, v, &err), &err);
            done(session_forward(s, &err), &err);
            down = session_loss(s);
            v[k] = x;
            done(model_set(m, i, v, &err), &err);
            assert_true(fabs((up - down) / (2 * h) - g[k]) < 1e-8);
        }
    }
    session_free(s);
    model_free(m);
}

/* Loss over T = 6 in one piece against chunks of 2 and 4 with TOTAL; also a
 * sequence that ends inside the first chunk, so that rows are carried from
 * before it. */
static void chunks(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model(&tiny_plain);
    RtSession *s = session_new(m, &err), *q = session_new(m, &err);
    int64_t c[] = {0, 1, 1, 2, 2, 2, 0, 0, 1, 2, 2, 1};
    int64_t length[] = {6, 3}, cut[] = {0, 2, 6};
    double p[36], part[48];
    done(session_begin(s, 6, 2, 1, &err), &err);
    set_classes(s, c);
    done(session_lengths(s, 0, length, &err), &err);
    done(session_forward(s, &err), &err);
    session_get(s, TINY_P, 0, p);
    for (int k = 3; k < 6; k++)
        for (int j = 0; j < TINY_K; j++)
            assert_true(p[(k * 2 + 1) * TINY_K + j] == 0);
    double sum = 0;
    for (int k = 0; k < 2; k++) {
        int64_t from = cut[k], T = cut[k + 1] - from, n[2];
        for (int b = 0; b < 2; b++) {
            n[b] = length[b] - from;
            n[b] = n[b] < 0 ? 0 : n[b] > T ? T : n[b];
        }
        done(session_begin(q, T, 2, k == 0, &err), &err);
        set_classes(q, c + from * 2);
        done(session_lengths(q, 0, n, &err), &err);
        session_total(q, length);
        done(session_forward(q, &err), &err);
        done(session_carry(q, q->n[CELL_AT_T], &err), &err);
        session_get(q, TINY_P, 0, part);
        for (int64_t i = 0; i < T * 2 * TINY_K; i++)
            assert_true(part[i] == p[from * 2 * TINY_K + i]);
        sum += session_loss(q);
    }
    assert_true(fabs(sum - session_loss(s)) < 1e-15);
    /* The sequence of length 3 ended in step 1 of the second chunk. */
    session_get(s, TINY_H, 0, part);
    for (int i = 0; i < TINY_N; i++)
        assert_true(((double *)q->carry[TINY_H])[TINY_N + i] ==
                    part[(2 * 2 + 1) * TINY_N + i]);
    assert_true(((double *)q->carry[TINY_C])[1] == 2);
    refused(session_begin(q, 2, 3, 0, &err), &err, "3 sequences", "of 2");
    session_free(s);
    session_free(q);
    model_free(m);
}

static void inputs(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model(&tiny_plain);
    RtSession *s = session_new(m, &err);
    int64_t dim[2] = {2, 3}, length[] = {3, 1}, bad[] = {4, 1};
    double v[6] = {0, 1, 2, 2, NAN, -100}, back[6];
    Npy a = {NPY_F8, 2, dim, 6, v};
    done(session_begin(s, 3, 2, 1, &err), &err);
    refused(session_forward(s, &err), &err, "input c", "not given");
    refused(session_set_npy(s, TINY_C, &a, 0, &err), &err, "[2,3]", "[3,2]",
            "time, batch");
    done(session_set_npy(s, TINY_C, &a, 1, &err), &err);
    refused(session_lengths(s, 0, bad, &err), &err, "sequence 1", "4",
            "3 steps");
    /* What is beyond the length may be anything. */
    done(session_lengths(s, 0, length, &err), &err);
    done(session_forward(s, &err), &err);
    session_get(s, TINY_C, 1, back);
    double want[6] = {0, 1, 2, 2, 0, 0};
    assert_memory_equal(back, want, sizeof want);
    length[1] = 2;
    done(session_lengths(s, 0, length, &err), &err);
    done(session_set_npy(s, TINY_C, &a, 1, &err), &err);
    refused(session_forward(s, &err), &err, "c: nan at step 2 of sequence 2",
            "0 to 2");
    v[4] = 3;
    done(session_set_npy(s, TINY_C, &a, 1, &err), &err);
    refused(session_forward(s, &err), &err, "c: 3 at step 2 of sequence 2");
    refused(session_begin(s, 0, 2, 1, &err), &err, "0 steps");
    session_free(s);
    model_free(m);
}

/* Every layout, in float: [T,B,2], [B,2], [T], and rows of a name read two
 * steps back, carried over chunks that are shorter than that. */
static void layouts(void **state)
{
    (void)state;
    RtError err = {0};
    static const CellTensor table[] = {
        {.name = "x",
         .role = CELL_INPUT,
         .axes = CELL_T | CELL_B,
         .rank = 1,
         .dim = {2},
         .lag = 2,
         .at = {.by[CELL_B] = 4},
         .of = -1},
        {.name = "s",
         .role = CELL_INPUT,
         .axes = CELL_B,
         .rank = 1,
         .dim = {2},
         .at = {.by = {[CELL_B] = 4, [CELL_T | CELL_B] = 2}},
         .of = -1},
        {.name = "u",
         .role = CELL_INPUT,
         .axes = CELL_T,
         .at = {.by = {[CELL_B] = 6, [CELL_T | CELL_B] = 2}},
         .of = -1}};
    CellDesc d = tiny_plain;
    d.real_bytes = 4;
    d.tensor = table;
    d.ntensor = 3;
    d.work_size =
        (CellSize){.by = {[CELL_T] = 1, [CELL_B] = 6, [CELL_T | CELL_B] = 2}};
    RtModel *m = model_new(&d, &err);
    RtSession *s = session_new(m, &err);
    double x[12], back[12], rest[4] = {1, 2, 3, 4};
    for (int i = 0; i < 12; i++)
        x[i] = i + 1;
    int64_t whole[] = {2, 3, 2}, part[] = {2, 2}, length[] = {1, 3};
    Npy a = {NPY_F8, 3, whole, 12, x}, b = {NPY_F8, 2, part, 4, rest};
    done(session_begin(s, 3, 2, 1, &err), &err);
    done(session_set_npy(s, 0, &a, 1, &err), &err);
    done(session_set_npy(s, 1, &b, 1, &err), &err);
    session_set(s, 2, x);
    assert_true(((float *)session_place(s, 0))[2] == 7);
    session_get(s, 0, 1, back);
    assert_memory_equal(back, x, sizeof x);
    session_get(s, 1, 1, back);
    assert_memory_equal(back, rest, sizeof rest);
    session_get(s, 2, 1, back);
    assert_memory_equal(back, x, 3 * sizeof *x);
    done(session_lengths(s, 0, length, &err), &err);
    session_get(s, 0, 1, back);
    assert_true(back[1] == 2 && back[2] == 0 && back[5] == 0 && back[6] == 7);

    /* Steps 2 and 3 of the second sequence, 0 and 1 of the first. */
    float want[] = {0, 0, 9, 10, 1, 2, 11, 12}, next[] = {1, 2, 11, 12};
    memset((float *)session_place(s, 0) - 8, 0, 8 * sizeof(float));
    done(session_carry(s, s->n[CELL_AT_T], &err), &err);
    assert_memory_equal(s->carry[0], want, sizeof want);
    done(session_begin(s, 1, 2, 0, &err), &err);
    assert_memory_equal((float *)session_place(s, 0) - 8, want, sizeof want);
    session_set(s, 0, rest);
    done(session_carry(s, s->n[CELL_AT_T], &err), &err);
    assert_memory_equal(s->carry[0], next, sizeof next);
    session_free(s);
    model_free(m);
}

static void noise(void **state)
{
    (void)state;
    RtError err = {0};
    RtModel *m = model(&tiny_train);
    RtSession *s = session_new(m, &err);
    double all[128], part[128], other[128], mean = 0;
    done(session_begin(s, 4, 8, 1, &err), &err);
    s->seed = 3;
    s->step = 5;
    done(session_noise(s, &err), &err);
    session_get(s, TINY_Z, 0, all);
    for (int i = 0; i < 128; i++)
        mean += all[i] / 128;
    assert_true(mean > 0.3 && mean < 0.7);
    s->step = 6;
    done(session_noise(s, &err), &err);
    session_get(s, TINY_Z, 0, other);
    assert_true(memcmp(all, other, sizeof all) != 0);
    /* The last three rows alone. */
    done(session_begin(s, 4, 3, 1, &err), &err);
    s->step = 5;
    s->row0 = 5;
    s->rows = 8;
    done(session_noise(s, &err), &err);
    session_get(s, TINY_Z, 0, part);
    for (int t = 0; t < 4; t++)
        assert_memory_equal(part + t * 3 * TINY_N, all + (t * 8 + 5) * TINY_N,
                            3 * TINY_N * sizeof *all);
    session_free(s);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient), cmocka_unit_test(chunks),
        cmocka_unit_test(inputs), cmocka_unit_test(layouts),
        cmocka_unit_test(noise)};
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
