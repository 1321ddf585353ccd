"""A request's dynamic prompts made plain, picture by picture, before it is recorded. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from modules.app.account_data import AccountData
from modules.base.errors import PromptTooLong
from modules.params.prompt_lines import parse_lines
from modules.params.scripts import NO_SCRIPT, PROMPTS_FROM_FILE, PromptsFromFile
from modules.params.txt2img import Generation, counted_on
from modules.prompts.dynamic_prompts import (
    PART_COST,
    Allowance,
    Chooser,
    CombinationChooser,
    Expansion,
    RandomChooser,
    Wildcards,
    expanded,
    is_plain,
)
from modules.prompts.prompt_templates import TemplateParts, parse_template
from modules.prompts.wildcard_files import WildcardFiles
from modules.requests.resolve import check_joined, draw_seed
from modules.settings.dynamic import COMBINATIONS, NOT_DYNAMIC
from modules.settings.options import Settings

TEMPLATE_FIELDS = ("prompt", "negative_prompt", "hr_prompt", "hr_negative_prompt")
TEMPLATE_KEYS = {"prompt": "Template", "negative_prompt": "Negative Template"}      # as sd-dynamic-prompts writes them
# as the extension stable-diffusion-webui-wildcards does
WILDCARD_KEYS = {"prompt": "Wildcard prompt", "negative_prompt": "Wildcard negative prompt"}
LINE_FIELDS = TEMPLATE_FIELDS[:2]
MOST_DRAWN = 2_000_000       # characters of all pictures' prompts, as they are recorded


@dataclass
class PromptWriter:
    """Writes pictures' prompts from templates by field.

    An empty field stays empty. A field of hires fix makes the same choices as the prompt that it stands for.
    """

    templates: Mapping[str, TemplateParts]
    wildcards: Wildcards
    allowance: Allowance
    combined: bool

    def prompts(self, seed: int, number: int) -> dict[str, str]:
        """Return a picture's prompts by field. Raises Invalid or UnknownName."""
        return {name: self.prompt(parts, seed, number) for name, parts in self.templates.items()}

    def prompt(self, parts: TemplateParts, seed: int, number: int) -> str:
        chooser: Chooser = CombinationChooser(number) if self.combined else RandomChooser(seed)
        return expanded(parts, Expansion(self.wildcards, chooser, self.allowance, number))


def writer_of(texts: Mapping[str, str], wildcards: WildcardFiles, mode: str) -> PromptWriter:
    """Return the writer of templates by field. Raises Invalid."""
    return PromptWriter(parsed_templates(texts), wildcards.current(), Allowance(), mode == COMBINATIONS)


def parsed_templates(texts: Mapping[str, str]) -> dict[str, TemplateParts]:
    return {name: parse_template(text) for name, text in texts.items() if text}


