"""HCP-Diffusion's YAML. Its `_target_` names Python objects to be called: here they are looked up in a table, never imported."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from typing import Any

from modules.base.errors import Invalid
from modules.params.training_files.plan_draft import PlanDraft

# optimisers and losses that may be named
HCP_OPTIMIZERS = {
    "torch.optim.AdamW": "AdamW", "torch.optim.Adam": "Adam", "torch.optim.SGD": "SGD", "bitsandbytes.optim.AdamW8bit": "AdamW8bit",
    "hcpdiff.optim.Lion": "Lion", "hcpdiff.utils.Lion": "Lion", "lion_pytorch.Lion": "Lion", "hcpdiff.deprecated.optim.Lion": "Lion",
    "prodigyopt.Prodigy": "Prodigy", "transformers.optimization.Adafactor": "AdaFactor",
}
HCP_LOSSES = {"torch.nn.MSELoss": None, "hcpdiff.loss.MSELoss": None, "hcpdiff.loss.MinSNRLoss": 1.0, "hcpdiff.loss.SNRLoss": 1.0}
ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv,
}
EVALUATED = re.compile(r"\$\{hcp\.eval:([^{}]*)\}")
HCP_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_.]*)\}")
LONGEST_SUM = 200
MOST_REFERENCES = 10        # that follow one another


def read_hcp(data: dict[str, Any], where: str) -> PlanDraft:
    """Return a draft of an HCP file whose bases are merged. Raises Invalid for what is not done here."""
    if data.get("plugin_unet") or data.get("plugin_TE"):
        raise Invalid(f"{where}: plug-ins (ControlNet, LyCORIS) of HCP are not read.", "Take plugin_unet and plugin_TE out.")
    data = with_references(data, data)
    draft = PlanDraft(lenient=True)
    put_hcp_networks(data, draft, where)
    put_hcp_data(section(data, "data"), draft, where)
    put_hcp_course(section(data, "train"), draft, where)
    model = section(data, "model")
    for key in ("pretrained_model_name_or_path", "gradient_checkpointing"):
        if model.get(key) not in (None, ""):
            draft.put(key, model[key], f"{where}, model.{key}")
    if isinstance(model.get("clip_skip"), int):
        draft.set("clip_skip", model["clip_skip"] + 1, f"{where}, model.clip_skip")
    for key in ("mixed_precision", "seed"):
        if data.get(key) not in (None, ""):
            draft.put(key, data[key], f"{where}, {key}")
    return draft


def put_hcp_networks(data: dict[str, Any], draft: PlanDraft, where: str) -> None:
    """Put what is trained: LoRA groups, whole networks, or words."""
    unet, text = groups(data.get("lora_unet")), groups(data.get("lora_text_encoder"))
    if unet or text:
        first = (unet or text)[0]
        draft.set("method", "lora", f"{where}, lora_unet")
        draft.set("network_dim", whole_rank(first.get("rank", 4), where), f"{where}, lora_unet.rank")
        draft.set("network_alpha", float(first.get("alpha", 1.0)), f"{where}, lora_unet.alpha")
        for found, key in ((unet, "unet_lr"), (text, "text_encoder_lr")):
            if found and "lr" in found[0]:
                draft.set(key, as_number(found[0]["lr"]), f"{where}, lora.lr")
        draft.set("network_train_unet_only" if not text else "network_train_text_encoder_only", not (unet and text), where)
        if any(other.get(key, first.get(key)) != first.get(key) for other in (*unet, *text) for key in ("rank", "alpha")):
            draft.ignored.append(f"{where}: all layers have the rank and alpha of the first group.")
        if any("resnets" in str(layer) or layer == "" for group in unet for layer in group.get("layers") or []):
            draft.set("network_args", [f"conv_dim={draft.values['network_dim']}"], f"{where}, lora_unet.layers")
    elif whole := groups(data.get("unet")):
        draft.set("method", "fine-tune", f"{where}, unet")
        draft.set("learning_rate", as_number(whole[0].get("lr", 1e-6)), f"{where}, unet.lr")
        draft.set("train_text_encoder", bool(groups(data.get("text_encoder"))), f"{where}, text_encoder")
    elif words := groups(section(data, "tokenizer_pt").get("train")):
        draft.set("method", "textual-inversion", f"{where}, tokenizer_pt")
        draft.set("token_string", str(words[0].get("name", "")), f"{where}, tokenizer_pt.train")
        draft.set("learning_rate", as_number(words[0].get("lr", 5e-3)), f"{where}, tokenizer_pt.train")
        if len(words) > 1:
            draft.ignored.append(f"{where}: only the first word, {words[0].get('name')}, is trained.")


def put_hcp_course(train: dict[str, Any], draft: PlanDraft, where: str) -> None:
    """Put duration, schedule, optimiser and loss."""
    names = {"train_steps": "max_train_steps", "train_epochs": "max_train_epochs", "gradient_accumulation_steps":
             "gradient_accumulation_steps", "max_grad_norm": "max_grad_norm", "save_step": "save_every_n_steps"}
    for key, ours in names.items():
        if train.get(key) is not None:
            draft.put(ours, train[key], f"{where}, train.{key}")
    schedule = section(train, "scheduler")
    if schedule.get("name"):
        draft.set("lr_scheduler", str(schedule["name"]), f"{where}, train.scheduler.name")
        draft.set("lr_warmup_steps", float(schedule.get("num_warmup_steps") or 0), f"{where}, train.scheduler")
    if train.get("train_steps") is None and isinstance(schedule.get("num_training_steps"), int):
        draft.set("max_train_steps", schedule["num_training_steps"], f"{where}, train.scheduler.num_training_steps")
    optimizer = section(train, "optimizer")
    if target := optimizer.get("_target_") or optimizer.get("type"):
        draft.set("optimizer_type", known_target(str(target), HCP_OPTIMIZERS, where), f"{where}, train.optimizer")
        words = [f"{key}={value}" for key, value in optimizer.items() if key not in ("_target_", "_partial_", "type")]
        draft.set("optimizer_args", words, f"{where}, train.optimizer")
    criterion = section(section(train, "loss"), "criterion")
    if (target := criterion.get("_target_")) and known_target(str(target), HCP_LOSSES, where):
        draft.set("min_snr_gamma", as_number(criterion.get("gamma", 1.0)), f"{where}, train.loss")
    if train.get("scale_lr"):
        scale_rates(draft, where)


def scale_rates(draft: PlanDraft, where: str) -> None:
    """Multiply the rates by batch size and accumulation, as `scale_lr` asks for."""
    factor = int(draft.values.get("gradient_accumulation_steps") or 1) * int(draft.values.get("train_batch_size") or 1)
    for key in ("learning_rate", "unet_lr", "text_encoder_lr"):
        if key in draft.values:
            draft.set(key, float(draft.values[key]) * factor, f"{where}, train.scale_lr")


def put_hcp_data(data: dict[str, Any], draft: PlanDraft, where: str) -> None:
    """Put parallel data sets; those beside the first show the class."""
    datasets = []
    for place, (name, dataset) in enumerate(each for each in data.items() if isinstance(each[1], dict)):
        sources = [each for each in section(dataset, "source").values() if isinstance(each, dict) and each.get("img_root")]
        bucket = section(dataset, "bucket")
        area = evaluated(bucket.get("target_area"), where)
        found: dict[str, Any] = {"subsets": [hcp_subset(source, place > 0) for source in sources]}
        if isinstance(dataset.get("batch_size"), int):
            found["batch_size"] = dataset["batch_size"]
        if area:
            found["resolution"] = max(8, round(math.sqrt(area)))
        elif bucket.get("target_size"):
            found["resolution"] = bucket["target_size"]
        if place and isinstance(dataset.get("loss_weight"), int | float):
            found["prior_loss_weight"] = dataset["loss_weight"]
        datasets.append(found)
        if not place:
            draft.set("train_batch_size", found.get("batch_size", 1), f"{where}, data.{name}")
        template = next((str(source["prompt_template"]) for source in sources if source.get("prompt_template")), "")
        if template and not place:
            draft.set("template_file", template, f"{where}, data.{name}.prompt_template")
        elif template and template != draft.values.get("template_file"):
            draft.ignored.append(f"{where}, data.{name}.prompt_template: the first data set's template is used.")
    if datasets:
        draft.set("datasets", with_every_word(datasets), f"{where}, data")


def with_every_word(datasets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return data sets whose words of templates are those of all; one that a source does not name is empty there."""
    subsets = [subset for dataset in datasets for subset in dataset["subsets"]]
    empty = {word: "" for subset in subsets for word in subset.get("custom_attributes", {})}
    for subset in subsets if empty else ():
        subset["custom_attributes"] = empty | subset.get("custom_attributes", {})
    return datasets


