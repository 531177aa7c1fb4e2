"""zcat RECORDS | python3 prepare.py OUT SCALE: PhysioNet 2012's records as steps.
A step is an hour in which something was measured.  OUT.npy has, for each step of
all stays one after the other, 37 values (the mean of the hour, by mean and
deviation of the training part, which SCALE.json keeps), 37 times 1 where measured,
37 times the hours since the last measurement of that kind, the last values, the
hours since the step before, and what is known on arrival: age, gender, and which
of four wards; OUT.tsv has died, steps, and a heading."""
import json
import math
import os
import struct
import sys

out, scale = sys.argv[1:]
records = [r.split("\n") for r in sys.stdin.read().strip().split("\n\n")]
stays = []
for lines in records:
    hours = {}
    for line in lines[1:]:
        minute, name, value = line.split("\t")
        hour = min(int(minute) // 60, 47)
        hours.setdefault(hour, {}).setdefault(name, []).append(float(value))
    _, died, age, gender, _, unit, _ = lines[0].split("\t")
    about = [float(age) / 20 - 3.2, float(gender)] + [float(unit == k) for k in "1234"]
    stays.append((int(died), about,
                  {h: {k: sum(v) / len(v) for k, v in at.items()}
                   for h, at in hours.items()}))

if os.path.exists(scale):
    with open(scale) as f:
        stats = json.load(f)
else:
    every = {}
    for _, _, hours in stays:
        for at in hours.values():
            for name, v in at.items():
                every.setdefault(name, []).append(v)
    stats = {}
    for name, v in sorted(every.items()):
        v.sort()
        v = v[len(v) // 100:len(v) - len(v) // 100]  # typing errors aside
        mean = sum(v) / len(v)
        sd = math.sqrt(sum((x - mean) ** 2 for x in v) / len(v)) or 1
        stats[name] = (mean, sd)
    with open(scale, "w") as f:
        json.dump(stats, f)

rows, index = [], []
for died, about, hours in stays:
    last, when, before = {}, {}, 0
    for hour in sorted(hours) or [0]:
        x, k, d, l = [], [], [], []
        for name, (mean, sd) in stats.items():
            v = hours.get(hour, {}).get(name)
            d.append((hour - when.get(name, 0)) / 12)
            l.append(last.get(name, 0.0))
            if v is not None:
                last[name] = max(-4.0, min(4.0, (v - mean) / sd))
                when[name] = hour
            x.append(last.get(name, 0.0))
            k.append(float(v is not None))
        rows.append(x + k + d + l + [float(hour - before)] + about)
        before = hour
    index.append((died, max(len(hours), 1)))

width = len(rows[0])
head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {width}), }}"
head += " " * (117 - len(head)) + "\n"
with open(out + ".npy", "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
    for row in rows:
        f.write(struct.pack(f"<{width}f", *row))
with open(out + ".tsv", "w") as f:
    print("died\tsteps", file=f)
    for row in index:
        print(*row, sep="\t", file=f)
