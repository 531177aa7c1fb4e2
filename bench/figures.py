#!/usr/bin/env python3
"""The figures of docs/PERFORMANCE.md but for start-up and streaming, as tables
of Markdown; bench/run calls it.

    figures.py NAME [--rounds N] [--updates N] [--only WORD]

Ours are cells of the library, timed by build/bench/step, which runs beside this
process, or by `cellc bench`; peers (peers.py) take turns with them in the same
run.  One-thread figures stay on the last processor.  "limit" is 6 T B times the
entries of the matrices that a step uses, over the machine's peak of matrix
products: the higher of our own and PyTorch's; "share" is limit / time.
Where several share a machine, BENCH_LOCK names a file to lock for each turn.
"""
import argparse
import contextlib
import csv
import fcntl
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import textwrap
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.path.join(ROOT, "build", "bench")
CELLC = os.environ.get("CELLC", os.path.join(ROOT, "build", "cellc"))

# Cell, T,B,I,H, share of the limit wanted, times faster than the best peer.
TABLE = [("lstm", (200, 1, 64, 64), .60, 3.4),
         ("lstm", (100, 16, 64, 64), .75, 1.5),
         ("lstm", (100, 32, 128, 128), .85, 1.2),
         ("lstm", (35, 20, 200, 200), .85, 1.25),
         ("lstm", (50, 64, 256, 256), .87, 1.25),
         ("lstm", (35, 20, 650, 650), .80, 1.5),
         ("lstm", (128, 128, 512, 512), .85, 1.15),
         ("gru", (200, 1, 64, 64), .60, 4), ("gru", (100, 16, 64, 64), .75, 2),
         ("gru", (100, 32, 128, 128), .85, 1.6),
         ("gru", (50, 64, 256, 256), .85, 1.3),
         ("tanh", (100, 32, 128, 128), .80, 1.5),
         ("peephole", (200, 1, 64, 64), .50, 4),
         ("peephole", (100, 16, 64, 64), .75, 2.2),
         ("peephole", (100, 32, 128, 128), .85, 1.8),
         ("peephole", (35, 20, 200, 200), .85, 2),
         ("peephole", (35, 20, 650, 650), .80, 2.2),
         ("mut1", (200, 1, 64, 64), .50, 8),
         ("mut1", (100, 32, 128, 128), .80, 1.7),
         ("mgu", (100, 16, 64, 64), .70, 3),
         ("mgu", (100, 32, 128, 128), .80, 1.6)]
ENTRIES = {"lstm": (4, 4), "peephole": (4, 4), "gru": (3, 3), "tanh": (1, 1),
           "mut1": (3, 2), "mgu": (2, 2)}  # matrices of x, of h
OF_LIBRARY = {"tanh": "rnn"}  # what the table calls otherwise


def text(shape):
    return ",".join(map(str, shape))


def percent(x):
    return f"{100 * x:.1f} %"


def table(head, rows):
    rows = [head] + [[str(c) for c in row] for row in rows]
    width = [max(len(r[i]) for r in rows) for i in range(len(head))]
    for k, row in enumerate(rows):
        print("| " + " | ".join(
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, width))) + " |")
        if not k:
            print("|" + "|".join("-" * (w + 1) + (":" if i else "-")
                                 for i, w in enumerate(width)) + "|")
    sys.stdout.flush()


def say(*sentences):
    print(textwrap.fill(" ".join(sentences), 82), end="\n\n")


def progress(line):
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def turn():
    """This process alone measures meanwhile, where others keep to it too."""
    name = os.environ.get("BENCH_LOCK")
    if not name:
        yield
        return
    with open(name, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pin():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


class Server:
    """build/bench/step, which keeps models and times them."""

    def __init__(self):
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "step")], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("figures: no answer to " + " ".join(map(str, words)))
        return answer.split()


