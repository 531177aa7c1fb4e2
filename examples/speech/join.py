"""python3 join.py MFCC.npy INDEX.tsv TAKES COUNT LONGEST SPEED SEED OUT: draws COUNT
strings of 1 to LONGEST recordings and writes a folder: x.npy, their frames one string
after the other, lengths.npy and y.txt, the digits of each.  TAKES, as 5-11,
says of which repetitions (the number at the end of a recording's name); with COUNT 0
every recording is a string, once.  SPEED 0.15 makes each recording up to that
much faster or slower, by interpolation between frames."""
import array
import ast
import csv
import os
import random
import struct
import sys

mfcc, index, takes, count, longest, speed, seed, out = sys.argv[1:]
count, longest, speed = int(count), int(longest), float(speed)
draw = random.Random(int(seed))
with open(mfcc, "rb") as f:
    f.seek(8)
    head = ast.literal_eval(f.read(struct.unpack("<H", f.read(2))[0]).decode())
    assert head["descr"] == "<f4" and not head["fortran_order"], head
    width = head["shape"][1]
    value = array.array("f", f.read())
low, high = (int(t) for t in takes.split("-"))
recording = []
with open(index) as f:
    for row in csv.DictReader(f, delimiter="\t"):
        if low <= int(row["file"].split("_")[2][:-4]) <= high:
            first, n = int(row["first_frame"]), int(row["frames"])
            recording.append((row["digit"], [
                value[i * width:(i + 1) * width] for i in range(first, first + n)]))


def stretched(frames):
    rate = draw.uniform(1 - speed, 1 + speed)
    for i in range(max(int((len(frames) - 1) / rate), 1) + 1):
        at = min(i * rate, len(frames) - 1)
        k = min(int(at), max(len(frames) - 2, 0))
        a, b = frames[k], frames[min(k + 1, len(frames) - 1)]
        yield [x + (at - k) * (y - x) for x, y in zip(a, b)]


def write(name, values, kind, shape):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(f"{out}/{name}.npy", "wb") as f:
        f.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode())
        values.tofile(f)


if count:
    strings = [[draw.choice(recording) for _ in range(draw.randint(1, longest))]
               for _ in range(count)]
else:
    strings = [[r] for r in recording]
frames, lengths = array.array("f"), array.array("i")
os.makedirs(out, exist_ok=True)
with open(out + "/y.txt", "w") as f:
    for string in strings:
        before = len(frames)
        for _, said in string:
            for frame in stretched(said) if speed else said:
                frames.extend(frame)
        lengths.append((len(frames) - before) // width)
        print(*(digit for digit, _ in string), file=f)
write("x", frames, "<f4", (len(frames) // width, width))
write("lengths", lengths, "<i4", (len(lengths),))
