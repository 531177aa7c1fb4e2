/* data.c and feed.c: fields from arrays, tables and texts; streams, windows and
 * sequences; that a position means the same batch however it is reached; and
 * messages for data that do not fit. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <math.h>

#include "fields.h"

static const RtWant x2 = {.name = "x", .rank = 1, .dim = {2}};
static const RtWant xm = {.name = "x", .rank = 1, .dim = {-1}};
static const RtWant x1 = {.name = "x", .rank = 0};
static const RtWant s1 = {.name = "s", .rank = 0, .is_static = 1};
static const RtWant y3 = {.name = "y", .is_index = 1, .classes = 3};
static const RtWant yo = {.name = "y", .is_index = 1, .observed = 1};

static void save(const char *path, NpyType type, int rank, const int64_t *dim,
                 const void *v)
{
    RtError err = {0};
    done(npy_write(path, type, rank, dim, v, &err), &err);
}

/* x.npy: [N,T,2] of 100 n + 10 t + k as f4; y.npy: [N,T] of t % 3; s.npy: [N];
 * len.npy: T, T-1, ... */
static void save_set(int64_t N, int64_t T)
{
    float *x = malloc(sizeof *x * (size_t)(N * T * 2));
    int64_t *y = malloc(sizeof *y * (size_t)(N * T));
    double *s = malloc(sizeof *s * (size_t)N);
    int64_t *len = malloc(sizeof *len * (size_t)N);
    for (int64_t n = 0; n < N; n++) {
        for (int64_t t = 0; t < T; t++) {
            for (int64_t k = 0; k < 2; k++)
                x[(n * T + t) * 2 + k] = (float)(100 * n + 10 * t + k);
            y[n * T + t] = t % 3;
        }
        s[n] = (double)n;
        len[n] = n < T ? T - n : 0;
    }
    save("x.npy", NPY_F4, 3, (int64_t[]){N, T, 2}, x);
    save("y.npy", NPY_I8, 2, (int64_t[]){N, T}, y);
    save("s.npy", NPY_F8, 1, &N, s);
    save("len.npy", NPY_I8, 1, &N, len);
    free(x);
    free(y);
    free(s);
    free(len);
}

static RtFeed *open_feed(const RtData *d, RtFeedOptions o)
{
    RtError err = {0};
    RtFeed *f = feed_open(d, &o, &err);
    if (!f)
        fail_msg("%s", err.text);
    return f;
}

static RtBatch get(RtFeed *f, int64_t epoch, int64_t index)
{
    RtError err = {0};
    RtBatch b;
    done(feed_batch(f, epoch, index, &b, &err), &err);
    return b;
}

/* A text 0, 1, 2, ... of n steps. */
static RtData counting(int64_t n)
{
    RtError err = {0};
    RtData d = {0};
    int32_t *ids = malloc(sizeof *ids * (size_t)n);
    for (int32_t i = 0; i < n; i++)
        ids[i] = i;
    done(add_ids(&d, "c", ids, n, n, &err), &err);
    done(data_finish(&d, &err), &err);
    free(ids);
    return d;
}

