#!/bin/sh
# Training from outside: what it learns, and that stopping, saving and drawing
# lose nothing.  tests/train/run.sh [CASE...]; CELLC names the program.
# A case is a function below; it runs in an empty folder and fails where one of
# its commands does.
here=$(cd "$(dirname "$0")" && pwd)

. "$here/tools.sh"

# Row by row the same loss and gradient, but for rounding.
samelogs() {
    awk -F , 'NR == FNR { loss[FNR] = $4; norm[FNR] = $8; next }
        FNR > 1 { if ((loss[FNR] - $4)^2 > 1e-20 ||
            (norm[FNR] - $8)^2 > 1e-16) exit 1; n++ }
        END { exit !(n > 3) }' "$1" "$2"
}
segments_change_nothing() {
    text 300 > t.txt
    for reduce in sequence token; do
        set -- train "$SPEC/segments.cell" t.txt --tbptt 2000 --batch 2 \
            --double --steps 5 --log-every 1 --reduce $reduce
        cellc "$@" --log a.csv || return 1
        # what one is told that would do is the least, so there are many
        size=1M
        for try in 1 2 3 4 5; do
            cellc "$@" --log b.csv --memory "$size" 2> err && break
            size=$(sed -n -e 's/.*take \([0-9]*M\) already$/\1/p' \
                -e 's/.* \([0-9]*M\) would do.*/\1/p' err)
        done
        grep -q 'in segments of' err && samelogs a.csv b.csv || return 1
    done
}
text_interrupted_in_mid_epoch() {
    text 800 > t.txt
    set -- train "$SPEC/text.cell" t.txt --valid 0.1 --threads 2 \
        --epochs "$long"
    cellc "$@" -o a.safetensors && interrupted b.safetensors "$@" &&
        cmp a.safetensors b.safetensors
}
numbers_interrupted_in_mid_epoch() {
    curve 3000 > x.csv
    set -- train "$SPEC/numbers.cell" x.csv --column x=1:2 --valid 0.1 \
        --threads 1 --schedule 'cosine(100000)' --epochs "$((2 * long))" \
        --accumulate 4 --ema 0.99 --gradient-noise 1e-4
    cellc "$@" -o a.safetensors --log a.log &&
        interrupted b.safetensors "$@" && cmp a.safetensors b.safetensors
}
stopped_after_any_number_of_steps() {
    text 60 > t.txt
    cellc train "$SPEC/text.cell" t.txt --steps 57 -o a.safetensors || return
    for first in 1 7 22 56; do
        rm -f b.safetensors
        cellc train "$SPEC/text.cell" t.txt --steps $first \
            -o b.safetensors && cellc train "$SPEC/text.cell" t.txt \
            --steps 57 -o b.safetensors --resume &&
            cmp a.safetensors b.safetensors || return
    done
    cp b.log.csv left.csv && cellc train "$SPEC/text.cell" t.txt --steps 57 \
        -o b.safetensors --resume 2> err && grep -q 'nothing was left' err &&
        cmp left.csv b.log.csv
}
# Steps 1 2 3, 4, 2 4, 6 6 6 have mean 34/9: a quarter of the way is left after
# two updates.  Threads do not split such a batch, an evaluation does not care.
statistic_of_the_batch() {
    npy="$here/../cli/npy"
    "$npy" x.npy f8 4,3 1,2,3,4,0,0,2,4,0,6,6,6 && "$npy" y.npy f8 4,3 wave &&
        "$npy" n.npy i8 4 3,1,2,3 || return
    set -- "$SPEC/statistic.cell" --in x=x.npy --in y=y.npy --lengths n.npy
    for threads in 1 3; do
        cellc train "$@" --double --epochs 2 --threads $threads \
            -o $threads.safetensors || return
    done
    for k in 1 3; do
        sed 's/threads[^,]*//' $k.safetensors > $k
    done
    cmp 1 3 && cellc train "$@" --double --steps 1 -o 2.safetensors &&
        cellc train "$@" --double --steps 2 -o 2.safetensors --resume || return
    shift
    for k in 1 2 3; do
        cellc predict $k.safetensors "$@" --output μ -o m.npy &&
            "$npy" show m.npy | awk '{ e = $4 - (34 / 9 + (1 - 34 / 9) / 4) }
                END { exit !(e * e < 1e-12) }' || return
    done
}
# Updates every two steps, gradients that go back four: those of the last chunk
# are of its last two terms, with the state of step 2 held fixed.
gradients_go_back_further_than_updates() {
    npy="$here/../cli/npy"
    printf '%s\n' 'input x[t,2], y[t] in 4' 'h = gru(3)(x)' 'output h' \
        'y ~ categorical(softmax(dense(4)(h)))' > s.cell
    x=0.3,-1,0.5,0.2,-0.7,0.9,1.1,-0.4,0.8,0.6,-0.2,-0.9
    "$npy" x.npy f8 6,1,2 $x && "$npy" y.npy i8 6,1 0,1,2,3,1,0 &&
        "$npy" x1.npy f8 2,1,2 "${x%,-0.7*}" &&
        "$npy" x2.npy f8 4,1,2 "${x%,0.8*}" &&
        "$npy" x3.npy f8 4,1,2 "${x#*0.2,}" && "$npy" y1.npy i8 2,1 0,1 &&
        "$npy" y2.npy i8 4,1 -1,-1,2,3 && "$npy" y3.npy i8 4,1 -1,-1,1,0 &&
        set -- s.cell --seed 3 --grad --double --reduce sum || return
    cellc run "$@" --in x=x1.npy --in y=y1.npy --out 1 &&
        cellc run "$@" --in x=x2.npy --in y=y2.npy --out 2 &&
        cellc run "$@" --in x=x3.npy --in y=y3.npy --out 3 \
            --state h=1/final.h.npy || return
    for back in eval tcc cc; do
        cellc run "$@" --in x=x.npy --in y=y.npy --tbptt '(2, 4)' --out pair \
            --backend $back || return
        for file in pair/grad.h.[UWb]*.npy pair/grad.dense1.*.npy; do
            name=${file#*/}
            "$npy" show "1/$name" "2/$name" "3/$name" "$file" | awk 'NR % 2 {
                next } { for (i = 1; i <= NF; i++) v[i] += NR < 8 ? $i : -$i }
                END { for (i in v) if (v[i]^2 > 1e-13) exit 1 }' ||
                { echo "$back $file"; return 1; }
        done
    done
    cellc run "$@" --in x=x.npy --in y=y.npy --out whole &&
        cellc run "$@" --in x=x.npy --in y=y.npy --tbptt '(2, 9)' --out far &&
        "$npy" show whole/grad.h.Ur.npy > a && "$npy" show far/grad.h.Ur.npy \
        > b && cmp a b
}
# A pair in training: as often updated as by its first number, the same as it
# where both are the same, another where not; no step is counted twice.
pairs_of_chunks() {
    text 60 > t.txt
    for pair in 10 '(10, 10)' '(10, 25)'; do
        cellc train "$SPEC/text.cell" t.txt --threads 2 --epochs 3 \
            --tbptt "$pair" -o m.safetensors &&
            cellc eval m.safetensors t.txt --tbptt 10 > "$pair" || return
        logged m.log.csv step >> steps
    done
    cmp 10 '(10, 10)' && ! cmp -s 10 '(10, 25)' &&
        [ "$(sort -u steps | wc -l)" = 1 ] || return
    sed 's/tbptt = 10/tbptt = (10, 25)/' "$SPEC/text.cell" > s.cell
    cellc train s.cell t.txt --steps 40 -o a.safetensors || return
    for first in 1 2 23; do
        rm -f b.safetensors
        cellc train s.cell t.txt --steps $first -o b.safetensors &&
            cellc train s.cell t.txt --steps 40 -o b.safetensors --resume &&
            cmp a.safetensors b.safetensors || return
    done
    ! cellc train "$SPEC/text.cell" t.txt --tbptt '(10, 5)' 2> err &&
        grep -q 'back no smaller' err
}
# What training reads of earlier steps with teacher = 1/4: that share is what
# was observed (here nothing that is ever drawn), the rest has the distribution,
# on every back end the same.
draws_take_the_place_of_what_was_observed() {
    npy="$here/../cli/npy"
    cat > s.cell << 'END'
input a[t], b[t,2], c[t] in 3, d[t], e[t], f[t]
a ~ normal(1, 2)
b ~ laplace(3, 0.5)
c ~ categorical(softmax([1, 2, -inf]))
d ~ poisson(100)
e ~ bernoulli(0.4)
f ~ mixture([0.2, 0.5, 0.3], normal(-5, 1), poisson(2), normal(8, 0.5))
output A = a[t-1], B = b[t-1], C = c[t-1], D = d[t-1], E = e[t-1], F = f[t-1]
a[0] = 1000; b[0] = 1000; c[0] = 2; d[0] = 1000; e[0] = 1000; f[0] = 1000
END
    for name in a b c d e f; do
        case $name in
        b) "$npy" b.npy f8 1000,4,2 1000 ;;
        c) "$npy" c.npy i8 1000,4 2 ;;
        *) "$npy" $name.npy f8 1000,4 1000 ;;
        esac
        set -- "$@" --in $name=$name.npy
    done
    for back in eval tcc cc; do
        cellc run s.cell "$@" --training --teacher 0.25 --double --seed 4 \
            --backend $back --out $back || return
        for name in A B C D E F; do
            "$npy" show $back/$name.npy | tail -n 1 >> $back.txt
        done
    done
    cmp eval.txt tcc.txt && cmp eval.txt cc.txt && awk '
        function near(x, y, by) {
            if (!((x - y)^2 <= by * by)) {
                print "line " NR ": " x " for " y
                bad = 1
            }
        }
        {
            n = s = v = 0
            for (i = 1; i <= NF; i++)
                if ($i != (NR == 3 ? 2 : 1000)) {
                    n++
                    s += $i
                    v += $i * $i
                }
            split("1 3 0.731 100 0.4 2.4", mean)
            split("4 0.5 0.197 100 0.24 21.7", var)
            near(n / NF, 0.75, 0.03)
            near(s / n, mean[NR], 4 * sqrt(var[NR] / n))
            near(v / n - (s / n)^2, var[NR], 0.1 * var[NR])
        }
        END { exit bad }' tcc.txt
}
# It is a setting like others: kept, exact when resumed, and no word of it in
# the equations where it is 1.
a_teacher_that_is_not_always_heard() {
    text 60 > t.txt
    sed 's/train {/& teacher = 0.5;/' "$SPEC/text.cell" > s.cell
    cellc train s.cell t.txt --steps 30 -o a.safetensors || return
    for first in 1 17; do
        rm -f b.safetensors
        cellc train s.cell t.txt --steps $first -o b.safetensors &&
            cellc train s.cell t.txt --steps 30 -o b.safetensors --resume &&
            cmp a.safetensors b.safetensors || return
    done
    cellc train s.cell t.txt --steps 30 -o c.safetensors --teacher 1 &&
        ! cmp -s a.safetensors c.safetensors &&
        cellc generate a.safetensors --length 9 || return
    for k in plain one fed; do
        case $k in
        plain) cp "$SPEC/text.cell" s.cell ;;
        one) sed 's/train {/& teacher = 1;/' "$SPEC/text.cell" > s.cell ;;
        fed) sed 's/train {/& teacher = 0.5;/' "$SPEC/text.cell" > s.cell ;;
        esac
        cellc show s.cell --after elaborate --training --dim chars=3 > $k
    done
    cmp plain one && grep -q 'c\.fed' fed
}
no_room_to_save() {
    text 60 > t.txt
    cellc train "$SPEC/text.cell" t.txt --steps 20 -o a.safetensors &&
        cp a.safetensors old.safetensors || return
    (
        ulimit -f 4
        trap '' XFSZ
        cellc train "$SPEC/text.cell" t.txt --steps 40 -o a.safetensors \
            --log /dev/null --resume 2> err
    )
    [ $? = 1 ] && grep -q 'a\.safetensors' err &&
        cmp a.safetensors old.safetensors &&
        cellc train "$SPEC/text.cell" t.txt --steps 40 -o a.safetensors \
            --resume &&
        cellc train "$SPEC/text.cell" t.txt --steps 40 -o b.safetensors &&
        cmp a.safetensors b.safetensors &&
        [ "$(ls ./*.safetensors* | wc -l)" = 3 ]
}
the_log_never_takes_the_place_of_the_data() {
    curve 100 > x.csv
    cp x.csv copy
    cellc train "$SPEC/numbers.cell" x.csv --column x=1:2 --epochs 1 \
        -o x.safetensors || [ $? -le 2 ] && cmp x.csv copy
}
same_seed_same_bytes() {
    text 60 > t.txt
    for name in a b; do
        cellc train "$SPEC/text.cell" t.txt --epochs 3 --seed 5 --threads 2 \
            -o $name.safetensors || return
    done
    cellc train "$SPEC/text.cell" t.txt --epochs 3 --seed 6 -o c.safetensors &&
        cmp a.safetensors b.safetensors && ! cmp -s a.safetensors c.safetensors
}
one_thread_gives_the_bytes_of_two() {
    text 60 > t.txt
    for n in 1 2; do
        cellc train "$SPEC/text.cell" t.txt --epochs 3 --threads $n \
            -o $n.safetensors && cellc generate $n.safetensors --seed 3 \
            --length 200 > $n.txt || return
    done
    cmp 1.txt 2.txt && [ "$(wc -c < 1.txt)" -ge 200 ]
}
the_text_is_learned() {
    text 400 > t.txt
    cellc train "$SPEC/text.cell" t.txt --epochs 6 --valid 0.1 \
        -o a.safetensors &&
        below "$(logged a.log.csv val_loss)" 0.25 &&
        below "$(logged a.log.csv loss)" "$(logged a.log.csv loss 1)" &&
        cellc generate a.safetensors --greedy --prime abcab --length 60 > g &&
        grep -q 'bacbcababcab.bacbcab' g
}
# Steps find the packed weights of the step before, however long the prime was
# and whatever was written before; the interpreter packs nothing.
back_ends_write_the_same_text() {
    text 60 > t.txt
    cellc train "$SPEC/text.cell" t.txt --epochs 2 -o a.safetensors || return
    for backend in eval tcc cc; do
        cellc generate a.safetensors --prime abcabcabcabcabcab --length 90 \
            --seed 5 --backend $backend > $backend || return
    done
    cmp eval tcc && cmp eval cc && [ "$(wc -c < tcc)" -ge 90 ]
}
the_curve_is_learned() {
    curve 600 > x.csv
    cellc train "$SPEC/numbers.cell" x.csv --column x=1:2 --valid 0.1 \
        --epochs 12 -o a.safetensors &&
        below "$(logged a.log.csv val_loss)" "$(logged a.log.csv val_loss 1)" &&
        below "$(logged a.log.csv val_loss)" 0.7 # 0.4516 is the noise's own
}
words_of_a_table() {
    printf 'The\tDT\n#tag\tNN\nruns\tVB\n\nBob\tNN\n.\t.\n\n' > w.tsv
    cellc train "$SPEC/tagger.cell" w.tsv --epochs 60 \
        --optimizer 'adam(lr=0.1)' -o a.safetensors &&
        below "$(logged a.log.csv loss)" 0.3 &&
        cellc eval a.safetensors w.tsv | grep -q 'accuracy *1$' &&
        printf 'Bob\tNN\nA\tDT\n' > unseen.tsv &&
        ! cellc eval a.safetensors unseen.tsv 2> err &&
        grep -q 'unseen.tsv:2: "A" is not among the 5 words' err
}
lines_of_words() {
    printf '1\ta good film\n0\ta bad film indeed\n' > s.tsv
    cellc train "$SPEC/sentence.cell" s.tsv --epochs 60 \
        --optimizer 'adam(lr=0.1)' -o a.safetensors &&
        below "$(logged a.log.csv loss)" 0.2
}
# Every sequence of the data has a result, in order, however many go side by
# side, whatever file they come from; a beam of one is greedy.
every_sequence_has_its_result() {
    translated
    cellc train "$SPEC/translate.cell" -o a.safetensors --epochs 8 || return
    set -- a.safetensors --column 'x=words(1)' --column 'y=words(2)'
    cellc generate "$@" pairs.tsv --greedy > all &&
        [ "$(wc -l < all)" = 300 ] &&
        cellc generate a.safetensors x.txt --greedy --batch 7 | cmp - all &&
        cellc generate a.safetensors - --greedy < x.txt | cmp - all &&
        cellc generate "$@" pairs.tsv --beam 1 | cmp - all &&
        cellc generate a.safetensors --in x=x.txt --seed 5 --batch 1 > one &&
        cellc generate a.safetensors x.txt --seed 5 --batch 64 | cmp - one &&
        ! cmp -s one all || return
    cellc generate a.safetensors some.txt --samples 3 --seed 5 > three &&
        [ "$(wc -l < three)" = 27 ] &&
        cellc generate a.safetensors some.txt --beam 3 --n-best 2 > best &&
        [ "$(cut -f 1 best | tr '\n' ' ')" = \
            '1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 ' ] &&
        cellc generate a.safetensors some.txt --greedy -o a.npy &&
        "$here/../cli/npy" show a.npy | head -n 1 | grep -q '9,5'
}
# Inputs along what is drawn say how long it gets, each sequence on its own,
# whatever goes beside it; beams there rank tables.
given_steps_say_how_long() {
    printf 'a\tO\nb\tP\n\nb\tP\na\tO\na\tO\n' > w.tsv
    printf '%s\n' 'input w[t] in words, y[t] in tags' 'y[0] = "O"' \
        'z = dense(tags)([onehot(w), onehot(y[t-1])])' \
        'y ~ categorical(softmax(z))' \
        'data { w = column(1); y = column(2); header = no }' \
        'train { epochs = 50; optimizer = adam(lr = 0.1) }' > s.cell
    cellc train s.cell w.tsv -o m.safetensors || return
    cut -f 1 w.tsv > text.tsv
    { echo y; cut -f 2 w.tsv; } > want
    cellc generate m.safetensors text.tsv --greedy | cmp - want &&
        cellc generate m.safetensors text.tsv --beam 2 | cmp - want &&
        cellc generate m.safetensors text.tsv --greedy --batch 1 |
        cmp - want &&
        cellc generate m.safetensors text.tsv --greedy --length 1 > short &&
        [ "$(tr '\n' ' ' < short)" = 'y O  P ' ] &&
        cellc generate m.safetensors text.tsv --beam 2 --n-best 2 > two &&
        [ "$(grep -c '^[12],-' two)" = 10 ] &&
        cellc eval m.safetensors w.tsv --expect 'exact(y) >= 1'
}
# The tags that predict gives are the best of all, found by trying them; data
# with tags or without.
best_path_of_a_crf() {
    awk 'BEGIN { s = 7; for (i = 0; i < 12; i++) {
        for (k = 0; k < 2 + i % 4; k++) { s = (s * 1103515 + 12345) % 65536
            printf "%s\t%s\n", substr("abcd", s % 4 + 1, 1),
                substr("XYZ", int(s / 7) % 3 + 1, 1) }
        print "" } }' > w.tsv
    printf '%s\n' 'input w[t] in words, y[t] in tags' \
        'param A[tags,tags] ~ normal(0, 2), E[words,tags]' \
        's = 3 * E[w]' 'y ~ crf(s, A)' 'output s' \
        'data { w = column(1); y = column(2) }' |
        sed 's/2), E/2)\nparam E/' > s.cell
    cellc train s.cell w.tsv --epochs 3 -o m.safetensors &&
        cellc predict m.safetensors w.tsv --output y > y.csv &&
        cellc predict m.safetensors w.tsv --output s > s.csv &&
        python3 "$here/bestpath.py" m.safetensors s.csv y.csv &&
        cut -f 1 w.tsv > text.tsv &&
        cellc predict m.safetensors text.tsv --output y | cmp - y.csv || return
    cellc eval m.safetensors w.tsv --metric 'accuracy(y)' > out &&
        sed 1d y.csv | paste -d , - w.tsv | awk -F '[,\t]' 'NF == 3 {
            n++; r += $1 == $3 } END { print r / n }' > want &&
        awk 'NR == FNR { w = $1; next } /^accuracy/ { a = $2 }
            END { exit (a - w)^2 > 1e-9 }' want out
}
# Attention and gates: as a table with the words at its margins, an array, a
# picture where gnuplot is there.
inner_names_are_probed() {
    translated
    sed 's/^c = sum.*/α = softmax[t](e)\nc = sum[t](α * h)/' \
        "$SPEC/translate.cell" > s.cell
    cellc train s.cell -o a.safetensors --epochs 1 &&
        head -n 3 pairs.tsv > few.tsv || return
    set -- a.safetensors few.tsv --column 'x=words(1)' --column 'y=words(2)'
    cellc predict "$@" --probe α > α.csv &&
        awk -F , 'NF && $1 == "" { n = NF - 1; next }
            NF { s = 0; for (i = 2; i <= NF; i++) s += $i; rows++
                 if (NF != n + 1 || (s - 1)^2 > 1e-9) exit 1 }
            END { exit rows < 6 }' α.csv &&
        head -n 1 few.tsv > one.tsv &&
        cellc predict a.safetensors one.tsv --column 'x=words(1)' \
            --column 'y=words(2)' --probe α | diff - α.csv | grep -q '^>' &&
        cut -f 1 few.tsv | head -n 1 | tr -d ' ' > few.x &&
        head -n 1 α.csv | tr -d , | cmp - few.x &&
        cellc predict "$@" --probe s.z -o z.npy &&
        "$here/../cli/npy" show z.npy > z && head -n 1 z | grep -q '24' &&
        ! cellc predict "$@" --probe s.zz 2> err &&
        grep -q 'computes no s.zz; did you mean s.z' err || return
    type gnuplot > /dev/null 2>&1 || return 0
    cellc predict "$@" --probe α -o α.png --sequence 2 &&
        cellc predict "$@" --probe s.z -o z.svg && grep -q '<svg' z.svg &&
        ! cellc predict "$@" --probe α -o α.png --sequence 9 2> err &&
        grep -q 'the data have 3 sequences' err &&
        python3 -c 'import sys
sys.exit(open("α.png", "rb").read(8) != b"\x89PNG\r\n\x1a\n")'
}
# Notes as a MIDI file, pixels as an image: read back by the formats' rules.
music_and_images_are_written() {
    awk 'BEGIN { for (i = 0; i < 24; i++) { for (k = 0; k < 88; k++)
        printf "%s%d", k ? "," : "", (k == 39 + i % 4 || k == 51)
        print "" } }' > x.csv
    printf '%s\n' 'input x[t,88]' 'h = rnn(8)(x[t-1])' \
        'x ~ bernoulli(σ(dense(88)(h)))' 'x[0] = 0' > s.cell
    cellc train s.cell x.csv --epochs 120 --batch 1 \
        --optimizer 'adam(lr=0.1)' -o m.safetensors || return
    head -n 4 x.csv > prime.csv
    set -- m.safetensors --prime prime.csv --greedy --length 5
    cellc generate "$@" -o x.mid --tempo 60 &&
        cellc generate "$@" -o x.png --pixels 88 &&
        python3 "$here/formats.py" x.mid x.png &&
        cellc predict m.safetensors x.csv --probe h -o h.csv &&
        cellc predict m.safetensors x.csv --probe h -o h.png --pixels 4 &&
        python3 "$here/beside.py" h.csv h.png 4 &&
        ! cellc generate "$@" -o x.png 2> err && grep -q 'pixels WIDTH' err &&
        ! cellc generate "$@" -o x.png --pixels 7 2> err &&
        grep -q '792 values do not make an image with lines of 7 pixels' err
}
# Against all sequences that there are, where the most likely first letter does
# not lead to the most probable sequence.
beam_finds_what_enumeration_finds() {
    printf 'a b c\nb c a\n' > y.tsv
    for seed in 5 9; do
        cellc train "$SPEC/tree.cell" y.tsv --seed $seed -o t.safetensors ||
            return
        for penalty in 1 0.5 0; do
            python3 "$here/enumerate.py" t.safetensors 5 $penalty 40 > want
            cellc generate t.safetensors --beam 3000 --length 5 \
                --length-penalty $penalty --n-best 40 > found &&
                awk -F '\t' 'NR == FNR { n = split($0, w, " ")
                    score[FNR] = w[1]; text[FNR] = substr($0, length(w[1]) + 2)
                    next }
                    text[FNR] != $3 || (score[FNR] - $2)^2 > 1e-8 { exit 1 }
                    END { exit FNR != 40 }' want found || return
        done
        best=$(cellc generate t.safetensors --beam 4 --length 5)
        [ "$best" != "$(cellc generate t.safetensors --greedy --length 5)" ] &&
            [ "$best" = "$(cut -f 3 found | head -n 1)" ] || return
    done
}
# p_i = e^(y_i / T) / sum, by the chi-square statistic of many draws: 20.5 is
# passed once in a thousand where five classes are drawn.
temperature_is_the_softmax_of_logits_over_it() {
    printf 'a b c d e\ne d c b a\n' > y.tsv
    printf '%s\n' 'input y[t] in letters' 'param z[letters] ~ normal(0, 1)' \
        'y ~ categorical(softmax(z))' 'output z' 'data { y = words(1) }' \
        'train { epochs = 1; optimizer = sgd(lr = 1e-9) }' > s.cell
    cellc train s.cell y.tsv --header no --seed 3 -o m.safetensors &&
        cellc predict m.safetensors y.tsv --output z > z.csv || return
    for T in 0.3 1 2.5; do
        cellc generate m.safetensors --length 20000 --temperature $T --seed 7 |
            tr ' ' '\n' | sort | uniq -c > counts
        sed -n 2p z.csv | awk -v T=$T 'NR == FNR { n = split($0, z, ",")
            for (i = 1; i <= n; i++) s += exp(z[i] / T); next }
            { p = exp(z[FNR] / T) / s; x += ($1 - 20000 * p)^2 / 20000 / p }
            END { print T, x; exit !(FNR == 5 && x < 20.5) }' FS=, - FS=' ' \
            counts || return
    done
    [ "$(cellc generate m.safetensors --length 400 --top-k 1)" = \
        "$(cellc generate m.safetensors --length 400 --greedy)" ]
}
# Two time axes: lines of two columns, or of two files; what is drawn ends where
# the model says.
translation() {
    translated
    head -n 9 y.txt | sed 's/ *$//' > told.txt
    cellc train "$SPEC/translate.cell" pairs.tsv -o a.safetensors \
        --column 'x=words(1)' --column 'y=words(2)' &&
        cellc train "$SPEC/translate.cell" -o b.safetensors &&
        cellc generate a.safetensors --greedy --in x=some.txt > out &&
        cmp out told.txt &&
        [ "$(logged a.log.csv loss)" = "$(logged b.log.csv loss)" ] &&
        cellc eval b.safetensors | grep -q '^perplexity *1\.0' &&
        ! cellc train "$SPEC/translate.cell" -o c.safetensors --tbptt 2 \
            2> err &&
        grep -q 'several time axes' err
}
a_slower_clock() {
    awk 'BEGIN { s = 7; for (i = 0; i < 300; i++) { a = b = ""
        for (k = 0; k < 2 + i % 6; k++) { s = (s * 1103515 + 12345) % 65536
            c = substr("abc", s % 3 + 1, 1); a = a " " c
            if (k % 2) b = b " " last c
            last = c }
        print substr(a, 2) "\t" substr(b, 2) } }' > pairs.tsv
    cut -f 1 pairs.tsv | head -n 9 > some.txt
    cut -f 2 pairs.tsv | head -n 9 > told.txt
    sed '5s/\t[^ ]* /\t/' pairs.tsv > fewer.tsv
    set -- --column 'x=words(1)' --column 'y=words(2)'
    cellc train "$SPEC/halves.cell" pairs.tsv -o a.safetensors "$@" &&
        cellc generate a.safetensors --greedy --in x=some.txt > out &&
        cmp out told.txt &&
        cellc eval a.safetensors pairs.tsv "$@" > out &&
        grep -q '^perplexity *1\.0' out &&
        ! cellc train "$SPEC/halves.cell" fewer.tsv "$@" 2> err &&
        grep -q '2 steps in sequence 5 of input y, wanted 3' err &&
        ! cellc train "$SPEC/halves.cell" pairs.tsv "$@" --tbptt 2 2> err &&
        grep -q 'several time axes' err
}
# Labels with steps of their own, from lines of text, for arrays of frames: the
# spec's own name for "no label" is class 0, and lengths are the lines'.
labels_without_alignment() {
    printf 'b a b\na\nb b\n' > y.txt
    z=0,0 a=1,0 b=0,1
    "$here/../cli/npy" x.npy f4 3,7,2 \
        "$b,$b,$z,$a,$b,$b,$z,$a,$a,$a,$z,$z,$z,$z,$b,$z,$b,$b,$z,$z,$z" &&
        "$here/../cli/npy" n.npy i8 3 7,3,5 || return
    printf '%s\n' 'time t, u' 'input x[t,m], y[u] in labels' 'y[0] = "_"' \
        'p = softmax(dense(labels)(x))' 'y ~ ctc(p)' 'output best = argmax(p)' \
        'train { optimizer = adam(lr = 0.1); epochs = 200 }' > s.cell
    cellc train s.cell --in x=x.npy --in y=y.txt --lengths n.npy \
        -o m.safetensors && below "$(logged m.log.csv loss)" 0.1 &&
        cellc predict m.safetensors --in x=x.npy --in y=y.txt \
            --lengths n.npy -o best.npy &&
        "$here/../cli/npy" show best.npy | tail -n 1 > found &&
        echo '2 2 0 1 2 2 0 1 1 1 0 0 0 0 2 0 2 2 0 0 0' | cmp - found &&
        cellc eval m.safetensors --in x=x.npy --in y=y.txt --lengths n.npy \
            --expect 'error_rate(y) <= 0' --expect 'exact(y) >= 1' &&
        printf 'b a b\nb a\na b\n' > z.txt &&
        cellc eval m.safetensors --in x=x.npy --in y=z.txt --lengths n.npy \
            --metric 'error_rate(y)' | grep -q 'error_rate(y) 0.285714'
}
# A label that has the class of "no label" would never be found.
labels_that_are_the_blank() {
    printf 'b a b\na\nb b\n' > y.txt
    "$here/../cli/npy" x.npy f4 3,7,2 1,0,0.5
    printf '%s\n' 'time t, u' 'input x[t,m], y[u] in labels' \
        'y ~ ctc(softmax(dense(labels)(x)))' > s.cell
    ! cellc train s.cell --in x=x.npy --in y=y.txt 2> err &&
        grep -q '^error: y.txt: a label of input y .* 1 is "a", class 0,' err &&
        grep -q 'class that no label has: `y\[0\] = "-"` in the spec' err ||
        return
    printf '%s\n' 'option k = 2' 'input x[t,2], y[2] in 4' \
        'y ~ ctc(softmax(dense(4)(x)), blank = k)' > v.cell
    "$here/../cli/npy" y.npy i8 3,2 1,-1,3,0,1,1
    cellc train v.cell --in x=x.npy --in y=y.npy --epochs 1 &&
        ! cellc eval model.safetensors --option k=1 --in x=x.npy \
            --in y=y.npy 2> err &&
        grep -q 'y.npy: .* sequence 1 is 1, .* lies between .*(blank = 1)' err
}
captions() {
    "$here/../cli/npy" image.npy f4 4,2 1,0,0,1,1,1,0,0
    printf 'a cat\na dog\nboth\n\n' > w.txt
    cellc train "$SPEC/caption.cell" -o a.safetensors &&
        cellc generate a.safetensors --greedy --in image=image.npy > out &&
        cmp out w.txt
}
words_are_told() {
    printf 'a b c d\na b c d\n' > t.tsv
    cellc train "$SPEC/words.cell" t.tsv --epochs 80 \
        --optimizer 'adam(lr=0.1)' -o a.safetensors &&
        [ "$(cellc generate a.safetensors --greedy --length 3)" = 'a b c' ] &&
        [ "$(cellc generate a.safetensors --greedy --prime 'a b' \
            --length 2)" = 'a b c d' ]
}
every_optimizer_goes_down() {
    text 60 > t.txt
    bad=
    for call in 'sgd(lr=1)' 'momentum(lr=0.2)' 'nesterov(lr=0.2)' \
        'adagrad(lr=0.1)' 'adadelta(lr=1)' 'rmsprop(lr=0.01)' \
        'adam(lr=0.01)' 'adamw(lr=0.01)' 'nadam(lr=0.01)' 'lion(lr=0.003)'; do
        cellc train "$SPEC/text.cell" t.txt --epochs 5 --optimizer "$call" \
            -o a.safetensors > out 2>&1 &&
            below "$(logged a.log.csv loss)" \
                "$(logged a.log.csv loss 1 | awk '{ print $1 - 0.01 }')" ||
            bad="$bad $call: $(logged a.log.csv loss)"
    done
    [ -z "$bad" ] || echo "not down:$bad"
    [ -z "$bad" ]
}
every_back_end_takes_the_same_steps() {
    curve 80 > x.csv
    for back in tcc cc eval; do
        cellc train "$SPEC/numbers.cell" x.csv --column x=1:2 --epochs 2 \
            --double --backend $back -o $back.safetensors || return
        logged $back.log.csv loss | awk '{ printf "%.6f\n", $1 }' > $back.loss
    done
    cmp tcc.loss cc.loss && cmp tcc.loss eval.loss
}

