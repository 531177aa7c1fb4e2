"""Parts of random models beside the real equations of gencell: complex names,
cells written for the occasion, cells of the library, wrappers."""

import re

FORMS = [("{}", 1), ("{}", 1), ("bi({})", 2), ("rev({})", 1),
         ("stack(2, {})", 1), ("stack(2, bi({}))", 2),
         ("bi({}, merge=sum)", 1), ("stack(2, rev({}))", 1)]
# Wrappers of any cell, and what beside x they are applied to.
WRAPPED = [("zoneout({})", ""), ("dropconnect({})", ""),
           ("recurrent_dropout({})", ""), ("weight_drop({})", ""),
           ("variational_dropout({}, 0.3)", ""), ("resets({})", "sigmoid(u)"),
           ("zoneout({}, 0.3, 0.3)", ""), ("projection({}, {n})", ""),
           ("attention({}, {n}, 2, 3)", ""), ("mixed({})", ""),
           ("faded({})", "sigmoid(u)"), ("doubled({})", "")]
OWN_WRAPPERS = {
    "mixed": "cell mixed(f) {\n  input x[...], ...\n  y = f(x, ..., "
             "state = 0.3 * state[t-1] + 0.7 * state)\n  output y\n}",
    "faded": "cell faded(f) {\n  input x[...], r, ...\n  y = f(x, ..., "
             "state[t-1] = (1 - r) * state[t-1])\n  output y\n}",
    "doubled": "cell doubled(f) {\n  input x[...], ...\n"
               "  y = f(x, ..., param[t-1] = 0.7 * param)\n  output y\n}"}
# What differences cannot check: steps, draws, frozen slopes; and corners that
# nothing keeps away.
UNEVEN = re.compile(r"step|spike|round|stopgrad|noise|sign|floor|argmax|"
                    r"clipgrad|running|next =|relu|abs\(|max\(|min\(|clamp|"
                    r"hard|elu|norm|arg\(")
# Gates of a cell: s the state, x the input, of width n and m.
TERMS = ["W{} @ x", "U{} @ s[t-1]", "U{} @ tanh(s[t-1])", "b{}",
         "u{} * s[t-1]", "roll(s[t-1], 1)", "0.5 * cumsum(s[t-1])",
         "U{} @ s[t-2]", "softmax(U{} @ s[t-1])", "reverse(s[t-1])"]
PARAMS = {"W": "[n,m]", "U": "[n,n]", "b": "[n]", "u": "[n]"}


class Complex:
    """Equations over complex vectors, for a Values."""

    def complex_param(self, *size):
        name = f"P{len(self.params) + len(self.special)}"
        self.params.append(f"{name}[{', '.join(map(str, size))}] in complex")
        return name

    def complex_leaf(self, n, names):
        if names and self.chance(0.6):
            return f"{self.rng.choice(names)}[t{self.direction:+d}]"
        if self.chance(0.2):
            given = self.rng.choice(["z", "zz"])
            if self.complex_inputs.setdefault(given, n) == n:
                return given
        return self.rng.choice([f"complex({self.leaf(n)}, {self.leaf(n)})",
                                self.complex_param(n)])

    def complex_value(self, n, depth, names):
        less, kind = depth - 1, self.rng.randint(0, 15)
        if depth <= 0 or kind == 0:
            return self.complex_leaf(n, names)
        inner = self.complex_value(n, less, names)
        if kind == 1:
            return f"expi({self.value(n, less)}) * ({inner})"
        if kind == 2:
            return self.rng.choice(["{} @ ({})", "{}' @ ({})"]).format(
                self.complex_param(n, n), inner)
        if kind == 3:
            return f"{self.param(n, n)} @ ({inner})"
        if kind == 4:
            return self.rng.choice(["fft({})", "ifft({})", "conj({})"]
                                   ).format(inner)
        if kind == 5:
            return f"({inner}) / (1.5 + tame({inner}))"
        if kind == 6:
            return f"exp(tame({inner}))"
        if kind == 7:
            return (f"({self.condition()} ? {inner} : "
                    f"{self.complex_value(n, less, names)})")
        if kind == 8:
            return f"({self.value(n, less)}) * ({inner})"
        if kind == 9:
            return self.rng.choice(["roll({}, 1)", "reverse({})", "-({})"]
                                   ).format(inner)
        if kind == 10:
            return f"normalize(1.5 + tame({inner}))"
        if kind == 11:
            return (f"outer({inner}, "
                    f"{self.complex_value(2, less, [])}) @ ones(2)")
        if kind == 13:
            return f"reflect({inner}, 1.5 + " \
                f"tame({self.complex_value(n, less, [])}))"
        if kind == 12:
            return f"conv({self.complex_param(1, 1, 2)}, " \
                f"reshape({inner}, 1, {n}))[1]"
        return (f"({inner}) {self.rng.choice('+-*')} "
                f"({self.complex_value(n, less, names)})")

    def complex_equations(self):
        """One or two complex states and what is real of them."""
        n = self.rng.randint(1, 3)
        self.here, self.along = ("t",), "t"
        self.direction = self.rng.choice([-1, 1])
        names = [self.fresh("z") for _ in range(self.rng.randint(1, 2))]
        for name in names:
            text = self.complex_value(n, 3, names)
            self.lines += [
                f"w{name} = {text} + 0.2 * u * {self.complex_param(n)}",
                f"{name} = 0.9 * w{name} / "
                f"sqrt(1 + real(w{name} * conj(w{name})))"]
            if self.chance(0.5):
                at = "0" if self.direction < 0 else "end+1"
                start = self.rng.choice(["complex(0.3, -0.2)",
                                         self.complex_param(n)])
                self.lines.append(f"{name}[{at}] = {start}")
        for name in names:
            real = self.fresh()
            self.lines.append(f"{real} = " + self.rng.choice(
                ["real({0}) - imag({0})", "abs(1.5 + {0})",
                 "real({0} * conj({0})) + imag({0})", "arg(1.5 + {0})",
                 "sin(real({0})) * cos(imag({0}))",
                 "norm(2 + {0}) * real({0})"]).format(name))
            self.names[real] = n, ("t",)


