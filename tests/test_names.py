"""A module-level name stands in one file, so that a search for it finds its home at once."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

INTERFACES = frozenset({
    "routes",       # of a file of the API
    "build",        # of a tab: its part of the page
    "TAB",          # of a tab: its id
    "generate",     # of a pipeline: the task that makes the picture
    "plans",        # of a pipeline: the plans for a request
})
HABITS = frozenset({"log", "__all__"})      # Python's own; as are type variables of one letter


def defined_names(path: Path) -> Iterator[str]:
    """Names of a file's functions, classes, constants and aliases."""
    for node in ast.parse(path.read_text("utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign():  # of several names too
                yield from (
                    each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)
                )
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def test_a_module_level_name_is_defined_in_one_file() -> None:
    files = defaultdict(set)
    surface = set((ROOT / "modules" / "surface").rglob("*.py"))      # A1111's names, which stand in several of its files
    for path in set((ROOT / "modules").rglob("*.py")) - surface:
        for name in defined_names(path):
            files[name].add(str(path.relative_to(ROOT)))
    assert files.keys() >= INTERFACES
    shared = {name: sorted(found) for name, found in files.items() if len(found) > 1 and len(name) > 1}
    assert {name: found for name, found in shared.items() if name not in INTERFACES | HABITS} == {}
