"""References: rows that look at a picture in self-attention, against known facts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from modules.sampling.references import REFERENCES, Reference, References

PICTURE = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(9))


def looking(row, *references, **more):
    return row(**{REFERENCES: References(references)}, **more)


def reference(**fields):
    return replace(Reference(PICTURE * 0.5, PICTURE), **fields)


BOTH = {"attention": True, "statistics": True}
KINDS = {"only": {}, "adain": {"attention": False, "statistics": True}, "both": BOTH}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_stay_the_same_to_the_bit_and_those_with_are_the_same_in_company(row, in_company, kind):
    asked = looking(row, reference(**KINDS[kind]))
    alone, company = in_company({}, asked, row(seed=7, sigma=2.0))
    assert torch.allclose(alone, company, atol=1e-4)


def test_rows_with_one_and_with_two_references_are_the_same_together(row, drawn):
    one, two = looking(row, reference()), looking(row, reference(), reference(noised=PICTURE.flip(1)))
    together = drawn({}, one, two)
    for alone, company in zip((drawn({}, one)[0], drawn({}, two)[0]), together, strict=True):
        assert torch.allclose(alone, company, atol=1e-4)
    assert not torch.allclose(*together, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_the_rows_own_latent_changes_nothing(tiny, row, drawn, kind):
    """Its tokens stand twice in the softmax, and its statistics are its own."""
    [plain] = drawn({}, row())
    own = row().x * tiny.parametrization.input_scale(row().sigma)
    [found] = drawn({}, looking(row, reference(noised=own, **KINDS[kind])))
    assert torch.allclose(found, plain, atol=2e-4)


def test_no_layers_look_at_a_reference_of_weight_none(row, drawn):
    [found], [plain] = drawn({}, looking(row, reference(layers=0.0, **BOTH))), drawn({}, row())
    assert torch.equal(found, plain)


def test_style_fidelity_mixes_the_negative_rows_look_alone(row, drawn):
    def answer(**fields):
        return drawn({}, looking(row, reference(**fields)))[0]

    [plain] = drawn({}, row())
    assert torch.allclose(answer(negative=True, fidelity=1.0), plain, atol=1e-5)
    assert torch.equal(answer(negative=True, fidelity=0.0), answer())
    assert torch.equal(answer(negative=False, fidelity=1.0), answer())
    assert not torch.allclose(answer(), plain, atol=1e-3)
