/* Products with weights that are packed once, in 32, 16 or 8 bits, as plain C99
 * for emitted files: pasted like emitrt.h, behind it.  Loops over a fixed
 * number of sums, for compilers keep those in registers. */
#ifndef RT_STREAMRT_H
#define RT_STREAMRT_H

#include "emitrt.h"

/* Products of streams, whose weights are packed once: W[N,K] in panels of
 * STRIDE columns (rows of W), then of NARROW, k after k, so that the sums of a
 * panel stay in registers while one row of it after the other is added. */
enum { STRIDE = 64, NARROW = 16 };

/* Columns whose sums fit into the registers beside one row ... */
enum {
    ONE_ROW =
#if defined(__AVX__) || defined(__ARM_NEON)
        64
#else
        32
#endif
};

/* ... and beside each of four. */
enum {
    FOUR_ROWS =
#if defined(__AVX512F__)
        64
#else
        16
#endif
};

/* c[n] = or, if add, += x[n] */
static inline void put_sums(int64_t n, const REAL *x, REAL *c, int add)
{
    for (int64_t j = 0; j < n; j++)
        c[j] = add ? c[j] + x[j] : x[j];
}

/* W[N,K], element (n,k) at n*sn + k*sk, packed for product_real; what is left
 * of N lies row after row */
static void pack_real(int64_t N, int64_t K, const REAL *W, int64_t sn,
                      int64_t sk, REAL *to)
{
    int64_t n = 0;
    for (int64_t width = STRIDE; width >= NARROW; width -= STRIDE - NARROW)
        for (; n + width <= N; n += width)
            for (int64_t k = 0; k < K; k++)
                for (int64_t j = 0; j < width; j++)
                    *to++ = W[(n + j) * sn + k * sk];
    for (; n < N; n++)
        for (int64_t k = 0; k < K; k++)
            *to++ = W[n * sn + k * sk];
}

/* c[STRIDE] = or, if add, += a[K] w[K,STRIDE] */
static void wide_real(int64_t K, const REAL *a, const REAL *w, REAL *c, int add)
{
    for (int64_t first = 0; first < STRIDE; first += ONE_ROW) {
        REAL s[ONE_ROW] = {0};
        for (int64_t k = 0; k < K; k++)
            for (int64_t j = 0; j < ONE_ROW; j++)
                s[j] = VM(fma)(a[k], w[k * STRIDE + first + j], s[j]);
        put_sums(ONE_ROW, s, c + first, add);
    }
}

/* the same for four rows of a and c */
static void wide4_real(int64_t K, const REAL *a, int64_t lda, const REAL *w,
                       REAL *c, int64_t ldc, int add)
{
    for (int64_t first = 0; first < STRIDE; first += FOUR_ROWS) {
        REAL p[FOUR_ROWS] = {0}, q[FOUR_ROWS] = {0};
        REAL r[FOUR_ROWS] = {0}, s[FOUR_ROWS] = {0};
        for (int64_t k = 0; k < K; k++)
            for (int64_t j = 0; j < FOUR_ROWS; j++) {
                const REAL x = w[k * STRIDE + first + j];
                p[j] = VM(fma)(a[k], x, p[j]);
                q[j] = VM(fma)(a[k + lda], x, q[j]);
                r[j] = VM(fma)(a[k + 2 * lda], x, r[j]);
                s[j] = VM(fma)(a[k + 3 * lda], x, s[j]);
            }
        put_sums(FOUR_ROWS, p, c + first, add);
        put_sums(FOUR_ROWS, q, c + first + ldc, add);
        put_sums(FOUR_ROWS, r, c + first + 2 * ldc, add);
        put_sums(FOUR_ROWS, s, c + first + 3 * ldc, add);
    }
}

/* c[NARROW] = or, if add, += a[K] w[K,NARROW]; four sums of each, since one
 * would wait for itself */
