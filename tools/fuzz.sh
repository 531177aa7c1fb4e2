#!/bin/sh
# fuzz.sh [SECONDS]: every tests/fuzz/*_fuzz.c with libFuzzer and the address
# sanitizer, each for that long (60); what was found stays in build/fuzz.
set -u
cd "$(dirname "$0")/.." || exit 2
seconds=${1:-60}
if ! type clang >/dev/null 2>&1; then
    echo "skip: fuzzing needs clang (Debian: clang)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
make -s all || exit 1
passed=0 failed=0
for source in tests/fuzz/*_fuzz.c; do
    name=$(basename "$source" .c)
    mkdir -p "build/fuzz/$name"
    cp compiler/prelude/*.cell compiler/prelude/cells/*.cell \
        examples/*/*.cell "build/fuzz/$name"
    # shellcheck disable=SC2046 # a list of files
    clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu99 -w \
        -D_DEFAULT_SOURCE -D_XOPEN_SOURCE=700 -DCELLC_VERSION='"fuzz"' \
        -ffp-contract=off -iquote build -iquote compiler -iquote runtime \
        "$source" $(ls compiler/*.c build/*.c runtime/*.c |
            grep -v 'compiler/main.c') \
        -o "build/fuzz/$name.exe" -ltcc -ljansson -lutf8proc -lz -lpthread \
        -lm -ldl &&
        "build/fuzz/$name.exe" -max_total_time="$seconds" -max_len=4096 \
            -artifact_prefix="build/fuzz/$name-" "build/fuzz/$name" \
            >"build/fuzz/$name.log" 2>&1
    if [ $? = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        tail -n 20 "build/fuzz/$name.log"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
