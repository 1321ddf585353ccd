"""Drafts of an account: versions, the last writer, what is damaged."""

from __future__ import annotations

import pytest

from modules.base.errors import TooLarge
from modules.base.limits import MAX_ID
from modules.store.drafts import LARGEST_DRAFT, AccountDrafts


@pytest.fixture
def drafts(tmp_path):
    return AccountDrafts(tmp_path / "drafts")


def test_the_last_writer_wins_and_is_given_what_another_device_had_meanwhile(drafts):
    first, nothing = drafts.write("form", b'{"a": 1}', "desk", 0)
    assert (first.revision, nothing) == (1, None)
    second, replaced = drafts.write("form", b'{"a": 2}', "phone", 0)
    assert second.revision == 2 and replaced.as_json()["value"] == {"a": 1} and replaced.version == first
    assert drafts.of("form").as_json()["value"] == {"a": 2} and drafts.of("form").version == second


def test_nobody_is_told_of_what_was_known_or_written_by_the_same_device(drafts):
    drafts.write("form", b"{}", "desk", 0)
    assert drafts.write("form", b"{}", "phone", 1)[1] is None
    assert drafts.write("form", b"{}", "phone", 0)[1] is None


def test_versions_tell_no_contents_and_a_page_begins_with_forms_alone(drafts):
    drafts.write("training", b'{"fields": {}}', "desk", 0)
    drafts.write("sketch.img2img.mask.0", bytes(range(256)), "desk", 0)
    assert set(drafts.versions()) == {"training", "sketch.img2img.mask.0"}
    assert drafts.at_start().keys() == {"training"} and drafts.at_start()["training"]["value"] == {"fields": {}}
    assert drafts.of("sketch.img2img.mask.0").content == bytes(range(256))


def test_a_devices_name_may_be_as_long_as_the_api_lets_it_be(drafts):
    written, _ = drafts.write("form", b"{}", "\N{FOX FACE}" * MAX_ID, 0)
    assert drafts.versions() == {"form": written}


@pytest.mark.parametrize("content", [b"", b"{", b"[]\n{}", b'{"revision": 1}\n{}', b"\xff\n{}"])
def test_a_damaged_file_is_no_draft_and_is_written_anew(drafts, content):
    drafts.folder.mkdir()
    (drafts.folder / "form.draft").write_bytes(content)
    assert drafts.of("form") is None and drafts.versions() == {} and drafts.at_start() == {}
    assert drafts.write("form", b"{}", "desk", 0)[0].revision == 1


def test_a_draft_beyond_its_limit_is_refused_and_the_one_before_stays(drafts):
    drafts.write("form", b"{}", "desk", 0)
    with pytest.raises(TooLarge):
        drafts.write("form", bytes(LARGEST_DRAFT["form"] + 1), "desk", 1)
    assert drafts.of("form").content == b"{}"
