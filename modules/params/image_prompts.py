"""Pictures as a prompt: how strongly an IP-Adapter counts in each group of a UNet's cross-attention layers.

The names are those that people know from other programs' IP-Adapters; each returns factors of the unit's weight.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

IN_ENCODER, IN_MIDDLE, IN_DECODER = "encoder", "middle", "decoder"
NORMAL_WEIGHT = "normal"
LEAST_EASED, WEAK = 0.05, 0.2
# groups by their number among SD 1's 16 and SDXL's 11: those that carry style, and those of composition with factors
STYLE: Mapping[int, Collection[int]] = {16: {*range(4), *range(9, 16)}, 11: {6}}
COMPOSITION: Mapping[int, Mapping[int, float]] = {16: {4: 0.25, 5: 1.0}, 11: {3: 1.0}}

Factors = Callable[[Sequence[str]], list[float]]      # where each group is → its factor


def normal_weights(places: Sequence[str]) -> list[float]:
    return [1.0] * len(places)


def eased(share: Callable[[float], float]) -> Factors:
    """Return the factors that follow a function of how far along a group is, from 0 towards 1."""

    def factors(places: Sequence[str]) -> list[float]:
        return [LEAST_EASED + (1 - LEAST_EASED) * share(place / len(places)) for place in range(len(places))]

    return factors


def weakened(*where: str) -> Factors:
    return lambda places: [WEAK if place in where else 1.0 for place in places]


def style_weights(places: Sequence[str]) -> list[float]:
    chosen = STYLE.get(len(places), range(len(places)))
    return [float(place in chosen) for place in range(len(places))]


def composition_weights(places: Sequence[str]) -> list[float]:
    chosen = COMPOSITION.get(len(places), {})
    return [chosen.get(place, 0.0) for place in range(len(places))]


def strong_style_weights(places: Sequence[str]) -> list[float]:
    """All groups but those of composition."""
    chosen = COMPOSITION.get(len(places), {})
    return [float(place not in chosen) for place in range(len(places))]


def style_and_composition_weights(places: Sequence[str]) -> list[float]:
    return [max(pair) for pair in zip(style_weights(places), composition_weights(places), strict=True)]


WEIGHT_TYPES: Mapping[str, Factors] = {
    NORMAL_WEIGHT: normal_weights,
    "ease in": eased(lambda share: 1 - share),
    "ease out": eased(lambda share: share),
    "ease in-out": eased(lambda share: 1 - abs(2 * share - 1)),
    "reverse in-out": eased(lambda share: abs(2 * share - 1)),
    "weak input": weakened(IN_ENCODER),
    "weak middle": weakened(IN_MIDDLE),
    "weak output": weakened(IN_DECODER),
    "strong middle": weakened(IN_ENCODER, IN_DECODER),
    "style transfer": style_weights,
    "composition": composition_weights,
    "strong style transfer": strong_style_weights,
    "style and composition": style_and_composition_weights,
}
