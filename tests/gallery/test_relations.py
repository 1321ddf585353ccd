"""Pictures that look alike, that are there twice, and that were made of each other."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.app.galleries import Galleries
from modules.app.picture_recorder import PictureRecorder
from modules.gallery.family import relatives_of
from modules.gallery.search import Wanted
from modules.gallery.thumbnails import looks_of
from modules.imaging.inputs import save_input
from modules.imaging.save import png
from modules.settings.account_paths import account_paths
from modules.settings.flags import parse_flags
from modules.store.jobs import DONE, JobRecord, JobStore, OutputRecord
from tests.gallery.pictures import gallery, infotext


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """A picture with large shapes, as pictures have them."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def put(path: Path, image: Image.Image, text: str = "", **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        path.write_bytes(png(image, text))
    else:
        image.save(path, **how)
    return path


def thumbnail(image: Image.Image, quality: int = 80) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def bits_apart(one: Image.Image, two: Image.Image, quality: int = 80) -> int:
    return ((looks_of(thumbnail(one)) ^ looks_of(thumbnail(two, quality))) & (2**64 - 1)).bit_count()


def named(library, name: str):
    [row] = [row for row in library.search.page(Wanted(), 0, 99).rows if row.name == name]
    return row


def test_looks_outlast_another_size_and_quality_and_tell_pictures_apart():
    for seed in range(8):
        first = scene(seed)
        assert bits_apart(first, first.resize((80, 60)), 40) <= 4
        assert bits_apart(first, scene(seed + 100)) > 18


def test_alike_pictures_are_found_nearest_first(tmp_path):
    library = gallery(tmp_path)
    first = scene(1)
    darker = Image.fromarray((np.asarray(first) * 0.8).astype(np.uint8))
    put(tmp_path / "outputs/a.png", first)
    put(tmp_path / "outputs/b.jpg", first.resize((320, 240)), quality=60)
    put(tmp_path / "outputs/c.png", Image.blend(darker, scene(2), 0.25))
    put(tmp_path / "outputs/other.png", scene(3))
    library.scan()
    library.looks.fill()
    found = [row.name for row in library.looks.similar(named(library, "a.png"), 10)]
    assert found[0] == "b.jpg" and "other.png" not in found and "a.png" not in found


def test_duplicates_are_the_same_in_content_or_in_looks_and_shape(tmp_path):
    library = gallery(tmp_path)
    path = put(tmp_path / "outputs/a.png", scene(1))
    shutil.copy(path, put(tmp_path / "outputs/copy.png", scene(9)))
    put(tmp_path / "outputs/a.jpg", scene(1), quality=70)
    put(tmp_path / "outputs/wide.png", scene(1, (320, 120)))
    for shade in ("black", "white", "red"):
        put(tmp_path / f"outputs/{shade}.png", Image.new("RGB", (64, 64), shade))
    library.scan()
    library.looks.fill()
    assert [sorted(row.name for row in rows) for rows in library.looks.duplicates()] == [["a.jpg", "a.png", "copy.png"]]


def test_a_broken_file_has_no_looks_and_stops_no_other(tmp_path):
    library = gallery(tmp_path)
    put(tmp_path / "outputs/a.png", scene(1))
    broken = put(tmp_path / "outputs/b.jpg", scene(2))
    broken.write_bytes(broken.read_bytes()[:-900])
    library.scan()
    library.looks.fill()
    assert library.looks.unknown() == [] and named(library, "b.jpg").broken


def relations(library, name: str) -> set[tuple[str, str, str]]:
    found = relatives_of(library, named(library, name))
    names = {number: row.name for number, row in found.members.items()}
    return {(names[parent], names[child], how) for parent, child, how in found.relations}


def test_older_pictures_tell_their_family_by_names_and_data(tmp_path):
    library = gallery(tmp_path)
    out = tmp_path / "outputs"
    put(out / "txt2img-images/1-before-highres-fix.png", scene(1), infotext(Seed=7))
    put(out / "txt2img-images/1.png", scene(1, (320, 240)), infotext(Seed=7))
    put(out / "extras-images/2.png", scene(1, (640, 480)), infotext(Seed=7, **{"Postprocess upscale by": 2}))
    put(out / "txt2img-images/3.png", scene(3), infotext("another", Seed=7))
    library.scan()
    assert relations(library, "1.png") == {
        ("1-before-highres-fix.png", "1.png", "hires"), ("1.png", "2.png", "extras")
    } or ("1-before-highres-fix.png", "2.png", "extras") in relations(library, "2.png")
    assert relations(library, "3.png") == set()


