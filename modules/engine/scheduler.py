"""Which pictures share the next call. Pure: it looks at the begun pictures, in the order of their turns, and changes nothing.

The current picture is the first; but a short question for the same weights, or for weights that can be mixed with them, goes before it.
The next batch is all pictures whose question has the current one's key; or, if that gives more rows and at least MIXED_ROWS, all that differ
from it only in what `common` leaves out (their LoRAs).
Of each owner it takes as many as the owner with fewest has, and no more rows than fit.
A picture that is to be alone shares no call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from modules.engine.image_task import ImageTask
from modules.sampling.questions import Question, Weights

MIXED_ROWS = 8      # rows from which one mixed batch beats one batch per LoRA set: docs/performance.md, Networks

Common = Callable[[Weights], Weights]      # what of the weights must be the same for all in a call


def itself(weights: Weights) -> Weights:
    """Nothing mixes."""
    return weights


def next_batch(begun: Sequence[ImageTask], rows: int, common: Common) -> list[ImageTask]:
    """The pictures of the next call. `begun`: at least one; `rows`: how many fit in a call."""
    near = candidates(begun, rows, common)
    first = next((picture for picture in near if picture.ask.quick), begun[0])
    if first.alone:
        return [first]
    key = first.ask.key
    alike = fair_share([picture for picture in begun if picture.ask.key == key], rows)
    if rows_of(alike) >= rows or all(picture.ask.weights == first.ask.weights for picture in near):      # there is nothing to gain
        return alike
    loose = loose_key(first.ask, common)
    mixed = fair_share([picture for picture in near if loose_key(picture.ask, common) == loose], rows)
    return mixed if rows_of(mixed) >= max(MIXED_ROWS, rows_of(alike) + 1) else alike


def candidates(begun: Sequence[ImageTask], rows: int, common: Common) -> list[ImageTask]:
    """Pictures with the first one's weights, plus, among the first `rows`, those whose weights can be mixed with them."""
    first = begun[0].ask
    shared = in_common(first, common)
    return [
        picture for place, picture in enumerate(begun)
        if picture.ask.weights == first.weights or (place < rows and in_common(picture.ask, common) == shared)
    ]


def fair_share(pictures: Sequence[ImageTask], rows: int) -> list[ImageTask]:
    """As many of each owner, in turn, as the owner with fewest has, and as fit.

    So a person who asks for one picture waits for a step of two, not for somebody's hundred.
    """
    fitting = [picture for picture in pictures if not picture.alone]
    share = min(Counter(picture.owner for picture in fitting).values())
    taken: Counter[str] = Counter()
    filled, batch = 0, []
    for picture in fitting:
        if taken[picture.owner] < share and (not batch or filled + picture.ask.rows <= rows):
            batch.append(picture)
            taken[picture.owner] += 1
            filled += picture.ask.rows
    return batch


def loose_key(ask: Question, common: Common) -> Hashable:
    """The question's key if only what must be common counted."""
    return replace(ask, weights=in_common(ask, common)).key


def in_common(ask: Question, common: Common) -> Weights:
    try:
        return common(ask.weights)
    except Exception:                # noqa: BLE001  its job is told as soon as it is asked alone
        return ask.weights


def rows_of(pictures: Sequence[ImageTask]) -> int:
    return sum(picture.ask.rows for picture in pictures)
