#!/bin/sh
# Random models, some of them; tests/fuzz/many says what is compared.
#   run.sh [FIRST [LAST]]   CELLC names the program
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
here=$(cd "$(dirname "$0")" && pwd)
CELLC=${CELLC:-$here/../../build/cellc}
case $CELLC in # sanitized it is slow
*/san/*) last=8 cc=0 ;;
*) last=30 cc=3 ;;
esac
[ $# -gt 0 ] || set -- 1 $last
exec "$here/many" --cellc "$CELLC" --cc $cc "$@"
