/* Event files, see events.h. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct Events {
    FILE *file;
    char *path;
    int error; /* errno of the first write that failed, or 0 */
};

/* A message being put together. */
typedef struct Message {
    unsigned char *v;
    size_t n, cap;
    int failed; /* no memory */
} Message;

uint32_t events_checksum(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static void put(Message *m, const void *data, size_t n)
{
    if (m->n + n > m->cap) {
        size_t cap = 2 * m->cap + n + 64;
        unsigned char *more = realloc(m->v, cap);
        if (!more) {
            m->failed = 1;
            return;
        }
        m->v = more;
        m->cap = cap;
    }
    memcpy(m->v + m->n, data, n);
    m->n += n;
}

/* The n lowest bytes of a number, lowest first. */
static void put_bytes(Message *m, uint64_t v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8) {
        unsigned char byte = (unsigned char)v;
        put(m, &byte, 1);
    }
}

static void put_varint(Message *m, uint64_t v)
{
    for (; v > 127; v >>= 7)
        put_bytes(m, v | 128, 1);
    put_bytes(m, v, 1);
}

/* How a field is written, of those that protocol buffers have. */
enum { VARINT, FIXED64, TEXT, FIXED32 = 5 };

static void put_key(Message *m, int field, int kind)
{
    put_varint(m, (uint64_t)(field << 3 | kind));
}

static void put_text(Message *m, int field, const void *text, size_t n)
{
    put_key(m, field, TEXT);
    put_varint(m, n);
    put(m, text, n);
}

/* Event { wall_time = 1; step = 2; ... } */
static void put_head(Message *m, int64_t step)
{
    struct timespec now;
    uint64_t bits;

    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    memcpy(&bits, &seconds, sizeof bits);
    put_key(m, 1, FIXED64);
    put_bytes(m, bits, 8);
    put_key(m, 2, VARINT);
    put_varint(m, (uint64_t)step);
}

/* Writes the message as a record and frees it. */
static void write_record(Events *e, Message *m)
{
    Message r = {0};

    put_bytes(&r, m->n, 8);
    put_bytes(&r, events_checksum(r.v, r.n), 4);
    put(&r, m->v, m->n);
    put_bytes(&r, events_checksum(m->v, m->n), 4);
    if (m->failed || r.failed)
        e->error = ENOMEM;
    else if (!e->error && fwrite(r.v, 1, r.n, e->file) != r.n)
        e->error = errno;
    free(r.v);
    free(m->v);
}

void events_scalar(Events *e, const char *tag, int64_t step, double value)
{
    Message event = {0}, summary = {0}, one = {0};
    float v = (float)value;
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    put_text(&one, 1, tag, strlen(tag)); /* Value { tag = 1; */
    put_key(&one, 2, FIXED32);           /* simple_value = 2 } */
    put_bytes(&one, bits, 4);
    put_text(&summary, 1, one.v, one.n); /* Summary { value = 1 } */
    put_head(&event, step);
    put_text(&event, 5, summary.v, summary.n); /* Event { summary = 5 } */
    event.failed |= one.failed | summary.failed;
    free(one.v);
    free(summary.v);
    write_record(e, &event);
}

Events *events_open(const char *folder, RtError *err)
{
    static const char version[] = "brain.Event:2";
    Events *e = calloc(1, sizeof *e);
    char host[256] = "host";
    Message first = {0};

    if (!e) {
        rt_fail_memory(err, sizeof *e);
        return NULL;
    }
    (void)gethostname(host, sizeof host - 1);
    (void)mkdir(folder, 0777); /* if that fails, so does opening a file there */
    e->path = rt_printf("%s/events.out.tfevents.%lld.%s.%ld", folder,
                        (long long)time(NULL), host, (long)getpid());
    e->file = e->path ? fopen(e->path, "wb") : NULL;
    if (!e->file) {
        rt_fail(err, "%s: cannot be written: %s", e->path ? e->path : folder,
                strerror(errno));
        free(e->path);
        free(e);
        return NULL;
    }
    put_head(&first, 0);
    put_text(&first, 3, version, strlen(version)); /* file_version = 3 */
    write_record(e, &first);
    return e;
}

void events_flush(Events *e)
{
    if (fflush(e->file) && !e->error)
        e->error = errno;
}

int events_close(Events *e, RtError *err)
{
    int rc = 0;

    if (!e)
        return 0;
    if (fclose(e->file) && !e->error)
        e->error = errno;
    if (e->error)
        rc = rt_fail(err, "%s: not all could be written: %s", e->path,
                     strerror(e->error));
    free(e->path);
    free(e);
    return rc;
}
