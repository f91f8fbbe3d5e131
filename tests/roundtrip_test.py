"""What was backed up comes back as it was: trees with everything that a file can be, compared by two independent comparers."""

import os
import random
import shutil
import stat
import subprocess
import time
import unittest

import holdfast
import trees
from holdfast import DONE, FAILED, UNREADABLE, USAGE, Case, slow
from trees import NS


class RoundTrip(Case):
    def there_and_back(self, source, *options, expect=DONE):
        """Backs up, restores elsewhere, compares; gives what backup answered."""
        if not os.path.exists(self.vault):
            self.init()
        answer = self.backup(source, *options, expect=expect)
        to = self.restore(answer["point"])
        self.assertSameTree(source, to)
        by_rsync = trees.rsync_differences(source, to)
        self.assertFalse(by_rsync, "rsync sees differences:\n" + "\n".join((by_rsync or [])[:40]))
        return answer

    def test_everything_comes_back_as_it_was(self):
        source = self.path("source")
        made = trees.make_everything(source)
        answer = self.there_and_back(source)
        self.assertEqual((answer["unreadable"], answer["inconsistent"], answer["complete"]), (0, 0, True))
        for what in {"xattrs", "ACLs", "capabilities", "inode flags"} - made:
            print(f"[not on this file system: {what}]", end=" ")

    def test_everything_comes_back_to_an_ordinary_user(self):
        """Without root nothing may be lost but what only root can set."""
        uid = self.as_ordinary_user()
        self.init()
        source = self.folder("source")
        script = f"import sys; sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r}); import trees; trees.make_everything({source!r})"
        if self.user is not None:
            modules = self.folder("modules")  # a clone may lie where only root may look
            shutil.copy(trees.__file__, modules)
            script = f"import sys; sys.path.insert(0, {modules!r}); sys.dont_write_bytecode = True; import trees; trees.make_everything({source!r})"
        made = subprocess.run(["/usr/bin/python3", "-c", script], stdin=subprocess.DEVNULL, capture_output=True,
                              **({"user": uid, "group": uid, "extra_groups": []} if self.user is not None else {}))
        self.assertEqual(made.returncode, 0, made.stderr.decode())
        to = os.path.join(self.folder("place"), "to")
        self.backup(source)
        self.restore(to=to)
        self.assertSameTree(source, to)

    def test_paths_longer_than_path_max(self):
        source = self.path("deep")
        trees.make_longer_than_path_max(source)
        self.init()
        answer = self.backup(source)
        self.assertEqual(answer["unreadable"], 0, answer["unreadable_items"])
        self.assertSameTree(source, self.restore())
        self.assertEqual(self.backup(source)["complete"], True)

    def test_times_beyond_what_a_vault_can_hold_become_the_nearest_that_fits(self):
        """Nanoseconds in 64 bits end in 2262; a file of the year 2400 once came back as one of 1901."""
        source = self.folder("source")
        trees.set_time(self.write("source/file", "x"), 13_569_465_600 * NS)
        self.init()
        self.backup(source)
        mtime = os.stat(self.restore() + "/file").st_mtime_ns
        self.assertGreater(mtime, 9_000_000_000 * NS)
        self.assertLessEqual(mtime, 13_569_465_600 * NS)

    def test_directory_of_20_000_entries(self):
        source = self.path("many")
        trees.make_many(source, 20_000)
        self.there_and_back(source)

    @slow
    def test_directory_of_a_million_entries(self):
        source = self.path("many")
        trees.make_many(source, 1_000_000, size=8)
        self.there_and_back(source)
        again = self.backup(source)
        self.assertEqual(again["bytes_read"], 0)

    def test_sparse_file_of_five_gigabytes_with_little_in_it(self):
        source = self.folder("sparse")
        path = os.path.join(source, "disk.img")
        G = 1 << 30
        try:
            trees.put_sparse(path, 5 * G + 12345, [(0, trees.noise(1, 70_000)), (4 * G - 4096, trees.noise(2, 9_000)), (5 * G, trees.noise(3, 12_345))])
        except OSError as problem:
            self.skipTest(f"no such file here: {problem}")
        if os.stat(path).st_blocks * 512 > G:
            self.skipTest("this file system has no holes")
        answer = self.there_and_back(source)
        self.assertLess(answer["bytes_read"], 1 << 20, "holes were read")

    @slow
    def test_file_of_five_gigabytes_of_data(self):
        source = self.folder("large")
        if shutil.disk_usage(self.scratch).free < 20 << 30:
            self.skipTest("needs 20 GB of disk")
        with open(os.path.join(source, "file"), "wb") as f:
            r = random.Random(5)
            for i in range(5 * 64 + 1):
                block = r.randbytes(1 << 20)
                for _ in range(16):
                    f.write(block)
        self.there_and_back(source)

    def test_random_trees(self):
        for seed in range(4):
            with self.subTest(seed=seed):
                source = self.path(f"random-{seed}")
                trees.make_random(source, seed)
                self.there_and_back(source)

    @slow
    def test_many_random_trees(self):
        first = int(os.environ.get("HOLDFAST_SEED", "1000"))
        for seed in range(first, first + 60):
            with self.subTest(seed=seed):
                source = self.path(f"random-{seed}")
                trees.make_random(source, seed, entries=400)
                self.there_and_back(source)
                holdfast.remove_tree(source)

    def test_tree_that_changes_from_run_to_run(self):
        """Each point of a history restores to what the tree was then."""
        self.init()
        source = self.path("source")
        trees.make_random(source, 11, entries=80)
        history = []
        r = random.Random(4)
        for step in range(5):
            answer = self.backup(source)
            history.append((answer["point"], trees.describe(source)))
            paths = [os.path.join(at, n) for at, _, names in os.walk(os.fsencode(source)) for n in names]
            files = [p for p in paths if os.path.isfile(p) and not os.path.islink(p)]
            for path in r.sample(files, 6):
                kind = r.randrange(5)
                if not os.path.lexists(path):
                    continue
                if kind == 0:
                    os.unlink(path)
                elif kind == 1:
                    trees.put(path, trees.noise(step, 30_000))
                elif kind == 2:
                    os.rename(path, path[:-1] + b"~%d" % step)
                elif kind == 3:
                    os.unlink(path)
                    os.mkdir(path)
                else:
                    os.chmod(path, 0o640)
            trees.make_random(os.path.join(source, f"more-{step}"), 100 + step, entries=10)
        for point, then in history:
            differences = trees.differences(then, trees.describe(self.restore(point)))
            self.assertFalse(differences, "\n".join(differences[:20]))

    def test_immutable_and_append_only_files(self):
        self.need_root()
        source = self.folder("source")
        paths = [trees.put(os.path.join(source, name), b"content") for name in ("immutable", "append-only")]
        fds = [os.open(p, os.O_RDONLY) for p in paths]
        try:
            if not all(trees.set_flags(fd, flag) for fd, flag in zip(fds, (trees.IMMUTABLE, trees.APPEND))):
                self.skipTest("this file system has no such flags")
            self.there_and_back(source)
        finally:
            for fd in fds:
                trees.set_flags(fd, 0)
                os.close(fd)


