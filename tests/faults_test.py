"""Kills, full disks, vanishing and damaged vaults: what was acknowledged stays restorable, and damage is always named.

The stories of data that other programs lost are tests of their own, in the class LostByOthers. The stories that need a
lower level live beside the code: a decompression bomb in src/codec/ and fuzz/, a crash after every single I/O call in
tests/simulation/.
"""

import errno
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest

import holdfast
import trees
from holdfast import DAMAGE, DONE, FAILED, STOPPED, UNREADABLE, USAGE, Case, slow, stored_bytes


def seeds():
    return int(os.environ.get("HOLDFAST_SEED", "1"))


class FaultCase(Case):
    def setUp(self):
        super().setUp()
        self.source = self.folder("source")

    def fill(self, folder, seed, files=40, size=400_000):
        """Files of noise: each byte must be stored."""
        r = random.Random(seed)
        for i in range(files):
            self.write(os.path.join(folder, f"{i % 5}/file-{seed}-{i}"), r.randbytes(r.randrange(size)))

    def assertPointsRestore(self, history):
        """Each point of `history` (id, what the tree was) comes back as it was."""
        for point, then in history:
            to = self.restore(point)
            differences = trees.differences(then, trees.describe(to))
            self.assertFalse(differences, f"point {point}:\n" + "\n".join(differences[:20]))
            holdfast.remove_tree(to)

    def assertClean(self):
        self.verify("--full")

    def assertEveryPointRestores(self):
        """Every point that the vault lists can be restored, whoever made it and whatever happened meanwhile."""
        for point in self.points():
            holdfast.remove_tree(self.restore(point["id"]))


