"""The options of a form's lists, by the names that declared fields use: samplers, styles, model files. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.library.catalog import ModelFile
from modules.library.detectors import detector_titles
from modules.library.safety_checkers import safety_checker_files
from modules.params.detailer import NO_DETECTOR
from modules.params.hires import LATENT_MODES
from modules.params.img2img import FILLS
from modules.params.known_axes import NAMED_AXES
from modules.params.preprocessors import PREPROCESSORS
from modules.plugins.native import argument_axes
from modules.plugins.scripts import TABS
from modules.requests.control_lists import model_titles
from modules.requests.extension_axes import axis_options
from modules.requests.model_choice import missing_choices
from modules.requests.own_sampling import added_names
from modules.requests.resolve import ALWAYS_VAES
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES

Options = Sequence[str] | Sequence[tuple[str, str]]      # values, or (label, value)
Lists = Mapping[str, Callable[[], Options]]

# Lists that change while the page is open: files, and the styles.
OF_FILES = (
    "checkpoints",
    "titled_checkpoints",
    "refiners",
    "hr_checkpoints",
    "titled_vaes",
    "baked_vaes",
    "upscalers",
    "hr_upscalers",
    "styles",
)


def lists_of(app: App, mine: AccountData) -> Lists:
    """Return the current options of each list, by its name."""
    models = app.models

    def checkpoints() -> list[str]:
        return [found.name for found in models.checkpoints.list()]

    return {
        "samplers": lambda: [*SAMPLERS.names, *added_names(app.extensions, "sampler_name")],
        "schedules": lambda: [*SCHEDULES.names, *added_names(app.extensions, "scheduler")],
        "styles": lambda: list(mine.styles()),
        "checkpoints": checkpoints,
        "titled_checkpoints": lambda: [
            (label_of(found, found.title), found.name) for found in models.checkpoints.list()
        ],
        "refiners": lambda: [("None", ""), *((name, name) for name in checkpoints())],
        "plot_axes": lambda: [
            *(axis.name for axis in NAMED_AXES), *argument_axes(app.extensions.natives()),
            *dict.fromkeys(name for tab in TABS for name in axis_options(app.extensions, tab)),
        ],
        "loras": lambda: ["None", *(found.model_name for found in models.loras.list())],
        "embeddings": lambda: ["None", *(found.model_name for found in models.embeddings.list())],
        "hypernetworks": lambda: ["None", *(found.model_name for found in models.hypernetworks.list())],
        "vaes": lambda: [*ALWAYS_VAES, *(found.name for found in models.vaes.list())],
        "titled_vaes": lambda: [
            *pairs(ALWAYS_VAES),
            *((label_of(found, found.name), found.name) for found in models.vaes.list()),
        ],
        "baked_vaes": lambda: ["None", *(found.name for found in models.vaes.list())],
        "control_models": lambda: model_titles(models),
        "detectors": lambda: [NO_DETECTOR, *detector_titles(models)],
        "preprocessors": lambda: [each.name for each in PREPROCESSORS if not each.file],
        "upscalers": models.upscalers,
        "safety_checkers": lambda: [
            ("The first there is", ""), *((found.name, found.name) for found in safety_checker_files(models))
        ],
        "fills": lambda: FILLS,
        "hr_upscalers": lambda: [*LATENT_MODES, *models.upscalers()],
        "hr_checkpoints": lambda: [("Use same checkpoint", ""), *((name, name) for name in checkpoints())],
        "hr_samplers": lambda: [("Use same sampler", ""), *pairs(lists_of(app, mine)["samplers"]())],
        "hr_schedules": lambda: [("Use same scheduler", ""), *pairs(lists_of(app, mine)["schedules"]())],
    }


def choices_now(app: App, mine: AccountData) -> dict[str, list[tuple[str, str]]]:
    """Return the current options of the lists of files: name → (label, value) of each."""
    lists = lists_of(app, mine)
    return {name: pairs(lists[name]()) for name in OF_FILES}


def file_problems(app: App, mine: AccountData) -> list[str]:
    """Return the problems of the settings, of the files they name and of the files in the lists, a sentence each."""
    broken = [found.problem for found in app.models.checkpoints.list() if found.problem]
    problems = [*missing_choices(app, mine.settings.current), *broken, *mine.style_files.problems()]
    told = dict.fromkeys((*app.notices, app.settings.problem, mine.settings.problem))
    return [*filter(None, told), *problems]


def missing_folder(app: App, mine: AccountData) -> str:
    """Return the folder to put a checkpoint in, if there is none at all; else "".

    A shared server does not say where on its disk that is.
    """
    if app.models.checkpoints.list():
        return ""
    folder = app.models.checkpoints.roots[0]
    return str(Path(*folder.parts[-2:]) if mine.folders.shared else folder)


def pairs(options: Options) -> list[tuple[str, str]]:
    return [(option, option) if isinstance(option, str) else option for option in options]


def label_of(file: ModelFile, title: str) -> str:
    """Return a file's label; a broken file is marked."""
    return f"⚠ {file.name}" if file.problem else title
