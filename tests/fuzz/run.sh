#!/bin/sh
# Some random models; tests/fuzz/models says what is compared.
#   run.sh [FIRST [LAST]]   CELLC names the program
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
here=$(cd "$(dirname "$0")" && pwd)
case ${CELLC:-} in # sanitized it is slow
*/san/*) last=8 cc=0 ;;
*) last=30 cc=3 ;;
esac
[ $# -gt 0 ] || set -- 1 $last
exec "$here/models" --cc $cc "$@"
