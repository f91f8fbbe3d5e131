"""What the tests of the built program share: a scratch world, the program in it, and the end of it all.

The program is $HOLDFAST, as CTest gives it, else build/release/holdfast. Each test has a folder of its own with a HOME,
a vault that a key file opens (no time is spent on deriving keys from pass phrases), and nothing from outside. Tests
marked @slow run with --slow, the others without.

Nothing here listens on anything; processes end with their test, mounts and folders too.
"""

import json
import os
import pathlib
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.path.abspath(os.environ.get("HOLDFAST") or str(ROOT / "build/release/holdfast"))
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
# Sanitizers make everything slow; a limit here is to end a hang, never to measure.
SECONDS_MAX = 300

DONE, FAILED, USAGE, UNREADABLE, REFUSED, DAMAGE, STOPPED = 0, 1, 2, 3, 4, 5, 130


class Ran:
    """One run of the program that has ended."""

    def __init__(self, arguments, status, out, err, seconds):
        self.arguments, self.status, self.out, self.err, self.seconds = arguments, status, out, err, seconds

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    @property
    def messages(self):
        return self.err.decode("utf-8", "replace")

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as problem:
            raise AssertionError(f"no JSON on standard output: {problem}\n{self}") from None

    def __str__(self):
        words = " ".join(os.fsdecode(a) for a in self.arguments)
        return f"$ holdfast {words}\nexit status {self.status} after {self.seconds:.2f} s\n--- stdout\n{self.text[-4000:]}\n--- stderr\n{self.messages[-4000:]}"


def slow(item):
    """For what takes minutes: runs with --slow only."""
    item.is_slow = True
    return item