class Ours:
    """A cell of the library, or a spec, in one shape on one back end."""

    def __init__(self, server, cell, backend, shape, threads=1, spec=None,
                 lanes=1):
        self.name = backend if threads == 1 else f"{backend}, {threads} threads"
        self.name += "" if lanes else ", products divided"
        self.server = server
        self.key = f"{cell}-{backend}-{threads}-{lanes}-{text(shape)}"
        if not spec:
            spec = os.path.join(BUILD, cell + ".cell")
            with open(spec, "w") as f:
                f.write(f"option n = 4\ninput x[t,m]\n"
                        f"h = {OF_LIBRARY.get(cell, cell)}(n)(x)\noutput h\n")
        server.ask("load", self.key, spec, backend, *shape, threads, lanes)

    def times(self, steps):
        return [float(ms) for ms in self.server.ask("time", self.key, steps)]

    def close(self):
        self.server.ask("free", self.key)


class Peer:
    def __init__(self, peer):
        self.name, self.peer = peer.name, peer

    def times(self, steps):
        import peers
        return peers.timed(self.peer, steps)

    def close(self):
        self.peer = None


def interleave(runs, rounds, seconds=30):
    """{name: sorted ms} of all runs in turn; the first turn warms up, and the
    first step of a turn finds the caches of another."""
    times = {run.name: [] for run in runs}
    end = time.time() + seconds
    for k in range(rounds + 1):
        for run in runs:
            with turn():
                ms = run.times(4 if seconds > 25 else 2)[1:]
            if k:
                times[run.name] += ms
        if k > 1 and time.time() > end:
            break
    for run in runs:
        run.close()
    return {name: sorted(ms) for name, ms in times.items()}


def one_thread():
    """Pins everything; the modules of the peers, and the peak in GFLOP/s."""
    pin()
    import peers
    if peers.torch:
        peers.torch.set_num_threads(1)
        peers.torch.set_num_interop_threads(1)
    with turn():
        own = float(subprocess.check_output([os.path.join(BUILD, "step"),
                                             "peak"]))
        blas = peers.blas_peak()
    theirs = (f"PyTorch {peers.torch.__version__} {blas:.1f}" if blas
              else "no PyTorch")
    say(f"Peak of matrix products on one thread: {max(own, blas):.1f} GFLOP/s",
        f"(ours {own:.1f}, {theirs}).")
    return peers, max(own, blas)


def limit_ms(cell, shape, peak):
    T, B, I, H = shape
    of_x, of_h = ENTRIES[cell]
    return 6 * T * B * H * (of_x * I + of_h * H) / peak / 1e6


def figure_table(args):
    peers, peak = one_thread()
    server, rows = Server(), []
    for cell, shape, share, ratio in TABLE:
        if args.only and args.only not in f"{cell} {text(shape)}":
            continue
        progress(f"{cell} {text(shape)}")
        runs = [Ours(server, cell, b, shape) for b in ("tcc", "cc")]
        small = shape[0] * shape[1] * shape[3] < 1e6
        others = [peers.nn_layer(cell, shape), peers.jax_scan(cell, shape)]
        if cell not in ("lstm", "gru", "tanh") and small:
            others.append(peers.eager(cell, shape))
        runs += [Peer(p) for p in others if p]
        big = limit_ms(cell, shape, peak) > 100
        times = interleave(runs, args.rounds, 20 if big else 30)
        best = {n: ms[0] for n, ms in times.items()}
        ours = min(best["tcc"], best["cc"])
        rival = min((ms, n) for n, ms in list(best.items())[2:]
                    ) if len(best) > 2 else (None, "none")
        limit = limit_ms(cell, shape, peak)
        rows.append([cell, text(shape), percent(limit / ours),
                     f"{100 * share:.0f} %",
                     f"{rival[0] / ours:.2f}" if rival[0] else "-", ratio,
                     f"{limit:.3f}"]
                    + [f"{best[n]:.3f} ({statistics.median(times[n]):.3f})"
                       for n in ("tcc", "cc")]
                    + [f"{rival[1]} {rival[0]:.3f}" if rival[0] else "-"]
                    + [f"{best[n]:.2f}" if n in best else "-" for n in
                       ("PyTorch nn", "JAX scan", "PyTorch eager")])
    table(["cell", "T,B,I,H", "share", "wanted", "ratio to best peer",
           "wanted", "limit ms", "tcc ms (median)", "cc ms (median)",
           "best peer", "PyTorch nn", "JAX scan", "eager"], rows)


