"""From a case to specs in the language of cellc.

models(case) gives every way in which the case can be said: its equations
written out for each layer and direction, and, where they are those of a
library cell or of a stack, the same through `stack`, `bi` and the cell.
Nothing here looks at the name of a case.
"""

import re

import cellspec
import equation
import frameworks
import library
import losses
from case import CaseError, Skip
from equation import EquationError
from model import Model, spell

# Functions of the notation that the language has, or that one line defines.
KNOWN = """sigmoid tanh relu exp log sqrt abs max min sum mean softmax
softplus logsigmoid outer where transpose concat mod cos sin sign
stopgrad""".split()
DEFINED = {
    "silu": "fn silu(a) = a * sigmoid(a)",
    "hardsigmoid": "fn hardsigmoid(a) = min(max(0.2 * a + 0.5, 0), 1)",
    "elu": "fn elu(a) = a > 0 ? a : exp(a) - 1",
    "l2norm": "fn l2norm(a) = a / (sqrt(sum(a * a)) + 1e-6)",
    "bound": "fn bound(a) = a / max(1, abs(a))",
}
POOL = {
    r"(\w+) at the last valid step": "{}[end]",
    r"(\w+) at the first valid step": "{}[1]",
    r"(mean|max|sum) of (\w+) over the valid steps": "{}[t]({})",
}
MERGE = {"concat": "[{}, {}]", "sum": "{} + {}", "mul": "{} * {}",
         "ave": "({} + {}) / 2"}


class Equation:
    def __init__(self, text):
        text = text.split(";")[0].rstrip()
        m = re.match(r"([^\W\d]\w*) = (.*)$", text)
        if not m:
            raise Skip(f"no translation for '{text}'")
        self.left, self.right = m.groups()
        try:
            self.tree = equation.parse(self.right)
        except EquationError:
            self.tree = None


def read_equations(case):
    """The case's equations; what follows the loss says how to clip or step,
    which is the product's own business."""
    found = []
    for text in case.equations:
        found.append(Equation(text))
        if found[-1].left == "loss":
            break
    return found


