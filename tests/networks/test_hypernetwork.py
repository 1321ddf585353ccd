"""Hypernetworks: files as A1111 trains them, against the same arithmetic written out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from modules.base.errors import ModelCorrupt, ModelUnsupported
from modules.networks.hypernetwork import ACTIVATIONS, MLP, AffineLayer, Hypernetwork, apply_in_turn

FOLDER = Path(__file__).parents[1] / "golden" / "models" / "hypernetworks"
FILES = sorted(FOLDER.glob("*.pt"))


def content(name: str) -> dict:
    return torch.load(FOLDER / f"{name}.pt", map_location="cpu", weights_only=True)


def hypernetwork(name: str) -> Hypernetwork:
    return Hypernetwork.read(f"{name}.pt", content(name))


def context(width: int) -> Tensor:
    return torch.randn(2, 7, width, generator=torch.Generator().manual_seed(width))


def affine(x: Tensor, state: dict[str, Tensor], number: int) -> Tensor:
    return x @ state[f"linear.{number}.weight"].T + state[f"linear.{number}.bias"]


def normed(x: Tensor, state: dict[str, Tensor], number: int) -> Tensor:
    spread = (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    return (x - x.mean(-1, keepdim=True)) / spread * state[f"linear.{number}.weight"] + state[f"linear.{number}.bias"]


def hard_swish(x: Tensor) -> Tensor:
    return x * (x + 3).clamp(0, 6) / 6


def swish_normed(x: Tensor, state: dict[str, Tensor]) -> Tensor:
    x = normed(hard_swish(affine(x, state, 0)), state, 2)
    x = normed(hard_swish(affine(x, state, 3)), state, 5)
    return normed(affine(x, state, 6), state, 7)


def leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.01 * x)


FORMULAS = {
    "hn_11_actout": lambda x, state: affine(x, state, 0).tanh(),
    "hn_121_linear": lambda x, state: affine(affine(x, state, 0), state, 1),
    "hn_121_relu": lambda x, state: affine(affine(x, state, 0).clamp(min=0), state, 2),
    "hn_1221_swish_ln": swish_normed,
    "hn_context_only": lambda x, state: affine((h := affine(x, state, 0)) * (1 + h.exp()).log().tanh(), state, 2),
    "hn_drop": lambda x, state: affine(leaky(affine(leaky(affine(x, state, 0)), state, 3)), state, 5),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_keys_and_values_are_as_the_formula_says(name):
    states = {width: pair for width, pair in content(name).items() if isinstance(width, int)}
    for width, (for_k, for_v) in states.items():
        x = context(width)
        k, v = hypernetwork(name).apply(x, 0.7)
        assert torch.allclose(k, x + 0.7 * FORMULAS[name](x, for_k), atol=1e-5)
        assert torch.allclose(v, x + 0.7 * FORMULAS[name](x, for_v), atol=1e-5)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_is_known_by_its_name_and_changes_something(path):
    found = hypernetwork(path.stem)
    assert (found.name, found.step) == (path.stem, 100)
    for width in found.mlps:
        k, v = found.apply(context(width), 1.0)
        assert k.shape == v.shape == context(width).shape
        assert not torch.equal(k, context(width)) and not torch.equal(k, v)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_strength_nought_changes_nothing(path):
    x = context(64)
    k, v = hypernetwork(path.stem).apply(x, 0.0)
    assert torch.equal(k, x) and torch.equal(v, x)


def test_a_width_that_the_file_lacks_passes():
    x = context(32)
    k, v = hypernetwork("hn_context_only").apply(x, 1.0)
    assert k is x and v is x


def test_several_work_on_what_the_one_before_made():
    first, second, x = hypernetwork("hn_121_relu"), hypernetwork("hn_1221_swish_ln"), context(64)
    k, v = apply_in_turn([(first, 0.5), (second, 0.7)], x)
    once = first.apply(x, 0.5)
    assert torch.equal(k, second.apply(once[0], 0.7)[0])
    assert torch.equal(v, second.apply(once[1], 0.7)[1])
    assert not torch.allclose(k, apply_in_turn([(second, 0.7), (first, 0.5)], x)[0], atol=1e-6)


def test_none_at_all_leaves_the_context():
    x = context(8)
    assert all(part is x for part in apply_in_turn([], x))


def test_old_files_count_their_layers_from_one():
    """`linear1` and `linear2`, and not a word about activation: there was none."""
    new = content("hn_121_linear")
    renamed = {"linear.0": "linear1", "linear.1": "linear2"}
    old = {64: tuple({renamed[key[:8]] + key[8:]: value for key, value in state.items()} for state in new[64])}
    x = context(64)
    expected = Hypernetwork.read("new.pt", new).apply(x, 1.0)
    assert all(torch.equal(a, b) for a, b in zip(Hypernetwork.read("old.pt", old).apply(x, 1.0), expected, strict=True))


def test_a_file_that_does_not_say_activates_its_output():
    """Hypernetworks were trained so before there was a choice."""
    told = content("hn_11_actout")
    silent = {key: value for key, value in told.items() if key != "activate_output"}
    x = context(64)
    assert torch.equal(
        Hypernetwork.read("a.pt", told).apply(x, 1.0)[0], Hypernetwork.read("b.pt", silent).apply(x, 1.0)[0]
    )


def test_layers_are_in_the_order_of_their_numbers_not_of_the_file():
    shuffled = content("hn_1221_swish_ln")
    shuffled[64] = tuple(dict(reversed(state.items())) for state in shuffled[64])
    x = context(64)
    assert torch.equal(
        Hypernetwork.read("a.pt", shuffled).apply(x, 1.0)[0], hypernetwork("hn_1221_swish_ln").apply(x, 1.0)[0]
    )


def test_it_computes_as_the_model_does():
    found = hypernetwork("hn_121_relu").to("cpu", torch.bfloat16)
    k, v = found.apply(context(64).bfloat16(), 1.0)
    assert k.dtype == v.dtype == torch.bfloat16
    assert torch.allclose(k.float(), hypernetwork("hn_121_relu").apply(context(64), 1.0)[0], atol=0.1)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - {"linear", "swish"}))
def test_activations_are_torchs_classes_of_that_name(name):
    classes = {cls.__name__.lower(): cls for cls in vars(torch.nn).values() if isinstance(cls, type)}
    x = context(8)
    assert torch.allclose(ACTIVATIONS[name](x), classes[name]().eval()(x), atol=1e-6)


def test_an_mlp_is_its_layers_in_turn():
    double, half = (
        AffineLayer(2 * torch.eye(3), torch.zeros(3), F.relu),
        AffineLayer(torch.eye(3) / 2, torch.ones(3), F.relu),
    )
    assert MLP((double, half))(torch.tensor([-4.0, 0.0, 4.0])).tolist() == [1.0, 1.0, 5.0]


def without(state: dict[str, Tensor], key: str) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if name != key}


def spoilt(change) -> dict:
    found = content("hn_121_relu")
    state = found[64][0]
    return found | {64: (change(state), state)}


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        ([1, 2], ModelUnsupported, "not a hypernetwork"),
        ({"step": 3, "name": "x"}, ModelUnsupported, "not a hypernetwork"),
        ({64: ({}, {})}, ModelCorrupt, "lacks weights"),
        ({64: ({},)}, ModelCorrupt, "lacks a network"),
        ({64: torch.zeros(2, 2)}, ModelCorrupt, "lacks a network"),
        (content("hn_121_relu") | {"activation_func": "softmax"}, ModelUnsupported, "'softmax'"),
        (content("hn_121_relu") | {"activation_func": 7}, ModelUnsupported, "activation 7"),
        (spoilt(lambda state: without(state, "linear.0.bias")), ModelCorrupt, "lacks weights"),
        (
            spoilt(lambda state: without(without(state, "linear.2.bias"), "linear.2.weight")),
            ModelCorrupt,
            "ends with 128",
        ),
        (spoilt(lambda state: without(without(state, "linear.0.bias"), "linear.0.weight")), ModelCorrupt, "takes 128"),
        (spoilt(lambda state: state | {"linear.2.weight": torch.zeros(64, 128, 1)}), ModelCorrupt, "lacks weights"),
        (
            spoilt(lambda state: state | {"linear.2.weight": torch.tensor(1.0), "linear.2.bias": torch.tensor(1.0)}),
            ModelCorrupt,
            "lacks weights",
        ),
        (spoilt(lambda state: state | {"conv.0.weight": torch.zeros(3)}), ModelUnsupported, "'conv.0.weight'"),
        (spoilt(lambda state: state | {"linear.0.weight": "text"}), ModelUnsupported, "'linear.0.weight'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_file_is_refused_by_name(bad, error, words):
    with pytest.raises(error, match="^bad.pt") as refused:
        Hypernetwork.read("bad.pt", bad)
    assert words in str(refused.value) and refused.value.hint
