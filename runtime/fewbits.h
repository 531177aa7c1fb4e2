/* Products with weights that are packed once in 16 or 8 bits, for emitted
 * files: pasted like streamrt.h, behind it.  C99, with the instructions for
 * such numbers where the compiler has them. */
#ifndef RT_FEWBITS_H
#define RT_FEWBITS_H

#include "streamrt.h"

/* W[N,K] is packed in blocks of this many k, a product by itself each; in
 * these, panel by panel, a word of 32 bits holds a column's weights at 2 or 4
 * places k, a half or a quarter of the block from one another, so that plain
 * loops pack vectors alike.  Columns are filled up to a multiple of NARROW,
 * words with zeros. */
enum { BLOCK = 256 };

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
static inline uint32_t to_bf16(float x)
{
    const uint32_t i = bits_of(x);
    return x == x ? (i + 0x7fffu + (i >> 16 & 1)) >> 16 : 0x7fc0u;
}

/* pack_bf16 of one panel of `width` columns, of which n are there */
static void panel_bf16(int64_t n, int64_t depth, const float *W, int64_t sn,
                       int64_t sk, uint32_t *to, int64_t width)
{
    const int64_t words = (depth + 1) / 2;
    for (int64_t k = 0; k < words; k++)
        for (int64_t j = 0; j < width; j++) {
            const float *w = W + j * sn + k * sk;
            const uint32_t low = j < n ? to_bf16(*w) : 0;
            const int more = j < n && words + k < depth;
            *to++ = low | (more ? to_bf16(w[words * sk]) << 16 : 0);
        }
}

/* W[N,K], element (n,k) at n*sn + k*sk, packed for product_bf16 */
static void pack_bf16(int64_t N, int64_t K, const float *W, int64_t sn,
                      int64_t sk, uint32_t *to)
{
    for (int64_t k = 0; k < K; k += BLOCK) {
        const int64_t depth = K - k < BLOCK ? K - k : BLOCK;
        for (int64_t n = 0, width; n < N; n += width) {
            width = panel_width(n, N);
            panel_bf16(N - n, depth, W + n * sn + k * sk, sn, sk, to, width);
            to += (depth + 1) / 2 * width;
        }
    }
}

/* Rows of activations that are made ready at a time. */
enum { FEW_ROWS = 4 };

/* Whether instructions multiply pairs of bfloat16; then activations are rounded
 * to such, too. */
enum {
    PAIRED =
#if defined(__AVX512BF16__) && defined(__GNUC__) && __STDC_HOSTED__
        1
#else
        0
#endif
};

/* x[words]: a[depth] as the words of a column; or x[2*words]: as floats */
static void vector_bf16(int64_t depth, const float *a, uint32_t *x)
{
    const int64_t words = (depth + 1) / 2;
    for (int64_t k = 0; k < depth; k++)
        x[k] = PAIRED ? to_bf16(a[k]) : bits_of(a[k]);
    for (int64_t k = depth; k < 2 * words; k++)
        x[k] = 0;
    for (int64_t k = 0; k < words && PAIRED; k++)
        x[k] |= x[words + k] << 16;
}

/* sum[rows,STRIDE] = x[rows,BLOCK] times 16 * `vectors` columns of w, whose
 * rows are `width` apart; rows, 1 or 4, and vectors, 1 or 4, are constants */
