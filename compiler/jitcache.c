/* The files of the cache, see jitcache.h.  A library is written under another
 * name and then renamed, so that nobody sees half of one; a hash behind its
 * end, where the loader does not look, tells one that a crash cut short. */
#include "jitcache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KEPT_DAYS = 30, SEAL = sizeof(uint64_t) };

/* ---- hashing ---- */

/* Two 64-bit FNV-1a sums with different multipliers. */
typedef struct Hash {
    uint64_t a, b;
} Hash;

static void hash(Hash *h, const void *data, size_t n)
{
    const unsigned char *s = data;
    for (size_t i = 0; i < n; i++) {
        h->a = (h->a ^ s[i]) * 0x100000001b3u;
        h->b = (h->b ^ s[i]) * 0x9e3779b97f4a7c15u;
    }
}

static void hash_text(Hash *h, const char *s)
{
    hash(h, s, strlen(s) + 1);
}

/* The compiler is who it was while its file has the same size and date. */
static bool hash_program(Hash *h, Arena *a, const char *name)
{
    struct stat st;
    const char *dir = getenv("PATH");
    bool found = strchr(name, '/') && !stat(name, &st);
    while (!found && dir && *dir && !strchr(name, '/')) {
        size_t n = strcspn(dir, ":");
        const char *path = arena_printf(a, "%.*s/%s", (int)n, dir, name);
        found = !access(path, X_OK) && !stat(path, &st);
        dir += n + (dir[n] == ':');
    }
    if (!found)
        return false;
    hash(h, &st.st_size, sizeof st.st_size);
    hash(h, &st.st_mtim.tv_sec, sizeof st.st_mtim.tv_sec);
    hash(h, &st.st_mtim.tv_nsec, sizeof st.st_mtim.tv_nsec);
    return true;
}

/* What -march=native means: a home may be shared by machines. */
static void hash_machine(Hash *h)
{
    static const char *const of_moment[] = {"cpu MHz", "bogomips", "BogoMIPS"};
    FILE *f = fopen("/proc/cpuinfo", "r");
    char *line = NULL;
    size_t room = 0;
    while (f && getline(&line, &room, f) > 1) {
        bool same = true;
        for (size_t i = 0; i < sizeof of_moment / sizeof *of_moment; i++)
            same &= strncmp(line, of_moment[i], strlen(of_moment[i])) != 0;
        if (same)
            hash_text(h, line);
    }
    free(line);
    if (f)
        fclose(f);
}

/* ---- places ---- */

static bool make_dir(const char *path)
{
    return !mkdir(path, 0700) || errno == EEXIST;
}

static const char *cache_dir(Arena *a)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (!base || *base != '/') /* relative ones are void, says the standard */
        base = home && *home == '/' ? arena_printf(a, "%s/.cache", home) : NULL;
    if (!base)
        return NULL;
    const char *dir = arena_printf(a, "%s/cellc", base);
    return make_dir(base) && make_dir(dir) ? dir : NULL;
}

/* Headers of the user's may change without our noticing. */
static bool has_own_headers(const char *source)
{
    static const char *const known[] = {"<math.h>", "<stdint.h>", "<string.h>",
                                        "<immintrin.h>", "<arm_neon.h>"};
    for (const char *s = source; (s = strstr(s, "#include ")); s++) {
        bool told = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            told |= !strncmp(s + 9, known[i], strlen(known[i]));
        if (!told)
            return true;
    }
    return false;
}

const char *jit_cache_path(Arena *a, char *const *argv, const char *source)
{
    Hash h = {0xcbf29ce484222325u, 0x6c62272e07bb0142u};
    const char *dir = has_own_headers(source) ? NULL : cache_dir(a);
    if (!dir || !hash_program(&h, a, argv[0]))
        return NULL;
    for (int i = 0; argv[i]; i++) {
        hash_text(&h, argv[i]);
        if (i && argv[i][0] != '-') /* ccache gcc */
            hash_program(&h, a, argv[i]);
    }
    hash_machine(&h);
    hash_text(&h, source);
    return arena_printf(a, "%s/%016llx%016llx.so", dir, (unsigned long long)h.a,
                        (unsigned long long)h.b);
}

/* ---- files ---- */

/* All of a file, malloc'd; NULL where that fails. */
static unsigned char *read_whole(const char *path, size_t *size)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    unsigned char *data = NULL;
    if (f && !fstat(fileno(f), &st) && st.st_size > 0) {
        *size = (size_t)st.st_size;
        data = malloc(*size);
    }
    if (data && fread(data, 1, *size, f) != *size) {
        free(data);
        data = NULL;
    }
    if (f)
        fclose(f);
    return data;
}

static uint64_t seal_of(const unsigned char *data, size_t n)
{
    Hash h = {n, n};
    hash(&h, data, n);
    return h.b;
}

bool jit_cache_has(const char *path)
{
    size_t n = 0;
    unsigned char *data = read_whole(path, &n);
    bool good = false;
    if (data && n > SEAL) {
        uint64_t seal = seal_of(data, n - SEAL);
        good = !memcmp(data + n - SEAL, &seal, SEAL);
    }
    free(data);
    if (good)
        utimensat(AT_FDCWD, path, NULL, 0);
    return good;
}

/* Removes what nobody has used for long, left-overs of crashes included. */
static void clean(Arena *a, const char *path)
{
    const char *dir =
        arena_strndup(a, path, (size_t)(strrchr(path, '/') - path));
    DIR *d = opendir(dir);
    time_t old = time(NULL) - (time_t)KEPT_DAYS * 24 * 60 * 60;
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *file = arena_printf(a, "%s/%s", dir, e->d_name);
        struct stat st;
        if (strstr(e->d_name, ".so") && !stat(file, &st) && st.st_mtime < old)
            unlink(file);
    }
    if (d)
        closedir(d);
}

void jit_cache_put(Arena *a, const char *path, const char *made)
{
    size_t n = 0;
    char *other = arena_printf(a, "%s.XXXXXX", path);
    unsigned char *data = read_whole(made, &n);
    int fd = data ? mkstemp(other) : -1;
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (f) {
        uint64_t seal = seal_of(data, n);
        bool good = fwrite(data, 1, n, f) == n;
        good &= fwrite(&seal, 1, SEAL, f) == SEAL;
        good &= fclose(f) == 0;
        if (!good || rename(other, path))
            unlink(other);
        clean(a, path);
    } else if (fd >= 0) {
        close(fd);
        unlink(other);
    }
    free(data);
}
