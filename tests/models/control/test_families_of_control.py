"""Every kind of control with an SD 2 and an SDXL: its rows alone as in company, all others the same to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import ControlNetModel, T2IAdapter, UNet2DConditionModel
from safetensors.torch import save_file

from modules.library.catalog import ModelFile
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.control.control_file import LAST_HINT_LAYER, load_control_network
from modules.models.control.control_lora import OF_ENCODER
from modules.models.control.lllite import projections
from modules.models.control.networks import adding
from modules.models.control.row_attention import RowAttention
from modules.models.unet import predict_batch, unpatched
from modules.sampling.control import CONTROL, Control, Controls
from modules.sampling.questions import Cond, Predict
from modules.sampling.references import REFERENCES, Reference, References
from modules.sampling.regions import REGIONS, RegionTexts
from modules.sampling.weights import Weights
from tests.golden_data import assemble_models
from tests.ip_adapters import SEEN, save_adapter, tables

HINT = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", params=["sd2", "sdxl"])
def model(request, tiny, tmp_path_factory):
    if request.param == "sd2":      # its projections are matrices, its heads equally wide, its text is another's
        torch.manual_seed(7)
        config = {**tiny.unet.config, "use_linear_projection": True, "attention_head_dim": [2, 2, 4, 4],
                  "cross_attention_dim": 96}
        unet = UNet2DConditionModel.from_config(config).eval().requires_grad_(False)
        unet.double()       # random weights make much of float32's last bits, which differ with the size of a batch
        return replace(tiny, unet=unet)
    path = assemble_models(tmp_path_factory.mktemp("models")) / "tiny-xl.safetensors"
    loaded = load_checkpoint(ModelFile(path, path.name, "checkpoint"))
    loaded.to(torch.device("cpu"), unet=torch.float32, vae=torch.float32, text=torch.float32)
    return loaded


def text_of(model, seed):
    noise, config = torch.Generator().manual_seed(seed), model.unet.config
    vector = None
    if config.addition_embed_type:
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        vector = torch.cat([torch.randn(pooled, generator=noise), torch.tensor([64.0, 64, 0, 0, 64, 64])])
    return Cond(torch.randn(77, config.cross_attention_dim, generator=noise), vector)


def row(model, seed=2, sigma=5.0, **extras):
    x = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(seed))
    return Predict(Weights("w"), x, sigma, 100 * sigma, (replace(text_of(model, seed), extras=extras),), 0)


def drawn(model, networks, *questions):
    attending = RowAttention(model.unet).with_networks(networks, unpatched)
    with torch.inference_mode():
        return [one for [one] in predict_batch(model, questions, control=adding(networks), attending=attending)]


def check_company(model, networks, asked):
    plain = row(model, seed=7, sigma=2.0)
    before = drawn(model, networks, plain, plain, plain)
    first, company, last = drawn(model, networks, plain, asked, plain)
    [alone], [without] = drawn(model, networks, asked), drawn(model, {}, row(model))
    assert torch.equal(first, before[0]) and torch.equal(last, before[2])
    assert torch.allclose(alone, company, atol=1e-4)
    assert not torch.allclose(alone, without, atol=2e-2)


# Files ------------------------------------------------------------------------------------------------


def controlnet(model):
    torch.manual_seed(5)
    network = ControlNetModel.from_unet(model.unet)
    return {name: torch.randn_like(each) * 0.05 if "controlnet_" in name else each
            for name, each in network.state_dict().items()}


def ldm_names(model):
    """diffusers' names of a ControlNet's weights → those of the original files."""
    found = {ours: theirs for theirs, ours in model.unet_names.items() if theirs.startswith(OF_ENCODER)}
    parts = {"controlnet_cond_embedding.conv_in": "input_hint_block.0", "controlnet_mid_block": "middle_block_out.0",
             "controlnet_cond_embedding.conv_out": f"input_hint_block.{LAST_HINT_LAYER}"}
    parts |= {f"controlnet_cond_embedding.blocks.{place}": f"input_hint_block.{2 * place + 2}" for place in range(6)}
    parts |= {f"controlnet_down_blocks.{place}": f"zero_convs.{place}.0" for place in range(12)}
    return found | {f"{ours}.{end}": f"{theirs}.{end}" for ours, theirs in parts.items() for end in ("weight", "bias")}


def control_lora(model):
    names, found = ldm_names(model), {"lora_controlnet": torch.zeros(1)}
    noise, own = torch.Generator().manual_seed(6), model.unet.state_dict()
    for name, each in controlnet(model).items():
        if name not in own:
            found[names[name]] = each
        elif name.endswith("weight") and each.ndim > 1:
            module = names[name].removesuffix(".weight")
            found[f"{module}.up"] = torch.randn(len(each), 2, generator=noise) * 0.05
            found[f"{module}.down"] = torch.randn(2, each[0].numel(), generator=noise) * 0.05
    return found


def t2i_adapter(model):
    torch.manual_seed(1)
    widths = list(model.unet.config.block_out_channels)
    wide = len(widths) == 3
    kind = ("full_adapter_xl", 16, [*widths, widths[-1]]) if wide else ("full_adapter", 8, widths)
    return T2IAdapter(3, kind[2], 2, kind[1], kind[0]).state_dict()


def lllite(model):
    noise, found = torch.Generator().manual_seed(8), {}
    name, path = next(iter(projections(model).items()))
    width = model.unet.get_submodule(path).in_features
    shapes = {"conditioning1.0.weight": (8, 3, 4, 4), "conditioning1.2.weight": (8, 8, 4, 4), "down.0.weight": (6, width),
              "mid.0.weight": (6, 14), "up.0.weight": (width, 6)}
    for part, shape in shapes.items():
        found[f"lllite_unet_{name.replace('.', '_')}.{part}"] = torch.randn(shape, generator=noise) * 0.5
        found[f"lllite_unet_{name.replace('.', '_')}.{part.replace('weight', 'bias')}"] = torch.zeros(shape[0])
    return found


@pytest.mark.parametrize("kind", [controlnet, control_lora, t2i_adapter, lllite])
def test_a_file_with_a_hint_counts_for_its_rows_alone(model, tmp_path, kind):
    path = tmp_path / "control.safetensors"
    save_file({name: each.contiguous().clone() for name, each in kind(model).items()}, path)
    network = load_control_network(ModelFile(path, path.name, "controlnet"), model).to("cpu", model.unet.dtype)
    control = Control("c", HINT, (1.0,) * 13, levels=(1.0,) * 4)
    check_company(model, {"c": network}, row(model, **{CONTROL: Controls((control,))}))


def test_original_names_are_read_as_diffusers_own(model, tmp_path):
    names, tensors = ldm_names(model), controlnet(model)
    for file, named in (("own", tensors), ("ldm", {names[name]: each for name, each in tensors.items()})):
        save_file({name: each.contiguous().clone() for name, each in named.items()}, tmp_path / f"{file}.safetensors")
    one, other = (
        load_control_network(ModelFile(tmp_path / f"{file}.safetensors", file, "controlnet"), model).module.state_dict()
        for file in ("own", "ldm")
    )
    assert one.keys() == other.keys() and all(torch.equal(each, other[name]) for name, each in one.items())


# What needs no hint -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["base", "plus"])
def test_an_image_prompt_counts_for_its_rows_alone(model, tmp_path, kind):
    made_for = tables(model.unet, kind, width=model.unet.config.cross_attention_dim)
    adapter = load_control_network(save_adapter(tmp_path / "ip.safetensors", made_for), model)
    seen = torch.randn(*(() if kind == "base" else (5,)), SEEN, generator=torch.Generator().manual_seed(5))
    control = Control("i", adapter.tokens(seen), (1.0,) * 16)
    check_company(model, {"i": adapter}, row(model, **{CONTROL: Controls((control,))}))


@pytest.mark.parametrize("how", [{}, {"attention": False, "statistics": True}])
def test_a_reference_counts_for_its_rows_alone(model, how):
    picture = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(9))
    looked_at = replace(Reference(picture * 0.5, picture), **how)
    check_company(model, {}, row(model, **{REFERENCES: References((looked_at,))}))


def test_regions_count_for_their_rows_alone(model):
    shares = torch.zeros(2, 8, 8)
    shares[0, :, :4], shares[1, :, 4:] = 1, 1
    texts = RegionTexts((text_of(model, 11).text,), shares)
    check_company(model, {}, row(model, **{REGIONS: texts}))
