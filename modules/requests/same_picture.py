"""Whether pasted generation data will give the same picture, from what is here and from the picture's manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from modules.base.errors import Invalid
from modules.base.fields import defaults
from modules.library.library import Library
from modules.requests.compare_manifest import MANIFEST_KEY, Difference, split_differences
from modules.requests.picture_data import picture_metadata
from modules.settings.options import Settings

AS_BEFORE, NEARLY_SAME, ANOTHER, UNCERTAIN = "same", "close", "other", "untold"


@dataclass(frozen=True)
class Likeness:
    """What the picture of some data will be.

    verdict: `same`; `close`, where only the machine or its programs differ; `other`; `untold`, without a manifest
    differences: between the manifest and now
    """

    verdict: str
    differences: tuple[Difference, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"verdict": self.verdict, "differences": [asdict(each) for each in self.differences]}


def picture_likeness(
    found: Mapping[str, Any], manifest: Mapping[str, Any] | None, library: Library, standing: Settings,
    device: Mapping[str, str],
) -> Likeness:
    """Return what the picture will be.

    found: the data as they were read; each of their notes tells something that is not as it was
    """
    seedless = found["fields"].get("seed", -1) == -1
    told = None
    with suppress(Invalid):      # then it is as if there were none
        told = split_differences(manifest or {}, library, with_pasted(standing, found["settings"]), device)
    chosen, machine = told or ([], [])
    if found["notes"] or seedless or chosen:
        return Likeness(ANOTHER, (*chosen, *machine))
    if told is None:
        return Likeness(UNCERTAIN)
    return Likeness(NEARLY_SAME if machine else AS_BEFORE, tuple(machine))


def with_pasted(standing: Settings, pasted: Mapping[str, Any]) -> Settings:
    """Return the settings as a job of the pasted form will have them."""
    known = defaults(Settings)
    return replace(standing, **{name: value for name, value in pasted.items() if name in known})


def manifest_in(content: bytes) -> dict[str, Any] | None:
    """Return the manifest in a picture's file; None if it has none that can be read. Raises InvalidImage, TooLarge."""
    try:
        found = json.loads(picture_metadata(content).items.get(MANIFEST_KEY, "null"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
