#!/bin/sh
# Cells side by side: what compare trains, finds and keeps.
# tests/compare/run.sh [CASE...]; CELLC names the program.  A case is a function
# below; it runs in an empty folder and fails where its last command does.
here=$(cd "$(dirname "$0")" && pwd)

# N sequences of T steps of the adding problem (Hochreiter, Schmidhuber 1997).
adding() {
    awk -v n="$1" -v T="$2" 'BEGIN { srand(7); for (i = 0; i < n; i++) {
        a = int(rand() * T / 2); b = int(T / 2) + int(rand() * (T - int(T / 2)))
        for (t = 0; t < T; t++) x[t] = rand()
        for (t = 0; t < T; t++)
            printf "%.6f,%d,%.6f\n", x[t], t == a || t == b, x[a] + x[b]
        print "" } }'
}
# compare of the task on a.csv, with further arguments.
task() {
    [ -e a.csv ] || adding 120 6 > a.csv
    cellc compare --task "$SPEC/adding.cell" "$@" a.csv
}
# The table as rows "cell last best params", without what the clock decides.
table() { cut -d , -f 1,3,6,8 "$1"; }

table_in_all_forms() {
    task lstm gru --seeds 2 --epochs 2 > text || return 1
    grep -Eq '^lstm +8 +[0-9]+ .*±' text &&
        grep -q 'a difference .*larger than the spread' text &&
        grep -q '(2 runs each; Welch' text &&
        task lstm gru --seeds 2 --epochs 2 --csv | grep -q '^gru,9,' &&
        task lstm gru --seeds 2 --epochs 2 --latex | grep -q '\\pm' &&
        task lstm gru --seeds 2 --epochs 2 --json > j.json &&
        python3 -c "
import json
j = json.load(open('j.json'))
assert [len(c['runs']) for c in j['cells']] == [2, 2]
assert j['welch']['first'] == j['cells'][0]['cell']
assert j['cells'][0]['best']['mean'] <= j['cells'][1]['best']['mean']"
}
# The longest line of a file, in columns.
widest() {
    LC_ALL=C awk '{ gsub(/[\200-\277]/, "") } length($0) > n { n = length($0) }
        END { print n }' "$1"
}
# Blanks give way first, then further columns go below, with their cells.
table_as_wide_as_a_terminal() {
    task lstm gru rnn mgu peephole --seeds 3 --epochs 1 --metric mse > a &&
        [ "$(widest a)" -le 80 ] && grep -c . a | grep -qx 8 &&
        grep -Eq '^cell +n params +last +best +least +mse +ms +p$' a &&
        [ "$(grep -Ec '^[a-z]+ +([^ ]+ +){6,7}[^ ]+$' a)" -ge 5 ] || return 1
    task lstm gru 'stack(2, bi(peephole(n)))' --seeds 2 --epochs 1 \
        --metric mse --metric loss > b && [ "$(widest b)" -le 80 ] &&
        [ "$(grep -c '^stack(2, bi(peephole(n))) ' b)" -ge 2 ] &&
        grep -Eq '^cell .*metric.loss +ms' b
}
gates_beat_none() {
    adding 400 8 > a.csv
    task gru 'leaky.cell' --seeds 3 --epochs 1 2> err && return 1
    grep -q 'cannot read leaky.cell' err || return 1
    task gru "$SPEC/leaky.cell" --seeds 3 --epochs 25 --metric mse \
        --expect 'gru.mse < 0.05' --expect 'leaky.loss > 0.1' > out ||
        return 1
    grep -q '^gru .*, leaky .*: a difference larger than' out
}
expectations_fall_short() {
    task lstm gru --seeds 1 --epochs 1 --expect 'gru.loss < 1e-9' > out
    [ $? = 3 ] && grep -q '^gru.loss .*(wanted < 1e-09)' out
}
expectations_of_nobody() {
    task lstm gru --expect 'rnn.loss < 1' 2> err
    [ $? = 2 ] && grep -q 'of a cell that is compared' err && [ ! -e compare ]
}
sizes_by_parameters() {
    task lstm gru rnn 'stack(2, gru(n))' --seeds 1 --steps 1 --csv > t ||
        return 1
    awk -F , 'NR == 1 { next } { n++; if ($3 < 300 || $3 > 420) exit 1 }
        END { exit n != 4 }' t
}
sizes_by_budget_flops_units() {
    task lstm gru --seeds 1 --steps 1 --budget 1000 --csv -o b > b.t &&
        task lstm gru --seeds 1 --steps 1 --match flops --csv -o f > f.t &&
        task lstm gru --seeds 1 --steps 1 --match units --csv -o u > u.t ||
        return 1
    awk -F , 'FNR > 1 && ($3 < 900 || $3 > 1100) { exit 1 }' b.t &&
        awk -F , 'FNR > 1 { v[FNR] = $4 }
            END { exit !(v[2] > 0.9 * v[3] && v[2] < 1.1 * v[3]) }' f.t &&
        awk -F , 'FNR > 1 && $2 != 8 { exit 1 }' u.t
}
same_however_many_at_once() {
    task lstm gru --seeds 2 --epochs 2 --jobs 1 --csv -o a > one.t &&
        task lstm gru --seeds 2 --epochs 2 --jobs 3 --csv -o b > other.t &&
        table one.t > one && table other.t > other && cmp one other &&
        cmp a/gru.2.safetensors b/gru.2.safetensors
}
same_as_train() {
    task lstm gru --seeds 2 --epochs 2 > out &&
        cellc train "$SPEC/adding.cell" a.csv --epochs 2 --threads 1 \
            --option 'layer=gru(n)' --option n=9 --seed 2 &&
        cmp model.safetensors compare/gru.2.safetensors
}
finished_runs_stay() {
    task lstm gru --seeds 1 --epochs 2 --csv > a &&
        touch -d yesterday compare/*.safetensors && touch before &&
        task lstm gru --seeds 2 --epochs 2 --csv > b 2> err || return 1
    grep -q '2 of 4 runs are in compare already' err &&
        [ before -nt compare/lstm.1.safetensors ] &&
        [ compare/lstm.2.safetensors -nt before ]
}
interrupted_and_resumed() {
    adding 400 8 > a.csv
    set -- lstm gru --seeds 2 --epochs 40 --csv
    task "$@" -o a > a.t || return 1
    for delay in 0.1 0.3 0.5 0.7 1 1.3 1.6; do
        timeout --foreground -s INT --preserve-status "$delay" "$CELLC" \
            compare --task "$SPEC/adding.cell" "$@" -o b a.csv > out 2> err
        code=$?
        [ "$code" = 0 ] || [ "$code" = 130 ] || return 1
    done
    task "$@" -o b > b.t && table a.t > one && table b.t > other &&
        cmp one other && cmp a/gru.2.safetensors b/gru.2.safetensors
}
interrupt_says_how_to_go_on() {
    adding 400 8 > a.csv
    "$CELLC" compare --task "$SPEC/adding.cell" lstm gru a.csv --seeds 9 \
        --epochs 4000 2> err &
    child=$! tries=0
    while [ ! -e compare/lstm.1.log.csv ] && [ "$tries" -lt 200 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -TERM "$child"
    wait "$child"
    [ $? = 130 ] && grep -q 'runs are done, the same command goes on' err
}
other_settings_told() {
    task lstm gru --seeds 1 --epochs 2 && task lstm gru --seeds 1 --epochs 1 \
        2> err
    [ $? = 1 ] && grep -q '(--epochs=2 there, --epochs=1 here)' err
}
# They are told once, and right settings begin.
refused_runs_are_in_nobodys_way() {
    task lstm gru --seeds 2 --epochs 1 --optimizer adma 2> err
    [ $? = 1 ] && [ "$(grep -c 'did you mean adam?' err)" = 1 ] &&
        grep -q '^note: 3 more failed in the same way' err &&
        task lstm gru --seeds 2 --epochs 1 --optimizer adam || return 1
    task lstm gru --seeds 2 --epochs 1 --optimizer adam --ema 0.9 2> err
    [ $? = 1 ] && grep -q 'other settings (--ema=0.9 here)' err
}
more_epochs_go_on() {
    task lstm gru --seeds 1 --epochs 2 -o b > out &&
        task lstm gru --seeds 1 --epochs 5 -o b --csv > b.t &&
        task lstm gru --seeds 1 --epochs 5 -o c --csv > c.t || return 1
    table b.t > one && table c.t > other && cmp one other &&
        cmp b/gru.1.safetensors c/gru.1.safetensors
}
# Nothing is left to train, and what was the last loss stays it.
further_metrics_of_what_is_done() {
    task lstm --seeds 1 --epochs 2 --csv > a &&
        task lstm --seeds 1 --epochs 2 --csv --metric mse > b || return 1
    cut -d , -f 6 a > one && cut -d , -f 6 b | cmp one - && ! grep nan b
}
misspelt_and_unfit_told() {
    task lsmt gru 2> err
    [ $? = 1 ] && grep -q 'did you mean lstm?' err || return 1
    task lstm gru_d cfc 2> err
    [ $? = 1 ] && grep -q 'gru_d takes 4 input' err &&
        grep -q 'so cfc does not fit into' err && [ ! -e compare ]
}
# A suggestion, and what there is.
misspelt_figures_and_options_told() {
    task lstm gru --expect 'gur.loss < 1' 2> err
    [ $? = 2 ] && grep -q 'did you mean gru.loss?' err &&
        grep -q 'figures: loss .* units' err || return 1
    task LSTM 2> err
    [ $? = 1 ] && grep -q 'did you mean lstm?' err || return 1
    task lstm --layer layr 2> err
    [ $? = 1 ] && grep -q 'it has layer$' err || return 1
    task lstm --size units 2> err
    [ $? = 1 ] && grep -q 'no option units to be the size of lstm' err &&
        [ ! -e compare ] || return 1
    task lstm --json --csv 2> err
    [ $? = 2 ] && grep -q 'one of them' err && [ ! -e compare ]
}
test_data_read_before_training() {
    echo 1,2,x > bad.csv
    task lstm --metric mse --test missing.csv 2> err
    [ $? = 1 ] && grep -q '^error: cannot read missing.csv' err || return 1
    task lstm --metric mse --test bad.csv 2> err
    [ $? = 1 ] && grep -q '^error: bad.csv' err || return 1
    task lstm --test a.csv 2> err
    [ $? = 2 ] && grep -q -e '--metric NAME' err && [ ! -e compare ]
}
warnings_told_once() {
    task lstm gru 'bi(gru(n))' "$SPEC/leaky.cell" --seeds 1 --steps 1 \
        --metric mse --match flops 2> err || return 1
    [ "$(grep -c W0210 err)" = 1 ] && [ "$(grep -c W0413 err)" = 1 ]
}
no_task_told() {
    cellc compare lstm gru 2> err
    [ $? = 2 ] && grep -q 'lstm on what? cells need --task' err
}
task_without_layer_told() {
    sed -e '/option layer/d' -e 's/layer(x)/lstm(n)(x)/' \
        "$SPEC/adding.cell" > plain.cell
    cellc compare --task plain.cell lstm gru 2> err
    [ $? = 1 ] && grep -q 'write `option layer = lstm(n)`' err
}
whole_specs_compared() {
    adding 120 6 > a.csv
    sed 's/lstm(n)/gru(n)/' "$SPEC/adding.cell" > second.cell
    cp "$SPEC/adding.cell" first.cell
    cellc compare first.cell second.cell a.csv --seeds 1 --epochs 1 --csv > t &&
        grep -q '^first,8,' t && grep -q '^second,9,' t
}
metrics_of_the_best() {
    task lstm gru --seeds 2 --epochs 2 --metric mse --expect 'gru.mse < 9' \
        --csv > t || return 1
    awk -F , 'NR == 1 && $10 != "mse" { exit 1 }
        NR > 1 && ($10 < 0.99 * $8 || $10 > 1.01 * $8) { exit 1 }' t
}
# Nothing is trained where a metric is misspelt or does not suit.
metrics_that_nobody_has() {
    adding 120 6 > a.csv
    task lstm gru --seeds 1 --epochs 1 --metric mse --metric msq 2> err
    [ $? = 1 ] && grep -q 'no metric msq; did you mean mse?' err &&
        grep -q 'it has mse, loss, steps' err && [ ! -e compare ] || return 1
    task lstm gru --metric 'acuracy(y)' 2> err
    [ $? = 1 ] && grep -q 'did you mean accuracy?' err &&
        grep -q 'f1, bleu' err && [ ! -e compare ] || return 1
    printf '%s\n' 'input x[t,2], k[t] in 4' 'h = gru(3)(x)' \
        'k ~ categorical(softmax(dense(4)(h)))' \
        'data { x = column(1,3); k = column(2) }' > s.cell
    cellc compare s.cell a.csv --metric accuracy 2> err
    [ $? = 1 ] && grep -q 'did you mean accuracy(k)?' err &&
        grep -q 'it has accuracy(k), .*f1(k)' err || return 1
    cellc compare s.cell a.csv --metric 'auc(k)' 2> err
    [ $? = 1 ] && grep -q 'k has 4 classes' err && [ ! -e compare ] &&
        cellc compare s.cell a.csv --seeds 1 --epochs 1 --csv \
            --metric ' accuracy( k ) ' > t && grep -q ',accuracy(k),' t
}
a_metric_may_have_any_name() {
    adding 120 6 > a.csv
    { cat "$SPEC/adding.cell"; echo 'metric last = 7'; } > s.cell
    cellc compare s.cell a.csv --seeds 1 --epochs 1 --metric last --csv \
        --expect 's.metric.last >= 7' --expect 's.last < 7' > t &&
        head -n 1 t | grep -q ',last,last_sd,.*,metric.last,metric.last_sd,'
}
metrics_of_a_test_file() {
    adding 50 6 > test.csv
    task lstm --seeds 1 --epochs 2 --metric mse --test test.csv --json > j &&
        cellc eval compare/lstm.1.best.safetensors test.csv --json > e &&
        python3 -c "
import json
a = json.load(open('j'))['cells'][0]['metrics']['mse']['mean']
assert abs(a - json.load(open('e'))['mse']) < 1e-9 * a"
}
curves_drawn() {
    command -v gnuplot > /dev/null || return 0
    task lstm gru --seeds 2 --epochs 4 --plot c.svg && grep -q '<svg' c.svg &&
        grep -q 'gru' c.svg
}
failed_runs_told() {
    task lstm gru --seeds 1 --epochs 2 --lr 1e30 2> err
    [ $? = 1 ] && grep -q 'lstm, seed 1 failed .*diverged' err
}
. "$here/../cases.sh"