class Builder:
    """What the modes share: names, declarations, head and loss."""

    def __init__(self, case, mode):
        self.case = case
        self.model = Model(mode)
        self.split(read_equations(case))
        self.globals = {p.base for p in case.params if not p.place}
        self.given = {t.name for t in case.role("input", "target")}
        self.constants = case.options.get("constants") or {}

    def split(self, equations):
        """Embedding, cell and head."""
        lagged = set()
        for e in equations:
            if e.tree:
                lagged |= equation.lags(e.tree)
        inside = {e.left for e in equations}
        if self.case.family not in ("rnn", "step", "cell"):
            inside = lagged & inside
            for e in reversed(equations):
                if e.left in inside and e.tree:
                    inside |= equation.names(e.tree)
        self.states = [e.left for e in equations if e.left in lagged]
        self.embed = [e for e in equations
                      if e.tree and e.tree[0] == "at" and e.left == "x"]
        self.cell = [e for e in equations
                     if e.left in inside and e not in self.embed]
        self.head = [e for e in equations
                     if e.left not in inside and e not in self.embed]
        self.layered = bool(self.case.params) and all(
            p.place or not any(p.base in equation.names(e.tree)
                               for e in self.cell if e.tree)
            for p in self.case.params)

    def outside(self, name):
        """What a name stands for that no equation of the cell defines."""
        if name in self.globals or name in self.given:
            return spell(name)
        if name in self.constants:
            return spell(name)
        if name in self.case.sizes:
            return str(self.case.sizes[name])
        raise CaseError(f"no tensor, constant or equation for '{name}'")

    def write(self, tree, rename, ahead=False):
        for node in equation.walk(tree):
            if node[0] == "call" and node[1] not in KNOWN:
                if node[1] not in DEFINED:
                    raise Skip(f"no translation for {node[1]}()")
                if DEFINED[node[1]] not in self.model.lines:
                    self.model.lines.insert(0, DEFINED[node[1]])
            if node[0] == "at":
                raise Skip("no translation for an index into a vector")
        return equation.Writer(rename, ahead).write(self.columns(tree))

    def columns(self, tree):
        """A matrix of one column is a vector here: it times a scalar."""
        if not isinstance(tree, tuple):
            return [self.columns(c) for c in tree] if isinstance(
                tree, list) else tree
        if tree[:2] == ("bin", "@") and tree[2][0] == "name" and any(
                p.column and p.base == tree[2][1] for p in self.case.params):
            tree = ("bin", "*") + tree[2:]
        return tuple(self.columns(part) for part in tree)

    def add(self, line):
        self.model.lines.append(line)

    # Declarations

    def declare_inputs(self):
        for t in self.case.role("input"):
            self.declare_input(t)
        for name, value in self.constants.items():
            self.add(f"const {spell(name)} = {value!r}")

    def declare_input(self, t, classes=None):
        axes = dict(zip(t.axes, t.shape))
        shape = [n for axis, n in axes.items() if axis not in ("T", "B", "1")]
        inside = [str(n) for n in shape]
        if "T" in axes or self.case.family == "step":
            inside.insert(0, "t")
        text = spell(t.name) + (f"[{','.join(inside)}]" if inside else "")
        if t.index:
            text += f" in {classes or self.rows(t)}"
        self.add("input " + text)
        self.model.inputs[t.name] = spell(t.name)

    def rows(self, t):
        """How many things an index input names: the rows it selects from."""
        for e in self.embed:
            table = e.tree[1]
            if table[0] == "name" and table[1] in self.globals:
                return self.case.tensors[table[1]].shape[0]
        raise Skip(f"no translation for the integer tensor {t.name}")

    def declare_param(self, p, name):
        inside = ",".join(str(n) for n in p.shape)
        self.add(f"param {name}" + (f"[{inside}]" if inside else ""))
        self.model.params[p.name] = name

    def declare_globals(self):
        for p in self.case.params:
            if not p.place:
                self.declare_param(p, spell(p.base))

    # Before the recurrence

    def write_embedding(self):
        """x = E[tokens]; rows of padding_idx get no gradient."""
        tokens = [t for t in self.case.role("input") if t.index]
        for e in self.embed:
            if len(tokens) != 1 or e.tree[1][0] != "name":
                raise Skip(f"no translation for '{e.right}'")
            name = self.model.inputs[tokens[0].name]
            text = f"{spell(e.tree[1][1])}[{name}]"
            pad = self.case.options.get("padding_idx")
            if pad is not None and pad in self.valid(tokens[0]):
                text = f"{name} == {pad} ? stopgrad({text}) : {text}"
            self.add(f"x = {text}")

    def valid(self, t):
        """The values of a [T,B] tensor within the sequences."""
        lengths = self.case.lengths()
        values = self.case.read(t)
        if not lengths:
            return set(values.data)
        ends = self.case.read(lengths).data
        batch_first = t.axes[0] == "B"
        return {v for i, v in enumerate(values.data)
                if values.where(i)[batch_first] < ends[
                    values.where(i)[not batch_first]]}

    # Behind the recurrence

    def write_head(self):
        left = [e.left for e in self.head]
        made = set()

        def rename(name):
            if name in made:
                return spell(name)
            if name in ("h", "y") and name not in left:
                return "y"
            return self.outside(name)

        for e in self.head:
            if e.left == "loss":
                self.write_loss(e.right, rename)
                continue
            if e.tree:
                text = self.write(e.tree, rename)
            else:
                text = self.pool(e.right, rename)
            self.add(f"{spell(e.left)} = {text}")
            made.add(e.left)
        self.head_alone()

    def head_alone(self):
        """The head on a given y: what a framework computes over padding,
        where y is 0 but the head's own constants are not."""
        outputs = [t for t in self.case.role("output") if "T" in t.axes and
                   t.name in [e.left for e in self.head]]
        trees = [e for e in self.head if e.tree]
        width = [p.shape[-1] for e in trees for n in equation.walk(e.tree)
                 for p in self.case.params
                 if n[:3] == ("bin", "@", ("name", p.base)) and
                 n[3] in (("name", "h"), ("name", "y"))]
        if not (self.case.lengths() and outputs and width):
            return
        alone = Model("head")
        alone.lines.append(f"input y[t,{width[0]}]")
        alone.width = width[0]
        used = set().union(*(equation.names(e.tree) for e in trees))
        whole, self.model = self.model, alone
        for p in self.case.params:
            if p.base in used and not p.place:
                self.declare_param(p, spell(p.base))
        for e in trees:
            text = self.write(e.tree, lambda n: "y" if n == "h" else
                              spell(n))
            self.add(f"{spell(e.left)} = {text}")
        for t in outputs:
            self.add(f"output {spell(t.name)}")
            alone.outputs[t.name] = spell(t.name)
        self.model = whole
        whole.head = alone

    def pool(self, text, rename):
        for pattern, form in POOL.items():
            m = re.fullmatch(pattern, text)
            if m:
                *how, name = m.groups()
                return form.format(*how, rename(name))
        raise Skip(f"no translation for '{text}'")

    def write_loss(self, text, rename):
        m = re.match(r"(mean|sum) over .*cross entropy$", text)
        if m:
            self.write_entropy(self.case.options.get("reduction", m.group(1)))
            return
        m = re.fullmatch(r"(mean|sum) over ([a-z, ]+?) of (.*)", text)
        if not m:
            raise Skip(f"no translation for the loss '{text}'")
        how, axes, right = m.groups()
        for t in self.case.role("target"):
            self.declare_input(t)
        tree = equation.parse(right)
        divide = []
        if tree[:2] == ("bin", "/"):
            divide = self.factors(tree[3])
            tree = tree[2] if divide else tree
        inner = sorted(set(axes.replace(",", " ").split()) - {"t", "b"})
        text = self.write(tree, rename)
        if inner:
            text = f"{how}({text})"
        if how == "mean":
            if self.case.lengths():
                self.model.flags = ["--reduce", "token"]
        elif {"T", "B"} <= set(divide) and not self.case.lengths():
            divide.remove("T")
            divide.remove("B")
        else:
            self.model.flags = ["--reduce", "sum"]
        for f in divide:
            text += f" / {self.case.sizes.get(f, f)}"
        self.add(f"loss {text}")

    def factors(self, tree):
        """The factors of a product of sizes and numbers, else nothing."""
        if tree[:2] == ("bin", "*"):
            a, b = self.factors(tree[2]), self.factors(tree[3])
            return a + b if a and b else []
        if tree[0] == "num" or tree[0] == "name" and (
                tree[1] in self.case.sizes):
            return [tree[1]]
        return []

    def write_entropy(self, reduction):
        if reduction not in ("mean", "sum"):
            raise Skip(f"no translation for the reduction {reduction}")
        targets = self.case.role("target")
        logits = self.case.tensors.get("logits")
        if len(targets) != 1 or not logits:
            raise CaseError("cross entropy without one target and 'logits'")
        self.declare_input(targets[0], classes=logits.shape[-1])
        self.add(f"{spell(targets[0].name)} ~ "
                 "categorical(softmax(logits))")
        if reduction == "sum":
            self.model.flags = ["--reduce", "sum"]
        elif "T" in targets[0].axes:
            self.model.flags = ["--reduce", "token"]

    # Outputs

    def write_outputs(self, known):
        """known: names of the spec by the case's names."""
        for t in self.case.role("output"):
            base = t.name[:-1] if self.case.family == "step" else t.name
            if base not in known:
                raise CaseError(f"no equation for the output '{t.name}'")
            name = known[base]
            if "." in name:
                self.add(f"output {spell(base)} = {name}")
                name = spell(base)
            else:
                self.add(f"output {name}")
            self.model.outputs[t.name] = name

    def head_names(self):
        names = {e.left: spell(e.left) for e in self.head}
        names.setdefault("y", "y")
        return names


