"""What changed is read, what did not is not; and what changes while it is read is told."""

import os
import random
import shutil
import threading
import time
import unittest

import holdfast
import trees
from holdfast import DONE, UNREADABLE, Case, slow
from trees import NS


def row(dice, i):
    return b"INSERT INTO t VALUES (%d, %d);\n" % (i, dice.getrandbits(60))


def rows_of(dice):
    return [row(dice, i) for i in range(200_000)]


def change_rows(dice, rows):
    """One of a hundred."""
    for i in dice.sample(range(len(rows)), 2000):
        rows[i] = row(dice, i)


def text(dice, lines):
    return "".join(f"{dice.getrandbits(60)} words\n" for _ in range(lines))


def change_a_line(dice, words):
    lines = words.splitlines(keepends=True)
    lines[dice.randrange(len(lines))] = "another line\n"
    return "".join(lines)


def settle():
    """Until what was written now is no longer racily clean: longer than the clock's granularity."""
    time.sleep(0.06)


class ChangeDetection(Case):
    def setUp(self):
        super().setUp()
        self.source = self.folder("source")
        self.init()

    def test_unchanged_second_run_reads_and_stores_nothing(self):
        trees.make_random(self.source, 3)
        trees.make_links(self.folder("source", "links"))
        trees.make_sparse_files(self.folder("source", "sparse"))
        settle()
        # Times from the future can't be told from a change; the tree's random ones go up to then.
        for at, folders, names in os.walk(os.fsencode(self.source), topdown=False):
            for name in folders + names:
                if os.lstat(os.path.join(at, name)).st_mtime_ns > time.time_ns():
                    trees.set_time(os.path.join(at, name), NS)
        settle()
        self.backup(self.source)
        packs = self.vault_files("packs")
        again = self.backup(self.source)
        self.assertEqual((again["bytes_read"], again["bytes_new"], again["files_read"]), (0, 0, 0))
        self.assertEqual(again["kind"], "incremental")
        # One pack at most, of copies of the vault's description and of the point: no node of a tree.
        more = sorted(set(self.vault_files("packs")) - set(packs))
        self.assertLess(holdfast.stored_bytes(more), 8192, more)
        self.assertSameTree(self.source, self.restore())

    def test_ten_unchanged_runs_grow_the_vault_by_little(self):
        trees.make_many(self.source, 500)
        settle()
        self.backup(self.source)
        before = holdfast.stored_bytes(self.vault_files())
        for _ in range(10):
            self.backup(self.source)
        self.assertLess(holdfast.stored_bytes(self.vault_files()) - before, 10 * 12_000)

    def test_full_reads_everything_and_stores_nothing_new(self):
        self.write("source/file", trees.noise(1, 500_000))
        settle()
        self.backup(self.source)
        again = self.backup(self.source, "--kind", "full")
        self.assertEqual((again["bytes_read"], again["bytes_new"], again["kind"]), (500_000, 0, "full"))

    def test_kinds_trust_what_they_say(self):
        for name in "abc":
            self.write(f"source/{name}", trees.noise(ord(name), 200_000))
        settle()
        first = self.backup(self.source)
        self.assertEqual((first["kind"], first["parent"]), ("full", None))
        self.write("source/a", trees.noise(10, 200_000))
        settle()
        incremental = self.backup(self.source, "--kind", "incremental")
        self.assertEqual((incremental["kind"], incremental["parent"], incremental["bytes_read"]), ("incremental", first["point"], 200_000))
        self.write("source/b", trees.noise(11, 200_000))
        settle()
        # Since the last full both have changed, and only one of them is new.
        differential = self.backup(self.source, "--kind", "differential")
        self.assertEqual((differential["kind"], differential["parent"], differential["bytes_read"]), ("differential", first["point"], 400_000))
        self.assertLess(differential["bytes_new"], 250_000)
        after = self.backup(self.source, "--kind", "incremental")
        self.assertEqual((after["parent"], after["bytes_read"]), (differential["point"], 0))
        full = self.backup(self.source, "--kind", "full")
        self.assertEqual((full["kind"], full["parent"], full["bytes_read"], full["independent"]), ("full", None, 600_000, False))
        listed = self.ask("points")
        self.assertEqual([p["kind"] for p in listed], ["full", "incremental", "differential", "incremental", "full"])
        self.assertEqual([p["base_full"] for p in listed], [None] + [first["point"]] * 3 + [None])
        self.assertSameTree(self.source, self.restore())

    def test_a_full_stores_again_what_lies_in_packs_that_are_gone(self):
        self.write("source/a", trees.noise(1, 300_000))
        settle()
        self.backup(self.source)
        for pack in self.vault_files("packs"):
            os.remove(pack)
        again = self.backup(self.source, "--kind", "full")
        self.assertGreater(again["bytes_new"], 300_000)
        self.assertSameTree(self.source, self.restore())

    def test_an_independent_full_shares_nothing(self):
        self.write("source/a", trees.noise(1, 300_000))
        settle()
        self.backup(self.source)
        older = self.vault_files("packs")
        apart = self.backup(self.source, "--independent")
        self.assertEqual((apart["kind"], apart["independent"], apart["bytes_delta"]), ("full", True, 0))
        self.assertGreater(apart["bytes_new"], 300_000)
        self.assertEqual([p["independent"] for p in self.ask("points")], [False, True])
        for pack in older:
            os.remove(pack)
        self.assertSameTree(self.source, self.restore())
        self.assertIn("only a full point can be independent", self.run_it("backup", self.source, "--independent", "--kind", "incremental", expect=2).messages)

    def test_one_changed_file_among_many_is_the_only_one_read(self):
        for i in range(200):
            self.write(f"source/{i % 7}/file-{i}", trees.noise(i, 1000))
        settle()
        self.backup(self.source)
        self.write("source/3/file-3", "changed")
        answer = self.backup(self.source)
        self.assertEqual((answer["files_read"], answer["bytes_read"]), (1, 7))

    def test_rewritten_with_the_same_size_right_after_a_backup(self):
        """Git calls it racily clean: written again within one tick of the clock, so that no time tells."""
        for round in range(12):
            path = self.write("source/file", b"old %2d" % round)
            self.backup(self.source)
            self.write("source/file", b"new %2d" % round)
            answer = self.backup(self.source)
            self.assertEqual(open(os.path.join(self.restore(answer["point"]), "file"), "rb").read(), b"new %2d" % round)
            self.assertTrue(os.path.exists(path))

    def test_rewritten_with_the_same_size_and_time_while_the_first_backup_ends(self):
        """The same within one tick, with the modification time put back."""
        for round in range(8):
            path = self.write("source/file", b"old %2d" % round, times=1_600_000_000 * NS)
            self.backup(self.source)
            self.write("source/file", b"new %2d" % round, times=1_600_000_000 * NS)
            point = self.backup(self.source)["point"]
            self.assertEqual(open(os.path.join(self.restore(point), "file"), "rb").read(), b"new %2d" % round, path)

    def test_written_in_the_same_tick_as_the_backup_reads_it_is_read_again_by_the_next(self):
        self.write("source/file", "x" * 1000)
        self.backup(self.source)  # at once: the file's time is within the granularity of this run
        again = self.backup(self.source)
        if again["bytes_read"] == 0:  # the machine was slow: then the time must lie clearly before the first run
            point = self.points()[0]
            self.assertTrue(point)
        third = self.backup(self.source)
        settle()
        self.assertEqual(self.backup(self.source)["bytes_read"], 0, third)

    def test_size_and_mtime_kept_by_a_trick_but_ctime_tells(self):
        self.write("source/file", "old content", times=1_500_000_000 * NS)
        settle()
        self.backup(self.source)
        settle()
        self.write("source/file", "new content", times=1_500_000_000 * NS)
        answer = self.backup(self.source)
        self.assertEqual(answer["bytes_read"], 11)
        self.assertEqual(open(self.restore() + "/file").read(), "new content")

    def test_another_file_moved_over_with_the_same_size_and_time(self):
        self.write("source/file", "old content", times=1_500_000_000 * NS)
        self.write("other", "new content", times=1_500_000_000 * NS)
        settle()
        self.backup(self.source)
        os.rename(self.path("other"), self.source + "/file")
        self.backup(self.source)
        self.assertEqual(open(self.restore() + "/file").read(), "new content")

    def test_changed_metadata_alone(self):
        path = self.write("source/file", "content")
        settle()
        self.backup(self.source)
        os.chmod(path, 0o4711)
        try:
            os.setxattr(path, "user.new", b"attribute")
        except OSError:
            pass
        self.backup(self.source)
        self.assertSameTree(self.source, self.restore())

    def test_changed_metadata_of_folders_symlinks_and_specials(self):
        trees.make_links(self.folder("source", "links"))
        trees.make_specials(self.folder("source", "specials"))
        settle()
        self.backup(self.source)
        trees.set_time(self.source + "/links/dangling", 5 * NS + 5)
        os.chmod(self.source + "/specials/fifo", 0o604)
        os.chmod(self.source + "/links/below", 0o711)
        trees.set_time(self.source + "/links/below", 7 * NS + 7)
        os.unlink(self.source + "/links/absolute")
        os.symlink("elsewhere", self.source + "/links/absolute")
        self.backup(self.source)
        self.assertSameTree(self.source, self.restore())

    def test_hard_links_come_and_go(self):
        self.write("source/a", "one file")
        os.link(self.source + "/a", self.source + "/b")
        settle()
        self.backup(self.source)
        os.link(self.source + "/a", self.source + "/c")
        os.unlink(self.source + "/b")
        self.write("source/b", "its own now")
        self.backup(self.source)
        self.assertSameTree(self.source, self.restore())
        os.unlink(self.source + "/a")
        settle()
        self.backup(self.source)
        self.assertSameTree(self.source, self.restore())

    def test_renamed_directory_stores_no_content_anew(self):
        trees.make_random(self.folder("source", "before"), 6)
        self.write("source/before/large", trees.noise(1, 9_000_000))
        self.backup(self.source)
        os.rename(self.source + "/before", self.source + "/after")
        answer = self.backup(self.source)
        self.assertLess(answer["bytes_stored"], 100_000)
        self.assertSameTree(self.source, self.restore())

    def test_renamed_directory_is_not_read_again(self):
        trees.make_many(self.folder("source", "plans"), 300)
        settle()
        self.backup(self.source)
        os.rename(self.path("source/plans"), self.path("source/archive"))
        again = self.backup(self.source)
        self.assertEqual((again["files_read"], again["bytes_read"]), (0, 0))
        self.assertSameTree(self.source, self.restore())

    def test_what_changed_under_a_new_name_is_stored_as_what_changed(self):
        dice = random.Random(4)
        rows = rows_of(dice)
        self.write("source/sunday.sql", b"".join(rows))
        settle()
        first = self.backup(self.source)
        for name in ("monday", "tuesday"):
            change_rows(dice, rows)
            self.write(f"source/{name}.sql", b"".join(rows))
            if name == "tuesday":
                os.unlink(self.path("source/monday.sql"))
            settle()
            again = self.backup(self.source)
            self.assertGreater(again["bytes_delta"], 0.9 * len(b"".join(rows)))
            self.assertLess(again["bytes_stored"], first["bytes_stored"] / 8)
        self.assertSameTree(self.source, self.restore())

    def test_what_changed_and_moved_to_another_folder_is_stored_as_what_changed(self):
        dice = random.Random(5)
        rows = rows_of(dice)
        self.write("source/dumps/of today/base.sql", b"".join(rows))
        trees.make_many(self.folder("source", "more"), 300)
        settle()
        first = self.backup(self.source)
        change_rows(dice, rows)
        os.unlink(self.path("source/dumps/of today/base.sql"))
        self.write("source/archive/2009/october.sql", b"".join(rows))
        settle()
        again = self.backup(self.source)
        self.assertGreater(again["bytes_delta"], 0.9 * len(b"".join(rows)))
        self.assertLess(again["bytes_stored"], first["bytes_stored"] / 8)
        self.assertSameTree(self.source, self.restore())

    def test_a_new_source_is_stored_as_what_differs_from_others(self):
        """Each release lies in a folder of its own, backed up by its own name; or a part of what another source has, or
        several of them; or the machine was given another name; or the path says nothing and the names in it do."""
        dice = random.Random(6)

        files = {f"part {i % 5}/file {i}.c": text(dice, 400) for i in range(60)}

        def release(name):
            for path, words in files.items():
                files[path] = change_a_line(dice, words)
                self.write(f"{name}/{path}", files[path])
            settle()
            return self.path(name)

        first = self.backup(release("app/app-1.3"))
        self.assertEqual(first["bytes_delta"], 0)

        def check(what, *options):
            again = self.backup(*what, *options)
            self.assertEqual((again["kind"], again["parent"]), ("full", None))
            self.assertEqual(again["bytes_read"], again["bytes"], "nothing is taken over unread")
            self.assertGreater(again["bytes_delta"], 0.8 * first["bytes_new"], what)
            self.assertLess(again["bytes_stored"], first["bytes_stored"] / 5, what)

        check([release("app/app-1.4")])
        check([release("app/app-1.4")], "--host", "renamed")
        check([release("elsewhere/app-1.5")])
        release("app/app-1.4")
        check([self.path(f"app/app-1.4/part {i}") for i in range(5)])
        release("app/app-1.4")
        check([self.path("app")])
        release("app/app-1.5")
        check([self.path("app/app-1.5")])
        check([release("other name")])
        self.assertSameTree(self.path("other name"), self.restore())
        self.verify("--full")

    def test_a_stream_of_another_name_is_stored_as_what_differs(self):
        dice = random.Random(7)
        rows = rows_of(dice)
        stored = []
        for name in ("dump-2026-11-28.sql", "dump-2026-11-29.sql", "monday.sql"):
            change_rows(dice, rows)
            stored.append(self.ask("backup", "--stdin", "--stdin-name", name, input=b"".join(rows))["bytes_stored"])
        self.assertLess(max(stored[1:]), stored[0] / 8, stored)
        self.assertEqual(self.run_it("dump", "latest", "monday.sql").out, b"".join(rows))

    def test_small_files_that_moved_or_were_copied_to_another_folder_are_stored_as_what_changed(self):
        """Nothing tells where they come from but the unchanged ones among them."""
        dice = random.Random(8)

        files = {f"part {i % 3}/file {i:02}.c": text(dice, 600) for i in range(90)}

        def write(folder):
            for path, words in files.items():
                self.write(f"{folder}/{path}", words)

        def change():
            for path in dice.sample(sorted(files), 18):
                files[path] = change_a_line(dice, files[path])

        write("source/work/here/project")
        self.write("source/work/there/notes", "nothing like it")
        settle()
        first = self.backup(self.source)
        change()
        write("source/work/there/deeper/a copy of it")
        shutil.rmtree(self.path("source/work/here/project"))
        settle()
        moved = self.backup(self.source)
        self.assertGreater(moved["bytes_new"], first["bytes_new"] / 8)
        self.assertGreater(moved["bytes_delta"], 0.5 * moved["bytes_new"])
        change()
        write("elsewhere/of another/source")
        copied = self.backup(self.path("elsewhere"), "--host", "another")
        self.assertGreater(copied["bytes_delta"], 0.5 * copied["bytes_new"])
        self.assertSameTree(self.path("elsewhere"), self.restore())
        self.verify("--full")

    def test_a_file_that_changes_each_day_stays_small_and_each_of_its_days_comes_back(self):
        """A dump whose rows grow, shrink and come, and an image with blocks written anew here and there, for two weeks."""
        dice = random.Random(6)
        rows = [b"INSERT INTO t VALUES (%d, '%s');\n" % (i, dice.randbytes(dice.randrange(20, 60)).hex().encode()) for i in range(80_000)]
        image = bytearray(trees.noise(7, 12_000_000))
        days, stored = [], []
        for day in range(14):
            for _ in range(400 if day else 0):
                at = dice.randrange(len(rows))
                rows[at:at + 1] = [rows[at][:-4] + b"x" * dice.randrange(9) + b"');\n"] * dice.choice([1, 1, 1, 2])
            for _ in range(6 if day else 0):
                at = dice.randrange(len(image) // 4096) * 4096
                image[at:at + 4096] = dice.randbytes(4096)
            self.write("source/dump.sql", b"".join(rows))
            self.write("source/disk.img", bytes(image))
            settle()
            made = self.backup(self.source)
            stored.append(made["bytes_stored"])
            days.append((made["point"], b"".join(rows), bytes(image)))
        self.assertLess(sum(stored[1:]), stored[0] / 8, stored)
        self.assertLessEqual(self.ask("stats")["delta"]["depth_max"], 4)

        def all_come_back():
            for point, dump, disk in days:
                to = self.restore(point)
                for name, content in (("dump.sql", dump), ("disk.img", disk)):
                    with open(f"{to}/{name}", "rb") as file:
                        self.assertEqual(file.read() == content, True, (point, name))
                holdfast.remove_tree(to)
            self.verify("--full")

        all_come_back()
        # What others stand on stays, though the days that it was made for go.
        for point, _, _ in days[:9:2]:
            self.run_it("forget", point, "--grace", "0")
        del days[:9:2]
        self.run_it("prune", "--max-unused", "0%")
        all_come_back()

    def test_copied_tree_stores_no_content_anew(self):
        content = trees.noise(1, 3_000_000)
        self.write("source/one/file", content)
        settle()
        self.backup(self.source)
        self.write("source/two/copy", content)
        answer = self.backup(self.source)
        self.assertEqual(answer["bytes_read"], len(content))
        self.assertLess(answer["bytes_stored"], 20_000)

    def test_bytes_put_before_a_large_file_store_little(self):
        """Cuts depend on content, not on where it lies."""
        content = trees.noise(1, 12_000_000)
        path = self.write("source/file", content)
        self.backup(self.source)
        trees.put(path, b"twenty bytes in front" + content)
        answer = self.backup(self.source)
        self.assertLess(answer["bytes_stored"], 1_000_000)
        self.assertSameTree(self.source, self.restore())

    def test_file_becomes_folder_and_folder_becomes_file(self):
        self.write("source/one", "file")
        self.write("source/two/inside", "folder")
        settle()
        self.backup(self.source)
        os.unlink(self.source + "/one")
        self.write("source/one/inside", "folder now")
        os.unlink(self.source + "/two/inside")
        os.rmdir(self.source + "/two")
        self.write("source/two", "file now")
        self.backup(self.source)
        self.assertSameTree(self.source, self.restore())

    def test_another_path_or_host_does_not_mislead(self):
        """A point of other paths is no parent: its files are others."""
        self.write("source/file", "one")
        self.write("other/file", "two")
        settle()
        self.backup(self.source)
        self.backup(self.path("other"))
        again = self.backup(self.source)
        self.assertEqual(again["bytes_read"], 0)
        self.assertEqual(self.backup(self.source, "--host", "elsewhere")["bytes_read"], 3)
        self.assertEqual(open(self.restore() + "/file").read(), "one")

    def test_clock_that_goes_back_loses_no_change(self):
        """Times from the future are never trusted."""
        path = self.write("source/file", "old", times=time.time_ns() + 3600 * NS)
        settle()
        self.backup(self.source)
        self.write("source/file", "new", times=os.stat(path).st_mtime_ns)
        self.backup(self.source)
        self.assertEqual(open(self.restore() + "/file").read(), "new")


class WhileItIsRead(Case):
    """Files that change, vanish or can't be read during the run."""

    def setUp(self):
        super().setUp()
        self.source = self.folder("source")
        self.init()

    def test_file_that_changes_while_it_is_read_is_recorded_as_inconsistent(self):
        self.write("source/calm", "calm")
        path = self.write("source/busy", trees.noise(1, 30_000_000))
        stop = threading.Event()

        def write_on():
            with open(path, "r+b", buffering=0) as f:
                n = 0
                while not stop.is_set():
                    f.seek((n * 4096) % 29_000_000)
                    f.write(b"%020d" % n)
                    n += 1
        writer = threading.Thread(target=write_on)
        writer.start()
        try:
            ran = self.run_it("backup", self.source, "--json", expect=UNREADABLE)
        finally:
            stop.set()
            writer.join()
        self.assertEqual(ran.json["inconsistent"], 1, str(ran))
        self.assertFalse(ran.json["complete"])
        self.assertIn("busy", ran.messages)
        point = self.ask("points", "show", ran.json["point"])
        self.assertEqual((point["inconsistent"], point["complete"]), (1, False))
        to = self.restore(ran.json["point"])
        self.assertEqual(open(to + "/calm").read(), "calm")
        self.assertTrue(os.path.exists(to + "/busy"))
        # The next run, when nothing writes any more, reads it whole and is complete.
        again = self.backup(self.source)
        self.assertEqual((again["inconsistent"], again["complete"]), (0, True))
        self.assertSameTree(self.source, self.restore())

    def test_small_file_that_grows_again_and_again(self):
        path = self.write("source/log", b"x" * 3_000_000)
        stop = threading.Event()

        def append():
            with open(path, "ab", buffering=0) as f:
                while not stop.is_set():
                    f.write(b"y" * 100)
        writer = threading.Thread(target=append)
        writer.start()
        try:
            answer = self.backup(self.source, expect=(DONE, UNREADABLE))
        finally:
            stop.set()
            writer.join()
        restored = open(os.path.join(self.restore(answer["point"]), "log"), "rb").read()
        self.assertEqual(restored[:3_000_000], b"x" * 3_000_000)
        self.assertEqual(restored[3_000_000:].strip(b"y"), b"")

    def test_files_that_vanish_are_reported_and_the_rest_is_saved(self):
        for i in range(4000):
            self.write(f"source/kept-{i % 40}/file-{i}", b"%d" % i)
            self.write(f"source/gone-{i % 40}/file-{i}", b"%d" % i)
        stop = threading.Event()

        def remove():
            # Files go, and come back, and go: some of it falls between listing and opening.
            while not stop.is_set():
                for i in range(4000):
                    path = os.path.join(self.source, f"gone-{i % 40}/file-{i}")
                    if stop.is_set():
                        return
                    if os.path.exists(path):
                        os.unlink(path)
                    else:
                        with open(path, "wb") as f:
                            f.write(b"%d" % i)
        remover = threading.Thread(target=remove)
        remover.start()
        try:
            ran = self.run_it("backup", self.source, "--json", expect=(DONE, UNREADABLE))
        finally:
            stop.set()
            remover.join()
        self.assertEqual(ran.status == UNREADABLE, not ran.json["complete"])
        self.assertEqual(len(ran.json["unreadable_items"]), min(ran.json["unreadable"], 1000), "each is listed")
        for item in ran.json["unreadable_items"]:
            self.assertIn("gone-", item["path"])
            self.assertRegex(item["reason"], "vanished|No such file")
        to = self.restore(ran.json["point"])
        kept = sum(len(names) for at, _, names in os.walk(to) if "kept-" in at)
        self.assertEqual(kept, 4000)
        self.verify()

    def test_unreadable_files_and_folders_are_listed_and_the_rest_is_saved(self):
        self.as_ordinary_user()
        self.source = self.folder("readable")
        self.init()
        for name in ("good", "secret", "locked/inside", "below/good", "below/secret"):
            self.write("readable/" + name, name)
        for at, folders, names in os.walk(self.source):
            for name in folders + names:
                os.chmod(os.path.join(at, name), 0o755)
                if self.user is not None:
                    os.chown(os.path.join(at, name), self.user, self.user)
        for name in ("secret", "locked", "below/secret"):
            os.chmod(os.path.join(self.source, name), 0)
        self.addCleanup(os.chmod, os.path.join(self.source, "locked"), 0o700)
        ran = self.run_it("backup", self.source, "--json", expect=UNREADABLE)
        items = {os.path.relpath(i["path"], self.source): i["reason"] for i in ran.json["unreadable_items"]}
        self.assertEqual(sorted(items), ["below/secret", "locked", "secret"])
        self.assertEqual(ran.json["unreadable"], 3)
        for name, reason in items.items():
            self.assertIn("Permission denied", reason, name)
            self.assertIn(name, ran.messages)
        point = self.ask("points", "show", ran.json["point"])
        self.assertFalse(point["complete"])
        self.assertEqual(len(point["unreadable_items"]), 3)
        shown = self.run_it("points", "show", ran.json["point"], "--unreadable")
        for name in items:
            self.assertIn(name, shown.text)
        to = os.path.join(self.folder("place"), "to")
        self.restore(ran.json["point"], to)
        self.assertEqual(open(to + "/good").read(), "good")
        self.assertEqual(open(to + "/below/good").read(), "below/good")
        # Readable again: the next run takes them, though nothing else changed.
        for name in ("secret", "locked", "below/secret"):
            os.chmod(os.path.join(self.source, name), 0o755)
        self.assertTrue(self.backup(self.source)["complete"])

    def test_a_fifo_does_not_stop_a_backup(self):
        os.mkfifo(self.source + "/fifo")
        self.write("source/file", "x")
        self.assertLess(self.run_it("backup", self.source).seconds, 60)


if __name__ == "__main__":
    holdfast.main()
