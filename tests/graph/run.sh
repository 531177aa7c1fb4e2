#!/bin/sh
# Text in, text out: every FOLDER/NAME.ir runs through the passes named on its
# first line ("# passes: grad simplify") and must give FOLDER/NAME.want.
#   run.sh IRTOOL [-u] [FOLDER...]     -u writes the .want files
# Ends with "N passed, N failed"; exit code 1 if any failed.
set -u
tool=$1
shift
bless=no
if [ "${1:-}" = -u ]; then
    bless=yes
    shift
fi
here=$(dirname "$0")
got=$(mktemp)
trap 'rm -f "$got"' EXIT
passed=0
failed=0
for folder in "${@:-}"; do
    for case in "$here"/${folder:-*}/*.ir; do
        passes=$(sed -n '1s/^# passes: *//p' "$case")
        want=${case%.ir}.want
        # shellcheck disable=SC2086 # a list of words
        "$tool" $passes <"$case" >"$got" 2>&1
        code=$?
        if [ "$code" -gt 1 ]; then
            echo "exit code $code" >>"$got"
        fi
        [ $bless = yes ] && cp "$got" "$want"
        if cmp -s "$got" "$want"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAIL $case"
            diff "$want" "$got" | head -20
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
