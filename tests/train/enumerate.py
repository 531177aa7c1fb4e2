"""The best sequences of a checkpoint of tree.cell, found by looking at all.

enumerate.py CHECKPOINT LENGTH PENALTY N: lines "score words", best first; what
did not end within LENGTH steps comes last.
"""
import json
import math
import struct
import sys

WORDS = ["</s>", "<s>", "a", "b", "c"]


def matrix(data, name):
    size = struct.unpack("<Q", data[:8])[0]
    at, end = json.loads(data[8:8 + size])[name]["data_offsets"]
    n = len(WORDS)
    v = struct.unpack("<%df" % (n * n), data[8 + size + at:8 + size + end])
    return [v[i * n:i * n + n] for i in range(n)]


def logs(p, q, before, last):
    z = [p[i][last] + q[i][before] for i in range(len(WORDS))]
    total = math.log(sum(math.exp(v) for v in z))
    return [v - total for v in z]


def main(path, length, penalty, n):
    data = open(path, "rb").read()
    p, q = matrix(data, "Wp"), matrix(data, "Wq")
    found, open_ones = [], [((1, 1), 0.0)]
    for step in range(1, length + 1):
        longer = []
        for ids, logp in open_ones:
            for i, more in enumerate(logs(p, q, ids[-2], ids[-1])):
                one = (ids + (i,), logp + more)
                if i == 0 or step == length:
                    found.append((i != 0, -one[1] / step**penalty, one[0]))
                else:
                    longer.append(one)
        open_ones = longer
    for _, score, ids in sorted(found)[:n]:
        print("%.5f" % -score, *(WORDS[i] for i in ids[2:] if i))


main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
