"""Guidance asks the model better questions than the sampler did; with an arithmetic model the answers are known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from modules.sampling.flows import Denoise
from modules.sampling.guidance import Guidance, Stage, Timeline, cut_or_lengthened, equally_long, guided, never, padded
from modules.sampling.questions import Cond, Interrupted, Weights, ready
from modules.sampling.schedules import ModelSigmas

LEVELS = ModelSigmas.of(torch.linspace(0.999, 0.005, 1000).numpy())
X = torch.zeros(4, 2, 2)


def says(value, tokens=2):
    """A conditioning whose meaning is a number."""
    return Cond(torch.full((tokens, 3), float(value)))


def always(value, tokens=2):
    return Timeline((10_000,), (says(value, tokens),))


def flow(steps=3, apart=False):
    """A sampler that collects what it is told."""
    told = []
    for step in range(steps):
        told.append((yield Denoise(X, float(steps - step), step, apart)))
    return told


def asked(guidance, sampler):
    """Every question, each answered by what its conditionings mean; and what the sampler was told."""
    questions, task = [], guided(sampler, Stage(Timeline.always(Weights("w")), guidance, LEVELS))
    try:
        question = next(task)
        while True:
            questions.append(question)
            question = task.send([cond.text.mean() * torch.ones(4, 2, 2) for cond in question.conds])
    except StopIteration as done:
        return questions, done.value


def meanings(question):
    return [float(cond.text.mean()) for cond in question.conds]


def test_the_estimate_moves_from_the_negative_prompt_through_the_prompt():
    _, told = asked(Guidance(((always(2), 1.0),), always(1), 7.0), flow())
    assert [float(clean.mean()) for clean in told] == [1 + 7 * (2 - 1)] * 3


def test_composed_prompts_add_up_by_weight():
    positive = ((always(2), 1.0), (always(5), 0.5), (always(3), -0.25))
    [question, *_], told = asked(Guidance(positive, always(1), 4.0), flow())
    assert meanings(question) == [2, 5, 3, 1]
    assert float(told[0].mean()) == 1 + 4 * (1.0 * (2 - 1) + 0.5 * (5 - 1) - 0.25 * (3 - 1))


def test_at_scale_1_only_the_prompt_counts():
    _, told = asked(Guidance(((always(2), 1.0),), always(-9), 1.0), flow())
    assert float(told[0].mean()) == 2


def test_prompt_editing_counts_model_evaluations():
    edited = Timeline((1, 3, 10), (says(1), says(2), says(3)))
    questions, _ = asked(Guidance(((edited, 1.0),), always(0), 7.0), flow(6))
    assert [meanings(question)[0] for question in questions] == [1, 1, 2, 2, 3, 3]


def test_past_its_end_a_schedule_says_what_it_said_first():
    """A1111 does: DPM adaptive may ask more often than it was planned for."""
    edited = Timeline((0, 1), (says(1), says(2)))
    assert [float(edited.at(i).text.mean()) for i in range(4)] == [1, 2, 1, 1]


def test_the_negative_prompt_is_edited_too():
    questions, _ = asked(Guidance(((always(1), 1.0),), Timeline((0, 9), (says(5), says(6))), 7.0), flow())
    assert [meanings(question)[1] for question in questions] == [5, 6, 6]


def test_where_the_negative_prompt_is_left_out_the_prompt_stands_alone():
    guidance = Guidance(
        ((always(2), 1.0),), always(1), 7.0, alone=lambda evaluation, sigma: evaluation == 0 or sigma < 2
    )
    questions, told = asked(guidance, flow())
    assert [len(question.conds) for question in questions] == [1, 2, 1]
    assert [float(clean.mean()) for clean in told] == [2, 8, 2]


def test_where_the_negative_prompt_is_left_out_composed_prompts_add_up_at_scale_1():
    """Around the first of them, as A1111 has it; also for samplers that
    multiply the scale or want the unprompted estimate.
    """
    positive = ((always(2), 1.0), (always(5), 0.5), (always(3), -0.25))
    expected = 2 + 0.5 * (5 - 2) - 0.25 * (3 - 2)
    for scale, apart in ((7.0, False), (1.0, False), (7 / 12.5, True)):
        guidance = Guidance(positive, always(1), scale, alone=lambda evaluation, sigma: True)
        [question], [told] = asked(guidance, flow(1, apart))
        assert meanings(question) == [2, 5, 3]
        assert [float(each.mean()) for each in (told if apart else [told])] == [expected, 2][: 1 + apart]


def test_a_negative_prompt_that_is_left_out_counts_for_the_length_all_the_same():
    empty = says(0, 2)
    guidance = Guidance(
        ((always(2, 2), 1.0),), always(1, 4), 7.0, alone=lambda evaluation, sigma: True, even=partial(padded, empty)
    )
    [question], _ = asked(guidance, flow(1))
    assert [len(cond.text) for cond in question.conds] == [4] and float(question.conds[0].text[2:].sum()) == 0


def test_composed_prompts_are_made_equally_long_by_their_last_vector():
    short, long = torch.arange(6.0).reshape(2, 3), torch.zeros(5, 3)
    lengthened, same = equally_long([Cond(short), Cond(long)])
    assert torch.equal(lengthened.text, short[[0, 1, 1, 1, 1]]) and torch.equal(same.text, long)


def test_lengths_differ_only_between_prompt_and_negative_prompt():
    questions, _ = asked(Guidance(((always(1, 2), 1.0), (always(2, 5), 1.0)), always(3, 4), 7.0), flow(1))
    assert [len(cond.text) for cond in questions[0].conds] == [5, 5, 4]


def test_who_asks_apart_is_told_the_unprompted_estimate_as_well():
    _, told = asked(Guidance(((always(2), 1.0),), always(1), 3.0), flow(apart=True))
    clean, away = told[0]
    assert (float(clean.mean()), float(away.mean())) == (4, 1)


def test_questions_tell_the_models_timestep():
    [first, *_], _ = asked(Guidance(((always(2), 1.0),), always(1), 3.0), flow())
    assert LEVELS.sigma(first.timestep) == pytest.approx(first.sigma, rel=1e-5)
    assert (first.weights, first.step) == (Weights("w"), 0)


def test_the_newest_estimate_travels_with_the_next_question():
    questions, told = asked(Guidance(((always(2), 1.0),), always(1), 3.0), flow())
    assert questions[0].preview is None
    assert [question.preview is clean for question, clean in zip(questions[1:], told)] == [True, True]


@pytest.mark.parametrize("answered", range(3))
def test_an_interrupt_carries_the_newest_estimate(answered):
    task = guided(flow(5), Stage(Timeline.always(Weights("w")), Guidance(((always(2), 1.0),), always(1), 7.0), LEVELS))
    next(task)
    for i in range(answered):
        task.send([torch.full((4, 2, 2), float(i)), torch.zeros(4, 2, 2)])
    with pytest.raises(Interrupted) as caught:
        task.throw(Interrupted())
    if answered:
        assert float(caught.value.latest.mean()) == 7 * (answered - 1)
    else:
        assert caught.value.latest is None


def test_pad_conds_v0_brings_the_negative_prompt_to_the_prompts_length():
    short, long = Cond(torch.arange(6.0).reshape(2, 3)), Cond(torch.arange(15.0).reshape(5, 3))
    for prompt, negative, places in ((long, short, [0, 1, 1, 1, 1]), (short, long, [0, 1])):
        same, changed = cut_or_lengthened([prompt, negative])
        assert same is prompt and torch.equal(changed.text, negative.text[places])


def test_pad_conds_fills_with_empty_text():
    empty, short, long = Cond(torch.full((2, 3), 9.0)), Cond(torch.zeros(2, 3)), Cond(torch.ones(6, 3))
    filled, same = padded(empty, [short, long])
    assert torch.equal(same.text, long.text)
    assert filled.text[:, 0].tolist() == [0, 0, 9, 9, 9, 9]


def test_a_stage_that_is_over_hands_on():
    """The second model answers from there on, with its own prompts."""
    def after():
        yield from ()
        return Stage(Timeline.always(Weights("refiner")), Guidance(((always(5), 1.0),), always(1), 7.0), LEVELS)

    stage = Stage(
        Timeline.always(Weights("base")),
        Guidance(((always(2), 1.0),), always(1), 7.0),
        LEVELS,
        over=lambda evaluation, sigma: evaluation >= 2,
        after=after,
    )
    task, seen = guided(flow(4), stage), []
    try:
        question = next(task)
        while True:
            seen.append((question.weights.checkpoint, meanings(question)[0]))
            question = task.send([torch.zeros(4, 2, 2)] * 2)
    except StopIteration:
        pass
    assert seen == [("base", 2), ("base", 2), ("refiner", 5), ("refiner", 5)]


# Layers ----------------------------------------------------------------------------------------------


class Scaled:
    """A layer that shows the model a multiple of the latent, and adds as much to its estimate."""

    def __init__(self, by, heard):
        self.by, self.heard = by, heard

    def ask(self, ask):
        return replace(ask, x=(ask.x + 1) * self.by)

    def answer(self, ask, estimate):
        self.heard.append((self.by, float(ask.x.mean())))
        return estimate + self.by


@pytest.mark.parametrize("apart", [False, True])
def test_layers_change_what_the_model_is_asked_and_what_the_sampler_is_sent(apart):
    """From the sampler outwards, and back; each meets the question that came to it."""
    heard = []
    layers = (Scaled(2.0, heard), Scaled(10.0, heard))
    task = guided(
        flow(1, apart),
        Stage(Timeline.always(Weights("w")), Guidance(((always(3), 1.0),), always(1), 1.0), LEVELS, layers=layers),
    )
    question = next(task)
    assert float(question.x.mean()) == ((0 + 1) * 2 + 1) * 10
    with pytest.raises(StopIteration) as done:
        task.send([cond.text.mean() * torch.ones(4, 2, 2) for cond in question.conds])
    [sent] = done.value.value
    assert [float(each.mean()) for each in (sent if apart else [sent])] == [3 + 10 + 2, 1 + 10 + 2][: 1 + apart]
    assert heard[:2] == [(10.0, 2.0), (2.0, 0.0)]


def test_the_next_stage_has_layers_of_its_own():
    first = Stage(
        Timeline.always(Weights("w")), Guidance(((always(3), 1.0),), always(3), 1.0), LEVELS, layers=(Scaled(2.0, []),),
        over=lambda evaluation, sigma: evaluation == 1, after=lambda: ready(replace(first, over=never, layers=())),
    )
    task = guided(flow(2), first)
    question, seen = next(task), []
    with pytest.raises(StopIteration):
        while True:
            seen.append(float(question.x.mean()))
            question = task.send([cond.text.mean() * torch.ones(4, 2, 2) for cond in question.conds])
    assert seen == [2, 0]
