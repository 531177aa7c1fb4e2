#!/bin/sh
# The shared specs as a user would take them: each is checked, trained for a
# few steps on made-up data, evaluated, and draws where it can.
# tests/specs/run.sh [CASE...]; CELLC names the program, CELLC_SHARED where the
# specs are.
here=$(cd "$(dirname "$0")" && pwd)
SPECS=$(realpath "${CELLC_SHARED:-$here/../../../shared}/specs" 2> /dev/null)
if [ ! -d "$SPECS" ]; then
    echo "skip: the shared specs are not there"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi

# table ROWS COLUMNS: numbers that are nearly smooth, under names a, b, ...
table() {
    awk -v rows="$1" -v cols="$2" 'BEGIN {
        for (j = 0; j < cols; j++)
            printf "%s%c", j ? "," : "", 97 + j
        print ""
        for (i = 0; i < rows; i++) {
            for (j = 0; j < cols; j++)
                printf "%s%.5f", j ? "," : "", sin(i * (0.3 + j / 10) + j)
            print ""
        } }'
}
# words LINES: sentences of made-up words
words() {
    awk -v n="$1" 'BEGIN { s = 5; for (i = 0; i < n; i++) {
        line = ""
        len = 2 + i % 4
        for (k = 0; k < len; k++) {
            s = (s * 4099 + 331) % 65536
            line = line (k ? " " : "") "w" s % 7
        }
        print line } }'
}
# few SPEC ARGS...: checks, trains a few steps, evaluates, predicts
output=
few() {
    case $1 in
    ./*) spec=$1 ;;
    *) spec=$SPECS/$1 ;;
    esac
    shift
    cellc check "$spec" &&
        cellc train "$spec" "$@" --epochs 2 -o m.safetensors &&
        cellc eval m.safetensors "$data" $columns &&
        cellc predict m.safetensors "$data" $columns $output > p.csv
}

elman_predicts() {
    table 60 5 > x.csv
    data=x.csv columns='--column x=1:3 --column y=4:5'
    few 01_elman.cell x.csv $columns --option n=8 --window 20 &&
        [ "$(wc -l < p.csv)" -ge 60 ]
}
jordan_predicts() {
    table 60 5 > x.csv
    data=x.csv columns='--column x=1:3 --column y=4:5'
    few 06_jordan.cell x.csv $columns --option n=8 --window 20 &&
        [ -s p.csv ]
}
tagger_learns_words() {
    words 12 | awk '{ for (i = 1; i <= NF; i++)
        printf "%s\tx\tx\tT%d\n", $i, length($i $1) % 3 + i % 2
        print "" }' > w.tsv
    awk 'BEGIN { for (i = 0; i < 7; i++) {
        printf "w%d", i
        for (k = 0; k < 100; k++)
            printf " %.3f", sin(i * k)
        print "" } }' > glove.100d.vec
    cp "$SPECS/07_ner.cell" . # word vectors are looked for beside the spec
    data=w.tsv columns=
    few ./07_ner.cell w.tsv --option n=8 && [ -s p.csv ]
}
translation_attends() {
    words 12 > a
    words 12 | tr w v | tac > b
    paste a b > ab.tsv
    data=ab.tsv columns='--column x=words(1) --column y=words(2)'
    output='--output s' # others vary over both axes
    few 08_seq2seq.cell ab.tsv $columns --option n=8 --option d=4 \
        --option a=4
    [ $? = 0 ] && output= && head -1 a > a1 &&
        cellc generate m.safetensors --in x=a1 --column 'x=words(1)' \
            --length 8 --greedy
}
characters_are_drawn() {
    words 60 > t.txt
    data=t.txt columns=
    few 09_charlm.cell t.txt --option n=16 --option layers=1 --batch 4 \
        --tbptt 20 &&
        [ "$(cellc generate m.safetensors --length 40 | wc -c)" -ge 40 ]
}
sentiment_learns() {
    words 12 | awk '{ print NR % 2 "\t" $0 }' > s.tsv
    data=s.tsv columns='--column y=column(1) --column w=words(2)'
    few 10_sentiment.cell s.tsv $columns --option n=8 && [ -s p.csv ]
}
captions_are_drawn() {
    words 6 > w.txt
    awk 'BEGIN { for (i = 0; i < 6; i++) {
        for (k = 0; k < 4096; k++)
            printf "%s%.3f", k ? "\t" : "", sin(i + k)
        print "" } }' > image
    paste image w.txt > c.tsv
    data=c.tsv columns='--column image=1:4096 --column w=words(4097)'
    few 11_caption.cell c.tsv $columns --option n=8 --option d=4 &&
        head -1 image > i.tsv && cellc generate m.safetensors \
        --in image=i.tsv --column image=1:4096 --length 6
}
forecast_is_drawn() {
    table 80 2 > x.csv
    data=x.csv columns='--column x=1:2'
    few 12_anomaly.cell x.csv $columns --option n=4 --option τ=3 \
        --window 20 &&
        [ "$(cellc generate m.safetensors --prime x.csv --column x=1:2 \
            --length 48 | wc -l)" = 49 ]
}
libraries_are_checked() {
    for name in 02_lstm 03_gru 04_peephole 05_novel 14_zoo; do
        cellc check "$SPECS/$name.cell" &&
            cellc gradcheck "$SPECS/$name.cell" || return
    done
}
odds_and_ends_parse() {
    cellc fmt - < "$SPECS/13_syntax.cell" > a.cell &&
        cellc fmt - < a.cell | cmp - a.cell &&
        cellc show "$SPECS/13_syntax.cell" --stage ast > ast && [ -s ast ]
}

. "$here/../cases.sh"
