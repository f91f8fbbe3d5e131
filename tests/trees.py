"""Makes file trees with everything that a file can be, and compares two of them.

The comparer is independent of Holdfast and of rsync: it walks both trees by open directories (so paths of any length
work) and compares type, mode, owner, size, content, where the holes are, nanosecond mtime, link target, device number,
extended attributes (ACLs and capabilities among them), inode flags and which names are one file.
"""

import array
import errno
import fcntl
import hashlib
import os
import random
import shutil
import socket
import stat
import struct
import subprocess

GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS
NODUMP, NOATIME, IMMUTABLE, APPEND = 0x40, 0x80, 0x10, 0x20
FLAGS_COMPARED = NODUMP | NOATIME | IMMUTABLE | APPEND
NS = 1_000_000_000
SLICE = 4 << 20  # what the program cuts large files into


# --- comparing -------------------------------------------------------------------------------------------------------

def data_map(fd, size):
    """The stretches of a file that are not holes."""
    out, at = [], 0
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as e:
            if e.errno == errno.ENXIO:
                break
            raise
        end = min(os.lseek(fd, begin, os.SEEK_HOLE), size)
        out.append((begin, end))
        at = end
    return out


def get_flags(fd):
    try:
        return struct.unpack("i", fcntl.ioctl(fd, GET_FLAGS, b"\0\0\0\0"))[0] & FLAGS_COMPARED
    except OSError:
        return 0


def set_flags(fd, flags):
    """False where the file system has none."""
    try:
        now = struct.unpack("i", fcntl.ioctl(fd, GET_FLAGS, b"\0\0\0\0"))[0]
        fcntl.ioctl(fd, SET_FLAGS, struct.pack("i", (now & ~FLAGS_COMPARED) | flags))
        return True
    except OSError:
        return False


def read_xattrs(directory, name):
    path = b"/proc/self/fd/%d/%s" % (directory, name)
    out = {}
    try:
        for key in os.listxattr(path, follow_symlinks=False):
            out[key] = os.getxattr(path, key, follow_symlinks=False)
    except OSError as e:
        if e.errno not in (errno.ENOTSUP, errno.EPERM, errno.EACCES):
            raise
    return out


def describe_file(directory, name, s, holes):
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    try:
        digest = hashlib.sha256()
        extents = data_map(fd, s.st_size)
        # Only what is stored is read: a hole of a terabyte costs nothing.
        for begin, end in extents:
            at = begin
            while at < end:
                piece = os.pread(fd, min(1 << 20, end - at), at)
                if not piece:
                    break
                if piece.count(0) != len(piece):  # zeros that are stored are a hole's equal
                    for block in range(0, len(piece), 4096):
                        part = piece[block:block + 4096]
                        if part.count(0) != len(part):
                            digest.update(b"%d:" % (at + block))
                            digest.update(part)
                at += len(piece)
        out = {"sha256": digest.hexdigest(), "flags": get_flags(fd)}
        if holes:
            out["data"] = extents
        return out
    finally:
        os.close(fd)


def walk(directory, prefix, out, options, inodes):
    with os.scandir(directory) as names:
        names = sorted(os.fsencode(e.name) for e in names)
    for name in names:
        path = prefix + name
        if options.get("ignore") and options["ignore"](path):
            continue
        s = os.stat(name, dir_fd=directory, follow_symlinks=False)
        about = {"type": stat.S_IFMT(s.st_mode), "mode": oct(stat.S_IMODE(s.st_mode)), "uid": s.st_uid, "gid": s.st_gid}
        if options.get("times", True):
            about["mtime"] = s.st_mtime_ns
        if not options.get("owners", True):
            del about["uid"], about["gid"]
        if options.get("xattrs", True):
            about["xattrs"] = read_xattrs(directory, name)
        if stat.S_ISLNK(s.st_mode):
            about["target"] = os.readlink(name, dir_fd=directory)
            del about["mode"]
        elif stat.S_ISREG(s.st_mode):
            about["size"] = s.st_size
            about.update(describe_file(directory, name, s, options.get("holes", True)))
        elif stat.S_ISBLK(s.st_mode) or stat.S_ISCHR(s.st_mode):
            about["device"] = s.st_rdev
        elif stat.S_ISDIR(s.st_mode):
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
            try:
                about["flags"] = get_flags(below)
                walk(below, path + b"/", out, options, inodes)
            finally:
                os.close(below)
        if s.st_nlink > 1 and not stat.S_ISDIR(s.st_mode):
            inodes.setdefault((s.st_dev, s.st_ino), []).append(path)
        out[path] = about


