"""The scheduler: it chooses the images that share the next call. Pure: it only looks at the images that have begun.

The current image is the first in the order of turns; but a quick question for the same weights, or for weights that can
be batched with them, goes before it. The next batch is all images whose question has the current one's key; or, if that
gives more rows and at least MIXED_ROWS, all candidates with its mixed key, which leaves out what `batch_weights` leaves
out: their LoRAs. Of each owner it takes as many as the owner with fewest has, and no more rows than fit; an image that
is to be alone shares no call. An image that asks `Wait` is current, and so goes on, when no earlier one asks for a
step. An image that waits for a signal is skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from modules.base.errors import WebUIError
from modules.engine.image_task import ImageTask
from modules.sampling.questions import Question, Weights

MIXED_ROWS = 8      # rows from which one mixed batch beats one batch per LoRA set: docs/performance.md, Networks

BatchWeights = Callable[[Weights], Weights]      # the part of an image's weights that a whole batch must share


def unmixed(weights: Weights) -> Weights:
    """Return the whole weights: no weights can be mixed."""
    return weights


def next_batch(begun: Sequence[ImageTask], rows: int, batch_weights: BatchWeights) -> list[ImageTask]:
    """Return the images of the next call.

    begun: at least one of them does not wait for a signal; rows: rows that fit in a call
    """
    begun = [picture for picture in begun if not picture.waits]
    close = candidates(begun, rows, batch_weights)
    first = next((picture for picture in close if picture.ask.quick), begun[0])
    if first.alone:
        return [first]
    key = first.ask.key
    same = fair_share([picture for picture in begun if picture.ask.key == key], rows)
    # mixing would add no rows
    if rows_of(same) >= rows or all(picture.ask.weights == first.ask.weights for picture in close):
        return same
    key = mixed_key(first.ask, batch_weights)
    mixed = fair_share([picture for picture in close if mixed_key(picture.ask, batch_weights) == key], rows)
    return mixed if rows_of(mixed) >= max(MIXED_ROWS, rows_of(same) + 1) else same


def candidates(begun: Sequence[ImageTask], rows: int, batch_weights: BatchWeights) -> list[ImageTask]:
    """Return images with the first one's weights, and those among the first `rows` that can be mixed with them."""
    first = begun[0].ask
    shared = weights_in_batch(first, batch_weights)

    def can_batch(ask: Question) -> bool:
        return weights_in_batch(ask, batch_weights) == shared

    return [
        picture for place, picture in enumerate(begun)
        if picture.ask.weights == first.weights or (place < rows and can_batch(picture.ask))
    ]


def fair_share(pictures: Sequence[ImageTask], rows: int) -> list[ImageTask]:
    """Return as many images of each owner, in turn, as the owner with fewest has, and as fit.

    So a person who asks for one image waits for a step of two, not for somebody's hundred.
    """
    fitting = [picture for picture in pictures if not picture.alone]
    share = min(Counter(picture.owner for picture in fitting).values())
    taken: Counter[str] = Counter()
    filled, batch = 0, list[ImageTask]()
    for picture in fitting:
        if taken[picture.owner] < share and (not batch or filled + picture.ask.rows <= rows):
            batch.append(picture)
            taken[picture.owner] += 1
            filled += picture.ask.rows
    return batch


def mixed_key(ask: Question, batch_weights: BatchWeights) -> Hashable:
    """Return the question's key without the part that may differ in a mixed batch."""
    return replace(ask, weights=weights_in_batch(ask, batch_weights)).key


def weights_in_batch(ask: Question, batch_weights: BatchWeights) -> Weights:
    """Return the part of the question's weights that the whole batch must share."""
    try:
        return batch_weights(ask.weights)
    except (WebUIError, OSError):      # an unreadable file: the job fails when its image is asked alone
        return ask.weights


def rows_of(pictures: Sequence[ImageTask]) -> int:
    return sum(picture.ask.rows for picture in pictures)
