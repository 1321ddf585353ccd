"""Further texts of single rows in a UNet's cross-attention: each layer's output is mixed by where each text counts.

Attention is linear in its mixed outputs, so they are mixed after the layer's own projection. Rows without further
texts are computed in the same call as without any, and stay the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from diffusers.models.attention_processor import Attention
from torch import Tensor, nn, stack
from torch.nn.functional import interpolate

from modules.sampling.regions import RegionTexts, region_texts_of

COARSEST = 5      # halvings of the latent's sides down to the coarsest layer


@dataclass(slots=True)
class Turn:
    """The number of the further text that a layer is computing; None for the rows' own."""

    text: int | None = None


class RegionalAttention:
    """The cross-attention layers of a UNet, hooked while a call has rows with regions."""

    def __init__(self, unet: nn.Module) -> None:
        self.layers = [
            part for part in unet.modules() if isinstance(part, Attention) and part.is_cross_attention
        ]

    def under(self, extras: Sequence[Mapping[str, Any]], turn: Turn) -> AbstractContextManager[None]:
        """Return the context of a call of rows with these extras; `turn` is told which text is being computed."""
        rows = {place: found for place, each in enumerate(extras) if (found := region_texts_of(each))}
        return self._hooked(rows, turn) if rows else nullcontext()

    @contextmanager
    def _hooked(self, rows: Mapping[int, RegionTexts], turn: Turn) -> Iterator[None]:
        handles = [
            layer.register_forward_hook(mixing_hook(rows, turn), with_kwargs=True) for layer in self.layers
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def mixing_hook(rows: Mapping[int, RegionTexts], turn: Turn) -> Any:
    """Return the hook of one layer: it computes each further text for all rows at once, as networks of rows need it."""

    def mix(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> Tensor | None:
        context = kwargs.get("encoder_hidden_states")
        if turn.text is not None or context is None or output.ndim != 3:
            return None
        shares = {place: shares_of_layer(found.shares, output) for place, found in rows.items()}
        if any(each is None for each in shares.values()):
            return None
        mixed = {place: output[place] * share[0] for place, share in shares.items() if share is not None}
        try:
            for number in range(max(len(found.texts) for found in rows.values())):
                turn.text = number
                answer = layer(*args, **{**kwargs, "encoder_hidden_states": with_texts(context, rows, number)})
                for place, found in rows.items():
                    share = shares[place]
                    if number < len(found.texts) and share is not None:
                        mixed[place] = mixed[place] + answer[place] * share[1 + number]
        finally:
            turn.text = None
        return stack([mixed.get(place, output[place]) for place in range(len(output))])

    return mix


def with_texts(context: Tensor, rows: Mapping[int, RegionTexts], number: int) -> Tensor:
    """Return the rows' contexts (rows, tokens, width) with the text of that number in place of each regional row's."""
    texts = list(context)
    for place, found in rows.items():
        if number < len(found.texts):
            texts[place] = found.texts[number].to(context)
    return stack(texts)


def shares_of_layer(shares: Tensor, output: Tensor) -> Tensor | None:
    """Return the shares (1 + texts, tokens, 1) at a layer's resolution; None if its tokens are no picture."""
    size = cells_of_layer((shares.shape[1], shares.shape[2]), output.shape[1])
    if size is None:
        return None
    sized = interpolate(shares[None].float(), size, mode="area")[0]
    return sized.flatten(1)[:, :, None].to(output)


def cells_of_layer(cells: tuple[int, int], tokens: int) -> tuple[int, int] | None:
    """Return the height and width at which a layer has so many tokens; None if they are no picture.

    cells: the latent's
    """
    height, width = cells
    for _ in range(COARSEST):
        if height * width == tokens:
            return height, width
        height, width = -(-height // 2), -(-width // 2)
    return None
