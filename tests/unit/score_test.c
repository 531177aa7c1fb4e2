/* score.h: each metric against values found by hand, entity F1 as conlleval
 * counts, BLEU by its formula, AUC by its pairs. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include "score.h"

#include <math.h>

static char *tags[] = {"B-LOC", "B-PER", "I-LOC", "I-PER", "O"};
static const Vocab bio = {.n = 5, .ncode = 5, .word = tags, .unk = -1};
static const Vocab none = {.unk = -1};

typedef struct Pair {
    const char *found, *truth;
} Pair;

/* Values by letter: a is 0; in tags L P l p O; "-" was not observed. */
static Values series(const char *text, const Vocab *v)
{
    static const char order[] = "LPlpO";
    Values s = {0};
    RtError err = {0};
    for (; *text; text++)
        done(values_add(&s,
                        *text == '-' ? -1
                        : v->n       ? (double)(strchr(order, *text) - order)
                                     : *text - 'a',
                        &err),
             &err);
    return s;
}

static double value(const char *metric, const Vocab *v, const Pair *pair, int n)
{
    RtError err = {0};
    Score s;
    done(score_parse(&s, metric, &err), &err);
    for (int i = 0; i < n; i++) {
        Values found = series(pair[i].found, v);
        Values truth = series(pair[i].truth, v);
        done(score_add(&s, v, &found, &truth, 1, &err), &err);
        free(found.v);
        free(truth.v);
    }
    double x = score_value(&s);
    score_free(&s);
    return x;
}

static void near(double a, double b)
{
    if (fabs(a - b) > 1e-12)
        fail_msg("%.17g, wanted %.17g", a, b);
}

static void shares(void **state)
{
    (void)state;
    const Pair p[] = {
        {"abca", "abda"}, {"ab", "ab-"}, {"ab", "abc"}, {"", "a"}};
    near(value("accuracy(y)", &none, p, 1), 0.75);
    near(value("accuracy ( y )", &none, p, 4), 7.0 / 10);
    near(value("exact(y)", &none, p, 4), 0);
    const Pair q[] = {{"ab", "ab"}, {"ab", "a-"}, {"ab", "abc"}};
    near(value("exact(y)", &none, q, 3), 2.0 / 3);
    assert_true(isnan(value("accuracy(y)", &none, p, 0)));
}

static void edits(void **state)
{
    (void)state;
    const Pair p[] = {{"sitting", "kitten"}, {"", "abc"}, {"abc", "abc"}};
    near(value("error_rate(y)", &none, p, 1), 3.0 / 6);
    near(value("error_rate(y)", &none, p, 3), 6.0 / 12);
    const Pair more = {"abcd", "a"};
    near(value("error_rate(y)", &none, &more, 1), 3);
}

/* Right are an entity's bounds and kind together. */
static void entities(void **state)
{
    (void)state;
    const Pair same = {"OPpOL", "OPpOL"}, shorter = {"OPOOL", "OPpOL"};
    const Pair kind = {"OLlOL", "OPpOL"}, longer = {"PpppO", "PppOO"};
    near(value("f1(y)", &bio, &same, 1), 1);
    near(value("f1(y)", &bio, &shorter, 1), 0.5);
    near(value("f1(y)", &bio, &kind, 1), 0.5);
    near(value("f1(y)", &bio, &longer, 1), 0);
    /* I without B begins one too; B after I, and another kind, a new one */
    const Pair loose = {"Opp", "OPp"}, next = {"PpPp", "Pppp"};
    const Pair change = {"Plp", "PlO"};
    near(value("f1(y)", &bio, &loose, 1), 1);
    near(value("f1(y)", &bio, &next, 1), 0);
    near(value("f1(y)", &bio, &change, 1), 4.0 / 5);
    const Pair none_there = {"OO", "OO"};
    assert_true(isnan(value("f1(y)", &bio, &none_there, 1)));
    const Pair two[] = {{"abba", "abab"}};
    near(value("f1(y)", &none, two, 1), 0.5);
}

static void bleus(void **state)
{
    (void)state;
    const Pair same = {"abcde", "abcde"}, shorter = {"abcd", "abcdef"};
    near(value("bleu(y)", &none, &same, 1), 1);
    near(value("bleu(y)", &none, &shorter, 1), exp(1 - 6.0 / 4));
    /* clipped: of four a two count */
    const Pair p[] = {{"aaaa", "aabc"}, {"bcdef", "bcdef"}};
    double logs = log(7.0 / 9) + log(5.0 / 7) + log(3.0 / 5) + log(2.0 / 3);
    near(value("bleu(y)", &none, p, 2), exp(logs / 4));
    near(value("bleu(y)", &none, p, 1), 0);
    const Pair few = {"ab", "ac"};
    near(value("bleu(y)", &none, &few, 1), 0);
    const Pair words = {"ab", "ab"};
    near(value("bleu(y)", &none, &words, 1), 1);
}

/* Of several references the one that has an n-gram most often clips it, and the
 * one whose length is nearest counts, of two the shorter. */
static void references(void **state)
{
    (void)state;
    RtError err = {0};
    Score s;
    Values found = series("aabcd", &none), one = series("abcd", &none);
    Values truth[] = {series("aacccc", &none), one, series("bcdefgh", &none)};

    done(score_parse(&s, "bleu(y)", &err), &err);
    done(score_add(&s, &none, &found, truth, 3, &err), &err);
    near(s.match[0], 5);
    near(s.match[1], 4);
    near(s.match[2], 2);
    near(s.match[3], 1);
    near(s.there, 4);
    near(score_value(&s), pow(1.0 * 1.0 * 2 / 3 * 1 / 2, 0.25));
    score_free(&s);
    done(score_parse(&s, "exact(y)", &err), &err);
    done(score_add(&s, &none, &one, truth, 3, &err), &err);
    near(score_value(&s), 1.0 / 3);
    score_free(&s);
    for (int k = 0; k < 3; k++)
        free(truth[k].v);
    free(found.v);
}

static void areas(void **state)
{
    (void)state;
    /* chances are letters; b is 1, a is 0 */
    const Pair p = {"dcbaed", "babbab"}, tie = {"aabb", "abab"};
    near(value("auc(y)", &none, &p, 1), 2.0 / 8);
    near(value("auc(y)", &none, &tie, 1), 0.5);
    const Pair one = {"abc", "bbb"};
    assert_true(isnan(value("auc(y)", &none, &one, 1)));
}

static void wrong_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"f1", "f1(y", "blue(y)", "(y)",
                                      "f1(y) x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        RtError err = {0};
        Score s;
        assert_int_equal(score_parse(&s, bad[i], &err), -1);
        rt_error_clear(&err);
        score_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares),      cmocka_unit_test(edits),
        cmocka_unit_test(entities),    cmocka_unit_test(bleus),
        cmocka_unit_test(references),  cmocka_unit_test(areas),
        cmocka_unit_test(wrong_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
