"""The files that a run makes, with the metadata that A1111, sd-scripts and Civitai read."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from modules.base.version import VERSION
from modules.imaging.dataset.captions import split_tags
from modules.training.control_student import ControlStudent
from modules.training.hypernetwork import HypernetworkStudent
from modules.training.inversion import WordStudent, a1111_embedding, embedding_tensors
from modules.training.lessons import Lessons
from modules.training.lora import Lora
from modules.training.lycoris_student import LycorisStudent
from modules.training.run import Run
from modules.training.student import Student
from modules.worker.training.planning import TrainingPlan

LEGACY_AT, LEGACY_LENGTH, LEGACY_DIGITS = 0x100000, 0x10000, 8      # of A1111's old hash of a file
FILE_PRECISIONS = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32, "float": torch.float32}
# fields of a plan that sd-scripts writes under their own names; of the second row, 0 and "" as None
COPIED_FIELDS = (
    "output_name", "seed", "zero_terminal_snr", "gradient_checkpointing", "gradient_accumulation_steps",
    "cache_latents", "full_fp16", "noise_offset", "noise_offset_random_strength", "multires_noise_iterations",
    "multires_noise_discount", "adaptive_noise_scale", "ip_noise_gamma", "ip_noise_gamma_random_strength",
    "min_snr_gamma", "loss_type", "huber_schedule", "huber_scale", "huber_c", "scale_weight_norms",
    "prior_loss_weight",
)
FIELDS_OR_NONE = ("learning_rate", "training_comment", "network_dropout", "clip_skip", "max_token_length")
BASE_VERSIONS = {"SD1": "sd_v1", "SD2": "sd_v2", "SDXL": "sdxl_base_v1-0"}
# what is said of a file's kind behind its architecture, where it is no model by itself
SPEC_KINDS = {"lora": "/lora", "embedding": "/textual-inversion", "vae": "/vae", "controlnet": "/controlnet"}
SPEC_ARCHITECTURES = {
    "SD1": "stable-diffusion-v1", "SD2": "stable-diffusion-v2-768-v", "SDXL": "stable-diffusion-xl-v1-base",
}


def file_ending(plan: TrainingPlan) -> str:
    """Return the ending of a run's files. A1111's `.pt` of an embedding has the vectors of one encoder alone."""
    if plan.method.name == "hypernetwork":
        return ".pt"
    pickles = plan.request.save_model_as in ("pt", "ckpt") and plan.method.name == "textual-inversion"
    return ".pt" if pickles and plan.family != "SDXL" else ".safetensors"


def file_of(plan: TrainingPlan, lessons: Lessons, run: Run, stem: str, begun: float) -> bytes:
    """Return the content of a file of the run as it is at its step."""
    student = run.student
    if file_ending(plan) == ".pt":
        return a1111_file(plan, student, stem, run.step)
    assert isinstance(student, Lora | LycorisStudent | WordStudent | ControlStudent)
    tensors = embedding_tensors(student.tensors) if isinstance(student, WordStudent) else student.file_tensors()
    kept = {name: in_precision(tensor, plan.request.save_precision) for name, tensor in tensors.items()}
    if plan.request.no_metadata:
        return save(kept, {"format": "pt"})
    told = metadata(plan, lessons, run, stem, begun)
    return save(kept, told | sshs_hashes(save(kept, {"format": "pt"})) | {"format": "pt"})


def a1111_file(plan: TrainingPlan, student: Student, stem: str, step: int) -> bytes:
    """Return the content of A1111's `.pt` file of an embedding or a hypernetwork."""
    model = plan.base.shorthash, plan.base.model_name
    if isinstance(student, HypernetworkStudent):
        return pickled(student.file_content(stem, step, model))
    assert isinstance(student, WordStudent)
    return pickled(a1111_embedding(stem, student.tensors, step, model))


def in_precision(tensor: Tensor, precision: str) -> Tensor:
    return tensor.to(FILE_PRECISIONS.get(precision, torch.float32)).contiguous()


def pickled(content: Mapping[Any, Any]) -> bytes:
    """Return torch's file of plain tensors and numbers, which `weights_only` readers accept."""
    file = io.BytesIO()
    torch.save(dict(content), file)
    return file.getvalue()


def sshs_hashes(file: bytes) -> dict[str, str]:
    """Return sd-scripts' hashes of a safetensors file: of its tensors alone, and A1111's old one."""
    header = 8 + int.from_bytes(file[:8], "little")
    legacy = sha256(file[LEGACY_AT : LEGACY_AT + LEGACY_LENGTH]).hexdigest()[:LEGACY_DIGITS]
    return {"sshs_model_hash": sha256(file[header:]).hexdigest(), "sshs_legacy_hash": legacy}


def metadata(plan: TrainingPlan, lessons: Lessons, run: Run, stem: str, begun: float) -> dict[str, str]:
    """Return the metadata of a file, all texts, as sd-scripts writes them."""
    values = course_facts(plan, lessons, run, begun) | model_facts(plan) | data_facts(lessons)
    values |= specification(plan, stem)
    return {name: json.dumps(value) if isinstance(value, dict | list) else str(value) for name, value in values.items()}


