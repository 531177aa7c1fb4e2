/* Settings of the run-time verbs: where each comes from, and the state that
 * all verbs share.  See apphost.h. */
#include "apphost.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int app_fail(RtError *err)
{
    if (!err->text || *err->text)
        say_error("%s", err->text ? err->text : "out of memory");
    rt_error_clear(err);
    return EXIT_USER;
}

void app_host_clear(AppHost *h)
{
    for (int i = 0; i < h->ninput; i++) {
        free((char *)h->input[i].want.name);
        free(h->input[i].set);
        for (int k = 0; k < h->input[i].nmember; k++)
            free(h->input[i].member[k]);
        free(h->input[i].member);
        free(h->input[i].last);
        for (int k = 0; k < 4; k++)
            free(h->input[i].dim[k]);
    }
    free(h->input);
    h->input = NULL;
    h->ninput = 0;
    pairs_free(&h->train_block);
    pairs_free(&h->data_block);
    checkpoint_free(&h->about);
}

/* A signal handler has no other way to speak to the loop it interrupts. */
static volatile sig_atomic_t caught;

/* Wrappers such as timeout(1) send a signal twice; a third one is meant. */
static void on_signal(int number)
{
    if (++caught >= 3) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

const volatile sig_atomic_t *app_catch(void)
{
    struct sigaction sa;

    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_signal;
    sigemptyset(&sa.sa_mask);
    caught = 0;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    return &caught;
}

/* The key of a flag: "log-every" is log_every in a spec; malloc'd. */
static char *key_of(const char *flag)
{
    char *key = strdup(flag);

    for (char *p = key; p && *p; p++)
        if (*p == '-')
            *p = '_';
    return key;
}

/* A value as a spec writes it, without the quotes of a string; malloc'd. */
static char *unquoted(const char *text)
{
    size_t n = strlen(text);

    if (n >= 2 && text[0] == '"' && text[n - 1] == '"')
        return strndup(text + 1, n - 2);
    return strdup(text);
}

static int is_setting(const Flag *table, const char *key, const char *block)
{
    for (const Flag *f = table; f->name; f++) {
        char *k = key_of(f->name);
        int same = k && f->from && !strcmp(f->from, block) && !strcmp(k, key);

        free(k);
        if (same)
            return 1;
    }
    return 0;
}

static int unknown_entry(const Flag *table, const char *key, const char *block)
{
    int n = 0, room = 1;
    char **known;
    const char *near = NULL;

    for (const Flag *f = table; f->name; f++)
        room++;
    known = calloc((size_t)room, sizeof *known);
    for (const Flag *f = table; known && f->name; f++)
        if (f->from && !strcmp(f->from, block) && (known[n] = key_of(f->name)))
            n++;
    if (known)
        near = flags_nearest(key, (const char *const *)known, n);
    say_error("the spec's %s block has an entry \"%s\" that is not known%s%s%s",
              block, key, near ? "; did you mean " : "", near ? near : "",
              near ? "?" : "");
    while (n)
        free(known[--n]);
    free(known);
    return EXIT_USER;
}

/* Entries of a block that nothing understands are errors; in a data block the
 * inputs are entries too. */
static int check_block(const AppHost *h, const RtPairs *block, const char *name)
{
    const Flag *table =
        !strcmp(name, "train") ? app_train_flags : app_data_flags;

    for (int i = 0; i < block->n; i++) {
        const char *key = block->v[i].key;
        int known = is_setting(table, key, name);

        for (int k = 0; table == app_data_flags && k < h->ninput; k++)
            known |= !strcmp(h->input[k].want.name, key);
        if (!known)
            return unknown_entry(table, key, name);
    }
    return 0;
}

/* What is yes or no may be nothing else. */
static int check_choice(const Flag *flag, const char *key, const char *value)
{
    if (!flag->value || strcmp(flag->value, "yes|no") ||
        !strcmp(value, "yes") || !strcmp(value, "no"))
        return 0;
    say_error("%s: yes or no is wanted, found \"%s\"", key, value);
    return EXIT_USER;
}

/* Resolves one flag of the table. */
static int resolve(AppHost *h, const Flags *f, const Flag *flag,
                   const Checkpoint *resumed)
{
    RtError err = {0};
    char *key = key_of(flag->name), *plain;
    const RtPairs *block =
        !strcmp(flag->from, "data") ? &h->data_block : &h->train_block;
    const char *value = NULL;
    int code = key ? 0 : EXIT_BUG;

    if (!code && flags_given(f, flag->name))
        value = flags_get(f, flag->name);
    if (!code && !value && resumed)
        value = pairs_get(&resumed->settings, key);
    if (!code && !value)
        value = pairs_get(block, key);
    if (!code && !value)
        value = flag->start;
    /* what is emptied stays so when the checkpoint is read */
    if (!code && value && (*value || flag->start)) {
        plain = unquoted(value);
        if (!plain || pairs_set(&h->about.settings, key, plain, &err))
            code = app_fail(&err);
        else
            code = check_choice(flag, key, plain);
        free(plain);
    }
    free(key);
    return code;
}

static int begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* Columns of inputs are settings too, column.NAME: those that the checkpoint
 * has and then those of flags; and so are weights of classes, weight.NAME. */
static int resolve_columns(AppHost *h, const Flags *f,
                           const Checkpoint *resumed)
{
    static const char head[] = "column.";
    RtError err = {0};
    const char *value, *text;
    int n, bad = 0;

    for (int i = 0; resumed && i < resumed->settings.n && !bad; i++) {
        const RtPair *p = &resumed->settings.v[i];

        if (begins(p->key, head) || begins(p->key, APP_WEIGHT))
            bad = pairs_set(&h->about.settings, p->key, p->value, &err);
    }
    for (int i = 0; (value = flags_pair(f, "column", i, &n, &text)) && !bad;
         i++) {
        char *key = n >= 0 ? rt_printf("%s%.*s", head, n, text) : NULL;

        bad = key && pairs_set(&h->about.settings, key, value, &err);
        free(key);
    }
    return bad ? app_fail(&err) : 0;
}

int app_settings(AppHost *h, const Flags *f, const Flag *table,
                 const Checkpoint *resumed)
{
    int code = check_block(h, &h->train_block, "train");

    if (!code)
        code = check_block(h, &h->data_block, "data");
    for (const Flag *flag = table; flag->name && !code; flag++)
        if (flag->from)
            code = resolve(h, f, flag, resumed);
    if (!code && table == app_data_flags)
        code = resolve_columns(h, f, resumed);
    return code;
}

const char *app_setting(const AppHost *h, const char *key)
{
    return pairs_get(&h->about.settings, key);
}

int app_setting_real(const AppHost *h, const char *key, double low, double *v)
{
    const char *s = app_setting(h, key);
    char *end;
    double x;

    if (!s)
        return 0;
    x = strtod(s, &end);
    if (end == s || *end || !(x >= low)) {
        say_error("%s: a number from %g is wanted, found \"%s\"", key, low, s);
        return EXIT_USER;
    }
    *v = x;
    return 0;
}

int app_setting_bytes(const AppHost *h, const char *key, int64_t *v)
{
    static const char units[] = "KMG";
    const char *s = app_setting(h, key), *unit;
    char *end;

    if (!s)
        return 0;
    double x = strtod(s, &end);
    if (end != s && *end &&
        (unit = strchr(units, toupper((unsigned char)*end))))
        for (end++; unit >= units; unit--)
            x *= 1024;
    if (end == s || *end || !(x >= 1 && x < 9e18)) {
        say_error("%s: a size such as 200M or 2G is wanted, found \"%s\"", key,
                  s);
        return EXIT_USER;
    }
    *v = (int64_t)x;
    return 0;
}

int app_setting_long(const AppHost *h, const char *key, long low, long *v)
{
    const char *s = app_setting(h, key);
    char *end;
    long x;

    if (!s)
        return 0;
    x = strtol(s, &end, 10);
    if (end == s || *end || x < low) {
        say_error("%s: a whole number from %ld is wanted, found \"%s\"", key,
                  low, s);
        return EXIT_USER;
    }
    *v = x;
    return 0;
}

int app_vocab(const AppHost *h, const char *set, Vocab *v, RtError *err)
{
    const char *json = set ? pairs_get(&h->about.vocabs, set) : NULL;

    if (!json)
        return 0;
    return vocab_from_json(v, json, err) ? -1 : 1;
}