static void streams(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = counting(100);
    const RtField *c = data_field(&d, "c");
    RtFeed *f = open_feed(
        &d, (RtFeedOptions){
                .to = 0.9, .batch = 4, .chunk = 5, .streams = 1, .shuffle = 1});
    RtFeed *v = open_feed(
        &d, (RtFeedOptions){.from = 0.9, .to = 1, .batch = 1, .streams = 1});
    assert_int_equal(feed_batches(f, 0, &err), 5); /* 22 = 5+5+5+5+2 */
    assert_int_equal(feed_steps(f), 88);
    assert_int_equal(feed_rows(f), 4);
    double got[20];
    for (int64_t i = 0; i < 5; i++) {
        RtBatch b = get(f, 3, i);
        assert_int_equal(b.B, 4);
        assert_int_equal(b.T, i < 4 ? 5 : 2);
        assert_int_equal(b.start, i == 0);
        assert_int_equal(b.end, i == 4);
        assert_int_equal(b.steps, b.T * 4);
        feed_fill(f, &b, c, 0, 4, 8, got);
        for (int64_t t = 0; t < b.T; t++)
            for (int64_t r = 0; r < 4; r++)
                assert_true(got[t * 4 + r] == (double)(r * 22 + i * 5 + t));
        unsigned char last[4];
        int64_t length[4];
        feed_lengths(f, &b, 0, 4, length, last);
        assert_int_equal(last[3], i == 4);
        assert_int_equal(length[3], b.T);
    }
    RtBatch b = get(v, 0, 0);
    assert_int_equal(b.T, 10);
    feed_fill(v, &b, c, 0, 1, 8, got);
    assert_true(got[0] == 90 && got[9] == 99);
    refused(feed_batch(f, 0, 5, &b, &err), &err, "batch 5 of an epoch of 5");
    refused(feed_batch(f, -1, 0, &b, &err), &err, "epoch -1");
    RtFeedOptions o = {.to = 1, .batch = 101, .streams = 1};
    assert_null(feed_open(&d, &o, &err));
    refused(-1, &err, "100 steps", "101 streams", "batch = 100");
    o = (RtFeedOptions){.from = 0.999, .to = 1, .batch = 1};
    feed_free(f);
    f = feed_open(&d, &o, &err);
    assert_non_null(f);
    o = (RtFeedOptions){.from = 0.5, .to = 0.5, .batch = 1};
    assert_null(feed_open(&d, &o, &err));
    refused(-1, &err, "no data are left");
    o = (RtFeedOptions){.to = 1};
    assert_null(feed_open(&d, &o, &err));
    refused(-1, &err, "batch = 0");
    feed_free(f);
    feed_free(v);
    data_free(&d);
}

