from easel import moments


def test_at_zero_the_picture_is_as_without_it(studio):
    assert studio.draw("a red fox", {"strength": 0}).pixels == studio.draw("a red fox").pixels


def test_a_second_look_changes_details_and_keeps_the_size(studio):
    plain, again = studio.draw("a red fox"), studio.draw("a red fox", {"strength": 0.3, "enlarge": 1})
    assert again.image.size == plain.image.size
    assert again.pixels != plain.pixels


def test_it_asks_for_an_enlargement_and_a_drawing_for_each_look(studio, fake_engine):
    arguments = studio.extension.argument_class(strength=0.5, looks=2, prompt="a blue fox")
    fake_engine.call(studio.extension, moments.finished, fake_engine.picture(), arguments)
    asked = [type(question) for question in fake_engine.asked]
    assert asked == [moments.Enlarge, moments.Draw, moments.Enlarge, moments.Draw]
    assert [each.seed for each in fake_engine.asked[1::2]] == [1, 2]
    assert fake_engine.asked[1].prompt == "a blue fox"
