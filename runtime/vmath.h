/* Elementary functions for strips and for emitted C: vm_NAMEf in float, vm_NAME
 * in double.  The float forms are straight-line code that compilers vectorise,
 * use no fused operation and so give the same bits on every instruction set;
 * the largest error over all floats stands beside each.
 * The double forms are the C library's, arranged to be stable.  Correct for
 * NaN, infinities, signed zero, overflow and subnormals.  The coefficients are
 * weighted minimax fits made for this file.  Self-contained C99 that may be
 * pasted whole.  Build with -ffp-contract=off; -fno-math-errno and
 * -fno-trapping-math let loops vectorise. */
#ifndef VMATH_H
#define VMATH_H

#ifdef __FAST_MATH__
#error "these functions need exact floating point: build without -ffast-math"
#endif

#include <math.h>
#include <stdint.h>

#ifndef VM_INLINE
#define VM_INLINE static inline
#endif

#ifdef __clang__ /* a pasted copy need not use them all */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#endif

VM_INLINE int32_t vm_bitsf(float x)
{
    union {
        float f;
        int32_t i;
    } u;
    u.f = x;
    return u.i;
}

VM_INLINE float vm_unbitsf(int32_t i)
{
    union {
        int32_t i;
        float f;
    } u;
    u.i = i;
    return u.f;
}

/* 2^n for -126 <= n <= 127 */
VM_INLINE float vm_exp2if(int32_t n)
{
    return vm_unbitsf((int32_t)((uint32_t)(n + 127) << 23));
}

/* n + 1.5 2^23 with n the integer nearest x / log 2, for |x| <= 104: the sum
 * is rounded to integers, and n can be read off its last bits. */
VM_INLINE float vm_octavef(float x)
{
    return x * 1.44269504f + 12582912.0f;
}

/* That n; and x - n log 2. */
VM_INLINE int32_t vm_countf(float octave)
{
    return vm_bitsf(octave) - 0x4b400000;
}

