"""Looking at the library's pictures with CLIP's image encoder: what is found, and what is looked at again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModelWithProjection

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import ModelMismatch, ModelMissing
from modules.engine.messages import JobSpec
from modules.gallery.embeddings import PictureEmbeddings
from modules.gallery.gallery import Gallery
from modules.gallery.search import Wanted
from modules.gallery.thumbnails import Thumbnails
from modules.imaging.save import png
from modules.library.image_encoders import find_image_encoder
from modules.library.library import Library
from modules.library.model_kinds import CLIP_VISION
from modules.models.clip_vision import load_image_encoder, picture_embeddings
from modules.settings.account_paths import account_paths
from modules.settings.flags import parse_flags
from modules.worker.file_jobs import FileJob, Stopped
from modules.worker.planners import planner_of
from tests.golden_data import catalog_of

CPU = torch.device("cpu")
SMALL = CLIPVisionConfig(
    hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=1, image_size=24, patch_size=8,
    projection_dim=16,
)


def small_encoder():
    torch.manual_seed(0)
    return CLIPVisionModelWithProjection(SMALL).eval()


def write_encoder(folder, more=()):
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in small_encoder().state_dict().items()}
    save_file(state | dict(more), folder / "small.safetensors")
    return folder / "small.safetensors"


def noise(seed, near=0):
    chance = np.random.default_rng(seed)
    pixels = chance.integers(0, 200, (24, 24, 3))
    return Image.fromarray((pixels + np.random.default_rng(near).integers(0, 9, pixels.shape)).astype(np.uint8))


def test_an_embedding_is_transformers_own_of_unit_length(tmp_path):
    images = [noise(1), noise(2).resize((40, 30))]
    pixels = CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})(
        images, return_tensors="pt"
    ).pixel_values
    with torch.inference_mode():
        wanted = torch.nn.functional.normalize(small_encoder()(pixel_values=pixels).image_embeds, dim=-1)
    beside = {"text_model.final_layer_norm.weight": torch.ones(8), "logit_scale": torch.ones(1)}      # a whole CLIP has more
    found = picture_embeddings(load_image_encoder(write_encoder(tmp_path, beside), CPU), images)
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-6)


def test_a_file_that_is_no_encoder_is_refused_by_name(tmp_path):
    save_file({"visual_projection.weight": torch.ones(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelMismatch, match=r"other\.safetensors"):
        load_image_encoder(tmp_path / "other.safetensors", CPU)


def test_without_a_file_it_is_said_which_is_missing(tmp_path):
    with pytest.raises(ModelMissing) as told:
        find_image_encoder(Library({"clip_vision": catalog_of(CLIP_VISION, tmp_path)}))
    assert "models/clip_vision" in told.value.hint


class Run:
    """An account's library of four pictures, two of them nearly the same, and jobs that look at them."""

    def __init__(self, folder):
        self.paths = parse_flags(["--data-dir", str(folder)], {}).paths
        self.outputs = account_paths(self.paths, LOCAL_OWNER).outputs
        self.outputs.mkdir(parents=True)
        for name, image in {"a": noise(1), "b": noise(2), "like-a": noise(1, near=5), "c": noise(3)}.items():
            self.save(name, image)
        (self.outputs / "damaged.png").write_bytes(png(noise(4), "")[:200])
        thumbnails = Thumbnails(self.paths.cache / "thumbnails")
        self.gallery = Gallery(account_paths(self.paths, LOCAL_OWNER).library, self.outputs, thumbnails)
        self.gallery.scan()
        write_encoder(folder / "clip_vision")
        self.library = Library({"clip_vision": catalog_of(CLIP_VISION, folder / "clip_vision")})
        self.known = PictureEmbeddings(self.gallery.index, find_image_encoder(self.library).name)

    def save(self, name, image):
        (self.outputs / f"{name}.png").write_bytes(png(image, ""))

    def id_of(self, name):
        [row] = self.gallery.search.page(Wanted(text=f"name:{name}.png"), 0, 9).rows[-1:]
        return row.id

    def look(self, job=None):
        spec = JobSpec("task(1)", LOCAL_OWNER, "embed_pictures", {"encoder": "", "picture": self.id_of("c")}, {})
        planner_of("embed_pictures")(spec, self.library)(job or FileJob(spec, lambda event: None, self.paths))

    def near(self, name):
        found = self.gallery.index.rows(self.known.nearest(self.id_of(name), 2))
        return [row.name for row in found]


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_pictures_that_show_the_same_are_found_and_a_broken_file_blocks_nothing(run):
    assert run.near("a") == [] and run.known.unknown(run.id_of("b"))[0] == run.id_of("b")
    run.look()
    assert run.known.unknown() == []
    assert run.near("like-a")[0] == "a.png" and len(run.near("b")) == 2


def test_a_picture_with_another_content_is_looked_at_again(run):
    run.look()
    run.save("a", noise(7))
    run.gallery.scan()
    assert run.known.unknown() == [run.id_of("a")]


def test_a_job_that_is_stopped_leaves_what_it_has_looked_at(run):
    spec = JobSpec("task(1)", LOCAL_OWNER, "embed_pictures", {}, {})
    job = FileJob(spec, lambda event: None, run.paths, interrupted=True)
    with pytest.raises(Stopped):
        run.look(job)
    run.look()
    assert run.known.unknown() == []
