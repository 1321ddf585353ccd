"""A training's plan as a job's parameters: names resolved, folders allowed, nothing left to chance. No torch."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.app.folders import training_folder
from modules.base.border import outcome
from modules.base.errors import Invalid, NotFound
from modules.base.fields import checker
from modules.base.limits import MAX_PATH
from modules.imaging.control.maps import MAPS
from modules.imaging.dataset.dataset import TrainingData
from modules.library.annotators import find_annotator, is_run
from modules.library.catalog import Catalog, ModelFile
from modules.library.library import Library
from modules.params.merge import LONGEST_NAME
from modules.params.network_arguments import check_network_arguments
from modules.params.preprocessors import IMAGE_PROMPT, INPAINTING, REFERENCE, find_preprocessor
from modules.params.training import Training
from modules.params.training_course import OPTIMIZER_PACKAGES, OPTIMIZERS, end_of_rates
from modules.params.training_data import TrainingSubset
from modules.params.training_methods import EMBEDDING_TRAINING, method_of, with_method_defaults
from modules.requests.merge import ELSEWHERE
from modules.requests.new_names import FORBIDDEN, is_new_name
from modules.requests.recorded import known_fields
from modules.requests.sample_prompts import sampler_to_sample_with
from modules.requests.training_data import NAMED_TEMPLATES, check_word_is_said, data_set_of

PROMPT_TABLES = (".toml", ".json")          # endings of files of sample prompts that are sd-scripts' tables
REPEATS = re.compile(r"^[0-9]{1,6}_")       # before the words in a folder's name
CREATED_KINDS = "embedding", "hypernetwork"  # of files that may be written before anything is learnt
USUAL_SIDE = 512                            # of a model that is not loaded yet; only shapes depend on it here
PLAN_FILES = "in_json", "template_file", "sample_prompts"
PLAN_FOLDERS = "train_data_dir", "reg_data_dir", "conditioning_data_dir", "output_dir", "logging_dir"
# fields of other trainers that change what is learnt and that no method here obeys: a plan that uses one is refused
NOT_OBEYED = ("block_lr", "face_crop_aug_range", "no_token_padding")
# fields that only whole models' training obeys
OF_WHOLE_MODELS = ("learning_rate_te", "learning_rate_te1", "learning_rate_te2")
OF_CONTROLNETS = ("conditioning_preprocessor",)
NO_TAUGHT_MAPS = (*INPAINTING, *REFERENCE, *IMAGE_PROMPT)      # preprocessors whose maps are no maps
KINDS_TO_BEGIN_WITH = ("hypernetwork", "controlnet")      # of files that network_weights names, beside LoRAs


@dataclass(frozen=True)
class RunPlace:
    """What a job's parameters say beside the plan: the run's name and folder, and where its files go."""

    run: str
    run_folder: str
    model_folder: str


def training_params(app: App, request: Training, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of a training. Raises Invalid, UnknownName or Forbidden, naming the field."""
    if request.resume:
        return resumed_params(mine.paths.runs, request)
    plan = with_method_defaults(request)
    method = method_of(plan)
    check_obeyed(plan)
    check_map_makers(plan, app.models)
    if plan.log_prefix:
        check_file_name(plan.log_prefix, "log_prefix")
    plan = with_allowed_folders(mine, plan)
    pictures = checked_data(plan)
    found = checkpoint_to_train(app, plan, mine)
    plan = with_known_networks(app, plan)
    catalog = app.models.catalogs[method.kind]
    name = free_training_name(plan, catalog)
    if method is EMBEDDING_TRAINING:
        check_word_is_said(pictures, plan.token_string or name)
    steps = plan.max_train_steps or (0 if plan.max_train_epochs else method.steps(len(pictures.pictures)))
    if end := end_of_rates(plan.learning_rate):
        steps = min(steps, end)
    return run_params(replace(with_output_file(plan, name, found, catalog), max_train_steps=steps), mine, catalog)


