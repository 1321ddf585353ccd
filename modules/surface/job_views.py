"""`shared.state` and `shared.sd_model`: views of the job whose hooks are called, and of nothing in particular else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modules.plugins.host import Host
from modules.prompts import chunks
from modules.surface.binding import NotHere
from modules.surface.checkpoint_info import select_checkpoint


class StateView:
    """`shared.state`: that of the job whose hooks this thread calls. Outside of one nothing is going on.

    Where one person alone uses Easel, it is anywhere that of the job in hand: pages and routes may show and stop it.
    """

    def __init__(self, host: Host) -> None:
        vars(self)["_host"] = host

    def _job(self) -> Any:
        return self._host.generation or (None if self._host.is_shared else self._host.job_in_hand)

    def __getattr__(self, name: str) -> Any:
        if (job := self._job()) is not None:
            return getattr(job.state, name)
        if name in IDLE_STATE:
            return IDLE_STATE[name]
        raise AttributeError(f"shared.state has no attribute {name!r}.")

    def __setattr__(self, name: str, value: Any) -> None:
        if (job := self._job()) is not None:
            setattr(job.state, name, value)


def nothing(*args: Any, **kwargs: Any) -> None:
    """Do nothing: nothing is going on."""


IDLE_STATE: dict[str, Any] = {
    "job": "", "job_no": 0, "job_count": 0, "job_timestamp": "0", "sampling_step": 0, "sampling_steps": 0,
    "interrupted": False, "skipped": False, "stopping_generation": False, "textinfo": None, "current_image": None,
    "current_latent": None, "current_image_sampling_step": 0, "id_live_preview": 0, "time_start": None,
    "need_restart": False, "server_command": None, "dict": dict, "begin": nothing, "end": nothing, "nextjob": nothing,
    "interrupt": nothing, "skip": nothing, "stop_generating": nothing, "request_restart": nothing,
    "assign_current_image": nothing, "set_current_image": nothing, "do_set_current_image": nothing,
}


# facts of the model that the file alone tells: name → how, of the surface's CheckpointInfo
FACTS_OF_THE_FILE: dict[str, Any] = {
    "sd_checkpoint_info": lambda info: info,
    "sd_model_hash": lambda info: info.shorthash,
    "sd_model_checkpoint": lambda info: info.filename,
}


def chosen_checkpoint() -> Any:
    """Return the checkpoint that the settings name. Raises NotHere."""
    if (found := select_checkpoint()) is None:
        raise NotHere("There is no checkpoint.", "Put one below models/Stable-diffusion.")
    return found


class IdleTextEncoder:
    """`shared.sd_model.cond_stage_model` while no picture is being made, and `model_hijack.clip`.

    It knows the numbers of words alone.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's tokens, without those for its beginning and its end."""
        tokenizer = self._host.program.tokenizer()
        return [tokenizer(text) for text in texts]

    def tokenize_line(self, line: str) -> tuple[list[Any], int]:
        """Return a prompt's chunks, each with `tokens` and `multipliers`, and how many of their tokens are in use."""
        found = list(chunks.chunks(line, self._host.program.tokenizer()))
        return found, chunks.token_count(found)

    def get_target_prompt_token_count(self, token_count: int) -> int:
        """Return how many tokens there is room for in the chunks that hold so many."""
        return chunks.target_length(token_count)


class ModelView:
    """`shared.sd_model`: facts of the checkpoint of the job whose hooks are called."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def _job_facts(self) -> Any:
        job = self._host.generation
        if job is None:
            raise NotHere("No picture is being made, so there is no model.", "Ask for it in a hook of a picture.")
        return job.model_facts

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._host.generation is None and name in FACTS_OF_THE_FILE:
            return FACTS_OF_THE_FILE[name](chosen_checkpoint())
        if self._host.generation is None and name == "cond_stage_model":
            return IdleTextEncoder(self._host)
        if hasattr(facts := self._job_facts(), name):
            return getattr(facts, name)
        raise NotHere(
            f"shared.sd_model.{name} belongs to A1111's model, which Easel does not have in that form.",
            "The extension cannot change the model's inside.",
        )

    def get_learned_conditioning(self, prompts: Any) -> Any:
        """Return prompts encoded without regard to steps, (prompts, tokens, width), or SDXL's."""
        from modules.surface import prompt_parser

        encoded = prompt_parser.prompts_encoded(prompts)
        return prompt_parser.stacked([schedules[0].cond for schedules in encoded])

    def to(self, *args: Any, **kwargs: Any) -> ModelView:
        """The engine alone moves models."""
        return self

    eval = half = float = cuda = cpu = requires_grad_ = to
