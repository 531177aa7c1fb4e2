# awk -v n=1000 -v digits=3: sums of two numbers with up to so many digits, read
# backwards, and their results; none twice where there are enough.
BEGIN {
    srand(seed + 1)
    top = 10 ^ digits
    for (k = 0; k < n;) {
        a = int(rand() * top)
        b = int(rand() * top)
        if ((a, b) in seen && n < top * top / 2)
            continue
        seen[a, b] = 1
        k++
        text = a "+" b
        back = ""
        for (i = length(text); i > 0; i--)
            back = back substr(text, i, 1)
        print back "\t" a + b "$"
    }
}
