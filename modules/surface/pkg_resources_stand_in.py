"""What extensions ask of `pkg_resources`, which newer setuptools have not: which packages are installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement as Requirement
from packaging.version import parse as parse_version  # noqa: F401  under its name


class ResolutionError(Exception):
    """Packages that are not there."""


class DistributionNotFound(ResolutionError):
    """A package that is not installed."""


class VersionConflict(ResolutionError):
    """A package that is installed in another version."""


@dataclass(frozen=True)
class Distribution:
    """A package that is installed."""

    project_name: str
    version: str
    location: str

    @property
    def key(self) -> str:
        return self.project_name.lower()


def get_distribution(name: str) -> Distribution:
    """Return a package. Raises DistributionNotFound."""
    package = Requirement(str(name)).name
    try:
        return distribution_of(importlib.metadata.distribution(package))
    except importlib.metadata.PackageNotFoundError as error:
        raise DistributionNotFound(f"The '{name}' distribution was not found") from error


def distribution_of(found: Any) -> Distribution:
    return Distribution(found.metadata["Name"], found.version, str(found.locate_file("")))


def require(*requirements: str | Iterable[str]) -> list[Distribution]:
    """Return packages. Raises DistributionNotFound or VersionConflict."""
    lines = [line for each in requirements for line in ([each] if isinstance(each, str) else each)]
    found = [get_distribution(line) for line in lines]
    for line, package in zip(lines, found, strict=True):
        if not Requirement(line).specifier.contains(package.version, prereleases=True):
            raise VersionConflict(f"{package.project_name} {package.version} is not {line}")
    return found


def resource_filename(package_or_requirement: str, resource_name: str) -> str:
    """Return the path of a file of a package."""
    spec = importlib.util.find_spec(package_or_requirement)
    if spec is None or not spec.origin:
        raise DistributionNotFound(f"There is no module {package_or_requirement}")
    return str(Path(spec.origin).parent / resource_name)


def __getattr__(name: str) -> Any:
    if name == "working_set":
        return [distribution_of(each) for each in importlib.metadata.distributions() if each.metadata["Name"]]
    raise AttributeError(f"module 'pkg_resources' has no attribute {name!r}")
