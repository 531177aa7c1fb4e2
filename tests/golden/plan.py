"""From a model of a case to runs of the product and what they must give.

A Plan holds the spec, the arrays that go in, and one Want for every tensor
of the case that must come out: which run writes it, and from which blocks
of which files it is put together.
"""

import math
import re

import npyio
from case import CaseError, Skip, WANTED
from product import Request

SGD = {"lr": "lr", "momentum": "momentum", "dampening": "dampening",
       "nesterov": "nesterov", "weight_decay": "decay"}
ADAM = {"lr": "lr", "eps": "eps", "amsgrad": "amsgrad",
        "weight_decay": "decay"}
OPTIMIZERS = {
    "SGD": ("sgd", SGD),
    "Adam": ("adam", ADAM),
    "AdamW": ("adamw", ADAM),
    "Adagrad": ("adagrad", {
        "lr": "lr", "eps": "eps", "weight_decay": "decay"}),
    "Adadelta": ("adadelta", {
        "lr": "lr", "rho": "rho", "eps": "eps", "weight_decay": "decay"}),
    "RMSprop": ("rmsprop", {
        "lr": "lr", "alpha": "alpha", "eps": "eps", "centered": "centered",
        "momentum": "momentum", "weight_decay": "decay"}),
}
NOT_RATES = ("optimizer", "betas", "decoupled_weight_decay",
             "initial_states")


class Want:
    """A tensor of the case and how to get it from the product.

    blocks: (file or None for zeros, offset in the tensor, shape in the file,
    count of leading steps); value: a function of the runs' Results instead.
    """

    def __init__(self, tensor, run, blocks=None, value=None):
        self.tensor = tensor
        self.run = run
        self.blocks = blocks
        self.value = value

    def collect(self, results):
        if self.value:
            return self.value(results)
        shape = self.tensor.shape
        data = [None] * math.prod(shape)
        for name, offset, extents, steps in self.blocks:
            full = ((steps,) if steps else ()) + tuple(extents)
            a = results[self.run].array(name) if name else npyio.zeros(full)
            if a.shape != full and not (full in ((), (1,)) and
                                        a.shape in ((), (1,))):
                raise CaseError(f"{name}.npy has shape {list(a.shape)}, "
                                f"expected {list(full)}")
            size = math.prod(extents)
            stride = len(data) // (steps or 1)
            for k in range(steps or 1):
                at = offset + k * stride
                data[at:at + size] = a.data[k * size:(k + 1) * size]
        if None in data:
            raise CaseError(f"element {data.index(None)} of "
                            f"{self.tensor.name} belongs to no parameter")
        return npyio.Array(shape, data)


