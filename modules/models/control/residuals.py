"""ControlNets asked beside a UNet call: their outputs for the rows that they control, zeros for the others.

Zhang et al. 2023, arXiv:2302.05543: the outputs are added to the skip connections of the UNet and to its middle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from modules.models.checkpoint.family import CallArguments
from modules.models.checkpoint.loaded_model import config_of
from modules.models.control.t2i_adapter import T2iAdapter
from modules.sampling.control import Control

if TYPE_CHECKING:
    from modules.models.control.control_file import AnyControl, ControlNetwork

# the arguments of a UNet call and the controls of its rows → the arguments with the ControlNets' outputs
AddControl: TypeAlias = Callable[[CallArguments, Sequence[tuple[Control, ...]]], CallArguments]


def uncontrolled(call: CallArguments, rows: Sequence[tuple[Control, ...]]) -> CallArguments:
    """Return the arguments of a call without controlled rows as they are."""
    return call


class Use(NamedTuple):
    """A control of the row at that place of a call."""

    place: int
    control: Control


def with_residuals(
    networks: Mapping[str, AnyControl], call: CallArguments, rows: Sequence[tuple[Control, ...]]
) -> CallArguments:
    """Return a UNet call's arguments with the sum of all outputs for each row."""
    call = with_features(networks, call, rows)
    uses: dict[tuple[str, int], list[Use]] = defaultdict(list)
    for place, controls in enumerate(rows):
        for control in controls:
            if networks[control.sha256].asked_beside:
                uses[control.sha256, control.task].append(Use(place, control))
    if not uses:
        return call
    totals: list[Tensor] = []
    for (sha256, _), own in uses.items():
        network = networks[sha256]
        outputs = weighted_outputs(cast("ControlNetwork", network), call, own)
        if not totals and [use.place for use in own] == [*range(len(rows))]:
            totals = outputs
            continue
        totals = totals or [output.new_zeros(len(rows), *output.shape[1:]) for output in outputs]
        places = torch.tensor([use.place for use in own], device=outputs[0].device)
        for total, output in zip(totals, outputs, strict=True):
            total.index_add_(0, places, output)
    given, named = call
    residuals = {
        "down_block_additional_residuals": tuple(totals[:-1]), "mid_block_additional_residual": totals[-1],
    }
    return given, {**named, **residuals}


def with_features(
    networks: Mapping[str, AnyControl], call: CallArguments, rows: Sequence[tuple[Control, ...]]
) -> CallArguments:
    """Return a UNet call's arguments with the sum of all adapters' features for each row, within its encoder."""
    totals: list[Tensor] = []
    for place, controls in enumerate(rows):
        for control in controls:
            adapter = networks[control.sha256]
            if not isinstance(adapter, T2iAdapter):
                continue
            for level, feature in enumerate(adapter.features(control.hint)):
                if level == len(totals):
                    totals.append(feature.new_zeros(len(rows), *feature.shape))
                strength = control.levels[level] if level < len(control.levels) else 0.0
                totals[level][place] += in_regions(feature[None], [Use(place, control)])[0] * strength
    if not totals:
        return call
    given, named = call
    return given, {**named, "down_intrablock_additional_residuals": totals}


def weighted_outputs(network: ControlNetwork, call: CallArguments, uses: Sequence[Use]) -> list[Tensor]:
    """Return the outputs (uses, C, h, w) of one ControlNet, each times its use's strength and region."""
    outputs, weighted = control_outputs(network, call, uses), []
    for number, output in enumerate(outputs):
        strengths = [use.control.strengths[number] if number < len(use.control.strengths) else 0.0 for use in uses]
        output = output * torch.tensor(strengths, dtype=output.dtype, device=output.device).view(-1, 1, 1, 1)
        weighted.append(in_regions(averaged_outputs(output, uses), uses))
    return weighted


def averaged_outputs(output: Tensor, uses: Sequence[Use]) -> Tensor:
    """Return the output with the mean over the picture in the place of uses that are averaged."""
    chosen = torch.tensor([use.control.averaged for use in uses], device=output.device).view(-1, 1, 1, 1)
    return torch.where(chosen, output.mean(dim=(2, 3), keepdim=True), output) if chosen.any() else output


def in_regions(output: Tensor, uses: Sequence[Use]) -> Tensor:
    """Return the output times each use's region, at the output's size."""
    if all(use.control.region is None for use in uses):
        return output
    whole = output.new_ones(1, *output.shape[2:])
    regions = [
        whole if use.control.region is None else interpolate(
            use.control.region.to(output)[None, None], output.shape[2:], mode="bilinear"
        )[0]
        for use in uses
    ]
    return output * torch.stack(regions)


def control_outputs(network: ControlNetwork, call: CallArguments, uses: Sequence[Use]) -> tuple[Tensor, ...]:
    """Return the outputs of one ControlNet for the rows that it controls, the middle block's last."""
    (latents, timesteps), named = call
    places = torch.tensor([use.place for use in uses], device=latents.device)
    channels = config_of(network.module).in_channels      # an inpainting model's further ones are none of its business
    hints = torch.stack([network.embedded(use.control.hint, latents) for use in uses])
    added = named["added_cond_kwargs"]
    arguments: dict[str, Any] = {
        "encoder_hidden_states": named["encoder_hidden_states"][places],
        "added_cond_kwargs": added and {name: value[places] for name, value in added.items()},
        "return_dict": False,
    }
    if network.union:
        arguments |= union_arguments(network.module, hints, uses[0].control.task)
    else:
        arguments["controlnet_cond"] = hints
    with given_features(network.module):
        down, middle = network.module(latents[places][:, :channels], timesteps[places], **arguments)
    return *down, middle


@contextmanager
def given_features(module: nn.Module) -> Iterator[None]:
    """Have a ControlNet be given its hints' features, which are computed once, in the place of the hints."""
    embedding = module.controlnet_cond_embedding
    module.controlnet_cond_embedding = nn.Identity()
    try:
        yield
    finally:
        module.controlnet_cond_embedding = embedding


def union_arguments(module: nn.Module, hints: Tensor, task: int) -> dict[str, Any]:
    """Return a union's arguments for hints of one type."""
    types = hints.new_zeros(len(hints), config_of(module).num_control_type)
    types[:, task] = 1
    return {"controlnet_cond": [hints], "control_type": types, "control_type_idx": [task]}
