#!/bin/sh
# run.sh TEXT [MINUTES]: trains on a text file and writes a little of its own.
set -eu
here=$(dirname "$0")
cellc=${CELLC:-$here/../../build/cellc}
text=$1
minutes=${2:-3}

"$cellc" train "$here/charlm.cell" "$text" --minutes "$minutes" \
    -o charlm.safetensors
"$cellc" generate charlm.safetensors --length 400 --temperature 0.8
