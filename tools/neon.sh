#!/bin/sh
# The kernels' unit tests on 64-bit ARM, and emitted products with few bits,
# with and without the instruction for bytes: compiled there by the same source,
# run under an emulator.  Skips where a Debian package is missing:
# gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user.
cd "$(dirname "$0")/.." || exit 2
for need in aarch64-linux-gnu-gcc qemu-aarch64; do
    if ! type $need >/dev/null 2>&1; then
        echo "skip: $need is not here (Debian: gcc-aarch64-linux-gnu" \
            "libc6-dev-arm64-cross qemu-user)"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
done
mkdir -p build/neon
for name in chain gemm kernels matrix rows strips sweep; do
    aarch64-linux-gnu-gcc -std=gnu99 -O3 -fno-math-errno -fno-trapping-math \
        -ffp-contract=off -D_DEFAULT_SOURCE -Wall -Wextra -Werror \
        -c -o build/neon/$name.o runtime/$name.c || exit
done
for test in kernels matrix chain; do
    aarch64-linux-gnu-gcc -std=c99 -O2 -ffp-contract=off -D_DEFAULT_SOURCE \
        -static -iquote runtime -isystem tests/neon \
        -o build/neon/${test}_test tests/unit/${test}_test.c build/neon/*.o \
        -lm || exit
done
for flags in -march=armv8-a -march=armv8.2-a+dotprod; do
    aarch64-linux-gnu-gcc $flags -std=c99 -O2 -Wall -Wextra -Werror \
        -Wno-unused-function -static -iquote runtime \
        -o build/neon/fewbits tests/c/fewbits.c -lm || exit
    qemu-aarch64 build/neon/fewbits >build/neon/bits$flags ||
        { cat build/neon/bits$flags; exit 1; }
done
diff build/neon/bits* || exit
for test in kernels matrix chain; do
    qemu-aarch64 build/neon/${test}_test || exit
done
