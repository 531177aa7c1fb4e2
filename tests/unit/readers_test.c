/* Readers of files that may be anything: each gets a good file cut at every
 * length and with bytes that are wrong; it reads that or says what is wrong,
 * and never crashes, which the sanitizers watch. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include "array.h"
#include "notes.h"
#include "picture.h"
#include "text.h"
#include "wav.h"

typedef int ReadFile(const char *path, RtError *err);

static int read_wav(const char *path, RtError *err)
{
    Wav w;
    int bad = wav_read(path, &w, err);
    double *v = NULL;
    int64_t frames;
    if (!bad && w.rate < 100000)
        bad = mfcc_find(&w, &mfcc_usual, &v, &frames, err);
    free(v);
    free(w.x);
    return bad ? -1 : 0;
}

static int read_array(const char *path, RtError *err)
{
    Array x;
    int bad = array_read(path, NULL, &x, err);
    double sum = 0;
    for (int64_t i = 0; !bad && i < x.a.count; i++)
        sum += npy_value(x.a.type, x.a.data, i);
    array_free(&x);
    return bad || sum == 0.123 ? -1 : 0;
}

static int read_notes(const char *path, RtError *err)
{
    RtData d = {0};
    RtWant want = {.name = "x", .rank = 1, .dim = {-1}};
    int bad = notes_read(&d, &want, path, 21, err);
    data_free(&d);
    return bad;
}

static int read_picture(const char *path, RtError *err)
{
    RtWant want = {.name = "x", .rank = 1, .dim = {-1}};
    Npy a;
    int bad = picture_read(path, &want, &a, err);
    npy_free(&a);
    return bad;
}

static int read_words(const char *path, RtError *err)
{
    TextIn in;
    Vocab v = {0};
    VocabHow how = {.eos = "<eos>", .lower = 1, .max_classes = 3};
    int bad = textin_open(&in, path, TEXT_WORD, err) ||
              vocab_build(&v, &in, &how, err);
    vocab_free(&v);
    textin_close(&in);
    return bad ? -1 : 0;
}

/* Little-endian WAVE: PCM, one channel, 8000 a second, 16 bits, 300 samples. */
static size_t good_wav(unsigned char *u)
{
    memcpy(u,
           "RIFF\x7c\x02\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0"
           "\0\2\0\x10\0data\x58\x02\0\0",
           44);
    for (size_t i = 0; i < 600; i++)
        u[44 + i] = (unsigned char)(i * 37);
    return 644;
}

static size_t good_idx(unsigned char *u)
{
    memcpy(u, "\0\0\x0d\2\0\0\0\3\0\0\0\5", 12);
    for (size_t i = 0; i < 60; i++)
        u[12 + i] = (unsigned char)(i * 11);
    return 72;
}

/* An archive with one stored array: x.npy, two bytes. */
static size_t good_npz(unsigned char *u)
{
    static const char head[] = "PK\3\4\x14\0\0\0\0\0\0\0!\0\x6c\x39\xb0\x9d";
    static const char npy[] =
        "\x93NUMPY\1\0v\0{'descr': '|u1', 'fortran_order': False, 'shape': "
        "(2,), }";
    unsigned char *p = u;
    memcpy(p, head, 18);
    memcpy(p + 18, "\x82\0\0\0\x82\0\0\0\5\0\0\0x.npy", 17);
    p += 35;
    memset(p, ' ', 130);
    memcpy(p, npy, sizeof npy - 1);
    p[127] = '\n';
    p += 130;
    memcpy(p, "PK\1\2\x14\0\x14\0\0\0\0\0\0\0!\0\x6c\x39\xb0\x9d", 20);
    memcpy(p + 20,
           "\x82\0\0\0\x82\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
           "x.npy",
           31);
    p += 51;
    memcpy(p, "PK\5\6\0\0\0\0\1\0\1\0\x33\0\0\0\xa5\0\0\0\0\0", 22);
    return (size_t)(p + 22 - u);
}

static size_t good_text(unsigned char *u)
{
    static const char text[] = "60 64 67\n-\n\n72 \xc3\xa9\n21\n";
    memcpy(u, text, sizeof text - 1);
    return sizeof text - 1;
}

/* Two grey pixels. */
static size_t good_png(unsigned char *u)
{
    static const char png[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\2\0\0\0\1\x8\0\0\0\0\xd1\x62\x27"
        "\x7f\0\0\0\x0bIDAT\x78\x9c\x63\x60\xf8\x0f\0\1\2\1\0";
    memcpy(u, png, sizeof png - 1);
    return sizeof png - 1;
}

static void any_bytes(void **state)
{
    (void)state;
    static const struct {
        size_t (*good)(unsigned char *u);
        ReadFile *read;
    } row[] = {{good_wav, read_wav},    {good_idx, read_array},
               {good_npz, read_array},  {good_text, read_notes},
               {good_text, read_words}, {good_png, read_picture},
               {good_text, read_array}, {good_text, read_picture},
               {good_text, read_wav}};
    unsigned char good[1024], u[1024];
    uint64_t x = 1;
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        size_t n = row[k].good(good);
        for (size_t i = 0; i < 2 * n + 200; i++) {
            size_t m = i < n ? i : n;
            memcpy(u, good, n);
            for (int wrong = 0; i >= n && wrong < 3; wrong++) {
                x = x * 6364136223846793005u + 1442695040888963407u;
                u[(x >> 40) % n] = (unsigned char)(x >> 32);
            }
            RtError err = {0};
            scratch_write("any", u, m);
            int bad = row[k].read("any", &err);
            assert_true(bad == 0 || (bad == -1 && err.text));
            rt_error_clear(&err);
        }
    }
}

/* The good ones are good. */
static void good_files(void **state)
{
    (void)state;
    RtError err = {0};
    unsigned char u[1024];
    scratch_write("a.wav", u, good_wav(u));
    done(read_wav("a.wav", &err), &err);
    scratch_write("a.idx", u, good_idx(u));
    done(read_array("a.idx", &err), &err);
    scratch_write("a.txt", u, good_text(u));
    done(read_words("a.txt", &err), &err);
    refused(read_notes("a.txt", &err), &err, "a.txt:4: '\xc3\xa9' is no note");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(good_files),
    };
    return cmocka_run_group_tests_name("readers", tests, scratch_enter,
                                       scratch_leave);
}
