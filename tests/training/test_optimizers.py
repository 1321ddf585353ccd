"""Optimisers: what is offered goes on to the bit from its packed state."""

from __future__ import annotations

import json

import pytest
import torch

from modules.base.errors import Invalid
from modules.training.optimizers import new_optimizer, packed_state, restore_state

WITHOUT_MORE = ("AdamW", "Adam", "NAdam", "RAdam", "SGD", "SGDNesterov", "Lion", "AdaFactor", "torch.optim.Adamax")


def stepped(optimizer, tensors, steps):
    for step in steps:
        for place, tensor in enumerate(tensors):
            tensor.grad = torch.sin(torch.arange(tensor.numel(), dtype=torch.float32) * (step + 1) + place).view_as(tensor)
        optimizer.step()


def fresh(kind):
    tensors = [torch.linspace(-1, 1, 12).view(3, 4).requires_grad_(), torch.ones(4, requires_grad=True)]
    groups = [{"params": tensors[:1], "part": "unet"}, {"params": tensors[1:], "part": "text_encoder"}]
    return tensors, new_optimizer(kind, groups, {"lr": "0.01", "weight_decay": "0.1"})[0]


@pytest.mark.parametrize("kind", WITHOUT_MORE)
def test_a_packed_state_goes_on_to_the_bit(kind):
    whole, optimizer = fresh(kind)
    stepped(optimizer, whole, range(6))
    half, optimizer = fresh(kind)
    stepped(optimizer, half, range(3))
    tensors, plain = packed_state(optimizer)
    resumed, optimizer = fresh(kind)
    with torch.no_grad():
        for tensor, known in zip(resumed, half, strict=True):
            tensor.copy_(known)
    restore_state(optimizer, tensors, json.loads(json.dumps(plain)))
    stepped(optimizer, resumed, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))
    assert not torch.equal(whole[0], half[0])


def test_lion_moves_by_the_sign_of_its_momentum():
    """Chen et al. 2023, Algorithm 2, by hand for two steps."""
    tensor = torch.tensor([1.0], requires_grad=True)
    optimizer, _ = new_optimizer("Lion", [{"params": [tensor]}], {"lr": "0.1", "weight_decay": "0.5"})
    tensor.grad = torch.tensor([2.0])
    optimizer.step()
    assert float(tensor.detach()) == pytest.approx(1 * (1 - 0.05) - 0.1)
    tensor.grad = torch.tensor([-0.1])      # 0.9 · 0.02 − 0.1 · 0.1 is still above 0
    optimizer.step()
    assert float(tensor.detach()) == pytest.approx(0.85 * (1 - 0.05) - 0.1)


def test_what_is_not_installed_is_replaced_and_said():
    optimizer, note = new_optimizer("AdamW8bit", [{"params": [torch.ones(1, requires_grad=True)]}], {})
    assert type(optimizer).__name__ == "AdamW" and "AdamW is used" in note or type(optimizer).__name__ == "AdamW8bit"


@pytest.mark.parametrize("kind", ["os.system", "builtins.eval", "torch.optim.", "Adamw9", "torch.hub.load"])
def test_other_names_are_refused_and_nothing_is_called(kind):
    with pytest.raises(Invalid) as refused:
        new_optimizer(kind, [{"params": [torch.ones(1, requires_grad=True)]}], {})
    assert refused.value.field == "optimizer_type"


def test_arguments_are_read_as_literals():
    tensor = torch.ones(1, requires_grad=True)
    optimizer, _ = new_optimizer("AdamW", [{"params": [tensor]}], {"betas": "0.8,0.9"})
    assert optimizer.defaults["betas"] == (0.8, 0.9)
    with pytest.raises(Invalid) as refused:
        new_optimizer("AdamW", [{"params": [tensor]}], {"beta": "__import__('os')"})
    assert refused.value.field == "optimizer_args"