#if defined(__AVX512BF16__) && defined(__GNUC__) && __STDC_HOSTED__
#include <immintrin.h>
static inline void tile_bf16(const int rows, const int vectors, int64_t words,
                             const uint32_t *x, const uint32_t *w,
                             int64_t width, float *sum)
{
    __m512 s[4][4];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            s[i][j] = _mm512_setzero_ps();
    for (int64_t k = 0; k < words; k++, w += width)
        for (int j = 0; j < vectors; j++) {
            const __m512i v = _mm512_loadu_si512(w + 16 * j);
            for (int i = 0; i < rows; i++) {
                const __m512 a = _mm512_set1_ps(of_bits(x[i * BLOCK + k]));
                s[i][j] = _mm512_dpbf16_ps(s[i][j], (__m512bh)v, (__m512bh)a);
            }
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            _mm512_storeu_ps(sum + i * STRIDE + 16 * j, s[i][j]);
}
#else
static inline void tile_bf16(const int rows, const int vectors, int64_t words,
                             const uint32_t *x, const uint32_t *w,
                             int64_t width, float *sum)
{
    enum { MOST = 16 * 4 < ONE_ROW ? 16 * 4 : ONE_ROW };
    const int64_t n = 16 * vectors < MOST ? 16 * vectors : MOST;
    for (int64_t i = 0; i < rows; i++, x += BLOCK, sum += STRIDE)
        for (int64_t first = 0; first < 16 * vectors; first += n) {
            const uint32_t *b = w + first;
            float s[MOST] = {0};
            for (int64_t k = 0; k < words; k++, b += width) {
                const float p = of_bits(x[k]), q = of_bits(x[words + k]);
                for (int64_t j = 0; j < n; j++)
                    s[j] = vm_fmaf(p, of_bits(b[j] << 16), s[j]);
                for (int64_t j = 0; j < n; j++)
                    s[j] = vm_fmaf(q, of_bits(b[j] & 0xffff0000u), s[j]);
            }
            put_sums(n, s, sum + first, 0);
        }
}
#endif

/* sum[rows,STRIDE] = x[rows,BLOCK] times a panel w of `width` columns */
static void sums_bf16(int64_t rows, int64_t width, int64_t words,
                      const uint32_t *x, const uint32_t *w, float *sum)
{
    int64_t i = 0;
    for (; i + 4 <= rows && width == STRIDE; i += 4)
        tile_bf16(4, 4, words, x + i * BLOCK, w, width, sum + i * STRIDE);
    for (; i < rows; i++)
        if (width == STRIDE)
            tile_bf16(1, 4, words, x + i * BLOCK, w, width, sum + i * STRIDE);
        else
            tile_bf16(1, 1, words, x + i * BLOCK, w, width, sum + i * STRIDE);
}

/* C[M,N] = or, if add, += A[M,K] W^T, W[N,K] packed by pack_bf16 */
static void product_bf16(int64_t M, int64_t N, int64_t K, const float *A,
                         int64_t lda, const uint32_t *W, float *C, int64_t ldc,
                         int add)
{
    uint32_t x[FEW_ROWS * BLOCK];
    float sum[FEW_ROWS * STRIDE];
    for (int64_t k = 0, words; k < K; k += BLOCK) {
        const int64_t depth = K - k < BLOCK ? K - k : BLOCK;
        const uint32_t *w = W;
        words = (depth + 1) / 2;
        for (int64_t i = 0; i < M; i += FEW_ROWS) {
            const int64_t rows = M - i < FEW_ROWS ? M - i : FEW_ROWS;
            for (int64_t r = 0; r < rows; r++)
                vector_bf16(depth, A + (i + r) * lda + k, x + r * BLOCK);
            w = W;
            for (int64_t n = 0, width; n < N; n += width, w += words * width) {
                width = panel_width(n, N);
                sums_bf16(rows, width, words, x, w, sum);
                for (int64_t r = 0; r < rows; r++)
                    put_sums(N - n < width ? N - n : width, sum + r * STRIDE,
                             C + (i + r) * ldc + n, add || k > 0);
            }
        }
        W = w;
    }
}

/* The factor that makes whole numbers up to `top` of floats up to `most`; 0 if
 * those are next to nothing, or not finite. */
static inline float whole_factor(float most, float top)
{
    return most > 1e-30f && most < HUGE_VALF ? top / most : 0;
}

/* x, already multiplied by the factor, as the nearest whole number */
static inline int32_t to_whole(float x)
{
    return (int32_t)(x < 0 ? x - 0.5f : x + 0.5f);
}

/* pack_int8 of one column w[depth], its numbers sk apart, zeros if it is not
 * there: words that are `width` apart, in each byte 128 more than a number of
 * -127..127; behind them the bits of a float, the scale of those */
static void column_int8(int there, int64_t depth, const float *w, int64_t sk,
                        uint32_t *to, int64_t width)
{
    const int64_t words = (depth + 3) / 4;
    float most = 0;
    for (int64_t k = 0; k < depth && there; k++)
        most = vm_maxf(most, fabsf(w[k * sk]));
    const float factor = whole_factor(most, 127);
    for (int64_t i = 0; i < words; i++, to += width) {
        *to = 0x80808080u;
        for (int64_t k = i, shift = 0; k < depth && factor > 0;
             k += words, shift += 8)
            *to += (uint32_t)to_whole(w[k * sk] * factor) << shift;
    }
    *to = bits_of(factor > 0 ? most / 127 : most - most);
}

/* W[N,K], element (n,k) at n*sn + k*sk, packed for product_int8 */
static void pack_int8(int64_t N, int64_t K, const float *W, int64_t sn,
                      int64_t sk, uint32_t *to)
{
    for (int64_t k = 0; k < K; k += BLOCK) {
        const int64_t depth = K - k < BLOCK ? K - k : BLOCK;
        for (int64_t n = 0, width; n < N; n += width) {
            width = panel_width(n, N);
            for (int64_t j = 0; j < width; j++)
                column_int8(n + j < N, depth, W + (n + j) * sn + k * sk, sk,
                            to + j, width);
            to += ((depth + 3) / 4 + 1) * width;
        }
    }
}

/* How instructions of this machine multiply whole numbers.  LANES: words at a
 * time.  DIGITS: bytes by fours, so that a whole number of 16 bits becomes two
 * digits to the base 256, the lower one of -128..127; else pairs of 16 bits.
 * OFFSET: what is too much in each byte of weights. */
#if !defined(__GNUC__) || !__STDC_HOSTED__
enum { LANES = 4, DIGITS = 0, OFFSET = 128 };
#elif defined(__AVX512VNNI__)
enum { LANES = 16, DIGITS = 1, OFFSET = 128 };
#elif defined(__AVX512BW__)
enum { LANES = 16, DIGITS = 0, OFFSET = 128 };
#elif defined(__AVXVNNI__)
enum { LANES = 8, DIGITS = 1, OFFSET = 128 };
#elif defined(__AVX2__)
enum { LANES = 8, DIGITS = 0, OFFSET = 128 };
#elif defined(__ARM_FEATURE_DOTPROD)
enum { LANES = 4, DIGITS = 1, OFFSET = 0 };
#else
enum { LANES = 4, DIGITS = 0, OFFSET = 128 };
#endif

/* Four whole numbers of 16 bits as two words q: their higher digits and their
 * lower ones; or number 0 and 2, and 1 and 3. */
static inline void pack_whole(uint32_t a, uint32_t b, uint32_t c, uint32_t d,
                              uint32_t *high, uint32_t *low)
{
    if (DIGITS) {
        *low = (a & 255) | (b & 255) << 8 | (c & 255) << 16 | d << 24;
        *high = ((a + 128) >> 8 & 255) | ((b + 128) & 0xff00u) |
                ((c + 128) & 0xff00u) << 8 | ((d + 128) & 0xff00u) << 16;
    } else {
        *high = (a & 0xffffu) | c << 16;
        *low = (b & 0xffffu) | d << 16;
    }
}

/* a[depth] as whole numbers of -32512..32512, packed into q[2*words], followed
 * by what makes up for OFFSET, and by the bits of a float, the scale */
static void vector_int8(int64_t depth, const float *a, uint32_t *q)
{
    const int64_t words = (depth + 3) / 4;
    uint32_t x[BLOCK], sum = 0;
    int32_t bits = 0;
    for (int64_t k = 0; k < depth; k++) {
        const int32_t one = (int32_t)(bits_of(a[k]) & 0x7fffffffu);
        bits = one > bits ? one : bits;
    }
    const float most = of_bits((uint32_t)bits);
    const float factor = whole_factor(most, 32512);
    for (int64_t k = 0; k < depth; k++) {
        x[k] = factor > 0 ? (uint32_t)to_whole(a[k] * factor) : 0;
        sum += x[k];
    }
    for (int64_t k = depth; k < 4 * words; k++)
        x[k] = 0;
    for (int64_t k = 0; k < words; k++)
        pack_whole(x[k], x[k + words], x[k + 2 * words], x[k + 3 * words],
                   q + k, q + words + k);
    q[2 * words] = 0u - OFFSET * sum;
    q[2 * words + 1] = bits_of(factor > 0 ? most / 32512 : most - most);
}

/* sum[n*LANES] of the column words w, whose rows are `width` apart, times the
 * whole numbers q, without what makes up for OFFSET; mod 2^32, so that every
 * machine gives the same in the end; n, at most 4, is a constant */
#if !defined(__GNUC__) || !__STDC_HOSTED__
#elif defined(__AVX512VNNI__)
#include <immintrin.h>
#define DOT(s, w, x) \
    (Words) _mm512_dpbusd_epi32((__m512i)(s), (__m512i)(w), (__m512i)(x))
#elif defined(__AVX512BW__)
#include <immintrin.h>
#define DOT(s, w, x) (s) + (Words)_mm512_madd_epi16((__m512i)(w), (__m512i)(x))
#elif defined(__AVXVNNI__)
#include <immintrin.h>
#define DOT(s, w, x) \
    (Words) _mm256_dpbusd_avx_epi32((__m256i)(s), (__m256i)(w), (__m256i)(x))
#elif defined(__AVX2__)
#include <immintrin.h>
#define DOT(s, w, x) (s) + (Words)_mm256_madd_epi16((__m256i)(w), (__m256i)(x))
#elif defined(__SSE2__)
#include <emmintrin.h>
#define DOT(s, w, x) (s) + (Words)_mm_madd_epi16((__m128i)(w), (__m128i)(x))
#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#define DOT(s, w, x)                                                  \
    (Words) vdotq_s32((int32x4_t)(s), (int8x16_t)((w) ^ 0x80808080u), \
                      (int8x16_t)(x))
#endif
static inline void tile_int8(const int n, int64_t words, const uint32_t *q,
                             const uint32_t *w, int64_t width, uint32_t *sum)
{
#ifdef DOT
    typedef uint32_t Words
        __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
    const uint32_t mask = DIGITS ? 0xffffffffu : 0x00ff00ffu;
    const int odd = DIGITS ? 0 : 8;
    Words s[4], t[4];
    for (int j = 0; j < n; j++)
        s[j] = t[j] = (Words){0};
    for (int64_t k = 0; k < words; k++, w += width) {
        const Words high = q[k] - (Words){0}, low = q[words + k] - (Words){0};
        for (int j = 0; j < n; j++) {
            const Words v = *(const Words *)(w + j * LANES);
            s[j] = DOT(s[j], v & mask, high);
            t[j] = DOT(t[j], v >> odd & mask, low);
        }
    }
    for (int j = 0; j < n; j++)
        *(Words *)(sum + j * LANES) = (s[j] << (DIGITS ? 8 : 0)) + t[j];
#else
    uint32_t s[4 * LANES] = {0};
    for (int64_t k = 0; k < words; k++, w += width) {
        const uint32_t p = q[k], r = q[words + k];
        const uint32_t a = ((p & 0xffffu) ^ 0x8000u) - 0x8000u;
        const uint32_t b = ((r & 0xffffu) ^ 0x8000u) - 0x8000u;
        const uint32_t c = ((p >> 16) ^ 0x8000u) - 0x8000u;
        const uint32_t d = ((r >> 16) ^ 0x8000u) - 0x8000u;
        for (int j = 0; j < n * LANES; j++)
            s[j] += a * (w[j] & 255) + b * (w[j] >> 8 & 255) +
                    c * (w[j] >> 16 & 255) + d * (w[j] >> 24);
    }
    for (int j = 0; j < n * LANES; j++)
        sum[j] = s[j];
#endif
}
#undef DOT

/* sum[width] of all columns of a panel */
static void sums_int8(int64_t words, const uint32_t *q, const uint32_t *w,
                      int64_t width, uint32_t *sum)
{
    if (width == NARROW)
        tile_int8(NARROW / LANES, words, q, w, width, sum);
    else
        for (int64_t first = 0; first < width; first += 4 * LANES)
            tile_int8(4, words, q, w + first, width, sum + first);
}

/* c[n] = or, if add, += sums with the scales of their columns and of a vector
 */
static void put_int8(int64_t n, uint32_t *sum, const uint32_t *scale,
                     const uint32_t *vector, float *c, int add)
{
    float x[STRIDE];
    for (int64_t j = 0; j < n; j++)
        x[j] = (float)(int32_t)(sum[j] + vector[0]) *
               (of_bits(scale[j]) * of_bits(vector[1]));
    put_sums(n, x, c, add);
}

/* C[M,N] = or, if add, += A[M,K] W^T, W[N,K] packed by pack_int8 */
static void product_int8(int64_t M, int64_t N, int64_t K, const float *A,
                         int64_t lda, const uint32_t *W, float *C, int64_t ldc,
                         int add)
{
    uint32_t q[FEW_ROWS][BLOCK / 2 + 2], sum[STRIDE];
    for (int64_t k = 0; k < K; k += BLOCK) {
        const int64_t depth = K - k < BLOCK ? K - k : BLOCK;
        const int64_t words = (depth + 3) / 4;
        const uint32_t *w = W;
        for (int64_t i = 0; i < M; i += FEW_ROWS) {
            const int64_t rows = M - i < FEW_ROWS ? M - i : FEW_ROWS;
            for (int64_t r = 0; r < rows; r++)
                vector_int8(depth, A + (i + r) * lda + k, q[r]);
            w = W;
            for (int64_t n = 0, width; n < N; n += width) {
                width = panel_width(n, N);
                for (int64_t r = 0; r < rows; r++) {
                    sums_int8(words, q[r], w, width, sum);
                    put_int8(N - n < width ? N - n : width, sum,
                             w + words * width, q[r] + 2 * words,
                             C + (i + r) * ldc + n, add || k > 0);
                }
                w += (words + 1) * width;
            }
        }
        W = w;
    }
}

#endif
