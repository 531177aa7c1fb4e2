/* Stores, see store.h. */
#define _XOPEN_SOURCE 700
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rtio.h"

void store_free(RtStore *s)
{
    if (s->map)
        munmap(s->map, s->mapped);
    else
        free(s->data);
    if (s->file)
        close(s->file - 1);
    *s = (RtStore){0};
}

/* Moves what is in memory to the end of the file. */
static int flush(RtStore *s, RtError *err)
{
    if (!s->file && !(s->file = rtio_scratch(err) + 1))
        return -1;
    for (size_t at = 0; at < s->here;) {
        ssize_t n = write(s->file - 1, s->data + at, s->here - at);
        if (n <= 0)
            return rt_fail(err,
                           "the data do not fit into a temporary file: %s; "
                           "choose another folder with TMPDIR",
                           strerror(n < 0 ? errno : ENOSPC));
        at += (size_t)n;
    }
    s->here = 0;
    return 0;
}

int store_add(RtStore *s, const void *bytes, size_t n, RtError *err)
{
    const char *from = bytes;

    s->size += n;
    while (n) {
        if (s->here == s->cap && s->cap < STORE_LARGE) {
            size_t cap = s->cap ? 2 * s->cap : 1 << 12;
            char *more = realloc(s->data, cap);
            if (!more)
                return rt_fail_memory(err, cap);
            s->data = more;
            s->cap = cap;
        } else if (s->here == s->cap && flush(s, err)) {
            return -1;
        }
        size_t part = s->cap - s->here < n ? s->cap - s->here : n;
        memcpy(s->data + s->here, from, part);
        s->here += part;
        from += part;
        n -= part;
    }
    return 0;
}

int store_read(RtStore *s, const char *path, RtError *err)
{
    enum { BLOCK = 1 << 16 };
    RtRead *r = rtio_open(path, 0, err);
    char *block = malloc(BLOCK);
    int64_t n = !r ? -1 : block ? BLOCK : rt_fail_memory(err, BLOCK);

    while (n == BLOCK && (n = rtio_next(r, block, BLOCK, err)) > 0)
        if (store_add(s, block, (size_t)n, err))
            n = -1;
    rtio_close(r);
    free(block);
    return n < 0 ? -1 : 0;
}

int store_end(RtStore *s, RtError *err)
{
    if (!s->data && !(s->data = malloc(1)))
        return rt_fail_memory(err, 1);
    if (!s->file)
        return 0;
    if (flush(s, err))
        return -1;
    void *map =
        mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, s->file - 1, 0);
    if (map == MAP_FAILED)
        return rt_fail_memory(err, s->size);
    free(s->data);
    s->map = map;
    s->mapped = s->size;
    s->data = map;
    s->here = s->size;
    return 0;
}

int store_map(RtStore *s, const char *path, size_t start, size_t size)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    void *map = MAP_FAILED;

    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
        (size_t)st.st_size >= start + size)
        map = mmap(NULL, start + size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        return -1;
    *s = (RtStore){.data = (char *)map + start,
                   .size = size,
                   .here = size,
                   .map = map,
                   .mapped = start + size};
    return 0;
}
