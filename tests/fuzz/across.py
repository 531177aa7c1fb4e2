"""Values of random models that look across steps and sequences: reductions
over an axis, attention, statistics of the batch; and what is random in a
model itself: noise."""

from values import dims

# What the head of a spec says where one of these is called.
FUNCTIONS = {
    "bump": "fn bump(a, s) = exp(-(a / (1 + s^2))^2)",
    "gate": "fn gate(a, f) = f(a) * sigmoid(a)",
    "swish": "fn swish(a, k) = a * sigmoid(k * a)\n"
             "  d/da = sigmoid(k * a) * (1 + k * a * (1 - sigmoid(k * a)))\n"
             "  d/dk = a * a * sigmoid(k * a) * (1 - sigmoid(k * a))",
    "own": "fn own(a) = a > 0.05 ? sin(a) : 0\n  d/da = 1 / (1 + a^2)",
    "tame": "fn tame(z) = 0.5 * z / (1 + real(z * conj(z)))",
    "erfc": 'extern fn erfc(a) = "erfcf" from "math.h"\n'
            "  d/da = -1.1283791670955126 * exp(-a * a)",
    "hypot": 'extern fn hypot(a, b) = "hypotf" from "math.h"\n'
             "  d/da = a / hypot(a, b)\n  d/db = b / hypot(a, b)",
    "fused": 'extern fn fused(a, b, c) = "fmaf" from "math.h"\n'
             "  d/da = b\n  d/db = a\n  d/dc = 1"}


class Across:
    """For a Values."""

    noisy = False     # the model draws something
    batched = False   # it has statistics of the batch

    def bias(self):
        """What makes a value vary over all axes here."""
        return "".join(f" + 0.2 * {self.number[a]}" for a in self.here)

    def across(self, size, depth):
        """A value of that size that looks along a whole axis."""
        if self.chance(0.15):
            return self.of_batch(size, depth)
        axis = self.rng.choice(self.axes)
        here = (self.here if axis in self.here else
                tuple(a for a in self.axes if a in (*self.here, axis)))
        keeps = axis in self.here and self.chance(0.5) and self.rng.choice(
            ["softmax", "reverse", "0.3 * cumsum"])
        loop = keeps and "cumsum" in keeps  # none within that of the group
        with self.over_axes(here, hide=axis == self.along or loop):
            inner = self.value(size, depth - 1) + self.bias()
            score = self.value(0, 1) + self.bias()
        if keeps:
            return f"{keeps}[{axis}]({inner})"
        if axis == self.like and "t" in self.here and self.chance(0.5):
            score = f"{axis} {self.rng.choice(['<=', '>'])} t ? {score} : -1e9"
        kind = self.rng.randint(0, 6)
        if kind <= 2:
            return f"sum[{axis}](softmax[{axis}]({score}) * ({inner}))"
        if kind == 3:
            return f"logsumexp[{axis}]({inner})"
        if kind == 4:
            f = self.rng.choice(["max", "min", "argmax"])
            apart = self.rng.choice([axis, f"15 * sin({axis})", f"-{axis}"])
            return f"{f}[{axis}](0.4 * tanh({inner}) + {apart})"
        if kind == 5:
            return f"mean[{axis}]({inner})"
        return f"0.2 * sum[{axis}]({inner})"

    def of_batch(self, size, depth):
        self.batched = True
        if self.chance(0.5):
            return f"mean[batch]({self.value(size, depth - 1)} + 0.1 * k1)"
        axis = self.axes[0]
        with self.over_axes((axis,), hide=True):
            inner = self.value(size, depth - 1) + self.bias()
        f = self.rng.choice(["mean", "0.05 * sum"])
        return f"{f}[{axis}, batch]({inner})"

    def called(self, size, depth):
        """A function of the spec's own or of C."""
        a, b = self.value(size, depth - 1), self.value(size, depth - 1)
        n = self.param() if self.chance(0.5) else "0.7"
        return self.rng.choice([
            f"bump({a}, {n})", f"bump({a}, {b})", f"gate({a}, tanh)",
            f"gate({a}, sin)", f"erfc(tanh({a}))",
            f"hypot(1.5 + tanh({a}), {b})", f"hypot(2, {a})",
            f"fused({a}, {n}, {b})", f"fused(0.5, {a}, {n})",
            f"(training ? {a} : {b})", f"sum[i = 1:3](i * {a} / 4)"])

    def noise(self):
        """A name that is drawn, as a value that may be read."""
        name, size = self.fresh("q"), self.rng.randint(0, 3)
        if self.chance(0.2):
            size = (self.rng.randint(1, 3), self.rng.randint(1, 3))
        how = self.rng.choice(["", "", " once", " shared"])
        axes = () if how else self.axes[:1]
        if not how and self.like is None and self.chance(0.5):
            axes = tuple(self.rng.sample(self.axes, 1)) if self.chance(
                0.5) else self.axes
        drawn = self.rng.choice(["bernoulli(0.5)", "normal(0, 0.3)",
                                 "uniform(-0.5, 0.5)", "normal(1, 0.2)"])
        own = axes if axes != self.axes[:1] else ()
        shape = ", ".join([*own, *map(str, dims(size))])
        self.lines.append(f"noise {name}" + (f"[{shape}]" if shape else "") +
                          f" ~ {drawn}{how}")
        self.names[name] = size, axes
        self.noisy = True

    def learned(self):
        """A memory that follows a gradient of its own, and a gradient."""
        known = [n for n, (size, axes) in self.names.items()
                 if size and not isinstance(size, tuple) and axes == ("t",)
                 and n not in self.inputs and n[0] == "v"]
        if not known:
            return
        v = self.rng.choice(known)
        n = self.names[v][0]
        name = self.fresh()
        self.here = ("t",)
        if self.chance(0.5):
            self.lines.append(f"{name} = grad(sum(exp(0.3 * tanh({v})) * "
                              f"({self.value(n, 1)})), {v})")
            self.names[name] = n, ("t",)
            return
        m = self.rng.randint(1, 3)
        self.lines.append(f"state {name}[{m},{n}]")
        self.lines.append(
            f"{name} = 0.9 * {name}[t-1] - 0.2 * grad(0.5 * sum(({name}[t-1] "
            f"@ {v} - ({self.value(m, 1)}))^2), {name}[t-1])")
        self.lines.append(f"{name}out = tanh({name} @ {v})")
        self.names[f"{name}out"] = m, ("t",)
