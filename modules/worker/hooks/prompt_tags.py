"""The network tags of a batch's prompts, and the networks that extensions have registered."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from modules.plugins.host import surface
from modules.prompts.network_tags import NetworkTag, take_networks
from modules.worker.hooks.hooked_infotext import SET_BEFORE_LORAS

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_job import HookedJob


LORA_KIND = "lora"      # the kind in a tag


class TaggedPrompt(NamedTuple):
    """A prompt with its tags, the same without them, and the tags."""

    whole: str
    bare: str
    tags: list[NetworkTag]


class PromptTags:
    """The tags of the batch in the making: extensions see prompts without them, and they are used all the same."""

    def __init__(self, job: HookedJob) -> None:
        self.job = job
        self.taken: dict[int, TaggedPrompt] = {}        # by the prompt's place in the batch

    @property
    def own_names(self) -> set[str]:
        """The names in tags of networks that extensions have registered."""
        return set(surface("extra_networks").own_names())

    def take(self, p: Any) -> None:
        """Take the tags out of the batch's prompts; `p.extra_network_data` are those of the first."""
        own = surface("extra_networks")
        self.taken, data = {}, own.network_data()
        for place, prompt in enumerate(p.prompts):
            bare, tags = take_networks(prompt)
            if tags:
                p.prompts[place] = bare
                self.taken[place] = TaggedPrompt(prompt, bare, tags)
            if place == 0:
                own.add_tags(data, tags)
        p.extra_network_data = data

    def put_back(self, prompt: str, place: int) -> str:
        """Return a prompt with its tags, where they stood if it is still the same; without those of extensions."""
        if not (taken := self.taken.get(place)):
            return without_own(prompt, self.own_names)
        if prompt == taken.bare:
            return without_own(taken.whole, self.own_names)
        return prompt + "".join(written_tag(tag) for tag in taken.tags if tag.kind not in self.own_names)

    def activate(self, p: Any, hires: bool = False) -> None:
        """Activate the networks of extensions, and tell scripts of all of them."""
        own, data = surface("extra_networks"), p.extra_network_data
        if hires:
            data = own.network_data()
            own.add_tags(data, take_networks((p.hr_prompts or p.prompts)[0])[1])
        self.job.infotext.note_order(p, SET_BEFORE_LORAS)
        own.activate(p, data, self.job.note)
        kinds = [kind for kind in data if kind in (LORA_KIND, *self.own_names)]
        if kinds and kinds[0] != LORA_KIND:      # in the order of the tags
            self.job.infotext.note_order(p, SET_BEFORE_LORAS)
        self.job.scripts_of(p).call(
            "after_extra_networks_activate", p, batch_number=p.iteration, prompts=p.prompts, seeds=p.seeds,
            subseeds=p.subseeds, extra_network_data=data,
        )

    def deactivate(self, p: Any) -> None:
        surface("extra_networks").deactivate(p, p.extra_network_data, self.job.note)


def written_tag(tag: NetworkTag) -> str:
    return f"<{':'.join((tag.kind, *tag.items))}>"


def without_own(prompt: str, names: Collection[str]) -> str:
    """Return a prompt without the tags of networks that extensions have registered."""
    for tag in take_networks(prompt)[1]:
        if tag.kind in names:
            prompt = prompt.replace(written_tag(tag), "")
    return prompt
