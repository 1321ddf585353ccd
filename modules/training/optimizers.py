"""Optimisers by the names that people use, and their state as tensors and plain numbers.

What is offered keeps all of its state where `state_dict` shows it, so that a run goes on to the bit. Where a package
is not installed, one that does the same arithmetic takes its place and the run says so.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from modules.base.errors import Invalid
from modules.params.training_course import OPTIMIZER_PACKAGES


@dataclass(frozen=True, slots=True)
class OptimizerKind:
    """A way to make an optimiser.

    module, name: of its class; otherwise: the name of what takes its place if the module is not installed
    given: arguments that go before those asked for
    """

    module: str
    name: str
    given: tuple[tuple[str, Any], ...] = ()
    otherwise: str = ""


ONE_KERNEL = (("foreach", False),)      # choices of another kernel change the last bits
ADAMW, SGD = OptimizerKind("torch.optim", "AdamW", ONE_KERNEL), OptimizerKind("torch.optim", "SGD", ONE_KERNEL)
NESTEROV = OptimizerKind("torch.optim", "SGD", (*ONE_KERNEL, ("momentum", 0.9), ("nesterov", True)))
# sd-scripts' Adafactor, whose own rates are off unless they are asked for
GIVEN_RATE = (("scale_parameter", False), ("relative_step", False), ("warmup_init", False))
LION = OptimizerKind("modules.training.lion", "Lion")
OPTIMIZER_KINDS: dict[str, OptimizerKind] = {
    "AdamW": ADAMW,
    "Adam": OptimizerKind("torch.optim", "Adam", ONE_KERNEL),
    "NAdam": OptimizerKind("torch.optim", "NAdam", ONE_KERNEL),
    "RAdam": OptimizerKind("torch.optim", "RAdam", ONE_KERNEL),
    "SGD": SGD,
    "SGDNesterov": NESTEROV,
    "Lion": LION,
    "Muon": OptimizerKind("modules.training.muon", "Muon"),
    "AdaFactor": OptimizerKind("transformers.optimization", "Adafactor", GIVEN_RATE),
    "AdamW8bit": OptimizerKind("bitsandbytes.optim", "AdamW8bit", (), "AdamW"),
    "PagedAdamW": OptimizerKind("bitsandbytes.optim", "PagedAdamW", (), "AdamW"),
    "PagedAdamW8bit": OptimizerKind("bitsandbytes.optim", "PagedAdamW8bit", (), "AdamW"),
    "PagedAdamW32bit": OptimizerKind("bitsandbytes.optim", "PagedAdamW32bit", (), "AdamW"),
    "Lion8bit": OptimizerKind("bitsandbytes.optim", "Lion8bit", (), "Lion"),
    "PagedLion8bit": OptimizerKind("bitsandbytes.optim", "PagedLion8bit", (), "Lion"),
    "SGDNesterov8bit": OptimizerKind("bitsandbytes.optim", "SGD8bit", (("momentum", 0.9),), "SGDNesterov"),
    "Prodigy": OptimizerKind("prodigyopt", "Prodigy"),
}


def new_optimizer(kind: str, groups: Sequence[dict[str, Any]], arguments: Mapping[str, str]) -> tuple[Optimizer, str]:
    """Return an optimiser of parameter groups, and a remark if another one takes its place.

    Raises Invalid for a name, a package that is not installed, or an argument.
    """
    known = {name.lower(): each for name, each in OPTIMIZER_KINDS.items()}
    row, note = known.get(kind.lower()) or named_class(kind), ""
    try:
        module = import_module(row.module)
    except ImportError as error:
        if not row.otherwise:
            package = row.module.partition(".")[0]
            raise Invalid(f"The optimiser {kind} needs the package {package}, which is not installed.",
                          f"Install it (pip install {package}), or choose AdamW.", "optimizer_type") from error
        note = f"{kind} needs a package that is not installed; {row.otherwise} is used, whose state is exact."
        row = OPTIMIZER_KINDS[row.otherwise]
        module = import_module(row.module)
    make: Callable[..., Optimizer] = getattr(module, row.name)
    try:
        return make(groups, **dict(row.given) | literal_arguments(arguments)), note
    except (TypeError, ValueError) as error:
        raise Invalid(f"{kind} does not take these arguments: {error}.", "See its documentation.",
                      "optimizer_args") from error


def named_class(kind: str) -> OptimizerKind:
    """Return a class of an allowed package, as in `torch.optim.AdamW`. Raises Invalid."""
    module, _, name = kind.rpartition(".")
    allowed = any(module == package or module.startswith(f"{package}.") for package in OPTIMIZER_PACKAGES)
    if not allowed or not name.isidentifier():
        raise Invalid(f"There is no optimiser {kind!r:.80}.",
                      f"There are: {', '.join(OPTIMIZER_KINDS)}, and classes of {', '.join(OPTIMIZER_PACKAGES)}.",
                      "optimizer_type")
    return OptimizerKind(module, name, ONE_KERNEL if module == "torch.optim" else ())


def literal_arguments(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return arguments as Python's literals: numbers, tuples, texts. Nothing is evaluated."""
    found = {}
    for name, text in arguments.items():
        try:
            found[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[name] = text
    return found


def packed_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the optimiser's state: tensors by `optimizer/<index>/<slot>`, and what else there is as plain data."""
    whole = optimizer.state_dict()
    tensors, numbers = {}, dict[str, Any]()
    for index, slots in whole["state"].items():
        for slot, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{index}/{slot}"] = value.detach().cpu().contiguous()
            else:
                numbers[f"{index}/{slot}"] = value
    return tensors, {"numbers": numbers, "groups": whole["param_groups"]}


def restore_state(optimizer: Optimizer, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
    """Give an optimiser a state that was packed."""
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, index, slot = name.split("/", 2)
            state.setdefault(int(index), {})[slot] = tensor
    for name, value in plain["numbers"].items():
        index, _, slot = name.partition("/")
        state.setdefault(int(index), {})[slot] = value
    fresh = optimizer.state_dict()["param_groups"]
    groups = [new | {name: like(value, new.get(name)) for name, value in old.items()}
              for new, old in zip(fresh, plain["groups"], strict=True)]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def like(value: Any, model: Any) -> Any:
    """Return a value that JSON has made a list as the tuple it was."""
    return tuple(value) if isinstance(model, tuple) and isinstance(value, list) else value


def gradient_norm(tensors: Sequence[Tensor]) -> float:
    """Return the norm of all gradients together, in their order."""
    norms = [tensor.grad.norm() for tensor in tensors if tensor.grad is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0
