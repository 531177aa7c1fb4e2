/* Memory and strings for one compilation: an arena that frees everything at
 * once, growable vectors, a string builder, and interned names that compare
 * by pointer.  The lowest layer: includes nothing of the project. */
#ifndef CELLC_BASE_H
#define CELLC_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Arena Arena;

/* Where out-of-memory and internal errors land; set once, in cellc.c. */
typedef struct Escape {
    jmp_buf env;      /* target of the longjmp */
    char message[256]; /* what happened, for the user */
} Escape;

/* A new arena; `esc` may be NULL, then running out of memory aborts. */
Arena *arena_new(Escape *esc);
void arena_free(Arena *a);
/* Zeroed memory, aligned to 16 bytes, that lives as long as the arena. */
void *arena_alloc(Arena *a, size_t size);
/* Copies `old` bytes of `p` into a larger block of `size` bytes. */
void *arena_grow(Arena *a, const void *p, size_t old, size_t size);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0), nonnull(2)));
#define NEW(a, T) ((T *)arena_alloc(a, sizeof(T)))
#define NEW_N(a, T, n) ((T *)arena_alloc(a, sizeof(T) * (size_t)(n)))

#ifdef CELLC_TEST_ALLOC
/* Test builds: of all allocations from now on, n succeed and the next one
 * fails; n < 0: none fails. */
void arena_fail_at(long n);
#endif

/* A broken invariant of ours: message, then longjmp to the compilation's
 * only setjmp (exit code 70).  Never for a mistake of the user. */
void arena_panic(Arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* Growable vector inside an arena: struct { T *v; int n, cap; }. */
#define VEC(T)                                                                 \
    struct {                                                                   \
        T *v;                                                                  \
        int n, cap;                                                            \
    }
#define vec_push(a, vec, x)                                                    \
    (vec_room((a), (void **)&(vec)->v, &(vec)->cap, (vec)->n,                  \
              sizeof *(vec)->v),                                               \
     (vec)->v[(vec)->n++] = (x))
void vec_room(Arena *a, void **v, int *cap, int n, size_t elem);

/* String builder; text is always NUL-terminated. */
typedef struct Buf {
    Arena *arena; /* where the text lives */
    char *s;      /* the text so far */
    size_t n, cap; /* length, capacity */
} Buf;
void buf_init(Buf *b, Arena *a);
void buf_add(Buf *b, const char *s, size_t n);
void buf_puts(Buf *b, const char *s);
void buf_putc(Buf *b, char c);
void buf_printf(Buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Shortest decimal that reads back as the same double; locale-proof. */
void buf_num(Buf *b, double x);
/* Value of the decimal number in the n bytes at s; locale-proof. */
double num_read(Arena *a, const char *s, size_t n);

/* Interned strings: equal text gives the same pointer. */
typedef struct Intern Intern;
Intern *intern_new(Arena *a);
const char *intern(Intern *in, const char *s, size_t n);
const char *intern_str(Intern *in, const char *s);
/* Whether the text has been interned. */
bool intern_known(const Intern *in, const char *s);

#endif
