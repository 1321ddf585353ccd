"""LoRAs of single rows and of regions within a row, beside those of their question; the weights stay as they are.

A region's count where it does: at layers of the picture times its share of each cell, at the projections of a text only
while its own text is read. What has no place in the picture, such as the time embedding, has none of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import interpolate

from modules.models.control.contexts import Turn, shares_of_layer
from modules.models.lora.runtime import NetworkUses, Update, Updates
from modules.sampling.regions import own_networks_of, region_texts_of

UpdatesOf = Callable[[NetworkUses], Updates]      # a set of LoRAs → its updates, by the paths of weights
OF_TEXT = (".attn2.to_k.weight", ".attn2.to_v.weight")


def no_updates(networks: NetworkUses) -> Updates:
    return {}


class FurtherUpdate(NamedTuple):
    """An update for the row at that place of a call.

    share: (h, w), how much it counts in a cell; None: everywhere. text: the region's number
    """

    place: int
    update: Update
    share: Tensor | None = None
    text: int = 0


@contextmanager
def further_updates(
    unet: nn.Module, updates: UpdatesOf, extras: Sequence[Mapping[str, Any]], turn: Turn
) -> Iterator[None]:
    """Have a call's rows have their own LoRAs, and their regions'."""
    found: dict[str, list[FurtherUpdate]] = defaultdict(list)
    for place, row in enumerate(extras):
        for path, own in updates(own_networks_of(row)).items():
            found[path] += [FurtherUpdate(place, update) for update in own]
        regions = region_texts_of(row)
        pairs = zip(regions.shares[1:], regions.networks, strict=False) if regions else ()
        for text, (share, networks) in enumerate(pairs):
            for path, own in updates(networks).items():
                found[path] += [FurtherUpdate(place, update, share, text) for update in own]
    with ExitStack() as stack:
        for path, further in found.items():
            module = unet.get_submodule(path.removeprefix("unet.").removesuffix(".weight"))
            hook = partial(add_further, path.endswith(OF_TEXT), turn, further)
            stack.enter_context(module.register_forward_hook(hook))
        yield


def add_further(
    of_text: bool, turn: Turn, further: Sequence[FurtherUpdate], module: nn.Module, args: tuple[Any, ...], y: Tensor
) -> None:
    """Add further updates to a module's output; a forward hook."""
    for place, update, share, text in further:
        x, own = args[0][place:place + 1], y[place:place + 1]
        if share is None or (of_text and turn.text == text):
            update.add(module, x, own)
        elif not of_text and (shares := share_at(share, own)) is not None:
            change = own * 0
            update.add(module, x, change)
            own += change * shares


def share_at(share: Tensor, y: Tensor) -> Tensor | None:
    """Return a region's share (h, w) as a factor of a module's output; None if that has no places in the picture."""
    if y.ndim == 4:
        return interpolate(share[None, None].float(), y.shape[2:], mode="area").to(y)
    return shares_of_layer(share[None], y) if y.ndim == 3 else None
