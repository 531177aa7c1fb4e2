/* Text by character: the vocabulary, encoding and decoding, and the JSON of
 * every vocabulary; those of words are built in words.c.  See text.h. */
#include "text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "rtio.h"

enum { CODES = 0x110000, REPLACEMENT = 0xFFFD };

void vocab_free(Vocab *v)
{
    for (int32_t i = 0; v->word && i < v->ncode; i++)
        free(v->word[i]);
    free(v->word);
    free(v->code);
    free(v->eos);
    *v = (Vocab){0};
}

int32_t vocab_class(const Vocab *v, int32_t code)
{
    int32_t lo = 0, hi = v->ncode;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (v->code[mid] < code)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < v->ncode && v->code[lo] == code ? lo : -1;
}

/* Codes that are members, those of one scalar: must[code] is 1. */
static void mark_members(const Vocab *v, const VocabHow *how,
                         unsigned char *must)
{
    for (int k = 0; k < how->nmember; k++) {
        size_t n = strlen(how->member[k]), bytes = 0;
        int32_t c = n ? text_scalar(how->member[k], n, &bytes) : -1;
        if (c >= 0 && bytes == n && c < (v->bytes ? 0x80 : CODES))
            must[c] = 1;
    }
}

/* The codes that occur, and members, which may not; of them those that have a
 * class by how often they do. */
static int keep_codes(Vocab *v, const int64_t *count, const VocabHow *how,
                      const unsigned char *member, RtError *err)
{
    int64_t n = 0, k = 0;
    int unknown = 0;
    for (int32_t c = 0; c < CODES; c++)
        n += count[c] > 0 || member[c];
    int64_t *often = malloc(sizeof *often * ((size_t)n + 1));
    unsigned char *keep = malloc((size_t)n + 1), *must = malloc((size_t)n + 1);
    v->code = malloc(sizeof *v->code * ((size_t)n + 1));
    int bad = !often || !keep || !must || !v->code
                  ? rt_fail_memory(err, sizeof *often * (size_t)n)
                  : 0;
    for (int32_t c = 0; c < CODES && !bad; c++)
        if (count[c] || member[c]) {
            v->code[k] = c;
            often[k] = count[c];
            must[k++] = member[c];
        }
    if (!bad)
        bad = vocab_limit(often, must, n, how, keep, &unknown, err);
    for (int64_t i = 0; i < n && !bad; i++)
        if (keep[i])
            v->code[v->ncode++] = v->code[i];
    v->unk = unknown ? v->ncode : -1;
    v->n = v->ncode + unknown;
    free(often);
    free(keep);
    free(must);
    return bad;
}

/* What to call a character in a message: U+00E9 'é', or byte 0xe9. */
static char *code_name(int bytes, int32_t code)
{
    if (bytes)
        return rt_printf("byte 0x%02x", (unsigned)code);
    utf8proc_uint8_t s[8] = {0};
    utf8proc_category_t kind = utf8proc_category(code);
    utf8proc_encode_char(code, s);
    if (kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CN)
        return rt_printf("character U+%04X", (unsigned)code);
    return rt_printf("character U+%04X '%s'", (unsigned)code, (char *)s);
}

static int build_codes(Vocab *v, TextIn *in, const VocabHow *how, RtError *err)
{
    int64_t *count = calloc(CODES, sizeof *count);
    unsigned char *member = calloc(CODES, 1);
    int32_t c;
    int got = 1,
        bad = count && member ? 0 : rt_fail_memory(err, CODES * sizeof *count);
    v->bytes = in->unit == TEXT_BYTE;
    if (!bad)
        mark_members(v, how, member);
    while (!bad && got > 0 && (got = textin_code(in, &c, err)) > 0)
        count[c]++;
    bad = bad || got < 0 || keep_codes(v, count, how, member, err);
    free(count);
    free(member);
    if (!bad && !in->byte)
        return rt_fail(err, "%s: the file is empty, wanted text", in->name);
    if (bad || v->n > 1)
        return bad ? -1 : 0;
    char *what = v->ncode ? code_name(v->bytes, v->code[0]) : NULL;
    rt_fail(err,
            "%s: only one kind of character is in the text (%s), so there is "
            "nothing to learn; wanted at least two",
            in->name, what ? what : "none that is frequent enough");
    free(what);
    return -1;
}

