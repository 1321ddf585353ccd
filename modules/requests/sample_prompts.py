"""Sample prompts of a training: lines with options, or sd-scripts' tables in a TOML or JSON file. No torch."""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modules.base.border import outcome
from modules.sampling.samplers import SAMPLERS

log = logging.getLogger(__name__)
# sd-scripts' names of samplers → A1111's; others are looked up as they are
SD_SCRIPTS_SAMPLERS = {
    "euler_a": "Euler a", "dpm_2": "DPM2", "dpm_2_a": "DPM2 a", "pndm": "PLMS", "dpmsolver": "DPM++ 2M",
    "dpmsolver++": "DPM++ 2M", "dpmsingle": "DPM++ 2M",
}


@dataclass(frozen=True, slots=True)
class SamplePrompt:
    """A sample prompt: the text, and fields of txt2img that its options set."""

    text: str
    fields: Mapping[str, Any]


def sampler_to_sample_with(name: str) -> str:
    """Return a sampler's name here, of A1111's or sd-scripts'. Raises UnknownName.

    >>> sampler_to_sample_with("k_euler_a"), sampler_to_sample_with("dpm_2"), sampler_to_sample_with("ddim")
    ('Euler a', 'DPM2', 'DDIM')
    """
    return SAMPLERS[SD_SCRIPTS_SAMPLERS.get(name.lower(), name)].name


# an option of a line, or a key of a table → the field and how its value is read
SAMPLE_OPTIONS: Mapping[str, tuple[str, Any]] = {
    "w": ("width", int), "h": ("height", int), "d": ("seed", int), "s": ("steps", int), "l": ("cfg_scale", float),
    "n": ("negative_prompt", str), "ss": ("sampler_name", sampler_to_sample_with),
}
SAMPLE_KEYS: Mapping[str, str] = {
    "width": "w", "height": "h", "seed": "d", "sample_steps": "s", "scale": "l", "negative_prompt": "n",
    "sample_sampler": "ss",
}


def read_sample_prompt(line: str) -> SamplePrompt:
    """Return a line's prompt and the fields of its options, as sd-scripts writes them; unknown ones are left out.

    >>> read_sample_prompt("a zorb --w 256 --h 128 --s 12 --n blurry")
    SamplePrompt(text='a zorb', fields={'width': 256, 'height': 128, 'steps': 12, 'negative_prompt': 'blurry'})
    """
    text, *options = line.split(" --")
    pairs = (option.strip().partition(" ") for option in options)
    return SamplePrompt(text.strip(), sample_fields({name: value.strip() for name, _, value in pairs}))


def sample_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of txt2img that options set; a value that cannot be is logged and left out."""
    fields: dict[str, Any] = {}
    for name, value in options.items():
        if name in SAMPLE_OPTIONS:
            field, kind = SAMPLE_OPTIONS[name]
            found = outcome(kind, value)
            if isinstance(found, Exception):
                log.warning("The sample option --%s cannot be %.80r", name, value)
            else:
                fields[field] = found
    return fields


def prompts_in_table(text: str, ending: str) -> Iterator[SamplePrompt]:
    """Yield the prompts of sd-scripts' TOML or JSON file; ending: of the file, such as ".toml"

    Raises ValueError for a text that is none.
    """
    data = tomllib.loads(text) if ending == ".toml" else json.loads(text)
    common = data.get("prompt", data) if isinstance(data, dict) else {}
    rows = common.get("subset", [common]) if isinstance(common, dict) and common else data
    shared = {key: value for key, value in common.items() if key != "subset"} if isinstance(common, dict) else {}
    for row in rows if isinstance(rows, list) else []:
        own = {**shared, **row} if isinstance(row, dict) else {"prompt": row}
        if isinstance(own.get("prompt"), str):
            options = {SAMPLE_KEYS[key]: value for key, value in own.items() if key in SAMPLE_KEYS}
            yield SamplePrompt(own["prompt"].strip(), sample_fields(options))
