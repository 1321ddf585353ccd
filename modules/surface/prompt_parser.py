"""A1111's `modules.prompt_parser`, for extensions."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from typing import Any

from modules.prompts import grammar
from modules.sampling.batch_rows import Texts
from modules.surface.binding import hooked_job

DictWithShape = Texts                # SDXL's texts of a batch

# a text with the last step it is used in
ScheduledPromptConditioning = namedtuple("ScheduledPromptConditioning", ["end_at_step", "cond"])


class ComposableScheduledPromptConditioning:
    """A part of a prompt with AND: its texts over time, and its weight."""

    def __init__(self, schedules: list[Any], weight: float = 1.0) -> None:
        self.schedules, self.weight = schedules, weight


class MulticondLearnedConditioning:
    """The prompts of a batch: for each picture its parts."""

    def __init__(self, shape: tuple[int, ...], batch: list[list[ComposableScheduledPromptConditioning]]) -> None:
        self.shape, self.batch = shape, batch


class SdConditioning(list[str]):
    """Prompts with what SDXL is told beside them."""

    def __init__(
        self, prompts: Iterable[str], is_negative_prompt: bool = False, width: int | None = None,
        height: int | None = None, copy_from: Any = None, distilled_cfg_scale: Any = None,
    ) -> None:
        super().__init__(prompts)
        other = copy_from if copy_from is not None else prompts
        self.is_negative_prompt = is_negative_prompt or getattr(other, "is_negative_prompt", False)
        self.width, self.height = width or getattr(other, "width", None), height or getattr(other, "height", None)


def parse_prompt_attention(text: str) -> list[list[str | float]]:
    """`[[text, weight], …]`."""
    return [[part, weight] for part, weight in grammar.attention(text)]


def get_learned_conditioning_prompt_schedules(
    prompts: Iterable[str], base_steps: int, hires_steps: int | None = None, use_old_scheduling: bool = False
) -> list[list[list[int | str]]]:
    """Return `[[last step, text], …]` for each prompt."""
    schedules = (grammar.schedule(prompt, base_steps, hires_steps, use_old_scheduling) for prompt in prompts)
    return [[[end, text] for end, text in schedule] for schedule in schedules]


def get_learned_conditioning(
    model: Any, prompts: Any, steps: int, hires_steps: int | None = None, use_old_scheduling: bool = False
) -> list[list[Any]]:
    """Return `[ScheduledPromptConditioning, …]` for each prompt, encoded by the job's checkpoint, whatever the model.

    An extension may put a function of its own in its place.
    """
    return prompts_encoded(prompts, grammar.Clock(steps, hires_steps, use_old_scheduling))


def prompts_encoded(prompts: Any, clock: Any = None) -> list[list[Any]]:
    """Return each prompt's texts over time. Raises NotHere outside of a job's hooks.

    clock: counts the steps; None: there is one
    """
    from modules.worker.hooks.encoded_prompts import prompts_over_time

    return prompts_over_time(hooked_job(), prompts, clock or grammar.Clock(1))


def get_multicond_learned_conditioning(
    model: Any, prompts: Any, steps: int, hires_steps: int | None = None, use_old_scheduling: bool = False
) -> MulticondLearnedConditioning:
    """Return the prompts with their parts between ANDs encoded. An extension may replace it."""
    composed, flat, _ = get_multicond_prompt_list(prompts)
    texts = SdConditioning(flat, copy_from=prompts)
    learned = get_learned_conditioning(model, texts, steps, hires_steps, use_old_scheduling)
    batch = [[ComposableScheduledPromptConditioning(learned[n], weight) for n, weight in parts] for parts in composed]
    return MulticondLearnedConditioning((len(prompts),), batch)


def get_multicond_prompt_list(
    prompts: Iterable[str],
) -> tuple[list[list[tuple[int, float]]], list[str], dict[str, int]]:
    """Return each prompt's parts as (index, weight), the distinct parts, and each part's index."""
    indexes: dict[str, int] = {}
    composed = [
        [(indexes.setdefault(text, len(indexes)), weight) for text, weight in grammar.compose(prompt)]
        for prompt in prompts
    ]
    return composed, list(indexes), indexes


def reconstruct_cond_batch(c: list[list[Any]], current_step: int) -> Any:
    """Return the texts of a step, (pictures, tokens, width), or SDXL's."""
    return stacked([text_at(schedules, current_step) for schedules in c])


def reconstruct_multicond_batch(c: MulticondLearnedConditioning, current_step: int) -> tuple[Any, Any]:
    """Return each picture's parts as (row, weight), and the rows' texts at a step."""
    rows: list[Any] = []
    conds = []
    for parts in c.batch:
        conds.append([(len(rows) + place, part.weight) for place, part in enumerate(parts)])
        rows += [text_at(part.schedules, current_step) for part in parts]
    return conds, stacked(rows)


def text_at(schedules: list[Any], step: int) -> Any:
    return next((each.cond for each in schedules if step <= each.end_at_step), schedules[0].cond)


def stacked(texts: list[Any]) -> Any:
    """Return texts as one tensor; shorter ones are lengthened by their last token."""
    import torch

    if isinstance(texts[0], dict):
        return Texts({name: stacked([text[name] for text in texts]) for name in texts[0]})
    longest = max(len(text) for text in texts)
    return torch.stack([torch.cat([text, text[-1:].expand(longest - len(text), *text.shape[1:])]) for text in texts])
