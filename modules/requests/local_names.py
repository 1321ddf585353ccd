"""File names in generation data matched to local files, by name and hash together. No torch.

A hash alone does not identify the file: trainers write the same one into all their files, editing tools keep the
old one, and people keep copies. So a file of that name with that hash is preferred; if several files have the hash and
none the name, only the person can choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from modules.base.errors import UnknownName
from modules.library.catalog import Catalog, Meant, ModelFile
from modules.library.library import Library
from modules.params.hires import LATENT_MODES, LATENT_UPSCALER
from modules.prompts.network_tags import LORA_KINDS, MOST_NETWORK_TAGS, with_tags, without_separators

TAGGED_PROMPTS = ("Prompt", "Hires prompt")                                       # prompts with network tags
EMBEDDING_PROMPTS = ("Prompt", "Negative prompt", "Hires prompt", "Hires negative prompt")      # may name embeddings
VAE_WITHOUT_FILE = ("Automatic", "None")
UNSPEAKABLE = re.compile("[<>:]")      # characters of file names that a tag cannot contain


@dataclass(frozen=True, slots=True)
class Missing:
    """A name in generation data without a local file.

    field: the field or setting that is left without it; "" for a network or an embedding
    copies: the files that have its hash if there are several, none with its name
    """

    what: str
    name: str
    field: str = ""
    hash: str = ""
    copies: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.what in ("checkpoint", "VAE"):
            return " ".join(filter(None, (self.name or f"a {self.what}", self.hash and f"[{self.hash[:10]}]")))
        return f"the {self.what} {self.name}{f' [{self.hash[:10]}]' if self.hash else ''}"


def usable_file(found: Meant, otherwise: Missing) -> ModelFile | Missing:
    """Return the file if there is one and it can be read, else `otherwise`."""
    if found.file and not found.file.problem:
        return found.file
    return replace(otherwise, name=otherwise.name[:200], copies=tuple(file.name for file in found.copies))


# Networks and embeddings in prompts --------------------------------------------------------------


def with_local_names(
    values: Mapping[str, Any], library: Library, missing: list[Missing] | None = None
) -> dict[str, Any]:
    """Return generation data with the local names of networks and embeddings, if hashes identify the files.

    missing: receives the names without a local file
    """
    missing = [] if missing is None else missing
    loras, begin = hashes_of(values, "Lora hashes"), str(values.get("Hypernet hash", "")).lower()
    library.learn_loras(loras.values())
    library.hypernetworks.learn(begin)
    seen: set[str] = set()

    def local(tag: re.Match[str]) -> str:
        kind, (name, colon, rest) = tag[1], tag[2].partition(":")
        seen.add(name)
        if len(seen) > MOST_NETWORK_TAGS:
            return tag[0]
        if kind in LORA_KINDS:
            hashed = loras.get(without_separators(name), "")
            called = local_name(
                name,
                usable_file(library.lora_meant(name, hashed), Missing("LoRA", name, hash=hashed)),
                library.lora,
                missing,
            )
        elif kind == "hypernet":
            found = usable_file(library.hypernetworks.meant(name, begin), Missing("hypernetwork", name, hash=begin))
            called = local_name(name, found, library.hypernetworks.named, missing)
        else:
            return tag[0]
        return f"<{kind}:{called}{colon}{rest}>"

    named = {key: with_tags(str(values[key]), local) for key in TAGGED_PROMPTS if values.get(key)}
    return with_local_embeddings({**values, **named}, library.embeddings, missing)


def with_local_embeddings(values: dict[str, Any], catalog: Catalog, missing: list[Missing]) -> dict[str, Any]:
    whole = {without_separators(file.model_name): file.model_name for file in catalog.list()}
    for told, begin in hashes_of(values, "TI hashes").items():
        name = whole.get(told, told)
        catalog.learn(begin.lower())
        called = local_name(
            name,
            usable_file(catalog.meant(name, begin), Missing("embedding", name, hash=begin)),
            catalog.named,
            missing,
        )
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        if called != name:
            values |= {key: with_word(word, called, str(values[key])) for key in EMBEDDING_PROMPTS if values.get(key)}
    return values


def with_word(word: re.Pattern[str], called: str, text: str) -> str:
    """Return the text with a word replaced, whatever characters the new name contains."""
    return word.sub(lambda _: called, text)


def hashes_of(values: Mapping[str, Any], key: str) -> dict[str, str]:
    """Read `name: hash, name: hash` as a table."""
    pairs = (pair.split(": ", 1) for pair in str(values.get(key, "")).split(", ") if ": " in pair)
    return dict(islice(pairs, MOST_NETWORK_TAGS))


def local_name(
    name: str, found: ModelFile | Missing, called: Callable[[str], ModelFile | None], missing: list[Missing]
) -> str:
    """Return a name that finds the local file: the given one if possible.

    missing: receives a name without a local file
    """
    if isinstance(found, Missing):
        missing.append(found)
        return name
    names = (name, *(other for other in found.names if not UNSPEAKABLE.search(other)))
    return next((other for other in names if is_same(called(other), found)), name)


def is_same(file: ModelFile | None, other: ModelFile) -> bool:
    return file is not None and file.path == other.path


# Files in fields and settings ---------------------------------------------------------------------


def with_local_files(found: Mapping[str, Any], values: Mapping[str, Any], library: Library) -> dict[str, Any]:
    """Return the result of `fields_from_pairs` with the local names of files; names without a file are in `missing`.

    Its `checkpoint` is the local name of the data's checkpoint, or "".
    """
    fields, settings, missing = dict(found["fields"]), dict(found["settings"]), list(found["missing"])
    for name, resolve in LOCAL_NAMES.items():
        for told in (fields, settings):
            if name in told and not isinstance(here := resolve(library, told[name], values), Missing):
                told[name] = here
            elif name in told:
                missing.append(here)
                del told[name]
    fields |= {name: "" for name in NONE_INSTEAD if name in found["fields"] and name not in fields}
    checkpoint, notes = named_checkpoint(values, library)
    if isinstance(checkpoint, Missing):
        missing.append(checkpoint)
    name = checkpoint.name if isinstance(checkpoint, ModelFile) else ""
    return {
        **found,
        "fields": fields,
        "settings": settings,
        "checkpoint": name,
        "missing": missing,
        "notes": [*found["notes"], *notes],
    }


def named_checkpoint(values: Mapping[str, Any], library: Library) -> tuple[ModelFile | Missing | None, list[str]]:
    """Return the checkpoint in the data, or None, and remarks on it for the person."""
    name, begin = str(values.get("Model", "")), str(values.get("Model hash", "")).lower()
    if not name and not begin:
        return None, []
    library.checkpoints.learn(begin)
    meant = library.checkpoints.meant(name, begin)
    differs = (
        [f"{name} here is not the same file: its hash is {meant.file.shorthash}, not {begin[:10]}."]
        if meant.differs and meant.file
        else []
    )
    return usable_file(meant, Missing("checkpoint", name, "sd_model_checkpoint", begin)), differs


def local_checkpoint(what: str, field: str) -> Callable[[Library, str, Mapping[str, Any]], str | Missing]:
    def resolve(library: Library, title: str, values: Mapping[str, Any]) -> str | Missing:
        name, begin = library.checkpoints.split_title(title)
        library.checkpoints.learn(begin)
        file = usable_file(library.checkpoints.meant(name, begin), Missing(what, name, field, begin))
        return file if isinstance(file, Missing) else file.name

    return lambda library, title, values: resolve(library, title, values) if title else ""


def local_vae(library: Library, name: str, values: Mapping[str, Any]) -> str | Missing:
    if name in VAE_WITHOUT_FILE:
        return name
    begin = str(values.get("VAE hash", "")).lower()
    library.vaes.learn(begin)
    file = usable_file(library.vaes.meant(name, begin), Missing("VAE", name, "sd_vae", begin))
    return file if isinstance(file, Missing) else file.name


def local_upscaler(field: str) -> Callable[[Library, str, Mapping[str, Any]], str | Missing]:
    def resolve(library: Library, name: str, values: Mapping[str, Any]) -> str | Missing:
        try:
            return library.upscaler(name)
        except UnknownName:
            return Missing("upscaler", name[:200], field)

    return resolve


def local_hires_upscaler(library: Library, name: str, values: Mapping[str, Any]) -> str | Missing:
    """Return the local upscaler or latent mode; an empty name means the usual latent mode."""
    return (
        name or LATENT_UPSCALER if name in ("", *LATENT_MODES) else local_upscaler("hr_upscaler")(library, name, values)
    )


LOCAL_NAMES: Mapping[str, Callable[[Library, str, Mapping[str, Any]], str | Missing]] = {
    "refiner_checkpoint": local_checkpoint("refiner", "refiner_checkpoint"),
    "hr_checkpoint_name": local_checkpoint("hires checkpoint", "hr_checkpoint_name"),
    "hr_upscaler": local_hires_upscaler,
    "sd_vae": local_vae,
    "upscaler_for_img2img": local_upscaler("upscaler_for_img2img"),
}
NONE_INSTEAD = ("refiner_checkpoint", "hr_checkpoint_name")      # emptied if the file is missing


# In words ----------------------------------------------------------------------------------------


def sentences_on(missing: Sequence[Missing], used: Mapping[str, str]) -> list[str]:
    """Return the person's remarks on missing files, as sentences.

    used: the replacement by field or setting
    """
    chosen = sorted(
        (each for each in missing if each.field and not each.copies),
        key=lambda each: (each.what != "checkpoint", each.what != "VAE"),
    )
    left_out = [each for each in missing if not each.field and not each.copies]
    instead = list(dict.fromkeys(used[each.field] for each in chosen if used.get(each.field)))
    notes: list[str] = []
    if chosen and instead:
        notes.append(f"Made with {listed_in_words(map(str, chosen))} (not here): using {listed_in_words(instead)}.")
    elif chosen:
        notes.append(f"Made with {listed_in_words(map(str, chosen))} (not here).")
    if left_out:
        notes.append(f"Not here and left out: {listed_in_words(map(str, left_out))}.")
    notes += [
        f"{listed_in_words(each.copies[:5])} have the hash of {each}, and none its name: choose one."
        for each in missing
        if each.copies
    ]
    return notes


def listed_in_words(names: Iterable[str]) -> str:
    """Return `a, b and c`, each name once."""
    *others, last = dict.fromkeys(names)
    return f"{', '.join(others)} and {last}" if others else last
