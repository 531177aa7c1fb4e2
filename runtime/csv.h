/* Tables from .csv and .tsv files (gz too): separator and header are
 * recognised, a blank line ends a sequence.  data.c makes data sets of their
 * numbers, apptable.c of their words. */
#ifndef CELLC_CSV_H
#define CELLC_CSV_H

#include <stdint.h>
#include <stdio.h>

#include "rterr.h"
#include "store.h"

typedef struct CsvColumn {
    char *name;       /* from the header, else its number ("1", ...) */
    int64_t bad_line; /* line of the first field that is no number; 0: none */
    char *bad_text;   /* that field */
} CsvColumn;

typedef struct Csv {
    char *path;
    int header;     /* 1: the first line holds names */
    char separator; /* ',' ';' '\t' or ' ' */
    int ncol;
    CsvColumn *column; /* [ncol] */
    int64_t nrow;      /* blank lines not counted */
    double *value;     /* [nrow, ncol]; NaN where missing or no number */
    char **field;      /* [nrow, ncol]: the same as written */
    int64_t *line;     /* [nrow]: where each row is in the file */
    int64_t nseq;      /* sequences; 1 without blank lines */
    int64_t *start;    /* [nseq + 1]: first row of each; nrow at the end */
    /* What those lie in, and the text that the fields point into. */
    RtStore values, fields, lines, starts, text;
} Csv;

/* header: 1 there is one, 0 there is none, -1 decide by looking, -2 the same,
 * where a line of words alone is none.  blanks: 1
 * they may separate fields too; 0 they do not; -1 only tabs do, and a line may
 * begin with # and hold quotes, as sentences do.  Quoted
 * fields may hold separators, line ends and doubled quotes; lines that begin
 * with # are skipped.  Empty fields, "NA", "NaN", "null" and "?" are missing.
 * A row with another number of fields is an error.  A field that is no number
 * is one only where its column is asked for, in csv_columns.  The caller frees
 * with csv_free, also after an error.
 */
int csv_read(const char *path, int header, int blanks, Csv *csv, RtError *err);
/* A text as a table of one column, every line of it a field; empty ones count
 * too. */
int csv_lines(const char *path, Csv *csv, RtError *err);
void csv_free(Csv *csv);
/* Writes a field of a .csv, quoted where it has to be. */
void csv_print(FILE *to, const char *field);

/* What a choice of columns says about fields: numbers, or names of members of
 * an index set, a line per step; or a sequence in each line: words between
 * blanks, characters or numbers between blanks in one field, a step in each of
 * several fields, or a file that a field names. */
typedef enum CsvUnit {
    CSV_COLUMN,
    CSV_WORDS,
    CSV_CHARS,
    CSV_NUMBERS,
    CSV_STEPS,
    CSV_WAV,
    CSV_PNG,
    CSV_NPY
} CsvUnit;
CsvUnit csv_unit(const char *choice);
/* "words" and its like. */
const char *csv_unit_name(CsvUnit unit);

/* Error where a choice is a call of something else than those, such as
 * "wrods(1)", and no column is called so. */
int csv_check_unit(const Csv *csv, const char *choice, RtError *err);

/* Resolves a choice of columns: names, numbers from 1, ranges "2:4", with
 * commas between, names quoted or not, the whole perhaps inside "column(...)",
 * "words(...)" and so on; "key = value" there is no column.  NULL or "" chooses
 * all.  cols[n], 0-based, is malloc'd.  Error if a column does not exist or,
 * with `numbers`, holds text.
 */
int csv_columns(const Csv *csv, const char *choice, int numbers, int **cols,
                int *n, RtError *err);
/* The items "key = value" of a choice: value[i] becomes that of key[i], of n;
 * another key, or what is no number, is an error. */
int csv_options(const char *choice, const char *const *key, double *value,
                int n, RtError *err);
/* 1: a number in all of s, 0: missing (*x is NaN), -1: neither. */
int csv_number(char *s, double *x);

#endif
