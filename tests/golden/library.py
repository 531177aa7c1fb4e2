"""The library's cells, told by their equations.

match() compares the equations of a case, text for text, with those of the
library's cells in the notation of the cases, and says how the parameters of
the one are called in the other.  A library cell has one bias where PyTorch
has two: their sum is the same model.
"""

import re

# name of the application, equations, {parameter of the case: of the cell}
LSTM = ["i = sigmoid(Wi @ x + bWi + Ui @ h[t-1] + bUi)",
        "f = sigmoid(Wf @ x + bWf + Uf @ h[t-1] + bUf)",
        "g = tanh(Wg @ x + bWg + Ug @ h[t-1] + bUg)",
        "o = sigmoid(Wo @ x + bWo + Uo @ h[t-1] + bUo)",
        "c = f * c[t-1] + i * g",
        "h = o * tanh(c)"]
GRU_AFTER = ["r = sigmoid(Wr @ x + bWr + Ur @ h[t-1] + bUr)",
             "z = sigmoid(Wz @ x + bWz + Uz @ h[t-1] + bUz)",
             "n = tanh(Wn @ x + bWn + r * (Un @ h[t-1] + bUn))",
             "h = (1 - z) * n + z * h[t-1]"]
GRU_NAMES = {"Wn": "Wg", "Un": "Ug", "bWn": "bg", "bUn": "d"}
CELLS = [
    ("rnn({n})", ["h = tanh(W @ x + bW + U @ h[t-1] + bU)"], {}),
    ("rnn({n}, relu)", ["h = relu(W @ x + bW + U @ h[t-1] + bU)"], {}),
    ("lstm({n})", LSTM, {}),
    ("gru_after({n})", GRU_AFTER, GRU_NAMES),
    ("gru_after({n})", GRU_AFTER[:2] + [
        "g = tanh(Wg @ x + bWg + r * (Ug @ h[t-1] + bUg))",
        "h = z * h[t-1] + (1 - z) * g"], {"bWg": "bg", "bUg": "d"}),
]


def one_bias(texts):
    """The equations with Wx + Uh + b, as papers write them."""
    return [re.sub(r" \+ bW(\w*) \+ (U\w* @ h\[t-1\]) \+ bU\w*",
                   r" + \2 + b\1", t) for t in texts]


def no_bias(texts):
    return [re.sub(r" \+ b\w*", "", t) for t in texts]


PAPERS = [
    ("rnn({n})", one_bias(CELLS[0][1]), {}),
    ("rnn({n}, relu)", one_bias(CELLS[1][1]), {}),
    ("lstm({n})", one_bias(LSTM), {}),
    ("gru_after({n})", one_bias(GRU_AFTER[:2]) + [
        "g = tanh(Wg @ x + bg + r * (Ug @ h[t-1] + cg))",
        "h = (1 - z) * g + z * h[t-1]"], {"cg": "d"}),
    ("gru({n})", one_bias(GRU_AFTER[:2]) + [
        "g = tanh(Wg @ x + Ug @ (r * h[t-1]) + bg)",
        "h = z * h[t-1] + (1 - z) * g"], {}),
    ("peephole({n})", [
        "i = sigmoid(Wi @ x + Ui @ h[t-1] + pi * c[t-1] + bi)",
        "f = sigmoid(Wf @ x + Uf @ h[t-1] + pf * c[t-1] + bf)",
        "g = tanh(Wg @ x + Ug @ h[t-1] + bg)",
        "c = f * c[t-1] + i * g",
        "o = sigmoid(Wo @ x + Uo @ h[t-1] + po * c + bo)",
        "h = o * tanh(c)"], {}),
]


def rename(names, base):
    """The library's name of a case's parameter: two biases become one."""
    return names.get(base, re.sub(r"^b[WU]", "b", base))


def match(case, equations):
    """(application, parameter names, state names, absent biases) or None."""
    texts = sorted(f"{left} = {right}" for left, right in equations.items())
    first = [p for p in case.params if p.place in (None, case.places()[0])]
    found = find(texts, [p.shape[0] for p in first
                         if p.base.startswith("W")])
    if not found:
        return None
    form, name_of, missing = found
    return form, name_of, lambda state: state, missing


def find(texts, rows):
    """texts: the equations, sorted; rows: of the matrices W.
    (application, parameter names, absent biases) or None."""
    for form, want, names in CELLS + PAPERS:
        bare = no_bias(want)
        if texts not in (sorted(want), sorted(bare)):
            continue
        missing = []
        if texts != sorted(want):
            biases = {rename(names, b)
                      for t in want for b in re.findall(r"\bb[WU]?\w*", t)}
            missing = [(b, (rows[0],)) for b in sorted(biases)]
        return (form.format(n=rows[0]),
                lambda base: rename(names, base), missing)
    return None
