"""The independent reader restores what the program backed up, and says what is wrong with damaged vaults.

The program is $HOLDFAST, as CTest gives it, else build/release/holdfast. Run with /usr/bin/python3, which has the
reader's three libraries.
"""

import json
import os
import pathlib
import random
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM = os.path.abspath(os.environ.get("HOLDFAST") or ROOT / "build/release/holdfast")
sys.path.insert(0, str(HERE))
import holdfast_reader as reader  # noqa: E402

IS_ROOT = os.geteuid() == 0
SECRET = "correct horse battery staple"


def cuts(key, size_min, size_avg, size_max, data):
    """The rule of chunking.md, as slow as can be."""
    import hashlib
    import hmac
    gear = [int.from_bytes(hmac.new(key, b"gear" + bytes([i]), hashlib.sha256).digest()[:8], "little") for i in range(256)]
    bits, out, start = size_avg.bit_length() - 1, [], 0

    def length(stream):
        end = min(len(stream), size_max)
        middle = max(size_min, min(size_avg, end))
        h = 0
        for p in range(max(0, size_min - 64), end):
            h = ((h << 1) + gear[stream[p]]) % 2**64
            if p >= size_min and h < 1 << (64 - (bits + 2 if p < middle else bits - 2)):
                return p + 1
        return end

    while start < len(data):
        start += length(data[start : start + size_max])
        out.append(start)
    return out


