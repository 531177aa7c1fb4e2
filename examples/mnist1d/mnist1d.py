"""python3 mnist1d.py N SEED: sequences in the manner of MNIST-1D (Greydanus 2020):
ten templates, each padded, scaled, shifted, with correlated noise and sheared; a
line has the digit and 40 numbers."""
import math
import random
import sys

PATTERNS = [
    [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
    [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
    [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
    [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
    [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
    [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
    [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
    [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
]


LENGTH = 72


def template(pattern):
    mean = sum(pattern) / len(pattern)
    sd = (sum((x - mean) ** 2 for x in pattern) / len(pattern)) ** 0.5
    return [(x - pattern[0]) / sd / 6 + 1e-8 for x in pattern]


def stretch(v, n):
    """v at n places, lines between its elements."""
    out = []
    for k in range(n):
        at = k * (len(v) - 1) / (n - 1)
        i = min(int(at), len(v) - 2)
        out.append(v[i] + (at - i) * (v[i + 1] - v[i]))
    return out


def smooth(v, sigma):
    """Gauss's filter, with reflection at the ends."""
    r, n = 4 * sigma, len(v)
    w = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-r, r + 1)]
    wide = v[r - 1::-1] + v + v[:-r - 1:-1]
    return [sum(a * b for a, b in zip(w, wide[i:])) / sum(w) for i in range(n)]


def example(digit, draw):
    def around(scale):
        return scale * (draw.random() - 0.5)

    v = template(PATTERNS[digit]) + [0.0] * (36 + draw.randrange(25))
    size, shift, slope = 1 - around(0.4), draw.randrange(48), around(0.75)
    v = [size * x for x in stretch(v, LENGTH)]
    v = v[-shift:] + v[:-shift] if shift else v
    noise = smooth([draw.gauss(0, 0.25) for _ in v], 2)
    v = [x if x else e for x, e in zip(v, noise)]  # noise where the digit is not
    v = [x + draw.gauss(0, 0.02) - slope * (i / (LENGTH - 1) - 0.5)
         for i, x in enumerate(v)]
    return stretch(v, 40)


def main():
    draw = random.Random(sys.argv[2])
    for k in range(int(sys.argv[1])):
        v = example(k % 10, draw)
        print(k % 10, *(f"{3 * x:.4f}" for x in v), sep="\t")


main()
