#!/bin/bash
# The examples are whole: examples/README.md lists each folder, whose page
# has commands in short and in full, a model and what others reach; each spec
# passes `check`; and the quickest ones run.  CELLC names the program.
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
here=$(cd "$(dirname "$0")/../.." && pwd)
export CELLC=${CELLC:-$here/build/cellc}
cd "$here/examples" || exit 1
passed=0 failed=0

try() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $what"
    fi
}

for folder in */; do
    name=${folder%/} page=${folder}README.md
    for spec in "$folder"*.cell; do
        [ ! -e "$spec" ] || try "$spec: cellc check" "$CELLC" check "$spec"
    done
    [ "$name" != embed ] || continue # programs, for tests/embed
    try "examples/README.md lists $name" grep -qF "($page)" README.md
    for heading in "## Short" "## In full" "Model: " "Known: "; do
        try "$page: $heading" grep -q "^$heading" "$page"
    done
    try "$page: two blocks" test "$(grep -c '^```sh$' "$page")" -ge 2
done
for name in hello order gates; do
    try "examples/run $name" ./run "$name"
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
