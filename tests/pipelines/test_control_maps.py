"""Maps of one job's units, remembered by what they are made of."""

from __future__ import annotations

from PIL import Image

from modules.params.control import ControlUnit
from modules.pipelines.control_maps import MapMaker, StartPicture
from modules.pipelines.plan import PlannedUnit
from modules.sampling.weights import Weights


def map_of(maps, grey):
    """The level of the map of a picture that nobody holds on to, as a loop of Loopback is given one."""
    planned = PlannedUnit(ControlUnit(), None, maps, (8, 8))
    task = maps.of(planned, StartPicture(Image.new("RGB", (8, 8), (grey,) * 3)), Weights(""))
    try:
        next(task)
    except StopIteration as done:
        return int(done.value[0, 0, 0])
    raise AssertionError("a map without a network asks nothing")


def test_a_picture_in_the_memory_of_one_that_is_gone_has_a_map_of_its_own():
    maps = MapMaker(Image.open)
    assert [map_of(maps, grey) for grey in range(60)] == [*range(60)]
