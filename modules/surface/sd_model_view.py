"""What extensions read of the checkpoint that a job draws with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modules.library.catalog import ModelFile
from modules.sampling.questions import Facts, ModelFacts, Weights
from modules.surface.checkpoint_info import CheckpointInfo


@dataclass(frozen=True)
class CheckpointFacts:
    """Facts of a checkpoint, by the names that A1111's model has for them."""

    sd_checkpoint_info: CheckpointInfo
    sd_model_hash: str
    sd_model_checkpoint: str
    is_sd1: bool
    is_sd2: bool
    is_sdxl: bool
    is_sd3: bool
    is_ssd: bool
    is_inpaint: bool
    parameterization: str
    latent_channels: int
    device: Any
    dtype: Any
    cond_stage_key: str = "txt"
    lowvram: bool = False


def checkpoint_facts(job: Any, file: ModelFile) -> CheckpointFacts:
    """Return the facts of a job's checkpoint, which is loaded for them if need be."""
    import torch

    [facts] = job.desk.ask([Facts(Weights(file.sha256 or ""))])
    family = family_of(facts)
    return CheckpointFacts(
        CheckpointInfo(file), file.shorthash, str(file.path), family == "sd1", family == "sd2", family == "sdxl",
        family == "sd3", False, facts.image_channels > facts.latent_channels,
        "v" if facts.levels.parametrization.name.startswith("v") else "eps", facts.latent_channels,
        torch.device("cpu"), torch.float32,
    )


def family_of(facts: ModelFacts) -> str:
    """Return the family that A1111's flags name, as far as sampling knows it."""
    if facts.latent_channels == 16:
        return "sd3"
    return "sdxl" if facts.levels.aligned[1] < 6.4 else "sd1"
