"""Reference-only: rows of a UNet call look at pictures in self-attention, or take on their statistics.

The pictures' noised latents are first looked at in a call of their own, under the rows' own texts, whose layers' inputs
are remembered; lllyasviel's "reference-only" of the ControlNet extension. `reference_adain`: Huang & Belongie 2017,
arXiv:1703.06868, on the outputs of blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from modules.models.checkpoint.family import CallArguments
from modules.models.optimizations.hypertile import InTiles
from modules.sampling.references import Reference, references_of

LEAST_VARIANCE = 1e-6
LEAST_FIDELITY = 1e-5      # below it, the negative prompt's row is as all others
PARTS_IN_ORDER = ("down_blocks", "mid_block", "up_blocks")
STATISTICS_OF_LEVEL = 2      # decoder blocks a level of the UNet that take on statistics

Looked = Callable[[Sequence[int]], AbstractContextManager[Any]]      # the context of a call of the rows at these places


class LayerInput(NamedTuple):
    """What a layer was given for a reference: tokens (tokens, width), or mean and variance (2, C, 1, 1)."""

    reference: Reference
    values: Tensor


Bank = Mapping[int, Sequence[LayerInput]]      # by the row's place in the call


class ReferenceLayers:
    """The layers of a UNet that can look at references, each with its rank: those below a reference's share do."""

    def __init__(self, unet: nn.Module) -> None:
        blocks = widest_first(unet)
        self.attentions = [(place / len(blocks), block.attn1) for place, block in enumerate(blocks)]
        self.blocks = ranked_blocks(unet)

    @contextmanager
    def read(
        self, unet: nn.Module, call: CallArguments, extras: Sequence[Mapping[str, Any]], looked: Looked
    ) -> Iterator[None]:
        """Look at the rows' references, then hook the layers for the call in which the rows read them."""
        tokens, statistics = self.look(unet, call, [references_of(each) for each in extras], looked)
        with ExitStack() as hooks:
            for layer, bank in tokens.items():
                hook = partial(read_tokens, bank, [])
                hooks.enter_context(layer.register_forward_hook(hook, with_kwargs=True))
            for block, bank in statistics.items():
                hooks.enter_context(block.register_forward_hook(partial(read_statistics, bank)))
            yield

    def look(
        self, unet: nn.Module, call: CallArguments, rows: Sequence[Sequence[Reference]], looked: Looked
    ) -> tuple[Mapping[nn.Module, Bank], Mapping[nn.Module, Bank]]:
        """Return what each layer was given for each row's references, the first of all rows in one call."""
        tokens: dict[nn.Module, dict[int, list[LayerInput]]] = defaultdict(lambda: defaultdict(list))
        statistics: dict[nn.Module, dict[int, list[LayerInput]]] = defaultdict(lambda: defaultdict(list))
        for number in range(max(map(len, rows))):
            chosen = {place: own[number] for place, own in enumerate(rows) if number < len(own)}
            with looked([*chosen]), ExitStack() as hooks:
                for rank, layer in self.attentions:
                    hook = partial(remember_tokens, chosen, rank, tokens)
                    hooks.enter_context(layer.register_forward_pre_hook(hook, with_kwargs=True))
                for rank, block in self.blocks:
                    hook = partial(remember_statistics, chosen, rank, statistics)
                    hooks.enter_context(block.register_forward_hook(hook))
                given, named = call_of(call, chosen)
                unet(*given, **named)
        return tokens, statistics


def widest_first(unet: nn.Module) -> list[BasicTransformerBlock]:
    """Return a UNet's transformer blocks, the widest first, else from first to last."""
    named = [(name, part) for name, part in unet.named_modules() if isinstance(part, BasicTransformerBlock)]
    named.sort(key=lambda each: PARTS_IN_ORDER.index(each[0].partition(".")[0]))
    return sorted((part for _, part in named), key=lambda block: -block.norm1.normalized_shape[0])


def ranked_blocks(unet: Any) -> list[tuple[float, nn.Module]]:
    """Return the modules whose outputs take on statistics, each with its rank: the middle, then the deepest ones."""
    if not hasattr(unet, "down_blocks"):
        return []
    encoder = [block for level in unet.down_blocks[1:] for block in outputs_of_level(level, ())]
    decoder = [
        block for level in unet.up_blocks for block in outputs_of_level(level, level.upsamplers or ())
    ][: STATISTICS_OF_LEVEL * len(unet.up_blocks)]
    return [
        (0.0, unet.mid_block),
        *((2 * (1 - place / len(encoder)), block) for place, block in enumerate(encoder)),
        *((2 * place / len(decoder), block) for place, block in enumerate(decoder)),
    ]


