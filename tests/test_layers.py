"""The shape of the program: imports point downwards, and nothing happens before it is asked for."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = [
    {"base"},
    {"params", "prompts", "imaging", "settings", "sampling", "networks", "store"},
    {"library", "metadata"}, {"models", "gallery"}, {"engine"}, {"app"}, {"requests"}, {"pipelines"}, {"worker"}, {"api", "ui"}, {"commands"},
]
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}
# the page comes up first
WITHOUT_TORCH = {"base", "params", "prompts", "settings", "store", "library", "metadata", "gallery", "requests", "api", "ui", "commands"}
ONLY_IN = {"diffusers": {"models"}, "transformers": {"models"}, "gradio": {"ui", "commands"}}
DISTRIBUTION = {                                                                   # where it is not the import's name
    "argon2": "argon2_cffi", "PIL": "pillow", "yaml": "pyyaml", "zipstream": "zipstream_ng",
    # FastAPI's own words
    "annotated_types": "fastapi", "pydantic": "fastapi", "pydantic_core": "fastapi", "starlette": "fastapi",
}

PROGRAM = sorted(path.relative_to(ROOT) for path in (ROOT / "modules").rglob("*.py"))
PACKAGED = [path for path in PROGRAM if len(path.parts) > 2]
per_packaged_file = pytest.mark.parametrize("path", PACKAGED, ids=str)
per_file = pytest.mark.parametrize("path", [Path("webui.py"), *PROGRAM], ids=str)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(node: ast.AST, path: Path, inside_functions: bool) -> Iterator[str]:
    """Dotted names of all that is imported; `from a import b` may import the module a.b, so both are given."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            above = path.parts[: len(path.parts) - child.level] if child.level else ()
            module = ".".join([*above, *filter(None, [child.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in child.names)
        elif not for_type_checkers(child) and (
            inside_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        ):
            yield from imports(child, path, inside_functions)


def imported_packages(path: Path) -> set[str]:
    """The packages of `modules/` that a file imports anywhere in it."""
    return {name.split(".")[1] for name in imports(parsed(path), path, True) if name.startswith("modules.")}


@cache
def file_of(name: str) -> Path | None:
    base = Path(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if (ROOT / path).is_file()), None)


@cache
def loaded_names(path: Path) -> tuple[str, ...]:
    """What importing a file imports itself."""
    return tuple(imports(parsed(path), path, False))


def loaded_with(path: Path) -> dict[str, list[Path]]:
    """Library → the chain of our files by which importing `path` imports it."""
    found: dict[str, list[Path]] = {}
    chains, seen = [[path]], {path}
    while chains:
        chain = chains.pop(0)
        for name in loaded_names(chain[-1]):
            ours = file_of(name) if name.startswith("modules.") else None
            if ours and ours not in seen:
                seen.add(ours)
                chains.append([*chain, ours])
            found.setdefault(name.split(".")[0], chain)
    return found


@per_packaged_file
def test_imports_point_downwards(path):
    mine = path.parts[1]
    for other in sorted(imported_packages(path) - {mine}):
        assert other in LEVEL, f"{path} imports modules.{other}: that is for extensions"
        assert LEVEL[other] < LEVEL[mine], f"{path} imports {other}, which is not below {mine}"


@per_packaged_file
def test_every_package_has_a_layer(path):
    assert path.parts[1] in LEVEL


@per_packaged_file
def test_a_library_stays_in_its_package(path):
    libraries = {name.split(".")[0] for name in imports(parsed(path), path, True)}
    assert not {library for library in libraries & ONLY_IN.keys() if path.parts[1] not in ONLY_IN[library]}


@pytest.mark.parametrize("path", [path for path in PACKAGED if path.parts[1] in WITHOUT_TORCH], ids=str)
def test_what_the_page_needs_loads_no_torch(path):
    chain = loaded_with(path).get("torch")
    assert chain is None, "torch is imported by " + " → ".join(map(str, chain))


def test_the_entry_loads_only_the_standard_library_until_it_has_its_environment():
    for path in (Path("webui.py"), Path("modules/base/bootstrap.py"), Path("modules/settings/flags.py"), Path("modules/settings/flag_types.py")):
        assert loaded_with(path).keys() <= {*sys.stdlib_module_names, "modules"}


@per_file
def test_every_library_is_in_the_requirements(path):
    """Pinned, so that what is tested is what users get."""
    lines = [
        line
        for name in ("requirements.txt", "requirements-gpu.txt")
        for line in (ROOT / name).read_text("utf-8").splitlines()
    ]
    listed = {re.match(r"[\w-]*", line)[0].replace("-", "_") for line in lines}
    libraries = (
        {name.split(".")[0] for name in imports(parsed(path), path, True)} - sys.stdlib_module_names - {"modules"}
    )
    assert {DISTRIBUTION.get(library, library) for library in libraries} <= listed


@per_file
def test_importing_a_file_does_nothing(path):
    calls = [
        node.lineno for node in parsed(path).body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert not calls, f"{path} calls something as it is imported, in lines {calls}"


@per_file
def test_nothing_is_global(path):
    assert not [node.lineno for node in ast.walk(parsed(path)) if isinstance(node, ast.Global)]