class WhatIsChosen(Case):
    """Which files a backup takes and which it leaves out."""

    def setUp(self):
        super().setUp()
        self.source = self.folder("source")
        for name in ("a.txt", "b.o", "keep.o", "cache/CACHEDIR.TAG", "cache/big", "cache/below/file", "build/out.txt", "deep/build/x.o", "deep/src/x.c", "tmp"):
            content = b"Signature: 8a477f597d28d172789f06886806bc55\n# a cache\n" if name.endswith(".TAG") else name.encode()
            self.write("source/" + name, content)
        self.init()

    def names(self, *options, source=None, expect=DONE):
        """What comes back of a backup with these options: names of files, sorted."""
        self.backup(source or self.source, *options, expect=expect)
        to = self.restore()
        return sorted(os.path.relpath(os.path.join(at, n), to) for at, _, names in os.walk(to) for n in names)

    ALL = ["a.txt", "b.o", "build/out.txt", "cache/CACHEDIR.TAG", "cache/below/file", "cache/big", "deep/build/x.o", "deep/src/x.c", "keep.o", "tmp"]

    def without(self, *gone):
        return [n for n in self.ALL if not any(n == g or n.startswith(g + "/") for g in gone)]

    def test_everything_without_options(self):
        self.assertEqual(self.names(), self.ALL)

    def test_exclude_by_name_at_any_depth(self):
        self.assertEqual(self.names("--exclude", "*.o"), self.without("b.o", "keep.o", "deep/build/x.o"))

    def test_exclude_by_path(self):
        self.assertEqual(self.names("--exclude", self.source + "/deep"), self.without("deep"))
        self.assertEqual(self.names("--exclude", "src/*.c"), self.without("deep/src/x.c"))

    def test_exclude_directories_only(self):
        self.write("source/deep/src/build", "a file of that name")
        self.assertEqual(self.names("--exclude", "build/"), sorted(self.without("build", "deep/build") + ["deep/src/build"]))

    def test_exclude_takes_back(self):
        self.assertEqual(self.names("--exclude", "*.o", "--exclude", "!keep.o"), self.without("b.o", "deep/build/x.o"))

    def test_exclude_file(self):
        rules = self.write("rules", "# what is made anew\n*.o\n\n/" + self.source.strip("/") + "/cache\n")
        self.assertEqual(self.names("--exclude-file", rules), self.without("b.o", "keep.o", "deep/build/x.o", "cache"))

    def test_exclude_caches_keeps_the_tag_alone(self):
        self.assertEqual(self.names("--exclude-caches"), self.without("cache/big", "cache/below"))

    def test_exclude_does_not_delete_from_earlier_points(self):
        first = self.backup(self.source)["point"]
        self.names("--exclude", "*")
        self.assertSameTree(self.source, self.restore(first))

    def test_pattern_that_cannot_be_meant_is_a_usage_error(self):
        self.run_it("backup", self.source, "--exclude", "", expect=USAGE)

    def test_one_file_system_keeps_mount_points_as_empty_directories(self):
        self.mount_tmpfs(os.path.join(self.source, "mounted"), "1m")
        self.write("source/mounted/inside", "other file system")
        self.assertIn("mounted/inside", self.names())
        self.assertNotIn("mounted/inside", self.names("--one-file-system"))
        self.assertTrue(os.path.isdir(os.path.join(self.restore(), "mounted")))

    def test_one_file_system_means_that_of_each_path_that_was_named(self):
        """Two paths on other file systems than / were once left out without a word: a backup of nothing, status 0."""
        one = self.mount_tmpfs(self.path("one"), "1m")
        two = self.mount_tmpfs(self.path("two"), "1m")
        self.write("one/file", "1")
        self.write("two/file", "2")
        self.backup("--one-file-system", one, two)
        to = self.restore()
        for path in (one, two):
            self.assertSameTree(path, to + path)

    def test_one_file_system_with_a_single_file(self):
        self.mount_tmpfs(self.path("one"), "1m")
        path = self.write("one/file", "1")
        self.backup("--one-file-system", path)
        self.assertEqual(open(self.restore() + path).read(), "1")

    def test_files_from_lines_and_from_nul(self):
        one, two = os.path.join(self.source, "a.txt"), os.path.join(self.source, "deep")
        for content in (f"{one}\n{two}\n", f"{one}\0{two}"):
            listed = self.write("list", content)
            answer = self.ask("backup", "--files-from", listed)
            to = self.restore(answer["point"])
            self.assertSameTree(two, to + two)
            self.assertEqual(sorted(os.listdir(to + self.source)), ["a.txt", "deep"])
            self.assertEqual(open(to + one).read(), "a.txt")

    def test_files_from_knows_names_with_line_ends(self):
        path = self.write("source/new\nline", "odd")
        self.ask("backup", "--files-from", self.write("list", path + "\0"))
        self.assertEqual(os.listdir(self.restore() + self.source), ["new\nline"])

    def test_standard_input(self):
        for content in (b"", b"x", trees.words(1, 100_000), trees.noise(2, 9_000_000)):
            answer = self.ask("backup", "--stdin", "--stdin-name", "all.sql", input=content)
            self.assertEqual(answer["bytes"], len(content))
            to = self.restore(answer["point"])
            self.assertEqual(open(os.path.join(to, "all.sql"), "rb").read(), content)
            self.assertEqual(self.run_it("dump", answer["point"], "all.sql").out, content)

    def test_several_paths_keep_their_places(self):
        other = self.folder("other")
        self.write("other/a.txt", "another of that name")
        answer = self.backup(self.source, other)
        to = self.restore(answer["point"])
        self.assertSameTree(self.source, to + self.source)
        self.assertSameTree(other, to + other)

    def test_folders_above_several_paths_come_back_with_their_metadata(self):
        above = self.folder("above")
        for name in ("above/one/x", "above/two/y", "above/three/z"):
            self.write(name, name)
        os.chmod(above, 0o710)
        trees.set_time(above, 1_000_000_000 * NS + 5)
        self.backup(above + "/one", above + "/two")
        to = self.restore()
        self.assertEqual(sorted(os.listdir(to + above)), ["one", "two"])
        restored = os.stat(to + above)
        self.assertEqual((stat.S_IMODE(restored.st_mode), restored.st_mtime_ns), (0o710, 1_000_000_000 * NS + 5))

    def test_a_single_file(self):
        path = os.path.join(self.source, "a.txt")
        answer = self.backup(path)
        self.assertEqual(answer["bytes"], 5)
        self.assertEqual(open(self.restore() + path).read(), "a.txt")

    def test_a_path_given_twice_is_backed_up_once(self):
        ran = self.run_it("backup", self.source, self.source + "/", self.source + "/../source", "--json")
        self.assertIn("twice", ran.messages)
        self.assertEqual(ran.json["paths"], [self.source])
        self.assertSameTree(self.source, self.restore())

    def test_a_path_below_another_is_backed_up_once(self):
        answer = self.backup(self.source, self.source + "/deep")
        self.assertEqual(answer["bytes"], sum(os.path.getsize(os.path.join(self.source, n)) for n in self.ALL))
        self.assertSameTree(self.source, self.restore() + self.source)

    def test_a_path_that_is_not_there(self):
        ran = self.run_it("backup", self.source + "/gone", expect=FAILED)
        self.assertIn("gone", ran.messages)
        self.assertEqual(self.points(), [])

    def test_source_inside_the_vault_is_refused(self):
        for path in (self.vault, self.vault + "/packs"):
            ran = self.run_it("backup", path, expect=USAGE)
            self.assertIn("inside the vault", ran.messages)
        os.symlink(self.vault, self.path("link-to-vault"))
        self.run_it("backup", self.path("link-to-vault") + "/packs", expect=USAGE)

    def test_vault_inside_the_source_is_left_out(self):
        inside = os.path.join(self.source, "vault")
        env = {"HOLDFAST_VAULT": inside}
        self.init(env=env)
        ran = self.run_it("backup", self.source, "--json", env=env)
        self.assertIn("vault", ran.messages)
        to = self.path("to")
        self.run_it("restore", "latest", "--to", to, env=env)
        self.assertFalse(os.path.exists(to + "/vault/holdfast-vault"))
        self.assertFalse(trees.compare(self.source, to, root=False, ignore=lambda p: p == b"vault"))

    def test_tags_and_host_are_recorded(self):
        self.backup(self.source, "--tag", "before-upgrade", "--tag", "weekly", "--host", "web-01")
        point = self.points()[-1]
        self.assertEqual(sorted(point["tags"]), ["before-upgrade", "weekly"])
        self.assertEqual(point["host"], "web-01")

    def test_symlink_given_as_path_means_what_it_leads_to(self):
        """Whoever keeps ~/Documents on another disk behind a link wants the documents saved, not the link."""
        link = self.path("link")
        os.symlink(self.source, link)
        answer = self.backup(link)
        self.assertEqual(answer["paths"], [self.source])
        self.assertSameTree(self.source, self.restore(answer["point"]))


