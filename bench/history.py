#!/usr/bin/env python3
"""Run Holdfast and its peers side by side over a history: many versions of a tree, then old points are forgotten.

The versions lie between v1 and v2 of a corpus: the files that differ, and of large files the parts that differ, change in
as many steps as there are versions, in an order drawn once. Each version is backed up by all programs in turn, starting at
another one each time, so that a drift of the machine hits all alike.

With --change P there is no v2 in it: each version rewrites P percent of what the corpus has, `image` in extents of 32 KiB at
places drawn anew, `dump` in rows drawn anew, with some rows more.

Steps, each timed:
  open     list the points: starting up and deriving the key, which every other step pays too
  first    back up v1 into the empty vault
  plain    restore it, three times, while it is all there is
  next     back up each version after it (a median and a sum)
  newest   restore the last version, three times
  oldest   restore the first, three times
  favour   lay the newest anew (who can), then newest+ and oldest+: those restores again, in a copy of the vault
  half     keep the newest half of the points, and give back the space
  day      one more backup (not counted), then the same again: what a daily run costs, one point new and one to go
  idle     the same once more, nothing to do

Sources are read through a warm page cache; vaults are on a memory file system unless --work says otherwise, whose memory the
machine has handed out once before each first backup and restore. Everything made is removed at the end, also after Ctrl-C.
"""
import argparse
import filecmp
import json
import math
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys

from make_corpora import DEFAULT_DIR, scatter
from programs import PROGRAMS, Peers, Program, new_folder, warm_memory
from side_by_side import disk_bytes, installed, machine, say, stored_bytes
from tables import ratio, show, table

BLOCK = 64 * 1024      # in which large files change
LARGE = 16 * 1024 * 1024
COUNTED = ["holdfast", "restic", "borg"]


def begin(corpus, part, live):
    """Makes the live tree v1."""
    subprocess.run(["rsync", "-aHAX", "--sparse", "--delete", f"{corpus / 'v1' / part}/", f"{live}/"], check=True)