def bench(*words, seconds=None):
    """One run of `cellc bench --json`; None where it fails or takes longer."""
    with turn():
        try:
            done = subprocess.run([CELLC, "bench", *words, "--json"], text=True,
                                  capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["said nothing"]
        progress(f"{words[0]}: exit code {done.returncode}, {said[-1]}")
        return None
    return json.loads(done.stdout)["runs"][0]


def better(run, other):
    """Of two runs of `bench` the faster; the profile of the quieter."""
    if not run or not other:
        return run or other
    best = min(run, other, key=lambda r: r["gradient"]["min_ms"])
    if "time" in run and "time" in other:
        best = {**best, "time": min(run["time"], other["time"],
                                    key=lambda t: t["between"])}
    return best


def bench_cell(name, peak, rounds):
    """Both tiers, of fewer steps where a cell takes too long; or None."""
    for T, times in ((100, rounds), (10, 1)):
        words = [name, "--shape", f"{T},32,128,128", "--rounds", str(times),
                 "--peak", str(peak)]
        tcc = bench(*words, seconds=60)
        if tcc: # more time, for the compiler
            return tcc, bench(*words, "--backend", "cc", seconds=90)
    return None


def figure_cells(args):
    _, peak = one_thread()
    cells = [cell["name"] for cell in json.loads(subprocess.check_output(
        [CELLC, "cells", "--json"])) if not args.only
             or args.only in cell["name"]]
    runs = {}
    # three times minutes apart, as others use the machine for some of them
    for again in range(3):
        for name in cells:
            had = runs.get(name)
            if again and (not had or had[0]["gradient"]["min_ms"] > 150):
                continue
            progress(name)
            new = bench_cell(name, peak, args.rounds)
            if again and new:
                new = tuple(map(better, had, new))
            runs[name] = new or had
    found, without, slow = [], [], []
    for name in cells:
        if not runs[name]:
            slow.append(name)
            continue
        run, cc = runs[name]
        if run["T"] < 100:
            name += f" (T = {run['T']})"
        if not run["gradient"]["flops"]:
            without.append(name)
            continue
        spent = run.get("time", {})
        share = [r["gradient"]["share_of_peak"] if r else 0 for r in (run, cc)]
        found.append((max(share), [
            name, percent(max(share)), f"{run['limit_ms']:.2f}",
            percent(1 - spent.get("products", 1)),
            percent(spent.get("between", 0)),
            f"{run['gradient']['min_ms']:.2f}",
            f"{run['gradient']['median_ms']:.2f}",
            *([f"{cc['gradient'][m]:.2f}" for m in ("min_ms", "median_ms")]
              if cc else ["-", "-"]),
            f"{run['work_bytes'] / 1e6:.1f}"]))
    found.sort(key=lambda f: f[0])
    above = sum(f[0] >= .75 for f in found)
    say(f"{above} of {len(found)} cells reach 75 % of their own limit, at",
        "100,32,128,128 on one thread, by the faster of the two tiers; slowest",
        "first. Measured three times, minutes apart, of which the fastest stands",
        "here, for gradients of up to 150 ms. What is not in products, and what",
        "is between kernels, is of tcc.",
        f"Without a product: {', '.join(without) or 'none'}. Not run within a",
        "minute, or not with one input of that size:",
        f"{', '.join(slow) or 'none'}.")
    table(["cell", "share", "limit ms", "not in products", "between kernels",
           "tcc ms", "median", "cc ms", "median", "work MB"],
          [f[1] for f in found])


def wrapped(wrap, cell):
    """The file of a spec that puts a cell of n units into others."""
    path = os.path.join(BUILD, f"{cell}-{''.join(filter(str.isalnum, wrap))}.cell")
    with open(path, "w") as f:
        f.write(f"option n = 4\ninput x[t,m]\n"
                f"h = {wrap.replace('%', cell + '(n)')}(x)\noutput h\n")
    return path


def figure_threads(args):
    shapes = [("lstm", (100, 32, 128, 128)), ("lstm", (50, 64, 256, 256)),
              ("gru", (100, 32, 128, 128)), ("mut1", (100, 32, 128, 128))]
    shapes += [(cell, (100, 1, n, n)) for cell in ("lstm", "gru")
               for n in (64, 128, 256, 512)]
    shapes += [(cell, (100, 1, n, n)) for n in (64, 128, 256)
               for cell in ("bi(lstm)", "stack(2,lstm)", "stack(3,bi(gru))")]
    shapes += [("stack(2,lstm)", (100, b, 128, 128)) for b in (2, 4, 7)]
    server, times = Server(), {}
    # three times, as others use one of the two cores for some of them
    for cell, shape in shapes * 3:
        inner = re.split("[(,]", cell)[-1].rstrip(")")
        spec = wrapped(cell.replace(inner, "%"), inner)
        runs = [Ours(server, cell, "tcc", shape, n, spec) for n in (1, 2)]
        if shape[1] < 8:
            runs.append(Ours(server, cell, "tcc", shape, 2, spec, lanes=0))
        new = interleave(runs, args.rounds, 6).values()
        had = times.get((cell, shape), [[]] * len(runs))
        times[cell, shape] = [sorted(a + b) for a, b in zip(had, new)]
    rows = []
    for (cell, shape), (one, two, *divided) in times.items():
        wanted = (1.85 if shape[1] * shape[2] >= 4096 else
                  1.5 if shape[1] == 1 and shape[2] >= 256 else "")
        rows.append([cell, text(shape), f"{one[0] / two[0]:.2f}",
                     f"{statistics.median(one) / statistics.median(two):.2f}",
                     wanted, *(f"{one[0] / d[0]:.2f}" for d in divided or [two]),
                     f"{one[0]:.3f}", f"{two[0]:.3f}"])
    say("Measured three times, of which the fastest stands here.")
    table(["cell", "T,B,I,H", "ratio", "of medians", "wanted",
           "without lanes", "one ms", "two ms"], rows)


def figure_length(args):
    peers, _ = one_thread()
    server, rows, first = Server(), [], {}
    for T in (100, 200, 400, 800, 1600):
        shape = (T, 32, 128, 128)
        progress(text(shape))
        runs = [Ours(server, "lstm", "tcc", shape)]
        runs += [Peer(p) for p in (peers.nn_layer("lstm", shape),
                                   peers.jax_scan("lstm", shape)) if p]
        times = interleave(runs, args.rounds, 20)
        row = [T]
        for name in ("tcc", "PyTorch nn", "JAX scan"):
            if name not in times:
                row += ["-", "-"]
                continue
            first.setdefault(name, times[name][0])
            row += [f"{times[name][0] / first[name]:.1f}",
                    f"{1e3 * times[name][0] / T:.0f}"]
        rows.append(row)
    say("LSTM at T,32,128,128; wanted at T = 1600: at most 16.5 times the time",
        "at T = 100.")
    table(["T", "ours: times T = 100", "µs per step", "PyTorch nn",
           "µs per step", "JAX scan", "µs per step"], rows)


def figure_mingru(args):
    peers, _ = one_thread()
    shape = (1600, 32, 128, 128)
    runs = [Ours(Server(), "mingru", b, shape) for b in ("tcc", "cc")]
    runs += [Peer(p) for p in (peers.jax_mingru(shape, False),
                               peers.jax_mingru(shape, True)) if p]
    times = interleave(runs, args.rounds, 20)
    ours = min(times["tcc"][0], times["cc"][0])
    say(f"minGRU at {text(shape)}; the goal of 60 ms was set on a machine where",
        "JAX took 173 and 292 ms, 2.9 and 4.9 times as long.")
    table(["", "ms", "median", "times ours"],
          [[n, f"{ms[0]:.1f}", f"{statistics.median(ms):.1f}",
            f"{ms[0] / ours:.2f}"] for n, ms in times.items()])


def random_cells(count):
    """Specs around the first cells that the generator of tests/fuzz draws
    which have products and no matrix that varies."""
    import random
    sys.path.insert(0, os.path.join(ROOT, "tests", "fuzz"))
    import parts

    class Drawn(parts.Cells):
        def __init__(self, seed):
            self.rng = random.Random(seed)
            self.head = []

        def chance(self, p):
            return self.rng.random() < p

        def fresh(self, letter):
            return f"{letter}0"

        def input_of(self, n):
            return "x"

        def said_of(self, n, params):
            return ""

        def apply(self, *how):
            return "h"

    specs, seed = [], 0
    while len(specs) < count:
        seed += 1
        cell = Drawn(seed)
        cell.own_cell()
        drawn = "\n".join(cell.head)
        if "outer" in drawn or "e[k]" in drawn or drawn.count("@") < 3:
            continue
        specs.append(os.path.join(BUILD, f"random{seed}.cell"))
        with open(specs[-1], "w") as f:
            f.write(f"option n = 4\ninput x[t,m]\n{drawn}\n"
                    "h = cell0(n)(x)\noutput h\n")
    return specs


def figure_tiers(args):
    pin()
    server, rows = Server(), []
    cells = [("lstm", None), ("mut1", None)]
    cells += [(os.path.basename(s)[:-5], s) for s in random_cells(3)]
    for cell, spec in cells:
        for n in (8, 64, 128):
            shape = (100, 32, n, n)
            runs = [Ours(server, cell, b, shape, spec=spec)
                    for b in ("tcc", "cc")]
            tcc, cc = interleave(runs, args.rounds, 10).values()
            rows.append([cell, n, f"{tcc[0] / cc[0]:.2f}",
                         "1.3" if n == 8 else "1.1", f"{tcc[0]:.3f}",
                         f"{cc[0]:.3f}"])
    say("A step at 100,32,n,n, the random cells being those of tests/fuzz by",
        "their seed.")
    table(["cell", "n", "tcc / cc", "at most", "tcc ms", "cc ms"], rows)


def figure_memory(args):
    rows = []
    for shape, most in (("50,64,256,256", 60), ("100,32,128,128", None)):
        run = bench("lstm", "--shape", shape, "--rounds", "1", "--peak", "100")
        rows.append([f"lstm {shape}", f"{run['resident_bytes'] / 1e6:.1f}",
                     most or "-", f"{run['work_bytes'] / 1e6:.1f}"])
    rows.append(long_training())
    table(["training", "resident MB", "at most", "work block MB"], rows)


def long_training():
    """T = 100,000 at B = 1, H = 128 within 200 MB, where `train` can."""
    name = "lstm 100000,1,128,128 --memory 200M"
    usage = subprocess.run([CELLC, "train", "--help"], text=True,
                           capture_output=True).stdout
    if "--memory" not in usage:
        return [name, "`train` has no --memory", 200, "-"]
    spec, data = (os.path.join(BUILD, n) for n in ("long.cell", "long.csv"))
    with open(spec, "w") as f:
        f.write("option n = 128\ninput x[t], y[t]\nparam v[n]\n"
                "h = lstm(n)([x])\nloss (sum(v * h) - y)^2\n")
    with open(data, "w") as f:
        f.write("x,y\n")
        f.writelines(f"{i % 7},{i % 5}\n" for i in range(100000))
    with turn():
        done = subprocess.run(
            [CELLC, "train", spec, data, "--column", "x=x", "--column", "y=y",
             "--batch", "1", "--tbptt", "100000", "--steps", "1", "--threads",
             "1", "--memory", "200M", "-o", os.path.join(BUILD, "long.safetensors")],
            capture_output=True, text=True)
    import resource
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    if done.returncode:
        progress(done.stderr.strip())
    return [name, f"{most:.1f}" if not done.returncode else "failed", 200, "-"]


def verne():
    """The text between the licence's lines, CRLF as LF; None: not there."""
    place = os.path.join(os.environ.get("CELLC_SHARED", "/nonexistent"),
                         "data", "charlm", "mysterious_island.txt")
    if not os.path.exists(place):
        return None
    with open(place, encoding="utf-8-sig", newline="") as f:
        book = f.read().replace("\r\n", "\n")
    return book[book.index("THE MYSTERIOUS ISLAND"):
                book.index("End of the Project Gutenberg")]


def alternate(commands, seconds=20):
    """Runs the commands in turns of so many seconds, all others stopped; returns
    the seconds that each ran.  Whatever slows the machine for minutes then slows
    all alike, and between turns others may measure."""
    runs = [subprocess.Popen(c, stdout=subprocess.DEVNULL) for c in commands]
    took = [0] * len(runs)
    for run in runs:
        run.send_signal(signal.SIGSTOP)
    try:
        while any(run.poll() is None for run in runs):
            for k, run in enumerate(runs):
                if run.poll() is not None:
                    continue
                with turn():
                    start = time.time()
                    run.send_signal(signal.SIGCONT)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        run.wait(seconds)
                    if run.poll() is None:
                        run.send_signal(signal.SIGSTOP)
                    took[k] += time.time() - start
            progress(" ".join(f"{s:.0f} s" for s in took))
    finally:
        for run in runs:
            run.kill()
    for run, command in zip(runs, commands):
        if run.wait():
            sys.exit(f"figures: {command[0]} failed")
    return took


def losses_of(log):
    """The loss of every tenth of the updates, from a training log."""
    with open(log, newline="") as f:
        return [float(r["loss"]) for r in csv.DictReader(f) if r["loss"]]


def figure_charlm(args):
    book = verne()
    if not book:
        sys.exit("figures: charlm reads data/charlm/mysterious_island.txt in "
                 "the folder that CELLC_SHARED names")
    import peers
    n = max(args.updates // 10 * 10, 10)
    path = os.path.join(BUILD, "verne.txt")
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(book)
    names = ["cellc train"] + ["PyTorch"] * bool(peers.torch)
    logs = [os.path.join(BUILD, f"verne{k}.log.csv") for k in range(len(names))]
    for log in filter(os.path.exists, logs):
        os.remove(log)
    commands = [[CELLC, "train", os.path.join(HERE, "textbook.cell"), path,
                 "--threads", "2", "--steps", str(n), "--log", logs[0],
                 "--log-every", str(n // 10), "-o",
                 os.path.join(BUILD, "verne.safetensors")],
                [sys.executable, os.path.join(HERE, "peers.py"), "textbook",
                 path, str(n), logs[-1]]][:len(names)]
    took = alternate(commands)
    say(f"The textbook's character model, {n} updates on two threads, data and",
        "start-up included, in turns of 20 seconds; the loss is the mean of a",
        "tenth of the updates, in nats per character.")
    table(["", "s", "times ours", "ms per update", "loss, first tenth",
           "fifth", "last"],
          [[name, f"{s:.1f}", f"{s / took[0]:.2f}", f"{1e3 * s / n:.0f}",
            f"{loss[0]:.3f}", f"{loss[4]:.3f}", f"{loss[9]:.3f}"]
           for name, s, loss in zip(names, took, map(losses_of, logs))])


FIGURES = {n[7:]: f for n, f in list(globals().items())
           if n.startswith("figure_")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=FIGURES)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--updates", type=int, default=100,
                        help="of charlm; the textbook has 10000")
    parser.add_argument("--only", help="rows with this word")
    args = parser.parse_args()
    FIGURES[args.name](args)


if __name__ == "__main__":
    main()
