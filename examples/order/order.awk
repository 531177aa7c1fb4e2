# awk -v n=1000 -v T=100: the temporal order problem, task 6a of Hochreiter and
# Schmidhuber 1997.  A line has noise of a to d with an X or Y in two places; the
# class says which came first and which second.
BEGIN {
    srand(seed + 1)
    for (k = 0; k < n; k++) {
        first = 1 + int(T * (0.1 + 0.1 * rand()))
        second = 1 + int(T * (0.5 + 0.1 * rand()))
        line = class = ""
        for (t = 1; t <= T; t++) {
            s = substr("abcd", 1 + int(rand() * 4), 1)
            if (t == first || t == second) {
                s = rand() < 0.5 ? "X" : "Y"
                class = class s
            }
            line = line s
        }
        print line "\t" class
    }
}
