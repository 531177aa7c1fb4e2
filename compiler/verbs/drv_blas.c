/* The peak of a BLAS of this machine, where there is one, for the verb bench:
 * the limit of a model is set by the best product that anybody has.  Loaded and
 * measured in a process of its own, so that neither its memory nor its threads
 * are taken for the model's. */
#include "drv_sized.h"

#include "../../runtime/measure.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* cblas_sgemm, the reference interface of the CBLAS (Blackford et al. 2002). */
typedef void Sgemm(int order, int transA, int transB, int M, int N, int K,
                   float alpha, const float *A, int lda, const float *B,
                   int ldb, float beta, float *C, int ldc);

static const char *const libraries[] = {"libmkl_rt.so.2", "libopenblas.so.0",
                                        "libblis.so.4", "libblas.so.3"};

/* GFLOP/s of square products, the best of some sizes and turns. */
static double rate_of(Sgemm *sgemm)
{
    enum { LEAST = 256, MOST = 768, STEP = 128, ROW_MAJOR = 101, PLAIN = 111 };
    float *a = calloc(3 * MOST * MOST, sizeof *a), *b, *c;
    double best = 0, end = measure_now() + 200;

    if (!a)
        return 0;
    b = a + MOST * MOST;
    c = b + MOST * MOST;
    while (measure_now() < end)
        for (int n = LEAST; n <= MOST; n += STEP) {
            double from = measure_now(), ms, rate;

            sgemm(ROW_MAJOR, PLAIN, PLAIN, n, n, n, 1, a, n, b, n, 0, c, n);
            ms = measure_now() - from;
            rate = ms > 0 ? 2e-6 * n * n * n / ms : 0;
            best = rate > best ? rate : best;
        }
    free(a);
    return best;
}

static double best_library(void)
{
    double best = 0;

    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        void *library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
        void *found = library ? dlsym(library, "cblas_sgemm") : NULL;
        Sgemm *sgemm;
        double rate;

        memcpy(&sgemm, &found, sizeof sgemm);
        rate = found ? rate_of(sgemm) : 0;
        best = rate > best ? rate : best;
    }
    return best;
}

/* One thread; and OpenBLAS falls back to a slow kernel on processors that are
 * newer than it is, unless told which one they resemble. */
static void settings(void)
{
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("MKL_NUM_THREADS", "1", 1);
    setenv("OMP_NUM_THREADS", "1", 1);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 0);
#endif
}

double drv_blas_peak(void)
{
    int ends[2];
    double peak = 0;
    pid_t child;

    if (pipe(ends))
        return 0;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        settings();
        peak = best_library();
        _exit(write(ends[1], &peak, sizeof peak) != (ssize_t)sizeof peak);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &peak, sizeof peak) != (ssize_t)sizeof peak)
        peak = 0;
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return peak;
}
