/* Reading files, with gz, and replacing them without ever leaving a
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

static int no_name(RtError *err)
{
    return rt_fail(err, "a file is wanted, and its name is empty");
}

/* A descriptor for reading; *size is a guess at the content's size. */
static int open_input(const char *path, size_t *size, RtError *err)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY) : dup(0);
    struct stat st;
    if (!*path)
        return no_name(err);
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

struct RtRead {
    gzFile z;
    char *path;
    char *line;           /* of rtio_line: bytes read and not yet taken, ... */
    size_t at, end, room; /* ... [at, end) of `room` */
};

int rtio_scratch(RtError *err)
{
    const char *given = getenv("TMPDIR");
    const char *const base[] = {given && *given ? given : "/var/tmp", "/tmp"};
    int fd = -1;

    for (int k = 0; k < 2 && fd < 0; k++) {
        char *path = rt_printf("%s/cellc-XXXXXX", base[k]);
        fd = path ? mkstemp(path) : -1;
        if (fd >= 0)
            unlink(path);
        free(path);
    }
    if (fd < 0)
        rt_fail(err,
                "no temporary file can be made in %s: %s; choose another "
                "folder with TMPDIR",
                base[0], strerror(errno));
    return fd;
}

/* All of `fd` in a file without a name, which takes its place. */
static int copy_pipe(int fd, const char *path, RtError *err)
{
    int to = rtio_scratch(err);
    char block[1 << 14];
    ssize_t n = 0;

    while (to >= 0 && (n = read(fd, block, sizeof block)) > 0)
        for (ssize_t at = 0, got; at < n && n > 0; at += got)
            if ((got = write(to, block + at, (size_t)(n - at))) <= 0) {
                n = -1;
                break;
            }
    if (to >= 0 && n < 0) {
        rt_fail(err, "cannot read %s: %s", path, strerror(errno));
        close(to);
        to = -1;
    }
    close(fd);
    if (to >= 0)
        lseek(to, 0, SEEK_SET);
    return to;
}

RtRead *rtio_open(const char *path, int twice, RtError *err)
{
    size_t size;
    RtRead *r = calloc(1, sizeof *r);
    int fd = open_input(path, &size, err);

    if (fd >= 0 && twice && lseek(fd, 0, SEEK_CUR) < 0)
        fd = copy_pipe(fd, path, err);
    if (r && fd >= 0)
        r->z = gzdopen(fd, "rb");
    if (r && r->z && (r->path = strdup(path))) {
        gzbuffer(r->z, 1 << 17);
        return r;
    }
    if (fd >= 0) {
        if (!r || !r->z)
            close(fd);
        rt_fail_memory(err, sizeof *r);
    }
    rtio_close(r);
    return NULL;
}

void rtio_close(RtRead *r)
{
    if (!r)
        return;
    if (r->z)
        gzclose(r->z);
    free(r->path);
    free(r->line);
    free(r);
}

/* What went wrong in the last gzread, 0 if nothing did. */
static int check_gz(const RtRead *r, RtError *err)
{
    int code;
    const char *why = gzerror(r->z, &code);

    if (code == Z_ERRNO)
        return rt_fail(err, "cannot read %s: %s", r->path, strerror(errno));
    if (code == Z_BUF_ERROR)
        return rt_fail(err, "cannot read %s: the gz file is cut", r->path);
    if (code != Z_OK && code != Z_STREAM_END)
        return rt_fail(err, "cannot read %s: damaged gz file (%s)", r->path,
                       why);
    return 0;
}

int64_t rtio_next(RtRead *r, void *to, size_t room, RtError *err)
{
    size_t n = 0;

    errno = 0;
    while (n < room) {
        size_t want = room - n > 1 << 30 ? 1 << 30 : room - n;
        int got = gzread(r->z, (char *)to + n, (unsigned)want);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return n < room && check_gz(r, err) ? -1 : (int64_t)n;
}

int rtio_line(RtRead *r, char **line, size_t *room, RtError *err)
{
    size_t n = 0;

    if (!r->line && !(r->line = malloc(r->room = 1 << 16)))
        return rt_fail_memory(err, 1 << 16);
    for (;;) {
        char *from = r->line + r->at;
        char *lf = memchr(from, '\n', r->end - r->at);
        size_t part = lf ? (size_t)(lf - from) : r->end - r->at;
        if (n + part + 1 > *room) {
            char *more = realloc(*line, 2 * (n + part) + 64);
            if (!more)
                return rt_fail_memory(err, 2 * (n + part));
            *line = more;
            *room = 2 * (n + part) + 64;
        }
        memcpy(*line + n, from, part);
        n += part;
        (*line)[n] = 0;
        r->at += part + (lf != NULL);
        if (lf)
            return 1;
        int64_t got = rtio_next(r, r->line, r->room, err);
        r->at = 0;
        r->end = got > 0 ? (size_t)got : 0;
        if (got <= 0)
            return got < 0 ? -1 : n > 0;
    }
}

int rtio_again(RtRead *r, RtError *err)
{
    r->at = r->end = 0;
    if (gzrewind(r->z) == 0)
        return 0;
    return rt_fail(err, "cannot read %s a second time", r->path);
}

int rtio_read_head(const char *path, size_t limit, char **bytes, size_t *n,
                   RtError *err)
{
    size_t cap = 1 << 12;
    struct stat st;
    RtRead *r = rtio_open(path, 0, err);

    *n = 0;
    *bytes = NULL;
    if (!r)
        return -1;
    if (!stat(path, &st) && st.st_size > 0)
        cap = (size_t)st.st_size;
    cap = (cap < limit ? cap : limit) + 64;
    char *b = malloc(cap);
    int64_t got = 1;
    while (b && *n < limit && got > 0) {
        size_t room = cap - *n - 1;
        if (!room) {
            char *more = cap > SIZE_MAX / 2 ? NULL : realloc(b, cap * 2);
            if (!more)
                break;
            b = more;
            cap *= 2;
            continue;
        }
        got = rtio_next(r, b + *n, room < limit - *n ? room : limit - *n, err);
        *n += got > 0 ? (size_t)got : 0;
    }
    rtio_close(r);
    if (!b || (*n < limit && got > 0))
        got = rt_fail_memory(err, cap);
    if (got < 0) {
        free(b);
        return -1;
    }
    b[*n] = 0;
    *bytes = b;
    return 0;
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
    if (!*path) {
        no_name(err);
        return NULL;
    }
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

int rtio_writable(const char *path, RtError *err)
{
    struct stat st;

    if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return 0;
    RtSave *s = rtio_save_open(path, err);
    if (!s)
        return -1;
    rtio_save_abort(s);
    return 0;
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
