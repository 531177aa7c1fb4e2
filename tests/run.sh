#!/bin/bash
# Everything that is tested, in parts; `make test` builds first and calls this.
#   run.sh                 the short form of everything
#   run.sh --all           the long form
#   run.sh --san           only what runs sanitized
#   run.sh --bless         writes the expected texts anew
#   run.sh --part NAME...  only these parts
# A part prints what failed and ends with "N passed, N failed[, N skipped]";
# the last line here is their sum.  Exit code 1 if anything failed.  As many
# parts run side by side as there are cores (JOBS=N: that many).  Data that
# comes from other libraries is looked for in $CELLC_SHARED (../shared).
set -u
cd "$(dirname "$0")/.." || exit 2
export CELLC_SHARED=${CELLC_SHARED:-$PWD/../shared}
export UBSAN_OPTIONS=print_stacktrace=1
export XDG_CACHE_HOME=$PWD/build/cache
form=${1:-}
shift $(($# > 0))
only=" $* "
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
number=0 passed=0 failed=0 skipped=0
declare -A running=() # by pid, of what runs: number, second of its start, name
dir=$(mktemp -d)
set -m # a part does not start with interrupts ignored
trap '[ ${#running[@]} = 0 ] || kill "${!running[@]}"; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

# The sum of TAP lines, or the last "N passed, N failed, N skipped", of file $1.
count() {
    awk '/^ok [0-9]+/ { p++; if (/# [Ss][Kk][Ii][Pp]/) { p--; s++ } }
        /^not ok [0-9]+/ { f++ }
        /^[0-9]+ passed, [0-9]+ failed/ { lp = $1; lf = $3; ls = $5; last = 1 }
        END { if (last) { p = lp; f = lf; s = ls }
              printf "%d %d %d\n", p, f, s }' "$1"
}

# Waits for a part to end, and says what it came to.
await() {
    local pid code log start name p f s
    wait -n -p pid "${!running[@]}"
    code=$?
    read -r log start name <<<"${running[$pid]}"
    log=$dir/$log
    unset "running[$pid]"
    read -r p f s < <(count "$log")
    if [ "$code" != 0 ] && [ "$f" = 0 ]; then
        f=1
        echo "$name ended with exit code $code" >>"$log"
    fi
    printf '%-22s%5d passed' "$name" "$p"
    [ "$f" = 0 ] || printf ', %d FAILED' "$f"
    [ "$s" = 0 ] || printf ', %d skipped' "$s"
    printf '  (%d s)\n' $((SECONDS - start))
    if [ "$f" != 0 ]; then
        grep -vE '^(ok [0-9]|pass|[0-9]+ passed)' "$log" | tail -60 |
            sed 's/^/    /'
    elif [ "$s" != 0 ]; then
        grep -iE '(^| )skip' "$log" | grep -vE '^[0-9]+ passed' |
            sed 's/^/    /'
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# part NAME COMMAND...
part() {
    local name=$1
    shift
    [ "$only" = "  " ] || [ "${only/ $name /}" != "$only" ] || return 0
    [ ${#running[@]} -lt "$jobs" ] || await
    number=$((number + 1))
    timeout -k 10 "${limit:-300}" "$@" >"$dir/$number" 2>&1 </dev/null &
    running[$!]="$number $SECONDS $name"
}

# skip NAME WHY
skip() {
    [ "$only" = "  " ] || [ "${only/ $1 /}" != "$only" ] || return 0
    printf '%-22s    - skipped: %s\n' "$1" "$2"
    skipped=$((skipped + 1))
}

# Functions of what was built in the folder $1, in parts named with suffix $2.
units() {
    local test
    export TESTS=$PWD/$1/test
    for test in tests/unit/*_test.c; do
        test=$(basename "$test" .c)
        CMOCKA_MESSAGE_OUTPUT=TAP part "unit/$test$2" "$1/test/$test"
    done
    part "graph$2" tests/graph/run.sh "$1/test/irtool"
}

# Those that take long begin, so that no core waits for one of them at the end.
runs() {
    printf 'tests/%s/run.sh\n' gradcheck c cli compare train updates
    ls tests/*/run.sh
}

# The programs, likewise.
programs() {
    local run name
    export CELLC=$PWD/$1/cellc TESTS=$PWD/$1/test
    for run in $(runs | awk '!seen[$0]++'); do
        name=$(basename "$(dirname "$run")")
        case $name$2 in
        graph*) ;;
        "docs (san)" | "embed (san)" | "examples (san)") ;;
        "latex (san)" | "claims (san)") ;;
        gradcheck*) limit=900 part "$name$2" "$run" ;; # every cell, many ways
        c | c\ *) limit=600 part "$name$2" "$run" ;; # many C compilations
        *) part "$name$2" "$run" ;;
        esac
    done
}

# The same, sanitized; what `cellc build` makes links the sanitized runtime.
on_sanitized() {
    local -x CFLAGS="-O1 -fsanitize=address,undefined"
    programs build/san " (san)"
    units build/san " (san)"
}

# What reads other files than the case's arrays.
later="onnx-graph-*"
golden() {
    if ! [ -d "$CELLC_SHARED/golden" ]; then
        skip golden "$CELLC_SHARED/golden is not there"
        return
    fi
    part golden tests/golden/run "$CELLC_SHARED/golden" \
        --backend eval,tcc --may-skip "$later"
    CC=$PWD/tests/golden/quickcc part golden/cc tests/golden/run \
        "$CELLC_SHARED/golden" --backend cc --may-skip "$later"
    part golden/oracle tests/golden/vary "$CELLC_SHARED/golden" --check
    part golden/sizes tests/golden/vary "$CELLC_SHARED/golden" \
        -- --backend tcc
    part golden/forms tests/golden/forms
    part golden/selftest tests/golden/selftest
}

case $form in
"" | --all | --part)
    part layers tools/layers.sh
    part width tools/width.sh
    part clang tools/clang.sh
    units build ""
    programs build ""
    golden
    on_sanitized
    if [ "$form" = --all ]; then
        limit=1200 part libfuzzer tools/fuzz.sh 300
        limit=1200 part neon tools/neon.sh
        EVERY_FLOAT=1 limit=7200 part every-float build/test/kernels_test
    fi
    ;;
--san)
    on_sanitized
    ;;
--bless)
    tests/graph/run.sh build/test/irtool -u
    for run in tests/*/run.sh; do
        case $run in
        tests/graph/*) ;;
        *) CELLC=$PWD/build/cellc TESTS=$PWD/build/test "$run" -u ;;
        esac
    done
    ;;
*)
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
while [ ${#running[@]} != 0 ]; do
    await
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
