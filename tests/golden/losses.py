"""Losses and layers without a recurrence, Jacobians through time, word
vectors: small cases whose equations are sentences."""


import attention
import npyio
from case import Skip
from model import Model, spell

ELEMENT = {
    "mse": "({y} - {target})^2",
    "l1": "abs({y} - {target})",
    "huber": "abs({y} - {target}) <= {delta} ? 0.5 * ({y} - {target})^2 : "
             "{delta} * (abs({y} - {target}) - 0.5 * {delta})",
    "smooth_l1": "abs({y} - {target}) < {beta} ? 0.5 * ({y} - {target})^2 / "
                 "{beta} : abs({y} - {target}) - 0.5 * {beta}",
    "bce_with_logits": "-({pos}{target} * logsigmoid({y}) + "
                       "(1 - {target}) * logsigmoid(-{y}))",
    "bce": "-({target} * log({y}) + (1 - {target}) * log(1 - {y}))",
}


class Said:
    """A model under construction."""

    def __init__(self, case, mode="equations"):
        self.case = case
        self.model = Model(mode)
        self.add = self.model.lines.append

    def inside(self, t):
        """[t,5] of a tensor [T,B,5]."""
        sizes = ["t"] * ("T" in t.axes) + [
            str(n) for n, axis in zip(t.shape, t.axes)
            if axis not in ("T", "B", "1")]
        return f"[{','.join(sizes)}]" if sizes else ""

    def declare(self, t, classes=None):
        name = spell(t.name)
        if t.role in ("weight", "constant"):
            for p in self.case.params:
                if p.tensor is t:
                    self.model.params[p.name] = name
            self.add(f"param {name}{self.inside(t)}" +
                     " with frozen" * (t.role == "constant"))
            return name
        self.add(f"input {name}{self.inside(t)}" +
                 (f" in {classes}" if t.index else ""))
        self.model.inputs[t.name] = name
        return name

    def only(self, role):
        found = self.case.role(role)
        if len(found) != 1:
            raise Skip(f"no translation for {len(found)} tensors of the "
                       f"role {role}")
        return found[0]

    def output(self, name, text):
        t = self.case.tensors.get(name)
        if t and t.role == "output":
            self.add(f"output {spell(name)} = {text}")
            self.model.outputs[name] = spell(name)

    def reduce(self, how, text, scalar=False):
        """The loss: mean or sum of the elements, or each on its own."""
        if how == "none":
            t = self.only("output")
            self.add(f"output {spell(t.name)}_ = {text}")
            self.model.outputs[t.name] = spell(t.name) + "_"
            return
        if how not in ("mean", "sum"):
            raise Skip(f"no translation for the reduction {how}")
        if how == "sum":
            self.model.flags = ["--reduce", "sum"]
        self.add("loss " + (text if scalar else f"{how}({text})"))


def element_loss(case):
    s = Said(case)
    y, target = s.declare(s.only("input")), s.declare(s.only("target"))
    options = case.options
    pos = ""
    for t in case.role("constant"):
        pos = s.declare(t) + " * "
    text = ELEMENT[case.cell].format(
        y=y, target=target, pos=pos, delta=options.get("delta", 1.0),
        beta=options.get("beta", 1.0))
    s.reduce(options.get("reduction", "mean"), text,
             scalar=not s.inside(s.only("input")).strip("[t]"))
    return [s.model]


def class_loss(case):
    """Cross entropy and nll: as a distribution, and written out."""
    options = case.options
    plain = not (options.get("label_smoothing") or case.role("constant") or
                 options.get("reduction") == "none")
    return [drawn(case)] * plain + [written_out(case)]


def drawn(case):
    s = Said(case, "distribution")
    logits, target = s.only("input"), s.only("target")
    y = s.declare(logits)
    name = s.declare(target, logits.shape[-1])
    s.output("logp", f"{y} - logsumexp({y})")
    s.add(f"{name} ~ categorical(softmax({y}))")
    how = case.options.get("reduction", "mean")
    s.model.flags = ["--reduce", "sum" if how == "sum" else "token"]
    return s.model


def written_out(case):
    s = Said(case)
    logits, target = s.only("input"), s.only("target")
    k = logits.shape[-1]
    y = s.declare(logits)
    name = s.declare(target, k)
    s.add(f"input keep{s.inside(target)}")
    ignore = case.options.get("ignore_index")
    values = case.read(target)
    kept = npyio.Array(values.shape, [float(v != ignore)
                                      for v in values.data])
    s.model.given[name] = npyio.Array(values.shape, [
        v if v != ignore else 0 for v in values.data], "<i8")
    s.model.given["keep"] = kept
    weight, each = "", [1.0] * k
    for t in case.role("constant"):
        weight, each = s.declare(t), case.read(t).data
    e = case.options.get("label_smoothing") or 0
    s.add(f"logs = {y} - logsumexp({y})")
    s.output("logp", "logs")
    hot = f"onehot({name})"
    text = f"-({hot} @ logs)"
    if weight:
        text = f"({weight} @ {hot}) * {text}"
    if e:
        rest = f"{weight} @ logs / {k}" if weight else "mean(logs)"
        text = f"(1 - {e!r}) * ({text}) - {e!r} * ({rest})"
    how = case.options.get("reduction", "mean")
    if how == "mean":
        total = sum(each[v] * m for v, m in zip(
            s.model.given[name].data, kept.data))
        text = f"({text}) / {total!r}"
        s.model.averaged = True
    s.reduce("none" if how == "none" else "sum", f"keep * ({text})",
             scalar=True)
    return s.model


