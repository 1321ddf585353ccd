"""The library's index follows the files."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from modules.app.galleries import Galleries
from modules.base.errors import DatabaseUnusable, InvalidImage
from modules.gallery.gallery import Gallery
from modules.gallery.search import Wanted
from modules.gallery.thumbnails import Thumbnails
from modules.imaging.save import png
from modules.settings.flags import parse_flags
from modules.store.jobs import JobStore
from tests.gallery.pictures import gallery, infotext, save


def names(library, text: str = "") -> list[str]:
    return sorted(row.place for row in library.search.page(Wanted(text=text), 0, 500).rows)


def only(library, text: str = ""):
    [row] = library.search.page(Wanted(text=text), 0, 2).rows
    return row


def test_a_scan_reads_what_is_new_and_an_unchanged_folder_costs_no_reading(tmp_path):
    library = gallery(tmp_path)
    save(tmp_path / "outputs/a.png", infotext(), 1)
    save(tmp_path / "outputs/deep/er/b.png", infotext("b"), 2)
    save(tmp_path / "outputs/.hidden/c.png", infotext("c"), 3)
    (tmp_path / "outputs/notes.txt").write_text("no picture")
    assert library.scan() == 2 and names(library) == ["a.png", "deep/er/b.png"]
    assert library.scan() == 0


def test_facts_are_the_files_own(tmp_path):
    library = gallery(tmp_path)
    save(tmp_path / "outputs/txt2img-images/a.png", infotext("fox <lora:ink:1>", Seed=7, **{"TI hashes": '"bad: 12ab"'}), 1)
    library.scan()
    row = only(library)
    assert (row.width, row.height, row.format, row.kind, row.program) == (16, 16, "PNG", "txt2img", "AUTOMATIC1111")
    assert (row.model, row.seed, row.broken) == ("sticker", 7, "")
    assert library.index.traits(row.id, "lora") == ["ink"] and library.index.traits(row.id, "embedding") == ["bad"]


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"\xff\xd8\xff" + b"a" * 99])
def test_a_broken_file_is_shown_as_broken_and_stops_no_other(tmp_path, content):
    library = gallery(tmp_path)
    save(tmp_path / "outputs/good.png", "", 1)
    (tmp_path / "outputs/bad.png").write_bytes(content)
    library.scan()
    assert names(library, "is:broken") == ["bad.png"] and names(library, "-is:broken") == ["good.png"]
    assert library.search.suggestions("size:", 5) == ["size:16x16"]
    with pytest.raises(InvalidImage):
        library.thumbnail(only(library, "is:broken"))


def test_a_file_that_was_cut_off_is_broken_and_is_whole_again_once_it_is(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext(), 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    library.scan()
    assert only(library).broken
    path.write_bytes(whole)
    library.scan()
    assert not only(library).broken and names(library, "fox") == ["a.png"]


def test_a_jpeg_cut_off_in_its_pixels_is_known_as_broken_once_it_was_looked_at(tmp_path):
    library = gallery(tmp_path)
    path = tmp_path / "outputs/a.jpg"
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:-400])
    library.scan()
    with pytest.raises(InvalidImage):
        library.thumbnail(only(library))
    assert only(library, "is:broken").name == "a.jpg"


def test_marks_stay_with_a_picture_that_was_moved_or_renamed_outside(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext(), 1)
    library.scan()
    row = only(library)
    library.marks.mark([row.id], {"favourite": 1, "rating": 4})
    library.marks.add_tags([row.id], ["best"], [])
    (tmp_path / "outputs/kept").mkdir()
    path.rename(tmp_path / "outputs/kept/renamed.png")
    library.scan()
    moved = only(library)
    assert (moved.id, moved.place, moved.favourite, moved.rating) == (row.id, "kept/renamed.png", 1, 4)
    assert names(library, "renamed tag:best") == ["kept/renamed.png"]


def test_marks_stay_with_a_picture_that_moves_to_another_folder_of_the_library(tmp_path):
    library = gallery(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    first = library.index.add_root(other, read_only=True)
    path = save(tmp_path / "outputs/a.png", infotext(), 1)
    library.scan()
    library.marks.mark([only(library).id], {"favourite": 1})
    shutil.move(path, other / "a.png")
    library.scan()
    row = only(library)
    assert row.favourite and row.root == first.id


def test_a_copy_is_a_picture_of_its_own(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext(), 1)
    library.scan()
    library.marks.mark([only(library).id], {"favourite": 1})
    shutil.copy(path, tmp_path / "outputs/b.png")
    library.scan()
    assert names(library) == ["a.png", "b.png"] and names(library, "is:favourite") == ["a.png"]


def test_a_file_that_is_gone_is_not_shown_and_its_marks_are_there_when_it_comes_back(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext(), 1)
    library.scan()
    library.marks.mark([only(library).id], {"rating": 5})
    path.rename(tmp_path / "away.png")
    library.scan()
    assert names(library) == []
    (tmp_path / "away.png").rename(path)
    library.scan()
    assert only(library).rating == 5


def test_another_picture_under_a_name_that_was_free_has_none_of_the_former_ones_marks(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext(), 1)
    library.scan()
    library.marks.mark([only(library).id], {"rating": 5})
    path.unlink()
    library.scan()
    save(path, infotext("another"), 2)
    library.scan()
    assert only(library).rating == 0


def test_a_folder_that_is_not_plugged_in_loses_nothing(tmp_path):
    library = gallery(tmp_path)
    other = tmp_path / "disk"
    save(other / "a.png", infotext(), 1)
    library.index.add_root(other, read_only=True)
    library.scan()
    other.rename(tmp_path / "unplugged")
    library.scan()
    assert names(library) == ["a.png"]


def test_marks_go_with_the_outputs_when_the_data_folder_moves(tmp_path):
    (tmp_path / "one").mkdir()
    library = gallery(tmp_path / "one")
    save(tmp_path / "one/outputs/a.png", infotext(), 1)
    library.scan()
    library.marks.mark([only(library).id], {"rating": 3})
    (tmp_path / "one").rename(tmp_path / "two")
    again = gallery(tmp_path / "two")
    again.scan()
    assert only(again).rating == 3


def test_edited_data_are_told_apart_from_what_was_recorded(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext("a fox"), 1)
    library.scan()
    assert not only(library).changed
    with Image.open(path) as image:
        path.write_bytes(png(image, infotext("a cat")))
    library.scan()
    row = only(library, "is:changed")
    assert names(library, "cat") == ["a.png"] and names(library, "fox") == []
    assert library.index.texts(row.id)[1] == infotext("a fox")
    library.index.accept_data([row.id])
    assert names(library, "is:changed") == []


def test_links_are_not_followed(tmp_path):
    library = gallery(tmp_path)
    secret = save(tmp_path / "secret/s.png", infotext(), 1)
    (tmp_path / "outputs/file.png").symlink_to(secret)
    (tmp_path / "outputs/folder").symlink_to(secret.parent)
    library.scan()
    assert names(library) == []


def test_a_link_put_in_a_files_place_afterwards_is_not_read(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext(), 1)
    library.scan()
    secret = save(tmp_path / "secret/s.png", infotext(), 2)
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(Exception, match="gone"):
        library.path_of(only(library))


@pytest.mark.skipif(os.name == "nt", reason="such names are not possible there")
def test_names_that_are_no_unicode_are_left_out(tmp_path):
    library = gallery(tmp_path)
    save(tmp_path / "outputs/a.png", infotext(), 1)
    Path(os.fsdecode(os.fsencode(tmp_path / "outputs") + b"/\xff.png")).write_bytes(b"x")
    library.scan()
    assert names(library) == ["a.png"]


def test_a_thumbnail_is_made_once_and_shared_by_equal_pictures(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext(), 1, size=(600, 300))
    shutil.copy(path, tmp_path / "outputs/b.png")
    library.scan()
    thumbnails = {library.thumbnail(row) for row in library.search.page(Wanted(), 0, 9).rows}
    assert len(thumbnails) == 1 and len(list((tmp_path / "thumbnails").rglob("*.jpg"))) == 1


def test_what_other_programs_wrote_is_found_by_the_same_words(tmp_path):
    library = gallery(tmp_path)
    graph = {"3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 9, "cfg": 4.5, "sampler_name": "euler",
                   "scheduler": "normal", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
                   "latent_image": ["5", 0]}},
             "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sticker.safetensors"}},
             "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 16, "height": 16, "batch_size": 1}},
             "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a violet owl", "clip": ["4", 1]}},
             "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text", "clip": ["4", 1]}},
             "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
             "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "ComfyUI"}}}
    path = tmp_path / "outputs/ComfyUI_00001_.png"
    path.write_bytes(png(Image.new("RGB", (16, 16)), "", {"prompt": json.dumps(graph)}))
    library.scan()
    assert names(library, "owl seed:5 steps:9 program:comfy model:sticker") == ["ComfyUI_00001_.png"]


def test_a_saved_edit_is_what_was_recorded(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext("a fox"), 1)
    library.scan()
    with Image.open(path) as image:
        path.write_bytes(png(image, infotext("a cat")))
    library.edited(path)
    assert names(library, "cat -is:changed") == ["a.png"] and library.scan() == 0


def test_a_file_without_data_is_known_by_its_pixels_or_its_looks(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", infotext("a fox"), 1, size=(64, 64))
    save(tmp_path / "outputs/b.png", infotext("another"), 2, size=(64, 64))
    library.scan()
    library.looks.fill()
    with Image.open(path) as image:
        bare, jpeg = png(image, ""), io.BytesIO()
        image.save(jpeg, "JPEG", quality=90)
    assert [(row.name, how) for row, how in library.matches(bare)] == [("a.png", "pixels")]
    assert [(row.name, how) for row, how in library.matches(jpeg.getvalue())] == [("a.png", "looks")]


def test_a_damaged_library_is_kept_aside_and_what_its_last_good_copy_has_goes_on(tmp_path):
    paths = parse_flags(["--data-dir", str(tmp_path)], {}).paths
    galleries = Galleries(paths, JobStore(paths.database))
    library = galleries.of("local")
    save(tmp_path / "outputs/a.png", infotext("fox"), 1)
    library.scan()
    library.marks.mark([only(library).id], {"rating": 3})
    galleries.keep_good()
    path = tmp_path / "library.sqlite"
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    again = Galleries(paths, JobStore(paths.database)).of("local")
    again.scan()
    assert only(again, "fox").rating == 3 and (tmp_path / "library.broken.sqlite").is_file()


def test_a_library_of_a_newer_easel_is_left_alone(tmp_path):
    paths = parse_flags(["--data-dir", str(tmp_path)], {}).paths
    with closing(sqlite3.connect(tmp_path / "library.sqlite")) as db:
        db.execute("PRAGMA user_version = 999")
    before = (tmp_path / "library.sqlite").read_bytes()
    with pytest.raises(DatabaseUnusable):
        Galleries(paths, JobStore(paths.database)).of("local")
    assert (tmp_path / "library.sqlite").read_bytes() == before


def test_output_folders_of_other_programs_are_taken_as_they_are(tmp_path):
    library = gallery(tmp_path)
    others = tmp_path / "others"
    for place in ("A1111/txt2img-images/2024-05-01/00001-7.png", "A1111/txt2img-grids/2024-05-01/grid-0001.png",
                  "ComfyUI/output/ComfyUI_00001_.png", "invokeai/outputs/images/0a-1b.png",
                  "invokeai/outputs/images/thumbnails/0a-1b.webp"):
        path = save(others / place, infotext(), len(place))
        if path.suffix == ".webp":
            Image.effect_noise((16, 16), 50).save(path)
    library.index.add_root(others, read_only=True)
    library.scan()
    assert len(names(library)) == 4 and names(library, "is:grid") == ["A1111/txt2img-grids/2024-05-01/grid-0001.png"]


def test_a_look_at_some_folders_leaves_out_what_a_scan_leaves_out(tmp_path):
    (tmp_path / "outputs").mkdir()
    library = Gallery(
        tmp_path / "library.sqlite", tmp_path / "outputs", Thumbnails(tmp_path / "t"), foreign=lambda: {"alice"}
    )
    for place in ("mine/a.png", "alice/deep/b.png", "mine/thumbnails/a.png"):
        save(tmp_path / "outputs" / place, infotext(), len(place))
    library.scan_changed({library.outputs.id: {"mine", "alice", "alice/deep", "mine/thumbnails"}})
    assert names(library) == ["mine/a.png"]
    library.scan()
    assert names(library) == ["mine/a.png"]


def test_data_in_a_text_beside_the_picture_are_the_pictures(tmp_path):
    library = gallery(tmp_path)
    path = save(tmp_path / "outputs/a.png", "", 1)
    path.with_suffix(".txt").write_text(infotext("a fox") + "\n")
    save(tmp_path / "outputs/b.png", "", 2).with_suffix(".txt").write_text("shopping: milk")
    library.scan()
    library.index.record_job(library.outputs.id, ("", "a.png"), ("j", 0), infotext("a fox"))
    assert names(library, "fox seed:42 -is:changed") == ["a.png"] and names(library, "milk") == []


def test_a_picture_that_was_saved_without_data_has_not_lost_them(tmp_path):
    library = gallery(tmp_path)
    save(tmp_path / "outputs/a.png", "", 1)
    library.scan()
    library.index.record_job(library.outputs.id, ("", "a.png"), ("j", 0), infotext("a fox"))
    assert names(library, "is:changed") == []


def test_a_photo_on_its_side_has_the_size_that_it_is_shown_in(tmp_path):
    library = gallery(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((40, 20), 50).convert("RGB").save(tmp_path / "outputs/a.jpg", exif=exif)
    library.scan()
    assert names(library, "size:20x40") == ["a.jpg"]
