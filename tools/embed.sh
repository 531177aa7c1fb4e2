#!/bin/sh
# Text files as C arrays: embed.sh NAME FILE [NAME FILE ...] > embed.c gives
# const unsigned char embed_NAME[], ending with a zero, for each.
set -e
while [ $# -gt 1 ]; do
    printf 'extern const unsigned char embed_%s[];\n' "$1"
    printf 'const unsigned char embed_%s[] = {\n' "$1"
    od -An -v -tu1 "$2" | tr -s ' ' ',' | sed 's/^,//; s/$/,/'
    printf '0};\n'
    shift 2
done
