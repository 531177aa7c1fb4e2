#!/bin/sh
# Who may include whom.  A row: files, a colon, and the headers of ours that
# they may include directly (* stands for any letters); every header is in a row
# itself, so nothing else is reached through one.  docs/ARCHITECTURE.md draws
# the picture.  Prints what breaks a row or is in none; exit code 1 if anything
# does.
cd "$(dirname "$0")/.." || exit 2

rows() {
    cat <<'END'
base.*              : base.h
prelude.h           :
library.*           : ast.h prelude.h library.h
source.*            : base.h source.h
diag.*              : source.h diag.h diag.def example.def
ast.* fmt.c         : diag.h ast.h
syntax.h astbuild.* token.c comment.c mistake.c lex.l parse.y
                    : ast.h syntax.h astbuild.h parse.tab.h
probe.*             : ast.h probe.h
shape.*             : source.h shape.h
graph*.* ops.* cost.* template.* verify.*
                    : source.h graph*.h ops.h ops.def template.h cellrt.h
                      cost.h verify.h
eval*.*             : graph.h ops.h eval*.h plan.h vmath.h
grad.* gradstep.c vjp*.c simp*.* gemm.c final.* named.c segment.c part.c
                      perturb.*
                    : graph.h ops.h template.h grad.h final.h rules.def
                      simplify.h perturb.h
split.c             : causal.h
causal.* linear.* latency.* level.* spread.* sums.* task.* gather.* fuse.*
                      value.* lower.* sched*.* prepare.* plan*.* chunk.*
                      restate.* sweep.* turn.* lanes.* accumulate.*
                      running.*
                    : graph.h ops.h causal.h linear.h latency.h level.h task.h
                      cost.h gather.h chunk.h fuse.h lower.h restate.h sweep.h
                      turn.h accumulate.h running.h lanes.h sched.h plan*.h
explain.*           : graph.h ops.h causal.h sched.h plan.h explain.h cellc.h
latex*.* dot.*      : graph.h ops.h latex.h dot.h cellc.h
emit*.c emit*.h     : graph.h ops.h causal.h sched.h plan.h emit*.h kernels.h
                      kernels.def strips.def sweep.h chain.h lanes.h
jit*.*              : base.h jit*.h kernels.h shared.h timed.h
elab*.c elab*.h probe.*
                    : ast.h graph.h ops.h shape.h elab.h elaborate.h probe.h
                      grad.h
                      prelude.h cellc.h
cellc.h             : cellrt.h
cellcint.h          : cellc.h elaborate.h probe.h emit.h eval.h explain.h jit.h
                      latency.h library.h perturb.h
cellc.c cellcapi.c cellclib.c cellcuse.c
                    : *
main.c verbs/*      : cellc.h drv*.h runtime/*
END
    echo
}

{
    rows
    find compiler runtime -name '*.[chly]' -o -name '*.inc' | sort |
        xargs grep -H '^ *# *include' /dev/null
} | awk '
function complain(text) {
    print text
    bad = 1
}
function matches(name, glob) {
    gsub(/\./, "[.]", glob)
    gsub(/\*/, ".*", glob)
    return name ~ "^" glob "$"
}
!table_read && NF == 0 { table_read = 1; next }
!table_read && /^[^ ]/ { n++; side = 1 }
!table_read {
    for (i = 1; i <= NF; i++)
        if ($i == ":")
            side = 2
        else
            row[n, side] = row[n, side] " " $i
    next
}
{
    file = $0
    sub(/:.*/, "", file)
    header = $0
    if (header ~ /<libtcc.h>/ && file != "compiler/jit.c")
        complain(file ": only compiler/jit.c knows libtcc")
    if (header !~ /include "/)
        next
    sub(/.*include "/, "", header)
    sub(/".*/, "", header)
    in_runtime = header ~ /runtime\//
    if (file ~ /^runtime/) {
        if (header ~ /\//)
            complain(file ": may not include " header)
        next
    }
    short = file
    sub("^compiler/", "", short)
    sub(/.*\//, "", header)
    found = 0
    for (k = 1; k <= n && !found; k++) {
        m = split(row[k, 1], name, " ")
        for (i = 1; i <= m && !found; i++)
            if (matches(short, name[i]))
                found = k
    }
    if (!found) {
        if (!told[file]++)
            complain(file ": in no row of tools/layers.sh")
        next
    }
    m = split(row[found, 2], name, " ")
    good = 0
    for (i = 1; i <= m; i++)
        if (matches(header, name[i]) ||
            (name[i] == "runtime/*" && in_runtime))
            good = 1
    if (!good)
        complain(file ": may not include " header)
}
END {
    print bad ? "0 passed, 1 failed" : "1 passed, 0 failed"
    exit bad
}'
