/* Files in and out: reading, whole or in blocks, with gz unpacked on the way,
 * and writing that either replaces the old file completely or leaves it as it
 * was.  Used by every file format of the runtime. */
#ifndef CELLC_RTIO_H
#define CELLC_RTIO_H

#include "rterr.h"

#include <stdint.h>

/* Reads all of `path` ("-": standard input), unpacking gzip, into *bytes
 * (malloc'd, the caller frees), with a NUL after the *n bytes. */
int rtio_read(const char *path, char **bytes, size_t *n, RtError *err);
/* The same, but no more than the first `limit` bytes. */
int rtio_read_head(const char *path, size_t limit, char **bytes, size_t *n,
                   RtError *err);

/* A file being read from its beginning on, gz unpacked. */
typedef struct RtRead RtRead;

/* With `twice`, for rtio_again(), what can be read only once ("-", a pipe) is
 * first copied to a file without a name.  NULL on error. */
RtRead *rtio_open(const char *path, int twice, RtError *err);
/* The next up to `room` bytes into `to`; their number, 0 at the end, -1 on an
 * error. */
int64_t rtio_next(RtRead *r, void *to, size_t room, RtError *err);
/* The next line without its end, into *line of *room bytes, which grow (NULL
 * and 0 at first; the caller frees); 1, 0 at the end, -1 on an error. */
int rtio_line(RtRead *r, char **line, size_t *room, RtError *err);
/* Once more from the beginning. */
int rtio_again(RtRead *r, RtError *err);
void rtio_close(RtRead *r);

/* A descriptor for reading and writing of a new file that has no name and
 * vanishes when it is closed, in $TMPDIR, else where large files belong; -1 on
 * an error. */
int rtio_scratch(RtError *err);

/* A file being written beside its target under a temporary name. */
typedef struct RtSave RtSave;

/* A target that is there and not a regular file (a device, a pipe) is written
 * directly; "-" is standard output.  NULL on error. */
RtSave *rtio_save_open(const char *path, RtError *err);
/* Whether a file could be written, before the work that goes into it: what is
 * there stays as it is.  -1 where not. */
int rtio_writable(const char *path, RtError *err);
/* The file will be there after a crash of the machine too; without this only
 * one that replaces another is synced, so that never both are lost. */
void rtio_save_durable(RtSave *s);
/* Errors are kept: it is enough to look at rtio_save_close(). */
int rtio_save_write(RtSave *s, const void *bytes, size_t n);
/* Flushes, syncs and renames; on an error, here or in an earlier write,
 * removes the temporary file, keeps the old one and returns -1.  Frees `s`
 * in either case. */
int rtio_save_close(RtSave *s, RtError *err);
/* Gives up: removes the temporary file; the old one stays. */
void rtio_save_abort(RtSave *s);

/* Bytes of memory that the process has at the moment; 0 where the system does
 * not say. */
int64_t rt_resident(void);

#endif
