#!/bin/sh
# Training's updates: batches that are added up, averages of weights, schedules,
# and what is told when numbers are not finite.  tests/updates/run.sh [CASE...];
# CELLC names the program.  Cases are as in tests/train/run.sh, whose specs they
# use.
here=$(cd "$(dirname "$0")" && pwd)
TRAIN=$here/../train/spec
. "$here/../train/tools.sh"

# sameweights A B TOLERANCE: all parameters of two checkpoints, of doubles.
sameweights() {
    python3 - "$@" << 'END'
import array
import json
import struct
import sys


def weights(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    for name, t in sorted(json.loads(data[8:8 + size]).items()):
        if name != "__metadata__" and "/" not in name:
            at, end = t["data_offsets"]
            yield from array.array("d", data[8 + size + at:8 + size + end])


a, b = list(weights(sys.argv[1])), list(weights(sys.argv[2]))
worst = max(abs(x - y) for x, y in zip(a, b))
print(len(a), len(b), worst)
sys.exit(len(a) != len(b) or not a or worst > float(sys.argv[3]))
END
}
batches_added_up_are_one_large_batch() {
    awk 'BEGIN { s = 7; for (i = 0; i < 50; i++) {
        s = (s * 1103515 + 12345) % 65536
        for (k = 0; k < 1 + s % 7; k++)
            printf "%s%s", k ? " " : "", substr("abcd", (i + k) % 4 + 1, 1)
        print "" } }' > t.tsv
    for reduce in sequence token sum; do
        set -- train "$TRAIN/words.cell" t.tsv --double --epochs 3 \
            --optimizer 'momentum(0.02)' --reduce $reduce
        cellc "$@" --batch 12 -o a.safetensors &&
            cellc "$@" --batch 3 --accumulate 4 -o b.safetensors &&
            sameweights a.safetensors b.safetensors 1e-12 &&
            cellc "$@" --batch 3 -o c.safetensors &&
            ! sameweights a.safetensors c.safetensors 1e-3 || return
    done
    printf '%s\n' 'input a[t], b[t]' 'param m, n' 'a ~ normal(m, 1)' \
        'b ~ normal(n, 1)' > s.cell
    curve 50 > x.csv
    ! cellc train s.cell x.csv --column a=1 --column b=2 --accumulate 2 \
        --reduce token 2> err && grep -q 'accumulate: with reduce = token' err
}
# Long sequences of a cell whose loop has no products are run some at a time in
# one work block; on four threads, of which each has few, in one go.
parts_of_a_batch_are_the_batch() {
    awk 'BEGIN { s = 7; for (i = 0; i < 72; i++) {
        for (k = 0; k < 60 + (i * 37) % 90; k++) {
            s = (s * 1103515 + 12345) % 65536
            printf "%s%s", k ? " " : "",
                substr("abcd", 1 + (i + k + (s > 50000)) % 4, 1) }
        print "" } }' > t.tsv
    sed -e 's/n = 8/n = 64/' -e 's/rnn\(.*\)/dropout(0.2)(mingru\1)/' \
        "$TRAIN/words.cell" > s.cell
    for reduce in sequence token sum; do
        set -- train s.cell t.tsv --double --epochs 2 --batch 36 \
            --reduce $reduce
        cellc "$@" --threads 1 -o a.safetensors &&
            cellc "$@" --threads 4 -o b.safetensors &&
            sameweights a.safetensors b.safetensors 1e-12 || return
    done
    # with state that is carried, interrupted or not
    text 2000 > t.txt
    sed -e 's/lstm(n)/mingru(64)/' "$TRAIN/text.cell" > s.cell
    set -- train s.cell t.txt --double --batch 20 --tbptt 90
    cellc "$@" --steps 12 --threads 1 -o a.safetensors &&
        cellc "$@" --steps 12 --threads 4 -o b.safetensors &&
        sameweights a.safetensors b.safetensors 1e-12 &&
        cellc "$@" --steps 5 --threads 1 -o b.safetensors &&
        cellc "$@" --steps 12 --threads 1 -o b.safetensors --resume &&
        cmp a.safetensors b.safetensors
}
# What is evaluated and drawn from is the average; --resume without it goes on
# from the weights as if it had never been.
averaged_weights_are_what_is_kept() {
    curve 300 > x.csv
    curve 40 > v.csv
    set -- train "$TRAIN/numbers.cell" x.csv --column x=1:2 --valid v.csv \
        --double
    cellc "$@" --epochs 3 -o a.safetensors &&
        cellc "$@" --epochs 2 --ema 0.9 -o b.safetensors &&
        cp b.safetensors c.safetensors &&
        cellc eval b.safetensors v.csv --column x=1:2 > e &&
        grep -q "$(logged b.log.csv val_loss | cut -c 1-6)" e &&
        cellc "$@" --epochs 3 --ema 0 -o b.safetensors --resume &&
        sameweights a.safetensors b.safetensors 0 &&
        cellc "$@" --epochs 2 -o a.safetensors &&
        ! sameweights a.safetensors c.safetensors 1e-9
}
# The rate falls where validation does not get better, interrupted or not.
a_plateau_cuts_the_rate() {
    curve 200 > x.csv
    set -- train "$TRAIN/numbers.cell" x.csv --column x=1:2 --valid 0.2 \
        --optimizer 'adam(lr = 0.3)' --schedule 'plateau(0.5, patience = 1)'
    cellc "$@" --epochs 12 -o a.safetensors &&
        cellc "$@" --epochs 5 -o b.safetensors &&
        cellc "$@" --epochs 12 -o b.safetensors --resume &&
        cmp a.safetensors b.safetensors && below "$(logged a.log.csv lr)" 0.2 &&
        [ "$(logged a.log.csv lr 1)" = 0.3 ] &&
        ! cellc "$@" --valid 0 --epochs 1 2> err &&
        grep -q 'plateau: nothing is held out' err
}
# says: what was said has the lines of standard input.
says() {
    while read -r want; do
        grep -qF -- "$want" err || { echo "no: $want"; cat err; return 1; }
    done
}
# blames WANT... ARGS: training stops, with these lines in what it says.
blames() {
    ! cellc train s.cell "$@" > /dev/null 2> err && says
}
# segmented WANT... ARGS: the same within the least memory that does.
segmented() {
    cat > want
    size=1M
    for try in 1 2 3 4 5; do
        ! cellc train s.cell "$@" --memory "$size" > out 2> err || return
        size=$(sed -n -e 's/.*take \([0-9]*M\) already$/\1/p' \
            -e 's/.* \([0-9]*M\) would do.*/\1/p' err)
        [ -n "$size" ] || break
    done
    ! cellc train s.cell "$@" > out 2> whole && cat err &&
        sed '/^epoch/d' err > got && sed '/^epoch/d' whole | cmp - got &&
        says < want
}
# Sequences that memory does not hold are searched segment by segment, for the
# first that leaves a state, or has a gradient, that is not finite.
segments_are_blamed() {
    awk 'BEGIN { for (i = 1; i <= 9000; i++)
        print i == 900 || i == 5200 || i == 7000 ? 7.5 : i == 7900 ? 9 : 1
        }' > x.csv
    printf '%s\n' 'input x[t]' 'param w[8] ~ normal(0, 1)' \
        'h = h[t-1] + (x > 7 ? 40 : 0)' 'g = exp(h)' \
        's = 0.5 * s[t-1] + g * w' 'loss (x > 8 ? sum(s) : 0)^2' > s.cell
    segmented x.csv --header no --batch 1 --tbptt 8000 << 'END' || return
