"""The settings: names, defaults and sections as in A1111, so that its `config.json`, its API clients and
`override_settings` mean the same here. A request works on a snapshot; nothing changes under it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from pydantic import ValidationError

from modules.base.errors import Forbidden, Invalid
from modules.base.fields import (
    BelowOutputs,
    Checkbox,
    Choice,
    Colour,
    Number,
    Param,
    Slider,
    checker,
    declared_params,
)
from modules.settings.account_options import AccountSettings
from modules.settings.drawing_options import DrawingSettings

IMAGE_FORMATS = ("png", "jpg", "jpeg", "webp", "avif", "gif")
BELOW = "Below the outputs folder; `outputs/` before it may be left out."


@dataclass(frozen=True, kw_only=True)
class Settings(AccountSettings, DrawingSettings):
    """All settings: values that are not part of each request. Here are those of files, generation data and the page."""

    samples_save: Annotated[bool, Param(
        "Save every picture", Checkbox(),
        "Write each finished picture to the outputs folder.", section="saving-images",
    )] = True
    samples_format: Annotated[
        str,
        Param(
            "File format for pictures",
            Choice(IMAGE_FORMATS),
            "Of files and of the API's replies. Generation data is in each of them; only PNG and lossless WebP keep "
            "every pixel.",
            section="saving-images",
        ),
    ] = "png"
    samples_filename_pattern: Annotated[str, Param(
        "Pattern of file names", BelowOutputs(),
        "Such as [seed]-[prompt_words]; docs/saving.md lists what may stand in brackets. Empty is [seed].",
        section="saving-images",
    )] = ""
    save_images_add_number: Annotated[bool, Param(
        "Number the files", Checkbox(),
        "Each picture's name begins with a number of five digits.", section="saving-images",
    )] = True
    save_images_replace_action: Annotated[
        str,
        Param(
            "If there is a file of that name",
            Choice(("Replace", "Add number suffix")),
            "Only where files are not numbered. Pictures of the same job, and on a server with accounts all pictures, "
            "are never replaced.",
            section="saving-images",
        ),
    ] = "Replace"
    save_incomplete_images: Annotated[bool, Param(
        "Save interrupted pictures", Checkbox(),
        "Also write pictures that were interrupted half way.", section="saving-images",
    )] = False
    enable_pnginfo: Annotated[bool, Param(
        "Write generation data into pictures", Checkbox(),
        "Everything needed to make the picture again, as text inside the file.", section="saving-images",
    )] = True
    save_txt: Annotated[bool, Param(
        "Write a text file beside every picture", Checkbox(), "With its generation data.", section="saving-images",
    )] = False
    save_images_before_highres_fix: Annotated[bool, Param(
        "Save the picture before hires fix", Checkbox(),
        "Beside the finished one, its name ending in -before-highres-fix.", section="saving-images",
    )] = False
    save_images_before_face_restoration: Annotated[bool, Param(
        "Save the picture before face restoration", Checkbox(),
        "Beside the finished one, its name ending in -before-face-restoration.", section="saving-images",
    )] = False
    save_images_before_color_correction: Annotated[bool, Param(
        "Save the picture before colour correction", Checkbox(),
        "Beside the finished one, its name ending in -before-color-correction.", section="saving-images",
    )] = False
    save_mask: Annotated[bool, Param(
        "Save the mask of inpainting", Checkbox(),
        "Beside the finished picture, its name ending in -mask.", section="saving-images",
    )] = False
    save_mask_composite: Annotated[bool, Param(
        "Save the painted part alone", Checkbox(),
        "Of inpainting, all around it transparent; its name ends in -mask-composite.", section="saving-images",
    )] = False
    save_init_img: Annotated[bool, Param(
        "Save the pictures that img2img starts from", Checkbox(),
        "Under a name made of their content, which the generation data tell.", section="saving-images",
    )] = False
    jpeg_quality: Annotated[int, Param(
        "Quality of JPEG, WebP and AVIF", Slider(1, 100),
        "More is larger and nearer to the picture.", section="saving-images",
    )] = 80
    webp_lossless: Annotated[bool, Param(
        "Lossless WebP", Checkbox(), "Keep every pixel.", section="saving-images",
    )] = False
    export_for_4chan: Annotated[bool, Param(
        "Save a copy of large pictures as JPEG", Checkbox(),
        "Beside the picture, for places that take no large ones.", section="saving-images",
    )] = True
    img_downscale_threshold: Annotated[float, Param(
        "Large are files above so many MB", Number(0, 1_000_000), "For the copies above.", section="saving-images",
    )] = 4.0
    target_side_length: Annotated[float, Param(
        "Large are pictures with sides above so many pixels", Number(16, 65_535),
        "For the copies above, which are made smaller if need be.", section="saving-images",
    )] = 4000.0
    img_max_size_mp: Annotated[float, Param(
        "Largest grid, in megapixels", Number(0, 1_000_000),
        "Larger ones are not written.", section="saving-images",
    )] = 200.0
    use_original_name_batch: Annotated[bool, Param(
        "Extras: keep the names of a batch's pictures", Checkbox(),
        "Results are called as the pictures they were made of; else they are numbered.", section="saving-images",
    )] = True
    use_upscaler_name_as_suffix: Annotated[bool, Param(
        "Extras: add the upscaler's name", Checkbox(), "At the end of the file's name.", section="saving-images",
    )] = False
    save_selected_only: Annotated[bool, Param(
        "Save only the selected picture", Checkbox(),
        "What the button Save copies; off: all pictures of the job.", section="saving-images",
    )] = True
    save_write_log_csv: Annotated[bool, Param(
        "List pictures saved by hand in log.csv", Checkbox(),
        "In their folder: prompt, seed, model and so on of each, for a spreadsheet.", section="saving-images",
    )] = True
    img2img_inpaint_mask_brush_color: Annotated[str, Param(
        "Colour of masks", Colour(), "Of the strokes in inpainting; choose one that the picture does not have.",
        section="img2img",
    )] = "#e5484d"
    notification_audio: Annotated[bool, Param(
        "Play a sound when pictures are ready", Checkbox(),
        "If a file notification.mp3 is in the data folder.", section="saving-images",
    )] = True
    notification_volume: Annotated[int, Param(
        "Its volume", Slider(0, 100), "In percent.", section="saving-images",
    )] = 100
    notification_browser: Annotated[bool, Param(
        "Notify me when pictures are ready", Checkbox(),
        "A notification of the browser's while you look elsewhere; each browser asks once whether it may.",
        section="ui",
    )] = False
    prevent_screen_sleep_during_generation: Annotated[bool, Param(
        "Keep the screen on while pictures are drawn", Checkbox(),
        "As long as a job of this page runs, where the browser can.", section="ui",
    )] = True
    return_grid: Annotated[bool, Param(
        "Show the grid of a batch", Checkbox(),
        "Beside the pictures of a job that has several; in plots a cell is then the grid of all its pictures.",
        section="saving-images",
    )] = True
    grid_first: Annotated[bool, Param(
        "Show the grid before the pictures", Checkbox(),
        "As A1111 does; otherwise the first picture is shown, and the grid stands last.", section="saving-images",
    )] = False
    grid_save: Annotated[bool, Param(
        "Save every grid", Checkbox(), "Write grids to the outputs folder.", section="saving-images",
    )] = True
    grid_format: Annotated[str, Param(
        "File format for grids", Choice(IMAGE_FORMATS), "As for pictures.", section="saving-images",
    )] = "png"
    grid_extended_filename: Annotated[bool, Param(
        "Seed and prompt in the names of grids", Checkbox(),
        "Else they have numbers only.", section="saving-images",
    )] = False
    grid_only_if_multiple: Annotated[bool, Param(
        "No grid of a single picture", Checkbox(), "A grid shows several pictures.", section="saving-images",
    )] = True
    grid_prevent_empty_spots: Annotated[bool, Param(
        "No empty places in grids", Checkbox(),
        "Choose rows and columns so that all are filled.", section="saving-images",
    )] = False
    grid_zip_filename_pattern: Annotated[str, Param(
        "Pattern of archive names", BelowOutputs(), "Of a job's pictures as a zip, such as [datetime]-[seed]; empty: the first picture's name.", section="saving-images",
    )] = ""
    n_rows: Annotated[int, Param(
        "Rows of a grid", Slider(-1, 16),
        "-1 finds a number, 0 takes the batch size.", section="saving-images",
    )] = -1
    font: Annotated[str, Param(
        "Font of grids", BelowOutputs(), "Its file's name, among the system's fonts; empty or unknown: Roboto.", section="saving-images",
    )] = ""
    grid_text_active_color: Annotated[str, Param(
        "Colour of text in grids", Colour(), "In the legend.", section="saving-images",
    )] = "#000000"
    grid_text_inactive_color: Annotated[str, Param(
        "Colour of crossed out text in grids", Colour(), "In the legend.", section="saving-images",
    )] = "#999999"
    grid_background_color: Annotated[str, Param(
        "Background of grids", Colour(), "Behind the legend and between cells.", section="saving-images",
    )] = "#ffffff"
    save_manifest: Annotated[bool, Param("Write a reproducibility manifest into pictures", Checkbox(), "Beside the generation data: hashes of every model file, all settings, device and library versions.", section="saving-images")] = False

    outdir_samples: Annotated[str, Param(
        "Folder for pictures", BelowOutputs(),
        f"Empty: each kind of picture has its own. {BELOW}", section="saving-paths", server=True,
    )] = ""
    outdir_txt2img_samples: Annotated[str, Param(
        "Folder for txt2img", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/txt2img-images"
    outdir_img2img_samples: Annotated[str, Param(
        "Folder for img2img", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/img2img-images"
    outdir_extras_samples: Annotated[str, Param(
        "Folder for Extras", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/extras-images"
    outdir_grids: Annotated[str, Param(
        "Folder for grids", BelowOutputs(),
        "Empty: each kind of grid has its own.", section="saving-paths", server=True,
    )] = ""
    outdir_txt2img_grids: Annotated[str, Param(
        "Folder for txt2img's grids", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/txt2img-grids"
    outdir_img2img_grids: Annotated[str, Param(
        "Folder for img2img's grids", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/img2img-grids"
    outdir_save: Annotated[str, Param(
        "Folder for pictures saved by hand", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "log/images"
    outdir_init_images: Annotated[str, Param(
        "Folder for the pictures that img2img starts from", BelowOutputs(), BELOW, section="saving-paths", server=True,
    )] = "outputs/init-images"

    save_to_dirs: Annotated[bool, Param(
        "Save pictures in subfolders", Checkbox(), "Named by the pattern below.", section="saving-to-dirs", server=True,
    )] = True
    grid_save_to_dirs: Annotated[bool, Param(
        "Save grids in subfolders", Checkbox(), "Named by the pattern below.", section="saving-to-dirs",
    )] = True
    use_save_to_dirs_for_ui: Annotated[bool, Param(
        "Subfolders for pictures saved by hand", Checkbox(), "Named by the pattern below.", section="saving-to-dirs",
    )] = False
    directories_filename_pattern: Annotated[
        str,
        Param(
            "Pattern of subfolders",
            BelowOutputs(),
            "Such as [date] or [user]/[model_name]; docs/saving.md lists what may stand in brackets. Empty is "
            "[prompt_words].",
            section="saving-to-dirs",
            server=True,
        ),
    ] = "[date]"
    directories_max_prompt_words: Annotated[int, Param(
        "Most words of [prompt_words]", Slider(1, 20),
        "So many of the prompt's first words.", section="saving-to-dirs",
    )] = 8

    add_model_name_to_info: Annotated[bool, Param("Write the model's name", Checkbox(), "Name the checkpoint in the generation data.", section="infotext")] = True
    add_model_hash_to_info: Annotated[bool, Param("Write the model's hash", Checkbox(), "Ten digits that tell which checkpoint it really was.", section="infotext")] = True
    add_vae_name_to_info: Annotated[bool, Param("Write the VAE's name", Checkbox(), "Name the VAE in the generation data, if it is not the checkpoint's own.", section="infotext")] = True
    add_vae_hash_to_info: Annotated[bool, Param("Write the VAE's hash", Checkbox(), "Ten digits that tell which VAE it really was.", section="infotext")] = True
    add_user_name_to_info: Annotated[bool, Param("Write the user's name", Checkbox(), "Who logged in, where people do.", section="infotext")] = False
    add_version_to_infotext: Annotated[bool, Param("Write the version", Checkbox(), "The program's version, at the end of the generation data.", section="infotext")] = True
    infotext_styles: Annotated[
        str,
        Param(
            "Styles in pasted data",
            Choice(("Ignore", "Apply", "Discard", "Apply if any")),
            "Apply takes styles out of the pasted prompt and chooses them; Discard takes them out; Ignore leaves both.",
            section="infotext",
        ),
    ] = "Apply if any"
    disable_weights_auto_swap: Annotated[
        bool,
        Param(
            "Keep the chosen checkpoint",
            Checkbox(),
            "Generation data that name another one do not choose it; it is only told.",
            section="infotext",
        ),
    ] = True

    prompt_colours: Annotated[
        bool, Param("Colours in prompts", Checkbox(), "Weights, changes between steps, networks and wildcards have colours.", section="ui"),
    ] = True
    prompt_completion: Annotated[
        bool, Param("Completion in prompts", Checkbox(), "What you type is looked up among networks, wildcards, styles and lists of tags.", section="ui"),
    ] = True
    completion_keeps_underscores: Annotated[
        bool, Param("Completed tags keep underscores", Checkbox(), "Else long_hair is written as long hair.", section="ui"),
    ] = False
    live_previews_enable: Annotated[bool, Param("Live preview", Checkbox(), "Show the picture while it is made.", section="ui")] = True
    show_progress_type: Annotated[str, Param("Live preview method", Choice(("Full", "Approx NN", "Approx cheap", "TAESD")), "TAESD looks best, if its files are in models/VAE-approx; all others are a quick estimate.", section="ui")] = "Approx NN"
    show_progress_every_n_steps: Annotated[int, Param("Preview every N steps", Slider(-1, 32), "-1 shows none until the picture is done.", section="ui")] = 1



SETTING_NAMES = tuple(field.name for field in fields(Settings))


def change_settings(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return `settings` with some values changed, all or none. Raises Invalid naming the first invalid field."""
    for name in values:
        if name not in SETTING_NAMES:
            raise Invalid(f"There is no setting called {name!r}.", "GET /sdapi/v1/options lists them.", field=name)
    candidate = {name: getattr(settings, name) for name in SETTING_NAMES} | dict(values)
    try:
        return checker(Settings).validate_python(candidate)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise Invalid(
            f"The setting {name} cannot be {candidate[name]!r:.80}.", allowed_values(name, first["msg"]), field=name
        ) from error


