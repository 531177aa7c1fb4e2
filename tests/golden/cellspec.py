"""Cells of the golden cases in the language, statement by statement.

The notation is that of an array language: statements in order, a name may be
assigned again, loops, indices from 0, and shapes that fit by broadcasting.
All sizes are numbers here, so that each expression's shape is known while it
is translated.  An axis of one element does not exist in the spec: [1, m] is
a vector, [1] a number.
"""

import math
import re

import cellcalls
import equation
from case import CaseError, Skip
from equation import EquationError
from model import Model, spell
from term import Term, broadcast, fold, num, thin

FOR = re.compile(r"for ([^\W\d]\w*) in (.+?)\.\.(.+):$")
ASSIGN = re.compile(r"([^\W\d]\w*)(\[[^=]*\])? = (.*)$")
COMPARE = ("<", ">", "<=", ">=", "==", "!=")


class Given:
    """What the case gives: an input, a weight or a constant."""

    def __init__(self, name, tensor, size=None):
        self.name = name
        self.varies = "T" in tensor.axes
        self.shape = size or tuple(n for n, axis in zip(
            tensor.shape, tensor.axes) if axis not in ("T", "B"))
        self.role = tensor.role
        self.index = tensor.index
        self.complex = False


def given(case):
    """{name: Given}, the halves of a complex tensor as one."""
    found = {t.name: Given(t.name, t) for t in case.role("input")}
    found.update({p.name: Given(p.name, p.tensor, p.size)
                  for p in case.params})
    for name in [n for n in found if n.endswith("_re")]:
        if name[:-3] + "_im" in found:
            whole = found.pop(name)
            del found[name[:-3] + "_im"]
            whole.name, whole.complex = name[:-3], True
            found[whole.name] = whole
    return found


