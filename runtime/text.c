/* Text by character: reading, the vocabulary, encoding and decoding, and the
 * JSON of every vocabulary; those of words are built in words.c.  See text.h.
 */
#include "text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "rtio.h"

enum { CODES = 0x110000, REPLACEMENT = 0xFFFD };

/* Line and column, in characters from 1, of byte `at`. */
static void find_place(const char *text, size_t at, int64_t *line,
                       int64_t *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            ++*line;
            *column = 1;
        } else if ((text[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

/* The scalar at text[i], and how many bytes it takes; -1 if there is none. */
static int32_t scalar_at(const char *text, size_t n, size_t i, size_t *bytes)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t got = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                            (utf8proc_ssize_t)(n - i), &c);
    *bytes = got > 0 ? (size_t)got : 1;
    return got > 0 ? c : -1;
}

static int not_utf8(const char *name, const char *text, size_t at, RtError *err)
{
    int64_t line, column;
    find_place(text, at, &line, &column);
    return rt_fail(err,
                   "%s:%lld:%lld: byte %zu (0x%02x) is not UTF-8; convert the "
                   "text (iconv -t UTF-8), or read it as bytes: --unit byte",
                   name, (long long)line, (long long)column, at,
                   (unsigned char)text[at]);
}

static int check_utf8(const char *name, const char *text, size_t n,
                      RtError *err)
{
    size_t bytes;
    for (size_t i = 0; i < n; i += bytes) {
        if (text[i] == 0)
            return rt_fail(err,
                           "%s: a binary file (byte %zu is 0), wanted text; "
                           "to learn its bytes: --unit byte",
                           name, i);
        if (scalar_at(text, n, i, &bytes) < 0)
            return not_utf8(name, text, i, err);
    }
    return 0;
}

/* Drops a byte order mark and the CR of every CR LF; returns the new length. */
static size_t clean(char *text, size_t n)
{
    size_t to = 0;
    for (size_t i = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0; i < n;
         i++)
        if (text[i] != '\r' || i + 1 == n || text[i + 1] != '\n')
            text[to++] = text[i];
    text[to] = 0;
    return to;
}

int text_read(const char *path, int bytes, char **text, size_t *n, RtError *err)
{
    if (rtio_read(path, text, n, err))
        return -1;
    int bad = bytes ? 0 : check_utf8(path, *text, *n, err);
    if (!bad && !bytes)
        *n = clean(*text, *n);
    if (!bad && !*n)
        bad = rt_fail(err, "%s: the file is empty, wanted text", path);
    if (bad) {
        free(*text);
        *text = NULL;
    }
    return bad;
}

void vocab_free(Vocab *v)
{
    for (int32_t i = 0; v->word && i < v->ncode; i++)
        free(v->word[i]);
    free(v->word);
    free(v->code);
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

/* The next unit of text[n]: a byte or a scalar; -1 where it is not UTF-8. */
static int32_t unit_at(int bytes, const char *text, size_t n, size_t i,
                       size_t *size)
{
    if (!bytes)
        return scalar_at(text, n, i, size);
    *size = 1;
    return (unsigned char)text[i];
}

/* Keeps what occurs often enough. */
static int keep_codes(Vocab *v, const int64_t *count, int64_t min_count,
                      RtError *err)
{
    int rare = 0;
    for (int32_t c = 0; c < CODES; c++) {
        v->ncode += count[c] >= min_count;
        rare |= count[c] && count[c] < min_count;
    }
    v->code = malloc(sizeof *v->code * ((size_t)v->ncode + 1));
    if (!v->code)
        return rt_fail_memory(err, sizeof *v->code * (size_t)v->ncode);
    int32_t n = 0;
    for (int32_t c = 0; c < CODES; c++)
        if (count[c] >= min_count)
            v->code[n++] = c;
    v->unk = rare ? v->ncode : -1;
    v->n = v->ncode + rare;
    return 0;
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

int vocab_build(Vocab *v, const char *name, const char *text, size_t n,
                int bytes, int64_t min_count, RtError *err)
{
    int64_t *count = calloc(CODES, sizeof *count);
    if (!count)
        return rt_fail_memory(err, CODES * sizeof *count);
    *v = (Vocab){.bytes = bytes, .unk = -1};
    int bad = 0;
    size_t size;
    for (size_t i = 0; i < n && !bad; i += size) {
        int32_t c = unit_at(bytes, text, n, i, &size);
        if (c < 0)
            bad = not_utf8(name, text, i, err);
        else
            count[c]++;
    }
    if (!bad)
        bad = keep_codes(v, count, min_count > 1 ? min_count : 1, err);
    free(count);
    if (!bad && v->n < 2) {
        char *what = v->ncode ? code_name(bytes, v->code[0]) : NULL;
        bad = rt_fail(err,
                      "%s: only one kind of character is in the text (%s), so "
                      "there is nothing to learn; wanted at least two",
                      name, what ? what : "none that is frequent enough");
        free(what);
    }
    if (bad)
        vocab_free(v);
    return bad;
}

static int unknown(const Vocab *v, const char *name, const char *text, size_t i,
                   int32_t code, RtError *err)
{
    int64_t line, column;
    find_place(text, i, &line, &column);
    char *what = code_name(v->bytes, code);
    rt_fail(err,
            "%s:%lld:%lld: %s is not in the model's vocabulary of %d; remove "
            "it, or train with it in the text",
            name, (long long)line, (long long)column, what ? what : "?", v->n);
    free(what);
    return -1;
}

int text_encode(const Vocab *v, const char *name, const char *text, size_t n,
                int32_t **ids, int64_t *count, RtError *err)
{
    *count = 0;
    *ids = malloc(sizeof **ids * (n + 1));
    if (!*ids)
        return rt_fail_memory(err, sizeof **ids * n);
    int bad = 0;
    size_t size;
    for (size_t i = 0; i < n && !bad; i += size) {
        int32_t c = unit_at(v->bytes, text, n, i, &size);
        int32_t id = c < 0 ? -1 : vocab_class(v, c);
        if (c < 0)
            bad = not_utf8(name, text, i, err);
        else if (id < 0 && v->unk < 0)
            bad = unknown(v, name, text, i, c, err);
        else
            (*ids)[(*count)++] = id < 0 ? v->unk : id;
    }
    if (bad) {
        free(*ids);
        *ids = NULL;
    }
    return bad;
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
    json_t *root = json_pack("{s:s, s:b, s:o}", "unit", unit, "unknown",
                             v->unk >= 0, "items", items);
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
    int32_t c = n ? scalar_at(json_string_value(item), n, 0, &size) : -1;
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
    const char *unit = NULL;
    int unk = 0, bad = 0;
    *v = (Vocab){.unk = -1};
    if (!root)
        return rt_fail(err, "damaged vocabulary: %s", why.text);
    if (json_unpack(root, "{s:s, s:b, s:o}", "unit", &unit, "unknown", &unk,
                    "items", &items) ||
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
    }
    json_decref(root);
    if (bad)
        vocab_free(v);
    return bad;
}
