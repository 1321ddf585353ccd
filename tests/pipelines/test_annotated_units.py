"""ControlNet units whose preprocessor is a network: its map in whole pictures, and alone."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from modules.base.errors import OutOfMemory
from modules.engine.messages import JobSpec
from modules.imaging.inputs import load_input
from modules.library.model_kinds import ANNOTATOR
from modules.models.annotators.lineart import LineDrawer
from modules.models.device import Answers, Device, Placement
from modules.params.control import ControlUnit
from modules.params.img2img import Img2Img
from modules.params.map_request import MapRequest
from modules.params.txt2img import Txt2Img
from modules.prompts.tokenizer import load_tokenizer
from modules.requests.resolve import resolve_request
from modules.sampling.annotation import Annotate
from modules.sampling.questions import Facts
from modules.sampling.weights import Weights
from modules.settings.options import Settings
from modules.worker.saving import to_be_saved
from tests.golden_data import GOLDEN, assemble_models, golden_library, kept, with_folders
from tests.playing import inputs, made

pytestmark = pytest.mark.slow
SIZE = {"width": 64, "height": 64, "steps": 2, "seed": 5}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A device with the golden models and a drawer of lines with random weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.set_num_threads(1)
    torch.manual_seed(2)
    for name in ("checkpoints", "ControlNetPreprocessor"):
        (folder / name).mkdir()
    save_file(LineDrawer().state_dict(), folder / "ControlNetPreprocessor/sk_model.safetensors")
    found = golden_library(assemble_models(folder / "checkpoints"))
    found = with_folders(found, ANNOTATOR, folder / "ControlNetPreprocessor")
    return Device(found, load_tokenizer(GOLDEN / "models/tiny-clip"), Placement.choose(cpu=True), lambda *_: None)


def drawn(machine, request):
    settings = asdict(replace(Settings(), sd_model_checkpoint="tiny-sd1"))
    pictures, _ = made(machine, JobSpec("j", "test", "img2img" if request.__class__ is Img2Img else "txt2img",
                                        asdict(resolve_request(request)), settings))
    return pictures


def unit(module="lineart", **fields):
    return ControlUnit(**{
        "module": module, "model": "tiny_control_canny", "image": kept("@inputs/cn_shapes.png"), "processor_res": 64,
        **fields,
    })


def map_alone(machine, name="cn_shapes"):
    picture = np.asarray(load_input(inputs(), kept(f"@inputs/{name}.png")).convert("RGB"))
    [found] = machine.answer([Annotate(Weights(""), picture, "lineart", 64)])
    return found.levels


def test_a_picture_follows_the_networks_map_which_is_returned(machine):
    [plain], [found] = drawn(machine, Txt2Img(**SIZE)), drawn(machine, Txt2Img(**SIZE, control=(unit(),)))
    [shown] = found.maps
    assert np.array_equal(np.asarray(shown), map_alone(machine)) and not np.array_equal(found.pixels, plain.pixels)


def test_a_picture_alone_and_in_a_batch_are_within_one_level_and_the_network_is_asked_once(machine, monkeypatch):
    machine.annotators.maps._maps.clear()
    [alone] = drawn(machine, Txt2Img(**SIZE, control=(unit(),)))
    monkeypatch.setattr(machine.annotators, "_networks", None)      # no network is there to be asked
    together = drawn(machine, Txt2Img(**SIZE, control=(unit(),), batch_size=2))
    assert np.abs(together[0].pixels.astype(int) - alone.pixels).max() <= 1


@pytest.fixture
def crowded(machine, monkeypatch):
    """Answers Facts with "made" where no preprocessor's network is in memory; each try notes how many there are."""
    tries = []

    def answers(gradients=False, enough=0):
        def made_or_full(asks):
            tries.append(len(machine.annotators._loaded))
            if tries[-1] > enough:
                raise torch.OutOfMemoryError("full")
            return ["made"]

        monkeypatch.setitem(machine.answers, Facts, Answers(made_or_full, lambda asks: (asks,), gradients))
        machine.annotators.maps._maps.clear()
        map_alone(machine)
        return tries

    return answers


def test_where_memory_runs_out_preprocessors_leave_it_and_it_is_tried_once_more(machine, crowded):
    tries = crowded()
    assert machine.answer([Facts(Weights(""))]) == ["made"] and tries == [1, 0]


@pytest.mark.parametrize(("gradients", "enough", "found"), [(False, -1, [1, 0]), (True, 0, [1])])
def test_what_does_not_fit_even_so_is_told_and_half_a_step_of_training_is_not_done_again(
    machine, crowded, gradients, enough, found
):
    tries = crowded(gradients, enough)
    with pytest.raises(OutOfMemory):
        machine.answer([Facts(Weights(""))])
    assert tries == found


def test_both_passes_of_hires_fix_have_a_map_of_their_size(machine):
    request = Txt2Img(**SIZE, control=(unit(),), enable_hr=True, hr_scale=1.5, hr_upscaler="Latent")
    [found] = drawn(machine, request)
    assert [each.size for each in found.maps] == [(96, 96), (64, 64)]


def test_img2imgs_own_picture_is_seen(machine):
    request = Img2Img(**SIZE, init_images=(kept("@inputs/init_a.png"),), control=(unit(image=""),))
    [found] = drawn(machine, request)
    assert np.array_equal(np.asarray(found.maps[0]), map_alone(machine, "init_a"))


def test_a_job_of_maps_makes_the_same(machine):
    request = MapRequest(images=(kept("@inputs/cn_shapes.png"),), module="lineart", processor_res=64)
    spec = JobSpec("j", "test", "control_map", asdict(request), asdict(replace(Settings(), samples_format="jpg")))
    [found], plan = made(machine, spec)
    assert spec.save and not to_be_saved(plan, 0, found, spec) and plan.settings.samples_format == "png"
    assert np.array_equal(found.pixels, map_alone(machine)) and plan.infotext(0, found.extra_params) == ""