class Translator(cellcalls.Calls):
    """given: {name: Given}; emit: takes a line of the spec."""

    def __init__(self, case, known, emit, guess):
        self.guess = guess       # Terms of names that no tensor tells of
        self.guessed = {}
        self.case = case
        self.given = known
        self.emit = emit
        self.loop = {}
        self.now = {}            # name -> Term of its last assignment
        self.parts = {}          # name -> {slice: Term}
        self.left = {}           # name -> assignments still to come
        self.wanted = {halves(t.name, ())[0].rstrip("0T") for t in case.role(
            "output", "initial_state", "final_state")}
        self.wanted |= {t.name for t in case.role("output")}
        self.taken = {spell(n) for n in [*case.tensors, *known]}
        self.lagged = set()
        self.read = set()        # of what is given
        self.functions = []
        self.constants = case.options.get("constants") or {}
        self.constants_read = set()

    # Statements

    def translate(self):
        """Every equation; returns {name of the case: name in the spec}."""
        statements = list(self.unroll(self.case.equations, {}))
        for name, _, _, _ in statements:
            self.left[name] = self.left.get(name, 0) + 1
        self.taken |= {spell(n) for n in self.left}
        for name, index, right, loop in statements:
            self.loop = loop
            self.left[name] -= 1
            try:
                term = self.term(equation.parse(right))
            except EquationError as e:
                raise Skip(str(e)) from e
            if index is None:
                self.assign(name, term)
            else:
                self.assign_part(name, index, term)
        return {n: spell(n) for n in self.left}

    def unroll(self, lines, loop):
        """(name, index text or None, right side, loop variables)."""
        at = 0
        while at < len(lines):
            text = lines[at].split(";")[0].rstrip()
            at += 1
            m = FOR.match(text.strip())
            if m:
                depth = len(text) - len(text.lstrip())
                body = at
                while at < len(lines) and (
                        len(lines[at]) - len(lines[at].lstrip()) > depth):
                    at += 1
                self.loop = loop
                first, last = (self.whole(equation.parse(x))
                               for x in m.groups()[1:])
                for k in range(first, last + 1):
                    yield from self.unroll(lines[body:at],
                                           {**loop, m.group(1): k})
                continue
            m = ASSIGN.match(text.strip())
            if not m:
                raise Skip(f"no translation for '{text}'")
            index = None
            if m.group(2):
                self.loop = loop
                index = self.whole(equation.parse(m.group(2)[1:-1]))
            yield m.group(1), index, m.group(3), loop

    def assign(self, name, term):
        final = self.left[name] == 0
        if not final and (term.flat or term.base) or (
                term.value is not None and name not in self.wanted):
            self.now[name] = term
            return
        own = spell(name) if final else self.fresh(name)
        self.now[name] = self.define(own, self.solid(term))

    def assign_part(self, name, index, term):
        own = self.fresh(f"{name}_{index}")
        self.parts.setdefault(name, {})[index] = self.define(
            own, self.solid(term))
        if self.left[name] == 0:
            self.now[name] = self.define(spell(name),
                                         self.assemble(name))

    def assemble(self, name):
        parts = self.parts[name]
        if sorted(parts) != list(range(len(parts))):
            raise Skip(f"slices of {name} that are not assigned")
        terms = [parts[k] for k in range(len(parts))]
        return self.reshape(self.concat(
            [t.shaped((math.prod(t.shape),)) for t in map(self.flatten,
                                                           terms)]),
            (len(parts),) + terms[0].shape)

    def define(self, own, term):
        self.emit(f"{own} = {self.write(term.tree)}")
        made = term.like(("name", own), term.shape, truth=term.truth)
        made.base = own, "t" if term.varies else ""
        return made

    def fresh(self, name):
        k = 1
        while f"{name}_{k}" in self.taken:
            k += 1
        self.taken.add(f"{name}_{k}")
        return f"{name}_{k}"

    def write(self, tree):
        return equation.Writer(lambda name: name).write(tree)

    # Expressions

    def term(self, tree):
        return getattr(self, "term_" + tree[0])(*tree[1:])

    def whole(self, tree):
        value = self.term(tree).value
        if value is None or value % 1:
            raise Skip("an index that is not known")
        return int(value)

    def term_num(self, text):
        if text.endswith("j"):
            return Term(("text", f"complex(0, {text[:-1]})"), complex=True)
        return Term(("num", text), value=float(text) if re.search(
            r"[.eE]", text) else int(text))

    def term_name(self, name):
        if name in self.loop:
            return Term(num(self.loop[name]), value=self.loop[name])
        if name in self.now:
            return self.now[name]
        if name in self.parts:
            return self.assemble(name)
        if name in self.given:
            g = self.given[name]
            self.read.add(name)
            made = Term(("name", spell(name)), g.shape, complex=g.complex,
                        varies=g.varies)
            made.base = spell(name), "t" if g.varies else ""
            return made
        if name == "t":
            return Term(("text", "(t - 1)"), varies=True)
        if name in self.constants:
            self.constants_read.add(name)
            return Term(("name", spell(name)),
                        value=self.constants[name])
        if name in self.case.sizes:
            return Term(num(self.case.sizes[name]),
                        value=self.case.sizes[name])
        raise CaseError(f"no tensor, constant or equation for '{name}'")

    def inner(self, t):
        return tuple(n for n, a in zip(t.shape, t.axes)
                     if a not in ("T", "B"))

    def term_lag(self, name, k):
        self.lagged.add(name)
        for ending in ("0", "", "T"):
            for half in ("", "_re"):
                t = self.case.tensors.get(name + ending + half)
                if t:
                    made = Term(("lag", spell(name), k), self.inner(t),
                                complex=bool(half), varies=True)
                    made.base = spell(name), f"t-{k}"
                    return made
        if name not in self.left:
            raise CaseError(f"no tensor or equation for '{name}'")
        known = self.guessed.setdefault(name, self.guess.get(
            name, Term((), unknown=True)))
        made = known.like(("lag", spell(name), k), known.shape,
                          varies=True, truth=False)
        made.base = spell(name), f"t-{k}"
        return made

    def term_neg(self, a):
        a = self.number(self.term(a))
        return a.like(("neg", a.tree), a.shape, flat=a.flat,
                      value=None if a.value is None else -a.value)

    def term_turn(self, a):
        return self.transpose(self.term(a))

    def term_bin(self, op, a, b):
        a, b = self.term(a), self.term(b)
        if op == "@":
            return self.product(self.solid(a), self.solid(b))
        if op in "&|":
            return self.logic(op, a, b)
        if op not in COMPARE:
            a, b = self.number(a), self.number(b)
        value = fold(op, a.value, b.value)
        if op == "//":
            if value is None:
                raise Skip("whole-number division")
            return Term(num(value), value=value)
        made = self.spread(op, a, b)
        made.value = value
        made.truth = op in COMPARE
        return made

    def logic(self, op, a, b):
        for x, y in ((a, b), (b, a)):
            if x.value is not None:
                if bool(x.value) == (op == "|"):
                    return x
                return y
        return self.spread(op, a, b, truth=True)

    def number(self, a):
        """A comparison as 1 or 0."""
        if not a.truth:
            return a
        if a.value is not None:
            return Term(num(int(a.value)), value=int(a.value))
        return a.like(("call", "where", [a.tree, num(1), num(0)]), a.shape,
                      flat=a.flat)

    # Shapes that fit by broadcasting

    def spread(self, op, a, b, **known):
        """An operator on two terms, element by element."""
        shape = broadcast(a.shape, b.shape)
        flat = self.is_number(a) and self.is_number(b) and thin(shape) != ()
        if op == "*" and not flat:
            scaled = self.scaled(a, b, shape) or self.scaled(b, a, shape)
            if scaled:
                return a.like(scaled, shape, b, **known)
        tree = ("bin", op, self.fit(a, shape), self.fit(b, shape))
        return a.like(tree, shape, b, flat=flat, **known)

    def is_number(self, a):
        return a.flat or thin(a.shape) == ()

    def scaled(self, v, m, shape):
        """diag(v) @ M or M @ diag(v), else None."""
        if (len(thin(shape)) != 2 or m.flat or v.flat or
                thin(m.shape) != thin(shape) or len(thin(v.shape)) != 1):
            return None
        d = ("call", "diag", [v.tree])
        if self.along(v, shape) == 0:
            return ("bin", "@", d, m.tree)
        return ("bin", "@", m.tree, d)

    def along(self, v, shape):
        """The axis of thin(shape) that a vector lies along."""
        padded = (1,) * (len(shape) - len(v.shape)) + v.shape
        kept = [i for i, n in enumerate(shape) if n != 1]
        return [i for i, axis in enumerate(kept) if padded[axis] != 1][0]

    def fit(self, a, shape):
        """The tree of a term in a larger shape; numbers fit anything."""
        have, want = thin(a.shape), thin(shape)
        if self.is_number(a) or have == want:
            return a.tree
        if len(have) != 1 or len(want) != 2:
            raise Skip(f"no translation for {list(a.shape)} beside "
                       f"{list(shape)}")
        ones = ("call", "ones", [num(want[1 - self.along(a, shape)])])
        pair = [a.tree, ones] if self.along(a, shape) == 0 else [ones, a.tree]
        return ("call", "outer", pair)

    def solid(self, a):
        """Of a number that fills an array: the array."""
        a = a if not a.truth or not a.flat else self.number(a)
        size = thin(a.shape)
        if not a.flat or not size:
            return a
        ones = [("call", "ones", [num(n)]) for n in size]
        full = ones[0] if len(size) == 1 else ("call", "outer", ones)
        if len(size) > 2:
            full = ("call", "reshape", [
                ("call", "ones", [num(math.prod(size))])] +
                [num(n) for n in size])
        return a.like(("bin", "*", a.tree, full), a.shape)

    # Products

    def product(self, a, b):
        if b.unknown and a.shape:
            return a.like(a.tree, a.shape[:-1], b)
        if a.unknown and b.shape:
            return b.like(b.tree, b.shape[1:], a)
        if not a.shape or not b.shape:
            return self.spread("*", a, b)
        if a.shape[-1] != b.shape[-2 if len(b.shape) > 1 else 0]:
            raise CaseError(f"{list(a.shape)} @ {list(b.shape)}")
        shape = a.shape[:-1] + (b.shape[:-2] + b.shape[-1:]
                                if len(b.shape) > 1 else ())
        if a.shape[-1] == 1:
            return self.outer(a, b, shape)
        return a.like(("bin", "@", a.tree, b.tree), shape, b)

    def outer(self, a, b, shape):
        if len(thin(a.shape)) == 1 and len(thin(b.shape)) == 1:
            return a.like(("call", "outer", [a.tree, b.tree]), shape, b)
        return a.like(("bin", "*", a.tree, b.tree), shape, b)

    def transpose(self, a):
        shape = a.shape[::-1]
        if len(thin(shape)) < 2:
            return a.shaped(shape)
        return a.like(("turn", self.solid(a).tree), shape)

    # Indices

    def term_at(self, value, index):
        if value[0] == "name" and value[1] in self.parts and (
                value[1] not in self.now) and len(index) == 1:
            part = self.parts[value[1]].get(self.whole(index[0]))
            if part:
                return part
        a = self.term(value)
        if len(index) > 1:
            raise Skip("an index of several axes")
        if index[0][0] == "range":
            return self.cut(a, *map(self.whole, index[0][1:]))
        k = self.whole(index[0])
        row = self.cut(a, k, k + 1)
        return row.shaped(a.shape[1:])

    def cut(self, a, first, last):
        """Rows first..last-1 along the first axis."""
        if not a.shape or not 0 <= first <= last <= a.shape[0]:
            raise CaseError(f"{first}:{last} of {list(a.shape)}")
        shape = (last - first,) + a.shape[1:]
        if a.flat or last - first == a.shape[0]:
            made = a.shaped(shape)
            return made
        if not a.base:
            a = self.define(self.fresh("part"), self.solid(a))
        name, when = a.base
        at = str(first + 1)
        if last - first > 1:
            at += f":{last}"
        return a.like(("text", f"{name}[{when}{', ' * bool(when)}{at}]"),
                      shape)


