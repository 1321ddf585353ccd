"""The network tags of a prompt, `<lora:name:te:unet>` and `<hypernet:name:weight>`, resolved to files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import TypeVar

from modules.base.errors import Invalid, ModelError
from modules.base.fields import with_values
from modules.base.limits import MAX_STRENGTH
from modules.library.catalog import Catalog, ModelFile
from modules.library.library import Library
from modules.params.txt2img import Generation
from modules.prompts import grammar
from modules.prompts.network_tags import LORA_KINDS, MOST_NETWORK_TAGS, NetworkTag, take_networks
from modules.sampling.guidance import Timeline
from modules.sampling.questions import EmbeddingFile
from modules.sampling.weights import NetworkUse
from modules.settings.options import Settings

P = TypeVar("P", bound=Generation)


@dataclass(frozen=True)
class Mention:
    """A LoRA, or one of its kin, with the tag's strengths and the hash for the generation data."""

    name: str
    hash: str
    use: NetworkUse
    place: int = 0                              # the index of its tag among the prompt's
    steps: tuple[float, float] = (1, inf)       # the first and the last step that it is active in

    def span(self, evaluations: int) -> tuple[float, float]:
        """Return the first and the last model evaluation that it is active in, counted from 0.

        evaluations: model evaluations per step
        """
        first, last = self.steps
        return evaluations * (first - 1), evaluations * last - 1


@dataclass(frozen=True)
class HypernetworkTag:
    """A hypernetwork with the strength of its tag."""

    sha256: str
    strength: float
    place: int = 0


@dataclass(frozen=True)
class PromptNetworks:
    """The networks that a prompt puts on top of a checkpoint."""

    loras: tuple[Mention, ...] = ()
    hypernetworks: tuple[HypernetworkTag, ...] = ()
    embeddings: tuple[EmbeddingFile, ...] = ()      # embeddings whose word is in one of the prompts
    notes: tuple[str, ...] = ()           # remarks on tags that were not understood

    @property
    def uses(self) -> tuple[NetworkUse, ...]:
        """Return one use for each tag. Of tags with the same name the last one's strengths count, as in A1111."""
        said = {each.name: each.use for each in self.loras}
        return tuple(said[each.name] for each in self.loras)

    @property
    def strengths(self) -> tuple[tuple[str, float], ...]:
        """Return each hypernetwork's SHA-256 and strength."""
        return tuple((each.sha256, each.strength) for each in self.hypernetworks)

    def over_time(self, times: Timeline[frozenset[int]], evaluations: int) -> Timeline[PromptNetworks]:
        """The active networks over time.

        times: which tags the prompt contains until which model evaluation; evaluations: model evaluations per step
        """
        spans = [each.span(evaluations) for each in self.loras]
        cuts = {end for first, last in spans for end in (first - 1, last) if 0 <= end < times.ends[-1]}
        ends = sorted({*times.ends, *cuts})
        return Timeline(tuple(ends), tuple(self._only(times.at(end), end, evaluations) for end in ends))

    def _only(self, places: frozenset[int], evaluation: float, evaluations: int) -> PromptNetworks:
        loras = (each for each in self.loras if each.place in places)
        now = tuple(each for each in loras if (span := each.span(evaluations))[0] <= evaluation <= span[1])
        hypernetworks = tuple(each for each in self.hypernetworks if each.place in places)
        return replace(self, loras=now, hypernetworks=hypernetworks)


def with_standing_networks(params: P, settings: Settings) -> P:
    """Return the request with the settings' networks added to its prompt, as A1111 writes them there."""
    prompt, strength = params.prompt, settings.extra_networks_default_multiplier
    for kind, name in (("lora", settings.sd_lora), ("hypernet", settings.sd_hypernetwork)):
        if name not in ("", "None") and f"<{kind}:{name}:" not in prompt:
            prompt += f"<{kind}:{name}:{strength}>"
    return with_values(params, prompt=prompt)


def networks_of(params: Generation, library: Library) -> PromptNetworks:
    """Return the networks of a request's prompts. Raises Invalid for a tag with malformed numbers."""
    drawn, tags = take_networks(grammar.strip_comments(params.prompt))
    if len(tags) > MOST_NETWORK_TAGS:
        raise Invalid(f"The prompt names more than {MOST_NETWORK_TAGS} networks.", "Leave some out.", field="prompt")
    loras, hypernetworks, notes = [], [], []
    for place, tag in enumerate(tags):
        if tag.kind in LORA_KINDS and (file := library.lora(tag.name)):
            loras.append(mention(tag, place, library.loras.hashed(file), library.lora_hash(file)))
            notes += [f"{tag.name}: {item} is nothing Easel knows; it is left out." for item in unknown_items(tag)]
        elif tag.kind == "hypernet" and (file := library.hypernetworks.named(tag.name)):
            hypernetworks.append(
                HypernetworkTag(library.hypernetworks.hashed(file).sha256 or "", tag_number(tag, 1, 1.0), place)
            )
        else:
            notes.append(f"{why_none(tag, library)}; the picture is made without it.")
    told = "\n".join((drawn, params.negative_prompt, *(region.prompt for region in params.regions)))
    embeddings = embeddings_in(told.casefold(), library.embeddings)
    return PromptNetworks(tuple(loras), tuple(hypernetworks), tuple(embeddings), tuple(notes))


