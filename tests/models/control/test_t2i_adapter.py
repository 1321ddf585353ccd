"""T2I-Adapters: files of every layout, computed as diffusers computes them, and what they add to rows of a UNet call."""

from __future__ import annotations

import re

import pytest
import torch
from diffusers import T2IAdapter
from safetensors.torch import save_file

from modules.base.errors import ModelMismatch
from modules.library.catalog import ModelFile
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.control.control_file import load_control_network
from modules.models.control.residuals import with_residuals
from modules.models.control.t2i_adapter import T2iAdapter
from modules.models.unet import predict_batch
from modules.params.control import ControlUnit
from modules.sampling.control import CONTROL, Control, Controls
from modules.sampling.questions import Cond, Predict
from modules.sampling.weights import Weights
from tests.golden_data import GOLDEN

WIDTHS = [32, 32, 64, 64]
KINDS = {"full_adapter": 8, "full_adapter_xl": 16, "light_adapter": 8}


@pytest.fixture(scope="module")
def model():
    path = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"
    loaded = load_checkpoint(ModelFile(path, path.name, "checkpoint"))
    loaded.to(torch.device("cpu"), unet=torch.float32, vae=torch.float32, text=torch.float32)
    return loaded


def adapter_of(kind, channels=3, widths=WIDTHS):
    torch.manual_seed(1)
    own = widths[:-1] if kind == "light_adapter" else widths      # its last level repeats the widest
    return T2IAdapter(channels, own, 2, KINDS[kind], kind).eval()


def original(tensors):
    """The tensors as TencentARC's files name them."""
    named = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("adapter.")
        if "adapter.conv_in.weight" in tensors:
            name = re.sub(r"body\.(\d)\.in_conv", lambda m: f"body.{2 * int(m[1])}.in_conv", name)
            name = re.sub(r"body\.(\d)\.resnets\.(\d)", lambda m: f"body.{2 * int(m[1]) + int(m[2])}", name)
        else:
            name = name.replace(".resnets.", ".body.")
        named[name] = tensor
    return named


def saved(tmp_path, tensors):
    path = tmp_path / "adapter.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return ModelFile(path, path.name, "control")


@pytest.mark.parametrize("layout", [dict, original])
@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_diffusers(model, tmp_path, kind, layout):
    theirs = adapter_of(kind)
    ours = load_control_network(saved(tmp_path, layout(theirs.state_dict())), model)
    hint = torch.rand(3, 80, 112)
    with torch.inference_mode():
        expected = theirs(hint[None])
        found = ours.features(hint)
    assert len(found) == len(expected) == 4
    assert all(torch.allclose(one, other[0], atol=1e-6) for one, other in zip(found, expected, strict=True))
    assert ours.features(hint) is found      # they are the same at every step


def test_an_adapter_of_grey_hints_sees_one_channel(model, tmp_path):
    theirs = adapter_of("full_adapter", channels=1)
    ours = load_control_network(saved(tmp_path, theirs.state_dict()), model)
    hint = torch.rand(1, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(ours.features(hint.repeat(3, 1, 1))[0], theirs(hint[None])[0][0], atol=1e-6)


def test_another_familys_and_a_damaged_one_are_refused_by_name(model, tmp_path):
    with pytest.raises(ModelMismatch, match=r"adapter\.safetensors does not fit tiny-sd1"):
        load_control_network(saved(tmp_path, adapter_of("full_adapter", widths=[64, 64, 64, 64]).state_dict()), model)
    broken = adapter_of("full_adapter").state_dict() | {"adapter.conv_in.weight": torch.zeros(32, 7, 3, 3)}
    with pytest.raises(ModelMismatch, match="do not fit together"):
        load_control_network(saved(tmp_path, broken), model)


def question(*controls):
    torch.manual_seed(2)
    extras = {CONTROL: Controls(controls)} if controls else {}
    return Predict(Weights("w"), torch.randn(4, 8, 8), 5.0, 500.0, (Cond(torch.randn(77, 64), extras=extras),), 0)


def drawn(model, network, *questions):
    with torch.inference_mode():
        return [answer for [answer] in predict_batch(
            model, questions, control=lambda call, rows: with_residuals({"c": network}, call, rows)
        )]


def test_rows_follow_their_hints_and_others_stay_the_same_to_the_bit(model, tmp_path):
    network = load_control_network(saved(tmp_path, adapter_of("full_adapter").state_dict()), model)
    assert isinstance(network, T2iAdapter)
    hint = torch.rand(3, 64, 64)
    strong, off = (Control("c", hint, (), levels=(strength,) * 4) for strength in (1.0, 0.0))
    plain, controlled, without = drawn(model, network, question(), question(strong), question(off))
    with torch.inference_mode():
        [[bare]] = predict_batch(model, [question()])
        residuals = [each[None] for each in network.features(hint)]
        asked = question()
        seen = asked.x[None] * model.parametrization.input_scale(asked.sigma)
        out = model.unet(
            seen, torch.tensor([500.0]), asked.conds[0].text[None], down_intrablock_additional_residuals=residuals
        )[0]
        expected = model.parametrization.clean(asked.x[None], out, torch.tensor(5.0).view(1, 1, 1, 1), torch.tensor(1.0))
    assert torch.allclose(plain, bare, atol=2e-6) and torch.equal(plain, without)
    assert not torch.allclose(controlled, plain, atol=1e-3)
    assert torch.allclose(controlled, expected[0], atol=1e-4)


def test_modes_soften_the_finer_levels():
    assert ControlUnit(weight=2.0).level_strengths() == (2.0,) * 4
    soft = ControlUnit(weight=2.0, control_mode="My prompt is more important").level_strengths()
    assert soft == pytest.approx((0.5, 1.24, 1.65, 2.0))
