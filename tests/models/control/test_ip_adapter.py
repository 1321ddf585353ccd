"""IP-Adapters: files of every layout, computed as diffusers computes them; rows without stay the same to the bit."""

from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import save_file

from modules.base.errors import ModelMismatch, ModelUnsupported
from modules.library.catalog import ModelFile
from modules.models.control.control_file import load_control_network
from modules.models.control.ip_adapter import IpAdapter, cross_attention
from modules.params.image_prompts import WEIGHT_TYPES
from modules.sampling.control import CONTROL, Control, Controls

WIDTH, SEEN, PATCHES = 64, 48, 5      # of the tiny checkpoint's texts; of an encoder's output
KINDS = ("base", "full", "plus")


def projection(kind):
    noise = torch.Generator().manual_seed(3)

    def some(*shape):
        return torch.randn(shape, generator=noise) * 0.2

    if kind == "base":
        return {"proj.weight": some(4 * WIDTH, SEEN), "proj.bias": some(4 * WIDTH), "norm.weight": 1 + some(WIDTH),
                "norm.bias": some(WIDTH)}
    if kind == "full":
        return {"proj.0.weight": some(SEEN, SEEN), "proj.0.bias": some(SEEN), "proj.2.weight": some(WIDTH, SEEN),
                "proj.2.bias": some(WIDTH), "proj.3.weight": 1 + some(WIDTH), "proj.3.bias": some(WIDTH)}
    if kind == "face":
        return {"proj.0.weight": some(9, 9), "proj.0.bias": some(9), "proj.2.weight": some(9, 9), "norm.weight": some(9)}
    inner, layers = 128, {}
    for place in range(4):
        layers |= {
            f"{place}.0.norm1.weight": 1 + some(inner), f"{place}.0.norm1.bias": some(inner),
            f"{place}.0.norm2.weight": 1 + some(inner), f"{place}.0.norm2.bias": some(inner),
            f"{place}.0.to_q.weight": some(inner, inner), f"{place}.0.to_kv.weight": some(2 * inner, inner),
            f"{place}.0.to_out.weight": some(inner, inner), f"{place}.1.0.weight": 1 + some(inner),
            f"{place}.1.0.bias": some(inner), f"{place}.1.1.weight": some(4 * inner, inner),
            f"{place}.1.3.weight": some(inner, 4 * inner),
        }
    return {
        "latents": some(1, 6, inner), "proj_in.weight": some(inner, SEEN), "proj_in.bias": some(inner),
        "proj_out.weight": some(WIDTH, inner), "proj_out.bias": some(WIDTH), "norm_out.weight": 1 + some(WIDTH),
        "norm_out.bias": some(WIDTH), **{f"layers.{name}": each for name, each in layers.items()},
    }


def tables(tiny, kind, width=WIDTH):
    noise, attention = torch.Generator().manual_seed(4), {}
    for place, layer in enumerate(cross_attention(tiny.unet)[0]):
        for part in "kv":
            attention[f"{2 * place + 1}.to_{part}_ip.weight"] = torch.randn(
                layer.to_k.out_features, width, generator=noise
            ) * 0.3
    return {"image_proj": projection(kind), "ip_adapter": attention}


def flat(tables):
    return {f"{table}.{name}": each for table, own in tables.items() for name, each in own.items()}


def saved(path, tensors):
    if path.suffix == ".bin":
        torch.save(tensors, path)
    else:
        save_file(flat(tensors), path)
    return ModelFile(path, path.name, "controlnet")


def seen(kind):
    noise = torch.Generator().manual_seed(5)
    return torch.randn(*(() if kind == "base" else (PATCHES,)), SEEN, generator=noise)


