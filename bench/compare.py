#!/usr/bin/env python3
"""Training steps of ours and of PyTorch, interleaved in one run.

A step is forward and backward with all gradients, that of the input included,
from a given gradient of the output; float32, one thread.  Ours are cells of the
library through both back ends, timed by `step`, which runs beside this process;
the peers are nn.LSTM and a peephole cell written by hand in eager PyTorch.

    compare.py STEP [ROUNDS]
"""
import os
import statistics
import subprocess
import sys
import time

try:
    import torch
except ImportError:
    torch = None

SHAPES = [(35, 20, 200, 200), (100, 32, 128, 128), (200, 1, 64, 64),
          (50, 64, 256, 256)]
HERE = os.path.dirname(os.path.abspath(__file__))


class Ours:
    """A spec and a back end; `step` is asked for its times."""

    def __init__(self, server, cell, backend, shape):
        self.name = f"cellc {cell} {backend}"
        self.server = server
        self.key = f"{cell}-{backend}-" + "-".join(map(str, shape))
        spec = os.path.relpath(os.path.join(HERE, cell + ".cell"))
        self.ask("load", spec, backend, *shape)

    def ask(self, verb, *words):
        print(verb, self.key, *words, file=self.server.stdin, flush=True)
        answer = self.server.stdout.readline()
        if not answer:
            sys.exit(f"compare: no answer to {verb} {self.key}")
        return answer.split()

    def times(self, steps):
        return [float(ms) for ms in self.ask("time", steps)]


class Peer:
    """Leaves of a graph, a function of them that gives h, and dh."""

    def __init__(self, name, shape, forward, params):
        T, B, I, H = shape
        self.name = name
        self.x = torch.rand(T, B, I).requires_grad_()
        self.dh = torch.rand(T, B, H)
        self.forward = forward
        self.leaves = [self.x] + list(params)

    def times(self, steps):
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            torch.autograd.grad(self.forward(self.x), self.leaves, self.dh)
            times.append(1e3 * (time.perf_counter() - start))
        return times


def nn_lstm(shape):
    net = torch.nn.LSTM(*shape[2:])
    return Peer("PyTorch nn.LSTM", shape, lambda x: net(x)[0],
                net.parameters())


def eager_peephole(shape):
    _, B, I, H = shape
    scale = H ** -0.5
    W, U, b, p = [((2 * torch.rand(s) - 1) * scale).requires_grad_()
                  for s in ((4 * H, I), (4 * H, H), (4 * H,), (3, H))]

    def forward(x):
        h = c = torch.zeros(B, H)
        pi, pf, po = p
        out = []
        for z in (torch.matmul(x, W.t()) + b).unbind():
            i, f, g, o = torch.addmm(z, h, U.t()).chunk(4, 1)
            g = torch.tanh(g)
            i = torch.sigmoid(i + pi * c)
            f = torch.sigmoid(f + pf * c)
            c = f * c + i * g
            o = torch.sigmoid(o + po * c)
            h = o * torch.tanh(c)
            out.append(h)
        return torch.stack(out)

    return Peer("PyTorch eager peephole", shape, forward, (W, U, b, p))


def compare(server, cell, peer, shape, rounds):
    runs = [Ours(server, cell, backend, shape) for backend in ("tcc", "cc")]
    if torch:
        runs.insert(0, peer(shape))
    times = {run.name: [] for run in runs}
    for turn in range(rounds + 1):
        for run in runs:
            ms = run.times(4)[1:]  # the first finds the caches of another
            if turn:  # the first turn warms up
                times[run.name] += ms
    first = times[runs[0].name]
    for name, ms in times.items():
        line = (f"{','.join(map(str, shape)):16} {name:24}"
                f"{min(ms):9.3f}{statistics.median(ms):9.3f}")
        if torch and ms is not first:
            line += (f"{min(ms) / min(first):9.2f}"
                     f"{statistics.median(ms) / statistics.median(first):9.2f}")
        print(line, flush=True)


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    if torch:
        torch.manual_seed(1)
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        print(f"PyTorch {torch.__version__}, one thread")
    else:
        print(f"PyTorch is not there ({sys.executable} cannot import torch), "
              "so ours has no peer;\n`pip install torch` and "
              "PYTHON=/path/to/python3 make bench compare with it")
    print("T,B,I,H          training step, ms              min   median"
          + ("  ratio to PyTorch: min, median" if torch else ""))
    with subprocess.Popen([sys.argv[1]], text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as server:
        for shape in SHAPES:
            compare(server, "lstm", nn_lstm, shape, rounds)
            compare(server, "peephole", eager_peephole, shape, rounds)
        server.stdin.close()


main()
