/* The public face of the kernels: a table of all of them for each instruction
 * set, the choice of one on the first call, and the names for a JIT. */
#include "isa.h"

#define RT_STRING(...) #__VA_ARGS__
#define RT_TEXT(...) RT_STRING(__VA_ARGS__)
#define RT_JOIN2(name, isa) name##_##isa
#define RT_JOIN(name, isa) RT_JOIN2(name, isa)

/* Places in the tables: AT_exp_f32, ... */
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
    AT_packed_size_f32,
    AT_packed_size_f64,
    AT_END
};

#define ISA base
static const RtSymbol symbols_base[AT_END] = {
#include "symbols.inc"
};

#ifdef RT_X86
#define ISA avx2
static const RtSymbol symbols_avx2[AT_END] = {
#include "symbols.inc"
};

#define ISA avx512
static const RtSymbol symbols_avx512[AT_END] = {
#include "symbols.inc"
};
#endif

const RtSymbol *rt_symbols_isa(int which, const char **isa, int *count)
{
    *count = AT_END;
    switch (which) {
    case 0:
        *isa = "base";
        return symbols_base;
#ifdef RT_X86
    case 1:
        *isa = "avx2";
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                   ? symbols_avx2
                   : NULL;
    case 2:
        *isa = "avx512";
        return __builtin_cpu_supports("avx512f") &&
                       __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") &&
                       __builtin_cpu_supports("fma")
                   ? symbols_avx512
                   : NULL;
#endif
    }
    *isa = "";
    *count = 0;
    return NULL;
}

const RtSymbol *rt_symbols(int *count)
{
    static const RtSymbol *chosen; /* always the same: any thread may set it */
    const RtSymbol *best = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
    const char *isa;
    *count = AT_END;
    if (best)
        return best;
    for (int which = 2; !best; which--)
        best = rt_symbols_isa(which, &isa, count);
    __atomic_store_n(&chosen, best, __ATOMIC_RELAXED);
    return best;
}

#ifdef RT_X86
#define PANEL_WIDTH(real)                                                  \
    int64_t rt_panel_width_##real(void)                                    \
    {                                                                      \
        int count;                                                         \
        const RtSymbol *chosen = rt_symbols(&count);                       \
        return chosen == symbols_avx512 ? rt_panel_width_##real##_avx512() \
               : chosen == symbols_avx2 ? rt_panel_width_##real##_avx2()   \
                                        : rt_panel_width_##real##_base();  \
    }
#else
#define PANEL_WIDTH(real)                      \
    int64_t rt_panel_width_##real(void)        \
    {                                          \
        return rt_panel_width_##real##_base(); \
    }
#endif
PANEL_WIDTH(f32)
PANEL_WIDTH(f64)

static RtProc *chosen_proc(int at)
{
    int count;
    return rt_symbols(&count)[at].proc;
}

#define CALL(name, params, args)                         \
    void RT_NAME(name) params                            \
    {                                                    \
        ((void(*) params)chosen_proc(RT_AT(name))) args; \
    }
#define KERNEL(name, params, args) CALL(name, params, args)
#define STRIP(count, name, value) \
    CALL(name, (RT_PARAMS##count), (RT_ARGS##count))

#define REAL float
#define RT_NAME(name) rt_##name##_f32
#define RT_AT(name) AT_##name##_f32
#include "kernels.def"
#include "strips.def"
#undef REAL
#undef RT_NAME
#undef RT_AT

#define REAL double
#define RT_NAME(name) rt_##name##_f64
#define RT_AT(name) AT_##name##_f64
#include "kernels.def"
#include "strips.def"
