"""The notation of the golden cases, run directly: one number after the other,
with a tape for the derivatives.

This is slow and knows nothing of cellspec.py, so that cases of other sizes
can be made and the translation can be compared with it.
"""

import cmath
import math
import re

import equation

FOR = re.compile(r"for (\w+) in (.+?)\.\.(.+):$")


class OracleError(Exception):
    """The equations do not fit the sizes, or say what is not known here."""


class Var:
    """A real number; parents: [(Var, derivative)]."""

    count = 0
    __slots__ = ("v", "parents", "at", "grad")

    def __init__(self, v, parents=()):
        self.v = float(v)
        self.parents = parents
        self.at = Var.count
        self.grad = 0.0
        Var.count += 1


def real(x):
    return x.v if isinstance(x, Var) else x


def make(v, *parents):
    kept = [(p, d) for p, d in parents if isinstance(p, Var)]
    return Var(v, kept) if kept else v


def add(a, b):
    return make(real(a) + real(b), (a, 1.0), (b, 1.0))


def sub(a, b):
    return make(real(a) - real(b), (a, 1.0), (b, -1.0))


def mul(a, b):
    return make(real(a) * real(b), (a, real(b)), (b, real(a)))


def div(a, b):
    x, y = real(a), real(b)
    return make(x / y, (a, 1 / y), (b, -x / y ** 2))


def power(a, b):
    x, y = real(a), real(b)
    v = x ** y
    slope = v * math.log(x) if isinstance(b, Var) else 0.0
    return make(v, (a, y * x ** (y - 1) if y else 0.0), (b, slope))


class Pair:
    """A complex number."""

    __slots__ = ("re", "im")

    def __init__(self, re_, im):
        self.re, self.im = re_, im


def pair(x):
    return x if isinstance(x, Pair) else Pair(x, 0.0)


def lift(plain, f):
    """f on pairs where one operand is complex, else the plain operator."""
    def both(a, b):
        if isinstance(a, Pair) or isinstance(b, Pair):
            return f(pair(a), pair(b))
        return plain(a, b)
    return both


ADD = lift(add, lambda a, b: Pair(add(a.re, b.re), add(a.im, b.im)))
SUB = lift(sub, lambda a, b: Pair(sub(a.re, b.re), sub(a.im, b.im)))
MUL = lift(mul, lambda a, b: Pair(
    sub(mul(a.re, b.re), mul(a.im, b.im)),
    add(mul(a.re, b.im), mul(a.im, b.re))))


def divide_pairs(a, b):
    size = add(mul(b.re, b.re), mul(b.im, b.im))
    top = MUL(a, Pair(b.re, mul(-1.0, b.im)))
    return Pair(div(top.re, size), div(top.im, size))


DIV = lift(div, divide_pairs)


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else 1 - 1 / (1 + math.exp(x))


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def clamp(x, lo, hi):
    return min(max(x, lo), hi)


