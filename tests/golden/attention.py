"""Cases with two time axes: s of the source, t of what attends to it."""

import re

import equation
import library
from case import Skip
from model import Model, spell

SCORE = {
    "additive": "va @ tanh(W @ q + U @ k + b)",
    "dot": "q @ k",
    "general": "q @ (W @ k)",
}
SOURCE = ("S", "Tk")
CALLER = ("T", "Tq")


class TwoAxes:
    def __init__(self, case, mode):
        self.case = case
        self.model = Model(mode)
        self.add = self.model.lines.append
        self.add("time s, t")

    def declare_inputs(self, classes):
        """classes: {tensor of words: how many there are}"""
        for t in self.case.role("input", "target"):
            inside = ["s" if a in SOURCE else "t" if a in CALLER else str(n)
                      for n, a in zip(t.shape, t.axes) if a != "B"]
            name = spell(t.name)
            self.add(f"input {name}[{','.join(inside)}]" + (
                f" in {classes[t.name]}" if t.index else ""))
            self.model.inputs[t.name] = name
        self.model.length_axis = "s"

    def declare_params(self, names):
        for p in self.case.params:
            if p.name in names:
                inside = ",".join(str(n) for n in p.shape)
                self.add(f"param {spell(p.name)}[{inside}]")
                self.model.params[p.name] = spell(p.name)

    def output(self, name, text=None):
        """Arrays over both axes are [t,s,B] in the product."""
        t = self.case.tensors.get(name)
        if t is None or t.role != "output":
            return
        self.add(f"output {spell(name)}" + (f" = {text}" if text else ""))
        self.model.outputs[name] = spell(name)
        if any(a in SOURCE for a in t.axes):
            self.model.orders[name] = [
                next(i for i, a in enumerate(t.axes) if a in known)
                for known in (CALLER, SOURCE, ("B",))]


def attention(case):
    s = TwoAxes(case, "equations")
    score = SCORE.get(case.options.get("kind"))
    if not score:
        raise Skip(f"no translation for {case.options.get('kind')}")
    if "b" not in case.tensors:
        score = score.replace(" + b)", ")")
    m = re.search(r"/ sqrt\((\w+)\)", case.equations[0])
    if m:
        score += f" / sqrt({case.sizes[m.group(1)]})"
    s.declare_inputs({})
    s.declare_params({p.name for p in case.params})
    s.add(f"e = {score}")
    s.add("alpha = softmax[s](e)")
    s.output("alpha")
    s.output("y", f"sum[s](alpha * {'v' if 'v' in case.tensors else 'k'})")
    return [s.model]


def seq2seq(case):
    if case.options.get("attention") != "dot, not scaled":
        raise Skip(f"no translation for {case.options.get('attention')}")
    return [said(case, "cell"), said(case, "library")]


def said(case, mode):
    s = TwoAxes(case, mode)
    t = {a: case.tensors[a].shape[0] for a in ("Es", "Et")}
    s.declare_inputs({"source": t["Es"], "decoder_input": t["Et"],
                      "target": t["Et"]})
    s.declare_params({"Es", "Et", "Wc", "bc", "Wo", "bo"})
    told = [text.strip() for text in case.equations[0].split(";")[1:]]
    own = {stem: {p.name.removeprefix(stem).removesuffix("_l0"): p
                  for p in case.params if p.name.startswith(stem)}
           for stem in ("enc_", "dec_")}
    states = set().union(*(equation.lags(equation.parse(
        e.partition(" = ")[2])) for e in told))
    if mode == "library":
        found = library.find(sorted(told), [
            p.shape[0] for n, p in own["enc_"].items() if n[0] == "W"])
        if not found:
            return None
        unit, name_of, missing = found
    else:
        unit, name_of, missing = "unit()", spell, []
        define(s, told, own["enc_"])
    start = ", ".join(f"{x}[0] = {'h' if x == 'h' else 'h.' + x}[end]"
                      for x in sorted(states))
    s.add(f"h = {unit}(Es[source])")
    s.add(f"y = {unit}(Et[decoder_input], {start})")
    for stem, name in (("enc_", "h."), ("dec_", "y.")):
        for base, p in own[stem].items():
            s.model.params[p.name] = name + name_of(base)
        s.model.zero += [(name + n, shape) for n, shape in missing]
    s.add("alpha = softmax[s](y @ h)")
    s.add("a = tanh(Wc @ [sum[s](alpha * h), y] + bc)")
    s.add("logits = Wo @ a + bo")
    s.add("target ~ categorical(softmax(logits))")
    s.output("alpha")
    s.output("logits")
    s.model.flags = ["--reduce", "token"]
    return s.model


def define(s, told, own):
    """A cell of the case's equations."""
    s.add("cell unit {")
    size = next(p.shape[1] for n, p in own.items() if n[0] == "W")
    s.add(f"  input x[{size}]")
    for n, p in own.items():
        s.add(f"  param {spell(n)}[{','.join(map(str, p.shape))}]")
    for text in told:
        left, _, right = text.partition(" = ")
        tree = equation.parse(right)
        s.add(f"  {spell(left)} = {equation.Writer(spell).write(tree)}")
    s.add("  output h")
    s.add("}")