class Written(Builder):
    """The equations written out, one set for each layer and direction."""

    def __init__(self, case):
        super().__init__(case, "equations")

    def build(self):
        self.declare_inputs()
        self.declare_globals()
        for p in self.case.params:
            if p.place:
                self.declare_param(p, spell(p.name))
        self.write_embedding()
        if not self.layered:
            self.write_cell((0, False), "", "x")
            local = {e.left: spell(e.left) for e in self.cell}
            if self.head:
                self.add(f"y = {local['h']}")
                self.write_head()
            self.write_outputs({**self.head_names(), **local})
            return self.model
        value = self.write_layers()
        self.add(f"y = {value}")
        self.write_head()
        self.write_outputs(self.head_names())
        return self.model

    def write_layers(self):
        """Every layer; returns what the last one gives."""
        value = None
        places = self.case.places()
        for layer in sorted({p[0] for p in places}):
            x = "x"
            if layer > 0:
                x = f"x_l{layer}"
                self.add(f"{x} = {value}")
            parts = []
            for place in (p for p in places if p[0] == layer):
                tail = suffix(place)
                self.write_cell(place, tail, x)
                parts.append("h" + tail)
            value = merge(self.case, parts)
        return value

    def write_cell(self, place, tail, x):
        local = {e.left for e in self.cell}
        own = {p.base for p in self.case.params if p.place == place}
        ahead = place[1]

        def rename(name):
            if name in local:
                return spell(name + tail)
            if name in own and tail:
                return spell(name + tail)
            if name == "x" and tail:
                return x
            if name == "t":
                return "(t - 1)"
            return self.outside(name)

        for e in self.cell:
            if not e.tree:
                raise Skip(f"no translation for '{e.right}'")
            self.add(f"{rename(e.left)} = {self.write(e.tree, rename, ahead)}")
        reads = set().union(*(equation.lags(e.tree) for e in self.cell))
        for name in sorted(reads - local):
            edge = "end+1" if ahead else "0"
            self.add(f"{rename(name)}[{edge}] = 0")
        for s in self.states:
            self.model.states[s, place] = rename(s)


