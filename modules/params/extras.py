"""The parameters of Extras: upscaling of finished pictures, and face restoration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Interval

from modules.base.errors import Invalid
from modules.base.fields import Checkbox, Choice, Number, Param, Slider
from modules.base.sizes import Size
from modules.params.infotext import SIZE, quote, read_pairs, split_infotext, unquote

BY, TO = range(2)                   # resize_mode
NO_UPSCALER = "None"                       # the upscaler that changes nothing
LONGEST_SIDE = 32768                     # pixels of a side
MOST_OUTPUT_PIXELS = 16384**2              # of a picture
MOST_IN_ALL = 4 * MOST_OUTPUT_PIXELS       # of all pictures of a request
MOST_SENT = 128_000_000             # pixels of all input pictures: they stay in memory while the job runs



@dataclass(frozen=True, slots=True)
class Restoring:
    """A face restorer, the visible share of its result, and CodeFormer's weight."""

    name: str
    visibility: float
    weight: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Extras:
    """The parameters of Extras. Names and defaults as in A1111's API, order as in the form.

    `form=` is the form's default. Fields without a `Param` are the API's alone, or have controls of their own kind.
    """

    resize_mode: Annotated[int, Interval(ge=BY, le=TO)] = BY
    show_extras_results: bool = True        # of a folder's pictures: A1111's page can leave them out
    upscaling_resize: Annotated[float, Param("Resize", Slider(0.05, 16, 0.05), "How many times as large.", form=4.0)] = 2.0
    upscaling_resize_w: Annotated[int, Param("Width", Number(1, LONGEST_SIDE), "In pixels, where a size is asked for.")] = 512
    upscaling_resize_h: Annotated[int, Param("Height", Number(1, LONGEST_SIDE), "In pixels, where a size is asked for.")] = 512
    upscaling_crop: Annotated[bool, Param("Crop to fit", Checkbox(), "Cut off what the shape has no room for; else it stays.")] = True
    upscaler_1: Annotated[str, Param("Upscaler 1", Choice("upscalers"), "What enlarges; None leaves the picture as it is.", form="Lanczos")] = NO_UPSCALER
    upscaler_2: Annotated[str, Param("Upscaler 2", Choice("upscalers"), "Its picture is laid over the first one's.")] = NO_UPSCALER
    extras_upscaler_2_visibility: Annotated[float, Param("Upscaler 2 visibility", Slider(0, 1, 0.001), "How much of it is seen.")] = 0.0
    gfpgan_visibility: Annotated[float, Param("GFPGAN visibility", Slider(0, 1, 0.001), "How much of the faces GFPGAN restored is seen.")] = 0.0
    codeformer_visibility: Annotated[float, Param("CodeFormer visibility", Slider(0, 1, 0.001), "How much of those CodeFormer restored.")] = 0.0
    codeformer_weight: Annotated[float, Param("CodeFormer weight", Slider(0, 1, 0.001), "0 restores most, 1 keeps most of the face.")] = 0.0
    upscale_first: bool = False             # accepted from old clients; as in A1111 1.10.1 faces always come last

    @property
    def upscalers(self) -> tuple[str, ...]:
        """The upscalers with a visible result: none, one or two."""
        if self.upscaler_1 == NO_UPSCALER:
            return ()
        second = self.upscaler_2 != NO_UPSCALER and self.extras_upscaler_2_visibility > 0
        return (self.upscaler_1, self.upscaler_2) if second else (self.upscaler_1,)

    @property
    def restorers(self) -> tuple[Restoring, ...]:
        """The restorers with a visible result, in the order after the upscalers."""
        both = (
            Restoring("GFPGAN", self.gfpgan_visibility),
            Restoring("CodeFormer", self.codeformer_visibility, self.codeformer_weight),
        )
        return tuple(each for each in both if each.visibility > 0)

    @property
    def frame(self) -> Size | None:
        """The size asked for, if it is not a factor."""
        return (self.upscaling_resize_w, self.upscaling_resize_h) if self.resize_mode == TO else None

    def scale(self, size: Size) -> float:
        """Return the factor for a picture of that size: the one asked for, or the one that covers the frame."""
        return max(self.frame[0] / size[0], self.frame[1] / size[1]) if self.frame else self.upscaling_resize


def check_sent(sizes: Sequence[Size]) -> None:
    """Raise Invalid if input pictures of these sizes are too large together."""
    if sum(width * height for width, height in sizes) > MOST_SENT:
        raise Invalid(
            f"The pictures have more than {MOST_SENT // 10**6} million pixels together.",
            "Send fewer at once.",
            field="imageList",
        )


