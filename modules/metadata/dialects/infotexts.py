"""Programs that write A1111's text: told apart by the pairs that only they write."""

from __future__ import annotations

import re

from modules.metadata.dialects.dialect import HIDDEN, USUAL_KEY, Dialect, PictureTexts, ProgramData
from modules.params.infotext import NEGATIVE, Infotext, split_infotext

FORGE_VERSION = re.compile(r"f\d")                   # f2.0.1v1.10.1-previous-…
MOVED_TO = (
    "Parameters", "UserComment", "exif:UserComment", "Comment", "Description", "ImageDescription", "dc:description",
)
SURE_KEYS = {"Steps", "Seed"}                        # without which a text elsewhere is no generation data
VERSIONS = {"Fooocus": "Fooocus", "ComfyUI": "ComfyUI", "stable-diffusion.cpp": "stable-diffusion.cpp"}
SDNEXT_KEYS = {"App", "Backend", "Pipeline", "Operations"}
BESIDE_THE_PROMPT = {"Lora weights": 'The LoRAs are not in the prompt there: they stand under "Lora weights".'}


def is_infotext(text: str) -> bool:
    """Return whether a text is generation data as A1111 writes it."""
    return bool(text) and not text.lstrip().startswith(("{", "[")) and bool(split_infotext(text).raw)


def infotext_program(found: Infotext) -> str:
    """Return which program wrote a text, as far as its pairs show it."""
    pairs = found.pairs
    version = pairs.get("Version", "")
    if pairs.get("App") == "SD.Next" or len(SDNEXT_KEYS & pairs.keys()) > 1:
        return "SD.Next"
    if "Civitai resources" in pairs:
        return "Civitai"
    if "+easel" in version:
        return "Easel"
    for beginning, program in VERSIONS.items():
        if version.startswith(beginning):
            return program
    return "SD Forge" if FORGE_VERSION.match(version) else "AUTOMATIC1111"


def readable_infotext(found: Infotext) -> tuple[tuple[str, str], ...]:
    prompts = (("Prompt", found.prompt), (NEGATIVE.removesuffix(":"), found.negative_prompt))
    return (*((label, text) for label, text in prompts if text), *found.pairs.items())


def read_infotext_program(said: PictureTexts) -> ProgramData | None:
    """Return the text of the usual place; or else of one that editors and converters move it to."""
    sources = {**said.xmp, **said.texts}
    for key in (USUAL_KEY, HIDDEN, *MOVED_TO):
        text = sources.get(key, "")
        found = split_infotext(text) if is_infotext(text) else None
        if found and (key == USUAL_KEY or found.pairs.keys() >= SURE_KEYS):
            notes = tuple(note for pair, note in BESIDE_THE_PROMPT.items() if pair in found.pairs)
            return ProgramData(infotext_program(found), (key,), text, readable_infotext(found), notes)
    return None


INFOTEXTS = Dialect(
    "AUTOMATIC1111",
    'text "parameters" (PNG), EXIF comment (JPEG, WebP, AVIF), comment (GIF); hidden in the lowest bits of the pixels',
    read_infotext_program,
    ("A1111", "Easel", "SD Forge", "SD.Next", "stable-diffusion.cpp"),
)
