# awk -f nats.awk P.csv NOTES.txt: what the papers report, from the probabilities that
# `cellc predict --probe p` writes: at each step the sum over the 88 keys of -log of what
# happened, its mean over the steps of all pieces together.
BEGIN { FS = "," }
NR == FNR {
    if (FNR > 1 && NF)
        line[++steps] = $0
    next
}
NF {
    split("", sounds)
    n = split($0, note, " ")
    for (i = 1; i <= n; i++)
        sounds[note[i] - 20] = 1
    split(line[++step], p, ",")
    for (key = 1; key <= 88; key++)
        sum -= log(key in sounds ? p[key] : 1 - p[key])
}
END {
    if (step != steps)
        exit 1
    printf "by hand: %.6g nats over %d steps\n", sum / step, step
}
