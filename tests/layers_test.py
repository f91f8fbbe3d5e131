"""Names go down only: reads every #include of src/ and fails on one that goes up or sideways.

The rooms and their levels are those of docs (design, section 4). A room may name itself and any room of a lower
level; rooms of one level do not name each other. Drivers are put together in src/cli/ alone.
"""

import os
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEVELS = {
    "base": 0,
    "platform": 1, "codec": 1,
    "format": 2,
    "store": 3, "source": 3, "target": 3,
    "vault": 4,
    "point": 5,
    "catalog": 6,
    "policy": 7, "verify": 7,
    "recovery": 8,
    "service": 9,
    "cli": 10,
}
GENERATED = {"version.hpp"}  # made by CMake, in no room
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def included(path):
    """(line number, what it includes) of each #include "…" in a file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1)


def complaints(source):
    """What is wrong with the includes below the folder `source`: a list of sentences."""
    wrong = []
    for path in sorted(source.rglob("*")):
        if path.suffix not in (".hpp", ".cpp", ".h", ".cc", ".ipp"):
            continue
        where = path.relative_to(source)
        room = where.parts[0]
        if len(where.parts) < 2 or room not in LEVELS:
            wrong.append(f"{where}: is in no room; the rooms are {', '.join(LEVELS)}")
            continue
        for number, name in included(path):
            if name in GENERATED:
                continue
            other = name.split("/")[0]
            if other not in LEVELS or "/" not in name:
                wrong.append(f'{where}:{number}: "{name}" does not begin with a room; write "{room}/…"')
            elif other != room and LEVELS[other] > LEVELS[room]:
                wrong.append(f"{where}:{number}: {room}/ (level {LEVELS[room]}) names {name} upwards (level {LEVELS[other]}): "
                             "let the low room define a small sink, and the high one pass it in")
            elif other != room and LEVELS[other] == LEVELS[room]:
                wrong.append(f"{where}:{number}: {room}/ names {name} sideways (both level {LEVELS[room]}): "
                             "move what both need to a lower room")
            elif not (source / name).is_file():
                wrong.append(f"{where}:{number}: there is no src/{name}")
    return wrong


class Layers(unittest.TestCase):
    def test_no_include_goes_up_or_sideways(self):
        wrong = complaints(ROOT / "src")
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_rooms_do_not_link_upwards(self):
        """CMake must agree with the includes: DEPENDS of a room names lower rooms only."""
        wrong = []
        for path in sorted((ROOT / "src").glob("*/CMakeLists.txt")):
            for room, depends in re.findall(r"hf_room\(\s*(\w+).*?DEPENDS([\w\s]*?)(?:LINKS|SOURCES|TESTS|\))", path.read_text(), re.S):
                wrong += [f"{path.parent.name}/CMakeLists.txt: {room} depends on {other}" for other in depends.split()
                          if other in LEVELS and room in LEVELS and LEVELS[other] >= LEVELS[room]]
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_the_check_itself_sees_upward_sideways_and_missing(self):
        import tempfile
        with tempfile.TemporaryDirectory() as scratch:
            source = pathlib.Path(scratch)
            for name, text in {
                "base/bytes.hpp": '#include "vault/vault.hpp"\n',
                "vault/vault.hpp": '#include "base/bytes.hpp"\n#include "base/gone.hpp"\n',
                "store/s.hpp": '#include "source/x.hpp"\n',
                "source/x.hpp": "#include <vector>\n",
                "attic/y.hpp": "",
            }.items():
                os.makedirs((source / name).parent, exist_ok=True)
                (source / name).write_text(text)
            wrong = "\n".join(complaints(source))
            for part in ("base/bytes.hpp:1: base/ (level 0) names vault/vault.hpp upwards", "vault/vault.hpp:2: there is no",
                         "store/s.hpp:1: store/ names source/x.hpp sideways", "attic/y.hpp: is in no room"):
                self.assertIn(part, wrong)
            self.assertEqual(len(wrong.splitlines()), 4, wrong)


if __name__ == "__main__":
    sys.exit(unittest.main())
