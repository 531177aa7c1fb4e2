"""Values of random models: expressions of a given size that may stand in an
equation over the axes `here`.

The gradient of a model is compared with differences, so no value may have a
corner or a jump near where it is taken: every function with one gets an
argument that a number without derivative keeps away from it (class Calm).
Where `raw` is set nothing is kept away; such values never reach the loss."""

import contextlib
import random

SMOOTH = ["tanh({})", "sigmoid({})", "softplus({})", "sin({})", "cos({})",
          "erf({})", "exp(-({})^2)", "gelu({})", "square({})", "silu({})",
          "sqrt(1 + ({})^2)", "log1p(({})^2)", "expm1(tanh({}))", "mish({})",
          "log(1.5 + sin({}))", "tan(tanh({}))", "logsigmoid({})",
          "lgamma(2 + sin({}))", "tanh({})^3", "1.7^tanh({})",
          "mul({0}, 0.5, {0})", "logadd({}, 0.3)", "atan2({}, 2)", "-({})",
          "id({})", "(2 + cos({}))^1.5", "(sin({}) |> tanh)",
          "sum({0}, 0.5 * ({0}))",
          "gain * {}", "{} / (1 + half)"]
OF_VECTOR = ["softmax({})", "normalize(1.5 + tanh({}))", "cumsum({})",
             "roll({}, 1)", "roll({}, -2)", "reverse({})",
             "clipgrad({}, 1e9)", "l2norm(1.5 + tanh({}))"]
OF_MATRIX = OF_VECTOR[:-1] + ["tanh({})", "sigmoid({})", "0.5 * ({})"]
TO_NUMBER = ["sum({})", "mean({})", "logsumexp({})", "norm(2 + tanh({}))"]
TO_MATRIX_NUMBER = ["sum({})", "mean({})"]
EXTREMES = ["max", "min", "argmax"]
CLASSES = 4
# Behind what a parameter is, with the shapes that it is for.
STARTS = {"any": ["~ normal(0, 0.3)", "~ truncated(0, 0.4)", "in (0, 1)",
                  "~ uniform(-0.5, 0.5)", "~ ones", "= 0.3", "in (0, inf)",
                  "in (0, 1) ~ uniform(0.2, 0.8)", "with lr = 0.1, decay = 0.1",
                  "with clip = norm(1)", "= 0.2 with frozen"],
          1: ["in simplex"],
          2: ["~ glorot", "~ he", "~ orthogonal", "~ identity", "in simplex"],
          "square": ["in skew", "in skew ~ normal(0, 0.5)"]}


def dims(size):
    """The extents of a size: 0 for a number, a length, (rows, columns)."""
    return list(size) if isinstance(size, tuple) else [size] if size else []


