"""A1111's `modules.images` as extensions use it: names, folders, callbacks and texts of saved pictures, and grids."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from modules.base.errors import Forbidden, Invalid
from modules.imaging.read import read_metadata
from modules.plugins.callbacks import ExtensionListener
from modules.plugins.host import Host, surface
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags

TEXT = "a fox\nSteps: 1, Seed: 7"
SCRIPT = "from modules import images\n"


@pytest.fixture
def host(tmp_path):
    path = tmp_path / "extensions/saves/scripts/saves.py"
    path.parent.mkdir(parents=True)
    path.write_text(SCRIPT, "utf-8")
    found = Host(tmp_path / "extensions")
    settings = SettingsFile(tmp_path / "config.json")
    settings.change(save_to_dirs=False)
    found.load(SimpleNamespace(flags=Flags(data_dir=tmp_path), settings=settings))
    yield found
    found.unload()


@pytest.fixture
def save(host, tmp_path):
    def save(*args, **kwargs):
        picture = kwargs.pop("image", None) or Image.new("RGB", (8, 8), "red")
        path, text = surface("images").save_image(picture, str(tmp_path / "outputs/own"), *args, **kwargs)
        found = Path(path).relative_to(tmp_path / "outputs/own")
        return str(found), text and Path(text).read_text("utf-8")

    return save


def listen(host, moment, function):
    host.callbacks.add(moment, ExtensionListener(function, "saves"))


@pytest.mark.parametrize(
    ("settings", "asked", "name"),
    [
        ({}, {"seed": 7, "prompt": "a fox, red"}, "00000-7-a fox, red.png"),
        ({}, {"prompt": "a fox"}, "00000.png"),
        ({}, {"seed": 7, "short_filename": True}, "00000.png"),
        ({"grid_save_to_dirs": False}, {"basename": "grid", "grid": True}, "grid-0000.png"),
        ({}, {"seed": 7, "prompt": "a fox", "suffix": "-mask", "extension": "jpg"}, "00000-7-a fox-mask.jpg"),
        ({"samples_filename_pattern": "[seed]_[width]"}, {"seed": 7, "prompt": "a fox"}, "00000-7_8.png"),
        ({"save_images_add_number": False}, {"seed": 7, "prompt": "a fox"}, "7-a fox.png"),
        ({"save_images_add_number": False}, {}, "00000.png"),
        ({}, {"seed": 7, "forced_filename": "mine"}, "mine.png"),
        ({"directories_filename_pattern": "[seed]"}, {"seed": 7, "prompt": "x", "save_to_dirs": True}, "7/00000-7-x.png"),
        ({"save_to_dirs": True, "directories_filename_pattern": "d"}, {"seed": 7}, "d/00000-7.png"),
        ({"save_to_dirs": True, "directories_filename_pattern": "d"}, {"seed": 7, "no_prompt": True}, "00000-7.png"),
        ({"grid_save_to_dirs": True, "directories_filename_pattern": "d"}, {"grid": True}, "d/00000.png"),
    ],
)
def test_names_and_folders_follow_the_settings(host, save, settings, asked, name):
    host.program.settings.change(**settings)
    found, _ = save(asked.pop("basename", ""), **asked)
    assert found == name


def test_numbers_go_on_and_a_name_of_ones_own_is_replaced_if_the_settings_say_so(host, save):
    assert [save("x")[0], save("x")[0], save("")[0]] == ["x-0000.png", "x-0001.png", "00000.png"]
    host.program.settings.change(save_images_replace_action="Replace")
    assert [save("", forced_filename="a")[0] for _ in range(2)] == ["a.png", "a.png"]
    host.program.settings.change(save_images_replace_action="Add number suffix")
    assert save("", forced_filename="a")[0] == "a-1.png"


def test_extensions_hear_before_and_after_and_may_change_all(host, save, tmp_path):
    heard = []

    def before(params):
        heard.append((params.p, Path(params.filename).name, dict(params.pnginfo)))
        params.image = Image.new("RGB", (4, 4), "blue")
        params.filename = str(tmp_path / "outputs/own/other/named.png")
        params.pnginfo["parameters"] = "changed"
        params.pnginfo["more"] = "words"

    listen(host, "before_image_saved", before)
    listen(host, "image_saved", lambda params: heard.append(params.filename))
    found, _ = save("", info=TEXT, existing_info={"kept": "yes", "parameters": "old"})
    path = tmp_path / "outputs/own" / found
    assert found == "other/named.png"
    assert heard == [(None, "00000.png", {"kept": "yes", "parameters": TEXT}), str(path)]
    with Image.open(path) as image:
        assert image.size == (4, 4)
        assert image.text == {"parameters": "changed", "kept": "yes", "more": "words"}


def test_a_listener_that_fails_costs_no_picture(host, save):
    listen(host, "before_image_saved", lambda params: 1 / 0)
    assert save("")[0] == "00000.png"
    assert host.state_of("saves").told == ["before_image_saved: ZeroDivisionError: division by zero"]


def test_no_picture_leaves_the_outputs_whoever_names_the_folder(host, save, tmp_path):
    with pytest.raises(Forbidden):
        surface("images").save_image(Image.new("RGB", (8, 8)), str(tmp_path.parent), "")

    def away(params):
        params.filename = str(tmp_path.parent / "away.png")

    listen(host, "before_image_saved", away)
    with pytest.raises(Forbidden):
        save("")
    assert not (tmp_path.parent / "away.png").exists()


def test_texts_have_the_key_that_was_asked_for_and_a_file_beside_if_wanted(host, save, tmp_path):
    host.program.settings.change(save_txt=True)
    found, text = save("", info=TEXT, pnginfo_section_name="postprocessing")
    with Image.open(tmp_path / "outputs/own" / found) as image:
        assert image.text == {"postprocessing": TEXT}
    assert text == f"{TEXT}\n"
    found, _ = save("", info=TEXT, pnginfo_section_name="postprocessing", extension="jpg")
    assert read_metadata((tmp_path / "outputs/own" / found).read_bytes()).infotext == TEXT
    assert save("")[1] is None
    host.program.settings.change(enable_pnginfo=False)
    found, _ = save("", info=TEXT)
    with Image.open(tmp_path / "outputs/own" / found) as image:
        assert image.text == {}


def test_a_large_picture_has_a_smaller_copy_if_wanted_and_an_unknown_format_is_named(host, save, tmp_path):
    host.program.settings.change(export_for_4chan=True, target_side_length=16)
    found, _ = save("", image=Image.new("RGB", (64, 32)))
    with Image.open((tmp_path / "outputs/own" / found).with_suffix(".jpg")) as image:
        assert image.size == (16, 8)
    with pytest.raises(Invalid, match="00001.bmp"):
        save("", extension="bmp")


@pytest.mark.parametrize(
    ("settings", "count", "batch", "rows", "size"),
    [
        ({"n_rows": -1}, 6, 1, None, (3, 2)),
        ({"n_rows": -1}, 7, 1, None, (3, 3)),                                        # round(√7) = 3
        ({"n_rows": -1, "grid_prevent_empty_spots": True}, 8, 1, None, (4, 2)),      # ⌊√8⌋ = 2
        ({"n_rows": -1, "grid_prevent_empty_spots": True}, 7, 1, None, (7, 1)),
        ({"n_rows": 0}, 6, 3, None, (2, 3)),
        ({"n_rows": 2}, 6, 3, None, (3, 2)),
        ({"n_rows": 2}, 6, 3, 1, (6, 1)),
        ({"n_rows": 9}, 2, 1, None, (1, 2)),
    ],
)
def test_a_grid_has_as_many_rows_as_the_settings_want(host, settings, count, batch, rows, size):
    host.program.settings.change(**settings)
    pictures = [Image.new("RGB", (4, 4), "red")] * count
    assert surface("images").image_grid(pictures, batch, rows).size == (4 * size[0], 4 * size[1])


def test_a_grid_takes_pictures_of_several_sizes_and_what_extensions_change(host):
    def one_column(params):
        params.imgs, params.cols = [*params.imgs, Image.new("RGB", (2, 2), "blue")], 1

    host.program.settings.change(grid_background_color="#00ff00")
    listen(host, "image_grid", one_column)
    grid = surface("images").image_grid([Image.new("RGB", (4, 4), "red")])
    assert grid.size == (4, 8)
    assert [grid.getpixel(place) for place in ((0, 0), (0, 4), (1, 5))] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