@pytest.mark.parametrize("layout", ["ip.safetensors", "ip.bin"])
@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_those_of_diffusers(tiny, tmp_path, kind, layout):
    adapter = load_control_network(saved(tmp_path / layout, tables(tiny, kind)), tiny)
    assert isinstance(adapter, IpAdapter) and adapter.reads_states == (kind != "base")
    assert adapter.encoder_width == SEEN
    theirs = tiny.unet._convert_ip_adapter_image_proj_to_diffusers(projection(kind), low_cpu_mem_usage=False)
    with torch.inference_mode():
        assert torch.allclose(adapter.tokens(seen(kind)), theirs(seen(kind)[None])[0], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_what_diffusers_own_processors_make_of_it(tiny, tmp_path, row, drawn, kind):
    adapter = load_control_network(saved(tmp_path / "ip.safetensors", tables(tiny, kind)), tiny)
    tokens = adapter.tokens(seen(kind))
    asked = row(**{CONTROL: Controls((Control("i", tokens, (0.7,) * 16),))})
    unet = copy.deepcopy(tiny.unet)
    processors = unet._convert_ip_adapter_attn_to_diffusers([tables(tiny, kind)], low_cpu_mem_usage=False)
    for each in processors.values():
        if hasattr(each, "scale"):
            each.scale = [0.7]
    unet.set_attn_processor(processors)
    with torch.inference_mode():
        scaled = asked.x[None] * tiny.parametrization.input_scale(asked.sigma)
        out = unet(scaled, torch.tensor([500.0]), (asked.conds[0].text[None], [tokens[None, None]]))[0]
        expected = tiny.parametrization.clean(asked.x[None], out, torch.tensor(5.0).view(1, 1, 1, 1), torch.tensor(1.0))
    [found] = drawn({"i": adapter}, asked)
    assert torch.allclose(found, expected[0], atol=1e-4)
    assert not torch.allclose(found, drawn({}, row())[0], atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_stay_the_same_to_the_bit_and_those_with_are_the_same_in_company(
    tiny, tmp_path, row, in_company, kind
):
    adapter = load_control_network(saved(tmp_path / "ip.safetensors", tables(tiny, kind)), tiny)
    asked = row(**{CONTROL: Controls((Control("i", adapter.tokens(seen(kind)), (1.0,) * 16),))})
    alone, company = in_company({"i": adapter}, asked, row(seed=7, sigma=2.0))
    assert torch.allclose(alone, company, atol=1e-4)


def test_a_group_without_strength_and_a_region_without_cells_change_nothing(tiny, tmp_path, row, drawn):
    adapter = load_control_network(saved(tmp_path / "ip.safetensors", tables(tiny, "base")), tiny)
    tokens = adapter.tokens(seen("base"))

    def prompted(strengths, region=None):
        return row(**{CONTROL: Controls((Control("i", tokens, strengths, region),))})

    none, nowhere, everywhere, whole = drawn(
        {"i": adapter}, prompted((0.0,) * 16), prompted((1.0,) * 16, torch.zeros(64, 64)),
        prompted((1.0,) * 16, torch.ones(64, 64)), prompted((1.0,) * 16),
    )
    plain = drawn({}, row(), row(), row(), row())
    assert torch.equal(none, plain[0]) and torch.allclose(nowhere, plain[1], atol=1e-5)
    assert torch.allclose(everywhere, whole, atol=1e-5)


def test_groups_are_counted_from_the_encoder_through_the_middle_to_the_decoder(tiny, tmp_path):
    adapter = load_control_network(saved(tmp_path / "ip.safetensors", tables(tiny, "base")), tiny)
    assert adapter.places == ("encoder",) * 6 + ("middle",) + ("decoder",) * 9


def test_one_of_faceid_and_another_familys_and_a_damaged_one_are_refused_by_name(tiny, tmp_path):
    with pytest.raises(ModelUnsupported, match="FaceID"):
        load_control_network(saved(tmp_path / "face.safetensors", tables(tiny, "face")), tiny)
    wide = tables(tiny, "base", width=32)
    with pytest.raises(ModelMismatch, match="does not fit tiny-sd1"):
        load_control_network(saved(tmp_path / "wide.safetensors", wide), tiny)
    broken = tables(tiny, "plus")
    del broken["image_proj"]["layers.1.0.to_kv.weight"]
    with pytest.raises(ModelMismatch, match="do not fit together"):
        load_control_network(saved(tmp_path / "broken.bin", broken), tiny)


def test_weight_types_name_the_groups_that_count():
    places = ("encoder",) * 4 + ("middle",) + ("decoder",) * 6      # SDXL's
    factors = {name: weigh(places) for name, weigh in WEIGHT_TYPES.items()}
    assert factors["normal"] == [1.0] * 11
    assert [place for place, factor in enumerate(factors["style transfer"]) if factor] == [6]
    assert [place for place, factor in enumerate(factors["composition"]) if factor] == [3]
    assert [place for place, factor in enumerate(factors["strong style transfer"]) if not factor] == [3]
    assert factors["weak input"] == [0.2] * 4 + [1.0] * 7 and factors["weak middle"][4] == 0.2
    assert factors["ease in"] == sorted(factors["ease in"], reverse=True)
    assert factors["ease out"] == sorted(factors["ease out"])
