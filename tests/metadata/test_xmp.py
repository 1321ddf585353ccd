"""XMP and IPTC are read, and changed property by property; what is in them opens nothing."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.base.errors import InvalidImage
from modules.metadata.contents import picture_contents
from modules.metadata.descriptive import Descriptive, descriptive_of, with_descriptive
from modules.metadata.formats import file_metadata, with_file_metadata
from modules.metadata.iptc import image_resources, iptc_pairs, with_iptc
from modules.metadata.pieces import FileMetadata
from modules.metadata.xmp import MOST_ELEMENTS, with_xmp, xmp_properties
from tests.metadata.layouts import LAYOUTS, PHOTOSHOP, RDF, iptc, saved, with_xmp_packet, xmp

TEXTS = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=12).map(str.strip)
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE_ENTITY = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def test_properties_go_by_their_usual_names_however_they_are_written():
    found = xmp_properties(PHOTOSHOP)
    assert found["dc:title"] == "A title" and found["dc:creator"] == ("Ann", "Ben") and found["dc:subject"] == ("fox", "ink")
    assert (found["xmp:Rating"], found["crs:Exposure"]) == ("4", "+0.5")
    assert found["photoshop:TextLayers[1]/photoshop:LayerName"] == "one"
    renamed = PHOTOSHOP.replace(b"dc:", b"own:").replace(b"xmlns:dc=", b"xmlns:own=")
    assert xmp_properties(renamed) == found


def test_a_language_of_its_own_is_not_taken_for_the_usual_one():
    said = '<dc:title><rdf:Alt><rdf:li xml:lang="de">Fuchs</rdf:li><rdf:li xml:lang="x-default">fox</rdf:li></rdf:Alt></dc:title>'
    assert xmp_properties(xmp(said))["dc:title"] == "fox"


@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_a_changed_property_leaves_every_other(coding):
    packet = PHOTOSHOP if coding == "utf-8" else PHOTOSHOP.decode().lstrip("\ufeff").encode(coding)
    was = xmp_properties(packet)
    changed = xmp_properties(with_xmp(packet, {"dc:title": "Neu & <alt>", "xmp:Rating": "5", "dc:subject": ()}))
    assert changed == {**{key: value for key, value in was.items() if key != "dc:subject"}, "dc:title": "Neu & <alt>", "xmp:Rating": "5"}


def test_a_packet_of_ones_own_goes_when_it_is_empty():
    packet = with_xmp(b"", {"dc:title": "one", "dc:creator": ("a", "b")})
    assert xmp_properties(packet) == {"dc:title": "one", "dc:creator": ("a", "b")}
    assert with_xmp(packet, {"dc:title": "", "dc:creator": ()}) == b""


@settings(max_examples=40, deadline=None)
@given(st.builds(Descriptive, TEXTS, TEXTS.filter(lambda name: ";" not in name), TEXTS, st.integers(-1, 5), TEXTS, st.lists(TEXTS.filter(bool), max_size=3).map(tuple)))
def test_any_description_is_read_as_it_was_written(now):
    metadata = with_descriptive(FileMetadata(), now, Descriptive())
    assert descriptive_of((), xmp_properties(metadata.xmp), ()) == now


@pytest.mark.parametrize("packet", [
    ENTITIES + b"<x>&b;</x>", FILE_ENTITY + b"<x>&a;</x>", b"<x" * 50_000, b"<x>" * 50_000, b"\xff\xfe<", b"no XML",
    b"<x>" + b"<y/>" * (MOST_ELEMENTS + 1) + b"</x>", b"<x>&unknown;</x>", b"<a:b/>",
], ids=["entities", "a file", "open", "deep", "half a mark", "text", "wide", "unknown entity", "no space"])
def test_a_packet_that_is_damaged_or_defines_something_is_told_and_not_read(packet):
    begun = time.thread_time()
    with pytest.raises(InvalidImage, match="XMP"):
        xmp_properties(packet)
    with pytest.raises(InvalidImage, match="XMP"):
        with_xmp(packet, {"dc:title": "x"})
    assert time.thread_time() - begun < 5
    found = picture_contents(with_xmp_packet(saved("png"), packet.replace(b"\xff\xfe", b"")))
    assert found.xmp == () and any("XMP" in note for note in found.notes)


def test_a_packet_without_a_set_of_properties_gets_one():
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}/></x:xmpmeta>'.encode()
    assert xmp_properties(with_xmp(packet, {"xmp:Rating": "3"})) == {"xmp:Rating": "3"}


# IPTC ----------------------------------------------------------------------------------------------


def test_iptcs_texts_are_changed_and_all_else_in_the_resources_stays():
    was = iptc(((1, 90), b"\x1b%G"), ((2, 5), "Füchse".encode()), ((2, 25), b"a"), ((2, 25), b"b"), ((2, 200), b"\x00\xff"))
    changed = with_iptc(was + b"tail", {"Keywords": ("c", "狐"), "Title": ()})
    assert iptc_pairs(changed) == (("Keywords", "c"), ("Keywords", "狐"))
    assert b"\x1c\x02\xc8\x00\x02\x00\xff" in changed and changed.endswith(b"tail")
    assert [each.data for each in image_resources(changed)][0] == [each.data for each in image_resources(was)][0]
    assert [each.number for each in image_resources(changed)] == [0x03ED, 0x0404, 0x0425]


def test_latin_texts_of_iptc_become_utf_8_when_one_is_changed():
    assert iptc_pairs(with_iptc(iptc(((2, 80), b"J\xfcrgen")), {"Title": ("狐",)})) == (("Title", "狐"), ("Author", "Jürgen"))


def test_a_changed_author_is_changed_in_xmp_exif_and_iptc():
    content = LAYOUTS["Photoshop's JPEG"].content
    was = picture_contents(content)
    now = replace(was.descriptive, author="Cleo", title="")
    metadata = with_descriptive(file_metadata(content), now, was.descriptive)
    found = picture_contents(with_file_metadata(content, metadata))
    assert found.descriptive == now and ("Artist", "Cleo") in found.exif
    assert [label for label, _ in found.iptc] == ["Author", "Reference"] and ("Author", "Cleo") in found.iptc
    assert b"\x1c\x02\x67\x00\x02\x01\xff" in metadata.iptc and b"\x1c\x02\xc8\x00\x02\x01\xff" in metadata.iptc


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.data())
def test_damaged_iptc_is_read_as_far_as_it_goes(junk, data):
    sound = iptc(((2, 5), b"A title"), ((2, 80), b"Ann"))
    place = data.draw(st.integers(0, len(sound)))
    assert isinstance(iptc_pairs(sound[:place] + junk + sound[place:]), tuple)
    assert ("Title", "x") in iptc_pairs(with_iptc(sound[:place] + junk, {"Title": ("x",)})) or not sound[:place]
