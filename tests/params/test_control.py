"""ControlNet's units: strengths, windows, the forms in which programs and pictures name them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from modules.base.errors import UnknownName
from modules.base.fields import checker
from modules.params.control import CONTROL_MODE, CONTROL_MODES, PROMPT_MODE, ControlUnit
from modules.params.control_dialects import unit_fields, units_of_args
from modules.params.control_infotext import told_units, unit_pairs
from modules.params.infotext import parse_infotext
from modules.params.preprocessors import CONTROL_TYPES, PREPROCESSORS, find_preprocessor, of_type, usual_preprocessor
from modules.params.txt2img import Txt2Img
from modules.prompts.grammar import emphasised
from tests.golden_data import GOLDEN

REPLIES = json.loads((GOLDEN / "controlnet-api/get.json").read_text())


def unit(**given):
    return checker(ControlUnit).validate_python(unit_fields(given))


# Strengths --------------------------------------------------------------------------------------------


def test_the_ramp_of_modes():
    """SDXL's ten outputs have the first ten of SD 1's thirteen."""
    one = ControlUnit(weight=0.8)
    assert one.strengths(13) == (0.8,) * 13
    soft = replace(one, control_mode=PROMPT_MODE)
    assert soft.strengths(13)[-1] == 0.8 and soft.strengths(13)[0] == pytest.approx(0.8 * 0.825**12)
    assert soft.strengths(10) == soft.strengths(13)[:10] == replace(one, control_mode=CONTROL_MODE).strengths(10)
    own = tuple(each / 10 for each in range(13))
    assert replace(soft, advanced_weighting=own).strengths(13) == own


@pytest.mark.parametrize(("module", "soft"), [("canny", True), ("mlsd", True), ("none", False), ("invert", False)])
def test_edges_are_softened_in_the_second_pass(module, soft):
    one = ControlUnit(module=module)
    assert (one.strengths(13, second_pass=True)[0] < 1) == soft
    assert one.strengths(13)[0] == 1


def test_a_shuffle_model_and_a_mode_leave_the_negative_prompt_alone():
    assert ControlUnit(control_mode=CONTROL_MODE).only_prompted and not ControlUnit().only_prompted
    assert ControlUnit(model="control_v11e_sd15_shuffle [526bfdae]").only_prompted


def test_values_out_of_range_are_the_preprocessors_usual_ones():
    assert unit(module="canny", processor_res=64, threshold_a=900, threshold_b=64).sliders == (64, 100, 64)
    assert unit(module="none", threshold_a=64).sliders == (512, 0.5, 0.5)
    assert unit(module="invert", processor_res=64).sliders[0] == 0.5


@pytest.mark.parametrize("far", [5000, 8000, -2, "9999.0", 1e400, 10**400])
def test_a_resolution_or_threshold_beyond_all_preprocessors_is_the_usual_one(far):
    assert unit(module="canny", processor_res=far).sliders == (512, 100, 200)
    assert unit(module="canny", threshold_a=100_000, threshold_b=-2).sliders == (512, 100, 200)
    [found] = read(f'ControlNet 0: "Module: canny, Model: m, Processor Res: {far}, Threshold A: 100000"')
    assert (found["processor_res"], found["threshold_a"]) == (-1, -1)


# Programs ---------------------------------------------------------------------------------------------


CLIENTS = [
    ({"input_image": "AA", "module": "canny", "model": "m", "lowvram": True, "processor_res": 64, "guidance": 0.5},
     {"image": "AA", "guidance_end": 0.5, "processor_res": 64}),
    ({"image": "AA", "model": "m", "guidance": 0.5, "guidance_start": 0.1, "guidance_end": 0.9}, {"guidance_end": 0.9}),
    ({"image": "AA", "model": "m", "guidance_end": None, "guidance": 0.5}, {"guidance_end": 0.5}),
    ({"image": {"image": "AA", "mask": "BB"}, "model": "m", "resize_mode": 2, "control_mode": 1},
     {"image": "AA", "mask": "BB", "resize_mode": "Resize and Fill", "control_mode": "My prompt is more important"}),
    ({"image": ["AA", "BB"], "model": "m", "resize_mode": "Scale to Fit (Inner Fit)", "guessmode": True},
     {"image": "AA", "mask": "BB", "resize_mode": "Crop and Resize", "control_mode": "ControlNet is more important"}),
    ({"image": [{"image": "AA", "mask": None}], "model": "m", "resize_mode": 3, "hr_option": "HIGH RES ONLY"},
     {"image": "AA", "mask": "", "resize_mode": "Just Resize", "hr_option": "High res only"}),
    ({"image": "AA", "mask_image": "BB", "module": "None", "model": "m", "use_preview_as_input": False},
     {"mask": "BB", "module": "none"}),
    ({"module": "invert (from white bg & black line)", "model": "m", "threshold_a": 0.1, "pulid_mode": "Fidelity"},
     {"module": "invert (from white bg & black line)", "threshold_a": 0.1}),
]


@pytest.mark.parametrize(("sent", "meant"), CLIENTS)
def test_what_clients_send_is_understood(sent, meant):
    found = unit(**sent)
    assert {name: getattr(found, name) for name in meant} == meant and found.enabled


@pytest.mark.parametrize(("field", "written", "meant"), [
    ("resize_mode", "ResizeMode.RESIZE", "Just Resize"), ("resize_mode", "ResizeMode.INNER_FIT", "Crop and Resize"),
    ("resize_mode", "OUTER_FIT", "Resize and Fill"), ("resize_mode", 2.0, "Resize and Fill"), ("resize_mode", "3.0", "Just Resize"),
    ("control_mode", "ControlMode.BALANCED", "Balanced"), ("control_mode", "CONTROL", "ControlNet is more important"),
    ("control_mode", "ControlMode.PROMPT", "My prompt is more important"), ("control_mode", "2.0", CONTROL_MODE),
    ("hr_option", "HiResFixOption.BOTH", "Both"), ("hr_option", "LOW_RES_ONLY", "Low res only"),
    ("hr_option", "HiResFixOption.HIGH_RES_ONLY", "High res only"), ("hr_option", 1.0, "Low res only"),
    ("union_control_type", "ControlNetUnionControlType.SOFT_EDGE", "Soft Edge"),
])
def test_names_of_enums_and_whole_floats_are_the_choices_they_stand_for(field, written, meant):
    assert getattr(unit(model="m", **{field: written}), field) == meant
    [found] = read(f'ControlNet 0: "Module: canny, Model: m, {field.replace("_", " ").title()}: {written}"')
    assert found[field] == meant


def test_a_unit_that_names_nothing_is_off_unless_it_says_so():
    assert not unit(image="AA").enabled and not unit(module="canny").enabled
    assert unit(module="canny", enabled=True).enabled and unit(module="reference_only").enabled
    assert not unit(model="m", enabled=False).enabled


@pytest.mark.parametrize("sent", [
    {"weight": 3}, {"control_mode": "stronger"}, {"resize_mode": 7}, {"guidance_start": -1}, {"model": ["m"]},
    {"image": "AA", "input_image": "BB"}, {"control_mode": True}, {"control_mode": 0.5}, {"resize_mode": "ResizeMode.NO"}, {"advanced_weighting": ["x"]},
])
def test_what_cannot_be_is_refused(sent):
    with pytest.raises(ValueError):      # pydantic's errors are such
        unit(**sent)


def test_an_unknown_preprocessor_is_named():
    with pytest.raises(UnknownName, match="cany"):
        unit(module="cany")


@pytest.mark.parametrize("off", [False, "false", 0])
def test_a_unit_that_is_off_may_name_a_preprocessor_that_is_not_there(off):
    assert unit(module="cany", model="m", enabled=off).module == "none"
    assert unit(module="canny", model="m", enabled=off).module == "canny"


def test_placeholders_among_many_units_are_left_out_and_no_more_than_ten_may_be_on():
    many = [{"enabled": False, "model": "m"}, {}, *[{"model": f"m{place}"} for place in range(10)]]
    assert [each["model"] for each in units_of_args(many)] == [f"m{place}" for place in range(10)]
    assert len(units_of_args(many[:3])) == 3
    with pytest.raises(ValueError, match="11 units that are enabled, and at most 10"):
        units_of_args([*many, {"module": "reference_only"}])


# Generation data --------------------------------------------------------------------------------------


def texts(*units):
    return dict(unit_pairs(Txt2Img(control=units)))


def read(line, notes=None):
    text = f"a cat\nSteps: 5, Sampler: Euler, CFG scale: 7, {line}"
    return told_units(parse_infotext(text, emphasised), [] if notes is None else notes)


TODAY = (
    "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1.0, Resize Mode: Crop and Resize, Processor Res: "
    "512, Threshold A: 100, Threshold B: 200, Guidance Start: 0.0, Guidance End: 1.0, Pixel Perfect: False, Control Mode: "
    "Balanced"
)


def test_a_unit_is_written_as_the_extension_writes_it():
    canny = ControlUnit(module="canny", model="control_v11p_sd15_canny [d14c016b]")
    assert texts(canny) == {"ControlNet 0": TODAY}
    assert texts(replace(canny, enabled=False), canny) == {"ControlNet 0": TODAY}      # numbered without those off


def test_what_the_extension_loses_has_a_key_of_its_own():
    full = ControlUnit(
        module="inpaint", model="m", image="1f2e3d4c5b6a7f" * 4, mask="aabbccddeeff00" * 4, hr_option="High res only",
        advanced_weighting=(1.0, 0.5), union_control_type="Tile", inpaint_crop_input_image=False,
    )
    assert texts(full)["Control unit 0"] == (
        "Hr Option: High res only, Image: 1f2e3d4c5b6a, Mask: aabbccddeeff, Layer Weights: 1/0.5, Union Type: Tile, "
        "Crop: False"
    )
    line = ", ".join(f'{key}: "{value}"' for key, value in texts(full).items())
    [back] = read(line)
    assert (back["image"], back["mask"]) == ("1f2e3d4c5b6a", "aabbccddeeff")
    again = checker(ControlUnit).validate_python(back)
    sliders = {"processor_res": -1, "threshold_a": -1.0, "threshold_b": -1.0, "image": full.image, "mask": full.mask}
    assert replace(again, **sliders) == full


def test_a_models_name_cannot_break_the_text():
    assert '"a' not in texts(ControlUnit(model='"a, b: c"'))["ControlNet 0"]


DIALECTS = [
    f'ControlNet 0: "{TODAY}"',
    'ControlNet 0: "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1, Resize Mode: 1, Low Vram: False, '
    'Processor Res: 512, Threshold A: 100, Threshold B: 200, Guidance Start: 0, Guidance End: 1, Pixel Perfect: False, '
    'Control Mode: 0, Hr Option: Both, Save Detected Map: True"',
    'ControlNet 0: "preprocessor: canny, model: control_v11p_sd15_canny [d14c016b], weight: 1, starting/ending: (0, 1), '
    'resize mode: Crop and Resize, pixel perfect: False, control mode: Balanced, preprocessor params: (512, 100, 200)"',
    "ControlNet-0 Enabled: True, ControlNet-0 Module: canny, ControlNet-0 Model: control_v11p_sd15_canny [d14c016b], "
    "ControlNet-0 Weight: 1, ControlNet-0 Guidance Start: 0, ControlNet-0 Guidance End: 1",
    "ControlNet Enabled: True, ControlNet Module: canny, ControlNet Model: control_v11p_sd15_canny [d14c016b], "
    "ControlNet Weight: 1, ControlNet Guidance Start: 0, ControlNet Guidance End: 1",
    'Controlnet 0: "preprocessor: canny, model: control_v11p_sd15_canny [d14c016b], pixel_perfect: False, control_mode: 0"',
]


@pytest.mark.parametrize("line", DIALECTS)
def test_all_forms_that_are_about_say_the_same(line):
    [found] = read(line)
    own = checker(ControlUnit).validate_python(found)
    meant = ControlUnit(module="canny", model="control_v11p_sd15_canny [d14c016b]")
    assert own.sliders == (512, 100, 200)
    assert replace(own, processor_res=-1, threshold_a=-1.0, threshold_b=-1.0) == meant


def test_what_cannot_be_read_is_noted_and_a_unit_that_is_off_is_none():
    notes: list[str] = []
    assert read('ControlNet 0: "Module: no such thing, Model: m"', notes) == () and "no such thing" in notes[0]
    assert read("ControlNet-0 Enabled: False, ControlNet-0 Module: canny") == ()
    assert [each["weight"] for each in read('ControlNet 1: "Weight: 2", ControlNet 0: "Weight: 1"')] == [1, 2]


def test_what_an_ip_adapter_has_beside_comes_back_and_other_units_do_not_name_it():
    mine = {"image": "a" * 64, "more_images": ["b" * 64, "c" * 64], "weight_type": "style transfer"}
    prompt = unit(module="ip-adapter-auto", model="ip-adapter_sd15", **mine)
    told = dict(unit_pairs(Txt2Img(control=(prompt,))))
    [found] = read(", ".join(f'{key}: "{value}"' for key, value in told.items()))
    assert found["weight_type"] == "style transfer"
    assert found["more_images"] == ("b" * 12, "c" * 12) and found["image"] == "a" * 12
    looked = unit(module="reference_only", **mine)
    assert not {"More Images", "Weight Type"} & {*str(dict(unit_pairs(Txt2Img(control=(looked,))))).split(": ")}


def test_a_list_of_pictures_is_the_first_and_further_ones():
    found = unit(model="m", image=[{"image": "a", "mask": "m"}, {"image": "b"}, {"image": "c"}])
    assert (found.image, found.mask, found.more_images) == ("a", "m", ("b", "c"))


@pytest.mark.parametrize("batch", [["a", "b", "c"], [{"image": "a"}, {"image": "b"}, "c"]])
def test_a_batch_of_pictures_is_taken_in_turn_and_a_folder_is_none(batch):
    found = unit(model="m", batch_images=batch)
    assert [found.for_picture(number).image for number in range(4)] == ["a", "b", "c", "a"]
    assert found.for_picture(1).more_images == ()
    for nothing in ("/home/me/pictures", [], [""], None):
        assert unit(model="m", image="z", batch_images=nothing).image == "z"


def test_a_unit_of_one_picture_and_an_ip_adapters_are_the_same_for_each_picture():
    for own in (unit(model="m", image="a"), unit(module="ip-adapter-auto", image="a", more_images=["b"])):
        assert own.for_picture(3) is own


def test_style_fidelity_is_the_first_slider_but_for_the_modes_ends_and_the_second_pass():
    looked = unit(module="reference_only", threshold_a=0.8)
    assert looked.style_fidelity(False, wide=False) == 0.8
    assert looked.style_fidelity(False, wide=True) == pytest.approx(0.8 ** 3)
    assert looked.style_fidelity(True, wide=False) == 0.0
    assert replace(looked, control_mode=PROMPT_MODE).style_fidelity(False, wide=False) == 0.0
    assert replace(looked, control_mode=CONTROL_MODE).style_fidelity(True, wide=True) == 1.0


# Lists ------------------------------------------------------------------------------------------------


# which the extension does not have; they come last
OWN_PREPROCESSORS = ["vitpose", "softedge_hed_bsds500", "scribble_hed_bsds500", "mediapipe_pose"]


def test_the_preprocessors_are_the_extensions():
    theirs = REPLIES["/controlnet/module_list?alias_names=true"]["json"]["module_list"]
    assert [each.title for each in PREPROCESSORS] == [
        *(name for name in theirs if name != "facexlib"), *OWN_PREPROCESSORS,
    ]
    for name, detail in REPLIES["/controlnet/module_list"]["json"]["module_detail"].items():
        if name == "facexlib":      # it finds faces for other preprocessors, and makes no map
            continue
        sliders = [(each.label, each.value, each.low, each.high) for each in find_preprocessor(name).sliders]
        assert sliders == [(each["name"], each["value"], each["min"], each["max"]) for each in detail["sliders"]], name


def test_each_control_type_offers_the_extensions_preprocessors():
    for name, lists in REPLIES["/controlnet/control_types"]["json"]["control_types"].items():
        offered = {each.title for each in of_type(name)} - {*OWN_PREPROCESSORS}
        assert {each for each in lists["module_list"] if each != "facexlib"} == offered, name
    assert {*REPLIES["/controlnet/control_types"]["json"]["control_types"]} == {*CONTROL_TYPES}


def test_choosing_a_type_chooses_what_works_without_a_file():
    assert [usual_preprocessor(each).name for each in ("Canny", "Scribble", "Tile", "Depth", "InstructP2P")] == [
        "canny", "scribble_xdog", "tile_resample", "depth", "none",
    ]
    assert CONTROL_MODES[0] == "Balanced"
