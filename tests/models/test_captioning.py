"""BLIP from a user's files: words for a picture, and what is said of files that are none."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessorPil

from modules.base.errors import ModelMismatch, ModelMissing
from modules.library.captioners import find_captioner
from modules.library.library import Library
from modules.library.model_kinds import CAPTIONER
from modules.models.captioning import TIED, load_captioner
from tests.golden_data import catalog_of

WORDS = ["[PAD]", "[DEC]", "[SEP]", *(f"word{n}" for n in range(29))]
SIZES = {
    "vision_config": {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "patch_size": 16},
    "text_config": {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "encoder_hidden_size": 16,
        "vocab_size": len(WORDS), "bos_token_id": 1, "eos_token_id": 2, "sep_token_id": 2, "pad_token_id": 0,
    },
}
PICTURE = Image.new("RGB", (40, 30), "orange")


def small_blip():
    torch.manual_seed(0)
    return BlipForConditionalGeneration(BlipConfig.from_dict(SIZES)).eval()


def write_captioner(folder, leave_out=tuple(TIED)):
    """Put a model of 32 words into a folder, as people have them: what is tied is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.clone().contiguous() for name, tensor in small_blip().state_dict().items() if name not in leave_out}
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(SIZES))
    Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[PAD]")).save(str(folder / "tokenizer.json"))
    return folder / "model.safetensors"


@pytest.mark.parametrize("beams", [1, 3])
def test_a_caption_is_transformers_own_for_the_same_weights(tmp_path, beams):
    found = load_captioner(write_captioner(tmp_path)).caption(PICTURE, beams, 4, 8)
    pixels = BlipImageProcessorPil(size={"height": 32, "width": 32})([PICTURE], return_tensors="pt").pixel_values
    with torch.inference_mode():
        [tokens] = small_blip().generate(pixel_values=pixels, num_beams=beams, do_sample=False, min_length=4, max_length=8)
    assert found.split() == [WORDS[token] for token in tokens]


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(ModelMissing, match="BLIP") as told:
        find_captioner(Library({"captioner": catalog_of(CAPTIONER, tmp_path)}))
    assert "models/BLIP" in told.value.hint
    path = write_captioner(tmp_path)
    path.with_name("tokenizer.json").unlink()
    with pytest.raises(ModelMissing, match=r"tokenizer\.json"):
        load_captioner(path)


def test_a_file_that_is_no_blip_or_does_not_fit_its_config_is_refused_by_name(tmp_path):
    path = write_captioner(tmp_path)
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(ModelMismatch, match=r"model\.safetensors"):
        load_captioner(path)
    write_captioner(tmp_path)
    config = {**SIZES, "vision_config": {**SIZES["vision_config"], "hidden_size": 8}}
    path.with_name("config.json").write_text(json.dumps(config))
    with pytest.raises(ModelMismatch):
        load_captioner(path)
    path.with_name("config.json").write_text(json.dumps({**SIZES, "attn_implementation": "somebody/their-kernel"}))
    with pytest.raises(ModelMismatch, match="from elsewhere"):
        load_captioner(path)
    path.with_name("config.json").write_text(json.dumps(SIZES))
    path.with_name("tokenizer.json").write_text("{}")
    with pytest.raises(ModelMismatch, match="tokenizer"):
        load_captioner(path)
