"""The lists of ControlNet's forms: models, preprocessors, and what each control type offers. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from modules.library.catalog import ModelFile
from modules.library.control_models import control_models, control_title, fits_checkpoint
from modules.library.library import Library
from modules.params.control import NO_CONTROL_MODEL
from modules.params.preprocessors import ALL_TYPES, of_type, usual_preprocessor

NEWEST_SET = "11"      # in the names of ControlNet 1.1's models, which a type chooses first
# words in names of a type's models beside the type's own
TYPE_WORDS: Mapping[str, tuple[str, ...]] = {
    "InstructP2P": ("ip2p",), "Segmentation": ("seg",), "NormalMap": ("normal",),
    "T2I-Adapter": ("t2i_adapter", "t2iadapter", "t2ia"), "IP-Adapter": ("ip_adapter", "ipadapter"),
    "OpenPose": ("densepose",), "Scribble": ("sketch",), "Tile": ("blur",), "Instant-ID": ("instant_id", "instantid"),
}
OF_UNIONS = {
    "OpenPose", "Depth", "Scribble", "SoftEdge", "Canny", "Lineart", "MLSD", "NormalMap", "Segmentation", "Tile",
    "Inpaint",
}


@dataclass(frozen=True, slots=True)
class TypeLists:
    """What a control type offers, and what choosing it chooses."""

    modules: Sequence[str]
    models: Sequence[str]
    module: str
    model: str


def model_titles(library: Library, update: bool = False) -> list[str]:
    """Return the models' titles, after the word for none."""
    if update:
        library.of("controlnet").refresh()
    return [NO_CONTROL_MODEL, *(control_title(file) for file in control_models(library))]


def titles_that_fit(library: Library, checkpoint: ModelFile | None) -> Callable[[str], bool]:
    """Return the predicate of titles: may the model be for the checkpoint? A file's header is read when it is asked."""
    files = {control_title(file): file for file in control_models(library)}

    def fits(title: str) -> bool:
        return checkpoint is None or title not in files or fits_checkpoint(files[title], checkpoint)

    return cache(fits)


def lists_of_type(control_type: str, titles: Sequence[str], fits: Callable[[str], bool]) -> TypeLists:
    """Return a control type's lists, of the titles that there are; it chooses none that does not fit."""
    modules = [each.title for each in of_type(control_type)]
    if control_type == ALL_TYPES:
        return TypeLists(modules, titles, modules[0], NO_CONTROL_MODEL)
    models = [title for title in titles if title != NO_CONTROL_MODEL and is_of_type(title, control_type)]
    preferred = sorted(models, key=lambda title: NEWEST_SET not in title.partition(" [")[0])
    return TypeLists(
        modules, [NO_CONTROL_MODEL, *models], usual_preprocessor(control_type).title,
        next(filter(fits, preferred), NO_CONTROL_MODEL),
    )


def is_of_type(title: str, control_type: str) -> bool:
    """Return whether a model's name says that it is of the type, or that it is a union of several."""
    name = title.partition(" [")[0].casefold()
    words = (control_type.casefold(), *TYPE_WORDS.get(control_type, ()))
    return any(word in name for word in words) or ("union" in name and control_type in OF_UNIONS)
