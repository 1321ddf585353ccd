"""The arguments of the networks that are trained, as sd-scripts and LyCORIS name them. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from modules.base.errors import Invalid
from modules.params.training import Training

LORA_ARGUMENTS = (
    "conv_dim", "conv_alpha", "rank_dropout", "module_dropout", "block_dims", "block_alphas", "conv_block_dims",
    "conv_block_alphas", "down_lr_weight", "mid_lr_weight", "up_lr_weight", "block_lr_zero_threshold",
    "loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio",
)
LYCORIS_MODULES = ("lycoris.kohya", "lycoris.locon")
LYCORIS_KINDS = ("lora", "locon", "loha", "lokr", "glora", "full", "diag-oft", "boft")
LYCORIS_SIZES = ("conv_dim", "conv_alpha", "dropout", "rank_dropout", "module_dropout")
# names in plans → those of the package's modules
LYCORIS_ARGUMENTS = {
    "factor": "factor", "decompose_both": "decompose_both", "use_tucker": "use_tucker", "use_cp": "use_tucker",
    "use_scalar": "use_scalar", "dora_wd": "weight_decompose", "wd_on_output": "wd_on_out", "constraint": "constraint",
    "rescaled": "rescaled", "full_matrix": "full_matrix", "unbalanced_factorization": "unbalanced_factorization",
    "rank_dropout_scale": "rank_dropout_scale", "rs_lora": "rs_lora",
}
# LyCORIS's sets of layers → whether convolutions are among them
LYCORIS_PRESETS = {"full": True, "attn-mlp": False}
# arguments that are taken at what they stand at without being named, and at nothing else
LYCORIS_USUAL = {"train_norm": "false", "bypass_mode": "false"}
FROM_FILE = ("network_weights", "dim_from_weights")


def check_network_arguments(plan: Training) -> None:
    """Raise Invalid, naming the field, for a kind of network or an argument that Easel does not train with."""
    given = dict(plan.network_arguments)
    if plan.network_module == "networks.lora":
        if unknown := [name for name in given if name not in LORA_ARGUMENTS]:
            raise Invalid(f"networks.lora has no argument {unknown[0]!r:.80}.", f"It has {', '.join(LORA_ARGUMENTS)}.",
                          "network_args")
        return
    if plan.network_module not in LYCORIS_MODULES:
        raise Invalid(f"Easel does not train networks of {plan.network_module!r:.80}.",
                      f"It does: networks.lora, {', '.join(LYCORIS_MODULES)}.", "network_module")
    check_lycoris(given)
    if named := [name for name in FROM_FILE if getattr(plan, name)]:
        raise Invalid(f"Easel begins no network of LyCORIS's kinds with a file, as {named[0]} wants.",
                      "Leave it out, or train networks.lora.", named[0])


def check_lycoris(given: Mapping[str, str]) -> None:
    """Raise Invalid for an argument of LyCORIS's, or a value of one, that Easel does not train with."""
    kind = given.get("algo", "lora").lower()
    if kind not in LYCORIS_KINDS:
        raise Invalid(f"Easel does not train LyCORIS's kind {kind!r:.80}.", f"It does: {', '.join(LYCORIS_KINDS)}.",
                      "network_args")
    if given.get("preset", "full") not in LYCORIS_PRESETS:
        raise Invalid(f"Easel does not train LyCORIS's preset {given['preset']!r:.80}.",
                      f"It does: {', '.join(LYCORIS_PRESETS)}.", "network_args")
    for name, usual in LYCORIS_USUAL.items():
        if given.get(name, usual).lower() != usual:
            raise Invalid(f"Easel does not train with {name}.", "Leave it out of the plan.", "network_args")
    known = {"algo", "preset", *LYCORIS_USUAL, *LYCORIS_SIZES, *LYCORIS_ARGUMENTS}
    if unknown := [name for name in given if name not in known]:
        raise Invalid(f"Easel knows no argument {unknown[0]!r:.80} of LyCORIS.",
                      f"It knows {', '.join((*LYCORIS_SIZES, *LYCORIS_ARGUMENTS))}.", "network_args")
