"""One UNet call for many questions: different pictures, noise levels and prompts, side by side in a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from modules.models.loader import LoadedModel
from modules.sampling.questions import Cond, Predict


class Row(NamedTuple):
    """One latent under one conditioning."""

    x: Tensor          # (C, h, w)
    sigma: float
    timestep: float
    cond: Cond


def predict(model: LoadedModel, questions: Sequence[Predict]) -> list[tuple[Tensor, ...]]:
    """Answer each question with one clean estimate (C, h, w) per conditioning, in its order.

    Rows whose conditionings are equally long share a call.
    """
    rows = [Row(ask.x, ask.sigma, ask.timestep, cond) for ask in questions for cond in ask.conds]
    estimates: list[Tensor] = [rows[0].x] * len(rows)
    for places in by_length(rows).values():
        for place, estimate in zip(places, denoise(model, [rows[i] for i in places]), strict=True):
            estimates[place] = estimate
    answers = iter(estimates)
    return [tuple(next(answers) for _ in ask.conds) for ask in questions]


def by_length(rows: Sequence[Row]) -> dict[int, list[int]]:
    """Number of tokens → which rows have so many."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[len(row.cond.text)].append(place)
    return places


def denoise(model: LoadedModel, rows: Sequence[Row]) -> Tensor:
    """Clean estimates (rows, C, h, w) float32, on the device.

    The network sees x/√(1+σ²) and a timestep, and predicts ε (Ho et al. 2020, arXiv:2006.11239)
    or v (Salimans & Ho 2022, arXiv:2202.00512): x̂ = x − σε, or x/(1+σ²) − vσ/√(1+σ²).
    """
    weight = next(model.unet.parameters())
    x = torch.stack([row.x for row in rows])
    scale = column([1 / sqrt(1 + row.sigma**2) for row in rows], x)
    timesteps = torch.tensor([row.timestep for row in rows], device=weight.device)
    conds = torch.stack([row.cond.text for row in rows]).to(weight)
    seen = torch.cat([x * scale, *beside(model, rows)], dim=1)
    out = model.unet(
        seen.to(weight.dtype), timesteps, encoder_hidden_states=conds, added_cond_kwargs=added(model, rows), return_dict=False
    )[0].float()
    sigma = column([row.sigma for row in rows], x)
    if model.prediction_type == "v_prediction":
        return x * scale**2 - out * (sigma * scale)
    return x - out * sigma


def beside(model: LoadedModel, rows: Sequence[Row]) -> list[Tensor]:
    """What inpainting and editing models see beside the latent, (rows, c, h, w), unscaled; nothing for others."""
    if not model.image_channels:
        return []
    return [torch.stack([row.cond.image for row in rows]).to(rows[0].x)]


def added(model: LoadedModel, rows: Sequence[Row]) -> dict[str, Tensor] | None:
    """What SDXL's time embedding takes: pooled texts (rows, width) and the figures of the frame (rows, 6)."""
    if rows[0].cond.vector is None:
        return None
    weight = next(model.unet.parameters())
    vectors = torch.stack([row.cond.vector for row in rows]).to(weight)
    pooled = model.unet.config.projection_class_embeddings_input_dim - vectors.shape[1]
    figures = pooled // (model.unet.config.addition_time_embed_dim - 1)
    return {"text_embeds": vectors[:, :-figures], "time_ids": vectors[:, -figures:]}


def column(values: Sequence[float], like: Tensor) -> Tensor:
    """(rows,) figures as (rows, 1, 1, 1) beside latents."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, 1, 1, 1)
