#!/usr/bin/env python3
"""Run Holdfast and its peers side by side over the same corpora, and print tables with ratios.

Steps, in this order, each timed:
  open     list the points of an empty vault: starting up and deriving the key, which every other step pays too
  first    back up v1 into the empty vault                 again    back up v1 once more, nothing changed
  next     back up v2, which replaced v1 in place          verify   read and check all that is stored
  restore  bring the last point back into an empty folder  same     compare it with the source (not timed)
  prune    keep only the last point (not in the usual steps)

The programs take turns within each run, and start at another one each time, so that a drift of the machine hits all alike.
Sources are read through a warm page cache; vaults and restored trees are on a memory file system unless --work says
otherwise, whose memory the machine has handed out once before each first, next and restore. Figures are medians over the
runs. Everything made is removed at the end, also after Ctrl-C.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time

from make_corpora import DEFAULT_DIR, MAKERS
from programs import PROGRAMS, Peers, measured, new_folder, warm_memory
from tables import report

HERE = pathlib.Path(__file__).resolve().parent
STEPS = ["open", "first", "again", "next", "verify", "restore", "same", "prune"]
SETTLE_SECONDS = 2  # programs do not trust the time stamp of a file changed only just before they looked


def say(*words):
    print(*words, file=sys.stderr, flush=True)


# --- the machine ----------------------------------------------------------------------------------------------------

def value_of(path, key):
    """What follows `key` and a colon or an equals sign in a file of such lines."""
    try:
        with open(path) as lines:
            line = next((line for line in lines if line.startswith(key)), key)
    except OSError:
        return ""
    return line[len(key):].strip().lstrip(":=").strip().strip('"')


def file_system(path):
    done = subprocess.run(["df", "--output=fstype", str(path)], capture_output=True, text=True)
    return (done.stdout.split() or [""])[-1]


def machine(corpora, work):
    cpu = value_of("/proc/cpuinfo", "model name") or platform.machine()
    memory = int((value_of("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / 2**20
    return dict(cpu=cpu, cores=len(os.sched_getaffinity(0)), memory_gib=round(memory, 1), kernel=platform.release(),
                system=value_of("/etc/os-release", "PRETTY_NAME"), load=os.getloadavg()[0],
                corpora=f"{corpora} ({file_system(corpora)})", work=f"{work} ({file_system(work)})",
                when=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


# --- one turn ---------------------------------------------------------------------------------------------------------

def sync_tree(source, live):
    """Makes `live` equal to `source`, touching only what differs, as people's own changes would, and its page cache warm."""
    live.mkdir(exist_ok=True)
    done = subprocess.run(["rsync", "-aHAX", "--sparse", "--inplace", "--delete", "--modify-window=-1", "--itemize-changes",
                           f"{source}/", f"{live}/"], check=True, stdout=subprocess.PIPE)
    subprocess.run(["sh", "-c", 'find "$1" -type f -print0 | xargs -0 -r cat >/dev/null', "sh", str(live)], check=True)
    if done.stdout:
        os.sync()
        time.sleep(SETTLE_SECONDS)


def differences(source, restored):
    """How many entries of a restored tree differ in content or metadata, are missing, or too many."""
    done = subprocess.run(["rsync", "-aHAXn", "--checksum", "--delete", "--itemize-changes", "--modify-window=-1",
                           f"{source}/", f"{restored}/"], capture_output=True, text=True, errors="replace")
    if done.returncode:
        return -1
    return sum(1 for line in done.stdout.splitlines() if not line.endswith(" ./"))


def disk_bytes(top):
    entries = [top] + [pathlib.Path(folder, name) for folder, below, names in os.walk(top) for name in below + names]
    return sum(os.lstat(entry).st_blocks * 512 for entry in entries)


def parity_bytes(vault):
    """What our parity takes on disk, which no peer has."""
    return disk_bytes(vault / "parity") if (vault / "parity" / "00").exists() else 0


def stored_bytes(vault):
    """What the vault takes on disk, parity apart."""
    return disk_bytes(vault) - parity_bytes(vault)


