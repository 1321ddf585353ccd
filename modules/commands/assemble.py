"""Assembly of the program as one value, from flags."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from modules.app.app import App
from modules.app.authentication import Authenticator
from modules.app.jobs import JobProcess, Jobs
from modules.base.hooks import Hooks
from modules.base.process_file import ProcessFile, is_held, left_by_the_dead
from modules.commands.workers import worker_of
from modules.library.cards import Cards
from modules.library.index import LibraryIndex
from modules.library.library import find_models
from modules.library.model_kinds import MODEL_KINDS, ModelKind
from modules.prompts.explained import PieceTokenizer
from modules.prompts.tokenizer import load_tokenizer
from modules.requests.training_samples import draw_samples
from modules.settings.choices import ModelChoices
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags, Paths
from modules.settings.queue_limits import queue_limits
from modules.store.accounts import AccountStore
from modules.store.jobs import MODEL, JobStore, OutputRecord
from modules.store.saving_notes import SavingNotes
from modules.worker.planners import lane_of

if TYPE_CHECKING:
    from fastapi import FastAPI

    from modules.networks.embedding import Embedding


def assemble(flags: Flags, process: ProcessFile | None = None, kinds: Sequence[ModelKind] = MODEL_KINDS) -> App:
    """Build the app; nothing is started: no torch, no model. Raises DatabaseUnusable.

    process: the lock file that it holds while it runs; kinds: the model kinds to look for
    """
    paths, models, hooks = flags.paths, find_models(flags, kinds), Hooks()
    cards = Cards(models.catalogs, LibraryIndex(paths.database), read_embedding)
    app = App(
        flags=flags,
        settings=SettingsFile(paths.settings_file),
        choices=ModelChoices(paths.settings_file.with_name("choices.json")),
        models=models,
        cards=cards,
        jobs=Jobs(
            JobStore(paths.database),
            JobProcess(process_name(process, paths.terminal_locks), partial(is_terminal, paths.terminal_locks)),
            lane_of,
            hooks=hooks,
        ),
        tokenizer=cached_tokenizer(paths.configs / "clip"),
        authenticator=Authenticator(AccountStore(paths.database), flags),
        process=process,
        hooks=hooks,
    )
    app.jobs.on_output = partial(list_output, app)
    app.jobs.notes = SavingNotes(paths.cache)
    app.jobs.limits = lambda role: queue_limits(app.settings.current, role)
    app.hooks.app_started.add(begin_index, "library index")
    return app


def begin_index(app: App, api: FastAPI) -> None:
    app.cards.begin()


def list_output(app: App, job: str, output: OutputRecord) -> None:
    """Add a job's new model file to the lists and cards, before the job's end is told; a picture to its library.

    Pictures of a terminal are found by the server's library.
    """
    if output.kind == MODEL:
        app.cards.renew(output.facts["model_kind"])
        draw_samples(app, job, output)
    elif not app.jobs.process.mark:
        app.recorder.note(job, output)


def cached_tokenizer(folder: Path) -> Callable[[], PieceTokenizer]:
    """Return a function that reads the tokenizer's files when it is first called."""

    @cache
    def tokenizer() -> PieceTokenizer:
        return load_tokenizer(folder)

    return tokenizer


def read_embedding(path: Path) -> Embedding:
    from modules.models.files import embedding_file  # needs torch

    return embedding_file.read_embedding_file(path)


@contextmanager
def terminal_process(paths: Paths) -> Iterator[ProcessFile]:
    """Hold a lock file of a program beside the server, which marks its jobs."""
    held = ProcessFile(paths.terminal_locks / f"terminal-{os.getpid()}-{secrets.token_hex(8)}.lock")
    try:
        yield held
    finally:
        held.release()
        held.path.unlink(missing_ok=True)


def process_name(process: ProcessFile | None, terminals: Path) -> str:
    """Return the mark of a terminal's jobs; "" for the server's."""
    return process.path.stem if process and process.path.parent == terminals else ""


def is_terminal(terminals: Path, process: str) -> bool:
    """Return whether it is a terminal's process that still runs."""
    return bool(process) and is_held(terminals / f"{process}.lock")


def start_worker(app: App, resume: bool = True) -> None:
    """Start loading torch and the usual model.

    resume: continue the jobs that a crash or a stop left unfinished, unless a server beside us runs them
    """
    worker = worker_of(app, app.jobs.hear)
    if resume:
        count_deaths(app)
    app.jobs.attach(worker, resume)


def count_deaths(app: App) -> None:
    """Count a death for the jobs that the last server, or a terminal, worked on when it died."""
    died_with = set(app.process.died_with) if app.process else set()
    for path, jobs in left_by_the_dead(app.flags.paths.terminal_locks):
        died_with |= jobs
        path.unlink(missing_ok=True)
    app.jobs.store.count_deaths(died_with)
    if app.process:
        app.process.forget_deaths()
