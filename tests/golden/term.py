"""Translated expressions of golden cells: a tree in the spec's names, and the
shape that the notation of the cases gives it."""

from case import CaseError


def thin(shape):
    """The shape in the spec."""
    return tuple(n for n in shape if n != 1)


def num(v):
    return ("num", repr(v))


class Term:
    """A translated expression.

    tree: in the spec's names; shape: as the notation has it; flat: a number
    that stands for an array filled with it; value: the number itself where
    it is known; base: (name, time index or "") where it can be indexed;
    unknown: the shape is a guess.
    """

    def __init__(self, tree, shape=(), **known):
        self.tree = tree
        self.shape = tuple(shape)
        self.complex = known.get("complex", False)
        self.varies = known.get("varies", False)
        self.flat = known.get("flat", False)
        self.value = known.get("value")
        self.truth = known.get("truth", False)
        self.base = known.get("base")
        self.unknown = known.get("unknown", False)

    def like(self, tree, shape, *others, **known):
        """A Term made from this one and others."""
        both = (self,) + others
        known.setdefault("complex", any(x.complex for x in both))
        known.setdefault("varies", any(x.varies for x in both))
        known.setdefault("unknown", tuple(shape) == () and any(
            x.unknown for x in both))
        return Term(tree, shape, **known)

    def shaped(self, shape):
        """The same numbers where only axes of one element differ."""
        copy = Term(self.tree, shape)
        for key in ("complex", "varies", "flat", "truth", "base"):
            setattr(copy, key, getattr(self, key))
        return copy


def broadcast(a, b):
    n = max(len(a), len(b))
    a, b = ((1,) * (n - len(s)) + tuple(s) for s in (a, b))
    if any(x != y and 1 not in (x, y) for x, y in zip(a, b)):
        raise CaseError(f"{list(a)} beside {list(b)}")
    return tuple(y if x == 1 else x for x, y in zip(a, b))


def fold(op, a, b):
    """Of two numbers the number, where both are known."""
    if a is None or b is None:
        return None
    return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b,
            "/": lambda: a / b, "//": lambda: a // b, "^": lambda: a ** b,
            "**": lambda: a ** b, "<": lambda: a < b, ">": lambda: a > b,
            "<=": lambda: a <= b, ">=": lambda: a >= b,
            "==": lambda: a == b, "!=": lambda: a != b}[op]()
