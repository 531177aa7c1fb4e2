"""Arrays and .npy files, without numpy.

An Array is a shape, an element type ("<f8", "<f4" or "<i8") and a flat list
of numbers in C order.  Golden cases are small, so plain lists are enough.
"""

import array
import ast
import math
import struct

CODES = {"<f8": "d", "<f4": "f", "<i8": "q", "<i4": "i"}
MAGIC = b"\x93NUMPY"


class NpyError(Exception):
    """A file that is not an .npy array of a type known here."""


class Array:
    """shape: tuple; kind: dtype string; data: flat list in C order."""

    def __init__(self, shape, data, kind="<f8"):
        self.shape = tuple(shape)
        self.data = list(data)
        self.kind = kind
        if len(self.data) != math.prod(self.shape):
            raise NpyError(
                f"{len(self.data)} numbers do not fill {list(self.shape)}")

    def reshape(self, shape):
        return Array(shape, self.data, self.kind)

    def cut(self, offset, shape):
        """The contiguous block of the given shape at an element offset."""
        count = math.prod(shape)
        if offset + count > len(self.data):
            raise NpyError(f"block {offset}+{count} lies beyond the array "
                           f"of {len(self.data)} elements")
        return Array(shape, self.data[offset:offset + count], self.kind)

    def take(self, axis, i):
        """The array at one index of an axis."""
        return self.along(axis)[i]

    def along(self, axis):
        """The arrays at every index of an axis."""
        inner = math.prod(self.shape[axis + 1:])
        n, step = self.shape[axis], math.prod(self.shape[axis:])
        return [Array(self.shape[:axis] + self.shape[axis + 1:],
                      [v for at in range(0, len(self.data), step)
                       for v in self.data[at + i * inner:
                                          at + (i + 1) * inner]], self.kind)
                for i in range(n)]

    def reorder(self, axes):
        """Axis k of the result is axis axes[k] of this."""
        parts = [self]
        for k, axis in enumerate(axes):
            gone = sum(a < axis for a in axes[:k])
            parts = [q for p in parts for q in p.along(axis - gone)]
        rest = parts[0].shape
        return Array(tuple(self.shape[a] for a in axes) + rest,
                     [v for p in parts for v in p.data], self.kind)

    def flip(self, axis):
        return stack(self.along(axis)[::-1], axis)

    def where(self, flat):
        """The index tuple of a flat position."""
        index = []
        for size in reversed(self.shape):
            index.append(flat % size)
            flat //= size
        return tuple(reversed(index))


def stack(arrays, axis):
    """Arrays of one shape along a new axis."""
    shape = arrays[0].shape
    inner = math.prod(shape[axis:])
    data = [v for at in range(0, len(arrays[0].data), inner)
            for a in arrays for v in a.data[at:at + inner]]
    return Array(shape[:axis] + (len(arrays),) + shape[axis:], data,
                 arrays[0].kind)


def zeros(shape, kind="<f8"):
    return Array(shape, [0] * math.prod(shape), kind)


def read(path):
    with open(path, "rb") as f:
        raw = f.read()
    if raw[:6] != MAGIC:
        raise NpyError(f"{path}: not an .npy file")
    if raw[6] == 1:
        size, start = struct.unpack("<H", raw[8:10])[0], 10
    else:
        size, start = struct.unpack("<I", raw[8:12])[0], 12
    try:
        head = ast.literal_eval(raw[start:start + size].decode("latin-1"))
        kind, shape = head["descr"], head["shape"]
        fortran = head["fortran_order"]
    except (ValueError, SyntaxError, KeyError) as e:
        raise NpyError(f"{path}: unreadable header") from e
    if kind not in CODES or fortran:
        raise NpyError(f"{path}: type {kind}, "
                       f"{'Fortran' if fortran else 'C'} order")
    data = array.array(CODES[kind])
    try:
        data.frombytes(raw[start + size:])
        return Array(shape, data, kind)
    except (ValueError, NpyError) as e:
        raise NpyError(f"{path}: {e}") from e


def write(path, a):
    shape = "(" + "".join(f"{n}, " for n in a.shape) + ")"
    head = (f"{{'descr': '{a.kind}', 'fortran_order': False, "
            f"'shape': {shape}, }}")
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(MAGIC + b"\x01\x00" + struct.pack("<H", len(head)))
        f.write(head.encode("latin-1"))
        f.write(array.array(CODES[a.kind], a.data).tobytes())