static void windows(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = counting(10);
    const RtField *c = data_field(&d, "c");
    RtFeedOptions o = {
        .to = 1, .batch = 4, .window = 3, .shuffle = 1, .seed = 5};
    RtFeed *f = open_feed(&d, o);
    assert_int_equal(feed_rows(f), 8);
    assert_int_equal(feed_batches(f, 0, &err), 2);
    int seen[8] = {0};
    float got[12];
    for (int64_t i = 0; i < 2; i++) {
        RtBatch b = get(f, 7, i);
        feed_fill(f, &b, c, 0, 4, 4, got);
        for (int r = 0; r < 4; r++) {
            seen[(int)got[r]]++;
            assert_true(got[4 + r] == got[r] + 1 && got[8 + r] == got[r] + 2);
        }
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(seen[i], 1);
    feed_free(f);
    o.hop = 3;
    f = open_feed(&d, o);
    assert_int_equal(feed_rows(f), 3);
    feed_free(f);
    o.window = 11;
    assert_null(feed_open(&d, &o, &err));
    refused(-1, &err, "no window of 11 steps", "has 10");
    data_free(&d);
}

static void windows_of_several(void **state)
{
    (void)state;
    RtError err = {0};
    Csv csv;
    scratch_text("w.csv", "1\n2\n3\n\n4\n\n5\n6\n\n7\n\n8\n9\n10\n11\n");
    done(csv_read("w.csv", 0, 1, &csv, &err), &err);
    RtData d = {0};
    done(data_add_csv(&d, &x1, &csv, NULL, 0, &err), &err);
    done(data_finish(&d, &err), &err);
    RtFeed *f =
        open_feed(&d, (RtFeedOptions){.to = 1, .batch = 1, .window = 2});
    static const double want[] = {1, 2, 5, 8, 9, 10};
    assert_int_equal(feed_rows(f), 6);
    for (int64_t i = 0; i < 6; i++) {
        RtBatch b = get(f, 0, i);
        double got[2];
        feed_fill(f, &b, &d.field[0], 0, 1, 8, got);
        assert_true(got[0] == want[i] && got[1] == want[i] + 1);
    }
    feed_free(f);
    csv_free(&csv);
    data_free(&d);
}

static void sequences(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = {0};
    save_set(5, 4);
    done(data_add_array(&d, &xm, "x.npy", NULL, 0, &err), &err);
    done(data_add_array(&d, &y3, "y.npy", NULL, 0, &err), &err);
    done(data_add_array(&d, &s1, "s.npy", NULL, 0, &err), &err);
    done(add_lengths(&d, 0, "len.npy", &err), &err); /* 4 3 2 1 0 */
    done(data_finish(&d, &err), &err);
    assert_int_equal(data_field(&d, "x")->dim[0], 2);
    assert_null(data_field(&d, "z"));
    RtFeed *f = open_feed(&d, (RtFeedOptions){.to = 1, .batch = 3, .chunk = 2});
    assert_int_equal(feed_rows(f), 4); /* the empty one is left out */
    assert_int_equal(feed_batches(f, 0, &err), 3);
    RtBatch b = get(f, 0, 1);
    assert_int_equal(b.from, 2);
    assert_int_equal(b.T, 2);
    assert_int_equal(b.steps, 3);
    assert_int_equal(b.start, 0);
    double x[2 * 3 * 2], s[3];
    feed_fill(f, &b, data_field(&d, "x"), 0, 3, 8, x);
    feed_fill(f, &b, data_field(&d, "s"), 0, 3, 8, s);
    static const double want[] = {20, 21, 120, 121, 0, 0, 30, 31, 0, 0, 0, 0};
    assert_memory_equal(x, want, sizeof want);
    assert_true(s[0] == 0 && s[2] == 2);
    feed_fill(f, &b, data_field(&d, "x"), 1, 1, 8, x);
    assert_true(x[0] == 120 && x[1] == 121 && x[2] == 0);
    int64_t length[3];
    unsigned char last[3];
    feed_lengths(f, &b, 0, 3, length, last);
    assert_true(length[0] == 2 && length[1] == 1 && length[2] == 0);
    assert_true(last[0] && last[1] && !last[2]);
    b = get(f, 0, 0);
    feed_lengths(f, &b, 0, 3, NULL, last);
    assert_true(!last[0] && !last[1] && last[2]);
    b = get(f, 0, 2);
    assert_int_equal(b.B, 1);
    assert_int_equal(b.T, 1);
    assert_int_equal(b.start && b.end, 1);
    assert_int_equal(feed_sequence(f, &b, 0), 3);
    feed_free(f);
    data_free(&d);
}

/* A chunk that begins before the steps it deals: three back of two. */
static void chunks_that_overlap(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = {0};
    save_set(2, 7);
    done(data_add_array(&d, &xm, "x.npy", NULL, 0, &err), &err);
    done(data_finish(&d, &err), &err);
    static const struct {
        int64_t from, T, skip, carry, steps;
        int first, start, end;
    } want[] = {{0, 2, 0, 1, 4, 1, 1, 0},
                {1, 3, 1, 2, 4, 0, 0, 0},
                {3, 3, 1, 2, 4, 0, 0, 0},
                {5, 2, 1, 2, 2, 0, 0, 1}};
    RtFeed *f = open_feed(
        &d, (RtFeedOptions){.to = 1, .batch = 2, .chunk = 2, .back = 3});
    assert_int_equal(feed_batches(f, 0, &err), 4);
    for (int i = 0; i < 4; i++) {
        RtBatch b = get(f, 0, i);
        int64_t length[2];
        unsigned char last[2];
        feed_lengths(f, &b, 0, 2, length, last);
        assert_true(b.from == want[i].from && b.T == want[i].T &&
                    b.skip == want[i].skip && b.carry == want[i].carry &&
                    b.steps == want[i].steps && b.first == want[i].first &&
                    b.start == want[i].start && b.end == want[i].end);
        assert_true(length[0] == b.T && last[0] == b.end);
    }
    feed_free(f);
    data_free(&d);
}

static void time_first(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = {0}, e = {0};
    double v[] = {1, 2, 3, 4, 5, 6}, got[6];
    save("t.npy", NPY_F8, 2, (int64_t[]){3, 2}, v); /* T = 3, N = 2 */
    done(data_add_array(&d, &x1, "t.npy", NULL, 1, &err), &err);
    done(data_finish(&d, &err), &err);
    RtFeed *f = open_feed(&d, (RtFeedOptions){.to = 1, .batch = 2});
    RtBatch b = get(f, 0, 0);
    assert_int_equal(b.T, 3);
    feed_fill(f, &b, &d.field[0], 0, 2, 8, got);
    assert_memory_equal(got, v, sizeof v);
    feed_free(f);
    data_free(&d);
    done(data_add_array(&e, &xm, "t.npy", NULL, 0, &err),
         &err); /* one sequence */
    assert_int_equal(e.nseq, 1);
    assert_int_equal(e.steps[0].length[0], 3);
    assert_int_equal(e.field[0].size, 2);
    data_free(&e);
}

static void static_alone(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = {0};
    save_set(3, 2);
    done(data_add_array(&d, &s1, "s.npy", NULL, 0, &err), &err);
    done(data_finish(&d, &err), &err);
    RtFeed *f = open_feed(&d, (RtFeedOptions){.to = 1, .batch = 8});
    RtBatch b = get(f, 0, 0);
    assert_true(b.B == 3 && b.T == 1 && b.steps == 3);
    feed_free(f);
    data_free(&d);
    refused(data_finish(&d, &err), &err, "no data for any input");
}

/* Any order of asking gives the same batches, another epoch others. */
static void positions(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = {0};
    save_set(40, 50);
    done(data_add_array(&d, &xm, "x.npy", NULL, 0, &err), &err);
    done(add_lengths(&d, 0, "len.npy", &err), &err);
    done(data_finish(&d, &err), &err);
    RtFeedOptions o = {
        .to = 0.8, .batch = 6, .chunk = 7, .shuffle = 1, .seed = 11};
    RtFeed *f = open_feed(&d, o), *g = open_feed(&d, o);
    float a[7 * 6 * 2], c[7 * 6 * 2], first[3];
    int64_t steps = 0;
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        int64_t n = feed_batches(f, epoch, &err);
        for (int64_t i = 0; i < n; i++) {
            RtBatch p = get(f, epoch, i);
            get(g, (epoch + i) % 4, 0); /* g wanders in between */
            RtBatch q = get(g, epoch, i);
            assert_memory_equal(&p, &q, sizeof p);
            feed_fill(f, &p, &d.field[0], 0, p.B, 4, a);
            feed_fill(g, &q, &d.field[0], 0, q.B, 4, c);
            assert_memory_equal(a, c, sizeof *a * (size_t)(p.T * p.B * 2));
            steps += p.steps;
            if (i == 0)
                first[epoch] = a[0] * 1e6f + a[2] * 1e3f + a[4];
        }
    }
    assert_int_equal(steps, 3 * feed_steps(f));
    assert_int_equal(feed_steps(f), 32 * 50 - 31 * 32 / 2);
    assert_true(first[0] != first[1] && first[1] != first[2]);
    feed_free(f);
    feed_free(g);
    data_free(&d);
}

