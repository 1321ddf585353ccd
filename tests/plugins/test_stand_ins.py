"""What extensions import of programs that are not here: it can be imported, and using it is told."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from modules.plugins.hollow import NotHere, hollow
from modules.plugins.host import Host
from modules.plugins.importing import given_import
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags
from modules.surface.torchvision_stand_in import (
    CenterCrop,
    Compose,
    InterpolationMode,
    Normalize,
    ToTensor,
    pad,
    resize,
    to_pil_image,
    to_tensor,
)

PICTURE = Image.fromarray(np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3))


def test_hollow_names_can_be_imported_and_subclassed_but_not_used():
    attention = given_import("ldm.modules.attention", fromlist=("CrossAttention",)).CrossAttention

    class Own(attention):
        pass

    assert given_import("ldm").modules.attention.CrossAttention is attention
    with pytest.raises(NotHere, match="Easel has no ldm.modules.attention.CrossAttention"):
        Own()
    with pytest.raises(NotHere):
        attention.forward = None
    assert not hasattr(attention, "__len__")


def test_packages_of_a1111_are_hollow_with_their_modules():
    given_import("modules.textual_inversion.dataset", fromlist=("re_numbers_at_start",))
    assert given_import("modules", fromlist=("textual_inversion",)).textual_inversion.dataset.re_numbers_at_start.path


def test_names_that_a1111_has_not_are_missing():
    shared = given_import("modules.shared", fromlist=("backend",))
    assert not hasattr(shared, "backend")
    with pytest.raises(ModuleNotFoundError, match="modules.sd_simple_conditioning"):
        given_import("modules.sd_simple_conditioning")
    with pytest.raises(ModuleNotFoundError):
        given_import("modules_forge")


def test_packages_and_their_parts_come_as_from_python():
    top = given_import("modules.paths_internal")
    assert top.paths_internal is given_import("modules", fromlist=("paths_internal",)).paths_internal


def test_a_hollow_name_tells_its_path():
    assert hollow("a.b").c.path == "a.b.c"


def test_pictures_become_tensors_and_back():
    tensor = to_tensor(PICTURE)
    assert tensor.shape == (3, 4, 6) and tensor.max() <= 1
    assert np.array_equal(np.asarray(to_pil_image(tensor)), np.asarray(PICTURE))


def test_a_number_is_the_shorter_side():
    assert resize(PICTURE, 8).size == (12, 8)
    assert resize(to_tensor(PICTURE), [8, 3], InterpolationMode.NEAREST).shape == (3, 8, 3)


def test_transforms_follow_each_other():
    both = Compose([CenterCrop(2), ToTensor(), Normalize([0.5] * 3, [0.5] * 3)])
    found = both(PICTURE)
    assert found.shape == (3, 2, 2)
    assert torch.allclose(found, to_tensor(PICTURE.crop((2, 1, 4, 3))) * 2 - 1)


def test_borders_are_left_top_right_bottom():
    assert pad(PICTURE, (1, 2)).size == (8, 8)
    assert pad(to_tensor(PICTURE), [1, 2, 3, 0]).shape == (3, 6, 10)


def test_the_plots_of_a1111_can_be_imported_as_its_script(tmp_path):
    """`scripts.xyz_grid` is the module that stands in `scripts_data`; other files of A1111's are hollow."""
    scripts = tmp_path / "extensions/asking/scripts"
    scripts.mkdir(parents=True)
    (scripts / "asking.py").write_text(
        "import scripts.xyz_grid as plots\nfrom scripts.xyz_grid import axis_options\n"
        "from scripts.postprocessing_upscale import ScriptPostprocessingUpscale\n"
        "from modules import scripts\n"
        "SAME = [each.module for each in scripts.scripts_data if each.module.__name__.endswith('xyz_grid')] == [plots]\n"
    )
    host = Host(tmp_path / "extensions")
    host.load(SimpleNamespace(flags=Flags(data_dir=tmp_path), settings=SettingsFile(tmp_path / "config.json")))
    try:
        module = sys.modules["easel_extensions.asking.asking"]
        assert module.SAME and module.axis_options is module.plots.axis_options
    finally:
        host.unload()
