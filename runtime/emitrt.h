/* The kernels as plain C99, for emitted files: cellc pastes those that a file
 * calls, with REAL, VM(name) and INDEPENDENT replaced.  Each does what the row
 * of its name in kernels.def says, in the same order of operations, so that
 * both styles of generated code agree.  Blank lines separate what is pasted as
 * one piece. */
#ifndef RT_EMITRT_H
#define RT_EMITRT_H

#include "vmath.h"

#ifndef REAL
#define REAL float
#define VM(name) vm_##name##f
#define INDEPENDENT
#endif

/* y[rows,n] = value */
static void fill(int64_t rows, int64_t n, REAL *y, int64_t ys, REAL value)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++)
            y[r * ys + i] = value;
}

/* y[m,n] = x[n,m]^T */
static void transpose(int64_t n, int64_t m, const REAL *x, int64_t xs, REAL *y,
                      int64_t ys)
{
    for (int64_t j = 0; j < n; j += 16)
        for (int64_t i = 0; i < m; i++)
            for (int64_t k = j; k < n && k < j + 16; k++)
                y[i * ys + k] = x[k * xs + i];
}

/* A right operand is packed in panels of this many columns, row after row. */
enum { PANEL = 128 };

/* W[N,K] packed as the right operand W^T of gemm */
static void pack_nt(int64_t N, int64_t K, const REAL *W, int64_t ldw,
                    REAL *packed)
{
    for (int64_t j = 0; j < N; j += PANEL) {
        const int64_t n = N - j < PANEL ? N - j : PANEL;
        transpose(n, K, W + j * ldw, ldw, packed + j * K, n);
    }
}

/* W[K,N] packed as the right operand of gemm */
static void pack_nn(int64_t N, int64_t K, const REAL *W, int64_t ldw,
                    REAL *packed)
{
    for (int64_t j = 0; j < N; j += PANEL) {
        const int64_t n = N - j < PANEL ? N - j : PANEL;
        for (int64_t k = 0; k < K; k++)
            for (int64_t i = 0; i < n; i++)
                packed[j * K + k * n + i] = W[k * ldw + j + i];
    }
}

/* c[n] += a[K] B[K,n]; the reals of a lie ka apart */
static void gemm_row(int64_t n, int64_t K, const REAL *a, int64_t ka,
                     const REAL *B, int64_t ldb, REAL *c)
{
    for (int64_t k = 0; k < K; k++) {
        const REAL x = a[k * ka], *b = B + k * ldb;
        INDEPENDENT
        for (int64_t j = 0; j < n; j++)
            c[j] = VM(fma)(x, b[j], c[j]);
    }
}

/* gemm_row with four k at a time, so that c is loaded and stored less */
static void gemm_row4(int64_t n, int64_t K, const REAL *a, int64_t ka,
                      const REAL *B, int64_t ldb, REAL *c)
{
    int64_t k = 0;
    for (; k + 4 <= K; k += 4) {
        const REAL x0 = a[k * ka], x1 = a[(k + 1) * ka];
        const REAL x2 = a[(k + 2) * ka], x3 = a[(k + 3) * ka];
        const REAL *b0 = B + k * ldb, *b1 = b0 + ldb;
        const REAL *b2 = b1 + ldb, *b3 = b2 + ldb;
        INDEPENDENT
        for (int64_t j = 0; j < n; j++) {
            const REAL s = VM(fma)(x1, b1[j], VM(fma)(x0, b0[j], c[j]));
            c[j] = VM(fma)(x3, b3[j], VM(fma)(x2, b2[j], s));
        }
    }
    gemm_row(n, K - k, a + k * ka, ka, B + k * ldb, ldb, c);
}

