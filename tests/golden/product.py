"""Running the product: one `cellc run`, its arguments and its files."""

import json
import os
import subprocess

import npyio

TIMEOUT = 600
MESSAGE = 12


class ProductError(Exception):
    """cellc refused, crashed or left a file out; the text says what."""


class Request:
    """What one `cellc run` is asked for.

    Arrays are npyio.Array or the path of a file that can go in as it is.
    """

    def __init__(self):
        self.inputs = {}
        self.states = {}
        self.upstream = {}
        self.noise = {}
        self.lengths = {}    # time axis, "" where there is one -> array
        self.carry = None    # (run, states): its final ones are the start
        self.flags = []

    def copy(self, *flags):
        other = Request()
        other.inputs = self.inputs
        other.states = self.states
        other.upstream = self.upstream
        other.noise = self.noise
        other.lengths = self.lengths
        other.carry = self.carry
        other.flags = self.flags + list(flags)
        return other


class Files:
    """A spec and its arrays in a folder, written once for all back ends."""

    def __init__(self, folder, text, weights, kind="<f8"):
        self.folder = folder
        self.kind = kind
        self.count = 0
        self.known = {}
        os.makedirs(os.path.join(folder, "weights"))
        self.spec = os.path.join(folder, "spec.cell")
        with open(self.spec, "w", encoding="utf-8") as f:
            f.write(text)
        for name, a in weights.items():
            self.save(os.path.join(folder, "weights", name + ".npy"), a)

    def save(self, path, a):
        kind = a.kind if a.kind.startswith("<i") else self.kind
        npyio.write(path, npyio.Array(a.shape, a.data, kind))

    def path(self, a):
        if isinstance(a, str):
            return a
        if id(a) not in self.known:
            path = os.path.join(self.folder, f"in{len(self.known)}.npy")
            self.save(path, a)
            self.known[id(a)] = path, a
        return self.known[id(a)][0]

    def arguments(self, request):
        args = ["run", self.spec]
        for flag, arrays in (("--in", request.inputs),
                             ("--state", request.states),
                             ("--upstream", request.upstream),
                             ("--noise", request.noise)):
            for name, a in arrays.items():
                args += [flag, f"{name}={self.path(a)}"]
        if os.listdir(os.path.join(self.folder, "weights")):
            args += ["--weights", os.path.join(self.folder, "weights")]
        for axis, a in request.lengths.items():
            args += ["--lengths", f"{axis}={self.path(a)}" if axis else
                     self.path(a)]
        if self.kind == "<f8":
            args.append("--double")
        return args + request.flags

    def run(self, cellc, request, backend, earlier=None):
        """Runs cellc; the Results of what it wrote."""
        self.count += 1
        if request.carry:
            request = request.copy()
            run, states = request.carry
            request.states = {s: earlier[run].path("final." + s)
                              for s in states}
        out = os.path.join(self.folder, f"out{self.count}-{backend}")
        args = [cellc] + self.arguments(request) + [
            "--backend", backend, "--out", out]
        with open(out + ".command", "w", encoding="utf-8") as f:
            f.write(" ".join(f"'{a}'" for a in args) + "\n")
        try:
            done = subprocess.run(args, stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=TIMEOUT,
                                  check=False)
        except subprocess.TimeoutExpired as e:
            raise ProductError(f"no end after {TIMEOUT} s") from e
        said = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode != 0:
            raise ProductError(f"exit code {done.returncode}: {brief(said)}")
        return Results(out, self.kind)


def describe(cellc, text, folder):
    """What `cellc info --json` reports of a spec."""
    os.makedirs(folder, exist_ok=True)
    spec = os.path.join(folder, "info.cell")
    with open(spec, "w", encoding="utf-8") as f:
        f.write(text)
    done = subprocess.run([cellc, "info", spec, "--json", "--backend", "eval"],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise ProductError(f"exit code {done.returncode}: {brief(said)}")
    return json.loads(done.stdout)


def brief(text):
    """The first lines of a long message."""
    lines = text.split("\n")
    return "\n".join(lines[:MESSAGE] + ["..."] * (len(lines) > MESSAGE))


class Results:
    """The folder that one run has written."""

    def __init__(self, folder, kind):
        self.folder = folder
        self.kind = kind

    def path(self, name):
        return os.path.join(self.folder, name + ".npy")

    def array(self, name):
        path = self.path(name)
        if not os.path.exists(path):
            raise ProductError(f"{name}.npy was not written")
        a = npyio.read(path)
        if self.kind == "<f8" and a.kind != "<f8":
            raise ProductError(f"{name}.npy holds {a.kind}, not <f8")
        return a
