"""Requests for many pictures at once: img2img's Batch tab, Extras' Batch from Directory; and their recorded form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import MaxLen

from modules.base.fields import Checkbox, Choices, Param, Slider, Text
from modules.base.limits import MAX_INFOTEXT, MAX_ITEMS, MAX_PATH, FilePath, Name
from modules.params.extras import Extras
from modules.params.img2img import Img2Img

MOST_BATCH_PICTURES = 10_000
# A1111's names, in its order
PNG_INFO = ("Prompt", "Negative prompt", "Seed", "CFG scale", "Sampler", "Steps", "Model hash")

Folder = Text(1, MAX_PATH)
BatchSource = Literal["", "upload", "folder"]      # "": no batch


@dataclass(frozen=True, kw_only=True)
class FromFolder:
    """Folders on the server, as in the form."""

    batch_source: BatchSource = ""
    batch_input_dir: Annotated[str, Param("Input directory", Folder, "All pictures of this folder, on the machine where the server runs.")] = ""
    batch_output_dir: Annotated[
        str, Param("Output directory", Folder, "Results are written there under their pictures' names; without one they are saved as usual."),
    ] = ""


@dataclass(frozen=True)
class Sent:
    """An uploaded picture."""

    image: Name                                                       # its name among `imaging.inputs`
    file: FilePath = ""                                               # its file's name in the browser
    infotext: Annotated[str, MaxLen(MAX_INFOTEXT)] = ""               # the generation data in it


@dataclass(frozen=True, kw_only=True)
class Img2ImgBatch(FromFolder, Img2Img):
    """img2img's form as the page sends it, with its Batch tab."""

    resize_by: bool = False      # the result's size is the picture's times `scale_by`
    scale_by: Annotated[float, Param("Scale", Slider(0.05, 4, 0.05), "How many times as large as the picture the result is.")] = 1.0

    batch_sent: Annotated[tuple[Sent, ...], MaxLen(MOST_BATCH_PICTURES)] = ()
    batch_inpaint_mask_dir: Annotated[
        str, Param("Inpaint batch mask directory", Folder, "Masks that are called as the pictures are, or one for all; without, nothing is kept."),
    ] = ""
    batch_use_png_info: Annotated[
        bool, Param("Append png info to prompts", Checkbox(), "Take from each picture's generation data what is chosen below."),
    ] = False
    batch_png_info_dir: Annotated[
        str, Param("PNG info directory", Folder, "Pictures that are called alike and whose generation data is taken; else it is their own."),
    ] = ""
    batch_png_info_props: Annotated[
        tuple[Name, ...],
        Param("Parameters to take from png info", Choices(PNG_INFO), "Prompts are added to those above; the others are taken instead of the form's."),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class ExtrasBatch(FromFolder, Extras):
    """Extras' form: uploaded pictures, or a folder of them."""

    images: Annotated[tuple[Name, ...], MaxLen(MAX_ITEMS)] = ()           # names of `imaging.inputs`
    infotexts: Annotated[tuple[Annotated[str, MaxLen(MAX_INFOTEXT)], ...], MaxLen(MAX_ITEMS)] = ()      # each picture's generation data


# The recorded form ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One picture of a batch.

    image, mask: a name among `imaging.inputs`, or the path of a file on the server
    """

    image: str
    file: str                                                         # the file's name, without folders
    mask: str = ""
    # its own generation data, where they are kept
    infotext: str = ""
    # its own fields of the request
    params: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)         # its own settings
    # its dynamic prompts by field, as they were written
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    entries: tuple[BatchItem, ...]
    folder: str = ""                    # the results' folder, with the pictures' names; "": the outputs
    notes: tuple[str, ...] = ()         # remarks for the person, such as on other files

    @classmethod
    def recorded(cls, params: Mapping[str, Any]) -> Batch | None:
        """Return the batch in a job's parameters, if there is one."""
        found = params.get("batch")
        return found and cls(
            tuple(BatchItem(**entry) for entry in found["entries"]), found["folder"], tuple(found["notes"])
        )
