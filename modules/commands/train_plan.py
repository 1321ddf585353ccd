"""`webui.py train … --write plan.toml` and `--dry-run`: a plan resolved and looked at, without training."""

from __future__ import annotations

from pathlib import Path

from modules.app.training_looks import TrainingLooks
from modules.base.files import write_atomically
from modules.params.training_files.reading import toml_of
from modules.requests.training_data import data_set_of
from modules.requests.training_plan import ReadPlan, check_training_pictures, preview_lines

DRY_SIDE = 512      # of a model that is not asked; a plan's resolution goes before it


def write_plan(read: ReadPlan, path: str) -> int:
    """Write a plan as a native file; returns the exit code."""
    write_atomically(Path(path).expanduser(), toml_of(read.plan, dict(read.where)).encode())
    for note in read.notes:
        print(note)
    print(path)
    return 0


def dry_run(read: ReadPlan) -> int:
    """Print what training would see; returns the exit code: 1 if it would not run."""
    data = data_set_of(read.plan, DRY_SIDE)
    problems = check_training_pictures(data, TrainingLooks())
    print("\n".join(preview_lines(data, read, problems)))
    return int(any(problem.fatal for problem in problems))
