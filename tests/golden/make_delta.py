"""tests/golden/make_delta.py HOLDFAST: makes tests/golden/vault-delta, whose segments are deltas on deltas.

Only for a new version of the format, under a new name: a golden vault that was released must open for ever and is never
made again. Six points: a file that is changed each time, small files beside it, a rename, and a file that shrinks.
"""

import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
NAME = "vault-delta"


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
    program = os.path.abspath(sys.argv[1])
    dice = random.Random(11)
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top)
        (top / "home").mkdir()
        source = top / "source"
        source.mkdir()
        (source / "large").write_bytes(dice.randbytes(100_000))
        for i in range(4):
            (source / f"notes {i}").write_bytes(dice.randbytes(1500))
        (source / "report-0").write_bytes(dice.randbytes(5000))
        (HERE / f"{NAME}.passphrase").write_text("a golden pass phrase for all to read\n")
        (HERE / f"{NAME}.passphrase").chmod(0o600)
        env = {"PATH": os.environ["PATH"], "HOME": str(top / "home"), "HOLDFAST_VAULT": str(top / "vault"), "HOLDFAST_PASSPHRASE_FILE": str(HERE / f"{NAME}.passphrase")}

        def holdfast(*arguments):
            return subprocess.run([program, *map(str, arguments)], env=env, check=True, capture_output=True).stdout

        holdfast("init", "--no-recovery-key")
        expected, depth = [], 0
        for number in range(6):
            if number > 0:
                change(dice, source, number)
            answer = json.loads(holdfast("backup", "--host", "golden", "--kind", "full", "--json", source))
            depth = max(depth, answer["delta_depth"])
            expected.append({"point": answer["point"], "files": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(source.iterdir())}})
        assert depth > 2, depth
        shutil.rmtree(HERE / NAME, ignore_errors=True)
        shutil.copytree(top / "vault", HERE / NAME)
    (HERE / f"{NAME}.expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for path in sorted((HERE / NAME).rglob("*"), reverse=True):
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


main()
