"""Other tools' configuration files become native keys; what is hostile or unknown is refused by name."""

from __future__ import annotations

import json
import tomllib

import pytest

from modules.base.errors import Invalid
from modules.params.training import Training
from modules.params.training_files.plan_draft import KEYS_WITHOUT_EFFECT, REFUSED_KEYS, RUN_KEYS, PlanDraft
from modules.params.training_files.reading import LARGEST_TRAINING_FILE, read_config_text, read_training_file, toml_of
from modules.params.training_methods import method_of
from modules.requests.read_fields import read_fields

SD_SCRIPTS = """
pretrained_model_name_or_path = "base"
[Basics]
train_data_dir = 'C:\\pictures'
resolution = "512,768"
max_train_steps = 1000
xformers = true
[Network_setup]
network_module = "networks.lora"
network_dim = 8
network_args = ["conv_dim=4"]
resume = false
[Optimizer]
use_8bit_adam = true
text_encoder_lr = 5e-5
[Hub]
huggingface_token = ""
save_state_to_huggingface = false
"""
DATASET = """
[general]
shuffle_caption = true
keep_tokens = 3
batch_size = 4
[[datasets]]
keep_tokens = 1
resolution = [512, 512]
  [[datasets.subsets]]
  image_dir = '/pictures/zorb'
  num_repeats = 10
  [[datasets.subsets]]
  image_dir = '/pictures/ball'
  is_reg = true
  keep_tokens = 2
"""
COMMAND = r"""
accelerate launch --num_cpu_threads_per_process=2 train_network.py \
  --pretrained_model_name_or_path "my model.safetensors" --resolution=512,512 ^
  --network_module=networks.lora --network-dim 8 --network_args "conv_dim=4" "algo=lora" --flip_aug --xformers
"""
DIFFUSERS = """export INSTANCE_DIR="dog"
accelerate launch train_dreambooth_lora.py --instance_data_dir=$INSTANCE_DIR --instance_prompt="a sks dog" --rank=4
  --with_prior_preservation --class_data_dir=dogs --class_prompt="a dog" --num_class_images=50 --learning_rate=1e-4
  --train_batch_size=2 --gradient_accumulation_steps=2 --scale_lr --snr_gamma=5 --checkpointing_steps=100 --adam_beta2=0.99
"""
GUI = {
    "LoRA_type": "LyCORIS/LoKr", "LyCORIS_preset": "full", "factor": 6, "conv_dim": 8, "conv_alpha": 1, "max_resolution": "512,512",
    "optimizer": "Prodigy", "optimizer_args": '"d0=1e-5" "weight_decay=0.4"', "epoch": 10, "lr_warmup": 10, "network_dim": 8,
    "vae_batch_size": 0, "max_train_epochs": "", "seed": "12345", "text_encoder_lr": 1.0, "gpu_ids": "", "sdxl_no_half_vae": True,
    "additional_parameters": '--lr_scheduler_type "CosineAnnealingLR"', "lora_network_weights": "", "some_other_tab": 3,
}
HCP = """
lora_unet:
  - {lr: 1e-4, rank: 8, layers: ['re:.*attn.?$']}
lora_text_encoder:
  - {lr: 1e-5, rank: 4}
train:
  train_steps: 1000
  gradient_accumulation_steps: 2
  save_step: 100
  scale_lr: true
  scheduler: {name: constant_with_warmup, num_warmup_steps: 50}
  optimizer: {_target_: torch.optim.AdamW, _partial_: true, weight_decay: 1e-3}
  loss: {criterion: {_target_: hcpdiff.loss.MinSNRLoss, gamma: 2.0}}
model: {pretrained_model_name_or_path: base, clip_skip: 1}
data:
  dataset1:
    batch_size: 4
    source: {data_source1: {img_root: imgs/, prompt_template: object.txt, caption_file: words.json, word_names: {pt1: zorb, class: ball}}}
    bucket: {target_area: '${hcp.eval:"512*512"}'}
  dataset_class:
    batch_size: 1
    loss_weight: 0.8
    source: {data_source1: {img_root: class/, word_names: {class: ball}}}
    bucket: {target_area: '${data.dataset1.bucket.target_area}'}
"""
A1111 = {
    "datetime": "2023", "model_name": "base", "embedding_name": "zorb", "learn_rate": "0.005:100, 0.001", "data_root": "/pictures",
    "template_file": "style.txt", "steps": 1000, "batch_size": 2, "training_width": 512, "training_height": 640, "varsize": False,
    "shuffle_tags": True, "tag_drop_out": 0.1, "latent_sampling_method": "deterministic",
}
ONETRAINER = {
    "training_method": "LORA", "base_model_name": "base", "learning_rate": 3e-4, "epochs": 20, "batch_size": 4, "lora_rank": 8,
    "lora_alpha": 2, "resolution": "512", "loss_weight_fn": "MIN_SNR_GAMMA", "loss_weight_strength": 4, "text_encoder": {"train": False},
    "learning_rate_scheduler": "COSINE", "optimizer": {"optimizer": "ADAMW_8BIT", "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.02},
    "save_every": 2, "save_every_unit": "EPOCH", "sample_after": 10, "sample_after_unit": "MINUTE", "train_dtype": "BFLOAT_16",
    "samples": [{"prompt": "a zorb", "width": 128, "seed": 3}], "max_noising_strength": 0.9,
    "concepts": [
        {"path": "/zorb", "type": "STANDARD", "balancing": 3.0, "balancing_strategy": "REPEATS",
         "text": {"enable_tag_shuffling": True, "keep_tags_count": 1}, "image": {"enable_random_flip": True}},
        {"path": "/off", "type": "STANDARD", "enabled": False}, {"path": "/looked at", "type": "VALIDATION"},
        {"path": "/ball", "type": "PRIOR_PREDICTION"},
    ],
}


def plan(text: str, name: str) -> Training:
    draft = read_config_text(text, name)
    draft.check()
    return read_fields(Training, draft.values)


def test_sd_scripts_toml_is_native_and_its_tables_are_flattened():
    draft = read_config_text(SD_SCRIPTS, "own.toml")
    draft.check()
    found = read_fields(Training, draft.values)
    assert (found.resolution, found.network_dim, found.max_train_steps, found.optimizer_type) == ("512,768", 8, 1000, "AdamW8bit")
    assert (found.network_arguments, found.resume, found.text_encoder_lr) == ({"conv_dim": "4"}, "", ("5e-05",))
    assert draft.where["network_dim"] == "own.toml, [Network_setup]" and "xformers" in draft.ignored[0]


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_a_data_set_file_keeps_its_levels(ending):
    text = DATASET if ending == "toml" else json.dumps(tomllib.loads(DATASET))
    found = plan(text, f"data.{ending}").datasets[0]
    assert (found.batch_size, found.resolution, found.shuffle_caption) == (4, "512,512", True)
    assert [(each.image_dir, each.num_repeats, each.is_reg, each.keep_tokens, each.shuffle_caption) for each in found.subsets] == [
        ("/pictures/zorb", 10, False, None, True), ("/pictures/ball", None, True, 2, True),
    ]


def test_a_configuration_may_name_its_data_set_file(tmp_path):
    (tmp_path / "data.toml").write_text(DATASET)
    (tmp_path / "own.toml").write_text("network_dim = 8\ndataset_config = 'data.toml'\n")
    assert read_training_file(tmp_path / "own.toml").values.keys() == {"network_dim", "datasets"}


def test_a_command_line_is_read_whatever_ends_its_lines():
    found = plan(COMMAND, "train.sh")
    assert (found.method, found.pretrained_model_name_or_path, found.resolution) == ("lora", "my model.safetensors", "512,512")
    assert (found.network_dim, found.network_arguments, found.flip_aug) == (8, {"conv_dim": "4", "algo": "lora"}, True)


def test_flags_of_diffusers_are_translated():
    found = plan(DIFFUSERS, "pasted")
    assert (found.train_data_dir, found.class_tokens, found.reg_data_dir, found.class_prompt) == ("dog", "a sks dog", "dogs", "a dog")
    assert (found.network_dim, found.num_class_images, found.learning_rate, found.min_snr_gamma) == (4, 50, "0.0004", 5.0)
    assert (found.save_every_n_steps, found.optimizer_arguments) == (100, {"betas": "0.9,0.99"})


@pytest.mark.parametrize(("line", "alone"), [
    ("train_dreambooth.py --instance_prompt=zorb", True),
    ("train_text_to_image_lora.py --rank=4", True),
    ("train_dreambooth_lora.py --train_text_encoder", False),
    ("train_network.py --network_dim=4", False),
    ("train_db.py", False),
])
def test_scripts_of_diffusers_leave_the_text_encoder_alone_unless_they_are_told(line, alone):
    draft = read_config_text(f"accelerate launch {line}", "line.sh")
    assert bool(draft.values.get("network_train_unet_only")) is alone


def test_the_gui_of_kohya_ss_is_translated_and_its_other_tabs_are_no_error():
    draft = read_config_text(json.dumps(GUI), "preset.json")
    draft.check()
    found = read_fields(Training, draft.values)
    assert (found.network_module, found.optimizer_type, found.max_train_epochs, found.lr_warmup_steps) == ("lycoris.kohya", "Prodigy", 10, 0.1)
    assert found.network_arguments == {"algo": "lokr", "conv_dim": "8", "conv_alpha": "1", "preset": "full", "factor": "6"}
    assert (found.optimizer_arguments["d0"], found.seed, found.no_half_vae, found.lr_scheduler_type) == ("1e-5", 12345, True, "CosineAnnealingLR")
    assert len(draft.unknown) == 1 and "some_other_tab" in draft.unknown[0]


@pytest.mark.parametrize(("boxes", "expected"), [
    ({"epoch": 10, "max_train_steps": "1600"}, {"max_train_steps": "1600"}),
    ({"epoch": 10, "max_train_steps": "0"}, {"max_train_epochs": 10}),
    ({"epoch": 0, "max_train_epochs": "0"}, {}),
    ({"unet_lr": 0.0001, "text_encoder_lr": 0}, {"unet_lr": 0.0001, "network_train_unet_only": True}),
    ({"unet_lr": 0, "text_encoder_lr": 0.0001}, {"text_encoder_lr": 0.0001, "network_train_text_encoder_only": True}),
    ({"unet_lr": 0, "text_encoder_lr": 0, "learning_rate": 0.0003}, {"learning_rate": 0.0003}),
    ({"noise_offset_type": "Original", "noise_offset": 0.1, "multires_noise_iterations": 6}, {"noise_offset": 0.1}),
    ({"noise_offset_type": "Multires", "noise_offset": 0.1, "multires_noise_iterations": 6}, {"multires_noise_iterations": 6}),
])
def test_boxes_of_kohya_ss_that_another_outweighs_or_that_stand_at_nothing_are_not_taken(boxes, expected):
    plain = {"LoRA_type": "Standard", "pretrained_model_name_or_path": "base.safetensors"}
    names = {"max_train_steps", "max_train_epochs", "unet_lr", "text_encoder_lr", "learning_rate", "network_train_unet_only",
             "network_train_text_encoder_only", "noise_offset", "multires_noise_iterations"}
    values = read_config_text(json.dumps({**plain, **boxes}), "preset.json").values
    assert {key: value for key, value in values.items() if key in names} == expected


def test_hcp_is_translated_and_its_rates_are_scaled():
    found = plan(HCP, "lora.yaml")
    assert (found.method, found.network_dim, found.network_alpha, found.clip_skip) == ("lora", 8, 1.0, 2)
    assert (found.unet_lr, found.text_encoder_lr) == ("0.0008", ("8e-05",))
    assert (found.min_snr_gamma, found.lr_warmup_steps, found.optimizer_arguments) == (2.0, 50.0, {"weight_decay": "1e-3"})
    first, second = found.datasets
    assert (first.resolution, first.batch_size, first.subsets[0].metadata_file) == ("512", 4, "words.json")
    assert (second.resolution, second.prior_loss_weight, second.subsets[0].is_reg) == ("512", 0.8, True)
    assert first.subsets[0].custom_attributes == {"pt1": "zorb", "class": "ball"}
    assert second.subsets[0].custom_attributes == {"pt1": "", "class": "ball"}


def test_the_bases_of_hcp_are_merged_from_the_folder_of_the_tool(tmp_path):
    (tmp_path / "cfgs" / "train").mkdir(parents=True)
    (tmp_path / "cfgs" / "base.yaml").write_text("train: {train_steps: 5, save_step: 7}\nseed: 3\n")
    (tmp_path / "cfgs" / "more.yaml").write_text("_base_: cfgs/base.yaml\n")
    path = tmp_path / "cfgs" / "train" / "own.yaml"
    path.write_text("_base_: [cfgs/base.yaml, cfgs/more.yaml]\ntrain: {train_steps: 9}\n")
    values = read_training_file(path).values
    assert (values["max_train_steps"], values["save_every_n_steps"], values["seed"]) == (9, 7, 3)
    path.write_text("_base_: [cfgs/train/own.yaml]\n")
    with pytest.raises(Invalid, match="builds on itself"):
        read_training_file(path)
    path.write_text("_base_: [../../secret.yaml]\n")
    with pytest.raises(Invalid, match="not there"):
        read_training_file(path)


def test_settings_of_a1111_and_onetrainer_are_translated():
    found = plan(json.dumps(A1111), "settings.json")
    assert (found.method, found.token_string, found.resolution, found.learning_rate) == ("textual-inversion", "zorb", "512,640", "0.005:100, 0.001")
    assert (found.enable_bucket, found.shuffle_caption, found.caption_tag_dropout_rate) == (False, True, 0.1)
    other = plan(json.dumps(ONETRAINER), "preset.json")
    assert (other.method, other.network_dim, other.network_alpha, other.min_snr_gamma, other.max_train_epochs) == ("lora", 8, 2.0, 4.0, 20)
    assert (other.optimizer_type, other.optimizer_args) == ("AdamW8bit", ("weight_decay=0.02", "betas=0.9,0.99"))
    assert (other.save_every_n_epochs, other.sample_every_n_epochs, other.sample_prompts) == (2, 0, "a zorb --w 128 --d 3")
    assert (other.mixed_precision, other.max_timestep, other.network_train_unet_only) == ("bf16", 900, True)
    zorb, ball = other.datasets[0].subsets
    assert (zorb.num_repeats, zorb.keep_tokens, zorb.shuffle_caption, zorb.flip_aug) == (3, 1, True, True)
    assert (zorb.image_dir, zorb.is_reg, ball.image_dir, ball.is_reg) == ("/zorb", False, "/ball", True)


def test_an_unknown_key_is_named_with_the_closest_known_one():
    with pytest.raises(Invalid, match="'netwrok_dim'. Did you mean 'network_dim'"):
        plan("netwrok_dim = 8", "own.toml")
    with pytest.raises(Invalid, match="subset 1: there is no key 'num_repeat'"):
        plan("[[datasets]]\n[[datasets.subsets]]\nimage_dir='a'\nnum_repeat=1", "own.toml")


@pytest.mark.parametrize("key", sorted(REFUSED_KEYS))
def test_what_sends_data_away_is_refused_when_it_is_switched_on(key):
    draft = PlanDraft()
    draft.put(key, False, "own.toml")
    draft.check()
    draft.put(key, "on", "own.toml")
    with pytest.raises(Invalid, match=key):
        draft.check()


def test_no_key_is_both_done_and_without_effect():
    assert not RUN_KEYS & (KEYS_WITHOUT_EFFECT | REFUSED_KEYS)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("a: !!python/object/apply:os.system [ls]", "a.yaml", "no plain YAML"),
        ("a: &x [1]\nb: *x", "a.yaml", "no plain YAML"),
        ("a: " + "[" * 5_000, "a.yaml", "nested too deeply"),
        ('{"a":' * 5_000, "a.json", "no JSON"),
        ('{"a":' * 50 + "1" + "}" * 50, "a.json", "nested too deeply"),
        ("a = " + "[" * 5_000, "a.toml", "a.toml"),
        ("a = [" + "1," * 20_000 + "]", "a.toml", "too many values"),
        ("[1]", "a.json", "no table"),
        ('train: {optimizer: {_target_: os.system}}', "a.yaml", "there is no 'os.system'"),
        ('train: {optimizer: {_target_: builtins.eval}}', "a.yaml", "there is no 'builtins.eval'"),
        ("data: {d: {source: {s: {img_root: i}}, bucket: {target_area: '${hcp.eval:\"__import__(1)\"}'}}}", "a.yaml", "no sum of numbers"),
        ("data: {d: {source: {s: {img_root: i}}, bucket: {target_area: '${hcp.eval:\"9**9**9\"}'}}}", "a.yaml", "no sum of numbers"),
        ("plugin_unet: {x: 1}", "a.yaml", "plug-ins"),
        ("path = \"C:\\pictures\"", "a.toml", "a.toml"),
        ("--key 'open", "a.sh", "Close|quotation"),
        ("words --lr 1", "a.txt", "belongs to no flag"),
    ],
)
def test_hostile_and_broken_files_are_refused(text, name, words):
    with pytest.raises(Invalid, match=words):
        read_config_text(text, name)


def test_files_that_are_too_large_no_text_or_not_there_are_refused(tmp_path):
    for content, words in [(b" " * (LARGEST_TRAINING_FILE + 1), "too large"), (b"\xff\xfe", "no UTF-8")]:
        (tmp_path / "a.toml").write_bytes(content)
        with pytest.raises(Invalid, match=words):
            read_training_file(tmp_path / "a.toml")
    with pytest.raises(Invalid, match="cannot be read"):
        read_training_file(tmp_path / "none.toml")


@pytest.mark.parametrize(("text", "name"), [(SD_SCRIPTS, "a.toml"), (DATASET, "a.toml"), (COMMAND, "a.sh"), (json.dumps(GUI), "a.json"), (HCP, "a.yaml")])
def test_a_plan_that_is_written_is_read_as_the_same(text, name):
    draft = read_config_text(text, name)
    first = read_fields(Training, draft.values)
    assert plan(toml_of(first, draft.where), "b.toml") == first
    assert method_of(first).name == "lora"