def templates_of(params: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """Return the request's prompts by field if one of them is dynamic; {} if none is, or the settings have it off."""
    texts = {name: params[name] for name in TEMPLATE_FIELDS if params.get(name)}
    if settings.dynamic_prompts == NOT_DYNAMIC or all(is_plain(text) for text in texts.values()):
        return {}
    return texts


def plain_for_script(mine: AccountData, request: Any, settings: Settings) -> tuple[Any, dict[str, Any]]:
    """Return a script's request with plain prompts, and what is recorded of their templates.

    A script makes its pictures of one prompt, so the choices are made once, by the request's seed.
    """
    if not isinstance(request, Generation) or request.script_name in NO_SCRIPT:
        return request, {}
    texts = templates_of(vars(request), settings)
    if not texts:
        return request, {}
    writer, seed = writer_of(texts, mine.wildcards, settings.dynamic_prompts), draw_seed(request.seed)
    drawn: dict[str, Any] = {**writer.prompts(seed, 0), "seed": seed}
    return replace(request, **drawn), {"templates": texts}


def with_plain_prompts(mine: AccountData, params: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return resolved parameters with each picture's own plain prompts, and the templates. Raises Invalid."""
    if params.get("script_name"):
        return with_plain_lines(mine, params, settings)
    if params.get("batch"):
        return with_plain_files(mine, params, settings)
    texts = templates_of(params, settings)
    if not texts:
        return dict(params)
    writer = writer_of(texts, mine.wildcards, settings.dynamic_prompts)
    drawn = DrawnPrompts()
    for number, (seed, _) in enumerate(picture_seeds(params)):
        drawn.add(writer.prompts(seed, number))
    return {**params, **drawn.prompts[0], "templates": texts, "picture_prompts": drawn.prompts}


def with_plain_files(mine: AccountData, params: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return a batch's parameters with each file's own plain prompts: chosen by the seed and the file's place."""
    batch, texts = params["batch"], templates_of(params, settings)
    if not texts:
        return dict(params)
    drawn, entries = DrawnPrompts(), []
    allowance, wildcards = Allowance(), mine.wildcards.current()
    for place, entry in enumerate(batch["entries"]):
        own = {name: entry["params"].get(name, text) for name, text in texts.items()}
        writer = PromptWriter(parsed_templates(own), wildcards, allowance, settings.dynamic_prompts == COMBINATIONS)
        drawn.add(writer.prompts(counted_on(params["seed"], place), place))
        entries.append({**entry, "params": {**entry["params"], **drawn.prompts[-1]}, "templates": own})
    return {**params, **drawn.prompts[0], "templates": texts, "batch": {**batch, "entries": entries}}


def with_plain_lines(mine: AccountData, params: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return a job's parameters with plain prompts for the pictures of Prompts from file, each chosen by its seed."""
    if params.get("script_name") != PROMPTS_FROM_FILE or settings.dynamic_prompts == NOT_DYNAMIC:
        return dict(params)
    names = [each.name for each in fields(PromptsFromFile)]
    given = dict(zip(names, params["script_args"], strict=True))
    lines = parse_lines(given["text"])
    texts = [{name: line[name] for name in LINE_FIELDS if name in line} for line in lines]
    if all(is_plain(text) for own in texts for text in own.values()):
        return dict(params)
    drawn, allowance, wildcards = DrawnPrompts(), Allowance(), mine.wildcards.current()
    for line, own, seed in zip(lines, texts, line_seeds(given, params["seed"]), strict=True):
        writer = PromptWriter(parsed_templates(own), wildcards, allowance, settings.dynamic_prompts == COMBINATIONS)
        for each, _ in picture_seeds({**params, **line, "seed": seed}):
            drawn.add(writer.prompts(each, len(drawn.prompts)))
    return {**params, "script_args": [*({**given, "prompts": drawn.prompts}[name] for name in names)]}


def line_seeds(given: Mapping[str, Any], first: int) -> Iterator[int]:
    """Yield the seed of each line's choices: its own, the one drawn for it, or the request's."""
    for place, line in enumerate(parse_lines(given["text"])):
        drawn = given["seeds"][place] if place < len(given["seeds"]) else counted_on(first, place * given["iterate"])
        yield drawn if line.get("seed", -1) == -1 else line["seed"]


@dataclass
class DrawnPrompts:
    """Plain prompts of a job's pictures, as many as may be recorded."""

    prompts: list[dict[str, str]] = field(default_factory=list)
    left: int = MOST_DRAWN

    def add(self, prompts: dict[str, str]) -> None:
        """Add a picture's. Raises Invalid."""
        self.prompts.append(checked_prompts(prompts))
        self.left -= max(PART_COST, sum(map(len, prompts.values())))
        if self.left < 0:
            raise PromptTooLong("The pictures' dynamic prompts are too long together.", "Ask for fewer pictures.",
                                "prompt")


def as_templates(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded parameters with the templates in the prompts' places, for choices to be made anew."""
    if params.get("batch") and params.get("templates"):
        batch = params["batch"]
        entries = [{**entry, "params": entry["params"] | entry.get("templates", {})} for entry in batch["entries"]]
        return {**params, **params["templates"], "batch": {**batch, "entries": entries}}
    if not params.get("picture_prompts"):
        return dict(params)
    kept = {name: value for name, value in params.items() if name not in ("templates", "picture_prompts")}
    return kept | params["templates"]


def with_pasted_templates(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was read of pasted data, with the `templates` of its prompts apart from the `unknown` rest."""
    unknown = dict(found["unknown"])
    templates: dict[str, str] = {}
    for keys in (WILDCARD_KEYS, TEMPLATE_KEYS):
        templates |= {name: str(unknown.pop(key)) for name, key in keys.items() if key in unknown}
    return {**found, "unknown": unknown, "templates": templates}


def checked_prompts(prompts: dict[str, str]) -> dict[str, str]:
    """Return plain prompts that join no more prompts than may be. Raises Invalid."""
    for name, text in prompts.items():
        check_joined(text, name)
    return prompts


def picture_seeds(params: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield each picture's seed and variation seed, as `each_image` counts them."""
    varied = params["subseed_strength"] > 0
    for number in range(params["n_iter"] * made_together(params)):
        yield counted_on(params["seed"], 0 if varied else number), counted_on(params["subseed"], number)


def made_together(params: Mapping[str, Any]) -> int:
    """Return the pictures of a batch: several pictures to start from make one."""
    return max(params["batch_size"], len(params.get("init_images") or ()))


def samples(mine: AccountData, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what prompts would become in so many pictures, each with its seed.

    asked: prompt, negative_prompt, seed, mode, count and skip, as the route takes them

    Raises Invalid or UnknownName.
    """
    texts = {name: asked[name] for name in ("prompt", "negative_prompt")}
    writer, first = writer_of(texts, mine.wildcards, asked["mode"]), draw_seed(asked["seed"])
    numbers = range(asked["skip"], asked["skip"] + asked["count"])
    seeds = {number: counted_on(first, number) for number in numbers}
    return [{"seed": seed, **texts, **writer.prompts(seed, number)} for number, seed in seeds.items()]
