"""Losses of random models: every distribution, terms and metrics."""

from values import CLASSES

MINE = "fn mine_nll(y, m, s) = log(1 + exp(s) * (y - m)^2)"


class Losses:
    """For a Values.  self.targets: inputs that are drawn, with their size,
    axes and number of classes (0: real numbers)."""

    def given(self, letter, size, classes=0, axes=("t",)):
        name = self.fresh(letter)
        self.targets[name] = size, axes, classes
        return name

    def spread(self):
        return f"(0.3 + softplus({self.value(0, 1)}))"

    def normal(self):
        n = self.rng.randint(0, 3)
        return (f"{self.given('y', n)} ~ normal({self.value(n, 2)}, "
                f"{self.spread()})")

    def categorical(self):
        p = self.rng.choice(["softmax({})", "0.1 + 0.6 * softmax({})"])
        return (f"{self.given('y', 0, CLASSES)} ~ "
                f"categorical({p.format(self.value(CLASSES, 2))})")

    def bernoulli(self):
        p = self.rng.choice(["sigmoid({})", "0.1 + 0.8 * sigmoid({})"])
        return (f"{self.given('y', 0, 2)} ~ "
                f"bernoulli({p.format(self.value(0, 2))})")

    def laplace(self):
        """Its centre is never near what is drawn."""
        far = f"{self.switch(9, -9)} + sin({self.value(2, 2)})"
        return f"{self.given('y', 2)} ~ laplace({far}, {self.spread()})"

    def poisson(self):
        return (f"{self.given('y', 0, 6)} ~ "
                f"poisson(0.2 + softplus({self.value(0, 2)}))")

    def mixture(self):
        n = self.rng.randint(1, 2)
        one = f"normal({self.value(n, 2)}, {self.spread()})"
        two = self.rng.choice([f"normal({self.value(n, 1)}, 1)",
                               f"laplace(9 + sin({self.value(n, 1)}), 2)"])
        return (f"{self.given('y', n)} ~ "
                f"mixture(softmax({self.value(2, 1)}), {one}, {two})")

    def crf(self):
        return (f"{self.given('y', 0, CLASSES)} ~ "
                f"crf({self.value(CLASSES, 2)}, "
                f"{self.param(CLASSES, CLASSES)})")

    def ctc(self):
        y = self.given("y", 3, CLASSES, ())
        more = self.rng.choice(["", ", mean = 1", ", blank = 2"])
        return (f"{y} ~ ctc(softmax({self.value(CLASSES, 2)} + "
                f"{self.param(CLASSES)}), zero = 1{more})")

    def of_its_own(self):
        n = self.rng.randint(0, 2)
        return (f"{self.given('y', n)} ~ "
                f"mine({self.value(n, 2)}, {self.param()})")

    def once(self):
        """Of a sequence as a whole."""
        n = self.rng.randint(1, 2)
        with self.over_axes((), hide=True):
            return (f"{self.given('y', n, axes=())} ~ "
                    f"normal({self.value(n, 2)}, 0.7)")

    def in_cell(self):
        n = self.rng.randint(1, 2)
        cell, name = self.fresh("cell"), self.fresh()
        self.head += [f"cell {cell}(n) {{", "  input x[m], y[n]",
                      "  param W[n,m], U[n,n]",
                      "  s = tanh(W @ x + U @ s[t-1])",
                      "  y ~ normal(s, 0.8)",
                      "  metric off = mean[t](sum((s - y)^2))",
                      "  output s", "}"]
        line = (f"{name} = {cell}({n})({self.value(2, 1)}, "
                f"{self.given('y', n)})")
        self.names[name] = n, ("t",)
        return line

    ANYWHERE = [normal, normal, categorical, bernoulli, laplace, poisson,
                mixture, of_its_own, once]
    ALONE = [in_cell, crf, ctc]  # over the only axis

    def losses(self):
        """Distributions, and terms that all that was computed adds to."""
        self.here, self.along, self.direction = ("t",), "t", -1
        ways = self.ANYWHERE + self.ALONE * (len(self.axes) == 1)
        out = [f(self) for f in self.rng.sample(ways, self.rng.randint(0, 2))]
        for axes in sorted({a for _, a in self.names.values()}):
            terms = []
            for name, (size, own) in self.names.items():
                if own == axes and name[0] == "v" and self.chance(0.85):
                    term = self.rng.choice(["sin({})", "({})^2", "tanh({})"]
                                           ).format(name)
                    terms.append(f"sum({term})" if size else term)
            if terms:
                self.here = axes
                out.append(f"loss {' + '.join(terms)} + {self.value(0, 2)}")
        self.here = ("t",)
        return out or [self.normal()]
