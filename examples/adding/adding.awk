# awk -v n=1000 -v T=100: the adding problem (Hochreiter and Schmidhuber
# 1997).  A line has numbers from 0 to 1, marks of two of them, one in each half,
# and the sum of the two.
BEGIN {
    srand(seed + 1)
    OFS = "\t"
    for (k = 0; k < n; k++) {
        a = 1 + int(rand() * T / 2)
        b = 1 + int(T / 2) + int(rand() * (T - int(T / 2)))
        values = marks = ""
        for (t = 1; t <= T; t++) {
            v = sprintf("%.4f", rand())
            if (t == a || t == b)
                picked[t == b] = v
            values = values (t > 1 ? " " : "") v
            marks = marks (t > 1 ? " " : "") (t == a || t == b ? 1 : 0)
        }
        print values, marks, picked[0] + picked[1]
    }
}
