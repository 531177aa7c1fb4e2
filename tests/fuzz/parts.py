"""Parts of random models beside the real equations of gencell: complex names,
cells written for the occasion, cells of the library."""

import re

FORMS = [("{}", 1), ("bi({})", 2), ("rev({})", 1), ("stack(2, {})", 1),
         ("stack(2, bi({}))", 2), ("bi({}, merge=sum)", 1),
         ("stack(2, rev({}))", 1)]
# What differences cannot check: steps, draws, frozen slopes.
UNEVEN = re.compile(r"step|spike|round|stopgrad|noise|sign|floor|argmax|"
                    r"clipgrad|running|next =")
# Gates of a cell: s the state, x the input, of width n and m.
TERMS = ["W{} @ x", "U{} @ s[t-1]", "U{} @ tanh(s[t-1])", "b{}",
         "u{} * s[t-1]", "roll(s[t-1], 1)", "0.5 * cumsum(s[t-1])",
         "U{} @ s[t-2]", "softmax(U{} @ s[t-1])", "reverse(s[t-1])"]
PARAMS = {"W": "[n,m]", "U": "[n,n]", "b": "[n]", "u": "[n]"}


class Complex:
    """Equations over complex vectors, for a Model."""

    def complex_param(self, *size):
        name = f"P{len(self.params)}"
        self.params.append(f"{name}[{', '.join(map(str, size))}] in complex")
        return name

    def complex_value(self, n, depth, names):
        less, kind = depth - 1, self.rng.randint(0, 11)
        if depth <= 0 or kind == 0:
            if names and self.chance(0.6):
                return f"{self.rng.choice(names)}[t{self.direction:+d}]"
            return self.rng.choice([
                f"complex({self.leaf(n)}, {self.leaf(n)})",
                self.complex_param(n)])
        inner = self.complex_value(n, less, names)
        if kind == 1:
            return f"expi({self.value(n, less)}) * ({inner})"
        if kind == 2:
            return f"{self.complex_param(n, n)} @ ({inner})"
        if kind == 3:
            return f"{self.param(n, n)} @ ({inner})"
        if kind == 4:
            return self.rng.choice(["fft({})", "ifft({})", "conj({})"]
                                   ).format(inner)
        if kind == 5:
            return f"({inner}) / (1 + abs(0.1 + {inner}))"
        if kind == 6:
            return f"exp(0.3 * ({inner}))"
        if kind == 7:
            return (f"(({self.value(0, less)}) > 0.1 ? {inner} : "
                    f"{self.complex_value(n, less, names)})")
        if kind == 8:
            return f"({self.value(n, less)}) * ({inner})"
        if kind == 9:
            return self.rng.choice(["roll({}, 1)", "reverse({})", "-({})"]
                                   ).format(inner)
        return (f"({inner}) {self.rng.choice('+-*')} "
                f"({self.complex_value(n, less, names)})")

    def complex_equations(self):
        """One or two complex states and what is real of them."""
        n = self.rng.randint(1, 3)
        self.direction = self.rng.choice([-1, 1])
        names = [f"z{len(self.known)}{i}"
                 for i in range(self.rng.randint(1, 2))]
        for name in names:
            text = self.complex_value(n, 3, names)
            self.lines += [
                f"w{name} = {text} + 0.2 * u * {self.complex_param(n)}",
                f"{name} = 0.9 * w{name} / (1 + abs(w{name}))"]
            if self.chance(0.5):
                at = "0" if self.direction < 0 else "end+1"
                start = self.rng.choice(["complex(0.3, -0.2)",
                                         self.complex_param(n)])
                self.lines.append(f"{name}[{at}] = {start}")
        for name in names:
            real = f"v{len(self.known)}"
            self.lines.append(f"{real} = " + self.rng.choice(
                ["real({0}) - imag({0})", "abs(1.5 + {0})",
                 "real({0} * conj({0})) + imag({0})",
                 "sin(real({0})) * cos(imag({0}))"]).format(name))
            self.known[real] = n


class Cells:
    """Applications of cells, for a Model."""

    library = []   # (name, whether the width must equal the input's)

    def apply(self, cell, of, n, forms=FORMS):
        form, times = self.rng.choice(forms)
        name = f"v{len(self.known)}"
        self.lines.append(f"{name} = {form.format(cell)}({of})")
        self.known[name] = times * n

    def library_cell(self):
        name = self.rng.choice(self.library)
        n = self.rng.randint(1, 3)
        of = self.value(self.rng.randint(1, 4), 1) + " + 0.2 * u"
        self.apply(f"{name}({n})", of, n)

    def own_cell(self):
        """A cell of one to three gates, sometimes with a memory matrix and
        with a second input."""
        name = f"cell{len(self.known)}"
        second = self.chance(0.4)
        params, lines, gates = {}, [], []

        def term():
            text = self.rng.choice(TERMS)
            if "{}" not in text:
                return text
            i = len(params)
            own = f"{text.split('{}')[0][-1]}{i}"
            params[own] = PARAMS[own[0]]
            return text.format(i)

        for g in range(self.rng.randint(1, 3)):
            parts = [term() for _ in range(self.rng.randint(1, 3))]
            if second and g == 0:
                params["E"] = "[n,k]"
                parts.append("E @ e")
            if gates:
                parts.append(f"0.5 * {self.rng.choice(gates)}")
            f = self.rng.choice(["sigmoid", "tanh", "softsign", "sin"])
            lines.append(f"g{g} = {f}({' + '.join(parts)})")
            gates.append(f"g{g}")
        params["V"] = "[n,m]"
        new = "tanh(V @ x + " + term() + ")"
        if self.chance(0.3):
            lines.append("M = 0.7 * M[t-1] + outer(g0, "
                         f"{self.rng.choice(['s[t-1]', new])})")
            new = f"tanh(M @ {new})"
        a, b = self.rng.choice(gates), self.rng.choice(gates)
        lines.append("s = " + self.rng.choice([
            f"{a} * s[t-1] + (1 - {a}) * {new}", f"{a} * {new}",
            f"tanh({a} * s[t-1] + {b} * {new})",
            f"0.5 * s[t-1] + 0.3 * {a} * {new}"]))
        out = self.rng.choice(["s", f"tanh(s) * {a}"])
        width = self.rng.randint(1, 3)
        self.head += [f"cell {name}(n) {{",
                      "  input x[m]" + ", e[k]" * second,
                      "  param " + ", ".join(p + d
                                             for p, d in params.items())]
        self.head += ["  state s[n]"] + ["  " + line for line in lines]
        self.head += [f"  output y = {out}", "}"]
        of = self.value(self.rng.randint(1, 3), 1) + " + 0.2 * u"
        if second:
            of += ", " + self.value(self.rng.randint(1, 3), 1) + " + 0.1 * u"
        forms = [f for f in FORMS if not second or "bi" not in f[0]]
        self.apply(f"{name}({width})", of, width, forms)


def usable(cells):
    """Names of the library's cells of one input and one size, that of their
    value, which differences can check."""
    found = []
    for c in cells:
        m = re.search(r"^cell (\w+)\((.*?)\) \{\n(.*?)^\}", c["text"],
                      re.S | re.M)
        if (not m or UNEVEN.search(c["text"]) or c["family"] == "wrapper"
                or re.search(r"^  output \[", m.group(3), re.M)):
            continue
        first, *rest = m.group(2).split(", ")
        inputs = re.findall(r"^  input (.*)$", m.group(3), re.M)
        if first == "n" and all("=" in r for r in rest) and (
                inputs == ["x[m]"]):
            found.append(m.group(1))
    return found