def hcp_subset(source: dict[str, Any], is_reg: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"image_dir": str(source["img_root"]), "is_reg": is_reg}
    if words := section(source, "word_names"):
        found["custom_attributes"] = {str(name): str(word) for name, word in words.items()}
    if str(source.get("caption_file") or "").endswith((".json", ".jsonl")):
        found["metadata_file"] = str(source["caption_file"])
    if isinstance(source.get("att_mask"), str):
        found["conditioning_data_dir"] = source["att_mask"]
    return found


# Values ----------------------------------------------------------------------------------------------


def section(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a section; an empty one for null, a list or a reference."""
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def with_references(value: Any, root: dict[str, Any]) -> Any:
    """Return values with `${section.key}` replaced by the number or text that stands there; others stay as they are."""
    if isinstance(value, dict):
        return {key: with_references(each, root) for key, each in value.items()}
    if isinstance(value, list):
        return [with_references(each, root) for each in value]
    for _ in range(MOST_REFERENCES):
        if not isinstance(value, str) or len(value) > LONGEST_SUM or not (found := HCP_REFERENCE.search(value)):
            break
        target = referred(root, found[1])
        if isinstance(target, dict | list | None):
            break
        value = target if found[0] == value else value.replace(found[0], str(target))
    return value


def referred(root: dict[str, Any], path: str) -> Any:
    found: Any = root
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def groups(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def whole_rank(value: Any, where: str) -> int:
    rank = as_number(value)
    if rank < 1:
        raise Invalid(f"{where}: a rank of {rank} is a share of each layer.", "Write a whole number.")
    return int(rank)


def as_number(value: Any) -> float:
    """Return a number; YAML reads 1e-4 as a text. Raises Invalid."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Invalid(f"{value!r:.80} is no number.", "Write it as a number.") from None


def known_target(name: str, known: dict[str, Any], where: str) -> Any:
    """Return what a `_target_` stands for. Raises Invalid for one that is not in the table."""
    if name not in known:
        raise Invalid(f"{where}: there is no {name[:100]!r} here.", f"Easel knows {', '.join(known)}.")
    return known[name]


def evaluated(value: Any, where: str) -> float:
    """Return a number, or what `${hcp.eval:"512*512"}` comes to: sums of numbers alone. Raises Invalid."""
    if value is None or isinstance(value, int | float):
        return float(value or 0)
    found = EVALUATED.fullmatch(str(value).strip())
    text = (found[1] if found else str(value)).strip().strip("\"'")
    if len(text) > LONGEST_SUM:
        raise Invalid(f"{where}: a sum of {len(text)} characters is too long.", "Write the number.")
    try:
        return float(computed(ast.parse(text, mode="eval").body))
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError):
        raise Invalid(f"{where}: {text[:80]!r} is no sum of numbers.", "Write the number.") from None


def computed(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        result: float = ARITHMETIC[type(node.op)](computed(node.left), computed(node.right))
        return result
    raise ValueError
