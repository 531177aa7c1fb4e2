# The end of a run.sh whose cases are functions with a _ in their name: sourced
# with the names of the cases to run as arguments, none for all, and with
# `here`, the folder of that run.sh.  Gives the cases the program as `cellc` and
# $SPEC.  Each runs in an empty folder below $scratch and fails where its last
# command does.
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
CELLC=$(realpath "${CELLC:-$here/../../build/cellc}")
SPEC=$here/spec
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

cellc() { "$CELLC" "$@"; }

[ $# -gt 0 ] || set -- $(sed -n 's/^\([a-z_]*_[a-z_]*\)() {$/\1/p' "$0")
passed=0 failed=0
for case; do
    rm -rf "$scratch/work" && mkdir "$scratch/work" && cd "$scratch/work" ||
        exit 1
    if "$case" > "$scratch/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $case"
        tail -n 12 "$scratch/log" | sed 's/^/  | /'
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
