"""The configuration of a worker of any kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modules.base.faults import Fault
from modules.library.catalog import ModelFile
from modules.library.library import Library
from modules.store.saving_notes import SavingNotes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from modules.models.device import Placement
    from modules.plugins.host import Host
    from modules.prompts.chunks import Tokenizer
    from modules.settings.flags import Paths


def nobody_notes(part: str, jobs: Collection[str]) -> None:
    """Do nothing: the default where no file notes the running jobs for the time after a crash."""


def one_model() -> int:
    return 1


def nobody_told(job: str) -> None:
    """Where no fault can outlive the process that it ends."""


@dataclass(frozen=True)
class WorkerConfig:
    """The configuration of a worker, fixed at its start."""

    outputs: Path                               # finished images, in subfolders by account and task
    cache: Path                                 # images that are not saved
    library: Library
    tokenizer: Callable[[], Tokenizer]
    place: Callable[[], Placement]              # called in the worker's thread: choosing needs torch
    first: Callable[[], ModelFile | None]      # returns the model to load at the start
    # the number of checkpoints that stay loaded, by the server's current settings
    models_kept: Callable[[], int] = one_model
    # is called with a part of the worker, and the jobs it works on now
    note_in_hand: Callable[[str, Collection[str]], None] = nobody_notes

    paths: Paths | None = None                  # the program's; None: no job may need an account's files

    extensions: Host | None = None              # A1111's extensions; None: nothing is asked of any

    fault: Fault | None = None                  # of a test
    fault_hit: str = ""                         # the job that it hit before, in an earlier process
    tell_fault: Callable[[str], None] = nobody_told

    @property
    def notes(self) -> SavingNotes:
        """The notes on images that have a name and are not recorded."""
        return SavingNotes(self.cache)

    @property
    def inputs(self) -> Path:
        """The folder of input pictures, as in `imaging.inputs`, with subfolders by account."""
        return self.cache / "inputs"
