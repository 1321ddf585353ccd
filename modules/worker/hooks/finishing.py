"""What becomes of a batch's decoded pictures: the hooks after decoding, their files, and A1111's `Processed`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.base.errors import WebUIError
from modules.imaging import masks
from modules.imaging.colour import corrected
from modules.pipelines.canvas import Finished, soft_hole
from modules.pipelines.control import returned_maps
from modules.pipelines.img2img import collect_images, softly_changed
from modules.pipelines.plan import ImagePlan
from modules.pipelines.result import Result, SideImage
from modules.pipelines.safety import checked_image
from modules.pipelines.txt2img import FACE_KEYS, insisted
from modules.plugins.host import surface
from modules.requests.extension_scripts import EXTENSION_SCRIPT
from modules.requests.patterns import below_outputs
from modules.sampling.questions import RestoreFaces, ready
from modules.worker.hooks.delivery import SHOWN_BESIDE, Delivery, Shown
from modules.worker.hooks.hooked_batch import HookedPicture, to_bytes
from modules.worker.hooks.hooked_infotext import TextsOfPicture

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_job import HookedJob


@dataclass
class FinishedPictures:
    """The finished pictures of one `process_images`."""

    shown: list[Shown] = field(default_factory=list)

    @property
    def images(self) -> list[Image.Image]:
        return [each.image for each in self.shown]

    @property
    def infotexts(self) -> list[str]:
        return [each.infotext for each in self.shown if each.kind != SHOWN_BESIDE]


class Finisher:
    """Finishes the pictures of one job."""

    def __init__(self, job: HookedJob) -> None:
        self.job, self.delivery = job, Delivery(job)
        self.of_parts = False       # pictures in the making are parts of one: what follows is done to the whole

    def begin(self, p: Any) -> FinishedPictures:
        return FinishedPictures()

    def folder(self, what: str) -> Path:
        """Return the outputs' folder for "samples" or "grids"."""
        job, s = self.job, self.job.settings
        outputs = job.around.where.outputs / job.spec.folder
        own = getattr(s, f"outdir_{what}") or getattr(s, f"outdir_{job.spec.kind}_{what}")
        return outputs.joinpath(*below_outputs(own))

    def taken_over(self, p: Any, number: int, finished: FinishedPictures) -> bool:
        """Add the pictures of a batch that an earlier run of the job has made; False if it is to be made.

        Not of scripts that make as many pictures as they like: where they would stand is not known.
        """
        job = self.job
        if job.depth > 1 or EXTENSION_SCRIPT in job.spec.params or job.scripts_of(p).hears("postprocess_batch_list"):
            return False
        earlier = self.delivery.earlier(range(number * p.batch_size, (number + 1) * p.batch_size))
        finished.shown += earlier
        return bool(earlier)

    def finish(self, p: Any, number: int, drawn: list[HookedPicture], finished: FinishedPictures) -> None:
        """Call the hooks after decoding, and keep the pictures."""
        scripts = self.job.scripts_of(p)
        images = torch.stack([picture.pixels for picture in drawn if picture.pixels is not None])
        scripts.call("postprocess_batch", p, images=images, batch_number=number)
        batch = surface("scripts").PostprocessBatchListArgs(list(images))
        scripts.call("postprocess_batch_list", p, batch, batch_number=number)
        for place, levels in enumerate(batch.images):
            picture = drawn[min(place, len(drawn) - 1)]
            p.batch_index = place
            finished.shown += self.finished(p, place, levels, picture)
            if self.job.depth == 1:
                self.delivery.show(finished.shown)

    def finished(self, p: Any, place: int, levels: Tensor, picture: HookedPicture) -> list[Shown]:
        """Return one picture, and those that the settings want shown beside it."""
        scripts, a1111 = self.job.scripts_of(p), surface("scripts")
        plain = a1111.PostprocessImageArgs(Image.fromarray(self.with_faces(to_bytes(levels), picture)))
        scripts.call("postprocess_image", p, plain)
        mask, over = self.covering(picture)
        cover = a1111.PostProcessMaskOverlayArgs(place, mask, over)
        scripts.call("postprocess_maskoverlay", p, cover)
        painted = self.with_colours(plain.image, picture)
        whole = masks.composed(painted, picture.painting.canvas.box if picture.painting else None, cover.overlay_image)
        after = a1111.PostprocessImageArgs(whole)
        scripts.call("postprocess_image_after_composite", p, after)
        result, image = self.checked(after.image, painted, cover.mask_for_overlay, picture)
        infotext = self.job.infotext.text(p, picture.number, TextsOfPicture.of_batch(p, place))
        for note in result.extra_params.notes:
            self.job.note(note)
        return self.delivery.kept(p, picture, image, result, infotext)

    def with_faces(self, pixels: np.ndarray, picture: HookedPicture) -> np.ndarray:
        """Restore faces if the settings want that; where it fails, the picture is kept, with a note."""
        s, extra = picture.start.pass_.settings, picture.extra
        if not s.face_restoration:
            return pixels
        if s.save_images_before_face_restoration:
            extra.side_images.append(SideImage("-before-face-restoration", Image.fromarray(pixels)))
        question = RestoreFaces(picture.start.pass_.weights, pixels, s.face_restoration_model, s.code_former_weight)
        try:
            [restored] = self.job.desk.do([insisted(question)], picture.number)
        except WebUIError as error:
            extra.notes.append(f"Faces were not restored. {error}")
            extra |= dict.fromkeys(FACE_KEYS)
            return pixels
        return np.asarray(restored)

    def covering(self, picture: HookedPicture) -> tuple[Image.Image | None, Image.Image | None]:
        """Return the mask of what was painted, and the original that is put over the painting."""
        painting, s = picture.painting, picture.start.pass_.settings
        if painting is None or painting.canvas.original is None:
            return None, None
        changed = softly_changed(picture.start.pass_, painting.hole, picture.result)
        mask = painting.canvas.hole if changed is None else soft_hole(painting.canvas, changed)
        if mask is None or not (s.overlay_inpaint or changed is not None):
            return mask, None
        return mask, masks.overlay(painting.canvas.original, mask)

    def with_colours(self, image: Image.Image, picture: HookedPicture) -> Image.Image:
        if picture.painting is None:
            return image
        canvas, wanted = picture.painting.canvas, picture.start.pass_.settings.img2img_color_correction
        if not wanted and canvas.colours is None:       # an extension's, if they are there unasked
            return image
        return corrected(image, canvas.colours or canvas.image)

    def checked(
        self, image: Image.Image, painted: Image.Image, mask: Image.Image | None, picture: HookedPicture
    ) -> tuple[Result, Image.Image]:
        """Return the picture as it may be delivered, with what is shown beside it."""
        pixels = np.asarray(image)
        result = Result(pixels, picture.complete, picture.extra)
        if picture.painting:
            done = Finished(image, painted, picture.painting.canvas.box, mask)
            result = replace(collect_images(picture.start.pass_, done, picture.complete, picture.extra), pixels=pixels)
        if picture.plan.returns_maps:
            [maps] = self.job.desk.do([returned_maps(picture.plan, picture.control_start)], picture.number)
            result = replace(result, maps=maps)
        return (result, image) if self.of_parts else self.followed(picture.plan, result, image, picture.number)

    def followed(
        self, plan: ImagePlan[Any, Any], result: Result, image: Image.Image, number: int
    ) -> tuple[Result, Image.Image]:
        """Return a picture with what becomes of it once it is made, and as it may be delivered."""
        if plan.after or plan.moments:
            plain = replace(result, pixels=np.asarray(image.convert("RGB")))
            [result] = self.job.desk.do([plan.followed(ready(plain))], number)
            image = image if result.pixels is plain.pixels else Image.fromarray(result.pixels)
        if safety := self.job.around.safety:
            plain = replace(result, pixels=np.asarray(image.convert("RGB")))
            [result] = self.job.desk.do([checked_image(ready(plain), safety, plan.passes[-1].weights)], number)
            if result.withheld:
                return result, Image.fromarray(result.pixels)
        return result, image

    def processed(self, p: Any, finished: FinishedPictures) -> Any:
        """Return A1111's Processed."""
        grid = self.delivery.grid(p, finished.shown) if finished.shown else None
        shown = [grid, *finished.shown] if grid else finished.shown
        first = finished.infotexts[0] if finished.shown else ""
        processed = surface("processing").Processed(
            p, images_list=[each.image for each in shown], seed=p.all_seeds[0], info=first, subseed=p.all_subseeds[0],
            index_of_first_image=int(grid is not None),
            infotexts=[*([grid.infotext] if grid else ()), *finished.infotexts],
        )
        return processed
