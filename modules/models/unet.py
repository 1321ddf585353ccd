"""One UNet call for many questions: different images, noise levels and prompts, side by side in a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn

from modules.models.checkpoint.family import CallArguments
from modules.models.checkpoint.loaded_model import LoadedModel, config_of
from modules.models.control.residuals import AddControl, uncontrolled
from modules.models.control.row_attention import Attending, unattended
from modules.models.lora.runtime import NetworkUses, Under
from modules.models.optimizations.fp8 import working
from modules.sampling.cond_extras import UNetInputs
from modules.sampling.control import controls_of
from modules.sampling.questions import Cond, Predict


class Row(NamedTuple):
    """One latent under one conditioning and one set of networks."""

    x: Tensor          # (C, h, w)
    sigma: float
    timestep: float
    cond: Cond
    networks: NetworkUses


def unpatched(sets: Sequence[NetworkUses]) -> AbstractContextManager[None]:
    """The context of rows without networks of their own."""
    return nullcontext()


def predict_batch(
    model: LoadedModel,
    questions: Sequence[Predict],
    under: Under = unpatched,
    control: AddControl = uncontrolled,
    attending: Attending = unattended,
) -> list[tuple[Tensor, ...]]:
    """Answer each question with one clean estimate (C, h, w) per conditioning, in its order.

    Rows whose conditionings have equal keys share a call, made `under` the networks of each, `attending` to what it has
    beside its text.
    """
    rows = [Row(ask.x, ask.sigma, ask.timestep, cond, ask.weights.networks) for ask in questions for cond in ask.conds]
    estimates: list[Tensor] = [rows[0].x] * len(rows)
    for places in calls(rows):
        sharing = [rows[place] for place in places]
        x = torch.stack([row.x for row in sharing])
        seen = input_scale(model, x, sharing)
        call = model.family.denoiser.arguments(model.unet, with_extras(UNetInputs(x * seen), sharing), sharing)
        given, named = control(call, [controls_of(row.cond.extras) for row in sharing])
        extras, networks = [row.cond.extras for row in sharing], [row.networks for row in sharing]
        beside = attending(call, extras, networks)      # it may ask the UNet itself, for rows with references
        with under(networks), beside:
            # not in a helper: the stack at this call stays short
            out = model.unet(*given, **named)[0].float()
        answers = model.parametrization.clean(x, out, column([row.sigma for row in sharing], x), seen)
        for place, estimate in zip(places, answers, strict=True):
            estimates[place] = estimate
    in_order = iter(estimates)
    return [tuple(next(in_order) for _ in ask.conds) for ask in questions]


def calls(rows: Sequence[Row]) -> list[list[int]]:
    """Return the rows of each call: rows of one conditioning key, those with the same networks side by side."""
    places: dict[Hashable, dict[NetworkUses, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, row in enumerate(rows):
        places[row.cond.key][row.networks].append(place)
    return [[*chain.from_iterable(alike.values())] for alike in places.values()]


def input_scale(model: LoadedModel, x: Tensor, rows: Sequence[Row]) -> Tensor:
    """Return the factor of each row's latent for the network, (rows, 1, 1, 1)."""
    return column([model.parametrization.input_scale(row.sigma) for row in rows], x)


def unet_arguments(unet: nn.Module, inputs: UNetInputs, rows: Sequence[Row]) -> CallArguments:
    """Return the arguments of diffusers' UNet: latents (rows, C, h, w), a timestep (rows,) and a text for each."""
    weight = working(unet)
    timesteps = torch.tensor([row.timestep for row in rows], device=weight.device)
    texts = torch.stack([row.cond.text for row in rows]).to(weight)
    named = {
        "encoder_hidden_states": texts,
        "added_cond_kwargs": added(unet, rows),
        "return_dict": False,
        **inputs.arguments,
    }
    return (inputs.latents.to(weight.dtype), timesteps), named


def with_extras(inputs: UNetInputs, rows: Sequence[Row]) -> UNetInputs:
    """Return the inputs with the rows' extras applied, kind by kind."""
    for name in dict.fromkeys(name for row in rows for name in row.cond.extras):
        extras = [row.cond.extras.get(name) for row in rows]
        inputs = next(filter(None, extras)).apply(inputs, extras)
    return inputs


def added(unet: nn.Module, rows: Sequence[Row]) -> dict[str, Tensor] | None:
    """Return SDXL's input of the time embedding: pooled texts (rows, width) and size conditioning (rows, 6)."""
    given = [row.cond.vector for row in rows if row.cond.vector is not None]
    if not given:
        return None
    vectors, config = torch.stack(given).to(working(unet)), config_of(unet)
    pooled = config.projection_class_embeddings_input_dim - vectors.shape[1]
    figures = pooled // (config.addition_time_embed_dim - 1)
    return {"text_embeds": vectors[:, :-figures], "time_ids": vectors[:, -figures:]}


def column(values: Sequence[float], like: Tensor) -> Tensor:
    """Return (rows,) numbers as (rows, 1, 1, 1) beside latents."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, 1, 1, 1)
