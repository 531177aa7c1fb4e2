#!/bin/sh
# Two ways to write one thing give the same numbers.  Every spec of spec/ has
# outputs named same1, same2, ..., which must be 0, and `value`, which must
# not, on each back end in double, with lengths, while training and not.
#   tests/same/run.sh [SPEC...]     CELLC names the program
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
cd "$(dirname "$0")" || exit 2
CELLC=$(realpath "${CELLC:-../../build/cellc}")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
[ $# -gt 0 ] || set -- spec/*.cell
passed=0 failed=0
../cli/npy "$scratch/lengths.npy" i8 3 5,2,4

# inputs SPEC: an array for each of its inputs, as flags of `cellc run`
inputs() {
    "$CELLC" info "$1" --json | python3 -c '
import json, sys
for x in json.load(sys.stdin)["inputs"]:
    shape = ([5, 3] if x["time"] else [3]) + x["sizes"]
    print(x["name"], ",".join(map(str, shape)))' |
        while read -r name shape; do
            ../cli/npy "$scratch/in.$name.npy" f8 "$shape" wave
            echo "--in $name=$scratch/in.$name.npy"
        done
}

for spec; do
    flags=$(inputs "$spec")
    for backend in eval tcc cc; do
        for more in "" "--training" "--lengths $scratch/lengths.npy"; do
            rm -rf "$scratch/out"
            # shellcheck disable=SC2086 # lists of words
            if "$CELLC" run "$spec" $flags $more --double --seed 3 \
                --backend $backend --out "$scratch/out" 2> "$scratch/log" &&
                ./zeros "$scratch/out" >> "$scratch/log"; then
                passed=$((passed + 1))
            else
                failed=$((failed + 1))
                echo "FAIL $spec $backend $more"
                sed 's/^/  | /' "$scratch/log" | tail -n 8
            fi
        done
    done
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
