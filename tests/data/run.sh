#!/bin/sh
# Data from outside: what each kind of file becomes, and what is said about
# files that are broken.  tests/data/run.sh [CASE...]; CELLC names the program.
# A case is a function below; it runs in an empty folder and fails where one of
# its commands does.
here=$(cd "$(dirname "$0")" && pwd)
npy=$here/../cli/npy

# refused TEXT COMMAND...: the command ends with code 1 and says that.
refused() {
    text=$1
    shift
    "$@" > out 2> err
    code=$?
    if [ $code != 1 ] || ! grep -q -e "$text" err; then
        echo "exit code $code, wanted 1 and: $text"
        cat err
        return 1
    fi
}

# says TEXT COMMAND...: it succeeds and prints a line with that.
says() {
    text=$1
    shift
    "$@" > out 2> err && grep -q -e "$text" out || { cat out err; return 1; }
}

# The value of column $2 in the last row of the log $1.
logged() {
    awk -F , -v name="$2" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) k = i }
        { v = $k }
        END { print v }' "$1"
}

# Metadata of a checkpoint: the vocabulary of the set words.
vocab() {
    python3 - "$1" << 'END'
import json
import struct
import sys

data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
meta = json.loads(data[8:8 + size])["__metadata__"]
words = json.loads(json.loads(meta["vocabs"])["words"])
print(" ".join(words["items"]), "| unknown" if words["unknown"] else "|")
END
}

# without TEXT COMMAND...: it says so, because something optional is not there.
without() {
    text=$1
    shift
    "$@" > out 2>&1
    grep -e "$text" out && echo skipped
}

rhyme() {
    for i in $(seq "$1"); do
        printf 'One two\nBuckle my shoe\n\nThree four\nShut the door\n'
    done
}