def course_facts(plan: TrainingPlan, lessons: Lessons, run: Run, begun: float) -> dict[str, Any]:
    """Return how it was trained."""
    request, course = plan.request, run.course
    epochs, epoch = (-(-steps // lessons.steps_per_epoch) for steps in (course.steps, run.step))
    optimizer = type(run.optimizer)
    facts: dict[str, Any] = {
        "ss_session_id": int(plan.hash[:8], 16),
        "ss_training_started_at": begun,
        "ss_training_finished_at": time.time(),
        "ss_sd_scripts_commit_hash": f"easel {VERSION}",
        "ss_unet_lr": request.unet_lr or None,
        "ss_text_encoder_lr": ",".join(request.text_encoder_lr) or None,
        "ss_num_epochs": epochs,
        "ss_epoch": epoch,
        "ss_steps": run.step,
        "ss_max_train_steps": course.steps,
        "ss_lr_scheduler": course.schedule.name,
        "ss_lr_warmup_steps": course.schedule.rising,
        "ss_optimizer": f"{optimizer.__module__}.{optimizer.__name__}({','.join(request.optimizer_args)})",
        "ss_max_grad_norm": course.largest,
        "ss_mixed_precision": request.mixed_precision or "no",
        "ss_network_args": request.network_arguments or None,
        "ss_debiased_estimation": request.debiased_estimation_loss,
    }
    facts |= {f"ss_{name}": getattr(request, name) for name in COPIED_FIELDS}
    facts |= {f"ss_{name}": getattr(request, name) or None for name in FIELDS_OR_NONE}
    if plan.method.name == "lora":
        alpha = request.network_alpha or request.network_dim
        facts |= {"ss_network_module": request.network_module, "ss_network_dim": request.network_dim,
                  "ss_network_alpha": alpha}
    return facts


def model_facts(plan: TrainingPlan) -> dict[str, Any]:
    """Return what it was trained on; names, never paths."""
    family = plan.family
    return {
        "ss_sd_model_name": plan.base.path.name, "ss_new_sd_model_hash": plan.base.sha256,
        "ss_sd_model_hash": plan.base.shorthash[:8], "ss_v2": family == "SD2",
        "ss_base_model_version": BASE_VERSIONS.get(family, family),
    }


def data_facts(lessons: Lessons) -> dict[str, Any]:
    """Return the pictures' folders, tags and buckets."""
    data = lessons.data
    folders: dict[bool, dict[str, dict[str, int]]] = {False: {}, True: {}}
    tags: dict[str, Counter[str]] = {}
    buckets: Counter[tuple[int, int]] = Counter()
    for picture in data.pictures:
        name = picture.subset.folder.name
        entry = folders[picture.is_reg].setdefault(name, {"n_repeats": picture.repeats, "img_count": 0})
        entry["img_count"] += 1
        tags.setdefault(name, Counter()).update(split_tags(picture.caption.text.split("\n")[0]))
        buckets[picture.placement.bucket] += picture.repeats
    sizes = {str(place): {"resolution": list(size), "count": count}
             for place, (size, count) in enumerate(sorted(buckets.items()))}
    rules = data.groups[0].rules
    return {
        "ss_num_train_images": sum(each.repeats for each in data.pictures if not each.is_reg),
        "ss_num_reg_images": sum(each.repeats for each in data.pictures if each.is_reg),
        "ss_num_validation_images": len(data.held_out), "ss_num_batches_per_epoch": data.batch_count,
        "ss_dataset_dirs": folders[False],
        "ss_reg_dataset_dirs": folders[True],
        "ss_tag_frequency": tags,
        "ss_bucket_info": {"buckets": sizes},
        "ss_resolution": str(rules.resolution),
        "ss_enable_bucket": rules.enabled,
        "ss_batch_size_per_device": data.groups[0].batch_size,
        "ss_total_batch_size": data.groups[0].batch_size,
        "ss_min_bucket_reso": rules.shortest,
        "ss_max_bucket_reso": rules.longest,
    }


def specification(plan: TrainingPlan, stem: str) -> dict[str, Any]:
    """Return the model specification's keys (modelspec 1.0.1)."""
    request, kind = plan.request, SPEC_KINDS.get(plan.method.kind, "")
    told = {
        "sai_model_spec": "1.0.1", "architecture": f"{SPEC_ARCHITECTURES.get(plan.family, plan.family)}{kind}",
        "implementation": "https://github.com/Stability-AI/generative-models", "title": request.metadata_title or stem,
        "date": time.strftime("%Y-%m-%dT%H:%M:%S"), "author": request.metadata_author,
        "description": request.metadata_description, "license": request.metadata_license, "tags": request.metadata_tags,
        "trigger_phrase": request.token_string,
    }
    return {f"modelspec.{name}": value for name, value in told.items() if value}