static int build_words(Vocab *v, TextIn *in, const VocabHow *how, RtError *err)
{
    WordCount *count = NULL;
    int got = 1, bad = 0;
    in->eos = how->eos;
    while (!bad && (got = textin_word(in, err)) > 0)
        bad = word_count(&count, in->word, 0, err);
    bad = bad || got < 0;
    if (!bad && !in->byte)
        bad = rt_fail(err, "%s: the file is empty, wanted text", in->name);
    if (!bad)
        bad = vocab_of_words(v, in->name, count, how, err);
    word_count_free(count);
    if (!bad && how->eos && !(v->eos = strdup(how->eos)))
        bad = rt_fail_memory(err, strlen(how->eos));
    return bad;
}

int vocab_build(Vocab *v, TextIn *in, const VocabHow *how, RtError *err)
{
    *v = (Vocab){.unk = -1};
    in->lower = how->lower;
    int bad = in->unit == TEXT_WORD ? build_words(v, in, how, err)
                                    : build_codes(v, in, how, err);
    v->lower = how->lower;
    if (bad)
        vocab_free(v);
    return bad ? -1 : 0;
}

TextUnit vocab_unit(const Vocab *v)
{
    return v->word ? TEXT_WORD : v->bytes ? TEXT_BYTE : TEXT_CHAR;
}

static int unknown(const Vocab *v, const TextIn *in, int32_t code, RtError *err)
{
    char *what =
        v->word ? rt_printf("\"%s\"", in->word) : code_name(v->bytes, code);
    rt_fail(err,
            "%s:%lld:%lld: %s is not in the model's vocabulary of %d; remove "
            "it, or train with it in the text, or with --min-count 2, which "
            "gives what is rare a class",
            in->name, (long long)in->from_line, (long long)in->from_column,
            what ? what : "?", v->n);
    free(what);
    return -1;
}

/* The class of what comes next; 1, 0 at the end, -1 on an error. */
static int next_class(const Vocab *v, TextIn *in, int32_t *id, RtError *err)
{
    int32_t code = 0;
    int got = textin_next(in, &code, err);
    if (got <= 0)
        return got;
    *id = v->word ? vocab_word(v, in->word) : vocab_class(v, code);
    if (*id < 0)
        *id = v->unk;
    return *id < 0 ? unknown(v, in, code, err) : 1;
}

static void follow(const Vocab *v, TextIn *in)
{
    in->lower = v->lower && !v->word;
    in->eos = v->eos;
}

int text_encode(const Vocab *v, const char *name, const char *text, size_t n,
                int32_t **ids, int64_t *count, RtError *err)
{
    TextIn in;
    textin_memory(&in, name, text, n, vocab_unit(v));
    follow(v, &in);
    *count = 0;
    *ids = malloc(sizeof **ids * (n + 1));
    int got = *ids ? 1 : rt_fail_memory(err, sizeof **ids * n);
    while (got > 0 && (got = next_class(v, &in, *ids + *count, err)) > 0)
        ++*count;
    textin_close(&in);
    if (got == 0)
        return 0;
    free(*ids);
    *ids = NULL;
    return -1;
}

int text_store(const Vocab *v, TextIn *in, RtStore *ids, int *width,
               int64_t *count, RtError *err)
{
    int got = 1, bad = 0;
    int32_t id;
    *width = v->n <= 0x100 ? 1 : v->n <= 0x10000 ? 2 : 4;
    *count = 0;
    follow(v, in);
    while (!bad && (got = next_class(v, in, &id, err)) > 0) {
        uint8_t one = (uint8_t)id;
        uint16_t two = (uint16_t)id;
        const void *from = *width == 1   ? (const void *)&one
                           : *width == 2 ? (const void *)&two
                                         : (const void *)&id;
        bad = store_add(ids, from, (size_t)*width, err);
        ++*count;
    }
    if (!bad && !got && !*count)
        bad = rt_fail(err, "%s: the file is empty, wanted text", in->name);
    return bad || got < 0 ? -1 : store_end(ids, err);
}

