#!/bin/bash
# What the checker says.  Every CODE_name.cell here must give exactly the
# standard error in its .want; every code from E02xx on has such a file.  A
# first line "# with: VERB ARGS" says by what, else it is `check`.  Then the
# shared specs: which are accepted, which are refused and where.
#   run.sh [-u]     -u writes the .want files; CELLC names the program
CELLC=$(realpath "${CELLC:-$(dirname "$0")/../../build/cellc}")
shared=$(realpath -m "${CELLC_SHARED:-$(dirname "$0")/../../../shared}")
cd "$(dirname "$0")" || exit 2
export NO_COLOR=1
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
printf 'abcabcabcabc' > "$scratch/DATA.txt"
../cli/npy "$scratch/x.npy" f4 5,2,3
../cli/npy "$scratch/c.npy" f4 2,4
passed=0 failed=0 skipped=0

verdict() { # NAME CODE
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1"
        [ ! -s "$scratch/log" ] || head -n 20 "$scratch/log"
    fi
    : > "$scratch/log"
}

for spec in *.cell; do
    name=${spec%.cell}
    with=$(sed -n '1s/^# with: //p' "$spec")
    verb=${with%% *} rest=
    [ "$with" = "$verb" ] || rest=${with#* }
    cp "$spec" "$scratch"
    # shellcheck disable=SC2086 # a list of words
    (cd "$scratch" && "$CELLC" ${verb:-check} "$spec" $rest) \
        2> "$scratch/err" > "$scratch/out"
    code=$?
    case $name in W*) want=0 ;; *) want=1 ;; esac
    [ "$1" != -u ] || cp "$scratch/err" "$name.want"
    diff "$name.want" "$scratch/err" > "$scratch/log" && [ $code = $want ]
    verdict "$name: exit code $code" $?
    case $name in
    [EW]0*) grep -q "\[${name%%_*}\]" "$name.want"
        verdict "$name.want does not show ${name%%_*}" $? ;;
    esac
done
for code in $(grep -o '"[EW]0[2-9][0-9][0-9]"' ../../compiler/diag.def |
    tr -d '"' | grep -v E0326); do # the program itself asks for open dims
    ls "$code"_*.cell > /dev/null 2>&1
    verdict "no file shows $code" $?
    "$CELLC" --explain "$code" 2>&1 | grep -q .
    verdict "--explain $code" $?
done

# Two independent mistakes are both told.
[ "$(grep -c 'error\[' two_mistakes.want)" -ge 4 ]
verdict "two_mistakes.want tells fewer than four" $?

# underlined FILE: the line of the first error and what stands under its
# caret, a tab between; columns are counted as characters.
underlined() {
    python3 - "$1" << 'END'
import re
import sys

rows = open(sys.argv[1], encoding="utf-8").read().split("\n")
at = next(i for i, row in enumerate(rows) if "error[" in row)
mark = re.search(r"\^~*", rows[at + 2])
print(rows[at].split(":")[1], rows[at + 1][mark.start():mark.end()], sep="\t")
END
}

specs() {
    for spec in "$shared"/specs/{01,02,03,04,05,06,09,10,12}_*.cell; do
        "$CELLC" check "$spec" > "$scratch/out" 2> "$scratch/err"
        code=$?
        grep -vE 'note\[W0210\]|^ +[0-9]* *\|' "$scratch/err" > "$scratch/log"
        [ $code = 0 ] && [ ! -s "$scratch/log" ] && [ ! -s "$scratch/out" ]
        verdict "check $(basename "$spec"): exit code $code" $?
    done
    for spec in "$shared"/specs/{07,08,11,13,14}_*.cell; do
        "$CELLC" check "$spec" > "$scratch/out" 2> "$scratch/log"
        code=$?
        [ $code = 0 ] || { [ $code = 1 ] && grep -q 'error\[' "$scratch/log"; }
        verdict "check $(basename "$spec"): exit code $code" $?
    done
    while IFS=$'\t' read -r file line under _; do
        "$CELLC" check "$shared/specs/wrong/$file" 2> "$scratch/err"
        code=$?
        underlined "$scratch/err" > "$scratch/got"
        printf '%s\t%s\n' "$line" "$under" |
            diff - "$scratch/got" > "$scratch/log" && [ $code = 1 ]
        verdict "check wrong/$file: exit code $code" $?
    done < <(tail -n +2 "$shared/specs/wrong/WANT.tsv")
}
if [ -d "$shared/specs" ]; then
    specs
else
    echo "skip: $shared/specs is not there"
    skipped=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
