"""What the sticker model is trained from: pictures and captions say the same, and held-out pairs stay out."""

import numpy as np
import pytest
from PIL import Image

from tools.stickers.__main__ import stream_of, write
from tools.stickers.captions import CAPTIONS, captions, plural, with_article
from tools.stickers.colours import HUES, held_out, recoloured
from tools.stickers.compositions import Mix, composed, drawn
from tools.stickers.kept import OF_EACH, SHAPES, shape_captions
from tools.stickers.restyled import RESTYLED, restyle
from tools.stickers.shapes import shape_sprite
from tools.stickers.sources import Concept, Emoji

CONCEPTS = tuple(Concept(noun, (Emoji("1F408", noun, "animal-mammal", chinese),)) for noun, chinese in
                 (("cat", "猫"), ("owl", "猫头鹰"), ("fox", "狐狸"), ("mouse", "老鼠")))
SPRITES = {(concept.noun, 0, style): Image.new("RGBA", (120, 160), colour) for concept in CONCEPTS
           for style, colour in (("3d", (180, 120, 60, 255)), ("flat", (60, 120, 180, 255)))}


def compositions(number: int, **shares: float):
    return [composed(CONCEPTS, ("3d", "flat"), Mix(**shares), stream_of(1, each)) for each in range(number)]


def test_a_held_out_pair_is_never_drawn_and_some_pairs_are_held_out():
    pairs = {(thing.concept.noun, thing.colour) for each in compositions(600) for thing in each.things if thing.colour}
    assert pairs == {(concept.noun, colour) for concept in CONCEPTS for colour in HUES if not held_out(concept.noun, colour)}
    assert len(pairs) < len(CONCEPTS) * len(HUES)


def test_an_english_caption_of_one_dyed_thing_names_its_colour():
    for number, each in enumerate(compositions(200, dyed=1, pairs=0, several=0)):
        for line in captions(each, stream_of(2, number)):
            colour = each.things[0].colour
            assert colour.name in line or colour.chinese in line


@pytest.mark.parametrize(("relation", "axis", "sign"), [("to the left of", "x", -1), ("to the right of", "x", 1), ("above", "y", -1), ("below", "y", 1)])
def test_two_things_stand_as_the_caption_says(relation, axis, sign):
    related = [each for each in compositions(400, pairs=1) if each.relation == relation]
    assert related
    for each in related:
        first, second = (getattr(thing.place, axis) for thing in each.things)
        assert sign * (first - second) > 0.3


def test_several_of_one_noun_are_counted():
    row = next(each for each in compositions(200, pairs=0, several=1, dyed=0) if len(each.things) == 3)
    lines = [line for number in range(8) for line in captions(row, stream_of(3, number))]
    assert all(line.startswith((f"three {plural(row.things[0].concept.noun)}", "三个")) for line in lines)


def test_the_thing_lies_where_its_place_says():
    each = compositions(1, jitter=0, dyed=0, pairs=0, several=0)[0]
    picture = np.asarray(drawn(each, SPRITES, 128, stream_of(1, 9)), int)
    colour = SPRITES[each.things[0].concept.noun, 0, each.style].getpixel((0, 0))[:3]
    rows, columns = np.nonzero(np.abs(picture - colour).max(2) <= 2)
    assert (rows.mean(), columns.mean()) == pytest.approx((63.5, 63.5), abs=1)
    assert np.ptp(rows) + 1 == pytest.approx(0.82 * 128, abs=1)


def test_a_dyed_drawing_has_the_hue_and_keeps_outlines_and_transparency():
    sprite = Image.new("RGBA", (4, 1), (200, 160, 120, 128))
    sprite.putpixel((0, 0), (20, 20, 20, 255))
    dyed = recoloured(sprite, HUES[5])
    assert dyed.getpixel((0, 0)) == (20, 20, 20, 255)
    red, green, blue, alpha = dyed.getpixel((2, 0))
    assert blue > green >= red and alpha == 128


def test_one_seed_gives_one_folder_to_the_byte(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for number in range(5):
            stream = stream_of(7, number)
            write(tmp_path / name, number, composed(CONCEPTS, ("3d", "flat"), Mix(), stream), SPRITES, stream, 64)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted([f"{number:05}{kind}" for number in range(5) for kind in (".txt", ".webp")])
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    assert len((tmp_path / "one" / "00000.txt").read_text("utf-8").splitlines()) == CAPTIONS


def test_a_plain_shape_has_the_colour_of_its_caption_and_no_style():
    for number, each in enumerate(compositions(60, shapes=1, pairs=0, several=0)):
        thing, = each.things
        assert thing.colour and thing.colour.name not in each.background.english.split() and not each.style
        assert all(thing.colour.name in line or thing.colour.chinese in line for line in captions(each, stream_of(2, number)))
        sprite = shape_sprite(thing.concept.noun, thing.colour)
        assert sprite.getpixel((sprite.width // 2, sprite.height // 2)) == (*thing.colour.rgb, 255)
        drawn(each, SPRITES, 64, stream_of(2, number))


@pytest.mark.parametrize(("words", "said"), [("cat", "a cat"), ("owl", "an owl"), ("orange cat", "an orange cat"), ("red grapes", "red grapes")])
def test_articles(words, said):
    assert with_article(words) == said


@pytest.mark.parametrize(("noun", "several"), [("cat", "cats"), ("fox", "foxes"), ("mouse", "mice"), ("leaf", "leaves")])
def test_plurals(noun, several):
    assert plural(noun) == several


def test_a_share_of_the_things_is_mirrored_none_or_all_if_that_is_asked():
    shares = {share: [thing.place.mirrored for each in compositions(200, mirrored=share) for thing in each.things]
              for share in (0, 0.5, 1)}
    assert not any(shares[0]) and all(shares[1]) and 0.3 < np.mean(shares[0.5]) < 0.7


def test_captions_of_shapes_name_two_different_colours():
    lines = shape_captions(stream_of(1, 0))
    assert len(lines) == OF_EACH * len(SHAPES)
    for line in lines:
        _, shape_colour, shape, *_, behind, _ = line.split()
        assert shape in SHAPES and shape_colour != behind


def test_drawn_pictures_are_had_in_another_style_with_its_words(tmp_path):
    (source := tmp_path / "drawn").mkdir()
    for number in range(3):
        stream = stream_of(7, number)
        write(source, number, composed(CONCEPTS, ("3d", "flat"), Mix(), stream), SPRITES, stream, 64)
    for style, (words, _) in RESTYLED.items():
        restyle(style, source, folder := tmp_path / style, 2)
        assert sorted(path.name for path in folder.iterdir()) == ["00000.txt", "00000.webp", "00001.txt", "00001.webp"]
        caption = (source / "00000.txt").read_text("utf-8").splitlines()[0]
        assert (folder / "00000.txt").read_text("utf-8") == f"{caption}, {words}\n".replace(", \n", "\n")
        assert Image.open(folder / "00000.webp").tobytes() != Image.open(source / "00000.webp").tobytes()
