"""Runs every command block of README.md and docs/ and compares what comes out, so that what is written is what happens.

How a page is written:

- A block marked ```console is a session: a line `$ command` (continued lines end in a backslash or begin with `> `), then
  what it prints, standard output and standard error in their order. In the expected text `…` stands for anything within
  a line, and a line that is only `…` for any number of lines. Nothing after a command: it must print nothing. A last line
  `(exit status 3)` expects that status; without it, 0. `# words` on a line of their own after `$ ` are comments.
- A block marked ```sh is a script: it must end with status 0, whatever it prints.
- A block marked ```sh no-run REASON or ```console no-run REASON is not run. The reason is required.
- <!-- setup: commands --> runs before the blocks that follow it, unseen by the reader: sample data, a vault.
  <!-- setup: once --> is not needed: a page is one world, its blocks run in order in one shell directory.

A page begins in an empty HOME with ~/Documents (a few files), in that HOME as working directory, with `holdfast` on the
PATH (`./run` works too), no terminal, no vault, and nothing set but HOME, PATH, LC_ALL=C.UTF-8 and TZ=UTC.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import holdfast

ROOT = holdfast.ROOT
DOLLAR = re.compile(r"^\$ (.*)$")


class Block:
    def __init__(self, line, kind, text, reason=None):
        self.line, self.kind, self.text, self.reason = line, kind, text, reason


def blocks_of(text):
    """The blocks of a page in order: kind is console, sh or setup; reason is set where it is not to be run."""
    out, lines, at = [], text.split("\n"), 0
    while at < len(lines):
        setup = re.match(r"^<!--\s*setup:\s?(.*)$", lines[at])
        fence = re.match(r"^( *)(`{3,}|~{3,})\s*(\S*)\s*(.*)$", lines[at])
        if setup:
            begin, content = at + 1, [setup.group(1)]
            while "-->" not in content[-1] and at + 1 < len(lines):
                at += 1
                content.append(lines[at])
            out.append(Block(begin, "setup", "\n".join(content).split("-->")[0]))
        elif fence:
            indent, mark, kind, more = len(fence.group(1)), fence.group(2), fence.group(3), fence.group(4)
            begin, content = at + 1, []
            at += 1
            while at < len(lines) and not re.match(rf"^ *{re.escape(mark)}\s*$", lines[at]):
                content.append(lines[at][indent:] if lines[at][:indent].isspace() or not indent else lines[at])
                at += 1
            if kind in ("console", "sh", "bash", "shell"):
                skip = re.match(r"no-run\b\s*(.*)$", more)
                if skip and not skip.group(1).strip(" -:()"):
                    raise ValueError(f"line {begin}: no-run needs a reason")
                out.append(Block(begin, "console" if kind == "console" else "sh", "\n".join(content), skip.group(1) if skip else None))
        at += 1
    return out


def steps_of(text):
    """A console block as (command, expected lines, status)."""
    steps = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        command = DOLLAR.match(lines[at])
        if not command:
            if lines[at].strip():
                raise ValueError(f"expected a line '$ command', found {lines[at]!r}")
            at += 1
            continue
        words = [command.group(1)]
        while (words[-1].endswith("\\") or (at + 1 < len(lines) and lines[at + 1].startswith("> "))) and at + 1 < len(lines):
            at += 1
            words.append(re.sub(r"^> ", "", lines[at]))
        at += 1
        expected = []
        while at < len(lines) and not DOLLAR.match(lines[at]):
            expected.append(lines[at])
            at += 1
        while expected and not expected[-1].strip():
            expected.pop()
        status = 0
        said = re.match(r"^\(exit status (\d+)\)$", expected[-1]) if expected else None
        if said:
            status = int(said.group(1))
            expected.pop()
        steps.append(("\n".join(words), expected, status))
    return steps


def line_matches(expected, got):
    pattern = ".*".join(re.escape(part) for part in expected.rstrip().split("…"))
    return re.fullmatch(pattern, got.rstrip()) is not None


def matches(expected, got):
    """Do the lines that came match those that were written? `…` alone stands for any number of lines."""
    reach = {0}  # positions in `got` that the expectation so far can have reached
    for line in expected:
        if line.strip() == "…":
            reach = set(range(min(reach), len(got) + 1)) if reach else set()
        else:
            reach = {i + 1 for i in reach if i < len(got) and line_matches(line, got[i])}
    return len(got) in reach


class World:
    """One page's HOME and shell. Folders and variables live on from block to block, as for somebody who pastes."""

    def __init__(self):
        self.scratch = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-docs-"))
        self.home = os.path.join(self.scratch, "home")
        programs = os.path.join(self.scratch, "bin")
        for folder in (self.home, programs, os.path.join(self.home, "Documents", "tax")):
            os.makedirs(folder)
        os.symlink(holdfast.PROGRAM, os.path.join(programs, "holdfast"))
        # In a clone one types ./run; the tests have their build already.
        run = os.path.join(self.home, "run")
        with open(run, "w") as f:
            f.write('#!/bin/sh\n[ $# -gt 0 ] || export HOLDFAST_CALLED_AS=./run\nexec holdfast "$@"\n')
        os.chmod(run, 0o755)
        for name, content in (("letter.txt", "Dear reader,\n"), ("tax/2024.txt", "Paid.\n"), ("tax/2025.txt", "To do.\n"), ("notes.md", "# Notes\n" * 40)):
            with open(os.path.join(self.home, "Documents", name), "w") as f:
                f.write(content)
        self.state = os.path.join(self.scratch, "state")
        with open(self.state, "w") as f:
            f.write(f"cd '{self.home}'\n")
        self.environment = {"HOME": self.home, "PATH": programs + ":" + os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        for name in os.environ:
            if name.endswith("SAN_OPTIONS"):
                self.environment[name] = os.environ[name]

    def run(self, commands):
        """(status, lines) of a piece of script, in the directory and with the variables that the last one left."""
        script = f". '{self.state}'\n{commands}\n__status=$?\n{{ export -p; printf 'cd %q\\n' \"$PWD\"; }} >'{self.state}.new'; exit $__status\n"
        done = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment,
                              cwd=self.home, start_new_session=True, timeout=holdfast.SECONDS_MAX)
        if os.path.exists(self.state + ".new"):
            os.replace(self.state + ".new", self.state)
        text = done.stdout.decode("utf-8", "replace")
        return done.returncode, text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []

    def close(self):
        holdfast.remove_tree(self.scratch)


