"""Conversion of a checkpoint: as safetensors, in another precision, without tensors that inference does not need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modules.base.errors import ModelMismatch
from modules.base.files import NewFile
from modules.models.files.tensor_stream import TensorEntry
from modules.models.merging.recipe import dtype_of
from modules.models.merging.record import copy_config
from modules.models.merging.sources import EMA, averaged, streamed
from modules.models.merging.writing import ReportProgress, converted, write_checkpoint
from modules.params.merge import Conversion, check_choices


def convert(request: Conversion, source: Path, out: NewFile, report: ReportProgress) -> None:
    """Write the checkpoint alone as safetensors: no optimiser, and no EMA copy, or only that if asked for.

    Raises Invalid for an unknown precision, ModelError naming the file.
    """
    check_choices(request)
    dtype = dtype_of(request.precision)
    with streamed(source) as file:
        found = file.entries
        names = {name: ema_name(name, found) if request.ema else name for name in found if not name.startswith(EMA)}
        if request.ema and all(name == origin for name, origin in names.items()):
            raise ModelMismatch(f"{source.name} holds no EMA weights.", "Convert it without asking for them.")
        entries = {name: converted(found[origin], dtype) for name, origin in names.items()}
        write_checkpoint(
            out,
            entries,
            lambda name: file.tensor(names[name]).to(entries[name].dtype),
            {**file.metadata, "format": "pt"},
            report,
        )
    copy_config((source,), out.path)


def ema_name(name: str, entries: Mapping[str, TensorEntry]) -> str:
    return joined if (joined := averaged(name)) in entries else name
