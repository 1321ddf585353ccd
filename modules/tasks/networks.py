"""The network tags of a prompt, `<lora:name:te:unet>` and `<hypernet:name:weight>`, resolved to files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite

from modules.base.errors import Invalid
from modules.models.catalog import ModelFile
from modules.models.library import Library
from modules.params.txt2img import Txt2Img
from modules.prompts import grammar
from modules.prompts.grammar import NetworkTag
from modules.sampling.weights import NetworkUse
from modules.settings.options import Settings

MOST_TAGS = 100
LORA_KINDS = ("lora", "lyco")
STRONGEST = 100.0


@dataclass(frozen=True)
class Mention:
    """A network as a prompt names it, and the hash that generation data shows."""

    name: str
    hash: str
    use: NetworkUse


@dataclass(frozen=True)
class Networks:
    """What a prompt puts on top of a checkpoint; `unknown` are tags that name nothing there is."""

    loras: tuple[Mention, ...] = ()
    hypernetworks: tuple[tuple[str, float], ...] = ()
    embeddings: tuple[str, ...] = ()      # SHA-256 of those whose names are in one of the prompts
    unknown: tuple[NetworkTag, ...] = ()


def with_standing_networks(params: Txt2Img, settings: Settings) -> Txt2Img:
    """The prompt with the networks that the settings add to every one, as A1111 writes them there."""
    prompt, strength = params.prompt, settings.extra_networks_default_multiplier
    for kind, name in (("lora", settings.sd_lora), ("hypernet", settings.sd_hypernetwork)):
        if name not in ("", "None") and f"<{kind}:{name}:" not in prompt:
            prompt += f"<{kind}:{name}:{strength}>"
    return replace(params, prompt=prompt)


def networks_of(params: Txt2Img, library: Library) -> Networks:
    """Raises Invalid for a tag whose numbers are none."""
    _, tags = grammar.take_networks(grammar.strip_comments(params.prompt))
    if len(tags) > MOST_TAGS:
        raise Invalid(f"The prompt names more than {MOST_TAGS} networks.", "Leave some out.", field="prompt")
    loras, hypernetworks, unknown = [], [], []
    for tag in tags:
        if tag.kind in LORA_KINDS and (file := library.lora(tag.name)):
            loras.append(mention(tag, library.loras.hashed(file), library.lora_hash(file)))
        elif tag.kind == "hypernet" and (file := library.hypernetworks.named(tag.name)):
            hypernetworks.append((library.hypernetworks.hashed(file).sha256 or "", number(tag, 1, 1.0)))
        else:
            unknown.append(tag)
    prompts = f"{params.prompt}\n{params.negative_prompt}".casefold()
    embeddings = [library.embeddings.hashed(file).sha256 or "" for file in library.embeddings.list() if file.model_name.casefold() in prompts]
    return Networks(tuple(loras), tuple(hypernetworks), tuple(embeddings), tuple(unknown))


def mention(tag: NetworkTag, file: ModelFile, tensors_hash: str) -> Mention:
    """`<lora:name:te:unet:rank>`, each also by name, and `lbw=` or a third item that is no number: strengths by block."""
    third = tag.positional[2] if len(tag.positional) > 2 else ""
    blocks = tag.named.get("lbw", "" if is_number(third) else third)
    text = number(tag, 1, 1.0, "te")
    unet = text if blocks and blocks == third else number(tag, 2, text, "unet")
    if "te" in tag.named and "unet" not in tag.named and len(tag.positional) < 3:
        unet = number(tag, 1, 1.0)
    rank = number(tag, 3, 0.0, "dyn")
    return Mention(tag.name, tensors_hash[:12], NetworkUse(file.sha256 or "", text, unet, int(rank) or None, blocks))


def number(tag: NetworkTag, place: int, missing: float, name: str = "") -> float:
    """The tag's item of that name, or at that place. Raises Invalid if it is no number."""
    given = tag.named.get(name) or (tag.positional[place] if len(tag.positional) > place else "")
    if not given.strip():
        return missing
    if not is_number(given) or abs(float(given)) > STRONGEST:
        raise Invalid(f"<{tag.kind}:{tag.name}…>: {given[:40]!r} is no strength.", "Write it like <lora:name:0.8>.", field="prompt")
    return float(given)


def is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return not text.strip()


def warnings(unknown: Iterable[NetworkTag]) -> list[str]:
    return [f"There is no {NAMES.get(tag.kind, tag.kind)} called {tag.name!r}; the picture is made without it." for tag in unknown]


NAMES = {"lora": "LoRA", "lyco": "LoRA", "hypernet": "hypernetwork"}