static void narrow_real(int64_t K, const REAL *a, const REAL *w, REAL *c,
                        int add)
{
    REAL p[NARROW] = {0}, q[NARROW] = {0}, r[NARROW] = {0}, s[NARROW] = {0};
    for (int64_t k = 0; k + 4 <= K; k += 4) {
        const REAL *b = w + k * NARROW;
        INDEPENDENT
        for (int64_t j = 0; j < NARROW; j++) {
            p[j] = VM(fma)(a[k], b[j], p[j]);
            q[j] = VM(fma)(a[k + 1], b[j + NARROW], q[j]);
            r[j] = VM(fma)(a[k + 2], b[j + 2 * NARROW], r[j]);
            s[j] = VM(fma)(a[k + 3], b[j + 3 * NARROW], s[j]);
        }
    }
    for (int64_t k = K / 4 * 4; k < K; k++)
        for (int64_t j = 0; j < NARROW; j++)
            p[j] = VM(fma)(a[k], w[k * NARROW + j], p[j]);
    for (int64_t j = 0; j < NARROW; j++)
        p[j] = (p[j] + q[j]) + (r[j] + s[j]);
    put_sums(NARROW, p, c, add);
}

/* C[M,N] = or, if add, += A[M,K] W^T, W[N,K] packed by pack_real */
static void product_real(int64_t M, int64_t N, int64_t K, const REAL *A,
                         int64_t lda, const REAL *W, REAL *C, int64_t ldc,
                         int add)
{
    const int64_t wide = N / STRIDE * STRIDE, all = N / NARROW * NARROW;
    for (int64_t n = 0; n < wide; n += STRIDE, W += K * STRIDE) {
        int64_t i = 0;
        for (; i + 4 <= M; i += 4)
            wide4_real(K, A + i * lda, lda, W, C + i * ldc + n, ldc, add);
        for (; i < M; i++)
            wide_real(K, A + i * lda, W, C + i * ldc + n, add);
    }
    for (int64_t n = wide; n < all; n += NARROW, W += K * NARROW)
        for (int64_t i = 0; i < M; i++)
            narrow_real(K, A + i * lda, W, C + i * ldc + n, add);
    for (int64_t n = all; n < N; n++, W += K)
        for (int64_t i = 0; i < M; i++) {
            const REAL x = dot_of(K, A + i * lda, 1, W);
            put_sums(1, &x, C + i * ldc + n, add);
        }
}

/* Weights of 8 or 16 bits: a word of 32 holds those of one column at 4 or 2
 * successive k; columns are filled up to a multiple of NARROW, k to full words,
 * with zeros.  The width of the panel that begins at column n: */
static inline int64_t panel_width(int64_t n, int64_t N)
{
    return n + STRIDE <= N ? STRIDE : NARROW;
}

/* the bits of a float */
static inline uint32_t bits_of(float x)
{
    union {
        float f;
        uint32_t i;
    } u;
    u.f = x;
    return u.i;
}

/* the float with these bits */
static inline float of_bits(uint32_t i)
{
    union {
        float f;
        uint32_t i;
    } u;
    u.i = i;
    return u.f;
}

/* the nearest bfloat16, the upper half of a float */
static uint32_t to_bf16(float x)
{
    const uint32_t i = bits_of(x);
    return x == x ? (i + 0x7fffu + (i >> 16 & 1)) >> 16 : 0x7fc0u;
}

/* the bfloat16 in the lower half of a word */
static inline float low_bf16(uint32_t w)
{
    return of_bits(w << 16);
}

/* the bfloat16 in the upper half */
static inline float high_bf16(uint32_t w)
{
    return of_bits(w & 0xffff0000u);
}

