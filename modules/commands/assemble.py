"""From flags to the program as one value."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from modules.app.app import App
from modules.app.jobs import Jobs
from modules.models.cards import UPSCALER, Cards
from modules.models.catalog import EMBEDDING, HYPERNETWORK, LORA, VAE, Catalog
from modules.models.library import Library
from modules.prompts.tokenizer import load_tokenizer
from modules.settings.choices import ModelChoices
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags
from modules.store.hashes import HashCache
from modules.store.jobs import JobStore
from modules.store.library_index import LibraryIndex
from modules.tasks.model_choice import first_checkpoint
from modules.tasks.thread_worker import ThreadWorker
from modules.tasks.worker_config import WorkerConfig

if TYPE_CHECKING:
    from modules.models.device import Placement


def assemble(flags: Flags) -> App:
    """Everything wired, nothing started: no torch, no model."""
    paths, models = flags.paths, find_models(flags)
    app = App(
        flags=flags,
        settings=SettingsFile(paths.settings_file),
        choices=ModelChoices(paths.settings_file.with_name("choices.json")),
        models=models,
        cards=Cards(models.by_kind() | {"upscaler": Catalog(paths.upscalers, HashCache(paths.database), UPSCALER)}, LibraryIndex(paths.database)),
        jobs=Jobs(JobStore(paths.database)),
        tokenizer=cache(partial(load_tokenizer, paths.configs / "clip")),
    )
    app.hooks.app_started.add(lambda app, _: app.cards.begin(), "library index")
    return app


def find_models(flags: Flags) -> Library:
    paths, hashes = flags.paths, HashCache(flags.paths.database)
    return Library(
        checkpoints=Catalog(paths.checkpoints, hashes, first=flags.ckpt),
        vaes=Catalog((paths.vae,), hashes, VAE, others=paths.checkpoints),
        loras=Catalog((paths.lora,), hashes, LORA),
        embeddings=Catalog((paths.embeddings,), hashes, EMBEDDING),
        hypernetworks=Catalog((paths.hypernetworks,), hashes, HYPERNETWORK),
        approximations=paths.vae.parent / "VAE-approx",
        upscaler_folders=paths.upscalers,
        homes=paths.homes,
    )


def start_worker(app: App, resume: bool = True) -> None:
    """Begin loading torch and the usual model; `resume` what a crash or a stop left undone, unless a server next to us is at it."""
    paths = app.flags.paths
    config = WorkerConfig(paths.outputs, paths.cache, app.models, app.tokenizer, partial(placement, app.flags), partial(first_checkpoint, app))
    app.jobs.attach(ThreadWorker(config, app.jobs.hear), resume)


def placement(flags: Flags) -> Placement:
    from modules.models.device import Placement

    half = not flags.no_half and flags.precision != "full"
    return Placement.choose(
        cpu=bool({"all", "sd"} & set(flags.use_cpu)), device_id=flags.device_id, half=half, half_vae=half and not flags.no_half_vae,
        attention=flags.attention,
    )
