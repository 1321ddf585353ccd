"""Jobs that train: files, states, pauses and crashes."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.errors import DiskFull, Invalid, NotFound, UnknownName
from modules.commands.easel import Easel
from modules.params.training import Training
from modules.requests.submit import Submission, submit
from modules.store.jobs import DONE, FAILED, INTERRUPTED
from modules.store.run_folder import PAUSE, SNAPSHOT, RunFolder
from modules.training.lora import Lora
from modules.training.state import RunState
from modules.worker.training.follower import RunFollower
from tests.golden_data import GOLDEN
from tests.training.conftest import draw_zorbs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (folder / "Stable-diffusion").mkdir()
    (folder / "Stable-diffusion" / "tiny.safetensors").symlink_to(GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors")
    return folder


def plan(folder: Path, **more: object) -> Training:
    settled = {"max_train_steps": 6, "train_batch_size": 2, "network_dim": 2, "seed": 5, "resolution": "32",
               "sample_every_n_steps": 100, "sample_at_first": False, "sample_prompts": "a zorb --w 64 --h 64 --s 1",
               "validate_every_n_steps": 5, "save_every_n_steps": 4}
    return Training(train_data_dir=str(folder), **settled | more)      # type: ignore[arg-type]


def tensors_of(path: Path) -> str:
    with safe_open(path, "pt") as file:
        return file.metadata()["sshs_model_hash"]


@pytest.fixture
def easel(models, tmp_path):
    with Easel(models=models, data=tmp_path / "data") as found:
        yield found


def begin(easel: Easel, request: Training) -> tuple[str, RunFolder]:
    job = submit(easel.app, Submission("train", request), LOCAL_ACCOUNT).job
    return job, RunFolder(Path(easel.app.jobs.get(job).params["run_folder"]))


def test_a_run_leaves_its_files(easel, tmp_path):
    job, run = begin(easel, plan(draw_zorbs(tmp_path / "zorb"), output_name="zorb-a", metadata_author="me"))
    record = easel.app.jobs.wait(job)
    assert (record.state, record.error) == (DONE, None)
    assert [Path(output.path).name for output in record.outputs] == ["zorb-a-step00000004.safetensors", "zorb-a.safetensors"]
    assert [line["step"] for line in run.log() if "loss" in line] == list(range(6))
    assert [line["step"] for line in run.log() if "validation" in line] == [0, 5, 6]
    drifts = [line["drift"] for line in run.log() if "validation" in line]
    assert len(drifts) == 3 and drifts[0] > 0 and drifts[0] != drifts[1]
    assert list(run.root.glob("events.out.tfevents.*"))
    with safe_open(record.outputs[1].path, "pt") as file:
        told = file.metadata()
    assert told["ss_network_dim"] == "2" and told["ss_steps"] == "6" and told["modelspec.author"] == "me"
    assert json.loads(told["ss_tag_frequency"])["zorb"]["a zorb on a teal background"] == 1
    # it can be drawn with at once
    drawn = easel.txt2img("a zorb <lora:zorb-a:1>", steps=2, width=64, height=64)
    assert "Lora hashes" in drawn.infotext


def test_event_files_lie_in_the_folder_that_is_named_for_them(easel, tmp_path):
    logs = tmp_path / "logs"
    request = plan(draw_zorbs(tmp_path / "zorb"), output_name="zorb-logs", max_train_steps=1, logging_dir=str(logs), log_prefix="first-")
    job, run = begin(easel, request)
    assert easel.app.jobs.wait(job).state == DONE
    assert [path.parent.name for path in logs.rglob("events.out.tfevents.*")] == [f"first-{run.root.name}"]
    assert not list(run.root.glob("events.out.tfevents.*"))


def test_a_whole_model_is_a_checkpoint_like_the_one_it_began_as(easel, models, tmp_path):
    """DreamBooth: the text encoder learns too. Samples are drawn with the snapshot itself."""
    request = plan(draw_zorbs(tmp_path / "zorb"), output_name="zorb-whole", method="dreambooth", learning_rate="0.001",
                   max_train_steps=2, save_every_n_steps=0, validate_every_n_steps=0, sample_every_n_steps=50)
    job, run = begin(easel, request)
    record = easel.app.jobs.wait(job)
    assert (record.state, record.error) == (DONE, None)
    base, new = (load_file(models / "Stable-diffusion" / f"{name}.safetensors") for name in ("tiny", "zorb-whole"))
    assert {key: tensor.shape for key, tensor in new.items()} == {key: tensor.shape for key, tensor in base.items()}
    changed = {key.split(".")[0] for key, tensor in new.items() if not torch.equal(tensor, base[key].to(tensor.dtype))}
    assert changed == {"model", "cond_stage_model"}
    [sample] = run.samples()
    drawn = easel.app.jobs.wait(sample["job"])
    assert drawn.state == DONE and drawn.settings["sd_model_checkpoint"] == "zorb-whole"


def test_a_decoder_is_a_vae_of_its_own(easel, models, tmp_path):
    request = plan(draw_zorbs(tmp_path / "zorb"), output_name="zorb-vae", method="vae", learning_rate="0.001",
                   max_train_steps=2, save_every_n_steps=0, validate_every_n_steps=0, sample_every_n_steps=50)
    job, run = begin(easel, request)
    record = easel.app.jobs.wait(job)
    assert (record.state, record.error) == (DONE, None)
    base, new = load_file(models / "Stable-diffusion/tiny.safetensors"), load_file(record.outputs[0].path)
    assert {f"first_stage_model.{key}" for key in new} == {key for key in base if key.startswith("first_stage_model.")}
    [sample] = run.samples()
    drawn = easel.app.jobs.wait(sample["job"])
    assert drawn.state == DONE and drawn.settings["sd_vae"] == "zorb-vae"


def controlnet_plan(folder: Path, name: str, **more: object) -> Training:
    return plan(folder, output_name=name, method="controlnet", save_every_n_steps=0, validate_every_n_steps=0, network_dim=0,
                **more)


def test_a_controlnet_is_drawn_with_and_gone_on_from(easel, tmp_path):
    folder = draw_zorbs(tmp_path / "zorb")
    job, run = begin(easel, controlnet_plan(folder, "zorb-lines", max_train_steps=3, learning_rate="0.02",
                                            sample_every_n_steps=50))
    record = easel.app.jobs.wait(job)
    assert (record.state, record.error) == (DONE, None)
    path = Path(record.outputs[-1].path)
    assert path.parent.name == "ControlNet" and "/controlnet" in safe_open(path, "pt").metadata()["modelspec.architecture"]
    [sample] = run.samples()
    drawn = easel.app.jobs.wait(sample["job"])
    [unit] = drawn.params["control"]
    assert (drawn.state, unit["model"].partition(" ")[0], unit["module"]) == (DONE, "zorb-lines", "canny")
    controlled, plain = (easel.txt2img("a zorb", steps=2, width=64, height=64, seed=1, control=units).image
                         for units in ([unit], []))
    assert controlled.tobytes() != plain.tobytes()
    further, _ = begin(easel, controlnet_plan(folder, "zorb-further", max_train_steps=1, learning_rate="1e-6",
                                              network_weights="zorb-lines", save_precision="fp32"))
    before, after = load_file(path), load_file(easel.app.jobs.wait(further).outputs[-1].path)
    name = "controlnet_cond_embedding.conv_in.weight"
    assert torch.allclose(before[name].float(), after[name], atol=1e-4) and not torch.equal(before[name].float(), after[name])


@pytest.mark.parametrize(("fields", "told"), [
    ({"method": "controlnet", "conditioning_preprocessor": ("reference_only",)}, "no map that a ControlNet could learn"),
    ({"method": "controlnet", "conditioning_preprocessor": ("cany",)}, "no preprocessor called"),
    ({"conditioning_preprocessor": ("canny",)}, "does not train with conditioning_preprocessor"),
    ({"logging_dir": "logs", "log_prefix": "../elsewhere-"}, "A file cannot be called"),
])
def test_what_nobody_could_follow_or_may_write_is_refused(easel, tmp_path, fields, told):
    with pytest.raises((Invalid, UnknownName), match=told):
        begin(easel, plan(draw_zorbs(tmp_path / "zorb"), **fields))


def test_a_pause_and_a_snapshot_change_nothing_that_is_learnt(easel, tmp_path):
    pictures = draw_zorbs(tmp_path / "zorb")
    whole, _ = begin(easel, plan(pictures, output_name="zorb-b"))
    first = tensors_of(Path(easel.app.jobs.wait(whole).outputs[-1].path))
    job, run = begin(easel, plan(pictures, output_name="zorb-c"))
    run.order(SNAPSHOT)
    run.order(PAUSE)
    with easel.app.jobs.unfinished.changed:
        easel.app.jobs.unfinished.changed.wait_for(lambda: easel.app.queue.is_paused(job))
    assert not easel.app.jobs.get(job).ended and list(run.state.glob("*.json"))
    easel.app.queue.pause(job, False)
    record = easel.app.jobs.wait(job)
    assert record.state == DONE and tensors_of(Path(record.outputs[-1].path)) == first


def test_a_run_that_was_stopped_goes_on_in_another_job(easel, tmp_path):
    pictures = draw_zorbs(tmp_path / "zorb")
    job, run = begin(easel, plan(pictures, output_name="zorb-d"))
    easel.app.jobs.interrupt(job)
    assert easel.app.jobs.wait(job).state == INTERRUPTED
    again, _ = begin(easel, Training(resume=run.root.name)) if run.exists else begin(easel, plan(pictures, output_name="zorb-d"))
    assert easel.app.jobs.wait(again).state == DONE


def test_class_pictures_are_drawn_by_the_model_itself_and_taught_beside(easel, tmp_path):
    request = plan(draw_zorbs(tmp_path / "zorb", count=4), output_name="zorb-class", class_prompt="a ball", num_class_images=3,
                   max_train_steps=2, save_every_n_steps=0)
    job, run = begin(easel, request)
    record = easel.app.jobs.wait(job)
    assert (record.state, record.error) == (DONE, None)
    assert [path.name for path in sorted((run.root / "class").iterdir())] == ["00000.png", "00001.png", "00002.png"]
    with safe_open(record.outputs[-1].path, "pt") as file:
        told = file.metadata()
    assert json.loads(told["ss_reg_dataset_dirs"])["class"]["img_count"] == 3
    assert json.loads(told["ss_tag_frequency"])["class"] == {"a ball": 3}
    with pytest.raises(Invalid, match="words"):
        begin(easel, plan(tmp_path / "zorb", num_class_images=3))


def test_a_caption_that_changed_before_a_run_goes_on_is_named(easel, tmp_path):
    pictures = draw_zorbs(tmp_path / "zorb")
    first, run = begin(easel, plan(pictures, output_name="zorb-e"))
    kept = (easel.app.jobs.wait(first), run.manifest()["data_hash"])
    (pictures / "3.txt").write_text("a zorb at night")
    again, _ = begin(easel, Training(resume=run.root.name, max_train_steps=8))
    record = easel.app.jobs.wait(again)
    assert record.state == DONE and ["3.png" in warning for warning in record.warnings] == [True]
    assert kept[0].warnings == () or not kept[0].warnings
    assert run.manifest()["data_hash"] != kept[1]


def test_a_full_disk_pauses_a_run_which_goes_on_as_if_there_had_been_room(easel, tmp_path, monkeypatch):
    pictures = draw_zorbs(tmp_path / "zorb")
    whole, _ = begin(easel, plan(pictures, output_name="zorb-f"))
    first = tensors_of(Path(easel.app.jobs.wait(whole).outputs[-1].path))
    write, left = RunState.write, [1]

    def filled(state: RunState, folder: Path) -> None:
        if not left:
            raise DiskFull("No space left to write it.", "")
        left.pop()
        write(state, folder)

    monkeypatch.setattr(RunState, "write", filled)
    job, _ = begin(easel, plan(pictures, output_name="zorb-g", save_every_n_steps=2))
    with easel.app.jobs.unfinished.changed:
        assert easel.app.jobs.unfinished.changed.wait_for(lambda: easel.app.queue.is_paused(job), 300)
    assert not easel.app.jobs.get(job).ended and "Make room" in easel.app.jobs.get(job).warnings[-1]
    monkeypatch.setattr(RunState, "write", write)
    easel.app.queue.pause(job, False)
    record = easel.app.jobs.wait(job)
    assert record.state == DONE and tensors_of(Path(record.outputs[-1].path)) == first


def test_weights_that_are_no_numbers_are_never_written(easel, tmp_path, monkeypatch):
    """As an optimiser may leave them behind, although no gradient was wrong."""

    def spoilt(lora: Lora) -> None:
        next(iter(lora.tensors.values())).data.fill_(float("nan"))

    monkeypatch.setattr(Lora, "after_step", spoilt)
    job, run = begin(easel, plan(draw_zorbs(tmp_path / "zorb"), output_name="zorb-nan", save_every_n_steps=1))
    record = easel.app.jobs.wait(job)
    assert record.state == FAILED and record.error["error"] == "nan", record.error
    assert not record.outputs and not list(run.state.glob("*.safetensors"))


def test_plans_that_cannot_be_are_refused_by_their_field(easel, tmp_path):
    pictures = draw_zorbs(tmp_path / "zorb")
    for wrong, field in ({"output_name": "a/b"}, "output_name"), ({"learning_rate_te": "0.1"}, "learning_rate_te"):
        with pytest.raises(Invalid) as refused:
            begin(easel, plan(pictures, **wrong))
        assert refused.value.field == field
    with pytest.raises(UnknownName, match="checkpoint"):
        begin(easel, plan(pictures, pretrained_model_name_or_path="nothing"))
    with pytest.raises(NotFound, match="no run"):
        begin(easel, Training(resume="never"))


@pytest.mark.parametrize(("fields", "steps"), [
    ({"sample_every_n_epochs": 2, "sample_every_n_steps": 0}, [0, 10]), ({"sample_every_n_steps": 8}, [0, 8, 16]),
    ({"sample_every_n_steps": 8, "validate_every_n_steps": 0}, []),
])
def test_without_a_word_of_its_own_validation_comes_with_the_samples(fields, steps):
    run = SimpleNamespace(
        plan=SimpleNamespace(request=Training(**fields)), lessons=SimpleNamespace(steps_per_epoch=5),
        course=SimpleNamespace(steps=100),
    )
    assert [step for step in range(20) if RunFollower.validates(run, step)] == steps
