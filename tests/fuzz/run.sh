#!/bin/sh
# Random models: the three back ends agree in values and gradients, whatever
# was hoisted, merged and fused, and the gradients are slopes.
#   run.sh [SEED...]   CELLC names the program; what fails stays in build/fuzz
# The interpreter (eval) takes equations by demand and knows no schedule: it is
# the naive form of every optimisation.
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
here=$(cd "$(dirname "$0")" && pwd)
CELLC=$(realpath "${CELLC:-$here/../../build/cellc}")
kept=$here/../../build/fuzz/models
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
export CELLC here kept scratch

cat > "$scratch/one" <<'END'
#!/bin/sh
# one SEED: a line per thing that fails
seed=$1 dir=$scratch/$1
"$here/gencell" "$1" "$dir" || { echo "fail $1: gencell"; exit; }
run() {
    name=$1
    shift
    xargs "$CELLC" run "$dir/spec.cell" --out "$dir/$name" "$@" \
        < "$dir/args" > "$dir/$name.log" 2>&1 || {
        echo "fail seed $seed: run $* failed"
        grep -A 2 error "$dir/$name.log" | head -n 6
    }
}
verdict() {
    if [ "$2" = 0 ]; then
        echo "pass $1"
    else
        echo "fail seed $seed: $1"
        head -n 5 "$dir/log"
        mkdir -p "$kept" && cp -r "$dir" "$kept/"
    fi
}
agree() {
    [ -d "$dir/$2" ] && [ -d "$dir/$3" ] || return
    "$here/agree" "$1" "$dir/$2" "$dir/$3" > "$dir/log" 2>&1
    verdict "$2 and $3" $?
}
backs=tcc # a C compiler takes its time: every third
[ $((seed % 3)) != 1 ] || backs="tcc cc"
case $CELLC in */san/*) backs=tcc ;; esac
run eval --backend eval --double
for back in $backs; do
    run $back --backend $back --double
    agree 1e-9 eval $back
done
run float --backend tcc
agree 2e-3 eval float
"$CELLC" gradcheck "$dir/spec.cell" --lengths --tolerance 1e-6 --entries 40 \
    > "$dir/log" 2>&1
code=$?
grep -e '<--' -e worst "$dir/log" > "$dir/short" && mv "$dir/short" "$dir/log"
verdict gradcheck $code
END
chmod +x "$scratch/one"
case $CELLC in # sanitized it is slow
*/san/*) last=8 ;;
*) last=30 ;;
esac
[ $# -gt 0 ] || set -- $(seq 1 $last)
printf '%s\n' "$@" | xargs -P 2 -n 1 "$scratch/one" > "$scratch/all"
grep -v '^pass' "$scratch/all"
passed=$(grep -c '^pass' "$scratch/all")
failed=$(grep -c '^fail' "$scratch/all")
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
