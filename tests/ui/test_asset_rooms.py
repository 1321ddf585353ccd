"""The rooms of the page's scripts: imports point downwards, and no two rooms import each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import modules
from modules.ui.bundle import IMPORT, LATE_IMPORT, path_from
from modules.ui.look import ASSETS

# Room → the rooms that it may import; a room may always import from itself.
MAY_IMPORT = {
    "core": set(),
    "a1111": {"core"},
    "control": {"core", "editor"},
    "prompt": {"core"},
    "editor": {"core"},
    "cards": {"core", "prompt"},
    "img2img": {"core", "editor"},
    "viewer": {"core"},
    "styles": {"core"},
    "wildcards": {"core"},
    "plots": {"core", "viewer"},
    "generation": {"core", "control", "plots", "prompt", "cards", "styles", "viewer", "wildcards"},
    "data": {"core"},
    "extensions": {"core"},
    "tabs": {"core", "data", "generation"},
    "queue": {"core", "generation"},
    "library": {"core", "generation", "viewer"},
    "training": {"core", "generation"},
    "api.js": set(),            # what scripts of extensions import
    "main.js": {"core", "extensions", "generation", "img2img", "library", "queue", "tabs", "training"},
}
SCRIPTS = sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.js"))


def room_of(script: str) -> str:
    return PurePosixPath(script).parts[0]


def imported(script: str) -> Iterator[str]:
    text = (ASSETS / script).read_text(encoding="utf-8")
    for found in (*IMPORT.finditer(text), *LATE_IMPORT.finditer(text)):
        yield path_from(script, found[found.lastindex])


def test_a_script_imports_only_what_its_room_may():
    assert not [
        f"{script} imports {other}, but {mine} may import only {', '.join(sorted(MAY_IMPORT[mine])) or 'itself'}"
        for script in SCRIPTS
        for mine in [room_of(script)]
        for other in imported(script)
        if room_of(other) not in MAY_IMPORT[mine] | {mine}
    ]


def test_the_rooms_form_no_circle_and_each_is_there():
    seen: set[str] = set()
    while ready := {room for room, below in MAY_IMPORT.items() if below <= seen} - seen:
        seen |= ready
    assert seen == set(MAY_IMPORT) == {room_of(script) for script in SCRIPTS}


def test_every_permission_is_used():
    used = {(room_of(script), room_of(other)) for script in SCRIPTS for other in imported(script)}
    assert not [(room, other) for room, below in MAY_IMPORT.items() for other in below if (room, other) not in used]


LONGEST_LINE = 120
OTHERS = "static"      # the folder of files that are not ours
SHEETS_AND_SCRIPTS = sorted(
    path
    for path in Path(modules.__file__).parent.rglob("*.*")
    if path.suffix in (".js", ".css") and OTHERS not in path.parts
)
DATA = re.compile(r"""^\s*(?:--[\w-]+: url\(.*\);|(?:\w+: )?["'`].*["'`],?)$""")      # an icon, a path of one, a sentence


def test_no_line_of_a_script_or_style_sheet_is_too_long_to_be_read():
    assert not [
        f"{path}:{number}"
        for path in SHEETS_AND_SCRIPTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST_LINE and not DATA.match(line)
    ]
