"""NovelAI's: a JSON text "Comment" beside "Description", in PNG texts or hidden in the pixels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modules.metadata.dialects.dialect import (
    HIDDEN,
    USUAL_KEY,
    ConvertedData,
    Dialect,
    PictureTexts,
    ProgramData,
    json_object,
    list_or_empty,
    mapping_or_empty,
    number_or_none,
    readable_pairs,
    text_or_empty,
)
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES

NOVELAI_PROGRAM = "NovelAI"                 # in the text "Software"
NOVELAI_CLIP_SKIP, NOVELAI_ENSD = 2, 31337
NOVELAI_TEXTS = ("Title", "Description", "Software", "Source", "Generation time")
COMMENT_TEXT = "Comment"
COMMENT_KEYS = {"uc", "sampler", "scale", "steps", "seed"}
NOVELAI_OWN = ("sm", "cfg_rescale", "skip_cfg_above_sigma")
USUAL_SAMPLER = "Euler a"           # NovelAI's, and A1111's replacement for an unknown name
NUMERIC_WEIGHT = re.compile(r"-?\d(?:\.\d)?\d?::")


def read_novelai(said: PictureTexts) -> ProgramData | None:
    found = [place for place in novelai_places(said) if is_novelai(place[1])]
    if not found:
        return None
    key, texts = next((place for place in found if json_object(place[1].get(COMMENT_TEXT, ""))), found[0])
    comment = json_object(texts.get(COMMENT_TEXT, ""))
    keys = tuple(name for name in (key, "Description") if name in said.texts)
    readable = readable_pairs({name: texts[name] for name in NOVELAI_TEXTS if name in texts} | comment)
    if not comment:
        return ProgramData(NOVELAI_PROGRAM, keys, "", readable, ("NovelAI's text is malformed.",))
    return novelai_conversion(comment, texts, said).told(NOVELAI_PROGRAM, keys, readable)


def novelai_places(said: PictureTexts) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield keys and the texts there: one by one in a PNG, all in one JSON, or in EXIF, whose comment is theirs."""
    yield COMMENT_TEXT, said.texts
    for key in (USUAL_KEY, HIDDEN):
        together = json_object(said.texts.get(key, ""))
        yield key, {name: value for name, value in together.items() if isinstance(value, str)}
    yield USUAL_KEY, {**said.texts, COMMENT_TEXT: said.parameters}


def is_novelai(texts: Mapping[str, str]) -> bool:
    """Return whether texts are NovelAI's: by its name, or by the comment where a converter left that alone."""
    named = texts.get("Software", "").strip() == NOVELAI_PROGRAM
    return named or json_object(texts.get(COMMENT_TEXT, "")).keys() >= COMMENT_KEYS


def novelai_conversion(comment: Mapping[str, Any], texts: Mapping[str, str], said: PictureTexts) -> ConvertedData:
    made = ConvertedData(*novelai_prompts(comment, texts))
    sampler = SAMPLERS.get(text_or_empty(comment.get("sampler")))
    schedule = SCHEDULES.get(text_or_empty(comment.get("noise_schedule")))
    for name, value in {
        "Steps": number_or_none(comment.get("steps")),
        "Sampler": sampler.name if sampler else USUAL_SAMPLER,
        "Schedule type": schedule.name if schedule else None,
        "CFG scale": number_or_none(comment.get("scale")),
        "Seed": number_or_none(comment.get("seed")),
        "Size": said.size_text,
        "Clip skip": NOVELAI_CLIP_SKIP,
        "ENSD": NOVELAI_ENSD,
    }.items():
        made.add(name, value)
    if not sampler:
        made.notes.append(f"Easel has no sampler called {comment.get('sampler')!s:.80}: {USUAL_SAMPLER} stands there.")
    if any(comment.get(key) for key in NOVELAI_OWN):
        made.notes.append("SMEA and CFG rescale are NovelAI's own: the picture is like it, not the same.")
    if any(mark in made.prompt for mark in "{}") or NUMERIC_WEIGHT.search(made.prompt):
        made.notes.append("NovelAI's weights, {…} and 1.2::…::, stand in the prompt as they were written.")
    if comment.get("request_type") in ("Img2ImgRequest", "NativeInfillingRequest"):
        made.notes.append("It was made from another picture, which is not in the file.")
    return made


def novelai_prompts(comment: Mapping[str, Any], texts: Mapping[str, str]) -> tuple[str, str]:
    """Return both prompts; since version 4 each figure has a caption of its own behind the picture's."""
    prompt = texts.get("Description") or text_or_empty(comment.get("prompt"))
    captions = [novelai_captions(comment.get(name)) for name in ("v4_prompt", "v4_negative_prompt")]
    return "\n".join([prompt, *captions[0]]), "\n".join([text_or_empty(comment.get("uc")), *captions[1]])


def novelai_captions(version_4: Any) -> list[str]:
    figures = list_or_empty(mapping_or_empty(mapping_or_empty(version_4).get("caption")).get("char_captions"))
    found = (text_or_empty(mapping_or_empty(figure).get("char_caption")) for figure in figures)
    return [caption for caption in found if caption]


NOVELAI = Dialect(
    NOVELAI_PROGRAM,
    'PNG texts "Description" and "Comment", JSON in EXIF\'s comment or hidden in the lowest bits of the pixels',
    read_novelai,
)