def outputs_of_level(level: Any, upsamplers: Sequence[nn.Module]) -> list[nn.Module]:
    """Return the last module of each place of a level; the last place ends with its upsampler."""
    found: list[nn.Module] = [*(getattr(level, "attentions", None) or level.resnets)]
    return [*found[:-1], *upsamplers] if len(upsamplers) else found


def call_of(call: CallArguments, chosen: Mapping[int, Reference]) -> CallArguments:
    """Return the call in which the references of these rows stand in the place of their latents."""
    (latents, timesteps), named = call
    rows = torch.tensor([*chosen], device=latents.device)
    pictures = [in_channels(reference, latents.shape[1]) for reference in chosen.values()]
    return (torch.stack(pictures).to(latents), timesteps[rows]), {
        name: values_of_rows(value, rows) for name, value in named.items() if "residual" not in name
    }


def in_channels(reference: Reference, channels: int) -> Tensor:
    """Return a reference's latent with what an inpainting model is shown: nothing masked, the picture itself."""
    noised = reference.noised
    more = channels - len(noised)
    if not more:
        return noised
    shown = [noised.new_zeros(more - len(noised), *noised.shape[1:]), reference.picture.to(noised)]
    return torch.cat([noised, *shown])


def values_of_rows(value: Any, rows: Tensor) -> Any:
    if isinstance(value, Mapping):
        return {name: values_of_rows(each, rows) for name, each in value.items()}
    return value[rows] if isinstance(value, Tensor) else value


# Looking ----------------------------------------------------------------------------------------------


def remember_tokens(
    chosen: Mapping[int, Reference], rank: float, banks: Any, layer: nn.Module, args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    tokens = args[0] if args else kwargs["hidden_states"]
    for number, (place, reference) in enumerate(chosen.items()):
        if reference.attention and reference.layers > rank:
            banks[layer][place].append(LayerInput(reference, tokens[number].clone()))


def remember_statistics(
    chosen: Mapping[int, Reference], rank: float, banks: Any, block: nn.Module, args: Any, output: Any
) -> None:
    found = output[0] if isinstance(output, tuple) else output
    for number, (place, reference) in enumerate(chosen.items()):
        if reference.statistics and reference.layers > rank:
            variance, mean = torch.var_mean(found[number], dim=(1, 2), keepdim=True, correction=0)
            banks[block][place].append(LayerInput(reference, torch.stack([mean, variance])))


# Reading ----------------------------------------------------------------------------------------------


def read_tokens(
    bank: Bank, inside: list[None], layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor
) -> Tensor | None:
    """Return a self-attention layer's output (rows, tokens, width) whose rows with references look at theirs, too.

    All rows are computed again, as networks of single rows need it. inside: not empty while that is done
    """
    tokens = args[0] if args else kwargs["hidden_states"]
    tiled = isinstance(layer.processor, InTiles)      # what a tile sees ends at its edges
    if inside or tiled or any(tokens.shape[1] != len(seen.values) for own in bank.values() for seen in own):
        return None
    found = output.clone()
    inside.append(None)
    try:
        for number in {len(own) for own in bank.values()}:      # contexts of one call are equally long
            contexts = [
                torch.cat([row, *(seen.values for seen in own)] if len(own) == number else [row] * (1 + number))
                for place, row in enumerate(tokens) for own in (bank.get(place, ()),)
            ]
            looking = layer(tokens, **{**kwargs, "encoder_hidden_states": torch.stack(contexts)})
            for place, own in bank.items():
                if len(own) == number:
                    found[place] = faithful(own, output[place], looking[place])
    finally:
        inside.pop()
    return found


def faithful(own: Sequence[LayerInput], alone: Tensor, looking: Tensor) -> Tensor:
    """Return a row's values: with the style fidelity of its references, the negative prompt's look at them less."""
    fidelity = sum(seen.reference.fidelity for seen in own) / len(own)
    if not own[0].reference.negative or fidelity <= LEAST_FIDELITY:
        return looking
    return fidelity * alone + (1 - fidelity) * looking


def read_statistics(bank: Bank, block: nn.Module, args: Any, output: Any) -> Any:
    """Return a block's output (rows, C, h, w) whose rows with references have their mean and deviation."""
    own_output = output[0] if isinstance(output, tuple) else output
    found = own_output.clone()
    for place, own in bank.items():
        x = own_output[place]
        variance, mean = torch.var_mean(x, dim=(1, 2), keepdim=True, correction=0)
        wanted = torch.stack([seen.values for seen in own]).mean(0)
        deviations = [each.clamp(min=LEAST_VARIANCE).sqrt() for each in (variance, wanted[1])]
        found[place] = faithful(own, x, (x - mean) / deviations[0] * deviations[1] + wanted[0])
    return (found, *output[1:]) if isinstance(output, tuple) else found
