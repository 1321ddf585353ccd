"""The shape of the program: imports point downwards, and nothing happens before it is asked for."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYERS = [
    {"base"},
    {"params", "prompts", "imaging", "settings", "sampling", "networks", "store"},
    {"library", "metadata", "training"}, {"models", "gallery"}, {"engine"}, {"plugins"}, {"app"}, {"requests"}, {"pipelines"}, {"worker"},
    {"api", "ui", "surface"}, {"commands"},
]
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}
# the page comes up first
WITHOUT_TORCH = {"base", "params", "prompts", "settings", "store", "library", "metadata", "gallery", "requests", "api", "ui", "plugins", "commands"}
ONLY_IN = {"diffusers": {"models"}, "transformers": {"models"}, "gradio": {"ui", "plugins", "surface", "commands"}}
OURS = {"modules", "easel"}
DISTRIBUTION = {                                                                   # where it is not the import's name
    "argon2": "argon2_cffi", "PIL": "pillow", "yaml": "pyyaml", "zipstream": "zipstream_ng",
    # FastAPI's own words
    "annotated_types": "fastapi", "pydantic": "fastapi", "pydantic_core": "fastapi", "starlette": "fastapi",
}

PROGRAM = sorted(path.relative_to(ROOT) for path in (ROOT / "modules").rglob("*.py"))
PUBLIC = sorted(path.relative_to(ROOT) for path in (ROOT / "easel").rglob("*.py"))
PACKAGED = [path for path in PROGRAM if len(path.parts) > 2]
FILES = [Path("webui.py"), *PROGRAM, *PUBLIC]
WITH_PYTEST = Path("easel/testing.py")        # the kit of those who write tests


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
            ours = file_of(name) if name.split(".")[0] in OURS else None
            if ours and ours not in seen:
                seen.add(ours)
                chains.append([*chain, ours])
            found.setdefault(name.split(".")[0], chain)
    return found


@cache
def libraries(path: Path) -> frozenset[str]:
    """First words of all that a file imports anywhere in it."""
    return frozenset(name.split(".")[0] for name in imports(parsed(path), path, True))


@cache
def listed() -> frozenset[str]:
    """Distributions of the requirements."""
    added = ("", "-gpu", "-ray", "-control")
    texts = [(ROOT / f"requirements{each}.txt").read_text("utf-8") for each in added]
    return frozenset(
        re.match(r"[\w-]*", line)[0].replace("-", "_") for text in texts for line in text.splitlines()
    )


def test_every_package_has_a_layer():
    assert {path.parts[1] for path in PACKAGED} <= LEVEL.keys()


def test_imports_point_downwards():
    """A package without a layer is for extensions alone."""
    assert not [
        f"{path} imports {other}, which is not below {path.parts[1]}"
        for path in PACKAGED
        for other in sorted(imported_packages(path) - {path.parts[1]})
        if LEVEL.get(other, len(LAYERS)) >= LEVEL[path.parts[1]]
    ]


def test_what_extensions_import_needs_declared_fields_alone():
    """The kit for their tests draws pictures, and needs the program."""
    assert {package for path in PUBLIC if path.stem != "testing" for package in early_packages(path)} == {"base"}
    assert not [path for path in PUBLIC if path.stem != "testing" and "torch" in loaded_with(path)]


def early_packages(path: Path) -> set[str]:
    """The packages of `modules/` that importing a file imports."""
    return {name.split(".")[1] for name in loaded_names(path) if name.startswith("modules.")}


def test_a_library_stays_in_its_package():
    assert not [
        f"{path} imports {library}"
        for path in PACKAGED
        for library, packages in ONLY_IN.items()
        if library in libraries(path) and path.parts[1] not in packages
    ]


def test_what_the_page_needs_loads_no_torch():
    chains = [loaded_with(path).get("torch") for path in PACKAGED if path.parts[1] in WITHOUT_TORCH]
    assert not ["torch is imported by " + " → ".join(map(str, chain)) for chain in chains if chain]


def test_the_entry_loads_only_the_standard_library_until_it_has_its_environment():
    for path in (Path("webui.py"), Path("modules/base/bootstrap.py"), Path("modules/settings/flags.py"), Path("modules/settings/flag_types.py")):
        assert loaded_with(path).keys() <= {*sys.stdlib_module_names, "modules"}


def test_every_library_is_in_the_requirements():
    """Pinned, so that what is tested is what users get."""
    assert not [
        f"{path} imports {library}"
        for path in FILES
        for library in sorted(libraries(path) - sys.stdlib_module_names - OURS - ({"pytest"} if path == WITH_PYTEST else set()))
        if DISTRIBUTION.get(library, library) not in listed()
    ]


def test_importing_a_file_does_nothing():
    assert not [
        f"{path}:{node.lineno} calls something as it is imported"
        for path in FILES
        for node in parsed(path).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]


def test_nothing_is_global():
    assert not [
        f"{path}:{node.lineno}" for path in FILES for node in ast.walk(parsed(path)) if isinstance(node, ast.Global)
    ]
