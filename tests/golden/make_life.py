"""tests/golden/make_life.py HOLDFAST: makes tests/golden/vault-life, a vault that has lived.

Only for a new version of the format, under a new name: a golden vault that was released must open for ever and is never
made again. Five points: a full one; the root key rotated; an incremental and a differential one under the new key; an
independent one, and an incremental one after it. A verify that lists the points it proved, a hold, a forgotten point, and
stripes of packs in the vault itself.
"""

import json
import pathlib
import random
import sys
import tempfile

from making import Making, hashes

KINDS = ("full", "incremental", "differential", "independent", "incremental")


def main():
    dice = random.Random(14)
    with tempfile.TemporaryDirectory() as top:
        made = Making("vault-life", sys.argv[1], pathlib.Path(top))
        for name in "abc":
            (made.source / name).write_bytes(dice.randbytes(8000))
        expected = []
        for number, kind in enumerate(KINDS):
            if number == 1:
                made.holdfast("key", "rotate")
            (made.source / "abc"[number % 3]).write_bytes(dice.randbytes(8000 + number))
            kinds = ("--independent",) if kind == "independent" else ("--kind", kind)
            answer = json.loads(made.holdfast("backup", "--host", "golden", *kinds, "--json", made.source))
            expected.append({"point": answer["point"], "kind": answer["kind"], "independent": answer["independent"], "files": hashes(made.source)})
        made.holdfast("parity", "stripe", "--data", "3", "--parity", "1")
        made.holdfast("verify", "--full")
        made.holdfast("hold", "add", expected[0]["point"], "--reason", "golden")
        made.holdfast("forget", expected[2]["point"], "--grace", "30y", "--reason", "golden")
        made.keep(expected)


main()
