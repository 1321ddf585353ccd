"""The networks against their papers' formulas, written out a second time here, and every layout of their names."""

from __future__ import annotations

import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch.nn.functional import conv2d, interpolate, leaky_relu, pad, pixel_shuffle, pixel_unshuffle, prelu

from modules.base.errors import ModelMismatch, ModelUnsupported
from modules.models.upscaling.architectures import build_upscaler
from tests.models.upscaling.networks import CPU, rrdb_state, srvgg_state


def net(state, dtype=torch.float32):
    return build_upscaler("some.pth", state, CPU, dtype)


def rrdb_by_hand(state, x):
    """Real-ESRGAN's names and formulas; pictures whose sides need no filling up."""
    def conv(name, x):
        return conv2d(
            x, state[f"{name}.weight"], state.get(f"{name}.bias"), padding=state[f"{name}.weight"].shape[-1] // 2
        )

    def dense(name, x):
        seen = [x]
        for number in range(1, 5):
            seen.append(leaky_relu(conv(f"{name}.conv{number}", torch.cat(seen, 1)), 0.2))
            if number == 2 and f"{name}.conv1x1.weight" in state:
                seen[2] = seen[2] + conv(f"{name}.conv1x1", x)
            if number == 4 and f"{name}.conv1x1.weight" in state:
                seen[4] = seen[4] + seen[2]
        return x + 0.2 * conv(f"{name}.conv5", torch.cat(seen, 1))

    first = x = conv("conv_first", pixel_unshuffle(x, int((state["conv_first.weight"].shape[1] / 3) ** 0.5)))
    for block in range(1 + max(int(name.split(".")[1]) for name in state if name.startswith("body."))):
        x = x + 0.2 * dense(f"body.{block}.rdb3", dense(f"body.{block}.rdb2", dense(f"body.{block}.rdb1", x)))
    x = first + conv("conv_body", x)
    for up in sorted(name[:-7] for name in state if re.fullmatch(r"conv_up\d\.weight", name)):
        x = leaky_relu(conv(up, interpolate(x, scale_factor=2)), 0.2)
    return conv("conv_last", leaky_relu(conv("conv_hr", x), 0.2))


@pytest.mark.parametrize(
    ("doublings", "unshuffle", "scale"), [(0, 1, 1), (1, 1, 2), (2, 1, 4), (3, 1, 8), (2, 2, 2), (2, 4, 1)]
)
def test_rrdb_is_its_formula_at_every_scale(doublings, unshuffle, scale):
    state = rrdb_state(doublings=doublings, unshuffle=unshuffle)
    x = torch.rand(1, 3, 12, 8)
    made = net(state)
    assert made.scale == scale
    assert torch.allclose(made.run(x), rrdb_by_hand(state, x), atol=1e-5)


def test_an_odd_picture_is_as_if_mirrored_to_multiples_of_four_and_cut(picture):
    state = rrdb_state(unshuffle=2)
    full = rrdb_by_hand(state, pad(picture, (0, 2, 0, 1), "reflect"))
    assert torch.allclose(net(state).run(picture), full[..., :22, :28], atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2)])
def test_a_picture_may_be_as_small_as_a_pixel(size):
    assert net(rrdb_state(unshuffle=4)).run(torch.rand(1, 3, *size)).shape == (1, 3, *size)
    assert net(srvgg_state()).run(torch.rand(1, 3, *size)).shape == (1, 3, 2 * size[0], 2 * size[1])


def first_layout(state):
    """ESRGAN's names as first published: places in one sequence."""
    blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("body."))
    ups = sum(name.startswith("conv_up") for name in state) // 2
    tail = {f"conv_up{number}": 3 * number for number in range(1, ups + 1)} | {
        "conv_hr": 3 * ups + 2,
        "conv_last": 3 * ups + 4,
    }
    places = {"conv_first": "model.0", "conv_body": f"model.1.sub.{blocks}"} | {
        name: f"model.{place}" for name, place in tail.items()
    }

    def new(name):
        layer, part = name.rsplit(".", 1)
        return f"{places.get(layer) or layer.replace('body', 'model.1.sub').replace('rdb', 'RDB') + '.0'}.{part}"

    return {new(name): tensor for name, tensor in state.items()}


def second_layout(state):
    """The names of ESRGAN's repository since 2019."""
    words = {"conv_body": "trunk_conv", "body.": "RRDB_trunk.", "rdb": "RDB", "conv_up": "upconv", "conv_hr": "HRconv"}

    def new(name):
        for ours, theirs in words.items():
            name = name.replace(ours, theirs)
        return name

    return {new(name): tensor for name, tensor in state.items()}


@pytest.mark.parametrize("layout", [first_layout, second_layout])
@pytest.mark.parametrize("doublings", [0, 1, 2, 3])
def test_names_do_not_change_the_picture(layout, doublings, picture):
    state = rrdb_state(doublings=doublings)
    assert torch.equal(net(layout(state)).run(picture), net(state).run(picture))


