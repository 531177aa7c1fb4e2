/* Arrays of .npz files, which are zip archives of .npy files, by libzip.  See
 * array.h. */
#include "array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "optional.h"

/* What is used of libzip's interface, as its manual gives it. */
typedef struct zip zip;
typedef struct zip_file zip_file;
static struct {
    zip *(*open)(const char *path, int flags, int *error);
    void (*discard)(zip *z);
    int64_t (*entries)(zip *z, uint32_t flags);
    const char *(*name)(zip *z, uint64_t i, uint32_t flags);
    zip_file *(*fopen)(zip *z, uint64_t i, uint32_t flags);
    int64_t (*fread)(zip_file *f, void *to, uint64_t n);
    int (*fclose)(zip_file *f);
} lib;

static zip *open_zip(const char *path, RtError *err)
{
    static const char *const library[] = {"libzip.so.5", "libzip.so.4", NULL};
    const OptionalName names[] = {{"zip_open", &lib.open},
                                  {"zip_discard", &lib.discard},
                                  {"zip_get_num_entries", &lib.entries},
                                  {"zip_get_name", &lib.name},
                                  {"zip_fopen_index", &lib.fopen},
                                  {"zip_fread", &lib.fread},
                                  {"zip_fclose", &lib.fclose},
                                  {NULL, NULL}};
    int error = 0;

    if (!lib.fclose && optional_open(library, names, path, "libzip4", err))
        return NULL;
    zip *z = lib.open(path, 0, &error);
    if (!z)
        rt_fail(err, "%s: a damaged .npz file (zip error %d)", path, error);
    return z;
}

/* Whether an entry holds the array of that name. */
static int is_entry(const char *entry, const char *name)
{
    size_t n = strlen(name);

    return entry && !strncmp(entry, name, n) &&
           (!entry[n] || !strcmp(entry + n, ".npy"));
}

/* The entry of that name, or the only one; -1: none. */
static int64_t find_entry(zip *z, const char *name)
{
    int64_t n = lib.entries(z, 0), found = -1;

    if (!name)
        return n == 1 ? 0 : -1;
    for (int64_t i = 0; i < n && found < 0; i++)
        if (is_entry(lib.name(z, (uint64_t)i, 0), name))
            found = i;
    return found;
}

static int no_entry(zip *z, const char *path, const char *name, RtError *err)
{
    char *list = rt_printf("%s", "");
    int64_t n = lib.entries(z, 0);

    for (int64_t i = 0; i < n && list; i++) {
        const char *entry = lib.name(z, (uint64_t)i, 0);
        size_t len = entry ? strlen(entry) : 0;
        char *old = list;

        if (len > 4 && !strcmp(entry + len - 4, ".npy"))
            len -= 4;
        list = rt_printf("%s%s%.*s", old, i ? ", " : "", (int)len,
                         entry ? entry : "");
        free(old);
    }
    if (name)
        rt_fail(err, "%s: no array called %s; there are %s", path, name,
                list ? list : "?");
    else
        rt_fail(err, "%s: which of its arrays? Say %s:NAME; there are %s", path,
                path, list ? list : "?");
    free(list);
    return -1;
}

static int read_entry(zip *z, int64_t entry, const char *path, RtStore *to,
                      RtError *err)
{
    enum { BLOCK = 1 << 16 };
    zip_file *f = lib.fopen(z, (uint64_t)entry, 0);
    char *block = malloc(BLOCK);
    int64_t got = f ? 1 : -1;
    int bad = block ? 0 : rt_fail_memory(err, BLOCK);

    while (!bad && got > 0)
        if ((got = lib.fread(f, block, BLOCK)) > 0)
            bad = store_add(to, block, (size_t)got, err);
    if (f)
        lib.fclose(f);
    free(block);
    if (!bad && got < 0)
        bad = rt_fail(err, "%s: a damaged .npz file", path);
    return bad || store_end(to, err) ? -1 : 0;
}

int npz_has(const char *path, const char *name)
{
    RtError err = {0};
    zip *z = open_zip(path, &err);
    int has = z && find_entry(z, name) >= 0;

    if (z)
        lib.discard(z);
    rt_error_clear(&err);
    return has;
}

int npz_map(const char *path, const char *name, Npy *a, RtStore *store,
            RtError *err)
{
    zip *z = open_zip(path, err);
    char *place = name ? rt_printf("%s:%s", path, name) : rt_printf("%s", path);

    *a = (Npy){0};
    *store = (RtStore){0};
    if (!z || !place) {
        free(place);
        return -1;
    }
    int64_t entry = find_entry(z, name);
    int bad = entry < 0 ? no_entry(z, path, name, err)
                        : read_entry(z, entry, path, store, err);
    lib.discard(z);
    bad = bad ? -1 : npy_parse(place, store, a, err);
    free(place);
    return bad;
}
