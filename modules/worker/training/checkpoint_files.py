"""The checkpoints and VAEs that a run makes: whole files in the layout of the one it is trained on."""

from __future__ import annotations

from pathlib import Path

from modules.base.files import ReplacingFile, new_file
from modules.models.checkpoint.saving import save_checkpoint, save_vae
from modules.training.decoder import DecoderStudent
from modules.training.lessons import Lessons
from modules.training.run import Run
from modules.training.whole_model import WholeModel
from modules.worker.training.network_files import FILE_PRECISIONS, metadata
from modules.worker.training.planning import TrainingPlan


def write_checkpoint_of(plan: TrainingPlan, lessons: Lessons, run: Run, path: Path, begun: float) -> None:
    """Write the base, or its VAE alone, with what was trained of it, one tensor at a time.

    Raises ModelError for a base that is gone, DiskFull or Unwritable.
    """
    assert isinstance(run.student, WholeModel | DecoderStudent)
    told = {} if plan.request.no_metadata else metadata(plan, lessons, run, path.stem, begun)
    with new_file(path, f"{plan.spec.id} {path.name}", ReplacingFile) as out:
        precision = FILE_PRECISIONS.get(plan.request.save_precision)
        if isinstance(run.student, DecoderStudent):
            save_vae(plan.vae_file, run.student.file_tensors(), out, precision, told)
        else:
            save_checkpoint(plan.base.path, run.student.file_tensors(), out, precision, told)