/* A seed draws what a part has: the parts share nothing and have everything,
 * each in the order of the data; one sequence is cut where it is. */
static void drawn_parts(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = {0};
    save_set(40, 50);
    done(data_add_array(&d, &xm, "x.npy", NULL, 0, &err), &err);
    done(data_finish(&d, &err), &err);
    int64_t held[3][8], seen[40] = {0};
    for (int k = 0; k < 3; k++) {
        RtFeedOptions o = {.to = 0.8, .batch = 40, .split = k < 2 ? 3 : 4};
        RtFeed *f = open_feed(&d, o);
        RtBatch b = get(f, 0, 0);
        assert_int_equal(b.B, 32);
        for (int64_t r = 0; r < b.B && k == 0; r++)
            seen[feed_sequence(f, &b, r)]++;
        feed_free(f);
        o.from = 0.8;
        o.to = 1;
        f = open_feed(&d, o);
        b = get(f, 0, 0);
        assert_int_equal(b.B, 8);
        for (int64_t r = 0; r < b.B; r++) {
            held[k][r] = feed_sequence(f, &b, r);
            seen[held[k][r]] += k == 0;
            assert_true(!r || held[k][r] > held[k][r - 1]);
        }
        feed_free(f);
    }
    for (int i = 0; i < 40; i++)
        assert_int_equal(seen[i], 1);
    assert_memory_equal(held[0], held[1], sizeof held[0]);
    assert_memory_not_equal(held[0], held[2], sizeof held[0]);
    assert_true(held[0][0] < 32);
    data_free(&d);
}