class Turn:
    """One program, one corpus, one run: all steps on a new vault."""

    def __init__(self, program, corpus, live, steps, row):
        self.program, self.corpus, self.live, self.steps, self.row = program, corpus, live, steps, row

    def step(self, name, result):
        """Keeps what a step took. A failure is told, and kept out of the medians."""
        if result is None:
            return True
        good = result["code"] in self.program.fine
        if good:
            self.row["steps"].setdefault(name, []).append(result)
        else:
            said = self.program.log.read_text(errors="replace").strip()[-600:]
            say(f"error: {self.program.name} failed at {name} of {self.corpus.name}, exit status {result['code']}\n{said}")
            self.row["failed"].append(f"{name}: exit status {result['code']}")
        return good

    def warm(self, act, *words):
        """A step that writes as much as the corpus has, at most."""
        warm_memory(self.program.root, disk_bytes(self.live))
        return act(*words)

    def go(self):
        program, row = self.program, self.row
        v1, v2 = self.corpus / "v1", self.corpus / "v2"
        sync_tree(v1, self.live)
        if not self.step("init", program.init()):
            return
        if "open" in self.steps:
            self.step("open", program.open())
        if not self.step("first", self.warm(program.backup, self.live, "p1")):
            return
        last, size = "p1", stored_bytes(program.vault)
        row["size"].append(size)
        row["parity"].append(parity_bytes(program.vault))
        if "again" in self.steps and self.step("again", program.backup(self.live, "p2")):
            last = "p2"
            row["growth_again"].append(stored_bytes(program.vault) - size)
        if "next" in self.steps and v2.exists():
            size = stored_bytes(program.vault)
            sync_tree(v2, self.live)
            if self.step("next", self.warm(program.backup, self.live, "p3")):
                last = "p3"
                row["growth_next"].append(stored_bytes(program.vault) - size)
        if "verify" in self.steps:
            self.step("verify", program.verify())
        if "restore" in self.steps:
            target = program.root / "restored"
            target.mkdir()
            if self.step("restore", self.warm(program.restore, last, target)) and "same" in self.steps:
                row["differs"].append(differences(self.live, target))
            shutil.rmtree(target)
        if "prune" in self.steps and self.step("prune", program.prune()):
            row["size_pruned"].append(stored_bytes(program.vault))


def empty_row():
    return dict(steps={}, size=[], parity=[], growth_again=[], growth_next=[], size_pruned=[], differs=[], failed=[])


# --- what the machine could do ------------------------------------------------------------------------------------------

def build_limit(work):
    binary = work / "limit"
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or "c++"
    command = [compiler, "-O2", "-std=c++20", str(HERE / "limit.cpp"), "-o", str(binary), "-lcrypto", "-lzstd", "-pthread"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"left out: limit, which did not compile: {getattr(error, 'stderr', '') or error}")
        return None
    return binary


def run_limit(binary, tree, work, level, whole):
    """The whole shows each stage; without, only the last is run, which does all of the work."""
    command = [str(binary), str(tree), "--level", str(level), "--out", str(work), "--json", *([] if whole else ["--last"])]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# --- the whole ------------------------------------------------------------------------------------------------------

def parse():
    corpora = os.environ.get("HOLDFAST_BENCH", DEFAULT_DIR)
    peers = os.environ.get("HOLDFAST_PEERS", "/opt/holdfast-peers")
    names, usual = [cls.name for cls in PROGRAMS], [step for step in STEPS if step != "prune"]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="Our program is $HOLDFAST, else build/release/holdfast, else the one in PATH.")

    def among(known):
        def check(text):
            for word in text.split(","):
                if word not in known:
                    raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(known)}")
            return text.split(",")
        return check

    def option(name, **words):
        parser.add_argument(name, **words)

    option("--dir", type=pathlib.Path, default=pathlib.Path(corpora),
           help=f"the corpora (default $HOLDFAST_BENCH, now {corpora})")
    option("--work", type=pathlib.Path, default=pathlib.Path("/dev/shm"),
           help="where vaults and restored trees go, in a folder of their own (default /dev/shm)")
    option("--peers", type=pathlib.Path, default=pathlib.Path(peers),
           help=f"what setup_peers.sh made (default $HOLDFAST_PEERS, now {peers}); what is not there is looked for in PATH")
    option("--runs", type=int, default=3, metavar="N", help="turns of each program on each corpus (default 3)")
    option("--programs", type=among(names), default=names, metavar="P,Q", help="among " + ",".join(names))
    option("--corpora", type=among(MAKERS), default=[], metavar="C,D", help="default: all that are there but `many`")
    option("--steps", type=among(STEPS), default=usual, metavar="S,T", help="default: all but prune; first is always taken")
    option("--level", type=int, default=3, metavar="L", help="zstd level of the limit (default 3)")
    option("--against", choices=names, default="holdfast", metavar="P",
           help="whose figures the ratios are over (default holdfast)")
    option("--json", type=pathlib.Path, metavar="FILE", help="write every single figure there as well")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