def describe(top, **options):
    """path → all about it. Options: times, owners, xattrs, holes (bool), root (bool: the top itself),
    ignore (a function of the path)."""
    out, inodes = {}, {}
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        s = os.fstat(fd)
        if options.get("root", True):
            out[b"."] = {"mode": oct(stat.S_IMODE(s.st_mode)), "mtime": s.st_mtime_ns if options.get("times", True) else 0, "flags": get_flags(fd)}
        walk(fd, b"", out, options, inodes)
    finally:
        os.close(fd)
    for names in inodes.values():
        for name in names:
            out[name]["links"] = tuple(names)
    return out


def differences(a, b):
    out = []
    for path in sorted(a.keys() | b.keys()):
        shown = os.fsdecode(path if len(path) < 200 else path[:90] + b"..." + path[-90:]).encode("utf-8", "backslashreplace").decode()
        if path not in b:
            out.append(f"{shown!r}: missing in the second")
        elif path not in a:
            out.append(f"{shown!r}: only in the second")
        else:
            for key in sorted(a[path].keys() | b[path].keys()):
                if a[path].get(key) != b[path].get(key):
                    out.append(f"{shown!r}: {key}: {str(a[path].get(key))[:300]} | {str(b[path].get(key))[:300]}")
    return out


def compare(one, other, **options):
    """What differs: a list of sentences, empty where nothing does."""
    return differences(describe(one, **options), describe(other, **options))


def rsync_differences(one, other):
    """What rsync would still change to make the second like the first; None without rsync."""
    rsync = shutil.which("rsync")
    if not rsync:
        return None
    done = subprocess.run([rsync, "-aHAXn", "--checksum", "--itemize-changes", "--delete", "--modify-window=-1", "--no-inc-recursive", one + "/", other + "/"],
                          stdin=subprocess.DEVNULL, capture_output=True, env=dict(os.environ, LC_ALL="C"))
    if done.returncode != 0:
        return [f"rsync ended with {done.returncode}: {done.stderr.decode(errors='replace')}"]
    return done.stdout.decode(errors="replace").splitlines()


# --- making ----------------------------------------------------------------------------------------------------------

