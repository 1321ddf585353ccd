"""Axes of networks: LoRAs and embeddings, alone and together, added to the prompts: `none, ink, wash:0.5, ink+wash`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from modules.base.errors import Invalid
from modules.params.plot_axes import Apply, Axis, R, Variant, plain_texts, unlabelled_value

NO_NETWORKS = ("", "none")
WEIGHTED_NAME = re.compile(r"(?P<name>[^:]{1,300}?)(?::(?P<weight>[+-]?\d{1,6}(?:\.\d{0,6})?))?")
LORA_COST = 0.3      # below a VAE: weights are patched, nothing is loaded


def networks_named(value: str) -> list[tuple[str, str]]:
    """Return name and weight of each network of a value; without a weight, "1". Raises Invalid.

    >>> networks_named("ink + wash:0.5")
    [('ink', '1'), ('wash', '0.5')]
    """
    if value.strip().casefold() in NO_NETWORKS:
        return []
    found = [WEIGHTED_NAME.fullmatch(part.strip()) for part in value.split("+")]
    if not all(found):
        raise Invalid(
            f"{value[:60]!r} names no networks.", "Write none, a, b, a+b, with weights a:0.8+b:0.5.",
            field="script_args",
        )
    return [(each["name"].strip(), each["weight"] or "1") for each in found if each]


def to_prompt(kind: str, field: str, written: Callable[[str, str], str], joint: str) -> Apply:
    """Return the function that adds a value's networks of one kind to a prompt."""

    def add(variant: Variant[R], value: str, values: Sequence[str]) -> Variant[R]:
        named = networks_named(value)
        own = "".join(joint + written(*each) for each in named)
        changed = variant.with_fields(**{field: variant.value(field) + own})
        return changed.naming(*((kind, name) for name, _ in named))

    return add


def lora_tag(name: str, weight: str) -> str:
    return f"<lora:{name}:{weight}>"


def weighted_word(name: str, weight: str) -> str:
    return name if float(weight) == 1 else f"({name}:{weight})"


NETWORK_AXES: tuple[Axis, ...] = (
    Axis("LoRA", plain_texts, to_prompt("lora", "prompt", lora_tag, " "), unlabelled_value, LORA_COST,
         fills="loras"),
    Axis("Embedding", plain_texts, to_prompt("embedding", "prompt", weighted_word, ", "), unlabelled_value,
         fills="embeddings"),
    Axis("Negative embedding", plain_texts, to_prompt("embedding", "negative_prompt", weighted_word, ", "),
         unlabelled_value, fills="embeddings"),
)
