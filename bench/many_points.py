#!/usr/bin/env python3
"""How long verbs take in a vault with thousands of recovery points.

many_points (built by the preset bench) makes the vault: a small tree that changes a little every hour. Then each verb is
run with the built program: once with no cache, and --runs times with what it had kept. The key is a key file, so that no
time goes into deriving it; what a pass phrase adds is the same for every verb, and stands in the first row.

Our program is $HOLDFAST, else build/bench/holdfast, else build/release/holdfast; many_points lies beside it in bench/.
"""
import argparse
import os
import pathlib
import secrets
import shutil
import statistics
import sys

from programs import REPOSITORY, measured, new_folder
from tables import show, table

POLICY = """[source.home]
paths = ["/source"]
host = "host"
schedule = "hourly"
keep-hourly = 48
keep-daily = 14
keep-weekly = 8
keep-monthly = 24
"""
KEEP = ["--keep-hourly", "48", "--keep-daily", "14", "--keep-weekly", "8", "--keep-monthly", "24"]


def built(*below):
    places = [REPOSITORY / "build" / preset / pathlib.Path(*below) for preset in ("bench", "release")]
    found = next((str(place) for place in places if place.is_file()), None)
    return found or sys.exit(f"error: {places[0]} is not built\nhint: cmake --preset bench && cmake --build --preset bench --target holdfast many_points")


class Vault:
    """One vault, one home, and the program."""

    def __init__(self, work, shape):
        self.work, self.holdfast = work, os.environ.get("HOLDFAST") or built("holdfast")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("HOLDFAST_", "XDG_"))}
        (work / "home").mkdir()
        key = work / "key"
        key.write_bytes(secrets.token_bytes(64))
        key.chmod(0o600)
        (work / "policy.toml").write_text(POLICY)
        self.env.update(HOME=str(work / "home"), HOLDFAST_VAULT=str(work / "vault"), HOLDFAST_KEY_FILE=str(key), HOLDFAST_CONFIG=str(work / "policy.toml"))
        self.must(self.holdfast, "init", "--no-recovery-key", self.work / "vault")
        self.made = self.must(built("bench", "many_points"), work / "vault", key, *shape)

    def must(self, *command):
        result = measured(command, self.work, self.env, self.work / "log")
        if result["code"]:
            sys.exit(f"error: {' '.join(map(str, command[:2]))}: exit status {result['code']}\n{(self.work / 'log').read_text(errors='replace')[-600:]}")
        return result

    def call(self, *words): return self.must(self.holdfast, *words)

    def forget_cache(self):
        shutil.rmtree(self.work / "home/.cache", ignore_errors=True)


def row(name, cold, warm):
    def both(results):
        return f"{statistics.median(r['wall'] for r in results):.2f} ({statistics.median(r['cpu'] for r in results):.2f})" if results else "–"
    return [name, both(cold), both(warm), show(max(r["peak_mib"] for r in cold + warm), 0)]


def compare(vault, options):
    rows = [row("version (nothing)", [], [vault.call("version") for _ in range(options.runs)])]
    for name, words in {"points": ["points"], "points --json": ["points", "--json"], "forget --keep-… --dry-run": ["forget", *KEEP, "--dry-run"],
                        "policy explain": ["policy", "explain"]}.items():
        vault.forget_cache()
        rows.append(row(name, [vault.call(*words)], [vault.call(*words) for _ in range(options.runs)]))
    vault.call("prune")  # joins the packs that were made in a hurry
    vault.forget_cache()
    rows.append(row("prune, nothing to do", [vault.call("prune")], [vault.call("prune") for _ in range(options.runs)]))
    source = vault.work / "tree"
    source.mkdir()
    one_new = []
    for i in range(options.runs):
        (source / "file").write_text(f"version {i}")
        vault.call("backup", "-q", source)
        one_new.append(vault.call("prune"))
    rows.append(row("prune, one point is new", [], one_new))
    rows.append(row("forget --keep-… --grace 0 --prune", [], [vault.call("forget", *KEEP, "--grace", "0", "--prune")]))
    rows.append(row("prune, nothing to do", [], [vault.call("prune") for _ in range(options.runs)]))
    table(["seconds (CPU seconds)", "no cache", "with its cache", "peak MiB"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000, metavar="N")
    parser.add_argument("--folders", type=int, default=20, metavar="N", help="of the tree (default 20)")
    parser.add_argument("--files", type=int, default=50, metavar="N", help="in each folder (default 50)")
    parser.add_argument("--changes", type=int, default=5, metavar="N", help="files that change from point to point (default 5)")
    parser.add_argument("--runs", type=int, default=3, metavar="N")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/dev/shm"), help="where the vault goes (default /dev/shm)")
    options = parser.parse_args()
    work = new_folder(options.work, "holdfast-points-")
    try:
        vault = Vault(work, [options.points, options.folders, options.files, options.changes])
        load = os.getloadavg()[0]
        print(f"{options.points:,} points of {options.folders * options.files:,} files, {options.changes} changed in each; made in {vault.made['wall']:.0f} s; load {load:.1f}\n")
        compare(vault, options)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
