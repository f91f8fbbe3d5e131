#!/usr/bin/python3
"""An independent reader of Holdfast vaults, written from docs/format/ alone: proof that data outlive the program.

  holdfast_reader.py VAULT --passphrase-file FILE points
  holdfast_reader.py VAULT --passphrase-file FILE ls POINT
  holdfast_reader.py VAULT --passphrase-file FILE restore POINT DIRECTORY
  holdfast_reader.py VAULT --passphrase-file FILE check
  (or --key-file FILE, --recovery-key FILE, or --shares FILE with enough shares one after another)

POINT is "latest" or the beginning of an id; DIRECTORY must be absent or empty. It uses points and packs only, never
the index. Needs Debian's python3-argon2, python3-cryptography and python3-zstandard. Exit status: 0 done, 2 usage,
1 cannot go on, 3 done but some metadata could not be set, 5 damage was found (and what could be read was restored).
"""

import argparse
import hashlib
import hmac
import os
import re
import resource
import stat
import struct
import sys
import time

import argon2.low_level
import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Damaged(Exception):
    """Bytes are not what they must be."""


class Newer(Exception):
    """Written by a program newer than this reader."""


class WrongSecret(Exception):
    """No key slot opens."""


def sha256(data):
    return hashlib.sha256(data).digest()


def hkdf(secret, salt, info):  # RFC 5869, one block
    return hmac.new(hmac.new(salt, secret, hashlib.sha256).digest(), info + b"\x01", hashlib.sha256).digest()


def content_name(data):  # pack.md
    blocks = b"".join(sha256(data[at : at + 65536]) for at in range(0, len(data), 65536))
    return sha256(b"holdfast object" + struct.pack("<Q", len(data)) + sha256(blocks)).hex()


def show(name):
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)


# --- encoding.md ---