/* two rows of C at once, so that B is loaded less */
static void gemm_rows2(int64_t n, int64_t K, const REAL *a, int64_t ra,
                       int64_t ka, const REAL *B, int64_t ldb, REAL *c,
                       int64_t ldc)
{
    REAL *d = c + ldc;
    int64_t k = 0;
    for (; k + 4 <= K; k += 4) {
        const REAL x0 = a[k * ka], x1 = a[(k + 1) * ka];
        const REAL x2 = a[(k + 2) * ka], x3 = a[(k + 3) * ka];
        const REAL y0 = a[ra + k * ka], y1 = a[ra + (k + 1) * ka];
        const REAL y2 = a[ra + (k + 2) * ka], y3 = a[ra + (k + 3) * ka];
        const REAL *b0 = B + k * ldb, *b1 = b0 + ldb;
        const REAL *b2 = b1 + ldb, *b3 = b2 + ldb;
        INDEPENDENT
        for (int64_t j = 0; j < n; j++) {
            const REAL s = VM(fma)(x1, b1[j], VM(fma)(x0, b0[j], c[j]));
            const REAL u = VM(fma)(y1, b1[j], VM(fma)(y0, b0[j], d[j]));
            c[j] = VM(fma)(x3, b3[j], VM(fma)(x2, b2[j], s));
            d[j] = VM(fma)(y3, b3[j], VM(fma)(y2, b2[j], u));
        }
    }
    gemm_row(n, K - k, a + k * ka, ka, B + k * ldb, ldb, c);
    gemm_row(n, K - k, a + ra + k * ka, ka, B + k * ldb, ldb, d);
}

/* C[M,n] = or, if add, += A B[K,n], where A[i,k] is at A[i*ra + k*ka]; each
 * element is one chain of multiply-adds over k */
static void gemm_panel(int64_t M, int64_t n, int64_t K, const REAL *A,
                       int64_t ra, int64_t ka, const REAL *B, int64_t ldb,
                       REAL *C, int64_t ldc, int add)
{
    if (!add)
        fill(M, n, C, ldc, 0);
    int64_t i = 0;
    for (; i + 2 <= M; i += 2)
        gemm_rows2(n, K, A + i * ra, ra, ka, B, ldb, C + i * ldc, ldc);
    if (i < M)
        gemm_row4(n, K, A + i * ra, ka, B, ldb, C + i * ldc);
}

/* C[M,N] = or, if add, += A[M,K] times the packed right operand */
static void gemm(int64_t M, int64_t N, int64_t K, const REAL *A, int64_t lda,
                 const REAL *packed, REAL *C, int64_t ldc, int add)
{
    for (int64_t j = 0; j < N; j += PANEL) {
        const int64_t n = N - j < PANEL ? N - j : PANEL;
        gemm_panel(M, n, K, A, lda, 1, packed + j * K, n, C + j, ldc, add);
    }
}

/* C[M,N] = or, if add, += A[K,M]^T B[K,N], some rows of both at a time: down a
 * column of A every real is in another cache line */
static void gemm_tn(int64_t M, int64_t N, int64_t K, const REAL *A, int64_t lda,
                    const REAL *B, int64_t ldb, REAL *C, int64_t ldc, int add)
{
    for (int64_t k = 0; k < K; k += PANEL)
        for (int64_t j = 0; j < N; j += PANEL) {
            const int64_t n = N - j < PANEL ? N - j : PANEL;
            const int64_t depth = K - k < PANEL ? K - k : PANEL;
            gemm_panel(M, n, depth, A + k * lda, 1, lda, B + k * ldb + j, ldb,
                       C + j, ldc, add || k > 0);
        }
}

/* sum of x[n]: 16 interleaved sums, joined pairwise */
static REAL sum_of(int64_t n, const REAL *x)
{
    REAL lane[16] = {0};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++)
            lane[j] += x[i + j];
    for (int j = 0; i + j < n; j++)
        lane[j] += x[i + j];
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

/* largest of x[n]; -infinity of nothing */
static REAL max_of(int64_t n, const REAL *x)
{
    REAL most = (REAL)-HUGE_VAL;
    for (int64_t i = 0; i < n; i++)
        most = VM(max)(most, x[i]);
    return most;
}

/* y[rows] = sum of the row of a[rows,n] */
static void rowsum(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                   int64_t as)
{
    for (int64_t r = 0; r < rows; r++)
        y[r * ys] = sum_of(n, a + r * as);
}

/* y[rows] = maximum of the row of a[rows,n] */
static void rowmax(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                   int64_t as)
{
    for (int64_t r = 0; r < rows; r++)
        y[r * ys] = max_of(n, a + r * as);
}

