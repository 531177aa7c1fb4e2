"""Jacobians of the last state by every earlier one, by reverse sweeps.

The spec adds an input of zeros to the state at every step; one run for each
component of the last state gives one row of every Jacobian: the gradient of
that component by the input at step k, and by the start.
"""

import math

import npyio
import plan
from case import CaseError

EXTRA = "extra"


def widen(model, state):
    """state = e becomes state = e + extra."""
    for i, line in enumerate(model.lines):
        if line.startswith(state + " = "):
            model.lines[i] = line + f" + {EXTRA}"
            return
    raise CaseError(f"no equation of {state}")


class FlowPlan(plan.Plan):
    def __init__(self, case, model):
        j = case.tensors["J"]
        self.steps, self.batch, self.rows, _ = j.shape
        (self.state,) = [name for (s, _), name in model.states.items()
                         if s == "h"]
        widen(model, self.state)
        model.lines.insert(0, f"input {EXTRA}[t,{self.rows}]")
        super().__init__(case, model)

    def plan_runs(self):
        self.base.inputs[EXTRA] = npyio.zeros(
            (self.steps - 1, self.batch, self.rows))
        super().plan_runs()
        for i in range(self.rows):
            run = self.base.copy("--grad")
            run.upstream = {"final." + self.state: npyio.Array(
                (self.batch, self.rows),
                [float(k == i) for k in range(self.rows)] * self.batch)}
            self.runs[f"row{i}"] = "spec", run

    def expected(self, t, of):
        if t.name == "J":
            return plan.Want(t, "main", value=lambda r: npyio.Array(
                t.shape, self.jacobians(r)))
        known = {"J_frobenius": lambda a: [math.sqrt(math.fsum(
            v * v for v in a))], "J_singular": self.singular}
        if t.name not in known:
            return super().expected(t, of)
        return plan.Want(t, "main", value=lambda r: npyio.Array(
            t.shape, [v for a in self.matrices(r)
                      for v in known[t.name](a)]))

    def jacobians(self, results):
        """[step, sequence, row, column]"""
        rows = []
        for i in range(self.rows):
            r = results[f"row{i}"]
            rows.append(r.array("grad." + self.state).data +
                        r.array("grad." + EXTRA).data)
        n = self.rows
        return [v for at in range(0, self.steps * self.batch * n, n)
                for row in rows for v in row[at:at + n]]

    def matrices(self, results):
        data, size = self.jacobians(results), self.rows ** 2
        return [data[i:i + size] for i in range(0, len(data), size)]

    def singular(self, a):
        """By rotations of pairs of columns until all are at right angles."""
        n = self.rows
        columns = [a[j::n] for j in range(n)]
        for _ in range(60):
            worst = 0.0
            for i in range(n):
                for j in range(i):
                    worst = max(worst, turn(columns, j, i))
            if worst < 1e-15:
                break
        return sorted((math.sqrt(dot(c, c)) for c in columns), reverse=True)


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def turn(columns, p, q):
    """Rotates two columns; how far from a right angle they were."""
    x, y = columns[p], columns[q]
    a, b, c = dot(x, x), dot(y, y), dot(x, y)
    if c == 0:
        return 0.0
    zeta = (b - a) / (2 * c)
    t = math.copysign(1.0, zeta) / (abs(zeta) + math.hypot(1.0, zeta))
    cs = 1 / math.hypot(1.0, t)
    sn = cs * t
    columns[p] = [cs * u - sn * v for u, v in zip(x, y)]
    columns[q] = [sn * u + cs * v for u, v in zip(x, y)]
    return abs(c) / math.sqrt(a * b)