def allowed_values(name: str, otherwise: str) -> str:
    """Return a setting's possible values, in words; `otherwise` if its control has no limits."""
    widget = declared_params(Settings)[name].widget
    if isinstance(widget, Choice) and isinstance(widget.of, tuple):
        return f"It can be: {', '.join(widget.of)}."
    if isinstance(widget, BelowOutputs):
        return ("It can only name what is below the outputs folder: no whole path, no `..`, at most"
                f" {widget.longest:,} characters. To have pictures elsewhere, make that folder a link.")
    return f"{otherwise}."


def for_request(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return the settings of one request, whose token merging goes before the setting for img2img alone.

    Raises Invalid.
    """
    img2img = {"token_merging_ratio_img2img": 0.0} if "token_merging_ratio" in values else {}
    return change_settings(settings, img2img | dict(values))


def is_server_setting(name: str) -> bool:
    """Return whether only the administrator may change it, for all accounts at once."""
    param = declared_params(Settings).get(name)
    return param is not None and param.server


def check_own_settings(names: Collection[str]) -> None:
    """Raise Forbidden naming the server's settings among them."""
    if servers := [name for name in names if is_server_setting(name)]:
        subject = f"The setting {servers[0]} is" if len(servers) == 1 else f"The settings {', '.join(servers)} are"
        raise Forbidden(f"{subject} the server's.", "Leave it out; an administrator may change it for all.")


def with_file(values: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    """Return settings from a file's values; bad and unknown ones keep their defaults and are named in the second."""
    settings, problems = Settings(), []
    for name, value in values.items():
        try:
            settings = change_settings(settings, {name: value})
        except Invalid as error:
            problems.append(str(error))
    return settings, problems

