"""X/Y/Z plot: axes, cells, their order and their seeds."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from modules.base.errors import Invalid, UnknownName
from modules.params.control import BALANCED, CONTROL_MODE, ControlUnit
from modules.params.img2img import Img2Img
from modules.params.known_axes import axes_of, find_axis
from modules.params.known_names import KnownNames
from modules.params.plot_axes import A1111_AXES, Variant
from modules.params.plots import XyzPlot, plot_pairs, read_plot, settled_plot
from modules.params.scripts import resolve_script
from modules.params.txt2img import Txt2Img
from modules.settings.options import SETTING_NAMES, Settings

STYLES = {"suffix": SimpleNamespace(prompt="big", negative_prompt="gray")}


def plot_of(params=None, **arguments):
    return read_plot(XyzPlot(**arguments), params or Txt2Img(), Settings)


def variants(params=None, styles=None, **arguments):
    plot = plot_of(params, **arguments)
    base = Variant(params or Txt2Img(), {}, styles or {})
    return [plot.variant(base, number) for number in range(len(plot.cells))]


def test_there_are_a1111s_axes_at_a1111s_places():
    txt2img, img2img = ([axis.name for axis in axes_of(tab)] for tab in ("txt2img", "img2img"))
    assert (len(txt2img), len(img2img), len({axis.name for axis in A1111_AXES})) == (42, 41, 44)
    assert [txt2img.index(name) for name in ("Seed", "Prompt S/R", "Checkpoint name", "Styles", "Size")] == [
        1, 7, 11, 30, 41,
    ]
    assert img2img[5:7] == ["CFG Scale", "Image CFG Scale"] and img2img[9] == "Sampler"


def test_every_axis_of_a1111_changes_a_field_or_a_setting_that_there_is():
    for tab, params in (("txt2img", Txt2Img()), ("img2img", Img2Img())):
        for axis in axes_of(tab)[1:]:
            if axis.name in ("Prompt S/R", "Prompt order", "Initial noise multiplier"):
                continue
            text = {"Styles": "suffix", "Size": "96x64", "Face restore": "GFPGAN"}.get(axis.name, "")
            value = axis.read([text or "True" if axis.choices == ("False", "True") else text or "2"])[0]
            changed = axis.apply(Variant(params, {}, {"suffix": ("", "")}), value, [value])
            assert changed.settings.keys() <= set(SETTING_NAMES)
            assert changed.settings or changed.params != params, axis.name


def test_every_declared_field_and_setting_of_one_value_is_an_axis_too():
    assert [each.params.refiner_checkpoint for each in variants(x_type="refiner_checkpoint", x_values="a,b")] == ["a", "b"]
    assert [each.settings for each in variants(x_type="hypertile_enable_unet", x_values="True,no")] == [
        {"hypertile_enable_unet": True}, {"hypertile_enable_unet": False},
    ]
    for name in ("hypertile_enable_unet", "SGM noise multiplier"):
        [axis, *_] = plot_of(x_type=name, x_values="yes, False", csv_mode=True).axes
        assert [label.rpartition(": ")[2] for label in axis.labels] == ["yes", "False"]      # as they were written
    for label, name in (("Width", "width"), ("tiling", "tiling"), ("emphasis mode", "emphasis")):
        assert find_axis(label, "txt2img", Txt2Img, Settings).name == name
    for name in ("n_iter", "Batch count", "no such axis", "99"):
        with pytest.raises(UnknownName):
            find_axis(name, "txt2img", Txt2Img, Settings)


def test_cells_go_along_x_then_y_then_z():
    plot = plot_of(x_type="Steps", x_values="1,2", y_type="Seed", y_values="1-3", z_type="CFG Scale", z_values="4,5")
    assert plot.shape == (2, 3, 2)
    assert plot.cells[:3] == [(0, 0, 0), (1, 0, 0), (0, 1, 0)] and plot.cells[-1] == (1, 2, 1)
    assert plot.drawing_order == list(range(12))


def test_further_axes_come_after_z_and_are_written_a_line_each():
    plot = plot_of(x_type="Steps", x_values="1,2", more_axes="CFG Scale: 4, 5\n\n Prompt S/R : cat, dog: big")
    assert plot.shape == (2, 1, 1, 2, 2) and plot.folds == 4
    assert plot.cells[:3] == [(0, 0, 0, 0, 0), (1, 0, 0, 0, 0), (0, 0, 0, 1, 0)]
    assert [axis.labels for axis in plot.axes[3:]] == [["CFG Scale: 4.0", "CFG Scale: 5.0"], ["cat", "dog: big"]]
    assert plot_pairs(plot, with_z=True)["More Axes"] == plot.arguments.more_axes
    for wrong in ("Steps", "Steps: 1\n" * 9, "Nonsense: 1", "Seed: 1-4000\nSteps: 1,2,3"):
        with pytest.raises((Invalid, UnknownName)):
            plot_of(more_axes=wrong)


def test_all_cells_together_are_what_each_is_alone():
    """Axes that change the same prompt one after the other, idle ones between, and an axis without values."""
    params = Txt2Img(prompt="a red cat and a red dog")
    plot = plot_of(
        params, x_type="Prompt S/R", x_values="red,blue,red cat", z_type="Prompt S/R", z_values="cat,hen",
        more_axes="Steps: 3,5\nPrompt order: a,dog",
    )
    base = Variant(params, {}, {})
    assert list(plot.variants(base)) == [plot.variant(base, number) for number in range(len(plot.cells))]
    assert len(plot.cells) == 24
    assert list(plot_of(x_type="Steps", x_values="1,2", y_type="Seed", y_values="").variants(base)) == []


def test_networks_are_an_axis_alone_and_together_with_weights():
    found = variants(Txt2Img(prompt="a cat"), x_type="LoRA", x_values="none, ink, wash:0.5, ink+wash:-0.5")
    assert [each.params.prompt for each in found] == [
        "a cat", "a cat <lora:ink:1>", "a cat <lora:wash:0.5>", "a cat <lora:ink:1> <lora:wash:-0.5>",
    ]
    assert found[3].networks == (("lora", "ink"), ("lora", "wash"))
    words = variants(Txt2Img(negative_prompt="bad"), x_type="Negative embedding", x_values="none,ugly:1.2,ugly")
    assert [each.params.negative_prompt for each in words] == ["bad", "bad, (ugly:1.2)", "bad, ugly"]
    for wrong in ("a:b", "a+", "+", "a::1"):
        with pytest.raises(Invalid):
            variants(x_type="LoRA", x_values=wrong)


def test_fields_of_the_first_controlnet_unit_are_axes():
    units = Txt2Img(control=(ControlUnit(weight=0.3), ControlUnit(weight=0.4)))
    found = variants(
        units, x_type="[ControlNet] Weight", x_values="0.5, 1", y_type="[ControlNet] Control Mode", y_values="balanced, 2",
        z_type="[ControlNet] Enabled", z_values="True, no",
    )
    firsts = [each.params.control[0] for each in found]
    assert [(unit.weight, unit.control_mode) for unit in firsts[:4]] == [
        (0.5, BALANCED), (1.0, BALANCED), (0.5, CONTROL_MODE), (1.0, CONTROL_MODE),
    ]
    assert [unit.enabled for unit in firsts] == [True] * 4 + [False] * 4
    switch = find_axis("[ControlNet] Enabled", "txt2img", Txt2Img, Settings)
    assert [switch.label(switch.name, value) for value in switch.read(["True", "no"])] == [
        "[ControlNet] Enabled: True", "[ControlNet] Enabled: no",
    ]
    assert {each.params.control[1] for each in found} == {units.control[1]}
    for kind, wrong in (("Weight", "9"), ("Resize Mode", "upwards"), ("Preprocessor", "no-such")):
        with pytest.raises((Invalid, UnknownName)):
            variants(units, x_type=f"[ControlNet] {kind}", x_values=wrong)
    with pytest.raises(Invalid, match="no ControlNet unit"):
        variants(Txt2Img(), x_type="[ControlNet] Weight", x_values="1")


@pytest.mark.parametrize(("field", "written", "name", "values", "labels"), [
    ("Pixel Perfect", "True, no", "pixel_perfect", [True, False], ["True", "False"]),
    ("Hires-Fix Option", "Low res only, 2", "hr_option", ["Low res only", "High res only"], None),
    ("Union Control Type", "tile", "union_control_type", ["Tile"], None),
    ("Crop", "False", "inpaint_crop_input_image", [False], None),
    ("Layer Weights", "1/0.5, 0/0.25/1", "advanced_weighting", [(1, 0.5), (0, 0.25, 1)], ["1/0.5", "0/0.25/1"]),
])
def test_every_field_of_a_unit_is_an_axis(field, written, name, values, labels):
    axis = f"[ControlNet] {field}"
    found = variants(Txt2Img(control=(ControlUnit(),)), x_type=axis, x_values=written)
    assert [getattr(each.params.control[0], name) for each in found] == values
    shown = find_axis(axis, "txt2img", Txt2Img, Settings)
    assert [shown.label(axis, value) for value in values] == [f"{axis}: {text}" for text in labels or values]


def test_fields_of_the_units_after_it_are_axes_under_their_numbers():
    units = Txt2Img(control=(ControlUnit(weight=0.3), ControlUnit(weight=0.4)))
    found = variants(units, x_type="[ControlNet 1] Weight", x_values="0.5, 1")
    assert [[unit.weight for unit in each.params.control] for each in found] == [[0.3, 0.5], [0.3, 1.0]]
    for beyond in ("[ControlNet 2] Weight", "[controlnet 9] weight"):
        with pytest.raises(Invalid, match="no ControlNet unit"):
            variants(units, x_type=beyond, x_values="1")
    with pytest.raises(UnknownName):
        find_axis("[ControlNet 10] Weight", "txt2img", Txt2Img, Settings)


@pytest.mark.parametrize(
    ("x", "y", "z", "order"),
    [
        ("Checkpoint name", "Seed", "Steps", [0, 2, 1, 3, 4, 6, 5, 7]),      # a dear X is outermost, then Z, then Y
        ("Seed", "VAE", "Checkpoint name", None),
        ("VAE", "Checkpoint name", "Seed", None),
        ("Checkpoint name", "Refiner checkpoint", "Seed", None),
    ],
)
def test_the_dearest_axis_changes_least_often(x, y, z, order):
    plot = plot_of(x_type=x, x_values="1,2", y_type=y, y_values="1,2", z_type=z, z_values="1,2", csv_mode=True)
    numbers = plot.drawing_order
    assert sorted(numbers) == list(range(8))
    changes = [
        sum(plot.cells[a][axis] != plot.cells[b][axis] for a, b in zip(numbers, numbers[1:], strict=False))
        for axis in range(3)
    ]
    costs = [each.axis.cost for each in plot.axes]
    assert changes[costs.index(max(costs))] <= 3 and sorted(changes) == [1, 3, 7]
    assert min(changes) == min(changes[axis] for axis in range(3) if costs[axis] == max(costs))
    if x == "Checkpoint name" and y == "Seed":
        assert [plot.cells[n] for n in numbers][:4] == [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)]


def test_prompt_search_and_replace_changes_both_prompts_one_axis_after_the_other():
    params = Txt2Img(prompt="a red cat", negative_prompt="red dog")
    found = variants(params, x_type="Prompt S/R", x_values="red,blue", y_type="Prompt S/R", y_values="cat,big cat")
    assert [each.params.prompt for each in found] == ["a red cat", "a blue cat", "a red big cat", "a blue big cat"]
    assert found[1].params.negative_prompt == "blue dog"
    with pytest.raises(Invalid, match="green"):
        variants(params, x_type="Prompt S/R", x_values="green,blue")


def test_prompt_order_puts_the_parts_in_every_order():
    found = variants(Txt2Img(prompt="a, b and c"), x_type="Prompt order", x_values="a,b,c")
    assert sorted(each.params.prompt for each in found) == [
        "a, b and c", "a, c and b", "b, a and c", "b, c and a", "c, a and b", "c, b and a",
    ]
    for words in ("a,z", "a,,b", "b and,b"):
        with pytest.raises(Invalid):
            variants(Txt2Img(prompt="a, b and c"), x_type="Prompt order", x_values=words)


def test_a_size_that_is_none_leaves_the_requests_and_says_so():
    found = variants(Txt2Img(width=64, height=64), x_type="Size", x_values="96x128, big")
    assert [(each.params.width, each.params.height) for each in found] == [(96, 128), (64, 64)]
    assert "big" in found[1].notes[0]


def test_lists_are_read_where_an_axis_has_one_and_text_where_not_or_where_it_is_asked_for():
    chosen = {"x_type": "Sampler", "x_values": "Heun", "x_values_dropdown": ("Euler", "DDIM")}
    assert [each.params.sampler_name for each in variants(**chosen)] == ["Euler", "DDIM"]
    assert [each.params.sampler_name for each in variants(**chosen, csv_mode=True)] == ["Heun"]
    assert [each.params.sampler_name for each in variants(x_type="Sampler", x_values="Heun")] == ["Heun"]


# Seeds -----------------------------------------------------------------------------------------------


def seeds_of(plot, params):
    base = Variant(replace(params, **dict.fromkeys(plot.arguments.drawn, -1)), {}, {})
    return [plot.with_own_seeds(plot.variant(base, n), n).seed for n in range(len(plot.cells))]


def settled(params, **arguments):
    chosen = settled_plot(XyzPlot(**arguments), params, KnownNames(STYLES, Settings))
    return read_plot(chosen, params, Settings)


def test_random_seeds_of_an_axis_are_drawn_once_for_all_cells_and_told():
    plot = settled(Txt2Img(seed=5), x_type="Seed", x_values="-1,7", y_type="Steps", y_values="2,3")
    seeds = seeds_of(plot, Txt2Img(seed=5))
    assert seeds[0] == seeds[2] >= 0 and seeds[1] == seeds[3] == 7
    assert plot_pairs(plot, with_z=True)["Fixed X Values"] == f"{seeds[0]}, 7"
    again = read_plot(plot.arguments, Txt2Img(seed=5), Settings)
    assert seeds_of(again, Txt2Img(seed=5)) == seeds


def test_kept_random_seeds_are_drawn_for_each_cell_and_stay_what_they_are():
    plot = settled(Txt2Img(seed=-1), x_type="Steps", x_values="2-5", no_fixed_seeds=True)
    seeds = seeds_of(plot, Txt2Img(seed=9))
    assert len(set(seeds)) == 4 and -1 not in seeds and seeds == seeds_of(plot, Txt2Img(seed=9))
    assert "Fixed X Values" not in plot_pairs(plot, with_z=True)


@pytest.mark.parametrize(
    ("vary", "seeds"),
    [("x", [5, 6, 5, 6, 5, 6, 5, 6]), ("xy", [5, 6, 7, 8, 5, 6, 7, 8]), ("xyz", list(range(5, 13))),
     ("yz", [5, 5, 6, 6, 7, 7, 8, 8]), ("z", [5] * 4 + [6] * 4)],
)
def test_varied_seeds_count_on_along_the_axes(vary, seeds):
    flags = {f"vary_seeds_{letter}": True for letter in vary}
    plot = plot_of(x_type="Steps", x_values="2,3", y_type="CFG Scale", y_values="4,5", z_type="Clip skip", z_values="1,2", **flags)
    assert seeds_of(plot, Txt2Img(seed=5)) == seeds


# Before anything is drawn ----------------------------------------------------------------------------


def test_every_value_of_every_axis_is_checked_once_and_all_before_the_job_is_recorded():
    checked = []
    known = KnownNames(STYLES, Settings, lambda variant: checked.append((variant.params.steps, variant.params.cfg_scale)))
    args = XyzPlot(x_type="Steps", x_values="2,3,4", y_type="CFG Scale", y_values="5,6")
    settled_plot(args, Txt2Img(), known)
    assert {steps for steps, _ in checked} == {2, 3, 4} and {cfg for _, cfg in checked} == {5, 6}


def test_a_styles_axis_keeps_the_texts_that_its_cells_need_and_refuses_unknown_ones():
    chosen = settled_plot(XyzPlot(x_type="Styles", x_values="suffix"), Txt2Img(), KnownNames(STYLES, Settings))
    assert chosen.styles == {"suffix": ("big", "gray")}
    with pytest.raises(UnknownName, match="nope"):
        settled_plot(XyzPlot(x_type="Styles", x_values="nope"), Txt2Img(), KnownNames(STYLES, Settings))


def test_a_resolved_plot_is_read_back_from_its_record():
    asked = Txt2Img(script_name="x/y/z plot", script_args=(1, "-1", [], 30, "suffix"), seed=3, batch_size=4)
    resolved = resolve_script(asked, "txt2img", KnownNames(STYLES, Settings))
    assert (resolved.script_name, resolved.batch_size) == ("X/Y/Z plot", 1)
    assert resolve_script(replace(asked, script_args=()), "txt2img", KnownNames(returns_grids=True, settings=Settings)).batch_size == 4


@pytest.mark.slow
def test_a_plot_of_ten_thousand_cells_is_read_and_a_larger_one_is_refused():
    plot = settled(Txt2Img(seed=1), x_type="Steps", x_values="1-100", y_type="Seed", y_values="1-100")
    assert len(plot.drawing_order) == 10_000
    with pytest.raises(Invalid, match="cells"):
        plot_of(x_type="Seed", x_values="1-101", y_type="Seed", y_values="1-100")


def test_prompts_are_refused_before_they_grow_beyond_their_limits():
    with pytest.raises(Invalid, match="characters"):
        variants(Txt2Img(prompt="a" * 100_000), x_type="Prompt S/R", x_values="a," + "b" * 90_000)
    long = Txt2Img(prompt="a" + "b" * 90_000)
    with pytest.raises(Invalid, match="characters"):
        settled(long, x_type="Prompt S/R", x_values="a,c", y_type="Seed", y_values="1-2000")
