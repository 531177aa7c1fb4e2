# paste CAPTIONS SCENES | awk -f draw.awk >scenes.svg: scenes of NLVR under their
# captions.  A scene has three boxes of eight things, each ten numbers: whether it is
# there, x and y of its corner and its size by 40, one of three shapes, one of three
# colours.
BEGIN {
    FS = "\t"
    split("gold black blue", colour, " ")
}
{
    gsub(/&/, "\\&amp;", $1)
    gsub(/</, "\\&lt;", $1)
    out = out sprintf("<text x=\"10\" y=\"%d\">%s</text>\n", y + 20, $1)
    split($2, v, " ")
    for (box = 0; box < 3; box++) {
        out = out sprintf("<rect x=\"%d\" y=\"%d\" width=\"100\" height=\"100\" " \
            "fill=\"gainsboro\"/>\n", 10 + 110 * box, y + 30)
        for (thing = 0; thing < 8; thing++)
            shape(10 * (8 * box + thing), 10 + 110 * box, y + 30)
    }
    y += 140
}
function shape(at, left, top,    s, x, y, fill) {
    if (!v[at + 1])
        return
    x = left + 100 * v[at + 2]
    y = top + 100 * v[at + 3]
    s = 40 * v[at + 4]
    fill = colour[v[at + 8] ? 1 : v[at + 9] ? 2 : 3]
    if (v[at + 5])
        out = out sprintf("<circle cx=\"%g\" cy=\"%g\" r=\"%g\"", x + s / 2, y + s / 2, s / 2)
    else if (v[at + 6])
        out = out sprintf("<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\"", x, y, s, s)
    else
        out = out sprintf("<path d=\"M%g %g l%g %g h%g z\"", x + s / 2, y, s / 2, s, -s)
    out = out " fill=\"" fill "\"/>\n"
}
END {
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"660\" height=\"%d\" " \
        "font-family=\"sans-serif\" font-size=\"14\">\n%s</svg>\n", y, out
}
