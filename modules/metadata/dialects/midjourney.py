"""Midjourney's: the prompt with its flags in the text "Description", or in XMP's and IPTC's description."""

from __future__ import annotations

import re

from modules.metadata.dialects.dialect import ConvertedData, Dialect, PictureTexts, ProgramData

MIDJOURNEY_PROGRAM = "Midjourney"
MIDJOURNEY_JOB = re.compile(r"\bJob ID: ?([0-9a-f]{8}-[0-9a-f-]{1,30})")
MIDJOURNEY_FLAG = re.compile(r"(?<!\S)--([a-z]{1,20})(?!\S)")


def read_midjourney(said: PictureTexts) -> ProgramData | None:
    sources = {**said.texts, **said.xmp}
    key = next((key for key in ("Description", "ImageDescription", "dc:description") if key in sources), "")
    job = MIDJOURNEY_JOB.search(sources.get(key, ""))
    if not job:
        return None
    text = sources[key][: job.start()].strip()
    prompt, *rest = MIDJOURNEY_FLAG.split(text)
    flags = [(name, value.strip()) for name, value in zip(rest[::2], rest[1::2], strict=True)]
    prompt, negative = prompt.strip(), next((value for name, value in flags if name == "no"), "")
    made = ConvertedData(prompt, negative, {"Size": said.size_text}, [NO_MODEL])
    return made.told(MIDJOURNEY_PROGRAM, (key,), (("Prompt", prompt), *flags, ("Job", job[1])))


NO_MODEL = "Midjourney's model and flags have no equal in Easel: only the prompts are converted."
MIDJOURNEY = Dialect(MIDJOURNEY_PROGRAM, 'PNG text, EXIF or XMP "Description" with "Job ID"', read_midjourney)
