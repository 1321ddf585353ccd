"""A VAE's decoder in training: pictures come nearer, latents stay, and a run goes on to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from modules.base.errors import Invalid
from modules.sampling.questions import EncodeImage
from modules.training.decoder import (
    CRITIC,
    CriticRules,
    DecoderStudent,
    first_critic,
    hinge_loss,
    patch_verdicts,
    reconstruction_losses,
)
from modules.training.run import run_course
from modules.training.state import newest_state
from modules.training.student import TrainableModel
from tests.training.runs import SEED, Follower, carried_out, course_of, data_of, digest, lessons_of, run_to

JUDGED = CriticRules(0.5, 3)


def decoder(model, rules=JUDGED):
    return DecoderStudent(model, rules, SEED)


def alone(model):
    return decoder(model, CriticRules())


def course(weights, make, steps, rate=1e-3):
    return replace(course_of(weights, make, steps), rates={"vae": [(rate, -1)], CRITIC: [(rate, -1)]})


def lessons(device, weights, zorbs):
    return lessons_of(device, weights, data_of(zorbs, 4), with_pixels=True)


@pytest.mark.slow
def test_a_decoder_goes_on_to_the_bit_its_discriminator_too(device, weights, zorbs, tmp_path):
    plan = course(weights, decoder, 5)
    whole = run_to(device, plan, lessons(device, weights, zorbs), 5)
    half = run_to(device, plan, lessons(device, weights, zorbs), 4)
    half.write(tmp_path)
    resumed = run_to(device, plan, lessons(device, weights, zorbs), 5, newest_state(tmp_path))
    assert any(name.startswith(CRITIC) for name in whole.tensors)
    assert digest(half.tensors) != digest(whole.tensors)
    assert digest(resumed.tensors) == digest(whole.tensors)


@pytest.mark.slow
def test_a_decoder_learns_and_latents_stay(device, weights, zorbs):
    pixels = torch.rand(3, 32, 32) * 2 - 1
    before = device.answer([EncodeImage(weights, pixels)])[0]
    follower = Follower(validates_every=15)
    run = carried_out(device, run_course(course(weights, alone, 16, 2e-3), lessons(device, weights, zorbs), follower))
    assert follower.losses[15] < 0.8 * follower.losses[0]
    assert torch.equal(device.answer([EncodeImage(weights, pixels)])[0], before)
    assert run.student.file_tensors().keys() == run.student.tensors.keys()
    assert all(name.startswith(("vae.decoder.", "vae.post_quant_conv.")) for name in run.student.tensors)


def test_equal_pictures_lose_nothing_and_a_shift_its_size():
    picture = torch.rand(2, 3, 16, 16)
    assert torch.equal(reconstruction_losses(picture, picture), torch.zeros(2))
    assert torch.allclose(reconstruction_losses(picture + 0.25, picture), torch.full((2,), 0.25), atol=1e-5)


def test_a_discriminator_that_knows_nothing_loses_one():
    """Its first patch_verdicts are near 0, where both halves of the hinge are 1."""
    critic, picture = first_critic(SEED), torch.rand(2, 3, 32, 32)
    assert patch_verdicts(critic, picture).shape == (2, 1, 6, 6)
    assert float(hinge_loss(critic, picture, picture)) == pytest.approx(1, abs=0.01)


def test_a_vae_of_another_kind_is_refused():
    with pytest.raises(Invalid, match="VAE"):
        decoder(TrainableModel({}, vae=torch.nn.Linear(1, 1)))