static void tables(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = {0};
    Csv csv;
    scratch_text("t.csv", "day,a,b,y\nmon,1,2,0\ntue,3,4,\n\nwed,5,,2\n");
    done(csv_read("t.csv", -1, 1, &csv, &err), &err);
    refused(data_add_csv(&d, &x2, &csv, NULL, 0, &err), &err, "t.csv:2:1",
            "mon");
    refused(data_add_csv(&d, &x2, &csv, "a", 0, &err), &err, "1 column ",
            "wanted 2", "--column x=");
    refused(data_add_csv(&d, &x2, &csv, "a,b", 0, &err), &err, "t.csv:5:3",
            "missing", "column 3, b");
    refused(data_add_csv(&d, &y3, &csv, "y", 0, &err), &err, "t.csv:3:4",
            "missing");
    refused(data_add_csv(&d, &s1, &csv, "a", 0, &err), &err, "t.csv", ".npy");
    done(data_add_csv(&d, &xm, &csv, "column(a)", 0, &err), &err);
    done(data_add_csv(&d, &yo, &csv, "4", 0, &err), &err);
    done(data_finish(&d, &err), &err);
    assert_int_equal(d.nseq, 2);
    assert_int_equal(data_field(&d, "y")->classes, 3);
    RtFeed *f = open_feed(&d, (RtFeedOptions){.to = 1, .batch = 2});
    RtBatch b = get(f, 0, 0);
    double y[4], want[] = {0, 2, -1, 0};
    feed_fill(f, &b, data_field(&d, "y"), 0, 2, 8, y);
    assert_memory_equal(y, want, sizeof y);
    feed_free(f);
    csv_free(&csv);
    data_free(&d);
}

