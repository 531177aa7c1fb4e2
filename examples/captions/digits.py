"""python3 digits.py IMAGES LABELS N SEED NAME: scenes of two digits, each with its
sentence.  Two of the four quarters of an image have a digit of MNIST, half as large.
NAME.idx has N images of 28 by 28, NAME.txt a sentence a line."""
import gzip
import random
import sys

WORDS = "zero one two three four five six seven eight nine".split()
RELATION = {(0, 1): "left of", (2, 3): "left of", (0, 2): "above", (1, 3): "above",
            (0, 3): "above and left of", (1, 2): "above and right of"}
images, labels, count, seed, name = sys.argv[1:]
count, draw = int(count), random.Random(seed)
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


with open(name + ".idx", "wb") as image, open(name + ".txt", "w") as said:
    image.write(bytes([0, 0, 8, 3]))
    image.write(b"".join(n.to_bytes(4, "big") for n in (count, 28, 28)))
    for _ in range(count):
        places = draw.choice(sorted(RELATION))
        digits = [draw.randrange(len(labels)) for _ in places]
        quarter = [[bytes(14)] * 14 for _ in range(4)]
        for place, k in zip(places, digits):
            quarter[place] = small(k)
        for left, right in (quarter[:2], quarter[2:]):
            image.write(b"".join(a + b for a, b in zip(left, right)))
        first, second = (WORDS[labels[k]] for k in digits)
        print("a", first, RELATION[places], "a", second, file=said)