class Wire:
    """Reads fields one after another; anything that does not fit is Damaged."""

    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def left(self):
        return len(self.data) - self.at

    def raw(self, n):
        if n > self.left():
            raise Damaged(f"{self.what} is cut off")
        self.at += n
        return self.data[self.at - n : self.at]

    def fixed(self, code):
        return struct.unpack("<" + code, self.raw(struct.calcsize("<" + code)))[0]

    def u8(self):
        return self.fixed("B")

    def varint(self, most=2**64 - 1):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.u8()
            if byte == 0 and shift > 0:
                raise Damaged(f"{self.what} has a number in a longer form than needed")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > most:
                    raise Damaged(f"{self.what} has a number that is too large")
                return value
        raise Damaged(f"{self.what} has a number that is too large")

    def svarint(self):
        value = self.varint()
        return value >> 1 if value & 1 == 0 else -(value >> 1) - 1

    def bytes(self):
        return self.raw(self.varint())

    def count(self, bytes_each):
        """A number of things that take at least so many bytes each."""
        return self.varint(self.left() // bytes_each)

    def end(self):
        if self.left():
            raise Damaged(f"{self.what} is longer than it should be")


# --- sealing.md ---

FRAME = 48
MAGIC = b"\x48\x46\x9e\x01"
SEGMENT, DIRECTORY, POINT, PARAMETERS, LABEL, REPLICA = 1, 2, 3, 4, 6, 9
SMALL_MAX = 256 << 20


def aead(cipher, key):
    if cipher == 1:
        return AESGCM(key)
    if cipher == 2:
        return ChaCha20Poly1305(key)
    raise Newer("it uses a cipher that this reader does not know")


class Frame:
    def __init__(self, header):
        if len(header) < FRAME or header[:4] != MAGIC:
            raise Damaged("no frame begins here")
        self.header = header[:FRAME]
        if sha256(self.header[:44])[:4] != self.header[44:]:
            raise Damaged("a frame header is damaged")
        (self.kind, self.cipher, version, self.epoch, self.ordinal, self.stored) = struct.unpack("<BBHIII", self.header[4:20])
        self.salt = self.header[20:44]
        self.writer = self.salt[:8] if self.epoch >> 31 else None
        self.epoch &= 0x7FFFFFFF
        if version == 0 or self.stored < 16 or self.writer == bytes(8):
            raise Damaged("a frame header is damaged")
        if version > 1:
            raise Newer("a frame was written by a newer program")

    def open(self, keys, body):
        if len(body) != self.stored:
            raise Damaged("a frame is cut off")
        nonce = bytes(4) + struct.pack("<Q", self.ordinal)
        try:
            return aead(self.cipher, keys.object_key(self)).decrypt(nonce, bytes(body), keys.vault + self.header)
        except InvalidTag:
            raise Damaged("authentication failed") from None


def open_small(keys, kind, data, what):
    try:
        frame = Frame(data)
        if frame.kind != kind or len(data) != FRAME + frame.stored or frame.ordinal != 0:
            raise Damaged("it is not what its name says")
        if frame.stored - 16 > SMALL_MAX:
            raise Damaged("it is too large")
        return frame.open(keys, data[FRAME:])
    except Damaged as e:
        raise Damaged(f"{what}: {e}") from None


class Keys:
    def __init__(self, vault, roots):
        self.vault, self.roots = vault, roots
        self.chunk = hkdf(roots[1], vault, b"holdfast chunk id")
        self.cuts = hkdf(roots[1], vault, b"holdfast cuts")

    def secret(self, frame):
        if frame.epoch not in self.roots:
            raise Damaged(f"it is sealed under key epoch {frame.epoch}, which the key slot does not hold")
        root = self.roots[frame.epoch]
        return root if frame.writer is None else hkdf(root, self.vault + frame.writer, b"holdfast writer")

    def object_key(self, frame):
        return hkdf(self.secret(frame), frame.salt, b"holdfast object")

    def signer(self, frame):
        seed = hkdf(self.roots[1] if frame.writer is None else self.secret(frame), self.vault, b"holdfast point signing")
        return Ed25519PrivateKey.from_private_bytes(seed).public_key()

    def chunk_id(self, data):
        return hmac.new(self.chunk, data, hashlib.sha256).digest()


# --- keys.md ---


def checked(data, magic, what, newest=1):
    """The fields between magic and check, after the version; in every version the last four bytes check the rest."""
    if data[:8] != magic:
        raise Damaged(f"{what} does not begin as it should")
    if len(data) < 14 or sha256(data[:-4])[:4] != data[-4:]:
        raise Damaged(f"{what} is damaged")
    wire = Wire(data[8:-4], what)
    wire.version = wire.fixed("H")
    if wire.version == 0:
        raise Damaged(f"{what} is damaged")
    if wire.version > newest:
        raise Newer(f"{what} has format version {wire.version}")
    return wire


BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def base32_bytes(text):
    return sum(BASE32.index(c) << 5 * i for i, c in enumerate(reversed(text))).to_bytes(len(text) * 5 // 8, "big")


def recovery_key(text):
    """The 20 bytes of the key printed in two lines somewhere in a text."""
    first = None
    for line in text.splitlines():
        line = re.sub(r"[\s-]", "", line).upper().translate(str.maketrans("OIL", "011"))
        if len(line) != 18 or not set(line) <= set(BASE32):
            continue
        data = base32_bytes(line[:16])
        number = b"1" if first is None else b"2"  # the second line stands behind the first
        check = int.from_bytes(sha256(b"holdfast recovery key line " + number + data)[:2], "big") >> 6
        if line[16:] != BASE32[check >> 5] + BASE32[check & 31]:
            continue
        if first is not None:
            return first + data
        first = data
    raise WrongSecret("no recovery key is there, or it is mistyped")


def share_lines(text):
    """The shares of a recovery key printed in three lines each, somewhere in a text: (threshold, count, index, set, value)."""
    lines, out = [], {}
    for line in text.splitlines():
        line = re.sub(r"[\s-]", "", line).upper().translate(str.maketrans("OIL", "011"))
        lines.append(line if len(line) == 18 and set(line) <= set(BASE32) else None)
    for at in range(len(lines) - 2):
        share = b""
        for n, line in enumerate(lines[at : at + 3], 1):
            data = base32_bytes(line[:16]) if line else b""
            check = int.from_bytes(sha256(b"holdfast share line " + b"%d" % n + data)[:2], "big") >> 6
            if not line or line[16:] != BASE32[check >> 5] + BASE32[check & 31]:
                break
            share += data
        if len(share) == 30 and share[0] == 1:
            out[share[3]] = (share[1], share[2], share[3], share[4:10], share[10:])
    return list(out.values())


def field_product(a, b):
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11B << (bit - 8)
    return product


def combine(shares):
    """The secret of enough shares: the value at 0 of the polynomial through them, byte by byte (A. Shamir, 1979)."""
    secret = bytes(20)
    for _, _, x, _, value in shares:
        weight = 1
        for _, _, other, _, _ in shares:
            if other != x:
                inverse = next(i for i in range(256) if field_product(other ^ x, i) == 1)
                weight = field_product(weight, field_product(other, inverse))
        secret = bytes(s ^ field_product(weight, v) for s, v in zip(secret, value))
    return secret


def shared_key(text):
    shares = share_lines(text)
    if not shares or len({s[:2] + s[3:4] for s in shares}) > 1 or len(shares) < shares[0][0]:
        raise WrongSecret("these are not enough shares of one set")
    key = combine(shares[: shares[0][0]])
    if sha256(b"holdfast share set" + key)[:6] != shares[0][3]:
        raise WrongSecret("these shares do not belong together")
    return key


KINDS = {"passphrase": 1, "key-file": 2, "recovery-key": 3, "shares": 4}


def root_keys(data, what):
    wire = Wire(data, what)
    roots, last = {}, 0
    for _ in range(wire.count(36)):
        epoch = wire.fixed("I")
        if epoch <= last:
            raise Damaged(f"{what} holds keys out of order")
        last = epoch
        roots[epoch] = wire.raw(32)
    wire.end()
    if not roots:
        raise Damaged(f"{what} holds no key")
    return roots


class Rotation:
    """A new root key, sealed to every slot."""

    MAGIC = b"HFROTAT\n"

    def __init__(self, data, name):
        what = f"rotation {name[:8]}"
        w = checked(data, self.MAGIC, what)
        self.cipher, self.vault, self.epoch = w.u8(), w.raw(16), w.fixed("I")
        w.fixed("q")
        self.clear = data[: 8 + w.at]
        self.entries, last = {}, None
        for _ in range(w.count(49)):
            slot, ephemeral, sealed = w.raw(16), w.raw(32), w.bytes()
            if last is not None and not last < slot:
                raise Damaged(f"{what} is out of order")
            last = slot
            self.entries[slot] = (ephemeral, sealed)
        self.proven, self.proof = data[: 8 + w.at], w.raw(32)
        w.end()
        expected = sha256(b"holdfast rotation" + self.vault + struct.pack("<I", self.epoch))[:16].hex()
        if self.epoch < 2 or name != expected:
            raise Damaged(f"{what} is another than its name says")

    def open(self, slot, public, private, roots):
        """Adds to a slot's root keys what was sealed to it, if it proves to be of someone who could open the vault."""
        what, own = f"rotation to epoch {self.epoch}", max(e for e in roots if e <= slot.epoch)
        ephemeral, sealed = self.entries[slot.id]
        shared = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(ephemeral))
        key = hkdf(shared + roots[own], ephemeral + public, b"holdfast rotation")
        try:
            new = root_keys(aead(self.cipher, key).decrypt(bytes(12), sealed, self.clear + slot.id + ephemeral), what)
        except InvalidTag:
            raise Damaged(f"{what} does not open") from None
        if sorted(new) != list(range(own + 1, self.epoch + 1)) or any(roots.get(e, k) != k for e, k in new.items()):
            raise Damaged(f"{what} holds other keys than it should")
        before = {**roots, **new}[self.epoch - 1]
        if hmac.new(hkdf(before, self.vault, b"holdfast rotation proof"), self.proven, hashlib.sha256).digest() != self.proof:
            raise Damaged(f"{what} does not prove to be of this vault")
        roots.update(new)


class Slot:
    def __init__(self, data, what):
        wire = checked(data, b"HFSLOT\r\n", what, newest=2)
        self.what, self.kind, self.cipher = what, wire.u8(), wire.u8()
        self.id, self.vault = wire.raw(16), wire.raw(16)
        self.costs, self.salt = (wire.fixed("I"), wire.fixed("I"), wire.fixed("I")), wire.raw(32)
        self.epoch, self.public = 1, None
        if wire.version == 2:
            self.epoch, self.public = wire.fixed("I"), wire.raw(32)
        self.clear = data[: 8 + wire.at]
        self.wrapped, _label = wire.bytes(), wire.bytes()
        wire.end()
        if not 1 <= self.kind <= (3 if wire.version == 1 else 5):
            raise Newer(f"{what} is of a kind that this reader does not know")

    def unwrap(self, kind, secret, rotations, problem):
        """The root keys by epoch, or None where the secret is not this slot's."""
        if kind == "passphrase":
            memory, passes, lanes = self.costs
            if not (1 <= lanes <= 64 and 1 <= passes <= 64 and 8 * lanes <= memory <= 4 << 20):
                raise Damaged(f"{self.what} asks for an unreasonable amount of memory or time")
            key = argon2.low_level.hash_secret_raw(secret, self.salt, passes, memory, lanes, 32, argon2.low_level.Type.ID)
        else:
            key = hkdf(secret, self.salt, b"holdfast slot " + kind.encode())
        try:
            plain = aead(self.cipher, key).decrypt(bytes(12), self.wrapped, self.clear)
        except InvalidTag:
            return None
        roots = root_keys(plain, self.what)
        if 1 not in roots:
            raise Damaged(f"{self.what} holds no key of epoch 1")
        for r in rotations:
            if self.public is not None and r.epoch > self.epoch and self.id in r.entries:
                try:
                    r.open(self, self.public, hkdf(key, self.id, b"holdfast slot agreement"), roots)
                except (Damaged, ValueError) as e:  # ValueError: a key that is none
                    problem(e)  # what is older still opens
        return roots


# --- tree.md ---

REGULAR, DIR, SYMLINK, FIFO, SOCKET, CHAR, BLOCK = 1, 2, 3, 4, 5, 6, 7
SAME_OWNER, XATTRS, FLAGS, HOLES, INCONSISTENT, LINKED, SAME_DEVICE = 8, 16, 32, 64, 128, 256, 512
CTIME_IS_MTIME, DEEP, ONE_CHUNK, WHOLE_SECOND = 1024, 2048, 4096, 8192
CHUNK_MAX = 32 << 20
SECOND = 10**9


class Entry:
    """One name: the fields of tree.md as attributes."""

    def __init__(self):
        self.size = self.level = self.flags = self.below_names = self.below_bytes = self.major = self.minor = 0
        self.links = 1
        self.refs, self.holes, self.xattrs, self.node, self.target = [], [], [], None, b""


def safe(name):
    return name not in (b"", b".", b"..") and b"/" not in name and b"\0" not in name


def decode_leaf(wire):
    count, fields = wire.varint(wire.left()), Wire(wire.bytes(), "a directory node")
    mode = uid = gid = mtime_s = ctime_s = dev = ino = 0
    out = []
    for _ in range(count):
        e, bits = Entry(), fields.varint()
        if bits >= 2 * WHOLE_SECOND:
            raise Newer("a directory node was written by a newer program")
        e.type, e.name = bits & 7, fields.bytes()
        if e.type == 0 or not safe(e.name) or (out and not out[-1].name < e.name):
            raise Damaged("a directory node has a name that cannot be")
        if not bits & SAME_OWNER:
            mode, uid, gid = fields.varint(0o7777), fields.varint(2**32 - 1), fields.varint(2**32 - 1)
        e.mode, e.uid, e.gid = mode, uid, gid
        mtime_s += fields.svarint()
        e.mtime = mtime_s * SECOND + (0 if bits & WHOLE_SECOND else fields.fixed("I"))
        if bits & CTIME_IS_MTIME:
            ctime_s, e.ctime = mtime_s, e.mtime
        else:
            ctime_s += fields.svarint()
            e.ctime = ctime_s * SECOND + fields.fixed("I")
        if not bits & SAME_DEVICE:
            dev = fields.varint()
        ino = (ino + fields.svarint()) % 2**64
        e.dev, e.ino = dev, ino
        if bits & LINKED:
            e.links = fields.varint(2**32 - 1)
        if bits & FLAGS:
            e.flags = fields.fixed("I")
        if bits & XATTRS:
            for _ in range(fields.count(2)):
                e.xattrs.append((fields.bytes(), fields.bytes()))
        e.inconsistent = bool(bits & INCONSISTENT)
        if e.type == REGULAR:
            e.size = fields.varint()
            end = 0
            if bits & HOLES:
                for _ in range(fields.count(2)):
                    start = end + fields.varint()
                    end = start + fields.varint()
                    if end == start or end > e.size:
                        raise Damaged("a file has a hole that cannot be")
                    e.holes.append((start, end))
            if bits & DEEP:
                e.level = fields.u8()
                if not 1 <= e.level <= 8:
                    raise Damaged("a file has an impossible content")
            lengths = [e.size] if bits & ONE_CHUNK else [fields.varint() for _ in range(fields.varint(wire.left() // 32))]
            e.refs = [(wire.raw(32), n) for n in lengths]
            if any(not 1 <= n <= CHUNK_MAX for n in lengths):
                raise Damaged("a file has a chunk of impossible size")
            if e.level == 0 and sum(lengths) + sum(b - a for a, b in e.holes) != e.size:
                raise Damaged("a file is not as long as its chunks")
        elif e.type == DIR:
            e.below_names, e.below_bytes = fields.varint(), fields.varint()
            length = fields.varint(CHUNK_MAX)
            e.node = (wire.raw(32), length) if length else None
        elif e.type == SYMLINK:
            e.target = fields.bytes()
        elif e.type in (CHAR, BLOCK):
            e.major, e.minor = fields.varint(2**32 - 1), fields.varint(2**32 - 1)
        out.append(e)
    fields.end()
    wire.end()
    return out


def decode_inner(wire):
    out = []
    for _ in range(wire.count(35)):
        first, length = wire.bytes(), wire.varint(CHUNK_MAX)
        if not safe(first) or (out and not out[-1][0] < first):
            raise Damaged("a directory node has ranges out of order")
        out.append((first, (wire.raw(32), length)))
    wire.end()
    if not out:
        raise Damaged("a directory node is empty")
    return out


def decode_refs(data):
    wire = Wire(data, "a list of chunks")
    code = wire.u8()
    if code > 3:
        raise Newer("a list of chunks was written by a newer program")
    lengths = [wire.varint(CHUNK_MAX) for _ in range(wire.count(33))] if code == 3 else []
    if not lengths or 0 in lengths:
        raise Damaged("a list of chunks is damaged")
    refs = [(wire.raw(32), n) for n in lengths]
    wire.end()
    return refs


# --- point.md ---


class Point:
    def __init__(self, keys, name, data):
        what = f"recovery point {name[:8]}"
        outer = Wire(open_small(keys, POINT, data, what), what)
        body, signer, signature = outer.bytes(), outer.raw(32), outer.raw(64)
        outer.end()
        try:
            key = keys.signer(Frame(data))
            if signer != key.public_bytes(Encoding.Raw, PublicFormat.Raw):
                raise InvalidSignature
            key.verify(signature, body)
        except InvalidSignature:
            raise Damaged(f"{what}: its signature does not hold") from None
        w = Wire(body, what)
        version = w.fixed("H")
        if version not in (1, 2):
            raise Newer(f"{what} was written by a newer program") if version else Damaged(f"{what} is damaged")
        self.id, vault = w.raw(16).hex(), w.raw(16)
        if self.id != name or vault != keys.vault:
            raise Damaged(f"{what} holds another point than its name says")
        self.kind = {1: "full", 2: "incremental", 3: "differential"}.get(w.u8())
        self.parent, self.base_full = self.optional_id(w), self.optional_id(w)
        self.started, self.ended = w.fixed("q"), w.fixed("q")
        self.host, self.user, self.program = w.bytes(), w.bytes(), w.bytes()
        self.paths = [w.bytes() for _ in range(w.count(1))]
        self.base_path = w.bytes()
        self.tags = [w.bytes() for _ in range(w.count(1))]
        root = Wire(w.bytes(), what)
        entries = decode_leaf(root) if root.u8() == 1 else []
        if len(entries) != 1 or entries[0].type != DIR or self.kind is None:
            raise Damaged(f"{what} is damaged")
        self.root = entries[0]
        self.users = {w.varint(): w.bytes() for _ in range(w.count(2))}
        self.groups = {w.varint(): w.bytes() for _ in range(w.count(2))}
        (self.names, self.bytes, self.bytes_read, self.bytes_new, self.bytes_stored, self.unreadable, self.inconsistent) = (w.varint() for _ in range(7))
        self.listed = [(w.bytes(), w.bytes()) for _ in range(w.varint(1000))]
        self.base_full_started, self.domain, self.domain_started = 0, None, 0
        if version == 2:
            self.base_full_started, self.domain, self.domain_started = w.fixed("q"), self.optional_id(w), w.fixed("q")
        w.end()

    @staticmethod
    def optional_id(w):
        present = w.u8()
        if present > 1:
            raise Damaged("a recovery point is damaged")
        return w.raw(16).hex() if present else None

    def line(self):
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started // SECOND))
        complete = "complete" if self.unreadable == self.inconsistent == 0 else "incomplete"
        return "\t".join([self.id, when, self.kind, complete, show(self.host), ",".join(map(show, self.paths))])


# --- the vault in a directory ---


class Vault:
    def __init__(self, path, kind, secret):
        self.path, self.problems = path, []
        try:
            config = self.read("holdfast-vault")
        except OSError as e:
            raise Damaged(f"{path} is not a vault: {e.strerror}") from None
        if config[:8] != b"HFVAULT\n":
            raise Damaged(f"{path}/holdfast-vault: not a vault")
        wire = checked(config, b"HFVAULT\n", "holdfast-vault")
        vault, self.created, sealed = wire.raw(16), wire.fixed("q"), wire.bytes()
        wire.end()
        slots, rotations, roots = [], [], {}
        for name in self.names("keys", 32):
            try:
                data = self.read("keys", name)
                if data[:8] == Rotation.MAGIC:
                    rotations.append(Rotation(data, name))
                else:
                    slots.append(Slot(data, f"key slot {name[:8]}"))
            except Damaged as e:
                self.problem(e)
        rotations = sorted((r for r in rotations if r.vault == vault), key=lambda r: r.epoch)
        for slot in slots:
            if slot.vault == vault and slot.kind == KINDS[kind]:
                try:
                    opened = slot.unwrap(kind, secret, rotations, self.problem) or {}
                    roots = max(roots, opened, key=lambda r: max(r, default=0))  # one that a rotation left out opens less
                except Damaged as e:
                    self.problem(e)
        if not roots:
            raise WrongSecret("no key slot opens with this secret")
        self.keys = Keys(vault, roots)
        wire = Wire(open_small(self.keys, PARAMETERS, sealed, "the vault's parameters"), "the vault's parameters")
        hash_code, chunker_code = wire.u8(), wire.u8()
        if hash_code != 1 or chunker_code != 1:
            raise Newer("the vault names or cuts its chunks in a way that this reader does not know")
        self.sizes = (wire.fixed("I"), wire.fixed("I"), wire.fixed("I"))
        wire.end()
        self.chunks = None  # id -> (pack, offset of the frame, its size, position in the segment)
        self.segments = {}  # the last few opened: (pack, offset) -> list of chunks
        self.files = {}

    def close(self):
        while self.files:
            self.files.popitem()[1].close()

    def problem(self, what):
        self.problems.append(str(what))
        print(f"damage: {what}", file=sys.stderr)

    def read(self, *parts):
        with open(os.path.join(self.path, *parts), "rb") as f:
            return f.read()

    def names(self, folder, digits):
        try:
            return sorted(n for n in os.listdir(os.path.join(self.path, folder)) if re.fullmatch("[0-9a-f]{%d}" % digits, n))
        except FileNotFoundError:
            return []

    def packs(self):
        for prefix in self.names("packs", 2):
            for name in self.names(os.path.join("packs", prefix), 64):
                if name.startswith(prefix):
                    yield name

    def points(self):
        out = []
        for name in self.names("points", 32):
            try:
                out.append(Point(self.keys, name, self.read("points", name)))
            except Damaged as e:
                self.problem(e)
        return sorted(out, key=lambda p: (p.started, p.id))

    def point(self, reference):
        found = self.points()
        if reference == "latest":
            found = found[-1:]
        else:
            found = [p for p in found if p.id.startswith(reference)]
        if len(found) != 1:
            raise Damaged(f"{len(found)} readable recovery points are called {reference}")
        return found[0]

    # pack.md

    def pack_file(self, name):
        if name not in self.files:
            if len(self.files) > 64:
                self.files.pop(next(iter(self.files))).close()
            self.files[name] = open(os.path.join(self.path, "packs", name[:2], name), "rb")
        return self.files[name]

    def pack_read(self, name, offset, size):
        f = self.pack_file(name)
        f.seek(offset)
        return f.read(size)

    def load(self):
        """Learns from every pack where its chunks lie."""
        self.chunks, torn = {}, []
        for name in self.packs():
            try:
                self.load_directory(name)
            except Damaged as e:
                self.problem(f"pack {name[:8]}: {e}; reading it segment by segment")
                torn.append(name)
        # A delta opens when its bases are known, which may lie in other torn packs.
        while torn:
            before = len(self.chunks)
            failed = [(name, self.load_frames(name)) for name in torn]
            torn = [name for name, what in failed if what]
            if len(self.chunks) == before:
                for name, what in failed:
                    for problem in what:
                        self.problem(problem)
                break

    def load_directory(self, name):
        size = os.fstat(self.pack_file(name).fileno()).st_size
        if size < 96:
            raise Damaged("it is cut off")
        header, trailer = self.pack_read(name, 0, 64), self.pack_read(name, size - 32, 32)
        for part, magic in ((header, b"HFPACK\r\n"), (trailer, b"HFPKEND\n")):
            if part[:8] != magic or sha256(part[:-4])[:4] != part[-4:]:
                raise Damaged("its header or its end is damaged")
        if struct.unpack("<H", header[8:10])[0] > 1 or any(header[56:60]) or any(trailer[20:28]):
            raise Newer(f"pack {name[:8]} was written by a newer program")
        if header[16:32] != self.keys.vault:
            raise Damaged("it belongs to another vault")
        at, stored = struct.unpack("<QI", trailer[8:20])
        if at + stored != size - 32:
            raise Damaged("its end is damaged")
        frame = Frame(self.pack_read(name, at, FRAME))
        if frame.kind != DIRECTORY or frame.salt != header[32:56]:
            raise Damaged("its directory is not where it should be")
        w = Wire(frame.open(self.keys, self.pack_read(name, at + FRAME, stored - FRAME)), "the pack's directory")
        free_from = 64
        for _ in range(w.count(5)):
            offset, stored, plain = w.varint(2**32 - 1), w.varint(33 << 20), w.varint(CHUNK_MAX)
            lengths = [w.varint(CHUNK_MAX) for _ in range(min(65536, w.count(33)))]
            ids = [w.raw(32) for _ in lengths]
            for _ in range(w.count(32)):
                w.raw(32)
            if offset < free_from or sum(lengths) != plain or 0 in lengths or offset + stored > at:
                raise Damaged("its directory is damaged")
            free_from = offset + stored
            for position, chunk in enumerate(ids):
                self.chunks.setdefault(chunk, (name, offset, stored, position))
        w.end()

    def frames(self, name):
        """(offset, frame) of each frame of a pack, torn or not."""
        data = self.pack_read(name, 0, -1)
        at = min(64, len(data))
        while at + FRAME <= len(data):
            try:
                frame = Frame(data[at : at + FRAME])
                if at + FRAME + frame.stored <= len(data):
                    yield at, frame
                    at += FRAME + frame.stored
                    continue
            except (Damaged, Newer):
                pass
            at = data.find(MAGIC, at + 1)
            if at < 0:
                return

    def load_frames(self, name):
        """What could not be read."""
        failed = []
        for offset, frame in self.frames(name):
            if frame.kind == SEGMENT:
                try:
                    for position, data in enumerate(self.segment(name, offset, FRAME + frame.stored)):
                        self.chunks.setdefault(self.keys.chunk_id(data), (name, offset, FRAME + frame.stored, position))
                except Damaged as e:
                    failed.append(f"pack {name[:8]}, segment at {offset}: {e}")
        return failed

    def segment(self, pack, offset, stored, depth=0):
        """The chunks of a segment; of a delta, with its bases as they are needed."""
        key = (pack, offset)
        if key not in self.segments:
            frame = Frame(self.pack_read(pack, offset, FRAME))
            if frame.kind != SEGMENT or FRAME + frame.stored != stored:
                raise Damaged("no segment of this size lies here")
            w = Wire(frame.open(self.keys, self.pack_read(pack, offset + FRAME, frame.stored)), "a segment")
            coding = w.u8()
            if coding > 1:
                raise Newer("a segment uses a compression that this reader does not know")
            plain, lengths = w.varint(CHUNK_MAX), [w.varint(CHUNK_MAX) for _ in range(min(65536, w.count(1)))]
            bases = [w.raw(32) for _ in range(w.varint(1024))]
            if sum(lengths) != plain or 0 in lengths or (bases and coding != 1):
                raise Damaged("a segment's list of chunks is damaged")
            prefix = self.prefix(bases, depth)
            payload = w.raw(w.left())
            if coding == 1:
                try:
                    # Raw content as a dictionary is what ZSTD_CCtx_refPrefix gives, for one frame.
                    base = zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if prefix else None
                    payload = zstandard.ZstdDecompressor(dict_data=base).decompress(payload, max_output_size=plain)
                except zstandard.ZstdError as e:
                    raise Damaged(f"compressed data is damaged: {e}") from None
            if len(payload) != plain:
                raise Damaged("a segment has another length than it says")
            chunks, at = [], 0
            for n in lengths:
                chunks.append(payload[at : at + n])
                at += n
            if len(self.segments) >= 16:
                self.segments.pop(next(iter(self.segments)))
            self.segments[key] = chunks
        return self.segments[key]

    def prefix(self, bases, depth):
        """The plaintexts of bases, one after another."""
        if bases and depth == 8:
            raise Damaged("its bases need bases of their own more than 8 deep")
        out = b""
        for ident in bases:
            try:
                out += self.chunk((ident, None), depth + 1)
            except Damaged as e:
                raise Damaged(f"base chunk {ident.hex()[:8]} of a delta: {e}") from None
            if len(out) > CHUNK_MAX:
                raise Damaged("its bases are larger than a segment may ask for")
        return out

    def chunk(self, ref, depth=0):
        ident, length = ref
        if self.chunks is None:
            self.load()
        if ident not in self.chunks:
            raise Damaged(f"chunk {ident.hex()[:8]} is in no readable pack")
        pack, offset, stored, position = self.chunks[ident]
        try:
            data = self.segment(pack, offset, stored, depth)[position]
        except (Damaged, IndexError) as e:
            raise Damaged(f"pack {pack[:8]}, segment at {offset}: {e}") from None
        if (length is not None and len(data) != length) or self.keys.chunk_id(data) != ident:
            raise Damaged(f"pack {pack[:8]}, segment at {offset}: it holds other data than its directory says")
        return data

    # tree.md

    def entries(self, node, depth=0):
        """The entries below a node, in order of names."""
        wire = Wire(self.chunk(node), "a directory node")
        code = wire.u8()
        if code == 1:
            yield from decode_leaf(wire)
        elif code == 2 and depth < 16:
            for first, child in decode_inner(wire):
                for e in self.entries(child, depth + 1):
                    if e.name < first:
                        raise Damaged("a directory node holds names out of its range")
                    yield e
        elif code > 3:
            raise Newer("a directory node was written by a newer program")
        else:
            raise Damaged("a directory node is damaged")

    def list(self, e):
        last = None
        for child in self.entries(e.node) if e.node else ():
            if last is not None and not last < child.name:
                raise Damaged("a directory has its names out of order")
            last = child.name
            yield child

    def data(self, refs, level):
        for ref in refs:
            if level == 0:
                yield self.chunk(ref)
            else:
                yield from self.data(decode_refs(self.chunk(ref)), level - 1)

    def content(self, e):
        """(offset, bytes) of a regular file, without its holes."""
        holes, at = list(e.holes), 0
        for data in self.data(e.refs, e.level):
            while holes and holes[0][0] == at:
                at = holes.pop(0)[1]
            if at + len(data) > (holes[0][0] if holes else e.size):
                raise Damaged("its content is longer than it should be")
            yield at, data
            at += len(data)
        while holes and holes[0][0] == at:
            at = holes.pop(0)[1]
        if at != e.size:
            raise Damaged("its content is shorter than it should be")


# --- restoring ---


class Restore:
    """Writes a point into a directory of its own. Names are created anew below open directories, so nothing that the
    vault says leads out of it."""

    def __init__(self, vault):
        self.vault, self.linked, self.damaged, self.notes = vault, {}, [], []
        self.root_user = os.geteuid() == 0

    def run(self, point, target):
        os.makedirs(target, exist_ok=True)
        if os.listdir(target):
            raise FileExistsError(17, "the directory is not empty", show(target))
        self.top = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        self.directory(point.root, self.top, b"")
        self.metadata(point.root, self.top, b".", b"")

    def note(self, path, e):
        self.notes.append(path)
        print(f"note: {show(path)}: {e.strerror}", file=sys.stderr)

    def directory(self, e, fd, path):
        try:
            for child in self.vault.list(e):
                self.one(child, fd, path + b"/" + child.name if path else child.name)
        except (Damaged, Newer) as error:
            self.damaged.append(path or b".")
            self.vault.problem(f"{show(path or b'.')}/: {error}")

    def one(self, e, parent, path):
        try:
            if e.links > 1 and e.type != DIR and (e.dev, e.ino) in self.linked:
                os.link(self.linked[e.dev, e.ino], e.name, src_dir_fd=self.top, dst_dir_fd=parent, follow_symlinks=False)
                return
            if e.type == DIR:
                os.mkdir(e.name, 0o700, dir_fd=parent)
                fd = os.open(e.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
                try:
                    self.directory(e, fd, path)
                finally:
                    os.close(fd)
            elif e.type == REGULAR:
                self.regular(e, parent, path)
            elif e.type == SYMLINK:
                os.symlink(e.target, e.name, dir_fd=parent)
            elif e.type == FIFO:
                os.mknod(e.name, stat.S_IFIFO | 0o600, dir_fd=parent)
            elif e.type == SOCKET:
                os.mknod(e.name, stat.S_IFSOCK | 0o600, dir_fd=parent)
            else:
                kind = stat.S_IFCHR if e.type == CHAR else stat.S_IFBLK
                os.mknod(e.name, kind | 0o600, os.makedev(e.major, e.minor), dir_fd=parent)
        except OSError as error:
            self.note(path, error)
            return
        if e.links > 1 and e.type != DIR:
            self.linked[e.dev, e.ino] = path
        self.metadata(e, parent, e.name, path)

    def regular(self, e, parent, path):
        fd = os.open(e.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
        try:
            for offset, data in self.vault.content(e):
                while data:
                    n = os.pwrite(fd, data, offset)
                    data, offset = data[n:], offset + n
            os.ftruncate(fd, e.size)  # what is not written is a hole
        except (Damaged, Newer) as error:
            self.damaged.append(path)
            self.vault.problem(f"{show(path)}: {error}")
        finally:
            os.close(fd)

    def metadata(self, e, parent, name, path):
        """Owner first, since changing it drops capabilities; then xattrs, mode and, last, the time."""
        steps = []
        if self.root_user:
            steps.append(lambda: os.chown(name, e.uid, e.gid, dir_fd=parent, follow_symlinks=False))
        place = b"/proc/self/fd/%d/%s" % (parent, name)
        for key, value in e.xattrs:
            steps.append(lambda key=key, value=value: os.setxattr(place, key, value, follow_symlinks=False))
        if e.type != SYMLINK:
            steps.append(lambda: os.chmod(name, e.mode, dir_fd=parent))
        steps.append(lambda: os.utime(name, ns=(e.mtime, e.mtime), dir_fd=parent, follow_symlinks=False))
        for step in steps:
            try:
                step()
            except OSError as error:
                self.note(path, error)


def walk(vault, e, path):
    yield path, e
    if e.type == DIR:
        for child in vault.list(e):
            yield from walk(vault, child, path + b"/" + child.name if path else child.name)


def list_point(vault, point):
    for path, e in walk(vault, point.root, b""):
        if e is not point.root:
            print(f"{' -dlpscb'[e.type]}{e.mode:04o} {e.uid}:{e.gid} {e.size} {e.mtime} {show(path)}" + (f" -> {show(e.target)}" if e.type == SYMLINK else ""))


def check(vault):
    """Reads everything: names of packs, each segment and chunk, and that each point finds all that it names."""
    for name in vault.packs():
        data = vault.pack_read(name, 0, -1)
        if content_name(data) != name:
            vault.problem(f"pack {name[:8]}: its bytes have changed since it was named")
    vault.load()
    for (pack, offset, stored) in sorted({place[:3] for place in vault.chunks.values()}):
        try:
            for data in vault.segment(pack, offset, stored):
                if vault.keys.chunk_id(data) not in vault.chunks:
                    vault.problem(f"pack {pack[:8]}, segment at {offset}: it holds a chunk that its directory does not name")
        except Damaged as e:
            vault.problem(f"pack {pack[:8]}, segment at {offset}: {e}")
    for point in vault.points():
        try:
            for path, e in walk(vault, point.root, b""):
                try:
                    for _ in vault.content(e) if e.type == REGULAR else ():
                        pass
                except Damaged as error:
                    vault.problem(f"recovery point {point.id[:8]}, {show(path)}: {error}")
        except Damaged as error:
            vault.problem(f"recovery point {point.id[:8]}: {error}")


def main():
    parser = argparse.ArgumentParser(description="Reads Holdfast vaults. Independent of the program.")
    parser.add_argument("vault")
    secret = parser.add_mutually_exclusive_group(required=True)
    secret.add_argument("--passphrase-file", metavar="FILE", help="the pass phrase is its first line")
    secret.add_argument("--key-file", metavar="FILE")
    secret.add_argument("--recovery-key", metavar="FILE", help="the two lines of the key, or the whole sheet")
    secret.add_argument("--shares", metavar="FILE", help="share sheets, one after another")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("points")
    verbs.add_parser("check")
    verbs.add_parser("ls").add_argument("point")
    restore = verbs.add_parser("restore")
    restore.add_argument("point")
    restore.add_argument("directory")
    args = parser.parse_args()
    sys.setrecursionlimit(100_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    notes = []
    try:
        with open(args.passphrase_file or args.key_file or args.recovery_key or args.shares, "rb") as f:
            given = f.read()
        if args.passphrase_file:
            vault = Vault(args.vault, "passphrase", re.sub(rb"\r?\n.*", b"", given, flags=re.S))
        elif args.key_file:
            vault = Vault(args.vault, "key-file", given)
        elif args.shares:
            vault = Vault(args.vault, "shares", shared_key(given.decode("utf-8", "replace")))
        else:
            vault = Vault(args.vault, "recovery-key", recovery_key(given.decode("utf-8", "replace")))
        if args.verb == "points":
            for point in vault.points():
                print(point.line())
        elif args.verb == "ls":
            list_point(vault, vault.point(args.point))
        elif args.verb == "restore":
            job = Restore(vault)
            job.run(vault.point(args.point), os.fsencode(args.directory))
            notes = job.notes
        else:
            check(vault)
    except (Damaged, Newer, WrongSecret) as e:
        print(f"error: {e}", file=sys.stderr)
        return 5 if isinstance(e, Damaged) and "not a vault" not in str(e) else 1
    except OSError as e:
        print(f"error: {e}", file=sys.stderr)
        return 1
    return 5 if vault.problems else 3 if notes else 0


if __name__ == "__main__":
    sys.exit(main())
