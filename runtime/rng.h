/* Random numbers that are a function of (seed, stream, counter): no hidden
 * state, so a checkpoint stores three integers, threads need no locks, and
 * every machine draws the same.  Philox 4x32-10 of Salmon, Moraes, Dror and
 * Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef CELLC_RNG_H
#define CELLC_RNG_H

#include <math.h>
#include <stdint.h>

/* First argument of rt_stream: what the numbers are for. */
enum {
    RT_STREAM_INIT,     /* start values of parameters; id = parameter */
    RT_STREAM_SHUFFLE,  /* order of rows; id = epoch */
    RT_STREAM_NOISE,    /* dropout and noise; id = tensor */
    RT_STREAM_SAMPLE,   /* generating */
    RT_STREAM_TEST,     /* directions and points of checks */
    RT_STREAM_GRADIENT, /* noise on gradients; id = parameter */
    RT_STREAM_BUCKET,   /* order of batches of like length; id = epoch */
    RT_STREAM_SPLIT     /* which sequences a fraction of them has */
};

/* Where a run of draws has got to; stored in checkpoints as it is. */
typedef struct RtRng {
    uint64_t seed, stream, counter;
} RtRng;

/* A stream of its own for each purpose and id < 2^56. */
static inline uint64_t rt_stream(unsigned purpose, uint64_t id)
{
    return (uint64_t)purpose << 56 | (id & (((uint64_t)1 << 56) - 1));
}

/* Ten rounds on the counter c[4] with the key k[2]; in place. */
static inline void rt_philox(uint32_t c[4], const uint32_t k[2])
{
    uint32_t k0 = k[0], k1 = k[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)0xD2511F53u * c[0];
        uint64_t q = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t c1 = c[1], c3 = c[3];
        c[0] = (uint32_t)(q >> 32) ^ c1 ^ k0;
        c[1] = (uint32_t)q;
        c[2] = (uint32_t)(p >> 32) ^ c3 ^ k1;
        c[3] = (uint32_t)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* 64 random bits. */
static inline uint64_t rt_random(uint64_t seed, uint64_t stream,
                                 uint64_t counter)
{
    uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32),
                     (uint32_t)stream, (uint32_t)(stream >> 32)};
    uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    rt_philox(c, k);
    return (uint64_t)c[1] << 32 | c[0];
}

/* Uniform in (0,1), both ends excluded: odd multiples of 2^-53. */
static inline double rt_uniform(uint64_t seed, uint64_t stream,
                                uint64_t counter)
{
    uint64_t r = rt_random(seed, stream, counter) >> 12;
    return ((double)r + 0.5) * 0x1p-52;
}

/* Uniform in 0 .. n-1, n >= 1; the bias is below n / 2^64. */
static inline uint64_t rt_below(uint64_t seed, uint64_t stream,
                                uint64_t counter, uint64_t n)
{
    uint64_t r = rt_random(seed, stream, counter);
    uint64_t rh = r >> 32, rl = (uint32_t)r, nh = n >> 32, nl = (uint32_t)n;
    uint64_t mid = rh * nl + (rl * nl >> 32);
    return rh * nh + (mid >> 32) + ((rl * nh + (uint32_t)mid) >> 32);
}

/* Natural logarithm of x in (0,1], from + - * / alone, so that it does not
 * depend on a libm; a few ulp.  ln m = 2 artanh((m-1)/(m+1)). */
static inline double rt_log(double x)
{
    int e;
    double m = frexp(x, &e);
    if (m < 0.70710678118654752) {
        m *= 2;
        e--;
    }
    double s = (m - 1) / (m + 1), q = s * s, sum = 0;
    for (int k = 23; k >= 1; k -= 2)
        sum = sum * q + 1.0 / k;
    return 2 * s * sum + e * 0.69314718055994531;
}

/* num[8] / den[8] at r, coefficients from the constant term up. */
static inline double rt_ratio8(const double *num, const double *den, double r)
{
    double p = num[7], q = den[7];
    for (int i = 6; i >= 0; i--) {
        p = p * r + num[i];
        q = q * r + den[i];
    }
    return p / q;
}

/* Quantile of the standard normal at p in (0,1), 16 digits: Wichura, algorithm
 * AS 241 (PPND16), Applied Statistics 37, 1988. */
static inline double rt_normal_quantile(double p)
{
    static const double a[] = {
        3.3871328727963666080e0,  1.3314166789178437745e+2,
        1.9715909503065514427e+3, 1.3731693765509461125e+4,
        4.5921953931549871457e+4, 6.7265770927008700853e+4,
        3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double b[] = {1,
                               4.2313330701600911252e+1,
                               6.8718700749205790830e+2,
                               5.3941960214247511077e+3,
                               2.1213794301586595867e+4,
                               3.9307895800092710610e+4,
                               2.8729085735721942674e+4,
                               5.2264952788528545610e+3};
    static const double c[] = {
        1.42343711074968357734e0,  4.63033784615654529590e0,
        5.76949722146069140550e0,  3.64784832476320460504e0,
        1.27045825245236838258e0,  2.41780725177450611770e-1,
        2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[] = {1,
                               2.05319162663775882187e0,
                               1.67638483018380384940e0,
                               6.89767334985100004550e-1,
                               1.48103976427480074590e-1,
                               1.51986665636164571966e-2,
                               5.47593808499534494600e-4,
                               1.05075007164441684324e-9};
    static const double e[] = {
        6.65790464350110377720e0,  5.46378491116411436990e0,
        1.78482653991729133580e0,  2.96560571828504891230e-1,
        2.65321895265761230930e-2, 1.24266094738807843860e-3,
        2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[] = {1,
                               5.99832206555887937690e-1,
                               1.36929880922735805310e-1,
                               1.48753612908506148525e-2,
                               7.86869131145613259100e-4,
                               1.84631831751005468180e-5,
                               1.42151175831644588870e-7,
                               2.04426310338993978564e-15};
    double q = p - 0.5;
    if (fabs(q) <= 0.425)
        return q * rt_ratio8(a, b, 0.180625 - q * q);
    double r = sqrt(-rt_log(q < 0 ? p : 1 - p));
    double x = r <= 5 ? rt_ratio8(c, d, r - 1.6) : rt_ratio8(e, f, r - 5);
    return q < 0 ? -x : x;
}

/* Standard normal. */
static inline double rt_normal(uint64_t seed, uint64_t stream, uint64_t counter)
{
    return rt_normal_quantile(rt_uniform(seed, stream, counter));
}

/* The next draw of a run. */
static inline double rt_next_uniform(RtRng *g)
{
    return rt_uniform(g->seed, g->stream, g->counter++);
}
static inline double rt_next_normal(RtRng *g)
{
    return rt_normal(g->seed, g->stream, g->counter++);
}

/* Shuffles v[n] (Fisher and Yates). */
static inline void rt_shuffle(uint64_t seed, uint64_t stream, int64_t *v,
                              int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j =
            (int64_t)rt_below(seed, stream, (uint64_t)i, (uint64_t)i + 1);
        int64_t x = v[i];
        v[i] = v[j];
        v[j] = x;
    }
}

#endif
