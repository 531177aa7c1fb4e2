/* Speed of the matrix products and of the dearer strips on one thread, best of
 * several runs: bench_gemm [SECONDS-PER-LINE].  Prints GFLOP/s (a multiply-add
 * counts two) for every instruction set of the machine, and ns per element;
 * beside them OpenBLAS, if it is there, on operands that are not packed. */
#define _POSIX_C_SOURCE 200112L
#include "../runtime/kernels.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void Pack(int64_t N, int64_t K, const float *W, int64_t ldw,
                  float *packed);
typedef void Gemm(int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                  const float *packed, float *C, int64_t ldc, int add);
typedef void GemmTn(int64_t M, int64_t N, int64_t K, const float *A,
                    int64_t lda, const float *B, int64_t ldb, float *C,
                    int64_t ldc, int add);
typedef void Strip1(int64_t rows, int64_t n, float *y, int64_t ys,
                    const float *a, int64_t as, int64_t ac);
typedef void Strip2(int64_t rows, int64_t n, float *y, int64_t ys,
                    const float *a, int64_t as, int64_t ac, const float *b,
                    int64_t bs, int64_t bc);

typedef struct Work {
    float *a, *w, *packed, *c;
} Work;

static const int shapes[][3] = {
    {1, 256, 64},      {1, 1024, 256},    {1, 2048, 512},   {1, 4096, 1024},
    {8, 1024, 256},    {20, 800, 200},    {32, 512, 128},   {32, 1024, 256},
    {32, 2048, 512},   {64, 1024, 256},   {128, 2048, 512}, {128, 4096, 1024},
    {3200, 1024, 256}, {3200, 2048, 512},
};

static const char *const strips1[] = {"exp",      "sigmoid", "tanh", "log",
                                      "softplus", "erf",     "copy"};
static const char *const strips2[] = {"mul", "max", "dtanh"};

/* cblas_sgemm of the BLAS that is there, or NULL. */
enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 };
typedef void Sgemm(int order, int ta, int tb, int M, int N, int K, float alpha,
                   const float *A, int lda, const float *B, int ldb, float beta,
                   float *C, int ldc);
static Sgemm *cblas;

static double seconds;

/* OpenBLAS does not know every processor: one that it takes for an old one may
 * run at a sixth of its speed, unless told. */
static void find_blas(void)
{
    union {
        void *object;
        Sgemm *function;
    } u = {NULL};
    void *library;
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    if (__builtin_cpu_supports("avx512f"))
        setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 0);
    library = dlopen("libopenblas.so.0", RTLD_NOW);
    if (library)
        u.object = dlsym(library, "cblas_sgemm");
    cblas = u.function;
    if (!cblas)
        printf("no OpenBLAS here: no comparison with it\n");
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static RtProc *find(const RtSymbol *symbols, int count, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "rt_%s_f32", name);
    for (int i = 0; i < count; i++)
        if (strcmp(symbols[i].name, full) == 0)
            return symbols[i].proc;
    fprintf(stderr, "no kernel %s\n", full);
    exit(70);
}

/* Shortest time of one run of the statement within the time for a line. */
#define BEST(best, statement)                 \
    do {                                      \
        const double start = now();           \
        best = 1e9;                           \
        while (now() - start < seconds) {     \
            const double t0 = now();          \
            statement;                        \
            const double took = now() - t0;   \
            best = took < best ? took : best; \
        }                                     \
    } while (0)

static void measure_gemm(const RtSymbol *symbols, int count, const int *shape,
                         const Work *work)
{
    Pack *pack = (Pack *)find(symbols, count, "pack_nt");
    Gemm *gemm = (Gemm *)find(symbols, count, "gemm");
    GemmTn *gemm_tn = (GemmTn *)find(symbols, count, "gemm_tn");
    const int M = shape[0], N = shape[1], K = shape[2];
    const double flop = 2.0 * M * N * K;
    const int again = flop < 1e7 ? (int)(1e7 / flop) : 1;
    double tp, tg, tt;

    BEST(tp, pack(N, K, work->w, K, work->packed));
    BEST(tg, for (int r = 0; r < again; r++)
                 gemm(M, N, K, work->a, K, work->packed, work->c, N, 0));
    BEST(tt, for (int r = 0; r < again; r++)
                 gemm_tn(N, K, M, work->c, N, work->a, K, work->w, K, 0));
    printf("%5d %5d %5d  gemm %7.1f   gemm_tn %7.1f   pack %6.2f ns/el", M, N,
           K, flop * again / tg * 1e-9, flop * again / tt * 1e-9,
           tp * 1e9 / ((double)N * K));
    if (cblas) {
        BEST(tg, for (int r = 0; r < again; r++)
                     cblas(ROW_MAJOR, AS_IT_IS, TRANSPOSED, M, N, K, 1, work->a,
                           K, work->w, K, 0, work->c, N));
        BEST(tt, for (int r = 0; r < again; r++)
                     cblas(ROW_MAJOR, TRANSPOSED, AS_IT_IS, N, K, M, 1, work->c,
                           N, work->a, K, 0, work->w, K));
        printf("   blas %7.1f, tn %7.1f", flop * again / tg * 1e-9,
               flop * again / tt * 1e-9);
    }
    printf("\n");
}

static void measure_strips(const RtSymbol *symbols, int count, const Work *work)
{
    enum { N = 4096, AGAIN = 50 };
    double t;
    for (size_t i = 0; i < sizeof strips1 / sizeof *strips1; i++) {
        Strip1 *strip = (Strip1 *)find(symbols, count, strips1[i]);
        BEST(t, for (int r = 0; r < AGAIN; r++)
                    strip(1, N, work->c, N, work->a, N, 1));
        printf("%-10s %6.3f ns/el\n", strips1[i], t * 1e9 / N / AGAIN);
    }
    for (size_t i = 0; i < sizeof strips2 / sizeof *strips2; i++) {
        Strip2 *strip = (Strip2 *)find(symbols, count, strips2[i]);
        BEST(t, for (int r = 0; r < AGAIN; r++)
                    strip(1, N, work->c, N, work->a, N, 1, work->w, N, 1));
        printf("%-10s %6.3f ns/el", strips2[i], t * 1e9 / N / AGAIN);
        BEST(t, for (int r = 0; r < AGAIN; r++)
                    strip(1, N, work->c, N, work->a, N, 1, work->w, 0, 0));
        printf("   with a number %6.3f ns/el\n", t * 1e9 / N / AGAIN);
    }
}

static float *filled(size_t n)
{
    float *p;
    if (posix_memalign((void **)&p, 4096, n * sizeof *p) != 0)
        exit(70);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(i % 1021) / 1021.0f - 0.5f;
    return p;
}

int main(int argc, char **argv)
{
    const size_t most = (size_t)3200 * 2048;
    Work work = {filled(most), filled(most), filled(most), filled(most)};
    const RtSymbol *symbols;
    const char *isa;
    int count;

    seconds = argc > 1 ? atof(argv[1]) : 0.2;
    find_blas();
    for (int which = 0;; which++) {
        symbols = rt_symbols_isa(which, &isa, &count);
        if (!*isa)
            break;
        if (!symbols)
            continue;
        printf("%s\n", isa);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            measure_gemm(symbols, count, shapes[i], &work);
        measure_strips(symbols, count, &work);
    }
    free(work.a);
    free(work.w);
    free(work.packed);
    free(work.c);
    return 0;
}