a_stream_of_words() {
    rhyme 30 > t.txt
    cellc train "$SPEC/words.cell" t.txt --epochs 30 -o m.safetensors &&
        [ "$(vocab m.safetensors)" = \
            '<eos> Buckle One Shut Three door four my shoe the two |' ] &&
        cellc generate m.safetensors --greedy --prime 'One two
Buckle' --length 7 > out && printf '%s\n' 'One two' 'Buckle my shoe' '' \
        'Three four' '' | cmp - out || return
    # the same text packed, and from a pipe
    gzip -k t.txt
    for file in t.txt t.txt.gz; do
        cellc eval m.safetensors $file > $file.out || return
    done
    cat t.txt | cellc eval m.safetensors - > pipe.out &&
        cmp t.txt.out t.txt.gz.out && cmp t.txt.out pipe.out &&
        grep -q '^steps *450$' pipe.out || return
    printf 'One two\nBuckle your shoe\n' > other.txt
    refused 'other.txt:2:8: "your" is not in the model.s vocabulary of 11' \
        cellc eval m.safetensors other.txt &&
        refused '"zwei" is not in' cellc generate m.safetensors --prime zwei &&
        refused 'another unit: --unit word, not byte' \
            cellc eval m.safetensors t.txt --unit byte
}
limits_of_vocabularies() {
    rhyme 8 > t.txt
    printf 'one Two two three\n' >> t.txt
    printf 'One fish, two fish\n' > other.txt
    set -- cellc train "$SPEC/words.cell" t.txt --steps 2 -o m.safetensors
    "$@" --max-classes 5 && cellc eval m.safetensors other.txt &&
        [ "$(vocab m.safetensors)" = '<eos> Buckle One two | unknown' ] ||
        return
    "$@" --lower yes --min-count 9 &&
        [ "$(vocab m.safetensors)" = '<eos> one three two | unknown' ] &&
        says '^ONE two' cellc generate m.safetensors --prime 'ONE two' \
            --length 1 || return
    sed 's/<eos>/One/' "$SPEC/words.cell" > s.cell
    cellc train s.cell t.txt --steps 2 --eos '' -o m.safetensors &&
        vocab m.safetensors | grep -qv eos &&
        cellc eval m.safetensors t.txt | grep -q '^steps *84$' || return
    refused 'lower: yes or no is wanted, found "maybe"' "$@" --lower maybe &&
        refused 'max_classes = 1: the spec names 1 classes' "$@" \
            --max-classes 1 &&
        refused 'max_classes: a whole number from 1' "$@" --max-classes 0 &&
        refused 'unit is "char", "byte", "word" or "notes", found "line"' "$@" \
            --unit line
}
# Limits are for words, not for labels; a second file has the classes of the
# first.
limits_of_tables() {
    printf 'Bob\tNN\nruns\tVB\n\nthe\tDT\nbob\tNN\n' > t.tsv
    printf 'Anna\tNN\nruns\tVB\n' > v.tsv
    printf '%s\n' 'input w[t] in words, y[t] in tags' \
        'y ~ categorical(softmax(dense(tags)(embedding(4)(w))))' \
        'data { w = column(1); y = column(2); lower = yes }' > s.cell
    cellc train s.cell t.tsv --min-count 2 --steps 1 -o m.safetensors \
        --valid v.tsv && [ "$(vocab m.safetensors)" = 'bob | unknown' ] &&
        cellc eval m.safetensors v.tsv | grep -q '^steps *2$' &&
        refused 'found "wrd"; did you mean word?' \
            cellc train s.cell t.tsv --unit wrd
}
broken_texts() {
    : > empty.txt
    printf 'a b\0c\n' > binary.txt
    printf 'a b\na \377 c\n' > latin.txt
    rhyme 100 | gzip > t.gz
    head -c 50 t.gz > cut.gz
    set -- cellc train "$SPEC/words.cell"
    refused 'empty.txt: the file is empty' "$@" empty.txt &&
        refused 'binary.txt: a binary file (byte 3 is 0)' "$@" binary.txt &&
        refused 'latin.txt:2:3: byte 6 (0xff) is not UTF-8' "$@" latin.txt &&
        refused 'cut.gz: the gz file is cut' "$@" cut.gz &&
        refused 'cannot read none.txt' "$@" none.txt
}
# Class numbers lie in a file, not in memory: a text of 24 MB is learned from
# with little more room for data than the program takes for itself.
texts_larger_than_memory() {
    case $CELLC in
    */san/*) return ;; # sanitizers need terabytes of addresses
    esac
    rhyme 20 > part.txt
    for i in $(seq 5000); do cat part.txt; done > t.txt
    (
        ulimit -d 30000
        cellc train "$SPEC/words.cell" t.txt --steps 3 --threads 1 &&
            sed 's/<eos>/e/' "$SPEC/words.cell" > s.cell &&
            cellc train s.cell t.txt --steps 3 --threads 1 --unit char
    )
}
# So do tables: of numbers and names a line per step, and of words.
tables_larger_than_memory() {
    case $CELLC in
    */san/*) return ;;
    esac
    awk 'BEGIN { for (i = 0; i < 1000; i++)
        print sin(i), cos(i), i % 3 ? "odd" : "even" }' OFS=, > part.csv
    for i in $(seq 600); do cat part.csv; done | gzip -1 > t.csv.gz
    printf '%s\n' 'input x[t,2], y[t] in labels' \
        'y ~ categorical(softmax(dense(labels)(x)))' \
        'data { x = column(1:2); y = column(3) }' > s.cell
    rhyme 1000 | tr '\n' ' ' | fold -s -w 2000 > part.txt
    for i in $(seq 400); do cat part.txt; done > w.txt
    printf '%s\n' 'input w[t] in words' 'h = gru(2)(onehot(w[t-1]))' \
        'w ~ categorical(softmax(dense(words)(h)))' 'w[0] = "One"' \
        'data { w = words(1) }' > w.cell
    (
        ulimit -d 40000
        cellc train s.cell t.csv.gz --steps 3 --threads 1 &&
            cellc train w.cell w.txt --steps 3 --threads 1 --batch 4
    )
}
# And an array of 160 MB of zeros, packed ones too.
arrays_larger_than_memory() {
    case $CELLC in
    */san/*) return ;;
    esac
    head="{'descr': '<f4', 'fortran_order': False, 'shape': (20, 1000, 2000)}"
    { printf '\223NUMPY\1\0\166\0'; printf '%-117s\n' "$head"; } > x.npy
    truncate -s $((128 + 160000000)) x.npy
    printf '%s\n' 'input x[t,2000]' 'param w[2000]' 'loss (w @ x)^2' > s.cell
    (
        ulimit -d 60000
        cellc train s.cell x.npy --steps 3 --batch 1 --threads 1 --tbptt 100
    ) && gzip -1 x.npy && (
        ulimit -d 60000
        cellc train s.cell x.npy.gz --steps 3 --batch 1 --threads 1 --tbptt 100
    )
}

# The same sequences as columns that are steps, as numbers between blanks in one
# field, as arrays, and in a .txt with blanks before and between.
sequences_in_lines() {
    awk 'BEGIN { for (i = 0; i < 40; i++) {
        printf "  %.7e", i % 2 + 1
        for (t = 0; t < 6; t++)
            printf "  %.7e", sin(t * (1 + i % 2) + i)
        print "" } }' > a.txt
    awk '{ s = $1 + 0; for (i = 2; i <= 7; i++) s = s "," $i; print s }' a.txt \
        > b.csv
    awk '{ s = $1 + 0 "\t" $2; for (i = 3; i <= 7; i++) s = s " " $i
        print s }' a.txt > c.tsv
    "$npy" y.npy i8 40 "$(awk '{ printf "%s%d", (NR > 1 ? "," : ""), $1 }' \
        a.txt)"
    "$npy" x.npy f8 40,6 "$(awk '{ for (i = 2; i <= 7; i++)
        printf "%s%s", (NR * i > 2 ? "," : ""), $i }' a.txt)"
    printf '%s\n' 'input x[t], y in 3' 'h = gru(3)([x])' \
        'y ~ categorical(softmax(dense(3)(h[end])))' > s.cell
    set -- cellc train s.cell --epochs 2 --log
    "$@" a.log a.txt --column 'x=steps(2:7)' --column y=1 &&
        "$@" b.log b.csv --column 'x=steps(2:7)' --column y=1 &&
        "$@" c.log c.tsv --column 'x=numbers(2)' --column y=1 &&
        "$@" d.log --in x=x.npy --in y=y.npy &&
        "$@" e.log x=x.npy,y=c.tsv:1 &&
        "$@" f.log --in x=a.txt:'steps(2:7)' --in y=b.csv:1 || return
    for name in a b c d e f; do
        logged $name.log loss
    done | uniq -c | grep -q '^ *6 '
}
# Sequences of different lengths; vectors, matrices and classes.
kinds_of_columns() {
    printf '%s\n' 'a,1 2 3 4,2 0 1,5,6,7' 'b,5 6 7 8,1,5,,' 'a,9 8 7 6,0,1,2,' \
        > t.csv
    cat > s.cell << 'END'
time t, u
input w in names, m[2,2], c[t] in 3, x[u]
a = sum[t](onehot(c))
b = sum[u](x)
k = m @ [1, 10]
output a, b, k
y = b + sum(a) + sum(k)
loss y^2
param p
loss p * sum(onehot(w))
data { w = column(1); m = numbers(2); c = numbers(3); x = steps(4:6) }
END
    cellc train s.cell t.csv --steps 1 -o m.safetensors || return
    cellc predict m.safetensors t.csv -o all &&
        "$npy" show all/a.npy | grep -q '^1 1 1 0 1 0 1 0 0$' &&
        "$npy" show all/b.npy | grep -q '^18 5 3$' &&
        "$npy" show all/k.npy | grep -q '^21 43 65 87 89 67$' || return
    cellc predict m.safetensors t.csv -o cut --max-steps 2 &&
        "$npy" show cut/a.npy | grep -q '^1 0 1 0 1 0 1 0 0$' &&
        "$npy" show cut/b.npy | grep -q '^11 5 3$' || return
    set -- cellc predict m.safetensors
    refused 'say steps(1:9)' "$@" t.csv --column x=4 &&
        refused '2 columns for input m; numbers takes one' "$@" t.csv \
            --column 'm=numbers(1,2)' &&
        refused 't.csv:1: shape .3. for input m, wanted .2,2.' "$@" t.csv \
            --column 'm=numbers(3)' &&
        refused "t.csv:1: 'a' is no number; input m" "$@" t.csv \
            --column 'm=numbers(1)' || return
    sed 's/b,5 6 7 8,1,5,/b,5 6 7 8,1,,/; s/,,$/,,9/' t.csv > gap.csv
    refused 'gap.csv:2: the value in column 4 is missing' "$@" gap.csv
}
# Names of classes in columns that are steps; text with # and quotes in lines.
columns_are_kept() {
    printf 'a,b\n1,x\n2,y\n3,z\n4,w\n' > t.csv
    printf 'input v[t]\nparam w\nloss (v - w)^2\n' > v.cell
    cellc train v.cell t.csv --column v=1 --epochs 1 -o m.safetensors &&
        says '^steps *4' cellc eval m.safetensors t.csv &&
        cellc train v.cell t.csv --resume --epochs 2 -o m.safetensors &&
        refused 'no number' cellc eval m.safetensors t.csv --column v=2
}
names_in_lines() {
    printf 'rest,a,b,a\nrest,b,b,\n' > t.csv
    printf '%s\n' 'input c[t] in notes' 'c[0] = "a"' \
        'c ~ categorical(softmax(dense(notes)(onehot(c[t-1]))))' \
        'data { c = steps(2:4) }' > s.cell
    cellc train s.cell t.csv --steps 1 -o m.safetensors &&
        says '^steps *5$' cellc eval m.safetensors t.csv || return
    printf '#one "two, 3\n"four\n\nfive, six\n' > w.txt
    printf '%s\n' 'input w[t] in words' 'w[0] = "four"' \
        'w ~ categorical(softmax(dense(words)(onehot(w[t-1]))))' \
        'data { w = words(1) }' > s.cell
    cellc train s.cell w.txt --steps 1 -o m.safetensors &&
        [ "$(vocab m.safetensors)" = \
            '"four "two, #one 3 five, four six |' ] &&
        says '^steps *6$' cellc eval m.safetensors w.txt
}
# The electrocardiograms of UCR's archive, as they are distributed.
electrocardiograms_as_they_are() {
    data=$CELLC_SHARED/data/anomaly
    [ -d "$data" ] || { echo "skipped: no $data"; return; }
    printf '%s\n' 'input x[t], y in 6' 'h = rnn(2)([x])' \
        'y ~ categorical(softmax(dense(6)(h[end])))' \
        'data { y = column(1); x = steps(2:141) }' > s.cell
    cellc train s.cell "$data/ecg5000_train.txt" --steps 1 -o m.safetensors &&
        says '^steps *630000$' cellc eval m.safetensors \
            "$data/ecg5000_test.txt.gz"
}
files_called_after_inputs() {
    mkdir train
    printf 'a b\nc\n' > train/x.txt
    printf 'A B\nC\n' | gzip > train/y.txt.gz
    printf '%s\n' 'input x[t] in src, y[t] in dst' \
        'y ~ categorical(softmax(dense(dst)(onehot(x))))' > s.cell
    cellc train s.cell train --steps 1 -o m.safetensors &&
        says '^steps *3$' cellc eval m.safetensors train &&
        says '^steps *3$' cellc eval m.safetensors \
            x=train/x.txt,y=train/y.txt.gz || return
    rm train/y.txt.gz
    refused 'train: nothing in this folder is called after input y' \
        cellc eval m.safetensors train &&
        refused 'nothing says where y comes from' cellc eval m.safetensors \
            x=train/x.txt
}

# Two archives of arrays, one beside the model's names and one with others.
arrays_in_archives() {
    "$npy" x.npy f4 5,4,2 wave && "$npy" y.npy i8 5,4 0,1,2,1 &&
        "$npy" lengths.npy i8 5 4,3,2,1,4 || return
    python3 -m zipfile -c set.npz x.npy y.npy lengths.npy
    mkdir set
    cp ./*.npy set
    printf '%s\n' 'input x[t,m], y[t] in 3' \
        'y ~ categorical(softmax(dense(3)(x)))' > s.cell
    set -- cellc train s.cell --epochs 2 --log
    without 'install the Debian package' "$@" a.log set.npz && return
    "$@" a.log set.npz && "$@" b.log set &&
        "$@" c.log --in x=set.npz --in y=y.npy --lengths set.npz:lengths &&
        "$@" d.log x=set.npz:x,y=set.npz:y --lengths lengths.npy || return
    for name in a b c d; do
        logged $name.log loss
    done | uniq -c | grep -q '^ *4 ' || return
    python3 -m zipfile -c other.npz x.npy lengths.npy
    head -c 300 set.npz > cut.npz
    printf 'abcde' > z.npy
    python3 -m zipfile -c bad.npz z.npy
    refused 'no array called y; there are x, lengths' "$@" e.log other.npz &&
        refused 'which of its arrays? Say other.npz:NAME; there are x, len' \
            "$@" e.log --in x=x.npy --in y=other.npz &&
        refused 'cut.npz: a damaged .npz file' "$@" e.log cut.npz &&
        refused 'bad.npz.*not a .npy file' "$@" e.log --in x=bad.npz:z \
            --in y=y.npy
}
# idx files, as MNIST has them: rows, pixels, matrices and classes.
images_and_labels_in_idx() {
    printf '\0\0\010\003\0\0\0\002\0\0\0\003\0\0\0\002' > i.idx
    printf '\0\063\146\231\314\377\377\0\377\0\377\0' >> i.idx
    printf '\0\0\010\001\0\0\0\002\001\0' | gzip > l.idx.gz
    gzip -k i.idx
    cat > s.cell << 'END'
input x[t,2], y in 2
p = sum(x)
q = y * 10
output p, q
y ~ categorical(softmax(dense(2)(sum[t](x))))
END
    cellc train s.cell --in x=i.idx.gz --in y=l.idx.gz --steps 1 &&
        cellc predict model.safetensors --in x=i.idx --in y=l.idx.gz -o all &&
        "$npy" show all/p.npy | grep -q '^0.2 1 1.8 1 1 1$' &&
        "$npy" show all/q.npy | grep -q '^10 0$' || return
    printf '%s\n' 'input x[t]' 'param w' 'output p' 'p = 10 * x' \
        'loss (p - w)^2' > s.cell
    cellc train s.cell i.idx --steps 1 &&
        cellc predict model.safetensors i.idx -o p.npy &&
        "$npy" show p.npy | grep -q '^0 2 4 6 8 10 10 0 10 0 10 0$' || return
    sed 's/x\[t\]/x[3,2]/; s/10 \* x/x @ [1, 10]/; s/(p - w)^2/sum(p) * w/' \
        s.cell > m.cell
    cellc train m.cell i.idx --steps 1 &&
        cellc predict model.safetensors i.idx -o p.npy &&
        "$npy" show p.npy | grep -q '^2 6.4[0-9]* 10.8 1 1 1$' || return
    sed 's/x\[t\]/x[t] in 256/' s.cell > c.cell
    cellc train c.cell i.idx --steps 1 &&
        cellc predict model.safetensors i.idx -o p.npy &&
        "$npy" show p.npy | grep -q '^0 510 1020 1530 ' || return
    head -c 20 i.idx > cut.idx
    sed 's/x\[t\]/x[t,5]/; s/loss.*/loss sum(p) * w/' s.cell > w.cell
    refused 'cut.idx: the idx file is cut or too long: 20 bytes, .* 28' \
        cellc train s.cell cut.idx &&
        refused 'shape .2,3,2. for input x, wanted .N,T,5.' \
            cellc train w.cell i.idx
}
# Rows of all sequences, cut by lengths; those and classes from a table.
packed_arrays() {
    "$npy" x.npy f4 7,2 wave && "$npy" n.npy i8 3 2,4,1 || return
    printf 'who\tdigit\tframes\nA\t3\t2\nB\t0\t4\nA\t1\t1\n' > index.tsv
    printf '%s\n' 'input x[t,m], y in 4' 'n = sum[t](x[t] * 0 + 1)' \
        'y ~ categorical(softmax(dense(4)(x[end])))' \
        'output n' > s.cell
    set -- --in x=x.npy --in y=index.tsv:digit
    cellc train s.cell "$@" --lengths index.tsv:frames --steps 1 &&
        cellc predict model.safetensors "$@" --lengths n.npy -o n.out.npy &&
        "$npy" show n.out.npy | grep -q '^2 2 4 4 1 1$' || return
    "$npy" n.npy i8 3 2,4,2
    refused 'x.npy: 7 steps for input x, but the lengths .* add up to 8' \
        cellc train s.cell "$@" --lengths n.npy &&
        refused "no column 'frame'" cellc train s.cell "$@" \
            --lengths index.tsv:frame &&
        refused 'index.tsv: 3 sequences for input y' cellc train s.cell "$@" &&
        refused 'cannot read none.npy' cellc train s.cell "$@" \
            --lengths none.npy
}
# Recordings as they are stored beside their index.
spoken_digits_as_they_are() {
    data=$CELLC_SHARED/data/speech
    [ -d "$data" ] || { echo "skipped: no $data"; return; }
    printf '%s\n' 'input x[t,m], y in 10' \
        'y ~ categorical(softmax(dense(10)(mean[t](x))))' > s.cell
    cellc train s.cell --in x="$data/fsdd_train_mfcc13.npy" --steps 1 \
        --in y="$data/fsdd_train_index.tsv:digit" \
        --lengths "$data/fsdd_train_index.tsv:frames" &&
        says '^steps *4978$' cellc eval model.safetensors \
            --in x="$data/fsdd_test_mfcc13.npy" \
            --in y="$data/fsdd_test_index.tsv:digit" \
            --lengths "$data/fsdd_test_index.tsv:frames"
}

