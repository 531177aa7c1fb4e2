"""Small arrays whose elements know what they were made from.

A binding of the zoo says what a library's tensor is in terms of the case's
tensors: `W[0:n]`, `bf + 1`, `[Wi, Wf]'`.  A Value holds for each element its
number and its derivatives by elements of the case, so that one evaluation
gives the array that goes in and the way the gradients come back.
"""

import math

from case import CaseError


class Element:
    """A number; parts: {(tensor, flat index): derivative}."""

    def __init__(self, number, parts=None):
        self.number = number
        self.parts = parts or {}

    def chain(self, number, slope):
        return Element(number, {k: slope * d for k, d in self.parts.items()})

    def plus(self, other):
        parts = dict(self.parts)
        for k, d in other.parts.items():
            parts[k] = parts.get(k, 0) + d
        return Element(self.number + other.number, parts)

    def times(self, other):
        a = self.chain(self.number * other.number, other.number)
        return a.plus(other.chain(0.0, self.number))


class Value:
    """shape and a flat list of Elements in C order."""

    def __init__(self, shape, elements):
        self.shape = tuple(shape)
        self.elements = elements

    @classmethod
    def tensor(cls, name, array, offset=0):
        return cls(array.shape, [Element(v, {(name, offset + i): 1.0})
                                 for i, v in enumerate(array.data)])

    @classmethod
    def number(cls, v):
        return cls((), [Element(float(v))])

    def rows(self):
        """Along the first axis."""
        if not self.shape:
            raise CaseError("an index into a number")
        size = len(self.elements) // self.shape[0]
        return [Value(self.shape[1:], self.elements[i * size:(i + 1) * size])
                for i in range(self.shape[0])]

    def map(self, function):
        return Value(self.shape, [function(e) for e in self.elements])


def join(values):
    """One after the other along the first axis."""
    return Value((sum(v.shape[0] for v in values),) + values[0].shape[1:],
                 [e for v in values for e in v.elements])


def stack(values):
    return Value((len(values),) + values[0].shape,
                 [e for v in values for e in v.elements])


def transpose(v):
    n, m = v.shape
    return Value((m, n), [v.elements[i * m + j]
                          for j in range(m) for i in range(n)])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


# function: (its value at x, its derivative)
FUNCTIONS = {
    "exp": (math.exp, math.exp),
    "log": (math.log, lambda x: 1 / x),
    "sqrt": (math.sqrt, lambda x: 0.5 / math.sqrt(x)),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "softplus": (lambda x: math.log1p(math.exp(x)), sigmoid),
}


class Evaluator:
    """lookup: function from a name to a Value."""

    def __init__(self, lookup):
        self.lookup = lookup

    def whole(self, tree):
        v = self.evaluate(tree)
        if len(v.elements) != 1 or v.elements[0].number % 1:
            raise CaseError("an index is no whole number")
        return int(v.elements[0].number)

    def evaluate(self, tree):
        return getattr(self, "eval_" + tree[0])(*tree[1:])

    def eval_num(self, text):
        return Value.number(text)

    def eval_name(self, name):
        return self.lookup(name)

    def eval_neg(self, a):
        return self.evaluate(a).map(lambda e: e.chain(-e.number, -1.0))

    def eval_list(self, items):
        return join([self.evaluate(i) for i in items])

    def eval_turn(self, a):
        return transpose(self.evaluate(a))

    def eval_bin(self, op, a, b):
        a, b = self.evaluate(a), self.evaluate(b)
        if op == "-":
            b = b.map(lambda e: e.chain(-e.number, -1.0))
        elif op == "/":
            b = b.map(lambda e: e.chain(1 / e.number, -1 / e.number ** 2))
        elif op not in ("+", "*"):
            raise CaseError(f"a binding knows no '{op}'")
        if not a.shape:
            a = Value(b.shape, a.elements * len(b.elements))
        if not b.shape:
            b = Value(a.shape, b.elements * len(a.elements))
        if a.shape != b.shape:
            raise CaseError(f"{list(a.shape)} {op} {list(b.shape)}")
        work = Element.times if op in ("*", "/") else Element.plus
        return Value(a.shape, [work(x, y)
                               for x, y in zip(a.elements, b.elements)])

    def eval_at(self, value, index):
        v = self.evaluate(value)
        return self.cut(v, index)

    def cut(self, v, index):
        if not index:
            return v
        first, rest = index[0], index[1:]
        if first[0] != "range":
            return self.cut(v.rows()[self.whole(first)], rest)
        a, b = self.whole(first[1]), self.whole(first[2])
        kept = v.rows()[a:b]
        if len(kept) != b - a:
            raise CaseError(f"{a}:{b} of {v.shape[0]} rows")
        return stack([self.cut(row, rest) for row in kept])

    def eval_call(self, f, args):
        if f in FUNCTIONS and len(args) == 1:
            value, slope = FUNCTIONS[f]
            return self.evaluate(args[0]).map(
                lambda e: e.chain(value(e.number), slope(e.number)))
        if f in ("reshape", "zeros", "ones"):
            dims = [self.whole(a) for a in args[f == "reshape":]]
            count = math.prod(dims)
            if f != "reshape":
                return Value(dims, [Element(float(f == "ones"))] * count)
            return Value(dims, self.evaluate(args[0]).elements)
        if f == "concat":
            return self.eval_list(args)
        raise CaseError(f"a binding knows no {f}()")


