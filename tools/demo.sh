#!/bin/sh
# make demo: trains a character model on the English text of Debian's package
# fortunes and lets it write.  Files go to build/demo.
set -eu
fortunes=/usr/share/games/fortunes
out=build/demo
mkdir -p $out

for file in "$fortunes"/*; do
    case $file in
    *.dat | *.u8 | */ascii-art) ;;
    *) [ -L "$file" ] || sed "s/^%$//" "$file" ;;
    esac
done >$out/fortunes.txt
bytes=$(wc -c <$out/fortunes.txt)
if [ "$bytes" -lt 100000 ]; then
    echo "$fortunes has too little text: apt-get install fortunes" >&2
    exit 1
fi

echo "the model, examples/charlm/charlm.cell:"
sed 's/^/    /' examples/charlm/charlm.cell
echo
echo "training on $((bytes / 1000)) kB of text for ${MINUTES:=1.5} minutes," \
    "the last tenth held out"
build/cellc train examples/charlm/charlm.cell $out/fortunes.txt \
    --minutes "$MINUTES" -o $out/charlm.safetensors --log $out/log.csv
echo
echo "what it writes:"
build/cellc generate $out/charlm.safetensors --length 500 --temperature 0.7 \
    --seed 1 -o $out/sample.txt
sed 's/^/    /' $out/sample.txt
echo
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "val_bits") k = i }
    { bits = $k }
    END { printf "validation: %.3f bits per character\n", bits }' $out/log.csv
echo "files:"
ls -l $out | awk 'NF > 8 { printf "    %9d  build/demo/%s\n", $5, $9 }'
