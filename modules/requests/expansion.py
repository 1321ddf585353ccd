"""A request's dynamic prompts made plain, picture by picture, before it is recorded. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modules.app.app import App
from modules.base.errors import PromptTooLong
from modules.params.scripts import NO_SCRIPT
from modules.params.txt2img import Generation, counted_on
from modules.prompts.dynamic_prompts import (
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
    templates = {name: parse_template(text) for name, text in texts.items() if text}
    return PromptWriter(templates, wildcards.current(), Allowance(), mode == COMBINATIONS)


def templates_of(params: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """Return the request's prompts by field if one of them is dynamic; {} if none is, or the settings have it off."""
    texts = {name: params[name] for name in TEMPLATE_FIELDS if params.get(name)}
    if settings.dynamic_prompts == NOT_DYNAMIC or all(is_plain(text) for text in texts.values()):
        return {}
    return texts


def plain_for_script(app: App, request: Any, settings: Settings) -> tuple[Any, dict[str, Any]]:
    """Return a script's request with plain prompts, and what is recorded of their templates.

    A script makes its pictures of one prompt, so the choices are made once, by the request's seed.
    """
    if not isinstance(request, Generation) or request.script_name in NO_SCRIPT:
        return request, {}
    texts = templates_of(vars(request), settings)
    if not texts:
        return request, {}
    writer, seed = writer_of(texts, app.wildcards, settings.dynamic_prompts), draw_seed(request.seed)
    drawn: dict[str, Any] = {**writer.prompts(seed, 0), "seed": seed}
    return replace(request, **drawn), {"templates": texts}


def with_plain_prompts(app: App, params: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return resolved parameters with each picture's own plain prompts, and the templates. Raises Invalid."""
    texts = templates_of(params, settings)
    if not texts:
        return dict(params)
    writer = writer_of(texts, app.wildcards, settings.dynamic_prompts)
    prompts = []
    left = MOST_DRAWN
    for number, (seed, _) in enumerate(picture_seeds(params)):
        prompts.append(checked_prompts(writer.prompts(seed, number)))
        left -= sum(map(len, prompts[-1].values()))
        if left < 0:
            raise PromptTooLong("The pictures' dynamic prompts are too long together.", "Ask for fewer pictures.",
                                "prompt")
    return {**params, **prompts[0], "templates": texts, "picture_prompts": prompts}


def as_templates(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded parameters with the templates in the prompts' places, for choices to be made anew."""
    if not params.get("picture_prompts"):
        return dict(params)
    kept = {name: value for name, value in params.items() if name not in ("templates", "picture_prompts")}
    return kept | params["templates"]


def checked_prompts(prompts: dict[str, str]) -> dict[str, str]:
    """Return plain prompts that join no more prompts than may be. Raises Invalid."""
    for name, text in prompts.items():
        check_joined(text, name)
    return prompts


def picture_seeds(params: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield each picture's seed and variation seed, as `each_image` counts them; a batch of files has one prompt."""
    varied = params["subseed_strength"] > 0
    for number in range(1 if params.get("batch") else params["n_iter"] * made_together(params)):
        yield counted_on(params["seed"], 0 if varied else number), counted_on(params["subseed"], number)


def made_together(params: Mapping[str, Any]) -> int:
    """Return the pictures of a batch: several pictures to start from make one."""
    return max(params["batch_size"], len(params.get("init_images") or ()))


def samples(app: App, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what prompts would become in so many pictures, each with its seed.

    asked: prompt, negative_prompt, seed, mode and count, as the route takes them

    Raises Invalid or UnknownName.
    """
    texts = {name: asked[name] for name in ("prompt", "negative_prompt")}
    writer, first = writer_of(texts, app.wildcards, asked["mode"]), draw_seed(asked["seed"])
    seeds = [counted_on(first, number) for number in range(asked["count"])]
    return [{"seed": seed, **texts, **writer.prompts(seed, number)} for number, seed in enumerate(seeds)]
