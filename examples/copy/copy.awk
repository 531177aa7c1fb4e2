# awk -v n=1000 -v T=20: the copy task (Hochreiter and Schmidhuber 1997; Arjovsky
# 2016).  A line has five symbols out of eight, T blanks and a signal; and what
# comes out, blanks and then the five again.
BEGIN {
    srand(seed + 1)
    for (k = 0; k < n; k++) {
        read = said = symbols = ""
        for (t = 0; t < 5; t++)
            symbols = symbols " " substr("abcdefgh", 1 + int(rand() * 8), 1)
        for (t = 0; t < T; t++)
            read = read " _"
        for (t = 0; t < T + 5; t++)
            said = said " _"
        print substr(symbols read " > _ _ _ _", 2) "\t" substr(said, 2) symbols
    }
}
