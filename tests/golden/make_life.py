"""tests/golden/make_life.py HOLDFAST: makes tests/golden/vault-life, a vault that has lived.

Only for a new version of the format, under a new name: a golden vault that was released must open for ever and is never
made again. Five points: a full one; the root key rotated; an incremental and a differential one under the new key; an
independent one, and an incremental one after it. A verify that lists the points it proved, a hold, a forgotten point, and
stripes of packs in the vault itself.
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
NAME = "vault-life"
KINDS = ("full", "incremental", "differential", "independent", "incremental")


def main():
    program = os.path.abspath(sys.argv[1])
    dice = random.Random(14)
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top)
        (top / "home").mkdir()
        source = top / "source"
        source.mkdir()
        for name in "abc":
            (source / name).write_bytes(dice.randbytes(8000))
        (HERE / f"{NAME}.passphrase").write_text("a golden pass phrase for all to read\n")
        (HERE / f"{NAME}.passphrase").chmod(0o600)
        env = {"PATH": os.environ["PATH"], "HOME": str(top / "home"), "HOLDFAST_VAULT": str(top / "vault"), "HOLDFAST_PASSPHRASE_FILE": str(HERE / f"{NAME}.passphrase")}

        def holdfast(*arguments):
            return subprocess.run([program, *map(str, arguments)], env=env, check=True, capture_output=True).stdout

        holdfast("init", "--no-recovery-key")
        expected = []
        for number, kind in enumerate(KINDS):
            if number == 1:
                holdfast("key", "rotate")
            (source / "abc"[number % 3]).write_bytes(dice.randbytes(8000 + number))
            kinds = ("--independent",) if kind == "independent" else ("--kind", kind)
            answer = json.loads(holdfast("backup", "--host", "golden", *kinds, "--json", source))
            expected.append({"point": answer["point"], "kind": answer["kind"], "independent": answer["independent"],
                             "files": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(source.iterdir())}})
        holdfast("parity", "stripe", "--data", "3", "--parity", "1")
        holdfast("verify", "--full")
        holdfast("hold", "add", expected[0]["point"], "--reason", "golden")
        holdfast("forget", expected[2]["point"], "--grace", "30y", "--reason", "golden")
        shutil.rmtree(HERE / NAME, ignore_errors=True)
        shutil.copytree(top / "vault", HERE / NAME)
    (HERE / f"{NAME}.expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for path in sorted((HERE / NAME).rglob("*"), reverse=True):
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


main()
