"""Prompts from file or textbox: one request for each line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modules.base.errors import Invalid
from modules.base.fields import within_limits
from modules.params.prompt_lines import SETTINGS, STYLES, WITHOUT_EFFECT, PromptLine, parse_lines
from modules.params.scripts import PromptsFromFile
from modules.params.txt2img import counted_on
from modules.pipelines.grid_plan import GridSet
from modules.pipelines.networks import with_standing_networks
from modules.pipelines.scripts.script_cells import Cells
from modules.prompts.styles import apply_styles_to_prompt
from modules.requests.expansion import made_together, picture_seeds
from modules.requests.resolve import Request, resolve_request
from modules.settings.options import Settings, change_settings

SEED_FIELDS = ("seed", "subseed")
MOST_PROMPT_PICTURES = 8_000
PROMPT_FIELDS = ("prompt", "negative_prompt")


def line_cells(params: Request, arguments: PromptsFromFile, settings: Settings, saved: bool) -> Cells:
    return Cells(requests(params, arguments, settings), GridSet())


def requests(params: Request, arguments: PromptsFromFile, settings: Settings) -> Iterator[tuple[Request, Settings]]:
    """Yield the requests of each line, and its settings. Raises Invalid or UnknownName."""
    before = pictures = 0
    for place, line in enumerate(parse_lines(arguments.text)):
        seed = (
            arguments.seeds[place]
            if place < len(arguments.seeds)
            else counted_on(params.seed, before * arguments.iterate)
        )
        base = replace(params, seed=seed, script_name="", script_args=())
        own = change_settings(settings, {name: line[tag] for tag, name in SETTINGS.items() if line.get(tag, "") != ""})
        made = 0
        for request in line_requests(base, line, arguments, arguments.prompts[pictures:]):
            yield with_standing_networks(request, settings), own
            made += request.n_iter * made_together(vars(request))
        before += params.pictures
        pictures += made
        if pictures > MOST_PROMPT_PICTURES:
            raise Invalid(
                f"The list of prompts asks for more than {MOST_PROMPT_PICTURES:,} pictures.",
                "Send fewer lines at once.", field="script_args",
            )


def line_requests(
    base: Request, line: PromptLine, arguments: PromptsFromFile, prompts: Sequence[Mapping[str, str]]
) -> Iterator[Request]:
    """Yield a line's request, or one for each of its pictures where these have prompts of their own.

    prompts: those of its pictures, and of the lines after it; none if they are as they are written
    """

    def asked(texts: Mapping[str, str]) -> Request:
        return said(base, styled({**line, **texts}, arguments.styles), arguments.position)

    whole = asked(prompts[0] if prompts else {})
    own = prompts[: whole.pictures]
    if all(texts == own[0] for texts in own) or len(getattr(whole, "init_images", ())) > 1:
        yield whole
        return
    for texts, (seed, subseed) in zip(own, picture_seeds(vars(whole)), strict=False):
        yield replace(asked(texts), seed=seed, subseed=subseed, n_iter=1, batch_size=1)


def styled(line: Mapping[str, Any], styles: Mapping[str, tuple[str, str]]) -> Mapping[str, Any]:
    """Return the line with its styles' texts in its prompts. Raises PromptTooLong."""
    chosen = [styles[name] for name in line.get(STYLES, ())]
    given = {
        name: apply_styles_to_prompt(line.get(name, ""), [texts[place] for texts in chosen])
        for place, name in enumerate(PROMPT_FIELDS)
    }
    return {**line, **{name: text for name, text in given.items() if text}, STYLES: ()}


def said(params: Request, line: Mapping[str, Any], position: str) -> Request:
    """Return the request changed by the line. A seed of −1 means the request's own, which is drawn already."""
    given = {tag: value for tag, value in line.items() if tag not in SETTINGS and tag not in WITHOUT_EFFECT}
    given = {tag: value for tag, value in given.items() if tag not in SEED_FIELDS or value != -1}
    for name in PROMPT_FIELDS:
        own = getattr(params, name)
        if given.get(name) and own:
            given[name] = f"{given[name]} {own}" if position == "start" else f"{own} {given[name]}"
    return resolve_request(within_limits(replace(params, **given), lambda name: f"--{name}"))
