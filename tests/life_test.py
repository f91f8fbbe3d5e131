"""The life of a vault with the built program: kill -9 in the middle of everything that deletes, heals or changes keys;
prunes beside restores.

What must hold after each kill: `verify` finds nothing, points that were kept come back identical, and the same command
goes on. Each round draws its instant from a seed (HOLDFAST_SEED). tests/simulation/ does the same at every single call
of a machine in memory; here it is the real program, the real kernel and real threads.
"""

import os
import random
import shutil
import subprocess
import time

import holdfast
import trees
from holdfast import DONE, Case, slow


def seed():
    return int(os.environ.get("HOLDFAST_SEED", "1"))


class LifeCase(Case):
    def setUp(self):
        super().setUp()
        self.source = self.folder("source")
        self.dice = random.Random(seed())
        self.kept = {}  # point → what the tree was
        self.days = 0

    def a_day(self, files=10, size=150_000):
        """Some files change, and are backed up; the point is to be kept."""
        for i in range(files):
            self.write(f"source/{i % 3}/file-{self.dice.randrange(3 * files)}", self.dice.randbytes(self.dice.randrange(size)))
        # One that changes a little each day: stored as what differs.
        path = self.path("source/database")
        content = bytearray(open(path, "rb").read() if os.path.exists(path) else trees.noise(7, 2_000_000))
        at = self.dice.randrange(len(content) - 100)
        content[at:at + 100] = self.dice.randbytes(100)
        self.write("source/database", bytes(content))
        answer = self.backup(self.source)
        self.kept[answer["point"]] = trees.describe(self.source)
        return answer["point"]

    def a_history(self, points):
        self.init()
        return [self.a_day() for _ in range(points)]

    def forget_at_once(self, point):
        del self.kept[point]
        self.run_it("forget", point, "--grace", "0")

    def assertKept(self, some=None):
        """Points that must be there are listed, and `some` of them, drawn, or all come back as they were."""
        listed = {p["id"] for p in self.points()}
        self.assertLessEqual(set(self.kept), listed)
        chosen = sorted(self.kept)
        if some is not None and len(chosen) > some:
            chosen = self.dice.sample(chosen, some)
        for point in chosen:
            to = self.restore(point)
            differences = trees.differences(self.kept[point], trees.describe(to))
            self.assertFalse(differences, f"point {point}:\n" + "\n".join(differences[:20]))
            holdfast.remove_tree(to)

    def killed_at_random(self, *arguments, usual):
        """Starts it and kills it within about the time that it usually takes; True if it was caught at work."""
        process = self.start(*arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(self.dice.uniform(0, usual * 1.1))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        return process.returncode < 0

    def time_of(self, *arguments):
        begin = time.monotonic()
        self.run_it(*arguments)
        return time.monotonic() - begin


class Killed(LifeCase):
    """One method for each thing that is killed, so many rounds of it."""

    def prune_rounds(self, rounds):
        points = self.a_history(4)
        self.forget_at_once(points[0])
        usual = self.time_of("prune", "--max-unused", "0%")
        killed = 0
        for n in range(rounds):
            with self.subTest(round=n, seed=seed()):
                self.a_day(files=4)
                self.forget_at_once(self.dice.choice(sorted(self.kept)))
                for _ in range(3):  # again and again, before one gets through
                    killed += self.killed_at_random("prune", "--max-unused", "0%", usual=usual)
                self.verify(*(["--full"] if n % 4 == 3 else ["--structure"]))
                self.assertKept(1)
                if n % 2 == 1:
                    self.run_it("prune", "--max-unused", "0%")
                    self.verify("--structure")
        self.assertGreater(killed, 0, "no run was caught at work")
        self.run_it("prune", "--max-unused", "0%")
        again = self.ask("prune", "--max-unused", "0%")
        self.assertEqual((again["packs_waiting"], again["waits_for"], again["packs_removed"]), (0, [], 0))
        packs, parity = ({os.path.basename(p) for p in self.vault_files(kind)} for kind in ("packs", "parity"))
        self.assertEqual(parity - {"00"}, packs, "parity of a pack that is gone, or none of one that is there")
        self.verify("--full")
        self.assertKept()

    def damage_some_packs(self):
        """A lost sector in some packs: within what their parity heals."""
        packs = self.vault_files("packs")
        for path in self.dice.sample(packs, (len(packs) + 1) // 2):
            size = os.path.getsize(path)
            at = self.dice.randrange((size + 4095) // 4096) * 4096
            with open(path, "r+b") as f:
                f.seek(at)
                f.write(bytes(min(4096, size - at)))

    def heal_rounds(self, rounds):
        self.a_history(5)
        whole = self.path("whole")
        usual = self.time_of("verify", "--heal")
        shutil.copytree(os.path.join(self.vault, "packs"), whole)
        killed = 0
        for n in range(rounds):
            with self.subTest(round=n, seed=seed()):
                self.damage_some_packs()
                for _ in range(3):
                    killed += self.killed_at_random("verify", "--heal", usual=usual * 2)
                self.run_it("verify", "--heal")
                self.assertEqual(self.verify("--full")["damage_count"], 0)
                differing = subprocess.run(["diff", "-rq", whole, os.path.join(self.vault, "packs")], stdin=subprocess.DEVNULL, capture_output=True)
                self.assertEqual(differing.stdout, b"", "a pack was healed to something else")
                self.assertKept(1)
        self.assertGreater(killed, 0, "no run was caught at work")
        self.backup(self.source)  # it also sweeps what the killed ones were writing
        self.assertEqual(self.vault_files("tmp"), [])
        self.assertKept()

    def rotate_rounds(self, rounds):
        self.a_history(2)
        keys = [self.key_file] + [self.path(f"key-{n}") for n in range(2)]
        for key in keys[1:]:
            self.run_it("key", "add", "--new-key-file", key)
        usual = self.time_of("key", "rotate")
        killed = 0
        for n in range(rounds):
            with self.subTest(round=n, seed=seed()):
                for _ in range(4):
                    killed += self.killed_at_random("key", "rotate", usual=usual)
                self.assertEqual(len({self.ask("key", "test", env={"HOLDFAST_KEY_FILE": key})["epoch"] for key in keys}), 1)
                if n % 2 == 1:
                    self.a_day(files=3)  # under the key of now
                self.verify("--structure")
                self.environment["HOLDFAST_KEY_FILE"] = self.dice.choice(keys)
                self.assertKept(1)
        self.assertGreater(killed, 0, "no run was caught at work")
        self.run_it("key", "rotate")
        self.verify("--full")
        for key in keys:
            self.environment["HOLDFAST_KEY_FILE"] = key
            self.assertKept(2)

    def forget_and_undelete_rounds(self, rounds):
        points = self.a_history(5)
        usual = self.time_of("forget", points[0])
        killed = 0
        for n in range(rounds):
            with self.subTest(round=n, seed=seed()):
                some = self.dice.sample(points, 3)
                for _ in range(2):
                    killed += self.killed_at_random("forget", *some, usual=usual)
                    forgotten = [p["id"] for p in self.ask("points", "--forgotten")]
                    if forgotten:
                        killed += self.killed_at_random("undelete", *forgotten, usual=usual)
                # A prune in between removes nothing of what can come back.
                if n % 3 == 2:
                    killed += self.killed_at_random("prune", usual=usual * 2)
                    self.run_it("prune")
                self.verify("--structure")
                listed, forgotten = {p["id"] for p in self.points()}, {p["id"] for p in self.ask("points", "--forgotten")}
                self.assertEqual(listed | forgotten, set(points))
                self.assertFalse(listed & forgotten)
                if forgotten:
                    self.run_it("undelete", *sorted(forgotten))
                self.assertKept(1)
        self.assertGreater(killed, 0, "no run was caught at work")
        self.verify("--full")
        self.assertKept()

    def test_prune(self):
        self.prune_rounds(3)

    def test_heal(self):
        self.heal_rounds(2)

    def test_key_rotate(self):
        self.rotate_rounds(2)

    def test_forget_and_undelete(self):
        self.forget_and_undelete_rounds(3)

    @slow
    def test_prune_hundreds_of_times(self):
        self.prune_rounds(120)

    @slow
    def test_heal_hundreds_of_times(self):
        self.heal_rounds(80)

    @slow
    def test_key_rotate_hundreds_of_times(self):
        self.rotate_rounds(80)

    @slow
    def test_forget_and_undelete_hundreds_of_times(self):
        self.forget_and_undelete_rounds(100)


class Beside(LifeCase):
    """Readers hold nothing up, and nothing is taken from under them."""

    def readers_beside_prunes(self, rounds):
        self.a_history(4)
        for n in range(rounds):
            with self.subTest(round=n, seed=seed()):
                self.a_day(files=30)
                point = self.dice.choice(sorted(self.kept))
                old = self.dice.choice(sorted(set(self.kept) - {point}))
                self.forget_at_once(old)
                to = self.path(f"to-{n}")
                readers = [self.start("restore", point, "--to", to), self.start("verify", "--full", "--no-proof"), self.start("dump", point, "database", stdout=subprocess.DEVNULL)]
                prunes = [self.ask("prune", "--max-unused", "0%") for _ in range(2)]
                for reader in readers:
                    out, err = reader.communicate(timeout=holdfast.SECONDS_MAX)
                    self.assertEqual(reader.returncode, DONE, f"{reader.args}\n{err.decode()}\n{out}\n{prunes}")
                differences = trees.differences(self.kept[point], trees.describe(to))
                self.assertFalse(differences, "\n".join(differences[:20]))
                holdfast.remove_tree(to)
        self.verify("--full")
        self.assertKept()

    def test_restore_verify_and_dump_beside_prunes(self):
        self.readers_beside_prunes(2)

    @slow
    def test_restore_verify_and_dump_beside_prunes_hundreds_of_times(self):
        self.readers_beside_prunes(150)


if __name__ == "__main__":
    holdfast.main()
