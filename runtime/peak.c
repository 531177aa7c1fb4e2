/* The machine's peak of matrix products, measured through the table of kernels.
 * Short runs in turn, best of all: a run that another process or a colder
 * clock disturbs does not count.  Called by `cellc bench`. */
#define _POSIX_C_SOURCE 199309L
#include "peak.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels.h"

typedef void Gemm(int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                  const float *packed, float *C, int64_t ldc, int add);

enum { MOST_M = 96, MOST_N = 512, MOST_K = 512, ISAS = 8 };

static const int shapes[][3] = {
    {24, 512, 128}, {48, 512, 256}, {96, 256, 256}, {96, 512, 512}};

enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct Operands {
    float *a, *packed, *c;
} Operands;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *ones(size_t n)
{
    float *p = malloc(n * sizeof *p);
    for (size_t i = 0; p && i < n; i++)
        p[i] = 1;
    return p;
}

static Gemm *find_gemm(const RtSymbol *symbols, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(symbols[i].name, "rt_gemm_f32") == 0)
            return (Gemm *)symbols[i].proc;
    return NULL;
}

/* GFLOP/s of a run of about a millisecond. */
static double rate(Gemm *gemm, const int *shape, const Operands *x)
{
    const int M = shape[0], N = shape[1], K = shape[2];
    const double flop = 2.0 * M * N * K;
    const int again = flop < 1e8 ? (int)(1e8 / flop) : 1;
    const double from = now();
    for (int i = 0; i < again; i++)
        gemm(M, N, K, x->a, K, x->packed, x->c, N, 0);
    const double took = now() - from;
    return took > 0 ? flop * again / took * 1e-9 : 0;
}

static double best_rate(Gemm *const *gemm, int isas, const Operands *x,
                        double seconds)
{
    const double end = now() + seconds;
    double best = 0;
    do {
        for (int i = 0; i < isas * SHAPES; i++) {
            const double r = rate(gemm[i / SHAPES], shapes[i % SHAPES], x);
            best = r > best ? r : best;
        }
    } while (now() < end);
    return best;
}

double rt_peak(double seconds)
{
    Gemm *gemm[ISAS];
    int isas = 0;
    const char *isa = "";
    for (int which = 0, count; which < ISAS; which++) {
        const RtSymbol *symbols = rt_symbols_isa(which, &isa, &count);
        if (symbols)
            gemm[isas++] = find_gemm(symbols, count);
    }
    Operands x = {ones(MOST_M * MOST_K),
                  ones((size_t)rt_packed_size_f32(MOST_N, MOST_K)),
                  ones(MOST_M * MOST_N)};
    const int fine = x.a && x.packed && x.c;
    const double best = fine ? best_rate(gemm, isas, &x, seconds) : 0;
    free(x.a);
    free(x.packed);
    free(x.c);
    return best;
}
