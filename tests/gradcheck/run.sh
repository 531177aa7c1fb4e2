#!/bin/sh
# All derivatives against central differences in double: every cell of the
# library in every position, every spec of spec/, the shared specs.
#   run.sh         CELLC names the program
# A line of the list below is the arguments of one `cellc gradcheck`.
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
here=$(cd "$(dirname "$0")" && pwd)
CELLC=$(realpath "${CELLC:-$here/../../build/cellc}")
shared=${CELLC_SHARED:-$here/../../../shared}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
export CELLC scratch
quick=$(dirname "$CELLC")/../cellc # what a sanitized one takes long to tell
[ -x "$quick" ] || quick=$CELLC
skipped=0

# forms LINE: alone, with lengths, in chunks, both
forms() {
    printf '%s\n' "$1" "$1 --lengths" "$1 --tbptt 3" "$1 --lengths --tbptt 3"
}

# several CELL: whether it has more than one input
several() {
    "$quick" cells "$1" | grep -Eq '^ *input [^;]*(\]|in \w+), *\w'
}

# states CELL: what is done for large ones, where its states are matrices
states() {
    "$quick" cells "$1" | grep -q 'outer(' || return 0
    echo "$1 --lengths --chunk 3 --states 0"
    echo "$1 --chunk 2 --states 0"
}

cells() {
    "$quick" cells --names | while read -r cell; do
        several "$cell" && inputs=several || inputs=one
        case $cell in # these give what has the size of their input
        residual | highway | prenorm | rglru) inputs=square ;;
        conv_lstm | row_rnn | entnet) inputs=matrix ;;
        associative_lstm | group_lstm | onlstm | pru) inputs=wider ;; # outputs
        esac
        for wrap in % 'rev(%)' 'bi(%)' 'stack(2,%)' 'stack(2,bi(%))' \
            'residual(%)'; do
            case "$cell $inputs $wrap" in
            embedding*) ;; # not of vectors: spec/embedding.cell
            ltc*) ;; # divides by elapsed time: spec/elapsed.cell
            *matrix*bi* | *matrix*residual* | *wider*residual*) ;;
            "entnet matrix stack"* | "tf_lstm one residual"*) ;;
            "tf_lstm one stack(2,bi"*) ;;
            "mamba one stack(2,bi"*) ;; # too steep
            *several*bi* | *several*residual*) ;; # those have one input
            "bi one residual(%)") ;; # sizes differ
            *" square stack(2,bi(%))") ;;
            *" %")
                forms "$cell --wrap $wrap"
                states "$cell" ;;
            *) echo "$cell --wrap $wrap --lengths --tbptt 3" ;;
            esac
        done
    done
}

specs() {
    for spec in "$here"/spec/*.cell "$here"/../same/spec/*.cell; do
        if grep -q '^time .*,' "$spec"; then
            uncut "$spec"
            continue
        fi
        forms "$spec"
        echo "$spec --reduce token --lengths --seed 2"
        echo "$spec --lengths --tbptt (2,4)"
        echo "$spec --reduce sum --steps 1 --batch 1"
    done
}

# Models with several time axes have no chunks.
uncut() {
    printf '%s\n' "$1" "$1 --lengths" "$1 --lengths --reduce token --seed 2"
}

axes() {
    for spec in "$here"/axes/*.cell; do
        uncut "$spec"
    done
}

shared() {
    forms "$shared/specs/01_elman.cell --option n=5"
    forms "$shared/specs/02_lstm.cell"
    forms "$shared/specs/03_gru.cell"
    forms "$shared/specs/04_peephole.cell"
    forms "$shared/specs/06_jordan.cell --option n=5"
    uncut "$shared/specs/08_seq2seq.cell --option n=4 --option d=3 --option a=3"
    forms "$shared/specs/09_charlm.cell --option n=4"
    forms "$shared/specs/10_sentiment.cell --option n=5 --entries 40"
    uncut "$shared/specs/11_caption.cell --option n=4 --option d=3 --entries 40"
    forms "$shared/specs/12_anomaly.cell --option n=3 --option τ=2"
}

# One check; where a cell has derivatives of its own nothing may be left to
# compare.  What failed goes to standard output, its verdict to a file.
cat > "$scratch/one" <<'END'
#!/bin/sh
out=$("$CELLC" gradcheck "$@" --tolerance 1e-7 2>&1)
code=$?
if [ $code = 0 ] && echo "$out" |
    grep -Eq '^[^ ]+ +[1-9][0-9]* +[0-9]|^nothing else is left'; then
    echo pass >> "$scratch/verdicts"
else
    echo fail >> "$scratch/verdicts"
    echo "FAIL gradcheck $* (exit code $code)"
    echo "$out" | tail -n 4 | sed 's/^/  | /'
fi
END
chmod +x "$scratch/one"
: > "$scratch/verdicts"

cells > "$scratch/list"
specs >> "$scratch/list"
axes >> "$scratch/list"
if [ -d "$shared/specs" ]; then
    shared >> "$scratch/list"
else
    echo "skip shared specs: $shared/specs is not there"
    skipped=1
fi
case $CELLC in # sanitized it is slow: one in twenty
*/san/*) awk 'NR % 20 == 1' "$scratch/list" > "$scratch/few" &&
    mv "$scratch/few" "$scratch/list" ;;
esac
xargs -P 2 -L 1 "$scratch/one" < "$scratch/list"

# A derivative of one's own is not a slope: it is named, not compared.
out=$("$CELLC" gradcheck "$here/own.cell" 2>&1)
if echo "$out" | grep -q 'not comparable.*\bW\b'; then
    echo pass >> "$scratch/verdicts"
else
    echo fail >> "$scratch/verdicts"
    echo "FAIL own.cell: W should be named as not comparable"
    echo "$out" | sed 's/^/  | /'
fi

passed=$(grep -c pass "$scratch/verdicts")
failed=$(grep -c fail "$scratch/verdicts")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -ge "$(wc -l < "$scratch/list")" ]
