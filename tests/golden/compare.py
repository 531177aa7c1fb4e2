"""Arrays at a case's tolerance: |got - want| <= atol + rtol * |want|."""


def difference(got, want, rtol, atol):
    """None when equal within the tolerance, else a sentence."""
    if got.shape != want.shape:
        return f"shape {list(got.shape)}, expected {list(want.shape)}"
    worst, at = 1.0, None
    for i, (g, w) in enumerate(zip(got.data, want.data)):
        ratio = abs(g - w) / (atol + rtol * abs(w))
        if not ratio <= worst:
            worst, at = ratio, i
            if ratio != ratio:
                break
    if at is None:
        return None
    index = ",".join(str(i) for i in want.where(at))
    return (f"[{index}] is {got.data[at]!r}, expected {want.data[at]!r}: "
            f"{worst:.3g} times the tolerance")
