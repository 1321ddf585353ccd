"""Networks change weights, and leave no trace once they are gone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.models.checkpoint.loader import load_checkpoint
from modules.models.lora.adapters import Adapters
from modules.models.lora.patcher import Patcher, parameters_of
from modules.networks.formats import DoRA, Full, LoRA
from modules.networks.patch import Patch
from modules.sampling.weights import NetworkUse, Weights

pytestmark = pytest.mark.slow      # nearly each draws with a model

PATH = "unet.conv_in.weight"
NAMES = ["lora_linear", "locon", "loha", "lokr", "dora", "ia3", "full_norm", "oft_lycoris", "boft", "glora"]


@pytest.fixture
def model(tiny):
    found = load_checkpoint(tiny)
    found.to(torch.device("cpu"), *[torch.float32] * 3)
    return found


def used(files, name, **how):
    loras = files.library.loras
    return NetworkUse(loras.hashed(loras.named(name)).sha256, **how)


def state(model):
    parts = [model.unet, *(text.module for text in model.texts)]
    return [parameter.detach().clone() for part in parts for parameter in part.parameters()]


def equal(some, others):
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def patch(value, model):
    return Full(torch.full_like(model.unet.conv_in.weight, value))


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_a_network_that_is_removed_leaves_no_trace(model, files, name):
    adapters, before = Adapters(model, files), state(model)
    adapters.bring(Weights("x", networks=(used(files, name),)))
    assert not equal(state(model), before)
    adapters.bring(Weights("x"))
    assert equal(state(model), before)


@torch.inference_mode()
def test_the_way_to_a_set_does_not_matter(model, files):
    """Straight to two networks, or by way of others: the same bits."""
    adapters = Adapters(model, files)
    wanted = Weights(
        "x", networks=(used(files, "locon", text=0.5, unet=0.8), used(files, "lora_linear", text=0.3, unet=0.3))
    )
    adapters.bring(wanted)
    straight = state(model)
    for name in ("loha", "lora_linear", "dora"):
        adapters.bring(Weights("x", networks=(used(files, name),)))
    adapters.bring(wanted)
    assert equal(state(model), straight)


@torch.inference_mode()
def test_strength_0_changes_nothing(model, files):
    adapters, before = Adapters(model, files), state(model)
    adapters.bring(Weights("x", networks=(used(files, "locon", text=0.0, unet=0.0),)))
    assert equal(state(model), before)


@torch.inference_mode()
def test_text_and_unet_have_strengths_of_their_own(model, files):
    adapters = Adapters(model, files)
    unet = [parameter.clone() for parameter in model.unet.parameters()]
    adapters.bring(Weights("x", networks=(used(files, "lora_linear", text=1.0, unet=0.0),)))
    assert equal(list(model.unet.parameters()), unet)
    adapters.bring(Weights("x", networks=(used(files, "lora_linear", text=0.0, unet=1.0),)))
    assert not equal(list(model.unet.parameters()), unet)


def test_patches_add_up_in_their_order(model):
    patcher, own = Patcher(parameters_of(model)), model.unet.conv_in.weight.clone()
    some, other = patch(1.0, model), patch(2.0, model)
    patcher.bring({PATH: ((some, 0.5), (other, 0.25))})
    assert torch.allclose(model.unet.conv_in.weight, own + 1.0)
    patcher.bring({PATH: ((some, 0.5),)})
    assert torch.allclose(model.unet.conv_in.weight, own + 0.5)
    patcher.bring({})
    assert torch.equal(model.unet.conv_in.weight, own)


def test_what_stays_is_not_touched(model):
    patcher, wanted = Patcher(parameters_of(model)), {PATH: ((patch(1.0, model), 1.0),)}
    patcher.bring(wanted)
    before = model.unet.conv_in.weight.data_ptr()
    patcher.bring(dict(wanted))
    assert model.unet.conv_in.weight.data_ptr() == before


@dataclass(frozen=True)
class Failing(Patch):
    def delta(self, weight):
        raise RuntimeError("no memory")

    def fits(self, shape):
        return True


def test_if_one_fails_none_is_applied(model):
    patcher, before = Patcher(parameters_of(model)), state(model)
    with pytest.raises(RuntimeError, match="no memory"):
        patcher.bring({PATH: ((patch(1.0, model), 1.0),), "unet.conv_out.weight": ((Failing(), 1.0),)})
    assert equal(state(model), before)


def one_of_each():
    torch.manual_seed(0)
    low_rank = LoRA(torch.randn(4, 2), torch.randn(2, 3), None, 0.5)
    return low_rank, Full(torch.randn(4, 3)), DoRA(low_rank, torch.rand(1, 3))


PATCHES = one_of_each()
STRONG = st.lists(st.tuples(st.sampled_from(PATCHES), st.sampled_from([1.0, 0.3, -0.7])), min_size=1, max_size=3).map(
    tuple
)
SETS = st.lists(st.dictionaries(st.sampled_from("abc"), STRONG, max_size=3), max_size=6)


def weights(dtype):
    torch.manual_seed(1)
    return {path: torch.nn.Parameter(torch.randn(4, 3).to(dtype), requires_grad=False) for path in "abc"}


@given(sets=SETS, dtype=st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
def test_any_way_to_a_set_gives_the_same_bits(sets, dtype):
    """Each time as if it were the first; and without any, what there was before."""
    parameters = weights(dtype)
    patcher = Patcher(parameters)
    for wanted in [*sets, {}]:
        patcher.bring(wanted)
        straight = weights(dtype)
        Patcher(straight).bring(wanted)
        assert all(torch.equal(parameters[path], straight[path]) for path in "abc")
    assert equal(parameters.values(), weights(dtype).values())


def test_what_a_file_has_in_vain_is_told(model, files, caplog):
    adapters = Adapters(model, files)
    adapters.bring(Weights("x", networks=(used(files, "oft_kohya_diffkeys"),)))
    assert "oft_kohya_diffkeys" in caplog.text and "left out" in caplog.text
    caplog.clear()
    adapters.bring(Weights("x", networks=(used(files, "locon"),)))
    assert not caplog.text
