#!/bin/sh
# run.sh [TABLE.csv]: trains on a table of numbers, one row per step (waves of
# our own where none is given), and writes what the model expected at each.
set -eu
here=$(dirname "$0")
cellc=${CELLC:-$here/../../build/cellc}
table=${1:-waves.csv}
[ $# -gt 0 ] || awk -v n=4000 -f "$here/waves.awk" >"$table"

"$cellc" train "$here/forecast.cell" "$table" --valid 0.1 \
    --epochs "${EPOCHS:-200}" -o forecast.safetensors
"$cellc" eval forecast.safetensors "$table"
"$cellc" predict forecast.safetensors "$table" -o expected.csv
head -3 expected.csv
