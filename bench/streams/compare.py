#!/usr/bin/env python3
"""Runs the programs that bench/stream built, in turn, and prints what they took
as tables of Markdown.

    compare.py TURNS SIZE:NAME:COMMAND...

A command is given a number of rounds and prints a line for each: microseconds
of one step, and of a step among 1000 in one call where it can do that.  Names
that begin with "cellc" are ours, the first of them in single precision.
"""
import statistics
import subprocess
import sys


def cell(times):
    return f"{min(times):.3f} ({statistics.median(times):.3f})"


def row(size, names, runs, column):
    times = {name: [line[column] for line in runs.get(name, [])
                    if len(line) > column] for name in names}
    ours = min(times[names[0]])
    peers = [min(t) for name, t in times.items()
             if t and not name.startswith("cellc")]
    faster = f"{min(peers) / ours:.2f}" if peers else "-"
    few = [f"{ours / min(times[n]):.2f}" for n in names[1:3]]
    return [size, faster] + few + [cell(times[n]) if times[n] else "-"
                                   for n in names]


def table(title, sizes, names, column):
    head = [title, "ratio to best peer", "bf16 to f32", "int8 to f32"] + names
    rows = [head, ["-" * (len(h) - 1) + ":" for h in head]]
    rows += [row(size, names, runs, column) for size, runs in sizes.items()]
    for line in rows:
        print("| " + " | ".join(line) + " |")
    print(flush=True)


def main():
    turns = int(sys.argv[1])
    commands, sizes, names = {}, {}, []
    for word in sys.argv[2:]:
        size, name, command = word.split(":", 2)
        commands.setdefault(size, {})[name] = command.split()
        if name not in names:
            names.append(name)
    for size, programs in commands.items():
        runs = sizes[size] = {name: [] for name in programs}
        for _ in range(turns):
            for name, command in programs.items():
                done = subprocess.run(command + ["3"], check=True, text=True,
                                      stdout=subprocess.PIPE)
                runs[name] += [[float(x) for x in line.split()]
                               for line in done.stdout.splitlines()]
    table("one step, us, H", sizes, names, 0)
    table("1000 steps in one call, us each, H", sizes, names, 1)


main()