/* y[rows] = minimum of the row of a[rows,n] */
static void rowmin(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                   int64_t as)
{
    for (int64_t r = 0; r < rows; r++) {
        REAL least = (REAL)HUGE_VAL;
        for (int64_t i = 0; i < n; i++)
            least = VM(min)(least, a[r * as + i]);
        y[r * ys] = least;
    }
}

/* y[rows] = position, from 0, of the row's first maximum in a[rows,n] */
static void rowargmax(int64_t rows, int64_t n, REAL *y, int64_t ys,
                      const REAL *a, int64_t as)
{
    for (int64_t r = 0; r < rows; r++) {
        int64_t best = 0;
        for (int64_t i = 1; i < n; i++)
            if (a[r * as + i] > a[r * as + best])
                best = i;
        y[r * ys] = (REAL)best;
    }
}

/* y[rows] = log sum exp of the row of a[rows,n] */
static void rowlse(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                   int64_t as)
{
    for (int64_t r = 0; r < rows; r++) {
        const REAL *x = a + r * as, most = max_of(n, x);
        REAL lane[16] = {0};
        for (int64_t i = 0; i < n; i++)
            lane[i % 16] += VM(exp)(x[i] - most);
        for (int half = 8; half > 0; half /= 2)
            for (int j = 0; j < half; j++)
                lane[j] += lane[j + half];
        y[r * ys] = isinf(most) ? most : most + VM(log)(lane[0]);
    }
}

/* y[rows,n] = softmax of the rows of a[rows,n]; y may be a */
static void softmax(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                    int64_t as)
{
    for (int64_t r = 0; r < rows; r++) {
        const REAL *x = a + r * as, most = max_of(n, x);
        REAL *p = y + r * ys;
        INDEPENDENT
        for (int64_t i = 0; i < n; i++)
            p[i] = VM(exp)(x[i] - most);
        const REAL sum = sum_of(n, p);
        for (int64_t i = 0; i < n; i++)
            p[i] /= sum;
    }
}

/* the index that x holds, or -1 if it is none of 0..n-1 */
static int64_t index_of(REAL x, int64_t n)
{
    return x >= 0 && x < (REAL)n ? (int64_t)x : -1;
}

/* y[rows,n] = 1 at idx[rows], else 0 */
static void onehot(int64_t rows, int64_t n, REAL *y, int64_t ys,
                   const REAL *idx, int64_t is)
{
    for (int64_t r = 0; r < rows; r++) {
        const int64_t hit = index_of(idx[r * is], n);
        for (int64_t i = 0; i < n; i++)
            y[r * ys + i] = i == hit ? 1 : 0;
    }
}

/* y[rows] = a[rows,n] at idx[rows], 0 where that is no index */
static void pick(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                 int64_t as, const REAL *idx, int64_t is)
{
    for (int64_t r = 0; r < rows; r++) {
        const int64_t hit = index_of(idx[r * is], n);
        y[r * ys] = hit >= 0 ? a[r * as + hit] : 0;
    }
}

/* y[rows,n] = a[rows] at idx[rows], else 0 */
static void place(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                  int64_t as, const REAL *idx, int64_t is)
{
    for (int64_t r = 0; r < rows; r++) {
        const int64_t hit = index_of(idx[r * is], n);
        for (int64_t i = 0; i < n; i++)
            y[r * ys + i] = i == hit ? a[r * as] : 0;
    }
}

/* y[rows,n] = rows idx[rows] of table[count,n], 0 where that is no index */
static void gather(int64_t rows, int64_t n, REAL *y, int64_t ys,
                   const REAL *table, int64_t ld, int64_t count,
                   const REAL *idx, int64_t is)
{
    for (int64_t r = 0; r < rows; r++) {
        const int64_t hit = index_of(idx[r * is], count);
        for (int64_t i = 0; i < n; i++)
            y[r * ys + i] = hit >= 0 ? table[hit * ld + i] : 0;
    }
}

/* rows idx[rows] of table[count,n] += a[rows,n] */
static void scatter(int64_t rows, int64_t n, REAL *table, int64_t ld,
                    int64_t count, const REAL *a, int64_t as, const REAL *idx,
                    int64_t is)
{
    for (int64_t r = 0; r < rows; r++) {
        const int64_t hit = index_of(idx[r * is], count);
        for (int64_t i = 0; i < n && hit >= 0; i++)
            table[hit * ld + i] += a[r * as + i];
    }
}

