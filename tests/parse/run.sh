#!/bin/sh
# Formatter and syntax messages against golden files.  $CELLC is a program
# that understands `fmt -`.  `run.sh -u` writes the golden files anew.
shared=$(cd "${CELLC_SHARED:-$(dirname "$0")/../../../shared}" && pwd)
cd "$(dirname "$0")" || exit 2
: "${CELLC:?the program to test}"
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0

# verdict NAME EXPECTED FOUND: compares two files
verdict()
{
    [ "$bless" ] && cp "$3" "$2"
    if cmp -s "$2" "$3"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1"
        diff "$2" "$3" | head -20
    fi
}

# stable NAME FILE: a second pass changes nothing, no comment is lost
stable()
{
    if ! $CELLC fmt - <"$2" >"$tmp/once"; then
        failed=$((failed + 1))
        echo "FAILED $1: it does not parse"
        return
    fi
    $CELLC fmt - <"$tmp/once" >"$tmp/twice"
    verdict "$1: second pass" "$tmp/once" "$tmp/twice"
    grep -o '#.*' "$2" | sed 's/[[:space:]]*$//' | sort >"$tmp/notes"
    grep -o '#.*' "$tmp/once" | sort >"$tmp/notes2"
    verdict "$1: comments" "$tmp/notes" "$tmp/notes2"
}

bless=
for f in fmt/*.cell; do
    [ "$1" = -u ] && bless=1
    $CELLC fmt - <"$f" >"$tmp/out" 2>&1
    verdict "$f" "${f%.cell}.want" "$tmp/out"
    bless=
    stable "$f" "$f"
done
for f in wrong/*.cell; do
    [ "$1" = -u ] && bless=1
    $CELLC fmt - <"$f" >"$tmp/out" 2>"$tmp/err"
    rc=$?
    verdict "$f" "${f%.cell}.err" "$tmp/err"
    bless=
    if [ $rc != 1 ] || [ -s "$tmp/out" ]; then
        failed=$((failed + 1))
        echo "FAILED $f: exit code $rc, or output in spite of errors"
    fi
done

# every message about characters and syntax is shown by a golden file, but
# for the one that needs a file of a gigabyte
for code in $(grep -o '"E0[01][0-9][0-9]"' ../../compiler/diag.def |
              tr -d '"' | grep -v E0009); do
    if grep -q "\[$code\]" wrong/*.err; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED no golden file shows $code"
    fi
done

if [ -d "$shared/specs" ]; then
    for f in "$shared"/specs/*.cell "$shared"/specs/wrong/*.cell; do
        stable "$f" "$f"
    done
else
    skipped=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
