#!/bin/sh
# What is held out, evaluated and predicted.  tests/eval/run.sh [CASE...]; CELLC
# names the program.  A case is a function below; it runs in an empty folder and
# fails where one of its commands does.
here=$(cd "$(dirname "$0")" && pwd)
TRAIN=$here/../train/spec

. "$here/../train/tools.sh"

# What a fraction holds out of a table is drawn, so that one that is sorted by
# class loses some of each, the same at every seed and in eval; --split end are
# the last ones, and a long series keeps its end.
what_is_held_out_is_drawn() {
    awk 'BEGIN { for (i = 0; i < 200; i++)
        printf "%d %d,%d\n", i, i + 1, (i >= 100) }' > sorted.csv
    printf '%s\n' 'input x[t], y in 2' \
        'y ~ categorical(softmax(dense(2)(final(gru(2)([x / 100])))))' \
        'metric share = y == 1' \
        'data { x = numbers(1); y = column(2) }' > s.cell
    set -- s.cell sorted.csv --valid 0.2 --epochs 1
    cellc train "$@" -o a.safetensors 2> said &&
        grep -q '40 of 200 sequences, drawn by --split 1' said &&
        cellc eval a.safetensors sorted.csv --part valid > a &&
        cellc train "$@" --seed 9 -o b.safetensors 2> /dev/null &&
        [ "$(logged a.log.csv val_share)" = "$(logged b.log.csv val_share)" ] &&
        logged a.log.csv val_share | awk 'NR == FNR { v = $1; next }
            $1 == "share" { s = $2 } END { print v, s
                exit (v - s)^2 > 1e-9 || s < 0.25 || s > 0.75 }' - a &&
        cellc train "$@" --split 2 -o c.safetensors 2> /dev/null &&
        cellc eval c.safetensors sorted.csv --part valid > c && ! cmp -s a c &&
        cellc train "$@" --split end -o d.safetensors 2> said &&
        grep -q 'the last 40 of 200 sequences' said &&
        cellc eval d.safetensors sorted.csv --part valid --expect 'share >= 1' \
            --expect 'share <= 1' &&
        ! cellc train "$@" --split ends 2> said &&
        grep -q 'split: a whole number from 1' said &&
        seq 300 > n.csv &&
        printf '%s\n' 'input x[t]' 'h = gru(2)([x[t-1] / 300])' \
            'x ~ normal(300 * dense(1)(h)[1], 9)' 'x[0] = 0' > n.cell &&
        cellc train n.cell n.csv --valid 0.1 --epochs 1 2> said &&
        grep -q 'the last 30 of 300 steps' said
}
# Classes are called by their names: in the head of a table, as values, and
# beside a picture, whatever their letters.
predictions_name_classes() {
    awk 'BEGIN { for (i = 0; i < 60; i++)
        printf "%s\t%s\n", substr("abc", i % 3 + 1, 1),
            i % 3 == 0 ? "50%" : i % 3 == 1 ? "'"'"'" : "x`y\"" }' > w.tsv
    printf '%s\n' 'input w[t] in words, y[t] in tags' \
        'p = softmax(dense(tags)(embedding(4)(w)))' 'y ~ categorical(p)' \
        'best = argmax(p)' 'h = 2 * p' 'q = best + 0' \
        'output p, best, h, q, words = onehot(w)' \
        'data { w = column(1); y = column(2) }' \
        'train { optimizer = adam(lr = 0.1); batch = 1; tbptt = 6 }' > s.cell
    cellc train s.cell w.tsv --epochs 30 -o m.safetensors &&
        cellc predict m.safetensors w.tsv > all.csv || return
    head -n 2 all.csv
    printf '%s' "p.',p.50%,\"p.x\`y\"\"\",best,h.',h.50%," |
        cmp -n 31 - all.csv &&
        head -n 1 all.csv | grep -q ',q,words.a,words.b,words.c$' &&
        cellc predict m.safetensors w.tsv --output best |
        head -n 4 | tr '\n' ' ' > best &&
        printf '%s' "best 50% ' \"x\`y\"\"\" " | cmp - best || return
    type gnuplot > /dev/null 2>&1 || return 0
    cellc predict m.safetensors w.tsv --output p -o p.svg &&
        sed -n 's/.*>\([^<]*\)<.*/\1/p' p.svg > texts &&
        grep -qx "'" texts && grep -qx '50%' texts && grep -qx 'x`y"' texts
}
# Rare classes weigh more, as the spec says or as often as they are in the data:
# the loss is the mean of weight times -log p.
classes_have_weights() {
    awk 'BEGIN { for (i = 0; i < 100; i++)
        printf "%s %s,%s\n", i % 7, (i * i) % 5, i % 10 ? "A" : "B" }' > w.csv
    printf '%s\n' 'input x[t], y in kinds' \
        'p = softmax(dense(kinds)(final(gru(3)([x]))))' \
        'y ~ categorical(p)' 'output p' \
        'data { x = numbers(1); y = column(2) }' > s.cell
    sed 's/(p)$/& with weight = y == "B" ? 5 : 5 \/ 9/' s.cell > v.cell
    set -- w.csv --epochs 2 --batch 10 --double
    cellc fmt --check v.cell && cellc gradcheck v.cell --dim kinds=2 --double &&
        cellc train s.cell "$@" --balance yes -o s.safetensors 2> said &&
        grep -q 'of y A weighs least, 0.556, and B most, 5' said &&
        cellc train v.cell "$@" -o v.safetensors &&
        cellc train s.cell "$@" -o plain.safetensors &&
        [ "$(logged s.log.csv loss | cut -c 1-8)" = \
            "$(logged v.log.csv loss | cut -c 1-8)" ] &&
        [ "$(logged s.log.csv loss)" != "$(logged plain.log.csv loss)" ] ||
        return
    for m in s v; do
        cellc eval $m.safetensors w.csv > $m.out &&
            cellc predict $m.safetensors w.csv > $m.csv &&
            sed 1d $m.csv > p.csv && sed 's/.*,//' w.csv | paste -d , - p.csv |
            awk -F , 'NR == FNR { if ($1 ~ /^loss/) { split($1, a, " ")
                want = a[2] }; next } { n++
                s -= $1 == "A" ? 5 / 9 * log($2) : 5 * log($3) }
                END { print want, s / n; exit (want - s / n)^2 > 1e-9 }' \
                $m.out - || return
    done
    cellc build s.safetensors -o program --double &&
        ./program eval s.safetensors w.csv | cmp - s.out &&
        ! ./program train w.csv --balance yes 2> err &&
        grep -q 'build the program from a checkpoint' err &&
        sed 's/with weight = .*/with height = 2/' v.cell > e.cell &&
        ! cellc check e.cell 2> err && grep -q 'E0550' err &&
        sed 's/with weight = .*/with weight = p/' v.cell > e.cell &&
        ! cellc check e.cell 2> err && grep -q 'E0552' err &&
        ! cellc train s.cell w.csv --balance maybe 2> err &&
        grep -q 'balance: yes or no' err
}
# Pictures of curves: with marks behind them, and of what comes next. An option
# that changes no size may be given anew.
forecasts_and_marks_are_drawn() {
    curve 200 > c.csv
    head -n 101 c.csv > begin.csv
    printf '%s\n' 'option limit = 9' 'input x[t,2]' 'param s in (0, inf)' \
        'h = gru(4)(x[t-1])' 'x ~ normal(x[t-1] + dense(2)(h), s)' \
        'x[0] = 0' 'high = x[t,1] > limit' 'late = t > 150 ? 1 : 0' \
        'up = x[t,1] + x[t,2]' 'output high, up, h' \
        'data { x = column(1:2) }' > s.cell
    cellc train s.cell c.csv --epochs 5 -o m.safetensors || return
    [ "$(cellc predict m.safetensors c.csv --output high --option limit=0.5 |
        grep -c 1)" -gt 9 ] &&
        ! cellc predict m.safetensors c.csv --output high | grep -q 1 &&
        ! cellc predict m.safetensors c.csv --option limitt=1 2> err &&
        grep -q limitt err || return
    type gnuplot > /dev/null 2>&1 || return 0
    cellc predict m.safetensors c.csv --probe up --mark high --mark late \
        --option limit=0.5 -o m.svg && sed 's/>/>\n/g' m.svg > m.txt &&
        for name in up high late; do grep -q "^$name<" m.txt || return; done
    [ "$(grep -c "fill-opacity = '0.3" m.txt)" -ge 9 ] &&
        ! cellc predict m.safetensors c.csv --mark hi --probe up -o m.svg \
            2> err && grep -q 'computes no hi' err || return
    set -- cellc generate m.safetensors --prime begin.csv --length 20
    "$@" --samples 30 --seen c.csv -o a.svg &&
        sed 's/>/>\n/g' a.svg > a.txt &&
        grep -q '^x.2, median of 30, 5 to 95 %' a.txt &&
        "$@" -o a.png && ! "$@" --seen begin.csv -o a.svg 2> err &&
        grep -q 'of which the prime is the beginning' err
}
# A program of a checkpoint knows which number a member of a set has, and where
# sequences end.
a_program_knows_the_vocabulary() {
    translated
    cellc train "$TRAIN/translate.cell" -o a.safetensors --epochs 2 &&
        cellc build a.safetensors -o program || return
    for how in 'eval a.safetensors --metric exact(y) --metric error_rate(y)' \
        'eval a.safetensors --metric bleu(y)' \
        'generate a.safetensors --greedy some.txt'; do
        cellc $how > want 2> /dev/null && ./program $how > got &&
            cmp want got || return
    done
    cellc build "$TRAIN/translate.cell" -o program --dim src=3 --dim dst=5 \
        2> err && grep -q 'whose number among dst' err
}
# A program is trained on names as the spec is; one of a checkpoint keeps its
# numbers, options and sizes.
a_program_learns_from_names() {
    printf '%s\n' 'option n = 2' 'input x[t,2], y[t] in labels' \
        'y ~ categorical(softmax(dense(labels)(gru(n)(x))))' \
        'data { x = column(1:2); y = column(3) }' > s.cell
    printf 'a,b,y\n1,2,cat\n3,4,dog\n1,1,cat\n' > a.csv
    sed 's/dog/fox/; $s/cat/dog/' a.csv > b.csv
    cellc build s.cell -o program --dim labels=2 &&
        ./program train a.csv -o a.safetensors &&
        cellc train s.cell a.csv -o b.safetensors --dim labels=2 &&
        cellc train s.cell a.csv -o c.safetensors --option n=3 &&
        cellc eval a.safetensors a.csv > a && cellc eval b.safetensors a.csv |
        cmp - a && ! ./program train b.csv 2> err &&
        grep -q 'b.csv: 3 labels for input y, .* made for 2' err || return
    cellc build c.safetensors -o program && sed '/dog/d' a.csv > d.csv &&
        ./program train d.csv --init c.safetensors --lr 0 --epochs 1 \
            -o d.safetensors && cellc eval d.safetensors a.csv > d &&
        cellc eval c.safetensors a.csv | cmp - d
}
# What the spec names has a class in a text that does not have it.
a_start_need_not_occur() {
    text 50 | tr -d '\n' > t.txt
    sed 's/c\[0\] = .*/c[0] = "\\n"/' "$TRAIN/text.cell" > s.cell
    cellc train s.cell t.txt --steps 2 -o m.safetensors &&
        cellc info m.safetensors | grep -q 'steps' &&
        cellc generate m.safetensors --length 9 &&
        cellc train s.cell t.txt --steps 2 --unit byte &&
        sed 's/c\[0\] = .*/c[0] = "<s>"/' "$TRAIN/text.cell" > s.cell &&
        ! cellc train s.cell t.txt --steps 2 2> err &&
        grep -q 'members of chars are single characters' err
}
# What is evaluated of one long series does not depend on how it was cut in
# training, nor does anything of it stay unread.
one_series_is_read_as_a_whole() {
    text 103 > t.txt
    sed 's/batch = [0-9]*/batch = 8/' "$TRAIN/text.cell" > s.cell
    for batch in 2 8; do
        cellc train "$TRAIN/text.cell" t.txt --steps 3 --batch "$batch" \
            --double -o m.safetensors || return
        for chunk in 7 50 1000; do
            cellc eval m.safetensors t.txt --tbptt $chunk > a
            sed 's/\(\.[0-9]\{5\}\)[0-9]*/\1/' a
        done | sort -u > e$batch
        cellc eval m.safetensors t.txt --batch 1 --tbptt 7 > b &&
            cellc eval m.safetensors t.txt --tbptt 7 | cmp - b || return
    done
    cat e2 e8
    [ "$(grep -c steps e2)" = 1 ] && [ "$(grep -c loss e2)" = 1 ] &&
        awk -v n="$(wc -m < t.txt)" '$1 == "steps" { exit $2 != n }' e2 &&
        cellc eval m.safetensors t.txt --batch 8 > out 2> err &&
        grep -q 'cut into as many streams' err
}
eval_repeats_the_validation() {
    text 200 > t.txt
    tail -c 300 t.txt > v.txt
    cellc train "$TRAIN/text.cell" t.txt --valid v.txt --epochs 2 \
        -o a.safetensors &&
        cellc eval a.safetensors v.txt --batch 4 --json > e.json &&
        python3 -c 'import json, sys
report = json.load(open("e.json"))
want = float(sys.argv[1])
sys.exit(abs(report["loss"] - want) > 1e-5 * want)' \
            "$(logged a.log.csv val_loss)"
}

. "$here/../cases.sh"