VM_INLINE float vm_reducef(float x, float octave)
{
    const float k = octave - 12582912.0f;
    return (x - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f;
}

/* exp(r) - 1 for |r| <= log(2)/2, relative error 1.4e-8 before rounding.
 * Polynomials go by pairs of terms: the shorter chains keep more of a processor
 * at work than one multiplication and one addition after the other would. */
VM_INLINE float vm_expm1_coref(float r)
{
    const float rr = r * r;
    const float high = 0x1.5556f2p-5f + r * 0x1.122560p-7f;
    const float low = 0x1.fffffep-2f + r * 0x1.5554b4p-3f;
    return r + rr * (low + rr * (high + rr * 0x1.6b9caap-10f));
}

/* exp(x) for -87 <= x <= 88 only: n is added to the exponent */
VM_INLINE float vm_exp_coref(float x)
{
    const float k = vm_octavef(x);
    const float y = 1.0f + vm_expm1_coref(vm_reducef(x, k));
    return vm_unbitsf(
        (int32_t)((uint32_t)vm_bitsf(y) + ((uint32_t)vm_bitsf(k) << 23)));
}

/* exp(x) for x <= 89: the scaling in two steps reaches subnormals */
VM_INLINE float vm_exp_lowf(float x)
{
    const float z = x < -104.0f ? -104.0f : x, k = vm_octavef(z);
    const int32_t n = vm_countf(k), half = n >> 1;
    const float y = 1.0f + vm_expm1_coref(vm_reducef(z, k));
    return (y * vm_exp2if(half)) * vm_exp2if(n - half);
}

/* 1.1 ulp */
VM_INLINE float vm_expf(float x)
{
    return vm_exp_lowf(x > 89.0f ? 89.0f : x);
}

/* 1.8 ulp */
VM_INLINE float vm_expm1f(float x)
{
    const float lo = x < -50.0f ? -50.0f : x;
    const float z = lo > 89.0f ? 89.0f : lo, k = vm_octavef(z);
    const int32_t n = vm_countf(k);
    const float e = vm_expm1_coref(vm_reducef(z, k));
    const float s = vm_exp2if(n - 1);
    const float y = n == 0 ? e : (s * e + (s - 0.5f)) * 2.0f;
    return x == 0.0f ? x : y;
}

#define VM_ROOT 0x3f3504f3 /* bits of sqrt(1/2) */

/* The bits of u less those of sqrt(1/2): k and 1 + f of u = 2^k (1 + f). */
VM_INLINE int32_t vm_above_rootf(float u)
{
    return (int32_t)((uint32_t)vm_bitsf(u) - (uint32_t)VM_ROOT);
}

/* log of u > 0, finite, given u = 2^k (1 + f), |f| <= sqrt(2) - 1, plus c */
VM_INLINE float vm_log_coref(float f, float k, float c)
{
    const float ff = f * f, f4 = ff * ff;
    const float p01 = 0x1.555554p-2f - f * 0x1.000228p-2f;
    const float p23 = 0x1.99a026p-3f - f * 0x1.54720ap-3f;
    const float p45 = 0x1.22d7d2p-3f - f * 0x1.0d85aep-3f;
    const float p67 = 0x1.056a46p-3f - f * 0x1.38d512p-4f;
    float p = (p01 + ff * p23) + f4 * (p45 + ff * p67);
    p = (p * f) * ff + (k * 0x1.7f7d1cp-20f + c);
    return k * 0x1.62e4p-1f + (f + (p - 0.5f * ff));
}

/* 0.9 ulp */
VM_INLINE float vm_logf(float x)
{
    const int tiny = x < 0x1p-126f;
    const float u = tiny ? x * 0x1p23f : x;
    const int32_t i = vm_above_rootf(u);
    const int32_t k = i >> 23;
    const float f = vm_unbitsf((i & 0x7fffff) + VM_ROOT) - 1.0f;
    float y = vm_log_coref(f, (float)(tiny ? k - 23 : k), 0.0f);
    y = x <= 3.40282347e38f ? y : x;
    y = x == 0.0f ? -HUGE_VALF : y;
    return x < 0.0f ? NAN : y;
}

/* 0.9 ulp; what 1 + x loses is put back through c */
VM_INLINE float vm_log1pf(float x)
{
    const float u = 1.0f + x;
    const float c = (x - (u - 1.0f)) / u;
    const int32_t i = vm_above_rootf(u);
    const int32_t k = i >> 23;
    const float f = vm_unbitsf((i & 0x7fffff) + VM_ROOT) - 1.0f;
    float y = vm_log_coref(f, (float)k, c);
    y = x <= 3.40282347e38f ? y : x;
    y = x == -1.0f ? -HUGE_VALF : y;
    y = x == 0.0f ? x : y;
    return x < -1.0f ? NAN : y;
}

/* 2.4 ulp; with x = n log 2 + r it is exp(r) / (exp(r) + 2^-n), both made 2^24
 * times smaller, so that the power of two is a normal number for all n */
VM_INLINE float vm_sigmoidf(float x)
{
    const float z = x < -104.0f ? -104.0f : x > 32.0f ? 32.0f : x;
    const float k = vm_octavef(z);
    const float y = (1.0f + vm_expm1_coref(vm_reducef(z, k))) * 0x1p-24f;
    return y / (y + vm_exp2if(-24 - vm_countf(k)));
}

/* 2.0 ulp; (e - 1) / (e + 1) with e = exp(-2|x|) = s + s m, s a power of two */
VM_INLINE float vm_tanhf(float x)
{
    const float w = fabsf(x), v = w > 10.0f ? 10.0f : w, z = -(v + v);
    const float k = vm_octavef(z), s = vm_exp2if(vm_countf(k));
    const float m = s * vm_expm1_coref(vm_reducef(z, k));
    return copysignf((m + (s - 1.0f)) / (m + (s + 1.0f)), x);
}

/* log(1 + exp(x)), 1.8 ulp; what 1 + e loses, at most half an ulp of 2, is put
 * back through c, where a rough 1 / u does */
VM_INLINE float vm_softplusf(float x)
{
    const float e = vm_exp_lowf(-fabsf(x));
    const float u = 1.0f + e;
    const float c = (e - (u - 1.0f)) * (1.0f - e * (0.92f - 0.42f * e));
    const int up = u > 1.41421356f;
    const float f = (up ? 0.5f * u : u) - 1.0f;
    const float y = vm_log_coref(f, up ? 1.0f : 0.0f, c);
    return (x < 0.0f ? 0.0f : x) + y;
}

/* log sigmoid(x), 1.8 ulp */
VM_INLINE float vm_logsigmoidf(float x)
{
    return -vm_softplusf(-x);
}

/* 1.5 ulp; x + x P(x^2) below 0.9, 1 - exp(Q(x)) above */
VM_INLINE float vm_erff(float x)
{
    const float w = fabsf(x), v = w < 4.0f ? w : 4.0f, t = v * v;
    const float tt = t * t;
    const float p01 = 0x1.06eba6p-3f - t * 0x1.8126eep-2f;
    const float p23 = 0x1.ce1c18p-4f - t * 0x1.b6a72ap-6f;
    const float p45 = 0x1.47f21cp-8f - t * 0x1.3d4766p-11f;
    const float q01 = -0x1.5a6bc0p-13f - v * 0x1.20b7aap+0f;
    const float q23 = -0x1.462090p-1f - v * 0x1.aa7b5cp-4f;
    const float q45 = 0x1.6dacdap-6f - v * 0x1.91ed6cp-9f;
    const float p = v + v * (p01 + tt * (p23 + tt * p45));
    float q = (q01 + t * q23) + tt * (q45 + t * 0x1.9fe886p-13f);
    q = 1.0f - vm_exp_coref(q);
    return x != x ? x : copysignf(v < 0.9f ? p : q, x);
}

/* log2 of u > 0 and normal, to 2^-34 of itself: with u = 2^k m it is k and the
 * series of artanh((m - 1) / (m + 1)), whose quotient is one in float, made
 * exact by one step of Newton's in double. */
VM_INLINE double vm_log2f(float u)
{
    const int32_t i = vm_above_rootf(u);
    const float m = vm_unbitsf((i & 0x7fffff) + VM_ROOT);
    const double t = (double)m + 1.0, q = (double)(1.0f / (m + 1.0f));
    const double s = ((double)m - 1.0) * (q * (2.0 - t * q)), z = s * s;
    const double c01 = 0x1.71547652b82fep+1 + z * 0x1.ec709dc3a03fdp-1;
    const double c23 = 0x1.2776c50ef9bfep-1 + z * 0x1.a61762a7aded9p-2;
    const double c45 = 0x1.484b13d7c02a9p-2 + z * 0x1.0c9a84994022dp-2;
    return (double)(i >> 23) + s * (c01 + z * z * (c23 + z * z * c45));
}

/* 2^x, where x may be anything but must be right to 2^-26 */
VM_INLINE float vm_powerf(double x)
{
    const double hi = x > 160.0 ? 160.0 : x, z = hi < -160.0 ? -160.0 : hi;
    const float k = (float)z + 12582912.0f;
    const double r = (z - (double)(k - 12582912.0f)) * 0x1.62e42fefa39efp-1;
    const int32_t n = vm_countf(k), half = n >> 1;
    const float y = 1.0f + vm_expm1_coref((float)r);
    return (y * vm_exp2if(half)) * vm_exp2if(n - half);
}

/* 1.1 ulp; as in C: a negative x has powers that are whole numbers alone, and 1
 * is what anything to the power 0, and 1 to any, is */
VM_INLINE float vm_powf(float x, float y)
{
    const float w = fabsf(x), half = 0.5f * y;
    const int tiny = w < 0x1p-126f;
    const double log2 = vm_log2f(tiny ? w * 0x1p23f : w) - (tiny ? 23.0 : 0.0);
    const int whole = floorf(y) == y, odd = whole & (floorf(half) != half);
    const int inf = w > 3.40282347e38f, edge = inf | (w == 0.0f);
    const int one = (x == 1.0f) | (y == 0.0f), unit = (w == 1.0f) & (y == y);
    const int none = (x < 0.0f) & !whole & !inf;
    const float end = y > 0.0f ? w : y < 0.0f ? 1.0f / w : y;
    float p = vm_powerf((double)y * log2);
    p = edge ? end : p;
    p = unit ? 1.0f : p;
    p = odd ? copysignf(p, x) : p;
    p = x != x ? x : p;
    p = none ? NAN : p;
    return one ? 1.0f : p;
}

/* Pairs below: the same definition in both precisions; NaN is passed on. */

VM_INLINE float vm_maxf(float a, float b)
{
    return ((a > b) | (a != a)) ? a : b;
}

VM_INLINE double vm_max(double a, double b)
{
    return ((a > b) | (a != a)) ? a : b;
}

VM_INLINE float vm_minf(float a, float b)
{
    return ((a < b) | (a != a)) ? a : b;
}

VM_INLINE double vm_min(double a, double b)
{
    return ((a < b) | (a != a)) ? a : b;
}

VM_INLINE float vm_reluf(float x)
{
    return x < 0.0f ? 0.0f : x;
}

VM_INLINE double vm_relu(double x)
{
    return x < 0.0 ? 0.0 : x;
}

VM_INLINE float vm_signf(float x)
{
    return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
}

VM_INLINE double vm_sign(double x)
{
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
}

/* a ? b : c with both sides evaluated: as an operator, gcc 12 makes the loads
 * of b and c conditional, and gets some of those loops wrong at -O3. */
VM_INLINE float vm_selectf(float a, float b, float c)
{
    return a != 0 ? b : c;
}

VM_INLINE double vm_select(double a, double b, double c)
{
    return a != 0 ? b : c;
}

/* a*b + c, rounded once where that is an instruction */
VM_INLINE float vm_fmaf(float a, float b, float c)
{
#if defined(__FMA__) || defined(FP_FAST_FMAF)
    return fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

VM_INLINE double vm_fma(double a, double b, double c)
{
#if defined(__FMA__) || defined(FP_FAST_FMA)
    return fma(a, b, c);
#else
    return a * b + c;
#endif
}

VM_INLINE double vm_sigmoid(double x)
{
    const double e = exp(-fabs(x));
    return x < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
}

VM_INLINE double vm_softplus(double x)
{
    return (x < 0.0 ? 0.0 : x) + log1p(exp(-fabs(x)));
}

VM_INLINE double vm_logsigmoid(double x)
{
    return -vm_softplus(-x);
}

/* The smallest k that Poisson's law of this rate is at most with probability u:
 * the sum of its terms from eight deviations below the mean on. */
VM_INLINE double vm_poisson_quantile(double u, double rate)
{
    const double wide = rate > 0.0 ? sqrt(rate) : 0.0;
    const double low = floor(rate - 8.0 * wide);
    const double last = rate + 12.0 * wide + 40.0;
    double k = low > 0.0 ? low : 0.0, p, sum;
    if (!(rate > 0.0))
        return rate != rate ? rate : 0.0;
    p = exp(k * log(rate) - rate - lgamma(k + 1.0));
    for (sum = p; sum < u && k < last; sum += p)
        p *= rate / ++k;
    return k;
}

VM_INLINE float vm_poisson_quantilef(float u, float rate)
{
    return (float)vm_poisson_quantile((double)u, (double)rate);
}

/* The C library's own under our names, so that both precisions read alike. */
#define vm_exp exp
#define vm_log log
#define vm_log1p log1p
#define vm_expm1 expm1
#define vm_sqrt sqrt
#define vm_sqrtf sqrtf
#define vm_tanh tanh
#define vm_abs fabs
#define vm_absf fabsf
#define vm_floor floor
#define vm_floorf floorf
#define vm_sin sin
#define vm_sinf sinf
#define vm_cos cos
#define vm_cosf cosf
#define vm_erf erf
#define vm_pow pow
#define vm_atan2 atan2
#define vm_atan2f atan2f

#ifdef __clang__
#pragma clang diagnostic pop
#endif

#endif