static void disagreements(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = {0};
    RtWant z = x1;
    z.name = "z";
    save_set(3, 4);
    double v[8] = {0};
    save("z24.npy", NPY_F8, 2, (int64_t[]){2, 4}, v);
    save("z42.npy", NPY_F8, 2, (int64_t[]){3, 2}, v);
    save("z0.npy", NPY_F8, 2, (int64_t[]){3, 0}, v);
    save("s2.npy", NPY_F8, 1, (int64_t[]){2}, v);
    refused(data_add_array(&d, &x1, "x.npy", NULL, 0, &err), &err,
            "x.npy: shape [3,4,2] for input x, wanted [N,T], or [T] for one");
    RtWant x5 = x2;
    x5.dim[0] = 5;
    refused(data_add_array(&d, &x5, "x.npy", NULL, 0, &err), &err,
            "shape [3,4,2]", "wanted [N,T,5], or [T,5]");
    refused(data_add_array(&d, &xm, "s.npy", NULL, 1, &err), &err, "shape [3]",
            "wanted [T,N,?], or [T,?]");
    refused(data_add_array(&d, &x1, "z0.npy", NULL, 0, &err), &err,
            "shape [3,0]");
    refused(data_add_array(&d, &x1, "none.npy", NULL, 0, &err), &err,
            "none.npy");
    done(data_add_array(&d, &xm, "x.npy", NULL, 0, &err), &err);
    refused(data_add_array(&d, &xm, "x.npy", NULL, 0, &err), &err,
            "x is given twice");
    refused(data_add_array(&d, &z, "z24.npy", NULL, 0, &err), &err,
            "2 sequences for input z, wanted 3");
    refused(data_add_array(&d, &z, "z42.npy", NULL, 0, &err), &err,
            "2 steps in sequence 1 of input z, wanted 4");
    refused(add_lengths(&d, 0, "s2.npy", &err), &err,
            "shape [2] of the lengths, wanted [3]");
    save("l.npy", NPY_I8, 1, (int64_t[]){3}, (int64_t[]){1, 2, 5});
    refused(add_lengths(&d, 0, "l.npy", &err), &err, "length 5 of sequence 3",
            "0 to 4");
    save("l.npy", NPY_F8, 1, (int64_t[]){3}, (double[]){1, 2.5, NAN});
    refused(add_lengths(&d, 0, "l.npy", &err), &err, "length 2.5");
    done(data_add_array(&d, &s1, "s2.npy", NULL, 0, &err), &err);
    refused(data_finish(&d, &err), &err, "s2.npy: 2 sequences", "wanted 3");
    data_free(&d);
}

/* Sequences of 1 to 40 steps, in no order. */
static RtData uneven(int64_t n)
{
    RtError err = {0};
    RtData d = {0};
    RtWant want = {.name = "c", .is_index = 1};
    int64_t *start = calloc((size_t)n + 1, sizeof *start);
    for (int64_t i = 0; i < n; i++)
        start[i + 1] = start[i] + 1 + i * 17 % 40;
    int32_t *ids = malloc(sizeof *ids * (size_t)start[n]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t t = start[i]; t < start[i + 1]; t++)
            ids[t] = (int32_t)i;
    done(data_add_classes(&d, &want, "c", ids, n, start, &err), &err);
    done(data_finish(&d, &err), &err);
    free(ids);
    free(start);
    return d;
}

/* Buckets deal every sequence once, in an order that the epoch alone decides,
 * with less padding. */
static void buckets(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = uneven(203);
    RtFeedOptions o = {.to = 1, .batch = 10, .shuffle = 1, .seed = 3};
    RtFeed *plain = open_feed(&d, o);
    o.buckets = 8;
    RtFeed *f = open_feed(&d, o), *again = open_feed(&d, o);
    o.shuffle = 0;
    RtFeed *still = open_feed(&d, o);
    o.buckets = INT64_MAX / 2;
    o.shuffle = 1;
    RtFeed *whole = open_feed(&d, o);
    assert_int_equal(feed_batches(f, 0, &err), 21);
    assert_true(feed_padding(plain, 1) > 0.4);
    assert_true(feed_padding(f, 1) < 0.2);
    assert_true(feed_padding(whole, 1) < feed_padding(f, 1));
    assert_true(feed_padding(still, 1) < 0.2);
    int64_t falls = 0, last = 0, other = 0;
    for (int64_t epoch = 2; epoch >= 0; epoch--) { /* in any order */
        char seen[203] = {0};
        for (int64_t i = 0; i < 21; i++) {
            RtBatch b = get(f, epoch, i), c = get(again, 2 - epoch, i);
            c = get(again, epoch, i);
            assert_int_equal(b.T, c.T);
            falls += b.T < last;
            last = b.T;
            for (int64_t r = 0; r < b.B; r++) {
                int64_t k = feed_sequence(f, &b, r);
                assert_int_equal(k, feed_sequence(again, &c, r));
                assert_false(seen[k]++);
                other += k != feed_sequence(whole, &b, r);
            }
        }
    }
    assert_true(falls > 10 && other > 300);
    feed_free(plain);
    feed_free(f);
    feed_free(again);
    feed_free(still);
    feed_free(whole);
    data_free(&d);
}