class Versions:
    """The tree between v1 and v2. Only what differs is touched, as people's own changes would."""

    def __init__(self, corpus, part, live, count):
        self.v1, self.v2, self.live = corpus / "v1" / part, corpus / "v2" / part, live
        begin(corpus, part, live)
        changes = self.changes()
        random.Random(1).shuffle(changes)
        self.portions = [changes[i::count - 1] for i in range(count - 1)]

    def changes(self):
        """What to do, one tuple each: the path, and the block to change, or -1 for the whole file."""
        def files(top):
            return {path.relative_to(top) for path in top.rglob("*") if path.is_symlink() or path.is_file()}
        old, new, out = files(self.v1), files(self.v2), []
        for path in sorted(old | new):
            a, b = self.v1 / path, self.v2 / path
            if path in old and path in new and not a.is_symlink() and not b.is_symlink():
                if filecmp.cmp(a, b, shallow=False):
                    continue
                if a.stat().st_size == b.stat().st_size >= LARGE:
                    with open(a, "rb") as x, open(b, "rb") as y:
                        out += [(path, i) for i in range(-(-a.stat().st_size // BLOCK)) if x.read(BLOCK) != y.read(BLOCK)]
                    continue
            elif path in old and path in new and a.is_symlink() and b.is_symlink() and os.readlink(a) == os.readlink(b):
                continue
            out.append((path, -1))
        return out

    def describe(self):
        return f"{sum(len(p) for p in self.portions)} changes"

    def advance(self, step):
        """Makes the version `step` + 1 of the one before it. Gives how many changes that took."""
        for path, block in self.portions[step]:
            target, source = self.live / path, self.v2 / path
            if block >= 0:
                with open(source, "rb") as read, open(target, "r+b") as write:
                    read.seek(block * BLOCK)
                    write.seek(block * BLOCK)
                    write.write(read.read(BLOCK))
                continue
            if target.is_symlink() or target.exists():
                target.unlink()
            if source.is_symlink() or source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        return len(self.portions[step])


class Days:
    """A large file of which each version changes as many percent, as make_corpora.py makes v2 of v1."""

    def __init__(self, corpus, live, percent):
        self.live, self.percent = live, percent
        begin(corpus, ".", live)

    def describe(self):
        return f"{self.percent:g} % changed in each"

    def advance(self, step):
        rng = random.Random(1000 + step)
        for path in sorted(self.live.rglob("*")):
            if path.suffix == ".img":
                scatter(path, rng, int(path.stat().st_size * self.percent / 100 / (8 * 4096)))
            elif path.suffix == ".sql":
                self.rewrite_rows(path, rng, step)

    def rewrite_rows(self, path, rng, step):
        part, added = self.percent / 100, 0
        new = path.with_suffix(".new")
        with open(path) as old, open(new, "w", buffering=1 << 20) as out:
            for line in old:
                fields = line.split("\t")
                luck = rng.random() if len(fields) == 6 else 1 - part
                if luck < part:
                    fields[4] = fields[4][::-1]
                    line = "\t".join(fields)
                out.write(line)
                if luck > 1 - part / 5:
                    added += 1
                    out.write(f"{(step + 1) * 100_000_000 + added}\t{fields[1]}\ttodo\tnew\t{fields[4][:40]}\t2009-10-12 12:00:00\n")
        new.rename(path)


class Contest:
    """All programs, each with its own vault, over one history."""

    def __init__(self, programs, versions, live, count):
        self.programs, self.versions, self.live, self.count = programs, versions, live, count
        self.rows = {p.name: dict(steps={}, size={}, failed=[]) for p in programs}
        self.turn = 0

    def each(self, step, act):
        """One step of every program, in an order that changes from step to step."""
        shift, self.turn = self.turn % len(self.programs), self.turn + 1
        for program in self.programs[shift:] + self.programs[:shift]:
            result, row = act(program), self.rows[program.name]
            if result is None:  # it can't
                continue
            if result["code"] in program.fine:
                row["steps"].setdefault(step, []).append(result)
            else:
                said = program.log.read_text(errors="replace").strip()[-600:]
                say(f"error: {program.name} failed at {step}, exit status {result['code']}\n{said}")
                row["failed"].append(f"{step}: exit status {result['code']}")

    def restored(self, step, name):
        def act(program):
            target = program.root / "restored"
            target.mkdir()
            warm_memory(program.root, disk_bytes(self.live))
            try:
                return program.restore(name, target)
            finally:
                shutil.rmtree(target, ignore_errors=True)
        for _ in range(3):
            self.each(step, act)

    def favoured(self):
        programs, self.programs = self.programs, [p for p in self.programs if type(p).favour_newest is not Program.favour_newest]
        for program in self.programs:
            shutil.copytree(program.vault, program.vault.with_name("kept"))
        self.each("favour", lambda p: p.favour_newest())
        self.weigh("favoured")
        self.restored("newest+", f"v{self.count - 2}")
        self.restored("oldest+", "v0")
        for program in self.programs:
            shutil.rmtree(program.vault)
            program.vault.with_name("kept").rename(program.vault)
        self.programs = programs

    def first(self, program):
        warm_memory(program.root, disk_bytes(self.live))
        return program.backup(self.live, "v0")

    def weigh(self, when):
        for program in self.programs:
            self.rows[program.name]["size"][when] = stored_bytes(program.vault)

    def go(self):
        self.each("init", lambda p: p.init())
        self.each("open", lambda p: p.open())
        self.each("first", self.first)
        self.weigh("first")
        self.restored("plain", "v0")
        for i in range(self.count - 2):  # the last version is for the day after
            self.versions.advance(i)
            self.each("next", lambda p, i=i: p.backup(self.live, f"v{i + 1}"))
            if (i + 1) % 10 == 0:
                say(f"  version {i + 1}")
        self.weigh("history")
        self.restored("newest", f"v{self.count - 2}")
        self.restored("oldest", "v0")
        self.favoured()
        keep = self.count // 2
        self.each("half", lambda p: p.prune(keep))
        self.weigh("half")
        self.versions.advance(self.count - 2)
        self.each("more", lambda p: p.backup(self.live, "more"))
        self.each("day", lambda p: p.prune(keep))
        self.each("idle", lambda p: p.prune(keep))
        self.weigh("end")
        return self.rows


# --- the report ---

def wall(row, step):
    results = row["steps"].get(step, [])
    return statistics.median(r["wall"] for r in results) if results else None


def times(row, step):
    results = row["steps"].get(step, [])
    return f"{wall(row, step):.2f} ({statistics.median(r['cpu'] for r in results):.2f})" if results else "failed" if row["failed"] else ""


def report(title, rows):
    print(f"## {title}\n")
    print("Seconds, and in brackets CPU seconds. MB on disk, parity apart.\n")
    steps = ["open", "first", "plain", "next", "newest", "oldest", "favour", "newest+", "oldest+", "half", "day", "idle"]
    mb = lambda row, when: row["size"][when] / 1e6
    table(["program", *steps, "all of next", "first MB", "history +MB", "favour +MB", "half −MB", "peak MiB"],
          [[name, *(times(row, s) for s in steps), show(sum(r["wall"] for r in row["steps"].get("next", []))),
            show(mb(row, "first"), 1), show(mb(row, "history") - mb(row, "first"), 2),
            show(mb(row, "favoured") - mb(row, "history"), 2) if "favoured" in row["size"] else "", show(mb(row, "history") - mb(row, "half"), 2),
            show(max(r["peak_mib"] for r in row["steps"].get("half", [dict(peak_mib=0)])), 0)] for name, row in rows.items()])
    ours = rows.get("holdfast")
    if ours and len(rows) > 1:
        opened = lambda row: wall(row, "open") or 0
        late = ["half", "day", "idle"]
        # Who can't favour the newest restores it as before.
        theirs = lambda row, s: next((w for w in (wall(row, s), wall(row, s.rstrip("+"))) if w is not None), math.nan)
        table(["÷ holdfast", *steps, *(f"{s}, less open" for s in late), "growth"],
              [[name, *(show(ratio(theirs(row, s), wall(ours, s) or math.nan)) for s in steps),
                *(show(ratio(wall(row, s) - opened(row), wall(ours, s) - opened(ours))) for s in late),
                show(ratio(mb(row, "history") - mb(row, "first"), mb(ours, "history") - mb(ours, "first")))]
               for name, row in rows.items() if row is not ours])
    sys.stdout.flush()


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="Our program is $HOLDFAST, else build/release/holdfast, else the one in PATH.")
    corpora = pathlib.Path(os.environ.get("HOLDFAST_BENCH", DEFAULT_DIR))
    parser.add_argument("--dir", type=pathlib.Path, default=corpora, help=f"the corpora (default $HOLDFAST_BENCH, now {corpora})")
    parser.add_argument("--corpus", default="src", metavar="C", help="one that has two versions (default src)")
    parser.add_argument("--part", default=".", metavar="PATH", help="only this folder of it: drivers/net")
    parser.add_argument("--change", type=float, metavar="P", help="rewrite P percent for each version instead (image, dump)")
    parser.add_argument("--versions", type=int, default=100, metavar="N", help="how many backups before the old half goes (default 100)")
    parser.add_argument("--programs", default=",".join(COUNTED), metavar="P,Q", help="among " + ",".join(c.name for c in PROGRAMS))
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/dev/shm"), help="where vaults go (default /dev/shm)")
    parser.add_argument("--peers", type=pathlib.Path, default=pathlib.Path(os.environ.get("HOLDFAST_PEERS", "/opt/holdfast-peers")))
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every single figure there as well")
    options = parser.parse_args()
    if options.versions < 4:
        parser.error("--versions must be at least 4")
    if options.change is not None and not 0 < options.change <= 50:
        parser.error("--change must be above 0 and at most 50")
    return options


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work, live = new_folder(options.work, "holdfast-history-"), new_folder(options.dir, "live-")
    try:
        why = Peers.enter(options.peers, work, live)
        if why:
            say(f"borg is looked for in PATH: the chroot in {options.peers} cannot be used: {why}")
        classes, versions = installed(options.programs.split(","))
        here = machine(options.dir, options.work)
        corpus = options.dir / options.corpus
        history = Days(corpus, live, options.change) if options.change else Versions(corpus, options.part, live, options.versions + 1)
        print(f"# History, {here['when']}\n\n{here['cpu']}, {here['cores']} cores; vaults on {here['work']}; load before the start {here['load']:.2f}\n")
        for name, version in versions.items():
            print(f"- {name}: {version}")
        print(flush=True)
        programs = []
        for cls in classes:
            (work / cls.name).mkdir()
            programs.append(cls(work / cls.name))
        rows = Contest(programs, history, live, options.versions + 1).go()
        report(f"{options.corpus}/{options.part}: {options.versions} versions, {history.describe()}", rows)
        if options.json:
            options.json.write_text(json.dumps(dict(machine=here, programs=versions, versions=options.versions, changes=history.describe(), rows=rows), indent=1) + "\n")
        failed = any(row["failed"] for row in rows.values())
    except KeyboardInterrupt:
        sys.exit("\nstopped; what was made is being removed")
    finally:
        Peers.leave()
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(live, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
