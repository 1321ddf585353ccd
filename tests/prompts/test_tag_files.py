from __future__ import annotations

import pytest

from modules.prompts.tag_files import ListedTag, TagFiles, TagIndex, TagMatch, tag_of

HAIR, SLEEVES, MIKU = ListedTag("long_hair", 0, 90, ("longhair",)), ListedTag("long_sleeves", 0, 40), ListedTag("miku", 4, 60)


@pytest.mark.parametrize(("row", "tag"), [
    (["long_hair", "0", "90", "longhair"], HAIR),
    (["miku", "4", "60", ""], MIKU),
    (["solo", "500"], ListedTag("solo", 0, 500)),
    (["solo"], ListedTag("solo")),
    (["1girl", "0", "5", "a, b"], ListedTag("1girl", 0, 5, ("a", "b"))),
    (["name", "category", "count"], None), (["# a note", "0", "1"], None), ([], None), (["x" * 300, "0", "1"], None),
    (["tag", "9" * 5000], None),
])
def test_rows_are_read_as_people_have_them(row, tag):
    assert tag_of(row) == tag


def test_what_begins_with_a_text_comes_first_and_the_most_used_before_others():
    index = TagIndex.of([HAIR, SLEEVES, MIKU, ListedTag("very_long_hair", 0, 1000)])
    names = [match.tag.name for match in index.find("Long h", 9)]
    assert names == ["long_hair", "very_long_hair"]
    assert [match.tag.name for match in index.find("long", 9)] == ["long_hair", "long_sleeves", "very_long_hair"]
    assert index.find("longhair", 9) == [TagMatch(HAIR, "longhair")]
    assert [match.tag.name for match in index.find("lo", 1)] == ["long_hair"] and index.find("zz", 9) == []


def test_lists_are_read_again_once_they_change_and_one_that_cannot_be_read_is_none(tmp_path):
    files = TagFiles([tmp_path / "no", tmp_path])
    assert files.index().find("a", 9) == []
    (tmp_path / "a.csv").write_text('\ufefflong_hair,0,90,"longhair"\n', "utf-8")
    assert files.index().find("long", 9)[0].tag == HAIR
    (tmp_path / "b.csv").write_text("long_hair,0,95\nsolo,0,5\n")
    assert files.index().find("long", 9)[0].tag.count == 95
    (tmp_path / "b.csv").unlink()
    (tmp_path / "a.csv").write_bytes(b"\xff" * 200_000)
    assert files.index().find("long", 9) == []
