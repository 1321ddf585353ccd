def start(studio):
    """A picture to start from, tinted."""
    red, green, blue = studio.draw("a red fox").image.split()
    from PIL import Image

    return Image.merge("RGB", (red.point(lambda level: level // 2), green, blue))


def test_it_is_the_setting_to_the_bit(studio):
    tinted = start(studio)
    setting = studio.redraw(tinted, "a red fox", settings={"img2img_color_correction": True})
    assert studio.redraw(tinted, "a red fox", {"amount": 1}).pixels == setting.pixels
    assert studio.redraw(tinted, "a red fox").pixels != setting.pixels


def test_half_of_it_is_between(studio):
    tinted = start(studio)
    none, half, whole = (studio.redraw(tinted, "a red fox", {"amount": amount}) for amount in (0, 0.5, 1))
    assert 0 < half.distance(none) < whole.distance(none)


def test_txt2img_knows_nothing_of_it(studio):
    assert studio.draw("a red fox", {"amount": 1}).pixels == studio.draw("a red fox").pixels
