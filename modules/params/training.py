"""The parameters of a training: sd-scripts' key names, so that its TOML files are Easel's own.

Pictures, captions and buckets stand in `training_data`, rates, noise and loss in `training_course`, defaults by method
in `training_methods`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import MaxLen
from pydantic import BeforeValidator, ConfigDict

from modules.base.fields import Checkbox, Choice, Number, Param, Radio, Text
from modules.base.limits import MAX_PATH, MAX_PROMPT, MAX_SETTING
from modules.params.merge import LONGEST_NAME, ONLY_KNOWN
from modules.params.training_course import (
    LARGEST_NETWORK,
    MAX_STEPS,
    CourseOptions,
    LossOptions,
    NameValues,
    number_as_text,
)
from modules.params.training_data import DatasetOptions, TrainingDataset

METHOD_NAMES = ("lora", "textual-inversion", "hypernetwork", "dreambooth", "fine-tune", "vae", "controlnet")
MOST_VECTORS = 75           # of an embedding: as many tokens as a text's chunk has
FILE_KINDS = ("", "safetensors", "ckpt", "pt", "diffusers", "diffusers_safetensors")


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """What is trained: a network's kind and size, an embedding's or a hypernetwork's."""

    network_module: Annotated[str, Param("Network module", Text(1, 200), "networks.lora, or lycoris.kohya for its kinds.")] = ""
    network_dim: Annotated[int, Param("Rank", Number(0, LARGEST_NETWORK), "How much a LoRA can learn, and how large its file is; 0 is the method's.")] = 0
    network_alpha: Annotated[float, Param("Alpha", Number(0, 100_000), "Scales the LoRA by alpha / rank; 0 is the rank.")] = 0.0
    network_dropout: Annotated[float, Param("Network drop-out", Number(0, 1), "The share of values left out at each step.")] = 0.0
    network_args: Annotated[NameValues, Param("Network arguments", Text(), "Such as conv_dim=8 conv_alpha=4 algo=lokr.")] = ()
    network_weights: Annotated[str, Param("Begin with", Text(1, MAX_PATH), "A LoRA, hypernetwork or ControlNet to go on from.")] = ""
    dim_from_weights: Annotated[bool, Param("Rank of that file", Checkbox(), "Ranks are those of the file to begin with.")] = False
    network_train_unet_only: Annotated[bool, Param("UNet only", Checkbox(), "The text encoder is left alone.")] = False
    network_train_text_encoder_only: Annotated[bool, Param("Text encoder only", Checkbox(), "The UNet is left alone.")] = False
    train_text_encoder: Annotated[bool, Param("Train the text encoder", Checkbox(), "When a whole model is fine-tuned; DreamBooth does it unless UNet only is chosen.")] = False
    learning_rate_te: Annotated[str, BeforeValidator(number_as_text), Param("Text encoder rate", Text(1, 50), "When a whole model is trained.")] = ""
    learning_rate_te1: Annotated[str, BeforeValidator(number_as_text), Param("First text encoder's rate", Text(1, 50), "SDXL's, when a whole model is trained.")] = ""
    learning_rate_te2: Annotated[str, BeforeValidator(number_as_text), Param("Second text encoder's rate", Text(1, 50), "SDXL's, when a whole model is trained.")] = ""
    base_weights: Annotated[NameValues, Param("Networks merged before", Text(), "LoRAs that the model is trained with.")] = ()
    base_weights_multiplier: Annotated[tuple[float, ...], MaxLen(200), Param("Their strengths", Text(), "One for each.")] = ()
    token_string: Annotated[str, Param("Word", Text(1, LONGEST_NAME), "The word of an embedding, which its file is named by.")] = ""
    init_word: Annotated[str, Param("Begin from", Text(1, 1_000), "The words whose meaning the embedding begins with.")] = ""
    num_vectors_per_token: Annotated[int, Param("Vectors", Number(0, MOST_VECTORS), "How many tokens the word takes; 0 is the method's.")] = 0
    weights: Annotated[str, Param("Begin with an embedding", Text(1, MAX_PATH), "An embedding to go on from.")] = ""
    use_object_template: Annotated[bool, Param("Object templates", Checkbox(), "\"a photo of a …\" in place of captions.")] = False
    use_style_template: Annotated[bool, Param("Style templates", Checkbox(), "\"a painting in the style of …\" in place of captions.")] = False
    template_file: Annotated[str, Param("Prompt template", Text(1, MAX_PATH), "Lines with [name] and [filewords]; one is taken at random.")] = ""
    hypernetwork_sizes: Annotated[tuple[int, ...], MaxLen(20), Param("Modules", Text(), "Widths of attention with a network of their own; without any, the model's.")] = ()
    layer_structure: Annotated[tuple[float, ...], MaxLen(50), Param("Layer structure", Text(), "Widths of a hypernetwork's layers; the first and last are 1.")] = ()
    activation_func: Annotated[str, Param("Activation", Text(1, 50), "Between a hypernetwork's layers: linear, relu, leakyrelu, elu, swish, tanh, sigmoid or another of PyTorch's; without one the method's.")] = ""
    weight_init: Annotated[str, Param("Weights begin as", Radio(("Normal", "KaimingUniform", "KaimingNormal", "XavierUniform", "XavierNormal")), "A hypernetwork's.")] = "Normal"
    add_layer_norm: Annotated[bool, Param("Layer normalization", Checkbox(), "In a hypernetwork.")] = False
    use_dropout: Annotated[bool, Param("Drop-out", Checkbox(), "In a hypernetwork.")] = False
    dropout_structure: Annotated[tuple[float, ...], MaxLen(50), Param("Drop-out structure", Text(), "A share for each of its layers.")] = ()
    conditioning_preprocessor: Annotated[NameValues, Param("Maps by", Text(), "The preprocessor that makes the map of each picture for a ControlNet; of several one is drawn each time.")] = ()


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """Samples and validation."""

    sample_every_n_steps: Annotated[int | None, Param("Sample every n steps", Number(0, MAX_STEPS), "Draws the sample prompts; 0 is never, without one every 100.")] = None
    sample_every_n_epochs: Annotated[int, Param("Sample every n epochs", Number(0, MAX_STEPS), "In place of steps; 0 is off.")] = 0
    sample_at_first: Annotated[bool, Param("Sample at first", Checkbox(), "Draws the base model's own pictures beside them.")] = True
    sample_prompts: Annotated[str, Param("Sample prompts", Text(4, MAX_PROMPT), "One a line with options as in sd-scripts (--w 512 --d 1), or the path of such a file.")] = ""
    sample_sampler: Annotated[str, Param("Sample with", Text(1, 200), "A sampler's name; without one the model's default.")] = ""
    validate_every_n_steps: Annotated[int | None, Param("Validate every n steps", Number(0, MAX_STEPS), "0 is never, without one as often as samples.")] = None
    validate_every_n_epochs: Annotated[int, Param("Validate every n epochs", Number(0, MAX_STEPS), "In place of steps; 0 is off.")] = 0
    max_validation_steps: Annotated[int, Param("Pictures to validate on", Number(0, 100_000), "At most so many; 0 is all that are held out.")] = 0


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """Files that a run writes."""

    output_name: Annotated[str, Param("Name", Text(1, LONGEST_NAME), "The new file's name, and the run's.")] = ""
    output_dir: Annotated[str, Param("Folder", Text(1, MAX_PATH), "Where its files go; without one, the model folder of their kind.")] = ""
    save_model_as: Annotated[str, Param("Save as", Choice(FILE_KINDS), "safetensors or pt; without one the kind's usual.")] = ""
    save_precision: Annotated[str, Param("Precision of files", Radio(("", "float", "fp32", "fp16", "bf16")), "fp16 without one.")] = ""
    save_every_n_steps: Annotated[int | None, Param("Save every n steps", Number(0, MAX_STEPS), "0 is only at the end, without one the method's.")] = None
    save_every_n_epochs: Annotated[int, Param("Save every n epochs", Number(0, MAX_STEPS), "0 is off.")] = 0
    save_n_epoch_ratio: Annotated[int, Param("Save so often in all", Number(0, 10_000), "Spread evenly over the epochs; 0 is off.")] = 0
    save_last_n_epochs: Annotated[int, Param("Keep the last n epochs", Number(0, MAX_STEPS), "Older snapshots are removed; 0 keeps all.")] = 0
    save_last_n_steps: Annotated[int, Param("Keep the last n steps", Number(0, MAX_STEPS), "Older snapshots are removed; 0 keeps all.")] = 0
    save_last_n_epochs_state: Annotated[int, Param("Keep states of n epochs", Number(0, MAX_STEPS), "Older states are removed.")] = 0
    save_last_n_steps_state: Annotated[int, Param("Keep states of n steps", Number(0, MAX_STEPS), "Older states are removed.")] = 0
    save_state: Annotated[bool, Param("Save states", Checkbox(), "They are saved anyway, so that a run can go on.")] = False
    save_state_on_train_end: Annotated[bool, Param("Save the last state", Checkbox(), "To train further later.")] = False
    state_every: Annotated[float, Param("Minutes between states", Number(0.05, 10_000), "What a crash can cost.")] = 5.0
    resume: Annotated[str, Param("Go on from", Text(1, MAX_PATH), "A run's name or a state's folder.")] = ""
    initial_epoch: Annotated[int, Param("First epoch", Number(0, MAX_STEPS), "For weights that were trained before.")] = 0
    initial_step: Annotated[int, Param("First step", Number(0, MAX_STEPS), "For weights that were trained before.")] = 0
    skip_until_initial_step: Annotated[bool, Param("Skip to the first step", Checkbox(), "Pictures of the steps before are passed over.")] = False
    logging_dir: Annotated[str, Param("Log folder", Text(1, MAX_PATH), "Where event files for tensorboard go; without one the run's folder.")] = ""
    log_with: Annotated[str, Param("Log with", Text(1, 50), "tensorboard.")] = ""
    log_prefix: Annotated[str, Param("Log prefix", Text(1, 200), "Put before the log folder's name.")] = ""
    log_config: Annotated[bool, Param("Log the plan", Checkbox(), "It is in the run's folder anyway.")] = False
    no_metadata: Annotated[bool, Param("No metadata", Checkbox(), "Files do not say how they were trained.")] = False
    training_comment: Annotated[str, Param("Comment", Text(2), "Written into the file.")] = ""
    metadata_title: Annotated[str, Param("Title", Text(), "Written into the file.")] = ""
    metadata_author: Annotated[str, Param("Author", Text(), "Written into the file.")] = ""
    metadata_description: Annotated[str, Param("Description", Text(2), "Written into the file.")] = ""
    metadata_license: Annotated[str, Param("Licence", Text(), "Written into the file.")] = ""
    metadata_tags: Annotated[str, Param("Tags", Text(), "Written into the file, with commas between.")] = ""
    overwrite: Annotated[bool, Param("Overwrite", Checkbox(), "Replaces a file of the same name.")] = False


