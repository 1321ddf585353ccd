"""BLIP (Li et al. 2022, arXiv:2201.12086), which puts a picture into words: read from files in transformers' layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessorPil, PreTrainedTokenizerFast

from modules.base.border import outcome
from modules.base.errors import ModelMismatch, ModelMissing
from modules.library.captioners import PUT_CAPTIONER
from modules.models.checkpoint.key_mapping import same_names
from modules.models.checkpoint.loader import Part
from modules.models.files.state_dict import read_state_dict
from modules.models.files.transformers_config import config_beside

# tensors that files leave out, since they are others' own: name → whose
TIED = {
    "text_decoder.cls.predictions.decoder.weight": "text_decoder.bert.embeddings.word_embeddings.weight",
    "text_decoder.cls.predictions.decoder.bias": "text_decoder.cls.predictions.bias",
}
VISION, CONFIG, TOKENIZER = "vision_model.embeddings.patch_embedding.weight", "config.json", "tokenizer.json"


@dataclass(frozen=True, eq=False)
class Captioner:
    """The model and the tokenizer of its words."""

    model: Any
    tokenizer: Any

    def caption(self, image: Image.Image, beams: int, shortest: int, longest: int) -> str:
        """Return a picture in words, of so many tokens."""
        side = self.model.config.vision_config.image_size
        processor = BlipImageProcessorPil(size={"height": side, "width": side})
        pixels = processor([image.convert("RGB")], return_tensors="pt").pixel_values
        with torch.inference_mode():
            [tokens] = self.model.generate(
                pixel_values=pixels, num_beams=beams, do_sample=False, min_length=min(shortest, longest),
                max_length=longest,
            )
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True)).strip()


def load_captioner(path: Path) -> Captioner:
    """Return the model in a file, and what stands beside it. Raises ModelError."""
    for beside in (CONFIG, TOKENIZER):
        if not path.with_name(beside).is_file():
            raise ModelMissing(f"{beside} is missing beside {path.name}.", PUT_CAPTIONER)
    tensors = dict(read_state_dict(path).tensors)
    if VISION not in tensors:
        raise ModelMismatch(f"{path.name} is no BLIP model in transformers' layout.", PUT_CAPTIONER)
    tensors |= {name: tensors[whose] for name, whose in TIED.items() if name not in tensors and whose in tensors}
    config = config_beside(path)
    part = Part(path.name, {name: tensor.float() for name, tensor in tensors.items()}, "", same_names)

    def build(_: Mapping[str, Tensor]) -> BlipForConditionalGeneration:
        return BlipForConditionalGeneration(BlipConfig.from_dict(config))

    return Captioner(part.build(build), read_tokenizer(path.with_name(TOKENIZER)))


def read_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """Return a tokenizer. Raises ModelMismatch."""
    found = outcome(lambda: PreTrainedTokenizerFast(tokenizer_file=str(path)))
    if isinstance(found, Exception):      # the library's own, of whatever class
        raise ModelMismatch(f"{path.name} is no tokenizer: {found!s:.200}", PUT_CAPTIONER) from found
    return found