# name: (value, derivative)
ONE = {
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "relu": (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    "exp": (math.exp, math.exp),
    "log": (math.log, lambda x: 1 / x),
    "sqrt": (math.sqrt, lambda x: 0.5 / math.sqrt(x)),
    "abs": (abs, lambda x: float((x > 0) - (x < 0))),
    "cos": (math.cos, lambda x: -math.sin(x)),
    "sin": (math.sin, math.cos),
    "sign": (lambda x: float((x > 0) - (x < 0)), lambda x: 0.0),
    "floor": (math.floor, lambda x: 0.0),
    "softplus": (softplus, sigmoid),
    "logsigmoid": (lambda x: -softplus(-x), lambda x: sigmoid(-x)),
    "stopgrad": (lambda x: x, lambda x: 0.0),
    "silu": (lambda x: x * sigmoid(x),
             lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "hardsigmoid": (lambda x: clamp(0.2 * x + 0.5, 0.0, 1.0),
                    lambda x: 0.2 * (-2.5 < x < 2.5)),
    "elu": (lambda x: x if x > 0 else math.expm1(x),
            lambda x: 1.0 if x > 0 else math.exp(x)),
}


def apply(name, x):
    value, slope = ONE[name]
    if isinstance(x, Pair):
        return pair_function(name, x)
    return make(value(real(x)), (x, slope(real(x))))


def pair_function(name, x):
    if name == "abs":
        return apply("sqrt", add(mul(x.re, x.re), mul(x.im, x.im)))
    if name == "exp":
        size = apply("exp", x.re)
        return Pair(mul(size, apply("cos", x.im)),
                    mul(size, apply("sin", x.im)))
    raise OracleError(f"{name} of a complex number")


class Arr:
    def __init__(self, shape, data):
        self.shape = tuple(shape)
        self.data = list(data)
        if len(self.data) != math.prod(self.shape):
            raise OracleError("numbers do not fill the shape")

    def at(self, i):
        if not self.shape or not 0 <= i < self.shape[0]:
            raise OracleError(f"index {i} of {self.shape}")
        n = math.prod(self.shape[1:])
        return Arr(self.shape[1:], self.data[i * n:(i + 1) * n])

    def map(self, f):
        return Arr(self.shape, [f(x) for x in self.data])


def stack(rows):
    return Arr((len(rows),) + rows[0].shape, [x for r in rows
                                              for x in r.data])


def spread(a, b):
    """Both in their common shape."""
    n = max(len(a.shape), len(b.shape))
    one = [(1,) * (n - len(x.shape)) + x.shape for x in (a, b)]
    shape = []
    for x, y in zip(*one):
        if x != y and 1 not in (x, y):
            raise OracleError(f"{a.shape} beside {b.shape}")
        shape.append(y if x == 1 else x)

    def fill(x, own):
        out = []
        for at in range(math.prod(shape)):
            flat, step, rest = 0, 1, at
            for size, have in zip(reversed(shape), reversed(own)):
                flat += (rest % size if have != 1 else 0) * step
                step *= have
                rest //= size
            out.append(x.data[flat])
        return Arr(shape, out)
    return fill(a, one[0]), fill(b, one[1])


def zip2(f, a, b):
    a, b = spread(a, b)
    return Arr(a.shape, [f(x, y) for x, y in zip(a.data, b.data)])


def total(data):
    out = 0.0
    for x in data:
        out = ADD(out, x)
    return out


def matmul(a, b):
    if not a.shape or not b.shape:
        raise OracleError("@ of a number")
    left = a if len(a.shape) > 1 else Arr((1,) + a.shape, a.data)
    right = b if len(b.shape) > 1 else Arr(b.shape + (1,), b.data)
    n, k = left.shape
    if right.shape[0] != k:
        raise OracleError(f"{a.shape} @ {b.shape}")
    m = right.shape[1]
    data = [total(MUL(left.data[i * k + q], right.data[q * m + j])
                  for q in range(k)) for i in range(n) for j in range(m)]
    return Arr(a.shape[:-1] + b.shape[1:], data)


def transpose(a):
    n, m = a.shape
    return Arr((m, n), [a.data[i * m + j] for j in range(m)
                        for i in range(n)])


def scale(a, c):
    return a.map(lambda x: MUL(x, c))


def eye(n):
    return Arr((n, n), [float(i == j) for i in range(n) for j in range(n)])


def expm(a):
    """The series of a/2^6, squared six times."""
    a = scale(a, 1 / 64)
    out = term = eye(a.shape[0])
    for k in range(1, 14):
        term = scale(matmul(term, a), 1 / k)
        out = zip2(ADD, out, term)
    for _ in range(6):
        out = matmul(out, out)
    return out


def solve(a, b):
    n, m = a.shape[0], math.prod(b.shape[1:])
    rows = [a.data[i * n:(i + 1) * n] + b.data[i * m:(i + 1) * m]
            for i in range(n)]
    for i in range(n):
        best = max(range(i, n), key=lambda r: abs(real(rows[r][i])))
        rows[i], rows[best] = rows[best], rows[i]
        rows[i] = [div(x, rows[i][i]) for x in rows[i]]
        for r in range(n):
            if r != i:
                c = rows[r][i]
                rows[r] = [sub(x, mul(c, y))
                           for x, y in zip(rows[r], rows[i])]
    return Arr(b.shape, [x for row in rows for x in row[n:]])


def softmax(data):
    top = max(real(x) for x in data)
    e = [apply("exp", sub(x, top)) for x in data]
    s = total(e)
    return [div(x, s) for x in e]


class Oracle:
    """One sample of a case: sizes, constants, custom derivatives, and lag, a
    function (name, steps) -> Arr."""

    def __init__(self, sizes, constants, custom, lag):
        self.sizes, self.constants = sizes, constants
        self.custom, self.lag = custom, lag
        self.env = {}

    # Statements

    def run(self, lines, env, t):
        self.env = dict(env)
        self.env["t"] = Arr((), [float(t)])
        self.block(lines)
        return self.env

    def block(self, lines):
        at = 0
        while at < len(lines):
            text = lines[at].split(";")[0].rstrip()
            depth = len(text) - len(text.lstrip())
            at += 1
            m = FOR.match(text.strip())
            if not m:
                self.assign(text.strip())
                continue
            body = at
            while at < len(lines) and (
                    len(lines[at]) - len(lines[at].lstrip()) > depth):
                at += 1
            first, last = (self.whole(equation.parse(x))
                           for x in m.groups()[1:])
            for k in range(first, last + 1):
                self.env[m.group(1)] = Arr((), [k])
                self.block(lines[body:at])

    def assign(self, text):
        left, _, right = text.partition(" = ")
        value = self.value(equation.parse(right))
        m = re.fullmatch(r"(\w+)\[(.+)\]", left)
        if not m:
            self.env[left] = value
            return
        parts = self.env.get(m.group(1) + "[]", {})
        parts[self.whole(equation.parse(m.group(2)))] = value
        self.env[m.group(1) + "[]"] = parts
        if sorted(parts) == list(range(len(parts))):
            self.env[m.group(1)] = stack([parts[k] for k in sorted(parts)])

    def whole(self, tree):
        return int(real(self.value(tree).data[0]))

    # Expressions

    def value(self, tree):
        return getattr(self, "on_" + tree[0])(*tree[1:])

    def on_num(self, text):
        if text.endswith("j"):
            return Arr((), [Pair(0.0, float(text[:-1]))])
        return Arr((), [float(text)])

    def on_name(self, name):
        if name in self.env:
            return self.env[name]
        for known in (self.constants, self.sizes):
            if name in known:
                return Arr((), [float(known[name])])
        raise OracleError(f"no value for {name}")

    def on_lag(self, name, k):
        return self.lag(name, k)

    def on_neg(self, a):
        return self.value(a).map(lambda x: MUL(-1.0, x))

    def on_bin(self, op, a, b):
        a, b = self.value(a), self.value(b)
        if op == "@":
            return matmul(a, b)
        known = {"+": ADD, "-": SUB, "*": MUL, "/": DIV, "^": power,
                 "//": lambda x, y: real(x) // real(y),
                 "|": lambda x, y: float(bool(real(x) or real(y))),
                 "&": lambda x, y: float(bool(real(x) and real(y))),
                 "<": lambda x, y: float(real(x) < real(y)),
                 ">": lambda x, y: float(real(x) > real(y)),
                 "<=": lambda x, y: float(real(x) <= real(y)),
                 ">=": lambda x, y: float(real(x) >= real(y)),
                 "==": lambda x, y: float(real(x) == real(y))}
        return zip2(known[op], a, b)

    def on_at(self, value, index):
        if value[0] == "name" and value[1] + "[]" in self.env and (
                index[0][0] != "range"):
            parts = self.env[value[1] + "[]"]
            if self.whole(index[0]) in parts:
                return parts[self.whole(index[0])]
        a = self.value(value)
        if index[0][0] != "range":
            return a.at(self.whole(index[0]))
        first, last = map(self.whole, index[0][1:])
        if not 0 <= first <= last <= a.shape[0]:
            raise OracleError(f"{first}:{last} of {a.shape}")
        rows = [a.at(i) for i in range(first, last)]
        return stack(rows) if rows else Arr((0,) + a.shape[1:], [])

    def on_call(self, f, args):
        args = [self.value(a) for a in args]
        if f in self.custom:
            return args[0].map(lambda x: self.surrogate(self.custom[f], x))
        if f in ONE:
            return args[0].map(lambda x: apply(f, x))
        known = getattr(self, "do_" + f, None)
        if not known:
            raise OracleError(f"no function {f}")
        return known(*args)

    def surrogate(self, told, x):
        value, _, slope = re.split(r"[;,] (derivative) ", told)
        v = real(x)
        if value == "round to nearest":
            out = float(round(v))
        elif value == "1 where v > 0, else 0":
            out = float(v > 0)
        else:
            raise OracleError(f"no value for '{value}'")
        inner = Oracle({}, {}, {}, None)
        inner.env = {"v": Arr((), [v])}
        d = inner.value(equation.parse(slope))
        return make(out, (x, d.data[0]))

    def do_where(self, c, a, b):
        c, _ = spread(c, spread(a, b)[0])
        a, _ = spread(a, c)
        b, _ = spread(b, c)
        return Arr(c.shape, [x if real(w) else y
                             for w, x, y in zip(c.data, a.data, b.data)])

    def do_max(self, a, b):
        return zip2(lambda x, y: x if real(x) >= real(y) else y, a, b)

    def do_min(self, a, b):
        return zip2(lambda x, y: x if real(x) <= real(y) else y, a, b)

    def do_clip(self, v, lo, hi):
        return self.do_min(self.do_max(v, lo), hi)

    def do_mod(self, a, b):
        return zip2(lambda x, y: sub(x, mul(y, apply(
            "floor", div(x, y)))), a, b)

    def do_sum(self, a):
        return Arr((), [total(a.data)])

    def do_mean(self, a):
        return Arr((), [DIV(total(a.data), float(len(a.data)))])

    def do_softmax(self, a):
        n = a.shape[-1]
        return Arr(a.shape, [x for i in range(0, len(a.data), n)
                             for x in softmax(a.data[i:i + n])])

    def do_softmax0(self, a):
        return transpose(self.do_softmax(transpose(a)))

    def do_cumsum(self, a):
        return Arr(a.shape, [total(a.data[:i + 1])
                             for i in range(len(a.data))])

    def do_sum0(self, a):
        return Arr(a.shape[1:], total_rows(a))

    def do_sum1(self, a):
        return self.do_sum0(transpose(a))

    def do_concat(self, *parts):
        return Arr((sum(p.shape[0] for p in parts),) + parts[0].shape[1:],
                   [x for p in parts for x in p.data])

    def do_outer(self, a, b):
        return matmul(Arr((len(a.data), 1), a.data),
                      Arr((1, len(b.data)), b.data))

    def do_transpose(self, a):
        return transpose(a)

    def do_col(self, a):
        return Arr(a.shape + (1,), a.data)

    def sized(self, x, dims):
        dims = [int(real(d.data[0])) for d in dims]
        return Arr(dims, [x] * math.prod(dims))

    def do_zeros(self, *dims):
        return self.sized(0.0, dims)

    def do_ones(self, *dims):
        return self.sized(1.0, dims)

    def do_eye(self, n):
        return eye(int(n.data[0]))

    def do_reshape(self, a, *dims):
        return Arr([int(d.data[0]) for d in dims], a.data)

    def do_flatten(self, a):
        return Arr((len(a.data),), a.data)

    def do_rownorm(self, a):
        return self.do_sum1(zip2(MUL, a, a)).map(
            lambda x: apply("sqrt", x))

    def do_layernorm(self, a):
        n = float(len(a.data))
        mean = div(total(a.data), n)
        d = [sub(x, mean) for x in a.data]
        s = apply("sqrt", add(div(total(mul(x, x) for x in d), n), 1e-5))
        return Arr(a.shape, [div(x, s) for x in d])

    def do_l2norm(self, a):
        s = apply("sqrt", total(mul(x, x) for x in a.data))
        return a.map(lambda x: div(x, add(s, 1e-6)))

    def do_bound(self, a):
        def one(x):
            size = apply("abs", x)
            return DIV(x, size) if real(size) > 1 else x
        return a.map(one)

    def do_bmv(self, w, v):
        return stack([matmul(w.at(k), v.at(k)) for k in range(w.shape[0])])

    def do_repeat(self, a, q):
        q = int(q.data[0])
        return Arr((len(a.data) * q,), [x for x in a.data
                                        for _ in range(q)])

    def do_avgpool2(self, a):
        if len(a.data) % 2:
            raise OracleError("avgpool2 of an odd number")
        pairs = zip(a.data[0::2], a.data[1::2])
        data = [mul(0.5, add(x, y)) for x, y in pairs]
        return Arr((len(data),), data)

    def do_roll(self, a, s):
        n, s = a.shape[0], int(s.data[0])
        return stack([a.at((i - s) % n) for i in range(n)])

    def do_permute(self, a, p):
        if a.shape[:1] != p.shape:
            raise OracleError(f"permute {a.shape} by {p.shape}")
        return stack([a.at(int(real(i))) for i in p.data])

    def do_shiftin(self, m, y):
        return stack([m.at(i) for i in range(1, m.shape[0])] + [y])

    def do_conv(self, w, x):
        o, n, k = w.shape
        length = x.shape[1]
        return Arr((o, length), [total(
            mul(w.data[(a * n + i) * k + d],
                x.data[i * length + j + d - k // 2])
            for i in range(n) for d in range(k)
            if 0 <= j + d - k // 2 < length)
            for a in range(o) for j in range(length)])

    def do_expm(self, a):
        return expm(a)

    def do_solve(self, a, b):
        return solve(a, b)

    def do_expi(self, a):
        return a.map(lambda x: Pair(apply("cos", x), apply("sin", x)))

    def do_conj(self, a):
        return a.map(lambda x: Pair(pair(x).re, mul(-1.0, pair(x).im)))

    def do_real(self, a):
        return a.map(lambda x: pair(x).re)

    def do_imag(self, a):
        return a.map(lambda x: pair(x).im)

    def fourier(self, a, sign):
        n = len(a.data)
        waves = [cmath.exp(sign * 2j * cmath.pi * k / n) for k in range(n)]
        return Arr((n,), [total(
            MUL(x, Pair(waves[j * k % n].real, waves[j * k % n].imag))
            for j, x in enumerate(a.data)) for k in range(n)])

    def do_fft(self, a):
        return self.fourier(a, -1)

    def do_ifft(self, a):
        return scale(self.fourier(a, 1), 1 / len(a.data))


def total_rows(a):
    n = math.prod(a.shape[1:])
    return [total(a.data[i::n]) for i in range(n)]


def backward(root):
    """Gradients of a number by everything it was made from."""
    if not isinstance(root, Var):
        return
    found, todo = {root.at: root}, [root]
    while todo:
        for p, _ in todo.pop().parents:
            if p.at not in found:
                found[p.at] = p
                todo.append(p)
    root.grad = 1.0
    for at in sorted(found, reverse=True):
        node = found[at]
        for p, d in node.parents:
            p.grad += node.grad * d