/* W[N,K], element (n,k) at n*sn + k*sk, packed for product_bf16 */
static void pack_bf16(int64_t N, int64_t K, const float *W, int64_t sn,
                      int64_t sk, uint32_t *to)
{
    for (int64_t n = 0, width; n < N; n += width) {
        width = panel_width(n, N);
        for (int64_t k = 0; k < K; k += 2)
            for (int64_t j = n; j < n + width; j++) {
                const float *w = W + j * sn + k * sk;
                const uint32_t low = j < N ? to_bf16(*w) : 0;
                const uint32_t high = j < N && k + 1 < K ? to_bf16(w[sk]) : 0;
                *to++ = low | high << 16;
            }
    }
}

/* c[STRIDE] = or, if add, += a[K] w[K,STRIDE] */
static void wide_bf16(int64_t K, const float *a, const uint32_t *w, float *c,
                      int add)
{
    for (int64_t first = 0; first < STRIDE; first += ONE_ROW) {
        const uint32_t *b = w + first;
        float s[ONE_ROW] = {0};
        for (int64_t k = 0; k < K; k += 2, b += STRIDE) {
            const float x = a[k], y = k + 1 < K ? a[k + 1] : 0;
            for (int64_t j = 0; j < ONE_ROW; j++)
                s[j] = vm_fmaf(x, low_bf16(b[j]), s[j]);
            for (int64_t j = 0; j < ONE_ROW; j++)
                s[j] = vm_fmaf(y, high_bf16(b[j]), s[j]);
        }
        put_sums(ONE_ROW, s, c + first, add);
    }
}

/* c[n] = or, if add, += a[K] w[K,NARROW] */
static void narrow_bf16(int64_t n, int64_t K, const float *a, const uint32_t *w,
                        float *c, int add)
{
    float p[NARROW] = {0}, q[NARROW] = {0};
    for (int64_t k = 0; k < K; k += 2, w += NARROW) {
        const float x = a[k], y = k + 1 < K ? a[k + 1] : 0;
        INDEPENDENT
        for (int64_t j = 0; j < NARROW; j++) {
            p[j] = vm_fmaf(x, low_bf16(w[j]), p[j]);
            q[j] = vm_fmaf(y, high_bf16(w[j]), q[j]);
        }
    }
    for (int64_t j = 0; j < NARROW; j++)
        p[j] += q[j];
    put_sums(n < NARROW ? n : NARROW, p, c, add);
}

/* C[M,N] = or, if add, += A[M,K] W^T, W[N,K] packed by pack_bf16 */
static void product_bf16(int64_t M, int64_t N, int64_t K, const float *A,
                         int64_t lda, const uint32_t *W, float *C, int64_t ldc,
                         int add)
{
    for (int64_t n = 0, width; n < N; n += width) {
        width = panel_width(n, N);
        for (int64_t i = 0; i < M; i++)
            if (width == STRIDE)
                wide_bf16(K, A + i * lda, W, C + i * ldc + n, add);
            else
                narrow_bf16(N - n, K, A + i * lda, W, C + i * ldc + n, add);
        W += (K + 1) / 2 * width;
    }
}

/* byte i of a word, a signed number, times 2^24 */
static inline float byte_of(uint32_t w, int i)
{
    return (float)(int32_t)(w << (24 - 8 * i) & 0xff000000u);
}

/* W[N,K], element (n,k) at n*sn + k*sk, packed for product_int8; behind each
 * panel its rows' scales, the bits of floats */
static void pack_int8(int64_t N, int64_t K, const float *W, int64_t sn,
                      int64_t sk, uint32_t *to)
{
    for (int64_t n = 0, width; n < N; n += width) {
        width = panel_width(n, N);
        const int64_t words = (K + 3) / 4;
        for (int64_t j = 0; j < width; j++) {
            const float *w = W + (n + j) * sn;
            float most = 0;
            for (int64_t k = 0; k < K && n + j < N; k++)
                most = vm_maxf(most, fabsf(w[k * sk]));
            for (int64_t k = 0; k < 4 * words; k++) {
                const float x =
                    k < K && most > 0 ? w[k * sk] * (127 / most) : 0;
                const int32_t q = (int32_t)(x < 0 ? x - 0.5f : x + 0.5f);
                uint32_t *word = to + k / 4 * width + j;
                *word = (k % 4 ? *word : 0) | ((uint32_t)q & 255)
                                                  << (8 * (k % 4));
            }
            to[words * width + j] = bits_of(most / 127 * 0x1p-24f);
        }
        to += (words + 1) * width;
    }
}

