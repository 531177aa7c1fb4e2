#!/bin/sh
# Random models: the three back ends agree in values and gradients, whatever
# was hoisted, merged and fused, and the gradients are slopes.
#   run.sh [FIRST [LAST]]   CELLC names the program; failures: build/fuzz/models
[ "${1:-}" != -u ] || exit 0 # nothing is stored that could be renewed
here=$(cd "$(dirname "$0")" && pwd)
case ${CELLC:-} in # sanitized it is slow, and cc would be linked with it
*/san/*) set -- "${1:-1}" "${2:-8}" --cc 0 ;;
*) set -- "${1:-1}" "${2:-30}" ;;
esac
exec "$here/models" "$@"
