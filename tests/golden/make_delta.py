"""tests/golden/make_delta.py HOLDFAST: makes tests/golden/vault-delta, whose segments are deltas on deltas.

Only for a new version of the format, under a new name: a golden vault that was released must open for ever and is never
made again. Six points: a file that is changed each time, small files beside it, a rename, and a file that shrinks.
"""

import json
import pathlib
import random
import sys
import tempfile

from making import Making, hashes


def change(dice, source, number):
    large = bytearray((source / "large").read_bytes())
    at = dice.randrange(len(large) - 3000)
    large[at : at + 20] = dice.randbytes(25)
    del large[at + 2000 : at + 2010]
    (source / "large").write_bytes(large)
    for i in range(4):
        path = source / f"notes {i}"
        path.write_bytes(path.read_bytes() + b"line %d of %d\n" % (number, i))
    old = source / f"report-{number - 1}"
    (source / f"report-{number}").write_bytes(old.read_bytes().replace(b"0", b"1", 1))
    old.unlink()


def main():
    dice = random.Random(11)
    with tempfile.TemporaryDirectory() as top:
        made = Making("vault-delta", sys.argv[1], pathlib.Path(top))
        source = made.source
        (source / "large").write_bytes(dice.randbytes(100_000))
        for i in range(4):
            (source / f"notes {i}").write_bytes(dice.randbytes(1500))
        (source / "report-0").write_bytes(dice.randbytes(5000))
        expected, depth = [], 0
        for number in range(6):
            if number > 0:
                change(dice, source, number)
            answer = json.loads(made.holdfast("backup", "--host", "golden", "--kind", "full", "--json", source))
            depth = max(depth, answer["delta_depth"])
            expected.append({"point": answer["point"], "files": hashes(source)})
        assert depth > 2, depth
        made.keep(expected)


main()
