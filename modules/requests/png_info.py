"""A1111's "PNG info" of a batch: each picture's own generation data replace values of the form. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modules.base.errors import Invalid, UnknownName, WebUIError
from modules.base.fields import checker
from modules.imaging.folders import content_of
from modules.library.catalog import Catalog
from modules.params import infotext
from modules.params.batch import Batch, BatchItem, Img2ImgBatch
from modules.params.img2img import Img2Img
from modules.prompts.grammar import emphasised
from modules.requests.pasted_fields import as_type
from modules.requests.picture_data import picture_metadata

MOST_PNG_NOTES = 5
APPENDED_FIELDS = ("prompt", "negative_prompt")      # appended to the form's


def with_infotexts(batch: Batch, beside: tuple[Path, ...] | None) -> Batch:
    """Return the batch with each picture's generation data.

    beside: files with the data, found by the picture's name; None: the picture's own
    """
    named = {path.stem: path for path in beside or ()} | {path.name: path for path in beside or ()}

    def text(entry: BatchItem) -> str:
        if beside is None:
            return infotext_of(Path(entry.image)) if Path(entry.image).is_absolute() else entry.infotext
        source = named.get(entry.file) or named.get(Path(entry.file).stem)
        return infotext_of(source) if source else ""

    return replace(batch, entries=tuple(replace(entry, infotext=text(entry)) for entry in batch.entries))


def infotext_of(path: Path) -> str:
    """Return a picture's generation data; "" if it cannot be read, which is noticed when its turn comes."""
    try:
        return picture_metadata(content_of(path)).infotext
    except WebUIError:
        return ""


@dataclass
class PngInfoReader:
    """The values that each picture's generation data change in a batch."""

    form: Img2ImgBatch                                  # with its seed resolved
    record: Callable[[Img2ImgBatch], Mapping[str, Any]]
    checkpoints: Catalog
    notes: list[str] = field(default_factory=list)

    def applied(self, batch: Batch) -> Batch:
        common = self.record(self.form)
        entries = tuple(self.informed(entry, common) for entry in batch.entries)
        return replace(batch, entries=entries, notes=(*batch.notes, *few(self.notes)))

    def informed(self, entry: BatchItem, common: Mapping[str, Any]) -> BatchItem:
        """Return the entry with the values of its own data, as far as they can be taken."""
        found = infotext.parse_infotext(entry.infotext, emphasised)
        told = {key: found[key] for key in self.form.batch_png_info_props if found.get(key)}
        params, settings = {}, {}
        try:
            own = self.record(check_request(replace(self.form, **dict(self.fields(told)))))
            params = {name: own[name] for name in RECORDED if own[name] != common[name]}
            settings = self.model(told)
        except (Invalid, UnknownName) as error:
            self.notes.append(f"Not all of {entry.file}'s generation data could be taken. {error}")
        return replace(entry, infotext="", params=params, settings=settings)

    def fields(self, told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for key, name in OWN.items():
            value = as_type(Img2Img, name, told[key]) if key in told else None
            if value is not None:
                yield (
                    name,
                    " ".join(filter(None, (getattr(self.form, name), value))) if name in APPENDED_FIELDS else value,
                )

    def model(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Return the setting of the data's checkpoint. Raises UnknownName if it is missing."""
        return (
            {"sd_model_checkpoint": self.checkpoints.find(str(told["Model hash"])).name} if "Model hash" in told else {}
        )


def few(notes: list[str]) -> list[str]:
    more = [f"The same is true of {len(notes) - MOST_PNG_NOTES:,} more."] if len(notes) > MOST_PNG_NOTES else []
    return notes[:MOST_PNG_NOTES] + more


def check_request(request: Img2ImgBatch) -> Img2ImgBatch:
    """Return the request if its values are within their fields' limits. Raises Invalid."""
    try:
        checker(Img2Img).validate_python({name: getattr(request, name) for name in OWN.values()})
    except ValidationError as error:
        problem = error.errors()[0]
        raise Invalid(f"Its {problem['loc'][0]} cannot be {problem['input']!r:.80}.", problem["msg"]) from error
    return request


OWN = {  # A1111's names for the values that a picture may change
    "Prompt": "prompt",
    "Negative prompt": "negative_prompt",
    "Seed": "seed",
    "CFG scale": "cfg_scale",
    "Sampler": "sampler_name",
    "Steps": "steps",
}
RECORDED = (*OWN.values(), "scheduler")      # the sampler of an old picture contains the schedule
