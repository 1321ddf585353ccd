"""The packages that an extension wants: lines of requirements as pip has them, and A1111's own if it imports them."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from modules.base.limits import MAX_PATH
from modules.plugins.manifest import Extension

LARGEST_REQUIREMENTS = 256 * 2**10      # bytes of a requirements.txt
DEEPEST_REQUIREMENTS = 4                # files that name each other
# pip's options that have a value
VALUED_OPTIONS = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-c", "--constraint")
# options that would change what Easel has
DROPPED_OPTIONS = ("-U", "--upgrade", "--prefer-binary", "--force-reinstall", "--user", "install")

# packages that A1111 always has, so that extensions import them without a word: module → what pip knows it by
A1111_PACKAGES: Mapping[str, str] = {
    "accelerate": "accelerate", "blendmodes": "blendmodes", "cleanfid": "clean-fid", "cv2": "opencv-python-headless",
    "diskcache": "diskcache", "einops": "einops", "facexlib": "facexlib", "ffmpy": "ffmpy", "git": "GitPython",
    "inflection": "inflection", "jsonmerge": "jsonmerge", "kornia": "kornia", "lark": "lark",
    "matplotlib": "matplotlib", "omegaconf": "omegaconf", "pandas": "pandas", "piexif": "piexif",
    "pillow_avif": "pillow-avif-plugin", "psutil": "psutil",
    "pytorch_lightning": "pytorch-lightning", "requests": "requests", "resize_right": "resize-right",
    "scipy": "scipy", "skimage": "scikit-image", "spandrel": "spandrel", "tomesd": "tomesd", "timm": "timm",
    "torchdiffeq": "torchdiffeq", "torchmetrics": "torchmetrics", "torchsde": "torchsde", "tqdm": "tqdm",
}

# packages with the same modules: which of them is installed for all
SAME_PACKAGE: Mapping[str, str] = dict.fromkeys(
    ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"), "opencv-python-headless"
)


@dataclass
class PipRequest:
    """What an extension asks of `pip install`."""

    options: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)      # of requirements


def missing_packages(extension: Extension) -> list[str]:
    """Return the packages that its files import and that cannot be found, as far as reading the files shows."""
    own = {path.stem for path in extension.folder.rglob("*.py")} | {path.name for path in extension.folder.iterdir()}
    given = {"easel", "pytest", "modules", "launch", "gradio", "scripts", "extensions", *own, *sys.stdlib_module_names}
    names = {name for path in extension.folder.rglob("*.py") for name in imported_names(path)}
    return sorted(name for name in names - given if importlib.util.find_spec(name) is None)


def imported_names(path: Path) -> set[str]:
    """Return the first parts of the modules that a file imports; none if it cannot be read."""
    try:
        tree = ast.parse(path.read_text("utf-8", errors="replace"))
    except (SyntaxError, ValueError, OSError):
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def missing_of_a1111(extension: Extension) -> list[str]:
    """Return what A1111 would have had installed for it, and Easel has not."""
    return [A1111_PACKAGES[name] for name in missing_packages(extension) if name in A1111_PACKAGES]


def pip_request(words: Sequence[str]) -> PipRequest:
    """Return what the words after `pip install` ask for; the files that they name are read."""
    request, left = PipRequest(), iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        if word in ("-r", "--requirement") or (equals and name == "--requirement"):
            request.lines += requirement_lines(Path(value or next(left, "")))
        elif word in VALUED_OPTIONS:
            request.options += [word, next(left, "")]
        elif word in DROPPED_OPTIONS:
            continue
        elif word.startswith("-"):
            request.options.append(word)
        else:
            request.lines.append(word)
    return request


def requirement_lines(path: Path, depth: int = 0) -> Iterator[str]:
    """Yield the requirements of a requirements.txt, and of those that it names."""
    if depth > DEEPEST_REQUIREMENTS or not path.is_file() or path.stat().st_size > LARGEST_REQUIREMENTS:
        return
    for line in path.read_text("utf-8-sig", errors="replace").splitlines():
        text = line.partition(" #")[0].partition(" -")[0].strip() if not line.startswith("-") else line.strip()
        if text.startswith(("-r ", "--requirement ")):
            yield from requirement_lines(path.parent / text.split(maxsplit=1)[1], depth + 1)
        elif text and not text.startswith(("#", "-")) and len(text) <= MAX_PATH:
            yield text


def requirement_of(line: str) -> Requirement | None:
    """Return a line's package with its versions; None for an address or a file."""
    with suppress(InvalidRequirement):
        return Requirement(line)
    return None


def unmet_lines(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the lines whose package is not there, and sentences on those of which Easel has another version."""
    unmet, told = [], []
    for line in lines:
        requirement = requirement_of(line)
        if requirement is None or requirement.url:
            unmet.append(line)
            continue
        if requirement.marker and not requirement.marker.evaluate():
            continue
        same = SAME_PACKAGE.get(requirement.name.lower())
        version = installed_version(same or requirement.name)
        if version is None:
            unmet.append(same or line)
        elif not same and not requirement.specifier.contains(version, prereleases=True):
            told.append(f"It asks for {requirement}; {requirement.name} {version} is here and stays.")
    return unmet, told


def without_extras(line: str) -> str:
    """Return a requirement without its extras.

    >>> without_extras("some[extra,more]~=1.0")
    'some~=1.0'
    """
    requirement = requirement_of(line)
    if requirement is None or not requirement.extras:
        return line
    requirement.extras = set()
    return str(requirement)


def installed_version(package: str) -> str | None:
    with suppress(importlib.metadata.PackageNotFoundError, ValueError):
        return importlib.metadata.version(package)
    return None
