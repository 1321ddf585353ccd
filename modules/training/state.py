"""The state of a run: all that it needs to go on as if it had never stopped. safetensors and JSON, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from modules.base.errors import ModelCorrupt
from modules.base.files import discard, write_atomically

STATE_FORMAT = 1
STEP_DIGITS = 8      # of a step in a file's name, so that names sort by it
KEPT = 2        # states of a run; an earlier one remains should the newest be damaged


@dataclass(frozen=True)
class RunState:
    """What a run is at a step. Its random numbers are functions of seed and step, so no generator is in it.

    tensors: the student's by name, then the optimiser's `optimizer/<index>/<slot>`, the average's `ema/<name>`
    optimizer: what of the optimiser's state is no tensor
    plan: the hash of the plan; tally: figures of the run such as undone steps
    """

    step: int
    tensors: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    plan: str = ""
    tally: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write both files, the one that makes the state valid last; older states but one are removed.

        Raises DiskFull or Unwritable.
        """
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{self.step:0{STEP_DIGITS}d}"
        write_atomically(folder / f"{stem}.safetensors", save(dict(self.tensors)))
        told = asdict(StateFacts(STATE_FORMAT, self.step, self.plan, dict(self.optimizer), dict(self.tally)))
        write_atomically(folder / f"{stem}.json", json.dumps(told).encode())
        for old in sorted(folder.glob("*.json"))[:-KEPT]:
            discard(old)
            discard(old.with_suffix(".safetensors"))


@dataclass(frozen=True)
class StateFacts:
    """The JSON half of a state."""

    format: int
    step: int
    plan: str
    optimizer: dict[str, Any]
    tally: dict[str, Any]


def newest_state(folder: Path) -> RunState | None:
    """Return the newest whole state in a folder, if there is one. Raises ModelCorrupt if all are damaged."""
    facts = sorted(folder.glob("*.json"), reverse=True)
    for path in facts:
        try:
            told = StateFacts(**json.loads(path.read_bytes()))
            tensors = load_file(path.with_suffix(".safetensors"))
            return RunState(told.step, tensors, told.optimizer, told.plan, told.tally)
        except (OSError, ValueError, TypeError, SafetensorError):
            continue
    if facts:
        raise ModelCorrupt(f"No state in {folder.name} can be read.", "Begin the run anew.")
    return None
