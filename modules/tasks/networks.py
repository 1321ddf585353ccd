"""The network tags of a prompt, `<lora:name:te:unet>` and `<hypernet:name:weight>`, resolved to files."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from math import isfinite

from modules.base.errors import Invalid
from modules.models.catalog import ModelFile
from modules.models.library import Library
from modules.params.txt2img import Txt2Img
from modules.prompts import grammar
from modules.prompts.network_tags import NetworkTag, take_networks
from modules.sampling.weights import NetworkUse
from modules.settings.options import Settings

MOST_TAGS = 100
LORA_KINDS = ("lora", "lyco")
STRONGEST = 100.0


@dataclass(frozen=True)
class Mention:
    """A LoRA or one of its kin as a prompt names it, and the hash that generation data shows."""

    name: str
    hash: str
    use: NetworkUse
    place: int      # of its tag among the prompt's


@dataclass(frozen=True)
class Hypernetwork:
    """A hypernetwork as a prompt names it."""

    sha256: str
    strength: float
    place: int


@dataclass(frozen=True)
class Networks:
    """What a prompt puts on top of a checkpoint; `unknown` are tags that name nothing there is."""

    loras: tuple[Mention, ...] = ()
    hypernetworks: tuple[Hypernetwork, ...] = ()
    embeddings: tuple[str, ...] = ()      # SHA-256 of those whose names are in one of the prompts
    unknown: tuple[NetworkTag, ...] = ()

    @property
    def uses(self) -> tuple[NetworkUse, ...]:
        return tuple(each.use for each in self.loras)

    @property
    def strengths(self) -> tuple[tuple[str, float], ...]:
        """Of the hypernetworks, each by its SHA-256."""
        return tuple((each.sha256, each.strength) for each in self.hypernetworks)

    def only(self, places: Container[int]) -> Networks:
        """Those whose tags are at these places."""
        loras, hypernetworks = (tuple(each for each in kind if each.place in places) for kind in (self.loras, self.hypernetworks))
        return replace(self, loras=loras, hypernetworks=hypernetworks)


def with_standing_networks(params: Txt2Img, settings: Settings) -> Txt2Img:
    """The prompt with the networks that the settings add to every one, as A1111 writes them there."""
    prompt, strength = params.prompt, settings.extra_networks_default_multiplier
    for kind, name in (("lora", settings.sd_lora), ("hypernet", settings.sd_hypernetwork)):
        if name not in ("", "None") and f"<{kind}:{name}:" not in prompt:
            prompt += f"<{kind}:{name}:{strength}>"
    return replace(params, prompt=prompt)


def networks_of(params: Txt2Img, library: Library) -> Networks:
    """Raises Invalid for a tag whose numbers are none."""
    _, tags = take_networks(grammar.strip_comments(params.prompt))
    if len(tags) > MOST_TAGS:
        raise Invalid(f"The prompt names more than {MOST_TAGS} networks.", "Leave some out.", field="prompt")
    loras, hypernetworks, unknown = [], [], []
    for place, tag in enumerate(tags):
        if tag.kind in LORA_KINDS and (file := library.lora(tag.name)):
            loras.append(mention(tag, place, library.loras.hashed(file), library.lora_hash(file)))
        elif tag.kind == "hypernet" and (file := library.hypernetworks.named(tag.name)):
            hypernetworks.append(Hypernetwork(library.hypernetworks.hashed(file).sha256 or "", number(tag, 1, 1.0), place))
        else:
            unknown.append(tag)
    prompts = f"{params.prompt}\n{params.negative_prompt}".casefold()
    embeddings = [library.embeddings.hashed(file).sha256 or "" for file in library.embeddings.list() if file.model_name.casefold() in prompts]
    return Networks(tuple(loras), tuple(hypernetworks), tuple(embeddings), tuple(unknown))


def mention(tag: NetworkTag, place: int, file: ModelFile, tensors_hash: str) -> Mention:
    """`<lora:name:te:unet:rank>`, each also by name, and `lbw=` or a third item that is no number: strengths by block."""
    third = tag.positional[2] if len(tag.positional) > 2 else ""
    blocks = tag.named.get("lbw", "" if is_number(third) else third)
    text = number(tag, 1, 1.0, "te")
    unet = text if blocks and blocks == third else number(tag, 2, text, "unet")
    if "te" in tag.named and "unet" not in tag.named and len(tag.positional) < 3:
        unet = number(tag, 1, 1.0)
    rank = number(tag, 3, 0.0, "dyn")
    return Mention(tag.name, tensors_hash[:12], NetworkUse(file.sha256 or "", text, unet, int(rank) or None, blocks), place)


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
