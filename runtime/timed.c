/* Kernels with a clock around them, see timed.h.  Wrappers of all rows of
 * kernels.def and strips.def, in a table of the form that a JIT takes. */
#define _POSIX_C_SOURCE 199309L
#include "timed.h"

#include <string.h>
#include <time.h>

typedef struct Clock {
    uint64_t ticks;
    int64_t calls;
} Clock;

/* Places of the clocks: AT_exp_f32, ... */
enum {
#define STRIP(count, name, value) RT_NAME(name),
#define KERNEL(name, params, args) RT_NAME(name),
#define RT_NAME(name) AT_##name##_f32
#include "kernels.def"
#include "strips.def"
#undef RT_NAME
#define RT_NAME(name) AT_##name##_f64
#include "kernels.def"
#include "strips.def"
#undef RT_NAME
#undef STRIP
#undef KERNEL
    AT_CLOCKS
};

static Clock clocks[AT_CLOCKS];
static uint64_t from_ticks; /* at the reset */
static double from_ms;
static double own_ticks; /* of a clock around nothing */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* The processor's counter where it has one that user code may read: a strip of
 * a small cell takes little longer than a call of the system's clock. */
static inline uint64_t ticks(void)
{
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return (uint64_t)(1e6 * now());
#endif
}

static inline void stop(Clock *c, uint64_t from)
{
    c->ticks += ticks() - from;
    c->calls++;
}

#define TIMED(name, params, args)          \
    static void RT_TIMED(name) params      \
    {                                      \
        const uint64_t began = ticks();    \
        RT_NAME(name) args;                \
        stop(&clocks[RT_AT(name)], began); \
    }
#define KERNEL(name, params, args) TIMED(name, params, args)
#define STRIP(count, name, value) \
    TIMED(name, (RT_PARAMS##count), (RT_ARGS##count))

#define REAL float
#define RT_NAME(name) rt_##name##_f32
#define RT_TIMED(name) rt_##name##_f32_timed
#define RT_AT(name) AT_##name##_f32
#include "kernels.def"
#include "strips.def"
#undef REAL
#undef RT_NAME
#undef RT_TIMED
#undef RT_AT

#define REAL double
#define RT_NAME(name) rt_##name##_f64
#define RT_TIMED(name) rt_##name##_f64_timed
#define RT_AT(name) AT_##name##_f64
#include "kernels.def"
#include "strips.def"
#undef REAL
#undef RT_NAME
#undef RT_TIMED
#undef RT_AT
#undef KERNEL
#undef STRIP
#undef TIMED

#define RT_STRING(...) #__VA_ARGS__
#define RT_TEXT(...) RT_STRING(__VA_ARGS__)
#define RT_JOIN2(name, isa) name##_##isa
#define RT_JOIN(name, isa) RT_JOIN2(name, isa)
#define ISA timed
static const RtSymbol symbols[] = {
#include "symbols.inc"
};

const RtSymbol *rt_timed_symbols(int *count)
{
    *count = (int)(sizeof symbols / sizeof *symbols);
    return symbols;
}

/* The least of some empty clocks: what every call has too much. */
static double empty_clock(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        const uint64_t from = ticks(), took = ticks() - from;
        least = took < least ? took : least;
    }
    return (double)least;
}

void rt_timed_reset(void)
{
    memset(clocks, 0, sizeof clocks);
    own_ticks = empty_clock();
    from_ms = now();
    from_ticks = ticks();
}

static double ms_per_tick(void)
{
    const double passed = (double)(ticks() - from_ticks);
    return passed > 0 ? (now() - from_ms) / passed : 0;
}

RtTimed rt_timed_at(int i)
{
    static const char *const products[] = {"gemm", "gemv", "product", "pack"};
    RtTimed t = {.name = symbols[i].name};
    if (i >= AT_CLOCKS)
        return t;
    const double left =
        (double)clocks[i].ticks - own_ticks * (double)clocks[i].calls;
    for (size_t k = 0; k < sizeof products / sizeof *products; k++)
        t.product |= strncmp(t.name + 3, products[k], strlen(products[k])) == 0;
    t.calls = clocks[i].calls;
    t.ms = left > 0 ? left * ms_per_tick() : 0;
    return t;
}

double rt_timed_cost(void)
{
    double calls = 0;
    for (int i = 0; i < AT_CLOCKS; i++)
        calls += (double)clocks[i].calls;
    return 2 * calls * own_ticks * ms_per_tick();
}