/* sum of a[i*as] * b[i], i < n: 16 interleaved sums, joined pairwise */
static REAL dot_of(int64_t n, const REAL *a, int64_t as, const REAL *b)
{
    REAL lane[16] = {0};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++)
            lane[j] = VM(fma)(a[(i + j) * as], b[i + j], lane[j]);
    for (int j = 0; i + j < n; j++)
        lane[j] = VM(fma)(a[(i + j) * as], b[i + j], lane[j]);
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

/* y[m,n] += a b, where a[m,k] is stored as [k,m] if ta, b[k,n] as [n,k] if
 * tb */
static void matrix_product(int64_t m, int64_t n, int64_t k, int ta, int tb,
                           REAL *y, const REAL *a, const REAL *b)
{
    const int64_t ai = ta ? 1 : k, ap = ta ? m : 1;
    for (int64_t i = 0; i < m && tb; i++)
        for (int64_t j = 0; j < n; j++)
            y[i * n + j] += dot_of(k, a + i * ai, ap, b + j * k);
    for (int64_t i = 0; i < m && !tb; i++)
        for (int64_t p = 0; p < k; p++) {
            const REAL x = a[i * ai + p * ap];
            INDEPENDENT
            for (int64_t j = 0; j < n; j++)
                y[i * n + j] = VM(fma)(x, b[p * n + j], y[i * n + j]);
        }
}

/* in each row: the matrices y = or, if add, += a b, `parts` of them one behind
 * the other */
static void product(int64_t rows, int64_t parts, int64_t m, int64_t n,
                    int64_t k, int ta, int tb, REAL *y, int64_t ys,
                    const REAL *a, int64_t as, const REAL *b, int64_t bs,
                    int add)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t p = 0; p < parts; p++) {
            REAL *c = y + r * ys + p * m * n;
            for (int64_t i = 0; i < m * n && !add; i++)
                c[i] = 0;
            matrix_product(m, n, k, ta, tb, c, a + r * as + p * m * k,
                           b + r * bs + p * k * n);
        }
}

/* y[n0,n1,n2,n3] of each row = a at base + i0*s0 + i1*s1 + i2*s2 + i3*s3 */
static void view(int64_t rows, REAL *y, int64_t ys, const REAL *a, int64_t as,
                 int64_t base, int64_t n0, int64_t n1, int64_t n2, int64_t n3,
                 int64_t s0, int64_t s1, int64_t s2, int64_t s3)
{
    for (int64_t r = 0; r < rows; r++) {
        REAL *to = y + r * ys;
        const REAL *from = a + r * as + base;
        for (int64_t i = 0; i < n0; i++)
            for (int64_t j = 0; j < n1; j++)
                for (int64_t k = 0; k < n2; k++, to += n3)
                    for (int64_t l = 0; l < n3; l++)
                        to[l] = from[i * s0 + j * s1 + k * s2 + l * s3];
    }
}

/* y[n] of each row = 0, then += a[n0,n1,n2,n3] at base + i0*s0 + .. + i3*s3 */
static void fold(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                 int64_t as, int64_t base, int64_t n0, int64_t n1, int64_t n2,
                 int64_t n3, int64_t s0, int64_t s1, int64_t s2, int64_t s3)
{
    for (int64_t r = 0; r < rows; r++) {
        REAL *to = y + r * ys;
        const REAL *from = a + r * as;
        for (int64_t i = 0; i < n; i++)
            to[i] = 0;
        to += base;
        for (int64_t i = 0; i < n0; i++)
            for (int64_t j = 0; j < n1; j++)
                for (int64_t k = 0; k < n2; k++, from += n3)
                    for (int64_t l = 0; l < n3; l++)
                        to[i * s0 + j * s1 + k * s2 + l * s3] += from[l];
    }
}

/* y[rows,n] = sums of a[rows,n] from the first to each, or, if back, from each
 * to the last */
static void cumsum(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                   int64_t as, int back)
{
    for (int64_t r = 0; r < rows; r++) {
        REAL sum = 0;
        for (int64_t k = 0; k < n; k++) {
            const int64_t i = back ? n - 1 - k : k;
            sum += a[r * as + i];
            y[r * ys + i] = sum;
        }
    }
}

