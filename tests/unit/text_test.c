/* text.c: characters and bytes there and back, the vocabulary through JSON, and
 * messages for text that is empty, binary, not UTF-8 or unknown. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <zlib.h>

#include "text.h"

/* A vocabulary of a text in memory. */
static int build(Vocab *v, const char *name, const char *text, size_t n,
                 TextUnit unit, const VocabHow *how, RtError *err)
{
    TextIn in;
    textin_memory(&in, name, text, n, unit);
    int bad = vocab_build(v, &in, how, err);
    textin_close(&in);
    return bad;
}

/* A file as it is read by character, or by byte; malloc'd. */
static int read_file(const char *path, int bytes, char **text, size_t *n,
                     RtError *err)
{
    TextIn in;
    int32_t c;
    FILE *to = open_memstream(text, n);
    int got = textin_open(&in, path, bytes ? TEXT_BYTE : TEXT_CHAR, err);
    while (!got && (got = textin_code(&in, &c, err)) > 0) {
        fputc(c, to);
        got = 0;
    }
    textin_close(&in);
    fclose(to);
    if (got < 0)
        free(*text);
    return got;
}

static const VocabHow all = {0}, no_rare = {.min_count = 2};

/* Decodes ids[n]; malloc'd. */
static char *decode(const Vocab *v, const int32_t *ids, int64_t n)
{
    char *s = calloc(1, (size_t)n * 4 + 1), *p = s;
    for (int64_t i = 0; i < n; i++)
        p += text_decode(v, ids[i], p);
    return s;
}

static void there_and_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "hello\nworld", "na\xc3\xafve \xce\xbb\xf0\x9f\x8e\xbb\xce\xbb", "ab"};
    RtError err = {0};
    for (int bytes = 0; bytes < 2; bytes++)
        for (size_t k = 0; k < 3; k++) {
            Vocab v = {0}, w = {0};
            int32_t *ids;
            int64_t n;
            size_t len = strlen(texts[k]);
            done(build(&v, "t", texts[k], len, (TextUnit)bytes, &all, &err),
                 &err);
            for (int32_t i = 1; i < v.n; i++)
                assert_true(v.code[i - 1] < v.code[i]);
            char *json = vocab_to_json(&v, &err);
            done(vocab_from_json(&w, json, &err), &err);
            assert_int_equal(w.n, v.n);
            assert_int_equal(w.bytes, bytes);
            assert_memory_equal(w.code, v.code, sizeof *v.code * (size_t)v.n);
            done(text_encode(&w, "t", texts[k], len, &ids, &n, &err), &err);
            char *back = decode(&w, ids, n);
            assert_string_equal(back, texts[k]);
            free(back);
            free(ids);
            free(json);
            vocab_free(&v);
            vocab_free(&w);
        }
}

static void classes(void **state)
{
    (void)state;
    RtError err = {0};
    Vocab v = {0};
    done(build(&v, "t", "b\na\xce\xbb", 5, 0, &all, &err), &err);
    assert_int_equal(v.n, 4);
    assert_int_equal(v.unk, -1);
    assert_int_equal(vocab_class(&v, '\n'), 0);
    assert_int_equal(vocab_class(&v, 'b'), 2);
    assert_int_equal(vocab_class(&v, 0x3bb), 3);
    assert_int_equal(vocab_class(&v, 'z'), -1);
    char *json = vocab_to_json(&v, &err);
    assert_string_equal(json, "{\"unit\":\"char\",\"unknown\":false,"
                              "\"items\":[\"\\n\",\"a\",\"b\",\"\xce\xbb\"]}");
    free(json);
    vocab_free(&v);
}

static void all_bytes(void **state)
{
    (void)state;
    RtError err = {0};
    Vocab v = {0}, w = {0};
    char text[256];
    for (int i = 0; i < 256; i++)
        text[i] = (char)i;
    done(build(&v, "t", text, 256, 1, &all, &err), &err);
    char *json = vocab_to_json(&v, &err);
    done(vocab_from_json(&w, json, &err), &err);
    int32_t *ids;
    int64_t n;
    done(text_encode(&w, "t", text, 256, &ids, &n, &err), &err);
    for (int i = 0; i < 256; i++)
        assert_int_equal(ids[i], i);
    free(ids);
    free(json);
    vocab_free(&v);
    vocab_free(&w);
    done(build(&v, "t", "a\0b", 3, 0, &all, &err), &err);
    json = vocab_to_json(&v, &err);
    done(vocab_from_json(&w, json, &err), &err);
    assert_int_equal(w.code[0], 0);
    free(json);
    vocab_free(&v);
    vocab_free(&w);
}