def program_can(verb):
    """Is it a verb of this build?"""
    return subprocess.run([PROGRAM, verb, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          timeout=SECONDS_MAX).returncode == 0


class Case(unittest.TestCase):
    """A scratch folder (self.scratch), a HOME in it, a vault that self.init() makes, and self.run_it() to run the program."""

    maxDiff = 4000

    def setUp(self):
        base = os.environ.get("HOLDFAST_TEST_DIR") or tempfile.gettempdir()
        self.scratch = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-test-", dir=base))
        self.addCleanup(remove_tree, self.scratch)
        self.home = self.path("home")
        os.mkdir(self.home)
        self.vault = self.path("vault")
        self.key_file = self.path("key")
        with open(self.key_file, "wb") as f:
            f.write(b"a key file for tests only, no secret at all\n")
        os.chmod(self.key_file, 0o600)
        self.environment = {
            "HOME": self.home, "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC",
            "HOLDFAST_VAULT": self.vault, "HOLDFAST_KEY_FILE": self.key_file,
        }
        for name in os.environ:
            if name.endswith("SAN_OPTIONS"):
                self.environment[name] = os.environ[name]
        self.user = None  # run as root's own, or as this uid

    # --- places ---
    def path(self, *parts):
        return os.path.join(self.scratch, *parts)

    def folder(self, *parts):
        made = self.path(*parts)
        os.makedirs(made, exist_ok=True)
        if self.user is not None:
            os.chown(made, self.user, self.user)
        return made

    def write(self, name, content=b"", times=None):
        """A file below the scratch folder, with its folders; gives its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)
        if times is not None:
            os.utime(path, ns=(times, times))
        return path

    # --- the program ---
    def command(self, *arguments):
        return [PROGRAM, *[os.fspath(a) for a in arguments]]

    def start(self, *arguments, stdin=subprocess.DEVNULL, env=None, cwd=None, **more):
        """A run in the background, in a session of its own: no terminal. Killed when the test ends."""
        environment = dict(self.environment, **(env or {}))
        environment = {k: v for k, v in environment.items() if v is not None}
        if self.user is not None:
            more.setdefault("user", self.user)
            more.setdefault("group", self.user)
            more.setdefault("extra_groups", [])
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen(self.command(*arguments), stdin=stdin, env=environment, cwd=cwd or self.scratch, start_new_session=True, **more)
        self.addCleanup(end, process)
        return process

    def run_it(self, *arguments, expect=DONE, input=None, env=None, cwd=None, stdin=None, **more):
        """Runs holdfast to its end and compares the exit status (`expect`: one, several, or None for any)."""
        begin = time.monotonic()
        if stdin is None:
            stdin = subprocess.PIPE if input is not None else subprocess.DEVNULL
        process = self.start(*arguments, stdin=stdin, env=env, cwd=cwd, **more)
        try:
            out, err = process.communicate(input, timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail(f"did not end within {SECONDS_MAX} s\n{Ran(arguments, None, out, err, time.monotonic() - begin)}")
        ran = Ran(arguments, process.returncode, out or b"", err or b"", time.monotonic() - begin)
        if expect is not None:
            self.assertIn(ran.status, expect if isinstance(expect, tuple) else (expect,), f"\n{ran}")
        for sign in (b"AddressSanitizer", b"ThreadSanitizer", b"runtime error:", b"HF_ASSERT", b"assertion failed"):
            self.assertNotIn(sign, ran.err, f"\n{ran}")
        return ran

    def ask(self, *arguments, **more):
        """The answer of a run with --json."""
        return self.run_it(*arguments, "--json", **more).json

    def init(self, **more):
        return self.run_it("init", "--no-recovery-key", **more)

    def backup(self, *paths, expect=DONE, **more):
        return self.ask("backup", *paths, expect=expect, **more)

    def restore(self, point="latest", to=None, *more, expect=DONE, **rest):
        """Restores a point to a new place; gives the place."""
        if to is None:
            to = self.path(f"restored-{len(os.listdir(self.scratch))}-{time.monotonic_ns()}")
        self.run_it("restore", point, "--to", to, *more, expect=expect, **rest)
        return to

    def points(self):
        return self.ask("points")

    def verify(self, *arguments, expect=DONE):
        return self.ask("verify", *arguments, expect=expect)

    def vault_files(self, folder=""):
        """Every file of the vault, or of one of its folders, sorted."""
        return sorted(os.path.join(at, name) for at, _, names in os.walk(os.path.join(self.vault, folder)) for name in names)

    # --- what a machine may lack ---
    def need_root(self):
        if not IS_ROOT:
            self.skipTest("needs root")

    def need_tool(self, name):
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not found:
            self.skipTest(f"needs {name}")
        return found

    def need_verb(self, verb):
        if not program_can(verb):
            self.skipTest(f"this build has no verb {verb}")

    def as_ordinary_user(self):
        """From here on the program runs as nobody, who owns the HOME and the vault; gives the uid. Only as root it makes a difference."""
        if not IS_ROOT:
            return os.geteuid()
        self.user = NOBODY
        os.chmod(self.scratch, 0o755)
        for path in (self.home, self.key_file):
            os.chown(path, NOBODY, NOBODY)
        self.vault = os.path.join(self.folder("of-nobody"), "vault")
        self.environment["HOLDFAST_VAULT"] = self.vault
        copy = self.path("holdfast")  # a clone may lie where only root may look
        shutil.copy(PROGRAM, copy)
        os.chmod(copy, 0o755)
        self.command = lambda *arguments: [copy, *[os.fspath(a) for a in arguments]]
        return NOBODY

    def mount(self, *arguments, at):
        """Mounts something for the time of the test, or skips it."""
        self.need_root()
        os.makedirs(at, exist_ok=True)
        done = subprocess.run(["mount", *arguments, at], stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            self.skipTest(f"this machine does not mount: {done.stderr.decode(errors='replace').strip()}")
        self.addCleanup(unmount, at)
        return at

    def mount_tmpfs(self, at, size):
        return self.mount("-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", at=at)

    # --- comparing ---
    def assertSameTree(self, one, other, **options):
        import trees
        differences = trees.compare(one, other, **options)
        self.assertFalse(differences, f"{one} and {other} differ:\n" + "\n".join(differences[:40]))


def end(process):
    """Ends a process that this test started, and what it started."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


def unmount(at):
    subprocess.run(["umount", at], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if os.path.ismount(at):
        subprocess.run(["umount", "-l", at], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def remove_tree(path):
    """Removes a folder whatever is in it; `rm` knows paths of any length."""
    done = subprocess.run(["rm", "-rf", "--one-file-system", path], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode != 0 and shutil.which("chattr"):  # files that were made immutable, or folders without rights
        subprocess.run(["chattr", "-R", "-f", "-i", "-a", path], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["chmod", "-R", "u+rwx", path], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", "--one-file-system", path], stdin=subprocess.DEVNULL)


def stored_bytes(files):
    return sum(os.lstat(f).st_size for f in files)


def main(module="__main__"):
    """Runs the tests of a file: the quick ones, or with --slow the slow ones."""
    want_slow = "--slow" in sys.argv
    words = [a for a in sys.argv[1:] if a != "--slow"]
    patterns = [a for a in words if not a.startswith("-")]
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"error: there is no program at {PROGRAM}\nhint: HOLDFAST=path/to/holdfast, or ./test")

    def leaves(suite):
        for item in suite:
            if isinstance(item, unittest.TestSuite):
                yield from leaves(item)
            else:
                yield item

    chosen = unittest.TestSuite()
    for test in leaves(unittest.defaultTestLoader.loadTestsFromModule(sys.modules[module])):
        method = getattr(test, test._testMethodName, None)
        is_slow = getattr(method, "is_slow", False) or getattr(type(test), "is_slow", False)
        if is_slow == want_slow and (not patterns or any(p in test.id() for p in patterns)):
            chosen.addTest(test)
    result = Teller(verbosity=2, stream=sys.stdout).run(chosen)
    sys.exit(0 if result.wasSuccessful() else 1)


class TimedResult(unittest.TextTestResult):
    """Says how long each test took: the quick ones together must stay quick."""

    def startTest(self, test):
        self._begun = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok  {time.monotonic() - self._begun:.1f} s")
        self.stream.flush()

    def getDescription(self, test):
        return f"{type(test).__name__}.{test._testMethodName}"


class Teller(unittest.TextTestRunner):
    resultclass = TimedResult