class Killed(FaultCase):
    def kill_rounds(self, rounds, seed):
        self.init()
        r = random.Random(seed)
        self.fill("source", 1000)
        begin = time.monotonic()
        first = self.backup(self.source)
        usual = time.monotonic() - begin
        history = [(first["point"], trees.describe(self.source))]
        killed = 0
        for n in range(rounds):
            if n % 5 == 0:
                self.fill("source", n, files=12, size=1_000_000)
            process = self.start("backup", self.source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(r.uniform(0, usual * 1.1))
            except subprocess.TimeoutExpired:
                pass
            if process.poll() is None:
                process.kill()
                process.wait()
                killed += 1
            with self.subTest(round=n, seed=seed):
                # The full check reads everything: often the cheaper one, in the end the full one.
                self.verify(*(["--full"] if n % 5 == 4 else []))
                if n % 5 == 4:
                    answer = self.backup(self.source)
                    history.append((answer["point"], trees.describe(self.source)))
                    self.assertPointsRestore(history[-1:])
        self.assertGreater(killed, rounds / 5, "hardly any run was caught at work")
        self.assertClean()
        self.assertPointsRestore(history if len(history) <= 6 else history[:3] + history[-3:])
        self.assertEveryPointRestores()

    def test_kill_9_at_random_instants(self):
        self.kill_rounds(25, seeds())

    @slow
    def test_kill_9_at_random_instants_hundreds_of_times(self):
        self.kill_rounds(300, seeds() + 1)

    def test_killed_backup_goes_on_where_it_was(self):
        """What lies in finished packs is not stored a second time."""
        self.init()
        total = 200 << 20
        for i in range(20):
            self.write(f"source/file-{i}", trees.noise(i, total // 20))
        process = self.start("backup", self.source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Killed once some packs are finished, before it ends.
        deadline = time.monotonic() + holdfast.SECONDS_MAX
        while len(self.vault_files("packs")) < 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.kill()
        process.wait()
        finished = stored_bytes(self.vault_files("packs"))
        if finished == 0 or self.points():
            self.skipTest("the machine was too quick for this")
        answer = self.backup(self.source)
        self.assertLess(answer["bytes_stored"], total - finished + (8 << 20), f"{finished} bytes were in the vault already")
        self.assertLess(stored_bytes(self.vault_files("packs")), total + (8 << 20))
        self.assertClean()
        self.assertSameTree(self.source, self.restore())

    def test_what_a_killed_run_left_is_swept_in_the_end(self):
        self.init()
        self.fill("source", 1, files=20, size=3_000_000)
        for _ in range(3):
            process = self.start("backup", self.source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.25)
            process.kill()
            process.wait()
        self.backup(self.source)
        left = self.vault_files("tmp")
        # A leftover is swept once it is clearly nobody's; its age decides when to try, so make it old.
        for path in left:
            os.utime(path, (1_000_000_000, 1_000_000_000))
        self.backup(self.source)
        self.assertEqual([p for p in self.vault_files("tmp") if p in left], [])
        self.assertClean()

    def test_ctrl_c_ends_with_130_says_how_to_go_on_and_goes_on(self):
        self.init()
        for i in range(12):
            self.write(f"source/file-{i}", trees.noise(i, 16 << 20))
        process = self.start("backup", self.source)
        deadline = time.monotonic() + holdfast.SECONDS_MAX
        while not self.vault_files("tmp") and not self.vault_files("packs") and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=holdfast.SECONDS_MAX)
        if process.returncode == DONE:
            self.skipTest("the machine was too quick for this")
        self.assertEqual(process.returncode, STOPPED, err.decode())
        self.assertRegex(err.decode(), r"again")
        self.assertEqual(self.points(), [])
        before = stored_bytes(self.vault_files("packs"))
        answer = self.backup(self.source)
        self.assertLess(answer["bytes_stored"], (12 * 16 << 20) - before + (4 << 20))
        self.assertClean()
        self.assertSameTree(self.source, self.restore())

    def test_ctrl_c_twice_stops_at_once(self):
        self.init()
        for i in range(12):
            self.write(f"source/file-{i}", trees.noise(i, 16 << 20))
        process = self.start("backup", self.source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        status = process.wait(holdfast.SECONDS_MAX)
        self.assertIn(status, (DONE, STOPPED))
        self.assertLess(time.monotonic() - begin, 20)
        self.backup(self.source)
        self.assertClean()

    def test_killed_restore_is_done_again(self):
        self.init()
        self.fill("source", 1, files=60, size=1_500_000)
        self.backup(self.source)
        to = self.path("to")
        r = random.Random(seeds())
        for _ in range(6):
            process = self.start("restore", "latest", "--to", to, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(r.uniform(0.02, 0.5))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.restore("latest", to)
        # A folder that was there keeps its own mode and time; what was replaced is kept beside.
        self.assertSameTree(self.source, to, root=False, ignore=lambda p: p.startswith(b".holdfast-undo-"))


class SpaceAndPlaces(FaultCase):
    """Full disks, vaults that can't be written, vaults that vanish."""

    def test_full_disk_says_so_loses_nothing_and_later_succeeds(self):
        place = self.mount_tmpfs(self.path("small"), "24m")
        self.vault = os.path.join(place, "vault")
        self.environment["HOLDFAST_VAULT"] = self.vault
        self.init()
        self.fill("source", 1, files=20, size=300_000)
        first = self.backup(self.source)
        history = [(first["point"], trees.describe(self.source))]
        self.write("source/large", trees.noise(1, 40 << 20))
        ran = self.run_it("backup", self.source, "--json", expect=FAILED)
        self.assertIn("No space left", ran.messages)
        self.assertEqual(ran.json["error"]["code"], "no_space")
        self.assertIn("make room there, then run the same command again", ran.json["error"]["hint"])
        self.assertEqual([p["id"] for p in self.points()], [first["point"]])
        self.assertPointsRestore(history)
        self.assertClean()
        # Again and again changes nothing.
        for _ in range(2):
            self.run_it("backup", self.source, expect=FAILED)
        self.assertPointsRestore(history)
        grown = subprocess.run(["mount", "-o", "remount,size=300m", place], stdin=subprocess.DEVNULL, capture_output=True)
        if grown.returncode != 0:
            self.skipTest("this machine does not enlarge a mount")
        second = self.backup(self.source)
        history.append((second["point"], trees.describe(self.source)))
        self.assertClean()
        self.assertPointsRestore(history)
        self.assertEveryPointRestores()

    def test_vault_on_a_full_disk_can_be_read(self):
        place = self.mount_tmpfs(self.path("small"), "8m")
        self.vault = os.path.join(place, "vault")
        self.environment["HOLDFAST_VAULT"] = self.vault
        self.init()
        self.fill("source", 1, files=10, size=100_000)
        self.backup(self.source)
        with open(os.path.join(place, "filler"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(65536))
            except OSError:
                pass
        self.assertClean()
        self.assertSameTree(self.source, self.restore())
        self.run_it("ls", "latest")

    def test_restore_to_a_full_disk_says_so(self):
        self.init()
        self.write("source/large", trees.noise(1, 20 << 20))
        self.write("source/small", "x")
        self.backup(self.source)
        to = self.mount_tmpfs(self.path("to"), "5m")
        ran = self.run_it("restore", "latest", "--to", to, expect=None)
        self.assertNotEqual(ran.status, DONE)
        self.assertIn("No space left", ran.messages)
        self.assertFalse(os.path.exists(to + "/large") and open(to + "/large", "rb").read() != trees.noise(1, 20 << 20), "a part passes for the whole")

    def test_read_only_vault_can_be_read_and_says_why_it_cannot_be_written(self):
        self.init()
        self.fill("source", 1, files=10)
        self.backup(self.source)
        self.mount("--bind", self.vault, at=self.vault)
        if subprocess.run(["mount", "-o", "remount,ro,bind", self.vault], stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
            self.skipTest("this machine does not mount read-only")
        self.assertClean()
        self.assertSameTree(self.source, self.restore())
        self.write("source/new", "new")
        ran = self.run_it("backup", self.source, "--json", expect=FAILED)
        self.assertIn("Read-only file system", ran.messages)
        self.assertEqual(len(self.points()), 1)

    def test_vault_of_somebody_else_can_not_be_written(self):
        self.need_root()
        self.init()
        self.fill("source", 1, files=10)
        self.backup(self.source)
        vault = self.vault
        self.as_ordinary_user()
        ran = self.run_it("backup", self.source, "--vault", vault, expect=FAILED)
        self.assertIn("Permission denied", ran.messages)

    def test_vault_that_vanishes_while_it_is_written(self):
        place = self.mount_tmpfs(self.path("stick"), "600m")
        self.vault = os.path.join(place, "vault")
        self.environment["HOLDFAST_VAULT"] = self.vault
        self.init()
        for i in range(10):
            self.write(f"source/file-{i}", trees.noise(i, 16 << 20))
        process = self.start("backup", self.source)
        time.sleep(0.3)
        subprocess.run(["umount", "-l", place], stdin=subprocess.DEVNULL, check=True)
        out, err = process.communicate(timeout=holdfast.SECONDS_MAX)
        if process.returncode == DONE:
            self.skipTest("the machine was too quick for this")
        self.assertEqual(process.returncode, FAILED, err.decode())
        self.assertIn("error:", err.decode())
        ran = self.run_it("points", expect=FAILED)
        self.assertIn("does not exist", ran.messages)
        # Somewhere else it works at once.
        self.vault = self.path("elsewhere")
        self.environment["HOLDFAST_VAULT"] = self.vault
        self.init()
        self.backup(self.source)
        self.assertClean()

    def test_vault_folder_removed_while_it_is_written(self):
        self.init()
        for i in range(8):
            self.write(f"source/file-{i}", trees.noise(i, 16 << 20))
        process = self.start("backup", self.source)
        time.sleep(0.25)
        os.rename(self.vault, self.vault + "-gone")
        out, err = process.communicate(timeout=holdfast.SECONDS_MAX)
        self.assertFalse(os.path.exists(self.vault), "a half vault was made in the place of the one that went away")
        os.rename(self.vault + "-gone", self.vault)
        self.assertIn(process.returncode, (DONE, FAILED), err.decode())
        self.backup(self.source)
        self.assertClean()
        self.assertEveryPointRestores()


class Together(FaultCase):
    def test_several_backups_at_once_and_readers_meanwhile(self):
        self.init()
        shared = trees.noise(5, 6_000_000)
        sources = []
        for n in range(4):
            source = self.folder(f"source-{n}")
            self.fill(f"source-{n}", n, files=30, size=600_000)
            self.write(f"source-{n}/shared", shared)
            sources.append(source)
        writers = [self.start("backup", s, "--json", stderr=subprocess.DEVNULL) for s in sources]
        outs = {}
        threads = [threading.Thread(target=lambda w=w: outs.__setitem__(w.pid, w.communicate()[0])) for w in writers]
        for t in threads:
            t.start()
        while any(w.poll() is None for w in writers):
            self.run_it("points", "--json")
            self.run_it("verify", "--json")
        for t in threads:
            t.join()
        self.assertEqual([w.returncode for w in writers], [DONE] * 4)
        points = self.points()
        self.assertEqual(len(points), 4)
        self.assertClean()
        by_source = {p["paths"][0]: p["id"] for p in points}
        for source in sources:
            self.assertSameTree(source, self.restore(by_source[source]))

    def test_the_same_source_twice_at_once(self):
        self.init()
        self.fill("source", 1, files=40)
        two = [self.start("backup", self.source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
        self.assertEqual([p.wait(holdfast.SECONDS_MAX) for p in two], [DONE, DONE])
        self.assertEqual(len(self.points()), 2)
        self.assertClean()
        for point in self.points():
            self.assertSameTree(self.source, self.restore(point["id"]))

    def test_killed_beside_others_that_go_on(self):
        self.init()
        for n in range(2):
            self.fill(f"source-{n}", n, files=40, size=600_000)
        for n in range(5):
            victim = self.start("backup", self.path("source-0"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            other = self.start("backup", self.path("source-1"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.05 + 0.1 * n)
            victim.kill()
            victim.wait()
            self.assertEqual(other.wait(holdfast.SECONDS_MAX), DONE)
        self.backup(self.path("source-0"))
        self.assertClean()
        self.assertEveryPointRestores()


class Damaged(FaultCase):
    """One flipped bit or a cut anywhere: never a crash, never wrong data, always named."""

    def small_vault(self):
        self.init()
        for name, content in (("source/words", trees.words(1, 5000)), ("source/noise", trees.noise(1, 3000)), ("source/below/deeper/file", b"deeper"),
                              ("source/empty", b""), ("source/other", trees.words(2, 70_000))):
            self.write(name, content)
        os.symlink("words", self.source + "/link")
        self.backup(self.source)
        self.write("source/below/second", trees.noise(2, 2000))
        self.backup(self.source)
        self.then = trees.describe(self.source)
        shutil.copytree(self.vault, self.path("whole"))

    def put_back(self):
        holdfast.remove_tree(self.vault)
        shutil.copytree(self.path("whole"), self.vault)

    def judge(self, what):
        """Verify must exit 5 or find nothing that is needed wanting; restore must give the truth or say that it can't."""
        verified = self.run_it("verify", "--full", "--json", expect=None)
        self.assertIn(verified.status, (DONE, FAILED, DAMAGE), f"{what}\n{verified}")
        verified.json
        to = self.path("to")
        restored = self.run_it("restore", "latest", "--to", to, expect=None)
        self.assertIn(restored.status, (DONE, FAILED, UNREADABLE, DAMAGE), f"{what}\n{restored}")
        same = os.path.isdir(to) and not trees.differences(self.then, trees.describe(to))
        if restored.status == DONE and not same:
            # The newest point may be the damaged one: then an older one is the latest that can be read, which must be said.
            self.assertNotEqual(verified.status, DONE, f"{what}: wrong data restored and nothing said\n{restored}")
            got = trees.describe(to) if os.path.isdir(to) else {}
            wrong = [d for d in trees.differences(self.then, got) if "sha256" in d]
            self.assertFalse(wrong, f"{what}: wrong content without a word\n{restored}")
            self.assertTrue(restored.messages.strip(), f"{what}: an older point was restored without a word")
        if not same:
            self.assertNotEqual(verified.status, DONE, f"{what}: not restorable, but verify finds nothing\n{verified}\n{restored}")
        for path, about in (trees.describe(to) if os.path.isdir(to) else {}).items():
            if "sha256" in about and path in self.then and about["sha256"] != self.then[path]["sha256"]:
                self.fail(f"{what}: {path} holds wrong bytes\n{restored}")
        holdfast.remove_tree(to)
        return verified

    def test_flipped_bits_and_cuts_are_found_and_never_restored(self):
        self.damage(seeds(), flips=3, cuts=2)

    @slow
    def test_flipped_bits_and_cuts_densely(self):
        self.damage(seeds() + 1, flips=150, cuts=40)

    def damage(self, seed, flips, cuts):
        self.small_vault()
        r = random.Random(seed)
        for path in self.vault_files():
            name = os.path.relpath(path, self.vault)
            content = open(path, "rb").read()
            if not content:
                continue
            harms = [("bit", r.randrange(len(content) * 8)) for _ in range(flips)] + [("cut", r.randrange(len(content))) for _ in range(cuts)]
            harms += [("cut", 0), ("cut", len(content) - 1), ("bit", 0), ("bit", len(content) * 8 - 1)]
            for kind, at in harms:
                with self.subTest(file=name, kind=kind, at=at, seed=seed):
                    harmed = bytearray(content)
                    if kind == "bit":
                        harmed[at // 8] ^= 1 << (at % 8)
                    else:
                        del harmed[at:]
                    with open(path, "wb") as f:
                        f.write(harmed)
                    what = f"{name}: {kind} at {at} of {len(content)} bytes"
                    verified = self.judge(what)
                    self.assertNotEqual(verified.status, DONE, f"{what}: not found\n{verified}")
                    if not name.startswith(("holdfast-vault", "keys/")):  # without these nothing can be opened at all
                        self.assertIn(os.path.basename(path)[:8], verified.text + verified.messages, f"{what}: not named\n{verified}")
                    with open(path, "wb") as f:
                        f.write(content)

    def test_missing_objects_are_found(self):
        self.small_vault()
        for path in self.vault_files():
            name = os.path.relpath(path, self.vault)
            if name.startswith("tmp"):
                continue
            with self.subTest(file=name):
                os.rename(path, self.path("aside"))
                verified = self.run_it("verify", "--full", "--json", expect=None)
                restored = self.run_it("restore", "latest", "--to", self.path("to"), expect=None)
                same = os.path.isdir(self.path("to")) and not trees.differences(self.then, trees.describe(self.path("to")))
                # What only repeats what packs hold may be missing without harm; a point that is gone is not known to be.
                if not name.startswith(("index/", "points/", "proofs/", "leases/")):
                    self.assertTrue(verified.status != DONE or (same and restored.status == DONE), f"{verified}\n{restored}")
                if not same:
                    self.assertTrue(verified.status != DONE or name.startswith("points/"), f"{verified}\n{restored}")
                holdfast.remove_tree(self.path("to"))
                os.rename(self.path("aside"), path)

    def test_swapped_objects_are_found(self):
        """Each is whole in itself, but not what its name says."""
        self.small_vault()
        for folder in ("packs", "points", "index"):
            files = self.vault_files(folder)
            if len(files) < 2:
                continue
            with self.subTest(folder=folder):
                shutil.copy(files[0], self.path("aside"))
                shutil.copy(files[1], files[0])
                self.assertNotEqual(self.judge(f"{folder}: one in place of another").status, DONE)
                shutil.copy(self.path("aside"), files[0])

    def test_restore_goes_on_past_a_damaged_chunk_and_names_the_file(self):
        self.init()
        self.write("source/good", trees.noise(1, 100_000))
        self.backup(self.source)
        before = set(self.vault_files("packs"))
        self.write("source/bad", trees.noise(2, 9_000_000))
        self.backup(self.source)
        large = max(set(self.vault_files("packs")) - before, key=os.path.getsize)
        with open(large, "r+b") as f:
            f.seek(os.path.getsize(large) // 2)
            byte = f.read(1)
            f.seek(-1, 1)
            f.write(bytes([byte[0] ^ 1]))
        to = self.path("to")
        ran = self.run_it("restore", "latest", "--to", to, "--json", expect=DAMAGE)
        self.assertIn("bad", ran.messages + ran.text)
        self.assertEqual(open(to + "/good", "rb").read(), trees.noise(1, 100_000))
        self.assertFalse(os.path.exists(to + "/bad") and open(to + "/bad", "rb").read() != trees.noise(2, 9_000_000))
        verified = self.run_it("verify", "--full", "--json", expect=DAMAGE)
        self.assertIn(os.path.basename(large)[:8], verified.text)
        self.assertIn("bad", verified.text)


class Rebuilt(FaultCase):
    def a_history(self):
        self.history = []
        for n in range(3):
            self.fill("source", n, files=15)
            trees.make_links(self.folder("source", f"links-{n}"))
            answer = self.backup(self.source)
            self.history.append((answer["point"], trees.describe(self.source)))

    def test_without_the_index(self):
        self.init()
        self.a_history()
        for path in self.vault_files("index"):
            os.unlink(path)
        self.run_it("rebuild")
        self.assertEqual([p["id"] for p in self.points()], [p for p, _ in self.history])
        self.assertPointsRestore(self.history)
        self.assertClean()
        self.assertEqual(self.backup(self.source)["bytes_new"], 0)

    def test_without_anything_but_packs_and_the_pass_phrase(self):
        passphrase = self.write("passphrase", "correct horse battery staple\n")
        os.chmod(passphrase, 0o600)
        self.environment["HOLDFAST_KEY_FILE"] = None
        self.environment["HOLDFAST_PASSPHRASE_FILE"] = passphrase
        self.init()
        self.a_history()
        for name in os.listdir(self.vault):
            if name != "packs":
                holdfast.remove_tree(os.path.join(self.vault, name))
        self.assertEqual(os.listdir(self.vault), ["packs"])
        self.run_it("rebuild")
        self.assertEqual([p["id"] for p in self.points()], [p for p, _ in self.history])
        self.assertPointsRestore(self.history)
        self.assertClean()
        self.assertEqual(self.backup(self.source)["bytes_read"], 0)

    def test_packs_alone_and_the_wrong_pass_phrase(self):
        self.init()
        self.a_history()
        for name in os.listdir(self.vault):
            if name != "packs":
                holdfast.remove_tree(os.path.join(self.vault, name))
        with open(self.key_file, "ab") as f:
            f.write(b"another")
        self.run_it("rebuild", expect=FAILED)

    def test_rebuild_of_a_whole_vault_changes_nothing_that_matters(self):
        self.init()
        self.a_history()
        self.run_it("rebuild")
        self.assertPointsRestore(self.history[-1:])
        self.assertClean()

    def test_rebuild_killed_and_done_again(self):
        self.init()
        self.a_history()
        for path in self.vault_files("index"):
            os.unlink(path)
        for n in range(5):
            process = self.start("rebuild", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.02 * n)
            process.kill()
            process.wait()
        self.run_it("rebuild")
        self.assertPointsRestore(self.history)
        self.assertClean()

    def test_rebuild_with_a_torn_pack_saves_the_rest(self):
        self.init()
        self.a_history()
        packs = sorted(self.vault_files("packs"), key=os.path.getsize)
        with open(packs[-1], "r+b") as f:
            f.truncate(os.path.getsize(packs[-1]) * 3 // 4)
        for path in self.vault_files("index"):
            os.unlink(path)
        self.run_it("rebuild", expect=(DONE, UNREADABLE, DAMAGE))
        self.run_it("verify", "--full", expect=DAMAGE)
        for point, then in self.history:
            to = self.path("to")
            self.run_it("restore", point, "--to", to, expect=(DONE, DAMAGE))
            for path, about in trees.describe(to).items():
                if "sha256" in about and path in then:
                    self.assertEqual(about["sha256"], then[path]["sha256"], path)
            holdfast.remove_tree(to)


class WrongVaults(FaultCase):
    """Each has a clear message and its exit status."""

    def refused(self, *arguments, word, code=None, expect=FAILED, **more):
        ran = self.run_it(*arguments, "--json", expect=expect, **more)
        self.assertIn(word, ran.messages)
        self.assertIn("error:", ran.messages)
        if code:
            self.assertEqual(ran.json["error"]["code"], code)
        return ran

    VERBS = (["points"], ["ls"], ["restore", "latest", "--to", "to"], ["verify"], ["backup", "source"])

    def every_verb(self, **expected):
        for verb in self.VERBS:
            with self.subTest(verb=verb[0]):
                self.refused(*verb, **expected)

    def test_wrong_secret(self):
        self.init()
        with open(self.key_file, "ab") as f:
            f.write(b"!")
        self.every_verb(word="", code="wrong_secret")

    def test_wrong_pass_phrase(self):
        right, wrong = self.write("right", "correct horse\n"), self.write("wrong", "incorrect horse\n")
        os.chmod(right, 0o600)
        os.chmod(wrong, 0o600)
        self.init(env={"HOLDFAST_KEY_FILE": None, "HOLDFAST_PASSPHRASE_FILE": right})
        self.run_it("points", env={"HOLDFAST_KEY_FILE": None, "HOLDFAST_PASSPHRASE_FILE": right})
        ran = self.refused("points", word="does not open this vault", code="wrong_secret", env={"HOLDFAST_KEY_FILE": None, "HOLDFAST_PASSPHRASE_FILE": wrong})
        self.assertNotIn("incorrect horse", ran.messages + ran.text)

    def test_missing_vault(self):
        self.every_verb(word="does not exist", code="not_found")

    def test_not_a_vault(self):
        self.folder("vault")
        self.write("vault/photos/1.jpg", "x")
        self.every_verb(word="there is no vault", code="not_a_vault")
        ran = self.refused("init", word="not empty")
        self.assertEqual(os.listdir(self.vault), ["photos"], str(ran))

    def test_a_file_in_place_of_a_vault(self):
        self.write("vault", "not a folder")
        self.every_verb(word="not a directory", code="not_a_vault")

    def test_somebody_elses_file_of_that_name(self):
        self.init()
        self.write("vault/holdfast-vault", "this is something else entirely, " * 5)
        self.every_verb(word="", code="not_a_vault")

    def test_vault_of_a_newer_version(self):
        """The version is read before anything else, and its check is that of every version (docs/format/vault.md)."""
        import hashlib
        self.init()
        path = os.path.join(self.vault, "holdfast-vault")
        raw = bytearray(open(path, "rb").read())
        raw[8:10] = (2).to_bytes(2, "little")
        raw[-4:] = hashlib.sha256(raw[:-4]).digest()[:4]
        with open(path, "wb") as f:
            f.write(raw)
        self.every_verb(word="newer", code="unsupported")

    def test_init_where_a_vault_is_changes_nothing(self):
        self.init()
        before = {p: open(p, "rb").read() for p in self.vault_files()}
        self.refused("init", word="already", code="already_exists")
        self.assertEqual(before, {p: open(p, "rb").read() for p in self.vault_files()})

    def test_unknown_point(self):
        self.init()
        self.write("source/x", "x")
        self.backup(self.source)
        for verb in (["ls", "ffffffffffff"], ["restore", "ffffffffffff", "--to", "to"], ["points", "show", "ffffffffffff"]):
            self.refused(*verb, word="ffffffffffff", code="not_found")

    def test_empty_vault_has_no_latest(self):
        self.init()
        self.refused("restore", "latest", "--to", "to", word="", code="not_found")
        self.assertEqual(self.points(), [])
        self.verify()


class LostByOthers(FaultCase):
    """Bugs that lost the data of users of other backup programs. The first line of each tells the story."""

    def test_full_disk_in_the_middle_of_a_write_leaves_no_later_point_without_its_data(self):
        """The disk filled while a pack or the index was written; the program remembered the chunks as stored, and the next backup, with room again, referred to data that never reached the disk."""
        place = self.mount_tmpfs(self.path("small"), "20m")
        self.vault = os.path.join(place, "vault")
        self.environment["HOLDFAST_VAULT"] = self.vault
        self.init()
        self.fill("source", 0, files=4, size=200_000)
        history = [(self.backup(self.source)["point"], trees.describe(self.source))]
        filler = os.path.join(place, "filler")
        r = random.Random(seeds())
        for n in range(12):
            self.fill("source", n + 1, files=3, size=600_000)
            # Room for a random part of what is to be stored, so that it ends at another write each time.
            free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
            with open(filler, "wb") as f:
                f.truncate(0)
                try:
                    os.posix_fallocate(f.fileno(), 0, max(1, free - r.randrange(0, 1_200_000)))
                except OSError:
                    pass
            ran = self.run_it("backup", self.source, "--json", expect=(DONE, FAILED))
            if ran.status == DONE:
                history.append((ran.json["point"], trees.describe(self.source)))
            else:
                self.assertIn("No space left", ran.messages)
            os.unlink(filler)
            after = self.run_it("backup", self.source, "--json", expect=(DONE, FAILED))
            if after.status == DONE:
                history.append((after.json["point"], trees.describe(self.source)))
            else:
                break  # the vault has outgrown its small disk
        self.assertGreater(len(history), 3)
        self.assertClean()
        self.assertPointsRestore(history)

    def test_two_clients_that_commit_at_once_both_keep_their_chunks(self):
        """Two clients wrote to one repository; the index of the one replaced that of the other, whose chunks were then nowhere to be found."""
        self.init()
        shared = trees.noise(9, 4_000_000)
        sources = [self.folder(f"client-{n}") for n in range(3)]
        for round in range(3):
            for n, source in enumerate(sources):
                self.write(f"client-{n}/own-{round}", trees.noise(100 * round + n, 1_500_000))
                self.write(f"client-{n}/shared-{round}", shared[round * 500_000:])
            started = [self.start("backup", s, "--host", f"client-{n}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for n, s in enumerate(sources)]
            self.assertEqual([p.wait(holdfast.SECONDS_MAX) for p in started], [DONE] * 3)
        self.assertEqual(len(self.points()), 9)
        self.assertClean()
        newest = {p["host"]: p["id"] for p in self.points()}
        for n, source in enumerate(sources):
            self.assertSameTree(source, self.restore(newest[f"client-{n}"]))

    def test_chunk_of_an_interrupted_upload_is_not_believed_present(self):
        """An upload was cut off; a list of known chunks said that they were there, and every later backup skipped them."""
        self.init()
        for i in range(6):
            self.write(f"source/file-{i}", trees.noise(i, 8 << 20))
        process = self.start("backup", self.source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + holdfast.SECONDS_MAX
        while not self.vault_files("tmp") and not self.vault_files("packs") and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(0.05)
        process.kill()
        process.wait()
        # The power fails too: of what was not yet a finished object, anything may be missing.
        for path in self.vault_files("tmp"):
            os.truncate(path, os.path.getsize(path) // 2)
        self.backup(self.source)
        self.assertClean()
        self.assertSameTree(self.source, self.restore())

    def test_pack_removed_after_the_index_named_it_is_noticed_by_a_full_backup(self):
        """A pack went missing from the store; the index still named it, so that no backup ever stored its chunks again."""
        self.init()
        self.write("source/file", trees.noise(1, 3_000_000))
        self.backup(self.source)
        os.unlink(max(self.vault_files("packs"), key=os.path.getsize))
        self.run_it("verify", expect=DAMAGE)
        ran = self.run_it("backup", self.source, "--kind", "full", "--json", expect=None)
        if ran.status == DONE:
            self.assertSameTree(self.source, self.restore(ran.json["point"]))

    def test_vault_replaced_by_an_older_copy_of_itself_gets_no_holes(self):
        """A repository was rolled back to an older copy; a cache outside it knew newer chunks, and the next backup left them out. Holdfast keeps no cache outside the vault: what is not in the vault is stored."""
        self.init()
        self.write("source/one", trees.noise(1, 1_000_000))
        self.backup(self.source)
        shutil.copytree(self.vault, self.path("older"))
        self.write("source/two", trees.noise(2, 2_000_000))
        self.backup(self.source)
        holdfast.remove_tree(self.vault)
        os.rename(self.path("older"), self.vault)
        answer = self.backup(self.source)
        self.assertGreaterEqual(answer["bytes_new"], 2_000_000)
        self.assertClean()
        self.assertSameTree(self.source, self.restore())

    def test_new_vault_at_the_place_of_an_old_one_gets_everything(self):
        """A stale cache outlived the repository it described: a new one at the same place got backups without data."""
        self.write("source/one", trees.noise(1, 1_000_000))
        self.init()
        self.backup(self.source)
        holdfast.remove_tree(self.vault)
        self.init()
        self.assertGreaterEqual(self.backup(self.source)["bytes_new"], 1_000_000)
        self.assertClean()
        self.assertSameTree(self.source, self.restore())
        # And nothing was left in the home of the user that could grow stale.
        kept = [os.path.join(at, n) for at, _, names in os.walk(self.home) for n in names]
        self.assertEqual(kept, [])

    def test_restore_follows_no_symlink_out_of_its_target(self):
        """A planted symlink in the target led the restore to overwrite files elsewhere, as root."""
        self.write("source/sub/file", "from the vault")
        self.write("source/other", "from the vault")
        self.init()
        self.backup(self.source)
        outside = self.folder("outside")
        self.write("outside/file", "precious")
        self.write("precious", "precious")
        to = self.folder("to")
        os.symlink(outside, to + "/sub")
        os.symlink(self.path("precious"), to + "/other")
        for overwrite in ("never", "if-changed", "always"):
            with self.subTest(overwrite=overwrite):
                self.run_it("restore", "latest", "--to", to, "--overwrite", overwrite, expect=(DONE, FAILED, UNREADABLE))
                self.assertEqual(os.listdir(outside), ["file"])
                self.assertEqual(open(outside + "/file").read(), "precious")
                self.assertEqual(open(self.path("precious")).read(), "precious")

    def test_restore_raced_by_a_symlink_stays_in_its_target(self):
        """While a restore ran, a folder it was about to write into was swapped for a symlink."""
        for i in range(300):
            self.write(f"source/sub/file-{i:03}", b"%d" % i * 50)
        self.init()
        self.backup(self.source)
        outside = self.folder("outside")
        stop = threading.Event()
        to = self.folder("to")

        def swap():
            sub, aside = to + "/sub", to + "/.aside"
            while not stop.is_set():
                try:
                    if os.path.islink(sub):
                        os.unlink(sub)
                        if os.path.isdir(aside):
                            os.rename(aside, sub)
                    elif os.path.isdir(sub):
                        os.rename(sub, aside)
                        os.symlink(outside, sub)
                except OSError:
                    pass
        swapper = threading.Thread(target=swap)
        swapper.start()
        try:
            for _ in range(8):
                self.run_it("restore", "latest", "--to", to, "--overwrite", "always", expect=(DONE, FAILED, UNREADABLE))
                self.assertEqual(os.listdir(outside), [])
        finally:
            stop.set()
            swapper.join()

    def test_file_replaced_while_it_is_read_is_never_recorded_as_sound(self):
        """A file was replaced between two reads of it; the backup held half of each and called it good."""
        self.init()
        one, two = trees.noise(1, 12 << 20), trees.noise(2, 12 << 20)
        path = self.write("source/file", one)
        stop = threading.Event()

        def replace():
            n = 0
            while not stop.is_set():
                n += 1
                with open(path + ".new", "wb") as f:
                    f.write(two if n % 2 else one)
                os.replace(path + ".new", path)
        replacer = threading.Thread(target=replace)
        replacer.start()
        try:
            answers = [self.backup(self.source, "--exclude", "*.new", expect=(DONE, UNREADABLE)) for _ in range(4)]
        finally:
            stop.set()
            replacer.join()
        for answer in answers:
            to = self.restore(answer["point"], expect=None)
            if answer["complete"] and os.path.exists(to + "/file"):
                self.assertIn(open(to + "/file", "rb").read(), (one, two))


if __name__ == "__main__":
    holdfast.main()