static void rare_becomes_unknown(void **state)
{
    (void)state;
    RtError err = {0};
    Vocab v = {0}, w = {0};
    int32_t *ids;
    int64_t n;
    done(build(&v, "t", "aabbc", 5, 0, &no_rare, &err), &err);
    char *json = vocab_to_json(&v, &err);
    done(vocab_from_json(&w, json, &err), &err);
    assert_int_equal(w.n, 3);
    assert_int_equal(w.unk, 2);
    done(text_encode(&w, "t", "acz", 3, &ids, &n, &err), &err);
    assert_int_equal(ids[0], 0);
    assert_int_equal(ids[1], 2);
    assert_int_equal(ids[2], 2);
    char *back = decode(&w, ids, n);
    assert_string_equal(back, "a\xef\xbf\xbd\xef\xbf\xbd");
    free(back);
    free(ids);
    free(json);
    vocab_free(&v);
    vocab_free(&w);
}

static void reading(void **state)
{
    (void)state;
    RtError err = {0};
    char *s;
    size_t n;
    scratch_text("t.txt", "\xef\xbb\xbf"
                          "a\r\nb\rc\r\n");
    done(read_file("t.txt", 0, &s, &n, &err), &err);
    assert_string_equal(s, "a\nb\rc\n");
    assert_int_equal(n, 6);
    free(s);
    done(read_file("t.txt", 1, &s, &n, &err), &err);
    assert_int_equal(n, 11);
    free(s);
    gzFile f = gzopen("t.txt.gz", "wb");
    for (int i = 0; i < 100000; i++)
        gzputs(f, "line\n");
    gzclose(f);
    done(read_file("t.txt.gz", 0, &s, &n, &err), &err);
    assert_int_equal(n, 500000);
    free(s);
    size_t size;
    char *gz = scratch_read("t.txt.gz", &size);
    scratch_write("cut.gz", gz, size / 2);
    refused(read_file("cut.gz", 0, &s, &n, &err), &err, "cut.gz", "is cut");
    gz[size / 2] = (char)(gz[size / 2] ^ 0x55);
    scratch_write("bad.gz", gz, size);
    refused(read_file("bad.gz", 0, &s, &n, &err), &err, "bad.gz", "gz file");
    free(gz);
}

static void refusals(void **state)
{
    (void)state;
    RtError err = {0};
    Vocab v = {0};
    char *s;
    size_t n;
    int32_t *ids;
    int64_t count;
    refused(read_file("none.txt", 0, &s, &n, &err), &err, "none.txt");
    refused(read_file(".", 0, &s, &n, &err), &err, "folder");
    scratch_text("t.txt", "");
    for (TextUnit unit = TEXT_CHAR; unit <= TEXT_WORD; unit++) {
        TextIn in;
        done(textin_open(&in, "t.txt", unit, &err), &err);
        refused(vocab_build(&v, &in, &all, &err), &err, "t.txt", "is empty");
        textin_close(&in);
    }
    scratch_text("t.txt", "good\nna\xefve");
    refused(read_file("t.txt", 0, &s, &n, &err), &err,
            "t.txt:2:3: byte 7 (0xef) is not UTF-8", "--unit byte");
    scratch_write("t.txt",
                  "\x7f"
                  "ELF\0\0\xff",
                  7);
    refused(read_file("t.txt", 0, &s, &n, &err), &err, "binary", "--unit byte");
    refused(build(&v, "t.txt", "aaa", 3, 0, &all, &err), &err, "t.txt",
            "only one kind", "U+0061 'a'");
    refused(build(&v, "t.txt", "\n", 1, 0, &all, &err), &err, "U+000A)");
    refused(build(&v, "t.txt", "\xff\xff", 2, 1, &all, &err), &err,
            "byte 0xff");
    done(build(&v, "t.txt", "ab\n", 3, 0, &all, &err), &err);
    refused(text_encode(&v, "v.txt", "ab\na\xc3\xa9", 6, &ids, &count, &err),
            &err, "v.txt:2:2: character U+00E9 '\xc3\xa9' is not in",
            "vocabulary of 3");
    refused(text_encode(&v, "v.txt", "a\xff", 2, &ids, &count, &err), &err,
            "not UTF-8");
    vocab_free(&v);
}

