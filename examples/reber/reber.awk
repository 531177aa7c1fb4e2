# awk -v n=1000: words of the embedded Reber grammar (Hochreiter and Schmidhuber
# 1997) without their B and E at the ends: T or P, a word of the Reber grammar,
# and the same T or P again.
BEGIN {
    srand(seed + 1)
    edge[0] = "T1P2"; edge[1] = "S1X3"; edge[2] = "T2V4"; edge[3] = "X2S5"
    edge[4] = "P3V5"
    for (k = 0; k < n; k++) {
        outer = rand() < 0.5 ? "T" : "P"
        word = "B"
        for (at = 0; at != 5; at = substr(edge[at], way + 1, 1)) {
            way = rand() < 0.5 ? 1 : 3
            word = word substr(edge[at], way, 1)
        }
        print outer word "E" outer
    }
}
