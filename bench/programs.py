"""The programs that side_by_side.py compares, and how each is told to do each step.

All encrypt where they can, compress with zstd at about level 3 (restic's `auto`), write to a local folder, and keep their
caches in a folder of their own: none sees another's, nor yours. To add one, add a class and name it in PROGRAMS.
"""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

PASSPHRASE = "side-by-side-throw-away"
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def measured(command, cwd, env, log):
    """Runs a command; its wall and CPU seconds, the peak memory of its largest process in MiB, and its exit code."""
    with open(log, "wb") as said:
        start = time.monotonic()
        process = subprocess.Popen([str(word) for word in command], cwd=cwd, env=env,
                                   stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # Ctrl-C, or a signal: no program outlives the run
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    return dict(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak_mib=usage.ru_maxrss / 1024, code=process.returncode)


def warm_memory(folder, size):
    """Takes `size` bytes of memory once and gives them back, where `folder` is on a memory file system.

    A virtual machine may take several times as long to hand out memory that was given back to its host, and which program is
    hit by that is chance: without this the same restore took between 3.4 and 8.3 s.
    """
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True).stdout.strip()
    if kind != "tmpfs":
        return
    path, block = folder / "memory", bytes(1 << 20)
    try:
        with open(path, "wb", buffering=0) as out:
            for _ in range(-(-size // len(block))):
                out.write(block)
    except OSError:
        pass  # as much as there is
    finally:
        path.unlink(missing_ok=True)


def both(one, other):
    """Two commands that make one step."""
    return dict(wall=one["wall"] + other["wall"], cpu=one["cpu"] + other["cpu"], peak_mib=max(one["peak_mib"], other["peak_mib"]),
                code=one["code"] or other["code"])


class Program:
    """One program with one new vault. A step returns what measured() returns, or None where the program has no such step.

    root holds all that it writes: vault/, state/ (home, caches, temporary files) and log (what the last command said).
    """
    name = ""
    fine = (0,)  # exit codes of a step that did its work

    def __init__(self, root):
        self.root, self.vault, self.state, self.log = root, root / "vault", root / "state", root / "log"
        (self.state / "tmp").mkdir(parents=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HOLDFAST_", "RESTIC_", "BORG_", "XDG_"))}
        self.env = dict(kept, HOME=str(self.state), TMPDIR=str(self.state / "tmp"), LC_ALL="C.UTF-8")

    @classmethod
    def version(cls):
        """The line with its version; empty when it is not installed."""
        raise NotImplementedError

    def init(self): raise NotImplementedError
    def open(self): return None                       # list the points of an empty vault: start, unlock, read nothing
    def backup(self, source, name): raise NotImplementedError
    def verify(self): raise NotImplementedError       # read and check every stored byte
    def restore(self, name, target): raise NotImplementedError
    def prune(self, keep=1): return None              # keep only the last points, and give back the space
    def favour_newest(self): return None              # lay the newest point anew, so that it is restored quickly

    def run(self, command, cwd=None):
        return measured(command, cwd or self.root, self.env, self.log)


def first_line(command):
    try:
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip().split("\n")[0] if done.returncode == 0 else ""


class Holdfast(Program):
    name = "holdfast"
    fine = (0, 3)  # 3: the work is done, but something about the source or its copies wants attention; `differs` tells

    @classmethod
    def binary(cls):
        built = [REPOSITORY / "build/release" / place / "holdfast" for place in (".", "bin", "src/cli")]
        return os.environ.get("HOLDFAST") or next((str(path) for path in built if path.is_file()), shutil.which("holdfast"))

    @classmethod
    def version(cls):
        return first_line([os.path.abspath(cls.binary()), "--version"]) if cls.binary() else ""

    def __init__(self, root):
        super().__init__(root)
        secret = self.state / "passphrase"
        secret.write_text(PASSPHRASE + "\n")
        secret.chmod(0o600)
        self.env.update(HOLDFAST_VAULT=str(self.vault), HOLDFAST_PASSPHRASE_FILE=str(secret))

    def call(self, *words, cwd=None): return self.run([os.path.abspath(self.binary()), *words], cwd)
    def init(self): return self.call("init")
    def open(self): return self.call("points", "--json")
    def backup(self, source, name): return self.call("backup", "--tag", name, ".", cwd=source)
    def verify(self): return self.call("verify", "--full")

    def restore(self, name, target):
        """The point of that tag; asking for its id is not timed."""
        listed = subprocess.run([os.path.abspath(self.binary()), "points", "--json"], env=self.env, capture_output=True, text=True, check=True)
        point = next(p["id"] for p in json.loads(listed.stdout) if name in p["tags"])
        return self.call("restore", point, "--to", target)

    def prune(self, keep=1): return self.call("forget", "--keep-last", str(keep), "--grace", "0", "--prune")
    def favour_newest(self): return self.call("prune", "--favour-newest")


class Restic(Program):
    name = "restic"
    fine = (0,)
    extra = ()

    @classmethod
    def binary(cls):
        ours = Peers.folder / "bin/restic"
        return str(ours) if ours.exists() else shutil.which("restic")

    @classmethod
    def version(cls):
        return first_line([cls.binary(), "version"]) if cls.binary() else ""

    def __init__(self, root):
        super().__init__(root)
        self.env.update(RESTIC_PASSWORD=PASSPHRASE, RESTIC_REPOSITORY=str(self.vault), RESTIC_CACHE_DIR=str(self.state / "cache"))

    def call(self, *words, cwd=None): return self.run([self.binary(), "-q", *self.extra, *words], cwd)
    def init(self): return self.call("init")
    def open(self): return self.call("snapshots")
    def backup(self, source, name): return self.call("backup", "--host", "bench", "--tag", name, ".", cwd=source)
    def verify(self): return self.call("check", "--read-data")
    def restore(self, name, target): return self.call("restore", "latest", "--tag", name, "--target", target)

    def prune(self, keep=1): return self.call("forget", "--group-by", "host", "--keep-last", str(keep), "--prune")


class ResticFast(Restic):
    name = "restic-fast"
    extra = ("--compression", "fastest")


class Borg(Program):
    name = "borg"
    fine = (0, 1)  # 1: warnings
    binary = "borg"
    init_words = ("init", "-e", "repokey-blake2")
    list_words = ("list",)
    archive = "::{}"
    keep_last = "--keep-last"

    @classmethod
    def prefix(cls):
        return Peers.chroot_words() if Peers.has(cls.binary) else []

    @classmethod
    def version(cls):
        return first_line([*cls.prefix(), cls.binary, "--version"]) if cls.prefix() or shutil.which(cls.binary) else ""

    def __init__(self, root):
        super().__init__(root)
        asked = ("UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "RELOCATED_REPO_ACCESS_IS_OK", "DELETE_I_KNOW_WHAT_I_AM_DOING")
        self.env.update({"BORG_" + question: "yes" for question in asked}, BORG_PASSPHRASE=PASSPHRASE,
                        BORG_BASE_DIR=str(self.state), BORG_REPO=str(self.vault))

    def call(self, *words, cwd=None):
        return self.run([*self.prefix(), "sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", cwd or "/", self.binary, *words])

    def init(self): return self.call(*self.init_words)
    def open(self): return self.call(*self.list_words)
    def verify(self): return self.call("check", "--verify-data")

    def backup(self, source, name):
        return self.call("create", "--compression", "zstd,3", self.archive.format(name), ".", cwd=source)

    def restore(self, name, target): return self.call("extract", self.archive.format(name), cwd=target)

    def prune(self, keep=1): return both(self.call("prune", self.keep_last, str(keep)), self.call("compact"))


class Borg2(Borg):
    name = "borg2"
    binary = "borg2"
    init_words = ("repo-create", "-e", "aes256-ocb", "-i", "blake3")
    list_words = ("repo-list",)
    archive = "{}"
    keep_last = "--keep"


class TarZstd(Program):
    """No deduplication, no encryption, no index: what anyone could always fall back to."""
    name = "tar-zstd"

    @classmethod
    def version(cls):
        tar, zstd = first_line(["tar", "--version"]), first_line(["zstd", "--version"])
        return f"{tar}; {zstd.strip('* ')}" if tar and zstd else ""

    def shell(self, script, *words): return self.run(["bash", "-c", "set -o pipefail; " + script, "bash", *words])
    def file(self, name): return self.vault / f"{name}.tar.zst"
    def init(self): return self.run(["mkdir", self.vault])

    def backup(self, source, name):
        return self.shell('tar -C "$1" --xattrs --acls -S -cf - . | zstd -q -3 -T0 -o "$2"', source, self.file(name))

    def verify(self): return self.run(["zstd", "-q", "-t", *sorted(self.vault.iterdir())])

    def restore(self, name, target):
        return self.shell('zstd -q -dc "$2" | tar -C "$1" --xattrs --xattrs-include="*" --acls -xpf -', target, self.file(name))


PROGRAMS = [Holdfast, Restic, ResticFast, Borg, Borg2, TarZstd]


class Peers:
    """What setup_peers.sh made. Its chroot sees the folders of a run through bind mounts in a mount namespace of this
    process alone: nobody else sees them, and they are gone when the process ends, however it ends."""
    folder = pathlib.Path("/nonexistent")
    inside = []      # mount points made in the chroot, in order
    entered = False

    @classmethod
    def chroot(cls):
        return cls.folder / "chroot"

    @classmethod
    def chroot_words(cls):
        return ["chroot", str(cls.chroot())]

    @classmethod
    def has(cls, binary):
        return cls.entered and (cls.chroot() / "usr/bin" / binary).exists()

    @classmethod
    def enter(cls, folder, *shared):
        """Uses `folder` and shows `shared` inside its chroot. Returns why the chroot cannot be used, or an empty text."""
        cls.folder = folder.resolve()
        if not (cls.chroot() / "usr/bin/borg").exists():
            return "there is none"
        new_namespace, private = 0x00020000, 1 << 14 | 1 << 18  # CLONE_NEWNS; MS_REC | MS_PRIVATE
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(new_namespace) or libc.mount(b"none", b"/", None, ctypes.c_ulong(private), None):
            return os.strerror(ctypes.get_errno())
        cls.entered = True
        for host in shared:
            point = cls.chroot() / str(host.resolve()).lstrip("/")
            missing = [path for path in (point, *point.parents) if not path.exists()]
            point.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", str(host), str(point)], check=True)
            cls.inside.append((point, missing))
        return ""

    @classmethod
    def leave(cls):
        for point, made in reversed(cls.inside):
            subprocess.run(["umount", "--lazy", str(point)], check=False)
            for path in made:
                try:
                    path.rmdir()
                except OSError:
                    break
        cls.inside.clear()
        cls.entered = False


def new_folder(parent, prefix):
    """A folder of this run alone, with its real path: that is also its path inside the chroot."""
    parent.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
