/* Lists of notes, see notes.h. */
#include "notes.h"

#include <stdlib.h>
#include <string.h>

#include "rtio.h"

enum { KEYS = 88, LAST = 127 }; /* of a piano; the last number that MIDI has */

/* Notes that are being read. */
typedef struct Notes {
    const char *path;
    int64_t low, n;      /* the first note, and how many there are */
    unsigned char *step; /* [n] */
    RtStore store;
    RtStore start; /* int64_t [npiece + 1]: first step of each */
    int64_t npiece, nstep;
} Notes;

/* What stands where a note should. */
static int bad_note(const Notes *s, int64_t line, const char *word,
                    RtError *err)
{
    return rt_fail(err,
                   "%s:%lld: '%.40s' is no note from %lld to %lld; a line "
                   "holds the numbers of the notes of one step, or - for none "
                   "(the size of the input and --low-note give the range)",
                   s->path, (long long)line, word, (long long)s->low,
                   (long long)(s->low + s->n - 1));
}

/* Cuts the line at its blanks. */
static int add_step(Notes *s, char *text, int64_t line, RtError *err)
{
    char *rest = NULL, *word = strtok_r(text, " \t\r", &rest);

    memset(s->step, 0, (size_t)s->n);
    for (int k = 0; word; k++, word = strtok_r(NULL, " \t\r", &rest)) {
        char *end;
        long note = strtol(word, &end, 10);

        if (!strcmp(word, "-") && !k)
            continue;
        if (end == word || *end || note < s->low || note >= s->low + s->n)
            return bad_note(s, line, word, err);
        s->step[note - s->low] = 1;
    }
    s->nstep++;
    return store_add(&s->store, s->step, (size_t)s->n, err);
}

/* The next step begins a piece. */
static int add_start(Notes *s, RtError *err)
{
    return store_add(&s->start, &s->nstep, sizeof s->nstep, err);
}

static int read_pieces(Notes *s, RtRead *r, RtError *err)
{
    char *text = NULL;
    size_t room = 0;
    int got = 1, inside = 0, bad = 0;

    for (int64_t line = 1; !bad; line++) {
        got = rtio_line(r, &text, &room, err);
        if (got <= 0)
            break;
        if (!text[strspn(text, " \t\r")]) {
            inside = 0;
            continue;
        }
        if (!inside) {
            bad = add_start(s, err);
            s->npiece++;
        }
        inside = 1;
        bad = bad || add_step(s, text, line, err);
    }
    free(text);
    if (bad || got < 0)
        return -1;
    if (!s->npiece)
        return rt_fail(err, "%s: no line with notes in it", s->path);
    return add_start(s, err);
}

int notes_read(RtData *d, const RtWant *want, const char *path, int64_t low,
               RtError *err)
{
    RtWant closed = *want;
    Notes s = {.path = path, .low = low};
    RtRead *r;
    int bad;

    if (want->rank != 1 || want->is_index || want->is_static)
        return rt_fail(err,
                       "%s: notes are for an input such as x[t,88], not for %s",
                       path, want->name);
    if (closed.dim[0] < 0)
        closed.dim[0] = KEYS;
    s.n = closed.dim[0];
    if (low + s.n - 1 > LAST)
        return rt_fail(err,
                       "%s: %lld notes from %lld on are beyond the last, %d; "
                       "choose --low-note",
                       path, (long long)s.n, (long long)low, LAST);
    s.step = malloc((size_t)s.n);
    r = rtio_open(path, 0, err);
    bad = !r || (!s.step && rt_fail_memory(err, (size_t)s.n)) ||
          read_pieces(&s, r, err) || store_end(&s.start, err) ||
          store_end(&s.store, err) ||
          data_add_store(d, &closed, path, &s.store, NPY_U1, 1, s.npiece,
                         (const int64_t *)(void *)s.start.data, err);
    rtio_close(r);
    store_free(&s.store);
    store_free(&s.start);
    free(s.step);
    return bad ? -1 : 0;
}
