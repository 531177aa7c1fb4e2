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
        refused 'unit is "char", "byte" or "word", found "line"' "$@" \
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
        cellc eval m.safetensors v.tsv | grep -q '^steps *2$'
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

. "$here/../cases.sh"