int text_decode(const Vocab *v, int32_t id, char out[4])
{
    int known = id >= 0 && id < v->ncode;
    if (v->bytes) {
        out[0] = known ? (char)v->code[id] : '?';
        return 1;
    }
    return (int)utf8proc_encode_char(known ? v->code[id] : REPLACEMENT,
                                     (utf8proc_uint8_t *)out);
}

static json_t *item_json(const Vocab *v, int32_t i)
{
    char s[4];
    if (v->word)
        return json_string(v->word[i]);
    return v->bytes ? json_integer(v->code[i])
                    : json_stringn(s, (size_t)text_decode(v, i, s));
}

char *vocab_to_json(const Vocab *v, RtError *err)
{
    json_t *items = json_array();
    for (int32_t i = 0; i < v->ncode; i++)
        json_array_append_new(items, item_json(v, i));
    const char *unit = v->word ? "word" : v->bytes ? "byte" : "char";
    json_t *root =
        json_pack("{s:s, s:b}", "unit", unit, "unknown", v->unk >= 0);
    if (root && v->lower)
        json_object_set_new(root, "lower", json_true());
    if (root && v->eos)
        json_object_set_new(root, "eos", json_string(v->eos));
    json_object_set_new(root, "items", items);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text)
        rt_fail_memory(err, 0);
    return text;
}

/* The code of one item, -1 if it is none. */
static int32_t item_code(const json_t *item, int bytes)
{
    if (bytes) {
        json_int_t c = json_is_integer(item) ? json_integer_value(item) : -1;
        return c < 0 || c > 255 ? -1 : (int32_t)c;
    }
    size_t size, n = json_string_length(item);
    int32_t c = n ? text_scalar(json_string_value(item), n, &size) : -1;
    return c >= 0 && size == n ? c : -1;
}

static int read_words(Vocab *v, const json_t *items, RtError *err)
{
    size_t n = json_array_size(items);
    v->word = calloc(n + 1, sizeof *v->word);
    if (!v->word)
        return rt_fail_memory(err, sizeof *v->word * n);
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(items, i));
        if (!s || (i && strcmp(s, v->word[i - 1]) <= 0))
            return rt_fail(err, "damaged vocabulary: item %zu", i + 1);
        v->word[i] = strdup(s);
        if (!v->word[i])
            return rt_fail_memory(err, strlen(s));
        v->ncode++;
    }
    return 0;
}

static int read_items(Vocab *v, const json_t *items, RtError *err)
{
    size_t n = json_array_size(items);
    v->code = malloc(sizeof *v->code * (n + 1));
    if (!v->code)
        return rt_fail_memory(err, sizeof *v->code * n);
    for (size_t i = 0; i < n; i++) {
        int32_t c = item_code(json_array_get(items, i), v->bytes);
        if (c < 0 || (i && c <= v->code[i - 1]))
            return rt_fail(err, "damaged vocabulary: item %zu", i + 1);
        v->code[v->ncode++] = c;
    }
    return 0;
}

int vocab_from_json(Vocab *v, const char *json, RtError *err)
{
    json_error_t why;
    json_t *root = json_loads(json, JSON_ALLOW_NUL, &why), *items = NULL;
    const char *unit = NULL, *eos = NULL;
    int unk = 0, lower = 0, bad = 0;
    *v = (Vocab){.unk = -1};
    if (!root)
        return rt_fail(err, "damaged vocabulary: %s", why.text);
    if (json_unpack(root, "{s:s, s:b, s?b, s?s, s:o}", "unit", &unit, "unknown",
                    &unk, "lower", &lower, "eos", &eos, "items", &items) ||
        (strcmp(unit, "char") && strcmp(unit, "byte") &&
         strcmp(unit, "word")) ||
        !json_is_array(items))
        bad = rt_fail(err, "damaged vocabulary: wanted {\"unit\":\"char\","
                           "\"unknown\":false,\"items\":[...]}");
    if (!bad) {
        v->bytes = !strcmp(unit, "byte");
        bad = !strcmp(unit, "word") ? read_words(v, items, err)
                                    : read_items(v, items, err);
        v->unk = unk ? v->ncode : -1;
        v->n = v->ncode + unk;
        v->lower = lower;
        if (eos && !(v->eos = strdup(eos)))
            bad = rt_fail_memory(err, strlen(eos));
    }
    json_decref(root);
    if (bad)
        vocab_free(v);
    return bad;
}
