"""What the library knows of a picture by its file alone; no pixel is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from modules.base.border import outcome
from modules.base.errors import WebUIError
from modules.base.limits import MAX_NAME
from modules.imaging.folders import content_of, on_its_side
from modules.imaging.read import open_image, read_metadata
from modules.metadata.contents import picture_contents
from modules.metadata.dialects.infotexts import infotext_program, is_infotext
from modules.metadata.formats import picture_digest
from modules.params.infotext import Infotext, split_infotext

PICTURE_ENDINGS = frozenset({"png", "jpg", "jpeg", "webp", "avif", "gif", "bmp"})
MOST_TRAITS = 200             # LoRAs of one picture
LARGEST_TEXT_BESIDE = 2**20          # bytes of generation data beside a picture
LARGEST_SEED = 2**63 - 1      # of SQLite's integers
LORA_TAG = re.compile(r"<lora:([^:<>]{1,500})[:>]", re.IGNORECASE)
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
FOLDER_KINDS = {
    "txt2img-images": "txt2img", "img2img-images": "img2img", "extras-images": "extras",
    "txt2img-grids": "grid", "img2img-grids": "grid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFacts:
    """The facts of one file.

    digest: of all that is not metadata, so that edited data leave it as it is
    broken: why it cannot be read, "" if it can
    loras, embeddings: their names, as the generation data have them
    """

    width: int = 0
    height: int = 0
    format: str = ""
    kind: str = "other"
    program: str = ""
    broken: str = ""
    digest: str = ""
    infotext: str = ""
    model: str = ""
    sampler: str = ""
    seed: int | None = None
    steps: int | None = None
    cfg: float | None = None
    denoising: float | None = None
    prompt: str = ""
    negative: str = ""
    data: str = ""
    loras: tuple[str, ...] = field(default=())
    embeddings: tuple[str, ...] = field(default=())


def read_picture_facts(path: Path) -> PictureFacts:
    """Return the facts of a picture's file; one that cannot be read has them too, with the reason."""
    content = outcome(content_of, path)
    if isinstance(content, Exception):
        return PictureFacts(broken=str(content) if isinstance(content, WebUIError) else "The file cannot be read.")
    found = outcome(facts_of_content, content, path)
    if isinstance(found, Exception):
        reason = str(found) if isinstance(found, WebUIError) else "The file is damaged."
        return PictureFacts(broken=reason, digest=sha256(content).hexdigest())
    return found


def facts_of_content(content: bytes, path: Path) -> PictureFacts:
    """Return the facts of a whole file. Raises InvalidImage or TooLarge."""
    image = open_image(content)
    infotext, program = data_of_picture(content)
    infotext = infotext or text_beside(path)
    digest = outcome(picture_digest, content)
    size = image.size[::-1] if outcome(on_its_side, image) is True else image.size
    said = split_infotext(infotext)
    return PictureFacts(
        width=size[0],
        height=size[1],
        format=image.format or "",
        kind=kind_of_picture(path, said),
        program=program,
        digest=sha256(content).hexdigest() if isinstance(digest, Exception) else digest,
        infotext=infotext,
        prompt=said.prompt,
        negative=said.negative_prompt,
        **facts_of_pairs(said),
    )


def facts_of_pairs(said: Infotext) -> dict[str, Any]:
    """Return the columns that stand in generation data."""
    pairs = said.pairs
    seed = whole_number(pairs.get("Seed", ""))
    return {
        "model": str(pairs.get("Model", ""))[:MAX_NAME],
        "sampler": str(pairs.get("Sampler", ""))[:MAX_NAME],
        "seed": seed if seed is not None and seed <= LARGEST_SEED else None,
        "steps": whole_number(pairs.get("Steps", "")),
        "cfg": fraction(pairs.get("CFG scale", "")),
        "denoising": fraction(pairs.get("Denoising strength", "")),
        "data": ", ".join(f"{key}: {value}" for key, value in said.raw),
        "loras": tuple(dict.fromkeys(lora_names(said)))[:MOST_TRAITS],
        "embeddings": tuple(dict.fromkeys(named_hashes(str(pairs.get("TI hashes", "")))))[:MOST_TRAITS],
    }


def whole_number(text: object) -> int | None:
    """Return a number of at most 19 digits, or None."""
    written = str(text).strip()
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 20 else None


def fraction(text: object) -> float | None:
    written = str(text).strip()[:20]
    return float(written) if re.fullmatch(r"\d{1,9}(\.\d{0,9})?", written) else None


def lora_names(said: Infotext) -> Iterator[str]:
    """Yield the LoRAs that the prompts name, or that the data list with a hash."""
    yield from (found.strip() for found in LORA_TAG.findall(said.prompt) + LORA_TAG.findall(said.negative_prompt))
    yield from named_hashes(str(said.pairs.get("Lora hashes", "")))


def named_hashes(text: str) -> Iterator[str]:
    """Yield the names of `name: hash, name: hash`."""
    for part in text.split(","):
        name, _, digits = part.strip().partition(":")
        if name and digits.strip() and HEX_DIGITS.issuperset(digits.strip()):
            yield name.strip()[:MAX_NAME]


def kind_of_picture(path: Path, said: Infotext) -> str:
    """Return what made the picture: by its data, else by the folder that A1111 and Easel put it in."""
    pairs = said.pairs
    folder = next((FOLDER_KINDS[part] for part in reversed(path.parts) if part in FOLDER_KINDS), "")
    if folder == "grid" or path.name.startswith("grid-"):
        return "grid"
    if any(key.startswith("Postprocess") for key in pairs):
        return "extras"
    if "Mask blur" in pairs or "Mask mode" in pairs or "Inpaint area" in pairs:
        return "inpaint"
    if folder:
        return folder
    if "Denoising strength" in pairs and not any(key.startswith("Hires") for key in pairs):
        return "img2img"
    return "txt2img" if pairs else "other"


def data_of_picture(content: bytes) -> tuple[str, str]:
    """Return a picture's generation data, converted if another program wrote them, and the program, "" if unknown.

    A1111's text is looked for first, since most pictures have it and all else takes longer. Raises InvalidImage or
    TooLarge.
    """
    usual = read_metadata(content).infotext
    if is_infotext(usual):
        return usual, infotext_program(split_infotext(usual))
    found = picture_contents(content)
    first = next((each for each in found.programs if each.infotext == found.pasted), None) or next(
        iter(found.programs), None
    )
    return found.pasted or usual, first.program if first else ""


def text_beside(path: Path) -> str:
    """Return generation data that stand in a text file under the picture's name, "" if there are none."""
    beside = path.with_suffix(".txt")
    try:
        if beside.is_symlink() or not 0 < beside.stat().st_size <= LARGEST_TEXT_BESIDE:
            return ""
        text = beside.read_text("utf-8", "replace").rstrip("\n")
    except OSError:
        return ""
    return text if is_infotext(text) else ""
