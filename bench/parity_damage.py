#!/usr/bin/python3
"""What parity heals: damages every pack of a vault in one way after another, heals, and compares with what was there.

    bench/parity_damage.py [--rounds N] [--megabytes N]
    bench/parity_damage.py --stripes [--rounds N]

Makes a vault of random bytes in a scratch folder, with packs of three sizes: full ones (32 MiB), a last one of some MiB,
and small ones of metadata. For each kind of damage and each pack it damages the pack (and where the row says so, its
parity), runs `holdfast verify --ciphertext --heal --json`, and looks whether the pack is byte for byte what it was.
Prints the table of docs/explanation/parity.md. The seed is fixed: the same program gives the same table.
With --stripes: packs that are lost whole. Makes a vault with ten packs of 4 MB and their small ones of metadata, in stripes of
ten and two in another directory, damages the stripe of the ten in one way after another, heals and compares.
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


def lost(count):
    return lambda rng, packs, parity: {p: None for p in rng.sample(packs, count)}


def hit(where, damage, count=None):
    def change(rng, packs, parity):
        chosen = packs if where == "packs" else parity
        return {p: damage for p in (chosen if count is None else rng.sample(chosen, count))}
    return change


def both(*changes):
    """Of packs that one change takes, the next takes none."""
    def change(rng, packs, parity):
        out = {}
        for c in changes:
            out.update(c(rng, [p for p in packs if p not in out], [p for p in parity if p not in out]))
        return out
    return change


def apart(data, rng, nth):
    """A hole of 64 KiB in a place of its own for each pack."""
    at = 256 * KiB * nth + 64 * KiB
    data[at:at + 64 * KiB] = bytes(64 * KiB)


def same_place(data, rng):
    data[1 * MiB] ^= 1


# name, what is done: object -> None (removed) or damage
STRIPE_DAMAGES = [
    ("one pack gone", lost(1)),
    ("two packs gone", lost(2)),
    ("three packs gone", lost(3)),
    ("one pack gone, one cut in half", both(lost(1), hit("packs", half, 1))),
    ("one pack gone, a byte inserted in another", both(lost(1), hit("packs", inserted, 1))),
    ("one pack gone, a hole of 64 KiB in each other, in different places", both(lost(1), hit("packs", apart))),
    ("two packs gone, a hole of 64 KiB in another", both(lost(2), hit("packs", holes(64 * KiB), 1))),
    ("one pack gone, a flipped bit in the same place of two others", both(lost(1), hit("packs", same_place, 2))),
    ("one pack and one parity pack gone", both(lost(1), lambda rng, packs, parity: {p: None for p in rng.sample(parity, 1)})),
    ("two packs and one parity pack gone", both(lost(2), lambda rng, packs, parity: {p: None for p in rng.sample(parity, 1)})),
    ("one pack gone, 5 flipped bits in each parity pack", both(lost(1), hit("parity", bits(5)))),
    ("two packs gone, one flipped bit in a parity pack", both(lost(2), hit("parity", bits(1), 1))),
    ("one pack gone, a parity pack cut in half", both(lost(1), hit("parity", half, 1))),
    ("both parity packs gone", lambda rng, packs, parity: {p: None for p in parity}),
    ("every parity pack and every pack with a flipped bit", both(hit("parity", bits(1)), hit("packs", bits(1)))),
]


def stripes_table(options, top, rng):
    vault, place = top / "vault", top / "second"
    run("init", "--no-recovery-key", *(["--no-parity"] if options.no_parity else []))
    for i in range(10):
        source = top / f"source-{i}"
        source.mkdir()
        (source / "file").write_bytes(rng.randbytes(4 * MiB))
        run("backup", source, "--jobs", "1", "--quiet")
    made = json.loads(run("parity", "stripe", "--to", place, "--json"))
    everything = {p: p.read_bytes() for folder in (vault / "packs", place / "parity") for p in sorted(folder.rglob("*")) if p.is_file()}
    packs = [p for p in everything if p.parent.parent.name == "packs" and len(everything[p]) > 4 * MiB]
    parity = [p for p in everything if len(p.name) == 66 and len(everything[p]) > 4 * MiB]
    assert len(packs) == 10 and len(parity) == 2, (len(packs), len(parity))
    total = sum(len(b) for p, b in everything.items() if p.is_relative_to(vault / "packs"))
    print(f"{made['made']} stripes, {made['made_bytes']} bytes, {100 * made['made_bytes'] / total:.1f} % of the packs; {options.rounds} rounds; parity of its own: {'no' if options.no_parity else 'yes'}", flush=True)
    print("\n| damage | packs back | parity packs back |\n|---|---|---|")
    for name, what in STRIPE_DAMAGES:
        tries = healed = parity_tries = parity_healed = 0
        for _ in range(options.rounds):
            done = what(rng, packs, parity)
            for nth, (p, damage) in enumerate(done.items()):
                if damage is None:
                    p.unlink()
                    continue
                data = bytearray(everything[p])
                damage(data, rng, nth) if damage is apart else damage(data, rng)
                p.write_bytes(data)
            run("verify", "--ciphertext", "--heal", "--json", "--stripes", place, status=(0, 5))
            for p in done:
                whole = p.exists() and p.read_bytes() == everything[p]
                if p in parity:
                    parity_tries, parity_healed = parity_tries + 1, parity_healed + whole
                else:
                    tries, healed = tries + 1, healed + whole
                if not whole:
                    p.write_bytes(everything[p])
            wrong = [p for p in vault.glob("packs/*/*") if p in everything and p.read_bytes() != everything[p]]
            assert not wrong, f"{name}: {wrong} is wrong, and was not damaged"

        def share(a, b):
            return "" if b == 0 else "all" if a == b else "none" if a == 0 else f"{a} of {b}"
        print(f"| {name} | {share(healed, tries)} | {share(parity_healed, parity_tries)} |", flush=True)


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
    parser.add_argument("--stripes", action="store_true")
    parser.add_argument("--no-parity", action="store_true", help="with --stripes: packs have no parity of their own")
    options = parser.parse_args()
    top = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-parity-"))
    try:
        os.environ.update(HOME=str(top), HOLDFAST_KEY_FILE=str(top / "key"), HOLDFAST_VAULT=str(top / "vault"), HOLDFAST_CONFIG="")
        os.environ.pop("HOLDFAST_CONFIG")
        rng = random.Random(1)
        if options.stripes:
            stripes_table(options, top, rng)
            return
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