class Vectors(unittest.TestCase):
    """The worked examples of docs/format/, which the program's own tests pin too."""

    def test_content_names(self):
        self.assertEqual(reader.content_name(b""), "5693235c3cddedb704c158f241c554ee1bdcf494a698501aa6d3f225d45d274f")
        self.assertEqual(reader.content_name(b"holdfast"), "c5c0b49b1c54aa48f3e10831dba85a52fd057e5a5b5852a41d89e6d3f5a89abd")
        self.assertEqual(reader.content_name(bytes(i % 256 for i in range(65537))), "dee75445c98a322197ad359947b11e34c77bfb71d63f0fcf3e6f436e91649c50")

    def test_keys_and_ids(self):
        keys = reader.Keys(bytes(range(0xA0, 0xB0)), {1: bytes(range(32))})
        self.assertEqual(keys.chunk.hex(), "e4bb27ecf50abbff688a1c7b428e8ca69edb45a6961b9187c197f834c15c446c")
        self.assertEqual(keys.cuts.hex(), "1c0507dc15ec9b23f7af221f8b266510952daa8de12bc365c1bf3c1b815c2ec5")
        salt = bytes(range(0x10, 0x28))

        def frame(epoch):
            header = b"\x48\x46\x9e\x01\x03\x01\x01\0" + epoch.to_bytes(4, "little") + b"\0\0\0\0\x10\0\0\0" + salt
            return reader.Frame(header + reader.sha256(header)[:4])

        self.assertEqual(keys.object_key(frame(1)).hex(), "4894cf1331052d46a2a9e7c851b489faaaad204bdc83bfa46c375d524ef7f7ea")
        self.assertEqual(keys.secret(frame(0x80000001)).hex(), "8ef3779d09fd6be6dc31bb49368c3cee282db1b4ebc3dfa7fedbd7528bf45902")
        self.assertEqual(keys.object_key(frame(0x80000001)).hex(), "2bbe598455f7e98d6c79852489ed2b6671856ba511b489459fc85b32e4129819")
        self.assertEqual(keys.chunk_id(b"holdfast").hex(), "f88bda637c89a6b4e891669a1643cde85dc1e44dc384e9bb08566cc8780d2a66")

    def test_frames_of_both_ciphers(self):
        class Keys:
            vault = bytes(range(0xA0, 0xB0))

            def object_key(self, frame):
                return bytes(range(0x40, 0x60))

        for cipher, body in ((1, "325b5c1cf209a1df9d3ca0001a8dcba726ae41b50231ed70"), (2, "ee715ae68230d43aac1dd765af20da48c30f1ec86e168428")):
            header = b"\x48\x46\x9e\x01\x03" + bytes([cipher]) + b"\x01\0\x01\0\0\0\0\0\0\0\x18\0\0\0" + bytes(range(0x10, 0x28))
            header += reader.sha256(header)[:4]
            self.assertEqual(reader.open_small(Keys(), reader.POINT, header + bytes.fromhex(body), "it"), b"holdfast")
            for bit in range(8 * (len(header) + len(body) // 2)):
                data = bytearray(header + bytes.fromhex(body))
                data[bit // 8] ^= 1 << bit % 8
                with self.assertRaises((reader.Damaged, reader.Newer)):
                    reader.open_small(Keys(), reader.POINT, bytes(data), "it")

    def test_the_rotation_of_keys_md(self):
        rotation = reader.Rotation(bytes.fromhex(
            "4846524f5441540a010001a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0300000000002a36fe9c971701c0c1c2c3c4c5c6c7c8c9cacbcccdcecf6090b87362191925"
            "efc9dcfcc03bd9e17066e9f7a1b41d0f64413ba60755871c357ef68e4d9e024fa345d5e31217a718aef23d6bd7cddbf7edad60c61a76d6419090e6b4ac963d65"
            "4531fadd8f93d34b389318009bc2718dd69a226c769deaabb2367b65bff593d3cef3271e3465e3389bc38420a917e866f86b"), "ecd14665d146ad2386dc3260db3108fd")

        class Slot:
            id, epoch = bytes(range(0xC0, 0xD0)), 2

        public = bytes.fromhex("f18a7fd068fb98f965cc3041800cb42c72854fa7312f952a6f6ebed92bcbf62f")
        private = reader.hkdf(bytes(range(0x70, 0x90)), Slot.id, b"holdfast slot agreement")
        roots = {1: bytes(range(32)), 2: bytes(range(0x80, 0xA0))}
        rotation.open(Slot, public, private, roots)
        self.assertEqual(roots[3], bytes(range(0xE0, 0x100)))
        with self.assertRaises(reader.Damaged):
            rotation.open(Slot, public, private, {1: bytes(range(32)), 2: bytes(32)})

    def test_shares(self):
        self.assertEqual(reader.field_product(0x57, 0x83), 0xC1)  # FIPS 197
        shares = [(2, 3, x, b"", bytes(k ^ reader.field_product(c, x) for k, c in zip(range(20), range(100, 120)))) for x in (1, 2, 3)]
        for left_out in range(3):
            self.assertEqual(reader.combine(shares[:left_out] + shares[left_out + 1 :]), bytes(range(20)))

    def test_the_leaf_of_tree_md(self):
        wire = reader.Wire(bytes.fromhex(
            "01024503066c6174657374ff03e807e80780c49fd50c0065cd1d82c49fd50c000000008110808010096e6f7465732e747874"
            "816c096e6f7465732e747874a403e807e8070000ac020102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"), "it")
        self.assertEqual(wire.u8(), 1)
        link, notes = reader.decode_leaf(wire)
        self.assertEqual((link.name, link.target, link.mode, link.mtime, link.ctime), (b"latest", b"notes.txt", 0o777, 17 * 10**17 + 5 * 10**8, 17 * 10**17 + 10**9))
        self.assertEqual((notes.name, notes.size, notes.refs, notes.ino, notes.dev), (b"notes.txt", 300, [(bytes(range(1, 33)), 300)], 131072, 2049))

    def test_varints(self):
        for text, value in (("00", 0), ("7f", 127), ("8001", 128), ("ffffffffffffffffff01", 2**64 - 1)):
            self.assertEqual(reader.Wire(bytes.fromhex(text), "it").varint(), value)
        self.assertEqual(reader.Wire(bytes.fromhex("ffffffffffffffffff01"), "it").svarint(), -(2**63))
        for text in ("8000", "ff00", "ffffffffffffffffff02", "80", ""):
            with self.assertRaises(reader.Damaged):
                reader.Wire(bytes.fromhex(text), "it").varint()

    def test_cuts(self):
        data = b"".join(reader.sha256(i.to_bytes(8, "little")) for i in range(512))
        key = bytes(range(0x40, 0x60))
        self.assertEqual(cuts(key, 256, 1024, 4096, data), [1046, 2248, 3323, 4447, 5617, 7421, 8395, 9590, 10647, 11970, 13207, 14268, 15446, 15965, 16384])
        self.assertEqual(cuts(key, 256, 1024, 4096, bytes(10000)), [4096, 8192, 10000])


class Stripes(unittest.TestCase):
    """A pack that is gone, by docs/format/stripe.md."""

    def test_lost_packs_come_back(self):
        import stripe_reader
        with tempfile.TemporaryDirectory() as name:
            top = pathlib.Path(name)
            environment = {"HOME": name, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOLDFAST_VAULT": f"{name}/vault"}

            def run(*arguments):
                subprocess.run([PROGRAM, *map(str, arguments), "--passphrase-file", top / "secret"] if arguments[0] != "parity" else [PROGRAM, *map(str, arguments)],
                               env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

            (top / "secret").write_text("horse")
            run("init", "--no-recovery-key")
            for i, size in enumerate((300_000, 90_000)):
                (top / f"source{i}").write_bytes(random.Random(i).randbytes(size))
                run("backup", top / f"source{i}", "--jobs", "1")
            run("parity", "stripe", "--to", top / "second")
            packs, stripes = stripe_reader.load(top / "vault", top / "second")
            self.assertGreaterEqual(len(packs), 4)
            largest = sorted(packs, key=lambda p: -len(packs[p]))
            left = {p: b for p, b in packs.items() if p not in largest[:2]}
            left[largest[2]] = left[largest[2]][:-1] + b"x"  # three are bad in one place
            whole = {p: b for p, b in packs.items() if p not in largest[:2]}
            for p in largest[:2]:
                self.assertEqual(stripe_reader.heal(whole, stripes, p), packs[p])
            with self.assertRaises(AssertionError):
                stripe_reader.heal(left, stripes, largest[1])
            for p in packs:  # one row is enough for one pack
                self.assertEqual(stripe_reader.heal({q: b for q, b in packs.items() if q != p}, stripes[:1], p), packs[p])


def make_tree(top):
    """Everything that a directory can hold, as far as this user may make it."""
    dice = random.Random(1)
    top.mkdir()
    (top / "empty").write_bytes(b"")
    (top / "small").write_bytes(b"hello\n")
    (top / "zeros").write_bytes(bytes(3_000_000))
    (top / "noise").write_bytes(dice.randbytes(3_000_000))
    (top / "text").write_bytes(b"\n".join(b"line %d" % i for i in range(300_000)))
    (top / "empty directory").mkdir()
    many = top / "many"
    many.mkdir()
    for i in range(3000):
        (many / f"file {i}").write_text(f"{i}\n" * (i % 7))
    deep = top
    for i in range(20):
        deep = deep / f"level {i}"
        deep.mkdir()
    (deep / "bottom").write_text("down here")
    (top / "link").symlink_to("../no/where")
    os.symlink(b"\xff\xfe", os.fsencode(top) + b"/raw link")
    (top / "b").hardlink_to(top / "small")
    (top / "many/c").hardlink_to(top / "small")
    os.mkfifo(top / "fifo")
    with socket.socket(socket.AF_UNIX) as s:
        cwd = os.getcwd()
        os.chdir(top)
        s.bind("socket")
        os.chdir(cwd)
    with open(top / "sparse", "wb") as f:
        f.seek(1 << 20)
        f.write(b"in the middle")
        f.truncate(64 << 20)
    with open(os.fsencode(top) + b"/" + bytes(c for c in range(1, 256) if c != ord("/")), "wb") as f:
        f.write(b"strange name")
    with open(os.fsencode(top) + b"/" + b"\xc3" * 255, "wb") as f:
        f.write(b"long name")
    try:
        os.setxattr(top / "small", "user.note", b"\0\xff note")
        os.setxattr(top / "small", "user.another", b"")
        os.setxattr(top / "empty directory", "user.note", b"on a directory")
    except OSError:
        pass  # the file system has none
    if IS_ROOT:
        os.mknod(top / "null", stat.S_IFCHR | 0o640, os.makedev(1, 3))
        os.mknod(top / "disk", stat.S_IFBLK | 0o600, os.makedev(8, 1))
        os.chown(top / "noise", 12345, 54321)
        os.chown(top / "link", 1, 2, follow_symlinks=False)
    os.chmod(top / "text", 0o6711)
    os.chmod(top / "many", 0o1777)
    for name, when in (("zeros", -1), ("text", 1), ("link", 10**18 + 999_999_999), ("empty directory", -10**18), ("fifo", 0)):
        os.utime(top / name, ns=(when, when), follow_symlinks=False)


def facts(top):
    """What a comparison must find the same, path by path."""
    out, names = {}, {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in [b"."] + folders + files:
            path = os.path.join(folder, name)
            s = os.lstat(path)
            fact = [stat.S_IFMT(s.st_mode), s.st_mode & 0o7777, s.st_mtime_ns, s.st_rdev]
            if IS_ROOT:
                fact += [s.st_uid, s.st_gid]
            if stat.S_ISREG(s.st_mode):
                with open(path, "rb") as f:
                    data = f.read()
                fact += [len(data), reader.sha256(data).hex(), s.st_blocks * 512 < s.st_size]
                names.setdefault((s.st_dev, s.st_ino), []).append(path)
            if stat.S_ISLNK(s.st_mode):
                fact.append(os.readlink(path))
            fact.append(sorted((k, os.getxattr(path, k, follow_symlinks=False)) for k in os.listxattr(path, follow_symlinks=False)))
            out[os.path.relpath(path, os.fsencode(top))] = fact
    for same in names.values():
        for path in same:
            out[os.path.relpath(path, os.fsencode(top))].append(sorted(os.path.relpath(p, os.fsencode(top)) for p in same))
    return out


class World(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-reader-"))
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)
        self.vault, self.source = self.top / "vault", self.top / "source"
        (self.top / "home").mkdir()
        self.secret = self.top / "secret"
        self.secret.write_text(SECRET + "\nsecond line\n")
        self.secret.chmod(0o600)

    def holdfast(self, *arguments, status=0):
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.top / "home"), "HOLDFAST_VAULT": str(self.vault), "HOLDFAST_PASSPHRASE_FILE": str(self.secret)}
        done = subprocess.run([PROGRAM, *map(str, arguments)], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done

    def read(self, *arguments, status=0, secret=None):
        done = subprocess.run([sys.executable, str(HERE / "holdfast_reader.py"), str(self.vault), "--passphrase-file", str(secret or self.secret), *map(str, arguments)],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stdout.decode() + done.stderr.decode()

    def made(self):
        self.holdfast("init", "--no-recovery-key")
        self.holdfast("backup", self.source)

    def flip(self, path, at):
        path.chmod(0o600)
        data = bytearray(path.read_bytes())
        data[at] ^= 0x10
        path.write_bytes(data)

    def packs(self, largest=True):
        return sorted((p for p in self.vault.glob("packs/??/*") if p.is_file()), key=lambda p: p.stat().st_size, reverse=largest)


class Reader(World):
    def test_restores_everything_that_the_program_backed_up(self):
        make_tree(self.source)
        self.made()
        before = facts(self.source)
        self.read("restore", "latest", self.top / "out")
        after = facts(self.top / "out")
        self.assertEqual(sorted(before), sorted(after))
        for path in before:
            self.assertEqual(before[path], after[path], path)
        self.assertEqual(self.read("check"), "")

    def test_an_older_point_comes_back_as_it_was(self):
        self.source.mkdir()
        (self.source / "file").write_text("first")
        self.made()
        (self.source / "file").write_text("second, longer")
        (self.source / "new").write_text("new")
        self.holdfast("backup", self.source)
        first, second = (line.split("\t")[0] for line in self.read("points").splitlines())
        self.read("restore", first[:12], self.top / "one")
        self.read("restore", "latest", self.top / "two")
        self.assertEqual((self.top / "one/file").read_text(), "first")
        self.assertFalse((self.top / "one/new").exists())
        self.assertEqual(facts(self.top / "two"), facts(self.source))
        self.read("restore", second, self.top / "three")

    def test_a_file_whose_list_of_chunks_is_a_tree(self):
        self.source.mkdir()
        (self.source / "large").write_bytes(random.Random(2).randbytes(96 << 20))  # some 1,400 chunks
        self.made()
        self.read("restore", "latest", self.top / "out")
        self.assertEqual(facts(self.top / "out"), facts(self.source))

    def edit(self, dice, folder):
        """One of the things that happen to files."""
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        path = dice.choice(files)
        data = bytearray(path.read_bytes())
        at = dice.randrange(len(data) + 1)
        some = dice.randbytes(dice.choice((1, 10, 300, 5000)))
        what = dice.randrange(8)
        if what == 0:
            data[at:at] = some
        elif what == 1:
            del data[at : at + len(some)]
        elif what == 2:
            data[at : at + len(some)] = some
        elif what == 3:
            data += some
        elif what == 4:
            del data[at:]
        elif what == 5:
            path = path.rename(path.with_name(f"file-{dice.randrange(1000)}.dat"))
        elif what == 6:  # a new version under a new number, the old one stays
            path = path.with_name(f"file-{dice.randrange(1000)}.dat")
        else:
            half = len(data) // 2
            data[:] = data[half:] + data[:half]
        path.write_bytes(data)

    def test_many_generations_of_edits_come_back_each_as_it_was(self):
        dice = random.Random(5)
        self.source.mkdir()
        for i in range(12):
            (self.source / f"file-{i}.dat").write_bytes(dice.randbytes(dice.choice((3, 3000, 40_000, 300_000))))
        (self.source / "large").write_bytes(dice.randbytes(6_000_000))
        self.holdfast("init", "--no-recovery-key")
        seen, delta, depth = [], 0, 0
        for _ in range(9):
            answer = json.loads(self.holdfast("backup", self.source, "--kind", "full", "--json").stdout)
            delta += answer["bytes_delta"]
            depth = max(depth, answer["delta_depth"])
            seen.append((answer["point"], facts(self.source)))
            for _ in range(4):
                self.edit(dice, self.source)
        self.assertGreater(delta, 100_000)
        self.assertGreater(depth, 1)
        self.assertEqual(json.loads(self.holdfast("stats", "--json").stdout)["delta"]["depth_max"], depth)
        for number, (point, before) in enumerate(seen):
            if number % 4 == 1 or number == len(seen) - 1:
                self.read("restore", point, self.top / f"reader {number}")
                self.assertEqual(facts(self.top / f"reader {number}"), before)
            self.holdfast("restore", point, "--to", self.top / f"ours {number}")
            self.assertEqual(facts(self.top / f"ours {number}"), before)
        self.assertEqual(self.read("check"), "")
        self.holdfast("verify", "--full")

    def test_deltas_need_neither_index_nor_the_ends_of_packs(self):
        dice = random.Random(6)
        self.source.mkdir()
        (self.source / "file").write_bytes(dice.randbytes(500_000))
        self.holdfast("init", "--no-recovery-key", "--no-parity")
        for _ in range(4):
            self.holdfast("backup", self.source, "--kind", "full")
            with open(self.source / "file", "r+b") as f:
                f.seek(dice.randrange(500_000))
                f.write(dice.randbytes(10))
        self.holdfast("backup", self.source, "--kind", "full")
        shutil.rmtree(self.vault / "index")
        for pack in self.packs():
            pack.chmod(0o600)
            with open(pack, "r+b") as f:
                f.truncate(pack.stat().st_size - 40)
        self.read("restore", "latest", self.top / "out", status=5)
        self.assertEqual(facts(self.top / "out"), facts(self.source))
        self.holdfast("rebuild", status=5)
        self.holdfast("restore", "latest", "--to", self.top / "ours")
        self.assertEqual(facts(self.top / "ours"), facts(self.source))

    def test_a_base_that_is_lost_is_named_with_what_hangs_on_it(self):
        self.source.mkdir()
        data = bytearray(random.Random(7).randbytes(900_000))
        (self.source / "file").write_bytes(data)
        self.made()
        base = self.packs()[0]
        data[450_000] ^= 1
        (self.source / "file").write_bytes(data)
        self.holdfast("backup", self.source, "--kind", "full")
        base.unlink()
        self.assertIn("base chunk", self.read("check", status=5))
        for depth in ([], ["--full"]):
            done = subprocess.run([PROGRAM, "verify", "--json", *depth], capture_output=True, timeout=300, stdin=subprocess.DEVNULL,
                                  env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.top / "home"), "HOLDFAST_VAULT": str(self.vault),
                                       "HOLDFAST_PASSPHRASE_FILE": str(self.secret)})
            self.assertEqual(done.returncode, 5, done.stderr.decode())
            points = json.loads(done.stdout)["affected_points"]
            self.assertEqual(len(points), 2, points)

    def test_needs_neither_index_nor_the_ends_of_packs(self):
        make_tree(self.source)
        self.made()
        shutil.rmtree(self.vault / "index")
        for pack in self.packs():
            pack.chmod(0o600)
            with open(pack, "r+b") as f:
                f.truncate(pack.stat().st_size - 40)
        said = self.read("restore", "latest", self.top / "out", status=5)
        self.assertIn("reading it segment by segment", said)
        self.assertEqual(facts(self.top / "out"), facts(self.source))

    def test_a_wrong_secret_is_told_from_damage(self):
        self.source.mkdir()
        self.made()
        wrong = self.top / "wrong"
        wrong.write_text("another pass phrase\n")
        self.assertIn("no key slot opens", self.read("points", status=1, secret=wrong))

    def test_says_what_is_no_vault_and_what_is_newer(self):
        self.vault.mkdir()
        self.assertIn("not a vault", self.read("points", status=1))
        (self.vault / "holdfast-vault").write_text("# a shopping list\n")
        self.assertIn("not a vault", self.read("points", status=1))
        newer = b"HFVAULT\n\x02\0" + bytes(30)
        (self.vault / "holdfast-vault").write_bytes(newer + reader.sha256(newer)[:4])
        self.assertIn("version 2", self.read("points", status=1))

    def test_a_flipped_bit_costs_only_what_lies_there_and_is_named(self):
        self.source.mkdir()
        for i in range(8):
            (self.source / f"file {i}").write_bytes(random.Random(i).randbytes(1 << 20))
        self.made()
        largest = self.packs()[0]
        self.flip(largest, largest.stat().st_size // 2)
        said = self.read("restore", "latest", self.top / "out", status=5)
        self.assertIn(f"pack {largest.name[:8]}, segment at ", said)
        good = [i for i in range(8) if (self.top / f"out/file {i}").read_bytes() == (self.source / f"file {i}").read_bytes()]
        self.assertGreaterEqual(len(good), 5)
        for i in set(range(8)) - set(good):
            self.assertIn(f"file {i}: ", said)
        said = self.read("check", status=5)
        self.assertIn(f"pack {largest.name[:8]}: its bytes have changed", said)

    def test_every_kind_of_object_says_when_a_bit_of_it_changed(self):
        self.source.mkdir()
        (self.source / "file").write_text("content")
        self.made()
        for path in [self.vault / "holdfast-vault", *self.vault.glob("keys/*"), *self.vault.glob("points/*"), *self.packs()]:
            whole = path.read_bytes()
            for at in {0, 9, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
                self.flip(path, at)
                done = subprocess.run([sys.executable, str(HERE / "holdfast_reader.py"), str(self.vault), "--passphrase-file", str(self.secret), "check"],
                                      stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
                self.assertIn(done.returncode, (1, 5), f"{path.name} at {at}")
                self.assertRegex(done.stderr.decode(), "^(damage|error): ")
                path.write_bytes(whole)
        self.assertEqual(self.read("check"), "")

    def test_what_a_write_only_key_made_opens_with_the_vaults_keys(self):
        self.source.mkdir()
        (self.source / "file").write_text("of the vault")
        self.made()
        self.holdfast("key", "add", "--new-key-file", self.top / "laptop", "--write-only")
        (self.source / "file").write_text("of the laptop")
        self.holdfast("backup", self.source, "--key-file", self.top / "laptop")
        self.holdfast("key", "rotate")
        (self.source / "more").write_text("after the rotation")
        self.holdfast("backup", self.source, "--key-file", self.top / "laptop")
        self.assertEqual(len(self.read("points").splitlines()), 3)
        self.read("restore", "latest", self.top / "out")
        self.assertEqual((self.top / "out/file").read_text(), "of the laptop")
        self.assertEqual((self.top / "out/more").read_text(), "after the rotation")
        self.assertEqual(self.read("check"), "")

    def test_a_rotated_vault_opens_with_every_secret(self):
        self.source.mkdir()
        (self.source / "file").write_text("first")
        self.holdfast("init", "--recovery-sheet", self.top / "sheet")
        self.holdfast("backup", self.source)
        self.holdfast("key", "rotate")
        self.holdfast("key", "add", "--shares", "2/3", "--shares-dir", self.top / "shares")
        self.holdfast("key", "rotate")
        (self.source / "file").write_text("second, longer")
        self.holdfast("backup", self.source)
        shares = self.top / "two shares"
        shares.write_text("".join((self.top / f"shares/share-{n}-of-3.txt").read_text() for n in (3, 1)))
        for option, secret in (("--passphrase-file", self.secret), ("--recovery-key", self.top / "sheet"), ("--shares", shares)):
            done = subprocess.run([sys.executable, str(HERE / "holdfast_reader.py"), str(self.vault), option, str(secret), "points"], capture_output=True)
            self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 2), done.stderr.decode())
        shares.write_text((self.top / "shares/share-2-of-3.txt").read_text())
        done = subprocess.run([sys.executable, str(HERE / "holdfast_reader.py"), str(self.vault), "--shares", str(shares), "points"], capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.read("restore", "latest", self.top / "out")
        self.assertEqual((self.top / "out/file").read_text(), "second, longer")
        self.assertEqual(self.read("check"), "")
        rotations = [p for p in self.vault.glob("keys/*") if p.read_bytes().startswith(b"HFROTAT")]
        self.assertEqual(len(rotations), 2)
        newest = max(rotations, key=lambda p: p.read_bytes()[27:31])
        self.flip(newest, 80)
        self.assertIn("rotation", self.read("points", status=5))

    def test_a_point_under_another_name_is_refused(self):
        self.source.mkdir()
        self.made()
        point = next(self.vault.glob("points/*"))
        shutil.copy(point, self.vault / "points" / ("0" * 32))
        self.assertIn("holds another point than its name says", self.read("points", status=5))

    def test_never_writes_into_a_directory_that_holds_something(self):
        self.source.mkdir()
        self.made()
        self.assertIn("is not empty", self.read("restore", "latest", self.top / "home" / "..", status=1))


if __name__ == "__main__":
    unittest.main()