# Pieces of 2 and 3 steps.
lists_of_notes() {
    printf '21 23 108\n-\n\n\n22\n22 24\n60\n' > n.txt
    printf '%s\n' 'input x[t,n]' 'param b[n]' 'x ~ bernoulli(σ(b))' \
        'k = [sum(x), x[1:4]]' 'output k' 'data { unit = notes }' > s.cell
    cellc train s.cell n.txt --steps 1 &&
        cellc predict model.safetensors n.txt -o k.npy &&
        "$npy" show k.npy > out &&
        printf '%s %s %s\n' 2,3,5 '' '' | tr -d ' ' > want &&
        echo '3 1 0 1 0 0 0 0 0 0 0 0 0 0 0 1 0 1 0 0 2 0 1 0 1 1 0 0 0 0' \
            >> want && cmp out want || return
    says '^steps *5$' cellc eval model.safetensors n.txt || return
    sed 's/t,n/t,4/; s/b\[n/b[4/' s.cell > four.cell
    refused "n.txt:1: '108' is no note from 21 to 24" \
        cellc train four.cell n.txt --steps 1 &&
        refused "n.txt:1: '21' is no note from 60 to 63" \
            cellc train four.cell n.txt --low-note 60 &&
        refused '88 notes from 41 on are beyond the last, 127' \
            cellc train s.cell n.txt --low-note 41 || return
    echo '60 C4' > c.txt
    echo > empty.txt
    refused "c.txt:1: 'C4' is no note" cellc train s.cell c.txt &&
        refused 'empty.txt: no line with notes' cellc train s.cell empty.txt
}
chorales_as_they_are() {
    data=$CELLC_SHARED/data/music
    [ -d "$data" ] || { echo "skipped: no $data"; return; }
    printf '%s\n' 'input x[t,88]' 'param b[88]' 'x ~ bernoulli(σ(b))' \
        'metric notes = sum(x)' 'data { unit = notes }' > s.cell
    cellc train s.cell "$data/jsb_train.txt" --valid "$data/jsb_valid.txt" \
        --steps 1 && says '^steps *4725$' cellc eval model.safetensors \
        "$data/jsb_test.txt" --reduce token && grep -q '^notes *3.887' out
}

