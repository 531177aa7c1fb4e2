"""Keras and ONNX recurrent layers, said by their equations.

One layer in one or two directions; what surrounds the equations (masks,
order of steps, last step only, activations by name, bounds) follows from the
case's options.
"""

import re

import equation
import library
from case import CaseError, Skip
from model import Model, spell

MERGE = {"concat": "[{}, {}]", "sum": "{} + {}", "mul": "{} * {}",
         "ave": "({} + {}) / 2"}
BI = {"concat": "bi({})", "sum": "bi({}, merge=sum)",
      "mul": "bi({}, merge=mul)", "ave": "bi({}, merge=mean)"}
KERAS = {
    "hard_sigmoid": "fn hard_sigmoid(a) = min(max(a / 6 + 0.5, 0), 1)",
    "linear": "fn linear(a) = a",
    "exponential": "fn exponential(a) = exp(a)",
    "swish": "fn swish(a) = a * sigmoid(a)",
    "leaky_relu": "fn leaky_relu(a) = a > 0 ? a : 0.2 * a",
}
# Name of ONNX: text, default alpha, default beta.
ONNX = {
    "Sigmoid": ("sigmoid(a)",), "Tanh": ("tanh(a)",), "Relu": ("relu(a)",),
    "Softsign": ("softsign(a)",), "Softplus": ("softplus(a)",),
    "LeakyRelu": ("a > 0 ? a : {0!r} * a", 0.01),
    "ThresholdedRelu": ("a > {0!r} ? a : 0", 1.0),
    "Elu": ("a > 0 ? a : {0!r} * (exp(a) - 1)", 1.0),
    "Affine": ("{0!r} * a + {1!r}", 1.0, 0.0),
    "ScaledTanh": ("{0!r} * tanh({1!r} * a)", 1.0, 1.0),
    "HardSigmoid": ("min(max({0!r} * a + {1!r}, 0), 1)", 0.2, 0.5),
}


class Direction:
    """tail: of the names of the case's parameters; ahead: swept from the
    end; own: {name in the equations: parameter of the case}."""

    def __init__(self, case, tail, ahead):
        self.tail = tail
        self.ahead = ahead
        self.sign = "+" if ahead else "-"
        self.own = {p.name.removesuffix(tail): p for p in case.params
                    if p.name.endswith(tail)}


class Layer:
    """What both frameworks share."""

    def __init__(self, case, mode="equations"):
        self.case = case
        self.model = Model(mode)
        self.add = self.model.lines.append
        self.equations = []
        for text in case.equations:
            left, found, right = text.partition(" = ")
            if not found or not left.isidentifier() or ";" in text:
                raise Skip(f"no translation for '{text}'")
            self.equations.append((left, equation.parse(right)))
        self.local = {left for left, _ in self.equations}
        self.states = set().union(*(equation.lags(tree)
                                    for _, tree in self.equations))
        self.directions = self.find_directions()
        self.functions = {}

    def declare(self):
        x = self.case.role("input")[0]
        self.add(f"input x[t,{x.shape[-1]}]")
        self.model.inputs[x.name] = "x"

    def declare_params(self):
        used = set().union(*(equation.names(t) for _, t in self.equations))
        used = {p for d in self.directions for n, p in d.own.items()
                if n in used}
        for p in self.case.params:
            if p not in used:
                continue
            name = spell(p.name)
            inside = ",".join(str(n) for n in p.shape)
            self.add(f"param {name}[{inside}]")
            self.model.params[p.name] = name

    def write(self, d, masked=False):
        """The equations of a direction; masked: where the mask is 0 the
        states stay."""
        def now(name):
            if name in self.local:
                return spell(name + ("_new" if masked and name in self.states
                                     else "") + d.tail)
            if name in d.own:
                return spell(name + d.tail)
            return self.outside(name)

        def before(name):
            return spell(name + d.tail)

        for left, tree in self.equations:
            self.see(d, tree)
            text = equation.Writer(now, d.ahead, before).write(
                self.called(d, tree))
            self.add(f"{now(left)} = {text}")
        for s in sorted(self.states & self.local) if masked else ():
            self.add(f"{before(s)} = mask != 0 ? {now(s)} : "
                     f"{before(s)}[t{d.sign}1]")

    def outside(self, name):
        if name == "x":
            return name
        if name in self.case.sizes:
            return str(self.case.sizes[name])
        raise CaseError(f"no tensor or equation for '{name}'")

    def see(self, d, tree):
        """Notes the functions that a tree needs."""

    def called(self, d, tree):
        return tree

    def use(self, name, line):
        if name not in self.functions:
            self.functions[name] = line
            self.model.lines.insert(0, line)


