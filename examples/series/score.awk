# awk -v column=2 -v ahead=1 -v share=0.8 -f score.awk SERIES.csv GUESS.csv: the
# root of the mean squared error of the guesses behind that share of the series,
# and what saying the last known value again would have.
BEGIN { FS = "," }
FNR == NR {
    if (FNR > 1)
        x[++n] = $column + 0
    next
}
FNR > 1 { guess[FNR - 1] = $1 + 0 }
END {
    for (t = int(n * share + 0.5) + 1; t <= n; t++) {
        count++
        error += (x[t] - guess[t]) ^ 2
        same += (x[t] - x[t - ahead]) ^ 2
    }
    error = sqrt(error / count)
    same = sqrt(same / count)
    printf "%s %.4g (wanted <= %.4g)\n", name, error, same * factor
    exit error <= same * factor ? 0 : 3
}
