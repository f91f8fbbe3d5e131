"""Brings a lost pack back from a stripe, by docs/format/stripe.md and parity.md alone.

    stripe_reader.py VAULT PLACE PACK > file

VAULT is the vault's directory, PLACE where its stripes lie (the vault itself, or another directory), PACK the 64 digits
of the pack. Nothing but Python's own library. Slow and simple: the whole of a stripe is held in memory.
"""

import hashlib
import pathlib
import struct
import sys

BLOCK = 65536


def sha256(data):
    return hashlib.sha256(data).digest()


# GF(2^8) with the polynomial 0x11D.
EXP, LOG = [0] * 512, [0] * 256
_x = 1
for _i in range(255):
    EXP[_i] = EXP[_i + 255] = _x
    LOG[_x] = _i
    _x = _x << 1 ^ (0x11D if _x & 0x80 else 0)


def product(a, b):
    return 0 if a == 0 or b == 0 else EXP[LOG[a] + LOG[b]]


def inverse(a):
    return EXP[255 - LOG[a]]


def coefficient(row, column):
    return inverse((255 - row) ^ column)


def times(factor, block):
    return block.translate(bytes(product(factor, i) for i in range(256)))


def plus(a, b):
    size = max(len(a), len(b))
    return (int.from_bytes(a.ljust(size, b"\0"), "little") ^ int.from_bytes(b.ljust(size, b"\0"), "little")).to_bytes(size, "little")


def content_name(data):  # pack.md
    blocks = b"".join(sha256(data[i : i + BLOCK]) for i in range(0, len(data), BLOCK))
    return sha256(b"holdfast object" + struct.pack("<Q", len(data)) + sha256(blocks))


class Head:
    def __init__(self, data):
        assert data[:8] == b"HFSTRIPE", "not a stripe"
        version, code, self.rows, count = struct.unpack_from("<HBBB", data, 8)
        assert (version, code) == (1, 1), "a newer stripe"
        self.bytes = 34 + 40 * count
        data = data[: self.bytes]
        assert sha256(data[:-4])[:4] == data[-4:], "a damaged head"
        self.members = [(data[29 + 40 * i : 61 + 40 * i], struct.unpack_from("<Q", data, 61 + 40 * i)[0]) for i in range(count)]
        self.row = data[-5]
        self.stripe = sha256(data[:-5])


def records(data, head):
    """By block: digests and parity, or None where the record is damaged."""
    at, out = head.bytes, []
    for block in range(-(-head.members[0][1] // BLOCK)):
        here = sum(size > block * BLOCK for _, size in head.members)
        parity = min(BLOCK, head.members[0][1] - block * BLOCK)
        end = at + 32 * here + parity
        content = data[at:end]
        sound = data[end : end + 32] == sha256(head.stripe + bytes([head.row]) + struct.pack("<Q", block) + content)
        out.append(([content[32 * i : 32 * i + 32] for i in range(here)], content[32 * here :]) if sound else None)
        at = end + 32
    return out


def solve(rows, columns, sums):
    """The blocks of these columns, from as many rows: Gauss's elimination."""
    matrix = [[coefficient(r, c) for c in columns] for r in rows]
    for i in range(len(columns)):
        pivot = next(r for r in range(i, len(rows)) if matrix[r][i])
        matrix[i], matrix[pivot] = matrix[pivot], matrix[i]
        sums[i], sums[pivot] = sums[pivot], sums[i]
        factor = inverse(matrix[i][i])
        matrix[i], sums[i] = [product(factor, v) for v in matrix[i]], times(factor, sums[i])
        for r in range(len(rows)):
            if r != i and matrix[r][i]:
                factor = matrix[r][i]
                matrix[r] = [a ^ product(factor, b) for a, b in zip(matrix[r], matrix[i])]
                sums[r] = plus(sums[r], times(factor, sums[i]))
    return sums


def heal(packs, stripes, wanted):
    """`packs`: what is there, by name; `stripes`: parity packs as they are stored."""
    found = [(Head(s), s) for s in stripes]
    mine = [(h, s) for h, s in found if any(name == wanted for name, _ in h.members)]
    assert mine, "no stripe holds this pack"
    for stripe in {h.stripe for h, _ in mine}:
        rows = {h.row: records(s, h) for h, s in mine if h.stripe == stripe}
        head = next(h for h, _ in mine if h.stripe == stripe)
        column = [name for name, _ in head.members].index(wanted)
        out = b""
        for block in range(-(-head.members[column][1] // BLOCK)):
            good = {row: r[block] for row, r in rows.items() if r[block]}
            digests = next(iter(good.values()))[0]
            sums, bad = [r[1] for r in good.values()], []
            for i, digest in enumerate(digests):
                data = packs.get(head.members[i][0], b"")[block * BLOCK : (block + 1) * BLOCK]
                if not data or sha256(data) != digest:
                    bad.append(i)
                    continue
                sums = [plus(s, times(coefficient(row, i), data)) for row, s in zip(good, sums)]
            if column in bad:
                assert len(bad) <= len(good), "more is lost than the stripe can mend"
                data = solve(list(good)[: len(bad)], bad, sums[: len(bad)])[bad.index(column)]
            else:
                data = packs[wanted][block * BLOCK : (block + 1) * BLOCK]
            out += data[: head.members[column][1] - block * BLOCK]
        if content_name(out) == wanted:
            return out
    raise AssertionError("what the stripe gives is not this pack")


def load(vault, place):
    packs = {bytes.fromhex(p.name): p.read_bytes() for p in pathlib.Path(vault).glob("packs/*/*")}
    return packs, [p.read_bytes() for p in sorted(pathlib.Path(place).glob("parity/*")) if len(p.name) == 66]


if __name__ == "__main__":
    sys.stdout.buffer.write(heal(*load(sys.argv[1], sys.argv[2]), bytes.fromhex(sys.argv[3])))
