"""Whether each line of tags is the best of all under the scores of a CRF.

bestpath.py CHECKPOINT SCORES TAGS: the two tables as predict writes them.
"""
import itertools
import json
import struct
import sys

data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
at, end = json.loads(data[8:8 + size])["A"]["data_offsets"]
v = struct.unpack("<9f", data[8 + size + at:8 + size + end])
A = [v[0:3], v[3:6], v[6:9]]


def parts(path):
    return open(path).read().split("\n", 1)[1].strip("\n").split("\n\n")


def score(s, tags):
    total = sum(row[k] for row, k in zip(s, tags))
    return total + sum(A[i][j] for i, j in zip(tags, tags[1:]))


for rows, found in zip(parts(sys.argv[2]), parts(sys.argv[3])):
    s = [[float(x) for x in row.split(",")] for row in rows.split("\n")]
    tags = ["XYZ".index(x) for x in found.split("\n")]
    best = max(score(s, t) for t in itertools.product(range(3), repeat=len(s)))
    if len(tags) != len(s) or score(s, tags) < best - 1e-5:
        sys.exit(f"{found.split()}: {score(s, tags)}, the best is {best}")
