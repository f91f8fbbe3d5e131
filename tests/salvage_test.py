"""`holdfast salvage packs` as a person meets it: a file system without its directories, carved files, an image with a map.

The images are made by mke2fs and by hand; nothing is mounted.
"""

import os
import random
import re
import struct
import subprocess

from holdfast import DAMAGE, DONE, FAILED, USAGE, Case, main, slow

BLOCK = 4096


class SalvageCase(Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(7)
        self.init()

    def tree(self, files=40, bytes_each=300_000):
        """Files that don't compress, and some that do."""
        for i in range(files):
            content = self.random.randbytes(bytes_each) if i % 4 else (b"line %d\n" % i) * (bytes_each // 8)
            self.write(f"data/dir{i % 5}/file{i}", content)
        return self.path("data")

    def pack_files(self):
        return [f for f in self.vault_files("packs")]

    def noise(self, n):
        return self.random.randbytes(n)

    def image(self, pieces, name="disk.img"):
        """Pieces at odd places with noise between."""
        path = self.path(name)
        with open(path, "wb") as f:
            for piece in pieces:
                f.write(self.noise(1 + self.random.randrange(9000)))
                f.write(piece)
            f.write(self.noise(5000))
        return path

    def packs(self):
        return [open(f, "rb").read() for f in self.pack_files()]

    def salvage(self, *arguments, expect=DONE, into=None):
        return self.ask("salvage", "packs", *arguments, "--into", into or self.path("saved"), expect=expect)

    def saved(self):
        self.environment["HOLDFAST_VAULT"] = self.path("saved")


class FromAnImage(SalvageCase):
    def test_whole_packs_at_odd_places_make_the_vault_again(self):
        data = self.tree()
        self.backup(data)
        image = self.image(self.packs())
        before = open(image, "rb").read()
        told = self.salvage(image)
        self.assertTrue(told["all_whole"], told)
        self.assertEqual(told["packs_whole"], len(self.pack_files()))
        self.assertEqual([p["state"] for p in told["points"]], ["whole"])
        self.assertEqual(open(image, "rb").read(), before, "the source was written to")
        names = {os.path.basename(f) for f in self.pack_files()}
        self.saved()
        self.vault = self.path("saved")
        self.assertEqual({os.path.basename(f) for f in self.pack_files()}, names)
        self.assertTrue(self.verify("--full")["sound"])
        self.assertSameTree(data, self.restore())
        self.backup(data)  # an ordinary vault

    def test_what_is_damaged_is_named_and_all_else_restores(self):
        data = self.tree()
        self.backup(data)
        packs = self.packs()
        victim = max(range(len(packs)), key=lambda i: len(packs[i]))
        torn = bytearray(packs[victim])
        torn[len(torn) // 2:len(torn) // 2 + 512] = bytes(512)
        packs[victim] = bytes(torn)
        image = self.image(packs)
        dry = self.ask("salvage", "packs", image, "--dry-run", expect=DAMAGE)
        self.assertFalse(os.path.exists(self.path("saved")))
        told = self.salvage(image, expect=DAMAGE)
        for key in ("packs_whole", "packs_broken", "segments_saved", "segments_damaged", "chunks", "affected_count", "points"):
            self.assertEqual(dry[key], told[key], key)
        self.assertEqual(told["segments_damaged"], 1)
        self.assertEqual(told["points"][0]["state"], "part")
        self.saved()
        verified = self.verify("--full", expect=DAMAGE)
        lost = {a["path"] for a in verified["affected"]}
        self.assertEqual(lost, {a["path"] for a in told["affected"]})
        self.assertTrue(lost)
        to = self.path("back")
        self.run_it("restore", "latest", "--to", to, expect=(DAMAGE, 3))
        for at, _, names in os.walk(data):
            for name in names:
                original = os.path.join(at, name)
                if original in lost:
                    continue
                with open(original, "rb") as a, open(os.path.join(to, os.path.relpath(original, data)), "rb") as b:
                    self.assertEqual(a.read(), b.read(), original)

    def test_the_map_of_ddrescue_says_where_not_to_look(self):
        data = self.tree(20)
        self.backup(data)
        packs = self.packs()
        image = self.image(packs)
        size = os.path.getsize(image)
        gap = size // 2 // BLOCK * BLOCK
        map_file = self.write("disk.map", f"# Mapfile. Created by GNU ddrescue version 1.27\n# current_pos  current_status  current_pass\n0x{gap:08X}     +               1\n"
                              f"#      pos        size  status\n0x00000000  0x{gap:08X}  +\n0x{gap:08X}  0x{BLOCK:08X}  -\n0x{gap + BLOCK:08X}  0x{size - gap - BLOCK:08X}  +\n")
        with open(image, "r+b") as f:
            f.seek(gap)
            f.write(bytes(BLOCK))
        told = self.salvage(image, "--map", map_file, expect=(DAMAGE, DONE))
        self.assertEqual((told["gaps"], told["gap_bytes"]), (1, BLOCK))
        self.assertEqual(told["bytes_scanned"], size)
        bad = self.write("bad.map", "not a map\n")
        self.assertIn("line 1", self.run_it("salvage", "packs", image, "--map", bad, "--into", self.path("x"), expect=USAGE).messages)

    def test_a_broken_off_salvage_is_no_vault_and_goes_on(self):
        data = self.tree()
        self.backup(data)
        image = self.image(self.packs())
        into = self.path("saved")
        os.makedirs(os.path.join(into, "packs", os.path.basename(self.pack_files()[0])[:2]))
        name = os.path.basename(self.pack_files()[0])
        with open(os.path.join(into, "packs", name[:2], name), "wb") as f:  # as if it had been saved, and nothing else
            f.write(open(self.pack_files()[0], "rb").read())
        self.run_it("points", "--vault", into, expect=FAILED)
        told = self.salvage(image)
        self.assertTrue(told["all_whole"])
        self.saved()
        self.assertSameTree(data, self.restore())
        again = self.run_it("salvage", "packs", image, "--into", into, expect=FAILED)
        self.assertIn("already", again.messages)


class FromAFileSystem(SalvageCase):
    def test_an_ext4_image_without_superblock_and_inode_tables(self):
        mke2fs = self.need_tool("mke2fs")
        data = self.tree(30)
        self.backup(data)
        self.write("data/dir0/more", self.noise(400_000))
        self.backup(data)
        image = self.path("ext4.img")
        subprocess.run([mke2fs, "-q", "-t", "ext4", "-b", str(BLOCK), "-d", self.vault, image, "64M"], check=True, stdin=subprocess.DEVNULL, capture_output=True)
        with open(image, "r+b") as f:
            f.seek(1024)
            superblock = f.read(1024)
            blocks, = struct.unpack_from("<I", superblock, 4)
            per_group, = struct.unpack_from("<I", superblock, 32)
            inodes_per_group, = struct.unpack_from("<I", superblock, 40)
            inode_bytes, = struct.unpack_from("<H", superblock, 88)
            f.seek(BLOCK)
            descriptors = f.read(BLOCK)
            for group in range((blocks + per_group - 1) // per_group):
                table, = struct.unpack_from("<I", descriptors, group * 64 + 8)
                f.seek(table * BLOCK)
                f.write(bytes(inodes_per_group * inode_bytes))
            f.seek(0)
            f.write(bytes(2 * BLOCK))
        # Directories are of no use without inodes; what is left are blocks.
        told = self.salvage(image)
        self.assertTrue(told["all_whole"], told)
        self.assertEqual(len(told["points"]), 2)
        self.saved()
        self.assertTrue(self.verify("--full")["sound"])
        self.assertSameTree(data, self.restore())

    def test_a_file_in_pieces_all_over_the_disk(self):
        data = self.tree()
        self.backup(data)
        fragments = []
        for pack in self.packs():
            # A segment in three pieces would be lost: the cuts of large packs are apart.
            cuts = [0] + [i * 3_000_000 // BLOCK * BLOCK + BLOCK * self.random.randrange(100) for i in range(1, len(pack) // 3_000_000 + 1)] + [len(pack)]
            cuts = sorted({min(c, len(pack)) for c in cuts})
            fragments += [pack[a:b] for a, b in zip(cuts, cuts[1:])]
        self.random.shuffle(fragments)
        with open(self.path("disk.img"), "wb") as f:
            for piece in fragments:
                f.write(self.noise(BLOCK * self.random.randrange(1, 3)))
                f.write(piece)
                f.write(self.noise(-f.tell() % BLOCK))
        told = self.salvage(self.path("disk.img"), expect=(DONE, DAMAGE))
        self.assertGreater(told["segments_joined"], 0)
        self.assertTrue(told["all_whole"], told)
        self.saved()
        self.assertSameTree(data, self.restore())


class FromCarvedFiles(SalvageCase):
    def test_names_and_folders_do_not_matter(self):
        data = self.tree(20)
        self.backup(data)
        for i, pack in enumerate(self.packs()):
            self.write(f"recup/recup_dir.{i % 2}/f{i:07}.bin", self.noise(i) + pack + self.noise(100))
        self.write("recup/letter.txt", b"HF is not a magic; HFPACK neither\n")
        told = self.salvage(self.path("recup"))
        self.assertTrue(told["all_whole"], told)

    def test_two_vaults_in_one_heap(self):
        data = self.tree(8)
        self.backup(data)
        for i, pack in enumerate(self.packs()):
            self.write(f"heap/a{i}", pack)
        self.vault = self.path("second")
        self.environment["HOLDFAST_VAULT"] = self.vault
        other_key = self.write("other-key", b"another key for tests only\n")
        os.chmod(other_key, 0o600)
        self.run_it("init", "--no-recovery-key", "--key-file", other_key)
        self.run_it("backup", data, "--key-file", other_key)
        for i, pack in enumerate(self.packs()):
            self.write(f"heap/b{i}", pack)
        told = self.salvage(self.path("heap"))
        self.assertTrue(told["all_whole"])
        self.assertEqual([v["packs"] for v in told["other_vaults"]], [len(self.pack_files())])
        # One secret that opens both: which is meant?
        self.run_it("key", "add", "--key-file", other_key, "--new-key-file", self.key_file)
        self.run_it("backup", data, "--key-file", other_key)
        for i, pack in enumerate(self.packs()):
            self.write(f"heap/b{i}", pack)
        asked = self.run_it("salvage", "packs", self.path("heap"), "--into", self.path("x"), expect=USAGE)
        self.assertIn("--vault-id", asked.messages)
        self.assertTrue(self.salvage(self.path("heap"), "--vault-id", told["id"][:8], into=self.path("x"))["all_whole"])


class Keys(SalvageCase):
    def without_slots(self):
        """Packs in which the copies of key slots are destroyed."""
        data = self.tree(6)
        self.backup(data)
        return [re.sub(rb"HFSLOT\r\n", b"XXSLOT\r\n", p) for p in self.packs()]

    def test_without_a_key_slot_it_says_what_is_needed_and_takes_one_from_elsewhere(self):
        image = self.image(self.without_slots())
        refused = self.run_it("salvage", "packs", image, "--into", self.path("saved"), expect=FAILED)
        self.assertIn("no key slot was found", refused.messages)
        self.assertIn("--slots-from", refused.messages)
        self.assertFalse(os.path.exists(self.path("saved")))
        # The pack with the copies is not what it was, so its pieces are saved one by one.
        told = self.salvage(image, "--slots-from", os.path.join(self.vault, "keys"))
        self.assertTrue(told["all_whole"], told)

    def test_a_wrong_secret_writes_nothing(self):
        self.backup(self.tree(4))
        image = self.image(self.packs())
        wrong = self.write("wrong", b"wrong\n")
        os.chmod(wrong, 0o600)
        refused = self.run_it("salvage", "packs", image, "--into", self.path("saved"), "--key-file", wrong, expect=FAILED)
        self.assertIn("opens no key slot", refused.messages)
        self.assertFalse(os.path.exists(self.path("saved")))

    def test_a_passphrase_works_too(self):
        self.backup(self.tree(4))
        secret = self.write("secret", b"a passphrase for tests\n")
        os.chmod(secret, 0o600)
        self.run_it("key", "add", "--new-passphrase-file", secret)
        self.backup(self.path("data"))  # leaves a copy of the new slot in a pack
        image = self.image(self.packs())
        told = self.ask("salvage", "packs", image, "--into", self.path("saved"), "--passphrase-file", secret, env={"HOLDFAST_KEY_FILE": None})
        self.assertTrue(told["all_whole"])
        self.assertEqual(told["key_slots"], 2)


class Refusals(SalvageCase):
    def test_never_into_what_is_read_and_never_over_something(self):
        self.backup(self.tree(4))
        for i, pack in enumerate(self.packs()):
            self.write(f"recup/{i}", pack)
        heap = self.path("recup")
        self.assertIn("lies in what is to be read", self.run_it("salvage", "packs", heap, "--into", heap + "/new", expect=USAGE).messages)
        self.write("full/file", b"mine")
        self.assertIn("not empty", self.run_it("salvage", "packs", heap, "--into", self.path("full"), expect=FAILED).messages)
        self.assertIn("already", self.run_it("salvage", "packs", heap, "--into", self.vault, expect=FAILED).messages)
        self.assertIn("--into", self.run_it("salvage", "packs", heap, expect=USAGE).messages)
        self.run_it("salvage", "packs", self.path("absent"), "--into", self.path("x"), expect=FAILED)
        self.run_it("salvage", "packs", "/dev/null", "--into", self.path("x"), expect=USAGE)

    def test_nothing_of_a_vault_is_said_so(self):
        said = self.run_it("salvage", "packs", self.write("noise", self.noise(100_000)), "--into", self.path("x"), expect=FAILED)
        self.assertIn("nothing of a vault was found", said.messages)
        self.assertFalse(os.path.exists(self.path("x")))


class Large(SalvageCase):
    @slow
    def test_some_hundred_megabytes_in_bounded_memory(self):
        data = self.tree(60, 5_000_000)
        self.backup(data)
        image = self.path("disk.img")
        with open(image, "wb") as f:
            for pack in self.packs():
                for _ in range(20):
                    f.write(self.noise(1_000_003))
                f.write(pack)
        process = self.start("salvage", "packs", image, "--into", self.path("saved"), "--jobs", "2", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, DONE)
        print(f"{os.path.getsize(image) / 1e6:.0f} MB, {usage.ru_maxrss / 1024:.0f} MiB of memory")
        self.assertLess(usage.ru_maxrss, 300 * 1024)
        self.saved()
        self.assertSameTree(data, self.restore())


if __name__ == "__main__":
    main()
