"""What rows of a UNet call carry beside latent and text: which share a call, and how a call takes it in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from modules.models.unet import Row, calls, with_extras
from modules.sampling.cond_extras import SHOWN_IMAGE, ShownImage, UNetInputs
from modules.sampling.questions import Cond, Predict
from modules.sampling.weights import Weights


@dataclass(frozen=True)
class Added:
    """As a control image has it: something for its own rows of a call, which rows without it share."""

    value: float
    key: None = None

    def apply(self, inputs, extras):
        values = torch.tensor([each.value if each else 0.0 for each in extras])
        return replace(inputs, arguments={**inputs.arguments, "residuals": values})

    def blank(self):
        return replace(self, value=0.0)


def row(extras=None, tokens=2):
    return Row(torch.zeros(4, 2, 2), 1.0, 500.0, Cond(torch.zeros(tokens, 3), extras=extras or {}), ())


def shown(channels, value=1.0):
    return {SHOWN_IMAGE: ShownImage(torch.full((channels, 2, 2), value))}


def test_rows_share_a_call_if_the_keys_of_their_extras_are_equal():
    rows = [row(), row(shown(5)), row(shown(5, 2.0)), row(shown(4)), row(shown(5), tokens=3)]
    assert calls(rows) == [[0], [1, 2], [3], [4]]


def test_an_extra_without_a_key_keeps_nobody_out():
    assert calls([row(), row({"control": Added(1.0)}), row()]) == [[0, 1, 2]]


def test_each_kind_changes_the_inputs_for_all_rows_of_the_call():
    rows = [row(shown(5)), row({**shown(5, 2.0), "control": Added(7.0)})]
    inputs = with_extras(UNetInputs(torch.zeros(2, 4, 2, 2)), rows)
    assert inputs.latents.shape == (2, 9, 2, 2) and inputs.latents[:, 4:].mean(dim=(1, 2, 3)).tolist() == [1.0, 2.0]
    assert inputs.arguments["residuals"].tolist() == [0.0, 7.0]


def test_questions_with_other_extras_have_other_keys():
    keys = [
        Predict(Weights("w"), torch.zeros(4, 2, 2), 1.0, 1.0, (each.cond,), 0).key
        for each in (row(), row(shown(5)), row({"control": Added(1.0)}))
    ]
    assert keys[0] == keys[2] != keys[1]