class Cells:
    """Applications of cells, for a Values."""

    library = []   # (name, for each further input whether it is a vector)

    def apply(self, cell, of, n, forms=FORMS, more="", second=False):
        """Applies a layer in one of its positions; the name of the result."""
        form, times = self.rng.choice(forms)
        layer, name = form.format(cell), self.fresh()
        if not more and not second and self.chance(0.15):
            self.lines.append(f"{name} = ({of}) |> {layer}" + self.rng.choice(
                ["", " |> tanh"]))
        elif not more and not second and self.chance(0.15):
            layer_name = self.fresh("f")
            self.lines += [f"{layer_name} = {layer}",
                           f"{name} = {layer_name}({of}) - "
                           f"0.5 * {layer_name}(tanh({of}))"]
        else:
            self.lines.append(f"{name} = {layer}({of}{more})")
            self.inner(name, form, n)
        self.names[name] = times * n, ("t",)
        return name

    def inner(self, name, form, n):
        """Levels and directions may be read by their names."""
        if form == "stack(2, {})":
            self.names[f"{name}.1"] = n, ("t",)
        if form == "bi({})":
            self.names[f"{name}.bwd"] = n, ("t",)

    def cell(self):
        """A cell of one's own or of the library, in one of its positions."""
        ways = [self.own_cell, self.own_cell, self.basic_cell,
                self.library_cell, self.wrapped, self.square]
        self.rng.choice(ways)()

    def input_of(self, size):
        return self.value(size, 1) + " + 0.2 * u"

    def basic_cell(self):
        n = self.rng.randint(1, 3)
        kind = self.rng.choice(["rnn", "lstm", "gru", "gru_after", "peephole",
                                "lstm1997", "dense"])
        of = self.input_of(self.rng.randint(1, 4))
        more = ""
        if kind == "lstm" and self.chance(0.5):
            more = f", c[0] = {self.param(n)}"
        self.apply(f"{kind}({n})", of, n, FORMS[:1] if more else FORMS, more)

    def library_cell(self):
        if not self.library:
            return
        name, further = self.rng.choice(self.library)
        n = self.rng.randint(1, 3)
        of = self.input_of(self.rng.randint(1, 4))
        for size in further:
            of += ", " + self.input_of(self.rng.randint(1, 3) if size else 0)
        forms = [f for f in FORMS if not further or "bi" not in f[0]]
        self.apply(f"{name}({n})", of, n, forms, second=bool(further))

    def wrapped(self):
        """A wrapper around a cell, and what it needs beside x."""
        n = self.rng.randint(1, 3)
        cell = self.rng.choice([f"gru({n})", f"rnn({n})", f"lstm({n})",
                                f"stack(2, gru({n}))", f"mgu({n})"])
        form, beside = self.rng.choice(WRAPPED)
        name = self.fresh()
        of = self.input_of(self.rng.randint(1, 3))
        for own, text in OWN_WRAPPERS.items():
            if form.startswith(own) and text not in self.head:
                self.head.append(text)
        self.noisy |= "drop" in form or "zoneout" in form
        if form.startswith("resets") and "stack" in cell:
            cell = f"gru({n})"
        self.lines.append(f"{name} = {form.format(cell, n=n)}({of}"
                          + (f", {beside})" if beside else ")"))
        self.names[name] = n, ("t",)

    def square(self):
        """A layer of as many units as its input has, k times."""
        n = self.rng.randint(1, 3)
        cell = self.rng.choice([f"gru({n})", f"rnn({n})", f"dense({n})"])
        form = self.rng.choice(["residual({})", "iterate(2, {})",
                                "stack(2, residual({}))", "iterate(0, {})",
                                "highway({})", "iterate(2, rev({}))",
                                "dropout(0.3)", "vdropout(0.3)",
                                "batchnorm()", "layernorm(0.1)"])
        self.noisy |= "dropout" in form
        name = self.fresh()
        self.lines.append(f"{name} = {form.format(cell)}({self.input_of(n)})")
        self.names[name] = n, ("t",)

    def along_axes(self):
        """A layer along one of the axes of its input."""
        n, kind = self.rng.randint(1, 2), self.rng.choice(["gru", "rnn"])
        form = self.rng.choice(["{}", "bi({})", "rev({})"])
        self.here = self.group_axes = self.axes
        of = self.value(self.rng.randint(1, 2), 1) + self.bias()
        name = self.fresh()
        self.lines.append(f"{name} = {form.format(f'{kind}({n})')}"
                          f"[{self.rng.choice(self.axes)}]({of})")
        self.names[name] = n * (1 + ("bi" in form)), self.axes

    def gates(self, params, second):
        """Lines of one to three gates; their names."""
        lines, gates = [], []
        for g in range(self.rng.randint(1, 3)):
            terms = [self.term(params) for _ in range(self.rng.randint(1, 3))]
            if second and g == 0:
                params["E"] = "[n,k]"
                terms.append("E @ e")
            if gates:
                terms.append(f"0.5 * {self.rng.choice(gates)}")
            f = self.rng.choice(["sigmoid", "tanh", "φ", "sin"])
            lines.append(f"g{g} = {f}({' + '.join(terms)})")
            gates.append(f"g{g}")
        return lines, gates

    def term(self, params):
        text = self.rng.choice(TERMS)
        if "{}" not in text:
            return text
        i = "abcdefghijklmnop"[len(params)]
        own = f"{text.split('{}')[0][-1]}{i}"
        params[own] = PARAMS[own[0]]
        return text.format(i)

    def own_cell(self):
        """A cell of one to three gates, sometimes with a memory matrix and
        with a second input."""
        name = self.fresh("cell")
        second = self.chance(0.4)
        params = {}
        lines, gates = self.gates(params, second)
        params["V"] = "[n,m]"
        new = "tanh(V @ x + " + self.term(params) + ")"
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
        self.head += [f"cell {name}(n, φ = tanh) {{",
                      "  input x[m]" + ", e[k]" * second]
        self.head += ["  param " + p for p in self.families(params)]
        self.head += ["  state s[n]"] + ["  " + line for line in lines]
        self.head += [f"  output y = {out}", "}"]
        of = self.input_of(self.rng.randint(1, 3))
        if second:
            of += ", " + self.input_of(self.rng.randint(1, 3))
        forms = [f for f in FORMS if not second or "bi" not in f[0]]
        φ = self.rng.choice(["", ", sin", ", φ = tanh"])
        more = self.said_of(width, params)
        v = self.apply(f"{name}({width}{φ})", of, width,
                       FORMS[:1] if more else forms, more, second)
        if more:
            self.names[f"{v}.s"] = width, ("t",)

    def still(self, n):
        """A value without steps."""
        with self.over_axes((), hide=True):
            return self.leaf(n)

    def families(self, params):
        """Declarations, W{1,2}[n,m] for those of one kind and shape."""
        kinds = {}
        for p, d in params.items():
            kinds.setdefault(p[0] + d, []).append(p)
        for names in kinds.values():
            letter, d = names[0][0], params[names[0]]
            if len(names) > 1:
                yield f"{letter}{{{','.join(p[1:] for p in names)}}}{d}"
            else:
                yield names[0] + d

    def said_of(self, n, params):
        """What an application says of the names of its cell, or nothing."""
        if self.chance(0.6):
            return ""
        weight = next((p for p in params if params[p] == "[n,n]"), None)
        ways = [f"s[0] = {self.param(n)}", f"s[0] = {self.still(n)}",
                "s[t-1] = 0.7 * tanh({v}.s[t-1])",
                "s = 0.8 * state + 0.2 * state[t-1]",
                "state = 0.5 * state + 0.1 * tanh(state[t-1])"]
        if weight:
            ways += [f"{weight} = {self.param(n, n)}", f"{weight} = 0",
                     "param = 0.8 * param"]
        picked = self.rng.choice(ways)
        return ", " + picked.replace("{v}", f"v{self.count + 1}")


def usable(cells):
    """Cells of the library of one size, that of their value, which differences
    can check: names, and for each further input whether it is a vector."""
    found = []
    for c in cells:
        m = re.search(r"^cell (\w+)\((.*?)\) \{\n(.*?)^\}", c["text"],
                      re.S | re.M)
        if (not m or UNEVEN.search(c["text"]) or c["family"] == "wrapper"
                or re.search(r"^  output \[", m.group(3), re.M)):
            continue
        first, *rest = m.group(2).split(", ")
        inputs = re.findall(r"^  input (.*)$", m.group(3), re.M)
        if first != "n" or not all("=" in r for r in rest) or (
                len(inputs) != 1):
            continue
        items = inputs[0].split(", ")
        if items[0] == "x[m]" and all(
                re.fullmatch(r"\w+(\[(?!n\])\w\])?", i) for i in items):
            found.append((m.group(1), ["[" in i for i in items[1:]]))
    return found
