"""Regional prompts: their shares of a picture, and what they do to rows of a UNet call."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from PIL import Image

from modules.base.errors import ModelUnsupported
from modules.engine.messages import JobSpec
from modules.library.catalog import ModelFile
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.control.row_attention import RowAttention
from modules.models.unet import predict_batch, unpatched
from modules.params.regions import Region
from modules.params.txt2img import Txt2Img
from modules.pipelines.regions import region_shares
from modules.sampling.questions import Cond, Predict
from modules.sampling.regions import OWN_NETWORKS, REGIONS, OwnNetworks, RegionTexts
from modules.sampling.weights import NetworkUse, Weights
from modules.settings.options import Settings
from tests.golden_data import GOLDEN
from tests.playing import made

LEFT, RIGHT = Region(prompt="a", right=0.5), Region(prompt="b", left=0.5)


def unread(name):
    raise AssertionError(name)


def test_shares_sum_to_one_and_the_base_rules_where_nothing_else_does():
    shares = region_shares([LEFT, Region(left=0.25, right=0.5, weight=3)], 0.2, (4, 8), unread)
    assert torch.allclose(shares.sum(0), torch.ones(4, 8))
    assert shares[0, 0].tolist() == pytest.approx([0.2] * 4 + [1.0] * 4)
    assert shares[1, 0].tolist() == pytest.approx([0.8] * 2 + [0.2] * 2 + [0.0] * 4)


def test_a_rectangle_covers_cells_in_part_and_a_feather_softens_it():
    shares = region_shares([Region(right=0.3125)], 0.0, (8, 8), unread)
    assert shares[1, 0].tolist() == pytest.approx([1, 1, 0.5, 0, 0, 0, 0, 0])
    soft = region_shares([Region(right=0.5, feather=0.25)], 0.0, (8, 8), unread)[1, 0]
    assert (soft.diff() < 1e-6).all() and 0.5 < soft[3] < 1 and 0 < soft[4] < 0.5


def test_a_mask_is_where_it_is_white():
    mask = Image.new("L", (16, 16))
    mask.paste(255, (0, 0, 16, 8))
    shares = region_shares([Region(mask="m")], 0.0, (4, 4), {"m": mask}.__getitem__)
    assert shares[1, :, 0].tolist() == [1, 1, 0, 0]


@pytest.fixture(scope="module")
def model():
    path = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"
    loaded = load_checkpoint(ModelFile(path, path.name, "checkpoint"))
    loaded.to(torch.device("cpu"), unet=torch.float32, vae=torch.float32, text=torch.float32)
    return loaded


def answers(model, *conds):
    torch.manual_seed(3)
    asks = [Predict(Weights("a"), torch.randn(4, 8, 12), 5.0, 600.0, (cond,), 0) for cond in conds]
    attending = RowAttention(model.unet).with_networks({}, unpatched)
    with torch.inference_mode():
        return [answer for [answer] in predict_batch(model, asks, attending=attending)]


@pytest.mark.slow
def test_rows_without_regions_are_the_same_to_the_bit_and_uniform_shares_are_one_text(model):
    width = model.unet.config.cross_attention_dim
    first, second, third = torch.randn(3, 77, width, generator=torch.Generator().manual_seed(1))
    whole = torch.zeros(3, 8, 12)
    whole[1] = 1.0
    halves = torch.zeros(3, 8, 12)
    halves[1, :, :6], halves[2, :, 6:] = 1.0, 1.0
    regional = [Cond(first, extras={REGIONS: RegionTexts((second, third), shares)}) for shares in (whole, halves)]
    plain = answers(model, Cond(first), Cond(second), Cond(third))
    mixed = answers(model, Cond(first), regional[0], Cond(third))
    assert torch.equal(mixed[0], plain[0]) and torch.equal(mixed[2], plain[2])
    assert torch.allclose(mixed[1], plain[1], atol=1e-5)      # its second text rules everywhere
    both = answers(model, Cond(first), regional[1], Cond(third))
    assert not torch.allclose(both[1], plain[1], atol=1e-3)
    left, right = (both[1] - plain[1]).abs()[:, :, :3].mean(), (both[1] - plain[1]).abs()[:, :, 9:].mean()
    assert left < right      # it is nearer to its text on its side


def job(**fields):
    params = {"prompt": "a red circle", "seed": 3, "steps": 3, "width": 96, "height": 64, "sampler_name": "Euler", **fields}
    return JobSpec("j", "me", "txt2img", asdict(Txt2Img(**params)), asdict(Settings(sd_model_checkpoint="tiny-sd1")))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["Attention", "Latent"])
def test_each_region_follows_its_prompt(device, mode):
    regions = (replace(LEFT, prompt="a blue square"), replace(RIGHT, prompt="a red circle"))
    [mixed], plan = made(device, job(regions=regions, region_mode=mode, region_base=0.0))
    [alike], _ = made(device, job(regions=(Region(prompt="a blue square"),), region_mode=mode, region_base=0.0))
    [blue], _ = made(device, job(prompt="a blue square"))
    [plain], _ = made(device, job())
    assert np.abs(alike.pixels.astype(int) - blue.pixels).max() <= 1      # one region that is all of the picture
    left, right = mixed.pixels[:, :32].astype(int), mixed.pixels[:, 64:].astype(int)
    assert np.abs(left - blue.pixels[:, :32]).mean() < np.abs(left - plain.pixels[:, :32]).mean()
    assert np.abs(right - plain.pixels[:, 64:]).mean() < np.abs(right - blue.pixels[:, 64:]).mean()
    assert "Region mode: " + mode in plan.infotext(0, {})


# LoRAs of regions -------------------------------------------------------------------------------------


def lora_of(device, name):
    return (NetworkUse(device.library.loras.hashed(device.library.lora(name)).sha256),)


def asked_of(device, weights, cond):
    with torch.inference_mode():
        [[answer]] = device.answer([Predict(weights, torch.randn(4, 8, 12, generator=seeded(3)), 5.0, 600.0, (cond,), 0)])
    return answer


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lora_linear", "locon"])
def test_a_region_that_is_all_of_the_picture_has_its_lora_as_the_picture_would(device, name):
    [file] = [file for file in device.library.checkpoints.list() if file.model_name == "tiny-sd1"]
    weights = Weights(device.library.checkpoints.hashed(file).sha256)
    own, text = lora_of(device, name), torch.randn(77, 64, generator=seeded(4))
    whole = torch.cat([torch.zeros(1, 8, 12), torch.ones(1, 8, 12)])
    merged = asked_of(device, replace(weights, networks=own), Cond(text))
    row = asked_of(device, weights, Cond(text, extras={OWN_NETWORKS: OwnNetworks(own)}))
    region = asked_of(device, weights, Cond(text, extras={REGIONS: RegionTexts((text,), whole, (own,))}))
    plain = asked_of(device, weights, Cond(text))
    assert torch.allclose(row, merged, atol=1e-4)
    assert (region - merged).abs().max() < 0.35 * (plain - merged).abs().max()      # time's projections have none
    if name == "lora_linear":
        assert torch.allclose(region, merged, atol=1e-4)
    nowhere = asked_of(device, weights, Cond(text, extras={REGIONS: RegionTexts((text,), whole.flip(0), (own,))}))
    assert torch.allclose(nowhere, plain, atol=1e-4)
    both = asked_of(
        device, replace(weights, networks=own), Cond(text, extras={REGIONS: RegionTexts((text,), whole.flip(0), (own,))})
    )
    assert torch.allclose(both, merged, atol=1e-4)      # the picture's own is not counted twice


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["Attention", "Latent"])
def test_each_regions_lora_changes_its_side(device, mode):
    lora = "a blue square <lora:lora_linear:1>"
    plain, named = (replace(LEFT, prompt=prompt) for prompt in ("a blue square", lora))
    other = replace(RIGHT, prompt="a red circle")

    def drawn(first):
        [found], plan = made(device, job(regions=(first, other), region_mode=mode, region_base=0.0))
        return found.pixels.astype(int), plan.infotext(0, found.extra_params)

    (without, _), (with_lora, text) = drawn(plain), drawn(named)
    left, right = (np.abs(with_lora - without)[:, side].mean() for side in (slice(0, 40), slice(56, 96)))
    assert left > right and "Lora hashes: \"lora_linear: " in text


@pytest.mark.slow
def test_a_kind_that_no_region_can_have_is_refused_in_words(device):
    with pytest.raises(ModelUnsupported, match="A region's LoRA"):
        made(device, job(regions=(replace(LEFT, prompt="a <lora:loha:1>"),)))
