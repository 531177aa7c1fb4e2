/* Plain texts as data: a stream of characters, bytes or words, read in blocks
 * and kept as class numbers, with the vocabulary that the first text gives.
 * Called by appdata.c.  See apphost.h. */
#include "apphost.h"
#include "notes.h"

#include <stdlib.h>
#include <string.h>

int app_limits(const AppHost *h, const AppInput *in, VocabHow *how)
{
    const char *lower = app_setting(h, "lower"), *eos = app_setting(h, "eos");
    long min_count = 1, most = 0;
    int code = app_setting_long(h, "min_count", 1, &min_count);

    if (!code)
        code = app_setting_long(h, "max_classes", 1, &most);
    *how = (VocabHow){.lower = lower && !strcmp(lower, "yes"),
                      .eos = eos && *eos ? eos : NULL,
                      .min_count = min_count,
                      .max_classes = most,
                      .member = (const char *const *)in->member,
                      .nmember = in->nmember};
    return code;
}

int app_keep_vocab(AppHost *h, const char *set, const Vocab *v, RtError *err)
{
    char *json = vocab_to_json(v, err);
    int bad = !json || pairs_set(&h->about.vocabs, set, json, err);

    free(json);
    return bad ? -1 : 0;
}

/* The last one is no unit of a text. */
static const char *const units[] = {
    [TEXT_CHAR] = "char", [TEXT_BYTE] = "byte", [TEXT_WORD] = "word", "notes"};

/* Whether --unit says `text`, or nothing says anything and it is the first. */
static int is_unit(const AppHost *h, const char *text)
{
    const char *given = app_setting(h, "unit");

    return !strcmp(given ? given : units[TEXT_CHAR], text);
}

int app_check_unit(const AppHost *h, RtError *err)
{
    enum { N = sizeof units / sizeof *units };
    const char *given = app_setting(h, "unit"), *near;

    for (int i = 0; i < N; i++)
        if (is_unit(h, units[i]))
            return 0;
    near = flags_nearest(given, units, N);
    return rt_fail(err,
                   "unit is \"char\", \"byte\", \"word\" or \"notes\", found "
                   "\"%s\"%s%s%s",
                   given, near ? "; did you mean " : "", near ? near : "",
                   near ? "?" : "");
}

/* That of a text; of notes there is none. */
static int find_unit(const AppHost *h, TextUnit *unit, RtError *err)
{
    for (*unit = TEXT_CHAR; *unit <= TEXT_WORD; ++*unit)
        if (is_unit(h, units[*unit]))
            return 0;
    *unit = TEXT_CHAR;
    return rt_fail(err, "a text is not read as %s", app_setting(h, "unit"));
}

/* The vocabulary that the model has, or a new one of the text, which is then
 * read again. */
static int text_vocab(AppHost *h, const AppInput *in, TextIn *t, Vocab *v,
                      RtError *err)
{
    VocabHow how;
    int got = app_vocab(h, in->set, v, err);

    if (got > 0 && vocab_unit(v) != t->unit)
        return rt_fail(err,
                       "%s: the model's vocabulary is of another unit: --unit "
                       "%s, not %s",
                       t->name, units[vocab_unit(v)], units[t->unit]);
    if (got)
        return got < 0 ? -1 : 0;
    if (app_limits(h, in, &how))
        return rt_fail_said(err);
    return vocab_build(v, t, &how, err) || app_keep_vocab(h, in->set, v, err) ||
                   textin_again(t, err)
               ? -1
               : 0;
}

int app_notes(AppHost *h, const AppInput *in, const char *path, RtData *d,
              RtError *err)
{
    long low = 21;

    if (app_setting_long(h, "low_note", 0, &low))
        return rt_fail_said(err);
    return notes_read(d, &in->want, path, low, err);
}

int app_text(AppHost *h, AppInput *in, const char *path, RtData *d,
             RtError *err)
{
    static const NpyType types[] = {[1] = NPY_U1, [2] = NPY_U2, [4] = NPY_I4};
    RtStore ids = {0};
    Vocab v = {0};
    TextIn t = {0};
    TextUnit unit;
    int64_t start[2] = {0, 0};
    int width;
    int bad = find_unit(h, &unit, err) || textin_open(&t, path, unit, err) ||
              text_vocab(h, in, &t, &v, err) ||
              text_store(&v, &t, &ids, &width, &start[1], err);

    if (!bad) {
        in->want.classes = v.n;
        bad = data_add_store(d, &in->want, path, &ids, types[width], 1, 1,
                             start, err);
    }
    store_free(&ids);
    textin_close(&t);
    vocab_free(&v);
    return bad ? -1 : 0;
}
