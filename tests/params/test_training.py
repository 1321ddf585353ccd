"""The plan of a training: fields under sd-scripts' names, and what a method fills in."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from modules.base.fields import checker
from modules.params.training import Training
from modules.params.training_course import read_rates
from modules.params.training_data import TrainingDataset, TrainingSubset, option
from modules.params.training_methods import TRAINING_METHODS, method_of, with_method_defaults


def plan(**values) -> Training:
    return checker(Training).validate_python(values)


@pytest.mark.parametrize(("written", "read"), [(512, "512"), ("512,768", "512,768"), ([512, 768], "512,768"), ("512x768", "512,768")])
def test_a_size_may_be_a_number_a_list_or_a_text(written, read):
    assert plan(resolution=written).resolution == read


@pytest.mark.parametrize("wrong", ["", "large", "0", "99999", "1,2,3", -5])
def test_a_size_that_is_none_is_refused_or_left_out(wrong):
    if wrong == "":
        assert plan(resolution=wrong).resolution == ""
    else:
        with pytest.raises(ValidationError):
            plan(resolution=wrong)


def test_rates_are_numbers_or_the_lists_of_a1111():
    assert plan(learning_rate=1e-4).learning_rate == "0.0001"
    assert read_rates(plan(learning_rate="0.005:100, 1e-3:1000, 1e-5").learning_rate) == [(0.005, 100), (0.001, 1000), (1e-5, -1)]
    assert plan(text_encoder_lr="1e-5, 2e-5").text_encoder_lr == ("1e-5", "2e-5")
    assert plan(text_encoder_lr=[1e-5, 2e-5]).text_encoder_lr == ("1e-05", "2e-05")
    with pytest.raises(ValidationError, match="A rate is a number"):
        plan(learning_rate="fast")


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError):
        plan(netwrok_dim=4)


@pytest.mark.parametrize(
    ("fields", "method"),
    [
        ({}, "lora"), ({"token_string": "zorb"}, "textual-inversion"), ({"num_vectors_per_token": 2}, "textual-inversion"),
        ({"layer_structure": [1, 2, 1]}, "hypernetwork"), ({"method": "vae"}, "vae"), ({"method": "fine-tune"}, "fine-tune"),
    ],
)
def test_the_method_follows_from_the_fields(fields, method):
    assert method_of(plan(**fields)).name == method


def test_a_method_fills_in_what_is_open_and_nothing_else():
    full = with_method_defaults(plan())
    assert (full.method, full.learning_rate, full.text_encoder_lr) == ("lora", "0.0001", ("5e-05",))
    assert (full.network_dim, full.network_alpha, full.lr_scheduler, full.min_snr_gamma) == (16, 16.0, "cosine", 5.0)
    given = with_method_defaults(plan(learning_rate=1e-3, network_dim=4, network_alpha=1, min_snr_gamma=0, lr_scheduler="constant"))
    assert (given.learning_rate, given.text_encoder_lr, given.network_alpha) == ("0.001", (), 1.0)
    assert (given.network_dim, given.min_snr_gamma, given.lr_scheduler) == (4, 0.0, "constant")


def test_a_zero_that_means_never_is_no_open_field():
    full = with_method_defaults(plan(sample_every_n_steps=0, save_every_n_steps=0, lr_warmup_steps=0))
    assert (full.sample_every_n_steps, full.save_every_n_steps, full.lr_warmup_steps) == (0, 0, 0.0)


def test_an_alpha_that_is_not_given_is_the_rank():
    assert with_method_defaults(plan(network_dim=8)).network_alpha == 8.0


@pytest.mark.parametrize("name", TRAINING_METHODS)
def test_the_defaults_of_a_method_are_a_plan_and_filling_in_twice_changes_nothing(name):
    full = with_method_defaults(plan(method=name))
    assert checker(Training).validate_python(checker(Training).dump_python(full)) == full
    assert with_method_defaults(full) == full


def test_steps_follow_from_the_pictures_within_limits():
    lora = TRAINING_METHODS["lora"]
    assert [lora.steps(pictures) for pictures in (1, 14, 500)] == [800, 1400, 3000]


def test_the_lower_level_wins_and_the_default_comes_last():
    subset, dataset, run = TrainingSubset(keep_tokens=1), TrainingDataset(keep_tokens=2, flip_aug=True), plan(keep_tokens=3, flip_aug=False)
    assert option("keep_tokens", subset, dataset, run) == 1
    assert option("flip_aug", subset, dataset, run) is True
    assert option("num_repeats", subset, dataset, run) == 1


def test_a_nought_that_is_asked_for_is_never_and_not_the_methods():
    found = with_method_defaults(Training(sample_every_n_steps=0, save_every_n_steps=0))
    assert (found.sample_every_n_steps, found.save_every_n_steps) == (0, 0)
