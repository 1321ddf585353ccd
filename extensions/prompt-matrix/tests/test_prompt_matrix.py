import pytest


@pytest.fixture
def drawn(studio, fake_engine):
    """The prompts of the matrix of a request, with arguments by name."""
    def draw(prompt, negative_prompt="", **arguments):
        request = fake_engine.plan(prompt=prompt, negative_prompt=negative_prompt)
        made = fake_engine.script(studio.extension, "Prompt matrix", request, **arguments)
        return made, [(each.prompt, each.negative_prompt) for each in made.pictures]

    return draw


def texts(headings):
    return [[part.text for part in heading if part.in_force] for heading in headings]


def test_a_matrix_has_every_combination_with_the_first_part_fastest(drawn):
    made, prompts = drawn("a cat|red , | big")
    assert [prompt for prompt, _ in prompts] == ["a cat", "a cat, red ", "a cat, big", "a cat, red , big"]
    assert (texts(made.across), texts(made.down)) == ([[], ["red "]], [[], ["big"]])
    assert drawn("a cat|red , | big", put_at_start=True, variations_delimiter="space")[1][2] == ("big a cat", None)
    assert [drawn(prompt)[0].shape for prompt in ("a|b|c", "a|b|c|d", "a")] == [(2, 2), (4, 2), (1, 1)]


def test_a_matrix_of_both_prompts_has_the_prompt_across_and_the_negative_one_down(drawn):
    made, prompts = drawn("a|b", "c|d|e", prompt_type="both")
    assert (len(prompts), made.shape) == (8, (2, 4))
    assert prompts[:4] == [("a", "c"), ("a, b", "c"), ("a", "c, d"), ("a, b", "c, d")]


def test_a_matrix_of_too_many_parts_or_too_much_text_is_refused(drawn):
    from easel import Invalid

    for prompts, named in ((("a" + "|b" * 30,), "30 parts"), (("a" + "|b" * 8, "a" + "|b" * 8), "16 parts"),
                           (("a" * 50_000 + "|b" * 12,), "characters")):
        with pytest.raises(Invalid, match=named):
            drawn(*prompts, prompt_type="both")


def test_each_picture_has_its_seed_and_all_of_them_a_grid(studio):
    first, second, grid = studio.draw_script("a red fox|in snow", "Prompt matrix", False, True)
    assert [each.infotext.split("\n")[0] for each in (first, second)] == ["a red fox", "a red fox, in snow"]
    assert first.distance(studio.draw("a red fox")) <= 1       # of 255: it was drawn beside the other
    assert second.distance(studio.draw("a red fox, in snow", seed=2)) <= 1
    assert grid.image.height > first.image.height
