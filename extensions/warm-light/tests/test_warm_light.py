def test_at_zero_the_picture_is_as_without_it(studio):
    assert studio.draw("a red fox", {"amount": 0}).pixels == studio.draw("a red fox").pixels


def test_warm_light_has_more_red_than_blue(studio):
    plain, warm = (studio.draw("a grey stone", {"amount": amount}).mean for amount in (0, 1))
    assert warm[0] - warm[2] > plain[0] - plain[2]


def test_the_words_are_drawn_and_the_data_keep_the_prompt_that_was_asked_for(studio):
    silent, said = (studio.draw("a red fox", {"amount": 0.1, "words": words}) for words in (False, True))
    assert silent.pixels != said.pixels
    assert said.infotext.startswith("a red fox\n")
    assert "Warmth: 0.1, Warm light say it in the prompt: True, Extensions: warm-light 1.0.0" in said.infotext


def test_the_same_request_gives_the_same_picture(studio):
    studio.check({"amount": 0.5})


def test_the_first_step_is_left_alone(studio, fake_engine):
    from easel import moments

    step = fake_engine.step()
    changed = fake_engine.call(studio.extension, moments.denoised, step, studio.extension.argument_class(amount=1))
    assert changed.clean.equal(step.clean)
