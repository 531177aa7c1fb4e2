"""Whether an image shows the steps of a table side by side.

beside.py FILE.csv FILE.png WIDTH: each step as lines of so many pixels.
"""
import struct
import sys
import zlib

width = int(sys.argv[3])
steps = [[float(x) for x in line.split(",")]
         for line in open(sys.argv[1]).read().split("\n")[1:] if line]
data = open(sys.argv[2], "rb").read()
wide, high = struct.unpack(">II", data[16:24])
at = data.index(b"IDAT") + 4
size = struct.unpack(">I", data[at - 8:at - 4])[0]
lines = zlib.decompress(data[at:at + size])
assert (wide, high) == (len(steps) * width, len(steps[0]) // width)
for t, step in enumerate(steps):
    for i, x in enumerate(step):
        pixel = lines[i // width * (wide + 1) + 1 + t * width + i % width]
        assert pixel == int(255 * min(max(x, 0), 1) + 0.5) or \
            abs(pixel - 255 * x) < 0.501