/* s[n] times the scales of their rows */
static inline void scale_sums(int64_t n, float *s, const uint32_t *scale)
{
    for (int64_t j = 0; j < n; j++)
        s[j] *= of_bits(scale[j]);
}

/* c[STRIDE] = or, if add, += a[K] w[K,STRIDE] */
static void wide_int8(int64_t K, const float *a, const uint32_t *w, float *c,
                      int add)
{
    for (int64_t first = 0; first < STRIDE; first += ONE_ROW) {
        const uint32_t *b = w + first;
        float s[ONE_ROW] = {0};
        for (int64_t k = 0; k < K; k += 4, b += STRIDE) {
            const float x = a[k], y = k + 1 < K ? a[k + 1] : 0;
            const float z = k + 2 < K ? a[k + 2] : 0;
            const float u = k + 3 < K ? a[k + 3] : 0;
            for (int64_t j = 0; j < ONE_ROW; j++)
                s[j] = vm_fmaf(x, byte_of(b[j], 0), s[j]);
            for (int64_t j = 0; j < ONE_ROW; j++)
                s[j] = vm_fmaf(y, byte_of(b[j], 1), s[j]);
            for (int64_t j = 0; j < ONE_ROW; j++)
                s[j] = vm_fmaf(z, byte_of(b[j], 2), s[j]);
            for (int64_t j = 0; j < ONE_ROW; j++)
                s[j] = vm_fmaf(u, byte_of(b[j], 3), s[j]);
        }
        scale_sums(ONE_ROW, s, b);
        put_sums(ONE_ROW, s, c + first, add);
    }
}

/* c[n] = or, if add, += a[K] w[K,NARROW] */
static void narrow_int8(int64_t n, int64_t K, const float *a, const uint32_t *w,
                        float *c, int add)
{
    float p[NARROW] = {0}, q[NARROW] = {0}, r[NARROW] = {0}, s[NARROW] = {0};
    for (int64_t k = 0; k < K; k += 4, w += NARROW) {
        const float x = a[k], y = k + 1 < K ? a[k + 1] : 0;
        const float z = k + 2 < K ? a[k + 2] : 0;
        const float u = k + 3 < K ? a[k + 3] : 0;
        INDEPENDENT
        for (int64_t j = 0; j < NARROW; j++) {
            p[j] = vm_fmaf(x, byte_of(w[j], 0), p[j]);
            q[j] = vm_fmaf(y, byte_of(w[j], 1), q[j]);
            r[j] = vm_fmaf(z, byte_of(w[j], 2), r[j]);
            s[j] = vm_fmaf(u, byte_of(w[j], 3), s[j]);
        }
    }
    for (int64_t j = 0; j < NARROW; j++)
        p[j] = (p[j] + q[j]) + (r[j] + s[j]);
    scale_sums(NARROW, p, w);
    put_sums(n < NARROW ? n : NARROW, p, c, add);
}

/* C[M,N] = or, if add, += A[M,K] W^T, W[N,K] packed by pack_int8 */
static void product_int8(int64_t M, int64_t N, int64_t K, const float *A,
                         int64_t lda, const uint32_t *W, float *C, int64_t ldc,
                         int add)
{
    for (int64_t n = 0, width; n < N; n += width) {
        width = panel_width(n, N);
        for (int64_t i = 0; i < M; i++)
            if (width == STRIDE)
                wide_int8(K, A + i * lda, W, C + i * ldc + n, add);
            else
                narrow_int8(N - n, K, A + i * lda, W, C + i * ldc + n, add);
        W += ((K + 3) / 4 + 1) * width;
    }
}

#endif
