#!/bin/sh
# The command line from outside: every file of case/ is commands and what they
# must give.  tests/cli/run.sh [CASE...]; CELLC names the program.  A case has
# lines of these kinds, in any order but for do and run:
#   # comment
#   do: COMMAND     preparation; must succeed
#   run: COMMAND    what is tested, the last one counts
#   exit: N         its exit code, 0 where not given
#   out: REGEX      a line of its standard output; may be given again
#   err: REGEX      a line of its standard error
#   not: REGEX      in neither
#   empty: out|err  nothing was written there
#   then: COMMAND   must succeed afterwards
# Commands run in an empty folder, with cellc, npy (makes arrays) and $SPEC, the
# folder spec/.
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
here=$(cd "$(dirname "$0")" && pwd)
CELLC=$(realpath "${CELLC:-$here/../../build/cellc}")
SPEC=$here/spec
scratch=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir "$scratch/bin"
ln -s "$CELLC" "$scratch/bin/cellc"
ln -s "$here/npy" "$scratch/bin/npy"
PATH=$scratch/bin:$PATH
export CELLC SPEC PATH NO_COLOR=1
passed=0 failed=0 skipped=0

fail() {
    echo "FAIL $name: $1"
    sed 's/^/  out| /' "$scratch/out" | head -n 12
    sed 's/^/  err| /' "$scratch/err" | head -n 12
    bad=1
}

one() {
    rm -rf "$scratch/work" && mkdir "$scratch/work" && cd "$scratch/work" ||
        exit 1
    : > "$scratch/out"
    : > "$scratch/err"
    bad=0 want=0 got=0
    while IFS= read -r line; do
        text=${line#*: }
        case $line in
        'do: '*)
            sh -c "$text" > "$scratch/out" 2> "$scratch/err" < /dev/null ||
                { fail "this did not succeed: $text"; return; } ;;
        'run: '*)
            sh -c "$text" > "$scratch/out" 2> "$scratch/err" < /dev/null
            got=$? ;;
        'exit: '*) want=$text ;;
        esac
    done < "$1"
    [ "$got" = "$want" ] || fail "exit code $got, wanted $want"
    while IFS= read -r line; do
        text=${line#*: }
        case $line in
        'out: '*) grep -Eq -e "$text" "$scratch/out" ||
            fail "no such line on standard output: $text" ;;
        'err: '*) grep -Eq -e "$text" "$scratch/err" ||
            fail "no such line on standard error: $text" ;;
        'not: '*) ! grep -Eq -e "$text" "$scratch/out" "$scratch/err" ||
            fail "this was written: $text" ;;
        'empty: '*) [ ! -s "$scratch/$text" ] ||
            fail "something was written to std$text" ;;
        'then: '*) sh -c "$text" > /dev/null 2>&1 < /dev/null ||
            fail "this did not succeed: $text" ;;
        esac
    done < "$1"
}

[ $# -gt 0 ] || set -- "$here"/case/*
for file; do
    file=$(realpath "$file")
    name=$(basename "$file")
    one "$file"
    if [ "$bad" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