def check_page(name, text):
    """What is wrong with a page: a list of sentences, and how many blocks were run."""
    wrong, ran = [], 0
    try:
        blocks = blocks_of(text)
    except ValueError as problem:
        return [f"{name}: {problem}"], 0
    if not any(b.reason is None and b.kind != "setup" for b in blocks):
        return [], 0
    world = World()
    try:
        for block in blocks:
            where = f"{name}:{block.line}"
            if block.reason is not None:
                continue
            if block.kind in ("setup", "sh"):
                ran += block.kind == "sh"
                status, got = world.run(("set -e\n" if block.kind == "setup" else "") + block.text)
                if status != 0:
                    wrong.append(f"{where}: the {block.kind} block ended with status {status}:\n" + "\n".join("    " + g for g in got[-30:]))
                continue
            try:
                steps = steps_of(block.text)
            except ValueError as problem:
                wrong.append(f"{where}: {problem}")
                continue
            ran += 1
            for command, expected, status in steps:
                if command.lstrip().startswith("#"):
                    continue
                got_status, got = world.run(command)
                shown = "\n".join("    " + g for g in got)
                if got_status != status:
                    wrong.append(f"{where}: $ {command}\n  ended with status {got_status}, expected {status}:\n{shown}")
                elif not matches(expected, got):
                    wrong.append(f"{where}: $ {command}\n  printed:\n{shown}\n  expected:\n" + "\n".join("    " + e for e in expected))
    finally:
        world.close()
    return wrong, ran


def pages():
    return sorted(p for p in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")] if p.is_file())


class Docs(unittest.TestCase):
    def test_every_command_block_does_what_the_page_says(self):
        if not shutil.which("bash"):
            self.skipTest("needs bash")
        for page in pages():
            with self.subTest(page=str(page.relative_to(ROOT))):
                wrong, _ = check_page(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8"))
                self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_links_between_pages_lead_somewhere(self):
        wrong = []
        for page in [*pages(), *(ROOT / "src").rglob("README.md")]:
            text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
            for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", target) or target.startswith("#"):
                    continue
                if not (page.parent / target.split("#")[0]).exists():
                    wrong.append(f"{page.relative_to(ROOT)}: leads to {target}, which is not there")
        self.assertFalse(wrong, "\n" + "\n".join(wrong))


SAMPLE = """# A page

<!-- setup:
printf secret >~/.key && chmod 600 ~/.key
export HOLDFAST_KEY_FILE=~/.key
-->

```console
$ holdfast init --no-recovery-key ~/vault
Made the vault …/vault (id …).
…
$ export HOLDFAST_VAULT=~/vault
$ holdfast backup Documents
Documents  …
…
Recovery point … · full · every stored byte confirmed on disk.
…
$ ls Documents \\
>   | head -n 2
letter.txt
notes.md
$ holdfast ls nonesuch
error: …nonesuch…
…
(exit status 1)
$ ./run points | wc -l
2
```

```sh
cd Documents
test -f letter.txt
```

```console
$ pwd
…/home/Documents
```

```sh no-run it would need a second disk
exit 1
```
"""


class TheRunnerItself(unittest.TestCase):
    def test_a_page_that_is_right(self):
        self.assertEqual(check_page("sample", SAMPLE), ([], 3))

    def test_a_page_that_is_wrong(self):
        for old, new, word in (("letter.txt\nnotes.md", "letter.txt\nother.md", "expected"), ("(exit status 1)", "", "ended with status 1, expected 0"),
                               ("test -f letter.txt", "test -f other.txt", "ended with status 1"), ("no-run it would need a second disk", "no-run", "needs a reason"),
                               ("chmod 600", "false", "setup block"), ("…/home/Documents", "…/elsewhere", "expected"), ("$ pwd", "pwd", "expected a line '$ command'")):
            with self.subTest(new=new):
                self.assertIn(old, SAMPLE)
                wrong, _ = check_page("sample", SAMPLE.replace(old, new))
                self.assertTrue(wrong, f"{new!r} was not noticed")
                self.assertIn(word, "\n".join(wrong))

    def test_wildcards(self):
        for expected, got, same in ((["a…c"], ["abc"], True), (["a…c"], ["ab"], False), (["…"], [], True), (["…", "x"], ["1", "2", "x"], True), (["…", "x"], ["1", "x", "2"], False),
                                    (["x", "…", "y", "…"], ["x", "y"], True), ([], [], True), ([], ["words"], False), (["a.c"], ["abc"], False)):
            self.assertEqual(matches(expected, got), same, (expected, got))


if __name__ == "__main__":
    holdfast.main()
