#!/bin/sh
# Mistakes that people make: every NAME.cell must be refused (or, where NAME
# begins with unused_, warned of) with exactly the message in NAME.want, whose
# first line says where.  At least a hundred of them.
#   run.sh [-u]     -u writes the .want files; CELLC names the program
CELLC=$(realpath "${CELLC:-$(dirname "$0")/../../build/cellc}")
cd "$(dirname "$0")" || exit 2
export NO_COLOR=1
out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT
passed=0 failed=0

for spec in *.cell; do
    name=${spec%.cell}
    "$CELLC" check "$spec" 2>"$out"
    code=$?
    case $name in unused_*) want=0 ;; *) want=1 ;; esac
    [ "${1:-}" != -u ] || cp "$out" "$name.want"
    if [ $code = $want ] && diff "$name.want" "$out" &&
        grep -q "^$spec:[0-9]*:[0-9]*: " "$out"
    then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name: exit code $code"
    fi
done
if [ $((passed + failed)) -lt 100 ]; then
    echo "FAIL fewer than a hundred mistakes"
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