s.cell:4:5: exp(120) = inf
in g at t = 7000 of stream 1 of 1
END
    awk 'BEGIN { for (i = 1; i <= 9000; i++) print i == 6000 ? 0 : 1 }' > x.csv
    printf '%s\n' 'input x[t]' 'param w = 0.5' 'param v[8] ~ normal(0, 1)' \
        'h = 0.5 * h[t-1] + v * abs(x) ^ w' 'loss sum(h^2)' > s.cell
    segmented x.csv --header no --batch 1 --tbptt 8000 << 'END'
s.cell:4:24: log(0) = -inf
in h at t = 6000 of stream 1 of 1, on the way back
END
}
# Equation, step, sequence and parameter, on all back ends and in chunks; what
# was saved stays.
numbers_that_are_not_finite_are_blamed() {
    curve 200 > x.csv
    set -- x.csv --column x=1:2 --epochs 9
    # doubles at each step, so it overflows at a known one
    printf '%s\n' 'input x[t,2]' 'param w = 2' 'param z = 0 with frozen' \
        'h = w * h[t-1]' 'g = exp(h)' 'h[0] = 1e-4' \
        'x ~ normal(z * g * [1, 1], 1)' > s.cell
    blames "$@" --batch 1 --tbptt 10 << 'END' || return
training diverged at update 2: the loss is not a finite number
s.cell:5:5: exp(104.9) = inf
in g at t = 20 of stream 1 of 1
END
    blames "$@" --batch 1 --tbptt 100 --double --backend cc << 'END' || return
s.cell:5:5: exp(838.9) = inf
in g at t = 23 of stream 1 of 1
no update was made before: look at the equation
END
    # only on the way back, of one of several batches
    printf '%s\n' 'input x[t,2]' 'param w = 0.5, V[2,2]' 'x[0] = 0' \
        'p = abs(x[t-1]) ^ w' 'x ~ normal(V @ tanh(p), 1)' |
        sed 's/w = 0.5, V/w = 0.5\nparam V/' > s.cell
    for more in '--batch 1' '--batch 4 --accumulate 2 --tbptt 9'; do
        blames "$@" $more << 'END' || return
the gradient is not finite
s.cell:5:5: log(0) = -inf
in p at t = 1 of stream 1 of
on the way back
the gradient of w is not finite
END
    done
    # in the library, of one sequence among others; and weights
    printf '1,2\n\n3,4\n5,6\n\n7,1e30\n\n1,1\n' > y.csv
    printf '%s\n' 'input x[t,2]' 'param m[2]' 'x ~ normal(m, 1)' > s.cell
    blames y.csv --column x=1:2 --header no --epochs 1 << 'END' || return
pow(1e+30, 2) = inf
s.cell:3:5: for this
at t = 1 of sequence 3
END
    cellc train s.cell x.csv --column x=1:2 --epochs 1 &&
        cp model.safetensors o &&
        blames x.csv --column x=1:2 --optimizer 'sgd(1e42)' << 'END' || return
training diverged at update 1: weights became other than finite
m holds weights that are not finite
END
    cmp model.safetensors o
}
# What has no equations says which state it was, and since when.
a_program_says_which_state_is_not_finite() {
    curve 200 > x.csv
    printf '%s\n' 'input x[t,2]' 'param w = 100' 'h = w * h[t-1]' \
        'h[0] = 1' 'x ~ normal(h * [1, 1], 1)' > s.cell
    cellc build s.cell -o program && ! ./program train x.csv \
        --column x=1:2 --batch 1 2> err &&
        grep -q 'state h is not finite from step 20 of stream 1 of 1 on' err
}
# One huge value among usual ones.
gradients_that_explode_are_told() {
    awk 'BEGIN { for (i = 0; i < 400; i++)
        print i == 333 ? 1e7 : sin(i), cos(i) }' OFS=, > x.csv
    printf '%s\n' 'input x[t,2]' 'param little[2], m[2]' \
        'x ~ normal(m + 0.1 * little, 1)' > s.cell
    set -- train s.cell x.csv --column x=1:2 --batch 1 --tbptt 10 \
        --optimizer 'sgd(1e-3)' --epochs 1
    cellc "$@" 2> err &&
        grep -q 'explodes: its norm is 1.* at update 34, usually .*of m has' \
            err && cellc "$@" --clip 1 2> err && ! grep explodes err
}
# appears TEXT [TIMES]: in `out`, within some seconds.
appears() {
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ "$(grep -c -- "$1" out)" -ge "${2:-1}" ] && return
        sleep 0.5
    done
    cat out
    return 1
}
# The metric of the spec that is asked for says what is best and when to stop;
# it need not be the epoch with the least loss.
validations_are_judged_by_a_metric() {
    awk 'BEGIN { for (i = 0; i < 300; i++) {
        s = (s * 1103515 + 12345) % 65536
        printf "%s\t%s\n%s", substr("abcdef", s % 6 + 1, 1),
            (s + (s % 11 == 0)) % 2 ? "X" : "Y", i % 4 ? "" : "\n" } }' > t.tsv
    printf '%s\n' 'input w[t] in words, y[t] in tags' \
        'p = softmax(dense(tags)(gru(9)(embedding(9)(w))))' \
        'y ~ categorical(p)' 'metric right = argmax(p) == y' \
        'metric wrong = argmax(p) != y' \
        'data { w = column(1); y = column(2) }' \
        'train { optimizer = adam(lr = 0.02); epochs = 99 }' > s.cell
    for what in loss right 'min(wrong)' 'max(wrong)'; do
        cellc train s.cell t.tsv --valid 0.3 --monitor "$what" --patience 3 \
            --best b.safetensors -o a.safetensors > out 2> err || return
        n=$(sed -n 's/.*: epoch \([0-9]*\) was best.*/\1/p' err)
        cellc train s.cell t.tsv --valid 0.3 --epochs "$n" \
            -o c.safetensors &&
            cellc eval b.safetensors t.tsv > b &&
            cellc eval c.safetensors t.tsv > c && cmp b c || return
        awk -F , -v n="$n" -v what="$what" '
            NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
            NR > 1 { v = what == "loss" ? -$at["val_loss"] : \
                what ~ /min/ ? -$at["val_wrong"] : what ~ /max/ ? \
                $at["val_wrong"] : $at["val_right"]
                if (NR == 2 || v > best) { best = v; epoch = $1 }
                last = $1 }
            END { print epoch, last, n
                exit epoch != n || last != n + 3 }' a.log.csv || return
    done
    grep -q ', right 0[.0-9]*, wrong 0' out || return
    # another judge begins anew; the same one goes on
    cellc train s.cell t.tsv --valid 0.3 --monitor right --patience 3 \
        -o a.safetensors --resume --epochs 30 2> err &&
        grep -q 'was best' err && ! grep -q 'epoch [1-4] was best' err &&
        ! cellc train s.cell t.tsv --valid 0.3 --monitor rigt 2> err &&
        grep -q 'no metric "rigt"; did you mean right' err &&
        ! cellc train s.cell t.tsv --monitor right 2> err &&
        grep -q 'nothing is held out' err
}
# The number of a step counts on from chunk to chunk: in training, evaluation,
# prediction, and where steps are drawn one by one.
steps_are_counted_on() {
    curve 150 > x.csv
    printf '%s\n' 'input x[t,2]' 'param a, b' 'h[0] = 0' 'output n = t' \
        'h = 0.5 * h[t-1] + (t % 3 == 0 ? a : b) + 0.01 * t' \
        'x ~ normal(h * [1, 1], 1)' > s.cell
    for back in eval tcc cc; do
        cellc train s.cell x.csv --column x=1:2 --steps 30 --batch 1 \
            --tbptt 9 --backend $back --double -o $back.safetensors &&
            cellc eval $back.safetensors x.csv --column x=1:2 --tbptt 150 > a &&
            cellc eval $back.safetensors x.csv --column x=1:2 --tbptt 9 > b &&
            cmp a b || return
    done
    sameweights eval.safetensors tcc.safetensors 1e-12 &&
        sameweights eval.safetensors cc.safetensors 1e-12 &&
        cellc predict tcc.safetensors x.csv --column x=1:2 --output n \
            --tbptt 9 -o n.csv && seq 150 > want &&
        tail -n 150 n.csv | cmp - want &&
        printf '%s\n' 'input x[t,1]' 'param a' 'x ~ normal(t + 0 * a, 1e-6)' \
            > s.cell && cellc train s.cell x.csv --column x=1 --steps 1 &&
        cellc generate model.safetensors --length 40 -o g.csv &&
        tail -n 40 g.csv | awk '{ printf "%.0f\n", $1 }' > g &&
        head -n 40 want | cmp - g
}
# The log again as TensorBoard reads it: records with their checksums, events of
# protocol buffers.
events_are_the_log() {
    awk 'BEGIN { for (i = 0; i < 200; i++) print sin(i), cos(i) }' OFS=, > x.csv
    printf '%s\n' 'input x[t,2]' 'param m[2]' 'x ~ normal(m, 1)' \
        'metric far = sum(abs(x - m))' > s.cell
    cellc train s.cell x.csv --column x=1:2 --valid 0.2 --epochs 4 \
        --tbptt 9 --batch 2 --log-every 5 --tensorboard board &&
        python3 - board/events.out.tfevents.* model.log.csv << 'END'
import csv
import struct
import sys


def checksum(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    crc ^= 0xffffffff
    return (crc >> 15 | crc << 17) + 0xa282ead8 & 0xffffffff


def fields(data):
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        kind = key & 7
        size = {1: 8, 5: 4}.get(kind) or (varint() if kind == 2 else 0)
        value = varint() if kind == 0 else data[at:at + size]
        at += size
        yield key >> 3, value


data, at, found, first = open(sys.argv[1], "rb").read(), 0, set(), True
while at < len(data):
    size, check = struct.unpack("<QI", data[at:at + 12])
    event = data[at + 12:at + 12 + size]
    assert check == checksum(data[at:at + 8])
    at += 16 + size
    assert struct.unpack("<I", data[at - 4:at])[0] == checksum(event)
    event = dict(fields(event))
    assert struct.unpack("<d", event[1])[0] > 1e9
    assert first == (3 in event) and event.get(3) in (None, b"brain.Event:2")
    first = False
    if 5 in event:
        value = dict(fields(dict(fields(event[5]))[1]))
        found.add((event[2], value[1].decode(),
                   "%.5g" % struct.unpack("<f", value[2])[0]))
want = set()
for row in csv.DictReader(open(sys.argv[2])):
    for name in row:
        tag = "valid/" + name[4:] if name[:4] == "val_" else "train/" + name
        if name not in ("epoch", "step", "seconds") and row[name]:
            want.add((int(row["step"]), tag, "%.5g" % float(row[name])))
less = {x for x in found if "tokens" not in x[1]}
assert less == {x for x in want if "tokens" not in x[1]}, less ^ want
assert len(found) == len(want) and any(x[1] == "valid/far" for x in found)
END
}
# A folder that is gone for a while, as a disk that is full.
a_checkpoint_that_cannot_be_written_is_tried_again() {
    text 60 > t.txt
    mkdir d
    "$CELLC" train "$TRAIN/text.cell" t.txt --epochs 1000000 --log l.csv \
        -o d/m.safetensors > out 2>&1 &
    train=$!
    appears 'step 1 ' && sleep 1 && mv d e &&
        appears 'warning: cannot write d/m.safetensors.*training goes on' &&
        mv e d && appears 'd/m.safetensors is saved again'
    code=$?
    kill -INT $train
    wait $train
    [ $? = 130 ] && [ $code = 0 ] && [ "$(grep -c warning out)" = 1 ] &&
        cellc eval d/m.safetensors t.txt
}
weights_of_another_model_are_taken_where_they_fit() {
    text 60 > t.txt
    printf abcd > u.txt
    set -- train "$TRAIN/text.cell" t.txt --steps 3
    cellc "$@" -o a.safetensors &&
        cellc "$@" -o b.safetensors --init a.safetensors --lr 0 2> err &&
        grep -q 'a.safetensors: from there: .* and 18 more' err &&
        ! grep -q drawn err || return
    for k in a b; do # all but settings and optimiser
        cellc generate $k.safetensors --length 300 --seed 1 > $k || return
    done
    cmp a b && cellc "$@" -o b.safetensors --init a.safetensors \
        --option n=7 2> err &&
        grep -q 'from there: dense1.b$' err &&
        grep -q 'of another shape there, so drawn: .* more' err &&
        sed 's/lstm(n)/gru(n)/' "$TRAIN/text.cell" > g.cell &&
        cellc train g.cell t.txt --steps 1 -o b.safetensors \
            --init a.safetensors 2> err && grep -q 'not there, so drawn' err &&
        ! cellc train g.cell u.txt --steps 1 --init a.safetensors 2> err &&
        grep -q "'d' is not in the model's vocabulary" err || return
    printf '%s\n' 'input c[t] in chars' 'param q[chars]' \
        'c ~ categorical(softmax(q))' > q.cell
    ! cellc train q.cell t.txt --init a.safetensors 2> err &&
        grep -q 'no parameter of q has its name and shape' err &&
        ! cellc "$@" -o a.safetensors --init a.safetensors 2> err &&
        grep -q 'it cannot be written too' err &&
        ! cellc "$@" -o b.safetensors --init a.safetensors --resume 2> err &&
        grep -q 'one of the two' err
}
a_spec_is_trained_again_when_it_is_saved() {
    text 60 > t.txt
    sed 's/n = 12/n = 6/' "$TRAIN/text.cell" > s.cell
    "$CELLC" train s.cell t.txt --epochs 1000000 --watch -o m.safetensors \
        > out 2>&1 &
    watch=$!
    appears 'step 1 ' && sed -i 's/n = 6/n = = 6/' s.cell &&
        appears 'm.safetensors is saved' && appears 'error.E01' &&
        appears 'waiting for a change' && kill -0 $watch &&
        sed -i 's/n = = 6/n = 6/; s/1e-2/1e-3/' s.cell &&
        appears 'm.safetensors: from there: .* and 18 more' &&
        appears 'step 1 ' 2 && ! grep -q drawn out
    code=$?
    kill -INT $watch
    wait $watch
    [ $? = 130 ] && [ $code = 0 ] && appears 'm.safetensors is saved' 2 &&
        cellc eval m.safetensors t.txt
}
settings_of_updates_are_checked() {
    curve 50 > x.csv
    while read -r flag value want; do
        ! cellc train "$TRAIN/numbers.cell" x.csv --column x=1:2 --epochs 1 \
            "$flag" "$value" 2> err && grep -q "$want" err ||
            { cat err; return 1; }
    done << 'END'
--ema 1 ema: a share from 0 to below 1 is wanted, found 1
--ema -1 ema: a number from 0
--accumulate 0 accumulate: a whole number from 1
--gradient-noise much no gradient noise "much"
--decay -1 decay: a number from 0
--decay much decay: a number from 0
END
}

. "$here/../cases.sh"
