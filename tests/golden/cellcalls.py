"""Functions of the golden cells' notation in the language."""

import math
import re

import equation
from case import Skip
from term import Term, broadcast, num, thin

ONE_BY_ONE = """sigmoid tanh relu exp log sqrt abs cos sin sign floor softplus
logsigmoid stopgrad silu hardsigmoid elu""".split()
DEFINED = {
    "l2norm": "fn l2norm(a) = a / (sqrt(sum(a * a)) + 1e-6)",
    "bound": "fn bound(a) = a / max(1, abs(a))",
    "layernorm": "fn lnorm(a) = (a - mean(a)) / sqrt("
                 "mean((a - mean(a)) * (a - mean(a))) + 1e-5)",
    "clip": "fn clip(a, lo, hi) = min(max(a, lo), hi)",
}
SPELLED = {"layernorm": "lnorm"}
COMPLEX = {"expi": True, "fft": True, "ifft": True, "conj": True,
           "real": False, "imag": False}


class Calls:
    """Of a Translator: call_NAME takes Terms and gives one."""

    def term_call(self, f, args):
        known = getattr(self, "call_" + f, None)
        args = [self.term(a) for a in args]
        if f != "where":
            args = [self.number(a) for a in args]
        if known:
            return known(*args)
        if f in self.case.options.get("custom_gradient", {}):
            self.use(custom(f, self.case.options["custom_gradient"][f]))
            return self.mapped(f, args[0])
        if f in DEFINED:
            self.use(DEFINED[f])
            a = args[0] if f in ("bound", "clip") else self.solid(args[0])
            return a.like(("call", SPELLED.get(f, f),
                           [a.tree] + [x.tree for x in args[1:]]), a.shape,
                          flat=a.flat)
        if f in ONE_BY_ONE:
            made = self.mapped(f, args[0])
            if f == "abs":
                made.complex = False
            if f == "sqrt" and args[0].value is not None:
                made.value = math.sqrt(args[0].value)
            return made
        if f in COMPLEX:
            a = self.solid(args[0])
            return a.like(("call", f, [a.tree]), a.shape,
                          complex=COMPLEX[f])
        raise Skip(f"no translation for {f}()")

    def use(self, function):
        if function not in self.functions:
            self.functions.append(function)

    def mapped(self, f, a):
        return a.like(("call", f, [a.tree]), a.shape, flat=a.flat)

    def call_where(self, c, a, b):
        if c.value is not None:
            return a if c.value else b
        a, b = self.number(a), self.number(b)
        if not c.truth:
            c = c.like(("bin", "!=", c.tree, num(0)), c.shape, flat=c.flat)
        shape = broadcast(broadcast(c.shape, a.shape), b.shape)
        flat = all(map(self.is_number, (a, b, c))) and thin(shape) != ()
        return a.like(("call", "where", [self.fit(x, shape)
                                         for x in (c, a, b)]), shape, b, c,
                      flat=flat)

    def extreme(self, f, a, b):
        shape = broadcast(a.shape, b.shape)
        flat = self.is_number(a) and self.is_number(b) and thin(shape) != ()
        return a.like(("call", f, [self.fit(a, shape), self.fit(b, shape)]),
                      shape, b, flat=flat)

    def call_max(self, a, *b):
        return self.extreme("max", a, *b) if b else self.over_all("max", a)

    def call_min(self, a, *b):
        return self.extreme("min", a, *b) if b else self.over_all("min", a)

    def over_all(self, f, a):
        if thin(a.shape) == ():
            return a.shaped(())
        return a.like(("call", f, [self.solid(a).tree]), ())

    def call_sum(self, a):
        return self.over_all("sum", a)

    def call_mean(self, a):
        return self.over_all("mean", a)

    def along_vector(self, f, a):
        """softmax and cumsum, over the last axis."""
        if a.shape and a.shape[-1] == 1:
            if f == "cumsum":
                return a
            # 1, but of the axes and parameters that a has.
            none = ("bin", "*", a.tree, num(0))
            return a.like(("bin", "+", none, num(1)), a.shape, flat=a.flat)
        return a.like(("call", f, [self.solid(a).tree]), a.shape)

    def call_softmax(self, a):
        return self.along_vector("softmax", a)

    def call_cumsum(self, a):
        return self.along_vector("cumsum", a)

    def call_softmax0(self, a):
        return self.transpose(self.along_vector("softmax",
                                                self.transpose(a)))

    def call_sum0(self, a):
        if a.shape[0] == 1:
            return a.shaped(a.shape[1:])
        ones = Term(("call", "ones", [num(a.shape[0])]), (a.shape[0],))
        return self.product(ones, self.solid(a))

    def call_sum1(self, a):
        if a.shape[1] == 1:
            return a.shaped(a.shape[:1])
        ones = Term(("call", "ones", [num(a.shape[1])]), (a.shape[1],))
        return self.product(self.solid(a), ones)

    def call_rownorm(self, a):
        return self.mapped("sqrt", self.call_sum1(self.spread("*", a, a)))

    def call_mod(self, a, b):
        cut = self.mapped("floor", self.spread("/", a, b))
        return self.spread("-", a, self.spread("*", b, cut))

    def call_concat(self, *parts):
        return self.concat(parts)

    def concat(self, parts):
        parts = [self.solid(p if p.shape else p.shaped((1,)))
                 for p in parts if not p.shape or p.shape[0]]
        shape = (sum(p.shape[0] for p in parts),) + parts[0].shape[1:]
        if len(parts) == 1:
            return parts[0]
        trees = [p.tree for p in parts]
        if len(thin(shape[1:])) == 1:
            trees = [self.reshaped(p, p.shape) if p.shape[0] == 1 else p.tree
                     for p in parts]
        return parts[0].like(("call", "concat", trees), shape, *parts[1:])

    def call_outer(self, a, b):
        a, b = self.solid(a), self.solid(b)
        return self.outer(a, b, (math.prod(a.shape), math.prod(b.shape)))

    def call_transpose(self, a):
        return self.transpose(a)

    def call_col(self, a):
        return a.shaped(a.shape + (1,))

    def call_eye(self, n):
        if n.value == 1:
            return Term(num(1), (1, 1))
        return Term(("call", "eye", [num(n.value)]), (n.value, n.value))

    def call_zeros(self, *n):
        return Term(num(0), [x.value for x in n], flat=True, value=0)

    def call_ones(self, *n):
        return Term(num(1), [x.value for x in n], flat=True, value=1)

    def call_reshape(self, a, *dims):
        return self.reshape(self.solid(a), tuple(d.value for d in dims))

    def call_flatten(self, a):
        return self.flatten(self.solid(a))

    def flatten(self, a):
        return self.reshape(a, (math.prod(a.shape),))

    def reshape(self, a, shape):
        if thin(shape) == thin(a.shape):
            return a.shaped(shape)
        if len(thin(shape)) == 1:
            return a.like(("call", "flatten", [a.tree]), shape)
        return a.like(self.reshaped(a, thin(shape)), shape)

    def reshaped(self, a, shape):
        return ("call", "reshape", [a.tree] + [num(n) for n in shape])

    def call_bmv(self, w, v):
        w, v = self.solid(w), self.solid(v)
        k, n, m = w.shape
        if k == 1:
            return self.product(w.shaped((n, m)), v.shaped((m,))).shaped(
                (k, n))
        flat = self.flatten(v)
        blocks = self.reshaped(w, w.shape) if 1 in w.shape else w.tree
        made = w.like(("bin", "@", ("call", "blockdiag", [blocks]), flat.tree),
                      (k * n,), flat)
        return self.reshape(made, (k, n))

    def call_repeat(self, a, q):
        if q.value == 1 or a.flat:
            return a.shaped((a.shape[0] * q.value,))
        ones = Term(("call", "ones", [num(q.value)]), (q.value,))
        wide = self.outer(a, ones, (a.shape[0], q.value))
        return self.flatten(wide)

    def call_avgpool2(self, a):
        n = a.shape[0] // 2
        pairs = self.reshape(self.solid(self.cut(a, 0, 2 * n)), (n, 2))
        ones = Term(("call", "ones", [num(2)]), (2,))
        made = self.product(pairs, ones)
        return made.like(("bin", "/", made.tree, num(2)), (n,))

    def call_roll(self, a, s):
        if a.shape[0] == 1:
            return a
        return a.like(("call", "roll", [self.solid(a).tree, num(s.value)]),
                      a.shape)

    def call_permute(self, a, p):
        if a.shape[0] == 1:
            return a
        return a.like(("call", "permute", [self.solid(a).tree, p.tree]),
                      a.shape, p)

    def call_shiftin(self, m, y):
        kept = self.cut(m, 1, m.shape[0])
        return self.concat([kept, self.solid(y).shaped((1,) + m.shape[1:])])

    def call_conv(self, w, x):
        shape = (w.shape[0], x.shape[1])
        trees = [self.reshaped(a, a.shape) if 1 in a.shape else a.tree
                 for a in map(self.solid, (w, x))]
        tree = ("call", "conv", trees)
        if 1 in shape:
            tree = ("call", "flatten", [tree])
        if thin(shape) == ():
            tree = ("call", "sum", [tree])
        return w.like(tree, shape, x)

    def call_expm(self, a):
        if thin(a.shape) == ():
            return self.mapped("exp", a)
        return a.like(("call", "expm", [self.solid(a).tree]), a.shape)

    def call_solve(self, a, b):
        if a.shape[0] == 1:
            return self.spread("/", b, a)
        b = self.solid(b)
        return a.like(("call", "solve", [self.solid(a).tree, b.tree]),
                      b.shape, b)


def custom(name, told):
    """A function of the spec with the derivative that the case tells."""
    value, found, slope = re.split(r"[;,] ", told, maxsplit=0)[0], None, None
    m = re.match(r"(.*?)[;,] derivative (.*)$", told)
    if m:
        value, slope = m.groups()
        found = re.fullmatch(r"(.+) where (.+), else (.+)", value)
    if found:
        text = "{1} ? {0} : {2}".format(*map(plain, found.groups()))
    elif m and value == "round to nearest":
        text = "floor(v + 0.5)"
    else:
        raise Skip(f"no translation for {name}(): {told}")
    return f"fn {name}(v) = {text}\n  d/dv = {plain(slope)}"


def plain(text):
    return equation.Writer(lambda n: n).write(equation.parse(text))
