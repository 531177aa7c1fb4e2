/* Writing MIDI files, see midi.h; the format is that of the MIDI Association's
 * "Standard MIDI Files 1.0". */
#include "midi.h"

#include "rtio.h"

#include <stdlib.h>
#include <string.h>

enum { TICKS = 96 /* of a quarter */ };

/* Events of the track as they come. */
typedef struct Track {
    unsigned char *byte;
    size_t n, cap;
    int64_t wait; /* ticks since the last event */
    int full;     /* no memory */
} Track;

static void put(Track *t, unsigned v)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 1024;
        unsigned char *more = realloc(t->byte, cap);

        t->full |= !more;
        if (!more)
            return;
        t->byte = more;
        t->cap = cap;
    }
    t->byte[t->n++] = (unsigned char)v;
}

/* A number in groups of seven bits, the highest first. */
static void put_wait(Track *t)
{
    for (int shift = 28; shift > 0; shift -= 7)
        if (t->wait >> shift)
            put(t, (unsigned)(t->wait >> shift & 127) | 128);
    put(t, (unsigned)(t->wait & 127));
    t->wait = 0;
}

static void put_note(Track *t, int on, int note)
{
    put_wait(t);
    put(t, on ? 0x90 : 0x80);
    put(t, (unsigned)note);
    put(t, 80); /* how hard */
}

static void put_big(unsigned char *to, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char)(v >> 8 * (bytes - 1 - i));
}

/* What changes from step to step, and the end. */
static void put_steps(Track *t, const double *v, int64_t steps, int64_t n,
                      int first)
{
    for (int64_t s = 0; s <= steps; s++, t->wait += TICKS)
        for (int on = 0; on < 2; on++) /* notes end before others begin */
            for (int64_t i = 0; i < n; i++) {
                int was = s && v[(s - 1) * n + i] > 0.5;
                int is = s < steps && v[s * n + i] > 0.5;
                if (was != is && is == on)
                    put_note(t, on, first + (int)i);
            }
    t->wait = 0;
    put_wait(t);
    put(t, 0xff);
    put(t, 0x2f);
    put(t, 0);
}

int midi_write(const char *path, const double *v, int64_t steps, int64_t n,
               int first, double tempo, RtError *err)
{
    unsigned char head[14] = {'M', 'T', 'h', 'd', 0, 0, 0, 6, 0, 0, 0, 1},
                  track[8] = {'M', 'T', 'r', 'k'}, beat[3];
    Track t = {0};
    RtSave *s;

    put_wait(&t);
    put(&t, 0xff);
    put(&t, 0x51); /* microseconds of a quarter */
    put(&t, 3);
    put_big(beat, (uint32_t)(60e6 / tempo), 3);
    for (int i = 0; i < 3; i++)
        put(&t, beat[i]);
    put_steps(&t, v, steps, n, first);
    put_big(head + 12, TICKS, 2);
    put_big(track + 4, (uint32_t)t.n, 4);
    s = t.full ? NULL : rtio_save_open(path, err);
    if (t.full)
        rt_fail_memory(err, t.n);
    if (s) {
        rtio_save_write(s, head, sizeof head);
        rtio_save_write(s, track, sizeof track);
        rtio_save_write(s, t.byte, t.n);
    }
    free(t.byte);
    return s ? rtio_save_close(s, err) : -1;
}