class Keras(Layer):
    def find_directions(self):
        if self.case.options.get("bidirectional"):
            return [Direction(self.case, "_f", False),
                    Direction(self.case, "_b", True)]
        back = bool(self.case.options.get("go_backwards"))
        return [Direction(self.case, "", back)]

    def see(self, d, tree):
        for node in equation.walk(tree):
            if node[0] == "call" and node[1] in KERAS:
                self.use(node[1], KERAS[node[1]])

    def build(self):
        masks = self.case.role("mask")
        self.declare()
        for t in masks:
            self.add("input mask[t]")
            self.model.inputs[t.name] = "mask"
        self.declare_params()
        shown = []
        for d in self.directions:
            self.write(d, masked=bool(masks))
            self.model.slots.update(self.slots(d, lambda s, d=d: spell(
                s + d.tail)))
            shown.append(self.shown(d) if masks else spell("h" + d.tail))
        self.output(shown)
        return self.model

    def shown(self, d):
        """The output at a masked step: 0, or the last one again."""
        name, h = spell("y" + d.tail + "_"), spell("h" + d.tail)
        if self.case.options.get("zero_output_for_mask"):
            self.add(f"{name} = mask != 0 ? {h} : 0")
        else:
            self.add(f"{name} = mask != 0 ? {h} : {name}[t{d.sign}1]")
        return name

    def slots(self, d, name_of):
        return {s + end + d.tail: name_of(s) for s in self.states
                for end in "0T"}

    def output(self, parts):
        options = self.case.options
        if not options.get("return_sequences", True):
            parts = [f"{p}[{'1' if d.ahead else 'end'}]"
                     for p, d in zip(parts, self.directions)]
        text = parts[0]
        if len(parts) == 2:
            how = options.get("merge_mode") or "concat"
            if how not in MERGE:
                raise Skip(f"no translation for the merge '{how}'")
            text = MERGE[how].format(*parts)
        self.add(f"y = {text}")
        self.finish()

    def finish(self):
        self.add("output y")
        options = self.case.options
        self.model.outputs["y"] = "y"
        if options.get("go_backwards") and options.get("return_sequences"):
            self.model.flipped.add("y")
        for t in self.case.role("input"):
            if t.name.endswith("_second"):
                self.model.second[t.name] = "x"

    def through_library(self):
        """The same through `bi`, `rev` and the library's cell, or None."""
        first = self.directions[0]
        rows = [p.shape[0] for n, p in first.own.items() if n[0] == "W"]
        found = library.find(sorted(self.case.equations), rows)
        last = not self.case.options.get("return_sequences", True)
        how = self.case.options.get("merge_mode") or "concat"
        both = len(self.directions) == 2
        if not found or self.case.role("mask") or (
                last and both and how != "concat"):
            return None
        unit, name_of, missing = found
        self.declare()
        if both:
            unit = BI[how].format(unit)
        elif first.ahead:
            unit = f"rev({unit})"
        self.add(f"z = {unit}(x)")
        self.add(f"y = {'final(z)' if last and both else 'z'}" + (
            "" if not last or both else "[1]" if first.ahead else "[end]"))
        for d in self.directions:
            stem = "z." + ("bwd." if d.ahead else "fwd.") * both
            for base, p in d.own.items():
                self.model.params[p.name] = stem + name_of(base)
            self.model.zero += [(stem + n, shape) for n, shape in missing]
            self.model.slots.update(self.slots(d, lambda s, stem=stem:
                                               stem + s))
        self.finish()
        return self.model


class Onnx(Layer):
    def find_directions(self):
        way = self.case.options.get("direction", "forward")
        found = [Direction(self.case, "", False)] if way != "reverse" else []
        if way != "forward":
            found.append(Direction(self.case, "_r", True))
        if len(found) == 2:
            for name in [n for n in found[0].own if n.endswith("_r")]:
                del found[0].own[name]
        return found

    def outside(self, name):
        if re.match(r"[WR]b", name):   # B was not given
            return "0"
        return super().outside(name)

    def called(self, d, tree):
        """act_f becomes the direction's own function."""
        if not isinstance(tree, tuple):
            return [self.called(d, c) for c in tree] if isinstance(
                tree, list) else tree
        tree = tuple(self.called(d, part) for part in tree)
        if tree[0] == "call" and tree[1].startswith("act_"):
            return ("call", tree[1] + d.tail) + tree[2:]
        return tree

    def activations(self):
        """Text of act_f, act_g, act_h of each direction."""
        options = self.case.options
        alpha = list(options.get("activation_alpha") or [])
        beta = list(options.get("activation_beta") or [])
        names = options["activations"]
        each = len(names) // len(self.directions)
        for i, name in enumerate(names):
            if name not in ONNX:
                raise Skip(f"no translation for {name}")
            text, *usual = ONNX[name]
            given = [queue.pop(0) if queue else default
                     for queue, default in zip((alpha, beta), usual)]
            d = self.directions[i // each]
            f = "act_" + "fgh"[i % each] + d.tail
            self.use(f, f"fn {f}(a) = {text.format(*given)}")
        if options.get("clip"):
            c = options["clip"]
            self.use("clip", f"fn clip(a) = min(max(a, -{c!r}), {c!r})")

    def build(self):
        self.declare()
        self.declare_params()
        self.activations()
        for d in self.directions:
            self.write(d)
            self.add(f"output {spell('h' + d.tail)}")
        for t in self.case.role("output", "initial_state", "final_state"):
            state = t.name.removeprefix("initial_").removeprefix("Y_")
            name = "h" if t.role == "output" else state
            self.model.split[t.name] = t.axes.index("D"), [
                spell(name + d.tail) for d in self.directions]
        return self.model


def models(case):
    """Every way of saying a layer of Keras or ONNX."""
    if case.json["peer"]["name"] == "keras":
        return [Keras(case).build(), Keras(case, "library").through_library()]
    if case.cell == "graph":
        raise Skip("reads model.onnx: later work")
    return [Onnx(case).build()]
