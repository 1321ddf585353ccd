"""What scripts say of ControlNet's units on `p`."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from modules.base.errors import UnknownName
from modules.params.control import CONTROL_MODE, ControlUnit
from modules.worker.hooks.script_control import units_told_on_p

UNITS = (ControlUnit(model="a", weight=0.3), ControlUnit(model="b", weight=0.4))


def told(units=UNITS, **fields):
    return units_told_on_p(SimpleNamespace(**fields), units)


def test_a_list_is_for_each_unit_and_one_value_for_all():
    found = told(control_net_weight=[0.5, None], control_net_guidance_end=0.7, control_net_control_mode=2)
    assert [unit["weight"] for unit in found] == [0.5, 0.4]
    assert [(unit["guidance_end"], unit["control_mode"]) for unit in found] == [(0.7, CONTROL_MODE)] * 2


def test_one_word_of_being_enabled_is_the_first_units():
    assert [unit["enabled"] for unit in told(control_net_enabled=False)] == [False, True]
    assert [unit["enabled"] for unit in told(control_net_enabled=[True, False])] == [True, False]


def test_units_that_nobody_sent_are_there_for_lists_that_name_them():
    found = told((), control_net_enabled=[True, True], control_net_model=["a", "b"])
    assert [(unit["enabled"], unit["model"]) for unit in found] == [(True, "a"), (True, "b")]
    assert told((), other=1) == []
    with pytest.raises(UnknownName):
        told(control_net_module="no-such")
