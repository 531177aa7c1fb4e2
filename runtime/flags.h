/* Command lines: one table per verb says which flags there are, and drives
 * both reading them and `--help`.  Used by the driver and by the executables
 * that `cellc build` makes.  Also what a program says to its user: errors with
 * a colour where there is a terminal, and the check that all results were
 * really written. */
#ifndef FLAGS_H
#define FLAGS_H

#include <stdio.h>

enum { /* exit codes of the program */
       EXIT_DONE = 0,
       EXIT_USER = 1,         /* the user's input is wrong */
       EXIT_USAGE = 2,        /* an unknown flag or verb, a malformed value */
       EXIT_SHORT = 3,        /* a requested check fell short */
       EXIT_BUG = 70,         /* a bug of ours */
       EXIT_INTERRUPTED = 130 /* after saving */
};

typedef struct Flag {
    const char *name;  /* "batch-first", written --batch-first */
    const char *value; /* what its value is called, NULL for a switch */
    const char *start; /* its value where not given, NULL: none */
    const char *from;  /* block of the spec that may set it, NULL: command
                          line only */
    const char *help;  /* one line; NULL: not shown, for our own tests */
} Flag;

typedef struct Flags Flags;

typedef struct Verb {
    const char *name;
    const char *args;        /* "SPEC [DATA]" */
    const char *summary;     /* one line */
    const Flag *const *flag; /* tables, each ends with a NULL name; the list
                                ends with NULL */
    const char *example[2];
    int min, max; /* arguments that are not flags; max < 0: any */
    int (*run)(Flags *f, void *user);
} Verb;

/* Parses argv[0 .. argc) of the verb; flags and arguments in any order, `--`
 * ends the flags, a one-letter name is written with one dash, an unknown flag
 * is an error with a suggestion.  Returns NULL after an error (*code is
 * EXIT_USAGE) or after --help (*code is 0). */
Flags *flags_parse(const Verb *verb, const char *program, int argc, char **argv,
                   int *code);
void flags_free(Flags *f);

const char *flags_program(const Flags *f);
/* i-th argument that is not a flag, NULL past the last. */
const char *flags_arg(const Flags *f, int i);
/* The value given last, else the table's, else NULL. */
const char *flags_get(const Flags *f, const char *name);
/* i-th value given on the command line, NULL past the last. */
const char *flags_each(const Flags *f, const char *name, int i);
/* i-th flag given, whatever it is, and its value (NULL: a switch); NULL past
 * the last. */
const char *flags_nth(const Flags *f, int i, const char **value);
/* How often the flag was given. */
int flags_given(const Flags *f, const char *name);
/* Numbers; a malformed value is an error message and EXIT_USAGE, else 0.
 * *v is left alone where the flag has neither value nor default. */
int flags_long(const Flags *f, const char *name, long low, long high, long *v);
int flags_real(const Flags *f, const char *name, double low, double high,
               double *v);
/* Steps of a chunk: "K", or "(EVERY, BACK)" with EVERY <= BACK; of K both are
 * K. Anything else is a message about `name` and EXIT_USAGE; NULL: both stay.
 */
int flags_chunk(const char *name, const char *text, long *every, long *back);
/* Splits "NAME=VALUE", the i-th value of a flag: returns VALUE and sets *n to
 * the length of NAME; NULL past the last.  Without "=" or with an empty side:
 * message, *n = -1. */
const char *flags_pair(const Flags *f, const char *name, int i, int *n,
                       const char **text);
/* Usage of a verb, every flag with default and source, two examples. */
void flags_help(const Verb *verb, const char *program, FILE *to);
/* The closest of `n` names, or NULL where none is close. */
const char *flags_nearest(const char *word, const char *const *name, int n);
/* Runs the verb named argv[1]; the list ends with NULL.  Handles --help,
 * --version and unknown verbs.  `about` is one line, `more` what --help adds
 * at its end. */
int flags_main(const Verb *const *verbs, const char *about, const char *more,
               const char *version, int argc, char **argv, void *user);

/* Whether to write colours to `to`: a terminal, and NO_COLOR not set. */
int say_colour(FILE *to);
/* A line on standard error that starts with "error: ", "warning: " or
 * "note: ". */
void say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Words and a line end from column `at` on, 0 or behind what a blank follows;
 * further lines begin at `indent`, where `columns` do not hold them. */
enum { SAY_COLUMNS = 80 };
void say_wrapped(const char *text, size_t at, size_t indent, size_t columns,
                 FILE *to);
/* The same with lines, of which the first is broken where a terminal would
 * break it inside of a word. */
void say_lines(const char *text, size_t at, size_t indent, FILE *to);
/* Flushes standard output: NULL, or why not everything could be written, for
 * SAY_LOST; it is forgotten then, so that it is told once. */
const char *say_lost(void);
#define SAY_LOST "standard output: not everything could be written: %s"
/* The same at the end of a program: `code`, or EXIT_USER after that message. */
int say_end(int code);

#endif
