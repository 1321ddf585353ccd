"""`webui.py train`: command lines and plans, and runs that are listed and steered."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from modules.base.errors import Invalid, NotFound
from modules.commands.assemble import assemble
from modules.commands.train import ACTIONS, train, train_parser, training_asked
from modules.params.training import Training
from modules.requests.training import model_folder
from modules.settings.flags import parse_flags
from modules.store.run_folder import STOP, RunFolder
from tests.golden_data import GOLDEN
from tests.training.conftest import draw_zorbs


@pytest.fixture
def app(tmp_path):
    return assemble(parse_flags(["--data-dir", str(tmp_path / "data")]))


def asked_for(app, *words):
    given = vars(train_parser().parse_args(list(words)))
    for name in ACTIONS:
        given.pop(name)
    return training_asked(app, given)


def run_of(app, **facts) -> RunFolder:
    folder = RunFolder(app.data_of("local").paths.runs / "2026-01-01-cat")
    folder.tell(**facts)
    return folder


def test_a_folder_is_enough_and_flags_win_over_plans(app, tmp_path):
    assert asked_for(app, str(tmp_path)).train_data_dir == str(tmp_path)
    plan = tmp_path / "plan.toml"
    plan.write_text('[basics]\nlearning_rate = 1e-3\nflip_aug = true\nmax_train_steps = 5\nnetwork_args = ["conv_dim=4"]\n')
    found = asked_for(app, str(tmp_path), str(plan), "--max_train_steps", "7", "--no-flip-aug", "--seed", "3", "--no-metadata")
    assert (found.learning_rate, found.max_train_steps, found.flip_aug, found.seed) == ("0.001", 7, False, 3)
    assert found.no_metadata and not found.no_half_vae
    assert found.network_arguments == {"conv_dim": "4"} and found.train_data_dir == str(tmp_path)


@pytest.mark.slow
def test_a_dry_run_shows_the_pictures_takes_three_steps_and_keeps_nothing(tmp_path, capfd):
    (models := tmp_path / "data/models/Stable-diffusion").mkdir(parents=True)
    (models / "tiny.safetensors").symlink_to(GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors")
    flags = parse_flags(["--data-dir", str(tmp_path / "data")])
    words = "--dry-run", "--max-train-steps", "50", "--resolution", "32"
    assert train(flags, [str(draw_zorbs(tmp_path / "zorb")), *words]) == 0
    told = "".join(capfd.readouterr())
    assert "8 pictures" in told and "50 steps take about" in told and "Memory: " in told
    assert not list((tmp_path / "data").rglob("zorb*"))


@pytest.mark.parametrize("words", [[], ["nowhere"], ["--seed", "x", "."], ["--network-dim", "-1", "."]])
def test_what_makes_no_sense_is_refused(app, words):
    with pytest.raises(Invalid):
        asked_for(app, *words)


def test_a_file_that_is_no_plan_is_named(app, tmp_path):
    (tmp_path / "plan.toml").write_text("= 5")
    with pytest.raises(Invalid, match=r"plan\.toml: "):
        asked_for(app, str(tmp_path / "plan.toml"))


def test_the_same_command_goes_on_with_a_run_that_has_not_ended(app, tmp_path, capsys):
    params = {"train_data_dir": str(tmp_path), "output_name": "cat"}
    run = run_of(app, params=params, begun=1.0, steps=9)
    assert asked_for(app, str(tmp_path)).resume == run.root.name
    assert asked_for(app, str(tmp_path), "--fresh").resume == ""
    assert asked_for(app, "--resume", "cat").resume == run.root.name
    run.tell(finished=2.0)
    assert asked_for(app, str(tmp_path)).resume == ""
    with pytest.raises(NotFound):
        asked_for(app, "--resume", "dog")


def test_runs_are_listed_and_told_to_stop(app, capsys):
    run = run_of(app, params={"output_name": "cat"}, begun=1.0, steps=9)
    run.open_log(0)
    run.log_step({"step": 0, "loss": 0.5})
    assert ACTIONS["list"](app, True) == 0 and "step 1 of 9" in capsys.readouterr().out
    ACTIONS["stop"](app, "cat")
    assert run.take_orders() == [(STOP, 0.0)] and run.take_orders() == []


def test_a_file_that_is_replaced_is_so_where_it_lies(app):
    catalog = app.models.catalogs["lora"]
    (below := catalog.roots[0] / "cats").mkdir(parents=True)
    shutil.copy(GOLDEN / "models/Lora/boft.safetensors", below / "cat.safetensors")
    catalog.refresh()
    plan = Training(output_name="cat", overwrite=True)
    assert model_folder(plan, catalog) == below
    assert model_folder(replace(plan, overwrite=False), catalog) == catalog.roots[0]


def test_a_file_that_ships_is_not_replaced(app):
    catalog = app.models.catalogs["hypernetwork"]
    [shipped] = catalog.all_named("easel-midnight")
    assert catalog.ships(shipped)
    assert model_folder(Training(output_name="easel-midnight", overwrite=True), catalog) == catalog.roots[0]


def test_what_a_run_that_goes_on_keeps_is_told(app, tmp_path, capsys):
    run_of(app, params={"train_data_dir": str(tmp_path), "network_dim": 16, "optimizer_args": ["weight_decay=0.01"], "seed": 4})
    same = asked_for(app, str(tmp_path), "--network-dim", "16", "--optimizer-args", "weight_decay=0.01")
    assert same == Training(resume="2026-01-01-cat") and "keeps" not in capsys.readouterr().err
    other = asked_for(app, str(tmp_path), "--network-dim", "8", "--seed", "5", "--max-train-steps", "9")
    assert other == Training(resume="2026-01-01-cat", max_train_steps=9)
    assert "It keeps what it began with: network_dim, seed." in capsys.readouterr().err