/* y[count,n] of each row = a[limit,n] at idx[count], 0 where that is no index
 */
static void take_rows(int64_t rows, int64_t count, int64_t limit, int64_t n,
                      REAL *y, int64_t ys, const REAL *a, int64_t as,
                      const REAL *idx, int64_t is)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < count; k++) {
            const int64_t hit = index_of(idx[r * is + k], limit);
            for (int64_t i = 0; i < n; i++)
                y[r * ys + k * n + i] = hit >= 0 ? a[r * as + hit * n + i] : 0;
        }
}

/* y[limit,n] of each row = 0, then += a[count,n] at idx[count] */
static void put_rows(int64_t rows, int64_t count, int64_t limit, int64_t n,
                     REAL *y, int64_t ys, const REAL *a, int64_t as,
                     const REAL *idx, int64_t is)
{
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < limit * n; i++)
            y[r * ys + i] = 0;
        for (int64_t k = 0; k < count; k++) {
            const int64_t hit = index_of(idx[r * is + k], limit);
            for (int64_t i = 0; i < n && hit >= 0; i++)
                y[r * ys + hit * n + i] += a[r * as + k * n + i];
        }
    }
}

/* y[n] = or, if add, += sum of the rows of a[rows,n] */
static void colsum(int64_t rows, int64_t n, REAL *y, const REAL *a, int64_t as,
                   int add)
{
    for (int64_t i = 0; i < n && !add; i++)
        y[i] = 0;
    for (int64_t r = 0; r < rows; r++) {
        INDEPENDENT
        for (int64_t i = 0; i < n; i++)
            y[i] += a[r * as + i];
    }
}

/* y[n] = or, if add, += sum of the rows of a[rows,n] b[rows,n] */
static void coldot(int64_t rows, int64_t n, REAL *y, const REAL *a, int64_t as,
                   const REAL *b, int64_t bs, int add)
{
    for (int64_t i = 0; i < n && !add; i++)
        y[i] = 0;
    for (int64_t r = 0; r < rows; r++) {
        INDEPENDENT
        for (int64_t i = 0; i < n; i++)
            y[i] += a[r * as + i] * b[r * bs + i];
    }
}

/* y[n] = or, if add, += sum of the rows of a[rows,n], each times b[r*bs] */
static void colscale(int64_t rows, int64_t n, REAL *y, const REAL *a,
                     int64_t as, const REAL *b, int64_t bs, int add)
{
    for (int64_t i = 0; i < n && !add; i++)
        y[i] = 0;
    for (int64_t r = 0; r < rows; r++) {
        INDEPENDENT
        for (int64_t i = 0; i < n; i++)
            y[i] += a[r * as + i] * b[r * bs];
    }
}

/* The same of the rows alone where `where` is not 0. */
static void colsum_where(int64_t rows, int64_t n, REAL *y, const REAL *a,
                         int64_t as, const REAL *where, int64_t ws, int add)
{
    for (int64_t i = 0; i < n && !add; i++)
        y[i] = 0;
    for (int64_t r = 0; r < rows; r++)
        if (where[r * ws] != 0)
            colsum(1, n, y, a + r * as, as, 1);
}

static void coldot_where(int64_t rows, int64_t n, REAL *y, const REAL *a,
                         int64_t as, const REAL *b, int64_t bs,
                         const REAL *where, int64_t ws, int add)
{
    for (int64_t i = 0; i < n && !add; i++)
        y[i] = 0;
    for (int64_t r = 0; r < rows; r++)
        if (where[r * ws] != 0)
            coldot(1, n, y, a + r * as, as, b + r * bs, bs, 1);
}

/* y[rows,n] = in each group of B rows the sum of that group of a[rows,n] */
static void pool(int64_t rows, int64_t B, int64_t n, REAL *y, int64_t ys,
                 const REAL *a, int64_t as)
{
    for (int64_t first = 0; first < rows; first += B) {
        REAL *to = y + first * ys;
        colsum(B, n, to, a + first * as, as, 0);
        for (int64_t b = 1; b < B; b++) {
            INDEPENDENT
            for (int64_t i = 0; i < n; i++)
                to[b * ys + i] = to[i];
        }
    }
}

