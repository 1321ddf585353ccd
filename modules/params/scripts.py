"""A1111's scripts: their names, and their arguments in A1111's order. A request may choose one."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import MaxLen
from pydantic import ValidationError

from modules.base.errors import Invalid
from modules.base.fields import OR_PLACE, Checkbox, Choice, Choices, Param, Slider, Text, checker, declared_params
from modules.base.limits import MAX_INFOTEXT, MAX_PROMPT, MAX_SETTING
from modules.base.registry import Registry
from modules.params.known_names import KnownNames, style_texts
from modules.params.plots import XyzPlot, settled_plot
from modules.params.prompt_lines import STYLES, parse_lines
from modules.params.txt2img import Generation

Request = TypeVar("Request", bound=Generation)
GenerationKind = Literal["txt2img", "img2img"]
CURVES = ("Aggressive", "Linear", "Lazy")
NO_SCRIPT = ("", "None", "none")          # names that choose no script
PROMPTS_FROM_FILE = "Prompts from file or textbox"
RANDOM_SEEDS = 2**32 - 1             # drawn seeds stay below this, as A1111's do

OVERRIDE_SAMPLER = "Override `Sampling method` to Euler?(this method is built for it)"      # A1111's labels
OVERRIDE_PROMPT = "Override `prompt` to the same value as `original prompt`?(and `negative prompt`)"
OVERRIDE_STEPS = "Override `Sampling Steps` to the same value as `Decode steps`?"

OutpaintSide = Literal["left", "right", "up", "down"]
SIDES: tuple[OutpaintSide, ...] = ("left", "right", "up", "down")
Fill = Literal["fill", "original", "latent noise", "latent nothing", "0", "1", "2", "3"]
Note = Annotated[str, MaxLen(MAX_SETTING)]      # the place of an explanation in A1111's form


@dataclass(frozen=True)
class SdUpscale:
    note: Note = ""
    overlap: Annotated[int, Param("Tile overlap", Slider(0, 256, 16), "How many pixels neighbouring tiles share.")] = 64
    upscaler: Annotated[
        str, OR_PLACE, Param("Upscaler", Choice("upscalers"), "What enlarges the picture, by name or place.")
    ] = "None"
    scale_factor: Annotated[
        float, Param("Scale Factor", Slider(1, 4, 0.05), "How much larger the picture becomes.")
    ] = 2.0


@dataclass(frozen=True)
class Loopback:
    loops: Annotated[int, Param("Loops", Slider(1, 32), "How often the result is drawn over.")] = 4
    final_denoising_strength: Annotated[
        float, Param("Final denoising strength", Slider(0, 1, 0.01), "The strength of the last loop.")
    ] = 0.5
    denoising_curve: Annotated[
        str, Param("Denoising strength curve", Choice(CURVES), "How the strength gets there.")
    ] = "Linear"
    append_interrogation: Annotated[
        str, Param("Append interrogated prompt at each iteration", Choice(("None",)), "Not there yet.")
    ] = "None"


@dataclass(frozen=True)
class OutpaintingMk2:
    note: Note = ""
    pixels: Annotated[int, Param("Pixels to expand", Slider(8, 256, 8), "How far each side grows, at least.")] = 128
    mask_blur: Annotated[int, Param("Mask blur", Slider(0, 64), "How softly old and new meet, in pixels.")] = 8
    direction: Annotated[
        tuple[OutpaintSide, ...], Param("Outpainting direction", Choices(SIDES), "Which sides grow.")
    ] = SIDES
    noise_q: Annotated[
        float, Param("Fall-off exponent (lower=higher detail)", Slider(0, 4, 0.01), "How quickly fine detail fades.")
    ] = 1.0
    color_variation: Annotated[
        float, Param("Color variation", Slider(0, 1, 0.01), "How colourful the new part starts.")
    ] = 0.05


@dataclass(frozen=True)
class PoorMansOutpainting:
    pixels: Annotated[int, Param("Pixels to expand", Slider(8, 256, 8), "How far each side grows, at least.")] = 128
    mask_blur: Annotated[int, Param("Mask blur", Slider(0, 64), "How softly old and new meet, in pixels.")] = 4
    inpainting_fill: Annotated[
        Fill, OR_PLACE, Param("Masked content", Choice("fills"), "What the new part starts from.")
    ] = "fill"
    direction: Annotated[
        tuple[OutpaintSide, ...], Param("Outpainting direction", Choices(SIDES), "Which sides grow.")
    ] = SIDES


@dataclass(frozen=True)
class PromptsFromFile:
    """The arguments of Prompts from file: each line is a prompt, or `--tags` with values; see `prompt_lines`."""

    iterate: Annotated[
        bool, Param("Iterate seed every line", Checkbox(), "The seeds of each line count on from those before.")
    ] = False
    same_seed: Annotated[
        bool, Param("Use same random seed for all lines", Checkbox(), "A seed drawn by lot is drawn once.")
    ] = False
    position: Annotated[
        str, Param("Insert prompts at the", Choice(("start", "end")), "Where a line goes in the prompt.")
    ] = "start"
    text: Annotated[str, Param("List of prompt inputs", Text(8, MAX_INFOTEXT), "One request a line.")] = ""
    seeds: tuple[int, ...] = ()      # one for each line; empty: the request's for all
    # styles named in lines, with prompt and negative prompt
    styles: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    # each picture's prompts by field, line after line, where dynamic prompts were made plain; empty: as written
    prompts: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Alternative:
    """The arguments of img2img alternative test, which starts from the picture's own inverted noise."""

    note: Note = ""
    override_sampler: Annotated[bool, Param(OVERRIDE_SAMPLER, Checkbox(), "Draw with Euler.")] = True
    override_prompt: Annotated[bool, Param(OVERRIDE_PROMPT, Checkbox(), "Draw the original prompt.")] = True
    original_prompt: Annotated[str, Param("Original prompt", Text(1, MAX_PROMPT), "What the picture shows.")] = ""
    original_negative_prompt: Annotated[
        str, Param("Original negative prompt", Text(1, MAX_PROMPT), "What it does not.")
    ] = ""
    override_steps: Annotated[bool, Param(OVERRIDE_STEPS, Checkbox(), "As many steps forth as back.")] = True
    steps: Annotated[int, Param("Decode steps", Slider(1, 150), "Steps on the way back to the noise.")] = 50
    override_strength: Annotated[
        bool, Param("Override `Denoising strength` to 1?", Checkbox(), "Go the whole way.")
    ] = True
    cfg: Annotated[
        float,
        Param("Decode CFG scale", Slider(0, 15, 0.1), "How closely the original prompt is followed on the way back."),
    ] = 1.0
    randomness: Annotated[float, Param("Randomness", Slider(0, 1, 0.01), "The share of the seed's own noise.")] = 0.0
    sigma_adjustment: Annotated[
        bool, Param("Sigma adjustment for finding noise for image", Checkbox(), "Step from the level below.")
    ] = False


