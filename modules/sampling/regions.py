"""Regional prompts in a row of a UNet call: further texts, and where each of them counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modules.sampling.cond_extras import CondExtras, ReadElsewhere
from modules.sampling.questions import Cond
from modules.sampling.weights import NetworkUse

if TYPE_CHECKING:
    from torch import Tensor

    from modules.sampling.guidance import Timeline

REGIONS, OWN_NETWORKS = "regions", "own networks"
Networks = tuple[NetworkUse, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RegionTexts(ReadElsewhere):
    """The texts of one row beside its own, an extra of its conditioning, read by cross-attention.

    See `models/control/contexts.py`.

    texts: each (tokens, width), as long as the row's own
    shares: (1 + texts, h, w), how much the row's own text and each of these count in a cell; they sum to 1
    networks: the LoRAs of each text, which count where it does; () if none has any
    """

    texts: tuple[Tensor, ...]
    shares: Tensor
    networks: tuple[Networks, ...] = ()

    def blank(self) -> RegionTexts:
        return replace(self, texts=(), shares=self.shares[:1] * 0 + 1, networks=())


@dataclass(frozen=True, slots=True)
class OwnNetworks(ReadElsewhere):
    """The LoRAs of one row beside those of its question, an extra of its conditioning."""

    networks: Networks

    def blank(self) -> OwnNetworks:
        return OwnNetworks(())


@dataclass(frozen=True, slots=True, eq=False)
class RegionalPrompts:
    """The regions of a pass: each one's prompt over time.

    shares: (1 + regions, h, w), as in `RegionTexts`
    by_estimate: each region is a row of its own, whose estimates are mixed; else its text is mixed in cross-attention
    networks: the LoRAs of each region's prompt; () if none has any
    """

    prompts: tuple[Timeline[Cond], ...]
    shares: Tensor
    by_estimate: bool = False
    networks: tuple[Networks, ...] = ()

    def row_extras(self, region: int) -> CondExtras:
        """Return the extra of a region that is a row of its own."""
        return {OWN_NETWORKS: OwnNetworks(self.networks[region])} if self.networks else {}

    def extras(self, evaluation: int, tokens: int) -> CondExtras:
        """Return the extra of a positive row with so many tokens."""
        texts = tuple(each.at(evaluation).of_length(tokens).text for each in self.prompts)
        return {REGIONS: RegionTexts(texts, self.shares, self.networks)}

    def lengths(self, evaluation: int) -> int:
        """Return the tokens of the longest prompt."""
        return max(len(each.at(evaluation).text) for each in self.prompts)


def region_texts_of(extras: Mapping[str, Any]) -> RegionTexts | None:
    """Return the regional texts among a conditioning's extras."""
    return extras.get(REGIONS)


def own_networks_of(extras: Mapping[str, Any]) -> Networks:
    """Return the LoRAs of a row beside its question's."""
    found: OwnNetworks | None = extras.get(OWN_NETWORKS)
    return found.networks if found else ()


def further_networks(extras: Mapping[str, Any]) -> tuple[Networks, ...]:
    """Return all sets of LoRAs that a row has beside its question's: its own, and its regions'."""
    found = region_texts_of(extras)
    return tuple(filter(None, (own_networks_of(extras), *(found.networks if found else ()))))