def test_a_grid_is_the_child_of_its_cells(tmp_path):
    library = gallery(tmp_path)
    for name, position in (("1.png", 0), ("2.png", 1), ("grid-0.png", 2)):
        put(tmp_path / "outputs" / name, scene(position), infotext(Seed=position))
        library.scan()
        library.index.record_job(library.outputs.id, ("", name), ("task(1)", position), infotext(Seed=position))
    assert relations(library, "grid-0.png") == {("1.png", "grid-0.png", "grid"), ("2.png", "grid-0.png", "grid")}
    assert [row.name for row in library.search.page(Wanted(text="has:parent"), 0, 9).rows] == ["grid-0.png"]


def test_a_family_with_a_circle_ends(tmp_path):
    library = gallery(tmp_path)
    for name in ("a.png", "b.png"):
        put(tmp_path / "outputs" / name, scene(ord(name[0])))
    library.scan()
    one, two = named(library, "a.png").id, named(library, "b.png").id
    library.index.add_parents(one, [(two, "img2img")])
    library.index.add_parents(two, [(one, "img2img")])
    assert relations(library, "a.png") == {("a.png", "b.png", "img2img"), ("b.png", "a.png", "img2img")}


@pytest.fixture
def recorder(tmp_path):
    paths = parse_flags(["--data-dir", str(tmp_path)], {}).paths
    store = JobStore(paths.database)
    found = PictureRecorder(Galleries(paths, store), store)
    found.paths = paths
    return found


def made(recorder, job: str, path: Path, kind: str, params: dict, owner: str = "ann") -> None:
    """A finished job whose picture is recorded."""
    output = OutputRecord(0, str(path), infotext(Seed=len(job)), {}, True)
    recorder.store.add(JobRecord(job, owner, kind, params, {}, True, state=DONE))
    recorder.store.add_output(job, output)
    recorder.record(job, output)


def test_a_jobs_picture_is_in_its_owners_library_at_once_with_what_it_was_made_from(recorder):
    mine = account_paths(recorder.paths, "ann")
    first = put(mine.outputs / "txt2img-images/1.png", scene(1), infotext(Seed=1))
    made(recorder, "j", first, "txt2img", {})
    sent = save_input(mine.inputs, thumbnail(scene(1, (120, 90))))      # a browser shrank it
    second = put(mine.outputs / "img2img-images/2.png", scene(2), infotext(Seed=2))
    made(recorder, "jj", second, "img2img", {"init_images": [sent]})
    library = recorder.galleries.of("ann")
    assert relations(library, "2.png") == {("1.png", "2.png", "img2img")}
    row = named(library, "2.png")
    assert (row.job, row.position, row.changed) == ("jj", 0, 0)
    assert library.search.page(Wanted(inside="job:jj"), 0, 9).total == 1
    assert recorder.galleries.of("bob").search.page(Wanted(), 0, 9).total == 0


def test_a_scan_knows_the_jobs_of_pictures_that_were_made_before_the_library_was(recorder):
    mine = account_paths(recorder.paths, "ann")
    path = put(mine.outputs / "txt2img-images/1.png", scene(1), infotext("edited since"))
    recorder.store.add(JobRecord("old", "ann", "txt2img", {}, {}, True, state=DONE))
    recorder.store.add_output("old", OutputRecord(3, str(path), infotext("as it was"), {}, True))
    library = recorder.galleries.of("ann")
    library.scan()
    row = named(library, "1.png")
    assert (row.job, row.position, row.changed) == ("old", 3, 1)
    assert library.index.texts(row.id)[1] == infotext("as it was")


def test_a_picture_that_is_deleted_before_it_is_recorded_is_in_no_library_and_no_error(recorder):
    mine = account_paths(recorder.paths, "ann")
    made(recorder, "j", mine.outputs / "txt2img-images/gone.png", "txt2img", {})
    assert recorder.galleries.of("ann").search.page(Wanted(), 0, 9).total == 0


def test_what_is_not_saved_is_in_no_library(recorder):
    output = OutputRecord(0, str(recorder.paths.cache / "x.png"), "", {}, False)
    recorder.note("j", output)
    assert recorder._thread is None
