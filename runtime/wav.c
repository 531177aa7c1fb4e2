/* .wav files: RIFF chunks, of which `fmt ` says how the numbers in `data` are
 * written.  See wav.h. */
#include "wav.h"

#include <stdlib.h>
#include <string.h>

#include "rtio.h"

typedef enum WavFormat { PCM = 1, FLOAT = 3, EXTENSIBLE = 0xfffe } WavFormat;

/* What the chunks say. */
typedef struct Chunks {
    const unsigned char *data; /* NULL: none yet */
    size_t size;               /* of data, in bytes */
    int format, channels, bits, rate;
    int cut;
} Chunks;

static uint32_t little(const unsigned char *p, int bytes)
{
    uint32_t x = 0;

    for (int k = bytes - 1; k >= 0; k--)
        x = x << 8 | p[k];
    return x;
}

static void read_format(const unsigned char *p, size_t size, Chunks *c)
{
    if (size < 16)
        return;
    c->format = (int)little(p, 2);
    c->channels = (int)little(p + 2, 2);
    c->rate = (int)little(p + 4, 4);
    c->bits = (int)little(p + 14, 2);
    if (c->format == EXTENSIBLE && size >= 26)
        c->format = (int)little(p + 24, 2);
}

static void read_chunks(const unsigned char *u, size_t n, Chunks *c)
{
    for (size_t at = 12; n - at >= 8 && at < n;) {
        size_t size = little(u + at + 4, 4), room = n - at - 8;

        c->cut |= size > room;
        if (size > room)
            size = room;
        if (!memcmp(u + at, "fmt ", 4))
            read_format(u + at + 8, size, c);
        if (!memcmp(u + at, "data", 4) && !c->data) {
            c->data = u + at + 8;
            c->size = size;
        }
        at += 8 + size + (size & 1);
    }
}

/* One number, from -1 to 1. */
static double sample(const unsigned char *p, const Chunks *c)
{
    uint32_t u = little(p, c->bits / 8);
    float f;

    if (c->format == FLOAT) {
        memcpy(&f, &u, sizeof f);
        return f;
    }
    if (c->bits == 8)
        return ((double)u - 128) / 128;
    double range = (double)(UINT64_C(1) << (c->bits - 1));
    return (u >= range ? (double)u - 2 * range : (double)u) / range;
}

static int bad_chunks(const Chunks *c)
{
    int pcm = c->format == PCM &&
              (c->bits == 8 || c->bits == 16 || c->bits == 24 || c->bits == 32);

    return (!pcm && !(c->format == FLOAT && c->bits == 32)) ||
           c->channels < 1 || c->rate < 1;
}

int wav_read(const char *path, Wav *w, RtError *err)
{
    char *bytes;
    size_t n;
    Chunks c = {0};
    *w = (Wav){0};
    if (rtio_read(path, &bytes, &n, err))
        return -1;
    int bad = 0;
    if (n < 12 || memcmp(bytes, "RIFF", 4) || memcmp(bytes + 8, "WAVE", 4))
        bad = rt_fail(err,
                      "%s: not a .wav file (it does not begin with RIFF "
                      "and WAVE)",
                      path);
    if (!bad)
        read_chunks((const unsigned char *)bytes, n, &c);
    if (!bad && (!c.data || c.cut))
        bad = rt_fail(err, "%s: the .wav file is cut", path);
    if (!bad && bad_chunks(&c))
        bad = rt_fail(err,
                      "%s: sound in format %d of %d bits, wanted PCM (1) of "
                      "8, 16, 24 or 32 bits or float (3) of 32; convert it, as "
                      "with: sox IN OUT.wav",
                      path, c.format, c.bits);
    size_t step = bad ? 1 : (size_t)c.channels * (size_t)c.bits / 8;
    if (!bad) {
        w->rate = c.rate;
        w->n = (int64_t)(c.size / step);
        w->x = malloc(sizeof *w->x * (size_t)(w->n + 1));
        if (!w->x)
            bad = rt_fail_memory(err, sizeof *w->x * (size_t)w->n);
    }
    for (int64_t i = 0; i < w->n && !bad; i++) {
        w->x[i] = 0;
        for (int k = 0; k < c.channels; k++)
            w->x[i] +=
                sample(c.data + (size_t)i * step + (size_t)(k * c.bits / 8),
                       &c) /
                c.channels;
    }
    free(bytes);
    return bad;
}
