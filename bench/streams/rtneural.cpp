// Times one step of RTNeural's LSTM with I = H = SIZE, fixed at compile time:
// prints its microseconds, one line for each round.
#include <RTNeural/RTNeural.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

using Layer = RTNeural::LSTMLayerT<float, SIZE, SIZE>;
using Model = RTNeural::ModelT<float, SIZE, SIZE, Layer>;

static std::vector<std::vector<float>> matrix()
{
    std::vector<std::vector<float>> m(SIZE, std::vector<float>(4 * SIZE));
    for (auto &row : m)
        for (auto &x : row)
            x = 0.2f * (float)std::rand() / (float)RAND_MAX - 0.1f;
    return m;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
    auto model = std::make_unique<Model>();
    auto &layer = model->get<0>();
    layer.setWVals(matrix());
    layer.setUVals(matrix());
    std::vector<float> bias(4 * SIZE, 0.1f);
    layer.setBVals(bias);
    model->reset();
    alignas(64) float x[SIZE] = {1};
    for (int r = 0; r <= rounds; r++) {
        int steps = 20 + 4000000 / (SIZE * SIZE);
        auto from = std::chrono::steady_clock::now();
        for (int i = 0; i < steps; i++)
            x[0] = model->forward(x);
        std::chrono::duration<double, std::micro> took =
            std::chrono::steady_clock::now() - from;
        if (r) // the first finds nothing in the caches
            std::printf("%.4f\n", took.count() / steps);
    }
}
