"""python3 programs.py N DIGITS NESTING SEED: short programs and what they print
(after Zaremba and Sutskever 2014). A line has a program of assignments, if, for and
print, with numbers of so many digits and statements nested so deep, and its output."""
import random
import sys

count, digits, nesting = (int(a) for a in sys.argv[1:4])
draw = random.Random(sys.argv[4])
TOP = 10 ** digits


def value(names):
    """An operand: a name or a number, its text and value."""
    if names and draw.random() < 0.5:
        name = draw.choice(sorted(names))
        return name, names[name]
    number = draw.randrange(TOP)
    return str(number), number


def expression(names):
    a, x = value(names)
    if draw.random() < 0.4:
        return a, x
    b, y = value(names)
    op = draw.choice("+-")
    return a + op + b, x + y if op == "+" else x - y


def statement(names, depth):
    """Its text; changes names as running it does."""
    kind = draw.random() if depth and names else 1
    if kind < 0.4:
        a, x = value(names)
        b, y = value(names)
        name = draw.choice(sorted(names))
        text, z = expression(names)
        if x > y:
            names[name] = z
        return f"if {a}>{b}:{name}={text};"
    if kind < 0.7:
        name, times = draw.choice(sorted(names)), draw.randrange(2, 5)
        step = draw.randrange(TOP)
        names[name] += step * times
        return f"for {times}:{name}+={step};"
    name = draw.choice("abc")
    text, x = expression(names)
    names[name] = x
    return f"{name}={text};"


for _ in range(count):
    names = {}
    text = "".join(statement(names, k) for k in range(nesting + 1))
    out, x = expression(names)
    print(f"{text}print {out}", f"{x}$", sep="\t")