def put(path, content, mode=None):
    with open(path, "wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())  # delayed allocation would show other holes later
    if mode is not None:
        os.chmod(path, mode)
    return path


def put_sparse(path, size, pieces):
    """A file of `size` bytes in which only `pieces` (offset, bytes) are stored."""
    with open(path, "wb") as f:
        f.truncate(size)
        for offset, content in pieces:
            f.seek(offset)
            f.write(content)
        f.flush()
        os.fsync(f.fileno())
    return path


def set_time(path, ns, follow_symlinks=False):
    os.utime(path, ns=(ns, ns), follow_symlinks=follow_symlinks)


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def words(seed, size):
    """Text that compresses as text does."""
    r = random.Random(seed)
    vocabulary = [bytes(r.choices(b"etaoinshrdlucmfw", k=r.randint(2, 9))) for _ in range(400)]
    out = bytearray()
    while len(out) < size:
        out += r.choice(vocabulary) + (b"\n" if r.random() < 0.1 else b" ")
    return bytes(out[:size])


def make_regular_files(root):
    for size in (0, 1, 2, 511, 4095, 4096, 4097, 16 * 1024 - 1, 16 * 1024, 64 * 1024, 256 * 1024, 256 * 1024 + 1):
        put(os.path.join(root, f"noise-{size}"), noise(size, size))
        put(os.path.join(root, f"text-{size}"), words(size, size))
    for size in (SLICE - 1, SLICE, SLICE + 1, 2 * SLICE + 12345):
        put(os.path.join(root, f"slices-{size}"), noise(size, size))
    put(os.path.join(root, "zeros-stored"), bytes(3 << 20))
    put(os.path.join(root, "same-1"), noise(7, 300_000))
    put(os.path.join(root, "same-2"), noise(7, 300_000))


def make_sparse_files(root):
    k, m = 1 << 10, 1 << 20
    block = noise(1, 64 * k)
    put_sparse(os.path.join(root, "only-a-hole"), 10 * m, [])
    put_sparse(os.path.join(root, "hole-first"), 8 * m, [(8 * m - 64 * k, block)])
    put_sparse(os.path.join(root, "hole-last"), 8 * m, [(0, block)])
    put_sparse(os.path.join(root, "hole-in-the-middle"), 8 * m, [(0, block), (8 * m - 64 * k, block)])
    put_sparse(os.path.join(root, "many-holes"), 30 * m, [(i * m, block[:4 * k * (1 + i % 4)]) for i in range(30)])
    put_sparse(os.path.join(root, "odd-end"), 5 * m + 17, [(2 * m, block)])
    put_sparse(os.path.join(root, "small-hole"), 12 * k, [(8 * k, block[:4 * k])])
    put_sparse(os.path.join(root, "zeros-beside-holes"), 6 * m, [(m, bytes(m)), (4 * m, block)])


def make_times(root):
    times = {"epoch": 0, "before-1970": -123456789 * NS + 987654321, "one-nanosecond-before": -1, "year-1902": -2_145_000_000 * NS,
             "year-2038": 2_147_483_648 * NS + 1, "year-2200": 7_258_118_400 * NS + 999_999_999, "nanosecond": 1_700_000_000 * NS + 1,
             "almost-a-second": 1_700_000_000 * NS + 999_999_999}
    for name, ns in times.items():
        set_time(put(os.path.join(root, "file-" + name), name.encode()), ns)
        os.symlink("file-" + name, os.path.join(root, "link-" + name))
        set_time(os.path.join(root, "link-" + name), ns)
        os.mkdir(os.path.join(root, "folder-" + name))
        put(os.path.join(root, "folder-" + name, "inside"), b"x")
    for name, ns in times.items():
        set_time(os.path.join(root, "folder-" + name), ns)


def make_names(root):
    """Every byte that a name may hold, in names short and long."""
    for byte in range(1, 256):
        if byte == ord("/"):
            continue
        name = bytes([byte])
        if name != b".":
            put(os.path.join(os.fsencode(root), name), name)
        put(os.path.join(os.fsencode(root), b"a" + name + b"z"), name)
    for name in (b"\n", b"new\nline", b" leading", b"trailing ", b"\xff\xfe invalid", "é".encode(), "é".encode(), "日本語".encode(), b"-rf", b"--help", b"*",
                 b"...", b"..a", b"\\", b"'\"", b"$(touch x)", b"\x1b[31mred", b"x" * 255, b"\xe2\x82" + b"\xac" * 253, b"C:\\con", b"#", b"~"):
        path = os.path.join(os.fsencode(root), name)
        if not os.path.lexists(path):
            put(path, name)
    os.mkdir(os.path.join(os.fsencode(root), b"d" * 255))
    os.symlink(b"t" * 1000, os.path.join(os.fsencode(root), b"long-target"))
    os.symlink(b"\xff\n\x01", os.path.join(os.fsencode(root), b"odd-target"))


def make_links(root):
    put(os.path.join(root, "file"), b"content")
    os.link(os.path.join(root, "file"), os.path.join(root, "hard-1"))
    os.mkdir(os.path.join(root, "below"))
    os.link(os.path.join(root, "file"), os.path.join(root, "below", "hard-2"))
    put(os.path.join(root, "large"), noise(99, SLICE + 5000))
    os.link(os.path.join(root, "large"), os.path.join(root, "a-large"))
    put(os.path.join(root, "empty"), b"")
    os.link(os.path.join(root, "empty"), os.path.join(root, "empty-too"))
    os.symlink("file", os.path.join(root, "link"))
    os.link(os.path.join(root, "link"), os.path.join(root, "hard-of-link"), follow_symlinks=False)
    os.symlink("nowhere/at/all", os.path.join(root, "dangling"))
    os.symlink("/etc/hostname", os.path.join(root, "absolute"))
    os.symlink("below", os.path.join(root, "to-a-folder"))
    os.symlink("..", os.path.join(root, "up"))
    os.symlink("loop", os.path.join(root, "loop"))


def make_specials(root):
    os.mkfifo(os.path.join(root, "fifo"), 0o640)
    os.mknod(os.path.join(root, "socket"), stat.S_IFSOCK | 0o600)
    os.link(os.path.join(root, "fifo"), os.path.join(root, "fifo-again"))
    if os.geteuid() == 0:
        try:
            os.mknod(os.path.join(root, "character"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
            os.mknod(os.path.join(root, "block"), stat.S_IFBLK | 0o660, os.makedev(7, 200))
            os.mknod(os.path.join(root, "large-numbers"), stat.S_IFCHR | 0o600, os.makedev(4095, 1048575))
        except PermissionError:  # a container without CAP_MKNOD
            pass


def make_modes(root):
    for mode in (0o000, 0o400, 0o644, 0o777, 0o4755, 0o2755, 0o1777, 0o6711, 0o7777, 0o200):
        if os.geteuid() != 0 and not mode & 0o400:
            continue
        put(os.path.join(root, f"file-{mode:04o}"), b"x", mode)
    for mode in (0o700, 0o755, 0o1777, 0o2775, 0o3777, 0o500):
        path = os.path.join(root, f"folder-{mode:04o}")
        os.mkdir(path)
        put(os.path.join(path, "inside"), b"x")
        os.chmod(path, mode)


def make_owners(root):
    if os.geteuid() != 0:
        return
    for uid, gid in ((0, 0), (1, 2), (12345, 54321), (65534, 65534), (4_000_000_000, 4_000_000_001)):
        path = put(os.path.join(root, f"file-{uid}-{gid}"), b"x")
        os.chown(path, uid, gid)
        os.chmod(path, 0o6755)  # chown clears these: restore must set owners first
        os.symlink("x", os.path.join(root, f"link-{uid}"))
        os.chown(os.path.join(root, f"link-{uid}"), uid, gid, follow_symlinks=False)
        os.mkdir(os.path.join(root, f"folder-{uid}"))
        os.chown(os.path.join(root, f"folder-{uid}"), uid, gid)


def make_xattrs(root):
    """Extended attributes, ACLs, capabilities, inode flags: as far as the file system has them. Says what it made."""
    made = set()
    path = put(os.path.join(root, "with-xattrs"), b"x")
    folder = os.path.join(root, "folder-with-xattrs")
    os.mkdir(folder)
    try:
        for at in (path, folder):
            os.setxattr(at, "user.short", b"value")
            os.setxattr(at, "user.empty", b"")
            os.setxattr(at, "user.binary", bytes(range(256)))
            os.setxattr(at, "user.n" + "x" * 200, b"long name")
        os.setxattr(path, "user.longer", noise(3, 2000))
        many = put(os.path.join(root, "many-xattrs"), b"x")
        for i in range(40):
            os.setxattr(many, f"user.number-{i:03}", b"%d" % i)
        made.add("xattrs")
    except OSError:
        pass
    if os.geteuid() == 0:
        try:
            os.setxattr(path, "trusted.holdfast", b"root only")
            os.symlink("x", os.path.join(root, "link-with-xattr"))
            os.setxattr(os.path.join(root, "link-with-xattr"), "trusted.link", b"on a symlink", follow_symlinks=False)
        except OSError:
            pass
    if shutil.which("setfacl"):
        acl_file = put(os.path.join(root, "with-acl"), b"x", 0o640)
        acl_folder = os.path.join(root, "folder-with-default-acl")
        os.mkdir(acl_folder)
        done = [subprocess.run(["setfacl", *a], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode for a in (
            ["-m", "u:12345:rwx,g:54321:r-x,m::r-x", acl_file], ["-d", "-m", "u:12345:rwx,g::r-x", acl_folder], ["-m", "g:100:rwx", acl_folder])]
        if not any(done):
            made.add("ACLs")
        # Made below a folder with a default ACL: restore must not let it inherit another one.
        put(os.path.join(acl_folder, "inherits"), b"x")
        plain = put(os.path.join(acl_folder, "plain"), b"x", 0o604)
        subprocess.run(["setfacl", "-b", plain], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.mkdir(os.path.join(acl_folder, "folder-inherits"))
        bare = os.path.join(acl_folder, "folder-without")
        os.mkdir(bare)
        subprocess.run(["setfacl", "-b", "-k", bare], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    setcap = shutil.which("setcap") or shutil.which("setcap", path="/sbin:/usr/sbin")
    if setcap and os.geteuid() == 0:
        tool = put(os.path.join(root, "with-capability"), b"#!/bin/true\n", 0o755)
        os.chown(tool, 12345, 12345)  # chown drops capabilities: restore must set them last
        if subprocess.run([setcap, "cap_net_raw,cap_net_admin+ep", tool], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            made.add("capabilities")
    for name, flags in (("nodump", NODUMP), ("noatime", NOATIME), ("both", NODUMP | NOATIME)):
        flagged = put(os.path.join(root, "flag-" + name), b"x")
        fd = os.open(flagged, os.O_RDONLY)
        if set_flags(fd, flags):
            made.add("inode flags")
        os.close(fd)
    folder = os.path.join(root, "flag-folder")
    os.mkdir(folder)
    fd = os.open(folder, os.O_RDONLY)
    set_flags(fd, NODUMP)
    os.close(fd)
    return made


def make_everything(root):
    """A tree with one of each; gives the set of what the file system could not do without."""
    os.makedirs(root, exist_ok=True)
    made = set()
    for name, make in (("regular", make_regular_files), ("sparse", make_sparse_files), ("times", make_times), ("names", make_names), ("links", make_links),
                       ("specials", make_specials), ("modes", make_modes), ("owners", make_owners), ("xattrs", make_xattrs)):
        os.mkdir(os.path.join(root, name))
        made |= make(os.path.join(root, name)) or set()
    os.makedirs(os.path.join(root, "empty", "in", "empty"))
    deep = root
    for i in range(60):
        deep = os.path.join(deep, f"level-{i}")
    os.makedirs(deep)
    put(os.path.join(deep, "at-the-bottom"), b"x")
    set_time(os.path.join(root, "names"), 1_234_567_890 * NS + 123_456_789)
    set_time(root, 1_111_111_111 * NS + 1)
    return made


def make_longer_than_path_max(root, levels=40):
    """Folder in folder until the path is about 10,000 bytes long."""
    os.makedirs(root, exist_ok=True)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for i in range(levels):
            name = f"{i:03}-".encode() + b"p" * 246
            os.mkdir(name, dir_fd=fd)
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            for leaf, content in ((b"file", b"at level %d" % i), (b"f" * 255, b"long name at %d" % i)):
                f = os.open(leaf, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=below)
                os.write(f, content)
                os.fsync(f)
                os.close(f)
            os.symlink(b"file", b"link", dir_fd=below)
            os.link(b"file", b"hard", src_dir_fd=below, dst_dir_fd=below)
            os.close(fd)
            fd = below
    finally:
        os.close(fd)


def make_many(root, count, size=20):
    os.makedirs(root, exist_ok=True)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for i in range(count):
        f = os.open(f"entry-{i:07}", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd)
        if size:
            os.write(f, b"%d " % i * (size // 8 + 1))
        os.close(f)
    os.close(fd)


def make_random(root, seed, entries=150):
    """A random tree; the same seed gives the same one."""
    r = random.Random(seed)
    root = os.fsencode(root)
    os.makedirs(root, exist_ok=True)
    folders, files = [root], []

    def name():
        kind = r.random()
        if kind < 0.7:
            return bytes(r.choices(b"abcdefghijklmnopqrstuvwxyz0123456789._-", k=r.randint(1, 12)))
        if kind < 0.9:
            return bytes(r.choice([b for b in range(1, 256) if b != 47]) for _ in range(r.randint(1, 40)))
        return bytes(r.choices(b"xyz\xc3\xa4", k=r.randint(200, 255)))

    for _ in range(entries):
        path = os.path.join(r.choice(folders), name())
        if os.path.lexists(path) or os.path.basename(path) in (b".", b"..") or len(path) > 3500:
            continue
        kind = r.random()
        if kind < 0.25:
            os.mkdir(path)
            folders.append(path)
            continue
        if kind < 0.32:
            os.symlink(name() + (b"/" + name() if r.random() < 0.5 else b""), path)
        elif kind < 0.36 and files:
            try:
                os.link(r.choice(files), path, follow_symlinks=False)
            except OSError:
                pass
            continue
        elif kind < 0.38:
            os.mkfifo(path)
        elif kind < 0.40:
            os.mknod(path, stat.S_IFSOCK | 0o644)
        elif kind < 0.45:
            size = r.randint(1, 6 << 20)
            put_sparse(path, size, [(r.randrange(size), r.randbytes(r.randint(1, 50_000))) for _ in range(r.randint(0, 6))])
            files.append(path)
        else:
            size = int(2 ** r.uniform(0, 19 if r.random() < 0.95 else 23))
            content = r.choice([r.randbytes, lambda n: words(r.random(), n), lambda n: bytes([r.randrange(256)]) * n])(size)
            put(path, content)
            files.append(path)
        if r.random() < 0.3:
            try:
                os.setxattr(path, f"user.{r.randrange(10)}", r.randbytes(r.randint(0, 100)), follow_symlinks=False)
            except OSError:
                pass
        if os.geteuid() == 0 and r.random() < 0.3:
            os.chown(path, r.randrange(70000), r.randrange(70000), follow_symlinks=False)
        if not os.path.islink(path) and r.random() < 0.5:
            os.chmod(path, r.choice([0o600, 0o644, 0o755, 0o4711, 0o400, 0o777]))
        set_time(path, r.randrange(-2 * 10**9, 8 * 10**9) * NS + r.randrange(NS))
    for path in reversed(folders):
        if r.random() < 0.4:
            os.chmod(path, r.choice([0o700, 0o755, 0o1777, 0o2750, 0o500]))
        set_time(path, r.randrange(-10**9, 5 * 10**9) * NS + r.randrange(NS))
