"""Keys of a vault with the built program: rotation that is killed at any moment, pages that a scanner reads, shares."""

import glob
import os
import random
import shutil
import signal
import time
import unittest

import holdfast
import trees
from holdfast import FAILED, Case


class WithKeys(Case):
    def setUp(self):
        super().setUp()
        self.source = self.path("source")
        trees.make_random(self.source, 5)
        self.init()
        self.backup(self.source)

    def key(self, file):
        return {"HOLDFAST_KEY_FILE": file}

    def scanned(self, pdf):
        """What a scanner reads from the printed page."""
        self.need_tool("pdftoppm")
        self.need_tool("zbarimg")
        image = pdf + "-printed"
        holdfast.subprocess.run(["pdftoppm", "-r", "200", "-png", "-singlefile", pdf, image], check=True, capture_output=True)
        done = holdfast.subprocess.run(["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", image + ".png"], check=True, capture_output=True)
        text = pdf + "-scanned.txt"
        with open(text, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
            f.write(done.stdout)
        return text


class Pages(WithKeys):
    def test_the_code_on_a_recovery_sheet_is_a_key_file(self):
        sheet = self.path("sheet.pdf")
        self.run_it("key", "add", "--recovery-sheet", sheet)
        self.assertEqual(os.stat(sheet).st_mode & 0o077, 0)
        text = self.scanned(sheet)
        self.assertEqual(self.ask("key", "test", env=self.key(text))["kind"], "recovery-key")
        # Enough, with the packs, on a machine that knows nothing else.
        only_packs = self.path("found")
        os.mkdir(only_packs)
        shutil.copytree(os.path.join(self.vault, "packs"), os.path.join(only_packs, "packs"))
        self.run_it("backup", self.source)  # packs from now on carry the new slot
        shutil.rmtree(os.path.join(only_packs, "packs"))
        shutil.copytree(os.path.join(self.vault, "packs"), os.path.join(only_packs, "packs"))
        self.run_it("rebuild", "--vault", only_packs, env=self.key(text))
        self.run_it("restore", "--vault", only_packs, "--to", self.path("to"), env=self.key(text))
        self.assertSameTree(self.source, self.path("to"))

    def test_the_page_says_what_the_text_says(self):
        self.need_tool("pdftotext")
        self.run_it("key", "add", "--shares", "2/2", "--shares-dir", self.path("shares"))
        done = holdfast.subprocess.run(["pdftotext", "-layout", self.path("shares", "share-1-of-2.pdf"), "-"], check=True, capture_output=True)
        words = "".join(open(self.path("shares", "share-1-of-2.txt")).read().split())
        self.assertIn(words, "".join(done.stdout.decode().split()))  # a long path goes on in the next line

    def test_shares_are_scanned_too(self):
        self.run_it("key", "add", "--shares", "2/3", "--shares-dir", self.path("shares"))
        texts = [open(self.scanned(self.path("shares", f"share-{n}-of-3.pdf"))).read() for n in (3, 1)]
        together = self.write("together", "".join(texts))
        os.chmod(together, 0o600)
        self.assertEqual(self.ask("key", "test", env=self.key(together))["kind"], "shares")


class Rotation(WithKeys):
    def test_killed_at_any_moment_every_key_opens_everything(self):
        keys = [self.path(f"key-{n}") for n in range(3)]
        for key in keys:
            self.run_it("key", "add", "--new-key-file", key)
        dice = random.Random(7)
        for _ in range(12):
            process = self.start("key", "rotate", env=self.key(dice.choice(keys)))
            time.sleep(dice.random() * 0.08)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        epochs = {self.ask("key", "test", env=self.key(key))["epoch"] for key in keys}
        self.assertEqual(len(epochs), 1)
        self.backup(self.source, env=self.key(keys[0]))
        for key in keys:
            self.assertEqual(len(self.ask("points", env=self.key(key))), 2)
        self.verify()

    def test_two_at_once_leave_a_vault_that_opens(self):
        running = [self.start("key", "rotate") for _ in range(4)]
        statuses = [(p.communicate(), p.returncode)[1] for p in running]
        self.assertIn(0, statuses)
        epoch = self.ask("key", "test")["epoch"]
        self.assertEqual(epoch, 1 + statuses.count(0))
        self.backup(self.source)
        self.verify()

    def test_a_rotation_beside_a_backup(self):
        trees.make_random(self.path("more"), 6)
        backup = self.start("backup", self.path("more"))
        self.run_it("key", "rotate")
        out, err = backup.communicate()
        self.assertEqual(backup.returncode, 0, err)
        self.restore(to=self.path("to"))
        self.verify()

    def test_a_thief_with_the_old_key_reads_nothing_new(self):
        stolen = self.path("stolen")
        slot = self.ask("key", "add", "--new-key-file", stolen)["id"]
        copy = self.path("copy")
        shutil.copytree(self.vault, copy)
        self.run_it("key", "rotate", "--drop", slot)
        self.write("source/secret plan", "new")
        self.backup(self.source)
        self.run_it("points", env=self.key(stolen), expect=FAILED)
        self.assertEqual(len(self.ask("points", "--vault", copy, env=self.key(stolen))), 1)  # what was copied before
        # The thief puts the slot's file back, beside all that is newer.
        shutil.copy(os.path.join(copy, "keys", slot), os.path.join(self.vault, "keys", slot))
        ran = self.run_it("ls", "latest", env=self.key(stolen), expect=None)
        self.assertNotEqual(ran.status, 0)
        self.assertNotIn("secret plan", ran.text + ran.messages)
        self.run_it("backup", self.source, env=self.key(stolen), expect=4)
        self.verify()


class WriteOnly(WithKeys):
    def setUp(self):
        super().setUp()
        self.laptop = self.path("laptop")
        self.writer = self.ask("key", "add", "--new-key-file", self.laptop, "--write-only", "--label", "laptop")["id"]
        self.own = self.path("own")
        trees.make_random(self.own, 7)

    def test_it_backs_up_and_restores_and_nothing_else(self):
        laptop = self.key(self.laptop)
        self.assertEqual(self.ask("points", env=laptop), [])
        self.backup(self.own, env=laptop)
        again = self.backup(self.own, env=laptop)
        self.assertEqual((again["bytes_new"], again["kind"]), (0, "incremental"))
        self.assertEqual(len(self.ask("points", env=laptop)), 2)
        self.restore(to=self.path("to"), env=laptop)
        self.assertSameTree(self.own, self.path("to"))
        theirs = [p["id"] for p in self.ask("points") if "writer" not in p]
        self.assertEqual(len(theirs), 1)
        for verb in (["ls", theirs[0]], ["restore", theirs[0], "--to", self.path("no")], ["dump", theirs[0], "x"]):
            ran = self.run_it(*verb, env=laptop, expect=FAILED)
            self.assertIn("write-only", ran.messages)
        for verb in (["forget", theirs[0]], ["prune"], ["verify"], ["rebuild"], ["stats"], ["key", "list"], ["key", "rotate"], ["hold", "list"], ["key", "remove", self.writer],
                     ["key", "add", "--new-key-file", self.path("more")], ["undelete", theirs[0]], ["points", "--forgotten"], ["policy", "explain"]):
            ran = self.run_it(*verb, env=laptop, expect=None)
            self.assertIn(ran.status, (2, 4), verb)
        self.assertFalse(os.path.exists(self.path("more")))
        self.assertEqual(self.ask("key", "test", env=laptop)["kind"], "write-only")
        # Who holds the vault's keys sees, proves, prunes and restores all of it.
        mine = [p for p in self.ask("points") if p.get("writer") == self.writer[:16]]
        self.assertEqual(len(mine), 2)
        self.restore(mine[-1]["id"], to=self.path("all"))
        self.assertSameTree(self.own, self.path("all"))
        self.verify()
        self.run_it("forget", mine[0]["id"], "--grace", "0")
        self.run_it("prune")
        self.verify()
        self.assertEqual(len(self.ask("points", env=laptop)), 1)
        self.assertEqual(self.backup(self.own, env=laptop)["bytes_new"], 0)

    def test_a_policy_under_a_write_only_key_backs_up_and_leaves_the_rest(self):
        config = self.write("holdfast.toml", f'vault = "{self.vault}"\n[source.own]\npaths = ["{self.own}"]\nschedule = "daily"\nkeep-last = 1\nprune-every = "day"\n')
        for _ in range(2):
            self.run_it("run", "--now", "--config", config, env=self.key(self.laptop))
        self.assertEqual(len(self.ask("points", env=self.key(self.laptop))), 2)

    def test_points_of_a_thief_push_none_of_others_out(self):
        config = self.write("holdfast.toml", f'vault = "{self.vault}"\n[source.main]\npaths = ["{self.source}"]\nkeep-last = 1\n')
        for _ in range(3):
            self.backup(self.source, env=self.key(self.laptop))
        self.run_it("forget", "--policy", "--config", config)
        left = self.ask("points")
        self.assertEqual(sum("writer" not in p for p in left), 1)

    def test_killed_at_any_moment_it_goes_on(self):
        laptop = self.key(self.laptop)
        dice = random.Random(3)
        for round_ in range(8):
            self.write(f"own/new {round_}", dice.randbytes(300_000))
            process = self.start("backup", self.own, env=laptop)
            time.sleep(dice.random() * 0.1)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if round_ % 3 == 2:
                self.run_it("prune")
        self.backup(self.own, env=laptop)
        self.restore(to=self.path("to"), env=laptop)
        self.assertSameTree(self.own, self.path("to"))
        self.verify()


if __name__ == "__main__":
    holdfast.main()
