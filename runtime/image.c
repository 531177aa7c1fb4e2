/* Grey images, see image.h; the format is that of W3C's PNG specification,
 * third edition: signature, IHDR, one IDAT of zlib's making, IEND. */
#include "image.h"

#include "rtio.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void put_big(unsigned char *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(v >> (24 - 8 * i));
}

static void put_chunk(RtSave *s, const char *type, const unsigned char *bytes,
                      size_t n)
{
    unsigned char word[4];
    uLong sum = crc32(0, (const unsigned char *)type, 4);

    put_big(word, (uint32_t)n);
    rtio_save_write(s, word, 4);
    rtio_save_write(s, type, 4);
    rtio_save_write(s, bytes, n);
    put_big(word, (uint32_t)(n ? crc32(sum, bytes, (uInt)n) : sum));
    rtio_save_write(s, word, 4);
}

/* Every line begins with a byte that says how it is filtered: not at all. */
static void put_lines(const double *v, int64_t width, int64_t height,
                      unsigned char *to)
{
    for (int64_t y = 0; y < height; y++) {
        *to++ = 0;
        for (int64_t x = 0; x < width; x++, v++)
            *to++ = (unsigned char)(*v > 0 ? *v < 1 ? 255 * *v + 0.5 : 255 : 0);
    }
}

int image_write(const char *path, const double *v, int64_t n, int64_t width,
                RtError *err)
{
    static const unsigned char signature[] = {137, 'P', 'N', 'G',
                                              13,  10,  26,  10};
    unsigned char head[13] = {0}, *lines, *packed;
    int64_t height = width > 0 ? n / width : 0;
    uLong raw = (uLong)((width + 1) * height), size = compressBound(raw);
    RtSave *s;

    if (!height || height * width != n || raw > 0x7fffffff)
        return rt_fail(err,
                       "%s: %lld values do not make an image with lines of "
                       "%lld pixels",
                       path, (long long)n, (long long)width);
    lines = malloc(raw);
    packed = malloc(size);
    if (!lines || !packed) {
        free(lines);
        free(packed);
        return rt_fail_memory(err, raw + size);
    }
    put_lines(v, width, height, lines);
    compress2(packed, &size, lines, raw, 9);
    put_big(head, (uint32_t)width);
    put_big(head + 4, (uint32_t)height);
    head[8] = 8; /* bits of a pixel, which is grey: the rest is 0 */
    s = rtio_save_open(path, err);
    if (s) {
        rtio_save_write(s, signature, sizeof signature);
        put_chunk(s, "IHDR", head, sizeof head);
        put_chunk(s, "IDAT", packed, size);
        put_chunk(s, "IEND", NULL, 0);
    }
    free(lines);
    free(packed);
    return s ? rtio_save_close(s, err) : -1;
}
