"""Cases of published cells through the library's cell.

zoo/*.map (INI) says for each case which cell of the library it is and how
the tensors of the one are called in the other:

    [lstmp-projection]            the case's cell
    apply = lstmp(n, p)(x)        sizes, inputs and constants of the case
    output = c                    a member; without it the application's value
    param Wr = W[0:n]             library's parameter = in terms of the case's
    state c = c                   likewise the state before the first step
    for k = 1..L                  lines with {k} in the name are one for each
    param h.{k}.R = R[k - 1]
    noise z = noise1              draws that the case gives
    input p = perm + 1            a further name for apply
    skip = reason                 not in the library
    note = where case and paper disagree

The right sides are those of affine.py: rows from 0, half open, `W'`, sums,
products, [A, B], reshape(W, a, b), exp and a few more.  What has the same
name on both sides needs no line.  A ZooPlan is such a case as plan.Plan has
it: spec, arrays that go in, and what must come out.
"""

import configparser
import copy
import glob
import itertools
import math
import os
import re

import affine
import equation
import npyio
import plan
from case import CaseError, Skip, WANTED
from model import Model, spell
from product import Request

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "zoo")
KINDS = ("param", "state", "noise", "input")
WORD = re.compile(r"(?<![\w.])([^\W\d]\w*)(?!\w)(?!\s*\()(?!\s*=[^=])")


class Section:
    """What a .map file says of one case."""

    def __init__(self, place, keys):
        self.place = place
        self.apply = keys.pop("apply", None)
        self.output = keys.pop("output", None)
        self.skip = keys.pop("skip", None)
        self.note = keys.pop("note", None)
        self.bound = {kind: {} for kind in KINDS}
        self.ranges = {}
        for key, text in keys.items():
            kind, _, name = key.partition(" ")
            if kind not in KINDS + ("for",) or not name:
                raise CaseError(f"{place}: what is '{key}'?")
            try:
                if kind == "for":
                    self.ranges[name] = [equation.parse(x)
                                         for x in text.split("..")]
                else:
                    self.bound[kind][name] = equation.parse(text)
            except equation.EquationError as e:
                raise CaseError(f"{place}: {e}") from e
        if not self.apply and not self.skip:
            raise CaseError(f"{place}: neither apply nor skip")


    def sized(self, sizes):
        """The same with a line for each value of the ranges."""
        look = affine.Evaluator(lambda n: affine.Value.number(sizes[n]))
        other = copy.copy(self)
        other.bound = {kind: dict(lines)
                       for kind, lines in self.bound.items()}
        for var, ends in self.ranges.items():
            first, last = map(look.whole, ends)
            for lines in other.bound.values():
                for name in [n for n in lines if f"{{{var}}}" in n]:
                    tree = lines.pop(name)
                    lines.update({
                        name.replace(f"{{{var}}}", str(k)):
                        put(tree, var, k) for k in range(first, last + 1)})
        return other


def put(tree, name, value):
    """A tree with a number in place of a name."""
    if tree == ("name", name):
        return ("num", str(value))
    if isinstance(tree, (tuple, list)):
        return type(tree)(put(part, name, value) for part in tree)
    return tree


def read(folder=FOLDER):
    """{cell: Section} of every .map file."""
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.map"))):
        parser = configparser.ConfigParser(
            delimiters=("=",), comment_prefixes=("#",), interpolation=None)
        parser.optionxform = str
        parser.read(path, encoding="utf-8")
        for name in parser.sections():
            place = f"{os.path.basename(path)} [{name}]"
            if name in found:
                raise CaseError(f"{place} and {found[name].place} are one "
                                "case")
            found[name] = Section(place, dict(parser[name]))
    return found


class Binding:
    """An array of the product: its elements in terms of the case's.

    lead: the axes T and B that it has in front; the elements behind them are
    one step of one sequence of the case."""

    def __init__(self, name, shape, lead, elements):
        self.name = name
        self.shape = shape
        self.lead = lead
        self.elements = elements

    def array(self):
        return npyio.Array(self.lead + self.shape,
                           [e.number for e in self.elements])

    def mentions(self, tensors):
        return any(k[0] in tensors for e in self.elements for k in e.parts)


