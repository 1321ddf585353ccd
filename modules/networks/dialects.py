"""Trainers' names of a model's modules: every name that a file may use → our path.

Our path is the part of the model and the module's name in it, `unet.down_blocks.0.attentions.0.proj_in`. A file's key
is a module's name in some dialect, a dot, and the name of the stored tensor:
`lora_unet_down_blocks_0_attentions_0_proj_in.alpha`. Names are looked up, never guessed: `to_out_0` is a module of the
model, or the key has no module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from modules.networks.patch import Shape

Shapes = Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Targets:
    """The parameters of one model that networks may change."""

    shapes: Shapes                   # parameter's path → shape: `unet.conv_in.weight` → (320, 4, 3, 3)
    aliases: Mapping[str, str]       # a file's name for a module → its path

    @classmethod
    def of(cls, shapes: Shapes, ldm: Mapping[str, str]) -> Targets:
        """Return the targets of a model.

        ldm: a UNet parameter's name in LDM's layout → its diffusers name, `input_blocks.0.0.weight` → `conv_in.weight`
        """
        modules = {module_of(path) for path in shapes}
        aliases = {
            alias: f"unet.{module_of(ours)}"
            for theirs, ours in ldm.items()
            for alias in spelt("ldm", module_of(theirs))
        }
        aliases |= {alias: path for path in modules for alias in spelt(*path.split(".", 1))}
        return cls(shapes, aliases)

    def place(self, key: str) -> tuple[str, str] | None:
        """Return a key's module, by its longest known name, and the part that the key stores, in kohya-ss's words."""
        key = modern(key)
        end = key.rfind(".")
        while end > 0:
            if path := self.aliases.get(key[:end]):
                return path, PART_NAMES.get(key[end + 1:], key[end + 1:])
            end = key.rfind(".", 0, end)
        return None


def module_of(parameter: str) -> str:
    return parameter.rpartition(".")[0]


def spelt(part: str, module: str) -> Iterator[str]:
    """Yield all names of one module of a part of the model.

    CLIP's had `text_model.` before them, and have it in most files still.
    """
    for name in (module, f"text_model.{module}") if part.startswith("text_encoder") else (module,):
        joined = name.replace(".", "_")
        yield from (form.format(dotted=name, joined=joined) for form in KEY_PATTERNS[part])


def modern(key: str) -> str:
    """Return a key of diffusers before 0.21, which stored LoRA in attention processors, in today's form."""
    if "_lora." in key:
        for old, new in PROCESSORS.items():
            key = key.replace(old, new)
    return key


def bundled_embedding(key: str) -> tuple[str, str] | None:
    """Return the word and the text encoder of a bundled embedding's key: `bundle_emb.WORD.clip_l` → (WORD, clip_l)."""
    for ending, encoder in EMBEDDING_ENCODERS.items():
        if key.startswith(BUNDLE) and key.endswith(ending):
            return key.removeprefix(BUNDLE).removesuffix(ending), encoder
    return None


def embeddings_of(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return the textual inversions bundled with a network: word → text encoder → (vectors, width)."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if place := bundled_embedding(key):
            found.setdefault(place[0], {})[place[1]] = tensor
    return found


KEY_PATTERNS = {
    "unet": (
        "lora_unet_{joined}",                                       # kohya-ss
        "lycoris_{joined}", "lycoris_unet_{joined}",                # LyCORIS
        "lora_unet.{dotted}",                                       # OneTrainer
        "unet.{dotted}", "{dotted}",                                # diffusers
        "base_model.model.{dotted}", "base_model.model.unet.{dotted}", "unet.base_model.model.{dotted}",      # PEFT
    ),
    "ldm": (                                                        # the UNet's names in checkpoints
        "lora_unet_{joined}",
        # kohya-ss's OFT; by diffusers' names it is not A1111's either
        "oft_unet_{joined}",
        "diffusion_model.{dotted}",                                 # ComfyUI
        # the Open Model Initiative's, as OneTrainer may write them
        "unet.{dotted}",
    ),
    "text_encoder": (
        "lora_te_{joined}", "lora_te1_{joined}", "lycoris_{joined}", "lycoris_te_{joined}", "lycoris_te1_{joined}",
        "lora_te.{dotted}", "lora_te1.{dotted}",
        "text_encoder.{dotted}", "{dotted}",
        "base_model.model.{dotted}", "base_model.model.text_encoder.{dotted}", "text_encoder.base_model.model.{dotted}",
        "clip_l.{dotted}",                                          # the Open Model Initiative's
        # ComfyUI: SD1's and SDXL's first, SD2's
        "text_encoders.clip_l.transformer.{dotted}", "text_encoders.clip_h.transformer.{dotted}",
    ),
    "text_encoder_2": (
        "lora_te2_{joined}", "lycoris_te2_{joined}",
        "lora_te2.{dotted}",
        "text_encoder_2.{dotted}",
        "base_model.model.text_encoder_2.{dotted}", "text_encoder_2.base_model.model.{dotted}",
        "clip_g.{dotted}",
        "text_encoders.clip_g.transformer.{dotted}",
    ),
}

PROCESSORS = {
    ".processor.to_q_lora.": ".to_q.lora.", ".processor.to_k_lora.": ".to_k.lora.",
    ".processor.to_v_lora.": ".to_v.lora.", ".processor.to_out_lora.": ".to_out.0.lora.",
    ".self_attn.to_q_lora.": ".self_attn.q_proj.lora.", ".self_attn.to_k_lora.": ".self_attn.k_proj.lora.",
    ".self_attn.to_v_lora.": ".self_attn.v_proj.lora.", ".self_attn.to_out_lora.": ".self_attn.out_proj.lora.",
}

PART_NAMES = {  # others' words → kohya-ss's
    # PEFT
    "lora_A.weight": "lora_down.weight",
    "lora_B.weight": "lora_up.weight",
    "lora_A.default.weight": "lora_down.weight",
    "lora_B.default.weight": "lora_up.weight",
    "lora_magnitude_vector.weight": "lora_magnitude_vector",
    "lora_magnitude_vector.default.weight": "lora_magnitude_vector",
    # diffusers
    "lora.down.weight": "lora_down.weight",
    "lora.up.weight": "lora_up.weight",
    "lora.alpha": "alpha",
    "lora_linear_layer.down.weight": "lora_down.weight",
    "lora_linear_layer.up.weight": "lora_up.weight",
}

USED_PARTS = re.compile(  # the parts that each kind uses
    r"alpha|scale|lora_(up|down|mid)\.weight|dora_scale|lora_magnitude_vector"
    r"|hada_(w[12]_[ab]|t[12])|lokr_(w[12](_[ab])?|t2)"
    r"|[ab][12]\.weight|on_input|weight|diff(_b)?|[wb]_norm|bias|oft_(blocks|diag)|rescale"
)

BUNDLE = "bundle_emb."
# the first, and SDXL's second
EMBEDDING_ENCODERS = {".string_to_param.*": "clip_l", ".clip_l": "clip_l", ".clip_g": "clip_g"}
