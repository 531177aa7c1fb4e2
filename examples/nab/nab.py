"""python3 nab.py prepare SERIES.csv SHARE OUT: writes OUT.csv (value), OUT-train.csv
(its first SHARE) and prints mean and deviation of that as flags of cellc.
python3 nab.py found SERIES.csv SHARE SCORE.csv WINDOWS.json NAME: which of the windows
behind the first SHARE hold a score above the threshold, and how many alarms, rows
at most a day apart being one, lie outside of all.  The threshold is what one row
in 1,000 of the first SHARE exceeds, half as much again."""
import csv
import datetime
import json
import sys

what, series, share = sys.argv[1], sys.argv[2], float(sys.argv[3])
with open(series) as f:
    table = list(csv.DictReader(f))
cut = int(len(table) * share)

if what == "prepare":
    out = sys.argv[4]
    values = [row["value"] for row in table]
    for name, part in ((out, values), (out + "-train", values[:cut])):
        with open(name + ".csv", "w") as f:
            print("value", *part, sep="\n", file=f)
    v = [float(x) for x in values[:cut]]
    mean = sum(v) / len(v)
    sd = (sum((x - mean) ** 2 for x in v) / len(v)) ** 0.5
    print(f"--option mean={mean:g} --option sd={sd:g}")
    sys.exit()

scores, windows, name = sys.argv[4:]
when = [datetime.datetime.fromisoformat(row["timestamp"]) for row in table]
with open(scores) as f:
    score = [float(row["score"]) for row in csv.DictReader(f)]
limit = 1.5 * sorted(score[10:cut])[int((cut - 10) * 0.999)]
with open(windows) as f:
    wanted = [[datetime.datetime.fromisoformat(t) for t in w]
              for w in json.load(f)[name]]
wanted = [w for w in wanted if w[0] >= when[cut]]
found, false, last = set(), 0, None
for t, s in zip(when[cut:], score[cut:]):
    if s <= limit:
        continue
    hit = [i for i, (a, b) in enumerate(wanted) if a <= t <= b]
    found.update(hit)
    if not hit and (last is None or t - last > datetime.timedelta(days=1)):
        false += 1
    last = t
print(f"{name}: threshold {limit:.2f}, {len(found)} of {len(wanted)} windows, "
      f"{false} false alarms")
if wanted:
    print(f"{name} windows {len(found) / len(wanted):.2f} (wanted >= 0.5)")
    sys.exit(0 if len(found) * 2 >= len(wanted) else 3)