def found_corpora(options):
    names = options.corpora or [name for name in MAKERS if name != "many"]
    there = [name for name in names if (options.dir / name / "corpus.json").exists()]
    for name in names:
        if name not in there:
            say(f"left out: {name}, not in {options.dir}; make_corpora.py makes it")
    return there


def installed(names):
    """The programs among `names` that are installed, and their versions."""
    programs, versions = [], {}
    for cls in PROGRAMS:
        if cls.name not in names:
            continue
        version = cls.version()
        if version:
            programs.append(cls)
            versions[cls.name] = version
        else:
            ours = cls.name == "holdfast"
            say(f"left out: {cls.name}, not installed;", "build the preset release" if ours else "bench/setup_peers.sh gets it")
    if not programs:
        sys.exit("error: no program to run")
    return programs, versions


def compare(options, corpora, work, live_root):
    """Runs everything and prints a report for each corpus. Returns whether all went well."""
    programs, versions = installed(options.programs)
    here = machine(options.dir, options.work)
    floor = measured(["true"], work, dict(os.environ), work / "log")["peak_mib"]
    print(f"# Side by side, {here['when']}\n\n"
          f"{here['cpu']}, {here['cores']} cores, {here['memory_gib']} GiB; {here['system']}, Linux {here['kernel']}\n"
          f"corpora on {here['corpora']}; vaults on {here['work']}; load before the start {here['load']:.2f}\n")
    for name, version in versions.items():
        print(f"- {name}: {version}")
    print(f"\nPeak memory is of the largest process; below {floor:.0f} MiB it cannot be told from this script's own.\n",
          flush=True)

    limit = build_limit(work)
    everything = dict(machine=here, programs=versions, peak_floor_mib=floor, runs=options.runs, steps=options.steps, corpora={})
    good = True
    for name in corpora:
        result = run_corpus(name, options, programs, limit, work, live_root / name)
        everything["corpora"][name] = result
        report(name, result, options.against)
        for program, row in result["programs"].items():
            good = good and not row["failed"] and not (program == "holdfast" and any(row["differs"]))
        if options.json:
            options.json.write_text(json.dumps(everything, indent=1) + "\n")
    return good


def run_corpus(name, options, programs, limit, work, live):
    corpus = options.dir / name
    label = json.loads((corpus / "corpus.json").read_text())
    result = dict(corpus=label, limit=[], programs={cls.name: empty_row() for cls in programs})
    for turn in range(options.runs):
        if limit:
            sync_tree(corpus / "v1", live)
            warm_memory(work, disk_bytes(live))
            result["limit"].append(run_limit(limit, live, work, options.level, whole=turn == 0))
        shift = turn % len(programs)
        for cls in programs[shift:] + programs[:shift]:
            say(f"{name}, run {turn + 1} of {options.runs}: {cls.name}")
            root = work / cls.name
            root.mkdir()
            try:
                Turn(cls(root), corpus, live, options.steps, result["programs"][cls.name]).go()
            finally:
                shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(live, ignore_errors=True)
    return result


def main():
    options = parse()
    for tool in ("rsync", "find", "cat"):
        if not shutil.which(tool):
            sys.exit(f"error: {tool} is not installed")
    corpora = found_corpora(options)
    if not corpora:
        sys.exit(f"error: no corpora in {options.dir}\nhint: bench/make_corpora.py --dir {options.dir} --scale 0.25")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work, live = new_folder(options.work, "holdfast-bench-"), new_folder(options.dir, "live-")
    try:
        why = Peers.enter(options.peers, work, live)
        if why:
            say(f"borg is looked for in PATH: the chroot in {options.peers} cannot be used: {why}")
        good = compare(options, corpora, work, live)
    except KeyboardInterrupt:
        sys.exit("\nstopped; what was made is being removed")
    finally:
        Peers.leave()
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(live, ignore_errors=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