# Sentences of like length together: the same in every run, and where training
# stops and goes on.
buckets_are_the_same_when_resumed() {
    awk 'BEGIN { s = 7; for (i = 0; i < 90; i++) { a = ""
        s = (s * 1103515 + 12345) % 65536
        for (k = 0; k <= s % 13; k++) a = a " " substr("abcd", 1 + k * i % 4, 1)
        print substr(a, 2) } }' > t.tsv
    printf '%s\n' 'input w[t] in words' 'w[0] = "a"' \
        'w ~ categorical(softmax(dense(words)(gru(4)(onehot(w[t-1])))))' \
        'data { w = words(1); buckets = 3 }' 'train { batch = 7 }' > s.cell
    cellc train s.cell t.tsv --steps 40 -o a.safetensors || return
    for first in 1 16 29; do
        rm -f b.safetensors
        cellc train s.cell t.tsv --steps $first -o b.safetensors &&
            cellc train s.cell t.tsv --steps 40 -o b.safetensors --resume &&
            cmp a.safetensors b.safetensors || return
    done
    cellc train s.cell t.tsv --steps 40 -o c.safetensors --buckets 1 &&
        ! cmp -s a.safetensors c.safetensors &&
        refused 'buckets: a whole number from 1' cellc train s.cell t.tsv \
            --buckets many
}

