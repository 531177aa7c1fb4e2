/* text.c: characters and bytes there and back, the vocabulary through JSON, and
 * messages for text that is empty, binary, not UTF-8 or unknown. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <zlib.h>

#include "text.h"

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
            done(vocab_build(&v, "t", texts[k], len, bytes, 1, &err), &err);
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
    done(vocab_build(&v, "t", "b\na\xce\xbb", 5, 0, 1, &err), &err);
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
    done(vocab_build(&v, "t", text, 256, 1, 1, &err), &err);
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
    done(vocab_build(&v, "t", "a\0b", 3, 0, 1, &err), &err);
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
    done(vocab_build(&v, "t", "aabbc", 5, 0, 2, &err), &err);
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
    done(text_read("t.txt", 0, &s, &n, &err), &err);
    assert_string_equal(s, "a\nb\rc\n");
    assert_int_equal(n, 6);
    free(s);
    done(text_read("t.txt", 1, &s, &n, &err), &err);
    assert_int_equal(n, 11);
    free(s);
    gzFile f = gzopen("t.txt.gz", "wb");
    for (int i = 0; i < 100000; i++)
        gzputs(f, "line\n");
    gzclose(f);
    done(text_read("t.txt.gz", 0, &s, &n, &err), &err);
    assert_int_equal(n, 500000);
    free(s);
    size_t size;
    char *gz = scratch_read("t.txt.gz", &size);
    scratch_write("cut.gz", gz, size / 2);
    refused(text_read("cut.gz", 0, &s, &n, &err), &err, "cut.gz", "is cut");
    gz[size / 2] = (char)(gz[size / 2] ^ 0x55);
    scratch_write("bad.gz", gz, size);
    refused(text_read("bad.gz", 0, &s, &n, &err), &err, "bad.gz", "gz file");
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
    refused(text_read("none.txt", 0, &s, &n, &err), &err, "none.txt");
    refused(text_read(".", 0, &s, &n, &err), &err, "folder");
    scratch_text("t.txt", "");
    refused(text_read("t.txt", 0, &s, &n, &err), &err, "t.txt", "is empty");
    refused(text_read("t.txt", 1, &s, &n, &err), &err, "t.txt", "is empty");
    scratch_text("t.txt", "good\nna\xefve");
    refused(text_read("t.txt", 0, &s, &n, &err), &err,
            "t.txt:2:3: byte 7 (0xef) is not UTF-8", "--unit byte");
    scratch_write("t.txt",
                  "\x7f"
                  "ELF\0\0\xff",
                  7);
    refused(text_read("t.txt", 0, &s, &n, &err), &err, "binary", "--unit byte");
    refused(vocab_build(&v, "t.txt", "aaa", 3, 0, 1, &err), &err, "t.txt",
            "only one kind", "U+0061 'a'");
    refused(vocab_build(&v, "t.txt", "\n", 1, 0, 1, &err), &err, "U+000A)");
    refused(vocab_build(&v, "t.txt", "\xff\xff", 2, 1, 1, &err), &err,
            "byte 0xff");
    done(vocab_build(&v, "t.txt", "ab\n", 3, 0, 1, &err), &err);
    refused(text_encode(&v, "v.txt", "ab\na\xc3\xa9", 6, &ids, &count, &err),
            &err, "v.txt:2:2: character U+00E9 '\xc3\xa9' is not in",
            "vocabulary of 3");
    refused(text_encode(&v, "v.txt", "a\xff", 2, &ids, &count, &err), &err,
            "not UTF-8");
    vocab_free(&v);
}

static void words(void **state)
{
    (void)state;
    const char *word[] = {"a", "a", "b", "c", "c"};
    const char *const member[] = {"</s>", "b"};
    RtError err = {0};
    Vocab v, w;
    done(vocab_build_words(&v, "t", word, 5, 2, member, 2, &err), &err);
    assert_int_equal(v.n, 4); /* all are members or frequent */
    assert_int_equal(vocab_word(&v, "</s>"), 0);
    assert_int_equal(vocab_word(&v, "c"), 3);
    assert_int_equal(vocab_word(&v, "d"), -1);
    vocab_free(&v);
    done(vocab_build_words(&v, "t", word, 5, 2, NULL, 0, &err), &err);
    char *json = vocab_to_json(&v, &err), room[5];
    done(vocab_from_json(&w, json, &err), &err);
    assert_int_equal(w.n, 3);
    assert_int_equal(vocab_word(&w, "b"), 2);
    assert_string_equal(vocab_name(&w, 2, room), VOCAB_UNKNOWN);
    free(json);
    vocab_free(&v);
    vocab_free(&w);
    refused(vocab_build_words(&v, "t", word, 2, 1, NULL, 0, &err), &err,
            "only one name");
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
        cmocka_unit_test(bad_json),
    };
    return cmocka_run_group_tests_name("text", tests, scratch_enter,
                                       scratch_leave);
}
