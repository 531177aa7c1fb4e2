/* Products with weights that are packed once, as plain C99 for emitted files:
 * pasted like emitrt.h, behind it.  Loops over a fixed number of sums, for
 * compilers keep those in registers.  Fewer bits: fewbits.h. */
#ifndef RT_STREAMRT_H
#define RT_STREAMRT_H

#include "emitrt.h"

/* Products of streams, whose weights are packed once: W[N,K] in panels of
 * STRIDE columns (rows of W), then of NARROW, k after k, so that the sums of a
 * panel stay in registers while one row of it after the other is added.  Of the
 * columns left, more than FEW fill a panel with zeros, others lie by
 * themselves.
 */
enum { STRIDE = 64, NARROW = 16, FEW = 2 };

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

/* How many rows are multiplied at once where there are that many. */
enum {
    AT_ONCE =
#if defined(__OPTIMIZE_SIZE__)
        1
#else
        4
#endif
};

/* c[n] = or, if add, += x[n] */
static inline void put_sums(int64_t n, const REAL *x, REAL *c, int add)
{
    for (int64_t j = 0; j < n; j++)
        c[j] = add ? c[j] + x[j] : x[j];
}

/* the width of the panel that begins at column n */
static inline int64_t panel_width(int64_t n, int64_t N)
{
    return n + STRIDE <= N ? STRIDE : NARROW;
}

/* the columns in panels: what is left after these is few */
static inline int64_t in_panels(int64_t N)
{
    return (N + NARROW - 1 - FEW) / NARROW * NARROW;
}

/* W[N,K], element (n,k) at n*sn + k*sk, packed for product_real */
static void pack_real(int64_t N, int64_t K, const REAL *W, int64_t sn,
                      int64_t sk, REAL *to)
{
    int64_t n = 0;
    for (int64_t width; n < in_panels(N); n += width) {
        width = panel_width(n, N);
        for (int64_t k = 0; k < K; k++)
            for (int64_t j = n; j < n + width; j++)
                *to++ = j < N ? W[j * sn + k * sk] : 0;
    }
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

/* c[n] = or, if add, += a[K] w[K,NARROW]; four sums of each, since one would
 * wait for itself */
static void narrow_real(int64_t n, int64_t K, const REAL *a, const REAL *w,
                        REAL *c, int add)
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
    put_sums(n < NARROW ? n : NARROW, p, c, add);
}

/* C[M,N] = or, if add, += A[M,K] W^T, W[N,K] packed by pack_real */
static void product_real(int64_t M, int64_t N, int64_t K, const REAL *A,
                         int64_t lda, const REAL *W, REAL *C, int64_t ldc,
                         int add)
{
    const int64_t all = in_panels(N), wide = N / STRIDE * STRIDE;
    for (int64_t n = 0; n < wide; n += STRIDE, W += K * STRIDE) {
        int64_t i = 0;
        for (; AT_ONCE == 4 && i + 4 <= M; i += 4)
            wide4_real(K, A + i * lda, lda, W, C + i * ldc + n, ldc, add);
        for (; i < M; i++)
            wide_real(K, A + i * lda, W, C + i * ldc + n, add);
    }
    for (int64_t n = wide; n < all; n += NARROW, W += K * NARROW)
        for (int64_t i = 0; i < M; i++)
            narrow_real(N - n, K, A + i * lda, W, C + i * ldc + n, add);
    for (int64_t n = all; n < N; n++, W += K)
        for (int64_t i = 0; i < M; i++) {
            const REAL x = dot_of(K, A + i * lda, 1, W);
            put_sums(1, &x, C + i * ldc + n, add);
        }
}

#endif
