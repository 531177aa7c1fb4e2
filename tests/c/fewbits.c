/* Products with weights of 16 and 8 bits against sums in double, for sizes at
 * the borders of panels, blocks and vectors; then, for comparison between
 * instruction sets, the bits of what 8 bits give.  Built and run by run.sh. */
#include "fewbits.h"

#include <stdio.h>
#include <stdlib.h>

static float number(void)
{
    static uint64_t last = 1;
    last = last * 6364136223846793005u + 1442695040888963407u;
    return (float)(last >> 40) / (1 << 23) - 1;
}

static void *room(int64_t bytes)
{
    void *p = calloc((size_t)bytes + 1, 1);
    if (!p)
        exit(1);
    return p;
}

typedef struct Case {
    int64_t M, N, K;
    float *A, *W, *C;
    uint32_t *packed;
} Case;

static Case begin(int64_t M, int64_t N, int64_t K)
{
    Case c = {M, N, K, NULL, NULL, NULL, NULL};
    c.A = room(M * (K + 1) * 4);
    c.W = room(N * K * 4);
    c.C = room(M * (N + 2) * 4);
    c.packed = room((N + 15) / 16 * 16 * (K / 2 + K / 256 + 2) * 4);
    for (int64_t i = 0; i < M * (K + 1); i++)
        c.A[i] = number();
    for (int64_t i = 0; i < N * K; i++)
        c.W[i] = number();
    return c;
}

static void end(Case *c)
{
    free(c->A);
    free(c->W);
    free(c->C);
    free(c->packed);
}

/* Rows of A lie K + 1 apart, those of C N + 2. */
static void run(Case *c, int bits, int add)
{
    (bits == 8 ? pack_int8 : pack_bf16)(c->N, c->K, c->W, c->K, 1, c->packed);
    (bits == 8 ? product_int8 : product_bf16)(c->M, c->N, c->K, c->A, c->K + 1,
                                              c->packed, c->C, c->N + 2, add);
}

/* Weights are off by half a step of their row at most, or by 2^-8; activations
 * by 2^-8 where they are rounded, too, or by the 65024th of the largest. */
static double bound(const Case *c, int bits, int64_t i, int64_t n)
{
    double most = 0, largest = 0, all = 0, sizes = 0;
    for (int64_t k = 0; k < c->K; k++) {
        const double a = fabs((double)c->A[i * (c->K + 1) + k]);
        const double w = fabs((double)c->W[n * c->K + k]);
        most = fmax(most, w);
        largest = fmax(largest, a);
        sizes += a;
        all += a * w;
    }
    if (bits == 16)
        return all * 2.01 / 256 + 1e-6;
    return sizes * most / 254 * 1.001 + (double)c->K * largest * most / 65024 +
           1e-6;
}

static int check(int64_t M, int64_t N, int64_t K, int bits, uint64_t *hash)
{
    int bad = 0;
    for (int add = 0; add < 2; add++) {
        Case c = begin(M, N, K);
        const float before = 0.25f, behind = 7;
        for (int64_t i = 0; i < M * (N + 2); i++)
            c.C[i] = i % (N + 2) < N ? before : behind;
        run(&c, bits, add);
        for (int64_t i = 0; i < M; i++)
            for (int64_t n = 0; n < N + 2 && !bad; n++) {
                const float got = c.C[i * (N + 2) + n];
                double want = n < N ? (double)before * add : (double)behind;
                for (int64_t k = 0; k < K && n < N; k++)
                    want +=
                        (double)c.A[i * (K + 1) + k] * (double)c.W[n * K + k];
                if (n < N && bits == 8)
                    *hash = (*hash ^ bits_of(got)) * 1099511628211u;
                bad = !(fabs(want - (double)got) <=
                        (n < N ? bound(&c, bits, i, n) : 0));
                if (bad)
                    printf("%d bits, %d of %d,%d,%d: %g instead of %g\n", bits,
                           (int)n, (int)M, (int)N, (int)K, (double)got, want);
            }
        end(&c);
    }
    return bad;
}

/* Rows of zeros, next to nothing, very large numbers and none: what they touch,
 * and nothing else. */
static int check_odd(int bits)
{
    static const float odd[] = {0, 1e-42f, 1e30f, HUGE_VALF, NAN};
    int bad = 0;
    for (int of_weights = 0; of_weights < 2; of_weights++)
        for (int64_t i = 0; i < 5; i++) {
            Case c = begin(1, 64, 20);
            float *at = of_weights ? c.W + 3 * 20 : c.A;
            for (int64_t k = 0; k < 20; k++)
                at[k] = odd[i];
            run(&c, bits, 0);
            const float near = c.C[3], other = c.C[4];
            bad |= i < 2 && !(fabsf(near) < 1e-30f);
            bad |= i == 2 && !(fabsf(near) > 1e27f && isfinite(near));
            bad |= i > 2 && isfinite(near);
            bad |= of_weights && !(fabsf(other) < 20);
            if (bad)
                printf("%d bits, of %g: %g, %g\n", bits, (double)odd[i],
                       (double)near, (double)other);
            end(&c);
        }
    return bad;
}

int main(void)
{
    static const int64_t size[][2] = {
        {1, 1},   {3, 5},    {16, 16},  {17, 77},  {64, 64},  {65, 4},
        {80, 31}, {128, 33}, {40, 255}, {64, 256}, {30, 257}, {130, 515}};
    uint64_t hash = 14695981039346656037u;
    int bad = check_odd(16) | check_odd(8);
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (int64_t M = 1; M <= 7; M += 3)
            for (int bits = 8; bits <= 16; bits += 8)
                bad |= check(M, size[i][0], size[i][1], bits, &hash);
    printf("%016llx\n", (unsigned long long)hash);
    return bad;
}
