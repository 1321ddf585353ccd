"""Sample prompts are read as sd-scripts writes them: lines with options, TOML and JSON tables, its names of samplers."""

from __future__ import annotations

import json

import pytest

from modules.base.errors import UnknownName
from modules.params.training import Training
from modules.requests.sample_prompts import SamplePrompt, read_sample_prompt, sampler_to_sample_with
from modules.requests.training_samples import sample_prompts

TOML = """
[prompt]
width = 128
sample_sampler = "euler_a"
[[prompt.subset]]
prompt = "a zorb"
sample_steps = 5
[[prompt.subset]]
prompt = " a ball "
width = 64
scale = "much"
"""
FOUND = [
    SamplePrompt("a zorb", {"width": 128, "sampler_name": "Euler a", "steps": 5}),
    SamplePrompt("a ball", {"width": 64, "sampler_name": "Euler a"}),
]


def test_a_table_of_toml_has_options_for_all_and_for_each(tmp_path):
    (tmp_path / "prompts.toml").write_text(TOML)
    assert sample_prompts(Training(sample_prompts=str(tmp_path / "prompts.toml"))) == FOUND


def test_a_list_of_json_has_objects_and_texts(tmp_path):
    rows = [{"prompt": "a zorb", "seed": 3, "negative_prompt": "blurry", "unknown": 1}, "a ball", 7, {"width": 64}]
    (tmp_path / "prompts.json").write_text(json.dumps(rows))
    assert sample_prompts(Training(sample_prompts=str(tmp_path / "prompts.json"))) == [
        SamplePrompt("a zorb", {"seed": 3, "negative_prompt": "blurry"}), SamplePrompt("a ball", {}),
    ]


def test_lines_stand_in_the_plan_or_in_a_file_of_text(tmp_path):
    lines = "# all of them\na zorb --ss dpm_2 --d 4\n\na ball --ss nothing --w wide"
    (tmp_path / "prompts.txt").write_text(lines)
    found = [SamplePrompt("a zorb", {"sampler_name": "DPM2", "seed": 4}), SamplePrompt("a ball", {})]
    for given in (lines, str(tmp_path / "prompts.txt")):
        assert sample_prompts(Training(sample_prompts=given)) == found


@pytest.mark.parametrize(("theirs", "ours"), [
    ("ddim", "DDIM"), ("euler", "Euler"), ("k_euler_a", "Euler a"), ("heun", "Heun"), ("lms", "LMS"), ("k_dpm_2_a", "DPM2 a"),
    ("dpmsolver++", "DPM++ 2M"), ("pndm", "PLMS"), ("DPM++ 2M", "DPM++ 2M"),
])
def test_samplers_have_their_names_here(theirs, ours):
    assert sampler_to_sample_with(theirs) == ours
    assert read_sample_prompt(f"a zorb --ss {theirs}").fields == {"sampler_name": ours}


def test_a_sampler_that_there_is_none_of_is_named():
    with pytest.raises(UnknownName, match="no_such"):
        sampler_to_sample_with("no_such")
