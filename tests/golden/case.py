"""A golden case: its case.json, its tensors, and the questions asked of it."""

import json
import os
import re

import npyio

# What a tensor of these roles holds must come out of the product.
WANTED = ("output", "final_state", "gradient", "expected",
          "clipped_gradient", "gradient_of_full_bptt")

# Families of case.json that the harness knows how to say in the language.
FAMILIES = ("rnn", "step", "cell", "model", "clip", "optimizer",
            "truncated_bptt", "onnx", "loss", "layer", "gradient_flow")

LAYER = re.compile(r"^(.+)_l(\d+)(r?)$")


class Skip(Exception):
    """The case is not in force yet; the text says why."""


class CaseError(Exception):
    """The case cannot be expressed or compared; the text says why."""


class Tensor:
    def __init__(self, entry):
        self.name = entry["name"]
        self.file = entry["file"]
        self.axes = entry["axes"]
        self.shape = tuple(entry["shape"])
        self.role = entry["role"]
        self.of = entry.get("of")
        self.index = entry["dtype"] == "<i8"

    def extents(self):
        """The shape in our language: an axis named 1 is no axis."""
        return tuple(n for n, axis in zip(self.shape, self.axes)
                     if axis != "1")


class Param:
    """A single weight: a block of a case's tensor."""

    def __init__(self, entry, tensor):
        self.name = entry["name"]
        self.tensor = tensor
        self.offset = entry["offset"]
        self.size = tuple(entry["shape"])
        axes = tensor.axes[len(tensor.axes) - len(self.size):]
        self.shape = tuple(n for n, axis in zip(self.size, axes)
                           if axis != "1")
        m = LAYER.match(self.name)
        self.base = m.group(1) if m else self.name
        self.place = (int(m.group(2)), m.group(3) == "r") if m else None
        self.column = len(self.size) == 2 and axes[1] == "1"

    @classmethod
    def whole(cls, tensor):
        """A fixed array goes in like a weight."""
        return cls({"name": tensor.name, "offset": 0,
                    "shape": tensor.shape}, tensor)


class Case:
    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "case.json"), encoding="utf-8") as f:
            self.json = json.load(f)
        self.name = os.path.basename(os.path.normpath(folder))
        self.family = self.json["family"]
        self.cell = self.json["cell"]
        self.sizes = self.json["sizes"]
        self.options = self.json.get("options", {})
        self.equations = self.json.get("equations", [])
        self.tensors = {t["name"]: Tensor(t) for t in self.json["tensors"]}
        self.params = [Param(p, self.tensors[p["tensor"]])
                       for p in self.json.get("params", [])]
        known = {p.tensor for p in self.params}
        self.params += [Param.whole(t) for t in self.tensors.values()
                        if t.role == "constant" and t not in known]
        self.rtol = self.json["tolerance"]["rtol"]
        self.atol = self.json["tolerance"]["atol"]

    def require_force(self):
        """Skip unless the family is one the language is in force for."""
        if self.family not in FAMILIES:
            raise Skip(f"family {self.family} is not in force yet")

    def role(self, *roles):
        return [t for t in self.tensors.values() if t.role in roles]

    def path(self, tensor):
        return os.path.join(self.folder, tensor.file)

    def read(self, tensor):
        a = npyio.read(self.path(tensor))
        if a.shape != tensor.shape:
            raise CaseError(f"{tensor.file} has shape {list(a.shape)}, "
                            f"case.json says {list(tensor.shape)}")
        return a

    def lengths(self):
        """Of the sequences that are read, not of their labels."""
        found = [t for t in self.role("lengths")
                 if not t.name.startswith("target")]
        return found[0] if found else None

    def batch_first(self):
        """Whether sequences are stored [B,T,...]."""
        return any(t.axes[:2] == ["B", "T"] for t in self.role("input"))

    def places(self):
        """(layer, backward) of every instance of the cell, in order."""
        found = {p.place for p in self.params if p.place}
        return sorted(found) or [(0, False)]

    def upstream(self):
        """Tensor name -> tensor of the gradient fed into it."""
        return {t.of or t.name[2:]: t for t in self.role("upstream")}