ScriptArguments = SdUpscale | Loopback | OutpaintingMk2 | PoorMansOutpainting | PromptsFromFile | Alternative | XyzPlot


# Reading --------------------------------------------------------------------------------------------


def resolve_script(params: Request, kind: GenerationKind, known: KnownNames) -> Request:
    """Return the request with its script's official name and resolved arguments. Raises Invalid naming the field."""
    if params.script_name in NO_SCRIPT:
        return replace(params, script_name="", script_args=())
    script = find_script(params.script_name, kind, known.scripts or SCRIPTS)
    chosen = script.resolve(arguments(script, params.script_args), params, known)
    return replace(script.adapt(params, known), script_name=script.name, script_args=in_order(chosen))


def styles_wait(params: Generation, known: KnownNames) -> bool:
    """Return whether the request's script adds the styles itself, after it has changed the prompts."""
    script = (known.scripts or SCRIPTS).get(params.script_name)
    return script is not None and script.styles_later


def find_script(name: str, kind: str, among: Registry[Script]) -> Script:
    """Return the script of that name, in any case. Raises Invalid, as A1111 answers 422."""
    found = among.get(name)
    if found is None or kind not in found.kinds:
        hint = f"There are: {', '.join(script.name for script in among if kind in script.kinds)}."
        raise Invalid(f"There is no script called {name!r:.100} for {kind}.", hint, field="script_name")
    return found


def script_arguments(params: Generation) -> ScriptArguments | None:
    """Return the arguments of a resolved request; None if its script is none of these. Raises Invalid."""
    script = SCRIPTS.get(params.script_name)
    return arguments(script, params.script_args) if script else None


def arguments(script: Script, given: Sequence[Any]) -> Any:
    """Return the arguments in order, with defaults for missing and null ones. Raises Invalid naming the argument."""
    names = [each.name for each in fields(script.arguments)]
    if len(given) > len(names):
        raise Invalid(
            f"{script.name} takes no more than {len(names)} arguments.",
            f"In order: {', '.join(names)}.",
            field="script_args",
        )
    values = {
        name: value for name, value in zip(names, given, strict=False)
        if value is not None and not (value == "" and name.endswith("_dropdown"))      # clients' word for no choice
    }
    try:
        return checker(script.arguments).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(
            f"{script.name}: {names_of(first)} cannot be {first['input']!r:.80}.",
            f"{first['msg']}.",
            field="script_args",
        ) from error


