"""The merger's requests are declared like every other: limits, choices, what makes no sense."""

from __future__ import annotations

import pytest

from modules.base.errors import Invalid
from modules.base.fields import declared_params, form_defaults
from modules.params.merge import BLOCKS, CONFIGS, PRECISIONS, Conversion, Extraction, Merge, check_merge, merged_name
from modules.params.merge_methods import MERGE_METHODS
from modules.requests.read_fields import read_fields


@pytest.mark.parametrize("given", ["0.3, -1.5", "0.3 -1.5", "0.3,-1.5,", [0.3, -1.5], (0.3, -1.5)])
def test_a_list_of_numbers_may_be_typed(given):
    assert read_fields(Merge, {"more": given}).more == (0.3, -1.5)


@pytest.mark.parametrize(("cls", "given", "field", "told"), [
    (Merge, {"more": "0.3, x"}, "more", "A number belongs here."),
    (Merge, {"more": [11]}, "more", "At most 10"),
    (Merge, {"multiplier": 10.5}, "multiplier", "At most 10"),
    (Merge, {"method": "Magic"}, "method", "There are: Weighted sum, Add difference"),
    (Merge, {"precision": "int3"}, "precision", "There are: keep, fp16, bf16, fp32."),
    (Merge, {"config": "mine"}, "config", "There are: A, B or C, B, C, Don't."),
    (Merge, {"models": ["a"] * 21}, "models", "20"),
    (Conversion, {"precision": "int3"}, "precision", "There are: keep"),
    (Extraction, {"rank": 2000}, "rank", "At most 1024"),
    (Extraction, {"rang": 8}, "rang", "Did you mean 'rank'?"),
])
def test_a_value_outside_its_limits_is_refused_by_name(cls, given, field, told):
    with pytest.raises(Invalid) as refused:
        read_fields(cls, given)
    assert refused.value.field == field and told in refused.value.hint


def test_what_the_api_takes_may_be_more_than_the_slider_shows():
    slider = declared_params(Merge)["multiplier"].widget
    assert (slider.low, slider.high) == (0, 1) and read_fields(Merge, {"multiplier": -10}).multiplier == -10


def test_the_form_begins_as_a1111s_and_the_api_keeps_the_precision():
    assert form_defaults(Merge)["precision"] == "fp16" and Merge().precision == "keep"
    assert form_defaults(Merge)["method"] == Merge().method == "Weighted sum"


def test_the_lists_stand_once():
    assert declared_params(Merge)["method"].widget.of == tuple(MERGE_METHODS)
    assert (
        declared_params(Merge)["precision"].widget.of
        == declared_params(Conversion)["precision"].widget.of
        == tuple(PRECISIONS)
    )
    assert declared_params(Merge)["config"].widget.of == tuple(CONFIGS)


@pytest.mark.parametrize("method", MERGE_METHODS.values(), ids=lambda method: method.name)
def test_each_method_needs_its_checkpoints(method):
    shares = (0.1,) * (method.sources - 1) if method.open else ()
    check_merge(Merge(method=method.name, more=shares), method.sources)
    with pytest.raises(Invalid, match=f"needs {method.sources} checkpoints, not {method.sources - 1}"):
        check_merge(Merge(method=method.name), method.sources - 1)


def test_block_weights_are_one_for_each_block():
    check_merge(Merge(block_weights=(0.5,) * len(BLOCKS)), 2)
    with pytest.raises(Invalid, match="There are 3 block weights"):
        check_merge(Merge(block_weights=(0.5,) * 3), 2)


def test_a_name_that_nobody_chose_tells_the_shares_as_a1111s_does():
    assert merged_name(Merge(multiplier=0.3), ["a", "b"]) == "0.7(a) + 0.3(b)"
    assert merged_name(Merge(method="Add difference", multiplier=1), ["a", "b", "c"]) == "a + 1(b - c)"
    assert merged_name(Merge(method="No interpolation"), ["a"]) == "a copy"
