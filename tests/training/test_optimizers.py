"""Optimisers: what is offered goes on to the bit from its packed state."""

from __future__ import annotations

import json

import pytest
import torch

from modules.base.errors import Invalid
from modules.training.optimizers import new_optimizer, packed_state, restore_state
from modules.training.scheduler_classes import ClassSchedule

WITHOUT_MORE = ("AdamW", "Adam", "NAdam", "RAdam", "SGD", "SGDNesterov", "Lion", "Muon", "AdaFactor", "torch.optim.Adamax")


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


def test_muon_moves_a_matrix_by_an_orthogonal_one():
    """Singular values of what it moves by are near 1, whatever the gradient's, times what makes it as long as Adam's."""
    tensor = torch.zeros(6, 4, requires_grad=True)
    optimizer, _ = new_optimizer("Muon", [{"params": [tensor]}], {"lr": "1.0"})
    tensor.grad = torch.diag(torch.tensor([100.0, 10.0, 1.0, 0.5]))[[0, 1, 2, 3, 3, 3]] + torch.eye(6, 4)
    optimizer.step()
    values = torch.linalg.svdvals(tensor.detach()) / (0.2 * 6**0.5)
    assert float(values.min()) > 0.4 and float(values.max()) < 1.4


@pytest.mark.parametrize(("name", "arguments"), [
    ("CosineAnnealingWarmRestarts", {"T_0": "4"}), ("torch.optim.lr_scheduler.StepLR", {"step_size": "3", "gamma": "0.5"}),
])
def test_a_class_of_torch_gives_its_own_rates(name, arguments):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = getattr(torch.optim.lr_scheduler, name.rpartition(".")[2])(optimizer, **{key: float(value) if "." in value else int(value) for key, value in arguments.items()})
    expected = []
    for _ in range(9):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    ours = ClassSchedule(name, arguments)
    assert [ours.factor(step) for step in range(9)] == expected and ours.factor(2) == expected[2]


@pytest.mark.parametrize(("name", "arguments", "field"), [
    ("LambdaLR", {"lr_lambda": "print"}, "lr_scheduler_type"), ("os.StepLR", {}, "lr_scheduler_type"),
    ("StepLR", {"steps": "3"}, "lr_scheduler_args"),
])
def test_other_classes_and_arguments_of_schedules_are_refused(name, arguments, field):
    with pytest.raises(Invalid) as refused:
        ClassSchedule(name, arguments)
    assert refused.value.field == field


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