def alignment(case):
    """CTC: labels in a vector, filled up with -1, and with steps of their own."""
    return [aligned(case, "vector"), aligned(case, "steps")]


def aligned(case, mode):
    s = Said(case, mode)
    options, logits = case.options, s.only("input")
    labels, counts = s.only("target"), case.tensors["target_lengths"]
    y, k = s.declare(logits), logits.shape[-1]
    name, ends = spell(labels.name), case.read(counts).data
    values = case.read(labels)
    if mode == "steps":
        cell, length = "ctc_nll_steps", "u"
        s.add("time t, u")
        s.model.given[name] = values.reorder([1, 0])
        s.model.length_axis = "t"
        s.model.ends["u"] = case.path(counts)
    else:
        cell, length = "ctc_nll", labels.shape[1]
        s.model.given[name] = npyio.Array(values.shape, [
            v if values.where(i)[1] < ends[values.where(i)[0]] else -1
            for i, v in enumerate(values.data)], "<i8")
    s.add(f"input {name}[{length}] in {k}")
    how = options.get("reduction", "mean")
    blank = f"blank = {options.get('blank', 0)}"
    zero = f"zero = {int(bool(options.get('zero_infinity')))}"
    s.add(f"nll = {cell}({blank}, {zero})({name}, softmax({y}))")
    s.add("output nll")
    s.model.outputs["nll"] = "nll"
    # Only of a drawn name may -1 stand in an array.
    mean = f"mean = {int(how == 'mean')}"
    s.add(f"{name} ~ ctc(softmax({y}), {blank}, {mean}, {zero})")
    if how == "sum":
        s.model.flags = ["--reduce", "sum"]
    return s.model


def embedding(case):
    s = Said(case)
    table, tokens = s.only("weight"), s.only("input")
    s.declare(table)
    name = s.declare(tokens, table.shape[0])
    text = f"{spell(table.name)}[{name}]"
    pad = case.options.get("padding_idx")
    if pad is not None:
        pad %= table.shape[0]
        text = f"{name} == {pad} ? stopgrad({text}) : {text}"
    s.output("y", text)
    return [s.model]


def linear(case):
    s = Said(case)
    names = {t.name: s.declare(t) for t in case.role("input", "weight")}
    bias = f" + {names['b']}" if "b" in names else ""
    s.output("y", f"{names['W']} @ {names['x']}{bias}")
    return [s.model]


def layer_norm(case):
    """Written out, and the library's cell."""
    eps = case.options.get("eps", 1e-5)
    s = Said(case)
    names = {t.name: s.declare(t) for t in case.role("input", "weight")}
    x = names["x"]
    s.add(f"d = {x} - mean({x})")
    text = f"d / sqrt(mean(d * d) + {eps!r})"
    if "gamma" in names:
        text = f"{names['gamma']} * {text}"
    if "beta" in names:
        text += f" + {names['beta']}"
    s.output("y", text)
    found = [s.model]
    if {"gamma", "beta"} <= set(names):
        s = Said(case, "library")
        s.declare(s.only("input"))
        s.add(f"z = layernorm({eps!r})({x})")
        s.output("y", "z")
        s.model.params.update({"gamma": "z.g", "beta": "z.b"})
        found.append(s.model)
    return found


def word2vec(case):
    """Each context word or negative is an input of its own."""
    s = Said(case)
    for t in case.role("weight"):
        s.declare(t)
    words = case.tensors["A"].shape[0]
    found = {}
    for t in case.role("input", "target"):
        name = spell(t.name)
        found[t.name] = names = [name] if len(t.shape) == 1 else [
            f"{name}{i + 1}" for i in range(t.shape[1])]
        for i, n in enumerate(names):
            s.add(f"input {n} in {words}")
            s.model.given[n] = case.read(t) if len(t.shape) == 1 else (
                case.read(t).take(1, i))
    if "context" in found:
        rows = " + ".join(f"A[{n}]" for n in found["context"])
        s.add(f"h = ({rows}) / {len(found['context'])}")
        s.add(f"{found['target'][0]} ~ categorical(softmax(O @ h))")
    else:
        s.add(f"h = A[{found['center'][0]}]")
        s.add(f"loss -logsigmoid(h @ O[{found['positive'][0]}])" + "".join(
            f" - logsigmoid(-(h @ O[{n}]))" for n in found["negative"]))
    return [s.model]


BY_CELL = {"attention": attention.attention, "seq2seq": attention.seq2seq,
           "embedding": embedding, "linear": linear,
           "layer_norm": layer_norm, "word2vec": word2vec,
           "ctc": alignment, "cross_entropy": class_loss, "nll": class_loss}


def models(case):
    """Every way of saying the case, or None where this is not the place."""
    if case.family == "loss" and case.cell in ELEMENT:
        return element_loss(case)
    if case.family in ("loss", "layer", "model") and case.cell in BY_CELL:
        return BY_CELL[case.cell](case)
    if case.family in ("loss", "layer"):
        raise Skip(f"no translation for {case.cell}")
    return None
