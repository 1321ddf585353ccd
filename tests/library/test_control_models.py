"""Which ControlNet a control type chooses for a checkpoint, by the widths in their headers."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from modules.library.catalog import Catalog, ModelFile
from modules.library.library import Library
from modules.library.model_kinds import CONTROLNET
from modules.requests.control_lists import lists_of_type, model_titles, titles_that_fit
from modules.store.hashes import HashCache

LDM = "model.diffusion_model."
TEXT = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
CONTROLNETS = {
    "a-canny": {"conv_in.weight": (64, 4, 3, 3), "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (64, 96)},
    "b_sd15_canny": {"control_model.input_blocks.0.0.weight": (320, 4, 3, 3), f"control_model.{TEXT}": (320, 768)},
    "c_v11_sd21_canny": {"input_blocks.0.0.weight": (320, 4, 3, 3), TEXT: (320, 1024)},
}


def written(path, shapes):
    path.parent.mkdir(exist_ok=True)
    save_file({name: torch.zeros(shape, dtype=torch.float16) for name, shape in shapes.items()}, path)
    return path


@pytest.mark.parametrize(("width", "text", "chosen"), [
    (64, 96, "a-canny"), (320, 768, "b_sd15_canny"), (320, 1024, "c_v11_sd21_canny"), (320, 2048, "None"),
    (0, 0, "c_v11_sd21_canny"),      # no checkpoint: the newest set
])
def test_a_type_chooses_a_model_that_fits_the_checkpoint(tmp_path, width, text, chosen):
    for name, shapes in CONTROLNETS.items():
        written(tmp_path / "controlnet" / f"{name}.safetensors", shapes)
    shapes = {f"{LDM}input_blocks.0.0.weight": (width, 4, 3, 3), f"{LDM}{TEXT}": (width, text)}
    checkpoint = ModelFile(written(tmp_path / "checkpoint.safetensors", shapes), "checkpoint.safetensors") if width else None
    catalog = Catalog([tmp_path / "controlnet"], HashCache(tmp_path / "hashes.sqlite"), CONTROLNET)
    library = Library({CONTROLNET.name: catalog})
    found = lists_of_type("Canny", model_titles(library), titles_that_fit(library, checkpoint))
    assert found.model.partition(" [")[0] == chosen and len(found.models) == 4