/* One sequence of v[n] for `want`; what data_finish says. */
static void try_values(const RtWant *want, int64_t n, const double *v,
                       const char *say)
{
    RtError err = {0};
    RtData d = {0};
    save("v.npy", NPY_F8, 1, &n, v);
    done(data_add_array(&d, want, "v.npy", NULL, 0, &err), &err);
    if (say)
        refused(data_finish(&d, &err), &err, "v.npy", say);
    else
        done(data_finish(&d, &err), &err);
    data_free(&d);
}

static void values(void **state)
{
    (void)state;
    try_values(&y3, 3, (double[]){0, 1, 2}, NULL);
    try_values(&y3, 3, (double[]){0, 1, 3},
               "3 for input y in sequence 1, step 3: out of range (0 to 2)");
    try_values(&y3, 2, (double[]){0, -1}, "-1 for input y");
    try_values(&yo, 2, (double[]){0, -1}, NULL);
    try_values(&yo, 2, (double[]){0, 0.5}, "whole class number");
    try_values(&yo, 2, (double[]){NAN, 1}, "wanted a class number");
    try_values(&x1, 2, (double[]){1, INFINITY}, "finite");
    RtError err = {0};
    RtData d = {0};
    save("v.npy", NPY_F8, 2, (int64_t[]){1, 3}, (double[]){1, 2, NAN});
    save("l.npy", NPY_I8, 1, (int64_t[]){1}, (int64_t[]){2});
    done(data_add_array(&d, &x1, "v.npy", NULL, 0, &err), &err);
    done(add_lengths(&d, 0, "l.npy", &err), &err);
    done(data_finish(&d, &err), &err); /* padding is not looked at */
    data_free(&d);
}

/* The steps of a slower axis follow, whether it has data or not. */
static void clocks(void **state)
{
    (void)state;
    RtError err = {0};
    RtData d = {.clock = {[1] = {0, 3}, [2] = {1, 2}}};
    const RtWant slow = {.name = "z", .axis = 1};
    save_set(4, 14);
    double v[16] = {0};
    save("z.npy", NPY_F8, 2, (int64_t[]){4, 4}, v);
    done(data_add_array(&d, &x2, "x.npy", NULL, 0, &err), &err);
    done(data_add_array(&d, &slow, "z.npy", NULL, 0, &err), &err);
    done(add_lengths(&d, 0, "len.npy", &err), &err);
    done(data_finish(&d, &err), &err);
    for (int64_t i = 0; i < 4; i++) {
        assert_int_equal(data_steps(&d, 1, i), (14 - i) / 3);
        assert_int_equal(data_steps(&d, 2, i), (14 - i) / 6);
    }
    RtFeed *f = open_feed(&d, (RtFeedOptions){.to = 1, .batch = 3});
    RtBatch b = get(f, 0, 1);
    assert_true(b.T == 11 && b.more[1] == 3 && b.more[2] == 1);
    feed_free(f);
    d.clock[1].rate = 4;
    refused(data_finish(&d, &err), &err,
            "z.npy: 4 steps in sequence 1 of input z, wanted 3");
    const RtFeedOptions o = {.to = 1, .batch = 1, .chunk = 2};
    refused(feed_open(&d, &o, &err) ? 0 : -1, &err, "several time axes");
    data_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams),
        cmocka_unit_test(windows),
        cmocka_unit_test(windows_of_several),
        cmocka_unit_test(sequences),
        cmocka_unit_test(chunks_that_overlap),
        cmocka_unit_test(time_first),
        cmocka_unit_test(static_alone),
        cmocka_unit_test(positions),
        cmocka_unit_test(drawn_parts),
        cmocka_unit_test(tables),
        cmocka_unit_test(disagreements),
        cmocka_unit_test(values),
        cmocka_unit_test(clocks),
        cmocka_unit_test(buckets),
    };
    return cmocka_run_group_tests_name("data", tests, scratch_enter,
                                       scratch_leave);
}
