"""The question for pictures as an IP-Adapter reads them, and its answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from modules.sampling.weights import Weights

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


class ImagePrompt(NamedTuple):
    """Pictures as an IP-Adapter reads them.

    tokens: (tokens, width), the mean of all pictures'; blank: those of no picture, for the negative prompt
    places: where each of the UNet's groups of cross-attention layers is: in the encoder, the middle or the decoder
    """

    tokens: Tensor
    blank: Tensor
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ReadPictures:
    """Ask what an IP-Adapter reads of pictures. Answer: an ImagePrompt.

    sha256: the adapter's; names: of the pictures' contents, by which the answer may be remembered; () if there are none
    images: reads the pictures, where the answer is not known
    """

    quick: ClassVar = True

    weights: Weights
    sha256: str
    images: Callable[[], Sequence[Image]]
    names: tuple[str, ...] = ()

    @property
    def key(self) -> Hashable:
        return ReadPictures, self.weights.plain, self.sha256, self.names

    @property
    def rows(self) -> int:
        return max(1, len(self.names))
