"""Merges, conversions and extractions as jobs: wherever a kill comes,
the next run ends with the whole file and nothing else.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict

import pytest
from safetensors.torch import load_file, save_file

from modules.app.fair_queue import FILES
from modules.base.errors import Invalid, UnknownName
from modules.base.files import new_file
from modules.engine.messages import JobSpec, Made, Warned
from modules.params.merge import Conversion, Extraction, Merge
from modules.worker.file_jobs import FileJob, Stopped
from modules.worker.planners import lane_of, planner_of
from tests.golden_data import GOLDEN, library

TINY = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"
REQUESTS = {
    "merge": (Merge(models=("a.safetensors", "b.safetensors"), name="new"), "Stable-diffusion"),
    "convert": (Conversion(model="a.safetensors", name="new"), "Stable-diffusion"),
    "extract_lora": (Extraction(tuned="b.safetensors", base="a.safetensors", name="new", rank=1), "Lora"),
}
per_kind = pytest.mark.parametrize("kind", REQUESTS)


@pytest.fixture
def models(tmp_path):
    """Two checkpoints that differ in one weight, the first with a .yaml."""
    folder = tmp_path / "Stable-diffusion"
    folder.mkdir()
    (tmp_path / "Lora").mkdir()
    shutil.copy(TINY, folder / "a.safetensors")
    shutil.copy(TINY.with_suffix(".yaml"), folder / "a.yaml")
    weights = load_file(TINY)
    name = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight"
    save_file(weights | {name: weights[name] + 1}, folder / "b.safetensors")
    return tmp_path


class Run:
    """One run of the job; what it tells."""

    def __init__(self, models, kind, request=None, done=()):
        self.events = []
        asked, folder = REQUESTS[kind]
        self.path = models / folder / "new.safetensors"
        spec = JobSpec("task(1)", "me", kind, asdict(request or asked), {}, done=done)
        self.job = FileJob(spec, self.events.append)
        self.work = planner_of(kind)(spec, library(models / "Stable-diffusion", models))

    def carry_out(self):
        self.work(self.job)
        return [event for event in self.events if isinstance(event, Made)]


def temporary(path):
    return [each for each in path.parent.iterdir() if each.suffix == ".tmp"]


@pytest.mark.slow
@per_kind
def test_a_model_file_is_an_output_of_its_job(models, kind):
    run = Run(models, kind)
    made, = run.carry_out()
    assert (made.kind, made.path, made.saved) == ("model", str(run.path), True)
    assert (
        made.facts == {"model_kind": "lora", "weights": 1} if kind == "extract_lora" else {"model_kind": "checkpoint"}
    )
    assert run.path.exists() and temporary(run.path) == [] and lane_of(kind) == FILES


class Killed(BaseException):
    """In place of a kill, after which no line of ours runs."""


def killed_at(run, monkeypatch, moment):
    """The folder as a kill at that moment leaves it."""
    opened = []

    def unclosed(path, writer):
        opened.append(new_file(path, writer))
        return opened[-1]

    monkeypatch.setattr("modules.worker.model_files.new_file", unclosed)
    monkeypatch.setattr("modules.base.files.discard", lambda path: None)

    def kill(*told):
        raise Killed

    setattr(run.job, moment, kill)
    with pytest.raises(Killed):
        run.carry_out()
    monkeypatch.undo()


@pytest.mark.slow
@per_kind
@pytest.mark.parametrize("moment", ["progress", "add_output"])
def test_after_a_kill_the_next_run_ends_with_the_whole_file_alone(models, monkeypatch, kind, moment):
    """While it is written, and between the file and its record."""
    first = Run(models, kind)
    killed_at(first, monkeypatch, moment)
    assert first.path.exists() == (moment == "add_output")
    assert len(Run(models, kind).carry_out()) == 1
    assert temporary(first.path) == [] and load_file(first.path)
    assert first.path.with_suffix(".yaml").exists() == (kind != "extract_lora")


@per_kind
def test_what_is_recorded_already_is_not_made_again(models, kind):
    Run(models, kind).carry_out()
    assert Run(models, kind, done=(0,)).carry_out() == []


@per_kind
def test_a_file_that_somebody_else_put_there_is_kept(models, kind):
    run = Run(models, kind)
    run.path.write_bytes(b"mine")
    with pytest.raises(Invalid, match="new.safetensors already"):
        run.carry_out()
    assert run.path.read_bytes() == b"mine" and temporary(run.path) == []


@per_kind
def test_stopped_it_leaves_nothing(models, kind):
    run = Run(models, kind)
    run.job.interrupted = True
    with pytest.raises(Stopped):
        run.carry_out()
    assert not run.path.exists() and temporary(run.path) == []


def test_a_source_that_has_gone_is_named(models):
    (models / "Stable-diffusion/b.safetensors").unlink()
    with pytest.raises(UnknownName, match=r"b\.safetensors"):
        Run(models, "merge")


@pytest.mark.slow
def test_shares_beyond_one_are_told(models):
    run = Run(
        models, "merge", Merge(models=("a.safetensors", "b.safetensors"), method="Sum of more", more=(1.5,), name="new")
    )
    run.carry_out()
    assert [event.message for event in run.events if isinstance(event, Warned)] == [
        "The shares are 1.5 together, so that A is in the result with -0.5."
    ]
