"""Layout of random models: the same spec in an untidy hand, for `cellc fmt`."""

import re

WORDS = {r"\bsigmoid\(": "σ(", " @ ": " · ", r" \* ": " ⊙ ", " in ": " ∈ "}


def untidy(text, rng):
    """Other spaces, line ends, comments and signs; the meaning stays."""
    out = []
    for line in text.splitlines():
        if rng.random() < 0.2:
            word = rng.choice(list(WORDS))
            line = re.sub(word, WORDS[word], line)
        kind = rng.randint(0, 9)
        plain = "=" in line and "{" not in line and not line.startswith(" ")
        if kind == 0:
            line += rng.choice(["  # said", "   ## of this"])
        elif kind == 1 and plain:
            line = re.sub(r" ([-+]) ", r" \1\n      ", line)
        elif kind == 2 and plain:
            line = line.replace(", ", " ,\n  ")
        elif kind == 3:
            line = re.sub(r" ([-+*]) ", r"\1", line)
        elif kind == 4 and plain and "?" in line:
            line = line.replace(" ? ", " ?\n ").replace(" : ", " :\n\n   ")
        elif kind == 5 and plain:
            line = line.replace(" = ", "=  ", 1)
        elif kind == 6 and not line.startswith(" "):
            line = "\n# a remark\n" + line
        out.append(line)
    return "\n".join(out) + "\n"