def test_esrgan_plus_adds_its_two_residuals(picture):
    state = rrdb_state(blocks=1)
    plain = net(state).run(picture)
    shortcuts = {f"body.0.rdb{dense}.conv1x1.weight": torch.randn(4, 8, 1, 1) for dense in (1, 2, 3)}
    state |= shortcuts
    published = first_layout({name: tensor for name, tensor in state.items() if name not in shortcuts})
    published |= {
        f"model.1.sub.0.RDB{dense}.conv1x1.weight": state[f"body.0.rdb{dense}.conv1x1.weight"] for dense in (1, 2, 3)
    }
    for result in (net(state).run(picture), net(published).run(picture)):
        assert torch.allclose(result, rrdb_by_hand(state, picture), atol=1e-5)
        assert not torch.allclose(result, plain, atol=1e-3)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_srvgg_is_its_formula(scale, picture):
    state = srvgg_state(scale=scale)
    x = picture
    for place in range(0, 7, 2):
        x = conv2d(x, state[f"body.{place}.weight"], state[f"body.{place}.bias"], padding=1)
        x = prelu(x, state[f"body.{place + 1}.weight"]) if place < 6 else x
    expected = pixel_shuffle(x, scale) + picture.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    made = net(state)
    assert made.scale == scale
    assert torch.allclose(made.run(picture), expected, atol=1e-5)


def test_weights_of_half_precision_run_in_the_precision_asked_for(picture):
    half = {name: tensor.half() for name, tensor in rrdb_state().items()}
    assert net(half).run(picture).dtype == torch.float32
    assert net(half, torch.bfloat16).run(picture.bfloat16()).dtype == torch.bfloat16


def without(state, name):
    return {key: tensor for key, tensor in state.items() if key != name}


@pytest.mark.parametrize("state", [
    without(rrdb_state(), "conv_hr.bias"),
    without(rrdb_state(), "conv_last.weight"),
    rrdb_state() | {"more.weight": torch.ones(1)},
    rrdb_state() | {"conv_first.weight": torch.ones(8)},
    rrdb_state() | {"conv_first.weight": torch.ones(8, 1, 3, 3)},                  # for grey pictures
    rrdb_state() | {"conv_first.weight": torch.ones(8, 3, 3, 3, dtype=torch.int64)},
    rrdb_state(doublings=0, unshuffle=2),                                          # would make pictures smaller
    rrdb_state() | {"body.9.rdb1.conv1.weight": torch.ones(4, 8, 3, 3)},
    {name.replace("body.1.rdb3.conv5", "body.1.rdb3.convx"): tensor for name, tensor in rrdb_state().items()},
    without(srvgg_state(), "body.6.bias"),
    srvgg_state() | {"body.x.weight": torch.ones(1)},
    srvgg_state() | {"body.6.weight": torch.ones(13, 8, 3, 3)},
    first_layout(rrdb_state()) | {"model.20.weight": torch.ones(8, 8, 3, 3)},
    without(first_layout(rrdb_state()), "model.8.weight"),
])
def test_weights_that_do_not_fit_are_refused_by_the_files_name(state):
    with pytest.raises(ModelMismatch, match=r"some\.pth"):
        net(state)


SWINIR = {"layers.0.residual_group.blocks.0.norm1.weight": torch.ones(3)}


def test_another_architecture_without_spandrel_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ModelUnsupported, match=r"some\.pth") as refused:
        net(SWINIR)
    assert "pip install spandrel" in refused.value.hint


class Described(SimpleNamespace):
    """As much of spandrel's ImageModelDescriptor as is used."""

    def to(self, device, dtype):
        return self

    def eval(self):
        return self

    def __call__(self, x):
        return interpolate(x, scale_factor=self.scale)


def fake_spandrel(monkeypatch, answer):
    spandrel = ModuleType("spandrel")
    spandrel.UnsupportedModelError = type("UnsupportedModelError", (Exception,), {})
    spandrel.ImageModelDescriptor = Described
    spandrel.ModelLoader = lambda: SimpleNamespace(load_from_state_dict=lambda state: answer(spandrel))
    monkeypatch.setitem(sys.modules, "spandrel", spandrel)


def test_another_architecture_runs_through_spandrel(monkeypatch, picture):
    fake_spandrel(monkeypatch, lambda _: Described(scale=3, input_channels=3, output_channels=3))
    made = net(SWINIR)
    assert made.scale == 3
    assert made.run(picture).shape == (1, 3, 33, 42)


def unknown(spandrel):
    raise spandrel.UnsupportedModelError


@pytest.mark.parametrize(
    "answer", [unknown, lambda _: "a mask model", lambda _: Described(scale=3, input_channels=1, output_channels=1)]
)
def test_what_spandrel_cannot_use_is_refused_by_the_files_name(monkeypatch, answer):
    fake_spandrel(monkeypatch, answer)
    with pytest.raises(ModelUnsupported, match=r"some\.pth"):
        net(SWINIR)
