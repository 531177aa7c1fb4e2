#!/bin/sh
# Our own C is clean under clang as under gcc; files that gcc makes are in
# build/.  Prints what clang says; exit code 1 if anything.
cd "$(dirname "$0")/.." || exit 2
if ! type clang >/dev/null 2>&1; then
    echo "skip: clang is not here (Debian: clang)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
passed=0 failed=0
for file in compiler/*.c compiler/verbs/*.c runtime/*.c tests/unit/*.c; do
    if clang -std=gnu99 -fsyntax-only -Wall -Wextra -Wshadow -Wconversion \
        -Wstrict-prototypes -Wmissing-prototypes -Werror -D_DEFAULT_SOURCE \
        -D_XOPEN_SOURCE=700 -DCELLC_VERSION='""' -iquote build \
        -iquote compiler -iquote runtime "$file" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
