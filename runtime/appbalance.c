/* Weights of classes, found from how often each is observed in the training
 * data; the host compiles them into the loss.  See apphost.h. */
#include "apphost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "0.5,2,1" of the counts, which become the weights. */
static char *weights_text(double *count, int64_t n)
{
    double all = 0, kinds = 0;
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    for (int64_t c = 0; c < n; c++) {
        all += count[c];
        kinds += count[c] > 0;
    }
    for (int64_t c = 0; to && c < n; c++) {
        count[c] = count[c] > 0 ? all / (kinds * count[c]) : 1;
        fprintf(to, "%s%.9g", c ? "," : "", count[c]);
    }
    if (!to || fclose(to))
        return NULL;
    return text;
}

/* The classes that weigh least and most. */
static int tell(const AppHost *h, const AppInput *in, const double *weight,
                int64_t n, RtError *err)
{
    Vocab v = {0};
    char low_room[24], high_room[24];
    int64_t low = 0, high = 0;
    int got = app_vocab(h, in->set, &v, err);

    for (int64_t c = 1; c < n; c++) {
        low = weight[c] < weight[low] ? c : low;
        high = weight[c] > weight[high] ? c : high;
    }
    snprintf(low_room, sizeof low_room, "%lld", (long long)low);
    snprintf(high_room, sizeof high_room, "%lld", (long long)high);
    if (got >= 0)
        say_note("balance: of %s %s weighs least, %.3g, and %s most, %.3g",
                 in->want.name,
                 got ? vocab_name(&v, (int32_t)low, low_room) : low_room,
                 weight[low],
                 got ? vocab_name(&v, (int32_t)high, high_room) : high_room,
                 weight[high]);
    vocab_free(&v);
    return got < 0 ? -1 : 0;
}

static int balance_one(AppHost *h, const AppInput *in, const RtFeed *feed,
                       const RtField *field, RtError *err)
{
    int64_t n = field->classes;
    double *count = calloc((size_t)n + 1, sizeof *count);
    char *key = rt_printf("%s%s", APP_WEIGHT, in->want.name), *text = NULL;
    int bad = count && key ? 0 : rt_fail_memory(err, (size_t)n * sizeof *count);

    if (!bad) {
        feed_classes(feed, field, count, n);
        text = weights_text(count, n);
        bad = text ? pairs_set(&h->about.settings, key, text, err)
                   : rt_fail_memory(err, (size_t)n * 8);
    }
    if (!bad)
        bad = tell(h, in, count, n, err);
    free(count);
    free(text);
    free(key);
    return bad;
}

int app_balance(AppHost *h, const RtData *d, const RtFeedOptions *o)
{
    const char *how = app_setting(h, "balance");
    RtError err = {0};
    RtFeed *feed;
    int bad = 0, any = 0;

    if (!how || !strcmp(how, "no"))
        return 0;
    feed = feed_open(d, o, &err);
    bad = feed ? 0 : -1;
    for (int i = 0; i < h->ninput && !bad; i++) {
        const AppInput *in = &h->input[i];
        const RtField *field = data_field(d, in->want.name);

        if (!field || !in->want.observed || !in->want.is_index)
            continue;
        any = 1;
        bad = balance_one(h, in, feed, field, &err);
    }
    feed_free(feed);
    if (!bad && !any)
        bad = rt_fail(&err, "balance: the model draws no classes, as in "
                            "`y ~ categorical(p)`, that could weigh");
    return bad ? app_fail(&err) : 0;
}
