"""Small rules that keep the tree in order; each complaint names the replacement.

Banned calls outside the one room that may make them, leftovers, white space, head comments, overlong files.
"""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Ban:
    def __init__(self, pattern, instead, allowed=(), tests_too=False):
        self.pattern = re.compile(pattern)
        self.instead = instead
        self.allowed = allowed  # path prefixes below src/
        self.tests_too = tests_too  # unit tests run on a real machine and may call it, unless this is set


TERMINAL = "cli/terminal.cpp"  # the terminal is not a file: see its README
BANS = [
    Ban(r"\b(?:std::)?(?:fopen|freopen|fdopen|tmpfile)\s*\(", "Env::open and its read and write loops", ["platform/"]),
    Ban(r"\bstd::(?:basic_)?[io]?fstream\b", "Env::read_file, Env::write_file_atomically", ["platform/"]),
    Ban(r"(?<![\w.>:])::(?:open|openat|creat|read|pread|write|pwrite|fsync|fdatasync|rename|renameat|unlink|unlinkat|mkdir|stat|lstat|fstat|"
        r"readdir|opendir|mmap|ioctl)\s*\(", "the method of Env of that name", ["platform/", TERMINAL]),
    Ban(r"(?<![\w.>:])(?:openat|creat|pread|pwrite|fsync|fdatasync|renameat2?|unlinkat|mkdirat|fstatat|lstat|fstat|opendir|readdir|mmap)\s*\(",
        "the method of Env of that name", ["platform/", TERMINAL]),
    Ban(r"\bstd::filesystem\b", "Env: std::filesystem asks the system behind its back", ["platform/"]),
    Ban(r"(?<![\w.>:])(?:std::)?time\s*\(\s*(?:nullptr|NULL|0|&)", "Env::wall_ns", ["platform/"]),
    Ban(r"\b(?:gettimeofday|clock_gettime)\s*\(", "Env::wall_ns or Env::monotonic_ns", ["platform/"]),
    Ban(r"\b(?:system|steady|high_resolution)_clock\s*::\s*now", "Env::wall_ns or Env::monotonic_ns", ["platform/"]),
    Ban(r"\bstd::random_device\b|(?<![\w.>:])(?:std::)?s?rand\s*\(", "Env::random", ["platform/"], tests_too=True),
    Ban(r"(?<![\w.>:])(?:std::)?(?:system|popen|fork|execv\w*|posix_spawnp?)\s*\(", "Env::run_command", ["platform/"]),
    Ban(r"(?<![\w.>:])(?:std::)?(?:secure_)?getenv\s*\(", "Env::variable", ["platform/"]),
    Ban(r"\bstd::(?:recursive_|shared_|timed_)?mutex\b|\bstd::(?:lock_guard|unique_lock|scoped_lock|condition_variable\w*)\b",
        "Mutex, Lock and Condition of base/mutex.hpp, which clang's -Wthread-safety understands", ["base/mutex.hpp"]),
    Ban(r"\bthrow\b(?!\s*\()", "return an Error: exceptions do not cross our functions",
        # A library's constructor has no other way to say that memory ran out; caught once in program.cpp.
        ["codec/aead.cpp", "codec/compress.cpp"]),
    Ban(r"\bassert\s*\(", "HF_ASSERT, which stays on in release builds", tests_too=True),
    Ban(r"\b(?:sprintf|strcpy|strcat|gets|strtok|atoi|atol)\s*\(", "fmt::format, std::string or std::from_chars", tests_too=True),
    Ban(r"\bstd::(?:cout|cerr|clog)\b|(?<![\w.>:])(?:std::)?f?printf\s*\(|(?<![\w.>:])(?:std::)?f?puts\s*\(", "Output (cli/output.hpp), or return it",
        ["base/assert.hpp"]),  # the last words of a program that is about to abort
    Ban(r"\busing namespace std\b", "the names that are meant", tests_too=True),
    Ban(r"\bdetach\s*\(\s*\)", "a thread that somebody joins", tests_too=True),
]
# Headers that only unit tests include.
TEST_HELPERS = ("fake_world.hpp", "fake_terminal.hpp", "restore_world.hpp", "prune_world.hpp", "examples.hpp", "damage.hpp", "env_contract.hpp", "sim_world.hpp")
LINES_MAX = 600
# What is longer, and why it is better whole.
LONG = {}
LEFTOVER = re.compile(r"\b(?:FIXME|TODO|HACK)\b|\bXXX\b")
TEXT = (".cpp", ".hpp", ".py", ".md", ".txt", ".cmake", ".json", ".sh", ".toml", ".in")
# These hold leftover words on purpose.
NOT_SEARCHED_FOR_LEFTOVERS = ("tests/tidy_test.py",)


def tracked():
    """Files of the working tree that git knows or would add, below the root."""
    try:
        listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
        names = [n for n in listed.decode().split("\0") if n]
    except (OSError, subprocess.CalledProcessError):  # an archive of the sources, without git
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if not {".git", "build"} & set(p.parts)]
    return sorted(n for n in names if (ROOT / n).is_file())


def without_comments_and_texts(code):
    """The same number of lines, with comments and the insides of string literals blanked."""
    def blank(match):
        text = match.group(0)
        if text.startswith(("'", '"')):
            return text[0] + text[0]
        return "\n" * text.count("\n")
    return re.sub(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])*\'', blank, code, flags=re.S)