# Recordings that a table names, from its own folder: coefficients against ones
# that are computed term by term, and samples.
recordings_in_tables() {
    mkdir audio
    "$here/mfcc" make audio/a.wav 8000 900 &&
        "$here/mfcc" make audio/b.wav 11025 700 || return
    printf 'a.wav,1\nb.wav,0\n' > audio/index.csv
    printf '%s\n' 'input x[t,m], y in 2' 'output x' \
        'y ~ categorical(softmax(dense(2)(mean[t](x))))' \
        'data { x = wav(1); y = column(2) }' > s.cell
    cellc train s.cell audio/index.csv --steps 1 &&
        cellc predict model.safetensors audio/index.csv -o x.npy &&
        "$here/mfcc" audio/a.wav x.npy || return
    call='window = 20, hop = 5, filters = 20, coefficients = 8, low = 100'
    call="$call, high = 3500, emphasis = 0.9"
    head -n 1 audio/index.csv > audio/one.csv
    cellc train s.cell audio/one.csv --steps 1 --column "x=wav(1, $call)" &&
        cellc predict model.safetensors audio/one.csv -o x.npy \
            --column "x=wav(1, $call)" &&
        "$here/mfcc" audio/a.wav x.npy $(echo "$call" | tr -d ' ' |
            tr ',' ' ') || return
    printf '%s\n' 'input x[t]' 'param w' 'output x' 'loss (x - w)^2' \
        'data { x = wav(1) }' > raw.cell
    cellc train raw.cell audio/index.csv --steps 1 &&
        says '^steps *1600$' cellc eval model.safetensors audio/index.csv
}
broken_recordings() {
    "$here/mfcc" make a.wav 8000 900
    head -c 800 a.wav > cut.wav
    printf 'RIFFabcdWAVE' > none.wav
    printf 'RIFF\0\0\0\0WAVEfmt \020\0\0\0\002\0\001\0\100\037\0\0\0\0' > p.wav
    printf '\0\0\002\0\004\0data\002\0\0\0ab' >> p.wav
    echo text > text.wav
    printf '%s\n' 'input x[t,13]' 'param w' 'loss w * sum(x)' > s.cell
    set -- cellc train s.cell t.csv --steps 1 --column
    for name in a cut none p text missing; do
        echo $name.wav > t.csv
        "$@" 'x=wav(1)' > out 2>> errors && echo "$name is read" >> errors
    done
    [ "$(grep -c '^error: t.csv:1' errors)" = 5 ] &&
        grep -q 'a is read' errors &&
        grep -q 'cut.wav: the .wav file is cut' errors &&
        grep -q 'none.wav: the .wav file is cut' errors &&
        grep -q 'p.wav: sound in format 2 of 4 bits, wanted PCM' errors &&
        grep -q 'text.wav: not a .wav file' errors &&
        grep -q 'cannot read missing.wav' errors || { cat errors; return 1; }
    echo a.wav > t.csv
    refused 'nothing is called rate here; there are emphasis' "$@" \
        'x=wav(1, rate = 8000)' &&
        refused '13 coefficients of 8 filters' "$@" 'x=wav(1, filters = 8)' &&
        refused 'windows of 0.01 ms' "$@" 'x=wav(1, window = 0.01)' &&
        refused 'shape .9,12. for input x, wanted .T,13.' "$@" \
            'x=wav(1, coefficients = 12)'
}
# Every recording of the test set beside the coefficients that come with it.
spoken_digits_from_recordings() {
    data=$CELLC_SHARED/data/speech
    [ -d "$data" ] || { echo "skipped: no $data"; return; }
    tar xf "$data/fsdd_test_wav.tar"
    cp "$data/fsdd_test_index.tsv" .
    printf '%s\n' 'input x[t,13]' 'param w' 'output x' 'loss w * sum(x)' \
        > s.cell
    cellc train s.cell fsdd_test_index.tsv --column 'x=wav(file)' --steps 1 &&
        cellc predict model.safetensors fsdd_test_index.tsv \
            --column 'x=wav(file)' -o x.npy && python3 - << END
import array
import struct


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<H", data[8:10])[0]
    head = eval(data[10:10 + size])
    v = array.array({"f4": "f", "f8": "d"}[head["descr"][1:]])
    v.frombytes(data[10 + size:])
    return head["shape"], v


with open("fsdd_test_index.tsv") as f:
    frames = [int(line.split("\\t")[5]) for line in list(f)[1:]]
(n, t, m), x = read("x.npy")
want = read("$data/fsdd_test_mfcc13.npy")[1]
worst = at = 0
for i, k in enumerate(frames):
    for j in range(k * m):
        worst = max(worst, abs(x[i * t * m + j] - want[at + j]))
    at += k * m
print(at, len(want), worst)
assert at == len(want) and worst < 1e-3
END
}
# A grey picture and one in colour, as rows, matrices and pixels.
pictures_in_tables() {
    python3 - << 'END'
import struct
import zlib


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(kind + data)))


