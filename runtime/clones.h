/* Internal to the runtime: RT_CLONES stands before a function that is built for
 * several instruction sets, of which the loader takes the best; for loops that
 * a compiler vectorises by itself.  They round alike, since nothing is
 * contracted. */
#ifndef RT_CLONES_H
#define RT_CLONES_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RT_SANITIZED
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define RT_SANITIZED
#endif

/* The loader chooses before a sanitizer is ready for it. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(RT_SANITIZED)
#define RT_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RT_CLONES
#endif

#endif
