#!/bin/sh
# `show --latex`: the text of each spec here as it should be, and that pdflatex
# accepts what every cell of the library and every spec of the tests gives.
#   run.sh [-u]    CELLC names the program; -u writes the .want anew
here=$(cd "$(dirname "$0")" && pwd)
CELLC=$(realpath "${CELLC:-$here/../../build/cellc}")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0 skipped=0

for spec in "$here"/*.cell; do
    name=$(basename "$spec" .cell)
    "$CELLC" show --latex "$spec" >"$scratch/$name.tex"
    if [ "${1:-}" = -u ]; then
        cp "$scratch/$name.tex" "$here/$name.want"
    elif diff "$here/$name.want" "$scratch/$name.tex"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
[ "${1:-}" != -u ] || exit 0

# One document of all: the first one's beginning, everyone's body.
sed -n '1,/begin{document}/p' "$scratch/model.tex" >"$scratch/all.tex"
for spec in $("$CELLC" cells --names) "$here"/*.cell \
    "$here"/../gradcheck/spec/*.cell; do
    if ! "$CELLC" show --latex "$spec" >"$scratch/one.tex" 2>"$scratch/err"
    then
        grep -q 'takes other cells' "$scratch/err" && continue
        echo "FAIL $spec"
        sed 's/^/  | /' "$scratch/err"
        failed=$((failed + 1))
        continue
    fi
    passed=$((passed + 1))
    echo "% $spec"
    sed '1,/begin{document}/d; /end{document}/d' "$scratch/one.tex"
done >>"$scratch/all.tex"
printf '%s\n' '\end{document}' >>"$scratch/all.tex"
grep '^FAIL\|^  |' "$scratch/all.tex"

if ! type pdflatex >/dev/null 2>&1; then
    echo "skip pdflatex: it is not there (Debian: texlive-latex-base)"
    skipped=1
elif (cd "$scratch" && pdflatex -halt-on-error -interaction=nonstopmode \
    all.tex >log); then
    passed=$((passed + 1))
else
    echo "FAIL pdflatex"
    grep -A5 '^!' "$scratch/log" | sed 's/^/  | /'
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
