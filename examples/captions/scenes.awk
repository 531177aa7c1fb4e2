# awk -v n=1000: scenes and their sentences.  A scene has two shapes: of each the
# place (x, y from 0 to 1), one of three shapes and one of three colours.
function shape(    k) {
    k = int(rand() * 3)
    numbers = numbers " " (k == 0) " " (k == 1) " " (k == 2)
    return k == 0 ? "circle" : k == 1 ? "square" : "triangle"
}
function colour(    k) {
    k = int(rand() * 3)
    numbers = numbers " " (k == 0) " " (k == 1) " " (k == 2)
    return k == 0 ? "yellow" : k == 1 ? "black" : "blue"
}
function place() {
    x = rand()
    y = rand()
    numbers = numbers sprintf(" %.2f %.2f", x, y)
}
BEGIN {
    srand(seed + 1)
    while (k < n) {
        numbers = ""
        first = colour() " " shape()
        place()
        x1 = x; y1 = y
        second = colour() " " shape()
        place()
        dx = x - x1; dy = y - y1
        ax = dx < 0 ? -dx : dx
        ay = dy < 0 ? -dy : dy
        if (ax + ay < 0.3 || (ax - ay < 0.1 && ay - ax < 0.1))
            continue
        k++
        how = ax > ay ? (dx > 0 ? "left of" : "right of") : \
            (dy > 0 ? "above" : "below")
        print substr(numbers, 2) "\t" "a " first " is " how " a " second
    }
}