def png(path, w, h, kind, rows):
    head = struct.pack(">IIBBBBB", w, h, 8, kind, 0, 0, 0)
    body = b"".join(b"\0" + bytes(r) for r in rows)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
                + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""))


png("grey.png", 3, 2, 0, [[0, 51, 102], [153, 204, 255]])
png("rgb.png", 3, 2, 2, [[255, 0, 0] * 3, [255, 255, 255] * 3])
END
    printf 'grey.png\n' > g.csv
    printf 'rgb.png\n' > c.csv
    printf '%s\n' 'input x[t,3]' 'param w' 'output y' 'y = 10 * x' \
        'loss w * sum(x)' 'data { x = png(1) }' > rows.cell
    sed 's/t,3/t/; s/sum(x)/x/' rows.cell > pixels.cell
    sed 's/t,3/t,9/' rows.cell > wide.cell
    sed 's/t,3/2,3/; s/sum(x)/sum(sum(x))/' rows.cell > still.cell
    without 'Debian package libpng' cellc train rows.cell g.csv --steps 1 &&
        return
    for name in rows pixels still; do
        cellc train $name.cell g.csv --steps 1 &&
            cellc predict model.safetensors g.csv -o y.npy &&
            "$npy" show y.npy | grep -q '^0 2 4 6 8 10$' || return
    done
    # in colour where that fits, else grey
    cellc train wide.cell c.csv --steps 1 &&
        cellc predict model.safetensors c.csv -o y.npy &&
        "$npy" show y.npy | grep -q '^10 0 0 10 0 0 10 0 0 10 10 10 ' &&
        cellc train rows.cell c.csv --steps 1 &&
        cellc predict model.safetensors c.csv -o y.npy &&
        "$npy" show y.npy | grep -q ' 10 10 10$' || return
    head -c 60 grey.png > cut.png
    echo text > text.png
    for name in cut text missing; do
        echo $name.png > t.csv
        refused "t.csv:1: $name.png: a" cellc train rows.cell t.csv || return
    done
    sed 's/t,3/t,4/' rows.cell > four.cell
    refused 'grey.png: shape .2,3. for input x, wanted .T,4.' \
        cellc train four.cell g.csv
}
# Arrays that a table names, of different lengths.
arrays_in_tables() {
    "$npy" a.npy f4 3,2 1,2,3,4,5,6 && "$npy" b.npy f8 1,2 7,8 || return
    printf 'a.npy 1\nb.npy 0\n' > t.txt
    printf '%s\n' 'input x[t,m], y' 'y ~ normal(w * sum(x[end]), 1)' \
        'output s' 'param w' 's = sum[t](x)' \
        'data { x = npy(1); y = column(2) }' > s.cell
    cellc train s.cell t.txt --steps 1 &&
        cellc predict model.safetensors t.txt -o s.npy &&
        "$npy" show s.npy | grep -q '^9 12 7 8$' || return
    "$npy" b.npy f8 1,3 7,8,9 &&
        refused 'b.npy: shape .1,3. for input x, wanted .T,2. as in the lines' \
            cellc train s.cell t.txt
}

