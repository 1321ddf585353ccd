"""Maps of one job's units, remembered by what they are made of, and the parts of pictures that they are made of."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from modules.imaging.resize import CROP_AND_RESIZE, resize_image
from modules.params.control import CROP_MAP, ControlUnit
from modules.pipelines.control import painted_image
from modules.pipelines.control_maps import MapMaker, StartPicture
from modules.pipelines.plan import PicturePart, PlannedUnit
from modules.pipelines.sampling import with_filled
from modules.sampling.annotation import Annotation
from modules.sampling.cond_extras import SHOWN_IMAGE
from modules.sampling.control import ControlTimeline
from modules.sampling.latent import SD_LATENT
from modules.settings.options import Settings

SIDE = 8
PART = PicturePart((4, 8, 12, 16), (2 * SIDE, 2 * SIDE))      # of a picture twice as large


def made(maps, unit, start=None, tile=None, **settings):
    """The map of a unit without a network."""
    planned = PlannedUnit(unit, None, maps, (SIDE, SIDE), tile)
    task = maps.of(planned, start, SimpleNamespace(settings=Settings(**settings)))
    with pytest.raises(StopIteration) as done:
        next(task)
    return done.value.value


def noise(seed=3):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def test_a_picture_in_the_memory_of_one_that_is_gone_has_a_map_of_its_own():
    maps = MapMaker(Image.open)
    found = [made(maps, ControlUnit(), StartPicture(Image.new("RGB", (8, 8), (grey,) * 3))) for grey in range(60)]
    assert [int(levels[0, 0, 0]) for levels in found] == [*range(60)]


def test_a_tile_sees_its_part_of_the_units_picture():
    whole, maps = noise(), MapMaker(lambda name: noise())
    cut = resize_image(whole, CROP_AND_RESIZE, PART.whole).crop(PART.box)
    assert np.array_equal(made(maps, ControlUnit(image="a"), tile=PART), np.asarray(cut))
    assert np.array_equal(made(maps, ControlUnit(image="a")), np.asarray(whole))


def test_a_tile_without_a_picture_of_the_unit_is_itself_seen_and_a_reference_is_seen_whole():
    maps, tile = MapMaker(lambda name: noise()), noise(4)
    assert np.array_equal(made(maps, ControlUnit(), StartPicture(tile), PART), np.asarray(tile))
    assert np.array_equal(made(maps, ControlUnit(image="a", module="reference_only"), tile=PART), np.asarray(noise()))


def test_a_drawn_mask_stands_for_an_empty_picture_unless_the_settings_say_otherwise():
    pictures = {"a": Image.new("RGB", (SIDE, SIDE)), "b": Image.new("L", (SIDE, SIDE))}
    pictures["b"].paste(255, (2, 2, 5, 5))
    unit = ControlUnit(image="a", mask="b")
    assert made(MapMaker(pictures.get), unit).max() == 255
    assert made(MapMaker(pictures.get), unit, controlnet_ignore_noninpaint_mask=True).max() == 0


@pytest.mark.parametrize(("mode", "frame", "size"), [
    ("Crop and Resize", (SIDE, SIDE), (SIDE, SIDE)), ("Resize and Fill", (2 * SIDE, SIDE), (2 * SIDE, SIDE)),
])
def test_a_hole_is_filled_before_it_is_painted_and_what_is_beside_the_picture_too(mode, frame, size):
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (2, 2, 5, 5))
    unit = ControlUnit(image="a", mask="b", module="inpaint_only+lama", resize_mode=mode)
    maps = MapMaker({"a": noise(), "b": mask}.get)
    task = maps.of(PlannedUnit(unit, None, maps, frame), None, SimpleNamespace(settings=Settings(), weights=None))
    asked = next(task)
    assert asked.name == unit.module and asked.pixels.shape == (*size[::-1], 4)
    painted = asked.pixels[:, :, 3] == 255
    assert painted.sum() == 9 + (size[0] - SIDE) * SIDE
    with pytest.raises(StopIteration) as done:
        task.send(Annotation(np.full((*size[::-1], 3), 7, np.uint8)))
    assert (done.value.value[:, :, :3] == 7).all() and np.array_equal(done.value.value[:, :, 3] == 255, painted)


def test_a_pass_begins_with_the_filled_picture_as_faint_as_at_the_last_trained_level():
    first, filled = torch.randn(4, 2, 2), torch.ones(4, 2, 2)
    trained = SimpleNamespace(highest=3.0)

    def begun(filled):
        control = ControlTimeline((), 1, filled=filled)
        return with_filled(first, trained, SimpleNamespace(guidance=SimpleNamespace(control=control)))

    assert torch.allclose(begun(filled), 0.1 ** 0.5 + 0.9 ** 0.5 * first)
    assert begun(None) is first and begun(torch.ones(4, 4, 4)) is first


@pytest.mark.parametrize("channels", [0, 4, 5])
def test_an_inpainting_model_is_shown_a_units_mask_and_its_picture_without_what_is_painted(channels):
    mask = Image.new("L", (16, 16))
    mask.paste(255, (8, 0, 10, 2))      # of the upper right cell
    unit = ControlUnit(image="a", mask="b", module="inpaint_only", resize_mode=CROP_MAP)
    picture = noise().resize((16, 16))
    maps = MapMaker({"a": picture, "b": mask}.get)
    params = SimpleNamespace(width=16, height=16)
    pass_ = SimpleNamespace(settings=Settings(), weights=None, facts="facts", second=False, params=params)
    task = painted_image(pass_, PlannedUnit(unit, None, maps, (16, 16)), None)
    assert next(task) == "facts"
    facts = SimpleNamespace(image_channels=channels, latent_channels=4, latent=SD_LATENT)
    if channels != 5:      # none that is shown a mask
        with pytest.raises(StopIteration) as done:
            task.send(facts)
        assert done.value.value == {}
        return
    asked = task.send(facts)
    assert (asked.pixels[:, :2, 8:10] == 0).all()
    assert torch.allclose(asked.pixels[:, 8:], torch.from_numpy(np.array(picture)[8:]).permute(2, 0, 1) / 127.5 - 1)
    with pytest.raises(StopIteration) as done:
        task.send(torch.ones(4, 2, 2))
    shown = done.value.value[SHOWN_IMAGE].image
    assert shown[0].tolist() == [[0, 1], [0, 0]] and shown.shape == (5, 2, 2)
