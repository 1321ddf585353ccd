"""Token merging: similar tokens share their self-attention, which is faster and changes the picture a little.

Bolya & Hoffman 2023, "Token Merging for Fast Stable Diffusion", arXiv:2303.17604: every second place in both directions
is a destination; of the others, the share `ratio` that is most like one of them is averaged into it before
self-attention, and gets its answer afterwards. Only at the UNet's full resolution; nothing is left to chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

STRIDE = 2      # the destinations' distance in both directions


@dataclass(frozen=True)
class Matching:
    """The matching of tokens; indices of tokens, each (rows, n, 1)."""

    destinations: Tensor      # indices of destinations
    kept: Tensor              # tokens that are not merged
    merged: Tensor            # tokens that are merged
    into: Tensor              # the destination of each, counted among destinations

    @classmethod
    def of(cls, tokens: Tensor, width: int, ratio: float) -> Matching:
        """Match tokens.

        tokens: (rows, h · w, channels), row by row of the picture
        """
        rows, count, _ = tokens.shape
        places = torch.arange(count, device=tokens.device)
        chosen = (places % width % STRIDE == 0) & (places // width % STRIDE == 0)
        chosen &= (places % width < width // STRIDE * STRIDE) & (places // width < count // width // STRIDE * STRIDE)
        sources, destinations = places[~chosen], places[chosen]
        metric = tokens / tokens.norm(dim=-1, keepdim=True)
        alike, nearest = (metric[:, sources] @ metric[:, destinations].transpose(1, 2)).max(dim=-1)
        order, most = alike.argsort(dim=-1, descending=True), min(int(count * ratio), len(sources))
        going, staying = order[:, :most], order[:, most:]
        into = nearest.gather(1, going)
        return cls(
            destinations.expand(rows, -1)[..., None],
            sources[staying][..., None],
            sources[going][..., None],
            into[..., None],
        )

    def merge(self, tokens: Tensor) -> Tensor:
        """Return (rows, n, channels): kept tokens, then destinations averaged with the tokens merged into them."""
        destinations = take(tokens, self.destinations)
        going = take(tokens, self.merged)
        averaged = destinations.scatter_reduce(1, self.into.expand_as(going), going, "mean")
        return torch.cat([take(tokens, self.kept), averaged], dim=1)

    def unmerge(self, answers: Tensor) -> Tensor:
        """Return an answer for every token, from the answers to `merge`'s tokens."""
        kept, averaged = answers.split([self.kept.shape[1], self.destinations.shape[1]], dim=1)
        count = self.kept.shape[1] + self.destinations.shape[1] + self.merged.shape[1]
        out = answers.new_empty(answers.shape[0], count, answers.shape[2])
        for places, values in (
            (self.kept, kept),
            (self.destinations, averaged),
            (self.merged, take(averaged, self.into)),
        ):
            out.scatter_(1, places.expand_as(values), values)
        return out


def take(tokens: Tensor, places: Tensor) -> Tensor:
    return tokens.gather(1, places.expand(-1, -1, tokens.shape[2]))


class TokenMerging:
    """Hooks in a UNet's transformer blocks, while a ratio is set."""

    def __init__(self, unet: nn.Module) -> None:
        self.unet = unet
        self.ratio = 0.0
        self.size = (0, 0)                               # of the latent in the current call
        self.matching: Matching | None = None            # of the current block
        self._handles: list[RemovableHandle] = []

    def bring(self, ratio: float) -> None:
        if ratio == self.ratio:
            return
        for handle in self._handles:
            handle.remove()
        self.ratio, self._handles = ratio, []
        if not ratio:
            return
        self._handles.append(self.unet.register_forward_pre_hook(self._see))
        for block in self.unet.modules():
            if isinstance(block, BasicTransformerBlock):
                self._handles += [
                    block.register_forward_pre_hook(self._match),
                    block.attn1.register_forward_pre_hook(self._merge),
                    block.attn1.register_forward_hook(self._unmerge),
                ]

    def _see(self, unet: nn.Module, args: tuple[Any, ...]) -> None:
        self.size = tuple(args[0].shape[-2:])

    def _match(self, block: nn.Module, args: tuple[Any, ...]) -> None:
        tokens, (height, width) = args[0], self.size
        self.matching = Matching.of(tokens, width, self.ratio) if tokens.shape[1] == height * width else None

    def _merge(self, attention: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.matching.merge(args[0]), *args[1:]) if self.matching else args

    def _unmerge(self, attention: nn.Module, args: tuple[Any, ...], answers: Tensor) -> Tensor:
        return self.matching.unmerge(answers) if self.matching else answers
