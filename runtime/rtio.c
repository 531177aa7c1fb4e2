/* Reading whole files, with gz, and replacing files without ever leaving a
 * half-written one in their place.  See rtio.h. */
#define _XOPEN_SOURCE 700
#include "rtio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A descriptor for reading; *size is a guess at the content's size. */
static int open_input(const char *path, size_t *size, RtError *err)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY) : dup(0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return rt_fail(err, "cannot read %s: %s", path, strerror(e));
    }
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        return rt_fail(err, "cannot read %s: it is a folder, a file is wanted",
                       path);
    }
    *size = st.st_size > 0 ? (size_t)st.st_size : 0;
    return fd;
}

/* Appends up to `limit` bytes of z to a growing block. */
static int read_all(gzFile z, size_t guess, size_t limit, char **bytes,
                    size_t *n, RtError *err)
{
    size_t cap = (guess < limit ? guess : limit) + 64;
    char *b = malloc(cap);
    *n = 0;
    while (b && *n < limit) {
        size_t room = cap - *n - 1;
        if (!room) {
            char *more = cap > SIZE_MAX / 2 ? NULL : realloc(b, cap * 2);
            if (!more) {
                free(b);
                return rt_fail_memory(err, cap);
            }
            b = more;
            cap *= 2;
            continue;
        }
        if (room > limit - *n)
            room = limit - *n;
        int got = gzread(z, b + *n, room > 1 << 30 ? 1 << 30 : (unsigned)room);
        if (got <= 0)
            break;
        *n += (size_t)got;
    }
    if (!b)
        return rt_fail_memory(err, cap);
    b[*n] = 0;
    *bytes = b;
    return 0;
}

int rtio_read_head(const char *path, size_t limit, char **bytes, size_t *n,
                   RtError *err)
{
    size_t guess = 0;
    *bytes = NULL;
    *n = 0;
    int fd = open_input(path, &guess, err);
    if (fd < 0)
        return -1;
    gzFile z = gzdopen(fd, "rb");
    if (!z) {
        close(fd);
        return rt_fail_memory(err, guess);
    }
    gzbuffer(z, 1 << 17);
    errno = 0;
    int bad = read_all(z, guess, limit, bytes, n, err);
    if (!bad) {
        int code;
        const char *why = gzerror(z, &code);
        if (code == Z_ERRNO)
            bad = rt_fail(err, "cannot read %s: %s", path, strerror(errno));
        else if (code == Z_BUF_ERROR)
            bad = rt_fail(err, "cannot read %s: the gz file is cut", path);
        else if (code != Z_OK && code != Z_STREAM_END)
            bad =
                rt_fail(err, "cannot read %s: damaged gz file (%s)", path, why);
    }
    gzclose(z);
    if (bad) {
        free(*bytes);
        *bytes = NULL;
    }
    return bad;
}

int rtio_read(const char *path, char **bytes, size_t *n, RtError *err)
{
    return rtio_read_head(path, SIZE_MAX / 4, bytes, n, err);
}

struct RtSave {
    FILE *file;
    char *path;  /* the target, links resolved */
    char *temp;  /* what is being written; NULL: the target itself */
    int old;     /* 1: there is a file to keep */
    int durable; /* 1: sync even where nothing is replaced */
    int error;   /* first errno, 0: none */
};

static void save_free(RtSave *s)
{
    free(s->path);
    free(s->temp);
    free(s);
}

/* Creates the temporary file beside the target, with the target's mode. */
static int open_temp(RtSave *s, const struct stat *old)
{
    for (int i = 0; i < 10000; i++) {
        free(s->temp);
        s->temp = rt_printf("%s.part-%ld-%d", s->path, (long)getpid(), i);
        if (!s->temp)
            return ENOMEM;
        int fd = open(s->temp, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            return errno;
        s->file = fdopen(fd, "wb");
        if (s->file && (!s->old || fchmod(fd, old->st_mode & 0777) == 0))
            return 0;
        int e = errno;
        if (s->file)
            fclose(s->file);
        else
            close(fd);
        unlink(s->temp);
        return e;
    }
    return EEXIST;
}

static FILE *open_direct(const char *path)
{
    if (strcmp(path, "-"))
        return fopen(path, "wb");
    int fd = dup(1);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f && fd >= 0)
        close(fd);
    return f;
}

static RtSave *save_fail(RtSave *s, const char *path, int e, RtError *err)
{
    rt_fail(err, "cannot write %s: %s", path, strerror(e));
    if (s)
        save_free(s);
    return NULL;
}

RtSave *rtio_save_open(const char *path, RtError *err)
{
    RtSave *s = calloc(1, sizeof *s);
    if (!s)
        return save_fail(NULL, path, ENOMEM, err);
    int standard = !strcmp(path, "-");
    s->path = standard ? NULL : realpath(path, NULL);
    if (!s->path)
        s->path = rt_printf("%s", path);
    if (!s->path)
        return save_fail(s, path, ENOMEM, err);
    struct stat old;
    if (!standard && stat(s->path, &old) == 0) {
        if (S_ISDIR(old.st_mode))
            return save_fail(s, path, EISDIR, err);
        s->old = S_ISREG(old.st_mode);
        standard = !s->old;
        if (s->old && access(s->path, W_OK) < 0)
            return save_fail(s, path, errno, err);
    }
    int e = 0;
    if (!standard)
        e = open_temp(s, &old);
    else if (!(s->file = open_direct(path)))
        e = errno;
    if (e)
        return save_fail(s, path, e, err);
    return s;
}

void rtio_save_durable(RtSave *s)
{
    s->durable = 1;
}

int rtio_save_write(RtSave *s, const void *bytes, size_t n)
{
    if (!s->error && n && fwrite(bytes, 1, n, s->file) != n)
        s->error = errno ? errno : EIO;
    return s->error ? -1 : 0;
}

void rtio_save_abort(RtSave *s)
{
    fclose(s->file);
    if (s->temp)
        unlink(s->temp);
    save_free(s);
}

/* Makes the rename itself last.  Not every file system can. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = !slash          ? rt_printf(".")
                : slash == path ? rt_printf("/")
                                : rt_printf("%.*s", (int)(slash - path), path);
    if (!dir)
        return ENOMEM;
    int fd = open(dir, O_RDONLY);
    free(dir);
    if (fd < 0)
        return 0;
    int e = fsync(fd) < 0 && errno == EIO ? EIO : 0;
    close(fd);
    return e;
}

int rtio_save_close(RtSave *s, RtError *err)
{
    int e = s->error;
    if (fflush(s->file) != 0 && !e)
        e = errno;
    if (!e && s->temp && (s->durable || s->old) && fsync(fileno(s->file)) < 0)
        e = errno;
    if (fclose(s->file) != 0 && !e)
        e = errno;
    if (s->temp) {
        if (!e && rename(s->temp, s->path) < 0)
            e = errno;
        if (e)
            unlink(s->temp);
        else if (s->durable)
            e = sync_folder(s->path);
    }
    if (e)
        rt_fail(err, "cannot write %s: %s%s", s->path, strerror(e),
                s->old ? "; the old file was kept" : "");
    save_free(s);
    return e ? -1 : 0;
}

int64_t rt_resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long long all, here = 0;

    if (f && fscanf(f, "%lld %lld", &all, &here) != 2)
        here = 0;
    if (f)
        fclose(f);
    return here * (int64_t)sysconf(_SC_PAGESIZE);
}
