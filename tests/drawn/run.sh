#!/bin/sh
# Members of sets that are drawn in training, from outside.
#   tests/drawn/run.sh [CASE...]      CELLC names the program
# A case is a function below; it runs in an empty folder and fails where one of
# its commands does.
here=$(cd "$(dirname "$0")/../train" && pwd)

. "$here/tools.sh"

# By weights 1 2 3 4 0, as a table and as a parameter; at each step, once for
# a sequence, shared by all; 18.5 is passed once in a thousand (three degrees).
members_are_drawn_by_their_weights() {
    npy="$here/../cli/npy"
    "$npy" x.npy f8 50,20,1 wave
    cat > s.cell << 'END'
input x[t,1]
const r[i = 1:5] = i % 5
param q[5]
noise a[4] in 5 ~ categorical(r)
noise b[4] in 5 ~ categorical(q)
noise c[1000] in 5 ~ categorical(q) once
noise d[20000] in 5 ~ categorical(q) shared
output a, b, c, d
loss sum(a) * x[t,1] * sum(q)
END
    "$npy" q.npy f4 5 1,2,3,4,0
    mkdir w && cp q.npy w/q.npy || return
    for back in eval tcc cc; do
        cellc run s.cell --in x=x.npy --weights w --training --seed 4 \
            --backend $back --out $back || return
        for name in a b c d; do
            "$npy" show $back/$name.npy > $name.$back
            cmp $name.$back $name.eval || return
            tail -n 1 $name.$back | tr ' ' '\n' | sort -n | uniq -c |
                awk '{ n += k[$2] = $1 }
                    END { for (i = 0; i < 4; i++) {
                        p = n * (i + 1) / 10; x += (k[i] - p)^2 / p }
                        exit k[4] || n < 4000 || x > 18.5 }' ||
                { echo "$name"; return 1; }
        done
    done
    set -- run s.cell --in x=x.npy --weights w --training --out o
    ! cmp -s a.eval b.eval && "$npy" w/q.npy f4 5 1,2,-3,4,0 &&
        ! cellc "$@" 2> err &&
        grep -q 'the weight of class 2 in q is -3' err &&
        "$npy" w/q.npy f4 5 0,0,0,0,0 && ! cellc "$@" 2> err &&
        grep -q 'all classes have the weight 0' err
}
# 6 a, 3 b, 1 c: of the data, not of validation; kept where training goes on.
frequency_is_that_of_the_data() {
    printf 'a a b\na b a\na a b c\n' > y.tsv
    printf 'c c\nc c c c\n' > v.tsv
    printf '%s\n' 'input y[t] in letters' 'param z[letters]' \
        'param q[letters] ~ frequency with frozen' \
        'param r[letters] ~ frequency(0.5) with frozen' \
        'y ~ categorical(softmax(z * q * r))' 'output q, r' \
        'data { y = words(1) }' > s.cell
    cellc train s.cell y.tsv --header no --valid v.tsv --epochs 2 \
        -o m.safetensors &&
        cellc train s.cell v.tsv --header no --init m.safetensors --epochs 1 \
            -o n.safetensors || return
    for model in m n; do
        for name in q r; do
            cellc predict $model.safetensors y.tsv --output $name | sed -n 2p
        done
    done | awk -F , '{ for (i = 1; i <= 3; i++) {
            p = ("0" substr("631", i, 1)) / 10
            e = $i - (NR % 2 ? p : sqrt(p) / (sqrt(.6) + sqrt(.3) + sqrt(.1)))
            if (e * e > 1e-12) exit 1 } }
        END { exit NR != 4 }'
}
# Trained on some classes, evaluated on all, and no step does both.
sampled_softmax() {
    text 400 > t.txt
    cat > s.cell << 'END'
option n = 16, full = 0
input c[t] in chars
param E[chars,n], b[chars]
param q[chars] ~ frequency with frozen
h = gru(n)(E[c[t-1]])
z = E @ h + b
output h
c ~ training and not full ? sampled(h, E, b, q, m = 9) : categorical(softmax(z))
c[0] = "a"
train { tbptt = 20; batch = 4; optimizer = adam(lr = 1e-2) }
END
    set -- s.cell t.txt --valid 0.1 --epochs 3 --threads 2
    cellc train "$@" -o a.safetensors &&
        cellc train "$@" -o b.safetensors --option full=1 || return
    a=$(logged a.log.csv val_loss) b=$(logged b.log.csv val_loss)
    awk -v a="$a" -v b="$b" 'BEGIN { print a, b
        exit !(a > 0 && a < 0.25 && b < 0.25) }' &&
        cellc generate a.safetensors --length 9 --greedy > out || return
    # Scores of all classes, draws: each in its own mode.
    cellc show s.cell --dim chars=777 > eval &&
        cellc show s.cell --dim chars=777 --training > train || return
    grep -q '^%.*\[777\] tb' eval && ! grep -q '^%.*\[777\] tb' train &&
        ! grep -q 'READ sampled_nll1.s' eval &&
        grep -q 'READ sampled_nll1.s' train
}

. "$here/../cases.sh"
