"""Every LyCORIS algorithm is read as the package that wrote the file computes it: `lycoris-lora` is asked,
where it is installed.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from modules.networks.formats import read_patches
from modules.networks.network import fit_patch

lycoris = pytest.importorskip("lycoris.modules", reason="lycoris-lora is not installed")

MODULES = {
    "linear": lambda: nn.Linear(32, 64),
    "square": lambda: nn.Linear(64, 64),
    "1x1": lambda: nn.Conv2d(32, 64, 1),
    "3x3": lambda: nn.Conv2d(32, 64, 3, padding=1),
    "first": lambda: nn.Conv2d(4, 64, 3, padding=1),
}
DECOMPOSED = [{"weight_decompose": True, "wd_on_out": on_out} for on_out in (True, False)]
KRONECKER = [
    {},
    {"factor": 4},
    {"decompose_both": True, "lora_dim": 1},
    {"full_matrix": True},
    {"unbalanced_factorization": True},
    {"lora_dim": 1000},
]
ALGORITHMS = {
    "LoConModule": [{}, {"use_tucker": True}, {"use_scalar": True}, {"rs_lora": True}, {"alpha": None}, *DECOMPOSED],
    "LohaModule": [{}, {"use_tucker": True}, {"use_scalar": True}, {"rs_lora": True}, *DECOMPOSED],
    "LokrModule": [
        {"use_tucker": tucker} | how
        for tucker in (False, True)
        for how in [*KRONECKER, {"use_scalar": True}, *DECOMPOSED]
    ],
    # A1111 heeds no other
    "GLoRAModule": [{"alpha": 4.0}, {"lora_dim": 16, "alpha": 16.0}, {"use_scalar": True, "alpha": 4.0}],
    "IA3Module": [{"train_on_input": True}, {"train_on_input": False}],
    "DiagOFTModule": [{}, {"constraint": 0.001}, {"rescaled": True}],
    "ButterflyOFTModule": [{}, {"constraint": 0.001}, {"rescaled": True}],
}
CASES = [(name, how, shape) for name, ways in ALGORITHMS.items() for how in ways for shape in MODULES]
# at other strengths than 1 these, and BOFT, are LyCORIS's otherwise than A1111's
BLENDED = {"weight_decompose", "rescaled"}


def trained(name, how, shape):
    """A network of one module, with weights as after a training, and that module."""
    torch.manual_seed(0)
    base = MODULES[shape]().requires_grad_(False)
    network = getattr(lycoris, name)("x", base, **{"lora_dim": 4, "alpha": 2.0} | how)
    with torch.no_grad():
        for parameter_name, parameter in network.named_parameters():
            if parameter_name in ("dora_scale", "rescale", "scalar"):
                parameter.copy_(parameter.abs() + 0.5 + 0.2 * torch.rand_like(parameter))
            else:
                parameter.copy_(0.1 * torch.randn_like(parameter))
    return network.eval(), base


@torch.no_grad()
def weight_of(network, base, strength):
    """The weight that the network computes with, seen from what it makes of unit inputs."""
    network.multiplier = strength
    if isinstance(base, nn.Linear):
        return (network(torch.eye(base.in_features)) - network(torch.zeros(1, base.in_features))).T
    _, inputs, side, _ = base.weight.shape
    units = torch.zeros(inputs, inputs, 5, 5)
    units[range(inputs), range(inputs), 2, 2] = 1
    seen = network(units) - network(torch.zeros(1, inputs, 5, 5))      # a unit's answer is the kernel, turned round
    reach = side // 2
    return seen[:, :, 2 - reach: 3 + reach, 2 - reach: 3 + reach].flip(2, 3).transpose(0, 1)


@pytest.mark.parametrize(("name", "how", "shape"), CASES, ids=str)
def test_a_file_is_read_as_it_was_meant(name, how, shape):
    network, base = trained(name, how, shape)
    parts = {part: tensor.detach() for part, tensor in network.state_dict().items()}
    patch = fit_patch(read_patches("x", parts)["weight"], tuple(base.weight.shape))
    alone = name == "ButterflyOFTModule" or BLENDED & how.keys()
    for strength in (1.0,) if alone else (1.0, 0.5, 0.0, -0.7):
        assert torch.allclose(patch.apply(base.weight, strength), weight_of(network, base, strength), atol=1e-4)


def test_a_whole_difference_has_its_bias():
    base = nn.Linear(32, 64).requires_grad_(False)
    weight, bias = base.weight.clone(), base.bias.clone()
    network = lycoris.FullModule("x", base)
    network.apply_to()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.ones_like(parameter))
    found = read_patches("x", network.state_dict())
    assert torch.allclose(found["weight"].apply(weight, 0.5), weight + 0.5)
    assert torch.allclose(found["bias"].apply(bias, 0.5), bias + 0.5)
