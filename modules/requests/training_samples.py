"""Samples of a training: ordinary jobs of its owner, drawn with a snapshot, so that their data give them again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from modules.app.app import App
from modules.base.accounts import LOCAL_ACCOUNT, LOCAL_OWNER, Account, Role
from modules.base.border import logged
from modules.base.errors import NotFound
from modules.imaging.dataset.dataset import like_named
from modules.imaging.dataset.sources import Subset, find_caption, picture_files
from modules.imaging.folders import content_of
from modules.imaging.inputs import save_input
from modules.params.training import Training
from modules.requests.form import read_submission
from modules.requests.sample_prompts import SamplePrompt, prompts_in_table, read_sample_prompt, sampler_to_sample_with
from modules.requests.submit import submit
from modules.requests.training import PROMPT_TABLES, prompt_file, recorded_training
from modules.requests.training_data import datasets_of, subset_of
from modules.store.jobs import JobRecord, OutputRecord
from modules.store.run_folder import RunFolder

MOST_SAMPLE_PROMPTS = 32
LONGEST_PROMPTS = 100_000      # characters of a file of prompts
SAMPLE_SEEDS = 2**32


def draw_samples(app: App, job: str, output: OutputRecord) -> None:
    """Submit the samples of a snapshot, in the name of the run's owner; one that is refused is a note of the run."""
    if output.facts.get("sample") and (record := app.jobs.store.get(job)):
        logged(submit_samples, app, record, output, failure=f"Samples of job {job} could not be asked for")


def submit_samples(app: App, record: JobRecord, output: OutputRecord) -> None:
    """Submit a job for each sample prompt, and note it in the run's folder."""
    account = owner_of(record)
    plan, folder = recorded_training(dict(record.params)), RunFolder(Path(record.params["run_folder"]))
    step, stem = output.facts["step"], Path(output.path).stem
    if any(sample["step"] == step and sample["file"] == stem for sample in folder.samples()):
        return      # a resumed run has written the snapshot again
    settings = {"sd_model_checkpoint": plan.pretrained_model_name_or_path}
    settings |= {SETTINGS_OF_KINDS[kind]: stem for kind in [output.facts["model_kind"]] if kind in SETTINGS_OF_KINDS}
    for row, prompt in enumerate(sample_prompts(plan)):
        text = with_snapshot(prompt.text, str(output.facts["model_kind"]), stem, plan.token_string)
        fields = {"seed": (plan.seed + row) % SAMPLE_SEEDS, **prompt.fields, "prompt": text}
        if output.facts["model_kind"] == "controlnet":
            fields["control"] = [unit_to_follow(plan, row, stem, app.data_of(account.name).paths.inputs)]
        if plan.sample_sampler:
            fields.setdefault("sampler_name", sampler_to_sample_with(plan.sample_sampler))
        submitted = submit(app, read_submission(app, account, "txt2img", fields, settings), account)
        folder.note_sample({"step": step, "row": row, "file": stem, "prompt": text, "job": submitted.job})


def owner_of(record: JobRecord) -> Account:
    return LOCAL_ACCOUNT if record.owner == LOCAL_OWNER else Account(record.owner, Role[record.role.upper()])


def with_snapshot(text: str, kind: str, stem: str, word: str) -> str:
    """Return a prompt that draws with a snapshot: by a tag, by an embedding's word in place of the run's, or as it is.

    >>> with_snapshot("a zorb", "lora", "zorb-step00000100", "")
    'a zorb <lora:zorb-step00000100:1>'
    """
    if kind == "controlnet" or kind in SETTINGS_OF_KINDS:
        return text
    if kind == "embedding":
        return text.replace(word, stem) if word and word in text else f"{stem} {text}"
    return f"{text} <{'hypernet' if kind == 'hypernetwork' else kind}:{stem}:1>"


def unit_to_follow(plan: Training, row: int, stem: str, inputs: Path) -> dict[str, Any]:
    """Return the unit of a sample drawn with a ControlNet, which follows one of the pictures that it learns from.

    Raises NotFound if its folders have none any more.
    """
    pictures = list(followed_pictures(plan))
    if not pictures:
        raise NotFound("There is no picture to follow left in this training's folders.", "Put them back.")
    picture, map_ = pictures[row % len(pictures)]
    module = "none" if map_ else plan.conditioning_preprocessor[0]
    image = save_input(inputs, content_of(map_ or picture))
    return {"image": image, "module": module, "model": stem, "pixel_perfect": True}


def followed_pictures(plan: Training) -> Iterator[tuple[Path, Path | None]]:
    """Yield the pictures and, where they are files, their maps."""
    for subset in subjects_of(plan):
        yield from ((path, like_named(path, subset.maps)) for path in picture_files(subset.folder))


def sample_prompts(plan: Training) -> list[SamplePrompt]:
    """Return a plan's sample prompts, which may stand in a file; without any, the first picture's caption."""
    found = list(islice(prompts_of_plan(plan), MOST_SAMPLE_PROMPTS))
    return found or [SamplePrompt(first_caption(plan), {})]


def prompts_of_plan(plan: Training) -> Iterator[SamplePrompt]:
    text, path = plan.sample_prompts, prompt_file(plan.sample_prompts)
    if path:
        text = path.read_text("utf-8-sig", errors="replace")[:LONGEST_PROMPTS]
    if path and path.suffix.lower() in PROMPT_TABLES:
        yield from prompts_in_table(text, path.suffix.lower())
        return
    lines = (line.strip() for line in text.splitlines())
    yield from (read_sample_prompt(line) for line in lines if line and not line.startswith("#"))


def first_caption(plan: Training) -> str:
    return next(captions_of(plan), "")


def captions_of(plan: Training) -> Iterator[str]:
    """Yield the captions of the subjects' pictures."""
    for subset in subjects_of(plan):
        yield from (find_caption(path, subset).text.split("\n")[0] for path in picture_files(subset.folder))


def subjects_of(plan: Training) -> Iterator[Subset]:
    """Yield the folders of pictures that are no class pictures."""
    for dataset in datasets_of(plan):
        found = (subset_of(plan, dataset, each, 0) for each in dataset.subsets)
        yield from (subset for subset in found if not subset.is_reg)


# kinds of files that no prompt names → the setting that chooses one
SETTINGS_OF_KINDS = {"checkpoint": "sd_model_checkpoint", "vae": "sd_vae"}
