#!/bin/sh
# No hidden interpreter, no special case: what compiled code refers to, what
# decides its text and its length, and that strict compilers accept it.
#   tests/claims/run.sh [CASE...]     CELLC names the program, TESTS the tools
# A case is a function below; it runs in an empty folder and fails where one of
# its commands does.
here=$(cd "$(dirname "$0")" && pwd)
TESTS=$(realpath "${TESTS:-$here/../../build/test}")

# unresolved OBJECT: the names that it takes from elsewhere
unresolved() { nm -u "$1" | awk '{ print $NF }' | sort; }

# The loops refer to libm and to memory functions, to nothing of ours.
emitted_code_refers_to_libm_only() {
    for spec in "$SPEC"/*.cell; do
        cellc emit "$spec" --name model &&
            cc -std=c99 -O1 -c model.c -o model.o || return
        unresolved model.o | grep -vxE '_GLOBAL_OFFSET_TABLE_|[a-z0-9]+' &&
            return 1
        unresolved model.o | grep -E 'eval|cell' && return 1
    done
    return 0
}
# What is given to libtcc refers to the run-time kernels and to nothing else.
jit_code_refers_to_kernels_only() {
    for spec in "$SPEC"/*.cell; do
        cellc show "$spec" --stage grad > model.ir &&
            "$TESTS/emittool" --name model --show strips model.ir > model.c &&
            cc -w -std=gnu99 -c model.c -o model.o ||
            { head -n 1 model.c; return 1; }
        grep -q 'rt_gemm_f32(' model.c || { cat model.c; return 1; }
        unresolved model.o | grep -vxE 'rt_[a-z0-9_]+|[a-z0-9]+' && return 1
        unresolved model.o | grep eval && return 1
    done
    return 0
}
# A built program does not even contain the interpreter.
a_built_program_holds_no_interpreter() {
    cellc build "$SPEC/layers.cell" -o model &&
        cellc build "$SPEC/layers.cell" -o model.so || return
    nm --defined-only model > names &&
        nm -D --defined-only model.so >> names || return
    grep -q 'layers_forward' names &&
        ! grep -E ' (eval_attach|eval_demand|graph_|sched_|plan_|pass_)' names
}

# renamed CELL ARGUMENTS: its text under another name gives the same C.
renamed() {
    cell=$1 call=$2
    cellc cells "$cell" > text &&
        sed "s/^cell $cell\\b/cell another/" text > another.cell || return
    printf 'input x[t,3]\nvalue = %s(%s)(x)\noutput value\n%s\n' "$cell" \
        "$call" 'loss sum(value * value)' > spec.cell
    cellc emit spec.cell --name model && mv model.c library.c &&
        mv model.h library.h || return
    { sed "s/$cell(/another(/" spec.cell; cat another.cell; } > two
    mv two spec.cell
    cellc emit spec.cell --name model || return
    for file in model.c library.c model.h library.h; do # comments quote text
        sed -z -i 's|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/||g' $file
        sed -i "s/another(/$cell(/g" $file
    done
    cmp model.c library.c && cmp model.h library.h
}
# Every cell that takes one vector, by whatever arguments; bi and residual are
# made of others.
a_cell_under_another_name_gives_the_same_code() {
    cellc cells --names | grep -vx -e bi -e residual > cells
    while read -r cell; do
        for call in 4 4,2 4,2,2 ''; do
            printf 'input x[t,3]\nvalue = %s(%s)(x)\noutput value\n' \
                "$cell" "$call" > one.cell
            cellc check one.cell 2> /dev/null || continue
            renamed "$cell" "$call" || { echo "$cell"; return 1; }
            echo "$cell" >> done
            break
        done
    done < cells
    [ "$(wc -l < done)" -ge 100 ]
}
the_length_of_the_code_knows_no_size() {
    for spec in "$SPEC"/*.cell; do
        for n in 8 9 512; do
            mkdir -p $n
            cellc emit "$spec" --name model -o $n --option n=$n || return
            wc -l < $n/model.c >> lines.c
            wc -l < $n/model.h >> lines.h
        done
        [ "$(sort -u lines.c | wc -l)" = 1 ] &&
            [ "$(sort -u lines.h | wc -l)" = 1 ] ||
            { echo "$spec"; cat lines.c lines.h; return 1; }
        rm lines.c lines.h
    done
}
the_same_spec_gives_the_same_bytes() {
    for spec in "$SPEC"/*.cell; do
        cellc emit "$spec" --name model -o one &&
            (mkdir -p x && cd x && cp "$spec" . && LC_ALL=C TZ=Asia/Tokyo \
                "$CELLC" emit "$(basename "$spec")" --name model -o ../two) &&
            cmp one/model.c two/model.c && cmp one/model.h two/model.h ||
            return
    done
}
strict_compilers_accept_the_code() {
    flags="-Wall -Wextra -Wconversion -pedantic -Werror"
    for spec in "$SPEC"/*.cell; do
        for form in "" --double --freestanding --no-backward --training; do
            cellc emit "$spec" --name model $form || return
            for cc in gcc clang; do
                command -v $cc > /dev/null || continue
                # shellcheck disable=SC2086 # a list of words
                $cc -std=c99 -fsyntax-only $flags model.c ||
                    { echo "$cc $spec $form"; return 1; }
            done
            echo '#include "model.h"' > model.cc
            # shellcheck disable=SC2086 # a list of words
            g++ $flags -fsyntax-only model.cc || return
        done
    done
}
# Cells that count their steps, look several steps back, keep matrices or make
# their weights of parameters; with few bits, what those may cost.
streams_give_what_whole_sequences_give() {
    for call in 'lstm(4)' 'gru(17)' 'clockwork(4)' 'fru(4,2)' 'mut1(33)' \
        'layernorm_lstm(5)' 'fast_weights(4)' 'deltanet(4,4)' 'narx(4)' \
        'peephole(16)' 'weightnorm_lstm(4)'; do
        printf 'input x[t,3]\nvalue = %s(x)\noutput value\n' "$call" \
            > one.cell
        for type in f32=1e-5 bf16=0.004 int8=0.004; do
            cellc emit one.cell --name model --weights-type ${type%=*} &&
                cc -std=c99 -O1 -DERROR=${type#*=} -I. "$here/steps.c" \
                    model.c -o steps -lm && ./steps > most ||
                { echo "$call $type"; cat most; return 1; }
        done
    done
}
# Freestanding code needs nothing but libm, and no C library to be there.
freestanding_code_needs_no_library() {
    for spec in "$SPEC"/*.cell; do
        cellc emit "$spec" --name model --freestanding &&
            cc -std=c99 -O1 -ffreestanding -fno-pic -c model.c -o model.o ||
            return
        grep -nE '\b(malloc|free|printf|FILE|static [a-z]+ [a-z_]+ =)' \
            model.c && return 1
        nm model.o | grep -E ' [BCDbd] ' && return 1
    done
    return 0
}
. "$here/../cases.sh"
