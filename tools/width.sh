#!/bin/sh
# No line of C is longer than 80 columns, none of a table longer than 120, no
# file longer than 700 lines, and the Makefile stays within 150.  Prints what
# is; exit code 1 if anything is.
cd "$(dirname "$0")/.." || exit 2
find compiler runtime tests examples bench tools -type f | sort |
    LC_ALL=C xargs awk '
    function check(limit) {
        line = $0
        gsub(/[\200-\277]/, "", line) # what follows the first byte of a sign
        if (length(line) > limit) {
            printf "%s:%d: %d columns, %d allowed\n", FILENAME, FNR,
                length(line), limit
            bad = 1
        }
        if (FNR == 701) {
            printf "%s: more than 700 lines\n", FILENAME
            bad = 1
        }
    }
    FILENAME ~ /\.(c|h|inc|y|l|sh)$/ { check(80) }
    FILENAME ~ /\.def$|(prelude|examples).*\.cell$/ { check(120) }
    END { exit bad }'
bad=$?
if [ "$(wc -l <Makefile)" -gt 150 ]; then
    echo "Makefile: more than 150 lines"
    bad=1
fi
[ $bad = 0 ] && echo "1 passed, 0 failed" || echo "0 passed, 1 failed"
exit $bad
