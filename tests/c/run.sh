#!/bin/bash
# Emitted C: both styles against each other, the interpreter and differences;
# warnings of gcc, clang and C++; streaming; golden texts (-u writes them anew).
# The tools are in $TESTS, build/test by default.
set -u
cd "$(dirname "$0")" || exit 2
check=${TESTS:-$PWD/../../build/test}/emittool
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0 skipped=0
flags="-Wall -Wextra -Wconversion -pedantic -Werror"

test_that() {
    local name=$1
    shift
    if "$@" >"$dir/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        cat "$dir/log"
    fi
}

# With a C compiler that does not optimise: what differs from one of these runs
# to the next is the model, not the compiler's work.
quick() { CC=$PWD/../golden/quickcc "$@"; }

# Whether this is the run in which other compilers see what is written: the same
# text by a sanitized program.
whole() {
    case ${CFLAGS:-} in *sanitize*) return 1 ;; esac
}

# Specs may have thousands of parameters: sanitized, few of these are varied.
every=1
whole || every=31

# emitted FILE PRECISION: its C compiles without a warning, also in C++.
emitted() {
    "$check" $2 --name model --show source "$1" >"$dir/model.c" &&
        "$check" $2 --name model --show header "$1" >"$dir/model.h" || return 1
    whole || return 0
    gcc -std=c99 -O1 $flags -c "$dir/model.c" -o "$dir/model.o" || return 1
    if command -v clang >/dev/null; then # whose warnings need no optimiser
        clang -std=c99 $flags -fsyntax-only "$dir/model.c" || return 1
    fi
    echo '#include "model.h"' >"$dir/model.cc"
    g++ $flags -fsyntax-only "$dir/model.cc"
}

# stream TYPE ERROR: of the weights, and what it may cost.
stream() {
    local check="$check --weights $1 --name lstm"
    $check --show source lstm.ir >"$dir/lstm.c" &&
        $check --show header lstm.ir >"$dir/lstm.h" &&
        for cc in "gcc -O1" "gcc -O3" "clang -O3"; do
            command -v ${cc%% *} >/dev/null || continue
            $cc -std=c99 $flags -DERROR=$2 -I"$dir" stream.c "$dir/lstm.c" \
                -o "$dir/stream" -lm && "$dir/stream" || return
        done
}

# has FLAG: whether this processor has it, or none is asked for.
has() {
    [ -z "$1" ] || grep -qs "^flags.* $1" /proc/cpuinfo
}

# fewbits FLAG CC OPTIONS: products with few bits, where this compiler and this
# processor's instructions are here; the sums are the same on all of them.
fewbits() {
    has "$1" && command -v $2 >/dev/null || return 0
    shift
    "$@" -std=c99 $flags -Wno-unused-function -iquote ../../runtime fewbits.c \
        -o "$dir/fewbits" -lm || return
    "$dir/fewbits" >"$dir/bits" || { cat "$dir/bits"; return 1; }
    [ -f "$dir/bits.want" ] || cp "$dir/bits" "$dir/bits.want"
    diff "$dir/bits.want" "$dir/bits"
}

# golden FILE OPTION: what a file has of its own, without where the plan puts
# things; the run time before it is tested by itself.
golden() {
    local want=${1%.ir}${2:+.chunk}.want
    # shellcheck disable=SC2086 # an option and its value, or nothing
    "$check" $2 --show loops "$1" |
        sed -n '/^int model_forward/,$ { /^    .*const .* = (/!p }' >"$dir/got"
    [ "$update" = -u ] && cp "$dir/got" "$want"
    diff -u "$want" "$dir/got"
}

# The gradient of a model is held against differences once, and other ways to
# compute it against the interpreter's, which is the same one.
varied() { quick "$check" --double --every $every "$@"; }
likewise() { quick "$check" --double --every 0 "$@"; }

# of_spec SPEC: the same checks for what a spec becomes.
of_spec() {
    "${CELLC:-../../build/cellc}" show "$1" --after gemm >"$dir/spec.ir" &&
        varied "$dir/spec.ir" && likewise --chunk 2 "$dir/spec.ir" &&
        likewise --restate --chunk 3 "$dir/spec.ir" &&
        emitted "$dir/spec.ir" ""
}

# chain SPEC: turns that go by products, and what is left of a sequence.
chain() {
    "${CELLC:-../../build/cellc}" show "$1" --after gemm >"$dir/spec.ir" &&
        varied --restate --chunk 12 --steps 20 "$dir/spec.ir" &&
        likewise --restate --chunk 16 --steps 20 "$dir/spec.ir"
}

# tiers SPEC: libtcc's code and the C compiler's give the same bits.
tiers() {
    "${CELLC:-../../build/cellc}" show "$1" --dim m=17 --after gemm \
        >"$dir/spec.ir" && "$check" "$dir/spec.ir" &&
        "$check" --double --every $every "$dir/spec.ir"
}

update=${1:-}
for f in *.ir; do
    test_that "$f" "$check" "$f"
    test_that "$f in double" "$check" --double "$f"
    for steps in 1 2 3; do
        test_that "$f by $steps steps" likewise --chunk $steps "$f"
        test_that "$f by turns of $steps steps" \
            likewise --restate --chunk $steps "$f"
    done
    test_that "C of $f" emitted "$f" ""
    test_that "C of $f in double" emitted "$f" --double
    test_that "text of $f" golden "$f" ""
done
test_that "text of chunks" golden lstm.ir "--chunk 2"
for f in ../gradcheck/axes/*.cell turns/*.cell; do
    test_that "$f" of_spec "$f"
done
for f in chains/*.cell; do
    test_that "$f" chain "$f"
done
for f in tiers/*.cell; do
    test_that "$f" tiers "$f"
done
for cc in "gcc -O1" "gcc -O3" "clang -O3"; do
    whole || break
    test_that "few bits, $cc" fewbits "" $cc
    test_that "few bits, plain C, $cc" fewbits "" $cc -ffreestanding
    test_that "few bits, native, $cc" fewbits "" $cc -march=native
    test_that "few bits, AVX2, $cc" fewbits avx2 $cc -mavx2 -mfma
    test_that "few bits, AVX-512, $cc" \
        fewbits avx512bw $cc -march=skylake-avx512
done
test_that "streaming" stream f32 1e-6
test_that "streaming, bf16" stream bf16 4e-3
test_that "streaming, int8" stream int8 4e-3
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
