/* Times one step of the LSTM that onnx2c made of `peers.py write SIZE`: prints
 * its microseconds, one line for each round.  GENERATED is its C file. */
#define _POSIX_C_SOURCE 200809L
#include GENERATED

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    static float x[1][1][SIZE], y[1][1][1][SIZE];
    static float h[2][1][1][SIZE], c[2][1][1][SIZE];
    int rounds = argc > 1 ? atoi(argv[1]) : 20;
    for (int r = 0; r <= rounds; r++) {
        int steps = 20 + 2000000 / (SIZE * SIZE);
        double from = now();
        for (int i = 0; i < steps; i++)
            entry(x, h[i % 2], c[i % 2], y, h[!(i % 2)], c[!(i % 2)]);
        if (r) /* the first finds nothing in the caches */
            printf("%.4f\n", (now() - from) / steps);
    }
    return 0;
}
