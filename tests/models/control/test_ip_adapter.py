"""IP-Adapters: files of every layout, computed as diffusers computes them; rows without stay the same to the bit."""

from __future__ import annotations

import copy

import pytest
import torch

from modules.base.errors import ModelMismatch, ModelUnsupported
from modules.models.control.control_file import load_control_network
from modules.models.control.ip_adapter import IpAdapter
from modules.params.image_prompts import WEIGHT_TYPES
from modules.sampling.control import CONTROL, Control, Controls
from tests.ip_adapters import SEEN, projection, save_adapter, tables

PATCHES = 5
KINDS = ("base", "full", "plus")


def seen(kind):
    noise = torch.Generator().manual_seed(5)
    return torch.randn(*(() if kind == "base" else (PATCHES,)), SEEN, generator=noise)


@pytest.mark.parametrize("layout", ["ip.safetensors", "ip.bin"])
@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_those_of_diffusers(tiny, tmp_path, kind, layout):
    adapter = load_control_network(save_adapter(tmp_path / layout, tables(tiny.unet, kind)), tiny)
    assert isinstance(adapter, IpAdapter) and adapter.reads_states == (kind != "base")
    assert adapter.encoder_width == SEEN
    theirs = tiny.unet._convert_ip_adapter_image_proj_to_diffusers(projection(kind), low_cpu_mem_usage=False)
    with torch.inference_mode():
        assert torch.allclose(adapter.tokens(seen(kind)), theirs(seen(kind)[None])[0], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_what_diffusers_own_processors_make_of_it(tiny, tmp_path, row, drawn, kind):
    adapter = load_control_network(save_adapter(tmp_path / "ip.safetensors", tables(tiny.unet, kind)), tiny)
    tokens = adapter.tokens(seen(kind))
    asked = row(**{CONTROL: Controls((Control("i", tokens, (0.7,) * 16),))})
    unet = copy.deepcopy(tiny.unet)
    processors = unet._convert_ip_adapter_attn_to_diffusers([tables(tiny.unet, kind)], low_cpu_mem_usage=False)
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
    adapter = load_control_network(save_adapter(tmp_path / "ip.safetensors", tables(tiny.unet, kind)), tiny)
    asked = row(**{CONTROL: Controls((Control("i", adapter.tokens(seen(kind)), (1.0,) * 16),))})
    alone, company = in_company({"i": adapter}, asked, row(seed=7, sigma=2.0))
    assert torch.allclose(alone, company, atol=1e-4)


def test_a_group_without_strength_and_a_region_without_cells_change_nothing(tiny, tmp_path, row, drawn):
    adapter = load_control_network(save_adapter(tmp_path / "ip.safetensors", tables(tiny.unet, "base")), tiny)
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
    adapter = load_control_network(save_adapter(tmp_path / "ip.safetensors", tables(tiny.unet, "base")), tiny)
    assert adapter.places == ("encoder",) * 6 + ("middle",) + ("decoder",) * 9


def test_one_of_instantid_is_declined_by_name(tiny, tmp_path):
    face = tables(tiny.unet, "plus", seen=512)      # the width of insightface's embeddings
    with pytest.raises(ModelUnsupported, match="InstantID"):
        load_control_network(save_adapter(tmp_path / "instant.bin", face), tiny)


def test_one_of_faceid_and_another_familys_and_a_damaged_one_are_refused_by_name(tiny, tmp_path):
    with pytest.raises(ModelUnsupported, match="FaceID"):
        load_control_network(save_adapter(tmp_path / "face.safetensors", tables(tiny.unet, "face")), tiny)
    wide = tables(tiny.unet, "base", width=32)
    with pytest.raises(ModelMismatch, match="does not fit tiny-sd1"):
        load_control_network(save_adapter(tmp_path / "wide.safetensors", wide), tiny)
    broken = tables(tiny.unet, "plus")
    del broken["image_proj"]["layers.1.0.to_kv.weight"]
    with pytest.raises(ModelMismatch, match="do not fit together"):
        load_control_network(save_adapter(tmp_path / "broken.bin", broken), tiny)


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
