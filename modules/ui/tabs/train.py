"""The Train tab: Easel's own page (assets/training), and A1111's three sub tabs, whose fields become the same jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.requests.training_data import NAMED_TEMPLATES
from modules.ui.words import Words

STORE = "a1111_training"      # of the controls' values in the page
ACTIVATION_NAMES = ("linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid")
WEIGHT_STARTS = ("Normal", "KaimingUniform", "KaimingNormal", "XavierUniform", "XavierNormal")
# label, start value, options of A1111's fields, by the names that its saved settings have
CREATED_EMBEDDING: Mapping[str, tuple[str, Any]] = {
    "new_embedding_name": ("Name", ""), "initialization_text": ("Initialization text", "*"),
    "nvpt": ("Number of vectors per token", 1), "overwrite_old_embedding": ("Overwrite Old Embedding", False),
}
CREATED_HYPERNETWORK: Mapping[str, tuple[str, Any]] = {
    "new_hypernetwork_name": ("Name", ""),
    "new_hypernetwork_sizes": ("Modules", ["768", "320", "640", "1280"]),
    "new_hypernetwork_layer_structure": ("Enter hypernetwork layer structure", "1, 2, 1"),
    "new_hypernetwork_activation_func": ("Select activation function of hypernetwork", "linear"),
    "new_hypernetwork_initialization_option": ("Select Layer weights initialization", "Normal"),
    "new_hypernetwork_add_layer_norm": ("Add layer normalization", False),
    "new_hypernetwork_use_dropout": ("Use dropout", False),
    "new_hypernetwork_dropout_structure": ("Enter hypernetwork Dropout structure", "0, 0, 0"),
    "overwrite_old_hypernetwork": ("Overwrite Old Hypernetwork", False),
}
TRAIN_FIELDS: Mapping[str, tuple[str, Any]] = {
    "embedding": ("Embedding", ""), "hypernetwork": ("Hypernetwork", ""),
    "embedding_learn_rate": ("Embedding Learning rate", "0.005"),
    "hypernetwork_learn_rate": ("Hypernetwork Learning rate", "0.00001"),
    "clip_grad_mode": ("Gradient Clipping", "disabled"), "clip_grad_value": ("Gradient Clipping value", "0.1"),
    "batch_size": ("Batch size", 1), "gradient_step": ("Gradient accumulation steps", 1),
    "dataset_directory": ("Dataset directory", ""), "template_file": ("Prompt template", "style_filewords.txt"),
    "training_width": ("Width", 512), "training_height": ("Height", 512), "varsize": ("Do not resize images", False),
    "steps": ("Max steps", 100_000),
    "create_image_every": ("Save an image to log directory every N steps, 0 to disable", 500),
    "save_embedding_every": ("Save a copy of embedding to log directory every N steps, 0 to disable", 500),
    "use_weight": ("Use PNG alpha channel as loss weight", False),
    "preview_from_txt2img": ("Read parameters (prompt, etc...) from txt2img tab when making previews", False),
    "shuffle_tags": ("Shuffle tags by ',' when creating prompts.", False),
    "tag_drop_out": ("Drop out tags when creating prompts.", 0),
    "latent_sampling_method": ("Choose latent sampling method", "once"),
}
A1111_FIELDS: Mapping[str, tuple[str, Any]] = {**CREATED_EMBEDDING, **CREATED_HYPERNETWORK, **TRAIN_FIELDS}
LISTED: Mapping[str, tuple[str, ...]] = {
    "new_hypernetwork_activation_func": ACTIVATION_NAMES, "new_hypernetwork_initialization_option": WEIGHT_STARTS,
    "clip_grad_mode": ("disabled", "value", "norm"), "latent_sampling_method": ("once", "deterministic", "random"),
    "embedding": (), "hypernetwork": (), "template_file": tuple(NAMED_TEMPLATES),
}
SLIDERS: Mapping[str, tuple[float, float, float]] = {
    "nvpt": (1, 75, 1), "training_width": (64, 2048, 8), "training_height": (64, 2048, 8), "tag_drop_out": (0, 1, 0.1),
}
SEEN_WHOLE = {"latent_sampling_method", "clip_grad_mode"}      # lists that are seen whole


def training_controls(words: Words) -> dict[str, Component]:
    """Return A1111's controls by name, with its element ids; not rendered yet."""
    return {name: training_control(name, words(label), value) for name, (label, value) in A1111_FIELDS.items()}


def training_control(name: str, label: str, value: Any) -> Component:
    common: dict[str, Any] = {"label": label, "value": value, "elem_id": f"train_{name}", "render": False}
    if name == "use_weight":
        common["elem_id"] = "use_weight"
    if name in SLIDERS:
        low, high, step = SLIDERS[name]
        return gr.Slider(low, high, step=step, buttons=[], **common)
    if name in LISTED:
        list_of = gr.Radio if name in SEEN_WHOLE else gr.Dropdown
        other = {"allow_custom_value": True} if name == "template_file" else {}
        return list_of([*LISTED[name]] or [""], interactive=True, **common, **other)
    if isinstance(value, list):
        return gr.CheckboxGroup(["768", "1024", "320", "640", "1280"], **common)
    kinds: Mapping[type, Any] = {bool: gr.Checkbox, int: gr.Number, str: gr.Textbox}
    found: Component = kinds[type(value)](**common | ({"precision": 0} if type(value) is int else {}))
    return found


def training_facts(controls: Mapping[str, Component]) -> dict[str, Any]:
    """Return element ids and start values by name, as the page's scripts make a form of them."""
    return {
        "ids": {name: control.elem_id for name, control in controls.items()},
        "values": {name: value for name, (_, value) in A1111_FIELDS.items()},
    }


def build(controls: Mapping[str, Component], words: Words) -> None:
    with gr.Tabs(elem_id="train_tabs", overflow_behavior="wrap"):
        with gr.Tab(words("Train with Easel"), id="easel_training", elem_id="tab_easel_training"):
            gr.HTML(elem_id="training_page", padding=False)
        for title, tab, part in sub_tabs():
            with gr.Tab(words(title), id=tab, elem_id=f"tab_{tab}"), gr.Column(elem_classes="a1111-training"):
                for name in part:
                    controls[name].render()
                with gr.Row():
                    for button in TRAINING_BUTTONS[tab]:
                        gr.Button(words(button[1]), elem_id=button[0], variant=button[2])
                gr.HTML(elem_id=f"{tab}_output" if tab != "train" else "ti_output", padding=False)


def sub_tabs() -> Iterator[tuple[str, str, Mapping[str, tuple[str, Any]]]]:
    """Yield A1111's sub tabs: title, id, fields."""
    yield "Create embedding", "create_embedding", CREATED_EMBEDDING
    yield "Create hypernetwork", "create_hypernetwork", CREATED_HYPERNETWORK
    yield "Train", "train", TRAIN_FIELDS


TRAINING_BUTTONS: Mapping[str, tuple[tuple[str, str, Any], ...]] = {
    "create_embedding": (("train_create_embedding", "Create embedding", "primary"),),
    "create_hypernetwork": (("train_create_hypernetwork", "Create hypernetwork", "primary"),),
    "train": (
        ("train_train_embedding", "Train Embedding", "primary"), ("train_interrupt_training", "Interrupt", "secondary"),
        ("train_train_hypernetwork", "Train Hypernetwork", "primary"),
    ),
}
