/* Memory and strings for one compilation.  Everything that a compilation
 * allocates comes through block_new(), so running out of memory is met at one
 * place: a message in the Escape and a jump to the compilation's setjmp. */
#include "base.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16, CHUNK = 256 * 1024 };

/* What uthash allocates lives in the arena too, and dies with it. */
#define uthash_malloc(size) arena_alloc(in->arena, size)
#define uthash_free(p, size) ((void)(p))
#include <uthash.h>

typedef struct Chunk Chunk;
struct Chunk {
    Chunk *next;
    size_t used, size; /* bytes of the block behind this head */
};

struct Arena {
    Escape *esc;
    Chunk *chunk; /* the one being filled, then the full ones */
};

#ifdef CELLC_TEST_ALLOC
static long fail_after = -1; /* allocations until one fails; < 0: never */

void arena_fail_at(long n)
{
    fail_after = n;
}
static bool may_allocate(void)
{
    return fail_after < 0 || fail_after-- > 0;
}
#else
static bool may_allocate(void)
{
    return true;
}
#endif

__attribute__((noreturn, format(printf, 2, 0))) static void
escape(Escape *esc, const char *fmt, va_list ap)
{
    char text[sizeof esc->message];

    vsnprintf(text, sizeof text, fmt, ap);
    if (!esc) {
        fprintf(stderr, "cellc: %s\n", text);
        abort();
    }
    memcpy(esc->message, text, sizeof text);
    longjmp(esc->env, 1);
}

void arena_panic(Arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    escape(a->esc, fmt, ap);
}

__attribute__((noreturn)) static void out_of_memory(Escape *esc, ...)
{
    va_list ap;

    va_start(ap, esc);
    escape(esc, "out of memory", ap);
}

/* The one place where memory comes from: `head` + `size` bytes, zeroed. */
static void *block_new(Escape *esc, size_t head, size_t size)
{
    void *p = size <= SIZE_MAX - head ? calloc(1, head + size) : NULL;

    if (!p)
        out_of_memory(esc);
    return p;
}

static size_t round_up(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

enum { HEAD = (sizeof(Chunk) + ALIGN - 1) / ALIGN * ALIGN };

Arena *arena_new(Escape *esc)
{
    Arena *a;

    if (!may_allocate())
        out_of_memory(esc);
    a = block_new(esc, 0, sizeof *a);
    a->esc = esc;
    return a;
}

void arena_free(Arena *a)
{
    Chunk *c, *next;

    if (!a)
        return;
    for (c = a->chunk; c; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

/* A chunk with room for `size` bytes becomes the first one; a large block
 * gets a chunk to itself, behind the one that is being filled. */
static Chunk *chunk_new(Arena *a, size_t size)
{
    bool alone = size > CHUNK / 4;
    Chunk *c = block_new(a->esc, HEAD, alone ? size : CHUNK);

    c->size = alone ? size : CHUNK;
    if (a->chunk && alone) {
        c->next = a->chunk->next;
        a->chunk->next = c;
    } else {
        c->next = a->chunk;
        a->chunk = c;
    }
    return c;
}

void *arena_alloc(Arena *a, size_t size)
{
    Chunk *c = a->chunk;
    char *p;

    if (!may_allocate() || size > SIZE_MAX / 2)
        out_of_memory(a->esc);
    size = round_up(size ? size : 1);
    if (!c || c->size - c->used < size)
        c = chunk_new(a, size);
    p = (char *)c + HEAD + c->used;
    c->used += size;
    return p;
}

void *arena_grow(Arena *a, const void *p, size_t old, size_t size)
{
    void *q = arena_alloc(a, size);

    if (old)
        memcpy(q, p, old < size ? old : size);
    return q;
}

char *arena_strndup(Arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);

    if (n)
        memcpy(p, s, n);
    return p;
}

char *arena_vprintf(Arena *a, const char *fmt, va_list ap)
{
    va_list again;
    int n;
    char *p;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        arena_panic(a, "a message could not be formatted: %s", fmt);
    p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    return p;
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p;

    va_start(ap, fmt);
    p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

void vec_room(Arena *a, void **v, int *cap, int n, size_t elem)
{
    int more;

    if (n < *cap)
        return;
    if (*cap > INT32_MAX / 2)
        arena_panic(a, "a list grew beyond two thousand million entries");
    more = *cap ? 2 * *cap : 8;
    *v = arena_grow(a, *v, (size_t)n * elem, (size_t)more * elem);
    *cap = more;
}

void buf_init(Buf *b, Arena *a)
{
    b->arena = a;
    b->n = 0;
    b->cap = 64;
    b->s = arena_alloc(a, b->cap);
}

void buf_add(Buf *b, const char *s, size_t n)
{
    if (n >= b->cap - b->n) {
        size_t cap = 2 * b->cap > b->n + n + 1 ? 2 * b->cap : b->n + n + 1;

        b->s = arena_grow(b->arena, b->s, b->n, cap);
        b->cap = cap;
    }
    if (n)
        memcpy(b->s + b->n, s, n);
    b->n += n;
    b->s[b->n] = '\0';
}

void buf_puts(Buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_putc(Buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(Buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_puts(b, arena_vprintf(b->arena, fmt, ap));
    va_end(ap);
}

/* The locale's decimal sign, which printf and strtod use. */
static char decimal_sign(void)
{
    const char *p = localeconv()->decimal_point;

    return p && *p && !p[1] ? *p : '.';
}

void buf_num(Buf *b, double x)
{
    char text[40], sign = decimal_sign(), *p;
    int digits;

    for (digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    if (sign != '.' && (p = strchr(text, sign)))
        *p = '.';
    buf_puts(b, text);
}

double num_read(Arena *a, const char *s, size_t n)
{
    char *text = arena_strndup(a, s, n), sign = decimal_sign(), *p;

    if (sign != '.' && (p = strchr(text, '.')))
        *p = sign;
    return strtod(text, NULL);
}

typedef struct Word {
    const char *text;
    UT_hash_handle hh;
} Word;

struct Intern {
    Arena *arena;
    Word *words; /* hash table, by text */
};

Intern *intern_new(Arena *a)
{
    Intern *in = NEW(a, Intern);

    in->arena = a;
    return in;
}

const char *intern(Intern *in, const char *s, size_t n)
{
    Word *w;

    HASH_FIND(hh, in->words, s, n, w);
    if (!w) {
        w = NEW(in->arena, Word);
        w->text = arena_strndup(in->arena, s, n);
        HASH_ADD_KEYPTR(hh, in->words, w->text, n, w);
    }
    return w->text;
}

const char *intern_str(Intern *in, const char *s)
{
    return intern(in, s, strlen(s));
}

bool intern_known(const Intern *in, const char *s)
{
    Word *w;

    HASH_FIND(hh, in->words, s, strlen(s), w);
    return w != NULL;
}
