#!/bin/sh
# The examples, as a reader would try them: trains, emits, compiles and runs.
# CELLC names the program, whose folder has the libraries; CC the compiler.
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
here=$(cd "$(dirname "$0")/../.." && pwd)
CELLC=$(realpath "${CELLC:-$here/build/cellc}")
export CELLC
lib=$(dirname "$CELLC")
libs="-ljansson -lutf8proc -lz -lpthread -ldl -lm"
strict="-std=c99 -O2 -Wall -Wextra -Wconversion -pedantic -Werror"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
passed=0 failed=0 skipped=0

# try NAME COMMAND: passes where the shell says so.
try() {
    if sh -c "$2" >out 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1: $2"
        tail -n 20 out | sed 's/^/  /'
    fi
}

try forecast "awk -v n=4000 -f $here/examples/forecast/waves.awk >waves.csv &&
    $CELLC train $here/examples/forecast/forecast.cell waves.csv --epochs 3 \
        -o forecast.safetensors &&
    $CELLC predict forecast.safetensors waves.csv -o expected.csv &&
    [ \$(wc -l <expected.csv) -ge 4000 ]"
try emit "$CELLC emit $here/examples/forecast/forecast.cell -o . --dim m=1"
for header in "$here/compiler/cellc.h" forecast.h; do
    if type g++ >/dev/null 2>&1; then
        try "C++" "g++ -x c++ -Wall -Wextra -fsyntax-only $header"
    else
        echo "skip: g++ is not here"
        skipped=$((skipped + 1))
    fi
done
for cc in gcc clang; do
    if ! type $cc >/dev/null 2>&1; then
        echo "skip: $cc is not here"
        skipped=$((skipped + 1))
        continue
    fi
    try "$cc emitted" "$cc $strict -c forecast.c -o forecast-$cc.o"
    try "$cc step" "$cc $strict -I. -I$here/runtime \
        $here/examples/embed/step.c forecast-$cc.o $lib/libcellrt.a $libs \
        -o step-$cc &&
        (tail -n +2 waves.csv | head -n 50; echo 99) |
        ./step-$cc forecast.safetensors >steps &&
        [ \$(wc -l <steps) = 51 ] && tail -n 1 steps | grep surprising &&
        [ \$(head -n 50 steps | grep -c surprising) -lt 25 ]"
    try "$cc step, no weights" "! ./step-$cc nowhere.safetensors"
    try "$cc jit" "$cc $strict -I$here/compiler -I$here/runtime \
        $here/examples/embed/jit.c $lib/libcellc.a $lib/libcellrt.a -ltcc \
        $libs -o jit-$cc && ./jit-$cc | awk '{ last = \$4; if (NR == 1) first \
        = last } END { exit !(first > 0.6 && last < 0.3) }'"
done
# A model of fewer bits still says what the trained one does: the guesses, on
# waves between -1.5 and 1.5, differ by less than the noise in those (0.05).
for type in bf16 int8; do
    try "$type" "mkdir -p $type && $CELLC emit \
        $here/examples/forecast/forecast.cell -o $type --dim m=1 \
        --weights-type $type && gcc $strict -I$type -I$here/runtime \
        $here/examples/embed/step.c $type/forecast.c $lib/libcellrt.a $libs \
        -o step-$type && tail -n +2 waves.csv | head -n 500 >numbers &&
        ./step-$type forecast.safetensors <numbers >few &&
        ./step-gcc forecast.safetensors <numbers | paste - few | awk '
        { d = \$3 - (\$6 == \"surprising\" ? \$9 : \$8)
          if (d * d > most) most = d * d }
        END { print sqrt(most); exit !(NR == 500 && most < 0.05 ^ 2) }'"
done
try "step and predict agree" "tail -n +2 waves.csv |
    ./step-gcc forecast.safetensors | awk '{ print \$3 }' >guesses &&
    head -n 40 guesses >a && cat expected.csv | tail -n +2 | head -n 40 |
    awk -F, 'FNR == NR { a[NR] = \$1; next } { }
        { d = \$1 - a[FNR]; if (d * d > 1e-4) exit 1 }' a -"
try install "env -u MAKEFLAGS make -s -C $here install PREFIX=$scratch/inst &&
    PKG_CONFIG_PATH=inst/lib/pkgconfig && export PKG_CONFIG_PATH &&
    if type pkg-config >/dev/null 2>&1; then
        gcc $here/examples/embed/jit.c -o jit \$(pkg-config --cflags --libs \
            cellc) && ./jit && inst/bin/cellc build -o a.out \
            $here/examples/forecast/forecast.cell --dim m=1
    fi"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
