"""A job's work by its parameters: the unit of turns, quotas and estimates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

USUAL_WORK = 512 * 512 * 20 / 1e6      # megapixel-steps of a picture with the form's first values
LEAST_WORK = USUAL_WORK / 100          # decoding and saving take time however small a picture is


def picture_work(params: Mapping[str, Any]) -> float:
    """Return the megapixel-steps of one of a job's pictures; a usual picture's for kinds without steps."""
    try:
        if "steps" not in params or "width" not in params:
            return USUAL_WORK
        return max(LEAST_WORK, first_pass_work(params) + hires_work(params))
    except (TypeError, KeyError, ValueError):      # a record that Easel did not write: the worker refuses it
        return USUAL_WORK


def first_pass_work(params: Mapping[str, Any]) -> float:
    """Return the first pass's work: all steps, or the fraction that img2img runs."""
    share = float(params["denoising_strength"]) if params.get("init_images") or params.get("batch") else 1.0
    return float(params["width"] * params["height"] * params["steps"] * share / 1e6)


def hires_work(params: Mapping[str, Any]) -> float:
    """Return the work of hires fix: a larger picture, a fraction of the steps."""
    if not params.get("enable_hr"):
        return 0.0
    steps = params.get("hr_second_pass_steps") or params["steps"]
    return float(hires_pixels(params) * steps * params["denoising_strength"] / 1e6)


def hires_pixels(params: Mapping[str, Any]) -> float:
    """Return the pixels of the second pass of a request that has one."""
    width, height = params["width"], params["height"]
    wide, high = params.get("hr_resize_x") or 0, params.get("hr_resize_y") or 0
    if not wide and not high:
        return float(width * height * params["hr_scale"] ** 2)
    return float((wide or high * width / height) * (high or wide * height / width))
