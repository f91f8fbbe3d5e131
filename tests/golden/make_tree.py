"""Makes the tree that the golden vault holds, or says what is in a tree.

  make_tree.py make DIRECTORY 1     the first state       make_tree.py make DIRECTORY 2     changes it to the second
  make_tree.py facts DIRECTORY      JSON: what must come back, path by path (hexadecimal, since names are any bytes)

As root, to make device nodes and owners. Nothing in it depends on when or where it is made.
"""

import fcntl
import hashlib
import json
import os
import random
import socket
import stat
import struct
import sys

NODUMP = 0x40  # FS_NODUMP_FL
GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602
KEPT_FLAGS = 0x00000070  # immutable, append only, no dump: those that mean something elsewhere too
SECOND = 10**9


def write(path, data, mode=0o644):
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)


def make_first(top):
    os.mkdir(top)
    os.chdir(top)
    dice = random.Random(20)
    write(b"empty", b"")
    write(b"text", b"".join(b"line %d of a text\n" % i for i in range(30_000)))
    write(b"noise", dice.randbytes(30_000))
    write(b"set-id", b"#!/bin/sh\n", 0o6755)
    with open(b"zeros", "wb") as f:  # long enough that its list of chunks is a tree
        for _ in range(272):
            f.write(bytes(1 << 20))
    with open(b"sparse", "wb") as f:
        f.truncate(1 << 30)
        f.seek(64 << 20)
        f.write(b"between two holes")
    with open(b"all hole", "wb") as f:
        f.truncate(1 << 20)
    os.mkdir(b"directory", 0o700)
    os.mkdir(b"directory/empty", 0o755)
    os.mkdir(b"directory/sticky", 0o755)
    os.chmod(b"directory/sticky", 0o1777)
    write(b"directory/inside", b"inside\n")
    os.link(b"directory/inside", b"hard link")
    os.symlink(b"directory/inside", b"symlink")
    os.symlink(b"\xff\xfe to nowhere", b"directory/raw symlink")
    os.mkfifo(b"fifo", 0o600)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(b"socket")
    os.mknod(b"character device", stat.S_IFCHR | 0o640, os.makedev(1, 3))
    os.mknod(b"block device", stat.S_IFBLK | 0o600, os.makedev(7, 200))
    write(bytes(c for c in range(1, 256) if c != ord("/")), b"every byte that a name can have\n")
    write(b"n" * 255, b"the longest name\n")
    write("übung – 試験".encode(), b"UTF-8\n")
    os.mkdir(b"many")
    for i in range(2500):
        write(b"many/%04d" % i, b"")
        os.utime(b"many/%04d" % i, ns=(SECOND * 1_600_000_000,) * 2)
    write(b"owned", b"by another\n", 0o604)
    os.chown(b"owned", 4_000_000_000, 12345)
    os.chown(b"symlink", 7, 8, follow_symlinks=False)
    write(b"xattrs", b"has xattrs\n")
    os.setxattr(b"xattrs", b"user.note", b"\0\xff any bytes")
    os.setxattr(b"xattrs", b"user.empty", b"")
    os.setxattr(b"xattrs", b"user.large", bytes(range(256)) * 8)
    # version 2, then (tag, permissions, id) for user, user 1000, group, mask, other; capability: net_bind_service
    entry = struct.Struct("<HHI")
    nobody = 0xFFFFFFFF
    acl = struct.pack("<I", 2) + b"".join(entry.pack(*e) for e in ((1, 6, nobody), (2, 4, 1000), (4, 4, nobody), (16, 4, nobody), (32, 0, nobody)))
    write(b"access list", b"has an ACL\n", 0o640)
    os.setxattr(b"access list", b"system.posix_acl_access", acl)
    default = struct.pack("<I", 2) + b"".join(entry.pack(*e) for e in ((1, 7, nobody), (4, 5, nobody), (32, 0, nobody)))
    os.setxattr(b"directory/sticky", b"system.posix_acl_default", default)
    write(b"capable", b"may bind low ports\n", 0o755)
    os.setxattr(b"capable", b"security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
    write(b"flagged", b"not to be dumped\n")
    with open(b"flagged", "rb") as f:
        fcntl.ioctl(f, SET_FLAGS, struct.pack("l", struct.unpack("l", fcntl.ioctl(f, GET_FLAGS, bytes(8)))[0] | NODUMP))
    age(b".", 1_700_000_000)


def make_second(top):
    os.chdir(top)
    os.unlink(b"noise")
    with open(b"text", "r+b") as f:
        f.seek(100_000)
        f.write(b"changed in the middle")
    write(b"new", b"came later\n")
    age(b".", 1_710_000_000, only=(b"./text", b"./new"))


def age(top, second, only=None):
    """Fixed times, each different, some extreme; directories last."""
    extreme = {b"./empty": -1, b"./text": 1, b"./set-id": -10**18, b"./fifo": 4 * 10**18, b"./symlink": 123_456_789, b"./directory/empty": -SECOND}
    paths = [os.path.join(folder, name) for folder, folders, files in os.walk(top, topdown=False) for name in files + folders] + [top]
    for i, path in enumerate(sorted(paths, key=lambda p: (-p.count(b"/"), p))):
        if path.startswith(b"./many/") or (only and path not in only):
            continue
        when = second * SECOND + i * 1_000_003 if only else extreme.get(path, second * SECOND + i * 1_000_003)
        os.utime(path, ns=(when, when), follow_symlinks=False)
    if only:
        os.utime(top, ns=(second * SECOND,) * 2)


def facts(top):
    out, inodes = {}, {}
    top = os.fsencode(top)
    for folder, folders, files in os.walk(top):
        for name in [b"."] + folders + files:
            path = os.path.join(folder, name)
            if name == b"." and folder != top:
                continue
            s = os.lstat(path)
            key = os.path.relpath(path, top).hex()
            fact = {"type": stat.S_IFMT(s.st_mode) >> 12, "mode": s.st_mode & 0o7777, "uid": s.st_uid, "gid": s.st_gid, "mtime": s.st_mtime_ns}
            if stat.S_ISREG(s.st_mode):
                h = hashlib.sha256()
                with open(path, "rb") as f:
                    for block in iter(lambda: f.read(1 << 20), b""):
                        h.update(block)
                    fact.update(size=s.st_size, sha256=h.hexdigest(), sparse=s.st_blocks * 512 < s.st_size)
                    try:
                        fact["flags"] = struct.unpack("l", fcntl.ioctl(f, GET_FLAGS, bytes(8)))[0] & KEPT_FLAGS
                    except OSError:
                        fact["flags"] = 0
                if s.st_nlink > 1:
                    inodes.setdefault(s.st_ino, []).append(key)
            if stat.S_ISLNK(s.st_mode):
                fact["target"] = os.readlink(path).hex()
            if stat.S_ISCHR(s.st_mode) or stat.S_ISBLK(s.st_mode):
                fact["device"] = [os.major(s.st_rdev), os.minor(s.st_rdev)]
            fact["xattrs"] = {k: os.getxattr(path, k, follow_symlinks=False).hex() for k in sorted(os.listxattr(path, follow_symlinks=False)) if not k.startswith("security.selinux")}
            out[key] = fact
    for names in inodes.values():
        for key in names:
            out[key]["links"] = sorted(names)
    return dict(sorted(out.items()))


if __name__ == "__main__":
    if sys.argv[1] == "facts":
        json.dump(facts(sys.argv[2]), sys.stdout, indent=0, sort_keys=True)
        print()
    else:
        (make_first if sys.argv[3] == "1" else make_second)(os.fsencode(os.path.abspath(sys.argv[2])))