@dataclass(frozen=True, kw_only=True)
class Training(FileOptions, SampleOptions, NetworkOptions, LossOptions, CourseOptions, DatasetOptions):
    """The parameters of a training. Names as sd-scripts'; 0, "" and `None` are the method's default where the help says so."""

    __pydantic_config__: ClassVar[ConfigDict] = ONLY_KNOWN

    method: Annotated[str, Param("Method", Radio(("", *METHOD_NAMES)), "What is trained; without one it follows from the other fields.")] = ""
    pretrained_model_name_or_path: Annotated[str, Param("Model", Choice("checkpoints"), "The checkpoint that is trained on; without one the page's.")] = ""
    vae: Annotated[str, Param("VAE", Text(1, MAX_PATH), "Encodes the pictures; without one the model's own.")] = ""
    v2: Annotated[bool | None, Param("SD2", Checkbox(), "What the file is; checked against it.")] = None
    v_parameterization: Annotated[bool | None, Param("Predicts v", Checkbox(), "What the file predicts; checked against it.")] = None

    train_data_dir: Annotated[str, Param("Pictures", Text(1, MAX_PATH), "A folder with pictures, or with folders such as \"10_zorb ball\".")] = ""
    reg_data_dir: Annotated[str, Param("Class pictures", Text(1, MAX_PATH), "A folder with pictures of the class, likewise.")] = ""
    in_json: Annotated[str, Param("Metadata file", Text(1, MAX_PATH), "Captions of the folder's pictures in one JSON file.")] = ""
    dataset_repeats: Annotated[int, Param("Data set repeats", Number(1, 100_000), "For a metadata file.")] = 1
    conditioning_data_dir: Annotated[str, Param("Mask or map folder", Text(1, MAX_PATH), "Pictures of the same names: their brightness weighs the loss, or a ControlNet learns to follow them.")] = ""
    datasets: Annotated[tuple[TrainingDataset, ...], MaxLen(100)] = ()
    class_prompt: Annotated[str, Param("Class prompt", Text(1, MAX_SETTING), "What class pictures are drawn by.")] = ""
    num_class_images: Annotated[int, Param("Class pictures to draw", Number(0, 100_000), "Drawn with the model itself where there are fewer; 0 draws none.")] = 0
    allow_uncaptioned: Annotated[bool, Param("Allow missing captions", Checkbox(), "Otherwise a picture without caption and class words is an error.")] = False
    deduplicate: Annotated[bool, Param("Leave out duplicates", Checkbox(), "Of pictures with the same content only the first is trained on.")] = False

    train_share: Annotated[float, Param("Share of the device", Number(0, 1), "How much of its time training gets while pictures wait; 0 yields to them.")] = 0.25

    @property
    def network_arguments(self) -> dict[str, str]:
        """The network's arguments by name."""
        return argument_table(self.network_args)

    @property
    def optimizer_arguments(self) -> dict[str, str]:
        """The optimiser's arguments by name."""
        return argument_table(self.optimizer_args)


def argument_table(words: tuple[str, ...]) -> dict[str, str]:
    """Return texts "name=value" as a table; one without "=" is "True"."""
    pairs = (word.partition("=") for word in words)
    return {name.strip(): value.strip() if equals else "True" for name, equals, value in pairs}


