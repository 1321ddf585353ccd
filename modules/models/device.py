"""Answers every question the engine brings, with the checkpoint it names brought into memory first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from modules.base.errors import OutOfMemory
from modules.models.catalog import Catalog, Checkpoint
from modules.models.loader import LoadedModel, load
from modules.models.preview import Preview
from modules.models.text import TextReader
from modules.models.unet import predict
from modules.models.vae import decode
from modules.prompts.chunks import Tokenizer
from modules.sampling.questions import Decode, Encode, Facts, ModelFacts, Predict, Question, Weights
from modules.sampling.schedules import Levels


@dataclass(frozen=True)
class Placement:
    """Where models live, and in which precision."""

    device: torch.device
    unet: torch.dtype
    vae: torch.dtype
    text: torch.dtype

    @classmethod
    def choose(cls, cpu: bool = False, device_id: int | None = None, half: bool = True, half_vae: bool = True) -> Placement:
        """A GPU if there is one, in half precision; on a CPU single precision, where half is slow or worse."""
        if cpu or not torch.cuda.is_available():
            return cls(torch.device("cpu"), torch.float32, torch.float32, torch.float32)
        low = torch.float16 if half else torch.float32
        return cls(torch.device("cuda", device_id or 0), low, low if half_vae else torch.float32, low)


class Ready:
    """A model on its device, with what is worked out from it once."""

    def __init__(self, model: LoadedModel, tokenizer: Tokenizer) -> None:
        self.model = model
        self.levels = Levels.of(model.alphas_cumprod)
        self.text = TextReader(model, tokenizer)

    @cached_property
    def preview(self) -> Preview:
        return Preview(self.model)


class Device:
    """Owns the loaded models. Used by the engine's thread alone."""

    def __init__(self, catalog: Catalog, tokenizer: Tokenizer, placement: Placement, told: Callable[[str, str], None]) -> None:
        """`told(loading, loaded)` hears the names of models as they come."""
        self.catalog, self.tokenizer, self.placement, self.told = catalog, tokenizer, placement, told
        self.kept = 1                                               # how many models stay in memory
        self._ready: OrderedDict[Weights, Ready] = OrderedDict()    # oldest use first
        self._answers: dict[type, Callable[[Ready, Sequence[Any]], Sequence[Any]]] = {
            Facts: lambda ready, asks: [ModelFacts(ready.levels, ready.model.unet.config.in_channels)] * len(asks),
            Encode: lambda ready, asks: [ready.text.read(ask) for ask in asks],
            Predict: lambda ready, asks: predict(ready.model, asks),
            Decode: lambda ready, asks: decode(ready.model, asks),
        }

    def answer(self, questions: Sequence[Question]) -> Sequence[Any]:
        """Questions of one kind and one model → an answer each. Raises OutOfMemory, ModelError, NotANumber."""
        with torch.inference_mode(), memory_errors():
            ready = self.ready(questions[0].weights)
            return self._answers[type(questions[0])](ready, questions)

    def ready(self, weights: Weights) -> Ready:
        if weights not in self._ready:
            self._ready[weights] = self._load(self.catalog.find(weights.checkpoint))
        self._ready.move_to_end(weights)
        return self._ready[weights]

    def _load(self, checkpoint: Checkpoint) -> Ready:
        """Read the file first: if it is broken, the models in use stay. Then make room, then move it in."""
        self.told(checkpoint.title, "")
        try:
            model = load(checkpoint)
            while len(self._ready) >= self.kept:
                self._ready.popitem(last=False)
            place = self.placement
            model.to(place.device, unet=place.unet, vae=place.vae, text=place.text)
            return Ready(model, self.tokenizer)
        finally:
            self.told("", checkpoint.title)


@contextmanager
def memory_errors() -> Iterator[None]:
    """The device's own out-of-memory errors as ours."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory(
            "The device ran out of memory.", "Ask for a smaller picture or fewer at once, or close what else uses the GPU."
        ) from error
