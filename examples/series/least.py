"""python3 least.py TABLE COLUMN WINDOW MEAN SD SHARE CHECKPOINT: least squares on
the equations of linear.cell, over the first SHARE of the series; the largest
difference between its coefficients and those that training found."""
import csv
import json
import struct
import sys

table, column, window, mean, sd, share, checkpoint = sys.argv[1:]
column, window, mean, sd = int(column), int(window), float(mean), float(sd)
with open(table) as f:
    series = [float(row[column - 1]) for row in list(csv.reader(f))[1:] if row]
z = [(v - mean) / sd for v in series[: round(len(series) * float(share))]]

rows = [[1.0] + [z[t - k] if t >= k else 0.0 for k in range(1, window + 1)]
        for t in range(len(z))]
n = window + 1
A = [[sum(r[i] * r[j] for r in rows) for j in range(n)]
     + [sum(r[i] * v for r, v in zip(rows, z))] for i in range(n)]
for i in range(n):  # Gauss and Jordan, the largest pivot first
    p = max(range(i, n), key=lambda r: abs(A[r][i]))
    A[i], A[p] = A[p], A[i]
    A[i] = [v / A[i][i] for v in A[i]]
    for r in range(n):
        if r != i:
            A[r] = [v - A[r][i] * w for v, w in zip(A[r], A[i])]
solved = {"b": [A[0][n]], "a": [A[i][n] for i in range(1, n)]}

with open(checkpoint, "rb") as f:
    head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    body = f.read()
worst = 0
for name, want in solved.items():
    at, end = head[name]["data_offsets"]
    size = (end - at) // len(want)
    form = f"<{len(want)}{'d' if size == 8 else 'f'}"
    got = struct.unpack(form, body[at:end])
    worst = max([worst] + [abs(g - w) for g, w in zip(got, want)])
print(f"difference {worst:.3g} (wanted <= 1e-4)")
sys.exit(0 if worst <= 1e-4 else 3)
