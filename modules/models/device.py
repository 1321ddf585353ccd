"""The device: it loads the checkpoint of each question and answers it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from modules.base.errors import ModelError, OutOfMemory
from modules.base.memory import release_memory, system_memory
from modules.library.catalog import ModelFile
from modules.library.library import Library
from modules.models.annotators.annotators import Annotators
from modules.models.checkpoint.families import FAMILIES
from modules.models.checkpoint.family import Family
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.checkpoint.loader import load_checkpoint, load_vae_file
from modules.models.control.networks import ControlNetworks, adding
from modules.models.control.residuals import AddControl
from modules.models.control.row_attention import Attending, RowAttention
from modules.models.control_learning import controlnet_to_train
from modules.models.decoder_learning import learn_decoding
from modules.models.detection.detectors import Detectors
from modules.models.faces.restoring import FaceRestorers
from modules.models.learning import improve, learn, trainable
from modules.models.lora.adapters import AdapterFiles, Adapters, check_further
from modules.models.lora.runtime import Under, without_merged
from modules.models.optimizations.attention import AUTOMATIC_BACKEND, AttentionChoice, AttentionLayers
from modules.models.optimizations.fp8 import applied, store
from modules.models.optimizations.hypertile import Hypertiling
from modules.models.optimizations.token_merging import TokenMerging
from modules.models.safety import SafetyCheckers
from modules.models.text import PromptEmbeddings
from modules.models.unet import predict_batch
from modules.models.upscaling.upscaler import Upscalers
from modules.models.vae.preview import LatentPreview, Look
from modules.models.vae.taesd import Taesd
from modules.models.vae.vae import Vae, to_uint8
from modules.prompts.chunks import Tokenizer
from modules.sampling.annotation import Annotate
from modules.sampling.detection import Detect
from modules.sampling.image_prompts import ImagePrompt, ReadPictures
from modules.sampling.latent import LatentFormat
from modules.sampling.questions import (
    CheckSafety,
    Decode,
    DecodeLevels,
    Encode,
    EncodeImage,
    Facts,
    Meaning,
    ModelFacts,
    Predict,
    Question,
    RestoreFaces,
    Upscale,
    Wait,
    WaitFor,
)
from modules.sampling.regions import further_networks
from modules.sampling.weights import Fp8, Weights
from modules.training.decoder import DecoderStudent
from modules.training.questions import Improve, Learn, Prepare
from modules.training.student import Student


@dataclass(frozen=True)
class Placement:
    """The device of the models, and their precision."""

    device: torch.device
    unet: torch.dtype
    vae: torch.dtype
    text: torch.dtype
    attention: str = AUTOMATIC_BACKEND      # the backend of "Automatic" in a job's settings

    @classmethod
    def choose(
        cls,
        cpu: bool = False,
        device_id: int | None = None,
        half: bool = True,
        half_vae: bool = True,
        attention: str = AUTOMATIC_BACKEND,
    ) -> Placement:
        """Choose a GPU if there is one, in half precision; on a CPU single precision, where half is slow or worse."""
        if cpu or not torch.cuda.is_available():
            return cls(torch.device("cpu"), torch.float32, torch.float32, torch.float32, attention)
        low = torch.float16 if half else torch.float32
        return cls(torch.device("cuda", device_id or 0), low, low if half_vae else torch.float32, low, attention)

    @property
    def kind(self) -> str:
        return "cpu" if self.device.type == "cpu" else "gpu"

    @property
    def memory(self) -> int:
        """The bytes that models and pictures may take together; 0 if unknown."""
        if self.device.type == "cuda":
            return int(torch.cuda.get_device_properties(self.device).total_memory)
        return system_memory() if self.kind == "cpu" else 0

    def described(self) -> dict[str, str]:
        """Return device and precisions for manifests."""
        name = (
            torch.cuda.get_device_name(self.device)
            if self.device.type == "cuda"
            else f"cpu, {torch.get_num_threads()} threads"
        )
        precisions = {part: str(getattr(self, part)).removeprefix("torch.") for part in ("unet", "vae", "text")}
        return {"device": name, "cuda": torch.version.cuda or "", **precisions}


class Ready:
    """A model on its device, with the values computed from it once."""

    def __init__(self, model: LoadedModel, tokenizer: Tokenizer, files: AdapterFiles, fp8: Fp8 | None = None) -> None:
        self.model, self.fp8 = model, applied(fp8, model.family)
        self.adapters = Adapters(model, files, store(model, self.fp8).wide)
        self.merging, self.hypertiling = TokenMerging(model.unet), Hypertiling(model.unet)
        self.attention = AttentionLayers(model.unet, self.hypertiling)
        self.rows = RowAttention(model.unet)
        self.text = model.family.reads(model, tokenizer)
        self.facts = ModelFacts(
            model.levels, model.latent, model.image_channels, self.fp8 is not None, model.native_size
        )

    @cached_property
    def vae(self) -> Vae:
        """The checkpoint's own VAE. Raises ModelError if it has no usable one."""
        return Vae(self.model.vae, self.model.latent)


