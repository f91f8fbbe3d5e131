"""Giving space back with the built program: both steps in one run, and what is remembered of a vault on this machine."""

import os
import shutil

import holdfast
from holdfast import Case


class Prune(Case):
    def setUp(self):
        super().setUp()
        self.init()
        for version in range(6):
            self.write("source/large", os.urandom(200_000))
            self.write(f"source/{version}", f"file {version}")
            self.backup(self.path("source"))

    def cache(self):
        folder = os.path.join(self.home, ".cache", "holdfast")
        return {name: os.path.join(folder, self.ids()[0], name) for name in os.listdir(os.path.join(folder, self.ids()[0]))}

    def ids(self):
        return os.listdir(os.path.join(self.home, ".cache", "holdfast"))

    def forget(self, keep, *more):
        return self.ask("forget", "--keep-last", keep, "--grace", "0", "--prune", *more)

    def test_forget_and_prune_in_one_run_and_the_rehearsal_is_exact(self):
        told = self.forget("2", "--dry-run")
        self.assertEqual(len(self.points()), 6)
        done = self.forget("2")
        self.assertEqual(len(self.points()), 2)
        self.assertEqual(len(done["forgotten"]), 4)
        for key in ("points_removed", "packs_removed", "bytes_before", "bytes_after", "bytes_freed"):
            self.assertEqual(told["prune"][key], done["prune"][key], key)
        self.assertGreater(done["prune"]["bytes_freed"], 700_000)
        self.verify("--full")
        self.assertEqual(self.content(os.path.join(self.restore(), "large")), self.content(self.path("source/large")))

    def test_whatever_becomes_of_what_is_remembered_the_answer_is_the_same(self):
        self.ask("prune")
        self.assertEqual(len(self.ids()), 1)
        self.assertIn("needs", self.cache())
        for spoil in (lambda path: os.truncate(path, os.path.getsize(path) // 2), lambda path: os.unlink(path), lambda path: self.overwrite(path)):
            for path in self.cache().values():
                spoil(path)
            done = self.ask("prune")
            self.assertEqual(done["bytes_before"], done["bytes_after"])
            self.verify("--full")
        self.forget("3")
        self.verify("--full")

    def test_it_works_in_a_home_without_room_for_a_cache(self):
        self.write("home/.cache", "not a folder")
        self.forget("3")
        self.assertEqual(len(self.points()), 3)
        self.verify("--full")

    def test_the_cache_follows_its_variable(self):
        self.ask("prune", env={"XDG_CACHE_HOME": self.path("elsewhere")})
        self.assertTrue(os.path.isdir(self.path("elsewhere", "holdfast")))
        self.assertFalse(os.path.exists(os.path.join(self.home, ".cache")))
        shutil.rmtree(self.path("elsewhere"))
        self.ask("prune", env={"XDG_CACHE_HOME": self.path("elsewhere")})

    def content(self, path):
        with open(path, "rb") as f:
            return f.read()

    def overwrite(self, path):
        with open(path, "r+b") as f:
            f.seek(60)
            f.write(b"something else")


if __name__ == "__main__":
    holdfast.main()
