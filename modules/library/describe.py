"""The description of one model file, from its header and its sidecar files. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.base.errors import ModelError
from modules.library.catalog import ModelFile
from modules.library.cover_images import COVERS, THUMBNAIL, cover_pictures
from modules.library.family_detection import WIDTHS, TensorShapes, family_of_header
from modules.library.index import INSIDE, IndexEntry
from modules.library.safetensors_header import Header, clean, is_named_safetensors, read_header
from modules.library.user_metadata import Sidecars, UserMetadata, read_user_metadata, stat_of

if TYPE_CHECKING:
    from modules.networks.embedding import Embedding

ReadEmbedding = Callable[[Path], "Embedding"]      # reads a file without a header; its reader needs torch

NO_HEADER = Header({}, {})
LARGEST_OLD = 16 * 2**20        # bytes of an embedding without a header
MOST_TAGS = 100                 # training tags that a search looks into
LONGEST_WORDS = 4000            # characters that a search looks into
LONGEST_METADATA = 20_000          # characters of a text in the metadata
LARGEST_JSON = 4 * 2**20        # characters of a text that is read as JSON
DEEPEST_JSON = 20               # nested tables; trainers nest two
UNTITLED = re.compile(r"(?:LoRA|Checkpoint|TextualInversion)@\d")      # kohya-ss's titles for unnamed models
EMBEDDING_PARTS = ({"emb_params"}, {"clip_l", "clip_g"}, {"text_encoders_0", "text_encoders_1"})


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The facts inside a file; `more` are those of its kind alone."""

    family: str = ""
    alias: str = ""
    title: str = ""
    activation: str = ""
    tags: tuple[tuple[str, int], ...] = ()
    pictured: bool = False      # True if it contains pictures
    more: Mapping[str, Any] = field(default_factory=dict)


def describe_file(kind: str, file: ModelFile, found: Sidecars, read_embedding: ReadEmbedding) -> IndexEntry:
    """Return the index entry of a file. Raises OSError if it was removed."""
    about = stat_of(file.path)
    facts = FileFacts() if file.problem else file_facts(kind, file.path, read_embedding)
    user = read_user_metadata(found.files)
    folder, _, name = file.name.rpartition("/")
    stem = Path(name).stem
    return IndexEntry(
        kind=kind,
        path=str(file.path),
        file=file.name,
        folder=folder,
        name=stem,
        stamp=found.stamp,
        size=about.st_size,
        modified=about.st_mtime_ns,
        family=user.family or facts.family,
        alias=facts.alias,
        title=user.title or facts.title or stem,
        activation=user.activation or facts.activation,
        negative=user.negative,
        weight=user.weight,
        description=user.description,
        preview=found.preview.name if found.preview else INSIDE if facts.pictured else "",
        problem=file.problem,
        facts=json.dumps(dict(facts.more)),
        words=searched(file.name, facts, user),
    )


def searched(file: str, facts: FileFacts, user: UserMetadata) -> str:
    """Return the text that a search looks into, in lower case."""
    tags = " ".join(tag for tag, _ in facts.tags[:MOST_TAGS])
    parts = (
        file,
        user.title,
        facts.title,
        facts.alias,
        user.activation,
        facts.activation,
        user.description,
        user.notes,
        tags,
    )
    return "\n".join(filter(None, parts)).casefold()[:LONGEST_WORDS]


def file_facts(kind: str, path: Path, read_embedding: ReadEmbedding) -> FileFacts:
    """Return the facts inside a file; none if it cannot be read."""
    try:
        header = read_header(path) if is_named_safetensors(path) else NO_HEADER
        more = embedding_facts(path, header.shapes, read_embedding) if kind == "embedding" else {}
    except ModelError:
        return FileFacts()
    title = header.metadata.get("modelspec.title", "")
    return FileFacts(
        family=family_of_header(header.metadata, header.shapes) or WIDTHS.get(more.get("shape", 0), ""),
        alias=header.metadata.get("ss_output_name", ""),
        title="" if UNTITLED.match(title) else title,
        activation=header.metadata.get("modelspec.trigger_phrase", ""),
        tags=training_tags(header.metadata),
        pictured=bool(cover_pictures(header.metadata)),
        more=more,
    )


def training_tags(metadata: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Return the frequency of each caption tag in training, the most frequent first.

    Source: kohya-ss's `ss_tag_frequency`, folder → tag → count.
    """
    counts: dict[str, int] = {}
    for tags in loaded(metadata.get("ss_tag_frequency", "")).values():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) is int and 0 < count < 2**53:
                word = tag.strip()
                counts[word] = counts.get(word, 0) + count
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def embedding_facts(path: Path, shapes: TensorShapes, read_embedding: ReadEmbedding) -> dict[str, Any]:
    """Return A1111's facts of a textual inversion; shape: the width of a vector. Raises ModelError if it is none."""
    tables = list(shapes.values())
    if (
        shapes
        and (len(shapes) == 1 or shapes.keys() in EMBEDDING_PARTS)
        and all(1 <= len(shape) <= 2 for shape in tables)
    ):
        count = tables[0][0] if len(tables[0]) == 2 else 1
        return {
            "step": None,
            "sd_checkpoint": None,
            "sd_checkpoint_name": None,
            "shape": sum(s[-1] for s in tables),
            "vectors": count,
        }
    return old_embedding_facts(read_embedding(path)) if path.stat().st_size <= LARGEST_OLD else {}


def old_embedding_facts(found: Embedding) -> dict[str, Any]:
    """Return the facts of a pickle or a picture, which have no header; they are small."""
    return {
        "step": found.step,
        "sd_checkpoint": found.checkpoint_hash,
        "sd_checkpoint_name": found.checkpoint,
        "shape": found.width,
        "vectors": found.count,
    }


def shown_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return a header's metadata in A1111's form: JSON unpacked, pictures left out, long texts cut."""
    return {
        key[:LONGEST_METADATA]: loaded(value) or shorten_text(value)
        for key, value in metadata.items()
        if key not in (COVERS, THUMBNAIL)
    }


def shorten_text(text: str) -> str:
    return text if len(text) <= LONGEST_METADATA else f"{text[:LONGEST_METADATA]}… ({len(text):,} characters)"


def loaded(value: str) -> dict[str, Any]:
    """Return the JSON object in a text; empty if it is none, or larger than any trainer's."""
    try:
        content = json.loads(value) if value.startswith("{") and len(value) <= LARGEST_JSON else None
        return cleaned(content, DEEPEST_JSON) if isinstance(content, dict) else {}
    except (ValueError, RecursionError):
        return {}


def cleaned(value: Any, deepest: int) -> Any:
    """Return JSON values with `clean` and cut texts; escapes may have produced lone surrogates.

    Raises ValueError if they nest deeper.
    """
    if deepest < 0:
        raise ValueError("it is nested beyond measure")
    if isinstance(value, dict):
        return {clean(key): cleaned(item, deepest - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item, deepest - 1) for item in value]
    return shorten_text(clean(value)) if isinstance(value, str) else value
