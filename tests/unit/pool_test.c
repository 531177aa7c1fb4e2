/* Work divided among threads: every part is done once, and the products are the
 * same to the last bit as without help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool.h"
#include "shared.h"

typedef void Pack(int64_t N, int64_t K, const float *W, int64_t ldw,
                  float *packed);
typedef void Gemm(int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                  const float *packed, float *C, int64_t ldc, int add);
typedef void GemmTn(int64_t M, int64_t N, int64_t K, const float *A,
                    int64_t lda, const float *B, int64_t ldb, float *C,
                    int64_t ldc, int add);

static RtProc *kernel(const char *name)
{
    int count;
    const RtSymbol *s = rt_shared_symbols(&count);

    for (int i = 0; i < count; i++)
        if (strcmp(s[i].name, name) == 0)
            return s[i].proc;
    fail_msg("no kernel %s", name);
    return NULL;
}

static float *numbers(int64_t n)
{
    float *v = malloc((size_t)n * sizeof *v);
    uint32_t x = 1;

    assert_non_null(v);
    for (int64_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        v[i] = (float)(x >> 8) / (1 << 23) - 1;
    }
    return v;
}

static void count_part(void *ctx, int part, int parts)
{
    int *seen = ctx;

    assert_in_range(part, 0, parts - 1);
    __atomic_add_fetch(&seen[part], 1, __ATOMIC_SEQ_CST);
}

static void every_part_once(void **state)
{
    RtError err = {0};

    (void)state;
    for (int threads = 1; threads < 6; threads++) {
        RtPool *p = pool_new(threads, &err);
        int seen[6] = {0}, all = 0;
        assert_non_null(p);
        for (int i = 0; i < 200; i++)
            pool_run(p, count_part, seen);
        for (int i = 0; i < threads; i++)
            all += seen[i];
        assert_int_equal(seen[0], 200);
        assert_in_range(all, 200, 200 * threads);
        pool_free(p);
    }
}

/* One product of each kind into `out`, with the pool that is in use. */
static void products(int64_t M, int64_t N, int64_t K, float *out)
{
    Pack *nt = (Pack *)kernel("rt_pack_nt_f32");
    Pack *nn = (Pack *)kernel("rt_pack_nn_f32");
    Gemm *gemm = (Gemm *)kernel("rt_gemm_f32");
    GemmTn *tn = (GemmTn *)kernel("rt_gemm_tn_f32");
    float *A = numbers((M + N) * K), *W = numbers(N * K), *packed = NULL;
    size_t bytes = (size_t)rt_packed_size_f32(N, K) * sizeof *packed;

    assert_int_equal(posix_memalign((void **)&packed, 64, bytes), 0);
    nt(N, K, W, K, packed);
    gemm(M, N, K, A, K, packed, out, N, 0);
    nn(N, K, W, N, packed);
    gemm(M, N, K, A, K, packed, out, N, 1);
    tn(M, N, K, A, M, W, N, out + M * N, N, 0);
    free(A);
    free(W);
    free(packed);
}

static void same_to_the_bit(void **state)
{
    static const int64_t size[][3] = {{1, 1024, 256}, {1, 130, 600},
                                      {3, 333, 200},  {64, 96, 80},
                                      {1, 8, 8},      {129, 65, 33}};
    RtError err = {0};
    RtPool *p = pool_new(3, &err);

    (void)state;
    assert_non_null(p);
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        int64_t M = size[i][0], N = size[i][1], K = size[i][2];
        float *one = numbers(2 * M * N), *shared = numbers(2 * M * N);
        products(M, N, K, one);
        pool_use(p);
        products(M, N, K, shared);
        pool_use(NULL);
        assert_memory_equal(one, shared, (size_t)(2 * M * N) * sizeof *one);
        free(one);
        free(shared);
    }
    pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_once),
        cmocka_unit_test(same_to_the_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
