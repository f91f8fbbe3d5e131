#!/usr/bin/env python3
"""Make the corpora for side_by_side.py: trees in two versions, v1 and then v2 with the changes a day brings.

  src     kernel sources and a later release of them      many small text files
  usr     programs and libraries of this machine          mixed binaries, hard links, symlinks
  mail    100,000 messages of 1 to 30 KB                  small files; v2 adds 3 %, deletes 0.5 %
  photos  400 files of 2 to 8 MB                          incompressible; v2 adds 20 and renames a folder
  image   an ext4 image of 4 GiB with holes               one large sparse file; v2 rewrites 3 % of it in place
  dump    a database dump of 6,000,000 rows as SQL text   one large text file; v2 changes 1 % of the rows, adds 0.2 %
  many    1,000,000 tiny files in 1,000 folders           v1 only; made only when named, takes 4 GB of disk and minutes

At --scale 1 the first six take about 20 GB and some minutes; src has one size. mail, photos, dump and many are the same on
every machine; usr and image are made from its /usr, src from its Debian mirror. A file that is the same in v1 and v2 has
the same modification time, so that a program can see that it is unchanged. What is complete already is kept.
"""
import argparse
import datetime
import filecmp
import json
import os
import pathlib
import random
import shutil
import stat
import subprocess
import sys

DEFAULT_DIR = "/tmp/holdfast-bench"
FORMAT = 1  # raised when what a corpus holds changes, so that old ones are made anew


class CannotMake(Exception):
    """What stands in the way, for a person."""


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, **options)


