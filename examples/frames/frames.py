"""python3 frames.py IMAGES LABELS N T SEED NAME: videos of digits, each with its digit
at every frame.  A digit, half as large, moves through a frame of 20 by 20 and is thrown
back by the borders; at some frame another one takes its place.  NAME.idx has N videos
of T frames of 400 pixels, NAME-labels.idx their digits."""
import gzip
import random
import sys

SIDE, HALF = 20, 14
images, labels, count, steps, seed, name = sys.argv[1:]
count, steps, draw = int(count), int(steps), random.Random(seed)
with gzip.open(images) as f:
    pixels = f.read()[16:]
with gzip.open(labels) as f:
    labels = f.read()[8:]


def small(k):
    """Digit k as 14 rows of 14: the means of four pixels."""
    image = pixels[784 * k:784 * (k + 1)]
    rows = [image[28 * r:28 * (r + 1)] for r in range(28)]
    return [bytes(sum(four) // 4 for four in zip(a[::2], a[1::2], b[::2], b[1::2]))
            for a, b in zip(rows[::2], rows[1::2])]


def path():
    """Positions between 0 and 6 at each frame."""
    at, speed = draw.randrange(7), draw.choice([-2, -1, 1, 2])
    for _ in range(steps):
        yield at
        if not 0 <= at + speed <= SIDE - HALF:
            speed = -speed
        at += speed


digits = [small(k) for k in range(len(labels))]
with open(name + ".idx", "wb") as video, open(name + "-labels.idx", "wb") as said:
    for to, *size in (video, count, steps, SIDE * SIDE), (said, count, steps):
        to.write(bytes([0, 0, 8, len(size)]))
        to.write(b"".join(n.to_bytes(4, "big") for n in size))
    for _ in range(count):
        k, cut = draw.randrange(len(digits)), draw.randrange(2, steps)
        for t, (x, y) in enumerate(zip(path(), path())):
            if t == cut:
                k = draw.randrange(len(digits))
            frame = bytearray(SIDE * SIDE)
            for r, row in enumerate(digits[k], y):
                frame[SIDE * r + x:SIDE * r + x + HALF] = row
            video.write(frame)
            said.write(labels[k:k + 1])