/* Counts words between blanks. */
static WordCount *count(const char *text)
{
    RtError err = {0};
    TextIn in;
    WordCount *c = NULL;
    textin_memory(&in, "t", text, strlen(text), TEXT_WORD);
    while (textin_word(&in, &err) > 0)
        done(word_count(&c, in.word, 0, &err), &err);
    textin_close(&in);
    return c;
}

static void words(void **state)
{
    (void)state;
    const char *const member[] = {"</s>", "b"};
    VocabHow how = {.min_count = 2, .member = member, .nmember = 2};
    RtError err = {0};
    Vocab v, w;
    WordCount *c = count("a c a b c");
    done(vocab_of_words(&v, "t", c, &how, &err), &err);
    assert_int_equal(v.n, 5); /* all are members or frequent */
    assert_int_equal(vocab_word(&v, "</s>"), 0);
    assert_int_equal(vocab_word(&v, "c"), 3);
    assert_int_equal(vocab_word(&v, "d"), 4);
    vocab_free(&v);
    done(vocab_of_words(&v, "t", c, &no_rare, &err), &err);
    char *json = vocab_to_json(&v, &err), room[5];
    done(vocab_from_json(&w, json, &err), &err);
    assert_int_equal(w.n, 3);
    assert_int_equal(vocab_word(&w, "b"), 2);
    assert_string_equal(vocab_name(&w, 2, room), VOCAB_UNKNOWN);
    free(json);
    vocab_free(&v);
    vocab_free(&w);
    word_count_free(c);
    c = count("a a");
    refused(vocab_of_words(&v, "t", c, &all, &err), &err, "only one name");
    word_count_free(c);
    c = count("a b <unk>"); /* the text's own name of the unknown */
    done(vocab_of_words(&v, "t", c, &all, &err), &err);
    assert_int_equal(v.n, 3);
    assert_int_equal(vocab_word(&v, "<unk>"), 2);
    assert_int_equal(vocab_word(&v, "z"), 2);
    vocab_free(&v);
    word_count_free(c);
}

/* The most frequent have classes; where two are as frequent, the first. */
static void most_frequent(void **state)
{
    (void)state;
    const char *const member[] = {"f", "<s>"};
    VocabHow how = {
        .max_classes = 5, .member = member, .nmember = 2, .lower = 1};
    const char *text = "B b b a a d d e c f";
    RtError err = {0};
    Vocab v;
    done(build(&v, "t", text, strlen(text), TEXT_WORD, &how, &err), &err);
    assert_int_equal(v.n, 5);
    assert_int_equal(v.unk, 4);
    assert_string_equal(v.word[0], "<s>");
    assert_string_equal(v.word[1], "a");
    assert_string_equal(v.word[2], "b");
    assert_string_equal(v.word[3], "f");
    assert_int_equal(vocab_word(&v, "A"), 1);
    assert_int_equal(vocab_word(&v, "d"), 4);
    vocab_free(&v);
    how.max_classes = 2;
    refused(build(&v, "t", text, strlen(text), TEXT_WORD, &how, &err), &err,
            "names 2 classes", "at least 3");
    how = (VocabHow){.max_classes = 3, .lower = 1};
    done(build(&v, "t", "AaaBbc", 6, TEXT_CHAR, &how, &err), &err);
    int32_t *ids;
    int64_t n;
    done(text_encode(&v, "t", "aAbc", 4, &ids, &n, &err), &err);
    assert_memory_equal(ids, ((int32_t[]){0, 0, 1, 2}), sizeof *ids * 4);
    free(ids);
    vocab_free(&v);
}