def output(*command):
    """The lines a command prints."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True).stdout.splitlines()


def copy(source, target):
    """A copy with times, owners, attributes, hard links and holes."""
    run("cp", "-a", "--sparse=auto", "--", source, target)


# --- text that compresses like text ---------------------------------------------------------------------------------

def vocabulary():
    rng = random.Random(7)
    syllables = "ba de ki lo mu ran ter son vi el or sta ne ing al pre con ti us ma".split()
    return ["".join(rng.choice(syllables) for _ in range(rng.randint(1, 4))) for _ in range(20_000)]


def text(rng, words, size):
    """`size` characters in lines of twelve words, common words often."""
    lines, total = [], 0
    while total < size:
        line = " ".join(words[min(int(rng.paretovariate(0.9)), len(words) - 1)] for _ in range(12))
        lines.append(line)
        total += len(line) + 1
    return "\n".join(lines)[:size]


# --- src ------------------------------------------------------------------------------------------------------------

def make_src(root, scale, given):
    v1, v2 = root / "v1", root / "v2"
    if given:
        for source, target in zip(given, (v1, v2)):
            unpack(pathlib.Path(source), target)
        note = f"{given[0]}, {given[1]}"
    else:
        package, versions = kernel_sources()
        older = versions[min(3, len(versions) - 1)]
        fetch_kernel(package, older, v1)
        if len(versions) > 1:
            fetch_kernel(package, versions[0], v2)
            note = f"{package} {older}, {versions[0]}"
        else:
            copy(v1, v2)
            edit_sources(v2)
            note = f"{package} {older}, the same with 3 % of its files edited"
    same_times(v1, v2)
    return note


def kernel_sources():
    """The linux-source package with the most versions to be had, and its versions, newest first."""
    if not shutil.which("apt-get"):
        raise CannotMake("no apt-get to fetch kernel sources with; give two releases of any large source: --src OLD NEW")
    found = []
    for name in sorted(line.split()[0] for line in output("apt-cache", "search", "--names-only", r"^linux-source-[0-9.]+$")):
        listing = output("apt-cache", "madison", name)
        versions = list(dict.fromkeys(line.split("|")[1].strip() for line in listing if "|" in line))
        found.append((name, versions))
    if not any(versions for _, versions in found):
        raise CannotMake("apt knows no linux-source package; run apt-get update, or give two source trees: --src OLD NEW")
    return max(found, key=lambda pair: len(pair[1]))


def fetch_kernel(package, version, target):
    stage = target.with_name(target.name + ".stage")
    stage.mkdir()
    run("apt-get", "-qq", "download", "-o", "APT::Sandbox::User=root", f"{package}={version}", cwd=stage)
    run("dpkg", "-x", next(stage.glob("*.deb")), stage / "deb")
    unpack(next((stage / "deb/usr/src").glob("*.tar.*")), target)
    shutil.rmtree(stage)


def unpack(source, target):
    """A folder or a tar file becomes `target`; a single folder at the top of a tar file is taken off."""
    if source.is_dir():
        copy(source, target)
        return
    stage = target.with_name(target.name + ".unpacked")
    stage.mkdir()
    run("tar", "-xf", source.resolve(), "-C", stage)
    inside = list(stage.iterdir())
    if len(inside) == 1 and inside[0].is_dir():
        inside[0].rename(target)
        stage.rmdir()
    else:
        stage.rename(target)


def edit_sources(tree):
    """What a release does to a source tree: lines changed and inserted in 3 % of the files, some files new, some gone."""
    rng = random.Random(5)
    files = files_of(tree)
    for path in rng.sample(files, len(files) // 30):
        kind = rng.random()
        if kind < 0.05:
            path.unlink()
        elif kind < 0.15:
            shutil.copyfile(path, path.with_name("new_" + path.name))
        else:
            lines = path.read_bytes().split(b"\n")
            for _ in range(rng.randint(1, 12)):
                at = rng.randrange(len(lines))
                lines[at:at + rng.randint(0, 1)] = [b"\tchanged(%d);" % rng.getrandbits(40)]
            path.write_bytes(b"\n".join(lines))


# --- usr, mail, photos, image, dump, many -----------------------------------------------------------------------------

def make_usr(root, scale, _):
    v1, v2 = root / "v1", root / "v2"
    budget = int(2.5e9 * scale)
    for base in ("bin", "sbin", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "share/doc", "include", "lib/gcc", "share"):
        folder = pathlib.Path("/usr", base)
        for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
            target = v1 / str(entry).lstrip("/")
            if budget <= 0 or target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            copy(entry, target)
            budget -= int(output("du", "-sb", target)[0].split()[0])
    copy(v1, v2)
    rng = random.Random(3)
    files = files_of(v2)
    for path in rng.sample(files, len(files) // 50):
        kind = rng.random()
        if kind < 0.2:
            path.unlink()
        elif kind < 0.3:
            path.with_name(path.name + ".new").write_bytes(path.read_bytes()[::-1])
        else:
            with open(path, "r+b") as file:
                file.seek(rng.randint(0, max(0, path.stat().st_size - 1)))
                file.write(rng.randbytes(rng.randint(1, 4096)))


def make_mail(root, scale, _):
    v1, v2 = root / "v1", root / "v2"
    words, rng, count = vocabulary(), random.Random(11), int(100_000 * scale)

    def message(path, i):
        size = min(int(rng.lognormvariate(8.2, 0.9)), 30_000) + 1000
        path.write_text(f"From: user{rng.randint(0, 500)}@example.org\nTo: user{rng.randint(0, 500)}@example.org\n"
                        f"Message-ID: <{rng.getrandbits(64):x}.{i}@example.org>\nSubject: {text(rng, words, 40)}\n"
                        f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{text(rng, words, size)}")

    for box in range(100):
        for sub in ("cur", "new"):
            (v1 / f"box{box:03}" / sub).mkdir(parents=True)
    for i in range(count):
        message(v1 / f"box{i % 100:03}" / "cur" / f"{1_600_000_000 + i}.M{i}.host:2,S", i)
    copy(v1, v2)
    for i in range(count, count + count * 3 // 100):
        message(v2 / f"box{i % 7:03}" / "new" / f"{1_600_000_000 + i}.M{i}.host", i)
    for path in rng.sample(sorted(v2.rglob("*.host:2,S")), count // 200):
        path.unlink()


def make_photos(root, scale, _):
    v1, v2, rng = root / "v1", root / "v2", random.Random(13)

    def photo(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xd8\xff\xe1" + rng.randbytes(rng.randint(2_000_000, 8_000_000)))

    for i in range(max(12, int(400 * scale))):
        photo(v1 / f"2009-{i % 12 + 1:02}" / f"IMG_{i:05}.jpg")
    copy(v1, v2)
    (v2 / "2009-03").rename(v2 / "2009-03 spring")
    for i in range(max(1, int(20 * scale))):
        photo(v2 / "2009-12" / f"IMG_9{i:04}.jpg")


def scatter(image, rng, count):
    """Rewrites that many extents of 8 blocks in place, of the first only a half used."""
    block = 4096
    blocks = image.stat().st_size // block
    with open(image, "r+b") as file:
        for _ in range(count):
            file.seek(rng.randrange(blocks - 8) * block)
            file.write(rng.randbytes(2048) + bytes(2048) + rng.randbytes(7 * block))


def make_image(root, scale, _):
    if not shutil.which("mke2fs"):
        raise CannotMake("no mke2fs to make a disk image with; install e2fsprogs")
    v1, v2, stage = root / "v1", root / "v2", root / "stage"
    v1.mkdir()
    v2.mkdir()
    block = 4096
    blocks = max(64 << 20, int((4 << 30) * scale)) // block
    filled = 0
    for path in sorted(pathlib.Path("/usr/lib").rglob("*")):
        if filled > blocks * block * 0.55:
            break
        if stat.S_ISREG(path.lstat().st_mode):
            target = stage / str(path).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
            filled += path.stat().st_size
    run("mke2fs", "-q", "-t", "ext4", "-b", block, "-d", stage, v1 / "disk.img", blocks, stdout=subprocess.DEVNULL)
    shutil.rmtree(stage)
    run("cp", "--sparse=always", "-p", v1 / "disk.img", v2 / "disk.img")
    scatter(v2 / "disk.img", random.Random(17), blocks * 3 // 100 // 8)


def make_dump(root, scale, _):
    words, rows = vocabulary(), int(6_000_000 * scale)
    for version in ("v1", "v2"):
        rng, change = random.Random(19), random.Random(23)
        (root / version).mkdir()
        with open(root / version / "dump.sql", "w", buffering=1 << 20) as dump:
            dump.write("COPY public.items (id, account, kind, title, body, updated) FROM stdin;\n")
            for i in range(rows):
                body = " ".join(words[int(rng.random() ** 3 * len(words))] for _ in range(24))
                account, luck = rng.randint(1, 50_000), change.random()
                if version == "v2" and luck < 0.01:
                    body = body[::-1]
                dump.write(f"{i}\t{account}\tcontact\tuser{account}\t{body}\t2009-10-{i % 28 + 1:02} 12:00:00\n")
                if version == "v2" and luck > 0.998:
                    dump.write(f"{rows + i}\t{account}\ttodo\tnew\t{body[:40]}\t2009-10-12 12:00:00\n")


def make_many(root, scale, _):
    rng, count = random.Random(29), int(1_000_000 * scale)
    for folder in range(1000):
        here = root / "v1" / f"{folder // 32:02}" / f"folder{folder:03}"
        here.mkdir(parents=True)
        for i in range(folder, count, 1000):
            with open(here / f"note{i:07}.txt", "wb") as file:
                file.write(b"%d %x\n" % (i, rng.getrandbits(4 * rng.randint(8, 300))))


# --- the whole ------------------------------------------------------------------------------------------------------

def files_of(tree):
    return sorted(path for path in tree.rglob("*") if stat.S_ISREG(path.lstat().st_mode))


def same_times(v1, v2):
    """A release touches only the files it changes, as a checkout does, though its tar file dates all of them anew."""
    for old in files_of(v1):
        new = v2 / old.relative_to(v1)
        if new.is_file() and not new.is_symlink() and filecmp.cmp(old, new, shallow=False):
            os.utime(new, ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns))


def facts(tree):
    """Files, and their bytes with each hard link counted once."""
    files, size, linked = 0, 0, set()
    for folder, _, names in os.walk(tree):
        for name in names:
            st = os.lstat(os.path.join(folder, name))
            if not stat.S_ISREG(st.st_mode) or st.st_nlink > 1 and (st.st_dev, st.st_ino) in linked:
                continue
            if st.st_nlink > 1:
                linked.add((st.st_dev, st.st_ino))
            files, size = files + 1, size + st.st_size
    return dict(files=files, bytes=size)


MAKERS = dict(src=make_src, usr=make_usr, mail=make_mail, photos=make_photos, image=make_image, dump=make_dump, many=make_many)
USUAL = [name for name in MAKERS if name != "many"]


def make(name, root, scale, given):
    """Makes one corpus. Its corpus.json comes last, so that one cut short is seen as such."""
    order = dict(format=FORMAT, scale=1.0 if name == "src" else scale, given=list(given or []) if name == "src" else [])
    label = root / "corpus.json"
    if label.exists():
        known = json.loads(label.read_text())
        if {key: known.get(key) for key in order} == order:
            return known, False
    elif root.exists() and any(root.iterdir()) and not (root / "incomplete").exists():
        raise CannotMake(f"{root} holds something that is not a corpus of ours; name another folder")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / "incomplete").touch()
    note = MAKERS[name](root, scale, given)
    known = dict(order, note=note or "", made=datetime.date.today().isoformat(),
                 **{version: facts(root / version) for version in ("v1", "v2") if (root / version).exists()})
    label.write_text(json.dumps(known, indent=1) + "\n")
    (root / "incomplete").unlink()
    return known, True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to make (default: {' '.join(USUAL)})")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path(os.environ.get("HOLDFAST_BENCH", DEFAULT_DIR)),
                        help=f"where (default $HOLDFAST_BENCH, else {DEFAULT_DIR})")
    parser.add_argument("--scale", type=float, default=1.0, help="size of all but src (default 1; 0.25 for a first look)")
    parser.add_argument("--src", nargs=2, metavar=("OLD", "NEW"), help="two folders or tar files to make src from")
    options = parser.parse_intermixed_args()
    unknown = [name for name in options.names if name not in MAKERS]
    if unknown:
        parser.error(f"no corpus is called {unknown[0]}; there are: {' '.join(MAKERS)}")
    if options.scale <= 0:
        parser.error("--scale must be above 0")
    failed = False
    for name in options.names or USUAL:
        try:
            known, new = make(name, options.dir / name, options.scale, options.src)
        except (CannotMake, subprocess.CalledProcessError, OSError) as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            failed = True
            continue
        versions = [f"{v} {known[v]['files']:,} files, {known[v]['bytes'] / 1e6:,.0f} MB" for v in ("v1", "v2") if v in known]
        remarks = [known["note"]] if known["note"] else []
        print(f"{name:7}", "; ".join(versions + remarks + ([] if new else ["was there"])), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
