#!/bin/sh
# The library as C: prelude.sh FILE.cell... > prelude.c gives the tables that
# compiler/prelude.h declares: each file as its lines (a string literal is
# short enough for any compiler then) and which file defines a name.  Only
# backslash, quote and question mark (a trigraph's) need an escape.
set -eu
echo '#include "prelude.h"'
n=0
for file; do
    printf '\nstatic const char *const line%d[] = {\n' $n
    sed 's/[\\"?]/\\&/g; s/.*/    "&\\n",/' "$file"
    echo '    0};'
    n=$((n + 1))
done
printf '\nconst PreludeFile prelude_file[] = {\n'
n=0
for file; do
    printf '    {"%s", line%d},\n' "${file#compiler/prelude/}" $n
    n=$((n + 1))
done
printf '};\nconst int prelude_files = %d;\n' $n
printf '\nconst PreludeName prelude_name[] = {\n'
awk 'FNR == 1 { file++ }
    /^extern fn / { sub(/^extern /, "") }
    /^(cell|fn) / {
        sub(/^(cell|fn) */, "")
        sub(/[ ({].*/, "")
        printf "    {\"%s\", %d},\n", $0, file - 1
        n++
    }
    END { printf "};\nconst int prelude_names = %d;\n", n }' "$@"
