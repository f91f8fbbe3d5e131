"""Stripes that keep up with backups, with the built program: who stores something puts it into them."""

import os
import shutil

import holdfast
from holdfast import Case


class Stripes(Case):
    def setUp(self):
        super().setUp()
        self.init()
        self.place = self.path("second/stripes")
        self.folder("second")
        self.write("source/first", os.urandom(300_000))

    def status(self):
        return self.ask("parity", "status")["stripes"]

    def again(self, name):
        self.write(f"source/{name}", os.urandom(200_000))
        return self.backup(self.path("source"))

    def lose_two_packs_and_heal(self):
        packs = sorted(self.vault_files("packs"), key=os.path.getsize)[-2:]
        for pack in packs:
            os.unlink(pack)
        self.run_it("verify", "--heal")
        for pack in packs:
            self.assertTrue(os.path.exists(pack))
        self.assertSameTree(self.path("source"), self.restore())

    def test_a_vault_without_them_is_left_alone(self):
        self.assertIsNone(self.again("second")["stripes"])
        self.assertEqual(self.status()["stripes"], 0)

    def test_each_backup_is_in_one_at_its_end(self):
        self.again("second")
        self.ask("parity", "stripe", "--to", self.place)
        for i in range(3):
            done = self.again(f"more{i}")
            self.assertEqual((done["stripes"]["failed"], self.status()["packs_without"]), ([], 0))
            self.assertGreater(done["stripes"]["made"], 0)
        self.lose_two_packs_and_heal()
        # In the vault itself just so.
        self.ask("parity", "unstripe")
        self.ask("parity", "stripe", "--to", self.vault)
        self.again("last")
        self.assertEqual(self.status()["packs_without"], 0)
        self.lose_two_packs_and_heal()

    def test_a_run_keeps_them_once_for_all_its_sources(self):
        self.ask("parity", "stripe", "--to", self.place)
        self.write("home/.config/holdfast/holdfast.toml", "".join(f'[source.{n}]\npaths = ["{self.path(n)}"]\nschedule = "daily"\n' for n in ("source", "other")))
        self.write("other/file", os.urandom(100_000))
        self.assertEqual(self.ask("run")["stripes"]["failed"], [])
        self.assertEqual(self.status()["packs_without"], 0)
        self.assertIsNone(self.ask("run")["stripes"])  # nothing was due

    def test_a_place_that_is_away_is_told_and_made_up_for(self):
        self.again("second")
        self.ask("parity", "stripe", "--to", self.place)
        shutil.move(self.path("second"), self.path("away"))
        self.write("source/third", os.urandom(200_000))
        ran = self.run_it("backup", self.path("source"))
        self.assertIn("is in no stripe yet", ran.messages)
        self.assertIn("connect its disk", ran.messages)
        self.assertIn("error", self.again("fourth")["stripes"])
        shutil.move(self.path("away"), self.path("second"))
        self.again("fifth")
        self.assertEqual(self.status()["packs_without"], 0)

    def test_a_note_alone_sends_nothing_anywhere(self):
        self.again("second")
        self.ask("parity", "stripe", "--to", self.place)
        # A folder that takes the place's place, and does not say that it is this vault's.
        shutil.rmtree(self.place)
        os.makedirs(os.path.join(self.place, "parity"))
        self.assertIn("error", self.again("third")["stripes"])
        self.assertEqual(os.listdir(os.path.join(self.place, "parity")), [])


if __name__ == "__main__":
    holdfast.main()