class ZooPlan:
    def __init__(self, case, section, describe):
        """describe: function from a spec to the report of `cellc info`."""
        self.case = case
        self.section = section
        self.model = Model("library")
        self.name = "y"
        while self.name in case.tensors:
            self.name += "_"
        self.arrays = {t.name: case.read(t) for t in case.tensors.values()}
        self.values = {}
        self.spellings = {}
        self.used = set()
        self.write_spec()
        report = describe(self.model.text())
        self.shapes = {o["name"]: tuple(o["sizes"])
                       for o in report["outputs"]}
        self.bindings = self.bind(report)
        self.require_whole()
        self.weights = {b.name: b.array() for b in self.bindings["param"]}
        self.texts = {"spec": (self.model.text(), self.weights)}
        self.runs = {"main": ("spec", self.request())}
        self.wants = [self.want(t) for t in case.role(*WANTED)]

    # The spec

    def write_spec(self):
        section, case = self.section, self.case
        declared = {}

        def said(m):
            name = m.group(1)
            if name in case.sizes and name not in section.bound["input"]:
                return str(case.sizes[name])
            if name in section.bound["input"]:
                declared[name] = self.input_line(name)
            elif name in case.tensors or self.halves(name):
                declared[name] = self.tensor_line(name)
            elif name in (case.options.get("constants") or {}):
                value = case.options["constants"][name]
                declared[name] = f"const {spell(name)} = {value!r}"
            else:
                return name
            return spell(name)

        text = WORD.sub(said, section.apply)
        self.model.lines += [*declared.values(), f"{self.name} = {text}"]
        out = section.output or "y"
        if out == "y":
            self.model.lines.append(f"output {self.name}")
            self.out = self.name
        else:
            self.out = "out"
            self.model.lines.append(f"output out = {self.name}.{out}")

    def halves(self, name):
        """A complex tensor is stored as two."""
        return name + "_re" in self.case.tensors

    def tensor_line(self, name):
        """A tensor of the case that the application names."""
        half = name + "_re" if self.halves(name) else name
        t = self.case.tensors[half]
        kind = "input" if t.role in ("input", "constant") else "param"
        inside = [str(n) for n, a in zip(t.shape, t.axes)
                  if a not in ("T", "B", "1")]
        if "T" in t.axes:
            inside.insert(0, "t")
        return self.declare(kind, name, inside, half != name)

    def input_line(self, name):
        b = self.evaluate(name, self.section.bound["input"][name], None)
        inside = ["t"] * ("T" in b.axes) + [str(n) for n in b.shape]
        return self.declare("input", name, inside, False)

    def declare(self, kind, name, inside, complex_):
        self.spellings[spell(name)] = name
        text = f"{kind} {spell(name)}"
        text += f"[{','.join(inside)}]" if inside else ""
        return text + (" in complex" if complex_ else "")

    # Bindings

    def bind(self, report):
        found = {kind: [] for kind in KINDS}
        for p in report["parameters"]:
            found["param"].append(self.bind_one("param", p))
        for s in report["states"]:
            b = self.bind_one("state", s)
            if b:
                found["state"].append(b)
        for i in report["inputs"]:
            found["input"].append(self.bind_one("input", i))
        for name, tree in self.section.bound["noise"].items():
            found["noise"].append(self.evaluate(
                self.name + "." + name, tree, None))
            self.used.add(("noise", name))
        for kind in KINDS:
            for name in self.section.bound[kind]:
                if (kind, name) not in self.used:
                    raise CaseError(f"{self.section.place}: the application "
                                    f"has no {kind} '{name}'")
        return found

    def bind_one(self, kind, entry):
        """The binding of a parameter, a state or an input of the product."""
        full, shape = entry["name"], tuple(entry["sizes"])
        own = full.removeprefix(self.name + ".")
        own = self.spellings.get(own, own)
        bare, half = (own[:-3], own[-2:]) if own.endswith(
            (".re", ".im")) else (own, "")
        bound = self.section.bound[kind]
        key = own if own in bound else bare
        if key in bound:
            self.used.add((kind, key))
            tree = bound[key]
        else:
            tree = ("name", key)
            if self.stored(key, kind, half) not in self.case.tensors:
                if kind == "state":
                    return None
                raise CaseError(f"{self.section.place}: no binding for the "
                                f"{kind} {own}")
        return self.evaluate(full, tree, shape, kind, half)

    def stored(self, name, kind, half):
        name += "0" if kind == "state" else ""
        return f"{name}_{half}" if half and (
            f"{name}_{half}" in self.case.tensors) else name

    def evaluate(self, full, tree, shape, kind="input", half=""):
        """The Binding of a tree: for each step and sequence on its own."""
        tensors = {}
        for name in equation.names(tree):
            stored = self.stored(name, kind, half)
            if stored in self.case.tensors:
                tensors[name] = self.case.tensors[stored]
            elif name not in self.case.sizes and name not in (
                    self.case.options.get("constants") or {}):
                raise CaseError(f"{self.section.place}: no tensor '{stored}'")
        axes = [a for a in ("T", "B")
                if any(a in t.axes for t in tensors.values()
                       if a == "B" or not self.is_once(t.name))]
        if kind in ("state", "input") and "B" not in axes:
            axes.append("B")
        lead = tuple(self.case.sizes[a] for a in axes)
        elements, inner = [], None
        for at in itertools.product(*map(range, lead)):
            v = affine.Evaluator(
                lambda n, at=at: self.look(n, tensors, dict(zip(axes, at)))
            ).evaluate(tree)
            if shape is None:
                inner = inside(v.shape, tensors.values())
            elif v.shape:
                inner = tuple(n for n in v.shape if n != 1)
            else:
                v = affine.Value(shape, v.elements * math.prod(shape))
                inner = tuple(n for n in shape if n != 1)
            elements += v.elements
        if shape is None:
            shape = inner
        elif inner != tuple(n for n in shape if n != 1):
            raise CaseError(f"{self.section.place}: {full} has shape "
                            f"{list(shape)}, its binding {list(inner)}")
        b = Binding(full, tuple(shape), lead, elements)
        b.axes = axes
        return b

    def is_once(self, name):
        """Drawn once per sequence, which the case repeats for every step."""
        noise = self.case.options.get("noise") or {}
        return noise.get(name, {}).get("per") == "sequence"

    def look(self, name, tensors, at):
        """The Value of a name at one step of one sequence."""
        if name not in tensors:
            constants = self.case.options.get("constants") or {}
            return affine.Value.number(
                constants.get(name, self.case.sizes.get(name)))
        t = tensors[name]
        a, offset = self.arrays[t.name], 0
        shape = a.shape
        for axis in t.axes:
            step = 0 if axis == "T" and self.is_once(t.name) else at.get(axis)
            if step is None:
                break
            shape = shape[1:]
            offset += step * math.prod(shape)
        key = t.name, offset
        if key not in self.values:
            self.values[key] = affine.Value.tensor(
                t.name, a.cut(offset, shape), offset)
        return self.values[key]

    def require_whole(self):
        """Every tensor that goes in must have a place."""
        touched = {k[0] for group in self.bindings.values() for b in group
                   for e in b.elements for k in e.parts}
        for t in self.case.role("input", "weight", "constant",
                                "initial_state"):
            if t.name not in touched:
                raise CaseError(f"{self.section.place}: nothing is bound to "
                                f"{t.name}")

    def request(self):
        r = Request()
        r.inputs = {b.name: b.array() for b in self.bindings["input"]}
        r.states = {b.name: b.array() for b in self.bindings["state"]}
        for of, t in self.case.upstream().items():
            a, name = self.case.read(t), self.output_name(of)
            shape = a.shape[:2] + self.shapes[name]
            r.upstream[name] = (self.case.path(t) if shape == a.shape
                                else npyio.Array(shape, a.data))
        if self.bindings["noise"]:
            r.flags.append("--training")
            r.noise = {b.name: b.array() for b in self.bindings["noise"]}
        if self.case.role("gradient"):
            r.flags.append("--grad")
        return r

    def output_name(self, tensor):
        half = tensor[-2:] if tensor.endswith(("_re", "_im")) and (
            self.halves(tensor[:-3])) else ""
        return self.out + ("." + half if half else "")

    # What must come out

    def want(self, t):
        if t.role == "output":
            return plan.Want(t, "main", value=lambda r: self.output(r, t))
        if t.name == "loss":
            return plan.Want(t, "main", value=self.weighted)
        if t.role == "final_state":
            return plan.Want(t, "main", value=lambda r: self.final(r, t))
        if t.role == "gradient":
            of = self.case.tensors[t.of or t.name[2:]]
            return plan.Want(t, "main", value=lambda r: self.gradient(r, of))
        raise CaseError(f"no way is known to get '{t.name}'")

    def output(self, results, t):
        """The product may have its elements in another shape."""
        got = results["main"].array(self.output_name(t.name)).data
        if len(got) != math.prod(t.shape):
            raise CaseError(f"{t.name} has {math.prod(t.shape)} elements, the "
                            f"product's output {len(got)}")
        return npyio.Array(t.shape, got)

    def weighted(self, results):
        terms = []
        for of, t in self.case.upstream().items():
            got = results["main"].array(self.output_name(of)).data
            terms += [u * g for u, g in zip(self.case.read(t).data, got)]
        return npyio.Array((1,), [math.fsum(terms)])

    def gradient(self, results, of):
        total = [0.0] * math.prod(of.shape)
        for group in self.bindings.values():
            for b in group:
                if not b.mentions({of.name}):
                    continue
                got = self.result(results, "grad." + b.name, b)
                for g, e in zip(got, b.elements):
                    for (tensor, i), d in e.parts.items():
                        if tensor == of.name:
                            total[i] += d * g
        return npyio.Array(of.shape, total)

    def final(self, results, t):
        """An element that the product's state is a multiple of."""
        start = re.sub(r"T(_re|_im)?$", r"0\1", t.name)
        data = [None] * math.prod(t.shape)
        for b in self.bindings["state"]:
            if not b.mentions({start}):
                continue
            got = self.result(results, "final." + b.name, b)
            for g, e in zip(got, b.elements):
                if len(e.parts) != 1:
                    continue
                ((tensor, i), d), = e.parts.items()
                if tensor == start:
                    rest = e.number - d * self.arrays[start].data[i]
                    data[i] = (g - rest) / d
        if None in data:
            raise CaseError(f"no state of the product gives {t.name}")
        return npyio.Array(t.shape, data)

    def result(self, results, name, b):
        a = results["main"].array(name)
        if len(a.data) != len(b.elements):
            raise CaseError(f"{name}.npy has shape {list(a.shape)}, expected "
                            f"{list(b.lead + b.shape)}")
        return a.data


def inside(shape, tensors):
    """The shape in our language, where the product does not say it: an axis
    named 1 is none."""
    named = any(t.axes[-1] == "1" for t in tensors)
    return shape[:-1] if named and shape[-1:] == (1,) else shape


SECTIONS = {}


def plan_of(case, describe):
    """The ZooPlan of a case, or None where no map speaks of it."""
    if case.json["peer"]["name"] != "zoo":
        return None
    if not SECTIONS:
        SECTIONS.update(read())
    section = SECTIONS.get(case.cell)
    if not section:
        return None
    if section.skip:
        raise Skip(f"not in the library: {section.skip}")
    return ZooPlan(case, section.sized(case.sizes), describe)
