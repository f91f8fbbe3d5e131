"""tests/golden/make_shared.py HOLDFAST: makes tests/golden/vault-shared, a vault with a write-only key.

Only for a new version of the format, under a new name: a golden vault that was released must open for ever and is never
made again. Points of the vault's own key and of a write-only one, before and after a rotation; one that is gone and pruned,
so that there is an epoch of deletions; a proof.
"""

import json
import pathlib
import random
import sys
import tempfile

from making import HERE, Making, hashes


def main():
    dice = random.Random(15)
    key = HERE / "vault-shared.write-only"
    key.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as top:
        made = Making("vault-shared", sys.argv[1], pathlib.Path(top))
        made.holdfast("key", "add", "--new-key-file", key, "--write-only", "--label", "golden")
        for name in "abc":
            (made.source / name).write_bytes(dice.randbytes(8000))
        expected = []
        for number in range(5):
            if number == 3:
                made.holdfast("key", "rotate")
            (made.source / "abc"[number % 3]).write_bytes(dice.randbytes(8000 + number))
            writer = number % 2 == 1
            answer = json.loads(made.holdfast("backup", "--host", "golden", "--json", made.source, *(("--key-file", key) if writer else ())))
            expected.append({"point": answer["point"], "writer": writer, "files": hashes(made.source)})
        made.holdfast("forget", expected.pop(0)["point"], "--grace", "0")
        made.holdfast("prune")
        made.holdfast("verify", "--full")
        made.keep(expected)


main()