# Zeros that count as steps, before or after; what is not observed stays so.
padding_that_is_seen() {
    printf '1 2 3\t0 1 0\n4\t1\n' > t.tsv
    printf '%s\n' 'input x[t], y[t] in 2' 's = s[t-1] * 2 + x' 'output s' \
        'y ~ categorical(softmax(dense(2)([x])))' \
        'data { x = numbers(1); y = numbers(2) }' > s.cell
    cellc train s.cell t.tsv --steps 1 || return
    while read -r where steps values; do
        cellc predict model.safetensors t.tsv $where -o s.npy &&
            "$npy" show s.npy | tr ' ' , | grep -q "^$values\$" &&
            says "^steps *$steps\$" cellc eval model.safetensors t.tsv \
                $where || return
    done << 'END'
--pad=no 4 1,4,11,4,0,0
--pad=before 6 1,4,11,0,0,4
--pad=after 6 1,4,11,4,8,16
END
    cellc eval model.safetensors t.tsv --reduce token | head -n 1 > a
    cellc eval model.safetensors t.tsv --reduce token --pad before |
        head -n 1 | cmp - a || return
    cellc predict model.safetensors t.tsv --pad before --max-steps 2 \
        -o s.npy && "$npy" show s.npy | grep -q '^1 4 0 4$' &&
        refused 'pad: no, before or after' cellc eval model.safetensors t.tsv \
            --pad left
}

. "$here/../cases.sh"
