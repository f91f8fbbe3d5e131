#!/bin/bash
# tests/golden/make.sh HOLDFAST: makes tests/golden/vault-v1 anew, as root. Only for a new version of the format, under a
# new name: a golden vault that was released must open for ever and is never made again.
set -euo pipefail
holdfast=$(readlink -f -- "${1:?the program}")
here=$(dirname -- "$(readlink -f -- "$0")")
name=vault-v1
work=/tmp/holdfast-golden
[ ! -e "$work" ] || { echo "error: $work exists" >&2; exit 1; }
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/home"
export HOME=$work/home HOLDFAST_VAULT=$work/vault HOLDFAST_PASSPHRASE_FILE=$here/$name.passphrase
unset HOLDFAST_CONFIG HOLDFAST_KEY_FILE
printf 'a golden pass phrase for all to read\n' >"$here/$name.passphrase"
"$holdfast" init --recovery-sheet "$work/sheet.txt" >/dev/null
python3 "$here/make_tree.py" make "$work/source" 1
"$holdfast" backup --host golden --tag first "$work/source" >/dev/null
python3 "$here/make_tree.py" facts "$work/source" >"$work/facts-1.json"
python3 "$here/make_tree.py" make "$work/source" 2
"$holdfast" backup --host golden --tag second "$work/source" >/dev/null
python3 "$here/make_tree.py" facts "$work/source" >"$work/facts-2.json"
# "many" is 2,500 lines otherwise: the files in it differ in their names only.
python3 - "$work" "$here/$name.expected.json" <<'PYTHON'
import json, sys
points = [json.load(open(f"{sys.argv[1]}/facts-{n}.json")) for n in (1, 2)]
with open(sys.argv[2], "w") as out:
    many = b"many/".hex()
    for facts in points:
        alike = [k for k in facts if k.startswith(many)]
        fact = facts[alike[0]]
        assert all(facts[k] == fact for k in alike)
        for k in alike:
            del facts[k]
        facts["many/0000 ... many/2499"] = fact
    out.write("[\n" + ",\n".join("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in facts.items()) + "\n}" for facts in points) + "\n]\n")
PYTHON
rm -rf "${here:?}/$name"
cp -r "$work/vault" "$here/$name"
cp "$work/sheet.txt" "$here/$name.recovery-sheet"
chmod -R u+rwX,go+rX "$here/$name"* && find "$here/$name" -type d -empty -delete
du -sb "$here/$name"
