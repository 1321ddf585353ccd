"""The preflight of a training: where each value came from, the sum of an epoch, each bad picture by name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from PIL import Image

from modules.app.folders import ServerFolders
from modules.app.training_looks import TrainingLooks
from modules.base.errors import Invalid
from modules.params.training import Training
from modules.params.training_data import TrainingDataset, TrainingSubset
from modules.requests import training_plan
from modules.requests.training import with_allowed_folders
from modules.requests.training_data import data_set_of
from modules.requests.training_plan import check_training_pictures, plan_of_draft, preview_lines, read_sources
from tests.imaging.dataset.test_dataset import picture


def test_a_folder_and_files_are_merged_left_to_right_and_their_origin_is_told(tmp_path):
    picture(tmp_path / "my-cat" / "a.png")
    (tmp_path / "one.toml").write_text("network_dim = 4\nseed = 1\n")
    (tmp_path / "two.toml").write_text("network_dim = 8\nxformers = true\n")
    read = plan_of_draft(read_sources([str(tmp_path / each) for each in ("my-cat", "one.toml", "two.toml")]))
    assert (read.plan.network_dim, read.plan.seed, read.plan.network_alpha) == (8, 1, 8.0)
    assert (read.where["network_dim"], read.where["seed"], read.where["lr_scheduler"]) == ("two.toml", "one.toml", "default of LoRA")
    assert "xformers" in read.notes[0]


def test_what_is_neither_folder_nor_plan_is_refused(tmp_path):
    with pytest.raises(Invalid, match="neither a folder nor a plan"):
        read_sources([str(tmp_path / "picture.png")])
    (tmp_path / "own.toml").write_text("netwrok_dim = 4")
    with pytest.raises(Invalid, match="Did you mean 'network_dim'"):
        read_sources([str(tmp_path / "own.toml")])


def test_each_bad_picture_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(training_plan, "HUGE", 128 * 128 - 1)
    folder = tmp_path / "10_zorb"
    picture(folder / "a.png", caption="a zorb, on grass")
    picture(folder / "copy.png")
    picture(folder / "glass.png", mode="RGBA", colour=(1, 2, 3, 0))
    picture(folder / "large.png", (128, 128), "blue")
    (folder / "broken.png").write_bytes(b"no picture")
    Image.new("RGB", (32, 32), "green").save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:60])
    read = plan_of_draft(read_sources([str(tmp_path)]))
    data = data_set_of(read.plan, 64)
    found = {(each.code, each.path.name) for each in check_training_pictures(data, TrainingLooks())}
    assert found == {
        ("unreadable", "broken.png"), ("unreadable", "cut.png"), ("duplicate", "copy.png"), ("transparent", "glass.png"),
        ("huge", "large.png"),
    }
    text = "\n".join(preview_lines(data, read, check_training_pictures(data, TrainingLooks())))
    assert "5 pictures × 10 repeats = 50, batch 2 → 25 steps an epoch; 800 steps = 32 epochs" in text
    assert "a.png: 64×64 → 64×64, cut 0%, × 10, file: 'a zorb, on grass'" in text
    assert "Error: cut.png" in text and "Note: copy.png: It is the same as a.png." in text


@pytest.mark.parametrize("field", ["template_file", "in_json", "sample_prompts", "metadata_file"])
def test_a_file_below_datasets_is_the_accounts_own_wherever_the_server_runs(field, tmp_path, monkeypatch):
    hers = tmp_path / "datasets/alice/cats"
    hers.mkdir(parents=True)
    (hers / "0.txt").write_text("alice's words")
    monkeypatch.chdir(tmp_path)
    bobs = tmp_path / "datasets/bob"
    mine = SimpleNamespace(folders=ServerFolders(tmp_path, (), True, bobs))
    named = "datasets/alice/cats/0.txt"
    subset = TrainingSubset(image_dir="datasets/mine", **({field: named} if field == "metadata_file" else {}))
    of_plan = {} if field == "metadata_file" else {field: named}
    plan = with_allowed_folders(mine, Training(datasets=(TrainingDataset(subsets=(subset,)),), **of_plan))
    found = getattr(plan.datasets[0].subsets[0] if field == "metadata_file" else plan, field)
    assert found == str(bobs / "alice/cats/0.txt")