class Plan:
    """case: Case; model: spec.Model."""

    def __init__(self, case, model):
        self.case = case
        self.model = model
        self.weights = {}
        self.base = Request()
        self.runs = {}
        self.wants = []
        self.texts = {"spec": (model.text(), self.weights)}
        self.bind_weights()
        self.bind_arrays()
        self.plan_runs()
        for t in case.role(*WANTED):
            self.wants.append(self.want(t))

    # Arrays that go in

    def bind_weights(self):
        """Biases that the library has as one are added up."""
        for p in self.case.params:
            a = self.case.read(p.tensor).cut(p.offset, p.size)
            a = a.reshape(self.param_shape(p))
            name = self.model.params.get(p.name)
            if not name:
                continue
            if p.name in self.model.positions:
                a.data = [v + 1 for v in a.data]
            if name in self.weights:
                was = self.weights[name].data
                a.data = [u + v for u, v in zip(was, a.data)]
            self.weights[name] = a
        for name, shape in self.model.zero:
            self.weights[name] = npyio.zeros(shape)

    def bind_arrays(self):
        case, model, base = self.case, self.model, self.base
        base.inputs.update(model.given)
        for name, spelled in model.inputs.items():
            if spelled in model.given:
                continue
            base.inputs[spelled] = self.array(case.tensors[name])
        for t in case.role("initial_state"):
            if t.name in model.split:
                axis, stems = model.split[t.name]
                base.states.update(zip(stems, case.read(t).along(axis)))
                continue
            for stem, offset, extents, _ in self.state_blocks(t, "", "0"):
                base.states[stem] = case.read(t).cut(offset, extents)
        for of, t in case.upstream().items():
            if of in model.orders:
                base.upstream[model.outputs[of]] = case.read(t).reorder(
                    model.orders[of])
                continue
            if of in model.flipped:
                base.upstream[model.outputs[of]] = case.read(t).flip(
                    t.axes.index("T"))
                continue
            for stem, offset, extents, _ in self.blocks(case.tensors[of]):
                whole = offset == 0 and extents == t.shape
                base.upstream[stem] = case.path(t) if whole else (
                    case.read(t).cut(offset, extents))
        if case.lengths():
            base.lengths[model.length_axis] = case.path(case.lengths())
        base.lengths.update(model.ends)
        if case.batch_first():
            base.flags.append("--batch-first")
        base.flags += model.flags

    def array(self, t):
        """A tensor as the product takes it: its own file where it can."""
        if t.role == "mask":
            return npyio.Array(t.shape, self.case.read(t).data)
        ignore = self.case.options.get("ignore_index")
        a = self.case.read(t)
        if t.role == "target" and t.index and ignore is not None:
            return npyio.Array(a.shape, [-1 if v == ignore else v
                                         for v in a.data], a.kind)
        extents = self.extents(t)
        return self.case.path(t) if extents == t.shape else (
            a.reshape(extents))

    def extents(self, t):
        """A step of a cell is a sequence of one step."""
        step = self.case.family == "step" and t.role in (
            "input", "output", "upstream", "gradient")
        if self.model.thin:
            return tuple(n for n, axis in zip(t.shape, t.axes)
                         if n != 1 or axis in ("T", "B"))
        return ((1,) if step else ()) + t.extents()

    def param_shape(self, p):
        if self.model.thin:
            return tuple(n for n in p.size if n != 1)
        return p.shape

    # Where a tensor lives in the product

    def blocks(self, t, prefix=""):
        if t.name in self.model.outputs:
            return [(self.model.outputs[t.name], 0, self.extents(t), 0)]
        if t.name in self.model.inputs:
            return [(prefix + self.model.inputs[t.name], 0,
                     self.extents(t), 0)]
        if t.role == "final_state":
            return self.state_blocks(t, "final.", "T")
        if t.role == "initial_state":
            return self.state_blocks(t, prefix, "0")
        if t.role in ("weight", "constant"):
            return [(self.model.params.get(p.name) and (
                prefix + self.model.params[p.name]), p.offset,
                     self.param_shape(p), 0)
                    for p in self.case.params if p.tensor is t]
        raise CaseError(f"nothing in the model stands for {t.name}")

    def state_blocks(self, t, prefix, ending):
        if t.name in self.model.slots:
            return [(prefix + self.model.slots[t.name], 0, self.extents(t),
                     0)]
        state = t.name[:-1]
        places = sorted({p for s, p in self.model.states if s == state})
        if t.name[-1] != ending or not places:
            raise CaseError(f"no equation recurs on the state of {t.name}")
        shape = t.extents()
        if t.axes[0] == "layer*dir":
            shape = shape[1:]
            if t.shape[0] != len(places):
                raise CaseError(f"{t.name} holds {t.shape[0]} states, the "
                                f"weights are those of {len(places)}")
        return [(prefix + self.model.states[state, place],
                 i * math.prod(shape), shape, 0)
                for i, place in enumerate(places)]

    # Runs

    def plan_runs(self):
        case, model = self.case, self.model
        wanted = {t.role for t in case.role(*WANTED)}
        flags = ["--grad"] if wanted & {
            "gradient", "clipped_gradient", "gradient_of_full_bptt"} else []
        main = self.base.copy(*flags)
        self.runs["main"] = "spec", main
        if case.family == "truncated_bptt":
            main.flags += ["--tbptt", str(case.options["chunk"])]
            self.runs["full"] = "spec", self.base.copy(*flags)
        if model.second:
            again = self.base.copy()
            again.inputs = {stem: self.array(case.tensors[name])
                            for name, stem in model.second.items()}
            again.carry = "main", set(model.slots.values())
            self.runs["second"] = "spec", again
        if case.family == "clip":
            main.flags += ["--clip", self.clip()]
        if case.family == "optimizer":
            self.runs["steps"] = "spec", self.base.copy(
                "--steps", str(case.sizes["steps"]),
                "--optimizer", self.optimizer())
        if self.model.head:
            self.plan_head(self.model.head)

    def plan_head(self, head):
        """The head on one step of zeros."""
        request = Request()
        request.inputs["y"] = npyio.zeros((1, 1, head.width))
        weights = {name: self.weights[name] for name in head.params.values()}
        self.texts["head"] = head.text(), weights
        self.runs["padding"] = "head", request

    def clip(self):
        o = self.case.options
        if o["clip"] == "value":
            return f"value({o['value']})"
        if o["clip"] != "norm":
            raise Skip(f"no translation for the clip '{o['clip']}'")
        args = [str(o["value"])]
        kind = str(o.get("norm_type", 2.0))
        if kind in ("inf", "Infinity"):
            args.append("inf")
        elif float(kind) != 2:
            args.append(kind.removesuffix(".0"))
        m = re.search(r"total \+ ([\d.e+-]+)", " ".join(self.case.equations))
        if m:
            args.append("eps = " + m.group(1))
        return f"norm({', '.join(args)})"

    def optimizer(self):
        o = self.case.options
        if o["optimizer"] not in OPTIMIZERS:
            raise Skip(f"no translation for {o['optimizer']}")
        name, known = OPTIMIZERS[o["optimizer"]]
        if o.get("decoupled_weight_decay"):
            name = "adamw"
        args = [f"lr = {o['lr']!r}"]
        if "betas" in o:
            args += [f"beta{i + 1} = {b!r}" for i, b in enumerate(o["betas"])]
        for key, value in o.items():
            if key in NOT_RATES or key == "lr":
                continue
            if key not in known:
                if value:
                    raise Skip(f"no translation for {key} = {value}")
            elif value or key == "eps":
                args.append(f"{known[key]} = {float(value):g}"
                            if isinstance(value, bool)
                            else f"{known[key]} = {value!r}")
        return f"{name}({', '.join(args)})"

    # What must come out

    def want(self, t):
        of = self.case.tensors.get(t.of or t.name.partition("d_")[2])
        if t.role == "expected":
            return self.expected(t, of)
        if t.name in self.model.split:
            return Want(t, "main", value=lambda r: self.joined(r, t))
        if t.name in self.model.orders:
            order = self.model.orders[t.name]
            back = [order.index(i) for i in range(len(order))]
            return Want(t, "main", value=lambda r: r["main"].array(
                self.model.outputs[t.name]).reorder(back))
        if t.name in self.model.flipped:
            return Want(t, "main", value=lambda r: r["main"].array(
                self.model.outputs[t.name]).flip(t.axes.index("T")))
        if self.model.second and t.role == "final_state":
            return Want(t, "second", self.blocks(t))
        if t.role == "output" and t.name.endswith("_second"):
            first = self.case.tensors[t.name.removesuffix("_second")]
            return Want(t, "second", self.blocks(first))
        if t.role in ("output", "final_state"):
            padded = self.model.head and t.name in self.model.head.outputs
            if padded:
                return Want(t, "main", value=lambda r: self.padded(r, t))
            return Want(t, "main", self.blocks(t))
        if of is None:
            raise CaseError(f"{t.name} is the gradient of nothing")
        prefix = "clipped." if t.role == "clipped_gradient" else "grad."
        run = "full" if t.role == "gradient_of_full_bptt" else "main"
        return Want(t, run, self.blocks(of, prefix))

    def expected(self, t, of):
        steps = self.case.sizes.get("steps", 0)
        if of is not None and t.name.startswith("after_"):
            return Want(t, "steps", [
                b[:3] + (steps,) for b in self.blocks(of, "after.")])
        if t.name == "losses":
            return Want(t, "steps", [("losses", 0, (), steps)])
        if t.name == "total_norm":
            return Want(t, "main", [("gradnorm", 0, (), 0)])
        if t.name == "perplexity":
            return Want(t, "main", value=self.perplexity)
        if t.name == "loss":
            if self.case.upstream():
                return Want(t, "main", value=self.weighted)
            return Want(t, "main", [("loss", 0, (), 0)])
        if t.name in self.model.outputs:
            return Want(t, "main", self.blocks(t))
        same = [o for o in self.case.role("output")
                if math.prod(o.shape) == math.prod(t.shape)]
        if t.name == "printed" and len(same) == 1:
            return Want(t, "main", value=lambda r: npyio.Array(
                t.shape, r["main"].array(
                    self.model.outputs[same[0].name]).data))
        raise CaseError(f"no way is known to get '{t.name}'")

    def joined(self, results, t):
        """A tensor that the product has in parts along an axis."""
        axis, stems = self.model.split[t.name]
        prefix = "final." if t.role == "final_state" else ""
        return npyio.stack([results["main"].array(prefix + stem)
                            for stem in stems], axis)

    def padded(self, results, t):
        """An output of the head; beyond a length the product writes 0, the
        case holds the head of y = 0."""
        name = self.model.outputs[t.name]
        got = results["main"].array(name)
        if got.shape != t.shape:
            raise CaseError(f"{name}.npy has shape {list(got.shape)}, "
                            f"expected {list(t.shape)}")
        pad = results["padding"].array(name).data
        ends = self.case.read(self.case.lengths()).data
        step, batch = t.axes.index("T"), t.axes.index("B")
        for i, value in enumerate(got.data):
            index = got.where(i)
            if index[step] >= ends[index[batch]]:
                if value != 0:
                    raise CaseError(f"{name}[{index[step]},{index[batch]}] "
                                    "is not 0 beyond the length")
                got.data[i] = pad[i % len(pad)]
        return got

    def weighted(self, results):
        """L: every output and final state times its upstream, added up."""
        terms = []
        for of, t in self.case.upstream().items():
            up = self.case.read(t).data
            got = self.want(self.case.tensors[of]).collect(results)
            terms += [u * g for u, g in zip(up, got.data)]
        return npyio.Array((1,), [math.fsum(terms)])

    def perplexity(self, results):
        """exp of the mean over the targets that count."""
        loss = results["main"].array("loss").data[0]
        if "sum" in self.model.flags and not self.model.averaged:
            target = self.case.role("target")[0]
            loss /= sum(v >= 0 for v in self.array(target).data)
        return npyio.Array((1,), [math.exp(loss)])
