/* Messages to the user: every stage reports through here and goes on; the
 * text, the caret and the suggestion are put together in one place.  The rows
 * are in diag.def: one per message, with its code and long explanation. */
#ifndef CELLC_DIAG_H
#define CELLC_DIAG_H

#include "source.h"

/* diag.def rows: D(name, code, severity, format, explanation). */
typedef enum DiagId {
#define D(name, code, severity, format, explanation) name,
#include "diag.def"
#undef D
    DIAG_COUNT
} DiagId;

typedef struct Diags Diags;

/* `sink` gets each finished message, one call per message, newline included;
 * severity is "error", "warning" or "note". */
Diags *diags_new(Arena *a, const Sources *s,
                 void (*sink)(void *user, const char *severity,
                              const char *text),
                 void *user);
/* A message about text of the library also points at the user's own: `place`
 * gives candidates by number, innermost first, and {0, 0} after the last. */
void diags_context(Diags *d, Span (*place)(void *user, int i), void *user);
/* Reports row `id` at `at` with the row's format.  The message is finished
 * (and sent) by the next diag() or by diags_flush(). */
void diag(Diags *d, DiagId id, Span at, ...);
/* Secondary place for the message being built: its line with an underline. */
void diag_note(Diags *d, Span at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The one "help: ..." line of the message being built. */
void diag_help(Diags *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "file:line:col: " and what is said, then the source line with an underline.
 */
void diag_place(Buf *out, const Sources *s, Span at, const char *said);
void diags_flush(Diags *d);
int diags_errors(const Diags *d);
/* Closest of n candidates by edit distance, or NULL if none is close. */
const char *diag_closest(const char *word, const char *const *cand, int n);
/* The row's long text for `cellc --explain CODE`, NULL if there is none. */
const char *diag_explain(const char *code);
/* What brings the message and what is right (example.def). */
bool diag_example(const char *code, const char **wrong, const char **right);

#endif