/* y[n] = maximum of the columns of a[rows,n] */
static void colmax(int64_t rows, int64_t n, REAL *y, const REAL *a, int64_t as)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (REAL)-HUGE_VAL;
    for (int64_t r = 0; r < rows; r++) {
        INDEPENDENT
        for (int64_t i = 0; i < n; i++)
            y[i] = VM(max)(y[i], a[r * as + i]);
    }
}

/* y[n] = minimum of the columns of a[rows,n] */
static void colmin(int64_t rows, int64_t n, REAL *y, const REAL *a, int64_t as)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (REAL)HUGE_VAL;
    for (int64_t r = 0; r < rows; r++) {
        INDEPENDENT
        for (int64_t i = 0; i < n; i++)
            y[i] = VM(min)(y[i], a[r * as + i]);
    }
}

/* y[B,n] = x at 0-based step off, or len[b] + off if there are lengths;
 * steps of x are ts apart, its sequences bs */
static void at(int64_t B, int64_t n, REAL *y, int64_t ys, const REAL *x,
               int64_t ts, int64_t bs, const REAL *len, int64_t off)
{
    for (int64_t b = 0; b < B; b++) {
        const int64_t t = (len ? (int64_t)len[b] : 0) + off;
        for (int64_t i = 0; i < n; i++)
            y[b * ys + i] = x[t * ts + b * bs + i];
    }
}

/* x[T,B,n] = v at all steps len[b] and after */
static void tail(int64_t T, int64_t B, int64_t n, REAL *x, int64_t ts,
                 int64_t bs, const REAL *len, const REAL *v, int64_t vs,
                 int64_t vc)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = (int64_t)len[b]; t < T; t++)
            for (int64_t i = 0; i < n; i++)
                x[t * ts + b * bs + i] = v[b * vs + i * vc];
}

/* y[T,B,n] = x[T,B,n], each sequence from its end */
static void mirror(int64_t T, int64_t B, int64_t n, REAL *y, int64_t yts,
                   int64_t ybs, const REAL *x, int64_t xts, int64_t xbs,
                   const REAL *len)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < T; t++) {
            const int64_t from = (int64_t)len[b] - 1 - t;
            for (int64_t i = 0; i < n; i++)
                y[t * yts + b * ybs + i] =
                    from < 0 ? 0 : x[from * xts + b * xbs + i];
        }
}

/* y[K,B,n] = the sum of x[T,B,n] over count steps from rate*(k + 1) + row on */
static void every(int64_t K, int64_t T, int64_t B, int64_t n, REAL *y,
                  int64_t yts, int64_t ybs, const REAL *x, int64_t xts,
                  int64_t xbs, int64_t rate, int64_t row, int64_t count)
{
    for (int64_t k = 0; k < K; k++)
        for (int64_t b = 0; b < B; b++) {
            REAL *to = y + k * yts + b * ybs;
            for (int64_t i = 0; i < n; i++)
                to[i] = 0;
            for (int64_t j = 0; j < count; j++) {
                const int64_t t = rate * (k + 1) + row + j;
                for (int64_t i = 0; i < n && t >= 0 && t < T; i++)
                    to[i] += x[t * xts + b * xbs + i];
            }
        }
}

/* y[T,B,n] = x[K,B,n] at step floor((t + row)/rate), 0 outside */
static void hold(int64_t T, int64_t K, int64_t B, int64_t n, REAL *y,
                 int64_t yts, int64_t ybs, const REAL *x, int64_t xts,
                 int64_t xbs, int64_t rate, int64_t row)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t b = 0; b < B; b++) {
            const int64_t k = t + row < 0 ? K : (t + row) / rate;
            for (int64_t i = 0; i < n; i++)
                y[t * yts + b * ybs + i] = k < K ? x[k * xts + b * xbs + i] : 0;
        }
}

/* x[B,n] = v where step t is len[b] or after */
static void tail_step(int64_t B, int64_t n, REAL *x, int64_t bs, int64_t t,
                      const REAL *len, const REAL *v, int64_t vs, int64_t vc)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t i = 0; i < n && t >= (int64_t)len[b]; i++)
            x[b * bs + i] = v[b * vs + i * vc];
}

#endif
