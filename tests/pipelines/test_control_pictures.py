"""Units that see their picture itself: IP-Adapters and references in whole pictures."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.base.errors import ModelMismatch, ModelMissing
from modules.engine.messages import JobSpec
from modules.library.model_kinds import CLIP_VISION, CONTROLNET
from modules.models.device import Device, Placement
from modules.params.control import ControlUnit
from modules.params.txt2img import Txt2Img
from modules.prompts.tokenizer import load_tokenizer
from modules.requests.resolve import resolve_request
from modules.sampling.image_prompts import ReadPictures
from modules.sampling.weights import Weights
from modules.settings.options import Settings
from tests.golden_data import GOLDEN, assemble_models, golden_library, kept, with_folders
from tests.ip_adapters import save_adapter, tables
from tests.playing import made
from tests.worker.test_picture_embedding import small_encoder

pytestmark = pytest.mark.slow
STATES, EMBEDDING = 32, 16      # widths of the small encoder's


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A device with the golden models, IP-Adapters and a small image encoder."""
    folder = tmp_path_factory.mktemp("models")
    torch.set_num_threads(1)
    for name in ("checkpoints", "ControlNet", "clip_vision"):
        (folder / name).mkdir()
    found = golden_library(assemble_models(folder / "checkpoints"))
    device = Device(found, load_tokenizer(GOLDEN / "models/tiny-clip"), Placement.choose(cpu=True), lambda *_: None)
    unet = device.loaded(weights_of(device)).model.unet
    for kind, seen in (("base", EMBEDDING), ("plus", STATES), ("full", STATES)):
        save_adapter(folder / "ControlNet" / f"ip-adapter-{kind}.safetensors", tables(unet, kind, seen=seen))
    save_adapter(folder / "ControlNet/ip-adapter-huge.safetensors", tables(unet, "base", seen=1280))
    wide = device.loaded(weights_of(device, "tiny-xl")).model.unet
    for kind, seen in (("base", EMBEDDING), ("plus", STATES)):
        made_for = tables(wide, kind, width=wide.config.cross_attention_dim, seen=seen)
        save_adapter(folder / "ControlNet" / f"ip-adapter-{kind}-xl.safetensors", made_for)
    state = {name: each.contiguous() for name, each in small_encoder().state_dict().items()}
    save_file(state, folder / "clip_vision/small.safetensors")
    for kind, place in ((CONTROLNET, "ControlNet"), (CLIP_VISION, "clip_vision")):
        found = with_folders(found, kind, folder / place)
    return Device(found, load_tokenizer(GOLDEN / "models/tiny-clip"), Placement.choose(cpu=True), lambda *_: None)


def weights_of(device, name="tiny-sd1"):
    [file] = [file for file in device.library.checkpoints.list() if file.model_name == name]
    return Weights(device.library.checkpoints.hashed(file).sha256)


def picture(name):
    return kept(f"@inputs/{name}.png")


def prompted(kind="base", **fields):
    fields = {"image": picture("cn_shapes"), "module": "ip-adapter-auto", "model": f"ip-adapter-{kind}", **fields}
    return ControlUnit(**fields)


def drawn(machine, *units, checkpoint="tiny-sd1", **fields):
    request = Txt2Img(prompt="a red circle", steps=3, width=64, height=64, seed=5, control=units, **fields)
    params = asdict(resolve_request(request))
    settings = asdict(replace(Settings(), sd_model_checkpoint=checkpoint))
    pictures, plan = made(machine, JobSpec("j", "test", "txt2img", params, settings))
    return [each.pixels.astype(int) for each in pictures], plan.infotext(0, pictures[0].extra_params)


def apart(one, other):
    return np.abs(one - other).max()


@pytest.mark.parametrize("kind", ["base", "plus", "full"])
def test_a_picture_is_a_prompt_and_its_unit_is_in_the_generation_data(machine, kind):
    [plain], _ = drawn(machine)
    [found], text = drawn(machine, prompted(kind, weight=0.9, weight_type="style transfer"))
    assert apart(found, plain) > 2
    assert f'Module: ip-adapter-auto, Model: ip-adapter-{kind}, Weight: 0.9' in text
    assert "Weight Type: style transfer" in text
    [none], _ = drawn(machine, prompted(kind, weight=0.0))
    assert apart(none, plain) <= 1


