"""The detailer's tabs of a request: checked, with official names, so that each can take part. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modules.base.errors import Invalid
from modules.library.detectors import find_detector
from modules.library.library import Library
from modules.params.detailer import (
    MOST_FIND_PROMPTS,
    NEXT_FIND,
    SAME_SAMPLER,
    SAME_SCHEDULER,
    DetailerTab,
    active_tabs,
)
from modules.requests.sampler_names import sampler_and_schedule


def resolve_tabs(tabs: Sequence[DetailerTab]) -> tuple[DetailerTab, ...]:
    """Return the tabs that take part, as they will be carried out. Raises UnknownName or Invalid."""
    return tuple(resolved_tab(tab, number) for number, tab in enumerate(active_tabs(tabs), 1))


def resolved_tab(tab: DetailerTab, number: int) -> DetailerTab:
    if tab.ad_mask_min_ratio > tab.ad_mask_max_ratio:
        raise Invalid(
            f"The detailer's tab {number} has a least area (ad_mask_min_ratio {tab.ad_mask_min_ratio:g}) above the "
            f"largest (ad_mask_max_ratio {tab.ad_mask_max_ratio:g}).",
            "Let the least be smaller.", field="detailer",
        )
    if any(left >= right or top >= bottom for left, top, right, bottom in tab.ad_boxes):
        raise Invalid(
            f"The detailer's tab {number} has an empty box.", "A box is left, top, right, bottom.", field="detailer"
        )
    for name in ("ad_prompt", "ad_negative_prompt"):
        if getattr(tab, name).count(NEXT_FIND) >= MOST_FIND_PROMPTS:
            raise Invalid(
                f"{name} of the detailer's tab {number} has more than {MOST_FIND_PROMPTS} prompts.", "Leave some out.",
                field="detailer",
            )
    if not tab.ad_use_sampler or tab.ad_sampler == SAME_SAMPLER:
        return tab
    schedule = "Automatic" if tab.ad_scheduler == SAME_SCHEDULER else tab.ad_scheduler
    sampler, named = sampler_and_schedule(tab.ad_sampler, schedule)
    keeps = tab.ad_scheduler == SAME_SCHEDULER and named == "Automatic"
    return replace(tab, ad_sampler=sampler, ad_scheduler=SAME_SCHEDULER if keeps else named)


def check_detectors(tabs: Sequence[DetailerTab], library: Library) -> None:
    """Raise UnknownName or ModelCorrupt for a detector that is not here."""
    for tab in active_tabs(tabs):
        if not tab.ad_boxes:
            find_detector(library, tab.ad_model)