/* Words and ends of lines, of a file that is larger than its blocks. */
static void words_of_a_file(void **state)
{
    (void)state;
    static const char line[] = "  One\ttwo\xc3\xa9 \r\n\nthree";
    static const char *const word[] = {"One", "two\xc3\xa9", "<eos>", "<eos>",
                                       "three"};
    enum { LINES = 20000 };
    RtError err = {0};
    TextIn in;
    FILE *f = fopen("w.txt", "wb");
    for (int i = 0; i < LINES; i++)
        fprintf(f, "%s%s", line, i + 1 < LINES ? "\n" : "");
    fclose(f);
    for (int k = 0; k < 2; k++) { /* the last line ends without an end */
        if (k)
            done(textin_again(&in, &err), &err);
        else
            done(textin_open(&in, "w.txt", TEXT_WORD, &err), &err);
        in.eos = "<eos>";
        for (int i = 0; i < 6 * LINES; i++) {
            assert_int_equal(textin_word(&in, &err), 1);
            assert_string_equal(in.word, i % 6 < 5 ? word[i % 6] : "<eos>");
        }
        assert_int_equal(textin_word(&in, &err), 0);
    }
    textin_close(&in);
    Vocab v;
    RtStore ids = {0};
    int width;
    int64_t n;
    done(textin_open(&in, "w.txt", TEXT_WORD, &err), &err);
    VocabHow how = {.eos = "<eos>"};
    done(vocab_build(&v, &in, &how, &err), &err);
    done(textin_again(&in, &err), &err);
    done(text_store(&v, &in, &ids, &width, &n, &err), &err);
    assert_int_equal(width, 1);
    assert_int_equal(n, 6 * LINES);
    assert_memory_equal(ids.data, "\1\3\0\0\2\0\1", 7);
    char *json = vocab_to_json(&v, &err);
    assert_string_equal(json, "{\"unit\":\"word\",\"unknown\":false,"
                              "\"eos\":\"<eos>\",\"items\":[\"<eos>\",\"One\","
                              "\"three\",\"two\xc3\xa9\"]}");
    free(json);
    store_free(&ids);
    textin_close(&in);
    scratch_text("v.txt", "One two\xc3\xa9\n three Two\n");
    done(textin_open(&in, "v.txt", TEXT_WORD, &err), &err);
    refused(text_store(&v, &in, &ids, &width, &n, &err), &err,
            "v.txt:2:8: \"Two\" is not in", "vocabulary of 4", "--min-count");
    store_free(&ids);
    textin_close(&in);
    vocab_free(&v);
}

/* A store that outgrows memory gives back what was put in. */
static void stores(void **state)
{
    (void)state;
    enum { N = STORE_LARGE / 2 + 12345 };
    RtError err = {0};
    for (int64_t n = 3; n <= N; n += N - 3) {
        RtStore s = {0};
        for (int32_t i = 0; i < n; i++)
            done(store_add(&s, &i, sizeof i, &err), &err);
        done(store_end(&s, &err), &err);
        assert_int_equal(s.size, 4 * n);
        assert_int_equal(s.map != NULL, n == N);
        for (int32_t i = 0; i < n; i++)
            assert_true(((int32_t *)(void *)s.data)[i] == i);
        store_free(&s);
    }
    setenv("TMPDIR", "/nowhere", 1);
    RtStore s = {0}; /* there is another place */
    char *zeros = calloc(1, 2 * STORE_LARGE);
    done(store_add(&s, zeros, 2 * STORE_LARGE, &err), &err);
    done(store_end(&s, &err), &err);
    store_free(&s);
    unsetenv("TMPDIR");
    scratch_write("s.bin", zeros, 1000);
    free(zeros);
    assert_int_equal(store_map(&s, "s.bin", 10, 991), -1);
    assert_int_equal(store_map(&s, "none", 0, 1), -1);
    done(store_map(&s, "s.bin", 10, 990), &err);
    assert_int_equal(s.data[989], 0);
    store_free(&s);
}

static void bad_json(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{\"unit\":\"char\"}",
        "{\"unit\":3}",
        "{\"unit\":\"word\",\"unknown\":false,\"items\":[\"b\",\"a\"]}",
        "{\"unit\":\"char\",\"unknown\":false,\"items\":[\"ab\"]}",
        "{\"unit\":\"char\",\"unknown\":false,\"items\":[\"b\",\"a\"]}",
        "{\"unit\":\"char\",\"unknown\":false,\"items\":[1]}",
        "{\"unit\":\"char\",\"unknown\":false,\"items\":[\"\"]}",
        "{\"unit\":\"byte\",\"unknown\":false,\"items\":[256]}",
        "{\"unit\":\"byte\",\"unknown\":false,\"items\":{}}"};
    RtError err = {0};
    Vocab v;
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        refused(vocab_from_json(&v, bad[k], &err), &err, "damaged vocabulary");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(classes),
        cmocka_unit_test(all_bytes),
        cmocka_unit_test(rare_becomes_unknown),
        cmocka_unit_test(reading),
        cmocka_unit_test(refusals),
        cmocka_unit_test(words),
        cmocka_unit_test(most_frequent),
        cmocka_unit_test(words_of_a_file),
        cmocka_unit_test(stores),
        cmocka_unit_test(bad_json),
    };
    return cmocka_run_group_tests_name("text", tests, scratch_enter,
                                       scratch_leave);
}