def region_networks(prompt: str, params: Generation, library: Library) -> PromptNetworks:
    """Return the networks of one region's prompt; hypernetworks, which only a whole picture can have, are noted.

    Raises as `networks_of` does.
    """
    found = networks_of(replace(params, prompt=prompt, negative_prompt="", regions=()), library)
    if not found.hypernetworks:
        return found
    note = "A hypernetwork in a region's prompt was left out: in the picture's prompt it counts everywhere."
    return replace(found, hypernetworks=(), notes=(*found.notes, note))


def why_none(tag: NetworkTag, library: Library) -> str:
    if tag.kind in LORA_KINDS and (copies := library.loras_of_hash(tag.name)):
        return f"{' and '.join(file.name for file in copies[:5])} have the hash {tag.name!r}, and none is called so"
    return f"There is no {TAG_LABELS.get(tag.kind, tag.kind)} called {tag.name!r}"


def embeddings_in(prompts: str, catalog: Catalog) -> Iterator[EmbeddingFile]:
    """Yield the embeddings whose word occurs in the prompts, even inside another; tokenization decides later.

    Raises ModelError for a whole word whose file cannot be read.
    """
    for file in catalog.list():
        for word in file.words:
            if word.casefold() not in prompts:
                continue
            try:
                yield EmbeddingFile(word, file.name, catalog.hashed(file).sha256 or "")
            except ModelError:
                if re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", prompts):
                    raise


def mention(tag: NetworkTag, place: int, file: ModelFile, tensors_hash: str) -> Mention:
    """Read a tag `<lora:name:te:unet:rank>`; each item may be named instead.

    `lbw=`, or a third item that is no number, gives strengths by block; `start=`, `stop=` or `step=` the active steps.
    """
    third = tag.positional[2] if len(tag.positional) > 2 else ""
    blocks = tag.named.get("lbw", "" if is_number(third) else third)
    text = tag_number(tag, 1, 1.0, "te")
    unet = text if blocks and blocks == third else tag_number(tag, 2, text, "unet")
    rank = tag_number(tag, 3, -1, "dyn")
    use = NetworkUse(file.sha256 or "", text, unet, int(rank) if rank >= 0 else None, blocks)
    return Mention(tag.name, tensors_hash[:12], use, place, steps_of(tag))


def unknown_items(tag: NetworkTag) -> list[str]:
    return [f"{name}=" for name in tag.named if name not in TAG_ITEMS] + tag.positional[MOST_ITEMS:]


def steps_of(tag: NetworkTag) -> tuple[float, float]:
    """Read the first and the last active step, from `step=5-10` or from `start=5` and `stop=10`.

    The block-weight extension's users write them so. Raises Invalid if they are no numbers.
    """
    first, _, last = tag.named.get("step", "-").partition("-")
    bounds = [tag.named.get("start", first).strip(), tag.named.get("stop", last).strip()]
    if not all(bound == "" or bound.isdecimal() for bound in bounds):
        raise Invalid(
            f"<{tag.kind}:{tag.name}…>: {'-'.join(bounds)[:40]!r} are no steps.",
            "Write them like start=5 or step=5-10.",
            field="prompt",
        )
    return float(bounds[0] or 1), float(bounds[1] or inf)


def tag_number(tag: NetworkTag, place: int, missing: float, name: str = "") -> float:
    """Read the tag's item of that name or at that place. Raises Invalid if it is no number."""
    given = tag.named.get(name, tag.positional[place] if len(tag.positional) > place else None)
    if given is None:
        return missing
    if not is_number(given) or abs(float(given)) > MAX_STRENGTH:
        raise Invalid(
            f"<{tag.kind}:{tag.name}…>: {given[:40]!r} is no strength.",
            "Write it like <lora:name:0.8>.",
            field="prompt",
        )
    return float(given)


def is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


TAG_LABELS = {"lora": "LoRA", "lyco": "LoRA", "hypernet": "hypernetwork"}
MOST_ITEMS = 4      # items of a LoRA's tag without names, at most
TAG_ITEMS = {"te", "unet", "dyn", "lbw", "start", "stop", "step"}