class Calm:
    """Functions with corners and jumps, their arguments kept away."""

    # Where each has them; amplitudes below are for gaps of 1.
    CORNERS = {"relu({})": [0], "abs({})": [0], "leaky_relu({})": [0],
               "clamp({}, -0.7, 0.9)": [-0.7, 0.9], "elu({})": [0],
               "selu({})": [0], "relu6({})": [0, 6], "softsign({})": [0],
               "hardtanh({})": [-1, 1], "hardsigmoid({})": [-2.5, 2.5],
               "sign({})": [0], "floor({})": [0, 1, 2], "({}) % 2": [0, 2, 4],
               "min({}, 1)": [1], "sqrt(abs({}))": [0],
               "modrelu({}, -0.5)": [-0.5, 0.5]}
    RAW = ["stopgrad({})", "clipgrad({}, 0.05)", "round_st({})",
           "step_st({})", "spike({})", "own({})"]

    def switch(self, a, b):
        """A number, a or b: which one no weight and no real input decides."""
        ways = [f"{a}"] + [f"(k0 == 1 or k0 == 2 ? {a} : {b})"]
        for axis in self.here:
            w, t = self.index[axis], axis
            ways += [f"({w} == 1 ? {a} : {b})", f"({t} > 2 ? {a} : {b})",
                     f"(not ({w} <= 1) ? {a} : {b})",
                     f"({t} % 2 == 1 and {w} != 0 ? {a} : {b})"]
        return self.rng.choice(ways)

    def bend(self, size, depth):
        """A function with corners of a value of that size."""
        inner = self.value(size, depth - 1)
        if self.raw:
            form = self.rng.choice(list(self.CORNERS) + self.RAW)
            return form.format(f"{inner} + 0.0137")
        form = self.rng.choice(list(self.CORNERS))
        at = self.CORNERS[form]
        safe = ([at[0] - 0.5, at[-1] + 0.5] +
                [(a + b) / 2 for a, b in zip(at, at[1:])])
        a, b = self.rng.choice(safe), self.rng.choice(safe)
        return form.format(f"{self.switch(a, b)} + 0.4 * tanh({inner})")

    def condition(self):
        """What is true or false, of values that are not near a tie."""
        if self.raw:
            return f"({self.value(0, 1)}) > 0.1137"
        one = f"{self.switch(0.6, -0.6)} + 0.4 * tanh({self.value(0, 1)})"
        if self.chance(0.3):
            two = f"{self.switch(0.6, -0.6)} + 0.4 * sin({self.value(0, 0)})"
            return self.rng.choice([f"{one} > 0 and {two} >= 0",
                                    f"{one} > 0 or not ({two} < 0.1)"])
        return self.rng.choice([f"{one} > 0.05", f"{one} < {one} + 1",
                                f"{one} <= -0.02", f"0.1 != {one}"])

    def larger(self, size, depth):
        """The larger or smaller of two values."""
        a, b = self.value(size, depth - 1), self.value(size, depth - 1)
        f = self.rng.choice(["max", "min"])
        if self.raw:
            return f"{f}({a} + 0.0137, {b})"
        return (f"{f}(0.4 * tanh({a}), {self.switch(1, -1)} + "
                f"0.4 * tanh({b}))")

    def extreme(self, f, size, depth):
        """max, min or argmax of a vector or matrix, whose elements differ."""
        inner = self.value(size, depth)
        if isinstance(size, tuple):
            f = "max" if f == "argmax" else f
        if self.raw:
            return f"{f}({inner} + 0.0137 * {self.places(size)})"
        return (f"{f}(0.4 * tanh({inner}) + {self.switch(1, -1)} * "
                f"{self.places(size)})")

    def places(self, size):
        """A constant with another number in each place."""
        if isinstance(size, tuple):
            name, (rows, cols) = f"grid{size[0]}x{size[1]}", size
            self.consts[name] = (f"{name}[i = 1:{rows}, j = 1:{cols}] = "
                                 f"(i - 1) * {cols} + j")
            return name
        self.consts[f"order{size}"] = \
            f"order{size}[i = 1:{size}] = {size + 1} - i"
        return f"order{size}"