@dataclass(frozen=True)
class Answers:
    """The functions that answer questions of one type. A new type is one more row of `Device.answers`."""

    compute: Callable[..., Sequence[Any]]                        # the result of `prepare` → an answer for each question
    prepare: Callable[[Sequence[Any]], tuple[Any, ...]]
    gradients: bool = False                                      # True if gradients are computed, for training

    @classmethod
    def each(cls, answer: Callable[[Any], Any], gradients: bool = False) -> Answers:
        """Return a row that answers questions one after another."""
        return cls(
            lambda questions: [answer(question) for question in questions], lambda questions: (questions,), gradients
        )


Key = tuple[str, Fp8 | None]      # a checkpoint, and how it is stored


class Device:
    """The device with the loaded models. Used by the engine's thread alone."""

    def __init__(
        self, library: Library, tokenizer: Tokenizer, placement: Placement, told: Callable[[str, str], None],
        families: Sequence[Family] = FAMILIES,
    ) -> None:
        """told: called as `told(loading, loaded)` with the names of models; families: those it can sample with"""
        self.files = AdapterFiles(library)
        self.library, self.tokenizer, self.placement, self.told = library, tokenizer, placement, told
        self.families = families
        self.attention = AttentionChoice(placement.device, placement.unet, placement.attention)
        self.kept = 1                                               # models that stay in memory
        self._ready: OrderedDict[Key, Ready] = OrderedDict()        # least recently used first
        self._vaes: OrderedDict[str, Vae] = OrderedDict()           # from files of their own, least recently used first
        self.upscalers = Upscalers(library.of("upscaler"), placement.device, placement.unet)
        self.face_restorers = FaceRestorers(library.catalogs, placement.device)
        self.safety_checkers = SafetyCheckers(library, placement.device)
        self.detectors = Detectors(library, placement.device)
        self.annotators = Annotators(library, placement.device)
        self.control_networks = ControlNetworks(library, placement.device, placement.unet)
        self._taesd: dict[str, Taesd] = {}                          # by the beginning of their files' names
        self._previews: WeakKeyDictionary[Vae, LatentPreview] = WeakKeyDictionary()
        self.answers: dict[type[Question], Answers] = {
            Facts: Answers.each(self.facts),
            Encode: Answers.each(self.read),
            Predict: Answers(predict_batch, self.prepared),
            Decode: Answers.each(lambda ask: to_uint8(self.decoded(ask))),
            DecodeLevels: Answers.each(self.decoded),
            EncodeImage: Answers.each(self.encoded),
            Upscale: Answers.each(self.enlarged),
            RestoreFaces: Answers.each(lambda ask: self.face_restorers.restore(ask.name, ask.pixels, ask.weight)),
            Detect: Answers.each(self.detectors.find),
            Annotate: Answers.each(self.annotators.annotate),
            ReadPictures: Answers.each(self.read_pictures),
            CheckSafety: Answers(self.flagged, lambda asks: (asks,)),
            Prepare: Answers.each(self.prepared_student, gradients=True),
            Learn: Answers.each(self.learnt, gradients=True),
            Improve: Answers.each(improve, gradients=True),
            Wait: Answers.each(lambda ask: None),
            WaitFor: Answers.each(lambda ask: None),
        }

    def answer(self, questions: Sequence[Question]) -> Sequence[Any]:
        """Answer questions of one type whose `batch_weights` are equal.

        Where memory runs out, what helps the models leaves it, and it is tried once more.
        Raises OutOfMemory, ModelError, NotANumber.
        """
        answers = self.answers[type(questions[0])]
        again = not answers.gradients      # a step of training that was half done must not be done twice
        while True:                        # so that the failed try holds no tensors any more at the next one
            try:
                with torch.inference_mode(not answers.gradients), memory_errors():
                    return answers.compute(*answers.prepare(questions))
            except OutOfMemory:
                if not (again and self.forget_helpers()):
                    raise
                again = False

    def forget_helpers(self) -> bool:
        """Drop the networks of preprocessors and detectors, which are asked once a picture; False if there are none."""
        dropped = [helpers.forget() for helpers in (self.annotators, self.detectors)]
        if any(dropped):
            release_memory()
        return any(dropped)

    def unload(self) -> None:
        """Drop all models; the next question loads what it needs."""
        self._ready.clear()
        self._vaes.clear()
        self.control_networks.forget()
        self.forget_helpers()
        release_memory()
        self.told("", "")

    def batch_weights(self, weights: Weights) -> Weights:
        """Return the part of the weights that a batch must share: without networks that can be applied row by row.

        In 8 bits the sum of weight and networks is rounded, and with hypertile a row's tiles are rows of their own, so
        that they cannot. Raises ModelError for a network that does not fit.
        """
        key = self._found(weights)
        return (
            weights.plain
            if key and not key[1] and not weights.hypertile and self._ready[key].adapters.mixable(*weights.networks)
            else weights
        )

    def described(self, attention: str = AUTOMATIC_BACKEND) -> dict[str, str]:
        """Return the facts that decide an image's last bits with that attention backend, for manifests."""
        return self.placement.described() | {"attention": self.attention.backend(attention).name}

    def loaded(self, weights: Weights) -> Ready:
        """The checkpoint in memory."""
        key = self._found(weights)
        if key is None:
            ready = self._load(self.library.checkpoints.find(weights.checkpoint), weights.fp8)
            key = weights.checkpoint, ready.fp8
            self._ready[key] = ready
        self._ready.move_to_end(key)
        return self._ready[key]

    def facts(self, ask: Facts) -> ModelFacts:
        """Return the checkpoint's facts, after loading it. Raises ModelError if its latents could not be decoded."""
        if ask.decodes:
            self.vae(ask.weights)
        return self.loaded(ask.weights).facts

    def _found(self, weights: Weights) -> Key | None:
        """Return the key of the loaded model for these weights, if there is one."""
        return next(
            (
                key
                for key, ready in self._ready.items()
                if key == (weights.checkpoint, applied(weights.fp8, ready.model.family))
            ),
            None,
        )

    def ready(self, weights: Weights) -> Ready:
        """Return the checkpoint in memory, with its UNet prepared for these weights."""
        ready = self.loaded(weights)
        ready.adapters.bring_unet(weights)
        ready.merging.bring(weights.token_merging)
        ready.attention.bring(self.attention.backend(weights.attention))
        ready.hypertiling.bring(weights.hypertile)
        tile(ready.model.unet, weights.tiling)
        return ready

    def read(self, ask: Encode) -> Meaning:
        ready = self.loaded(ask.weights)
        ready.adapters.bring_texts(ask.weights)
        return ready.text.read(ask, self.words(ask))

    def prepared(
        self, asks: Sequence[Predict]
    ) -> tuple[LoadedModel, Sequence[Predict], Under, AddControl, Attending]:
        """Return the arguments of `predict_batch`, with the model's weights prepared for the questions.

        Networks that all of them have are merged into the weights; otherwise each row's own are applied beside them.
        """
        sets = {ask.weights.networks for ask in asks}
        merged = asks[0].weights if len(sets) == 1 else asks[0].weights.plain
        ready = self.ready(merged)
        extras = [cond.extras for ask in asks for cond in ask.conds]
        networks = self.control_networks.of_rows(extras, ready.model)
        further = {each for row in extras for each in further_networks(row)}
        check_further(ready.adapters, further, ready.fp8 is None and not asks[0].weights.hypertile)
        unmerged = ready.adapters.unmerged
        beside = without_merged(merged.networks, unmerged.under((sets - {merged.networks}) | further))
        attending = ready.rows.with_networks(networks, beside, unmerged.updates)
        return ready.model, asks, beside, adding(networks), attending

    def read_pictures(self, ask: ReadPictures) -> ImagePrompt:
        return self.control_networks.read_pictures(ask, self.loaded(ask.weights).model)

    def prepared_student(self, ask: Prepare) -> Student:
        """Return what is to be trained of a model, and of the VAE that is chosen for it."""
        ready = self.ready(ask.weights.plain)      # copies of weights are without what somebody drew with last
        ready.adapters.bring_texts(ask.weights.plain)
        model, controlnet = ready.model, partial(controlnet_to_train, self.library, ready.model)
        return ask.make(replace(trainable(model), vae=self.vae(ask.weights).module, controlnet=controlnet))

    def learnt(self, ask: Learn) -> Sequence[float]:
        """Return the losses of a student's examples, with the model's weights prepared."""
        if isinstance(ask.student, DecoderStudent):
            return learn_decoding(self.vae(ask.weights), ask)
        ready = self.ready(ask.weights)
        ready.adapters.bring_texts(ask.weights)
        return learn(ready.model, ready.text, ask)

    def words(self, ask: Encode) -> PromptEmbeddings:
        files = self.files.words(ask.reading.embeddings)
        return replace(
            files, embeddings=[*files.embeddings, *self.loaded(ask.weights).adapters.bundled(ask.weights.networks)]
        )

    def vae(self, weights: Weights) -> Vae:
        """The VAE in memory: the checkpoint's own, or from a file. Raises ModelError if there is neither."""
        ready = self.loaded(weights)
        vae = self._vae_file(weights.vae, ready.model.latent) if weights.vae else ready.vae
        vae.attention.bring(self.attention.backend(weights.attention))
        vae.hypertiling.bring(weights.hypertile_vae)
        tile(vae.module, weights.tiling)
        return vae

    def decoded(self, ask: Decode) -> Tensor:
        return (
            self.taesd(ask.weights).decode(ask.latent)
            if ask.tiny
            else self.vae(ask.weights).decode(ask.latent, ask.tiled)
        )

    def encoded(self, ask: EncodeImage) -> Tensor:
        if ask.tiny:
            return self.loaded(ask.weights).facts.latent.to_vae(self.taesd(ask.weights).encode(ask.pixels))
        return self.vae(ask.weights).encode(ask.pixels, ask.tiled, ask.drawn)

    def enlarged(self, ask: Upscale) -> Tensor:
        if ask.name not in [upscaler.name for upscaler in self.upscalers.list()]:      # its file is newer than the list
            self.upscalers.refresh()
        return self.upscalers.enlarge(ask.name, ask.pixels)

    def flagged(self, asks: Sequence[CheckSafety]) -> Sequence[Sequence[bool]]:
        """Return the verdicts on each question's pictures; the checker sees all of them in one call."""
        flags = iter(self.safety_checkers.check(asks[0].name, [image for ask in asks for image in ask.images]))
        return [[next(flags) for _ in ask.images] for ask in asks]

    def taesd(self, weights: Weights) -> Taesd:
        tiny = self.loaded(weights).model.latent.tiny
        if tiny not in self._taesd:
            self._taesd[tiny] = Taesd(self.library.approximations, tiny, self.placement.device)
        return self._taesd[tiny]

    def _vae_file(self, sha256: str, latent: LatentFormat) -> Vae:
        if sha256 not in self._vaes:
            with ordinary_tensors():
                module = load_vae_file(self.library.vaes.find(sha256).path)
            self._drop_oldest(self._vaes)
            self._vaes[sha256] = Vae(module.to(self.placement.device, self.placement.vae), latent)
        self._vaes.move_to_end(sha256)
        return self._vaes[sha256]

    def _load(self, checkpoint: ModelFile, fp8: Fp8 | None) -> Ready:
        """Load a checkpoint: read the file first, since a broken one must not displace others; make room; move it."""
        self.told(checkpoint.title, "")
        try:
            with ordinary_tensors():
                model = load_checkpoint(checkpoint, self.families)
                self._drop_oldest(self._ready)
                place = self.placement
                model.to(place.device, unet=place.unet, vae=place.vae, text=place.text)
            return Ready(model, self.tokenizer, self.files, fp8)
        finally:
            self.told("", checkpoint.title)

    def _drop_oldest(self, loaded: OrderedDict[Any, Any]) -> None:
        """Make room for one more; the memory is free before the new one takes its own."""
        if len(loaded) >= self.kept:
            while len(loaded) >= self.kept:
                loaded.popitem(last=False)
            release_memory()

    def preview(self, weights: Weights, kind: str = "") -> Look:
        """Return a preview function: TAESD if wanted and present, else a map fitted to the VAE on first use."""
        if kind == "TAESD" and (taesd := self.taesd(weights)).available:
            return taesd.look
        vae = (
            self.vae(weights)
            if isinstance(self.loaded(weights).model.own_vae, ModelError)
            else self.loaded(weights).vae
        )
        if vae not in self._previews:
            self._previews[vae] = LatentPreview(vae)
        return self._previews[vae].look


def tile(module: nn.Module, tiling: bool) -> None:
    """Make convolutions wrap around the picture's edges, for seamless pictures; or not."""
    mode: Literal["circular", "zeros"] = "circular" if tiling else "zeros"
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            if part.padding_mode == mode:      # all others have it too
                return
            part.padding_mode = mode


@contextmanager
def ordinary_tensors() -> Iterator[None]:
    """Have tensors made that training can use too: those made in inference mode take no part in gradients."""
    with torch.inference_mode(False), torch.no_grad():
        yield


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise the device's own out-of-memory errors as ours."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if (
            isinstance(error, RuntimeError)
            and not isinstance(error, torch.OutOfMemoryError)
            and "allocate memory" not in str(error)
        ):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory(
            "The device ran out of memory.",
            "Ask for a smaller picture or fewer at once, or close what else uses the GPU.",
        ) from error