def broken_bans(name, code):
    below = name[len("src/"):]
    is_test = below.endswith(("_test.cpp", "_suite.hpp")) or pathlib.Path(below).name in TEST_HELPERS
    out = []
    for number, line in enumerate(without_comments_and_texts(code).splitlines(), 1):
        for ban in BANS:
            if any(below.startswith(a) for a in ban.allowed) or (is_test and not ban.tests_too):
                continue
            found = ban.pattern.search(line)
            if found:
                out.append(f"{name}:{number}: {found.group(0).strip()} is banned here; use {ban.instead}")
    return out


def has_head_comment(code):
    """What comes first after #pragma once, includes and the opening of the namespace is a comment."""
    for line in code.splitlines():
        line = line.strip()
        if not line or line.startswith(("#", "namespace ", "extern ")):
            continue
        return line.startswith(("//", "/*"))
    return False


class Tidy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.names = tracked()
        cls.code = {n: (ROOT / n).read_text(encoding="utf-8") for n in cls.names if n.startswith("src/") and n.endswith((".cpp", ".hpp"))}

    def none(self, wrong):
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_no_banned_calls(self):
        self.none([w for name, code in self.code.items() for w in broken_bans(name, code)])

    def test_headers_say_first_what_they_are(self):
        self.none([f"{n}: begins with no comment; say what it is and what always holds" for n, code in self.code.items()
                   if n.endswith(".hpp") and not has_head_comment(code)])

    def test_headers_are_included_once(self):
        self.none([f"{n}: lacks #pragma once" for n, code in self.code.items() if n.endswith(".hpp") and not code.startswith("#pragma once\n")])

    def test_no_leftovers(self):
        wrong = []
        for name in self.names:
            if not name.endswith(TEXT) or name in NOT_SEARCHED_FOR_LEFTOVERS:
                continue
            for number, line in enumerate((ROOT / name).read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                if LEFTOVER.search(line):
                    wrong.append(f"{name}:{number}: {line.strip()[:80]}: do it, or open an issue")
        self.none(wrong)

    def test_white_space(self):
        wrong = []
        for name in self.names:
            if not name.endswith(TEXT) or "/corpus/" in name or "/golden/" in name:
                continue
            raw = (ROOT / name).read_bytes()
            for number, line in enumerate(raw.split(b"\n"), 1):
                if b"\t" in line:
                    wrong.append(f"{name}:{number}: a tab; use spaces")
                if line.endswith((b" ", b"\r")):
                    wrong.append(f"{name}:{number}: white space at the end of the line")
            if raw and not raw.endswith(b"\n"):
                wrong.append(f"{name}: the last line does not end")
        self.none(wrong)

    def test_no_file_is_too_long_to_read(self):
        wrong = [f"{n}: {code.count(chr(10))} lines; split it, or give a reason in tests/tidy_test.py (limit {LINES_MAX})"
                 for n, code in self.code.items() if code.count("\n") > LINES_MAX and n not in LONG]
        wrong += [f"{n}: is short or gone; take it out of the list of long files" for n in LONG
                  if n not in self.code or self.code[n].count("\n") <= LINES_MAX]
        self.none(wrong)

    def test_every_room_says_what_it_is(self):
        rooms = sorted({n.split("/")[1] for n in self.code})
        self.none([f"src/{room}/ has no README.md" for room in rooms if not (ROOT / "src" / room / "README.md").is_file()])

    def test_scripts_can_be_run(self):
        import os
        self.none([f"{n}: is not executable" for n in ("run", "test", ".ci/run") if not os.access(ROOT / n, os.X_OK)])


class TheChecksThemselves(unittest.TestCase):
    """A rule that matches nothing would always be kept."""

    def test_bans_find_what_they_name(self):
        for line in ("auto f = ::open(path, 0);", "std::ifstream in(path);", "FILE* f = fopen(p, m);", "time(nullptr);", "std::mutex m;",
                     "throw Error();", "assert(x);", 'system("x");', "std::random_device d;", "rand();", "getenv(n);", "std::cout << 1;",
                     "std::chrono::steady_clock::now();", "std::lock_guard l(m);", "fsync(fd);"):
            self.assertTrue(broken_bans("src/vault/x.cpp", line), line)

    def test_bans_leave_alone_what_only_looks_alike(self):
        for line in ("env.open(path);", "env_->open(p)", "Vault::open(env)", "// throw", '"throw time(nullptr)"', "must_not_throw()", "read_time(0)",
                     "static_assert(x);", "std::system_error e;", "HF_ASSERT(x);", "session.fsync(x)", "const int n = 1'000'000; f(n);",
                     "out.printf(1)", "rethrow();"):
            self.assertFalse(broken_bans("src/vault/x.cpp", line), line)

    def test_the_room_that_may_call_the_system_may(self):
        self.assertFalse(broken_bans("src/platform/real_env.cpp", "::open(p, 0); time(nullptr);"))

    def test_head_comments(self):
        self.assertTrue(has_head_comment("#pragma once\n\n#include <x>\nnamespace hf {\n/// What it is.\nclass A;\n"))
        self.assertFalse(has_head_comment("#pragma once\n#include <x>\nclass A;\n"))


if __name__ == "__main__":
    sys.exit(unittest.main())