class Values(Calm):
    """What is known, and expressions of it."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.params = []       # declarations, those of special ones last
        self.special = []
        self.names = {}        # what may be read anywhere: (size, axes)
        self.inputs = set()    # those of them that need a value beyond ends
        self.number = {}       # per axis: an input that is a number,
        self.index = {}        # and one that is a class
        self.group = {}        # names of the equations being written: size
        self.ready = []        # those of them that may be read at this step
        self.here = ("t",)     # axes that the equation may vary over
        self.along = "t"       # the axis that its group is swept along
        self.direction = -1
        self.like = None       # axis that is like the first
        self.rate = 0          # steps of t for one of the axis c
        self.raw = False
        self.lines, self.head = [], []
        self.consts = {}       # name -> declaration
        self.edges = set()     # (input, "0" or "end+1")
        self.many = False      # indices that are vectors are read
        self.count = 0

    def chance(self, p):
        return self.rng.random() < p

    def fresh(self, letter="v"):
        self.count += 1
        return f"{letter}{self.count}"

    @contextlib.contextmanager
    def over_axes(self, here, hide):
        """Values over other axes, which may not see the group if `hide`."""
        was = self.here, self.group, self.ready
        self.here = here
        if hide:
            self.group, self.ready = {}, []
        yield
        self.here, self.group, self.ready = was

    def param(self, *size):
        name = f"P{len(self.params) + len(self.special)}"
        text = f"{name}[{', '.join(map(str, size))}]" if size else name
        if self.chance(0.8):
            self.params.append(text)
            return name
        starts = STARTS["any"] + STARTS.get(len(size), [])
        if len(size) == 2 and size[0] == size[1]:
            starts += STARTS["square"]
        if len(size) == 1 and self.chance(0.1):
            text = f"{name}[i = 1:{size[0]}] = log(i) - 0.5"
        else:
            text += " " + self.rng.choice(starts)
        self.special.append(text)
        return name

    # ---- reading ----

    def step(self, name, axis, k):
        """`name` has this axis and is read k steps further on it."""
        if k and name in self.inputs:
            self.edges.add((name, "0" if k < 0 else "end+1"))
        return axis if k == 0 else f"{axis}{k:+d}"

    def other_clock(self, name, axis):
        """A step of an axis that is not here, by the clock that is."""
        if name in self.inputs:
            self.edges |= {(name, "0"), (name, "end+1")}
        by = self.rate
        if axis == "t":
            return f"{by}*c" + self.rng.choice(["", "", f"-{by - 1}", "+1"])
        return self.rng.choice([f"t/{by}", f"t/{by}-1", f"(t+{by - 1})/{by}"])

    def subscripts(self, name, axes, inside):
        """Where `name` is read: a step for each axis if `inside` needs them."""
        subs = []
        for axis in axes:
            if axis not in self.here:
                return [self.other_clock(name, axis)]
            k = self.rng.choice([0, 0, 0, 0, -1, 1, -2, 2, -3])
            if name in self.group and axis == self.along:
                k = self.direction * self.rng.randint(1, 3)
            if axis == self.here[0] and self.like in self.here and (
                    len(axes) == 1 and self.chance(0.5)
                    and name not in self.group):
                axis = self.like
            subs.append(self.step(name, axis, k))
        if not inside:
            subs = [s for s in subs if s not in axes]
        return subs

    def read(self, name, axes, inside=""):
        subs = self.subscripts(name, axes, inside)
        if inside:
            subs.append(inside)
        return f"{name}[{', '.join(subs)}]" if subs else name

    def whole(self, name, axes):
        """Ways to read a name without one of its axes."""
        found = []
        for axis in axes:
            rest = [a for a in axes if a != axis]
            if all(a in self.here for a in rest):
                found += [f"mean[{axis}]({name})", f"0.2 * sum[{axis}]({name})"]
        if len(axes) == 1:
            found += [f"{name}[end]", f"{name}[1]", f"final({name})"]
        if len(axes) == 1 and name not in self.inputs:
            found += [f"{name}[end-1]", f"{name}[2]"]
        return found

    def in_reach(self, axes):
        """Whether a name over these can be read here."""
        clocks = self.rate and len(axes) == 1 and {"t", "c"} & {*self.here}
        return clocks or all(a in self.here for a in axes)

    def readable(self):
        """Names with their sizes and axes, each as often as it counts."""
        for name, (size, axes) in self.names.items():
            if self.in_reach(axes):
                yield name, size, axes
        if self.along in self.here and all(
                a in self.here for a in self.group_axes):
            for name, size in self.group.items():
                for _ in range(3):
                    yield name, size, self.group_axes

    def leaf(self, size):
        """A value of that size that can be read here, or a parameter."""
        found = []
        for name, n, axes in self.readable():
            found += self.parts(name, n, axes, size)
            if n == size and name in self.ready and {*axes} <= {*self.here}:
                found.append(name)
        for name, (n, axes) in self.names.items():
            whole = self.whole(name, axes) if n == size else []
            if whole and self.chance(0.5):
                found.append(self.rng.choice(whole))
        if size == 0 and self.chance(0.2):
            found += ["gain", "half"] + [f"{i} / 4" for a, i in
                                         self.index.items() if a in self.here]
        if size == CLASSES and self.here:
            found.append(f"onehot({self.index[self.here[0]]})")
        if not found or self.chance(0.1):
            return self.param(*dims(size))
        return self.rng.choice(found)

    def parts(self, name, n, axes, size):
        """Ways to read a value of that size out of one of size n."""
        if n == size:
            return [self.read(name, axes)]
        if isinstance(size, tuple) and not isinstance(n, tuple) or n == 0:
            return []
        if isinstance(n, tuple):
            return self.matrix_parts(name, n, axes, size)
        if size == 0:
            return [self.read(name, axes, f"{self.rng.randint(1, n)}")]
        if n < size:
            return []
        low = self.rng.randint(1, n - size + 1)
        return [self.read(name, axes, f"{low}:{low + size - 1}")]

    def matrix_parts(self, name, n, axes, size):
        rows, cols = n
        i, j = self.rng.randint(1, rows), self.rng.randint(1, cols)
        if size == 0:
            return [self.read(name, axes, f"{i}, {j}")]
        if isinstance(size, tuple):
            if size[0] > rows or size[1] > cols:
                return []
            i = self.rng.randint(1, rows - size[0] + 1)
            j = self.rng.randint(1, cols - size[1] + 1)
            return [self.read(name, axes, f"{i}:{i + size[0] - 1}, "
                              f"{j}:{j + size[1] - 1}")]
        found = [self.read(name, axes, str(i))] if size == cols else []
        if size <= rows:
            i = self.rng.randint(1, rows - size + 1)
            found.append(self.read(name, axes, f"{i}:{i + size - 1}, {j}"))
        return found

    # ---- matrices ----

    def matrix(self, size, depth):
        """A matrix of that size, at most so deep."""
        rows, cols = size
        less, kind = depth - 1, self.rng.randint(0, 16)
        if depth <= 0:
            return self.leaf(size)
        inner = self.rng.randint(1, 3)
        if kind <= 1:
            return f"outer({self.value(rows, less)}, {self.value(cols, less)})"
        if kind == 2:
            return (f"({self.matrix((rows, inner), less)}) @ "
                    f"({self.matrix((inner, cols), less)})")
        if kind == 3:
            return f"({self.matrix((cols, rows), less)})'"
        if kind == 4:
            return (f"diag({self.value(rows, less)}) @ "
                    f"({self.matrix(size, less)})")
        if kind == 5:
            return (f"({self.matrix(size, less)}) @ "
                    f"diag({self.value(cols, less)})")
        if kind == 6 and rows > 1:
            cut = self.rng.randint(1, rows - 1)
            return (f"[{self.matrix((cut, cols), less)}, "
                    f"{self.matrix((rows - cut, cols), less)}]")
        if kind == 7:
            return f"reshape({self.value(rows * cols, less)}, {rows}, {cols})"
        if kind == 8:
            return (f"({self.matrix(size, less)}) + outer(ones({rows}), "
                    f"{self.value(cols, less)})")
        if kind == 9 and rows == cols:
            return f"expm(tanh({self.matrix(size, less)}))"
        if kind == 10:
            return (f"solve(3 * eye({rows}) + "
                    f"tanh({self.matrix((rows, rows), less)}), "
                    f"{self.matrix(size, less)})")
        if kind == 6 and cols and self.here and self.chance(0.5):
            return f"{self.param(CLASSES, cols)}[{self.several()}]" if (
                rows == 2) else self.leaf(size)
        if kind == 11:
            width = self.rng.randint(1, 3)
            return (f"conv({self.param(rows, inner, width)}, "
                    f"{self.matrix((inner, cols), less)})")
        if kind <= 13:
            return self.rng.choice(OF_MATRIX).format(self.matrix(size, less))
        if kind == 14:
            return self.bend(size, depth)
        return (f"({self.matrix(size, less)}) {self.rng.choice('+-*')} "
                f"({self.matrix(size, less)})")

    def from_matrix(self, size, depth):
        """A number or vector made of a matrix."""
        less, other = depth - 1, self.rng.randint(1, 3)
        if size == 0 and self.chance(0.4):
            return self.extreme(self.rng.choice(EXTREMES[:2]),
                                (self.rng.randint(1, 3), other), less)
        if size == 0:
            return self.rng.choice(TO_MATRIX_NUMBER).format(
                self.matrix((self.rng.randint(1, 3), other), less))
        if size > 1 and size % 2 == 0 and self.chance(0.3):
            return (f"blockdiag({self.param(2, size // 2, other)}) @ "
                    f"({self.value(2 * other, less)})")
        kind = self.rng.randint(0, 8)
        if kind == 8:
            of = self.rng.choice([self.matrix((size, size), less),
                                  self.param(size, size)])
            return (f"solve(3 * eye({size}) + tanh({of}), "
                    f"{self.value(size, less)})")
        wide = self.matrix((size, other), less)
        if kind == 0:
            return f"({wide}) @ ({self.value(other, less)})"
        if kind == 1:
            return (f"({self.value(other, less)}) @ "
                    f"({self.matrix((other, size), less)})")
        if kind == 2:
            return f"({wide}) @ ones({other})"
        if kind == 3:
            return self.rng.choice(["logsumexp({})", "norm(2 + tanh({}))"]
                                   ).format(wide)
        if kind == 4:
            return f"diag({self.matrix((size, size), less)})"
        if kind == 5 and size % 2 == 0:
            return f"flatten({self.matrix((2, size // 2), less)})"
        if kind == 6 and self.here:
            return (f"({self.matrix((CLASSES, size), less)})"
                    f"[{self.index[self.here[0]]}]")
        return self.rng.choice(["permute({}, {})", "({})[{}]"]).format(
            self.value(size, less), self.places(size))

    # ---- numbers and vectors ----

    def product(self, size, depth):
        inner = self.rng.randint(1, 5)
        if size == 0:
            return (f"({self.value(inner, depth - 1)}) @ "
                    f"({self.value(inner, depth - 1)})")
        if self.chance(0.15) and "t" in self.here:
            lags = self.rng.randint(1, 3)
            self.edges.add(("x", "0"))
            return (f"sum[k = 1:{lags}]("
                    f"{self.param(lags, size, self.names['x'][0])}[k] @ "
                    "x[t-k])")
        if self.chance(0.2):
            return f"{self.param(inner, size)}' @ " + \
                f"({self.value(inner, depth - 1)})"
        return f"{self.param(size, inner)} @ ({self.value(inner, depth - 1)})"

    def joined(self, size, less):
        cut = self.rng.randint(1, size - 1)
        a = self.value(cut if cut > 1 or self.chance(0.5) else 0, less)
        return f"[{a}, {self.value(size - cut, less)}]"

    def several(self):
        """An index that is a vector."""
        self.many = True
        return "kk" if "t" not in self.here or self.chance(0.3) else "ww"

    def looked_up(self, size):
        """A row of a table, by a class or by what is largest."""
        if size == 2 and self.chance(0.3):
            return f"({self.value(CLASSES, 0)})[{self.several()}]"
        if not self.here or self.chance(0.2):
            by = "k0"
        elif self.chance(0.3):
            by = self.extreme("argmax", CLASSES, 0)
        else:
            by = self.index[self.rng.choice(self.here)]
        if not size and self.chance(0.3):
            return f"({self.value(CLASSES, 1)})[{by}]"
        if size and self.chance(0.2):
            return f"table{self.table(size)}[{by}]"
        return f"{self.param(CLASSES, *dims(size))}[{by}]"

    def table(self, size):
        self.consts[f"table{size}"] = (f"table{size}[i = 1:{CLASSES}, "
                                       f"j = 1:{size}] = (2 * i - j) / 5")
        return size

    def value(self, size, depth):
        """An expression of that size, at most so deep."""
        if depth <= 0:
            return self.leaf(size)
        if isinstance(size, tuple):
            return self.matrix(size, depth)
        less = depth - 1
        kind = self.rng.randint(0, 15)
        if kind <= 2:
            return self.product(size, depth)
        if kind == 3 and size > 1:
            return self.joined(size, less)
        if kind == 4 and size > 0:
            return self.rng.choice(OF_VECTOR).format(self.value(size, less))
        if kind == 4 and self.chance(0.5):
            found = self.extreme(self.rng.choice(EXTREMES),
                                 self.rng.randint(1, 4), less)
            # a number: members of two sets do not add up
            return "1 * " + found if found.startswith("argmax") else found
        if kind == 4:
            return self.rng.choice(TO_NUMBER).format(
                self.value(self.rng.randint(1, 4), less))
        if kind == 5 and size > 0:
            return f"({self.value(0, less)}) * ({self.value(size, less)})"
        if kind == 6:
            return (f"({self.condition()} ? {self.value(size, less)} : "
                    f"{self.value(size, less)})")
        if kind == 7:
            return (f"({self.value(size, less)}) / "
                    f"(1 + ({self.value(size, less)})^2)")
        if kind == 8:
            return self.bend(size, depth)
        if kind == 9:
            return self.looked_up(size)
        if kind == 10:
            return self.rng.choice(SMOOTH).format(self.value(size, less))
        if kind == 11:
            return self.from_matrix(size, depth)
        if kind == 12:
            return self.larger(size, depth)
        if kind == 13:
            return self.across(size, depth)
        if kind == 14 and self.chance(0.5):
            return self.called(size, depth)
        return (f"({self.value(size, less)}) {self.rng.choice('+-*')} "
                f"({self.value(size, less)})")