case $CELLC in
*/san/*) long=6 ;;
*) long=60 ;;
esac
# What is drawn has the mean and the spread of what was learned.
distributions_are_learned_and_drawn() {
    awk 'BEGIN { srand(7); print "a,b,c,d"
        for (i = 0; i < 4000; i++) {
            u = rand() - 0.5; s = u < 0 ? -1 : 1
            a = 2 - 0.5 * s * log(1 - 2 * s * u)
            b = (rand() < 0.25 ? 10 : 0) + rand() + rand() + rand() - 1.5
            n = 0; p = rand(); while (p > exp(-3)) { n++; p *= rand() }
            print a "," b "," n "," (rand() < 0.2) } }' > t.csv
    printf '%s\n' 'input a[t], b[t], c[t], d[t]' 'param m, l, r, q, w[2]' \
        'param s{a,b} in (0, inf)' 'param μ[2] ~ uniform(0, 5)' \
        'a ~ laplace(m, sa)' 'c ~ poisson(exp(r))' 'd ~ bernoulli(σ(q))' \
        'b ~ mixture(softmax(w), normal(μ[1], sb), normal(μ[2], sb))' \
        'train { optimizer = adam(lr = 0.1); tbptt = 100; batch = 1 }' > s.cell
    cellc train s.cell t.csv --epochs 40 -o m.safetensors &&
        cellc generate m.safetensors --length 4000 -o g.csv || return
    for file in t.csv g.csv; do
        awk -F , 'NR > 1 { for (i = 1; i <= 4; i++) { m[i] += $i
            v[i] += $i * $i } }
            END { for (i = 1; i <= 4; i++) { m[i] /= NR - 1
                print m[i], sqrt(v[i] / (NR - 1) - m[i] * m[i]) } }' $file
    done > both
    cat both
    awk '{ m[NR] = $1; v[NR] = $2 } END { for (i = 1; i <= 4; i++)
        if ((m[i] - m[i+4])^2 > 0.09 * v[i]^2 || v[i+4] > 1.2 * v[i] ||
            v[i+4] < 0.8 * v[i]) exit 1 }' both
}
# Word vectors go to the words of the data; the others keep their start.
word_vectors_are_loaded() {
    printf 'a x\nb y\nc x\nb y\n\na x\nc x\n' | tr ' ' '\t' > t.tsv
    printf '3 2\nb 7 8\na 5 6\nz 1 1\n' > two.vec
    printf '%s\n' 'input w[t] in words, y[t] in tags' \
        'param E[words,2] ~ load("two.vec") with frozen' \
        'y ~ categorical(softmax(dense(tags)(E[w])))' \
        'data { w = column(1); y = column(2) }' > s.cell
    cellc train s.cell t.tsv --epochs 1 -o w.safetensors &&
        python3 - w.safetensors << 'END'
import json
import struct
import sys

data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
at, end = json.loads(data[8:8 + size])["E"]["data_offsets"]
values = struct.unpack("<6f", data[8 + size + at:8 + size + end])
sys.exit(values[:4] != (5, 6, 7, 8))
END
}

. "$here/../cases.sh"
