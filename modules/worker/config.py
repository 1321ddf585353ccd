"""The configuration of a worker, whatever kind of worker it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modules.library.catalog import ModelFile
from modules.library.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from modules.models.device import Placement
    from modules.prompts.chunks import Tokenizer


def nobody_notes(part: str, jobs: Collection[str]) -> None:
    """Where no file is held that could tell of it after a crash."""


def one_model() -> int:
    return 1


@dataclass(frozen=True)
class WorkerConfig:
    """The configuration of a worker, given once."""

    outputs: Path                               # finished pictures, in sub folders by account and task
    cache: Path                                 # pictures nobody asked to keep
    library: Library
    tokenizer: Callable[[], Tokenizer]
    place: Callable[[], Placement]              # called in the worker's thread: choosing needs torch
    first: Callable[[], ModelFile | None]      # the model to load before anyone asks
    # how many checkpoints stay loaded, by the server's settings of this moment
    models_kept: Callable[[], int] = one_model
    # a part of the worker, and the jobs it works on now
    note_in_hand: Callable[[str, Collection[str]], None] = nobody_notes

    @property
    def inputs(self) -> Path:
        """Pictures that jobs start from, by `imaging.inputs`, in sub folders by account."""
        return self.cache / "inputs"
