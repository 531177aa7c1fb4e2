"""The notation of the golden cases, read and written in cellc's language.

parse() turns one right-hand side into nested tuples:

    ("num", text)  ("name", id)  ("lag", id, k)      k = 1 for id[t-1]
    ("at", value, [index...])    ("call", f, [args])
    ("neg", a)     ("bin", op, a, b)
    ("range", a, b) within an index     ("list", [parts])     ("turn", a)

The notation follows Python: @, * and / are of one rank, from left to right.
Our language binds @ tighter than *, so write() puts parentheses where the
meaning would change.
"""

import re

TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?j?|\.\d+)|([^\W\d]\w*)|"
                   r"(\*\*|//|<=|>=|==|!=|[-+*/@^()\[\],<>:|&']))")
RANK = {"|": 1, "&": 2, "<": 3, ">": 3, "<=": 3, ">=": 3, "==": 3, "!=": 3,
        "+": 4, "-": 4, "*": 5, "/": 5, "@": 5, "//": 5}
POWER = ("**", "^")


class EquationError(Exception):
    """Text outside the notation that is understood here."""


class Parser:
    def __init__(self, text):
        self.text = text
        self.tokens = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            m = TOKEN.match(text, at)
            if not m:
                raise EquationError(f"cannot read '{text[at:at + 20]}' in "
                                    f"'{text}'")
            kind = ("num", "name", "op")[m.lastindex - 1]
            self.tokens.append((kind, m.group(m.lastindex)))
            at = m.end()
        self.at = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else (
            "end", "")

    def take(self):
        token = self.peek()
        self.at += 1
        return token

    def need(self, text):
        if self.take()[1] != text:
            raise EquationError(f"expected '{text}' in '{self.text}'")

    def expression(self, rank=1):
        left = self.unary()
        while True:
            op = self.peek()[1]
            if self.peek()[0] != "op" or RANK.get(op, 0) < rank:
                return left
            self.take()
            left = ("bin", op, left, self.expression(RANK[op] + 1))

    def unary(self):
        if self.peek() == ("op", "-"):
            self.take()
            return ("neg", self.unary())
        base = self.postfix()
        if self.peek()[0] == "op" and self.peek()[1] in POWER:
            self.take()
            return ("bin", "^", base, self.unary())
        return base

    def postfix(self):
        kind, text = self.take()
        if kind == "num":
            value = ("num", text)
        elif kind == "name":
            value = ("name", text)
        elif text == "(":
            value = self.expression()
            self.need(")")
        elif text == "[":
            value = ("list", self.items("]"))
        else:
            raise EquationError(f"unexpected '{text}' in '{self.text}'")
        while self.peek()[1] in ("(", "[", "'") and self.peek()[0] == "op":
            what = self.take()[1]
            if what == "'":
                value = ("turn", value)
            elif what == "[":
                value = subscript(value, self.items("]"))
            elif value[0] != "name":
                raise EquationError(f"a call of no name: '{self.text}'")
            else:
                value = ("call", value[1], self.items(")"))
        return value

    def items(self, close):
        items = [self.item()]
        while self.peek()[1] == ",":
            self.take()
            items.append(self.item())
        self.need(close)
        return items

    def item(self):
        """An argument, an index or a slice."""
        first = self.expression()
        if self.peek() != ("op", ":"):
            return first
        self.take()
        return ("range", first, self.expression())


def subscript(value, index):
    """id[t-k] is a lag; anything else stays an index."""
    i = index[0]
    if value[0] == "name" and len(index) == 1 and i[:3] == (
            "bin", "-", ("name", "t")) and i[3][0] == "num":
        return ("lag", value[1], int(i[3][1]))
    return ("at", value, index)


def parse(text):
    p = Parser(text)
    tree = p.expression()
    if p.peek()[0] != "end":
        raise EquationError(f"'{p.peek()[1]}' is left over in '{text}'")
    return tree


def walk(tree):
    """Every node, parents first."""
    yield tree
    for part in tree[1:]:
        for child in part if isinstance(part, list) else [part]:
            if isinstance(child, tuple):
                yield from walk(child)


def names(tree):
    """Names read at the same step."""
    return {n[1] for n in walk(tree) if n[0] == "name"}


def lags(tree):
    """Names read at an earlier step."""
    return {n[1] for n in walk(tree) if n[0] == "lag"}


# Ranks of our own language, loosest first.
COND, LOGIC, COMPARE, SUM, PRODUCT, MINUS, MATRIX, POW, ATOM = range(9)
OURS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "@": MATRIX,
        "^": POW, "|": LOGIC, "&": LOGIC}


class Writer:
    """Writes a tree in the language of cellc.

    rename: function from an identifier to what stands for it here;
    ahead: the equations are swept backward, id[t-k] becomes id[t+k];
    before: like rename, of id[t-k].
    """

    def __init__(self, rename, ahead=False, before=None):
        self.rename = rename
        self.before = before or rename
        self.sign = "+" if ahead else "-"

    def write(self, tree, rank=COND):
        text, own = getattr(self, tree[0])(*tree[1:])
        return text if own >= rank else f"({text})"

    def num(self, text):
        return text, ATOM

    def text(self, text):
        """Already in our language, of the highest rank."""
        return text, ATOM

    def turn(self, a):
        return self.write(a, ATOM) + "'", ATOM

    def range(self, a, b):
        return f"{self.write(a, SUM)}:{self.write(b, SUM)}", COND

    def name(self, text):
        return self.rename(text), ATOM

    def lag(self, name, k):
        return f"{self.before(name)}[t{self.sign}{k}]", ATOM

    def at(self, value, index):
        inside = ", ".join(self.write(i) for i in index)
        return f"{self.write(value, ATOM)}[{inside}]", ATOM

    def neg(self, a):
        return "-" + self.write(a, MINUS), MINUS

    def bin(self, op, a, b):
        if op == "//":
            raise EquationError("whole-number division")
        own = OURS.get(op, COMPARE)
        word = {"|": "or", "&": "and"}.get(op, op)
        left = own + 1 if op in "@^" or own <= COMPARE else own
        right = MINUS if op == "^" else own + 1
        a, b = self.factor(op, a, left), self.factor(op, b, right)
        return (f"{a}^{b}" if op == "^" else f"{a} {word} {b}"), own

    def factor(self, op, tree, rank):
        """r * (U @ h) keeps its parentheses, which a reader needs."""
        if op in ("*", "/") and tree[:2] == ("bin", "@"):
            rank = ATOM
        return self.write(tree, rank)

    def call(self, f, args):
        if f == "where":
            c, a, b = (self.write(x, LOGIC) for x in args)
            return f"{c} ? {a} : {b}", COND
        if f == "transpose":
            return self.write(args[0], ATOM) + "'", ATOM
        if f == "mod":
            a, b = args
            cut = ("bin", "*", b, ("call", "floor", [("bin", "/", a, b)]))
            return self.bin("-", a, cut)
        inside = ", ".join(self.write(a) for a in args)
        if f == "concat":
            return f"[{inside}]", ATOM
        return f"{f}({inside})", ATOM
