"""Golden vaults open for ever: the program and the independent reader bring back exactly what went in.

vault-v1 was made once by make.sh; vault-v1.expected.json says what must come back from its two points. The program is
$HOLDFAST, as CTest gives it, else build/release/holdfast. Run with /usr/bin/python3, which has the reader's libraries.
As root everything is compared; another user can make neither devices nor owners.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM = os.path.abspath(os.environ.get("HOLDFAST") or ROOT / "build/release/holdfast")
READER = ROOT / "tests/reader/holdfast_reader.py"
IS_ROOT = os.geteuid() == 0
sys.path.insert(0, str(HERE))
import make_tree  # noqa: E402
from making import hashes  # noqa: E402

DEVICES = (2, 6)


def expected(number):
    facts = json.loads((HERE / "vault-v1.expected.json").read_text())[number - 1]
    alike = facts.pop("many/0000 ... many/2499")
    for i in range(2500):
        facts[(b"many/%04d" % i).hex()] = alike
    return facts


def comparable(facts, flags):
    """Without what this user or this file system cannot make."""
    out = {}
    for key, fact in facts.items():
        fact = dict(fact)
        if not IS_ROOT:
            if fact["type"] in DEVICES:
                continue
            del fact["uid"], fact["gid"]
            fact["xattrs"] = {k: v for k, v in fact["xattrs"].items() if k.startswith("user.")}
            fact["mode"] &= 0o1777  # set-id bits of another owner's group may be refused
        if not flags:
            fact.pop("flags", None)
        out[key] = fact
    return out


class Opened(unittest.TestCase):
    """A copy of a golden vault, and the two programs that read it."""

    maxDiff = 4000
    name = "vault-v1"

    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-golden-"))
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)
        self.vault = self.top / "vault"
        shutil.copytree(HERE / self.name, self.vault)
        for name in ("passphrase", "recovery-sheet", "write-only"):
            if not (HERE / f"{self.name}.{name}").exists():
                continue
            shutil.copy(HERE / f"{self.name}.{name}", self.top / name)
            (self.top / name).chmod(0o600)
        (self.top / "home").mkdir()

    def holdfast(self, *arguments, secret=("--passphrase-file", "passphrase")):
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.top / "home"), "TZ": "UTC"}
        done = subprocess.run([PROGRAM, *arguments[0].split(), "--vault", str(self.vault), secret[0], str(self.top / secret[1]), *map(str, arguments[1:])],
                              env=env, cwd=self.top, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def read(self, *arguments):
        done = subprocess.run([sys.executable, str(READER), str(self.vault), "--passphrase-file", str(self.top / "passphrase"), *map(str, arguments)],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        self.assertIn(done.returncode, (0,) if IS_ROOT else (0, 3), done.stderr.decode())
        return done.stdout.decode()


class Golden(Opened):
    def same(self, directory, number, flags):
        wanted, found = comparable(expected(number), flags), comparable(make_tree.facts(directory), flags)
        self.assertEqual(sorted(wanted), sorted(found))
        for key in wanted:
            self.assertEqual(wanted[key], found[key], key if "/" in key else bytes.fromhex(key))

    def test_the_reader_restores_both_points(self):
        ids = [line.split("\t")[0] for line in self.read("points").splitlines()]
        self.assertEqual(len(ids), 2)
        for number, point in enumerate(ids, 1):
            self.read("restore", point, self.top / f"out {number}")
            self.same(self.top / f"out {number}", number, flags=False)
        self.assertEqual(self.read("check"), "")

    def test_it_holds_every_shape_of_node(self):
        """Several leaves below an inner node, a list of chunks, holes: what the tests above would not notice to be gone."""
        sys.path.insert(0, str(READER.parent))
        import holdfast_reader as reader
        vault = reader.Vault(str(self.vault), "passphrase", (self.top / "passphrase").read_bytes().splitlines()[0])
        self.addCleanup(vault.close)
        entries = {e.name: e for e in vault.list(vault.points()[0].root)}
        self.assertEqual(vault.chunk(entries[b"many"].node)[0], 2)
        self.assertEqual(entries[b"zeros"].level, 1)
        self.assertEqual(len(entries[b"sparse"].holes), 2)
        self.assertEqual({e.type for e in entries.values()}, {1, 2, 3, 4, 5, 6, 7})

    def test_the_program_lists_and_verifies_it(self):
        points = json.loads(self.holdfast("points", "--json"))
        self.assertEqual([p["complete"] for p in points], [True, True])
        names = self.holdfast("ls", "latest")
        self.assertIn("hard link", names)
        self.holdfast("verify", "--full")

    def test_the_program_restores_both_points(self):
        points = sorted(json.loads(self.holdfast("points", "--json")), key=lambda p: p["time"])
        for number, point in enumerate(points, 1):
            self.holdfast("restore", point["id"], "--to", self.top / f"out {number}")
            self.same(self.top / f"out {number}", number, flags=IS_ROOT)

    def test_the_recovery_sheet_opens_it(self):
        done = subprocess.run([sys.executable, str(READER), str(self.vault), "--recovery-key", str(self.top / "recovery-sheet"), "points"], capture_output=True)
        self.assertEqual(len(done.stdout.splitlines()), 2, done.stderr.decode())
        self.assertEqual(len(json.loads(self.holdfast("points", "--json", secret=("--key-file", "recovery-sheet")))), 2)


class GoldenDelta(Opened):
    """vault-delta: segments that are deltas on deltas, made once by make_delta.py."""

    name = "vault-delta"
    runs = [(c["point"], c["files"]) for c in json.loads((HERE / "vault-delta.expected.json").read_text())]

    def test_every_point_comes_back_by_the_program_and_by_the_reader(self):
        for number, (point, files) in enumerate(self.runs):
            self.holdfast("restore", point, "--to", self.top / f"ours {number}")
            self.assertEqual(hashes(self.top / f"ours {number}"), files)
            self.read("restore", point, self.top / f"reader {number}")
            self.assertEqual(hashes(self.top / f"reader {number}"), files)

    def test_it_is_made_of_deltas_and_whole(self):
        delta = json.loads(self.holdfast("stats", "--json"))["delta"]
        self.assertGreater(delta["depth_max"], 2)
        self.holdfast("verify", "--full")
        self.read("check")


class GoldenLife(Opened):
    """vault-life: every kind of point, rotated keys, proofs, a hold, a tombstone and stripes, made once by make_life.py."""

    name = "vault-life"
    expected = json.loads((HERE / "vault-life.expected.json").read_text())

    def test_every_point_comes_back_by_the_program_and_by_the_reader(self):
        forgotten = [p["id"] for p in json.loads(self.holdfast("points", "--forgotten", "--json"))]
        self.assertEqual(forgotten, [self.expected[2]["point"]])
        self.holdfast("undelete", forgotten[0])
        listed = {p["id"]: p for p in json.loads(self.holdfast("points", "--json"))}
        for number, wanted in enumerate(self.expected):
            point = listed[wanted["point"]]
            self.assertEqual((point["kind"], point["independent"]), (wanted["kind"], wanted["independent"]))
            self.holdfast("restore", wanted["point"], "--to", self.top / f"ours {number}")
            self.assertEqual(hashes(self.top / f"ours {number}"), wanted["files"])
            self.read("restore", wanted["point"], self.top / f"reader {number}")
            self.assertEqual(hashes(self.top / f"reader {number}"), wanted["files"])

    def test_a_lost_pack_comes_back_from_its_stripe(self):
        packs = sorted((self.vault / "packs").rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
        lost = packs[-1]
        before = lost.read_bytes()
        lost.unlink()
        self.holdfast("verify", "--full", "--heal")
        self.assertEqual(lost.read_bytes(), before)

    def test_it_is_whole_its_hold_holds_and_a_prune_leaves_it_so(self):
        self.holdfast("verify", "--full")
        self.read("check")
        self.assertEqual([h["points"] for h in json.loads(self.holdfast("hold list", "--json"))], [[self.expected[0]["point"]]])
        self.holdfast("prune")
        self.holdfast("verify", "--full")


class GoldenShared(Opened):
    """vault-shared: points of the vault's own key and of a write-only one, made once by make_shared.py."""

    name = "vault-shared"
    expected = json.loads((HERE / "vault-shared.expected.json").read_text())
    writer = ("--key-file", "write-only")

    def test_every_point_comes_back_by_the_program_and_by_the_reader(self):
        listed = {p["id"]: p for p in json.loads(self.holdfast("points", "--json"))}
        self.assertEqual(len(listed), len(self.expected))
        for number, wanted in enumerate(self.expected):
            self.assertEqual("writer" in listed[wanted["point"]], wanted["writer"])
            self.holdfast("restore", wanted["point"], "--to", self.top / f"ours {number}")
            self.assertEqual(hashes(self.top / f"ours {number}"), wanted["files"])
            self.read("restore", wanted["point"], self.top / f"reader {number}")
            self.assertEqual(hashes(self.top / f"reader {number}"), wanted["files"])

    def test_the_write_only_key_opens_its_own(self):
        own = [w for w in self.expected if w["writer"]]
        self.assertEqual([p["id"] for p in json.loads(self.holdfast("points", "--json", secret=self.writer))], [w["point"] for w in own])
        for number, wanted in enumerate(own):
            self.holdfast("restore", wanted["point"], "--to", self.top / f"own {number}", secret=self.writer)
            self.assertEqual(hashes(self.top / f"own {number}"), wanted["files"])

    def test_it_goes_on(self):
        source = self.top / "ours"
        self.holdfast("restore", self.expected[0]["point"], "--to", source)
        for secret in (self.writer, ("--passphrase-file", "passphrase")):
            self.holdfast("backup", source, secret=secret)
        self.holdfast("verify", "--full")
        self.holdfast("prune")
        self.holdfast("verify", "--full")
        self.read("check")


if __name__ == "__main__":
    unittest.main()
