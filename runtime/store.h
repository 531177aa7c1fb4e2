/* The numbers of a data set, which may be more than memory holds: what is added
 * to a store moves into a file without a name once it is large, and that file
 * is mapped; a large array in a file is mapped where it lies.  So the system
 * keeps in memory what is in use. */
#ifndef CELLC_STORE_H
#define CELLC_STORE_H

#include "rterr.h"

/* Start with `RtStore s = {0};`, end with store_free. */
typedef struct RtStore {
    char *data;    /* `size` bytes; once it is full, what was added last */
    size_t size;   /* bytes altogether */
    size_t here;   /* of them in data */
    size_t cap;    /* room of data */
    void *map;     /* the mapping that data points into, or NULL */
    size_t mapped; /* its bytes */
    int file;      /* 1 + the descriptor of the file without a name, or 0 */
} RtStore;

enum { STORE_LARGE = 1 << 20 }; /* bytes from which on a file is better */

int store_add(RtStore *s, const void *bytes, size_t n, RtError *err);
/* All bytes of a file, unpacked ("-": standard input). */
int store_read(RtStore *s, const char *path, RtError *err);
/* After the last one; from now on data holds everything, to be changed too. */
int store_end(RtStore *s, RtError *err);
/* Maps `size` bytes of a file that is not packed, from byte `start` on; -1 and
 * no message where that cannot be. */
int store_map(RtStore *s, const char *path, size_t start, size_t size);
void store_free(RtStore *s);

#endif
