"""Mochi Diffusion's: `key: value`, divided by semicolons or line ends, in the description of IPTC, XMP or EXIF."""

from __future__ import annotations

import re

from modules.metadata.dialects.dialect import ConvertedData, Dialect, PictureTexts, ProgramData

MOCHI_PROGRAM = "Mochi Diffusion"
MOCHI_PLACES = ("dc:description", "ImageDescription", "Description", "iptc:Description")
MOCHI_MARKS = ("Include in Image: ", "Generator: Mochi Diffusion")
MOCHI_KEYS = (
    "Metadata Version", "Include in Image", "Exclude from Image", "Model", "Steps", "Guidance Scale", "Seed", "Size",
    "Quality", "Input Images", "Upscaler", "Scheduler", "ML Compute Unit", "Generator",
)
MOCHI_KEY = re.compile(rf"(?:^|; |\n)({'|'.join(MOCHI_KEYS)}): ")
MOCHI_NUMBERS = {"Steps": "Steps", "Guidance Scale": "CFG scale", "Seed": "Seed"}
MOCHI_SAMPLERS = {"DPM-Solver++": "DPM++ 2M", "PNDM": "PLMS"}


def read_mochi(said: PictureTexts) -> ProgramData | None:
    sources = {**said.texts, **said.xmp}
    key = next((key for key in MOCHI_PLACES if all(mark in sources.get(key, "") for mark in MOCHI_MARKS)), "")
    if not key:
        return None
    _, *parts = MOCHI_KEY.split(sources[key])
    told = {name: value.strip(" ;\n") for name, value in zip(parts[::2], parts[1::2], strict=True)}
    made = ConvertedData(told.get("Include in Image", ""), told.get("Exclude from Image", ""))
    made.add_numbers(told, MOCHI_NUMBERS)
    width, _, height = told.get("Size", "").replace(" ", "").partition("x")
    made.add_size(width, height, said.size_text)
    made.add("Model", told.get("Model"))
    made.add_sampler(MOCHI_SAMPLERS.get(told.get("Scheduler", ""), told.get("Scheduler", "")))
    made.notes.append("Mochi Diffusion computes with other models and numbers: the picture is like it, not the same.")
    return made.told(MOCHI_PROGRAM, (key,), tuple(told.items()))


MOCHI_DIFFUSION = Dialect(MOCHI_PROGRAM, "description of IPTC, XMP or EXIF", read_mochi)
