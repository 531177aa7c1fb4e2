"""Whether a MIDI file and an image hold nine steps of two notes.

formats.py FILE.mid FILE.png: at step i the keys 39 + i % 4 and 51 of 88 sound.
"""
import struct
import sys
import zlib


def midi(data):
    head, size, kind, tracks, ticks = struct.unpack(">4sIHHH", data[:14])
    assert (head, size, kind, tracks) == (b"MThd", 6, 0, 1)
    name, size = struct.unpack(">4sI", data[14:22])
    assert name == b"MTrk" and len(data) == 22 + size
    i, now, on, notes, end = 22, 0, {}, [], False
    while i < len(data):
        wait = 0
        while True:
            wait = wait << 7 | data[i] & 127
            i += 1
            if not data[i - 1] & 128:
                break
        now += wait
        if data[i] == 0xFF:
            end = data[i + 1] == 0x2F
            if data[i + 1] == 0x51:
                assert int.from_bytes(data[i + 3:i + 6], "big") == 1000000
            i += 3 + data[i + 2]
            continue
        note = data[i + 1] - 21
        if data[i] == 0x90:
            on[note] = now
        else:
            notes.append((note, on.pop(note) // ticks, now // ticks))
        i += 3
    assert end and not on
    return sorted(notes)


def image(data):
    i, body = 8, b""
    while i < len(data):
        size, name = struct.unpack(">I4s", data[i:i + 8])
        part = data[i + 8:i + 8 + size]
        check = struct.unpack(">I", data[i + 8 + size:i + 12 + size])[0]
        assert check == zlib.crc32(name + part)
        if name == b"IHDR":
            width, height = struct.unpack(">II", part[:8])
        if name == b"IDAT":
            body += part
        i += 12 + size
    body = zlib.decompress(body)
    return [body[y * (width + 1) + 1:(y + 1) * (width + 1)]
            for y in range(height)]


want = sorted([(51, 0, 9)] + [(39 + i % 4, i, i + 1) for i in range(9)])
assert midi(open(sys.argv[1], "rb").read()) == want
for y, line in enumerate(image(open(sys.argv[2], "rb").read())):
    assert [x for x in range(88) if line[x] == 255] == [39 + y % 4, 51]
assert y == 8
