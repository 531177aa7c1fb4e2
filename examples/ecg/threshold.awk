# awk -f threshold.awk BEATS ERROR.csv BEATS ERROR.csv: of the first beats, which
# begin with their class, the error of reconstruction that parts normal ones, class
# 1, from others best; and the share of the second that it tells right.
FNR == 1 { file++ }
file % 2 { normal[file, FNR] = $1 == 1; next }
FNR > 1 { error[file, FNR - 1] = $1; n[file] = FNR - 1 }
function right(file, limit, k, sum) {
    for (k = 1; k <= n[file]; k++)
        sum += (error[file, k] <= limit) == normal[file - 1, k]
    return sum / n[file]
}
END {
    for (i = 1; i <= n[2]; i++) {
        share = right(2, error[2, i])
        if (share > best) {
            best = share
            limit = error[2, i]
        }
    }
    printf "threshold %.3g, %.4g of the training beats\n", limit, best
    printf "autoencoder right %.4g (wanted >= 0.95)\n", right(4, limit)
    exit right(4, limit) < 0.95 ? 3 : 0
}