class Composed(Builder):
    """The same through a cell: the library's where the equations are its
    own, else one defined in the spec."""

    def build(self):
        self.places = self.case.places()
        found = library.match(self.case, {e.left: e.right for e in self.cell})
        if found:
            self.model.mode = "library"
            unit, self.name_of, self.state_of, missing = found
        elif self.layered and len(self.places) > 1:
            self.model.mode = "cell"
            unit, missing = self.define_cell(), []
        else:
            return None
        self.declare_inputs()
        self.declare_globals_outside()
        self.write_embedding()
        layers = 1 + max(p[0] for p in self.places)
        if any(p[1] for p in self.places):
            how = self.case.options.get("merge") or "concat"
            unit = f"bi({unit})" if how == "concat" else (
                f"bi({unit}, merge={how})")
        if layers > 1:
            unit = f"stack({layers}, {unit})"
        self.add(f"y = {unit}(x)")
        for p in self.case.params:
            if p.place or found and not self.layered:
                stem = self.prefix(p.place or (0, False))
                self.model.params[p.name] = stem + self.name_of(p.base)
        for place in self.places:
            for name, shape in missing:
                self.model.zero.append((self.prefix(place) + name, shape))
            for s in self.states:
                self.model.states[s, place] = (self.prefix(place) +
                                               self.state_of(s))
        self.write_head()
        names = self.head_names()
        if not self.layered:
            names.update({s: f"y.{s}" for s in self.states})
            names["h"] = "y"
        self.write_outputs(names)
        return self.model

    def declare_globals_outside(self):
        if self.layered:
            self.declare_globals()

    def prefix(self, place):
        stem = "y."
        if max(p[0] for p in self.places) > 0:
            stem += f"{place[0] + 1}."
        if any(p[1] for p in self.places):
            stem += "bwd." if place[1] else "fwd."
        return stem

    def define_cell(self):
        """A cell of these equations; its input's size is left open."""
        self.name_of = self.state_of = spell
        first = [p for p in self.case.params if p.place == self.places[0]]
        reads = {n[2][1] for e in self.cell if e.tree
                 for n in equation.walk(e.tree)
                 if n[:2] == ("bin", "@") and n[3] == ("name", "x")}
        local = {e.left for e in self.cell} | {p.base for p in first} | {"x"}
        size = next(n for n in ("m", "k", "size") if n not in local)
        self.add("cell unit {")
        self.add(f"  input x[{size}]")
        for p in first:
            dims = [str(n) for n in p.shape]
            if p.base in reads:
                dims[-1] = size
            self.add(f"  param {spell(p.base)}[{','.join(dims)}]")

        def rename(name):
            return spell(name) if name in local else self.outside(name)

        for e in self.cell:
            self.add(f"  {spell(e.left)} = {self.write(e.tree, rename)}")
        self.add("  output h")
        self.add("}")
        return "unit"


def suffix(place):
    return f"_l{place[0]}" + ("r" if place[1] else "")


def merge(case, parts):
    if len(parts) == 1:
        return parts[0]
    how = case.options.get("merge") or "concat"
    if how not in MERGE:
        raise Skip(f"no translation for the merge '{how}'")
    return MERGE[how].format(*parts)


def in_library(case):
    """Whether the equations are, text for text, those of a library cell."""
    sides = [text.partition(" = ") for text in case.equations]
    return library.match(case, {left: right for left, _, right in sides})


def models(case):
    """Every way of saying the case."""
    if case.options.get("dropout"):
        raise Skip("dropout draws random numbers")
    try:
        if case.family == "onnx" or case.json["peer"]["name"] == "keras":
            return [m for m in frameworks.models(case) if m]
        found = losses.models(case)
        if found is not None:
            return found
        found = [cellspec.build(case) if case.family == "cell" else
                 Written(case).build()]
        # Merged biases count once in a norm and move twice as far.
        if case.family in ("rnn", "step", "model") or (
                case.family == "cell" and in_library(case)):
            found.append(Composed(case, "library").build())
    except EquationError as e:
        raise Skip(str(e)) from e
    return [m for m in found if m]
