#!/bin/sh
# The library as C: prelude.sh FILE.cell... > prelude.c gives the table that
# compiler/prelude.h declares.  Only backslash, quote and question mark (a
# trigraph's) need an escape; the rest stays readable.
set -eu
echo '#include "prelude.h"'
n=0
for file; do
    printf '\nstatic const char text%d[] =\n' $n
    sed 's/[\\"?]/\\&/g; s/.*/    "&\\n"/' "$file"
    echo '    ;'
    n=$((n + 1))
done
printf '\nconst PreludeFile prelude_file[] = {\n'
n=0
for file; do
    printf '    {"%s", text%d, sizeof text%d - 1},\n' \
        "${file#compiler/prelude/}" $n $n
    n=$((n + 1))
done
printf '};\nconst int prelude_count = %d;\n' $n
