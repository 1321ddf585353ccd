"""A1111's `FilenameGenerator`: names of files by the settings' patterns, for extensions that save by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from PIL import Image

from modules.imaging.filename import NameFacts, fill_pattern
from modules.surface.options import current_opts


class FilenameGenerator:
    """Fills in patterns for one picture of a `p`; without one, tokens that tell of it stay as they are written."""

    def __init__(
        self, p: Any, seed: Any, prompt: str | None, image: Image.Image, basename: str = "", zip: bool = False
    ) -> None:
        self.p, self.seed, self.prompt, self.image, self.basename = p, seed, prompt, image, basename

    def apply(self, pattern: str) -> str:
        """Return the pattern with its tokens filled in, as part of a path."""
        return fill_pattern(pattern, self.facts())

    def facts(self) -> NameFacts:
        image, p = self.image, self.p
        common: dict[str, Any] = {
            "seed": "" if self.seed is None else self.seed, "size": image.size, "now": datetime.now().astimezone(),
            "pixels": image.tobytes, "prompt": self.prompt, "job": datetime.now(),
        }
        return NameFacts(**common, **({} if p is None else facts_of_p(p)))


def facts_of_p(p: Any) -> dict[str, Any]:
    """Return what a `p` tells of its pictures."""
    place, size = int(getattr(p, "batch_index", 0) or 0), p.batch_size
    opts = current_opts()
    return {
        "negative_prompt": str(p.negative_prompt or ""), "asked": (str(p.prompt), str(p.negative_prompt)),
        "steps": p.steps, "cfg": p.cfg_scale, "sampler": p.sampler_name, "scheduler": p.scheduler,
        "model_name": p.sd_model_name, "model_hash": p.sd_model_hash, "vae": p.sd_vae_name or "",
        "clip_skip": opts.CLIP_stop_at_last_layers, "denoising": p.denoising_strength,
        "seeds": (int(p.all_seeds[0]), int(p.all_seeds[-1])) if p.all_seeds else None,
        "batch": (place + 1, size), "generation": (p.iteration * size + place + 1, p.n_iter * size),
        "most_words": opts.directories_max_prompt_words,
    }
