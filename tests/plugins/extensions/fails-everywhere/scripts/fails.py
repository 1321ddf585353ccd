"""An extension that fails in every hook and every callback, once its controls are drawn."""

import gradio as gr

from modules import script_callbacks, scripts


class Broken(RuntimeError):
    pass


def fail(*args, **kwargs):
    raise Broken("on purpose")


class Fails(scripts.Script):
    def title(self):
        return "Fails everywhere"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Checkbox(label="Anything")]


HOOKS = (
    "setup", "before_process", "process", "before_process_batch", "after_extra_networks_activate", "process_batch",
    "process_before_every_sampling", "before_hr", "post_sample", "postprocess_batch", "postprocess_batch_list",
    "postprocess_image", "postprocess_maskoverlay", "postprocess_image_after_composite", "postprocess", "on_mask_blend",
    "before_component", "after_component",
)
for hook in HOOKS:
    setattr(Fails, hook, fail)
for name in dir(script_callbacks):
    if name.startswith("on_"):
        getattr(script_callbacks, name)(fail)
