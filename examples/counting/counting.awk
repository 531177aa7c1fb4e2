# awk -v n=1000 -v from=1 -v to=30: words a^k b^k $ with k from one to the other.
BEGIN {
    srand(seed + 1)
    for (i = 0; i < n; i++) {
        k = all ? from + i : from + int(rand() * (to - from + 1))
        if (k > to)
            exit
        word = ""
        for (j = 0; j < k; j++)
            word = "a" word "b"
        print word "$"
    }
}
