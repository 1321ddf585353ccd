"""Embeddings and hypernetworks that are written as they begin, to be trained later, as A1111 creates them."""

from __future__ import annotations

from safetensors.torch import save

from modules.base.files import write_atomically
from modules.engine import messages as events
from modules.engine.messages import Emit
from modules.sampling.questions import Task
from modules.store.jobs import MODEL
from modules.training.inversion import embedding_tensors
from modules.training.questions import Prepare
from modules.training.student import Student
from modules.worker.training.network_files import a1111_file, file_ending
from modules.worker.training.planning import TrainingPlan

NEW_NETWORK = "new_network"      # the kind of job


def write_new_network(plan: TrainingPlan, emit: Emit) -> Task[None]:
    """Write the file of what a plan would train, at step 0. Raises Invalid for a shape that cannot be."""
    emit(events.Started(plan.spec.id))
    student = yield Prepare(plan.weights, plan.student)
    path = plan.model_folder / f"{plan.request.output_name}{file_ending(plan)}"
    write_atomically(path, file_at_start(plan, student))
    facts = {"model_kind": plan.method.kind, "step": 0}
    emit(events.Made(plan.spec.id, 0, str(path), "", facts, kind=MODEL))


def file_at_start(plan: TrainingPlan, student: Student) -> bytes:
    """Return the content of a file at step 0: A1111's, or safetensors for a word with vectors of two encoders."""
    if file_ending(plan) == ".pt":
        return a1111_file(plan, student, plan.request.output_name, 0)
    return save(embedding_tensors(student.tensors), {"format": "pt"})
