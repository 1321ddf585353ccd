"""Detection of a model file's family by its header. No torch.

Names are those of `base/families.py`, some of families Easel only recognises. A file's metadata go first:
kohya-ss's `ss_base_model_version`, `modelspec.architecture` (https://github.com/Stability-AI/ModelSpec), Civitai's
`baseModel`. Then its tensors: the keys of cross-attention, and an embedding's vectors, are as wide as the family's
text encoders are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from modules.base.families import KNOWN_FAMILIES, WIDTHS, family_named

TensorShapes = Mapping[str, tuple[int, ...]]

OVER_CONTEXT = re.compile(      # the first weight (out, in) or (rank, in, …) of cross-attention's keys
    r"attn2[._]to_k\.(?:(?:lora_down|lora_A|lora\.down)\.)?(?:weight|hada_w1_b|diff)$"
    r"|attn2\.processor\.to_k_lora\.down\.weight$"
)


def family_of_header(metadata: Mapping[str, str], shapes: TensorShapes) -> str:
    """Return the family; "" if neither shows it."""
    told = (metadata.get(key, "") for key in ("ss_base_model_version", "modelspec.architecture"))
    return next(filter(None, map(family_named, told)), "") or family_of_tensors(shapes)


def family_of_tensors(shapes: TensorShapes) -> str:
    for family in KNOWN_FAMILIES:
        if any(mark in name for name in shapes for mark in family.marks):
            return family.name
    return next((WIDTHS[width] for width in context_widths(shapes) if width in WIDTHS), "")


def context_widths(shapes: TensorShapes) -> Iterator[int]:
    """Yield the widths of the text that cross-attention sees."""
    return (shape[1] for name, shape in shapes.items() if len(shape) >= 2 and OVER_CONTEXT.search(name))
