# What the tests of training share: data that are made up, rows of logs, runs
# that are interrupted.  Sourced; `cellc` and $CELLC are those of cases.sh.

# A text of N lines that is nearly periodic, and a curve.
text() {
    awk -v n="$1" 'BEGIN { s = 7; for (i = 0; i < n; i++) {
        s = (s * 1103515 + 12345) % 65536
        printf "abcab%sbacbcab", s % 3 ? "c" : "a" } }'
}
curve() {
    awk -v n="$1" 'BEGIN { print "p,q"; for (i = 0; i < n; i++)
        printf "%.6f,%.6f\n", sin(i * 0.4), cos(i * 0.31) }'
}

# The value of column $2 in the last (or line $3) row of the log $1.
logged() {
    awk -F , -v name="$2" -v line="${3:-0}" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) k = i }
        NR == line + 1 || (!line && NR > 1) { v = $k }
        END { print v }' "$1"
}
# Words that are told backwards in capitals: pairs.tsv, x.txt, y.txt.
translated() {
    awk 'BEGIN { s = 7; for (i = 0; i < 300; i++) { a = b = ""
        s = (s * 1103515 + 12345) % 65536
        for (k = 0; k <= s % 4; k++) { s = (s * 1103515 + 12345) % 65536
            a = a " " substr("abc", s % 3 + 1, 1)
            b = substr("ABC", s % 3 + 1, 1) " " b }
        print substr(a, 2) "\t" b } }' > pairs.tsv
    cut -f 1 pairs.tsv > x.txt
    cut -f 2 pairs.tsv > y.txt
    head -n 9 x.txt > some.txt
}
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a < b) }'; }

# interrupted CHECKPOINT ARGS...: SIGINT a little after each start, resumed
# until it ends by itself; at least three interruptions count.  A busy machine
# gets longer in the end.
interrupted() {
    file=$1 times=0 more=
    shift
    while [ "$times" -lt 40 ]; do
        timeout -s INT --preserve-status \
            "$((times / 10)).$((10 + 7 * times % 30))" \
            "$CELLC" "$@" -o "$file" --log log.csv $more > out 2> err
        code=$?
        [ "$code" != 0 ] || break
        [ "$code" = 130 ] || { cat err; return 1; }
        [ -s "$file" ] && more=--resume
        times=$((times + 1))
    done
    echo "interrupted $times times"
    [ "$code" = 0 ] && [ "$times" -ge 3 ]
}