def build(case):
    """The Model of a case of one cell, by its equations."""
    model = Model("equations")
    model.thin = True
    known = given(case)
    t, names, lines = settled(case, known)
    model.lines += t.functions
    model.lines += [f"const {spell(n)} = {v!r}"
                    for n, v in t.constants.items() if n in t.constants_read]
    known = {n: g for n, g in known.items() if n in t.read | t.lagged}
    model.lines += [declaration(g) for g in known.values()]
    model.lines += [f"{spell(n)}[0] = 0" for n in sorted(t.lagged)
                    if n in known]
    model.lines += [state_line(names[n], t.now[n].shape)
                    for n in sorted(t.lagged)
                    if n in names and not t.now[n].complex]
    model.lines += lines
    bind(model, case, known)
    for t in case.role("output"):
        base, half = halves(t.name, names)
        if base not in names:
            raise CaseError(f"no equation for the output '{t.name}'")
        if f"output {names[base]}" not in model.lines:
            model.lines.append(f"output {names[base]}")
        model.outputs[t.name] = names[base] + half
    for t in case.role("initial_state", "final_state"):
        name, half = state_of(t, names)
        if name:
            model.slots[t.name] = names[name] + half
    return model


def settled(case, known):
    """A Translator, its names and lines.  The shape of a name that is read
    before its equation, and of which no tensor tells, is guessed from what
    the round before made of it."""
    guess = {}
    for _ in range(5):
        lines = []
        t = Translator(case, known, lines.append, guess)
        try:
            names = t.translate()
        except (CaseError, IndexError) as e:
            if any(a.unknown for a in t.guessed.values()):
                told = ", ".join(sorted(t.guessed))
                raise Skip(f"the shape of {told} is not known") from e
            raise
        if all(t.now[n].shape == a.shape and t.now[n].complex == a.complex
               for n, a in t.guessed.items()):
            return t, names, lines
        guess = {n: t.now[n] for n in t.guessed}
    raise Skip("shapes that follow from themselves")


