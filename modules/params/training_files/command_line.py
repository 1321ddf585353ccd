"""A command line of sd-scripts or diffusers, pasted or in a script: `accelerate launch train_network.py --lr=…`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from modules.base.errors import Invalid
from modules.base.limits import MAX_PATH
from modules.params.training_files.plan_draft import PlanDraft

LINE_ENDS = re.compile(r"[\\^`]\r?\n")
VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")
ASSIGNMENT = re.compile(r"(?<!\w)([A-Za-z_]\w*)=(.*)", re.DOTALL)
# the script's name → what it trains
TRAINING_SCRIPTS = {
    "textual_inversion": "textual-inversion", "train_textual_inversion": "textual-inversion", "train_db": "dreambooth",
    "fine_tune": "fine-tune", "sdxl_train": "fine-tune", "train_dreambooth": "dreambooth", "train_text_to_image": "fine-tune",
    "train_network": "lora", "sdxl_train_network": "lora", "sdxl_train_textual_inversion": "textual-inversion",
    "train_dreambooth_lora": "lora", "train_text_to_image_lora": "lora", "train_dreambooth_lora_sdxl": "lora",
    "train_text_to_image_lora_sdxl": "lora", "textual_inversion_sdxl": "textual-inversion", "train_controlnet": "controlnet",
    "train_control_net": "controlnet", "sdxl_train_control_net": "controlnet", "train_controlnet_sdxl": "controlnet",
}
# diffusers' scripts, which leave the text encoder alone unless they are told to train it
UNET_SCRIPTS = frozenset({
    "train_dreambooth", "train_text_to_image", "train_dreambooth_lora", "train_text_to_image_lora",
    "train_dreambooth_lora_sdxl", "train_text_to_image_lora_sdxl",
})
MOST_WORDS = 10_000


def read_command_line(text: str, where: str) -> PlanDraft:
    """Return a draft of a command line's flags. Raises Invalid for one whose quotes do not close."""
    return read_training_flags(split_command(text, where), where)


def split_command(text: str, where: str) -> list[str]:
    text = LINE_ENDS.sub(" ", text)
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise Invalid(f"{where}: {error}.", "Close every quotation mark.") from error
    if len(words) > MOST_WORDS:
        raise Invalid(f"{where}: there are {len(words):,} words.", f"At most {MOST_WORDS:,} are read.")
    return with_variables(words)


def with_variables(words: list[str]) -> list[str]:
    """Return words with `$NAME` and `${NAME}` replaced by what an earlier `NAME=value` says; others stay.

    >>> with_variables(["MODEL=base", "train_network.py", "--vae=${MODEL}", "$HOME"])
    ['MODEL=base', 'train_network.py', '--vae=base', '$HOME']
    """
    known = dict[str, str]()
    found = list[str]()
    for word in words:
        found.append(VARIABLE.sub(lambda name: known.get(name[1] or name[2], name[0])[:MAX_PATH], word))
        if assigned := ASSIGNMENT.match(found[-1]):
            known[assigned[1]] = assigned[2]
    return found


def read_training_flags(words: list[str], where: str) -> PlanDraft:
    """Return a draft of words `--key value`; a flag without a value is on."""
    draft = PlanDraft()
    script = next((at for at, word in enumerate(words) if word.endswith(".py")), -1)
    name = words[script].replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".py") if script >= 0 else ""
    diffusers: dict[str, str] = {}
    for key, values in flags_with_values(words[script + 1 :], where):
        value = values[0] if len(values) == 1 else values or True
        if key in DIFFUSERS_ONLY:
            diffusers[key] = " ".join(values) or "true"
        else:
            draft.put(key, value, f"{where}, --{key}")
    if name in TRAINING_SCRIPTS:
        draft.set("method", TRAINING_SCRIPTS[name], f"{where}, {name}.py")
    if name in UNET_SCRIPTS and not draft.values.get("train_text_encoder"):
        draft.set("network_train_unet_only", True, f"{where}, {name}.py without --train_text_encoder")
    put_diffusers(diffusers, draft, where)
    return draft


def flags_with_values(words: list[str], where: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each flag with its values. Raises Invalid for a word that belongs to none."""
    key, values = "", list[str]()
    for word in words:
        if word.startswith("--"):
            if key:
                yield key, values
            key, equals, value = word[2:].partition("=")
            key, values = key.replace("-", "_"), [value] if equals else []
        elif key:
            values.append(word)
        else:
            raise Invalid(f"{where}: {word!r:.80} belongs to no flag.", "Flags are written --key value.")
    if key:
        yield key, values


# diffusers' flags that are several of ours -----------------------------------------------------------

DIFFUSERS_ONLY = frozenset((
    "instance_data_dir instance_prompt class_data_dir with_prior_preservation center_crop checkpointing_steps "
    "validation_prompt validation_prompts num_validation_images validation_epochs validation_steps learnable_property scale_lr "
    "adam_beta1 adam_beta2 adam_weight_decay adam_epsilon report_to offset_noise save_steps validation_images "
    "dataloader_num_workers allow_tf32 enable_xformers_memory_efficient_attention local_rank variant revision"
).split())
DIFFUSERS_WITHOUT_EFFECT = frozenset((
    "center_crop report_to dataloader_num_workers allow_tf32 enable_xformers_memory_efficient_attention local_rank variant "
    "revision validation_images num_validation_images"
).split())
RENAMED_FLAGS = {
    "class_data_dir": "reg_data_dir", "checkpointing_steps": "save_every_n_steps", "save_steps": "save_every_n_steps",
    "validation_prompt": "sample_prompts", "validation_prompts": "sample_prompts", "validation_epochs": "sample_every_n_epochs",
    "validation_steps": "sample_every_n_steps", "instance_data_dir": "train_data_dir", "instance_prompt": "class_tokens",
}


def put_diffusers(flags: dict[str, str], draft: PlanDraft, where: str) -> None:
    """Put diffusers' own flags into a draft."""
    for key, value in flags.items():
        place = f"{where}, --{key}"
        if key in RENAMED_FLAGS:
            draft.set(RENAMED_FLAGS[key], value, place)
        elif key in DIFFUSERS_WITHOUT_EFFECT:
            draft.ignored.append(f"{key} ({place}) has no effect here.")
    if flags.get("learnable_property"):
        draft.set(f"use_{'style' if flags['learnable_property'] == 'style' else 'object'}_template", True, where)
    if "offset_noise" in flags:
        draft.set("noise_offset", 0.1, f"{where}, --offset_noise")
    if arguments := optimizer_words(flags):
        draft.set("optimizer_args", arguments, where)
    if "scale_lr" in flags and "learning_rate" in draft.values:
        factor = int(draft.values.get("train_batch_size", 1)) * int(draft.values.get("gradient_accumulation_steps", 1))
        draft.set("learning_rate", float(draft.values["learning_rate"]) * factor, f"{where}, --scale_lr")
    if "with_prior_preservation" in flags and "num_class_images" not in draft.values:
        draft.set("num_class_images", 100, f"{where}, --with_prior_preservation")


def optimizer_words(flags: dict[str, str]) -> list[str]:
    words = {"adam_weight_decay": "weight_decay", "adam_epsilon": "eps"}
    found = [f"{name}={flags[key]}" for key, name in words.items() if key in flags]
    if "adam_beta1" in flags or "adam_beta2" in flags:
        found.append(f"betas={flags.get('adam_beta1', '0.9')},{flags.get('adam_beta2', '0.999')}")
    return found
