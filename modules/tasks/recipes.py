"""What the worker must know of each kind of job to carry it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modules.base.errors import ModelMissing
from modules.base.fields import defaults
from modules.engine.jobs import JobSpec
from modules.models.catalog import Catalog, Checkpoint
from modules.params.txt2img import Txt2Img
from modules.prompts import grammar
from modules.sampling.questions import Task, Weights
from modules.settings.options import Settings
from modules.tasks import generation_data, txt2img
from modules.tasks.plan import Plan, plans
from modules.tasks.txt2img import Drawn


@dataclass(frozen=True)
class Recipe:
    """A job in the making: what each picture is to be, and how to make one."""

    checkpoint: Checkpoint
    plans: Sequence[Plan]
    picture: Callable[[Plan], Task[Drawn]]
    folder: str                                    # under outputs/, as A1111 names it

    @property
    def settings(self) -> Settings:
        return self.plans[0].settings

    def infotext(self, index: int) -> str:
        return generation_data.write(self.plans[index], self.checkpoint.model_name)

    def facts(self, index: int) -> dict[str, Any]:
        """What the API's `info` tells of one picture."""
        params = self.plans[index].params
        return {
            "seed": params.seed,
            "subseed": params.subseed,
            "prompt": params.prompt,
            "negative_prompt": params.negative_prompt,
            "sd_model_name": self.checkpoint.model_name,
            "sd_model_hash": self.plans[index].weights.checkpoint[:10],
        }

    def warnings(self) -> list[str]:
        _, tags = grammar.take_networks(grammar.strip_comments(self.plans[0].params.prompt))
        return [f"There is no {tag.kind} called {tag.items[0]!r} that could be used; the picture is made without it." for tag in tags]


def txt2img_recipe(spec: JobSpec, catalog: Catalog) -> Recipe:
    """Raises UnknownName or ModelError for the checkpoint."""
    settings = Settings(**known(Settings, spec.settings))
    params = Txt2Img(**known(Txt2Img, spec.params) | {"styles": tuple(spec.params.get("styles", ()))})
    checkpoint = chosen(catalog, settings.sd_model_checkpoint)
    weights = Weights(catalog.hashed(checkpoint).sha256)
    return Recipe(checkpoint, plans(params, settings, weights), txt2img.picture, "txt2img-images")


def chosen(catalog: Catalog, name: str) -> Checkpoint:
    """The checkpoint of that name, or any if none was chosen."""
    checkpoint = catalog.find(name) if name else catalog.default()
    if checkpoint is None:
        raise ModelMissing("There is no checkpoint to draw with.", "Put one into models/Stable-diffusion.")
    return checkpoint


def known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are fields of `cls` today: a job may be resumed by a later version than recorded it."""
    return {name: value for name, value in values.items() if name in defaults(cls)}


RECIPES: Mapping[str, Callable[[JobSpec, Catalog], Recipe]] = {"txt2img": txt2img_recipe}
