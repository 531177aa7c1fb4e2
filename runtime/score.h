/* Metrics of decoded sequences against what was observed, added up over a data
 * set: accuracy, exact sequences, entity F1, BLEU, error rate, AUC. */
#ifndef CELLC_SCORE_H
#define CELLC_SCORE_H

#include "decode.h"
#include "text.h"

typedef enum ScoreKind {
    SCORE_ACCURACY, /* share of the observed values that are right */
    SCORE_EXACT,    /* share of the sequences that are wholly right */
    SCORE_F1,   /* of entities, where the classes are O, B-x, I-x (and E-x, S-x
                   or L-x, U-x), found as conlleval finds them (Tjong Kim Sang
                   and Buchholz 2000); of two classes, or 0 and 1, of class 1 */
    SCORE_BLEU, /* of all sequences together, words to 4-grams, with the brevity
                   penalty (Papineni et al. 2002), from 0 to 1; where nothing
                   has four words, to the longest n-grams that there are; of
                   several references the one of the nearest length counts, of
                   two the shorter */
    SCORE_ERROR_RATE, /* insertions, deletions and substitutions per observed
                         value (Levenshtein 1966) */
    SCORE_AUC /* area under the curve of true over false positives: the share of
                 pairs of a 1 and a 0 that are ranked right */
} ScoreKind;

typedef struct Score {
    char *text; /* "f1(y)" */
    char *name; /* "y" */
    ScoreKind kind;
    double right, found, there; /* counts, by kind */
    double match[4], total[4];  /* BLEU: n-grams of length 1 to 4 */
    Values chance, label;       /* AUC */
} Score;

/* "accuracy" ..., by kind; NULL past the last. */
const char *score_kind_at(int k);
/* From "f1(y)", blanks allowed.  Error: no such metric, not of that form. */
int score_parse(Score *s, const char *text, RtError *err);
void score_free(Score *s);
/* A sequence and what it should be, truth[ntruth]: references for BLEU, one
 * after the other for all else.  Negative values there are not observed. vocab:
 * of the name's set, n = 0: none.  For AUC `found` are probabilities of 1. */
int score_add(Score *s, const Vocab *vocab, const Values *found,
              const Values *truth, int64_t ntruth, RtError *err);
/* NAN where nothing was added that counts. */
double score_value(const Score *s);

#endif
