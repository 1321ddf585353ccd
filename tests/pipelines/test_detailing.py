"""The detailer as a flow: what it asks, and what stays of it when it is interrupted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from modules.params.detailer import DetailerTab
from modules.params.img2img import Img2Img
from modules.pipelines.detailing import Detailing, PlannedTab, with_find_seeds, with_picture_size
from modules.pipelines.plan import Files, ImagePlan, base_pass
from modules.pipelines.result import Result
from modules.sampling.detection import Detect, Detection
from modules.sampling.questions import Interrupted, ready
from modules.settings.options import Settings

PICTURE = np.zeros((64, 64, 3), np.uint8)


@dataclass
class OneFile:
    sha256: str = "a"


@pytest.fixture
def pass_():
    params = Img2Img(prompt="a boy", width=64, height=64, seed=5, subseed=7, init_images=("picture",), steps=4)
    return base_pass(params, Settings(), Files(OneFile()))


def plan_of(pass_, tab):
    detailing = Detailing([PlannedTab(tab, "mtcnn_face.safetensors", [pass_])])
    return ImagePlan(pass_.params, pass_.settings, pass_.files, (pass_,), lambda plan: ready(Result(PICTURE)), None, after=detailing)


def test_a_picture_in_which_nothing_is_found_stays_as_it_is(pass_):
    task = plan_of(pass_, DetailerTab(ad_model="mtcnn_face", ad_confidence=0.6)).task()
    ask = next(task)
    assert isinstance(ask, Detect) and (ask.name, ask.confidence) == ("mtcnn_face.safetensors", 0.6)
    with pytest.raises(StopIteration) as done:
        task.send([])
    result = done.value.value
    assert np.array_equal(result.pixels, PICTURE) and result.complete and "found nothing" in result.extra_params.notes[0]


@pytest.mark.parametrize("answers", [[], [[Detection((8, 8, 30, 30), 0.9)]]])
def test_an_interruption_leaves_the_picture_of_before(pass_, answers):
    task = plan_of(pass_, DetailerTab(ad_model="mtcnn_face")).task()
    next(task)
    for answer in answers:
        task.send(answer)
    with pytest.raises(StopIteration) as done:
        task.throw(Interrupted())
    assert np.array_equal(done.value.value.pixels, PICTURE) and not done.value.value.complete


def test_a_plan_counts_its_finds_steps(pass_):
    assert plan_of(pass_, DetailerTab(ad_model="x")).steps == 8


def test_seeds_count_up_from_find_to_find(pass_):
    plan = plan_of(pass_, DetailerTab(ad_model="x"))
    later = with_find_seeds(pass_, plan, 2, 4)
    assert (later.params.seed, later.params.subseed, later.first_step) == (7, 9, 4)
    same = replace(plan, settings=replace(plan.settings, ad_same_seed_for_each_tab=True))
    assert with_find_seeds(pass_, same, 2, 4).params.seed == 5


def test_a_find_that_is_painted_with_all_of_the_picture_has_its_size(pass_):
    from PIL import Image

    larger = Image.new("RGB", (130, 97))
    whole = with_picture_size(pass_, DetailerTab(ad_inpaint_only_masked=False), larger)
    assert (whole.params.width, whole.params.height, whole.frame) == (128, 96, (128, 96))
    assert with_picture_size(pass_, DetailerTab(), larger) is pass_