class WhereItGoes(Case):
    """Restore to places that hold something already."""

    def setUp(self):
        super().setUp()
        self.source = self.folder("source")
        self.write("source/file", "old", times=1_600_000_000 * NS)
        self.write("source/below/other", "other")
        self.init()
        self.backup(self.source)

    def test_one_path_of_a_point(self):
        to = self.path("to")
        self.run_it("restore", "latest", "below", "--to", to)
        found = [os.path.join(at, n) for at, _, names in os.walk(to) for n in names]
        self.assertEqual([os.path.basename(p) for p in found], ["other"])

    def test_restore_again_writes_nothing(self):
        to = self.restore()
        before = os.stat(to + "/file")
        self.run_it("restore", "latest", "--to", to)
        after = os.stat(to + "/file")
        self.assertEqual((before.st_ino, before.st_ctime_ns), (after.st_ino, after.st_ctime_ns))

    def test_default_never_destroys_a_newer_file(self):
        to = self.restore()
        self.write(os.path.relpath(to, self.scratch) + "/file", "newer work of a day")
        ran = self.run_it("restore", "latest", "--to", to, expect=UNREADABLE)
        self.assertEqual(open(to + "/file").read(), "newer work of a day")
        self.assertIn("file", ran.messages + ran.text)

    def test_overwrite_never_leaves_what_is_there(self):
        to = self.restore()
        self.write(os.path.relpath(to, self.scratch) + "/file", "mine", times=1_500_000_000 * NS)
        self.run_it("restore", "latest", "--to", to, "--overwrite", "never", expect=(DONE, UNREADABLE))
        self.assertEqual(open(to + "/file").read(), "mine")

    def test_overwrite_always_brings_back_what_was(self):
        to = self.restore()
        self.write(os.path.relpath(to, self.scratch) + "/file", "newer")
        self.run_it("restore", "latest", "--to", to, "--overwrite", "always")
        self.assertEqual(open(to + "/file").read(), "old")

    def test_delete_makes_a_faithful_copy_and_dry_run_only_tells(self):
        to = self.restore()
        extra = self.write(os.path.relpath(to, self.scratch) + "/below/extra", "not in the point")
        self.run_it("restore", "latest", "--to", to, "--delete", "--dry-run")
        self.assertTrue(os.path.exists(extra))
        self.run_it("restore", "latest", "--to", to, "--delete", "--overwrite", "always", "--no-undo")
        self.assertFalse(os.path.exists(extra))
        self.assertSameTree(self.source, to, root=False)  # a folder that was there keeps its own time

    def test_what_was_replaced_or_deleted_can_be_put_back(self):
        to = self.restore()
        below = os.path.relpath(to, self.scratch)
        self.write(below + "/file", "newer")
        self.write(below + "/below/extra", "not in the point")
        before = trees.describe(to, root=False)  # the undo folder comes and goes in the target itself
        self.run_it("restore", "latest", "--to", to, "--delete", "--overwrite", "always")
        self.assertEqual(open(to + "/file").read(), "old")
        self.assertFalse(os.path.exists(to + "/below/extra"))
        self.run_it("restore", "--to", to, "--undo", "latest")
        self.assertFalse(trees.differences(before, trees.describe(to, root=False)))

    def test_in_place_brings_back_what_was_lost_and_leaves_the_rest(self):
        then = trees.describe(self.source)
        os.unlink(self.source + "/file")
        self.write("source/new", "since then")
        self.run_it("restore", "latest", "--in-place", "--no-undo")
        self.assertEqual(open(self.source + "/new").read(), "since then")
        self.run_it("restore", "latest", "--in-place", "--delete", "--no-undo")
        self.assertFalse(trees.differences(then, trees.describe(self.source)))

    def test_neither_place_nor_in_place_is_a_usage_error(self):
        ran = self.run_it("restore", "latest", expect=USAGE)
        self.assertIn("--to", ran.messages)

    def test_plan_writes_nothing(self):
        to = self.path("to")
        self.run_it("restore", "latest", "--to", to, "--plan")
        self.assertFalse(os.path.exists(to) and os.listdir(to))

    def test_prove_writes_nothing(self):
        before = trees.describe(self.source)
        to = self.path("to")
        self.run_it("restore", "latest", "--to", to, "--prove")
        self.assertFalse(os.path.exists(to) and os.listdir(to))
        self.assertEqual(before, trees.describe(self.source))

    def test_verify_after_restore_reads_again(self):
        self.assertSameTree(self.source, self.restore("latest", None, "--verify"))

    def test_restored_by_glob_and_by_time(self):
        to = self.path("to")
        self.run_it("restore", "latest", "--include", "oth*", "--to", to)
        self.assertEqual([n for _, _, names in os.walk(to) for n in names], ["other"])
        ran = self.run_it("restore", "--as-of", "2001-01-01", "--to", self.path("too-early"), expect=FAILED)
        self.assertIn("error", ran.messages)

    def test_folder_in_the_way_of_a_file(self):
        to = self.folder("to")
        self.write("to/file/precious", "do not lose me")
        ran = self.run_it("restore", "latest", "--to", to, expect=(FAILED, UNREADABLE))
        kept = [open(os.path.join(at, n)).read() for at, _, names in os.walk(to) for n in names]
        self.assertIn("do not lose me", kept, str(ran))


if __name__ == "__main__":
    holdfast.main()
