"""The search language, and what a search of the library finds."""

from __future__ import annotations

import pytest

from modules.base.errors import Invalid
from modules.gallery.gallery import Gallery
from modules.gallery.query import conditions_of, search_terms
from modules.gallery.schema import LIBRARY_MIGRATIONS
from modules.gallery.search import ORDERS, Wanted
from modules.gallery.thumbnails import Thumbnails
from modules.store.database import Database
from tests.gallery.pictures import gallery, infotext, save


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A library of five pictures, and a function from a query to the names that it finds."""
    home = tmp_path_factory.mktemp("library")
    library = gallery(home)
    out = home / "outputs"
    save(out / "txt2img-images/1.png", infotext(Seed=1), 1, day="2026-10-05")
    save(out / "txt2img-images/2.png", infotext("two blue cats, <lora:ink:0.8>", "", Steps=30, Seed=2, Model="photo"), 2,
         size=(32, 16), day="2026-11-01")
    save(out / "img2img-images/3.png", infotext("a red house", "ugly fox", **{"Denoising strength": 0.4, "Seed": 3}), 3,
         day="2026-11-02")
    save(out / "txt2img-grids/grid-4.png", infotext(Seed=4, **{"Hires upscaler": "Latent (nearest)"}), 4, day="2026-11-03")
    save(out / "other/5.png", "", 5, day="2025-01-01")
    library.scan()

    def names(text: str = "", inside: str = "", sort: str = "oldest") -> str:
        rows = library.search.page(Wanted(text=text, inside=inside, sort=sort), 0, 100).rows
        return " ".join(row.name.removesuffix(".png").removeprefix("grid-") for row in rows)

    names.library = library
    return names


@pytest.mark.parametrize(("text", "expected"), [
    ("", "5 1 2 3 4"),
    ("fox", "1 4"),                       # not the negative prompt's
    ("red fo", "1 4"),                    # the beginning of a word
    ('"red house"', "3"),
    ("neg:fox", "3"),
    ("-neg:blurry", "5 2 3"),
    ("red -fox", "3"),
    ("model:stick", "1 3 4"),
    ("model:photo|sticker", "1 2 3 4"),
    ("lora:ink", "2"),
    ("steps:>20", "2"),
    ("steps:10..20", "1 3 4"),
    ("seed:2", "2"),
    ("seed:..2", "1 2"),
    ("cfg:7", "1 2 3 4"),
    ("denoising:<0.5", "3"),
    ("size:32x", "2"),
    ("size:x16", "5 1 2 3 4"),
    ("size:16x16 seed:3", "3"),
    ("date:2026-11", "2 3 4"),
    ("date:2026", "1 2 3 4"),
    ("date:>2026-10", "2 3 4"),
    ("date:<=2026-10", "5 1"),
    ("date:2026-11-01..2026-11-02", "2 3"),
    ("is:grid", "4"),
    ("is:img2img", "3"),
    ("-is:txt2img", "5 3 4"),
    ("is:landscape", "2"),
    ("has:data", "1 2 3 4"),
    ("hires-upscaler:latent", "4"),
    ("folder:grids", "4"),
    ("sampler:euler -seed:1", "2 3 4"),
    ("kind:other", "5"),
    ("nothing like this", ""),
])
def test_a_query_finds_exactly_what_it_says(found, text, expected):
    assert found(text) == expected


def test_the_orders_are_what_their_names_say(found):
    assert found(sort="newest") == "4 3 2 1 5"
    assert found(sort="name") == "1 2 3 5 4"
    assert found("size:16x16", sort="oldest") == "5 1 3 4"


def test_a_place_holds_what_is_in_it_and_below_it(found):
    root = found.library.outputs.id
    assert found(inside=f"folder:{root}") == "5 1 2 3 4"
    assert found(inside=f"folder:{root}/txt2img-images") == "1 2"
    assert found(inside=f"folder:{root}/txt2img") == ""
    assert found("seed:2", f"folder:{root}/txt2img-images") == "2"
    assert found(inside="trash") == ""
    with pytest.raises(Invalid, match="no place"):
        found(inside="somewhere:1")


@pytest.mark.parametrize(("text", "note"), [
    ("steps:many", "no number"), ("size:big", "no size"), ("date:soon", "no date"), ("is:nice", "Nothing is"),
    ("has:legs", "nothing that a picture can have"), ("steps:>..", "no number"), ("steps:>5..7", "no number"),
])
def test_what_is_not_understood_is_told_and_the_rest_of_the_query_holds(found, text, note):
    page = found.library.search.page(Wanted(text=f"{text} seed:1"), 0, 10)
    assert note in page.notes[0] and [row.name for row in page.rows] == ["1.png"]


@pytest.mark.parametrize("text", ['"', "-", "--", ":", "model:", '"a', "-:", "a:b:c", "NEAR(", "* AND", "a\0b", "'", "ｍ:ｎ", "(" * 500])
def test_no_text_breaks_a_search(found, text):
    found(text)


def test_a_language_without_spaces_is_found_by_any_part(tmp_path):
    library = gallery(tmp_path)
    save(tmp_path / "outputs/a.png", infotext("赤い狐が走る"))
    library.scan()
    assert library.search.page(Wanted(text="狐が"), 0, 10).total == 1
    assert library.search.page(Wanted(text="犬"), 0, 10).total == 0


def test_terms_are_what_was_written():
    assert [(term.negated, term.field, term.value) for term in search_terms('a -neg:"b c" lora:ink|oil "d e')] == [
        (False, "", "a"), (True, "neg", "b c"), (False, "lora", "ink|oil"), (False, "", "d e")
    ]


def test_a_query_of_any_length_has_a_bounded_number_of_conditions():
    assert len(conditions_of("a " * 10_000)[0]) <= 40


def test_sections_stand_in_the_order_of_the_list_and_count_what_fits(found):
    search, november = found.library.search, "date:2026-11"
    days = [("2026-11-03", 1), ("2026-11-02", 1), ("2026-11-01", 1)]
    assert search.sections(Wanted(text=november)) == days
    assert search.sections(Wanted(text=november, sort="oldest")) == days[::-1]
    assert search.sections(Wanted(sort="model")) == [("photo", 1), ("sticker", 3), ("", 1)]      # no model: last
    assert search.sections(Wanted(text="nothing like this")) == search.sections(Wanted(sort="name")) == []


def test_by_job_the_newest_job_is_first_and_its_pictures_stand_as_they_were_asked_for(found):
    library = found.library
    places = {row.id: row.place.rpartition("/")[::2] for row in library.search.page(Wanted(sort="oldest"), 0, 10).rows}
    first, second, third, *others = places
    made = [(places[second], ("old", 1), ""), (places[first], ("old", 0), ""), (places[third], ("new", 0), "")]
    library.index.record_jobs(library.outputs.id, made)
    wanted = Wanted(sort="job")
    assert library.search.sections(wanted) == [("new", 1), ("old", 2), ("", len(others))]
    assert [row.id for row in library.search.page(wanted, 0, 3).rows] == [third, first, second]
    assert set(library.search.job_titles()) == {"new", "old"}


def test_facets_count_what_fits(found):
    search = found.library.search
    facets = search.facets(Wanted(text="date:2026"))
    assert facets["model"] == [("sticker", 3), ("photo", 1)]
    assert facets["lora"] == [("ink", 1)] and facets["size"] == [("16x16", 3), ("32x16", 1)]
    assert facets["folder"][0] == (f"{found.library.outputs.id}/txt2img-images", 2)
    assert search.facets(Wanted(text="seed:2"))["model"] == [("photo", 1)]


def test_places_are_counted_wherever_one_looks_and_all_else_where_one_is(found):
    number = found.library.outputs.id
    there = found.library.search.facets(Wanted(text="red", inside=f"folder:{number}/img2img-images"))
    assert dict(there["folder"]) == {f"{number}/{name}": 1 for name in ("txt2img-images", "img2img-images", "txt2img-grids")}
    assert there["root"] == [(str(number), 3)] and there["model"] == [("sticker", 1)]


def test_facets_of_many_pictures_are_those_of_few(found, monkeypatch):
    few = found.library.search.facets(Wanted(text="has:data -seed:9"))
    monkeypatch.setattr("modules.gallery.search.COUNTED_ONE_BY_ONE", 0)
    assert found.library.search.facets(Wanted(text="has:data -seed:99")) == few


def test_completions_are_fields_then_their_values(found):
    suggest = found.library.search.suggestions
    assert suggest("mo", 2) == ["model:"] and suggest("fox -mo", 7) == ["-model:"]
    assert suggest("model:s", 7) == ["model:sticker"] and suggest("model:", 6) == ["model:sticker", "model:photo"]
    assert suggest("is:fav", 6) == ["is:favourite"]
    assert suggest('sampler:"eul', 12) == ['sampler:"Euler a"'] and suggest("", 0) == []
    assert suggest("format:", 7) == ["format:PNG"]


def test_a_folder_that_is_offered_is_found(found):
    offered = found.library.search.suggestions("folder:grids", 12)
    assert offered == ["folder:txt2img-grids"] and found(offered[0]) == "4"


@pytest.mark.parametrize("sort", [each for each in ORDERS if each != "job"])
def test_an_order_is_an_index_that_is_walked(found, sort):
    plan = [detail for *_, detail in found.library.index.read(f"EXPLAIN QUERY PLAN {ORDERS[sort]}", ("here",))]
    assert len(plan) == 1 and "USING COVERING INDEX" in plan[0]


def test_a_library_of_the_first_version_is_searched_as_a_new_one(tmp_path):
    """Its pictures keep what they are found by, and their marks."""
    path = tmp_path / "library.sqlite"
    index = Database(path, LIBRARY_MIGRATIONS[:1])
    with index.open() as db:
        db.execute("INSERT INTO roots (path, own) VALUES ('/nowhere', 0)")
        numbers, texts = "size modified at day width height", "format kind program broken digest model sampler"
        columns = dict.fromkeys(numbers.split(), 0) | dict.fromkeys(texts.split(), "") | {
            "root": 1, "folder": "", "name": "1.png", "favourite": 1,
        }
        db.execute(f"INSERT INTO pictures ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
                   tuple(columns.values()))
        db.execute("INSERT INTO picture_words VALUES (1, '1.png', 'a weathered lighthouse', '', '', '')")
    (tmp_path / "outputs").mkdir()
    library = Gallery(path, tmp_path / "outputs", Thumbnails(tmp_path / "thumbnails"))
    for text in ("weat", "lighth", "weathered -is:rated", "is:favourite"):
        assert [row.name for row in library.search.page(Wanted(text=text), 0, 9).rows] == ["1.png"], text