def in_order(chosen: Any) -> tuple[Any, ...]:
    """Return a script's arguments in the order of a request."""
    return tuple(getattr(chosen, each.name) for each in fields(chosen))


def names_of(problem: Any) -> str:
    return str(problem["loc"][0]) if problem["loc"] else "an argument"


# Resolving ------------------------------------------------------------------------------------------


def as_given(arguments: ScriptArguments, params: Generation, known: KnownNames) -> ScriptArguments:
    return arguments


def request_as_given(params: Request, known: KnownNames) -> Request:
    return params


def cells_alone(params: Request, known: KnownNames) -> Request:
    """Return a plot's request: as in A1111, batches only where the account's settings return their grids."""
    return params if known.returns_grids else replace(params, batch_size=1)


def lines_settled(arguments: PromptsFromFile, params: Generation, known: KnownNames) -> PromptsFromFile:
    """Return the lines with their styles' texts, and a seed for each if the request has none.

    Raises Invalid for a line that cannot be parsed, or an unknown style.
    """
    lines = parse_lines(arguments.text)
    each_its_own = params.seed == -1 and not arguments.iterate and not arguments.same_seed
    seeds = tuple(random.randrange(RANDOM_SEEDS) for _ in lines) if each_its_own else ()
    named = dict.fromkeys(name for line in lines for name in line.get(STYLES, ()))
    if unknown := [name for name in named if name not in known.styles]:
        raise Invalid(
            f"There is no style called {unknown[0]!r:.100}.",
            f"There are: {', '.join(known.styles) or 'none'}.",
            field="script_args",
        )
    return replace(arguments, seeds=seeds, styles=style_texts(named, known.styles), prompts=())


@dataclass(frozen=True)
class Script:
    """A script that requests of some kinds may choose.

    Its functions stand under its name in `pipelines/scripts/table.py`.
    name: A1111's title; arguments: a declared class, its fields in A1111's order
    help: one sentence, shown above the arguments
    resolve: arguments, request and known names → arguments that leave nothing to chance
    adapt: request and known names → the request that is recorded
    styles_later: True if the script adds the request's styles itself
    keys: generation data's key → argument
    """

    name: str
    arguments: type[Any]
    kinds: tuple[GenerationKind, ...]
    help: str
    resolve: Callable[[Any, Generation, KnownNames], Any] = as_given
    keys: Mapping[str, str] = field(default_factory=dict)
    adapt: Callable[[Any, KnownNames], Any] = request_as_given
    styles_later: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, Param]:
        return declared_params(self.arguments)


SCRIPTS: Registry[Script] = Registry(
    "script",
    (
        Script(
            "SD upscale",
            SdUpscale,
            ("img2img",),
            "Enlarges the picture and draws over it tile by tile. Width and height above are a tile's; a low "
            "denoising strength suits it.",
            keys={"SD upscale overlap": "overlap", "SD upscale upscaler": "upscaler"},
        ),
        Script(
            "Loopback",
            Loopback,
            ("img2img",),
            "Draws over the result again and again, each time from the one before.",
            keys={"Final denoising strength": "final_denoising_strength", "Denoising curve": "denoising_curve"},
        ),
        Script(
            "Outpainting mk2",
            OutpaintingMk2,
            ("img2img",),
            "Paints beyond the edges. It likes many steps, an ancestral sampler and a denoising strength of about 0.8.",
        ),
        Script(
            "Poor man's outpainting",
            PoorMansOutpainting,
            ("img2img",),
            "Paints beyond the edges, tile by tile, starting from what masked content says.",
        ),
        Script(
            PROMPTS_FROM_FILE,
            PromptsFromFile,
            ("txt2img", "img2img"),
            'Draws each line of a list: a prompt, or tags such as --prompt "a cat" --steps 20 --seed 5.',
            lines_settled,
        ),
        Script(
            "X/Y/Z plot",
            XyzPlot,
            ("txt2img", "img2img"),
            "Draws the request once for every combination of values, and lays the pictures out in a grid.",
            settled_plot,
            keys={
                f"{letter} {what}": f"{letter.lower()}_{name}"
                for letter in "XYZ" for what, name in (("Type", "type"), ("Values", "values"))
            } | {"More Axes": "more_axes"},
            adapt=cells_alone,
            styles_later=True,
        ),
        Script(
            "img2img alternative test",
            Alternative,
            ("img2img",),
            "Finds the noise that the picture would come from and draws from that, so that a changed prompt changes "
            "little else.",
            keys={
                "Decode prompt": "original_prompt",
                "Decode negative prompt": "original_negative_prompt",
                "Decode CFG scale": "cfg",
                "Decode steps": "steps",
                "Randomness": "randomness",
                "Sigma Adjustment": "sigma_adjustment",
            },
        ),
    ),
)