def halves(name, whole):
    """(name, "") or, of half of a complex one, (name, ".re" or ".im")."""
    if name not in whole and name.endswith(("_re", "_im")):
        return name[:-3], "." + name[-2:]
    return name, ""


def state_of(t, names):
    """(name of the state, half) of an initial or final state."""
    m = re.fullmatch(r"(.+)[0T]((?:_re|_im)?)", t.name)
    if not m or m.group(1) not in names:
        return None, ""
    return m.group(1), m.group(2).replace("_", ".")


def state_line(name, shape):
    """Some shapes follow from nothing else."""
    size = ",".join(str(n) for n in thin(shape))
    return f"state {name}" + (f"[{size}]" if size else "")


def declaration(g):
    inside = ["t"] * g.varies + [str(n) for n in thin(g.shape)]
    text = ("input " if g.role == "input" else "param ") + spell(g.name)
    text += f"[{','.join(inside)}]" if inside else ""
    text += " in complex" if g.complex else ""
    return text + (" with frozen" if g.role == "constant" else "")


def bind(model, case, known):
    for t in case.role("input"):
        base, half = halves(t.name, known)
        if base not in known:
            continue
        model.inputs[t.name] = spell(base) + half
    for p in case.params:
        base, half = halves(p.name, known)
        if base not in known:
            continue
        model.params[p.name] = spell(base) + half
        if p.tensor.index:
            model.positions.add(p.name)
