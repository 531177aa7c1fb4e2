# waves.awk -v n=2000: a table of one column, two waves and a little noise.
BEGIN {
    srand(1)
    print "x"
    for (t = 1; t <= n; t++)
        printf "%.4f\n", sin(t / 5) + 0.5 * sin(t / 13) + 0.1 * (rand() - 0.5)
}
