"""From A1111's arguments of create/* and train/* to plans. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from modules.base.errors import Invalid, UnknownName
from modules.library.catalog import Catalog, ModelFile
from modules.params.training import Training
from modules.params.training_files.others import read_a1111_settings
from modules.requests.read_fields import read_fields
from modules.requests.training_plan import plan_of_draft

WIDTH = re.compile(r"[1-9][0-9]{0,3}")      # of a module
A1111_WIDTHS = {320, 640, 768, 1280}      # of its form; nobody chose them, so the model's own are meant
# A1111's preview arguments → options of a line of sample prompts
PREVIEW_OPTIONS: Mapping[str, str] = {
    "preview_negative_prompt": "n", "preview_steps": "s", "preview_sampler_name": "ss", "preview_cfg_scale": "l",
    "preview_seed": "d", "preview_width": "w", "preview_height": "h",
}


def created_embedding(given: Mapping[str, Any]) -> Training:
    """Return the plan of an embedding that is to be written as it begins. Raises Invalid."""
    return read_fields(Training, {
        "method": "textual-inversion", "output_name": given["name"], "token_string": given["name"],
        "num_vectors_per_token": given["num_vectors_per_token"], "init_word": given["init_text"] or "*",
        "overwrite": given["overwrite_old"], "save_model_as": "pt",
    })


def created_hypernetwork(given: Mapping[str, Any]) -> Training:
    """Return the plan of a hypernetwork that is to be written as it begins. Raises Invalid."""
    widths = {whole_width(each) for each in given["enable_sizes"]}
    dropout = layer_numbers(given["dropout_structure"], "dropout_structure") if given["use_dropout"] else []
    return read_fields(Training, {
        "method": "hypernetwork", "output_name": given["name"], "overwrite": given["overwrite_old"],
        "hypernetwork_sizes": [] if widths == A1111_WIDTHS else sorted(widths),
        "layer_structure": layer_numbers(given["layer_structure"], "layer_structure") or [1, 2, 1],
        "activation_func": given["activation_func"] or "linear", "weight_init": given["weight_init"] or "Normal",
        "add_layer_norm": given["add_layer_norm"], "use_dropout": given["use_dropout"], "dropout_structure": dropout,
    })


def whole_width(given: str | int) -> int:
    if not WIDTH.fullmatch(text := str(given)):
        raise Invalid(f"A module cannot be {text[:40]!r} wide.", "Usual are 320, 640, 768, 1024 and 1280.",
                      "enable_sizes")
    return int(text)


def layer_numbers(given: str | Sequence[float] | None, field: str) -> list[float]:
    """Return the numbers of a structure such as "1, 2, 1". Raises Invalid, naming the field."""
    parts = given.split(",") if isinstance(given, str) else given or []
    try:
        return [float(part) for part in parts if str(part).strip()]
    except ValueError as error:
        raise Invalid(f"{given!r:.80} are no numbers.", "The usual structure is 1, 2, 1.", field) from error


def file_to_train(catalog: Catalog, name: str) -> ModelFile:
    """Return the file of exactly that name, since it is written anew. Raises UnknownName."""
    if not (found := catalog.all_named(name)):
        raise UnknownName(catalog.kind.label, name, [file.model_name for file in catalog.list()])
    return found[0]


def trained_further(file: ModelFile, given: Mapping[str, Any]) -> Training:
    """Return the plan of a file that is trained on, in its place, with A1111's arguments. Raises Invalid."""
    draft = read_a1111_settings({name: value for name, value in given.items() if name != "preview_prompt"}, "request")
    begins = "network_weights" if "hypernetwork_name" in given else "weights"
    own = {
        begins: file.name, "output_name": file.model_name, "overwrite": True, "output_dir": "",
        "template_file": given["template_filename"], "sample_prompts": preview_prompt(given),
    }
    for name, value in own.items():
        draft.set(name, value, "request")
    return plan_of_draft(draft).plan


def preview_prompt(given: Mapping[str, Any]) -> str:
    """Return a line of sample prompts; "" where A1111 would draw the caption in hand."""
    if not given["preview_from_txt2img"] or not given["preview_prompt"]:
        return ""
    options = [f" --{option} {on_one_line(given[name])}" for name, option in PREVIEW_OPTIONS.items()
               if given[name] not in (None, "", -1)]
    return on_one_line(given["preview_prompt"]) + "".join(options)


def on_one_line(text: Any) -> str:
    return " ".join(str(text).split())
