"""Routes by which the page has data read: prompts, generation data, manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from modules.api.data_files import Ref
from modules.api.prompt_help import named_embeddings
from modules.api.routing import KnownFields, owner, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import MAX_INFOTEXT, MAX_ITEMS, MAX_PROMPT, JsonObject, Name
from modules.imaging.folders import content_of
from modules.params.txt2img import MAX_SEED, MIN_SEED
from modules.plugins.pasting import told_of_counting, told_of_paste, with_script_controls
from modules.prompts import grammar
from modules.prompts.chunks import chunks, target_length, token_count
from modules.prompts.network_tags import take_networks
from modules.prompts.styles import Style, apply_styles_to_prompt
from modules.requests.compare_manifest import differences
from modules.requests.control import with_units_here
from modules.requests.expansion import samples, with_pasted_templates
from modules.requests.extension_scripts import with_pasted_extensions
from modules.requests.paste import clamp_to_form, pasted_pairs, read_infotext
from modules.requests.picture_refs import find_picture
from modules.requests.same_picture import manifest_in, picture_likeness
from modules.requests.styles import with_found_styles

MOST_SAMPLES = 10


class TokensRequest(KnownFields):
    prompt: str = Field(max_length=MAX_PROMPT)
    steps: int = Field(20, ge=1, le=150)
    styles: list[Name] = Field([], max_length=MAX_ITEMS, description="Styles whose texts are counted too.")
    is_positive: bool = Field(True, description="Whether it is the prompt, or the negative prompt.")


class ManifestRequest(KnownFields):
    manifest: JsonObject = Field(description="The JSON of the text called `easel` in a picture.")


class InfotextRequest(KnownFields):
    text: str = Field(max_length=MAX_INFOTEXT)
    tab: Literal["", "txt2img", "img2img", "extras"] = Field(
        "", description="Whose fields are wanted; empty is where the data come from."
    )
    now: JsonObject = Field(
        {}, description="By field or setting, what the form holds: it is used where the data name what is not here."
    )
    manifest: JsonObject | None = Field(
        None, description="The JSON of the text called `easel` in the picture; `likeness` then says more."
    )
    picture: Ref | None = Field(None, description="The picture that the data are of, whose manifest is read.")


class SamplesRequest(KnownFields):
    prompt: str = Field("", max_length=MAX_PROMPT)
    negative_prompt: str = Field("", max_length=MAX_PROMPT)
    seed: int = Field(-1, ge=MIN_SEED, le=MAX_SEED, description="Of the first picture; -1 draws one.")
    mode: Literal["Random", "Combinations"] = Field("Random", description="As the setting dynamic_prompts has them.")
    count: int = Field(10, ge=1, le=MOST_SAMPLES)
    skip: int = Field(0, ge=0, le=10**6, description="Pictures before the first that is asked for.")


def routes(app: App) -> APIRouter:
    api = router("reading", "/easel/v1", Role.GUEST)

    @api.post("/tokens")
    def tokens(body: TokensRequest, request: Request) -> dict[str, int]:
        """The largest number of tokens of a prompt in the course of sampling, and the length of its chunks.

        An embedding counts as many as it has vectors.
        """
        tokenizer, styles = app.tokenizer(), list(body.styles)
        prompt, steps = told_of_counting(app.extensions, body.prompt, body.steps, styles, body.is_positive)
        prompt = with_style_texts(prompt, styles, app.data_of(owner(request)).styles(), body.is_positive)
        plain, _ = take_networks(grammar.strip_comments(prompt))
        texts = {text for part, _ in grammar.compose(plain) for _, text in grammar.schedule(part, steps)}
        used = max(token_count(chunks(text, tokenizer, find=named_embeddings(app, text))) for text in texts)
        return {"tokens": used, "limit": target_length(used)}

    @api.post("/prompts/samples")
    def prompt_samples(body: SamplesRequest, request: Request) -> dict[str, Any]:
        """What dynamic prompts would become in the next pictures, whatever the settings say; each with its seed."""
        return {"samples": samples(app.data_of(owner(request)), body.model_dump())}

    @api.post("/read-infotext")
    def infotext(body: InfotextRequest, request: Request) -> dict[str, Any]:
        """Generation data as form fields, settings, and the rest; `notes` describe the values that were changed.

        `likeness` says whether it will be the same picture: `verdict` is "same", "close" (only the machine or its
        programs differ), "other" or "untold" (there is no manifest), `differences` are those to the manifest.
        """
        mine = app.data_of(owner(request))
        standing = mine.settings.current
        pairs = told_of_paste(app.extensions, body.text, pasted_pairs(body.text, standing))
        found = clamp_to_form(read_infotext(body.text, app.models, standing, body.tab, body.now, pairs))
        found = with_script_controls(app.extensions, found, pairs)
        found = with_units_here(found, app.models, mine.paths.inputs)
        found = with_pasted_extensions(app.extensions, with_pasted_templates(found))
        manifest = body.manifest or sent_manifest(app, owner(request), body.picture)
        # last: whatever is not as it was has left its note
        same = picture_likeness(found, manifest, app.models, standing, app.jobs.status.device)
        return with_found_styles(found, mine.styles(), standing.infotext_styles) | {"likeness": same.as_json()}

    @api.post("/compare-manifest")
    def compare_manifest(body: ManifestRequest, request: Request) -> dict[str, Any]:
        """The differences between a picture's manifest and now; without any, the picture should come out the same."""
        standing = app.data_of(owner(request)).settings.current
        found = differences(body.manifest, app.models, standing, app.jobs.status.device)
        return {"differences": [asdict(each) for each in found]}

    return api


def sent_manifest(app: App, name: str, picture: str | None) -> dict[str, Any] | None:
    """Return the manifest in a picture of the account's. Raises UnknownName."""
    return manifest_in(content_of(find_picture(app, name, picture).path)) if picture else None


def with_style_texts(prompt: str, names: Sequence[str], known: Mapping[str, Style], is_positive: bool) -> str:
    """Return a prompt with the texts of styles in it; a style that is not known has none."""
    texts = [known[name].prompt if is_positive else known[name].negative_prompt for name in names if name in known]
    return apply_styles_to_prompt(prompt, texts)
