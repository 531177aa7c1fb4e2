#!/bin/bash
# What the documentation shows, works: blocks marked `cell` parse, those with a
# file name check too and are kept; every line of a block marked `sh` runs where
# they are, except those of make; what takes minutes there takes two seconds
# here.  (Pages of examples are for examples/run.)  The library and the examples
# have the layout of `fmt`, and the random cells of docs/PERFORMANCE.md can be
# drawn.  CELLC names the program.
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
here=$(cd "$(dirname "$0")/../.." && pwd)
CELLC=$(realpath "${CELLC:-$here/build/cellc}")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
mkdir build
ln -s "$CELLC" build/cellc
ln -s "$here/examples" examples
sed '/^```/,/^```/d' "$here"/docs/*.md "$here/README.md" >prose.txt
head -c 12000 prose.txt >text.txt
passed=0 failed=0

try() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@" >.out 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $what"
        tail -n 12 .out | sed 's/^/  /'
    fi
}

block() { # PLACE KIND NAME; the text is in `block`
    case $2 in
    cell)
        if [ -n "$3" ]; then
            cp block "$3"
            try "$1: $3" build/cellc check "$3"
        else
            try "$1" sh -c 'build/cellc fmt - <block'
        fi
        ;;
    sh)
        while IFS= read -r line; do
            case $line in
            make*) ;;
            *) try "$1: $line" bash -c "${line/--minutes 2/--minutes 0.03}" ;;
            esac
        done <block
        ;;
    esac
}

for page in "$here/README.md" "$here"/docs/*.md; do
    kind='' at=0
    while IFS= read -r line; do
        at=$((at + 1))
        case $line in
        '```') [ -z "$kind" ] || block "${page#"$here/"}:$at" "$kind" "$name"
            [ -n "$kind" ] && kind='' || kind=plain
            ;;
        '```'*)
            read -r kind name <<<"${line#'```'}"
            : >block
            ;;
        *) [ -z "$kind" ] || printf '%s\n' "$line" >>block ;;
        esac
    done <"$page"
done
build/cellc cells --markdown >CELLS.md
try "docs/CELLS.md: cellc cells --markdown >docs/CELLS.md" \
    diff "$here/docs/CELLS.md" CELLS.md
try "canonical layout" build/cellc fmt --check "$here"/compiler/prelude/*.cell \
    "$here"/compiler/prelude/cells/*.cell "$here"/examples/*/*.cell
# The figures draw cells with the fuzzer's generator, which changes.
PYTHONPATH=$here/bench try "random cells of bench/figures.py" python3 -B -c \
    "import figures; figures.BUILD = '.'; figures.random_cells(3)"
try "random cells of bench/figures.py" build/cellc check random*.cell
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
