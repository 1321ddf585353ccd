"""The safety checker's verdicts, and the files that it comes in."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessorPil

from modules.base.errors import ModelCorrupt, ModelMismatch, ModelMissing, ModelUnsafe, NotANumber
from modules.library.library import Library
from modules.library.model_kinds import SAFETY_CHECKER
from modules.library.safety_checkers import find_safety_checker
from modules.models.clip_vision import encoder_hints
from modules.models.safety import (
    SafetyCheckers,
    checker_config,
    checker_names,
    flagged_images,
    load_safety_checker,
)
from tests.golden_data import catalog_of
from tests.models.safety.checkers import ALWAYS, NEVER, REAL, as_published, small_checker, write_checker

CPU = torch.device("cpu")


def picture(seed, size=(40, 32)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


def shelf(folder):
    return Library({SAFETY_CHECKER.name: catalog_of(SAFETY_CHECKER, folder)})


def embedding(checker, image):
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": checker.config.vision_config.image_size},
        crop_size=dict.fromkeys(("height", "width"), checker.config.vision_config.image_size),
    )
    with torch.no_grad():
        pixels = processor(image, return_tensors="pt").pixel_values
        return checker.visual_projection(checker.vision_model(pixels).pooler_output)[0]


def likeness(one, other):
    return torch.nn.functional.cosine_similarity(one, other, 0).item()


# Verdicts -------------------------------------------------------------------------------------------


def test_a_picture_nearer_to_a_concept_than_its_threshold_is_flagged_and_its_neighbours_in_the_call_are_not():
    checker = small_checker()
    meant, others = picture(1), [Image.new("RGB", (24, 24), "white"), picture(2), picture(3)]
    concept = checker.concept_embeds.data[5] = embedding(checker, meant)
    nearest = max(likeness(concept, embedding(checker, other)) for other in others)
    assert nearest < 0.98
    checker.concept_embeds_weights.data[5] = (1 + nearest) / 2
    assert flagged_images(checker, [others[0], meant, *others[1:]]) == [False, True, False, False]


@pytest.mark.parametrize(("above", "flagged"), [(0.004, True), (-0.004, True), (-0.0104, False), (-0.02, False)])
def test_a_special_concept_lowers_all_thresholds_by_a_hundredth(above, flagged):
    """Differences are rounded to three digits; without the special concept only the first would be flagged."""
    checker, image = small_checker(), picture(1)
    checker.concept_embeds_weights.data[0] = likeness(checker.concept_embeds[0], embedding(checker, image)) - above
    assert flagged_images(checker, [image]) == [above > 0]
    checker.special_care_embeds_weights.data[1] = ALWAYS
    assert flagged_images(checker, [image]) == [flagged]


def test_a_special_concept_alone_flags_nothing():
    checker = small_checker()
    checker.special_care_embeds_weights.data.fill_(ALWAYS)
    assert flagged_images(checker, [picture(1)]) == [False]


def test_pictures_of_any_shape_and_mode_are_looked_at():
    images = [picture(1, (200, 3)), picture(2, (3, 200)), Image.new("RGBA", (9, 9)), Image.new("L", (1, 1))]
    assert flagged_images(small_checker(ALWAYS), images) == [True] * 4
    assert flagged_images(small_checker(NEVER), images) == [False] * 4


def test_more_pictures_than_fit_in_a_call_keep_their_order(tmp_path):
    checker, images = small_checker(), [picture(seed) for seed in range(19)]
    found = [likeness(checker.concept_embeds[0], embedding(checker, image)) for image in images]
    checker.concept_embeds_weights.data[0] = middle = sorted(found)[9] + 0.0006
    write_checker(tmp_path / "it/model.safetensors", checker)
    expected = [round(each - middle, 3) > 0 for each in found]
    assert 5 < sum(expected) < 14
    assert SafetyCheckers(shelf(tmp_path), CPU).check("", images) == expected


# Files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "model.ckpt"])
@pytest.mark.parametrize("published", [True, False])
def test_every_way_that_the_file_comes_in_gives_the_same_weights(tmp_path, name, published):
    checker = small_checker()
    path, state = write_checker(tmp_path / name, checker), checker.state_dict()
    if published:
        (save_file if name.endswith("safetensors") else torch.save)(as_published(state), path)
    loaded = load_safety_checker(path, CPU).state_dict()
    assert loaded.keys() == state.keys() and all(torch.equal(loaded[key], state[key]) for key in state)


def test_half_precision_is_computed_in_single(tmp_path):
    path = write_checker(tmp_path / "model.fp16.safetensors", small_checker(ALWAYS).half())
    loaded = load_safety_checker(path, CPU)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert flagged_images(loaded, [picture(1)]) == [True]


def test_sizes_come_from_the_weights_whatever_the_config_claims(tmp_path):
    path = write_checker(tmp_path / "model.safetensors", small_checker())
    config = path.with_name("config.json")
    config.write_text(json.dumps({"vision_config": {"hidden_size": 10**9, "num_hidden_layers": 10**9, "image_size": 0}}))
    assert load_safety_checker(path, CPU).config.vision_config.image_size == 24
    for nonsense in ("[]", '{"vision_config": []}', "{", '{"vision_config": {"num_attention_heads": 7}}'):
        config.write_text(nonsense)
        if "7" in nonsense:      # 32 numbers in seven heads
            with pytest.raises(ModelMismatch, match="model.safetensors"):
                load_safety_checker(path, CPU)
        else:
            load_safety_checker(path, CPU)


def test_heads_and_activation_come_from_the_config_beside_the_file(tmp_path):
    checker = small_checker()
    for config in (True, False):
        path = write_checker(tmp_path / str(config) / "model.safetensors", checker, config)
        found = embedding(load_safety_checker(path, CPU), picture(1))
        assert torch.allclose(found, embedding(checker, picture(1)), atol=1e-4) == config
    assert encoder_hints({"num_attention_heads": True, "hidden_act": "relu", "layer_norm_eps": "1"}) == {
        "num_attention_heads": True
    }
    assert encoder_hints({"hidden_act": ["gelu"], "layer_norm_eps": 1e-6}) == {"layer_norm_eps": 1e-6}


def test_the_published_checker_is_recognised_by_its_shapes():
    """Without memory: it has 304 million weights."""
    with torch.device("meta"):
        real = small_checker(sizes=REAL)
    state = as_published(real.state_dict())
    named = {checker_names(state)[name]: tensor for name, tensor in state.items()}
    config = checker_config(named, {})
    assert {name: getattr(config.vision_config, name) for name in REAL} == REAL
    assert config.vision_config.hidden_act == "quick_gelu" and config.projection_dim == 768
    with torch.device("meta"):
        again = StableDiffusionSafetyChecker(config).state_dict()
    shapes = {name: tensor.shape for name, tensor in again.items()}
    assert shapes == {name: tensor.shape for name, tensor in named.items() if not name.endswith("position_ids")}
    assert len(state) == 397 and shapes["concept_embeds"] == (17, 768) and shapes["special_care_embeds"] == (3, 768)


def test_another_model_is_refused_by_name(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "lora.safetensors")
    with pytest.raises(ModelMismatch, match="lora.safetensors is not Stable Diffusion's safety checker") as error:
        load_safety_checker(tmp_path / "lora.safetensors", CPU)
    assert "safety_checker_model" in error.value.hint


def test_a_file_with_too_few_concepts_or_layers_is_refused(tmp_path):
    state = small_checker().state_dict()
    save_file(state | {"concept_embeds": torch.zeros(16, 16)}, tmp_path / "few.safetensors")
    with pytest.raises(ModelMismatch, match="concept_embeds"):
        load_safety_checker(tmp_path / "few.safetensors", CPU)
    del state["vision_model.encoder.layers.1.mlp.fc2.bias"]
    save_file(state, tmp_path / "gap.safetensors")
    with pytest.raises(ModelMismatch, match="fc2.bias"):
        load_safety_checker(tmp_path / "gap.safetensors", CPU)


def test_a_pickle_that_would_run_code_is_not_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    torch.save({"concept_embeds": Bomb()}, tmp_path / "pytorch_model.bin")
    with pytest.raises((ModelUnsafe, ModelCorrupt)):
        load_safety_checker(tmp_path / "pytorch_model.bin", CPU)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["concept_embeds", "concept_embeds_weights", "visual_projection.weight"])
def test_what_is_no_number_is_an_error_and_not_a_picture_without_a_flag(tmp_path, name):
    checker = small_checker(ALWAYS)
    checker.get_parameter(name).data.fill_(float("nan"))
    write_checker(tmp_path / "model.safetensors", checker)
    with pytest.raises(NotANumber):
        SafetyCheckers(shelf(tmp_path), CPU).check("", [picture(1)])


# Finding it -----------------------------------------------------------------------------------------


def test_without_a_name_the_first_usable_file_is_taken_and_new_ones_are_seen(tmp_path):
    library = shelf(tmp_path)
    with pytest.raises(ModelMissing) as error:
        find_safety_checker(library, "")
    assert "models/safety_checker" in error.value.hint
    write_checker(tmp_path / "b/model.safetensors", small_checker())
    assert find_safety_checker(library, "").name == "b/model.safetensors"
    (tmp_path / "a").mkdir()
    (tmp_path / "a/model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert find_safety_checker(library, "").name == "b/model.safetensors"
    with pytest.raises(ModelCorrupt, match="LFS"):
        find_safety_checker(library, "a/model.safetensors")
    with pytest.raises(ModelMissing, match="'c/model'"):
        find_safety_checker(library, "c/model")


def test_the_checker_stays_in_memory_until_another_one_is_chosen(tmp_path, monkeypatch):
    for name, threshold in (("a", ALWAYS), ("b", NEVER)):
        write_checker(tmp_path / name / "model.safetensors", small_checker(threshold))
    loads = []

    def counted(path, device):
        loads.append(path.parent.name)
        return load_safety_checker(path, device)

    monkeypatch.setattr("modules.models.safety.load_safety_checker", counted)
    checkers = SafetyCheckers(shelf(tmp_path), CPU)
    for name, flag in (("a", True), ("a", True), ("b", False)):
        assert checkers.check(f"{name}/model.safetensors", [picture(1)]) == [flag]
    assert loads == ["a", "b"]
