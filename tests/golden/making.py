"""What the scripts that make golden vaults share."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def hashes(directory):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(pathlib.Path(directory).iterdir())}


class Making:
    """A vault in the making, below `top`; `name` is what it is to be called beside this file."""

    def __init__(self, name, program, top):
        self.name, self.program, self.vault, self.source = name, os.path.abspath(program), top / "vault", top / "source"
        (top / "home").mkdir()
        self.source.mkdir()
        passphrase = HERE / f"{name}.passphrase"
        passphrase.write_text("a golden pass phrase for all to read\n")
        passphrase.chmod(0o600)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(top / "home"), "HOLDFAST_VAULT": str(self.vault), "HOLDFAST_PASSPHRASE_FILE": str(passphrase)}
        self.holdfast("init", "--no-recovery-key")

    def holdfast(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], env=self.env, check=True, capture_output=True).stdout

    def keep(self, expected):
        """The vault, and what must come back from it, beside this file."""
        kept = HERE / self.name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.vault, kept)
        (HERE / f"{self.name}.expected.json").write_text(json.dumps(expected, indent=1) + "\n")
        for path in sorted(kept.rglob("*"), reverse=True):
            path.chmod(0o755 if path.is_dir() else 0o644)
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
