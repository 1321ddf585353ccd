"""What extensions of Easel's own API do to one picture: in its conditioning, in each step, when it is finished."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from easel import moments
from easel.extension import MomentListener
from easel.moments import Conditioning, EncodedText, Latent, Moment, Picture, Plan, SavedPicture, Step
from modules.base.errors import WebUIError
from modules.pipelines.plan import Pass
from modules.pipelines.result import Result
from modules.pipelines.safety import with_note
from modules.plugins.host import CallFailed
from modules.sampling.flows import Denoise
from modules.sampling.guidance import Guidance, GuidanceLayer, Timeline
from modules.sampling.questions import Cond, Interrupted, Task
from modules.worker.moments.flow_room import MOST_ASKED, FlowRoom
from modules.worker.moments.participants import Participant, Participants, advance_flow, without_it


@dataclass(eq=False)
class HeardPicture:
    """A picture that extensions take part in: `PictureMoments`.

    asked: the fields of its request that extensions changed, as they were; plan: the changed one
    start: reads the picture that img2img starts from
    """

    participants: Participants
    asked: Mapping[str, Any]
    plan: Plan
    start: Callable[[], Image.Image | None]
    room: FlowRoom | None = None
    notes: dict[str, None] = field(default_factory=dict)        # of listeners that failed, each once

    @cached_property
    def pairs(self) -> Mapping[str, object]:
        return self.participants.pairs()

    def note(self, text: str) -> None:
        self.notes[text] = None

    def conditioned(self, pass_: Pass[Any], guidance: Guidance) -> Guidance:
        if not self.participants.hear(moments.conditioned):
            return guidance
        timelines = [*(timeline for timeline, _ in guidance.positive), guidance.negative]
        texts = tuple(
            EncodedText(cond.text, cond.vector, timeline is guidance.negative, end)
            for timeline in timelines for end, cond in zip(timeline.ends, timeline.entries, strict=True)
        )
        value = Conditioning(texts, self.plan)
        found = self.participants.call(moments.conditioned, value, self.note)
        if found is value or len(found.texts) != len(texts):
            return guidance
        left = iter(found.texts)
        *positive, negative = [changed_timeline(timeline, left) for timeline in timelines]
        weights = (weight for _, weight in guidance.positive)
        return replace(guidance, positive=tuple(zip(positive, weights, strict=True)), negative=negative)

    def layers(self, pass_: Pass[Any]) -> tuple[GuidanceLayer, ...]:
        if self.participants.hear(moments.denoising) or self.participants.hear(moments.denoised):
            return (HeardSteps(self, pass_.steps, bool(pass_.first_step)),)
        return ()

    def decoding(self, pass_: Pass[Any], latent: Tensor) -> Tensor:
        if not self.participants.hear(moments.decoding):
            return latent
        value = Latent(latent, self.plan, bool(pass_.first_step))
        found = self.participants.call(moments.decoding, value, self.note).latent
        if found.shape == latent.shape:
            return found
        self.note(f"An extension returned a latent of the shape {tuple(found.shape)}, and not {tuple(latent.shape)}; "
                  "it was not used.")
        return latent

    def saved(self, path: Path, infotext: str) -> Sequence[str]:
        notes: list[str] = []
        self.participants.call(moments.saved, SavedPicture(path, infotext, self.plan), notes.append)
        return notes

    def finished(self, making: Task[Result]) -> Task[Result]:
        result = yield from making
        if not result.complete or not self.participants.hear(moments.finished):
            return self.noted(result)
        before = picture = Picture(Image.fromarray(result.pixels), self.plan, self.start())
        complete = True
        for participant, listener in self.participants.heard[moments.finished.name]:
            try:
                picture = yield from self.heard(participant, listener, picture)
            except Interrupted:
                complete = False
                break
        result = replace(result, complete=complete)
        if picture is not before:
            result.extra_params.update(picture.pairs)
            result = replace(result, pixels=np.asarray(picture.image.convert("RGB")))
        return self.noted(result)

    def heard(self, participant: Participant, listener: MomentListener, picture: Picture) -> Task[Picture]:
        """Return the picture as a listener leaves it; after an error as it was. Raises Interrupted."""
        folder, moment, call = participant.native.folder, listener.moment, self.participants.timed
        try:
            answer: Any = call(folder, moment, self.note, participant.answer, listener, picture)
            if not isinstance(answer, Generator):
                changed: Picture = answer
                return changed
            reply: Any = None
            for _ in range(MOST_ASKED):
                move = call(folder, moment, self.note, advance_flow, answer, listener, reply)
                if move.done:
                    finished: Picture = move.result
                    return finished
                reply = yield from self.replied(move.question)
            self.note(f"The extension {folder} asked more than {MOST_ASKED} times; the picture was made without it.")
        except CallFailed as error:
            self.note(without_it(error))
        return picture

    def replied(self, question: Any) -> Task[Any]:
        """Return the answer to a flow's question, or the error that the flow may handle."""
        if self.room is None:
            raise LookupError("This picture has no room for flows.")
        try:
            return (yield from self.room.answer(question))
        except (WebUIError, TypeError) as error:
            return error

    def noted(self, result: Result) -> Result:
        extra = result.extra_params
        for note in self.notes:
            extra = with_note(extra, note)
        return replace(result, extra_params=extra) if self.notes else result


def changed_timeline(timeline: Timeline[Cond], texts: Any) -> Timeline[Cond]:
    """Return the conditionings over time with the next texts in their places."""
    found = []
    for cond in timeline.entries:
        text = next(texts)
        same = text.vectors is cond.text and text.pooled is cond.vector
        found.append(cond if same else replace(cond, text=text.vectors, vector=text.pooled))
    return Timeline(timeline.ends, tuple(found))


@dataclass(frozen=True)
class HeardSteps:
    """The guidance layer next to the model: its listeners change what it sees, and its estimate."""

    picture: HeardPicture
    steps: int
    second_pass: bool

    def ask(self, ask: Denoise) -> Denoise:
        step = self.told(moments.denoising, self.step(ask))
        same = step.latent is ask.x and step.sigma == ask.sigma
        return ask if same else replace(ask, x=step.latent, sigma=float(step.sigma))

    def answer(self, ask: Denoise, estimate: Tensor) -> Tensor:
        return self.told(moments.denoised, replace(self.step(ask), clean=estimate)).estimate

    def step(self, ask: Denoise) -> Step:
        return Step(ask.step, self.steps, ask.sigma, ask.x, self.picture.plan, second_pass=self.second_pass)

    def told(self, moment: Moment[Step], step: Step) -> Step:
        return self.picture.participants.call(moment, step, self.picture.note)