def new_network_params(app: App, request: Training, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of an embedding or a hypernetwork that is written as it begins, without being trained.

    Raises Invalid, UnknownName or Forbidden, naming the field.
    """
    plan = with_method_defaults(request)
    if (kind := method_of(plan).kind) not in CREATED_KINDS:
        raise Invalid("Only embeddings and hypernetworks are created before they are trained.", field="method")
    check_obeyed(plan)
    plan, catalog = with_allowed_folders(mine, plan), app.models.catalogs[kind]
    found = checkpoint_to_train(app, plan, mine)
    name = free_training_name(plan, catalog)
    return run_params(with_output_file(plan, name, found, catalog), mine, catalog)


def measured_params(app: App, request: Training, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of a training that is only measured: no file is in its way, and nothing is kept of it."""
    return training_params(app, replace(request, overwrite=True, resume=""), mine)


def run_params(plan: Training, mine: AccountData, catalog: Catalog) -> dict[str, Any]:
    """Return a plan whose names are resolved, and where the run and its files go."""
    run = free_run(mine.paths.runs, plan.output_name)
    return asdict(plan) | asdict(RunPlace(run, str(mine.paths.runs / run), str(model_folder(plan, catalog))))


def with_output_file(plan: Training, name: str, base: ModelFile, catalog: Catalog) -> Training:
    """Return a plan with a seed, its checkpoint's name, and its file's, which has the ending of one that is there."""
    return replace(
        plan, output_name=name, pretrained_model_name_or_path=base.name,
        save_model_as=ending_there(plan, name, catalog) or plan.save_model_as,
        seed=secrets.randbelow(2**32) if plan.seed < 0 else plan.seed,
    )


def checkpoint_to_train(app: App, plan: Training, mine: AccountData) -> ModelFile:
    """Return the checkpoint that a plan names, else the chosen one, else the first. Raises UnknownName or Invalid."""
    checkpoint = plan.pretrained_model_name_or_path or mine.settings.current.sd_model_checkpoint
    found = app.models.checkpoints.find(checkpoint) if checkpoint else app.models.checkpoints.default()
    if found is None:
        raise Invalid(
            "There is no checkpoint to train on.", "Put one into models/Stable-diffusion.",
            "pretrained_model_name_or_path",
        )
    return found


def check_obeyed(plan: Training) -> None:
    """Raise Invalid, naming the field, or UnknownName if a plan asks for what would be left out without a word."""
    usual = Training()
    kind = method_of(plan).kind
    others = {"checkpoint": OF_CONTROLNETS, "controlnet": OF_WHOLE_MODELS}.get(kind, OF_WHOLE_MODELS + OF_CONTROLNETS)
    for name in (*NOT_OBEYED, *others):
        if getattr(plan, name) != getattr(usual, name):
            raise Invalid(f"Easel does not train with {name}.", "Leave it out of the plan.", name)
    if kind == "lora":
        check_network_arguments(plan)
    if plan.sample_sampler:
        sampler_to_sample_with(plan.sample_sampler)
    if plan.num_class_images and not plan.class_prompt.strip():
        raise Invalid("Class pictures need words by which they are drawn.", "Give class_prompt, such as: a cat.",
                      "class_prompt")
    for options in (plan, *plan.datasets):
        if options.network_multiplier not in (None, 1):
            raise Invalid("Easel trains networks at strength 1.", "Leave it out of the data set.", "network_multiplier")


def check_map_makers(plan: Training, library: Library) -> None:
    """Raise Invalid, UnknownName or ModelMissing for a preprocessor that cannot make a ControlNet's maps."""
    for name in plan.conditioning_preprocessor:
        own = find_preprocessor(name)
        if own.name in NO_TAUGHT_MAPS or not (own.name in MAPS or is_run(own.name)):
            raise Invalid(f"The preprocessor {own.title} makes no map that a ControlNet could learn.",
                          "Choose another, such as canny.", "conditioning_preprocessor")
        if own.name not in MAPS:
            find_annotator(library, own.name)


def with_known_networks(app: App, plan: Training) -> Training:
    """Return a plan whose networks have names of files that are here. Raises UnknownName or Invalid."""
    known, optimizer = {name.lower() for name in OPTIMIZERS}, plan.optimizer_type
    packages = {package.partition(".")[0] for package in OPTIMIZER_PACKAGES}
    if optimizer.lower() not in known and optimizer.partition(".")[0] not in packages:
        raise Invalid(
            f"There is no optimiser {optimizer!r:.80}.", f"There are: {', '.join(OPTIMIZERS)}.", "optimizer_type"
        )
    loras, embeddings = app.models.catalogs["lora"], app.models.catalogs["embedding"]
    kind = method_of(plan).kind
    begun = app.models.catalogs[kind] if kind in KINDS_TO_BEGIN_WITH else loras

    def named(catalog: Catalog, given: str) -> str:
        return catalog.find(Path(given).stem if given.endswith(catalog.kind.endings) else given).name if given else ""

    return replace(
        plan, base_weights=tuple(named(loras, each) for each in plan.base_weights),
        network_weights=named(begun, plan.network_weights), weights=named(embeddings, plan.weights),
    )


def resumed_params(runs: Path, request: Training) -> dict[str, Any]:
    """Return the parameters of a run that goes on. Raises NotFound or Invalid."""
    from modules.store.run_folder import RunFolder

    name = Path(request.resume).name
    folder = RunFolder(runs / name)
    if FORBIDDEN.search(name) or not folder.exists:
        raise NotFound(f"There is no run called {name!r:.200}.", "webui.py train --list shows all.")
    params = folder.params()
    if request.max_train_steps:
        params["max_train_steps"] = request.max_train_steps
    return params | {"resume": name}


def recorded_training(params: dict[str, Any]) -> Training:
    """Return the plan in a job's parameters. Raises Invalid for one that this version does not know."""
    found: Training = checker(Training).validate_python(known_fields(Training, params))
    return found


def named_folders(plan: Training) -> Iterator[tuple[str, str]]:
    """Yield field and path of each folder that a plan reads from or writes to."""
    for name in PLAN_FOLDERS:
        if folder := getattr(plan, name):
            yield name, folder
    for dataset in plan.datasets:
        for subset in dataset.subsets:
            yield "image_dir", subset.image_dir
            if subset.conditioning_data_dir:
                yield "conditioning_data_dir", subset.conditioning_data_dir
            if subset.metadata_file:
                yield "metadata_file", str(Path(subset.metadata_file).parent)
    for name in ("in_json", "template_file"):
        if (path := getattr(plan, name)) and path not in NAMED_TEMPLATES:
            yield name, str(Path(path).parent)
    if path := prompt_file(plan.sample_prompts):
        yield "sample_prompts", str(path.parent)


def with_allowed_folders(mine: AccountData, plan: Training) -> Training:
    """Return a plan whose folders are whole paths. Raises Forbidden or Invalid, naming the field.

    On a shared server its files are too: they are read where their folder was allowed. As with diffusers' script a
    folder of class pictures need not be there where they are drawn.
    """
    paths = {(name, named): str(training_folder(mine.folders, named, name)) for name, named in named_folders(plan)}

    def whole(options: Any, *names: str) -> Any:
        return replace(options, **{name: paths[name, named] for name in names if (named := getattr(options, name))})

    def whole_files(options: Any, *names: str) -> Any:
        if not mine.folders.shared:      # the terminal's are where it is
            return options
        named = {name: Path(getattr(options, name) or "") for name in names}
        places = {name: paths.get((name, str(path.parent))) for name, path in named.items()}
        return replace(options, **{name: str(Path(place, named[name].name)) for name, place in places.items() if place})

    def whole_subset(subset: TrainingSubset) -> TrainingSubset:
        found: TrainingSubset = whole_files(whole(subset, "image_dir", "conditioning_data_dir"), "metadata_file")
        return found

    datasets = tuple(replace(each, subsets=tuple(map(whole_subset, each.subsets))) for each in plan.datasets)
    plan = whole(replace(plan, datasets=datasets), *PLAN_FOLDERS)
    plan = whole_files(plan, *PLAN_FILES)
    absent = plan.num_class_images and plan.reg_data_dir and not Path(plan.reg_data_dir).is_dir()
    return replace(plan, reg_data_dir="") if absent else plan


def prompt_file(text: str) -> Path | None:
    """Return the file that sample prompts stand in; None where they are the text itself."""
    named = "\n" not in text and "\0" not in text and text.endswith((".txt", *PROMPT_TABLES)) and len(text) <= MAX_PATH
    return Path(text) if named and outcome(Path(text).is_file) is True else None


def checked_data(plan: Training) -> TrainingData:
    """Return a plan's pictures. Raises Invalid for the first fatal problem."""
    data = data_set_of(plan, USUAL_SIDE)
    if fatal := [problem for problem in data.problems if problem.fatal]:
        more = f" So are {len(fatal) - 1} more." if len(fatal) > 1 else ""
        raise Invalid(
            f"{fatal[0].path.name}: {fatal[0].message}{more}",
            "Write captions beside the pictures, give class_tokens, or set allow_uncaptioned.", "train_data_dir",
        )
    return data


def free_training_name(plan: Training, catalog: Catalog) -> str:
    """Return the name of the new file: the plan's, else from its pictures' folder. Raises Invalid."""
    folder = plan.train_data_dir or next((each.subsets[0].image_dir for each in plan.datasets if each.subsets), "")
    name = (plan.output_name or plan.token_string or REPEATS.sub("", Path(folder).name) or "training").strip()
    check_file_name(name, "output_name")
    if len(name.encode()) > LONGEST_NAME:
        raise Invalid(f"The name {name[:40]!r} … is too long for a file.", "Choose a shorter one.", "output_name")
    if ending_there(plan, name, catalog) and not plan.overwrite:
        raise Invalid(
            f"There is a file called {name} already.", "Choose another name, or set overwrite.", "output_name"
        )
    return name


def check_file_name(name: str, field: str) -> None:
    """Raise Invalid, naming the field, if no new file can have that name."""
    if not is_new_name(name) or ELSEWHERE.search(name):
        raise Invalid(f"A file cannot be called {name[:80]!r}.", "Use letters, digits, spaces and -_.+() only.", field)


def ending_there(plan: Training, name: str, catalog: Catalog) -> str:
    """Return the ending, without its dot, of the file of that name that is there; "" without one."""
    folder = model_folder(plan, catalog)
    return next((each[1:] for each in catalog.kind.endings if (folder / f"{name}{each}").exists()), "")


def model_folder(plan: Training, catalog: Catalog) -> Path:
    """Return where the new file goes: the plan's folder, that of the file which it replaces, else the kind's first.

    A file that came with the program stays: one of its name goes into the user's own folder, and is found before it.
    """
    if plan.output_dir:
        return Path(plan.output_dir).expanduser().resolve()
    named = catalog.all_named(plan.output_name) if plan.overwrite and plan.output_name else []
    return next((file.path.parent for file in named if not catalog.ships(file)), catalog.roots[0])


def free_run(runs: Path, name: str) -> str:
    """Return a name for a run's folder that none has."""
    first = f"{time.strftime('%Y-%m-%d')}-{name}"
    others = (f"{first}-{number}" for number in range(2, 10_000))
    return next(each for each in (first, *others) if not (runs / each).exists())