def test_several_pictures_are_averaged_whatever_their_order(machine):
    first, second = picture("cn_shapes"), picture("init_a")
    [one], _ = drawn(machine, prompted(image=first, more_images=(second,)))
    [other], text = drawn(machine, prompted(image=second, more_images=(first,)))
    [alone], _ = drawn(machine, prompted(image=first))
    assert apart(one, other) <= 1 < apart(one, alone)
    assert f"More Images: {first[:12]}" in text


def test_tokens_of_a_picture_are_read_once(machine):
    networks = machine.control_networks
    networks._prompts.clear()
    drawn(machine, prompted(), batch_size=2)
    drawn(machine, prompted(), unit_that_is_off())
    assert len(networks._prompts) == 1


def test_what_a_kept_encoder_and_a_known_answer_give_is_not_read_from_files(machine, monkeypatch):
    networks, weights = machine.control_networks, weights_of(machine)
    networks._prompts.clear()
    file = machine.library.of("controlnet").hashed(machine.library.of("controlnet").find("ip-adapter-base"))
    asked = []

    def images():
        asked.append(None)
        return [Image.new("RGB", (40, 30), "red")]

    [first] = machine.answer([ReadPictures(weights, file.sha256, images, ("one",))])
    monkeypatch.setattr("modules.models.control.networks.encoder_of", None)
    for name in ("one", "two"):
        [found] = machine.answer([ReadPictures(weights, file.sha256, images, (name,))])
        assert torch.equal(found.tokens, first.tokens)
    assert len(asked) == 2


def test_beyond_the_limit_encoders_go_before_adapters(machine, monkeypatch):
    networks = machine.control_networks
    drawn(machine, prompted())
    monkeypatch.setattr(networks, "kept", networks._size - 1)
    drawn(machine, prompted(image=picture("init_b")))
    assert not networks._encoders and networks._loaded


def unit_that_is_off():
    return ControlUnit(enabled=False)


@pytest.mark.parametrize("unit", [
    prompted, lambda: ControlUnit(image=picture("init_a"), module="reference_only"),
    lambda: ControlUnit(image=picture("init_a"), module="reference_adain+attn", threshold_a=0.3),
])
def test_a_picture_alone_and_in_a_batch_are_within_one_level(machine, unit):
    together, _ = drawn(machine, unit(), batch_size=3)
    [alone], _ = drawn(machine, unit())
    assert apart(together[0], alone) <= 1


def test_an_end_before_the_first_step_leaves_the_later_steps_alone(machine):
    [early], _ = drawn(machine, prompted(guidance_end=0.0))
    [whole], _ = drawn(machine, prompted())
    [plain], _ = drawn(machine)
    assert apart(early, whole) > 0 and apart(early, plain) > 0


@pytest.mark.parametrize("kind", ["reference_only", "reference_adain", "reference_adain+attn"])
def test_a_reference_needs_no_model(machine, kind):
    [plain], _ = drawn(machine)
    [found], text = drawn(machine, ControlUnit(image=picture("init_a"), module=kind))
    assert apart(found, plain) > 0 and f"Module: {kind}, Model: None" in text


def test_what_is_missing_and_what_does_not_belong_together_is_told(machine):
    with pytest.raises(ModelMissing, match="1280 wide") as missing:
        drawn(machine, prompted("huge"))
    assert "CLIP-ViT-bigG-14-laion2B-39B-b160k.safetensors" in missing.value.hint
    with pytest.raises(ModelMismatch, match="is an IP-Adapter"):
        drawn(machine, prompted(module="none"))


@pytest.mark.parametrize("unit", [
    lambda: prompted("base-xl", weight_type="composition"), lambda: prompted("plus-xl"),
    lambda: ControlUnit(image=picture("init_a"), module="reference_adain+attn"),
])
def test_sdxl_is_controlled_alone_as_in_a_batch(machine, unit):
    [plain], _ = drawn(machine, checkpoint="tiny-xl")
    [alone], _ = drawn(machine, unit(), checkpoint="tiny-xl")
    together, _ = drawn(machine, unit(), checkpoint="tiny-xl", batch_size=2)
    assert apart(alone, plain) > 0 and apart(together[0], alone) <= 1


def test_an_adapter_for_another_family_is_refused_by_name(machine):
    with pytest.raises(ModelMismatch, match=r"ip-adapter-base\.safetensors does not fit tiny-xl"):
        drawn(machine, prompted("base"), checkpoint="tiny-xl")
