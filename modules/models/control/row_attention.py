"""What single rows of a UNet call have beside its weights in attention: the one place where a call's layers are hooked.

Regions' texts are mixed into cross-attention (`contexts.py`), image prompts are added to it, hints of ControlLLLite
change what projections are given, references are read in self-attention (`references.py`). Every row without any stays
the same to the bit: hooks write to their own rows alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

from modules.models.checkpoint.family import CallArguments
from modules.models.control.contexts import RegionalAttention, Turn, cells_of_layer
from modules.models.control.ip_adapter import IpAdapter, PromptedLayer, cross_attention, in_heads
from modules.models.control.lllite import Lllite
from modules.models.control.references import ReferenceLayers
from modules.models.control.regional_networks import UpdatesOf, further_updates, no_updates
from modules.models.lora.runtime import NetworkUses, Under
from modules.sampling.control import Control, controls_of
from modules.sampling.references import references_of

RowExtras: TypeAlias = "Sequence[Mapping[str, Any]]"      # of each row of a call
# the arguments of a UNet call, and the extras and networks of its rows → the context that the call is made in
Attending: TypeAlias = Callable[[CallArguments, RowExtras, Sequence[NetworkUses]], AbstractContextManager[Any]]


class PromptedRow(NamedTuple):
    """An image prompt of the row at that place of a call."""

    place: int
    adapter: IpAdapter
    control: Control


class RowAttention:
    """The attention of a UNet as rows of its calls have it."""

    def __init__(self, unet: nn.Module) -> None:
        self.unet = unet
        self.regional = RegionalAttention(unet)
        self.references = ReferenceLayers(unet)
        self.layers = cross_attention(unet)

    def with_networks(
        self, networks: Mapping[str, Any], under: Under, updates: UpdatesOf = no_updates
    ) -> Attending:
        """Return the function for calls whose controls name these networks, made `under` the rows' LoRAs.

        updates: the updates of LoRAs that rows or regions have beside these
        """
        return partial(self.around, networks, updates, under)

    @contextmanager
    def around(
        self, networks: Mapping[str, Any], updates: UpdatesOf, under: Under, call: CallArguments, extras: RowExtras,
        sets: Sequence[NetworkUses],
    ) -> Iterator[None]:
        """Have a call's rows attend to what they have; references are first looked at in a call of their own."""
        cells = tuple(call[0][0].shape[2:])
        within = partial(self.within, networks, updates, cells)
        with ExitStack() as stack:
            if any(map(references_of, extras)):
                read = self.references.read(self.unet, call, extras, lambda places: self.looked_at(
                    within, under, [extras[place] for place in places], [sets[place] for place in places]
                ))
                stack.enter_context(read)
            stack.enter_context(within(extras))
            yield

    @contextmanager
    def looked_at(
        self, within: Callable[[RowExtras], AbstractContextManager[Any]], under: Under, extras: RowExtras,
        sets: Sequence[NetworkUses],
    ) -> Iterator[None]:
        with under(sets), within(extras):
            yield

    @contextmanager
    def within(
        self, networks: Mapping[str, Any], updates: UpdatesOf, cells: tuple[int, int], extras: RowExtras
    ) -> Iterator[None]:
        """Have a call's rows attend to what they have, without their references."""
        turn, prompted, hinted = Turn(), [], defaultdict(list)
        for place, row in enumerate(extras):
            for control in controls_of(row):
                network = networks[control.sha256]
                if isinstance(network, IpAdapter):
                    prompted.append(PromptedRow(place, network, control))
                elif isinstance(network, Lllite):
                    for path in network.modules:
                        hinted[path].append((place, network, control))
        with ExitStack() as stack:
            stack.enter_context(self.regional.under(extras, turn))
            stack.enter_context(further_updates(self.unet, updates, extras, turn))
            for layer in self.layers if prompted else ():
                stack.enter_context(image_prompts(layer, prompted, cells))
            for path, rows in hinted.items():
                hook = partial(with_hints, path, rows, (len(extras), *cells))
                stack.enter_context(self.unet.get_submodule(path).register_forward_pre_hook(hook))
            yield


# Image prompts ----------------------------------------------------------------------------------------


@contextmanager
def image_prompts(place: PromptedLayer, rows: Sequence[PromptedRow], cells: tuple[int, int]) -> Iterator[None]:
    """Have a layer's output contain the rows' image prompts, before its last projection."""
    queries: list[Tensor] = []      # of the layer's newest call
    layer: Any = place.layer

    def remember(module: nn.Module, args: Any, output: Tensor) -> None:
        queries[:] = [output]

    def add(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        for row in rows:
            strength = row.control.strengths[place.group] if place.group < len(row.control.strengths) else 0.0
            if strength:
                answer = prompted_answer(layer.heads, queries[0][row.place], row, place.number)
                args[0][row.place] += answer * strength * region_of_layer(row.control.region, cells, answer)

    with layer.to_q.register_forward_hook(remember), layer.to_out[0].register_forward_pre_hook(add):
        yield


def prompted_answer(heads: int, query: Tensor, row: PromptedRow, number: int) -> Tensor:
    """Return what a row's queries (tokens, width) find in its image prompt, (tokens, width)."""
    key, value = row.adapter.keys_and_values(row.control.hint)[number]
    width = query.shape[-1] // heads
    query, key, value = (in_heads(each.to(query), width) for each in (query, key, value))
    answer: Tensor = scaled_dot_product_attention(query, key, value)
    return answer.transpose(0, 1).flatten(1)


def region_of_layer(region: Tensor | None, cells: tuple[int, int], answer: Tensor) -> Tensor | float:
    """Return where a control counts, (tokens, 1), at a layer's resolution; 1 if it counts everywhere."""
    size = cells_of_layer(cells, answer.shape[0])
    if region is None or size is None:
        return 1.0
    return interpolate(region.to(answer)[None, None], size, mode="bilinear").view(-1, 1)


# Hints of ControlLLLite -------------------------------------------------------------------------------


def with_hints(
    path: str, rows: Sequence[tuple[int, Lllite, Control]], call: tuple[int, int, int], module: nn.Module,
    args: tuple[Tensor, ...],
) -> tuple[Tensor, ...] | None:
    """Return a projection's input (rows, tokens, width) as the rows' hints change it.

    call: its rows, and its latents' height and width. None if the input is no picture, but tiles or merged tokens
    """
    x, cells = args[0], (call[1], call[2])
    size = cells_of_layer(cells, x.shape[1])
    if size is None or len(x) != call[0]:
        return None
    x = x.clone()
    for place, network, control in rows:
        if strength := control.strengths[-1]:
            change = network.change(path, x[place], control.hint, size)
            x[place] += change * strength * region_of_layer(control.region, cells, change)
    return (x, *args[1:])


def unattended(call: CallArguments, extras: RowExtras, sets: Sequence[NetworkUses]) -> AbstractContextManager[Any]:
    """Return the context of a call whose rows have nothing of their own."""
    return ExitStack()