def check_sizes(params: Extras, sizes: Sequence[Size]) -> None:
    """Raise Invalid, naming the field, if the results of pictures of these sizes would be too large."""
    if not params.upscalers:
        return
    large = [size_after(params, size) for size in sizes]
    if sum(width * height for width, height in large) > MOST_IN_ALL:
        raise Invalid(
            f"{len(sizes)} pictures would become more than {MOST_IN_ALL:,} pixels.",
            "Send fewer at once.",
            field="imageList",
        )


def size_after(params: Extras, size: Size) -> Size:
    """Return the size of a picture's result. Raises Invalid."""
    width, height = (int(side * params.scale(size)) for side in size)
    if max(width, height) > LONGEST_SIDE or width * height > MOST_OUTPUT_PIXELS:
        wide, high = (f"upscaling_resize_{side}" if params.frame else "upscaling_resize" for side in "wh")
        raise Invalid(
            f"A picture of {size[0]}×{size[1]} would become one of {width}×{height}.",
            f"A side may have {LONGEST_SIDE:,} pixels, a picture {MOST_OUTPUT_PIXELS:,}.",
            field=wide if width >= height else high,
        )
    return width, height


# Generation data ------------------------------------------------------------------------------------


def postprocessing(params: Extras) -> Iterator[tuple[str, object]]:
    """Yield the postprocessing's generation data, under A1111's keys and in its order."""
    if params.upscalers:
        yield from enlargement(params)
    for each in params.restorers:
        yield f"{each.name} visibility", f"{each.visibility:g}"
        if each.name == "CodeFormer":
            yield "CodeFormer weight", f"{each.weight:g}"


def enlargement(params: Extras) -> Iterator[tuple[str, object]]:
    if params.frame:
        yield "Postprocess upscale to", "{}x{}".format(*params.frame)
        yield "Postprocess crop to", "{}x{}".format(*params.frame) if params.upscaling_crop else None
    else:
        yield "Postprocess upscale by", f"{params.upscaling_resize:g}"
    yield from zip(UPSCALER_KEYS, params.upscalers, strict=False)


def postprocessed(text: str) -> dict[str, Any]:
    """Return the fields of Extras in the last line of generation data; none if it describes no postprocessing."""
    pairs = {key: unquote(value) for key, value in read_pairs(text.strip().rpartition("\n")[2])}
    if not pairs.keys() & POSTPROCESSING:
        return {}
    factor, frame = (
        parse_number(pairs.get("Postprocess upscale by", "")),
        SIZE.fullmatch(pairs.get("Postprocess upscale to", "")),
    )
    size = (
        {"resize_mode": TO, "upscaling_resize_w": int(frame[1][:6]), "upscaling_resize_h": int(frame[2][:6])}
        if frame
        else {}
    )
    scale = {"resize_mode": BY, "upscaling_resize": factor} if factor else {}
    upscalers = {name: pairs.get(key, NO_UPSCALER) for name, key in zip(UPSCALER_FIELDS, UPSCALER_KEYS, strict=True)}
    faces = {name: parse_number(pairs.get(key, "0")) or 0.0 for key, name in FACE_FIELDS.items()}
    return {
        **scale,
        **size,
        **({"upscaling_crop": "Postprocess crop to" in pairs} if frame else {}),
        **upscalers,
        **faces,
    }


def parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


UPSCALER_FIELDS = ("upscaler_1", "upscaler_2")
UPSCALER_KEYS = ("Postprocess upscaler", "Postprocess upscaler 2")
FACE_FIELDS = {
    "GFPGAN visibility": "gfpgan_visibility",
    "CodeFormer visibility": "codeformer_visibility",
    "CodeFormer weight": "codeformer_weight",
}
POSTPROCESSING = frozenset({"Postprocess upscale by", "Postprocess upscale to", *UPSCALER_KEYS, *FACE_FIELDS})


def postprocessing_text(params: Extras) -> str:
    return ", ".join(f"{key}: {quote(value)}" for key, value in postprocessing(params) if value is not None)


def extended(infotext: str, params: Extras) -> str:
    """Return a picture's generation data, followed by those of the postprocessing."""
    before, done = infotext.rstrip(), postprocessing_text(params)
    if not before or not done:
        return before or done
    return f"{before}{', ' if split_infotext(before).raw else chr(10)}{done}"
