#!/bin/sh
# Metrics of what is drawn, decoded or generated, against other ways to find
# them.  tests/score/run.sh [CASE...]; CELLC names the program.  Cases are as in
# tests/train/run.sh, whose specs they use.
here=$(cd "$(dirname "$0")" && pwd)
TRAIN=$here/../train/spec
. "$here/../train/tools.sh"

# Metrics of decoded names: of what does not depend on itself, from one forward;
# of translations, from what is generated.
drawn_names_are_scored() {
    printf 'The\tDT\n#tag\tNN\nruns\tVB\n\nBob\tNN\n.\t.\n\n' > w.tsv
    cellc train "$TRAIN/tagger.cell" w.tsv --epochs 9 -o a.safetensors &&
        cellc eval a.safetensors w.tsv --metric 'accuracy(y)' > out &&
        awk '/^accuracy/ { v[++n] = $2 } END { exit v[1] != v[2] }' out &&
        cellc eval a.safetensors w.tsv --metric 'accuracy(y)' --threads 2 \
            --batch 1 | cmp - out || return
    awk 'BEGIN { for (i = 0; i < 40; i++)
        print i % 2 "\t" (i % 2 ? "good" : "bad") (i % 8 ? "" : " odd") }' \
        > s.tsv
    cellc train "$TRAIN/sentence.cell" s.tsv --epochs 30 \
        --optimizer 'adam(lr=0.1)' -o s.safetensors &&
        cellc eval s.safetensors s.tsv --expect 'auc(y) > 0.99' \
            --expect 'f1(y) > 0.99' --expect 'accuracy(y) > 0.9' > out &&
        grep -q '^auc(y) 1 (wanted > 0.99)$' out || return
    translated
    cellc train "$TRAIN/translate.cell" -o a.safetensors --epochs 3 || return
    set -- a.safetensors pairs.tsv --column 'x=words(1)' --column 'y=words(2)'
    cellc generate "$@" --greedy | paste -d '\t' - y.txt > both &&
        cellc eval "$@" --metric 'exact(y)' --metric 'error_rate(y)' > out &&
        awk -F '\t' -v out=out 'function words(s, w) { gsub(/^ +| +$/, "", s)
                return split(s, w, " ") }
            { n = words($1, f); m = words($2, y); all += m
              for (j = 0; j <= m; j++) d[j] = j
              for (i = 1; i <= n; i++) { before = d[0]; d[0] = i
                for (j = 1; j <= m; j++) { c = before + (f[i] != y[j])
                    before = d[j]
                    if (d[j] + 1 < c) c = d[j] + 1
                    if (d[j-1] + 1 < c) c = d[j-1] + 1
                    d[j] = c } }
              wrong += d[m]; exact += d[m] == 0 }
            END { FS = " "; while ((getline < out) > 0) v[$1] = $2
                print exact / NR, wrong / all
                exit (v["exact(y)"] - exact / NR)^2 > 1e-9 ||
                    (v["error_rate(y)"] - wrong / all)^2 > 1e-9 }' both &&
        cellc eval "$@" --beam 3 --expect 'bleu(y) > 0.2' &&
        ! cellc eval "$@" --expect 'exact(y) > 1' > out
    [ $? = 0 ] && grep -q 'exact(y) .* (wanted > 1)' out &&
        { cellc eval "$@" --expect 'exact(y) > 1'; [ $? = 3 ]; }
}
# What was observed of equal inputs are references of one another: what is
# generated once is scored by all, for BLEU by the nearest.
equal_inputs_are_references() {
    translated
    cellc train "$TRAIN/translate.cell" -o a.safetensors --epochs 3 || return
    set -- a.safetensors --column 'x=words(1)' --column 'y=words(2)'
    cellc generate "$@" pairs.tsv --greedy | paste -d '\t' x.txt - |
        awk -F '\t' 'NF == 2 && $2 ~ /[A-C]/ && !seen[$1]++' > said.tsv
    [ "$(wc -l < said.tsv)" -gt 20 ] || return
    awk -F '\t' '{ print; print $1 "\tC C C C C C C C C" }' said.tsv |
        sort -k 2 > twice.tsv
    cellc eval "$@" twice.tsv --batch 7 --expect 'bleu(y) >= 1' \
        --expect 'exact(y) >= 0.5' --expect 'exact(y) <= 0.5' &&
        cellc eval "$@" said.tsv --expect 'exact(y) >= 1'
}
# A metric of what is drawn judges validations; what is logged is what eval
# finds.
a_drawn_name_is_monitored() {
    translated
    set -- --column 'x=words(1)' --column 'y=words(2)' --valid 0.2
    cellc train "$TRAIN/translate.cell" pairs.tsv "$@" --epochs 2 \
        --monitor 'exact(y)' -o a.safetensors --best b.safetensors &&
        cellc eval a.safetensors pairs.tsv "$@" --part valid \
            --metric 'exact(y)' > out &&
        logged a.log.csv 'val_exact(y)' |
            awk 'NR == FNR { v = $1; next } $1 == "exact(y)" { e = $2 }
                END { print v, e; exit v == "" || (v - e)^2 > 1e-9 }' - out &&
        [ -s b.safetensors ] &&
        ! cellc train "$TRAIN/translate.cell" pairs.tsv "$@" \
            --monitor 'exat(y)' -o c.safetensors 2> err &&
        grep -q 'no metric exat (did you mean exact?)' err
}

. "$here/../cases.sh"
