"""python3 nab.py prepare SERIES.csv SHARE WINDOWS.json NAME OUT: writes OUT.csv, the
value, the time of day and of week, and whether one of NAB's windows is there, and
OUT-train.csv, its first SHARE; prints mean, deviation and range of that as flags of
cellc.
python3 nab.py limit SERIES.csv SHARE SURPRISE.csv: the flag of the threshold, twice
the largest surprise of the first SHARE.
python3 nab.py found SERIES.csv SHARE ALARM.csv WINDOWS.json NAME: how many windows
behind the first SHARE hold an alarm, and how many alarms lie outside of all; one that
lasts, or comes again within a day, counts once a day."""
import csv
import datetime
import json
import sys

what, series, share = sys.argv[1], sys.argv[2], float(sys.argv[3])
with open(series) as f:
    table = list(csv.DictReader(f))
when = [datetime.datetime.fromisoformat(row["timestamp"]) for row in table]
cut = int(len(table) * share)


def column(path, name):
    with open(path) as f:
        return [float(row[name]) for row in csv.DictReader(f)]


def marked(path, name):
    with open(path) as f:
        return [[datetime.datetime.fromisoformat(t) for t in w]
                for w in json.load(f).get(name, [])]


def prepare(windows, name, out):
    lines = ["x,day,week,window"]
    wanted = marked(windows, name)
    for row, t in zip(table, when):
        day = (t.hour + t.minute / 60 + t.second / 3600) / 24
        inside = any(a <= t <= b for a, b in wanted)
        lines.append(f"{row['value']},{day:.5f},{(t.weekday() + day) / 7:.5f},"
                     f"{int(inside)}")
    for path, n in ((out + ".csv", len(table)), (out + "-train.csv", cut)):
        with open(path, "w") as f:
            print(*lines[:n + 1], sep="\n", file=f)
    v = [float(row["value"]) for row in table[:cut]]
    mean = sum(v) / len(v)
    sd = (sum((x - mean) ** 2 for x in v) / len(v)) ** 0.5
    print(f"--option mean={mean:g} --option sd={sd:g}",
          f"--option least={min(v):g} --option most={max(v):g}")


def limit(surprise):
    print(f"--option limit={2 * max(column(surprise, 'surprise')[100:cut]):g}")


def found(alarms, windows, name):
    wanted = [w for w in marked(windows, name) if w[0] >= when[cut]]
    hits, false, last = set(), 0, None
    for t, alarm in list(zip(when, column(alarms, "alarm")))[cut:]:
        if not alarm:
            continue
        hit = [i for i, (a, b) in enumerate(wanted) if a <= t <= b]
        hits.update(hit)
        if not hit and (last is None or t - last > datetime.timedelta(days=1)):
            false += 1
            last = t
    print(f"{name}: {len(hits)} of {len(wanted)} windows, {false} false alarms")
    if wanted:
        print(f"{name} windows {len(hits) / len(wanted):.2f} (wanted >= 0.5)")
        sys.exit(0 if len(hits) * 2 >= len(wanted) else 3)


{"prepare": prepare, "limit": limit, "found": found}[what](*sys.argv[4:])
