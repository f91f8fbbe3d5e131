#!/usr/bin/python3
"""What parity heals: damages every pack of a vault in one way after another, heals, and compares with what was there.

    bench/parity_damage.py [--rounds N] [--megabytes N]

Makes a vault of random bytes in a scratch folder, with packs of three sizes: full ones (32 MiB), a last one of some MiB,
and small ones of metadata. For each kind of damage and each pack it damages the pack (and where the row says so, its
parity), runs `holdfast verify --ciphertext --heal --json`, and looks whether the pack is byte for byte what it was.
Prints the table of docs/explanation/parity.md. The seed is fixed: the same program gives the same table.
The program is $HOLDFAST, else build/release/holdfast.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.path.abspath(os.environ.get("HOLDFAST") or ROOT / "build/release/holdfast")
KiB, MiB = 1 << 10, 1 << 20


def bits(count):
    def damage(data, rng):
        for _ in range(count):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return damage


def holes(size, count=1, aligned=True):
    def damage(data, rng):
        for _ in range(count):
            at = rng.randrange(max(1, len(data) - size + 1))
            if aligned:
                at -= at % 4096
            data[at:at + size] = bytes(min(size, len(data) - at))
    return damage


def cut(size):
    def damage(data, rng):
        del data[max(0, len(data) - size):]
    return damage


def half(data, rng):
    del data[len(data) // 2:]


def inserted(data, rng):
    at = rng.randrange(len(data))
    data[at:at] = b"\0"


# name, damage of the pack (None: it is removed), damage of its parity
DAMAGES = [
    ("one flipped bit", bits(1), None),
    ("5 flipped bits anywhere", bits(5), None),
    ("10 flipped bits anywhere", bits(10), None),
    ("15 flipped bits anywhere", bits(15), None),
    ("one lost sector of 4 KiB", holes(4 * KiB), None),
    ("2 lost sectors of 4 KiB", holes(4 * KiB, 2), None),
    ("10 lost sectors of 4 KiB", holes(4 * KiB, 10), None),
    ("a hole of 64 KiB", holes(64 * KiB), None),
    ("a hole of 64 KiB, not aligned", holes(64 * KiB, 1, False), None),
    ("5 holes of 64 KiB", holes(64 * KiB, 5), None),
    ("a burst of 256 KiB", holes(256 * KiB), None),
    ("a burst of 1 MiB", holes(1 * MiB), None),
    ("a burst of 2 MiB", holes(2 * MiB), None),
    ("the last byte cut off", cut(1), None),
    ("the last 64 KiB cut off", cut(64 * KiB), None),
    ("the last 1 MiB cut off", cut(1 * MiB), None),
    ("half of it cut off", half, None),
    ("a byte inserted", inserted, None),
    ("4 KiB lost, and 4 KiB of its parity", holes(4 * KiB), holes(4 * KiB)),
    ("4 KiB lost, and the first 4 KiB of its parity", holes(4 * KiB), lambda d, rng: d.__setitem__(slice(0, 4 * KiB), bytes(min(len(d), 4 * KiB)))),
    ("the whole pack gone", None, None),
]


def run(*arguments, status=(0,)):
    done = subprocess.run([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode not in status:
        sys.exit(f"holdfast {arguments} ended with {done.returncode}\n{done.stderr.decode()}")
    return done.stdout


def name_of_size(size):
    return "full packs" if size >= 30 * MiB else "packs of some MiB" if size >= 4 * MiB else "small packs"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--megabytes", type=int, default=78)
    options = parser.parse_args()
    top = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-parity-"))
    try:
        os.environ.update(HOME=str(top), HOLDFAST_KEY_FILE=str(top / "key"), HOLDFAST_VAULT=str(top / "vault"), HOLDFAST_CONFIG="")
        os.environ.pop("HOLDFAST_CONFIG")
        rng = random.Random(1)
        source = top / "source"
        source.mkdir()
        (source / "large").write_bytes(rng.randbytes(options.megabytes * MiB))
        for i in range(300):
            (source / f"note-{i}").write_text(f"note {i}\n")
        run("init", "--no-recovery-key")
        run("backup", source, "--jobs", "1", "--quiet")
        stats = json.loads(run("stats", "--json"))
        vault = top / "vault"
        packs = {p: p.read_bytes() for p in sorted(vault.glob("packs/*/*"))}
        parity = {p: vault / "parity" / p.name for p in packs}
        whole_parity = {p: parity[p].read_bytes() for p in packs}
        sizes = ["full packs", "packs of some MiB", "small packs"]
        print(f"{len(packs)} packs of {', '.join(str(len(b)) for b in packs.values())} bytes; "
              f"parity {stats['parity']['bytes_stored']} bytes, {100 * stats['parity']['ratio']:.2f} % of the packs; {options.rounds} rounds", flush=True)
        print("\n| damage of a pack | " + " | ".join(sizes) + " |\n|---|" + "---|" * len(sizes))
        for name, hit, hit_parity in DAMAGES:
            healed = {s: [0, 0] for s in sizes}
            for _ in range(options.rounds if hit else 1):
                for p, content in packs.items():
                    data = bytearray(content)
                    if hit:
                        hit(data, rng)
                        p.write_bytes(data)
                    else:
                        p.unlink()
                    if hit_parity:
                        damaged = bytearray(whole_parity[p])
                        hit_parity(damaged, rng)
                        parity[p].write_bytes(damaged)
                # A pack that is gone is known only to the index, which takes a key.
                run(*(["verify", "--ciphertext", "--heal", "--json"] if hit else ["verify", "--heal", "--no-proof", "--json"]), status=(0, 5))
                for p, content in packs.items():
                    count = healed[name_of_size(len(content))]
                    count[1] += 1
                    found = p.read_bytes() if p.exists() else b""
                    if found == content:
                        count[0] += 1
                    else:
                        p.write_bytes(content)
                    if not parity[p].exists() or parity[p].read_bytes() != whole_parity[p]:
                        parity[p].write_bytes(whole_parity[p])
            print(f"| {name} | " + " | ".join("all" if a == b else "none" if a == 0 else f"{a} of {b}" for a, b in healed.values()) + " |", flush=True)
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
